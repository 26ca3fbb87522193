//! `blind`: whoever does not know the numbers of a connection can do nothing to it.

use tcpstate::{State, TcpFlags};

use super::super::checks::Violation;
use super::super::step::{Happened, Sent, Step};
use super::super::world::{End, World};

/// What a stranger forges (RFC 5961 §3.2, §4.2, §5.2; RFC 9293 §3.10.7.3 and §3.10.7.4) leaves state, streams, windows and
/// acknowledgments as they are. It draws an acknowledgment of what has been there before at the most, and before the
/// handshake is done a reset that stands where it itself says.
pub fn blind(before: &World, step: Step, after: &World, happened: &Happened) -> Result<(), Violation> {
    let Step::Forge(at, forgery) = step else { return Ok(()) };
    let (old, new) = (&before.ends[at], &after.ends[at]);
    let wrong =
        |what: String| Err(Violation { property: "blind", why: format!("{forgery:?} at {at} {what}") });
    if seen(old) != seen(new) || old.inbox != new.inbox || before.ends[1 - at] != after.ends[1 - at] {
        return wrong(format!("makes {:?} of {:?}", seen(new), seen(old)));
    }
    if let Some(reply) = happened.sent.iter().find(|reply| !is_harmless(old, reply)) {
        return wrong(format!("is answered with {:?}", reply.packet.meta));
    }
    if happened.sent.len() > 1 {
        return wrong(format!("draws {} segments", happened.sent.len()));
    }
    Ok(())
}

/// What has to stay. The receive window is not among it: an acknowledgment may offer more than the SYN could.
fn seen(end: &End) -> Option<(State, [u32; 4], [u64; 3], usize)> {
    end.tcb.as_ref().map(|tcb| {
        let numbers = [tcb.snd_una(), tcb.snd_max(), tcb.rcv_nxt()].map(|number| number.get());
        let [una, max, nxt] = numbers;
        let streams = [tcb.readable_to(), tcb.acked_to(), tcb.queued_to()];
        (tcb.state(), [una, max, nxt, tcb.snd_wnd()], streams, tcb.out_of_order().len())
    })
}

/// A bare acknowledgment; or before the handshake is done a reset.
fn is_harmless(old: &End, reply: &Sent) -> bool {
    let meta = &reply.packet.meta;
    let state = old.state();
    let early = matches!(state, State::SynSent | State::SynReceived);
    let acknowledges = meta.flags == TcpFlags::ACK && state != State::SynSent;
    meta.len == 0 && (acknowledges || early && meta.flags == TcpFlags::RST)
}

mod tests {
    use super::super::super::rules::Rules;
    use super::super::super::step::Opening;
    use super::super::super::stranger::{self, Forgery};
    use super::*;

    /// Two ends after the handshake.
    fn open() -> (Rules, World) {
        let rules = Rules::new("blind");
        let mut world = World::new(&rules);
        let opening = [Step::Open(1, Opening::Passive), Step::Open(0, Opening::Active)];
        for step in opening.into_iter().chain([Step::Deliver(0), Step::Deliver(1), Step::Deliver(0)]) {
            world = world.take(&rules, step).0;
        }
        assert!(world.ends.iter().all(|end| end.state() == State::Established));
        (rules, world)
    }

    #[test]
    fn a_forgery_that_changes_something_is_found() {
        let (rules, world) = open();
        let step = Step::Forge(0, Forgery::ResetInside);
        let (after, happened) = world.take(&rules, step);
        assert_eq!(blind(&world, step, &after, &happened), Ok(()));
        assert_eq!(happened.sent.len(), 1, "it is challenged");
        let mut reset = after.clone();
        reset.ends[0].tcb = None;
        assert!(blind(&world, step, &reset, &happened).is_err_and(|violation| violation.property == "blind"));
        let mut twice = happened.clone();
        twice.sent.extend(happened.sent);
        assert!(blind(&world, step, &after, &twice).is_err());
        twice.sent.truncate(1);
        twice.sent[0].packet.meta.flags = TcpFlags::RST;
        assert!(
            blind(&world, step, &after, &twice).is_err_and(|violation| violation.why.contains("answered"))
        );
    }

    #[test]
    fn everything_can_be_forged_against_an_open_connection_but_what_only_a_caller_fears() {
        let (_, world) = open();
        let all: Vec<Forgery> = stranger::choices(&world.ends[1]).collect();
        assert_eq!(all.len(), 9);
        assert!(!all.contains(&Forgery::ResetOfUnsent));
        assert!(all.iter().all(|&forgery| stranger::segment(&world.ends[1], forgery).is_some()));
    }
}
