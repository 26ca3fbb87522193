//! `peers rr` and `peers rr-random`: an octet there and back on one flow, beside many.

use crate::race::{Bound, Contender, Goal, Key, Pick, RaceArgs, Series, Unit, alternate};
use crate::stack::{App, Pair, Read, Setup, Smoltcp, Stack, Tcpstate};
use clap::Args;
use std::process::ExitCode;
use std::time::Duration;
use tcpstate::Instant;

#[derive(Args)]
pub(crate) struct RrArgs {
    #[command(flatten)]
    race: RaceArgs,
    /// Idle flows beside the busy one; may be given more than once [default: 0, 1000, 10000, 100000, 1000000; 0 and
    /// 1000 with --quick]
    #[arg(long = "n", value_parser = clap::value_parser!(u64).range(..4_000_000))]
    counts: Vec<u64>,
}

const COUNTS: [u64; 5] = [0, 1_000, 10_000, 100_000, 1_000_000];
/// More take smoltcp minutes to open.
const MOST_SMOLTCP: u64 = 10_000;

const fn row(bench: &'static str, n: u64) -> Pick {
    Pick { bench, peer: "tcpstate", api: "slice", n: Some(n), mtu: 1_500 }
}

const GOALS: [Goal; 3] = [
    Goal {
        words: "a round trip beside 100,000 idle flows, of one beside none",
        of: row("rr", 100_000),
        over: Some(row("rr", 0)),
        bound: Bound::AtMost(1.5),
    },
    Goal {
        words: "a round trip on any of 100,000 flows, of one on the only flow",
        of: row("rr-random", 100_000),
        over: Some(row("rr", 0)),
        bound: Bound::AtMost(4.0),
    },
    Goal {
        words: "a round trip on any of 1,000,000 flows, of one on the only flow",
        of: row("rr-random", 1_000_000),
        over: Some(row("rr", 0)),
        bound: Bound::AtMost(4.0),
    },
];

/// The server sends back what it reads; the client counts what comes back.
#[derive(Default)]
struct Echo {
    back: u64,
}

impl<S: Stack> App<S> for Echo {
    fn client(&mut self, now: Instant, stack: &mut S, flow: S::Flow) {
        let mut octets = [0; 16];
        while let Read::Octets(len) = stack.recv(now, flow, &mut octets) {
            self.back += len as u64;
        }
    }

    fn server(&mut self, now: Instant, stack: &mut S, flow: S::Flow) {
        let mut octets = [0; 16];
        while let Read::Octets(len) = stack.recv(now, flow, &mut octets) {
            assert_eq!(stack.send(now, flow, &octets[..len]), len, "there is room");
        }
    }
}

struct PingPong<S: Stack> {
    key: Key,
    pair: Pair<S>,
    /// The client's, in the order of their numbers.
    flows: Vec<S::Flow>,
    echo: Echo,
    luck: Option<Luck>,
}

/// Numbers that look like chance, and are the same in every run (splitmix64).
pub(crate) struct Luck(pub(crate) u64);

impl Luck {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }
}

impl<S: Stack> PingPong<S> {
    /// Opens all flows, and lets them rest for a while. Each has said something once.
    fn new(key: Key, mut pair: Pair<S>, random: bool) -> Self {
        let (mut flows, mut echo) = (Vec::new(), Echo::default());
        for number in 0..=key.n {
            let flow = pair.client.connect(pair.now, number);
            flows.push(flow);
            pair.client.watch(number);
            pair.server.watch(number);
            if number % 8 == 0 {
                pair.settle(&mut echo);
            }
        }
        pair.settle(&mut echo);
        pair.pass(Duration::from_secs(5), &mut echo);
        let luck = random.then_some(Luck(key.n));
        let mut all = Self { key, pair, flows, echo, luck };
        for number in 0..all.flows.len() as u64 {
            all.round_trip(number);
        }
        all.pair.pass(Duration::from_secs(5), &mut all.echo);
        all
    }

    fn round_trip(&mut self, number: u64) {
        let Self { pair, echo, .. } = self;
        pair.client.watch(number);
        pair.server.watch(number);
        let wanted = echo.back + 1;
        assert_eq!(pair.client.send(pair.now, self.flows[number as usize], b"x"), 1, "there is room");
        while echo.back < wanted {
            pair.step(echo);
        }
    }
}

impl<S: Stack> Contender for PingPong<S> {
    fn key(&self) -> Key {
        self.key
    }

    fn work(&mut self, amount: u64) {
        for _ in 0..amount {
            let number = match &mut self.luck {
                Some(luck) => luck.below(self.flows.len() as u64),
                None => 0,
            };
            self.round_trip(number);
        }
    }
}

impl RrArgs {
    /// Everybody with every number of flows that he can have.
    fn contenders(&self, random: bool) -> Vec<Box<dyn Contender>> {
        let counts: &[u64] = match (self.counts.as_slice(), self.race.quick) {
            ([], true) => &COUNTS[..2],
            ([], false) => &COUNTS,
            (chosen, _) => chosen,
        };
        let mut contenders: Vec<Box<dyn Contender>> = Vec::new();
        let bench = if random { "rr-random" } else { "rr" };
        for &n in counts {
            if random && n == 0 {
                continue;
            }
            let key = |peer| Key { bench, peer, n, mtu: 1_500, api: "slice", unit: Unit::Nanoseconds };
            if self.race.wants(&key("tcpstate")) {
                let setup = Setup { connections: n as usize + 1, ..Setup::default() };
                let pair = Pair::new(Tcpstate::client(&setup), Tcpstate::server(&setup));
                contenders.push(Box::new(PingPong::new(key("tcpstate"), pair, random)));
            }
            if self.race.wants(&key("smoltcp")) && n <= MOST_SMOLTCP {
                let pair = Pair::new(Smoltcp::client(), Smoltcp::server(n as usize + 1));
                contenders.push(Box::new(PingPong::new(key("smoltcp"), pair, random)));
            }
        }
        contenders
    }
}

pub(crate) fn run(args: &RrArgs) -> ExitCode {
    args.race.report(&alternate(&args.race, &mut args.contenders(false)), &GOALS)
}

/// Beside it, one flow alone: what the goals compare with.
pub(crate) fn run_random(args: &RrArgs) -> ExitCode {
    let mut contenders = args.contenders(true);
    let alone = RrArgs { counts: vec![0], race: args.race.clone() };
    contenders.extend(alone.contenders(false));
    let series: Vec<Series> = alternate(&args.race, &mut contenders);
    args.race.report(&series, &GOALS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_octet_comes_back_on_its_flow() {
        let key = Key { bench: "rr", peer: "", n: 20, mtu: 1_500, api: "slice", unit: Unit::Nanoseconds };
        let setup = Setup { connections: 21, ..Setup::default() };
        let pair = Pair::new(Tcpstate::client(&setup), Tcpstate::server(&setup));
        PingPong::new(key, pair, true).work(100);
        let pair = Pair::new(Smoltcp::client(), Smoltcp::server(21));
        PingPong::new(key, pair, true).work(100);
    }
}
