//! ICMP lines: names and numbers, and what is quoted.

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::net::IpAddr;

use super::build::Unbuilt;
use super::flows::{Flow, Origins};
use crate::drill::script::{IcmpLine, Quoted};
use crate::wire::quote::{Quote, QuotedUpper};
use crate::wire::{
    Icmpv4Message, Icmpv6Message, IpPacket, IpProtocol, Ipv4Header, Ipv4Repr, Ipv6Header, TcpFlags, TcpRepr,
    UdpDatagram, UdpRepr,
};

/// Octets of a packet that an error about it quotes: what fits into 576 and 1280 octets (RFC 1812 §4.3.2.3, RFC 4443
/// §2.4 (c)).
const QUOTE_V4: usize = 548;
const QUOTE_V6: usize = 1232;

const ECHO_REPLY_V4: u8 = 0;
const UNREACHABLE_V4: u8 = 3;
const ECHO_REQUEST_V4: u8 = 8;
const UNREACHABLE_V6: u8 = 1;
const PACKET_TOO_BIG_V6: u8 = 2;
const ECHO_REQUEST_V6: u8 = 128;
const ECHO_REPLY_V6: u8 = 129;
const FRAGMENTATION_NEEDED: u8 = 4;

/// Types by name: of IPv4, and of IPv6 where there is one.
const KINDS: [(&str, Option<u8>, Option<u8>); 9] = [
    ("echo_reply", Some(ECHO_REPLY_V4), Some(ECHO_REPLY_V6)),
    ("unreachable", Some(UNREACHABLE_V4), Some(UNREACHABLE_V6)),
    ("source_quench", Some(4), None),
    ("redirect", Some(5), Some(137)),
    ("echo_request", Some(ECHO_REQUEST_V4), Some(ECHO_REQUEST_V6)),
    ("time_exceeded", Some(11), Some(3)),
    ("parameter_problem", Some(12), Some(4)),
    ("parameter_prob", Some(12), Some(4)),
    ("packet_too_big", None, Some(PACKET_TOO_BIG_V6)),
];

/// Codes of "unreachable" in IPv4, by number.
const CODES_V4: [&str; 16] = [
    "net_unreachable",
    "host_unreachable",
    "protocol_unreachable",
    "port_unreachable",
    "frag_needed",
    "source_route_failed",
    "net_unknown",
    "host_unknown",
    "source_host_isolated",
    "net_prohibited",
    "host_prohibited",
    "net_unreachable_for_tos",
    "host_unreachable_for_tos",
    "packet_filtered",
    "precedence_violation",
    "precedence_cutoff",
];

/// The same in IPv6.
const CODES_V6: [&str; 5] =
    ["no_route", "admin_prohibited", "not_neighbour", "address_unreachable", "port_unreachable"];

/// The number of a type.
pub(super) fn kind(line: &IcmpLine, v4: bool) -> Result<u8, String> {
    if let Some(number) = line.kind.strip_prefix("type_").and_then(|number| number.parse().ok()) {
        return Ok(number);
    }
    let found = KINDS.iter().find(|(name, ..)| *name == line.kind);
    let number = found.and_then(|&(_, of_v4, of_v6)| if v4 { of_v4 } else { of_v6 });
    number.ok_or_else(|| format!("ICMP type {} in IPv{}", line.kind, if v4 { 4 } else { 6 }))
}

/// The number of a code; 0 if none is told.
pub(super) fn code(line: &IcmpLine, kind: u8, v4: bool) -> Result<u8, String> {
    let Some(name) = line.code.as_deref() else {
        return Ok(0);
    };
    if let Some(number) = name.strip_prefix("code_").and_then(|number| number.parse().ok()) {
        return Ok(number);
    }
    let names: &[&str] = match (v4, kind) {
        (true, UNREACHABLE_V4) => &CODES_V4,
        (false, UNREACHABLE_V6) => &CODES_V6,
        _ => &[],
    };
    let found = names.iter().position(|known| *known == name);
    found.and_then(|at| u8::try_from(at).ok()).ok_or_else(|| format!("ICMP code {name}"))
}

