//! What one end has sent and acknowledged, in sequence space: where a segment belongs and what is odd there.

use crate::SeqNumber;
use crate::time::Instant;
use alloc::collections::BTreeMap;
use core::time::Duration;

/// Positions further than this from the newest one do not belong to the connection: no window is larger
/// (RFC 7323 §2.3).
const FURTHEST: i64 = 1 << 30;
/// Gaps remembered at once in one direction; the oldest is forgotten first.
const MAX_HOLES: usize = 1024;
/// A gap filled within this time was filled by a segment that the network had reordered.
const REORDER_AT_LEAST: Duration = Duration::from_millis(3);
/// So many duplicate acknowledgments make a sender retransmit (RFC 5681 §3.2).
const DUP_THRESH: u32 = 3;

/// What tells a reordered segment from one that was sent again.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PathHints {
    /// The round trip as the handshake showed it; zero if it was not captured.
    pub(crate) round_trip: Duration,
    /// Duplicate acknowledgments in a row from the peer, the last thing that it said.
    pub(crate) dup_acks: u32,
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
}

/// The sending side of one end, as the capture shows it.
#[derive(Debug, Default)]
pub(crate) struct SendSide {
    /// Whether a segment that is not a reset has been seen.
    pub(crate) seen: bool,
    pub(crate) isn: Option<SeqNumber>,
    /// Position of the FIN.
    pub(crate) fin: Option<i64>,
    /// Everything before this position that the peer has acknowledged.
    pub(crate) acked: Option<i64>,
    /// Position after everything sent so far, and the sequence number there.
    pub(crate) next: i64,
    next_seq: SeqNumber,
    /// Gaps: from, and to where and since when.
    holes: BTreeMap<i64, (i64, Instant)>,
}

impl SendSide {
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
        self.next_seq = seq;
    }

    /// Finds the place of a segment that is not a reset, and moves on.
    pub(crate) fn place(&mut self, span: SeqSpan, now: Instant, hints: PathHints) -> Placed {
        let first = !self.seen;
        if first {
            self.seen = true;
            // An acknowledgment by the peer may have shown the origin already, at the same octet.
            if self.acked.is_none() || !self.is_near(self.position(span.seq)) {
                self.begin_at(span.seq + u32::from(span.syn));
            } else {
                // What came between was sent before the first segment that was captured.
                self.next = self.next.max(self.position(span.seq));
                self.next_seq = span.seq.latest(self.next_seq);
            }
        }
        let start = self.position(span.seq);
        let data = start + i64::from(span.syn);
        let end = data + i64::from(span.len) + i64::from(span.fin);
        let place = if !self.is_near(start) {
            Place::Nowhere
        } else if span.syn {
            self.judge_syn(span.seq, first)
        } else {
            self.judge(start, end, span, now, hints)
        };
        if place != Place::Nowhere {
            if span.fin && self.fin.is_none() && end > 0.max(self.next - 1) {
                self.fin = Some(end - 1);
            }
            if end > self.next {
                if data > self.next {
                    self.add_hole(self.next, data, now);
                }
                self.next_seq += u32::try_from(end - self.next).unwrap_or(0);
                self.next = end;
            }
        }
        Placed { place, data, end }
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

    fn judge(&mut self, start: i64, end: i64, span: SeqSpan, now: Instant, hints: PathHints) -> Place {
        let all_acknowledged = self.acked.is_some_and(|acked| acked >= self.next);
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
        if span.len == 1 && !span.fin && end == self.next && self.fin.is_none() && all_acknowledged {
            return Place::Probe;
        }
        match self.fill_hole(start, end) {
            Some(since) => {
                let age = now.since(since);
                // Nobody can know of a loss and repair it within a round trip.
                let too_soon = age <= REORDER_AT_LEAST || age < hints.round_trip.mul_f32(0.9);
                if too_soon && hints.dup_acks < DUP_THRESH { Place::Reordered } else { Place::Again }
            }
            None => Place::Again,
        }
    }

    fn add_hole(&mut self, from: i64, to: i64, now: Instant) {
        if self.holes.len() >= MAX_HOLES {
            self.holes.pop_first();
        }
        self.holes.insert(from, (to, now));
    }

    /// Fills what the segment covers of gaps; answers since when the gap has been there that it begins in.
    fn fill_hole(&mut self, start: i64, end: i64) -> Option<Instant> {
        let mut begins_in = None;
        let mut from = self.holes.range(..=start).next_back().map_or(start, |(&from, _)| from);
        // A gap may reach beyond the segment, and a range must not begin after its end.
        while let Some((&low, &(high, since))) = self.holes.range(from.min(end)..end).next() {
            from = high;
            if high <= start {
                continue;
            }
            if low <= start {
                begins_in = Some(since);
            }
            self.holes.remove(&low);
            if low < start {
                self.holes.insert(low, (start, since));
            }
            if high > end {
                self.holes.insert(end, (high, since));
            }
        }
        begins_in
    }

    /// The peer acknowledges everything before `position`: gaps there were only not captured. Answers whether
    /// the acknowledgment is for something that the capture lacks.
    pub(crate) fn acknowledge(&mut self, position: i64) -> bool {
        let unseen = position > self.acked.unwrap_or(i64::MIN)
            && (position > self.next || self.holes.range(..position).next().is_some());
        if self.acked.is_none_or(|acked| acked < position) {
            self.acked = Some(position);
        }
        while let Some((&low, &(high, since))) = self.holes.first_key_value() {
            if low >= position {
                break;
            }
            self.holes.remove(&low);
            if high > position {
                self.holes.insert(position, (high, since));
            }
        }
        unseen
    }

    /// Whether the FIN has been seen and, before it, no gap that might still be filled.
    pub(crate) fn is_complete_up_to_fin(&self) -> bool {
        self.fin.is_some() && self.holes.is_empty()
    }

    /// Whether something is sent that the peer has not acknowledged.
    pub(crate) fn is_outstanding(&self) -> bool {
        self.acked.is_none_or(|acked| acked < self.next)
    }
}

#[cfg(test)]
mod tests;
