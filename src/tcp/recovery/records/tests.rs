use alloc::vec;
use alloc::vec::Vec;
use core::ops::Range;
use core::time::Duration;

use proptest::prelude::*;

use super::{Delivery, Fate, Record, Records, Stamp};
use crate::Instant;

const fn at(nanos: u64) -> Instant {
    Instant::from_nanos(nanos)
}

fn genuine(_: &Record) -> bool {
    true
}

fn send(records: &mut Records, range: Range<u64>, nanos: u64) {
    records.sent(range, at(nanos), Stamp::default(), false);
    records.check();
}

fn ack(records: &mut Records, position: u64) -> Delivery {
    let mut news = Delivery::default();
    records.acked_to(position, &mut news, genuine);
    records.check();
    news
}

fn sack(records: &mut Records, block: Range<u64>) -> Delivery {
    let mut news = Delivery::default();
    records.sack(block, &mut news, genuine);
    records.check();
    news
}

/// Segments of 100 positions, sent at 1, 2, 3 …
fn segments(count: u64) -> Records {
    let mut records = Records::new();
    for number in 0..count {
        send(&mut records, number * 100..number * 100 + 100, number + 1);
    }
    records
}

/// Start and end, fate, and how often sent, of all records.
fn all(records: &Records) -> Vec<(u64, u64, Fate, u8)> {
    records.iter().map(|record| (record.start, record.end(), record.fate, record.times)).collect()
}

fn tallies(records: &Records) -> (u64, u64, u64) {
    (records.in_flight(), records.lost(), records.sacked())
}

use Fate::{InFlight, Lost};

#[test]
fn each_segment_is_a_record() {
    let mut records = segments(2);
    send(&mut records, 200..201, 3);
    assert_eq!(all(&records), [(0, 100, InFlight, 1), (100, 200, InFlight, 1), (200, 201, InFlight, 1)]);
    assert_eq!(tallies(&records), (201, 0, 0));
}

#[test]
fn an_empty_range_records_nothing() {
    let mut records = segments(3);
    send(&mut records, 150..150, 9);
    assert_eq!(all(&records), all(&segments(3)));
}

#[test]
fn sending_a_part_again_splits_the_record() {
    let mut records = segments(3);
    send(&mut records, 120..130, 9);
    assert_eq!(
        all(&records),
        [
            (0, 100, InFlight, 1),
            (100, 120, InFlight, 1),
            (120, 130, InFlight, 2),
            (130, 200, InFlight, 1),
            (200, 300, InFlight, 1)
        ]
    );
    assert_eq!(records.iter().map(|record| record.first_sent).max(), Some(at(3)), "as it was");
}

#[test]
fn a_range_may_be_old_at_its_start_and_new_at_its_end() {
    let mut records = segments(3);
    send(&mut records, 250..350, 9);
    assert_eq!(
        all(&records)[2..],
        [(200, 250, InFlight, 1), (250, 300, InFlight, 2), (300, 350, InFlight, 1)]
    );
}

#[test]
fn what_was_acknowledged_is_not_recorded_again() {
    let mut records = segments(3);
    ack(&mut records, 150);
    let before = records.clone();
    send(&mut records, 0..100, 10);
    assert_eq!(all(&records), all(&before));
}

// RFC 6298 §3: Karn's algorithm.
#[test]
fn the_oldest_of_the_newly_acknowledged_gives_the_sample_unless_any_was_sent_twice() {
    let mut records = segments(3);
    assert_eq!(ack(&mut records, 200).sample, Some(at(1)));
    assert_eq!(ack(&mut records, 300).sample, Some(at(3)));
    assert_eq!((records.len(), records.oldest()), (0, None));

    let mut records = segments(3);
    send(&mut records, 100..200, 9);
    let news = ack(&mut records, 200);
    assert_eq!((news.sample, news.repeated, news.first_sent), (None, true, Some(at(1))));
    assert_eq!(ack(&mut records, 200).sample, None, "nothing new");
}

#[test]
fn part_of_a_record_gives_a_sample_and_the_rest_remains() {
    let mut records = segments(3);
    assert_eq!(ack(&mut records, 50).octets, 50);
    assert_eq!(ack(&mut records, 51).sample, Some(at(1)));
    assert_eq!(all(&records)[0], (51, 100, InFlight, 1));
}

