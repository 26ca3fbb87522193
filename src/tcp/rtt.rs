//! The round-trip time and the retransmission timeout: RFC 6298, with the gains of RFC 7323 Appendix G.

use core::time::Duration;

use super::TcpConfig;
use super::fingerprint::{Fold, Folder, fold};
use crate::Instant;

/// What the round trips so far say about the next one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct RttEstimator {
    /// SRTT in nanoseconds.
    srtt: u64,
    /// RTTVAR in nanoseconds.
    rttvar: u64,
    /// Whether `srtt` and `rttvar` mean anything yet.
    sampled: bool,
    /// RFC 6298 §5.7: a SYN had to be sent again, so the first guess of the RTO was too bold.
    lost_syn: bool,
    /// How often the RTO is doubled.
    backoff: u8,
    /// A timeout was for nothing: the next sample counts as a whole (RFC 4015 §3.3).
    was_late: bool,
    /// The last sample in nanoseconds.
    latest: u64,
    /// The least round trips of this interval and of the one before it, in nanoseconds.
    least: [u64; 2],
    /// When this interval began.
    since: Instant,
}

/// What [`RttEstimator::sample_as_linux`] keeps: nanoseconds, four times the deviation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Deviation {
    /// The mean deviation.
    mean: u64,
    /// The largest of this round trip.
    most: u64,
    /// It is over when everything before this position is acknowledged.
    until: u64,
}

fold!(Deviation { mean, most, until });

impl Fold for RttEstimator {
    fn fold(&self, into: &mut Folder) {
        let Self { srtt, rttvar, sampled, lost_syn, backoff, was_late, latest, least, since } = self;
        [srtt, rttvar].fold(into);
        into.flags([*sampled, *lost_syn, *was_late]);
        backoff.fold(into);
        if !into.few() {
            // For pacing.
            latest.fold(into);
        }
        least.fold(into);
        into.age(*since, Self::INTERVAL, Self::INTERVAL);
    }
}

impl RttEstimator {
    /// The RTO of data after a SYN that had to be sent again, while there is no sample (RFC 6298 §5.7).
    const AFTER_LOST_SYN: Duration = Duration::from_secs(3);
    /// No choice of the user makes the RTO shorter: one of zero would fire forever at one moment.
    const FLOOR: u64 = 1_000_000;
    /// RFC 6298 §2.4: the least RTO.
    const SECOND: Duration = Duration::from_secs(1);
    /// Doublings after which nothing changes: they make 49 days out of the floor.
    const MAX_BACKOFF: u8 = 32;
    /// The least round trip is that of the last one to two intervals: paths change.
    const INTERVAL: Duration = Duration::from_secs(300);

    /// Before the first sample.
    pub(super) const fn new() -> Self {
        Self {
            srtt: 0,
            rttvar: 0,
            sampled: false,
            lost_syn: false,
            backoff: 0,
            was_late: false,
            latest: 0,
            least: [u64::MAX; 2],
            since: Instant::ZERO,
        }
    }

    /// Takes a round trip into account, and ends the backoff: the RTO is computed anew (RFC 6298 §5).
    ///
    /// `expected_samples` is how many samples a round trip will bring, at least 1: FlightSize / (2·SMSS),
    /// rounded up (RFC 7323 Appendix G). Without it many samples per round trip would make the estimator
    /// forget within one. Fractions of a nanosecond are cut from each step, so steps are never too large.
    // RFC 6298-2, 6298-3, 6298-19
    pub(super) fn sample(&mut self, rtt: Duration, expected_samples: u32) {
        let rtt = nanos(rtt);
        self.latest = rtt;
        self.backoff = 0;
        if core::mem::take(&mut self.was_late) {
            self.srtt = self.srtt.max(rtt);
            self.rttvar = self.rttvar.max(rtt / 2);
        }
        if !self.sampled {
            (self.srtt, self.rttvar, self.sampled) = (rtt, rtt / 2, true);
            return;
        }
        let samples = u64::from(expected_samples.max(1));
        // RTTVAR first: it takes the SRTT from before this sample (RFC 6298 §2.3).
        self.rttvar = step(self.rttvar, self.srtt.abs_diff(rtt), 4 * samples);
        self.srtt = step(self.srtt, rtt, 8 * samples);
    }

    /// [`sample`](Self::sample) by [`RtoRule::Linux`](super::RtoRule::Linux): RTTVAR is the largest deviation in a round trip, at least a
    /// quarter of `least`. `una` and `nxt` are SND.UNA and SND.NXT, which tell where round trips end.
    pub(super) fn sample_as_linux(
        &mut self,
        rtt: Duration,
        least: Duration,
        (una, nxt): (u64, u64),
        deviation: &mut Deviation,
    ) {
        let (rtt, least) = (nanos(rtt).max(1_000), nanos(least));
        self.latest = rtt;
        self.backoff = 0;
        self.was_late = false;
        if !self.sampled {
            deviation.mean = rtt.saturating_mul(2);
            deviation.most = deviation.mean.max(least);
            deviation.until = nxt;
            (self.srtt, self.rttvar, self.sampled) = (rtt, deviation.most / 4, true);
            return;
        }
        let away = rtt.abs_diff(self.srtt);
        let expected = deviation.mean / 4;
        deviation.mean = if away < expected {
            deviation.mean - (expected - away)
        } else if rtt < self.srtt {
            // A round trip that became shorter is no reason for a long timer.
            deviation.mean.saturating_add((away - expected) / 8)
        } else {
            deviation.mean.saturating_add(away - expected)
        };
        self.srtt = step(self.srtt, rtt, 8);
        deviation.most = deviation.most.max(deviation.mean);
        self.rttvar = self.rttvar.max(deviation.most / 4);
        if una > deviation.until {
            self.rttvar -= self.rttvar.saturating_sub(deviation.most / 4) / 4;
            (deviation.until, deviation.most) = (nxt, least);
        }
    }

