use super::super::testing::*;
use crate::wire::fragment::Pieces;

/// A UDP datagram to us, of so many octets, header included.
fn udp(len: usize) -> Vec<u8> {
    v4(THEIRS, OURS, IpProtocol::UDP, &vec![5; len])
}

fn udp_6(len: usize) -> Vec<u8> {
    v6(THEIRS_6, OURS_6, IpProtocol::UDP, &vec![5; len])
}

fn silence(packet: &[u8], complaint: Complaint) -> Option<Silence> {
    let mut icmp = icmp();
    let done = icmp.complain(NOW, &about(packet), complaint).err();
    assert_eq!(drain(&mut icmp).len(), usize::from(done.is_none()));
    if let Some(why) = done {
        assert_eq!(icmp.stats().withheld(why), 1);
    }
    done
}

/// The octets of `packet`, put together from fragments of 1,400 octets.
fn put_together(packet: &[u8]) -> crate::wire::Reassembled {
    let (mut pieces, mut out) = (Pieces::of(packet, 1400, 1).unwrap(), vec![0; 1400]);
    let mut fragments = Fragments::new(default_limits());
    while let Some(len) = pieces.emit_next(&mut out).unwrap() {
        let piece = IpPacket::parse(&out[..len], len).unwrap();
        if let Taken::Whole(whole) = fragments.take(NOW, &out[..len], &piece) {
            return whole;
        }
    }
    panic!("a fragment is missing");
}

const OPTION: Complaint = Complaint::Parameter(Problem { code: ParameterCode::OPTION, pointer: 42 });

#[test]
fn who_sends_to_a_closed_port_is_told_with_as_much_of_the_packet_as_fits() {
    // RFC 1122 §4.1.3.1; RFC 1812 §4.3.2.3: 576 octets.
    for len in [8, 528, 529, 1400] {
        let (mut icmp, packet) = (icmp(), udp(len));
        assert_eq!(icmp.complain(NOW, &about(&packet), Complaint::Port), Ok(()));
        let sent = drain(&mut icmp).remove(0);
        assert_eq!(sent.len(), (len + 48).min(576));
        let (ip, message) = read_v4(&sent);
        assert_eq!((ip.src, ip.dst, ip.traffic_class), (OURS.into(), THEIRS.into(), 0));
        let quote = &packet[..packet.len().min(548)];
        assert_eq!(message, Icmpv4Message::Unreachable { code: icmpv4::Unreachable::PORT, quote });
        assert_eq!(icmp.stats().sent(IcmpKind::Unreachable), 1);
    }
    // RFC 4443 §2.4 (c), §3.1: 1280 octets.
    for len in [8, 1192, 1193, 1400] {
        let (mut icmp, packet) = (icmp(), udp_6(len));
        assert_eq!(icmp.complain(NOW, &about(&packet), Complaint::Port), Ok(()));
        let sent = drain(&mut icmp).remove(0);
        assert_eq!(sent.len(), (len + 88).min(1280));
        let (ip, message) = read_v6(&sent);
        assert_eq!((ip.src, ip.dst), (OURS_6.into(), THEIRS_6.into()));
        let quote = &packet[..packet.len().min(1232)];
        assert_eq!(message, Icmpv6Message::Unreachable { code: icmpv6::Unreachable::PORT, quote });
    }
}

#[test]
fn padding_of_the_link_is_not_quoted() {
    let mut padded = udp(8);
    padded.extend([0xee; 18]);
    let mut icmp = icmp();
    icmp.complain(NOW, &about(&padded), Complaint::Port).unwrap();
    assert_eq!(drain(&mut icmp)[0].len(), 20 + 8 + 28);
}

#[test]
fn who_sends_a_protocol_not_known_is_told_where_it_is_named() {
    // RFC 1122 §3.2.2.1.
    let (mut icmp, packet) = (icmp(), v4(THEIRS, OURS, IpProtocol(200), &[1; 8]));
    icmp.complain(NOW, &about(&packet), Complaint::Protocol).unwrap();
    let sent = drain(&mut icmp).remove(0);
    assert_eq!(
        read_v4(&sent).1,
        Icmpv4Message::Unreachable { code: icmpv4::Unreachable::PROTOCOL, quote: &packet }
    );
    // RFC 8200 §4: code 1, pointing to the number, here in the first octet of destination options.
    let packet = v6(THEIRS_6, OURS_6, IpProtocol::DESTINATION_OPTIONS, &[200, 0, 1, 4, 0, 0, 0, 0]);
    icmp.complain(NOW, &about(&packet), Complaint::Protocol).unwrap();
    let sent = drain(&mut icmp).remove(0);
    let (code, quote) = (ParameterCode::NEXT_HEADER, &packet[..]);
    assert_eq!(read_v6(&sent).1, Icmpv6Message::ParameterProblem { code, pointer: 40, quote });
}

