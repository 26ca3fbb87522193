//! Two machines and a hostile network between them, in sequence space only: what must hold whatever happens.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::time::Duration;
use proptest::prelude::*;

use super::*;
use crate::{EcnCodepoint, Instant, SeqNumber, State, TcpFlags};

/// What a user does next.
#[derive(Clone, Copy, Debug)]
enum Act {
    Queue {
        len: u32,
        push: bool,
        more: bool,
        urgent: bool,
    },
    Read(u32),
    Shutdown,
    Close,
    Abort,
    Nagle(bool),
    /// A router, or who pretends to be one: an MTU, and how far behind SND.UNA it quotes.
    Report(u32, u32),
    Wait(u64),
}

#[derive(Clone, Debug)]
struct Scene {
    seed: u64,
    iss: [u32; 2],
    config: [TcpConfig; 2],
    acts: [Vec<Act>; 2],
    /// Of 256: lost, duplicated, delayed.
    odds: [u8; 3],
    simultaneous: bool,
}

struct World {
    ends: [Tcb; 2],
    now: Instant,
    seed: u64,
    /// (when, number) → (to, segment)
    flying: BTreeMap<(Instant, u64), (usize, SegmentMeta)>,
    sent: u64,
    odds: [u8; 3],
    /// Octets that each end has queued and read, and the last edges that were seen.
    read_to: [u64; 2],
    acts: [Vec<Act>; 2],
    resume: [Instant; 2],
    /// The furthest right edge that each end has advertised.
    edges: [Option<SeqNumber>; 2],
    trace: Vec<(Instant, usize, SegmentMeta)>,
}

impl World {
    fn new(scene: &Scene) -> Self {
        let now = Instant::from_nanos(1_000_000_000);
        let secrets =
            scene.iss.map(|iss| Unpredictable { iss: SeqNumber::new(iss), timestamp_offset: iss ^ 77 });
        let called = if scene.simultaneous {
            Tcb::connect(scene.config[1], secrets[1], now)
        } else {
            let mut listener = Tcb::listen(scene.config[1]);
            listener.prepare(secrets[1]);
            listener
        };
        let mut acts = scene.acts.clone();
        acts.iter_mut().for_each(|acts| acts.reverse());
        Self {
            ends: [Tcb::connect(scene.config[0], secrets[0], now), called],
            now,
            seed: scene.seed,
            flying: BTreeMap::new(),
            sent: 0,
            odds: scene.odds,
            read_to: [0; 2],
            acts,
            resume: [now; 2],
            edges: [None; 2],
            trace: Vec::new(),
        }
    }

