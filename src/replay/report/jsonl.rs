//! A report as JSON, one object per line; `docs/replay.md` describes the keys. Keys may be added in later
//! versions; those that are there keep their meaning.

use super::{FlowReport, Summary};
use crate::capture::CaptureFault;
use crate::replay::reassembly::StreamSummary;
use crate::tcp::state::State;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use serde::ser::{Serialize, SerializeMap, SerializeSeq, SerializeStruct, Serializer};

/// The word for a state that cannot be known.
pub(crate) const UNKNOWN: &str = "unknown";

fn state_name(state: Option<State>) -> &'static str {
    state.map_or(UNKNOWN, State::name)
}

impl Serialize for FlowReport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("flow", 20)?;
        object.serialize_field("type", "flow")?;
        object.serialize_field("flow", &self.flow)?;
        object.serialize_field("a", &self.a.to_string())?;
        object.serialize_field("b", &self.b.to_string())?;
        object.serialize_field("first_frame", &self.first_frame)?;
        object.serialize_field("last_frame", &self.last_frame)?;
        object.serialize_field("start_ns", &self.start.as_nanos())?;
        object
            .serialize_field("duration_ns", &u64::try_from(self.duration.as_nanos()).unwrap_or(u64::MAX))?;
        object.serialize_field("frames", &self.frames)?;
        object.serialize_field("payload_bytes", &self.payload_bytes)?;
        object.serialize_field("syn", &self.syn)?;
        object.serialize_field("fin", &self.fin)?;
        object.serialize_field("rst", &self.rst)?;
        object.serialize_field("isn", &self.isn)?;
        object.serialize_field("stream", &self.stream.each_ref().map(StreamObject))?;
        object.serialize_field("open", self.open.name())?;
        object.serialize_field("close", self.close.name())?;
        object.serialize_field("state", &self.state.map(state_name))?;
        object.serialize_field("transitions", &Transitions(self))?;
        object.serialize_field("anomalies", &Anomalies(self))?;
        object.end()
    }
}

struct StreamObject<'a>(&'a StreamSummary);

impl Serialize for StreamObject<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let hex = |digest: &[u8; 32]| digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let mut object = serializer.serialize_struct("stream", 5)?;
        object.serialize_field("len", &self.0.len)?;
        object.serialize_field("sha256", &self.0.sha256.as_ref().map(hex))?;
        object.serialize_field("gaps", &self.0.gaps)?;
        object.serialize_field("conflict_bytes", &self.0.conflict_bytes)?;
        object.serialize_field("truncated", &self.0.truncated)?;
        object.end()
    }
}

struct Transitions<'a>(&'a FlowReport);

impl Serialize for Transitions<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.0.transitions.len()))?;
        for observed in &self.0.transitions {
            list.serialize_element(&(observed.frame, observed.end.name(), state_name(observed.state)))?;
        }
        list.end()
    }
}

struct Anomalies<'a>(&'a FlowReport);

impl Serialize for Anomalies<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.anomalies.len()))?;
        for (kind, frames) in &self.0.anomalies {
            map.serialize_entry(kind.key(), frames)?;
        }
        map.end()
    }
}

/// The last line: the totals, and what stopped the reading, if anything did.
#[derive(Clone, Copy, Debug)]
pub struct SummaryLine<'a> {
    /// The totals.
    pub summary: &'a Summary,
    /// Why the file could not be read to its end.
    pub fault: Option<&'a CaptureFault>,
}

impl Serialize for SummaryLine<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let skipped: Vec<_> =
            self.summary.skipped.iter().map(|(reason, count)| (reason.key(), count)).collect();
        let mut object = serializer.serialize_struct("summary", 5)?;
        object.serialize_field("type", "summary")?;
        object.serialize_field("flows", &self.summary.flows)?;
        object.serialize_field("frames", &self.summary.frames)?;
        object.serialize_field("skipped", &Pairs(&skipped))?;
        object.serialize_field("fault", &self.fault.map(FaultObject))?;
        object.end()
    }
}

struct Pairs<'a>(&'a [(&'static str, &'a u64)]);

impl Serialize for Pairs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().copied())
    }
}

struct FaultObject<'a>(&'a CaptureFault);

impl Serialize for FaultObject<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("fault", 2)?;
        object.serialize_field("frame", &self.0.frame)?;
        object.serialize_field("reason", &self.0.reason.to_string())?;
        object.end()
    }
}
