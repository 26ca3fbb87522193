//! `peers churn`: connect, a request, a response, close; one after the other.

use crate::race::{Contender, Key, RaceArgs, Unit, alternate};
use crate::stack::{App, Pair, Read, Setup, Smoltcp, Stack, Tcpstate};
use clap::Args;
use std::process::ExitCode;
use std::time::Duration;
use tcpstate::Instant;

#[derive(Args)]
pub(crate) struct ChurnArgs {
    #[command(flatten)]
    race: RaceArgs,
    /// Rows in TIME-WAIT that the server has meanwhile, in a second race of tcpstate [default: 1000000; 1000 with
    /// --quick]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=4_000_000))]
    time_wait: Option<u64>,
}

/// Octets of a request and of a response.
const REQUEST: usize = 100;
const RESPONSE: usize = 1_000;

/// The server answers a request and closes, the client then closes as well: the server is left in TIME-WAIT.
#[derive(Default)]
struct Exchange {
    /// Octets of the present request that have come, and of the response.
    asked: usize,
    answered: usize,
    done: bool,
}

impl<S: Stack> App<S> for Exchange {
    fn client(&mut self, now: Instant, stack: &mut S, flow: S::Flow) {
        let mut octets = [0; RESPONSE];
        loop {
            match stack.recv(now, flow, &mut octets) {
                Read::Octets(len) => self.answered += len,
                Read::Nothing => return,
                Read::End => break,
            }
        }
        assert_eq!(self.answered, RESPONSE, "all of it came");
        stack.close(now, flow);
        self.done = true;
    }

    fn server(&mut self, now: Instant, stack: &mut S, flow: S::Flow) {
        let mut octets = [0; REQUEST];
        while let Read::Octets(len) = stack.recv(now, flow, &mut octets) {
            self.asked += len;
        }
        if self.asked >= REQUEST {
            self.asked = 0;
            assert_eq!(stack.send(now, flow, &[0x5a; RESPONSE]), RESPONSE, "there is room");
            stack.close(now, flow);
        }
    }
}

pub(crate) struct Churn<S> {
    key: Key,
    pub(crate) pair: Pair<S>,
    next: u64,
    exchange: Exchange,
}

impl<S: Stack> Churn<S> {
    pub(crate) fn new(key: Key, pair: Pair<S>) -> Self {
        Self { key, pair, next: 0, exchange: Exchange::default() }
    }

    pub(crate) fn once(&mut self) {
        let Self { pair, exchange, .. } = self;
        let flow = pair.client.connect(pair.now, self.next);
        self.next += 1;
        (exchange.done, exchange.answered) = (false, 0);
        // Goes when the handshake is done; a stack may not take it before.
        let mut asked = pair.client.send(pair.now, flow, &[0x5a; REQUEST]) == REQUEST;
        while !exchange.done {
            pair.step(exchange);
            if !asked {
                asked = pair.client.send(pair.now, flow, &[0x5a; REQUEST]) == REQUEST;
            }
        }
        pair.settle(exchange);
    }
}

impl<S: Stack> Contender for Churn<S> {
    fn key(&self) -> Key {
        self.key
    }

    fn work(&mut self, amount: u64) {
        for _ in 0..amount {
            self.once();
        }
    }
}

pub(crate) fn run(args: &ChurnArgs) -> ExitCode {
    let rows = args.time_wait.unwrap_or(if args.race.quick { 1_000 } else { 1_000_000 });
    let key = |peer, n| Key { bench: "churn", peer, n, mtu: 1_500, api: "slice", unit: Unit::PerSecond };
    let tcpstate = |n: u64, setup: &Setup| {
        Churn::new(key("tcpstate", n), Pair::new(Tcpstate::client(setup), Tcpstate::server(setup)))
    };
    let mut contenders: Vec<Box<dyn Contender>> = Vec::new();
    if args.race.wants(&key("tcpstate", 0)) {
        let shortly = Setup { time_wait_for: Duration::from_millis(1), ..Setup::default() };
        contenders.push(Box::new(tcpstate(0, &shortly)));
        let mut crowded = tcpstate(rows, &Setup { time_wait: rows as usize, ..Setup::default() });
        crowded.work(rows);
        contenders.push(Box::new(crowded));
    }
    if args.race.wants(&key("smoltcp", 0)) {
        let pair = Pair::new(Smoltcp::client(), Smoltcp::server(1));
        contenders.push(Box::new(Churn::new(key("smoltcp", 0), pair)));
    }
    let series = alternate(&args.race, &mut contenders);
    args.race.report(&series, &[])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_come_and_go() {
        let key = Key { bench: "churn", peer: "", n: 0, mtu: 1_500, api: "slice", unit: Unit::PerSecond };
        let setup = Setup::default();
        Churn::new(key, Pair::new(Tcpstate::client(&setup), Tcpstate::server(&setup))).work(100);
        Churn::new(key, Pair::new(Smoltcp::client(), Smoltcp::server(1))).work(100);
    }
}
