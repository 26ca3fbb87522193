//! Opening a connection: RFC 9293 §3.5, §3.10.1, §3.10.7.2, §3.10.7.3 and what SYN-RECEIVED adds.

use tcpstate::State;
use tcpstate::tcp::{CommandError, DropReason};

use super::script::{plain, play};

/// §3.5, Figure 6, from the side that calls.
// RFC 9293 X-3
#[test]
fn an_active_open_is_syn_then_ack_of_the_syn_ack() {
    play(|stage| {
        let mut s = stage.connect(&plain());
        expect!(s, SYN, seq: 0, mss: 1_000);
        expect_none!(s);
        state!(s, SynSent);
        send!(s, SYN, seq: 0, ack: 1, mss: 1_000);
        state!(s, Established);
        assert!(s.notices().connected);
        expect!(s, seq: 1, ack: 1);
        assert!(!s.tcb.is_passive());
        assert_eq!((s.tcb.iss(), s.tcb.irs()), (s.ours(0), s.theirs(0)));
    });
}

/// §3.5, Figure 6, from the side that is called.
// RFC 9293 X-2, MUST-11
#[test]
fn a_passive_open_answers_a_syn_and_waits_for_its_ack() {
    play(|stage| {
        let mut s = stage.listen(&plain());
        expect_none!(s);
        assert_eq!(s.tcb.poll_timeout(), None);
        send!(s, SYN, seq: 0, mss: 1_000);
        state!(s, SynReceived);
        assert!(!s.notices().connected);
        expect!(s, SYN, seq: 0, ack: 1, mss: 1_000);
        send!(s, seq: 1, ack: 1);
        state!(s, Established);
        assert!(s.notices().connected);
        assert!(s.tcb.is_passive());
        expect_none!(s);
    });
}

/// §3.10.7.4, fifth check: the segment that ends the handshake may carry data, which counts.
#[test]
fn the_ack_of_our_syn_may_carry_data() {
    play(|stage| {
        let mut s = stage.listen(&plain());
        send!(s, SYN, seq: 0, mss: 1_000);
        expect!(s, SYN, seq: 0, ack: 1, mss: 1_000);
        send!(s, PSH, seq: 1, ack: 1, len: 100);
        state!(s, Established);
        assert_eq!(s.stored(), Some((0, 0, 100)));
        assert_eq!(s.tcb.readable_to(), 100);
        advance!(s, 40 ms, { 40 ms => (seq: 1, ack: 101, win: 9_900) });
    });
}

/// §3.5, Figure 8: SYN crosses SYN, and each side answers with SYN,ACK.
// RFC 9293 MUST-10, X-3
#[test]
fn syns_that_cross_open_the_connection() {
    play(|stage| {
        let mut s = stage.connect(&plain());
        expect!(s, SYN, seq: 0, mss: 1_000);
        send!(s, SYN, seq: 0, mss: 1_000);
        state!(s, SynReceived);
        expect!(s, SYN, seq: 0, ack: 1, mss: 1_000);
        send!(s, SYN, seq: 0, ack: 1, mss: 1_000);
        state!(s, Established);
        assert!(s.notices().connected);
        expect_none!(s);
    });
}

/// §3.5, Figure 8: a peer that has our SYN,ACK already may answer with a bare ACK.
// RFC 9293 MUST-10
#[test]
fn a_simultaneous_open_also_ends_with_a_bare_ack() {
    play(|stage| {
        let mut s = stage.connect(&plain());
        expect!(s, SYN, seq: 0, mss: 1_000);
        send!(s, SYN, seq: 0, mss: 1_000);
        expect!(s, SYN, seq: 0, ack: 1, mss: 1_000);
        send!(s, seq: 1, ack: 1);
        state!(s, Established);
        assert!(!s.tcb.is_passive());
    });
}

