//! `edges`: every transition is one that RFC 9293 knows, for a reason that it knows.

use tcpstate::tcp::Command;
use tcpstate::{Event, State, TcpFlags};

use super::{Cause, Sight, Step};

/// Why a connection changes its state, in the words of Figure 5 and §3.10, as can be told from outside: by the call, by what
/// stands in the segment and by the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    PassiveOpen,
    ActiveOpen,
    /// SEND, which opens a connection that listens (§3.10.2).
    Send,
    /// CLOSE of what was never open (§3.10.4).
    Delete,
    /// The FIN of a user who has called CLOSE goes out for the first time (§3.10.4, and the queue before it).
    SendFin,
    /// ABORT (§3.10.5); CLOSE with octets unread, and octets that come for a user who has let go (§3.6.1).
    Abort,
    /// A SYN without an acknowledgment.
    Syn,
    /// A SYN that acknowledges ours.
    SynAck,
    /// An acknowledgment that covers our SYN.
    AckOfSyn,
    /// The peer's FIN, with everything before it.
    Fin,
    /// An acknowledgment that covers our FIN.
    AckOfFin,
    Rst,
    /// A timeout other than that of TIME-WAIT (§3.10.8).
    Timeout,
    /// 2·MSL are over (§3.10.8).
    TwoMsl,
}

use State::{
    CloseWait, Closed, Closing, Established, FinWait1, FinWait2, LastAck, Listen, SynReceived, SynSent,
    TimeWait,
};

/// The edges of RFC 9293: Figure 5 row by row as it is drawn, and behind each state what §3.10 adds.
const EDGES: &[(State, By, State)] = &[
    // Figure 5, from the top.
    (Closed, By::PassiveOpen, Listen),
    (Closed, By::ActiveOpen, SynSent),
    (Listen, By::Delete, Closed),
    (Listen, By::Syn, SynReceived),
    (Listen, By::Send, SynSent),
    (SynSent, By::Delete, Closed),
    (SynSent, By::Syn, SynReceived),
    (SynSent, By::SynAck, Established),
    (SynReceived, By::AckOfSyn, Established),
    (SynReceived, By::SendFin, FinWait1),
    (Established, By::SendFin, FinWait1),
    (Established, By::Fin, CloseWait),
    (FinWait1, By::AckOfFin, FinWait2),
    (FinWait1, By::Fin, Closing),
    (FinWait2, By::Fin, TimeWait),
    (CloseWait, By::SendFin, LastAck),
    (Closing, By::AckOfFin, TimeWait),
    (LastAck, By::AckOfFin, Closed),
    (TimeWait, By::TwoMsl, Closed),
    // Note 1: after a passive OPEN a reset in SYN-RECEIVED leads back to LISTEN, and so does a SYN in the window
    // (§3.10.7.4, second and fourth check), and a caller that is not heard of any more.
    (SynReceived, By::Rst, Listen),
    (SynReceived, By::Syn, Listen),
    (SynReceived, By::SynAck, Listen),
    (SynReceived, By::Timeout, Listen),
    // §3.10.1, OPEN.
    (Listen, By::ActiveOpen, SynSent),
    // §3.10.5, ABORT.
    (Listen, By::Abort, Closed),
    (SynSent, By::Abort, Closed),
    (SynReceived, By::Abort, Closed),
    (Established, By::Abort, Closed),
    (FinWait1, By::Abort, Closed),
    (FinWait2, By::Abort, Closed),
    (CloseWait, By::Abort, Closed),
    (Closing, By::Abort, Closed),
    (LastAck, By::Abort, Closed),
    (TimeWait, By::Abort, Closed),
    // §3.10.7.3 and §3.10.7.4, second check: resets. A listener that its user has closed meanwhile has nowhere to go back to.
    (SynSent, By::Rst, Closed),
    (SynReceived, By::Rst, Closed),
    (Established, By::Rst, Closed),
    (FinWait1, By::Rst, Closed),
    (FinWait2, By::Rst, Closed),
    (CloseWait, By::Rst, Closed),
    (Closing, By::Rst, Closed),
    (LastAck, By::Rst, Closed),
    (TimeWait, By::Rst, Closed),
    // §3.10.7.4, fourth check, where the user has closed in SYN-RECEIVED: nobody listens any more.
    (SynReceived, By::Syn, Closed),
    // §3.10.7.4, eighth check: a FIN in SYN-RECEIVED, whose acknowledgment leads to ESTABLISHED before it; and one that comes
    // again.
    (SynReceived, By::Fin, CloseWait),
    (CloseWait, By::Fin, CloseWait),
    (Closing, By::Fin, Closing),
    (LastAck, By::Fin, LastAck),
    (TimeWait, By::Fin, TimeWait),
    // §3.10.8, timeouts: of the user, of the retransmissions, of keep-alives, and of who waits in FIN-WAIT-2 for nobody.
    (SynSent, By::Timeout, Closed),
    (SynReceived, By::Timeout, Closed),
    (Established, By::Timeout, Closed),
    (FinWait1, By::Timeout, Closed),
    (FinWait2, By::Timeout, Closed),
    (CloseWait, By::Timeout, Closed),
    (Closing, By::Timeout, Closed),
    (LastAck, By::Timeout, Closed),
];

