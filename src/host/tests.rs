use alloc::vec;
use alloc::vec::Vec;
use core::net::Ipv4Addr;

use super::*;
use crate::connection::Received;
use crate::{Instant, State};

pub(super) const A: &str = "10.0.0.1";
pub(super) const B: &str = "10.0.0.2";

pub(super) fn host(address: &str) -> Host {
    let mut config = HostConfig::default();
    config.addresses.push(LocalAddress::new(address.parse().unwrap(), 24));
    Host::new(config, [address.len() as u8; 32]).unwrap()
}

/// Carries everything both have to say, at one moment; and says how many packets that took.
pub(super) fn carry(now: Instant, a: &mut Host, b: &mut Host) -> usize {
    let (mut packets, mut out) = (0, [0; 65_535]);
    loop {
        let before = packets;
        while let Some(transmit) = a.poll_transmit(now, &mut out) {
            b.handle_packet(now, &out[..transmit.len]);
            packets += 1;
        }
        while let Some(transmit) = b.poll_transmit(now, &mut out) {
            a.handle_packet(now, &out[..transmit.len]);
            packets += 1;
        }
        if packets == before {
            return packets;
        }
    }
}

#[test]
fn octets_go_both_ways_between_two_hosts() {
    let now = Instant::from_nanos(1_000_000_000);
    let (mut a, mut b) = (host(A), host(B));
    let listener = b.listen(ListenOn::port(80), &ListenConfig::default()).unwrap();
    let client = a.connect(now, "10.0.0.2:80".parse().unwrap()).unwrap();
    carry(now, &mut a, &mut b);
    assert_eq!(b.poll_event(), Some(Event::Incoming { listener }));
    let server = b.accept(listener).unwrap();
    assert_eq!(b.accept(listener), None);
    let ready = Readiness::CONNECTED;
    assert_eq!(a.poll_event(), Some(Event::Connection { id: client, tag: 0, ready }));
    assert_eq!(a.connection(client).unwrap().send(now, b"hello"), Ok(5));
    carry(now, &mut a, &mut b);
    let Some(Event::Connection { id, ready, .. }) = b.poll_event() else { panic!("no event") };
    assert_eq!((id, ready), (server, Readiness::CONNECTED | Readiness::READABLE));
    assert_eq!(b.connection(server).unwrap().recv(now, 100), Received::Data("hello".into()));
    assert_eq!(b.connection(server).unwrap().recv(now, 100), Received::Empty);
    let events: Vec<_> = core::iter::from_fn(|| b.poll_event()).collect();
    assert_eq!(events, []);
}

/// A connection from `a` to `b`, open, with all events taken.
fn connected(now: Instant, a: &mut Host, b: &mut Host) -> (ConnId, ConnId) {
    let listener = b.listen(ListenOn::port(80), &ListenConfig::default()).unwrap();
    let client = a.connect(now, "10.0.0.2:80".parse().unwrap()).unwrap();
    carry(now, a, b);
    let server = b.accept(listener).unwrap();
    events(a);
    events(b);
    (client, server)
}

fn events(host: &mut Host) -> Vec<Event> {
    core::iter::from_fn(|| host.poll_event()).collect()
}

const NOW: Instant = Instant::from_nanos(1_000_000_000);

#[test]
fn a_closed_port_refuses_and_the_caller_hears_it() {
    let (mut a, mut b) = (host(A), host(B));
    let id = a.connect(NOW, "10.0.0.2:81".parse().unwrap()).unwrap();
    assert_eq!(carry(NOW, &mut a, &mut b), 2);
    let ready = Readiness::CLOSED | Readiness::READABLE;
    assert_eq!(events(&mut a), [Event::Connection { id, tag: 0, ready }]);
    assert_eq!(a.connection(id).unwrap().close_reason(), Some(crate::tcp::CloseReason::Refused));
    assert_eq!((b.stats().resets_out, b.stats().ignored(IgnoreReason::NoConnection)), (1, 1));
    a.release(NOW, id);
    assert!(a.connection(id).is_none() && a.is_empty());
}

#[test]
fn a_reset_for_nobody_is_not_answered() {
    let (mut a, mut b) = (host(A), host(B));
    let (client, _) = connected(NOW, &mut a, &mut b);
    let mut other = host(B);
    a.connection(client).unwrap().abort(NOW).unwrap();
    assert_eq!(carry(NOW, &mut a, &mut other), 1);
    assert_eq!(other.stats().resets_out, 0);
}

#[test]
fn a_host_talks_to_itself_without_the_wire() {
    let mut a = host(A);
    let listener = a.listen(ListenOn::port(80), &ListenConfig::default()).unwrap();
    let client = a.connect(NOW, "10.0.0.1:80".parse().unwrap()).unwrap();
    assert_eq!(a.poll_transmit(NOW, &mut [0; 1500]), None);
    let server = a.accept(listener).unwrap();
    a.connection(client).unwrap().send(NOW, &[7; 50_000]).unwrap();
    let mut got = 0;
    while got < 50_000 {
        assert_eq!(a.poll_transmit(NOW, &mut [0; 1500]), None);
        let Received::Data(octets) = a.connection(server).unwrap().recv(NOW, usize::MAX) else {
            panic!("nothing came")
        };
        got += octets.len();
    }
    assert!(a.stats().looped > 10 && a.stats().packets_out == 0);
}

