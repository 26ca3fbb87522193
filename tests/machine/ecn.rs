//! Explicit congestion notification: who may mark what (RFC 3168 §6.1.1, §6.1.4 to §6.1.6), and what becomes of a mark
//! (§6.1.3). What becomes of an echo: `ecn_response.rs`.

use tcpstate::tcp::{Ecn, TcpConfig};
use tcpstate::{EcnCodepoint, TcpFlags};

use super::script::{Script, Stage, our_syn, plain, plain_but, play};

pub(super) fn with(ecn: Ecn) -> TcpConfig {
    plain_but(|config| config.ecn = ecn)
}

/// After an active open that asked for ECN, and a peer that agreed.
pub(super) fn agreed(stage: Stage) -> Script {
    let s = stage.answered(&with(Ecn::Request), &seg!(SYN, ECE, seq: 0, ack: 1, mss: 1_000));
    assert!(s.tcb.uses_ecn());
    s
}

/// New data goes out, and is or is not sent as ECN-capable; acknowledged at once.
fn sends(s: &mut Script, from: i64, capable: bool) {
    call!(s, queue 100);
    let seg = seg!(PSH, seq: from, ack: 1, len: 100);
    s.expect(&if capable { seg.ecn(EcnCodepoint::Ect0) } else { seg });
    send!(s, seq: 1, ack: from + 100);
    assert_eq!(s.tcb.uses_ecn(), capable);
}

/// An "ECN-setup SYN" has both bits, and the answer only ECE.
// RFC 9293 SHLD-8
// RFC 3168 §6.1.1
// RFC 3168-1, 3168-8
#[test]
fn who_requests_asks_with_both_bits_and_one_bit_agrees() {
    play(|stage| {
        let mut s = stage.connect(&with(Ecn::Request));
        expect!(s, SYN, ECE, CWR, seq: 0, mss: 1_000);
        send!(s, SYN, ECE, seq: 0, ack: 1, mss: 1_000);
        expect!(s, seq: 1, ack: 1);
        sends(&mut s, 1, true);
    });
}

// RFC 9293 SHLD-8
// RFC 3168 §6.1.1
// RFC 3168-1
#[test]
fn who_is_asked_agrees_unless_ecn_is_off() {
    play(|stage| {
        for (ecn, agrees) in [(Ecn::Off, false), (Ecn::Accept, true), (Ecn::Request, true)] {
            let mut s = stage.listen(&with(ecn));
            send!(s, SYN, ECE, CWR, seq: 0, mss: 1_000);
            let answer = seg!(SYN, seq: 0, ack: 1, mss: 1_000);
            s.expect(&if agrees { answer.flag(TcpFlags::ECE) } else { answer });
            send!(s, seq: 1, ack: 1);
            sends(&mut s, 1, agrees);
        }
    });
}

/// To agree is the default; to ask is not.
// RFC 9293 SHLD-8
// RFC 3168 §6.1.1
// RFC 3168-2
#[test]
fn the_default_is_to_agree() {
    assert_eq!(TcpConfig::default().ecn, Ecn::Accept);
    play(|stage| {
        let mut s = stage.connect(&plain());
        expect!(s, SYN, seq: 0, mss: 1_000);
        s.send(&seg!(SYN, ECE, seq: 0, ack: 1, mss: 1_000)); // agrees to what nobody asked
        expect!(s, seq: 1, ack: 1);
        sends(&mut s, 1, false);
    });
}

/// "Receivers MUST correctly handle all forms of the non-ECN-setup SYN": whatever a SYN says of ECN, AccECN
/// (RFC 9768) or the nonce (RFC 3540), it opens a connection; only both bits together ask for something.
// RFC 9293 SHLD-8
// RFC 3168 §6.1.1
// RFC 3168-3
#[test]
fn no_syn_is_refused_for_its_ecn_bits() {
    let bits = [TcpFlags::ECE, TcpFlags::CWR, TcpFlags::AE];
    play(|stage| {
        for ecn in [Ecn::Off, Ecn::Accept, Ecn::Request] {
            for pattern in 0..8 {
                let mut syn = seg!(SYN, seq: 0, mss: 1_000);
                for (n, bit) in bits.into_iter().enumerate() {
                    syn = if pattern >> n & 1 == 1 { syn.flag(bit) } else { syn };
                }
                let asks = syn.flags.contains(TcpFlags::ECE | TcpFlags::CWR);
                let mut s = stage.listen(&with(ecn));
                s.send(&syn);
                let answer = s.poll().expect("a SYN,ACK");
                let agreed = asks && ecn != Ecn::Off;
                assert_eq!(answer.flags.contains(TcpFlags::ECE), agreed, "{ecn:?} and {syn:?}");
                assert!(!answer.flags.intersects(TcpFlags::CWR | TcpFlags::AE), "{answer:?}");
                send!(s, seq: 1, ack: 1);
                state!(s, Established);
                assert_eq!(s.tcb.uses_ecn(), agreed);
            }
        }
    });
}

