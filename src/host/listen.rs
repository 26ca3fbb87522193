//! Listeners as their users see them: who waits to be accepted, and who waits for a decision.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use super::event::Subject;
use super::flow::{Flow, Marks};
use super::passive::{Outcome, Promoted, Refused, Reply};
use super::{
    ConnId, DecideError, Decision, Event, FiveTuple, Host, IgnoreReason, Ingress, ListenConfig, ListenError,
    ListenOn, ListenerId, PassiveStats, RequestId,
};
use crate::connection::{Connection, Payload};
use crate::tcp::{Notices, SegmentMeta};
use crate::{Instant, TcpFlags};

/// Those who wait to be accepted, by the index of their listener; how many there may be, the listener knows.
#[derive(Clone, Debug, Default)]
pub(super) struct AcceptQueues {
    queues: Vec<Queue>,
    /// Places in all of them: there may be many listeners, and memory is counted often.
    places: usize,
}

#[derive(Clone, Debug, Default)]
struct Queue {
    waiting: VecDeque<ConnId>,
    /// The owner was told, and has not heard since that nobody waits.
    told: bool,
}

impl AcceptQueues {
    fn of(&mut self, listener: ListenerId) -> Option<&mut Queue> {
        let at = listener.index as usize;
        if at >= self.queues.len() {
            self.queues.resize_with(at + 1, Queue::default);
        }
        self.queues.get_mut(at)
    }

    /// One more waits; says whether the owner has not been told that somebody does.
    fn push(&mut self, listener: ListenerId, id: ConnId) -> bool {
        let Some(queue) = self.of(listener) else { return false };
        let before = queue.waiting.capacity();
        queue.waiting.push_back(id);
        let more = queue.waiting.capacity() - before;
        let news = !core::mem::replace(&mut queue.told, true);
        self.places += more;
        news
    }

    /// Takes all of them out: nobody listens there any more.
    fn take(&mut self, listener: ListenerId) -> VecDeque<ConnId> {
        let queue = self.of(listener).map(core::mem::take).unwrap_or_default();
        self.places -= queue.waiting.capacity();
        queue.waiting
    }

    /// Octets of memory.
    pub(super) fn memory(&self) -> usize {
        self.places * size_of::<ConnId>() + self.queues.capacity() * size_of::<Queue>()
    }
}

impl Host {
    /// Listens: `10.0.0.1:80`, `0.0.0.0:80` (any address), [`ListenOn::ANYTHING`] (any port of any address). Goes on
    /// until [`unlisten`](Self::unlisten), whatever becomes of the connections: they are rows of their own (RFC 9293
    /// MUST-41, MUST-42).
    ///
    /// # Errors
    ///
    /// [`ListenError`] when somebody listens there, or nobody can. An address that the host does not have is no error:
    /// nobody reaches it then, unless [`any_destination`](super::HostConfig::any_destination) is set.
    pub fn listen(
        &mut self,
        on: impl Into<ListenOn>,
        config: &ListenConfig,
    ) -> Result<ListenerId, ListenError> {
        self.passive.listen(on.into(), config, &self.config.connection, self.config.mtu)
    }

    /// Changes the choices of a listener, for those who call from now on. [`v6_only`](ListenConfig::v6_only) stays as it was.
    ///
    /// # Errors
    ///
    /// [`ListenError`] when the choices do not do, nobody listens there any more, or
    /// [`connection`](ListenConfig::connection) is another while there are half-open connections, whose peers have been
    /// told already how theirs is.
    pub fn set_listen(&mut self, listener: ListenerId, config: &ListenConfig) -> Result<(), ListenError> {
        self.passive.set_listen(listener, config, &self.config.connection, self.config.mtu)
    }

    /// Nobody listens there any more, and says whether anybody did. Connections that were accepted live on; those that
    /// waited for that are reset.
    pub fn unlisten(&mut self, now: Instant, listener: ListenerId) -> bool {
        if !self.passive.unlisten(listener) {
            return false;
        }
        for id in self.accepts.take(listener) {
            if self.index(id).is_none() {
                continue;
            }
            let notices = self.flows.get_mut(id.index).and_then(|flow| flow.connection.abort(now).ok());
            self.settle(now, id.index, &notices.unwrap_or_default());
            self.let_go(now, id.index);
        }
        true
    }

    /// The next connection that waits, or `None`: then [`Event::Incoming`] tells when there is another one. It may be
    /// over already.
    pub fn accept(&mut self, listener: ListenerId) -> Option<ConnId> {
        self.passive.listener(listener)?;
        loop {
            let queue = self.accepts.of(listener)?;
            let Some(id) = queue.waiting.pop_front() else {
                queue.told = false;
                return None;
            };
            self.passive.taken(listener);
            // Who was over, and had to make room for others that are over, is gone.
            if self.index(id).is_none() {
                continue;
            }
            if let Some(flow) = self.flows.get_mut(id.index) {
                flow.marks.clear(Marks::UNACCEPTED);
            }
            self.tell(id.index);
            return Some(id);
        }
    }