#[test]
fn a_packet_in_our_own_name_is_not_believed() {
    let (mut a, mut b, mut out) = (host(A), host(B), [0; 1500]);
    b.listen(ListenOn::port(80), &ListenConfig::default()).unwrap();
    a.connect(NOW, "10.0.0.2:80".parse().unwrap()).unwrap();
    let len = a.poll_transmit(NOW, &mut out).unwrap().len;
    // From B to B, checksums mended: 10.0.0.1 becomes 10.0.0.2.
    out[15] = 2;
    let mended = |octets: &mut [u8], at: usize| {
        let sum = u16::from_be_bytes([octets[at], octets[at + 1]]).wrapping_sub(1);
        octets[at..at + 2].copy_from_slice(&sum.to_be_bytes());
    };
    mended(&mut out, 10);
    mended(&mut out, 36);
    assert_eq!(b.handle_packet(NOW, &out[..len]), Ingress::Ignored(IgnoreReason::InvalidSource));
}

#[test]
fn a_large_packet_carries_what_many_segments_would() {
    let mut config = HostConfig::default();
    config.addresses.push(LocalAddress::new(A.parse().unwrap(), 24));
    config.offload = Offload { segmentation: u16::MAX, checksum: true };
    let (mut a, mut b) = (Host::new(config, [3; 32]).unwrap(), host(B));
    let mut out = vec![0; 65_535];
    let listener = b.listen(ListenOn::port(80), &ListenConfig::default()).unwrap();
    let client = a.connect(NOW, "10.0.0.2:80".parse().unwrap()).unwrap();
    for _ in 0..2 {
        while let Some(transmit) = a.poll_transmit(NOW, &mut out) {
            assert!(transmit.checksum.is_some() && transmit.segment_size.is_none());
            b.handle_packet(NOW, Packet::from(&out[..transmit.len]).with_checksums(Checksums::Partial));
        }
        while let Some(transmit) = b.poll_transmit(NOW, &mut out) {
            a.handle_packet(NOW, &out[..transmit.len]);
        }
    }
    let server = b.accept(listener).unwrap();
    a.connection(client).unwrap().send(NOW, &[9; 10_000]).unwrap();
    let transmit = a.poll_transmit(NOW, &mut out).unwrap();
    // 20 octets of IP, 32 of TCP with timestamps, six segments of 1,448 octets; the rest waits (Nagle).
    assert_eq!((transmit.len, transmit.segment_size), (52 + 6 * 1_448, Some(1_448)));
    assert_eq!(transmit.checksum, Some(PartialChecksum { start: 20, offset: 16 }));
    assert_eq!(a.poll_transmit(NOW, &mut out), None);
    b.handle_packet(NOW, Packet::from(&out[..transmit.len]).with_checksums(Checksums::Partial));
    assert_eq!(b.connection(server).unwrap().unread(), 6 * 1_448);
}

#[test]
fn a_released_connection_goes_on_without_a_user_until_its_octets_are_there() {
    let (mut a, mut b) = (host(A), host(B));
    let (client, server) = connected(NOW, &mut a, &mut b);
    a.connection(client).unwrap().send(NOW, b"last words").unwrap();
    a.release(NOW, client);
    assert!(a.connection(client).is_none());
    carry(NOW, &mut a, &mut b);
    assert_eq!(b.connection(server).unwrap().recv(NOW, 100), Received::Data("last words".into()));
    assert_eq!(b.connection(server).unwrap().recv(NOW, 100), Received::Eof);
    b.connection(server).unwrap().close(NOW).unwrap();
    carry(NOW, &mut a, &mut b);
    assert_eq!(events(&mut a), []);
    assert_eq!(b.connection(server).unwrap().close_reason(), Some(crate::tcp::CloseReason::Closed));
}

#[test]
fn of_more_orphans_than_there_may_be_the_oldest_is_reset() {
    let mut config = HostConfig::default();
    config.addresses.push(LocalAddress::new(A.parse().unwrap(), 24));
    config.limits.orphans = 2;
    let (mut a, mut b) = (Host::new(config, [3; 32]).unwrap(), host(B));
    let listener = b.listen(ListenOn::port(80), &ListenConfig::default()).unwrap();
    let clients: Vec<_> = (0..3).map(|_| a.connect(NOW, "10.0.0.2:80".parse().unwrap()).unwrap()).collect();
    carry(NOW, &mut a, &mut b);
    let servers: Vec<_> = core::iter::from_fn(|| b.accept(listener)).collect();
    for client in clients {
        a.release(NOW, client);
    }
    carry(NOW, &mut a, &mut b);
    let mut states = servers.iter().map(|&id| b.connection(id).unwrap().state());
    assert!(states.by_ref().eq([State::Closed, State::CloseWait, State::CloseWait]));
    assert_eq!((a.stats().orphans_reset, a.len()), (1, 2));
}

#[test]
fn of_more_that_are_over_than_there_may_be_the_first_is_released() {
    let mut config = HostConfig::default();
    config.addresses.push(LocalAddress::new(A.parse().unwrap(), 24));
    config.limits.unreleased = 2;
    let (mut a, mut b) = (Host::new(config, [3; 32]).unwrap(), host(B));
    let ids: Vec<_> =
        (81..84).map(|port| a.connect(NOW, (Ipv4Addr::new(10, 0, 0, 2), port).into()).unwrap()).collect();
    carry(NOW, &mut a, &mut b);
    assert_eq!(ids.iter().map(|&id| a.connection(id).is_some()).collect::<Vec<_>>(), [false, true, true]);
    assert_eq!(a.stats().released_by_force, 1);
}

#[test]
fn a_stale_id_never_names_another_connection() {
    let (mut a, mut b) = (host(A), host(B));
    let old = a.connect(NOW, "10.0.0.2:81".parse().unwrap()).unwrap();
    carry(NOW, &mut a, &mut b);
    a.release(NOW, old);
    let new = a.connect(NOW, "10.0.0.2:81".parse().unwrap()).unwrap();
    assert_eq!(old.index, new.index);
    assert!(a.connection(old).is_none() && a.connection(new).is_some());
    a.release(NOW, old);
    assert!(a.connection(new).is_some());
}

