use alloc::vec::Vec;

use bytes::Bytes;
use proptest::prelude::*;

use super::super::tests::{READABLE, Tester, addr, arriving, octets, tester};
use super::super::{UdpBind, UdpConfig, UdpId, UdpOptions, UdpReady, UdpSendError};
use super::*;

const PEER: &str = "10.0.0.9:1000";
const PEER6: &str = "[fd00::9]:1000";

/// Hands in what is to be a datagram, with these octets from the header of UDP on.
fn hand_in(host: &mut Tester, from: &str, to: &str, octets: &[u8], checksums: Checksums) -> Udp {
    let arriving = Arriving { checksums, ..arriving(addr(from), addr(to), octets.into()) };
    host.table.on_datagram(host.now, arriving)
}

#[test]
fn a_datagram_for_nobody_is_said_to_be_so() {
    let mut host = tester();
    host.bind("10.0.0.1:7");
    assert_eq!(host.arrive(PEER, "10.0.0.1:8", b"x"), Udp::NoSocket);
    assert_eq!(host.arrive(PEER6, "[fd00::1]:7", b"x"), Udp::NoSocket);
    assert_eq!(host.table.stats().no_socket, 2);
    assert_eq!(host.packet(), None, "UDP itself never answers");
}

/// RFC 1122 §4.1.3.4.
#[test]
fn a_wrong_checksum_is_dropped_and_nobody_hears_of_it() {
    let mut host = tester();
    host.bind("10.0.0.1:7");
    for to in ["10.0.0.1:7", "10.0.0.1:8"] {
        let mut octets = octets(addr(PEER), addr(to), b"data");
        octets[9] ^= 1;
        let outcome = hand_in(&mut host, PEER, to, &octets, Checksums::Unknown);
        assert_eq!(outcome, Udp::Dropped(UdpDrop::Checksum));
    }
    assert_eq!(host.table.stats().dropped_for(UdpDrop::Checksum), 2);
}

#[test]
fn what_the_card_has_verified_is_not_verified_again() {
    let mut host = tester();
    let id = host.bind("10.0.0.1:7");
    let mut octets = octets(addr(PEER), addr("10.0.0.1:7"), b"data");
    octets[9] ^= 1;
    let outcome = hand_in(&mut host, PEER, "10.0.0.1:7", &octets, Checksums::Verified);
    assert_eq!(outcome, Udp::Delivered(id));
}

#[test]
fn the_sum_of_the_pseudo_header_does_where_it_may_be_partial() {
    let mut host = tester();
    let id = host.bind("10.0.0.1:7");
    let (from, to) = (addr(PEER), addr("10.0.0.1:7"));
    let mut partial = octets(from, to, b"data");
    let whole = partial.clone();
    let sum = crate::wire::checksum::pseudo_header(from.ip(), to.ip(), IpProtocol::UDP, 12).sum();
    partial[6..8].copy_from_slice(&sum.to_be_bytes());
    assert_eq!(
        hand_in(&mut host, PEER, "10.0.0.1:7", &partial, Checksums::Unknown),
        Udp::Dropped(UdpDrop::Checksum)
    );
    assert_eq!(hand_in(&mut host, PEER, "10.0.0.1:7", &partial, Checksums::Partial), Udp::Delivered(id));
    assert_eq!(hand_in(&mut host, PEER, "10.0.0.1:7", &whole, Checksums::Partial), Udp::Delivered(id));
    partial[9] ^= 1;
    partial[7] ^= 1;
    assert_eq!(
        hand_in(&mut host, PEER, "10.0.0.1:7", &partial, Checksums::Partial),
        Udp::Dropped(UdpDrop::Checksum)
    );
}

/// RFC 768.
#[test]
fn no_checksum_over_ipv4_is_taken() {
    let mut host = tester();
    let id = host.bind("10.0.0.1:7");
    let mut octets = octets(addr(PEER), addr("10.0.0.1:7"), b"data");
    octets[6..8].fill(0);
    assert_eq!(hand_in(&mut host, PEER, "10.0.0.1:7", &octets, Checksums::Unknown), Udp::Delivered(id));
}

