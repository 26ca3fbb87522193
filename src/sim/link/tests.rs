use super::*;
use std::collections::BTreeMap;
use std::vec;
use std::vec::Vec;

const MS: Duration = Duration::from_millis(1);

fn at(millis: u64) -> Instant {
    Instant::ZERO + MS * u32::try_from(millis).unwrap()
}

fn link(change: impl FnOnce(&mut LinkConfig)) -> Link {
    let mut config = LinkConfig::default();
    change(&mut config);
    Link::new(config, Prng::new(1))
}

fn packet(len: usize) -> Bytes {
    vec![0x5a; len].into()
}

/// When a packet of this length arrives that is sent at this millisecond.
fn arrives(link: &mut Link, millis: u64, len: usize) -> Result<Instant, LinkDrop> {
    let sent = packet(len);
    link.send(at(millis), sent.clone()).map(|(first, second)| {
        assert_eq!(second, None);
        assert_eq!(first.packet, sent);
        first.at
    })
}

#[test]
fn the_default_link_carries_everything_at_once() {
    let mut link = link(|_| {});
    for n in 0..100 {
        assert_eq!(arrives(&mut link, n, 1_500), Ok(at(n)));
    }
    assert_eq!(link.stats().packets, 100);
    assert_eq!(link.stats().octets, 150_000);
    assert_eq!(link.stats().dropped(), 0);
}

#[test]
fn the_rate_takes_its_time_and_packets_wait_for_each_other() {
    // 1,000 octets at 8 Mbit/s take a millisecond.
    let mut link = link(|config| {
        config.rate = NonZeroU64::new(8_000_000);
        config.delay = 10 * MS;
    });
    assert_eq!(arrives(&mut link, 0, 1_000), Ok(at(11)));
    assert_eq!(arrives(&mut link, 0, 1_000), Ok(at(12)));
    assert_eq!(arrives(&mut link, 1, 500), Ok(at(12) + MS / 2));
    // Long after that the link is idle again.
    assert_eq!(arrives(&mut link, 100, 1_000), Ok(at(111)));
    assert_eq!(link.stats().longest_queue, 1_000);
}

#[test]
fn what_finds_no_room_in_the_queue_is_dropped() {
    let mut link = link(|config| {
        config.rate = NonZeroU64::new(8_000_000);
        config.queue = 2_000;
    });
    assert_eq!(arrives(&mut link, 0, 1_000), Ok(at(1)), "it does not wait");
    assert_eq!(arrives(&mut link, 0, 1_000), Ok(at(2)));
    assert_eq!(arrives(&mut link, 0, 1_000), Ok(at(3)));
    assert_eq!(arrives(&mut link, 0, 1), Err(LinkDrop::Queue), "2,000 octets wait");
    assert_eq!(arrives(&mut link, 1, 1_000), Ok(at(4)), "one of them is being sent now");
    assert_eq!(link.stats().dropped_queue, 1);
    assert_eq!(link.stats().longest_queue, 2_000);
}

/// An IP packet of 1,000 octets with this ECN field.
fn ip_packet(v4: bool, ecn: u8) -> Bytes {
    let mut octets = vec![0x5a; 1_000];
    if v4 {
        let (src, dst) = ([192, 0, 2, 1].into(), [192, 0, 2, 2].into());
        let mut header = crate::wire::Ipv4Repr::new(src, dst, crate::wire::IpProtocol::TCP);
        (header.dscp, header.ecn, header.payload_len) = (46, ecn, 980);
        header.emit(&mut octets).unwrap();
    } else {
        let (src, dst) = ([0x20; 16].into(), [0x21; 16].into());
        let mut header = crate::wire::Ipv6Header::new(src, dst, crate::wire::IpProtocol::TCP);
        (header.traffic_class, header.payload_len) = (46 << 2 | ecn, 960);
        header.emit(&mut octets).unwrap();
    }
    octets.into()
}