#[test]
fn a_segment_that_ends_a_row_tells_no_id_of_the_next_one() {
    let (mut a, mut b) = (host(A), host(B));
    let (client, server) = connected(NOW, &mut a, &mut b);
    b.release(NOW, server);
    carry(NOW, &mut b, &mut a);
    a.connection(client).unwrap().abort(NOW).unwrap();
    let mut out = [0; 1500];
    let reset = a.poll_transmit(NOW, &mut out).unwrap();
    let heard = b.handle_packet(NOW, &out[..reset.len]);
    assert_eq!((heard.clone(), b.len()), (Ingress::Connection(server), 0));
    let next = b.connect(NOW, "10.0.0.1:9".parse().unwrap()).unwrap();
    assert_ne!(heard, Ingress::Connection(next));
}

#[test]
fn who_accepts_before_he_was_told_hears_of_the_next_caller() {
    let (mut a, mut b) = (host(A), host(B));
    let listener = b.listen(ListenOn::port(80), &ListenConfig::default()).unwrap();
    a.connect(NOW, "10.0.0.2:80".parse().unwrap()).unwrap();
    carry(NOW, &mut a, &mut b);
    assert!(b.accept(listener).is_some());
    assert!(!events(&mut b).contains(&Event::Incoming { listener }));
    a.connect(NOW, "10.0.0.2:80".parse().unwrap()).unwrap();
    carry(NOW, &mut a, &mut b);
    assert!(events(&mut b).contains(&Event::Incoming { listener }));
}

/// RFC 1122 §3.2.1.3 (g), RFC 4291 §2.5.3: what is for loopback does not come over a wire.
#[test]
fn nobody_on_the_wire_reaches_a_loopback_address() {
    for any_destination in [false, true] {
        let mut config = HostConfig::default();
        config.addresses.push(LocalAddress::new(A.parse().unwrap(), 24));
        config.addresses.push(LocalAddress::new("127.0.0.1".parse().unwrap(), 8));
        config.any_destination = any_destination;
        let mut b = Host::new(config, [1; 32]).unwrap();
        b.listen(ListenOn::ANYTHING, &ListenConfig::default()).unwrap();
        let mut config = HostConfig::default();
        config.addresses.push(LocalAddress::new(B.parse().unwrap(), 24));
        let mut a = Host::new(config, [2; 32]).unwrap();
        for to in ["127.0.0.1:80", "127.0.0.2:80"] {
            a.connect_from(NOW, "10.0.0.2:0".parse().unwrap(), to.parse().unwrap()).unwrap();
        }
        carry(NOW, &mut a, &mut b);
        assert_eq!((b.rows().count(), b.len()), (0, 0));
        // Within the host there is loopback.
        b.connect(NOW, "127.0.0.1:80".parse().unwrap()).unwrap();
        assert_eq!(sent_octets(&mut b), 0);
        assert_eq!(b.len(), 2);
    }
}

fn sent_octets(host: &mut Host) -> usize {
    let mut out = [0; 1500];
    core::iter::from_fn(|| host.poll_transmit(NOW, &mut out)).map(|sent| sent.len).sum()
}

#[test]
fn rows_of_callers_leave_memory_for_the_octets_of_those_who_are_there() {
    let mut config = HostConfig::default();
    config.addresses.push(LocalAddress::new(B.parse().unwrap(), 24));
    config.limits.memory = 1 << 20;
    let (mut a, mut b) = (host(A), Host::new(config, [2; 32]).unwrap());
    let config = ListenConfig { half_open: 16, ..ListenConfig::default() };
    let listener = b.listen(ListenOn::port(80), &config).unwrap();
    let (mut callers, mut accepted) = (Vec::new(), Vec::new());
    for _ in 0..4_000 {
        callers.push(a.connect(NOW, "10.0.0.2:80".parse().unwrap()).unwrap());
        carry(NOW, &mut a, &mut b);
        accepted.extend(core::iter::from_fn(|| b.accept(listener)));
    }
    assert!(b.memory() <= 1 << 20, "{} octets for {} connections", b.memory(), b.len());
    assert!(accepted.len() > 300, "{} connections", accepted.len());
    // Who is there is served, whoever else calls.
    assert_eq!(a.connection(callers[0]).unwrap().send(NOW, b"hello"), Ok(5));
    carry(NOW, &mut a, &mut b);
    assert_eq!(b.connection(accepted[0]).unwrap().recv(NOW, 9), Received::Data("hello".into()));
}

#[test]
fn a_host_of_many_addresses_knows_them_and_their_broadcasts() {
    let mut config = HostConfig::default();
    for (ip, prefix) in
        [("10.9.0.1", 16), ("10.0.0.3", 24), ("10.0.0.1", 24), ("10.7.0.1", 31), ("2001:db8::1", 64)]
    {
        config.addresses.push(LocalAddress::new(ip.parse().unwrap(), prefix));
    }
    let own = own::Own::new(&config);
    let standing = |ip: &str| own.standing(ip.parse().unwrap());
    for ours in ["10.9.0.1", "10.0.0.3", "10.0.0.1", "10.7.0.1", "2001:db8::1"] {
        assert_eq!(standing(ours), own::Standing::Ours, "{ours}");
    }
    for shared in ["10.9.255.255", "10.9.0.0", "10.0.0.255", "10.0.0.0", "255.255.255.255"] {
        assert_eq!(standing(shared), own::Standing::Shared, "{shared}");
    }
    for foreign in ["10.7.0.0", "10.0.0.2", "10.9.0.255", "2001:db8::"] {
        assert_eq!(standing(foreign), own::Standing::Foreign, "{foreign}");
    }
    assert_eq!(own.address_for("10.1.1.1".parse().unwrap()), Some("10.9.0.1".parse().unwrap()));
}

