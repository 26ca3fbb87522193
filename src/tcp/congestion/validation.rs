//! Whether the window is used (RFC 7661): one that is not may stay for a while, but it does not grow.

use core::time::Duration;

use super::AckSample;
use crate::Instant;
use crate::tcp::compact::MaybeInstant;
use crate::tcp::fingerprint::{Fold, Folder};

/// The non-validated period: so long may a window stay that is not used (RFC 7661 §4.4.3).
const NON_VALIDATED_PERIOD: Duration = Duration::from_secs(300);
/// The least time over which the largest sample counts (RFC 7661 §4.2).
const MIN_SAMPLING_PERIOD: Duration = Duration::from_secs(1);

/// What the path was seen to carry lately, against what the window permits: 32 octets.
///
/// A sample is what was acknowledged in one round trip, and pipeACK the largest sample of the sampling period.
/// That period is kept in two halves: between half of it and the whole is remembered.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Validation {
    /// Octets acknowledged in the round trip that is going on.
    acked: u32,
    /// The largest sample of this half of the sampling period, and of the half before; 0 without any.
    largest: u32,
    largest_before: u32,
    /// When this half began.
    half_began: Instant,
    /// Since when the window has not been validated.
    unvalidated_since: MaybeInstant,
}

impl Fold for Validation {
    fn fold(&self, into: &mut Folder) {
        let Self { acked, largest, largest_before, half_began, unvalidated_since } = self;
        [acked, largest, largest_before].fold(into);
        half_began.fold(into);
        let since = unvalidated_since.get().unwrap_or(Instant::MAX);
        into.age(since, NON_VALIDATED_PERIOD, NON_VALIDATED_PERIOD);
    }
}

impl Validation {
    /// Nothing is known, and so the window counts as validated (RFC 7661 §4.2).
    pub(super) const fn new() -> Self {
        Self {
            acked: 0,
            largest: 0,
            largest_before: 0,
            half_began: Instant::ZERO,
            unvalidated_since: MaybeInstant::NONE,
        }
    }

    /// pipeACK: the most that was acknowledged in one of the last round trips, in octets; 0 while undefined.
    pub(super) fn pipe_ack(&self) -> u32 {
        self.largest.max(self.largest_before)
    }

    /// Whether at least half of the window is used (RFC 7661 §4.3).
    pub(super) fn is_validated(&self) -> bool {
        self.unvalidated_since.is_none()
    }

    /// An acknowledgment; `round_ends` with it. The window is judged at the end of each round trip only, for
    /// slow start doubles it meanwhile.
    pub(super) fn on_ack(&mut self, ack: &AckSample, round_ends: bool, cwnd: u32) {
        self.acked = self.acked.saturating_add(ack.acked);
        if !round_ends {
            return;
        }
        let period = ack.srtt.unwrap_or_default().saturating_mul(3).max(MIN_SAMPLING_PERIOD);
        let age = ack.now - self.half_began;
        if age >= period / 2 {
            self.largest_before = if age < period { self.largest } else { 0 };
            (self.largest, self.half_began) = (0, ack.now);
        }
        // More than a window is no round trip's: an acknowledgment has covered what arrived long before.
        self.largest = self.largest.max(self.acked.min(cwnd));
        self.acked = 0;
        // Less than one segment of a window may be too little to be filled.
        if self.pipe_ack() >= cwnd.saturating_sub(ack.smss) / 2 {
            self.unvalidated_since = MaybeInstant::NONE;
        } else if self.is_validated() {
            self.unvalidated_since = MaybeInstant::some(ack.now);
        }
    }

    /// Whether the window has stayed unused for too long; then the period begins anew.
    pub(super) fn expires(&mut self, now: Instant) -> bool {
        let expired = self.unvalidated_since.get().is_some_and(|since| now - since >= NON_VALIDATED_PERIOD);
        if expired {
            self.unvalidated_since = MaybeInstant::some(now);
        }
        expired
    }
}

#[cfg(test)]
mod tests;
