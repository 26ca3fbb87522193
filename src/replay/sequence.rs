//! What one end has sent and acknowledged, in sequence space: where a segment belongs and what is odd there.

use crate::SeqNumber;
use crate::time::Instant;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use core::time::Duration;

/// Positions further than this from the newest one do not belong to the connection: no window is larger
/// (RFC 7323 §2.3).
const FURTHEST: i64 = 1 << 30;
/// Gaps remembered at once in one direction; the lowest is forgotten first.
const MAX_HOLES: usize = 1024;
/// A gap filled within this time was filled by a segment that the network had reordered.
const REORDER_AT_LEAST: Duration = Duration::from_millis(3);
/// So many duplicate acknowledgments make a sender retransmit (RFC 5681 §3.2).
const DUP_THRESH: u8 = 3;

/// What tells a reordered segment from one that was sent again.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PathHints {
    /// The round trip as the handshake showed it; zero if it was not captured.
    pub(crate) round_trip: Duration,
    /// Duplicate acknowledgments in a row from the peer, the last thing that it said.
    pub(crate) dup_acks: u8,
    /// The peer has closed its window.
    pub(crate) window_closed: bool,
}

impl PathHints {
    /// What a segment is that fills a gap of this age: nobody can know of a loss and repair it within a round
    /// trip.
    fn reordered_or_again(self, age: Duration) -> Place {
        let soon = age <= REORDER_AT_LEAST || age < self.round_trip.mul_f32(0.9);
        if soon && self.dup_acks < DUP_THRESH { Place::Reordered } else { Place::Again }
    }
}

/// A segment as far as its sender's sequence space is concerned.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SeqSpan {
    pub(crate) seq: SeqNumber,
    pub(crate) syn: bool,
    /// Octets of payload on the wire.
    pub(crate) len: u32,
    pub(crate) fin: bool,
}

/// Where a segment lies relative to what its sender had sent before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Begins at the next expected number and carries something.
    Next,
    /// Carries nothing and begins at the next expected number (or is the first of all).
    Nothing,
    /// Begins beyond the next expected number, whatever it carries.
    AfterGap,
    /// Fills a gap, soon enough to have been reordered by the network.
    Reordered,
    /// Was sent before, or fills a gap too late for a reordering.
    Again,
    /// Carries at most one old octet, one before the next, with everything acknowledged.
    Probe,
    /// Carries nothing and begins before the next expected number.
    Aside,
    /// So far off that it tells nothing.
    Nowhere,
}

/// A segment's place, and the positions of its payload.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Placed {
    pub(crate) place: Place,
    /// Position of the first octet of payload.
    pub(crate) data: i64,
    /// Position after the last octet and the FIN.
    pub(crate) end: i64,
    /// The segment brings a FIN that an earlier frame had shown to be missing: that frame.
    pub(crate) fin_missed_at: Option<u64>,
    /// A segment from beyond the receiver's window was taken seriously before and turns out to be a stray: what
    /// was captured from this position on is not the connection's.
    pub(crate) stray_from: Option<i64>,
    /// A FIN was among that.
    pub(crate) stray_fin: bool,
}

/// When a frame was captured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Captured {
    pub(crate) frame: u64,
    pub(crate) now: Instant,
}

/// A gap: up to where, and since when it has been there.
#[derive(Clone, Copy, Debug)]
struct Hole {
    to: i64,
    since: Captured,
}

/// Where a sender stood before a segment from beyond its peer's window.
#[derive(Clone, Copy, Debug)]
struct Jump {
    next: i64,
    captured: i64,
}

/// A position, or none, in eight octets: there are many flows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MaybePosition(i64);

impl MaybePosition {
    /// No position is that far from the others.
    const NONE: Self = Self(i64::MIN);

    pub(crate) const fn at(position: i64) -> Self {
        Self(position)
    }

    pub(crate) const fn get(self) -> Option<i64> {
        if self.0 == Self::NONE.0 { None } else { Some(self.0) }
    }
}

impl Default for MaybePosition {
    fn default() -> Self {
        Self::NONE
    }
}

/// The sending side of one end, as the capture shows it.
#[derive(Debug, Default)]
pub(crate) struct SendSide {
    /// Whether a segment that is not a reset has been seen.
    pub(crate) seen: bool,
    pub(crate) isn: Option<SeqNumber>,
    /// Position of the FIN.
    fin: MaybePosition,
    /// The peer has acknowledged everything before this position.
    acked: MaybePosition,
    /// Position after everything sent so far, and the sequence number there.
    pub(crate) next: i64,
    next_seq: SeqNumber,
    /// Position after the last octet or FIN that was captured; an empty segment may show a `next` beyond it.
    pub(crate) captured: i64,
    /// The furthest position that the receiver's window has allowed, if it has acknowledged anything.
    allowed: i64,
    /// A segment from beyond that window was taken seriously, and nothing has followed it yet.
    jump: Option<Box<Jump>>,
    /// An acknowledgment that the capture has before the octets that it is for.
    early_ack: MaybePosition,
    /// Gaps by where they begin; most directions never have one.
    #[allow(
        clippy::box_collection,
        reason = "8 octets instead of 24 where there is none, which is nearly always"
    )]
    holes: Option<Box<BTreeMap<i64, Hole>>>,
    forgot_holes: bool,
    /// What stands right before `next` was captured.
    pub(crate) ends_in_captured: bool,
}

