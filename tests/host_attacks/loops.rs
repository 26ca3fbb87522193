//! Two hosts that answer each other: whatever they are fed, they fall silent.

use std::time::Duration;

use tcpstate::Instant;
use tcpstate::host::{Host, ListenConfig};
use tcpstate::sim::Prng;
use tcpstate::wire::{Checksum, TcpFlags};

use crate::hosts::{ACK, FIN_ACK, NOW, SYN, SYN_ACK, Seg, at, host, listen, sent};

fn pair() -> [Host; 2] {
    [1, 2].map(|last| {
        let mut host = host(last, |_| ());
        listen(&mut host, 80, &ListenConfig::default());
        host
    })
}

/// Hands each what the other says, and says how many packets that were until both fell silent.
fn talk(hosts: &mut [Host; 2], now: Instant) -> usize {
    let mut count = 0;
    loop {
        let said = [sent(&mut hosts[0], now), sent(&mut hosts[1], now)];
        if said.iter().all(Vec::is_empty) {
            return count;
        }
        for (from, packets) in said.iter().enumerate() {
            count += packets.len();
            packets.iter().for_each(|packet| drop(hosts[1 - from].handle_packet(now, &packet[..])));
        }
        assert!(count < 5_000, "they answer each other for ever");
    }
}

/// A segment from one of the two to the other, of any kind.
fn any_segment(rng: &mut Prng, from: u8) -> Vec<u8> {
    const PORTS: [u16; 4] = [80, 81, 5_000, 5_001];
    let port = |rng: &mut Prng| PORTS[rng.below(4) as usize];
    let flags = TcpFlags::from_bits(rng.below(64) as u16);
    let number = |rng: &mut Prng| [0, 1, 2, 1_000, rng.next_u64() as u32][rng.below(5) as usize];
    let (seq, ack) = (number(rng), number(rng));
    let seg = Seg::new(at(from, port(rng)), at(3 - from, port(rng)), seq, ack, flags);
    seg.with(&vec![7; rng.below(3) as usize * 10]).packet()
}

/// The same with another octet, and checksums that are right again in most cases.
fn mutated(rng: &mut Prng, packet: &[u8]) -> Vec<u8> {
    let mut packet = packet.to_vec();
    for _ in 0..rng.between(1, 3) {
        let at = rng.below(packet.len() as u64) as usize;
        packet[at] = rng.next_u64() as u8;
    }
    if rng.below(8) > 0 && packet.len() >= 40 && packet[0] == 0x45 {
        packet[10..12].fill(0);
        let mut sum = Checksum::new();
        sum.add_bytes(&packet[..20]);
        let sum = sum.finish();
        packet[10..12].copy_from_slice(&sum.to_be_bytes());
        packet[36..38].fill(0);
        let mut sum = Checksum::new();
        sum.add_bytes(&packet[12..20]);
        sum.add_u16(packet[9].into());
        sum.add_u16((packet.len() - 20) as u16);
        sum.add_bytes(&packet[20..]);
        let sum = sum.finish();
        packet[36..38].copy_from_slice(&sum.to_be_bytes());
    }
    packet
}

#[test]
fn strangers_segments_between_two_hosts_come_to_an_end() {
    let mut rng = Prng::new(1);
    let mut hosts = pair();
    for round in 0..10_000_u64 {
        let now = NOW + Duration::from_millis(round);
        let to = rng.below(2) as usize;
        let packet = any_segment(&mut rng, 2 - to as u8);
        hosts[to].handle_packet(now, &packet[..]);
        let count = talk(&mut hosts, now);
        assert!(count <= 20, "one segment made {count}");
    }
}

#[test]
fn mutated_packets_of_their_own_between_two_hosts_come_to_an_end() {
    let mut rng = Prng::new(2);
    let mut hosts = pair();
    let mut known: Vec<(usize, Vec<u8>)> = Vec::new();
    let mut now = NOW;
    for round in 0..6_000_u64 {
        now = now + Duration::from_millis(rng.below(100));
        if round % 50 == 0 {
            let from = rng.below(2) as usize;
            let called = hosts[from].connect(now, at(2 - from as u8, [80, 81][rng.below(2) as usize]));
            assert!(called.is_ok());
        }
        for at in 0..2 {
            if hosts[at].poll_timeout().is_some_and(|due| due <= now) {
                hosts[at].handle_timeout(now);
            }
            for packet in sent(&mut hosts[at], now) {
                hosts[1 - at].handle_packet(now, &packet[..]);
                known.push((1 - at, packet));
            }
        }
        if let Some((to, packet)) = known.get(rng.below(known.len() as u64) as usize) {
            let packet = mutated(&mut rng, packet);
            hosts[*to].handle_packet(now, &packet[..]);
        }
        let count = talk(&mut hosts, now);
        assert!(count <= 200, "one packet made {count}");
        let old = known.len().saturating_sub(500);
        known.drain(..old);
        if round % 100 == 99 {
            // Nobody uses what was opened.
            for host in &mut hosts {
                let ids: Vec<_> = host.ids().collect();
                ids.into_iter().for_each(|id| host.release(now, id));
                while host.poll_event().is_some() {}
            }
        }
    }
}

#[test]
fn two_ends_that_do_not_agree_where_they_are_end_by_a_reset() {
    // Each acknowledges what the other has not sent: a storm of acknowledgments, were they not limited (RFC 5961 §7).
    for flags in [ACK, SYN, SYN_ACK, FIN_ACK] {
        let mut hosts = pair();
        let [a, b] = &mut hosts;
        let ids = [
            a.connect_from(NOW, at(1, 5_000), at(2, 5_001)),
            b.connect_from(NOW, at(2, 5_001), at(1, 5_000)),
        ];
        assert!(ids.iter().all(Result::is_ok));
        talk(&mut hosts, NOW);
        let forged = [
            Seg::new(at(1, 5_000), at(2, 5_001), 77, 99, flags).packet(),
            Seg::new(at(2, 5_001), at(1, 5_000), 99, 77, flags).packet(),
        ];
        hosts[1].handle_packet(NOW, &forged[0][..]);
        hosts[0].handle_packet(NOW, &forged[1][..]);
        let count = talk(&mut hosts, NOW);
        assert!(count <= 40, "{flags:?}: {count} packets");
    }
}

#[test]
fn resets_are_answered_by_nothing() {
    let mut hosts = pair();
    for bits in 0..64 {
        let flags = TcpFlags::from_bits(bits | 4);
        for port in [80, 81] {
            hosts[0].handle_packet(NOW, &Seg::new(at(2, 5_000), at(1, port), 1, 2, flags).packet()[..]);
        }
        assert_eq!(talk(&mut hosts, NOW), 0, "{flags:?}");
    }
}
