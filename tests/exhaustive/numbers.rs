//! Sequence numbers (RFC 9293 §3.4) against a circle of 2³² places, walked with 64-bit numbers.

use crate::all_seen;
use tcpstate::SeqNumber;

/// Places on the circle, and half of them.
const CIRCLE: i64 = 1 << 32;
const HALF: i64 = 1 << 31;

const fn seq(value: u32) -> SeqNumber {
    SeqNumber::new(value)
}

/// Steps forward from one place to another, 0..2³².
fn forward(from: u32, to: u32) -> i64 {
    (i64::from(to) - i64::from(from)).rem_euclid(CIRCLE)
}

/// The same, whichever way round is shorter; half a circle is as long either way, and counts as backward.
fn shorter(from: u32, to: u32) -> i64 {
    let steps = forward(from, to);
    if steps < HALF { steps } else { steps - CIRCLE }
}

/// Everything that a pair of numbers can be asked, against the model.
fn check_pair(a: u32, b: u32) {
    let (x, y, steps) = (seq(a), seq(b), forward(a, b));
    assert_eq!(i64::from(y - x), steps, "{b} - {a}");
    assert_eq!(i64::from(y.distance_from(x)), shorter(a, b), "{b} from {a}");
    let (before, after) = (0 < steps && steps < HALF, HALF < steps);
    assert_eq!((x.before(y), x.after(y)), (before, after), "{a} and {b}");
    assert_eq!((y.after(x), y.before(x)), (before, after), "the same from the other side");
    assert_eq!(x.latest(y), if before { y } else { x }, "the later of {a} and {b}");
    assert_eq!(x + b, seq((i64::from(a) + i64::from(b)).rem_euclid(CIRCLE) as u32), "{a} + {b}");
    assert_eq!(x - b, seq((i64::from(a) - i64::from(b)).rem_euclid(CIRCLE) as u32), "{a} - {b}");
    assert_eq!(x + (y - x), y, "there and back");
}

/// All numbers within `reach` of the places where something changes: 0, a quarter, a half, three quarters.
fn near_the_seams(reach: u32) -> Vec<u32> {
    let seams = [0, 1 << 30, 1 << 31, 3 << 30];
    seams
        .into_iter()
        .flat_map(|seam: u32| (0..=2 * reach).map(move |n| seam.wrapping_sub(reach).wrapping_add(n)))
        .collect()
}

/// RFC 9293 §3.4.
#[test]
fn numbers_near_the_seams_of_the_circle_compare_as_places_on_it() {
    let numbers = near_the_seams(100);
    let mut seen = 0;
    for &a in &numbers {
        for &b in &numbers {
            check_pair(a, b);
            seen += 1;
        }
    }
    all_seen(seen, (4 * 201_u64).pow(2));
}

#[test]
fn a_range_holds_the_octets_that_one_meets_walking_through_it() {
    let (starts, lens) = (near_the_seams(6), near_the_seams(6));
    let mut seen = 0;
    for &start in &starts {
        for &len in &lens {
            for &at in &starts {
                // Whoever sets out from the start comes to `at` after so many steps: before the end, or not.
                assert_eq!(
                    seq(at).within(seq(start), len),
                    forward(start, at) < i64::from(len),
                    "{at} in {start}+{len}"
                );
                seen += 1;
            }
        }
    }
    all_seen(seen, 52_u64.pow(3));
}

#[test]
fn moving_both_numbers_changes_no_comparison() {
    let (numbers, moves) = (near_the_seams(5), near_the_seams(5));
    let mut seen = 0;
    for &a in &numbers {
        for &b in &numbers {
            let (x, y) = (seq(a), seq(b));
            for &by in &moves {
                let (p, q) = (x + by, y + by);
                assert_eq!((p.before(q), p.after(q)), (x.before(y), x.after(y)), "{a} and {b} by {by}");
                assert_eq!((q - p, q.distance_from(p)), (y - x, y.distance_from(x)), "{a} and {b} by {by}");
                seen += 1;
            }
        }
    }
    all_seen(seen, 44_u64.pow(3));
}

#[test]
fn on_less_than_half_a_circle_before_is_transitive() {
    let numbers = near_the_seams(5);
    let (mut seen, mut chains) = (0, 0);
    for &a in &numbers {
        for &b in &numbers {
            for &c in &numbers {
                let chain = forward(a, b) > 0 && forward(b, c) > 0 && forward(a, b) + forward(b, c) < HALF;
                assert!(!chain || seq(a).before(seq(c)), "{a}, {b}, {c}");
                chains += u64::from(chain);
                seen += 1;
            }
        }
    }
    all_seen(seen, 44_u64.pow(3));
    // Steps that add up to less than half a circle: the law says nothing of the others, where one comes around again.
    assert_eq!(chains, 9_240);
}

/// All 2³² differences from `base`.
fn all_differences_from(base: u32) {
    let x = seq(base);
    // A walk around the circle: `at` and `steps` go on by one each, and need no arithmetic that could be the same as
    // the library's.
    let (mut at, mut seen) = (base, 0_u64);
    for steps in 0..CIRCLE {
        let y = seq(at);
        let before = steps != 0 && steps < HALF;
        let after = steps > HALF;
        let signed = if steps < HALF { steps } else { steps - CIRCLE };
        let right = x.before(y) == before
            && y.after(x) == before
            && x.after(y) == after
            && y.before(x) == after
            && i64::from(y - x) == steps
            && i64::from(y.distance_from(x)) == signed
            && x.latest(y).get() == if before { at } else { base };
        assert!(right, "{base} and {at}, {steps} ahead");
        at = if at == u32::MAX { 0 } else { at + 1 };
        seen += 1;
    }
    assert_eq!(at, base, "once around");
    all_seen(seen, 1 << 32);
}

#[test]
#[ignore = "4,294,967,296 cases: in an optimised build"]
fn all_differences_from_the_first_number_compare_as_places_on_the_circle() {
    all_differences_from(0);
}

#[test]
#[ignore = "4,294,967,296 cases: in an optimised build"]
fn all_differences_from_the_last_number_compare_as_places_on_the_circle() {
    all_differences_from(u32::MAX);
}

#[test]
#[ignore = "8,589,934,592 cases: in an optimised build"]
fn every_number_lies_within_the_ranges_that_reach_it() {
    // All places against a range of one length, and all lengths against one place.
    let (first, len) = (u32::MAX - 5, 1_u32 << 20);
    let start = seq(first);
    let mut seen = 0_u64;
    for value in 0..=u32::MAX {
        assert!(seq(value).within(start, len) == (forward(first, value) < i64::from(len)), "{value}");
        seen += 1;
    }
    let at = start + len;
    for len_of in 0..=u32::MAX {
        assert!(at.within(start, len_of) == (len_of > len), "{len_of}");
        seen += 1;
    }
    all_seen(seen, 1 << 33);
}