/// A SYN,ACK that has both bits was written by somebody who copies bits that he does not know.
// RFC 9293 SHLD-8
// RFC 3168 §6.1.1.2
// RFC 3168-2
#[test]
fn a_syn_ack_with_both_bits_or_none_agrees_to_nothing() {
    play(|stage| {
        for reply in [
            seg!(SYN, seq: 0, ack: 1, mss: 1_000),
            seg!(SYN, ECE, CWR, seq: 0, ack: 1, mss: 1_000),
            seg!(SYN, ECE, CWR, AE, seq: 0, ack: 1, mss: 1_000),
            seg!(SYN, CWR, seq: 0, ack: 1, mss: 1_000),
        ] {
            let mut s = stage.answered(&with(Ecn::Request), &reply);
            sends(&mut s, 1, false);
            send!(s, seq: 1, ack: 101, len: 1_000, ce);
            send!(s, seq: 1_001, ack: 101, len: 1_000);
            expect!(s, seq: 101, ack: 2_001, win: 8_000); // no ECE
        }
    });
}

/// A firewall may have dropped the SYN for its bits. Who has sent one SYN without them marks nothing any more …
// RFC 9293 SHLD-8
// RFC 3168 §6.1.1.1
// RFC 3168-4, 3168-7
#[test]
fn a_repeated_syn_asks_no_more() {
    play(|stage| {
        let mut s = stage.connect(&with(Ecn::Request));
        expect!(s, SYN, ECE, CWR, seq: 0, mss: 1_000);
        advance!(s, 3 s, { 1 s => (SYN, seq: 0, mss: 1_000), 3 s => (SYN, seq: 0, mss: 1_000) });
        send!(s, SYN, seq: 0, ack: 1, mss: 1_000);
        expect!(s, seq: 1, ack: 1);
        sends(&mut s, 1, false);
    });
}

/// … but stands by what the first one has promised, if that was what the peer has answered: marks are echoed.
// RFC 9293 SHLD-8
// RFC 3168 §6.1.1
// RFC 3168-4
#[test]
fn a_late_answer_to_the_first_syn_obliges_to_echo_only() {
    play(|stage| {
        let mut s = stage.connect(&with(Ecn::Request));
        expect!(s, SYN, ECE, CWR, seq: 0, mss: 1_000);
        advance!(s, 1 s, { 1 s => (SYN, seq: 0, mss: 1_000) });
        send!(s, SYN, ECE, seq: 0, ack: 1, mss: 1_000);
        expect!(s, seq: 1, ack: 1);
        sends(&mut s, 1, false);
        send!(s, seq: 1, ack: 101, len: 1_000, ce);
        expect!(s, ECE, seq: 101, ack: 1_001, win: 9_000);
    });
}

/// The other side of it: a caller that has asked, and then does not any more, is not agreed with.
// RFC 9293 SHLD-8
// RFC 3168 §6.1.1
// RFC 3168-5
#[test]
fn a_caller_that_asks_no_more_is_answered_without_ecn() {
    play(|stage| {
        for (first, then) in [(true, false), (false, true)] {
            let syn = |asks: bool| {
                let syn = seg!(SYN, seq: 0, mss: 1_000);
                if asks { syn.flag(TcpFlags::ECE | TcpFlags::CWR) } else { syn }
            };
            let mut s = stage.listen(&plain());
            s.send(&syn(first));
            let answer = s.poll().expect("a SYN,ACK");
            assert_eq!(answer.flags.contains(TcpFlags::ECE), first);
            s.deliver_any(&syn(then));
            expect!(s, SYN, seq: 0, ack: 1, mss: 1_000);
            send!(s, seq: 1, ack: 1);
            sends(&mut s, 1, false);
        }
    });
}

