//! ICMP through a whole host, with packets in and packets out: what is answered and told, what is heard and believed.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may fail by panicking"
)]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tcpstate::Instant;
use tcpstate::host::{
    ConnId, Event, Host, HostConfig, IcmpKind, IgnoreReason, Ingress, ListenConfig, ListenOn, LocalAddress,
    Silence, UdpBind, UdpId, UdpNetworkError, UdpOptions, UdpSend, UdpSendError, Unheeded,
};
use tcpstate::tcp::CloseReason;
use tcpstate::wire::fragment::Pieces;
use tcpstate::wire::icmpv4::{self, Icmpv4Message};
use tcpstate::wire::icmpv6::{self, Icmpv6Message, ParameterCode};
use tcpstate::wire::{Echo, IpPacket, IpProtocol, Ipv4Repr, Ipv6Header, UdpRepr};

const NOW: Instant = Instant::from_nanos(1_000_000_000);
const US: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const THEM: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
const ROUTER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 254);
const GROUP: Ipv4Addr = Ipv4Addr::new(239, 1, 2, 3);
const US_6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
const THEM_6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2);
const GROUP_6: Ipv6Addr = Ipv6Addr::new(0xff05, 0, 0, 0, 0, 0, 0, 0x1234);

/// A host with an address of each version, and a group of each.
fn host(last: u8) -> Host {
    with(last, |_| ())
}

fn with(last: u8, change: impl FnOnce(&mut HostConfig)) -> Host {
    let mut config = HostConfig::default();
    let own_6 = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last.into());
    config.addresses.push(LocalAddress::new(Ipv4Addr::new(10, 0, 0, last).into(), 24));
    config.addresses.push(LocalAddress::new(own_6.into(), 64));
    config.groups.extend([IpAddr::from(GROUP), IpAddr::from(GROUP_6)]);
    change(&mut config);
    Host::new(config, [last; 32]).unwrap()
}

fn v4(src: Ipv4Addr, dst: Ipv4Addr, protocol: IpProtocol, payload: &[u8]) -> Vec<u8> {
    let repr =
        Ipv4Repr { payload_len: payload.len(), dont_fragment: false, ..Ipv4Repr::new(src, dst, protocol) };
    let mut out = vec![0; 20];
    repr.emit(&mut out).unwrap();
    out.extend(payload);
    out
}

/// From them to us.
fn v6(next: IpProtocol, payload: &[u8]) -> Vec<u8> {
    v6_to(US_6, next, payload)
}

fn v6_to(dst: Ipv6Addr, next: IpProtocol, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![0; 40];
    let header = Ipv6Header { payload_len: payload.len() as u16, ..Ipv6Header::new(THEM_6, dst, next) };
    header.emit(&mut out).unwrap();
    out.extend(payload);
    out
}

/// A whole UDP datagram of so many octets, header included, to port 9.
fn udp(src: IpAddr, dst: IpAddr, len: usize) -> Vec<u8> {
    let mut out = vec![0; len];
    let payload = vec![7; len - 8];
    UdpRepr { src_port: 4097, dst_port: 9 }.emit(&mut out, src, dst, [&payload[..]]).unwrap();
    out
}

/// What a router says, or they.
fn message(src: Ipv4Addr, dst: Ipv4Addr, message: &Icmpv4Message<'_>) -> Vec<u8> {
    let mut out = vec![0; 2000];
    let len = message.emit(&mut out).unwrap();
    v4(src, dst, IpProtocol::ICMP, &out[..len])
}

fn message_6(message: &Icmpv6Message<'_>) -> Vec<u8> {
    let mut out = vec![0; 2000];
    let len = message.emit(&mut out, THEM_6, US_6).unwrap();
    v6(IpProtocol::ICMPV6, &out[..len])
}

/// The next packet.
fn sent(host: &mut Host) -> Option<Vec<u8>> {
    let mut out = [0; 1500];
    host.poll_transmit(NOW, &mut out).map(|transmit| out[..transmit.len].to_vec())
}

fn read(packet: &[u8]) -> Icmpv4Message<'_> {
    assert_eq!((packet[9], packet[8]), (IpProtocol::ICMP.0, 64));
    Icmpv4Message::parse(&packet[20..]).unwrap()
}

fn read_6(packet: &[u8]) -> Icmpv6Message<'_> {
    Icmpv6Message::parse(&packet[40..], US_6, THEM_6).unwrap()
}

/// Carries everything both have to say, at one moment; and says how many packets that took.
fn carry(a: &mut Host, b: &mut Host) -> usize {
    let mut packets = 0;
    loop {
        let before = packets;
        while let Some(packet) = sent(a) {
            b.handle_packet(NOW, &packet[..]);
            packets += 1;
        }
        while let Some(packet) = sent(b) {
            a.handle_packet(NOW, &packet[..]);
            packets += 1;
        }
        assert!(packets < 10_000, "they talk without end");
        if packets == before {
            return packets;
        }
    }
}

