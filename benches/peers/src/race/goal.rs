//! What is wanted of the rows of a race.

use super::series::{Series, Spread};

/// The row that a goal speaks of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pick {
    pub(crate) bench: &'static str,
    pub(crate) peer: &'static str,
    pub(crate) api: &'static str,
    /// `None`: there is only one.
    pub(crate) n: Option<u64>,
    pub(crate) mtu: u32,
}

impl Pick {
    fn find<'s>(&self, series: &'s [Series]) -> Option<&'s Series> {
        series.iter().find(|Series { key, .. }| {
            (key.bench, key.peer, key.api, key.mtu) == (self.bench, self.peer, self.api, self.mtu)
                && self.n.is_none_or(|n| n == key.n)
        })
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

/// A row, or how many times another row it is, stays within a bound.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Goal {
    pub(crate) words: &'static str,
    pub(crate) of: Pick,
    /// What it is compared with, round by round; `None`: the value itself counts.
    pub(crate) over: Option<Pick>,
    pub(crate) bound: Bound,
}

/// What became of a goal.
#[derive(Clone, Copy, Debug)]
pub(super) struct Verdict {
    pub(super) goal: Goal,
    pub(super) found: Spread,
}

impl Goal {
    /// `None` where there are no such rows.
    pub(super) fn judge(&self, series: &[Series]) -> Option<Verdict> {
        let of = self.of.find(series)?;
        let found = match &self.over {
            None => Spread::of(&of.values),
            Some(over) => {
                let over = over.find(series)?;
                let ratios = of.values.iter().zip(&over.values).map(|(of, over)| of / over);
                Spread::of(&ratios.collect::<Vec<_>>())
            }
        };
        Some(Verdict { goal: *self, found })
    }
}

impl Verdict {
    pub(super) fn met(&self) -> bool {
        match self.goal.bound {
            Bound::AtLeast(bound) => self.found.median >= bound,
            Bound::AtMost(bound) => self.found.median <= bound,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::race::{Key, Unit};

    fn series(peer: &'static str, values: &[f64]) -> Series {
        let key = Key { bench: "bulk", peer, n: 1, mtu: 1500, api: "slice", unit: Unit::GbitPerSecond };
        Series { key, values: values.to_vec() }
    }

    const fn pick(peer: &'static str) -> Pick {
        Pick { bench: "bulk", peer, api: "slice", n: None, mtu: 1500 }
    }

    #[test]
    fn a_ratio_is_that_of_rows_of_the_same_round() {
        // The second round was slow for both.
        let rows = [series("a", &[10.0, 1.0, 11.0]), series("b", &[5.0, 0.5, 5.0])];
        let goal = Goal { words: "", of: pick("a"), over: Some(pick("b")), bound: Bound::AtLeast(2.0) };
        let verdict = goal.judge(&rows).unwrap();
        assert_eq!((verdict.found.median, verdict.found.most, verdict.met()), (2.0, 2.2, true));
        let goal = Goal { bound: Bound::AtMost(1.9), ..goal };
        assert!(!goal.judge(&rows).unwrap().met());
        assert!(goal.judge(&rows[..1]).is_none(), "nothing to compare with");
        let goal = Goal { over: None, bound: Bound::AtMost(10.0), ..goal };
        assert!(goal.judge(&rows[..1]).unwrap().met());
    }
}
