//! What goes with the scoreboard while something is missing: which positions were reported, what waits to be sent
//! again, and what was. Without losses and reordering it holds no memory.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use core::ops::Range;

use super::records::Records;
use crate::Instant;
use crate::tcp::fingerprint::{Fold, Folder};

/// The lists; `None` while all are empty and nothing has needed them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Marks(Option<Box<Lists>>);

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Lists {
    /// Runs of positions that SACK has reported: ascending, and apart from each other.
    known: VecDeque<Range<u64>>,
    /// Where lost records begin, in the order in which the losses were noticed. Some may have been acknowledged
    /// or reported since.
    queue: VecDeque<u64>,
    /// Where records begin that were sent again, and when, in that order. Some may have been acknowledged,
    /// reported, lost or sent again since.
    resent: VecDeque<(u64, Instant)>,
}

impl Fold for Marks {
    fn fold(&self, into: &mut Folder) {
        let Self(lists) = self;
        let none = Lists::default();
        let Lists { known, queue, resent } = lists.as_deref().unwrap_or(&none);
        known.fold(into);
        queue.fold(into);
        resent.fold(into);
    }
}

impl Marks {
    pub(super) const fn new() -> Self {
        Self(None)
    }

    fn lists(&mut self) -> &mut Lists {
        self.0.get_or_insert_default()
    }

    /// Everything before `position` is acknowledged.
    pub(super) fn acked_to(&mut self, position: u64) {
        let Some(lists) = &mut self.0 else { return };
        while lists.known.pop_front_if(|first| first.end <= position).is_some() {}
        if let Some(first) = lists.known.front_mut() {
            first.start = first.start.max(position);
        }
        while lists.queue.pop_front_if(|start| *start < position).is_some() {}
        while lists.resent.pop_front_if(|(start, _)| *start < position).is_some() {}
        if lists.known.is_empty() && lists.queue.is_empty() && lists.resent.is_empty() {
            self.0 = None;
        }
    }

    /// The number of the first run that ends at or after `position`.
    pub(super) fn first_touching(&self, position: u64) -> usize {
        self.0.as_ref().map_or(0, |lists| lists.known.partition_point(|known| known.end < position))
    }

    /// The run of that number.
    pub(super) fn known(&self, number: usize) -> Option<Range<u64>> {
        self.0.as_ref()?.known.get(number).cloned()
    }

    /// `run` was reported. Together with the runs that it overlaps or touches it is one without gaps.
    pub(super) fn add_known(&mut self, run: Range<u64>) {
        let first = self.first_touching(run.start);
        let known = &mut self.lists().known;
        let after = known.partition_point(|known| known.start <= run.end);
        if first == after {
            known.insert(first, run);
            return;
        }
        let end = known.get(after - 1).map_or(run.end, |last| last.end.max(run.end));
        if let Some(joined) = known.get_mut(first) {
            *joined = joined.start.min(run.start)..end;
        }
        known.drain(first + 1..after);
    }

    /// Where the first run begins from which on there are three, or more than `octets`.
    pub(super) fn below_reports(&self, octets: u64) -> Option<u64> {
        let known = &self.0.as_ref()?.known;
        let mut sum = 0_u64;
        known.iter().rev().take(3).enumerate().find_map(|(number, run)| {
            sum += run.end - run.start;
            (number == 2 || sum > octets).then_some(run.start)
        })
    }

    /// Nothing was reported.
    pub(super) fn forget_known(&mut self) {
        if let Some(lists) = &mut self.0 {
            lists.known.clear();
        }
    }

    /// The record at `start` waits behind all others to be sent again.
    pub(super) fn queue(&mut self, start: u64) {
        self.lists().queue.push_back(start);
    }

    /// The record at `start` waits before all others to be sent again.
    pub(super) fn queue_first(&mut self, start: u64) {
        self.lists().queue.push_front(start);
    }

    /// The first that waits to be sent again.
    pub(super) fn first_queued(&self) -> Option<u64> {
        self.0.as_ref()?.queue.front().copied()
    }

    /// The first waits no more.
    pub(super) fn pop_queued(&mut self) {
        if let Some(lists) = &mut self.0 {
            lists.queue.pop_front();
        }
    }

    /// Nothing waits to be sent again.
    pub(super) fn forget_losses(&mut self) {
        if let Some(lists) = &mut self.0 {
            lists.queue.clear();
        }
    }

    /// The record at `start` was sent again. Of more than there can be records the oldest are forgotten: a timeout
    /// will find them.
    pub(super) fn resent(&mut self, start: u64, now: Instant) {
        let resent = &mut self.lists().resent;
        // What was said of it before is settled: a window that stays shut is probed for ever, with the same octet.
        while resent.pop_front_if(|(first, _)| *first == start).is_some() {}
        if resent.len() >= Records::MAX_RECORDS {
            resent.pop_front();
        }
        resent.push_back((start, now));
    }

    /// The record that was sent again before all others begins at `start` now.
    pub(super) fn resent_first(&mut self, start: u64, sent_at: Instant) {
        self.lists().resent.push_front((start, sent_at));
    }

    /// Nothing was sent again.
    pub(super) fn forget_resent(&mut self) {
        if let Some(lists) = &mut self.0 {
            lists.resent.clear();
        }
    }

    /// What was sent again longest ago.
    pub(super) fn first_resent(&self) -> Option<(u64, Instant)> {
        self.0.as_ref()?.resent.front().copied()
    }

    /// That is settled.
    pub(super) fn pop_resent(&mut self) {
        if let Some(lists) = &mut self.0 {
            lists.resent.pop_front();
        }
    }

    /// Octets of memory held.
    pub(super) fn memory(&self) -> usize {
        self.0.as_ref().map_or(0, |lists| {
            let positions = lists.queue.capacity() + 2 * (lists.known.capacity() + lists.resent.capacity());
            size_of::<Lists>() + positions * size_of::<u64>()
        })
    }

    /// Whether `position` was reported.
    #[cfg(test)]
    pub(super) fn is_known(&self, position: u64) -> bool {
        let known = self.known(
            self.0.as_ref().map_or(0, |lists| lists.known.partition_point(|known| known.end <= position)),
        );
        known.is_some_and(|known| known.start <= position)
    }

    /// Whether the lost record at `start` will be sent again: it waits itself, or one before it does with which it
    /// goes.
    #[cfg(test)]
    pub(super) fn reaches(&self, start: u64) -> bool {
        self.0.as_ref().is_some_and(|lists| lists.queue.contains(&start))
    }

    /// Whether the record at `start`, sent again at `sent_at`, is among those that may be lost again.
    #[cfg(test)]
    pub(super) fn watches(&self, start: u64, sent_at: Instant) -> bool {
        self.0.as_ref().is_some_and(|lists| lists.resent.contains(&(start, sent_at)))
    }

    /// How many records wait to be sent again, stale ones included.
    #[cfg(test)]
    pub(super) fn queued(&self) -> usize {
        self.0.as_ref().map_or(0, |lists| lists.queue.len())
    }
}
