use super::*;
use crate::wire::LengthSource;
use core::net::{Ipv4Addr, Ipv6Addr};
use proptest::prelude::*;
use std::vec;

const NOW: Instant = Instant::from_nanos(1_000_000_000);

fn v4(id: u32, offset: u32, more: bool, payload: &[u8]) -> IpPacket<'_> {
    IpPacket {
        src: IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)),
        dst: IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2)),
        protocol: IpProtocol::UDP,
        traffic_class: 0,
        hop_limit: 64,
        fragment: Some(FragmentInfo { id, offset, more }),
        payload,
        payload_len: payload.len(),
        length: LengthSource::Ip,
    }
}

fn v6(protocol: IpProtocol, offset: u32, more: bool, payload: &[u8]) -> IpPacket<'_> {
    IpPacket {
        src: IpAddr::V6(Ipv6Addr::LOCALHOST),
        dst: IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        protocol,
        ..v4(1, offset, more, payload)
    }
}

fn reassembler() -> Reassembler {
    Reassembler::new(FragmentLimits::default())
}

fn payload(outcome: FragmentOutcome) -> Bytes {
    match outcome {
        FragmentOutcome::Complete(whole) => whole.payload,
        other => panic!("not complete: {other:?}"),
    }
}

fn dropped(error: FragmentError) -> FragmentOutcome {
    FragmentOutcome::Dropped(error)
}

#[test]
fn fragments_in_any_order_make_the_datagram() {
    let parts = [v4(1, 0, true, b"01234567"), v4(1, 8, true, b"89abcdef"), v4(1, 16, false, b"ghi")];
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let mut reassembler = reassembler();
        assert_eq!(reassembler.push(NOW, &parts[order[0]]), FragmentOutcome::Waiting);
        assert_eq!(reassembler.push(NOW, &parts[order[1]]), FragmentOutcome::Waiting);
        assert_eq!(payload(reassembler.push(NOW, &parts[order[2]])), "0123456789abcdefghi");
        assert!(reassembler.is_empty());
        assert_eq!((reassembler.memory(), reassembler.stats().completed), (0, 1));
        assert_eq!(reassembler.poll_timeout(), None);
    }
}

#[test]
fn datagrams_are_kept_apart_by_addresses_identification_and_ipv4_protocol() {
    let mut reassembler = reassembler();
    let first = v4(1, 0, true, b"01234567");
    let others = [
        IpPacket { src: IpAddr::V4(Ipv4Addr::LOCALHOST), ..v4(1, 8, false, b"x") },
        IpPacket { dst: IpAddr::V4(Ipv4Addr::LOCALHOST), ..v4(1, 8, false, b"x") },
        IpPacket { protocol: IpProtocol::TCP, ..v4(1, 8, false, b"x") },
        v4(2, 8, false, b"x"),
    ];
    assert_eq!(reassembler.push(NOW, &first), FragmentOutcome::Waiting);
    for other in &others {
        assert_eq!(reassembler.push(NOW, other), FragmentOutcome::Waiting);
    }
    assert_eq!(reassembler.len(), 5);
}

#[test]
fn the_protocol_of_ipv6_is_that_of_the_first_fragment() {
    let mut reassembler = reassembler();
    reassembler.push(NOW, &v6(IpProtocol::ESP, 8, false, b"end"));
    let first = IpPacket { hop_limit: 3, ..v6(IpProtocol::UDP, 0, true, b"01234567") };
    let FragmentOutcome::Complete(whole) = reassembler.push(NOW, &first) else { panic!() };
    assert_eq!(
        (whole.protocol, whole.hop_limit, &whole.payload[..]),
        (IpProtocol::UDP, 3, &b"01234567end"[..])
    );
}

#[test]
fn extension_headers_in_the_fragmented_part_are_walked_over() {
    let mut reassembler = reassembler();
    // Destination options of 16 octets, cut in the middle, then UDP.
    reassembler.push(NOW, &v6(IpProtocol::DESTINATION_OPTIONS, 0, true, &[17, 1, 1, 12, 0, 0, 0, 0]));
    let second = [&[0; 8][..], b"datagram"].concat();
    let FragmentOutcome::Complete(whole) = reassembler.push(NOW, &v6(IpProtocol::TCP, 8, false, &second))
    else {
        panic!()
    };
    assert_eq!((whole.protocol, &whole.payload[..]), (IpProtocol::UDP, &b"datagram"[..]));
}

