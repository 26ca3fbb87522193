//! What was reduced for nothing is given back: D-SACK (RFC 3708), Eifel (RFC 3522, 4015), F-RTO (RFC 5682).
//!
//! Ten segments leave at 100 ms; a round trip takes 100 ms, and the window is 10,000 octets before whatever happens.

use super::flight::{ack, acknowledge, places, report, sacking, stamped, ten_in_flight, within};
use super::script::{Script, Stage, play};

/// Three segments overtake the first one, which is sent again at 200 ms.
fn repaired_too_early(stage: Stage) -> Script {
    let mut s = ten_in_flight(stage, &sacking(), 0);
    s.advance(span!(100 ms), &[]);
    assert_eq!(report(&mut s, 1, (1_001, 4_001)), [1]);
    assert_eq!(s.tcb.ssthresh(), 5_000);
    s
}

/// The window and the threshold are what they were.
fn undone(s: &Script) {
    assert_eq!((s.tcb.cwnd(), s.tcb.ssthresh()), (10_000, u32::MAX));
}

/// RFC 3708 §3: each octet that was sent again is reported as a duplicate: the loss was none. In the recovery …
// RFC 2883-7
#[test]
fn a_duplicate_reported_in_the_recovery_undoes_it() {
    play(|stage| {
        let mut s = repaired_too_early(stage);
        s.advance(span!(5 ms), &[]);
        assert!(acknowledge(&mut s, 4_001).is_empty()); // the first copy; six are still under way
        s.advance(span!(95 ms), &[]);
        assert!(report(&mut s, 4_001, (1, 1_001)).is_empty()); // the second one
        undone(&s);
        assert!(!s.tcb.in_recovery());
        let info = s.tcb.info(s.at());
        assert_eq!((info.undone, info.spurious_retransmissions, info.retransmissions), (1, 1, 1));
    });
}

/// … and after its end.
#[test]
fn a_duplicate_reported_after_the_recovery_undoes_it() {
    play(|stage| {
        let mut s = repaired_too_early(stage);
        s.advance(span!(5 ms), &[]);
        assert!(acknowledge(&mut s, 10_001).is_empty());
        assert!(!s.tcb.in_recovery());
        assert_eq!((s.tcb.cwnd(), s.tcb.ssthresh()), (5_000, 5_000));
        s.advance(span!(95 ms), &[]);
        assert!(report(&mut s, 10_001, (1, 1_001)).is_empty());
        undone(&s);
    });
}

/// RFC 2883 §4: a first block that lies within the second is a duplicate of what waits behind a gap.
// RFC 2883-7
#[test]
fn a_duplicate_behind_a_gap_is_known_by_the_second_block() {
    play(|stage| {
        let mut s = ten_in_flight(stage, &sacking(), 0); // the first is lost, and the third is late
        s.advance(span!(100 ms), &[]);
        let mut sent = Vec::new();
        for end in [4_001, 5_001, 6_001, 7_001, 8_001] {
            s.send(&seg!(seq: 1, ack: 1, sack: [(3_001, end), (1_001, 2_001)]));
            sent.extend(places(&s.burst()));
            s.advance(span!(1 ms), &[]);
        }
        assert_eq!(sent, [1, 2_001]);
        s.send(&seg!(seq: 1, ack: 1, sack: [(1_001, 8_001)])); // the first copy of the third
        assert!(s.burst().is_empty());
        assert_eq!(s.tcb.info(s.at()).spurious_retransmissions, 0);
        s.advance(span!(95 ms), &[]);
        s.send(&seg!(seq: 1, ack: 1, sack: [(2_001, 3_001), (1_001, 8_001)])); // the second
        let _more = s.burst();
        assert_eq!(s.tcb.info(s.at()).spurious_retransmissions, 1);
    });
}

/// RFC 3708 §3: of two that were sent again both have to be duplicates.
#[test]
fn one_duplicate_of_two_undoes_nothing() {
    play(|stage| {
        let mut s = ten_in_flight(stage, &sacking(), 0);
        s.advance(span!(100 ms), &[]);
        let mut sent = Vec::new();
        for end in [3_001, 4_001, 5_001, 6_001, 7_001, 8_001] {
            sent.extend(report(&mut s, 1, (2_001, end)));
            s.advance(span!(1 ms), &[]);
        }
        assert_eq!(sent, [1, 1_001]);
        assert!(acknowledge(&mut s, 8_001).is_empty()); // both first copies, at 206 ms
        s.advance(span!(96 ms), &[]);
        assert!(report(&mut s, 8_001, (1, 1_001)).is_empty());
        assert_eq!(s.tcb.ssthresh(), 5_000);
        s.advance(span!(2 ms), &[]);
        assert!(report(&mut s, 8_001, (1_001, 2_001)).is_empty());
        undone(&s);
    });
}

