//! What the network reports of a segment: RFC 9293 §3.9.2.2, RFC 5461, RFC 5927.

use tcpstate::tcp::{CommandError, NetworkError};

use super::script::{Script, plain, play};

fn error(s: &Script, hard: bool, code: u8, seq: i64) -> NetworkError {
    NetworkError { hard, code, seq: s.ours(seq) }
}

/// "Since these Unreachable messages indicate soft error conditions, a TCP implementation MUST NOT abort the
/// connection, and it SHOULD make the information available to the application."
// RFC 9293 MUST-56, SHLD-25, MUST-47
#[test]
fn a_soft_error_is_told_and_changes_nothing() {
    play(|stage| {
        let mut s = stage.connect(&plain());
        expect!(s, SYN, seq: 0, mss: 1_000);
        let soft = error(&s, false, 1, 0);
        call!(s, NetworkError(soft));
        assert_eq!(s.notices().soft_error, Some(1));
        state!(s, SynSent);
        advance!(s, 1 s, { 1 s => (SYN, seq: 0, mss: 1_000) });
        send!(s, SYN, seq: 0, ack: 1, mss: 1_000);
        expect!(s, seq: 1, ack: 1);

        call!(s, queue 500);
        expect!(s, PSH, seq: 1, ack: 1, len: 500);
        let soft = error(&s, false, 0, 1);
        call!(s, NetworkError(soft));
        assert_eq!(s.notices().soft_error, Some(0));
        state!(s, Established);
        send!(s, seq: 1, ack: 501);
    });
}

/// "These are hard error conditions, so TCP implementations SHOULD abort the connection."
// RFC 9293 SHLD-26, MUST-54, MUST-12
#[test]
fn a_hard_error_ends_an_attempt_to_open() {
    play(|stage| {
        for code in [2, 3, 4] {
            let mut s = stage.connect(&plain());
            expect!(s, SYN, seq: 0, mss: 1_000);
            let hard = error(&s, true, code, 0);
            call!(s, NetworkError(hard));
            closed!(s, Unreachable(code));
        }
    });
}

/// RFC 5927 §4.1: a message whose quoted number is not in flight is old or forged, and is not believed.
// RFC 9293 MUST-54
#[test]
fn an_error_about_what_is_not_in_flight_is_not_believed() {
    play(|stage| {
        let mut s = stage.established(&plain());
        for hard in [true, false] {
            let quoted = error(&s, hard, 3, 1); // nothing is in flight
            call!(s, NetworkError(quoted) => CommandError::NotInFlight(quoted.seq));
        }
        call!(s, queue 500);
        expect!(s, PSH, seq: 1, ack: 1, len: 500);
        for seq in [0, 501, -1_000, 1_000_000] {
            let quoted = error(&s, true, 3, seq);
            call!(s, NetworkError(quoted) => CommandError::NotInFlight(quoted.seq));
        }
        send!(s, seq: 1, ack: 501);
        let quoted = error(&s, true, 3, 1); // not any more
        call!(s, NetworkError(quoted) => CommandError::NotInFlight(quoted.seq));
        state!(s, Established);
        assert_eq!(s.notices().soft_error, None);
    });
}

/// A SYN that has not been polled is not in flight.
// RFC 9293 MUST-54
#[test]
fn an_error_about_a_syn_that_was_not_sent_is_not_believed() {
    play(|stage| {
        let mut s = stage.connect(&plain());
        let quoted = error(&s, true, 3, 0);
        call!(s, NetworkError(quoted) => CommandError::NotInFlight(quoted.seq));
        state!(s, SynSent);
        expect!(s, SYN, seq: 0, mss: 1_000);
    });
}

/// RFC 5461 §4.1 and RFC 5927 §5.2, against SHLD-26 with reason: on an open connection a hard error may pass, or
/// be forged by whoever guesses a number. It is told, and R2 decides.
// RFC 9293 SHLD-26
#[test]
fn a_hard_error_on_an_open_connection_is_only_told() {
    play(|stage| {
        let mut s = stage.established(&plain());
        call!(s, queue 1_000);
        expect!(s, PSH, seq: 1, ack: 1, len: 1_000);
        let hard = error(&s, true, 2, 1);
        call!(s, NetworkError(hard));
        assert_eq!(s.notices().soft_error, Some(2));
        state!(s, Established);
        send!(s, seq: 1, ack: 1_001);
    });
}

/// In SYN-RECEIVED the attempt ends: after an active open for good, after a passive one the listener goes on.
// RFC 9293 SHLD-26, MUST-11
#[test]
fn a_hard_error_ends_a_handshake() {
    play(|stage| {
        let mut s = stage.connect(&plain());
        expect!(s, SYN, seq: 0, mss: 1_000);
        send!(s, SYN, seq: 0, mss: 1_000);
        expect!(s, SYN, seq: 0, ack: 1, mss: 1_000);
        let hard = error(&s, true, 3, 0);
        call!(s, NetworkError(hard));
        closed!(s, Unreachable(3));

        let mut s = stage.listen(&plain());
        send!(s, SYN, seq: 0, mss: 1_000);
        expect!(s, SYN, seq: 0, ack: 1, mss: 1_000);
        let hard = error(&s, true, 3, 0);
        call!(s, NetworkError(hard));
        state!(s, Listen);
        assert_eq!(s.notices().closed, None);
    });
}

/// A closed connection hears nothing.
#[test]
fn a_closed_connection_takes_no_errors() {
    play(|stage| {
        let mut s = stage.connect(&plain());
        call!(s, Close);
        closed!(s, Deleted);
        let hard = error(&s, true, 3, 0);
        call!(s, NetworkError(hard) => CommandError::Closed);
    });
}
