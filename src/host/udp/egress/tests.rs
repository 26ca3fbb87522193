use alloc::collections::BTreeSet;
use alloc::vec;
use alloc::vec::Vec;

use super::super::tests::{addr, parse, tester};
use super::super::{UdpId, UdpOptions};
use super::*;
use crate::wire::{Ipv4Header, UdpDatagram};

const PEER: &str = "10.0.0.9:1000";

/// Who has much to say does not keep others waiting.
#[test]
fn each_socket_sends_in_its_turn() {
    let mut host = tester();
    let ids: Vec<UdpId> = ["10.0.0.1:1", "10.0.0.1:2", "10.0.0.1:3"].map(|local| host.bind(local)).into();
    for _ in 0..5 {
        host.send(ids[0], b"", PEER).unwrap();
    }
    host.send(ids[1], b"", PEER).unwrap();
    host.send(ids[2], b"", PEER).unwrap();
    host.send(ids[2], b"", PEER).unwrap();
    let ports: Vec<u16> =
        core::iter::from_fn(|| host.packet()).map(|packet| parse(&packet).0.port()).collect();
    assert_eq!(ports, [1, 2, 3, 1, 3, 1, 1, 1]);
    assert!(!host.table.has_packet());
}

#[test]
fn a_buffer_without_room_leaves_the_datagram_where_it_is() {
    let mut host = tester();
    let id = host.bind("10.0.0.1:1");
    host.send(id, &[1; 100], PEER).unwrap();
    let mut out = vec![0; 127];
    assert_eq!(host.table.next_packet(&mut out, &host.here), None);
    out.push(0);
    assert_eq!(host.table.next_packet(&mut out, &host.here), Some(128));
    assert_eq!(parse(&out).2, [1; 100]);
}

#[test]
fn a_datagram_can_be_taken_out_without_a_packet() {
    let mut host = tester();
    let id = host.bind("10.0.0.1:1");
    host.send(id, b"data", PEER).unwrap();
    let outgoing = host.table.poll_transmit().unwrap();
    assert_eq!((outgoing.local(), outgoing.remote()), (addr("10.0.0.1:1"), addr(PEER)));
    assert_eq!((outgoing.payload(), outgoing.hop_limit(), outgoing.traffic_class()), (&b"data"[..], 64, 0));
    assert_eq!((outgoing.dont_fragment(), outgoing.without_checksum()), (false, false));
    host.table.recycle(outgoing);
    assert!(host.table.poll_transmit().is_none());
}

/// RFC 768, RFC 8200 §8.1: a sum of zero is sent as 65,535; zero would say that there is none.
#[test]
fn a_sum_of_zero_is_not_sent_as_zero() {
    for (local, remote) in [("10.0.0.1:1", PEER), ("[fd00::1]:1", "[fd00::9]:9")] {
        let mut host = tester();
        let id = host.bind(local);
        host.send(id, &[0, 0], remote).unwrap();
        let packet = host.packet().unwrap();
        let ip = crate::wire::IpPacket::parse(&packet, packet.len()).unwrap();
        let sum = UdpDatagram::parse(ip.payload, ip.payload_len).unwrap().checksum;
        // These two octets make the whole sum 0xffff, whose complement is zero.
        host.send(id, &sum.to_be_bytes(), remote).unwrap();
        let packet = host.packet().unwrap();
        let ip = crate::wire::IpPacket::parse(&packet, packet.len()).unwrap();
        assert_eq!(UdpDatagram::parse(ip.payload, ip.payload_len).unwrap().checksum, 0xffff);
        parse(&packet);
    }
}

/// RFC 6935 §5, RFC 6936 §4: only if it was asked for.
#[test]
fn a_tunnel_can_send_without_a_checksum() {
    let mut host = tester();
    let options = UdpOptions { zero_checksum_send: true, ..UdpOptions::default() };
    for (local, remote) in [("10.0.0.1:1", PEER), ("[fd00::1]:1", "[fd00::9]:9")] {
        let id = host.bind_with(local, options);
        host.send(id, b"data", remote).unwrap();
        let packet = host.packet().unwrap();
        let ip = crate::wire::IpPacket::parse(&packet, packet.len()).unwrap();
        let udp = UdpDatagram::parse(ip.payload, ip.payload_len).unwrap();
        assert_eq!((udp.checksum, udp.payload, udp.length), (0, &b"data"[..], 12));
    }
}

/// RFC 6864 §4.2: what may be cut up has its own identification among those to one address.
#[test]
fn packets_that_may_be_cut_up_are_told_apart() {
    let mut host = tester();
    let id = host.bind("10.0.0.1:1");
    let mut seen = BTreeSet::new();
    for _ in 0..200 {
        host.send(id, b"", PEER).unwrap();
        let packet = host.packet().unwrap();
        let header = Ipv4Header::parse(&packet, packet.len()).unwrap();
        assert!(header.checksum_ok());
        assert!(seen.insert(header.id));
    }
}

/// RFC 6437 §3: all packets of a flow have one label.
#[test]
fn a_flow_has_one_label() {
    let mut host = tester();
    let id = host.bind("[fd00::1]:1");
    let mut label = |remote| {
        host.send(id, b"", remote).unwrap();
        let packet = host.packet().unwrap();
        Ipv6Header::parse(&packet, packet.len()).unwrap().flow_label
    };
    let labels = ["[fd00::9]:1", "[fd00::9]:1", "[fd00::9]:2"].map(&mut label);
    assert_eq!(labels[0], labels[1]);
    assert_ne!(labels[0], labels[2]);
}
