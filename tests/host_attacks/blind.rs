//! An attacker who does not see the packets of a connection, and has to guess (RFC 5961).

use std::time::Duration;

use tcpstate::Instant;
use tcpstate::connection::Received;
use tcpstate::host::{ConnId, Host, IgnoreReason, Ingress, ListenConfig, ListenerId};
use tcpstate::sim::Prng;
use tcpstate::wire::{Checksum, IpProtocol, TcpFlags};
use tcpstate::{SeqNumber, State};

use crate::hosts::{ACK, FIN_ACK, NOW, PSH, Peer, RST, SYN, SYN_ACK, Seg, at, host, ip, listen, segments};

struct Scene {
    host: Host,
    listener: ListenerId,
    peer: Peer,
    id: ConnId,
}

fn scene() -> Scene {
    let mut host = host(1, |_| ());
    let listener = listen(&mut host, 80, &ListenConfig::default());
    let mut peer = Peer::new(at(2, 5_000), at(1, 80));
    let id = peer.connect(&mut host, NOW, listener);
    segments(&mut host, NOW);
    Scene { host, listener, peer, id }
}

impl Scene {
    fn state(&mut self) -> State {
        self.host.connection(self.id).expect("it is there").state()
    }

    /// Honest octets still arrive.
    fn is_sound(&mut self, now: Instant) {
        assert_eq!(self.state(), State::Established);
        self.peer.send(&mut self.host, now, ACK | PSH, b"honest");
        let heard = self.host.connection(self.id).expect("it is there").recv(now, 100);
        assert_eq!(heard, Received::Data("honest".into()));
    }
}

// RFC 5961-3
#[test]
fn a_reset_is_believed_at_the_exact_number_alone() {
    // RFC 5961 §3.2.
    let mut scene = scene();
    let next = scene.peer.seq;
    for off in [1_u32, 100, 30_000] {
        let guess = Seg { seq: next + off, ..scene.peer.seg(RST, &[]) };
        scene.host.handle_packet(NOW, &guess.packet()[..]);
        let answer = segments(&mut scene.host, NOW);
        let [challenge] = &answer[..] else { panic!("{answer:?}") };
        assert_eq!((challenge.flags, challenge.ack), (ACK, next));
    }
    let outside = Seg { seq: next.wrapping_sub(1), ..scene.peer.seg(RST, &[]) };
    scene.host.handle_packet(NOW, &outside.packet()[..]);
    assert_eq!(segments(&mut scene.host, NOW), [], "what is outside the window is not answered");
    scene.is_sound(NOW);
    scene.peer.send(&mut scene.host, NOW, RST, &[]);
    assert_eq!(scene.state(), State::Closed);
}

// RFC 5961-5
#[test]
fn a_syn_in_a_connection_is_challenged_and_else_nothing() {
    // RFC 5961 §4.2.
    let mut scene = scene();
    let mut rng = Prng::new(1);
    for _ in 0..5 {
        let guess = Seg { seq: rng.next_u64() as u32, ..scene.peer.seg(SYN, &[]) };
        scene.host.handle_packet(NOW, &guess.packet()[..]);
        let answer = segments(&mut scene.host, NOW);
        assert!(answer.iter().all(|seg| seg.flags == ACK), "{answer:?}");
    }
    scene.is_sound(NOW);
    assert_eq!(scene.host.len(), 1);
    assert_eq!(scene.host.accept(scene.listener), None);
}

