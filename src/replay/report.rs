//! What a replay found, as values and in the three forms in which it is shown.
//!
//! | form | for |
//! |---|---|
//! | [`table`] | people: a row for each flow |
//! | [`story`] | people: one flow, packet by packet |
//! | `jsonl` (feature `serde`) | programs: an object per line |

#[cfg(feature = "serde")]
pub mod jsonl;
pub mod story;
pub mod table;
/// Small things that the reports for people share: short numbers, colours, wrapping.
pub mod text {
    pub(crate) use crate::ladder::look::wrap;
    pub use crate::ladder::look::{Look, Paint, plural, short_count, short_span};
}

use super::anomaly::{Anomaly, AnomalySet};
use super::dissect::SkipReason;
use super::observer::{Close, Observed, Open};
use super::reassembly::StreamSummary;
use super::worlds::End;
use crate::SeqNumber;
use crate::tcp::state::State;
use crate::time::Instant;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

/// Everything that was found out about one flow. Pairs are in the order `[a, b]`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct FlowReport {
    /// The flow's number: 0 for the one whose first frame comes first.
    pub flow: u64,
    /// The end that sent the first frame.
    pub a: SocketAddr,
    /// The other end.
    pub b: SocketAddr,
    /// Frames are numbered from 1 in the capture.
    pub first_frame: u64,
    /// The last frame of the flow.
    pub last_frame: u64,
    /// The time of the first frame.
    pub start: Instant,
    /// From the first frame to the last.
    pub duration: Duration,
    /// Frames sent by each end.
    pub frames: [u64; 2],
    /// Octets of TCP payload by the IP length, captured or not, repeats counted.
    pub payload_bytes: [u64; 2],
    /// Segments with SYN.
    pub syn: [u32; 2],
    /// Segments with FIN.
    pub fin: [u32; 2],
    /// Segments with RST.
    pub rst: [u32; 2],
    /// The sequence number of the first SYN.
    pub isn: [Option<SeqNumber>; 2],
    /// What each end sent, put together.
    pub stream: [StreamSummary; 2],
    /// How the connection was opened.
    pub open: Open,
    /// How it was closed.
    pub close: Close,
    /// Who gave the connection up by a reset, if somebody did.
    pub reset_by: Option<End>,
    /// The last known states; `None`: cannot be known.
    pub state: [Option<State>; 2],
    /// Every change of a state, in order.
    pub transitions: Vec<Observed>,
    /// The frames with each kind of anomaly, in order of [`Anomaly::ALL`].
    pub anomalies: Vec<(Anomaly, Vec<u64>)>,
}

impl FlowReport {
    /// The states of both ends before the flow's first frame: who calls has nothing yet, and whoever is called
    /// is taken to be listening.
    #[must_use]
    pub fn initial_states(&self) -> [Option<State>; 2] {
        let calls =
            |end| self.transitions.iter().any(|seen| seen.end == end && seen.state == Some(State::SynSent));
        let start = |calls| Some(if calls { State::Closed } else { State::Listen });
        match [calls(End::A), calls(End::B)] {
            [false, false] => [None, None],
            [a, b] => [start(a), start(b)],
        }
    }

    /// The anomalies of `frame`.
    #[must_use]
    pub fn anomalies_of(&self, frame: u64) -> AnomalySet {
        let mut set = AnomalySet::default();
        for (kind, frames) in &self.anomalies {
            if frames.binary_search(&frame).is_ok() {
                set.insert(*kind);
            }
        }
        set
    }
}

/// The totals of a replay.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Summary {
    /// Flows found.
    pub flows: u64,
    /// Frames read.
    pub frames: u64,
    /// Frames that belong to no flow, by reason.
    pub skipped: BTreeMap<SkipReason, u64>,
}
