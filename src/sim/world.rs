//! Nodes, the links between them, and the one order in which everything happens.

use alloc::collections::{BinaryHeap, VecDeque};
use alloc::vec;
use alloc::vec::Vec;
use core::cmp::{Ordering, Reverse};

use bytes::Bytes;

use super::link::{Arrival, Link, LinkConfig, LinkDrop};
use super::log::{Doing, Log, LogEntry};
use super::node::Node;
use super::oracle::Fault;
use super::prng::Prng;
use crate::Instant;

/// A node of a [`World`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(usize);

impl NodeId {
    /// Its number, counted from 0 in the order in which nodes were added.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0
    }
}

/// One direction of a link of a [`World`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(usize);

/// How much may happen before a run is taken for endless. Each is reported as a [`SimError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Packets that one event may call forth. Default: 65,536.
    pub packets_per_event: u32,
    /// Events at the same moment. Default: a million.
    pub events_per_instant: u64,
    /// Events of the whole run. Default: a hundred million.
    pub events: u64,
    /// Packets that may be on their way. Default: a million.
    pub packets_in_flight: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            packets_per_event: 1 << 16,
            events_per_instant: 1_000_000,
            events: 100_000_000,
            packets_in_flight: 1_000_000,
        }
    }
}

/// Why a run cannot go on: something is wrong with a node, or the run does not end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SimError {
    /// Events follow each other without time passing: see [`Limits::events_per_instant`].
    #[error("at {at} s: {events} events, and time does not go on")]
    Livelock {
        /// The moment.
        at: Instant,
        /// Events at that moment.
        events: u64,
    },
    /// The run takes longer than [`Limits::events`] allows.
    #[error("at {at} s: the run was stopped after {events} events")]
    TooManyEvents {
        /// How far it came.
        at: Instant,
        /// Events so far.
        events: u64,
    },
    /// One event made a node send more packets than [`Limits::packets_per_event`].
    #[error("at {at} s: node {} sent {packets} packets for one event", node.index())]
    Flood {
        /// The moment.
        at: Instant,
        /// The node.
        node: NodeId,
        /// How many it sent.
        packets: u32,
    },
    /// More packets are on their way than [`Limits::packets_in_flight`].
    #[error("at {at} s: {packets} packets are on their way")]
    TooManyInFlight {
        /// The moment.
        at: Instant,
        /// How many there are.
        packets: usize,
    },
    /// A deadline was handled, and the next one is not later: its owner would call for ever.
    #[error("at {at} s: node {} still has a deadline at {deadline} s, though it was handled", node.index())]
    DeadlineStands {
        /// The moment.
        at: Instant,
        /// The node.
        node: NodeId,
        /// What it asks for.
        deadline: Instant,
    },
    /// A node sends and has no link.
    #[error("at {at} s: node {} sends, and no link leads away from it", node.index())]
    NoLink {
        /// The moment.
        at: Instant,
        /// The node.
        node: NodeId,
    },
    /// A node has found a promise broken.
    #[error("at {at} s: node {}: {fault}", node.index())]
    Fault {
        /// The moment.
        at: Instant,
        /// The node.
        node: NodeId,
        /// What it found.
        fault: Fault,
    },
}

/// A packet as its sender's side saw it, before the link could do anything to it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SentFrame {
    /// Its number, from 1.
    pub number: u64,
    /// When it was sent.
    pub time: Instant,
    /// Who sent it.
    pub node: NodeId,
    /// The IP packet.
    pub packet: Bytes,
    /// What its sender cannot see.
    pub fate: Fate,
}

/// What becomes of a packet on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fate {
    /// It, or a copy of it, arrives as it was sent.
    Arrives,
    /// It arrives, and each copy of it is damaged.
    Damaged,
    /// The link drops it.
    Dropped(LinkDrop),
}

/// What happened in one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Happened {
    /// A node that was touched from outside was looked after.
    Touched(NodeId),
    /// A packet arrived.
    Arrived {
        /// Where.
        node: NodeId,
        /// As which frame it was sent.
        frame: u64,
    },
    /// A deadline came.
    Deadline(NodeId),
}

