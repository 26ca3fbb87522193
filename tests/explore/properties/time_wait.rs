//! `time_wait`: who has to stay, and for how long.

use tcpstate::tcp::{DropReason, Verdict};
use tcpstate::{State, TcpFlags};

use super::{Cause, Step};

/// TIME-WAIT lasts for 2·MSL from when the peer's FIN was acknowledged last (RFC 9293 §3.6.1, MUST-13; §3.10.7.4, eighth
/// check), and only who has sent its FIN before it knew of the peer's comes to it: both do where the FINs have crossed, and
/// else one (§3.6, cases 1 and 3).
pub fn time_wait(step: &Step) -> Option<String> {
    let (before, own, peer, name) = (&step.before, &step.after, &step.peer, step.name());
    let enters = before.state != State::TimeWait && own.state == State::TimeWait;
    if own.state == State::TimeWait {
        let end = step.now + own.two_msl;
        let anew = enters || repeats_fin(step);
        let kept = own.deadline == before.deadline && before.state == State::TimeWait;
        let right = if anew { own.deadline == Some(end) } else { kept };
        if !right {
            let at = own.deadline.map(|at| at.since(step.now));
            return Some(format!("{name}: of the {:?} of TIME-WAIT there are {at:?} left", own.two_msl));
        }
    }
    if before.state == State::TimeWait
        && own.state == State::Closed
        && step.arrived().is_none()
        && before.deadline.is_some_and(|at| at > step.now)
        && matches!(step.cause, Cause::Timeout)
    {
        return Some(format!(
            "{name}: TIME-WAIT ends {:?} too early",
            before.deadline.map(|at| at.since(step.now))
        ));
    }
    if enters && peer.state == State::CloseWait {
        return Some(format!("{name} comes to TIME-WAIT, and its peer in CLOSE-WAIT has not closed"));
    }
    None
}

/// Whether the peer's FIN has come again to an end in TIME-WAIT, which begins that anew; PAWS stands before it (RFC 7323 §5.3).
fn repeats_fin(step: &Step) -> bool {
    let own = &step.before;
    let old = |verdict: &Verdict| verdict.refused == Some(DropReason::OldTimestamp);
    let refused = matches!(&step.cause, Cause::Segment(_, _, Some(verdict)) if old(verdict));
    own.state == State::TimeWait
        && !refused
        && step.arrived().is_some_and(|seg| {
            let end = own.place_received(seg.seq) + i64::from(seg.seq_len());
            seg.flags.contains(TcpFlags::FIN)
                && !seg.flags.intersects(TcpFlags::RST | TcpFlags::SYN)
                && end == own.rcv_nxt
        })
}

mod tests {
    use super::super::testing::{arrives, open};
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_time_wait_of_another_length_is_found() {
        let mut step = open();
        (step.before.state, step.after.state) = (State::FinWait2, State::TimeWait);
        step.peer.state = State::LastAck;
        step.after.deadline = Some(step.now + step.after.two_msl);
        assert_eq!(time_wait(&step), None);
        step.after.deadline = Some(step.now + step.after.two_msl / 2);
        assert!(time_wait(&step).is_some_and(|why| why.contains("there are Some(120s) left")));
        step.after.deadline = None;
        assert!(time_wait(&step).is_some());
    }

    #[test]
    fn a_time_wait_that_a_fin_does_not_begin_anew_is_found() {
        let mut step = arrives(open(), TcpFlags::FIN | TcpFlags::ACK, 0);
        for end in [&mut step.before, &mut step.after] {
            (end.state, end.rcv_nxt) = (State::TimeWait, 2);
            end.deadline = Some(step.now + Duration::from_secs(1));
        }
        assert!(time_wait(&step).is_some());
        step.after.deadline = Some(step.now + step.after.two_msl);
        assert_eq!(time_wait(&step), None);
    }

    #[test]
    fn time_wait_before_the_peer_has_closed_is_found() {
        let mut step = open();
        step.after.state = State::TimeWait;
        step.after.deadline = Some(step.now + step.after.two_msl);
        step.peer.state = State::CloseWait;
        assert!(time_wait(&step).is_some_and(|why| why.contains("has not closed")));
    }
}
