use core::time::Duration;

use super::RttEstimator;
use crate::tcp::TcpConfig;

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Without the minimum of a second, so that the formula shows.
fn no_minimum() -> TcpConfig {
    TcpConfig { min_rto: Duration::ZERO, ..TcpConfig::default() }
}

fn after(samples: &[Duration]) -> RttEstimator {
    let mut rtt = RttEstimator::new();
    for &sample in samples {
        rtt.sample(sample, 1);
    }
    rtt
}

#[test]
fn without_a_sample_the_rto_is_the_initial_one() {
    let rtt = RttEstimator::new();
    assert_eq!(rtt.srtt(), None);
    assert_eq!(rtt.rttvar(), None);
    assert_eq!(rtt.rto(&TcpConfig::default()), ms(1000));
    let bold = TcpConfig { initial_rto: ms(250), ..TcpConfig::default() };
    assert_eq!(rtt.rto(&bold), ms(250), "the minimum is for what is computed (RFC 6298 §2.4)");
}

#[test]
fn the_first_sample_is_srtt_and_half_of_it_is_rttvar() {
    let rtt = after(&[ms(100)]);
    assert_eq!(rtt.srtt(), Some(ms(100)));
    assert_eq!(rtt.rttvar(), Some(ms(50)));
    assert_eq!(rtt.rto(&no_minimum()), ms(100 + 4 * 50));
}

// RFC 6298-4
#[test]
fn a_later_sample_moves_srtt_by_an_eighth_and_rttvar_by_a_quarter() {
    // RTTVAR = 3/4·50 + 1/4·|100 − 180| = 57.5, SRTT = 7/8·100 + 1/8·180 = 110.
    let longer = after(&[ms(100), ms(180)]);
    assert_eq!(longer.rttvar(), Some(Duration::from_micros(57_500)));
    assert_eq!(longer.srtt(), Some(ms(110)));
    assert_eq!(longer.rto(&no_minimum()), ms(110 + 230));
    // RTTVAR = 3/4·50 + 1/4·|100 − 20| = 57.5, SRTT = 7/8·100 + 1/8·20 = 90.
    let shorter = after(&[ms(100), ms(20)]);
    assert_eq!(shorter.rttvar(), Some(Duration::from_micros(57_500)));
    assert_eq!(shorter.srtt(), Some(ms(90)));
    // RTTVAR = 3/4·50 + 0: a sample that was foreseen lowers the variation.
    assert_eq!(after(&[ms(100), ms(100)]).rttvar(), Some(Duration::from_micros(37_500)));
}

// RFC 7323-19
#[test]
fn both_gains_are_divided_by_the_expected_samples() {
    let mut rtt = after(&[ms(100)]);
    rtt.sample(ms(180), 10);
    // beta' = 1/40: 50 + (80 − 50)/40 = 50.75; alpha' = 1/80: 100 + 80/80 = 101.
    assert_eq!(rtt.rttvar(), Some(Duration::from_micros(50_750)));
    assert_eq!(rtt.srtt(), Some(ms(101)));
}

#[test]
fn no_expected_samples_are_taken_as_one() {
    let mut rtt = after(&[ms(100)]);
    rtt.sample(ms(180), 0);
    assert_eq!(rtt, after(&[ms(100), ms(180)]));
}

// RFC 6298-5
#[test]
fn the_variation_counts_at_least_one_granule() {
    let rtt = after(&[Duration::ZERO]);
    assert_eq!(rtt.rto(&no_minimum()), ms(1));
    let coarse = TcpConfig { granularity: ms(500), ..no_minimum() };
    assert_eq!(after(&[ms(100)]).rto(&coarse), ms(100 + 500), "G is more than 4·RTTVAR = 200 ms");
}

#[test]
fn a_computed_rto_is_rounded_up_to_the_minimum() {
    assert_eq!(after(&[ms(100)]).rto(&TcpConfig::default()), ms(1000));
    assert_eq!(after(&[ms(400)]).rto(&TcpConfig::default()), ms(400 + 800));
}

// RFC 6298-16
#[test]
fn each_backoff_doubles_what_the_minimum_has_rounded_up_and_the_maximum_holds() {
    let mut rtt = after(&[ms(100)]);
    for seconds in [1, 2, 4, 8, 16, 32, 60, 60] {
        assert_eq!(rtt.rto(&TcpConfig::default()), Duration::from_secs(seconds));
        rtt.back_off();
    }
    assert_eq!(rtt.backoff(), 8);
    rtt.end_backoff();
    assert_eq!((rtt.backoff(), rtt.rto(&TcpConfig::default())), (0, ms(1000)));
}

// RFC 6298-19
#[test]
fn a_sample_ends_the_backoff() {
    let mut rtt = after(&[ms(100)]);
    rtt.back_off();
    rtt.sample(ms(100), 1);
    assert_eq!(rtt.backoff(), 0);
}

#[test]
fn backing_off_without_end_does_no_harm() {
    let mut rtt = RttEstimator::new();
    for _ in 0..1000 {
        rtt.back_off();
    }
    let patient = TcpConfig { max_rto: Duration::MAX, ..TcpConfig::default() };
    assert!(rtt.backoff() >= 32);
    assert!(rtt.rto(&patient) >= Duration::from_secs(1 << 32));
    assert_eq!(rtt.rto(&TcpConfig::default()), Duration::from_secs(60));
}

