//! The checks on an arriving segment in their order: RFC 9293 §3.10.7.4, and §3.4 for the zero window.

use super::script::{Script, Stage, plain, plain_but, play};

/// §3.10.7.4, Table 6, with RCV.NXT 1 and RCV.WND 10,000, for segments without text. The table ends before the
/// right edge; but a peer that has filled the window stands there, and its acknowledgments count (Appendix A.2
/// knows of the cases in which the table is too narrow).
// RFC 9293 X-4
#[test]
fn an_empty_segment_is_acceptable_inside_the_window() {
    play(|stage| {
        let mut s = stage.established(&plain());
        send!(s, seq: 1, ack: 1);
        send!(s, seq: 10_000, ack: 1);
        send!(s, seq: 10_001, ack: 1);
        expect_none!(s);
        refuse!(s, BelowWindow, seq: 0, ack: 1);
        expect!(s, seq: 1, ack: 1);
        refuse!(s, AboveWindow, seq: 10_002, ack: 1);
        expect!(s, seq: 1, ack: 1);
    });
}

/// Why the right edge counts: all of a full window but its first segment has arrived, and the peer, that has
/// nothing more to send, acknowledges our data from behind it.
// RFC 9293 X-4
#[test]
fn a_peer_that_has_filled_the_window_can_still_acknowledge() {
    play(|stage| {
        let mut s = stage.established(&plain());
        call!(s, queue 1_000);
        expect!(s, PSH, seq: 1, ack: 1, len: 1_000);
        for k in 1..10 {
            send!(s, seq: 1_000 * k + 1, ack: 1, len: 1_000);
            expect!(s, seq: 1_001, ack: 1);
        }
        send!(s, seq: 10_001, ack: 1_001);
        assert_eq!(s.tcb.acked_to(), 1_000);
    });
}

/// Table 6, for segments with text.
// RFC 9293 X-4
#[test]
fn a_segment_with_text_is_acceptable_if_a_part_lies_in_the_window() {
    play(|stage| {
        let mut s = stage.established(&plain());
        refuse!(s, BelowWindow, seq: -9, ack: 1, len: 10); // its last octet is 0
        expect!(s, seq: 1, ack: 1);
        refuse!(s, AboveWindow, seq: 10_001, ack: 1, len: 10);
        expect!(s, seq: 1, ack: 1);
        send!(s, seq: 10_000, ack: 1, len: 10); // its first octet is the last of the window
        assert_eq!(s.stored(), Some((9_999, 0, 1)));
        expect!(s, seq: 1, ack: 1);
        send!(s, seq: -9, ack: 1, len: 11); // its last octet is 1
        assert_eq!(s.stored(), Some((0, 10, 1)));
        assert_eq!(s.tcb.readable_to(), 1);
        let _ack = s.burst();
    });
}

/// §3.10.7.4, first check: "If a segment's contents straddle the boundary between old and new, only the new
/// parts are processed."
#[test]
fn what_is_old_or_beyond_the_window_is_trimmed() {
    play(|stage| {
        let mut s = stage.established(&plain());
        send!(s, seq: 1, ack: 1, len: 100);
        send!(s, seq: 51, ack: 1, len: 150);
        assert_eq!(s.stored(), Some((100, 50, 100)));
        assert_eq!(s.tcb.readable_to(), 200);
        let _ack = s.burst();
        send!(s, seq: 9_501, ack: 1, len: 1_000);
        assert_eq!(s.stored(), Some((9_500, 0, 500)));
        expect!(s, seq: 1, ack: 201, win: 9_800);
    });
}

/// The same sentence, for control bits: "trimming off any portions that lie outside the window (including SYN
/// and FIN)".
#[test]
fn a_fin_beyond_the_window_is_trimmed() {
    play(|stage| {
        let mut s = stage.established(&plain_but(|config| config.receive_window = 1_000));
        send!(s, FIN, seq: 1, ack: 1, len: 1_000); // the FIN would be octet 1,001
        state!(s, Established);
        assert_eq!(s.tcb.readable_to(), 1_000);
        assert!(!s.tcb.peer_has_closed());
        expect!(s, seq: 1, ack: 1_001, win: 0);
        call!(s, consumed 1_000);
        expect!(s, seq: 1, ack: 1_001);
        send!(s, FIN, seq: 1_001, ack: 1);
        state!(s, CloseWait);
        expect!(s, seq: 1, ack: 1_002, win: 999);
    });
}

/// §3.10.7.4, first check: every unacceptable segment with something in it draws an ACK, however many come.
// RFC 9293 X-4
// RFC 5961-11
#[test]
fn each_old_segment_with_text_is_acknowledged() {
    play(|stage| {
        let mut s = stage.established(&plain());
        for _ in 0..50 {
            refuse!(s, BelowWindow, seq: -99, ack: 1, len: 100);
            expect!(s, seq: 1, ack: 1);
        }
    });
}