/// So many guesses in 5 s, of these kinds, each with or without octets: how many answers they got.
fn guess(scene: &mut Scene, kinds: &[TcpFlags], data: &[u8]) -> u64 {
    let mut rng = Prng::new(2);
    let (mut answers, before) = (0, scene.host.memory());
    for n in 0..GUESSES {
        let now = NOW + Duration::from_nanos(n * 5_000_000_000 / GUESSES);
        let flags = kinds[rng.below(kinds.len() as u64) as usize];
        let (seq, ack) = (rng.next_u64() as u32, rng.next_u64() as u32);
        // The exact number is one of 2³²; a window of 64 Ki is hit by one guess of 65,536.
        let guess = Seg { seq, ack, ..scene.peer.seg(flags, data) };
        scene.host.handle_packet(now, &guess.packet()[..]);
        let said = segments(&mut scene.host, now);
        assert!(said.iter().all(|seg| seg.flags == ACK && seg.payload.is_empty()), "{said:?}");
        answers += said.len() as u64;
    }
    assert!(scene.host.memory() <= before + 4_096);
    scene.is_sound(NOW + Duration::from_secs(10));
    answers
}

const GUESSES: u64 = 10_000;

#[test]
fn blind_segments_without_octets_are_answered_twenty_times_a_second_at_most() {
    // Ten challenges, and ten answers to what is outside the window (RFC 5961 §7).
    let kinds = [RST, SYN, SYN_ACK, ACK, RST | ACK];
    let answers = guess(&mut scene(), &kinds, &[]);
    assert!((20..=6 * 20).contains(&answers), "{answers} answers in 5 s");
}

#[test]
fn blind_segments_with_octets_change_nothing_and_are_answered_by_one_acknowledgment_at_most() {
    // They look like what was sent again because an acknowledgment was lost (RFC 9293 §3.10.7.4, first check).
    let answers = guess(&mut scene(), &[ACK, ACK | PSH, FIN_ACK], b"evil");
    assert!(answers <= GUESSES, "{answers} answers");
}

// RFC 5961-12
#[test]
fn a_flood_of_challenges_on_one_connection_leaves_those_of_another() {
    // A counter for all would tell an attacker of one connection about another (CVE-2016-5696).
    let mut scene = scene();
    let mut other = Peer::new(at(3, 6_000), at(1, 80));
    other.connect(&mut scene.host, NOW, scene.listener);
    segments(&mut scene.host, NOW);
    let mut challenges = |peer: &Peer| {
        let guess = Seg { seq: peer.seq + 100, ..peer.seg(RST, &[]) };
        let each = (0..100).map(|_| {
            scene.host.handle_packet(NOW, &guess.packet()[..]);
            segments(&mut scene.host, NOW).len()
        });
        each.sum::<usize>()
    };
    assert_eq!(challenges(&scene.peer), 10);
    assert_eq!(challenges(&other), 10, "as many as if nobody had asked elsewhere");
}

// RFC 5961-8
#[test]
fn data_with_an_acknowledgment_from_elsewhere_is_not_taken() {
    // RFC 5961 §5.2: an attacker has to hit both numbers.
    let mut scene = scene();
    for far in [70_000_u32, 1 << 30, 1 << 31] {
        for ack in [scene.peer.ack.wrapping_add(far), scene.peer.ack.wrapping_sub(far)] {
            let evil = Seg { ack, ..scene.peer.seg(ACK | PSH, b"evil") };
            scene.host.handle_packet(NOW, &evil.packet()[..]);
        }
    }
    let heard = scene.host.connection(scene.id).expect("it is there").recv(NOW, 100);
    assert_eq!(heard, Received::Empty);
    scene.is_sound(NOW);
}

/// ICMP: fragmentation needed, about a segment of ours.
fn too_big(about: &Seg, seq: u32, mtu: u16) -> Vec<u8> {
    let quoted = Seg { seq, ..about.clone() }.packet();
    let mut icmp = vec![3, 4, 0, 0, 0, 0, 0, 0];
    icmp[6..8].copy_from_slice(&mtu.to_be_bytes());
    icmp.extend_from_slice(&quoted[..28]);
    let mut sum = Checksum::new();
    sum.add_bytes(&icmp);
    let sum = sum.finish();
    icmp[2..4].copy_from_slice(&sum.to_be_bytes());
    let mut packet = ip(at(254, 0).ip(), about.src.ip(), &icmp, 1, None);
    packet[9] = IpProtocol::ICMP.0;
    packet[10..12].fill(0);
    let mut sum = Checksum::new();
    sum.add_bytes(&packet[..20]);
    let sum = sum.finish();
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
    packet
}

