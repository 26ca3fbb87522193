//! What was done for a loss that was none: how to notice, and what to restore.
//!
//! - Eifel (RFC 3522): what is acknowledged answers a segment from before the first retransmission, as its
//!   timestamp says.
//! - D-SACK (RFC 3708): every octet that was sent again has arrived twice.
//! - F-RTO (RFC 5682): after a timeout, acknowledgments go on for what was not sent again.
//!
//! The answer is that of RFC 4015: the window is what it was.

use crate::Instant;
use crate::tcp::congestion::Congestion;

/// How it was before.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::tcp) struct Undo {
    /// The window.
    pub(in crate::tcp) congestion: Congestion,
    /// SND.UNA when the phase began: D-SACKs for what lies before are of an earlier one.
    pub(in crate::tcp) from: u64,
    /// Octets sent again since, and not yet reported to have arrived twice.
    pub(in crate::tcp) resent: u64,
    /// When something was first sent again.
    pub(in crate::tcp) first_resent: Option<Instant>,
    /// A timeout was among the reasons.
    pub(in crate::tcp) timed_out: bool,
    /// The phase is over; when this is acknowledged, it was for good.
    pub(in crate::tcp) until: Option<u64>,
}

impl Undo {
    /// Something was sent again.
    pub(in crate::tcp) fn resent(&mut self, octets: u64, now: Instant) {
        self.resent += octets;
        self.first_resent = self.first_resent.or(Some(now));
    }

    /// `octets` from `start` on have arrived twice. Answers whether everything has that was sent again.
    pub(in crate::tcp) const fn arrived_twice(&mut self, start: u64, octets: u64) -> bool {
        if start < self.from || self.resent == 0 {
            return false;
        }
        self.resent = self.resent.saturating_sub(octets);
        self.resent == 0
    }
}

/// Forward RTO-Recovery: RFC 5682 §2.1 and §3.1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(in crate::tcp) enum FRto {
    /// Not going on: what is lost is sent again.
    #[default]
    Off,
    /// The first segment was sent again after the timeout: does its acknowledgment go on?
    First,
    /// It does: two new segments may go out instead of what seems to be lost (step 2b).
    New,
}

#[cfg(test)]
mod tests;
