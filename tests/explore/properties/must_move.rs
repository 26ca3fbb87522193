//! `must_move`: what RFC 9293 §3.10.7 says of a segment that fits happens at once.

use tcpstate::tcp::{DropReason, SegmentMeta};
use tcpstate::{State, TcpFlags};

use super::{Cause, Sight, Step};

/// A segment that begins where the receiver is, or before that with something new, in its window, with an acknowledgment of
/// something sent and not acknowledged or of nothing new: there is nothing to argue about, and what it says has to count at once
/// (RFC 9293 §3.10.7.2 to §3.10.7.4). Its acknowledgment moves SND.UNA, its octets and its FIN move RCV.NXT, its reset ends the
/// connection, and the state follows Figure 5. What comes behind a gap is kept, and what is old or a SYN is answered.
pub fn must_move(step: &Step) -> Option<String> {
    let Cause::Segment(seg, _, Some(verdict)) = &step.cause else { return None };
    let own = &step.before;
    let why = match own.state {
        State::Closed => None,
        State::Listen => in_listen(step, seg),
        State::SynSent => in_syn_sent(step, seg),
        // PAWS refuses what is old by its timestamp, wherever it stands.
        _ if verdict.refused == Some(DropReason::OldTimestamp) => None,
        _ => in_other_states(step, seg),
    };
    why.map(|why| {
        format!("{}: {} seq {} in {} {why}", step.name(), seg.flags, own.place_received(seg.seq), own.state)
    })
}

/// §3.10.7.2.
fn in_listen(step: &Step, seg: &SegmentMeta) -> Option<String> {
    let syn = seg.flags.contains(TcpFlags::SYN) && !seg.flags.intersects(TcpFlags::ACK | TcpFlags::RST);
    let to = if syn { State::SynReceived } else { State::Listen };
    if step.after.state != to {
        return Some(format!("leads to {} and not to {to}", step.after.state));
    }
    let irs = step.after.irs;
    (syn && irs != seg.seq).then(|| format!("makes IRS {} and not {}", irs.get(), seg.seq.get()))
}

/// §3.10.7.3.
fn in_syn_sent(step: &Step, seg: &SegmentMeta) -> Option<String> {
    let has = |flags| seg.flags.contains(flags);
    let acknowledges = step.before.max == 1 && step.before.place_sent(seg.ack) == 1;
    let wanted: &[State] = match (has(TcpFlags::ACK), has(TcpFlags::RST), has(TcpFlags::SYN)) {
        (true, _, _) if !acknowledges => &[State::SynSent],
        (true, true, _) => &[State::Closed],
        (false, true, _) => &[State::SynSent],
        (true, false, true) if seg.flags.contains(TcpFlags::FIN) => {
            &[State::CloseWait, State::Established, State::LastAck]
        }
        // A CLOSE deletes a connection in SYN-SENT: the user cannot have closed.
        (true, false, true) => &[State::Established],
        (false, false, true) => &[State::SynReceived],
        (_, false, false) => &[State::SynSent],
    };
    let state = step.after.state;
    (!wanted.contains(&state)).then(|| format!("leads to {state} and not to {}", wanted[0]))
}

