//! Loss by time: RACK, RFC 8985 §6. A round trip takes 100 ms, so the reordering window is 25 ms at first.

use super::flight::{
    acknowledge, in_flight, opened, places, report, sacking, stamped, ten_in_flight, within,
};
use super::script::{Script, play};

/// The timer of the reordering window may be late by the clock's granularity, a millisecond (RFC 8985 §6.2 step 5).
fn about(sent: &[(i64, i64)], expected: &[(i64, i64)]) {
    let fits = |(sent, expected): (&(i64, i64), &(i64, i64))| {
        sent.1 == expected.1 && (expected.0..=expected.0 + 1).contains(&sent.0)
    };
    let all = sent.len() == expected.len() && sent.iter().zip(expected).all(fits);
    assert!(all, "sent {sent:?}, and not {expected:?}");
}

/// RFC 8985 §6.2 step 4: as long as no reordering was seen, three segments beyond a gap leave no window to wait for.
// RFC 6675-3, 8985-9
#[test]
fn three_sacked_segments_convict_at_once_where_nothing_was_ever_reordered() {
    play(|stage| {
        let mut s = ten_in_flight(stage, &sacking(), 0);
        s.advance(span!(100 ms), &[]);
        assert!(report(&mut s, 1, (1_001, 2_001)).is_empty());
        assert!(report(&mut s, 1, (1_001, 3_001)).is_empty());
        assert_eq!(report(&mut s, 1, (1_001, 4_001)), [1]);
        assert!(s.tcb.in_recovery());
        assert_eq!(s.tcb.retransmitted(), 1_000);
    });
}

/// RFC 8985 §6.2 step 4: segments count, not blocks: one that reports three at once is as good as three.
// RFC 6675-3
#[test]
fn one_block_of_three_segments_convicts_at_once() {
    play(|stage| {
        let mut s = ten_in_flight(stage, &sacking(), 0);
        s.advance(span!(100 ms), &[]);
        assert_eq!(report(&mut s, 1, (1_001, 4_001)), [1]);
        assert_eq!(s.tcb.retransmitted(), 1_000);
    });
}

/// RFC 8985 §6.2 step 5: fewer than three convict when what was sent before them is overdue by a quarter of the
/// shortest round trip; and only what was sent before them.
// RFC 8985-3, 8985-13, 8985-14
#[test]
fn one_sacked_segment_convicts_after_a_quarter_of_the_round_trip() {
    for (sacked, timestamps) in [((1_001, 2_001), false), ((1_001, 3_001), false), ((1_001, 2_001), true)] {
        play(|stage| {
            let config = if timestamps { stamped() } else { sacking() };
            let mut s = in_flight(stage, &config, 4, 0);
            s.advance(span!(100 ms), &[]);
            let mut seg = seg!(seq: 1, ack: 1, sack: [sacked]);
            seg = if timestamps { seg.ts((200, 100)) } else { seg };
            s.send(&seg);
            about(&within(&mut s, span!(300 ms)), &[(225, 1)]);
        });
    }
}

/// RFC 8985 §6.2 step 5: what arrives within the window was never lost.
// RFC 8985-14
#[test]
fn a_segment_that_is_late_by_less_than_the_window_costs_nothing() {
    play(|stage| {
        let mut s = in_flight(stage, &sacking(), 3, 0);
        s.advance(span!(100 ms), &[]);
        assert!(report(&mut s, 1, (1_001, 2_001)).is_empty());
        s.advance(span!(24 ms), &[]);
        assert!(acknowledge(&mut s, 3_001).is_empty());
        s.advance(span!(3 s), &[]);
        assert_eq!((s.tcb.retransmitted(), s.tcb.ssthresh(), s.tcb.cwnd() >= 10_000), (0, u32::MAX, true));
    });
}

