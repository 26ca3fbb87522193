//! Two machines with the same fingerprint have the same future: random pairs, from random pasts in which little happens so
//! that they meet, are given the same random future, and answer alike as long as it lasts. After each step their
//! fingerprints are the same again.
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]
#![allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small numbers")]

use std::collections::BTreeMap;
use std::time::Duration;

use tcpstate::tcp::{
    AckPolicy, Command, CommandError, Horizon, Keepalive, NetworkError, PathMtu, Queue, SackList,
    SegmentMeta, Tcb, TcpConfig, Timestamps, Unpredictable,
};
use tcpstate::{Instant, SeqNumber, State, TcpFlags};

/// The horizon of the explorer, in time and in octets.
const HORIZON: Horizon = Horizon { time: Duration::from_secs(60), octets: 2 };
/// How far the second end's clock for timestamps is ahead of the first's.
const APART: u32 = 5_000;

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    fn below(&mut self, most: u64) -> u64 {
        self.next() % most
    }
    fn of<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.below(list.len() as u64) as usize]
    }
}

/// A machine, and what its numbers and moments count from.
#[derive(Clone)]
struct Met {
    tcb: Tcb,
    now: Instant,
    iss: u32,
    peer: u32,
    clock: u32,
    /// How far the peer's clock is ahead.
    ahead: u32,
}

impl Met {
    fn fingerprint(&self, horizon: Option<Horizon>) -> u128 {
        let of = |horizon| self.tcb.fingerprint_within(self.now, horizon);
        horizon.map_or_else(|| self.tcb.fingerprint(self.now), of).get()
    }

    fn clock(&self) -> u32 {
        ((self.now.as_nanos() / 1_000_000) as u32).wrapping_add(self.clock)
    }

    /// A segment of this end as everybody would see it who has begun elsewhere.
    fn relative(&self, mut meta: SegmentMeta) -> SegmentMeta {
        // The number of a reset for a segment without ACK is zero.
        if meta.seq != SeqNumber::new(0) {
            meta.seq = SeqNumber::new(meta.seq.get().wrapping_sub(self.tcb.iss().get()));
        }
        meta.ack = if meta.flags.contains(TcpFlags::ACK) {
            SeqNumber::new(meta.ack.get().wrapping_sub(self.peer))
        } else {
            SeqNumber::new(0)
        };
        if let Some(times) = &mut meta.options.timestamps {
            times.val = times.val.wrapping_sub(self.clock());
            times.ecr = if times.ecr == 0 { 0 } else { times.ecr.wrapping_sub(self.clock()) };
        }
        let mut blocks = SackList::default();
        for (left, right) in meta.options.sack.as_slice() {
            let place = |seq: &SeqNumber| SeqNumber::new(seq.get().wrapping_sub(self.peer));
            blocks.push(place(left), place(right));
        }
        meta.options.sack = blocks;
        meta
    }

    /// What happens, and what it says.
    fn take(&mut self, deed: &Deed) -> String {
        let before = self.tcb.state();
        let said = self.says(deed);
        if self.tcb.state() == State::Listen && before != State::Listen {
            self.tcb.prepare(Unpredictable { iss: SeqNumber::new(self.iss), timestamp_offset: self.clock });
        }
        said
    }

    fn says(&mut self, deed: &Deed) -> String {
        let now = self.now;
        match deed {
            Deed::Segment(meta) => {
                let mut meta = *meta;
                meta.seq += self.peer;
                let iss = self.tcb.iss().get();
                meta.ack += iss;
                if let Some(times) = &mut meta.options.timestamps {
                    times.val = times.val.wrapping_add(self.clock()).wrapping_add(self.ahead);
                    times.ecr = times.ecr.wrapping_add(self.clock());
                }
                let mut blocks = SackList::default();
                for (left, right) in meta.options.sack.as_slice() {
                    blocks.push(*left + iss, *right + iss);
                }
                meta.options.sack = blocks;
                format!("{:?}", self.tcb.on_segment(now, &meta))
            }
            Deed::Call(command) => {
                let mut command = *command;
                match &mut command {
                    Command::NetworkError(error) => error.seq += self.tcb.iss().get(),
                    Command::PathMtu(report) => report.seq += self.tcb.iss().get(),
                    _ => {}
                }
                match self.tcb.on_command(now, command) {
                    Err(CommandError::NotInFlight(_)) => "not in flight".into(),
                    other => format!("{other:?}"),
                }
            }
            Deed::Wait(time) => {
                self.now = self.now + *time;
                match self.tcb.poll_timeout() {
                    Some(at) if at <= self.now => format!("{:?}", self.tcb.on_timeout(self.now)),
                    _ => String::new(),
                }
            }
            Deed::Deadline(most) => match self.tcb.poll_timeout() {
                Some(at) if at.since(now) <= *most => {
                    self.now = at.max(now);
                    format!("{:?}", self.tcb.on_timeout(self.now))
                }
                _ => String::new(),
            },
            Deed::Poll => {
                let mut said = String::new();
                for _ in 0..64 {
                    let Some(plan) = self.tcb.poll_segment(now) else { break };
                    let meta = self.relative(plan.meta);
                    let offset = if meta.len > 0 { plan.offset } else { 0 };
                    said += &format!("{meta:?} {offset} {:?}\n", plan.notices);
                }
                said
            }
        }
    }

