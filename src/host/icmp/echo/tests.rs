use super::super::testing::*;

fn request(data: &[u8]) -> Echo<'_> {
    Echo { id: 0x1234, seq: 5, data }
}

fn asked(data: &[u8]) -> Vec<u8> {
    icmpv4_packet(THEIRS, OURS, &Icmpv4Message::EchoRequest(request(data)))
}

fn asked_6(data: &[u8]) -> Vec<u8> {
    icmpv6_packet(THEIRS_6, OURS_6, &Icmpv6Message::EchoRequest(request(data)))
}

#[test]
fn a_request_gets_all_of_it_back() {
    // RFC 1122 §3.2.2.6, RFC 4443 §4.2.
    let mut icmp = icmp();
    for len in [0, 1, 56, 1400] {
        let data = vec![0xab; len];
        assert_eq!(hear(&mut icmp, &asked(&data)), Heard::Done);
        assert_eq!(hear(&mut icmp, &asked_6(&data)), Heard::Done);
        let sent = drain(&mut icmp);
        let (ip, message) = read_v4(&sent[0]);
        assert_eq!((ip.src, ip.dst), (OURS.into(), THEIRS.into()));
        assert_eq!(message, Icmpv4Message::EchoReply(request(&data)));
        let (ip, message) = read_v6(&sent[1]);
        assert_eq!((ip.src, ip.dst), (OURS_6.into(), THEIRS_6.into()));
        assert_eq!(message, Icmpv6Message::EchoReply(request(&data)));
        assert_eq!(sent.len(), 2);
    }
    assert_eq!(
        (icmp.stats().received(IcmpKind::EchoRequest), icmp.stats().sent(IcmpKind::EchoReply)),
        (8, 8)
    );
}

#[test]
fn the_code_point_comes_back_and_the_mark_of_congestion_does_not() {
    let mut packet = asked(b"data");
    packet[1] = 0xb8 | 3;
    let mut icmp = icmp();
    hear(&mut icmp, &packet);
    assert_eq!(read_v4(&drain(&mut icmp)[0]).0.traffic_class, 0xb8);
    let mut packet = asked_6(b"data");
    packet[0..2].copy_from_slice(&[0x6b, 0xb0]);
    hear(&mut icmp, &packet);
    assert_eq!(read_v6(&drain(&mut icmp)[0]).0.traffic_class, 0xb8);
}

#[test]
fn a_reply_has_the_hop_limit_of_the_host() {
    let mut icmp = Icmp::new(IcmpConfig::default(), 9, &Secret::new([7; 32]));
    hear(&mut icmp, &asked(b"data"));
    hear(&mut icmp, &asked_6(b"data"));
    let sent = drain(&mut icmp);
    assert_eq!((read_v4(&sent[0]).0.hop_limit, read_v6(&sent[1]).0.hop_limit), (9, 9));
}

#[test]
fn a_reply_larger_than_the_path_goes_in_fragments() {
    let data: Vec<u8> = (0..5000_u32).map(|octet| octet as u8).collect();
    let mut icmp = icmp();
    for packet in [asked(&data), asked_6(&data)] {
        hear(&mut icmp, &packet);
        let mut fragments = Fragments::new(default_limits());
        let pieces = drain(&mut icmp);
        assert_eq!(pieces.len(), 4);
        let mut whole = None;
        for piece in &pieces {
            assert!(piece.len() <= 1500);
            let parsed = IpPacket::parse(piece, piece.len()).unwrap();
            assert_eq!(parsed.fragment.unwrap().id, 77);
            if let Taken::Whole(done) = fragments.take(NOW, piece, &parsed) {
                whole = Some(done);
            }
        }
        assert_eq!(whole.unwrap().payload[8..], data);
    }
}

#[test]
fn a_request_that_is_too_long_is_not_answered() {
    let mut icmp = with(IcmpConfig { echo_data: 100, ..IcmpConfig::default() });
    hear(&mut icmp, &asked(&[0; 101]));
    assert_eq!((drain(&mut icmp).len(), icmp.stats().withheld(Silence::TooLong)), (0, 1));
    hear(&mut icmp, &asked(&[0; 100]));
    assert_eq!(drain(&mut icmp).len(), 1);
}

