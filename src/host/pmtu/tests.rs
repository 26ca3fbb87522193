use super::*;
use proptest::prelude::*;

const NOW: Instant = Instant::from_nanos(1_000_000_000);

fn v4(last: u8) -> IpAddr {
    IpAddr::from([10, 0, 0, last])
}

fn v6(last: u16) -> IpAddr {
    IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, last])
}

#[test]
fn a_report_counts_for_ten_minutes() {
    // RFC 8201 §4.
    let mut paths = PathMtus::new(8);
    assert_eq!(paths.lower(NOW, v4(1), 1400, 1500), Some(1400));
    assert_eq!(paths.poll_timeout(), Some(NOW + AGE));
    paths.expire(Instant::from_nanos((NOW + AGE).as_nanos() - 1));
    assert_eq!((paths.get(v4(1)), paths.get(v4(2))), (Some(1400), None));
    paths.expire(Instant::ZERO);
    assert_eq!(paths.get(v4(1)), Some(1400), "a clock that steps back does no harm");
    paths.expire(NOW + AGE);
    assert_eq!((paths.get(v4(1)), paths.memory(), paths.poll_timeout()), (None, 0, None));
}

#[test]
fn a_report_never_makes_packets_larger() {
    let mut paths = PathMtus::new(8);
    assert_eq!(paths.lower(NOW, v4(1), 1400, 1500), Some(1400));
    assert_eq!(paths.lower(NOW, v4(1), 1450, 1500), None);
    assert_eq!(paths.lower(NOW, v4(1), 9000, 1500), None);
    assert_eq!(paths.lower(NOW, v4(1), 1500, 1500), None);
    assert_eq!(paths.lower(NOW, v4(1), 1300, 1400), Some(1300));
    assert_eq!(paths.get(v4(1)), Some(1300));
}

#[test]
fn no_report_goes_below_the_least() {
    let mut paths = PathMtus::new(8);
    assert_eq!(paths.lower(NOW, v4(1), 68, 1500), Some(552));
    assert_eq!(paths.lower(NOW, v6(1), 1000, 1500), Some(1280), "RFC 8200 §5");
    assert_eq!(paths.lower(NOW, v6(2), 1000, 1280), None);
    assert_eq!(paths.lower(NOW, v4(2), 68, 552), None);
}

#[test]
fn a_router_that_does_not_say_makes_the_next_common_size() {
    // RFC 1191 §5, §7.
    let mut paths = PathMtus::new(8);
    assert_eq!(paths.lower(NOW, v4(1), 0, 1500), Some(1492));
    assert_eq!(paths.lower(NOW, v4(1), 0, 1492), Some(1006));
    assert_eq!(paths.lower(NOW, v4(1), 0, 1006), Some(552));
    assert_eq!(paths.lower(NOW, v4(1), 0, 552), None);
}

#[test]
fn the_oldest_report_makes_room() {
    let mut paths = PathMtus::new(3);
    for last in 1..=4 {
        paths.lower(NOW, v4(last), 1400, 1500);
    }
    assert_eq!((1..=4).filter(|&last| paths.get(v4(last)).is_some()).count(), 3);
    assert_eq!(paths.get(v4(1)), None);
    let mut none = PathMtus::new(0);
    assert_eq!((none.lower(NOW, v4(1), 1400, 1500), none.memory()), (None, 0));
}

proptest! {
    #[test]
    fn rows_agree_with_a_list_of_all_reports(
        reports in prop::collection::vec((0_u16..6, any::<bool>(), prop_oneof![Just(0_u32), 0_u32..3000, any::<u32>()], 0_usize..3000, 0_u64..200), 0..100),
    ) {
        let mut paths = PathMtus::new(1000);
        let mut known: std::vec::Vec<(IpAddr, u16, Instant)> = std::vec::Vec::new();
        let mut now = NOW;
        for (last, six, mtu, packet_len, seconds) in reports {
            now = now + Duration::from_secs(seconds);
            let to = if six { v6(last) } else { v4(last as u8) };
            paths.expire(now);
            known.retain(|&(_, _, at)| now.since(at) < AGE);
            let before = known.iter().filter(|&&(of, ..)| of == to).map(|&(_, mtu, _)| mtu).min();
            let lowered = paths.lower(now, to, mtu, packet_len);
            if let Some(mtu) = lowered {
                prop_assert!(usize::from(mtu) < packet_len);
                let least = if six { 1280 } else { 552 };
                prop_assert!(mtu >= least);
                prop_assert!(before.is_none_or(|before| mtu < before));
                known.retain(|&(of, ..)| of != to);
                known.push((to, mtu, now));
            }
            for last in 0..6 {
                for to in [v6(last), v4(last as u8)] {
                    let expected = known.iter().find(|&&(of, ..)| of == to).map(|&(_, mtu, _)| mtu);
                    prop_assert_eq!(paths.get(to), expected);
                }
            }
            prop_assert_eq!(paths.rows.len(), paths.by_age.len());
        }
    }
}
