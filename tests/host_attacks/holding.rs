//! Peers who hold on to what they have got: memory, and connections.

use std::time::Duration;

use tcpstate::Instant;
use tcpstate::connection::Received;
use tcpstate::host::{ListenConfig, Readiness};
use tcpstate::tcp::CloseReason;

use crate::hosts::{ACK, FIN_ACK, NOW, Peer, RST, SYN, Seg, at, events, host, listen, ready, segments};

/// Serves a host for so long; the peer acknowledges everything, and opens no window.
fn hold(host: &mut tcpstate::host::Host, peer: &mut Peer, from: Instant, span: Duration) -> (Instant, usize) {
    let (mut now, mut count) = (from, 0);
    while let Some(at) = host.poll_timeout().filter(|&at| at <= from + span) {
        now = now.max(at);
        host.handle_timeout(now);
        for seg in segments(host, now) {
            count += 1;
            // What the probe brings is not taken (RFC 9293 §3.8.6.1): the answer says only that somebody is there.
            let answer = if seg.flags.contains(RST) { None } else { Some(peer.seg(ACK, &[])) };
            answer.iter().for_each(|answer| drop(host.handle_packet(now, &answer.packet()[..])));
        }
    }
    (from + span, count)
}

#[test]
fn a_window_that_stays_shut_is_probed_for_ever_and_the_owner_may_end_it() {
    // RFC 9293 MUST-37: as long as the probes are answered, the protocol does not give up. RFC 6429: the owner may.
    let mut host = host(1, |_| ());
    let listener = listen(&mut host, 80, &ListenConfig::default());
    let mut peer = Peer { window: 0, ..Peer::new(at(2, 5_000), at(1, 80)) };
    let id = peer.connect(&mut host, NOW, listener);
    assert_eq!(host.connection(id).expect("it is there").send(NOW, &[7; 50_000]), Ok(50_000));
    let day = Duration::from_secs(86_400);
    let (now, probes) = hold(&mut host, &mut peer, NOW, day);
    let held = host.memory();
    assert!(held < 256 << 10, "{held} octets");
    let (now, _) = hold(&mut host, &mut peer, now, day);
    let connection = host.connection(id).expect("it is there");
    assert_eq!(connection.close_reason(), None, "two days later");
    // One a minute when the interval has grown (MUST-35, SHLD-30), and a few before.
    assert!((1_000..1_500).contains(&probes), "{probes} probes in a day");
    assert!(host.memory() <= held + 4_096, "{held} and then {} octets", host.memory());
    host.connection(id).expect("it is there").abort(now).expect("it is open");
    assert_eq!(segments(&mut host, now).last().map(|seg| seg.flags.contains(RST)), Some(true));
    assert!(ready(&mut host, id).contains(Readiness::CLOSED));
    assert_eq!(host.connection(id).expect("not released").close_reason(), Some(CloseReason::Aborted));
}

#[test]
fn an_orphan_behind_a_window_that_stays_shut_is_reset_in_time() {
    // RFC 6429 §3.
    let mut host = host(1, |config| config.limits.orphan_time = Duration::from_secs(600));
    let listener = listen(&mut host, 80, &ListenConfig::default());
    let mut peer = Peer { window: 0, ..Peer::new(at(2, 5_000), at(1, 80)) };
    let id = peer.connect(&mut host, NOW, listener);
    assert_eq!(host.connection(id).expect("it is there").send(NOW, &[7; 50_000]), Ok(50_000));
    host.release(NOW, id);
    let (now, _) = hold(&mut host, &mut peer, NOW, Duration::from_secs(599));
    assert_eq!(host.len(), 1);
    hold(&mut host, &mut peer, now, Duration::from_secs(2));
    assert_eq!((host.len(), host.stats().orphans_reset), (0, 1));
}

#[test]
fn of_too_many_orphans_the_oldest_is_reset_at_once() {
    let mut host = host(1, |config| config.limits.orphans = 10);
    let listener = listen(&mut host, 80, &ListenConfig::default());
    for port in 1_000..1_200 {
        let mut peer = Peer { window: 0, ..Peer::new(at(2, port), at(1, 80)) };
        let id = peer.connect(&mut host, NOW, listener);
        assert_eq!(host.connection(id).expect("it is there").send(NOW, &[7; 50_000]), Ok(50_000));
        host.release(NOW, id);
        // Even if nobody takes away the resets.
        assert!(host.len() <= 10, "{} orphans", host.len());
    }
    assert_eq!(host.stats().orphans_reset, 190);
    assert!(host.memory() < 2 << 20, "{} octets", host.memory());
}

