//! Losses told from time: RACK of RFC 8985 §5 and §6.
//!
//! When something arrives, what was sent well before it should have arrived too. "Well before" is a reordering
//! window: nothing as long as the network has kept the order, a quarter of the round trip once it has not, and
//! more for each round trip in which a segment was sent again without need.

use core::time::Duration;

use super::record::Delivery;
use crate::Instant;

/// RACK.* of RFC 8985 §5.3.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::tcp) struct Rack {
    /// The number of the transmission that was sent last of all that have arrived: it stands for RACK.xmit_ts and
    /// RACK.end_seq.
    newest: Option<u64>,
    /// RACK.rtt in nanoseconds: how long that took.
    rtt: u64,
    /// Both, of what was sent only once: that it has arrived by that transmission is certain.
    certain: (Option<u64>, u64),
    /// RACK.fack: the highest position that has arrived.
    fack: u64,
    /// RACK.dsack_round: until this is acknowledged, further D-SACKs are of the same round trip.
    dsack_round: Option<u64>,
    /// RACK.reo_wnd_mult: quarters of the least round trip.
    quarters: u8,
    /// RACK.reo_wnd_persist: recoveries until `quarters` is one again.
    persist: u8,
    /// RACK.reordering_seen.
    reordering_seen: bool,
}

impl Rack {
    /// Recoveries for which a reordering window that has grown stays (§6.2 step 4).
    const PERSIST: u8 = 16;
    /// DupThresh: so many segments beyond a gap are no reordering, as long as none was seen.
    pub(in crate::tcp) const DUP_THRESH: u32 = 3;

    pub(in crate::tcp) const fn new() -> Self {
        Self {
            newest: None,
            rtt: 0,
            certain: (None, 0),
            fack: 0,
            dsack_round: None,
            quarters: 1,
            persist: 0,
            reordering_seen: false,
        }
    }

    /// §6.2 steps 1 to 3: what an acknowledgment says of time and of order.
    pub(in crate::tcp) fn hear(&mut self, now: Instant, una: u64, news: &Delivery) {
        if let Some(newest) = &news.newest
            && self.newest.is_none_or(|before| before <= newest.number)
        {
            self.newest = Some(newest.number);
            self.rtt = u64::try_from(now.since(newest.sent_at).as_nanos()).unwrap_or(u64::MAX);
            if !newest.is_repeated() {
                self.certain = (self.newest, self.rtt);
            }
        }
        if news.lowest_original.is_some_and(|end| end < self.fack) {
            self.reordering_seen = true;
        }
        self.fack = self.fack.max(news.highest);
        if self.dsack_round.is_some_and(|round| una >= round) {
            self.dsack_round = None;
        }
    }

    /// What was taken for lost has arrived by its first transmission: it was only overtaken.
    pub(in crate::tcp) const fn on_late_arrival(&mut self) {
        self.reordering_seen = true;
    }

    /// A D-SACK: something was sent again without need, so the order was not kept. The window grows once a round
    /// trip (§6.2 step 4); `max` is SND.MAX.
    pub(in crate::tcp) fn on_dsack(&mut self, max: u64) {
        self.reordering_seen = true;
        if self.dsack_round.is_none() {
            self.dsack_round = Some(max);
            self.quarters = self.quarters.saturating_add(1);
            self.persist = Self::PERSIST;
        }
    }

    /// A recovery is over.
    pub(in crate::tcp) const fn on_recovered(&mut self) {
        self.persist = self.persist.saturating_sub(1);
        if self.persist == 0 {
            self.quarters = 1;
        }
    }

    /// What was taken for lost was not: the times of its other transmissions say nothing, and what is certain counts.
    pub(in crate::tcp) const fn begin_again(&mut self) {
        (self.newest, self.rtt) = self.certain;
    }

    /// The transmission behind which everything is suspect.
    pub(in crate::tcp) const fn newest(&self) -> Option<u64> {
        self.newest
    }

    /// How long after its transmission a segment is late, before the reordering window.
    pub(in crate::tcp) const fn rtt(&self) -> Duration {
        Duration::from_nanos(self.rtt)
    }

    /// RACK.reo_wnd (§6.2 step 4). `hurry`: recovery has begun, or [`DUP_THRESH`](Self::DUP_THRESH) segments
    /// arrived beyond the gap.
    pub(in crate::tcp) fn reo_wnd(
        &self,
        min_rtt: Option<Duration>,
        srtt: Option<Duration>,
        hurry: bool,
    ) -> Duration {
        if !self.reordering_seen && hurry {
            return Duration::ZERO;
        }
        let window = min_rtt.unwrap_or_default() * u32::from(self.quarters) / 4;
        srtt.map_or(window, |srtt| window.min(srtt))
    }

    /// Whether segments have overtaken each other on this path.
    pub(in crate::tcp) const fn reordering_seen(&self) -> bool {
        self.reordering_seen
    }
}

#[cfg(test)]
mod tests;