/// §3.10.2: "Queue the data for transmission after entering ESTABLISHED state"; §3.10.7.3: the ACK of the
/// peer's SYN rides on it.
// RFC 9293 MUST-58
#[test]
fn data_queued_in_syn_sent_goes_out_with_the_ack_of_the_syn_ack() {
    play(|stage| {
        let mut s = stage.connect(&plain());
        call!(s, queue 500);
        expect!(s, SYN, seq: 0, mss: 1_000);
        call!(s, queue 200);
        expect_none!(s);
        send!(s, SYN, seq: 0, ack: 1, mss: 1_000);
        expect!(s, PSH, seq: 1, ack: 1, len: 700);
        expect_none!(s);
    });
}

/// §3.10.2: the same in SYN-RECEIVED.
#[test]
fn data_queued_in_syn_received_waits_for_the_ack_of_our_syn() {
    play(|stage| {
        let mut s = stage.listen(&plain());
        send!(s, SYN, seq: 0, mss: 1_000);
        expect!(s, SYN, seq: 0, ack: 1, mss: 1_000);
        call!(s, queue 300);
        expect_none!(s);
        send!(s, seq: 1, ack: 1);
        expect!(s, PSH, seq: 1, ack: 1, len: 300);
    });
}

/// §3.10.7.2, third: "any other control or text should be queued for processing later".
// RFC 1122-14
#[test]
fn data_on_a_syn_is_kept_until_the_connection_is_open() {
    play(|stage| {
        let mut s = stage.listen(&plain());
        send!(s, SYN, seq: 0, len: 100, mss: 1_000);
        state!(s, SynReceived);
        assert_eq!(s.stored(), Some((0, 0, 100)));
        assert_eq!(s.tcb.readable_to(), 0);
        assert!(!s.notices().readable);
        let answer = s.poll().expect("a SYN,ACK");
        assert!(
            answer == seg!(SYN, seq: 0, ack: 1, win: 10_000, mss: 1_000)
                || answer == seg!(SYN, seq: 0, ack: 101, win: 9_900, mss: 1_000),
            "{answer:?}"
        );
        send!(s, seq: 101, ack: 1);
        state!(s, Established);
        assert_eq!(s.tcb.readable_to(), 100);
        assert!(s.notices().readable);
        let _ack_of_the_data = s.burst();
        assert_eq!(s.tcb.rcv_nxt(), s.theirs(101));
    });
}

/// §3.10.7.2, third, and §3.10.7.4, eighth check.
// RFC 1122-14
#[test]
fn a_fin_on_a_syn_counts_when_the_connection_is_open() {
    play(|stage| {
        let mut s = stage.listen(&plain());
        send!(s, SYN, FIN, seq: 0, len: 100, mss: 1_000);
        state!(s, SynReceived);
        let _syn_ack = s.burst();
        send!(s, seq: 102, ack: 1);
        state!(s, CloseWait);
        assert!(s.notices().peer_closed);
        assert_eq!(s.tcb.readable_to(), 100);
        assert_eq!(s.tcb.rcv_nxt(), s.theirs(102));
        let _ack = s.burst();
    });
}

/// §3.10.7.3: data may come with the SYN,ACK too, and is there at once.
#[test]
fn data_on_a_syn_ack_is_readable_at_once() {
    play(|stage| {
        let mut s = stage.connect(&plain());
        expect!(s, SYN, seq: 0, mss: 1_000);
        send!(s, SYN, seq: 0, ack: 1, len: 100, mss: 1_000);
        state!(s, Established);
        assert_eq!(s.tcb.readable_to(), 100);
        expect!(s, seq: 1, ack: 101, win: 9_900);
    });
}

/// §3.10.7.3, second check: "If the ACK was acceptable, then signal … connection reset".
// RFC 9293 MUST-12, X-3
#[test]
fn a_reset_that_acknowledges_our_syn_is_a_refusal() {
    play(|stage| {
        let mut s = stage.connect(&plain());
        expect!(s, SYN, seq: 0, mss: 1_000);
        send!(s, RST, seq: 0, ack: 1, win: 0);
        closed!(s, Refused);
    });
}

