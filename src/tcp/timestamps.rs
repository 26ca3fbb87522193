//! Timestamps: the clock that we send and the one that we echo (RFC 7323 §3 to §5).

use core::time::Duration;

use super::compact::MaybeInstant;
use super::fingerprint::{Fold, Folder};
use super::segment::Timestamps;
use crate::Instant;

/// After 24 days without a segment TS.Recent says nothing any more: the peer's clock, which may tick every
/// millisecond, has gone half around (RFC 7323 §5.5).
const RECENT_IS_VALID_FOR: Duration = Duration::from_secs(24 * 24 * 3600);

/// How far, in ticks of the peer's clock, an octet that fills a gap may be behind TS.Recent: it was overtaken, and what
/// was sent again meanwhile has a newer timestamp. PAWS is about numbers that have gone around: for that the peer would
/// have to send 2³¹ octets in this time, which are 170 Gbit/s where a tick is a millisecond.
const OVERTAKEN: i32 = 100;

/// TS.Recent and our own clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct TimestampVars {
    /// What is added to our clock: nobody outside shall learn it from another connection (§5.4).
    offset: u32,
    /// TS.Recent.
    recent: u32,
    /// When TS.Recent was set; never, unless both SYNs offered timestamps.
    recent_at: MaybeInstant,
}

impl Fold for TimestampVars {
    fn fold(&self, into: &mut Folder) {
        let Self { offset: _, recent, recent_at } = self;
        into.word(u64::from(self.on()));
        if let Some(at) = recent_at.get() {
            into.age(at, RECENT_IS_VALID_FOR, RECENT_IS_VALID_FOR);
            into.timestamp(*recent);
        }
    }
}

impl TimestampVars {
    pub(super) const fn new(offset: u32) -> Self {
        Self { offset, recent: 0, recent_at: MaybeInstant::NONE }
    }

    /// Whether both SYNs offered timestamps.
    #[inline]
    pub(super) fn on(&self) -> bool {
        !self.recent_at.is_none()
    }

    /// They did not.
    pub(super) const fn turn_off(&mut self) {
        self.recent_at = MaybeInstant::NONE;
    }

    /// TSval: milliseconds, and the offset.
    // RFC 7323-26
    #[allow(clippy::cast_possible_truncation, reason = "the clock is meant to wrap at 2³²")]
    pub(super) const fn clock(&self, now: Instant) -> u32 {
        ((now.as_nanos() / 1_000_000) as u32).wrapping_add(self.offset)
    }

    /// Whether our clock said `ecr` before it was `at`.
    pub(super) fn is_before(&self, ecr: u32, at: Instant) -> bool {
        self.on() && ecr.wrapping_sub(self.clock(at)).cast_signed() < 0
    }

    /// The option of a segment that is sent now.
    pub(super) const fn option(&self, now: Instant) -> Timestamps {
        Timestamps { val: self.clock(now), ecr: self.recent }
    }

    /// Takes the timestamp of a SYN.
    pub(super) const fn begin(&mut self, now: Instant, val: u32) {
        self.recent = val;
        self.recent_at = MaybeInstant::some(now);
    }

    /// Whether `val` is TS.Recent or newer: certainly not [old](Self::is_old).
    pub(super) const fn is_not_behind(&self, val: u32) -> bool {
        val.wrapping_sub(self.recent).cast_signed() >= 0
    }

    /// Takes `val`, which is not behind, for TS.Recent.
    pub(super) const fn take(&mut self, now: Instant, val: u32) {
        self.recent = val;
        self.recent_at = MaybeInstant::some(now);
    }

    /// PAWS: whether `val` is older than TS.Recent (§5.3, R1). What is half a circle away is not: two timestamps so far
    /// apart have no order (§5.2).
    // RFC 7323-25, 7323-28
    pub(super) fn is_old(&self, now: Instant, val: u32) -> bool {
        let behind = self.recent.wrapping_sub(val).cast_signed() > 0;
        behind && self.recent_at.get().is_some_and(|at| now.since(at) <= RECENT_IS_VALID_FOR)
    }

    /// Whether `val`, which is old, is so little older than TS.Recent that its segment may have been overtaken.
    pub(super) const fn may_be_overtaken(&self, val: u32) -> bool {
        self.recent.wrapping_sub(val).cast_signed() <= OVERTAKEN
    }

    /// Whether a SYN with this timestamp is certainly newer than the connection (RFC 6191).
    pub(super) fn is_newer(&self, val: u32) -> bool {
        self.on() && val.wrapping_sub(self.recent).cast_signed() > 0
    }

    /// Whether `val` is TS.Recent.
    pub(super) const fn is_equal(&self, val: u32) -> bool {
        val == self.recent
    }

    /// Takes `val` for TS.Recent; the caller has seen to SEG.SEQ ≤ Last.ACK.sent (§4.3, 2).
    pub(super) fn keep(&mut self, now: Instant, val: u32) {
        if !self.is_old(now, val) {
            self.recent = val;
            self.recent_at = MaybeInstant::some(now);
        }
    }

    /// How long ago our clock said `ecr`; `None` if that cannot be: it lies ahead, or more than `most` ago,
    /// which is how long the octets that it acknowledges have been on their way.
    // RFC 7323-18
    pub(super) fn elapsed(&self, now: Instant, ecr: u32, most: Duration) -> Option<Duration> {
        let elapsed = Duration::from_millis(u64::from(self.clock(now).wrapping_sub(ecr)));
        (self.on() && elapsed <= most + Duration::from_millis(1)).then_some(elapsed)
    }
}
