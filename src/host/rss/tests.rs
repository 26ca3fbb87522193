use core::net::SocketAddr;
use std::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::wire::{Ipv4Repr, TcpRepr};

/// The key of Microsoft's "Verifying the RSS Hash Calculation".
const STANDARD_KEY: [u8; 40] = [
    0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0, 0xd0,
    0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42,
    0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
];

/// Source, destination, hash of the addresses, hash with the ports: the same suite.
const SUITE: [(&str, &str, u32, u32); 8] = [
    ("66.9.149.187:2794", "161.142.100.80:1766", 0x323e_8fc2, 0x51cc_c178),
    ("199.92.111.2:14230", "65.69.140.83:4739", 0xd718_262a, 0xc626_b0ea),
    ("24.19.198.95:12898", "12.22.207.184:38024", 0xd2d0_a5de, 0x5c2b_394a),
    ("38.27.205.30:48228", "209.142.163.6:2217", 0x8298_9176, 0xafc7_327f),
    ("153.39.163.191:44251", "202.188.127.2:1303", 0x5d18_09c5, 0x10e8_28a2),
    ("[3ffe:2501:200:1fff::7]:2794", "[3ffe:2501:200:3::1]:1766", 0x2cc1_8cd5, 0x4020_7d3d),
    ("[3ffe:501:8::260:97ff:fe40:efab]:14230", "[ff02::1]:4739", 0x0f0c_461c, 0xdde5_1bbf),
    (
        "[3ffe:1900:4545:3:200:f8ff:fe21:67cf]:44251",
        "[fe80::200:f8ff:fe21:67cf]:38024",
        0x4b61_e985,
        0x02d1_feef,
    ),
];

fn octets(addr: IpAddr) -> Vec<u8> {
    match addr {
        IpAddr::V4(addr) => addr.octets().to_vec(),
        IpAddr::V6(addr) => addr.octets().to_vec(),
    }
}

fn input(src: SocketAddr, dst: SocketAddr, with_ports: bool) -> Vec<u8> {
    let mut input = [octets(src.ip()), octets(dst.ip())].concat();
    if with_ports {
        input.extend([src.port().to_be_bytes(), dst.port().to_be_bytes()].concat());
    }
    input
}

#[test]
fn the_published_values_come_out() {
    for (src, dst, addresses, with_ports) in SUITE {
        let (src, dst) = (src.parse().unwrap(), dst.parse().unwrap());
        assert_eq!(toeplitz(&STANDARD_KEY, &input(src, dst, false)), addresses, "{src} {dst}");
        assert_eq!(toeplitz(&STANDARD_KEY, &input(src, dst, true)), with_ports, "{src} {dst}");
    }
}

#[test]
fn the_symmetric_key_is_two_octets_twenty_times() {
    assert!(SYMMETRIC_KEY.chunks(2).all(|pair| pair == [0x6d, 0x5a]));
}

#[test]
fn a_longer_input_than_the_key_does_no_harm() {
    assert_eq!(toeplitz(&SYMMETRIC_KEY, &[0; 100]), 0);
    let _ = toeplitz(&SYMMETRIC_KEY, &[0xff; 100]);
}

#[test]
fn with_no_shards_there_is_the_first() {
    assert_eq!((shard(7, 0), shard(7, 1), shard(7, 4)), (0, 0, 3));
}

fn socket() -> impl Strategy<Value = ([u8; 16], u16)> {
    (any::<[u8; 16]>(), any::<u16>())
}

/// One end of a flow of the version chosen.
fn end(v6: bool, (octets, port): ([u8; 16], u16)) -> SocketAddr {
    let ip = if v6 { IpAddr::from(octets) } else { IpAddr::from(*octets.first_chunk::<4>().unwrap()) };
    SocketAddr::new(ip, port)
}

/// An IPv4 packet around a payload; `fragment`: offset in octets, and whether more follow.
fn ipv4(protocol: IpProtocol, src: IpAddr, dst: IpAddr, fragment: (u16, bool), payload: &[u8]) -> Vec<u8> {
    let (IpAddr::V4(src), IpAddr::V4(dst)) = (src, dst) else { panic!("IPv4 only") };
    let mut packet = std::vec![0; 20 + payload.len()];
    let mut repr = Ipv4Repr::new(src, dst, protocol);
    repr.payload_len = payload.len();
    (repr.fragment_offset, repr.more_fragments) = fragment;
    repr.emit(&mut packet).unwrap();
    packet[20..].copy_from_slice(payload);
    packet
}

/// An IPv6 packet, with the extension headers given as they are.
fn ipv6(first: u8, src: IpAddr, dst: IpAddr, headers: &[u8], payload: &[u8]) -> Vec<u8> {
    let len = (headers.len() + payload.len()) as u16;
    let mut packet = std::vec![0x60, 0, 0, 0];
    packet.extend(len.to_be_bytes());
    packet.extend([first, 64]);
    packet.extend([octets(src), octets(dst), headers.to_vec(), payload.to_vec()].concat());
    packet
}

