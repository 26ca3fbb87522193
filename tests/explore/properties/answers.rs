//! `answers`: the user's calls are answered as RFC 9293 §3.10 has it.

use tcpstate::State;
use tcpstate::tcp::{Command, CommandError};

use super::{Cause, Sight, Step};

/// What §3.10.1 to §3.10.5 say to the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Says {
    Ok,
    /// "connection does not exist"
    DoesNotExist,
    /// "connection closing"
    IsClosing,
    /// "connection already exists"
    Exists,
    /// More was taken than there is.
    TooMuch,
}

/// The answer of the RFC to a call in a state; `None` for calls that it does not have.
fn rfc(own: &Sight, command: &Command) -> Option<Says> {
    use State::{CloseWait, Closed, Established, Listen, SynReceived, SynSent};
    Some(match (command, own.state) {
        // §3.10.3: "this state" does not matter, for what has arrived may be read.
        (Command::Consumed(octets), _) if u64::from(*octets) > own.readable - own.consumed => Says::TooMuch,
        (Command::Consumed(_), _) => Says::Ok,
        (Command::Open | Command::Queue(_) | Command::Shutdown | Command::Close | Command::Abort, Closed) => {
            Says::DoesNotExist
        }
        // §3.10.1.
        (Command::Open, Listen) => Says::Ok,
        (Command::Open, _) => Says::Exists,
        // §3.10.2: after a CLOSE that waits for the handshake as well.
        (Command::Queue(_), Listen | SynSent | SynReceived | Established | CloseWait) if !own.shut_down => {
            Says::Ok
        }
        (Command::Queue(_), _) => Says::IsClosing,
        // §3.10.4.
        (Command::Shutdown, Listen | SynSent | SynReceived | Established | CloseWait) if !own.shut_down => {
            Says::Ok
        }
        (Command::Shutdown, _) => Says::IsClosing,
        // Who lets go of a connection that closes is told nothing: the RFC allows both in FIN-WAIT-1 and FIN-WAIT-2.
        (Command::Close | Command::Abort, _) => Says::Ok,
        _ => return None,
    })
}

/// OPEN, SEND, RECEIVE, CLOSE and ABORT are answered as RFC 9293 §3.10.1 to §3.10.5 says for each state, and a call that is
/// refused changes nothing.
pub fn answers(step: &Step) -> Option<String> {
    let Cause::Call(command, answer) = &step.cause else { return None };
    let own = &step.before;
    let wanted = rfc(own, command)?;
    let said = match answer {
        Ok(()) => Says::Ok,
        Err(CommandError::Closed) => Says::DoesNotExist,
        Err(CommandError::Closing) => Says::IsClosing,
        Err(CommandError::AlreadyOpen(_)) => Says::Exists,
        Err(CommandError::NotReadable { .. }) => Says::TooMuch,
        Err(other) => return Some(format!("{}: {command:?} in {} says {other}", step.name(), own.state)),
    };
    if said != wanted {
        return Some(format!(
            "{}: {command:?} in {} says {said:?} and not {wanted:?}",
            step.name(),
            own.state
        ));
    }
    let changed = said != Says::Ok && (step.before != step.after || !step.sent.is_empty());
    if changed {
        return Some(format!(
            "{}: {command:?} in {} is refused and changes something",
            step.name(),
            own.state
        ));
    }
    effect(step, command)
}

/// What a call that is not refused must have done at once.
fn effect(step: &Step, command: &Command) -> Option<String> {
    let (own, after) = (&step.before, &step.after);
    let state = after.state;
    let wrong = |what: String| Some(format!("{}: {command:?} in {} {what}", step.name(), own.state));
    if step.cause != Cause::Call(*command, Ok(())) {
        return None;
    }
    match command {
        Command::Abort if state != State::Closed => wrong(format!("leads to {state}")),
        Command::Shutdown | Command::Close
            if matches!(own.state, State::Listen | State::SynSent) && state != State::Closed =>
        {
            wrong(format!("leads to {state}: there was no connection yet, and it is to be deleted"))
        }
        Command::Queue(queue) if after.queued != own.queued + u64::from(queue.len) => {
            wrong(format!("makes {} octets of {}", after.queued, own.queued))
        }
        Command::Consumed(octets) if after.consumed != own.consumed + u64::from(*octets) => {
            wrong(format!("leaves {} octets taken of {}", after.consumed, own.consumed))
        }
        _ => None,
    }
}

mod tests {
    use super::super::testing::open;
    use super::*;
    use tcpstate::tcp::Queue;

    #[test]
    fn another_answer_than_the_rfc_s_is_found() {
        let mut step = open();
        step.cause = Cause::Call(Command::Shutdown, Ok(()));
        assert_eq!(answers(&step), None);
        step.cause = Cause::Call(Command::Shutdown, Err(CommandError::Closing));
        assert!(answers(&step).is_some_and(|why| why.ends_with("says IsClosing and not Ok")));
        step.before.state = State::FinWait1;
        step.after = step.before;
        assert_eq!(answers(&step), None);
        step.cause = Cause::Call(Command::Queue(Queue { len: 1, ..Queue::default() }), Ok(()));
        assert!(answers(&step).is_some_and(|why| why.ends_with("says Ok and not IsClosing")));
    }

    #[test]
    fn a_refused_call_that_changes_something_is_found() {
        let mut step = open();
        step.cause =
            Cause::Call(Command::Consumed(1), Err(CommandError::NotReadable { consumed: 1, readable: 0 }));
        assert_eq!(answers(&step), None);
        step.after.consumed = 1;
        assert!(answers(&step).is_some_and(|why| why.contains("changes something")));
    }

    #[test]
    fn a_call_without_its_effect_is_found() {
        let mut step = open();
        step.cause = Cause::Call(Command::Abort, Ok(()));
        assert!(answers(&step).is_some_and(|why| why.contains("leads to ESTABLISHED")));
        step.cause = Cause::Call(Command::Queue(Queue { len: 1, ..Queue::default() }), Ok(()));
        assert!(answers(&step).is_some_and(|why| why.contains("makes 0 octets of 0")));
    }
}
