//! Duplicate acknowledgments: RFC 5681 §2 and §3.2, RFC 6582, RFC 3042.

use super::script::{Script, Stage, plain, play};

/// Ten segments of 1,000 octets in flight, and more behind them.
fn ten_in_flight(stage: Stage) -> Script {
    let mut s = stage.established(&plain());
    call!(s, queue 40_000);
    assert_eq!(s.burst().len(), 10);
    s
}

/// RFC 5681 §3.2 steps 1 to 3; RFC 3042: the first two duplicates let one new segment out each, which do not
/// count for ssthresh.
// RFC 5681-15, 5681-17, 6582-1
#[test]
fn the_third_duplicate_retransmits_what_is_missing() {
    play(|stage| {
        let mut s = ten_in_flight(stage);
        send!(s, seq: 1, ack: 1);
        expect!(s, seq: 10_001, ack: 1, len: 1_000);
        expect_none!(s);
        assert_eq!(s.tcb.cwnd(), 10_000);
        send!(s, seq: 1, ack: 1);
        expect!(s, seq: 11_001, ack: 1, len: 1_000);
        expect_none!(s);
        send!(s, seq: 1, ack: 1);
        expect!(s, seq: 1, ack: 1, len: 1_000);
        expect_none!(s);
        // Half of 10,000; 8,000 in flight, and the retransmission is never held back (RFC 9937 §6.2).
        assert_eq!((s.tcb.ssthresh(), s.tcb.cwnd()), (5_000, 9_000));
        assert_eq!(s.tcb.retransmitted(), 1_000);
    });
}

/// RFC 9937 §6.2 with duplicates: each is a segment that has left the network, and for every second of them, which is
/// ssthresh / RecoverFS, one goes out. At ssthresh there are as many as arrive.
// RFC 9293 MUST-19
// RFC 5681-18
#[test]
fn further_duplicates_let_new_segments_out_in_proportion() {
    play(|stage| {
        let mut s = ten_in_flight(stage);
        for _ in 0..3 {
            send!(s, seq: 1, ack: 1);
            let _ = s.burst();
        }
        let mut sent = Vec::new();
        for _ in 4..=11 {
            send!(s, seq: 1, ack: 1);
            sent.push(s.burst().len());
        }
        assert_eq!(sent, [0, 0, 1, 0, 0, 1, 1, 1]);
        assert_eq!(s.tcb.cwnd(), 5_000);
        assert_eq!(s.tcb.retransmitted(), 1_000);
    });
}

/// RFC 6582 §3.2 step 3, full acknowledgment: cwnd = min(ssthresh, max(FlightSize, SMSS) + SMSS).
// RFC 9293 MUST-19
// RFC 5681-19, 6582-3
#[test]
fn a_full_acknowledgment_ends_the_recovery() {
    play(|stage| {
        let mut s = ten_in_flight(stage);
        for _ in 0..3 {
            send!(s, seq: 1, ack: 1);
            let _ = s.burst();
        }
        send!(s, seq: 1, ack: 12_001);
        assert_eq!((s.tcb.ssthresh(), s.tcb.cwnd()), (5_000, 2_000));
        expect!(s, seq: 12_001, ack: 1, len: 1_000);
        expect!(s, seq: 13_001, ack: 1, len: 1_000);
        expect_none!(s);
    });
}

/// RFC 6582 §3.2 step 3, partial acknowledgment: the next hole is retransmitted at once, and the recovery goes on.
// RFC 9293 MUST-19
// RFC 6582-4, 6582-5
#[test]
fn a_partial_acknowledgment_retransmits_the_next_hole() {
    play(|stage| {
        let mut s = ten_in_flight(stage); // the first and the fourth are lost
        for _ in 0..3 {
            send!(s, seq: 1, ack: 1);
            let _ = s.burst();
        }
        send!(s, seq: 1, ack: 3_001);
        assert_eq!(s.tcb.cwnd(), 8_000); // 7,000 in flight: a duplicate was not among what is acknowledged
        expect!(s, seq: 3_001, ack: 1, len: 1_000);
        expect_none!(s);
        send!(s, seq: 1, ack: 3_001);
        expect_none!(s);
        send!(s, seq: 1, ack: 12_001);
        assert_eq!(s.tcb.cwnd(), 2_000);
        assert_eq!(s.burst().len(), 2);
    });
}

