//! What comes of a script: passed, failed where and why, or not understood, and what went over the wire before.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::Profile;
use super::script::Direction;
use crate::Instant;

/// How a script is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunOptions {
    /// What the script takes for granted of its kernel.
    pub profile: Profile,
    /// Keep all packets with their octets in [`Outcome::trace`], whatever becomes of the script. Without, the trace of a
    /// script that passes is empty, and that of another has its last entries only, without octets.
    pub record: bool,
}

impl RunOptions {
    /// With this profile, and without keeping packets.
    #[must_use]
    pub const fn new(profile: Profile) -> Self {
        Self { profile, record: false }
    }
}

/// What came of a script.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Outcome {
    /// Whether it passed.
    pub verdict: Verdict,
    /// Packets and calls up to the end, or up to what failed, in order: see [`RunOptions::record`].
    pub trace: Vec<TraceEntry>,
}

/// Whether a script passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Everything was as it says.
    Pass,
    /// Something was not.
    Fail(Failure),
    /// It asks for something that there is not here.
    Unsupported(Failure),
}

/// What failed, or is not to be had.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Failure {
    /// The line of the event in the script, from 1; 0 where it is about no line.
    pub line: u32,
    /// What is wrong, in a sentence without the line. Of what is not supported: its name.
    pub message: String,
    /// What the script says.
    pub expected: Option<String>,
    /// What came instead, in the words of a script.
    pub got: Option<String>,
}

impl Failure {
    /// A failure at this line, of which there is nothing else to say.
    #[must_use]
    pub fn new(line: u32, message: impl Into<String>) -> Self {
        Self { line, message: message.into(), expected: None, got: None }
    }
}

/// `line 7: the packet has ack 1001, not 1000`, and on lines of their own what was expected and what came.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.message)?;
        for (name, what) in [("expected", &self.expected), ("got", &self.got)] {
            if let Some(what) = what {
                write!(f, "\n{name:>9}: {what}")?;
            }
        }
        Ok(())
    }
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TraceEntry {
    /// When: since the start of the script.
    pub at: Instant,
    /// The line of the script that it belongs to, if there is one.
    pub line: Option<u32>,
    /// What.
    pub what: Traced,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Traced {
    /// A packet.
    Packet {
        /// Which way.
        direction: Direction,
        /// All of it, from the IP header on; empty unless packets are [recorded](RunOptions::record).
        octets: Vec<u8>,
        /// The packet as a script would have it, without its time.
        text: String,
    },
    /// A system call that has returned.
    Call {
        /// The call, as the script has it.
        text: String,
        /// What it returned: `1000`, `-1 EAGAIN`.
        result: String,
    },
    /// Something else worth knowing.
    Note(String),
}

/// A line of a log: `0.100000 > . 1:1(0) ack 1001 win 256`.
impl fmt::Display for TraceEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.at.as_nanos() / 1_000;
        write!(f, "{}.{:06} ", micros / 1_000_000, micros % 1_000_000)?;
        match &self.what {
            Traced::Packet { text, .. } => f.write_str(text),
            Traced::Call { text, result } => write!(f, "{text} = {result}"),
            Traced::Note(note) => write!(f, "({note})"),
        }
    }
}