fn socket(host: &mut Host, local: &str, remote: Option<&str>) -> UdpId {
    let mut options = UdpOptions::default();
    options.dont_fragment = true;
    let id = host.udp_bind(UdpBind::Socket(local.parse().unwrap()), options).unwrap();
    if let Some(remote) = remote {
        host.udp(id).unwrap().connect(remote.parse().unwrap()).unwrap();
    }
    id
}

/// A connection that is open, to `remote`.
fn connected(a: &mut Host, b: &mut Host, remote: &str) -> ConnId {
    let listener = b.listen(ListenOn::port(80), &ListenConfig::default()).unwrap();
    let id = a.connect(NOW, remote.parse().unwrap()).unwrap();
    carry(a, b);
    assert!(b.accept(listener).is_some());
    while a.poll_event().is_some() {}
    id
}

#[test]
fn a_ping_is_answered() {
    let mut us = host(1);
    let request = Echo { id: 1, seq: 2, data: b"data" };
    let packet = message(ROUTER, US, &Icmpv4Message::EchoRequest(request));
    assert_eq!(us.handle_packet(NOW, &packet[..]), Ingress::Taken);
    assert_eq!(read(&sent(&mut us).unwrap()), Icmpv4Message::EchoReply(request));
    us.handle_packet(NOW, &message_6(&Icmpv6Message::EchoRequest(request))[..]);
    assert_eq!(read_6(&sent(&mut us).unwrap()), Icmpv6Message::EchoReply(request));
    assert_eq!(sent(&mut us), None);
    assert_eq!(us.icmp_stats().sent(IcmpKind::EchoReply), 2);
}

/// RFC 1122 §3.2.2.6: the answer comes from the address that was asked, whichever of ours it is.
#[test]
fn a_ping_is_answered_by_the_address_that_was_asked() {
    let other = Ipv4Addr::new(10, 0, 0, 77);
    let mut us = with(1, |config| config.addresses.push(LocalAddress::new(other.into(), 24)));
    let request = Echo { id: 1, seq: 2, data: b"data" };
    for asked in [US, other] {
        us.handle_packet(NOW, &message(ROUTER, asked, &Icmpv4Message::EchoRequest(request))[..]);
        let answer = sent(&mut us).unwrap();
        assert_eq!(answer[12..16], asked.octets());
    }
}

#[test]
fn a_ping_to_all_is_answered_only_if_asked_for() {
    // RFC 1122 §3.2.2.6.
    let request = Icmpv4Message::EchoRequest(Echo { id: 1, seq: 2, data: b"data" });
    let mut silent = host(1);
    let mut open = with(1, |config| config.icmp.echo_to_groups = true);
    for dst in [GROUP, Ipv4Addr::new(10, 0, 0, 255), Ipv4Addr::BROADCAST] {
        let packet = message(ROUTER, dst, &request);
        silent.handle_packet(NOW, &packet[..]);
        assert_eq!(sent(&mut silent), None, "{dst}");
        open.handle_packet(NOW, &packet[..]);
        assert_eq!(sent(&mut open).unwrap()[12..16], US.octets(), "{dst}");
    }
    assert_eq!(silent.icmp_stats().withheld(Silence::Group), 3);
}

#[test]
fn a_ping_in_fragments_is_answered_in_fragments() {
    let mut us = host(1);
    let mut whole = vec![0; 5008];
    let request = Echo { id: 1, seq: 2, data: &[9; 5000] };
    Icmpv4Message::EchoRequest(request).emit(&mut whole).unwrap();
    let whole = v4(ROUTER, US, IpProtocol::ICMP, &whole);
    let (mut pieces, mut out) = (Pieces::of(&whole, 1500, 3).unwrap(), [0; 1500]);
    while let Some(len) = pieces.emit_next(&mut out).unwrap() {
        assert_eq!(us.handle_packet(NOW, &out[..len]), Ingress::Taken);
    }
    let reply: Vec<_> = std::iter::from_fn(|| sent(&mut us)).collect();
    assert_eq!((reply.len(), reply.iter().map(|piece| piece.len() - 20).sum::<usize>()), (4, 5008));
}

#[test]
fn a_closed_udp_port_is_told_and_the_sender_hears_it() {
    // RFC 1122 §4.1.3.1, §4.1.3.3.
    for (local, remote) in [("10.0.0.1:5000", "10.0.0.2:9"), ("[2001:db8::1]:5000", "[2001:db8::2]:9")] {
        let (mut a, mut b) = (host(1), host(2));
        let id = socket(&mut a, local, Some(remote));
        a.udp(id).unwrap().send(NOW, b"hello", &UdpSend::default()).unwrap();
        assert_eq!(carry(&mut a, &mut b), 2);
        assert_eq!(a.udp(id).unwrap().recv_from(), Err(UdpNetworkError::Refused));
        assert_eq!(a.udp(id).unwrap().recv_from(), Ok(None));
        assert_eq!(b.icmp_stats().sent(IcmpKind::Unreachable), 1);
        assert_eq!(a.icmp_stats().received(IcmpKind::Unreachable), 1);
    }
}

