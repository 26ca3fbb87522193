//! What has to be done after anything has happened to a connection, and how connections end.

use super::event::Subject;
use super::flow::{Flow, Marks};
use super::passive::Reply;
use super::slab::Slab;
use super::wheel::Wheel;
use super::{ConnId, Host, demux};
use crate::tcp::Notices;
use crate::{Instant, State};

impl Host {
    /// After a call on a connection: tells its user, gives it a turn to send, sets its timer, counts its memory.
    #[inline]
    pub(super) fn settle(&mut self, now: Instant, index: u32, notices: &Notices) {
        self.settle_where(now, index, notices, |flow| flow.connection.has_something_to_send());
    }

    /// [`settle`](Self::settle) for a connection that has nothing to send, as is known.
    #[inline]
    pub(super) fn settle_silent(&mut self, now: Instant, index: u32, notices: &Notices) {
        self.settle_where(now, index, notices, |_| false);
    }

    #[inline]
    fn settle_where(
        &mut self,
        now: Instant,
        index: u32,
        notices: &Notices,
        sends: impl FnOnce(&Flow) -> bool,
    ) {
        let Some(flow) = self.flows.get_mut(index) else {
            return;
        };
        let sends = sends(flow);
        let tell = flow.note(notices);
        #[cfg(feature = "tracing")]
        tell_of_transitions(flow, notices);
        // Who is over and has no name any more is silent: a reader may still take what has come.
        let named = flow.marks.has(Marks::NAMED);
        if sends && named && flow.marks.newly(Marks::SENDING) {
            self.sending.push_back(index);
        }
        if named {
            arm(&mut self.wheel, flow, index);
        }
        let held = u32::try_from(flow.connection.memory()).unwrap_or(u32::MAX);
        if held != flow.held {
            self.held = (self.held + held as usize).saturating_sub(flow.held as usize);
            flow.held = held;
        }
        let over = flow.is_over() && !sends && named;
        if tell {
            self.tell(index);
        }
        if over {
            self.retire(now, index);
        }
    }

    /// The wheel has to hear of a deadline that has come nearer.
    pub(super) fn arm(&mut self, index: u32) {
        if let Some(flow) = self.flows.get_mut(index) {
            arm(&mut self.wheel, flow, index);
        }
    }

    /// Gives the connection a place in the queue of events, unless it has one, or nobody would take it.
    pub(super) fn tell(&mut self, index: u32) {
        let id = self.id(index);
        if let Some(flow) = self.flows.get_mut(index)
            && flow.has_pending()
            && !flow.marks.has(Marks::ORPHAN | Marks::UNACCEPTED)
            && flow.marks.newly(Marks::EVENT)
        {
            self.events.push(Subject::Connection(id));
        }
    }

    /// The connection is over and has said everything: its name is free. What was not read, and how it ended, stays
    /// until it is released.
    ///
    /// A connection in TIME-WAIT leaves a small row behind, which answers for it (RFC 9293 §3.6.1).
    #[cold]
    fn retire(&mut self, now: Instant, index: u32) {
        self.stats.closed += 1;
        self.unname(index);
        if let Some(flow) = self.flows.get(index)
            && flow.connection.state() == State::TimeWait
        {
            let hash = demux::hash(&self.secret, &flow.tuple);
            let kept = self.passive.add_time_wait(now, hash, &flow.tuple, flow.connection.tcb());
            debug_assert!(kept, "a connection in TIME-WAIT that has said everything: {:?}", flow.tuple);
        }
        let orphan = self.flows.get(index).is_none_or(|flow| flow.marks.has(Marks::ORPHAN));
        if orphan {
            self.forget(index);
        } else {
            let id = self.id(index);
            if let Some(flow) = self.flows.get_mut(index) {
                flow.marks.set(Marks::ROLLED);
            }
            self.over.push(id, now);
            self.limit_over();
        }
    }

    /// Packets and time find the row no more.
    fn unname(&mut self, index: u32) {
        if let Some(flow) = self.flows.get_mut(index) {
            flow.armed = Instant::MAX;
            if flow.marks.take(Marks::EARLY) {
                self.passive.early_no_more();
            }
            if flow.marks.take(Marks::NAMED) {
                self.names.remove(demux::hash(&self.secret, &flow.tuple), index);
            }
        }
        self.wheel.cancel(index);
    }

