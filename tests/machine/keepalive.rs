//! Keep-alives: RFC 9293 §3.8.4.

use tcpstate::tcp::{Keepalive, TcpConfig};

use super::script::{plain, plain_but, play};

fn with_keepalive() -> TcpConfig {
    plain_but(|config| config.keepalive = Some(Keepalive::default()))
}

/// Short times: after 10 s, every 2 s, three times.
fn brisk() -> Keepalive {
    Keepalive { idle: span!(10 s), interval: span!(2 s), count: 3 }
}

/// "they MUST default to off".
// RFC 9293 MUST-25
#[test]
fn keepalives_are_off_by_default() {
    play(|stage| {
        assert_eq!(TcpConfig::default().keepalive, None);
        let mut s = stage.established(&plain());
        assert_eq!(s.tcb.poll_timeout(), None);
        advance!(s, 30 d);
    });
}

/// "This interval … MUST default to no less than two hours"; the probe has SEG.SEQ = SND.NXT-1 and no data.
// RFC 9293 MUST-26, MUST-28, SHLD-12
#[test]
fn an_idle_connection_is_probed_after_two_hours() {
    play(|stage| {
        let mut s = stage.established(&with_keepalive());
        advance!(s, 7_199_999 ms);
        advance!(s, 1 ms, { 1 ms => (seq: 0, ack: 1) });
        send!(s, seq: 1, ack: 1);
        advance!(s, 2 h, { 2 h => (seq: 0, ack: 1) });
        send!(s, seq: 1, ack: 1);
        state!(s, Established);
    });
}

/// "it MUST NOT interpret failure to respond to any specific probe as a dead connection": nine times, 75 s
/// apart, and 75 s after the last it is over.
// RFC 9293 MUST-29
// RFC 1122-10
#[test]
fn only_many_unanswered_probes_end_the_connection() {
    play(|stage| {
        let mut s = stage.established(&with_keepalive());
        advance!(s, 7_874 s, {
            7_200 s => (seq: 0, ack: 1),
            7_275 s => (seq: 0, ack: 1),
            7_350 s => (seq: 0, ack: 1),
            7_425 s => (seq: 0, ack: 1),
            7_500 s => (seq: 0, ack: 1),
            7_575 s => (seq: 0, ack: 1),
            7_650 s => (seq: 0, ack: 1),
            7_725 s => (seq: 0, ack: 1),
            7_800 s => (seq: 0, ack: 1),
        });
        state!(s, Established);
        advance!(s, 1 s, { 1 s => (RST, seq: 1, ack: 1) });
        closed!(s, KeepaliveTimeout);
    });
}

/// An answer to a later probe counts as well as one to the first.
// RFC 9293 MUST-29
#[test]
fn an_answer_to_the_last_probe_saves_the_connection() {
    play(|stage| {
        let mut s = stage.established(&plain_but(|config| config.keepalive = Some(brisk())));
        for _ in 0..3 {
            advance!(s, 15 s, {
                10 s => (seq: 0, ack: 1),
                12 s => (seq: 0, ack: 1),
                14 s => (seq: 0, ack: 1),
            });
            send!(s, seq: 1, ack: 1);
        }
        state!(s, Established);
    });
}

/// One probe could be lost: a count of less than two is two.
// RFC 9293 MUST-29
#[test]
fn at_least_two_probes_are_sent() {
    play(|stage| {
        for count in [0, 1, 2] {
            let keepalive = Keepalive { count, ..brisk() };
            let mut s = stage.established(&plain_but(|config| config.keepalive = Some(keepalive)));
            advance!(s, 13 s, { 10 s => (seq: 0, ack: 1), 12 s => (seq: 0, ack: 1) });
            advance!(s, 1 s, { 1 s => (RST, seq: 1, ack: 1) });
            closed!(s, KeepaliveTimeout);
        }
    });
}

/// "and no data or acknowledgment packets have been received for the connection within an interval".
// RFC 9293 MUST-26, MUST-27
// RFC 1122-8
#[test]
fn whatever_arrives_puts_the_probe_off() {
    play(|stage| {
        let mut s = stage.established(&plain_but(|config| config.keepalive = Some(brisk())));
        advance!(s, 9 s);
        send!(s, seq: 1, ack: 1);
        advance!(s, 9 s);
        send!(s, seq: 1, ack: 1, len: 10);
        advance!(s, 10 s, {
            40 ms => (seq: 1, ack: 11, win: 9_990),
            10 s => (seq: 0, ack: 11, win: 9_990),
        });
        send!(s, seq: 11, ack: 1);
    });
}

/// "Keep-alive packets MUST only be sent when no sent data is outstanding": retransmission asks louder.
// RFC 9293 MUST-26
#[test]
fn no_probe_is_sent_while_data_is_outstanding() {
    play(|stage| {
        let mut s = stage.established(&plain_but(|config| config.keepalive = Some(brisk())));
        call!(s, queue 100);
        expect!(s, PSH, seq: 1, ack: 1, len: 100);
        advance!(s, 60 s, {
            1 s => (PSH, seq: 1, ack: 1, len: 100),
            3 s => (PSH, seq: 1, ack: 1, len: 100),
            7 s => (PSH, seq: 1, ack: 1, len: 100),
            15 s => (PSH, seq: 1, ack: 1, len: 100),
            31 s => (PSH, seq: 1, ack: 1, len: 100),
        });
        send!(s, seq: 1, ack: 101);
        advance!(s, 10 s, { 10 s => (seq: 100, ack: 1) });
        send!(s, seq: 1, ack: 101);
    });
}

