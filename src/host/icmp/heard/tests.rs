use super::super::testing::*;
use crate::SeqNumber;
use crate::host::FiveTuple;
use crate::tcp::{NetworkError, PathMtu};

const SEQ: u32 = 0x0102_0304;
const UPPER: [u8; 8] = [0x10, 0x01, 0, 80, 1, 2, 3, 4];

/// A packet of ours of 1500 octets, as far as an old router quotes it.
fn sent(protocol: IpProtocol) -> Vec<u8> {
    let mut packet = v4(OURS, THEIRS, protocol, &UPPER);
    packet[2..4].copy_from_slice(&1500_u16.to_be_bytes());
    packet
}

fn sent_6(protocol: IpProtocol) -> Vec<u8> {
    let mut packet = v6(OURS_6, THEIRS_6, protocol, &UPPER);
    packet[4..6].copy_from_slice(&1460_u16.to_be_bytes());
    packet
}

/// From a router on the way.
fn told(message: &Icmpv4Message<'_>) -> Heard {
    hear(&mut icmp(), &icmpv4_packet(Ipv4Addr::new(192, 0, 2, 9), OURS, message))
}

fn told_6(message: &Icmpv6Message<'_>) -> Heard {
    let router = Ipv6Addr::new(0x2001, 0xdb8, 9, 0, 0, 0, 0, 9);
    hear(&mut icmp(), &icmpv6_packet(router, OURS_6, message))
}

fn flow(protocol: IpProtocol) -> FiveTuple {
    FiveTuple::new(protocol, (OURS, 0x1001).into(), (THEIRS, 80).into())
}

fn flow_6(protocol: IpProtocol) -> FiveTuple {
    FiveTuple::new(protocol, (OURS_6, 0x1001).into(), (THEIRS_6, 80).into())
}

fn tcp_error(tuple: FiveTuple, hard: bool, code: u8) -> Heard {
    Heard::TcpError(tuple, NetworkError { hard, code, seq: SeqNumber::new(SEQ) })
}

// RFC 9293 MUST-54
// RFC 1122-11
#[test]
fn errors_reach_their_connection_hard_and_soft_as_rfc_9293_has_them() {
    // RFC 9293 §3.9.2.2: hard are codes 2 to 4, of which the last is about size.
    let quote = &sent(IpProtocol::TCP)[..];
    let tuple = flow(IpProtocol::TCP);
    for code in (0..16).filter(|&code| code != 4) {
        let message = Icmpv4Message::Unreachable { code: icmpv4::Unreachable(code), quote };
        assert_eq!(told(&message), tcp_error(tuple, matches!(code, 2 | 3), code));
    }
    for code in 0..2 {
        assert_eq!(told(&Icmpv4Message::TimeExceeded { code, quote }), tcp_error(tuple, false, code));
        let message = Icmpv4Message::ParameterProblem { code, pointer: 1, quote };
        assert_eq!(told(&message), tcp_error(tuple, false, code));
    }
    // In IPv6 codes 1 and 4.
    let quote = &sent_6(IpProtocol::TCP)[..];
    let tuple = flow_6(IpProtocol::TCP);
    for code in 0..8 {
        let message = Icmpv6Message::Unreachable { code: icmpv6::Unreachable(code), quote };
        assert_eq!(told_6(&message), tcp_error(tuple, matches!(code, 1 | 4), code));
    }
    for code in 0..4 {
        assert_eq!(told_6(&Icmpv6Message::TimeExceeded { code, quote }), tcp_error(tuple, false, code));
        let message = Icmpv6Message::ParameterProblem { code: ParameterCode(code), pointer: 1, quote };
        assert_eq!(told_6(&message), tcp_error(tuple, false, code));
    }
}

#[test]
fn errors_reach_their_udp_flow() {
    let (quote, tuple) = (&sent(IpProtocol::UDP)[..], flow(IpProtocol::UDP));
    let unreachable = |code| told(&Icmpv4Message::Unreachable { code: icmpv4::Unreachable(code), quote });
    assert_eq!(unreachable(3), Heard::Udp(tuple, Report::PortUnreachable));
    assert_eq!(unreachable(1), Heard::Udp(tuple, Report::Unreachable(1)));
    let heard = told(&Icmpv4Message::TimeExceeded { code: 1, quote });
    assert_eq!(heard, Heard::Udp(tuple, Report::TimeExceeded(1)));
    let (quote, tuple) = (&sent_6(IpProtocol::UDP)[..], flow_6(IpProtocol::UDP));
    let unreachable = |code| told_6(&Icmpv6Message::Unreachable { code: icmpv6::Unreachable(code), quote });
    assert_eq!(unreachable(4), Heard::Udp(tuple, Report::PortUnreachable));
    assert_eq!(unreachable(3), Heard::Udp(tuple, Report::Unreachable(3)));
    let heard = told_6(&Icmpv6Message::ParameterProblem { code: ParameterCode(1), pointer: 6, quote });
    assert_eq!(heard, Heard::Udp(tuple, Report::ParameterProblem(1)));
}