/// RFC 8985 §6.2 step 2: the round trip of the latest segment that arrived counts, from when each one was sent.
// RFC 8985-4, 8985-13
#[test]
fn the_deadline_is_the_sending_time_and_the_latest_round_trip_and_the_window() {
    play(|stage| {
        let mut s = in_flight(stage, &sacking(), 2, 0);
        s.advance(span!(10 ms), &[]);
        call!(s, queue 1_000);
        assert_eq!(places(&s.burst()), [2_001]); // at 110 ms
        s.advance(span!(150 ms), &[]);
        // At 260 ms: the second one took 160 ms. The first one was sent at 100 ms; the third one after the second.
        assert!(report(&mut s, 1, (1_001, 2_001)).is_empty());
        about(&within(&mut s, span!(200 ms)), &[(285, 1)]);
    });
}

/// A connection on which the first of ten segments came after the second, at 200 ms: eight are left.
fn reordered(s: &mut Script) {
    s.advance(span!(100 ms), &[]);
    assert!(report(s, 1, (1_001, 2_001)).is_empty());
    assert!(acknowledge(s, 2_001).is_empty());
}

/// RFC 8985 §6.2 steps 3 and 4: once something that was never sent again has arrived late, even many segments beyond a
/// gap leave it a quarter of the shortest round trip.
// RFC 8985-7
#[test]
fn where_reordering_was_seen_three_segments_convict_nobody() {
    play(|stage| {
        let mut s = ten_in_flight(stage, &sacking(), 0);
        reordered(&mut s);
        for end in [4_001, 5_001, 6_001, 7_001, 8_001] {
            assert!(report(&mut s, 2_001, (3_001, end)).is_empty());
        }
        about(&within(&mut s, span!(300 ms)), &[(225, 2_001)]);
    });
}

/// RFC 8985 §6.2 step 3: an old segment that was sent again is no sign of reordering: what has come is the second copy.
/// Three still convict at once.
// RFC 8985-8
#[test]
fn a_repaired_gap_is_no_reordering() {
    play(|stage| {
        let mut s = ten_in_flight(stage, &sacking(), 0);
        s.advance(span!(100 ms), &[]);
        assert_eq!(report(&mut s, 1, (1_001, 10_001)), [1]);
        s.advance(span!(100 ms), &[]);
        assert!(acknowledge(&mut s, 10_001).is_empty());
        call!(s, queue 5_000);
        assert_eq!(s.burst().len(), 5);
        s.advance(span!(100 ms), &[]);
        assert_eq!(report(&mut s, 10_001, (11_001, 14_001)), [10_001]);
    });
}

/// RFC 8985 §6.2: a retransmission that is lost is found like any other segment: something sent after it has arrived.
// RFC 8985-2
#[test]
fn a_lost_retransmission_is_convicted_by_what_was_sent_after_it() {
    play(|stage| {
        let mut s = ten_in_flight(stage, &sacking(), 20_000);
        s.advance(span!(100 ms), &[]);
        let mut sent = Vec::new();
        for k in 1..=9 {
            sent.push(report(&mut s, 1, (1_001, 1_001 + 1_000 * k)));
            s.advance(span!(1 ms), &[]);
        }
        // One for each duplicate before the recovery (RFC 3042); then the repair at 202 ms, and new ones behind it.
        assert_eq!(sent[..3], [vec![10_001], vec![11_001], vec![1]]);
        assert!(sent[3..].concat().starts_with(&[12_001]), "{sent:?}");
        s.advance(span!(91 ms), &[]);
        // At 300 and 301 ms: what was sent before the repair says nothing about it.
        assert!(!report(&mut s, 1, (1_001, 11_001)).contains(&1));
        s.advance(span!(1 ms), &[]);
        assert!(!report(&mut s, 1, (1_001, 12_001)).contains(&1));
        s.advance(span!(4 ms), &[]);
        assert_eq!(report(&mut s, 1, (1_001, 13_001)).first(), Some(&1));
        assert_eq!(s.tcb.backoff(), 0, "no timeout");
    });
}