    /// What can be asked of it between two deeds.
    fn looks(&self) -> String {
        let tcb = &self.tcb;
        let due = tcb.poll_timeout().map(|at| (at.since(self.now), at < self.now));
        let una = tcb.snd_una().get().wrapping_sub(tcb.iss().get());
        let there =
            if matches!(tcb.state(), State::Listen | State::Closed) { (0, 0) } else { (una, tcb.rcv_wnd()) };
        format!("{:?} {due:?} {} {} {there:?}", tcb.state(), tcb.readable_to(), tcb.acked_to())
    }
}

#[derive(Clone, Debug)]
enum Deed {
    /// Its numbers count from the initial ones, its timestamps from the clocks.
    Segment(SegmentMeta),
    Call(Command),
    Wait(Duration),
    /// To the next deadline, if it is no further away.
    Deadline(Duration),
    Poll,
}

/// What is asked of one kind of machine.
#[derive(Clone, Copy)]
struct Kind {
    config: [TcpConfig; 2],
    /// Octets that each end gives to send.
    octets: u32,
    horizon: Option<Horizon>,
    /// Time goes to deadlines only.
    sparse: bool,
}

fn forged(random: &mut Random, kind: &Kind) -> SegmentMeta {
    let flags = random.of(&[
        TcpFlags::ACK,
        TcpFlags::ACK,
        TcpFlags::ACK,
        TcpFlags::ACK | TcpFlags::PSH,
        TcpFlags::ACK | TcpFlags::FIN,
        TcpFlags::SYN,
        TcpFlags::SYN | TcpFlags::ACK,
        TcpFlags::RST,
        TcpFlags::RST | TcpFlags::ACK,
        TcpFlags::ACK | TcpFlags::URG,
        TcpFlags::FIN,
        TcpFlags::ACK | TcpFlags::ECE,
        TcpFlags::NONE,
    ]);
    let octets = u64::from(kind.octets);
    let place = |random: &mut Random| SeqNumber::new(random.below(octets + 4) as u32);
    let seq = place(random);
    let rest = (1 + kind.octets).saturating_sub(seq.get());
    let len = if flags.contains(TcpFlags::SYN) { 0 } else { random.below(u64::from(rest) + 1) as u32 };
    let mut meta = SegmentMeta {
        seq,
        ack: place(random),
        flags,
        window: random.of(&[0, 1, 2, 1_000, 65_535, 65_535, 65_535]),
        urgent: random.below(4) as u16,
        len,
        ..SegmentMeta::default()
    };
    if kind.config[0].timestamps && random.below(8) > 0 {
        let back = |random: &mut Random| (random.below(6) as u32).wrapping_neg();
        meta.options.timestamps = Some(Timestamps { val: back(random), ecr: back(random) });
    }
    if flags.contains(TcpFlags::SYN) {
        meta.options.mss = random.of(&[None, Some(1460), Some(600)]);
        meta.options.window_scale = random.of(&[None, Some(0), Some(3)]);
        meta.options.sack_permitted = random.below(2) > 0;
    } else {
        for _ in 0..random.of(&[0, 0, 0, 1, 2]) {
            let left = place(random);
            meta.options.sack.push(left, left + 1 + random.below(octets) as u32);
        }
    }
    meta
}

