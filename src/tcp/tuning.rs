//! How large a window the receiver offers: as large as what its user reads in a round trip asks for (dynamic
//! right-sizing, after Fisk and Feng, as Linux and FreeBSD do it).
//!
//! The sender can have no more in flight than the window; so whoever reads as fast as octets come, and gets a
//! window's worth in a round trip, might get more from a larger one. Once in a round trip it is looked up
//! how much the user has taken in it, and the window made twice as large as that, which lets the sender go up to
//! twice as fast. While it gains speed there is more: what was counted last answers a window of a round trip ago,
//! and was counted up to a round trip ago too; in slow start the sender has doubled twice since, and four times
//! as much would just do. It gets five times as much: twice what was taken, and six times what that is more than
//! before.
//!
//! It works with three things that are there anyway: what arrives tells how long a round trip is, the
//! user's calls tell when one is over, and what is not needed for a while is forgotten at the next call. There
//! is no timer, and nothing to do for most segments but a comparison.

use core::time::Duration;

use super::config::MAX_WINDOW;
use super::fingerprint::{Fold as _, Folder};
use super::segment::Timestamps;
use super::send::wire_bits;
use super::tcb::Tcb;
use crate::Instant;

/// A window that was not needed for so long goes back: many round trips of any path, and longer than a reader
/// thinks between two requests of one page.
const PERIOD: Duration = Duration::from_secs(5);

/// A shorter round trip counts as one of a millisecond, in microseconds: timestamps tell no less, and to look more
/// often is not worth it.
const LEAST_ROUND_TRIP: u32 = 1_000;

/// An echo that is older says nothing of the path: the sender was silent.
const OLDEST_ECHO: Duration = Duration::from_secs(60);

/// The size of the receive window, and what it is worked out from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct ReceiveTuning {
    /// Octets of the receive buffer: the largest window that is offered now.
    pub(super) window: u32,
    /// Octets that the user took in the last round trip.
    before: u32,
    /// The most octets that were in use in one round trip since `period` began.
    busiest: u32,
    /// A round trip as the receiver sees it, in microseconds; 0 as long as it is not known.
    rtt: u32,
    /// The round trip that was measured last, long or short.
    latest: u32,
    /// With timestamps: TSecr of the segment that it was measured with. Without: the low bits of a position. When everything
    /// before it has arrived, a round trip has passed since `marked`.
    mark: u32,
    marked: Instant,
    /// When the round trip that is counted is over; never, as long as none is.
    due: Instant,
    /// What the user had taken when it began.
    from: u64,
    /// Since when `busiest` is kept.
    period: Instant,
}

/// Between which sizes a window may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bounds {
    /// Where it begins, and goes back to.
    pub(super) begin: u32,
    /// The cap.
    pub(super) most: u32,
}

impl ReceiveTuning {
    /// What counts of it for a fingerprint; `timestamps` says what the mark is.
    pub(super) fn fold_with(&self, timestamps: bool, into: &mut Folder) {
        let Self { window, before, busiest, rtt, latest, mark, marked, due, from, period } = self;
        window.fold(into);
        if into.few() && *window >= 256 {
            // Eight times what is taken is less than what there is: it stays.
            return;
        }
        [before, busiest, rtt, latest].fold(into);
        into.word(u64::from(*mark > 0));
        if timestamps && *mark > 0 {
            into.timestamp(*mark);
        } else {
            mark.fold(into);
        }
        [marked, due, period].fold(into);
        from.fold(into);
    }

    pub(super) const fn new(begin: u32) -> Self {
        Self {
            window: begin,
            before: 0,
            busiest: 0,
            rtt: 0,
            latest: 0,
            mark: 0,
            marked: Instant::ZERO,
            due: Instant::MAX,
            from: 0,
            period: Instant::ZERO,
        }
    }

    /// Whether a segment in order, with these timestamps, after which RCV.NXT is `nxt`, tells how long a round
    /// trip is.
    #[inline]
    fn learns_from(&self, timestamps: Option<Timestamps>, nxt: u64) -> bool {
        match timestamps {
            Some(timestamps) => timestamps.ecr != self.mark,
            // The mark is never further away than a window.
            None => self.mark == 0 || wire_bits(nxt).wrapping_sub(self.mark).cast_signed() >= 0,
        }
    }

    /// An acknowledgment of ours came back as an echo after so long. A shorter time counts at once. A longer one may
    /// be because the sender had nothing to say, and only draws the estimate after it. `known` is what the
    /// handshake has told.
    fn echoed(&mut self, now: Instant, after: Duration, known: Option<Duration>, consumed: u64) {
        let sample = micros(after);
        self.latest = sample;
        let rtt = match self.rtt {
            0 => known.map_or(sample, |known| micros(known).min(sample)),
            rtt if sample < rtt => sample,
            rtt => rtt.saturating_add((sample.min(rtt.saturating_mul(2)) - rtt) / 8),
        };
        self.learn(now, rtt, consumed);
    }

