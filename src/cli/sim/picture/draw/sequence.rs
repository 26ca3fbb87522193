//! The first panel: the sequence numbers of what was sent, lost, acknowledged and allowed.

use super::{PHASES, between};
use crate::cli::sim::picture::Span;
use crate::cli::sim::picture::axis::Quantity;
use crate::cli::sim::picture::marks::{Mark, Marks};
use crate::cli::sim::picture::panel::{Entry, Panel, Sample};
use crate::cli::sim::picture::story::{Cause, Story};
use crate::cli::sim::picture::svg::{Path, Svg};
use crate::cli::sim::report;

/// Strokes of one path.
const STROKES: usize = 1_000;
/// Signs of one kind that would hide each other, were they large.
const MANY: usize = 150;

/// The octets that were sent, repeated or acknowledged in this time.
pub(super) fn range(story: &Story, time: Span) -> (u64, u64) {
    let begin = story.acked.at(time.from).map(|una| (una, una));
    let seen = [story.first.range(), story.again.range(), story.sacked.range(), story.acked.range(), begin];
    let seen = || seen.into_iter().flatten();
    let low = seen().map(|(low, _)| Story::octet(low)).min().unwrap_or_default();
    let high = seen().map(|(_, high)| Story::octet(high)).max().unwrap_or_default();
    (low, high)
}

pub(super) fn draw(svg: &mut Svg, panel: &Panel, story: &Story) {
    panel.axes(svg, Quantity::SIZE, true);
    svg.open(r#"clip-path="url(#panel0)""#);
    panel.curve(svg, "edge-of-window", &story.edge, Story::octet);
    strokes(svg, panel, "sacked", &story.sacked);
    panel.curve(svg, "acked", &story.acked, Story::octet);
    strokes(svg, panel, "first", &story.first);
    told(svg, panel, "twice", &story.twice, signs(Sample::Diamond, &story.twice), |mark| {
        format!("D-SACK, arrived twice: {}", about(mark))
    });
    told(
        svg,
        panel,
        "again",
        &story.again,
        |panel, mark| stroke(panel, mark, 4.0),
        |mark| format!("sent again at {}", about(mark)),
    );
    for (marks, cause) in story.lost.iter().zip(Cause::ALL) {
        let tip = |mark: &Mark| format!("{} at {}", cause.words(), about(mark));
        told(svg, panel, "lost", marks, signs(sign_of(cause), marks), tip);
    }
    let line = |panel: &Panel, mark: &Mark| {
        let mut path = Path::default();
        path.move_to(panel.x(mark.from), panel.top).up_to(panel.bottom());
        path
    };
    for (marks, class, words) in events(story) {
        told(svg, panel, class, marks, line, |mark| format!("{words} at {}", between(mark.from, mark.to)));
    }
    svg.close();
}

/// What happened to the sender at a moment, drawn as a line from top to bottom.
fn events(story: &Story) -> [(&Marks, &'static str, &'static str); 3] {
    [
        (&story.timeouts, "timeout", "timeout"),
        (&story.probes, "probe", "tail probe"),
        (&story.undone, "undone", "undone: it was no loss"),
    ]
}

pub(super) fn legend(panel: &Panel, story: &Story) -> Vec<Entry> {
    let above = story.edge.range().is_none_or(|(low, _)| Story::octet(low) > panel.high);
    let window = if above { "window (above)" } else { "window" };
    let mut entries = vec![
        (Sample::Stroke, "first", "sent".to_string()),
        (Sample::Line, "acked", "acknowledged".into()),
        (Sample::Line, "edge-of-window", window.into()),
    ];
    let mut marks = |sample, class, words: &str, marks: &Marks| {
        if marks.count() > 0 {
            entries.push((sample, class, format!("{words} ({})", report::grouped(marks.count()))));
        }
    };
    marks(Sample::Stroke, "again", "sent again", &story.again);
    for (lost, cause) in story.lost.iter().zip(Cause::ALL) {
        marks(sign_of(cause), "lost", cause.words(), lost);
    }
    marks(Sample::Stroke, "sacked", "SACK", &story.sacked);
    marks(Sample::Diamond, "twice", "D-SACK", &story.twice);
    for (each, class, words) in events(story) {
        marks(Sample::Line, class, words, each);
    }
    for (phase, class, words) in PHASES {
        if story.phases.list(story.end).any(|(.., each)| each == phase) {
            entries.push((Sample::Area, class, words.into()));
        }
    }
    entries
}

const fn sign_of(cause: Cause) -> Sample {
    match cause {
        Cause::Queue => Sample::Plus,
        Cause::Refused => Sample::Square,
        _ => Sample::Cross,
    }
}

/// Strokes from the lower to the upper end of each range.
fn strokes(svg: &mut Svg, panel: &Panel, class: &str, marks: &Marks) {
    for some in marks.list().chunks(STROKES) {
        let mut path = Path::default();
        for mark in some {
            add_stroke(&mut path, panel, mark, 0.8);
        }
        svg.path(class, &path);
    }
}

fn stroke(panel: &Panel, mark: &Mark, least: f64) -> Path {
    let mut path = Path::default();
    add_stroke(&mut path, panel, mark, least);
    path
}

/// Adds a stroke that is at least so many pixels long.
fn add_stroke(path: &mut Path, panel: &Panel, mark: &Mark, least: f64) {
    let (low, high) = (panel.y(Story::octet(mark.low)), panel.y(Story::octet(mark.high)));
    let high = high.min(low - least);
    path.move_to(panel.x(mark.from), low);
    if mark.from == mark.to {
        path.up_to(high);
    } else {
        path.line_to(panel.x(mark.to), high);
    }
    if mark.count == 1 && low - high > 4.0 {
        path.then("m-2 0h4");
    }
}

fn told(
    svg: &mut Svg,
    panel: &Panel,
    class: &str,
    marks: &Marks,
    draw: impl Fn(&Panel, &Mark) -> Path,
    tip: impl Fn(&Mark) -> String,
) {
    if marks.list().is_empty() {
        return;
    }
    svg.open(&format!(r#"class="{class}""#));
    for mark in marks.list() {
        svg.told(&draw(panel, mark), &tip(mark));
    }
    svg.close();
}

/// Draws a sign in the middle of a mark.
fn signs(sign: Sample, marks: &Marks) -> impl Fn(&Panel, &Mark) -> Path {
    let many = marks.list().len() > MANY;
    move |panel, mark| {
        let y = |position| panel.y(Story::octet(position));
        let x = f64::midpoint(panel.x(mark.from), panel.x(mark.to));
        sign.sign(x, f64::midpoint(y(mark.low), y(mark.high)), many)
    }
}

/// When, and which octets.
fn about(mark: &Mark) -> String {
    let (low, high) = (Story::octet(mark.low), Story::octet(mark.high));
    let many = if mark.count > 1 { format!(" ({} segments)", mark.count) } else { String::new() };
    format!("{}, octets {low} to {high}{many}", between(mark.from, mark.to))
}