/// Our SYN,ACK is no SYN: it agrees again when it is repeated.
// RFC 9293 SHLD-8
// RFC 3168 §6.1.1
// RFC 3168-8
#[test]
fn a_repeated_syn_ack_agrees_again() {
    play(|stage| {
        let mut s = stage.listen(&plain());
        send!(s, SYN, ECE, CWR, seq: 0, mss: 1_000);
        expect!(s, SYN, ECE, seq: 0, ack: 1, mss: 1_000);
        advance!(s, 1 s, { 1 s => (SYN, ECE, seq: 0, ack: 1, mss: 1_000) });
        send!(s, seq: 1, ack: 1);
        sends(&mut s, 1, true);
    });
}

/// SYNs that cross: both have to have asked, and both to agree.
// RFC 9293 SHLD-8
// RFC 3168 §6.1.1
// RFC 3168-6
#[test]
fn syns_that_cross_agree_if_both_ask() {
    let setup = TcpFlags::ECE | TcpFlags::CWR;
    play(|stage| {
        for (ecn, they_ask, they_agree) in [
            (Ecn::Request, true, true),
            (Ecn::Request, true, false),
            (Ecn::Request, false, false),
            (Ecn::Accept, true, true),
            (Ecn::Off, true, true),
        ] {
            let we_agree = ecn == Ecn::Request && they_ask;
            let mut s = stage.connect(&with(ecn));
            s.expect(&our_syn(&with(ecn)));
            let syn = seg!(SYN, seq: 0, mss: 1_000);
            s.send(&if they_ask { syn.flag(setup) } else { syn });
            let answer = seg!(SYN, seq: 0, ack: 1, mss: 1_000);
            s.expect(&if we_agree { answer.clone().flag(TcpFlags::ECE) } else { answer.clone() });
            s.send(&if they_agree { answer.flag(TcpFlags::ECE) } else { answer });
            state!(s, Established);
            while s.poll().is_some() {}
            sends(&mut s, 1, we_agree && they_agree);
        }
    });
}

/// Whoever listens again forgets what a caller that is lost has asked for.
// RFC 9293 SHLD-8
// RFC 3168 §6.1.1
#[test]
fn a_listener_forgets_what_a_lost_caller_asked_for() {
    play(|stage| {
        let mut s = stage.listen(&plain());
        send!(s, SYN, ECE, CWR, seq: 0, mss: 1_000);
        expect!(s, SYN, ECE, seq: 0, ack: 1, mss: 1_000);
        send!(s, RST, seq: 1);
        state!(s, Listen);
        s.tcb.prepare(stage.secrets());
        send!(s, SYN, seq: 0, mss: 1_000);
        expect!(s, SYN, seq: 0, ack: 1, mss: 1_000);
    });
}

/// Only octets that go out for the first time: no SYN, no pure acknowledgment, no FIN alone, no reset …
// RFC 9293 SHLD-8
// RFC 3168 §6.1.4
// RFC 3168-18
#[test]
fn only_new_data_may_be_marked() {
    play(|stage| {
        let mut s = agreed(stage);
        send!(s, seq: 1, ack: 1, len: 1_000);
        send!(s, seq: 1_001, ack: 1, len: 1_000);
        expect!(s, seq: 1, ack: 2_001, win: 8_000);
        call!(s, queue 1_100);
        expect!(s, seq: 1, ack: 2_001, win: 8_000, len: 1_000, ect);
        call!(s, Shutdown);
        expect!(s, FIN, PSH, seq: 1_001, ack: 2_001, win: 8_000, len: 100, ect);
        send!(s, seq: 2_001, ack: 1_102);
        call!(s, Abort);
        expect!(s, RST, seq: 1_102, ack: 2_001);

        let mut s = agreed(stage);
        call!(s, Shutdown);
        expect!(s, FIN, seq: 1, ack: 1);
    });
}

/// … no retransmission, whether nobody else has repeated it or a timer …
// RFC 9293 SHLD-8
// RFC 3168 §6.1.5
// RFC 3168-20
#[test]
fn what_goes_again_may_not_be_marked() {
    play(|stage| {
        let mut s = agreed(stage);
        call!(s, queue 1_000);
        expect!(s, PSH, seq: 1, ack: 1, len: 1_000, ect);
        advance!(s, 1 s, { 1 s => (PSH, seq: 1, ack: 1, len: 1_000) });
        send!(s, seq: 1, ack: 1_001);
        call!(s, queue 1_000);
        expect!(s, PSH, CWR, seq: 1_001, ack: 1, len: 1_000, ect);
    });
}