/// §3.10.7.3, second check: "Otherwise (no ACK), drop the segment".
// RFC 9293 X-3, 5961-14
#[test]
fn a_reset_without_ack_does_nothing_to_syn_sent() {
    play(|stage| {
        let mut s = stage.connect(&plain());
        expect!(s, SYN, seq: 0, mss: 1_000);
        refuse!(s, ResetWithoutAckOfSyn, RST, seq: 0);
        state!(s, SynSent);
        expect_none!(s);
    });
}

/// §3.10.7.3, first check: `SEG.ACK =< ISS or SEG.ACK > SND.NXT` draws `<SEQ=SEG.ACK><CTL=RST>`.
// RFC 9293 X-3
#[test]
fn an_ack_of_something_else_than_our_syn_draws_a_reset() {
    play(|stage| {
        let mut s = stage.connect(&plain());
        expect!(s, SYN, seq: 0, mss: 1_000);
        refuse!(s, AckNotOfOurSyn, seq: 500, ack: 0);
        expect!(s, RST, seq: 0);
        refuse!(s, AckNotOfOurSyn, SYN, seq: 0, ack: 2, mss: 1_000);
        expect!(s, RST, seq: 2);
        refuse!(s, AckNotOfOurSyn, FIN, seq: 7, ack: -5_000, len: 10);
        expect!(s, RST, seq: -5_000);
        state!(s, SynSent);
        // The peer comes to its senses.
        send!(s, SYN, seq: 0, ack: 1, mss: 1_000);
        state!(s, Established);
        expect!(s, seq: 1, ack: 1);
    });
}

/// §3.10.7.3, first check: "unless the RST bit is set".
// RFC 9293 X-3
#[test]
fn a_reset_with_a_bad_ack_is_not_answered() {
    play(|stage| {
        let mut s = stage.connect(&plain());
        expect!(s, SYN, seq: 0, mss: 1_000);
        for ack in [0, 2, -1, 100_000] {
            refuse!(s, AckNotOfOurSyn, RST, seq: 0, ack: ack);
            expect_none!(s);
        }
        state!(s, SynSent);
    });
}

/// §3.10.7.3, fifth check: "if neither of the SYN or RST bits is set, then drop the segment".
// RFC 9293 X-3
#[test]
fn a_bare_ack_of_our_syn_is_not_enough() {
    play(|stage| {
        let mut s = stage.connect(&plain());
        expect!(s, SYN, seq: 0, mss: 1_000);
        refuse!(s, NoSynInSynSent, seq: 1, ack: 1);
        refuse!(s, NoSynInSynSent, seq: 1, len: 10);
        refuse!(s, NoSynInSynSent, FIN, seq: 1);
        state!(s, SynSent);
        expect_none!(s);
    });
}

/// §3.10.7.3: SND.NXT is ISS until the SYN has been sent, so every ACK is unacceptable.
#[test]
fn nothing_can_acknowledge_a_syn_that_was_not_sent() {
    play(|stage| {
        let mut s = stage.connect(&plain());
        s.deliver(&seg!(RST, seq: 0, ack: 1));
        assert_eq!(s.verdict.refused, Some(DropReason::AckNotOfOurSyn));
        state!(s, SynSent);
        expect!(s, SYN, seq: 0, mss: 1_000);
    });
}

/// §3.10.7.2, first and second check.
// RFC 9293 X-2
#[test]
fn a_listener_answers_acks_by_resets_and_ignores_resets() {
    play(|stage| {
        let mut s = stage.listen(&plain());
        refuse!(s, ResetInListen, RST, seq: 0);
        refuse!(s, ResetInListen, RST, seq: 0, ack: 1);
        expect_none!(s);
        refuse!(s, AckInListen, seq: 5, ack: 77);
        expect!(s, RST, seq: 77);
        refuse!(s, AckInListen, SYN, seq: 0, ack: 1, mss: 1_000);
        expect!(s, RST, seq: 1);
        refuse!(s, NothingForListen, FIN, seq: 0, len: 10);
        refuse!(s, NothingForListen, seq: 0);
        expect_none!(s);
        state!(s, Listen);
    });
}