/// The message of an inbound line, and which protocol it is.
pub(super) fn build(line: &IcmpLine, flow: &Flow) -> Result<(IpProtocol, Vec<u8>), Unbuilt> {
    let v4 = flow.local.is_ipv4();
    let kind = kind(line, v4).map_err(Unbuilt::Unknown)?;
    let code = code(line, kind, v4).map_err(Unbuilt::Unknown)?;
    let is_echo =
        if v4 { [ECHO_REPLY_V4, ECHO_REQUEST_V4] } else { [ECHO_REPLY_V6, ECHO_REQUEST_V6] }.contains(&kind);
    let word = match (line.id, line.mtu) {
        (Some(id), _) => u32::from(id) << 16,
        (None, Some(mtu)) if v4 && mtu > u32::from(u16::MAX) => {
            return Err(Unbuilt::Wrong(format!("an MTU of {mtu} does not fit into ICMP of IPv4")));
        }
        (None, mtu) => mtu.unwrap_or(0),
    }
    .to_be_bytes();
    let body = if is_echo { Vec::new() } else { quote(line, flow)? };
    let mut octets = vec![0; crate::wire::icmp::HEADER_LEN + body.len()];
    match (flow.remote.ip(), flow.local.ip()) {
        (IpAddr::V6(src), IpAddr::V6(dst)) => {
            Icmpv6Message::Unknown { kind, code, word, body: &body }.emit(&mut octets, src, dst)?;
            Ok((IpProtocol::ICMPV6, octets))
        }
        _ => {
            Icmpv4Message::Unknown { kind, code, word, body: &body }.emit(&mut octets)?;
            Ok((IpProtocol::ICMP, octets))
        }
    }
}

/// The packet of ours that the message is about.
fn quote(line: &IcmpLine, flow: &Flow) -> Result<Vec<u8>, Unbuilt> {
    let (local, remote) = (flow.local.ip(), flow.remote.ip());
    let most = if local.is_ipv4() { QUOTE_V4 } else { QUOTE_V6 };
    let (protocol, upper, rest) = match line.quoted {
        Quoted::Nothing => match &flow.last {
            Some(last) => return Ok(last.get(..most).unwrap_or(last).to_vec()),
            None => (IpProtocol::TCP, quoted_segment(flow, 0)?, 0),
        },
        Quoted::Tcp { seq, end } => {
            (IpProtocol::TCP, quoted_segment(flow, seq)?, end.wrapping_sub(seq) as usize)
        }
        Quoted::Udp(len) => {
            let repr = UdpRepr { src_port: flow.local.port(), dst_port: flow.remote.port() };
            let mut header = vec![0; UdpDatagram::HEADER_LEN];
            repr.emit(&mut header, local, remote, [])?;
            // The length of the whole datagram, of which only this is quoted.
            let whole = u16::try_from(len.saturating_add(8)).unwrap_or(u16::MAX);
            if let Some(field) = header.get_mut(4..6) {
                field.copy_from_slice(&whole.to_be_bytes());
            }
            (IpProtocol::UDP, header, len as usize)
        }
        Quoted::Raw(len) => {
            (IpProtocol(255), vec![0; (len as usize).min(8)], (len as usize).saturating_sub(8))
        }
    };
    let payload_len = upper.len().saturating_add(rest);
    let mut octets = match (local, remote) {
        (IpAddr::V4(src), IpAddr::V4(dst)) => {
            let mut header = vec![0; Ipv4Header::MIN_LEN];
            Ipv4Repr { payload_len, ..Ipv4Repr::new(src, dst, protocol) }.emit(&mut header)?;
            header
        }
        (IpAddr::V6(src), IpAddr::V6(dst)) => {
            let payload_len = u16::try_from(payload_len).unwrap_or(u16::MAX);
            let mut header = vec![0; Ipv6Header::LEN];
            Ipv6Header { payload_len, ..Ipv6Header::new(src, dst, protocol) }.emit(&mut header)?;
            header
        }
        _ => Vec::new(),
    };
    octets.extend(upper);
    Ok(octets)
}

