use super::*;
use crate::SeqNumber;
use crate::tcp::{SackList, Timestamps};
use core::net::{Ipv4Addr, Ipv6Addr};
use proptest::prelude::*;
use std::vec;
use std::vec::Vec;

const V4: [&str; 2] = ["192.0.2.1:80", "192.0.2.2:49152"];
const V6: [&str; 2] = ["[2001:db8::1]:80", "[2001:db8::2]:49152"];

/// What the second of the two sends to the first.
fn framing([to, from]: [&str; 2]) -> Framing {
    Framing {
        local: from.parse().unwrap(),
        remote: to.parse().unwrap(),
        hop_limit: 57,
        dscp: 46,
        id: 0x1234,
        flow_label: 0xabcde,
        layout: OptionLayout::Usual,
    }
}

fn expected(framing: &Framing) -> Expected<'_> {
    Expected { local: &framing.remote, peer: Some(&framing.local), accept_offloaded: false }
}

struct Frame<'a> {
    from: SocketAddr,
    meta: SegmentMeta,
    payload: &'a [u8],
}

/// What comes of a packet, which is the same with the short way and without.
fn parse<'a>(bytes: &'a [u8], expected: &Expected<'_>) -> Result<Frame<'a>, IgnoreReason> {
    let [mut meta, mut by_the_long_way] = [SegmentMeta::default(); 2];
    let parsed = read(bytes, expected, &mut meta);
    assert_eq!(parsed, read_any(bytes, expected, &mut by_the_long_way));
    let (from, payload) = parsed?;
    assert_eq!(meta, by_the_long_way);
    Ok(Frame { from, meta, payload })
}

/// Writes a packet, which has the same octets with the short way and without.
fn emit(
    framing: &Framing,
    out: &mut [u8],
    meta: &SegmentMeta,
    payload: &[&[u8]],
) -> Result<usize, EmitError> {
    let mut by_the_long_way = out.to_vec();
    let written = framing.emit(out, meta, payload.iter().copied());
    assert_eq!(written, framing.emit_any(&mut by_the_long_way, meta, payload.iter().copied()));
    assert!(written.is_err() || out == by_the_long_way);
    written
}

fn meta(flags: TcpFlags) -> SegmentMeta {
    SegmentMeta {
        seq: SeqNumber::new(1_000),
        ack: SeqNumber::new(2_000),
        flags,
        window: 512,
        ..SegmentMeta::default()
    }
}

fn packet(framing: &Framing, meta: &SegmentMeta, payload: &[u8]) -> Vec<u8> {
    let mut out = [0; 2000];
    let len = emit(framing, &mut out, meta, &[payload]).unwrap();
    out[..len].to_vec()
}

/// A segment of five octets over IPv4, changed by `change`; IP header checksum put right.
fn changed(change: impl FnOnce(&mut Vec<u8>)) -> Result<(), IgnoreReason> {
    let framing = framing(V4);
    let mut packet = packet(&framing, &SegmentMeta { len: 5, ..meta(TcpFlags::ACK) }, b"hello");
    change(&mut packet);
    if packet.len() >= 20 {
        packet[10..12].fill(0);
        let mut sum = crate::wire::Checksum::new();
        sum.add_bytes(&packet[..20]);
        packet[10..12].copy_from_slice(&sum.finish().to_be_bytes());
    }
    parse(&packet, &expected(&framing)).map(drop)
}

// RFC 9293 MUST-3, MUST-57
#[test]
fn what_is_not_for_this_connection_is_ignored_with_the_reason() {
    assert_eq!(changed(|_| {}), Ok(()));
    assert_eq!(changed(Vec::clear), Err(IgnoreReason::NotIp));
    assert_eq!(changed(|packet| packet.truncate(19)), Err(IgnoreReason::NotIp));
    assert_eq!(changed(|packet| packet[0] = 0x75), Err(IgnoreReason::NotIp));
    assert_eq!(changed(|packet| packet[3] += 1), Err(IgnoreReason::IpLength));
    assert_eq!(changed(|packet| packet[2..4].fill(0)), Err(IgnoreReason::IpLength));
    assert_eq!(changed(|packet| packet[19] = 9), Err(IgnoreReason::OtherDestination));
    assert_eq!(changed(|packet| packet[16..20].fill(255)), Err(IgnoreReason::OtherDestination));
    assert_eq!(changed(|packet| packet[16] = 224), Err(IgnoreReason::OtherDestination));
    assert_eq!(changed(|packet| packet[6] = 0x20), Err(IgnoreReason::Fragment));
    assert_eq!(changed(|packet| packet[7] = 1), Err(IgnoreReason::Fragment));
    assert_eq!(changed(|packet| packet[9] = 17), Err(IgnoreReason::NotTcp));
    assert_eq!(changed(|packet| packet[32] = 0x40), Err(IgnoreReason::TcpHeader));
    assert_eq!(changed(|packet| packet[32] = 0xf0), Err(IgnoreReason::TcpHeader));
    assert_eq!(changed(|packet| packet[23] = 81), Err(IgnoreReason::OtherPort));
    assert_eq!(changed(|packet| packet[15] = 3), Err(IgnoreReason::OtherSource));
    assert_eq!(changed(|packet| packet[21] += 1), Err(IgnoreReason::OtherSource));
    assert_eq!(changed(|packet| packet[44] ^= 1), Err(IgnoreReason::TcpChecksum));
}

