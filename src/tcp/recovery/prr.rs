//! How much goes out for each acknowledgment while the window comes down: Proportional Rate Reduction, RFC 9937.

use crate::tcp::fingerprint::fold;

/// The variables of RFC 9937 §5, in octets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(in crate::tcp) struct Prr {
    /// prr_delivered: what has arrived since recovery began.
    delivered: u64,
    /// prr_out: what was sent since.
    out: u64,
    /// RecoverFS: what was in flight when it began.
    recover_fs: u64,
}

/// What one acknowledgment means for the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::tcp) struct Heard {
    /// DeliveredData.
    pub(in crate::tcp) delivered: u64,
    /// Octets in flight now.
    pub(in crate::tcp) in_flight: u64,
    /// SafeACK: SND.UNA has moved, and nothing more was found to be lost.
    pub(in crate::tcp) safe: bool,
    /// The target.
    pub(in crate::tcp) ssthresh: u64,
    pub(in crate::tcp) smss: u64,
    /// What may go out is counted in whole segments, rounded up.
    pub(in crate::tcp) whole: bool,
}

fold!(Prr { delivered, out, recover_fs });

impl Prr {
    /// Recovery begins with so many octets in flight, those included that the acknowledgment has delivered with
    /// which it begins.
    pub(in crate::tcp) fn begin(in_flight: u64) -> Self {
        Self { delivered: 0, out: 0, recover_fs: in_flight.max(1) }
    }

    /// Octets were sent.
    pub(in crate::tcp) const fn sent(&mut self, octets: u64) {
        self.out = self.out.saturating_add(octets);
    }

    /// The congestion window after an acknowledgment (RFC 9937 §6.2): above the target in proportion to what
    /// arrives, below it as much as arrives, and a segment more where that is safe. The first retransmission is
    /// never held back.
    pub(in crate::tcp) fn window(&mut self, heard: &Heard) -> u64 {
        let Heard { delivered, in_flight, safe, ssthresh, smss, whole } = *heard;
        self.delivered = self.delivered.saturating_add(delivered);
        let mut allowed = if in_flight > ssthresh {
            let share = u128::from(self.delivered) * u128::from(ssthresh);
            let share = share.div_ceil(u128::from(self.recover_fs.max(1)));
            let share = if whole { share.next_multiple_of(u128::from(smss.max(1))) } else { share };
            u64::try_from(share).unwrap_or(u64::MAX).saturating_sub(self.out)
        } else if delivered == 0 {
            0
        } else {
            let conserved = self.delivered.saturating_sub(self.out).max(delivered);
            let allowed = conserved + if safe { smss } else { 0 };
            allowed.min(ssthresh - in_flight)
        };
        if self.out == 0 {
            allowed = allowed.max(smss);
        }
        in_flight.saturating_add(allowed)
    }
}

#[cfg(test)]
mod tests;
