//! Closing a connection without loss of data: RFC 9293 §3.6, §3.10.4 and the eighth check of §3.10.7.4.
//!
//! The octet of a FIN takes no room in a buffer, but as long as the window may not grow by a whole segment its
//! right edge stays where it was (§3.8.6.2.2): the ACK of a FIN shows a window that is one smaller.

use tcpstate::tcp::CommandError;
use tcpstate::{Event, State};

use super::script::{plain, plain_but, play};

/// §3.6, Figure 12, from the side that closes first.
// RFC 9293, MUST-13
#[test]
fn a_close_by_us_goes_through_fin_wait_and_time_wait() {
    play(|stage| {
        let mut s = stage.established(&plain());
        assert!(!s.tcb.has_shut_down());
        call!(s, Close);
        state!(s, Established); // until the network is told
        assert!(s.tcb.has_shut_down());
        expect!(s, FIN, seq: 1, ack: 1);
        state!(s, FinWait1);
        send!(s, seq: 1, ack: 2);
        state!(s, FinWait2);
        assert!(s.notices().close_acknowledged);
        expect_none!(s);
        send!(s, FIN, seq: 1, ack: 2);
        state!(s, TimeWait);
        assert!(s.notices().peer_closed);
        expect!(s, seq: 2, ack: 2, win: 9_999);
        advance!(s, 240 s);
        closed!(s, Closed);
    });
}

/// §3.6, Figure 12, from the other side.
// RFC 9293, MUST-12
#[test]
fn a_close_by_the_peer_goes_through_close_wait_and_last_ack() {
    play(|stage| {
        let mut s = stage.established(&plain());
        send!(s, FIN, seq: 1, ack: 1);
        state!(s, CloseWait);
        assert!(s.notices().peer_closed);
        assert!(s.tcb.peer_has_closed());
        expect!(s, seq: 1, ack: 2, win: 9_999);
        call!(s, Close);
        expect!(s, FIN, seq: 1, ack: 2, win: 9_999);
        state!(s, LastAck);
        send!(s, seq: 2, ack: 2);
        closed!(s, Closed);
    });
}

/// §3.6, Figure 13: FINs cross.
// RFC 9293 X-10
#[test]
fn fins_that_cross_go_through_closing() {
    play(|stage| {
        let mut s = stage.established(&plain());
        call!(s, Shutdown);
        expect!(s, FIN, seq: 1, ack: 1);
        send!(s, FIN, seq: 1, ack: 1);
        state!(s, Closing);
        expect!(s, seq: 2, ack: 2, win: 9_999);
        send!(s, seq: 2, ack: 2);
        state!(s, TimeWait);
        advance!(s, 240 s);
        closed!(s, Closed);
    });
}

/// §3.10.7.4, eighth check, FIN-WAIT-1: "If our FIN has been ACKed (perhaps in this segment), then enter
/// TIME-WAIT".
// RFC 9293 X-10
#[test]
fn a_fin_that_acknowledges_ours_goes_straight_to_time_wait() {
    play(|stage| {
        let mut s = stage.established(&plain());
        call!(s, Shutdown);
        expect!(s, FIN, seq: 1, ack: 1);
        s.told();
        send!(s, FIN, seq: 1, ack: 2);
        let (notices, transitions) = s.told();
        assert_eq!(transitions, [(Event::AckOfFin, State::FinWait2), (Event::Fin, State::TimeWait)]);
        assert!(notices.close_acknowledged && notices.peer_closed);
        expect!(s, seq: 2, ack: 2, win: 9_999);
    });
}

/// §3.6: after the peer's FIN we still send (a half-close by the peer).
#[test]
fn data_goes_out_after_the_peers_fin() {
    play(|stage| {
        let mut s = stage.established(&plain());
        send!(s, FIN, seq: 1, ack: 1);
        expect!(s, seq: 1, ack: 2, win: 9_999);
        call!(s, queue 2_000);
        expect!(s, seq: 1, ack: 2, win: 9_999, len: 1_000);
        expect!(s, PSH, seq: 1_001, ack: 2, win: 9_999, len: 1_000);
        send!(s, seq: 2, ack: 2_001);
        assert_eq!(s.tcb.acked_to(), 2_000);
        state!(s, CloseWait);
        call!(s, queue 10);
        call!(s, Shutdown);
        expect!(s, FIN, PSH, seq: 2_001, ack: 2, win: 9_999, len: 10);
        state!(s, LastAck);
        send!(s, seq: 2, ack: 2_012);
        closed!(s, Closed);
    });
}

