use super::*;

fn at(millis: u64) -> Instant {
    Instant::from_epoch(Duration::from_secs(100) + Duration::from_millis(millis))
}

#[test]
fn octets_count_for_one_to_two_seconds() {
    let mut pace = Pace::default();
    assert_eq!(pace.at(at(0), 0), 0);
    assert_eq!(pace.at(at(900), 50_000), 50_000);
    assert_eq!(pace.at(at(1_100), 60_000), 60_000, "those of the interval before");
    assert_eq!(pace.at(at(2_200), 60_000), 0, "nothing came in the last one");
}

#[test]
fn a_first_burst_makes_no_busy_stream() {
    let mut pace = Pace::default();
    assert!(!pace.is_busy(at(0), 1 << 20));
    assert!(!pace.is_busy(at(10), (1 << 20) + 1000));
    assert!(pace.is_busy(at(20), (1 << 20) + (16 << 10)));
}

#[test]
fn a_clock_that_steps_back_does_no_harm() {
    let mut pace = Pace::default();
    pace.at(at(5_000), 1_000);
    assert_eq!(pace.at(at(0), 3_000), 2_000);
}
