use super::*;

#[test]
fn times_have_a_unit() {
    assert_eq!(duration("40ms"), Ok(Duration::from_millis(40)));
    assert_eq!(duration("1.5s"), Ok(Duration::from_millis(1_500)));
    assert_eq!(duration("250 us"), Ok(Duration::from_micros(250)));
    assert_eq!(duration("2min"), Ok(Duration::from_secs(120)));
    assert_eq!(duration("0"), Ok(Duration::ZERO));
    assert_eq!(duration("40"), Err("`40` has no unit: use ns, us, ms, s, min or h".into()));
    assert_eq!(duration("40 mbit"), Err("`mbit` is no unit here: use ns, us, ms, s, min or h".into()));
    assert_eq!(duration("-1s"), Err("`-1s` does not begin with a number".into()));
    assert_eq!(duration("25h"), Err("`25h` is more than a day".into()));
}

#[test]
fn a_bare_number_may_be_seconds() {
    assert_eq!(seconds("120"), Ok(Duration::from_secs(120)));
    assert_eq!(seconds("0.5"), Ok(Duration::from_millis(500)));
    assert_eq!(seconds("500ms"), Ok(Duration::from_millis(500)));
    assert_eq!(seconds("0"), Err("`0` is no time to wait for".into()));
    assert_eq!(seconds("soon"), Err("`soon` does not begin with a number".into()));
}

#[test]
fn shares_are_percents_or_fractions() {
    assert_eq!(probability("2%"), Ok(Probability::percent(2)));
    assert_eq!(probability("0.02"), Ok(Probability::percent(2)));
    assert_eq!(probability("0.01%"), Ok(Probability::parts_per_billion(100_000)));
    assert_eq!(probability("0"), Ok(Probability::NEVER));
    assert_eq!(probability("100%"), Ok(Probability::ALWAYS));
    assert_eq!(probability("2"), Err("`2` is all or more: write 2% or 0.02".into()));
    assert_eq!(probability("1"), Err("`1` is all or more: write 1% or 0.02".into()));
    assert_eq!(probability("200%"), Err("`200%` is more than all: write 2% or 0.02".into()));
    assert_eq!(probability("many"), Err("`many` does not begin with a number".into()));
}

#[test]
fn rates_are_in_bits() {
    assert_eq!(rate("100mbit").map(NonZeroU64::get), Ok(100_000_000));
    assert_eq!(rate("1Gbit").map(NonZeroU64::get), Ok(1_000_000_000));
    assert_eq!(rate("1.5 Mbit/s").map(NonZeroU64::get), Ok(1_500_000));
    assert_eq!(rate("0mbit"), Err("`0mbit` carries nothing".into()));
    assert_eq!(rate("100MB"), Err("`MB` is no unit here: use bit, kbit, mbit or gbit".into()));
}

#[test]
fn sizes_are_in_octets_by_tens_or_by_twos() {
    assert_eq!(octets("10MB"), Ok(10_000_000));
    assert_eq!(octets("64KiB"), Ok(65_536));
    assert_eq!(octets("1500"), Ok(1_500));
    assert_eq!(octets("0"), Ok(0));
    assert_eq!(octets("1.5kB"), Ok(1_500));
    assert_eq!(octets("1.5"), Err("`1.5` is no whole number of octets".into()));
    assert_eq!(octets("10 mbit"), Err("`mbit` is no unit here: use B, kB, MB, GB, KiB, MiB or GiB".into()));
}

#[test]
fn no_text_makes_a_unit_panic() {
    for text in
        ["", " ", ".", "..", "1.2.3s", "1e9s", "µ", "9µs", "99999999999999999999999999999999s", "%", "NaN%"]
    {
        let _ = (duration(text), probability(text), rate(text), octets(text));
    }
}
