//! Packets that arrive: from the words of a script to the octets of the wire.

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::net::IpAddr;

use super::flows::Flow;
use super::icmp;
use crate::drill::pattern;
use crate::drill::script::{
    Body, Direction, EcnWord, IpInfo, OptionList, OptionWord, Packet, TcpLine, UdpLine,
};
use crate::wire::{IpProtocol, Ipv4Header, Ipv4Repr, Ipv6Header, TcpRepr, TcpSegment, UdpDatagram, UdpRepr};
use crate::{SeqNumber, TcpFlags};

/// Why a line is no packet.
pub(super) enum Unbuilt {
    /// The line is wrong.
    Wrong(String),
    /// It asks for something by this name that there is not here.
    Unknown(String),
}

impl From<crate::wire::EmitError> for Unbuilt {
    fn from(error: crate::wire::EmitError) -> Self {
        Self::Wrong(format!("it is no packet: {error}"))
    }
}

/// The octets of an inbound line on this flow.
pub(super) fn packet(line: &Packet, flow: &Flow, scaled_echoes: bool) -> Result<Vec<u8>, Unbuilt> {
    let (src, dst) = (flow.remote.ip(), flow.local.ip());
    if src.is_ipv4() && line.ip.flow_label.is_some() {
        return Err(Unbuilt::Wrong("there is no flow label in IPv4".into()));
    }
    let (protocol, payload) = match &line.body {
        Body::Tcp(tcp) => (IpProtocol::TCP, segment(tcp, flow, scaled_echoes)?),
        Body::Udp(udp) => (IpProtocol::UDP, datagram(udp, flow)?),
        Body::Icmp(message) => icmp::build(message, flow)?,
    };
    Ok(ip(src, dst, protocol, &line.ip, &payload)?)
}

/// An IP packet with what the line asks of its header.
fn ip(
    src: IpAddr,
    dst: IpAddr,
    protocol: IpProtocol,
    info: &IpInfo,
    payload: &[u8],
) -> Result<Vec<u8>, crate::wire::EmitError> {
    let ecn = match info.ecn {
        Some(EcnWord::Ect0 | EcnWord::Ect01) => Some(2),
        Some(EcnWord::Ect1) => Some(1),
        Some(EcnWord::Ce) => Some(3),
        Some(EcnWord::None) => Some(0),
        None => None,
    };
    let class = info.traffic_class.unwrap_or(0);
    let dscp = info.dscp.unwrap_or(class >> 2) & 63;
    let ecn = ecn.unwrap_or(class & 3);
    match (src, dst) {
        (IpAddr::V4(src), IpAddr::V4(dst)) => {
            let repr = Ipv4Repr {
                dscp,
                ecn,
                ttl: info.hop_limit.unwrap_or(64),
                payload_len: payload.len(),
                ..Ipv4Repr::new(src, dst, protocol)
            };
            let mut octets = vec![0; Ipv4Header::MIN_LEN];
            repr.emit(&mut octets)?;
            octets.extend_from_slice(payload);
            Ok(octets)
        }
        (src, dst) => {
            let v6 = |addr: IpAddr| match addr {
                IpAddr::V4(addr) => addr.to_ipv6_mapped(),
                IpAddr::V6(addr) => addr,
            };
            let len = payload.len();
            let header = Ipv6Header {
                traffic_class: dscp << 2 | ecn,
                flow_label: info.flow_label.unwrap_or(0),
                payload_len: u16::try_from(len)
                    .map_err(|_| crate::wire::EmitError::LengthOutOfRange { len, max: 65_535 })?,
                hop_limit: info.hop_limit.unwrap_or(64),
                ..Ipv6Header::new(v6(src), v6(dst), protocol)
            };
            let mut octets = vec![0; Ipv6Header::LEN];
            header.emit(&mut octets)?;
            octets.extend_from_slice(payload);
            Ok(octets)
        }
    }
}

fn segment(line: &TcpLine, flow: &Flow, scaled_echoes: bool) -> Result<Vec<u8>, Unbuilt> {
    let mut flags = line.flags;
    if let Some(ace) = line.ace {
        let bits = [(4, TcpFlags::AE), (2, TcpFlags::CWR), (1, TcpFlags::ECE)];
        bits.into_iter().filter(|(bit, _)| ace & bit != 0).for_each(|(_, flag)| flags |= flag);
    }
    let is_syn = flags.contains(TcpFlags::SYN);
    let remote = flow.origins.remote.unwrap_or(0);
    let seq = if is_syn || line.absolute { line.seq } else { line.seq.wrapping_add(remote) };
    let len = line.len.ok_or_else(|| Unbuilt::Wrong("an inbound packet needs its length".into()))?;
    let options = options(line, flow, scaled_echoes)?;
    let repr = TcpRepr {
        src_port: flow.remote.port(),
        dst_port: flow.local.port(),
        seq: SeqNumber::new(seq),
        ack: SeqNumber::new(ack(line, flow)),
        flags,
        window: line.window.unwrap_or(0),
        urgent: line.urgent.unwrap_or(0),
        options: &options,
    };
    if len > u32::from(u16::MAX) {
        return Err(Unbuilt::Wrong(format!("{len} octets do not fit into a packet")));
    }
    // The first octet behind the SYN is at place 0. What lies before the SYN has a place too, far behind all others.
    let place = if is_syn { 0 } else { u64::from(seq.wrapping_sub(remote).wrapping_sub(1)) };
    let payload = pattern::octets(Direction::In, place, len as usize);
    let mut octets = vec![0; TcpSegment::MAX_HEADER_LEN + payload.len()];
    let written = repr.emit(&mut octets, flow.remote.ip(), flow.local.ip(), [payload.as_slice()])?;
    octets.truncate(written);
    Ok(octets)
}