/// All else is right, so that the short way alone decides.
#[test]
fn whoever_else_calls_the_same_port_is_not_the_peer() {
    let expected_of = framing(V4);
    for from in ["192.0.2.2:49153", "192.0.2.3:49152"] {
        let packet = packet(&framing([V4[0], from]), &meta(TcpFlags::ACK), b"");
        let read = parse(&packet, &expected(&expected_of)).map(|frame| frame.from);
        assert_eq!(read, Err(IgnoreReason::OtherSource));
    }
}

/// RFC 9293 MUST-63.
#[test]
fn a_source_that_cannot_be_one_end_of_a_connection_is_ignored() {
    for source in [[224, 0, 0, 1], [255, 255, 255, 255], [0, 0, 0, 0], [0, 1, 2, 3]] {
        let result = changed(|packet| packet[12..16].copy_from_slice(&source));
        assert_eq!(result, Err(IgnoreReason::InvalidSource), "{source:?}");
    }
    assert_eq!(changed(|packet| packet[20..22].fill(0)), Err(IgnoreReason::InvalidSource));
    for source in [Ipv6Addr::UNSPECIFIED, "ff02::1".parse().unwrap(), "::ffff:192.0.2.2".parse().unwrap()] {
        let mut framing = framing(V6);
        framing.local.set_ip(source.into());
        let packet = packet(&framing, &meta(TcpFlags::SYN), &[]);
        let anybody = Expected { peer: None, ..expected(&framing) };
        assert_eq!(parse(&packet, &anybody).map(drop), Err(IgnoreReason::InvalidSource), "{source}");
    }
}

#[test]
fn a_listener_is_not_called_by_itself() {
    let framing = framing([V4[0]; 2]);
    let packet = packet(&framing, &meta(TcpFlags::SYN), &[]);
    let anybody = Expected { peer: None, ..expected(&framing) };
    assert_eq!(parse(&packet, &anybody).map(drop), Err(IgnoreReason::InvalidSource));
}

#[test]
fn a_flipped_bit_anywhere_in_an_ipv4_packet_is_noticed() {
    let framing = framing(V4);
    let good = packet(&framing, &SegmentMeta { len: 5, ..meta(TcpFlags::ACK) }, b"hello");
    for bit in 0..good.len() * 8 {
        let mut packet = good.clone();
        packet[bit / 8] ^= 1 << (bit % 8);
        assert!(parse(&packet, &expected(&framing)).is_err(), "bit {bit}");
    }
}

#[test]
fn what_the_network_card_was_to_fill_in_is_taken_where_that_is_allowed() {
    let framing = framing(V4);
    let mut packet = packet(&framing, &meta(TcpFlags::ACK), &[]);
    let (src, dst) = (framing.local.ip(), framing.remote.ip());
    let pseudo = crate::wire::checksum::pseudo_header(src, dst, IpProtocol::TCP, 20);
    packet[36..38].copy_from_slice(&pseudo.sum().to_be_bytes());
    let strict = expected(&framing);
    assert_eq!(parse(&packet, &strict).map(drop), Err(IgnoreReason::TcpChecksum));
    let lenient = Expected { accept_offloaded: true, ..strict };
    assert!(parse(&packet, &lenient).is_ok());
    packet[37] ^= 1;
    assert_eq!(parse(&packet, &lenient).map(drop), Err(IgnoreReason::TcpChecksum));
}