impl Happened {
    /// The node to which it happened.
    #[must_use]
    pub const fn node(self) -> NodeId {
        match self {
            Self::Touched(node) | Self::Arrived { node, .. } | Self::Deadline(node) => node,
        }
    }
}

/// Nodes and links in virtual time.
///
/// The next thing to happen is the earliest; at the same moment first the nodes that were touched from outside, then
/// arrivals in the order in which the packets were sent, then deadlines in the order of the nodes.
#[derive(Debug)]
pub struct World<N> {
    seed: u64,
    now: Instant,
    stations: Vec<Station<N>>,
    wires: Vec<Wire>,
    flying: BinaryHeap<Reverse<Flying>>,
    /// Copies that were put on their way so far.
    launched: u64,
    limits: Limits,
    events: u64,
    events_now: u64,
    frames_sent: u64,
    record_frames: bool,
    frames: VecDeque<SentFrame>,
    log: Log,
    /// Where nodes write their packets.
    out: Vec<u8>,
}

#[derive(Debug)]
struct Station<N> {
    node: N,
    wire: Option<usize>,
    touched: bool,
    /// The last frame at which one of its changes can be seen.
    latest_shown: Option<u64>,
}

#[derive(Debug)]
struct Wire {
    to: NodeId,
    link: Link,
}

/// A copy of a packet on its way.
#[derive(Debug)]
struct Flying {
    at: Instant,
    order: u64,
    to: NodeId,
    frame: u64,
    packet: Bytes,
}

impl PartialEq for Flying {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Flying {}

impl PartialOrd for Flying {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Flying {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

/// Octets of the longest IP packet.
const LONGEST_PACKET: usize = 40 + 65_535;

impl<N: Node> World<N> {
    /// An empty world. All luck in it comes from `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            now: Instant::ZERO,
            stations: Vec::new(),
            wires: Vec::new(),
            flying: BinaryHeap::new(),
            launched: 0,
            limits: Limits::default(),
            events: 0,
            events_now: 0,
            frames_sent: 0,
            record_frames: false,
            frames: VecDeque::new(),
            log: Log::default(),
            out: vec![0; LONGEST_PACKET],
        }
    }

    /// Other bounds.
    pub const fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// Whether to keep what is sent until [`poll_frame`](Self::poll_frame) takes it. Off in the beginning.
    pub const fn record_frames(&mut self, record: bool) {
        self.record_frames = record;
    }

    /// Adds a node.
    pub fn add(&mut self, node: N) -> NodeId {
        let id = NodeId(self.stations.len());
        self.stations.push(Station { node, wire: None, touched: true, latest_shown: None });
        id
    }

    /// Leads all that `from` sends to `to`; instead of where it was led before. `None` if there is no such node.
    pub fn link(&mut self, from: NodeId, to: NodeId, config: LinkConfig) -> Option<LinkId> {
        if to.0 >= self.stations.len() {
            return None;
        }
        let index = self.wires.len();
        self.stations.get_mut(from.0)?.wire = Some(index);
        // Each link has its own luck: a change in one changes nothing in the others.
        let link = Link::new(config, Prng::stream(self.seed, index as u64));
        self.wires.push(Wire { to, link });
        Some(LinkId(index))
    }

    /// The virtual time.
    #[must_use]
    pub const fn now(&self) -> Instant {
        self.now
    }

    /// Events so far.
    #[must_use]
    pub const fn events(&self) -> u64 {
        self.events
    }

    /// Frames sent so far.
    #[must_use]
    pub const fn frames_sent(&self) -> u64 {
        self.frames_sent
    }

    /// A node.
    #[must_use]
    pub fn node(&self, id: NodeId) -> Option<&N> {
        Some(&self.stations.get(id.0)?.node)
    }

    /// Hands out a node to be changed from outside; the next step sends what comes of it.
    pub fn touch(&mut self, id: NodeId) -> Option<&mut N> {
        let station = self.stations.get_mut(id.0)?;
        station.touched = true;
        Some(&mut station.node)
    }

