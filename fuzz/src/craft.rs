//! Packets that nobody has sent, and packets that something has changed on their way.

use std::net::{IpAddr, SocketAddr};

use tcpstate::wire::{
    Checksum, Icmpv4Message, Icmpv6Message, IpPacket, IpProtocol, Ipv4Header, Ipv4Repr, Ipv6Header, TcpRepr,
    TcpSegment, checksum, icmpv4, icmpv6,
};

/// An IP header around any octets.
pub fn ip(src: IpAddr, dst: IpAddr, protocol: IpProtocol, payload: &[u8]) -> Vec<u8> {
    match (src, dst) {
        (IpAddr::V4(src), IpAddr::V4(dst)) => {
            let mut packet = vec![0; 20];
            let repr = Ipv4Repr {
                dscp: 0,
                ecn: 0,
                id: 1,
                dont_fragment: false,
                more_fragments: false,
                fragment_offset: 0,
                ttl: 64,
                protocol,
                src,
                dst,
                payload_len: payload.len().min(65_515),
                options: &[],
            };
            repr.emit(&mut packet).expect("a header without options");
            packet.extend_from_slice(&payload[..payload.len().min(65_515)]);
            packet
        }
        (IpAddr::V6(src), IpAddr::V6(dst)) => {
            let mut packet = vec![0; 40];
            let mut header = Ipv6Header::new(src, dst, protocol);
            header.payload_len = payload.len().min(65_535) as u16;
            header.emit(&mut packet).expect("a header has room");
            packet.extend_from_slice(&payload[..payload.len().min(65_535)]);
            packet
        }
        _ => Vec::new(),
    }
}

/// A TCP segment in a packet. Ports come from the addresses, everything else from `repr`.
pub fn tcp(src: SocketAddr, dst: SocketAddr, repr: &TcpRepr<'_>, payload: &[u8]) -> Vec<u8> {
    let repr = TcpRepr { src_port: src.port(), dst_port: dst.port(), ..*repr };
    let mut segment = vec![0; repr.header_len() + payload.len()];
    match repr.emit(&mut segment, src.ip(), dst.ip(), [payload]) {
        Ok(len) => ip(src.ip(), dst.ip(), IpProtocol::TCP, &segment[..len]),
        Err(_) => Vec::new(),
    }
}

/// What an ICMP error says.
#[derive(Clone, Copy, Debug)]
pub enum Trouble {
    /// A code of "destination unreachable".
    Unreachable(u8),
    /// The next link takes packets of this size only.
    TooBig(u16),
    /// On the way (0), or while it waited for its fragments (1).
    TimeExceeded(u8),
    /// At this octet.
    Problem(u8),
}

/// A router, or the host itself, tells the sender of `quoted` about it.
pub fn icmp(from: IpAddr, quoted: &[u8], trouble: Trouble) -> Vec<u8> {
    let Ok(packet) = IpPacket::parse(quoted, quoted.len()) else { return Vec::new() };
    let quote = &quoted[..quoted.len().min(120)];
    let mut out = vec![0; quote.len() + 8];
    let (len, protocol) = match (from, packet.src) {
        (IpAddr::V4(_), IpAddr::V4(_)) => {
            let message = match trouble {
                Trouble::Unreachable(code) => {
                    Icmpv4Message::Unreachable { code: icmpv4::Unreachable(code), quote }
                }
                Trouble::TooBig(mtu) => Icmpv4Message::FragmentationNeeded { mtu, quote },
                Trouble::TimeExceeded(code) => Icmpv4Message::TimeExceeded { code, quote },
                Trouble::Problem(pointer) => Icmpv4Message::ParameterProblem { code: 0, pointer, quote },
            };
            (message.emit(&mut out).unwrap_or(0), IpProtocol::ICMP)
        }
        (IpAddr::V6(src), IpAddr::V6(dst)) => {
            let message = match trouble {
                Trouble::Unreachable(code) => {
                    Icmpv6Message::Unreachable { code: icmpv6::Unreachable(code), quote }
                }
                Trouble::TooBig(mtu) => Icmpv6Message::PacketTooBig { mtu: mtu.into(), quote },
                Trouble::TimeExceeded(code) => Icmpv6Message::TimeExceeded { code, quote },
                Trouble::Problem(pointer) => Icmpv6Message::ParameterProblem {
                    code: icmpv6::ParameterCode(0),
                    pointer: pointer.into(),
                    quote,
                },
            };
            (message.emit(&mut out, src, dst).unwrap_or(0), IpProtocol::ICMPV6)
        }
        _ => return Vec::new(),
    };
    ip(from, packet.src, protocol, &out[..len])
}