#[test]
fn padding_of_the_link_is_no_payload() {
    let framing = framing(V4);
    let mut packet = packet(&framing, &meta(TcpFlags::ACK), &[]);
    packet.resize(60, 0);
    assert_eq!(parse(&packet, &expected(&framing)).unwrap().meta.len, 0);
}

/// RFC 9293 MUST-50.
#[test]
fn ip_options_are_ignored() {
    let framing = framing(V4);
    let tcp = packet(&framing, &meta(TcpFlags::ACK), &[])[20..].to_vec();
    let (IpAddr::V4(src), IpAddr::V4(dst)) = (framing.local.ip(), framing.remote.ip()) else { panic!() };
    let mut header = Ipv4Repr::new(src, dst, IpProtocol::TCP);
    header.options = &[148, 4, 0, 0, 7, 7, 4, 0, 0, 0, 0, 0];
    header.payload_len = tcp.len();
    let mut packet = [0; 60];
    let len = header.emit(&mut packet).unwrap();
    packet[len..len + tcp.len()].copy_from_slice(&tcp);
    let frame = parse(&packet[..len + tcp.len()], &expected(&framing)).unwrap();
    assert_eq!(frame.meta, meta(TcpFlags::ACK));
}

fn timestamps() -> Option<Timestamps> {
    Some(Timestamps { val: 0x0102_0304, ecr: 0x0506_0708 })
}

fn syn_options() -> SegmentOptions {
    SegmentOptions {
        mss: Some(1460),
        window_scale: Some(7),
        sack_permitted: true,
        timestamps: timestamps(),
        ..SegmentOptions::default()
    }
}

#[test]
fn the_options_of_a_syn_stand_where_linux_has_them() {
    let octets = |options: &SegmentOptions| {
        write_options(options, true, OptionLayout::Usual).unwrap().as_bytes().to_vec()
    };
    let ts = [8, 10, 1, 2, 3, 4, 5, 6, 7, 8];
    let all = [&[2, 4, 5, 180, 4, 2][..], &ts, &[1, 3, 3, 7]].concat();
    assert_eq!(octets(&syn_options()), all);
    let no_sack = SegmentOptions { sack_permitted: false, ..syn_options() };
    assert_eq!(octets(&no_sack), [&[2, 4, 5, 180, 1, 1][..], &ts, &[1, 3, 3, 7]].concat());
    let no_timestamps = SegmentOptions { timestamps: None, ..syn_options() };
    assert_eq!(octets(&no_timestamps), [2, 4, 5, 180, 1, 1, 4, 2, 1, 3, 3, 7]);
    let cookie = SegmentOptions { fast_open: Cookie::new(&[9; 8]), ..syn_options() };
    assert_eq!(octets(&cookie), [&all[..], &[34, 10], &[9; 8], &[0; 2]].concat());
    let longest = SegmentOptions { fast_open: Cookie::new(&[9; 16]), ..syn_options() };
    assert_eq!(octets(&longest).len(), 40);
}

// RFC 7323-1, 2018-1
#[test]
fn other_segments_carry_timestamps_and_sack_aligned_and_nothing_of_a_syn() {
    let octets = |options: &SegmentOptions| {
        write_options(options, false, OptionLayout::Usual).unwrap().as_bytes().to_vec()
    };
    let ts = [1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8];
    assert_eq!(octets(&syn_options()), ts);
    let block = |at: u32| (SeqNumber::new(at), SeqNumber::new(at + 1));
    let sack: SackList = [block(1), block(5)].into_iter().collect();
    let options = SegmentOptions { timestamps: timestamps(), sack, ..SegmentOptions::default() };
    let blocks = [0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 5, 0, 0, 0, 6];
    assert_eq!(octets(&options), [&ts[..], &[1, 1, 5, 18], &blocks].concat());
    let sack = (0..4).map(block).collect();
    let four = SegmentOptions { sack, ..SegmentOptions::default() };
    assert_eq!(octets(&four).len(), 36);
    let three_fit = SegmentOptions { timestamps: timestamps(), ..four };
    assert_eq!(octets(&three_fit).len(), 40);
}

