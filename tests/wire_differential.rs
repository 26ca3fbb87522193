//! The wire formats against an independent parser, `etherparse` 0.21: on generated packets both must see the same
//! fields, options and payload, and on mutated ones they may only differ in the ways listed here.
//!
//! | | etherparse | tcpstate | why |
//! |---|---|---|---|
//! | unknown TCP option, or one of wrong length | ends the walk | skipped by its length | RFC 9293 MUST-6 |
//! | overlapping fragments | the last one wins | the datagram is dropped | RFC 5722, RFC 8200 §4.5 |
//! | IPv4 length 0 or beyond the frame; IPv6 length beyond it | an error | the link's length, and said so | captures of offloaded or cut packets |
//! | IPv6 jumbo payload option | not read | read | RFC 2675 |
//! | IPv6 length 0 with no next header | all there is | empty | RFC 8200 §4.7 |
//! | what follows the fragment header of a piece | walked as extension headers | left to reassembly | RFC 8200 §4.5 |
//! | hop-by-hop options that are not first | an error | an upper layer not known | RFC 8200 §4 |
//! | mobility, HIP, shim6 headers | upper layers | walked over | RFC 6275, RFC 7401, RFC 5533 |
//! | more than 16 extension headers | walked over | an error | bounded work |
//! | authentication header in IPv4 | walked over | the upper layer | it is none of IPv4's options |
//! | more than 3 VLAN tags | left at the third | up to 8 | |
//! | IEEE 802.3 length, LLC and SNAP, PPPoE | not read | read | |
//! | MACsec | read | another network layer | |
//! | IP version against the EtherType | an error | the version decides | as in raw captures |
//! | UDP length beyond the packet | an error | cut, and said so | first fragments, cut packets |
//! | reserved flag of IPv4 | not in its checksum | as on the wire | RFC 791 §3.1 |

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unreachable,
    clippy::unwrap_used,
    reason = "a test may panic, in its helpers too"
)]

use etherparse::{NetSlice, SlicedPacket, TcpOptionElement, TransportSlice, err};
use proptest::prelude::*;
use std::net::IpAddr;
use tcpstate::wire::{
    ChecksumStatus, FragmentInfo, IpPacket, IpProtocol, Ipv4Header, Ipv4Repr, Ipv6Header, LengthSource,
    LinkType, Network, OptionsBuilder, TcpFlags, TcpOption, TcpRepr, TcpSegment, UdpDatagram, UdpRepr, ipv6,
    link,
};

/// A known difference, listed in the module's documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    Ipv4Length,
    Ipv6Length,
    JumboOrEmpty,
    BehindFragmentHeader,
    HopByHopNotFirst,
    MobilityAndOthers,
    TooManyExtensions,
    AuthenticationInIpv4,
    LinkLayers,
    VersionAgainstEtherType,
    UdpLength,
    /// ICMP, IGMP and ARP, which are no business of the parsers compared.
    NotCompared,
}

fn ours(frame: &[u8]) -> Result<Option<IpPacket<'_>>, String> {
    match link::network_layer(LinkType::Ethernet, frame, frame.len()).map_err(|error| error.to_string())? {
        Network::Ip { bytes, wire_len } => {
            IpPacket::parse(bytes, wire_len).map(Some).map_err(|error| error.to_string())
        }
        Network::Other { .. } => Ok(None),
    }
}

/// Whether both see the same in this frame. `Ok(Some(_))`: they do not, for a reason that is known.
fn compare(frame: &[u8]) -> Result<Option<Known>, TestCaseError> {
    let ours = ours(frame);
    match SlicedPacket::from_ethernet(frame) {
        Ok(theirs) => match &theirs.net {
            Some(NetSlice::Ipv4(v4)) => compare_v4(ours, v4, &theirs),
            Some(NetSlice::Ipv6(v6)) => compare_v6(ours, v6, &theirs),
            Some(NetSlice::Arp(_)) => {
                prop_assert_eq!(ours, Ok(None));
                Ok(None)
            }
            None => {
                let unwrapped_further = ours.is_err() || matches!(ours, Ok(Some(_)));
                Ok(unwrapped_further.then_some(Known::LinkLayers))
            }
        },
        Err(error) => why_refused(frame, ours, &error).map(Some),
    }
}