/// RFC 3168 §5: only what its sender has sent as ECN-capable, and nothing else of it changes but its checksum.
#[test]
fn what_waits_behind_too_much_is_marked_if_that_is_allowed() {
    for (v4, ecn) in [true, false].into_iter().flat_map(|v4| (0..4).map(move |ecn| (v4, ecn))) {
        let mut link = link(|config| {
            config.rate = NonZeroU64::new(8_000_000);
            config.mark_above = Some(2_000);
        });
        let sent = ip_packet(v4, ecn);
        let mut arrived = |millis| link.send(at(millis), sent.clone()).unwrap().0.packet;
        for waiting in [0, 1_000, 2_000] {
            assert_eq!(arrived(0), sent, "{waiting} octets wait");
        }
        let capable = ecn == 1 || ecn == 2;
        let crowded = arrived(0);
        assert_eq!(crowded, if capable { ip_packet(v4, 3) } else { sent.clone() });
        let parsed = crate::wire::IpPacket::parse(&crowded, 1_000).unwrap();
        assert_eq!(parsed.traffic_class, 46 << 2 | if capable { 3 } else { ecn });
        assert_eq!(arrived(2), sent, "2,000 octets wait again");
        assert_eq!(link.stats().marked, u64::from(capable));
        assert_eq!(link.stats().dropped(), 0);
    }
}

#[test]
fn what_is_no_ip_packet_is_not_marked() {
    for octets in [&[][..], &[0x45], &[0x45, 2, 0], &[0x4f, 2, 0, 40], &[0x15, 2], &[0x40, 2], &[0x60]] {
        assert_eq!(mark::marked(octets), None, "{octets:?}");
    }
}

#[test]
fn a_queue_of_nothing_takes_a_packet_when_the_link_is_idle() {
    let mut link = link(|config| {
        config.rate = NonZeroU64::new(8_000_000);
        config.queue = 0;
    });
    assert_eq!(arrives(&mut link, 0, 1_000), Ok(at(1)));
    assert_eq!(arrives(&mut link, 0, 1_000), Err(LinkDrop::Queue));
    assert_eq!(arrives(&mut link, 1, 1_000), Ok(at(2)));
}

#[test]
fn packets_beyond_the_mtu_vanish() {
    let mut link = link(|config| config.mtu = 1_400);
    assert_eq!(arrives(&mut link, 0, 1_400), Ok(at(0)));
    assert_eq!(arrives(&mut link, 0, 1_401), Err(LinkDrop::Mtu));
    assert_eq!(link.stats().dropped_mtu, 1);
}

#[test]
fn jitter_delays_within_its_bound_and_reorders_nothing() {
    let mut link = link(|config| {
        config.delay = 10 * MS;
        config.jitter = 5 * MS;
    });
    let mut last = Instant::ZERO;
    let mut delays = Vec::new();
    for n in 0..1_000 {
        let arrival = arrives(&mut link, n, 100).unwrap();
        assert!(arrival >= last, "in order");
        assert!((10 * MS..=15 * MS).contains(&arrival.since(at(n))));
        delays.push(arrival.since(at(n)));
        last = arrival;
    }
    let (least, most) = (delays.iter().min().unwrap(), delays.iter().max().unwrap());
    assert!(*most - *least > 3 * MS, "it is used: {least:?} to {most:?}");
}

#[test]
fn uniform_loss_is_as_frequent_as_it_says() {
    let mut link = link(|config| config.loss = Probability::percent(10));
    let lost = (0..10_000).filter(|n| arrives(&mut link, *n, 100) == Err(LinkDrop::Loss)).count();
    // Four standard deviations of 30.
    assert!((880..=1_120).contains(&lost), "{lost}");
    assert_eq!(link.stats().dropped_loss, lost as u64);
}

#[test]
fn burst_loss_has_the_mean_and_the_length_that_were_asked_for() {
    let mut link = link(|config| config.burst_loss = Some(BurstLoss::mean(Probability::percent(5), 8)));
    let fate: Vec<bool> = (0..200_000).map(|n| arrives(&mut link, n, 100).is_err()).collect();
    let lost = fate.iter().filter(|lost| **lost).count();
    let bursts = fate.windows(2).filter(|pair| !pair[0] && pair[1]).count();
    assert!((8_500..=11_500).contains(&lost), "5 % of 200,000: {lost}");
    let length = lost as f64 / bursts as f64;
    assert!((7.0..9.0).contains(&length), "{length}");
    assert_eq!(link.stats().dropped_burst, lost as u64);
}

#[test]
fn burst_loss_survives_impossible_wishes() {
    let all = BurstLoss::mean(Probability::ALWAYS, 0);
    assert_eq!(
        all,
        BurstLoss { begin: Probability::ALWAYS, end: Probability::ALWAYS, loss: Probability::ALWAYS }
    );
    assert_eq!(BurstLoss::mean(Probability::NEVER, 5).begin, Probability::NEVER);
}

