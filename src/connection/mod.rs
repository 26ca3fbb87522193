//! One connection with its octets: a [`Tcb`] and the two buffers that it speaks of.
//!
//! [`Tcb`] says which octets of the two streams to keep, to send and to forget; [`Connection`] keeps, gives
//! and forgets them. It knows no addresses: [`Single`](crate::host::Single) does.
//!
//! # Memory
//!
//! Memory is held while octets are, and a second longer: up to 1 KiB in each direction, and all of it for a busy
//! stream. An open connection that has rested for a second holds none beside its own size. What was given as [`Bytes`] is
//! kept by reference ([`send_bytes`](Connection::send_bytes), [`Payload::Bytes`]); slices are copied once,
//! into chunks that grow with the traffic. Small pieces share chunks, and a payload that would keep a packet
//! many times its size alive is copied out of it, so that what is held stays in proportion to what is
//! buffered: [`memory`](Connection::memory) counts it.
//!
//! How much may be held follows the traffic. The receive window begins with
//! [`TcpConfig::receive_window`](crate::tcp::TcpConfig::receive_window) and grows with what the user reads in a
//! round trip; the send buffer begins with [`ConnectionConfig::send_buffer`] and grows with the congestion
//! window; each has a cap, and goes back when it is not needed.
//!
//! # Example
//!
//! ```
//! use tcpstate::connection::{Connection, ConnectionConfig, Payload, Received};
//! use tcpstate::tcp::Unpredictable;
//! use tcpstate::Instant;
//!
//! /// Carries everything that `from` has to send to `to`.
//! fn carry(now: Instant, from: &mut Connection, to: &mut Connection) {
//!     while let Some(plan) = from.poll_segment(now) {
//!         let payload: Vec<u8> = from.payload(&plan).flatten().copied().collect();
//!         to.on_segment(now, &plan.meta, Payload::Slice(&payload));
//!     }
//! }
//!
//! let now = Instant::ZERO;
//! let config = ConnectionConfig::default();
//! let mut server = Connection::listen(&config);
//! server.prepare(Unpredictable { iss: 7.into(), timestamp_offset: 0 });
//! let mut client = Connection::connect(&config, Unpredictable { iss: 5.into(), timestamp_offset: 0 }, now);
//! for _ in 0..2 {
//!     carry(now, &mut client, &mut server);
//!     carry(now, &mut server, &mut client);
//! }
//! client.send(now, b"hello")?;
//! client.shutdown(now)?;
//! carry(now, &mut client, &mut server);
//! assert_eq!(server.recv(now, 100), Received::Data("hello".into()));
//! assert_eq!(server.recv(now, 100), Received::Eof);
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```

use alloc::sync::Arc;
use core::time::Duration;

use bytes::Bytes;

use crate::tcp::compact::MaybeInstant;
use crate::tcp::state::Event;
use crate::tcp::{
    CloseReason, Command, CommandError, Cookie, NetworkError, Notices, PathMtu, Queue, SegmentMeta,
    SegmentPlan, Tcb, TcpInfo, Unpredictable,
};
use crate::{Instant, State};

mod pace;
mod payload;
mod recv_buffer;
mod send_buffer;
mod settings;
mod user;

pub use payload::{Arrival, Payload};
use recv_buffer::RecvBuffer;
use send_buffer::SendBuffer;
pub use user::{ConnectionConfig, Received, SendError, SendFlags, SharedConfig};

/// Memory is kept for more for this long after it was last needed.
const REST: Duration = Duration::from_secs(1);

/// A [`Tcb`] and its two buffers: segments in and out, streams in between.
///
/// Calls may come in any order. The usual one: [`on_segment`](Self::on_segment) for what arrived,
/// [`on_timeout`](Self::on_timeout) when [`poll_timeout`](Self::poll_timeout) has come, the user's calls,
/// then [`poll_segment`](Self::poll_segment) until there is nothing more to send.
#[derive(Clone, Debug)]
pub struct Connection {
    tcb: Tcb,
    send: SendBuffer,
    recv: RecvBuffer,
    /// The user has closed or aborted: nothing is read any more.
    let_go: bool,
    /// A SEND in LISTEN was an active open, and no notice has told of it yet.
    untold: bool,
    /// When what is empty gives back the memory that it keeps for more.
    rest_at: MaybeInstant,
}

impl Connection {
    /// Opens actively: the SYN comes from the next [`poll_segment`](Self::poll_segment).
    #[must_use]
    pub fn connect(config: impl Into<SharedConfig>, secrets: Unpredictable, now: Instant) -> Self {
        let config = config.into();
        let tcb = Tcb::connect(Arc::clone(&config.tcp), secrets, now);
        Self::new(&config, tcb)
    }

    /// Opens passively: waits for a SYN. Call [`prepare`](Self::prepare) before handing it one.
    #[must_use]
    pub fn listen(config: impl Into<SharedConfig>) -> Self {
        let config = config.into();
        let tcb = Tcb::listen(Arc::clone(&config.tcp));
        Self::new(&config, tcb)
    }

    /// A connection around a machine that was made elsewhere. No octet of its streams is held: what is queued is
    /// acknowledged, and what has arrived was read.
    pub(crate) fn from_tcb(config: impl Into<SharedConfig>, tcb: Tcb, now: Instant) -> Self {
        let mut connection = Self::new(&config.into(), tcb);
        connection.rest_later(now);
        connection.check_mirror();
        connection
    }

    fn new(config: &SharedConfig, tcb: Tcb) -> Self {
        Self {
            send: SendBuffer::starting_at(config.send_buffer, config.send_buffer_max, tcb.acked_to()),
            recv: RecvBuffer::new(tcb.consumed_to()),
            tcb,
            let_go: false,
            untold: false,
            rest_at: MaybeInstant::NONE,
        }
    }

    /// Gives a listening connection what nobody may guess, made for the peer whose SYN is about to be handed
    /// in.
    pub fn prepare(&mut self, secrets: Unpredictable) {
        self.tcb.prepare(secrets);
    }

    /// Takes in a segment. `meta.len` is taken to be the length of `payload`.
    pub fn on_segment(&mut self, now: Instant, meta: &SegmentMeta, payload: Payload<'_>) -> Arrival {
        let len = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        let mut arrival = Arrival::default();
        let verdict = &mut arrival.verdict;
        if meta.len == len {
            self.tcb.on_segment_into(now, meta, verdict);
        } else {
            self.tcb.on_segment_into(now, &SegmentMeta { len, ..*meta }, verdict);
        }
        if let Some(placed) = verdict.store.filter(|_| !self.let_go) {
            let part = if placed.len == len {
                payload
            } else {
                payload.part(placed.skip as usize, placed.len as usize)
            };
            let config = self.tcb.config();
            let window = config.receive_window.max(config.receive_window_max);
            arrival.conflict = self.recv.store(now, window, placed.offset, part);
        }
        self.recv.set_readable(verdict.readable_to);
        if self.send.is_new(verdict.acked_to) {
            self.acknowledged(now, verdict.acked_to);
        }
        if !verdict.notices.transitions.is_empty() {
            self.after_transition();
            self.rest_if_open(now);
            self.tell(&mut verdict.notices);
        }
        self.check_mirror();
        arrival
    }

    /// The peer has acknowledged octets. The congestion window may have grown, and with it the room for more:
    /// the user hears of either by the same [`Notices::writable`], for it tells of every such acknowledgment.
    fn acknowledged(&mut self, now: Instant, to: u64) {
        self.send.make_room_for(self.tcb.cwnd());
        if self.send.forget(now, to) {
            self.rest_later(now);
        }
    }

    /// Acts on the deadlines that have come; too early a call does nothing.
    pub fn on_timeout(&mut self, now: Instant) -> Notices {
        if self.rest_at.get().is_some_and(|at| at <= now) {
            self.rest();
        }
        let notices = self.tcb.on_timeout(now);
        self.note(notices)
    }

    /// The next moment at which [`on_timeout`](Self::on_timeout) has something to do.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let machine = self.tcb.poll_timeout();
        match self.rest_at.get() {
            Some(rest) => Some(machine.map_or(rest, |machine| machine.min(rest))),
            None => machine,
        }
    }

    /// The next segment to send, if there is one. Its octets: [`payload`](Self::payload).
    #[inline]
    pub fn poll_segment(&mut self, now: Instant) -> Option<SegmentPlan> {
        let mut plan = SegmentPlan::default();
        self.poll_segment_into(now, &mut plan).then_some(plan)
    }

    /// [`poll_segment`](Self::poll_segment), written where it is wanted, which is empty as yet: says whether there is
    /// one.
    pub(crate) fn poll_segment_into(&mut self, now: Instant, plan: &mut SegmentPlan) -> bool {
        let formed = self.tcb.poll_segment_into(now, plan);
        if formed {
            if !plan.notices.transitions.is_empty() {
                self.after_transition();
            }
            self.tell(&mut plan.notices);
            if plan.meta.len > 0 {
                self.send.sends(plan.offset);
            }
        }
        self.check_mirror();
        formed
    }

    /// The octets of a segment that [`poll_segment`](Self::poll_segment) has just given, piece by piece. They
    /// lie where they were queued.
    // RFC 2525-4
    pub fn payload(&self, plan: &SegmentPlan) -> impl Iterator<Item = &[u8]> + Clone {
        self.send.pieces(plan.offset, plan.meta.len as usize)
    }

    /// Queues octets for sending, and says how many were taken: as many from the start of `data` as there is
    /// room for, zero if the buffer is full. [`Notices::writable`] tells when it has room again.
    ///
    /// In LISTEN this is an active open (RFC 9293 §3.10.2). The next [`Notices`] tell of it, which are those of the
    /// SYN if nothing else is done before.
    ///
    /// # Errors
    ///
    /// [`SendError`] when nothing can be sent any more; unread octets can still be read.
    pub fn send(&mut self, now: Instant, data: &[u8]) -> Result<usize, SendError> {
        self.send_with(now, data, SendFlags::default())
    }

    /// [`send`](Self::send) with a say in how.
    ///
    /// # Errors
    ///
    /// As for [`send`](Self::send).
    pub fn send_with(&mut self, now: Instant, data: &[u8], flags: SendFlags) -> Result<usize, SendError> {
        let taken = data.len().min(self.send.room());
        self.queue(now, taken, data.len(), flags)?;
        self.send.push_slice(data.get(..taken).unwrap_or_default());
        self.check_mirror();
        Ok(taken)
    }

    /// [`send`](Self::send) without copying: the octets are kept by reference until they are acknowledged (a
    /// few hundred octets are copied all the same, for that is less than keeping account of them). When not
    /// all were taken, offer the rest again.
    ///
    /// # Errors
    ///
    /// As for [`send`](Self::send).
    pub fn send_bytes(&mut self, now: Instant, data: Bytes) -> Result<usize, SendError> {
        self.send_bytes_with(now, data, SendFlags::default())
    }

    /// [`send_bytes`](Self::send_bytes) with a say in how.
    ///
    /// # Errors
    ///
    /// As for [`send`](Self::send).
    pub fn send_bytes_with(
        &mut self,
        now: Instant,
        mut data: Bytes,
        flags: SendFlags,
    ) -> Result<usize, SendError> {
        let taken = data.len().min(self.send.room_for_reference(data.len()));
        self.queue(now, taken, data.len(), flags)?;
        data.truncate(taken);
        self.send.push_bytes(data);
        self.check_mirror();
        Ok(taken)
    }

    /// Tells the machine of `taken` octets out of `offered`.
    fn queue(
        &mut self,
        now: Instant,
        taken: usize,
        offered: usize,
        flags: SendFlags,
    ) -> Result<(), SendError> {
        if taken == 0 {
            return match (self.tcb.state(), self.tcb.has_shut_down()) {
                (State::Closed, _) => Err(SendError::Closed),
                (_, true) => Err(SendError::Closing),
                _ => Ok(()),
            };
        }
        let len = u32::try_from(taken).unwrap_or(u32::MAX);
        let push = flags.push && taken == offered;
        let queue = Queue { len, push, more: flags.more, urgent: flags.urgent };
        let listened = self.tcb.state() == State::Listen;
        self.tcb.enqueue(now, queue)?;
        self.untold |= listened;
        Ok(())
    }

    /// The next octets that came in order, at most `max`; fewer where they do not lie in one piece, so that
    /// nothing is copied. Octets that came before the peer's FIN or reset stay readable after it.
    ///
    /// Asked for nothing (`max` is zero), it gives [`Received::Empty`] as long as there is something to read.
    pub fn recv(&mut self, now: Instant, max: usize) -> Received {
        let Some(octets) = self.recv.read(now, max) else {
            return self.nothing_read();
        };
        self.consumed(now, octets.len());
        Received::Data(octets)
    }

    /// Copies the next octets that came in order to `out`, as many as there are and fit, and says how many.
    pub fn recv_slice(&mut self, now: Instant, out: &mut [u8]) -> Received<usize> {
        match self.recv.read_slice(now, out) {
            0 => self.nothing_read(),
            len => {
                self.consumed(now, len);
                Received::Data(len)
            }
        }
    }

    fn consumed(&mut self, now: Instant, len: usize) {
        let len = u32::try_from(len).unwrap_or(u32::MAX);
        let told = self.tcb.consumed(now, len);
        debug_assert!(told.is_ok(), "octets were readable that the machine has not released: {told:?}");
        // Where it is decided already when memory goes back there is nothing to decide.
        if self.rest_at.is_none() && self.recv.is_ready_for_more() {
            self.rest_later(now);
        }
        self.check_mirror();
    }

    /// Memory is held for what is to come: gives it back after a while.
    fn rest_later(&mut self, now: Instant) {
        if self.tcb.state() == State::Closed {
            self.rest();
        } else if self.rest_at.is_none() {
            self.rest_at = MaybeInstant::some(now + REST);
        }
    }

    /// The handshake, or a part of the close, has taken memory that is not needed any more.
    fn rest_if_open(&mut self, now: Instant) {
        if self.tcb.state().is_synchronized() {
            self.rest_later(now);
        }
    }

    fn rest_if_over(&mut self) {
        if self.tcb.state() == State::Closed {
            self.rest();
        }
    }

    fn rest(&mut self) {
        self.rest_at = MaybeInstant::NONE;
        self.tcb.rest();
        self.send.rest();
        self.recv.rest();
    }

    /// Why there is nothing to read.
    fn nothing_read<T>(&self) -> Received<T> {
        if self.unread() > 0 {
            return Received::Empty;
        }
        match self.tcb.close_reason() {
            None if self.let_go => Received::NotReading,
            Some(reason) if self.let_go => Received::Closed(reason),
            _ if self.tcb.peer_has_closed() => Received::Eof,
            Some(reason) => Received::Closed(reason),
            None => Received::Empty,
        }
    }

    /// No more to send: a FIN follows what is queued. Receiving goes on (a half-close, RFC 9293 §3.6).
    ///
    /// # Errors
    ///
    /// [`CommandError`] when that was said before, or the connection is over.
    pub fn shutdown(&mut self, now: Instant) -> Result<Notices, CommandError> {
        self.command(now, Command::Shutdown)
    }

    /// Lets go: a FIN follows what is queued, and nothing is read any more. If there are unread octets, or
    /// more arrive, the peer gets a reset (RFC 9293 §3.6.1).
    ///
    /// # Errors
    ///
    /// [`CommandError`] when the connection is over; what was unread is forgotten all the same.
    pub fn close(&mut self, now: Instant) -> Result<Notices, CommandError> {
        self.let_go = true;
        let done = self.command(now, Command::Close);
        self.let_go();
        done
    }

    /// Forgets everything and resets the peer (RFC 9293 §3.10.5).
    ///
    /// # Errors
    ///
    /// [`CommandError`] when the connection is over; what was unread is forgotten all the same.
    pub fn abort(&mut self, now: Instant) -> Result<Notices, CommandError> {
        let done = self.command(now, Command::Abort);
        self.let_go();
        done
    }

    /// Turns LISTEN into an active open (RFC 9293 §3.10.1). Call [`prepare`](Self::prepare) before.
    ///
    /// # Errors
    ///
    /// [`CommandError`] when the connection does not listen.
    pub fn open(&mut self, now: Instant) -> Result<Notices, CommandError> {
        self.command(now, Command::Open)
    }

    /// Nothing more follows what was queued with [`SendFlags::more`]: it goes.
    ///
    /// # Errors
    ///
    /// [`CommandError`] when the connection is over.
    pub fn flush(&mut self, now: Instant) -> Result<Notices, CommandError> {
        self.command(now, Command::Flush)
    }

    /// Copies the next octets that could be read to `out`, from the one that is `skip` octets further on, and says how
    /// many: they stay to be read.
    pub fn peek(&self, skip: usize, out: &mut [u8]) -> usize {
        self.recv.peek(skip, out)
    }

    /// Takes the octets that came with the SYN before the handshake is done (RFC 7413 §4.2.2): see
    /// [`Tcb::open_early`]. Says whether that is possible now.
    pub fn open_early(&mut self) -> bool {
        let opened = self.tcb.open_early();
        self.recv.set_readable(self.tcb.readable_to());
        self.check_mirror();
        opened
    }

    /// What the peer has said of its MSS on an earlier connection: see [`Tcb::expect_mss`].
    pub(crate) fn expect_mss(&mut self, theirs: u16) {
        self.tcb.expect_mss(theirs);
    }

    /// The Fast Open cookie that goes on our SYN, or, after a passive open, on our SYN,ACK; an empty one on a SYN asks
    /// for one (RFC 7413).
    ///
    /// # Errors
    ///
    /// [`CommandError`] once the SYN was sent.
    pub fn set_cookie(&mut self, now: Instant, cookie: Cookie) -> Result<Notices, CommandError> {
        self.command(now, Command::SetCookie(cookie))
    }

    /// Passes on an ICMP error that quotes a segment of this connection (RFC 9293 §3.9.2.2).
    ///
    /// # Errors
    ///
    /// [`CommandError`] when the quoted segment is not in flight, and the message not believed.
    pub fn network_error(&mut self, now: Instant, error: NetworkError) -> Result<Notices, CommandError> {
        self.command(now, Command::NetworkError(error))
    }

    /// Passes on an ICMP message that a segment of this connection was too large for the path (RFC 1191, RFC 8201).
    ///
    /// # Errors
    ///
    /// [`CommandError`] when the quoted segment is not in flight, and the message not believed.
    pub fn path_mtu(&mut self, now: Instant, report: PathMtu) -> Result<Notices, CommandError> {
        self.command(now, Command::PathMtu(report))
    }

    fn command(&mut self, now: Instant, command: Command) -> Result<Notices, CommandError> {
        let notices = self.tcb.on_command(now, command)?;
        Ok(self.note(notices))
    }

    fn note(&mut self, mut notices: Notices) -> Notices {
        if !notices.transitions.is_empty() {
            self.after_transition();
        }
        self.tell(&mut notices);
        self.check_mirror();
        notices
    }

    /// Adds what no notice has told of yet.
    #[inline]
    fn tell(&mut self, notices: &mut Notices) {
        if core::mem::take(&mut self.untold) {
            notices.transitions.prepend(Event::Send, State::SynSent);
        }
    }

    /// Forgets what has come out of order, because its memory is needed for something else, and says how many octets
    /// of it that was. The window stays where it is; the peer, who may have heard that it was here, has to send it
    /// again (RFC 2018 §8).
    pub(crate) fn forget_out_of_order(&mut self, now: Instant) -> usize {
        let told = self.tcb.forget_out_of_order();
        let held = if told > 0 { self.recv.forget_waiting() } else { 0 };
        if self.recv.is_ready_for_more() {
            self.rest_later(now);
        }
        self.check_mirror();
        told + held
    }

    /// Whether [`poll_segment`](Self::poll_segment) might give a segment: where this says no, it gives none, and
    /// nothing changes by asking.
    #[inline]
    pub(crate) fn has_something_to_send(&self) -> bool {
        // What a connection that is over has not sent yet it will not send any more.
        !self.tcb.has_nothing_to_send() && (self.tcb.state() != State::Closed || self.tcb.owes_reset())
    }

    /// Whether at least a third of what the send buffer may hold is free: then it is time to tell a writer who had to
    /// stop.
    #[inline]
    pub(crate) fn send_has_a_third_free(&self) -> bool {
        self.send.has_a_third_free()
    }

    fn let_go(&mut self) {
        self.let_go = true;
        self.recv.discard();
        self.after_transition();
    }

    /// Gives up the octets that the new state has no use for.
    #[cold]
    fn after_transition(&mut self) {
        match self.tcb.state() {
            // Nothing is sent any more; what was unread stays for the reader.
            State::Closed => {
                self.send.discard();
                self.recv.forget_waiting();
            }
            // Back from SYN-RECEIVED: the next peer begins new streams (RFC 9293 §3.10.7.4, second check).
            State::Listen => {
                self.send.restart();
                self.recv.restart();
            }
            // Nothing comes behind the peer's FIN.
            _ if self.tcb.peer_has_closed() => drop(self.recv.forget_waiting()),
            _ => {}
        }
        self.rest_if_over();
    }

    /// The machine.
    #[must_use]
    pub const fn tcb(&self) -> &Tcb {
        &self.tcb
    }

    /// The connection at a glance: round trips, windows, losses, and what holds it back.
    #[must_use]
    pub fn info(&self, now: Instant) -> TcpInfo {
        self.tcb.info(now)
    }

    /// The state of the machine.
    #[must_use]
    pub fn state(&self) -> State {
        self.tcb.state()
    }

    /// How the connection ended; `None` as long as it has not.
    #[must_use]
    pub fn close_reason(&self) -> Option<CloseReason> {
        self.tcb.close_reason()
    }

    /// Octets that [`send`](Self::send) would take now.
    #[must_use]
    pub fn send_room(&self) -> usize {
        self.send.room()
    }

    /// Octets that were queued and are not yet acknowledged.
    #[must_use]
    pub fn unacknowledged(&self) -> usize {
        self.send.len()
    }

    /// Octets that can be read now.
    #[must_use]
    pub fn unread(&self) -> usize {
        self.recv.readable()
    }

    /// Octets of memory that the send buffer may hold now: from [`ConnectionConfig::send_buffer`] to
    /// [`send_buffer_max`](ConnectionConfig::send_buffer_max). The size of the receive buffer is in
    /// [`TcpInfo`].
    #[must_use]
    pub const fn send_capacity(&self) -> usize {
        self.send.limit()
    }

    /// Octets of memory that the connection holds beside its own size: both buffers, bookkeeping included, the lists of
    /// what is under way and of what is out of order.
    #[inline]
    #[must_use]
    pub fn memory(&self) -> usize {
        self.send.memory() + self.recv.memory() + self.tcb.memory()
    }

    /// Whether the octets of a segment that was given some calls ago are still there: none of them was acknowledged or
    /// given up since.
    pub(crate) fn has_octets(&self, plan: &SegmentPlan) -> bool {
        let to = plan.offset + u64::from(plan.meta.len);
        let (state, tcb) = (self.tcb.state(), &self.tcb);
        state != State::Closed && tcb.acked_to() <= plan.offset && to <= tcb.queued_to()
    }

    /// Machine and buffers speak of the same octets.
    fn check_mirror(&self) {
        #[cfg(debug_assertions)]
        self.assert_mirror();
    }

    #[cfg(debug_assertions)]
    fn assert_mirror(&self) {
        if self.tcb.state() != State::Closed {
            assert_eq!(self.send.range(), self.tcb.acked_to()..self.tcb.queued_to(), "the send buffer");
        }
        if !self.let_go {
            assert_eq!(self.recv.readable_to(), self.tcb.readable_to(), "what can be read");
            assert_eq!(self.recv.consumed_to(), self.tcb.consumed_to(), "what was read");
            if self.tcb.state() != State::Closed {
                // Of many, the ends of the list: all of it after every call would take the square of its length.
                let few = self.tcb.out_of_order().len() <= 64;
                let all = if few { usize::MAX } else { 8 };
                let (held, told) = (self.recv.islands(), self.tcb.out_of_order());
                assert!(held.take(all).eq(told.take(all)), "what came out of order");
            }
        }
    }
}

#[cfg(test)]
mod tests;
