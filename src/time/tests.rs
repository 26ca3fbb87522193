use super::Instant;
use core::time::Duration;
use std::string::ToString;

#[test]
fn a_clock_that_steps_back_gives_a_zero_interval() {
    assert_eq!(Instant::from_nanos(5) - Instant::from_nanos(9), Duration::ZERO);
}

#[test]
fn arithmetic_stops_at_the_end_of_the_range() {
    assert_eq!(Instant::MAX + Duration::from_secs(1), Instant::MAX);
    assert_eq!(Instant::ZERO + Duration::MAX, Instant::MAX);
    assert_eq!(Instant::from_epoch(Duration::MAX), Instant::MAX);
}

#[test]
fn display_is_seconds_with_nine_decimals() {
    assert_eq!(Instant::from_nanos(1_000_000_042).to_string(), "1.000000042");
}