/// RFC 5961 §7: empty ones may come from somebody who wants answers: a limit for each second.
#[test]
fn answers_to_empty_segments_outside_the_window_are_limited() {
    play(|stage| {
        let mut s = stage.established(&plain());
        for _ in 0..10 {
            refuse!(s, BelowWindow, seq: 0, ack: 1);
            expect!(s, seq: 1, ack: 1);
        }
        for _ in 0..10 {
            refuse!(s, BelowWindow, seq: 0, ack: 1);
            refuse!(s, AboveWindow, seq: 10_002, ack: 1);
            expect_none!(s);
        }
        advance!(s, 1 s);
        refuse!(s, AboveWindow, seq: 10_002, ack: 1);
        expect!(s, seq: 1, ack: 1);
    });
}

/// §3.10.7.4: what is outside the window ends at the first check; its acknowledgment does not count.
// RFC 9293 X-4
#[test]
fn an_unacceptable_segment_acknowledges_nothing() {
    play(|stage| {
        let mut s = stage.established(&plain());
        send!(s, seq: 1, ack: 1, len: 100);
        call!(s, queue 1_000);
        expect!(s, PSH, seq: 1, ack: 101, len: 1_000, win: 9_900);
        refuse!(s, BelowWindow, seq: 99, ack: 1_001);
        expect!(s, seq: 1_001, ack: 101, win: 9_900);
        refuse!(s, AboveWindow, seq: 20_000, ack: 1_001, len: 10, win: 77);
        expect!(s, seq: 1_001, ack: 101, win: 9_900);
        assert_eq!((s.tcb.acked_to(), s.tcb.snd_wnd()), (0, 30_000));
    });
}

/// §3.10.7.4, fifth check: "if the ACK bit is off, drop the segment".
#[test]
fn a_segment_without_ack_is_dropped() {
    play(|stage| {
        let mut s = stage.established(&plain());
        refuse!(s, NoAck, seq: 1, len: 100);
        refuse!(s, NoAck, FIN, seq: 1);
        state!(s, Established);
        assert_eq!(s.tcb.readable_to(), 0);
        expect_none!(s);
    });
}

/// §3.10.7.4, fifth check: "If the ACK acks something not yet sent …, then send an ACK, drop the segment";
/// the text, the window and the FIN of that segment do not count.
// RFC 9293 X-8
// RFC 5961-8
#[test]
fn a_segment_that_acknowledges_the_unsent_is_dropped_with_an_ack() {
    play(|stage| {
        let mut s = stage.established(&plain());
        call!(s, queue 1_000);
        expect!(s, PSH, seq: 1, ack: 1, len: 1_000);
        refuse!(s, AckOfUnsent, FIN, seq: 1, ack: 1_002, len: 100, win: 5);
        expect!(s, seq: 1_001, ack: 1);
        state!(s, Established);
        assert_eq!((s.tcb.readable_to(), s.tcb.acked_to(), s.tcb.snd_wnd()), (0, 0, 30_000));
    });
}

/// The answers to them are limited (RFC 5961 §7): otherwise two ends that disagree would never be silent.
#[test]
fn answers_to_acks_of_the_unsent_are_limited() {
    play(|stage| {
        let mut s = stage.established(&plain());
        for _ in 0..10 {
            refuse!(s, AckOfUnsent, seq: 1, ack: 2);
            expect!(s, seq: 1, ack: 1);
        }
        refuse!(s, AckOfUnsent, seq: 1, ack: 2);
        expect_none!(s);
    });
}

/// §3.10.7.4, fifth check: "If the ACK is a duplicate (SEG.ACK =< SND.UNA), it can be ignored": the ACK, not
/// the text that comes with it.
// RFC 1122-13
#[test]
fn an_old_acknowledgment_does_not_cost_the_text_that_it_rides_on() {
    play(|stage| {
        let mut s = stage.established(&plain());
        call!(s, queue 2_000);
        assert_eq!(s.burst().len(), 2);
        send!(s, seq: 1, ack: 2_001);
        send!(s, seq: 1, ack: 1_001, len: 100, win: 9_999);
        assert_eq!(s.stored(), Some((0, 0, 100)));
        assert_eq!((s.tcb.readable_to(), s.tcb.acked_to()), (100, 2_000));
        assert_eq!(s.tcb.snd_wnd(), 30_000, "an old acknowledgment brings an old window");
        advance!(s, 40 ms, { 40 ms => (seq: 2_001, ack: 101, win: 9_900) });
    });
}