#[test]
fn memory_pressure_ends_orphans_and_not_connections_that_have_an_owner() {
    let mut host = host(1, |config| config.limits.memory = 1 << 20);
    let listener = listen(&mut host, 80, &ListenConfig::default());
    let connect = |host: &mut tcpstate::host::Host, port| {
        let mut peer = Peer { window: 0, ..Peer::new(at(2, port), at(1, 80)) };
        let id = peer.connect(host, NOW, listener);
        (peer, id)
    };
    let (mut honest, owned) = connect(&mut host, 999);
    // What users queue is theirs; left behind by them it goes when it is in the way.
    let ids: Vec<_> = (1_000..1_020).map(|port| connect(&mut host, port).1).collect();
    for id in ids {
        assert_eq!(host.connection(id).expect("it is there").send(NOW, &[7; 60_000]), Ok(60_000));
        host.release(NOW, id);
    }
    assert!(host.memory() > 1 << 20);
    honest.send(&mut host, NOW, ACK, b"something new");
    // And what has just come.
    assert!(host.memory() <= (1 << 20) + (32 << 10), "{} octets", host.memory());
    assert!(host.stats().orphans_reset > 0);
    let heard = host.connection(owned).expect("it has an owner").recv(NOW, 100);
    assert_eq!(heard, Received::Data("something new".into()));
}

#[test]
fn memory_stays_under_its_limit_whatever_is_sent_and_nobody_reads() {
    let limit = 1 << 20;
    let mut host = host(1, |config| config.limits.memory = limit);
    let listener = listen(&mut host, 80, &ListenConfig::default());
    let mut peers: Vec<_> = (1_000..1_060)
        .map(|port| {
            let mut peer = Peer::new(at(2, port), at(1, 80));
            let id = peer.connect(&mut host, NOW, listener);
            (peer, id)
        })
        .collect();
    let octets = [7; 1_400];
    for _ in 0..60 {
        for (peer, _) in &mut peers {
            let before = peer.ack;
            peer.seq = accepted(&mut host, peer, &octets);
            peer.ack = before;
            // One packet more than the limit, and what its chunk has room for.
            assert!(host.memory() <= limit + (128 << 10), "{} octets", host.memory());
        }
    }
    assert!(host.stats().refused_for_memory > 0);
    // It is as if they had been lost: when there is room, they are taken.
    events(&mut host);
    let empty = |host: &mut tcpstate::host::Host, id| {
        while let Some(Received::Data(_)) =
            host.connection(id).map(|mut connection| connection.recv(NOW, 1 << 20))
        {}
    };
    // What was held may have been above the limit by more than the first of them has.
    empty(&mut host, peers[1].1);
    for (peer, id) in &mut peers {
        empty(&mut host, *id);
        let seq = accepted(&mut host, peer, b"after all");
        assert_eq!(seq, peer.seq.wrapping_add(9), "{id}");
    }
}

/// Sends octets, and gives the number up to which they were acknowledged.
fn accepted(host: &mut tcpstate::host::Host, peer: &Peer, octets: &[u8]) -> u32 {
    host.handle_packet(NOW, &peer.seg(ACK, octets).packet()[..]);
    // Another octet that was there before asks for an acknowledgment at once.
    let again = Seg { seq: peer.seq.wrapping_sub(1), ..peer.seg(ACK, b"x") };
    host.handle_packet(NOW, &again.packet()[..]);
    let answers = segments(host, NOW);
    answers.iter().filter(|seg| seg.dst == peer.own).map(|seg| seg.ack).next_back().unwrap_or(peer.seq)
}

