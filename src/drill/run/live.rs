//! A packet of the wire in the words of a script.

use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use bytes::Bytes;

use super::flows::Origins;
use super::icmp;
use crate::drill::script::{
    Body, Direction, EcnWord, IpInfo, OptionList, OptionWord, Packet, PortPair, TcpLine, UdpLine,
};
use crate::tcp::Cookie;
use crate::wire::{
    ChecksumStatus, IpPacket, IpProtocol, Ipv4Header, Ipv6Header, TcpOption, TcpOptions, TcpSegment,
    UdpDatagram,
};
use crate::{Instant, TcpFlags};

/// A packet that the host has sent.
#[derive(Clone, Debug)]
pub(super) struct Sniffed {
    pub(super) at: Instant,
    pub(super) octets: Bytes,
    /// The numbers that held when it was sent.
    pub(super) origins: Origins,
    /// Its place in the log.
    pub(super) entry: u64,
}

/// The upper layer of a packet, checked.
#[derive(Clone, Copy, Debug)]
pub(super) enum Upper<'a> {
    Tcp(TcpSegment<'a>),
    Udp(UdpDatagram<'a>),
    Icmp,
    /// A part of a datagram.
    Fragment,
}

/// Takes a packet apart; `Err` tells what is wrong with it.
pub(super) fn read(octets: &[u8]) -> Result<(IpPacket<'_>, Upper<'_>), String> {
    let packet = IpPacket::parse(octets, octets.len()).map_err(|error| error.to_string())?;
    if packet.src.is_ipv4() {
        let header = Ipv4Header::parse(octets, octets.len()).map_err(|error| error.to_string())?;
        if !header.checksum_ok() {
            return Err("the checksum of the IP header is wrong".into());
        }
    }
    if packet.fragment.is_some() {
        return Ok((packet, Upper::Fragment));
    }
    let (src, dst) = (packet.src, packet.dst);
    let (upper, sum) = match packet.protocol {
        IpProtocol::TCP => {
            let segment =
                TcpSegment::parse(packet.payload, packet.payload_len).map_err(|error| error.to_string())?;
            (Upper::Tcp(segment), segment.checksum_status(src, dst))
        }
        IpProtocol::UDP => {
            let datagram =
                UdpDatagram::parse(packet.payload, packet.payload_len).map_err(|error| error.to_string())?;
            (Upper::Udp(datagram), datagram.checksum_status(src, dst))
        }
        IpProtocol::ICMP | IpProtocol::ICMPV6 => (Upper::Icmp, ChecksumStatus::Good),
        other => return Err(format!("it carries {other}")),
    };
    if !matches!(sum, ChecksumStatus::Good | ChecksumStatus::Absent) {
        return Err("its checksum is wrong".into());
    }
    Ok((packet, upper))
}

/// The packet in the words of a script, with all that there is to tell of its IP header.
pub(in crate::drill) fn packet(
    octets: &[u8],
    direction: Direction,
    origins: &Origins,
) -> Result<Packet, String> {
    let (ip, upper) = read(octets)?;
    let body = match upper {
        Upper::Tcp(segment) => Body::Tcp(tcp(&segment, direction, origins)?),
        Upper::Udp(datagram) => Body::Udp(UdpLine {
            ports: Some(PortPair { source: datagram.src_port, destination: datagram.dst_port }),
            len: u32::try_from(datagram.payload_len).unwrap_or(u32::MAX),
        }),
        Upper::Icmp => Body::Icmp(icmp::read(&ip, origins)?),
        Upper::Fragment => return Err("it is a fragment".into()),
    };
    let flow_label = Ipv6Header::parse(octets, octets.len()).ok().map(|header| header.flow_label);
    let info = IpInfo {
        ecn: Some(match ip.traffic_class & 3 {
            0 => EcnWord::None,
            1 => EcnWord::Ect1,
            2 => EcnWord::Ect0,
            _ => EcnWord::Ce,
        }),
        traffic_class: Some(ip.traffic_class),
        dscp: Some(ip.traffic_class >> 2),
        flow_label,
        hop_limit: Some(ip.hop_limit),
    };
    Ok(Packet { direction, ip: info, body })
}

fn tcp(segment: &TcpSegment<'_>, direction: Direction, origins: &Origins) -> Result<TcpLine, String> {
    let local = origins.local.unwrap_or(0);
    let remote = origins.remote.unwrap_or(0);
    let (ours, theirs) = match direction {
        Direction::Out => (local, remote),
        Direction::In => (remote, local),
    };
    let raw = segment.seq.get();
    let is_syn = segment.flags.contains(TcpFlags::SYN);
    let seq = match direction {
        // What the script has for the number of our SYN; the peer's is the same here and there.
        Direction::Out if is_syn => {
            raw.wrapping_sub(origins.local.unwrap_or(raw)).wrapping_add(origins.local_in_script.unwrap_or(0))
        }
        Direction::In if is_syn => raw,
        // Who answers a segment without an acknowledgment has no number to begin from: it is 0 on the wire
        // (RFC 9293 §3.5.2).
        _ if raw == 0 && segment.flags.contains(TcpFlags::RST | TcpFlags::ACK) => 0,
        _ => raw.wrapping_sub(ours),
    };
    let len = u32::try_from(segment.payload_len).unwrap_or(u32::MAX);
    let acknowledges = segment.flags.contains(TcpFlags::ACK);
    let ack = match segment.ack.get() {
        ack if acknowledges => Some(ack.wrapping_sub(theirs)),
        0 => None,
        ack => Some(ack),
    };
    Ok(TcpLine {
        ports: Some(PortPair { source: segment.src_port, destination: segment.dst_port }),
        flags: segment.flags,
        ace: None,
        seq,
        end: seq.wrapping_add(len),
        any_seq: false,
        absolute: false,
        len: Some(len),
        ack,
        ack_absolute: false,
        window: Some(segment.window),
        urgent: (segment.urgent != 0).then_some(segment.urgent),
        options: OptionList::These(options(&segment.options, direction, theirs, origins)?),
    })
}

/// The options in their order; each octet of padding is an `eol` of its own.
fn options(
    options: &TcpOptions<'_>,
    direction: Direction,
    theirs: u32,
    origins: &Origins,
) -> Result<Vec<OptionWord>, String> {
    let mut words = Vec::new();
    for option in options.iter() {
        let option = option.map_err(|error| format!("its options are malformed: {error}"))?;
        words.push(word(&option, direction, theirs, origins.stamp));
    }
    if !options.padding_is_zero() {
        return Err("the padding of its options is not zero".into());
    }
    let padding = options.padding().unwrap_or_default();
    words.extend(padding.iter().map(|_| OptionWord::Eol));
    Ok(words)
}

fn word(option: &TcpOption<'_>, direction: Direction, theirs: u32, stamp: Option<(u32, u32)>) -> OptionWord {
    // Timestamps of ours are told as the script would have them by its first.
    let ours = |live: u32| match stamp {
        Some((script, first)) => live.wrapping_sub(first).wrapping_add(script),
        None => live,
    };
    let cookie = |octets: &[u8]| Cookie::new(octets).unwrap_or_default();
    match *option {
        TcpOption::EndOfList => OptionWord::Eol,
        TcpOption::Nop => OptionWord::Nop,
        TcpOption::Mss(mss) => OptionWord::Mss(mss),
        TcpOption::WindowScale(shift) => OptionWord::WindowScale(shift),
        TcpOption::SackPermitted => OptionWord::SackPermitted,
        TcpOption::Sack(blocks) => {
            let edges = |seq: crate::SeqNumber| seq.get().wrapping_sub(theirs);
            OptionWord::Sack(blocks.iter().map(|(left, right)| (edges(left), edges(right))).collect())
        }
        TcpOption::Timestamps { val, ecr } => {
            let (val, ecr) = match direction {
                Direction::Out => (ours(val), ecr),
                Direction::In if ecr == 0 => (val, 0),
                Direction::In => (val, ours(ecr)),
            };
            OptionWord::Timestamps { val: Some(val), ecr: Some(ecr) }
        }
        TcpOption::Md5(digest) => OptionWord::Md5(digest.to_vec()),
        TcpOption::FastOpen(octets) => OptionWord::FastOpen(cookie(octets)),
        TcpOption::FastOpenExperimental { kind: 254, cookie: octets } => {
            OptionWord::FastOpenExperimental(cookie(octets))
        }
        TcpOption::Unknown { kind: kind @ (172 | 174), data } if data.len().is_multiple_of(3) => {
            let counters = data
                .chunks_exact(3)
                .map(|counter| counter.iter().fold(0, |number, &octet| number << 8 | u32::from(octet)));
            OptionWord::AccEcn { order: u8::from(kind == 174), counters: counters.collect() }
        }
        ref other => {
            let mut octets = [0; 40];
            let len = other.emit(&mut octets).unwrap_or(0);
            let data = octets.get(2..len).unwrap_or_default().to_vec();
            OptionWord::Other { kind: other.kind(), data }
        }
    }
}
