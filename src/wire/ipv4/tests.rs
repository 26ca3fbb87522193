use super::*;
use proptest::prelude::*;
use std::vec;
use std::vec::Vec;

/// A header without options, of a packet of 60 octets.
const HEADER: [u8; 20] = [
    0x45, 0x10, 0x00, 0x3c, 0x46, 0x3d, 0x40, 0x00, 0x40, 0x06, 0x2c, 0x2e, //
    0xc0, 0xa8, 0x00, 0x68, 0xc0, 0xa8, 0x00, 0x01,
];

fn repr() -> Ipv4Repr<'static> {
    Ipv4Repr::new([192, 168, 0, 104].into(), [192, 168, 0, 1].into(), IpProtocol::TCP)
}

#[test]
fn every_field_is_read_from_its_place() {
    let header = Ipv4Header::parse(&HEADER, 60).unwrap();
    assert_eq!((header.dscp, header.ecn, header.traffic_class()), (4, 0, 0x10));
    assert_eq!((header.total_len, header.id), (60, 0x463d));
    assert_eq!((header.dont_fragment, header.more_fragments, header.fragment_offset), (true, false, 0));
    assert_eq!((header.ttl, header.protocol), (64, IpProtocol::TCP));
    assert_eq!(header.src, Ipv4Addr::new(192, 168, 0, 104));
    assert_eq!(header.dst, Ipv4Addr::new(192, 168, 0, 1));
    assert_eq!((header.header_len(), header.options()), (20, &[][..]));
}

#[test]
fn the_emitted_header_is_byte_for_byte_the_expected_one() {
    let mut out = [0xee; 24];
    let repr = Ipv4Repr { dscp: 4, id: 0x463d, payload_len: 40, ..repr() };
    assert_eq!(repr.emit(&mut out), Ok(20));
    let mut expected = HEADER;
    let sum: u32 =
        expected.chunks(2).map(|w| u32::from(u16::from_be_bytes([w[0], w[1]]))).sum::<u32>() - 0x2c2e;
    let folded = (sum & 0xffff) + (sum >> 16);
    expected[10..12].copy_from_slice(&(!(folded as u16)).to_be_bytes());
    assert_eq!(out[..20], expected);
    assert_eq!(out[20..], [0xee; 4]);
}

#[test]
fn a_wrong_checksum_is_reported_and_is_no_error() {
    let mut out = [0; 20];
    repr().emit(&mut out).unwrap();
    assert!(Ipv4Header::parse(&out, 20).unwrap().checksum_ok());
    out[8] ^= 1;
    assert!(!Ipv4Header::parse(&out, 20).unwrap().checksum_ok());
}

#[test]
fn a_header_that_the_snap_length_cut_differs_from_one_too_short_on_the_wire() {
    assert_eq!(Ipv4Header::parse(&HEADER[..19], 60), Err(Ipv4Error::HeaderCut { needed: 20, captured: 19 }));
    assert_eq!(Ipv4Header::parse(&HEADER[..19], 19), Err(Ipv4Error::TooShort { needed: 20, wire_len: 19 }));
    let mut options = HEADER;
    options[0] = 0x46;
    assert_eq!(Ipv4Header::parse(&options, 60), Err(Ipv4Error::HeaderCut { needed: 24, captured: 20 }));
    assert_eq!(Ipv4Header::parse(&options, 20), Err(Ipv4Error::TooShort { needed: 24, wire_len: 20 }));
}

#[test]
fn impossible_lengths_and_versions_are_named_with_their_value() {
    let with = |at: usize, value: u8| {
        let mut header = HEADER;
        header[at] = value;
        Ipv4Header::parse(&header, 60).unwrap_err()
    };
    assert_eq!(with(0, 0x44), Ipv4Error::HeaderLengthTooSmall { words: 4 });
    assert_eq!(with(0, 0x65), Ipv4Error::NotVersion4 { version: 6 });
    assert_eq!(with(3, 19), Ipv4Error::HeaderBeyondPacket { header_len: 20, total_len: 19 });
}

#[test]
fn a_total_length_of_zero_is_left_to_the_caller() {
    let mut header = HEADER;
    header[3] = 0;
    assert_eq!(Ipv4Header::parse(&header, 20).unwrap().total_len, 0);
}

#[test]
fn options_are_walked_with_their_data() {
    let mut out = [0; 60];
    let options = [1, 7, 3, 4, 148, 4, 0, 0, 0, 99];
    let len = Ipv4Repr { options: &options, ..repr() }.emit(&mut out).unwrap();
    assert_eq!(len, 32);
    let header = Ipv4Header::parse(&out, len).unwrap();
    assert!(header.checksum_ok());
    let walked: Vec<_> = header.options_iter().collect();
    assert_eq!(
        walked,
        [
            Ok(Ipv4Option::Nop),
            Ok(Ipv4Option::Other { kind: 7, data: &[4] }),
            Ok(Ipv4Option::Other { kind: 148, data: &[0, 0] }),
            Ok(Ipv4Option::EndOfList),
        ]
    );
}

