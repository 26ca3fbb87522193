//! What may be chosen anew while a connection goes on.

use core::time::Duration;

use super::Connection;
use crate::Instant;
use crate::tcp::{Command, CommandError, Keepalive, Notices, TcpConfig};

impl Connection {
    /// The Nagle algorithm on or off (RFC 9293 §3.7.4).
    ///
    /// # Errors
    ///
    /// [`CommandError`] when the connection is over.
    pub fn set_nagle(&mut self, now: Instant, on: bool) -> Result<Notices, CommandError> {
        self.command(now, Command::SetNagle(on))
    }

    /// Changes choices while the connection goes on: see
    /// [`Tcb::configure`](crate::tcp::Tcb::configure).
    ///
    /// # Errors
    ///
    /// [`CommandError`] when the connection is over.
    pub fn configure(
        &mut self,
        now: Instant,
        change: impl FnOnce(&mut TcpConfig),
    ) -> Result<Notices, CommandError> {
        self.tcb.configure(now, change)?;
        Ok(self.note(Notices::default()))
    }

    /// Another size of the send buffer: [`ConnectionConfig::send_buffer`](super::ConnectionConfig::send_buffer) and
    /// [`send_buffer_max`](super::ConnectionConfig::send_buffer_max). What is queued stays.
    pub fn set_send_buffer(&mut self, begin: usize, most: usize) {
        self.send.resize(begin, most);
    }

    /// Keep-alive probes at these intervals, or none (RFC 9293 §3.8.4).
    ///
    /// # Errors
    ///
    /// [`CommandError`] when the connection is over.
    pub fn set_keepalive(
        &mut self,
        now: Instant,
        keepalive: Option<Keepalive>,
    ) -> Result<Notices, CommandError> {
        self.command(now, Command::SetKeepalive(keepalive))
    }

    /// How long what was queued may make no progress before the connection is given up (RFC 5482).
    ///
    /// # Errors
    ///
    /// [`CommandError`] when the connection is over.
    pub fn set_user_timeout(
        &mut self,
        now: Instant,
        timeout: Option<Duration>,
    ) -> Result<Notices, CommandError> {
        self.command(now, Command::SetUserTimeout(timeout))
    }

    /// R2: how long a segment is retransmitted (RFC 9293 §3.8.3).
    ///
    /// # Errors
    ///
    /// [`CommandError`] when the connection is over.
    pub fn set_r2(&mut self, now: Instant, r2: Duration) -> Result<Notices, CommandError> {
        self.command(now, Command::SetR2(r2))
    }

    /// How long an acknowledgment may wait for company (RFC 9293 §3.8.6.3).
    ///
    /// # Errors
    ///
    /// [`CommandError`] when the connection is over.
    pub fn set_ack_delay(&mut self, now: Instant, delay: Duration) -> Result<Notices, CommandError> {
        self.command(now, Command::SetAckDelay(delay))
    }

    /// Acknowledge what has come at once, or wait for answers: [`Command::QuickAck`].
    ///
    /// # Errors
    ///
    /// [`CommandError`] when the connection is over.
    pub fn set_quick_ack(&mut self, now: Instant, on: bool) -> Result<Notices, CommandError> {
        self.command(now, Command::QuickAck(on))
    }
}
