//! Why a packet never reached the machine.

use core::fmt;

/// Why a packet was ignored. [`HostStats::ignored`](super::HostStats::ignored) counts each; for a
/// [`Single`](super::Single) whoever hands in packets can.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum IgnoreReason {
    /// Not IPv4 or IPv6, or with a header that cannot be.
    NotIp,
    /// The IPv4 header checksum is wrong (RFC 1122 §3.2.1.2).
    IpChecksum,
    /// The IP header claims more octets than there are, or none at all.
    IpLength,
    /// The packet is for another address, multicast and broadcast among them (RFC 9293 MUST-57).
    OtherDestination,
    /// A piece of a datagram, to a [`Single`](super::Single): it does not put them together. A host does.
    Fragment,
    /// Another protocol than TCP, to a [`Single`](super::Single). A host hands it back as
    /// [`Ingress::Raw`](super::Ingress::Raw).
    NotTcp,
    /// Not a TCP header: too short, or with an impossible data offset.
    TcpHeader,
    /// The packet is for another port than that of this [`Single`](super::Single).
    OtherPort,
    /// The source is no unicast address, or ourselves, or has port 0 (RFC 9293 MUST-63).
    InvalidSource,
    /// The packet is not from the peer of this [`Single`](super::Single).
    OtherSource,
    /// The TCP checksum is wrong (RFC 9293 MUST-3).
    TcpChecksum,
    /// There is no connection, and nobody listens (RFC 9293 §3.10.7.1).
    NoConnection,
    /// A UDP datagram for a port that nobody has (RFC 1122 §4.1.3.1).
    NoSocket,
    /// A UDP datagram that was not taken: [`UdpStats`](super::UdpStats) says why.
    Udp,
    /// An ICMP message that is not to be believed or heeded: [`IcmpStats`](super::IcmpStats) says why, or there is no
    /// such flow.
    Icmp,
    /// An extension header of IPv6 that cannot be followed (RFC 8200 §4).
    ExtensionHeader,
    /// A piece of a datagram that is of no use: it overlaps, is too late or too many.
    BadFragment,
}

impl IgnoreReason {
    /// Every reason.
    pub const ALL: [Self; 17] = [
        Self::NotIp,
        Self::IpChecksum,
        Self::IpLength,
        Self::OtherDestination,
        Self::Fragment,
        Self::NotTcp,
        Self::TcpHeader,
        Self::OtherPort,
        Self::InvalidSource,
        Self::OtherSource,
        Self::TcpChecksum,
        Self::NoConnection,
        Self::NoSocket,
        Self::Udp,
        Self::Icmp,
        Self::ExtensionHeader,
        Self::BadFragment,
    ];

    /// The reason as a word for counters: `tcp_checksum`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotIp => "not_ip",
            Self::IpChecksum => "ip_checksum",
            Self::IpLength => "ip_length",
            Self::OtherDestination => "other_destination",
            Self::Fragment => "fragment",
            Self::NotTcp => "not_tcp",
            Self::TcpHeader => "tcp_header",
            Self::OtherPort => "other_port",
            Self::InvalidSource => "invalid_source",
            Self::OtherSource => "other_source",
            Self::TcpChecksum => "tcp_checksum",
            Self::NoConnection => "no_connection",
            Self::NoSocket => "no_socket",
            Self::Udp => "udp",
            Self::Icmp => "icmp",
            Self::ExtensionHeader => "extension_header",
            Self::BadFragment => "bad_fragment",
        }
    }
}

impl fmt::Display for IgnoreReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