fn compare_v4(
    ours: Result<Option<IpPacket<'_>>, String>,
    theirs: &etherparse::Ipv4Slice<'_>,
    packet: &SlicedPacket<'_>,
) -> Result<Option<Known>, TestCaseError> {
    let Ok(Some(ours)) = ours else {
        return Err(TestCaseError::fail(format!("only etherparse sees IPv4: {ours:?}")));
    };
    let header = theirs.header();
    prop_assert_eq!(ours.src, IpAddr::V4(header.source_addr()));
    prop_assert_eq!(ours.dst, IpAddr::V4(header.destination_addr()));
    prop_assert_eq!(ours.protocol.0, header.protocol().0);
    prop_assert_eq!(ours.traffic_class, header.dcp().value() << 2 | header.ecn().value());
    prop_assert_eq!(ours.hop_limit, header.ttl());
    prop_assert_eq!(ours.length, LengthSource::Ip);
    let fragment = header.is_fragmenting_payload().then(|| FragmentInfo {
        id: header.identification().into(),
        offset: header.fragments_offset().byte_offset().into(),
        more: header.more_fragments(),
    });
    prop_assert_eq!(ours.fragment, fragment);
    let parsed = Ipv4Header::parse(header.slice(), header.slice().len() + 1).unwrap();
    prop_assert_eq!(parsed.options(), header.options());
    prop_assert_eq!(parsed.dont_fragment, header.dont_fragment());
    // Theirs is made from the fields, among which the reserved flag is not.
    let reserved_flag = header.slice()[6] & 0x80 != 0;
    let sum_is_right = header.to_header().calc_header_checksum() == header.header_checksum();
    // A sum of all ones in place of zero is as right, and theirs does not say so.
    prop_assert!(parsed.checksum_ok() == sum_is_right || reserved_flag || header.header_checksum() == 0xffff);
    if ours.protocol == IpProtocol::AH {
        return Ok(Some(Known::AuthenticationInIpv4));
    }
    prop_assert_eq!(ours.payload, theirs.payload().payload);
    prop_assert_eq!(ours.payload_len, ours.payload.len());
    compare_transport(&ours, packet)
}

fn compare_v6(
    ours: Result<Option<IpPacket<'_>>, String>,
    theirs: &etherparse::Ipv6Slice<'_>,
    packet: &SlicedPacket<'_>,
) -> Result<Option<Known>, TestCaseError> {
    const WALKED_BY_US: [u8; 3] = [135, 139, 140];
    let header = theirs.header();
    let walked_by_us = WALKED_BY_US.contains(&theirs.payload().ip_number.0);
    let ours = match ours {
        Ok(Some(ours)) => ours,
        // They see no end to the chain, or no length in it.
        Err(error) if error.contains("more than 16") => return Ok(Some(Known::TooManyExtensions)),
        Err(_) if walked_by_us => return Ok(Some(Known::MobilityAndOthers)),
        Err(_) if header.payload_length() == 0 => return Ok(Some(Known::JumboOrEmpty)),
        other => {
            return Err(TestCaseError::fail(format!("only etherparse sees IPv6: {other:?}")));
        }
    };
    prop_assert_eq!(ours.src, IpAddr::V6(header.source_addr()));
    prop_assert_eq!(ours.dst, IpAddr::V6(header.destination_addr()));
    prop_assert_eq!(ours.traffic_class, header.traffic_class());
    prop_assert_eq!(ours.hop_limit, header.hop_limit());
    let parsed = Ipv6Header::parse(header.slice(), 40).unwrap();
    prop_assert_eq!(parsed.flow_label, header.flow_label().value());
    if walked_by_us {
        return Ok(Some(Known::MobilityAndOthers));
    }
    prop_assert_eq!(ours.fragment.is_some(), theirs.is_payload_fragmented());
    if header.payload_length() == 0 && ours.length != LengthSource::Link {
        return Ok((ours.payload != theirs.payload().payload).then_some(Known::JumboOrEmpty));
    }
    if let Some(fragment) = ours.fragment {
        let piece = theirs.extensions().clone().into_iter().find_map(|header| match header {
            etherparse::Ipv6ExtensionSlice::Fragment(header) => {
                header.is_fragmenting_payload().then(|| header.to_header())
            }
            _ => None,
        });
        let piece = piece.expect("both call it a fragment");
        prop_assert_eq!(fragment.id, piece.identification);
        prop_assert_eq!(fragment.offset, u32::from(piece.fragment_offset.byte_offset()));
        prop_assert_eq!(fragment.more, piece.more_fragments);
        prop_assert_eq!(ours.protocol.0, piece.next_header.0);
        prop_assert!(ours.payload.ends_with(theirs.payload().payload));
        return Ok((ours.payload != theirs.payload().payload).then_some(Known::BehindFragmentHeader));
    }
    prop_assert_eq!(ours.protocol.0, theirs.payload().ip_number.0);
    prop_assert_eq!(ours.payload, theirs.payload().payload);
    prop_assert_eq!(ours.payload_len, ours.payload.len());
    compare_transport(&ours, packet)
}

