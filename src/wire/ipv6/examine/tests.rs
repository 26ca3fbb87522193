use super::*;
use core::net::Ipv6Addr;
use proptest::prelude::*;
use std::vec;
use std::vec::Vec;

const SRC: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
const DST: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2);
const GROUP: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);

fn packet(dst: Ipv6Addr, next: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![0; 40];
    let header =
        Ipv6Header { payload_len: payload.len() as u16, ..Ipv6Header::new(SRC, dst, IpProtocol(next)) };
    header.emit(&mut out).unwrap();
    out.extend(payload);
    out
}

fn examine(next: u8, payload: &[u8]) -> Examined {
    Examined::of(&packet(DST, next, payload)).unwrap()
}

fn duty(next: u8, payload: &[u8]) -> Duty {
    examine(next, payload).duty
}

fn wrong(code: u8, pointer: u32) -> Duty {
    problem(ParameterCode(code), pointer)
}

#[test]
fn an_unknown_option_acts_as_its_two_highest_bits_say() {
    // RFC 8200 §4.2, in hop-by-hop options (0) and in destination options (60).
    for next in [0, 60] {
        let options = |option: u8| [6, 0, 1, 0, option, 2, 9, 9];
        assert_eq!(duty(next, &options(0x1e)), Duty::Accept);
        assert_eq!(duty(next, &options(0x5e)), Duty::Discard);
        assert_eq!(duty(next, &options(0x9e)), wrong(2, 44));
        assert_eq!(duty(next, &options(0xde)), wrong(2, 44));
        let to_group = |option| Examined::of(&packet(GROUP, next, &options(option))).unwrap().duty;
        assert_eq!(to_group(0x9e), wrong(2, 44));
        assert_eq!(to_group(0xde), Duty::Discard, "not about a packet to a group");
    }
}

#[test]
fn the_first_option_that_is_not_to_be_skipped_decides() {
    let options = [6, 1, 0x1e, 0, 0, 1, 0, 0x40, 0, 0x9e, 0, 0, 0, 0, 0, 0];
    assert_eq!(duty(60, &options), Duty::Discard);
    let options = [6, 1, 0x1e, 0, 0, 1, 0, 0x80, 0, 0x5e, 0, 0, 0, 0, 0, 0];
    assert_eq!(duty(60, &options), wrong(2, 47));
}

#[test]
fn an_option_that_is_longer_than_its_header_is_a_problem() {
    // RFC 4443 §3.4: a field that cannot be.
    assert_eq!(duty(60, &[6, 0, 1, 5, 0, 0, 0, 0]), wrong(0, 43));
    assert_eq!(duty(60, &[6, 0, 1, 3, 0, 0, 0, 1]), wrong(0, 47));
}

#[test]
fn jumbo_payload_is_known_in_front_only() {
    // RFC 2675 §2: a hop-by-hop option.
    let mut jumbo = packet(DST, 0, &[6, 0, 0xc2, 4, 0, 1, 0, 0]);
    jumbo[4..6].fill(0);
    assert_eq!(Examined::of(&jumbo).unwrap().duty, Duty::Accept);
    assert_eq!(duty(60, &[6, 0, 0xc2, 4, 0, 1, 0, 0]), wrong(2, 42));
}

#[test]
fn a_routing_header_with_stops_left_is_a_problem_of_its_type() {
    // RFC 8200 §4.4; type 0 by RFC 5095 §3.
    for kind in [0, 2, 3, 4, 200] {
        assert_eq!(duty(43, &[6, 0, kind, 1, 0, 0, 0, 0]), wrong(0, 42));
        assert_eq!(duty(43, &[6, 0, kind, 0, 0, 0, 0, 0]), Duty::Accept);
    }
    let behind = [[43, 0, 1, 4, 0, 0, 0, 0], [6, 0, 0, 255, 0, 0, 0, 0]].concat();
    assert_eq!(duty(60, &behind), wrong(0, 50));
}

