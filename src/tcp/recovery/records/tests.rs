use alloc::vec::Vec;

use proptest::prelude::*;

use super::{Acked, Record, Records};
use crate::Instant;

const fn at(nanos: u64) -> Instant {
    Instant::from_nanos(nanos)
}

const fn record(start: u64, end: u64, sent_at: u64, first_sent: u64, times: u8) -> Record {
    Record { start, end, sent_at: at(sent_at), first_sent: at(first_sent), times }
}

fn all(records: &Records) -> Vec<Record> {
    records.iter().copied().collect()
}

/// Three records of 100 positions, sent at 1, 2 and 3.
fn three() -> Records {
    let mut records = Records::new();
    records.sent(0..100, at(1));
    records.sent(100..200, at(2));
    records.sent(200..300, at(3));
    records
}

#[test]
fn what_is_sent_at_one_moment_is_one_record() {
    let mut records = Records::new();
    records.sent(7..100, at(1));
    records.sent(100..200, at(1));
    records.sent(200..201, at(2));
    assert_eq!(all(&records), [record(7, 200, 1, 1, 1), record(200, 201, 2, 2, 1)]);
    assert_eq!((records.len(), records.is_empty()), (2, false));
}

#[test]
fn an_empty_range_records_nothing() {
    let mut records = Records::new();
    records.sent(5..5, at(1));
    assert_eq!(records, Records::new());
    let mut records = three();
    records.sent(150..150, at(9));
    assert_eq!(records, three());
}

#[test]
fn sending_again_counts_and_keeps_the_first_time() {
    let mut records = three();
    records.sent(100..200, at(9));
    assert_eq!(
        all(&records),
        [record(0, 100, 1, 1, 1), record(100, 200, 9, 2, 2), record(200, 300, 3, 3, 1)]
    );
}

#[test]
fn sending_a_part_again_splits_the_record() {
    let mut records = three();
    records.sent(120..130, at(9));
    let expected = [
        record(0, 100, 1, 1, 1),
        record(100, 120, 2, 2, 1),
        record(120, 130, 9, 2, 2),
        record(130, 200, 2, 2, 1),
        record(200, 300, 3, 3, 1),
    ];
    assert_eq!(all(&records), expected);
    assert_eq!([99, 119, 120, 129, 130, 299, 300].map(|p| records.times_at(p)), [1, 1, 2, 2, 1, 1, 0]);
}

#[test]
fn a_range_may_be_old_at_its_start_and_new_at_its_end() {
    let mut records = three();
    records.sent(250..350, at(9));
    let expected = [record(200, 250, 3, 3, 1), record(250, 300, 9, 3, 2), record(300, 350, 9, 9, 1)];
    assert_eq!(all(&records)[2..], expected);
}

#[test]
fn new_space_does_not_join_what_was_sent_again_at_the_same_moment() {
    let mut records = three();
    records.sent(200..300, at(9));
    records.sent(300..400, at(9));
    assert_eq!(all(&records)[2..], [record(200, 300, 9, 3, 2), record(300, 400, 9, 9, 1)]);
}

#[test]
fn what_was_acknowledged_is_not_recorded_again() {
    let mut records = three();
    records.acked_to(150);
    records.sent(0..160, at(9));
    assert_eq!(all(&records)[..2], [record(150, 160, 9, 2, 2), record(160, 200, 2, 2, 1)]);
    let before = records.clone();
    records.sent(0..100, at(10));
    assert_eq!(records, before);
}

#[test]
fn the_oldest_of_the_newly_acknowledged_gives_the_sample() {
    let mut records = three();
    assert_eq!(records.acked_to(200), Acked { sample: Some(at(1)), retransmitted: false });
    assert_eq!(records.first_sent(), Some(at(3)));
    assert_eq!(records.acked_to(300), Acked { sample: Some(at(3)), retransmitted: false });
    assert_eq!((records.is_empty(), records.oldest(), records.first_sent()), (true, None, None));
}

#[test]
fn part_of_a_record_gives_a_sample_and_the_rest_remains() {
    let mut records = three();
    assert_eq!(records.acked_to(50).sample, Some(at(1)));
    assert_eq!(records.oldest(), Some(&record(50, 100, 1, 1, 1)));
    assert_eq!(records.acked_to(51).sample, Some(at(1)));
}

#[test]
fn nothing_newly_acknowledged_gives_no_sample() {
    let mut records = three();
    records.acked_to(100);
    for old in [0, 99, 100] {
        assert_eq!(records.acked_to(old), Acked { sample: None, retransmitted: false });
    }
    assert_eq!(Records::new().acked_to(100), Acked { sample: None, retransmitted: false });
}

#[test]
fn karn_no_sample_when_any_of_it_was_sent_again() {
    let mut records = three();
    records.sent(100..101, at(9));
    assert_eq!(records.clone().acked_to(300), Acked { sample: None, retransmitted: true });
    assert_eq!(records.clone().acked_to(100), Acked { sample: Some(at(1)), retransmitted: false });
    records.acked_to(101);
    assert_eq!(records.acked_to(300), Acked { sample: Some(at(2)), retransmitted: false });
}

