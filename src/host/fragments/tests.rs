use super::*;
use crate::wire::fragment::Pieces;
use crate::wire::{Ipv4Repr, Ipv6Header};
use core::net::{Ipv4Addr, Ipv6Addr};
use proptest::prelude::*;
use std::vec;

const NOW: Instant = Instant::from_nanos(1_000_000_000);

fn v4(source: u8, protocol: IpProtocol, offset: u16, more: bool, payload: &[u8]) -> Vec<u8> {
    let repr = Ipv4Repr {
        id: 7,
        dont_fragment: false,
        more_fragments: more,
        fragment_offset: offset,
        payload_len: payload.len(),
        ..Ipv4Repr::new(Ipv4Addr::new(10, 0, 0, source), Ipv4Addr::new(10, 0, 0, 100), protocol)
    };
    let mut out = vec![0; 20];
    repr.emit(&mut out).unwrap();
    out.extend(payload);
    out
}

/// A fragment whose fragment header names `next`.
fn v6(next: u8, offset: u16, more: bool, payload: &[u8]) -> Vec<u8> {
    let [high, low] = (offset | u16::from(more)).to_be_bytes();
    v6_packet(44, &[&[next, 0, high, low, 0, 0, 0, 9][..], payload].concat())
}

fn v6_packet(next: u8, payload: &[u8]) -> Vec<u8> {
    let header = Ipv6Header {
        payload_len: payload.len() as u16,
        ..Ipv6Header::new(Ipv6Addr::LOCALHOST, Ipv6Addr::UNSPECIFIED, IpProtocol(next))
    };
    let mut out = vec![0; 40];
    header.emit(&mut out).unwrap();
    out.extend(payload);
    out
}

fn take(fragments: &mut Fragments, now: Instant, bytes: &[u8]) -> Taken {
    let packet = IpPacket::parse(bytes, bytes.len()).unwrap();
    fragments.take(now, bytes, &packet)
}

fn one(bytes: &[u8]) -> Taken {
    take(&mut Fragments::new(default_limits()), NOW, bytes)
}

fn dropped(reason: FragmentDrop) -> Taken {
    Taken::Dropped(reason, None)
}

fn problem(reason: FragmentDrop, code: u8, pointer: u32) -> Taken {
    Taken::Dropped(reason, Some(Problem { code: ParameterCode(code), pointer }))
}

const UDP: u8 = 17;

#[test]
fn datagrams_of_both_versions_are_put_together() {
    let mut fragments = Fragments::new(default_limits());
    assert_eq!(take(&mut fragments, NOW, &v4(1, IpProtocol::UDP, 0, true, &[1; 16])), Taken::Waiting);
    assert_eq!(take(&mut fragments, NOW, &v6(UDP, 0, true, &[2; 16])), Taken::Waiting);
    for (last, octets) in
        [(v4(1, IpProtocol::UDP, 16, false, &[1; 3]), [1; 19]), (v6(UDP, 16, false, &[2; 3]), [2; 19])]
    {
        let Taken::Whole(whole) = take(&mut fragments, NOW, &last) else { panic!() };
        assert_eq!((whole.protocol, &whole.payload[..]), (IpProtocol::UDP, &octets[..]));
    }
    let counts = fragments.counts();
    assert_eq!((counts.received, counts.completed, fragments.memory()), (4, 2, 0));
}

#[test]
fn overlapping_fragments_drop_the_datagram_in_both_versions() {
    // RFC 5722.
    let cases = [
        [v4(1, IpProtocol::UDP, 0, true, &[1; 16]), v4(1, IpProtocol::UDP, 8, false, &[1; 16])],
        [v6(UDP, 0, true, &[1; 16]), v6(UDP, 8, false, &[1; 16])],
    ];
    for [first, second] in cases {
        let mut fragments = Fragments::new(default_limits());
        assert_eq!(take(&mut fragments, NOW, &first), Taken::Waiting);
        assert_eq!(take(&mut fragments, NOW, &second), dropped(FragmentDrop::Overlap));
        assert_eq!(take(&mut fragments, NOW, &first), dropped(FragmentDrop::AlreadyDropped));
        assert_eq!(fragments.counts().dropped(FragmentDrop::Overlap), 1);
        // Nobody is told: the datagram was not late.
        fragments.handle_timeout(NOW + Duration::from_secs(60));
        assert_eq!((fragments.poll_expired(), fragments.memory()), (None, 0));
    }
}

