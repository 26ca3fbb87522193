//! `peers memory`: what the process grows by, for each of very many.
//!
//! Each part runs in a process of its own, so that what one has used and given back is not there for the next.

use crate::churn::Churn;
use crate::race::{Bound, Goal, Key, Pick, RaceArgs, Series, Unit};
use crate::stack::{App, Pair, Read, Setup, Stack, Tcpstate};
use crate::syn::{SYN, Strangers};
use clap::{Args, ValueEnum};
use std::net::SocketAddr;
use std::process::{Command, ExitCode};
use std::time::Duration;
use std::{env, fs};
use tcpstate::Instant;
use tcpstate::host::SynCookies;

#[derive(Args)]
pub(crate) struct MemoryArgs {
    #[command(flatten)]
    race: RaceArgs,
    /// How many of each [default: 1200000; 2000 with --quick]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=4_000_000))]
    n: Option<u64>,
    /// Only this part, in this process: prints octets for each
    #[arg(long, hide = true)]
    part: Option<Part>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Flows that have carried 64 KiB each way and rest.
    Established,
    /// SYNs that nobody follows up.
    HalfOpen,
    TimeWaitV4,
    TimeWaitV6,
}

const PARTS: [Part; 4] = [Part::Established, Part::HalfOpen, Part::TimeWaitV4, Part::TimeWaitV6];

impl Part {
    const fn name(self) -> &'static str {
        match self {
            Self::Established => "established",
            Self::HalfOpen => "half-open",
            Self::TimeWaitV4 => "time-wait-v4",
            Self::TimeWaitV6 => "time-wait-v6",
        }
    }
}

/// Of fewer, goals say nothing.
const MANY: u64 = 100_000;

const fn at_most(words: &'static str, part: Part, octets: f64) -> Goal {
    let of = Pick { bench: "memory", peer: "tcpstate", api: part.name(), n: None, mtu: 1_500 };
    Goal { words, of, over: None, bound: Bound::AtMost(octets) }
}

const GOALS: [Goal; 4] = [
    at_most("octets for an end of an established flow at rest", Part::Established, 1_024.0),
    at_most("octets for a half-open connection", Part::HalfOpen, 256.0),
    at_most("octets in TIME-WAIT, IPv4", Part::TimeWaitV4, 96.0),
    at_most("octets in TIME-WAIT, IPv6", Part::TimeWaitV6, 128.0),
];

pub(crate) fn run(args: &MemoryArgs) -> Result<ExitCode, String> {
    let n = args.n.unwrap_or(if args.race.quick { 2_000 } else { 1_200_000 });
    if let Some(part) = args.part {
        println!("{}", part.octets(n));
        return Ok(ExitCode::SUCCESS);
    }
    let mut series = Vec::new();
    for part in PARTS {
        let (bench, api) = ("memory", part.name());
        let key = Key { bench, peer: "tcpstate", n, mtu: 1_500, api, unit: Unit::Octets };
        if args.race.wants(&key) {
            series.push(Series { key, values: vec![alone(part, n)?] });
        }
    }
    // What a process has once is a large part of what few of them take.
    let goals: &[Goal] = if n < MANY { &[] } else { &GOALS };
    Ok(args.race.report(&series, goals))
}

/// Runs a part in another process.
fn alone(part: Part, n: u64) -> Result<f64, String> {
    let own = env::current_exe().map_err(|error| format!("cannot find this program: {error}"))?;
    let done = Command::new(own)
        .args(["memory", "--part", part.name(), "--n", &n.to_string()])
        .stderr(std::process::Stdio::inherit())
        .output()
        .map_err(|error| format!("cannot run this program again: {error}"))?;
    let said = String::from_utf8_lossy(&done.stdout);
    said.trim().parse().map_err(|_| format!("{} broke down: {}", part.name(), done.status))
}

/// Octets of memory that this process has, as far as they are really there.
fn resident() -> u64 {
    let pages = fs::read_to_string("/proc/self/statm").ok();
    let pages = pages.and_then(|text| text.split_whitespace().nth(1)?.parse::<u64>().ok());
    // Linux on x86-64 has pages of 4 KiB.
    pages.expect("Linux tells") * 4_096
}

/// What the process grows by while `make` makes `count` of them.
fn growth(count: u64, make: impl FnOnce()) -> f64 {
    let before = resident();
    make();
    resident().saturating_sub(before) as f64 / count as f64
}

