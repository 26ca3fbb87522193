//! Urgent data: RFC 9293 §3.8.5, §3.10.2, the sixth check of §3.10.7.4; RFC 6093.

use super::script::{plain, plain_but, play};

/// §3.8.5: "MUST inform the application layer asynchronously whenever it receives an urgent pointer and there
/// was previously no pending urgent data"; the pointer names the octet after the urgent data.
// RFC 9293 MUST-30, MUST-32, MUST-62
#[test]
fn an_urgent_pointer_is_told_once() {
    play(|stage| {
        let mut s = stage.established(&plain());
        send!(s, seq: 1, ack: 1, urg: 50, len: 100);
        assert!(s.notices().urgent);
        assert_eq!(s.tcb.urgent_remaining(), 50);
        send!(s, seq: 101, ack: 1, len: 10);
        assert!(!s.notices().urgent);
        advance!(s, 40 ms, { 40 ms => (seq: 1, ack: 111, win: 9_890) });
    });
}

/// §3.8.5: "provide a way for the application to learn how much urgent data remains to be read".
// RFC 9293 MUST-33
#[test]
fn what_was_read_is_not_urgent_any_more() {
    play(|stage| {
        let mut s = stage.established(&plain());
        send!(s, seq: 1, ack: 1, urg: 50, len: 100);
        call!(s, consumed 20);
        assert_eq!(s.tcb.urgent_remaining(), 30);
        call!(s, consumed 29);
        assert_eq!(s.tcb.urgent_remaining(), 1);
        call!(s, consumed 1);
        assert_eq!(s.tcb.urgent_remaining(), 0);
        call!(s, consumed 50);
        assert_eq!(s.tcb.urgent_remaining(), 0);
        advance!(s, 40 ms, { 40 ms => (seq: 1, ack: 101, win: 9_900) });
    });
}

/// §3.8.5: "or whenever the urgent pointer advances in the data stream". It may be far ahead of the data.
// RFC 9293 MUST-31, MUST-32
#[test]
fn an_urgent_pointer_that_advances_is_told_again() {
    play(|stage| {
        let mut s = stage.established(&plain());
        send!(s, seq: 1, ack: 1, urg: 50_000, len: 100);
        assert!(s.notices().urgent);
        assert_eq!(s.tcb.urgent_remaining(), 50_000);
        send!(s, seq: 101, ack: 1, urg: 49_900, len: 100); // the same place
        assert!(!s.notices().urgent);
        send!(s, seq: 201, ack: 1, urg: 60_000, len: 100);
        assert!(s.notices().urgent);
        assert_eq!(s.tcb.urgent_remaining(), 60_200);
        advance!(s, 40 ms, { 40 ms => (seq: 1, ack: 301, win: 9_700) });
    });
}

/// §3.8.5: "the urgent pointer cannot 'recede' …, but a TCP receiver should be robust to invalid urgent pointer
/// values".
// RFC 9293 MUST-30
#[test]
fn an_urgent_pointer_does_not_recede() {
    play(|stage| {
        let mut s = stage.established(&plain());
        send!(s, seq: 1, ack: 1, urg: 500, len: 100);
        s.told();
        send!(s, seq: 101, ack: 1, urg: 1, len: 100);
        assert!(!s.notices().urgent);
        assert_eq!(s.tcb.urgent_remaining(), 500);
        send!(s, seq: 201, ack: 1, urg: 0);
        assert!(!s.notices().urgent);
        assert_eq!(s.tcb.urgent_remaining(), 500);
        advance!(s, 40 ms, { 40 ms => (seq: 1, ack: 201, win: 9_800) });
    });
}

/// Sixth check: the signal is for a pointer "in advance of the data consumed".
// RFC 9293 MUST-32
#[test]
fn an_urgent_pointer_to_what_was_read_is_not_told() {
    play(|stage| {
        let mut s = stage.established(&plain());
        send!(s, seq: 1, ack: 1, len: 100);
        call!(s, consumed 100);
        s.told();
        send!(s, seq: 51, ack: 1, urg: 50, len: 60); // up to octet 100
        assert!(!s.notices().urgent);
        assert_eq!(s.tcb.urgent_remaining(), 0);
        send!(s, seq: 111, ack: 1, urg: 0); // the octets up to 110 wait to be read
        assert!(s.notices().urgent);
        assert_eq!(s.tcb.urgent_remaining(), 10);
        advance!(s, 100 ms, { 40 ms => (seq: 1, ack: 111, win: 9_890) });
    });
}

/// Sixth check, CLOSE-WAIT and later: "Ignore the URG".
#[test]
fn urgent_is_ignored_after_the_peers_fin() {
    play(|stage| {
        let mut s = stage.established(&plain());
        send!(s, FIN, seq: 1, ack: 1);
        expect!(s, seq: 1, ack: 2, win: 9_999);
        s.told();
        send!(s, seq: 2, ack: 1, urg: 10);
        assert!(!s.notices().urgent);
        assert_eq!(s.tcb.urgent_remaining(), 0);
    });
}

