//! The socket pair that names a flow: five values.

use core::fmt;
use core::net::{IpAddr, SocketAddr, SocketAddrV6};

use crate::wire::{IpPacket, IpProtocol};

/// Protocol, two addresses and two ports: what tells one flow from every other (RFC 9293 §3.3, RFC 768).
///
/// Link-local addresses of IPv6 mean something on their link only (RFC 4007): for those the link's number, the
/// scope of [`SocketAddrV6`], is part of the name. For all others it is zero.
///
/// ```
/// use tcpstate::host::FiveTuple;
/// use tcpstate::wire::IpProtocol;
///
/// let flow = FiveTuple::new(IpProtocol::TCP, "10.0.0.1:80".parse()?, "10.0.0.2:5000".parse()?);
/// assert_eq!(flow.to_string(), "tcp 10.0.0.1:80 10.0.0.2:5000");
/// assert_eq!(flow.reversed().local(), flow.remote());
/// # Ok::<(), core::net::AddrParseError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FiveTuple {
    local_ip: IpAddr,
    remote_ip: IpAddr,
    protocol: IpProtocol,
    local_port: u16,
    remote_port: u16,
    scope: u32,
}

impl FiveTuple {
    /// The flow between these two. Flow information of IPv6 sockets is not part of the name.
    #[must_use]
    pub const fn new(protocol: IpProtocol, local: SocketAddr, remote: SocketAddr) -> Self {
        let scope = match (scope_of(local), scope_of(remote)) {
            (0, scope) | (scope, _) => scope,
        };
        Self {
            local_ip: local.ip(),
            remote_ip: remote.ip(),
            protocol,
            local_port: local.port(),
            remote_port: remote.port(),
            scope,
        }
    }

    /// The flow of a packet that came over the link `scope`, as its receiver sees it.
    pub(super) fn between(packet: &IpPacket<'_>, local_port: u16, remote_port: u16, scope: u32) -> Self {
        let flow = Self::of_segment((packet.dst, local_port), (packet.src, remote_port), scope);
        Self { protocol: packet.protocol, ..flow }
    }

    /// The flow of a TCP segment that came over the link `scope`, as its receiver sees it.
    #[inline(always)]
    pub(super) fn of_segment(
        (local_ip, local_port): (IpAddr, u16),
        (remote_ip, remote_port): (IpAddr, u16),
        scope: u32,
    ) -> Self {
        let scope = if is_link_local(local_ip) || is_link_local(remote_ip) { scope } else { 0 };
        Self { local_ip, remote_ip, protocol: IpProtocol::TCP, local_port, remote_port, scope }
    }

    /// TCP, UDP or another protocol.
    #[must_use]
    pub const fn protocol(&self) -> IpProtocol {
        self.protocol
    }

    /// Our own address.
    #[must_use]
    pub const fn local_ip(&self) -> IpAddr {
        self.local_ip
    }

    /// The peer's address.
    #[must_use]
    pub const fn remote_ip(&self) -> IpAddr {
        self.remote_ip
    }

    /// The peer's address where it stands.
    #[inline]
    pub(super) const fn to(&self) -> &IpAddr {
        &self.remote_ip
    }

    /// Our own port.
    #[must_use]
    pub const fn local_port(&self) -> u16 {
        self.local_port
    }

    /// The peer's port.
    #[must_use]
    pub const fn remote_port(&self) -> u16 {
        self.remote_port
    }

    /// The number of the link, where an address is link-local; else zero.
    #[must_use]
    pub const fn scope(&self) -> u32 {
        self.scope
    }

    /// Our own socket.
    #[must_use]
    #[inline]
    pub const fn local(&self) -> SocketAddr {
        socket(self.local_ip, self.local_port, self.scope)
    }

    /// The peer's socket.
    #[must_use]
    #[inline]
    pub const fn remote(&self) -> SocketAddr {
        socket(self.remote_ip, self.remote_port, self.scope)
    }

    /// The flow as the peer sees it.
    #[must_use]
    pub const fn reversed(&self) -> Self {
        Self {
            local_ip: self.remote_ip,
            remote_ip: self.local_ip,
            local_port: self.remote_port,
            remote_port: self.local_port,
            ..*self
        }
    }
}

/// The scope of a link-local address of IPv6; zero for all others.
const fn scope_of(addr: SocketAddr) -> u32 {
    match addr {
        SocketAddr::V6(v6) if v6.ip().is_unicast_link_local() => v6.scope_id(),
        _ => 0,
    }
}

const fn is_link_local(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local())
}

#[inline]
const fn socket(ip: IpAddr, port: u16, scope: u32) -> SocketAddr {
    match ip {
        IpAddr::V6(v6) if v6.is_unicast_link_local() => SocketAddr::V6(SocketAddrV6::new(v6, port, 0, scope)),
        _ => SocketAddr::new(ip, port),
    }
}

/// `tcp 10.0.0.1:80 10.0.0.2:5000`: our own socket first.
impl fmt::Display for FiveTuple {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.protocol {
            IpProtocol::TCP => f.write_str("tcp")?,
            IpProtocol::UDP => f.write_str("udp")?,
            IpProtocol(other) => write!(f, "protocol-{other}")?,
        }
        write!(f, " {} {}", self.local(), self.remote())
    }
}

impl fmt::Debug for FiveTuple {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests;