fn compare_transport(ours: &IpPacket<'_>, theirs: &SlicedPacket<'_>) -> Result<Option<Known>, TestCaseError> {
    match &theirs.transport {
        Some(TransportSlice::Tcp(theirs)) => compare_tcp(ours, theirs)?,
        Some(TransportSlice::Udp(theirs)) => {
            let datagram = UdpDatagram::parse(ours.payload, ours.payload_len)
                .map_err(|error| TestCaseError::fail(error.to_string()))?;
            prop_assert_eq!(datagram.src_port, theirs.source_port());
            prop_assert_eq!(datagram.dst_port, theirs.destination_port());
            prop_assert_eq!(datagram.length, theirs.length());
            prop_assert_eq!(datagram.checksum, theirs.checksum());
            prop_assert_eq!(datagram.payload, theirs.payload());
            prop_assert!(!datagram.is_truncated());
        }
        Some(_) => return Ok(Some(Known::NotCompared)),
        None => {
            let transport = [IpProtocol::TCP, IpProtocol::UDP].contains(&ours.protocol);
            prop_assert!(ours.fragment.is_some() || !transport);
        }
    }
    Ok(None)
}

fn compare_tcp(packet: &IpPacket<'_>, theirs: &etherparse::TcpSlice<'_>) -> Result<(), TestCaseError> {
    let segment = TcpSegment::parse(packet.payload, packet.payload_len)
        .map_err(|error| TestCaseError::fail(error.to_string()))?;
    prop_assert_eq!(segment.src_port, theirs.source_port());
    prop_assert_eq!(segment.dst_port, theirs.destination_port());
    prop_assert_eq!(segment.seq.get(), theirs.sequence_number());
    prop_assert_eq!(segment.ack.get(), theirs.acknowledgment_number());
    let flags = [
        (TcpFlags::FIN, theirs.fin()),
        (TcpFlags::SYN, theirs.syn()),
        (TcpFlags::RST, theirs.rst()),
        (TcpFlags::PSH, theirs.psh()),
        (TcpFlags::ACK, theirs.ack()),
        (TcpFlags::URG, theirs.urg()),
        (TcpFlags::ECE, theirs.ece()),
        (TcpFlags::CWR, theirs.cwr()),
        (TcpFlags::AE, theirs.ns()),
    ];
    for (flag, set) in flags {
        prop_assert_eq!(segment.flags.contains(flag), set, "{}", flag);
    }
    prop_assert_eq!(segment.window, theirs.window_size());
    prop_assert_eq!(segment.checksum, theirs.checksum());
    prop_assert_eq!(segment.urgent, theirs.urgent_pointer());
    prop_assert_eq!(segment.options.as_bytes(), theirs.options());
    prop_assert_eq!(segment.payload, theirs.payload());
    let computed = match (packet.src, packet.dst) {
        (IpAddr::V4(src), IpAddr::V4(dst)) => theirs.calc_checksum_ipv4(src.octets(), dst.octets()),
        (IpAddr::V6(src), IpAddr::V6(dst)) => theirs.calc_checksum_ipv6(src.octets(), dst.octets()),
        _ => unreachable!("a packet has one version"),
    };
    if let Ok(computed) = computed {
        let good = segment.checksum_status(packet.src, packet.dst) == ChecksumStatus::Good;
        prop_assert!(good == (computed == theirs.checksum()) || theirs.checksum() == 0xffff);
    }
    compare_options(&segment, theirs)
}

/// Up to the first option that etherparse does not know or finds malformed, where it stops.
fn compare_options(segment: &TcpSegment<'_>, theirs: &etherparse::TcpSlice<'_>) -> Result<(), TestCaseError> {
    let mut ours = segment.options.iter();
    for theirs in theirs.options_iterator() {
        let ours = ours.next();
        let Ok(theirs) = theirs else {
            let unknown_to_them = match ours {
                Some(Ok(option)) => !matches!(option.kind(), 0..=5 | 8),
                other => matches!(other, Some(Err(_))),
            };
            prop_assert!(unknown_to_them, "{:?} against {:?}", ours, theirs);
            return Ok(());
        };
        let same = match (ours, &theirs) {
            (Some(Ok(TcpOption::Nop)), TcpOptionElement::Noop)
            | (Some(Ok(TcpOption::SackPermitted)), TcpOptionElement::SelectiveAcknowledgementPermitted) => {
                true
            }
            (Some(Ok(TcpOption::Mss(a))), TcpOptionElement::MaximumSegmentSize(b)) => a == *b,
            (Some(Ok(TcpOption::WindowScale(a))), TcpOptionElement::WindowScale(b)) => a == *b,
            (Some(Ok(TcpOption::Timestamps { val, ecr })), TcpOptionElement::Timestamp(a, b)) => {
                (val, ecr) == (*a, *b)
            }
            (Some(Ok(TcpOption::Sack(blocks))), TcpOptionElement::SelectiveAcknowledgement(first, more)) => {
                let theirs = std::iter::once(*first).chain(more.iter().flatten().copied());
                blocks.iter().map(|(left, right)| (left.get(), right.get())).eq(theirs)
            }
            _ => false,
        };
        prop_assert!(same, "{:?} against {:?}", ours, theirs);
    }
    // Theirs does not report the end of the list.
    prop_assert!(matches!(ours.next(), None | Some(Ok(TcpOption::EndOfList))));
    Ok(())
}