/// RFC 6582 §3.2 step 3: "only the first partial ACK … resets the retransmit timer": many holes end in a timeout.
// RFC 9293 MUST-19
// RFC 6582-6
#[test]
fn only_the_first_partial_acknowledgment_restarts_the_timer() {
    play(|stage| {
        let mut s = ten_in_flight(stage); // the first, fourth and sixth are lost
        for _ in 0..3 {
            send!(s, seq: 1, ack: 1);
            let _ = s.burst();
        }
        advance!(s, 500 ms);
        send!(s, seq: 1, ack: 3_001);
        expect!(s, seq: 3_001, ack: 1, len: 1_000);
        advance!(s, 400 ms);
        send!(s, seq: 1, ack: 5_001);
        expect!(s, seq: 5_001, ack: 1, len: 1_000);
        advance!(s, 1 s, { 600 ms => (seq: 5_001, ack: 1, len: 1_000) });
        assert_eq!(s.tcb.cwnd(), 1_000);
    });
}

/// RFC 5681 §2: a duplicate has no data, no SYN or FIN, the same acknowledgment and the same window, while data
/// is outstanding. Others between do not count, and do not take the count back: "without any intervening ACKs
/// which move SND.UNA".
// RFC 9293 MUST-19
// RFC 5681-1
#[test]
fn only_bare_repetitions_are_duplicates() {
    play(|stage| {
        let mut s = ten_in_flight(stage);
        for _ in 0..2 {
            send!(s, seq: 1, ack: 1);
            assert_eq!(s.burst().len(), 1);
        }
        for k in 0..5_u16 {
            send!(s, seq: 1, ack: 1, win: 29_000 - k); // another window
            expect_none!(s);
        }
        s.peer_window = 28_996;
        for k in 0..4 {
            send!(s, seq: 1 + 100 * k, ack: 1, len: 100); // data
        }
        advance!(s, 40 ms, { 40 ms => (seq: 12_001, ack: 401, win: 9_600) });
        for k in 0..4 {
            send!(s, seq: 501 + 100 * k, ack: 1, len: 100); // behind a gap
            expect!(s, seq: 12_001, ack: 401, win: 9_600);
        }
        assert_eq!(s.tcb.retransmitted(), 0);
        send!(s, seq: 401, ack: 1);
        expect!(s, seq: 1, ack: 401, win: 9_600, len: 1_000);
    });
}

/// Nothing outstanding, nothing lost.
// RFC 9293 MUST-19
// RFC 5681-1
#[test]
fn repetitions_without_outstanding_data_are_not_duplicates() {
    play(|stage| {
        let mut s = stage.established(&plain());
        for _ in 0..10 {
            send!(s, seq: 1, ack: 1);
        }
        call!(s, queue 1_000);
        expect!(s, PSH, seq: 1, ack: 1, len: 1_000);
        send!(s, seq: 1, ack: 1);
        send!(s, seq: 1, ack: 1);
        expect_none!(s);
        assert_eq!(s.tcb.retransmitted(), 0);
        send!(s, seq: 1, ack: 1);
        expect!(s, PSH, seq: 1, ack: 1, len: 1_000);
    });
}

/// An acknowledgment of something new begins the count anew.
// RFC 9293 MUST-19
#[test]
fn progress_begins_the_count_of_duplicates_anew() {
    play(|stage| {
        let mut s = ten_in_flight(stage);
        for ack in [1, 1_001, 2_001] {
            if ack > 1 {
                send!(s, seq: 1, ack: ack);
                let _ = s.burst();
            }
            for _ in 0..2 {
                send!(s, seq: 1, ack: ack);
                let _ = s.burst();
            }
        }
        assert_eq!(s.tcb.retransmitted(), 0);
        send!(s, seq: 1, ack: 2_001);
        let sent = s.burst();
        assert_eq!(s.tcb.retransmitted(), 1_000);
        assert_eq!(sent.first(), Some(&seg!(seq: 2_001, ack: 1, win: 10_000, len: 1_000)));
    });
}

/// RFC 3042 §2: it is the duplicate that lets a segment out; progress after it lets out what the window allows.
// RFC 9293 MUST-19
// RFC 5681-15
#[test]
fn limited_transmit_ends_with_the_next_progress() {
    play(|stage| {
        let mut s = ten_in_flight(stage);
        for _ in 0..2 {
            send!(s, seq: 1, ack: 1);
            assert_eq!(s.burst().len(), 1);
        }
        send!(s, seq: 1, ack: 1_001);
        assert_eq!(s.tcb.cwnd(), 11_000); // and 11,000 are in flight
        expect_none!(s);
    });
}