/// §3.10.7.4 for a segment that fits.
fn in_other_states(step: &Step, seg: &SegmentMeta) -> Option<String> {
    let (own, after) = (&step.before, &step.after);
    let has = |flags| seg.flags.contains(flags);
    let at = own.place_received(seg.seq);
    if has(TcpFlags::RST) && at != own.rcv_nxt {
        return None;
    }
    if has(TcpFlags::RST) {
        // RFC 1337 keeps TIME-WAIT.
        let to = match own.state {
            State::TimeWait => return None,
            State::SynReceived if own.passive && !own.shut_down => State::Listen,
            _ => State::Closed,
        };
        return (after.state != to).then(|| format!("leads to {} and not to {to}", after.state));
    }
    if let Some(why) = draws_no_answer(step, seg, at) {
        return Some(why);
    }
    let end = at + i64::from(seg.seq_len());
    if has(TcpFlags::SYN) || at > own.rcv_nxt || at < own.rcv_nxt && end <= own.rcv_nxt {
        return (at > own.rcv_nxt).then(|| forgets(step, seg, at)).flatten();
    }
    let acknowledged = own.place_sent(seg.ack);
    let least = own.una + i64::from(own.state == State::SynReceived);
    if !has(TcpFlags::ACK) || acknowledged < least || acknowledged > own.max {
        return None;
    }
    // What ends the connection is judged by `edges`: octets for nobody (§3.6.1).
    let unwanted = own.let_go && (seg.len > 0 || own.out_of_order);
    if after.una != acknowledged && after.state != State::Listen && !unwanted {
        return Some(format!("acknowledges {acknowledged} of {}, and SND.UNA is {}", own.max, after.una));
    }
    if unwanted {
        return takes_for_nobody(step, seg, at);
    }
    if let Some(why) = keeps_the_window(step, seg, at) {
        return Some(why);
    }
    let text = i64::from(seg.len);
    let in_window = at + text <= own.rcv_edge;
    let fin = has(TcpFlags::FIN) && !own.peer_closed && at + text < own.rcv_edge;
    let taken = if in_window && !own.peer_closed { text } else { 0 };
    let to = own.rcv_nxt.max(at + taken + i64::from(fin && in_window));
    let moves = after.rcv_nxt >= to;
    if !moves {
        return Some(format!("with {text} octets makes RCV.NXT {} and not {to}", after.rcv_nxt));
    }
    let state = leads_to(own, acknowledged, after.peer_closed && !own.peer_closed);
    // The user may have closed: then the FIN goes out in the same step.
    let and_closes = match state {
        State::Established => Some(State::FinWait1),
        State::CloseWait => Some(State::LastAck),
        _ => None,
    };
    let follows = after.state == state || and_closes == Some(after.state) && after.shut_down;
    (!follows).then(|| format!("acknowledging {acknowledged} leads to {} and not to {state}", after.state))
}

/// Fifth check: the window of a segment counts unless one that was sent later has told of another. This one stands behind all that
/// its sender has ever sent, so that none begins later (SND.WL1), and none that came before acknowledges more (SND.WL2).
fn keeps_the_window(step: &Step, seg: &SegmentMeta, at: i64) -> Option<String> {
    let (own, after, peer) = (&step.before, &step.after, &step.peer);
    let open =
        |state| matches!(state, State::Established | State::FinWait1 | State::FinWait2 | State::CloseWait);
    let refused = matches!(&step.cause, Cause::Segment(_, _, Some(verdict)) if verdict.refused.is_some());
    let newest = seg.seq_len() == 0 && at == peer.max && own.irs == peer.iss;
    if !newest || refused || !open(own.state) || !open(after.state) {
        return None;
    }
    let window = u32::from(seg.window) << peer.scale;
    (after.snd_wnd != window).then(|| format!("offers {window} octets, and SND.WND is {}", after.snd_wnd))
}

/// Octets that come for a user who has let go are not taken and acknowledged: the peer is reset (§3.6.1, SHLD-3; RFC 2525
/// §2.16).
fn takes_for_nobody(step: &Step, seg: &SegmentMeta, at: i64) -> Option<String> {
    let (own, text) = (&step.before, i64::from(seg.len));
    let waits = matches!(own.state, State::FinWait1 | State::FinWait2) && !own.peer_closed;
    let fits = at <= own.rcv_nxt && own.rcv_nxt < at + text && at + text <= own.rcv_edge;
    let taken = waits && fits && step.after.state != State::Closed;
    taken.then(|| format!("brings octets that nobody will read, and leads to {}", step.after.state))
}

