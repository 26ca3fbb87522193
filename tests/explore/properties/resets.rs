//! `resets`: a reset is sent where RFC 9293 wants one, with the number that it wants, and nowhere else.

use tcpstate::tcp::{CloseReason, Command, SegmentMeta};
use tcpstate::{State, TcpFlags};

use super::{Cause, Sent, Step};

/// A reset goes out for what reaches no connection (§3.10.7.1), for an acknowledgment of what was never sent where the
/// handshake is not done (§3.5.2; §3.10.7.2 to §3.10.7.4), for ABORT and for whoever gives up (§3.10.5, §3.8.3), and where
/// octets are unread or come for nobody (§3.6.1, SHLD-3). Never in answer to a reset; never elsewhere; always there. It
/// stands where its receiver believes it.
pub fn resets(step: &Step) -> Option<String> {
    let mut resets = step.sent.iter().filter(|sent| sent.meta.flags.contains(TcpFlags::RST));
    let (first, name) = (resets.next(), step.name());
    if resets.next().is_some() {
        return Some(format!("{name} sends two resets at once"));
    }
    let state = step.before.state;
    match (first, wanted(step)) {
        (None, Wanted::No) => None,
        (None, Wanted::Yes(_)) => Some(format!("{name} in {state} sends no reset for {}", cause(step))),
        (Some(_), Wanted::No) => Some(format!("{name} in {state} sends a reset for {}", cause(step))),
        (Some(sent), Wanted::Yes(numbers)) => is_wrong(step, sent, &numbers)
            .map(|why| format!("{name} in {state} sends a reset with seq {}: {why}", sent.meta.seq.get())),
    }
}

enum Wanted {
    No,
    Yes(Numbers),
}

/// What has to stand in a reset.
enum Numbers {
    /// What §3.10.7.1 says of an answer to this segment.
    AnswerTo(SegmentMeta),
    /// The connection is given up: the next number that the peer expects, as far as this end can know.
    Next,
}

fn wanted(step: &Step) -> Wanted {
    let (before, after) = (&step.before, &step.after);
    // The states in which the peer knows of the connection, and may still wait for something (§3.10.5).
    let told = matches!(
        before.state,
        State::SynReceived | State::Established | State::FinWait1 | State::FinWait2 | State::CloseWait
    );
    let gives_up = |yes: bool| if yes { Wanted::Yes(Numbers::Next) } else { Wanted::No };
    match &step.cause {
        Cause::Segment(seg, ..) => {
            let has = |flags| seg.flags.contains(flags);
            let acknowledged = before.place_sent(seg.ack);
            let never_sent = has(TcpFlags::ACK) && (acknowledged <= before.una || acknowledged > before.max);
            let answer = !has(TcpFlags::RST)
                && match before.state {
                    State::Closed => true,
                    State::Listen => has(TcpFlags::ACK),
                    State::SynSent => never_sent,
                    // Only what passes the checks before: it stands in the window, and is no SYN.
                    State::SynReceived => never_sent && is_acceptable(step, seg) && !has(TcpFlags::SYN),
                    _ => false,
                };
            if answer {
                return Wanted::Yes(Numbers::AnswerTo(*seg));
            }
            gives_up(before.reason.is_none() && after.reason == Some(CloseReason::Discarded))
        }
        Cause::Call(Command::Abort, Ok(())) => gives_up(told),
        Cause::Call(Command::Close, Ok(())) => {
            let unread = before.consumed < before.readable || before.out_of_order;
            gives_up(told && before.state != State::SynReceived && unread)
        }
        Cause::Timeout => gives_up(
            before.state.is_synchronized()
                && after.state == State::Closed
                && told
                && !matches!(after.reason, Some(CloseReason::Closed | CloseReason::FinWait2Timeout)),
        ),
        Cause::Call(..) | Cause::Open { .. } | Cause::Nothing => Wanted::No,
    }
}

