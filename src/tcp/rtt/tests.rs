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
