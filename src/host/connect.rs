//! Opening actively: which address, which port, and the row of the new connection.

use core::net::{IpAddr, SocketAddr};

use super::flow::{Flow, Marks};
use super::own::Standing;
use super::passive::Claim;
use super::single::frame::is_an_end;
use super::{ConnId, ConnectError, FiveTuple, Host, demux};
use crate::Instant;
use crate::connection::{Connection, ConnectionConfig, SharedConfig};
use crate::tcp::Cookie;
use crate::wire::IpProtocol;

/// How a connection is to be opened. Begin with the default, which is what [`Host::connect`] does, and change fields:
/// there will be more.
///
/// ```
/// use tcpstate::host::ConnectOptions;
///
/// let mut options = ConnectOptions::default();
/// options.local = Some("192.0.2.1:5000".parse()?);
/// options.hop_limit = Some(255);
/// # Ok::<(), core::net::AddrParseError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct ConnectOptions {
    /// Where it comes from (RFC 9293 MUST-43); port 0 asks for a port by RFC 6056. Default: none, an address and a port
    /// that are chosen.
    pub local: Option<SocketAddr>,
    /// How the connection is to be; `mss` and what depends on the version of IP are made from the MTU, and what stands
    /// there does not count. Default: none, which is what the host gives all connections.
    pub connection: Option<ConnectionConfig>,
    /// IPv4's time to live, IPv6's hop limit: at least 1. Default: none, which is that of the host.
    pub hop_limit: Option<u8>,
    /// The differentiated services code point: 0..=63. Default: none, which is that of the host.
    pub dscp: Option<u8>,
}

impl ConnectOptions {
    fn check(&self) -> Result<(), ConnectError> {
        if let Some(dscp) = self.dscp.filter(|&dscp| dscp > 63) {
            return Err(ConnectError::Dscp(dscp));
        }
        if self.hop_limit == Some(0) { Err(ConnectError::HopLimit) } else { Ok(()) }
    }
}

impl Host {
    /// Opens a connection to `remote`, from an address and a port that are chosen here: the first of our own addresses
    /// of that version, and a port by RFC 6056. The SYN comes from the next
    /// [`poll_transmit`](Self::poll_transmit); [`Readiness::CONNECTED`](super::Readiness::CONNECTED) tells when the
    /// handshake is done, [`CLOSED`](super::Readiness::CLOSED) that it failed.
    ///
    /// # Errors
    ///
    /// [`ConnectError`] when the address does not do, there is no port left, or there are too many connections.
    pub fn connect(&mut self, now: Instant, remote: SocketAddr) -> Result<ConnId, ConnectError> {
        self.connect_with(now, remote, &ConnectOptions::default())
    }

    /// Opens a connection from `local` to `remote` (RFC 9293 MUST-43). Port 0 asks for a port by RFC 6056.
    ///
    /// # Errors
    ///
    /// As for [`connect`](Self::connect), and when `local` is not ours or the flow is in use.
    pub fn connect_from(
        &mut self,
        now: Instant,
        local: SocketAddr,
        remote: SocketAddr,
    ) -> Result<ConnId, ConnectError> {
        self.connect_with(now, remote, &ConnectOptions { local: Some(local), ..ConnectOptions::default() })
    }

    /// Opens a connection that is to be as the options say.
    ///
    /// # Errors
    ///
    /// As for [`connect_from`](Self::connect_from), and when the options do not do.
    pub fn connect_with(
        &mut self,
        now: Instant,
        remote: SocketAddr,
        options: &ConnectOptions,
    ) -> Result<ConnId, ConnectError> {
        options.check()?;
        let local = match options.local {
            Some(local) => local,
            None if !is_an_end(remote) => return Err(ConnectError::Address(remote)),
            None => {
                let ip =
                    self.own.address_for(remote.ip()).ok_or(ConnectError::NoLocalAddress(remote.ip()))?;
                SocketAddr::new(ip, 0)
            }
        };
        let tuple = self.new_tuple(now, local, remote)?;
        let limit = self.config.limits.connections;
        if self.flows.len() >= limit {
            return Err(ConnectError::TooMany { limit });
        }
        let (local, remote) = (tuple.local(), tuple.remote());
        let mut secrets = self.secret.unpredictable(local, remote, now);
        let hash = demux::hash(&self.secret, &tuple);
        match self.passive.claim(now, hash, &tuple, secrets.iss) {
            Claim::Free => {}
            Claim::Reused(iss) => secrets.iss = iss,
            Claim::Taken => return Err(ConnectError::InUse(tuple)),
        }
        let own = options.connection.map(|wanted| self.config.profile(&wanted, local.is_ipv6()));
        let tcp = own.as_ref().unwrap_or(&self.config.connection).tcp;
        let shared = own.as_ref().map_or_else(|| self.profile(local.ip()).clone(), SharedConfig::from);
        let mut connection = Connection::connect(shared, secrets, now);
        if tcp.fast_open && tcp.fast_open_unproven {
            // Nobody is asked, and so nothing is known of the peer's MSS but what every host takes: our own has to do.
            connection.expect_mss(u16::MAX);
        } else if tcp.fast_open {
            // RFC 7413 §4.1.3. It cannot fail: the SYN has not been sent.
            let kept = self.jar.take_out(&self.secret, remote.ip());
            let _ = connection.set_cookie(now, kept.map_or_else(Cookie::default, |kept| kept.cookie));
            if let Some(kept) = kept {
                connection.expect_mss(kept.mss);
            }
        }
        let index = self.admit(Flow::new(connection, tuple));
        if let Some(flow) = self.flows.get_mut(index) {
            flow.hop_limit = options.hop_limit.unwrap_or(flow.hop_limit);
            flow.dscp = options.dscp.unwrap_or(flow.dscp);
        }
        self.stats.active_opens += 1;
        self.settle(now, index, &crate::tcp::Notices::default());
        Ok(self.id(index))
    }