impl SendSide {
    /// Position of the FIN, if it was captured.
    pub(crate) const fn fin(&self) -> Option<i64> {
        self.fin.get()
    }

    /// The peer has acknowledged everything before this position.
    pub(crate) const fn acked(&self) -> Option<i64> {
        self.acked.get()
    }

    /// Gaps matter no more: the connection is over.
    pub(crate) fn forget_holes(&mut self) {
        self.holes = None;
    }

    /// The position of `seq`, judged from the newest one; positions count the octets after the SYN from 0.
    pub(crate) fn position(&self, seq: SeqNumber) -> i64 {
        self.next + i64::from(seq.distance_from(self.next_seq))
    }

    /// Whether `position` can belong to this connection.
    pub(crate) const fn is_near(&self, position: i64) -> bool {
        position.abs_diff(self.next) <= FURTHEST as u64
    }

    /// Takes note of a first sign of this end: its sequence space begins to be known at `seq`.
    pub(crate) fn begin_at(&mut self, seq: SeqNumber) {
        self.next = 0;
        self.captured = 0;
        self.next_seq = seq;
    }

    /// Finds the place of a segment that is not a reset, and moves on.
    pub(crate) fn place(&mut self, span: SeqSpan, at: Captured, hints: PathHints) -> Placed {
        let first = !self.seen;
        if first {
            self.seen = true;
            // An acknowledgment by the peer may have shown the origin already, at the same octet.
            if self.acked().is_none() || !self.is_near(self.position(span.seq)) {
                self.begin_at(span.seq + u32::from(span.syn));
            } else {
                // What came between was sent before the first segment that was captured.
                self.next = self.next.max(self.position(span.seq));
                self.captured = self.next;
                self.next_seq = span.seq.latest(self.next_seq);
            }
        }
        let had_fin = self.fin().is_some();
        let stray_from = self.fall_back(span);
        let stray_fin = had_fin && self.fin().is_none();
        let start = self.position(span.seq);
        let data = start + i64::from(span.syn);
        let end = data + i64::from(span.len) + i64::from(span.fin);
        let place = if !self.is_near(start) {
            Place::Nowhere
        } else if span.syn {
            self.judge_syn(span.seq, first)
        } else {
            self.judge(start, end, span, hints.window_closed)
        };
        let mut placed = Placed { place, data, end, fin_missed_at: None, stray_from, stray_fin };
        if matches!(place, Place::Again) && !span.syn {
            let brings_fin = span.fin && self.fin().is_none();
            match self.fill_hole(start, end) {
                Some(since) => {
                    placed.place = hints.reordered_or_again(at.now.since(since.now));
                    placed.fin_missed_at = brings_fin.then_some(since.frame);
                }
                // It stands before the first number that was captured of this end.
                None => placed.fin_missed_at = (brings_fin && end <= self.next).then_some(0),
            }
        }
        if place != Place::Nowhere {
            self.take_back_acknowledgment(placed);
            self.advance(placed, span, at);
        }
        placed
    }

    fn advance(&mut self, placed: Placed, span: SeqSpan, at: Captured) {
        let (data, end) = (placed.data, placed.end);
        if span.fin && self.fin().is_none() && end > 0.max(self.next - 1) {
            self.fin = MaybePosition::at(end - 1);
        }
        if end > data {
            self.captured = self.captured.max(end);
            self.ends_in_captured = end >= self.next;
        } else if end > self.next {
            self.ends_in_captured = false;
        }
        if end > self.next {
            let jumps = data > self.next && self.acked().is_some() && data > self.allowed;
            if jumps {
                let here = Jump { next: self.next, captured: self.captured.min(self.next) };
                self.jump.get_or_insert_with(|| Box::new(here));
            } else {
                // Something goes on from there: the capture lacks what is between.
                self.jump = None;
            }
            if data > self.next {
                // What was acknowledged arrived: no gap in the stream, only in the capture.
                let from = self.next.max(self.acked().unwrap_or(self.next));
                if from < data {
                    self.add_hole(from, Hole { to: data, since: at });
                }
            }
            self.next_seq += u32::try_from(end - self.next).unwrap_or(0);
            self.next = end;
            if self.early_ack.get() == Some(end) {
                self.acked = core::mem::take(&mut self.early_ack);
            }
        }
    }

