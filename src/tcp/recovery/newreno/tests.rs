use super::Duplicates;

// RFC 5681 §3.2 step 4.
#[test]
fn each_duplicate_says_that_a_segment_has_arrived() {
    let mut duplicates = Duplicates::default();
    assert_eq!(duplicates.on_duplicate(5_000, 1_000), 1_000);
    assert_eq!(duplicates.on_duplicate(5_000, 1_000), 1_000);
    assert_eq!((duplicates.count(), duplicates.arrived()), (2, 2_000));
}

// RFC 5681 §3.2 step 4; Savage et al., "TCP congestion control with a misbehaving receiver", §2.2.
#[test]
fn no_more_can_have_arrived_than_was_under_way() {
    let mut duplicates = Duplicates::default();
    let said: u64 = (0..100).map(|_| duplicates.on_duplicate(2_500, 1_000)).sum();
    assert_eq!((said, duplicates.arrived(), duplicates.count()), (2_500, 2_500, 100));
}

#[test]
fn what_duplicates_have_told_is_not_counted_again() {
    let mut duplicates = Duplicates::default();
    for _ in 0..3 {
        duplicates.on_duplicate(9_000, 1_000);
    }
    assert_eq!(duplicates.on_new_ack(3_000, 1_000), 1_000, "the gap, and two that had been told");
    assert_eq!((duplicates.arrived(), duplicates.count()), (1_000, 0));
    assert_eq!(duplicates.on_new_ack(5_000, 1_000), 4_000);
}

// RFC 6582 §3.2 step 3.
#[test]
fn only_the_first_partial_acknowledgment_is_the_first() {
    let mut duplicates = Duplicates::default();
    duplicates.begin_recovery();
    assert!(!duplicates.is_first_partial());
    duplicates.on_partial_ack();
    assert!(duplicates.is_first_partial());
    duplicates.on_partial_ack();
    assert!(!duplicates.is_first_partial());
    duplicates.begin_recovery();
    duplicates.on_partial_ack();
    assert!(duplicates.is_first_partial());
}

#[test]
fn the_count_of_duplicates_ends_where_what_has_arrived_stays() {
    let mut duplicates = Duplicates::default();
    duplicates.on_duplicate(5_000, 1_000);
    duplicates.just_count();
    assert_eq!((duplicates.count(), duplicates.arrived()), (2, 1_000));
    duplicates.end_count();
    assert_eq!((duplicates.count(), duplicates.arrived()), (0, 1_000));
}
