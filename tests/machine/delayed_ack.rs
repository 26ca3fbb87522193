//! When an acknowledgment is sent: RFC 9293 §3.8.6.3, RFC 5681 §4.2.

use super::script::{plain, plain_but, play};

/// §3.8.6.3: an ACK may wait, less than half a second; the default here is 40 ms.
// RFC 9293 MUST-40, SHLD-18
#[test]
fn the_ack_of_a_lone_segment_waits_for_the_delay() {
    play(|stage| {
        let mut s = stage.established(&plain());
        send!(s, seq: 1, ack: 1, len: 100);
        expect_none!(s);
        advance!(s, 1 s, { 40 ms => (seq: 1, ack: 101, win: 9_900) });
    });
}

/// A full segment alone waits as well.
// RFC 9293 MUST-40, SHLD-18
#[test]
fn the_ack_of_one_full_segment_waits_for_the_delay() {
    play(|stage| {
        let mut s = stage.established(&plain());
        send!(s, PSH, seq: 1, ack: 1, len: 1_000);
        advance!(s, 1 s, { 40 ms => (seq: 1, ack: 1_001, win: 9_000) });
    });
}

/// The delay is what the user chose, but never half a second.
// RFC 9293 MUST-40
// RFC 5681-21
#[test]
fn the_delay_is_configurable_below_half_a_second() {
    play(|stage| {
        let mut s = stage.established(&plain_but(|config| config.ack_delay = span!(200 ms)));
        send!(s, seq: 1, ack: 1, len: 100);
        advance!(s, 1 s, { 200 ms => (seq: 1, ack: 101, win: 9_900) });

        let mut s = stage.established(&plain_but(|config| config.ack_delay = span!(3 s)));
        send!(s, seq: 1, ack: 1, len: 100);
        advance!(s, 1 s, { 499 ms => (seq: 1, ack: 101, win: 9_900) });

        let mut s = stage.established(&plain());
        call!(s, SetAckDelay(span!(500 ms)));
        send!(s, seq: 1, ack: 1, len: 100);
        advance!(s, 1 s, { 499 ms => (seq: 1, ack: 101, win: 9_900) });
    });
}

/// No delay: every segment is acknowledged at once.
// RFC 9293 MUST-40
#[test]
fn without_a_delay_each_segment_is_acknowledged_at_once() {
    play(|stage| {
        let mut s = stage.established(&plain_but(|config| config.ack_delay = span!(0 s)));
        send!(s, seq: 1, ack: 1, len: 100);
        expect!(s, seq: 1, ack: 101, win: 9_900);
        send!(s, seq: 101, ack: 1, len: 1);
        expect!(s, seq: 1, ack: 102, win: 9_899);
        call!(s, SetAckDelay(span!(100 ms)));
        send!(s, seq: 102, ack: 1, len: 1);
        advance!(s, 1 s, { 100 ms => (seq: 1, ack: 103, win: 9_898) });
    });
}

/// §3.8.6.3: "An ACK SHOULD be generated for at least every second full-sized segment".
// RFC 9293 SHLD-19
// RFC 5681-22
#[test]
fn every_second_full_segment_is_acknowledged_at_once() {
    play(|stage| {
        let mut s = stage.established(&plain());
        send!(s, seq: 1, ack: 1, len: 1_000);
        expect_none!(s);
        send!(s, seq: 1_001, ack: 1, len: 1_000);
        expect!(s, seq: 1, ack: 2_001, win: 8_000);
        send!(s, seq: 2_001, ack: 1, len: 1_000);
        expect_none!(s);
        send!(s, seq: 3_001, ack: 1, len: 1_000);
        expect!(s, seq: 1, ack: 4_001, win: 6_000);
        advance!(s, 1 s);
    });
}

/// A peer whose segments are smaller than our MSS (a smaller path, options) sends full ones as well.
// RFC 9293 SHLD-19
#[test]
fn a_peer_with_smaller_segments_gets_an_ack_for_every_second_too() {
    play(|stage| {
        let mut s = stage.established(&plain());
        for k in 0..3 {
            send!(s, seq: 1 + 1_400 * k, ack: 1, len: 700);
            expect_none!(s);
            send!(s, seq: 701 + 1_400 * k, ack: 1, len: 700);
            expect!(s, seq: 1, ack: 1_401 + 1_400 * k, win: 8_600 - 1_400 * k as u16);
        }
    });
}

/// "… or 2*RMSS bytes of new data": crumbs count by their octets. A segment below 536 octets is a crumb.
// RFC 9293 SHLD-19
#[test]
fn crumbs_are_acknowledged_when_they_make_two_segments() {
    play(|stage| {
        let mut s = stage.established(&plain());
        for k in 0..3 {
            send!(s, seq: 1 + 300 * k, ack: 1, len: 300);
            expect_none!(s);
        }
        send!(s, seq: 901, ack: 1, len: 300);
        expect!(s, seq: 1, ack: 1_201, win: 8_800); // 1,200 octets are more than 2 * 536
    });
}

/// The delay counts from the first octet that waits, not from the last.
// RFC 9293 MUST-40
#[test]
fn a_second_small_segment_does_not_prolong_the_delay() {
    play(|stage| {
        let mut s = stage.established(&plain());
        send!(s, seq: 1, ack: 1, len: 100);
        advance!(s, 25 ms);
        send!(s, seq: 101, ack: 1, len: 100);
        advance!(s, 1 s, { 15 ms => (seq: 1, ack: 201, win: 9_800) });
    });
}

