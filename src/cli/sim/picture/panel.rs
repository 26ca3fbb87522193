//! One of the graphs that lie below each other and share the time axis.

use super::Span;
use super::axis::Quantity;
use super::curve::Curve;
use super::svg::{Path, Svg};

/// Where the panels begin and end from left to right, in pixels.
pub(super) const LEFT: f64 = 78.0;
pub(super) const RIGHT: f64 = 1_256.0;

/// A rectangle of the picture, and what its edges stand for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Panel {
    pub(super) top: f64,
    pub(super) height: f64,
    pub(super) time: Span,
    pub(super) low: u64,
    pub(super) high: u64,
    /// Pixels below the least value, and above the highest.
    pub(super) room: f64,
}

impl Panel {
    pub(super) fn x(&self, at: u64) -> f64 {
        let whole = self.time.to.saturating_sub(self.time.from).max(1) as f64;
        LEFT + (at as f64 - self.time.from as f64) / whole * (RIGHT - LEFT)
    }

    /// What is far outside is just outside: the edge cuts it off.
    pub(super) fn y(&self, value: u64) -> f64 {
        let whole = self.high.saturating_sub(self.low).max(1) as f64;
        let part = (value as f64 - self.low as f64) / whole;
        self.bottom() - self.room - part.clamp(-0.5, 1.5) * (self.height - 2.0 * self.room)
    }

    pub(super) fn bottom(&self) -> f64 {
        self.top + self.height
    }

    /// The grid and the numbers beside it; where wanted, the times below.
    pub(super) fn axes(&self, svg: &mut Svg, quantity: Quantity, times: bool) {
        let mut across = Path::default();
        let ticks = quantity.ticks(self.low, self.high, (self.height / 32.0) as u64);
        for (value, label) in &ticks {
            across.move_to(LEFT, self.y(*value)).across_to(RIGHT);
            svg.text("number right", LEFT - 7.0, self.y(*value) + 4.0, label);
        }
        svg.path("grid", &across);
        self.frame(svg, times);
    }

    /// The edge and the grid of times; where wanted, the times below.
    pub(super) fn frame(&self, svg: &mut Svg, times: bool) {
        let mut down = Path::default();
        for (at, label) in Quantity::TIME.ticks(self.time.from, self.time.to, 12) {
            down.move_to(self.x(at), self.top).up_to(self.bottom());
            if times {
                svg.text("number middle", self.x(at), self.bottom() + 16.0, &label);
            }
        }
        svg.path("grid", &down);
        svg.rect("edge", LEFT, self.top, RIGHT - LEFT, self.height);
    }

    /// The curve, as a line that goes across while it holds. `value` makes of it what the panel shows.
    pub(super) fn curve(&self, svg: &mut Svg, class: &str, curve: &Curve, value: impl Fn(u64) -> u64) {
        let mut path = Path::default();
        let mut drawing = false;
        for point in curve.points() {
            let x = self.x(point.at);
            if drawing {
                path.across_to(x);
            }
            if let (Some(first), Some((low, high))) = (point.first.or(point.last), point.range) {
                let first = self.y(value(first));
                if drawing {
                    path.up_to(first);
                } else {
                    path.move_to(x, first);
                }
                drawing = true;
                if low < high {
                    path.up_to(self.y(value(low))).up_to(self.y(value(high)));
                }
            }
            match point.last {
                Some(last) if point.first != point.last => drop(path.up_to(self.y(value(last)))),
                Some(last) if point.range.is_some_and(|(low, high)| low < high) => {
                    path.up_to(self.y(value(last)));
                }
                Some(_) => {}
                None => drawing = false,
            }
        }
        if drawing {
            path.across_to(self.x(self.time.to));
        }
        svg.path(class, &path);
    }