/// The acknowledgment on the wire: of our numbers, if it counts for one.
fn ack(line: &TcpLine, flow: &Flow) -> u32 {
    let number = line.ack.unwrap_or(0);
    if line.ack_absolute || !line.flags.contains(TcpFlags::ACK) {
        return number;
    }
    let live = number.wrapping_add(flow.origins.local.unwrap_or(0));
    // In a SYN,ACK numbers may be absolute, as that of a SYN of ours is: then it is meant that is nearer.
    match flow.origins.local_in_script {
        Some(script) if line.flags.contains(TcpFlags::SYN) => {
            let relative = number.wrapping_sub(script).cast_signed().unsigned_abs();
            if relative < number.cast_signed().unsigned_abs() { live.wrapping_sub(script) } else { live }
        }
        _ => live,
    }
}

fn options(line: &TcpLine, flow: &Flow, scaled_echoes: bool) -> Result<Vec<u8>, Unbuilt> {
    let OptionList::These(words) = &line.options else {
        return Err(Unbuilt::Wrong("the options of an inbound packet have to be told".into()));
    };
    let mut octets = Vec::new();
    for word in words {
        option(word, line, flow, scaled_echoes, &mut octets)?;
    }
    if octets.len() > crate::wire::options::MAX_OPTIONS_LEN || !octets.len().is_multiple_of(4) {
        let len = octets.len();
        return Err(Unbuilt::Wrong(format!(
            "{len} octets of options: at most 40 fit, and by fours (`nop` or `eol` fill up)"
        )));
    }
    Ok(octets)
}

fn option(
    word: &OptionWord,
    line: &TcpLine,
    flow: &Flow,
    scaled_echoes: bool,
    out: &mut Vec<u8>,
) -> Result<(), Unbuilt> {
    let local = flow.origins.local.unwrap_or(0);
    let mut put = |kind: u8, data: &[u8]| {
        out.push(kind);
        out.push(u8::try_from(data.len().saturating_add(2)).unwrap_or(u8::MAX));
        out.extend_from_slice(data);
    };
    match word {
        OptionWord::Eol => out.push(0),
        OptionWord::Nop => out.push(1),
        OptionWord::Mss(mss) => put(2, &mss.to_be_bytes()),
        OptionWord::WindowScale(shift) => put(3, &[*shift]),
        OptionWord::SackPermitted => put(4, &[]),
        OptionWord::Sack(blocks) => {
            let edges = blocks.iter().flat_map(|&(left, right)| [left, right]);
            let data: Vec<u8> = edges.flat_map(|edge| edge.wrapping_add(local).to_be_bytes()).collect();
            put(5, &data);
        }
        OptionWord::Timestamps { val, ecr } => {
            let (Some(val), Some(ecr)) = (val, ecr) else {
                return Err(Unbuilt::Wrong("an inbound timestamp needs its numbers".into()));
            };
            let ecr = echo(*ecr, line, flow, scaled_echoes)?;
            let data: Vec<u8> = val.to_be_bytes().into_iter().chain(ecr.to_be_bytes()).collect();
            put(8, &data);
        }
        OptionWord::FastOpen(cookie) => put(34, cookie.as_bytes()),
        OptionWord::FastOpenExperimental(cookie) => {
            let data: Vec<u8> = [0xf9, 0x89].iter().chain(cookie.as_bytes()).copied().collect();
            put(254, &data);
        }
        OptionWord::Md5(digest) if digest.is_empty() => {
            return Err(Unbuilt::Unknown("option md5 without its digest".into()));
        }
        OptionWord::Md5(digest) => put(19, digest),
        OptionWord::AccEcn { order, counters } => {
            let octets = counters.iter().flat_map(|counter| counter.to_be_bytes().into_iter().skip(1));
            put(if *order == 0 { 172 } else { 174 }, &octets.collect::<Vec<u8>>());
        }
        OptionWord::Other { kind, data } => put(*kind, data),
    }
    Ok(())
}

/// What the wire has for an echo: the value that was sent where the script has this one.
fn echo(ecr: u32, line: &TcpLine, flow: &Flow, scaled: bool) -> Result<u32, Unbuilt> {
    // Without an acknowledgment the field has no meaning (RFC 7323 §3.2).
    if !line.flags.contains(TcpFlags::ACK) {
        return Ok(ecr);
    }
    match flow.echo(ecr, scaled) {
        Some(live) => Ok(live),
        None if ecr == 0 => Ok(0),
        None => Err(Unbuilt::Wrong(format!("no packet was sent with timestamp {ecr}: it cannot be echoed"))),
    }
}

fn datagram(line: &UdpLine, flow: &Flow) -> Result<Vec<u8>, Unbuilt> {
    let payload = pattern::octets(Direction::In, 0, (line.len as usize).min(65_536));
    let repr = UdpRepr { src_port: flow.remote.port(), dst_port: flow.local.port() };
    let mut octets = vec![0; UdpDatagram::HEADER_LEN + payload.len()];
    let written = repr.emit(&mut octets, flow.remote.ip(), flow.local.ip(), [payload.as_slice()])?;
    octets.truncate(written);
    Ok(octets)
}