/// §3.9.1.4: "CLOSE means 'I have no more to send' but does not mean 'I will not receive any more'".
#[test]
fn data_arrives_after_our_fin() {
    play(|stage| {
        let mut s = stage.established(&plain());
        call!(s, Shutdown);
        expect!(s, FIN, seq: 1, ack: 1);
        send!(s, PSH, seq: 1, ack: 1, len: 100); // FIN-WAIT-1
        assert_eq!(s.tcb.readable_to(), 100);
        advance!(s, 40 ms, { 40 ms => (seq: 2, ack: 101, win: 9_900) });
        send!(s, seq: 101, ack: 2);
        state!(s, FinWait2);
        send!(s, PSH, seq: 101, ack: 2, len: 100); // FIN-WAIT-2
        assert_eq!(s.tcb.readable_to(), 200);
        call!(s, consumed 150);
        send!(s, FIN, seq: 201, ack: 2, len: 50);
        state!(s, TimeWait);
        assert_eq!(s.tcb.readable_to(), 250);
        expect!(s, seq: 2, ack: 252, win: 9_749);
        call!(s, consumed 100);
    });
}

/// A user who still reads may wait for the peer's FIN as long as it takes; there is no timer.
#[test]
fn fin_wait_2_lasts_as_long_as_the_user_reads() {
    play(|stage| {
        let mut s = stage.established(&plain());
        call!(s, Shutdown);
        expect!(s, FIN, seq: 1, ack: 1);
        send!(s, seq: 1, ack: 2);
        state!(s, FinWait2);
        assert_eq!(s.tcb.poll_timeout(), None);
        advance!(s, 30 d);
        state!(s, FinWait2);
    });
}

/// Once the user has let go nobody waits for that FIN: the connection ends after `fin_wait_2`.
#[test]
fn fin_wait_2_ends_after_a_time_once_the_user_has_let_go() {
    play(|stage| {
        let mut s = stage.established(&plain());
        call!(s, Close);
        expect!(s, FIN, seq: 1, ack: 1);
        advance!(s, 500 ms);
        send!(s, seq: 1, ack: 2);
        advance!(s, 59_999 ms);
        state!(s, FinWait2);
        advance!(s, 1 ms);
        closed!(s, FinWait2Timeout);
    });
}

/// The same time counts from the moment at which the user lets go.
#[test]
fn letting_go_in_fin_wait_2_starts_its_timeout() {
    play(|stage| {
        let mut s = stage.established(&plain_but(|config| config.fin_wait_2 = span!(10 s)));
        call!(s, Shutdown);
        expect!(s, FIN, seq: 1, ack: 1);
        send!(s, seq: 1, ack: 2);
        advance!(s, 1 h);
        call!(s, Close);
        expect_none!(s); // no second FIN
        advance!(s, 9_999 ms);
        state!(s, FinWait2);
        advance!(s, 1 ms);
        closed!(s, FinWait2Timeout);
    });
}

/// §3.10.4, ESTABLISHED: "Queue this until all preceding SENDs have been segmentized". The FIN rides on the
/// last of them.
// RFC 9293 X-11
#[test]
fn the_fin_waits_behind_queued_data_and_rides_on_the_last_segment() {
    play(|stage| {
        let mut s = stage.established(&plain_but(|config| config.nagle = false));
        call!(s, queue 2_500);
        call!(s, Shutdown);
        expect!(s, seq: 1, ack: 1, len: 1_000);
        expect!(s, seq: 1_001, ack: 1, len: 1_000);
        state!(s, Established);
        expect!(s, FIN, PSH, seq: 2_001, ack: 1, len: 500);
        state!(s, FinWait1);
        send!(s, seq: 1, ack: 2_501);
        state!(s, FinWait1);
        assert_eq!(s.tcb.acked_to(), 2_500);
        assert!(!s.notices().close_acknowledged);
        send!(s, seq: 1, ack: 2_502);
        state!(s, FinWait2);
        assert_eq!(s.tcb.acked_to(), 2_500); // a FIN is no octet of the stream
        assert!(s.notices().close_acknowledged);
    });
}

/// §3.8: "The CLOSE user call implies a push function": nothing can come any more that Nagle could wait for.
// RFC 9293 X-11
#[test]
fn a_close_does_not_wait_for_nagle() {
    play(|stage| {
        let mut s = stage.established(&plain());
        call!(s, queue 1_500);
        expect!(s, seq: 1, ack: 1, len: 1_000);
        expect_none!(s);
        call!(s, Shutdown);
        expect!(s, FIN, PSH, seq: 1_001, ack: 1, len: 500);
    });
}

