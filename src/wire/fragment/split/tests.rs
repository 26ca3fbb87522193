use super::*;
use crate::Instant;
use crate::wire::{FragmentLimits, FragmentOutcome, IpPacket, Reassembler};
use core::net::{Ipv4Addr, Ipv6Addr};
use proptest::prelude::*;
use std::vec;
use std::vec::Vec;

fn v4(options: &[u8], payload: &[u8]) -> Vec<u8> {
    let (src, dst) = (Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2));
    let repr = Ipv4Repr {
        dscp: 10,
        ecn: 1,
        dont_fragment: false,
        ttl: 9,
        payload_len: payload.len(),
        options,
        ..Ipv4Repr::new(src, dst, IpProtocol::UDP)
    };
    let mut out = vec![0; 60];
    let len = repr.emit(&mut out).unwrap();
    out.truncate(len);
    out.extend(payload);
    out
}

fn v6(next: IpProtocol, payload: &[u8]) -> Vec<u8> {
    let header = Ipv6Header {
        payload_len: payload.len() as u16,
        traffic_class: 0x29,
        flow_label: 0x12345,
        ..Ipv6Header::new(Ipv6Addr::LOCALHOST, Ipv6Addr::LOCALHOST, next)
    };
    let mut out = vec![0; 40];
    header.emit(&mut out).unwrap();
    out.extend(payload);
    out
}

fn pieces(packet: &[u8], mtu: usize, id: u32) -> Result<Vec<Vec<u8>>, SplitError> {
    let mut pieces = Pieces::of(packet, mtu, id)?;
    let (count, mut all) = (pieces.count(), Vec::new());
    let mut out = vec![0; 65_535];
    while let Some(len) = pieces.emit_next(&mut out).unwrap() {
        all.push(out[..len].to_vec());
    }
    assert_eq!(all.len(), count);
    Ok(all)
}

fn reassembled(pieces: &[Vec<u8>]) -> Vec<u8> {
    let limits = FragmentLimits { fragments_per_datagram: 10_000, ..FragmentLimits::default() };
    let mut reassembler = Reassembler::new(limits);
    for piece in pieces {
        let packet = IpPacket::parse(piece, piece.len()).unwrap();
        if packet.fragment.is_none() {
            return packet.payload.to_vec();
        }
        if let FragmentOutcome::Complete(whole) = reassembler.push(Instant::ZERO, &packet) {
            return whole.payload.to_vec();
        }
    }
    panic!("{} pieces do not make a datagram", pieces.len());
}

#[test]
fn ipv4_fragments_have_the_headers_of_the_packet_and_their_own_place() {
    let packet = v4(&[], &[7; 100]);
    let pieces = pieces(&packet, 60, 0xabcd_1234).unwrap();
    let headers: Vec<_> = pieces.iter().map(|piece| Ipv4Header::parse(piece, piece.len()).unwrap()).collect();
    let places: Vec<_> =
        headers.iter().map(|header| (header.fragment_offset, header.more_fragments)).collect();
    assert_eq!(places, [(0, true), (40, true), (80, false)]);
    for header in headers {
        assert!(header.checksum_ok() && !header.dont_fragment);
        assert_eq!((header.id, header.ttl, header.traffic_class()), (0x1234, 9, 0x29));
    }
}

#[test]
fn options_without_the_copied_flag_stand_in_the_first_fragment_only() {
    // RFC 791 §3.1: record route (7) is not copied, router alert (148) is.
    let packet = v4(&[7, 3, 4, 148, 4, 0, 0, 0], &[7; 100]);
    let pieces = pieces(&packet, 60, 1).unwrap();
    let options: Vec<_> = pieces
        .iter()
        .map(|piece| Ipv4Header::parse(piece, piece.len()).unwrap().options().to_vec())
        .collect();
    assert_eq!(options[0], [7, 3, 4, 148, 4, 0, 0, 0]);
    assert!(options[1..].iter().all(|options| options == &[148, 4, 0, 0]));
}

#[test]
fn ipv6_fragments_repeat_what_routers_read_and_nothing_else() {
    // RFC 8200 §4.5: hop-by-hop options and routing header, with the destination options between them.
    let hop_by_hop = [60, 0, 1, 4, 0, 0, 0, 0];
    let on_the_way = [43, 0, 1, 4, 0, 0, 0, 0];
    let routing = [60, 0, 9, 0, 0, 0, 0, 0];
    let at_the_end = [17, 0, 1, 4, 0, 0, 0, 0];
    let chain = [&hop_by_hop[..], &on_the_way, &routing, &at_the_end, &[7; 100]].concat();
    let packet = v6(IpProtocol::HOP_BY_HOP, &chain);
    let pieces = pieces(&packet, 120, 0xabcd_1234).unwrap();
    assert_eq!(pieces.len(), 3);
    for (number, piece) in pieces.iter().enumerate() {
        assert_eq!((&piece[6..40], &piece[40..56]), (&packet[6..40], &packet[40..56]));
        assert_eq!((piece[56], &piece[57..64]), (44, &packet[57..64]), "routing names the fragment header");
        assert_eq!((piece[64], &piece[68..72]), (60, &[0xab, 0xcd, 0x12, 0x34][..]));
        let packet = IpPacket::parse(piece, piece.len()).unwrap();
        assert_eq!(packet.length, crate::wire::LengthSource::Ip);
        assert_eq!(packet.fragment.unwrap().offset as usize, number * 48);
    }
    assert_eq!(reassembled(&pieces), [7; 100]);
}

