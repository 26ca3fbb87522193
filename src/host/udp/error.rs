//! Why a call about a UDP socket did nothing.

use core::net::{IpAddr, SocketAddr};

/// Why a socket was not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum UdpBindError {
    /// Another socket has this place. Close it, or take another port.
    #[error("another socket has {0:?}: close it, or take another port")]
    InUse(super::UdpBind),
    /// The address is none of the host's.
    #[error("{0} is not an address of this host: take one of its own")]
    Address(IpAddr),
    /// No ephemeral port is free. Close sockets, or name a port.
    #[error("no port is free: close sockets, or name a port")]
    NoPort,
    /// There are as many sockets as may be ([`UdpConfig::max_sockets`](super::UdpConfig::max_sockets)).
    #[error("{0} sockets are the limit: close some, or raise it")]
    TooMany(u32),
    /// The code point has more than six bits.
    #[error("a DSCP of {0} does not fit: it is 63 at the most")]
    Dscp(u8),
    /// A hop limit of zero: the datagrams would not leave the host.
    #[error("a hop limit of 0 lets nothing leave the host")]
    HopLimit,
    /// The new socket cannot be connected.
    #[error(transparent)]
    Connect(#[from] UdpConnectError),
}

/// Why a socket was not connected or disconnected; nothing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum UdpConnectError {
    /// No datagram can be sent there: an unspecified address, an IPv4 address in the form of IPv6, port 0.
    #[error("nothing can be sent to {0}")]
    Destination(SocketAddr),
    /// The host, or the socket, has no address of that version of IP from which the peer can be reached.
    #[error("there is no address from which {0} can be reached: give the host one of that version of IP")]
    NoAddress(SocketAddr),
    /// Another socket is connected to the same peer from the same address and port.
    #[error("another socket is connected to {0} from the same address and port")]
    InUse(SocketAddr),
    /// A socket for everything has no port of its own, and one with flows many peers.
    #[error("a socket for everything, or with flows, cannot be connected")]
    ManyPeers,
    /// The socket is not connected.
    #[error("the socket is not connected")]
    NotConnected,
}

/// Why a datagram was not queued; nothing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum UdpSendError {
    /// The queue is full. An event says when it is not any more.
    #[error("the queue is full: wait until the socket is writable")]
    WouldBlock,
    /// The datagram is larger than can ever go: 65,507 octets over IPv4, 65,527 over IPv6, less where the queue's
    /// bound is less, or the path where datagrams must not be cut up.
    #[error("the datagram has {len} octets and {max} would go")]
    TooLarge {
        /// Its octets.
        len: usize,
        /// Octets that would go.
        max: usize,
    },
    /// The host, or the socket, has no address of that version of IP from which to send there.
    #[error("there is no address from which to send to {0}: give the host one of that version of IP")]
    NoAddress(SocketAddr),
    /// The datagram cannot come from there: [`UdpSend::from`](super::UdpSend::from) is none of the socket's
    /// addresses, or a socket for everything was not told.
    #[error("the socket cannot send from {0:?}")]
    Source(Option<SocketAddr>),
    /// No datagram can be sent there: an unspecified address, an IPv4 address in the form of IPv6, port 0, or a
    /// broadcast where that is not [allowed](super::UdpOptions::broadcast).
    #[error("nothing can be sent to {0}")]
    Destination(SocketAddr),
    /// The socket is not connected: say where to send.
    #[error("the socket is not connected: say where to send")]
    NotConnected,
    /// The socket is connected to somebody else.
    #[error("the socket is connected to {0} and sends to nobody else")]
    Connected(SocketAddr),
    /// The code point has more than six bits.
    #[error("a DSCP of {0} does not fit: it is 63 at the most")]
    Dscp(u8),
    /// A hop limit of zero: the datagram would not leave the host.
    #[error("a hop limit of 0 lets nothing leave the host")]
    HopLimit,
    /// The network reported an error about an earlier datagram. Said once; this datagram was not queued.
    #[error("an earlier datagram: {0}")]
    Network(#[from] UdpNetworkError),
}

/// What the network reported about a datagram that was sent (RFC 1122 §4.1.3.3, RFC 4443 §3).
///
/// Such reports can be forged by anybody who knows or guesses the addresses and ports: they are hints, and change
/// nothing about the socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum UdpNetworkError {
    /// Nobody has that port: ICMP's port unreachable.
    #[error("the port is closed")]
    Refused,
    /// Destination unreachable, for another reason.
    #[error("the destination is unreachable (code {0})")]
    Unreachable(u8),
    /// The hop limit came to its end on the way (code 0), or the time to put fragments together (code 1).
    #[error("time exceeded (code {0})")]
    TimeExceeded(u8),
    /// Somebody could not read the header.
    #[error("a problem with the header (code {0})")]
    Parameter(u8),
    /// It was not to be cut up and is too large for the path, which takes IP packets of so many octets.
    #[error("the path takes packets of {0} octets only")]
    TooBig(u16),
}

/// An error that the network reported about a datagram of a socket that is not connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct UdpReport {
    /// Where the datagram came from.
    pub from: SocketAddr,
    /// Where it was sent.
    pub to: SocketAddr,
    /// What became of it.
    pub error: UdpNetworkError,
}