/// RFC 8985 §6.2 step 2: the acknowledgment of a segment that was sent again may be for the first copy. By its timestamp,
/// or by a round trip shorter than any, it is: then it says nothing about when the others should have come.
// RFC 8985-5
#[test]
fn an_acknowledgment_of_the_first_copy_convicts_nobody() {
    for timestamps in [true, false] {
        play(|stage| {
            let config = if timestamps { stamped() } else { sacking() };
            let mut s = ten_in_flight(stage, &config, 0);
            s.advance(span!(100 ms), &[]);
            let stamp = |seg: super::words::Seg| if timestamps { seg.ts((200, 100)) } else { seg };
            s.send(&stamp(seg!(seq: 1, ack: 1, sack: [(1_001, 4_001)])));
            assert_eq!(places(&s.burst()), [1]);
            s.advance(span!(3 ms), &[]);
            // The first copy arrives; taken for the second it would convict the six sent at 100 ms.
            s.send(&stamp(seg!(seq: 1, ack: 4_001)));
            assert!(s.burst().is_empty());
            assert_eq!(s.tcb.retransmitted(), 1_000);
        });
    }
}

/// RFC 8985 §6.3: at a timeout the oldest segment is lost, and what is overdue; what was sent just now is not. The
/// oldest one goes out whatever is in flight (RFC 6298 §5.4).
// RFC 8985-15
#[test]
fn a_timeout_spares_what_was_sent_just_now() {
    play(|stage| {
        let mut s = in_flight(stage, &sacking(), 2, 0);
        assert_eq!(within(&mut s, span!(1_190 ms)), [(300, 1_001)]);
        call!(s, queue 1_000);
        assert_eq!(places(&s.burst()), [2_001]); // at 1,290 ms
        assert_eq!(within(&mut s, span!(10 ms)), [(1_300, 1)]);
        assert_eq!(s.tcb.info(s.at()).pipe, 2_000, "the first and the new one; the second is lost");
        s.advance(span!(80 ms), &[]);
        // The new one arrives at 1,390 ms, a tenth of a second after it was sent: the second one was overdue.
        let sent = report(&mut s, 1, (2_001, 3_001));
        assert!(!sent.contains(&2_001), "{sent:?}");
        s.advance(span!(20 ms), &[]);
        let sent = [sent, report(&mut s, 1_001, (2_001, 3_001))].concat();
        assert_eq!(sent, [1_001]);
    });
}

/// Two segments more, of which the first is overtaken by so much that it is sent again; then it comes, and its copy is
/// reported. How long it was waited for.
fn false_alarm(s: &mut Script, una: i64) -> i64 {
    let waited = gap(s, una);
    s.advance(span!(1 ms), &[]);
    assert!(acknowledge(s, una + 2_000).is_empty());
    s.advance(span!(100 ms), &[]);
    assert!(report(s, una + 2_000, (una, una + 1_000)).is_empty());
    waited
}

/// Two segments more, of which only the second one arrives, after 100 ms: how long the first one was waited for then.
fn gap(s: &mut Script, una: i64) -> i64 {
    call!(s, queue 2_000);
    assert_eq!(places(&s.burst()), [una, una + 1_000]);
    s.advance(span!(100 ms), &[]);
    assert!(report(s, una, (una + 1_000, una + 2_000)).is_empty());
    let reported = s.ms();
    let mut sent = Vec::new();
    while sent.is_empty() {
        assert!(s.ms() - reported < 500, "it is sent again before the timer expires");
        sent = within(s, span!(1 ms));
    }
    assert_eq!((sent.len(), sent[0].1), (1, una));
    sent[0].0 - reported
}

/// RFC 8985 §6.2 step 4: each round trip with a D-SACK adds a quarter of the shortest round trip to the window, which
/// is the smoothed round trip at the most.
// RFC 8985-10
#[test]
fn each_duplicate_that_is_reported_makes_the_window_wider() {
    play(|stage| {
        let mut s = opened(stage, &sacking());
        for k in 0..7 {
            let waited = false_alarm(&mut s, 1 + 2_000 * k);
            let window = s.tcb.info(s.at()).reo_wnd;
            assert_eq!(window, (span!(25 ms) * (k as u32 + 2)).min(s.tcb.srtt().unwrap_or_default()));
            let srtt = s.tcb.srtt().expect("there are samples").as_millis() as i64;
            let quarters = 25 * (k + 1);
            if quarters <= 100 {
                assert!((quarters..=quarters + 1).contains(&waited), "{waited} ms for {quarters} ms");
            } else {
                assert!((100..=srtt + 1).contains(&waited), "{waited} ms with an SRTT of {srtt} ms");
            }
        }
        assert_eq!(s.tcb.backoff(), 0);
    });
}