#[test]
fn hop_by_hop_options_go_into_every_fragment_and_destination_options_do_not() {
    let chain = [&[60, 0, 1, 4, 0, 0, 0, 0][..], &[17, 0, 1, 4, 0, 0, 0, 0], &[7; 100]].concat();
    let packet = v6(IpProtocol::HOP_BY_HOP, &chain);
    let pieces = pieces(&packet, 112, 1).unwrap();
    assert_eq!(pieces.len(), 2);
    for piece in &pieces {
        assert_eq!((piece[6], piece[40], piece[48]), (0, 44, 60));
    }
    assert_eq!(pieces[0][56..64], chain[8..16]);
    assert_eq!(reassembled(&pieces), [7; 100]);
}

#[test]
fn a_packet_that_is_small_enough_goes_as_it_is() {
    // RFC 8021: no atomic fragments.
    for packet in [v4(&[], &[7; 100]), v6(IpProtocol::UDP, &[7; 100])] {
        assert_eq!(pieces(&packet, packet.len(), 1), Ok(vec![packet.clone()]));
        assert_eq!(pieces(&packet, packet.len() - 1, 1).unwrap().len(), 2);
    }
}

#[test]
fn what_must_not_be_cut_is_not() {
    let mut packet = v4(&[], &[7; 100]);
    packet[6] = 0x40;
    assert_eq!(pieces(&packet, 60, 1), Err(SplitError::DontFragment));
    packet[6] = 0x20;
    assert_eq!(pieces(&packet, 60, 1), Err(SplitError::AlreadyFragment));
    assert_eq!(pieces(&packet[..50], 60, 1), Err(SplitError::Length { claimed: 120, len: 50 }));
    assert_eq!(pieces(&v4(&[], &[7; 100]), 27, 1), Err(SplitError::Mtu { mtu: 27, headers: 20 }));
    let atomic = v6(IpProtocol::FRAGMENT, &[17; 100]);
    assert_eq!(pieces(&atomic, 60, 1), Err(SplitError::AlreadyFragment));
    assert_eq!(pieces(&v6(IpProtocol::UDP, &[7; 100]), 55, 1), Err(SplitError::Mtu { mtu: 55, headers: 48 }));
    assert!(matches!(pieces(&[], 60, 1), Err(SplitError::Malformed(_))));
}

#[test]
fn a_buffer_too_small_loses_nothing() {
    let packet = v4(&[], &[7; 100]);
    let mut pieces = Pieces::of(&packet, 60, 1).unwrap();
    let mut out = [0; 60];
    assert_eq!(
        pieces.emit_next(&mut out[..59]),
        Err(EmitError::BufferTooSmall { needed: 60, available: 59 })
    );
    assert_eq!(pieces.emit_next(&mut out), Ok(Some(60)));
    assert_eq!(out[6..8], [0x20, 0]);
}

proptest! {
    #[test]
    fn what_is_cut_up_is_put_together_again(
        octets in prop::collection::vec(any::<u8>(), 0..3000),
        mtu in 68_usize..1600,
        six: bool,
        options in 0_usize..10,
        id: u32,
    ) {
        let packet = if six {
            // Routing headers that are read on the way; all of them in front.
            let mut chain = Vec::new();
            for left in (0..options / 4).rev() {
                chain.extend([if left == 0 { 17 } else { 43 }, 0, 9, 0, 0, 0, 0, 0]);
            }
            let next = if chain.is_empty() { IpProtocol::UDP } else { IpProtocol::ROUTING };
            chain.extend(&octets);
            v6(next, &chain)
        } else {
            v4(&[1, 148, 4, 0].repeat(options), &octets)
        };
        let headers = packet.len() - octets.len() + if six { 8 } else { 0 };
        match pieces(&packet, mtu, id) {
            Ok(pieces) => {
                prop_assert!(pieces.iter().all(|piece| piece.len() <= mtu));
                prop_assert_eq!(reassembled(&pieces), octets);
            }
            Err(error) => {
                prop_assert_eq!(error, SplitError::Mtu { mtu, headers });
                prop_assert!(mtu < headers + 8);
            }
        }
    }
}