#[test]
fn a_problem_points_to_the_octet() {
    let (mut icmp, packet) = (icmp(), udp_6(8));
    icmp.complain(NOW, &about(&packet), OPTION).unwrap();
    let sent = drain(&mut icmp).remove(0);
    let (code, quote) = (ParameterCode::OPTION, &packet[..]);
    assert_eq!(read_v6(&sent).1, Icmpv6Message::ParameterProblem { code, pointer: 42, quote });
}

#[test]
fn whose_fragments_do_not_come_is_told_about_the_first() {
    // RFC 792, RFC 4443 §3.3: code 1.
    let (mut icmp, packet) = (icmp(), udp(1000));
    let mut pieces = Pieces::of(&packet, 600, 1).unwrap();
    let (mut first, mut second) = (vec![0; 600], vec![0; 600]);
    pieces.emit_next(&mut first).unwrap();
    let len = pieces.emit_next(&mut second).unwrap().unwrap();
    icmp.complain(NOW, &about(&first), Complaint::Reassembly).unwrap();
    let sent = drain(&mut icmp).remove(0);
    assert_eq!(read_v4(&sent).1, Icmpv4Message::TimeExceeded { code: 1, quote: &first[..548] });
    assert_eq!(
        icmp.complain(NOW, &about(&second[..len]), Complaint::Reassembly),
        Err(Silence::LaterFragment),
        "RFC 1122 §3.2.2"
    );
}

#[test]
fn about_what_was_put_together_a_plain_header_is_quoted() {
    for (packet, max) in [(udp(3000), 548), (udp_6(3000), 1232)] {
        let mut icmp = icmp();
        icmp.complain_about_whole(NOW, &put_together(&packet), &about(&[]), Complaint::Port).unwrap();
        let sent = drain(&mut icmp).remove(0);
        let quote = match sent[0] >> 4 {
            4 => match read_v4(&sent).1 {
                Icmpv4Message::Unreachable { quote, .. } => quote,
                other => panic!("{other:?}"),
            },
            _ => match read_v6(&sent).1 {
                Icmpv6Message::Unreachable { quote, .. } => quote,
                other => panic!("{other:?}"),
            },
        };
        assert_eq!(quote, &packet[..max]);
    }
}

/// RFC 1122 §3.2.2, RFC 4443 §2.4 (c): what is quoted is what has come, with the hops and the traffic class that it had.
#[test]
fn hops_and_traffic_class_are_quoted_of_what_was_put_together() {
    let quoted = |packet: &[u8]| {
        let mut icmp = icmp();
        icmp.complain_about_whole(NOW, &put_together(packet), &about(&[]), Complaint::Port).unwrap();
        let sent = drain(&mut icmp).remove(0);
        sent[sent.len() - if sent[0] >> 4 == 4 { 548 } else { 1232 }..].to_vec()
    };
    let mut packet = udp(3000);
    let repr = Ipv4Repr {
        dscp: 46,
        ecn: 2,
        ttl: 9,
        payload_len: 3000,
        dont_fragment: false,
        ..Ipv4Repr::new(THEIRS, OURS, IpProtocol::UDP)
    };
    repr.emit(&mut packet).unwrap();
    assert_eq!((packet[1], packet[8]), (46 << 2 | 2, 9));
    assert_eq!(quoted(&packet), packet[..548]);

    let mut packet = udp_6(3000);
    packet[..2].copy_from_slice(&[0x6b, 0xa0]);
    packet[7] = 9;
    assert_eq!(quoted(&packet), packet[..1232]);
}

