//! One connection over IP packets: everything that a flow needs, and nothing that several would.
//!
//! # The driving loop
//!
//! ```
//! use tcpstate::Instant;
//! use tcpstate::connection::Received;
//! use tcpstate::host::{Single, SingleConfig};
//!
//! let (config, mut now) = (SingleConfig::default(), Instant::ZERO);
//! let (here, there) = ("192.0.2.2:49152".parse()?, "192.0.2.1:7".parse()?);
//! let mut client = Single::connect(&config, [1; 32], here, there, now)?;
//! let mut server = Single::listen(&config, [2; 32], there)?;
//! client.send(now, b"ping")?;
//!
//! let (mut packet, mut echo) = ([0; 1500], Vec::new());
//! while client.close_reason().is_none() {
//!     // What each has to send goes over the wire; here a wire without delay.
//!     while let Some(len) = client.poll_transmit(now, &mut packet) {
//!         server.handle_packet(now, &packet[..len]);
//!     }
//!     while let Some(len) = server.poll_transmit(now, &mut packet) {
//!         client.handle_packet(now, &packet[..len]);
//!     }
//!     // The users read and write: the server echoes.
//!     match server.recv(now, usize::MAX) {
//!         Received::Data(octets) => assert_eq!(server.send_bytes(now, octets)?, 4),
//!         Received::Eof => drop(server.close(now)),
//!         _ => {}
//!     }
//!     if let Received::Data(octets) = client.recv(now, usize::MAX) {
//!         echo.extend_from_slice(&octets);
//!         client.close(now)?;
//!     }
//!     // Nothing happens until the next deadline.
//!     let deadlines = [client.poll_timeout(), server.poll_timeout()];
//!     now = deadlines.into_iter().flatten().min().unwrap_or(now).max(now);
//!     client.handle_timeout(now);
//!     server.handle_timeout(now);
//! }
//! assert_eq!(echo, b"ping");
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```

use core::net::SocketAddr;

use bytes::Bytes;

use crate::connection::{Arrival, Connection, Payload, Received, SendError, SendFlags};
use crate::secret::Secret;
use crate::tcp::{
    CloseReason, CommandError, DropReason, NetworkError, Notices, PathMtu, SegmentMeta, TcpInfo,
    Unpredictable,
};
use crate::{Instant, State, TcpFlags};

pub(super) mod config;
pub(crate) mod frame;

pub use super::ignore::IgnoreReason;
use config::checked;
pub use config::{OpenError, SingleConfig, SingleError};
use frame::{Expected, Framing};

/// What became of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Handled {
    /// It was a segment for this connection, and the machine has seen it.
    Segment(Arrival),
    /// It was none, or not to be believed.
    Ignored(IgnoreReason),
}

/// One TCP connection over IPv4 or IPv6 packets.
///
/// Everything in a packet that arrives is verified before the machine sees the segment; what is not for this
/// connection is [`Ignored`](Handled::Ignored) with a reason. Packets are written when polled, into the
/// caller's buffer.
#[derive(Clone, Debug)]
pub struct Single {
    connection: Connection,
    config: SingleConfig,
    secret: Secret,
    local: SocketAddr,
    /// The peer and what its packets get; `None` while any peer may come.
    flow: Option<Framing>,
    /// Made by [`listen`](Self::listen): a peer may come back in TIME-WAIT.
    listens: bool,
    /// An answer to somebody with whom there is no connection.
    reset: Option<(SocketAddr, SegmentMeta)>,
    notices: Notices,
}

impl Single {
    /// Opens a connection from the address that the caller chooses, `local` (RFC 9293 MUST-43), which it keeps
    /// (MUST-45), to `remote`; [`poll_transmit`](Self::poll_transmit) gives the SYN.
    ///
    /// The 32 octets key the initial sequence number and the like: take them from a good source of
    /// randomness. One secret can serve many connections.
    ///
    /// # Errors
    ///
    /// [`SingleError`] when an address cannot be an end of a connection, or the configuration does not do.
    pub fn connect(
        config: &SingleConfig,
        secret: [u8; 32],
        local: SocketAddr,
        remote: SocketAddr,
        now: Instant,
    ) -> Result<Self, SingleError> {
        let remote = check_remote(local, remote)?;
        let (config, local, secret) = (checked(config, local)?, plain(local), Secret::new(secret));
        let secrets = unpredictable(&config, &secret, local, remote, now);
        Ok(Self {
            connection: Connection::connect(&config.for_connection(), secrets, now),
            flow: Some(framing(&config, &secret, local, remote)),
            config,
            secret,
            local,
            listens: false,
            reset: None,
            notices: Notices::default(),
        })
    }

    /// Waits at `local` for the first SYN, from anybody.
    ///
    /// In TIME-WAIT, with nothing left to read, the same peer may come again (RFC 9293 §3.6.1, MAY-2): the
    /// connection then begins anew in SYN-RECEIVED.
    ///
    /// # Errors
    ///
    /// [`SingleError`] when the address cannot be an end of a connection, or the configuration does not do.
    pub fn listen(config: &SingleConfig, secret: [u8; 32], local: SocketAddr) -> Result<Self, SingleError> {
        let config = checked(config, local)?;
        Ok(Self {
            connection: Connection::listen(&config.for_connection()),
            config,
            secret: Secret::new(secret),
            local: plain(local),
            flow: None,
            listens: true,
            reset: None,
            notices: Notices::default(),
        })
    }

    /// Takes in an IP packet. What it carries is copied where it is kept.
    pub fn handle_packet(&mut self, now: Instant, packet: &[u8]) -> Handled {
        let mut meta = SegmentMeta::default();
        match frame::read(packet, &self.expected(), &mut meta) {
            Ok((from, payload)) => self.on_segment(now, from, &meta, Payload::Slice(payload)),
            Err(reason) => self.ignore(reason),
        }
    }

    /// Takes in an IP packet that may be kept by reference instead of being copied.
    pub fn handle_packet_bytes(&mut self, now: Instant, packet: &Bytes) -> Handled {
        let mut meta = SegmentMeta::default();
        match frame::read(packet, &self.expected(), &mut meta) {
            Ok((from, payload)) => {
                let octets = packet.slice_ref(payload);
                self.on_segment(now, from, &meta, Payload::Bytes { octets, pinned: packet.len() })
            }
            Err(reason) => self.ignore(reason),
        }
    }

    #[inline(always)]
    fn expected(&self) -> Expected<'_> {
        Expected {
            local: &self.local,
            peer: self.flow.as_ref().map(|flow| &flow.remote),
            accept_offloaded: self.config.accept_offloaded,
        }
    }

    fn ignore(&mut self, reason: IgnoreReason) -> Handled {
        self.notices = Notices::default();
        Handled::Ignored(reason)
    }

    fn on_segment(
        &mut self,
        now: Instant,
        from: SocketAddr,
        meta: &SegmentMeta,
        payload: Payload<'_>,
    ) -> Handled {
        if meta.flags.contains(TcpFlags::SYN) {
            match self.state() {
                State::Listen => self.meet(now, from),
                State::TimeWait => self.reopen(now, from, meta),
                _ => {}
            }
        }
        let arrival = self.connection.on_segment(now, meta, payload);
        self.notices = arrival.verdict.notices;
        if arrival.verdict.refused == Some(DropReason::Closed) {
            self.reset = meta.reset_in_answer().map(|reset| (from, reset));
        }
        self.part_if_listening(now, from);
        Handled::Segment(arrival)
    }

    /// Makes ready for a peer whose SYN has come.
    fn meet(&mut self, now: Instant, peer: SocketAddr) {
        let secrets = unpredictable(&self.config, &self.secret, self.local, peer, now);
        self.connection.prepare(secrets);
        self.flow = Some(framing(&self.config, &self.secret, self.local, peer));
    }

    /// Lets the peer of a connection in TIME-WAIT begin a new one, where that is safe and nobody reads the
    /// old.
    fn reopen(&mut self, now: Instant, peer: SocketAddr, syn: &SegmentMeta) {
        let plain_syn = !syn.flags.intersects(TcpFlags::ACK | TcpFlags::RST | TcpFlags::FIN);
        let old = &self.connection;
        if !self.listens || !plain_syn || old.unread() > 0 || !old.tcb().may_reopen(syn) {
            return;
        }
        let mut secrets = unpredictable(&self.config, &self.secret, self.local, peer, now);
        // The clock makes the numbers of a new connection larger (RFC 6528 §2); not if the old one was faster
        // than the clock. Then the new one begins a window's length behind it.
        let after_old = old.tcb().snd_max() + 0x1_0000;
        secrets.iss = secrets.iss.latest(after_old);
        self.connection = Connection::listen(&self.config.for_connection());
        self.connection.prepare(secrets);
    }

    /// A listener has no peer: what it still has to say, a reset at the most, goes to the one it was about.
    fn part_if_listening(&mut self, now: Instant, peer: SocketAddr) {
        if self.state() != State::Listen {
            return;
        }
        self.flow = None;
        while let Some(plan) = self.connection.poll_segment(now) {
            self.reset = Some((peer, plan.meta));
        }
    }

    fn part_if_flow_listens(&mut self, now: Instant) {
        if let Some(flow) = &self.flow {
            self.part_if_listening(now, flow.remote);
        }
    }

    /// Writes the next packet to the start of `out`, and says how many octets it has; `None` if there is
    /// nothing to send. `out` must have room for a packet as large as the MTU ([`SingleConfig::mtu`]), however short
    /// this one may be: if not, nothing is ever written.
    pub fn poll_transmit(&mut self, now: Instant, out: &mut [u8]) -> Option<usize> {
        self.notices = Notices::default();
        if out.len() < usize::from(self.config.mtu) {
            return None;
        }
        if let Some((to, meta)) = self.reset.take() {
            let framing = framing(&self.config, &self.secret, self.local, to);
            return framing.emit(out, &meta, []).ok();
        }
        // The plan stays where it was formed: to move it costs more than to read it.
        let plan = self.connection.poll_segment(now);
        let plan = plan.as_ref()?;
        if !plan.notices.is_empty() {
            self.notices = plan.notices;
        }
        let flow = self.flow.as_mut()?;
        flow.id = flow.id.wrapping_add(1);
        let written = flow.emit(out, &plan.meta, self.connection.payload(plan));
        debug_assert!(written.is_ok(), "a segment that does not fit into the MTU: {written:?}");
        written.ok()
    }

    /// Acts on the deadlines that have come; too early a call does nothing.
    pub fn handle_timeout(&mut self, now: Instant) -> Notices {
        self.notices = self.connection.on_timeout(now);
        self.part_if_flow_listens(now);
        self.notices
    }

    /// The next moment at which [`handle_timeout`](Self::handle_timeout) has something to do.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.connection.poll_timeout()
    }

    /// What the last call changed: of [`handle_packet`](Self::handle_packet),
    /// [`handle_timeout`](Self::handle_timeout), [`poll_transmit`](Self::poll_transmit), or of the user's
    /// that open and close.
    #[must_use]
    pub const fn last_notices(&self) -> Notices {
        self.notices
    }

    /// Opens a listening connection actively instead, to `remote` (RFC 9293 §3.10.1).
    ///
    /// # Errors
    ///
    /// [`OpenError`] when the address does not do, or the connection does not listen.
    pub fn open(&mut self, now: Instant, remote: SocketAddr) -> Result<Notices, OpenError> {
        let remote = check_remote(self.local, remote)?;
        if self.state() == State::Listen {
            self.meet(now, remote);
            self.listens = false;
        }
        Ok(self.noted(|connection| connection.open(now))?)
    }

    /// [`Connection::send`].
    ///
    /// # Errors
    ///
    /// [`SendError`] when nothing can be sent any more, or there is no peer yet.
    pub fn send(&mut self, now: Instant, data: &[u8]) -> Result<usize, SendError> {
        self.send_with(now, data, SendFlags::default())
    }

    /// [`Connection::send_with`].
    ///
    /// # Errors
    ///
    /// As for [`send`](Self::send).
    pub fn send_with(&mut self, now: Instant, data: &[u8], flags: SendFlags) -> Result<usize, SendError> {
        self.has_peer()?;
        self.connection.send_with(now, data, flags)
    }

    /// [`Connection::send_bytes`].
    ///
    /// # Errors
    ///
    /// As for [`send`](Self::send).
    pub fn send_bytes(&mut self, now: Instant, data: Bytes) -> Result<usize, SendError> {
        self.has_peer()?;
        self.connection.send_bytes(now, data)
    }

    /// A SEND would turn LISTEN into an active open, to nobody.
    fn has_peer(&self) -> Result<(), SendError> {
        if self.state() == State::Listen { Err(SendError::NoPeer) } else { Ok(()) }
    }

    /// [`Connection::recv`].
    pub fn recv(&mut self, now: Instant, max: usize) -> Received {
        self.connection.recv(now, max)
    }

    /// [`Connection::recv_slice`].
    pub fn recv_slice(&mut self, now: Instant, out: &mut [u8]) -> Received<usize> {
        self.connection.recv_slice(now, out)
    }

    /// [`Connection::shutdown`]: no more to send; receiving goes on.
    ///
    /// # Errors
    ///
    /// [`CommandError`] when that was said before, or the connection is over.
    pub fn shutdown(&mut self, now: Instant) -> Result<Notices, CommandError> {
        self.noted(|connection| connection.shutdown(now))
    }

    /// [`Connection::close`]: no more to send, and nothing is read any more.
    ///
    /// # Errors
    ///
    /// [`CommandError`] when the connection is over.
    pub fn close(&mut self, now: Instant) -> Result<Notices, CommandError> {
        self.noted(|connection| connection.close(now))
    }

    /// [`Connection::abort`]: forgets everything and resets the peer.
    ///
    /// # Errors
    ///
    /// [`CommandError`] when the connection is over.
    pub fn abort(&mut self, now: Instant) -> Result<Notices, CommandError> {
        self.noted(|connection| connection.abort(now))
    }

    /// [`Connection::network_error`]: passes on an ICMP error that quotes a segment of this connection.
    ///
    /// # Errors
    ///
    /// [`CommandError`] when the quoted segment is not in flight.
    pub fn network_error(&mut self, now: Instant, error: NetworkError) -> Result<Notices, CommandError> {
        let done = self.noted(|connection| connection.network_error(now, error));
        self.part_if_flow_listens(now);
        done
    }

    /// [`Connection::path_mtu`]: passes on an ICMP message that a packet of this connection was too large for the
    /// path.
    ///
    /// # Errors
    ///
    /// [`CommandError`] when the quoted segment is not in flight.
    pub fn path_mtu(&mut self, now: Instant, report: PathMtu) -> Result<Notices, CommandError> {
        self.noted(|connection| connection.path_mtu(now, report))
    }

    fn noted(
        &mut self,
        call: impl FnOnce(&mut Connection) -> Result<Notices, CommandError>,
    ) -> Result<Notices, CommandError> {
        let done = call(&mut self.connection);
        self.notices = done.unwrap_or_default();
        done
    }

    /// Another code point for the packets from now on (RFC 9293 §3.9.1.9, SHLD-21).
    ///
    /// # Errors
    ///
    /// [`SingleError::Dscp`] when it has more than six bits.
    pub fn set_dscp(&mut self, dscp: u8) -> Result<(), SingleError> {
        self.config.dscp = check_dscp(dscp)?;
        if let Some(flow) = &mut self.flow {
            flow.dscp = dscp;
        }
        Ok(())
    }

    /// The state of the machine.
    #[must_use]
    pub fn state(&self) -> State {
        self.connection.state()
    }

    /// How the connection ended; `None` as long as it has not.
    #[must_use]
    pub fn close_reason(&self) -> Option<CloseReason> {
        self.connection.close_reason()
    }

    /// Our own socket.
    #[must_use]
    pub const fn local(&self) -> SocketAddr {
        self.local
    }

    /// The peer; `None` while any may come.
    #[must_use]
    pub fn remote(&self) -> Option<SocketAddr> {
        self.flow.map(|flow| flow.remote)
    }

    /// The connection at a glance: round trips, windows, losses, and what holds it back.
    #[must_use]
    pub fn info(&self, now: Instant) -> TcpInfo {
        self.connection.info(now)
    }

    /// The connection.
    #[must_use]
    pub const fn connection(&self) -> &Connection {
        &self.connection
    }

    /// The connection, for its settings.
    pub const fn connection_mut(&mut self) -> &mut Connection {
        &mut self.connection
    }
}

const fn check_dscp(dscp: u8) -> Result<u8, SingleError> {
    if dscp > 63 { Err(SingleError::Dscp(dscp)) } else { Ok(dscp) }
}

fn check_remote(local: SocketAddr, remote: SocketAddr) -> Result<SocketAddr, SingleError> {
    if local.is_ipv4() != remote.is_ipv4() {
        return Err(SingleError::Versions { local, remote });
    }
    if !frame::is_an_end(remote) {
        return Err(SingleError::Address(remote));
    }
    if plain(remote) == plain(local) {
        return Err(SingleError::Itself(remote));
    }
    Ok(plain(remote))
}

/// The socket without what stands in no header: scope and flow information.
const fn plain(addr: SocketAddr) -> SocketAddr {
    SocketAddr::new(addr.ip(), addr.port())
}

fn unpredictable(
    config: &SingleConfig,
    secret: &Secret,
    local: SocketAddr,
    remote: SocketAddr,
    now: Instant,
) -> Unpredictable {
    config.fixed.unwrap_or_else(|| secret.unpredictable(local, remote, now))
}

fn framing(config: &SingleConfig, secret: &Secret, local: SocketAddr, remote: SocketAddr) -> Framing {
    Framing {
        local,
        remote,
        hop_limit: config.hop_limit,
        dscp: config.dscp,
        id: secret.identification(local, remote),
        flow_label: secret.flow_label(local, remote),
        layout: config.tcp.option_layout,
    }
}

#[cfg(test)]
mod tests;
