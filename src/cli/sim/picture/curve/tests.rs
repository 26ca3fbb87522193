use super::*;

const ALWAYS: Span = Span { from: 0, to: u64::MAX };

#[test]
fn a_value_holds_until_it_changes() {
    let mut curve = Curve::new(ALWAYS);
    for (at, value) in [(10, Some(1)), (20, Some(1)), (30, Some(5)), (40, None), (50, Some(2))] {
        curve.set(at, value);
    }
    let values = [5, 10, 29, 30, 39, 40, 49, 50, 1_000].map(|at| curve.at(at));
    let (one, five, two) = (Some(1), Some(5), Some(2));
    assert_eq!(values, [None, one, one, five, five, None, None, two, two]);
    assert_eq!(curve.points().len(), 4, "what stays the same is no point");
    assert_eq!((curve.range(), curve.most()), (Some((1, 5)), 5));
}

#[test]
fn at_the_same_moment_the_last_value_counts_and_the_extremes_are_kept() {
    let mut curve = Curve::new(ALWAYS);
    curve.set(1, Some(7));
    for value in [9, 1, 4] {
        curve.set(10, Some(value));
    }
    assert_eq!((curve.points().len(), curve.at(10), curve.range()), (2, Some(4), Some((1, 9))));
}

#[test]
fn a_span_begins_with_the_value_from_before_it() {
    let mut curve = Curve::new(Span { from: 100, to: 200 });
    for (at, value) in [(10, 1), (90, 2), (150, 3), (200, 4), (201, 5)] {
        curve.set(at, Some(value));
    }
    assert_eq!([100, 149, 150, 200, 300].map(|at| curve.at(at)), [2, 2, 3, 4, 4].map(Some));
    assert_eq!(curve.range(), Some((2, 4)));
}

#[test]
fn many_points_become_few_that_keep_the_extremes_and_the_end() {
    let mut curve = Curve::new(ALWAYS);
    for at in 1..=1_000_000_u64 {
        // Up and down all the time, and once very high and very low.
        let value = match at {
            123_456 => 5,
            765_432 => 9_999,
            _ => 100 + at % 7,
        };
        curve.set(at * 1_000, Some(value));
    }
    let count = curve.points().len();
    assert!((Curve::MOST / 4..=Curve::MOST).contains(&count), "{count}");
    assert_eq!(curve.range(), Some((5, 9_999)));
    assert_eq!(curve.at(u64::MAX), Some(100 + 1_000_000 % 7));
    assert!(curve.points().is_sorted_by_key(|point| point.at));
    let near = |at: u64, value| {
        let holds = |point: &&Point| point.range.is_some_and(|(low, high)| low == value || high == value);
        curve.points().iter().find(holds).is_some_and(|point| point.at.abs_diff(at * 1_000) < 1_000_000)
    };
    assert!(near(123_456, 5) && near(765_432, 9_999), "they are where they were");
}

#[test]
fn what_grows_evenly_is_known_in_between() {
    let mut curve = Curve::new(ALWAYS);
    curve.grow(0, 0, 0);
    for (from, to, value) in [(0, 100, 0), (100, 200, 0), (200, 300, 50), (300, 400, 50), (400, 500, 150)] {
        curve.grow(from, to, value);
    }
    let values =
        [0, 150, 200, 250, 300, 350, 400, 450, 500, 900].map(|at| curve.along(at).unwrap_or_default());
    assert_eq!(values, [0, 0, 0, 25, 50, 50, 50, 100, 150, 150]);
    for n in 5..100_000 {
        curve.grow(n * 100, n * 100 + 100, 150 + n);
    }
    let half = curve.along(5_000_000).unwrap_or_default();
    assert!(half.abs_diff(150 + 50_000) < 100, "thinned or not: {half}");
}
