//! What a host has seen and done, in numbers.

use super::IgnoreReason;
use crate::tcp::DropReason;

/// Counters of a host since it was made. They never go back, and wrap after 2⁶⁴.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct HostStats {
    /// Packets handed in.
    pub packets_in: u64,
    /// Octets of the packets handed in.
    pub octets_in: u64,
    /// Packets handed out; one that is to be cut up counts once.
    pub packets_out: u64,
    /// Octets of the packets handed out.
    pub octets_out: u64,
    /// Packets that went from this host to itself.
    pub looped: u64,
    /// TCP segments that reached a connection.
    pub segments_in: u64,
    /// TCP segments that connections sent.
    pub segments_out: u64,
    /// Connections opened actively.
    pub active_opens: u64,
    /// Connections that a listener was given.
    pub passive_opens: u64,
    /// Connections that are over, for any reason.
    pub closed: u64,
    /// Resets sent for closed ports.
    pub resets_out: u64,
    /// Answers that were not given because too many had been given lately, or waited.
    pub answers_withheld: u64,
    /// Events taken by the user.
    pub events: u64,
    /// Segments whose octets were refused because the host holds too much memory.
    pub refused_for_memory: u64,
    /// Connections whose octets out of order were given up for memory's sake.
    pub reneged: u64,
    /// Orphans that were reset, for their number, their age or memory's sake (RFC 6429).
    pub orphans_reset: u64,
    /// Connections that were released for their user, because too many were over.
    pub released_by_force: u64,
    ignored: [u64; IgnoreReason::ALL.len()],
    refused: [u64; DropReason::ALL.len()],
}

impl HostStats {
    /// Packets that were ignored for a reason.
    #[must_use]
    pub fn ignored(&self, reason: IgnoreReason) -> u64 {
        let at = IgnoreReason::ALL.iter().position(|&other| other == reason);
        at.and_then(|at| self.ignored.get(at)).copied().unwrap_or(0)
    }

    /// Segments that a connection refused for a reason.
    #[must_use]
    pub fn refused(&self, reason: DropReason) -> u64 {
        let at = DropReason::ALL.iter().position(|&other| other == reason);
        at.and_then(|at| self.refused.get(at)).copied().unwrap_or(0)
    }

    /// Every reason for which anything was ignored or refused, as a word, with how often.
    pub fn reasons(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let ignored = IgnoreReason::ALL.iter().map(|reason| reason.name()).zip(self.ignored);
        let refused = DropReason::ALL.iter().map(|reason| reason.name()).zip(self.refused);
        ignored.chain(refused).filter(|&(_, count)| count > 0)
    }

    #[cold]
    pub(super) fn ignore(&mut self, reason: IgnoreReason) {
        let at = IgnoreReason::ALL.iter().position(|&other| other == reason);
        if let Some(count) = at.and_then(|at| self.ignored.get_mut(at)) {
            *count += 1;
        }
    }

    #[cold]
    pub(super) fn refuse(&mut self, reason: DropReason) {
        let at = DropReason::ALL.iter().position(|&other| other == reason);
        if let Some(count) = at.and_then(|at| self.refused.get_mut(at)) {
            *count += 1;
        }
    }
}