#[test]
fn a_forged_report_of_the_paths_mtu_is_not_believed_unless_it_quotes_what_is_in_flight() {
    // RFC 5927 §4.1, §7.
    let mut scene = scene();
    let sent = scene.host.connection(scene.id).expect("it is there").send(NOW, &[7; 20_000]);
    assert_eq!(sent, Ok(20_000));
    let flight = segments(&mut scene.host, NOW);
    let seg = flight.first().expect("octets in flight");
    let mtu = |host: &Host| host.connections(NOW).map(|view| view.tcp.path_mtu).next();
    let mut rng = Prng::new(3);
    for _ in 0..1_000 {
        let seq = SeqNumber::new(seg.seq) + 100_000 + rng.below(1 << 31) as u32;
        scene.host.handle_packet(NOW, &too_big(seg, seq.get(), 600)[..]);
    }
    assert_eq!(mtu(&scene.host), Some(1_500), "no guess counts");
    assert_eq!(segments(&mut scene.host, NOW), []);
    // Who sees our packets can make them small, but not tiny: 552 octets (RFC 1191 §3 would go down to 68).
    scene.host.handle_packet(NOW, &too_big(seg, seg.seq, 68)[..]);
    assert_eq!(mtu(&scene.host), Some(552));
    let again = segments(&mut scene.host, NOW);
    let octets: usize = again.iter().map(|seg| seg.payload.len()).sum();
    assert!(octets >= 400 * again.len(), "{octets} octets in {} segments", again.len());
    scene.is_sound(NOW);
}

#[test]
fn a_land_packet_gets_no_answer() {
    let mut host = host(1, |_| ());
    listen(&mut host, 80, &ListenConfig::default());
    for flags in [SYN, SYN_ACK, ACK, RST] {
        for from in [at(1, 80), at(1, 5_000)] {
            let land = Seg::new(from, at(1, 80), 1, 2, flags).packet();
            let became = host.handle_packet(NOW, &land[..]);
            assert_eq!(became, Ingress::Ignored(IgnoreReason::InvalidSource), "{flags:?}");
        }
    }
    assert_eq!(segments(&mut host, NOW), []);
    assert_eq!((host.len(), host.stats().looped), (0, 0));
}

#[test]
fn broadcast_multicast_and_impossible_sources_get_no_answer() {
    // RFC 9293 MUST-57, MUST-63; RFC 1122 §3.2.1.3.
    let mut host = host(1, |_| ());
    listen(&mut host, 80, &ListenConfig::default());
    let odd = ["10.0.0.255", "10.0.0.0", "255.255.255.255", "224.0.0.1", "0.0.0.0", "127.0.0.1"];
    for odd in odd {
        let odd = std::net::SocketAddr::new(odd.parse().expect("an address"), 5_000);
        for port in [80, 81] {
            for flags in [SYN, ACK, FIN_ACK] {
                host.handle_packet(NOW, &Seg::new(odd, at(1, port), 1, 2, flags).packet()[..]);
                host.handle_packet(NOW, &Seg::new(at(2, 5_000), odd, 1, 2, flags).packet()[..]);
            }
        }
        assert_eq!(segments(&mut host, NOW), [], "{odd}");
    }
    assert_eq!(host.len(), 0);
}

/// A connection that the host has closed first: it is in TIME-WAIT, and released.
fn waiting() -> Scene {
    let mut scene = scene();
    let closed = scene.host.connection(scene.id).expect("it is there").close(NOW);
    assert_eq!(closed, Ok(()));
    scene.peer.take(&mut scene.host, NOW);
    scene.peer.send(&mut scene.host, NOW, FIN_ACK, &[]);
    assert_eq!(segments(&mut scene.host, NOW).last().map(|seg| seg.flags), Some(ACK));
    scene.host.release(NOW, scene.id);
    assert_eq!(scene.host.len(), 0, "a row is left, and no connection");
    scene
}