/// RFC 8200 §8.1, RFC 6935 §5, RFC 6936 §4: only where it was asked for, and what has a checksum is verified there too.
#[test]
fn no_checksum_over_ipv6_is_taken_by_sockets_that_asked_for_it() {
    let mut host = tester();
    host.bind("[fd00::1]:7");
    let options = UdpOptions { zero_checksum_receive: true, ..UdpOptions::default() };
    let tunnel = host.bind_with("[fd00::1]:8", options);
    for (to, outcome) in [
        ("[fd00::1]:7", Udp::Dropped(UdpDrop::ZeroChecksum)),
        ("[fd00::1]:8", Udp::Delivered(tunnel)),
        ("[fd00::1]:9", Udp::Dropped(UdpDrop::ZeroChecksum)),
    ] {
        let mut octets = octets(addr(PEER6), addr(to), b"data");
        octets[6..8].fill(0);
        for checksums in [Checksums::Unknown, Checksums::Verified, Checksums::Partial] {
            assert_eq!(hand_in(&mut host, PEER6, to, &octets, checksums), outcome);
        }
    }
    let mut octets = octets(addr(PEER6), addr("[fd00::1]:8"), b"data");
    octets[9] ^= 1;
    let outcome = hand_in(&mut host, PEER6, "[fd00::1]:8", &octets, Checksums::Unknown);
    assert_eq!(outcome, Udp::Dropped(UdpDrop::Checksum));
}

#[test]
fn a_connected_tunnel_takes_no_checksum_from_its_peer_only() {
    let mut host = tester();
    let options = UdpOptions { zero_checksum_receive: true, ..UdpOptions::default() };
    let tunnel = host.bind_with("[fd00::1]:8", options);
    host.udp(tunnel).connect(addr(PEER6)).unwrap();
    for (from, outcome) in [
        (PEER6, Udp::Delivered(tunnel)),
        ("[fd00::8]:1000", Udp::Dropped(UdpDrop::ZeroChecksum)),
        ("[fd00::9]:1001", Udp::Dropped(UdpDrop::ZeroChecksum)),
    ] {
        let mut octets = octets(addr(from), addr("[fd00::1]:8"), b"data");
        octets[6..8].fill(0);
        assert_eq!(hand_in(&mut host, from, "[fd00::1]:8", &octets, Checksums::Unknown), outcome);
    }
}

/// RFC 768: eight octets at least. RFC 2675 §4: zero belongs to jumbograms.
#[test]
fn a_length_that_cannot_be_is_dropped() {
    let mut host = tester();
    host.bind("10.0.0.1:7");
    let good = octets(addr(PEER), addr("10.0.0.1:7"), b"data");
    let mut cases: Vec<Vec<u8>> = [0_u16, 7, 13, 65_535]
        .map(|length| {
            let mut octets = good.clone();
            octets[4..6].copy_from_slice(&length.to_be_bytes());
            octets
        })
        .into();
    cases.push(good[..7].into());
    cases.push(good[..11].into());
    cases.push(Vec::new());
    for octets in cases {
        let outcome = hand_in(&mut host, PEER, "10.0.0.1:7", &octets, Checksums::Verified);
        assert_eq!(outcome, Udp::Dropped(UdpDrop::Length), "{octets:?}");
    }
}

#[test]
fn octets_behind_the_datagram_are_passed_over() {
    let mut host = tester();
    let id = host.bind("10.0.0.1:7");
    let mut octets = octets(addr(PEER), addr("10.0.0.1:7"), b"data");
    octets.extend(b"more");
    assert_eq!(hand_in(&mut host, PEER, "10.0.0.1:7", &octets, Checksums::Unknown), Udp::Delivered(id));
    let kept = Bytes::from(octets);
    let payload = Payload::Bytes { octets: kept.clone(), pinned: kept.len() };
    host.table.on_datagram(host.now, arriving(addr(PEER), addr("10.0.0.1:7"), payload));
    assert_eq!(host.read(id).unwrap(), b"data");
    assert_eq!(host.read(id).unwrap(), b"data");
}

