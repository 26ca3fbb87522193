//! Delicate cells by hand: opening, and what reaches a connection that does not exist yet or any more.

use tcpstate::tcp::{DropReason, SegmentMeta};
use tcpstate::{Event, SeqNumber, State, TcpFlags};

use super::{ACK, ALL, FIN, RST, SYN, WORLD, ack, arrives, at, outstanding, reset};
use crate::rig::{Rig, Scene, World};

/// "If the SYN bit is set, irrespective of the sequence number, send a challenge ACK" (fourth; RFC 5961 §4.2):
/// the connection must survive a forged SYN, and a peer that has restarted answers the ACK with a reset.
#[test]
fn a_syn_on_an_open_connection_is_challenged_wherever_it_lies() {
    for scene in ALL.into_iter().skip(2) {
        for place in [-5_000, -1, 0, 1, 5_000, 900_000] {
            for control in [SYN, SYN | ACK] {
                let mut rig = at(scene);
                let seen = arrives(&mut rig, control, place, 0, 0);
                assert_eq!(seen.state, scene.state(), "{control} at {place}");
                assert_eq!(seen.sent, ack(outstanding(&rig), 0));
            }
        }
    }
}

/// "If the connection was initiated with a passive OPEN, return to the LISTEN state" (fourth): that SYN is in
/// the window, so it is not the one that opened the attempt.
#[test]
fn a_new_syn_in_syn_received_ends_a_passive_attempt_only() {
    let seen = arrives(&mut at(Scene::SynReceivedPassive), SYN, 5, 0, 0);
    assert_eq!((seen.transitions, seen.sent), (vec![(Event::BackToListen, State::Listen)], vec![]));
    let seen = arrives(&mut at(Scene::SynReceivedActive), SYN, 5, 0, 0);
    assert_eq!((seen.state, seen.sent), (State::SynReceived, ack(1, 0)));
}

/// The first SYN again means that our SYN,ACK was lost: it goes out again, the same as before. That holds for
/// a SYN with the bits of ECN (RFC 3168 §6.1.1) or with text as for a bare one: all of it was there before.
#[test]
fn the_first_syn_again_draws_the_syn_ack_again() {
    let asks = TcpFlags::ECE | TcpFlags::CWR;
    for (extra, text) in [(TcpFlags::NONE, 0), (asks, 0), (TcpFlags::PSH, 30), (FIN, 0)] {
        let mut rig = at(Scene::Listen);
        let first = arrives(&mut rig, SYN | extra, 0, 0, text);
        let again = arrives(&mut rig, SYN | extra, 0, 0, text);
        assert_eq!(again.state, State::SynReceived, "SYN,{extra} with {text} octets");
        assert_eq!(again.sent, first.sent, "SYN,{extra} with {text} octets");
        // Who asks for ECN is agreed with (RFC 3168 §6.1.1).
        let agrees = if extra.contains(asks) { TcpFlags::ECE } else { TcpFlags::NONE };
        assert_eq!(first.sent[0].control, SYN | ACK | agrees);
    }
}

/// Figure 7, line 6: <SEQ=100><ACK=301><CTL=SYN,ACK> brings the other end from SYN-RECEIVED to ESTABLISHED,
/// although its number is that of the SYN that came before.
#[test]
fn the_syn_ack_of_a_simultaneous_open_establishes() {
    let world = World { iss: 100, irs: 300, ..WORLD };
    let mut rig = Rig::new(Scene::SynReceivedActive, world);
    let seen = arrives(&mut rig, SYN | ACK, -1, 1, 0);
    assert_eq!(seen.transitions, [(Event::AckOfSyn, State::Established)]);
    assert!(seen.verdict.notices.connected && seen.verdict.refused.is_none());
    assert_eq!((rig.tcb.snd_una(), rig.tcb.rcv_nxt()), (SeqNumber::new(101), SeqNumber::new(301)));
}

/// Figure 7, lines 2 to 4: a SYN that crosses ours is answered by <SEQ=100><ACK=301><CTL=SYN,ACK>.
#[test]
fn a_syn_that_crosses_ours_is_answered_by_a_syn_ack_with_the_first_number() {
    let mut rig = Rig::new(Scene::SynSent, World { iss: 100, irs: 300, ..WORLD });
    let seen = arrives(&mut rig, SYN, 0, 0, 0);
    assert_eq!(seen.transitions, [(Event::Syn, State::SynReceived)]);
    let [sent] = &seen.sent[..] else { panic!("one segment, not {:?}", seen.sent) };
    assert_eq!((sent.control, sent.seq, sent.ack), (SYN | ACK, 0, Some(1)));
}