    /// A link.
    #[must_use]
    pub fn link_of(&self, id: LinkId) -> Option<&Link> {
        Some(&self.wires.get(id.0)?.link)
    }

    /// A link, to give it other impairments.
    pub fn link_mut(&mut self, id: LinkId) -> Option<&mut Link> {
        Some(&mut self.wires.get_mut(id.0)?.link)
    }

    /// The next frame that was sent, if frames are recorded. They pile up until they are taken.
    pub fn poll_frame(&mut self) -> Option<SentFrame> {
        self.frames.pop_front()
    }

    /// The next change of a state.
    pub fn poll_change(&mut self) -> Option<LogEntry> {
        self.log.pop()
    }

    /// When the next thing happens; `None` if nothing ever will.
    #[must_use]
    pub fn next_event(&self) -> Option<Instant> {
        self.upcoming().map(|(at, _)| at)
    }

    /// Lets the next thing happen; `None` if nothing ever will.
    ///
    /// # Errors
    ///
    /// [`SimError`]: something is wrong, and a further step makes no sense.
    pub fn step(&mut self) -> Result<Option<Happened>, SimError> {
        let Some((at, next)) = self.upcoming() else { return Ok(None) };
        self.count_event(at)?;
        let happened = match next {
            Next::Touched(node) => {
                if let Some(station) = self.stations.get_mut(node.0) {
                    station.touched = false;
                }
                self.changes(node, Doing::Acting);
                self.drain(node)?;
                Happened::Touched(node)
            }
            Next::Arrival => match self.flying.pop() {
                Some(Reverse(flying)) => self.arrive(&flying)?,
                None => return Ok(None),
            },
            Next::Deadline(node) => {
                self.run_deadline(node)?;
                Happened::Deadline(node)
            }
        };
        self.log.settle();
        self.check(happened.node())?;
        Ok(Some(happened))
    }

    /// Steps until nothing more happens.
    ///
    /// # Errors
    ///
    /// As of [`step`](Self::step).
    pub fn run(&mut self) -> Result<(), SimError> {
        while self.step()?.is_some() {}
        Ok(())
    }

    /// Steps until the time is `end`; answers whether something will still happen.
    ///
    /// # Errors
    ///
    /// As of [`step`](Self::step).
    pub fn run_until(&mut self, end: Instant) -> Result<bool, SimError> {
        while self.next_event().is_some_and(|at| at <= end) {
            self.step()?;
        }
        self.now = self.now.max(end);
        Ok(self.next_event().is_some())
    }

    fn upcoming(&self) -> Option<(Instant, Next)> {
        if let Some(node) = self.stations.iter().position(|station| station.touched) {
            return Some((self.now, Next::Touched(NodeId(node))));
        }
        let arrival = self.flying.peek().map(|Reverse(flying)| (flying.at, Next::Arrival));
        let deadlines = self.stations.iter().enumerate().filter_map(|(index, station)| {
            let at = station.node.poll_timeout()?.max(self.now);
            Some((at, Next::Deadline(NodeId(index))))
        });
        // `min_by_key` keeps the first of equals: arrivals before deadlines, lower nodes before higher ones.
        arrival.into_iter().chain(deadlines).min_by_key(|(at, _)| *at)
    }

    fn count_event(&mut self, at: Instant) -> Result<(), SimError> {
        if at > self.now {
            self.now = at;
            self.events_now = 0;
        }
        self.events += 1;
        self.events_now += 1;
        if self.events_now > self.limits.events_per_instant {
            return Err(SimError::Livelock { at, events: self.events_now });
        }
        if self.events > self.limits.events {
            return Err(SimError::TooManyEvents { at, events: self.limits.events });
        }
        Ok(())
    }

    fn arrive(&mut self, flying: &Flying) -> Result<Happened, SimError> {
        let Flying { to: node, frame, ref packet, .. } = *flying;
        if let Some(station) = self.stations.get_mut(node.0) {
            station.node.handle_packet(self.now, packet);
        }
        self.changes(node, Doing::Receiving(frame));
        self.drain(node)?;
        Ok(Happened::Arrived { node, frame })
    }

