//! Several hosts behind one address, nothing shared: packets are steered by the symmetric hash of their flow.

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

use std::collections::BTreeMap;
use std::time::Duration;

use tcpstate::Instant;
use tcpstate::connection::Received;
use tcpstate::host::{
    ConnId, Event, Host, HostConfig, ListenConfig, ListenOn, LocalAddress, Readiness, Shard, SynCookies, rss,
};
use tcpstate::wire::{IpPacket, TcpSegment};

const SERVER: &str = "2001:db8::1";
const CALLER: &str = "2001:db8::2";

fn host(address: &str, secret: u8, shard: Option<Shard>) -> Host {
    let mut config = HostConfig::default();
    config.addresses.push(LocalAddress::new(address.parse().expect("an address"), 64));
    config.shard = shard;
    config.shared_cookies = shard.is_some();
    Host::new(config, [secret; 32]).expect("the configuration does")
}

fn servers(count: u32, config: &ListenConfig) -> Vec<Host> {
    let mut hosts = Vec::new();
    for index in 0..count {
        let mut host = host(SERVER, 1, Some(Shard { index, count }));
        host.listen(ListenOn::port(80), config).expect("nobody listens there");
        hosts.push(host);
    }
    hosts
}

fn packets(host: &mut Host, now: Instant) -> Vec<Vec<u8>> {
    let mut out = [0; 1500];
    let mut packets = Vec::new();
    while let Some(transmit) = host.poll_transmit(now, &mut out) {
        packets.push(out[..transmit.len].to_vec());
    }
    packets
}

/// Carries everything between the caller and the servers, each packet to where `steer` says; and says whether there was
/// anything.
fn carry(now: Instant, caller: &mut Host, servers: &mut [Host], steer: impl Fn(&[u8]) -> usize) -> bool {
    let mut any = false;
    for packet in packets(caller, now) {
        servers[steer(&packet)].handle_packet(now, &packet[..]);
        any = true;
    }
    for server in servers {
        for packet in packets(server, now) {
            caller.handle_packet(now, &packet[..]);
            any = true;
        }
    }
    any
}

fn by_hash(packet: &[u8], count: usize) -> usize {
    rss::shard(rss::packet_hash(packet).expect("an IP packet"), count as u32) as usize
}

/// Accepts, and sends back what comes; answers how many callers have come to their end.
fn serve(now: Instant, host: &mut Host) -> usize {
    let mut served = 0;
    while let Some(event) = host.poll_event() {
        match event {
            Event::Incoming { listener } => while host.accept(listener).is_some() {},
            Event::Connection { id, .. } => {
                let Some(mut connection) = host.connection(id) else { continue };
                while let Received::Data(octets) = connection.recv(now, usize::MAX) {
                    connection.send_bytes(now, octets).expect("there is room for a question");
                }
                if connection.recv(now, 1) != Received::Empty {
                    served += 1;
                    host.release(now, id);
                }
            }
            _ => {}
        }
    }
    served
}

