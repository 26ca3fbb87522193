//! UDP sockets of whole hosts: datagrams as packets, from the user of one host to the user of another.

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

#[path = "common/counting.rs"]
mod counting;

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use counting::account;
use tcpstate::Instant;
use tcpstate::host::{
    Event, FlowEnd, Host, HostConfig, LocalAddress, Packet, UdpBind, UdpEvent, UdpFlowId, UdpFlows, UdpId,
    UdpNetworkError, UdpOptions, UdpSend,
};

fn addr(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

fn at(millis: u64) -> Instant {
    Instant::ZERO + Duration::from_millis(millis)
}

fn host(ip: &str, change: impl FnOnce(&mut HostConfig)) -> Host {
    let mut config = HostConfig::default();
    config.addresses.push(LocalAddress::new(ip.parse().expect("an address"), 24));
    change(&mut config);
    Host::new(config, [9; 32]).expect("a configuration that does")
}

fn bind(host: &mut Host, bind: UdpBind, options: UdpOptions) -> UdpId {
    host.udp_bind(bind, options).expect("a free place")
}

/// Carries all packets from one host to the other, and says how many there were.
fn carry(now: Instant, from: &mut Host, to: &mut Host) -> usize {
    let (mut out, mut count) = ([0; 1500], 0);
    while let Some(transmit) = from.poll_transmit(now, &mut out) {
        to.handle_packet(now, Packet::from(&out[..transmit.len]));
        count += 1;
    }
    count
}

fn udp_events(host: &mut Host) -> Vec<UdpEvent> {
    let events = std::iter::from_fn(|| host.poll_event());
    events.filter_map(|event| if let Event::Udp(event) = event { Some(event) } else { None }).collect()
}

#[test]
fn a_datagram_in_the_steady_state_allocates_nothing() {
    let (mut client, mut server) = (host("10.0.0.1", |_| ()), host("10.0.0.2", |_| ()));
    let asks = bind(&mut client, UdpBind::Port(0), UdpOptions::default());
    let answers = bind(&mut server, UdpBind::Port(7), UdpOptions::default());
    let (to, how, mut slice) = (addr("10.0.0.2:7"), UdpSend::default(), [0; 1500]);
    let mut before = account();
    for round in 0..2_000_u32 {
        if round == 100 {
            before = account();
        }
        let now = at(u64::from(round));
        let data = [round as u8; 1472];
        let len = [1, 100, 1472][round as usize % 3];
        client.udp(asks).expect("a socket").send_to(now, &data[..len], to, &how).expect("room");
        assert_eq!(carry(now, &mut client, &mut server), 1);
        assert!(server.poll_event().is_some());
        let mut udp = server.udp(answers).expect("a socket");
        let read = udp.recv_from_slice(&mut slice).expect("no error").expect("a datagram");
        assert_eq!(slice[..read.len], data[..len]);
        udp.send_to(now, &slice[..read.len], read.from, &how).expect("room");
        assert_eq!(udp.recv_from_slice(&mut slice), Ok(None));
        carry(now, &mut server, &mut client);
        let mut udp = client.udp(asks).expect("a socket");
        assert_eq!(udp.recv_from_slice(&mut slice).expect("no error").expect("a datagram").len, len);
        assert_eq!(udp.recv_from_slice(&mut slice), Ok(None));
    }
    assert_eq!(account().allocations - before.allocations, 0);
}

/// By reference from the packet to the reader, and from the writer to the packet.
#[test]
fn a_datagram_by_reference_allocates_nothing() {
    let (mut client, mut server) = (host("10.0.0.1", |_| ()), host("10.0.0.2", |_| ()));
    let asks = bind(&mut client, UdpBind::Port(0), UdpOptions::default());
    let answers = bind(&mut server, UdpBind::Port(7), UdpOptions::default());
    let (to, how, data) = (addr("10.0.0.2:7"), UdpSend::default(), Bytes::from(vec![7; 1472]));
    // The packets of a ring of buffers, as an embedder has them.
    let mut out = [0; 1500];
    client.udp(asks).expect("a socket").send_bytes_to(at(0), data.clone(), to, &how).expect("room");
    let len = client.poll_transmit(at(0), &mut out).expect("a packet").len;
    let packet = Bytes::copy_from_slice(&out[..len]);
    let mut before = account();
    for round in 0..1_000 {
        if round == 10 {
            before = account();
        }
        client.udp(asks).expect("a socket").send_bytes_to(at(1), data.clone(), to, &how).expect("room");
        assert!(client.poll_transmit(at(1), &mut out).is_some());
        server.handle_packet(at(1), Packet::from(&packet));
        let datagram = server.udp(answers).expect("a socket").recv_from().expect("no error").expect("one");
        assert_eq!(datagram.data.as_ptr(), packet[28..].as_ptr());
    }
    assert_eq!(account().allocations - before.allocations, 0);
}

#[test]
fn the_longest_datagram_goes_through_in_fragments() {
    for (here, there) in [("10.0.0.1", "10.0.0.2:7"), ("fd00::1", "[fd00::2]:7")] {
        let there = addr(there);
        let (mut client, mut server) = (host(here, |_| ()), host(&there.ip().to_string(), |_| ()));
        let asks = bind(&mut client, UdpBind::Port(0), UdpOptions::default());
        let answers = bind(&mut server, UdpBind::Port(7), UdpOptions::default());
        let longest = if there.is_ipv4() { 65_507 } else { 65_527 };
        let data: Vec<u8> = (0..longest).map(|at| at as u8).collect();
        let mut udp = client.udp(asks).expect("a socket");
        udp.send_to(at(0), &data, there, &UdpSend::default()).expect("room");
        assert!(carry(at(0), &mut client, &mut server) > 40);
        let read = server.udp(answers).expect("a socket").recv_from().expect("no error").expect("one");
        assert_eq!(read.data, data);
    }
}

/// RFC 1122 §4.1.3.1, §4.1.3.3: who calls a closed port hears so, by the next call of a connected socket.
#[test]
fn a_closed_port_refuses() {
    for (here, there) in [("10.0.0.1", "10.0.0.2:7"), ("fd00::1", "[fd00::2]:7")] {
        let there = addr(there);
        let (mut client, mut server) = (host(here, |_| ()), host(&there.ip().to_string(), |_| ()));
        let id = bind(&mut client, UdpBind::Port(0), UdpOptions::default());
        let mut udp = client.udp(id).expect("a socket");
        udp.connect(there).expect("a way");
        udp.send(at(0), b"anybody?", &UdpSend::default()).expect("room");
        assert_eq!(carry(at(0), &mut client, &mut server), 1);
        assert_eq!(carry(at(0), &mut server, &mut client), 1);
        let events = udp_events(&mut client);
        assert!(events.len() == 1 && events[0].id == id && events[0].ready.error, "{events:?}");
        let mut udp = client.udp(id).expect("a socket");
        assert_eq!(udp.recv_from(), Err(UdpNetworkError::Refused));
        assert_eq!(udp.recv_from(), Ok(None));
        assert_eq!(carry(at(0), &mut client, &mut server), 0, "nobody answers an error");
    }
}

#[test]
fn reports_about_datagrams_without_a_peer_say_whom_they_are_about() {
    let (mut client, mut server) = (host("10.0.0.1", |_| ()), host("10.0.0.2", |_| ()));
    let mut options = UdpOptions::default();
    options.report_errors = true;
    let id = bind(&mut client, UdpBind::Port(9), options);
    let mut udp = client.udp(id).expect("a socket");
    udp.send_to(at(0), b"anybody?", addr("10.0.0.2:7"), &UdpSend::default()).expect("room");
    carry(at(0), &mut client, &mut server);
    carry(at(0), &mut server, &mut client);
    assert!(udp_events(&mut client)[0].ready.error);
    let report = client.udp(id).expect("a socket").next_report().expect("a report");
    assert_eq!((report.from, report.to), (addr("10.0.0.1:9"), addr("10.0.0.2:7")));
    assert_eq!(report.error, UdpNetworkError::Refused);
}

/// What a transparent proxy does (tun2socks): every five-tuple has a row, answers come from whom was called.
#[test]
fn a_proxy_answers_for_everybody() {
    let mut client = host("10.0.0.1", |_| ());
    let mut proxy = host("10.0.0.254", |config| config.any_destination = true);
    let mut options = UdpOptions::default();
    options.flows = Some(UdpFlows::default());
    let everything = bind(&mut proxy, UdpBind::Everything, options);
    let id = bind(&mut client, UdpBind::Port(5000), UdpOptions::default());
    let names = ["8.8.8.8:53", "1.1.1.1:53", "192.0.2.7:443"];
    for name in names {
        let mut udp = client.udp(id).expect("a socket");
        udp.send_to(at(0), name.as_bytes(), addr(name), &UdpSend::default()).expect("room");
    }
    carry(at(0), &mut client, &mut proxy);
    let flows: Vec<UdpFlowId> = udp_events(&mut proxy)
        .iter()
        .map(|event| {
            assert!(event.id == everything && event.ready.new && event.ready.readable);
            event.flow.expect("a flow")
        })
        .collect();
    for (&flow, name) in flows.iter().zip(names) {
        let mut udp = proxy.udp_flow(flow).expect("a flow");
        assert_eq!((udp.local(), udp.remote()), (Some(addr(name)), Some(addr("10.0.0.1:5000"))));
        let question = udp.recv().expect("no error").expect("a datagram");
        assert_eq!(question.data, name.as_bytes());
        udp.send(at(1), &question.data, &UdpSend::default()).expect("room");
    }
    carry(at(1), &mut proxy, &mut client);
    for name in names {
        let answer = client.udp(id).expect("a socket").recv_from().expect("no error").expect("an answer");
        assert_eq!((answer.from, &answer.data[..]), (addr(name), name.as_bytes()));
    }
    // RFC 4787 REQ-5: after two minutes they are over.
    assert_eq!(proxy.poll_timeout(), Some(at(120_001)));
    proxy.handle_timeout(at(120_001));
    let ended: Vec<UdpFlowId> = udp_events(&mut proxy)
        .iter()
        .map(|event| {
            assert_eq!(event.ready.ended, Some(FlowEnd::Idle));
            event.flow.expect("a flow")
        })
        .collect();
    assert_eq!(ended, flows);
}

/// The bound: a row takes 128 octets at most, beside its places in the tables.
#[test]
fn a_hundred_thousand_flows_take_little_memory() {
    const FLOWS: u32 = 100_000;
    let mut proxy = host("10.0.0.254", |config| {
        config.any_destination = true;
        config.udp.max_flows = FLOWS;
    });
    let mut options = UdpOptions::default();
    let mut flows = UdpFlows::default();
    flows.max = FLOWS;
    options.flows = Some(flows);
    bind(&mut proxy, UdpBind::Everything, options);
    let (before, counted) = (account().live, proxy.memory());
    let (mut peer, mut slice) = (host("10.0.0.1", |_| ()), [0; 64]);
    let id = bind(&mut peer, UdpBind::Port(5000), UdpOptions::default());
    let of_peer = account().live - before;
    let mut out = [0; 1500];
    for flow in 0..FLOWS {
        let to =
            SocketAddr::from(([172, 16, (flow >> 16) as u8, (flow >> 8) as u8], 1 + (flow & 0xff) as u16));
        peer.udp(id).expect("a socket").send_to(at(0), b"x", to, &UdpSend::default()).expect("room");
        let len = peer.poll_transmit(at(0), &mut out).expect("a packet").len;
        proxy.handle_packet(at(0), Packet::from(&out[..len]));
        while let Some(Event::Udp(event)) = proxy.poll_event() {
            let mut udp = proxy.udp_flow(event.flow.expect("a flow")).expect("a flow");
            while udp.recv_slice(&mut slice).expect("no error").is_some() {}
        }
    }
    assert_eq!(proxy.udp_stats().flows, u64::from(FLOWS));
    assert_eq!(proxy.udp_stats().flows_evicted, 0);
    let each = (account().live - before - of_peer) as usize / FLOWS as usize;
    let told = (proxy.memory() - counted) / FLOWS as usize;
    println!("a flow takes {each} octets; the host says {told}");
    assert!(each <= 200, "{each} octets for a flow");
    assert!(told.abs_diff(each) <= each / 8, "{told} octets are told of, {each} are there");
}

/// A flood from one address at a socket without reader takes no more than its queue, and nobody else's datagrams.
#[test]
fn a_flood_at_one_socket_leaves_the_others_alone() {
    let (mut client, mut server) = (host("10.0.0.1", |_| ()), host("10.0.0.2", |_| ()));
    let id = bind(&mut client, UdpBind::Port(5000), UdpOptions::default());
    let deaf = bind(&mut server, UdpBind::Port(7), UdpOptions::default());
    let other = bind(&mut server, UdpBind::Port(8), UdpOptions::default());
    let before = server.memory();
    for _ in 0..10_000 {
        let mut udp = client.udp(id).expect("a socket");
        udp.send_to(at(0), &[0; 1000], addr("10.0.0.2:7"), &UdpSend::default()).expect("room");
        carry(at(0), &mut client, &mut server);
    }
    assert!(server.memory() - before < 512 << 10);
    assert!(server.udp(deaf).expect("a socket").dropped() > 9_000);
    let mut udp = client.udp(id).expect("a socket");
    udp.send_to(at(0), b"x", addr("10.0.0.2:8"), &UdpSend::default()).expect("room");
    carry(at(0), &mut client, &mut server);
    assert!(server.udp(other).expect("a socket").recv_from().expect("no error").is_some());
}

/// UDP answers nothing by itself: two hosts that are made to talk to one another fall silent.
#[test]
fn a_forged_datagram_starts_no_loop() {
    let (mut a, mut b) = (host("10.0.0.1", |_| ()), host("10.0.0.2", |_| ()));
    let id = bind(&mut a, UdpBind::Port(19), UdpOptions::default());
    let mut udp = a.udp(id).expect("a socket");
    udp.send_to(at(0), b"x", addr("10.0.0.2:7"), &UdpSend::default()).expect("room");
    let mut packets = 0;
    for _ in 0..10 {
        packets += carry(at(0), &mut a, &mut b) + carry(at(0), &mut b, &mut a);
    }
    assert_eq!(packets, 2, "the datagram, and that the port is closed");
}
