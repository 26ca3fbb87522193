//! Stacks with many flows: what the benches that are not about one flow ask of each, and two of them side by side.

use crate::wire::Batch;
use std::time::Duration;
use tcpstate::Instant;

mod smoltcp;
mod tcpstate_host;

pub(crate) use smoltcp::Smoltcp;
pub(crate) use tcpstate_host::{Setup, Tcpstate};

/// What a read gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Read {
    Octets(usize),
    Nothing,
    /// The peer has closed, or the flow is over.
    End,
}

/// A host that calls another, or is called.
pub(crate) trait Stack {
    type Flow: Copy;

    /// Opens a flow to the other host. Each number makes another pair of sockets.
    fn connect(&mut self, now: Instant, number: u64) -> Self::Flow;

    /// A stack that does not say which flow is ready is asked about the one of this number only.
    fn watch(&mut self, number: u64);

    /// Takes in what has come, and acts on deadlines. What has to be answered at once goes out.
    fn take_in(&mut self, now: Instant, came: &mut Batch, goes: &mut Batch);

    /// A flow that there may be something to read from, or to write to; of a stack that is called, new ones too.
    fn ready(&mut self, now: Instant) -> Option<Self::Flow>;

    /// Writes packets until there is nothing to send or no room.
    fn put_out(&mut self, now: Instant, goes: &mut Batch);

    fn deadline(&mut self, now: Instant) -> Option<Instant>;

    /// Octets that were taken.
    fn send(&mut self, now: Instant, flow: Self::Flow, octets: &[u8]) -> usize;

    fn recv(&mut self, now: Instant, flow: Self::Flow, into: &mut [u8]) -> Read;

    /// Nothing more to send or to read; the stack may forget the flow when it has ended.
    fn close(&mut self, now: Instant, flow: Self::Flow);
}

/// What the users of two hosts do with a flow on which something has happened.
pub(crate) trait App<S: Stack> {
    fn client(&mut self, now: Instant, stack: &mut S, flow: S::Flow);

    fn server(&mut self, now: Instant, stack: &mut S, flow: S::Flow);
}

/// Two hosts, the first of which calls, and the wires between them.
pub(crate) struct Pair<S> {
    pub(crate) client: S,
    pub(crate) server: S,
    wires: [Batch; 2],
    pub(crate) now: Instant,
}

/// Packets that go from one host to the other at a time.
const BATCH: usize = 16;
const MTU: usize = 1_500;
/// From one host to the other, in virtual time.
const LEG: Duration = Duration::from_micros(10);

impl<S: Stack> Pair<S> {
    pub(crate) fn new(client: S, server: S) -> Self {
        let wires = [Batch::new(BATCH, MTU), Batch::new(BATCH, MTU)];
        Self { client, server, wires, now: Instant::from_nanos(1_000_000_000) }
    }

    /// Packets there, users, packets back. Says whether any packet went.
    pub(crate) fn step(&mut self, app: &mut impl App<S>) -> bool {
        let [forth, back] = &mut self.wires;
        self.client.take_in(self.now, back, forth);
        while let Some(flow) = self.client.ready(self.now) {
            app.client(self.now, &mut self.client, flow);
        }
        self.client.put_out(self.now, forth);
        let went = !forth.is_empty();
        self.now = self.now + LEG;
        self.server.take_in(self.now, forth, back);
        while let Some(flow) = self.server.ready(self.now) {
            app.server(self.now, &mut self.server, flow);
        }
        self.server.put_out(self.now, back);
        self.now = self.now + LEG;
        went || !back.is_empty()
    }

    /// Goes on until nobody has anything to send.
    pub(crate) fn settle(&mut self, app: &mut impl App<S>) {
        while self.step(app) {}
    }

    /// Lets time go on, with all that is due meanwhile.
    pub(crate) fn pass(&mut self, time: Duration, app: &mut impl App<S>) {
        let end = self.now + time;
        loop {
            self.settle(app);
            let deadlines = [self.client.deadline(self.now), self.server.deadline(self.now)];
            let next = deadlines.into_iter().flatten().min().unwrap_or(Instant::MAX);
            if next > end {
                break;
            }
            self.now = self.now.max(next);
        }
        self.now = self.now.max(end);
    }
}
