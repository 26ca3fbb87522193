use super::*;
use proptest::prelude::*;
use std::vec;
use std::vec::Vec;

fn header() -> Ipv6Header {
    Ipv6Header {
        traffic_class: 0xab,
        flow_label: 0xcdef1,
        payload_len: 0x1234,
        next_header: IpProtocol::UDP,
        hop_limit: 9,
        src: Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1),
        dst: Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 2),
    }
}

type Walked = Vec<Result<(u8, usize), Ipv6Error>>;

fn walk(first: u8, bytes: &[u8], wire_len: usize) -> (Walked, ExtensionHeaders<'_>) {
    let mut chain = ExtensionHeaders::new(IpProtocol(first), bytes, wire_len);
    let walked = chain.by_ref().map(|item| item.map(|header| (header.kind.0, header.bytes.len()))).collect();
    (walked, chain)
}

#[test]
fn the_emitted_header_is_byte_for_byte_the_expected_one() {
    let mut out = [0xee; 41];
    assert_eq!(header().emit(&mut out), Ok(40));
    assert_eq!(out[..8], [0x6a, 0xbc, 0xde, 0xf1, 0x12, 0x34, 17, 9]);
    assert_eq!(out[8..12], [0x20, 0x01, 0x0d, 0xb8]);
    assert_eq!(out[24..26], [0xfe, 0x80]);
    assert_eq!((out[39], out[40]), (2, 0xee));
    assert_eq!(Ipv6Header::parse(&out[..40], 40), Ok(header()));
}

#[test]
fn a_header_that_the_snap_length_cut_differs_from_one_too_short_on_the_wire() {
    let bytes = [0x60; 39];
    assert_eq!(Ipv6Header::parse(&bytes, 100), Err(Ipv6Error::HeaderCut { captured: 39 }));
    assert_eq!(Ipv6Header::parse(&bytes, 0), Err(Ipv6Error::TooShort { wire_len: 39 }));
    assert_eq!(Ipv6Header::parse(&[0x40; 40], 40), Err(Ipv6Error::NotVersion6 { version: 4 }));
}

#[test]
fn what_does_not_fit_is_refused() {
    let wide = Ipv6Header { flow_label: 0x10_0000, ..header() };
    let error = EmitError::FieldOutOfRange { field: "flow label", value: 0x10_0000, max: 0xf_ffff };
    assert_eq!(wide.emit(&mut [0; 40]), Err(error));
    assert_eq!(header().emit(&mut [0; 39]), Err(EmitError::BufferTooSmall { needed: 40, available: 39 }));
}

