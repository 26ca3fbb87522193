//! A connection in its user's hands.

use core::time::Duration;

use bytes::Bytes;

use super::flow::{Flow, Marks};
use super::{ConnId, FiveTuple, Host, Readiness};
use crate::connection::{Connection, Received, SendError, SendFlags};
use crate::tcp::{CloseReason, CommandError, Keepalive, Notices, Tcb, TcpConfig, TcpInfo};
use crate::{Instant, State};

/// One connection of a [`Host`], to read from and to write to: from [`Host::connection`].
#[derive(Debug)]
pub struct ConnectionMut<'a> {
    host: &'a mut Host,
    index: u32,
    /// Its name, also when a call has ended it and its row is gone.
    id: ConnId,
}

impl Host {
    /// The connection of that id; `None` once it was released.
    pub fn connection(&mut self, id: ConnId) -> Option<ConnectionMut<'_>> {
        let index = self.index(id)?;
        Some(ConnectionMut { host: self, index, id })
    }

    /// The machine of that connection, to ask it anything; `None` once it was released.
    #[must_use]
    pub fn machine(&self, id: ConnId) -> Option<&Tcb> {
        self.flows.get(self.index(id)?).map(|flow| flow.connection.tcb())
    }

    /// The row of that id.
    pub(super) fn index(&self, id: ConnId) -> Option<u32> {
        let flow = self.flows.get(id.index)?;
        let stale = self.flows.generation(id.index) != id.generation;
        (!stale && !flow.marks.has(Marks::ORPHAN)).then_some(id.index)
    }

    pub(super) fn id(&self, index: u32) -> ConnId {
        ConnId { index, generation: self.flows.generation(index) }
    }
}

