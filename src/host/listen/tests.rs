use alloc::vec::Vec;
use core::time::Duration;

use super::super::tests::{A, B, carry, host};
use super::*;
use crate::State;
use crate::host::SynCookies;
use crate::tcp::CloseReason;

const NOW: Instant = Instant::from_nanos(1_000_000_000);

fn checksum(octets: &[u8]) -> u16 {
    let mut sum = crate::wire::Checksum::new();
    sum.add_bytes(octets);
    sum.finish()
}

fn events(host: &mut Host) -> Vec<Event> {
    core::iter::from_fn(|| host.poll_event()).collect()
}

#[test]
fn a_proxy_knows_which_connection_comes_of_which_request() {
    let (mut a, mut b) = (host(A), host(B));
    let listener =
        b.listen(ListenOn::ANYTHING, &ListenConfig { decide: true, ..ListenConfig::default() }).unwrap();
    let clients = [80, 81, 82].map(|port| a.connect(NOW, (b.config().addresses[0].ip, port).into()).unwrap());
    carry(NOW, &mut a, &mut b);
    let asked: Vec<_> = events(&mut b)
        .into_iter()
        .map(|event| match event {
            Event::Decide { listener: who, request } if who == listener => request,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!((asked.len(), b.rows().count()), (3, 3));
    let ports: Vec<_> = asked.iter().map(|&id| b.request(id).unwrap().local_port()).collect();
    assert_eq!(ports, [80, 81, 82]);
    b.decide(asked[0], Decision::Accept).unwrap();
    b.decide(asked[1], Decision::Refuse).unwrap();
    b.decide(asked[2], Decision::Later).unwrap();
    carry(NOW, &mut a, &mut b);
    let state = |a: &mut Host, id| a.connection(id).map(|connection| connection.state());
    assert_eq!(
        clients.map(|id| state(&mut a, id).unwrap()),
        [State::Established, State::Closed, State::SynSent]
    );
    assert_eq!(a.connection(clients[1]).unwrap().close_reason(), Some(CloseReason::Refused));
    let server = b.accept(listener).unwrap();
    assert_eq!(b.connection(server).unwrap().tag(), asked[0].to_bits());
    assert_eq!(b.accept(listener), None);
}

/// RFC 4987 §3.6: what cookies make are connections like others.
#[test]
fn a_host_that_remembers_nothing_is_reached_by_cookies() {
    let (mut a, mut b) = (host(A), host(B));
    let config = ListenConfig { half_open: 0, cookies: SynCookies::UnderPressure, ..ListenConfig::default() };
    let listener = b.listen(ListenOn::port(80), &config).unwrap();
    let client = a.connect(NOW, "10.0.0.2:80".parse().unwrap()).unwrap();
    assert_eq!(a.connection(client).unwrap().send(NOW, b"hello"), Ok(5));
    carry(NOW, &mut a, &mut b);
    let server = b.accept(listener).unwrap();
    let mut connection = b.connection(server).unwrap();
    assert_eq!(connection.recv(NOW, 9), crate::connection::Received::Data("hello".into()));
    assert_eq!(connection.send(NOW, b"back"), Ok(4));
    carry(NOW, &mut a, &mut b);
    assert_eq!(a.connection(client).unwrap().recv(NOW, 9), crate::connection::Received::Data("back".into()));
    assert_eq!((b.passive_stats().cookies_sent, b.passive_stats().cookies_accepted), (1, 1));
}

/// RFC 5461 §4.1: a hard error about the SYN,ACK ends the call.
#[test]
fn a_caller_that_cannot_be_reached_is_forgotten() {
    let (mut a, mut b) = (host(A), host(B));
    b.listen(ListenOn::port(80), &ListenConfig::default()).unwrap();
    a.connect(NOW, "10.0.0.2:80".parse().unwrap()).unwrap();
    let mut out = [0; 1500];
    let syn = a.poll_transmit(NOW, &mut out).unwrap().len;
    b.handle_packet(NOW, &out[..syn]);
    let syn_ack = b.poll_transmit(NOW, &mut out).unwrap().len;
    assert_eq!(b.rows().count(), 1);
    // Destination unreachable, port unreachable, with the header and eight octets of what it is about.
    let mut quoted = [0; 36];
    quoted[0] = 3;
    quoted[1] = 3;
    quoted[8..].copy_from_slice(&out[..28]);
    let sum = checksum(&quoted);
    quoted[2..4].copy_from_slice(&sum.to_be_bytes());
    let mut packet = [0; 56];
    packet[..20].copy_from_slice(&out[..20]);
    packet[2..4].copy_from_slice(&56u16.to_be_bytes());
    packet[9] = 1;
    packet[10..12].fill(0);
    packet[12..16].copy_from_slice(&[10, 0, 0, 1]);
    packet[16..20].copy_from_slice(&[10, 0, 0, 2]);
    let sum = checksum(&packet[..20]);
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
    packet[20..].copy_from_slice(&quoted);
    b.handle_packet(NOW, &packet[..]);
    assert!(syn_ack > 40 && b.rows().count() == 0);
}

/// RFC 9293 §3.6.1: what is left of a connection is a row that can be seen, for twice the MSL.
#[test]
fn time_wait_is_a_row() {
    let (mut a, mut b) = (host(A), host(B));
    let listener = b.listen(ListenOn::port(80), &ListenConfig::default()).unwrap();
    let client = a.connect(NOW, "10.0.0.2:80".parse().unwrap()).unwrap();
    carry(NOW, &mut a, &mut b);
    let server = b.accept(listener).unwrap();
    a.connection(client).unwrap().close(NOW).unwrap();
    carry(NOW, &mut a, &mut b);
    b.connection(server).unwrap().close(NOW).unwrap();
    carry(NOW, &mut a, &mut b);
    let rows: Vec<_> = a.rows().map(|row| (row.state, row.deadline)).collect();
    assert_eq!(rows, [(State::TimeWait, Some(NOW + Duration::from_secs(240)))]);
}

fn fast_host(address: &str, secret: u8) -> Host {
    let mut config = crate::host::HostConfig::default();
    config.addresses.push(crate::host::LocalAddress::new(address.parse().unwrap(), 24));
    config.connection.tcp.fast_open = true;
    Host::new(config, [secret; 32]).unwrap()
}

fn fast_listener(b: &mut Host) -> crate::host::ListenerId {
    b.listen(ListenOn::port(80), &ListenConfig { fast_open: true, ..ListenConfig::default() }).unwrap()
}

/// The next packet of `from` goes to `to`.
fn one(from: &mut Host, to: &mut Host) -> bool {
    let mut out = [0; 1500];
    let sent = from.poll_transmit(NOW, &mut out);
    sent.is_some_and(|sent| !matches!(to.handle_packet(NOW, &out[..sent.len]), Ingress::Ignored(_)))
}

/// RFC 7413 §3.1: the first connection gets a cookie, the octets of the second are read and answered before its
/// handshake is done.
#[test]
fn who_has_a_cookie_is_answered_within_one_round_trip() {
    let (mut a, mut b) = (fast_host(A, 1), fast_host(B, 2));
    let listener = fast_listener(&mut b);
    a.connect(NOW, "10.0.0.2:80".parse().unwrap()).unwrap();
    carry(NOW, &mut a, &mut b);
    assert!(b.accept(listener).is_some());
    assert_eq!(b.passive_stats().opened_early, 0);

    let client = a.connect(NOW, "10.0.0.2:80".parse().unwrap()).unwrap();
    a.connection(client).unwrap().send(NOW, b"question").unwrap();
    assert!(one(&mut a, &mut b));
    events(&mut b);
    let server = b.accept(listener).unwrap();
    let mut connection = b.connection(server).unwrap();
    assert_eq!(connection.recv(NOW, 99), crate::connection::Received::Data("question".into()));
    assert_eq!(connection.state(), State::SynReceived);
    connection.send(NOW, b"answer").unwrap();
    while one(&mut b, &mut a) {}
    assert_eq!(
        a.connection(client).unwrap().recv(NOW, 99),
        crate::connection::Received::Data("answer".into())
    );
    carry(NOW, &mut a, &mut b);
    assert_eq!(b.connection(server).unwrap().state(), State::Established);
    assert_eq!((b.passive_stats().opened_early, b.rows().count()), (1, 0));
}

/// RFC 7413 §4.2.2: a cookie that is not good any more is replaced, and the octets come again.
#[test]
fn a_bad_cookie_costs_nothing_but_time() {
    let (mut a, mut b) = (fast_host(A, 1), fast_host(B, 2));
    fast_listener(&mut b);
    a.connect(NOW, "10.0.0.2:80".parse().unwrap()).unwrap();
    carry(NOW, &mut a, &mut b);
    // The server has another secret now.
    let mut b = fast_host(B, 3);
    let listener = fast_listener(&mut b);
    for early in [0, 1] {
        let client = a.connect(NOW, "10.0.0.2:80".parse().unwrap()).unwrap();
        a.connection(client).unwrap().send(NOW, b"question").unwrap();
        carry(NOW, &mut a, &mut b);
        let server = b.accept(listener).unwrap();
        assert_eq!(
            b.connection(server).unwrap().recv(NOW, 99),
            crate::connection::Received::Data("question".into())
        );
        assert_eq!(b.passive_stats().opened_early, early);
    }
}

/// RFC 7413 §5.1: who shows the same SYN again and again takes half of the backlog at the most.
#[test]
fn replayed_syns_fill_half_of_the_backlog_and_no_more() {
    let (mut a, mut b) = (fast_host(A, 1), fast_host(B, 2));
    let config = ListenConfig { fast_open: true, backlog: 8, ..ListenConfig::default() };
    let listener = b.listen(ListenOn::port(80), &config).unwrap();
    a.connect(NOW, "10.0.0.2:80".parse().unwrap()).unwrap();
    carry(NOW, &mut a, &mut b);
    assert!(b.accept(listener).is_some());
    let mut out = [0; 1500];
    for _ in 0..20 {
        let client = a.connect(NOW, "10.0.0.2:80".parse().unwrap()).unwrap();
        a.connection(client).unwrap().send(NOW, b"question").unwrap();
        let syn = a.poll_transmit(NOW, &mut out).unwrap().len;
        for _ in 0..3 {
            b.handle_packet(NOW, &out[..syn]);
        }
    }
    assert_eq!((b.passive_stats().opened_early, b.rows().count()), (4, 16));
}

/// RFC 7413 §5.1: that its owner accepts, and answers, at once does not let a flood of SYNs in another's name have
/// more answered.
#[test]
fn replayed_syns_are_answered_early_so_often_and_no_more_however_fast_they_are_accepted() {
    let (mut a, mut b) = (fast_host(A, 1), fast_host(B, 2));
    let config = ListenConfig { fast_open: true, backlog: 8, ..ListenConfig::default() };
    let listener = b.listen(ListenOn::port(80), &config).unwrap();
    a.connect(NOW, "10.0.0.2:80".parse().unwrap()).unwrap();
    carry(NOW, &mut a, &mut b);
    assert!(b.accept(listener).is_some());
    let (mut out, mut octets, mut ids) = ([0; 1500], 0, Vec::new());
    for _ in 0..20 {
        let client = a.connect(NOW, "10.0.0.2:80".parse().unwrap()).unwrap();
        a.connection(client).unwrap().send(NOW, b"question").unwrap();
        let syn = a.poll_transmit(NOW, &mut out).unwrap().len;
        b.handle_packet(NOW, &out[..syn]);
        while let Some(id) = b.accept(listener) {
            b.connection(id).unwrap().send(NOW, &[7; 20_000]).unwrap();
            ids.push(id);
        }
        while let Some(sent) = b.poll_transmit(NOW, &mut out) {
            octets += sent.len;
        }
    }
    assert_eq!(
        (b.passive_stats().opened_early, ids.len()),
        (4, 4),
        "{octets} octets were sent to whom nobody has heard"
    );
    // Those that are over make room again.
    for id in ids {
        b.connection(id).unwrap().abort(NOW).unwrap();
        b.release(NOW, id);
    }
    while b.poll_transmit(NOW, &mut out).is_some() {}
    let client = a.connect(NOW, "10.0.0.2:80".parse().unwrap()).unwrap();
    a.connection(client).unwrap().send(NOW, b"question").unwrap();
    carry(NOW, &mut a, &mut b);
    assert_eq!(b.passive_stats().opened_early, 5);
    // So does he who answers.
    let client = a.connect(NOW, "10.0.0.2:80".parse().unwrap()).unwrap();
    a.connection(client).unwrap().send(NOW, b"question").unwrap();
    carry(NOW, &mut a, &mut b);
    assert_eq!((b.passive_stats().opened_early, b.passive.early_count()), (6, 0));
}

/// A SYN with octets is no larger than the link of the host that sends it.
#[test]
fn a_syn_with_octets_fits_into_a_small_mtu() {
    let mut config = crate::host::HostConfig::default();
    config.addresses.push(crate::host::LocalAddress::new(A.parse().unwrap(), 24));
    config.connection.tcp.fast_open = true;
    config.mtu = 128;
    config.offload.checksum = true;
    let (mut a, mut b) = (Host::new(config, [1; 32]).unwrap(), fast_host(B, 2));
    fast_listener(&mut b);
    a.connect(NOW, "10.0.0.2:80".parse().unwrap()).unwrap();
    carry(NOW, &mut a, &mut b);
    let client = a.connect(NOW, "10.0.0.2:80".parse().unwrap()).unwrap();
    a.connection(client).unwrap().send(NOW, &[7; 1000]).unwrap();
    let mut out = [0; 1500];
    assert!(a.poll_transmit(NOW, &mut out).unwrap().len <= 128);
}

#[test]
fn the_places_of_accept_queues_are_counted_as_they_come_and_go() {
    let (mut a, mut b) = (host(A), host(B));
    let empty = b.accepts.memory();
    let listeners: Vec<_> =
        (0..3).map(|n| b.listen(ListenOn::port(80 + n), &ListenConfig::default()).unwrap()).collect();
    for n in 0..30 {
        a.connect(NOW, std::net::SocketAddr::new(B.parse().unwrap(), 80 + n % 3)).unwrap();
    }
    carry(NOW, &mut a, &mut b);
    let places: usize = b.accepts.queues.iter().map(|queue| queue.waiting.capacity()).sum();
    assert!(places >= 30 && b.accepts.places == places);
    for listener in listeners {
        b.unlisten(NOW, listener);
    }
    assert_eq!((b.accepts.places, empty), (0, 0));
}

/// RFC 6191: where all ports are in TIME-WAIT, one whose time is as good as over is taken.
#[test]
fn where_all_ports_are_in_time_wait_one_is_used_again() {
    let mut config = crate::host::HostConfig::default();
    config.addresses.push(crate::host::LocalAddress::new(A.parse().unwrap(), 24));
    config.ports = 50_000..=50_001;
    let (mut a, mut b) = (Host::new(config, [1; 32]).unwrap(), host(B));
    let listener = b.listen(ListenOn::port(80), &ListenConfig::default()).unwrap();
    for n in 0..6 {
        let now = NOW + Duration::from_millis(600 * n);
        let client = a.connect(now, "10.0.0.2:80".parse().unwrap());
        if n == 2 {
            assert!(client.is_ok(), "the first has rested for 1.2 s");
        }
        let client = client.unwrap();
        carry(now, &mut a, &mut b);
        let server = b.accept(listener).unwrap();
        a.release(now, client);
        carry(now, &mut a, &mut b);
        b.release(now, server);
        carry(now, &mut a, &mut b);
        assert_eq!(a.rows().count() as u64, (n + 1).min(2));
    }
    let soon = NOW + Duration::from_millis(600 * 5 + 1);
    a.connect(soon, "10.0.0.2:80".parse().unwrap()).unwrap_err();
}

/// RFC 9293 §3.8.3: a connection that began with its SYN's octets ends when its peer stays silent.
#[test]
fn an_early_connection_whose_peer_is_silent_ends() {
    let (mut a, mut b) = (fast_host(A, 1), fast_host(B, 2));
    let listener = fast_listener(&mut b);
    a.connect(NOW, "10.0.0.2:80".parse().unwrap()).unwrap();
    carry(NOW, &mut a, &mut b);
    b.accept(listener).unwrap();
    let client = a.connect(NOW, "10.0.0.2:80".parse().unwrap()).unwrap();
    a.connection(client).unwrap().send(NOW, b"question").unwrap();
    assert!(one(&mut a, &mut b));
    let server = b.accept(listener).unwrap();
    let mut out = [0; 1500];
    for _ in 0..100 {
        while b.poll_transmit(NOW, &mut out).is_some() {}
        let Some(at) = b.poll_timeout().filter(|_| b.connection(server).unwrap().state() != State::Closed)
        else {
            break;
        };
        b.handle_timeout(at);
        while b.poll_transmit(at, &mut out).is_some() {}
    }
    let connection = b.connection(server).unwrap();
    assert_eq!(connection.close_reason(), Some(CloseReason::RetransmissionsExhausted));
}

/// RFC 7413 §7.3: a server may do without cookies: octets of a SYN that shows none are read at once there,
/// as long as there is room for another connection.
#[test]
fn octets_of_a_syn_without_a_cookie_are_taken_where_none_is_asked_for_and_there_is_room() {
    let mut config = crate::host::HostConfig::default();
    config.addresses.push(crate::host::LocalAddress::new(A.parse().unwrap(), 24));
    (config.connection.tcp.fast_open, config.connection.tcp.fast_open_unproven) = (true, true);
    let mut a = Host::new(config.clone(), [1; 32]).unwrap();
    config.addresses[0].ip = B.parse().unwrap();
    config.limits.connections = 1;
    let mut b = Host::new(config, [2; 32]).unwrap();
    let config = ListenConfig { fast_open: true, fast_open_unproven: true, ..ListenConfig::default() };
    let listener = b.listen(ListenOn::port(80), &config).unwrap();
    for (early, half_open) in [(1, 0), (1, 1)] {
        let client = a.connect(NOW, "10.0.0.2:80".parse().unwrap()).unwrap();
        a.connection(client).unwrap().send(NOW, b"question").unwrap();
        assert!(one(&mut a, &mut b));
        assert_eq!((b.passive_stats().opened_early, b.passive.half_open()), (early, half_open));
    }
    let server = b.accept(listener).unwrap();
    let read = b.connection(server).unwrap().recv(NOW, 99);
    assert_eq!(read, crate::connection::Received::Data("question".into()));
}