#[test]
fn all_known_extension_headers_are_walked_over() {
    let mut bytes = Vec::new();
    // Hop-by-hop, destination options, routing, authentication (6 words), mobility, HIP, shim6, then TCP.
    bytes.extend([60, 0, 1, 4, 0, 0, 0, 0]);
    bytes.extend([43, 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    bytes.extend([51, 0, 0, 0, 0, 0, 0, 0]);
    bytes.extend([135, 4]);
    bytes.extend([0; 22]);
    bytes.extend([139, 0, 0, 0, 0, 0, 0, 0]);
    bytes.extend([140, 0, 0, 0, 0, 0, 0, 0]);
    bytes.extend([6, 0, 0, 0, 0, 0, 0, 0]);
    bytes.extend([0xaa; 20]);
    let (walked, chain) = walk(0, &bytes, bytes.len());
    assert_eq!(
        walked,
        [Ok((0, 8)), Ok((60, 16)), Ok((43, 8)), Ok((51, 24)), Ok((135, 8)), Ok((139, 8)), Ok((140, 8))]
    );
    assert_eq!((chain.protocol(), chain.rest(), chain.rest_len()), (IpProtocol::TCP, &[0xaa; 20][..], 20));
}

#[test]
fn encrypted_payload_no_next_header_and_unknown_numbers_end_the_walk() {
    for kind in [50, 59, 6, 200, 253] {
        let (walked, chain) = walk(kind, &[6, 0, 0, 0, 0, 0, 0, 0], 8);
        assert_eq!((walked, chain.protocol(), chain.rest_len()), (vec![], IpProtocol(kind), 8));
    }
}

#[test]
fn hop_by_hop_options_that_are_not_first_are_treated_as_not_known() {
    let bytes = [0, 0, 1, 4, 0, 0, 0, 0, 6, 0, 1, 4, 0, 0, 0, 0];
    let (walked, chain) = walk(60, &bytes, 16);
    assert_eq!((walked, chain.protocol(), chain.rest_len()), (vec![Ok((60, 8))], IpProtocol::HOP_BY_HOP, 8));
}

#[test]
fn the_walk_ends_after_the_fragment_header_of_a_piece() {
    let bytes = [60, 0, 0x05, 0xa9, 1, 2, 3, 4, 6, 0, 0, 0, 0, 0, 0, 0];
    let (walked, chain) = walk(44, &bytes, 16);
    assert_eq!((walked, chain.protocol()), (vec![Ok((44, 8))], IpProtocol::DESTINATION_OPTIONS));
    assert_eq!(chain.fragment(), Some(FragmentInfo { id: 0x0102_0304, offset: 1448, more: true }));
    assert_eq!(chain.rest().len(), 8);
}

#[test]
fn an_atomic_fragment_is_a_whole_packet() {
    let bytes = [60, 0, 0, 0, 1, 2, 3, 4, 6, 0, 0, 0, 0, 0, 0, 0];
    let (walked, chain) = walk(44, &bytes, 16);
    assert_eq!((walked.len(), chain.protocol(), chain.fragment()), (2, IpProtocol::TCP, None));
}

#[test]
fn the_reserved_bits_of_a_fragment_header_are_ignored() {
    let (_, chain) = walk(44, &[6, 0xff, 0, 0b110, 0, 0, 0, 1], 8);
    assert_eq!(chain.fragment(), None);
}

#[test]
fn a_chain_that_ends_early_says_whether_the_capture_or_the_packet_did() {
    let bytes = [6, 1, 0, 0, 0, 0, 0, 0];
    let kind = IpProtocol::DESTINATION_OPTIONS;
    assert_eq!(walk(60, &bytes, 16).0, [Err(Ipv6Error::ExtensionCut { kind, needed: 16, captured: 8 })]);
    assert_eq!(
        walk(60, &bytes, 15).0,
        [Err(Ipv6Error::ExtensionBeyondPacket { kind, needed: 16, left: 15 })]
    );
    assert_eq!(walk(60, &[6], 8).0, [Err(Ipv6Error::ExtensionCut { kind, needed: 2, captured: 1 })]);
    assert_eq!(walk(60, &[], 0).0, [Err(Ipv6Error::ExtensionBeyondPacket { kind, needed: 2, left: 0 })]);
}

#[test]
fn an_authentication_header_has_room_for_its_fixed_fields() {
    assert_eq!(walk(51, &[6, 0, 0, 0, 0, 0, 0, 0], 8).0, [Err(Ipv6Error::AuthenticationTooShort { len: 8 })]);
}

#[test]
fn more_than_sixteen_headers_are_refused() {
    let mut bytes: Vec<u8> = core::iter::repeat_n([60, 0, 1, 4, 0, 0, 0, 0], 15).flatten().collect();
    bytes.extend([6, 0, 1, 4, 0, 0, 0, 0]);
    let (walked, chain) = walk(60, &bytes, bytes.len());
    assert_eq!((walked.len(), chain.protocol()), (16, IpProtocol::TCP));
    let mut longer = vec![60, 0, 1, 4, 0, 0, 0, 0];
    longer.extend(bytes);
    let (walked, mut chain) = walk(60, &longer, longer.len());
    assert_eq!((walked.len(), walked.last().unwrap()), (17, &Err(Ipv6Error::TooManyExtensions)));
    assert_eq!(chain.next(), None);
}

#[test]
fn the_jumbo_payload_option_is_found_behind_others() {
    let header = Ipv6Header { next_header: IpProtocol::HOP_BY_HOP, ..header() };
    let jumbo = |len: u32| {
        let [a, b, c, d] = len.to_be_bytes();
        [6, 1, 0, 5, 2, 0, 0, 1, 0, 0, 0xc2, 4, a, b, c, d]
    };
    assert_eq!(header.jumbo_len(&jumbo(70_000)), Ok(Some(70_000)));
    assert_eq!(header.jumbo_len(&jumbo(65_535)), Err(Ipv6Error::IllegalJumbo { len: 65_535 }));
    assert_eq!(header.jumbo_len(&jumbo(70_000)[..15]), Ok(None));
    assert_eq!(header.jumbo_len(&[6, 0, 0xc2, 3, 0, 0, 0, 0]), Ok(None));
    assert_eq!(Ipv6Header { next_header: IpProtocol::TCP, ..header }.jumbo_len(&jumbo(70_000)), Ok(None));
}

proptest! {
    #[test]
    fn what_is_emitted_is_parsed_back(traffic_class: u8, flow_label in 0_u32..1 << 20, payload_len: u16, next: u8, hop_limit: u8, src: u128, dst: u128) {
        let header = Ipv6Header {
            traffic_class, flow_label, payload_len, next_header: IpProtocol(next), hop_limit,
            src: src.into(), dst: dst.into(),
        };
        let mut out = [0; 40];
        header.emit(&mut out).unwrap();
        prop_assert_eq!(Ipv6Header::parse(&out, 40), Ok(header));
    }

    #[test]
    fn any_chain_ends_with_consistent_lengths(first: u8, bytes: Vec<u8>, more in 0_usize..100) {
        let wire_len = bytes.len() + more;
        let (walked, chain) = walk(first, &bytes, wire_len);
        prop_assert!(walked.len() <= ExtensionHeaders::MAX_HEADERS + 1);
        let passed: usize = walked.iter().flatten().map(|&(_, len)| len).sum();
        prop_assert_eq!(chain.rest().len(), bytes.len() - passed);
        prop_assert_eq!(chain.rest_len(), wire_len - passed);
    }

    #[test]
    fn chains_of_extension_headers_never_panic(kinds in proptest::collection::vec(0_usize..9, 1..20), noise: u8, cut in 0_usize..400) {
        let known = [0, 43, 44, 60, 51, 135, 139, 140, 6];
        let mut bytes = Vec::new();
        for pair in kinds.windows(2) {
            bytes.extend([known[pair[1]], u8::from(pair[0] == 4) + noise % 3, noise, noise, 1, 2, 3, 4]);
            bytes.extend(core::iter::repeat_n(noise, usize::from(noise % 3) * 8));
        }
        bytes.truncate(cut);
        let (_, chain) = walk(known[kinds[0]], &bytes, bytes.len());
        prop_assert!(chain.rest().len() == chain.rest_len());
    }
}
