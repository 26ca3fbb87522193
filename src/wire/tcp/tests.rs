use super::*;
use crate::wire::{OptionsBuilder, TcpOption};
use core::net::{Ipv4Addr, Ipv6Addr};
use proptest::prelude::*;
use std::string::ToString;
use std::vec;
use std::vec::Vec;

const SRC: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
const DST: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2));

/// A SYN,ACK from port 80 with an MSS option, without a checksum.
const SYN_ACK: [u8; 24] = [
    0, 80, 0xc0, 0, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, //
    0x60, 0x12, 0xfa, 0xf0, 0, 0, 0x01, 0x02, 2, 4, 5, 180,
];

fn syn_ack<'a>(options: &'a [u8]) -> TcpRepr<'a> {
    TcpRepr {
        src_port: 80,
        dst_port: 0xc000,
        seq: SeqNumber::new(0x1122_3344),
        ack: SeqNumber::new(0x5566_7788),
        flags: TcpFlags::SYN | TcpFlags::ACK,
        window: 64_240,
        urgent: 0x0102,
        options,
    }
}

#[test]
fn every_field_is_read_from_its_place() {
    let segment = TcpSegment::parse(&SYN_ACK, 24).unwrap();
    assert_eq!((segment.src_port, segment.dst_port), (80, 0xc000));
    assert_eq!((segment.seq.get(), segment.ack.get()), (0x1122_3344, 0x5566_7788));
    assert_eq!(segment.flags, TcpFlags::SYN | TcpFlags::ACK);
    assert_eq!((segment.window, segment.urgent, segment.checksum, segment.reserved), (64_240, 0x0102, 0, 0));
    assert_eq!(segment.options.mss(), Some(1460));
    assert_eq!((segment.header_len, segment.payload, segment.payload_len), (24, &[][..], 0));
}

// RFC 9293 MUST-2
#[test]
fn the_emitted_header_is_byte_for_byte_the_expected_one() {
    let mut out = [0xee; 26];
    assert_eq!(syn_ack(&[2, 4, 5, 180]).emit_header(&mut out, 0), Ok(24));
    assert_eq!(out[..24], SYN_ACK);
    assert_eq!(out[24..], [0xee; 2]);
}

#[test]
fn the_ninth_flag_and_the_reserved_bits_are_kept_apart() {
    let mut bytes = SYN_ACK;
    bytes[12] = 0x6b;
    let segment = TcpSegment::parse(&bytes, 24).unwrap();
    assert_eq!(segment.flags, TcpFlags::SYN | TcpFlags::ACK | TcpFlags::AE);
    assert_eq!(segment.reserved, 5);
}

#[test]
fn syn_and_fin_occupy_a_sequence_number_each() {
    let segment = |flags: TcpFlags, wire_len| {
        let mut bytes = [0; 20];
        TcpRepr { flags, ..TcpRepr::default() }.emit_header(&mut bytes, 0).unwrap();
        let segment = TcpSegment::parse(&bytes, wire_len).unwrap();
        (segment.seq_len(), segment.end_seq().get())
    };
    assert_eq!(segment(TcpFlags::ACK, 20), (0, 0));
    assert_eq!(segment(TcpFlags::SYN, 20), (1, 1));
    assert_eq!(segment(TcpFlags::SYN | TcpFlags::FIN, 1480), (1462, 1462));
    assert_eq!(segment(TcpFlags::RST, usize::MAX).0, u32::MAX);
}

#[test]
fn a_header_that_the_snap_length_cut_differs_from_one_too_short_on_the_wire() {
    let cut = TcpError::HeaderCut { needed: 20, available: 19 };
    assert_eq!(TcpSegment::parse(&SYN_ACK[..19], 24), Err(cut));
    assert_eq!(TcpSegment::parse(&SYN_ACK[..19], 19), Err(TcpError::TooShort { needed: 20, wire_len: 19 }));
    assert_eq!(cut.to_string(), "the capture ends inside the TCP header: 19 octets of 20");
}

#[test]
fn impossible_data_offsets_are_refused() {
    let with = |offset: u8, wire_len| {
        let mut bytes = SYN_ACK;
        bytes[12] = offset << 4;
        TcpSegment::parse(&bytes, wire_len).map(|segment| (segment.options.is_cut(), segment.payload.len()))
    };
    assert_eq!(with(4, 24), Err(TcpError::DataOffsetTooSmall { words: 4 }));
    assert_eq!(with(7, 24), Err(TcpError::DataOffsetBeyondSegment { header_len: 28, wire_len: 24 }));
    assert_eq!(with(7, 28), Ok((true, 0)));
}

#[test]
fn options_that_the_snap_length_cut_are_no_error() {
    let segment = TcpSegment::parse(&SYN_ACK[..22], 1000).unwrap();
    assert!(segment.options.is_cut());
    assert_eq!((segment.options.as_bytes(), segment.options.wire_len()), (&[2, 4][..], 4));
    assert_eq!((segment.payload.len(), segment.payload_len), (0, 976));
}

// RFC 9293 MUST-3
#[test]
fn a_checksum_is_verified_over_header_options_and_payload() {
    let mut out = vec![0; 64];
    let len =
        syn_ack(&[2, 4, 5, 180]).emit(&mut out, SRC, DST, [b"odd".as_slice(), b"", b"pieces!!"]).unwrap();
    out.truncate(len);
    assert_eq!(out[24..], *b"oddpieces!!");
    let status =
        |bytes: &[u8], wire_len| TcpSegment::parse(bytes, wire_len).unwrap().checksum_status(SRC, DST);
    assert_eq!(status(&out, len), ChecksumStatus::Good);
    assert_eq!(status(&out[..len - 1], len), ChecksumStatus::Unknown);
    // Octet 12 is the data offset: another one makes another segment.
    for at in (0..len).filter(|&at| at != 12) {
        let mut flipped = out.clone();
        flipped[at] ^= 0x10;
        assert_eq!(status(&flipped, len), ChecksumStatus::Bad, "octet {at}");
    }
}

