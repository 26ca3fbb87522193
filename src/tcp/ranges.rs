//! What has arrived out of order: ranges of positions, and the order in which SACK reports them.

use alloc::vec::Vec;
use core::ops::Range;

/// Ranges that neither overlap nor touch, bounded in number. Empty, it holds no memory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Ranges {
    /// Ascending.
    held: Vec<Held>,
    /// The `arrival` that was given last.
    arrivals: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Held {
    start: u64,
    end: u64,
    /// Larger is later: when a segment last arrived that belongs to this range.
    arrival: u64,
}

impl Held {
    const fn range(self) -> Range<u64> {
        self.start..self.end
    }
}

/// What became of a range at [`Ranges::insert`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Inserted {
    /// At least one position of it was new, and all of it is held now.
    New,
    /// All of it was there.
    Known,
    /// It is apart from all others and there is no room for one more: nothing was taken.
    Full,
}

impl Ranges {
    /// How many ranges a SACK option has room for.
    const REPORTED: usize = 4;

    /// Nothing has arrived out of order.
    pub(super) const fn new() -> Self {
        Self { held: Vec::new(), arrivals: 0 }
    }

    /// Takes in a range, joined with all that it overlaps or touches; at most `max` ranges are held. A range
    /// that was [`Known`](Inserted::Known) counts as the newest too: its segment will be acknowledged next.
    pub(super) fn insert(&mut self, range: Range<u64>, max: usize) -> Inserted {
        if range.is_empty() {
            return Inserted::Known;
        }
        let first = self.held.partition_point(|held| held.end < range.start);
        let after = self.held.partition_point(|held| held.start <= range.end);
        let Some(joined) = self.held.get_mut(first..after).filter(|joined| !joined.is_empty()) else {
            if self.held.len() >= max {
                return Inserted::Full;
            }
            self.arrivals += 1;
            self.held.insert(first, Held { start: range.start, end: range.end, arrival: self.arrivals });
            return Inserted::New;
        };
        let end = joined.last().map_or(range.end, |last| last.end.max(range.end));
        self.arrivals += 1;
        let mut inserted = Inserted::New;
        if let Some(held) = joined.first_mut() {
            if held.start <= range.start && range.end <= held.end {
                inserted = Inserted::Known;
            }
            held.start = held.start.min(range.start);
            held.end = end;
            held.arrival = self.arrivals;
        }
        self.held.drain(first + 1..after);
        inserted
    }

    /// Removes what lies at or below `from` and the range that goes on from there, and says where the next
    /// gap begins.
    pub(super) fn take_through(&mut self, from: u64) -> u64 {
        let taken = self.held.partition_point(|held| held.start <= from);
        let edge = self.held.drain(..taken).next_back().map_or(from, |last| last.end.max(from));
        if self.held.is_empty() {
            self.clear();
        }
        edge
    }

    /// Up to four ranges in the order in which RFC 2018 §4 reports them: the one with the segment that
    /// arrived last, then the one that was so before it, and so on.
    pub(super) fn newest_first(&self) -> impl Iterator<Item = Range<u64>> + '_ {
        let mut newest = [None::<Held>; Self::REPORTED];
        for &held in &self.held {
            let mut moving = Some(held);
            for place in &mut newest {
                if moving.map(|held| held.arrival) > place.map(|held| held.arrival) {
                    core::mem::swap(place, &mut moving);
                }
            }
        }
        newest.into_iter().flatten().map(Held::range)
    }

    /// All ranges, ascending.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = Range<u64>> + ExactSizeIterator + '_ {
        self.held.iter().map(|held| held.range())
    }

    /// Whether nothing is held.
    pub(super) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// How many ranges are held.
    pub(super) fn len(&self) -> usize {
        self.held.len()
    }

    /// Whether every position of `range` is held.
    #[cfg(test)]
    pub(super) fn contains(&self, range: &Range<u64>) -> bool {
        range.is_empty()
            || self
                .ending_after(range.start)
                .is_some_and(|held| held.start <= range.start && range.end <= held.end)
    }

    /// The first part of `range` that is held: what a D-SACK block reports (RFC 2883 §4).
    pub(super) fn overlap(&self, range: &Range<u64>) -> Option<Range<u64>> {
        let held = self.ending_after(range.start)?;
        let part = held.start.max(range.start)..held.end.min(range.end);
        (!part.is_empty()).then_some(part)
    }

    /// The position after the last that is held.
    pub(super) fn end(&self) -> Option<u64> {
        self.held.last().map(|held| held.end)
    }

    /// Forgets everything and gives the memory back.
    pub(super) fn clear(&mut self) {
        *self = Self::new();
    }

    /// The first range with a position at or after `position`.
    fn ending_after(&self, position: u64) -> Option<&Held> {
        self.held.get(self.held.partition_point(|held| held.end <= position))
    }
}

#[cfg(test)]
mod tests;