/// Why etherparse refuses a frame, and what is then expected of ours.
fn why_refused(
    frame: &[u8],
    ours: Result<Option<IpPacket<'_>>, String>,
    error: &err::packet::SliceError,
) -> Result<Known, TestCaseError> {
    use err::Layer;
    use err::packet::SliceError;
    let surprise = || TestCaseError::fail(format!("etherparse: {error}; ours: {ours:?} in {frame:02x?}"));
    let known = match (error, &ours) {
        // Refused by both, except for what lies above IP: see below.
        (_, Err(_)) => Known::NotCompared,
        (SliceError::Macsec(_), Ok(None)) => Known::LinkLayers,
        (SliceError::Len(error), Ok(None))
            if matches!(error.layer, Layer::MacsecHeader | Layer::MacsecPacket | Layer::Arp) =>
        {
            Known::LinkLayers
        }
        (_, Ok(None)) => return Err(surprise()),
        (SliceError::Ipv4(_) | SliceError::Ipv6(_), Ok(Some(packet))) => {
            let by_type = matches!(error, SliceError::Ipv4(_));
            // Only the version may have been the reason: everything else ours refuses as well.
            if packet.src.is_ipv4() == by_type {
                return Err(surprise());
            }
            Known::VersionAgainstEtherType
        }
        (SliceError::Ipv4Exts(_), Ok(Some(packet))) if packet.protocol == IpProtocol::AH => {
            Known::AuthenticationInIpv4
        }
        (SliceError::Ipv6Exts(err::ipv6_exts::HeaderError::HopByHopNotAtStart), Ok(Some(packet))) => {
            if packet.protocol != IpProtocol::HOP_BY_HOP && packet.fragment.is_none() {
                return Err(surprise());
            }
            Known::HopByHopNotFirst
        }
        (SliceError::Ipv6Exts(_), Ok(Some(packet))) if packet.fragment.is_some() => {
            Known::BehindFragmentHeader
        }
        (SliceError::Len(error), Ok(Some(packet))) => match error.layer {
            Layer::Ipv4Packet if packet.length != LengthSource::Ip => Known::Ipv4Length,
            Layer::Ipv6Packet if packet.length != LengthSource::Ip => Known::Ipv6Length,
            // Also where each reads the other version's fields.
            Layer::Ipv6Header | Layer::Ipv6Packet if packet.src.is_ipv4() => Known::VersionAgainstEtherType,
            Layer::Ipv4Header | Layer::Ipv4Packet if packet.src.is_ipv6() => Known::VersionAgainstEtherType,
            Layer::IpAuthHeader if packet.src.is_ipv4() => Known::AuthenticationInIpv4,
            Layer::TcpHeader if packet.protocol == IpProtocol::TCP => {
                if TcpSegment::parse(packet.payload, packet.payload_len).is_ok() {
                    return Err(surprise());
                }
                Known::NotCompared
            }
            Layer::UdpHeader | Layer::UdpPayload if packet.protocol == IpProtocol::UDP => {
                match UdpDatagram::parse(packet.payload, packet.payload_len) {
                    Err(_) => Known::NotCompared,
                    Ok(datagram) if datagram.is_truncated() => Known::UdpLength,
                    Ok(_) => return Err(surprise()),
                }
            }
            Layer::Icmpv4
            | Layer::Icmpv4Timestamp
            | Layer::Icmpv4TimestampReply
            | Layer::Icmpv6
            | Layer::Igmp => Known::NotCompared,
            _ if packet.protocol == IpProtocol::AH && packet.src.is_ipv4() => Known::AuthenticationInIpv4,
            _ if packet.fragment.is_some() => Known::BehindFragmentHeader,
            _ => return Err(surprise()),
        },
        (SliceError::Tcp(_), Ok(Some(packet))) => {
            if TcpSegment::parse(packet.payload, packet.payload_len).is_ok() {
                return Err(surprise());
            }
            Known::NotCompared
        }
        _ => return Err(surprise()),
    };
    Ok(known)
}

