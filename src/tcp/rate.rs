//! How fast the path delivers, and what holds us back: what people ask for when a transfer is slow, and what a
//! controller that goes by rate instead of by loss will want.
//!
//! The rate of a delivery is what was delivered from the moment when its segment was sent to now, divided by the
//! time for that: the longer one of the time in which it was sent and of that in which it was acknowledged, so that
//! acknowledgments that come in a bunch do not look like a fast path (draft-ietf-ccwg-bbr §4.1).

use core::time::Duration;

use super::recovery::{Delivery, Stamp};
use crate::Instant;

/// In nanoseconds.
const SECOND: u64 = 1_000_000_000;

/// C.* of the draft: what has been delivered.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Delivered {
    /// Octets, ever.
    octets: u64,
    /// The last sample, in octets per second.
    rate: u64,
    /// Until so many more are delivered, what is under way was sent by a user who had not enough to fill the window.
    app_limited: u32,
    /// The user limited the rate.
    rate_is_low: bool,
}

/// Two moments that count as long as something is under way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Clocks {
    /// When something was delivered last.
    at: Instant,
    /// When the segment was sent that was delivered last.
    flight_began: Instant,
}

impl Clocks {
    /// Nothing was sent yet.
    pub(super) const fn new() -> Self {
        Self { at: Instant::ZERO, flight_began: Instant::ZERO }
    }
}

impl Delivered {
    pub(super) const fn new() -> Self {
        Self { octets: 0, rate: 0, app_limited: 0, rate_is_low: false }
    }

    /// A segment is sent, with so much in flight before it.
    pub(super) const fn stamp(&self, clocks: &mut Clocks, now: Instant, in_flight: u64) -> Stamp {
        if in_flight == 0 {
            *clocks = Clocks { at: now, flight_began: now };
        }
        Stamp {
            delivered: self.octets,
            delivered_at: clocks.at,
            flight_began: clocks.flight_began,
            app_limited: self.app_limited > 0,
        }
    }

    /// Something was delivered. A sample that took less than the least round trip is the work of acknowledgments
    /// that were squeezed together.
    pub(super) fn on_delivery(
        &mut self,
        clocks: &mut Clocks,
        now: Instant,
        news: &Delivery,
        min_rtt: Option<Duration>,
    ) {
        if news.octets == 0 {
            return;
        }
        self.octets += news.octets;
        self.app_limited = self.app_limited.saturating_sub(u32::try_from(news.octets).unwrap_or(u32::MAX));
        clocks.at = now;
        let Some(newest) = &news.newest else { return };
        let stamp = &newest.stamp;
        clocks.flight_began = newest.sent_at;
        let sending = newest.sent_at.since(stamp.flight_began);
        let acknowledging = now.since(stamp.delivered_at);
        let span = sending.max(acknowledging);
        if span.is_zero() || min_rtt.is_some_and(|least| span < least) {
            return;
        }
        let nanos = u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
        let octets = self.octets - stamp.delivered;
        let rate = match octets.checked_mul(SECOND) {
            Some(product) => product / nanos,
            None => (octets / nanos).saturating_mul(SECOND),
        };
        // A rate that the user has limited says something only if it is more than what was seen before.
        if !stamp.app_limited || rate >= self.rate {
            (self.rate, self.rate_is_low) = (rate, stamp.app_limited);
        }
    }

    /// The user has nothing more to send, though there is room in the window.
    pub(super) fn on_app_limited(&mut self, in_flight: u64) {
        self.app_limited = u32::try_from(in_flight.max(1)).unwrap_or(u32::MAX);
    }

    /// Octets delivered, ever.
    pub(super) const fn octets(&self) -> u64 {
        self.octets
    }

    /// The last sample in octets per second, and whether it is what the user sent rather than what the path
    /// takes.
    pub(super) const fn rate(&self) -> (u64, bool) {
        (self.rate, self.rate_is_low)
    }
}

/// What holds sending back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) enum LimitedBy {
    /// There is nothing to send, and nothing is outstanding.
    #[default]
    Idle,
    /// The user: all that he has given is sent.
    User,
    /// The congestion window, or pacing.
    Network,
    /// The peer's window.
    Peer,
}

/// How long each has held.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Limits {
    by: LimitedBy,
    since: Instant,
    /// Nanoseconds of the user, the network, the peer.
    spent: [u64; 3],
}

impl Limits {
    /// From now on it is `by`.
    #[inline]
    pub(super) fn set(&mut self, now: Instant, by: LimitedBy) {
        if self.by != by {
            self.spent = self.until(now);
            (self.by, self.since) = (by, now);
        }
    }

    fn until(&self, now: Instant) -> [u64; 3] {
        let mut spent = self.spent;
        if let Some(place) = (self.by as usize).checked_sub(1).and_then(|place| spent.get_mut(place)) {
            let span = now.as_nanos().saturating_sub(self.since.as_nanos());
            *place = place.saturating_add(span);
        }
        spent
    }

    /// How long each has held up to now: user, network, peer.
    pub(super) fn spent(&self, now: Instant) -> [Duration; 3] {
        self.until(now).map(Duration::from_nanos)
    }
}

#[cfg(test)]
mod tests;