    /// A segment that goes on where the sender stood before it jumped out of its peer's window shows that the
    /// jump was not the sender's. Answers from where on everything is a stray.
    fn fall_back(&mut self, span: SeqSpan) -> Option<i64> {
        let Jump { next, captured } = *self.jump.as_deref()?;
        let start = self.position(span.seq);
        if start != next || span.len == 0 && !span.fin {
            return None;
        }
        self.jump = None;
        if let Some(holes) = &mut self.holes {
            holes.split_off(&next);
        }
        self.next_seq = span.seq;
        self.next = next;
        self.captured = captured;
        if self.fin().is_some_and(|fin| fin >= next) {
            self.fin = MaybePosition::NONE;
        }
        Some(next)
    }

    fn judge_syn(&mut self, seq: SeqNumber, first: bool) -> Place {
        match self.isn {
            Some(isn) if isn == seq => Place::Again,
            Some(_) => Place::Nowhere,
            None => {
                self.isn = Some(seq);
                if first { Place::Next } else { Place::Reordered }
            }
        }
    }

    fn judge(&self, start: i64, end: i64, span: SeqSpan, window_closed: bool) -> Place {
        let all_acknowledged = self.acked().is_some_and(|acked| acked >= self.next);
        if start == end {
            return match self.next - start {
                0 => Place::Nothing,
                1 if all_acknowledged => Place::Probe,
                1.. => Place::Aside,
                _ => Place::AfterGap,
            };
        }
        if start == self.next {
            return Place::Next;
        }
        if start > self.next {
            return Place::AfterGap;
        }
        let may_probe = all_acknowledged || window_closed;
        if span.len == 1 && !span.fin && end == self.next && self.fin().is_none() && may_probe {
            return Place::Probe;
        }
        Place::Again
    }

    fn add_hole(&mut self, from: i64, hole: Hole) {
        let holes = self.holes.get_or_insert_default();
        if holes.len() >= MAX_HOLES {
            holes.pop_first();
            self.forgot_holes = true;
        }
        holes.insert(from, hole);
    }

    /// Fills what the segment covers of gaps; answers since when the gap has been there that it begins in.
    fn fill_hole(&mut self, start: i64, end: i64) -> Option<Captured> {
        let mut begins_in = None;
        let holes = self.holes.as_mut()?;
        let mut from = holes.range(..=start).next_back().map_or(start, |(&from, _)| from);
        // A gap may reach beyond the segment, and a range must not begin after its end.
        while let Some((&low, &hole)) = holes.range(from.min(end)..end).next() {
            from = hole.to;
            if hole.to <= start {
                continue;
            }
            if low <= start {
                begins_in = Some(hole.since);
            }
            holes.remove(&low);
            if low < start {
                holes.insert(low, Hole { to: start, ..hole });
            }
            if hole.to > end {
                holes.insert(end, hole);
            }
        }
        begins_in
    }

    /// The peer acknowledges everything before `position` and allows `window` octets more: gaps before it were
    /// only not captured. Answers whether the acknowledgment is for something that the capture lacks.
    pub(crate) fn acknowledge(&mut self, position: i64, window: i64) -> bool {
        let unseen = position > self.acked().unwrap_or(i64::MIN)
            && (position > self.captured
                || self.holes.as_ref().is_some_and(|holes| holes.range(..position).next().is_some()));
        if self.acked().is_none_or(|acked| acked < position) {
            self.acked = MaybePosition::at(position);
        }
        self.allowed = self.allowed.max(position + window);
        if self.jump.as_deref().is_some_and(|jump| position > jump.next) {
            self.jump = None;
        }
        if let Some(holes) = &mut self.holes {
            while let Some((_, hole)) =
                holes.first_entry().filter(|hole| *hole.key() < position).map(|hole| hole.remove_entry())
            {
                if hole.to > position {
                    holes.insert(position, hole);
                }
            }
        }
        unseen
    }

    /// New octets end before what was acknowledged: that was acknowledged before it was sent, and means
    /// nothing (RFC 9293 §3.10.7.4, fifth check); or the capture has the acknowledgment too early, and it will
    /// hold when its octets have come.
    fn take_back_acknowledgment(&mut self, placed: Placed) {
        let new = placed.end > placed.data && matches!(placed.place, Place::Next | Place::AfterGap);
        if new && self.acked().is_some_and(|acked| acked > placed.end) {
            self.early_ack = self.acked;
            self.acked = MaybePosition::at(placed.data.min(self.next));
        }
    }

    /// Whether the FIN has been seen and, before it, no gap that might still be filled.
    pub(crate) fn is_complete_up_to_fin(&self) -> bool {
        let no_holes = self.holes.as_ref().is_none_or(|holes| holes.is_empty());
        self.fin().is_some() && no_holes && !self.forgot_holes
    }

    /// Whether something is sent that the peer has not acknowledged.
    pub(crate) fn is_outstanding(&self) -> bool {
        self.acked().is_none_or(|acked| acked < self.next)
    }
}

#[cfg(test)]
mod tests;
