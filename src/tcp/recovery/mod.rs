//! What was sent and when, and what to do when it seems to be lost.
//!
//! | file | what |
//! |---|---|
//! | `record.rs`, `records.rs`, `marks.rs`, `scoreboard.rs` | the scoreboard: the fate of each segment (RFC 6675, 2018 §8) |
//! | `rack.rs` | losses told from time (RFC 8985 §6) |
//! | `probe.rs` | a probe for the tail (TLP, RFC 8985 §7) |
//! | `newreno.rs` | losses told from duplicates, for peers without SACK (RFC 6582) |
//! | `prr.rs` | how much goes out in recovery (RFC 9937) |
//! | `undo.rs` | what was in vain is taken back (RFC 3522, 3708, 4015, 5682) |
//!
//! They hold no timer and no window; [`repair`](super::repair) puts them together. How much may be sent is the
//! matter of [`congestion`](super::congestion).

mod marks;
mod newreno;
mod probe;
mod prr;
mod rack;
mod record;
mod records;
mod scoreboard;
mod undo;

pub(in crate::tcp) use newreno::Duplicates;
pub(in crate::tcp) use probe::{Probed, TailProbe};
pub(in crate::tcp) use prr::{Heard, Prr};
pub(in crate::tcp) use rack::Rack;
pub(in crate::tcp) use record::{Delivery, Fate, Record, Stamp};
#[cfg(test)]
pub(in crate::tcp) use records::Records;
pub(in crate::tcp) use scoreboard::Scoreboard;
pub(in crate::tcp) use undo::{FRto, Undo};

use alloc::boxed::Box;

use super::compact::Seldom;
use super::fingerprint::{Fold as _, Folder, fold_words};

/// What the sender is doing about congestion.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(in crate::tcp) enum Phase {
    /// Nothing.
    #[default]
    Open,
    /// The network has asked for less (ECN): the window comes down.
    Cwr,
    /// Something was lost: the window comes down while it is sent again.
    Recovery,
    /// The retransmission timer has expired: everything is sent again from a window of one segment.
    Loss,
}

/// Everything that recovery remembers beside the scoreboard.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::tcp) struct Recovery {
    pub(in crate::tcp) phase: Phase,
    /// What had been sent when this phase, or the last one, began: RecoveryPoint of RFC 6675, `recover` of
    /// RFC 6582 (which counts the last octet itself, one less).
    pub(in crate::tcp) high: u64,
    pub(in crate::tcp) rack: Rack,
    pub(in crate::tcp) probe: TailProbe,
    pub(in crate::tcp) f_rto: FRto,
    /// How it was before the phase began; kept for a round trip longer.
    pub(in crate::tcp) undo: Option<Box<Undo>>,
    /// Undone because of a timestamp, and no D-SACK has come since: the copy that was not needed should call one forth.
    pub(in crate::tcp) unconfirmed: u8,
    /// What there is only after a loss, or without SACK.
    pub(in crate::tcp) odd: Seldom<Odd>,
}

/// What recovery remembers of losses, and duplicates.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(in crate::tcp) struct Odd {
    pub(in crate::tcp) prr: Prr,
    pub(in crate::tcp) duplicates: Duplicates,
    /// How often something was undone in this window of data, and the position where the next one begins.
    undone: (u8, u64),
}

fold_words!(Phase);

impl Recovery {
    /// What counts of it for a fingerprint; `una` is SND.UNA.
    pub(in crate::tcp) fn fold_with(&self, una: u64, into: &mut Folder) {
        let Self { phase, high, rack, probe, f_rto, undo, unconfirmed, odd } = self;
        (phase, high).fold(into);
        (rack, probe).fold(into);
        (f_rto, undo).fold(into);
        unconfirmed.fold(into);
        let none = Odd::default();
        let Odd { prr, duplicates, undone } = odd.get().unwrap_or(&none);
        // It begins anew with the next reduction.
        self.is_reducing().then_some(prr).fold(into);
        duplicates.fold(into);
        // What was undone in an earlier window of data does not count any more.
        (una < undone.1).then_some(undone).fold(into);
    }

    /// `start` is the position of the SYN (RFC 6582 §3.2 step 1).
    pub(in crate::tcp) fn new(start: u64) -> Self {
        Self {
            phase: Phase::Open,
            high: start,
            rack: Rack::new(),
            probe: TailProbe::new(),
            f_rto: FRto::Off,
            undo: None,
            unconfirmed: 0,
            odd: Seldom::new(),
        }
    }

    /// So often in a window of data what looked like a loss may prove to be none. An undo costs as much as there are
    /// records, and a peer might make us do and undo for ever.
    const MOST_UNDONE: u8 = 4;

    /// So often in a row a timestamp is believed though no D-SACK bears it out. A receiver that always echoes the
    /// timestamp of the first copy would else never have to suffer a loss.
    const MOST_UNCONFIRMED: u8 = 8;

    /// Whether a timestamp may undo something.
    pub(in crate::tcp) const fn trusts_timestamps(&self) -> bool {
        self.unconfirmed < Self::MOST_UNCONFIRMED
    }

    /// Something is undone; `una` and `max` are SND.UNA and SND.MAX.
    pub(in crate::tcp) fn count_undo(&mut self, una: u64, max: u64) {
        let undone = &mut self.odd.make().undone;
        if una >= undone.1 {
            *undone = (0, max);
        }
        undone.0 += 1;
    }

    /// Whether one more may be.
    pub(in crate::tcp) fn may_undo(&self, una: u64) -> bool {
        let (times, until) = self.odd.read(|odd| odd.undone);
        una >= until || times < Self::MOST_UNDONE
    }

    /// What duplicates have said.
    pub(in crate::tcp) fn duplicates(&self) -> Duplicates {
        self.odd.read(|odd| odd.duplicates)
    }

    /// What duplicates have said, where they have, to change it for what says less than one.
    pub(in crate::tcp) fn heard_duplicates(&mut self) -> Option<&mut Duplicates> {
        self.odd.if_any().map(|odd| &mut odd.duplicates)
    }

    /// What duplicates have said is not to be built on any more.
    pub(in crate::tcp) fn forget_duplicates(&mut self) {
        if let Some(duplicates) = self.heard_duplicates() {
            duplicates.forget();
        }
    }

    /// Nothing is outstanding, and everything before `una` is acknowledged: gives back memory.
    pub(in crate::tcp) fn rest(&mut self, una: u64) {
        self.undo = None;
        let reducing = self.is_reducing();
        if let Some(odd) = self.odd.if_any() {
            if !reducing {
                odd.prr = Prr::default();
            }
            if una >= odd.undone.1 {
                odd.undone = (0, 0);
            }
        }
        self.odd.rest();
        self.rack.rest();
    }

    /// Octets of memory held.
    pub(in crate::tcp) fn memory(&self) -> usize {
        self.odd.memory() + self.rack.memory() + self.undo.as_ref().map_or(0, |undo| undo.memory())
    }

    /// Whether the window is brought down by PRR.
    pub(in crate::tcp) const fn is_reducing(&self) -> bool {
        matches!(self.phase, Phase::Cwr | Phase::Recovery)
    }
}
