//! Closed windows: RFC 9293 §3.8.6.1, and the shrunk window of §3.8.6.

use super::flight::{acknowledge, sacking, ten_in_flight};
use super::script::{Script, Stage, plain, play};

/// An open connection with 5,000 octets to send and a window that is closed since the beginning.
fn closed_window(stage: Stage) -> Script {
    let mut s = stage.established(&plain());
    send!(s, seq: 1, ack: 1, win: 0);
    call!(s, queue 5_000);
    expect_none!(s);
    s
}

/// §3.8.6.1: "The transmitting host SHOULD send the first zero-window probe when a zero window has existed for
/// the retransmission timeout period, and SHOULD increase exponentially the interval".
// RFC 9293 MUST-36, SHLD-29, SHLD-30
#[test]
fn a_closed_window_is_probed_with_backoff() {
    play(|stage| {
        let mut s = closed_window(stage);
        advance!(s, 130 s, {
            1 s => (seq: 1, ack: 1, len: 1),
            3 s => (seq: 1, ack: 1, len: 1),
            7 s => (seq: 1, ack: 1, len: 1),
            15 s => (seq: 1, ack: 1, len: 1),
            31 s => (seq: 1, ack: 1, len: 1),
            63 s => (seq: 1, ack: 1, len: 1),
            123 s => (seq: 1, ack: 1, len: 1),
        });
        state!(s, Established);
    });
}

/// The same with a peer that answers each: what it says does not bring the next one forward.
// RFC 9293 SHLD-30, MUST-37
#[test]
fn an_answered_probe_does_not_reset_the_backoff() {
    play(|stage| {
        let mut s = closed_window(stage);
        advance!(s, 1 s, { 1 s => (seq: 1, ack: 1, len: 1) });
        for interval in [2, 4, 8, 16, 32, 60, 60, 60] {
            send!(s, seq: 1, ack: 1, win: 0);
            expect_none!(s);
            let interval = std::time::Duration::from_secs(interval);
            s.advance(interval, &[(interval, seg!(seq: 1, ack: 1, len: 1))]);
        }
    });
}

/// §3.8.6.1: "As long as the receiving TCP peer continues to send acknowledgments in response to the probe
/// segments, the sending TCP peer MUST allow the connection to stay open": here for twelve hours.
// RFC 9293 MUST-37
#[test]
fn a_closed_window_holds_as_long_as_probes_are_answered() {
    play(|stage| {
        let mut s = closed_window(stage);
        let mut probes = 0;
        while s.ms() < 12 * 3_600_000 {
            let wait = s.tcb.poll_timeout().expect("a probe is due") - s.at();
            s.advance(wait, &[(wait, seg!(seq: 1, ack: 1, len: 1))]);
            send!(s, seq: 1, ack: 1, win: 0);
            probes += 1;
        }
        assert!(probes > 700, "one in each minute: {probes}");
        state!(s, Established);
        assert!(s.notices().closed.is_none());
        send!(s, seq: 1, ack: 1, win: 30_000);
        assert_eq!(s.burst().len(), 5);
    });
}

/// §3.8.3: a peer that answers no probe at all is given up after R2, here of 5 minutes since the first.
// RFC 9293 MUST-20, SHLD-11
// RFC 1122-10
#[test]
fn probes_without_an_answer_end_in_r2() {
    play(|stage| {
        let mut s = closed_window(stage);
        advance!(s, 302 s, {
            1 s => (seq: 1, ack: 1, len: 1),
            3 s => (seq: 1, ack: 1, len: 1),
            7 s => (seq: 1, ack: 1, len: 1),
            15 s => (seq: 1, ack: 1, len: 1),
            31 s => (seq: 1, ack: 1, len: 1),
            63 s => (seq: 1, ack: 1, len: 1),
            123 s => (seq: 1, ack: 1, len: 1),
            183 s => (seq: 1, ack: 1, len: 1),
            243 s => (seq: 1, ack: 1, len: 1),
        });
        state!(s, Established);
        advance!(s, 1 s, { 1 s => (RST, seq: 1, ack: 1) });
        closed!(s, RetransmissionsExhausted);
    });
}

/// A window that opens is used at once; the probe was lost for nobody knows.
// RFC 9293 MUST-36
#[test]
fn a_window_that_opens_is_used_at_once() {
    play(|stage| {
        let mut s = closed_window(stage);
        advance!(s, 500 ms);
        send!(s, seq: 1, ack: 1, win: 5_000);
        for k in 0..4 {
            expect!(s, seq: 1_000 * k + 1, ack: 1, len: 1_000);
        }
        expect!(s, PSH, seq: 4_001, ack: 1, len: 1_000);
    });
}