#[test]
fn a_datagram_can_be_empty() {
    let mut host = tester();
    let id = host.bind("10.0.0.1:7");
    assert_eq!(host.arrive(PEER, "10.0.0.1:7", b""), Udp::Delivered(id));
    assert_eq!(host.read(id).unwrap(), b"");
    assert_eq!(host.read(id), None);
}

/// RFC 1122 §4.1.3.6.
#[test]
fn nobody_sends_from_a_group() {
    let mut host = tester();
    let id = host.try_bind(UdpBind::Port(7), UdpOptions::default()).unwrap();
    for from in ["224.0.0.1:5", "255.255.255.255:5", "0.0.0.1:5"] {
        assert_eq!(host.arrive(from, "10.0.0.1:7", b""), Udp::Dropped(UdpDrop::Source), "{from}");
    }
    for from in ["[ff02::1]:5", "[::]:5", "[::ffff:10.0.0.9]:5"] {
        assert_eq!(host.arrive(from, "[fd00::1]:7", b""), Udp::Dropped(UdpDrop::Source), "{from}");
    }
    // Who asks for an address has none (RFC 2131 §4.1), and port 0 wants no answer (RFC 768).
    assert_eq!(host.arrive("0.0.0.0:68", "255.255.255.255:7", b""), Udp::Delivered(id));
    assert_eq!(host.arrive("10.0.0.9:0", "10.0.0.1:7", b""), Udp::Delivered(id));
}

#[test]
fn nothing_comes_to_port_0() {
    let mut host = tester();
    host.try_bind(UdpBind::Everything, UdpOptions::default()).unwrap();
    assert_eq!(host.arrive(PEER, "10.0.0.1:0", b""), Udp::Dropped(UdpDrop::Port));
}

/// The newest goes: what was accepted stays, in its order.
#[test]
fn a_full_queue_drops_the_newest() {
    let mut host = tester();
    let mut options = UdpOptions::default();
    options.receive.datagrams = 3;
    let id = host.bind_with("10.0.0.1:7", options);
    for data in [b"1", b"2", b"3"] {
        assert_eq!(host.arrive(PEER, "10.0.0.1:7", data), Udp::Delivered(id));
    }
    assert_eq!(host.arrive(PEER, "10.0.0.1:7", b"4"), Udp::Dropped(UdpDrop::QueueFull));
    assert_eq!(host.read(id).unwrap(), b"1");
    assert_eq!(host.arrive(PEER, "10.0.0.1:7", b"5"), Udp::Delivered(id));
    let rest: Vec<Vec<u8>> = core::iter::from_fn(|| host.read(id)).collect();
    assert_eq!(rest, [b"2", b"3", b"5"]);
}

#[test]
fn a_queue_holds_so_much_memory_and_no_more() {
    let mut host = tester();
    let mut options = UdpOptions::default();
    options.receive.octets = 10_000;
    let id = host.bind_with("10.0.0.1:7", options);
    let mut taken = 0;
    while host.arrive(PEER, "10.0.0.1:7", &[0; 1]) == Udp::Delivered(id) {
        taken += 1;
    }
    assert_eq!(host.table.stats().dropped_for(UdpDrop::MemoryFull), 1);
    assert!((40..70).contains(&taken), "small datagrams cost what goes with them: {taken}");
    assert!(host.table.received.held() <= 10_000);
}

