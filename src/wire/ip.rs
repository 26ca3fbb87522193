//! One view of both IP versions: who, to whom, which upper layer, and how long it really is.

use core::fmt;
use core::net::IpAddr;

use super::at_most;
use super::ipv4::{Ipv4Error, Ipv4Header};
use super::ipv6::{ExtensionHeaders, Ipv6Error, Ipv6Header};
use crate::EcnCodepoint;

/// An IP protocol number: IPv4's Protocol, IPv6's Next Header (IANA "Assigned Internet Protocol Numbers").
///
/// ```
/// use tcpstate::wire::IpProtocol;
/// assert_eq!(IpProtocol(6), IpProtocol::TCP);
/// assert_eq!(IpProtocol::UDP.to_string(), "UDP");
/// assert_eq!(IpProtocol(200).to_string(), "protocol 200");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct IpProtocol(pub u8);

impl IpProtocol {
    /// IPv6 hop-by-hop options (RFC 8200 §4.3).
    pub const HOP_BY_HOP: Self = Self(0);
    /// ICMP for IPv4 (RFC 792).
    pub const ICMP: Self = Self(1);
    /// IGMP (RFC 3376).
    pub const IGMP: Self = Self(2);
    /// IPv4 in IP (RFC 2003).
    pub const IPV4: Self = Self(4);
    /// TCP (RFC 9293).
    pub const TCP: Self = Self(6);
    /// UDP (RFC 768).
    pub const UDP: Self = Self(17);
    /// IPv6 in IP (RFC 2473).
    pub const IPV6: Self = Self(41);
    /// IPv6 routing header (RFC 8200 §4.4).
    pub const ROUTING: Self = Self(43);
    /// IPv6 fragment header (RFC 8200 §4.5).
    pub const FRAGMENT: Self = Self(44);
    /// GRE (RFC 2784).
    pub const GRE: Self = Self(47);
    /// Encapsulating security payload (RFC 4303).
    pub const ESP: Self = Self(50);
    /// Authentication header (RFC 4302).
    pub const AH: Self = Self(51);
    /// ICMP for IPv6 (RFC 4443).
    pub const ICMPV6: Self = Self(58);
    /// Nothing follows (RFC 8200 §4.7).
    pub const NO_NEXT_HEADER: Self = Self(59);
    /// IPv6 destination options (RFC 8200 §4.6).
    pub const DESTINATION_OPTIONS: Self = Self(60);
    /// SCTP (RFC 9260).
    pub const SCTP: Self = Self(132);
    /// Mobility header (RFC 6275).
    pub const MOBILITY: Self = Self(135);
    /// Host identity protocol (RFC 7401).
    pub const HIP: Self = Self(139);
    /// Shim6 (RFC 5533).
    pub const SHIM6: Self = Self(140);
}

impl fmt::Display for IpProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match *self {
            Self::HOP_BY_HOP => "hop-by-hop options",
            Self::ICMP => "ICMP",
            Self::IGMP => "IGMP",
            Self::IPV4 => "IPv4",
            Self::TCP => "TCP",
            Self::UDP => "UDP",
            Self::IPV6 => "IPv6",
            Self::ROUTING => "routing",
            Self::FRAGMENT => "fragment",
            Self::GRE => "GRE",
            Self::ESP => "ESP",
            Self::AH => "AH",
            Self::ICMPV6 => "ICMPv6",
            Self::NO_NEXT_HEADER => "no next header",
            Self::DESTINATION_OPTIONS => "destination options",
            Self::SCTP => "SCTP",
            Self::MOBILITY => "mobility",
            Self::HIP => "HIP",
            Self::SHIM6 => "shim6",
            Self(number) => return write!(f, "protocol {number}"),
        };
        f.pad(name)
    }
}

/// Which length said where the packet ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum LengthSource {
    /// The IP header's own length (IPv6: the jumbo payload option's, where there is one).
    Ip,
    /// The link's: the IP header said zero, as a large packet does that the sender left to its network card
    /// to cut up.
    Link,
    /// The link's: the IP header claims more than the link carried.
    CutByLink,
}

/// Where a fragment belongs in its datagram (RFC 791 §3.1, RFC 8200 §4.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct FragmentInfo {
    /// The identification: 16 bits in IPv4, 32 in IPv6.
    pub id: u32,
    /// Where this fragment begins, in octets: a multiple of 8, at most 65,528.
    pub offset: u32,
    /// More fragments follow.
    pub more: bool,
}

/// An IP packet of either version, taken apart as far as its upper layer.
///
/// ```
/// use tcpstate::wire::{IpPacket, IpProtocol, LengthSource};
///
/// let mut frame = [0_u8; 46]; // 28 octets of IPv4 and UDP, and 18 of Ethernet padding
/// frame[..4].copy_from_slice(&[0x45, 0, 0, 28]);
/// frame[8..12].copy_from_slice(&[64, 17, 0, 0]);
/// frame[12..20].copy_from_slice(&[10, 0, 0, 1, 10, 0, 0, 2]);
/// let packet = IpPacket::parse(&frame, frame.len())?;
/// assert_eq!(packet.protocol, IpProtocol::UDP);
/// assert_eq!((packet.payload.len(), packet.payload_len), (8, 8));
/// assert_eq!(packet.length, LengthSource::Ip);
/// # Ok::<(), tcpstate::wire::IpError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IpPacket<'a> {
    /// Source address.
    pub src: IpAddr,
    /// Destination address, as the IP header has it: on the way through a routing header that is the next
    /// stop, not the final one that the transport checksum covers (RFC 8200 §8.1).
    pub dst: IpAddr,
    /// The upper layer after all extension headers. In a fragment (`fragment` is `Some`): what the fragmented
    /// part begins with, which in IPv6 may be one more extension header.
    pub protocol: IpProtocol,
    /// IPv4's type of service, IPv6's traffic class: DSCP in the upper six bits, ECN in the lower two.
    pub traffic_class: u8,
    /// IPv4's time to live, IPv6's hop limit.
    pub hop_limit: u8,
    /// Set when the packet is a piece of a datagram. `None` for an IPv6 atomic fragment, which is whole
    /// (RFC 6946).
    pub fragment: Option<FragmentInfo>,
    /// The octets of the upper layer that were captured, without padding by the link. At most `payload_len`.
    pub payload: &'a [u8],
    /// Octets of the upper layer on the wire, captured or not.
    pub payload_len: usize,
    /// Which length `payload_len` is from.
    pub length: LengthSource,
}

