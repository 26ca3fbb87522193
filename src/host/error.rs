//! Why a host could not do what it was asked for.

use core::net::{IpAddr, SocketAddr};

use super::FiveTuple;

/// Why a [`Host`](super::Host) could not be made with a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HostError {
    /// The MTU is too small for the version of IP of one of the addresses.
    #[error("an MTU of {mtu} octets is too small: at least {min} are needed")]
    Mtu {
        /// The MTU asked for.
        mtu: u16,
        /// The least.
        min: u16,
    },
    /// The code point has more than six bits.
    #[error("a DSCP of {0} does not fit: it is 63 at the most")]
    Dscp(u8),
    /// No host has that address as its own: multicast, broadcast, unspecified, or an IPv4 address in the form of IPv6.
    #[error("{0} cannot be a host's own address: it takes a unicast address")]
    Address(IpAddr),
    /// Packets with such a hop limit reach nobody.
    #[error("a hop limit of 0 lets no packet leave: it is at least 1")]
    HopLimit,
    /// The host is none of those that share its addresses: shards are numbered from 0.
    #[error("shard {index} is none of {count}: they are numbered from 0")]
    Shard {
        /// Its number.
        index: u32,
        /// How many there are.
        count: u32,
    },
    /// It cannot be changed while the host runs. Make another host.
    #[error("that cannot be changed while the host runs: make another one")]
    Fixed,
    /// There is no port in the range.
    #[error("there is no port from {first} to {last}: take a range with at least one above 0")]
    Ports {
        /// The first port of the range.
        first: u16,
        /// The last.
        last: u16,
    },
    /// The prefix is longer than the address.
    #[error("a prefix of {prefix_len} bits is longer than the address {ip}")]
    Prefix {
        /// The address.
        ip: IpAddr,
        /// The length asked for.
        prefix_len: u8,
    },
}

/// Why a connection could not be made. Nothing was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// No connection can have that end: multicast, broadcast, unspecified, or port 0 (RFC 9293 MUST-46).
    #[error("{0} cannot be one end of a connection: it takes a unicast address and a port")]
    Address(SocketAddr),
    /// One address is IPv4 and the other IPv6. Take two of one version.
    #[error("{local} and {remote} are not of one version of IP: take two of one")]
    Versions {
        /// Our own socket.
        local: SocketAddr,
        /// The peer's.
        remote: SocketAddr,
    },
    /// Both ends would be the same socket. Take another port.
    #[error("{0} cannot call itself: take another port for one end")]
    Itself(SocketAddr),
    /// The host has no address of the peer's version of IP. Give it one in
    /// [`HostConfig::addresses`](super::HostConfig::addresses).
    #[error("the host has no address from which {0} could be reached: give it one of that version of IP")]
    NoLocalAddress(IpAddr),
    /// The local address is not the host's.
    #[error("{0} is not an address of this host: take one of its own")]
    NotLocal(IpAddr),
    /// The code point has more than six bits.
    #[error("a DSCP of {0} does not fit: it is 63 at the most")]
    Dscp(u8),
    /// Packets with such a hop limit reach nobody.
    #[error("a hop limit of 0 lets no packet leave: it is at least 1")]
    HopLimit,
    /// There is a connection between these two already, or one in TIME-WAIT. Take another port, or none: then one is
    /// chosen.
    #[error("the flow {0} is in use: take another port, or port 0 for any")]
    InUse(FiveTuple),
    /// Every ephemeral port is in use towards this peer. Close some connections, or widen the range.
    #[error("every ephemeral port is in use towards {0}: close connections, or widen the range")]
    NoPorts(SocketAddr),
    /// As many connections as [`Limits::connections`](super::Limits::connections) allows are there. Release those that
    /// are over.
    #[error("{limit} connections are the limit: release those that are over, or raise it")]
    TooMany {
        /// The limit.
        limit: usize,
    },
}
