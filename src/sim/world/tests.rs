use super::*;
use crate::sim::{Change, Probability};
use crate::{Event, State};
use core::time::Duration;
use std::vec::Vec;

const MS: Duration = Duration::from_millis(1);

/// A node that counts down: it sends a packet that says `n`, and answers `n` with `n - 1`.
#[derive(Debug, Default)]
struct Counter {
    outbox: VecDeque<Vec<u8>>,
    inbox: Vec<(Instant, Vec<u8>)>,
    /// Never stops.
    endless: bool,
    /// Sends this at this time, once.
    alarm: Option<(Instant, Vec<u8>)>,
    /// Has a deadline that no call makes go away.
    stuck: bool,
    floods: bool,
    changes: VecDeque<Change>,
    fault: Option<Fault>,
}

impl Counter {
    fn calls(count: u8) -> Self {
        Self { outbox: [[count].to_vec()].into(), ..Self::default() }
    }

    fn rings(at: Instant, say: u8) -> Self {
        Self { alarm: Some((at, [say].to_vec())), ..Self::default() }
    }
}

impl Node for Counter {
    fn handle_packet(&mut self, now: Instant, packet: &[u8]) {
        self.inbox.push((now, packet.to_vec()));
        let left = packet[0];
        if left > 0 || self.endless {
            self.outbox.push_back([left.saturating_sub(1)].to_vec());
        }
    }

    fn poll_transmit(&mut self, _: Instant, out: &mut [u8]) -> Option<usize> {
        if self.floods {
            return Some(1);
        }
        let packet = self.outbox.pop_front()?;
        out[..packet.len()].copy_from_slice(&packet);
        Some(packet.len())
    }

