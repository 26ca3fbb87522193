use super::*;

fn labels(quantity: Quantity, low: u64, high: u64, wanted: u64) -> Vec<String> {
    quantity.ticks(low, high, wanted).into_iter().map(|(_, label)| label).collect()
}

#[test]
fn ticks_are_round_and_the_last_one_has_the_unit() {
    assert_eq!(labels(Quantity::SIZE, 0, 11_000, 6), ["0", "2", "4", "6", "8", "10 kB"]);
    assert_eq!(labels(Quantity::TIME, 0, 2_600_000_000, 6), ["0", "0.5", "1.0", "1.5", "2.0", "2.5 s"]);
    assert_eq!(labels(Quantity::RATE, 0, 112_500_000, 3), ["0", "50", "100 Mbit/s"]);
    let near = labels(Quantity::TIME, 3_105_000_000, 3_155_000_000, 5);
    assert_eq!(near, ["3.12", "3.14 s"], "as many digits as it takes");
}

#[test]
fn an_axis_of_nearly_nothing_has_ticks_too() {
    assert_eq!(labels(Quantity::SIZE, 0, 1, 6), ["0", "1 B"]);
    assert_eq!(labels(Quantity::TIME, 7, 7, 6), ["7 ns"]);
    assert_eq!(labels(Quantity::TIME, 0, u64::MAX, 4).len(), 4);
}

#[test]
fn there_are_never_more_ticks_than_fit() {
    for high in (0..60).map(|bits| 1_u64 << bits).flat_map(|high| [high, high / 3 * 2 + 1, high - high / 9]) {
        for wanted in 1..12 {
            assert!(labels(Quantity::TIME, 0, high, wanted).len() as u64 <= wanted + 1, "{high} {wanted}");
        }
    }
}

#[test]
fn a_value_is_told_in_three_digits_or_exactly() {
    let told = [0, 999, 1_000, 1_250, 12_500, 262_144, 100_000_000].map(|size| Quantity::SIZE.tell(size));
    assert_eq!(told, ["0 B", "999 B", "1 kB", "1.25 kB", "12.5 kB", "262 kB", "100 MB"]);
    assert_eq!(Quantity::TIME.exactly(1_234_567_891), "1.234567891 s");
    assert_eq!(Quantity::TIME.exactly(40_000_000), "40 ms");
}