    /// A round trip, or a part of one that was measured otherwise than for the RTO: for the least.
    pub(super) fn observe(&mut self, now: Instant, rtt: Duration) {
        if now.since(self.since) >= Self::INTERVAL {
            let [this, _] = self.least;
            (self.least, self.since) = ([u64::MAX, this], now);
        }
        let [this, _] = &mut self.least;
        *this = (*this).min(nanos(rtt));
    }

    /// The least round trip of the last five to ten minutes, once there is one.
    pub(super) fn min_rtt(&self) -> Option<Duration> {
        let [this, before] = self.least;
        let least = this.min(before);
        (least != u64::MAX).then(|| Duration::from_nanos(least))
    }

    /// What a window is spread over in pacing, in nanoseconds: not a round trip that was long once, such as that of a delay after which
    /// everything is as it was.
    pub(super) fn for_pacing(&self) -> Option<u64> {
        self.sampled.then(|| self.srtt.min(self.latest))
    }

    /// The last sample.
    pub(super) fn latest(&self) -> Option<Duration> {
        self.sampled.then(|| Duration::from_nanos(self.latest))
    }

    /// The last timeout was for nothing: the RTO was too short for what the path can do. The next sample is
    /// taken as it is, where it is longer than what we had expected (RFC 4015 §3.3), and the timer is not doubled.
    pub(super) fn after_spurious_timeout(&mut self) {
        self.backoff = 0;
        self.was_late = self.sampled;
    }

    /// [`rto_nanos`](Self::rto_nanos) as a span.
    pub(super) fn rto(&self, config: &TcpConfig) -> Duration {
        Duration::from_nanos(self.rto_nanos(config))
    }

    /// RTO in nanoseconds: how long to wait for an acknowledgment now, backoff included.
    ///
    /// SRTT + max(G, 4·RTTVAR), at least [`min_rto`](TcpConfig::min_rto), and before the first sample
    /// [`initial_rto`](TcpConfig::initial_rto); doubled for each [`back_off`](Self::back_off), at most
    /// [`max_rto`](TcpConfig::max_rto), and never less than a millisecond.
    // RFC 6298-1, 6298-5, 6298-6, 6298-7, 2525-7
    pub(super) fn rto_nanos(&self, config: &TcpConfig) -> u64 {
        let base = if self.sampled {
            // Where less than RFC 6298's second is asked for, it is the least margin too, as in Linux: else the round
            // trip of a steady path would leave none.
            let is_margin = config.min_rto < Self::SECOND && config.rto_slop.is_zero();
            let least = if is_margin { config.min_rto } else { Duration::ZERO };
            let margin = self.rttvar.saturating_mul(4).max(nanos(config.granularity.max(least)));
            self.srtt.saturating_add(margin).max(nanos(config.min_rto))
        } else if self.lost_syn {
            nanos(config.initial_rto.max(Self::AFTER_LOST_SYN))
        } else {
            nanos(config.initial_rto)
        };
        let mut doubled = base.max(Self::FLOOR).saturating_mul(1 << self.backoff);
        if self.sampled || self.backoff > 0 {
            doubled = doubled.saturating_add(nanos(config.rto_slop));
        }
        doubled.min(nanos(config.max_rto)).max(Self::FLOOR)
    }

    /// Doubles the RTO: the timer has expired (RFC 6298 §5.5).
    // RFC 6298-16, 2525-10
    pub(super) fn back_off(&mut self) {
        self.backoff = (self.backoff + 1).min(Self::MAX_BACKOFF);
    }

    /// Takes all doublings back.
    pub(super) fn end_backoff(&mut self) {
        self.backoff = 0;
    }

    /// How often the RTO is doubled.
    pub(super) const fn backoff(&self) -> u8 {
        self.backoff
    }

    /// The smoothed round-trip time, once there is a sample.
    pub(super) fn srtt(&self) -> Option<Duration> {
        self.sampled.then(|| Duration::from_nanos(self.srtt))
    }

    /// The same in nanoseconds; zero before there is one.
    pub(super) fn srtt_nanos(&self) -> u64 {
        if self.sampled { self.srtt } else { 0 }
    }

    /// The variation of the round-trip time, once there is a sample.
    pub(super) fn rttvar(&self) -> Option<Duration> {
        self.sampled.then(|| Duration::from_nanos(self.rttvar))
    }

    /// To be told when the handshake is complete and its SYN had to be sent again: until there is a sample,
    /// the RTO starts from no less than 3 s (RFC 6298 §5.7). The backoff stays as it is.
    // RFC 6298-18
    pub(super) fn lost_syn(&mut self) {
        self.lost_syn = true;
    }
}

/// `from` moved by one `parts`-th of the way to `to`.
// RFC 6298-4
fn step(from: u64, to: u64, parts: u64) -> u64 {
    let way = from.abs_diff(to) / parts;
    if to >= from { from + way } else { from - way }
}

/// At most 584 years.
pub(super) fn nanos(span: Duration) -> u64 {
    span.as_secs().saturating_mul(1_000_000_000).saturating_add(u64::from(span.subsec_nanos()))
}

#[cfg(test)]
mod tests;