    /// The Fast Open cookie that the server at this address has given for the next connection (RFC 7413 §4.1.3); `None`
    /// if there is none, or it was forgotten.
    #[must_use]
    pub fn fast_open_cookie(&self, server: IpAddr) -> Option<Cookie> {
        self.jar.take_out(&self.secret, server).map(|kept| kept.cookie)
    }

    /// The name of the flow to be, with a port if none was asked for.
    fn new_tuple(
        &mut self,
        now: Instant,
        local: SocketAddr,
        remote: SocketAddr,
    ) -> Result<FiveTuple, ConnectError> {
        if local.is_ipv4() != remote.is_ipv4() {
            return Err(ConnectError::Versions { local, remote });
        }
        if !is_an_end(remote) || self.own.is_broadcast(remote.ip()) {
            return Err(ConnectError::Address(remote));
        }
        if self.own.standing(local.ip()) != Standing::Ours {
            return Err(ConnectError::NotLocal(local.ip()));
        }
        if local.port() == 0 {
            return self.choose_port(now, local, remote);
        }
        if local == remote {
            return Err(ConnectError::Itself(remote));
        }
        let tuple = FiveTuple::new(IpProtocol::TCP, local, remote);
        if self.is_taken(&tuple) { Err(ConnectError::InUse(tuple)) } else { Ok(tuple) }
    }

    fn choose_port(
        &mut self,
        now: Instant,
        local: SocketAddr,
        remote: SocketAddr,
    ) -> Result<FiveTuple, ConnectError> {
        let with = |port| FiveTuple::new(IpProtocol::TCP, with_port(local, port), remote);
        let (secret, names, flows, passive) = (&self.secret, &self.names, &self.flows, &self.passive);
        // One in TIME-WAIT is taken where there is no other, if it can be.
        let is_free = |port, reuse| {
            let tuple = with(port);
            let hash = demux::hash(secret, &tuple);
            let is_it = |index| flows.get(index).is_some_and(|flow| flow.tuple == tuple);
            let known =
                || if reuse { !passive.can_claim(now, hash, &tuple) } else { passive.knows(hash, &tuple) };
            tuple.local() != tuple.remote() && names.find(hash, is_it).is_none() && !known()
        };
        let ports = &mut self.ports;
        let mut choose =
            |reuse| ports.choose(secret, IpProtocol::TCP, local.ip(), remote, |port| is_free(port, reuse));
        match choose(false).or_else(|_| choose(true)) {
            Ok(port) => Ok(with(port)),
            Err(_) => Err(ConnectError::NoPorts(remote)),
        }
    }

    /// Whether there is a connection of that name.
    fn is_taken(&self, tuple: &FiveTuple) -> bool {
        let hash = demux::hash(&self.secret, tuple);
        self.find(hash, tuple).is_some()
    }

    /// Gives a row its name, its place and what its headers get.
    pub(super) fn admit(&mut self, mut flow: Flow) -> u32 {
        let (local, remote) = (flow.tuple.local(), flow.tuple.remote());
        (flow.hop_limit, flow.dscp) = (self.config.hop_limit, self.config.dscp);
        flow.ip_id = self.secret.identification(local, remote);
        flow.flow_label = self.secret.flow_label(local, remote);
        let hash = demux::hash(&self.secret, &flow.tuple);
        debug_assert!(flow.marks.has(Marks::NAMED));
        let index = self.flows.insert(flow);
        self.names.insert(hash, index);
        index
    }
}

const fn with_port(mut addr: SocketAddr, port: u16) -> SocketAddr {
    addr.set_port(port);
    addr
}

#[cfg(test)]
mod tests;