#[test]
fn a_host_hears_of_its_own_closed_ports() {
    let mut a = host(1);
    let id = socket(&mut a, "10.0.0.1:5000", Some("10.0.0.1:9"));
    a.udp(id).unwrap().send(NOW, b"hello", &UdpSend::default()).unwrap();
    assert_eq!(sent(&mut a), None);
    assert_eq!(a.udp(id).unwrap().recv_from(), Err(UdpNetworkError::Refused));
}

#[test]
fn nothing_is_said_about_datagrams_to_groups_and_broadcasts() {
    // RFC 1122 §3.2.2, RFC 4443 §2.4 (e.3).
    let mut us = host(1);
    for dst in [GROUP, Ipv4Addr::new(10, 0, 0, 255), Ipv4Addr::BROADCAST] {
        let packet = v4(THEM, dst, IpProtocol::UDP, &udp(THEM.into(), dst.into(), 16));
        assert_eq!(us.handle_packet(NOW, &packet[..]), Ingress::Ignored(IgnoreReason::NoSocket));
        // A first fragment, whose others do not come.
        let octets = [7; 16];
        let mut first = v4(THEM, dst, IpProtocol::UDP, &octets);
        Ipv4Repr {
            payload_len: 16,
            more_fragments: true,
            dont_fragment: false,
            ..Ipv4Repr::new(THEM, dst, IpProtocol::UDP)
        }
        .emit(&mut first)
        .unwrap();
        assert_eq!(us.handle_packet(NOW, &first[..]), Ingress::Taken);
    }
    let packet = v6_to(GROUP_6, IpProtocol::UDP, &udp(THEM_6.into(), GROUP_6.into(), 16));
    assert_eq!(us.handle_packet(NOW, &packet[..]), Ingress::Ignored(IgnoreReason::NoSocket));
    us.handle_timeout(NOW + Duration::from_secs(60));
    assert_eq!(sent(&mut us), None);
    assert_eq!(us.icmp_stats().withheld(Silence::Group), 7);
}

#[test]
fn an_option_that_all_must_know_is_spoken_of_even_if_it_came_to_a_group() {
    // RFC 4443 §2.4 (e.3), RFC 8200 §4.2: 10 is told of always, 11 not to a group.
    let mut us = host(1);
    for (option, told) in [(0x9e, true), (0xde, false)] {
        let options = [&[17, 0, option, 4, 0, 0, 0, 0][..], &[0; 8]].concat();
        let packet = v6_to(GROUP_6, IpProtocol::DESTINATION_OPTIONS, &options);
        assert_eq!(us.handle_packet(NOW, &packet[..]), Ingress::Ignored(IgnoreReason::ExtensionHeader));
        let expected =
            Icmpv6Message::ParameterProblem { code: ParameterCode::OPTION, pointer: 42, quote: &packet };
        let said = sent(&mut us);
        assert_eq!(said.as_deref().map(read_6), told.then_some(expected));
    }
}

/// The first next header, the headers, code and pointer of what is told.
type Case<'a> = (IpProtocol, &'a [u8], Option<(u8, u32)>);

#[test]
fn extension_headers_that_cannot_be_followed_are_told_of() {
    // RFC 8200 §4, §4.2, §4.4.
    let cases: [Case<'_>; 6] = [
        (IpProtocol::DESTINATION_OPTIONS, &[17, 0, 0x5e, 4, 0, 0, 0, 0], None),
        (IpProtocol::DESTINATION_OPTIONS, &[17, 0, 0x9e, 4, 0, 0, 0, 0], Some((2, 42))),
        (IpProtocol::HOP_BY_HOP, &[17, 0, 1, 0, 0xde, 2, 0, 0], Some((2, 44))),
        (IpProtocol::ROUTING, &[17, 0, 0, 1, 0, 0, 0, 0], Some((0, 42))),
        (IpProtocol::AH, &[17, 1, 0, 0, 0, 0, 0, 0], Some((1, 6))),
        (IpProtocol::DESTINATION_OPTIONS, &[0, 0, 1, 4, 0, 0, 0, 0], Some((1, 40))),
    ];
    for (next, header, expected) in cases {
        let mut us = host(1);
        let packet = v6(next, &[header, &[0; 16]].concat());
        let taken = us.handle_packet(NOW, &packet[..]);
        assert_eq!(taken, Ingress::Ignored(IgnoreReason::ExtensionHeader), "{next}");
        let expected = expected.map(|(code, pointer)| Icmpv6Message::ParameterProblem {
            code: ParameterCode(code),
            pointer,
            quote: &packet,
        });
        let said = sent(&mut us);
        assert_eq!(said.as_deref().map(read_6), expected);
    }
    // What may be skipped is, and so is a routing header without stops.
    for (next, header) in [(60, [17, 0, 0x1e, 4, 0, 0, 0, 0]), (43, [17, 0, 0, 0, 0, 0, 0, 0])] {
        let mut us = host(1);
        let id = socket(&mut us, "[2001:db8::1]:9", None);
        let packet = v6(IpProtocol(next), &[&header[..], &udp(THEM_6.into(), US_6.into(), 16)].concat());
        assert_eq!(us.handle_packet(NOW, &packet[..]), Ingress::Taken);
        assert_eq!(us.udp(id).unwrap().recv_from().unwrap().unwrap().data, [7; 8][..]);
    }
}