    /// Everything before the mark has arrived, and the window reaches to `edge` now. An octet behind the edge can
    /// come only after the sender has heard of a later one: a round trip from now at the earliest. With a sender
    /// that does not fill the window it takes longer, and so only what is shorter counts.
    fn reached(&mut self, now: Instant, edge: u64, known: Option<Duration>, consumed: u64) {
        let measured = (self.mark > 0).then(|| now.since(self.marked));
        // Zero is none.
        (self.mark, self.marked) = (wire_bits(edge.saturating_add(1)).max(1), now);
        let known = known.filter(|_| self.rtt == 0);
        if let Some(shortest) = measured.into_iter().chain(known).map(micros).min()
            && (self.rtt == 0 || shortest < self.rtt)
        {
            self.learn(now, shortest, consumed);
        }
    }

    /// The round trip that is counted began when it did, and ends accordingly; the first one begins now.
    fn learn(&mut self, now: Instant, rtt: u32, consumed: u64) {
        let began = if self.rtt == 0 { now } else { self.began() };
        if self.rtt == 0 {
            (self.from, self.period) = (consumed, now);
        }
        self.rtt = rtt.max(LEAST_ROUND_TRIP);
        self.due = began + Duration::from_micros(u64::from(self.rtt));
    }

    fn began(&self) -> Instant {
        Instant::from_nanos(self.due.as_nanos().saturating_sub(u64::from(self.rtt) * 1_000))
    }

    /// Whether a round trip is over.
    #[inline]
    pub(super) fn is_due(&self, now: Instant) -> bool {
        now >= self.due
    }

    /// A round trip is over: the user has taken everything before `consumed`, the last `octets` of it just now, and
    /// could take `unread` octets more.
    fn turn(&mut self, now: Instant, consumed: u64, (octets, unread): (u32, u32), bounds: Bounds) {
        let elapsed = micros(now.since(self.began()));
        let taken = u32::try_from(consumed.saturating_sub(self.from)).unwrap_or(u32::MAX);
        let idle = elapsed / 2 > self.rtt && elapsed >= micros(PERIOD);
        // What was taken before a silence says nothing of what comes after it.
        let used = if idle { octets } else { taken }.saturating_add(unread);
        self.release(now, idle, used, bounds.begin);
        // Who takes seldom takes much at a time; what counts is how much that is in a round trip. A path that has become
        // longer than the estimate makes nobody late.
        let rtt = self.rtt.max(self.latest);
        let share = match elapsed / 2 > rtt {
            _ if idle => 0,
            true => scaled(taken, rtt, elapsed),
            false => taken,
        };
        // More is on its way than was read, if the reader is not what holds it up: what is twice as much as before
        // makes five times as much.
        let gain = if unread <= share { share.saturating_sub(self.before) } else { 0 };
        let wanted = share.saturating_mul(2).saturating_add(gain.saturating_mul(6));
        self.window = self.window.max(wanted.min(bounds.most));
        (self.before, self.from) = (share, consumed);
        self.due = now + Duration::from_micros(u64::from(self.rtt));
    }

    /// Goes back to twice what the busiest round trip of a period used, where that is less than half of what
    /// there is. `used` counts what lies unread too: a reader who pauses does not lose the window.
    fn release(&mut self, now: Instant, idle: bool, used: u32, begin: u32) {
        self.busiest = if idle { used } else { self.busiest.max(used) };
        if idle || now.since(self.period) >= PERIOD {
            if self.busiest < self.window / 4 {
                self.window = begin.max(self.busiest * 2).min(self.window);
            }
            (self.busiest, self.period) = (0, now);
        }
    }
}

/// At least one, and no more than fit: an hour.
pub(super) fn micros(span: Duration) -> u32 {
    u32::try_from(span.as_micros()).unwrap_or(u32::MAX).max(1)
}

/// `octets` · `part` / `whole`; `part` is the smaller one.
fn scaled(octets: u32, part: u32, whole: u32) -> u32 {
    let share = u64::from(octets) * u64::from(part) / u64::from(whole.max(1));
    u32::try_from(share).unwrap_or(octets)
}

impl Tcb {
    /// Octets have arrived in order, in a segment with these timestamps: how long is a round trip?
    #[inline]
    pub(super) fn note_round_trip(&mut self, now: Instant, timestamps: Option<Timestamps>) {
        if self.rcv.tuning.learns_from(timestamps, self.rcv.nxt) {
            self.measure_round_trip(now, timestamps);
        }
    }

    #[cold]
    fn measure_round_trip(&mut self, now: Instant, timestamps: Option<Timestamps>) {
        let (known, consumed) = (self.rtt.srtt(), self.rcv.consumed);
        match timestamps {
            Some(timestamps) => {
                self.rcv.tuning.mark = timestamps.ecr;
                if let Some(after) = self.ts.elapsed(now, timestamps.ecr, OLDEST_ECHO) {
                    self.rcv.tuning.echoed(now, after, known, consumed);
                }
            }
            None => self.rcv.tuning.reached(now, self.rcv.edge, known, consumed),
        }
    }

    /// A round trip is over, and the user has just taken so many octets.
    #[cold]
    pub(super) fn tune_window(&mut self, now: Instant, octets: u32) {
        let begin = self.config.receive_window.clamp(1, MAX_WINDOW);
        // No more than can be said.
        let most = self.config.largest_window().min(u32::from(u16::MAX) << self.rcv.scale);
        let (consumed, unread) = (self.rcv.consumed, self.rcv.unread());
        self.rcv.tuning.turn(now, consumed, (octets, unread), Bounds { begin, most });
    }
}

#[cfg(test)]
mod tests;