#[test]
fn an_offloaded_checksum_is_told_from_a_bad_one() {
    let mut out = [0x55; 100];
    let repr = syn_ack(&[]);
    assert_eq!(repr.emit_offloaded(&mut out, SRC, DST, 80), Ok(20));
    let segment = TcpSegment::parse(&out, 100).unwrap();
    assert_eq!(segment.checksum_status(SRC, DST), ChecksumStatus::Offloaded);
    let six = IpAddr::V6(Ipv6Addr::LOCALHOST);
    assert_eq!(segment.checksum_status(six, six), ChecksumStatus::Bad);
}

#[test]
fn what_does_not_fit_is_refused() {
    let long = EmitError::OptionsTooLong { len: 41 };
    assert_eq!(syn_ack(&[1; 41]).emit(&mut [0; 99], SRC, DST, []), Err(long));
    let small = EmitError::BufferTooSmall { needed: 20, available: 19 };
    assert_eq!(syn_ack(&[]).emit(&mut [0; 19], SRC, DST, []), Err(small));
    let small = EmitError::BufferTooSmall { needed: 23, available: 22 };
    assert_eq!(syn_ack(&[]).emit(&mut [0; 22], SRC, DST, [b"ab".as_slice(), b"c"]), Err(small));
}

#[test]
fn flags_print_in_both_forms() {
    assert_eq!(TcpFlags::NONE.to_string(), "none");
    assert_eq!(TcpFlags::NONE.short().to_string(), "[none]");
    let all = TcpFlags::from_bits(u16::MAX);
    assert_eq!(all.bits(), 0x1ff);
    assert_eq!(all.to_string(), "FIN,SYN,RST,PSH,ACK,URG,ECE,CWR,AE");
    assert_eq!(all.short().to_string(), "[FSRP.UEWe]");
    assert_eq!((all.without(TcpFlags::SYN) | TcpFlags::SYN).bits(), 0x1ff);
    assert!(all.intersects(TcpFlags::RST) && !TcpFlags::NONE.intersects(all));
}

#[test]
fn eight_octets_quoted_by_icmp_are_enough_to_find_the_connection() {
    let quote = TcpQuote::parse(&SYN_ACK[..8]).unwrap();
    assert_eq!((quote.src_port, quote.dst_port, quote.seq.get()), (80, 0xc000, 0x1122_3344));
    assert_eq!(TcpQuote::parse(&SYN_ACK[..7]), None);
}

proptest! {
    #[test]
    fn what_is_emitted_is_parsed_back(
        (src_port, dst_port, seq, ack) in (any::<u16>(), any::<u16>(), any::<u32>(), any::<u32>()),
        (bits, window, urgent) in (0_u16..0x200, any::<u16>(), any::<u16>()),
        timestamps in proptest::option::of((any::<u32>(), any::<u32>())),
        pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..90), 0..5),
        six: bool,
    ) {
        let mut options = OptionsBuilder::new();
        if let Some((val, ecr)) = timestamps {
            options.push(&TcpOption::Timestamps { val, ecr }).unwrap();
        }
        let repr = TcpRepr {
            src_port, dst_port, seq: seq.into(), ack: ack.into(), flags: TcpFlags::from_bits(bits), window,
            urgent, options: options.as_bytes(),
        };
        let (src, dst) = if six {
            (IpAddr::V6(Ipv6Addr::from(u128::from(seq) << 40)), IpAddr::V6(Ipv6Addr::LOCALHOST))
        } else {
            (SRC, DST)
        };
        let mut out = [0xee; 600];
        let len = repr.emit(&mut out, src, dst, pieces.iter().map(Vec::as_slice)).unwrap();
        let segment = TcpSegment::parse(&out[..len], len).unwrap();
        prop_assert_eq!(segment.checksum_status(src, dst), ChecksumStatus::Good);
        prop_assert_eq!(segment.payload, pieces.concat());
        prop_assert_eq!(segment.options.timestamps(), timestamps);
        let back = TcpRepr {
            src_port: segment.src_port, dst_port: segment.dst_port, seq: segment.seq, ack: segment.ack,
            flags: segment.flags, window: segment.window, urgent: segment.urgent,
            options: segment.options.as_bytes(),
        };
        prop_assert_eq!(back, repr);
        prop_assert!(out[len..].iter().all(|&octet| octet == 0xee));
    }

    #[test]
    fn any_octets_give_consistent_lengths(bytes in proptest::collection::vec(any::<u8>(), 0..100), wire_len in 0_usize..200) {
        if let Ok(segment) = TcpSegment::parse(&bytes, wire_len) {
            let wire_len = wire_len.max(bytes.len());
            prop_assert_eq!(segment.header_len + segment.payload_len, wire_len);
            prop_assert!(segment.payload.len() <= segment.payload_len);
            let captured = 20 + segment.options.as_bytes().len() + segment.payload.len();
            prop_assert_eq!(captured, bytes.len());
            let status = segment.checksum_status(SRC, DST);
            prop_assert_eq!(status == ChecksumStatus::Unknown, bytes.len() < wire_len);
        }
    }
}
