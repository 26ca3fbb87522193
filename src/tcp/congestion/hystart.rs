//! HyStart++ (RFC 9406): the first slow start ends when round trips grow, before the queue overflows.

use crate::tcp::fingerprint::fold;

/// The rise that is the least, and the most, to be taken for a queue (RFC 9406 §4.3), in microseconds.
const MIN_RTT_THRESH: u32 = 4_000;
const MAX_RTT_THRESH: u32 = 16_000;
/// Between the two, the rise is this part of the round trip.
const MIN_RTT_DIVISOR: u32 = 8;
/// Samples that a round needs before its smallest is worth something.
const N_RTT_SAMPLE: u8 = 8;
/// Conservative slow start grows by this part of what slow start would.
const CSS_GROWTH_DIVISOR: u32 = 4;
/// Rounds of conservative slow start, the one in which it begins included.
const CSS_ROUNDS: u8 = 5;
/// Segments that one acknowledgment may add: what RFC 9406 §4.3 names for a sender that is not paced.
const L: u32 = 8;

/// No round trip yet.
const NONE: u32 = u32::MAX;

/// What HyStart++ keeps: 16 octets. Round trips are in microseconds, for a threshold is at least 4 ms; those
/// above an hour are all the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct HyStart {
    /// The smallest round trip of the round before, and of this one.
    last: u32,
    current: u32,
    /// In conservative slow start: the smallest round trip of the round that began it.
    baseline: u32,
    /// Samples in this round; counting ends at [`N_RTT_SAMPLE`].
    samples: u8,
    /// Rounds of conservative slow start that are over.
    rounds: u8,
}

fold!(HyStart { last, current, baseline, samples, rounds });

impl HyStart {
    pub(super) const fn new() -> Self {
        Self { last: NONE, current: NONE, baseline: NONE, samples: 0, rounds: 0 }
    }

    /// Octets that `acked` octets add to the window (RFC 9406 §4.2).
    pub(super) fn growth(&self, acked: u32, smss: u32) -> u32 {
        let octets = acked.min(smss.saturating_mul(L));
        if self.is_conservative() { octets / CSS_GROWTH_DIVISOR } else { octets }
    }

    /// Whether conservative slow start is going on.
    pub(super) const fn is_conservative(&self) -> bool {
        self.baseline != NONE
    }

    /// An acknowledgment has measured `rtt`, in microseconds; `round_ends` with it. Answers whether slow start is over. A round
    /// counts only if it was `limited` by the window: an unfilled window tells nothing about queues.
    pub(super) fn on_ack(&mut self, rtt: Option<u32>, round_ends: bool, limited: bool) -> bool {
        if let Some(rtt) = rtt {
            self.sample(rtt.min(NONE - 1));
        }
        if !round_ends {
            return false;
        }
        (self.last, self.current, self.samples) = (self.current, NONE, 0);
        if self.is_conservative() && limited {
            self.rounds += 1;
        }
        self.rounds >= CSS_ROUNDS
    }

    fn sample(&mut self, rtt: u32) {
        self.current = self.current.min(rtt);
        self.samples = (self.samples + 1).min(N_RTT_SAMPLE);
        if self.samples < N_RTT_SAMPLE {
            return;
        }
        if self.is_conservative() {
            // The rise was no queue but a whim of the path: slow start goes on.
            if self.current < self.baseline {
                (self.baseline, self.rounds) = (NONE, 0);
            }
        } else if self.last != NONE {
            let rise = (self.last / MIN_RTT_DIVISOR).clamp(MIN_RTT_THRESH, MAX_RTT_THRESH);
            if self.current >= self.last.saturating_add(rise) {
                self.baseline = self.current;
            }
        }
    }
}

#[cfg(test)]
mod tests;
