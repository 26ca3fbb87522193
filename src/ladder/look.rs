//! Small things that the reports for people share: short numbers, colours, wrapping.

use alloc::format;
use alloc::string::{String, ToString};
use core::fmt::{self, Write};
use core::time::Duration;

/// Whether to colour the output (with ANSI escape sequences), and how wide it may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// Columns.
    pub width: usize,
    /// Colours and bold type.
    pub colour: bool,
}

impl Default for Look {
    fn default() -> Self {
        Self { width: 100, colour: false }
    }
}

/// What a piece of text is, which decides how it looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paint {
    /// A heading.
    Heading,
    /// Something that has just changed.
    Changed,
    /// Something that went wrong.
    Alarm,
    /// Something odd.
    Odd,
    /// Something less important.
    Faint,
}

impl Look {
    /// `text` in the colour of what it is.
    #[must_use]
    pub fn paint(self, paint: Paint, text: impl fmt::Display) -> String {
        let code = match paint {
            _ if !self.colour => return text.to_string(),
            Paint::Heading => "1",
            Paint::Changed => "1;32",
            Paint::Alarm => "31",
            Paint::Odd => "33",
            Paint::Faint => "2",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

/// A count in at most five columns: `999`, `1.2k`, `34.5M`.
#[must_use]
pub fn short_count(count: u64) -> String {
    let units = [(1_000_000_000_000, 'T'), (1_000_000_000, 'G'), (1_000_000, 'M'), (1_000, 'k')];
    for (unit, letter) in units {
        if count >= unit {
            // Tenths are enough, and rounding down never shows a number that was not reached.
            let tenths = count / (unit / 10);
            return if tenths >= 1_000 {
                format!("{}{letter}", tenths / 10)
            } else {
                format!("{}.{}{letter}", tenths / 10, tenths % 10)
            };
        }
    }
    count.to_string()
}

/// A time span with three or four digits: `812 µs`, `31.2 ms`, `12.3 s`.
#[must_use]
pub fn short_span(span: Duration) -> String {
    let nanos = span.as_nanos();
    match nanos {
        0 => "0 s".to_string(),
        1..1_000 => format!("{nanos} ns"),
        1_000..1_000_000 => format!("{} µs", nanos / 1_000),
        1_000_000..1_000_000_000 => format!("{}.{} ms", nanos / 1_000_000, nanos / 100_000 % 10),
        1_000_000_000..1_000_000_000_000 => {
            format!("{}.{} s", nanos / 1_000_000_000, nanos / 100_000_000 % 10)
        }
        _ => format!("{} s", span.as_secs()),
    }
}

/// `1 flow`, `2 flows`.
#[must_use]
pub fn plural(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// Puts words into lines of at most `width` columns, each begun by `indent` spaces. A word that is longer than
/// a line stands alone.
pub(crate) fn wrap<'w>(
    out: &mut String,
    width: usize,
    indent: usize,
    words: impl IntoIterator<Item = &'w str>,
) {
    let mut column = 0;
    for word in words {
        let len = word.chars().count();
        if column > 0 && column + 1 + len > width {
            out.push('\n');
            column = 0;
        }
        if column == 0 {
            let _ = write!(out, "{:indent$}{word}", "");
            column = indent + len;
        } else {
            let _ = write!(out, " {word}");
            column += 1 + len;
        }
    }
    if column > 0 {
        out.push('\n');
    }
}

#[cfg(test)]
mod tests;
