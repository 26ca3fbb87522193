//! What has arrived out of order: ranges of positions, and the order in which SACK reports them.
//!
//! A burst of losses leaves a gap after every other segment of a window, and a window may have 25,000 segments.
//! So nothing here looks at all ranges: they stand in a tree by their beginning, and the few that were heard
//! of last are remembered beside it.
//!
//! The work for one segment is bounded whatever the peer does: with the 65,535 ranges that
//! [`TcpConfig::max_ranges`](super::TcpConfig::max_ranges) admits the tree has seven levels at the most, and a
//! segment that is stored and reported takes no more than six walks down it, one if it comes behind all others as
//! most do. A walk more goes to each range that the segment joins or removes; another segment brought that
//! range, so there are never more of those than segments.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use core::ops::Range;

use super::fingerprint::{Fold, Folder};

/// Ranges that neither overlap nor touch, bounded in number. Empty, it holds no memory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Ranges(Option<Box<Held>>);

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Held {
    /// The end of each range by its beginning.
    ends: BTreeMap<u64, u64>,
    /// The position after the last range.
    end: u64,
    /// The beginnings and ends of the ranges to which a segment came last, newest first. Only a segment changes a range,
    /// and that makes it the newest: so they are always up to date.
    newest: [Option<(u64, u64)>; Ranges::REMEMBERED],
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

impl Fold for Ranges {
    fn fold(&self, into: &mut Folder) {
        let Self(held) = self;
        held.fold(into);
    }
}

impl Fold for Held {
    fn fold(&self, into: &mut Folder) {
        let Self { ends, end, newest } = self;
        into.word(ends.len() as u64);
        for (start, end) in ends {
            (start, end).fold(into);
        }
        end.fold(into);
        newest.fold(into);
    }
}

static NONE: BTreeMap<u64, u64> = BTreeMap::new();

impl Ranges {
    /// How many ranges a SACK option has room for.
    const REPORTED: usize = 4;
    /// How many are remembered as the newest: some of them are joined, or acknowledged, before they are reported.
    const REMEMBERED: usize = 8;
    /// Octets of memory that a range takes, with the free places of its node counted in: a node of 11 has at
    /// least 5.
    const ENTRY: usize = 48;
    /// Octets of memory that the tree takes if there is anything in it: one node.
    const NODE: usize = 11 * 2 * size_of::<u64>() + 16;

    /// Nothing has arrived out of order.
    pub(super) const fn new() -> Self {
        Self(None)
    }

    /// Takes in a range, joined with all that it overlaps or touches; at most `max` ranges are held. A range
    /// that was [`Known`](Inserted::Known) counts as the newest too: its segment will be acknowledged next.
    pub(super) fn insert(&mut self, range: Range<u64>, max: usize) -> Inserted {
        if range.is_empty() {
            return Inserted::Known;
        }
        match &mut self.0 {
            Some(held) => held.insert(range, max),
            None if max == 0 => Inserted::Full,
            none => none.insert(Box::default()).insert(range, max),
        }
    }

    /// Removes what lies at or below `from` and the range that goes on from there, and says where the next
    /// gap begins.
    pub(super) fn take_through(&mut self, from: u64) -> u64 {
        let Some(held) = &mut self.0 else { return from };
        let mut edge = from;
        while let Some(first) = held.ends.first_entry().filter(|first| *first.key() <= from) {
            edge = edge.max(first.remove());
        }
        if held.ends.is_empty() {
            self.clear();
        } else {
            held.forget_newest(|start| start < edge);
        }
        edge
    }

    /// Up to four ranges in the order in which RFC 2018 §4 reports them: the one with the segment that
    /// arrived last, then the one that was so before it, and so on. Where so many are not remembered the highest
    /// of the others follow: most often they are what came last.
    // RFC 2018-9
    pub(super) fn newest_first(&self) -> impl Iterator<Item = Range<u64>> + '_ {
        let newest = self.0.as_ref().map(|held| held.newest).unwrap_or_default();
        let others =
            move |range: &Range<u64>| !newest.iter().flatten().any(|&(start, _)| start == range.start);
        let highest = self.iter().rev().filter(others);
        newest.into_iter().flatten().map(|(start, end)| start..end).chain(highest).take(Self::REPORTED)
    }

    /// All ranges, ascending.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = Range<u64>> + ExactSizeIterator + '_ {
        self.ends().iter().map(|(&start, &end)| start..end)
    }

    fn ends(&self) -> &BTreeMap<u64, u64> {
        self.0.as_ref().map_or(&NONE, |held| &held.ends)
    }

    /// Whether nothing is held.
    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// How many ranges are held.
    pub(super) fn len(&self) -> usize {
        self.ends().len()
    }

    /// Octets of memory held.
    pub(super) fn memory(&self) -> usize {
        if self.is_empty() { 0 } else { size_of::<Held>() + Self::NODE.max(self.len() * Self::ENTRY) }
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
        self.0.as_ref().map(|held| held.end)
    }

    /// Forgets everything and gives the memory back.
    pub(super) fn clear(&mut self) {
        self.0 = None;
    }

    /// The first range with a position at or after `position`.
    fn ending_after(&self, position: u64) -> Option<Range<u64>> {
        let ends = self.0.as_ref().filter(|held| position < held.end).map(|held| &held.ends)?;
        let around = ends.range(..=position).next_back().filter(|&(_, &end)| end > position);
        around.or_else(|| ends.range(position..).next()).map(|(&start, &end)| start..end)
    }
}

impl Held {
    fn insert(&mut self, range: Range<u64>, max: usize) -> Inserted {
        let mut joined = range.clone();
        let mut apart = true;
        // From the last that it may touch to the first.
        while range.start <= self.end
            && let Some((&start, end)) = self.ends.range_mut(..=range.end).next_back()
            && *end >= range.start
        {
            joined.end = joined.end.max(*end);
            if start <= range.start {
                let known = range.end <= *end;
                *end = joined.end;
                joined.start = start;
                self.remember(joined);
                return if known { Inserted::Known } else { Inserted::New };
            }
            apart = false;
            self.ends.remove(&start);
        }
        if apart && self.ends.len() >= max {
            return Inserted::Full;
        }
        self.ends.insert(joined.start, joined.end);
        self.remember(joined);
        Inserted::New
    }

    /// A segment came to `range`, which is as it is now for that. What it has swallowed goes.
    // RFC 2018-7
    fn remember(&mut self, range: Range<u64>) {
        self.end = self.end.max(range.end);
        self.forget_newest(|start| range.contains(&start));
        self.newest.rotate_right(1);
        if let Some(first) = self.newest.first_mut() {
            *first = Some((range.start, range.end));
        }
    }

    /// Lets go of those of the newest whose beginning is gone; the others move up.
    fn forget_newest(&mut self, gone: impl Fn(u64) -> bool) {
        let mut left = self.newest.into_iter().flatten().filter(|&(start, _)| !gone(start));
        self.newest = core::array::from_fn(|_| left.next());
    }
}

#[cfg(test)]
mod tests;