    /// Connections that wait to be accepted there.
    #[must_use]
    pub fn waiting(&self, listener: ListenerId) -> usize {
        self.passive.listener(listener).map_or(0, |listener| listener.waiting as usize)
    }

    /// Who waits for that decision: of a listener with [`ListenConfig::decide`]; `None` if he does not wait any more.
    #[must_use]
    pub fn request(&self, request: RequestId) -> Option<&FiveTuple> {
        self.passive.request(request)
    }

    /// Decides about a caller before he is answered.
    ///
    /// # Errors
    ///
    /// [`DecideError`] when he does not wait any more.
    pub fn decide(&mut self, request: RequestId, decision: Decision) -> Result<(), DecideError> {
        if let Some(reply) = self.passive.decide(request, decision)? {
            self.answer(&reply);
        }
        Ok(())
    }

    /// What listeners have seen and done.
    #[must_use]
    pub const fn passive_stats(&self) -> &PassiveStats {
        self.passive.stats()
    }

    /// Every listener, and where it listens, in a fixed order.
    pub fn listeners(&self) -> impl Iterator<Item = (ListenerId, ListenOn)> {
        self.passive.listeners().map(|(id, listener)| (id, listener.on))
    }

    pub(super) fn incoming(&mut self, listener: ListenerId) -> Option<Event> {
        self.passive.listener(listener)?;
        let queue = self.accepts.of(listener)?;
        // Who has accepted all before he heard of them hears of the next one.
        queue.told = !queue.waiting.is_empty();
        queue.told.then_some(Event::Incoming { listener })
    }

    /// The next caller to decide about.
    pub(super) fn next_request(&mut self) -> Option<Event> {
        let (listener, request) = self.passive.poll_request()?;
        Some(Event::Decide { listener, request })
    }

    /// A segment for which there is no connection.
    #[cold]
    pub(super) fn take_stray(
        &mut self,
        now: Instant,
        hash: u64,
        tuple: &FiveTuple,
        meta: &SegmentMeta,
        payload: Payload<'_>,
    ) -> Result<Ingress, IgnoreReason> {
        let opens = meta.flags.contains(TcpFlags::ACK) || meta.options.fast_open.is_some() || meta.len > 0;
        let room =
            opens && self.flows.len() < self.config.limits.connections && self.has_memory_for_callers();
        match self.passive.on_segment(now, hash, tuple, meta, &self.secret, room) {
            Outcome::Unknown => {
                self.refuse(now, tuple, meta);
                return Err(IgnoreReason::NoConnection);
            }
            Outcome::Refused(Refused::Itself) => return Err(IgnoreReason::InvalidSource),
            Outcome::Refused(Refused::Machine(reason)) => self.stats.refuse(reason),
            Outcome::Refused(_) | Outcome::Taken => {}
            Outcome::Reply(reply) => self.answer(&reply),
            Outcome::Promote(promoted) => return Ok(self.promote(now, *tuple, *promoted, meta, payload)),
        }
        Ok(Ingress::Taken)
    }

    fn promote(
        &mut self,
        now: Instant,
        tuple: FiveTuple,
        promoted: Promoted,
        meta: &SegmentMeta,
        payload: Payload<'_>,
    ) -> Ingress {
        let connection = Connection::from_tcb(&promoted.config, promoted.tcb, now);
        let mut flow = Flow::new(connection, tuple);
        flow.marks.set(Marks::UNACCEPTED);
        if promoted.early {
            flow.marks.set(Marks::EARLY);
        }
        flow.tag = promoted.request.map_or(0, RequestId::to_bits);
        let index = self.admit(flow);
        let listener = promoted.listener;
        if let (Some(flow), Some(its)) = (self.flows.get_mut(index), self.passive.listener(listener)) {
            flow.hop_limit = its.config.hop_limit.unwrap_or(flow.hop_limit);
            flow.dscp = its.config.dscp.unwrap_or(flow.dscp);
        }
        self.stats.passive_opens += 1;
        let id = self.id(index);
        if self.accepts.push(listener, id) {
            self.events.push(Subject::Listener(listener));
        }
        let ingress = self.give_segment(now, index, meta, payload);
        if promoted.early {
            self.open_early(now, index);
        }
        ingress
    }

    /// What has come with the SYN may be read, and answered, before the handshake is done (RFC 7413 §4.2.2).
    fn open_early(&mut self, now: Instant, index: u32) {
        let Some(flow) = self.flows.get_mut(index) else { return };
        let mut notices = Notices::default();
        if flow.connection.open_early() {
            notices.readable = flow.connection.unread() > 0;
        } else {
            // A connection of ours that goes back to LISTEN would stay for ever.
            notices = flow.connection.abort(now).unwrap_or_default();
        }
        self.settle(now, index, &notices);
    }

    /// Queues what a listener has to say.
    pub(super) fn answer(&mut self, reply: &Reply) {
        if !self.replies.push(*reply) {
            self.stats.answers_withheld += 1;
        }
    }
}

#[cfg(test)]
mod tests;