/// §3.10.7.4, seventh check: what comes before its turn is kept, and acknowledged at once.
// RFC 9293 SHLD-31, MAY-13
#[test]
fn text_out_of_order_is_kept_until_its_turn() {
    play(|stage| {
        let mut s = stage.established(&plain());
        send!(s, seq: 1_001, ack: 1, len: 1_000);
        assert_eq!(s.stored(), Some((1_000, 0, 1_000)));
        assert_eq!(s.tcb.readable_to(), 0);
        assert_eq!(s.out_of_order(), [(1_000, 2_000)]);
        expect!(s, seq: 1, ack: 1);
        send!(s, seq: 3_001, ack: 1, len: 500);
        assert_eq!(s.out_of_order(), [(1_000, 2_000), (3_000, 3_500)]);
        expect!(s, seq: 1, ack: 1);
        assert!(!s.notices().readable);
        send!(s, seq: 1, ack: 1, len: 1_000);
        assert!(s.notices().readable);
        assert_eq!(s.tcb.readable_to(), 2_000);
        assert_eq!(s.out_of_order(), [(3_000, 3_500)]);
        expect!(s, seq: 1, ack: 2_001, win: 8_000);
    });
}

/// §3.10.7.4: "the TCP endpoint … MUST process them all before sending any ACK segments".
// RFC 9293 MUST-58, MUST-59
#[test]
fn segments_that_arrive_together_are_acknowledged_together() {
    play(|stage| {
        let mut s = stage.established(&plain());
        send!(s, seq: 1, ack: 1, len: 1_000);
        also!(s, seq: 1_001, ack: 1, len: 1_000);
        also!(s, seq: 2_001, ack: 1, len: 1_000);
        also!(s, seq: 4_001, ack: 1, len: 1_000);
        also!(s, seq: 3_001, ack: 1, len: 1_000);
        also!(s, FIN, seq: 5_001, ack: 1);
        expect!(s, seq: 1, ack: 5_002, win: 4_999);
        expect_none!(s);
    });
}

/// §3.10.7.4, seventh check: the acknowledgment "should be piggybacked on a segment being transmitted".
// RFC 9293 MUST-58
#[test]
fn an_acknowledgment_rides_on_data() {
    play(|stage| {
        let mut s = stage.established(&plain());
        send!(s, seq: 1, ack: 1, len: 1_000);
        also!(s, seq: 1_001, ack: 1, len: 1_000);
        call!(s, queue 10);
        expect!(s, PSH, seq: 1, ack: 2_001, win: 8_000, len: 10);
        expect_none!(s);
        send!(s, seq: 2_001, ack: 11);
        advance!(s, 10 s);
    });
}

/// A connection whose receive window is full: RCV.NXT is 10,001.
fn window_closed(stage: Stage) -> Script {
    let mut s = stage.established(&plain());
    for k in 0..10 {
        send!(s, seq: 1 + 1_000 * k, ack: 1, len: 1_000);
        let _acks = s.burst();
    }
    assert_eq!((s.tcb.rcv_nxt(), s.tcb.rcv_wnd()), (s.theirs(10_001), 0));
    s.window = 0;
    s
}

/// §3.4: "a TCP receiver MUST process the RST and URG fields of all incoming segments, even when the receive
/// window is zero".
// RFC 9293 MUST-66
#[test]
fn a_reset_counts_with_a_closed_window() {
    play(|stage| {
        let mut s = window_closed(stage);
        send!(s, RST, seq: 10_001);
        closed!(s, Reset);
    });
}

/// The same for URG.
// RFC 9293 MUST-66
#[test]
fn urgent_counts_with_a_closed_window() {
    play(|stage| {
        let mut s = window_closed(stage);
        s.told();
        send!(s, seq: 10_001, ack: 1, urg: 100);
        assert!(s.notices().urgent);
        assert_eq!(s.tcb.urgent_remaining(), 10_100);
        refuse!(s, ZeroWindow, seq: 10_001, ack: 1, urg: 200, len: 10);
        assert!(s.notices().urgent);
        assert_eq!(s.tcb.urgent_remaining(), 10_200);
        expect!(s, seq: 1, ack: 10_001);
    });
}

/// §3.10.7.4, first check: "special allowance should be made to accept valid ACKs"; §3.8.6.1: a segment that
/// finds a closed window is answered with what is expected next and the window.
// RFC 9293 X-4, MAY-8
#[test]
fn an_acknowledgment_counts_with_a_closed_window_and_its_text_is_refused() {
    play(|stage| {
        let mut s = window_closed(stage);
        call!(s, queue 500);
        expect!(s, PSH, seq: 1, ack: 10_001, len: 500);
        refuse!(s, ZeroWindow, seq: 10_001, ack: 501, len: 1, win: 12_345);
        assert_eq!(s.stored(), None);
        assert_eq!((s.tcb.acked_to(), s.tcb.snd_wnd()), (500, 12_345));
        expect!(s, seq: 501, ack: 10_001);
    });
}

