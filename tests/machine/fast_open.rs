//! TCP Fast Open, RFC 7413: octets with the SYN, at both ends.

use tcpstate::tcp::{Cookie, TcpConfig};

use super::script::{plain, plain_but, play};

const COOKIE: &[u8] = b"12345678";

fn fast() -> TcpConfig {
    plain_but(|config| config.fast_open = true)
}

fn cookie(octets: &[u8]) -> Cookie {
    Cookie::new(octets).unwrap()
}

/// §4.2.1: a client with a cookie sends octets with its SYN, and the SYN,ACK acknowledges them.
#[test]
fn octets_go_with_a_syn_that_shows_a_cookie() {
    play(|stage| {
        let mut s = stage.connect(&fast());
        call!(s, SetCookie(cookie(COOKIE)));
        call!(s, queue 200);
        expect!(s, SYN, PSH, seq: 0, len: 200, mss: 1_000, cookie: COOKIE);
        expect_none!(s);
        send!(s, SYN, seq: 0, ack: 201, mss: 1_000);
        state!(s, Established);
        assert_eq!(s.tcb.acked_to(), 200);
        expect!(s, seq: 201, ack: 1);
        expect_none!(s);
        assert_eq!(s.tcb.retransmitted(), 0);
    });
}

/// §4.1.3: without the server's MSS, no more than what every host takes: 536 octets less the options.
#[test]
fn a_syn_carries_no_more_than_every_host_takes() {
    play(|stage| {
        let mut s = stage.connect(&fast());
        call!(s, SetCookie(cookie(COOKIE)));
        call!(s, queue 1_000);
        expect!(s, SYN, seq: 0, len: 496, mss: 1_000, cookie: COOKIE);
        send!(s, SYN, seq: 0, ack: 497, mss: 1_000);
        expect!(s, PSH, seq: 497, ack: 1, len: 504);
    });
}

/// §4.2.1: a server that has not taken the octets acknowledges only the SYN. They go again at once, and the window
/// stays what it is.
#[test]
fn what_the_server_has_not_taken_goes_again_after_the_handshake() {
    play(|stage| {
        let mut s = stage.connect(&fast());
        call!(s, SetCookie(cookie(COOKIE)));
        call!(s, queue 600);
        expect!(s, SYN, seq: 0, len: 496, mss: 1_000, cookie: COOKIE);
        send!(s, SYN, seq: 0, ack: 1, mss: 1_000, cookie: b"abcdefgh");
        state!(s, Established);
        assert_eq!(s.tcb.fast_open_cookie(), Some(cookie(b"abcdefgh")));
        let cwnd = s.tcb.cwnd();
        expect!(s, PSH, seq: 1, ack: 1, len: 600);
        expect_none!(s);
        assert_eq!((s.tcb.cwnd(), s.tcb.in_recovery()), (cwnd, false));
        send!(s, seq: 1, ack: 601);
        assert_eq!(s.tcb.acked_to(), 600);
        expect_none!(s);
    });
}

/// The server may also have taken a part.
#[test]
fn what_the_server_has_taken_in_part_goes_again_from_there() {
    play(|stage| {
        let mut s = stage.connect(&fast());
        call!(s, SetCookie(cookie(COOKIE)));
        call!(s, queue 300);
        expect!(s, SYN, PSH, seq: 0, len: 300, mss: 1_000, cookie: COOKIE);
        send!(s, SYN, seq: 0, ack: 101, mss: 1_000);
        expect!(s, PSH, seq: 101, ack: 1, len: 200);
        expect_none!(s);
    });
}

/// §4.2.1: a SYN that has to be repeated is a plain one, for something on the path may not like the other.
#[test]
fn a_repeated_syn_has_no_cookie_and_no_octets() {
    play(|stage| {
        let mut s = stage.connect(&fast());
        call!(s, SetCookie(cookie(COOKIE)));
        call!(s, queue 100);
        expect!(s, SYN, PSH, seq: 0, len: 100, mss: 1_000, cookie: COOKIE);
        advance!(s, 1 s, { 1 s => (SYN, seq: 0, mss: 1_000) });
        send!(s, SYN, seq: 0, ack: 1, mss: 1_000);
        expect!(s, PSH, seq: 1, ack: 1, len: 100);
        expect_none!(s);
    });
}

