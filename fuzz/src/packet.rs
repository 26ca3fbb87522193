//! Any octets, read as a frame of any link type: every part that a parser answers lies inside what it was given,
//! lengths agree with one another, what was read can be written and read again, and where etherparse reads the
//! packet too, both read the same. What is too large and may be cut into fragments is put together again. And a flow
//! without a host gets it, from whom it may be.
//!
//! Input: an octet that picks the link type, one that says how much of the frame was not captured, the frame.

use std::net::IpAddr;

use etherparse::{IpNumber, IpSlice, TcpSlice, UdpSlice};
use tcpstate::Instant;
use tcpstate::wire::fragment::Pieces;
use tcpstate::wire::ipv6::{Duty, Examined};
use tcpstate::wire::{
    Checksum, ChecksumStatus, FragmentLimits, FragmentOutcome, Icmpv4Message, Icmpv6Message, IpPacket,
    IpProtocol, Ipv4Header, Ipv4Repr, LengthSource, LinkType, Network, Quote, QuotedUpper, Reassembler,
    TcpFlags, TcpRepr, TcpSegment, UdpDatagram, UdpRepr, checksum, link,
};

use crate::single;

/// The link types that the first octet of an input picks from.
pub const LINK_TYPES: [LinkType; 12] = [
    LinkType::Ethernet,
    LinkType::RawIp,
    LinkType::Null,
    LinkType::Loop,
    LinkType::Ipv4,
    LinkType::Ipv6,
    LinkType::LinuxSll,
    LinkType::LinuxSll2,
    LinkType::Ppp,
    LinkType::PppHdlc,
    LinkType::PppEther,
    LinkType::Other(147),
];