#[test]
fn whose_fragments_do_not_come_is_told_in_time() {
    // RFC 792, RFC 4443 §3.3: time exceeded, code 1.
    let mut us = host(1);
    let first = v6(IpProtocol::FRAGMENT, &[&[17, 0, 0, 1, 0, 0, 0, 9][..], &[1; 16]].concat());
    assert_eq!(us.handle_packet(NOW, &first[..]), Ingress::Taken);
    let late = us.poll_timeout().unwrap();
    assert_eq!(late, NOW + Duration::from_secs(60));
    us.handle_timeout(late);
    assert_eq!(read_6(&sent(&mut us).unwrap()), Icmpv6Message::TimeExceeded { code: 1, quote: &first });
    assert_eq!((us.poll_timeout(), us.fragment_counts().timed_out), (None, 1));
    // Another fragment may find that it is late, before anybody looks at the clock.
    us.handle_packet(NOW, &first[..]);
    us.handle_packet(late, &first[..]);
    assert_eq!(read_6(&sent(&mut us).unwrap()), Icmpv6Message::TimeExceeded { code: 1, quote: &first });
}

#[test]
fn a_first_fragment_without_its_headers_is_told_of() {
    // RFC 7112 §5.
    let mut us = host(1);
    let first = v6(IpProtocol::FRAGMENT, &[&[6, 0, 0, 1, 0, 0, 0, 9][..], &[0; 8]].concat());
    assert_eq!(us.handle_packet(NOW, &first[..]), Ingress::Ignored(IgnoreReason::BadFragment));
    let expected =
        Icmpv6Message::ParameterProblem { code: ParameterCode::HEADER_CHAIN, pointer: 0, quote: &first };
    assert_eq!(read_6(&sent(&mut us).unwrap()), expected);
}

#[test]
fn a_closed_port_is_told_for_datagrams_in_fragments_too() {
    let mut us = host(1);
    let whole = v6(IpProtocol::UDP, &udp(THEM_6.into(), US_6.into(), 3000));
    let (mut pieces, mut out) = (Pieces::of(&whole, 1280, 3).unwrap(), [0; 1280]);
    let mut last = Ingress::Taken;
    while let Some(len) = pieces.emit_next(&mut out).unwrap() {
        assert_eq!(last, Ingress::Taken);
        last = us.handle_packet(NOW, &out[..len]);
    }
    assert_eq!(last, Ingress::Ignored(IgnoreReason::NoSocket));
    let expected = Icmpv6Message::Unreachable { code: icmpv6::Unreachable::PORT, quote: &whole[..1232] };
    assert_eq!(read_6(&sent(&mut us).unwrap()), expected);
}

#[test]
fn an_atomic_fragment_is_a_whole_datagram() {
    // RFC 6946 §4.
    let mut us = host(1);
    let id = socket(&mut us, "[2001:db8::1]:9", None);
    let datagram = udp(THEM_6.into(), US_6.into(), 16);
    let begun = v6(IpProtocol::FRAGMENT, &[&[17, 0, 0, 1, 0, 0, 0, 9][..], &datagram[..8]].concat());
    us.handle_packet(NOW, &begun[..]);
    let atomic = v6(IpProtocol::FRAGMENT, &[&[17, 0, 0, 0, 0, 0, 0, 9][..], &datagram].concat());
    assert_eq!(us.handle_packet(NOW, &atomic[..]), Ingress::Taken);
    assert_eq!(us.udp(id).unwrap().recv_from().unwrap().unwrap().data, [7; 8][..]);
}