/// RFC 5681 §4.2: "Out-of-order data segments SHOULD be acknowledged immediately".
// RFC 9293 SHLD-18
// RFC 5681-13
#[test]
fn a_segment_above_a_gap_is_acknowledged_at_once() {
    play(|stage| {
        let mut s = stage.established(&plain());
        send!(s, seq: 101, ack: 1, len: 1);
        expect!(s, seq: 1, ack: 1);
        send!(s, seq: 102, ack: 1, len: 1);
        expect!(s, seq: 1, ack: 1);
        send!(s, seq: 301, ack: 1, len: 1);
        expect!(s, seq: 1, ack: 1);
    });
}

/// RFC 5681 §4.2: "a receiver … SHOULD send an immediate ACK when it receives a data segment that fills in all
/// or part of a gap in the sequence space."
// RFC 9293 SHLD-18
// RFC 5681-14, 5681-23
#[test]
fn filling_a_gap_wholly_or_in_part_is_acknowledged_at_once() {
    play(|stage| {
        let mut s = stage.established(&plain());
        send!(s, seq: 101, ack: 1, len: 100);
        expect!(s, seq: 1, ack: 1);
        send!(s, seq: 1, ack: 1, len: 10); // from the left
        expect!(s, seq: 1, ack: 11, win: 9_990);
        send!(s, seq: 91, ack: 1, len: 10); // from the right
        expect!(s, seq: 1, ack: 11, win: 9_990);
        send!(s, seq: 11, ack: 1, len: 80); // the rest
        expect!(s, seq: 1, ack: 201, win: 9_800);
        send!(s, seq: 201, ack: 1, len: 10); // no gap any more
        expect_none!(s);
        advance!(s, 1 s, { 40 ms => (seq: 1, ack: 211, win: 9_790) });
    });
}

/// The same for the gap before a FIN that came ahead of its data: the FIN takes a number too.
// RFC 9293 SHLD-18
#[test]
fn filling_a_part_of_the_gap_before_a_fin_is_acknowledged_at_once() {
    play(|stage| {
        let mut s = stage.established(&plain());
        send!(s, FIN, seq: 101, ack: 1);
        expect!(s, seq: 1, ack: 1);
        send!(s, seq: 1, ack: 1, len: 50);
        expect!(s, seq: 1, ack: 51, win: 9_950);
        send!(s, seq: 51, ack: 1, len: 50);
        expect!(s, seq: 1, ack: 102, win: 9_899);
    });
}

/// An old segment means that its ACK was lost: it is acknowledged at once, and what waited with it.
// RFC 9293 X-4, MUST-58
// RFC 5681-23
#[test]
fn a_duplicate_is_acknowledged_at_once() {
    play(|stage| {
        let mut s = stage.established(&plain());
        send!(s, seq: 1, ack: 1, len: 100);
        refuse!(s, BelowWindow, seq: 1, ack: 1, len: 100);
        expect!(s, seq: 1, ack: 101, win: 9_900);
        advance!(s, 1 s);
    });
}

/// A FIN is acknowledged at once.
// RFC 9293 X-10
#[test]
fn a_fin_is_acknowledged_at_once() {
    play(|stage| {
        let mut s = stage.established(&plain());
        send!(s, FIN, seq: 1, ack: 1, len: 10);
        expect!(s, seq: 1, ack: 12, win: 9_989);
    });
}

/// An acknowledgment that went out with data is done with.
// RFC 9293 MUST-58
#[test]
fn data_takes_the_waiting_ack_along() {
    play(|stage| {
        let mut s = stage.established(&plain());
        send!(s, seq: 1, ack: 1, len: 100);
        advance!(s, 10 ms);
        call!(s, queue 5);
        expect!(s, PSH, seq: 1, ack: 101, win: 9_900, len: 5);
        send!(s, seq: 101, ack: 6);
        advance!(s, 1 s);
    });
}

/// An ACK without data is never acknowledged.
#[test]
fn acknowledgments_are_not_acknowledged() {
    play(|stage| {
        let mut s = stage.established(&plain());
        call!(s, queue 1_000);
        expect!(s, PSH, seq: 1, ack: 1, len: 1_000);
        send!(s, seq: 1, ack: 1_001);
        send!(s, seq: 1, ack: 1_001);
        send!(s, seq: 1, ack: 1_001, win: 1);
        advance!(s, 1 h);
    });
}

/// The SYN,ACK is acknowledged at once, so that the peer's handshake ends.
#[test]
fn the_ack_of_a_syn_ack_does_not_wait() {
    play(|stage| {
        let mut s = stage.connect(&plain_but(|config| config.ack_delay = span!(300 ms)));
        expect!(s, SYN, seq: 0, mss: 1_000);
        send!(s, SYN, seq: 0, ack: 1, mss: 1_000);
        expect!(s, seq: 1, ack: 1);
        advance!(s, 1 s);
    });
}

/// A segment that gives up some octets for an option is full-sized all the same.
// RFC 9293 SHLD-19
#[test]
fn segments_that_are_shorter_by_an_option_count_as_full() {
    play(|stage| {
        let mut s = stage.established(&plain());
        send!(s, seq: 1, ack: 1, len: 1_000);
        send!(s, seq: 1_001, ack: 1, len: 972);
        expect!(s, seq: 1, ack: 1_973, win: 8_028);
    });
}