#[test]
fn all_sockets_together_hold_so_much_memory_and_no_more() {
    let config = UdpConfig { receive_memory: 20_000, ..UdpConfig::default() };
    let mut host = Tester::with(config);
    let ids: Vec<UdpId> = (1..9).map(|port| host.bind(&alloc::format!("10.0.0.1:{port}"))).collect();
    for round in 0..100 {
        let to = alloc::format!("10.0.0.1:{}", 1 + round % 8);
        host.arrive(PEER, &to, &[0; 500]);
        assert!(host.table.received.held() <= 20_000);
    }
    assert!(host.table.stats().dropped_for(UdpDrop::MemoryFull) > 0);
    for id in ids {
        while host.read(id).is_some() {}
    }
    assert_eq!(host.table.received.held(), 0);
}

#[test]
fn a_packet_is_kept_by_reference_if_most_of_it_is_of_use() {
    let mut host = tester();
    let id = host.bind("10.0.0.1:7");
    let octets = Bytes::from(octets(addr(PEER), addr("10.0.0.1:7"), &[7; 1000]));
    for (pinned, kept) in [(1036, true), (2000, true), (2002, false), (1 << 20, false)] {
        let payload = Payload::Bytes { octets: octets.clone(), pinned };
        host.table.on_datagram(host.now, arriving(addr(PEER), addr("10.0.0.1:7"), payload));
        let read = host.udp(id).recv_from().unwrap().unwrap();
        assert_eq!(read.data, octets.slice(8..));
        assert_eq!(read.data.as_ptr() == octets[8..].as_ptr(), kept, "{pinned}");
    }
}

#[test]
fn what_a_packet_pins_is_counted() {
    let mut host = tester();
    host.bind("10.0.0.1:7");
    let octets = Bytes::from(octets(addr(PEER), addr("10.0.0.1:7"), &[7; 1000]));
    let payload = Payload::Bytes { octets, pinned: 1900 };
    host.table.on_datagram(host.now, arriving(addr(PEER), addr("10.0.0.1:7"), payload));
    assert!(host.table.received.held() >= 1900);
}

#[test]
fn the_header_s_other_fields_are_handed_on() {
    let mut host = tester();
    let id = host.bind("10.0.0.1:7");
    let (from, to) = (addr(PEER), addr("10.0.0.1:7"));
    let octets = octets(from, to, b"data");
    let plain = arriving(from, to, octets.as_slice().into());
    host.table.on_datagram(host.now, Arriving { traffic_class: 46 << 2 | 3, hop_limit: 3, ..plain });
    let read = host.udp(id).recv_from().unwrap().unwrap();
    assert_eq!((read.dscp, read.ecn, read.hop_limit), (46, crate::EcnCodepoint::Ce, 3));
}

#[test]
fn a_slice_that_is_too_short_says_how_much_there_was() {
    let mut host = tester();
    let id = host.bind("10.0.0.1:7");
    host.arrive(PEER, "10.0.0.1:7", b"four");
    host.arrive(PEER, "10.0.0.1:7", b"next");
    let mut out = [0; 3];
    let read = host.udp(id).recv_from_slice(&mut out).unwrap().unwrap();
    assert_eq!((&out[..read.len], read.datagram_len, read.is_truncated()), (&b"fou"[..], 4, true));
    let mut out = [0; 9];
    let read = host.udp(id).recv_from_slice(&mut out).unwrap().unwrap();
    assert_eq!((&out[..read.len], read.is_truncated(), read.from), (&b"next"[..], false, addr(PEER)));
    assert_eq!(host.udp(id).recv_from_slice(&mut out), Ok(None));
}

const ERROR: UdpReady = UdpReady { new: false, readable: false, writable: false, error: true, ended: None };

/// RFC 1122 §4.1.3.3: passed on to the user, once.
#[test]
fn an_error_from_the_network_is_the_answer_of_the_next_call() {
    let mut host = tester();
    let id = host.open("10.0.0.1:7", PEER).unwrap();
    assert!(host.error("10.0.0.1:7", PEER, UdpNetworkError::Refused));
    assert_eq!(host.events()[0].ready, ERROR);
    assert_eq!(
        host.udp(id).send(Instant::ZERO, b"", &super::super::UdpSend::default()),
        Err(UdpSendError::Network(UdpNetworkError::Refused))
    );
    host.send(id, b"", PEER).unwrap();
    host.error("10.0.0.1:7", PEER, UdpNetworkError::Unreachable(1));
    assert_eq!(host.udp(id).recv_from(), Err(UdpNetworkError::Unreachable(1)));
    assert_eq!(host.udp(id).recv_from(), Ok(None));
    assert_eq!(host.events(), [], "it was taken before");
}

