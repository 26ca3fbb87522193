//! One flow told packet by packet, with both ends' states after each.
//!
//! The states come from the finished [`FlowReport`], so the frames are read a second time: what a late frame
//! refutes is right from the beginning.

use super::FlowReport;
use super::text::{Look, Paint, plural, short_span, wrap};
use crate::capture::Frame;
use crate::ladder::words::Numbers;
use crate::replay::ReplayConfig;
use crate::replay::anomaly::Anomaly;
use crate::replay::dissect::{Dissected, Dissector, Sent};
use crate::replay::worlds::End;
use crate::tcp::state::State;
use crate::time::Instant;
use crate::wire::{ChecksumStatus, FragmentLimits};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::Write;

/// Columns of a state's name and the mark of a change.
const STATE: usize = 13;
/// The segment is told beside the states only if it gets so many columns there.
const LEAST_TEXT: usize = 26;
/// Where it begins otherwise, on lines of its own.
const BELOW: usize = 8;

/// Tells the story of one flow.
#[derive(Debug)]
pub struct Story {
    report: FlowReport,
    look: Look,
    dissector: Dissector,
    now: Instant,
    /// The transitions that are still to be told.
    told: usize,
    states: [Option<State>; 2],
    numbers: Numbers,
    frame_width: usize,
}

impl Story {
    /// The story of the flow that `report` is about.
    #[must_use]
    pub fn new(report: FlowReport, config: &ReplayConfig, look: Look) -> Self {
        Self {
            look,
            dissector: Dissector::new(FragmentLimits {
                memory: config.fragment_memory,
                ..Default::default()
            }),
            now: Instant::ZERO,
            told: 0,
            states: report.initial_states(),
            numbers: Numbers::from_first(report.isn),
            frame_width: report.last_frame.to_string().len().max(5),
            report,
        }
    }

    /// What stands above the packets.
    #[must_use]
    pub fn heading(&self) -> String {
        let report = &self.report;
        let mut out = String::new();
        let title = format!("flow {}: a {} → b {}", report.flow, report.a, report.b);
        let _ = writeln!(out, "{}", self.look.paint(Paint::Heading, title));
        let _ = writeln!(
            out,
            "open: {}; close: {}; {} in {}",
            report.open.name(),
            report.close.name(),
            plural(report.frames.iter().sum(), "packet"),
            short_span(report.duration),
        );
        let legend = "Both states are those after the packet; * marks a change. seq and ack count from each end's \
                      first number; win is the window in octets, scaled where that was agreed; len is the \
                      payload's length.";
        wrap(&mut out, self.look.width, 0, legend.split(' '));
        let width = self.frame_width;
        let columns =
            format!("{:>width$} {:>11}  {:<STATE$}     {:<STATE$}  segment", "frame", "time", "a", "b");
        let _ = writeln!(out, "\n{}", self.look.paint(Paint::Heading, columns));
        let [a, b] = self.states.map(name);
        let _ = writeln!(out, "{:>width$} {:>11}  {a:<STATE$}     {b}", "", "");
        out
    }

    /// What there is to say about `frame`: nothing, if it is not the flow's.
    #[must_use]
    pub fn frame(&mut self, frame: &Frame<'_>) -> String {
        self.now = self.now.max(frame.time);
        let mut out = String::new();
        match self.dissector.dissect(frame, self.now) {
            Dissected::Tcp(sent) => self.tell(frame, &sent, &mut out),
            Dissected::Whole(whole) => {
                if let Ok(sent) = whole.segment() {
                    self.tell(frame, &sent, &mut out);
                }
            }
            Dissected::Skip(_) => {}
        }
        if out.is_empty() {
            self.tell_of_others(frame, &mut out);
        }
        out
    }

    /// A state may change between packets of the flow: when time passes.
    fn tell_of_others(&mut self, frame: &Frame<'_>, out: &mut String) {
        let before = self.states;
        if !self.move_to(frame.number).is_empty() {
            self.line(out, frame, None, before, "(2·MSL have passed)");
        }
    }

