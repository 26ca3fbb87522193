//! How fast a stream runs: whether memory is worth keeping for what will come.

use core::time::Duration;

use crate::Instant;

/// The time over which the pace is measured.
const INTERVAL: Duration = Duration::from_secs(1);
/// A stream of this many octets in the interval is worth keeping a chunk ready for.
const BUSY_FROM: usize = 16 << 10;

/// Octets that came in this interval or in the one before it, whichever are more.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pace {
    since: Instant,
    from: u64,
    earlier: u64,
}

impl Pace {
    /// Of a stream that has reached `offset`, and of which nothing else is known.
    pub(super) const fn new(offset: u64) -> Self {
        Self { since: Instant::ZERO, from: offset, earlier: 0 }
    }

    /// Octets in an interval, of a stream that has reached `offset` now.
    pub(super) fn at(&mut self, now: Instant, offset: u64) -> usize {
        let elapsed = now.since(self.since);
        if elapsed > INTERVAL {
            self.earlier = if elapsed > 2 * INTERVAL { 0 } else { offset - self.from };
            (self.since, self.from) = (now, offset);
        }
        usize::try_from(self.earlier.max(offset - self.from)).unwrap_or(usize::MAX)
    }

    /// Whether memory that is empty now will soon be needed again.
    pub(super) fn is_busy(&mut self, now: Instant, offset: u64) -> bool {
        self.at(now, offset) >= BUSY_FROM
    }
}

#[cfg(test)]
mod tests;