impl ConnectionMut<'_> {
    fn flow(&self) -> Option<&Flow> {
        self.host.flows.get(self.index)
    }

    /// Calls the connection, and does what follows from that. The row is there as long as this value is.
    fn call<R>(
        &mut self,
        now: Instant,
        otherwise: R,
        call: impl FnOnce(&mut Connection) -> (R, Notices),
    ) -> R {
        let Some(flow) = self.host.flows.get_mut(self.index) else {
            return otherwise;
        };
        let (answer, notices) = call(&mut flow.connection);
        self.host.settle(now, self.index, &notices);
        answer
    }

    fn command(
        &mut self,
        now: Instant,
        command: impl FnOnce(&mut Connection) -> Result<Notices, CommandError>,
    ) -> Result<(), CommandError> {
        self.call(now, Err(CommandError::Closed), |connection| match command(connection) {
            Ok(notices) => (Ok(()), notices),
            Err(error) => (Err(error), Notices::default()),
        })
    }

    fn write(
        &mut self,
        now: Instant,
        offered: usize,
        send: impl FnOnce(&mut Connection) -> Result<usize, SendError>,
    ) -> Result<usize, SendError> {
        let sent =
            self.call(now, Err(SendError::Closed), |connection| (send(connection), Notices::default()));
        if sent.as_ref().is_ok_and(|&taken| taken < offered) {
            self.waits(Marks::WRITER_WAITS, Readiness::WRITABLE);
        }
        sent
    }

    fn read<T>(&mut self, now: Instant, recv: impl FnOnce(&mut Connection) -> Received<T>) -> Received<T> {
        let received = self.call(now, Received::Empty, |connection| (recv(connection), Notices::default()));
        if matches!(received, Received::Empty) && self.unread() == 0 {
            self.waits(Marks::READER_WAITS, Readiness::READABLE);
        }
        received
    }

    /// The user was told to wait for that: what was to be said of it before is true no more.
    fn waits(&mut self, mark: u16, what: Readiness) {
        if let Some(flow) = self.host.flows.get_mut(self.index) {
            flow.marks.set(mark);
            flow.take_back(what);
        }
    }

    /// Queues octets for sending, and says how many were taken: as many from the start of `data` as there is room
    /// for. If that is not all, [`Readiness::WRITABLE`](super::Readiness::WRITABLE) tells when a third of the buffer
    /// is free.
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
        self.write(now, data.len(), |connection| connection.send_with(now, data, flags))
    }

    /// [`send`](Self::send) without copying: the octets are kept by reference until they are acknowledged.
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
        data: Bytes,
        flags: SendFlags,
    ) -> Result<usize, SendError> {
        self.write(now, data.len(), |connection| connection.send_bytes_with(now, data, flags))
    }

    /// The next octets that came in order, at most `max`; fewer where they do not lie in one piece. Read until the
    /// answer is [`Received::Empty`]: then [`Readiness::READABLE`](super::Readiness::READABLE) tells when there is
    /// more.
    pub fn recv(&mut self, now: Instant, max: usize) -> Received {
        self.read(now, |connection| connection.recv(now, max))
    }

    /// Copies the next octets that came in order to `out`, and says how many.
    pub fn recv_slice(&mut self, now: Instant, out: &mut [u8]) -> Received<usize> {
        self.read(now, |connection| connection.recv_slice(now, out))
    }

    /// No more to send: a FIN follows what is queued. Receiving goes on (a half-close, RFC 9293 §3.6).
    ///
    /// # Errors
    ///
    /// [`CommandError`] when that was said before, or the connection is over.
    pub fn shutdown(&mut self, now: Instant) -> Result<(), CommandError> {
        self.command(now, |connection| connection.shutdown(now))
    }

    /// Lets go: a FIN follows what is queued, and nothing is read any more. The id stays until it is released.
    ///
    /// # Errors
    ///
    /// [`CommandError`] when the connection is over.
    pub fn close(&mut self, now: Instant) -> Result<(), CommandError> {
        self.command(now, |connection| connection.close(now))
    }

    /// Forgets everything and resets the peer (RFC 9293 §3.10.5). The id stays until it is released.
    ///
    /// # Errors
    ///
    /// [`CommandError`] when the connection is over.
    pub fn abort(&mut self, now: Instant) -> Result<(), CommandError> {
        self.command(now, |connection| connection.abort(now))
    }

    /// The Nagle algorithm on or off (RFC 9293 §3.7.4).
    ///
    /// # Errors
    ///
    /// [`CommandError`] when the connection is over.
    pub fn set_nagle(&mut self, now: Instant, on: bool) -> Result<(), CommandError> {
        self.command(now, |connection| connection.set_nagle(now, on))
    }

    /// Nothing more follows what was queued with [`SendFlags::more`]: it goes.
    ///
    /// # Errors
    ///
    /// [`CommandError`] when the connection is over.
    pub fn flush(&mut self, now: Instant) -> Result<(), CommandError> {
        self.command(now, |connection| connection.flush(now))
    }

    /// Changes choices while the connection goes on: see [`Tcb::configure`].
    ///
    /// # Errors
    ///
    /// [`CommandError`] when the connection is over.
    pub fn configure(
        &mut self,
        now: Instant,
        change: impl FnOnce(&mut TcpConfig),
    ) -> Result<(), CommandError> {
        self.command(now, |connection| connection.configure(now, change))
    }

    /// Another size of the send buffer: [`ConnectionConfig::send_buffer`](crate::connection::ConnectionConfig::send_buffer)
    /// and [`send_buffer_max`](crate::connection::ConnectionConfig::send_buffer_max). What is queued stays.
    pub fn set_send_buffer(&mut self, begin: usize, most: usize) {
        if let Some(flow) = self.host.flows.get_mut(self.index) {
            flow.connection.set_send_buffer(begin, most);
        }
    }

    /// Copies the next octets that could be read to `out`, from the one that is `skip` octets further on, and says how
    /// many: they stay to be read.
    #[must_use]
    pub fn peek(&self, skip: usize, out: &mut [u8]) -> usize {
        self.flow().map_or(0, |flow| flow.connection.peek(skip, out))
    }

    /// Keep-alive probes at these intervals, or none (RFC 9293 §3.8.4).
    ///
    /// # Errors
    ///
    /// [`CommandError`] when the connection is over.
    pub fn set_keepalive(&mut self, now: Instant, keepalive: Option<Keepalive>) -> Result<(), CommandError> {
        self.command(now, |connection| connection.set_keepalive(now, keepalive))
    }

    /// How long what was queued may make no progress before the connection is given up (RFC 5482).
    ///
    /// # Errors
    ///
    /// [`CommandError`] when the connection is over.
    pub fn set_user_timeout(&mut self, now: Instant, timeout: Option<Duration>) -> Result<(), CommandError> {
        self.command(now, |connection| connection.set_user_timeout(now, timeout))
    }

    /// R2: how long a segment is retransmitted (RFC 9293 §3.8.3).
    ///
    /// # Errors
    ///
    /// [`CommandError`] when the connection is over.
    pub fn set_r2(&mut self, now: Instant, r2: Duration) -> Result<(), CommandError> {
        self.command(now, |connection| connection.set_r2(now, r2))
    }

    /// How long an acknowledgment may wait for company (RFC 9293 §3.8.6.3).
    ///
    /// # Errors
    ///
    /// [`CommandError`] when the connection is over.
    pub fn set_ack_delay(&mut self, now: Instant, delay: Duration) -> Result<(), CommandError> {
        self.command(now, |connection| connection.set_ack_delay(now, delay))
    }

    /// Acknowledge what has come at once, or wait for answers: [`Command::QuickAck`](crate::tcp::Command::QuickAck).
    ///
    /// # Errors
    ///
    /// [`CommandError`] when the connection is over.
    pub fn set_quick_ack(&mut self, now: Instant, on: bool) -> Result<(), CommandError> {
        self.command(now, |connection| connection.set_quick_ack(now, on))
    }

    /// Marks the connection with a number that its events carry: an index into tables of one's own.
    pub fn set_tag(&mut self, tag: u64) {
        if let Some(flow) = self.host.flows.get_mut(self.index) {
            flow.tag = tag;
        }
    }

    /// Another code point for the packets from now on: 0..=63 (RFC 9293 SHLD-21); of a larger number the six low
    /// bits count.
    pub fn set_dscp(&mut self, dscp: u8) {
        if let Some(flow) = self.host.flows.get_mut(self.index) {
            flow.dscp = dscp & 63;
        }
    }

    /// Another time to live, or hop limit, for the packets from now on (RFC 9293 MUST-49); of 0 there is none, and 1 is
    /// taken.
    pub fn set_hop_limit(&mut self, hop_limit: u8) {
        if let Some(flow) = self.host.flows.get_mut(self.index) {
            flow.hop_limit = hop_limit.max(1);
        }
    }

    /// Its id.
    #[must_use]
    pub const fn id(&self) -> ConnId {
        self.id
    }

    /// The number that it is marked with. At first 0, or that of the [request](super::RequestId::to_bits) which it was before
    /// its listener's owner decided about it.
    #[must_use]
    pub fn tag(&self) -> u64 {
        self.flow().map_or(0, |flow| flow.tag)
    }

    /// Its two sockets.
    #[must_use]
    pub fn tuple(&self) -> Option<FiveTuple> {
        self.flow().map(|flow| flow.tuple)
    }

    /// The state of the machine.
    #[must_use]
    pub fn state(&self) -> State {
        self.flow().map_or(State::Closed, |flow| flow.connection.state())
    }

    /// How the connection ended; `None` as long as it has not. In TIME-WAIT it has: both sides have closed.
    #[must_use]
    pub fn close_reason(&self) -> Option<CloseReason> {
        self.flow()?.close_reason()
    }

    /// Octets that can be read now.
    #[must_use]
    pub fn unread(&self) -> usize {
        self.flow().map_or(0, |flow| flow.connection.unread())
    }

    /// Octets that were queued and are not acknowledged yet.
    #[must_use]
    pub fn unacknowledged(&self) -> usize {
        self.flow().map_or(0, |flow| flow.connection.unacknowledged())
    }

    /// Octets that [`send`](Self::send) would take now.
    #[must_use]
    pub fn send_room(&self) -> usize {
        self.flow().map_or(0, |flow| flow.connection.send_room())
    }

    /// Whether at least a third of the send buffer is free: when [`Readiness::WRITABLE`] tells a writer who had to stop.
    #[must_use]
    pub fn is_writable(&self) -> bool {
        self.flow().is_some_and(|flow| flow.connection.send_has_a_third_free())
    }

    /// The connection at a glance: round trips, windows, losses, and what holds it back.
    #[must_use]
    pub fn info(&self, now: Instant) -> Option<TcpInfo> {
        self.flow().map(|flow| flow.connection.info(now))
    }
}

#[cfg(test)]
mod tests;