#[test]
fn malformed_extension_headers_and_nested_fragments_are_refused() {
    let mut reassembler = reassembler();
    reassembler.push(NOW, &v6(IpProtocol::ROUTING, 0, true, &[17, 9, 0, 0, 0, 0, 0, 0]));
    let outcome = reassembler.push(NOW, &v6(IpProtocol::ROUTING, 8, false, b"x"));
    assert!(matches!(outcome, FragmentOutcome::Dropped(FragmentError::Malformed(_))));
    reassembler.push(NOW, &v6(IpProtocol::FRAGMENT, 0, true, &[17, 0, 0, 1, 0, 0, 0, 9]));
    let outcome = reassembler.push(NOW, &v6(IpProtocol::FRAGMENT, 8, false, b"x"));
    assert_eq!(outcome, dropped(FragmentError::Nested));
    // Hop-by-hop options have no place there: they stay what the payload is (RFC 8200 §4).
    reassembler.push(NOW, &v6(IpProtocol::HOP_BY_HOP, 0, true, &[17, 0, 1, 4, 0, 0, 0, 0]));
    let outcome = reassembler.push(NOW, &v6(IpProtocol::HOP_BY_HOP, 8, false, b"x"));
    assert!(matches!(
        outcome,
        FragmentOutcome::Complete(Reassembled { protocol: IpProtocol::HOP_BY_HOP, .. })
    ));
}

#[test]
fn overlapping_fragments_drop_the_datagram_and_what_still_comes() {
    // RFC 5722: all fragments, also those not yet received.
    for (offset, octets) in
        [(0, &b"0123456789abcdef"[..]), (8, b"########"), (0, b"########"), (8, b"89abcdef01234567")]
    {
        let mut reassembler = reassembler();
        reassembler.push(NOW, &v4(1, 0, true, b"01234567"));
        reassembler.push(NOW, &v4(1, 8, true, b"89abcdef"));
        let (start, end) = (offset, offset + octets.len() as u32);
        let error = FragmentError::Overlap { start, end };
        assert_eq!(reassembler.push(NOW, &v4(1, offset, true, octets)), dropped(error));
        assert_eq!(reassembler.push(NOW, &v4(1, 16, false, b"x")), dropped(FragmentError::AlreadyDropped));
        assert_eq!((reassembler.len(), reassembler.stats().dropped), (1, 2));
        // Forgotten with time, and not counted as having waited.
        assert_eq!(reassembler.expire(NOW + Duration::from_secs(30)), 0);
        assert_eq!((reassembler.len(), reassembler.memory()), (0, 0));
    }
}

#[test]
fn an_exact_duplicate_does_no_harm() {
    // RFC 8200 §4.5.
    let mut reassembler = reassembler();
    let (first, last) = (v4(1, 0, true, b"01234567"), v4(1, 16, false, b"x"));
    for packet in [&first, &first, &last, &last, &first] {
        assert_eq!(reassembler.push(NOW, packet), FragmentOutcome::Waiting);
    }
    let memory = reassembler.memory();
    reassembler.push(NOW, &first);
    assert_eq!(reassembler.memory(), memory);
    assert_eq!(payload(reassembler.push(NOW, &v4(1, 8, true, b"89abcdef"))), "0123456789abcdefx");
}

#[test]
fn a_datagram_has_one_end() {
    let cases = [
        // A fragment behind the last one, another last one, a last one before others.
        (
            [v4(1, 8, false, b"89abcdef"), v4(1, 16, true, b"01234567")],
            FragmentError::TwoEnds { total: 16, other: 24 },
        ),
        (
            [v4(1, 8, false, b"89abcdef"), v4(1, 0, false, b"01234567")],
            FragmentError::TwoEnds { total: 16, other: 8 },
        ),
        (
            [v4(1, 16, true, b"89abcdef"), v4(1, 0, false, b"01234567")],
            FragmentError::TwoEnds { total: 8, other: 16 },
        ),
        (
            [v4(1, 8, true, b"89abcdef"), v4(1, 8, false, b"89abcdef")],
            FragmentError::Overlap { start: 8, end: 16 },
        ),
    ];
    for ([one, two], error) in cases {
        let mut reassembler = reassembler();
        assert_eq!(reassembler.push(NOW, &one), FragmentOutcome::Waiting);
        assert_eq!(reassembler.push(NOW, &two), dropped(error));
        assert_eq!(reassembler.push(NOW, &one), dropped(FragmentError::AlreadyDropped));
    }
}

