use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

use proptest::prelude::*;

use super::{MAX_PROBES, MtuProbing, PathMtuState, RAISE, Reported, STEP};
use crate::Instant;
use crate::tcp::TcpConfig;

/// IPv4 over Ethernet: sizes are packets less 40.
fn ethernet() -> TcpConfig {
    TcpConfig::default()
}

fn open(config: &TcpConfig) -> PathMtuState {
    let mut path = PathMtuState::new(config);
    path.open(config, 1460);
    path
}

fn second(n: u64) -> Instant {
    Instant::from_nanos(n * 1_000_000_000)
}

/// A segment of this size goes out and is acknowledged.
fn proves(path: &mut PathMtuState, size: u32) {
    path.on_sent(0, u64::from(size), size, false);
    path.on_progress(u64::from(size), second(0));
}

/// A path whose black hole has just been suspected.
fn suspected(config: &TcpConfig) -> PathMtuState {
    let mut path = open(config);
    assert!(!path.on_timeout(config, 1460, second(1)));
    assert!(path.on_timeout(config, 1460, second(3)));
    path
}

/// Sends the probe that is due and lets a path of this size decide.
fn probe(path: &mut PathMtuState, now: Instant, passes: u32) -> Option<u32> {
    let size = path.probe_due(now)?;
    path.probe_sent(0, u64::from(size));
    if size <= passes {
        path.on_progress(u64::from(size), now)
    } else {
        path.probe_lost(now)
    }
    assert!(path.holds(), "{path:?}");
    Some(size)
}

/// Probes whenever one is due, until a rest begins; the sizes in order.
fn search(path: &mut PathMtuState, mut now: Instant, passes: u32) -> Vec<u32> {
    let mut sizes = Vec::new();
    let rest = now + Duration::from_secs(100);
    while now < rest {
        sizes.extend(probe(path, now, passes));
        now = now + Duration::from_millis(100);
    }
    sizes
}

/// The smaller MSS of both ends is where everything begins (RFC 9293 §3.7.1).
#[test]
fn segments_begin_as_large_as_both_ends_take() {
    let mut path = PathMtuState::new(&ethernet());
    assert_eq!(path.size(), 536);
    path.open(&ethernet(), 1_300);
    assert_eq!((path.size(), path.upper_bound()), (1_300, 1_300));
    path.open(&ethernet(), 9_000);
    assert_eq!(path.size(), 1_460);
    path.open(&ethernet(), 1);
    assert_eq!(path.size(), 64);
    assert!(path.holds());
}

/// RFC 1191 §6.2, RFC 8201 §4.
#[test]
fn a_report_lowers_the_size_to_what_the_router_takes() {
    let mut path = open(&ethernet());
    assert_eq!(path.on_report(&ethernet(), 1_400, 5, second(1)), Reported::Lowered);
    assert_eq!((path.size(), path.upper_bound()), (1_360, 1_360));
}

/// RFC 8201 §4: "A node MUST NOT increase its estimate" in response to a report.
#[test]
fn a_report_never_raises_the_size() {
    let mut path = open(&ethernet());
    for mtu in [1_500, 1_501, 9_000, u32::MAX] {
        assert_eq!(path.on_report(&ethernet(), mtu, 5, second(1)), Reported::Nothing);
    }
    path.on_report(&ethernet(), 1_000, 5, second(1));
    assert_eq!(path.on_report(&ethernet(), 1_400, 5, second(1)), Reported::Nothing);
    assert_eq!(path.size(), 960);
}

/// The floors: 552 in IPv4, and RFC 8201 §4's 1280 in IPv6.
#[test]
fn no_report_goes_below_the_floor() {
    let mut path = open(&ethernet());
    assert_eq!(path.on_report(&ethernet(), 68, 5, second(1)), Reported::Lowered);
    assert_eq!(path.size(), 552 - 40);
    assert_eq!(path.on_report(&ethernet(), 1, 5, second(1)), Reported::Nothing);

    let six = TcpConfig { ip_header: 40, min_path_mtu: 1280, mss: 1440, ..ethernet() };
    let mut path = open(&six);
    path.on_report(&six, 600, 5, second(1));
    assert_eq!(path.size(), 1280 - 60);

    // A link that is smaller than the floor is what it is.
    let tiny = TcpConfig { mss: 200, ..ethernet() };
    let mut path = open(&tiny);
    assert_eq!(path.on_report(&tiny, 68, 5, second(1)), Reported::Nothing);
    assert_eq!(path.size(), 200);
}

