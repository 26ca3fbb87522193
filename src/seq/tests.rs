use super::SeqNumber;
use proptest::prelude::*;

const fn seq(n: u32) -> SeqNumber {
    SeqNumber::new(n)
}

// RFC 9293 X-14
#[test]
fn order_holds_across_the_wrap() {
    assert!(seq(u32::MAX).before(seq(0)));
    assert!(seq(0).after(seq(u32::MAX)));
    assert!(seq(0xffff_fff0).before(seq(0x10)));
    assert!(!seq(5).before(seq(5)));
    assert!(!seq(5).after(seq(5)));
}

#[test]
fn numbers_half_a_circle_apart_have_no_order() {
    let (a, b) = (seq(7), seq(7) + (1 << 31));
    assert!(!a.before(b) && !b.before(a));
    assert!(!a.after(b) && !b.after(a));
}

#[test]
fn a_range_may_cross_the_wrap() {
    let start = seq(u32::MAX - 1);
    assert!(start.within(start, 1));
    assert!(seq(1).within(start, 4));
    assert!(!seq(2).within(start, 4));
    assert!(!start.within(start, 0));
}

proptest! {
    #[test]
    fn exactly_one_of_before_equal_after_holds_for_short_distances(a: u32, d in 1_u32..1 << 31) {
        let (x, y) = (seq(a), seq(a) + d);
        prop_assert!(x.before(y) && y.after(x) && !y.before(x) && !x.after(y));
        prop_assert_eq!(y - x, d);
        prop_assert_eq!(y - d, x);
        prop_assert_eq!(i64::from(y.distance_from(x)), i64::from(d));
        prop_assert_eq!(x.latest(y), y);
        prop_assert_eq!(y.latest(x), y);
    }
}
