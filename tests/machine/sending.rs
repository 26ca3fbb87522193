//! When data is sent and in what pieces: RFC 9293 §3.7.4 (Nagle), §3.8.6.2.1 (SWS), §3.9.1.2 (PUSH).

use super::script::{plain, plain_but, play};

/// §3.7.4: "If there is unacknowledged data …, then the sending TCP endpoint buffers all user data … until the
/// outstanding data has been acknowledged or until the TCP endpoint can send a full-sized segment".
// RFC 9293 SHLD-7, SHLD-28
#[test]
fn nagle_holds_a_partial_segment_while_data_is_in_flight() {
    play(|stage| {
        let mut s = stage.established(&plain());
        call!(s, queue 10);
        expect!(s, PSH, seq: 1, ack: 1, len: 10); // nothing was in flight
        call!(s, queue 20);
        expect_none!(s);
        call!(s, queue 30, push); // "regardless of the PSH bit"
        expect_none!(s);
        advance!(s, 300 ms);
        send!(s, seq: 1, ack: 11);
        expect!(s, PSH, seq: 11, ack: 1, len: 50);
        // Enough for a full segment goes out; the rest waits.
        call!(s, queue 1_500);
        expect!(s, seq: 61, ack: 1, len: 1_000);
        expect_none!(s);
        send!(s, seq: 1, ack: 61); // not all that is outstanding
        expect_none!(s);
        send!(s, seq: 1, ack: 1_061);
        expect!(s, PSH, seq: 1_061, ack: 1, len: 500);
    });
}

/// §3.7.4: "there MUST be a way for an application to disable the Nagle algorithm on an individual connection".
// RFC 9293 MUST-17
#[test]
fn nagle_can_be_switched_off_and_on() {
    play(|stage| {
        let mut s = stage.established(&plain_but(|config| config.nagle = false));
        call!(s, queue 10);
        expect!(s, PSH, seq: 1, ack: 1, len: 10);
        call!(s, queue 20);
        expect!(s, PSH, seq: 11, ack: 1, len: 20);
        call!(s, SetNagle(true));
        call!(s, queue 30);
        expect_none!(s);
        call!(s, SetNagle(false));
        expect!(s, PSH, seq: 31, ack: 1, len: 30);
    });
}

/// §3.9.1.2: "MUST set the PSH bit in the last buffered segment"; "SHOULD send a maximum-sized segment".
// RFC 9293 MUST-61, SHLD-28
#[test]
fn the_segment_that_empties_the_queue_carries_push() {
    play(|stage| {
        let mut s = stage.established(&plain_but(|config| config.nagle = false));
        call!(s, queue 2_500);
        expect!(s, seq: 1, ack: 1, len: 1_000);
        expect!(s, seq: 1_001, ack: 1, len: 1_000);
        expect!(s, PSH, seq: 2_001, ack: 1, len: 500);
        call!(s, queue 2_000);
        expect!(s, seq: 2_501, ack: 1, len: 1_000);
        expect!(s, PSH, seq: 3_501, ack: 1, len: 1_000);
    });
}

/// §3.9.1.2: "If the PUSH flag is set, … the PSH bit will be set in the last TCP segment created from the
/// buffer", that is, in the one with the last octet of that SEND.
// RFC 9293 MAY-15
#[test]
fn a_push_marks_the_segment_with_its_last_octet() {
    play(|stage| {
        let mut s = stage.established(&plain_but(|config| config.nagle = false));
        call!(s, queue 1_500, push);
        call!(s, queue 1_700);
        expect!(s, seq: 1, ack: 1, len: 1_000);
        expect!(s, PSH, seq: 1_001, ack: 1, len: 1_000); // octet 1,500 is in it
        expect!(s, seq: 2_001, ack: 1, len: 1_000);
        expect!(s, PSH, seq: 3_001, ack: 1, len: 200);
    });
}