// RFC 6675 §4: what SACK reports has left the network.
#[test]
fn a_block_marks_the_whole_segments_in_it_once() {
    let mut records = segments(6);
    assert_eq!(sack(&mut records, 200..400).octets, 200);
    assert_eq!(sack(&mut records, 200..400).octets, 0, "known");
    assert_eq!(sack(&mut records, 150..450).octets, 0, "parts do not count");
    assert_eq!(sack(&mut records, 100..600).octets, 300);
    assert_eq!(tallies(&records), (100, 0, 500));
    assert_eq!(records.sacked_records(), 5);
    let news = ack(&mut records, 600);
    assert_eq!((news.octets, news.sample), (100, Some(at(1))));
}

#[test]
fn blocks_that_touch_and_overlap_become_one() {
    let mut records = segments(10);
    for block in [200..300, 400..500, 600..700, 800..900] {
        assert_eq!(sack(&mut records, block).octets, 100);
    }
    assert_eq!(sack(&mut records, 300..400).octets, 100);
    assert_eq!(sack(&mut records, 250..1000).octets, 300);
    assert_eq!(tallies(&records), (200, 0, 800));
}

// RFC 8985 §6.2 step 2.
#[test]
fn the_newest_that_arrived_is_the_one_that_was_sent_last() {
    let mut records = segments(5);
    send(&mut records, 100..200, 20);
    let newest = |news: Delivery| news.newest.map(|record| (record.sent_at, record.end()));
    assert_eq!(newest(sack(&mut records, 200..400)), Some((at(4), 400)));
    assert_eq!(newest(ack(&mut records, 400)), Some((at(20), 200)));

    let mut records = segments(5);
    send(&mut records, 0..100, 20);
    let mut news = Delivery::default();
    records.acked_to(200, &mut news, |_| false);
    assert_eq!(newest(news), Some((at(2), 200)), "of a copy that was not meant nothing is known");
    assert_eq!(news.octets, 200, "but it has arrived");
}

// RFC 8985 §6.2 step 3.
#[test]
fn the_lowest_that_arrived_at_the_first_time_tells_of_reordering() {
    let mut records = segments(5);
    send(&mut records, 0..100, 20);
    let news = sack(&mut records, 300..500);
    assert_eq!((news.lowest_original, news.highest), (Some(400), 500));
    assert_eq!(ack(&mut records, 300).lowest_original, Some(200));
}

// RFC 8985 §6.2 step 5.
#[test]
fn what_was_sent_before_the_newest_and_is_late_is_lost() {
    let mut records = segments(6);
    sack(&mut records, 300..400);
    let patience = Duration::from_nanos(10);
    assert_eq!(records.expire(at(10), 4, patience), (false, Some(at(11))));
    assert_eq!(records.expire(at(12), 4, patience), (true, Some(at(13))));
    assert_eq!(all(&records)[..3], [(0, 100, Lost, 1), (100, 200, Lost, 1), (200, 300, InFlight, 1)]);
    assert_eq!(records.expire(at(100), 4, patience), (true, None));
    assert_eq!(tallies(&records), (200, 300, 100), "those behind the newest are not suspect");
    assert_eq!(records.next_lost(250), Some(0..200));
}

// RFC 8985-2
#[test]
fn a_retransmission_can_be_lost_too() {
    let mut records = segments(4);
    sack(&mut records, 100..300);
    records.expire(at(20), 3, Duration::ZERO);
    send(&mut records, 0..100, 30);
    assert_eq!(records.next_lost(1000), None);
    sack(&mut records, 300..400);
    assert_eq!(records.expire(at(40), 4, Duration::ZERO), (false, None), "sent after the newest");
    send(&mut records, 400..500, 41);
    sack(&mut records, 400..500);
    assert_eq!(records.expire(at(60), 41, Duration::from_nanos(15)), (true, None));
    assert_eq!(records.next_lost(1000), Some(0..100));
}

#[test]
fn losses_are_repaired_in_the_order_in_which_they_were_noticed() {
    let mut records = segments(8);
    sack(&mut records, 500..600);
    records.expire(at(20), 6, Duration::ZERO);
    for start in [0, 100] {
        assert_eq!(records.next_lost(100), Some(start..start + 100));
        send(&mut records, start..start + 100, 30 + start);
    }
    sack(&mut records, 700..800);
    records.expire(at(200), 131, Duration::ZERO); // 600..700, and both retransmissions
    let mut order = vec![];
    while let Some(run) = records.next_lost(100) {
        send(&mut records, run.clone(), 300);
        order.push(run.start);
    }
    assert_eq!(order, [200, 300, 400, 600, 0, 100]);
}

#[test]
fn a_run_of_losses_goes_together_as_far_as_whole_records_fit() {
    let mut records = segments(5);
    sack(&mut records, 400..500);
    records.expire(at(20), 5, Duration::ZERO);
    assert_eq!(records.next_lost(250), Some(0..200));
    assert_eq!(records.next_lost(70), Some(0..70), "at least what there is room for");
    send(&mut records, 0..200, 30);
    assert_eq!(records.next_lost(1000), Some(200..400));
    assert_eq!(tallies(&records), (200, 200, 100));
}

