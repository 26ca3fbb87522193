//! What a simulation is said to have brought.

use super::SimArgs;
use serde::Serialize;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::time::Duration;
use tcpstate::State;
use tcpstate::replay::report::text::{self, Look, Paint};
use tcpstate::sim::{Endpoint, LinkStats, LogEntry, Pair, Unfinished};
use tcpstate::tcp::CloseReason;

/// The whole run.
#[derive(Debug, Serialize)]
pub(super) struct Summary {
    #[serde(rename = "type")]
    kind: &'static str,
    seed: u64,
    completed: bool,
    /// Why it was not.
    pub(super) problem: Option<String>,
    /// Virtual time until the last octet was read.
    transfer_ns: Option<u64>,
    /// Virtual time until nothing more happened.
    over_ns: u64,
    rate_bit_s: Option<u64>,
    ends: [End; 2],
}

/// One end, and the direction that leads away from it.
#[derive(Debug, Serialize)]
struct End {
    end: &'static str,
    socket: String,
    open: &'static str,
    close: &'static str,
    state: &'static str,
    close_reason: Option<&'static str>,
    /// Each state that it came to be in, and when.
    states: Vec<(u64, &'static str)>,
    sent_bytes: u64,
    read_bytes: u64,
    /// Octets read for each second from the beginning to the last of them, in bits.
    goodput_bit_s: Option<u64>,
    packets: u64,
    retransmissions: u64,
    lost: Lost,
    marked: u64,
    duplicated: u64,
    damaged: u64,
    held_back: u64,
    longest_queue_bytes: u64,
    srtt_ns: Option<u64>,
    cwnd_bytes: u32,
}

/// Packets of this end that did not arrive.
#[derive(Debug, Serialize)]
struct Lost {
    loss: u64,
    burst: u64,
    queue: u64,
    mtu: u64,
}

impl Lost {
    const fn all(&self) -> u64 {
        self.loss + self.burst + self.queue + self.mtu
    }
}

/// The states that an end went through.
#[derive(Debug, Default)]
pub(super) struct History {
    path: Vec<(u64, State)>,
}

impl History {
    /// An end goes through a dozen states, and more only where something is very wrong.
    const LONGEST: usize = 64;

    pub(super) fn add(&mut self, change: &LogEntry) {
        if change.from != change.to && self.path.len() < Self::LONGEST {
            self.path.push((change.time.as_nanos(), change.to));
        }
    }

    fn has(&self, state: State) -> bool {
        self.path.iter().any(|(_, been)| *been == state)
    }

    fn opened(&self) -> &'static str {
        match (self.has(State::SynSent), self.has(State::SynReceived)) {
            _ if !self.has(State::Established) && !self.has(State::FinWait1) => "not",
            (true, true) => "simultaneous",
            (true, false) => "active",
            (false, _) => "passive",
        }
    }

    fn closed(&self) -> &'static str {
        match () {
            () if self.has(State::Closing) => "simultaneous",
            () if self.has(State::FinWait1) => "active",
            () if self.has(State::CloseWait) => "passive",
            () => "not",
        }
    }
}

/// Why a run was not completed, in words.
pub(super) fn why(unfinished: &Unfinished) -> String {
    let name = |end: usize| if end == 0 { "a" } else { "b" };
    match *unfinished {
        Unfinished::Open { end, state } => format!("{} stays in {state}", name(end)),
        Unfinished::Broken { end, reason } => match reason {
            CloseReason::RetransmissionsExhausted => {
                format!("{} gave up: what it sent again and again was not acknowledged", name(end))
            }
            CloseReason::Reset => format!("{} was reset", name(end)),
            CloseReason::Refused => format!("{} was refused", name(end)),
            _ => format!("{} ended by {}", name(end), reason.name().replace('_', " ")),
        },
        Unfinished::Missing { end, read, sent } => {
            format!("{} has read {read} of {sent} octets", name(end))
        }
        _ => unfinished.to_string(),
    }
}