    /// Makes the transitions up to and at `frame`; answers the paths of ends that made more than one.
    fn move_to(&mut self, frame: u64) -> Vec<(End, Vec<Option<State>>)> {
        let mut paths = [(End::A, Vec::new()), (End::B, Vec::new())];
        while let Some(observed) = self.report.transitions.get(self.told).filter(|seen| seen.frame <= frame) {
            for ((end, path), state) in paths.iter_mut().zip(&mut self.states) {
                if *end == observed.end {
                    if path.is_empty() {
                        path.push(*state);
                    }
                    path.push(observed.state);
                    *state = observed.state;
                }
            }
            self.told += 1;
        }
        paths.into_iter().filter(|(_, path)| !path.is_empty()).collect()
    }

    fn tell(&mut self, frame: &Frame<'_>, sent: &Sent<'_>, out: &mut String) {
        let report = &self.report;
        let end = match (sent.from, sent.to) {
            _ if !(report.first_frame..=report.last_frame).contains(&frame.number) => return,
            pair if pair == (report.a, report.b) => End::A,
            pair if pair == (report.b, report.a) => End::B,
            _ => return,
        };
        let before = self.states;
        let paths = self.move_to(frame.number);
        let text = self.numbers.segment(end, &sent.segment);
        self.line(out, frame, Some(end), before, &text);
        for (end, path) in paths.iter().filter(|(_, path)| path.len() > 2) {
            let path: Vec<&str> = path.iter().map(|state| name(*state)).collect();
            self.remark(out, Paint::Changed, &format!("* {}: {}", end.name(), path.join(" → ")));
        }
        let offloaded =
            sent.segment.checksum_status(sent.from.ip(), sent.to.ip()) == ChecksumStatus::Offloaded;
        let odd: Vec<&str> = (self.report.anomalies_of(frame.number).iter())
            .map(|kind| match kind {
                Anomaly::BadChecksum if offloaded => "checksum left to the network card",
                _ => kind.label(),
            })
            .collect();
        if !odd.is_empty() {
            self.remark(out, Paint::Odd, &format!("! {}", odd.join(", ")));
        }
    }

    /// Where the segment stands in a line, and up to where it may go. A terminal too narrow for that gets the
    /// segment on lines of its own.
    fn text_columns(&self) -> (usize, usize) {
        let beside = self.frame_width + 1 + 11 + 2 + STATE + 5 + STATE + 2;
        if self.look.width < beside + LEAST_TEXT {
            (BELOW, self.look.width)
        } else {
            (beside, self.look.width)
        }
    }

    fn remark(&self, out: &mut String, paint: Paint, text: &str) {
        let (indent, width) = self.text_columns();
        let mut words = String::new();
        wrap(&mut words, width, indent, text.split(' '));
        let _ = writeln!(out, "{}", self.look.paint(paint, words.trim_end_matches('\n')));
    }

    fn line(
        &self,
        out: &mut String,
        frame: &Frame<'_>,
        from: Option<End>,
        before: [Option<State>; 2],
        text: &str,
    ) {
        let arrow = match from {
            Some(End::A) => "──▶",
            Some(End::B) => "◀──",
            None => "   ",
        };
        let [[now_a, now_b], [was_a, was_b]] = [self.states, before];
        let [a, b] = [(now_a, was_a), (now_b, was_b)].map(|(now, was)| {
            let padded = format!("{:<STATE$}", format!("{}{}", name(now), if now == was { "" } else { "*" }));
            if now == was { padded } else { self.look.paint(Paint::Changed, padded) }
        });
        let since = frame.time.since(self.report.start);
        let width = self.frame_width;
        let _ = write!(
            out,
            "{:>width$} {:>4}.{:06}  {a} {arrow} {b}",
            frame.number,
            since.as_secs(),
            since.subsec_micros(),
        );
        let (indent, width) = self.text_columns();
        let mut lines = String::new();
        wrap(&mut lines, width, indent, text.split(' '));
        if indent == BELOW {
            let _ = write!(out, "\n{lines}");
        } else {
            let _ = write!(out, "  {}", lines.trim_start());
        }
    }
}

fn name(state: Option<State>) -> &'static str {
    state.map_or("unknown", State::name)
}