#[test]
fn what_is_lost_can_be_cut_at_once() {
    let mut records = segments(4);
    sack(&mut records, 100..200);
    records.lose_where(|_| true);
    records.cut_lost(40, true);
    records.check();
    let lost: Vec<_> = all(&records).into_iter().filter(|(.., fate, _)| *fate == Lost).collect();
    assert_eq!(
        lost.iter().map(|(start, end, ..)| end - start).collect::<Vec<_>>(),
        [40, 40, 20, 40, 40, 40, 40, 40]
    );
    assert_eq!((tallies(&records), records.next_lost(90)), ((0, 300, 100), Some(0..80)));
}

#[test]
fn what_is_left_of_a_loss_that_was_acknowledged_in_part_is_repaired() {
    let mut records = segments(3);
    records.lose_where(|_| true);
    ack(&mut records, 30);
    assert_eq!(records.next_lost(100), Some(30..100));
}

#[test]
fn acknowledgments_within_a_loss_do_not_make_the_queue_longer() {
    let mut records = segments(3);
    records.lose_where(|_| true);
    for position in 1..100 {
        ack(&mut records, position);
    }
    assert_eq!(records.marks.queued(), 3);
}

#[test]
fn what_was_sent_again_and_is_not_lost_after_all_can_be_lost_again() {
    let mut records = segments(3);
    records.lose_where(|_| true);
    send(&mut records, 0..100, 9);
    records.lose_where(|_| true);
    records.nothing_is_lost();
    records.check();
    send(&mut records, 300..400, 20);
    sack(&mut records, 300..400);
    assert!(records.expire(at(99), 5, Duration::ZERO).0);
    assert_eq!(records.next_lost(300), Some(100..300), "those that were sent once come first");
    send(&mut records, 100..300, 100);
    assert_eq!(records.next_lost(300), Some(0..100));
}

#[test]
fn a_loss_that_arrives_after_all_is_not_repaired() {
    let mut records = segments(4);
    sack(&mut records, 300..400);
    records.expire(at(20), 4, Duration::ZERO);
    sack(&mut records, 0..100);
    assert_eq!(records.next_lost(100), Some(100..200));
    assert_eq!(ack(&mut records, 300).octets, 200);
    assert_eq!(records.next_lost(100), None);
}

// RFC 4015 §3.2.
#[test]
fn nothing_is_lost_after_an_undo() {
    let mut records = segments(4);
    records.lose_where(|_| true);
    send(&mut records, 0..100, 9);
    records.nothing_is_lost();
    records.check();
    assert_eq!((tallies(&records), records.next_lost(100)), ((400, 0, 0), None));
    sack(&mut records, 300..400);
    assert!(records.expire(at(50), 4, Duration::ZERO).0, "and can be lost again");
    assert_eq!(records.next_lost(100), Some(100..200));
}

// RFC 2018 §8.
#[test]
fn a_receiver_may_forget_what_it_had() {
    let mut records = segments(4);
    sack(&mut records, 100..300);
    ack(&mut records, 100);
    assert!(records.is_reneged_on());
    records.forget_sacks();
    records.check();
    records.lose_where(|_| true);
    records.check();
    assert_eq!((tallies(&records), records.next_lost(1000)), ((0, 300, 0), Some(100..400)));
}

#[test]
fn each_transmission_is_counted_whether_new_or_again() {
    let mut records = segments(3);
    assert_eq!(records.transmissions(), 3);
    send(&mut records, 0..100, 9);
    assert_eq!(records.transmissions(), 4);
}

/// RFC 6675 §4, IsLost: below three runs, or more than so many octets, that were reported. What was sent again is left to
/// the timer.
#[test]
fn what_lies_below_enough_reports_is_lost_once() {
    let mut records = segments(6);
    send(&mut records, 100..200, 9);
    sack(&mut records, 300..500);
    assert!(!records.lose_below_reports(200), "not more than that");
    assert!(records.lose_below_reports(199));
    records.check();
    let fates: Vec<_> =
        records.iter().filter(|record| record.fate == Lost).map(|record| record.start).collect();
    assert_eq!(fates, [0, 200]);
    assert!(!records.lose_below_reports(199), "each is looked at once");
}