/// The first SYN has arrived all the same, and its octets were taken.
#[test]
fn octets_of_a_syn_may_be_acknowledged_after_it_was_repeated() {
    play(|stage| {
        let mut s = stage.connect(&fast());
        call!(s, SetCookie(cookie(COOKIE)));
        call!(s, queue 100);
        expect!(s, SYN, PSH, seq: 0, len: 100, mss: 1_000, cookie: COOKIE);
        advance!(s, 1 s, { 1 s => (SYN, seq: 0, mss: 1_000) });
        send!(s, SYN, seq: 0, ack: 101, mss: 1_000);
        expect!(s, seq: 101, ack: 1);
        expect_none!(s);
        call!(s, queue 50);
        expect!(s, PSH, seq: 101, ack: 1, len: 50);
    });
}

/// §4.1.2: whoever has no cookie asks for one, and keeps what was queued until the handshake is done.
#[test]
fn a_request_for_a_cookie_carries_no_octets() {
    play(|stage| {
        for asks in [true, false] {
            let mut s = stage.connect(&fast());
            let octets: &[u8] = if asks { b"" } else { COOKIE };
            if asks {
                call!(s, SetCookie(Cookie::default()));
            }
            call!(s, queue 100);
            if asks {
                expect!(s, SYN, seq: 0, mss: 1_000, cookie: octets);
            } else {
                expect!(s, SYN, seq: 0, mss: 1_000);
            }
            send!(s, SYN, seq: 0, ack: 1, mss: 1_000, cookie: COOKIE);
            expect!(s, PSH, seq: 1, ack: 1, len: 100);
            // Nobody had asked: it is of no use.
            assert_eq!(s.tcb.fast_open_cookie(), asks.then(|| cookie(COOKIE)));
        }
    });
}

/// Off by default, at both ends.
#[test]
fn octets_wait_for_the_handshake_where_fast_open_is_off() {
    play(|stage| {
        let mut s = stage.connect(&plain());
        call!(s, SetCookie(cookie(COOKIE)));
        call!(s, queue 100);
        expect!(s, SYN, seq: 0, mss: 1_000, cookie: COOKIE);
        send!(s, SYN, seq: 0, ack: 1, mss: 1_000);
        expect!(s, PSH, seq: 1, ack: 1, len: 100);

        let mut s = stage.listen(&plain());
        send!(s, SYN, seq: 0, len: 100, mss: 1_000);
        assert!(!s.tcb.open_early());
        assert_eq!(s.tcb.readable_to(), 0);
        expect!(s, SYN, seq: 0, ack: 1, mss: 1_000);
    });
}

/// §4.2.2: a server whose owner has found the cookie good takes the octets at once, and its SYN,ACK says so.
#[test]
fn a_server_takes_octets_with_the_syn_and_answers_before_the_handshake_is_done() {
    play(|stage| {
        let mut s = stage.listen(&fast());
        send!(s, SYN, PSH, seq: 0, len: 100, mss: 1_000, cookie: COOKIE);
        assert_eq!(s.stored(), Some((0, 0, 100)));
        assert_eq!(s.tcb.readable_to(), 0, "not before the owner says so");
        assert!(s.tcb.open_early());
        assert_eq!(s.tcb.readable_to(), 100);
        call!(s, consumed 100);
        call!(s, queue 2_000);
        expect!(s, SYN, seq: 0, ack: 101, mss: 1_000);
        expect!(s, seq: 1, ack: 101, len: 1_000);
        expect!(s, PSH, seq: 1_001, ack: 101, len: 1_000);
        expect_none!(s);
        state!(s, SynReceived);
        send!(s, seq: 101, ack: 2_001);
        state!(s, Established);
        assert_eq!(s.tcb.acked_to(), 2_000);
        expect_none!(s);
    });
}

/// The acknowledgment of the SYN,ACK alone leaves the answer under way.
#[test]
fn an_early_answer_that_is_not_acknowledged_is_repeated() {
    play(|stage| {
        let mut s = stage.listen(&fast());
        send!(s, SYN, PSH, seq: 0, len: 100, mss: 1_000, cookie: COOKIE);
        assert!(s.tcb.open_early());
        call!(s, queue 500);
        expect!(s, SYN, seq: 0, ack: 101, mss: 1_000, win: 9_900);
        expect!(s, PSH, seq: 1, ack: 101, len: 500, win: 9_900);
        send!(s, seq: 101, ack: 1);
        state!(s, Established);
        expect_none!(s);
        advance!(s, 1 s, { 1 s => (PSH, seq: 1, ack: 101, len: 500, win: 9_900) });
        send!(s, seq: 101, ack: 501);
        expect_none!(s);
    });
}

/// §4.1.2: the SYN,ACK gives a cookie, whether or not octets were taken.
#[test]
fn a_syn_ack_gives_a_cookie() {
    play(|stage| {
        let mut s = stage.listen(&fast());
        send!(s, SYN, seq: 0, mss: 1_000, cookie: b"");
        call!(s, SetCookie(cookie(b"87654321")));
        expect!(s, SYN, seq: 0, ack: 1, mss: 1_000, cookie: b"87654321");
        assert!(!s.tcb.open_early(), "the SYN,ACK has said what was taken");
        send!(s, seq: 1, ack: 1);
        state!(s, Established);
    });
}

