//! `timers`: nothing waits for ever.

use std::time::Duration;

use tcpstate::{State, TcpFlags};

use super::{Cause, Step};

/// MUST-40.
const LONGEST_DELAY: Duration = Duration::from_millis(500);

/// While anything that was queued is not acknowledged a timer runs: for a retransmission (RFC 6298 §5.1), for a probe of the
/// closed window (RFC 9293 §3.8.6.1), or for what is held back (§3.8.6.2.1, MUST-60); in TIME-WAIT that of 2·MSL (§3.10.8); and an
/// acknowledgment that is owed is sent, or has its timer (MUST-40). What has expired is not due any more, so that time goes
/// on. A connection that is over, or that waits for a caller, has no timer.
pub fn timers(step: &Step) -> Option<String> {
    let (own, name) = (&step.after, step.name());
    let state = own.state;
    if owes_acknowledgment(step) && own.deadline.is_none_or(|at| at.since(step.now) >= LONGEST_DELAY) {
        return Some(format!(
            "{name} in {state} has taken something, and neither acknowledges it nor will soon"
        ));
    }
    match own.deadline {
        Some(at) if matches!(state, State::Closed | State::Listen) => {
            return Some(format!("{name} is in {state} with a timer in {:?}", at.since(step.now)));
        }
        Some(at) if step.cause == Cause::Timeout && at <= step.now => {
            return Some(format!("{name} has served a deadline, and the next is due at once"));
        }
        Some(_) => return None,
        None => {}
    }
    let end = own.fin_at() + i64::from(own.shut_down);
    let waits = match state {
        State::Closed | State::Listen => return None,
        State::SynSent | State::SynReceived => "the handshake",
        State::TimeWait => "2·MSL",
        _ if own.una < end => "an acknowledgment",
        _ => return None,
    };
    Some(format!(
        "{name} in {state} waits for {waits} without a timer: SND.UNA {}, queued up to {end}",
        own.una
    ))
}

/// Whether something has come in order in this step that no segment acknowledges as yet.
fn owes_acknowledgment(step: &Step) -> bool {
    let (before, own) = (&step.before, &step.after);
    step.arrived().is_some()
        && before.irs == own.irs
        && own.rcv_nxt > before.rcv_nxt
        && !matches!(own.state, State::Closed | State::Listen)
        && !step.sent.iter().any(|sent| sent.meta.flags.contains(TcpFlags::ACK))
}

mod tests {
    use super::super::testing::{arrives, open};
    use super::*;

    #[test]
    fn an_end_that_waits_without_a_timer_is_found() {
        let mut step = open();
        assert_eq!(timers(&step), None);
        (step.after.queued, step.after.max) = (1, 2);
        assert!(timers(&step).is_some_and(|why| why.contains("waits for an acknowledgment without a timer")));
        step.after.deadline = Some(step.now + step.after.two_msl);
        assert_eq!(timers(&step), None);
        for state in [State::SynSent, State::SynReceived, State::TimeWait] {
            (step.after.state, step.after.deadline) = (state, None);
            assert!(timers(&step).is_some(), "{state}");
        }
    }

    #[test]
    fn a_deadline_that_was_served_and_stays_is_found() {
        let mut step = open();
        step.cause = Cause::Timeout;
        step.after.deadline = Some(step.now);
        assert!(timers(&step).is_some_and(|why| why.contains("due at once")));
        (step.after.state, step.cause) = (State::Closed, Cause::Nothing);
        assert!(timers(&step).is_some_and(|why| why.contains("is in CLOSED with a timer")));
    }

    #[test]
    fn an_acknowledgment_that_is_owed_for_ever_is_found() {
        let mut step = arrives(open(), TcpFlags::ACK, 1);
        step.after.rcv_nxt = 2;
        assert!(timers(&step).is_some_and(|why| why.contains("neither acknowledges it nor will soon")));
        step.after.deadline = Some(step.now + Duration::from_millis(40));
        assert_eq!(timers(&step), None);
        step.after.deadline = Some(step.now + Duration::from_secs(1));
        assert!(timers(&step).is_some(), "that is another timer");
    }
}