/// One input.
pub fn run(input: &[u8]) {
    let Some((&[link_type, not_captured], frame)) = input.split_first_chunk::<2>() else {
        return;
    };
    let link_type = LINK_TYPES[usize::from(link_type) % LINK_TYPES.len()];
    // Half of the inputs are whole frames; the others miss up to 127 times 16 octets.
    let wire_len = frame.len() + usize::from(not_captured.saturating_sub(128)) * 16;
    match link::network_layer(link_type, frame, wire_len) {
        Ok(Network::Ip { bytes, wire_len: rest }) => {
            assert_inside(bytes, frame);
            assert!((bytes.len()..=wire_len).contains(&rest));
            check_ip(bytes, rest);
        }
        Ok(Network::Other { .. }) => {}
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// `part` is a piece of `whole`, or empty.
#[track_caller]
fn assert_inside(part: &[u8], whole: &[u8]) {
    let (part, whole) = (part.as_ptr_range(), whole.as_ptr_range());
    assert!(part.is_empty() || whole.start <= part.start && part.end <= whole.end);
}

fn check_ip(bytes: &[u8], wire_len: usize) {
    let whole = wire_len == bytes.len();
    let theirs = IpSlice::from_slice(bytes).ok().filter(|_| whole);
    let packet = match IpPacket::parse(bytes, wire_len) {
        Ok(packet) => packet,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            // In IPv6 we refuse more: endless chains of headers, jumbograms that need not be.
            assert!(!matches!(theirs, Some(IpSlice::Ipv4(_))), "refused what etherparse reads: {error}");
            return;
        }
    };
    assert_inside(packet.payload, bytes);
    assert!(packet.payload.len() <= packet.payload_len && packet.payload_len <= wire_len);
    assert_eq!(packet.src.is_ipv4(), packet.dst.is_ipv4());
    assert!(packet.fragment.is_none_or(|fragment| fragment.offset % 8 == 0 && fragment.offset <= 65_528));
    if whole {
        assert_eq!(packet.payload.len(), packet.payload_len);
    }
    if packet.src.is_ipv4() {
        check_ipv4_header(bytes);
    }
    if let Some(theirs) = theirs {
        same_ip(&packet, &theirs);
    }
    // Whatever the protocol field says: the parsers must stand it, and the fuzzer need not find the field first.
    let whole = packet.payload.len() == packet.payload_len;
    check_tcp(&packet, whole);
    check_udp(&packet, whole);
    check_icmp(&packet);
    check_quote(bytes, &packet);
    check_examined(bytes, &packet, whole);
    check_pieces(bytes);
    single::run(bytes, &packet);
}

/// With the right checksum: the fuzzer need not find it.
fn check_icmp(packet: &IpPacket<'_>) {
    let mut octets = packet.payload.to_vec();
    if octets.len() < 8 {
        return;
    }
    octets[2..4].fill(0);
    let mut sum = match (packet.src, packet.dst) {
        (IpAddr::V6(_), dst) => {
            checksum::pseudo_header(packet.src, dst, IpProtocol::ICMPV6, octets.len() as u32)
        }
        _ => Checksum::new(),
    };
    sum.add_bytes(&octets);
    octets[2..4].copy_from_slice(&sum.finish().to_be_bytes());
    let mut out = vec![0; octets.len()];
    match (packet.src, packet.dst) {
        (IpAddr::V6(src), IpAddr::V6(dst)) => {
            let read = Icmpv6Message::parse(&octets, src, dst).expect("the checksum is right");
            let len = read.emit(&mut out, src, dst).expect("what was read can be written");
            let again = Icmpv6Message::parse(&out[..len], src, dst).expect("what was written can be read");
            assert_eq!(again, read);
        }
        _ => {
            let read = Icmpv4Message::parse(&octets).expect("the checksum is right");
            let len = read.emit(&mut out).expect("what was read can be written");
            assert_eq!(Icmpv4Message::parse(&out[..len]).expect("what was written can be read"), read);
        }
    }
}

/// A quote may end anywhere; what it says agrees with the packet.
fn check_quote(bytes: &[u8], packet: &IpPacket<'_>) {
    for len in [bytes.len(), bytes.len() / 2, 28.min(bytes.len()), 48.min(bytes.len())] {
        if let Some(quote) = Quote::parse(&bytes[..len]) {
            assert_eq!((quote.src, quote.dst), (packet.src, packet.dst));
            assert_eq!(
                quote.ends().is_some(),
                matches!(quote.upper, QuotedUpper::Tcp(_) | QuotedUpper::Udp { .. })
            );
        }
    }
}

/// What a host accepts of extension headers is what those see who only look on.
fn check_examined(bytes: &[u8], packet: &IpPacket<'_>, whole: bool) {
    if packet.src.is_ipv4() {
        return;
    }
    let seen = Examined::of(bytes).expect("it has an IPv6 header");
    assert!(seen.upper_at as usize <= bytes.len() && (seen.next_header_at as usize) < bytes.len());
    match seen.duty {
        Duty::Accept if seen.fragment_at.is_none() && whole && packet.length == LengthSource::Ip => {
            assert_eq!(seen.protocol, packet.protocol);
        }
        Duty::Problem(problem) => assert!((problem.pointer as usize) < bytes.len()),
        _ => {}
    }
}

/// What can be cut up is put together again.
fn check_pieces(bytes: &[u8]) {
    let Ok(mut pieces) = Pieces::of(bytes, 120, 7) else { return };
    let limits = FragmentLimits { fragments_per_datagram: 10_000, ..FragmentLimits::default() };
    let (mut table, mut out, mut whole) = (Reassembler::new(limits), [0; 120], None);
    while let Some(len) = pieces.emit_next(&mut out).expect("there is room") {
        // What is small enough goes as it is.
        if bytes.len() <= out.len() {
            assert_eq!((&out[..len], pieces.count()), (bytes, 1));
            return;
        }
        let packet = IpPacket::parse(&out[..len], len).expect("a fragment is a packet");
        match table.push(Instant::ZERO, &packet) {
            FragmentOutcome::Waiting => {}
            outcome => assert!(whole.replace(outcome).is_none(), "nothing comes after the last"),
        }
    }
    // Headers in the fragmented part may be malformed: that is seen only now.
    match whole.expect("all fragments were put in") {
        FragmentOutcome::Complete(whole) => assert!(bytes.ends_with(&whole.payload)),
        outcome => assert!(bytes[0] >> 4 == 6, "{outcome:?}"),
    }
}

fn check_ipv4_header(bytes: &[u8]) {
    let Ok(header) = Ipv4Header::parse(bytes, bytes.len()) else {
        return;
    };
    assert!(header.options_iter().count() <= header.options().len());
    let options = header.options();
    let repr = Ipv4Repr {
        dscp: header.dscp,
        ecn: header.ecn,
        id: header.id,
        dont_fragment: header.dont_fragment,
        more_fragments: header.more_fragments,
        fragment_offset: header.fragment_offset,
        ttl: header.ttl,
        protocol: header.protocol,
        src: header.src,
        dst: header.dst,
        payload_len: usize::from(header.total_len).saturating_sub(header.header_len()),
        options,
    };
    let mut out = [0xff; Ipv4Header::MAX_LEN];
    let len = repr.emit(&mut out).expect("what was read can be written");
    let again = Ipv4Header::parse(&out[..len], len).expect("what was written can be read");
    assert!(again.checksum_ok());
    assert_eq!((again.options(), again.header_len()), (options, header.header_len()));
    assert_eq!((again.id, again.fragment_offset), (header.id, header.fragment_offset));
    // All octets but the checksum, the length where it was zero, and the reserved flag, which is not kept.
    let reserved = bytes[6] & 0x80;
    assert_eq!(out[..2], bytes[..2]);
    assert_eq!((out[6] | reserved, &out[7..10], &out[12..len]), (bytes[6], &bytes[7..10], &bytes[12..len]));
    if let Ok(theirs) = etherparse::Ipv4HeaderSlice::from_slice(bytes)
        && reserved == 0
    {
        let right = theirs.to_header().calc_header_checksum();
        assert_eq!(header.checksum_ok(), same_checksum(right, header.checksum));
    }
}

/// Zero and its complement are the same number in ones-complement arithmetic.
fn same_checksum(a: u16, b: u16) -> bool {
    a == b || a ^ b == 0xffff && (a == 0 || b == 0)
}

fn same_ip(ours: &IpPacket<'_>, theirs: &IpSlice<'_>) {
    assert_eq!((ours.src, ours.dst), (theirs.source_addr(), theirs.destination_addr()));
    match theirs {
        IpSlice::Ipv4(packet) => {
            let header = packet.header();
            assert_eq!(ours.hop_limit, header.ttl());
            assert_eq!(ours.traffic_class, header.dcp().value() << 2 | header.ecn().value());
            // etherparse passes the authentication header here; we leave it in the payload.
            if header.protocol() == IpNumber::AUTHENTICATION_HEADER {
                return;
            }
        }
        IpSlice::Ipv6(packet) => {
            let header = packet.header();
            assert_eq!(ours.hop_limit, header.hop_limit());
            assert_eq!(ours.traffic_class, header.traffic_class());
            // A length of zero is one when nothing follows (RFC 8200 §4.7), and a jumbogram has its length
            // elsewhere (RFC 2675 §2). etherparse takes all there is.
            let first = header.next_header();
            if header.payload_length() == 0
                && (first == IpNumber::IPV6_NO_NEXT_HEADER || first == IpNumber::IPV6_HEADER_HOP_BY_HOP)
            {
                return;
            }
            // etherparse stops at these; we pass them (RFC 6275 §6.1, RFC 7401 §5.1, RFC 5533 §5).
            if [135, 139, 140].contains(&theirs.payload_ip_number().0) {
                return;
            }
        }
    }
    assert_eq!(ours.fragment.is_some(), theirs.is_fragmenting_payload());
    // etherparse looks for more headers in the payload of an IPv6 fragment; they are of the reassembled whole.
    if ours.fragment.is_some() && ours.src.is_ipv6() {
        return;
    }
    assert_eq!(ours.protocol, IpProtocol(theirs.payload_ip_number().0));
    assert_eq!(ours.payload, theirs.payload().payload);
}

fn check_tcp(packet: &IpPacket<'_>, whole: bool) {
    let theirs = TcpSlice::from_slice(packet.payload);
    let segment = match TcpSegment::parse(packet.payload, packet.payload_len) {
        Ok(segment) => segment,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            assert!(!whole || theirs.is_err(), "refused what etherparse reads: {error}");
            return;
        }
    };
    assert_inside(segment.payload, packet.payload);
    assert_inside(segment.options.as_bytes(), packet.payload);
    assert!(segment.payload.len() <= segment.payload_len);
    assert_eq!(segment.header_len + segment.payload_len, packet.payload_len);
    assert_eq!(segment.header_len, TcpSegment::MIN_HEADER_LEN + segment.options.wire_len());
    assert_eq!(segment.end_seq() - segment.seq, segment.seq_len());
    let status = segment.checksum_status(packet.src, packet.dst);
    assert_eq!(status == ChecksumStatus::Unknown, !whole);
    if whole {
        same_tcp(packet, &segment, &theirs.expect("etherparse reads every segment that we read"));
        tcp_round_trip(packet, &segment);
    }
}

