#![allow(clippy::single_range_in_vec_init, reason = "one range is meant, not its positions")]

use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::ops::Range;

use proptest::prelude::*;

use super::{Inserted, Ranges};

fn of(ranges: &[Range<u64>]) -> Ranges {
    let mut all = Ranges::new();
    for range in ranges {
        assert_eq!(all.insert(range.clone(), usize::MAX), Inserted::New);
    }
    all
}

fn ascending(ranges: &Ranges) -> Vec<Range<u64>> {
    ranges.iter().collect()
}

fn reported(ranges: &Ranges) -> Vec<Range<u64>> {
    ranges.newest_first().collect()
}

#[test]
fn ranges_that_overlap_or_touch_become_one() {
    let mut ranges = of(&[10..20, 30..40, 50..60]);
    assert_eq!(ranges.insert(20..30, 8), Inserted::New, "touches on both sides");
    assert_eq!(ascending(&ranges), [10..40, 50..60]);
    assert_eq!(ranges.insert(5..55, 8), Inserted::New, "reaches over all");
    assert_eq!(ascending(&ranges), [5..60]);
}

#[test]
fn ranges_one_position_apart_stay_two() {
    assert_eq!(ascending(&of(&[10..20, 21..30])), [10..20, 21..30]);
}

#[test]
fn a_range_that_is_there_is_known() {
    let mut ranges = of(&[10..20]);
    for known in [10..20, 10..11, 19..20, 12..15] {
        assert_eq!(ranges.insert(known, 8), Inserted::Known);
    }
    assert_eq!(ranges.insert(19..21, 8), Inserted::New);
    assert_eq!(ranges.insert(9..10, 8), Inserted::New);
    assert_eq!(ascending(&ranges), [9..21]);
}

#[test]
fn an_empty_range_changes_nothing() {
    let mut ranges = of(&[10..20]);
    assert_eq!(ranges.insert(30..30, 0), Inserted::Known);
    assert_eq!(ranges, of(&[10..20]));
}

#[test]
fn a_full_list_takes_what_joins_and_nothing_apart() {
    let mut ranges = of(&[10..20, 30..40]);
    let before = ranges.clone();
    assert_eq!(ranges.insert(50..60, 2), Inserted::Full);
    assert_eq!(ranges, before);
    assert_eq!(ranges.insert(40..50, 2), Inserted::New);
    assert_eq!(ranges.insert(12..14, 2), Inserted::Known);
    assert_eq!(ascending(&ranges), [10..20, 30..50]);
    assert_eq!(Ranges::new().insert(1..2, 0), Inserted::Full);
}

#[test]
fn the_left_edge_moves_through_what_it_reaches() {
    let mut ranges = of(&[10..20, 30..40, 50..60]);
    assert_eq!(ranges.take_through(9), 9, "a gap remains");
    assert_eq!(ranges.len(), 3);
    assert_eq!(ranges.take_through(10), 20);
    assert_eq!(ascending(&ranges), [30..40, 50..60]);
    assert_eq!(ranges.take_through(45), 45, "what lies below is dropped");
    assert_eq!(ascending(&ranges), [50..60]);
    assert_eq!(ranges.take_through(55), 60);
    assert!(ranges.is_empty());
    assert_eq!(ranges.take_through(61), 61);
}

#[test]
fn the_edge_at_the_end_of_a_range_removes_it() {
    let mut ranges = of(&[10..20]);
    assert_eq!(ranges.take_through(20), 20);
    assert!(ranges.is_empty());
}

#[test]
fn emptied_it_holds_no_memory_and_is_as_new() {
    let mut ranges = of(&[10..20, 30..40]);
    ranges.take_through(35);
    assert_eq!((ranges.memory(), ranges == Ranges::new()), (0, true));
    let mut ranges = of(&[10..20]);
    ranges.clear();
    assert_eq!((ranges.memory(), ranges == Ranges::new()), (0, true));
    assert_eq!((Ranges::new().insert(1..2, 0), Ranges::new().memory()), (Inserted::Full, 0));
}

/// RFC 2018 §7, case 3: of 8 segments of 500 octets from 5000 the second, fourth, sixth and eighth are lost;
/// then the fourth and the second arrive.
// RFC 2018-7
#[test]
fn the_example_of_rfc_2018_is_reported_as_printed() {
    let mut ranges = of(&[6000..6500]);
    assert_eq!(reported(&ranges), [6000..6500]);
    ranges.insert(7000..7500, 8);
    assert_eq!(reported(&ranges), [7000..7500, 6000..6500]);
    ranges.insert(8000..8500, 8);
    assert_eq!(reported(&ranges), [8000..8500, 7000..7500, 6000..6500]);
    ranges.insert(6500..7000, 8);
    assert_eq!(reported(&ranges), [6000..7500, 8000..8500]);
    assert_eq!(ranges.take_through(6000), 7500);
    assert_eq!(reported(&ranges), [8000..8500]);
}