#[test]
fn a_writer_hears_when_a_third_is_free_and_not_before() {
    let (mut a, mut b) = (host(A), host(B));
    let (client, server) = connected(NOW, &mut a, &mut b);
    let taken = a.connection(client).unwrap().send(NOW, &[1; 1 << 20]).unwrap();
    assert!(taken < 1 << 20);
    let mut heard = None;
    for round in 0..200 {
        carry(NOW, &mut a, &mut b);
        while let Received::Data(_) = b.connection(server).unwrap().recv(NOW, 4_000) {}
        if let Some(&Event::Connection { ready, .. }) = events(&mut a).last() {
            assert_eq!(ready, Readiness::WRITABLE);
            heard = heard.or(Some(round));
            let connection = a.connection(client).unwrap();
            assert!(connection.send_room() >= taken / 3, "{}", connection.send_room());
            break;
        }
    }
    assert!(heard.is_some());
    carry(NOW, &mut a, &mut b);
    assert_eq!(events(&mut a), [], "who has not tried again is not told again");
}

#[test]
fn the_deadline_is_exact() {
    let (mut a, mut b) = (host(A), host(B));
    let (client, _) = connected(NOW, &mut a, &mut b);
    a.connection(client).unwrap().send(NOW, b"lost").unwrap();
    let mut out = [0; 1500];
    while a.poll_transmit(NOW, &mut out).is_some() {}
    let at = a.poll_timeout().unwrap();
    a.handle_timeout(Instant::from_nanos(at.as_nanos() - 1));
    assert_eq!((a.poll_transmit(NOW, &mut out), a.poll_timeout()), (None, Some(at)));
    a.handle_timeout(at);
    assert!(a.poll_transmit(at, &mut out).is_some());
}

#[test]
fn broadcasts_and_strangers_packets_are_not_for_us() {
    let own = LocalAddress::new("10.1.2.3".parse().unwrap(), 24);
    for (ip, is) in [("10.1.2.255", true), ("10.1.2.0", true), ("10.1.3.255", false), ("10.1.2.4", false)] {
        let ip: IpAddr = ip.parse().unwrap();
        assert_eq!(own.broadcasts().any(|broadcast| broadcast == ip), is, "{ip}");
    }
    let (mut a, mut b) = (host(A), host("10.0.0.3"));
    a.connect(NOW, "10.0.0.2:80".parse().unwrap()).unwrap();
    assert_eq!(carry(NOW, &mut a, &mut b), 1);
    assert_eq!(b.stats().ignored(IgnoreReason::OtherDestination), 1);
}

#[test]
fn who_closed_first_keeps_only_a_row_in_time_wait() {
    let (mut a, mut b) = (host(A), host(B));
    let (client, server) = connected(NOW, &mut a, &mut b);
    a.connection(client).unwrap().close(NOW).unwrap();
    carry(NOW, &mut a, &mut b);
    b.connection(server).unwrap().close(NOW).unwrap();
    carry(NOW, &mut a, &mut b);
    let connection = a.connection(client).unwrap();
    let told = (connection.state(), connection.close_reason());
    assert_eq!(told, (State::TimeWait, Some(crate::tcp::CloseReason::Closed)));
    let tuple = connection.tuple().unwrap();
    a.release(NOW, client);
    b.release(NOW, server);
    assert!(a.is_empty() && b.is_empty());
    assert_eq!((a.passive_stats().time_waits, b.passive_stats().time_waits), (1, 0));
    assert_eq!(a.connect_from(NOW, tuple.local(), tuple.remote()), Err(ConnectError::InUse(tuple)));
    let later = NOW + core::time::Duration::from_secs(240);
    assert_eq!(a.poll_timeout(), Some(later));
    a.handle_timeout(later);
    assert_eq!(a.poll_timeout(), None);
    assert!(a.connect_from(later, tuple.local(), tuple.remote()).is_ok());
}

#[test]
fn a_datagram_finds_its_socket_and_the_answer_its_way_back() {
    let (mut a, mut b) = (host(A), host(B));
    let asks = a.udp_bind(UdpBind::Port(0), UdpOptions::default()).unwrap();
    let answers = b.udp_bind(UdpBind::Port(53), UdpOptions::default()).unwrap();
    let to = "10.0.0.2:53".parse().unwrap();
    a.udp(asks).unwrap().send_to(NOW, b"question", to, &UdpSend::default()).unwrap();
    assert_eq!(carry(NOW, &mut a, &mut b), 1);
    assert!(matches!(b.poll_event(), Some(Event::Udp(UdpEvent { id, .. })) if id == answers));
    let question = b.udp(answers).unwrap().recv_from().unwrap().unwrap();
    assert_eq!(question.data, "question");
    b.udp(answers).unwrap().send_to(NOW, b"answer", question.from, &UdpSend::default()).unwrap();
    carry(NOW, &mut a, &mut b);
    assert_eq!(a.udp(asks).unwrap().recv_from().unwrap().unwrap().data, "answer");
}

#[test]
fn who_sends_to_a_udp_port_that_nobody_has_hears_of_it() {
    let (mut a, mut b) = (host(A), host(B));
    let to = "10.0.0.2:9".parse().unwrap();
    let id = a.udp_connect("10.0.0.1:0".parse().unwrap(), to, UdpOptions::default()).unwrap();
    a.udp(id).unwrap().send(NOW, b"anybody there?", &UdpSend::default()).unwrap();
    assert_eq!(carry(NOW, &mut a, &mut b), 2);
    assert_eq!(a.udp(id).unwrap().recv_from(), Err(UdpNetworkError::Refused));
    assert_eq!(b.stats().ignored(IgnoreReason::NoSocket), 1);
}