#[test]
fn an_atomic_fragment_is_no_fragment_and_meets_no_others() {
    // RFC 6946 §4: beside fragments of the same identification.
    let mut fragments = Fragments::new(default_limits());
    take(&mut fragments, NOW, &v6(UDP, 0, true, &[1; 16]));
    let atomic = v6(UDP, 0, false, &[9; 16]);
    assert_eq!(IpPacket::parse(&atomic, atomic.len()).unwrap().fragment, None);
    let last = take(&mut fragments, NOW, &v6(UDP, 16, false, &[1; 3]));
    assert!(matches!(last, Taken::Whole(whole) if whole.payload[..] == [1; 19]));
}

#[test]
fn a_first_fragment_of_ipv6_has_the_whole_header_chain() {
    // RFC 7112 §5: dropped, and the sender may be told with code 3.
    let short = problem(FragmentDrop::Headers, 3, 0);
    assert_eq!(one(&v6(6, 0, true, &[0; 16])), short);
    assert_eq!(one(&v6(60, 0, true, &[UDP, 1, 1, 12, 0, 0, 0, 0])), short);
    assert_eq!(one(&v6(60, 0, true, &[UDP, 0, 1, 4, 0, 0, 0, 0])), short, "and the transport's header");
    assert_eq!(one(&v6(60, 8, true, &[UDP, 0, 1, 4, 0, 0, 0, 0])), Taken::Waiting);
}

#[test]
fn options_in_a_fragment_act_as_their_type_says() {
    // RFC 8200 §4.2, before the fragment header and in the fragmented part.
    let in_front = |option| {
        v6_packet(0, &[&[44, 0, option, 4, 0, 0, 0, 0][..], &[UDP, 0, 0, 1, 0, 0, 0, 9], &[1; 16]].concat())
    };
    assert_eq!(one(&in_front(0x1e)), Taken::Waiting);
    assert_eq!(one(&in_front(0x5e)), dropped(FragmentDrop::Extension));
    assert_eq!(one(&in_front(0x9e)), problem(FragmentDrop::Extension, 2, 42));
    let inside = |option| v6(60, 0, true, &[UDP, 0, option, 4, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1]);
    assert_eq!(one(&inside(0x1e)), Taken::Waiting);
    assert_eq!(one(&inside(0x5e)), dropped(FragmentDrop::Extension));
    assert_eq!(one(&inside(0x9e)), problem(FragmentDrop::Extension, 2, 50));
}

#[test]
fn lengths_that_cannot_be_are_told_to_the_sender_in_ipv6() {
    // RFC 8200 §4.5: pointing to the payload length, and to the fragment offset.
    assert_eq!(one(&v6(UDP, 0, true, &[1; 17])), problem(FragmentDrop::Malformed, 0, 4));
    assert_eq!(one(&v6(UDP, 65_528, true, &[1; 16])), problem(FragmentDrop::Malformed, 0, 42));
    assert_eq!(one(&v4(1, IpProtocol::UDP, 0, true, &[1; 17])), dropped(FragmentDrop::Malformed));
}

#[test]
fn a_transport_header_spread_over_fragments_is_dropped_in_ipv4() {
    // RFC 1858 §3.1 and §4, RFC 3128.
    let tcp = IpProtocol::TCP;
    assert_eq!(one(&v4(1, tcp, 0, true, &[0; 16])), dropped(FragmentDrop::Headers));
    assert_eq!(one(&v4(1, tcp, 8, true, &[0; 16])), dropped(FragmentDrop::Headers));
    assert_eq!(one(&v4(1, tcp, 16, false, &[0; 16])), dropped(FragmentDrop::Headers));
    assert_eq!(one(&v4(1, tcp, 0, true, &[0; 24])), Taken::Waiting);
    assert_eq!(one(&v4(1, tcp, 24, false, &[0; 3])), Taken::Waiting);
    assert_eq!(one(&v4(1, IpProtocol::UDP, 0, true, &[0; 8])), Taken::Waiting);
}

#[test]
fn a_datagram_that_waits_in_vain_is_quoted_if_its_first_fragment_came() {
    // RFC 792, RFC 4443 §3.3: time exceeded, code 1.
    let first = v4(1, IpProtocol::UDP, 0, true, &[7; 1400]);
    let six = v6(UDP, 0, true, &[1; 16]);
    let mut fragments = Fragments::new(default_limits());
    take(&mut fragments, NOW, &first);
    take(&mut fragments, NOW, &six);
    take(&mut fragments, NOW, &v4(2, IpProtocol::UDP, 8, true, &[7; 16]));
    let late = NOW + Duration::from_secs(60);
    assert_eq!(fragments.poll_timeout(), Some(late));
    fragments.handle_timeout(Instant::from_nanos(late.as_nanos() - 1));
    assert_eq!(fragments.poll_expired(), None);
    fragments.handle_timeout(late);
    assert_eq!(fragments.poll_expired(), Some(first[..1280].to_vec()));
    assert_eq!((fragments.poll_expired(), fragments.poll_expired()), (Some(six), None));
    assert_eq!((fragments.counts().timed_out, fragments.memory()), (3, 0));
}

