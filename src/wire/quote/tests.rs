use super::*;
use crate::SeqNumber;
use crate::wire::Ipv4Repr;
use core::net::{Ipv4Addr, Ipv6Addr};
use proptest::prelude::*;
use std::vec;
use std::vec::Vec;

/// Ports 0x1001 and 80, and the four octets after them.
const UPPER: [u8; 8] = [0x10, 0x01, 0, 80, 1, 2, 3, 4];

fn v4(protocol: IpProtocol, offset: u16, options: &[u8], payload: &[u8]) -> Vec<u8> {
    let repr = Ipv4Repr {
        payload_len: 1000,
        fragment_offset: offset,
        more_fragments: offset > 0,
        options,
        ..Ipv4Repr::new(Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2), protocol)
    };
    let mut out = vec![0; 60];
    let len = repr.emit(&mut out).unwrap();
    out.truncate(len);
    out.extend(payload);
    out
}

fn v6(next: IpProtocol, payload: &[u8]) -> Vec<u8> {
    let header = Ipv6Header { payload_len: 1000, ..Ipv6Header::new(LEFT, RIGHT, next) };
    let mut out = vec![0; 40];
    header.emit(&mut out).unwrap();
    out.extend(payload);
    out
}

const LEFT: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
const RIGHT: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2);

#[test]
fn eight_octets_of_the_upper_layer_are_enough() {
    let quote = Quote::parse(&v4(IpProtocol::TCP, 0, &[1, 1, 1, 0], &UPPER)).unwrap();
    let tcp = TcpQuote { src_port: 0x1001, dst_port: 80, seq: SeqNumber::new(0x0102_0304) };
    assert_eq!((quote.upper, quote.packet_len, quote.fragment), (QuotedUpper::Tcp(tcp), 1024, None));
    let ends = ("10.0.0.1:4097".parse().unwrap(), "10.0.0.2:80".parse().unwrap());
    assert_eq!(quote.ends(), Some(ends));
    let quote = Quote::parse(&v6(IpProtocol::UDP, &UPPER)).unwrap();
    assert_eq!(quote.upper, QuotedUpper::Udp { src_port: 0x1001, dst_port: 80 });
    assert_eq!(quote.packet_len, 1040);
    let quote = Quote::parse(&v6(IpProtocol::ICMPV6, &[128, 0, 0, 0, 0, 7, 0, 9])).unwrap();
    assert_eq!((quote.upper, quote.ends()), (QuotedUpper::Echo { id: 7, seq: 9 }, None));
    let quote = Quote::parse(&v4(IpProtocol::ICMP, 0, &[], &[0, 0, 0, 0, 0, 7, 0, 9])).unwrap();
    assert_eq!(quote.upper, QuotedUpper::Icmp { kind: 0 }, "a reply of ours is no request");
    assert_eq!(Quote::parse(&v6(IpProtocol::SCTP, &UPPER)).unwrap().upper, QuotedUpper::Other);
}

#[test]
fn with_less_the_flow_is_not_known() {
    let quote = Quote::parse(&v4(IpProtocol::TCP, 0, &[], &UPPER[..7])).unwrap();
    assert_eq!((quote.upper, quote.ends()), (QuotedUpper::Missing, None));
    assert_eq!(Quote::parse(&v6(IpProtocol::TCP, &UPPER[..7])).unwrap().upper, QuotedUpper::Missing);
    assert_eq!(Quote::parse(&v4(IpProtocol::TCP, 0, &[], &UPPER)[..19]), None);
    assert_eq!(Quote::parse(&v6(IpProtocol::TCP, &UPPER)[..39]), None);
    assert_eq!((Quote::parse(&[]), Quote::parse(&[0x50; 60])), (None, None));
}

#[test]
fn a_later_piece_of_a_datagram_has_no_ports() {
    let quote = Quote::parse(&v4(IpProtocol::UDP, 8, &[], &UPPER)).unwrap();
    assert_eq!(quote.upper, QuotedUpper::Missing);
    assert_eq!(quote.fragment.map(|piece| piece.offset), Some(8));
    let later = [&[17, 0, 0, 8, 0, 0, 0, 1][..], &UPPER].concat();
    let quote = Quote::parse(&v6(IpProtocol::FRAGMENT, &later)).unwrap();
    assert_eq!((quote.upper, quote.protocol), (QuotedUpper::Missing, IpProtocol::UDP));
}

#[test]
fn extension_headers_are_walked_over_as_far_as_they_are_quoted() {
    // Hop-by-hop options, the first piece of a datagram, destination options, UDP.
    let chain =
        [[44, 0, 1, 4, 0, 0, 0, 0], [60, 0, 0, 1, 0, 0, 0, 1], [17, 0, 1, 4, 0, 0, 0, 0], UPPER].concat();
    let whole = Quote::parse(&v6(IpProtocol::HOP_BY_HOP, &chain)).unwrap();
    assert_eq!(whole.upper, QuotedUpper::Udp { src_port: 0x1001, dst_port: 80 });
    assert_eq!(whole.fragment.map(|piece| (piece.offset, piece.more)), Some((0, true)));
    for len in 0..chain.len() {
        let quote = Quote::parse(&v6(IpProtocol::HOP_BY_HOP, &chain[..len])).unwrap();
        assert_eq!(quote.upper, QuotedUpper::Missing, "{len} octets");
    }
}

proptest! {
    #[test]
    fn any_octets_are_a_quote_or_none(first in prop::sample::select(vec![0x45_u8, 0x4f, 0x60, 0]), rest in prop::collection::vec(any::<u8>(), 0..200)) {
        let octets = [&[first][..], &rest].concat();
        if let Some(quote) = Quote::parse(&octets) {
            prop_assert_eq!(quote.src.is_ipv4(), quote.dst.is_ipv4());
            let ports = matches!(quote.upper, QuotedUpper::Tcp(_) | QuotedUpper::Udp { .. });
            prop_assert_eq!(quote.ends().is_some(), ports);
        }
    }
}
