//! What was done for a loss that was none: how to notice, and what to restore.
//!
//! - Eifel (RFC 3522): what is acknowledged answers a segment from before the first retransmission, as its
//!   timestamp says.
//! - D-SACK (RFC 3708): every octet that was sent again has arrived twice.
//! - F-RTO (RFC 5682): after a timeout, acknowledgments go on for what was not sent again.
//!
//! The answer is that of RFC 4015: the window is what it was.

use alloc::vec::Vec;
use core::ops::Range;

use crate::Instant;
use crate::tcp::congestion::Congestion;
use crate::tcp::fingerprint::{Fold, Folder, fold_words};

/// How it was before.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::tcp) struct Undo {
    /// The window.
    pub(in crate::tcp) congestion: Congestion,
    /// What was sent again since, and is not yet reported to have arrived twice; `None` if that is too much to keep
    /// account of, and then D-SACKs undo nothing.
    pub(in crate::tcp) resent: Option<Vec<Range<u64>>>,
    /// When something was first sent again.
    pub(in crate::tcp) first_resent: Option<Instant>,
    /// A timeout was among the reasons.
    pub(in crate::tcp) timed_out: bool,
    /// Something was marked meanwhile (ECN): the window was too large all the same (RFC 4015 §3.2).
    pub(in crate::tcp) marked: bool,
    /// The phase is over; when this is acknowledged, it was for good.
    pub(in crate::tcp) until: Option<u64>,
}

fold_words!(FRto);

impl Fold for Undo {
    fn fold(&self, into: &mut Folder) {
        let Self { congestion, resent, first_resent, timed_out, marked, until } = self;
        if !into.few() {
            congestion.fold(into);
        }
        resent.fold(into);
        first_resent.fold(into);
        into.flags([*timed_out, *marked]);
        until.fold(into);
    }
}

impl Undo {
    /// More pieces than that are not kept: so many needless retransmissions in a round trip are not reordering.
    const MAX_PIECES: usize = 256;

    /// Octets of memory held.
    pub(super) fn memory(&self) -> usize {
        let pieces = self.resent.as_ref().map_or(0, Vec::capacity);
        size_of::<Self>() + pieces * size_of::<Range<u64>>()
    }

    /// Something was sent again.
    pub(in crate::tcp) fn resent(&mut self, range: Range<u64>, now: Instant) {
        self.first_resent = self.first_resent.or(Some(now));
        let Some(resent) = &mut self.resent else { return };
        if resent.len() < Self::MAX_PIECES {
            resent.push(range);
        } else {
            self.resent = None;
        }
    }

    /// `range` has arrived twice. Answers whether everything has that was sent again. What was not sent again is
    /// the network's doing (RFC 3708 §3).
    pub(in crate::tcp) fn arrived_twice(&mut self, range: Range<u64>) -> bool {
        let Some(resent) = &mut self.resent else { return false };
        let before = resent.len();
        resent.retain(|piece| piece.start < range.start || range.end < piece.end);
        before > 0 && resent.is_empty()
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
