//! The machine's answer to a cell, and what in it is wrong by itself whatever the oracle says.

use tcpstate::tcp::{Notices, SegmentMeta, SegmentPlan, Tcb, Verdict};
use tcpstate::{Instant, SeqNumber, State, TcpFlags};

use crate::answer::{Answer, Sent, Told, Variables};
use crate::cell::Segment;
use crate::rig::{ACK_DELAY, Rig, TWO_MSL, drain, moved};

/// The machine's answer to a segment, and complaints about details that the oracle does not predict one by
/// one.
pub(crate) fn observe(rig: &Rig, segment: &Segment) -> (Answer, Vec<String>) {
    let mut tcb = rig.tcb.clone();
    let meta = rig.meta(segment);
    let verdict = tcb.on_segment(rig.now, &meta);
    let sent = drain(&mut tcb, rig.now);
    let mut complaints = Vec::new();
    for plan in &sent {
        complain(rig, &meta, plan, rig.now, &mut complaints);
    }
    if rig.tcb.state() == State::Closed && meta.reset_in_answer() != owner_answers(&meta) {
        complaints.push(format!("what the owner is told to answer: {:?}", meta.reset_in_answer()));
    }
    let state = tcb.state();
    let timer = tcb.poll_timeout();
    let answer = Answer {
        state,
        transitions: verdict.notices.transitions.iter().collect(),
        refused: verdict.refused,
        replies: sent.iter().map(|plan| as_sent(rig, plan)).collect(),
        later: Vec::new(),
        store: verdict.store.map(|placed| (placed.offset, placed.skip, placed.len)),
        readable_to: verdict.readable_to,
        acked_to: verdict.acked_to,
        told: told(&verdict),
        variables: variables(rig, &tcb),
        time_wait_from_now: state == State::TimeWait && timer == Some(rig.now + TWO_MSL),
    };
    if state == State::Closed && (timer.is_some() || tcb.close_reason().is_none()) {
        complaints.push(format!("CLOSED with timer {timer:?} and reason {:?}", tcb.close_reason()));
    }
    if verdict.readable_to != tcb.readable_to() || verdict.acked_to != tcb.acked_to() {
        complaints.push("the verdict and the machine differ on the offsets".to_owned());
    }
    let later = later(rig, &mut tcb, &meta, &mut complaints);
    (Answer { later, ..answer }, complaints)
}

/// What RFC 9293 §3.10.7.1 has a connection answer that does not exist.
fn owner_answers(meta: &SegmentMeta) -> Option<SegmentMeta> {
    let SegmentMeta { seq, ack, flags, len, .. } = *meta;
    let bits = [TcpFlags::SYN, TcpFlags::FIN].into_iter().filter(|bit| flags.contains(*bit));
    let end = bits.fold(seq + len, |end, _| end + 1);
    match (flags.contains(TcpFlags::RST), flags.contains(TcpFlags::ACK)) {
        (true, _) => None,
        (_, true) => Some(SegmentMeta { seq: ack, flags: TcpFlags::RST, ..SegmentMeta::default() }),
        _ => Some(SegmentMeta { ack: end, flags: TcpFlags::RST | TcpFlags::ACK, ..SegmentMeta::default() }),
    }
}

/// How many of so many arrivals of the same segment at the same moment are answered; `None` if an answer
/// changes the state or the window, so that the segment comes to lie elsewhere.
pub(crate) fn answers(rig: &Rig, segment: &Segment, times: usize) -> Option<usize> {
    let (mut tcb, meta) = (rig.tcb.clone(), rig.meta(segment));
    let mut answered = 0;
    for _ in 0..times {
        tcb.on_segment(rig.now, &meta);
        answered += usize::from(!drain(&mut tcb, rig.now).is_empty());
        if (tcb.state(), tcb.rcv_wnd()) != (rig.tcb.state(), rig.tcb.rcv_wnd()) {
            return None;
        }
    }
    Some(answered)
}

/// What is sent when the time of the delayed acknowledgment has come.
fn later(rig: &Rig, tcb: &mut Tcb, meta: &SegmentMeta, complaints: &mut Vec<String>) -> Vec<Sent> {
    let due = rig.now + ACK_DELAY;
    match tcb.poll_timeout() {
        Some(at) if at < due => complaints.push(format!("a timer at {at}, before the delayed ACK at {due}")),
        Some(at) if at == due => {}
        _ => return Vec::new(),
    }
    if tcb.on_timeout(due) != Notices::default() {
        complaints.push("the timer of the delayed ACK changed more than that".to_owned());
    }
    let sent = drain(tcb, due);
    for plan in &sent {
        complain(rig, meta, plan, due, complaints);
    }
    sent.iter().map(|plan| as_sent(rig, plan)).collect()
}

