//! SVG, written by hand: groups, paths, rectangles and text.

use std::fmt::Write as _;

/// A drawing that grows.
#[derive(Debug, Default)]
pub(super) struct Svg {
    out: String,
}

impl Svg {
    pub(super) fn new(width: f64, height: f64, title: &str, about: &str, style: &str) -> Self {
        let (width, height) = (Number(width), Number(height));
        let mut svg = Self::default();
        let _ = writeln!(
            svg.out,
            r#"<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img" aria-labelledby="title about">"#
        );
        let _ = writeln!(svg.out, r#"<title id="title">{}</title>"#, Escaped(title));
        let _ = writeln!(svg.out, r#"<desc id="about">{}</desc>"#, Escaped(about));
        let _ = writeln!(svg.out, "<style>{}</style>", Escaped(style));
        svg
    }

    /// What is drawn between this and [`close`](Self::close) belongs together. `attributes` are written as they are.
    pub(super) fn open(&mut self, attributes: &str) {
        let _ = writeln!(self.out, "<g {attributes}>");
    }

    pub(super) fn close(&mut self) {
        self.out.push_str("</g>\n");
    }

    /// Something to refer to, written as it is.
    pub(super) fn define(&mut self, what: &str) {
        let _ = writeln!(self.out, "<defs>{what}</defs>");
    }

    pub(super) fn path(&mut self, class: &str, path: &Path) {
        if !path.0.is_empty() {
            let _ = writeln!(self.out, r#"<path class="{class}" d="{}"/>"#, path.0);
        }
    }

    /// A path of a group that says what it is when one points at it.
    pub(super) fn told(&mut self, path: &Path, tip: &str) {
        let _ = writeln!(self.out, r#"<path d="{}"><title>{}</title></path>"#, path.0, Escaped(tip));
    }

    pub(super) fn rect(&mut self, class: &str, x: f64, y: f64, width: f64, height: f64) {
        let place = [("x", x), ("y", y), ("width", width), ("height", height)];
        let _ = write!(self.out, r#"<rect class="{class}""#);
        for (name, value) in place {
            let _ = write!(self.out, r#" {name}="{}""#, Number(value));
        }
        self.out.push_str("/>\n");
    }

    pub(super) fn text(&mut self, class: &str, x: f64, y: f64, text: &str) {
        let (x, y) = (Number(x), Number(y));
        let _ = writeln!(self.out, r#"<text class="{class}" x="{x}" y="{y}">{}</text>"#, Escaped(text));
    }

    pub(super) fn finish(mut self) -> String {
        self.out.push_str("</svg>\n");
        self.out
    }
}

/// What the attribute `d` of a path says. Capital letters of SVG are places, small ones are steps from where the
/// pen is.
#[derive(Clone, Debug, Default)]
pub(super) struct Path(String);

impl Path {
    pub(super) fn move_to(&mut self, x: f64, y: f64) -> &mut Self {
        let _ = write!(self.0, "M{} {}", Number(x), Number(y));
        self
    }

    pub(super) fn line_to(&mut self, x: f64, y: f64) -> &mut Self {
        let _ = write!(self.0, "L{} {}", Number(x), Number(y));
        self
    }

    pub(super) fn across_to(&mut self, x: f64) -> &mut Self {
        let _ = write!(self.0, "H{}", Number(x));
        self
    }

    pub(super) fn up_to(&mut self, y: f64) -> &mut Self {
        let _ = write!(self.0, "V{}", Number(y));
        self
    }

    /// Steps, as SVG writes them.
    pub(super) fn then(&mut self, steps: &str) -> &mut Self {
        self.0.push_str(steps);
        self
    }
}

/// A length, to a hundredth of a pixel: enough to look a hundred times closer.
struct Number(f64);

impl std::fmt::Display for Number {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let hundredths = (self.0 * 100.0).round() as i64;
        let (whole, part) = (hundredths.abs() / 100, hundredths.abs() % 100);
        let sign = if hundredths < 0 { "-" } else { "" };
        match part {
            0 => write!(f, "{sign}{whole}"),
            _ if part % 10 == 0 => write!(f, "{sign}{whole}.{}", part / 10),
            _ => write!(f, "{sign}{whole}.{part:02}"),
        }
    }
}

/// Text between tags or quotes.
struct Escaped<'t>(&'t str);

impl std::fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for letter in self.0.chars() {
            match letter {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                // XML has no way to write these.
                control if control.is_control() && control != '\n' => f.write_str("?")?,
                other => f.write_char(other)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