#[test]
fn an_old_segment_of_a_five_tuple_in_time_wait_opens_and_ends_nothing() {
    let mut scene = waiting();
    let peer = scene.peer.clone();
    // A reset (RFC 1337), an old SYN, old data.
    for old in [
        peer.seg(RST, &[]),
        Seg { seq: peer.seq.wrapping_sub(50_000), ..peer.seg(SYN, &[]) },
        Seg { seq: peer.seq.wrapping_sub(100), ..peer.seg(ACK, b"old") },
    ] {
        scene.host.handle_packet(NOW, &old.packet()[..]);
        let answer = segments(&mut scene.host, NOW);
        assert!(answer.iter().all(|seg| seg.flags == ACK && seg.ack == peer.seq), "{answer:?}");
    }
    assert_eq!((scene.host.len(), scene.host.accept(scene.listener)), (0, None));
    // The FIN, if our acknowledgment was lost, is acknowledged again (RFC 9293 §3.10.7.4).
    let fin = Seg { seq: peer.seq.wrapping_sub(1), ..peer.seg(FIN_ACK, &[]) };
    scene.host.handle_packet(NOW, &fin.packet()[..]);
    let answer = segments(&mut scene.host, NOW);
    assert_eq!(answer.iter().map(|seg| (seg.flags, seg.ack)).collect::<Vec<_>>(), [(ACK, peer.seq)]);
}

// RFC 1122-2
#[test]
fn a_new_syn_opens_a_five_tuple_in_time_wait_anew_behind_all_old_numbers() {
    // RFC 9293 MAY-2, RFC 6191.
    let mut scene = waiting();
    let later = NOW + Duration::from_secs(1);
    let old = scene.peer.clone();
    let mut peer = Peer { seq: old.seq + 10, ..Peer::new(old.own, old.them) };
    let id = peer.connect(&mut scene.host, later, scene.listener);
    assert_ne!(id, scene.id);
    let ahead = SeqNumber::new(peer.begin) - SeqNumber::new(old.ack);
    assert!(ahead > 0, "our own numbers go on too: {ahead}");
    // What is under way of the old connection is not taken for the new one's.
    let stray = Seg { seq: old.seq.wrapping_sub(4), ack: old.ack, ..peer.seg(ACK | PSH, b"old!") };
    scene.host.handle_packet(later, &stray.packet()[..]);
    let heard = scene.host.connection(id).expect("it is there").recv(later, 100);
    assert_eq!(heard, Received::Empty);
    peer.send(&mut scene.host, later, ACK, b"new");
    let heard = scene.host.connection(id).expect("it is there").recv(later, 100);
    assert_eq!(heard, Received::Data("new".into()));
}

#[test]
fn rows_in_time_wait_stop_at_their_limit() {
    let mut host = host(1, |config| config.limits.time_wait = 100);
    let listener = listen(&mut host, 80, &ListenConfig::default());
    let mut most = 0;
    for port in 1_000..2_000 {
        let mut peer = Peer::new(at(2, port), at(1, 80));
        let id = peer.connect(&mut host, NOW, listener);
        host.connection(id).expect("it is there").close(NOW).expect("it is open");
        peer.take(&mut host, NOW);
        peer.send(&mut host, NOW, FIN_ACK, &[]);
        segments(&mut host, NOW);
        host.release(NOW, id);
        while host.poll_event().is_some() {}
        most = most.max(host.memory());
    }
    assert_eq!((host.len(), host.passive_stats().time_wait_evicted), (0, 900));
    assert!(most < 512 << 10, "{most} octets");
}