/// Whoever has taken octets does not go back to LISTEN: they belong to a connection that is over.
#[test]
fn a_reset_ends_a_connection_that_was_opened_early() {
    play(|stage| {
        let mut s = stage.listen(&fast());
        send!(s, SYN, PSH, seq: 0, len: 100, mss: 1_000, cookie: COOKIE);
        assert!(s.tcb.open_early());
        expect!(s, SYN, seq: 0, ack: 101, mss: 1_000, win: 9_900);
        send!(s, RST, seq: 101);
        closed!(s, Reset);
        assert_eq!(s.tcb.readable_to(), 100);
    });
}

/// RFC 9293 §3.6.1, SHLD-3: the SYN,ACK acknowledges what was taken, so the peer has to hear that nobody will read it.
#[test]
fn a_close_after_an_early_open_resets_the_peer_if_something_was_not_read() {
    play(|stage| {
        let mut s = stage.listen(&fast());
        send!(s, SYN, PSH, seq: 0, len: 100, mss: 1_000, cookie: COOKIE);
        assert!(s.tcb.open_early());
        expect!(s, SYN, seq: 0, ack: 101, mss: 1_000, win: 9_900);
        call!(s, consumed 99);
        call!(s, Close);
        expect!(s, RST, seq: 1, ack: 101);
        closed!(s, Discarded);
    });
    // All was read: a FIN, as after any other CLOSE.
    play(|stage| {
        let mut s = stage.listen(&fast());
        send!(s, SYN, PSH, seq: 0, len: 100, mss: 1_000, cookie: COOKIE);
        assert!(s.tcb.open_early());
        expect!(s, SYN, seq: 0, ack: 101, mss: 1_000, win: 9_900);
        call!(s, consumed 100);
        call!(s, Close);
        expect!(s, FIN, seq: 1, ack: 101, win: 9_900);
        state!(s, FinWait1);
    });
}

/// A SYN that comes again is answered again: the octets are there already.
#[test]
fn a_repeated_syn_is_answered_with_the_same_acknowledgment() {
    play(|stage| {
        let mut s = stage.listen(&fast());
        send!(s, SYN, PSH, seq: 0, len: 100, mss: 1_000, cookie: COOKIE);
        assert!(s.tcb.open_early());
        expect!(s, SYN, seq: 0, ack: 101, mss: 1_000, win: 9_900);
        refuse!(s, BelowWindow, SYN, seq: 0, mss: 1_000);
        expect!(s, SYN, seq: 0, ack: 101, mss: 1_000, win: 9_900);
        expect_none!(s);
    });
}

/// RFC 7413 §4.2.2, RFC 9293 §3.10.7.4: what is read before the SYN,ACK leaves makes room that the SYN,ACK offers, and what
/// is offered is taken, up to the last octet.
#[test]
fn the_window_of_a_syn_ack_begins_behind_the_octets_of_the_syn() {
    play(|stage| {
        let mut s = stage.listen(&fast());
        send!(s, SYN, PSH, seq: 0, len: 100, mss: 1_000, cookie: COOKIE);
        assert!(s.tcb.open_early());
        call!(s, consumed 100);
        expect!(s, SYN, seq: 0, ack: 101, mss: 1_000, win: 10_000);
        send!(s, seq: 10_001, ack: 1, len: 100);
        assert_eq!(s.stored(), Some((10_000, 0, 100)));
        expect!(s, seq: 1, ack: 101, win: 10_000);
        refuse!(s, AboveWindow, seq: 10_101, ack: 1, len: 1);
        expect!(s, seq: 1, ack: 101, win: 10_000);
    });
}

/// RFC 7413 §4.1.3: only a SYN that has not gone yet has room.
#[test]
fn a_syn_has_room_until_it_is_sent() {
    play(|stage| {
        let mut s = stage.connect(&fast());
        assert_eq!(s.tcb.syn_room(), 0, "no cookie");
        call!(s, SetCookie(cookie(COOKIE)));
        assert_eq!(s.tcb.syn_room(), 496);
        call!(s, queue 200);
        s.burst();
        assert_eq!((s.tcb.state(), s.tcb.syn_room()), (tcpstate::State::SynSent, 0));
        send!(s, SYN, seq: 0, ack: 201, mss: 1_000);
        assert_eq!(s.tcb.syn_room(), 0);
        s.burst();
    });
}
