//! The scoreboard: every segment that was sent and is not acknowledged, and what is known of its fate
//! (RFC 6675 §3, RFC 8985 §5).
//!
//! What each operation costs, for n records:
//!
//! | operation | cost |
//! |---|---|
//! | send a segment, acknowledge one | O(1); a part of a lost one O(n), for records are split then |
//! | a SACK block | O(log n), and O(1) for each record that it reports for the first time |
//! | notice losses by time | O(1) for each transmission, once; what is not overdue is not looked at |
//! | find what to send again | O(log n) |
//! | a timeout, an undo, a receiver that has forgotten what it had | O(n) |
//!
//! No SACK block makes us look twice at what an earlier one has reported, and none splits a record: octets of a
//! segment that are reported in part do not count. So a hostile receiver cannot make an acknowledgment
//! expensive (CVE-2019-11477, -11478).

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::ops::Range;

use super::marks::Marks;
use super::record::{Delivery, Fate, Record, Stamp};
use crate::Instant;
use crate::tcp::fingerprint::{Fold, Folder};
use crate::tcp::rate::Clocks;

/// The records from SND.UNA to SND.MAX: ascending, without gaps, at most [`MAX_RECORDS`](Self::MAX_RECORDS).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(in crate::tcp) struct Records {
    records: VecDeque<Record>,
    marks: Marks,
    /// Octets by fate. Together they are all that is outstanding.
    in_flight: u64,
    lost: u64,
    sacked: u64,
    /// How many records were reported by SACK.
    sacked_records: u32,
    /// Transmissions so far.
    transmissions: u64,
    /// All records before this position that were sent once have been settled: by loss, by SACK, or by being sent
    /// again. The rest were sent in the order in which they stand.
    settled: u64,
    /// What the rate is measured by; it says something while anything is under way.
    pub(in crate::tcp) clocks: Clocks,
}

impl Fold for Records {
    fn fold(&self, into: &mut Folder) {
        let Self {
            records,
            marks,
            // Sums over the records.
            in_flight: _,
            lost: _,
            sacked: _,
            sacked_records: _,
            // Only their order counts.
            transmissions: _,
            settled,
            // For rates, which are for people.
            clocks: _,
        } = self;
        records.fold(into);
        marks.fold(into);
        // Nothing lies before the first.
        records.front().map(|first| first.start).filter(|start| start < settled).map(|_| *settled).fold(into);
    }
}

impl Records {
    /// More would cost more than they are worth: beyond that neighbours become one.
    pub(in crate::tcp) const MAX_RECORDS: usize = 1 << 18;

    /// Nothing is under way.
    pub(in crate::tcp) const fn new() -> Self {
        Self {
            records: VecDeque::new(),
            marks: Marks::new(),
            in_flight: 0,
            lost: 0,
            sacked: 0,
            sacked_records: 0,
            transmissions: 0,
            settled: 0,
            clocks: Clocks::new(),
        }
    }

    /// Nothing is under way after so many transmissions.
    pub(in crate::tcp) fn after(transmissions: u64) -> Self {
        Self { transmissions, ..Self::new() }
    }

    /// Notes that `range` was sent. What lies beyond the last record is new; the rest was sent again.
    ///
    /// The range begins at or before the end of the last record. What lies before the first record has been
    /// acknowledged and is left out; when nothing is under way, all of the range is new.
    // RFC 8985-2
    pub(in crate::tcp) fn sent(&mut self, range: Range<u64>, now: Instant, stamp: Stamp, pushed: bool) {
        self.transmissions += 1;
        let number = self.transmissions;
        let tail = self.records.back().map_or(range.start, Record::end);
        debug_assert!(range.start <= tail, "{range:?} leaves a gap after {tail}");
        if !self.has_room() {
            self.merge_pairs();
        }
        if range.start < tail {
            let front = self.records.front().map_or(range.start, |first| first.start);
            self.sent_again(range.start.max(front)..range.end.min(tail), now, stamp);
        }
        if let Some(len) = range.end.checked_sub(tail).and_then(|len| u32::try_from(len).ok())
            && len > 0
        {
            let fate = Fate::InFlight;
            let record = Record {
                start: tail,
                len,
                times: 1,
                fate,
                pushed,
                sent_at: now,
                number,
                first_sent: now,
                stamp,
            };
            self.records.push_back(record);
            self.in_flight += u64::from(len);
        }
    }