/// §3.10.7.4, second check, SYN-RECEIVED: "return this connection to LISTEN state … The user need not be
/// informed"; the next peer, with other numbers, is served.
// RFC 9293 X-7, MUST-11
#[test]
fn a_reset_in_syn_received_after_a_passive_open_goes_back_to_listen() {
    play(|stage| {
        let mut s = stage.listen(&plain());
        send!(s, SYN, seq: 0, mss: 1_000);
        expect!(s, SYN, seq: 0, ack: 1, mss: 1_000);
        send!(s, RST, seq: 1);
        state!(s, Listen);
        let told = s.notices();
        assert!(told.closed.is_none() && !told.connected);
        assert_eq!(s.tcb.close_reason(), None);
        assert_eq!(s.tcb.poll_timeout(), None);
        expect_none!(s);

        s.tcb.prepare(stage.secrets());
        send!(s, SYN, seq: 500_000, mss: 1_000);
        expect!(s, SYN, seq: 0, ack: 500_001, mss: 1_000);
        send!(s, seq: 500_001, ack: 1);
        state!(s, Established);
    });
}

/// §3.10.7.4, second check, SYN-RECEIVED: from SYN-SENT "the connection was refused".
// RFC 9293 X-7, MUST-11
#[test]
fn a_reset_in_syn_received_after_an_active_open_is_a_refusal() {
    play(|stage| {
        let mut s = stage.connect(&plain());
        expect!(s, SYN, seq: 0, mss: 1_000);
        send!(s, SYN, seq: 0, mss: 1_000);
        expect!(s, SYN, seq: 0, ack: 1, mss: 1_000);
        send!(s, RST, seq: 1);
        closed!(s, Refused);
    });
}

/// §3.10.7.4, fourth check, SYN-RECEIVED: "If the connection was initiated with a passive OPEN, then return
/// this connection to the LISTEN state and return".
#[test]
fn a_new_syn_in_the_window_sends_a_passive_syn_received_back_to_listen() {
    play(|stage| {
        let mut s = stage.listen(&plain());
        send!(s, SYN, seq: 0, mss: 1_000);
        expect!(s, SYN, seq: 0, ack: 1, mss: 1_000);
        s.deliver_any(&seg!(SYN, seq: 50, mss: 1_000));
        state!(s, Listen);
        expect_none!(s);
    });
}

/// §3.10.7.4, fourth check: after an active open the same SYN is challenged, as in a synchronized state.
// RFC 9293 X-6
#[test]
fn a_new_syn_in_the_window_is_challenged_by_an_active_syn_received() {
    play(|stage| {
        let mut s = stage.connect(&plain());
        expect!(s, SYN, seq: 0, mss: 1_000);
        send!(s, SYN, seq: 0, mss: 1_000);
        expect!(s, SYN, seq: 0, ack: 1, mss: 1_000);
        refuse!(s, SynOnOpenConnection, SYN, seq: 50, mss: 1_000);
        expect!(s, seq: 1, ack: 1);
        state!(s, SynReceived);
    });
}

/// §3.10.7.4, fifth check, SYN-RECEIVED: an unacceptable acknowledgment draws `<SEQ=SEG.ACK><CTL=RST>`, and
/// the attempt goes on.
// RFC 9293 X-8
#[test]
fn an_unacceptable_ack_in_syn_received_draws_a_reset() {
    play(|stage| {
        let mut s = stage.listen(&plain());
        send!(s, SYN, seq: 0, mss: 1_000);
        expect!(s, SYN, seq: 0, ack: 1, mss: 1_000);
        refuse!(s, AckNotOfSynAck, seq: 1, ack: 2);
        expect!(s, RST, seq: 2);
        refuse!(s, AckNotOfSynAck, seq: 1, ack: 0, len: 10);
        expect!(s, RST, seq: 0);
        state!(s, SynReceived);
        send!(s, seq: 1, ack: 1);
        state!(s, Established);
    });
}