#[test]
fn the_count_of_transmissions_stops_at_its_largest() {
    let mut records = Records::new();
    for now in 0..1000 {
        records.sent(0..10, at(now));
    }
    assert_eq!(all(&records), [record(0, 10, 999, 0, u8::MAX)]);
}

#[test]
fn too_many_records_are_merged_by_twos_and_the_later_transmission_counts() {
    let mut records = Records::new();
    let many = Records::MAX_RECORDS as u64 - 2;
    for position in 0..many {
        records.sent(position..position + 1, at(position));
    }
    assert_eq!(records.len(), Records::MAX_RECORDS - 2);
    records.sent(many..many + 1, at(many));
    assert_eq!(records.len(), Records::MAX_RECORDS / 2);
    assert_eq!(all(&records)[..2], [record(0, 2, 1, 0, 1), record(2, 4, 3, 2, 1)]);
}

#[test]
fn an_odd_record_is_merged_with_none() {
    let mut records = three();
    records.sent(250..260, at(9));
    records.merge_pairs();
    let expected = [record(0, 200, 2, 1, 1), record(200, 260, 9, 3, 2), record(260, 300, 3, 3, 1)];
    assert_eq!(all(&records), expected);
}

#[test]
fn the_number_of_records_is_bounded_whatever_is_sent_again() {
    let mut records = Records::new();
    records.sent(0..1 << 20, at(0));
    for step in 0..20_000_u64 {
        let start = step * 7919 % ((1 << 20) - 3);
        records.sent(start..start + 3, at(step));
        assert!(records.len() <= Records::MAX_RECORDS);
    }
    assert!(records.records.capacity() <= Records::MAX_RECORDS);
}

#[test]
fn a_quiet_exchange_reuses_its_memory_and_a_burst_gives_it_back() {
    let mut records = Records::new();
    for now in 0..10_000 {
        records.sent(now..now + 1, at(now));
        if now >= 30 {
            records.acked_to(now - 30);
        }
        assert!(records.records.capacity() <= Records::KEPT, "a steady window grows no more");
    }
    let kept = records.records.capacity();
    records.acked_to(10_000);
    assert_eq!((records.is_empty(), records.records.capacity()), (true, kept));
    for now in 10_000..11_000 {
        records.sent(now..now + 1, at(now));
    }
    records.acked_to(11_000);
    assert!(records.records.capacity() <= Records::KEPT);
    records.clear();
    assert_eq!(records.records.capacity(), 0);
}

/// Of each position: when it was sent for the first time, when last, and how often.
type Naive = Vec<(Instant, Instant, u8)>;

proptest! {
    /// A machine sends new space or goes back, time moves or stands, and acknowledgments come.
    #[test]
    fn records_do_what_one_record_per_position_does(
        steps in prop::collection::vec((0_u8..3, 0_u64..1000, 0_u64..20, 0_u64..3), 0..80),
        merges in any::<bool>(),
    ) {
        let (mut records, mut naive, mut una, mut now) = (Records::new(), Naive::new(), 0_u64, at(0));
        for (kind, place, len, passed) in steps {
            now = at(now.as_nanos() + passed);
            let max = naive.len() as u64;
            // The second kind begins anywhere, also before SND.UNA if something is under way; the first at
            // SND.MAX.
            let start = if kind == 0 || una == max { max } else { place % (max + 1) };
            if kind < 2 {
                records.sent(start..start + len, now);
                for position in start..start + len {
                    match naive.get_mut(position as usize) {
                        Some(_) if position < una => {}
                        Some((_, last, times)) => (*last, *times) = (now, times.saturating_add(1)),
                        None => naive.push((now, now, 1)),
                    }
                }
            } else {
                let newly = naive.get(una as usize..start as usize).unwrap_or_default();
                let retransmitted = newly.iter().any(|&(_, _, times)| times > 1);
                let sample = newly.first().filter(|_| !retransmitted).map(|&(_, last, _)| last);
                let acked = records.acked_to(start);
                prop_assert_eq!(acked.retransmitted, retransmitted);
                prop_assert_eq!(acked.sample, sample);
                una = una.max(start);
            }
            if merges && place % 10 == 0 {
                merge(&mut records, &mut naive);
            }
            let mut next = una;
            for record in records.iter() {
                prop_assert_eq!(record.start, next);
                prop_assert!(record.start < record.end);
                next = record.end;
                for &known in &naive[record.start as usize..record.end as usize] {
                    prop_assert_eq!(known, (record.first_sent, record.sent_at, record.times));
                }
            }
            prop_assert_eq!(next, naive.len() as u64);
            for (position, &(_, _, times)) in naive.iter().enumerate() {
                let expected = if (position as u64) < una { 0 } else { times };
                prop_assert_eq!(records.times_at(position as u64), expected);
            }
        }
    }
}

/// Merges, and makes the positions of each new record alike.
fn merge(records: &mut Records, naive: &mut Naive) {
    records.merge_pairs();
    for record in records.iter() {
        let known = &mut naive[record.start as usize..record.end as usize];
        let first = known.iter().map(|known| known.0).min().unwrap();
        let last = known.iter().map(|known| known.1).max().unwrap();
        let times = known.iter().map(|known| known.2).max().unwrap();
        known.fill((first, last, times));
    }
}