    fn run_deadline(&mut self, node: NodeId) -> Result<(), SimError> {
        if let Some(station) = self.stations.get_mut(node.0) {
            station.node.handle_timeout(self.now);
        }
        self.changes(node, Doing::Acting);
        self.drain(node)?;
        let at = self.now;
        match self.node(node).and_then(Node::poll_timeout) {
            Some(deadline) if deadline <= at => Err(SimError::DeadlineStands { at, node, deadline }),
            _ => Ok(()),
        }
    }

    /// Takes all packets that a node wants to send.
    fn drain(&mut self, node: NodeId) -> Result<(), SimError> {
        let at = self.now;
        let mut packets = 0;
        loop {
            let Some(station) = self.stations.get_mut(node.0) else { return Ok(()) };
            let Some(len) = station.node.poll_transmit(at, &mut self.out) else { break };
            let wire = station.wire;
            packets += 1;
            if packets > self.limits.packets_per_event {
                return Err(SimError::Flood { at, node, packets });
            }
            let packet = Bytes::copy_from_slice(self.out.get(..len).unwrap_or(&self.out));
            let number = self.capture(node, &packet);
            let fate = self.launch(node, wire, number, packet)?;
            if let Some(frame) = self.frames.back_mut().filter(|frame| frame.number == number) {
                frame.fate = fate;
            }
        }
        // What a call changes without sending anything.
        self.changes(node, Doing::Acting);
        Ok(())
    }

    /// Numbers a packet as a frame, and notes which changes it shows.
    fn capture(&mut self, node: NodeId, packet: &Bytes) -> u64 {
        self.frames_sent += 1;
        let number = self.frames_sent;
        self.changes(node, Doing::Sending(number));
        if let Some(station) = self.stations.get_mut(node.0) {
            self.log.sent(node, number, packet, &mut station.latest_shown);
        }
        if self.record_frames {
            let (time, packet) = (self.now, packet.clone());
            self.frames.push_back(SentFrame { number, time, node, packet, fate: Fate::Arrives });
        }
        number
    }

    fn launch(
        &mut self,
        node: NodeId,
        wire: Option<usize>,
        frame: u64,
        packet: Bytes,
    ) -> Result<Fate, SimError> {
        let at = self.now;
        let Some(wire) = wire.and_then(|wire| self.wires.get_mut(wire)) else {
            return Err(SimError::NoLink { at, node });
        };
        let to = wire.to;
        let damaged = wire.link.stats().corrupted;
        let (first, second) = match wire.link.send(at, packet) {
            Ok(arrivals) => arrivals,
            Err(drop) => return Ok(Fate::Dropped(drop)),
        };
        let whole = 1 + u64::from(second.is_some()) - (wire.link.stats().corrupted - damaged);
        for Arrival { at, packet } in [Some(first), second].into_iter().flatten() {
            let order = self.launched;
            self.launched += 1;
            self.flying.push(Reverse(Flying { at, order, to, frame, packet }));
        }
        if self.flying.len() > self.limits.packets_in_flight {
            return Err(SimError::TooManyInFlight { at, packets: self.flying.len() });
        }
        Ok(if whole > 0 { Fate::Arrives } else { Fate::Damaged })
    }

    fn changes(&mut self, node: NodeId, doing: Doing) {
        let Some(station) = self.stations.get_mut(node.0) else { return };
        while let Some(change) = station.node.poll_change() {
            self.log.note(self.now, node, doing, change, &mut station.latest_shown);
        }
    }

    fn check(&self, node: NodeId) -> Result<(), SimError> {
        match self.node(node).and_then(Node::fault) {
            Some(fault) => Err(SimError::Fault { at: self.now, node, fault }),
            None => Ok(()),
        }
    }
}

/// What comes next.
enum Next {
    Touched(NodeId),
    Arrival,
    Deadline(NodeId),
}

#[cfg(test)]
mod tests;
