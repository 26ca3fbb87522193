//! What may be wrong with a frame, and the record of which frames it was.

use super::spill::{NumberList, Spill};
use alloc::vec::Vec;
use core::fmt;
use std::io;

/// Something about a frame that a reader of the capture would want to know. `docs/replay.md` defines each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Anomaly {
    /// Sequence space that this end has sent before, or that fills a gap too late to be a reordering.
    Retransmission,
    /// Fills a gap in the sequence numbers so soon that the network must have swapped segments.
    OutOfOrder,
    /// A duplicate acknowledgment (RFC 5681 §2): data is outstanding, and the same octet is asked for again.
    DuplicateAck,
    /// The segment begins beyond the next expected sequence number: one before it is missing so far.
    LostSegment,
    /// Acknowledges octets that are not in the capture: they arrived, the capture just lacks them.
    NotCaptured,
    /// This end advertises a receive window of zero.
    ZeroWindow,
    /// Probes a peer that has closed its window (RFC 9293 §3.8.6.1).
    WindowProbe,
    /// A keepalive probe (RFC 9293 §3.8.4): one octet before the next, nothing outstanding.
    Keepalive,
    /// The first frame of a flow whose five values were used by an earlier flow.
    PortReuse,
    /// The TCP checksum (or the IPv4 header's) does not match; often left to the network card.
    BadChecksum,
    /// Carries other octets than an earlier copy of the same sequence space.
    Overlap,
    /// A sequence number so far from the others that it is not taken into account.
    OutOfWindow,
}

impl Anomaly {
    /// Every kind, in the order in which reports list them.
    pub const ALL: [Self; 12] = [
        Self::Retransmission,
        Self::OutOfOrder,
        Self::DuplicateAck,
        Self::LostSegment,
        Self::NotCaptured,
        Self::ZeroWindow,
        Self::WindowProbe,
        Self::Keepalive,
        Self::PortReuse,
        Self::BadChecksum,
        Self::Overlap,
        Self::OutOfWindow,
    ];

    /// The key in JSON: `duplicate_ack`.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Retransmission => "retransmission",
            Self::OutOfOrder => "out_of_order",
            Self::DuplicateAck => "duplicate_ack",
            Self::LostSegment => "lost_segment",
            Self::NotCaptured => "not_captured",
            Self::ZeroWindow => "zero_window",
            Self::WindowProbe => "window_probe",
            Self::Keepalive => "keepalive",
            Self::PortReuse => "port_reuse",
            Self::BadChecksum => "bad_checksum",
            Self::Overlap => "overlap",
            Self::OutOfWindow => "out_of_window",
        }
    }

    /// The name for people: `duplicate ACK`.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Retransmission => "retransmission",
            Self::OutOfOrder => "out of order",
            Self::DuplicateAck => "duplicate ACK",
            Self::LostSegment => "lost segment",
            Self::NotCaptured => "not captured",
            Self::ZeroWindow => "zero window",
            Self::WindowProbe => "window probe",
            Self::Keepalive => "keepalive",
            Self::PortReuse => "port reuse",
            Self::BadChecksum => "bad checksum",
            Self::Overlap => "overlap",
            Self::OutOfWindow => "out of window",
        }
    }
}

impl fmt::Display for Anomaly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.label())
    }
}

/// A few anomalies of one frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AnomalySet(u16);

impl AnomalySet {
    /// Adds one.
    pub const fn insert(&mut self, kind: Anomaly) {
        self.0 |= 1 << kind as u16;
    }

    /// Whether this one is in the set.
    #[must_use]
    pub const fn contains(self, kind: Anomaly) -> bool {
        self.0 & (1 << kind as u16) != 0
    }

    /// Whether the set is empty.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The members in the order of [`Anomaly::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Anomaly> {
        Anomaly::ALL.into_iter().filter(move |kind| self.contains(*kind))
    }
}

/// Which frames showed which anomalies: for each such frame the step from the one before, and the set.
#[derive(Clone, Debug, Default)]
pub(crate) struct AnomalyLog {
    last: u64,
    entries: NumberList,
}

impl AnomalyLog {
    /// Notes the anomalies of `frame`; frames come in ascending order.
    pub(crate) fn note(&mut self, frame: u64, set: AnomalySet, spill: &mut dyn Spill) -> io::Result<()> {
        self.entries.push(frame.saturating_sub(self.last), spill)?;
        self.entries.push(u64::from(set.0), spill)?;
        self.last = frame;
        Ok(())
    }

    /// Moves what is in memory to the store: nothing more is expected.
    pub(crate) fn put_away(&mut self, spill: &mut dyn Spill) -> io::Result<()> {
        self.entries.put_away(spill)
    }

    /// The frames of each kind that occurred, in the order of [`Anomaly::ALL`].
    pub(crate) fn frames(&self, spill: &mut dyn Spill) -> io::Result<Vec<(Anomaly, Vec<u64>)>> {
        let numbers = self.entries.read(spill)?;
        let mut lists: Vec<(Anomaly, Vec<u64>)> = Anomaly::ALL.map(|kind| (kind, Vec::new())).into();
        let mut frame = 0;
        for &[step, set] in numbers.as_chunks::<2>().0 {
            frame += step;
            let set = AnomalySet(u16::try_from(set).unwrap_or_default());
            for (kind, frames) in &mut lists {
                // A frame may be noted twice, for what was found out about it at different times.
                if set.contains(*kind) && frames.last() != Some(&frame) {
                    frames.push(frame);
                }
            }
        }
        lists.retain(|(_, frames)| !frames.is_empty());
        Ok(lists)
    }
}