#[test]
fn illegal_option_lengths_are_reported_and_end_the_walk() {
    fn walk(options: &[u8]) -> Vec<Result<Ipv4Option<'_>, Ipv4OptionError>> {
        Ipv4Options { rest: options }.collect()
    }
    assert_eq!(walk(&[7]), [Err(Ipv4OptionError { kind: 7, len: None, left: 1 })]);
    assert_eq!(walk(&[7, 0, 1, 1]), [Err(Ipv4OptionError { kind: 7, len: Some(0), left: 4 })]);
    assert_eq!(walk(&[7, 1, 1, 1]), [Err(Ipv4OptionError { kind: 7, len: Some(1), left: 4 })]);
    assert_eq!(
        walk(&[1, 7, 4, 1]),
        [Ok(Ipv4Option::Nop), Err(Ipv4OptionError { kind: 7, len: Some(4), left: 3 })]
    );
}

#[test]
fn what_does_not_fit_is_refused_and_nothing_written() {
    let mut out = [0xee; 60];
    let refused = [
        (Ipv4Repr { options: &[1; 41], ..repr() }, EmitError::OptionsTooLong { len: 41 }),
        (
            Ipv4Repr { payload_len: 65_516, ..repr() },
            EmitError::LengthOutOfRange { len: 65_536, max: 65_535 },
        ),
        (
            Ipv4Repr { payload_len: usize::MAX, ..repr() },
            EmitError::LengthOutOfRange { len: usize::MAX, max: 65_535 },
        ),
        (Ipv4Repr { dscp: 64, ..repr() }, EmitError::FieldOutOfRange { field: "dscp", value: 64, max: 63 }),
        (Ipv4Repr { ecn: 4, ..repr() }, EmitError::FieldOutOfRange { field: "ecn", value: 4, max: 3 }),
        (
            Ipv4Repr { fragment_offset: 9, ..repr() },
            EmitError::FieldOutOfRange { field: "fragment offset", value: 9, max: 65_528 },
        ),
    ];
    for (repr, error) in refused {
        assert_eq!(repr.emit(&mut out), Err(error));
    }
    assert_eq!(repr().emit(&mut out[..19]), Err(EmitError::BufferTooSmall { needed: 20, available: 19 }));
    assert_eq!(out, [0xee; 60]);
}

proptest! {
    #[test]
    fn what_is_emitted_is_parsed_back(
        (dscp, ecn, id, ttl, protocol) in (0_u8..64, 0_u8..4, any::<u16>(), any::<u8>(), any::<u8>()),
        (dont_fragment, more_fragments, offset) in (any::<bool>(), any::<bool>(), 0_u16..8192),
        (src, dst, payload_len) in (any::<u32>(), any::<u32>(), 0_usize..=65_475),
        options in proptest::collection::vec(any::<u8>(), 0..=40),
    ) {
        let repr = Ipv4Repr {
            dscp, ecn, id, dont_fragment, more_fragments, fragment_offset: offset * 8, ttl,
            protocol: IpProtocol(protocol), src: src.into(), dst: dst.into(), payload_len, options: &options,
        };
        let mut out = [0xee; 60];
        let len = repr.emit(&mut out).unwrap();
        prop_assert_eq!(len, repr.header_len());
        let header = Ipv4Header::parse(&out[..len], len + payload_len).unwrap();
        prop_assert!(header.checksum_ok());
        prop_assert_eq!(usize::from(header.total_len), len + payload_len);
        prop_assert_eq!(&header.options()[..options.len()], &options[..]);
        prop_assert!(header.options()[options.len()..].iter().all(|&octet| octet == 0));
        let options = header.options();
        let back = Ipv4Repr {
            dscp: header.dscp, ecn: header.ecn, id: header.id, dont_fragment: header.dont_fragment,
            more_fragments: header.more_fragments, fragment_offset: header.fragment_offset, ttl: header.ttl,
            protocol: header.protocol, src: header.src, dst: header.dst, payload_len, options,
        };
        let mut again = vec![0; len];
        back.emit(&mut again).unwrap();
        prop_assert_eq!(&again[..], &out[..len]);
    }

    #[test]
    fn any_octets_give_a_header_or_an_error(bytes: Vec<u8>, wire_len in 0_usize..200) {
        if let Ok(header) = Ipv4Header::parse(&bytes, wire_len) {
            prop_assert!((20..=60).contains(&header.header_len()));
            prop_assert!(header.options_iter().count() <= 40);
        }
    }
}
