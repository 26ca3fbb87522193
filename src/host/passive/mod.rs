//! The passive side: who listens, and what is left of connections that are not there yet or not there any more.
//!
//! | file | what |
//! |---|---|
//! | `listeners.rs` | who listens where (RFC 9293 §3.10.1) |
//! | `half_open.rs` | connections between SYN and ACK: rows of 64 octets and a name ([`HalfOpen`]) |
//! | `decide.rs` | owners who want to know who calls before they answer |
//! | `time_wait.rs`, `waiting.rs` | connections in TIME-WAIT: rows of 36 octets and a name ([`TimeWait`](crate::tcp::TimeWait)) |
//! | `cookies.rs` | SYN cookies: handshakes of which nothing is remembered (RFC 4987 §3.6) |
//! | `fast_open.rs` | Fast Open cookies (RFC 7413 §4.1.2) |
//! | `view.rs`, `stats.rs` | rows as one sees them from outside, and counters |
//! | `chain.rs` | lists through rows |
//!
//! Nothing here is a machine: rows change state by [`State::on`](crate::State::on) alone, and become a
//! [`Tcb`] when the handshake is done. Nothing here knows buffers, packets or routes: segments come in with the name of
//! their flow, answers go out.

mod chain;
mod cookies;
mod decide;
mod fast_open;
mod half_open;
mod listeners;
mod stats;
mod time_wait;
mod view;
mod waiting;

use alloc::boxed::Box;

use super::FiveTuple;
use super::id::{ListenerId, RequestId};
use crate::connection::{ConnectionConfig, SharedConfig};
use crate::secret::Secret;
use crate::tcp::{DropReason, HalfOpen, Heard, NetworkError, SegmentMeta, Tcb, TcpConfig, Unpredictable};
use crate::{Event, Instant, State, TcpFlags};

pub use decide::{DecideError, Decision};
use fast_open::Baker;
pub use fast_open::FastOpenCookies;
use half_open::HalfOpenRows;
pub(crate) use listeners::Listener;
use listeners::Listeners;
pub use listeners::{ListenConfig, ListenError, ListenOn, SynCookies};
pub use stats::PassiveStats;
use time_wait::TimeWaitRows;
pub use view::RowView;
pub(crate) use waiting::Claim;

/// The limits of the passive side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PassiveConfig {
    /// Half-open connections of all listeners.
    pub(crate) half_open: u32,
    /// Rows in TIME-WAIT. One more, and the oldest goes.
    pub(crate) time_wait: u32,
    /// Believe in cookies at any time, and not only when this host has sent some lately: another host with the same
    /// secret may have sent them.
    pub(crate) shared_cookies: bool,
    /// What the host gives all connections: it has 2·MSL and the other rules of TIME-WAIT.
    pub(crate) tcp: TcpConfig,
}

/// What became of a segment for which there is no connection.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    /// Nobody here knows of it: a closed port (RFC 9293 §3.10.7.1).
    Unknown,
    /// It was taken in. What there is to say about it, [`Passive::poll_reply`] says.
    Taken,
    /// It was refused.
    Refused(Refused),
    /// It was refused, or is answered, with this segment.
    Reply(Reply),
    /// The handshake is done with it: a machine in SYN-RECEIVED, which is to be given the segment.
    Promote(Box<Promoted>),
}

/// Why a segment was refused without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// What a machine would say.
    Machine(DropReason),
    /// Both ends of the flow are one.
    Itself,
    /// There is no room for another half-open connection.
    NoRoom,
    /// Too many connections wait to be accepted, or the host has as many as it may have.
    BacklogFull,
}

/// A segment to send on behalf of a listener, or of one that was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) tuple: FiveTuple,
    pub(crate) meta: SegmentMeta,
    /// Whose [`ListenConfig`] says how its packet is to be.
    pub(crate) listener: Option<ListenerId>,
}

/// A half-open connection whose SYN,ACK is acknowledged.
#[derive(Clone, Debug)]
pub(crate) struct Promoted {
    pub(crate) tcb: Tcb,
    pub(crate) config: SharedConfig,
    /// It waits to be accepted there, until [`Passive::taken`].
    pub(crate) listener: ListenerId,
    /// What the owner was asked about, if it was.
    pub(crate) request: Option<RequestId>,
    /// The machine is in LISTEN, the segment is a SYN, and what comes with it may be taken at once (RFC 7413 §4.2.2).
    pub(crate) early: bool,
}

/// The listeners of a host, and its connections that are rows.
#[derive(Clone, Debug)]
pub(crate) struct Passive {
    config: PassiveConfig,
    listeners: Listeners,
    half_open: HalfOpenRows,
    time_wait: TimeWaitRows,
    /// Connections that began with the octets of a SYN, and whose peer has not been heard of since.
    early: u32,
    /// When a cookie was sent last.
    cookie_sent: Option<Instant>,
    /// Octets of memory, as they were when something was last added.
    held: usize,
    stats: PassiveStats,
}

