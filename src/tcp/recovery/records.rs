//! Transmit records: when each unacknowledged position was sent, and how often.

use alloc::collections::VecDeque;
use core::ops::Range;

use crate::Instant;

/// Positions that were sent together, and sent again together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::tcp) struct Record {
    /// The first position.
    pub(in crate::tcp) start: u64,
    /// The position after the last.
    pub(in crate::tcp) end: u64,
    /// When they were sent last.
    pub(in crate::tcp) sent_at: Instant,
    /// When they were sent for the first time.
    pub(in crate::tcp) first_sent: Instant,
    /// How often they were sent, at least 1; 255 stands for more as well.
    pub(in crate::tcp) times: u8,
}

/// What an acknowledgment says about the transmissions that it covers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(in crate::tcp) struct Acked {
    /// When the first of the newly acknowledged positions was sent; `None` if any of them was sent more than
    /// once, for then nobody knows which copy was acknowledged (Karn, RFC 6298 §3).
    pub(in crate::tcp) sample: Option<Instant>,
    /// Whether any of the newly acknowledged positions was sent more than once.
    pub(in crate::tcp) retransmitted: bool,
}

/// The records from SND.UNA to SND.MAX: ascending, without gaps, at most [`MAX_RECORDS`](Self::MAX_RECORDS).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(in crate::tcp) struct Records {
    records: VecDeque<Record>,
}

impl Records {
    /// More would cost more than they are worth: beyond that neighbours become one.
    pub(in crate::tcp) const MAX_RECORDS: usize = 4096;
    /// Room that is kept when everything has been acknowledged, so that a quiet exchange allocates nothing.
    const KEPT: usize = 64;

    /// Nothing is under way.
    pub(in crate::tcp) const fn new() -> Self {
        Self { records: VecDeque::new() }
    }

    /// Notes that `range` was sent. What lies beyond the last record is new; the rest was sent again.
    ///
    /// The range begins at or before the end of the last record. What lies before the first record has been
    /// acknowledged and is left out; when nothing is under way, all of the range is new.
    pub(in crate::tcp) fn sent(&mut self, range: Range<u64>, now: Instant) {
        let tail = self.records.back().map_or(range.start, |last| last.end);
        debug_assert!(range.start <= tail, "{range:?} leaves a gap after {tail}");
        let front = self.records.front().map_or(range.start, |first| first.start);
        // Splits at both ends and one at the tail: so many records may be new.
        if self.records.len() + 3 > Self::MAX_RECORDS {
            self.merge_pairs();
        }
        if range.start < tail {
            self.sent_again(range.start.max(front)..range.end.min(tail), now);
        }
        if tail < range.end {
            self.append(tail, range.end, now);
        }
    }

    /// Forgets what lies before `position`, and says what its acknowledgment teaches.
    pub(in crate::tcp) fn acked_to(&mut self, position: u64) -> Acked {
        let mut acked = Acked::default();
        let mut oldest = None;
        while let Some(first) = self.records.front_mut().filter(|first| first.start < position) {
            oldest = oldest.or(Some(first.sent_at));
            acked.retransmitted |= first.times > 1;
            if first.end > position {
                first.start = position;
                break;
            }
            self.records.pop_front();
        }
        if !acked.retransmitted {
            acked.sample = oldest;
        }
        if self.records.is_empty() && self.records.capacity() > Self::KEPT {
            self.records.shrink_to(Self::KEPT);
        }
        acked
    }

    /// Everything counts as first sent now; that it was sent before stays known for Karn's rule.
    pub(in crate::tcp) fn begin_again(&mut self, now: Instant) {
        for record in &mut self.records {
            record.first_sent = now;
            record.times = record.times.min(2);
        }
    }

    /// The record of the first unacknowledged position.
    pub(in crate::tcp) fn oldest(&self) -> Option<&Record> {
        self.records.front()
    }

    /// How many records there are.
    #[cfg(test)]
    pub(in crate::tcp) fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether nothing is under way.
    #[cfg(test)]
    pub(in crate::tcp) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Forgets everything and gives the memory back.
    pub(in crate::tcp) fn clear(&mut self) {
        *self = Self::new();
    }

    /// How often this position was sent: 0 if it is not under way.
    #[cfg(test)]
    pub(in crate::tcp) fn times_at(&self, position: u64) -> u8 {
        self.at(position).map_or(0, |record| record.times)
    }

    /// When the first unacknowledged position was sent for the first time.
    pub(in crate::tcp) fn first_sent(&self) -> Option<Instant> {
        self.oldest().map(|first| first.first_sent)
    }

    /// All records, ascending.
    #[cfg(test)]
    pub(in crate::tcp) fn iter(&self) -> impl DoubleEndedIterator<Item = &Record> + ExactSizeIterator + '_ {
        self.records.iter()
    }

    #[cfg(test)]
    fn at(&self, position: u64) -> Option<&Record> {
        self.records.get(self.index(position)).filter(|record| record.start <= position)
    }

    /// Where the record is that holds `position`, if one does.
    fn index(&self, position: u64) -> usize {
        self.records.partition_point(|record| record.end <= position)
    }

    /// Adds new space at the tail, to the last record if that was sent at this moment.
    fn append(&mut self, start: u64, end: u64, now: Instant) {
        match self.records.back_mut() {
            Some(last) if last.times == 1 && last.first_sent == now && last.sent_at == now => last.end = end,
            _ => self.records.push_back(Record { start, end, sent_at: now, first_sent: now, times: 1 }),
        }
    }

    /// Counts one more transmission of `range`, all of which is recorded.
    fn sent_again(&mut self, range: Range<u64>, now: Instant) {
        if range.is_empty() {
            return;
        }
        self.split(range.start);
        self.split(range.end);
        for record in self.records.range_mut(self.index(range.start)..) {
            if record.start >= range.end {
                break;
            }
            record.times = record.times.saturating_add(1);
            record.sent_at = now;
        }
    }

    /// Makes a record begin at `position`, if that lies within one.
    fn split(&mut self, position: u64) {
        let index = self.index(position);
        if let Some(record) = self.records.get_mut(index).filter(|record| record.start < position) {
            let before = Record { end: position, ..*record };
            record.start = position;
            self.records.insert(index, before);
        }
    }

    /// Makes one record of every two. The later transmission counts, for it is the later one that a timer
    /// has to wait for, and the larger number of transmissions, so that Karn's rule still holds.
    fn merge_pairs(&mut self) {
        let records = self.records.make_contiguous();
        let merged = records.len().div_ceil(2);
        for index in 0..merged {
            let first = records.get(2 * index).copied();
            let second = records.get(2 * index + 1).copied().or(first);
            if let (Some(place), Some(first), Some(second)) = (records.get_mut(index), first, second) {
                *place = Record {
                    start: first.start,
                    end: second.end,
                    sent_at: first.sent_at.max(second.sent_at),
                    first_sent: first.first_sent.min(second.first_sent),
                    times: first.times.max(second.times),
                };
            }
        }
        self.records.truncate(merged);
    }
}

#[cfg(test)]
mod tests;