/// §3.9.1.2: "The transmitter SHOULD collapse successive bits when it packetizes data".
// RFC 9293 SHLD-27
#[test]
fn successive_pushes_collapse() {
    play(|stage| {
        let mut s = stage.established(&plain());
        for _ in 0..5 {
            call!(s, queue 200, push);
        }
        call!(s, queue 1_000);
        expect!(s, PSH, seq: 1, ack: 1, len: 1_000);
        expect!(s, PSH, seq: 1_001, ack: 1, len: 1_000);
        // A push that is still to be sent goes up in the next one: the segment with the end of that has the flag alone.
        call!(s, queue 400, push);
        call!(s, queue 1_000, push);
        call!(s, queue 1_600);
        expect!(s, seq: 2_001, ack: 1, len: 1_000);
        expect!(s, PSH, seq: 3_001, ack: 1, len: 1_000);
        expect!(s, PSH, seq: 4_001, ack: 1, len: 1_000);
    });
}

/// §3.9.1.2: data without a push "MAY" be aggregated (MAY-16), but not "indefinitely" (MUST-60): `more` holds a
/// partial segment for the hold delay.
// RFC 9293 MAY-16, MUST-60
#[test]
fn more_to_come_holds_a_partial_segment_for_a_while() {
    play(|stage| {
        let mut s = stage.established(&plain());
        call!(s, queue 100, more);
        expect_none!(s);
        advance!(s, 500 ms, { 200 ms => (PSH, seq: 1, ack: 1, len: 100) });
        send!(s, seq: 1, ack: 101);
        // And again: the wait is over for what was sent only.
        call!(s, queue 100, more);
        advance!(s, 500 ms, { 200 ms => (PSH, seq: 101, ack: 1, len: 100) });
        send!(s, seq: 1, ack: 201);
    });
}

/// What follows without the hint ends the wait.
// RFC 9293 MAY-16, MUST-61
#[test]
fn the_end_of_more_sends_at_once() {
    play(|stage| {
        let mut s = stage.established(&plain());
        call!(s, queue 100, more);
        advance!(s, 150 ms);
        call!(s, queue 100, more);
        expect_none!(s);
        call!(s, queue 50);
        expect!(s, PSH, seq: 1, ack: 1, len: 250);
        send!(s, seq: 1, ack: 251);
        advance!(s, 1 h);
    });
}

/// Full segments never wait for more.
// RFC 9293 SHLD-28, MUST-60
#[test]
fn more_to_come_does_not_hold_full_segments() {
    play(|stage| {
        let mut s = stage.established(&plain_but(|config| config.nagle = false));
        call!(s, queue 2_300, more);
        expect!(s, seq: 1, ack: 1, len: 1_000);
        expect!(s, seq: 1_001, ack: 1, len: 1_000);
        expect_none!(s);
        advance!(s, 200 ms, { 200 ms => (PSH, seq: 2_001, ack: 1, len: 300) });
    });
}

/// The hold delay is the user's choice.
// RFC 9293 MUST-60
#[test]
fn the_hold_delay_is_configurable() {
    play(|stage| {
        let mut s = stage.established(&plain_but(|config| config.hold_delay = span!(500 ms)));
        call!(s, queue 100, more);
        advance!(s, 1 s, { 500 ms => (PSH, seq: 1, ack: 1, len: 100) });
    });
}

/// A CLOSE says that nothing more comes (§3.8: "The CLOSE user call implies a push function").
#[test]
fn a_close_ends_the_wait_for_more() {
    play(|stage| {
        let mut s = stage.established(&plain());
        call!(s, queue 100, more);
        expect_none!(s);
        call!(s, Shutdown);
        expect!(s, FIN, PSH, seq: 1, ack: 1, len: 100);
    });
}

/// §3.8.6.2.1 (4): a window with room for a crumb is not used, until the override timeout.
// RFC 9293 MUST-38
// RFC 1122-7
#[test]
fn a_crumb_of_a_window_is_used_after_the_override_timeout_only() {
    play(|stage| {
        let mut s = stage.established(&plain()); // Max(SND.WND) is 30,000
        send!(s, seq: 1, ack: 1, win: 500);
        call!(s, queue 2_000);
        expect_none!(s);
        advance!(s, 199 ms);
        advance!(s, 1 ms, { 1 ms => (seq: 1, ack: 1, len: 500) });
    });
}