impl Passive {
    pub(crate) fn new(config: PassiveConfig) -> Self {
        Self {
            listeners: Listeners::new(),
            half_open: HalfOpenRows::new(),
            time_wait: TimeWaitRows::new(config.tcp.time_wait),
            config,
            early: 0,
            cookie_sent: None,
            held: 0,
            stats: PassiveStats::default(),
        }
    }

    /// What it has seen and done.
    pub(crate) const fn stats(&self) -> &PassiveStats {
        &self.stats
    }

    /// Octets of memory.
    pub(crate) const fn memory(&self) -> usize {
        self.held
    }

    /// Whoever adds something calls this; the host asks for each packet how much memory there is.
    fn weigh(&mut self) {
        self.held = self.listeners.memory() + self.half_open.memory() + self.time_wait.memory();
    }

    /// Half-open connections.
    #[cfg(test)]
    pub(crate) const fn half_open(&self) -> u32 {
        self.half_open.len()
    }

    /// Listens on `on`, with packets of at most `mtu` octets. `usual` is how connections are of which `config` says
    /// nothing.
    pub(crate) fn listen(
        &mut self,
        on: ListenOn,
        config: &ListenConfig,
        usual: &ConnectionConfig,
        mtu: u16,
    ) -> Result<ListenerId, ListenError> {
        let listener = self.listeners.insert(on, config, usual, mtu);
        self.weigh();
        listener
    }

    /// Changes the choices of a listener.
    pub(crate) fn set_listen(
        &mut self,
        id: ListenerId,
        config: &ListenConfig,
        usual: &ConnectionConfig,
        mtu: u16,
    ) -> Result<(), ListenError> {
        self.listeners.change(id, config, usual, mtu)
    }

    /// The listener, if it is still there.
    pub(crate) fn listener(&self, id: ListenerId) -> Option<&Listener> {
        self.listeners.get(id)
    }

    /// All listeners, in a fixed order.
    pub(crate) fn listeners(&self) -> impl Iterator<Item = (ListenerId, &Listener)> {
        self.listeners.iter()
    }

    /// Nobody listens there any more, and says whether anybody did. Its half-open connections are forgotten; the
    /// answers to what their peers still send are those of a closed port. Connections live on.
    pub(crate) fn unlisten(&mut self, id: ListenerId) -> bool {
        let Some(mut gone) = self.listeners.remove(id) else {
            return false;
        };
        while let Some(index) = gone.half_open.first() {
            let row = self.half_open.remove(index, Some(&mut gone.half_open));
            let Some(mut row) = row else { break };
            end(&mut row.half, &row.tuple, Event::Abort);
            self.stats.gone += 1;
        }
        self.weigh();
        true
    }

    /// A connection that had waited was accepted, or is over before it was.
    pub(crate) fn taken(&mut self, id: ListenerId) {
        if let Some(listener) = self.listeners.get_mut(id) {
            listener.waiting = listener.waiting.saturating_sub(1);
        }
    }

    /// Whether the passive side knows of that flow: somebody is calling, or it is in TIME-WAIT.
    pub(crate) fn knows(&self, hash: u64, tuple: &FiveTuple) -> bool {
        self.half_open.find(hash, tuple).is_some() || self.time_wait.find(hash, tuple).is_some()
    }

    /// The network reports an error about a segment of that flow: whether it ends a call (RFC 5461 §4.1).
    pub(crate) fn on_network_error(&mut self, hash: u64, tuple: &FiveTuple, error: NetworkError) -> bool {
        let Some(index) = self.half_open.find(hash, tuple) else { return false };
        let Some(row) = self.half_open.get_mut(index) else { return false };
        let Some(listener) = self.listeners.row(row.listener) else { return false };
        let over = row.half.on_network_error(listener.connection(tuple).tcp(), error);
        if over {
            told(tuple, Event::BackToListen, State::SynReceived, row.half.state());
            self.stats.gone += 1;
            self.remove(index);
        }
        over
    }

    /// A segment for which there is no connection. `room` says whether there may be another one.
    pub(crate) fn on_segment(
        &mut self,
        now: Instant,
        hash: u64,
        tuple: &FiveTuple,
        seg: &SegmentMeta,
        secret: &Secret,
        room: bool,
    ) -> Outcome {
        if let Some(index) = self.half_open.find(hash, tuple) {
            return self.on_row(now, index, seg, room);
        }
        if let Some(slot) = self.time_wait.find(hash, tuple) {
            return self.on_waiting(now, hash, tuple, seg, secret, slot);
        }
        match self.listeners.find(tuple) {
            Some(listener) => self.on_listener(now, hash, tuple, seg, secret, listener, room),
            None => Outcome::Unknown,
        }
    }

