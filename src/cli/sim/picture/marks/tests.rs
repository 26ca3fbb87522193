use super::*;

const ALWAYS: Span = Span { from: 0, to: u64::MAX };

#[test]
fn few_marks_stay_as_they_are() {
    let mut marks = Marks::new(ALWAYS, 10);
    for n in 0..10 {
        marks.push(n * 100, n * 1_000, n * 1_000 + 500);
    }
    assert_eq!((marks.list().len(), marks.count()), (10, 10));
    assert_eq!(marks.list()[3], Mark { from: 300, to: 300, low: 3_000, high: 3_500, count: 1 });
    assert_eq!(marks.range(), Some((0, 9_500)));
}

#[test]
fn what_is_outside_the_span_is_not_there() {
    let mut marks = Marks::new(Span { from: 10, to: 20 }, 10);
    for at in [9, 10, 20, 21] {
        marks.push(at, at, at + 1);
    }
    assert_eq!((marks.count(), marks.range()), (2, Some((10, 21))));
}

#[test]
fn many_marks_are_bounded_and_none_is_forgotten() {
    let mut marks = Marks::new(ALWAYS, 1_000);
    for n in 0..200_000_u64 {
        // A stream that goes on, and something far behind it.
        let low = if n % 10 == 0 { n * 500 } else { n * 1_000 };
        marks.push(n * 1_000_000, low, low + 1_000);
        assert!(marks.list().len() <= 1_000);
    }
    assert!(marks.list().len() > 500, "as many as there is room for: {}", marks.list().len());
    assert_eq!(marks.count(), 200_000);
    assert_eq!(marks.list().iter().map(|mark| mark.count).sum::<u64>(), 200_000);
    assert_eq!(marks.range(), Some((0, 200_000_000)));
    assert!(marks.list().is_sorted_by_key(|mark| mark.from));
    // The two are still apart.
    let apart =
        |mark: &Mark| mark.low / 1_000 > mark.from / 1_000_000 * 3 / 4 || mark.high <= mark.low + 1_000_000;
    assert!(marks.list().iter().filter(|mark| mark.from > 50_000_000_000).all(apart));
}

#[test]
fn marks_at_one_moment_and_place_become_one() {
    let mut marks = Marks::new(ALWAYS, 4);
    for _ in 0..100 {
        marks.push(5, 7, 7);
    }
    assert!(marks.list().len() <= 4);
    assert_eq!(marks.list().iter().map(|mark| mark.count).sum::<u64>(), 100);
}
