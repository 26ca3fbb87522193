use super::*;
use core::net::{Ipv4Addr, Ipv6Addr};
use proptest::prelude::*;
use std::vec;
use std::vec::Vec;

const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

fn datagram(length: u16, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x14, 0xe9, 0, 53];
    bytes.extend(length.to_be_bytes());
    bytes.extend([0xab, 0xcd]);
    bytes.extend(payload);
    bytes
}

#[test]
fn every_field_is_read_from_its_place() {
    let bytes = datagram(12, b"abcd");
    let parsed = UdpDatagram::parse(&bytes, 12).unwrap();
    assert_eq!((parsed.src_port, parsed.dst_port, parsed.length, parsed.checksum), (5353, 53, 12, 0xabcd));
    assert_eq!((parsed.payload, parsed.payload_len, parsed.is_truncated()), (&b"abcd"[..], 4, false));
}

#[test]
fn octets_behind_the_length_are_not_payload() {
    let bytes = datagram(10, b"abcd");
    assert_eq!(UdpDatagram::parse(&bytes, 12).unwrap().payload, b"ab");
}

#[test]
fn a_length_of_zero_takes_all_there_is() {
    let bytes = datagram(0, b"abcd");
    let parsed = UdpDatagram::parse(&bytes, 70_000).unwrap();
    assert_eq!((parsed.payload.len(), parsed.payload_len, parsed.is_truncated()), (4, 69_992, false));
}

#[test]
fn a_length_beyond_the_packet_is_cut_and_cannot_be_verified() {
    let bytes = datagram(100, b"abcd");
    let parsed = UdpDatagram::parse(&bytes, 12).unwrap();
    assert_eq!((parsed.payload_len, parsed.is_truncated()), (4, true));
    assert_eq!(parsed.checksum_status(V4, V4), ChecksumStatus::Unknown);
}

#[test]
fn short_headers_and_lengths_are_named() {
    let bytes = datagram(7, &[]);
    assert_eq!(UdpDatagram::parse(&bytes, 8), Err(UdpError::LengthTooSmall { length: 7 }));
    assert_eq!(UdpDatagram::parse(&bytes[..7], 7), Err(UdpError::TooShort { wire_len: 7 }));
    assert_eq!(UdpDatagram::parse(&bytes[..7], 8), Err(UdpError::HeaderCut { available: 7 }));
}

#[test]
fn a_checksum_of_zero_is_none_over_ipv4_and_wrong_over_ipv6() {
    let mut bytes = datagram(8, &[]);
    bytes[6..8].fill(0);
    let parsed = UdpDatagram::parse(&bytes, 8).unwrap();
    assert_eq!(parsed.checksum_status(V4, V4), ChecksumStatus::Absent);
    assert_eq!(parsed.checksum_status(V6, V6), ChecksumStatus::Bad);
}

#[test]
fn a_sum_that_comes_to_zero_is_sent_as_all_ones() {
    let mut out = [0; 10];
    // Find the payload that makes the sum come out as all ones, whose complement is zero.
    let len = UdpRepr { src_port: 1, dst_port: 2 }.emit(&mut out, V4, V4, [[0, 0].as_slice()]).unwrap();
    let checksum = [out[6], out[7]];
    UdpRepr { src_port: 1, dst_port: 2 }.emit(&mut out, V4, V4, [checksum.as_slice()]).unwrap();
    assert_eq!(out[6..8], [0xff, 0xff]);
    assert_eq!(UdpDatagram::parse(&out, len).unwrap().checksum_status(V4, V4), ChecksumStatus::Good);
}

#[test]
fn what_does_not_fit_is_refused() {
    let repr = UdpRepr::default();
    let small = EmitError::BufferTooSmall { needed: 8, available: 7 };
    assert_eq!(repr.emit(&mut [0; 7], V4, V4, []), Err(small));
    let small = EmitError::BufferTooSmall { needed: 10, available: 9 };
    assert_eq!(repr.emit(&mut [0; 9], V4, V4, [[0; 2].as_slice()]), Err(small));
    let payload = vec![0; 65_528];
    let long = EmitError::LengthOutOfRange { len: 65_536, max: 65_535 };
    assert_eq!(repr.emit(&mut vec![0; 70_000], V4, V4, [payload.as_slice()]), Err(long));
}

proptest! {
    #[test]
    fn what_is_emitted_is_parsed_back(src_port: u16, dst_port: u16, payload: Vec<u8>, split: usize, six: bool) {
        let addr = if six { V6 } else { V4 };
        let (one, two) = payload.split_at(split % (payload.len() + 1));
        let mut out = vec![0; payload.len() + 8];
        let repr = UdpRepr { src_port, dst_port };
        prop_assert_eq!(repr.emit(&mut out, addr, addr, [one, two]), Ok(payload.len() + 8));
        let parsed = UdpDatagram::parse(&out, out.len()).unwrap();
        prop_assert_eq!((parsed.src_port, parsed.dst_port, parsed.payload), (src_port, dst_port, &payload[..]));
        prop_assert_eq!(parsed.checksum_status(addr, addr), ChecksumStatus::Good);
    }

    #[test]
    fn any_octets_give_consistent_lengths(bytes in proptest::collection::vec(any::<u8>(), 0..40), small in 0_u8..60, wire_len in 0_usize..60) {
        let mut bytes = bytes;
        if let Some(length) = bytes.get_mut(4..6) {
            length.copy_from_slice(&[0, small]);
        }
        if let Ok(parsed) = UdpDatagram::parse(&bytes, wire_len) {
            prop_assert!(parsed.payload.len() <= parsed.payload_len);
            prop_assert!(parsed.payload_len + 8 <= wire_len.max(bytes.len()));
            let _ = parsed.checksum_status(V6, V6);
        }
    }
}