impl Summary {
    pub(super) fn new(args: &SimArgs, pair: &Pair, history: [History; 2], problem: Option<String>) -> Self {
        let [a, b] = pair.ends();
        let [there, back] = pair.links().map(|link| link.stats());
        let [history_a, history_b] = history;
        let ends = [End::new("a", a, there, history_a), End::new("b", b, back, history_b)];
        let last = [a, b].into_iter().filter_map(|end| end.app().last_read()).max();
        Self {
            kind: "summary",
            seed: args.seed,
            completed: problem.is_none(),
            problem,
            transfer_ns: last.map(|at| at.as_nanos()),
            over_ns: pair.world().now().as_nanos(),
            rate_bit_s: args.rate.map(|rate| rate.get()),
            ends,
        }
    }

    pub(super) fn json(&self, out: &mut impl Write) -> io::Result<()> {
        serde_json::to_writer(&mut *out, self)?;
        writeln!(out)
    }

    /// For people, in lines of at most `look.width` columns.
    pub(super) fn table(&self, look: Look) -> String {
        let mut out = String::new();
        let mut row = |name: &str, values: [String; 2]| {
            let [a, b] = values;
            let line = format!("{name:<18}{a:>23}  {b:>23}");
            let line = if name.is_empty() { look.paint(Paint::Heading, line) } else { line };
            let _ = writeln!(out, "{line}");
        };
        let each = |tell: &dyn Fn(&End) -> String| {
            let [a, b] = &self.ends;
            [tell(a), tell(b)]
        };
        row("", each(&|end| end.end.into()));
        row("socket", each(&|end| end.socket.clone()));
        row("octets to send", each(&|end| grouped(end.sent_bytes)));
        row("octets read", each(&|end| grouped(end.read_bytes)));
        row("goodput", each(&|end| self.goodput(end)));
        row("packets sent", each(&|end| grouped(end.packets)));
        row("  retransmissions", each(&|end| part(end.retransmissions, end.packets)));
        row("  lost on the way", each(&|end| part(end.lost.all(), end.packets)));
        let [a, b] = &self.ends;
        let causes = [
            ("    by chance", a.lost.loss, b.lost.loss),
            ("    in bursts", a.lost.burst, b.lost.burst),
            ("    queue was full", a.lost.queue, b.lost.queue),
            ("    too large", a.lost.mtu, b.lost.mtu),
            ("  marked (ECN)", a.marked, b.marked),
            ("  held back", a.held_back, b.held_back),
            ("  arrived twice", a.duplicated, b.duplicated),
            ("  damaged", a.damaged, b.damaged),
            ("longest queue (B)", a.longest_queue_bytes, b.longest_queue_bytes),
        ];
        for (name, a, b) in causes.into_iter().filter(|&(_, a, b)| a + b > 0) {
            row(name, [grouped(a), grouped(b)]);
        }
        row("round trip (SRTT)", each(&|end| end.srtt_ns.map_or("–".into(), time)));
        row("opened", each(&|end| end.open.into()));
        row("closed", each(&|end| end.close.into()));
        row("ended", each(&|end| ended(end.close_reason)));
        for end in &self.ends {
            out.push_str(&end.story(look));
        }
        let transfer = self.transfer_ns.map_or("–".into(), time);
        let over = time(self.over_ns);
        let _ = writeln!(out, "transfer {transfer} of virtual time, everything over after {over}");
        let _ = writeln!(out, "seed {}", self.seed);
        out
    }

    fn goodput(&self, end: &End) -> String {
        let Some(goodput) = end.goodput_bit_s else { return "–".into() };
        let rate = bits(goodput);
        match self.rate_bit_s {
            Some(link) => format!("{rate} ({:.1} %)", 100.0 * goodput as f64 / link as f64),
            None => rate,
        }
    }
}