/// First and fourth check: an old duplicate is acknowledged, and a SYN on an open connection is challenged (RFC 5961 §4.2).
fn draws_no_answer(step: &Step, seg: &SegmentMeta, at: i64) -> Option<String> {
    let own = &step.before;
    let syn = seg.flags.contains(TcpFlags::SYN) && own.state.is_synchronized() && own.una > 0;
    let old = seg.seq_len() > 0
        && at + i64::from(seg.seq_len()) <= own.rcv_nxt
        && !seg.flags.contains(TcpFlags::SYN);
    let answered = step.sent.iter().any(|sent| sent.meta.flags.contains(TcpFlags::ACK));
    ((syn || old) && !answered).then(|| format!("draws no acknowledgment, with RCV.NXT {}", own.rcv_nxt))
}

/// Seventh check: octets behind a gap are kept (SHLD-31), where the window has room for them and all else is in order.
fn forgets(step: &Step, seg: &SegmentMeta, at: i64) -> Option<String> {
    let own = &step.before;
    let (text, acknowledged) = (i64::from(seg.len), own.place_sent(seg.ack));
    let receives = matches!(own.state, State::Established | State::FinWait1 | State::FinWait2) && !own.let_go;
    let plain = seg.flags.contains(TcpFlags::ACK) && !seg.flags.contains(TcpFlags::SYN);
    let fits = at + text <= own.rcv_edge && own.una <= acknowledged && acknowledged <= own.max;
    if !receives || !plain || !fits || own.una == 0 {
        return None;
    }
    let places = usize::try_from(at - 1).ok()?..usize::try_from(at - 1 + text).ok()?;
    let kept = step.inbox.get(places)?.iter().all(|&octet| octet != 0);
    (!kept).then(|| format!("with {text} octets behind a gap at {} is not kept", own.rcv_nxt))
}

/// Figure 5: after an acknowledgment up to `acknowledged`, and the peer's FIN if it has come.
fn leads_to(own: &Sight, acknowledged: i64, fin: bool) -> State {
    let acked_fin = own.fin_sent() && acknowledged > own.fin_at();
    let state = match own.state {
        State::SynReceived => State::Established,
        State::FinWait1 if acked_fin => State::FinWait2,
        State::Closing if acked_fin => State::TimeWait,
        State::LastAck if acked_fin => State::Closed,
        state => state,
    };
    match state {
        State::Established if fin => State::CloseWait,
        State::FinWait1 if fin => State::Closing,
        State::FinWait2 if fin => State::TimeWait,
        state => state,
    }
}

mod tests {
    use super::super::Sent;
    use super::super::testing::{arrives, open};
    use super::*;
    use tcpstate::Event;

    fn said(step: &Step, part: &str) -> bool {
        must_move(step).is_some_and(|why| why.contains(part))
    }

    #[test]
    fn octets_that_fit_and_do_not_count_are_found() {
        let mut step = arrives(open(), TcpFlags::ACK, 2);
        assert!(said(&step, "with 2 octets makes RCV.NXT 1 and not 3"));
        step.after.rcv_nxt = 3;
        assert_eq!(must_move(&step), None);
    }

    #[test]
    fn an_old_segment_without_an_answer_is_found() {
        let mut step = arrives(open(), TcpFlags::ACK, 1);
        (step.before.rcv_nxt, step.after.rcv_nxt) = (2, 2);
        assert!(said(&step, "draws no acknowledgment, with RCV.NXT 2"));
        let mut answered = step.clone();
        let ack = SegmentMeta { flags: TcpFlags::ACK, ..SegmentMeta::default() };
        answered.sent.push(Sent { meta: ack, offset: 0 });
        assert_eq!(must_move(&answered), None);
        let Cause::Segment(seg, ..) = &mut step.cause else { panic!("a segment") };
        (seg.flags, seg.len) = (TcpFlags::SYN, 0);
        assert!(said(&step, "draws no acknowledgment"));
    }

