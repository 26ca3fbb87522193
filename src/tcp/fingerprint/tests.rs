//! Machines with the same fingerprint do the same; what matters changes it, and what does not does not.

use alloc::vec::Vec;
use core::time::Duration;
use proptest::prelude::*;

use super::*;
use crate::tcp::{
    Command, Input, Keepalive, Output, Queue, SegmentMeta, TcpConfig, Timestamps, Unpredictable, Verdict,
};
use crate::{Instant, SeqNumber, State, TcpFlags};

/// Changes one variable.
type Change<'a> = &'a dyn Fn(&mut Tcb);

/// What happens to one of two ends next.
#[derive(Clone, Copy, Debug)]
enum Act {
    Queue(usize, u32),
    Read(usize),
    Shutdown(usize),
    Close(usize),
    Abort(usize),
    Deliver(usize),
    /// The last of the queue arrives, and stays in it.
    Double(usize),
    Lose(usize),
    /// Time comes to the next deadline, or so many milliseconds pass.
    Wait(Option<u64>),
}

/// Two ends and what is on its way, to be begun at any time with any numbers.
#[derive(Clone, Debug)]
struct Pair {
    ends: [Tcb; 2],
    now: Instant,
    lanes: [Vec<SegmentMeta>; 2],
    /// Where the numbers and the clocks begin.
    iss: [SeqNumber; 2],
    clocks: [u32; 2],
}

impl Pair {
    fn new(config: TcpConfig, now: Instant, iss: [u32; 2], clocks: [u32; 2]) -> Self {
        let iss = iss.map(SeqNumber::new);
        let secrets = |end: usize| Unpredictable { iss: iss[end], timestamp_offset: clocks[end] };
        let mut called = Tcb::listen(config);
        called.prepare(secrets(1));
        let ends = [Tcb::connect(config, secrets(0), now), called];
        let mut pair = Self { ends, now, lanes: Default::default(), iss, clocks };
        pair.drain(0);
        pair
    }

    fn prints(&self) -> [Fingerprint; 2] {
        self.ends.each_ref().map(|tcb| tcb.fingerprint(self.now))
    }

    fn drain(&mut self, end: usize) {
        while let Some(plan) = self.ends[end].poll_segment(self.now) {
            self.lanes[end].push(plan.meta);
        }
    }

    fn arrive(&mut self, at: usize, meta: &SegmentMeta) -> Verdict {
        let before = self.ends[at].state();
        let verdict = self.ends[at].on_segment(self.now, meta);
        if before != State::Listen && self.ends[at].state() == State::Listen {
            self.ends[at].prepare(Unpredictable { iss: self.iss[at], timestamp_offset: self.clocks[at] });
        }
        self.drain(at);
        verdict
    }

    fn act(&mut self, act: Act) {
        let command = |pair: &mut Self, end: usize, command| {
            let _ = pair.ends[end].on_command(pair.now, command);
            pair.drain(end);
        };
        match act {
            Act::Queue(end, len) => {
                // In LISTEN it would be an active open.
                if self.ends[end].state() != State::Listen {
                    command(self, end, Command::Queue(Queue { len, ..Queue::default() }));
                }
            }
            Act::Read(end) => {
                let tcb = &self.ends[end];
                let there = u32::try_from(tcb.readable_to() - tcb.consumed_to()).unwrap();
                command(self, end, Command::Consumed(there));
            }
            Act::Shutdown(end) => command(self, end, Command::Shutdown),
            Act::Close(end) => command(self, end, Command::Close),
            Act::Abort(end) => command(self, end, Command::Abort),
            Act::Deliver(from) if !self.lanes[from].is_empty() => {
                let meta = self.lanes[from].remove(0);
                self.arrive(1 - from, &meta);
            }
            Act::Double(from) => {
                if let Some(meta) = self.lanes[from].last().copied() {
                    self.arrive(1 - from, &meta);
                }
            }
            Act::Lose(from) if !self.lanes[from].is_empty() => drop(self.lanes[from].remove(0)),
            Act::Deliver(_) | Act::Lose(_) => {}
            Act::Wait(millis) => {
                let next = self.ends.iter().filter_map(Tcb::poll_timeout).min();
                let passed = millis.map(|millis| self.now + Duration::from_millis(millis));
                self.now = passed.or(next).unwrap_or(self.now).max(self.now);
                for end in 0..2 {
                    self.ends[end].on_timeout(self.now);
                    self.drain(end);
                }
            }
        }
    }
}