#[test]
fn who_asks_for_the_error_of_a_udp_socket_gets_it_once_and_no_later_call_fails_with_it() {
    let (mut a, mut b) = (host(A), host(B));
    let to = "10.0.0.2:9".parse().unwrap();
    let id = a.udp_connect("10.0.0.1:0".parse().unwrap(), to, UdpOptions::default()).unwrap();
    a.udp(id).unwrap().send(NOW, b"anybody there?", &UdpSend::default()).unwrap();
    carry(NOW, &mut a, &mut b);
    assert_eq!(a.udp(id).unwrap().take_error(), Some(UdpNetworkError::Refused));
    assert_eq!(a.udp(id).unwrap().take_error(), None);
    assert_eq!(a.udp(id).unwrap().recv_from(), Ok(None));
}

#[test]
fn a_report_of_a_smaller_path_reaches_the_connection() {
    let (mut a, mut b) = (host(A), host(B));
    let (client, _) = connected(NOW, &mut a, &mut b);
    a.connection(client).unwrap().send(NOW, &[1; 5_000]).unwrap();
    let mut out = [0; 1500];
    let len = a.poll_transmit(NOW, &mut out).unwrap().len;
    while a.poll_transmit(NOW, &mut [0; 1500]).is_some() {}
    // A router at 10.0.0.254 quotes the first 28 octets: type 3, code 4, MTU 1,000.
    let mut message = vec![3, 4, 0, 0, 0, 0, 3, 232];
    message.extend_from_slice(&out[..len.min(28)]);
    let mut sum = crate::wire::Checksum::new();
    sum.add_bytes(&message);
    message[2..4].copy_from_slice(&sum.finish().to_be_bytes());
    let header = crate::wire::Ipv4Repr {
        payload_len: message.len(),
        ..crate::wire::Ipv4Repr::new(
            [10, 0, 0, 254].into(),
            [10, 0, 0, 1].into(),
            crate::wire::IpProtocol::ICMP,
        )
    };
    let mut packet = vec![0; 20];
    header.emit(&mut packet).unwrap();
    packet.extend_from_slice(&message);
    assert_eq!(a.handle_packet(NOW, &packet[..]), Ingress::Connection(client));
    let sizes: Vec<_> = core::iter::from_fn(|| a.poll_transmit(NOW, &mut out)).map(|sent| sent.len).collect();
    assert!(!sizes.is_empty() && sizes.iter().all(|&len| len <= 1_000), "{sizes:?}");
}

#[test]
fn queues_do_not_grow_with_connections_that_come_and_go_unpolled() {
    let (mut a, mut b) = (host(A), host(B));
    a.connect(NOW, "10.0.0.2:80".parse().unwrap()).unwrap();
    let before = a.memory();
    for _ in 0..20_000 {
        let id = a.connect(NOW, "10.0.0.2:81".parse().unwrap()).unwrap();
        a.connection(id).unwrap().abort(NOW).unwrap();
        a.release(NOW, id);
    }
    assert!(a.memory() < before + 200_000, "{} and {before}", a.memory());
    carry(NOW, &mut a, &mut b);
}

/// RFC 9293 MUST-41, MUST-42.
#[test]
fn a_listener_goes_on_beside_its_connections_and_half_open_ones() {
    let (mut a, mut b) = (host(A), host(B));
    let listener = b.listen(ListenOn::port(80), &ListenConfig::default()).unwrap();
    let mut half_open = host("10.0.0.3");
    half_open.connect(NOW, "10.0.0.2:80".parse().unwrap()).unwrap();
    let mut out = [0; 1500];
    let len = half_open.poll_transmit(NOW, &mut out).unwrap().len;
    b.handle_packet(NOW, &out[..len]);
    for count in 1..=3 {
        let id = a.connect(NOW, "10.0.0.2:80".parse().unwrap()).unwrap();
        carry(NOW, &mut a, &mut b);
        assert_eq!(a.connection(id).unwrap().state(), State::Established);
        assert!(b.accept(listener).is_some());
        b.listen(ListenOn::port(8_000 + count), &ListenConfig::default()).unwrap();
        assert_eq!(b.len(), usize::from(count));
    }
}

/// RFC 9293 MUST-44.
#[test]
fn a_host_with_several_addresses_calls_from_one_that_fits() {
    let mut config = HostConfig::default();
    for (ip, prefix) in [("10.0.0.1", 24), ("127.0.0.1", 8), ("2001:db8::1", 64), ("fe80::1", 64)] {
        config.addresses.push(LocalAddress::new(ip.parse().unwrap(), prefix));
    }
    let mut a = Host::new(config, [5; 32]).unwrap();
    for (remote, local) in [
        ("192.0.2.7:80", "10.0.0.1"),
        ("127.0.0.1:80", "127.0.0.1"),
        ("[2001:db8::2]:80", "2001:db8::1"),
        ("[fe80::2%3]:80", "fe80::1"),
    ] {
        let id = a.connect(NOW, remote.parse().unwrap()).unwrap();
        let tuple = a.connection(id).unwrap().tuple().unwrap();
        assert_eq!((tuple.local_ip(), tuple.remote()), (local.parse().unwrap(), remote.parse().unwrap()));
    }
}