/// The same behind a congestion window: the state says what the network has been told.
#[test]
fn the_state_stays_until_the_fin_can_be_sent() {
    play(|stage| {
        let mut s = stage.established(&plain());
        call!(s, queue 12_000);
        call!(s, Shutdown);
        assert_eq!(s.burst().len(), 10);
        state!(s, Established);
        assert!(s.tcb.has_shut_down());
        call!(s, Queue(tcpstate::tcp::Queue::default()) => CommandError::Closing);
        send!(s, seq: 1, ack: 1_001);
        expect!(s, seq: 10_001, ack: 1, len: 1_000);
        expect!(s, FIN, PSH, seq: 11_001, ack: 1, len: 1_000);
        state!(s, FinWait1);
    });
}

/// §3.10.2 and §3.10.4 in the states after a CLOSE: "connection closing"; a CLOSE after a half-close is
/// different: the user lets go of reading.
// RFC 9293 X-11
#[test]
fn nothing_can_be_queued_after_a_close() {
    play(|stage| {
        let queue = tcpstate::tcp::Queue { len: 1, ..Default::default() };
        let mut s = stage.established(&plain());
        call!(s, Shutdown);
        call!(s, Queue(queue) => CommandError::Closing);
        call!(s, Shutdown => CommandError::Closing);
        expect!(s, FIN, seq: 1, ack: 1);
        call!(s, Queue(queue) => CommandError::Closing);
        call!(s, Shutdown => CommandError::Closing);
        send!(s, FIN, seq: 1, ack: 1);
        expect!(s, seq: 2, ack: 2, win: 9_999);
        state!(s, Closing);
        call!(s, Shutdown => CommandError::Closing);
        call!(s, Queue(queue) => CommandError::Closing);
        call!(s, Close);
        expect_none!(s);
        send!(s, seq: 2, ack: 2);
        state!(s, TimeWait);
        call!(s, Shutdown => CommandError::Closing);
        call!(s, Queue(queue) => CommandError::Closing);
        advance!(s, 240 s);
        closed!(s, Closed);
        call!(s, Shutdown => CommandError::Closed);
        call!(s, Queue(queue) => CommandError::Closed);
        call!(s, Abort => CommandError::Closed);
        call!(s, Open => CommandError::Closed);
    });
}

/// §3.8.6.1: a FIN behind data behind a closed window waits; the probe carries the first octet alone.
// RFC 9293 MUST-36
#[test]
fn a_fin_behind_a_closed_window_waits_for_it_to_open() {
    play(|stage| {
        let mut s = stage.established(&plain());
        send!(s, seq: 1, ack: 1, win: 0);
        call!(s, queue 100);
        call!(s, Shutdown);
        advance!(s, 1 s, { 1 s => (seq: 1, ack: 1, len: 1) });
        state!(s, Established);
        send!(s, seq: 1, ack: 1, win: 0);
        advance!(s, 1 s);
        send!(s, seq: 1, ack: 1, win: 20_000);
        expect!(s, FIN, PSH, seq: 1, ack: 1, len: 100);
        state!(s, FinWait1);
    });
}

/// A FIN with nothing before it takes a sequence number too: behind a closed window it is the probe.
// RFC 9293 MUST-36
#[test]
fn a_fin_alone_probes_a_closed_window() {
    play(|stage| {
        let mut s = stage.established(&plain());
        send!(s, seq: 1, ack: 1, win: 0);
        call!(s, Shutdown);
        advance!(s, 3 s, { 1 s => (FIN, seq: 1, ack: 1), 3 s => (FIN, seq: 1, ack: 1) });
        state!(s, FinWait1);
        send!(s, seq: 1, ack: 2, win: 0);
        state!(s, FinWait2);
    });
}

/// §3.8.1: a FIN is retransmitted like data, with backoff.
// RFC 9293 MUST-18, MUST-19
// RFC 6298-17
#[test]
fn a_fin_is_retransmitted_until_it_is_acknowledged() {
    play(|stage| {
        let mut s = stage.established(&plain());
        call!(s, Shutdown);
        expect!(s, FIN, seq: 1, ack: 1);
        advance!(s, 10 s, {
            1 s => (FIN, seq: 1, ack: 1),
            3 s => (FIN, seq: 1, ack: 1),
            7 s => (FIN, seq: 1, ack: 1),
        });
        send!(s, seq: 1, ack: 2);
        state!(s, FinWait2);
        assert_eq!(s.tcb.poll_timeout(), None);
    });
}

