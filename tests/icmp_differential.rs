//! ICMP messages against an independent parser, `etherparse` 0.21: what we write it reads as we meant it and finds the
//! checksum right, and of any octets both read the same fields. It has no source quench, no code 7 of IPv6's unreachable
//! and no extensions after quotes (RFC 4884): there it shows the octets, and those are compared.

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

use core::net::Ipv6Addr;

use etherparse::{Icmpv4Slice, Icmpv4Type, Icmpv6Slice, Icmpv6Type};
use proptest::prelude::*;
use tcpstate::wire::icmpv4::{self, Icmpv4Message};
use tcpstate::wire::icmpv6::{self, Icmpv6Message};
use tcpstate::wire::{Checksum, Echo, IcmpError, IpProtocol, checksum};

const SRC: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
const DST: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2);

/// The octets with the right checksum.
fn summed(mut octets: Vec<u8>, six: bool) -> Vec<u8> {
    octets[2..4].fill(0);
    let mut sum = if six {
        checksum::pseudo_header(SRC.into(), DST.into(), IpProtocol::ICMPV6, octets.len() as u32)
    } else {
        Checksum::new()
    };
    sum.add_bytes(&octets);
    octets[2..4].copy_from_slice(&sum.finish().to_be_bytes());
    octets
}

/// Zero and its complement are the same number in ones-complement arithmetic.
fn same_checksum(a: u16, b: u16) -> bool {
    a == b || a ^ b == 0xffff && (a == 0 || b == 0)
}

fn echo_is(ours: &Echo<'_>, theirs: etherparse::IcmpEchoHeader, payload: &[u8]) -> bool {
    (ours.id, ours.seq, ours.data) == (theirs.id, theirs.seq, payload)
}

fn same_v4(octets: &[u8]) -> Result<(), TestCaseError> {
    let theirs = Icmpv4Slice::from_slice(octets);
    // Timestamps have more octets in front, which they ask for.
    let Ok(theirs) = theirs else {
        prop_assert!(octets.len() < 8 || matches!(octets[0], 13 | 14));
        return Ok(());
    };
    let right = theirs.icmp_type().calc_checksum(theirs.payload());
    let message = match Icmpv4Message::parse(octets) {
        Ok(message) => message,
        Err(error) => {
            prop_assert_eq!(error, IcmpError::Checksum);
            return Ok(());
        }
    };
    // Theirs is made from the fields, among which unused octets are not.
    let raw = octets[4..8] == [0; 4] || matches!(octets[0], 0 | 8);
    prop_assert!(!raw || same_checksum(right, theirs.checksum()) || octets[0] == 13);
    match (message, theirs.icmp_type()) {
        (Icmpv4Message::EchoRequest(ours), Icmpv4Type::EchoRequest(header))
        | (Icmpv4Message::EchoReply(ours), Icmpv4Type::EchoReply(header)) => {
            prop_assert!(echo_is(&ours, header, theirs.payload()));
        }
        (Icmpv4Message::FragmentationNeeded { mtu, quote }, Icmpv4Type::DestinationUnreachable(header)) => {
            prop_assert_eq!(
                header,
                etherparse::icmpv4::DestUnreachableHeader::FragmentationNeeded { next_hop_mtu: mtu }
            );
            prop_assert!(theirs.payload().starts_with(quote));
        }
        (Icmpv4Message::Unreachable { code, quote }, Icmpv4Type::DestinationUnreachable(header)) => {
            prop_assert_eq!(code.0, header.code_u8());
            prop_assert!(theirs.payload().starts_with(quote));
        }
        (Icmpv4Message::TimeExceeded { code, quote }, _) => {
            prop_assert_eq!((11, code), (theirs.type_u8(), theirs.code_u8()));
            prop_assert!(theirs.payload().starts_with(quote));
        }
        (Icmpv4Message::ParameterProblem { code, pointer, .. }, _) => {
            prop_assert_eq!((12, code), (theirs.type_u8(), theirs.code_u8()));
            prop_assert_eq!(pointer, theirs.bytes5to8()[0]);
        }
        (Icmpv4Message::SourceQuench { quote }, Icmpv4Type::Unknown { type_u8: 4, .. }) => {
            prop_assert_eq!(quote, theirs.payload());
        }
        (Icmpv4Message::Unreachable { code, .. }, Icmpv4Type::Unknown { type_u8: 3, code_u8, .. }) => {
            prop_assert_eq!(code.0, code_u8);
        }
        (Icmpv4Message::Unknown { kind, code, .. }, _) => {
            prop_assert_eq!((kind, code), (theirs.type_u8(), theirs.code_u8()));
            let known = matches!(theirs.icmp_type(), Icmpv4Type::EchoReply(_) | Icmpv4Type::EchoRequest(_));
            prop_assert!(!known);
        }
        (ours, theirs) => return Err(TestCaseError::fail(format!("{ours:?} is {theirs:?} to them"))),
    }
    Ok(())
}

