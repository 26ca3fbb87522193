//! Many packets from many strangers.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tcpstate::host::{IgnoreReason, ListenConfig, RateLimit, SynCookies};
use tcpstate::sim::Prng;
use tcpstate::wire::TcpFlags;

use crate::beside::{Beside, in_peace};
use crate::hosts::{ACK, FIN_ACK, NOW, Peer, RST, SYN, SYN_ACK, Seg, at, host, listen, segments};

/// Somebody from anywhere in 198.18.0.0/15 (RFC 2544), who has forged his address.
fn stranger(rng: &mut Prng) -> SocketAddr {
    let ip = Ipv4Addr::from_bits(0xc612_0000 + rng.below(1 << 17) as u32);
    SocketAddr::new(ip.into(), rng.between(1_024, 65_535) as u16)
}

/// SYNs with the options that callers have.
fn syns(rng: &mut Prng, count: usize) -> Vec<Vec<u8>> {
    const OPTIONS: [u8; 20] = [2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7];
    let syn = |_| {
        let from = stranger(rng);
        Seg::new(from, at(1, 80), rng.next_u64() as u32, 0, SYN).with_options(&OPTIONS).packet()
    };
    (0..count).map(syn).collect()
}

/// The flood: 50 SYNs a millisecond for 400 of them.
fn syn_flood(cookies: SynCookies) -> Beside {
    let mut listening = ListenConfig::default();
    listening.cookies = cookies;
    let mut beside = Beside::new(|config| config.limits.memory = 4 << 20, &listening);
    let mut rng = Prng::new(1);
    for _ in 0..400 {
        let attack = syns(&mut rng, 50);
        beside.pass(&attack);
    }
    beside
}

#[test]
fn a_syn_flood_costs_a_bounded_table_and_leaves_the_honest_their_goodput() {
    let peace = in_peace(400);
    for cookies in [SynCookies::Off, SynCookies::UnderPressure, SynCookies::Always] {
        let mut beside = syn_flood(cookies);
        assert!(beside.is_alive());
        assert_eq!(beside.server.len(), 1, "no caller has finished a handshake");
        // 1,024 half-open rows of 256 octets at the most, and what the honest connection has.
        assert!(beside.memory < 2 << 20, "{cookies:?}: {} octets", beside.memory);
        assert!(beside.to_others.iter().all(|seg| seg.flags.without(TcpFlags::ECE) == SYN_ACK));
        assert!(beside.to_others.len() <= 50 * 400, "no more answers than SYNs: {}", beside.to_others.len());
        let share = beside.octets * 100 / peace;
        assert!(share >= 80, "{cookies:?}: {share} % of the goodput");
    }
}

#[test]
fn an_honest_caller_gets_through_a_syn_flood_by_a_cookie() {
    // RFC 4987 §3.6: nothing has to be remembered, so nothing can be crowded out.
    for cookies in [SynCookies::UnderPressure, SynCookies::Always] {
        let mut beside = syn_flood(cookies);
        let mut rng = Prng::new(2);
        let mut peer = Peer::new(at(9, 5_000), at(1, 80));
        peer.send(&mut beside.server, beside.now, SYN, &[]);
        // The line is busy with what the flood is answered, and the flood goes on.
        let answer = (0..2_000).find_map(|_| {
            beside.to_others.clear();
            let attack = syns(&mut rng, 2);
            beside.pass(&attack);
            beside.to_others.iter().find(|seg| seg.dst == peer.own).cloned()
        });
        let answer = answer.expect("a SYN,ACK");
        assert_eq!(answer.flags, SYN_ACK);
        peer.ack = answer.seq.wrapping_add(1);
        // Thousands of other callers later.
        let attack = syns(&mut rng, 3_000);
        beside.pass(&attack);
        peer.send(&mut beside.server, beside.now, ACK, b"hello");
        let id = beside.server.accept(beside.listener).expect("the cookie is believed");
        assert_eq!(beside.server.connection(id).map(|connection| connection.unread()), Some(5));
    }
}

#[test]
fn guessed_cookies_open_nothing() {
    let mut beside = syn_flood(SynCookies::Always);
    let mut rng = Prng::new(3);
    for _ in 0..100 {
        let guess = |_| {
            let (seq, ack) = (rng.next_u64() as u32, rng.next_u64() as u32);
            Seg::new(stranger(&mut rng), at(1, 80), seq, ack, ACK).with(b"GET / HTTP/1.0\r\n\r\n").packet()
        };
        let attack: Vec<_> = (0..100).map(guess).collect();
        beside.pass(&attack);
    }
    assert_eq!(beside.server.accept(beside.listener), None);
    assert_eq!(beside.server.len(), 1);
}