#[test]
fn a_host_is_not_made_with_what_cannot_work() {
    let with = |change: fn(&mut HostConfig)| {
        let mut config = HostConfig::default();
        config.addresses.push(LocalAddress::new(A.parse().unwrap(), 24));
        change(&mut config);
        Host::new(config, [1; 32]).map(drop)
    };
    assert_eq!(with(|_| {}), Ok(()));
    assert_eq!(with(|config| config.hop_limit = 0), Err(HostError::HopLimit));
    assert_eq!(with(|config| config.ports = 0..=0), Err(HostError::Ports { first: 0, last: 0 }));
    assert_eq!(with(|config| config.mtu = 100), Err(HostError::Mtu { mtu: 100, min: 128 }));
    assert_eq!(with(|config| config.dscp = 64), Err(HostError::Dscp(64)));
    let shard = with(|config| config.shard = Some(Shard { index: 2, count: 2 }));
    assert_eq!(shard, Err(HostError::Shard { index: 2, count: 2 }));
    let group = with(|config| config.addresses = vec![LocalAddress::new("224.0.0.1".parse().unwrap(), 4)]);
    assert!(matches!(group, Err(HostError::Address(_))));
}

#[test]
fn nobody_is_called_on_a_loopback_address_that_is_not_ours() {
    let mut a = host(A);
    let to = |text: &str| text.parse::<core::net::SocketAddr>().unwrap();
    let answer = a.connect(NOW, to("127.0.0.1:80"));
    assert_eq!(answer, Err(ConnectError::NoLocalAddress("127.0.0.1".parse().unwrap())));
    let mapped = to("[::ffff:10.0.0.2]:80");
    assert_eq!(a.connect(NOW, mapped), Err(ConnectError::Address(mapped)));
}

#[test]
fn a_printed_connection_fits_into_100_columns() {
    let (mut a, mut b) = (host(A), host(B));
    let (client, _) = connected(NOW, &mut a, &mut b);
    a.connection(client).unwrap().send(NOW, &[1; 5_000]).unwrap();
    carry(NOW, &mut a, &mut b);
    for view in a.connections(NOW) {
        let text = alloc::format!("{view}");
        assert!(text.lines().count() == 3 && text.lines().all(|line| line.len() <= 100), "{text}");
        assert!(text.contains("ESTABLISHED") && text.contains("10.0.0.2:80"), "{text}");
    }
}

/// With no room for one that is over, a call that ends a connection takes its row away.
#[test]
fn who_ends_a_connection_keeps_its_name_until_he_lets_go() {
    let mut config = HostConfig::default();
    config.addresses.push(LocalAddress::new(A.parse().unwrap(), 24));
    config.limits.unreleased = 0;
    let mut a = Host::new(config, [3; 32]).unwrap();
    let id = a.connect(NOW, "10.0.0.2:80".parse().unwrap()).unwrap();
    let mut connection = a.connection(id).unwrap();
    connection.abort(NOW).unwrap();
    assert_eq!(connection.id(), id);
    assert!(a.connection(id).is_none());
}

#[test]
fn answers_that_wait_do_not_keep_a_syn_ack_back() {
    let (mut a, mut b) = (host(A), host(B));
    b.listen(ListenOn::port(80), &ListenConfig::default()).unwrap();
    let mut out = [0; 1500];
    for port in [81, 82, 83, 84, 80] {
        a.connect(NOW, (Ipv4Addr::new(10, 0, 0, 2), port).into()).unwrap();
    }
    while let Some(sent) = a.poll_transmit(NOW, &mut out) {
        b.handle_packet(NOW, &out[..sent.len]);
    }
    // Four resets wait, and the SYN,ACK is among the first two packets.
    let flags: Vec<u8> = (0..2).filter_map(|_| b.poll_transmit(NOW, &mut out).map(|_| out[33])).collect();
    assert!(flags.contains(&0x12), "{flags:x?}");
}

/// Calls, answers of half-open connections, and cookies.
#[test]
fn the_options_of_every_handshake_stand_where_the_layout_has_them() {
    for cookies in [SynCookies::Off, SynCookies::Always] {
        let mut of_a = HostConfig::default();
        of_a.addresses.push(LocalAddress::new(A.parse().unwrap(), 24));
        of_a.connection.tcp.option_layout = crate::tcp::OptionLayout::FreeBsd;
        let config = ListenConfig { cookies, connection: Some(of_a.connection), ..ListenConfig::default() };
        let (mut a, mut b, mut out) = (Host::new(of_a, [1; 32]).unwrap(), host(B), [0; 1500]);
        b.listen(ListenOn::port(80), &config).unwrap();
        a.connect(NOW, "10.0.0.2:80".parse().unwrap()).unwrap();
        for (from, to) in [(0, 1), (1, 0)] {
            let hosts = [&mut a, &mut b];
            let len = hosts[from].poll_transmit(NOW, &mut out).unwrap().len;
            let octets = &out[40..len];
            let at =
                [octets[0], octets[1], octets[4], octets[5], octets[6], octets[8], octets[9], octets[10]];
            assert_eq!(at, [2, 4, 1, 3, 3, 4, 2, 8], "{cookies:?}");
            hosts[to].handle_packet(NOW, &out[..len]);
        }
        assert!(a.poll_transmit(NOW, &mut out).is_some());
    }
}

#[test]
fn a_host_may_be_silent_to_syns_alone() {
    let mut config = HostConfig::default();
    config.addresses.push(LocalAddress::new(B.parse().unwrap(), 24));
    config.reset_syns = false;
    let (mut a, mut b) = (host(A), Host::new(config, [7; 32]).unwrap());
    a.connect(NOW, "10.0.0.2:81".parse().unwrap()).unwrap();
    assert_eq!(carry(NOW, &mut a, &mut b), 1);
    // What is no SYN is answered: an old connection is to end.
    let (client, _) = connected(NOW, &mut a, &mut host(B));
    a.connection(client).unwrap().send(NOW, b"hello").unwrap();
    carry(NOW, &mut a, &mut b);
    assert_eq!(b.stats().resets_out, 1);
}