/// RFC 8985 §6.2 step 4: after sixteen recoveries without a D-SACK the window is what it was in the beginning.
// RFC 8985-12
#[test]
fn after_sixteen_recoveries_without_duplicates_the_window_is_narrow_again() {
    play(|stage| {
        let mut s = opened(stage, &sacking());
        assert!((25..=26).contains(&false_alarm(&mut s, 1)));
        for k in 1..=18 {
            let una = 1 + 2_000 * k;
            let waited = gap(&mut s, una);
            let expected = if k <= 16 { 50 } else { 25 };
            assert!((expected..=expected + 1).contains(&waited), "{waited} ms in recovery {k}");
            // The second copy arrives: it was lost indeed.
            s.advance(span!(100 ms), &[]);
            assert!(acknowledge(&mut s, una + 2_000).is_empty());
        }
    });
}

/// RFC 8985 §6.2 step 4: two D-SACKs within one round trip widen the window once.
// RFC 8985-11
#[test]
fn two_duplicates_in_one_round_trip_widen_the_window_once() {
    play(|stage| {
        let mut s = opened(stage, &sacking());
        assert!((25..=26).contains(&false_alarm(&mut s, 1)));
        call!(s, queue 2_000);
        assert_eq!(places(&s.burst()), [2_001, 3_001]);
        for _ in 0..3 {
            assert!(report(&mut s, 2_001, (1, 1_001)).is_empty());
        }
        s.advance(span!(100 ms), &[]);
        assert!(acknowledge(&mut s, 4_001).is_empty());
        let waited = gap(&mut s, 4_001);
        assert!((50..=76).contains(&waited), "{waited} ms: the next round may count once more, and no more");
    });
}

/// RFC 8985 §6.2 (RACK_sent_after): of what was sent at one moment, the order of transmission tells which came first. Two
/// segments go again at 200 ms, and the second one arrives.
// RFC 8985-6
#[test]
fn a_lost_retransmission_is_convicted_by_one_that_left_at_the_same_moment() {
    play(|stage| {
        let mut s = ten_in_flight(stage, &sacking(), 0);
        s.advance(span!(100 ms), &[]);
        assert_eq!(report(&mut s, 1, (2_001, 10_001)), [1, 1_001]);
        s.advance(span!(100 ms), &[]);
        assert_eq!(report(&mut s, 1, (1_001, 10_001)), [1]);
        s.advance(span!(100 ms), &[]);
        assert!(acknowledge(&mut s, 10_001).is_empty());
        let info = s.tcb.info(s.at());
        assert_eq!((info.timeouts, info.retransmissions), (0, 3));
    });
}

/// RFC 8985 §6.2 step 2, for what is reported by SACK: a first copy that is reported 3 ms after the second has left says
/// nothing about what left with that.
// RFC 8985-5
#[test]
fn a_report_of_the_first_copy_convicts_nobody() {
    play(|stage| {
        let mut s = ten_in_flight(stage, &sacking(), 0);
        s.advance(span!(100 ms), &[]);
        assert_eq!(report(&mut s, 1, (2_001, 10_001)), [1, 1_001]);
        s.advance(span!(3 ms), &[]);
        assert!(report(&mut s, 1, (1_001, 10_001)).is_empty());
        assert_eq!(s.tcb.retransmitted(), 2_000);
        s.advance(span!(97 ms), &[]);
        assert!(acknowledge(&mut s, 10_001).is_empty());
        assert_eq!(s.tcb.retransmitted(), 2_000);
    });
}