/// RFC 9293 MUST-5, MUST-6, MUST-65.
#[test]
fn options_are_read_where_they_are_legal_and_skipped_where_not() {
    let read = |octets: &[u8], syn| read_options(&TcpOptions::new(octets), syn);
    let all = [2, 4, 5, 180, 4, 2, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 3, 3, 7];
    assert_eq!(read(&all, true), syn_options());
    let only_timestamps = SegmentOptions { timestamps: timestamps(), ..SegmentOptions::default() };
    assert_eq!(read(&all, false), only_timestamps);
    // Not known, at an odd place, and one of a length that its kind cannot have.
    let strange = [99, 5, 1, 2, 3, 2, 3, 5, 1, 2, 4, 5, 180, 1, 0, 0];
    assert_eq!(read(&strange, true).mss, Some(1460));
    // Of two the first; nothing behind a length of zero.
    assert_eq!(read(&[2, 4, 5, 180, 2, 4, 1, 0, 3, 0, 3, 7], true).mss, Some(1460));
    assert_eq!(read(&[2, 4, 5, 180, 2, 4, 1, 0, 3, 0, 3, 7], true).window_scale, None);
    // SACK blocks on a SYN say nothing.
    let sack = [1, 1, 5, 10, 0, 0, 0, 1, 0, 0, 0, 2];
    assert_eq!((read(&sack, true).sack.len(), read(&sack, false).sack.len()), (0, 1));
}

/// What belongs on a SYN says nothing on any other segment, whatever else is there.
// RFC 9293 MUST-65, RFC 7323-1, RFC 2018-1
#[test]
fn options_of_a_syn_are_read_on_a_syn_only() {
    for octets in [&[2, 4, 5, 180][..], &[3, 3, 7, 0], &[4, 2, 1, 1], &[34, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 1]]
    {
        let read = |syn| read_options(&TcpOptions::new(octets), syn);
        assert_ne!(read(true), SegmentOptions::default(), "{octets:?}");
        assert_eq!(read(false), SegmentOptions::default(), "{octets:?}");
    }
}

fn any_options(syn: bool) -> impl Strategy<Value = SegmentOptions> {
    let timestamps = prop::option::of((any::<u32>(), any::<u32>()));
    let timestamps = timestamps.prop_map(|pair| pair.map(|(val, ecr)| Timestamps { val, ecr }));
    let sack = prop::collection::vec((any::<u32>(), any::<u32>()), 0..=3);
    let cookie = prop::option::of(prop_oneof![Just(0), Just(8), Just(16)]);
    (prop::option::of(any::<u16>()), prop::option::of(any::<u8>()), any::<bool>(), timestamps, sack, cookie)
        .prop_map(move |(mss, window_scale, sack_permitted, timestamps, sack, cookie)| {
            if syn {
                let fast_open = cookie.and_then(|len| Cookie::new(&[7; Cookie::MAX][..len]));
                let sack = SackList::default();
                SegmentOptions { mss, window_scale, sack_permitted, timestamps, sack, fast_open }
            } else {
                let sack = sack.into_iter().map(|(left, right)| (left.into(), right.into())).collect();
                SegmentOptions { timestamps, sack, ..SegmentOptions::default() }
            }
        })
}

fn any_meta() -> impl Strategy<Value = SegmentMeta> {
    (any::<u32>(), any::<u32>(), 0_u16..0x200, any::<u16>(), any::<u16>(), 0_u8..4).prop_flat_map(
        |(seq, ack, flags, window, urgent, ecn)| {
            let flags = TcpFlags::from_bits(flags);
            any_options(flags.contains(TcpFlags::SYN)).prop_map(move |options| SegmentMeta {
                seq: seq.into(),
                ack: ack.into(),
                flags,
                window,
                urgent,
                len: 0,
                ecn: EcnCodepoint::from_bits(ecn),
                options,
            })
        },
    )
}

/// Makes the checksums fit what the headers say, as far as they are headers.
fn put_sums_right(packet: &mut [u8]) {
    if packet.len() >= 20 && packet[0] == 0x45 {
        packet[10..12].fill(0);
        let mut sum = crate::wire::Checksum::new();
        sum.add_bytes(&packet[..20]);
        packet[10..12].copy_from_slice(&sum.finish().to_be_bytes());
    }
    let Ok(ip) = IpPacket::parse(packet, packet.len()) else { return };
    let (src, dst, len) = (ip.src, ip.dst, ip.payload.len());
    let start = ip.payload.as_ptr() as usize - packet.as_ptr() as usize;
    let segment = &mut packet[start..start + len];
    if segment.len() >= 20 {
        segment[16..18].fill(0);
        let mut sum = crate::wire::checksum::pseudo_header(src, dst, IpProtocol::TCP, len as u32);
        sum.add_bytes(segment);
        segment[16..18].copy_from_slice(&sum.finish().to_be_bytes());
    }
}