/// §3.8.6.2.1 (2): "or if the data is pushed and all queued data can be sent now".
// RFC 9293 MUST-38
#[test]
fn a_crumb_of_a_window_that_takes_all_is_used_at_once() {
    play(|stage| {
        let mut s = stage.established(&plain());
        send!(s, seq: 1, ack: 1, win: 500);
        call!(s, queue 500);
        expect!(s, PSH, seq: 1, ack: 1, len: 500);
    });
}

/// §3.8.6.2.1 (3): "or if at least a fraction Fs of the maximum window can be sent": half of 1,500.
// RFC 9293 MUST-38
// RFC 1122-6
#[test]
fn half_of_the_largest_window_is_used_at_once() {
    play(|stage| {
        for (window, at_once) in [(750, true), (749, false)] {
            let reply = seg!(SYN, seq: 0, ack: 1, win: 1_500, mss: 1_000);
            let mut s = stage.answered(&plain(), &reply);
            call!(s, queue 1_000);
            expect!(s, PSH, seq: 1, ack: 1, len: 1_000);
            send!(s, seq: 1, ack: 1_001, win: window);
            call!(s, queue 2_000);
            if at_once {
                expect!(s, seq: 1_001, ack: 1, len: 750);
            } else {
                advance!(s, 200 ms, { 200 ms => (seq: 1_001, ack: 1, len: 749) });
            }
        }
    });
}

/// A window that opens wide before the override timeout makes it needless.
// RFC 9293 MUST-38
#[test]
fn a_window_that_opens_ends_the_wait_for_the_override() {
    play(|stage| {
        let mut s = stage.established(&plain());
        send!(s, seq: 1, ack: 1, win: 500);
        call!(s, queue 2_000);
        advance!(s, 100 ms);
        send!(s, seq: 1, ack: 1, win: 2_000);
        expect!(s, seq: 1, ack: 1, len: 1_000);
        expect!(s, PSH, seq: 1_001, ack: 1, len: 1_000);
        send!(s, seq: 1, ack: 2_001);
        advance!(s, 1 h);
    });
}

/// §3.8: every segment after the handshake carries the current acknowledgment, retransmissions too (§3.10: a
/// retransmission is made anew, with what is known now).
// RFC 9293 MUST-58
#[test]
fn a_retransmission_carries_the_current_acknowledgment() {
    play(|stage| {
        let mut s = stage.established(&plain());
        call!(s, queue 100);
        expect!(s, PSH, seq: 1, ack: 1, len: 100);
        send!(s, seq: 1, ack: 1, len: 500);
        advance!(s, 1 s, {
            40 ms => (seq: 101, ack: 501, win: 9_500),
            1 s => (PSH, seq: 1, ack: 501, win: 9_500, len: 100),
        });
    });
}

/// Nothing to do, nothing sent: an idle connection is silent for ever.
#[test]
fn an_idle_connection_is_silent() {
    play(|stage| {
        let mut s = stage.established(&plain());
        assert_eq!(s.tcb.poll_timeout(), None);
        advance!(s, 365 d);
        call!(s, queue 1);
        expect!(s, PSH, seq: 1, ack: 1, len: 1);
        send!(s, seq: 1, ack: 2);
        advance!(s, 365 d);
        state!(s, Established);
    });
}

/// §3.8.6.2.1: the override timeout is a second at the most, whatever is configured.
// RFC 9293 MUST-60, MUST-38
// RFC 1122-7
#[test]
fn data_waits_for_more_for_a_second_at_most() {
    play(|stage| {
        let mut s = stage.established(&plain_but(|config| config.hold_delay = std::time::Duration::MAX));
        call!(s, queue 100, more);
        advance!(s, 1 s, { 1 s => (PSH, seq: 1, ack: 1, len: 100) });
        send!(s, seq: 1, ack: 101);
    });
}
