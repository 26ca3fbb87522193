//! One flow told packet by packet, with both ends' states after each.
//!
//! The states come from the finished [`FlowReport`], so the frames are read a second time: what a late frame
//! refutes is right from the beginning.

use super::FlowReport;
use super::text::{Look, Paint, plural, short_span, wrap};
use crate::SeqNumber;
use crate::capture::Frame;
use crate::replay::ReplayConfig;
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
                      first number; len is the payload's.";
        wrap(&mut out, self.look.width, 0, legend.split(' '));
        let width = self.frame_width;
        let columns =
            format!("\n{:>width$} {:>11}  {:<STATE$}     {:<STATE$}  segment", "frame", "time", "a", "b");
        let _ = writeln!(out, "{}", self.look.paint(Paint::Heading, columns));
        let [a, b] = self.states.map(name);
        let _ = writeln!(out, "{:>width$} {:>11}  {a:<STATE$}     {b:<STATE$}", "", "");
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
        if self.move_to(frame.number) {
            self.line(out, frame, None, before, "(2·MSL have passed)".to_string());
        }
    }

    /// Whether a transition was made up to and at `frame`.
    fn move_to(&mut self, frame: u64) -> bool {
        let before = self.told;
        while let Some(observed) = self.report.transitions.get(self.told).filter(|seen| seen.frame <= frame) {
            match observed.end {
                End::A => self.states[0] = observed.state,
                End::B => self.states[1] = observed.state,
            }
            self.told += 1;
        }
        self.told > before
    }

    fn tell(&mut self, frame: &Frame<'_>, sent: &Sent<'_>, out: &mut String) {
        let report = &self.report;
        let end = match (sent.from, sent.to) {
            _ if !(report.first_frame..=report.last_frame).contains(&frame.number) => return,
            pair if pair == (report.a, report.b) => End::A,
            pair if pair == (report.b, report.a) => End::B,
            _ => return,
        };
        // A timer that ran out before this frame changed a state before it.
        if frame.number > 1 && self.move_to(frame.number - 1) {
            let before = self.states;
            self.line(out, frame, None, before, "(2·MSL have passed)".to_string());
        }
        let before = self.states;
        self.move_to(frame.number);
        let text = self.segment(end, &sent.segment);
        let mut remarks: Vec<String> =
            self.report.anomalies_of(frame.number).iter().map(|kind| kind.label().to_string()).collect();
        if sent.segment.checksum_status(sent.from.ip(), sent.to.ip()) == ChecksumStatus::Offloaded {
            remarks.push("the checksum is left to the network card".to_string());
        }
        self.line(out, frame, Some(end), before, text);
        if !remarks.is_empty() {
            let indent = self.text_column();
            let mut words = String::new();
            wrap(
                &mut words,
                self.look.width.max(indent + 30),
                indent,
                format!("! {}", remarks.join(", ")).split(' '),
            );
            let _ = writeln!(out, "{}", self.look.paint(Paint::Odd, words.trim_end_matches('\n')));
        }
    }

    const fn text_column(&self) -> usize {
        self.frame_width + 1 + 11 + 2 + STATE + 5 + STATE + 2
    }

    fn line(
        &self,
        out: &mut String,
        frame: &Frame<'_>,
        from: Option<End>,
        before: [Option<State>; 2],
        text: String,
    ) {
        let arrow = match from {
            Some(End::A) => "──▶",
            Some(End::B) => "◀──",
            None => "   ",
        };
        let [a, b] = [0, 1].map(|end: usize| {
            let (now, was) = (self.states.get(end).copied().flatten(), before.get(end).copied().flatten());
            let label = format!("{}{}", name(now), if now == was { "" } else { "*" });
            let padded = format!("{label:<STATE$}");
            if now == was { padded } else { self.look.paint(Paint::Changed, padded) }
        });
        let since = frame.time.since(self.report.start);
        let width = self.frame_width;
        let _ = write!(
            out,
            "{:>width$} {:>4}.{:06}  {a} {arrow} {b}  ",
            frame.number,
            since.as_secs(),
            since.subsec_micros(),
        );
        let indent = self.text_column();
        let mut lines = String::new();
        // On a narrow terminal the segment still gets some room and runs over.
        wrap(&mut lines, self.look.width.max(indent + 30), indent, text.split(' '));
        out.push_str(lines.trim_start());
        if lines.is_empty() {
            out.push('\n');
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
        let _ = write!(text, " win {}", segment.window);
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
