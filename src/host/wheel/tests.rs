use std::collections::{BTreeMap, BTreeSet};
use std::vec::Vec;

use proptest::prelude::*;

use super::*;

/// What a wheel is to do, in the simplest way: deadlines in order, equal ones in the order they were set.
#[derive(Default)]
struct Model {
    order: BTreeSet<(Instant, u64, u32)>,
    keys: BTreeMap<u32, (Instant, u64)>,
    calls: u64,
}

impl Model {
    fn set(&mut self, key: u32, at: Instant) {
        if self.at(key) != Some(at) {
            self.cancel(key);
            self.calls += 1;
            self.keys.insert(key, (at, self.calls));
            self.order.insert((at, self.calls, key));
        }
    }

    fn cancel(&mut self, key: u32) {
        if let Some((at, call)) = self.keys.remove(&key) {
            self.order.remove(&(at, call, key));
        }
    }

    fn at(&self, key: u32) -> Option<Instant> {
        self.keys.get(&key).map(|&(at, _)| at)
    }

    fn first(&self) -> Option<(Instant, u32)> {
        self.order.first().map(|&(at, _, key)| (at, key))
    }
}

#[derive(Clone, Debug)]
enum Call {
    Set(u32, u64),
    /// So many keys, all at once or so many nanoseconds apart.
    SetMany(u32, u32, u64, u64),
    Cancel(u32),
    CancelMany(u32, u32),
    First,
    TakeFirst(usize),
    /// The first is set again, so much later.
    Later(usize, u64),
}

fn deadline() -> impl Strategy<Value = u64> {
    prop_oneof![
        4 => 0..200_u64,
        4 => 1_000_000_000..1_000_100_000_u64,
        2 => (0..64_u32, 0..4_u64).prop_map(|(bit, more)| (1_u64 << bit).wrapping_add(more)),
        2 => any::<u64>(),
        1 => Just(u64::MAX),
    ]
}

fn call() -> impl Strategy<Value = Call> {
    let key = || 0..600_u32;
    prop_oneof![
        6 => (key(), deadline()).prop_map(|(key, at)| Call::Set(key, at)),
        3 => (key(), 1..60_u32, deadline(), prop_oneof![Just(0_u64), 0..5_u64, any::<u64>()])
            .prop_map(|(key, count, at, apart)| Call::SetMany(key, count, at, apart)),
        3 => key().prop_map(Call::Cancel),
        2 => (key(), 1..80_u32).prop_map(|(key, count)| Call::CancelMany(key, count)),
        3 => Just(Call::First),
        3 => (1..40_usize).prop_map(Call::TakeFirst),
        2 => (1..40_usize, prop_oneof![0..100_u64, any::<u64>()]).prop_map(|(n, later)| Call::Later(n, later)),
    ]
}

/// A wheel and its model side by side; and what one call costs at most.
#[derive(Default)]
struct Pair {
    wheel: Wheel,
    model: Model,
    most: u64,
}

impl Default for Wheel {
    fn default() -> Self {
        Self::new()
    }
}

impl Pair {
    fn counted<T>(&mut self, call: impl FnOnce(&mut Wheel) -> T) -> T {
        self.wheel.steps.set(0);
        let answer = call(&mut self.wheel);
        self.most = self.most.max(self.wheel.steps.get());
        answer
    }

    fn set(&mut self, key: u32, at: u64) {
        let at = Instant::from_nanos(at);
        self.model.set(key, at);
        self.counted(|wheel| wheel.set(key, at));
    }

    fn cancel(&mut self, key: u32) {
        self.model.cancel(key);
        self.counted(|wheel| wheel.cancel(key));
    }

    fn first(&mut self) -> Option<(Instant, u32)> {
        let first = self.counted(Wheel::first);
        assert_eq!(first, self.model.first());
        first
    }

    fn run(&mut self, call: Call) {
        match call {
            Call::Set(key, at) => self.set(key, at),
            Call::SetMany(key, count, at, apart) => {
                for i in 0..count {
                    self.set(key + i, at.wrapping_add(apart.wrapping_mul(u64::from(i))));
                }
            }
            Call::Cancel(key) => self.cancel(key),
            Call::CancelMany(key, count) => (key..key + count).for_each(|key| self.cancel(key)),
            Call::First => drop(self.first()),
            Call::TakeFirst(count) => {
                for _ in 0..count {
                    if let Some((_, key)) = self.first() {
                        self.cancel(key);
                    }
                }
            }
            Call::Later(count, later) => {
                for _ in 0..count {
                    if let Some((at, key)) = self.first() {
                        self.set(key, at.as_nanos().saturating_add(later));
                    }
                }
            }
        }
    }
}