#[test]
fn headers_that_are_too_long_to_be_kept_are_not_quoted() {
    // They stand before the fragment header, where no limit on fragments counts them.
    let quoted = |words: u8| {
        let mut options = vec![44, words, 1, 4, 0, 0, 0, 0];
        options.resize((usize::from(words) + 1) * 8, 0);
        let first = v6_packet(60, &[&options[..], &[UDP, 0, 0, 1, 0, 0, 0, 9], &[1; 16]].concat());
        let mut fragments = Fragments::new(default_limits());
        assert_eq!(take(&mut fragments, NOW, &first), Taken::Waiting);
        let memory = fragments.memory();
        fragments.handle_timeout(NOW + Duration::from_secs(60));
        (fragments.poll_expired().is_some(), memory)
    };
    let (short, long) = (quoted(0), quoted(200));
    assert_eq!((short.0, long.0), (true, false));
    assert!(long.1 < short.1);
}

#[test]
fn a_flood_from_one_source_leaves_what_others_have_begun() {
    let mut fragments = Fragments::new(default_limits());
    assert_eq!(take(&mut fragments, NOW, &v4(9, IpProtocol::UDP, 0, true, &[1; 800])), Taken::Waiting);
    for id in 0..20_000_u32 {
        let mut packet = v4(1, IpProtocol::UDP, 0, true, &[0; 800]);
        packet[4..6].copy_from_slice(&(id as u16).to_be_bytes());
        take(&mut fragments, NOW, &packet);
        assert!(fragments.memory() <= 1 << 20);
    }
    assert!(matches!(
        take(&mut fragments, NOW, &v4(9, IpProtocol::UDP, 800, false, &[1; 8])),
        Taken::Whole(_)
    ));
}

proptest! {
    #[test]
    fn what_we_cut_up_a_host_puts_together(
        octets in prop::collection::vec(any::<u8>(), 60..4000),
        mtu in 1280_usize..1500,
        six: bool,
        order: u64,
    ) {
        let packet = if six {
            v6_packet(UDP, &octets)
        } else {
            v4(1, IpProtocol::UDP, 0, false, &octets)
        };
        let mut pieces = Pieces::of(&packet, mtu, 77).unwrap();
        let (mut out, mut all) = (vec![0; mtu], Vec::new());
        while let Some(len) = pieces.emit_next(&mut out).unwrap() {
            all.push(out[..len].to_vec());
        }
        let turn = order as usize % all.len();
        all.rotate_left(turn);
        let mut fragments = Fragments::new(default_limits());
        let mut whole = None;
        for piece in &all {
            let parsed = IpPacket::parse(piece, piece.len()).unwrap();
            if parsed.fragment.is_none() {
                prop_assert_eq!((all.len(), parsed.payload), (1, &octets[..]));
                return Ok(());
            }
            match fragments.take(NOW, piece, &parsed) {
                Taken::Whole(done) => whole = Some(done),
                other => prop_assert_eq!(other, Taken::Waiting),
            }
        }
        prop_assert_eq!(whole.unwrap().payload, octets);
    }

    #[test]
    fn any_fragments_keep_to_the_limits_and_are_all_counted(
        packets in prop::collection::vec((any::<bool>(), any::<u8>(), 0_u16..40, any::<bool>(), 0_usize..60, 0_u64..40), 0..200),
    ) {
        let limits = FragmentLimits { memory: 6000, per_source: 4000, datagrams: 5, ..default_limits() };
        let mut fragments = Fragments::new(limits);
        let (mut now, mut counted) = (NOW, 0);
        for &(six, kind, offset, more, len, seconds) in &packets {
            now = now + Duration::from_secs(seconds);
            let octets = vec![kind; len];
            let bytes = if six {
                v6([6, UDP, 60, 43, 44][kind as usize % 5], offset * 8, more, &octets)
            } else {
                v4(kind % 5, IpProtocol([6, UDP, 1][kind as usize % 3]), offset * 8, more, &octets)
            };
            if let Ok(packet) = IpPacket::parse(&bytes, bytes.len())
                && packet.fragment.is_some()
            {
                counted += 1;
                let _ = fragments.take(now, &bytes, &packet);
            }
            prop_assert!(fragments.memory() <= 6000 + EXPIRED * QUOTE);
            while fragments.poll_expired().is_some() {}
            prop_assert!(fragments.memory() <= 6000);
        }
        prop_assert_eq!(fragments.counts().received, counted);
    }
}