#[test]
fn other_protocols_are_the_embedders_and_told_of_only_if_asked_for() {
    let packet = v4(ROUTER, US, IpProtocol::SCTP, &[0; 12]);
    let mut us = host(1);
    assert_eq!(us.handle_packet(NOW, &packet[..]), Ingress::Raw);
    assert_eq!(sent(&mut us), None);
    let mut us = with(1, |config| config.icmp.protocol_unreachable = true);
    assert_eq!(us.handle_packet(NOW, &packet[..]), Ingress::Raw);
    let code = icmpv4::Unreachable::PROTOCOL;
    assert_eq!(read(&sent(&mut us).unwrap()), Icmpv4Message::Unreachable { code, quote: &packet });
    // Of ICMP that is not known nothing is said (RFC 1122 §3.2.2, RFC 4443 §2.4 (b)), nor of replies that nobody waits
    // for here, nor of nothing (RFC 8200 §4.7).
    let unknown = Icmpv4Message::Unknown { kind: 13, code: 0, word: [0; 4], body: &[0; 12] };
    let reply = Icmpv4Message::EchoReply(Echo { id: 1, seq: 1, data: b"x" });
    for packet in [
        message(ROUTER, US, &unknown),
        message(ROUTER, US, &reply),
        message_6(&Icmpv6Message::Unknown { kind: 200, code: 0, word: [0; 4], body: &[] }),
        v6(IpProtocol::NO_NEXT_HEADER, &[]),
    ] {
        assert_eq!(us.handle_packet(NOW, &packet[..]), Ingress::Raw);
        assert_eq!(sent(&mut us), None);
    }
}

#[test]
fn a_hard_error_ends_an_attempt_to_connect_and_a_soft_one_does_not() {
    // RFC 9293 §3.9.2.2.
    for (code, ends) in [(3, true), (2, true), (1, false), (0, false), (13, false)] {
        let mut us = host(1);
        let id = us.connect(NOW, "10.0.0.2:80".parse().unwrap()).unwrap();
        let syn = sent(&mut us).unwrap();
        let error = Icmpv4Message::Unreachable { code: icmpv4::Unreachable(code), quote: &syn[..28] };
        let heard = us.handle_packet(NOW, &message(ROUTER, US, &error)[..]);
        assert_eq!(heard, Ingress::Connection(id));
        let reason = us.connection(id).unwrap().close_reason();
        assert_eq!(reason, ends.then_some(CloseReason::Unreachable(code)));
        assert!(!ends || matches!(us.poll_event(), Some(Event::Connection { .. })));
    }
}

// RFC 1122-12
#[test]
fn an_error_about_nothing_that_was_sent_is_ignored() {
    let mut us = host(1);
    let id = us.connect(NOW, "10.0.0.2:80".parse().unwrap()).unwrap();
    let syn = sent(&mut us).unwrap();
    let code = icmpv4::Unreachable::PORT;
    // Another sequence number, which an attacker has to guess (RFC 5927 §4.1); another port; another protocol; not from
    // an address of ours.
    for (at, octet, protocol) in [(24, 0x40, 6), (21, 0x40, 6), (24, 0, 17), (15, 0x40, 6)] {
        let mut forged = syn[..28].to_vec();
        forged[at] ^= octet;
        forged[9] = protocol;
        let packet = message(ROUTER, US, &Icmpv4Message::Unreachable { code, quote: &forged });
        assert_eq!(us.handle_packet(NOW, &packet[..]), Ingress::Ignored(IgnoreReason::Icmp));
    }
    assert_eq!(us.icmp_stats().unheeded(Unheeded::Quote), 1);
    assert_eq!(us.connection(id).unwrap().close_reason(), None);
}

#[test]
fn a_narrow_path_makes_segments_smaller() {
    // RFC 1191 §3, RFC 8201 §4: the report reaches the machine.
    for (remote, mtu) in [("10.0.0.2:80", 1000), ("[2001:db8::2]:80", 1300)] {
        let (mut a, mut b) = (host(1), host(2));
        let id = connected(&mut a, &mut b, remote);
        a.connection(id).unwrap().send(NOW, &[7; 9000]).unwrap();
        let large = sent(&mut a).unwrap();
        assert_eq!(large.len(), 1500);
        let report = if mtu == 1000 {
            message(ROUTER, US, &Icmpv4Message::FragmentationNeeded { mtu: 1000, quote: &large[..28] })
        } else {
            message_6(&Icmpv6Message::PacketTooBig { mtu: 1300, quote: &large[..60] })
        };
        assert_eq!(a.handle_packet(NOW, &report[..]), Ingress::Connection(id));
        let after: Vec<_> = std::iter::from_fn(|| sent(&mut a)).map(|packet| packet.len()).collect();
        assert!(after.contains(&mtu) && after.iter().all(|&len| len <= mtu), "{after:?}");
    }
}

