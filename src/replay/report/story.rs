//! One flow told packet by packet, with both ends' states after each.
//!
//! The states come from the finished [`FlowReport`], so the frames are read a second time: what a late frame
//! refutes is right from the beginning.

use super::FlowReport;
use super::text::{Look, Paint, plural, short_span, wrap};
use crate::SeqNumber;
use crate::capture::Frame;
use crate::replay::ReplayConfig;
use crate::replay::anomaly::Anomaly;
use crate::replay::dissect::{Dissected, Dissector, Sent};
use crate::replay::worlds::End;
use crate::tcp::state::State;
use crate::time::Instant;
use crate::wire::options::{TcpOption, TcpOptions};
use crate::wire::tcp::{TcpFlags, TcpSegment};
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
    /// What relative sequence numbers count from.
    base: [Option<SeqNumber>; 2],
    /// The window scale that each end's SYN offered; it holds if both did (RFC 7323 §2.2).
    scale: [Option<u8>; 2],
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
            base: report.isn,
            scale: [None, None],
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
        let text = self.segment(end, &sent.segment);
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

    /// The segment in short: `PSH,ACK seq 1 ack 1 win 502 len 148 <nop nop TS>`.
    fn segment(&mut self, from: End, segment: &TcpSegment<'_>) -> String {
        let (own, peer) = match from {
            End::A => (0, 1),
            End::B => (1, 0),
        };
        let syn = segment.flags.contains(TcpFlags::SYN);
        let reset = segment.flags.contains(TcpFlags::RST);
        let first = if syn { segment.seq } else { segment.seq - 1 };
        let mut relative = |end: usize, number: SeqNumber, first: SeqNumber| match self.base.get_mut(end) {
            // A reset without a connection has a number from nowhere: nothing counts from it.
            Some(base) if reset => number - base.unwrap_or(SeqNumber::new(0)),
            Some(base) => number - *base.get_or_insert(first),
            None => number.get(),
        };
        let mut text = format!("{} seq {}", segment.flags, relative(own, segment.seq, first));
        if segment.flags.contains(TcpFlags::ACK) {
            let _ = write!(text, " ack {}", relative(peer, segment.ack, segment.ack - 1));
        }
        if syn {
            *self.scale.get_mut(own).unwrap_or(&mut None) = segment.options.window_scale();
        }
        let agreed = self.scale.iter().all(Option::is_some) && !syn;
        let shift = self.scale.get(own).copied().flatten().filter(|_| agreed).unwrap_or(0);
        let _ = write!(text, " win {}", u64::from(segment.window) << shift.min(14));
        if segment.payload_len > 0 {
            let _ = write!(text, " len {}", segment.payload_len);
        }
        if segment.flags.contains(TcpFlags::URG) {
            let _ = write!(text, " urg {}", segment.urgent);
        }
        let options = self.options(peer, syn, &segment.options);
        if !options.is_empty() {
            let _ = write!(text, " <{options}>");
        }
        text
    }

    /// Options in short: what a reader follows in full, what only fills up not at all.
    fn options(&self, peer: usize, syn: bool, options: &TcpOptions<'_>) -> String {
        let mut shown: Vec<String> = Vec::new();
        for option in options.iter() {
            match option {
                Ok(TcpOption::Nop | TcpOption::EndOfList) => {}
                // Their values would fill every line and tell little.
                Ok(TcpOption::Timestamps { .. }) if !syn => shown.push("TS".to_string()),
                Ok(TcpOption::Sack(blocks)) => {
                    let base = self.base.get(peer).copied().flatten().unwrap_or_default();
                    let edges: Vec<String> = blocks
                        .iter()
                        .map(|(left, right)| format!("{}:{}", left - base, right - base))
                        .collect();
                    shown.push(format!("sack {}", edges.join(" ")));
                }
                Ok(option) => shown.push(option.to_string()),
                Err(error) => shown.push(format!("bad option: {error}")),
            }
        }
        shown.join(", ")
    }
}

fn name(state: Option<State>) -> &'static str {
    state.map_or("unknown", State::name)
}