/// Whether `why` was there in this step: what the RFC calls by that name has happened.
fn happened(step: &Step, why: By) -> bool {
    let (before, after) = (&step.before, &step.after);
    let called = |wanted: &dyn Fn(&Command) -> bool| matches!(&step.cause, Cause::Call(command, Ok(())) if wanted(command));
    let closes = called(&|command| matches!(command, Command::Shutdown | Command::Close));
    let reads_no_more = before.consumed < before.readable || before.out_of_order;
    match why {
        By::PassiveOpen => step.cause == Cause::Open { active: false },
        By::ActiveOpen => step.cause == Cause::Open { active: true } || called(&|it| *it == Command::Open),
        By::Send => called(&|command| matches!(command, Command::Queue(_))),
        By::Delete => closes,
        By::SendFin => {
            let fin = |meta: &tcpstate::tcp::SegmentMeta| meta.flags.contains(TcpFlags::FIN);
            after.shut_down && !before.fin_sent() && step.sent.iter().any(|sent| fin(&sent.meta))
        }
        By::Abort => {
            called(&|it| *it == Command::Abort)
                || called(&|it| *it == Command::Close) && reads_no_more
                // What came with the SYN is found unread when the handshake is done.
                || before.let_go && step.arrived().is_some_and(|seg| seg.len > 0 || before.out_of_order)
        }
        By::Timeout => step.cause == Cause::Timeout && before.state != TimeWait,
        By::TwoMsl => step.cause == Cause::Timeout && before.deadline.is_some_and(|at| at <= step.now),
        By::Syn | By::SynAck | By::AckOfSyn | By::Fin | By::AckOfFin | By::Rst => {
            brought(step, why, before, after)
        }
    }
}

/// Whether the segment that has arrived says so.
fn brought(step: &Step, why: By, before: &Sight, after: &Sight) -> bool {
    let Some(seg) = step.arrived() else { return false };
    let has = |flags: TcpFlags| seg.flags.contains(flags);
    let acknowledged = before.place_sent(seg.ack);
    let acks = has(TcpFlags::ACK) && !has(TcpFlags::RST) && acknowledged <= before.max;
    match why {
        By::Rst => has(TcpFlags::RST),
        By::Syn => has(TcpFlags::SYN) && !has(TcpFlags::ACK) && !has(TcpFlags::RST),
        By::SynAck => has(TcpFlags::SYN) && acks && acknowledged == 1,
        By::AckOfSyn => acks && before.una == 0 && acknowledged >= 1,
        By::AckOfFin => acks && before.fin_sent() && acknowledged > before.fin_at(),
        // It may have come earlier than what stands before it: the peer has sent it, and we have come to its end.
        By::Fin => {
            let peer = &step.peer;
            !has(TcpFlags::RST)
                && peer.fin_sent()
                && after.rcv_nxt == peer.fin_at() + 1
                && after.irs == peer.iss
        }
        _ => false,
    }
}

