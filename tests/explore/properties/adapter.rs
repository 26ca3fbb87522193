//! From the explorer's worlds to what the properties see.

use tcpstate::tcp::{Command, Queue};

use super::super::step::{Happened, Opening, Step as Taken};
use super::super::world::{End, World};
use super::{Cause, Sent, Sight, Step, Violation};

/// Asks every property of single steps about this one. Called for each step that is explored.
pub fn check(before: &World, taken: Taken, after: &World, happened: &Happened) -> Result<(), Violation> {
    let Some(step) = seen(before, taken, after, happened) else { return Ok(()) };
    super::of_step(&step).map_or(Ok(()), Err)
}

/// The step as properties see it; nothing where only the network did something.
fn seen(before: &World, taken: Taken, after: &World, happened: &Happened) -> Option<Step> {
    let answer = happened.refused.map_or(Ok(()), Err);
    let cause = match taken {
        Taken::Drop(_) | Taken::Copy(_) | Taken::Overtake(_) => return None,
        Taken::Open(_, opening) => Cause::Open { active: opening == Opening::Active },
        Taken::Send(_, len) => {
            Cause::Call(Command::Queue(Queue { len: len.into(), ..Queue::default() }), answer)
        }
        Taken::Read(_) => {
            let octets = happened.read.map_or(0, |(_, octets)| octets.into());
            Cause::Call(Command::Consumed(octets), answer)
        }
        Taken::Shutdown(_) => Cause::Call(Command::Shutdown, answer),
        Taken::Close(_) => Cause::Call(Command::Close, answer),
        Taken::Abort(_) => Cause::Call(Command::Abort, answer),
        Taken::Deliver(_) | Taken::DeliverStray(..) | Taken::Forge(..) => {
            let arrived = happened.arrived?;
            Cause::Segment(arrived.packet.meta, arrived.packet.offset, arrived.verdict)
        }
        Taken::Fire(_) => Cause::Timeout,
    };
    let end = taken.end();
    let sent = happened.sent.iter().filter(|sent| sent.from == end);
    let mut inbox = [0; 8];
    inbox.iter_mut().zip(&after.ends[end].inbox).for_each(|(place, octet)| *place = *octet);
    Some(Step {
        now: after.now,
        end,
        cause,
        before: sight(&before.ends[end]),
        after: sight(&after.ends[end]),
        peer: sight(&after.ends[1 - end]),
        transitions: happened
            .transitions
            .iter()
            .filter(|transition| transition.end == end)
            .map(|transition| (transition.event, transition.to))
            .collect(),
        sent: sent.map(|sent| Sent { meta: sent.packet.meta, offset: sent.packet.offset }).collect(),
        inbox,
    })
}

fn sight(end: &End) -> Sight {
    end.tcb.as_ref().map_or_else(Sight::none, |tcb| Sight::of(tcb))
}
