//! Ends that lose data: ABORT (RFC 9293 §3.10.5), CLOSE with data that nobody will read (§3.6.1).

use tcpstate::State;
use tcpstate::tcp::{CommandError, TcpConfig};

use super::script::{Script, Stage, plain, plain_but, play};

/// §3.10.5: ABORT sends `<SEQ=SND.NXT><CTL=RST>` in SYN-RECEIVED, ESTABLISHED, FIN-WAIT-1, FIN-WAIT-2 and
/// CLOSE-WAIT, and nothing elsewhere.
// RFC 9293 X-12, MUST-12
#[test]
fn abort_resets_the_peer_where_it_has_a_connection() {
    play(|stage| {
        for (state, reset) in [
            (State::Listen, None),
            (State::SynSent, None),
            (State::SynReceived, Some(seg!(RST, seq: 1, ack: 1))),
            (State::Established, Some(seg!(RST, seq: 1, ack: 1))),
            (State::FinWait1, Some(seg!(RST, seq: 2, ack: 1))),
            (State::FinWait2, Some(seg!(RST, seq: 2, ack: 1))),
            (State::CloseWait, Some(seg!(RST, seq: 1, ack: 2))),
            (State::Closing, None),
            (State::LastAck, None),
            (State::TimeWait, None),
        ] {
            let mut s = in_state(stage, state);
            call!(s, Abort);
            if let Some(reset) = &reset {
                s.expect(reset);
            }
            closed!(s, Aborted);
            call!(s, Abort => CommandError::Closed);
        }
    });
}

/// A connection in this state, with both streams empty.
fn in_state(stage: Stage, state: State) -> Script {
    match state {
        State::Listen => return stage.listen(&plain()),
        State::SynSent => {
            let mut s = stage.connect(&plain());
            expect!(s, SYN, seq: 0, mss: 1_000);
            return s;
        }
        State::SynReceived => {
            let mut s = stage.listen(&plain());
            send!(s, SYN, seq: 0, mss: 1_000);
            expect!(s, SYN, seq: 0, ack: 1, mss: 1_000);
            return s;
        }
        _ => {}
    }
    let mut s = stage.established(&plain());
    if matches!(state, State::CloseWait | State::LastAck) {
        send!(s, FIN, seq: 1, ack: 1);
        let _ack = s.burst();
    }
    if state.has_sent_fin() {
        call!(s, Shutdown);
        assert_eq!(s.burst().len(), 1);
    }
    if matches!(state, State::FinWait2 | State::TimeWait) {
        send!(s, seq: 1, ack: 2);
    }
    if matches!(state, State::Closing | State::TimeWait) {
        send!(s, FIN, seq: 1, ack: 2 - i64::from(state == State::Closing));
        let _ack = s.burst();
    }
    assert_eq!(s.tcb.state(), state);
    s
}

/// §3.10.5: "all segments queued for transmission … or retransmission should be flushed". SND.NXT is what
/// the peer may have seen, not what was queued.
// RFC 9293 X-12
#[test]
fn abort_flushes_what_is_queued_and_what_is_in_flight() {
    play(|stage| {
        let mut s = stage.established(&plain());
        call!(s, queue 12_500);
        assert_eq!(s.burst().len(), 10);
        send!(s, seq: 1, ack: 1, len: 10);
        call!(s, Abort);
        expect!(s, RST, seq: 10_001, ack: 11);
        closed!(s, Aborted);
    });
}

/// The same after a retransmission timeout has pulled SND.NXT back: the peer may have seen more.
#[test]
fn a_reset_has_the_highest_number_that_was_sent() {
    play(|stage| {
        let mut s = stage.established(&plain());
        call!(s, queue 3_000);
        assert_eq!(s.burst().len(), 3);
        advance!(s, 1 s, { 1 s => (seq: 1, ack: 1, len: 1_000) });
        call!(s, Abort);
        expect!(s, RST, seq: 3_001, ack: 1);
        closed!(s, Aborted);
    });
}