/// Every transition is an edge of RFC 9293 (Figure 5 with its notes; §3.10.1 to §3.10.8), typed here apart from the machine's
/// own table, and what the RFC gives for its reason has happened in this step. The state changes in no other way.
pub fn edges(step: &Step) -> Option<String> {
    let mut state = step.before.state;
    if let Cause::Open { .. } = step.cause {
        // The call makes the machine: its first transition is not told.
        let to = step.after.state;
        let known = EDGES.iter().any(|&(from, by, into)| (from, into) == (state, to) && happened(step, by));
        return (!known).then(|| format!("{}: {state} to {to} by an OPEN", step.name()));
    }
    for &(event, to) in &step.transitions {
        let mut edges = EDGES.iter().filter(|&&(from, _, into)| (from, into) == (state, to)).peekable();
        if edges.peek().is_none() && state != to {
            return Some(format!("{}: RFC 9293 has no edge from {state} to {to} ({event})", step.name()));
        }
        if !edges.any(|&(_, by, _)| happened(step, by)) {
            let cause = cause(step, event);
            return Some(format!("{}: {state} to {to}, for which there was no reason: {cause}", step.name()));
        }
        state = to;
    }
    (state != step.after.state)
        .then(|| format!("{}: {state} to {} without any transition", step.name(), step.after.state))
}

/// The step in words.
fn cause(step: &Step, event: Event) -> String {
    match &step.cause {
        Cause::Segment(seg, ..) => {
            format!("\"{event}\", with {} seq {} ack {}", seg.flags, seg.seq.get(), seg.ack.get())
        }
        cause => format!("\"{event}\", with {cause:?}"),
    }
}

mod tests {
    use super::super::testing::{arrives, open};
    use super::*;

    /// The table is a fact about the RFC and not about the machine; that both agree is worth knowing by itself.
    #[test]
    fn the_machine_s_table_leads_nowhere_else() {
        for transition in tcpstate::tcp::state::TRANSITIONS {
            // MAY-2 is a new machine here.
            if (transition.from, transition.event) == (TimeWait, Event::Syn) {
                continue;
            }
            let known = EDGES.iter().any(|&(from, _, to)| (from, to) == (transition.from, transition.to));
            assert!(known, "{} to {} by {}", transition.from, transition.to, transition.event);
        }
    }

    #[test]
    fn a_transition_that_the_rfc_does_not_know_is_found() {
        let mut step = arrives(open(), TcpFlags::FIN | TcpFlags::ACK, 0);
        step.peer.shut_down = true;
        step.peer.max = step.peer.fin_at() + 1;
        step.after.rcv_nxt = step.peer.max;
        step.after.state = CloseWait;
        step.transitions = vec![(Event::Fin, CloseWait)];
        assert_eq!(edges(&step), None);
        step.after.state = TimeWait;
        step.transitions = vec![(Event::Fin, TimeWait)];
        assert!(edges(&step).is_some_and(|why| why.contains("no edge from ESTABLISHED to TIME-WAIT")));
    }

    #[test]
    fn a_transition_without_its_reason_is_found() {
        let mut step = arrives(open(), TcpFlags::ACK, 0);
        step.after.state = CloseWait;
        step.transitions = vec![(Event::Fin, CloseWait)];
        assert!(edges(&step).is_some_and(|why| why.contains("no reason")), "the peer has not closed");
        step.transitions.clear();
        assert!(edges(&step).is_some_and(|why| why.contains("without any transition")));
    }

    #[test]
    fn an_acknowledgment_of_less_than_the_fin_is_no_reason() {
        let mut step = arrives(open(), TcpFlags::ACK, 0);
        step.before.state = FinWait1;
        step.before.shut_down = true;
        step.before.max = step.before.fin_at() + 1;
        step.after = step.before;
        step.after.state = FinWait2;
        step.transitions = vec![(Event::AckOfFin, FinWait2)];
        assert!(edges(&step).is_some_and(|why| why.contains("no reason")));
        let Cause::Segment(seg, ..) = &mut step.cause else { panic!("a segment") };
        seg.ack = step.before.iss + 2;
        assert_eq!(edges(&step), None);
    }
}