    /// Lines across at values that do not change, from low to high, each with a name.
    pub(super) fn levels(&self, svg: &mut Svg, levels: &[(u64, &str)]) {
        let shown = |value: &u64| *value > self.low && *value <= self.high;
        let mut above = self.top;
        for (value, name) in levels.iter().filter(|(value, _)| shown(value)).rev() {
            let y = self.y(*value);
            let mut path = Path::default();
            path.move_to(LEFT, y).across_to(RIGHT);
            svg.path("level", &path);
            // The name stands on its line, or hangs from it where it would meet another one.
            let place = if y - above < NAME { y + NAME } else { y - 4.0 };
            svg.text("level-name right", RIGHT - 5.0, place, name);
            above = y.max(place);
        }
    }
}

/// Height of the name of a line, and some room.
const NAME: f64 = 13.0;

/// What a sample in a legend looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sample {
    /// A line, as the class draws it.
    Line,
    /// An upright stroke.
    Stroke,
    Cross,
    Plus,
    Diamond,
    Square,
    /// A piece of background.
    Area,
}

impl Sample {
    /// The sign with its middle at a place; a smaller one where there are many.
    pub(super) fn sign(self, x: f64, y: f64, many: bool) -> Path {
        let mut path = Path::default();
        match (self, many) {
            (Self::Line | Self::Area, _) => path.move_to(x - 9.0, y).then("h18"),
            (Self::Stroke, _) => path.move_to(x, y - 5.0).then("v10"),
            (Self::Cross, false) => path.move_to(x - 3.5, y - 3.5).then("l7 7m0-7l-7 7"),
            (Self::Cross, true) => path.move_to(x - 2.0, y - 2.0).then("l4 4m0-4l-4 4"),
            (Self::Plus, false) => path.move_to(x - 4.5, y).then("h9m-4.5-4.5v9"),
            (Self::Plus, true) => path.move_to(x - 2.5, y).then("h5m-2.5-2.5v5"),
            (Self::Square, false) => path.move_to(x - 3.0, y - 3.0).then("h6v6h-6z"),
            (Self::Square, true) => path.move_to(x - 1.5, y - 1.5).then("h3v3h-3z"),
            (Self::Diamond, false) => path.move_to(x, y - 3.0).then("l3 3l-3 3l-3-3z"),
            (Self::Diamond, true) => path.move_to(x, y - 1.5).then("l1.5 1.5l-1.5 1.5l-1.5-1.5z"),
        };
        path
    }
}

/// A sign, how it is drawn, and what it stands for.
pub(super) type Entry = (Sample, &'static str, String);

/// Height of a line of a legend.
pub(super) const ROW: f64 = 18.0;

/// Entries in lines of a legend that fit the picture. No font is known here: letters are taken to be wide.
pub(super) fn rows(name: &str, entries: Vec<Entry>) -> Vec<Vec<(f64, Entry)>> {
    let begin = LEFT + 16.0 + 7.4 * name.chars().count() as f64;
    let mut rows = vec![Vec::new()];
    let mut x = begin;
    for entry in entries {
        let width = 40.0 + 6.6 * entry.2.chars().count() as f64;
        if x + width > RIGHT {
            rows.push(Vec::new());
            x = begin;
        }
        if let Some(row) = rows.last_mut() {
            row.push((x, entry));
        }
        x += width;
    }
    rows
}

/// Samples and what they stand for, above a panel.
pub(super) fn legend(svg: &mut Svg, panel: &Panel, name: &str, rows: &[Vec<(f64, Entry)>]) {
    let mut y = panel.top - 9.0 - ROW * rows.len().saturating_sub(1) as f64;
    svg.text("name", LEFT, y, name);
    for row in rows {
        for (x, (sample, class, words)) in row {
            match sample {
                Sample::Area => svg.rect(class, *x, y - 10.0, 18.0, 12.0),
                _ => svg.path(class, &sample.sign(x + 9.0, y - 4.0, false)),
            }
            svg.text("words", x + 23.0, y, words);
        }
        y += ROW;
    }
}
