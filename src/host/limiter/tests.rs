use core::time::Duration;
use std::vec::Vec;

use proptest::prelude::*;

use super::*;

fn at(nanos: u64) -> Instant {
    Instant::from_nanos(nanos)
}

fn allowed(limiter: &mut Limiter, now: Instant, asked: u32) -> u32 {
    (0..asked).filter(|_| limiter.allow(now)).count() as u32
}

// RFC 4443 §2.4 (f)
#[test]
fn a_burst_and_then_a_rate() {
    let limit = RateLimit { per_second: 100, burst: 50 };
    let mut limiter = Limiter::new(limit, 1);
    assert!((33..=50).contains(&allowed(&mut limiter, Instant::ZERO, 1000)));
    let mut count = 0;
    for ms in 1..=10_000 {
        count += allowed(&mut limiter, at(ms * 1_000_000), 10);
    }
    // A token costs one and a quarter on average.
    assert!((750..=850).contains(&count), "{count}");
}

#[test]
fn who_stays_far_below_the_rate_is_never_refused() {
    let mut limiter = Limiter::new(RateLimit { per_second: 100, burst: 1 }, 1);
    for n in 0..1000 {
        assert!(limiter.allow(at(n * 15_000_000)));
    }
}

#[test]
fn never_and_always() {
    let (mut never, mut always) = (Limiter::new(RateLimit::NEVER, 1), Limiter::new(RateLimit::UNLIMITED, 1));
    for now in [Instant::ZERO, at(1), at(1 << 40), Instant::MAX] {
        assert!(!never.allow(now));
        assert_eq!(allowed(&mut always, now, 1000), 1000);
    }
    assert!(!Limiter::new(RateLimit { per_second: 1000, burst: 0 }, 1).allow(Instant::MAX));
    let mut once = Limiter::new(RateLimit { per_second: 0, burst: 1 }, 1);
    assert!(once.allow(Instant::ZERO) && !once.allow(Instant::MAX));
}

#[test]
fn a_clock_that_steps_back_neither_gives_nor_takes() {
    let mut limiter = Limiter::new(RateLimit { per_second: 1, burst: 1 }, 1);
    assert!(limiter.allow(at(10_000_000_000)));
    assert!(!limiter.allow(Instant::ZERO));
    assert!(!limiter.allow(at(10_900_000_000)));
    assert!(limiter.allow(at(11_500_000_000)));
}

#[test]
fn how_many_are_left_cannot_be_counted_from_outside() {
    let limit = RateLimit { per_second: 1, burst: 50 };
    let bursts: Vec<_> =
        (0..20).map(|seed| allowed(&mut Limiter::new(limit, seed), Instant::ZERO, 100)).collect();
    assert!(bursts.iter().any(|burst| burst != &bursts[0]), "{bursts:?}");
}

proptest! {
    #[test]
    fn never_more_than_the_limit_says(
        per_second in 0..2000_u32,
        burst in 0..100_u32,
        seed: u64,
        steps in prop::collection::vec((0..20_000_000_u64, 1..20_u32, any::<bool>()), 1..200),
    ) {
        let mut limiter = Limiter::new(RateLimit { per_second, burst }, seed);
        let (start, mut now, mut count) = (at(5_000_000_000), at(5_000_000_000), 0);
        for (step, asked, back) in steps {
            now = now + Duration::from_nanos(step);
            // Who asks with an older time gets what is left, and nothing new.
            count += allowed(&mut limiter, if back { start } else { now }, asked);
            let elapsed = (now - start).as_nanos();
            let most = u128::from(burst) + elapsed * u128::from(per_second) / 1_000_000_000;
            prop_assert!(u128::from(count) <= most, "{count} > {most}");
        }
    }
}