#[test]
fn every_packet_of_a_flow_reaches_the_host_that_has_it() {
    let (mut now, count) = (Instant::from_nanos(1), 5);
    let (mut caller, mut hosts) = (host(CALLER, 2, None), servers(count, &ListenConfig::default()));
    caller.listen(ListenOn::port(9), &ListenConfig::default()).expect("nobody listens there");
    let mut asked: BTreeMap<ConnId, Vec<u8>> = BTreeMap::new();
    for _ in 0..300 {
        let id = caller.connect(now, format!("[{SERVER}]:80").parse().expect("a socket")).expect("a port");
        asked.insert(id, Vec::new());
    }
    // The servers call back, from ports that lead to themselves.
    for host in &mut hosts {
        for _ in 0..20 {
            host.connect(now, format!("[{CALLER}]:9").parse().expect("a socket")).expect("a port");
        }
    }
    let (mut served, mut called_back, mut answered) = (vec![0; count as usize], 0, 0);
    for _ in 0..200 {
        while carry(now, &mut caller, &mut hosts, |packet| by_hash(packet, count as usize)) {}
        for (host, served) in hosts.iter_mut().zip(&mut served) {
            *served += serve(now, host);
        }
        while let Some(event) = caller.poll_event() {
            match event {
                Event::Incoming { listener } => {
                    while let Some(id) = caller.accept(listener) {
                        caller.release(now, id);
                        called_back += 1;
                    }
                }
                Event::Connection { id, ready, .. } => {
                    let (Some(answer), Some(mut connection)) = (asked.get_mut(&id), caller.connection(id))
                    else {
                        continue;
                    };
                    if ready.contains(Readiness::CONNECTED) {
                        connection.send(now, b"who are you?").expect("it is connected");
                        connection.shutdown(now).expect("it is connected");
                    }
                    while let Received::Data(octets) = connection.recv(now, usize::MAX) {
                        answer.extend_from_slice(&octets);
                    }
                    if connection.recv(now, 1) == Received::Eof {
                        assert_eq!(answer, b"who are you?");
                        answered += 1;
                        caller.release(now, id);
                    }
                }
                _ => {}
            }
        }
        now = now + Duration::from_millis(50);
        caller.handle_timeout(now);
        hosts.iter_mut().for_each(|host| host.handle_timeout(now));
    }
    assert_eq!((answered, called_back), (300, 20 * count));
    // What the peer of a released connection closes counts as served as well.
    assert!(served.iter().all(|&served| served >= 300 / count as usize / 2), "{served:?}");
    for host in &hosts {
        assert_eq!(host.stats().resets_out, 0);
        assert_eq!(host.stats().reasons().collect::<Vec<_>>(), []);
    }
}

/// The SYN goes to one host and everything else to another: with one secret that does not matter to a cookie.
#[test]
fn a_cookie_that_one_host_has_sent_is_good_at_another() {
    let now = Instant::from_nanos(5_000_000_000);
    let mut config = ListenConfig::default();
    config.cookies = SynCookies::Always;
    let (mut caller, mut hosts) = (host(CALLER, 2, None), servers(2, &config));
    let id = caller.connect(now, format!("[{SERVER}]:80").parse().expect("a socket")).expect("a port");
    carry(now, &mut caller, &mut hosts, |_| 0);
    assert_eq!(hosts[0].passive_stats().cookies_sent, 1);
    caller.connection(id).expect("it is there").send(now, b"hello").expect("it is connected");
    while carry(now, &mut caller, &mut hosts, |_| 1) {}
    assert_eq!(hosts[1].passive_stats().cookies_accepted, 1);
    assert_eq!((hosts[0].len(), hosts[1].len()), (0, 1));
    serve(now, &mut hosts[1]);
    while carry(now, &mut caller, &mut hosts, |_| 1) {}
    let echo = caller.connection(id).expect("it is there").recv(now, 100);
    assert_eq!(echo, Received::Data("hello".into()));
}

/// RFC 6528 §3: a flow's sequence numbers go on growing, whichever host it comes to.
#[test]
fn hosts_with_one_secret_begin_a_flow_with_the_same_number() {
    let (first, later) = (Instant::from_nanos(5_000_000_000), Instant::from_nanos(5_008_000_000));
    let (mut caller, mut hosts) = (host(CALLER, 2, None), servers(2, &ListenConfig::default()));
    caller.connect(first, format!("[{SERVER}]:80").parse().expect("a socket")).expect("a port");
    let syn = packets(&mut caller, first).remove(0);
    let begin = |host: &mut Host, now| {
        host.handle_packet(now, &syn[..]);
        let answer = packets(host, now).remove(0);
        let ip = IpPacket::parse(&answer, answer.len()).expect("an IP packet");
        TcpSegment::parse(ip.payload, ip.payload_len).expect("a segment").seq
    };
    let here = begin(&mut hosts[0], first);
    let there = begin(&mut hosts[1], later);
    assert_eq!(there - here, 2_000); // 8 ms later, one every 4 µs (RFC 9293 §3.4.1)
}