    /// [`sent`](Self::sent) for `len` positions at the end, `start`, where there [is room](Self::has_room).
    #[inline]
    pub(in crate::tcp) fn sent_new(
        &mut self,
        start: u64,
        len: u32,
        now: Instant,
        stamp: Stamp,
        pushed: bool,
    ) {
        debug_assert!(self.records.back().is_none_or(|last| last.end() == start), "{start} is not the end");
        self.transmissions += 1;
        let (fate, number) = (Fate::InFlight, self.transmissions);
        self.in_flight += u64::from(len);
        self.records.push_back(Record {
            start,
            len,
            times: 1,
            fate,
            pushed,
            sent_at: now,
            number,
            first_sent: now,
            stamp,
        });
    }

    /// Whether the segment that ended at `position`, and is under way, carried PSH.
    pub(in crate::tcp) fn was_pushed(&self, position: u64) -> bool {
        let last = position.checked_sub(1).and_then(|last| self.at(last));
        last.is_some_and(|record| record.pushed && record.end() == position)
    }

    /// Whether nothing has to become one for what is sent next.
    #[inline]
    pub(in crate::tcp) fn has_room(&self) -> bool {
        // Splits at both ends and one at the tail: so many records may be new.
        self.records.len() + 3 <= Self::MAX_RECORDS
    }

    /// Forgets what lies before `position`, and notes in `news` what its acknowledgment teaches.
    // RFC 2018-12
    pub(in crate::tcp) fn acked_to(
        &mut self,
        position: u64,
        news: &mut Delivery,
        genuine: impl Fn(&Record) -> bool,
    ) {
        let mut oldest = None;
        while let Some(&first) = self.records.front().filter(|first| first.start < position) {
            oldest = oldest.or(Some(first.sent_at));
            news.first_sent = news.first_sent.or(Some(first.first_sent));
            news.repeated |= first.is_repeated();
            let len = u32::try_from((position - first.start).min(u64::from(first.len))).unwrap_or(first.len);
            let gone = Record { len, ..first };
            if first.fate != Fate::Sacked {
                news.count(&gone, &genuine);
            }
            *self.tally(first.fate) -= u64::from(len);
            if len < first.len {
                self.marks.acked_to(position);
                self.trim_front(len);
                break;
            }
            self.sacked_records -= u32::from(first.fate == Fate::Sacked);
            self.records.pop_front();
        }
        news.highest = news.highest.max(position);
        if !news.repeated {
            news.sample = oldest;
        }
        self.marks.acked_to(position);
    }

    /// The first `len` positions of the first record are acknowledged, and not all of it.
    fn trim_front(&mut self, len: u32) {
        if let Some(first) = self.records.front_mut() {
            first.start += u64::from(len);
            first.len -= len;
            match first.fate {
                Fate::Lost => self.marks.queue_first(first.start),
                Fate::InFlight if first.is_repeated() => self.marks.resent_first(first.start, first.sent_at),
                _ => {}
            }
        }
    }

    /// What was sent again and is in flight once more, in the order of its transmission.
    fn find_resent(&mut self) {
        let repeated = |record: &&Record| record.fate == Fate::InFlight && record.is_repeated();
        let mut resent: Vec<_> = self.records.iter().filter(repeated).copied().collect();
        resent.sort_unstable_by_key(|record| record.number);
        self.marks.forget_resent();
        for record in resent {
            self.marks.resent(record.start, record.sent_at);
        }
    }