    /// A segment for a half-open connection.
    fn on_row(&mut self, now: Instant, index: u32, seg: &SegmentMeta, room: bool) -> Outcome {
        let Some(row) = self.half_open.get_mut(index) else { return Outcome::Unknown };
        let Some(listener) = self.listeners.row(row.listener) else { return Outcome::Unknown };
        let config = listener.connection(&row.tuple).clone();
        let heard = row.half.on_segment(config.tcp(), now, seg);
        match heard {
            Heard::Acknowledged => return self.promote(index, seg, room),
            Heard::Over => {
                self.stats.gone += 1;
                told(&row.tuple, Event::BackToListen, State::SynReceived, row.half.state());
                self.remove(index);
                return Outcome::Taken;
            }
            Heard::Again | Heard::Refused(..) => {}
        }
        let over = row.half.state() != State::SynReceived;
        let reply = match heard {
            Heard::Refused(_, Some(meta)) => {
                let listener = Some(self.listeners.id(row.listener));
                Outcome::Reply(Reply { tuple: row.tuple, meta, listener })
            }
            Heard::Refused(reason, None) => Outcome::Refused(Refused::Machine(reason)),
            _ => Outcome::Taken,
        };
        if heard == Heard::Again {
            self.stats.syns += 1;
        }
        if over {
            self.stats.gone += 1;
            self.remove(index);
            return reply;
        }
        self.half_open.settle(index, config.tcp());
        reply
    }

    /// The SYN,ACK is acknowledged: the row becomes a machine, if there is room for it.
    fn promote(&mut self, index: u32, seg: &SegmentMeta, room: bool) -> Outcome {
        let Some(row) = self.half_open.get(index) else { return Outcome::Unknown };
        let at = row.listener;
        let request = row.asked.then(|| RequestId { index, generation: self.half_open.generation(index) });
        let Some(listener) = self.listeners.row_mut(at) else { return Outcome::Unknown };
        if !room || listener.waiting >= listener.config.backlog {
            self.stats.backlog_full += 1;
            let reset = seg.reset_in_answer().filter(|_| listener.config.reset_on_overflow);
            let Some(meta) = reset else { return Outcome::Refused(Refused::BacklogFull) };
            let (tuple, listener) = (row.tuple, Some(self.listeners.id(at)));
            self.stats.gone += 1;
            self.remove(index);
            return Outcome::Reply(Reply { tuple, meta, listener });
        }
        listener.waiting += 1;
        let config = listener.connection(&row.tuple).clone();
        let tcb = row.half.tcb(config.tcp());
        self.stats.completed += 1;
        self.remove(index);
        let listener = self.listeners.id(at);
        Outcome::Promote(Box::new(Promoted { tcb, config, listener, request, early: false }))
    }

    fn remove(&mut self, index: u32) {
        let at = self.half_open.get(index).map(|row| row.listener);
        let listener = at.and_then(|at| self.listeners.row_mut(at));
        self.half_open.remove(index, listener.map(|listener| &mut listener.half_open));
    }

    /// A segment in LISTEN (RFC 9293 §3.10.7.2).
    #[allow(clippy::too_many_arguments, reason = "a segment, and who it is for")]
    fn on_listener(
        &mut self,
        now: Instant,
        hash: u64,
        tuple: &FiveTuple,
        seg: &SegmentMeta,
        secret: &Secret,
        at: u32,
        room: bool,
    ) -> Outcome {
        if seg.flags.contains(TcpFlags::RST) {
            return Outcome::Refused(Refused::Machine(DropReason::ResetInListen));
        }
        if seg.flags.contains(TcpFlags::ACK) {
            return self.on_cookie(now, tuple, seg, secret, at, room);
        }
        if !seg.flags.contains(TcpFlags::SYN) {
            return Outcome::Refused(Refused::Machine(DropReason::NothingForListen));
        }
        if seg.flags.contains(TcpFlags::FIN)
            && self.listeners.row(at).is_some_and(|row| row.drops_syn_fin(tuple))
        {
            return Outcome::Refused(Refused::Machine(DropReason::NothingForListen));
        }
        self.stats.syns += 1;
        if tuple.local() == tuple.remote() {
            return Outcome::Refused(Refused::Itself);
        }
        if self.wants_cookie(at) {
            return self.send_cookie(now, tuple, seg, secret, at);
        }
        let secrets = secret.unpredictable(tuple.local(), tuple.remote(), now);
        if room && self.may_open_early(now, tuple, seg, secret, at) {
            return self.open_early(tuple, secrets, at);
        }
        self.meet(now, hash, tuple, seg, secrets, at)
    }

