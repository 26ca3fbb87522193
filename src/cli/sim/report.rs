//! What a simulation is said to have brought.

use super::SimArgs;
use serde::Serialize;
use std::io::{self, Write};
use std::time::Duration;
use tcpstate::replay::report::text;
use tcpstate::sim::{Endpoint, LinkStats, LogEntry, Pair};

/// The whole run.
#[derive(Debug, Serialize)]
pub(super) struct Summary {
    #[serde(rename = "type")]
    kind: &'static str,
    seed: u64,
    /// Virtual time until the last octet was read.
    transfer_ns: u64,
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
    state: &'static str,
    close_reason: Option<&'static str>,
    sent_bytes: u64,
    read_bytes: u64,
    /// Octets read for each second from the beginning to the last of them, in bits.
    goodput_bit_s: Option<u64>,
    packets: u64,
    retransmissions: u64,
    lost: Lost,
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

impl Summary {
    pub(super) fn new(args: &SimArgs, pair: &Pair) -> Self {
        let [a, b] = pair.ends();
        let [there, back] = pair.links().map(|link| link.stats());
        let ends = [End::new("a", a, there), End::new("b", b, back)];
        let last = [a, b].into_iter().filter_map(|end| end.app().last_read()).max();
        Self {
            kind: "summary",
            seed: args.seed,
            transfer_ns: last.map_or(0, |at| at.as_nanos()),
            over_ns: pair.world().now().as_nanos(),
            rate_bit_s: args.rate.map(|rate| rate.get()),
            ends,
        }
    }

    pub(super) fn json(&self, out: &mut impl Write) -> io::Result<()> {
        serde_json::to_writer(&mut *out, self)?;
        writeln!(out)
    }

    pub(super) fn table(&self, out: &mut impl Write) -> io::Result<()> {
        let mut row = |name: &str, values: [String; 2]| {
            let [a, b] = values;
            writeln!(out, "{name:<22}{a:>26}{b:>26}")
        };
        let each = |tell: &dyn Fn(&End) -> String| {
            let [a, b] = &self.ends;
            [tell(a), tell(b)]
        };
        row("", each(&|end| end.end.into()))?;
        row("socket", each(&|end| end.socket.clone()))?;
        row("octets sent", each(&|end| grouped(end.sent_bytes)))?;
        row("octets read", each(&|end| grouped(end.read_bytes)))?;
        row("goodput", each(&|end| self.goodput(end)))?;
        row("packets sent", each(&|end| grouped(end.packets)))?;
        row("  retransmissions", each(&|end| part(end.retransmissions, end.packets)))?;
        row("  lost on the way", each(&|end| part(end.lost.all(), end.packets)))?;
        let [a, b] = &self.ends;
        let causes = [
            ("    by chance", a.lost.loss, b.lost.loss),
            ("    in bursts", a.lost.burst, b.lost.burst),
            ("    no room in queue", a.lost.queue, b.lost.queue),
            ("    too large", a.lost.mtu, b.lost.mtu),
            ("  held back", a.held_back, b.held_back),
            ("  arrived twice", a.duplicated, b.duplicated),
            ("  damaged", a.damaged, b.damaged),
        ];
        for (name, a, b) in causes.into_iter().filter(|&(_, a, b)| a + b > 0) {
            row(name, [grouped(a), grouped(b)])?;
        }
        row("round trip (SRTT)", each(&|end| end.srtt_ns.map_or("–".into(), time)))?;
        row("last state", each(&|end| end.state.into()))?;
        row("ended", each(&|end| end.close_reason.unwrap_or("not").replace('_', " ")))?;
        let (transfer, over) = (time(self.transfer_ns), time(self.over_ns));
        writeln!(
            out,
            "transfer {transfer} of virtual time, everything over after {over} (seed {})",
            self.seed
        )
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
    fn new(name: &'static str, end: &Endpoint, link: &LinkStats) -> Self {
        let tcb = end.single().map(|single| single.connection().tcb());
        let read = end.app().read();
        let seconds = end.app().last_read().map(|at| at.as_nanos() as f64 / 1e9).filter(|&took| took > 0.0);
        Self {
            end: name,
            socket: end.config().local.to_string(),
            state: end.state().name(),
            close_reason: end.close_reason().map(|reason| reason.name()),
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
            duplicated: link.duplicated,
            damaged: link.corrupted,
            held_back: link.held_back,
            longest_queue_bytes: link.longest_queue,
            srtt_ns: tcb.and_then(|tcb| tcb.srtt()).map(|srtt| srtt.as_nanos() as u64),
            cwnd_bytes: tcb.map_or(0, |tcb| tcb.cwnd()),
        }
    }
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
        end: if entry.node.index() == 0 { "a" } else { "b" },
        event: entry.event.name(),
        from: entry.from.name(),
        to: entry.to.name(),
    };
    serde_json::to_writer(&mut *out, &line)?;
    writeln!(out)
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

fn bits(rate: u64) -> String {
    let rate = rate as f64;
    match rate {
        1e9.. => format!("{:.2} Gbit/s", rate / 1e9),
        1e6.. => format!("{:.2} Mbit/s", rate / 1e6),
        1e3.. => format!("{:.2} kbit/s", rate / 1e3),
        _ => format!("{rate:.0} bit/s"),
    }
}

/// With commas between thousands.
fn grouped(number: u64) -> String {
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