    /// The receiver says that it has `block`, which lies between the first record and the end of the last: notes
    /// in `news` what was not known. Records that lie in it only in part do not count.
    // RFC 6675-2
    pub(in crate::tcp) fn sack(
        &mut self,
        block: Range<u64>,
        news: &mut Delivery,
        genuine: impl Fn(&Record) -> bool,
    ) {
        let mut at = block.start;
        let mut known = self.marks.first_touching(at);
        let mut marked: Option<Range<u64>> = None;
        while at < block.end {
            let next = self.marks.known(known).filter(|next| next.start <= block.end);
            let gap = at..next.as_ref().map_or(block.end, |next| next.start);
            if let Some(run) = self.sack_records(gap, news, &genuine) {
                let start = marked.as_ref().map_or(run.start, |marked| marked.start);
                marked = Some(start..run.end);
            }
            let Some(next) = next else { break };
            at = next.end.max(at);
            known += 1;
        }
        if let Some(marked) = marked {
            self.marks.add_known(marked);
        }
    }

    /// Marks the whole records in `gap`, of which none was reported before, and says which positions they take.
    fn sack_records(
        &mut self,
        gap: Range<u64>,
        news: &mut Delivery,
        genuine: &impl Fn(&Record) -> bool,
    ) -> Option<Range<u64>> {
        if gap.is_empty() {
            return None;
        }
        let first = self.records.partition_point(|record| record.start < gap.start);
        let mut run: Option<Range<u64>> = None;
        let (mut in_flight, mut lost) = (0, 0);
        for record in self.records.range_mut(first..) {
            if record.end() > gap.end {
                break;
            }
            match record.fate {
                Fate::InFlight => in_flight += u64::from(record.len),
                Fate::Lost => lost += u64::from(record.len),
                Fate::Sacked => continue,
            }
            news.count(record, genuine);
            record.fate = Fate::Sacked;
            self.sacked_records += 1;
            run = Some(run.map_or(record.start, |run| run.start)..record.end());
        }
        self.in_flight -= in_flight;
        self.lost -= lost;
        self.sacked += in_flight + lost;
        run
    }

    /// Takes for lost what was sent before transmission `newest`, which has arrived, and has had more time than `patience`
    /// since (RFC 8985 §6.2 step 5). Answers whether there was any, and when the next will be.
    pub(in crate::tcp) fn expire(
        &mut self,
        now: Instant,
        newest: u64,
        patience: core::time::Duration,
    ) -> (bool, Option<Instant>) {
        let mut any = false;
        let mut next = None;
        // What was sent once stands in the order of its transmission.
        let mut index = self.index(self.settled);
        while let Some(&record) = self.records.get(index) {
            if record.fate == Fate::InFlight && !record.is_repeated() {
                if record.number >= newest {
                    break;
                }
                let due = record.sent_at + patience;
                if due > now {
                    next = Some(due);
                    break;
                }
                self.lose(index);
                any = true;
            }
            self.settled = record.end();
            index += 1;
        }
        while let Some((start, sent_at)) = self.marks.first_resent() {
            let index = self.index(start);
            let record = self.records.get(index).copied();
            let still = |record: &Record| record.start == start && record.sent_at == sent_at;
            if let Some(record) = record.filter(|record| still(record) && record.fate == Fate::InFlight) {
                if record.number >= newest {
                    break;
                }
                let due = record.sent_at + patience;
                if due > now {
                    next = Some(next.map_or(due, |next: Instant| next.min(due)));
                    break;
                }
                self.lose(index);
                any = true;
            }
            self.marks.pop_resent();
        }
        (any, next)
    }

    /// Takes for lost what was sent once and lies below three runs, or more than `octets`, that were reported
    /// (RFC 6675 §4). Answers whether there was any. Each record is looked at once.
    pub(in crate::tcp) fn lose_below_reports(&mut self, octets: u64) -> bool {
        let Some(limit) = self.marks.below_reports(octets) else { return false };
        let mut any = false;
        let mut index = self.index(self.settled);
        while let Some(&record) = self.records.get(index).filter(|record| record.end() <= limit) {
            if record.fate == Fate::InFlight && !record.is_repeated() {
                self.lose(index);
                any = true;
            }
            self.settled = record.end();
            index += 1;
        }
        any
    }

    /// Takes the first record for lost; answers whether it was not before.
    pub(in crate::tcp) fn lose_first(&mut self) -> bool {
        let in_flight = self.records.front().is_some_and(|first| first.fate == Fate::InFlight);
        if in_flight {
            self.lose(0);
        }
        in_flight
    }