/// RFC 3708 §3: a duplicate of something that was sent once is the network's work, and says nothing about the recovery;
/// nor does the same report again.
// RFC 2883-8
#[test]
fn duplicates_of_what_was_sent_once_undo_nothing() {
    play(|stage| {
        let mut s = repaired_too_early(stage);
        assert!(report(&mut s, 1, (1_001, 10_001)).is_empty());
        s.advance(span!(10 ms), &[]);
        for block in [(1_001, 2_001), (2_001, 3_001), (3_001, 4_001), (1, 2)] {
            s.send(&seg!(seq: 1, ack: 1, sack: [block, (1_001, 10_001)]));
            assert!(s.burst().is_empty());
            assert_eq!(s.tcb.ssthresh(), 5_000, "{block:?}");
        }
        s.advance(span!(90 ms), &[]);
        assert!(acknowledge(&mut s, 10_001).is_empty()); // the second copy: the loss was one
        for block in [(1_001, 2_001), (2_001, 3_001), (3_001, 4_001)] {
            assert!(report(&mut s, 10_001, block).is_empty());
            assert_eq!(s.tcb.ssthresh(), 5_000, "{block:?}");
        }
    });
}

/// A loss that was one stays one.
#[test]
fn a_true_loss_is_not_undone() {
    play(|stage| {
        let mut s = repaired_too_early(stage);
        s.advance(span!(100 ms), &[]);
        assert!(acknowledge(&mut s, 10_001).is_empty());
        assert_eq!((s.tcb.cwnd(), s.tcb.ssthresh()), (5_000, 5_000));
    });
}

/// RFC 3522 §3.2: the timestamp in the first acknowledgment that moves on is from before the retransmission: the first
/// copy has arrived. Nothing more is sent again, and what the window allows is sent.
// RFC 9438-15
#[test]
fn eifel_undoes_a_recovery_with_the_first_acknowledgment() {
    play(|stage| {
        let mut s = ten_in_flight(stage, &stamped(), 0);
        s.advance(span!(100 ms), &[]);
        s.send(&seg!(seq: 1, ack: 1, ts: (200, 100), sack: [(1_001, 4_001)]));
        assert_eq!(places(&s.burst()), [1]);
        s.advance(span!(5 ms), &[]);
        s.send(&seg!(seq: 1, ack: 4_001, ts: (205, 100)));
        assert!(s.burst().is_empty());
        assert!(!s.tcb.in_recovery());
        assert_eq!(s.tcb.ssthresh(), u32::MAX);
        assert!((10_000..=14_000).contains(&s.tcb.cwnd()), "{}", s.tcb.cwnd());
    });
}

/// RFC 3522 §3.2: the timestamp of the retransmission itself: the loss was one.
#[test]
fn eifel_leaves_a_true_loss() {
    play(|stage| {
        let mut s = ten_in_flight(stage, &stamped(), 0);
        s.advance(span!(100 ms), &[]);
        s.send(&seg!(seq: 1, ack: 1, ts: (200, 100), sack: [(1_001, 4_001)]));
        assert_eq!(places(&s.burst()), [1]);
        s.advance(span!(100 ms), &[]);
        s.send(&seg!(seq: 1, ack: 10_001, ts: (300, 200)));
        assert!(s.burst().is_empty());
        assert_eq!((s.tcb.cwnd(), s.tcb.ssthresh()), (5_000, 5_000));
    });
}