/// What to build a frame from.
#[derive(Clone, Debug)]
struct Plan {
    tags: Vec<u16>,
    addresses: (IpAddr, IpAddr),
    traffic_class: u8,
    hop_limit: u8,
    id: u16,
    fragment: Option<(u16, bool)>,
    /// IPv4 options, or the lengths and kinds of IPv6 extension headers.
    extra: Vec<u8>,
    transport: Transport,
    payload: Vec<u8>,
    padding: usize,
}

#[derive(Clone, Debug)]
enum Transport {
    Tcp {
        ports: (u16, u16),
        numbers: (u32, u32),
        flags: u16,
        window: u16,
        urgent: u16,
        options: Vec<Vec<u8>>,
    },
    Udp {
        ports: (u16, u16),
    },
}

fn any_option() -> impl Strategy<Value = Vec<u8>> {
    let mut forms = vec![(1, 1), (2, 4), (3, 3), (4, 2), (5, 10), (5, 18), (8, 10)];
    forms.push((1, 1));
    (prop::sample::select(forms), prop::collection::vec(any::<u8>(), 32)).prop_map(|((kind, len), data)| {
        if kind == 1 { vec![1] } else { [&[kind, len as u8][..], &data[..len - 2]].concat() }
    })
}

fn any_transport() -> impl Strategy<Value = Transport> {
    let ports = any::<(u16, u16)>();
    let tcp = (
        ports,
        any::<(u32, u32)>(),
        0_u16..0x200,
        any::<(u16, u16)>(),
        prop::collection::vec(any_option(), 0..6),
    )
        .prop_map(|(ports, numbers, flags, (window, urgent), options)| Transport::Tcp {
            ports,
            numbers,
            flags,
            window,
            urgent,
            options,
        });
    prop_oneof![3 => tcp, 1 => ports.prop_map(|ports| Transport::Udp { ports })]
}

fn any_plan() -> impl Strategy<Value = Plan> {
    let addresses = prop_oneof![
        any::<(u32, u32)>().prop_map(|(src, dst)| (IpAddr::V4(src.into()), IpAddr::V4(dst.into()))),
        any::<(u128, u128)>().prop_map(|(src, dst)| (IpAddr::V6(src.into()), IpAddr::V6(dst.into()))),
    ];
    (
        prop::collection::vec(prop::sample::select(vec![0x8100_u16, 0x88a8, 0x9100]), 0..=3),
        addresses,
        any::<(u8, u8, u16)>(),
        prop::option::weighted(0.2, (0_u16..8192, any::<bool>())),
        prop::collection::vec(any::<u8>(), 0..5),
        any_transport(),
        prop::collection::vec(any::<u8>(), 0..200),
        0_usize..30,
    )
        .prop_map(
            |(
                tags,
                addresses,
                (traffic_class, hop_limit, id),
                fragment,
                extra,
                transport,
                payload,
                padding,
            )| {
                Plan {
                    tags,
                    addresses,
                    traffic_class,
                    hop_limit,
                    id,
                    fragment,
                    extra,
                    transport,
                    payload,
                    padding,
                }
            },
        )
}

impl Plan {
    fn upper(&self) -> (IpProtocol, Vec<u8>) {
        let (src, dst) = self.addresses;
        let mut out = vec![0; 60 + self.payload.len()];
        let pieces = || self.payload.chunks(7);
        let (protocol, len) = match &self.transport {
            Transport::Udp { ports } => {
                let repr = UdpRepr { src_port: ports.0, dst_port: ports.1 };
                (IpProtocol::UDP, repr.emit(&mut out, src, dst, pieces()).unwrap())
            }
            Transport::Tcp { ports, numbers, flags, window, urgent, options } => {
                let mut builder = OptionsBuilder::new();
                for option in options {
                    let option = tcpstate::wire::TcpOptions::new(option).iter().next().unwrap().unwrap();
                    // What does not fit any more is left out.
                    let _ = builder.push(&option);
                }
                let repr = TcpRepr {
                    src_port: ports.0,
                    dst_port: ports.1,
                    seq: numbers.0.into(),
                    ack: numbers.1.into(),
                    flags: TcpFlags::from_bits(*flags),
                    window: *window,
                    urgent: *urgent,
                    options: builder.as_bytes(),
                };
                (IpProtocol::TCP, repr.emit(&mut out, src, dst, pieces()).unwrap())
            }
        };
        out.truncate(len);
        (protocol, out)
    }

