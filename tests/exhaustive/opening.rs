//! Every small segment in CLOSED, LISTEN and SYN-SENT (RFC 9293 §3.10.7.1 to §3.10.7.3), octet by octet.

use std::collections::BTreeSet;

use tcpstate::tcp::{CloseReason, SegmentMeta, Tcb, Unpredictable};
use tcpstate::{SeqNumber, State, TcpFlags};

use crate::all_seen;
use crate::model::{Outcome, Segment, Sent};
use crate::rig::{self, NEW_WINDOW, NOW, Scene, meta};
use crate::windows::{controls, sent};

const SYN_ACK: TcpFlags = TcpFlags::SYN.union(TcpFlags::ACK);
const RST_ACK: TcpFlags = TcpFlags::RST.union(TcpFlags::ACK);

/// A segment that answers nothing, or what it is answered with.
fn reset(seg: &Segment) -> Option<Sent> {
    if seg.has(TcpFlags::RST) {
        return None;
    }
    if seg.has(TcpFlags::ACK) {
        return Some(Sent { control: TcpFlags::RST, seq: seg.ack, ack: None });
    }
    let octets = seg.len + u32::from(seg.has(TcpFlags::SYN)) + u32::from(seg.has(TcpFlags::FIN));
    Some(Sent { control: RST_ACK, seq: 0, ack: Some(seg.seq.wrapping_add(octets)) })
}

/// Nothing but the answer changes.
fn stays(state: State, variables: Option<(u32, u32, u32)>, sent: Option<Sent>) -> Outcome {
    Outcome { state, closed: None, variables, held: BTreeSet::new(), fresh: BTreeSet::new(), sent }
}

/// The first SYN: SYN-RECEIVED. Its text waits for the end of the handshake, as far as the window reaches.
fn syn_received(seg: &Segment, iss: u32, window: u32) -> Outcome {
    let nxt = seg.seq.wrapping_add(1);
    let held: BTreeSet<u32> = (0..seg.len.min(window)).map(|step| nxt.wrapping_add(step)).collect();
    let sent = Some(Sent { control: SYN_ACK, seq: iss, ack: Some(nxt) });
    let variables = Some((iss, u32::from(seg.window), nxt));
    Outcome { state: State::SynReceived, closed: None, variables, held: held.clone(), fresh: held, sent }
}

fn in_listen(seg: &Segment, iss: u32, window: u32) -> Outcome {
    if seg.has(TcpFlags::RST) {
        stays(State::Listen, None, None)
    } else if seg.has(TcpFlags::ACK) {
        stays(State::Listen, None, reset(seg))
    } else if seg.has(TcpFlags::SYN) {
        syn_received(seg, iss, window)
    } else {
        stays(State::Listen, None, None)
    }
}

fn in_syn_sent(seg: &Segment, iss: u32, window: u32, before: (u32, u32, u32)) -> Outcome {
    // Our SYN is the one number that we have sent.
    let acceptable = seg.has(TcpFlags::ACK) && seg.ack == iss.wrapping_add(1);
    if seg.has(TcpFlags::ACK) && !acceptable {
        return stays(State::SynSent, Some(before), reset(seg));
    }
    if seg.has(TcpFlags::RST) {
        let mut outcome = stays(State::SynSent, Some(before), None);
        if acceptable {
            (outcome.state, outcome.closed, outcome.variables) =
                (State::Closed, Some(CloseReason::Refused), None);
        }
        return outcome;
    }
    if !seg.has(TcpFlags::SYN) {
        return stays(State::SynSent, Some(before), None);
    }
    if !acceptable {
        return syn_received(seg, iss, window);
    }
    let first = seg.seq.wrapping_add(1);
    let fresh: BTreeSet<u32> = (0..seg.len.min(window)).map(|step| first.wrapping_add(step)).collect();
    // The FIN counts if all the text before it has found room, and it has room itself.
    let fin = seg.has(TcpFlags::FIN) && seg.len < window;
    let una = iss.wrapping_add(1);
    let nxt = first.wrapping_add(fresh.len() as u32 + u32::from(fin));
    Outcome {
        state: if fin { State::CloseWait } else { State::Established },
        closed: None,
        variables: Some((una, u32::from(seg.window), nxt)),
        held: BTreeSet::new(),
        fresh,
        sent: Some(Sent { control: TcpFlags::ACK, seq: una, ack: Some(nxt) }),
    }
}