/// A lost tail is retransmitted whole, with the FIN that rode on it.
#[test]
fn data_and_fin_are_retransmitted_together() {
    play(|stage| {
        let mut s = stage.established(&plain());
        call!(s, queue 100);
        call!(s, Shutdown);
        expect!(s, FIN, PSH, seq: 1, ack: 1, len: 100);
        advance!(s, 1 s, { 1 s => (FIN, PSH, seq: 1, ack: 1, len: 100) });
        send!(s, seq: 1, ack: 101); // the data alone
        state!(s, FinWait1);
        advance!(s, 2 s, { 2 s => (FIN, seq: 101, ack: 1) }); // the RTO is still backed off
        send!(s, seq: 1, ack: 102);
        state!(s, FinWait2);
    });
}

/// §3.10.7.4, seventh and eighth check, and SHLD-31: a FIN before its data is remembered.
// RFC 9293 SHLD-31, X-10
#[test]
fn a_fin_out_of_order_counts_when_the_gap_is_filled() {
    play(|stage| {
        let mut s = stage.established(&plain());
        send!(s, FIN, seq: 101, ack: 1, len: 50);
        state!(s, Established);
        assert!(!s.tcb.peer_has_closed() && !s.notices().peer_closed);
        expect!(s, seq: 1, ack: 1);
        send!(s, seq: 1, ack: 1, len: 100);
        state!(s, CloseWait);
        assert!(s.notices().peer_closed);
        assert_eq!(s.tcb.readable_to(), 150);
        expect!(s, seq: 1, ack: 152, win: 9_849);
    });
}

/// The same for a FIN that comes alone.
// RFC 9293 SHLD-31, X-10
#[test]
fn a_bare_fin_out_of_order_counts_when_the_gap_is_filled() {
    play(|stage| {
        let mut s = stage.established(&plain());
        send!(s, FIN, seq: 101, ack: 1);
        expect!(s, seq: 1, ack: 1);
        send!(s, seq: 1, ack: 1, len: 50);
        let _ack = s.burst();
        state!(s, Established);
        send!(s, seq: 51, ack: 1, len: 50);
        state!(s, CloseWait);
        expect!(s, seq: 1, ack: 102, win: 9_899);
    });
}

/// §3.10.7.4, eighth check, in CLOSE-WAIT: "Remain"; the FIN lies before the window, so it is acknowledged.
// RFC 9293 X-4
#[test]
fn a_repeated_fin_in_close_wait_is_acknowledged_again() {
    play(|stage| {
        let mut s = stage.established(&plain());
        send!(s, FIN, seq: 1, ack: 1);
        expect!(s, seq: 1, ack: 2, win: 9_999);
        s.told();
        refuse!(s, BelowWindow, FIN, seq: 1, ack: 1);
        expect!(s, seq: 1, ack: 2, win: 9_999);
        assert!(!s.notices().peer_closed);
        state!(s, CloseWait);
    });
}

/// §3.10.7.4, seventh check, CLOSE-WAIT and later: "Ignore the segment text".
#[test]
fn data_beyond_the_peers_fin_is_refused() {
    play(|stage| {
        let mut s = stage.established(&plain());
        send!(s, FIN, seq: 1, ack: 1);
        expect!(s, seq: 1, ack: 2, win: 9_999);
        refuse!(s, DataAfterFin, seq: 2, ack: 1, len: 10);
        assert_eq!(s.tcb.readable_to(), 0);
        expect!(s, seq: 1, ack: 2, win: 9_999);
        call!(s, Shutdown);
        expect!(s, FIN, seq: 1, ack: 2, win: 9_999);
        refuse!(s, DataAfterFin, FIN, seq: 2, ack: 1, len: 10);
        expect!(s, seq: 2, ack: 2, win: 9_999);
        state!(s, LastAck);
        // Its acknowledgment counts, as in every segment.
        s.deliver_any(&seg!(seq: 2, ack: 2, len: 10));
        closed!(s, Closed);
    });
}

/// The last octets and the FIN may be acknowledged in one step together with data of the peer.
#[test]
fn the_peer_may_answer_the_fin_with_data() {
    play(|stage| {
        let mut s = stage.established(&plain());
        call!(s, queue 100);
        call!(s, Shutdown);
        expect!(s, FIN, PSH, seq: 1, ack: 1, len: 100);
        send!(s, seq: 1, ack: 102, len: 1_000);
        state!(s, FinWait2);
        assert_eq!((s.tcb.acked_to(), s.tcb.readable_to()), (100, 1_000));
        also!(s, FIN, seq: 1_001, ack: 102);
        state!(s, TimeWait);
        expect!(s, seq: 102, ack: 1_002, win: 8_999);
    });
}