/// "If the segment acknowledgment is not acceptable, form a reset <SEQ=SEG.ACK>" (fifth, SYN-RECEIVED). The
/// attempt itself goes on: the segment may be an old duplicate (§3.5.2, 2: "remains in the same state").
#[test]
fn an_acknowledgment_in_syn_received_of_anything_but_our_syn_draws_a_reset() {
    for scene in [Scene::SynReceivedPassive, Scene::SynReceivedActive] {
        for acked in [-40_000, -1, 0, 2, 40_000] {
            let seen = arrives(&mut at(scene), ACK, 0, acked, 10);
            assert_eq!((seen.state, seen.sent), (State::SynReceived, reset(acked)));
            assert_eq!(seen.verdict.store, None);
        }
    }
}

/// Figure 9, lines 4 to 6: an ACK from a connection that we know nothing of any more draws a reset, and our SYN
/// stays out.
#[test]
fn an_acknowledgment_in_syn_sent_of_what_was_never_sent_draws_a_reset() {
    for acked in [-1, 0, 2] {
        for control in [ACK, SYN | ACK, FIN | ACK] {
            let seen = arrives(&mut at(Scene::SynSent), control, 5, acked, 0);
            assert_eq!((seen.state, seen.sent), (State::SynSent, reset(acked)));
        }
    }
    // A SYN that no poll has let out yet is not sent: its acknowledgment is a guess.
    let mut rig = Rig::with(Scene::SynSent, WORLD, |_| ());
    let meta = SegmentMeta { ack: rig.una + 1, flags: SYN | ACK, ..SegmentMeta::default() };
    let verdict = rig.tcb.on_segment(rig.now, &meta);
    assert_eq!((rig.tcb.state(), verdict.refused), (State::SynSent, Some(DropReason::AckNotOfOurSyn)));
}

/// "Any acknowledgment is bad in LISTEN: <SEQ=SEG.ACK><CTL=RST>" (§3.10.7.2, second), SYN or not.
#[test]
fn an_acknowledgment_in_listen_draws_a_reset() {
    for control in [ACK, SYN | ACK, FIN | ACK] {
        let seen = arrives(&mut at(Scene::Listen), control, 0, 123, 0);
        assert_eq!((seen.state, seen.sent), (State::Listen, reset(123)));
    }
}

/// "Any other control or text should be queued for processing later" (§3.10.7.2, third): what came with the SYN
/// is read once the handshake is done.
#[test]
fn text_and_fin_of_a_syn_wait_for_established() {
    let mut rig = at(Scene::Listen);
    let seen = arrives(&mut rig, SYN | FIN, 0, 0, 30);
    assert_eq!((seen.state, seen.verdict.readable_to), (State::SynReceived, 0));
    assert_eq!(seen.verdict.store.map(|placed| (placed.offset, placed.skip, placed.len)), Some((0, 0, 30)));
    let seen = arrives(&mut rig, ACK, 32, 1, 0);
    assert_eq!(seen.transitions, [(Event::AckOfSyn, State::Established), (Event::Fin, State::CloseWait)]);
    assert_eq!((seen.verdict.readable_to, seen.sent), (30, ack(1, 32)));
}

/// "ACK bit off: <SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK>; on: <SEQ=SEG.ACK><CTL=RST>" (§3.10.7.1).
// RFC 9293 X-1
#[test]
fn what_comes_for_a_closed_connection_is_answered_by_its_owner() {
    let mut rig = at(Scene::Closed);
    assert_eq!(arrives(&mut rig, SYN, 0, 0, 0).verdict.refused, Some(DropReason::Closed));
    let seq = SeqNumber::new(u32::MAX);
    let syn = SegmentMeta { seq, flags: SYN | FIN, len: 5, ..SegmentMeta::default() };
    let to_syn = SegmentMeta { ack: SeqNumber::new(6), flags: RST | ACK, ..SegmentMeta::default() };
    assert_eq!(syn.reset_in_answer(), Some(to_syn));
    let data = SegmentMeta { seq, ack: SeqNumber::new(9), flags: ACK, len: 5, ..SegmentMeta::default() };
    let to_data = SegmentMeta { seq: SeqNumber::new(9), flags: RST, ..SegmentMeta::default() };
    assert_eq!(data.reset_in_answer(), Some(to_data));
    assert_eq!(SegmentMeta { flags: RST, ..syn }.reset_in_answer(), None);
}