/// What a machine makes of `seg`, of whose sender it knows nothing yet.
pub(crate) fn observe(mut tcb: Tcb, seg: &Segment) -> Outcome {
    let verdict = tcb.on_segment(NOW, &meta(seg));
    let mut replies: Vec<SegmentMeta> = Vec::new();
    while let Some(plan) = tcb.poll_segment(NOW) {
        replies.push(plan.meta);
    }
    assert!(replies.len() <= 1, "{replies:?}");
    let number = |offset: u64| seg.seq.wrapping_add(1).wrapping_add(offset as u32);
    let stored = verdict.store.map_or(0..0, |placed| placed.offset..placed.offset + u64::from(placed.len));
    let open = !matches!(tcb.state(), State::Closed | State::Listen);
    Outcome {
        state: tcb.state(),
        closed: verdict.notices.closed,
        variables: open.then(|| (tcb.snd_una().get(), tcb.snd_wnd(), tcb.rcv_nxt().get())),
        held: tcb.out_of_order().flatten().map(number).collect(),
        fresh: stored.map(number).collect(),
        sent: replies.first().map(sent),
    }
}

#[test]
fn every_small_segment_in_closed_listen_and_syn_sent_does_what_its_octets_say() {
    let mut seen = 0;
    for window in 1..=4 {
        for iss in [0, u32::MAX, (1 << 31) - 1, 1_000_000] {
            let secrets = Unpredictable { iss: SeqNumber::new(iss), timestamp_offset: 0 };
            let config = rig::config(Scene::SynReceivedActive, window);
            let mut listening = Tcb::listen(config);
            listening.prepare(secrets);
            let mut calling = Tcb::connect(config, secrets, NOW);
            assert!(calling.poll_segment(NOW).is_some_and(|plan| plan.meta.flags == TcpFlags::SYN));
            let mut closed = calling.clone();
            closed.on_command(NOW, tcpstate::tcp::Command::Abort).expect("it is open");
            let before = (iss, calling.snd_wnd(), calling.rcv_nxt().get());
            for (seq, len, flags, acked) in segments() {
                let ack = iss.wrapping_add(acked);
                let seg = Segment { seq, ack, len, flags, window: NEW_WINDOW };
                let found = [observe(listening.clone(), &seg), observe(calling.clone(), &seg)];
                let right = [in_listen(&seg, iss, window), in_syn_sent(&seg, iss, window, before)];
                assert_eq!(found, right, "left the machine, right the model: {iss} {window} {seg:?}");
                // Nobody is there: whoever has the sockets answers.
                assert_eq!(observe(closed.clone(), &seg), stays(State::Closed, None, None), "{seg:?}");
                assert_eq!(meta(&seg).reset_in_answer().as_ref().map(sent), reset(&seg), "{seg:?}");
                seen += 3;
            }
        }
    }
    all_seen(seen, 4 * 4 * 3 * (5 * 6 * (8 + 8 * 9)));
}

/// Number, octets, control bits, and what is acknowledged, counted from ISS.
fn segments() -> Vec<(u32, u32, TcpFlags, u32)> {
    let mut all = Vec::new();
    for seq in [0, 1, u32::MAX, u32::MAX - 3, (1 << 31) - 2] {
        for len in 0..=5 {
            for flags in controls() {
                let acked = [0, 1, 2, 3, u32::MAX, u32::MAX - 1, 1 << 31, (1 << 31) + 1, (1 << 31) - 1];
                let acked = if flags.contains(TcpFlags::ACK) { acked.as_slice() } else { &[0] };
                all.extend(acked.iter().map(|&acked| (seq, len, flags, acked)));
            }
        }
    }
    all
}