#[test]
fn what_the_path_takes_reaches_the_flow() {
    let heard = |mtu| told(&Icmpv4Message::FragmentationNeeded { mtu, quote: &sent(IpProtocol::TCP) });
    let report = |mtu| Heard::TcpPathMtu(flow(IpProtocol::TCP), PathMtu { mtu, seq: SeqNumber::new(SEQ) });
    // How low it is believed the machine decides (RFC 1191 §3); 0 comes from old routers.
    for mtu in [1400, 68, 20, 0] {
        assert_eq!(heard(mtu), report(u32::from(mtu)));
    }
    let heard = told(&Icmpv4Message::FragmentationNeeded { mtu: 0, quote: &sent(IpProtocol::UDP) });
    assert_eq!(heard, Heard::Udp(flow(IpProtocol::UDP), Report::TooBig { mtu: 0, packet_len: 1500 }));
    let heard = told_6(&Icmpv6Message::PacketTooBig { mtu: 1280, quote: &sent_6(IpProtocol::UDP) });
    assert_eq!(heard, Heard::Udp(flow_6(IpProtocol::UDP), Report::TooBig { mtu: 1280, packet_len: 1500 }));
}

#[test]
fn a_size_below_1280_is_not_heeded_in_ipv6() {
    // RFC 8200 §5, RFC 8201 §4; no atomic fragments either (RFC 8021).
    for mtu in [0, 68, 1279] {
        let heard = told_6(&Icmpv6Message::PacketTooBig { mtu, quote: &sent_6(IpProtocol::TCP) });
        assert_eq!(heard, Heard::Unheeded(Unheeded::BelowMinimum));
    }
}

#[test]
fn a_size_that_the_quoted_packet_keeps_to_is_not_heeded() {
    for mtu in [1500, 9000] {
        let heard = told(&Icmpv4Message::FragmentationNeeded { mtu, quote: &sent(IpProtocol::TCP) });
        assert_eq!(heard, Heard::Unheeded(Unheeded::Size));
        let mtu = u32::from(mtu);
        let heard = told_6(&Icmpv6Message::PacketTooBig { mtu, quote: &sent_6(IpProtocol::TCP) });
        assert_eq!(heard, Heard::Unheeded(Unheeded::Size));
    }
}

// RFC 9293 MUST-55
#[test]
fn source_quench_is_counted_and_not_heeded() {
    // RFC 6633 §5.
    let mut icmp = icmp();
    let packet = icmpv4_packet(THEIRS, OURS, &Icmpv4Message::SourceQuench { quote: &sent(IpProtocol::TCP) });
    assert_eq!(hear(&mut icmp, &packet), Heard::Unheeded(Unheeded::SourceQuench));
    assert_eq!(icmp.stats().received(IcmpKind::SourceQuench), 1);
    assert_eq!(icmp.stats().unheeded(Unheeded::SourceQuench), 1);
}

#[test]
fn what_we_did_not_send_is_not_believed() {
    let not_heeded = Heard::Unheeded(Unheeded::Quote);
    let port = |quote: &[u8]| told(&Icmpv4Message::Unreachable { code: icmpv4::Unreachable::PORT, quote });
    assert_eq!(port(&v4(THEIRS, OURS, IpProtocol::TCP, &UPPER)), not_heeded);
    assert_eq!(port(&v4(Ipv4Addr::new(10, 0, 0, 9), THEIRS, IpProtocol::TCP, &UPPER)), not_heeded);
    assert_eq!(port(&sent_6(IpProtocol::TCP)), not_heeded, "another version");
    let quote = sent(IpProtocol::TCP);
    for len in 0..28 {
        assert_eq!(port(&quote[..len]), not_heeded, "{len} octets");
    }
    assert_ne!(port(&quote), not_heeded);
}

#[test]
fn an_error_about_an_error_or_a_reply_of_ours_is_nobodys() {
    let quote = v4(OURS, THEIRS, IpProtocol::ICMP, &[0, 0, 0, 0, 0, 1, 0, 1]);
    let heard = told(&Icmpv4Message::TimeExceeded { code: 0, quote: &quote });
    assert_eq!(heard, Heard::Unheeded(Unheeded::Quote));
    // What the embedder may have sent is the embedder's.
    let quote = v4(OURS, THEIRS, IpProtocol::ICMP, &[8, 0, 0, 0, 0, 1, 0, 1]);
    assert_eq!(told(&Icmpv4Message::TimeExceeded { code: 0, quote: &quote }), Heard::Raw);
    let quote = v4(OURS, THEIRS, IpProtocol::SCTP, &UPPER);
    assert_eq!(told(&Icmpv4Message::TimeExceeded { code: 0, quote: &quote }), Heard::Raw);
}

