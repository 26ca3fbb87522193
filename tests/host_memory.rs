//! What a host says that it holds is what it holds, whichever of its parts holds it: its limit would else be none.
//!
//! Counted by the allocator itself, for each test's own thread.

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

#[path = "common/counting.rs"]
mod counting;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use counting::account;
use tcpstate::Instant;
use tcpstate::host::{
    Host, HostConfig, ListenConfig, ListenOn, LocalAddress, UdpBind, UdpFlows, UdpOptions, UdpSend,
};

const NOW: Instant = Instant::from_nanos(1 << 40);

fn host(last: u8) -> Host {
    let mut config = HostConfig::default();
    config.addresses.push(LocalAddress::new(Ipv4Addr::new(10, 0, 0, last).into(), 8));
    config
        .addresses
        .push(LocalAddress::new(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last.into()).into(), 64));
    config.limits.half_open = 100_000;
    Host::new(config, [last; 32]).expect("the configuration does")
}

/// What `grow` lets two hosts hold, and what they say that it is: no more than `percent` apart.
fn is_told(percent: usize, grow: impl FnOnce(&mut [Host; 2])) {
    let mut ends = [host(1), host(2)];
    let told = |ends: &[Host; 2]| ends.iter().map(Host::memory).sum::<usize>();
    let before = (account().live, told(&ends));
    grow(&mut ends);
    let held = usize::try_from(account().live - before.0).expect("it grows");
    let told = told(&ends) - before.1;
    assert!(held >= 16 << 10, "only {held} octets: too few to tell anything");
    assert!(told.abs_diff(held) * 100 <= held * percent, "it says {told}, and it is {held}");
}

/// Carries what there is to carry.
fn carry([a, b]: &mut [Host; 2]) {
    let mut out = [0; 1_500];
    loop {
        let mut quiet = true;
        while let Some(transmit) = a.poll_transmit(NOW, &mut out) {
            b.handle_packet(NOW, &out[..transmit.len]);
            quiet = false;
        }
        while let Some(transmit) = b.poll_transmit(NOW, &mut out) {
            a.handle_packet(NOW, &out[..transmit.len]);
            quiet = false;
        }
        if quiet {
            return;
        }
    }
}

fn server(v6: bool, port: u16) -> SocketAddr {
    let ip: IpAddr = if v6 {
        Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2).into()
    } else {
        Ipv4Addr::new(10, 0, 0, 2).into()
    };
    SocketAddr::new(ip, port)
}

fn silence(ends: &mut [Host; 2]) {
    ends.iter_mut().for_each(|end| while end.poll_event().is_some() {});
}

#[test]
fn listeners() {
    is_told(10, |ends| {
        for port in 1..=2_000 {
            ends[1].listen(ListenOn::port(port), &ListenConfig::default()).expect("nobody listens there");
        }
    });
}

/// Callers who have not been answered yet.
#[test]
fn calls() {
    for v6 in [false, true] {
        is_told(10, |ends| {
            for _ in 0..500 {
                ends[0].connect(NOW, server(v6, 80)).expect("there is a port");
            }
        });
    }
}

/// Callers whose SYN,ACK is not acknowledged yet.
#[test]
fn half_open_connections() {
    for v6 in [false, true] {
        is_told(10, |ends| {
            let mut listen = ListenConfig::default();
            listen.half_open = 10_000;
            ends[1].listen(ListenOn::port(80), &listen).expect("nobody listens there");
            let mut out = [0; 1_500];
            for _ in 0..1_000 {
                ends[0].connect(NOW, server(v6, 80)).expect("there is a port");
                let len = ends[0].poll_transmit(NOW, &mut out).expect("a SYN").len;
                ends[1].handle_packet(NOW, &out[..len]);
            }
        });
    }
}

/// Connections that nobody has accepted yet, and that nobody has been told of.
#[test]
fn connections_in_the_queue_of_a_listener() {
    is_told(10, |ends| {
        let mut listen = ListenConfig::default();
        listen.backlog = 1_000;
        ends[1].listen(ListenOn::port(80), &listen).expect("nobody listens there");
        for _ in 0..500 {
            ends[0].connect(NOW, server(false, 80)).expect("there is a port");
            carry(ends);
        }
    });
}

#[test]
fn connections_in_time_wait() {
    for v6 in [false, true] {
        is_told(10, |ends| {
            let listener =
                ends[1].listen(ListenOn::port(80), &ListenConfig::default()).expect("nobody listens there");
            for _ in 0..500 {
                let client = ends[0].connect(NOW, server(v6, 80)).expect("there is a port");
                carry(ends);
                let served = ends[1].accept(listener).expect("a connection");
                ends[0].release(NOW, client);
                carry(ends);
                ends[1].release(NOW, served);
                carry(ends);
                silence(ends);
            }
            assert!(ends[0].rows().count() >= 500);
        });
    }
}