/// RFC 1191 §5 and §7: an old router says nothing, and the next plateau is tried.
#[test]
fn a_report_without_a_size_means_the_next_plateau() {
    let mut path = open(&ethernet());
    for size in [1_492 - 40, 1_006 - 40, 552 - 40] {
        assert_eq!(path.on_report(&ethernet(), 0, 5, second(1)), Reported::Lowered);
        assert_eq!(path.size(), size);
    }
    assert_eq!(path.on_report(&ethernet(), 0, 5, second(1)), Reported::Nothing);
}

/// RFC 5927 §7.2: once larger segments have passed, a report alone is not enough.
#[test]
fn a_report_against_what_has_passed_waits_for_a_loss() {
    let mut path = open(&ethernet());
    proves(&mut path, 1_460);
    assert_eq!(path.on_report(&ethernet(), 1_400, 3_000, second(1)), Reported::Kept);
    assert_eq!((path.size(), path.claimed()), (1_460, Some(3_000)));
    assert!(path.claim_is_borne_out(&ethernet(), second(2)));
    assert_eq!((path.size(), path.claimed()), (1_360, None));
    assert!(!path.claim_is_borne_out(&ethernet(), second(2)));
    // Nothing larger has passed since: the next is believed at once.
    assert_eq!(path.on_report(&ethernet(), 1_300, 3_000, second(3)), Reported::Lowered);
}

/// RFC 5927 §7.2: what it quotes was acknowledged, so it cannot have been too large.
#[test]
fn a_report_is_forgotten_when_what_it_quotes_is_acknowledged() {
    let mut path = open(&ethernet());
    proves(&mut path, 1_460);
    path.on_report(&ethernet(), 1_400, 3_000, second(1));
    path.on_progress(3_000, second(1));
    assert_eq!(path.claimed(), Some(3_000));
    path.on_progress(3_001, second(1));
    assert_eq!(path.claimed(), None);
    assert!(!path.claim_is_borne_out(&ethernet(), second(2)));
    assert_eq!(path.size(), 1_460);
}

/// What went twice proves nothing: the copy that arrived may have come in pieces.
#[test]
fn only_what_was_sent_once_proves_its_size() {
    let mut path = open(&ethernet());
    path.on_sent(0, 1_460, 1_460, false);
    path.on_sent(0, 500, 500, true);
    path.on_progress(1_460, second(0));
    assert_eq!(path.on_report(&ethernet(), 1_400, 3_000, second(1)), Reported::Lowered);
}

/// RFC 4821 §7.7 with §7.2's 1024 octets; RFC 8899 §4.3.
#[test]
fn two_timeouts_in_a_row_lower_the_size_to_the_base() {
    let path = suspected(&ethernet());
    assert_eq!(path.size(), 1_024 - 40);
    let six = TcpConfig { ip_header: 40, min_path_mtu: 1280, mss: 1440, ..ethernet() };
    assert_eq!(suspected(&six).size(), 1280 - 60);
}

/// RFC 4821 §7.7: further timeouts halve it, down to the floor.
#[test]
fn further_timeouts_lower_it_to_the_floor() {
    let mut path = suspected(&ethernet());
    assert!(path.on_timeout(&ethernet(), 984, second(7)));
    assert_eq!(path.size(), 512);
    assert!(!path.on_timeout(&ethernet(), 512, second(15)));
    assert_eq!(path.size(), 512);
}

#[test]
fn progress_between_timeouts_is_no_black_hole() {
    let mut path = open(&ethernet());
    for n in 0..10 {
        assert!(!path.on_timeout(&ethernet(), 1_460, second(n)));
        path.on_progress(1_460 * (n + 1), second(n));
    }
    assert_eq!(path.size(), 1_460);
}

/// A segment that would fit is not lost for its size.
#[test]
fn timeouts_of_small_segments_say_nothing() {
    let mut path = open(&ethernet());
    for n in 0..10 {
        assert!(!path.on_timeout(&ethernet(), 900, second(n)));
    }
    assert_eq!(path.size(), 1_460);
}