// RFC 9293 SHLD-6, MUST-67
#[test]
fn the_mss_is_that_of_the_smallest_mtu_whatever_paths_and_cards_take() {
    let mut us = with(1, |config| {
        config.mtu = 1400;
        config.offload.segmentation = 65_535;
    });
    let mss = |syn: &[u8]| syn[40..44].to_vec();
    // From a socket of UDP: a path that takes 1000 octets is known for that.
    let id = socket(&mut us, "10.0.0.1:5000", Some("10.0.0.2:9"));
    us.udp(id).unwrap().send(NOW, &[7; 1300], &UdpSend::default()).unwrap();
    let large = sent(&mut us).unwrap();
    let report = Icmpv4Message::FragmentationNeeded { mtu: 1000, quote: &large[..28] };
    assert_eq!(us.handle_packet(NOW, &message(ROUTER, US, &report)[..]), Ingress::Taken);
    // It says nothing of the way from them to us; nor does the card of what comes.
    us.connect(NOW, "10.0.0.2:80".parse().unwrap()).unwrap();
    assert_eq!(mss(&sent(&mut us).unwrap()), [2, 4, 5, 80], "1360");
    let mut them = host(2);
    us.listen(ListenOn::port(80), &ListenConfig::default()).unwrap();
    them.connect(NOW, "10.0.0.1:80".parse().unwrap()).unwrap();
    us.handle_packet(NOW, &sent(&mut them).unwrap()[..]);
    assert_eq!(mss(&sent(&mut us).unwrap()), [2, 4, 5, 80], "1360");
}

#[test]
fn a_size_below_1280_changes_nothing_in_ipv6() {
    // RFC 8200 §5, RFC 8201 §4, RFC 8021.
    let (mut a, mut b) = (host(1), host(2));
    let id = connected(&mut a, &mut b, "[2001:db8::2]:80");
    a.connection(id).unwrap().send(NOW, &[7; 9000]).unwrap();
    let large = sent(&mut a).unwrap();
    let report = message_6(&Icmpv6Message::PacketTooBig { mtu: 1279, quote: &large[..60] });
    assert_eq!(a.handle_packet(NOW, &report[..]), Ingress::Ignored(IgnoreReason::Icmp));
    assert_eq!(a.icmp_stats().unheeded(Unheeded::BelowMinimum), 1);
    let next = sent(&mut a).unwrap();
    assert_eq!((next.len(), IpPacket::parse(&next, 1500).unwrap().fragment), (1500, None));
}

#[test]
fn a_narrow_path_is_known_to_udp_for_ten_minutes() {
    let mut us = host(1);
    let id = socket(&mut us, "10.0.0.1:5000", Some("10.0.0.2:9"));
    let send = |us: &mut Host, len| us.udp(id).unwrap().send(NOW, &vec![7; len], &UdpSend::default());
    send(&mut us, 1400).unwrap();
    let large = sent(&mut us).unwrap();
    let report = Icmpv4Message::FragmentationNeeded { mtu: 1000, quote: &large[..28] };
    assert_eq!(us.handle_packet(NOW, &message(ROUTER, US, &report)[..]), Ingress::Taken);
    assert_eq!(us.udp(id).unwrap().recv_from(), Err(UdpNetworkError::TooBig(1000)));
    assert_eq!(send(&mut us, 973), Err(UdpSendError::TooLarge { len: 973, max: 972 }));
    assert_eq!(send(&mut us, 972), Ok(()));
    let later = us.poll_timeout().unwrap();
    assert_eq!(later, NOW + Duration::from_secs(600));
    us.handle_timeout(later);
    assert_eq!((us.poll_timeout(), send(&mut us, 1400)), (None, Ok(())));
}

#[test]
fn a_report_about_a_flow_that_nobody_has_changes_no_path() {
    let mut us = host(1);
    let id = socket(&mut us, "10.0.0.1:5000", Some("10.0.0.2:9"));
    us.udp(id).unwrap().send(NOW, &[7; 1400], &UdpSend::default()).unwrap();
    let mut forged = sent(&mut us).unwrap()[..28].to_vec();
    forged[20] ^= 1; // our port
    let report = Icmpv4Message::FragmentationNeeded { mtu: 1000, quote: &forged };
    let heard = us.handle_packet(NOW, &message(ROUTER, US, &report)[..]);
    assert_eq!(heard, Ingress::Ignored(IgnoreReason::Icmp));
    assert_eq!(us.udp(id).unwrap().send(NOW, &[7; 1472], &UdpSend::default()), Ok(()));
    assert_eq!(us.udp(id).unwrap().recv_from(), Ok(None));
}

