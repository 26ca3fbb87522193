//! `peers bulk`: one flow between two hosts in one thread.
//!
//! Each packet is written into a buffer, checksums and all, and read and verified from there by the other host. Time is
//! virtual and goes on while packets do, so that nobody waits for a pacer or a delayed acknowledgment without cause.

use crate::race::{Bound, Contender, Goal, Key, Pick, RaceArgs, Unit, alternate};
use crate::wire::Batch;
use ::tcpstate::Instant;
use clap::Args;
use std::process::ExitCode;
use std::time::Duration;

mod floor;
mod pktkit;
mod smoltcp;
mod tcpstate;

/// Sizes of the largest packets; what goals speak of first.
const MTUS: [u16; 3] = [1_500, 9_000, 65_535];
/// Octets that an application has in hand at a time, to write from and to read into.
const PIECE: usize = 64 << 10;

/// When it begins, in virtual time.
const BEGIN: Instant = Instant::from_nanos(1_000_000_000);

#[derive(Args)]
pub(crate) struct BulkArgs {
    #[command(flatten)]
    race: RaceArgs,
    /// Packets that go from one host to the other at a time, at the most
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=1024))]
    batch: u16,
    /// KiB of each buffer of a stack, and of the window
    #[arg(long, default_value_t = 1_024, value_parser = clap::value_parser!(u32).range(64..=65_536))]
    buffer_kib: u32,
    /// Only packets of this size; may be given more than once
    #[arg(long = "mtu", value_parser = clap::value_parser!(u16).range(576..))]
    mtus: Vec<u16>,
}

const fn row(peer: &'static str, api: &'static str) -> Pick {
    Pick { bench: "bulk", peer, api, n: None, mtu: 1_500 }
}

const GOALS: [Goal; 4] = [
    Goal {
        words: "slice, of smoltcp's slice, MTU 1500",
        of: row("tcpstate", "slice"),
        over: Some(row("smoltcp", "slice")),
        bound: Bound::AtLeast(1.5),
    },
    Goal {
        words: "bytes, of smoltcp's slice, MTU 1500",
        of: row("tcpstate", "bytes"),
        over: Some(row("smoltcp", "slice")),
        bound: Bound::AtLeast(2.0),
    },
    Goal {
        words: "bytes, of smoltcp's closure, MTU 1500",
        of: row("tcpstate", "bytes"),
        over: Some(row("smoltcp", "closure")),
        bound: Bound::AtLeast(1.3),
    },
    Goal {
        words: "bytes, of the floor, MTU 1500",
        of: row("tcpstate", "bytes"),
        over: Some(row("floor", "copy+verify")),
        bound: Bound::AtLeast(0.5),
    },
];

/// What is the same for everybody.
#[derive(Clone, Copy, Debug)]
struct Setup {
    mtu: u16,
    /// Packets.
    batch: usize,
    /// Octets.
    buffer: u32,
}

/// How an application hands over and takes octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Api {
    /// It copies from and to memory of its own.
    Slice,
    /// It copies nothing: memory goes by reference, or the stack lets it look into its buffers.
    Reference,
}

/// One end of the flow: the stack, and its application.
trait End {
    /// Takes in what has come, lets the application write or read what it can, and writes packets until there is nothing
    /// more to send or no room.
    fn turn(&mut self, now: Instant, came: &mut Batch, goes: &mut Batch);

    /// When it wants a turn although nothing comes.
    fn deadline(&mut self, now: Instant) -> Option<Instant>;

    /// Octets that the application has read.
    fn octets_read(&self) -> u64;
}

/// Both ends, the first of which sends, and the wires between them.
struct Flow<E> {
    key: Key,
    ends: [E; 2],
    /// What each end has sent.
    wires: [Batch; 2],
    now: Instant,
}

/// What a packet takes of virtual time: 10 Gbit/s for 1,500 octets.
const PACKET: Duration = Duration::from_nanos(1_200);