/// RFC 3042 §2: limited transmit needs room in the peer's window, and more than that there is not.
// RFC 9293 SHLD-15
// RFC 5681-15, 5681-16
#[test]
fn limited_transmit_stays_in_the_peers_window() {
    play(|stage| {
        let mut s = stage.established(&plain());
        s.peer_window = 11_000;
        send!(s, seq: 1, ack: 1);
        call!(s, queue 40_000);
        assert_eq!(s.burst().len(), 10);
        send!(s, seq: 1, ack: 1);
        expect!(s, seq: 10_001, ack: 1, len: 1_000);
        send!(s, seq: 1, ack: 1);
        expect_none!(s);
        send!(s, seq: 1, ack: 1);
        expect!(s, seq: 1, ack: 1, len: 1_000);
        assert_eq!(s.tcb.ssthresh(), 5_000);
    });
}

/// RFC 6582 §3.2 step 4 and step 2: after a timeout, duplicates for what had been sent before it are the echo of
/// needless retransmissions.
// RFC 9293 MUST-19
// RFC 6582-2, 6582-7
#[test]
fn duplicates_after_a_timeout_do_not_begin_a_recovery() {
    play(|stage| {
        let mut s = ten_in_flight(stage);
        advance!(s, 1 s, { 1 s => (seq: 1, ack: 1, len: 1_000) });
        send!(s, seq: 1, ack: 1_001);
        // RFC 5682 §2.1 step 2b: two new segments; their duplicates say that the timeout was right.
        expect!(s, seq: 10_001, ack: 1, len: 1_000);
        expect!(s, seq: 11_001, ack: 1, len: 1_000);
        let mut sent = Vec::new();
        for _ in 0..6 {
            send!(s, seq: 1, ack: 1_001);
            sent.extend(s.burst());
        }
        assert_eq!(sent.first(), Some(&seg!(seq: 1_001, ack: 1, win: 10_000, len: 1_000)));
        assert_eq!(sent.len(), 2, "for each of the two that have left the network one");
        assert_eq!((s.tcb.ssthresh(), s.tcb.cwnd()), (5_000, 2_000));
    });
}

/// A timeout in the middle of a recovery ends it.
// RFC 9293 MUST-19
// RFC 6582-7
#[test]
fn a_timeout_ends_a_recovery() {
    play(|stage| {
        let mut s = ten_in_flight(stage);
        for _ in 0..3 {
            send!(s, seq: 1, ack: 1);
            let _ = s.burst();
        }
        let mut waited = span!(0 s);
        while s.tcb.cwnd() != 1_000 {
            waited += span!(100 ms);
            assert!(waited <= span!(2 s), "the timer runs on");
            let _ = s.pass(span!(100 ms));
        }
        send!(s, seq: 1, ack: 1_001);
        assert_eq!(s.tcb.cwnd(), 2_000, "slow start");
        let _ = s.burst();
    });
}

/// RFC 5681 §3.1, equation 4: a timeout of a segment that has "not yet been resent by way of the retransmission
/// timer" lowers ssthresh to half of the flight at that time; that fast recovery had resent it does not count.
// RFC 9293 MUST-19
// RFC 5681-9
#[test]
fn a_timeout_in_a_recovery_lowers_ssthresh_to_half_of_what_is_left() {
    play(|stage| {
        let mut s = ten_in_flight(stage); // the first and the ninth are lost, and what is sent again too
        for _ in 0..3 {
            send!(s, seq: 1, ack: 1);
            let _ = s.burst();
        }
        assert_eq!(s.tcb.ssthresh(), 5_000);
        send!(s, seq: 1, ack: 8_001);
        expect!(s, seq: 8_001, ack: 1, len: 1_000);
        let _ = s.burst();
        let flight = s.tcb.snd_max() - s.tcb.snd_una();
        let half = (flight / 2).max(2_000);
        assert!(half < 5_000, "{flight} in flight");
        advance!(s, 1 s, { 1 s => (seq: 8_001, ack: 1, len: 1_000) });
        assert_eq!(s.tcb.cwnd(), 1_000);
        assert!(s.tcb.ssthresh() <= half, "{} where {half} is the most", s.tcb.ssthresh());
    });
}

