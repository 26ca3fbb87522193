use super::*;
use proptest::prelude::*;
use std::string::ToString;
use std::vec;
use std::vec::Vec;

const SRC: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
const DST: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2);

fn emitted(message: &Icmpv6Message<'_>) -> Vec<u8> {
    let mut out = vec![0; 2000];
    let len = message.emit(&mut out, SRC, DST).unwrap();
    out.truncate(len);
    out
}

/// The octets with the checksum that makes them right.
fn summed(mut octets: Vec<u8>) -> Vec<u8> {
    octets[2..4].fill(0);
    let mut sum = pseudo_header(SRC, DST, octets.len());
    sum.add_bytes(&octets);
    let checksum = sum.finish().to_be_bytes();
    octets[2..4].copy_from_slice(&checksum);
    octets
}

#[test]
fn an_echo_request_is_byte_for_byte_the_expected_one() {
    let request = Icmpv6Message::EchoRequest(Echo { id: 0x1234, seq: 1, data: &[0xab, 0xcd] });
    assert_eq!(emitted(&request), [128, 0, 0x66, 0x43, 0x12, 0x34, 0, 1, 0xab, 0xcd]);
}

#[test]
fn the_checksum_covers_the_addresses() {
    // RFC 4443 §2.3.
    let octets = emitted(&Icmpv6Message::PacketTooBig { mtu: 1280, quote: b"packet" });
    assert_eq!(
        Icmpv6Message::parse(&octets, SRC, DST),
        Ok(Icmpv6Message::PacketTooBig { mtu: 1280, quote: b"packet" })
    );
    assert_eq!(Icmpv6Message::parse(&octets, SRC, Ipv6Addr::LOCALHOST), Err(IcmpError::Checksum));
    assert_eq!(Icmpv6Message::parse(&octets[..7], SRC, DST), Err(IcmpError::TooShort { len: 7 }));
}

#[test]
fn every_code_of_unreachable_is_read_and_has_words() {
    for code in 0..=255 {
        let message = Icmpv6Message::Unreachable { code: Unreachable(code), quote: b"packet" };
        assert_eq!(Icmpv6Message::parse(&emitted(&message), SRC, DST), Ok(message));
        assert_eq!(Unreachable(code).to_string().contains("code"), code > 7);
    }
}

#[test]
fn extensions_follow_the_quote_in_two_types_only() {
    // RFC 4884 §4.3: 16 words of eight octets.
    for (kind, quoted) in [(1, 128), (3, 128), (2, 148), (4, 148)] {
        let mut octets = vec![kind, 0, 0, 0, 16, 0, 0, 0];
        octets.resize(8 + 148, 0x60);
        let octets = summed(octets);
        let quote = match Icmpv6Message::parse(&octets, SRC, DST).unwrap() {
            Icmpv6Message::Unreachable { quote, .. }
            | Icmpv6Message::PacketTooBig { quote, .. }
            | Icmpv6Message::TimeExceeded { quote, .. }
            | Icmpv6Message::ParameterProblem { quote, .. } => quote,
            other => panic!("{other:?}"),
        };
        assert_eq!(quote.len(), quoted, "type {kind}");
    }
}

#[test]
fn errors_and_redirects_are_no_queries() {
    // RFC 4443 §2.4 (e.1), (e.2).
    for kind in [0, 1, 2, 3, 4, 100, 127, 137] {
        assert!(!Icmpv6Message::is_query(kind), "{kind}");
    }
    for kind in [128, 129, 133, 136, 160] {
        assert!(Icmpv6Message::is_query(kind), "{kind}");
    }
}

fn any_message(quote: &[u8]) -> impl Strategy<Value = Icmpv6Message<'_>> {
    let echo = (any::<u16>(), any::<u16>()).prop_map(|(id, seq)| Echo { id, seq, data: quote });
    prop_oneof![
        echo.clone().prop_map(Icmpv6Message::EchoRequest),
        echo.prop_map(Icmpv6Message::EchoReply),
        any::<u8>().prop_map(|code| Icmpv6Message::Unreachable { code: Unreachable(code), quote }),
        any::<u32>().prop_map(|mtu| Icmpv6Message::PacketTooBig { mtu, quote }),
        any::<u8>().prop_map(|code| Icmpv6Message::TimeExceeded { code, quote }),
        any::<(u8, u32)>().prop_map(|(code, pointer)| {
            Icmpv6Message::ParameterProblem { code: ParameterCode(code), pointer, quote }
        }),
        (130_u8.., any::<u8>(), any::<[u8; 4]>()).prop_map(|(kind, code, word)| Icmpv6Message::Unknown {
            kind,
            code,
            word,
            body: quote
        }),
    ]
}

proptest! {
    #[test]
    fn what_is_written_is_read(message in any_message(b"the beginning of a packet that was sent")) {
        let octets = emitted(&message);
        prop_assert_eq!(Icmpv6Message::parse(&octets, SRC, DST), Ok(message));
    }

    #[test]
    fn any_octets_are_a_message_or_a_named_error(octets in prop::collection::vec(any::<u8>(), 0..300), right: bool) {
        let right = right && octets.len() >= 8;
        let octets = if right { summed(octets) } else { octets };
        match Icmpv6Message::parse(&octets, SRC, DST) {
            Ok(message) => prop_assert!(emitted(&message).len() <= octets.len()),
            Err(IcmpError::TooShort { len }) => prop_assert!(len == octets.len() && len < 8),
            Err(IcmpError::Checksum) => prop_assert!(!right),
        }
    }
}
