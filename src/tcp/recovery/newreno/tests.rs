use super::{Duplicate, NewAck, NewReno};

/// ISS at 0, the SYN acknowledged, 10 segments of 100 under way.
fn ten_under_way() -> NewReno {
    let mut loss = NewReno::new(0);
    assert_eq!(loss.on_new_ack(1), NewAck::Normal);
    loss
}

fn duplicates<const N: usize>(loss: &mut NewReno, una: u64, max: u64) -> [Duplicate; N] {
    core::array::from_fn(|_| loss.on_duplicate_ack(una, max))
}

const THREE: [Duplicate; 3] =
    [Duplicate::LimitedTransmit(1), Duplicate::LimitedTransmit(2), Duplicate::Enter];

#[test]
fn the_third_duplicate_enters_and_each_later_one_inflates() {
    let mut loss = ten_under_way();
    assert_eq!(duplicates(&mut loss, 1, 1001), THREE);
    assert!(loss.in_recovery());
    assert_eq!(duplicates(&mut loss, 1, 1001), [Duplicate::Inflate; 4]);
    assert_eq!(loss.dup_acks(), 7);
}

#[test]
fn new_data_acknowledged_starts_the_count_again() {
    let mut loss = ten_under_way();
    duplicates::<2>(&mut loss, 1, 1001);
    assert_eq!(loss.on_new_ack(101), NewAck::Normal);
    assert_eq!(loss.dup_acks(), 0);
    assert_eq!(duplicates(&mut loss, 101, 1001), THREE);
}

#[test]
fn recovery_ends_when_all_that_was_under_way_at_its_start_is_acknowledged() {
    let mut loss = ten_under_way();
    duplicates::<3>(&mut loss, 1, 1001);
    duplicates::<2>(&mut loss, 1, 1201);
    assert_eq!(loss.on_new_ack(301), NewAck::Partial);
    assert_eq!(loss.on_duplicate_ack(301, 1201), Duplicate::Inflate);
    assert_eq!(loss.on_new_ack(1000), NewAck::Partial, "one octet is missing");
    assert_eq!(loss.on_new_ack(1001), NewAck::Full, "what was sent during recovery does not count");
    assert!(!loss.in_recovery());
    assert_eq!(loss.on_new_ack(1201), NewAck::Normal);
}

#[test]
fn only_the_first_partial_acknowledgment_is_the_first() {
    let mut loss = ten_under_way();
    for (start, max) in [(1, 1001), (1101, 2001)] {
        duplicates::<3>(&mut loss, start, max);
        assert!(!loss.is_first_partial());
        loss.on_new_ack(start + 100);
        assert!(loss.is_first_partial());
        loss.on_new_ack(start + 200);
        assert!(!loss.is_first_partial());
        loss.on_new_ack(max + 100);
        assert!(!loss.is_first_partial());
    }
}

#[test]
fn the_answers_to_what_was_sent_again_in_recovery_begin_no_new_one() {
    let mut loss = ten_under_way();
    duplicates::<3>(&mut loss, 1, 1001);
    loss.on_new_ack(1001);
    let limited = [Duplicate::LimitedTransmit(1), Duplicate::LimitedTransmit(2)];
    assert_eq!(duplicates(&mut loss, 1001, 2001), limited, "nothing from before is missing");
    assert_eq!(duplicates(&mut loss, 1001, 2001), [Duplicate::Ignored; 3]);
    loss.on_new_ack(1002);
    assert_eq!(duplicates(&mut loss, 1002, 2001), THREE, "more than recover is acknowledged");
}

#[test]
fn after_a_timeout_duplicates_mean_nothing_until_more_than_was_sent_is_acknowledged() {
    let mut loss = ten_under_way();
    duplicates::<4>(&mut loss, 1, 1001);
    loss.on_rto(1001);
    assert_eq!((loss.in_recovery(), loss.dup_acks()), (false, 0));
    assert_eq!(duplicates(&mut loss, 1, 1001), [Duplicate::Ignored; 5]);
    assert_eq!(loss.on_new_ack(501), NewAck::Normal);
    assert_eq!(duplicates(&mut loss, 501, 1001), [Duplicate::Ignored; 5]);
    assert_eq!(loss.on_new_ack(1101), NewAck::Normal);
    assert_eq!(duplicates(&mut loss, 1101, 1501), THREE);
}

#[test]
fn the_first_loss_of_a_connection_is_noticed() {
    let mut loss = NewReno::new(u64::from(u32::MAX));
    let una = u64::from(u32::MAX) + 1;
    loss.on_new_ack(una);
    assert_eq!(duplicates(&mut loss, una, una + 5000), THREE);
}