fn called(random: &mut Random, kind: &Kind, left: &mut u32) -> Command {
    let seq = SeqNumber::new(random.below(u64::from(kind.octets) + 3) as u32);
    let list = [
        Command::Shutdown,
        Command::Close,
        Command::Consumed(1 + random.below(u64::from(kind.octets)) as u32),
        Command::SetNagle(random.below(2) > 0),
        Command::Flush,
        Command::SetKeepalive(random.of(&[None, Some(Keepalive::default())])),
        Command::SetUserTimeout(random.of(&[None, Some(Duration::from_secs(7))])),
        Command::SetAckDelay(Duration::from_millis(random.of(&[0, 40, 300]))),
        Command::QuickAck(random.below(2) > 0),
        Command::Open,
        Command::Abort,
        // Not within a horizon.
        Command::SetR2(Duration::from_secs(random.of(&[100, 320, 400]))),
        Command::PathMtu(PathMtu { mtu: random.of(&[0, 576, 1_000, 1_400]), seq }),
        Command::NetworkError(NetworkError { hard: random.below(2) > 0, code: 1, seq }),
    ];
    let number = random.below(2 * list.len() as u64) as usize;
    let limit = if kind.horizon.is_some() { 11 } else { list.len() };
    if number < limit {
        return list[number];
    }
    let len = (1 + random.below(u64::from(kind.octets)) as u32).min(*left);
    *left -= len;
    let odd = |random: &mut Random| random.below(6) == 0;
    Command::Queue(Queue { len, push: odd(random), more: odd(random), urgent: odd(random) })
}

/// The same future for both.
fn compare(kind: &Kind, one: &Met, other: &Met, random: &mut Random) {
    let (mut one, mut other) = (one.clone(), other.clone());
    let mut deeds = Vec::new();
    let queued = one.tcb.queued_to() as u32;
    assert!(one.tcb.state() == State::Closed || u64::from(queued) == other.tcb.queued_to());
    let mut left = if kind.horizon.is_some() { kind.octets.saturating_sub(queued) } else { 3 * kind.octets };
    let began = one.now;
    for _ in 0..14 {
        let most = kind.horizon.map_or(Duration::from_secs(100_000), |horizon| {
            horizon.time.saturating_sub(one.now.since(began))
        });
        let deed = match random.below(12) {
            0..4 => Deed::Poll,
            4..7 => Deed::Segment(forged(random, kind)),
            7 => Deed::Wait(Duration::from_millis(random.of(&[0, 1, 10, 250, 1_100])).min(most)),
            8 | 9 => Deed::Deadline(most),
            _ => match called(random, kind, &mut left) {
                Command::Queue(Queue { len: 0, .. }) => Deed::Poll,
                command => Deed::Call(command),
            },
        };
        let said = one.take(&deed);
        let answer = other.take(&deed);
        // A reset that waits to be sent may have numbers of nobody's; and a horizon comes nearer.
        let settled = matches!(deed, Deed::Poll) && kind.horizon.is_none();
        deeds.push(deed);
        let same = said == answer && one.looks() == other.looks();
        let alike = !settled || one.fingerprint(kind.horizon) == other.fingerprint(kind.horizon);
        assert!(
            same && alike,
            "after {deeds:#?}\n\n{said}{}\n\n{answer}{}\n\nfingerprints are {}\n\n{:#?}\n{:#?}",
            one.looks(),
            other.looks(),
            if alike { "the same" } else { "others" },
            one.tcb,
            other.tcb
        );
    }
}

/// What was met so far, and how often two met that had come by other ways.
struct Meetings {
    met: BTreeMap<u128, Vec<Met>>,
    compared: usize,
}