/// The header of a segment of ours with this number of the script.
fn quoted_segment(flow: &Flow, seq: u32) -> Result<Vec<u8>, Unbuilt> {
    let live = seq.wrapping_add(flow.origins.local.unwrap_or(0));
    let repr = TcpRepr {
        src_port: flow.local.port(),
        dst_port: flow.remote.port(),
        seq: live.into(),
        ack: flow.origins.remote.map_or(0, |remote| remote.wrapping_add(1)).into(),
        flags: TcpFlags::ACK,
        ..TcpRepr::default()
    };
    let mut header = vec![0; 20];
    repr.emit(&mut header, flow.local.ip(), flow.remote.ip(), [])?;
    Ok(header)
}

/// A message of ours in the words of a script: type and code by number.
pub(super) fn read(packet: &IpPacket<'_>, origins: &Origins) -> Result<IcmpLine, String> {
    let v4 = packet.src.is_ipv4();
    match (packet.src, packet.dst) {
        (IpAddr::V6(src), IpAddr::V6(dst)) => {
            Icmpv6Message::parse(packet.payload, src, dst).map(drop).map_err(|error| format!("{error}"))?;
        }
        _ => Icmpv4Message::parse(packet.payload).map(drop).map_err(|error| format!("{error}"))?,
    }
    let Some((&[kind, code, _, _, w0, w1, w2, w3], body)) = packet.payload.split_first_chunk::<8>() else {
        return Err("it is no ICMP message".into());
    };
    let [id, low] = [u16::from_be_bytes([w0, w1]), u16::from_be_bytes([w2, w3])];
    let (is_echo, has_mtu) = if v4 {
        (
            kind == ECHO_REPLY_V4 || kind == ECHO_REQUEST_V4,
            kind == UNREACHABLE_V4 && code == FRAGMENTATION_NEEDED,
        )
    } else {
        (kind == ECHO_REPLY_V6 || kind == ECHO_REQUEST_V6, kind == PACKET_TOO_BIG_V6)
    };
    let mtu = if v4 { u32::from(low) } else { u32::from_be_bytes([w0, w1, w2, w3]) };
    let quoted = if is_echo { Quoted::Nothing } else { quoted(body, origins) };
    Ok(IcmpLine {
        kind: name_of(kind, v4),
        code: Some(code_name(kind, code, v4)),
        mtu: has_mtu.then_some(mtu),
        id: is_echo.then_some(id),
        quoted,
    })
}

fn name_of(kind: u8, v4: bool) -> String {
    let found = KINDS.iter().find(|&&(_, of_v4, of_v6)| Some(kind) == if v4 { of_v4 } else { of_v6 });
    found.map_or_else(|| format!("type_{kind}"), |(name, ..)| (*name).into())
}

fn code_name(kind: u8, code: u8, v4: bool) -> String {
    let names: &[&str] = match (v4, kind) {
        (true, UNREACHABLE_V4) => &CODES_V4,
        (false, UNREACHABLE_V6) => &CODES_V6,
        _ => &[],
    };
    names.get(usize::from(code)).map_or_else(|| format!("code_{code}"), |name| (*name).into())
}

/// What a message of ours quotes: a packet of the peer.
fn quoted(body: &[u8], origins: &Origins) -> Quoted {
    let Some(quote) = Quote::parse(body) else {
        return Quoted::Nothing;
    };
    let header = if quote.src.is_ipv4() { Ipv4Header::MIN_LEN } else { Ipv6Header::LEN };
    let len = u32::try_from(quote.packet_len.saturating_sub(header)).unwrap_or(u32::MAX);
    match quote.upper {
        QuotedUpper::Udp { .. } => Quoted::Udp(len.saturating_sub(8)),
        QuotedUpper::Tcp(tcp) => {
            let seq = tcp.seq.get().wrapping_sub(origins.remote.unwrap_or(0));
            Quoted::Tcp { seq, end: seq.wrapping_add(len.saturating_sub(20)) }
        }
        _ => Quoted::Raw(len),
    }
}