/// RFC 4015 §3 (steps 0 and 8): after a needless timeout cwnd is what is in flight and what was just acknowledged: what it
/// was before, or what it would be by now. ssthresh is what it was, and sending goes on behind what was under way.
#[test]
fn eifel_undoes_a_timeout() {
    for timeouts in [1, 2] {
        play(|stage| {
            let mut s = ten_in_flight(stage, &stamped(), 0);
            let (end, expected) = match timeouts {
                1 => (span!(1_300 ms), vec![(300, 9_001), (1_300, 1)]),
                _ => (span!(3_300 ms), vec![(300, 9_001), (1_300, 1), (3_300, 1)]),
            };
            assert_eq!(within(&mut s, end - span!(100 ms)), expected);
            assert_eq!((s.tcb.cwnd(), s.tcb.ssthresh()), (1_000, 5_000));
            s.advance(span!(100 ms), &[]);
            let now = s.ms();
            s.send(&seg!(seq: 1, ack: 1_001, ts: (now, 100)));
            assert!(s.burst().is_empty(), "nothing of it is sent again");
            assert!(
                (10_000..=11_000).contains(&s.tcb.cwnd()) && s.tcb.ssthresh() == u32::MAX,
                "{}",
                s.tcb.cwnd()
            );
            assert_eq!(s.tcb.backoff(), 0);
            for una in 2..=10 {
                s.send(&seg!(seq: 1, ack: una * 1_000 + 1, ts: (now, 100)));
                assert!(s.burst().is_empty());
            }
            assert_eq!(s.tcb.retransmitted(), 1_000 * (u64::try_from(timeouts).expect("it is small") + 1));
        });
    }
}

/// RFC 3522 §3.2: a timeout for something: the timestamp is that of the retransmission.
#[test]
fn eifel_leaves_a_true_timeout() {
    play(|stage| {
        let mut s = ten_in_flight(stage, &stamped(), 0);
        assert_eq!(within(&mut s, span!(1_200 ms)), [(300, 9_001), (1_300, 1)]);
        s.advance(span!(100 ms), &[]);
        s.send(&seg!(seq: 1, ack: 1_001, ts: (1_400, 1_300)));
        assert_eq!(places(&s.burst()), [1_001, 2_001]);
        assert_eq!((s.tcb.cwnd(), s.tcb.ssthresh()), (2_000, 5_000));
    });
}

/// RFC 5682 §2.1, without SACK: after the timeout the first acknowledgment that moves on lets two new segments out
/// instead of old ones; when the next one moves on as well, both were for first copies.
#[test]
fn f_rto_undoes_a_timeout() {
    play(|stage| {
        let mut s = without_sack(stage);
        assert_eq!(acknowledge(&mut s, 1_001), [10_001, 11_001]);
        s.advance(span!(10 ms), &[]);
        let sent = acknowledge(&mut s, 2_001);
        assert!(sent.iter().all(|place| *place >= 12_001), "nothing of it is sent again: {sent:?}");
        assert_eq!(s.tcb.ssthresh(), u32::MAX);
        assert!((10_000..=12_000).contains(&s.tcb.cwnd()), "{}", s.tcb.cwnd());
        assert_eq!(s.tcb.retransmitted(), 1_000);
    });
}

/// Ten segments and more behind them, without SACK and timestamps, 100 ms after the timeout (at 1.1 s).
fn without_sack(stage: Stage) -> Script {
    let mut config = sacking();
    config.sack = false;
    let mut s = ten_in_flight(stage, &config, 20_000);
    assert_eq!(within(&mut s, span!(1 s)), [(1_100, 1)]);
    assert_eq!((s.tcb.cwnd(), s.tcb.ssthresh()), (1_000, 5_000));
    s.advance(span!(100 ms), &[]);
    s
}

/// RFC 5682 §2.1 step 3a: a duplicate after the new segments: the timeout was right. At most three segments of window,
/// and slow start goes on with what is lost.
#[test]
fn f_rto_leaves_a_timeout_that_a_duplicate_follows() {
    play(|stage| {
        let mut s = without_sack(stage);
        assert_eq!(acknowledge(&mut s, 1_001), [10_001, 11_001]);
        s.advance(span!(100 ms), &[]);
        let sent = acknowledge(&mut s, 1_001);
        assert_eq!(sent.first(), Some(&1_001), "{sent:?}");
        assert!(s.tcb.cwnd() <= 3_000, "{}", s.tcb.cwnd());
        assert_eq!(s.tcb.ssthresh(), 5_000);
    });
}