#[test]
fn a_range_that_arrives_again_is_reported_first_again() {
    let mut ranges = of(&[10..20, 30..40]);
    ranges.insert(12..14, 8);
    assert_eq!(reported(&ranges), [10..20, 30..40]);
}

// RFC 2018-8
#[test]
fn at_most_four_are_reported() {
    let ranges = of(&[90..91, 10..11, 70..71, 30..31, 50..51, 0..1]);
    assert_eq!(reported(&ranges), [0..1, 50..51, 30..31, 70..71]);
}

/// RFC 2018 §4: "filled out by repeating the most recently reported": what is left when the newest are gone.
// RFC 2018-9
#[test]
fn where_the_newest_are_acknowledged_the_highest_are_reported() {
    let mut ranges = Ranges::new();
    // Sixteen, and the lowest eight came last.
    for start in (8..16).chain(0..8) {
        ranges.insert(10 * start..10 * start + 5, 16);
    }
    assert_eq!(reported(&ranges), [70..75, 60..65, 50..55, 40..45]);
    ranges.take_through(72);
    assert_eq!(reported(&ranges), [150..155, 140..145, 130..135, 120..125]);
    ranges.insert(83..87, 16);
    assert_eq!(reported(&ranges), [80..87, 150..155, 140..145, 130..135]);
}

/// A long range swallows what was reported before it; those that are left move up.
#[test]
fn a_range_that_swallows_others_is_reported_once() {
    let mut ranges = of(&[90..91, 10..11, 70..71, 30..31, 50..51, 0..1]);
    ranges.insert(5..60, 8);
    assert_eq!(reported(&ranges), [5..60, 0..1, 70..71, 90..91]);
}

/// A slow start that overshoots at 1 Gbit/s and 300 ms: every other one of 25,000 segments is lost, and then sent
/// again. Each costs a few steps: the test would take minutes if each looked at all.
#[test]
fn every_other_segment_of_a_large_window_is_kept_and_the_gaps_are_filled_from_the_front() {
    const SEGMENT: u64 = 1_448;
    let at = |number: u64| number * SEGMENT..(number + 1) * SEGMENT;
    let mut ranges = Ranges::new();
    for number in (1..25_000).step_by(2) {
        assert_eq!(ranges.insert(at(number), 16 << 10), Inserted::New);
        assert_eq!(reported(&ranges)[0], at(number));
    }
    assert_eq!(ranges.len(), 12_500);
    assert!(ranges.memory() < 12_501 * 48 + 300, "{} octets", ranges.memory());
    for number in (0..25_000).step_by(2) {
        assert_eq!(ranges.take_through(at(number).end), at(number + 1).end);
    }
    assert!(ranges.is_empty());
}

/// What a peer can do at worst: ranges in no order, again and again, and then one segment over all.
#[test]
fn ranges_in_no_order_cost_no_more_than_others() {
    let (max, mut ranges) = (16 << 10, Ranges::new());
    for number in 0..200_000_u64 {
        let start = 4 * (number * 40_503 % 65_521);
        let inserted = ranges.insert(start..start + 1, max);
        assert_eq!(inserted == Inserted::Full, number >= max as u64 && !ranges.contains(&(start..start + 1)));
    }
    assert_eq!(ranges.len(), max);
    assert_eq!(ranges.insert(0..4 * 65_521, max), Inserted::New);
    assert_eq!((ranges.len(), ranges.newest_first().count()), (1, 1));
}

#[test]
fn the_overlap_is_the_first_part_that_is_there() {
    let ranges = of(&[10..20, 30..40]);
    assert_eq!(ranges.overlap(&(0..10)), None);
    assert_eq!(ranges.overlap(&(20..30)), None);
    assert_eq!(ranges.overlap(&(40..99)), None);
    assert_eq!(ranges.overlap(&(15..15)), None);
    assert_eq!(ranges.overlap(&(15..18)), Some(15..18));
    assert_eq!(ranges.overlap(&(0..99)), Some(10..20));
    assert_eq!(ranges.overlap(&(20..35)), Some(30..35));
}