impl Wheel {
    /// Everything that must hold between calls.
    fn check(&self) {
        let mut seen = Vec::new();
        let mut open = std::vec![NONE];
        let mut wheels = 0;
        while let Some(number) = open.pop() {
            let node = self.node(number);
            let (mut load, mut places) = (0, 0);
            for digit in 0..64 {
                match node.slot(digit) {
                    Slot::Empty => continue,
                    Slot::Node(below) => {
                        assert_eq!(self.node(below).parent, number);
                        assert_eq!(node.differs(self.node(below).smallest()), 0);
                        assert_eq!(node.digit(self.node(below).smallest()), digit);
                        wheels += 1;
                        open.push(below);
                    }
                    Slot::List(head, count) => {
                        load += u16::from(count);
                        assert!(count <= LIMIT || count == ALIKE);
                        let (mut key, mut found) = (head, 0_u32);
                        loop {
                            let entry = *self.entry(key);
                            assert_eq!((node.digit(entry.at), node.differs(entry.at)), (digit, 0));
                            assert_eq!(self.entry(entry.next).prev, key);
                            assert!(count != ALIKE || entry.at == self.entry(head).at);
                            seen.push(key);
                            found += 1;
                            key = entry.next;
                            if key == head {
                                break;
                            }
                        }
                        assert!(count == ALIKE || found == u32::from(count));
                    }
                }
                places += 1;
            }
            assert_eq!(load, node.load());
            if number != NONE {
                assert!(load > FEW || node.has_nodes(), "a wheel has more than a list would");
                assert!(load > 0 || places > 1, "a wheel has more in it than a wheel");
            }
        }
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), self.len());
        assert_eq!(wheels, self.nodes.len());
    }
}

/// A number that no call may pass, whatever is in the wheel: eleven wheels, and lists of 17 entries.
const MOST_STEPS: u64 = 260;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_wheel_is_an_ordered_map(calls in prop::collection::vec(call(), 1..120)) {
        let mut pair = Pair::default();
        for call in calls {
            pair.run(call);
            pair.wheel.check();
            prop_assert_eq!(pair.wheel.len(), pair.model.keys.len());
        }
        for key in 0..700 {
            prop_assert_eq!(pair.wheel.at(key), pair.model.at(key));
        }
        prop_assert!(pair.most <= MOST_STEPS, "{} steps", pair.most);
        while let Some((_, key)) = pair.first() {
            pair.cancel(key);
        }
        pair.wheel.check();
        prop_assert_eq!((pair.wheel.len(), pair.wheel.nodes.len()), (0, 0));
    }
}