#[test]
fn an_ack_flood_to_closed_ports_is_answered_no_faster_than_the_limit_says() {
    let peace = in_peace(400);
    let limit = RateLimit { per_second: 100, burst: 50 };
    let mut beside = Beside::new(|config| config.resets = limit, &ListenConfig::default());
    let before = beside.memory;
    let mut rng = Prng::new(4);
    for _ in 0..400 {
        let ack = |_| {
            let port = rng.between(1_000, 2_000) as u16;
            Seg::new(stranger(&mut rng), at(1, port), rng.next_u64() as u32, 1, ACK).packet()
        };
        let attack: Vec<_> = (0..50).map(ack).collect();
        beside.pass(&attack);
    }
    assert!(beside.is_alive());
    assert!(beside.to_others.iter().all(|seg| seg.flags == RST), "{:?}", beside.to_others.first());
    let answers = beside.to_others.len();
    assert!((10..=50 + 40).contains(&answers), "{answers} resets in 0.4 s");
    assert!(beside.memory < before + (512 << 10), "{before} and then {} octets", beside.memory);
    assert!(beside.octets * 100 / peace >= 80);
}

#[test]
fn a_port_scan_learns_no_faster_than_the_limit_and_leaves_nothing_behind() {
    let mut host = host(1, |config| config.resets = RateLimit { per_second: 1_000, burst: 1_000 });
    let listener = listen(&mut host, 80, &ListenConfig::default());
    let before = host.memory();
    let mut answered = [0, 0];
    for port in 1..=u16::MAX {
        // 65 ms for all of it.
        let now = NOW + Duration::from_micros(u64::from(port));
        host.handle_packet(now, &Seg::new(at(9, 5_000), at(1, port), 1, 0, SYN).packet()[..]);
        for seg in segments(&mut host, now) {
            answered[usize::from(seg.flags.contains(RST))] += 1;
        }
    }
    assert_eq!(answered[0], 1, "the port that is open");
    // A token costs up to half as much again while the bucket is drained: what is left tells a scanner little.
    assert!((660..=1_000 + 66).contains(&answered[1]), "{answered:?}");
    assert_eq!((host.len(), host.accept(listener)), (0, None));
    assert!(host.memory() < before + (64 << 10), "{} octets more", host.memory() - before);
}

#[test]
fn a_host_that_is_to_be_silent_tells_a_scanner_nothing() {
    let mut host = host(1, |config| config.reset_closed_ports = false);
    for flags in [SYN, ACK, FIN_ACK, RST, TcpFlags::NONE, SYN | RST] {
        let probe = Seg::new(at(9, 5_000), at(1, 81), 1, 2, flags).packet();
        host.handle_packet(NOW, &probe[..]);
        assert_eq!(segments(&mut host, NOW), [], "{flags:?}");
    }
    assert_eq!(host.stats().ignored(IgnoreReason::NoConnection), 6);
}

#[test]
fn handshakes_that_nobody_accepts_stop_at_the_backlog() {
    let mut host = host(1, |_| ());
    let mut listening = ListenConfig::default();
    (listening.backlog, listening.cookies) = (16, SynCookies::UnderPressure);
    let listener = listen(&mut host, 80, &listening);
    for port in 1_000..3_000 {
        Peer::new(at(9, port), at(1, 80)).call(&mut host, NOW);
        assert!(host.len() <= 16, "{} connections", host.len());
    }
    let accepted = std::iter::from_fn(|| host.accept(listener)).count();
    assert_eq!(accepted, 16);
    assert!(host.memory() < 2 << 20, "{} octets", host.memory());
}

#[test]
fn connections_stop_at_the_hosts_limit_and_go_on_when_there_is_room() {
    let mut host = host(1, |config| config.limits.connections = 8);
    let listener = listen(&mut host, 80, &ListenConfig::default());
    let mut ids = Vec::new();
    for port in 1_000..1_100 {
        Peer::new(at(9, port), at(1, 80)).call(&mut host, NOW);
        ids.extend(std::iter::from_fn(|| host.accept(listener)));
    }
    assert_eq!((ids.len(), host.len()), (8, 8));
    for id in ids {
        let mut connection = host.connection(id).expect("it is there");
        assert!(connection.abort(NOW).is_ok());
        host.release(NOW, id);
    }
    segments(&mut host, NOW);
    assert_eq!(host.len(), 0);
    Peer::new(at(9, 5_000), at(1, 80)).connect(&mut host, NOW, listener);
}