/// A sender that closes before it repeats its last octets puts the FIN behind them, known as they are.
// RFC 9293 SHLD-31, X-10
#[test]
fn a_fin_behind_known_octets_is_remembered() {
    play(|stage| {
        let mut s = stage.established(&plain());
        send!(s, seq: 101, ack: 1, len: 100);
        expect!(s, seq: 1, ack: 1);
        s.deliver(&seg!(FIN, seq: 101, ack: 1, len: 100));
        expect!(s, seq: 1, ack: 1);
        send!(s, seq: 1, ack: 1, len: 100);
        state!(s, CloseWait);
        expect!(s, seq: 1, ack: 202, win: 9_799);
    });
}

/// RFC 5681 §4.2: what is out of order is acknowledged at once, each time.
// RFC 9293 X-10
#[test]
fn a_fin_out_of_order_is_acknowledged_each_time() {
    play(|stage| {
        let mut s = stage.established(&plain());
        for _ in 0..3 {
            s.deliver(&seg!(FIN, seq: 101, ack: 1));
            expect!(s, seq: 1, ack: 1);
        }
        state!(s, Established);
    });
}

/// §3.10.7.4, eighth check: a FIN at RCV.NXT is the end of the stream. What was kept from behind its place is not the
/// peer's, and must not keep the connection open for ever.
// RFC 9293 X-10
#[test]
fn a_fin_in_order_counts_although_octets_behind_it_have_come() {
    play(|stage| {
        let mut s = stage.established(&plain());
        send!(s, seq: 101, ack: 1, len: 10);
        expect!(s, seq: 1, ack: 1);
        send!(s, FIN, seq: 1, ack: 1, len: 50);
        state!(s, CloseWait);
        assert_eq!(s.tcb.readable_to(), 50);
        assert_eq!(s.tcb.out_of_order().len(), 0);
        expect!(s, seq: 1, ack: 52, win: 9_949);
        // The octets that were missing between them do not bring the others back.
        refuse!(s, DataAfterFin, seq: 51, ack: 1, len: 60);
        expect!(s, seq: 1, ack: 52, win: 9_949);
        assert_eq!(s.tcb.readable_to(), 50);
    });
}

/// The same where another FIN has come early, from somebody who has guessed a number in the window.
// RFC 9293 X-10
#[test]
fn a_fin_in_order_counts_although_another_one_has_come_early() {
    play(|stage| {
        let mut s = stage.established(&plain());
        send!(s, FIN, seq: 501, ack: 1);
        state!(s, Established);
        expect!(s, seq: 1, ack: 1);
        send!(s, FIN, seq: 1, ack: 1, len: 50);
        state!(s, CloseWait);
        expect!(s, seq: 1, ack: 52, win: 9_949);
    });
}

/// A FIN that has come early is no reason to refuse octets behind its place: they show that it was none.
// RFC 9293 X-10
#[test]
fn octets_behind_a_fin_that_came_early_are_taken() {
    play(|stage| {
        let mut s = stage.established(&plain());
        send!(s, FIN, seq: 101, ack: 1);
        expect!(s, seq: 1, ack: 1);
        send!(s, seq: 1, ack: 1, len: 200);
        state!(s, Established);
        assert_eq!(s.tcb.readable_to(), 200);
        advance!(s, 40 ms, { 40 ms => (seq: 1, ack: 201, win: 9_800) });
        send!(s, FIN, seq: 201, ack: 1);
        state!(s, CloseWait);
        expect!(s, seq: 1, ack: 202, win: 9_799);
    });
}

/// The same when they come out of order themselves.
// RFC 9293 X-10
#[test]
fn octets_beyond_a_gap_and_an_early_fin_are_kept() {
    play(|stage| {
        let mut s = stage.established(&plain());
        send!(s, FIN, seq: 101, ack: 1);
        expect!(s, seq: 1, ack: 1);
        send!(s, seq: 51, ack: 1, len: 100);
        expect!(s, seq: 1, ack: 1);
        send!(s, seq: 1, ack: 1, len: 50);
        state!(s, Established);
        assert_eq!(s.tcb.readable_to(), 150);
        expect!(s, seq: 1, ack: 151, win: 9_850);
    });
}
