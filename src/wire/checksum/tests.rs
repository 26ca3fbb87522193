use super::{Checksum, ChecksumStatus, pseudo_header, verify};
use crate::wire::IpProtocol;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use proptest::prelude::*;
use std::vec;
use std::vec::Vec;

/// RFC 1071 §4.1, word by word.
fn naive(bytes: &[u8]) -> u16 {
    let mut sum = 0_u32;
    for pair in bytes.chunks(2) {
        sum += u32::from(u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or(0)]));
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

fn sum(bytes: &[u8]) -> u16 {
    let mut sum = Checksum::new();
    sum.add_bytes(bytes);
    sum.sum()
}

fn v4(last: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(10, 0, 0, last))
}

#[test]
fn the_example_of_rfc_1071_holds() {
    assert_eq!(sum(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]), 0xddf2);
}

#[test]
fn nothing_sums_to_zero_and_finishes_as_all_ones() {
    assert_eq!(Checksum::new().sum(), 0);
    assert_eq!(Checksum::new().finish(), 0xffff);
    assert_eq!(sum(&[0; 100]), 0);
}

#[test]
fn a_multiple_of_all_ones_that_is_not_zero_stays_all_ones() {
    assert_eq!(sum(&[0xff, 0xff]), 0xffff);
    assert_eq!(sum(&[0xff; 1460]), 0xffff);
    assert_eq!(sum(&[0x7f, 0xff, 0x80, 0x00]), 0xffff);
}

#[test]
fn carries_have_room_in_the_longest_packet_of_ones() {
    let jumbo = vec![0xff; 1 << 20];
    assert_eq!(sum(&jumbo), 0xffff);
}

#[test]
fn every_length_around_the_block_size_agrees_with_the_naive_sum() {
    let bytes: Vec<u8> = (0..400_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    for start in 0..9 {
        for end in start..bytes.len() {
            assert_eq!(sum(&bytes[start..end]), naive(&bytes[start..end]), "{start}..{end}");
        }
    }
}

#[test]
fn the_pseudo_header_of_ipv6_covers_all_32_bits_of_the_length() {
    let (src, dst) = (Ipv6Addr::LOCALHOST, Ipv6Addr::UNSPECIFIED);
    let mut octets = Vec::new();
    octets.extend(src.octets());
    octets.extend(dst.octets());
    octets.extend(0x0001_0020_u32.to_be_bytes());
    octets.extend([0, 0, 0, 17]);
    assert_eq!(pseudo_header(src.into(), dst.into(), IpProtocol::UDP, 0x1_0020).sum(), naive(&octets));
}

#[test]
fn the_pseudo_header_of_ipv4_is_that_of_rfc_9293() {
    let octets = [10, 0, 0, 1, 10, 0, 0, 2, 0, 6, 0x12, 0x34];
    assert_eq!(pseudo_header(v4(1), v4(2), IpProtocol::TCP, 0x1234).sum(), naive(&octets));
}

#[test]
fn a_checksum_left_to_the_card_is_not_called_bad() {
    let partial = pseudo_header(v4(1), v4(2), IpProtocol::TCP, 20).sum();
    let without_length = pseudo_header(v4(1), v4(2), IpProtocol::TCP, 0).sum();
    let status = |stored: u16| {
        let mut segment = [0x11_u8; 20];
        segment[16..18].copy_from_slice(&stored.to_be_bytes());
        verify((v4(1), v4(2)), IpProtocol::TCP, &segment, 20, stored)
    };
    assert_eq!(status(partial), ChecksumStatus::Offloaded);
    assert_eq!(status(without_length), ChecksumStatus::Offloaded);
    assert_eq!(status(partial ^ 0x0100), ChecksumStatus::Bad);
}

#[test]
fn what_was_not_captured_cannot_be_verified() {
    assert_eq!(verify((v4(1), v4(2)), IpProtocol::TCP, &[0; 20], 21, 0), ChecksumStatus::Unknown);
}

proptest! {
    #[test]
    fn any_octets_agree_with_the_naive_sum(bytes: Vec<u8>) {
        prop_assert_eq!(sum(&bytes), naive(&bytes));
    }

    #[test]
    fn pieces_of_any_length_sum_like_the_whole(pieces: Vec<Vec<u8>>, word: u16, long: u32) {
        let mut running = Checksum::new();
        let mut whole = Vec::new();
        for piece in &pieces {
            running.add_bytes(piece);
            whole.extend_from_slice(piece);
        }
        running.add_u16(word);
        running.add_u32(long);
        whole.extend(word.to_be_bytes());
        whole.extend(long.to_be_bytes());
        running.add_bytes(&[1]);
        whole.push(1);
        prop_assert_eq!(running.sum(), naive(&whole));
    }

    #[test]
    fn copying_moves_the_octets_and_sums_them(src in proptest::collection::vec(any::<u8>(), 0..300), room in 0_usize..320, lead: Vec<u8>) {
        let mut dst = vec![0xee; room];
        let mut sum = Checksum::new();
        sum.add_bytes(&lead);
        let copied = sum.copy_and_add(&mut dst, &src);
        prop_assert_eq!(copied, room.min(src.len()));
        prop_assert_eq!(&dst[..copied], &src[..copied]);
        prop_assert!(dst[copied..].iter().all(|&octet| octet == 0xee));
        let mut whole = lead;
        whole.extend_from_slice(&src[..copied]);
        prop_assert_eq!(sum.sum(), naive(&whole));
    }
}