fn tcp(src: SocketAddr, dst: SocketAddr) -> Vec<u8> {
    let mut segment = std::vec![0; 20];
    let repr = TcpRepr { src_port: src.port(), dst_port: dst.port(), ..TcpRepr::default() };
    repr.emit(&mut segment, src.ip(), dst.ip(), []).unwrap();
    segment
}

fn tcp_packet(src: SocketAddr, dst: SocketAddr) -> Vec<u8> {
    if src.is_ipv4() {
        ipv4(IpProtocol::TCP, src.ip(), dst.ip(), (0, false), &tcp(src, dst))
    } else {
        ipv6(6, src.ip(), dst.ip(), &[], &tcp(src, dst))
    }
}

proptest! {
    #[test]
    fn the_hash_of_a_flow_is_the_hash_of_its_octets_in_both_directions(a in socket(), b in socket(), v6: bool) {
        let (local, remote) = (end(v6, a), end(v6, b));
        for (protocol, with_ports) in
            [(IpProtocol::TCP, true), (IpProtocol::UDP, true), (IpProtocol::ICMP, false)]
        {
            let flow = FiveTuple::new(protocol, local, remote);
            let expected = toeplitz(&SYMMETRIC_KEY, &input(local, remote, with_ports));
            prop_assert_eq!(hash(&flow), expected);
            prop_assert_eq!(hash(&flow.reversed()), expected);
            let parts = hash_parts(protocol, remote.ip(), local.ip(), remote.port(), 0);
            prop_assert_eq!(parts ^ port_part(protocol, local.port()), expected);
        }
    }

    #[test]
    fn a_packet_of_either_direction_has_the_hash_of_its_flow(a in socket(), b in socket(), v6: bool) {
        let (local, remote) = (end(v6, a), end(v6, b));
        let expected = Some(hash(&FiveTuple::new(IpProtocol::TCP, local, remote)));
        prop_assert_eq!(packet_hash(&tcp_packet(local, remote)), expected);
        prop_assert_eq!(packet_hash(&tcp_packet(remote, local)), expected);
    }

    #[test]
    fn an_icmp_error_goes_where_the_flow_goes_that_it_is_about(
        a in socket(), b in socket(), router: [u8; 16], v6: bool, long: bool,
    ) {
        let (local, remote) = (end(v6, a), end(v6, b));
        let router = end(v6, (router, 0)).ip();
        let sent = tcp_packet(local, remote);
        // RFC 792: the header and eight octets.
        let header = if v6 { 40 } else { 20 };
        let quote = if long { &sent[..] } else { &sent[..header + 8] };
        let kind = if v6 { 2 } else { 3 };
        let error = [&[kind, 4, 0, 0, 0, 0, 5, 0], quote].concat();
        let error = if v6 {
            ipv6(58, router, local.ip(), &[], &error)
        } else {
            ipv4(IpProtocol::ICMP, router, local.ip(), (0, false), &error)
        };
        prop_assert_eq!(packet_hash(&error), Some(hash(&FiveTuple::new(IpProtocol::TCP, local, remote))));
    }

    #[test]
    fn all_fragments_of_a_datagram_meet(a in socket(), b in socket(), v6: bool, offset in 0..100_u16) {
        let (local, remote) = (end(v6, a), end(v6, b));
        let payload = tcp(local, remote);
        let fragment = |offset: u16, more: bool| {
            if v6 {
                let [o0, o1] = (offset << 3 | u16::from(more)).to_be_bytes();
                ipv6(44, local.ip(), remote.ip(), &[6, 0, o0, o1, 0, 0, 0, 1], &payload)
            } else {
                ipv4(IpProtocol::TCP, local.ip(), remote.ip(), (offset * 8, more), &payload)
            }
        };
        let expected = Some(toeplitz(&SYMMETRIC_KEY, &input(local, remote, false)));
        prop_assert_eq!(packet_hash(&fragment(0, true)), expected);
        prop_assert_eq!(packet_hash(&fragment(offset + 1, true)), expected);
        prop_assert_eq!(packet_hash(&fragment(offset + 1, false)), expected);
        // RFC 6946: an atomic fragment is whole.
        if v6 {
            let whole = hash(&FiveTuple::new(IpProtocol::TCP, local, remote));
            prop_assert_eq!(packet_hash(&fragment(0, false)), Some(whole));
        }
    }

    #[test]
    fn any_octets_give_a_hash_or_none(octets in prop::collection::vec(any::<u8>(), 0..120), version in 0..3_u8) {
        let mut octets = octets;
        if let (Some(first), 1..) = (octets.first_mut(), version) {
            *first = if version == 1 { 0x45 } else { 0x60 };
        }
        let _ = packet_hash(&octets);
    }
}