#[test]
fn what_cannot_be_a_fragment_is_refused_without_a_trace() {
    let mut reassembler = reassembler();
    let cut = IpPacket { payload_len: 16, ..v4(1, 0, true, b"01234567") };
    let whole = IpPacket { fragment: None, ..v4(1, 0, true, b"01234567") };
    let cases = [
        (whole, FragmentError::NotAFragment),
        (cut, FragmentError::NotCaptured { captured: 8, len: 16 }),
        (v4(1, 8, false, b""), FragmentError::Empty),
        (v4(1, 0, true, b"0123456"), FragmentError::NotMultipleOf8 { len: 7 }),
        (v4(1, 65_528, false, b"01234567"), FragmentError::TooLong { end: 65_536, max: 65_535 }),
    ];
    for (packet, error) in cases {
        assert_eq!(reassembler.push(NOW, &packet), dropped(error));
        assert!(reassembler.is_empty());
    }
}

#[test]
fn the_longest_datagram_is_put_together() {
    let mut reassembler = reassembler();
    let octets = vec![7; 65_535];
    let (first, last) = octets.split_at(65_528);
    reassembler.push(NOW, &v4(1, 65_528, false, last));
    assert_eq!(payload(reassembler.push(NOW, &v4(1, 0, true, first))).len(), 65_535);
}

#[test]
fn a_datagram_that_waits_too_long_is_dropped_and_counted() {
    let mut reassembler = reassembler();
    reassembler.push(NOW, &v4(1, 0, true, b"01234567"));
    let deadline = NOW + Duration::from_secs(30);
    assert_eq!(reassembler.poll_timeout(), Some(deadline));
    // Later fragments do not give it more time.
    let before = Instant::from_nanos(deadline.as_nanos() - 1);
    assert_eq!(reassembler.push(before, &v4(1, 8, true, b"01234567")), FragmentOutcome::Waiting);
    assert_eq!(reassembler.push(deadline, &v4(1, 16, false, b"x")), FragmentOutcome::Waiting);
    assert_eq!((reassembler.stats().timed_out, reassembler.len()), (1, 1));
    assert_eq!(reassembler.poll_timeout(), Some(deadline + Duration::from_secs(30)));
}

#[test]
fn a_clock_that_steps_back_does_no_harm() {
    let mut reassembler = reassembler();
    reassembler.push(NOW, &v4(1, 0, true, b"01234567"));
    assert_eq!(payload(reassembler.push(Instant::ZERO, &v4(1, 8, false, b"x"))), "01234567x");
}

#[test]
fn the_oldest_datagram_makes_room() {
    let limits =
        FragmentLimits { memory: 3 * (DATAGRAM_COST + PIECE_COST + 100), ..FragmentLimits::default() };
    let mut reassembler = Reassembler::new(limits);
    for id in 0..4 {
        assert_eq!(reassembler.push(NOW, &v4(id, 0, true, &[0; 96])), FragmentOutcome::Waiting);
        assert!(reassembler.memory() <= limits.memory);
    }
    assert_eq!((reassembler.len(), reassembler.stats().evicted), (3, 1));
    assert_eq!(payload(reassembler.push(NOW, &v4(1, 96, false, b"x"))).len(), 97);
    assert_eq!(reassembler.push(NOW, &v4(0, 96, false, b"x")), FragmentOutcome::Waiting);
}

#[test]
fn a_datagram_larger_than_the_memory_is_refused() {
    let limits = FragmentLimits { memory: 1000, ..FragmentLimits::default() };
    let mut reassembler = Reassembler::new(limits);
    assert_eq!(
        reassembler.push(NOW, &v4(1, 0, true, &[0; 1000])),
        dropped(FragmentError::OutOfMemory { max: 1000 })
    );
    assert!(reassembler.memory() <= 1000);
    let mut none = Reassembler::new(FragmentLimits { memory: 0, ..limits });
    assert_eq!(none.push(NOW, &v4(1, 0, true, &[0; 8])), dropped(FragmentError::OutOfMemory { max: 0 }));
    assert!(none.is_empty());
}