fn act() -> impl Strategy<Value = Act> {
    let end = 0..2_usize;
    prop_oneof![
        4 => (end.clone(), 1..4000_u32).prop_map(|(end, len)| Act::Queue(end, len)),
        3 => end.clone().prop_map(Act::Read),
        1 => end.clone().prop_map(Act::Shutdown),
        1 => end.clone().prop_map(Act::Close),
        1 => (end.clone(), 0..6_u8).prop_map(|(end, odd)| if odd == 0 { Act::Abort(end) } else { Act::Read(end) }),
        10 => end.clone().prop_map(Act::Deliver),
        2 => end.clone().prop_map(Act::Double),
        3 => end.prop_map(Act::Lose),
        4 => prop_oneof![Just(None), (0..400_u64).prop_map(Some)].prop_map(Act::Wait),
    ]
}

fn config() -> impl Strategy<Value = TcpConfig> {
    any::<[bool; 6]>().prop_map(|[timestamps, sack, tail_probes, pacing, tuned, keepalive]| {
        let mut config = TcpConfig { timestamps, sack, tail_probes, pacing, ..TcpConfig::default() };
        if !tuned {
            (config.receive_window, config.receive_window_max) = (4000, 0);
        }
        config.keepalive = keepalive.then(Keepalive::default);
        config
    })
}

/// Far enough from the epoch.
fn start(days: u64) -> Instant {
    Instant::from_epoch(Duration::from_secs(days * 86_400))
}

/// The clocks of both ends, moved by as much: how far the one is from the other a machine sees.
fn clocks(by: u32) -> [u32; 2] {
    [7, 9].map(|clock: u32| clock.wrapping_add(by))
}

/// `meta`, which comes from the end `from` of `pair`, as the same end of `other` would say it.
fn translated(pair: &Pair, other: &Pair, from: usize, mut meta: SegmentMeta) -> SegmentMeta {
    let to = 1 - from;
    meta.seq = other.iss[from] + (meta.seq - pair.iss[from]);
    if meta.flags.contains(TcpFlags::ACK) {
        meta.ack = other.iss[to] + (meta.ack - pair.iss[to]);
    }
    let millis = |pair: &Pair| (pair.now.as_nanos() / 1_000_000) as u32;
    let clock = |pair: &Pair, end: usize| millis(pair).wrapping_add(pair.clocks[end]);
    if let Some(Timestamps { val, ecr }) = meta.options.timestamps {
        let moved = |value: u32, end| value.wrapping_sub(clock(pair, end)).wrapping_add(clock(other, end));
        meta.options.timestamps =
            Some(Timestamps { val: moved(val, from), ecr: if ecr == 0 { 0 } else { moved(ecr, to) } });
    }
    let blocks = meta.options.sack;
    let moved = |number: SeqNumber| other.iss[to] + (number - pair.iss[to]);
    meta.options.sack = blocks.as_slice().iter().map(|&(left, right)| (moved(left), moved(right))).collect();
    meta
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn the_same_run_at_another_time_with_other_numbers_has_the_same_fingerprints(
        config in config(),
        acts in proptest::collection::vec(act(), 0..60),
        (days, iss, clock) in (1..9000_u64, any::<[u32; 2]>(), any::<u32>()),
    ) {
        let mut one = Pair::new(config, start(100), [1_000, 2_000], [7, 9]);
        let mut other = Pair::new(config, start(days + 100), iss, clocks(clock));
        for act in acts {
            prop_assert_eq!(one.prints(), other.prints());
            one.act(act);
            other.act(act);
        }
        prop_assert_eq!(one.prints(), other.prints());
    }

    /// The other direction of what it promises: of all the moments of many runs those with equal fingerprints are taken in
    /// pairs, whatever led there, and given the same.
    #[test]
    fn machines_with_the_same_fingerprint_answer_alike_for_ever(
        config in config(),
        runs in proptest::collection::vec(proptest::collection::vec(act(), 0..25), 2..12),
        futures in proptest::collection::vec(act(), 1..40),
        (days, iss, clock) in (1..9000_u64, any::<[u32; 2]>(), any::<u32>()),
    ) {
        let mut known = alloc::collections::BTreeMap::new();
        for (number, run) in runs.iter().enumerate() {
            let odd = number % 2 == 1;
            let mut pair = if odd {
                Pair::new(config, start(days + 100), iss, clocks(clock))
            } else {
                Pair::new(config, start(100), [1_000, 2_000], [7, 9])
            };
            for &act in run {
                pair.act(act);
                let lanes = pair.lanes.each_ref().map(Vec::len);
                let twin = known.entry((pair.prints(), lanes)).or_insert_with(|| pair.clone()).clone();
                if lanes == [0, 0] {
                    alike(&twin, &pair, &futures)?;
                }
            }
        }
    }
}

