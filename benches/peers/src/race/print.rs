//! Rows and goals as a program and as a person read them.

use super::goal::{Bound, Verdict};
use super::series::{Series, Spread};
use std::fmt::Write as _;

/// A line of JSON for each row; the value is the median of the rounds.
pub(super) fn lines(series: &[Series]) -> String {
    series.iter().fold(String::new(), |mut text, row| {
        let super::Key { bench, peer, n, mtu, api, unit } = row.key;
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{{\"bench\":\"{bench}\",\"peer\":\"{peer}\",\"n\":{n},\"mtu\":{mtu},\"api\":\"{api}\",\
             \"unit\":\"{}\",\"value\":{}}}",
            unit.name(),
            digits(row.median()),
        );
        text
    })
}

pub(super) fn table(series: &[Series]) -> String {
    let mut text = format!(
        "{:<10} {:<9} {:<18} {:>9} {:>6} {:>12} {:<7} {}\n",
        "bench", "peer", "api", "n", "mtu", "median", "unit", "least to most"
    );
    for Series { key, values } in series {
        let Spread { least, median, most } = Spread::of(values);
        let spread =
            if values.len() > 1 { format!("{} to {}", digits(least), digits(most)) } else { String::new() };
        let line = format!(
            "{:<10} {:<9} {:<18} {:>9} {:>6} {:>12} {:<7} {spread}",
            key.bench,
            key.peer,
            key.api,
            key.n,
            key.mtu,
            digits(median),
            key.unit.name(),
        );
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

pub(super) fn goals(verdicts: &[Verdict]) -> String {
    verdicts.iter().fold(String::new(), |mut text, verdict| {
        let Spread { least, median, most } = verdict.found;
        let said = if verdict.met() { "met   " } else { "MISSED" };
        let bound = match verdict.goal.bound {
            Bound::AtLeast(bound) => format!("≥ {bound}"),
            Bound::AtMost(bound) => format!("≤ {bound}"),
        };
        let _ = writeln!(
            text,
            "{said}  {}: {} (wanted: {bound}; rounds: {} to {})",
            verdict.goal.words,
            digits(median),
            digits(least),
            digits(most),
        );
        text
    })
}

/// As many digits as say something: four, or all before the point.
fn digits(value: f64) -> String {
    let places = match value.abs() {
        1000.0.. => 0,
        100.0.. => 1,
        10.0.. => 2,
        _ => 3,
    };
    format!("{value:.places$}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::race::{Key, Unit};

    #[test]
    fn a_line_has_the_keys_in_order_and_is_json() {
        let key =
            Key { bench: "rr", peer: "tcpstate", n: 1000, mtu: 1500, api: "slice", unit: Unit::Nanoseconds };
        let text = lines(&[Series { key, values: vec![1234.56, 1.0, 5000.0] }]);
        assert_eq!(
            text,
            "{\"bench\":\"rr\",\"peer\":\"tcpstate\",\"n\":1000,\"mtu\":1500,\"api\":\"slice\",\"unit\":\"ns\",\
             \"value\":1235}\n"
        );
        assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok());
    }

    #[test]
    fn a_value_has_the_digits_that_say_something() {
        let shown: Vec<String> = [12345.6, 123.45, 12.345, 0.98765].map(digits).into();
        assert_eq!(shown, ["12346", "123.5", "12.35", "0.988"]);
    }
}