proptest! {
    // RFC 9293 SHLD-22; RFC 3168 §5
    #[test]
    fn what_is_written_is_read_again_and_another_parser_agrees(
        meta in any_meta(),
        pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..4),
        ends in prop_oneof![Just(V4), Just(V6)],
    ) {
        let payload = pieces.concat();
        let meta = SegmentMeta { len: payload.len() as u32, ..meta };
        let framing = framing(ends);
        let mut out = [0xee; 2000];
        let slices: Vec<_> = pieces.iter().map(Vec::as_slice).collect();
        let len = emit(&framing, &mut out, &meta, &slices).unwrap();
        let frame = parse(&out[..len], &expected(&framing)).unwrap();
        prop_assert_eq!(frame.from, framing.local);
        prop_assert_eq!(frame.meta, meta);
        prop_assert_eq!(frame.payload, &payload);

        let other = etherparse::PacketHeaders::from_ip_slice(&out[..len]).unwrap();
        let Some(etherparse::TransportHeader::Tcp(tcp)) = other.transport else { panic!("not TCP") };
        prop_assert_eq!((tcp.sequence_number, tcp.window_size), (meta.seq.get(), meta.window));
        match other.net.unwrap() {
            etherparse::NetHeaders::Ipv4(ip, _) => {
                prop_assert_eq!(ip.calc_header_checksum(), ip.header_checksum);
                prop_assert_eq!(tcp.calc_checksum_ipv4(&ip, &payload).unwrap(), tcp.checksum);
                prop_assert!(ip.dont_fragment);
                prop_assert_eq!((ip.identification, ip.time_to_live, ip.dscp.value()), (0x1234, 57, 46));
                prop_assert_eq!(ip.ecn.value(), meta.ecn.bits());
            }
            etherparse::NetHeaders::Ipv6(ip, _) => {
                prop_assert_eq!(tcp.calc_checksum_ipv6(&ip, &payload).unwrap(), tcp.checksum);
                prop_assert_eq!((ip.flow_label.value(), ip.hop_limit), (0xabcde, 57));
                prop_assert_eq!(ip.traffic_class, 46 << 2 | meta.ecn.bits());
            }
            _ => panic!("not IP"),
        }
    }

    #[test]
    fn whatever_changes_in_a_packet_the_short_way_agrees_with_the_long_one(
        meta in any_meta(),
        payload in prop::collection::vec(any::<u8>(), 0..40),
        ends in prop_oneof![Just(V4), Just(V6)],
        // Where a header is, and where what is behind it.
        changes in prop::collection::vec((prop_oneof![3 => 0_usize..72, 1 => 0_usize..140], any::<u8>()), 0..3),
        cut in prop_oneof![2 => Just(0_isize), 1 => -30_isize..30],
        (sums_are_right, lenient) in any::<(bool, bool)>(),
    ) {
        let meta = SegmentMeta { len: payload.len() as u32, ..meta };
        let framing = framing(ends);
        let mut packet = packet(&framing, &meta, &payload);
        for (place, octet) in changes {
            let len = packet.len();
            packet[place % len] = octet;
        }
        packet.resize(packet.len().saturating_add_signed(cut), 0xaa);
        if sums_are_right {
            put_sums_right(&mut packet);
        }
        let expected = Expected { accept_offloaded: lenient, ..expected(&framing) };
        // It compares both ways.
        let _ = parse(&packet, &expected);
    }

    #[test]
    fn whatever_is_wrong_with_a_buffer_or_a_header_both_ways_say_the_same(
        meta in any_meta(),
        pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..3),
        room in 0_usize..200,
        too_many in prop::option::weighted(0.2, 65_500_u32..),
        (dscp, flow_label) in prop_oneof![Just((46, 0xabcde)), (any::<u8>(), any::<u32>())],
        ends in prop_oneof![Just(V4), Just(V6), Just([V4[0], V6[1]])],
    ) {
        let slices: Vec<_> = pieces.iter().map(Vec::as_slice).collect();
        let octets = slices.iter().map(|slice| slice.len() as u32).sum();
        let too_many = too_many.filter(|len| *len > 65_535);
        let meta = SegmentMeta { len: too_many.unwrap_or(octets), ..meta };
        let mut out = [0xee; 200];
        let framing = Framing { dscp, flow_label, ..framing(ends) };
        let _ = emit(&framing, &mut out[..room], &meta, &slices);
    }

    #[test]
    fn no_octets_are_too_strange(octets in prop::collection::vec(any::<u8>(), 0..200), version in 4_u8..=6) {
        let mut octets = octets;
        if let Some(first) = octets.first_mut() {
            *first = version << 4 | *first & 15;
        }
        prop_assert!(parse(&octets, &expected(&framing(V4))).is_err());
    }

    /// The checksums are put right, so that what lies behind them is reached.
    #[test]
    fn no_tcp_header_is_too_strange(octets in prop::collection::vec(any::<u8>(), 20..100)) {
        let framing = framing(V6);
        let mut octets = octets;
        octets[..4].copy_from_slice(&[0xc0, 0, 0, 80]);
        octets[16..18].fill(0);
        let (src, dst) = (framing.local.ip(), framing.remote.ip());
        let mut sum = crate::wire::checksum::pseudo_header(src, dst, IpProtocol::TCP, octets.len() as u32);
        sum.add_bytes(&octets);
        octets[16..18].copy_from_slice(&sum.finish().to_be_bytes());
        let mut out = [0; 200];
        let len = framing.emit_ip(&mut out, octets.len(), EcnCodepoint::NotEct).unwrap();
        out[len..len + octets.len()].copy_from_slice(&octets);
        match parse(&out[..len + octets.len()], &expected(&framing)) {
            Ok(frame) => prop_assert!(frame.payload.len() <= octets.len() - 20),
            Err(reason) => prop_assert_eq!(reason, IgnoreReason::TcpHeader),
        }
    }
}

