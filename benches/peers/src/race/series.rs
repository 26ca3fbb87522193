//! What was measured: one value for each round.

use std::time::Duration;

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Of octets: 10⁹ bits in a second.
    GbitPerSecond,
    /// For each piece of work.
    Nanoseconds,
    /// Pieces of work in a second.
    PerSecond,
    /// Of memory, for each of what is counted, or in all.
    Octets,
    /// A part of one.
    Share,
}

impl Unit {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::GbitPerSecond => "Gbit/s",
            Self::Nanoseconds => "ns",
            Self::PerSecond => "1/s",
            Self::Octets => "octets",
            Self::Share => "share",
        }
    }

    /// The value of work that took so long.
    pub(super) fn of(self, work: u64, took: Duration) -> f64 {
        let (work, seconds) = (work as f64, took.as_secs_f64());
        match self {
            Self::GbitPerSecond => work * 8e-9 / seconds,
            Self::Nanoseconds => seconds * 1e9 / work,
            Self::PerSecond => work / seconds,
            Self::Octets | Self::Share => work,
        }
    }
}

/// What tells one row from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) bench: &'static str,
    pub(crate) peer: &'static str,
    /// How many there are of what the bench counts: flows, rows.
    pub(crate) n: u64,
    pub(crate) mtu: u32,
    pub(crate) api: &'static str,
    pub(crate) unit: Unit,
}

/// A row, with its value in each round.
#[derive(Clone, Debug)]
pub(crate) struct Series {
    pub(crate) key: Key,
    pub(crate) values: Vec<f64>,
}

impl Series {
    pub(crate) fn median(&self) -> f64 {
        Spread::of(&self.values).median
    }
}

/// The middle, and how far it goes to either side.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Spread {
    pub(super) least: f64,
    pub(super) median: f64,
    pub(super) most: f64,
}

impl Spread {
    pub(super) fn of(values: &[f64]) -> Self {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let at = |index: usize| sorted.get(index).copied().unwrap_or(f64::NAN);
        let last = sorted.len().saturating_sub(1);
        let median = f64::midpoint(at(last / 2), at(last.div_ceil(2)));
        Self { least: at(0), median, most: at(last) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_lies_between_two() {
        assert_eq!(Spread::of(&[3.0, 1.0, 2.0]), Spread { least: 1.0, median: 2.0, most: 3.0 });
        assert_eq!(Spread::of(&[4.0, 1.0, 2.0, 3.0]).median, 2.5);
        assert!(Spread::of(&[]).median.is_nan());
    }

    #[test]
    fn a_value_is_work_for_its_time() {
        let took = Duration::from_millis(500);
        assert_eq!(Unit::GbitPerSecond.of(125_000_000, took), 2.0);
        assert_eq!(Unit::Nanoseconds.of(1_000_000, took), 500.0);
        assert_eq!(Unit::PerSecond.of(1_000_000, took), 2e6);
    }
}
