//! A probe for the tail: TLP of RFC 8985 §7.
//!
//! When the last segments of a flight are lost, nothing arrives behind them that could tell. After two round trips
//! without an acknowledgment one segment is sent, new or the last one again, so that its acknowledgment tells.

use crate::tcp::compact::Maybe;
use crate::tcp::fingerprint::{Fold, Folder};

/// TLP.* of RFC 8985 §7.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::tcp) struct TailProbe {
    /// TLP.end_seq: SND.MAX after the probe, until that is acknowledged.
    end: Maybe,
    /// TLP.is_retrans: it was the last segment again.
    repeated: bool,
    /// There was a sample of the round trip since the last probe: one probe, or a row of them, must not be all
    /// that measures the path (§7.3).
    sampled: bool,
    /// One is to be sent.
    due: bool,
}

/// What an acknowledgment says of the probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::tcp) enum Probed {
    /// Nothing, or nothing was lost.
    Nothing,
    /// The probe has repaired the loss of the last segment, which asks for a smaller window like any other.
    Repaired,
}

impl Fold for TailProbe {
    fn fold(&self, into: &mut Folder) {
        let Self { end, repeated, sampled, due } = self;
        end.fold(into);
        into.flags([*repeated && !end.is_none(), *sampled, *due]);
    }
}

impl TailProbe {
    pub(in crate::tcp) const fn new() -> Self {
        Self { end: Maybe::NONE, repeated: false, sampled: true, due: false }
    }

    /// Whether another one may be sent (§7.3): one at a time, and one for each sample.
    // RFC 8985-22
    pub(in crate::tcp) const fn is_allowed(&self) -> bool {
        self.end.is_none() && self.sampled && !self.due
    }

    /// Whether a D-SACK for what ends at `end` is the answer to the probe.
    pub(in crate::tcp) fn explains(&self, end: u64) -> bool {
        self.repeated && self.end == Maybe::some(end)
    }

    /// The probe timer has expired.
    pub(in crate::tcp) const fn make_due(&mut self) {
        self.due = true;
    }

    /// Whether one is to be sent.
    pub(in crate::tcp) const fn is_due(&self) -> bool {
        self.due
    }

    /// Takes the order to send one.
    pub(in crate::tcp) const fn take_due(&mut self) -> bool {
        core::mem::replace(&mut self.due, false)
    }

    /// It was sent; `end` is SND.MAX then.
    pub(in crate::tcp) const fn sent(&mut self, end: u64, repeated: bool) {
        *self = Self { end: Maybe::some(end), repeated, sampled: false, due: false };
    }

    /// A round trip was measured.
    pub(in crate::tcp) const fn on_sample(&mut self) {
        self.sampled = true;
    }

    /// The probe is of no concern any more: a timeout came first.
    pub(in crate::tcp) const fn forget(&mut self) {
        (self.end, self.due) = (Maybe::NONE, false);
    }

    /// An acknowledgment up to `acknowledged` (§7.4.2). `dsack_end` is the end of what it reports as a duplicate,
    /// `plain` says that it is a duplicate without SACK blocks.
    // RFC 8985-24, 8985-26
    pub(in crate::tcp) fn hear(&mut self, acknowledged: u64, dsack_end: Option<u64>, plain: bool) -> Probed {
        let Some(end) = self.end.get().filter(|&end| acknowledged >= end) else { return Probed::Nothing };
        if !self.repeated || dsack_end == Some(end) {
            // New data was the probe, or both copies of the last segment have arrived.
            self.end = Maybe::NONE;
        } else if acknowledged > end {
            self.end = Maybe::NONE;
            return Probed::Repaired;
        } else if plain {
            self.end = Maybe::NONE;
        }
        Probed::Nothing
    }
}

#[cfg(test)]
mod tests;