/// One random past. Everybody met on it is compared with those who were met before.
fn walk(kind: &Kind, seed: u64, meetings: &mut Meetings) {
    let mut random = Random(seed);
    let iss = [random.next() as u32, random.next() as u32];
    let clock = random.next() as u32;
    // The clock for timestamps ticks alike for all.
    let mut now = Instant::from_nanos((1 << 58) / 1_000_000 * 1_000_000 + random.below(1 << 40) * 1_000_000);
    let secrets = |end: usize| Unpredictable {
        iss: SeqNumber::new(iss[end]),
        timestamp_offset: clock.wrapping_add(APART * end as u32),
    };
    let mut listener = Tcb::listen(kind.config[1]);
    listener.prepare(secrets(1));
    let mut ends = [Tcb::connect(kind.config[0], secrets(0), now), listener];
    let mut lanes: [Vec<SegmentMeta>; 2] = Default::default();
    for _ in 0..60 {
        let end = random.below(2) as usize;
        match random.below(16) {
            0..7 if !lanes[1 - end].is_empty() => {
                let first = if random.below(6) > 0 { 0 } else { random.below(lanes[1 - end].len() as u64) };
                let meta = lanes[1 - end].remove(first as usize);
                if random.below(10) == 0 {
                    lanes[1 - end].push(meta);
                }
                let verdict = ends[end].on_segment(now, &meta);
                if random.below(2) == 0 {
                    let unread = (verdict.readable_to - ends[end].consumed_to()) as u32;
                    let _ = ends[end].on_command(now, Command::Consumed(unread));
                }
            }
            7 | 8 if ends[end].queued_to() < u64::from(kind.octets) => {
                let rest = u64::from(kind.octets) - ends[end].queued_to();
                let len = (1 + random.below(rest)) as u32;
                let _ = ends[end].on_command(now, Command::Queue(Queue { len, ..Queue::default() }));
            }
            9 => drop(lanes[end].pop()),
            10 if random.below(4) == 0 => drop(ends[end].on_command(now, Command::Shutdown)),
            11 if random.below(12) == 0 => drop(ends[end].on_command(now, Command::Close)),
            12 | 13 => {
                let next = ends.iter().filter_map(Tcb::poll_timeout).min();
                let Some(at) = next.filter(|at| at.since(now) < Duration::from_secs(400)) else { continue };
                now = at.max(now);
                for tcb in &mut ends {
                    if tcb.poll_timeout().is_some_and(|at| at <= now) {
                        tcb.on_timeout(now);
                    }
                }
            }
            14 if !kind.sparse => {
                let next = ends.iter().filter_map(Tcb::poll_timeout).min();
                let later = now + Duration::from_millis(random.of(&[1, 20, 20]));
                now = next.map_or(later, |at| at.min(later)).max(now);
                for tcb in &mut ends {
                    if tcb.poll_timeout().is_some_and(|at| at <= now) {
                        tcb.on_timeout(now);
                    }
                }
            }
            _ => {}
        }
        if ends[1].state() == State::Listen {
            // It may have had a caller before.
            ends[1].prepare(secrets(1));
        }
        for end in 0..2 {
            while let Some(plan) = ends[end].poll_segment(now) {
                lanes[end].push(plan.meta);
            }
        }
        for end in 0..2 {
            let ahead = if end == 0 { APART } else { APART.wrapping_neg() };
            let clock = clock.wrapping_add(APART * end as u32);
            let tcb = ends[end].clone();
            let here = Met { tcb, now, iss: iss[end], peer: iss[1 - end], clock, ahead };
            let there = meetings.met.entry(here.fingerprint(kind.horizon)).or_default();
            if let Some(other) = there
                .get(random.below(4) as usize)
                .filter(|other| other.iss != here.iss && other.ahead == here.ahead)
            {
                compare(kind, other, &here, &mut random);
                meetings.compared += 1;
            }
            if there.len() < 4 {
                there.push(here);
            }
        }
    }
}

/// How many walks; `TCPSTATE_WALKS` makes it more.
fn walks() -> u64 {
    std::env::var("TCPSTATE_WALKS").ok().and_then(|walks| walks.parse().ok()).unwrap_or(60)
}

fn all_walks(kind: &Kind) {
    let mut meetings = Meetings { met: BTreeMap::new(), compared: 0 };
    for seed in 0..walks() {
        walk(kind, seed, &mut meetings);
    }
    println!("{} fingerprints, {} pairs compared", meetings.met.len(), meetings.compared);
    assert!(meetings.compared as u64 > walks(), "too few meet: {}", meetings.compared);
}

fn chosen(change: impl Fn(&mut TcpConfig)) -> TcpConfig {
    let mut config = TcpConfig::default();
    config.timestamps = false;
    change(&mut config);
    config
}

fn kind(config: TcpConfig, octets: u32, horizon: Option<Horizon>) -> Kind {
    Kind { config: [config; 2], octets, horizon, sparse: true }
}

#[test]
fn the_same_within_the_horizon_of_the_explorer() {
    all_walks(&kind(chosen(|_| {}), 2, Some(HORIZON)));
    all_walks(&kind(chosen(|config| config.nagle = false), 2, Some(HORIZON)));
    all_walks(&Kind { sparse: false, ..kind(chosen(|config| config.sack = false), 2, Some(HORIZON)) });
}

#[test]
fn the_same_within_the_horizon_with_timestamps() {
    all_walks(&kind(TcpConfig::default(), 2, Some(HORIZON)));
    all_walks(&kind(chosen(|config| (config.timestamps, config.nagle) = (true, false)), 2, Some(HORIZON)));
}

#[test]
fn the_same_within_the_horizon_in_a_window_of_one_octet() {
    let config = chosen(|config| (config.receive_window, config.receive_window_max) = (1, 1));
    all_walks(&kind(config, 2, Some(HORIZON)));
}

#[test]
fn the_same_for_ever() {
    all_walks(&kind(chosen(|_| {}), 2, None));
    all_walks(&kind(TcpConfig::default(), 2, None));
    all_walks(&Kind { sparse: false, ..kind(chosen(|config| config.nagle = false), 3_000, None) });
}

#[test]
fn the_same_for_ever_in_other_ways() {
    all_walks(&kind(chosen(|config| config.ack_policy = AckPolicy::Quick), 3, None));
    all_walks(&kind(
        chosen(|config| (config.sack, config.tail_probes, config.pacing) = (false, false, false)),
        3,
        None,
    ));
}