/// A peer may take the octet of a probe; the rest follows it when the window opens.
// RFC 9293 MUST-36
#[test]
fn the_octet_of_a_probe_may_be_taken() {
    play(|stage| {
        let mut s = closed_window(stage);
        call!(s, SetNagle(false));
        advance!(s, 1 s, { 1 s => (seq: 1, ack: 1, len: 1) });
        send!(s, seq: 1, ack: 2, win: 0);
        assert_eq!(s.tcb.acked_to(), 1);
        expect_none!(s);
        send!(s, seq: 1, ack: 2, win: 30_000);
        for k in 0..4 {
            expect!(s, seq: 1_000 * k + 2, ack: 1, len: 1_000);
        }
        expect!(s, PSH, seq: 4_002, ack: 1, len: 999);
    });
}

/// A window that opens after a probe that was not taken: its octet goes out again with the others.
// RFC 9293 MUST-36
#[test]
fn the_octet_of_a_probe_that_was_not_taken_is_sent_again() {
    play(|stage| {
        let mut s = closed_window(stage);
        advance!(s, 1 s, { 1 s => (seq: 1, ack: 1, len: 1) });
        send!(s, seq: 1, ack: 1, win: 0);
        send!(s, seq: 1, ack: 1, win: 5_000);
        for k in 0..4 {
            expect!(s, seq: 1_000 * k + 1, ack: 1, len: 1_000);
        }
        expect!(s, PSH, seq: 4_001, ack: 1, len: 1_000);
    });
}

/// Table 6, first row, from the other side: a peer with a closed window that has not taken the octet of the probe
/// accepts an ACK with the number of that octet, and with no other.
// RFC 9293 X-4, MUST-36
#[test]
fn acknowledgments_between_probes_have_the_number_that_the_peer_expects() {
    play(|stage| {
        let mut s = closed_window(stage);
        advance!(s, 1 s, { 1 s => (seq: 1, ack: 1, len: 1) });
        send!(s, seq: 1, ack: 1, win: 0, len: 1_000);
        also!(s, seq: 1_001, ack: 1, win: 0, len: 1_000);
        expect!(s, seq: 1, ack: 2_001, win: 8_000);
    });
}

/// Nothing to send, nothing to probe for.
#[test]
fn a_closed_window_is_not_probed_without_data() {
    play(|stage| {
        let mut s = stage.established(&plain());
        send!(s, seq: 1, ack: 1, win: 0);
        assert_eq!(s.tcb.poll_timeout(), None);
        advance!(s, 1 d);
    });
}

/// The last octet alone: the probe empties the queue and says so.
// RFC 9293 MUST-61
#[test]
fn a_probe_with_the_last_octet_carries_push() {
    play(|stage| {
        let mut s = stage.established(&plain());
        send!(s, seq: 1, ack: 1, win: 0);
        call!(s, queue 1);
        advance!(s, 1 s, { 1 s => (PSH, seq: 1, ack: 1, len: 1) });
    });
}

/// §3.8.6: "If the window shrinks to zero, the TCP implementation MUST probe it in the standard way", also
/// when octets are in flight; and it does not time out while it is answered (SHLD-17).
// RFC 9293 MUST-35, SHLD-17, MUST-37
#[test]
fn a_window_that_shrinks_to_zero_is_probed_and_held() {
    play(|stage| {
        let mut s = stage.established(&plain());
        call!(s, queue 3_000);
        assert_eq!(s.burst().len(), 3);
        send!(s, seq: 1, ack: 1_001, win: 0);
        expect_none!(s);
        advance!(s, 1 s, { 1 s => (seq: 1_001, ack: 1, len: 1) });
        while s.ms() < 2 * 3_600_000 {
            send!(s, seq: 1, ack: 1_001, win: 0);
            let wait = s.tcb.poll_timeout().expect("a probe is due") - s.at();
            s.advance(wait, &[(wait, seg!(seq: 1_001, ack: 1, len: 1))]);
        }
        state!(s, Established);
        // When it opens again, all that was refused meanwhile is sent again.
        send!(s, seq: 1, ack: 1_001, win: 10_000);
        expect!(s, seq: 1_001, ack: 1, len: 1_000);
        expect!(s, PSH, seq: 2_001, ack: 1, len: 1_000);
        send!(s, seq: 1, ack: 3_001, win: 10_000);
    });
}

/// §3.8.6.2.1 is about windows that are open: a closed one is the matter of probes, whatever the user pushes.
// RFC 9293 MUST-36, MUST-38
#[test]
fn push_does_not_force_a_closed_window() {
    play(|stage| {
        let mut s = stage.established(&plain());
        send!(s, seq: 1, ack: 1, win: 0);
        call!(s, queue 10, push);
        call!(s, SetNagle(false));
        advance!(s, 999 ms);
        advance!(s, 1 ms, { 1 ms => (seq: 1, ack: 1, len: 1) });
    });
}