/// … and no probe of a closed window, nor the word that the window was reduced on one.
// RFC 9293 SHLD-8
// RFC 3168 §6.1.6
// RFC 3168-22
#[test]
fn window_probes_may_not_be_marked() {
    play(|stage| {
        let mut s = agreed(stage);
        send!(s, seq: 1, ack: 1, win: 0);
        call!(s, queue 1_000);
        advance!(s, 1 s, { 1 s => (seq: 1, ack: 1, len: 1) });
    });
}

/// Keep-alives have no data.
// RFC 9293 SHLD-8
// RFC 3168 §6.1.4
// RFC 3168-18
#[test]
fn keep_alives_may_not_be_marked() {
    play(|stage| {
        let mut config = with(Ecn::Request);
        config.keepalive = Some(tcpstate::tcp::Keepalive::default());
        let mut s = stage.answered(&config, &seg!(SYN, ECE, seq: 0, ack: 1, mss: 1_000));
        advance!(s, 2 h, { 2 h => (seq: 0, ack: 1) });
    });
}

/// "The TCP receiver sets the ECN-Echo flag in a series of ACK packets", data or not, until CWR comes.
// RFC 9293 SHLD-8
// RFC 3168 §6.1.3
// RFC 3168-15
#[test]
fn a_mark_is_echoed_until_the_sender_has_reduced_its_window() {
    play(|stage| {
        let mut s = agreed(stage);
        send!(s, seq: 1, ack: 1, len: 1_000, ect);
        expect_none!(s);
        send!(s, seq: 1_001, ack: 1, len: 1_000, ce);
        expect!(s, ECE, seq: 1, ack: 2_001, win: 8_000);
        call!(s, queue 10);
        expect!(s, PSH, ECE, seq: 1, ack: 2_001, win: 8_000, len: 10, ect);
        send!(s, seq: 2_001, ack: 11, len: 1_000, ect);
        send!(s, seq: 3_001, ack: 11, len: 1_000, ect);
        expect!(s, ECE, seq: 11, ack: 4_001, win: 6_000);
        send!(s, CWR, seq: 4_001, ack: 11, len: 1_000, ect);
        expect!(s, seq: 11, ack: 5_001, win: 5_000);
        send!(s, seq: 5_001, ack: 11, len: 1_000, ect);
        send!(s, seq: 6_001, ack: 11, len: 1_000, ect);
        expect!(s, seq: 11, ack: 7_001, win: 3_000);
    });
}

/// A sender whose window is small waits for it, and the queue does too.
// RFC 9293 SHLD-8
// RFC 3168 §6.1.3
// RFC 3168-17
#[test]
fn the_first_mark_is_told_at_once() {
    play(|stage| {
        let mut s = agreed(stage);
        send!(s, seq: 1, ack: 1, len: 1_000, ce);
        expect!(s, ECE, seq: 1, ack: 1_001, win: 9_000);
        send!(s, seq: 1_001, ack: 1, len: 1_000, ce);
        expect_none!(s);
        advance!(s, 40 ms, { 40 ms => (ECE, seq: 1, ack: 2_001, win: 8_000) });
        send!(s, CWR, seq: 2_001, ack: 1, len: 1_000, ect);
        expect!(s, seq: 1, ack: 3_001, win: 7_000);
    });
}

/// "If any of the received data packets are CE packets, then the returning ACK has the ECN-Echo flag set": CWR with
/// the mark, or behind it and before any acknowledgment, cannot mean this mark.
// RFC 9293 SHLD-8
// RFC 3168 §6.1.3
// RFC 3168-16, 3168-17
#[test]
fn a_mark_that_was_not_told_yet_outlives_cwr() {
    play(|stage| {
        let mut s = agreed(stage);
        send!(s, CWR, seq: 1, ack: 1, len: 1_000, ce);
        expect!(s, ECE, seq: 1, ack: 1_001, win: 9_000);
        send!(s, CWR, seq: 1_001, ack: 1, len: 1_000, ce);
        expect!(s, ECE, seq: 1, ack: 2_001, win: 8_000);
        send!(s, CWR, seq: 2_001, ack: 1, len: 1_000, ect);
        expect!(s, seq: 1, ack: 3_001, win: 7_000);

        send!(s, seq: 3_001, ack: 1, len: 1_000, ce);
        also!(s, CWR, seq: 4_001, ack: 1, len: 1_000, ect);
        expect!(s, ECE, seq: 1, ack: 5_001, win: 5_000);
        send!(s, CWR, seq: 5_001, ack: 1, len: 1_000, ect);
        expect!(s, seq: 1, ack: 6_001, win: 4_000);
    });
}