/// §3.10.7.4, first check: the peer's SYN again means that our SYN,ACK was lost.
#[test]
fn a_repeated_syn_is_answered_by_the_syn_ack_again() {
    play(|stage| {
        let mut s = stage.listen(&plain());
        send!(s, SYN, seq: 0, mss: 1_000);
        expect!(s, SYN, seq: 0, ack: 1, mss: 1_000);
        advance!(s, 300 ms);
        refuse!(s, BelowWindow, SYN, seq: 0, mss: 1_000);
        expect!(s, SYN, seq: 0, ack: 1, mss: 1_000);
        expect_none!(s);
        state!(s, SynReceived);
    });
}

/// §3.10.4: "LISTEN STATE: … Delete TCB, enter CLOSED state"; SYN-SENT likewise. Nothing is sent.
// RFC 9293 X-11
#[test]
fn closing_before_there_is_a_connection_deletes_it() {
    play(|stage| {
        let mut s = stage.listen(&plain());
        call!(s, Close);
        closed!(s, Deleted);

        let mut s = stage.connect(&plain());
        call!(s, Shutdown);
        closed!(s, Deleted);

        let mut s = stage.connect(&plain());
        call!(s, queue 100);
        expect!(s, SYN, seq: 0, mss: 1_000);
        call!(s, Close);
        closed!(s, Deleted);
        call!(s, Close => CommandError::Closed);
    });
}

/// §3.10.4, SYN-RECEIVED: "If no SENDs have been issued … then form a FIN segment and send it".
// RFC 9293 X-11
#[test]
fn closing_in_syn_received_sends_the_fin() {
    play(|stage| {
        let mut s = stage.listen(&plain());
        send!(s, SYN, seq: 0, mss: 1_000);
        expect!(s, SYN, seq: 0, ack: 1, mss: 1_000);
        call!(s, Shutdown);
        expect!(s, FIN, seq: 1, ack: 1);
        state!(s, FinWait1);
        send!(s, seq: 1, ack: 2);
        state!(s, FinWait2);
    });
}

/// The same when the SYN,ACK was lost: it is sent again first, for the FIN means nothing to a peer in SYN-SENT.
// RFC 9293 X-11, MUST-22
#[test]
fn a_fin_sent_in_syn_received_follows_the_syn_ack_again() {
    play(|stage| {
        let mut s = stage.listen(&plain());
        send!(s, SYN, seq: 0, mss: 1_000);
        expect!(s, SYN, seq: 0, ack: 1, mss: 1_000);
        call!(s, Shutdown);
        expect!(s, FIN, seq: 1, ack: 1);
        advance!(s, 1 s, { 1 s => (SYN, seq: 0, ack: 1, mss: 1_000) });
        send!(s, seq: 1, ack: 1);
        state!(s, FinWait1);
        expect!(s, FIN, seq: 1, ack: 1);
        send!(s, seq: 1, ack: 2);
        state!(s, FinWait2);
    });
}

/// Who closed in SYN-RECEIVED has not heard from the peer yet that it knows our SYN: what does not acknowledge it, data
/// or FIN, is another connection's, and is asked about (RFC 5961 §5.2).
// RFC 9293 X-11
#[test]
fn after_a_close_in_syn_received_nothing_counts_that_does_not_acknowledge_the_syn() {
    play(|stage| {
        let mut s = stage.connect(&plain());
        expect!(s, SYN, seq: 0, mss: 1_000);
        send!(s, SYN, seq: 0, len: 5, mss: 1_000);
        expect!(s, SYN, seq: 0, ack: 1, mss: 1_000);
        call!(s, Shutdown);
        expect!(s, FIN, seq: 1, ack: 1);
        state!(s, FinWait1);
        refuse!(s, AckTooOld, FIN, seq: 1, ack: 0);
        expect!(s, seq: 2, ack: 1);
        state!(s, FinWait1);
        refuse!(s, AckTooOld, seq: 1, ack: 0, len: 10);
        expect!(s, seq: 2, ack: 1);
        assert!(s.tcb.out_of_order().eq(Some(0..5)), "what came with the SYN still waits");
        send!(s, FIN, seq: 6, ack: 2);
        expect!(s, seq: 2, ack: 7, win: 9_994);
        state!(s, TimeWait);
    });
}

