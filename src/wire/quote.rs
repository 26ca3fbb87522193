//! The packet that an ICMP error quotes: one that we sent, as the network gave it back.
//!
//! Little of it can be relied on. It may end after eight octets of the upper layer (RFC 792), its checksums may be
//! wrong because routers and translators on the way changed fields, and anybody can make one up. So what is read here
//! only says which of our flows is meant, and what to check there before it is believed (RFC 5927).

use core::net::{IpAddr, SocketAddr};

use super::ipv4::Ipv4Header;
use super::ipv6::{ExtensionHeaders, Ipv6Header};
use super::tcp::TcpQuote;
use super::{FragmentInfo, IpPacket, IpProtocol, be16};

/// A quoted packet, as far as it can be read.
///
/// ```
/// use tcpstate::wire::quote::{Quote, QuotedUpper};
/// use tcpstate::wire::{IpProtocol, Ipv4Repr};
///
/// let (src, dst) = ([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
/// let mut packet = [0; 28];
/// Ipv4Repr { payload_len: 1000, ..Ipv4Repr::new(src, dst, IpProtocol::UDP) }.emit(&mut packet)?;
/// packet[20..24].copy_from_slice(&[0x14, 0xe9, 0, 53]);
/// let quote = Quote::parse(&packet).unwrap();
/// assert_eq!(quote.packet_len, 1020);
/// assert_eq!(quote.upper, QuotedUpper::Udp { src_port: 5353, dst_port: 53 });
/// # Ok::<(), tcpstate::wire::EmitError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Quote {
    /// Who sent the packet: one of our addresses, if the quote is any good.
    pub src: IpAddr,
    /// To whom.
    pub dst: IpAddr,
    /// The upper layer.
    pub protocol: IpProtocol,
    /// How long the packet was by its own header, in octets.
    pub packet_len: usize,
    /// Set if the packet was a piece of a datagram.
    pub fragment: Option<FragmentInfo>,
    /// The beginning of the upper layer.
    pub upper: QuotedUpper,
}

/// The first octets of the upper layer of a quoted packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum QuotedUpper {
    /// A TCP segment: ports and sequence number.
    Tcp(TcpQuote),
    /// A UDP datagram.
    Udp {
        /// Our port.
        src_port: u16,
        /// The other's.
        dst_port: u16,
    },
    /// An echo request.
    Echo {
        /// Its identifier.
        id: u16,
        /// Its number.
        seq: u16,
    },
    /// Another message of ICMP, of this type.
    Icmp {
        /// The type.
        kind: u8,
    },
    /// Another protocol.
    Other,
    /// Not quoted: the quote ends before, or the packet was a later piece of a datagram.
    Missing,
}

impl Quote {
    /// Reads as much as there is. `None` when not even the addresses can be read.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        match bytes.first()? >> 4 {
            4 => Self::parse_v4(bytes),
            6 => Self::parse_v6(bytes),
            _ => None,
        }
    }

    /// The ends of the flow, the sender's first; `None` if the quote has no ports.
    #[must_use]
    pub const fn ends(&self) -> Option<(SocketAddr, SocketAddr)> {
        let (src_port, dst_port) = match self.upper {
            QuotedUpper::Tcp(tcp) => (tcp.src_port, tcp.dst_port),
            QuotedUpper::Udp { src_port, dst_port } => (src_port, dst_port),
            _ => return None,
        };
        Some((SocketAddr::new(self.src, src_port), SocketAddr::new(self.dst, dst_port)))
    }

    fn parse_v4(bytes: &[u8]) -> Option<Self> {
        let header = Ipv4Header::parse(bytes, bytes.len()).ok()?;
        let packet = IpPacket::from_ipv4(&header, bytes, bytes.len());
        Some(Self {
            src: packet.src,
            dst: packet.dst,
            protocol: packet.protocol,
            packet_len: usize::from(header.total_len),
            fragment: packet.fragment,
            upper: if header.fragment_offset == 0 {
                QuotedUpper::read(packet.protocol, packet.payload)
            } else {
                QuotedUpper::Missing
            },
        })
    }

    fn parse_v6(bytes: &[u8]) -> Option<Self> {
        let header = Ipv6Header::parse(bytes, bytes.len()).ok()?;
        let payload_len = usize::from(header.payload_len);
        let rest = bytes.get(Ipv6Header::LEN..).unwrap_or_default();
        let rest = if payload_len == 0 { rest } else { super::at_most(rest, payload_len) };
        let mut chain = ExtensionHeaders::new(header.next_header, rest, payload_len);
        let mut whole = chain.walk().is_ok();
        let fragment = chain.fragment();
        if fragment.is_some() && whole {
            chain = ExtensionHeaders::after_fragment(chain.protocol(), chain.rest());
            whole = fragment.is_some_and(|piece| piece.offset == 0) && chain.walk().is_ok();
        }
        Some(Self {
            src: IpAddr::V6(header.src),
            dst: IpAddr::V6(header.dst),
            protocol: chain.protocol(),
            packet_len: Ipv6Header::LEN + payload_len,
            fragment,
            upper: if whole {
                QuotedUpper::read(chain.protocol(), chain.rest())
            } else {
                QuotedUpper::Missing
            },
        })
    }
}

impl QuotedUpper {
    fn read(protocol: IpProtocol, bytes: &[u8]) -> Self {
        // RFC 792 promises eight octets; with less there is nothing that would be worth believing.
        let Some(&[b0, b1, b2, b3, b4, b5, b6, b7]) = bytes.first_chunk::<8>() else {
            return Self::Missing;
        };
        match (protocol, b0) {
            (IpProtocol::TCP, _) => TcpQuote::parse(bytes).map_or(Self::Missing, Self::Tcp),
            (IpProtocol::UDP, _) => Self::Udp { src_port: be16(b0, b1), dst_port: be16(b2, b3) },
            (IpProtocol::ICMP, 8) | (IpProtocol::ICMPV6, 128) => {
                Self::Echo { id: be16(b4, b5), seq: be16(b6, b7) }
            }
            (IpProtocol::ICMP | IpProtocol::ICMPV6, kind) => Self::Icmp { kind },
            _ => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests;
