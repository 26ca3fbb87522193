//! Duplicate acknowledgments, from which alone a loss can be told where the peer does not permit SACK: RFC 5681
//! §3.2 as RFC 6582 completes it.

use crate::tcp::fingerprint::fold;

/// Duplicates, and what they say has left the network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(in crate::tcp) struct Duplicates {
    /// Since the last acknowledgment of something new.
    count: u32,
    /// Partial acknowledgments in this recovery.
    partial: u32,
    /// Octets that duplicates say have arrived beyond the first gap, and no acknowledgment has covered yet.
    arrived: u64,
}

fold!(Duplicates { count, partial, arrived });

impl Duplicates {
    /// A duplicate as RFC 5681 §2 defines it. `beyond` is what is outstanding beyond the first segment: no more
    /// than that can have arrived, others are made up (RFC 5681 §3.2 step 4, RFC 3042 §4). Answers how many octets
    /// it says have arrived.
    pub(in crate::tcp) fn on_duplicate(&mut self, beyond: u64, smss: u32) -> u64 {
        self.count = self.count.saturating_add(1);
        let arrived = (self.arrived + u64::from(smss)).min(beyond).max(self.arrived);
        let new = arrived - self.arrived;
        self.arrived = arrived;
        new
    }

    /// `octets` were acknowledged, of which `first` are the segment that filled the gap. Answers how many of them
    /// no duplicate had told of.
    pub(in crate::tcp) fn on_new_ack(&mut self, octets: u64, first: u64) -> u64 {
        self.count = 0;
        let known = self.arrived.min(octets.saturating_sub(first));
        self.arrived -= known;
        octets - known
    }

    /// Another partial acknowledgment.
    pub(in crate::tcp) const fn on_partial_ack(&mut self) {
        self.partial = self.partial.saturating_add(1);
    }

    /// Whether there has been exactly one partial acknowledgment in this recovery: only the first restarts the
    /// retransmission timer, so that many losses end in slow start soon (RFC 6582 §3.2 step 3).
    pub(in crate::tcp) const fn is_first_partial(&self) -> bool {
        self.partial == 1
    }

    /// Recovery begins.
    pub(in crate::tcp) const fn begin_recovery(&mut self) {
        self.partial = 0;
    }

    /// What duplicates have said is not to be built on any more: after a timeout, or once nothing is missing.
    pub(in crate::tcp) const fn forget(&mut self) {
        *self = Self { count: self.count, partial: 0, arrived: 0 };
    }

    /// Since the last acknowledgment of something new.
    pub(in crate::tcp) const fn count(&self) -> u32 {
        self.count
    }

    /// Counts one, of a peer whose SACK blocks say more.
    pub(in crate::tcp) const fn just_count(&mut self) {
        self.count = self.count.saturating_add(1);
    }

    /// Starts counting anew.
    pub(in crate::tcp) const fn end_count(&mut self) {
        self.count = 0;
    }

    /// Octets that have arrived beyond the first gap.
    pub(in crate::tcp) const fn arrived(&self) -> u64 {
        self.arrived
    }
}

#[cfg(test)]
mod tests;
