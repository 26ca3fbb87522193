//! A row for each flow, and a total.

use super::text::{Look, Paint, plural, short_count, short_span, wrap};
use super::{FlowReport, Summary};
use crate::replay::observer::{Close, Open};
use crate::tcp::state::State;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::Write;

const FLOW: usize = 5;
const PACKETS: usize = 12;
const BYTES: usize = 13;
const DURATION: usize = 10;

/// Columns that are left for the two ends.
fn ends_width(look: Look) -> usize {
    look.width.saturating_sub(FLOW + 2 + PACKETS + BYTES + DURATION).max(24)
}

/// The line above the rows.
#[must_use]
pub fn heading(look: Look) -> String {
    let ends = ends_width(look);
    let line = format!(
        "{:>FLOW$}  {:<ends$}{:>PACKETS$}{:>BYTES$}{:>DURATION$}",
        "flow", "a → b", "packets", "bytes", "duration"
    );
    format!("{}\n", look.paint(Paint::Heading, line))
}

/// A flow: a line of figures (`a` before the stroke, `b` behind it), then in words how it went.
#[must_use]
pub fn row(report: &FlowReport, look: Look) -> String {
    // A number with more digits than its column takes them from the ends.
    let digits = report.flow.to_string().len();
    let ends = ends_width(look).saturating_sub(digits.saturating_sub(FLOW));
    let (a, b) = (report.a.to_string(), report.b.to_string());
    let both = format!("{a} → {b}");
    let fits = both.chars().count() <= ends;
    let mut out = String::new();
    let pair = |pair: [u64; 2]| format!("{}/{}", short_count(pair[0]), short_count(pair[1]));
    let _ = writeln!(
        out,
        "{:>FLOW$}  {:<ends$}{:>PACKETS$}{:>BYTES$}{:>DURATION$}",
        report.flow,
        if fits { &both } else { &a },
        pair(report.frames),
        pair(report.payload_bytes),
        short_span(report.duration),
    );
    let indent = FLOW + 2;
    if !fits {
        let _ = writeln!(out, "{:indent$}→ {b}", "");
    }
    let [state_a, state_b] = report.state.map(|state| state.map_or("unknown", State::name));
    let mut close = closed(report.close).to_string();
    if let (Close::Reset, Some(end)) = (report.close, report.reset_by) {
        let _ = write!(close, " by {}", end.name());
    }
    let went =
        [format!("{};", opened(report.open)), format!("{close};"), format!("a {state_a}, b {state_b}")];
    let mut words = String::new();
    wrap(&mut words, look.width, indent, went.iter().map(String::as_str));
    let alarming = report.open == Open::Refused || report.close == Close::Reset;
    out.push_str(&match alarming {
        true => look.paint(Paint::Alarm, words.trim_end_matches('\n')) + "\n",
        false => words,
    });
    let last = report.anomalies.len().saturating_sub(1);
    let odd: Vec<String> = (report.anomalies.iter().enumerate())
        .map(|(at, (kind, frames))| format!("{} × {kind}{}", frames.len(), if at < last { "," } else { "" }))
        .collect();
    if !odd.is_empty() {
        let mut words = String::new();
        wrap(&mut words, look.width, indent, odd.iter().map(String::as_str));
        out.push_str(&look.paint(Paint::Odd, words.trim_end_matches('\n')));
        out.push('\n');
    }
    out
}

const fn opened(open: Open) -> &'static str {
    match open {
        Open::ThreeWay => "three-way open",
        Open::Simultaneous => "simultaneous open",
        Open::Split => "split open",
        Open::FastOpen => "fast open",
        Open::Refused => "refused",
        Open::HalfOpen => "half-open",
        Open::Midstream => "opening not captured",
    }
}

const fn closed(close: Close) -> &'static str {
    match close {
        Close::FourWay => "four-way close",
        Close::ThreeWay => "three-way close",
        Close::Simultaneous => "simultaneous close",
        Close::Reset => "reset",
        Close::HalfClosed => "half-closed",
        Close::None => "not closed",
    }
}

/// The line below the rows.
#[must_use]
pub fn total(summary: &Summary, look: Look) -> String {
    let mut line = format!("{}, {}", plural(summary.flows, "flow"), plural(summary.frames, "frame"));
    if !summary.skipped.is_empty() {
        let skipped: Vec<String> =
            summary.skipped.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
        let _ = write!(line, "; in no flow: {}", skipped.join(", "));
    }
    let mut out = String::new();
    wrap(&mut out, look.width, 0, line.split(' '));
    look.paint(Paint::Heading, out.trim_end_matches('\n')) + "\n"
}