#[test]
fn too_many_fragments_drop_the_datagram() {
    let mut reassembler = reassembler();
    for n in 0..128 {
        assert_eq!(reassembler.push(NOW, &v4(1, 8 * n, true, &[0; 8])), FragmentOutcome::Waiting);
    }
    let error = FragmentError::TooManyFragments { max: 128 };
    assert_eq!(reassembler.push(NOW, &v4(1, 8 * 128, true, &[0; 8])), dropped(error));
}

// RFC 3168-24
#[test]
fn congestion_met_by_any_fragment_is_kept() {
    // RFC 3168 §5.3.
    let outcome = |first: u8, last: u8| {
        let mut reassembler = reassembler();
        reassembler.push(NOW, &IpPacket { traffic_class: 0x20 | first, ..v4(1, 0, true, b"01234567") });
        match reassembler.push(NOW, &IpPacket { traffic_class: last, ..v4(1, 8, false, b"x") }) {
            FragmentOutcome::Complete(whole) => Ok(whole.traffic_class),
            FragmentOutcome::Dropped(error) => Err(error),
            FragmentOutcome::Waiting => panic!("nothing is missing"),
        }
    };
    assert_eq!(outcome(2, 3), Ok(0x23));
    assert_eq!(outcome(3, 1), Ok(0x23));
    assert_eq!(outcome(2, 1), Ok(0x22));
    assert_eq!(outcome(0, 3), Err(FragmentError::EcnMismatch));
}

fn from(source: u8, id: u32, payload: &[u8]) -> IpPacket<'_> {
    IpPacket { src: IpAddr::V4(Ipv4Addr::new(10, 0, 0, source)), ..v4(id, 0, true, payload) }
}

#[test]
fn one_source_pushes_out_its_own_datagrams_only() {
    let cost = DATAGRAM_COST + PIECE_COST + 96;
    let limits = FragmentLimits { memory: 100 * cost, per_source: 4 * cost, ..FragmentLimits::default() };
    let mut reassembler = Reassembler::new(limits);
    reassembler.push(NOW, &from(9, 0, &[0; 96]));
    for id in 0..1000 {
        assert_eq!(reassembler.push(NOW, &from(1, id, &[0; 96])), FragmentOutcome::Waiting);
    }
    assert_eq!((reassembler.len(), reassembler.stats().evicted), (5, 996));
    let last =
        IpPacket { fragment: Some(FragmentInfo { id: 0, offset: 96, more: false }), ..from(9, 0, b"x") };
    assert_eq!(payload(reassembler.push(NOW, &last)).len(), 97);
}

#[test]
fn a_network_of_64_bits_counts_as_one_source_in_ipv6() {
    let cost = DATAGRAM_COST + PIECE_COST + 96;
    let limits = FragmentLimits { per_source: 4 * cost, ..FragmentLimits::default() };
    let mut reassembler = Reassembler::new(limits);
    for host in 0..100 {
        let src = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, host));
        reassembler.push(NOW, &IpPacket { src, ..v6(IpProtocol::UDP, 0, true, &[0; 96]) });
    }
    assert_eq!(reassembler.len(), 4);
}

#[test]
fn the_greediest_source_makes_room_before_older_ones() {
    let cost = DATAGRAM_COST + PIECE_COST + 96;
    let limits = FragmentLimits { memory: 6 * cost, per_source: 4 * cost, ..FragmentLimits::default() };
    let mut reassembler = Reassembler::new(limits);
    for (source, id) in [(1, 0), (2, 0), (2, 1), (2, 2), (2, 3), (3, 0), (4, 0)] {
        reassembler.push(NOW, &from(source, id, &[0; 96]));
    }
    let left: std::vec::Vec<_> =
        (1..=4).map(|source| reassembler.held.share(from(source, 0, &[]).src) / cost).collect();
    assert_eq!(left, [1, 3, 1, 1]);
    // Where nobody has more than half of what a source may have, age decides.
    for source in 5..9 {
        reassembler.push(NOW, &from(source, 0, &[0; 96]));
    }
    let left: std::vec::Vec<_> =
        (1..=8).map(|source| reassembler.held.share(from(source, 0, &[]).src) / cost).collect();
    assert_eq!(left, [0, 0, 1, 1, 1, 1, 1, 1]);
}