#[test]
fn after_a_lost_syn_data_starts_from_three_seconds() {
    let mut rtt = RttEstimator::new();
    rtt.back_off();
    rtt.end_backoff();
    rtt.lost_syn();
    assert_eq!(rtt.rto(&TcpConfig::default()), ms(3000));
    let slow = TcpConfig { initial_rto: ms(5000), ..TcpConfig::default() };
    assert_eq!(rtt.rto(&slow), ms(5000), "the rule is for an RTO of less than 3 s");
    rtt.sample(ms(500), 1);
    assert_eq!(rtt.rto(&TcpConfig::default()), ms(500 + 1000), "a sample knows better");
}

#[test]
fn the_rto_is_never_zero() {
    let eager = TcpConfig {
        initial_rto: Duration::ZERO,
        min_rto: Duration::ZERO,
        max_rto: Duration::ZERO,
        granularity: Duration::ZERO,
        ..TcpConfig::default()
    };
    assert_eq!(RttEstimator::new().rto(&eager), ms(1));
    assert_eq!(after(&[Duration::ZERO]).rto(&eager), ms(1));
}

#[test]
fn the_longest_durations_do_not_overflow() {
    let mut rtt = after(&[Duration::MAX, Duration::ZERO, Duration::MAX, Duration::from_nanos(u64::MAX)]);
    rtt.sample(Duration::MAX, u32::MAX);
    rtt.back_off();
    let endless = TcpConfig {
        initial_rto: Duration::MAX,
        min_rto: Duration::MAX,
        max_rto: Duration::MAX,
        granularity: Duration::MAX,
        ..TcpConfig::default()
    };
    assert_eq!(rtt.rto(&endless), Duration::from_nanos(u64::MAX));
    assert_eq!(rtt.rto(&TcpConfig::default()), Duration::from_secs(60));
}

/// SRTT and RTTVAR of RFC 6298 §2 and RFC 7323 appendix G, without rounding: in parts of a nanosecond so small that the
/// divisions of a few samples leave no rest.
struct Exact {
    srtt: i128,
    rttvar: i128,
}

impl Exact {
    const PARTS: i128 = 1 << 60;

    fn after(samples: &[u64], expected: i128) -> Self {
        let part = |nanos: u64| i128::from(nanos) * Self::PARTS;
        let first = part(samples[0]);
        let mut exact = Self { srtt: first, rttvar: first / 2 };
        for &sample in &samples[1..] {
            let away = (exact.srtt - part(sample)).abs();
            exact.rttvar += (away - exact.rttvar) / (4 * expected);
            exact.srtt += (part(sample) - exact.srtt) / (8 * expected);
        }
        exact
    }

    /// How many nanoseconds `found` is off.
    fn off(exact: i128, found: Duration) -> i128 {
        (exact / Self::PARTS - i128::try_from(found.as_nanos()).expect("a short time")).abs()
    }
}

#[test]
fn every_row_of_five_round_trips_gives_the_averages_of_the_rfc_but_for_a_few_nanoseconds() {
    const TRIPS: [u64; 7] = [0, 1, 999, 1_000_000, 30_000_000, 1_000_000_000, 61_000_000_000];
    let mut seen = 0;
    for row in 0..7_usize.pow(5) {
        let samples: [u64; 5] = core::array::from_fn(|at| TRIPS[row / 7_usize.pow(at as u32) % 7]);
        for expected in [1, 2, 5] {
            let mut rtt = RttEstimator::new();
            for sample in samples {
                rtt.sample(Duration::from_nanos(sample), expected);
            }
            let exact = Exact::after(&samples, i128::from(expected));
            let (srtt, rttvar) = (rtt.srtt().unwrap_or_default(), rtt.rttvar().unwrap_or_default());
            let off = Exact::off(exact.srtt, srtt).max(Exact::off(exact.rttvar, rttvar));
            assert!(off <= 5, "{samples:?}, {expected} at once: {off} ns off");
            seen += 1;
        }
    }
    assert_eq!(seen, 7 * 7 * 7 * 7 * 7 * 3);
}

#[test]
fn every_backoff_doubles_what_the_formula_says_between_its_bounds() {
    let nanos = |span: Duration| u128::from(u64::try_from(span.as_nanos()).expect("a short time"));
    let mut seen = 0;
    for sample in [None, Some(0), Some(1), Some(20), Some(300), Some(5_000)] {
        for least in [0, 1, 200, 1_000] {
            for most in [0, 1_000, 60_000, 120_000] {
                for granularity in [0, 1, 100] {
                    let mut config = TcpConfig::default();
                    (config.min_rto, config.max_rto) = (ms(least), ms(most));
                    config.granularity = ms(granularity);
                    let mut rtt = after(&sample.map(ms).into_iter().collect::<std::vec::Vec<_>>());
                    // RFC 6298 §2: SRTT + max(G, 4·RTTVAR), at least the minimum, where less than a second is also the
                    // least margin; 1 s before there is a sample.
                    let margin = if least < 1_000 { granularity.max(least) } else { granularity };
                    let by_formula =
                        sample.map_or(1_000, |sample| (sample + margin.max(sample * 2)).max(least));
                    let mut doubled = u128::from(by_formula).max(1) * 1_000_000;
                    for times in 0..=40 {
                        let bounded = doubled.min(nanos(config.max_rto)).max(1_000_000);
                        assert_eq!(
                            nanos(rtt.rto(&config)),
                            bounded,
                            "{sample:?} {least} {most} {granularity} {times}"
                        );
                        rtt.back_off();
                        doubled *= 2;
                        seen += 1;
                    }
                }
            }
        }
    }
    assert_eq!(seen, 6 * 4 * 4 * 3 * 41);
}
