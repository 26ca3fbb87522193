//! How a connection was opened and closed, in a word each.

use super::Observer;
use super::facts::{Fact, Facts};
use super::teller::Story;
use crate::replay::worlds::End;
use core::fmt;

/// How a connection was opened; each word is defined in `docs/replay.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum Open {
    /// SYN, SYN-ACK, ACK.
    ThreeWay,
    /// Both ends sent a SYN, and each answered the other's with a SYN-ACK.
    Simultaneous,
    /// The SYN was answered by a SYN of its own, and that one by a SYN-ACK.
    Split,
    /// A three-way handshake whose SYN carried data that the SYN-ACK acknowledged (RFC 7413).
    FastOpen,
    /// The SYN was answered by a reset.
    Refused,
    /// A SYN was sent, and the handshake was not completed.
    HalfOpen,
    /// No SYN of the end that opened was captured.
    Midstream,
}

impl Open {
    /// The word in tables and JSON: `three-way`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ThreeWay => "three-way",
            Self::Simultaneous => "simultaneous",
            Self::Split => "split",
            Self::FastOpen => "fast-open",
            Self::Refused => "refused",
            Self::HalfOpen => "half-open",
            Self::Midstream => "midstream",
        }
    }
}

impl fmt::Display for Open {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// How a connection was closed; each word is defined in `docs/replay.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum Close {
    /// FIN, ACK, FIN, ACK.
    FourWay,
    /// FIN, FIN-ACK, ACK: the second FIN acknowledges the first.
    ThreeWay,
    /// The FINs crossed: neither end had the other's when it sent its own.
    Simultaneous,
    /// A reset ended it.
    Reset,
    /// One end has closed, the other has not.
    HalfClosed,
    /// Neither end has closed.
    None,
}

impl Close {
    /// The word in tables and JSON: `four-way`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::FourWay => "four-way",
            Self::ThreeWay => "three-way",
            Self::Simultaneous => "simultaneous",
            Self::Reset => "reset",
            Self::HalfClosed => "half-closed",
            Self::None => "none",
        }
    }
}

impl fmt::Display for Close {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl Observer {
    /// How it was opened.
    pub(crate) fn open(&self) -> Open {
        let (a, b) = (self.facts.of(End::A), self.facts.of(End::B));
        let called = |facts: &Facts| facts.has(Fact::SentSyn) && facts.syn_captured;
        let answered = |facts: &Facts| facts.has(Fact::SentSynAck);
        let (caller, callee) = match (called(a), called(b)) {
            (false, false) => return Open::Midstream,
            (true, true) if answered(a) && answered(b) => return Open::Simultaneous,
            (true, true) if answered(a) || answered(b) => return Open::Split,
            (true, true) => return Open::HalfOpen,
            (true, false) => (a, b),
            (false, true) => (b, a),
        };
        let refused = callee.has(Fact::SentRst) && caller.has(Fact::GotRst);
        if refused && !answered(callee) && !caller.has(Fact::Opened) {
            Open::Refused
        } else if caller.has_gone_on || callee.has(Fact::Opened) {
            if self.fast_open { Open::FastOpen } else { Open::ThreeWay }
        } else {
            Open::HalfOpen
        }
    }

    /// Who sent the reset that nothing refuted: the first, if both did.
    pub(crate) fn reset_by(&self) -> Option<End> {
        [End::A, End::B]
            .into_iter()
            .filter_map(|end| Some((self.facts.of(end).get(Fact::SentRst)?, end)))
            .min()
            .map(|(_, end)| end)
    }

    /// How it was closed.
    pub(crate) fn close(&self, story: &Story) -> Close {
        let (a, b) = (self.facts.of(End::A), self.facts.of(End::B));
        if story.was_reset {
            return Close::Reset;
        }
        match (a.has(Fact::SentFin), b.has(Fact::SentFin)) {
            (true, true) if a.fins_crossed || b.fins_crossed => Close::Simultaneous,
            (true, true) if a.fin_acks_fin || b.fin_acks_fin => Close::ThreeWay,
            (true, true) => Close::FourWay,
            (false, false) => Close::None,
            _ => Close::HalfClosed,
        }
    }
}