/// Table 6, first row: an empty segment at RCV.NXT, and at no other number.
// RFC 9293 X-4
#[test]
fn an_empty_segment_finds_a_closed_window_at_rcv_nxt_only() {
    play(|stage| {
        let mut s = window_closed(stage);
        send!(s, seq: 10_001, ack: 1);
        expect_none!(s);
        refuse!(s, AboveWindow, seq: 10_002, ack: 1);
        expect!(s, seq: 1, ack: 10_001);
        refuse!(s, BelowWindow, seq: 10_000, ack: 1);
        expect!(s, seq: 1, ack: 10_001);
    });
}

/// Table 6, third row: a FIN takes a number, and there is none in a closed window.
// RFC 9293 X-4
#[test]
fn a_fin_finds_no_room_in_a_closed_window() {
    play(|stage| {
        let mut s = window_closed(stage);
        refuse!(s, ZeroWindow, FIN, seq: 10_001, ack: 1);
        state!(s, Established);
        expect!(s, seq: 1, ack: 10_001);
    });
}

/// §3.10.7.4: RST is the second check, SYN the fourth, ACK the fifth. What an earlier check decides a later
/// one does not undo.
// RFC 9293
#[test]
fn reset_comes_before_syn_and_syn_before_ack() {
    play(|stage| {
        let mut s = stage.established(&plain());
        refuse!(s, SynOnOpenConnection, SYN, seq: 1); // no ACK either
        expect!(s, seq: 1, ack: 1);
        refuse!(s, SynOnOpenConnection, SYN, seq: 1, ack: 99_999); // acknowledges what was not sent
        expect!(s, seq: 1, ack: 1);
        send!(s, RST, SYN, FIN, seq: 1, ack: 99_999);
        closed!(s, Reset);
    });
}

/// §3.5.3: "TCP implementations SHOULD allow a received RST segment to include data".
// RFC 9293 SHLD-2
#[test]
fn a_reset_may_carry_data() {
    play(|stage| {
        let mut s = stage.established(&plain());
        send!(s, RST, seq: 1, ack: 1, len: 50);
        assert_eq!(s.stored(), None);
        closed!(s, Reset);
    });
}

/// §3.10.7.4, second check, CLOSING and LAST-ACK: "enter the CLOSED state".
// RFC 9293 X-5
#[test]
fn a_reset_ends_closing_and_last_ack() {
    play(|stage| {
        let mut s = stage.established(&plain());
        call!(s, Shutdown);
        expect!(s, FIN, seq: 1, ack: 1);
        send!(s, FIN, seq: 1, ack: 1);
        expect!(s, seq: 2, ack: 2, win: 9_999);
        state!(s, Closing);
        send!(s, RST, seq: 2);
        closed!(s, Reset);

        let mut s = stage.established(&plain());
        send!(s, FIN, seq: 1, ack: 1);
        also!(s, seq: 2, ack: 1);
        call!(s, Shutdown);
        expect!(s, FIN, seq: 1, ack: 2, win: 9_999);
        state!(s, LastAck);
        send!(s, RST, seq: 2);
        closed!(s, Reset);
    });
}

/// §3.10.7.4, fifth check, CLOSING: "otherwise, ignore the segment".
#[test]
fn closing_waits_for_the_ack_of_the_fin() {
    play(|stage| {
        let mut s = stage.established(&plain());
        call!(s, queue 500);
        call!(s, Shutdown);
        expect!(s, FIN, PSH, seq: 1, ack: 1, len: 500);
        send!(s, FIN, seq: 1, ack: 1);
        expect!(s, seq: 502, ack: 2, win: 9_999);
        send!(s, seq: 2, ack: 501);
        state!(s, Closing);
        assert_eq!(s.tcb.acked_to(), 500);
        expect_none!(s);
        send!(s, seq: 2, ack: 502);
        state!(s, TimeWait);
    });
}

/// §3.10.8 and the driving loop: a call before its deadline does nothing.
#[test]
fn calling_on_timeout_early_is_harmless() {
    play(|stage| {
        let mut s = stage.established(&plain());
        call!(s, queue 100);
        expect!(s, PSH, seq: 1, ack: 1, len: 100);
        for _ in 0..9 {
            advance!(s, 100 ms);
            s.time_out();
            expect_none!(s);
        }
        assert!(s.notices().transitions.is_empty());
        advance!(s, 100 ms, { 100 ms => (PSH, seq: 1, ack: 1, len: 100) });
    });
}
