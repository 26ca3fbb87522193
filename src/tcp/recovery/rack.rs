//! Losses told from time: RACK of RFC 8985 §5 and §6.
//!
//! When something arrives, what was sent well before it should have arrived too. "Well before" is a reordering
//! window: nothing as long as the network has kept the order, a quarter of the round trip once it has not, and
//! more for each round trip in which a segment was sent again without need.

use core::time::Duration;

use super::record::Delivery;
use crate::Instant;
use crate::tcp::compact::{Maybe, Seldom};
use crate::tcp::fingerprint::{Fold, Folder};

/// RACK.* of RFC 8985 §5.3.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::tcp) struct Rack {
    /// The number of the transmission that was sent last of all that have arrived: it stands for RACK.xmit_ts and
    /// RACK.end_seq.
    newest: Maybe,
    /// RACK.rtt in nanoseconds: how long that took.
    rtt: u64,
    /// RACK.fack: the highest position that has arrived.
    fack: u64,
    disorder: Seldom<Disorder>,
}

/// What there is only where something was sent again, or overtaken.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Disorder {
    /// `newest` and `rtt` of what was sent only once: that it has arrived by that transmission is certain. `None` where
    /// they are the same.
    certain: Option<(Maybe, u64)>,
    /// RACK.dsack_round: until this is acknowledged, further D-SACKs are of the same round trip.
    dsack_round: Maybe,
    /// RACK.reo_wnd_mult, less one: quarters of the least round trip beyond the first.
    quarters: u8,
    /// RACK.reo_wnd_persist: recoveries until `quarters` is none again.
    persist: u8,
    /// RACK.reordering_seen.
    reordering_seen: bool,
}

impl Fold for Rack {
    fn fold(&self, into: &mut Folder) {
        let Self { newest, rtt, fack, disorder } = self;
        into.transmission(*newest);
        (rtt, fack).fold(into);
        disorder.fold(into);
    }
}

impl Fold for Disorder {
    fn fold(&self, into: &mut Folder) {
        let Self { certain, dsack_round, quarters, persist, reordering_seen } = self;
        into.word(u64::from(certain.is_some()));
        if let Some((newest, rtt)) = certain {
            into.transmission(*newest);
            rtt.fold(into);
        }
        dsack_round.fold(into);
        (quarters, persist).fold(into);
        reordering_seen.fold(into);
    }
}

impl Rack {
    /// Recoveries for which a reordering window that has grown stays (§6.2 step 4).
    const PERSIST: u8 = 16;
    /// DupThresh: so many segments beyond a gap are no reordering, as long as none was seen.
    pub(in crate::tcp) const DUP_THRESH: u32 = 3;

    pub(in crate::tcp) const fn new() -> Self {
        Self { newest: Maybe::NONE, rtt: 0, fack: 0, disorder: Seldom::new() }
    }

    /// §6.2 steps 1 to 3: what an acknowledgment says of time and of order.
    // RFC 8985-4, 8985-6, 8985-7, 8985-8
    pub(in crate::tcp) fn hear(&mut self, now: Instant, una: u64, news: &Delivery) {
        if let Some(newest) = &news.newest
            && self.newest.get().is_none_or(|before| before <= newest.number)
        {
            if newest.is_repeated() {
                self.disorder.make().certain.get_or_insert((self.newest, self.rtt));
            } else if let Some(disorder) = self.disorder.if_any() {
                disorder.certain = None;
            }
            self.newest = Maybe::some(newest.number);
            self.rtt = now.as_nanos().saturating_sub(newest.sent_at.as_nanos());
        }
        if news.lowest_original.is_some_and(|end| end < self.fack) {
            self.on_late_arrival();
        }
        self.fack = self.fack.max(news.highest);
        if let Some(disorder) = self.disorder.if_any()
            && disorder.dsack_round.get().is_some_and(|round| una >= round)
        {
            disorder.dsack_round = Maybe::NONE;
        }
    }

    /// What was taken for lost has arrived by its first transmission: it was only overtaken.
    pub(in crate::tcp) fn on_late_arrival(&mut self) {
        self.disorder.make().reordering_seen = true;
    }

    /// A D-SACK: something was sent again without need, so the order was not kept. The window grows once a round
    /// trip (§6.2 step 4); `max` is SND.MAX.
    // RFC 8985-10, 8985-11
    pub(in crate::tcp) fn on_dsack(&mut self, max: u64) {
        let disorder = self.disorder.make();
        disorder.reordering_seen = true;
        if disorder.dsack_round.is_none() {
            disorder.dsack_round = Maybe::some(max);
            // With the first quarter there are 255 at the most.
            disorder.quarters = disorder.quarters.saturating_add(1).min(254);
            disorder.persist = Self::PERSIST;
        }
    }

    /// A recovery is over.
    // RFC 8985-12
    pub(in crate::tcp) fn on_recovered(&mut self) {
        let Some(disorder) = self.disorder.if_any() else { return };
        disorder.persist = disorder.persist.saturating_sub(1);
        if disorder.persist == 0 {
            disorder.quarters = 0;
        }
    }

    /// What was taken for lost was not: the times of its other transmissions say nothing, and what is certain counts.
    pub(in crate::tcp) fn begin_again(&mut self) {
        if let Some(certain) = self.disorder.if_any().and_then(|disorder| disorder.certain.take()) {
            (self.newest, self.rtt) = certain;
        }
    }

    /// The transmission behind which everything is suspect.
    pub(in crate::tcp) const fn newest(&self) -> Option<u64> {
        self.newest.get()
    }

    /// How long after its transmission a segment is late, before the reordering window.
    pub(in crate::tcp) const fn rtt(&self) -> Duration {
        Duration::from_nanos(self.rtt)
    }

    /// RACK.reo_wnd (§6.2 step 4). `hurry`: recovery has begun, or [`DUP_THRESH`](Self::DUP_THRESH) segments
    /// arrived beyond the gap.
    // RFC 8985-3, 8985-9
    pub(in crate::tcp) fn reo_wnd(
        &self,
        min_rtt: Option<Duration>,
        srtt: Option<Duration>,
        hurry: bool,
    ) -> Duration {
        let (seen, quarters) =
            self.disorder.read(|disorder| (disorder.reordering_seen, 1 + u32::from(disorder.quarters)));
        if !seen && hurry {
            return Duration::ZERO;
        }
        let window = min_rtt.unwrap_or_default() * quarters / 4;
        srtt.map_or(window, |srtt| window.min(srtt))
    }

    /// Octets of memory held.
    pub(super) fn memory(&self) -> usize {
        self.disorder.memory()
    }

    /// Gives back memory that is not needed.
    pub(super) fn rest(&mut self) {
        self.disorder.rest();
    }

    /// Whether segments have overtaken each other on this path.
    pub(in crate::tcp) fn reordering_seen(&self) -> bool {
        self.disorder.read(|disorder| disorder.reordering_seen)
    }
}

#[cfg(test)]
mod tests;