#[test]
fn what_is_held_back_is_overtaken() {
    let mut link = link(|config| {
        config.delay = 10 * MS;
        config.reorder = Some(Reorder { chance: Probability::percent(10), hold: 20 * MS });
    });
    let arrivals: Vec<Instant> = (0..1_000).map(|n| arrives(&mut link, n, 100).unwrap()).collect();
    let held = (0..).zip(&arrivals).filter(|(n, arrival)| **arrival != at(n + 10)).count();
    assert!((60..=140).contains(&held), "{held}");
    assert_eq!(link.stats().held_back, held as u64);
    for (n, arrival) in (0..).zip(&arrivals) {
        let late = arrival.since(at(n + 10));
        assert!(late.is_zero() || (10 * MS..=20 * MS).contains(&late), "{late:?}");
    }
    assert!(!arrivals.is_sorted());
}

#[test]
fn what_is_held_back_for_an_exact_time_comes_after_exactly_that() {
    let mut link = link(|config| {
        config.delay = 10 * MS;
        config.reorder = Some(Reorder { chance: Probability::percent(10), hold: 20 * MS });
        config.reorder_exact = true;
    });
    let late: Vec<_> = (0..1_000).map(|n| arrives(&mut link, n, 100).unwrap().since(at(n + 10))).collect();
    assert!(late.iter().all(|late| late.is_zero() || *late == 20 * MS));
    assert!(late.contains(&(20 * MS)));
}

#[test]
fn duplicates_arrive_too() {
    let mut link = link(|config| config.duplicate = Probability::percent(10));
    let twice = (0..1_000).filter(|n| link.send(at(*n), packet(50)).unwrap().1.is_some()).count();
    assert!((60..=140).contains(&twice), "{twice}");
    assert_eq!(link.stats().duplicated, twice as u64);
}

/// RFC 1071: the sum of the 16-bit words in ones' complement.
fn checksum(octets: &[u8]) -> u16 {
    let words = octets.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0)));
    let sum: u32 = words.sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    ((folded & 0xffff) + (folded >> 16)) as u16
}

#[test]
fn damage_is_anywhere_and_never_escapes_the_checksum() {
    let mut prng = Prng::new(9);
    let original: Vec<u8> = (0..40).map(|_| prng.next_u64() as u8).collect();
    let mut hit = BTreeMap::<usize, u32>::new();
    for _ in 0..20_000 {
        let damaged = damage(&mut prng, &original);
        assert_eq!(damaged.len(), original.len());
        assert_ne!(checksum(&damaged) % 0xffff, checksum(&original) % 0xffff);
        for (place, (new, old)) in damaged.iter().zip(&original).enumerate() {
            *hit.entry(place).or_default() += u32::from(new != old);
        }
    }
    assert_eq!(hit.len(), 40);
    assert!(hit.values().all(|count| *count > 300), "{hit:?}");
    assert_eq!(damage(&mut prng, &[]).len(), 0);
}

#[test]
fn corruption_is_counted_and_changes_the_copy_only() {
    let mut link = link(|config| {
        config.corrupt = Probability::ALWAYS;
        config.duplicate = Probability::ALWAYS;
    });
    let sent = packet(60);
    let (first, second) = link.send(at(0), sent.clone()).unwrap();
    assert_ne!(first.packet, sent);
    assert_ne!(second.unwrap().packet, sent);
    assert_eq!(sent, packet(60));
    assert_eq!(link.stats().corrupted, 2);
}

#[test]
fn impairments_stop_when_they_were_told_to() {
    let mut link = link(|config| {
        config.loss = Probability::percent(50);
        config.duplicate = Probability::percent(50);
        config.corrupt = Probability::percent(50);
        config.reorder = Some(Reorder { chance: Probability::percent(50), hold: 20 * MS });
        config.delay = 3 * MS;
        config.impaired_until = Some(at(100));
    });
    for n in 0..100 {
        let _ = link.send(at(n), packet(50));
    }
    let then = *link.stats();
    assert!(then.dropped_loss > 20 && then.duplicated > 10 && then.corrupted > 10 && then.held_back > 10);
    for n in 100..200 {
        assert_eq!(arrives(&mut link, n, 50), Ok(at(n + 3)));
    }
    assert_eq!(link.stats().dropped(), then.dropped());
}

#[test]
fn the_same_seed_gives_the_same_fate() {
    let fate = |seed| {
        let mut config = LinkConfig { loss: Probability::percent(20), ..LinkConfig::default() };
        config.jitter = 5 * MS;
        config.corrupt = Probability::percent(20);
        let mut link = Link::new(config, Prng::new(seed));
        (0..200).map(|n| link.send(at(n), packet(80))).collect::<Vec<_>>()
    };
    assert_eq!(fate(5), fate(5));
    assert_ne!(fate(5), fate(6));
}