    /// A SYN gets a row.
    fn meet(
        &mut self,
        now: Instant,
        hash: u64,
        tuple: &FiveTuple,
        seg: &SegmentMeta,
        secrets: Unpredictable,
        at: u32,
    ) -> Outcome {
        let Some(listener) = self.listeners.row(at) else { return Outcome::Unknown };
        let (config, decide) = (listener.connection(tuple).clone(), listener.config.decide);
        let Some(mut half) = HalfOpen::meet(config.tcp(), seg, secrets, now) else {
            return Outcome::Unknown;
        };
        if !self.make_room(at) {
            self.stats.no_room += 1;
            return Outcome::Refused(Refused::NoRoom);
        }
        if decide {
            half.wait(config.tcp());
        }
        told(tuple, Event::Syn, State::Listen, half.state());
        if let Some(listener) = self.listeners.row_mut(at) {
            let index = self.half_open.insert(hash, *tuple, half, at, &mut listener.half_open);
            self.half_open.settle(index, config.tcp());
            self.weigh();
        }
        Outcome::Taken
    }

    /// Whether a listener's share, or that of all, is used up; and the row that has to go then.
    fn in_the_way(&self, at: u32) -> Option<Option<u32>> {
        let listener = self.listeners.row(at)?;
        if listener.half_open.len() >= listener.config.half_open {
            return Some(listener.half_open.first());
        }
        (self.half_open.len() >= self.config.half_open).then(|| self.half_open.oldest())
    }

    /// Makes room for another half-open connection; `false` if there may be none at all.
    fn make_room(&mut self, at: u32) -> bool {
        match self.in_the_way(at) {
            None => true,
            Some(None) => false,
            Some(Some(oldest)) => {
                if let Some(row) = self.half_open.get_mut(oldest) {
                    end(&mut row.half, &row.tuple, Event::BackToListen);
                }
                self.stats.evicted += 1;
                self.remove(oldest);
                true
            }
        }
    }

    /// The next SYN,ACK that is due, formed now.
    pub(crate) fn poll_reply(&mut self, now: Instant, secret: &Secret) -> Option<Reply> {
        while let Some(index) = self.half_open.next_ready() {
            let Some(row) = self.half_open.get_mut(index) else { continue };
            let Some(listener) = self.listeners.row(row.listener) else { continue };
            let config = listener.connection(&row.tuple).clone();
            let Some(mut meta) = row.half.poll_segment(config.tcp(), now) else { continue };
            if listener.config.fast_open && row.half.asks_for_cookie() {
                let cookies = listener.config.fast_open_cookies;
                meta.options.fast_open = Baker { cookies, secret, tuple: &row.tuple }.give(now);
            }
            let listener = Some(self.listeners.id(row.listener));
            let reply = Reply { tuple: row.tuple, meta, listener };
            self.half_open.settle(index, config.tcp());
            self.weigh();
            self.stats.syn_acks += 1;
            return Some(reply);
        }
        None
    }

    /// Whether [`poll_reply`](Self::poll_reply) may have something.
    pub(crate) const fn has_reply(&self) -> bool {
        self.half_open.is_ready()
    }

    /// When [`on_timeout`](Self::on_timeout) is due.
    pub(crate) fn first_deadline(&mut self) -> Option<Instant> {
        let half_open = self.half_open.first_deadline().map(|(at, _)| at);
        let time_wait = self.time_wait.first().map(|(at, _)| at);
        half_open.into_iter().chain(time_wait).min()
    }

    /// Serves what is due.
    pub(crate) fn on_timeout(&mut self, now: Instant) {
        self.end_waits(now);
        while let Some((_, index)) = self.half_open.first_deadline().filter(|&(at, _)| at <= now) {
            let Some(row) = self.half_open.get_mut(index) else { break };
            let Some(listener) = self.listeners.row(row.listener) else { break };
            let config = listener.connection(&row.tuple).clone();
            if row.half.on_timeout(config.tcp(), now) {
                self.half_open.settle(index, config.tcp());
                self.weigh();
            } else {
                told(&row.tuple, Event::BackToListen, State::SynReceived, row.half.state());
                self.stats.timed_out += 1;
                self.remove(index);
            }
        }
    }
}

/// Ends a half-open connection by `event`.
fn end(half: &mut HalfOpen, tuple: &FiveTuple, event: Event) {
    let before = half.state();
    half.end(event);
    told(tuple, event, before, half.state());
}

/// With the feature `tracing`: an event for a row that is in another state from now on.
#[cfg_attr(not(feature = "tracing"), allow(unused_variables, reason = "nothing to tell"))]
fn told(tuple: &FiveTuple, event: Event, from: State, to: State) {
    #[cfg(feature = "tracing")]
    tracing::debug!(
        target: "tcpstate::host",
        flow = %tuple,
        event = event.name(),
        from = from.name(),
        to = to.name(),
        "state"
    );
}

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
#[cfg(all(test, feature = "tracing"))]
mod traced;
