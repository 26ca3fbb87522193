//! The fields of IPv4 and TCP headers that decide where something ends, each with all of its values.

use crate::all_seen;
use tcpstate::TcpFlags;
use tcpstate::wire::IpProtocol;
use tcpstate::wire::ipv4::Ipv4Error;
use tcpstate::wire::{IpError, IpPacket, Ipv4Header, Ipv4Repr, LengthSource, TcpError, TcpRepr, TcpSegment};

/// A segment of `len` octets, each of which tells its place.
fn segment(len: usize) -> Vec<u8> {
    (0..len).map(|place| place as u8).collect()
}

/// RFC 9293 §3.1: where the payload begins, for every data offset, length on the wire and length that was captured.
#[test]
fn every_data_offset_is_taken_or_refused_by_the_length_of_the_segment() {
    let mut seen = 0;
    for words in 0..=15_u8 {
        for wire_len in 0..=70_usize {
            for captured in 0..=wire_len {
                let mut octets = segment(captured);
                if let Some(offset) = octets.get_mut(12) {
                    *offset = words << 4;
                }
                let header_len = usize::from(words) * 4;
                let right = match TcpSegment::parse(&octets, wire_len) {
                    Err(TcpError::TooShort { .. }) => wire_len < 20,
                    Err(TcpError::HeaderCut { .. }) => wire_len >= 20 && captured < 20,
                    Err(TcpError::DataOffsetTooSmall { words: field }) => {
                        captured >= 20 && words < 5 && field == words
                    }
                    Err(TcpError::DataOffsetBeyondSegment { .. }) => {
                        captured >= 20 && words >= 5 && header_len > wire_len
                    }
                    Err(_) => false,
                    Ok(segment) => {
                        captured >= 20
                            && (20..=wire_len).contains(&header_len)
                            && segment.header_len == header_len
                            && segment.payload_len == wire_len - header_len
                            && segment
                                .payload
                                .iter()
                                .copied()
                                .eq((header_len..captured).map(|place| place as u8))
                            && segment
                                .options
                                .as_bytes()
                                .iter()
                                .copied()
                                .eq((20..header_len.min(captured)).map(|place| place as u8))
                            && segment.options.wire_len() == header_len - 20
                    }
                };
                assert!(right, "{words} words, {captured} of {wire_len} octets");
                seen += 1;
            }
        }
    }
    all_seen(seen, 16 * 71 * 72 / 2);
}

#[test]
fn every_value_of_the_octets_with_data_offset_reserved_bits_and_control_bits_is_read_bit_by_bit() {
    let mut seen = 0;
    for field in 0..=u16::MAX {
        let mut octets = segment(60);
        octets[12..14].copy_from_slice(&field.to_be_bytes());
        let found = TcpSegment::parse(&octets, 60);
        let words = field >> 12;
        assert_eq!(found.is_ok(), words >= 5, "{field:#06x}");
        if let Ok(found) = found {
            assert_eq!(found.reserved, (field >> 9 & 7) as u8, "{field:#06x}");
            let names = [
                TcpFlags::FIN,
                TcpFlags::SYN,
                TcpFlags::RST,
                TcpFlags::PSH,
                TcpFlags::ACK,
                TcpFlags::URG,
                TcpFlags::ECE,
                TcpFlags::CWR,
                TcpFlags::AE,
            ];
            for (bit, name) in names.into_iter().enumerate() {
                assert_eq!(found.flags.contains(name), field >> bit & 1 == 1, "{name:?} in {field:#06x}");
            }
            let syn_fin = u32::from(field & 1) + u32::from(field >> 1 & 1);
            assert_eq!(found.seq_len(), 60 - u32::from(words) * 4 + syn_fin, "{field:#06x}");
        }
        seen += 1;
    }
    all_seen(seen, 1 << 16);
}