#[test]
fn datagrams_larger_than_the_path_go_in_fragments_and_arrive_whole() {
    for (local, remote) in [("10.0.0.1:5000", "10.0.0.2:9"), ("[2001:db8::1]:5000", "[2001:db8::2]:9")] {
        let (mut a, mut b) = (host(1), host(2));
        let from = a.udp_bind(UdpBind::Socket(local.parse().unwrap()), UdpOptions::default()).unwrap();
        let to = b.udp_bind(UdpBind::Socket(remote.parse().unwrap()), UdpOptions::default()).unwrap();
        a.udp(from).unwrap().connect(remote.parse().unwrap()).unwrap();
        for len in [1452, 1453, 1473, 9_000, 65_000] {
            let data: Vec<_> = (0..len).map(|n: u32| (n * 7 + n / 256) as u8).collect();
            a.udp(from).unwrap().send(NOW, &data, &UdpSend::default()).unwrap();
            let packets: Vec<_> = std::iter::from_fn(|| sent(&mut a)).collect();
            let headers = if local.starts_with('[') { (40, 8) } else { (20, 0) };
            let whole = len as usize + 8 + headers.0 <= 1500;
            assert_eq!(packets.len() == 1, whole, "{len}");
            for packet in &packets {
                assert!(packet.len() <= 1500);
                // No atomic fragments (RFC 8021).
                assert_eq!(IpPacket::parse(packet, packet.len()).unwrap().fragment.is_some(), !whole);
                assert_eq!(b.handle_packet(NOW, &packet[..]), Ingress::Taken);
            }
            assert_eq!(b.udp(to).unwrap().recv_from().unwrap().unwrap().data, data);
        }
        assert_eq!(b.fragment_counts().completed, if local.starts_with('[') { 4 } else { 3 });
    }
}

#[test]
fn datagrams_are_cut_to_what_the_path_takes() {
    // RFC 8201 §5: a report, and from then on smaller fragments; never below 1280.
    let mut us = host(1);
    let id =
        us.udp_bind(UdpBind::Socket("[2001:db8::1]:5000".parse().unwrap()), UdpOptions::default()).unwrap();
    us.udp(id).unwrap().connect("[2001:db8::2]:9".parse().unwrap()).unwrap();
    us.udp(id).unwrap().send(NOW, &[7; 1400], &UdpSend::default()).unwrap();
    let large = sent(&mut us).unwrap();
    let report = message_6(&Icmpv6Message::PacketTooBig { mtu: 1280, quote: &large });
    assert_eq!(us.handle_packet(NOW, &report[..]), Ingress::Taken);
    let _ = us.udp(id).unwrap().recv_from();
    us.udp(id).unwrap().send(NOW, &[7; 1400], &UdpSend::default()).unwrap();
    let sizes: Vec<_> = std::iter::from_fn(|| sent(&mut us)).map(|packet| packet.len()).collect();
    assert_eq!(sizes, [1280, 40 + 8 + 1408 - 1232]);
}

#[test]
fn two_hosts_fall_silent_after_any_error() {
    let (mut a, mut b) = (host(1), host(2));
    let id = socket(&mut a, "10.0.0.1:5000", None);
    for port in 1..30 {
        let to = SocketAddr::new(THEM.into(), port);
        a.udp(id).unwrap().send_to(NOW, b"hello", to, &UdpSend::default()).unwrap();
    }
    let packets = carry(&mut a, &mut b);
    // Ten errors to one address at once at the most, each for one and a half tokens at the most.
    assert!((29 + 6..=29 + 10).contains(&packets), "{packets}");
    assert_eq!(carry(&mut a, &mut b), 0);
}

#[test]
fn a_flood_of_bad_packets_is_answered_at_a_bounded_rate_and_holds_bounded_memory() {
    let mut us = host(1);
    let before = us.memory();
    let (mut now, mut told) = (NOW, 0);
    for n in 0..20_000_u32 {
        now = now + Duration::from_micros(100);
        let [_, _, high, low] = n.to_be_bytes();
        let src = Ipv4Addr::new(172, 16 + (n >> 12 & 7) as u8, high, low);
        let packet = v4(src, US, IpProtocol::UDP, &udp(src.into(), US.into(), 1400));
        us.handle_packet(now, &packet[..]);
        if n % 100 == 0 {
            told += std::iter::from_fn(|| sent(&mut us)).count();
        }
        assert!(us.memory() < before + (80 << 10));
    }
    // 50 at once and 200 a second, for two seconds (RFC 4443 §2.4 (f)).
    assert!((200..=450).contains(&told), "{told}");
}

/// A piece of a UDP datagram from `src` to us.
fn piece(src: Ipv4Addr, id: u16, offset: u16, more: bool, octets: &[u8]) -> Vec<u8> {
    let mut packet = v4(src, US, IpProtocol::UDP, octets);
    Ipv4Repr {
        id,
        payload_len: octets.len(),
        more_fragments: more,
        fragment_offset: offset,
        dont_fragment: false,
        ..Ipv4Repr::new(src, US, IpProtocol::UDP)
    }
    .emit(&mut packet)
    .unwrap();
    packet
}