    fn handle_timeout(&mut self, now: Instant) {
        if let Some((_, packet)) = self.alarm.take_if(|(at, _)| *at <= now) {
            self.outbox.push_back(packet);
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        if self.stuck { Some(Instant::ZERO) } else { self.alarm.as_ref().map(|(at, _)| *at) }
    }

    fn poll_change(&mut self) -> Option<Change> {
        self.changes.pop_front()
    }

    fn fault(&self) -> Option<Fault> {
        self.fault
    }
}

fn delayed() -> LinkConfig {
    LinkConfig { delay: 10 * MS, ..LinkConfig::default() }
}

fn pair(seed: u64, a: Counter, b: Counter, config: LinkConfig) -> (World<Counter>, NodeId, NodeId) {
    let mut world = World::new(seed);
    let (a, b) = (world.add(a), world.add(b));
    world.link(a, b, config).unwrap();
    world.link(b, a, config).unwrap();
    (world, a, b)
}

fn at(millis: u32) -> Instant {
    Instant::ZERO + MS * millis
}

#[test]
fn time_jumps_from_one_event_to_the_next() {
    let (mut world, a, b) = pair(1, Counter::calls(3), Counter::default(), delayed());
    world.record_frames(true);
    assert_eq!(world.step(), Ok(Some(Happened::Touched(a))));
    assert_eq!(world.step(), Ok(Some(Happened::Touched(b))));
    assert_eq!(world.next_event(), Some(at(10)));
    assert_eq!(world.step(), Ok(Some(Happened::Arrived { node: b, frame: 1 })));
    assert_eq!(world.now(), at(10));
    world.run().unwrap();
    assert_eq!(world.now(), at(40));
    assert_eq!(world.next_event(), None);
    let frames: Vec<_> = core::iter::from_fn(|| world.poll_frame()).collect();
    let told: Vec<_> = frames.iter().map(|f| (f.number, f.time, f.node, f.packet[0])).collect();
    assert_eq!(told, [(1, at(0), a, 3), (2, at(10), b, 2), (3, at(20), a, 1), (4, at(30), b, 0)]);
}

#[test]
fn at_one_moment_arrivals_come_in_the_order_of_sending_and_before_deadlines() {
    let a = Counter { outbox: [[0].to_vec(), [100].to_vec()].into(), ..Counter::default() };
    let (mut world, a, b) = pair(1, a, Counter::rings(at(10), 7), delayed());
    world.step().unwrap();
    world.step().unwrap();
    assert_eq!(world.step(), Ok(Some(Happened::Arrived { node: b, frame: 1 })));
    assert_eq!(world.step(), Ok(Some(Happened::Arrived { node: b, frame: 2 })));
    assert_eq!(world.step(), Ok(Some(Happened::Deadline(b))));
    let said =
        |world: &World<Counter>, node| world.node(node).unwrap().inbox.iter().map(|(_, p)| p[0]).collect();
    let at_b: Vec<u8> = said(&world, b);
    assert_eq!(at_b, [0, 100]);
    world.step().unwrap();
    world.step().unwrap();
    let at_a: Vec<u8> = said(&world, a);
    assert_eq!(at_a, [99, 7], "the answer left before the alarm rang");
}

#[test]
fn a_frame_tells_what_becomes_of_it() {
    let fate = |change: fn(&mut LinkConfig)| {
        let mut config = delayed();
        change(&mut config);
        let (mut world, ..) = pair(1, Counter::calls(0), Counter::default(), config);
        world.record_frames(true);
        world.run().unwrap();
        world.poll_frame().unwrap().fate
    };
    assert_eq!(fate(|_| {}), Fate::Arrives);
    assert_eq!(fate(|config| config.loss = Probability::ALWAYS), Fate::Dropped(LinkDrop::Loss));
    assert_eq!(fate(|config| config.mtu = 0), Fate::Dropped(LinkDrop::Mtu));
    assert_eq!(fate(|config| config.corrupt = Probability::ALWAYS), Fate::Damaged);
    let twice = |config: &mut LinkConfig| config.duplicate = Probability::ALWAYS;
    assert_eq!(fate(twice), Fate::Arrives);
}

#[test]
fn run_until_stops_in_time() {
    let (mut world, ..) = pair(1, Counter::calls(3), Counter::default(), delayed());
    assert_eq!(world.run_until(at(20)), Ok(true));
    assert_eq!((world.now(), world.frames_sent()), (at(20), 3));
    assert_eq!(world.run_until(at(25)), Ok(true));
    assert_eq!((world.now(), world.frames_sent()), (at(25), 3));
    assert_eq!(world.run_until(at(500)), Ok(false));
    assert_eq!((world.now(), world.frames_sent()), (at(500), 4));
}

#[test]
fn what_never_ends_is_an_error_and_no_hang() {
    let endless = || Counter { endless: true, ..Counter::calls(1) };
    let (mut world, ..) = pair(1, endless(), endless(), LinkConfig::default());
    assert!(matches!(world.run(), Err(SimError::Livelock { events: 1_000_001, .. })));

    let (mut world, ..) = pair(1, endless(), endless(), delayed());
    world.set_limits(Limits { events: 1_000, ..Limits::default() });
    assert!(matches!(world.run(), Err(SimError::TooManyEvents { events: 1_000, .. })));
}

#[test]
fn a_flood_is_an_error() {
    let flood = Counter { floods: true, ..Counter::default() };
    let (mut world, a, _) = pair(1, flood, Counter::default(), delayed());
    assert_eq!(world.run(), Err(SimError::Flood { at: at(0), node: a, packets: 65_537 }));
}

#[test]
fn too_much_on_its_way_is_an_error() {
    let a = Counter { outbox: (0..20).map(|_| [0].to_vec()).collect(), ..Counter::default() };
    let (mut world, ..) = pair(1, a, Counter::default(), delayed());
    world.set_limits(Limits { packets_in_flight: 10, ..Limits::default() });
    assert_eq!(world.run(), Err(SimError::TooManyInFlight { at: at(0), packets: 11 }));
}

#[test]
fn a_deadline_that_stands_is_an_error() {
    let stuck = Counter { stuck: true, ..Counter::default() };
    let (mut world, a, _) = pair(1, stuck, Counter::default(), delayed());
    let deadline = Instant::ZERO;
    assert_eq!(world.run(), Err(SimError::DeadlineStands { at: at(0), node: a, deadline }));
}

#[test]
fn a_fault_that_a_node_finds_ends_the_run() {
    let fault = Fault::Conflict { octets: 1 };
    let broken = Counter { fault: Some(fault), ..Counter::default() };
    let (mut world, _, b) = pair(1, Counter::default(), broken, delayed());
    assert_eq!(world.run(), Err(SimError::Fault { at: at(0), node: b, fault }));
}

#[test]
fn who_has_no_link_cannot_send() {
    let mut world = World::new(1);
    let lonely = world.add(Counter::calls(1));
    assert_eq!(world.run(), Err(SimError::NoLink { at: at(0), node: lonely }));
    assert_eq!(world.link(lonely, NodeId(7), LinkConfig::default()), None);
}

#[test]
fn a_node_that_was_touched_sends_at_once() {
    let (mut world, a, _) = pair(1, Counter::default(), Counter::default(), delayed());
    world.run_until(at(50)).unwrap();
    world.touch(a).unwrap().outbox.push_back([0].to_vec());
    assert_eq!(world.next_event(), Some(at(50)));
    world.run().unwrap();
    assert_eq!(world.now(), at(60));
}

/// Everything that an onlooker can see of a run, as one number (FNV-1a).
fn trace(seed: u64) -> u64 {
    let mut config = delayed();
    config.loss = Probability::percent(2);
    config.jitter = 3 * MS;
    config.duplicate = Probability::percent(20);
    config.corrupt = Probability::percent(10);
    let (mut world, ..) = pair(seed, Counter::calls(200), Counter::calls(200), config);
    world.record_frames(true);
    let mut hash = 0xcbf2_9ce4_8422_2325;
    let mut mix = |octets: &[u8]| {
        for octet in octets {
            hash = (hash ^ u64::from(*octet)).wrapping_mul(0x0100_0000_01b3);
        }
    };
    // Copies that become more copies: until enough has been seen.
    while world.frames_sent() < 5_000 && world.step().unwrap().is_some() {
        while let Some(frame) = world.poll_frame() {
            mix(&frame.time.as_nanos().to_le_bytes());
            mix(&frame.packet);
        }
    }
    hash
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    assert_eq!(trace(11), trace(11));
    assert_ne!(trace(11), trace(12));
}

fn change(event: Event, from: State) -> Change {
    Change { event, from, to: from.on(event).unwrap() }
}

#[test]
fn a_change_that_a_packet_brings_stands_at_the_frame_that_it_was_sent_as() {
    let (mut world, a, b) = pair(1, Counter::calls(3), Counter::default(), delayed());
    world.run_until(at(5)).unwrap();
    world.touch(b).unwrap().changes.clear();
    assert_eq!(world.poll_change(), None);
    // The node notices it when the packet arrives.
    while world.next_event() < Some(at(10)) {
        world.step().unwrap();
    }
    world.stations[b.0].node.changes.push_back(change(Event::AckOfSyn, State::SynReceived));
    world.step().unwrap();
    let entry = world.poll_change().unwrap();
    assert_eq!((entry.time, entry.frame, entry.node), (at(10), Some(1), b));
    assert_eq!((entry.from, entry.to), (State::SynReceived, State::Established));
    world.stations[a.0].node.changes.push_back(change(Event::TimeWaitTimeout, State::TimeWait));
    world.step().unwrap();
    let entry = world.poll_change().unwrap();
    assert_eq!((entry.time, entry.frame, entry.node), (at(20), None, a));
}