/// Why octets are not an IP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IpError {
    /// There is no octet to read a version from.
    #[error("the IP packet is empty")]
    Empty,
    /// The version is neither 4 nor 6.
    #[error("IP version {version} is neither 4 nor 6")]
    UnknownVersion {
        /// The first four bits.
        version: u8,
    },
    /// The IPv4 header is malformed.
    #[error(transparent)]
    V4(#[from] Ipv4Error),
    /// The IPv6 header or its extension headers are malformed.
    #[error(transparent)]
    V6(#[from] Ipv6Error),
}

impl<'a> IpPacket<'a> {
    /// Takes apart the packet at the start of `bytes`, of either version.
    ///
    /// `wire_len` is how many octets the link carried from here on, captured or not, padding included; a value
    /// below `bytes.len()` counts as `bytes.len()`. The IPv4 header checksum is not verified:
    /// [`Ipv4Header::checksum_ok`] does that.
    ///
    /// # Errors
    ///
    /// [`IpError`] when a header is malformed or not wholly captured.
    pub fn parse(bytes: &'a [u8], wire_len: usize) -> Result<Self, IpError> {
        let first = bytes.first().ok_or(IpError::Empty)?;
        match first >> 4 {
            4 => Ok(Self::from_ipv4(&Ipv4Header::parse(bytes, wire_len)?, bytes, wire_len)),
            6 => Ok(Self::from_ipv6(&Ipv6Header::parse(bytes, wire_len)?, bytes, wire_len)?),
            version => Err(IpError::UnknownVersion { version }),
        }
    }

    /// The ECN bits of `traffic_class` (RFC 3168 §5).
    #[must_use]
    pub const fn ecn(&self) -> EcnCodepoint {
        EcnCodepoint::from_bits(self.traffic_class)
    }

    /// The packet behind an IPv4 header that was parsed from the same `bytes` and `wire_len`.
    #[must_use]
    pub fn from_ipv4(header: &Ipv4Header<'a>, bytes: &'a [u8], wire_len: usize) -> Self {
        let available = wire_len.max(bytes.len()).saturating_sub(header.header_len());
        let (payload_len, length) = match usize::from(header.total_len) {
            0 => (available, LengthSource::Link),
            total => settle(total.saturating_sub(header.header_len()), available),
        };
        let captured = bytes.get(header.header_len()..).unwrap_or_default();
        let offset = u32::from(header.fragment_offset);
        let fragment = (offset > 0 || header.more_fragments).then_some(FragmentInfo {
            id: u32::from(header.id),
            offset,
            more: header.more_fragments,
        });
        Self {
            src: IpAddr::V4(header.src),
            dst: IpAddr::V4(header.dst),
            protocol: header.protocol,
            traffic_class: header.traffic_class(),
            hop_limit: header.ttl,
            fragment,
            payload: at_most(captured, payload_len),
            payload_len,
            length,
        }
    }

    /// The packet behind an IPv6 header that was parsed from the same `bytes` and `wire_len`, with the chain
    /// of extension headers walked to its end.
    ///
    /// # Errors
    ///
    /// [`Ipv6Error`] when the chain is cut, longer than the packet, or longer than
    /// [`ExtensionHeaders::MAX_HEADERS`].
    pub fn from_ipv6(header: &Ipv6Header, bytes: &'a [u8], wire_len: usize) -> Result<Self, Ipv6Error> {
        let available = wire_len.max(bytes.len()).saturating_sub(Ipv6Header::LEN);
        let captured = bytes.get(Ipv6Header::LEN..).unwrap_or_default();
        let (len, length) = match usize::from(header.payload_len) {
            0 if header.next_header == IpProtocol::NO_NEXT_HEADER => (0, LengthSource::Ip),
            0 => match header.jumbo_len(at_most(captured, available))? {
                Some(jumbo) => settle(usize::try_from(jumbo).unwrap_or(usize::MAX), available),
                None if available == 0 => (0, LengthSource::Ip),
                None => (available, LengthSource::Link),
            },
            len => settle(len, available),
        };
        let mut chain = ExtensionHeaders::new(header.next_header, at_most(captured, len), len);
        chain.walk()?;
        Ok(Self {
            src: IpAddr::V6(header.src),
            dst: IpAddr::V6(header.dst),
            protocol: chain.protocol(),
            traffic_class: header.traffic_class,
            hop_limit: header.hop_limit,
            fragment: chain.fragment(),
            payload: chain.rest(),
            payload_len: chain.rest_len(),
            length,
        })
    }
}

/// The shorter of what the IP header claims and what the link carried, and whose word it was.
fn settle(claimed: usize, available: usize) -> (usize, LengthSource) {
    if claimed > available { (available, LengthSource::CutByLink) } else { (claimed, LengthSource::Ip) }
}

#[cfg(test)]
mod tests;
