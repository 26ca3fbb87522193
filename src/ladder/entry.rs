//! What stands in a ladder.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use bytes::Bytes;

use super::End;
use crate::{Instant, State};

/// A packet of a [`Ladder`](super::Ladder).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PacketId(pub(super) usize);

impl PacketId {
    /// Its number in the order of sending, from 1: also that of its frame in a capture of the ladder.
    #[must_use]
    pub const fn number(self) -> usize {
        self.0.saturating_add(1)
    }
}

/// A packet, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Packet {
    /// Who sent it.
    pub from: End,
    /// When.
    pub sent: Instant,
    /// All of it, from the IP header on. Empty if there is no packet that could carry the segment.
    pub octets: Bytes,
    /// What became of it.
    pub fate: Fate,
    /// That end has not sent it: somebody else pretends to be it.
    pub forged: bool,
}

/// What becomes of a packet on its way. With no arrival and no loss it is still under way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fate {
    /// When it, or a copy of it, arrived.
    pub arrivals: Vec<Instant>,
    /// How many copies of it were lost.
    pub losses: usize,
}

impl Fate {
    /// Whether nothing has become of it yet.
    #[must_use]
    pub const fn is_in_flight(&self) -> bool {
        self.arrivals.is_empty() && self.losses == 0
    }
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When.
    pub at: Instant,
    /// What.
    pub what: What,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum What {
    /// A packet was sent.
    Sent(PacketId),
    /// A packet, or a copy of it, arrived.
    Arrived(PacketId),
    /// A packet, or a copy of it, was lost.
    Lost(PacketId),
    /// Its receiver refused the packet that had just arrived.
    Refused {
        /// Which.
        packet: PacketId,
        /// Why, in a word.
        why: String,
    },
    /// A user called.
    Call {
        /// Whose.
        end: End,
        /// What.
        call: Call,
        /// What came of it.
        returned: Returned,
    },
    /// A deadline came.
    Timer {
        /// Whose.
        end: End,
        /// Which timer it was; empty if it is not known.
        name: String,
    },
    /// A state changed.
    State {
        /// Whose.
        end: End,
        /// The state before; `None` if this is the first that is told.
        from: Option<State>,
        /// The state from now on.
        to: State,
    },
    /// Something else.
    Note {
        /// About whom; `None`: both.
        end: Option<End>,
        /// What there is to say.
        text: String,
    },
}

/// A call of a user (RFC 9293 §3.9.1), in words that do not depend on whose interface it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Call {
    /// An active OPEN.
    Connect,
    /// A passive OPEN.
    Listen,
    /// SEND of so many octets.
    Write(usize),
    /// RECEIVE of at most so many octets.
    Read(usize),
    /// CLOSE that ends sending, and not receiving.
    Shutdown,
    /// CLOSE of a user who lets go.
    Close,
    /// ABORT.
    Abort,
    /// Nagle on or off.
    Nagle(bool),
    /// Any other, in words.
    Other(String),
}

/// `write 2000`.
impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect => f.write_str("connect"),
            Self::Listen => f.write_str("listen"),
            Self::Write(len) => write!(f, "write {len}"),
            Self::Read(most) => write!(f, "read {most}"),
            Self::Shutdown => f.write_str("shutdown"),
            Self::Close => f.write_str("close"),
            Self::Abort => f.write_str("abort"),
            Self::Nagle(on) => write!(f, "nagle {}", if *on { "on" } else { "off" }),
            Self::Other(what) => f.write_str(what),
        }
    }
}

/// What a call returned.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Returned {
    /// It was done; of a read or a write, with so many octets.
    Done(usize),
    /// It was not, and why.
    Failed(String),
}