/// RFC 5682 §2.1 step 2a: a duplicate comes first: the same.
#[test]
fn f_rto_leaves_a_timeout_that_a_duplicate_follows_at_once() {
    play(|stage| {
        let mut s = without_sack(stage);
        let sent = acknowledge(&mut s, 1);
        assert!(sent.iter().all(|place| *place <= 1_001), "no new segment: {sent:?}");
        s.advance(span!(10 ms), &[]);
        let sent = acknowledge(&mut s, 1_001);
        assert_eq!(sent.first(), Some(&1_001), "{sent:?}");
        assert_eq!(s.tcb.ssthresh(), 5_000);
    });
}

/// RFC 5682 §2.1 step 2b: everything is acknowledged at once: nobody can tell, and nothing is undone.
#[test]
fn f_rto_does_not_judge_when_everything_is_acknowledged_at_once() {
    play(|stage| {
        let mut s = without_sack(stage);
        let _ = acknowledge(&mut s, 10_001);
        assert_eq!(s.tcb.ssthresh(), 5_000);
        assert!(s.tcb.cwnd() <= 3_000, "{}", s.tcb.cwnd());
    });
}

/// Ten segments and more behind them with SACK, 100 ms after the timeout; the probe was new data.
fn with_sack(stage: Stage) -> Script {
    let mut s = ten_in_flight(stage, &sacking(), 20_000);
    assert_eq!(within(&mut s, span!(1_200 ms)), [(300, 10_001), (1_300, 1)]);
    assert_eq!(s.tcb.cwnd(), 1_000);
    s.advance(span!(100 ms), &[]);
    s
}

/// RFC 5682 §3.1, with SACK: what was never sent again is acknowledged: the first copies are arriving.
#[test]
fn f_rto_with_sack_undoes_a_timeout() {
    play(|stage| {
        let mut s = with_sack(stage);
        let sent = acknowledge(&mut s, 1_001);
        assert!(sent.iter().all(|place| *place >= 11_001) && sent.len() <= 2, "new ones only: {sent:?}");
        s.advance(span!(1 ms), &[]);
        let sent = acknowledge(&mut s, 2_001);
        assert!(sent.iter().all(|place| *place >= 11_001), "new ones only: {sent:?}");
        assert_eq!(s.tcb.ssthresh(), u32::MAX);
        assert!((10_000..=13_000).contains(&s.tcb.cwnd()), "{}", s.tcb.cwnd());
        assert_eq!(s.tcb.retransmitted(), 1_000);
    });
}

/// RFC 5682 §3.1: when only the new segments are reported, the old ones are lost, and sent again.
#[test]
fn f_rto_with_sack_leaves_a_true_timeout() {
    play(|stage| {
        let mut s = with_sack(stage);
        let new = acknowledge(&mut s, 1_001);
        s.advance(span!(100 ms), &[]);
        let end = new.last().map_or(11_001, |place| place + 1_000);
        let sent = report(&mut s, 1_001, (11_001.min(end - 1_000), end));
        assert_eq!(sent.first(), Some(&1_001), "{sent:?}");
        assert!(s.tcb.ssthresh() <= 5_500, "{}", s.tcb.ssthresh());
    });
}

/// RFC 3708 and RFC 2883: without timestamps, and everything acknowledged at once, a D-SACK for the retransmission still
/// tells that the timeout was needless.
#[test]
fn a_duplicate_reported_after_a_timeout_undoes_it() {
    play(|stage| {
        let mut s = ten_in_flight(stage, &sacking(), 0);
        assert_eq!(within(&mut s, span!(1_200 ms)), [(300, 9_001), (1_300, 1)]);
        s.advance(span!(90 ms), &[]);
        assert!(acknowledge(&mut s, 10_001).is_empty());
        s.advance(span!(10 ms), &[]);
        assert!(report(&mut s, 10_001, (9_001, 10_001)).is_empty()); // the probe
        s.advance(span!(1 ms), &[]);
        assert!(report(&mut s, 10_001, (1, 1_001)).is_empty()); // the retransmission
        assert_eq!(s.tcb.ssthresh(), u32::MAX);
        assert!(s.tcb.cwnd() >= 10_000, "{}", s.tcb.cwnd());
    });
}