#[test]
fn a_tiny_mss_does_not_make_tiny_segments() {
    // RFC 9293 §3.7.1 has no least MSS; segments of a few octets are an attack on whoever sends them.
    for mss in [0_u8, 1, 8] {
        let mut host = host(1, |_| ());
        let listener = listen(&mut host, 80, &ListenConfig::default());
        let mut peer = Peer::new(at(2, 5_000), at(1, 80));
        host.handle_packet(NOW, &peer.seg(SYN, &[]).with_options(&[2, 4, 0, mss]).packet()[..]);
        peer.seq += 1;
        peer.take(&mut host, NOW);
        peer.send(&mut host, NOW, ACK, &[]);
        let id = host.accept(listener).expect("the handshake is done");
        assert_eq!(host.connection(id).expect("it is there").send(NOW, &[7; 10_000]), Ok(10_000));
        let (mut count, mut octets) = (0, 0);
        while octets < 10_000 {
            let now = host.poll_timeout().unwrap_or(NOW).max(NOW);
            host.handle_timeout(now);
            let sent = peer.take(&mut host, now);
            peer.send(&mut host, now, ACK, &[]);
            count += sent.len();
            octets += sent.iter().map(|seg| seg.payload.len()).sum::<usize>();
            assert!(count < 1_000, "MSS {mss}: {octets} octets in {count} segments");
        }
        assert!(count <= 10_000 / 40, "MSS {mss}: {count} segments");
    }
}

#[test]
fn single_octets_out_of_order_take_memory_in_proportion_to_the_window() {
    let mut host = host(1, |_| ());
    let listener = listen(&mut host, 80, &ListenConfig::default());
    let mut peer = Peer::new(at(2, 5_000), at(1, 80));
    let id = peer.connect(&mut host, NOW, listener);
    let before = host.memory();
    for n in (0..60_000).step_by(2) {
        let seq = peer.seq.wrapping_add(1 + n);
        host.handle_packet(NOW, &Seg { seq, ..peer.seg(ACK, b"x") }.packet()[..]);
        if n % 1_000 == 0 {
            segments(&mut host, NOW);
        }
    }
    let grown = host.memory() - before;
    assert!(grown <= 128 << 10, "{grown} octets for a window of 64 KiB");
    // What is in order still comes through, and what is missing fills the gaps.
    segments(&mut host, NOW);
    for _ in 0..60 {
        peer.send(&mut host, NOW, ACK, &[b'y'; 1_000]);
    }
    let mut heard = 0;
    while let Received::Data(octets) = host.connection(id).expect("it is there").recv(NOW, 1 << 20) {
        heard += octets.len();
    }
    assert!(heard >= 60_000, "{heard} octets");
}

// RFC 2018-16
#[test]
fn out_of_order_octets_of_many_give_way_when_memory_is_short() {
    let limit = 1 << 20;
    let mut host = host(1, |config| config.limits.memory = limit);
    let listener = listen(&mut host, 80, &ListenConfig::default());
    let mut honest = Peer::new(at(3, 5_000), at(1, 80));
    let owned = honest.connect(&mut host, NOW, listener);
    let peers: Vec<_> = (1_000..1_100)
        .map(|port| {
            let mut peer = Peer::new(at(2, port), at(1, 80));
            peer.connect(&mut host, NOW, listener);
            peer
        })
        .collect();
    for peer in &peers {
        for n in 0..20 {
            let seq = peer.seq.wrapping_add(1 + n * 3_000);
            host.handle_packet(NOW, &Seg { seq, ..peer.seg(ACK, &[7; 1_400]) }.packet()[..]);
        }
        segments(&mut host, NOW);
        assert!(host.memory() <= limit + (128 << 10), "{} octets", host.memory());
    }
    assert!(host.stats().reneged > 0, "RFC 2018 §8 lets a receiver forget what it has reported");
    honest.send(&mut host, NOW, ACK, b"in order");
    let heard = host.connection(owned).expect("it is there").recv(NOW, 100);
    assert_eq!(heard, Received::Data("in order".into()));
}

#[test]
fn a_peer_who_never_says_fin_does_not_keep_a_closed_connection() {
    // FIN-WAIT-2 has no end in RFC 9293; with nobody at home it needs one.
    let mut host = host(1, |_| ());
    let listener = listen(&mut host, 80, &ListenConfig::default());
    let mut peer = Peer::new(at(2, 5_000), at(1, 80));
    let id = peer.connect(&mut host, NOW, listener);
    host.release(NOW, id);
    let fin = peer.take(&mut host, NOW);
    assert_eq!(fin.last().map(|seg| seg.flags), Some(FIN_ACK));
    peer.send(&mut host, NOW, ACK, &[]);
    assert_eq!(host.len(), 1);
    hold(&mut host, &mut peer, NOW, Duration::from_secs(61));
    assert_eq!(host.len(), 0, "after a minute");
}