impl Part {
    fn octets(self, n: u64) -> f64 {
        match self {
            Self::Established => established(n),
            Self::HalfOpen => half_open(n),
            Self::TimeWaitV4 => time_wait(n, false),
            Self::TimeWaitV6 => time_wait(n, true),
        }
    }
}

/// Octets each way, before a flow rests.
const EACH_WAY: usize = 64 << 10;

/// The client sends, the server sends back what it reads.
struct Mirror {
    memory: Vec<u8>,
    sent: usize,
    back: usize,
}

impl<S: Stack> App<S> for Mirror {
    fn client(&mut self, now: Instant, stack: &mut S, flow: S::Flow) {
        while let Read::Octets(len) = stack.recv(now, flow, &mut self.memory) {
            self.back += len;
        }
        self.sent += stack.send(now, flow, &self.memory[..EACH_WAY - self.sent]);
    }

    fn server(&mut self, now: Instant, stack: &mut S, flow: S::Flow) {
        while let Read::Octets(len) = stack.recv(now, flow, &mut self.memory) {
            assert_eq!(stack.send(now, flow, &self.memory[..len]), len, "the buffer has room for all");
        }
    }
}

/// For each end: there are two hosts in the process.
fn established(n: u64) -> f64 {
    let setup = Setup { connections: n as usize, ..Setup::default() };
    let mut pair = Pair::new(Tcpstate::client(&setup), Tcpstate::server(&setup));
    let mut mirror = Mirror { memory: vec![0x5a; EACH_WAY], sent: 0, back: 0 };
    let grown = growth(2 * n, || {
        for number in 0..n {
            (mirror.sent, mirror.back) = (0, 0);
            let flow = pair.client.connect(pair.now, number);
            mirror.client(pair.now, &mut pair.client, flow);
            while mirror.back < EACH_WAY {
                pair.step(&mut mirror);
            }
            // Not all at once: what counts is what a flow has at rest.
            if number % 64 == 0 {
                pair.pass(Duration::from_secs(2), &mut mirror);
            }
        }
        pair.pass(Duration::from_secs(30), &mut mirror);
    });
    assert_eq!([pair.client.host.len(), pair.server.host.len()], [n as usize; 2], "all are there");
    eprintln!("established: the hosts count {} octets for each end", counted(&pair) / (2 * n));
    grown
}

/// What the hosts themselves say that they hold.
fn counted(pair: &Pair<Tcpstate>) -> u64 {
    (pair.client.host.memory() + pair.server.host.memory()) as u64
}

fn half_open(n: u64) -> f64 {
    let setup = Setup { half_open: n as usize, cookies: SynCookies::Off, ..Setup::default() };
    let mut server = Tcpstate::server(&setup);
    let mut strangers = Strangers::new(SocketAddr::new(setup.addresses()[1], 80));
    let (mut packet, mut out) = ([0; SYN], [0; 1_500]);
    let mut now = Instant::from_nanos(1_000_000_000);
    let grown = growth(n, || {
        for _ in 0..n {
            let len = strangers.write(&mut packet);
            server.host.handle_packet(now, &packet[..len]);
            while server.host.poll_transmit(now, &mut out).is_some() {}
            // So quickly that none is answered again meanwhile.
            now = now + Duration::from_nanos(100);
        }
    });
    let stats = server.host.passive_stats();
    assert_eq!((stats.syns, stats.evicted, stats.no_room), (n, 0, 0), "all are there");
    eprintln!("half-open: the host counts {} octets for each", server.host.memory() as u64 / n);
    grown
}

fn time_wait(n: u64, v6: bool) -> f64 {
    let setup = Setup { time_wait: n as usize, v6, ..Setup::default() };
    let key = Key { bench: "memory", peer: "", n, mtu: 1_500, api: "", unit: Unit::Octets };
    let mut churn = Churn::new(key, Pair::new(Tcpstate::client(&setup), Tcpstate::server(&setup)));
    let begun = churn.pair.now;
    let grown = growth(n, || {
        for _ in 0..n {
            churn.once();
        }
    });
    let stats = churn.pair.server.host.passive_stats();
    assert_eq!((stats.time_waits, stats.time_wait_evicted), (n, 0), "all are there");
    assert!(churn.pair.now < begun + setup.time_wait_for, "none has expired");
    eprintln!("TIME-WAIT: the hosts count {} octets for each", counted(&churn.pair) / n);
    grown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_are_there_as_were_asked_for() {
        // Each looks for itself. What so few take says nothing.
        for part in PARTS {
            assert!(part.octets(100) >= 0.0, "{part:?}");
        }
    }
}