/// Sixth check: FIN-WAIT-1 and FIN-WAIT-2 still hear of it.
// RFC 9293 MUST-32
#[test]
fn urgent_counts_after_our_fin() {
    play(|stage| {
        let mut s = stage.established(&plain());
        call!(s, Shutdown);
        expect!(s, FIN, seq: 1, ack: 1);
        send!(s, seq: 1, ack: 1, urg: 10);
        assert!(s.notices().urgent);
        send!(s, seq: 1, ack: 2, urg: 20);
        state!(s, FinWait2);
        assert!(s.notices().urgent);
        assert_eq!(s.tcb.urgent_remaining(), 20);
    });
}

/// §3.10.2: "set the urgent pointer in the outgoing segments"; the offset is to the octet after the data.
// RFC 9293 MUST-30, MUST-62
#[test]
fn urgent_data_carries_the_pointer() {
    play(|stage| {
        let mut s = stage.established(&plain());
        call!(s, queue 100, urgent);
        expect!(s, PSH, seq: 1, ack: 1, urg: 100, len: 100);
        send!(s, seq: 1, ack: 101);
        call!(s, queue 100);
        expect!(s, PSH, seq: 101, ack: 1, len: 100);
    });
}

/// All segments up to the pointer carry it, and no later one.
// RFC 9293 MUST-31, MUST-62
#[test]
fn every_segment_before_the_pointer_carries_it() {
    play(|stage| {
        let mut s = stage.established(&plain_but(|config| config.nagle = false));
        call!(s, queue 300);
        expect!(s, PSH, seq: 1, ack: 1, len: 300);
        call!(s, queue 2_400, urgent);
        call!(s, queue 2_600);
        expect!(s, seq: 301, ack: 1, urg: 2_400, len: 1_000);
        expect!(s, seq: 1_301, ack: 1, urg: 1_400, len: 1_000);
        expect!(s, seq: 2_301, ack: 1, urg: 400, len: 1_000);
        expect!(s, seq: 3_301, ack: 1, len: 1_000);
        expect!(s, PSH, seq: 4_301, ack: 1, len: 1_000);
    });
}

/// A later urgent SEND moves the pointer on.
// RFC 9293 MUST-31
#[test]
fn the_pointer_moves_on_with_more_urgent_data() {
    play(|stage| {
        let mut s = stage.established(&plain_but(|config| config.nagle = false));
        call!(s, queue 10, urgent);
        expect!(s, PSH, seq: 1, ack: 1, urg: 10, len: 10);
        call!(s, queue 10);
        call!(s, queue 10, urgent);
        expect!(s, PSH, seq: 11, ack: 1, urg: 20, len: 20);
    });
}

/// A retransmission carries it as well.
// RFC 9293 MUST-30
#[test]
fn a_retransmission_of_urgent_data_carries_the_pointer() {
    play(|stage| {
        let mut s = stage.established(&plain());
        call!(s, queue 100, urgent);
        expect!(s, PSH, seq: 1, ack: 1, urg: 100, len: 100);
        advance!(s, 1 s, { 1 s => (PSH, seq: 1, ack: 1, urg: 100, len: 100) });
    });
}

/// §3.4: a receiver processes URG with a closed window too (MUST-66): so the pointer goes ahead of the data.
// RFC 9293 MUST-30, MUST-62
#[test]
fn the_pointer_goes_ahead_of_data_that_waits_for_the_window() {
    play(|stage| {
        let mut s = stage.established(&plain());
        send!(s, seq: 1, ack: 1, win: 0);
        call!(s, queue 100, urgent);
        expect!(s, seq: 1, ack: 1, urg: 100);
        expect_none!(s);
        advance!(s, 1 s, { 1 s => (seq: 1, ack: 1, urg: 100, len: 1) });
    });
}

/// "MUST support a sequence of urgent data of any length": a field of 16 bits then points as far as it can.
// RFC 9293 MUST-31
#[test]
fn urgent_data_may_be_longer_than_the_field() {
    play(|stage| {
        let mut s = stage.established(&plain());
        call!(s, queue 70_000, urgent);
        let sent = s.burst();
        assert_eq!(sent.len(), 10);
        for (k, seg) in (0_u16..).zip(&sent) {
            let urgent = (70_000 - 1_000 * u32::from(k)).min(65_535) as u16;
            let expected = seg!(seq: 1 + 1_000 * i64::from(k), ack: 1, win: 10_000, urg: urgent, len: 1_000);
            assert_eq!(*seg, expected);
        }
    });
}