#[test]
fn too_many_records_become_half_as_many() {
    let mut records = Records::new();
    for number in 0..Records::MAX_RECORDS as u64 + 10 {
        records.sent(number..number + 1, at(number), Stamp::default(), false);
    }
    records.check();
    assert!(records.len() <= Records::MAX_RECORDS);
    assert_eq!(tallies(&records), (Records::MAX_RECORDS as u64 + 10, 0, 0));
    assert_eq!(records.oldest().map(|first| (first.len, first.sent_at)), Some((2, at(1))));
}

#[derive(Clone, Debug)]
enum Step {
    Send(u64),
    Resend(u64, u64),
    ResendLost(u64),
    Ack(u64),
    Sack(u64, u64),
    Expire(u64, u64),
    LoseFirst,
    LoseAll,
    Undo,
    Renege,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1_u64..200).prop_map(Step::Send),
        1 => (0_u64..2000, 1_u64..200).prop_map(|(start, len)| Step::Resend(start, len)),
        3 => (1_u64..200).prop_map(Step::ResendLost),
        2 => (0_u64..400).prop_map(Step::Ack),
        4 => (0_u64..2000, 1_u64..500).prop_map(|(start, len)| Step::Sack(start, len)),
        3 => (0_u64..40, 0_u64..20).prop_map(|(newest, patience)| Step::Expire(newest, patience)),
        1 => Just(Step::LoseFirst),
        1 => Just(Step::LoseAll),
        1 => Just(Step::Undo),
        1 => Just(Step::Renege),
    ]
}

proptest! {
    /// Whatever comes, the tallies are those of the records, what is lost can be repaired, and no position has two
    /// fates.
    #[test]
    fn the_tallies_hold_whatever_happens(steps in prop::collection::vec(step(), 1..120)) {
        let mut records = Records::new();
        let (mut una, mut max) = (0_u64, 0_u64);
        for (now, step) in (1_u64..).zip(steps) {
            let before = records.sacked();
            match step {
                Step::Send(len) => {
                    send(&mut records, max..max + len, now);
                    max += len;
                }
                Step::Resend(start, len) => {
                    let start = una + start % (max - una + 1);
                    send(&mut records, start..(start + len).min(max), now);
                }
                Step::ResendLost(room) => {
                    if let Some(run) = records.next_lost(room) {
                        let lost = records.lost();
                        prop_assert!(run.end - run.start <= room && run.start < run.end);
                        send(&mut records, run.clone(), now);
                        prop_assert_eq!(records.lost(), lost - (run.end - run.start));
                    } else {
                        prop_assert_eq!(records.lost(), 0);
                    }
                }
                Step::Ack(len) => {
                    una = (una + len).min(max);
                    ack(&mut records, una);
                }
                Step::Sack(start, len) => {
                    let start = una + start % (max - una + 1);
                    let news = sack(&mut records, start..(start + len).min(max));
                    prop_assert_eq!(records.sacked(), before + news.octets);
                }
                Step::Expire(newest, patience) => {
                    let patience = Duration::from_nanos(patience);
                    let (_, next) = records.expire(at(now), now.saturating_sub(newest), patience);
                    records.check();
                    prop_assert!(next.is_none_or(|next| next > at(now)));
                }
                Step::LoseFirst => drop(records.lose_first()),
                Step::LoseAll => records.lose_where(|_| true),
                Step::Undo => records.nothing_is_lost(),
                Step::Renege => records.forget_sacks(),
            }
            records.check();
            prop_assert_eq!(records.in_flight() + records.lost() + records.sacked(), max - una);
        }
    }
}

#[test]
fn lost_records_that_fill_the_room_exactly_go_in_one_piece() {
    let mut records = segments(3);
    records.lose_where(|_| true);
    assert_eq!(records.first_lost(200), Some(0..200));
    assert_eq!(records.first_lost(199), Some(0..100), "records stay whole");
}

// RFC 6675 §4: IsLost.
#[test]
fn three_runs_or_more_than_so_many_octets_reported_above_make_a_loss() {
    let mut records = segments(8);
    sack(&mut records, 200..300);
    assert!(!records.lose_below_reports(100), "one run, and not more octets");
    sack(&mut records, 400..500);
    assert!(!records.clone().lose_below_reports(200), "two");
    assert!(records.clone().lose_below_reports(199), "more octets");
    sack(&mut records, 600..700);
    assert!(records.lose_below_reports(1_000), "three runs, however small");
    assert_eq!(records.lost(), 200, "below all three");
}

#[test]
fn what_was_reported_in_whole_stays_reported_when_records_are_merged() {
    let mut records = segments(4);
    sack(&mut records, 0..300);
    records.merge_pairs();
    records.check();
    assert_eq!(all(&records), [(0, 200, Fate::Sacked, 1), (200, 400, InFlight, 1)]);
}
