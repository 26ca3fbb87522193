//! `liveness`, `progress` and `no_storm`: where a state leads when nothing goes wrong any more.
//!
//! From every state one way on is taken: what is on its way arrives in order, users read what there is, and when nothing is
//! left to do time comes to the next deadline.

use tcpstate::tcp::{CloseReason, Command, Keepalive, Timer};
use tcpstate::{SeqNumber, State};

use std::sync::Arc;

use super::super::checks::{Calm, Violation};
use super::super::rules::Rules;
use super::super::step::Step;
use super::super::world::{Budget, End, World};
use super::adapter::check;

/// What is asked of the way on from every state.
pub const CALM: &[Calm] = &[
    // No storm (§3.10.7, RFC 5961 §7): with no time passing and no call, deliveries come to an end.
    Calm { name: "no_storm", begin: calm, next: next_delivery, over: is_quiet, most: 60 },
    // No deadlock (RFC 9293 §3.6, §3.8.3, §3.8.4, §3.8.6.1): with loss over, when both users say that they have no more to send
    // and go on reading, and keep-alives are on, both ends reach CLOSED. Nobody gives up on a peer that answers.
    Calm { name: "liveness", begin: close_both, next: next_of_closing, over: is_closed, most: 400 },
    // The same of users who let go, and may lose what they have not read (§3.6.1).
    Calm { name: "liveness", begin: let_go_of_both, next: next_of_closing, over: is_closed, most: 400 },
    // With loss over, and users who call nothing and read what comes, all that was queued arrives, and then there is rest
    // (§3.7, §3.8).
    Calm { name: "progress", begin: calm, next: next_of_open, over: is_at_rest, most: 400 },
];

/// Nothing goes wrong any more.
fn calm(_: &Rules, world: &World) -> World {
    World { left: Budget::CALM, ..world.clone() }
}

/// Both users have said that there is no more to send, and ask after silent peers.
fn close_both(rules: &Rules, world: &World) -> World {
    let mut world = calm(rules, world);
    keep_alive(&mut world);
    world
}

/// Both users have let go.
fn let_go_of_both(rules: &Rules, world: &World) -> World {
    let world = close_both(rules, world);
    (0..2).fold(world, |world, end| {
        let open = world.ends[end].tcb.is_some() && !world.ends[end].user.closed;
        if open && world.ends[end].state() != State::Closed {
            world.take(rules, Step::Close(end)).0
        } else {
            world
        }
    })
}

fn keep_alive(world: &mut World) {
    let now = world.now;
    for end in &mut world.ends {
        if let Some(tcb) = end.tcb.as_mut().filter(|tcb| tcb.state() != State::Closed) {
            let command = Command::SetKeepalive(Some(Keepalive::default()));
            Arc::make_mut(tcb).on_command(now, command).expect("the connection is open");
        }
    }
}

/// Users close as soon as they may.
pub fn closing(world: &World) -> Option<Step> {
    let closes = (0..2).find(|&end| {
        let open = world.ends[end].tcb.is_some() && world.ends[end].state() != State::Closed;
        open && !world.ends[end].user.shut
    });
    closes.map(Step::Shutdown).or_else(|| open(world))
}

/// Users read what there is.
fn open(world: &World) -> Option<Step> {
    let reads = (0..2).find(|&end| world.ends[end].unread() > 0 && !world.ends[end].user.closed);
    reads.map(Step::Read).or_else(|| world.calm_step())
}

/// Only what is on its way arrives.
pub fn deliveries(world: &World) -> Option<Step> {
    world.calm_step().filter(|step| !matches!(step, Step::Fire(_)))
}

fn next_of_closing(rules: &Rules, world: &World) -> Result<Option<World>, Violation> {
    take(rules, world, closing(world))
}

fn next_of_open(rules: &Rules, world: &World) -> Result<Option<World>, Violation> {
    take(rules, world, open(world))
}

fn next_delivery(rules: &Rules, world: &World) -> Result<Option<World>, Violation> {
    take(rules, world, deliveries(world))
}

/// Takes a step, of which everything is asked that is asked of those that are explored.
fn take(rules: &Rules, world: &World, step: Option<Step>) -> Result<Option<World>, Violation> {
    let Some(step) = step else { return Ok(None) };
    let (after, happened) = world.take(rules, step);
    check(world, step, &after, &happened)?;
    Ok(Some(after))
}