fn same_v6(octets: &[u8]) -> Result<(), TestCaseError> {
    let Ok(theirs) = Icmpv6Slice::from_slice(octets) else {
        prop_assert!(octets.len() < 8);
        return Ok(());
    };
    let message = Icmpv6Message::parse(octets, SRC, DST);
    let valid = theirs.is_checksum_valid(SRC.octets(), DST.octets());
    // A checksum of all ones in place of zero is as right, and they do not say so.
    prop_assert!(message.is_ok() == valid || matches!(theirs.checksum(), 0 | 0xffff));
    let Ok(message) = message else { return Ok(()) };
    let starts = |quote: &[u8]| theirs.payload().starts_with(quote);
    match (message, theirs.icmp_type()) {
        (Icmpv6Message::EchoRequest(ours), Icmpv6Type::EchoRequest(header))
        | (Icmpv6Message::EchoReply(ours), Icmpv6Type::EchoReply(header)) => {
            prop_assert!(echo_is(&ours, header, theirs.payload()));
        }
        (Icmpv6Message::PacketTooBig { mtu, quote }, Icmpv6Type::PacketTooBig { mtu: theirs }) => {
            prop_assert_eq!(mtu, theirs);
            prop_assert!(starts(quote));
        }
        (Icmpv6Message::PacketTooBig { mtu, .. }, Icmpv6Type::Unknown { type_u8: 2, bytes5to8, .. }) => {
            prop_assert_eq!(mtu, u32::from_be_bytes(bytes5to8));
        }
        (Icmpv6Message::Unreachable { code, quote }, _) => {
            prop_assert_eq!((1, code.0), (theirs.type_u8(), theirs.code_u8()));
            prop_assert!(starts(quote));
        }
        (Icmpv6Message::TimeExceeded { code, quote }, _) => {
            prop_assert_eq!((3, code), (theirs.type_u8(), theirs.code_u8()));
            prop_assert!(starts(quote));
        }
        (Icmpv6Message::ParameterProblem { code, pointer, .. }, _) => {
            prop_assert_eq!((4, code.0), (theirs.type_u8(), theirs.code_u8()));
            prop_assert_eq!(pointer, u32::from_be_bytes(theirs.bytes5to8()));
        }
        (Icmpv6Message::Unknown { kind, code, .. }, theirs_type) => {
            prop_assert_eq!((kind, code), (theirs.type_u8(), theirs.code_u8()));
            let known = matches!(theirs_type, Icmpv6Type::EchoReply(_) | Icmpv6Type::EchoRequest(_));
            prop_assert!(!known);
        }
        (ours, theirs) => return Err(TestCaseError::fail(format!("{ours:?} is {theirs:?} to them"))),
    }
    Ok(())
}

proptest! {
    #[test]
    fn of_any_octets_both_read_the_same(
        kind in prop_oneof![0_u8..20, 126_u8..140, any::<u8>()],
        code in 0_u8..18,
        rest in prop::collection::vec(any::<u8>(), 6..200),
        right in prop::bool::weighted(0.9),
        six: bool,
    ) {
        let mut octets = [&[kind, code][..], &rest].concat();
        if right {
            octets = summed(octets, six);
        }
        if six { same_v6(&octets)? } else { same_v4(&octets)? }
    }

    #[test]
    fn what_we_write_they_read(
        code in 0_u8..16,
        number: u32,
        which in 0_u8..6,
        body in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let (id, seq) = (number as u16, (number >> 16) as u16);
        let (echo, quote) = (Echo { id, seq, data: &body }, &body[..]);
        let v4 = match which {
            0 => Icmpv4Message::EchoRequest(echo),
            1 => Icmpv4Message::EchoReply(echo),
            2 => Icmpv4Message::FragmentationNeeded { mtu: id, quote },
            3 => Icmpv4Message::TimeExceeded { code: code & 1, quote },
            // They keep the pointer with code 0 only.
            4 => Icmpv4Message::ParameterProblem { code: 0, pointer: id as u8, quote },
            _ => Icmpv4Message::Unreachable { code: icmpv4::Unreachable(code), quote },
        };
        let mut out = vec![0; 300];
        let len = v4.emit(&mut out).expect("there is room");
        let theirs = Icmpv4Slice::from_slice(&out[..len]).expect("well-formed");
        prop_assert!(same_checksum(theirs.icmp_type().calc_checksum(theirs.payload()), theirs.checksum()));
        same_v4(&out[..len])?;

        let v6 = match which {
            0 => Icmpv6Message::EchoRequest(echo),
            1 => Icmpv6Message::EchoReply(echo),
            2 => Icmpv6Message::PacketTooBig { mtu: number, quote },
            3 => Icmpv6Message::TimeExceeded { code: code & 1, quote },
            4 => Icmpv6Message::ParameterProblem { code: icmpv6::ParameterCode(code % 4), pointer: number, quote },
            _ => Icmpv6Message::Unreachable { code: icmpv6::Unreachable(code), quote },
        };
        let len = v6.emit(&mut out, SRC, DST).expect("there is room");
        let theirs = Icmpv6Slice::from_slice(&out[..len]).expect("well-formed");
        prop_assert!(theirs.is_checksum_valid(SRC.octets(), DST.octets()) || theirs.checksum() == 0xffff);
        same_v6(&out[..len])?;
    }
}
