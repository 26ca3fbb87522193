//! A packet in words.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString as _};
use core::net::SocketAddr;

use super::words::{self, Numbers};
use super::{End, Packet};
use crate::wire::{ChecksumStatus, IpPacket, IpProtocol, TcpSegment, UdpDatagram};

/// A packet in words, all of it and in short.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) full: String,
    pub(super) short: String,
}

impl Told {
    fn same(text: String) -> Self {
        Self { short: text.clone(), full: text }
    }
}

/// Tells packets in the order in which they are sent.
#[derive(Debug)]
pub(super) struct Teller {
    /// The connection that needs no ports to be told.
    usual: [SocketAddr; 2],
    /// Of each connection: the sockets in the order of `usual`, where it is that one, and else sender first.
    numbers: BTreeMap<[SocketAddr; 2], Numbers>,
}

impl Teller {
    pub(super) const fn new(usual: [SocketAddr; 2]) -> Self {
        Self { usual, numbers: BTreeMap::new() }
    }

    pub(super) fn tell(&mut self, packet: &Packet) -> Told {
        let octets = packet.octets.as_ref();
        let ip = match IpPacket::parse(octets, octets.len()) {
            Ok(ip) => ip,
            Err(_) if octets.is_empty() => return Told::same("no packet".into()),
            Err(error) => return Told::same(format!("{} octets: {error}", octets.len())),
        };
        if ip.fragment.is_some() {
            return Told::same(format!("fragment of {} len {}", ip.protocol, ip.payload_len));
        }
        match ip.protocol {
            IpProtocol::TCP => self.segment(packet.from, &ip),
            IpProtocol::UDP => Told::same(match UdpDatagram::parse(ip.payload, ip.payload_len) {
                Ok(udp) => format!("UDP {} > {} len {}", udp.src_port, udp.dst_port, udp.payload_len),
                Err(error) => format!("UDP: {error}"),
            }),
            protocol @ (IpProtocol::ICMP | IpProtocol::ICMPV6) => Told::same(match ip.payload {
                [kind, code, ..] => format!("{protocol} type {kind} code {code} len {}", ip.payload_len),
                _ => protocol.to_string(),
            }),
            other => Told::same(format!("{other} len {}", ip.payload_len)),
        }
    }

    fn segment(&mut self, from: End, ip: &IpPacket<'_>) -> Told {
        let segment = match TcpSegment::parse(ip.payload, ip.payload_len) {
            Ok(segment) => segment,
            Err(error) => return Told::same(format!("TCP: {error}")),
        };
        let sockets = [SocketAddr::new(ip.src, segment.src_port), SocketAddr::new(ip.dst, segment.dst_port)];
        let [first, second] = sockets;
        let in_order = if from == End::A { sockets } else { [second, first] };
        let mut full = self.numbers.entry(in_order).or_default().segment(from, &segment);
        let mut short = words::short(&full);
        if in_order != self.usual {
            // Of several connections each line says which it is about.
            for text in [&mut full, &mut short] {
                text.insert_str(0, &format!("{} > {}: ", segment.src_port, segment.dst_port));
            }
        }
        if !matches!(segment.checksum_status(ip.src, ip.dst), ChecksumStatus::Good | ChecksumStatus::Absent) {
            full.push_str(" (checksum wrong)");
        }
        Told { full, short }
    }
}