#[test]
fn without_probing_timeouts_change_nothing_and_reports_are_for_good() {
    let config = TcpConfig { mtu_probing: MtuProbing::Off, ..ethernet() };
    let mut path = open(&config);
    for n in 0..10 {
        assert!(!path.on_timeout(&config, 1_460, second(n)));
    }
    assert_eq!(path.on_report(&config, 1_400, 5, second(20)), Reported::Lowered);
    assert_eq!(path.probe_due(Instant::MAX), None);
    assert!(path.holds());
}

/// The response to a spurious timeout (RFC 4015): it was no sign of a black hole either.
#[test]
fn a_spurious_timeout_gives_the_size_back() {
    let mut path = suspected(&ethernet());
    path.on_timeout(&ethernet(), 984, second(7));
    assert!(path.on_spurious_timeout(second(8)));
    assert_eq!((path.size(), path.probe_due(second(1_000))), (1_460, None));
    assert!(!path.on_spurious_timeout(second(8)));
    assert!(path.holds());
}

/// Most rows of timeouts are outages.
#[test]
fn the_first_probe_after_timeouts_is_as_large_as_before() {
    let mut path = suspected(&ethernet());
    assert_eq!(path.probe_due(second(3)), None);
    assert_eq!(probe(&mut path, second(4), 1_460), Some(1_460));
    assert_eq!((path.size(), path.probe_due(second(1_000))), (1_460, None));
}

/// RFC 4821 §7.3: halving what is in doubt, until that is not worth a probe.
#[test]
fn the_search_halves_until_the_rest_is_not_worth_a_probe() {
    let mut path = suspected(&ethernet());
    let sizes = search(&mut path, second(4), 1_160);
    assert_eq!(
        sizes,
        // The old size once; then each size that is too large three times.
        [1_460, 1_222, 1_222, 1_222, 1_103, 1_162, 1_162, 1_162, 1_132, 1_147, 1_154]
    );
    assert_eq!((path.size(), path.upper_bound()), (1_154, 1_161));
    assert!(path.size() + STEP > 1_160);
}

/// RFC 4821 §7.4: the next probe waits for a second after one that was lost.
#[test]
fn lost_probes_are_a_second_apart() {
    let mut path = suspected(&ethernet());
    probe(&mut path, second(4), 1_000);
    for n in 4..40_u64 {
        let before = Instant::from_nanos(second(n + 1).as_nanos() - 1);
        assert_eq!(path.probe_due(before), None, "{n}");
        if probe(&mut path, second(n + 1), 0).is_none() {
            return assert!(n > 15);
        }
    }
    panic!("the search never ends");
}

/// RFC 8899 §5.1.2: MAX_PROBES.
#[test]
fn one_lost_probe_may_be_lost_by_itself() {
    let config = TcpConfig { mtu_probing: MtuProbing::Always, ..ethernet() };
    let mut path = open(&config);
    assert_eq!(path.size(), 984);
    for n in 1..u64::from(MAX_PROBES) {
        assert_eq!(probe(&mut path, second(2 * n), 0), Some(1_460));
    }
    assert_eq!(probe(&mut path, second(20), 1_460), Some(1_460));
    assert_eq!(path.size(), 1_460);
}

/// RFC 4821 §7.6.4: others were lost with it.
#[test]
fn an_inconclusive_probe_says_nothing() {
    let mut path = suspected(&ethernet());
    for n in 4..20 {
        assert_eq!(path.probe_due(second(n)), Some(1_460));
        path.probe_sent(0, 1_460);
        assert_eq!(path.probe_due(second(n)), None, "one at a time");
        if n % 2 == 0 {
            path.probe_inconclusive(second(n));
        } else {
            assert!(!path.on_timeout(&ethernet(), 100, second(n)));
        }
        assert!(path.holds());
    }
}