/// RFC 7323 §3.2: where timestamps are used a reset may carry them.
// RFC 7323-15
#[test]
fn a_reset_of_ours_carries_timestamps_where_they_are_used() {
    play(|stage| {
        let mut s = stage.established(&plain_but(|config| config.timestamps = true));
        advance!(s, 30 ms);
        call!(s, Abort);
        expect!(s, RST, seq: 1, ack: 1, ts: (30, 0));
    });
}

/// §3.6.1: "If … a TCP connection is closed while received data is still pending … its TCP SHOULD send a RST
/// to show that data was lost."
// RFC 9293 SHLD-3, MAY-1
#[test]
fn a_close_with_unread_data_is_a_reset() {
    play(|stage| {
        let mut s = stage.established(&plain());
        send!(s, seq: 1, ack: 1, len: 100);
        call!(s, Close);
        expect!(s, RST, seq: 1, ack: 101);
        closed!(s, Discarded);
    });
}

/// Octets that wait for a gap to be filled are lost as well.
// RFC 9293 SHLD-3
#[test]
fn a_close_with_data_out_of_order_is_a_reset() {
    play(|stage| {
        let mut s = stage.established(&plain());
        send!(s, seq: 101, ack: 1, len: 100);
        expect!(s, seq: 1, ack: 1);
        call!(s, Close);
        expect!(s, RST, seq: 1, ack: 1);
        closed!(s, Discarded);
    });
}

/// What has been read is not lost; one unread octet is.
// RFC 9293 SHLD-3
#[test]
fn a_close_after_all_was_read_is_a_fin() {
    play(|stage| {
        let mut s = stage.established(&plain());
        send!(s, seq: 1, ack: 1, len: 100);
        call!(s, consumed 100);
        call!(s, Close);
        expect!(s, FIN, seq: 1, ack: 101, win: 9_900);
        state!(s, FinWait1);

        let mut s = stage.established(&plain());
        send!(s, seq: 1, ack: 1, len: 100);
        call!(s, consumed 99);
        call!(s, Close);
        expect!(s, RST, seq: 1, ack: 101);
        closed!(s, Discarded);
    });
}

/// The peer's FIN does not make its data less lost.
// RFC 9293 SHLD-3, 2525-17
#[test]
fn a_close_with_unread_data_in_close_wait_is_a_reset() {
    play(|stage| {
        let mut s = stage.established(&plain());
        send!(s, FIN, seq: 1, ack: 1, len: 100);
        expect!(s, seq: 1, ack: 102, win: 9_899);
        call!(s, Close);
        expect!(s, RST, seq: 1, ack: 102);
        closed!(s, Discarded);
    });
}

/// A half-close keeps reading, so unread data is not lost by it; letting go later loses it.
// RFC 9293 SHLD-3
#[test]
fn a_half_close_with_unread_data_is_a_fin_and_a_close_after_it_a_reset() {
    play(|stage| {
        let mut s = stage.established(&plain());
        send!(s, seq: 1, ack: 1, len: 100);
        call!(s, Shutdown);
        expect!(s, FIN, seq: 1, ack: 101, win: 9_900);
        send!(s, seq: 101, ack: 2);
        state!(s, FinWait2);
        call!(s, Close);
        expect!(s, RST, seq: 2, ack: 101);
        closed!(s, Discarded);
    });
}

/// §3.6.1: "or if new data is received after CLOSE is called, its TCP SHOULD send a RST".
// RFC 9293 SHLD-3
#[test]
fn new_data_after_a_close_is_a_reset() {
    play(|stage| {
        let mut s = stage.established(&plain());
        call!(s, Close);
        expect!(s, FIN, seq: 1, ack: 1);
        refuse!(s, DataAfterClose, seq: 1, ack: 1, len: 100);
        expect!(s, RST, seq: 2, ack: 1);
        closed!(s, Discarded);
    });
}