/// Port 0 is reserved (RFC 6335 §6): even who listens on all ports does not listen there.
#[test]
fn no_segment_goes_to_port_0_nor_comes_from_there() {
    let mut host = host(A);
    host.listen(ListenOn::any_port(A.parse().unwrap()), &ListenConfig::default()).unwrap();
    let mut heard = |src: &str, dst: &str| {
        let (src, dst): (core::net::SocketAddr, core::net::SocketAddr) =
            (src.parse().unwrap(), dst.parse().unwrap());
        let repr = crate::wire::TcpRepr {
            src_port: src.port(),
            dst_port: dst.port(),
            seq: crate::SeqNumber::new(1),
            ack: crate::SeqNumber::new(0),
            flags: crate::TcpFlags::SYN,
            window: 1_000,
            urgent: 0,
            options: &[],
        };
        let (core::net::IpAddr::V4(from), core::net::IpAddr::V4(to)) = (src.ip(), dst.ip()) else { panic!() };
        let ip = crate::wire::Ipv4Repr {
            payload_len: 20,
            ..crate::wire::Ipv4Repr::new(from, to, crate::wire::IpProtocol::TCP)
        };
        let mut out = [0; 40];
        ip.emit(&mut out).unwrap();
        repr.emit(&mut out[20..], src.ip(), dst.ip(), [&[][..]]).unwrap();
        host.handle_packet(NOW, &out[..])
    };
    let ignored = Ingress::Ignored(IgnoreReason::InvalidSource);
    assert_eq!(heard("10.0.0.2:5", "10.0.0.1:0"), ignored);
    assert_eq!(heard("10.0.0.2:0", "10.0.0.1:5"), ignored);
    assert_ne!(heard("10.0.0.2:5", "10.0.0.1:5"), ignored);
}

/// RFC 2018 §8 lets a receiver forget what came out of order; what comes in order counts as lost while there is no
/// memory, and comes again.
#[test]
fn a_host_without_memory_refuses_octets_and_gives_up_what_came_out_of_order() {
    let (mut a, mut b) = (host(A), host(B));
    let (client, server) = connected(NOW, &mut a, &mut b);
    let mut out = [0; 1_500];
    a.connection(client).unwrap().set_nagle(NOW, false).unwrap();
    let mut send = |a: &mut Host, octets: &[u8]| {
        a.connection(client).unwrap().send(NOW, octets).unwrap();
        let len = a.poll_transmit(NOW, &mut out).unwrap().len;
        out[..len].to_vec()
    };
    let (first, second) = (send(&mut a, &[1; 1_000]), send(&mut a, &[2; 1_000]));
    b.handle_packet(NOW, &second[..]);
    assert_eq!(b.stats().reneged, 0);
    b.config.limits.memory = 1;
    b.handle_packet(NOW, &first[..]);
    assert_eq!(b.stats().reneged, 1);
    assert_eq!(b.connection(server).unwrap().unread(), 0, "nothing is taken");
    b.config.limits.memory = 1 << 30;
    b.handle_packet(NOW, &first[..]);
    assert_eq!(b.connection(server).unwrap().unread(), 1_000, "the other is forgotten");
    b.handle_packet(NOW, &second[..]);
    assert_eq!(b.connection(server).unwrap().unread(), 2_000);
}

/// A card that cuts packets up, but makes checksums for no others.
#[test]
fn packets_are_large_wherever_they_are_cut_up() {
    let mut config = HostConfig::default();
    config.addresses.push(LocalAddress::new(A.parse().unwrap(), 24));
    config.offload = Offload { segmentation: u16::MAX, checksum: false };
    let (mut a, mut b) = (Host::new(config, [3; 32]).unwrap(), host(B));
    let (client, _) = connected(NOW, &mut a, &mut b);
    a.connection(client).unwrap().send(NOW, &[9; 10_000]).unwrap();
    let transmit = a.poll_transmit(NOW, &mut vec![0; 65_535]).unwrap();
    assert_eq!((transmit.len, transmit.segment_size), (52 + 6 * 1_448, Some(1_448)));
}

#[test]
fn of_packets_that_arrive_together_those_are_counted_that_are_not_ignored() {
    let (mut a, mut b) = (host(A), host(B));
    b.listen(ListenOn::port(80), &ListenConfig::default()).unwrap();
    let mut out = [0; 1_500];
    let mut syns = Vec::new();
    for _ in 0..3 {
        a.connect(NOW, "10.0.0.2:80".parse().unwrap()).unwrap();
        let len = a.poll_transmit(NOW, &mut out).unwrap().len;
        syns.push(out[..len].to_vec());
    }
    syns[1][40] ^= 1;
    assert_eq!(b.handle_packets(NOW, syns.iter().map(|packet| &packet[..])), 2);
    assert_eq!(b.passive_stats().syns, 2);
}

/// The memory of a host is bounded by what it says of it, and this is not only what its connections hold.
#[test]
fn what_is_held_beside_connections_counts_as_memory() {
    let mut a = host(A);
    let before = a.memory();
    let bind = UdpBind::Socket("10.0.0.1:53".parse().unwrap());
    let socket = a.udp_bind(bind, UdpOptions::default()).unwrap();
    let bound = a.memory();
    assert!(bound > before);
    let to = "10.0.0.2:53".parse().unwrap();
    a.udp(socket).unwrap().send_to(NOW, &[7; 1_000], to, &UdpSend::default()).unwrap();
    assert!(a.memory() >= bound + 1_000, "{bound} and then {}", a.memory());
    a.listen(ListenOn::port(80), &ListenConfig::default()).unwrap();
    let listening = a.memory();
    assert!(listening > bound + 1_000);
}

