use alloc::collections::BTreeSet;
use alloc::vec;
use alloc::vec::Vec;

use super::super::tests::{Tester, addr, parse, tester};
use super::super::{UdpId, UdpOptions, UdpSendError};
use super::*;
use crate::wire::{
    ChecksumStatus, FragmentLimits, FragmentOutcome, IpPacket, Ipv4Header, Reassembled, Reassembler,
    UdpDatagram,
};

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
}

#[test]
fn a_buffer_without_room_leaves_the_datagram_where_it_is() {
    let mut host = tester();
    let id = host.bind("10.0.0.1:1");
    host.send(id, &[1; 100], PEER).unwrap();
    let mut out = vec![0; 127];
    assert_eq!(host.packet_into(&mut out), None);
    out.push(0);
    assert_eq!(host.packet_into(&mut out), Some(128));
    assert_eq!(parse(&out).2, [1; 100]);
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

/// Puts the packets of a host together again.
fn reassemble(host: &mut Tester) -> Vec<Reassembled> {
    let mut reassembler = Reassembler::new(FragmentLimits::default());
    let mut whole = Vec::new();
    while let Some(packet) = host.packet() {
        assert!(packet.len() <= host.here.mtu);
        let ip = IpPacket::parse(&packet, packet.len()).unwrap();
        match reassembler.push(host.now, &ip) {
            FragmentOutcome::Complete(datagram) => whole.push(datagram),
            FragmentOutcome::Waiting => {}
            FragmentOutcome::Dropped(error) => panic!("{error}"),
        }
    }
    assert!(reassembler.is_empty());
    whole
}

/// RFC 1122 §3.3.3, RFC 8200 §4.5.
#[test]
fn what_is_too_large_for_the_path_goes_in_fragments() {
    for (local, remote, longest) in [("10.0.0.1:1", PEER, 65_507), ("[fd00::1]:1", "[fd00::9]:9", 65_527)] {
        let mut host = tester();
        let id = host.bind(local);
        for len in [1473, 3000, longest] {
            let data: Vec<u8> = (0..len).map(|at| (at % 251) as u8).collect();
            host.send(id, &data, remote).unwrap();
            let whole = reassemble(&mut host);
            assert_eq!(whole.len(), 1);
            let datagram = UdpDatagram::parse(&whole[0].payload, whole[0].payload.len()).unwrap();
            assert_eq!(datagram.checksum_status(whole[0].src, whole[0].dst), ChecksumStatus::Good);
            assert_eq!(datagram.payload, data);
        }
        let too_large = host.send(id, &vec![0; longest + 1], remote);
        assert_eq!(too_large, Err(UdpSendError::TooLarge { len: longest + 1, max: longest }));
        assert_eq!(host.table.stats().sent, 3);
    }
}

#[test]
fn fragments_wait_for_a_buffer_that_has_room() {
    let mut host = tester();
    let id = host.bind("10.0.0.1:1");
    host.send(id, &[5; 3000], PEER).unwrap();
    host.send(id, &[6; 10], PEER).unwrap();
    assert!(host.packet().is_some());
    assert_eq!(host.packet_into(&mut [0; 100]), None);
    assert_eq!(host.packet().unwrap().len(), 1500);
    assert!(host.packet().is_some());
    assert_eq!(parse(&host.packet().unwrap()).2, [6; 10]);
}

#[test]
fn what_is_being_cut_up_counts_as_memory() {
    let mut host = tester();
    let id = host.bind("10.0.0.1:1");
    host.send(id, &[5; 30_000], PEER).unwrap();
    assert!(host.packet().is_some());
    assert!(host.table.half_sent.memory() >= 30_000);
}

#[test]
fn two_datagrams_that_were_cut_up_are_told_apart() {
    let mut host = tester();
    let id = host.bind("[fd00::1]:1");
    for octet in 0..20 {
        host.send(id, &[octet; 3000], "[fd00::9]:9").unwrap();
    }
    let whole = reassemble(&mut host);
    assert_eq!(
        whole.iter().map(|datagram| datagram.payload[8]).collect::<Vec<_>>(),
        (0..20).collect::<Vec<_>>()
    );
}

#[test]
fn what_must_not_be_cut_up_is_refused_or_reported_when_the_path_is_too_small() {
    let mut host = tester();
    let options = UdpOptions { dont_fragment: true, ..UdpOptions::default() };
    let id = host.bind_with("10.0.0.1:1", options);
    host.udp(id).connect(addr(PEER)).unwrap();
    assert_eq!(host.send(id, &[0; 1473], PEER), Err(UdpSendError::TooLarge { len: 1473, max: 1472 }));
    host.send(id, &[0; 1472], PEER).unwrap();
    host.here.mtu = 1400;
    assert_eq!(host.packet(), None);
    assert_eq!(host.udp(id).recv_from(), Err(UdpNetworkError::TooBig(1400)));
    assert_eq!((host.table.stats().discarded, host.table.sending.held()), (1, 0));
}

/// What may be cut up is, when the path has become smaller meanwhile.
#[test]
fn a_path_that_became_smaller_makes_fragments() {
    let mut host = tester();
    let id = host.bind("10.0.0.1:1");
    host.send(id, &[0; 1472], PEER).unwrap();
    host.here.mtu = 600;
    assert_eq!(reassemble(&mut host).len(), 1);
}
