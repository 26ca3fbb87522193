//! From a captured frame to a TCP segment between two sockets, or to the named reason why there is none.

use crate::capture::Frame;
use crate::time::Instant;
use crate::wire::fragment::{FragmentOutcome, Reassembler};
use crate::wire::ip::{IpPacket, IpProtocol};
use crate::wire::link::{self, LinkError, LinkType, Network};
use crate::wire::tcp::{TcpError, TcpSegment};
use crate::wire::{FragmentLimits, Ipv4Header};
use bytes::Bytes;
use core::fmt;
use core::net::SocketAddr;

/// Why a frame belongs to no TCP flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum SkipReason {
    /// The link type of the interface is not one that this crate reads.
    UnsupportedLink,
    /// The link header is cut short or contradicts itself.
    BadLinkHeader,
    /// It carries no IP: ARP, LLDP, spanning tree …
    NotIp,
    /// The IP header (or the chain of IPv6 extension headers) is cut short or malformed.
    BadIpHeader,
    /// It carries IP, but not TCP.
    NotTcp,
    /// A fragment of a TCP segment; the frame that completes the segment stands for it.
    Fragment,
    /// A fragment that cannot be put together: overlapping, incomplete, or too much at once.
    BadFragment,
    /// Fewer octets of the TCP header were captured than its fixed part has.
    TcpHeaderCut,
    /// The TCP header contradicts itself.
    BadTcpHeader,
    /// A packet of a pcapng file that could not be read; the file goes on after it.
    DamagedPacket,
}

impl SkipReason {
    /// Every reason.
    pub const ALL: [Self; 10] = [
        Self::UnsupportedLink,
        Self::BadLinkHeader,
        Self::NotIp,
        Self::BadIpHeader,
        Self::NotTcp,
        Self::Fragment,
        Self::BadFragment,
        Self::TcpHeaderCut,
        Self::BadTcpHeader,
        Self::DamagedPacket,
    ];

    /// The key in JSON: `not_tcp`.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::UnsupportedLink => "unsupported_link",
            Self::BadLinkHeader => "bad_link_header",
            Self::NotIp => "not_ip",
            Self::BadIpHeader => "bad_ip_header",
            Self::NotTcp => "not_tcp",
            Self::Fragment => "fragment",
            Self::BadFragment => "bad_fragment",
            Self::TcpHeaderCut => "tcp_header_cut",
            Self::BadTcpHeader => "bad_tcp_header",
            Self::DamagedPacket => "damaged_packet",
        }
    }

    /// What to tell a person: `3 frames that are not TCP`.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::UnsupportedLink => "of an unsupported link type",
            Self::BadLinkHeader => "with a bad link header",
            Self::NotIp => "not IP",
            Self::BadIpHeader => "with a bad IP header",
            Self::NotTcp => "IP but not TCP",
            Self::Fragment => "IP fragments",
            Self::BadFragment => "bad IP fragments",
            Self::TcpHeaderCut => "with a cut TCP header",
            Self::BadTcpHeader => "with a bad TCP header",
            Self::DamagedPacket => "damaged in the file",
        }
    }
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.label())
    }
}

/// A TCP segment on its way from one socket to another.
#[derive(Clone, Debug)]
pub(crate) struct Sent<'a> {
    pub(crate) from: SocketAddr,
    pub(crate) to: SocketAddr,
    pub(crate) segment: TcpSegment<'a>,
    /// The header checksum of IPv4 matches; true for IPv6, which has none.
    pub(crate) ip_checksum_ok: bool,
}

/// What a frame holds.
pub(crate) enum Dissected<'a> {
    Tcp(Sent<'a>),
    /// The frame completes a fragmented packet: its payload, to be read by [`Whole::segment`].
    Whole(Whole),
    Skip(SkipReason),
}

/// A datagram put together from fragments.
pub(crate) struct Whole {
    from: core::net::IpAddr,
    to: core::net::IpAddr,
    payload: Bytes,
    ip_checksum_ok: bool,
}