/// Whether a receiver has no reason to doubt the packet: it is whole, and its checksums are right.
pub fn is_intact(octets: &[u8]) -> bool {
    let Ok(packet) = IpPacket::parse(octets, octets.len()) else { return false };
    if packet.src.is_ipv4()
        && !Ipv4Header::parse(octets, octets.len()).is_ok_and(|header| header.checksum_ok())
    {
        return false;
    }
    // Another protocol has no stream that could suffer.
    packet.protocol == IpProtocol::TCP && {
        let mut sum = pseudo(&packet);
        sum.add_bytes(packet.payload);
        sum.sum() == 0xffff
    }
}

fn pseudo(packet: &IpPacket<'_>) -> Checksum {
    checksum::pseudo_header(packet.src, packet.dst, packet.protocol, packet.payload.len() as u32)
}

/// Makes the checksums of a packet right: what has changed it would not be noticed.
pub fn repair(octets: &mut [u8]) {
    let Some(first) = octets.first() else { return };
    if first >> 4 == 4 && octets.len() >= 20 {
        let header = (usize::from(octets[0] & 15) * 4).clamp(20, octets.len());
        octets[10..12].fill(0);
        put(octets, 10, sum_of(Checksum::new(), &octets[..header]));
    }
    let Ok(packet) = IpPacket::parse(octets, octets.len()) else { return };
    let at = match packet.protocol {
        IpProtocol::TCP => 16,
        IpProtocol::UDP => 6,
        IpProtocol::ICMP | IpProtocol::ICMPV6 => 2,
        _ => return,
    };
    let seed = if packet.protocol == IpProtocol::ICMP { Checksum::new() } else { pseudo(&packet) };
    let start = packet.payload.as_ptr().addr() - octets.as_ptr().addr();
    let end = start + packet.payload.len();
    if packet.fragment.is_some() || end < start + at + 2 {
        return;
    }
    octets[start + at..start + at + 2].fill(0);
    let sum = sum_of(seed, &octets[start..end]);
    put(octets, start + at, sum);
}

fn sum_of(mut seed: Checksum, octets: &[u8]) -> u16 {
    seed.add_bytes(octets);
    seed.finish()
}

fn put(octets: &mut [u8], at: usize, sum: u16) {
    octets[at..at + 2].copy_from_slice(&sum.to_be_bytes());
}

/// Says "congestion experienced" on a packet whose sender has said that it would understand (RFC 3168 §5).
pub fn mark(octets: &mut [u8]) {
    match octets.first().map(|first| first >> 4) {
        Some(4) if octets.len() >= 20 && octets[1] & 3 != 0 => {
            octets[1] |= 3;
            octets[10..12].fill(0);
            let header = (usize::from(octets[0] & 15) * 4).clamp(20, octets.len());
            put(octets, 10, sum_of(Checksum::new(), &octets[..header]));
        }
        Some(6) if octets.len() >= 40 && octets[1] & 0x30 != 0 => octets[1] |= 0x30,
        _ => {}
    }
}

/// The segment that a packet carries: from where, to where, and what.
pub fn segment(octets: &[u8]) -> Option<(SocketAddr, SocketAddr, TcpSegment<'_>)> {
    let packet = IpPacket::parse(octets, octets.len()).ok()?;
    if packet.protocol != IpProtocol::TCP || packet.fragment.is_some() {
        return None;
    }
    let segment = TcpSegment::parse(packet.payload, packet.payload_len).ok()?;
    let ends = (SocketAddr::new(packet.src, segment.src_port), SocketAddr::new(packet.dst, segment.dst_port));
    Some((ends.0, ends.1, segment))
}