#[test]
fn octets_to_send_and_to_read() {
    is_told(10, |ends| {
        let listener =
            ends[1].listen(ListenOn::port(80), &ListenConfig::default()).expect("nobody listens there");
        for _ in 0..20 {
            let client = ends[0].connect(NOW, server(false, 80)).expect("there is a port");
            carry(ends);
            ends[1].accept(listener).expect("a connection");
            ends[0].connection(client).expect("it is open").send(NOW, &[7; 50_000]).expect("it is open");
            carry(ends);
            silence(ends);
        }
    });
}

#[test]
fn udp_sockets() {
    is_told(10, |ends| {
        for port in 1..=2_000 {
            ends[0].udp_bind(UdpBind::Port(port), UdpOptions::default()).expect("nobody is there");
        }
    });
}

#[test]
fn datagrams_to_send() {
    is_told(10, |ends| {
        let socket = ends[0].udp_bind(UdpBind::Port(53), UdpOptions::default()).expect("nobody is there");
        let mut socket = ends[0].udp(socket).expect("it is there");
        for _ in 0..100 {
            socket.send_to(NOW, &[7; 1_000], server(false, 53), &UdpSend::default()).expect("there is room");
        }
    });
}

/// Datagrams to read, in queues of their own for each peer.
#[test]
fn datagrams_to_read_by_flow() {
    is_told(10, |ends| {
        let mut options = UdpOptions::default();
        options.flows = Some(UdpFlows::default());
        ends[1].udp_bind(UdpBind::Port(53), options).expect("nobody is there");
        for port in 1_000..1_200 {
            let socket =
                ends[0].udp_bind(UdpBind::Port(port), UdpOptions::default()).expect("nobody is there");
            let mut socket = ends[0].udp(socket).expect("it is there");
            socket.send_to(NOW, &[7; 1_000], server(false, 53), &UdpSend::default()).expect("there is room");
            carry(ends);
        }
    });
}

/// What is to be said to callers of closed ports, and of closed ports of UDP.
#[test]
fn answers_that_wait_to_be_sent() {
    is_told(20, |ends| {
        let mut out = [0; 1_500];
        for _ in 0..400 {
            ends[0].connect(NOW, server(false, 81)).expect("there is a port");
            let len = ends[0].poll_transmit(NOW, &mut out).expect("a SYN").len;
            ends[1].handle_packet(NOW, &out[..len]);
        }
    });
    is_told(20, |ends| {
        let socket = ends[0].udp_bind(UdpBind::Port(53), UdpOptions::default()).expect("nobody is there");
        for n in 0..200 {
            let now = NOW + Duration::from_millis(20 * n);
            let mut sender = ends[0].udp(socket).expect("it is there");
            sender.send_to(now, &[7; 1_000], server(false, 9), &UdpSend::default()).expect("there is room");
            let mut out = [0; 1_500];
            let len = ends[0].poll_transmit(now, &mut out).expect("a datagram").len;
            ends[1].handle_packet(now, &out[..len]);
        }
    });
}

/// The first halves of datagrams.
#[test]
fn fragments() {
    is_told(10, |ends| {
        let socket = ends[0].udp_bind(UdpBind::Port(53), UdpOptions::default()).expect("nobody is there");
        for _ in 0..20 {
            let mut sender = ends[0].udp(socket).expect("it is there");
            sender.send_to(NOW, &[7; 2_500], server(false, 53), &UdpSend::default()).expect("there is room");
            let mut out = [0; 1_500];
            let len = ends[0].poll_transmit(NOW, &mut out).expect("the first fragment").len;
            ends[1].handle_packet(NOW, &out[..len]);
            while ends[0].poll_transmit(NOW, &mut out).is_some() {}
        }
    });
}

/// Those that a host has, and its list of them.
#[test]
fn addresses() {
    let before = account().live;
    let mut config = HostConfig::default();
    for n in 0..2_000_u32 {
        config.addresses.push(LocalAddress::new(Ipv4Addr::from_bits(0x0a00_0001 + n).into(), 8));
    }
    let host = Host::new(config, [1; 32]).expect("the configuration does");
    let held = usize::try_from(account().live - before).expect("it holds something");
    let told = host.memory();
    assert!(told.abs_diff(held) * 10 <= held, "it says {told}, and it is {held}");
}
