use super::*;
use crate::wire::Ipv4Repr;
use core::net::{Ipv4Addr, Ipv6Addr};
use proptest::prelude::*;
use std::vec::Vec;

fn v4(total: impl Into<Option<u16>>, payload: &[u8]) -> Vec<u8> {
    let repr = Ipv4Repr {
        payload_len: payload.len(),
        ..Ipv4Repr::new(Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2), IpProtocol::TCP)
    };
    let mut bytes = std::vec![0; 20];
    repr.emit(&mut bytes).unwrap();
    if let Some(total) = total.into() {
        bytes[2..4].copy_from_slice(&total.to_be_bytes());
    }
    bytes.extend(payload);
    bytes
}

fn v6(next: IpProtocol, len: u16, payload: &[u8]) -> Vec<u8> {
    let header =
        Ipv6Header { payload_len: len, ..Ipv6Header::new(Ipv6Addr::LOCALHOST, Ipv6Addr::LOCALHOST, next) };
    let mut bytes = std::vec![0; 40];
    header.emit(&mut bytes).unwrap();
    bytes.extend(payload);
    bytes
}

fn lengths(bytes: &[u8], wire_len: usize) -> (usize, usize, LengthSource) {
    let packet = IpPacket::parse(bytes, wire_len).unwrap();
    (packet.payload.len(), packet.payload_len, packet.length)
}

#[test]
fn link_padding_is_removed() {
    assert_eq!(lengths(&v4(25, &[0; 26]), 46), (5, 5, LengthSource::Ip));
    assert_eq!(lengths(&v6(IpProtocol::TCP, 5, &[0; 26]), 66), (5, 5, LengthSource::Ip));
}

#[test]
fn a_snap_length_shortens_the_payload_but_not_its_length() {
    assert_eq!(lengths(&v4(1500, &[0; 26]), 1500), (26, 1480, LengthSource::Ip));
    assert_eq!(lengths(&v6(IpProtocol::TCP, 1460, &[0; 26]), 1500), (26, 1460, LengthSource::Ip));
}

#[test]
fn a_length_of_zero_leaves_it_to_the_link() {
    assert_eq!(lengths(&v4(0, &[0; 100]), 70_000), (100, 69_980, LengthSource::Link));
    assert_eq!(lengths(&v6(IpProtocol::TCP, 0, &[0; 100]), 70_040), (100, 70_000, LengthSource::Link));
}

#[test]
fn an_empty_ipv6_packet_is_empty() {
    assert_eq!(lengths(&v6(IpProtocol::TCP, 0, &[]), 40), (0, 0, LengthSource::Ip));
    assert_eq!(lengths(&v6(IpProtocol::NO_NEXT_HEADER, 0, &[0; 6]), 46), (0, 0, LengthSource::Ip));
}

#[test]
fn a_claim_beyond_the_link_is_cut() {
    assert_eq!(lengths(&v4(1500, &[0; 26]), 46), (26, 26, LengthSource::CutByLink));
    assert_eq!(lengths(&v6(IpProtocol::TCP, 100, &[0; 26]), 66), (26, 26, LengthSource::CutByLink));
}

#[test]
fn a_wire_length_below_what_is_there_counts_as_what_is_there() {
    assert_eq!(lengths(&v4(46, &[0; 26]), 0), (26, 26, LengthSource::Ip));
}

#[test]
fn a_jumbo_payload_option_gives_the_length() {
    let mut payload = std::vec![6, 0, 0xc2, 4, 0, 1, 0x11, 0x70]; // 70,000 with the option's own header
    payload.extend([0; 100]);
    let bytes = v6(IpProtocol::HOP_BY_HOP, 0, &payload);
    assert_eq!(lengths(&bytes, 70_100), (100, 69_992, LengthSource::Ip));
    assert_eq!(lengths(&bytes, 148), (100, 100, LengthSource::CutByLink));
}

#[test]
fn the_upper_layer_is_found_behind_extension_headers() {
    let bytes = v6(IpProtocol::ROUTING, 10, &[17, 0, 0, 0, 0, 0, 0, 0, 0xaa, 0xbb]);
    let packet = IpPacket::parse(&bytes, bytes.len()).unwrap();
    assert_eq!(
        (packet.protocol, packet.payload, packet.payload_len),
        (IpProtocol::UDP, &[0xaa, 0xbb][..], 2)
    );
}

#[test]
fn extension_headers_do_not_reach_into_link_padding() {
    let bytes = v6(IpProtocol::ROUTING, 4, &[17, 0, 0, 0, 0, 0, 0, 0]);
    let error = Ipv6Error::ExtensionBeyondPacket { kind: IpProtocol::ROUTING, needed: 8, left: 4 };
    assert_eq!(IpPacket::parse(&bytes, bytes.len()), Err(IpError::V6(error)));
}

#[test]
fn fragments_are_reported_in_octets() {
    let mut bytes = v4(None, &[0; 16]);
    bytes[4..8].copy_from_slice(&[0x12, 0x34, 0x20, 0xb9]);
    let packet = IpPacket::parse(&bytes, bytes.len()).unwrap();
    assert_eq!(packet.fragment, Some(FragmentInfo { id: 0x1234, offset: 1480, more: true }));
    assert_eq!(packet.payload.len(), 16);
    let bytes = v6(IpProtocol::FRAGMENT, 16, &[6, 0, 5, 0xc8, 1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0]);
    let packet = IpPacket::parse(&bytes, bytes.len()).unwrap();
    assert_eq!(packet.fragment, Some(FragmentInfo { id: 0x0102_0304, offset: 1480, more: false }));
    assert_eq!((packet.protocol, packet.payload_len), (IpProtocol::TCP, 8));
}

#[test]
fn a_packet_that_must_not_be_fragmented_is_no_fragment() {
    let bytes = v4(None, &[0; 16]);
    assert_eq!(IpPacket::parse(&bytes, bytes.len()).unwrap().fragment, None);
}

#[test]
fn what_is_not_ip_is_named() {
    assert_eq!(IpPacket::parse(&[], 0), Err(IpError::Empty));
    assert_eq!(IpPacket::parse(&[0x50; 40], 40), Err(IpError::UnknownVersion { version: 5 }));
    assert!(matches!(IpPacket::parse(&[0x45; 4], 4), Err(IpError::V4(Ipv4Error::TooShort { .. }))));
    assert!(matches!(IpPacket::parse(&[0x60; 4], 400), Err(IpError::V6(Ipv6Error::HeaderCut { .. }))));
}

proptest! {
    #[test]
    fn any_octets_give_consistent_lengths(first in prop_oneof![Just(0x45_u8), Just(0x60), Just(0x46), any::<u8>()], mut bytes: Vec<u8>, wire_len in 0_usize..100_000) {
        bytes.insert(0, first);
        if let Ok(packet) = IpPacket::parse(&bytes, wire_len) {
            prop_assert!(packet.payload.len() <= packet.payload_len);
            prop_assert!(packet.payload_len <= wire_len.max(bytes.len()));
            // All that was captured of the payload is there.
            let cut = packet.payload.len() < packet.payload_len;
            prop_assert!(!cut || packet.payload.as_ptr_range().end == bytes.as_ptr_range().end);
            prop_assert_eq!(packet.src.is_ipv4(), first >> 4 == 4);
        }
    }
}