#[test]
fn a_header_that_is_not_implemented_is_not_passed_over() {
    // RFC 8200 §4: code 1, pointing to the number in the header before it.
    for kind in [51, 135, 139, 140] {
        let seen = examine(kind, &[6, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!((seen.duty, seen.protocol), (wrong(1, 6), IpProtocol(kind)));
        let behind = [[kind, 0, 1, 4, 0, 0, 0, 0], [6, 0, 0, 0, 0, 0, 0, 0], [0; 8]].concat();
        assert_eq!(duty(60, &behind), wrong(1, 40));
    }
}

#[test]
fn hop_by_hop_options_have_their_place_in_front() {
    let behind = [[0, 0, 1, 4, 0, 0, 0, 0], [6, 0, 1, 4, 0, 0, 0, 0]].concat();
    assert_eq!(duty(60, &behind), wrong(1, 40));
    assert_eq!(duty(0, &behind), wrong(1, 40), "and only once");
}

#[test]
fn an_upper_layer_not_known_is_for_the_host_to_judge() {
    let seen = examine(60, &[200, 0, 1, 4, 0, 0, 0, 0]);
    assert_eq!((seen.duty, seen.protocol.0, seen.next_header_at, seen.upper_at), (Duty::Accept, 200, 40, 48));
    let seen = examine(59, &[]);
    assert_eq!((seen.duty, seen.protocol, seen.upper_at), (Duty::Accept, IpProtocol::NO_NEXT_HEADER, 40));
}

#[test]
fn headers_that_end_in_the_air_or_never_are_dropped_silently() {
    assert_eq!(duty(60, &[6]), Duty::Discard);
    assert_eq!(duty(60, &[6, 1, 1, 4, 0, 0, 0, 0]), Duty::Discard);
    let endless = [60, 0, 1, 4, 0, 0, 0, 0].repeat(17);
    assert_eq!(duty(60, &endless), Duty::Discard);
}

#[test]
fn a_first_fragment_has_all_headers_and_they_are_looked_at() {
    // RFC 7112 §5.
    let fragment = |next: u8, more: u8, rest: &[u8]| [&[next, 0, 0, more, 0, 0, 0, 1][..], rest].concat();
    let mut tcp = [0; 24];
    tcp[12] = 0x60;
    assert_eq!(duty(44, &fragment(6, 1, &tcp)), Duty::Accept);
    assert_eq!(duty(44, &fragment(6, 1, &tcp[..16])), wrong(3, 0));
    assert_eq!(duty(44, &fragment(6, 1, &tcp[..20])), wrong(3, 0), "an option is missing");
    assert_eq!(duty(44, &fragment(17, 1, &[0; 8])), Duty::Accept);
    assert_eq!(duty(44, &fragment(17, 1, &[])), wrong(3, 0));
    assert_eq!(duty(44, &fragment(60, 1, &[17, 1, 1, 12, 0, 0, 0, 0])), wrong(3, 0));
    assert_eq!(
        duty(44, &fragment(44, 1, &[17, 0, 0, 1, 0, 0, 0, 2])),
        wrong(3, 0),
        "a fragment in a fragment"
    );
    let nested = [17, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 8, 0, 0];
    assert_eq!(duty(44, &fragment(44, 1, &nested)), wrong(3, 0), "even if a header follows");
    // Options in the fragmented part count as well.
    assert_eq!(
        duty(44, &fragment(60, 1, &[17, 0, 0x5e, 4, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1])),
        Duty::Discard
    );
    assert_eq!(
        duty(44, &fragment(60, 1, &[17, 0, 0x9e, 4, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1])),
        wrong(2, 50)
    );
    let seen = examine(44, &fragment(60, 1, &[17, 0, 1, 4, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1]));
    assert_eq!((seen.protocol, seen.upper_at, seen.fragment_at), (IpProtocol::UDP, 56, Some(40)));
}

#[test]
fn of_later_fragments_only_what_stands_in_front_is_looked_at() {
    let later = [60, 0, 0, 9, 0, 0, 0, 1, 17, 0, 0x9e, 4, 0, 0, 0, 0];
    let seen = examine(44, &later);
    assert_eq!((seen.duty, seen.fragment_at), (Duty::Accept, Some(40)));
    let in_front = [[44, 0, 0x5e, 4, 0, 0, 0, 0], [60, 0, 0, 9, 0, 0, 0, 1], [0; 8]].concat();
    assert_eq!(duty(60, &in_front), Duty::Discard);
}

#[test]
fn an_atomic_fragment_is_a_whole_packet() {
    // RFC 6946: it need not have its headers in a "first" fragment, for there is no other.
    let seen = examine(44, &[6, 0, 0, 0, 0, 0, 0, 1, 1, 2, 3]);
    assert_eq!((seen.duty, seen.fragment_at, seen.upper_at), (Duty::Accept, None, 48));
}

proptest! {
    #[test]
    fn any_octets_are_examined_and_what_is_pointed_to_lies_in_them(
        next in prop::sample::select(vec![0_u8, 6, 17, 43, 44, 51, 58, 59, 60, 135]),
        group: bool,
        headers in prop::collection::vec((prop::sample::select(vec![0_u8, 6, 17, 43, 44, 51, 60, 60, 60]), 0_u8..3, prop::array::uniform6(any::<u8>())), 0..20),
        rest in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let mut payload = Vec::new();
        for (next, words, octets) in headers {
            payload.extend([next, words]);
            payload.extend(octets);
        }
        payload.extend(rest);
        let octets = packet(if group { GROUP } else { DST }, next, &payload);
        let seen = Examined::of(&octets).unwrap();
        prop_assert!((seen.next_header_at as usize) < octets.len());
        prop_assert!((seen.upper_at as usize) <= octets.len());
        if let Duty::Problem(problem) = seen.duty {
            prop_assert!((problem.pointer as usize) < octets.len());
        }
        if seen.duty == Duty::Accept && seen.fragment_at.is_none() {
            // What is accepted is what the walk of those who look on finds.
            let seen_by_all = crate::wire::IpPacket::parse(&octets, octets.len()).unwrap();
            prop_assert_eq!(seen.protocol, seen_by_all.protocol);
            prop_assert_eq!(octets.len() - seen.upper_at as usize, seen_by_all.payload_len);
        }
    }
}
