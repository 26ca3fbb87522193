use super::{CSS_ROUNDS, HyStart, N_RTT_SAMPLE};
use crate::tcp::config::CongestionAlgorithm;
use crate::tcp::congestion::tests::{Flow, millis};
use crate::tcp::congestion::{Congestion, CongestionControl as _, Signal};

const SMSS: u32 = 1000;

/// A round of `samples` round trips, all of them `rtt`. Answers whether slow start is over.
fn round(hystart: &mut HyStart, samples: u8, rtt: u32) -> bool {
    (1..=samples).any(|sample| hystart.on_ack(Some(rtt), sample == samples, true))
}

/// In conservative slow start since the first round of 60 ms after one of 50 ms; one of its rounds is over.
fn conservative() -> HyStart {
    let mut hystart = HyStart::new();
    assert!(!round(&mut hystart, 8, 50_000));
    assert!(!round(&mut hystart, 8, 60_000));
    assert!(hystart.is_conservative());
    hystart
}

/// RFC 9406 §4.2: max(4 ms, min(lastRoundMinRTT / 8, 16 ms)).
#[test]
fn the_rise_that_ends_slow_start_is_an_eighth_between_4_and_16_milliseconds() {
    for (last, rise) in
        [(1_000, 4_000), (32_000, 4_000), (50_000, 6_250), (128_000, 16_000), (600_000, 16_000)]
    {
        for (more, expected) in [(rise - 1, false), (rise, true)] {
            let mut hystart = HyStart::new();
            round(&mut hystart, 8, last);
            round(&mut hystart, 8, last + more);
            assert_eq!(hystart.is_conservative(), expected, "{last} µs and {more} µs more");
        }
    }
}

/// RFC 9406 §4.2: N_RTT_SAMPLE.
#[test]
fn less_than_eight_round_trips_are_no_evidence() {
    let mut hystart = HyStart::new();
    round(&mut hystart, 8, 50_000);
    round(&mut hystart, N_RTT_SAMPLE - 1, 500_000);
    assert!(!hystart.is_conservative());
    round(&mut hystart, N_RTT_SAMPLE, 1_000_000);
    assert!(hystart.is_conservative());
}

#[test]
fn the_smallest_round_trip_of_a_round_counts() {
    let mut hystart = HyStart::new();
    round(&mut hystart, 8, 50_000);
    hystart.on_ack(Some(51_000), false, true);
    round(&mut hystart, 20, 300_000);
    assert!(!hystart.is_conservative());
}

#[test]
fn the_first_round_has_nothing_to_be_compared_with() {
    let mut hystart = HyStart::new();
    round(&mut hystart, 8, u32::MAX);
    assert!(!hystart.is_conservative());
    for _ in 0..10 {
        assert!(!hystart.on_ack(None, true, true), "nor have rounds without a sample");
    }
    round(&mut hystart, 8, 50_000);
    assert!(!hystart.is_conservative());
}

/// RFC 9406 §4.2: CSS_GROWTH_DIVISOR.
#[test]
fn conservative_slow_start_grows_by_a_quarter() {
    assert_eq!(HyStart::new().growth(1000, SMSS), 1000);
    assert_eq!(HyStart::new().growth(20_000, SMSS), 8000);
    assert_eq!(conservative().growth(1000, SMSS), 250);
    assert_eq!(conservative().growth(20_000, SMSS), 2000);
}

/// RFC 9406 §4.2: CSS_ROUNDS, the round in which it began included.
#[test]
fn five_conservative_rounds_end_slow_start() {
    let mut hystart = conservative();
    for _ in 2..CSS_ROUNDS {
        assert!(!round(&mut hystart, 8, 60_000));
    }
    assert!(round(&mut hystart, 8, 60_000));
}

#[test]
fn rounds_that_do_not_fill_the_window_do_not_end_slow_start() {
    let mut hystart = conservative();
    for _ in 0..50 {
        assert!(!hystart.on_ack(Some(60_000), true, false));
    }
    assert!(hystart.is_conservative());
}

/// RFC 9406 §4.2: the round trip falls below the baseline.
#[test]
fn a_rise_that_goes_away_was_none_and_slow_start_goes_on() {
    let mut hystart = conservative();
    round(&mut hystart, 8, 60_000);
    assert!(hystart.is_conservative());
    round(&mut hystart, 8, 59_000);
    assert!(!hystart.is_conservative());
    assert_eq!(hystart.growth(1000, SMSS), 1000);
    // And it can end again: all five rounds are counted anew.
    round(&mut hystart, 8, 70_000);
    assert!(hystart.is_conservative());
    let rounds = (1..20).take_while(|_| !round(&mut hystart, 8, 70_000)).count();
    assert_eq!(rounds + 2, usize::from(CSS_ROUNDS));
}

fn both() -> [Flow<Congestion>; 2] {
    [CongestionAlgorithm::Cubic, CongestionAlgorithm::NewReno]
        .map(|algorithm| Flow::new(Congestion::new(algorithm, 10 * SMSS), SMSS, millis(50)))
}

// RFC 9438-16
#[test]
fn a_queue_ends_the_first_slow_start_without_a_loss() {
    for mut flow in both() {
        for _ in 0..3 {
            let window = flow.control.cwnd();
            flow.round_of(window);
        }
        assert_eq!(flow.control.cwnd(), 80 * SMSS);
        flow.rtt = millis(60);
        let mut rounds = 0;
        while flow.control.in_slow_start() {
            let window = flow.control.cwnd();
            flow.round_of(window);
            rounds += 1;
            assert!(flow.control.cwnd() <= window + window / 4 + 8 * SMSS, "a quarter, once it is noticed");
        }
        // The rise is noticed in the first of five rounds.
        assert_eq!(rounds, CSS_ROUNDS, "{:?}", flow.control);
        assert_eq!(flow.control.ssthresh(), flow.control.cwnd());
    }
}

#[test]
fn a_short_whim_of_the_path_does_not_end_slow_start() {
    for mut flow in both() {
        for rtt in [50, 50, 60, 50, 50, 50] {
            flow.rtt = millis(rtt);
            let window = flow.control.cwnd();
            flow.round_of(window);
        }
        assert_eq!(flow.control.ssthresh(), u32::MAX);
        let window = flow.control.cwnd();
        flow.round_of(window);
        assert_eq!(flow.control.cwnd(), 2 * window);
    }
}

/// RFC 9406 §4.3: only in the first slow start.
#[test]
fn a_later_slow_start_does_not_mind_a_queue() {
    for mut flow in both() {
        flow.control.set_cwnd(400 * SMSS);
        flow.congestion(Signal::Loss);
        flow.control.set_cwnd(10 * SMSS);
        for rtt in [50, 100, 200, 400] {
            flow.rtt = millis(rtt);
            let window = flow.control.cwnd();
            flow.round_of(window);
        }
        assert_eq!(flow.control.cwnd(), 160 * SMSS);
    }
}