impl End {
    fn new(name: &'static str, end: &Endpoint, link: &LinkStats, history: History) -> Self {
        let tcb = end.single().map(|single| single.connection().tcb());
        let read = end.app().read();
        let seconds = end.app().last_read().map(|at| at.as_nanos() as f64 / 1e9).filter(|&took| took > 0.0);
        Self {
            end: name,
            socket: end.config().local.to_string(),
            open: history.opened(),
            close: history.closed(),
            state: end.state().name(),
            close_reason: end.close_reason().map(|reason| reason.name()),
            states: history.path.iter().map(|(at, state)| (*at, state.name())).collect(),
            sent_bytes: end.app().sent(),
            read_bytes: read,
            goodput_bit_s: seconds.map(|took| (read as f64 * 8.0 / took) as u64),
            packets: end.stats().packets_sent,
            retransmissions: end.stats().retransmissions,
            lost: Lost {
                loss: link.dropped_loss,
                burst: link.dropped_burst,
                queue: link.dropped_queue,
                mtu: link.dropped_mtu,
            },
            marked: link.marked,
            duplicated: link.duplicated,
            damaged: link.corrupted,
            held_back: link.held_back,
            longest_queue_bytes: link.longest_queue,
            srtt_ns: tcb.and_then(|tcb| tcb.srtt()).map(|srtt| srtt.as_nanos() as u64),
            cwnd_bytes: tcb.map_or(0, |tcb| tcb.cwnd()),
        }
    }
}

impl End {
    /// The states that it went through, wrapped.
    fn story(&self, look: Look) -> String {
        let began = |(at, state): &(u64, &str)| format!("→ {state} at {}", time(*at));
        let mut steps = vec!["CLOSED".to_string()];
        steps.extend(self.states.iter().map(began));
        let mut out = look.paint(Paint::Heading, format!("{:<3}", self.end));
        let mut column = 3;
        for (number, step) in steps.iter().enumerate() {
            let length = step.chars().count();
            if number > 0 && column + 1 + length > look.width {
                out.push_str("\n   ");
                column = 3;
            } else if number > 0 {
                out.push(' ');
                column += 1;
            }
            out.push_str(step);
            column += length;
        }
        out.push('\n');
        out
    }
}

/// Whether it is `a` that changed.
pub(super) const fn is_a(entry: &LogEntry) -> bool {
    entry.node.index() == 0
}

/// A transition as a line of JSON.
#[derive(Debug, Serialize)]
struct Transition {
    time_ns: u64,
    frame: Option<u64>,
    end: &'static str,
    event: &'static str,
    from: &'static str,
    to: &'static str,
}

pub(super) fn transition(out: &mut impl Write, entry: &LogEntry) -> io::Result<()> {
    let line = Transition {
        time_ns: entry.time.as_nanos(),
        frame: entry.frame,
        end: if is_a(entry) { "a" } else { "b" },
        event: entry.event.name(),
        from: entry.from.name(),
        to: entry.to.name(),
    };
    serde_json::to_writer(&mut *out, &line)?;
    writeln!(out)
}

/// The reason in at most 23 columns.
fn ended(reason: Option<&str>) -> String {
    match reason {
        None => "not".into(),
        Some("retransmissions_exhausted") => "gave up (R2)".into(),
        Some(reason) => reason.replace('_', " "),
    }
}

fn part(count: u64, of: u64) -> String {
    if count == 0 || of == 0 {
        return grouped(count);
    }
    format!("{} ({:.1} %)", grouped(count), 100.0 * count as f64 / of as f64)
}

fn time(nanos: u64) -> String {
    text::short_span(Duration::from_nanos(nanos))
}

pub(super) fn bits(rate: u64) -> String {
    let rate = rate as f64;
    match rate {
        1e9.. => format!("{:.1} Gbit/s", rate / 1e9),
        1e6.. => format!("{:.1} Mbit/s", rate / 1e6),
        1e3.. => format!("{:.1} kbit/s", rate / 1e3),
        _ => format!("{rate:.0} bit/s"),
    }
}

/// With commas between thousands.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