#[test]
fn every_choice_of_control_bits_is_written_as_it_is_read() {
    let ends = ([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
    let mut seen = 0;
    for bits in 0..0x200 {
        for options_len in 0..=40 {
            let options = vec![1; options_len];
            let repr = TcpRepr { flags: TcpFlags::from_bits(bits), options: &options, ..TcpRepr::default() };
            let mut out = [0xaa; 64];
            let len = repr.emit(&mut out, ends.0, ends.1, [b"xyz".as_slice()]).expect("it fits");
            assert_eq!(len, 23 + options_len.div_ceil(4) * 4);
            let read = TcpSegment::parse(&out[..len], len).expect("a header of ours");
            assert_eq!((read.flags.bits(), read.reserved, read.payload), (bits, 0, b"xyz".as_slice()));
            assert_eq!(read.options.as_bytes()[..options_len], options);
            seen += 1;
        }
    }
    all_seen(seen, 512 * 41);
}

/// What RFC 791 says of a header of this shape.
fn expected(version: u8, words: u8, total_len: u16, captured: usize, wire_len: usize) -> &'static str {
    let header_len = usize::from(words) * 4;
    match () {
        () if captured == 0 => "empty",
        // The version stands in the first octet, but the library asks for a whole header before it looks further.
        () if version != 4 => "version",
        () if captured < 20 && wire_len < 20 => "short",
        () if captured < 20 => "cut",
        () if header_len < 20 => "header too small",
        () if total_len != 0 && usize::from(total_len) < header_len => "header beyond packet",
        () if captured < header_len && wire_len < header_len => "short",
        () if captured < header_len => "cut",
        () => "fine",
    }
}

#[test]
fn every_header_length_is_taken_or_refused_by_total_length_and_by_what_the_link_has_carried() {
    let mut seen = 0;
    for first in 0..=255_u8 {
        let (version, words) = (first >> 4, first & 15);
        if version == 6 {
            continue;
        }
        for total_len in 0..=72_u16 {
            for wire_len in [0, 1, 19, 20, 21, 24, 40, 59, 60, 61, 64, 72] {
                for captured in [0, 1, 19, 20, 23, 24, 28, 59, 60, 72] {
                    if captured > wire_len {
                        continue;
                    }
                    let mut octets = segment(captured);
                    octets
                        .iter_mut()
                        .zip([first, 0, 0, total_len as u8])
                        .for_each(|(octet, value)| *octet = value);
                    octets.iter_mut().skip(6).take(2).for_each(|octet| *octet = 0);
                    let found = IpPacket::parse(&octets, wire_len);
                    let name = match &found {
                        Err(IpError::Empty) => "empty",
                        Err(IpError::UnknownVersion { version: field }) if *field == version => "version",
                        Err(IpError::V4(Ipv4Error::TooShort { .. })) => "short",
                        Err(IpError::V4(Ipv4Error::HeaderCut { .. })) => "cut",
                        Err(IpError::V4(Ipv4Error::HeaderLengthTooSmall { .. })) => "header too small",
                        Err(IpError::V4(Ipv4Error::HeaderBeyondPacket { .. })) => "header beyond packet",
                        Err(other) => panic!("{other}"),
                        Ok(_) => "fine",
                    };
                    let right = expected(version, words, total_len, captured, wire_len);
                    assert_eq!(name, right, "{first:#04x}, {total_len}, {captured} of {wire_len}");
                    if let Ok(packet) = found {
                        check_ends(
                            &packet,
                            usize::from(words) * 4,
                            usize::from(total_len),
                            captured,
                            wire_len,
                        );
                    }
                    seen += 1;
                }
            }
        }
    }
    let lengths = [1, 2, 3, 4, 4, 6, 7, 8, 9, 9, 9, 10].iter().sum::<u64>();
    all_seen(seen, 240 * 73 * lengths);
}

/// The payload is what stands behind the header, before the end of the packet, and was captured.
fn check_ends(packet: &IpPacket<'_>, header_len: usize, total_len: usize, captured: usize, wire_len: usize) {
    let (end, source) = match total_len {
        0 => (wire_len, LengthSource::Link),
        total if total > wire_len => (wire_len, LengthSource::CutByLink),
        total => (total, LengthSource::Ip),
    };
    assert_eq!((packet.payload_len, packet.length), (end - header_len, source));
    let there = (header_len..captured.min(end)).map(|place| place as u8);
    assert!(packet.payload.iter().copied().eq(there), "{header_len}, {total_len}, {captured} of {wire_len}");
}

#[test]
fn every_value_of_the_fragment_field_is_read_bit_by_bit_and_written_again() {
    let mut seen = 0;
    for field in 0..=u16::MAX {
        let (src, dst) = ([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
        let mut octets = [0; 20];
        let mut repr = Ipv4Repr::new(src, dst, IpProtocol::TCP);
        repr.dont_fragment = field & 0x4000 != 0;
        repr.more_fragments = field & 0x2000 != 0;
        repr.fragment_offset = (field & 0x1fff) * 8;
        repr.emit(&mut octets).expect("a header");
        // The first of the three bits is reserved, must be zero, and is no reason to refuse a packet.
        assert_eq!(u16::from_be_bytes([octets[6], octets[7]]), field & 0x7fff);
        octets[6] |= (field >> 8) as u8;
        let header = Ipv4Header::parse(&octets, 20).expect("a header");
        let read = (header.dont_fragment, header.more_fragments, header.fragment_offset);
        assert_eq!(read, (repr.dont_fragment, repr.more_fragments, repr.fragment_offset), "{field:#06x}");
        let fragment = IpPacket::parse(&octets, 20).expect("a packet").fragment;
        let place = fragment.map(|fragment| (fragment.more, fragment.offset));
        let whole = field & 0x3fff == 0;
        assert_eq!(
            place,
            (!whole).then_some((repr.more_fragments, u32::from(repr.fragment_offset))),
            "{field:#06x}"
        );
        seen += 1;
    }
    all_seen(seen, 1 << 16);
}

#[test]
fn every_value_of_each_field_of_one_and_two_octets_is_written_and_read_again() {
    let mut seen = 0;
    for value in 0..=u16::MAX {
        let low = value as u8;
        let mut repr = Ipv4Repr::new([value as u8, 1, 2, 3].into(), [4, 5, 6, low].into(), IpProtocol(low));
        (repr.id, repr.ttl, repr.dscp, repr.ecn) = (value, low, low >> 2, low & 3);
        repr.payload_len = usize::from(value).min(65_515);
        let mut octets = [0; 20];
        repr.emit(&mut octets).expect("a header");
        let header = Ipv4Header::parse(&octets, 20).expect("a header");
        assert!(header.checksum_ok(), "{value:#06x}");
        assert_eq!((header.id, header.ttl, header.dscp, header.ecn), (value, low, low >> 2, low & 3));
        assert_eq!((header.src, header.dst, header.protocol), (repr.src, repr.dst, repr.protocol));
        assert_eq!(usize::from(header.total_len), 20 + repr.payload_len);
        assert_eq!(header.traffic_class(), low);
        repr.payload_len = 65_516 + usize::from(value);
        assert!(repr.emit(&mut octets).is_err(), "a packet of {} octets", 20 + repr.payload_len);
        seen += 1;
    }
    all_seen(seen, 1 << 16);
}