/// Queued data behind a closed window is asked for by window probes.
// RFC 9293 MUST-26, MUST-36
#[test]
fn no_probe_is_sent_while_data_is_queued() {
    play(|stage| {
        let mut s = stage.established(&plain_but(|config| config.keepalive = Some(brisk())));
        send!(s, seq: 1, ack: 1, win: 0);
        call!(s, queue 100);
        advance!(s, 30 s, {
            1 s => (seq: 1, ack: 1, len: 1),
            3 s => (seq: 1, ack: 1, len: 1),
            7 s => (seq: 1, ack: 1, len: 1),
            15 s => (seq: 1, ack: 1, len: 1),
        });
    });
}

/// "the application MUST be able to turn them on or off for each TCP connection".
// RFC 9293 MUST-24, MUST-27, MAY-5
#[test]
fn keepalives_can_be_switched() {
    play(|stage| {
        let mut s = stage.established(&plain());
        call!(s, SetKeepalive(Some(brisk())));
        advance!(s, 10 s, { 10 s => (seq: 0, ack: 1) });
        call!(s, SetKeepalive(None));
        assert_eq!(s.tcb.poll_timeout(), None);
        advance!(s, 1 d);
        state!(s, Established);
    });
}

/// The states in which a peer may stay silent for ever: CLOSE-WAIT and FIN-WAIT-2.
// RFC 9293 MUST-26
#[test]
fn half_closed_connections_are_probed() {
    play(|stage| {
        let config = plain_but(|config| config.keepalive = Some(brisk()));
        let mut s = stage.established(&config);
        send!(s, FIN, seq: 1, ack: 1);
        expect!(s, seq: 1, ack: 2, win: 9_999);
        advance!(s, 11 s, { 10 s => (seq: 0, ack: 2, win: 9_999) });
        send!(s, seq: 2, ack: 1);
        state!(s, CloseWait);

        let mut s = stage.established(&config);
        call!(s, Shutdown);
        expect!(s, FIN, seq: 1, ack: 1);
        send!(s, seq: 1, ack: 2);
        state!(s, FinWait2);
        advance!(s, 15 s, { 10 s => (seq: 1, ack: 1), 12 s => (seq: 1, ack: 1), 14 s => (seq: 1, ack: 1) });
        advance!(s, 1 s, { 1 s => (RST, seq: 2, ack: 1) });
        closed!(s, KeepaliveTimeout);
    });
}

/// The other side of it: a peer's probe lies before the window, so it is answered.
// RFC 9293 X-4
// RFC 1122-9
#[test]
fn a_probe_of_the_peer_is_answered() {
    play(|stage| {
        let mut s = stage.established(&plain());
        send!(s, seq: 1, ack: 1, len: 100);
        advance!(s, 40 ms, { 40 ms => (seq: 1, ack: 101, win: 9_900) });
        refuse!(s, BelowWindow, seq: 100, ack: 1);
        expect!(s, seq: 1, ack: 101, win: 9_900);
        refuse!(s, BelowWindow, seq: 100, ack: 1, len: 1); // with a garbage octet
        expect!(s, seq: 1, ack: 101, win: 9_900);
    });
}

/// There is nothing to keep alive before the handshake is done.
#[test]
fn a_listener_and_a_handshake_are_not_probed() {
    play(|stage| {
        let config = plain_but(|config| config.keepalive = Some(brisk()));
        let s = stage.listen(&config);
        assert_eq!(s.tcb.poll_timeout(), None);
        let mut s = stage.connect(&config);
        advance!(s, 12 s, {
            0 s => (SYN, seq: 0, mss: 1_000),
            1 s => (SYN, seq: 0, mss: 1_000),
            3 s => (SYN, seq: 0, mss: 1_000),
            7 s => (SYN, seq: 0, mss: 1_000),
        });
        send!(s, SYN, seq: 0, ack: 1, mss: 1_000);
        expect!(s, seq: 1, ack: 1);
        advance!(s, 10 s, { 10 s => (seq: 0, ack: 1) });
    });
}

/// A probe that became due while nobody polled is not sent beside data that was queued meanwhile.
// RFC 9293 MUST-26
#[test]
fn a_probe_that_was_not_polled_gives_way_to_data() {
    play(|stage| {
        let mut s = stage.established(&plain_but(|config| config.keepalive = Some(brisk())));
        let due = s.tcb.poll_timeout().expect("a probe is due");
        s.tcb.on_timeout(due);
        call!(s, queue 10);
        expect!(s, PSH, seq: 1, ack: 1, len: 10);
        expect_none!(s);
        send!(s, seq: 1, ack: 11);
    });
}

/// What was urgent and has been acknowledged is urgent no more, and no probe says so again.
// RFC 9293 MUST-62
#[test]
fn a_probe_after_urgent_data_carries_no_urgent_pointer() {
    play(|stage| {
        let mut s = stage.established(&plain_but(|config| config.keepalive = Some(brisk())));
        call!(s, queue 10, urgent);
        expect!(s, PSH, seq: 1, ack: 1, len: 10, urg: 10);
        send!(s, seq: 1, ack: 11);
        advance!(s, 10 s, { 10 s => (seq: 10, ack: 1) });
    });
}