#[test]
fn the_ends_of_the_number_space_are_positions_like_others() {
    let mut ranges = of(&[u64::MAX - 1..u64::MAX, 0..1]);
    assert_eq!(ranges.end(), Some(u64::MAX));
    assert_eq!(ranges.take_through(0), 1);
    assert_eq!(ranges.take_through(u64::MAX), u64::MAX);
}

/// Positions one by one, and the last segments in the order of their arrival.
#[derive(Default)]
struct Naive {
    held: BTreeSet<u64>,
    arrived: Vec<u64>,
}

impl Naive {
    fn ranges(&self) -> Vec<Range<u64>> {
        let mut ranges: Vec<Range<u64>> = Vec::new();
        for &position in &self.held {
            match ranges.last_mut().filter(|last| last.end == position) {
                Some(last) => last.end += 1,
                None => ranges.push(position..position + 1),
            }
        }
        ranges
    }

    fn insert(&mut self, range: Range<u64>, max: usize) -> Inserted {
        if range.clone().all(|position| self.held.contains(&position)) {
            if !range.is_empty() {
                self.arrives(range.start);
            }
            return Inserted::Known;
        }
        let neighbours = range.start.saturating_sub(1)..range.end + 1;
        if self.ranges().len() >= max && !neighbours.into_iter().any(|near| self.held.contains(&near)) {
            return Inserted::Full;
        }
        self.held.extend(range.clone());
        self.arrives(range.start);
        Inserted::New
    }

    fn take_through(&mut self, from: u64) -> u64 {
        let edge = (from..).find(|at| !self.held.contains(at)).unwrap();
        self.held = self.held.split_off(&edge);
        self.arrived.retain(|&position| position >= edge);
        edge
    }

    /// A segment with this position has come: eight ranges are remembered, each by the last of its segments.
    fn arrives(&mut self, position: u64) {
        self.arrived.push(position);
        let ranges = self.ranges();
        let range = ranges.iter().find(|range| range.contains(&position)).unwrap();
        let last = self.arrived.len() - 1;
        let mut at = 0..;
        self.arrived.retain(|position| at.next() == Some(last) || !range.contains(position));
        let beyond = self.arrived.len().saturating_sub(8);
        self.arrived.drain(..beyond);
    }

    fn newest_first(&self) -> Vec<Range<u64>> {
        let ranges = self.ranges();
        let of = |position: &u64| ranges.iter().find(|range| range.contains(position)).unwrap().clone();
        let mut newest: Vec<_> = self.arrived.iter().rev().map(of).collect();
        for range in ranges.iter().rev() {
            if !newest.contains(range) {
                newest.push(range.clone());
            }
        }
        newest.truncate(4);
        newest
    }
}

#[derive(Clone, Debug)]
enum Step {
    Insert(Range<u64>),
    Take(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        9 => (0_u64..120, prop_oneof![2 => 0_u64..4, 1 => 0_u64..15]).prop_map(|(start, len)| Step::Insert(start..start + len)),
        1 => (0_u64..120).prop_map(Step::Take),
    ];
    prop::collection::vec(step, 0..80)
}

proptest! {
    #[test]
    fn ranges_do_what_a_set_of_positions_does(steps in steps(), max in 0_usize..24) {
        let (mut ranges, mut naive) = (Ranges::new(), Naive::default());
        for step in steps {
            match step {
                Step::Insert(range) => {
                    let first = range.clone().find(|position| naive.held.contains(position));
                    let part = first.map(|first| {
                        let end = (first..range.end).find(|position| !naive.held.contains(position));
                        first..end.unwrap_or(range.end)
                    });
                    prop_assert_eq!(ranges.overlap(&range), part);
                    let all = range.clone().all(|position| naive.held.contains(&position));
                    prop_assert_eq!(ranges.contains(&range), all);
                    prop_assert_eq!(ranges.insert(range.clone(), max), naive.insert(range, max));
                }
                Step::Take(from) => prop_assert_eq!(ranges.take_through(from), naive.take_through(from)),
            }
            prop_assert_eq!(ascending(&ranges), naive.ranges());
            prop_assert_eq!(reported(&ranges), naive.newest_first());
            prop_assert_eq!(ranges.end(), naive.held.last().map(|last| last + 1));
            prop_assert_eq!(ranges.len(), naive.ranges().len());
            prop_assert!(ranges.len() <= max);
            prop_assert_eq!(ranges.is_empty(), ranges.memory() == 0);
        }
    }
}