/// What almost every packet is has a short way of its own, out and in, up to the limits of the headers. That it leads where
/// the long one does, the other tests hold; but a short way that nobody went would be none.
#[test]
fn what_is_common_goes_the_short_way_up_to_the_limits_of_the_headers() {
    let v4 = (Ipv4Addr::new(192, 0, 2, 2), Ipv4Addr::new(192, 0, 2, 1));
    let v6: (Ipv6Addr, Ipv6Addr) = ("2001:db8::2".parse().unwrap(), "2001:db8::1".parse().unwrap());
    for timestamps in [None, Some(Timestamps { val: 7, ecr: 9 })] {
        let header = if timestamps.is_some() { 32 } else { 20 };
        let meta = |payload: usize| {
            let mut meta = SegmentMeta { len: payload as u32, ..meta(TcpFlags::ACK) };
            meta.options.timestamps = timestamps;
            meta
        };
        let four = |framing: &Framing, room: usize, payload: usize| {
            let (mut out, octets) = (vec![0; room], vec![5; payload]);
            let written = framing.emit_v4(v4, &mut out, &meta(payload), &mut [&octets[..]].into_iter());
            (written.is_some(), out)
        };
        let six = |framing: &Framing, room: usize, payload: usize| {
            let (mut out, octets) = (vec![0; room], vec![5; payload]);
            let written = framing.emit_v6(v6, &mut out, &meta(payload), &mut [&octets[..]].into_iter());
            (written.is_some(), out)
        };
        let (most_4, most_6) = (65_535 - 20 - header, 65_535 - header);
        for payload in [0, 5, most_4] {
            let (framing, room) = (Framing { dscp: 63, ..framing(V4) }, 20 + header + payload);
            let (written, packet) = four(&framing, room, payload);
            let common = Common::v4(&packet).unwrap();
            let mut seen = SegmentMeta::default();
            common.read(&mut seen);
            assert!(written && common.is_whole() && seen.options.timestamps == timestamps);
            assert_eq!((common.ports(), common.payload_start()), ((49_152, 80), 20 + header));
            assert!(!four(&framing, room - 1, payload).0, "there is no room");
        }
        for payload in [0, 5, most_6] {
            let (framing, room) = (Framing { flow_label: 0xf_ffff, ..framing(V6) }, 40 + header + payload);
            let (written, packet) = six(&framing, room, payload);
            let common = Common::v6(&packet).unwrap();
            let mut seen = SegmentMeta::default();
            common.read(&mut seen);
            assert!(written && common.is_whole() && seen.options.timestamps == timestamps);
            assert_eq!((common.ports(), common.payload_start()), ((49_152, 80), 40 + header));
            assert!(!six(&framing, room - 1, payload).0, "there is no room");
        }
        assert!(!four(&framing(V4), 70_000, most_4 + 1).0 && !six(&framing(V6), 70_000, most_6 + 1).0);
        assert!(!four(&Framing { dscp: 64, ..framing(V4) }, 100, 5).0);
        assert!(!six(&Framing { flow_label: 0x10_0000, ..framing(V6) }, 100, 5).0);
    }
}
