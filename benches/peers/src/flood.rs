//! `peers flood`: SYNs from nobody beside a transfer, over a virtual link of 1 Gbit/s.

use crate::clock;
use crate::race::{Bound, Goal, Key, Pick, RaceArgs, Series, Unit};
use crate::stack::{Read, Setup, Stack, Tcpstate};
use crate::syn::{SYN, Strangers};
use clap::Args;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;
use tcpstate::Instant;
use tcpstate::host::ConnId;

#[derive(Args)]
pub(crate) struct FloodArgs {
    #[command(flatten)]
    race: RaceArgs,
    /// SYNs in a second
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..=2_000_000))]
    syns: u64,
}

/// Octets that the attacked host may hold.
const CAP: u32 = 16 << 20;

const fn row(api: &'static str) -> Pick {
    Pick { bench: "flood", peer: "tcpstate", api, n: None, mtu: 1_500 }
}

const GOALS: [Goal; 3] = [
    Goal {
        words: "goodput, of that without the flood",
        of: row("goodput"),
        over: None,
        bound: Bound::AtLeast(0.8),
    },
    Goal {
        words: "most memory that the host held",
        of: row("memory"),
        over: None,
        bound: Bound::AtMost(CAP as f64),
    },
    Goal {
        words: "nanoseconds of computing for a SYN and its answer",
        of: row("syn"),
        over: None,
        bound: Bound::AtMost(500.0),
    },
];

/// One direction: packets leave one after the other, and arrive a millisecond later.
#[derive(Default)]
struct Link {
    free_at: Instant,
    flying: VecDeque<(Instant, Vec<u8>)>,
    /// Buffers to use again.
    spare: Vec<Vec<u8>>,
}

const DELAY: Duration = Duration::from_millis(1);
/// What waits is lost beyond this much time: 250 KB.
const QUEUE: Duration = Duration::from_millis(2);

impl Link {
    fn send(&mut self, now: Instant, packet: &[u8]) {
        let begins = self.free_at.max(now);
        if begins > now + QUEUE {
            return;
        }
        self.free_at = begins + Duration::from_nanos(packet.len() as u64 * 8);
        let mut copy = self.spare.pop().unwrap_or_default();
        copy.clear();
        copy.extend_from_slice(packet);
        self.flying.push_back((self.free_at + DELAY, copy));
    }

    fn next(&self) -> Option<Instant> {
        self.flying.front().map(|(at, _)| *at)
    }

    fn arrive(&mut self, now: Instant) -> Option<Vec<u8>> {
        self.flying.pop_front_if(|(at, _)| *at <= now).map(|(_, packet)| packet)
    }
}

/// A sender, the host that is attacked, which receives, and what is between them.
struct World {
    sender: Tcpstate,
    victim: Tcpstate,
    forth: Link,
    back: Link,
    strangers: Strangers,
    /// Between two SYNs; none without a flood.
    gap: Option<Duration>,
    next_syn: Instant,
    flow: ConnId,
    now: Instant,
    octets_read: u64,
    most_memory: usize,
    piece: Vec<u8>,
}

impl World {
    fn new(gap: Option<Duration>) -> Self {
        let setup = Setup { backlog: 128, ..Setup::default() };
        let mut sender = Tcpstate::client(&setup);
        let victim = Tcpstate::server(&Setup { memory: CAP as usize, ..setup });
        let now = Instant::from_nanos(1_000_000_000);
        let flow = sender.connect(now, 0);
        // The port that the transfer goes to.
        let strangers = Strangers::new(SocketAddr::new(setup.addresses()[1], 1));
        let (forth, back) = (Link::default(), Link::default());
        let piece = vec![0x5a; 64 << 10];
        let (octets_read, most_memory) = (0, 0);
        Self {
            sender,
            victim,
            forth,
            back,
            strangers,
            gap,
            next_syn: now,
            flow,
            now,
            octets_read,
            most_memory,
            piece,
        }
    }

    /// Everything that happens until then.
    fn run_until(&mut self, end: Instant) {
        loop {
            self.serve();
            let syn = self.gap.map(|_| self.next_syn);
            let deadlines = [self.sender.deadline(self.now), self.victim.deadline(self.now)];
            let arrivals = [self.forth.next(), self.back.next()];
            let next = arrivals.into_iter().chain(deadlines).flatten().chain(syn).min();
            let next = next.unwrap_or(end).max(self.now);
            if next >= end {
                self.now = end;
                return;
            }
            self.now = next;
            self.happen();
        }
    }