/// Numbers without an order (SplitMix64; Steele, Lea, Flood 2014).
fn mixed(n: u64) -> u64 {
    let mut x = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

fn nanos(wheel: &mut Wheel) -> Option<u64> {
    wheel.first().map(|(at, _)| at.as_nanos())
}

#[test]
fn the_first_deadline_is_exact_to_the_nanosecond() {
    let mut wheel = Wheel::new();
    assert_eq!(wheel.first(), None);
    for key in 0..1000 {
        wheel.set(key, Instant::from_nanos(5_000_000_000 - u64::from(key)));
        assert_eq!(nanos(&mut wheel), Some(5_000_000_000 - u64::from(key)));
    }
    for key in (0..1000).rev() {
        wheel.cancel(key);
        assert_eq!(nanos(&mut wheel), (key > 0).then(|| 5_000_000_001 - u64::from(key)));
    }
}

#[test]
fn of_equal_deadlines_the_one_set_first_comes_first() {
    let mut wheel = Wheel::new();
    let at = Instant::from_nanos(77);
    for key in (0..100).rev() {
        wheel.set(key, at);
    }
    wheel.set(99, at); // changes nothing
    for key in (0..100).rev() {
        assert_eq!(wheel.first(), Some((at, key)));
        wheel.cancel(key);
    }
}

#[test]
fn the_last_moment_is_a_deadline_like_others() {
    let mut wheel = Wheel::new();
    wheel.set(3, Instant::MAX);
    assert_eq!(wheel.first(), Some((Instant::MAX, 3)));
    wheel.set(4, Instant::ZERO);
    assert_eq!(wheel.first(), Some((Instant::ZERO, 4)));
    wheel.cancel(4);
    assert_eq!((wheel.first(), wheel.at(3)), (Some((Instant::MAX, 3)), Some(Instant::MAX)));
}

#[test]
fn a_key_that_was_never_set_has_no_deadline_and_takes_no_memory() {
    let mut wheel = Wheel::new();
    wheel.cancel(9);
    wheel.cancel(u32::MAX);
    assert_eq!((wheel.at(9), wheel.at(u32::MAX), wheel.len(), wheel.memory()), (None, None, 0, 0));
}

/// A million at one nanosecond, taken one by one: each at the price of one.
#[test]
fn equal_deadlines_are_not_compared_again_and_again() {
    let mut pair = Pair::default();
    let (many, at) = (1_000_000, Instant::from_nanos(123_456_789));
    for key in 0..many {
        pair.counted(|wheel| wheel.set(key, at));
    }
    for key in 0..many {
        assert_eq!(pair.counted(Wheel::first), Some((at, key)));
        // One beside them comes and goes each time.
        pair.counted(|wheel| wheel.set(many, at + core::time::Duration::from_nanos(u64::from(key) + 1)));
        pair.counted(|wheel| wheel.cancel(many));
        pair.counted(|wheel| wheel.cancel(key));
    }
    assert!(pair.most <= MOST_STEPS, "{} steps", pair.most);
    assert_eq!(pair.wheel.nodes.len(), 0);
}

/// Who sets timers again in the order of their deadlines, asking for the first each time, pays no more than others.
#[test]
fn no_order_of_calls_makes_a_call_dear() {
    let mut pair = Pair::default();
    let many = 100_000_u64;
    for key in 0..many {
        let at = Instant::from_nanos(1_000_000_000 + mixed(key) % 1_000_000_000);
        pair.counted(|wheel| wheel.set(key as u32, at));
    }
    let (mut steps, mut before) = (0, Instant::ZERO);
    for turn in 0..4 * many {
        let (at, key) = pair.counted(Wheel::first).unwrap();
        assert!(before <= at);
        before = at;
        // All of them again to just behind the last, or anywhere ahead.
        let later = if (turn / many).is_multiple_of(2) { 1_000_000_000 } else { mixed(turn) % 2_000_000_000 };
        pair.counted(|wheel| wheel.set(key, at + core::time::Duration::from_nanos(later)));
        steps += pair.wheel.steps.get();
    }
    assert!(pair.most <= MOST_STEPS, "{} steps", pair.most);
    assert!(steps / (4 * many) <= 60, "{} steps for a deadline that is set again", steps / (4 * many));
}

/// Seventeen that differ in the last bit only, next to seventeen that differ in the next one only, and so on: as many
/// wheels above each other as there can be.
#[test]
fn the_deepest_wheel_is_the_eleventh() {
    let mut pair = Pair::default();
    let mut key = 0;
    for shift in 0..64 {
        for copy in 0..40 {
            pair.set(key, (1 << shift) | (copy % 2));
            key += 1;
        }
        pair.first();
        pair.wheel.check();
    }
    for key in (0..key).rev() {
        pair.cancel(key);
        pair.first();
    }
    pair.wheel.check();
    assert!(pair.most <= MOST_STEPS, "{} steps", pair.most);
}

#[test]
fn a_deadline_takes_sixteen_octets_and_its_share_of_a_wheel() {
    assert_eq!((size_of::<Entry>(), size_of::<Node>()), (16, 352));
    let mut wheel = Wheel::new();
    for key in 0..1_000_000_u64 {
        wheel.set(key as u32, Instant::from_nanos(mixed(key) % 7_200_000_000_000));
    }
    assert!(wheel.memory() <= 24_000_000, "{} octets", wheel.memory());
}

/// Pairs of deadlines as far apart as pairs can be, made so that each list becomes a wheel before it is emptied again.
#[test]
fn wheels_that_were_needed_once_do_not_stay() {
    let mut wheel = Wheel::new();
    for n in 0..2000_u64 {
        let at = mixed(n) & !0xff;
        for copy in 0..20 {
            wheel.set(5000 + copy, Instant::from_nanos(at + u64::from(copy)));
        }
        for copy in 0..19 {
            wheel.cancel(5000 + copy);
        }
        wheel.cancel(5019);
        wheel.set(n as u32, Instant::from_nanos(at));
    }
    wheel.check();
    assert!(wheel.nodes.len() < 200, "{} wheels", wheel.nodes.len());
}
