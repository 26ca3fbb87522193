//! How often something may be done: a bucket of tokens, in virtual time.
//!
//! Answers that a stranger can provoke (resets, ICMP errors, challenge ACKs) are limited so that they neither
//! cost the host its time nor make it a weapon against a forged source (RFC 4443 §2.4 (f), RFC 5961 §7).

use crate::Instant;

/// How often something may happen.
///
/// ```
/// use tcpstate::host::RateLimit;
///
/// // Ten at once, and then one every 20 ms.
/// let limit = RateLimit { per_second: 50, burst: 10 };
/// assert_ne!(limit, RateLimit::NEVER);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct RateLimit {
    /// How often in a second, over a long time.
    pub per_second: u32,
    /// How often at once after a silence; 0: never at all.
    pub burst: u32,
}

impl RateLimit {
    /// Not once.
    pub const NEVER: Self = Self { per_second: 0, burst: 0 };
    /// So often that it is no limit: 2³² − 1 a second.
    pub const UNLIMITED: Self = Self { per_second: u32::MAX, burst: u32::MAX };
}

/// Parts of a token: one second at a rate of one a second brings a token, in nanoseconds.
const TOKEN: i64 = 1_000_000_000;

/// A bucket of tokens that fills with time.
///
/// Nothing is ever allowed more often than the limit says: at most `burst` at once, and at most
/// `burst + per_second × t` in any time t. While the bucket is drained it is allowed up to a third less often:
/// each token costs between one and one and a half, drawn from the seed. A bucket that all share tells a
/// stranger who empties it with packets of his own whether somebody else's packet was answered as well, and so
/// what is open here; the draws blur that count.
#[derive(Clone, Debug)]
pub(super) struct Limiter {
    limit: RateLimit,
    /// What is in the bucket, in parts of a token. Below zero is owed: less than half a token.
    level: i64,
    /// When it was last filled.
    filled: Instant,
    /// State of the draws.
    seed: u64,
}

impl Limiter {
    /// A full bucket. The seed comes from the host's secret.
    pub(super) const fn new(limit: RateLimit, seed: u64) -> Self {
        Self { limit, level: Self::full(limit), filled: Instant::ZERO, seed }
    }

    const fn full(limit: RateLimit) -> i64 {
        limit.burst as i64 * TOKEN
    }

    /// Takes a token, if there is one. A smaller `now` than before brings none, and takes none away.
    pub(super) fn allow(&mut self, now: Instant) -> bool {
        self.fill(now);
        if self.level < TOKEN {
            return false;
        }
        self.level -= TOKEN + self.draw();
        true
    }

    fn fill(&mut self, now: Instant) {
        if now <= self.filled {
            return;
        }
        let nanos = now.as_nanos() - self.filled.as_nanos();
        let new = nanos.saturating_mul(u64::from(self.limit.per_second));
        let new = i64::try_from(new).unwrap_or(i64::MAX);
        self.level = self.level.saturating_add(new).min(Self::full(self.limit));
        self.filled = now;
    }

    /// From zero to half a token (SplitMix64).
    const fn draw(&mut self) -> i64 {
        self.seed = self.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let x = (self.seed ^ self.seed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        let share = (x ^ x >> 31) >> 34; // 30 bits
        ((share * (TOKEN as u64 / 2)) >> 30) as i64
    }
}

#[cfg(test)]
mod tests;