#[test]
fn errors_to_groups_or_from_what_is_not_one_host_are_not_heeded() {
    let quote = &sent(IpProtocol::TCP)[..];
    let message = Icmpv4Message::Unreachable { code: icmpv4::Unreachable::PORT, quote };
    let to_all = icmpv4_packet(THEIRS, Ipv4Addr::BROADCAST, &message);
    assert_eq!(hear(&mut icmp(), &to_all), Heard::Unheeded(Unheeded::Group));
    let from_all = icmpv4_packet(Ipv4Addr::BROADCAST, OURS, &message);
    assert_eq!(hear(&mut icmp(), &from_all), Heard::Unheeded(Unheeded::Source));
}

#[test]
fn a_wrong_checksum_is_not_heeded_and_not_counted_as_a_message() {
    let mut icmp = icmp();
    for mut packet in [
        icmpv4_packet(THEIRS, OURS, &Icmpv4Message::EchoRequest(Echo { id: 1, seq: 1, data: b"x" })),
        icmpv6_packet(THEIRS_6, OURS_6, &Icmpv6Message::EchoRequest(Echo { id: 1, seq: 1, data: b"x" })),
    ] {
        *packet.last_mut().unwrap() ^= 1;
        assert_eq!(hear(&mut icmp, &packet), Heard::Unheeded(Unheeded::Malformed));
    }
    assert_eq!(icmp.stats().received(IcmpKind::EchoRequest), 0);
    assert_eq!(icmp.stats().unheeded(Unheeded::Malformed), 2);
}

#[test]
fn types_not_known_are_for_the_embedder() {
    let body = Icmpv4Message::Unknown { kind: 13, code: 0, word: [0; 4], body: &[0; 12] };
    assert_eq!(told(&body), Heard::Raw);
    let solicitation = Icmpv6Message::Unknown { kind: 135, code: 0, word: [0; 4], body: &[0; 16] };
    assert_eq!(told_6(&solicitation), Heard::Raw);
}

#[test]
fn the_link_is_part_of_the_name_of_a_link_local_flow() {
    let (ours, theirs) =
        (Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1), Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 2));
    let quote = v6(ours, theirs, IpProtocol::UDP, &UPPER);
    let message = Icmpv6Message::Unreachable { code: icmpv6::Unreachable::PORT, quote: &quote };
    let packet = icmpv6_packet(theirs, ours, &message);
    let packet = IpPacket::parse(&packet, packet.len()).unwrap();
    let arrived =
        Arrived { packet: &packet, origin: Origin::Wire, scope: 3, local: ours.into(), mtu: 1500, id: 0 };
    let Heard::Udp(tuple, Report::PortUnreachable) = icmp().hear(NOW, &arrived) else { panic!() };
    assert_eq!(tuple.scope(), 3);
}

/// What RFC 9293 §3.9.2.2 has soft, where the embedder wants it hard: a prohibition and a packet that was too long on its
/// way, or everything.
#[test]
fn who_wants_more_hard_errors_gets_these_and_no_others() {
    let quote = &sent(IpProtocol::TCP)[..];
    let router = Ipv4Addr::new(192, 0, 2, 9);
    let is_hard = |config: IcmpConfig, message: &Icmpv4Message<'_>| match hear(
        &mut with(config),
        &icmpv4_packet(router, OURS, message),
    ) {
        Heard::TcpError(_, error) => error.hard,
        other => panic!("{other:?}"),
    };
    let more = IcmpConfig { more_hard_errors: true, ..IcmpConfig::default() };
    let every = IcmpConfig { every_error_hard: true, ..IcmpConfig::default() };
    for code in (0..16).filter(|&code| code != 4) {
        let message = Icmpv4Message::Unreachable { code: icmpv4::Unreachable(code), quote };
        assert_eq!(is_hard(more, &message), matches!(code, 2 | 3 | 9 | 10 | 13..=15), "code {code}");
        assert!(is_hard(every, &message), "code {code}");
    }
    let late = Icmpv4Message::TimeExceeded { code: 0, quote };
    let problem = Icmpv4Message::ParameterProblem { code: 9, pointer: 1, quote };
    assert_eq!([&late, &problem].map(|message| is_hard(more, message)), [true, false]);
    assert_eq!([&late, &problem].map(|message| is_hard(every, message)), [true, true]);
}