    /// Takes for lost everything that is in flight and for which `gone` holds. All that is lost is to be sent again
    /// from the beginning.
    pub(in crate::tcp) fn lose_where(&mut self, gone: impl Fn(&Record) -> bool) {
        self.marks.forget_losses();
        for index in 0..self.records.len() {
            match self.records.get(index) {
                Some(record) if record.fate == Fate::Lost => self.marks.queue(record.start),
                Some(record) if record.fate == Fate::InFlight && gone(record) => self.lose(index),
                _ => {}
            }
        }
    }

    /// Cuts what is lost into pieces of `room` positions, or what is left of a run: the path carries no more. All at
    /// once, for one by one each cut would have to move the others.
    /// Where they are not `joined`, each record is cut by itself.
    pub(in crate::tcp) fn cut_lost(&mut self, room: u32, joined: bool) {
        let room = room.max(1);
        let mut cut: VecDeque<Record> = VecDeque::with_capacity(self.records.len());
        for record in &self.records {
            let mut rest = *record;
            if let Some(last) =
                cut.back_mut().filter(|last| joined && last.fate == Fate::Lost && rest.fate == Fate::Lost)
            {
                let filled = room.saturating_sub(last.len).min(rest.len);
                last.len += filled;
                last.pushed = rest.pushed && filled == rest.len;
                last.times = last.times.max(rest.times);
                last.sent_at = last.sent_at.max(rest.sent_at);
                last.number = last.number.max(rest.number);
                rest.start += u64::from(filled);
                rest.len -= filled;
            }
            while rest.fate == Fate::Lost && rest.len > room {
                cut.push_back(Record { len: room, pushed: false, ..rest });
                rest.start += u64::from(room);
                rest.len -= room;
            }
            if rest.len > 0 {
                cut.push_back(rest);
            }
        }
        if cut.len() <= Self::MAX_RECORDS {
            self.records = cut;
        }
        self.lose_where(|_| false);
    }

    /// Nothing was lost after all: what waits to be sent again is in flight (RFC 4015 §3.2).
    pub(in crate::tcp) fn nothing_is_lost(&mut self) {
        for record in &mut self.records {
            if record.fate == Fate::Lost {
                record.fate = Fate::InFlight;
            }
        }
        self.in_flight += core::mem::take(&mut self.lost);
        self.settled = 0;
        self.marks.forget_losses();
        self.find_resent();
    }

    /// The receiver has forgotten what it had reported (RFC 2018 §8): all of it is in flight again.
    pub(in crate::tcp) fn forget_sacks(&mut self) {
        for record in &mut self.records {
            if record.fate == Fate::Sacked {
                record.fate = Fate::InFlight;
            }
        }
        self.in_flight += core::mem::take(&mut self.sacked);
        self.sacked_records = 0;
        self.settled = 0;
        self.marks.forget_known();
        self.find_resent();
    }

    /// Whether the receiver has forgotten what it had reported: it has the first record and does not acknowledge
    /// it.
    pub(in crate::tcp) fn is_reneged_on(&self) -> bool {
        self.records.front().is_some_and(|first| first.fate == Fate::Sacked)
    }

    /// What is to be sent again next, in the order in which losses were noticed: a run of lost records, of at most
    /// `room` positions.
    pub(in crate::tcp) fn next_lost(&mut self, room: u64) -> Option<Range<u64>> {
        let index = loop {
            let start = self.marks.first_queued()?;
            let index = self.index(start);
            if self.is_lost_at(index, start) {
                break index;
            }
            self.marks.pop_queued();
        };
        self.lost_run(index, room)
    }

    /// The first record, and what follows it, if it is lost: what it takes to get on, whatever was noticed before it.
    pub(in crate::tcp) fn first_lost(&self, room: u64) -> Option<Range<u64>> {
        self.lost_run(0, room).filter(|run| !run.is_empty())
    }

    fn lost_run(&self, index: usize, room: u64) -> Option<Range<u64>> {
        let start = self.records.get(index)?.start;
        let mut end = start;
        for record in self.records.range(index..) {
            // Whole records, for splitting one has its price; but at least what there is room for.
            if record.fate != Fate::Lost || end > start && record.end() - start > room {
                break;
            }
            end = record.end().min(start + room);
        }
        Some(start..end)
    }