    #[test]
    fn octets_behind_a_gap_that_are_not_kept_are_found() {
        let mut step = arrives(open(), TcpFlags::ACK, 1);
        let Cause::Segment(seg, ..) = &mut step.cause else { panic!("a segment") };
        seg.seq = step.before.irs + 2;
        assert!(said(&step, "behind a gap at 1 is not kept"));
        step.inbox[1] = 2;
        assert_eq!(must_move(&step), None);
    }

    #[test]
    fn a_fin_that_fits_and_does_not_count_is_found() {
        let mut step = arrives(open(), TcpFlags::ACK | TcpFlags::FIN, 0);
        assert!(said(&step, "makes RCV.NXT 1 and not 2"));
        (step.after.rcv_nxt, step.after.peer_closed) = (2, true);
        assert!(said(&step, "leads to ESTABLISHED and not to CLOSE-WAIT"));
        step.after.state = State::CloseWait;
        step.transitions = vec![(Event::Fin, State::CloseWait)];
        assert_eq!(must_move(&step), None);
    }

    #[test]
    fn an_acknowledgment_that_does_not_count_is_found() {
        let mut step = arrives(open(), TcpFlags::ACK, 0);
        step.before.max = 2;
        let Cause::Segment(seg, ..) = &mut step.cause else { panic!("a segment") };
        seg.ack = step.before.iss + 2;
        assert!(said(&step, "acknowledges 2 of 2, and SND.UNA is 1"));
        step.after.una = 2;
        assert_eq!(must_move(&step), None);
    }

    #[test]
    fn a_window_that_does_not_count_is_found() {
        let mut step = arrives(open(), TcpFlags::ACK, 0);
        assert_eq!(must_move(&step), None);
        let Cause::Segment(seg, ..) = &mut step.cause else { panic!("a segment") };
        seg.window = 3;
        assert!(said(&step, "offers 3 octets, and SND.WND is 4"));
        step.peer.max = 2;
        assert_eq!(must_move(&step), None, "its peer has sent more meanwhile, which may have come");
        (step.peer.max, step.after.snd_wnd) = (1, 3);
        assert_eq!(must_move(&step), None);
    }

    #[test]
    fn octets_that_are_taken_for_nobody_are_found() {
        let mut step = arrives(open(), TcpFlags::ACK, 1);
        for end in [&mut step.before, &mut step.after] {
            (end.state, end.let_go, end.shut_down) = (State::FinWait2, true, true);
        }
        step.after.rcv_nxt = 2;
        assert!(said(&step, "brings octets that nobody will read, and leads to FIN-WAIT-2"));
        step.after.state = State::Closed;
        assert_eq!(must_move(&step), None);
        (step.after.state, step.before.rcv_edge) = (State::FinWait2, 1);
        assert_eq!(must_move(&step), None, "there is no room for them");
    }

    #[test]
    fn a_reset_that_fits_and_does_not_count_is_found() {
        let mut step = arrives(open(), TcpFlags::RST, 0);
        assert!(said(&step, "leads to ESTABLISHED and not to CLOSED"));
        step.after.state = State::Closed;
        assert_eq!(must_move(&step), None);
        (step.before.state, step.before.passive) = (State::SynReceived, true);
        assert!(said(&step, "leads to CLOSED and not to LISTEN"));
    }

    #[test]
    fn a_handshake_that_goes_on_where_it_must_not_is_found() {
        let mut step = arrives(open(), TcpFlags::SYN | TcpFlags::ACK, 0);
        (step.before.state, step.before.una, step.before.max) = (State::SynSent, 0, 1);
        assert_eq!(must_move(&step), None);
        let Cause::Segment(seg, ..) = &mut step.cause else { panic!("a segment") };
        seg.ack = step.before.iss;
        assert!(said(&step, "leads to ESTABLISHED and not to SYN-SENT"));
        let mut step = arrives(open(), TcpFlags::SYN, 0);
        step.before.state = State::Listen;
        assert!(said(&step, "leads to ESTABLISHED and not to SYN-RECEIVED"));
    }
}