fn told(verdict: &Verdict) -> Told {
    let notices = &verdict.notices;
    Told {
        connected: notices.connected,
        readable: notices.readable,
        writable: notices.writable,
        peer_closed: notices.peer_closed,
        close_acknowledged: notices.close_acknowledged,
        urgent: notices.urgent,
        closed: notices.closed,
    }
}

fn variables(rig: &Rig, tcb: &Tcb) -> Option<Variables> {
    let open = !matches!(tcb.state(), State::Closed | State::Listen);
    open.then(|| Variables {
        una: i64::from(tcb.snd_una().distance_from(rig.una)),
        max: i64::from(tcb.snd_max().distance_from(rig.una)),
        // In SYN-SENT there is no RCV.NXT yet. Later it may be half the circle away from the number that the
        // rig has made up for the peer.
        nxt: if tcb.state() == State::SynSent { 0 } else { signed(tcb.rcv_nxt() - rig.rcv) },
        window: i64::from(tcb.snd_wnd()),
    })
}

fn signed(distance: u32) -> i64 {
    i64::from(distance.cast_signed())
}

pub(crate) fn as_sent(rig: &Rig, plan: &SegmentPlan) -> Sent {
    let meta = &plan.meta;
    let acked = meta.flags.contains(TcpFlags::ACK);
    let beyond = |block: &&(_, _)| acked && meta.ack.before(block.0);
    let from_rcv = |number: SeqNumber| signed(number - rig.rcv);
    Sent {
        control: meta.flags,
        seq: i64::from(meta.seq.distance_from(rig.una)),
        ack: acked.then(|| from_rcv(meta.ack)),
        text: meta.len,
        echo: meta.options.timestamps.map(|stamp| signed(stamp.ecr.wrapping_sub(rig.recent))),
        sack: meta
            .options
            .sack
            .as_slice()
            .iter()
            .filter(beyond)
            .map(|(left, right)| (from_rcv(*left), from_rcv(*right)))
            .collect(),
    }
}

/// What no reply may be, to whatever segment.
fn complain(rig: &Rig, cause: &SegmentMeta, plan: &SegmentPlan, now: Instant, complaints: &mut Vec<String>) {
    let meta = &plan.meta;
    let mut wrong = |what: &str| complaints.push(format!("{what}: {meta:?}"));
    if cause.flags.contains(TcpFlags::RST) && meta.flags.contains(TcpFlags::RST) {
        wrong("a reset answers a reset");
    }
    if plan.notices != Notices::default() {
        wrong("sending the reply changed the state");
    }
    if meta.flags.contains(TcpFlags::RST) && !meta.flags.contains(TcpFlags::ACK) {
        let plain = SegmentMeta { seq: meta.seq, flags: TcpFlags::RST, ..SegmentMeta::default() };
        if *meta != plain {
            wrong("a reset in answer to an ACK has a number and nothing else");
        }
        return;
    }
    if let Some(stamp) = meta.options.timestamps {
        let millis = u32::try_from((now - rig.now).as_millis()).unwrap_or(u32::MAX);
        if stamp.val != rig.clock().wrapping_add(millis) {
            wrong("TSval is not the clock");
        }
    }
    if meta.flags.contains(TcpFlags::SYN) {
        let shift = meta.options.window_scale.unwrap_or(0);
        let offered = cause.options;
        // RFC 7323 §2.2, §3.2, RFC 2018 §2: a SYN,ACK offers what the SYN offered.
        if meta.options.window_scale.is_some()
            != (rig.config.window_scaling && offered.window_scale.is_some())
            || meta.options.sack_permitted != (rig.config.sack && offered.sack_permitted)
            || meta.options.mss != Some(rig.config.mss)
            || shift > rig.our_shift()
            || meta.window != u16::try_from(rig.config.receive_window).unwrap_or(u16::MAX)
        {
            wrong("the options or the window of a SYN,ACK");
        }
    } else if meta.flags == TcpFlags::ACK {
        // SHLD-14: the right edge does not move left, but for what scaling rounds away.
        let edge = moved(rig.rcv, rig.window());
        let now = meta.ack + (u32::from(meta.window) << rig.our_shift());
        if rig.tcb.state().is_synchronized() && (now + (1 << rig.our_shift())).distance_from(edge) <= 0 {
            wrong("the right edge of the window moved left");
        }
    }
}