    fn is_lost_at(&self, index: usize, start: u64) -> bool {
        self.records.get(index).is_some_and(|record| record.start == start && record.fate == Fate::Lost)
    }

    /// Octets in flight: "pipe" of RFC 6675 §4.
    pub(in crate::tcp) const fn in_flight(&self) -> u64 {
        self.in_flight
    }

    /// Octets that wait to be sent again.
    pub(in crate::tcp) const fn lost(&self) -> u64 {
        self.lost
    }

    /// Octets that have arrived out of order.
    pub(in crate::tcp) const fn sacked(&self) -> u64 {
        self.sacked
    }

    /// Segments that have arrived out of order.
    pub(in crate::tcp) const fn sacked_records(&self) -> u32 {
        self.sacked_records
    }

    /// A window opens again that was closed for longer than an RTO: what was sent before, and the probes, are gone. It
    /// counts as if sent for the first time; that it was not stays known for Karn's rule.
    pub(in crate::tcp) fn end_of_probes(&mut self) {
        if let Some(first) = self.records.front_mut() {
            first.times = first.times.min(2);
        }
        self.lose_where(|_| true);
    }

    /// The record of the first unacknowledged position.
    pub(in crate::tcp) fn oldest(&self) -> Option<&Record> {
        self.records.front()
    }

    /// The record of the last position that was sent.
    pub(in crate::tcp) fn last(&self) -> Option<&Record> {
        self.records.back()
    }

    /// What is known of the segment that holds `position`, if it is under way.
    pub(in crate::tcp) fn fate_at(&self, position: u64) -> Option<Fate> {
        self.at(position).map(|record| record.fate)
    }

    /// The record that holds `position`.
    pub(in crate::tcp) fn at(&self, position: u64) -> Option<&Record> {
        self.records.get(self.index(position)).filter(|record| record.start <= position)
    }

    /// How many records there are.
    pub(in crate::tcp) fn len(&self) -> usize {
        self.records.len()
    }

    /// Transmissions so far.
    pub(in crate::tcp) const fn transmissions(&self) -> u64 {
        self.transmissions
    }

    /// Octets of memory held.
    #[inline]
    pub(in crate::tcp) fn memory(&self) -> usize {
        self.records.capacity() * size_of::<Record>() + self.marks.memory()
    }

    /// What has to hold: the tallies are those of the records. O(n): for tests.
    #[cfg(test)]
    pub(in crate::tcp) fn check(&self) {
        let sum = |fate| -> u64 {
            let of_fate = self.records.iter().filter(|record| record.fate == fate);
            of_fate.map(|record| u64::from(record.len)).sum()
        };
        assert_eq!(self.in_flight, sum(Fate::InFlight), "{self:?}");
        assert_eq!(self.lost, sum(Fate::Lost), "{self:?}");
        assert_eq!(self.sacked, sum(Fate::Sacked), "{self:?}");
        let sacked = self.records.iter().filter(|record| record.fate == Fate::Sacked).count();
        assert_eq!(self.sacked_records as usize, sacked);
        for (before, after) in self.records.iter().zip(self.records.iter().skip(1)) {
            assert_eq!(before.end(), after.start, "{self:?}");
        }
        for record in &self.records {
            assert_eq!(self.marks.is_known(record.start), record.fate == Fate::Sacked, "{self:?}");
            assert!(record.fate != Fate::Lost || self.marks.reaches(record.start), "{self:?}");
            let watched = self.marks.watches(record.start, record.sent_at);
            assert!(record.fate != Fate::InFlight || !record.is_repeated() || watched, "{self:?}");
            assert!(record.is_repeated() || !watched, "what was sent once stands in its order: {self:?}");
        }
    }

