use super::{Look, Paint, plural, short_count, short_span, wrap};
use core::time::Duration;
use std::string::String;

#[test]
fn counts_stay_short() {
    for (count, text) in [
        (0, "0"),
        (999, "999"),
        (1_000, "1.0k"),
        (1_999, "1.9k"),
        (99_999, "99.9k"),
        (100_000, "100k"),
        (1_234_567, "1.2M"),
        (u64::MAX, "18446744T"),
    ] {
        assert_eq!(short_count(count), text);
    }
}

#[test]
fn spans_stay_short() {
    for (nanos, text) in [
        (0, "0 s"),
        (999, "999 ns"),
        (812_000, "812 µs"),
        (31_250_000, "31.2 ms"),
        (1_000_000_000, "1.0 s"),
        (999_990_000_000, "999.9 s"),
        (86_400_000_000_000, "86400 s"),
    ] {
        assert_eq!(short_span(Duration::from_nanos(nanos)), text);
    }
}

#[test]
fn one_is_not_plural() {
    assert_eq!(plural(1, "flow"), "1 flow");
    assert_eq!(plural(0, "flow"), "0 flows");
}

#[test]
fn words_wrap_at_the_width() {
    let mut out = String::new();
    wrap(&mut out, 12, 2, ["three", "blind", "mice", "incomprehensibly", "run"]);
    assert_eq!(out, "  three\n  blind mice\n  incomprehensibly\n  run\n");
}

#[test]
fn without_colour_nothing_is_added() {
    assert_eq!(Look::default().paint(Paint::Alarm, "x"), "x");
    assert_eq!(Look { colour: true, ..Look::default() }.paint(Paint::Alarm, "x"), "\u{1b}[31mx\u{1b}[0m");
}
