use super::*;
use std::vec::Vec;

/// The numbers that the authors' C code gives from this seed (https://prng.di.unimi.it/splitmix64.c).
#[test]
fn splitmix64_gives_the_numbers_of_the_reference_code() {
    let mut state = 1_234_567;
    let numbers: Vec<u64> = core::iter::repeat_with(|| {
        let (number, next) = splitmix64(state);
        state = next;
        number
    })
    .take(5)
    .collect();
    assert_eq!(
        numbers,
        [
            6_457_827_717_110_365_317,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
            4_593_380_528_125_082_431,
            16_408_922_859_458_223_821,
        ]
    );
}

/// The numbers that the authors' C code gives from the state 1, 2, 3, 4 (https://prng.di.unimi.it/xoshiro256plusplus.c).
#[test]
fn xoshiro256_plus_plus_gives_the_numbers_of_the_reference_code() {
    let mut prng = Prng { state: [1, 2, 3, 4] };
    let numbers: Vec<u64> = core::iter::repeat_with(|| prng.next_u64()).take(10).collect();
    assert_eq!(
        numbers,
        [
            41_943_041,
            58_720_359,
            3_588_806_011_781_223,
            3_591_011_842_654_386,
            9_228_616_714_210_784_205,
            9_973_669_472_204_895_162,
            14_011_001_112_246_962_877,
            12_406_186_145_184_390_807,
            15_849_039_046_786_891_736,
            10_450_023_813_501_588_000,
        ]
    );
}

#[test]
fn a_seed_repeats_its_numbers_and_streams_of_one_seed_differ() {
    let draw = |mut prng: Prng| core::iter::repeat_with(|| prng.next_u64()).take(8).collect::<Vec<_>>();
    assert_eq!(draw(Prng::new(0)), draw(Prng::new(0)));
    assert_ne!(draw(Prng::new(0)), draw(Prng::new(1)));
    assert_ne!(draw(Prng::stream(0, 0)), draw(Prng::stream(0, 1)));
    assert_ne!(draw(Prng::stream(0, 1)), draw(Prng::stream(1, 1)));
}

#[test]
fn numbers_stay_within_their_bounds_and_reach_them() {
    let mut prng = Prng::new(3);
    let mut seen = [0_u32; 6];
    for _ in 0..6_000 {
        seen[usize::try_from(prng.below(6)).unwrap()] += 1;
    }
    assert!(seen.iter().all(|count| (850..1_150).contains(count)), "{seen:?}");
    assert_eq!(prng.below(0), 0);
    assert_eq!(prng.below(1), 0);
    assert!((0..100).all(|_| (3..=5).contains(&prng.between(3, 5))));
    assert_eq!(prng.between(9, 2), 9);
    prng.between(0, u64::MAX);
    assert!((0..100).all(|_| prng.span(Duration::from_nanos(3)) <= Duration::from_nanos(3)));
    assert_eq!(prng.span(Duration::ZERO), Duration::ZERO);
}

#[test]
fn a_chance_comes_as_often_as_it_says() {
    let mut prng = Prng::new(4);
    let mut hits = |probability| (0..100_000).filter(|_| prng.chance(probability)).count();
    assert_eq!(hits(Probability::NEVER), 0);
    assert_eq!(hits(Probability::ALWAYS), 100_000);
    // 2 % of 100,000, give or take four standard deviations of 44.
    assert!((1_820..=2_180).contains(&hits(Probability::percent(2))));
}

#[test]
fn a_probability_is_at_most_one() {
    assert_eq!(Probability::percent(100), Probability::ALWAYS);
    assert_eq!(Probability::percent(u32::MAX), Probability::ALWAYS);
    assert_eq!(Probability::parts_per_billion(u32::MAX), Probability::ALWAYS);
    assert_eq!(Probability::percent(3).as_parts_per_billion(), 30_000_000);
}