    /// All records, ascending.
    pub(in crate::tcp) fn iter(&self) -> impl DoubleEndedIterator<Item = &Record> + ExactSizeIterator + '_ {
        self.records.iter()
    }

    /// Where the record is that holds `position`, if one does.
    fn index(&self, position: u64) -> usize {
        self.records.partition_point(|record| record.end() <= position)
    }

    fn tally(&mut self, fate: Fate) -> &mut u64 {
        match fate {
            Fate::InFlight => &mut self.in_flight,
            Fate::Lost => &mut self.lost,
            Fate::Sacked => &mut self.sacked,
        }
    }

    /// The record at `index`, which is in flight, is lost.
    fn lose(&mut self, index: usize) {
        if let Some(record) = self.records.get_mut(index) {
            record.fate = Fate::Lost;
            self.in_flight -= u64::from(record.len);
            self.lost += u64::from(record.len);
            self.marks.queue(record.start);
        }
    }

    /// Counts one more transmission of `range`, all of which is recorded.
    fn sent_again(&mut self, range: Range<u64>, now: Instant, stamp: Stamp) {
        if range.is_empty() {
            return;
        }
        self.split(range.start);
        self.split(range.end);
        let first = self.index(range.start);
        for record in self.records.range_mut(first..) {
            if record.start >= range.end {
                break;
            }
            record.times = record.times.saturating_add(1);
            record.sent_at = now;
            record.number = self.transmissions;
            record.stamp = stamp;
            if record.fate == Fate::Lost {
                record.fate = Fate::InFlight;
                self.lost -= u64::from(record.len);
                self.in_flight += u64::from(record.len);
                if self.marks.first_queued() == Some(record.start) {
                    self.marks.pop_queued();
                }
            }
            if record.fate == Fate::InFlight {
                self.marks.resent(record.start, now);
            }
        }
    }

    /// Makes a record begin at `position`, if that lies within one.
    fn split(&mut self, position: u64) {
        let index = self.index(position);
        if let Some(record) = self.records.get_mut(index).filter(|record| record.start < position) {
            let Ok(len) = u32::try_from(position - record.start) else { return };
            let before = Record { len, pushed: false, ..*record };
            record.start = position;
            record.len -= len;
            match record.fate {
                Fate::Lost => self.marks.queue_first(position),
                Fate::Sacked => self.sacked_records += 1,
                Fate::InFlight if before.is_repeated() => self.marks.resent(position, before.sent_at),
                Fate::InFlight => {}
            }
            self.records.insert(index, before);
        }
    }

    /// Makes one record of every two. The later transmission counts, for it is the later one that a timer
    /// has to wait for, and the larger number of transmissions, so that Karn's rule still holds. What was
    /// reported in part is not reported.
    fn merge_pairs(&mut self) {
        let mut merged = VecDeque::with_capacity(self.records.len().div_ceil(2));
        let mut records = self.records.drain(..);
        while let Some(first) = records.next() {
            let second = records.next().unwrap_or(Record { len: 0, ..first });
            let fate = match (first.fate, second.fate) {
                (first, second) if first == second => first,
                (Fate::Lost, _) | (_, Fate::Lost) => Fate::Lost,
                _ => Fate::InFlight,
            };
            let later = if second.number > first.number { second } else { first };
            merged.push_back(Record {
                start: first.start,
                len: first.len.saturating_add(second.len),
                times: first.times.max(second.times),
                fate,
                pushed: second.pushed,
                first_sent: first.first_sent.min(second.first_sent),
                ..later
            });
        }
        drop(records);
        self.records = merged;
        self.count_again();
    }

    fn count_again(&mut self) {
        self.marks = Marks::new();
        (self.in_flight, self.lost, self.sacked, self.sacked_records, self.settled) = (0, 0, 0, 0, 0);
        for index in 0..self.records.len() {
            let Some(&record) = self.records.get(index) else { break };
            *self.tally(record.fate) += u64::from(record.len);
            match record.fate {
                Fate::Lost => self.marks.queue(record.start),
                Fate::Sacked => {
                    self.sacked_records += 1;
                    self.marks.add_known(record.start..record.end());
                }
                Fate::InFlight if record.is_repeated() => self.marks.resent(record.start, record.sent_at),
                Fate::InFlight => {}
            }
        }
    }
}

#[cfg(test)]
mod tests;