#[test]
fn attack_overlapping_fragments() {
    // RFC 5722: nothing of the datagram is delivered, whichever piece comes when.
    let datagram = udp(THEM.into(), US.into(), 40);
    let cases = [(0, &datagram[..24], true), (16, &datagram[16..], false), (24, &datagram[24..], false)];
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let mut us = host(1);
        let id = socket(&mut us, "10.0.0.1:9", None);
        let outcomes = order.map(|at| {
            let (offset, octets, more) = cases[at];
            us.handle_packet(NOW, &piece(THEM, 7, offset, more, octets)[..])
        });
        // The right pieces may both be there before the wrong one comes.
        let early = outcomes[..2].iter().all(|outcome| *outcome == Ingress::Taken);
        let read = us.udp(id).unwrap().recv_from().unwrap();
        let together = !order[..2].contains(&1);
        assert_eq!((read.is_some(), early), (together, together), "{order:?}");
        assert_eq!(sent(&mut us), None);
    }
}

#[test]
fn attack_fragment_flood() {
    let mut us = host(1);
    let id = socket(&mut us, "10.0.0.1:9", None);
    let before = us.memory();
    let datagram = udp(THEM.into(), US.into(), 40);
    us.handle_packet(NOW, &piece(THEM, 7, 0, true, &datagram[..24])[..]);
    // One sender, and seven more, each beginning datagrams without end.
    let mut now = NOW;
    for n in 0..20_000_u32 {
        now = now + Duration::from_micros(10);
        let src = Ipv4Addr::new(10, 0, 1, if n % 2 == 0 { 1 } else { (n / 2 % 7) as u8 + 2 });
        us.handle_packet(now, &piece(src, n as u16, 0, true, &[0; 1400])[..]);
        assert!(us.memory() <= before + (4 << 20) + (64 << 10));
    }
    assert!(us.fragment_counts().evicted > 10_000);
    let last = us.handle_packet(now, &piece(THEM, 7, 24, false, &datagram[24..])[..]);
    assert_eq!(last, Ingress::Taken);
    assert_eq!(us.udp(id).unwrap().recv_from().unwrap().unwrap().data, [7; 32][..]);
    // And when all of it is late, it is not an amplifier.
    us.handle_timeout(now + Duration::from_secs(61));
    let said = std::iter::from_fn(|| sent(&mut us)).count();
    assert!((1..=16).contains(&said), "{said}");
    assert!(us.memory() <= before + (16 << 10));
}

#[test]
fn attack_forged_reports_of_the_path() {
    // RFC 5927 §7: who does not see the packets has to guess the sequence number.
    let (mut a, mut b) = (host(1), host(2));
    let id = connected(&mut a, &mut b, "10.0.0.2:80");
    a.connection(id).unwrap().send(NOW, &[7; 3000]).unwrap();
    let large = sent(&mut a).unwrap();
    let seq = u32::from_be_bytes(large[24..28].try_into().unwrap());
    for guess in (1..1000_u32).map(|n| seq.wrapping_add(n.wrapping_mul(4_000_037))) {
        let mut forged = large[..28].to_vec();
        forged[24..28].copy_from_slice(&guess.to_be_bytes());
        let report = Icmpv4Message::FragmentationNeeded { mtu: 552, quote: &forged };
        let heard = a.handle_packet(NOW, &message(ROUTER, US, &report)[..]);
        assert_eq!(heard, Ingress::Ignored(IgnoreReason::Icmp));
    }
    assert_eq!(sent(&mut a).unwrap().len(), 1500);
    // What is known of the path makes no packets smaller than 552 octets, whoever says so.
    let report = Icmpv4Message::FragmentationNeeded { mtu: 68, quote: &large[..28] };
    assert_eq!(a.handle_packet(NOW, &message(ROUTER, US, &report)[..]), Ingress::Connection(id));
    let after: Vec<_> = std::iter::from_fn(|| sent(&mut a)).map(|packet| packet.len()).collect();
    assert!(after.iter().filter(|&&len| len >= 552).count() > 3, "{after:?}");
}

#[test]
fn attack_echo_and_errors_between_two_hosts() {
    // A datagram that claims to be from the other's closed port, a ping from the other's address, errors about errors:
    // each makes one packet at the most, and then there is silence.
    let (mut a, mut b) = (host(1), host(2));
    for n in 0..50 {
        let datagram = v4(THEM, US, IpProtocol::UDP, &udp(THEM.into(), US.into(), 16 + n));
        a.handle_packet(NOW, &datagram[..]);
        let ping = Echo { id: 1, seq: n as u16, data: b"x" };
        a.handle_packet(NOW, &message(THEM, US, &Icmpv4Message::EchoRequest(ping))[..]);
        let error = Icmpv4Message::TimeExceeded { code: 0, quote: &datagram };
        a.handle_packet(NOW, &message(THEM, US, &error)[..]);
    }
    let packets = carry(&mut a, &mut b);
    assert!((50..=60).contains(&packets), "{packets}");
    assert_eq!(carry(&mut a, &mut b), 0);
}
