//! Captured traffic, followed connection by connection: which states both ends went through, how each
//! connection was opened and closed, what went wrong, and the octets that were sent.
//!
//! [`Replay`] takes frames one by one and gives a [`FlowReport`] for each TCP flow. The words it uses are
//! defined in `docs/replay.md`.
//!
//! - **States** are what an observer may say: see [`Observed`]. What cannot be known is `None`.
//! - **Memory**: an open flow keeps octets that are out of order and a history to compare repeats with, up to
//!   [`ReplayConfig::memory_per_flow`]; a closed flow keeps at most 1 KiB. Lists that grow with the traffic go to
//!   a [`Spill`].
//! - **Purity**: time is the capture's; the same frames give the same reports.
//!
//! ```
//! use tcpstate::capture::CaptureReader;
//! use tcpstate::replay::{Replay, ReplayConfig};
//!
//! # let file: &[u8] = include_bytes!("../../tests/captures/refused.pcapng");
//! let mut capture = CaptureReader::new(file)?;
//! let mut replay = Replay::new(ReplayConfig::default());
//! while let Some(frame) = capture.next_frame()? {
//!     replay.frame(&frame)?;
//! }
//! let mut finished = replay.finish()?;
//! let flow = finished.next_flow()?.expect("there is a flow");
//! assert_eq!(flow.open.name(), "refused");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod anomaly;
mod dissect;
mod flow;
mod observer;
mod reassembly;
pub mod report;
mod sequence;
mod spill;
mod table;
#[cfg(test)]
mod testing;
mod worlds;

pub use anomaly::{Anomaly, AnomalySet};
pub use dissect::SkipReason;
pub use observer::{Close, Observed, Open};
pub use reassembly::StreamSummary;
pub use report::{FlowReport, Summary};
pub use spill::{FileSpill, MemorySpill, Spill};
pub use worlds::End;

use crate::capture::Frame;
use crate::time::Instant;
use crate::wire::FragmentLimits;
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use core::time::Duration;
use dissect::{Dissected, Dissector, Sent};
use flow::{Checked, Flow, FrameAt};
use reassembly::Shared;
use std::io;
use table::FlowTable;

/// What a replay is to do. Begin with the default and change fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReplayConfig {
    /// How long TIME-WAIT lasts (2·MSL). Default: 4 minutes (RFC 9293 §3.4.2 takes an MSL of 2 minutes).
    pub two_msl: Duration,
    /// Octets that an open flow may keep for both directions together. Default: 64 MiB.
    pub memory_per_flow: usize,
    /// Octets that all flows together may keep of what was delivered, to compare repeats with; each direction
    /// may keep 256 KiB even when this is used up. Default: 64 MiB, so that one flow may use all of its own.
    pub history_memory: usize,
    /// Whether to hash the streams.
    pub hash_streams: bool,
    /// Whether flows are let go of when they end, so that memory does not grow with their number:
    /// [`Replay::poll_ended`] gives them.
    pub forget_ended: bool,
    /// Octets that fragments may take while they wait for each other. Default: 4 MiB.
    pub fragment_memory: usize,
}

impl Default for ReplayConfig {
    fn default() -> Self {
        Self {
            two_msl: Duration::from_secs(240),
            memory_per_flow: 64 << 20,
            history_memory: 64 << 20,
            hash_streams: true,
            forget_ended: false,
            fragment_memory: 4 << 20,
        }
    }
}

/// Why a replay cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// The store for long lists failed: give another one to [`Replay::with_spill`].
    #[error("cannot store what a long flow's lists hold: {0}")]
    Spill(#[from] io::Error),
}

/// What the streams of all flows share.
struct Store {
    config: ReplayConfig,
    /// Octets of history that are kept now.
    history: usize,
    spill: Box<dyn Spill + Send>,
}

impl Store {
    fn shared(&mut self) -> Shared<'_> {
        Shared {
            memory: self.config.memory_per_flow / 2,
            hash: self.config.hash_streams,
            history_limit: self.config.history_memory,
            history: &mut self.history,
            spill: &mut *self.spill,
        }
    }
}

/// Follows every TCP flow of a capture.
pub struct Replay {
    config: ReplayConfig,
    dissector: Dissector,
    table: FlowTable,
    store: Store,
    now: Instant,
    frames: u64,
    skipped: BTreeMap<SkipReason, u64>,
    ended: VecDeque<FlowReport>,
}

impl core::fmt::Debug for Replay {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Replay")
            .field("config", &self.config)
            .field("flows", &self.table.created())
            .field("frames", &self.frames)
            .finish_non_exhaustive()
    }
}

impl Replay {
    /// A replay that keeps everything in memory.
    #[must_use]
    pub fn new(config: ReplayConfig) -> Self {
        Self::with_spill(config, Box::new(MemorySpill::default()))
    }

    /// A replay that stores long lists in `spill`.
    #[must_use]
    pub fn with_spill(config: ReplayConfig, spill: Box<dyn Spill + Send>) -> Self {
        Self {
            config,
            dissector: Dissector::new(FragmentLimits {
                memory: config.fragment_memory,
                ..Default::default()
            }),
            table: FlowTable::default(),
            store: Store { config, history: 0, spill },
            now: Instant::ZERO,
            frames: 0,
            skipped: BTreeMap::new(),
            ended: VecDeque::new(),
        }
    }