/// Out of order is in the window all the same.
// RFC 9293 SHLD-8
// RFC 3168 §6.1.5
// RFC 3168-21
#[test]
fn a_mark_out_of_order_counts() {
    play(|stage| {
        let mut s = agreed(stage);
        send!(s, seq: 1_001, ack: 1, len: 1_000, ce);
        expect!(s, ECE, seq: 1, ack: 1);
        send!(s, CWR, seq: 2_001, ack: 1, len: 1_000, ect);
        expect!(s, seq: 1, ack: 1);
        send!(s, seq: 1, ack: 1, len: 1_000);
        expect!(s, seq: 1, ack: 3_001, win: 7_000);
    });
}

/// Anybody could have sent what lies outside the window; and an acknowledgment is not told what it has met.
// RFC 9293 SHLD-8
// RFC 3168 §6.1.4
// RFC 3168-19, 3168-21
#[test]
fn marks_on_acknowledgments_and_outside_the_window_do_not_count() {
    play(|stage| {
        let mut s = agreed(stage);
        send!(s, seq: 1, ack: 1, len: 1_000);
        send!(s, seq: 1_001, ack: 1, len: 1_000);
        expect!(s, seq: 1, ack: 2_001, win: 8_000);
        send!(s, seq: 2_001, ack: 1, ce);
        expect_none!(s);
        refuse!(s, BelowWindow, seq: 1, ack: 1, len: 1_000, ce);
        expect!(s, seq: 1, ack: 2_001, win: 8_000);
        refuse!(s, AboveWindow, seq: 20_000, ack: 1, len: 1_000, ce);
        expect!(s, seq: 1, ack: 2_001, win: 8_000);
        send!(s, seq: 2_001, ack: 1, len: 1_000, ce);
        expect!(s, ECE, seq: 1, ack: 3_001, win: 7_000);
        refuse!(s, BelowWindow, CWR, seq: 1, ack: 1, len: 1_000);
        expect!(s, ECE, seq: 1, ack: 3_001, win: 7_000);
    });
}

/// "If a window probe arrives with the CE codepoint set, then the receiver SHOULD respond."
// RFC 9293 SHLD-8
// RFC 3168 §6.1.6
// RFC 3168-23
#[test]
fn a_mark_on_a_window_probe_counts() {
    play(|stage| {
        let mut s = agreed(stage);
        for k in 0..10 {
            s.deliver(&seg!(seq: 1 + 1_000 * k, ack: 1, len: 1_000));
        }
        expect!(s, seq: 1, ack: 10_001, win: 0);
        send!(s, seq: 10_001, ack: 1, ce); // no data, no probe
        expect_none!(s);
        refuse!(s, ZeroWindow, seq: 10_001, ack: 1, len: 1, ce);
        expect!(s, ECE, seq: 1, ack: 10_001, win: 0);
    });
}

/// Without an agreement there are no marks and no echoes; whoever sends them finds no reader.
// RFC 9293 SHLD-8
// RFC 3168 §6.1.1
// RFC 3168-2
#[test]
fn without_an_agreement_marks_and_echoes_mean_nothing() {
    play(|stage| {
        let mut s = stage.established(&plain());
        send!(s, seq: 1, ack: 1, len: 1_000, ce);
        send!(s, seq: 1_001, ack: 1, len: 1_000, ce);
        expect!(s, seq: 1, ack: 2_001, win: 8_000);
        call!(s, queue 3_000);
        assert_eq!(s.burst().len(), 3);
        let cwnd = s.tcb.cwnd();
        send!(s, ECE, seq: 2_001, ack: 1_001);
        assert!(s.tcb.cwnd() >= cwnd && s.tcb.ssthresh() == u32::MAX);
    });
}