fn same_tcp(packet: &IpPacket<'_>, ours: &TcpSegment<'_>, theirs: &TcpSlice<'_>) {
    assert_eq!((ours.src_port, ours.dst_port), (theirs.source_port(), theirs.destination_port()));
    assert_eq!((ours.seq.get(), ours.ack.get()), (theirs.sequence_number(), theirs.acknowledgment_number()));
    assert_eq!((ours.window, ours.urgent), (theirs.window_size(), theirs.urgent_pointer()));
    assert_eq!(ours.checksum, theirs.checksum());
    assert_eq!((ours.options.as_bytes(), ours.payload), (theirs.options(), theirs.payload()));
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
        assert_eq!(ours.flags.contains(flag), set, "{flag}");
    }
    let right = match (packet.src, packet.dst) {
        (IpAddr::V4(src), IpAddr::V4(dst)) => theirs.calc_checksum_ipv4(src.octets(), dst.octets()),
        (IpAddr::V6(src), IpAddr::V6(dst)) => theirs.calc_checksum_ipv6(src.octets(), dst.octets()),
        _ => unreachable!("one packet has addresses of one version"),
    };
    let Ok(right) = right else { return };
    let good = ours.checksum_status(packet.src, packet.dst) == ChecksumStatus::Good;
    assert_eq!(good, same_checksum(right, ours.checksum));
}