/// Table 6 of §3.10.7.4 in SYN-RECEIVED, where nothing but the SYN has come.
fn is_acceptable(step: &Step, seg: &SegmentMeta) -> bool {
    let own = &step.before;
    let (start, len) = (own.place_received(seg.seq), i64::from(seg.seq_len()));
    let inside = |at: i64| own.rcv_nxt <= at && at < own.rcv_edge;
    match (len, own.rcv_edge - own.rcv_nxt) {
        (0, 0) => start == own.rcv_nxt,
        (0, _) => inside(start) || start == own.rcv_edge,
        (_, 0) => false,
        _ => inside(start) || inside(start + len - 1),
    }
}

fn is_wrong(step: &Step, sent: &Sent, numbers: &Numbers) -> Option<String> {
    let reset = &sent.meta;
    match numbers {
        Numbers::AnswerTo(seg) if seg.flags.contains(TcpFlags::ACK) => {
            (reset.seq != seg.ack).then(|| format!("the segment acknowledges {}", seg.ack.get()))
        }
        Numbers::AnswerTo(seg) => {
            let end = seg.seq + seg.seq_len();
            let right = reset.seq.get() == 0 && reset.flags.contains(TcpFlags::ACK) && reset.ack == end;
            (!right).then(|| format!("it has to acknowledge {} with the number 0", end.get()))
        }
        Numbers::Next => {
            let at = step.after.place_sent(reset.seq);
            let (una, max) = (step.after.una, step.after.max);
            (at < una || at > max)
                .then(|| format!("{at} places from ISS, and {una} to {max} are outstanding"))
        }
    }
}

fn cause(step: &Step) -> String {
    match &step.cause {
        Cause::Segment(seg, ..) => {
            format!("{} seq {} ack {} len {}", seg.flags, seg.seq.get(), seg.ack.get(), seg.len)
        }
        Cause::Timeout => format!("a timeout, with {:?}", step.after.reason),
        cause => format!("{cause:?}"),
    }
}

mod tests {
    use super::super::testing::{arrives, open};
    use super::*;

    fn sends_reset(mut step: Step) -> Step {
        let meta = SegmentMeta { seq: step.after.iss + 1, flags: TcpFlags::RST, ..SegmentMeta::default() };
        step.sent.push(Sent { meta, offset: 0 });
        step
    }

    #[test]
    fn a_reset_for_a_reset_is_found() {
        let mut step = arrives(open(), TcpFlags::RST, 0);
        step.before.state = State::Closed;
        assert_eq!(resets(&step), None);
        assert!(resets(&sends_reset(step)).is_some_and(|why| why.contains("sends a reset for")));
    }

    #[test]
    fn a_reset_that_nobody_wants_is_found() {
        let step = arrives(open(), TcpFlags::ACK, 0);
        assert_eq!(resets(&step), None);
        assert!(resets(&sends_reset(step)).is_some_and(|why| why.contains("in ESTABLISHED sends a reset")));
    }

    #[test]
    fn a_reset_that_is_wanted_and_does_not_come_is_found() {
        let mut step = open();
        step.cause = Cause::Call(Command::Abort, Ok(()));
        step.after.state = State::Closed;
        assert!(resets(&step).is_some_and(|why| why.contains("sends no reset")));
        let step = sends_reset(step);
        assert_eq!(resets(&step), None);
        assert!(resets(&sends_reset(step)).is_some_and(|why| why.contains("two resets")));
    }

    #[test]
    fn a_reset_with_another_number_is_found() {
        let mut step = arrives(open(), TcpFlags::ACK, 0);
        step.before.state = State::Closed;
        let mut step = sends_reset(step);
        assert_eq!(resets(&step), None, "the segment acknowledges ISS + 1");
        step.sent[0].meta.seq = step.after.iss + 2;
        assert!(resets(&step).is_some_and(|why| why.contains("the segment acknowledges")));
        let mut step = open();
        step.cause = Cause::Call(Command::Abort, Ok(()));
        let mut step = sends_reset(step);
        step.sent[0].meta.seq = step.after.iss + 7;
        assert!(resets(&step).is_some_and(|why| why.contains("7 places from ISS")));
    }
}