    fn happen(&mut self) {
        let now = self.now;
        if let Some(gap) = self.gap {
            let mut packet = [0; SYN];
            while self.next_syn <= now {
                let len = self.strangers.write(&mut packet);
                self.forth.send(self.next_syn, &packet[..len]);
                self.next_syn = self.next_syn + gap;
            }
        }
        while let Some(packet) = self.forth.arrive(now) {
            self.victim.host.handle_packet(now, packet.as_slice());
            self.forth.spare.push(packet);
        }
        while let Some(packet) = self.back.arrive(now) {
            self.sender.host.handle_packet(now, packet.as_slice());
            self.back.spare.push(packet);
        }
        self.sender.host.handle_timeout(now);
        self.victim.host.handle_timeout(now);
    }

    /// Users, and what goes out.
    fn serve(&mut self) {
        let (now, mut out) = (self.now, [0; 1_500]);
        let mut ready = self.octets_read == 0;
        while let Some(flow) = self.sender.ready(now) {
            ready |= flow == self.flow;
        }
        while ready && self.sender.send(now, self.flow, &self.piece) == self.piece.len() {}
        while let Some(flow) = self.victim.ready(now) {
            while let Read::Octets(len) = self.victim.recv(now, flow, &mut self.piece) {
                self.octets_read += len as u64;
            }
        }
        while let Some(sent) = self.sender.host.poll_transmit(now, &mut out) {
            self.forth.send(now, &out[..sent.len]);
        }
        while let Some(sent) = self.victim.host.poll_transmit(now, &mut out) {
            self.back.send(now, &out[..sent.len]);
        }
        self.most_memory = self.most_memory.max(self.victim.host.memory());
    }

    /// Octets read in a second of virtual time.
    fn goodput(&mut self, span: Duration) -> f64 {
        let (from, before) = (self.now, self.octets_read);
        self.run_until(from + span);
        (self.octets_read - before) as f64 / span.as_secs_f64()
    }

    /// Nanoseconds of computing for each of so many SYNs and what is sent for it, with the flood going on.
    fn cost(&mut self, count: usize, gap: Duration) -> f64 {
        let (mut packets, mut out) = (vec![0; count * SYN], [0; 1_500]);
        let lens: Vec<usize> = packets.chunks_mut(SYN).map(|packet| self.strangers.write(packet)).collect();
        let begun = clock::computing();
        for (packet, len) in packets.chunks(SYN).zip(&lens) {
            self.now = self.now + gap;
            self.victim.host.handle_packet(self.now, &packet[..*len]);
            if self.victim.host.poll_timeout().is_some_and(|at| at <= self.now) {
                self.victim.host.handle_timeout(self.now);
            }
            while self.victim.host.poll_transmit(self.now, &mut out).is_some() {}
        }
        (clock::computing() - begun).as_nanos() as f64 / count as f64
    }
}

pub(crate) fn run(args: &FloodArgs) -> ExitCode {
    let gap = Duration::from_nanos(1_000_000_000 / args.syns);
    let span = Duration::from_secs(if args.race.quick { 1 } else { 10 });
    let [quiet, mut flooded] = [None, Some(gap)].map(World::new).map(|mut world| {
        let goodput = (world.goodput(span), world.goodput(span)).1;
        (world, goodput)
    });
    let key = |api, unit| Key { bench: "flood", peer: "tcpstate", n: args.syns, mtu: 1_500, api, unit };
    let syns = if args.race.quick { 2_000 } else { 50_000 };
    let costs = (0..args.race.rounds()).map(|_| flooded.0.cost(syns, gap)).collect();
    let one = |api, unit, value| Series { key: key(api, unit), values: vec![value] };
    let series = [
        one("alone", Unit::GbitPerSecond, quiet.1 * 8e-9),
        one("flooded", Unit::GbitPerSecond, flooded.1 * 8e-9),
        one("goodput", Unit::Share, flooded.1 / quiet.1),
        one("memory", Unit::Octets, flooded.0.most_memory as f64),
        Series { key: key("syn", Unit::Nanoseconds), values: costs },
    ];
    args.race.report(&series, &GOALS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transfer_fills_the_link_and_a_flood_is_answered() {
        let second = Duration::from_secs(1);
        let mut quiet = World::new(None);
        assert!(quiet.goodput(second) * 8e-9 > 0.5);
        let mut flooded = World::new(Some(Duration::from_micros(100)));
        flooded.goodput(second);
        let stats = flooded.victim.host.passive_stats();
        // What is still on its way is not there yet.
        assert!((9_000..=10_001).contains(&stats.syns), "{stats:?}");
        assert!(stats.syn_acks + stats.cookies_sent >= stats.syns, "{stats:?}");
    }
}