#[test]
fn nothing_is_said_about_an_icmp_error() {
    // RFC 1122 §3.2.2, RFC 4443 §2.4 (e.1), (e.2).
    for kind in 0..=255 {
        let packet = v4(THEIRS, OURS, IpProtocol::ICMP, &[kind, 0, 0, 0, 0, 0, 0, 0]);
        let expected = (!Icmpv4Message::is_query(kind)).then_some(Silence::AboutError);
        assert_eq!(silence(&packet, Complaint::Protocol), expected, "type {kind}");
        let packet = v6(THEIRS_6, OURS_6, IpProtocol::ICMPV6, &[kind, 0, 0, 0, 0, 0, 0, 0]);
        let expected = (kind < 128 || kind == 137).then_some(Silence::AboutError);
        assert_eq!(silence(&packet, OPTION), expected, "type {kind}");
    }
    // Hidden behind headers, and cut before its type.
    let hidden = [&[58, 0, 1, 4, 0, 0, 0, 0][..], &[1, 4, 0, 0, 0, 0, 0, 0]].concat();
    let packet = v6(THEIRS_6, OURS_6, IpProtocol::DESTINATION_OPTIONS, &hidden);
    assert_eq!(silence(&packet, OPTION), Some(Silence::AboutError));
    let packet = v4(THEIRS, OURS, IpProtocol::ICMP, &[8, 0]);
    assert_eq!(silence(&packet, Complaint::Protocol), Some(Silence::AboutError));
}

#[test]
fn nothing_is_said_to_what_is_not_one_host() {
    // RFC 1122 §3.2.2: zero, loopback, broadcast, multicast, class E; RFC 4443 §2.4 (e.6).
    for src in ["0.0.0.0", "0.1.2.3", "127.0.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255"] {
        let packet = v4(src.parse().unwrap(), OURS, IpProtocol::UDP, &[0; 8]);
        assert_eq!(silence(&packet, Complaint::Port), Some(Silence::Source), "{src}");
    }
    for src in ["::", "::1", "ff02::1", "::ffff:10.0.0.1"] {
        let packet = v6(src.parse().unwrap(), OURS_6, IpProtocol::UDP, &[0; 8]);
        assert_eq!(silence(&packet, Complaint::Port), Some(Silence::Source), "{src}");
    }
}

#[test]
fn nothing_is_said_to_who_claims_to_be_us_but_we_may_talk_to_ourselves() {
    let packet = v4(OURS, OURS, IpProtocol::UDP, &[0; 8]);
    assert_eq!(silence(&packet, Complaint::Port), Some(Silence::Source));
    let looped = About { origin: Origin::Loop, ..about(&packet) };
    let mut icmp = icmp();
    assert_eq!(icmp.complain(NOW, &looped, Complaint::Port), Ok(()));
    let here = v6(Ipv6Addr::LOCALHOST, Ipv6Addr::LOCALHOST, IpProtocol::UDP, &[0; 8]);
    assert_eq!(icmp.complain(NOW, &About { packet: &here, ..looped }, Complaint::Port), Ok(()));
}

#[test]
fn nothing_is_said_about_packets_to_groups_and_broadcasts() {
    // RFC 1122 §3.2.2, RFC 4443 §2.4 (e.3) to (e.5).
    for dst in [Ipv4Addr::BROADCAST, Ipv4Addr::new(224, 0, 0, 1)] {
        let packet = v4(THEIRS, dst, IpProtocol::UDP, &[0; 8]);
        assert_eq!(silence(&packet, Complaint::Port), Some(Silence::Group));
    }
    let packet = v6(THEIRS_6, GROUP_6, IpProtocol::UDP, &[0; 8]);
    assert_eq!(silence(&packet, Complaint::Port), Some(Silence::Group));
    // The broadcast address of a network, which only the network knows; or a broadcast of the link.
    let packet = v4(THEIRS, OURS, IpProtocol::UDP, &[0; 8]);
    let speaker = Some(OURS.into());
    let to_all = About { broadcast: true, speaker, ..about(&packet) };
    assert_eq!(icmp().complain(NOW, &to_all, Complaint::Port), Err(Silence::Group));
    assert_eq!(icmp().complain(NOW, &to_all, OPTION), Err(Silence::Group));
}

#[test]
fn an_option_that_all_must_know_is_spoken_of_even_if_all_got_it() {
    // RFC 4443 §2.4 (e.3): parameter problem, code 2.
    let packet = v6(THEIRS_6, GROUP_6, IpProtocol::UDP, &[0; 8]);
    let to_group = About { speaker: Some(OURS_6.into()), ..about(&packet) };
    let mut icmp = icmp();
    assert_eq!(icmp.complain(NOW, &to_group, OPTION), Ok(()));
    assert_eq!(read_v6(&drain(&mut icmp)[0]).0.src, IpAddr::from(OURS_6));
    assert_eq!(icmp.complain(NOW, &to_group, Complaint::Port), Err(Silence::Group));
    let field = Complaint::Parameter(Problem { code: ParameterCode::FIELD, pointer: 4 });
    assert_eq!(icmp.complain(NOW, &to_group, field), Err(Silence::Group));
    assert_eq!(icmp.complain(NOW, &about(&packet), OPTION), Err(Silence::Group), "there must be who speaks");
}

