//! What a connection takes of memory: nothing for a packet in the steady state, little at rest; and what it
//! is made of.
//!
//! Counted by the allocator itself. Each test counts what its own thread allocates, so that tests may run
//! side by side.

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

#[path = "common/counting.rs"]
mod counting;

use std::collections::VecDeque;
use std::time::Duration;

use counting::account;
use tcpstate::connection::{Arrival, Connection, ConnectionConfig, Payload, Received, SharedConfig};
use tcpstate::tcp::{SegmentMeta, SegmentPlan, Tcb, TcpConfig, Unpredictable, Verdict};
use tcpstate::{Instant, SeqNumber, State};

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// What a network of 1 Gbit/s takes for a full segment, and how long it is.
const GAP: Duration = Duration::from_micros(12);
const DELAY: Duration = Duration::from_millis(2);

static DATA: [u8; 64 * KIB] = [0x5a; 64 * KIB];

/// A segment on its way. Its buffer is used again.
struct Packet {
    at: Instant,
    meta: SegmentMeta,
    octets: Vec<u8>,
}

/// Two connections, their users, and a network that loses nothing.
struct Network {
    ends: [Connection; 2],
    now: Instant,
    /// What each end has sent and the other has not yet got.
    flying: [VecDeque<Packet>; 2],
    /// When the line of each end is free again.
    free_at: [Instant; 2],
    buffers: Vec<Vec<u8>>,
    /// What each user has still to send.
    unsent: [usize; 2],
    /// What each user has read.
    read: [usize; 2],
    out: Vec<u8>,
    /// Segments without payload that were formed or taken in, and what was allocated for them.
    empty: u64,
    allocated_for_empty: u64,
}

impl Network {
    fn established() -> Self {
        let config = SharedConfig::from(&ConnectionConfig::default());
        let now = Instant::from_nanos(1 << 40);
        let secrets = |iss| Unpredictable { iss: SeqNumber::new(iss), timestamp_offset: 0 };
        let mut called = Connection::listen(&config);
        called.prepare(secrets(0x2000_0000));
        let mut network = Self {
            ends: [Connection::connect(&config, secrets(0x1000_0000), now), called],
            now,
            flying: [VecDeque::with_capacity(8_192), VecDeque::with_capacity(8_192)],
            free_at: [now; 2],
            buffers: (0..8_192).map(|_| Vec::with_capacity(1_500)).collect(),
            unsent: [0; 2],
            read: [0; 2],
            out: vec![0; 64 * KIB],
            empty: 0,
            allocated_for_empty: 0,
        };
        while network.ends.iter().any(|end| end.state() != State::Established) {
            network.step();
        }
        (network.empty, network.allocated_for_empty) = (0, 0);
        network
    }

    /// Users send and read what they can, then the next thing happens. `false` when nothing will.
    fn step(&mut self) -> bool {
        for end in 0..2 {
            self.serve_user(end);
            self.transmit(end);
        }
        let arrivals = self.flying.iter().filter_map(|flying| flying.front()).map(|packet| packet.at);
        let deadlines = self.ends.iter().filter_map(Connection::poll_timeout);
        let Some(next) = arrivals.chain(deadlines).min() else { return false };
        self.now = self.now.max(next);
        for end in 0..2 {
            self.deliver(end);
            self.ends[end].on_timeout(self.now);
        }
        true
    }

    fn serve_user(&mut self, end: usize) {
        let connection = &mut self.ends[end];
        if self.unsent[end] > 0 && connection.state() == State::Established {
            let piece = &DATA[..self.unsent[end].min(DATA.len())];
            self.unsent[end] -= connection.send(self.now, piece).expect("it is open");
        }
        while let Received::Data(len) = connection.recv_slice(self.now, &mut self.out) {
            self.read[end] += len;
        }
    }

    fn transmit(&mut self, end: usize) {
        loop {
            let before = account().allocations;
            let Some(plan) = self.ends[end].poll_segment(self.now) else { break };
            self.book(plan.meta.len, before);
            let mut octets = self.buffers.pop().expect("the network is large enough");
            octets.clear();
            self.ends[end].payload(&plan).for_each(|piece| octets.extend_from_slice(piece));
            self.free_at[end] = self.free_at[end].max(self.now) + GAP;
            self.flying[end].push_back(Packet { at: self.free_at[end] + DELAY, meta: plan.meta, octets });
        }
    }

    /// What `end` has sent arrives at the other.
    fn deliver(&mut self, end: usize) {
        while let Some(packet) = self.flying[end].pop_front_if(|packet| packet.at <= self.now) {
            let before = account().allocations;
            self.ends[1 - end].on_segment(self.now, &packet.meta, Payload::Slice(&packet.octets));
            self.book(packet.meta.len, before);
            self.buffers.push(packet.octets);
        }
    }

    fn book(&mut self, len: u32, before: u64) {
        if len == 0 {
            self.empty += 1;
            self.allocated_for_empty += account().allocations - before;
        }
    }
}

