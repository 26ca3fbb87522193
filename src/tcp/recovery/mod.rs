//! What was sent and when, and what to do when it seems to be lost.
//!
//! | file | what |
//! |---|---|
//! | `record.rs`, `records.rs`, `marks.rs` | the scoreboard: the fate of each segment (RFC 6675, 2018 §8) |
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
mod undo;

pub(in crate::tcp) use newreno::Duplicates;
pub(in crate::tcp) use probe::{Probed, TailProbe};
pub(in crate::tcp) use prr::{Heard, Prr};
pub(in crate::tcp) use rack::Rack;
pub(in crate::tcp) use record::{Delivery, Fate, Record, Stamp};
pub(in crate::tcp) use records::Records;
pub(in crate::tcp) use undo::{FRto, Undo};

use alloc::boxed::Box;

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
    pub(in crate::tcp) prr: Prr,
    pub(in crate::tcp) rack: Rack,
    pub(in crate::tcp) probe: TailProbe,
    pub(in crate::tcp) duplicates: Duplicates,
    pub(in crate::tcp) f_rto: FRto,
    /// How it was before the phase began; kept for a round trip longer.
    pub(in crate::tcp) undo: Option<Box<Undo>>,
    /// How often something was undone in this window of data, and the position where the next one begins.
    pub(in crate::tcp) undone: (u8, u64),
    /// Undone because of a timestamp, and no D-SACK has come since: the copy that was not needed should call one forth.
    pub(in crate::tcp) unconfirmed: u8,
}

impl Recovery {
    /// `start` is the position of the SYN (RFC 6582 §3.2 step 1).
    pub(in crate::tcp) fn new(start: u64) -> Self {
        Self {
            phase: Phase::Open,
            high: start,
            prr: Prr::default(),
            rack: Rack::new(),
            probe: TailProbe::new(),
            duplicates: Duplicates::new(),
            f_rto: FRto::Off,
            undo: None,
            undone: (0, start),
            unconfirmed: 0,
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
    pub(in crate::tcp) const fn count_undo(&mut self, una: u64, max: u64) {
        if una >= self.undone.1 {
            self.undone = (0, max);
        }
        self.undone.0 += 1;
    }

    /// Whether one more may be.
    pub(in crate::tcp) const fn may_undo(&self, una: u64) -> bool {
        una >= self.undone.1 || self.undone.0 < Self::MOST_UNDONE
    }

    /// Whether the window is brought down by PRR.
    pub(in crate::tcp) const fn is_reducing(&self) -> bool {
        matches!(self.phase, Phase::Cwr | Phase::Recovery)
    }
}