#[test]
fn there_are_never_more_datagrams_than_allowed() {
    let limits = FragmentLimits { datagrams: 3, ..FragmentLimits::default() };
    let mut reassembler = Reassembler::new(limits);
    for id in 0..10 {
        assert_eq!(reassembler.push(NOW, &v4(id, 0, true, &[0; 96])), FragmentOutcome::Waiting);
        assert!(reassembler.len() <= 3);
    }
    assert_eq!(reassembler.stats().evicted, 7);
}

#[test]
fn who_waited_in_vain_is_handed_over_if_the_first_fragment_had_come() {
    let mut reassembler = reassembler();
    reassembler.push_with_header(NOW, &v4(1, 0, true, b"01234567"), b"header");
    reassembler.push_with_header(NOW, &v4(2, 8, true, b"01234567"), b"header");
    reassembler.push(NOW, &v4(3, 0, true, b"01234567"));
    // Overlap: dropped, and not to be spoken of.
    reassembler.push_with_header(NOW, &v4(4, 0, true, b"01234567"), b"header");
    reassembler.push_with_header(NOW, &v4(4, 0, true, b"abcdefgh"), b"header");
    let mut expired = std::vec::Vec::new();
    assert_eq!(reassembler.expire_each(NOW + Duration::from_secs(30), |datagram| expired.push(datagram)), 3);
    let expected = Expired { header: (*b"header").into(), payload: (*b"01234567").into() };
    assert_eq!(expired, [expected]);
    assert!(reassembler.is_empty() && reassembler.memory() == 0);
}

proptest! {
    #[test]
    fn any_cut_in_any_order_with_duplicates_makes_the_same_octets(
        octets in proptest::collection::vec(any::<u8>(), 9..600),
        cuts in proptest::collection::btree_set(1_usize..75, 1..20),
        seed: u64,
    ) {
        let inside = cuts.iter().map(|cut| cut * 8).filter(|&at| 8 < at && at < octets.len());
        let mut edges: std::vec::Vec<usize> = [0, 8].into_iter().chain(inside).collect();
        edges.push(octets.len());
        let mut parts: std::vec::Vec<_> = edges.windows(2).map(|edge| (edge[0], edge[1])).collect();
        let duplicate = parts[seed as usize % parts.len()];
        let mut mixed = seed;
        for at in (1..parts.len()).rev() {
            mixed = mixed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            parts.swap(at, (mixed >> 33) as usize % (at + 1));
        }
        let mut reassembler = reassembler();
        reassembler.push(NOW, &v4(1, duplicate.0 as u32, duplicate.1 < octets.len(), &octets[duplicate.0..duplicate.1]));
        let mut whole = None;
        for (start, end) in parts {
            match reassembler.push(NOW, &v4(1, start as u32, end < octets.len(), &octets[start..end])) {
                FragmentOutcome::Complete(done) => prop_assert!(whole.replace(done).is_none()),
                FragmentOutcome::Waiting => {}
                FragmentOutcome::Dropped(error) => prop_assert!(false, "{}", error),
            }
            if whole.is_some() {
                break;
            }
        }
        prop_assert_eq!(&whole.unwrap().payload[..], &octets[..]);
    }

    #[test]
    fn any_fragments_keep_to_the_memory_and_the_books(
        steps in proptest::collection::vec((0_u32..6, 0_u32..40, 0_usize..50, any::<bool>(), 0_u64..9, any::<bool>()), 0..200),
        memory in 0_usize..6000,
        per_source in 0_usize..6000,
        datagrams in 0_usize..8,
    ) {
        let limits = FragmentLimits { memory, per_source, datagrams, fragments_per_datagram: 5, ..FragmentLimits::default() };
        let mut reassembler = Reassembler::new(limits);
        let mut now = NOW;
        for (id, offset, len, more, seconds, six) in steps {
            now = now + Duration::from_secs(seconds);
            let octets = vec![id as u8; if more { len * 8 } else { len }];
            let packet = if six { v6(IpProtocol(id as u8), offset * 8, more, &octets) } else { v4(id, offset * 8, more, &octets) };
            let packet = if six { packet } else { IpPacket { src: from(id as u8 % 3, id, &[]).src, ..packet } };
            let _ = reassembler.push_with_header(now, &packet, &octets);
            prop_assert!(reassembler.memory() <= memory);
            prop_assert!(reassembler.held.is_consistent());
            prop_assert!(reassembler.len() <= datagrams);
        }
        reassembler.expire(now + limits.timeout);
        prop_assert!(reassembler.is_empty() && reassembler.memory() == 0);
    }
}