fn tcp_round_trip(packet: &IpPacket<'_>, segment: &TcpSegment<'_>) {
    let repr = TcpRepr {
        src_port: segment.src_port,
        dst_port: segment.dst_port,
        seq: segment.seq,
        ack: segment.ack,
        flags: segment.flags,
        window: segment.window,
        urgent: segment.urgent,
        options: segment.options.as_bytes(),
    };
    let mut out = vec![0xff; packet.payload.len()];
    // In two pieces, so that the second begins at an odd place now and then.
    let (first, second) = segment.payload.split_at(segment.payload.len().div_ceil(2));
    let len = repr.emit(&mut out, packet.src, packet.dst, [first, second]).expect("there is room");
    assert_eq!(len, packet.payload.len());
    let again = TcpSegment::parse(&out, len).expect("what was written can be read");
    assert_eq!(again.checksum_status(packet.src, packet.dst), ChecksumStatus::Good);
    // All octets but the checksum and the reserved bits, which are written as zero.
    assert_eq!((&out[..12], &out[13..16], &out[18..]), {
        let octets = packet.payload;
        (&octets[..12], &octets[13..16], &octets[18..])
    });
}

fn check_udp(packet: &IpPacket<'_>, whole: bool) {
    let theirs = UdpSlice::from_slice(packet.payload).ok().filter(|_| whole);
    let datagram = match UdpDatagram::parse(packet.payload, packet.payload_len) {
        Ok(datagram) => datagram,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            assert!(theirs.is_none(), "refused what etherparse reads: {error}");
            return;
        }
    };
    assert_inside(datagram.payload, packet.payload);
    assert!(datagram.payload.len() <= datagram.payload_len);
    assert!(UdpDatagram::HEADER_LEN + datagram.payload_len <= packet.payload_len);
    if whole {
        assert_eq!(datagram.payload.len(), datagram.payload_len);
        udp_round_trip(packet, &datagram);
    }
    let Some(theirs) = theirs else { return };
    assert!(!datagram.is_truncated());
    assert_eq!((datagram.src_port, datagram.dst_port), (theirs.source_port(), theirs.destination_port()));
    assert_eq!((datagram.length, datagram.checksum), (theirs.length(), theirs.checksum()));
    assert_eq!(datagram.payload, theirs.payload());
    let header = theirs.to_header();
    let right = match (packet.src, packet.dst) {
        (IpAddr::V4(src), IpAddr::V4(dst)) => {
            header.calc_checksum_ipv4_raw(src.octets(), dst.octets(), theirs.payload())
        }
        (IpAddr::V6(src), IpAddr::V6(dst)) => {
            header.calc_checksum_ipv6_raw(src.octets(), dst.octets(), theirs.payload())
        }
        _ => unreachable!("one packet has addresses of one version"),
    };
    // etherparse sums the length field, which is zero where the IP packet's length counts; and zero as a checksum
    // means that there is none.
    if let Ok(right) = right
        && datagram.length != 0
        && datagram.checksum != 0
    {
        let good = datagram.checksum_status(packet.src, packet.dst) == ChecksumStatus::Good;
        assert_eq!(good, same_checksum(right, datagram.checksum));
    }
}

fn udp_round_trip(packet: &IpPacket<'_>, datagram: &UdpDatagram<'_>) {
    let repr = UdpRepr { src_port: datagram.src_port, dst_port: datagram.dst_port };
    let len = UdpDatagram::HEADER_LEN + datagram.payload.len();
    let mut out = vec![0xff; len];
    let emitted = repr.emit(&mut out, packet.src, packet.dst, [datagram.payload]);
    if len > usize::from(u16::MAX) {
        assert!(emitted.is_err());
        return;
    }
    assert_eq!(emitted, Ok(len));
    let again = UdpDatagram::parse(&out, len).expect("what was written can be read");
    assert_eq!((again.src_port, again.dst_port), (datagram.src_port, datagram.dst_port));
    assert_eq!(again.payload, datagram.payload);
    assert_eq!(again.checksum_status(packet.src, packet.dst), ChecksumStatus::Good);
}