#[test]
fn a_request_to_a_group_is_answered_only_if_asked_for() {
    // RFC 1122 §3.2.2.6, RFC 4443 §4.2: from an address of ours.
    let to_all = icmpv4_packet(THEIRS, Ipv4Addr::BROADCAST, &Icmpv4Message::EchoRequest(request(b"x")));
    let to_net =
        icmpv4_packet(THEIRS, Ipv4Addr::new(10, 0, 0, 255), &Icmpv4Message::EchoRequest(request(b"x")));
    let to_group = icmpv6_packet(THEIRS_6, GROUP_6, &Icmpv6Message::EchoRequest(request(b"x")));
    let mut silent = icmp();
    let mut open = with(IcmpConfig { echo_to_groups: true, ..IcmpConfig::default() });
    for packet in [&to_all, &to_net, &to_group] {
        hear(&mut silent, packet);
        assert_eq!(drain(&mut silent).len(), 0);
        hear(&mut open, packet);
        let sent = drain(&mut open).remove(0);
        let src = IpPacket::parse(&sent, sent.len()).unwrap().src;
        assert!(src == IpAddr::from(OURS) || src == IpAddr::from(OURS_6));
    }
    assert_eq!(silent.stats().withheld(Silence::Group), 3);
}

#[test]
fn a_request_from_what_is_not_one_host_is_not_answered() {
    let mut icmp = icmp();
    for src in [Ipv4Addr::BROADCAST, Ipv4Addr::UNSPECIFIED, Ipv4Addr::LOCALHOST, Ipv4Addr::new(224, 0, 0, 1)]
    {
        hear(&mut icmp, &icmpv4_packet(src, OURS, &Icmpv4Message::EchoRequest(request(b"x"))));
    }
    hear(&mut icmp, &icmpv6_packet(GROUP_6, OURS_6, &Icmpv6Message::EchoRequest(request(b"x"))));
    assert_eq!((drain(&mut icmp).len(), icmp.stats().withheld(Silence::Source)), (0, 5));
}

#[test]
fn a_reply_is_never_answered() {
    let mut icmp = icmp();
    let reply = icmpv4_packet(THEIRS, OURS, &Icmpv4Message::EchoReply(request(b"x")));
    assert_eq!(hear(&mut icmp, &reply), Heard::Raw);
    let reply = icmpv6_packet(THEIRS_6, OURS_6, &Icmpv6Message::EchoReply(request(b"x")));
    assert_eq!(hear(&mut icmp, &reply), Heard::Raw);
    assert!(drain(&mut icmp).is_empty());
}

#[test]
fn requests_are_answered_a_hundred_at_once_and_then_a_thousand_a_second() {
    let mut icmp = icmp();
    let mut answers = |now| {
        hear_at(&mut icmp, now, &asked(b"x"));
        drain(&mut icmp).len()
    };
    let at_once: usize = (0..1000).map(|_| answers(NOW)).sum();
    assert!((66..=100).contains(&at_once), "{at_once}");
    let later: usize = (0..20_000).map(|n| answers(NOW + Duration::from_micros(50 * n))).sum();
    assert!((600..=1000).contains(&later), "{later} in a second");
    let mut off = with(IcmpConfig { echo: false, ..IcmpConfig::default() });
    hear(&mut off, &asked(b"x"));
    assert_eq!((drain(&mut off).len(), off.stats().withheld(Silence::Off)), (0, 1));
}

#[test]
fn replies_that_nobody_polls_do_not_grow() {
    let mut icmp = with(IcmpConfig { echo_limit: RateLimit::UNLIMITED, ..IcmpConfig::default() });
    for len in (0..16_000).step_by(97).chain(0..1000) {
        hear(&mut icmp, &asked(&vec![0; len]));
        assert!(icmp.out.memory() <= 64 << 10);
    }
    assert!(icmp.stats().withheld(Silence::Full) > 0);
}
