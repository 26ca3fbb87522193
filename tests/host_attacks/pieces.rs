//! Fragments.

use std::time::Duration;

use tcpstate::connection::Received;
use tcpstate::host::{IgnoreReason, Ingress, ListenConfig};
use tcpstate::sim::Prng;

use crate::hosts::{ACK, NOW, Peer, Seg, at, host, ip, listen};

/// The pieces of a segment's packet, by where they begin and end.
fn pieces(seg: &Seg, id: u16, cuts: &[(usize, usize)]) -> Vec<Vec<u8>> {
    let octets = seg.octets();
    let piece = |&(from, to): &(usize, usize)| {
        let to = to.min(octets.len());
        ip(seg.src.ip(), seg.dst.ip(), &octets[from..to], id, Some((from, to < octets.len())))
    };
    cuts.iter().map(piece).collect()
}

#[test]
fn a_segment_in_pieces_arrives_in_any_order() {
    let mut host = host(1, |_| ());
    let listener = listen(&mut host, 80, &ListenConfig::default());
    let mut peer = Peer::new(at(2, 5_000), at(1, 80));
    let id = peer.connect(&mut host, NOW, listener);
    let all = pieces(&peer.seg(ACK, &[7; 2_000]), 1, &[(1_400, 9_999), (0, 800), (800, 1_400)]);
    all.iter().for_each(|piece| drop(host.handle_packet(NOW, &piece[..])));
    let heard = host.connection(id).expect("it is there").recv(NOW, 9_999);
    assert_eq!(heard, Received::Data(vec![7; 2_000].into()));
}

#[test]
fn overlapping_fragments_drop_the_datagram_whichever_comes_first() {
    // RFC 5722 §4, RFC 8200 §4.5; for IPv4 RFC 1858 and RFC 3128 say why.
    let orders: [[(usize, usize); 3]; 4] = [
        [(0, 800), (400, 1_200), (800, 9_999)],
        [(0, 800), (792, 9_999), (0, 800)],
        [(800, 9_999), (0, 808), (0, 800)],
        [(0, 1_200), (800, 1_000), (1_200, 9_999)],
    ];
    for cuts in orders {
        let mut host = host(1, |_| ());
        let listener = listen(&mut host, 80, &ListenConfig::default());
        let mut peer = Peer::new(at(2, 5_000), at(1, 80));
        let id = peer.connect(&mut host, NOW, listener);
        let all = pieces(&peer.seg(ACK, &[7; 2_000]), 1, &cuts);
        let became: Vec<_> = all.iter().map(|piece| host.handle_packet(NOW, &piece[..])).collect();
        assert!(became.contains(&Ingress::Ignored(IgnoreReason::BadFragment)), "{cuts:?}: {became:?}");
        // What comes later of it does not make it whole either.
        for piece in pieces(&peer.seg(ACK, &[7; 2_000]), 1, &[(0, 800), (800, 1_600), (1_600, 9_999)]) {
            host.handle_packet(NOW, &piece[..]);
        }
        let heard = host.connection(id).expect("it is there").recv(NOW, 9_999);
        assert_eq!(heard, Received::Empty, "{cuts:?}");
    }
}

#[test]
fn a_flood_of_fragments_stops_at_its_limit_and_passes() {
    let mut host = host(1, |config| config.fragments.memory = 1 << 20);
    let listener = listen(&mut host, 80, &ListenConfig::default());
    let mut peer = Peer::new(at(2, 5_000), at(1, 80));
    let id = peer.connect(&mut host, NOW, listener);
    let before = host.memory();
    let mut rng = Prng::new(1);
    let octets = [7; 1_400];
    for _ in 0..20_000 {
        let from = at(rng.between(3, 250) as u8, 0).ip();
        let offset = rng.below(4_000) as usize * 8;
        let piece = ip(from, at(1, 0).ip(), &octets, rng.next_u64() as u16, Some((offset, true)));
        host.handle_packet(NOW, &piece[..]);
        assert!(host.memory() <= before + (1 << 20) + (256 << 10), "{} octets", host.memory());
    }
    // Connections need no fragments, and one who does gets through when the flood has passed.
    peer.send(&mut host, NOW, ACK, b"whole");
    let heard = host.connection(id).expect("it is there").recv(NOW, 100);
    assert_eq!(heard, Received::Data("whole".into()));
    let later = NOW + Duration::from_secs(61);
    host.handle_timeout(later);
    assert!(host.memory() <= before + (256 << 10), "{} octets a minute later", host.memory());
    for piece in pieces(&peer.seg(ACK, &[7; 2_000]), 1, &[(0, 1_000), (1_000, 9_999)]) {
        host.handle_packet(later, &piece[..]);
    }
    assert_eq!(host.connection(id).map(|connection| connection.unread()), Some(2_000));
}

#[test]
fn one_source_cannot_take_all_room_for_fragments() {
    let mut host = host(1, |_| ());
    let listener = listen(&mut host, 80, &ListenConfig::default());
    let mut peer = Peer::new(at(2, 5_000), at(1, 80));
    let id = peer.connect(&mut host, NOW, listener);
    let [first, last] = &pieces(&peer.seg(ACK, &[7; 2_000]), 1, &[(0, 1_000), (1_000, 9_999)])[..] else {
        panic!("two pieces")
    };
    host.handle_packet(NOW, &first[..]);
    for id in 0..10_000_u16 {
        let piece = ip(at(9, 0).ip(), at(1, 0).ip(), &[7; 1_400], id, Some((0, true)));
        host.handle_packet(NOW, &piece[..]);
    }
    host.handle_packet(NOW, &last[..]);
    assert_eq!(host.connection(id).map(|connection| connection.unread()), Some(2_000));
}