impl Whole {
    pub(crate) fn segment(&self) -> Result<Sent<'_>, SkipReason> {
        sent(self.from, self.to, &self.payload, self.payload.len(), self.ip_checksum_ok)
    }
}

/// Takes frames apart; keeps what fragments need.
#[derive(Debug)]
pub(crate) struct Dissector {
    fragments: Reassembler,
}

impl Dissector {
    pub(crate) fn new(limits: FragmentLimits) -> Self {
        Self { fragments: Reassembler::new(limits) }
    }

    #[inline]
    pub(crate) fn dissect<'a>(&mut self, frame: &Frame<'a>, now: Instant) -> Dissected<'a> {
        let wire_len = usize::try_from(frame.wire_len).unwrap_or(usize::MAX);
        match link::network_layer(LinkType::from_dlt(frame.dlt), frame.data, wire_len) {
            Ok(Network::Ip { bytes, wire_len }) => self.dissect_ip(bytes, wire_len, now),
            Ok(Network::Other { .. }) => Dissected::Skip(SkipReason::NotIp),
            Err(LinkError::Unsupported { .. }) => Dissected::Skip(SkipReason::UnsupportedLink),
            Err(_) => Dissected::Skip(SkipReason::BadLinkHeader),
        }
    }

    fn dissect_ip<'a>(&mut self, bytes: &'a [u8], wire_len: usize, now: Instant) -> Dissected<'a> {
        let parsed = match Ipv4Header::parse(bytes, wire_len) {
            Ok(header) => Ok((IpPacket::from_ipv4(&header, bytes, wire_len), header.checksum_ok())),
            Err(_) => IpPacket::parse(bytes, wire_len).map(|packet| (packet, true)),
        };
        let Ok((packet, ip_checksum_ok)) = parsed else {
            return Dissected::Skip(SkipReason::BadIpHeader);
        };
        if packet.fragment.is_some() {
            return self.take_fragment(&packet, ip_checksum_ok, now);
        }
        if packet.protocol != IpProtocol::TCP {
            return Dissected::Skip(SkipReason::NotTcp);
        }
        match sent(packet.src, packet.dst, packet.payload, packet.payload_len, ip_checksum_ok) {
            Ok(sent) => Dissected::Tcp(sent),
            Err(reason) => Dissected::Skip(reason),
        }
    }

    fn take_fragment<'a>(
        &mut self,
        packet: &IpPacket<'a>,
        ip_checksum_ok: bool,
        now: Instant,
    ) -> Dissected<'a> {
        // The upper layer of an IPv6 fragment may hide behind more extension headers.
        let may_be_tcp = packet.protocol == IpProtocol::TCP || packet.src.is_ipv6();
        match self.fragments.push(now, packet) {
            FragmentOutcome::Complete(whole) if whole.protocol == IpProtocol::TCP => {
                Dissected::Whole(Whole {
                    from: whole.src,
                    to: whole.dst,
                    payload: whole.payload,
                    ip_checksum_ok,
                })
            }
            FragmentOutcome::Waiting if may_be_tcp => Dissected::Skip(SkipReason::Fragment),
            FragmentOutcome::Dropped(_) if may_be_tcp => Dissected::Skip(SkipReason::BadFragment),
            _ => Dissected::Skip(SkipReason::NotTcp),
        }
    }
}

fn sent(
    from: core::net::IpAddr,
    to: core::net::IpAddr,
    payload: &[u8],
    payload_len: usize,
    ip_checksum_ok: bool,
) -> Result<Sent<'_>, SkipReason> {
    match TcpSegment::parse(payload, payload_len) {
        Ok(segment) => Ok(Sent {
            from: SocketAddr::new(from, segment.src_port),
            to: SocketAddr::new(to, segment.dst_port),
            segment,
            ip_checksum_ok,
        }),
        Err(TcpError::HeaderCut { .. }) => Err(SkipReason::TcpHeaderCut),
        Err(_) => Err(SkipReason::BadTcpHeader),
    }
}