/// Whether two pairs with equal fingerprints, and nothing on its way, have the same future.
fn alike(one: &Pair, other: &Pair, futures: &[Act]) -> Result<(), TestCaseError> {
    let (mut one, mut other) = (one.clone(), other.clone());
    let zero = (one.now, other.now);
    for &act in futures {
        one.act(act);
        other.act(act);
        prop_assert_eq!(one.prints(), other.prints());
        prop_assert_eq!(one.now - zero.0, other.now - zero.1);
        for end in 0..2 {
            let said: Vec<_> =
                one.lanes[end].iter().map(|meta| translated(&one, &other, end, *meta)).collect();
            prop_assert_eq!(&said, &other.lanes[end], "at {:?}", act);
            let left = |pair: &Pair| pair.ends[end].poll_timeout().map(|at| at - pair.now);
            prop_assert_eq!(left(&one), left(&other));
            prop_assert_eq!(one.ends[end].readable_to(), other.ends[end].readable_to());
            prop_assert_eq!(one.ends[end].acked_to(), other.ends[end].acked_to());
        }
    }
    Ok(())
}

/// A pair in ESTABLISHED, with octets on their way in both directions.
fn open(config: TcpConfig) -> Pair {
    let mut pair = Pair::new(config, start(100), [1_000, 2_000], [7, 9]);
    let acts = [Act::Deliver(0), Act::Deliver(1), Act::Deliver(0), Act::Queue(0, 3000), Act::Queue(1, 100)];
    acts.into_iter().for_each(|act| pair.act(act));
    assert_eq!(pair.ends.each_ref().map(Tcb::state), [State::Established; 2]);
    pair
}