    fn network(&self) -> (u16, Vec<u8>) {
        let (protocol, upper) = self.upper();
        match self.addresses {
            (IpAddr::V4(src), IpAddr::V4(dst)) => {
                let repr = Ipv4Repr {
                    dscp: self.traffic_class >> 2,
                    ecn: self.traffic_class & 3,
                    id: self.id,
                    dont_fragment: self.fragment.is_none(),
                    more_fragments: self.fragment.is_some_and(|(_, more)| more),
                    fragment_offset: self.fragment.map_or(0, |(offset, _)| offset * 8),
                    ttl: self.hop_limit,
                    payload_len: upper.len(),
                    options: &self.extra,
                    ..Ipv4Repr::new(src, dst, protocol)
                };
                let mut out = vec![0; repr.header_len()];
                repr.emit(&mut out).unwrap();
                out.extend(upper);
                (0x0800, out)
            }
            (IpAddr::V6(src), IpAddr::V6(dst)) => {
                let (next_header, extensions) = self.extensions(protocol);
                let header = Ipv6Header {
                    traffic_class: self.traffic_class,
                    flow_label: u32::from(self.id) << 4 | 5,
                    payload_len: u16::try_from(extensions.len() + upper.len()).unwrap(),
                    hop_limit: self.hop_limit,
                    ..Ipv6Header::new(src, dst, next_header)
                };
                let mut out = vec![0; 40];
                header.emit(&mut out).unwrap();
                out.extend(extensions);
                out.extend(upper);
                (0x86dd, out)
            }
            _ => unreachable!("addresses are made in pairs"),
        }
    }

    /// Extension headers that end in `protocol`, and the number of the first one.
    fn extensions(&self, protocol: IpProtocol) -> (IpProtocol, Vec<u8>) {
        const KINDS: [u8; 4] = [60, 43, 51, 44];
        let mut out = Vec::new();
        let mut next = protocol.0;
        if let Some((offset, more)) = self.fragment {
            let field = (offset << 3 | u16::from(more)).to_be_bytes();
            out = vec![next, 0, field[0], field[1], 9, 8, self.hop_limit, 6];
            next = 44;
        }
        for extra in &self.extra {
            let kind = KINDS[usize::from(extra % 4)];
            let header = match kind {
                44 => vec![next, 0, 0, 0, 1, 2, 3, 4],
                51 => [vec![next, 1 + extra % 3], vec![*extra; 10 + 4 * usize::from(extra % 3)]].concat(),
                _ => [vec![next, extra % 3], vec![0; 6 + 8 * usize::from(extra % 3)]].concat(),
            };
            out = [header, out].concat();
            next = kind;
        }
        if self.id.is_multiple_of(4) {
            out = [vec![next, 0, 1, 4, 0, 0, 0, 0], out].concat();
            next = 0;
        }
        (IpProtocol(next), out)
    }