/// PMTU_RAISE_TIMER of RFC 8899 §5.1.1; RFC 4821 §7.3; RFC 1191 §6.3: not before ten minutes.
#[test]
fn ten_minutes_after_a_report_larger_segments_are_tried_again() {
    let mut path = open(&ethernet());
    path.on_report(&ethernet(), 1_400, 5, second(1));
    assert_eq!(path.probe_due(second(600)), None);
    let at = second(1) + RAISE;
    // A little more, and if that passes, the path has changed, and the whole comes next.
    assert_eq!(probe(&mut path, at, 1_460), Some(1_368));
    assert_eq!(probe(&mut path, at, 1_460), Some(1_460));
    assert_eq!((path.size(), path.probe_due(second(9_999))), (1_460, None));
}

#[test]
fn where_nothing_has_changed_three_probes_in_ten_minutes_find_out() {
    let mut path = suspected(&ethernet());
    search(&mut path, second(4), 1_160);
    for round in 1..4 {
        assert_eq!(search(&mut path, second(1_000 * round), 1_160), [1_162; 3]);
        assert_eq!(path.size(), 1_154);
    }
}

/// What the router says about a probe ends the search.
#[test]
fn a_report_about_a_probe_says_where_to_go_on() {
    let mut path = suspected(&ethernet());
    let size = path.probe_due(second(4)).expect("a probe");
    path.probe_sent(100, 100 + u64::from(size));
    assert_eq!(path.on_report(&ethernet(), 1_200, 99, second(4)), Reported::Nothing);
    assert_eq!(path.upper_bound(), 1_460, "that was another segment");
    assert_eq!(path.on_report(&ethernet(), 1_200, 100, second(4)), Reported::Nothing);
    path.probe_lost(second(4));
    assert_eq!(probe(&mut path, second(4), 1_160), Some(1_160));
    assert_eq!((path.size(), path.probe_due(second(5))), (1_160, None));

    // The router takes no more than what is sent.
    let mut path = suspected(&ethernet());
    path.probe_sent(100, 1_560);
    path.on_report(&ethernet(), 1_024, 100, second(4));
    assert!(path.holds());
    path.probe_lost(second(4));
    assert_eq!((path.size(), path.probe_due(second(600))), (984, None));
    assert!(path.holds());
}

/// What the network may do next.
#[derive(Clone, Copy, Debug)]
enum Act {
    Report { mtu: u32, position: u64 },
    LossSign,
    Progress(u64),
    Timeout(u32),
    Spurious,
    ProbeSent,
    ProbeLost,
    ProbeDelivered,
    ProbeInconclusive,
    Sent { size: u32, again: bool },
    Wait(u64),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        (prop_oneof![Just(0), 0..10_000_u32, any::<u32>()], 0..20_000_u64)
            .prop_map(|(mtu, position)| Act::Report { mtu, position }),
        Just(Act::LossSign),
        (0..20_000_u64).prop_map(Act::Progress),
        (1..9_000_u32).prop_map(Act::Timeout),
        Just(Act::Spurious),
        Just(Act::ProbeSent),
        Just(Act::ProbeLost),
        Just(Act::ProbeDelivered),
        Just(Act::ProbeInconclusive),
        (1..1_460_u32, any::<bool>()).prop_map(|(size, again)| Act::Sent { size, again }),
        (0..800_u64).prop_map(Act::Wait),
    ]
}