#[test]
fn a_reader_who_stops_at_an_error_is_told_of_what_there_is() {
    let mut host = tester();
    let id = host.open("10.0.0.1:7", PEER).unwrap();
    host.arrive(PEER, "10.0.0.1:7", b"x");
    assert_eq!(host.events()[0].ready, READABLE);
    host.error("10.0.0.1:7", PEER, UdpNetworkError::Refused);
    assert_eq!(host.udp(id).recv_from(), Err(UdpNetworkError::Refused));
    assert_eq!(host.events()[0].ready, READABLE);
}

/// RFC 6936 §4: what is reported must be about a datagram that can have been ours.
#[test]
fn an_error_about_somebody_else_is_ignored() {
    let mut host = tester();
    let id = host.open("10.0.0.1:7", PEER).unwrap();
    for (local, remote) in [
        ("10.0.0.1:8", PEER),
        ("10.0.0.2:7", PEER),
        ("10.0.0.1:7", "10.0.0.9:1001"),
        ("10.0.0.1:7", "10.0.0.8:1000"),
    ] {
        assert!(!host.error(local, remote, UdpNetworkError::Refused));
    }
    assert_eq!(host.udp(id).recv_from(), Ok(None));
    assert_eq!((host.table.stats().errors, host.table.stats().errors_ignored), (0, 4));
}

#[test]
fn errors_about_a_socket_without_peer_are_kept_if_it_asked_and_at_most_eight() {
    let mut host = tester();
    let plain = host.bind("10.0.0.1:7");
    assert!(!host.error("10.0.0.1:7", PEER, UdpNetworkError::Refused));
    assert_eq!(host.udp(plain).recv_from(), Ok(None));

    let options = UdpOptions { report_errors: true, ..UdpOptions::default() };
    let id = host.bind_with("0.0.0.0:8", options);
    for port in 1..20 {
        let remote = alloc::format!("10.0.0.9:{port}");
        assert_eq!(host.error("10.0.0.1:8", &remote, UdpNetworkError::Refused), port <= 8);
    }
    let events = host.events();
    assert_eq!((events.len(), events[0].id, events[0].ready), (1, id, ERROR));
    for port in 1..=8 {
        let to = addr(&alloc::format!("10.0.0.9:{port}"));
        let report = UdpReport { from: addr("10.0.0.1:8"), to, error: UdpNetworkError::Refused };
        assert_eq!(host.udp(id).next_report(), Some(report));
    }
    assert_eq!(host.udp(id).next_report(), None);
    assert!(host.error("10.0.0.1:8", PEER, UdpNetworkError::Refused));
    assert_eq!(host.events().len(), 1);
}

proptest! {
    /// Anything may come; what is delivered has lengths that add up.
    #[test]
    fn no_octets_do_harm(octets in prop::collection::vec(any::<u8>(), 0..64), known in 0_u8..3) {
        let mut host = tester();
        let options = UdpOptions { zero_checksum_receive: true, ..UdpOptions::default() };
        let id = host.try_bind(UdpBind::Everything, options).unwrap();
        let checksums = [Checksums::Unknown, Checksums::Verified, Checksums::Partial][usize::from(known)];
        if hand_in(&mut host, PEER, "10.0.0.1:7", &octets, checksums) == Udp::Delivered(id) {
            let read = host.udp(id).recv_from().unwrap().unwrap();
            prop_assert!(read.data.len() + 8 <= octets.len());
            prop_assert_eq!(&read.data[..], &octets[8..8 + read.data.len()]);
        }
    }
}
