use alloc::vec::Vec;
use core::time::Duration;

use super::Validation;
use crate::Instant;
use crate::tcp::congestion::AckSample;
use crate::tcp::congestion::tests::millis;
use crate::tcp::tuning::micros;

const SMSS: u32 = 1000;

/// `validation` and the time.
struct Clock {
    validation: Validation,
    now: Instant,
}

impl Clock {
    fn new() -> Self {
        Self { validation: Validation::new(), now: Instant::from_nanos(7_000_000_000) }
    }

    /// A round trip of `rtt` in which so many octets are acknowledged, by two acknowledgments.
    fn round(&mut self, octets: u32, cwnd: u32, rtt: Duration) {
        for ends in [false, true] {
            self.now = self.now + rtt / 2;
            let ack = AckSample {
                whole: false,
                now: self.now,
                acked: if ends { octets - octets / 2 } else { octets / 2 },
                smss: SMSS,
                flight: cwnd,
                limited: true,
                srtt: Some(rtt),
                rtt: Some(micros(rtt)),
                una: 1,
                max: 1,
            };
            self.validation.on_ack(&ack, ends, cwnd);
        }
    }
}

/// RFC 7661 §4.2: pipeACK is undefined at first.
#[test]
fn a_window_of_which_nothing_is_known_is_validated() {
    assert!(Validation::new().is_validated());
    assert_eq!(Validation::new().pipe_ack(), 0);
}

/// RFC 7661 §4.3: pipeACK ≥ cwnd / 2, give or take a segment that does not fit.
#[test]
fn half_of_the_window_must_be_used() {
    for (octets, expected) in [(50_000, true), (49_500, true), (49_499, false), (100_000, true), (1, false)] {
        let mut clock = Clock::new();
        clock.round(octets, 100 * SMSS, millis(100));
        assert_eq!(clock.validation.is_validated(), expected, "{octets}");
        assert_eq!(clock.validation.pipe_ack(), octets);
    }
}

#[test]
fn no_round_trip_carries_more_than_a_window() {
    let mut clock = Clock::new();
    clock.round(400_000, 100 * SMSS, millis(100));
    assert_eq!(clock.validation.pipe_ack(), 100_000);
}

/// RFC 7661 §4.2: the largest sample of max(3·RTT, 1 s).
#[test]
fn the_largest_sample_of_the_last_second_counts() {
    let mut clock = Clock::new();
    clock.round(80_000, 100 * SMSS, millis(100));
    let began = clock.now;
    while clock.validation.pipe_ack() == 80_000 {
        clock.round(1_000, 100 * SMSS, millis(100));
    }
    let remembered = clock.now - began;
    assert!((millis(500)..=millis(1_100)).contains(&remembered), "{remembered:?}");
    assert!(!clock.validation.is_validated());
    clock.round(60_000, 100 * SMSS, millis(100));
    assert!(clock.validation.is_validated());
}

#[test]
fn of_long_round_trips_the_last_one_to_three_count() {
    let mut clock = Clock::new();
    clock.round(80_000, 100 * SMSS, millis(2_000));
    clock.round(1_000, 100 * SMSS, millis(2_000));
    assert_eq!(clock.validation.pipe_ack(), 80_000);
    for _ in 0..3 {
        clock.round(1_000, 100 * SMSS, millis(2_000));
    }
    assert_eq!(clock.validation.pipe_ack(), 1_000);
}

#[test]
fn a_pause_leaves_nothing_of_what_was_before() {
    let mut clock = Clock::new();
    clock.round(80_000, 100 * SMSS, millis(100));
    clock.now = clock.now + millis(3_000);
    clock.round(10_000, 100 * SMSS, millis(100));
    assert_eq!(clock.validation.pipe_ack(), 10_000);
}

/// RFC 7661 §4.4.3: the non-validated period is five minutes.
#[test]
fn the_period_is_five_minutes_each_time() {
    let mut clock = Clock::new();
    clock.round(1_000, 100 * SMSS, millis(100));
    let began = clock.now;
    let mut expired = Vec::new();
    while clock.now - began < Duration::from_secs(700) {
        clock.round(1_000, 100 * SMSS, millis(1_000));
        if clock.validation.expires(clock.now) {
            expired.push((clock.now - began).as_secs());
        }
    }
    assert_eq!(expired, [300, 600]);
}

#[test]
fn a_window_that_is_used_again_begins_no_period() {
    let mut clock = Clock::new();
    for second in 0..1_000 {
        let octets = if second % 200 == 0 { 60_000 } else { 1_000 };
        clock.round(octets, 100 * SMSS, millis(1_000));
        assert!(!clock.validation.expires(clock.now));
    }
}