#[test]
fn nothing_is_said_about_what_cannot_be_read_or_is_switched_off() {
    for packet in [&[][..], &[0x45; 19], &[0x60; 39], &[0x50; 60]] {
        assert_eq!(silence(packet, Complaint::Port), Some(Silence::Unreadable));
    }
    let off = IcmpConfig {
        port_unreachable: false,
        protocol_unreachable: false,
        time_exceeded: false,
        parameter_problem: false,
        ..IcmpConfig::default()
    };
    for complaint in [Complaint::Port, Complaint::Protocol, Complaint::Reassembly, OPTION] {
        assert_eq!(with(off).complain(NOW, &about(&udp_6(8)), complaint), Err(Silence::Off));
    }
}

#[test]
fn one_address_is_told_ten_times_at_once_and_then_ten_times_a_second() {
    // RFC 4443 §2.4 (f).
    let (mut icmp, packet) = (icmp(), udp(8));
    let mut told = |now| icmp.complain(now, &about(&packet), Complaint::Port).is_ok();
    // Each costs between one and one and a half.
    let at_once = (0..100).filter(|_| told(NOW)).count();
    assert!((7..=10).contains(&at_once), "{at_once}");
    let later = (1..=10_000_u64).filter(|ms| told(NOW + Duration::from_millis(*ms))).count();
    assert!((66..=100).contains(&later), "{later} in ten seconds");
    assert!(!told(Instant::ZERO), "a clock that steps back brings nothing");
}

#[test]
fn whoever_is_told_too_often_leaves_enough_for_others() {
    let mut icmp = icmp();
    for _ in 0..10_000 {
        let _ = icmp.complain(NOW, &about(&udp(8)), Complaint::Port);
    }
    drain(&mut icmp);
    let others = (3..=30).filter(|&last| {
        let packet = v4(Ipv4Addr::new(10, 0, 0, last), OURS, IpProtocol::UDP, &[0; 8]);
        icmp.complain(NOW, &about(&packet), Complaint::Port).is_ok()
    });
    // Those that fall into the same bucket get nothing; all others do, as long as there is something for all.
    assert!(others.count() >= 20);
}

#[test]
fn all_together_are_told_fifty_times_at_once() {
    let mut icmp = icmp();
    let told = (0..10_000_u16).filter(|&host| {
        let [high, low] = host.to_be_bytes();
        let packet = v4(Ipv4Addr::new(10, 7, high, low), OURS, IpProtocol::UDP, &[0; 8]);
        icmp.complain(NOW, &about(&packet), Complaint::Port).is_ok()
    });
    let told = told.count();
    assert!((33..=50).contains(&told), "{told}");
}

#[test]
fn a_network_of_64_bits_is_told_as_one_address_is() {
    let mut icmp = icmp();
    let told = (0..1000_u16).filter(|&host| {
        let src = Ipv6Addr::new(0x2001, 0xdb8, 0, 9, 0, 0, 0, host);
        icmp.complain(NOW, &about(&v6(src, OURS_6, IpProtocol::UDP, &[0; 8])), Complaint::Port).is_ok()
    });
    assert!(told.count() <= 10);
}

#[test]
fn what_waits_is_bounded_in_octets() {
    let config = IcmpConfig {
        queue: 5000,
        error_limit: RateLimit::UNLIMITED,
        error_limit_each: RateLimit::UNLIMITED,
        ..IcmpConfig::default()
    };
    let mut icmp = with(config);
    let packet = udp_6(1400);
    let done: Vec<_> = (0..10).map(|_| icmp.complain(NOW, &about(&packet), Complaint::Port)).collect();
    assert_eq!(done.iter().filter(|done| done.is_ok()).count(), 3);
    assert_eq!(done.last(), Some(&Err(Silence::Full)));
    assert!(icmp.out.memory() <= 5000);
    drain(&mut icmp);
    assert_eq!(icmp.out.memory(), 0);
    assert_eq!(icmp.complain(NOW, &about(&packet), Complaint::Port), Ok(()));
    assert_eq!(icmp.poll_transmit(&mut [0; 1279]), None, "what does not fit does not block");
    assert!(icmp.is_empty());
}