#[test]
fn whatever_changes_what_a_machine_will_do_changes_its_fingerprint() {
    let pair = open(TcpConfig::default());
    let (now, tcb) = (pair.now, &pair.ends[0]);
    let mut seen = Vec::from([("nothing", tcb.fingerprint(now))]);
    let mut try_out = |name, change: &dyn Fn(&mut Tcb)| {
        let mut other = tcb.clone();
        change(&mut other);
        let print = other.fingerprint(now);
        for (before, other) in &seen {
            assert_ne!(print, *other, "{name} is like {before}");
        }
        seen.push((name, print));
    };
    let calls: [(&str, Command); 8] = [
        ("more is queued", Command::Queue(Queue { len: 1, ..Queue::default() })),
        ("shutdown", Command::Shutdown),
        ("close", Command::Close),
        ("abort", Command::Abort),
        ("no nagle", Command::SetNagle(false)),
        ("keep-alive", Command::SetKeepalive(Some(Keepalive::default()))),
        ("user timeout", Command::SetUserTimeout(Some(Duration::from_secs(9)))),
        ("R2", Command::SetR2(Duration::from_secs(9))),
    ];
    for (name, call) in calls {
        try_out(name, &|tcb| assert!(tcb.on_command(now, call).is_ok()));
    }
    for meta in &pair.lanes[1] {
        try_out("a segment", &|tcb| _ = tcb.on_segment(now, meta));
    }
    let changes: [(&str, Change<'_>); 24] = [
        ("una", &|tcb| tcb.snd.una -= 1),
        ("wnd", &|tcb| tcb.snd.wnd -= 1),
        ("wl1", &|tcb| tcb.snd.wl1 -= 1),
        ("scale", &|tcb| tcb.snd.scale += 1),
        ("push", &|tcb| tcb.snd.push += 1),
        ("nxt", &|tcb| tcb.rcv.nxt += 1),
        ("edge", &|tcb| tcb.rcv.edge += 1),
        ("consumed", &|tcb| tcb.rcv.consumed -= 1),
        ("last ack", &|tcb| tcb.rcv.last_ack_sent -= 1),
        ("sack", &|tcb| tcb.sack_on = false),
        ("passive", &|tcb| tcb.passive = true),
        ("ack now", &|tcb| tcb.ack_now = true),
        ("hold", &|tcb| tcb.hold_is_over = true),
        ("probe", &|tcb| tcb.recovery.probe.make_due()),
        ("high", &|tcb| tcb.recovery.high += 1),
        ("back-off", &|tcb| tcb.rtt.back_off()),
        ("lost", &|tcb| assert!(tcb.records.lose_first())),
        ("deadline", &|tcb| tcb.timers.set(crate::tcp::Timer::Retransmit, now)),
        ("another", &|tcb| tcb.timers.set(crate::tcp::Timer::Hold, now)),
        ("timestamps", &|tcb| tcb.ts.turn_off()),
        ("urgent", &|tcb| tcb.rare.make().snd_up = 9),
        ("challenges", &|tcb| {
            let rare = tcb.rare.make();
            (rare.challenges, rare.challenged_at) = (3, now);
        }),
        ("probes", &|tcb| tcb.probes = 1),
        ("reset owed", &|tcb| tcb.rare.make().reply = Some(Box::default())),
    ];
    for (name, change) in changes {
        try_out(name, change);
    }
}

#[test]
fn what_is_only_counted_does_not_change_it() {
    let pair = open(TcpConfig::default());
    let (now, mut tcb) = (pair.now, pair.ends[0].clone());
    let before = tcb.fingerprint(now);
    let rare = tcb.rare.make();
    (rare.retransmitted, rare.retransmissions, rare.spurious, rare.undone) = (1, 2, 3, 4);
    (rare.timeouts, rare.probes_sent, rare.soft_error) = (5, 6, Some(7));
    tcb.delivered.on_app_limited(99);
    tcb.limits.set(now, crate::tcp::rate::LimitedBy::Peer);
    tcb.count_memory();
    assert_eq!(tcb.fingerprint(now), before);
    // Nor does it matter whether memory is held for what there is not.
    let mut other = pair.ends[0].clone();
    other.rare.make();
    assert_eq!(other.fingerprint(now), before);
}

#[test]
fn time_that_passes_changes_it() {
    let pair = open(TcpConfig::default());
    let later = pair.now + Duration::from_millis(1);
    assert_ne!(pair.ends[0].fingerprint(pair.now), pair.ends[0].fingerprint(later), "deadlines are nearer");
}

#[test]
fn of_a_connection_that_is_over_hardly_anything_counts() {
    let ended = |len: u32| {
        let mut pair = open(TcpConfig::default());
        pair.act(Act::Queue(0, len));
        pair.act(Act::Abort(0));
        assert_eq!(pair.ends[0].state(), State::Closed);
        (pair.ends[0].fingerprint(pair.now), pair.ends[0].fingerprint(pair.now + Duration::from_secs(9)))
    };
    let (print, later) = ended(1);
    assert_eq!((print, later), ended(1000));
    assert_eq!(print, later);
}

/// Within a horizon there are no more fingerprints than without, and machines that differ in what they do next differ.
#[test]
fn within_a_horizon_only_what_is_far_off_is_left_out() {
    let horizon = Horizon { time: Duration::from_secs(60), octets: 2 };
    let config = TcpConfig { timestamps: false, ..TcpConfig::default() };
    let begin = |waits: Option<u64>| {
        let mut pair = Pair::new(config, start(100), [1_000, 2_000], [7, 9]);
        for act in [Act::Deliver(0), Act::Deliver(1), Act::Deliver(0), Act::Wait(waits)] {
            pair.act(act);
        }
        let [a, _] = pair.ends;
        (a.fingerprint(pair.now), a.fingerprint_within(pair.now, horizon))
    };
    let ((at_once, near), (later, near_later)) = (begin(Some(0)), begin(Some(5000)));
    assert_ne!(at_once, later, "when the least round trip was measured counts after five minutes");
    assert_eq!(near, near_later);
    let mut pair = Pair::new(config, start(100), [1_000, 2_000], [7, 9]);
    let sent = pair.ends[0].fingerprint_within(pair.now, horizon);
    pair.now = pair.now + Duration::from_millis(1);
    assert_ne!(sent, pair.ends[0].fingerprint_within(pair.now, horizon), "the deadline of the SYN is nearer");
}

#[test]
fn step_is_of_the_same_mind() {
    let pair = open(TcpConfig::default());
    let (stepped, said) = pair.ends[0].clone().step(pair.now, Input::Poll);
    assert_eq!(said, Output::Poll(None));
    assert_eq!(stepped.fingerprint(pair.now), pair.ends[0].fingerprint(pair.now));
}

/// A moment counts by how far it is from now. "Never" is the epoch, which is not far from now within the first day: only
/// then it counts when now is.
#[test]
fn a_moment_counts_by_its_distance_and_never_by_the_time_only_within_the_first_day() {
    let folded = |at: Instant, now: Instant| {
        let mut into = Folder {
            hash: SipHasher13::new(),
            now,
            clock: 0,
            numbers: (Vec::new(), 0),
            horizon: None,
            patience: (Duration::ZERO, Duration::ZERO),
            timestamps: false,
        };
        at.fold(&mut into);
        into.hash.finish128().as_u128()
    };
    let [early, late] = [10, 20].map(|seconds| Instant::from_epoch(Duration::from_secs(seconds)));
    let second = Duration::from_secs(1);
    assert_eq!(folded(early + second, early), folded(late + second, late));
    assert_ne!(folded(early + second, early), folded(early + second + second, early));
    assert_eq!(folded(Instant::MAX, early), folded(Instant::MAX, late));
    assert_ne!(folded(Instant::ZERO, early), folded(Instant::ZERO, late));
    assert_eq!(folded(Instant::ZERO, start(1)), folded(Instant::ZERO, start(2)));
    assert_ne!(folded(Instant::ZERO, start(1)), folded(start(1), start(1)), "never is not now");
}

#[test]
fn a_reset_that_waits_counts_by_what_it_says() {
    let pair = open(TcpConfig::default());
    let owed = |window| {
        let mut tcb = pair.ends[0].clone();
        tcb.rare.make().reply = Some(Box::new(SegmentMeta { window, ..SegmentMeta::default() }));
        tcb.fingerprint(pair.now)
    };
    assert_eq!(owed(1), owed(1));
    assert_ne!(owed(1), owed(2));
}

/// RFC 5681 §4.1: the restart of an idle connection is all that asks when something was sent last, and within the horizon
/// of a few octets not even that does.
#[test]
fn when_something_was_sent_last_counts_only_where_a_restart_asks_for_it() {
    let few = Horizon { time: Duration::from_secs(60), octets: 2 };
    for restart_after_idle in [true, false] {
        let pair = open(TcpConfig { restart_after_idle, ..TcpConfig::default() });
        let mut other = pair.ends[0].clone();
        other.last_sent = pair.now + Duration::from_millis(1);
        let later = pair.now + Duration::from_millis(2);
        let same = pair.ends[0].fingerprint(later) == other.fingerprint(later);
        assert_eq!(same, !restart_after_idle);
        assert_eq!(pair.ends[0].fingerprint_within(later, few), other.fingerprint_within(later, few));
    }
}

#[test]
fn when_the_next_segment_may_go_counts_until_then_and_longer_only_if_one_waits() {
    let pair = open(TcpConfig::default());
    let paced = |after, waits| {
        let mut tcb = pair.ends[0].clone();
        (tcb.pace_at, tcb.pace_waits) = (pair.now + Duration::from_millis(after), waits);
        tcb.fingerprint(pair.now + Duration::from_millis(5))
    };
    assert_ne!(paced(6, false), paced(7, false), "it is to come");
    assert_eq!(paced(3, false), paced(4, false), "it has come");
    assert_ne!(paced(3, true), paced(4, true), "and something has waited for it");
}

/// RFC 8985 §7.4.2: what an acknowledgment says of a probe depends on whether it repeated something.
#[test]
fn whether_a_probe_that_is_outstanding_repeated_something_counts() {
    let pair = open(TcpConfig::default());
    let probed = |repeated| {
        let mut tcb = pair.ends[0].clone();
        tcb.recovery.probe.sent(9, repeated);
        tcb.fingerprint(pair.now)
    };
    assert_ne!(probed(true), probed(false));
}

/// So many undoings are trusted in one window of data: those of an earlier one do not count.
#[test]
fn what_was_undone_counts_until_its_window_of_data_is_over() {
    let pair = open(TcpConfig::default());
    let una = pair.ends[0].snd.una;
    for (until, counts) in [(una, false), (una + 1, true)] {
        let mut tcb = pair.ends[0].clone();
        tcb.recovery.count_undo(una, until);
        assert_eq!(tcb.fingerprint(pair.now) != pair.ends[0].fingerprint(pair.now), counts);
    }
}

#[test]
fn what_a_tail_probe_was_does_not_count_once_it_is_over() {
    let pair = open(TcpConfig::default());
    let print = |repeated: bool, over: bool| {
        let mut tcb = pair.ends[0].clone();
        tcb.recovery.probe.sent(1_000, repeated);
        if over {
            tcb.recovery.probe.forget();
        }
        tcb.fingerprint(pair.now)
    };
    assert_eq!(print(true, true), print(false, true));
    assert_ne!(print(true, false), print(false, false));
}
