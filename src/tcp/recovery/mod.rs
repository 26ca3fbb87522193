//! What was sent and when, and what to do when it seems to be lost.
//!
//! | file | what |
//! |---|---|
//! | `records.rs`, `marks.rs` | the scoreboard: the fate of each segment (RFC 6675, 2018 §8) |
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
mod records;
mod undo;

pub(in crate::tcp) use newreno::Duplicates;
pub(in crate::tcp) use probe::{Probed, TailProbe};
pub(in crate::tcp) use prr::{Heard, Prr};
pub(in crate::tcp) use rack::Rack;
pub(in crate::tcp) use records::{Delivery, Fate, Record, Records, Stamp};
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
        }
    }

    /// Whether the window is brought down by PRR.
    pub(in crate::tcp) const fn is_reducing(&self) -> bool {
        matches!(self.phase, Phase::Cwr | Phase::Recovery)
    }
}