/// RFC 5681 §3.2: the retransmission carries the flags that belong to its octets.
// RFC 9293 MUST-61, X-11
#[test]
fn a_fast_retransmission_carries_what_belongs_to_it() {
    play(|stage| {
        let mut s = stage.established(&plain());
        call!(s, queue 4_000);
        call!(s, Shutdown);
        for k in 0..3 {
            expect!(s, seq: 1 + 1_000 * k, ack: 1, len: 1_000);
        }
        expect!(s, FIN, PSH, seq: 3_001, ack: 1, len: 1_000);
        for _ in 0..2 {
            send!(s, seq: 1, ack: 1);
            expect_none!(s);
        }
        send!(s, seq: 1, ack: 1);
        expect!(s, seq: 1, ack: 1, len: 1_000);
        send!(s, seq: 1, ack: 3_001);
        expect!(s, FIN, PSH, seq: 3_001, ack: 1, len: 1_000);
        send!(s, seq: 1, ack: 4_002);
        state!(s, FinWait2);
    });
}

/// RFC 5681 §3.2 step 4: no more duplicates than segments were under way can be true ones.
#[test]
fn made_up_duplicates_inflate_nothing() {
    play(|stage| {
        let mut s = stage.established(&plain());
        call!(s, queue 500_000);
        assert_eq!(s.burst().len(), 10);
        let mut sent = 0;
        for _ in 0..1_000 {
            s.deliver(&seg!(seq: 1, ack: 1));
            sent += s.burst().len();
        }
        assert!(sent <= 12, "{sent}");
        assert!(s.tcb.cwnd() <= 30_000, "{}", s.tcb.cwnd());
        s.call(tcpstate::tcp::Command::Abort);
        let _reset = s.burst();
    });
}

/// RFC 6582 §3.2 step 2: when just what was sent before the recovery is acknowledged, duplicates may still be answers to
/// what went again in it. Only beyond that do they begin another.
// RFC 6582-2
#[test]
fn duplicates_at_the_end_of_a_recovery_begin_none() {
    play(|stage| {
        let mut s = ten_in_flight(stage);
        for _ in 0..3 {
            send!(s, seq: 1, ack: 1);
            let _ = s.burst();
        }
        send!(s, seq: 1, ack: 12_001);
        assert_eq!(s.burst().len(), 2);
        assert!(!s.tcb.in_recovery());
        let before = s.tcb.retransmitted();
        for _ in 0..4 {
            send!(s, seq: 1, ack: 12_001);
            let _new = s.burst();
        }
        assert_eq!((s.tcb.retransmitted(), s.tcb.in_recovery()), (before, false));
        // One octet beyond it is another window.
        send!(s, seq: 1, ack: 13_001);
        let _new = s.burst();
        for _ in 0..3 {
            send!(s, seq: 1, ack: 13_001);
            let _sent = s.burst();
        }
        assert_eq!((s.tcb.retransmitted(), s.tcb.in_recovery()), (before + 1_000, true));
    });
}

/// RFC 5681 §3.1: SSTHRESH is as high as can be at first; there is none to tell.
#[test]
fn the_phase_of_recovery_and_its_threshold_are_told() {
    use tcpstate::tcp::RecoveryPhase::{Disorder, Loss, Open, Recovery};
    play(|stage| {
        let mut s = super::flight::ten_in_flight(stage, &super::flight::sacking(), 0);
        let told = |s: &super::script::Script| {
            let info = s.tcb.info(s.at());
            (info.recovery, info.ssthresh)
        };
        assert_eq!(told(&s), (Open, None));
        s.advance(span!(100 ms), &[]);
        super::flight::report(&mut s, 1, (1_001, 2_001));
        assert_eq!(told(&s), (Disorder, None));
        super::flight::report(&mut s, 1, (1_001, 10_001));
        assert_eq!(told(&s), (Recovery, Some(5_000)));
        s.pass(span!(3 s));
        assert_eq!(told(&s).0, Loss);
    });
}

/// RFC 5681 §3.2 step 4: the duplicates of a recovery can tell of what was under way behind the gap when it began, and of
/// no more, whatever was sent since.
#[test]
fn duplicates_in_recovery_tell_of_no_more_than_was_under_way_when_it_began() {
    play(|stage| {
        let mut config = super::flight::sacking();
        config.sack = false;
        let mut s = super::flight::ten_in_flight(stage, &config, 30_000);
        s.advance(span!(100 ms), &[]);
        for _ in 0..40 {
            s.deliver(&seg!(seq: 1, ack: 1));
            s.burst();
        }
        assert!(s.tcb.snd_max().distance_from(s.ours(0)) > 12_001, "more has been sent");
        assert_eq!(
            s.tcb.info(s.at()).sacked,
            11_000,
            "ten segments, and two that the first duplicates let out"
        );
    });
}