/// The same in FIN-WAIT-2, and for data that comes out of order.
// RFC 9293 SHLD-3
#[test]
fn new_data_after_a_close_is_a_reset_in_fin_wait_2_and_out_of_order() {
    play(|stage| {
        let mut s = stage.established(&plain());
        call!(s, Close);
        expect!(s, FIN, seq: 1, ack: 1);
        send!(s, seq: 1, ack: 2);
        state!(s, FinWait2);
        refuse!(s, DataAfterClose, seq: 501, ack: 2, len: 100);
        expect!(s, RST, seq: 2, ack: 1);
        closed!(s, Discarded);
    });
}

/// The same before the FIN could be sent: the reset then stands for it.
// RFC 9293 SHLD-3
#[test]
fn new_data_after_a_close_is_a_reset_before_the_fin_was_sent() {
    play(|stage| {
        let mut s = stage.established(&plain());
        call!(s, queue 20_000);
        call!(s, Close);
        assert_eq!(s.burst().len(), 10);
        state!(s, Established);
        refuse!(s, DataAfterClose, seq: 1, ack: 1, len: 1);
        expect!(s, RST, seq: 10_001, ack: 1);
        closed!(s, Discarded);
    });
}

/// A repeated segment with data that had been read before the close brings nothing new.
#[test]
fn repeated_data_after_a_close_is_only_acknowledged() {
    play(|stage| {
        let mut s = stage.established(&plain());
        send!(s, seq: 1, ack: 1, len: 100);
        call!(s, consumed 100);
        call!(s, Close);
        expect!(s, FIN, seq: 1, ack: 101, win: 9_900);
        refuse!(s, BelowWindow, seq: 1, ack: 1, len: 100);
        expect!(s, seq: 2, ack: 101, win: 9_900);
        state!(s, FinWait1);
    });
}

/// A FIN without data is what the user who let go waits for.
#[test]
fn a_fin_without_data_after_a_close_is_an_orderly_end() {
    play(|stage| {
        let mut s = stage.established(&plain());
        call!(s, Close);
        expect!(s, FIN, seq: 1, ack: 1);
        send!(s, FIN, seq: 1, ack: 2);
        state!(s, TimeWait);
        expect!(s, seq: 2, ack: 2, win: 9_999);
    });
}

/// After the end the unread octets of an unharmed stream remain to be read.
#[test]
fn unread_data_survives_the_peers_reset() {
    play(|stage| {
        let mut s = stage.established(&plain());
        send!(s, seq: 1, ack: 1, len: 100);
        also!(s, RST, seq: 101);
        closed!(s, Reset);
        assert_eq!(s.tcb.readable_to(), 100);
        call!(s, consumed 60);
        call!(s, consumed 40);
        assert_eq!(s.tcb.consumed_to(), 100);
    });
}

/// §3.10.3: nobody can have read more than there was.
#[test]
fn more_than_is_readable_cannot_be_consumed() {
    play(|stage| {
        let mut s = stage.established(&TcpConfig::default());
        send!(s, seq: 1, ack: 1, len: 100, ts: (0, 0));
        call!(s, Consumed(101) => CommandError::NotReadable { consumed: 101, readable: 100 });
        call!(s, consumed 100);
        call!(s, Consumed(1) => CommandError::NotReadable { consumed: 1, readable: 0 });
        let _ack = s.burst();
    });
}

/// §3.10.4: who closes in SYN-RECEIVED does not listen any more when the caller is gone.
// RFC 9293
#[test]
fn a_listener_that_was_closed_in_syn_received_does_not_listen_again() {
    play(|stage| {
        let mut s = stage.listen(&plain());
        send!(s, SYN, seq: 0, mss: 1_000);
        expect!(s, SYN, seq: 0, ack: 1, mss: 1_000);
        call!(s, queue 10);
        call!(s, Close);
        send!(s, RST, seq: 1);
        closed!(s, Reset);
    });
}