/// §3.10.4, SYN-RECEIVED: "otherwise, queue for processing after entering ESTABLISHED state".
// RFC 9293 X-11
#[test]
fn closing_in_syn_received_waits_for_queued_data() {
    play(|stage| {
        let mut s = stage.listen(&plain());
        send!(s, SYN, seq: 0, mss: 1_000);
        expect!(s, SYN, seq: 0, ack: 1, mss: 1_000);
        call!(s, queue 100);
        call!(s, Shutdown);
        expect_none!(s);
        state!(s, SynReceived);
        send!(s, seq: 1, ack: 1);
        expect!(s, FIN, PSH, seq: 1, ack: 1, len: 100);
        state!(s, FinWait1);
    });
}

/// §3.10.1: an OPEN call may make a passive connection active; in every other state but CLOSED it is an error.
#[test]
fn open_turns_a_listener_active_and_is_an_error_elsewhere() {
    play(|stage| {
        let mut s = stage.listen(&plain());
        call!(s, Open);
        state!(s, SynSent);
        expect!(s, SYN, seq: 0, mss: 1_000);
        call!(s, Open => CommandError::AlreadyOpen(State::SynSent));
        send!(s, SYN, seq: 0, ack: 1, mss: 1_000);
        expect!(s, seq: 1, ack: 1);
        call!(s, Open => CommandError::AlreadyOpen(State::Established));
        // It is an active open now: a refusal would not have gone back to LISTEN.
        assert!(!s.tcb.is_passive());
    });
}

/// §3.10.2, LISTEN: a SEND opens actively, and the data follows the handshake.
#[test]
fn send_on_a_listener_opens_actively() {
    play(|stage| {
        let mut s = stage.listen(&plain());
        call!(s, queue 100);
        state!(s, SynSent);
        assert!(!s.tcb.is_passive());
        expect!(s, SYN, seq: 0, mss: 1_000);
        send!(s, SYN, seq: 0, ack: 1, mss: 1_000);
        expect!(s, PSH, seq: 1, ack: 1, len: 100);
    });
}

/// §3.4.1: as long as no peer is known, the numbers for the next one may be chosen again.
#[test]
fn a_listener_may_be_prepared_again_and_again() {
    play(|stage| {
        let mut s = stage.listen(&plain());
        let mut other = stage.secrets();
        other.iss = s.ours(4_000);
        s.tcb.prepare(other);
        s.tcb.prepare(stage.secrets());
        s.tcb.prepare(other);
        send!(s, SYN, seq: 0, mss: 1_000);
        expect!(s, SYN, seq: 4_000, ack: 1, mss: 1_000);
    });
}

/// The window of a SYN begins behind it, even a closed one: a reset stands where the peer expects it.
// RFC 9293 X-12
#[test]
fn a_reset_in_syn_received_counts_our_syn_even_before_a_closed_window() {
    play(|stage| {
        let mut s = stage.listen(&plain());
        send!(s, SYN, seq: 0, mss: 1_000, win: 0);
        expect!(s, SYN, seq: 0, ack: 1, mss: 1_000);
        call!(s, Abort);
        expect!(s, RST, seq: 1, ack: 1);
        closed!(s, Aborted);
    });
}

/// §3.10.4 lets a user close before the handshake is done; the SYN,ACK of the peer still ends it.
// RFC 9293 MUST-10, X-11
#[test]
fn a_simultaneous_open_is_completed_after_an_early_close() {
    play(|stage| {
        let mut s = stage.connect(&plain());
        expect!(s, SYN, seq: 0, mss: 1_000);
        send!(s, SYN, seq: 0, mss: 1_000);
        expect!(s, SYN, seq: 0, ack: 1, mss: 1_000);
        call!(s, Shutdown);
        expect!(s, FIN, seq: 1, ack: 1);
        state!(s, FinWait1);
        send!(s, SYN, seq: 0, ack: 1, mss: 1_000);
        assert_eq!(s.tcb.snd_una(), s.ours(1));
        send!(s, seq: 1, ack: 2);
        state!(s, FinWait2);
    });
}
