//! A segment in the observer's terms: what it says of both directions, without sequence numbers.

use super::{Flow, FrameAt, REORDERING_GRACE};
use crate::replay::anomaly::{Anomaly, AnomalySet};
use crate::replay::observer::Sighting;
use crate::replay::sequence::{Place, Placed};
use crate::replay::worlds::End;
use crate::time::Instant;
use crate::wire::tcp::{TcpFlags, TcpSegment};
use core::time::Duration;

/// No sender repeats anything sooner than it takes to come and go (Linux's least retransmission timeout).
const LEAST_TIMEOUT: Duration = Duration::from_millis(200);

impl Flow {
    /// What the acknowledgment says of the other direction, and all of the segment in the observer's terms.
    pub(super) fn sight(
        &mut self,
        at: FrameAt,
        from: End,
        segment: &TcpSegment<'_>,
        placed: Placed,
        odd: &mut AnomalySet,
    ) -> Sighting {
        let flag = |bit| segment.flags.contains(bit);
        let (syn, ack) = (flag(TcpFlags::SYN), flag(TcpFlags::ACK));
        let empty = placed.end == placed.data;
        let mut seen = Sighting { syn, ack, ..Sighting::new(at.number, from) };
        if ack && placed.place != Place::Nowhere {
            self.acknowledge(from, segment, &mut seen, odd);
        }
        if self.round_trip.is_none() && ack && !syn {
            self.round_trip = self.measure_round_trip(at.now, from);
        }
        let reset_at = self.sides.of(from.peer()).reset_at.get();
        let patience = self.round_trip.map_or(REORDERING_GRACE, |span| LEAST_TIMEOUT.max(2 * span));
        seen.long_after_reset = reset_at.is_some_and(|reset| at.now.since(reset) > patience);
        let side = self.sides.of_mut(from);
        let sent = &side.sent;
        // A first segment may be a repetition of something that was sent before the capture began. An empty one
        // at the end of the data shows that no FIN has followed that.
        let continues = side.counts.frames > 1;
        let shows_the_end = placed.place == Place::Nothing && sent.ends_in_captured;
        seen.speaks_open = continues
            && match placed.place {
                Place::Next | Place::AfterGap => segment.payload_len > 0,
                _ => shows_the_end && side.counts.payload_bytes > 0 && sent.fin().is_none(),
            };
        seen.new_data = matches!(placed.place, Place::Next | Place::AfterGap) && segment.payload_len > 0;
        seen.fin = flag(TcpFlags::FIN) && sent.fin().is_some_and(|fin| fin == placed.end - 1);
        seen.fin_missed_at = placed.fin_missed_at;
        seen.fin_was_awaited = seen.fin && sent.acked().is_some_and(|acked| acked < placed.end);
        seen.fin_was_acked = seen.fin && sent.acked().is_some_and(|acked| acked >= placed.end);
        seen.repeats_unacked =
            placed.place == Place::Again && sent.acked().is_none_or(|acked| acked < placed.end.max(0));
        seen.all_up_to_fin = sent.is_complete_up_to_fin();
        seen.tail_seen =
            !empty && placed.end == sent.next && sent.acked().is_none_or(|acked| acked <= placed.end);
        seen.has_sent_unseen = empty && placed.end > sent.captured;
        if !syn && segment.window == 0 {
            odd.insert(Anomaly::ZeroWindow);
        }
        side.last_window = segment.window;
        seen
    }

    /// From the caller's SYN to its acknowledgment of the answer, if neither was repeated and the acknowledgment
    /// is the caller's next segment.
    fn measure_round_trip(&self, now: Instant, from: End) -> Option<Duration> {
        let (caller, callee) = (&self.sides.of(from).counts, &self.sides.of(from.peer()));
        let clean = caller.syn == 1 && caller.frames == 2 && callee.counts.syn == 1 && callee.sent_syn_ack;
        let called = self.sides.of(from).sent_syn.get().filter(|_| clean)?;
        Some(now.since(called))
    }

    /// The window that `from` advertises, in octets; the largest it can be where its scale was not captured.
    fn window(&self, from: End, segment: &TcpSegment<'_>) -> i64 {
        let (own, peer) = (self.sides.of(from), self.sides.of(from.peer()));
        let shift = if segment.flags.contains(TcpFlags::SYN) {
            0
        } else if own.sent.isn.is_some() && peer.sent.isn.is_some() {
            own.window_scale.filter(|_| peer.window_scale.is_some()).unwrap_or(0)
        } else {
            14
        };
        i64::from(segment.window) << shift.min(14)
    }