    fn random(&mut self) -> u64 {
        self.seed = self.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.seed;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Polls `end` dry; what it says goes on its way, or is lost.
    fn drain(&mut self, end: usize) {
        let mut polls = 0;
        loop {
            let max = self.ends[end].snd_max();
            let (stepped, said) = self.ends[end].clone().step(self.now, Input::Poll);
            let plan = self.ends[end].poll_segment(self.now);
            assert_eq!(
                (&stepped, said),
                (&self.ends[end], Output::Poll(plan)),
                "step is the same as the call"
            );
            let Some(mut plan) = plan else { break };
            polls += 1;
            assert!(polls < 3_000, "an end does not come to rest: {:?} {:?}", plan, self.ends[end]);
            self.check_plan(end, &plan);
            self.trace.push((self.now, end, plan.meta));
            if plan.meta.ecn.is_ect() {
                // RFC 3168 §6.1.4 to §6.1.6.
                assert!(plan.meta.len > 0 && plan.meta.seq == max, "only new data may be marked: {plan:?}");
                assert!(self.ends[end].uses_ecn());
                let marked = (self.random() as u8) < self.odds[0];
                plan.meta.ecn = if marked { EcnCodepoint::Ce } else { plan.meta.ecn };
            }
            let [lost, twice, late] = self.odds;
            if (self.random() as u8) < lost {
                continue;
            }
            let copies = if (self.random() as u8) < twice { 2 } else { 1 };
            for _ in 0..copies {
                let extra = if (self.random() as u8) < late { self.random() % 60_000_000 } else { 0 };
                let at = self.now + Duration::from_nanos(20_000_000 + extra);
                self.sent += 1;
                self.flying.insert((at, self.sent), (1 - end, plan.meta));
            }
        }
    }

    fn check_plan(&mut self, end: usize, plan: &SegmentPlan) {
        let tcb = &self.ends[end];
        let meta = &plan.meta;
        assert!(meta.len == 0 || plan.offset + u64::from(meta.len) <= tcb.queued_to(), "{plan:?}");
        if meta.flags.contains(TcpFlags::SYN) {
            self.edges[end] = None;
        } else if meta.flags.contains(TcpFlags::ACK) && !meta.flags.contains(TcpFlags::RST) {
            assert_eq!(meta.ack, tcb.rcv_nxt(), "what is acknowledged is what has arrived");
            let scale = tcb.receive_scale();
            let edge = meta.ack + (u32::from(meta.window) << scale);
            let unit = (1_u32 << scale) as i32;
            if let Some(before) = self.edges[end] {
                assert!(edge.distance_from(before) > -unit, "the right edge moved left: {before} to {edge}");
            }
            self.edges[end] = Some(self.edges[end].map_or(edge, |before| before.latest(edge)));
        }
    }

    fn act(&mut self, end: usize) {
        while self.resume[end] <= self.now && self.ends[end].state() != State::Listen {
            let Some(act) = self.acts[end].pop() else { break };
            let command = match act {
                Act::Queue { len, push, more, urgent } => Command::Queue(Queue { len, push, more, urgent }),
                Act::Read(most) => {
                    self.read(end, most);
                    continue;
                }
                Act::Shutdown => Command::Shutdown,
                Act::Close => Command::Close,
                Act::Abort => Command::Abort,
                Act::Nagle(on) => Command::SetNagle(on),
                Act::Report(mtu, behind) => {
                    Command::PathMtu(PathMtu { mtu, seq: self.ends[end].snd_una() + behind })
                }
                Act::Wait(nanos) => {
                    self.resume[end] = self.now + Duration::from_nanos(nanos);
                    break;
                }
            };
            let _ = self.ends[end].on_command(self.now, command);
        }
        self.drain(end);
    }

    fn read(&mut self, end: usize, most: u32) {
        let tcb = &mut self.ends[end];
        let there = u32::try_from(tcb.readable_to() - tcb.consumed_to()).unwrap().min(most);
        tcb.on_command(self.now, Command::Consumed(there)).expect("it is there");
        self.read_to[end] += u64::from(there);
        self.drain(end);
    }

    /// To the next moment at which anything happens; `false` when nothing is left.
    fn turn(&mut self) -> bool {
        let flying = self.flying.keys().next().map(|&(at, _)| at);
        let deadlines = self.ends.iter().filter_map(Tcb::poll_timeout);
        let users = (0..2).filter(|&end| !self.acts[end].is_empty() && self.resume[end] > self.now);
        let users: Vec<Instant> = users.map(|end| self.resume[end]).collect();
        let Some(next) = flying.into_iter().chain(deadlines).chain(users).min() else {
            return false;
        };
        self.now = self.now.max(next);
        while let Some(entry) = self.flying.first_entry().filter(|entry| entry.key().0 <= self.now) {
            let (to, meta) = entry.remove();
            let before = self.ends[to].readable_to();
            let (stepped, said) = self.ends[to].clone().step(self.now, Input::Segment(meta));
            let verdict = self.ends[to].on_segment(self.now, &meta);
            assert_eq!((&stepped, said), (&self.ends[to], Output::Segment(verdict)));
            assert!(verdict.readable_to >= before || self.ends[to].state() == State::Listen);
            assert!(verdict.readable_to <= self.ends[1 - to].queued_to(), "octets that nobody sent");
            assert!(verdict.acked_to <= self.ends[to].queued_to());
            if verdict.refused == Some(DropReason::Closed)
                && let Some(reset) = meta.reset_in_answer()
            {
                self.sent += 1;
                let at = self.now + Duration::from_millis(20);
                self.flying.insert((at, self.sent), (1 - to, reset));
            }
            self.drain(to);
        }
        for end in 0..2 {
            let (stepped, said) = self.ends[end].clone().step(self.now, Input::Timeout);
            let notices = self.ends[end].on_timeout(self.now);
            assert_eq!((&stepped, said), (&self.ends[end], Output::Timeout(notices)));
            self.drain(end);
            assert!(
                self.ends[end].poll_timeout().is_none_or(|at| at > self.now),
                "a deadline that has passed"
            );
            self.act(end);
        }
        true
    }

    fn over(&self) -> bool {
        self.ends.iter().all(|end| matches!(end.state(), State::Closed | State::Listen))
    }
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        6 => (0..20_000_u32, any::<bool>(), proptest::bool::weighted(0.2), proptest::bool::weighted(0.1))
            .prop_map(|(len, push, more, urgent)| Act::Queue { len, push, more, urgent }),
        6 => (0..30_000_u32).prop_map(Act::Read),
        1 => Just(Act::Shutdown),
        1 => Just(Act::Close),
        1 => proptest::bool::weighted(0.1).prop_map(|abort| if abort { Act::Abort } else { Act::Read(1) }),
        1 => any::<bool>().prop_map(Act::Nagle),
        1 => (0..2_000_u32, 0..20_000_u32).prop_map(|(mtu, behind)| Act::Report(mtu, behind)),
        4 => (0..3_000_000_000_u64).prop_map(Act::Wait),
    ]
}