fn config() -> impl Strategy<Value = TcpConfig> {
    let probing = prop_oneof![Just(MtuProbing::Off), Just(MtuProbing::BlackHole), Just(MtuProbing::Always)];
    (probing, any::<u16>(), any::<u16>(), any::<u8>()).prop_map(
        |(mtu_probing, mss, min_path_mtu, ip_header)| TcpConfig {
            mtu_probing,
            mss,
            min_path_mtu,
            ip_header,
            ..TcpConfig::default()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever happens, in any order: the size stays between floor and ceiling, only an acknowledged probe or a
    /// spurious timeout makes it larger, and no more than one probe in a second is lost.
    #[test]
    fn what_has_to_hold_holds(config in config(), theirs: u16, acts in prop::collection::vec(act(), 0..200)) {
        let mut path = PathMtuState::new(&config);
        path.open(&config, theirs);
        let (mut now, mut una) = (second(1), 0);
        for act in acts {
            let before = path.size();
            match act {
                Act::Report { mtu, position } => {
 let _ = path.on_report(&config, mtu, una + position, now); }
                Act::LossSign => {
 let _ = path.claim_is_borne_out(&config, now); }
                Act::Progress(octets) => { una += octets; path.on_progress(una, now); }
                Act::Timeout(size) => {
 let _ = path.on_timeout(&config, size, now); }
                Act::Spurious => {
 let _ = path.on_spurious_timeout(now); }
                Act::ProbeSent => if let Some(size) = path.probe_due(now) {
                    path.probe_sent(una, una + u64::from(size));
                },
                Act::ProbeLost => path.probe_lost(now),
                Act::ProbeDelivered => path.probe_delivered(now),
                Act::ProbeInconclusive => path.probe_inconclusive(now),
                Act::Sent { size, again } => {
                    path.on_sent(una, una + u64::from(size), size.min(path.size()), again);
                }
                Act::Wait(seconds) => now = now + Duration::from_secs(seconds),
            }
            prop_assert!(path.holds(), "{act:?} {path:?}");
            let may_raise = matches!(act, Act::Progress(_) | Act::ProbeDelivered | Act::Spurious);
            prop_assert!(path.size() <= before || may_raise, "{act:?} {path:?}");
            if matches!(act, Act::ProbeLost) && config.mtu_probing == MtuProbing::Off {
                prop_assert_eq!(path.size(), before);
            }
        }
    }

    /// Whatever the path takes, the search finds it to within a step, and loses a bounded number of probes.
    #[test]
    fn every_search_finds_what_passes(passes in 984_u32..=1_460) {
        let mut path = suspected(&ethernet());
        let sizes = search(&mut path, second(4), passes);
        prop_assert!(path.size() <= passes && passes < path.size() + STEP, "{} of {passes}", path.size());
        prop_assert!(sizes.len() <= 1 + 3 * 6, "{sizes:?}");
    }

    /// And when it takes more later, it finds that too.
    #[test]
    fn every_search_finds_a_path_that_has_grown(first in 984_u32..1_400, more in 10_u32..500) {
        let mut path = suspected(&ethernet());
        search(&mut path, second(4), first);
        let passes = (first + more).min(1_460);
        search(&mut path, second(1_000), passes);
        prop_assert!(path.size() <= passes && passes < path.size() + STEP, "{} of {passes}", path.size());
    }
}

/// The memory of a connection is bounded by what it says of it.
#[test]
fn what_is_watched_counts_as_memory() {
    let config = ethernet();
    let mut path = open(&config);
    assert_eq!(path.memory(), 0);
    proves(&mut path, 1_460);
    assert_eq!(path.on_report(&config, 1_000, 1_460, second(1)), Reported::Kept);
    assert_eq!(path.memory(), size_of::<super::Watched>());
}

/// RFC 1191 §5: an old router names no size, and the next of the plateaus is tried. Linux takes its least size.
#[test]
fn a_report_without_a_size_leads_to_the_next_plateau() {
    let mut path = open(&ethernet());
    assert_eq!(path.on_report(&ethernet(), 0, 5, second(1)), Reported::Lowered);
    assert_eq!(path.size(), 1_492 - 40);
    assert_eq!(path.on_report(&ethernet(), 0, 5, second(1)), Reported::Lowered);
    assert_eq!(path.size(), 1_006 - 40);
    let config = TcpConfig { dialect: crate::tcp::Dialect::Linux, ..ethernet() };
    let mut path = open(&config);
    assert_eq!(path.on_report(&config, 0, 5, second(1)), Reported::Lowered);
    assert_eq!(path.size(), u32::from(config.min_path_mtu) - 40);
}

/// RFC 4821 §7.6: while a segment of a size between proves that it passes, a larger probe may still tell more, and a smaller
/// one nothing.
#[test]
fn a_probe_stays_under_way_only_while_it_is_larger_than_what_passes() {
    for (passes, after) in [(1_200, 1_460), (1_460, 1_460)] {
        let mut path = suspected(&ethernet());
        proves(&mut path, 984);
        path.candidate = 1_460;
        path.probe_sent(0, 1_460);
        path.passed(passes, second(9));
        assert_eq!(path.probe().is_some(), passes < 1_460);
        path.on_progress(1_460, second(9));
        assert_eq!(path.size(), after);
    }
}