/// RFC 4015 §3.2: after a needless timeout the first round trip of new data sets SRTT = max(SRTT before + 2·G, sample) and
/// RTTVAR = max(RTTVAR before, sample / 2): with a sample of 200 ms the RTO is 600 ms at least.
#[test]
fn after_a_needless_timeout_the_timer_is_more_careful() {
    play(|stage| {
        let mut config = stamped();
        config.min_rto = span!(200 ms);
        let mut s = ten_in_flight(stage, &config, 20_000);
        assert_eq!(s.tcb.rto(), span!(300 ms));
        assert_eq!(within(&mut s, span!(500 ms)), [(300, 10_001), (600, 1)]);
        s.advance(span!(100 ms), &[]);
        s.send(&seg!(seq: 1, ack: 1_001, ts: (700, 100)));
        assert_eq!(places(&s.burst()), [11_001]);
        s.advance(span!(50 ms), &[]);
        s.send(&seg!(seq: 1, ack: 11_001, ts: (750, 300)));
        let _new = s.burst();
        s.advance(span!(150 ms), &[]);
        s.send(&seg!(seq: 1, ack: 12_001, ts: (900, 700)));
        let _new = s.burst();
        assert!(s.tcb.rto() >= span!(600 ms), "{:?}", s.tcb.rto());
    });
}

/// RFC 6582 §3.2 step 2 keeps duplicates that a recovery's own retransmissions call forth from beginning another. A
/// recovery that was undone has no such: without SACK the next loss of the same flight is repaired at the third
/// duplicate, and not by the timer.
// RFC 6582-1
#[test]
fn after_an_undone_recovery_the_third_duplicate_counts_again() {
    play(|stage| {
        let mut config = stamped();
        config.sack = false;
        let mut s = ten_in_flight(stage, &config, 0);
        s.advance(span!(100 ms), &[]);
        let mut sent = Vec::new();
        for _ in 0..3 {
            s.send(&seg!(seq: 1, ack: 1, ts: (200, 100)));
            sent.extend(places(&s.burst()));
        }
        assert_eq!(sent, [1]);
        s.advance(span!(5 ms), &[]);
        s.send(&seg!(seq: 1, ack: 4_001, ts: (205, 100)));
        assert!(s.burst().is_empty());
        assert_eq!(s.tcb.ssthresh(), u32::MAX, "it was undone");
        // The fifth segment is lost indeed; the answer to the second copy of the first looks like a duplicate, too.
        for _ in 0..5 {
            s.advance(span!(1 ms), &[]);
            s.send(&seg!(seq: 1, ack: 4_001, ts: (205, 100)));
            sent.extend(places(&s.burst()));
        }
        assert_eq!(sent, [1, 4_001]);
        assert!(s.tcb.in_recovery());
    });
}

/// Ten recoveries for nothing, one after the other: the window is no smaller than before.
#[test]
fn needless_recoveries_do_not_wear_the_window_down() {
    play(|stage| {
        let mut s = ten_in_flight(stage, &sacking(), 0);
        let mut una = 1;
        for _ in 0..10 {
            let end = i64::from(s.tcb.snd_max() - s.ours(0));
            s.advance(span!(100 ms), &[]);
            let mut sent = report(&mut s, una, (una + 1_000, end));
            sent.extend(within(&mut s, span!(150 ms)).iter().map(|(_, place)| *place)); // whatever the window is by now
            assert_eq!(sent, [una]);
            s.send(&ack(end, None));
            assert!(s.burst().is_empty());
            s.advance(span!(100 ms), &[]);
            assert!(report(&mut s, end, (una, una + 1_000)).is_empty());
            una = end;
            call!(s, queue 10_000);
            assert_eq!(s.burst().len(), 10, "the window is as large as before");
        }
    });
}

/// RFC 5682 §2.1 step 2b asks for new segments; where none can go (here the rest is less than a segment, and Nagle holds it
/// back) what is lost goes again.
#[test]
fn f_rto_repairs_where_nothing_new_can_go() {
    play(|stage| {
        let mut config = sacking();
        config.sack = false;
        let mut s = ten_in_flight(stage, &config, 500);
        assert_eq!(within(&mut s, span!(1 s)), [(1_100, 1)]);
        s.advance(span!(100 ms), &[]);
        assert_eq!(acknowledge(&mut s, 1_001), [1_001, 2_001]);
        s.advance(span!(100 ms), &[]);
        assert_eq!(acknowledge(&mut s, 3_001), [3_001, 4_001, 5_001]);
        assert_eq!(s.tcb.info(s.at()).timeouts, 1);
    });
}