/// A peer that believes our window closed speaks from before the octet of its probe, which we may have taken:
/// what it acknowledges there counts, and its window too.
// RFC 9293 MUST-37, 2525-12
#[test]
fn a_peer_whose_probe_was_taken_is_still_heard() {
    play(|stage| {
        let mut s = stage.established(&plain());
        call!(s, queue 1_000);
        expect!(s, PSH, seq: 1, ack: 1, len: 1_000);
        send!(s, seq: 1, ack: 1, len: 1, win: 0);
        refuse!(s, BelowWindow, seq: 1, ack: 1_001, win: 30_000);
        expect!(s, seq: 1_001, ack: 2, win: 9_999);
        assert_eq!(s.tcb.acked_to(), 1_000);
        send!(s, seq: 2, ack: 1_001);
    });
}

/// The first transmission that counts for R2 is the one after the window has opened.
// RFC 9293 MUST-37, SHLD-11
#[test]
fn r2_counts_from_the_opening_of_the_window() {
    play(|stage| {
        let mut s = closed_window(stage);
        while s.ms() < 400_000 {
            let wait = s.tcb.poll_timeout().expect("a probe is due") - s.at();
            s.advance(wait, &[(wait, seg!(seq: 1, ack: 1, len: 1))]);
            send!(s, seq: 1, ack: 1, win: 0);
        }
        send!(s, seq: 1, ack: 1, win: 30_000);
        assert_eq!(s.burst().len(), 5);
        advance!(s, 1 s, { 1 s => (seq: 1, ack: 1, len: 1_000) });
        state!(s, Established);
    });
}

/// An idle period ends with the first segment, and a closed window is one: no old congestion window is used
/// after it (RFC 5681 §4.1).
// RFC 5681-20
#[test]
fn a_long_closed_window_restarts_from_the_initial_window() {
    play(|stage| {
        let mut s = stage.established(&plain());
        for sent in (0..40).step_by(10) {
            call!(s, queue 10_000);
            assert_eq!(s.burst().len(), 10);
            for segment in 1..=10 {
                send!(s, seq: 1, ack: (sent + segment) * 1_000 + 1);
            }
        }
        assert!(s.tcb.cwnd() >= 20_000);
        send!(s, seq: 1, ack: 40_001, win: 0);
        call!(s, queue 40_000);
        expect_none!(s);
        for _ in 0..6 {
            let wait = s.tcb.poll_timeout().expect("a probe is due") - s.at();
            s.advance(wait, &[(wait, seg!(seq: 40_001, ack: 1, len: 1))]);
            send!(s, seq: 1, ack: 40_001, win: 0);
        }
        send!(s, seq: 1, ack: 40_001, win: 60_000);
        assert_eq!(s.burst().len(), 10);
    });
}

/// RFC 5681 §3.1 is about losses, and what a receiver without room throws away is none: when the window opens again,
/// everything that it closed over goes again at once, from the window as it was.
// RFC 9293 MUST-36, SHLD-17
#[test]
fn a_window_that_opens_again_is_no_congestion() {
    play(|stage| {
        let mut s = ten_in_flight(stage, &sacking(), 0);
        s.advance(span!(100 ms), &[]);
        send!(s, seq: 1, ack: 1, win: 0);
        for wait in [span!(1 s), span!(2 s), span!(4 s)] {
            s.advance(wait, &[(wait, seg!(seq: 1, ack: 1, len: 1))]);
            send!(s, seq: 1, ack: 1, win: 0);
        }
        send!(s, seq: 1, ack: 1, win: 30_000);
        let sent: Vec<_> = s.burst().iter().map(|seg| (seg.seq, seg.len)).collect();
        assert_eq!(sent, (0..10).map(|k| (k * 1_000 + 1, 1_000)).collect::<Vec<_>>());
        assert_eq!((s.tcb.cwnd(), s.tcb.ssthresh(), s.tcb.in_recovery()), (10_000, u32::MAX, false));
        assert_eq!(s.tcb.info(s.at()).timeouts, 0);
        s.advance(span!(100 ms), &[]);
        assert!(acknowledge(&mut s, 10_001).is_empty());
        assert_eq!(s.tcb.ssthresh(), u32::MAX);
    });
}

/// §3.8.6.1: a window is probed when it has been closed for an RTO. One that is open again before that has cost nobody
/// anything: what is in flight stays there, however often the peer changes its mind.
#[test]
fn a_window_that_toggles_makes_nothing_go_again() {
    play(|stage| {
        let mut s = ten_in_flight(stage, &sacking(), 0);
        s.advance(span!(100 ms), &[]);
        for _ in 0..40 {
            send!(s, seq: 1, ack: 1, win: 0);
            expect_none!(s);
            send!(s, seq: 1, ack: 1, win: 30_000);
            expect_none!(s);
            s.advance(span!(2 ms), &[]);
        }
        assert_eq!((s.tcb.cwnd(), s.tcb.ssthresh(), s.tcb.retransmitted()), (10_000, u32::MAX, 0));
        assert!(acknowledge(&mut s, 10_001).is_empty());
    });
}