    /// Takes the acknowledgment of a segment.
    fn acknowledge(
        &mut self,
        from: End,
        segment: &TcpSegment<'_>,
        seen: &mut Sighting,
        odd: &mut AnomalySet,
    ) {
        let window = self.window(from, segment);
        let last_window = self.sides.of(from).last_window;
        let had_said = self.sides.of(from).last_ack;
        let last_report = self.sides.of(from).last_report;
        let peer = self.sides.of_mut(from.peer());
        let sent = &mut peer.sent;
        if !sent.seen && sent.acked().is_none() {
            sent.begin_at(segment.ack);
        }
        let position = sent.position(segment.ack);
        // Nothing can be acknowledged beyond a FIN.
        if !sent.is_near(position) || sent.fin().is_some_and(|fin| position > fin + 1) {
            return;
        }
        let fast_open_data = i64::from(peer.fast_open_len);
        seen.acks_syn = sent.isn.is_none() || position >= 0;
        seen.acks_data = position > fast_open_data;
        seen.is_fast_open = fast_open_data > 0;
        seen.acks_fin = sent.fin().is_some_and(|fin| position > fin);
        seen.acks_unseen = position > sent.captured;
        let carries_nothing = segment.payload_len == 0
            && !segment.flags.contains(TcpFlags::SYN)
            && !segment.flags.contains(TcpFlags::FIN);
        // A window that changes makes it an update, unless it reports something new beyond a gap (RFC 6675 §2);
        // one that stays closed answers a probe.
        let newest = segment.options.sack().iter().next().filter(|(left, _)| left.after(segment.ack));
        let reports = newest.map_or(0, |(left, right)| left.get().rotate_left(16) ^ right.get());
        let reports_more = reports != 0 && reports != last_report;
        let says_the_same = segment.window == last_window && segment.window > 0 || reports_more;
        let is_dup = carries_nothing
            && sent.seen
            && sent.is_outstanding()
            && sent.acked() == Some(position)
            && had_said == Some(segment.ack)
            && says_the_same;
        if sent.acknowledge(position, window) && sent.seen {
            odd.insert(Anomaly::NotCaptured);
        }
        let answers = segment.flags.contains(TcpFlags::SYN);
        self.observer.fast_open |= answers && position > 0 && position <= fast_open_data;
        let own = self.sides.of_mut(from);
        if is_dup {
            odd.insert(Anomaly::DuplicateAck);
            own.dup_acks = own.dup_acks.saturating_add(1);
        } else if had_said != Some(segment.ack) {
            own.dup_acks = 0;
        }
        own.last_ack = Some(segment.ack);
        own.last_report = reports;
    }

    /// A reset in the observer's terms. It moves nobody's sequence numbers.
    pub(super) fn sight_reset(&self, at: FrameAt, from: End, segment: &TcpSegment<'_>) -> Sighting {
        let ack = segment.flags.contains(TcpFlags::ACK);
        let own = &self.sides.of(from).sent;
        let peer = &self.sides.of(from.peer()).sent;
        let own_is_known = own.seen || own.acked().is_some();
        let at_own = own.position(segment.seq);
        let called_only = peer.isn.is_some() && !own.seen;
        let mut seen = Sighting { rst: true, ack, ..Sighting::new(at.number, from) };
        // A receiver that has only called wants its SYN acknowledged (RFC 9293 §3.10.7.3). Any other wants
        // exactly the number that it expects next (§3.10.7.4), which lies between what it has acknowledged and
        // what was sent. Further on it may be the next number all the same, if the capture lacks something; or
        // be answered by a challenge.
        seen.rst_counts = if called_only {
            ack && (0..=peer.next).contains(&peer.position(segment.ack))
        } else {
            !own_is_known || own.is_near(at_own) && own.acked().is_none_or(|acked| at_own >= acked)
        };
        seen.rst_doubtful = seen.rst_counts && !called_only && (!own_is_known || at_own > own.next);
        // Who has a connection gives it up with its own next number; another number answers a segment that
        // belongs to no connection (§3.5.2).
        // Zero, with an acknowledgment of the call, is what an end without a connection sends (§3.10.7.1).
        let has_none = segment.seq.get() == 0 && ack && peer.position(segment.ack) == 0;
        let own_number = own.is_near(at_own) && at_own >= own.acked().unwrap_or(0).min(own.next);
        seen.rst_gives_up = !own.seen || own_number || has_none;
        seen
    }
}