/// Who was refused room is told when a third of the queue is free, in octets as in datagrams.
#[test]
fn a_sender_of_datagrams_hears_when_a_third_of_the_octets_is_free() {
    let mut a = host(A);
    let send = UdpQueue { datagrams: 1_000, octets: 30_000 };
    let options = UdpOptions { send, ..UdpOptions::default() };
    let bind = UdpBind::Socket("10.0.0.1:53".parse().unwrap());
    let socket = a.udp_bind(bind, options).unwrap();
    let to = "10.0.0.2:53".parse().unwrap();
    let mut queued = 0;
    while a.udp(socket).unwrap().send_to(NOW, &[7; 1_000], to, &UdpSend::default()).is_ok() {
        queued += 1;
    }
    assert!((20..=30).contains(&queued), "{queued}");
    events(&mut a);
    let mut out = [0; 1_500];
    let mut gone = 0;
    while events(&mut a).is_empty() {
        assert!(a.poll_transmit(NOW, &mut out).is_some(), "nobody is told");
        gone += 1;
    }
    assert!((queued / 3..=queued / 3 + 2).contains(&gone), "{gone} of {queued}");
}

/// What does not fit waits for a buffer that is large enough; nothing empty is sent meanwhile.
#[test]
fn a_packet_that_does_not_fit_waits() {
    let (mut a, mut b) = (host(A), host(B));
    let (client, server) = connected(NOW, &mut a, &mut b);
    a.connection(client).unwrap().send(NOW, &[7; 100]).unwrap();
    assert_eq!(a.poll_transmit(NOW, &mut [0; 60]), None);
    carry(NOW, &mut a, &mut b);
    carry(NOW + core::time::Duration::from_secs(1), &mut a, &mut b);
    let now = NOW + core::time::Duration::from_secs(5);
    a.handle_timeout(now);
    carry(now, &mut a, &mut b);
    assert_eq!(b.connection(server).unwrap().unread(), 100);
}

#[test]
fn each_reason_to_ignore_a_packet_is_counted_by_its_name() {
    let mut a = host(A);
    assert_eq!(a.stats().reasons().count(), 0);
    a.handle_packet(NOW, &[0_u8; 3][..]);
    a.handle_packet(NOW, &[0_u8; 3][..]);
    assert_eq!(a.stats().reasons().collect::<Vec<_>>(), [("not_ip", 2)]);
}

#[test]
fn answers_that_have_not_left_yet_are_counted_as_memory() {
    let (mut a, mut b) = (host(A), host(B));
    let (before, mut out) = (b.memory(), [0; 1500]);
    for _ in 0..100 {
        a.connect(NOW, "10.0.0.2:81".parse().unwrap()).unwrap();
        let syn = a.poll_transmit(NOW, &mut out).unwrap().len;
        b.handle_packet(NOW, &out[..syn]);
    }
    // A queue has room for twice as many at the most.
    let (grown, each) = (b.memory() - before, size_of::<passive::Reply>());
    assert!((100 * each..=200 * each).contains(&grown), "{grown} octets for 100 answers of {each}");
    assert_eq!(core::iter::from_fn(|| b.poll_transmit(NOW, &mut out)).count(), 100);
}

#[test]
fn the_order_in_which_connections_were_released_is_counted_as_memory() {
    let (mut a, mut b) = (host(A), host(B));
    b.listen(ListenOn::port(80), &ListenConfig::default()).unwrap();
    let remote = "10.0.0.2:80".parse().unwrap();
    let clients: Vec<_> = (0..100).map(|_| a.connect(NOW, remote).unwrap()).collect();
    carry(NOW, &mut a, &mut b);
    events(&mut a);
    let before = a.memory() - a.held;
    for client in clients {
        a.release(NOW, client);
    }
    assert_eq!(a.orphans.len(), 100);
    // An id and a moment each; the queue has room for twice as many at the most.
    let (grown, each) = (a.memory() - a.held - before, size_of::<(ConnId, Instant)>());
    assert!((100 * each..=200 * each).contains(&grown), "{grown} octets for 100 orphans of {each}");
}

/// RFC 1122 §3.2.1.3.
#[test]
fn only_our_own_addresses_send_to_us_without_the_wire() {
    let a = host(A);
    let check = |ip: &str| a.check_source(ip.parse().unwrap(), super::ingress::Origin::Loop);
    assert_eq!(check(A), Ok(()));
    assert_eq!(check(B), Err(IgnoreReason::InvalidSource));
}

/// RFC 9293 MUST-57.
#[test]
fn nobody_calls_a_listener_by_broadcast() {
    let (mut a, mut b, mut out) = (host(A), host(B), [0; 1500]);
    b.listen(ListenOn::port(80), &ListenConfig::default()).unwrap();
    a.connect(NOW, "10.0.0.2:80".parse().unwrap()).unwrap();
    let len = a.poll_transmit(NOW, &mut out).unwrap().len;
    // To 10.0.0.255 instead, checksums mended.
    out[19] = 255;
    for at in [10, 36] {
        let sum = u32::from(u16::from_be_bytes([out[at], out[at + 1]]));
        out[at..at + 2].copy_from_slice(&(((sum + 65_535 - 253) % 65_535) as u16).to_be_bytes());
    }
    assert_eq!(b.handle_packet(NOW, &out[..len]), Ingress::Ignored(IgnoreReason::OtherDestination));
    assert_eq!(b.poll_transmit(NOW, &mut out), None);
}

#[test]
fn segments_that_reach_a_connection_and_those_it_refuses_are_counted() {
    let (mut a, mut b) = (host(A), host(B));
    connected(NOW, &mut a, &mut b);
    // The SYN reached no connection yet.
    assert_eq!((a.stats().segments_in, b.stats().segments_in), (1, 1));
    let (mut stats, reason) = (HostStats::default(), crate::tcp::DropReason::Closed);
    stats.refuse(reason);
    stats.refuse(reason);
    assert_eq!(stats.refused(reason), 2);
}