    /// Takes the next frame of the capture.
    ///
    /// # Errors
    /// [`ReplayError::Spill`] when the store for long lists fails; whatever the frame holds is no error.
    pub fn frame(&mut self, frame: &Frame<'_>) -> Result<(), ReplayError> {
        self.frames += 1;
        self.now = self.now.max(frame.time);
        let at = FrameAt { number: frame.number, time: frame.time, now: self.now };
        self.run_deadlines(at)?;
        match self.dissector.dissect(frame, self.now) {
            Dissected::Tcp(sent) => self.segment(at, &sent)?,
            Dissected::Skip(reason) => self.skip(reason, 1),
            Dissected::Whole(whole) => match whole.segment() {
                Ok(sent) => self.segment(at, &sent)?,
                Err(reason) => self.skip(reason, 1),
            },
        }
        Ok(())
    }

    /// Counts `count` frames that hold nothing to follow, for a reason that only the reader of the file knows.
    pub fn skip(&mut self, reason: SkipReason, count: u64) {
        if count > 0 {
            *self.skipped.entry(reason).or_default() += count;
        }
    }

    /// A flow that has ended and was let go of, if [`ReplayConfig::forget_ended`] asks for that. They come in
    /// the order in which they ended.
    pub fn poll_ended(&mut self) -> Option<FlowReport> {
        self.ended.pop_front()
    }

    /// How many flows have begun so far.
    #[must_use]
    pub fn flows(&self) -> u64 {
        self.table.created()
    }

    /// The capture is over: every flow is reported as it stands, in order of first frame.
    ///
    /// # Errors
    /// [`ReplayError::Spill`] when the store for long lists fails.
    pub fn finish(mut self) -> Result<Finished, ReplayError> {
        let mut shared = self.store.shared();
        self.table.settle_all(&mut shared)?;
        let numbering = !self.config.forget_ended;
        let created = self.table.created();
        Ok(Finished {
            store: self.store,
            ended: self.ended,
            flows: Box::new(self.table.into_flows()),
            next_number: numbering.then_some(0),
            summary: Summary { flows: created, frames: self.frames, skipped: self.skipped },
        })
    }

    fn segment(&mut self, at: FrameAt, sent: &Sent<'_>) -> Result<(), ReplayError> {
        let checked = Checked {
            segment: &sent.segment,
            checksum: sent.segment.checksum_status(sent.from.ip(), sent.to.ip()),
            ip_checksum_ok: sent.ip_checksum_ok,
        };
        let mut shared = self.store.shared();
        let slot = self.table.take(at, sent.from, sent.to, checked, &mut shared)?;
        self.set_deadline(slot);
        Ok(())
    }

    fn set_deadline(&mut self, slot: u32) {
        let (two_msl, forget) = (self.config.two_msl, self.config.forget_ended);
        self.table.set_deadlines(slot, |flow| flow.next_deadline(two_msl, forget));
    }

    fn run_deadlines(&mut self, at: FrameAt) -> Result<(), ReplayError> {
        while let Some(slot) = self.table.pop_due(at.now) {
            let mut shared = self.store.shared();
            let Some(flow) = self.table.flow_mut(slot) else { continue };
            let over = flow.on_deadline(at, self.config.two_msl, self.config.forget_ended, &mut shared)?;
            if over {
                let report = flow.report(&mut shared)?;
                self.ended.push_back(report);
                let successor = self.table.settle_without_next(slot, &mut shared)?;
                self.table.forget(slot);
                if successor != slot {
                    self.set_deadline(successor);
                }
            } else {
                // Later than now, whatever the flow says: every turn of this loop makes progress.
                let (two_msl, forget) = (self.config.two_msl, self.config.forget_ended);
                let later = at.now + Duration::from_nanos(1);
                self.table
                    .set_deadlines(slot, |flow| flow.next_deadline(two_msl, forget).map(|at| at.max(later)));
            }
        }
        Ok(())
    }
}

/// The reports that are left when a capture is over.
pub struct Finished {
    store: Store,
    ended: VecDeque<FlowReport>,
    flows: Box<dyn Iterator<Item = Box<Flow>> + Send>,
    /// Flows are numbered anew in order of first frame, unless some were printed with their number before.
    next_number: Option<u64>,
    /// The totals.
    pub summary: Summary,
}

impl core::fmt::Debug for Finished {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Finished").field("summary", &self.summary).finish_non_exhaustive()
    }
}

impl Finished {
    /// The next flow, in order of first frame; `None` after the last.
    ///
    /// # Errors
    /// [`ReplayError::Spill`] when the store for long lists fails.
    pub fn next_flow(&mut self) -> Result<Option<FlowReport>, ReplayError> {
        if let Some(report) = self.ended.pop_front() {
            return Ok(Some(report));
        }
        let Some(mut flow) = self.flows.next() else { return Ok(None) };
        if let Some(number) = &mut self.next_number {
            flow.number = *number;
            *number += 1;
        }
        let mut shared = self.store.shared();
        Ok(Some(flow.report(&mut shared)?))
    }
}

/// The same as [`Finished::next_flow`].
impl Iterator for Finished {
    type Item = Result<FlowReport, ReplayError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_flow().transpose()
    }
}

#[cfg(test)]
mod tests;
