//! What the tests of ICMP share.

pub(super) use super::*;
pub(super) use crate::Instant;
pub(super) use crate::host::RateLimit;
pub(super) use crate::host::fragments::{Fragments, Taken, default_limits};
pub(super) use crate::wire::icmpv6::ParameterCode;
pub(super) use crate::wire::ipv6::{Duty, Examined, Problem};
pub(super) use crate::wire::{
    Echo, Icmpv4Message, Icmpv6Message, IpPacket, IpProtocol, Ipv4Header, Ipv4Repr, Ipv6Header, icmpv4,
    icmpv6,
};
pub(super) use core::net::Ipv6Addr;
pub(super) use core::time::Duration;
pub(super) use std::vec;
pub(super) use std::vec::Vec;

pub(super) const NOW: Instant = Instant::from_nanos(1_000_000_000);

pub(super) const OURS: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
pub(super) const THEIRS: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
pub(super) const OURS_6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
pub(super) const THEIRS_6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 0, 0, 0, 2);
pub(super) const GROUP_6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);

pub(super) fn icmp() -> Icmp {
    with(IcmpConfig { protocol_unreachable: true, ..IcmpConfig::default() })
}

pub(super) fn with(config: IcmpConfig) -> Icmp {
    Icmp::new(config, 64, &Secret::new([7; 32]))
}

pub(super) fn v4(src: Ipv4Addr, dst: Ipv4Addr, protocol: IpProtocol, payload: &[u8]) -> Vec<u8> {
    let repr =
        Ipv4Repr { payload_len: payload.len(), dont_fragment: false, ..Ipv4Repr::new(src, dst, protocol) };
    let mut out = vec![0; 20];
    repr.emit(&mut out).unwrap();
    out.extend(payload);
    out
}

pub(super) fn v6(src: Ipv6Addr, dst: Ipv6Addr, next: IpProtocol, payload: &[u8]) -> Vec<u8> {
    let header = Ipv6Header { payload_len: payload.len() as u16, ..Ipv6Header::new(src, dst, next) };
    let mut out = vec![0; 40];
    header.emit(&mut out).unwrap();
    out.extend(payload);
    out
}

pub(super) fn icmpv4_packet(src: Ipv4Addr, dst: Ipv4Addr, message: &Icmpv4Message<'_>) -> Vec<u8> {
    let mut out = vec![0; 70_000];
    let len = message.emit(&mut out).unwrap();
    v4(src, dst, IpProtocol::ICMP, &out[..len])
}

pub(super) fn icmpv6_packet(src: Ipv6Addr, dst: Ipv6Addr, message: &Icmpv6Message<'_>) -> Vec<u8> {
    let mut out = vec![0; 70_000];
    let len = message.emit(&mut out, src, dst).unwrap();
    v6(src, dst, IpProtocol::ICMPV6, &out[..len])
}

/// Everything that waits.
pub(super) fn drain(icmp: &mut Icmp) -> Vec<Vec<u8>> {
    let (mut all, mut out) = (Vec::new(), vec![0; 65_535]);
    while let Some((len, to)) = icmp.poll_transmit(&mut out) {
        let packet = out[..len].to_vec();
        assert_eq!(IpPacket::parse(&packet, len).unwrap().dst, to);
        all.push(packet);
    }
    assert!(icmp.is_empty());
    all
}

/// What a packet of ICMP over IPv4 says.
pub(super) fn read_v4(packet: &[u8]) -> (IpPacket<'_>, Icmpv4Message<'_>) {
    let header = Ipv4Header::parse(packet, packet.len()).unwrap();
    assert!(header.checksum_ok());
    let ip = IpPacket::from_ipv4(&header, packet, packet.len());
    (ip, Icmpv4Message::parse(ip.payload).unwrap())
}

pub(super) fn read_v6(packet: &[u8]) -> (IpPacket<'_>, Icmpv6Message<'_>) {
    let ip = IpPacket::parse(packet, packet.len()).unwrap();
    let (IpAddr::V6(src), IpAddr::V6(dst)) = (ip.src, ip.dst) else { panic!() };
    (ip, Icmpv6Message::parse(ip.payload, src, dst).unwrap())
}

pub(super) fn about(packet: &[u8]) -> About<'_> {
    About { packet, origin: Origin::Wire, broadcast: false, speaker: None }
}

pub(super) fn hear_at(icmp: &mut Icmp, now: Instant, packet: &[u8]) -> Heard {
    let packet = IpPacket::parse(packet, packet.len()).unwrap();
    let local = if packet.dst.is_ipv4() { OURS.into() } else { OURS_6.into() };
    icmp.hear(now, &Arrived { packet: &packet, origin: Origin::Wire, scope: 3, local, mtu: 1500, id: 77 })
}

pub(super) fn hear(icmp: &mut Icmp, packet: &[u8]) -> Heard {
    hear_at(icmp, NOW, packet)
}