    fn frame(&self) -> Vec<u8> {
        let (ethertype, network) = self.network();
        let mut frame = vec![0x02; 12];
        for tag in &self.tags {
            frame.extend(tag.to_be_bytes());
            frame.extend([0x20, 0x07]);
        }
        frame.extend(ethertype.to_be_bytes());
        frame.extend(network);
        frame.resize(frame.len() + self.padding, 0xee);
        frame
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn both_see_the_same_in_well_formed_packets(plan in any_plan()) {
        let frame = plan.frame();
        prop_assert_eq!(compare(&frame)?, None);
        let packet = ours(&frame).unwrap().unwrap();
        let (protocol, upper) = plan.upper();
        prop_assert_eq!((packet.protocol, packet.payload), (protocol, &upper[..]));
        if protocol == IpProtocol::TCP {
            let segment = TcpSegment::parse(packet.payload, packet.payload_len).unwrap();
            prop_assert_eq!(segment.checksum_status(packet.src, packet.dst), ChecksumStatus::Good);
            prop_assert_eq!(segment.payload, &plan.payload[..]);
        }
    }

    #[test]
    fn in_mutated_packets_they_differ_only_as_listed(
        plan in any_plan(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        in_header: bool,
        cut in prop::option::weighted(0.3, any::<prop::sample::Index>()),
    ) {
        let mut frame = plan.frame();
        // Most of a frame is payload, where a change says little.
        let reach = if in_header { frame.len().min(110) } else { frame.len() };
        for (place, value) in changes {
            frame[place.index(reach)] = value;
        }
        if let Some(cut) = cut {
            frame.truncate(cut.index(frame.len()));
        }
        compare(&frame)?;
    }

    #[test]
    fn in_any_octets_they_differ_only_as_listed(kind in prop::sample::select(vec![[8_u8, 0], [0x86, 0xdd], [0x81, 0]]), first in prop::sample::select(vec![0x45_u8, 0x46, 0x60, 0x65]), rest in prop::collection::vec(any::<u8>(), 0..120)) {
        let frame = [&[2_u8; 12][..], &kind, &[first], &rest].concat();
        compare(&frame)?;
    }

    #[test]
    fn both_put_the_same_fragments_together(
        octets in prop::collection::vec(any::<u8>(), 9..300),
        cuts in prop::collection::btree_set(1_usize..38, 1..8),
        backwards: bool,
    ) {
        // The first cut is always inside: one piece would be a whole packet.
        let mut edges: Vec<usize> = cuts.iter().map(|cut| cut * 8).filter(|&at| 8 < at && at < octets.len()).collect();
        edges.splice(0..0, [0, 8]);
        edges.push(octets.len());
        let mut parts: Vec<_> = edges.windows(2).map(|edge| (edge[0], edge[1])).collect();
        if backwards {
            parts.reverse();
        }
        let parts: Vec<_> = parts.iter().map(|&(start, end)| (start, end < octets.len(), &octets[start..end])).collect();
        let (ours, theirs) = reassemble(&parts);
        prop_assert_eq!(&ours, &Some(octets));
        prop_assert_eq!(ours, theirs);
    }
}

/// What each makes of fragments: where they begin, whether more follow, and their octets.
fn reassemble(parts: &[(usize, bool, &[u8])]) -> (Option<Vec<u8>>, Option<Vec<u8>>) {
    use tcpstate::wire::{FragmentLimits, FragmentOutcome, Reassembler};
    let mut reassembler = Reassembler::new(FragmentLimits::default());
    let mut pool = etherparse::defrag::IpDefragPool::<(), ()>::new();
    let (mut ours, mut theirs) = (None, None);
    for &(start, more, octets) in parts {
        let repr = Ipv4Repr {
            dont_fragment: false,
            more_fragments: more,
            fragment_offset: u16::try_from(start).unwrap(),
            payload_len: octets.len(),
            ..Ipv4Repr::new([10, 0, 0, 1].into(), [10, 0, 0, 2].into(), IpProtocol::UDP)
        };
        let mut bytes = vec![0; 20];
        repr.emit(&mut bytes).unwrap();
        bytes.extend(octets);
        let packet = IpPacket::parse(&bytes, bytes.len()).unwrap();
        if let FragmentOutcome::Complete(whole) = reassembler.push(tcpstate::Instant::ZERO, &packet) {
            ours = Some(whole.payload.to_vec());
        }
        let sliced = SlicedPacket::from_ip(&bytes).unwrap();
        if let Ok(Some(whole)) = pool.process_sliced_packet(&sliced, (), ()) {
            theirs = Some(whole.payload);
        }
    }
    (ours, theirs)
}

// The divergences, one by one.

fn ethernet(ethertype: u16, rest: &[u8]) -> Vec<u8> {
    [&[2; 12][..], &ethertype.to_be_bytes(), rest].concat()
}

fn v4(total_len: u16, protocol: u8, rest: &[u8]) -> Vec<u8> {
    let [high, low] = total_len.to_be_bytes();
    let header = [0x45, 0, high, low, 0, 0, 0, 0, 64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
    ethernet(0x0800, &[&header, rest].concat())
}

fn v6(payload_len: u16, next: u8, rest: &[u8]) -> Vec<u8> {
    let [high, low] = payload_len.to_be_bytes();
    ethernet(0x86dd, &[&[0x60, 0, 0, 0, high, low, next, 64][..], &[0xfe; 32], rest].concat())
}

fn known(frame: &[u8]) -> Option<Known> {
    compare(frame).unwrap()
}

#[test]
fn an_unknown_tcp_option_is_skipped_where_etherparse_stops() {
    let options = [99, 4, 1, 2, 2, 4, 5, 180];
    let theirs: Vec<_> = etherparse::TcpOptionsIterator::from_slice(&options).collect();
    assert!(matches!(theirs[..], [Err(_)]));
    assert_eq!(tcpstate::wire::TcpOptions::new(&options).mss(), Some(1460));
}

#[test]
fn overlapping_fragments_are_dropped_where_etherparse_lets_the_last_win() {
    let parts = [(0, true, &b"0123456789abcdef"[..]), (8, true, b"########"), (16, false, b"end")];
    assert_eq!(reassemble(&parts), (None, Some(b"01234567########end".to_vec())));
}

#[test]
fn lengths_that_etherparse_refuses_are_taken_from_the_link() {
    for total_len in [0, 19, 200] {
        let frame = v4(total_len, 200, &[0; 30]);
        let refused_by_both = total_len == 19;
        assert_eq!(ours(&frame).is_err(), refused_by_both);
        let expected = if refused_by_both { Known::NotCompared } else { Known::Ipv4Length };
        assert_eq!(known(&frame), Some(expected));
    }
    assert_eq!(known(&v6(200, 200, &[0; 30])), Some(Known::Ipv6Length));
}

#[test]
fn jumbo_payload_and_no_next_header_are_understood_where_etherparse_takes_all() {
    let frame = v6(0, 59, &[0; 6]);
    assert_eq!(known(&frame), Some(Known::JumboOrEmpty));
    assert_eq!(ours(&frame).unwrap().unwrap().payload_len, 0);
    let illegal = v6(0, 0, &[200, 0, 0xc2, 4, 0, 0, 0, 9]);
    assert_eq!(known(&illegal), Some(Known::JumboOrEmpty));
    let error = ipv6::Ipv6Error::IllegalJumbo { len: 9 };
    assert_eq!(ours(&illegal), Err(error.to_string()));
}

#[test]
fn fragmented_octets_are_not_read_as_headers_where_etherparse_does() {
    // The octets of a later fragment only look like destination options.
    let frame = v6(16, 44, &[60, 0, 0x05, 0xa8, 0, 0, 0, 1, 60, 0, 0, 0, 0, 0, 0, 0]);
    assert!(SlicedPacket::from_ethernet(&frame).is_err());
    assert_eq!(known(&frame), Some(Known::BehindFragmentHeader));
    assert_eq!(ours(&frame).unwrap().unwrap().payload.len(), 8);
    // Nor like an authentication header, which would be too short.
    let frame = v6(16, 44, &[51, 0, 0x05, 0xa8, 0, 0, 0, 1, 6, 0, 0, 0, 0, 0, 0, 0]);
    assert!(SlicedPacket::from_ethernet(&frame).is_err());
    assert_eq!(known(&frame), Some(Known::BehindFragmentHeader));
}

#[test]
fn extension_headers_are_walked_as_listed() {
    let hop_by_hop_second = v6(16, 60, &[0, 0, 1, 4, 0, 0, 0, 0, 6, 0, 1, 4, 0, 0, 0, 0]);
    assert_eq!(known(&hop_by_hop_second), Some(Known::HopByHopNotFirst));
    let mobility = v6(8, 135, &[200, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(known(&mobility), Some(Known::MobilityAndOthers));
    assert_eq!(ours(&mobility).unwrap().unwrap().protocol, IpProtocol(200));
    let many: Vec<u8> =
        std::iter::repeat_n([60, 0, 1, 4, 0, 0, 0, 0], 20).flatten().chain([200; 8]).collect();
    let many = [&many[..152], &[200, 0, 1, 4, 0, 0, 0, 0]].concat();
    assert_eq!(known(&v6(160, 60, &many)), Some(Known::TooManyExtensions));
    assert_eq!(known(&v6(8, 51, &[200, 0, 0, 0, 0, 0, 0, 0])), Some(Known::NotCompared));
    let authenticated = v4(32, 51, &[200, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(known(&authenticated), Some(Known::AuthenticationInIpv4));
    assert_eq!(ours(&authenticated).unwrap().unwrap().protocol, IpProtocol::AH);
}

#[test]
fn link_layers_are_unwrapped_that_etherparse_does_not_know() {
    let packet = &v4(20, 200, &[])[14..];
    let four_tags = [&[0, 1, 0x81, 0, 0, 1, 0x81, 0, 0, 1, 0x81, 0, 0, 1, 8, 0][..], packet].concat();
    let session = [&[0x11, 0, 0, 1, 0, 22, 0, 0x21][..], packet].concat();
    let snap = [&[0xaa, 0xaa, 3, 0, 0, 0, 8, 0][..], packet].concat();
    for frame in [ethernet(0x8100, &four_tags), ethernet(0x8864, &session), ethernet(28, &snap)] {
        assert_eq!(known(&frame), Some(Known::LinkLayers));
        assert_eq!(ours(&frame).unwrap().unwrap().protocol, IpProtocol(200));
    }
    let macsec = ethernet(0x88e5, &[0; 20]);
    assert_eq!(ours(&macsec), Ok(None));
}

#[test]
fn the_version_decides_where_etherparse_holds_the_ethertype_against_it() {
    let frame = ethernet(0x0800, &v6(8, 200, &[0; 8])[14..]);
    assert_eq!(known(&frame), Some(Known::VersionAgainstEtherType));
}

#[test]
fn a_udp_length_beyond_the_packet_is_cut_where_etherparse_refuses_it() {
    assert_eq!(known(&v4(28, 17, &[0, 1, 0, 2, 0, 100, 0, 0])), Some(Known::UdpLength));
}