fn config() -> impl Strategy<Value = TcpConfig> {
    let sizes = (prop_oneof![Just(1460_u16), 64..9000_u16], prop_oneof![Just(65_535_u32), 1..100_000_u32]);
    let probing = prop_oneof![Just(MtuProbing::Off), Just(MtuProbing::BlackHole), Just(MtuProbing::Always)];
    let ecn = prop_oneof![Just(Ecn::Off), Just(Ecn::Accept), Just(Ecn::Request)];
    (sizes, any::<[bool; 5]>(), any::<[bool; 2]>(), probing, ecn).prop_map(
        |((mss, window), on, [live, tuned], probing, ecn)| {
            let mut config = TcpConfig::default();
            (config.mss, config.receive_window, config.mtu_probing, config.ecn) = (mss, window, probing, ecn);
            // Half of the windows are tuned.
            config.receive_window_max = if tuned { 300_000 } else { 0 };
            [config.window_scaling, config.timestamps, config.sack, config.nagle, _] = on;
            config.ack_delay = if on[4] { Duration::ZERO } else { Duration::from_millis(40) };
            if live {
                config.keepalive = Some(Keepalive { idle: Duration::from_secs(10), ..Keepalive::default() });
            }
            config
        },
    )
}

fn scene() -> impl Strategy<Value = Scene> {
    let near_the_wrap = prop_oneof![any::<u32>(), (0..4000_u32).prop_map(|back| 0_u32.wrapping_sub(back))];
    let acts = || proptest::collection::vec(act(), 0..25);
    (
        any::<u64>(),
        (near_the_wrap.clone(), near_the_wrap),
        [config(), config()],
        [acts(), acts()],
        (0..100_u8, 0..60_u8, 0..100_u8),
        proptest::bool::weighted(0.2),
    )
        .prop_map(|(seed, iss, config, acts, odds, simultaneous)| Scene {
            seed,
            iss: iss.into(),
            config,
            acts,
            odds: odds.into(),
            simultaneous,
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn once_loss_stops_and_both_users_read_and_close_both_ends_reach_closed(scene in scene()) {
        let mut world = World::new(&scene);
        (0..2).for_each(|end| world.act(end));
        let mut turns = 0;
        while world.acts.iter().any(|acts| !acts.is_empty()) && !world.over() && turns < 3_000 {
            turns += 1;
            if !world.turn() {
                break;
            }
        }
        // From here on nothing is lost, and both users read all there is, and say that they are done.
        world.odds = [0; 3];
        for end in 0..2 {
            let _ = world.ends[end].on_command(world.now, Command::SetKeepalive(Some(Keepalive::default())));
            world.drain(end);
        }
        for turn in 0.. {
            for end in 0..2 {
                world.read(end, u32::MAX);
                let tcb = &mut world.ends[end];
                if tcb.state() != State::Listen && !tcb.has_shut_down() {
                    let _ = tcb.on_command(world.now, Command::Shutdown);
                }
                if tcb.peer_has_closed() || turn > 2_000 {
                    let _ = tcb.on_command(world.now, Command::Close);
                }
                world.drain(end);
            }
            if world.over() {
                break;
            }
            prop_assert!(turn < 20_000, "no end: {:#?}", world.ends);
            prop_assert!(world.turn(), "nothing is left to happen, and the connection is not over: {:#?}", world.ends);
        }
        let normal = |end: &Tcb| end.close_reason() == Some(CloseReason::Closed);
        if world.ends.iter().all(normal) {
            for end in 0..2 {
                prop_assert_eq!(world.ends[end].readable_to(), world.ends[1 - end].queued_to());
                prop_assert_eq!(world.ends[end].acked_to(), world.ends[end].queued_to());
            }
        }
    }
}

/// Two ends without loss: time goes on in steps of a millisecond, and segments take 100 of them.
fn after(
    ends: &mut [Tcb; 2],
    flying: &mut Vec<(Instant, usize, SegmentMeta)>,
    from: Instant,
    span: u64,
) -> Instant {
    let mut now = from;
    for _ in 0..span {
        now = now + Duration::from_millis(1);
        let due: Vec<_> = flying.iter().copied().filter(|&(at, ..)| at <= now).collect();
        flying.retain(|&(at, ..)| at > now);
        for (_, to, meta) in due {
            ends[to].on_segment(now, &meta);
        }
        for (end, tcb) in ends.iter_mut().enumerate() {
            tcb.on_timeout(now);
            while let Some(plan) = tcb.poll_segment(now) {
                flying.push((now + Duration::from_millis(100), 1 - end, plan.meta));
            }
        }
    }
    now
}

/// Each end's probe arrives when the other's window is open already, and is taken: then each speaks from before
/// the octet of its own probe, and has to be heard there.
#[test]
fn two_ends_that_probe_each_other_at_once_go_on() {
    let mut config = TcpConfig { mss: 1000, timestamps: false, ..TcpConfig::default() };
    (config.receive_window, config.receive_window_max) = (4000, 0);
    let start = Instant::from_nanos(1_000_000_000);
    let mut called = Tcb::listen(config);
    called.prepare(Unpredictable::default());
    let mut ends = [Tcb::connect(config, Unpredictable::default(), start), called];
    let mut flying = Vec::new();
    let mut now = after(&mut ends, &mut flying, start, 500);
    for tcb in &mut ends {
        tcb.on_command(now, Command::Queue(Queue { len: 6000, ..Queue::default() })).expect("it is open");
    }
    // Both windows fill, and 2000 octets wait on each side.
    while !flying.iter().any(|(_, _, meta)| meta.len == 1) {
        now = after(&mut ends, &mut flying, now, 1);
        assert!(now < start + Duration::from_secs(60));
    }
    now = after(&mut ends, &mut flying, now, 10);
    for tcb in &mut ends {
        assert_eq!((tcb.snd_wnd(), tcb.readable_to()), (0, 4000));
        tcb.on_command(now, Command::Consumed(4000)).expect("it is there");
    }
    after(&mut ends, &mut flying, now, 3_000);
    for tcb in &ends {
        assert_eq!((tcb.acked_to(), tcb.readable_to()), (6000, 6000));
    }
}
