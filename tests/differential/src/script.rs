//! A run as data: what the peer sends and what the user calls, with numbers that do not depend on the stack.
//!
//! A script reads as a list of words, one for each step, and is printed and read again in that form:
//!
//! ```text
//! server iss=5 buffer=4096 : S+0 A+1,ack A+1,ack,len=100 recv=50 RA+0,ack wait=1000
//! ```

mod read;

use crate::packet::Damage;
use std::fmt;

/// Which end of the handshake the stack is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Its user calls the peer.
    Client,
    /// It listens.
    Server,
}

/// One run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    pub seed: u64,
    pub role: Role,
    /// The peer's initial sequence number.
    pub iss: u32,
    /// Octets of the stack's receive buffer.
    pub buffer: u32,
    pub steps: Vec<Step>,
}

/// What happens next. One millisecond passes before each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    Segment(Segment),
    /// The user writes so many octets.
    Send(u16),
    /// The user reads at the most so many octets.
    Receive(u16),
    /// The user has no more to send.
    Shutdown,
    /// The user gives the connection up.
    Abort,
    /// So many milliseconds pass; the stack's timers fire when they are due.
    Wait(u32),
}

/// Where a segment of the peer begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Relative to the peer's SND.NXT: the end of what it has sent without a gap.
    Next(i32),
    /// Relative to the right edge of the window that the stack has told last.
    Edge(i32),
}

/// What a segment of the peer acknowledges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acked {
    /// Relative to the end of all that the stack has sent.
    All(i32),
    /// Relative to what the peer has acknowledged so far.
    Old(i32),
}

/// The options in a header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Options {
    #[default]
    None,
    /// A SYN's: the MSS alone.
    Mss(u16),
    /// A SYN's: MSS 1460, SACK permitted, window scale 0.
    Usual,
    /// An option that nobody knows (kind 253), and padding.
    Unknown,
    /// One whose length is zero.
    LengthZero,
    /// One that reaches over the end of the header.
    TooLong,
    /// Timestamps, although none were agreed upon.
    Timestamps,
}

/// A segment of the peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    pub flags: u8,
    pub seq: Place,
    /// `None`: the flag ACK is not set.
    pub ack: Option<Acked>,
    pub len: u16,
    pub window: u16,
    pub urgent: u16,
    pub options: Options,
    /// The octets are not those of the peer's stream.
    pub forged: bool,
    pub damage: Option<Damage>,
}

impl Default for Segment {
    fn default() -> Self {
        Self {
            flags: 0,
            seq: Place::Next(0),
            ack: Some(Acked::All(0)),
            len: 0,
            window: WINDOW,
            urgent: 0,
            options: Options::None,
            forged: false,
            damage: None,
        }
    }
}

/// The window that the peer offers where nothing else is said.
pub const WINDOW: u16 = 8_192;

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let role = if self.role == Role::Client { "client" } else { "server" };
        write!(f, "{role} iss={} buffer={} :", self.iss, self.buffer)?;
        self.steps.iter().try_for_each(|step| write!(f, " {step}"))
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Segment(segment) => segment.fmt(f),
            Self::Send(octets) => write!(f, "send={octets}"),
            Self::Receive(octets) => write!(f, "recv={octets}"),
            Self::Shutdown => f.write_str("shutdown"),
            Self::Abort => f.write_str("abort"),
            Self::Wait(millis) => write!(f, "wait={millis}"),
        }
    }
}

/// The letters of the flags, in the order of their bits; ACK shows in `ack`.
pub const LETTERS: [(u8, char); 5] = [(1, 'F'), (2, 'S'), (4, 'R'), (8, 'P'), (32, 'U')];

impl fmt::Display for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letters: String =
            LETTERS.iter().filter(|(bit, _)| self.flags & bit != 0).map(|(_, letter)| letter).collect();
        f.write_str(if letters.is_empty() { "." } else { &letters })?;
        match self.seq {
            Place::Next(by) => write!(f, "{by:+}")?,
            Place::Edge(by) => write!(f, "/edge{by:+}")?,
        }
        match self.ack {
            None => {}
            Some(Acked::All(0)) => f.write_str(",ack")?,
            Some(Acked::All(by)) => write!(f, ",ack{by:+}")?,
            Some(Acked::Old(by)) => write!(f, ",una{by:+}")?,
        }
        if self.len > 0 {
            write!(f, ",len={}", self.len)?;
        }
        if self.window != WINDOW {
            write!(f, ",wnd={}", self.window)?;
        }
        if self.urgent != 0 {
            write!(f, ",urg={}", self.urgent)?;
        }
        match self.options {
            Options::None => {}
            Options::Mss(mss) => write!(f, ",mss={mss}")?,
            other => write!(f, ",{}", format!("{other:?}").to_lowercase())?,
        }
        if self.forged {
            f.write_str(",forged")?;
        }
        match self.damage {
            None => Ok(()),
            Some(damage) => write!(f, ",bad-{}", format!("{damage:?}").to_lowercase()),
        }
    }
}