/// Why a connection is given up although its peer answers.
fn given_up(world: &World) -> Result<(), String> {
    for (end, name) in world.ends.iter().zip(["A", "B"]) {
        let reason = end.tcb.as_ref().and_then(|tcb| tcb.close_reason());
        if let Some(
            reason @ (CloseReason::RetransmissionsExhausted
            | CloseReason::UserTimeout
            | CloseReason::KeepaliveTimeout),
        ) = reason
        {
            return Err(format!("{name} gives up with {reason}, though all that is sent arrives"));
        }
    }
    Ok(())
}

fn is_closed(world: &World) -> Result<bool, String> {
    given_up(world)?;
    let closed = world.is_quiet() && world.ends.iter().all(|end| end.state() == State::Closed);
    if closed {
        reset_by_nobody(world)?;
    }
    Ok(closed)
}

/// Who was reset has a peer that has given up, has refused or deleted the connection, or did not know of it any more: and that
/// says so. Two ends that were both reset have been reset by nobody.
fn reset_by_nobody(world: &World) -> Result<(), String> {
    let was_reset =
        |end: &End| end.tcb.as_ref().is_some_and(|tcb| tcb.close_reason() == Some(CloseReason::Reset));
    // The reset of a closed port has the number 0 (§3.10.7.1): it counts where that is expected next, though it may be from
    // before somebody listened there.
    let by_chance =
        |end: &End| end.tcb.as_ref().is_some_and(|tcb| was_reset(end) && tcb.rcv_nxt() == SeqNumber::new(0));
    let both = world.ends.iter().all(was_reset) && !world.ends.iter().any(by_chance);
    if both { Err("both ends were reset, and neither has given up".to_owned()) } else { Ok(()) }
}

fn is_quiet(world: &World) -> Result<bool, String> {
    Ok(world.is_quiet())
}

/// Nothing is on its way, and nobody waits for anything.
fn is_at_rest(world: &World) -> Result<bool, String> {
    given_up(world)?;
    let rests = |end: usize| {
        let Some(tcb) = &world.ends[end].tcb else { return true };
        let resting = matches!(
            tcb.state(),
            State::Closed | State::Listen | State::Established | State::FinWait2 | State::CloseWait
        );
        let acknowledged = tcb.acked_to() == tcb.queued_to();
        let fin = !tcb.has_shut_down() || tcb.snd_una() == tcb.snd_max();
        resting && (tcb.state() == State::Closed || acknowledged && fin)
    };
    // A silent peer may be asked for ever.
    let waits = |end: &End| {
        end.tcb.as_ref().is_some_and(|tcb| tcb.deadlines().any(|(timer, _)| timer != Timer::Keepalive))
    };
    Ok(world.is_quiet() && !world.ends.iter().any(waits) && rests(0) && rests(1))
}

mod tests {
    use super::super::super::step::Opening;
    use super::*;

    /// Takes steps until nothing is left to do, in a network that loses everything.
    fn in_vain(mut world: World, rules: &Rules) -> World {
        while let Ok(Some(next)) = next_of_open(rules, &world) {
            world = next;
            world.lanes = Default::default();
        }
        world
    }

    #[test]
    fn an_end_that_gives_up_is_found() {
        let rules = Rules::new("calm");
        let (world, _) = World::new(&rules).take(&rules, Step::Open(0, Opening::Active));
        assert_eq!(is_closed(&world), Ok(false));
        assert_eq!(is_at_rest(&world), Ok(false));
        let world = in_vain(calm(&rules, &world), &rules);
        assert!(is_closed(&world).is_err_and(|why| why.contains("retransmissions_exhausted")));
        assert!(is_at_rest(&world).is_err());
    }

    #[test]
    fn an_end_that_is_still_open_is_not_closed_and_what_is_on_its_way_is_no_rest() {
        let rules = Rules::new("calm");
        let (world, _) = World::new(&rules).take(&rules, Step::Open(1, Opening::Passive));
        assert_eq!(is_at_rest(&world), Ok(true), "a listener rests");
        assert_eq!(is_closed(&world), Ok(false));
        let (world, _) = world.take(&rules, Step::Open(0, Opening::Active));
        assert_eq!(is_quiet(&world), Ok(false));
        let mut world = close_both(&rules, &world);
        while let Ok(Some(next)) = next_of_closing(&rules, &world) {
            world = next;
        }
        assert_eq!(is_closed(&world), Ok(true));
    }
}