    /// Removes a row for good.
    pub(super) fn forget(&mut self, index: u32) {
        self.unname(index);
        let Some(flow) = self.flows.remove(index) else {
            return;
        };
        self.held = self.held.saturating_sub(flow.held as usize);
        let flows = &self.flows;
        if flow.marks.has(Marks::ORPHAN) {
            self.orphans.leave(|id| is_there(flows, id));
        } else if flow.marks.has(Marks::ROLLED) {
            self.over.leave(|id| is_there(flows, id));
        }
        self.tidy();
    }

    /// Rows that went have left their places in queues behind. They are removed together, before they are more than the
    /// others.
    fn tidy(&mut self) {
        let most = 2 * self.flows.len() + 64;
        if self.events.connections() > most {
            let flows = &self.flows;
            self.events.retain(|id| is_there(flows, id));
        }
        for (queue, mark) in [(&mut self.sending, Marks::SENDING), (&mut self.disordered, Marks::DISORDERED)]
        {
            if queue.len() <= most {
                continue;
            }
            // Each row's first place counts: the mark is taken there, and given back when all were seen.
            queue.retain(|&index| self.flows.get_mut(index).is_some_and(|flow| flow.marks.take(mark)));
            for &index in queue.iter() {
                if let Some(flow) = self.flows.get_mut(index) {
                    flow.marks.set(mark);
                }
            }
        }
    }

    /// Gives the id back: it names nothing any more, and what was not read is forgotten. A connection that is not over
    /// is closed and goes on without a user until its FIN is acknowledged, or [`Limits`](super::Limits) end it.
    /// Releasing a stale id does nothing.
    pub fn release(&mut self, now: Instant, id: ConnId) {
        if let Some(index) = self.index(id) {
            self.let_go(now, index);
        }
    }

    pub(super) fn let_go(&mut self, now: Instant, index: u32) {
        let id = self.id(index);
        let Some(flow) = self.flows.get_mut(index) else {
            return;
        };
        if !flow.marks.has(Marks::NAMED) {
            return self.forget(index);
        }
        flow.marks.set(Marks::ORPHAN);
        let notices = flow.connection.close(now).unwrap_or_default();
        self.orphans.push(id, now);
        self.settle(now, index, &notices);
        if self.orphans.len() > self.config.limits.orphans {
            self.reset_oldest_orphan(now);
        }
    }

    /// Of the connections that are over and not released, the first one is released (its user has had the longest
    /// time).
    fn limit_over(&mut self) {
        if self.over.len() <= self.config.limits.unreleased {
            return;
        }
        let flows = &self.flows;
        if let Some((id, _)) = self.over.first(|id| is_there(flows, id)) {
            self.stats.released_by_force += 1;
            self.forget(id.index);
        }
    }

    /// The orphan that was released first, and when that was.
    pub(super) fn oldest_orphan(&mut self) -> Option<(u32, Instant)> {
        let flows = &self.flows;
        self.orphans.first(|id| is_there(flows, id)).map(|(id, since)| (id.index, since))
    }

    /// Resets the orphan that was released first (RFC 6429 §3), and says whether there was one.
    pub(super) fn reset_oldest_orphan(&mut self, now: Instant) -> bool {
        let Some((index, _)) = self.oldest_orphan() else {
            return false;
        };
        self.stats.orphans_reset += 1;
        self.stats.closed += 1;
        // The reset waits without its row: whoever has to make room cannot wait until somebody polls.
        if let Some(flow) = self.flows.get_mut(index)
            && flow.connection.abort(now).is_ok()
            && let Some(plan) = flow.connection.poll_segment(now)
        {
            let reset = Reply { tuple: flow.tuple, meta: plan.meta, listener: None };
            self.answer(&reset);
        }
        self.forget(index);
        true
    }
}

/// Whether the row is still the one that the id was made for.
fn is_there(flows: &Slab<Flow>, id: ConnId) -> bool {
    flows.get(id.index).is_some() && flows.generation(id.index) == id.generation
}

/// A deadline that moved away stays where it is in the wheel, and is looked at when it has come to the front.
#[inline]
pub(super) fn arm(wheel: &mut Wheel, flow: &mut Flow, index: u32) {
    let deadline = flow.connection.poll_timeout().unwrap_or(Instant::MAX);
    if deadline < flow.armed {
        flow.armed = deadline;
        wheel.set(index, deadline);
    }
}

/// An event for every transition that a call has brought.
#[cfg(feature = "tracing")]
fn tell_of_transitions(flow: &Flow, notices: &Notices) {
    for (event, to) in notices.transitions.iter() {
        tracing::debug!(
            target: "tcpstate::host",
            flow = %flow.tuple,
            event = event.name(),
            to = to.name(),
            "state"
        );
    }
}