impl<E: End> Flow<E> {
    fn new(key: Key, ends: [E; 2], batch: usize) -> Self {
        let slot = key.mtu as usize;
        Self { key, ends, wires: [Batch::new(batch, slot), Batch::new(batch, slot)], now: BEGIN }
    }

    fn step(&mut self) {
        let [sender, receiver] = &mut self.ends;
        let [forth, back] = &mut self.wires;
        sender.turn(self.now, back, forth);
        let idle = forth.is_empty();
        self.now = self.now + PACKET * forth.len() as u32;
        receiver.turn(self.now, forth, back);
        if idle && back.is_empty() {
            let deadlines = [sender.deadline(self.now), receiver.deadline(self.now)];
            let next = deadlines.into_iter().flatten().min().expect("there is always something to send");
            self.now = next.max(self.now + PACKET);
        }
    }
}

impl<E: End> Contender for Flow<E> {
    fn key(&self) -> Key {
        self.key
    }

    fn least(&self) -> u64 {
        4 << 20
    }

    fn work(&mut self, octets: u64) {
        let goal = self.ends[1].octets_read() + octets;
        while self.ends[1].octets_read() < goal {
            self.step();
        }
    }
}

/// Everybody who is wanted.
fn contenders(args: &RaceArgs, setup: &Setup) -> Vec<Box<dyn Contender>> {
    type Make = fn(Key, &Setup) -> Box<dyn Contender>;
    let all: [(_, _, Make); 8] = [
        ("tcpstate", "slice", |key, setup| flow(key, setup, tcpstate::hosts(setup, Api::Slice))),
        ("tcpstate", "bytes", |key, setup| flow(key, setup, tcpstate::hosts(setup, Api::Reference))),
        ("tcpstate", "single-slice", |key, setup| flow(key, setup, tcpstate::singles(setup, Api::Slice))),
        ("tcpstate", "single-bytes", |key, setup| flow(key, setup, tcpstate::singles(setup, Api::Reference))),
        ("smoltcp", "slice", |key, setup| flow(key, setup, smoltcp::ends(setup, Api::Slice))),
        ("smoltcp", "closure", |key, setup| flow(key, setup, smoltcp::ends(setup, Api::Reference))),
        ("pktkit", "slice", |key, setup| flow(key, setup, pktkit::ends(setup))),
        ("floor", "copy+verify", |key, setup| Box::new(floor::Floor::new(key, setup.batch))),
    ];
    let mtu = setup.mtu.into();
    let keyed = all.into_iter().map(|(peer, api, make)| {
        (Key { bench: "bulk", peer, n: 1, mtu, api, unit: Unit::GbitPerSecond }, make)
    });
    keyed.filter(|(key, _)| args.wants(key)).map(|(key, make)| make(key, setup)).collect()
}

fn flow<E: End + 'static>(key: Key, setup: &Setup, ends: [E; 2]) -> Box<dyn Contender> {
    Box::new(Flow::new(key, ends, setup.batch))
}

pub(crate) fn run(args: &BulkArgs) -> ExitCode {
    let mtus = if args.mtus.is_empty() { MTUS.to_vec() } else { args.mtus.clone() };
    let mut series = Vec::new();
    for mtu in mtus {
        let setup = Setup { mtu, batch: args.batch.into(), buffer: args.buffer_kib << 10 };
        series.extend(alternate(&args.race, &mut contenders(&args.race, &setup)));
    }
    args.race.report(&series, &GOALS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        bulk: BulkArgs,
    }

    #[test]
    fn everybody_carries_octets_in_packets_of_every_size() {
        let Line { bulk } = Line::parse_from(["bulk"]);
        for mtu in MTUS {
            let setup = Setup { mtu, batch: 4, buffer: 256 << 10 };
            let mut contenders = contenders(&bulk.race, &setup);
            assert_eq!(contenders.len(), 8);
            contenders.iter_mut().for_each(|contender| contender.work(1 << 20));
        }
    }
}
