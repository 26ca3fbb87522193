//! `normal_close`: who reports a normal close has had everything acknowledged, and rightly so.

use tcpstate::State;
use tcpstate::tcp::CloseReason;

use super::Step;

/// An end that reports a normal close has had all its octets and its FIN acknowledged, and its peer has indeed received them;
/// and has itself received all of the peer's (RFC 9293 §3.6, §3.10.4; MUST-12). The same of an acknowledged FIN, as soon as a
/// state says that it is (§3.3.2: FIN-WAIT-2, TIME-WAIT).
pub fn normal_close(step: &Step) -> Option<String> {
    let (own, peer, name) = (&step.after, &step.peer, step.name());
    let closed = own.reason == Some(CloseReason::Closed);
    if !closed && !matches!(own.state, State::FinWait2 | State::TimeWait) {
        return None;
    }
    let says = if closed { "reports a normal close".to_owned() } else { format!("is in {}", own.state) };
    if !own.fin_acknowledged() {
        let end = own.fin_at() + 1;
        return Some(format!("{name} {says}, and of {end} places {} are acknowledged", own.una));
    }
    // What the peer has received stays in its machine, whatever became of the connection; but not if it listens anew.
    let received = peer.peer_closed && peer.readable == own.queued && peer.irs == own.iss;
    if !received {
        let fin = if peer.peer_closed { "the FIN" } else { "no FIN" };
        return Some(format!(
            "{name} {says}, and its peer has {} of {} octets and {fin}",
            peer.readable, own.queued
        ));
    }
    let all = own.peer_closed && own.readable == peer.queued;
    if (closed || own.state == State::TimeWait) && !all {
        return Some(format!("{name} {says}, and has itself {} of {} octets", own.readable, peer.queued));
    }
    None
}

mod tests {
    use super::super::testing::open;
    use super::*;

    /// A has closed, and so has B.
    fn closed() -> Step {
        let mut step = open();
        for end in [&mut step.after, &mut step.peer] {
            (end.queued, end.readable, end.rcv_nxt) = (2, 2, 4);
            (end.shut_down, end.peer_closed) = (true, true);
            (end.una, end.max) = (4, 4);
        }
        step.after.state = State::Closed;
        step.after.reason = Some(CloseReason::Closed);
        step
    }

    #[test]
    fn a_close_with_something_unacknowledged_is_found() {
        let mut step = closed();
        assert_eq!(normal_close(&step), None);
        step.after.una = 3;
        assert!(normal_close(&step).is_some_and(|why| why.contains("of 4 places 3 are acknowledged")));
        step.after.reason = Some(CloseReason::Reset);
        assert_eq!(normal_close(&step), None, "a reset promises nothing");
    }

    #[test]
    fn an_acknowledgment_of_what_did_not_arrive_is_found() {
        let mut step = closed();
        step.peer.readable = 1;
        assert!(normal_close(&step).is_some_and(|why| why.contains("its peer has 1 of 2 octets")));
        step.after.state = State::FinWait2;
        step.after.reason = None;
        assert!(normal_close(&step).is_some_and(|why| why.contains("is in FIN-WAIT-2")));
    }

    #[test]
    fn a_close_without_all_of_the_peer_s_octets_is_found() {
        let mut step = closed();
        step.after.readable = 1;
        assert!(normal_close(&step).is_some_and(|why| why.contains("has itself 1 of 2 octets")));
    }
}