/// Lets each end have so many more octets from the other, and says how often memory was allocated for that.
fn allocations_for(network: &mut Network, octets: [usize; 2]) -> u64 {
    let (before, read) = (account().allocations, network.read);
    network.unsent[0] += octets[0];
    network.unsent[1] += octets[1];
    let goal = [read[0] + octets[1], read[1] + octets[0]];
    while network.read != goal {
        assert!(network.step(), "it goes on");
    }
    account().allocations - before
}

// --- Allocations ---

#[test]
fn a_bulk_transfer_allocates_at_most_once_for_64_kib() {
    for octets in [[32 * MIB, 0], [0, 32 * MIB], [16 * MIB, 16 * MIB]] {
        let mut network = Network::established();
        // Buffers reach the size that they keep.
        allocations_for(&mut network, octets.map(|octets| octets / 2));
        let allocations = allocations_for(&mut network, octets);
        let pieces = ((octets[0] + octets[1]) / (64 * KIB)) as u64;
        assert!(allocations <= pieces, "{allocations} allocations for {pieces} times 64 KiB");
    }
}

#[test]
fn a_pure_acknowledgment_allocates_nothing_where_it_is_formed_nor_where_it_arrives() {
    let mut network = Network::established();
    let segments = 16 * MIB / 1_448;
    let octets = [segments * 1_448, 0];
    // Buffers and lists reach their size. When all is acknowledged, a long list of transmissions is given back: that
    // is a call of the allocator too, and not one for a packet in the steady state.
    allocations_for(&mut network, octets);
    while network.ends[0].unacknowledged() > 0 {
        network.step();
    }
    (network.empty, network.allocated_for_empty) = (0, 0);
    // The last of so many are still on their way when everything was read.
    allocations_for(&mut network, [2 * octets[0], 0]);
    assert!(network.empty >= segments as u64, "one for every two segments, formed here and taken in there");
    assert_eq!(network.allocated_for_empty, 0);
}

#[test]
fn requests_and_their_answers_allocate_nothing_but_once_a_second() {
    for [request, answer] in [[1, 1], [200, 1_000]] {
        let mut network = Network::established();
        let (began, mut allocations) = (network.now, 0);
        for _ in 0..1_000 {
            allocations += allocations_for(&mut network, [request, 0]);
            allocations += allocations_for(&mut network, [0, answer]);
        }
        // After a second what is empty is given back: two buffers at each end, each with a list of chunks and a chunk,
        // and the scoreboard.
        let seconds = (network.now - began).as_secs() + 1;
        assert!(allocations <= 2 * 9 * seconds, "{allocations} in {seconds} s");
    }
}

// --- Memory at rest ---

/// The choices of the user, with the counters of who shares them.
const SHARED: usize = size_of::<TcpConfig>() + 16;

/// Octets that are freed when `ends` are dropped.
fn heap_of(ends: [Connection; 2]) -> usize {
    let before = account().live;
    drop(ends);
    usize::try_from(before - account().live).expect("dropping frees")
}

#[test]
fn a_connection_that_was_just_opened_has_room_for_a_few_records_on_the_heap_and_nothing_else() {
    assert!(heap_of(Network::established().ends) <= SHARED + 2 * 640);
}

#[test]
fn after_64_kib_each_way_an_idle_connection_keeps_no_chunk() {
    let mut network = Network::established();
    allocations_for(&mut network, [64 * KIB; 2]);
    // All was read; what came last is not acknowledged yet, and each reader is ready for more, as is the sender with
    // chunks that were acknowledged.
    assert!(network.ends.iter().all(|end| end.memory() <= (64 + 64 + 28) * KIB));
    while network.step() {}
    assert_eq!(network.ends.each_ref().map(Connection::memory), [0; 2]);
    assert_eq!(heap_of(network.ends), SHARED, "nothing but the choices of both");
}

// --- What a connection is made of ---

/// A jump is to be explained here. Octets on 64-bit computers:
///
/// - `Tcb`: 120 are the receive sequence variables, of which 56 are what the size of the window is worked out from, 96
///   the controller (CUBIC; its epoch is on the heap), 80 what recovery remembers (RACK, the tail's probe), 64 each the
///   send sequence variables and what has been delivered and what holds sending back, 56 round trips, 48 each the six
///   timers that every connection uses and what the path's size is known to be, 16 each the scoreboard, the clocks and
///   ECN; the rest are counters, moments and what is due. The choices of the user are shared, and what only some
///   connections have is on the heap as long as it is needed.
/// - `Connection`: beside the `Tcb`, 16 are the receive buffer, 32 the send buffer with three sizes (now, and its
///   bounds), 16 what is due.
#[cfg(target_pointer_width = "64")]
#[test]
fn sizes_change_only_on_purpose() {
    assert_eq!(size_of::<Tcb>(), 696);
    assert_eq!(size_of::<Connection>(), 760);
    // These are handed over for each segment.
    assert_eq!([size_of::<SegmentMeta>(), size_of::<SegmentPlan>()], [96, 128]);
    assert_eq!([size_of::<Arrival>(), size_of::<Verdict>()], [72, 64]);
}
