use super::*;
use proptest::prelude::*;
use std::string::ToString;
use std::vec;
use std::vec::Vec;

fn emitted(message: &Icmpv4Message<'_>) -> Vec<u8> {
    let mut out = vec![0; 2000];
    let len = message.emit(&mut out).unwrap();
    out.truncate(len);
    out
}

#[test]
fn an_echo_request_is_byte_for_byte_the_expected_one() {
    let request = Icmpv4Message::EchoRequest(Echo { id: 0x1234, seq: 1, data: &[0xab, 0xcd] });
    assert_eq!(emitted(&request), [8, 0, 0x39, 0xfd, 0x12, 0x34, 0, 1, 0xab, 0xcd]);
}

#[test]
fn the_mtu_of_the_next_link_is_read_from_its_place() {
    // RFC 1191 §4: the lower 16 bits of the word that RFC 792 left unused.
    let octets = emitted(&Icmpv4Message::FragmentationNeeded { mtu: 1400, quote: b"packet" });
    assert_eq!((&octets[..2], &octets[4..8]), (&[3, 4][..], &[0, 0, 0x05, 0x78][..]));
    assert_eq!(
        Icmpv4Message::parse(&octets),
        Ok(Icmpv4Message::FragmentationNeeded { mtu: 1400, quote: b"packet" })
    );
}

#[test]
fn every_code_of_unreachable_is_read_and_has_words() {
    for code in 0..=255 {
        let octets = emitted(&Icmpv4Message::Unreachable { code: Unreachable(code), quote: b"packet" });
        let read = Icmpv4Message::parse(&octets).unwrap();
        match code {
            4 => assert_eq!(read, Icmpv4Message::FragmentationNeeded { mtu: 0, quote: b"packet" }),
            _ => {
                assert_eq!(read, Icmpv4Message::Unreachable { code: Unreachable(code), quote: b"packet" })
            }
        }
        assert_eq!(Unreachable(code).to_string().contains("code"), code > 15);
    }
}

#[test]
fn extensions_after_a_quoted_packet_are_left_away() {
    // RFC 4884: 128 octets of packet, then an MPLS label stack or the like.
    let mut octets = emitted(&Icmpv4Message::TimeExceeded { code: 0, quote: &[0x45; 148] });
    octets[5] = 32;
    octets[2..4].fill(0);
    let mut sum = Checksum::new();
    sum.add_bytes(&octets);
    let checksum = sum.finish().to_be_bytes();
    octets[2..4].copy_from_slice(&checksum);
    assert_eq!(
        Icmpv4Message::parse(&octets),
        Ok(Icmpv4Message::TimeExceeded { code: 0, quote: &[0x45; 128] })
    );
}

#[test]
fn types_and_codes_not_known_are_told_as_they_are() {
    for (kind, code) in [(5, 1), (8, 1), (0, 9), (13, 0), (200, 3)] {
        let message = Icmpv4Message::Unknown { kind, code, word: [1, 2, 3, 4], body: b"body" };
        assert_eq!(Icmpv4Message::parse(&emitted(&message)), Ok(message));
    }
}

#[test]
fn errors_are_no_queries() {
    // RFC 1122 §3.2.2: unreachable, source quench, redirect, time exceeded, parameter problem, and what nobody knows.
    for kind in [3, 4, 5, 11, 12, 1, 40, 255] {
        assert!(!Icmpv4Message::is_query(kind), "{kind}");
    }
    for kind in [0, 8, 13, 14, 17, 18] {
        assert!(Icmpv4Message::is_query(kind), "{kind}");
    }
}

fn any_message(quote: &[u8]) -> impl Strategy<Value = Icmpv4Message<'_>> {
    let echo = (any::<u16>(), any::<u16>()).prop_map(|(id, seq)| Echo { id, seq, data: quote });
    prop_oneof![
        echo.clone().prop_map(Icmpv4Message::EchoRequest),
        echo.prop_map(Icmpv4Message::EchoReply),
        (0_u8..255).prop_map(|code| {
            let code = if code == 4 { 255 } else { code };
            Icmpv4Message::Unreachable { code: Unreachable(code), quote }
        }),
        any::<u16>().prop_map(|mtu| Icmpv4Message::FragmentationNeeded { mtu, quote }),
        Just(Icmpv4Message::SourceQuench { quote }),
        any::<u8>().prop_map(|code| Icmpv4Message::TimeExceeded { code, quote }),
        any::<(u8, u8)>().prop_map(|(code, pointer)| Icmpv4Message::ParameterProblem {
            code,
            pointer,
            quote
        }),
        (13_u8.., any::<u8>(), any::<[u8; 4]>()).prop_map(|(kind, code, word)| Icmpv4Message::Unknown {
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
        prop_assert_eq!(Icmpv4Message::parse(&octets), Ok(message));
    }

    #[test]
    fn any_octets_are_a_message_or_a_named_error(mut octets in prop::collection::vec(any::<u8>(), 0..300), right: bool) {
        if right && octets.len() >= 8 {
            octets[2..4].fill(0);
            let mut sum = Checksum::new();
            sum.add_bytes(&octets);
            let checksum = sum.finish().to_be_bytes();
            octets[2..4].copy_from_slice(&checksum);
        }
        match Icmpv4Message::parse(&octets) {
            // Reserved octets and extensions are not kept, all else is.
            Ok(message) => prop_assert!(emitted(&message).len() <= octets.len()),
            Err(IcmpError::TooShort { len }) => prop_assert!(len == octets.len() && len < 8),
            Err(IcmpError::Checksum) => prop_assert!(!right),
        }
    }
}
