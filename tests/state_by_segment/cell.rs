//! The three axes of the table: what kind of segment, where it lies, and what it acknowledges.
//!
//! Everything is counted from the two left edges: a sequence number from RCV.NXT, an acknowledgment from
//! SND.UNA. So no number here wraps; only [`Rig`](crate::rig::Rig) knows where on the circle the edges are.

use std::fmt;

/// Octets of text in every segment that carries text.
pub(crate) const TEXT: u32 = 100;

/// The control bits and the text of a segment. The ACK bit is the third axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Bare,
    Data,
    Urgent,
    Fin,
    DataFin,
    Syn,
    SynData,
    SynFin,
    Rst,
    RstData,
    Everything,
}

impl Kind {
    pub(crate) const ALL: [Self; 11] = [
        Self::Bare,
        Self::Data,
        Self::Urgent,
        Self::Fin,
        Self::DataFin,
        Self::Syn,
        Self::SynData,
        Self::SynFin,
        Self::Rst,
        Self::RstData,
        Self::Everything,
    ];

    /// The words of the page; `acked` says whether the ACK bit is set too.
    pub(crate) fn name(self, acked: bool) -> &'static str {
        match (self, acked) {
            (Self::Bare, false) => "no bit set",
            (Self::Bare, true) => "ACK",
            (Self::Data, false) => "data without ACK",
            (Self::Data, true) => "data",
            (Self::Urgent, false) => "urgent data without ACK",
            (Self::Urgent, true) => "urgent data",
            (Self::Fin, false) => "FIN without ACK",
            (Self::Fin, true) => "FIN",
            (Self::DataFin, false) => "data, FIN without ACK",
            (Self::DataFin, true) => "data, FIN",
            (Self::Syn, false) => "SYN",
            (Self::Syn, true) => "SYN,ACK",
            (Self::SynData, false) => "SYN, data",
            (Self::SynData, true) => "SYN,ACK, data",
            (Self::SynFin, false) => "SYN,FIN",
            (Self::SynFin, true) => "SYN,FIN,ACK",
            (Self::Rst, false) => "RST",
            (Self::Rst, true) => "RST,ACK",
            (Self::RstData, false) => "RST, data",
            (Self::RstData, true) => "RST,ACK, data",
            (Self::Everything, false) => "RST,SYN,FIN,URG, data",
            (Self::Everything, true) => "RST,SYN,FIN,URG,ACK, data",
        }
    }

    /// The segment of this kind at `at`.
    pub(crate) fn segment(self, at: i64, ack: Option<i64>, stamp: Stamp) -> Segment {
        let one_of = |kinds: &[Self]| self == Self::Everything || kinds.contains(&self);
        Segment {
            at,
            ack,
            syn: one_of(&[Self::Syn, Self::SynData, Self::SynFin]),
            fin: one_of(&[Self::Fin, Self::DataFin, Self::SynFin]),
            rst: one_of(&[Self::Rst, Self::RstData]),
            urg: one_of(&[Self::Urgent]),
            text: if one_of(&[Self::Data, Self::Urgent, Self::DataFin, Self::SynData, Self::RstData]) {
                TEXT
            } else {
                0
            },
            stamp,
        }
    }
}

/// The timestamp that a segment carries, where the connection uses timestamps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stamp {
    /// Later than TS.Recent.
    Newer,
    /// TS.Recent itself.
    Same,
    /// One tick before TS.Recent.
    Older,
    /// No timestamps option at all.
    Missing,
}

impl Stamp {
    pub(crate) const ALL: [Self; 4] = [Self::Newer, Self::Same, Self::Older, Self::Missing];

    /// TSval, counted from TS.Recent.
    pub(crate) fn ticks(self) -> Option<i64> {
        match self {
            Self::Newer => Some(10),
            Self::Same => Some(0),
            Self::Older => Some(-1),
            Self::Missing => None,
        }
    }
}

/// A segment as the receiver sees it from its own left edges.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Segment {
    /// SEG.SEQ − RCV.NXT.
    pub(crate) at: i64,
    /// SEG.ACK − SND.UNA, with the ACK bit.
    pub(crate) ack: Option<i64>,
    pub(crate) syn: bool,
    pub(crate) fin: bool,
    pub(crate) rst: bool,
    pub(crate) urg: bool,
    /// Octets of text. Urgent data ends where the text ends.
    pub(crate) text: u32,
    pub(crate) stamp: Stamp,
}

impl Segment {
    /// SEG.LEN.
    pub(crate) fn len(&self) -> i64 {
        i64::from(self.text) + i64::from(self.syn) + i64::from(self.fin)
    }

    /// The first octet of text; the SYN, if there is one, lies before it.
    pub(crate) fn text_at(&self) -> i64 {
        self.at + i64::from(self.syn)
    }

    /// After the last octet of text: where the FIN lies, if there is one.
    pub(crate) fn text_end(&self) -> i64 {
        self.text_at() + i64::from(self.text)
    }
}

/// Where a segment lies against the receive window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    FarBelow,
    JustBelow,
    OnlyLastNew,
    HalfNew,
    OneOld,
    AtLeftEdge,
    OneInside,
    Inside,
    LastInside,
    OneOutside,
    OverRightEdge,
    AtRightEdge,
    FarAbove,
    /// Before there is a window: any number.
    Anywhere,
}

impl Place {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::FarBelow => "far below",
            Self::JustBelow => "just below",
            Self::OnlyLastNew => "last octet new",
            Self::HalfNew => "half new",
            Self::OneOld => "one octet old",
            Self::AtLeftEdge => "at RCV.NXT",
            Self::OneInside => "RCV.NXT+1",
            Self::Inside => "inside",
            Self::LastInside => "up to right edge",
            Self::OneOutside => "last octet outside",
            Self::OverRightEdge => "over right edge",
            Self::AtRightEdge => "at right edge",
            Self::FarAbove => "far above",
            Self::Anywhere => "any number",
        }
    }

    /// The places that a segment of `len` numbers can take against a window of `window`: each number once,
    /// under the first of the names that fit it.
    pub(crate) fn all(len: i64, window: i64) -> Vec<(Self, i64)> {
        let mut places = vec![(Self::FarBelow, -len - 1000), (Self::JustBelow, -len.max(1))];
        places.push((Self::AtLeftEdge, 0));
        if len > 1 {
            places.extend([(Self::OnlyLastNew, 1 - len), (Self::HalfNew, -len / 2), (Self::OneOld, -1)]);
        }
        if window > 0 {
            places.extend([(Self::OneInside, 1), (Self::Inside, window / 2)]);
            places.push((Self::LastInside, window - len.max(1)));
            if len > 1 {
                places
                    .extend([(Self::OneOutside, window - len + 1), (Self::OverRightEdge, window - len / 2)]);
            }
        }
        places.extend([(Self::AtRightEdge, window), (Self::FarAbove, window + 1000)]);
        keep_the_first_of_each(places)
    }

    /// Numbers for the states that know none of the peer's yet.
    pub(crate) fn any() -> Vec<(Self, i64)> {
        [0, 1, -1, 70_000, (1 << 31) - 200, -(1 << 30)].map(|at| (Self::Anywhere, at)).to_vec()
    }
}

/// What a segment acknowledges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Acked {
    /// The ACK bit is off.
    None,
    /// One below the oldest that is still believed.
    TooOld,
    /// SND.UNA − MAX.SND.WND: the oldest that RFC 5961 lets pass.
    Oldest,
    /// SND.UNA − 1.
    Old,
    /// SND.UNA: a duplicate.
    Una,
    /// A part of what is outstanding.
    Part,
    /// All data that is outstanding, and not the FIN behind it.
    AllButFin,
    /// SND.MAX: all that was sent.
    All,
    /// SND.MAX + 1.
    Future,
    /// Far beyond SND.MAX.
    FarFuture,
}

impl Acked {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::None => "no ACK",
            Self::TooOld => "too old",
            Self::Oldest => "oldest",
            Self::Old => "old",
            Self::Una => "duplicate",
            Self::Part => "part",
            Self::AllButFin => "all but FIN",
            Self::All => "all",
            Self::Future => "future",
            Self::FarFuture => "far future",
        }
    }

    /// The acknowledgments that differ when `outstanding` numbers are out (the last of them our FIN if
    /// `fin`) and `stale` is MAX.SND.WND.
    pub(crate) fn all(outstanding: i64, fin: bool, stale: i64) -> Vec<(Self, Option<i64>)> {
        let mut acks = vec![(Self::Una, 0)];
        if outstanding > 0 {
            acks.push((Self::All, outstanding));
            if fin {
                acks.push((Self::AllButFin, outstanding - 1));
            }
            acks.push((Self::Part, outstanding / 2));
        }
        acks.extend([(Self::Old, -1), (Self::Oldest, -stale), (Self::TooOld, -stale - 1)]);
        acks.extend([(Self::Future, outstanding + 1), (Self::FarFuture, outstanding + 100_000)]);
        let mut acks = keep_the_first_of_each(acks);
        acks.sort_by_key(|(_, ack)| *ack);
        let acks = acks.into_iter().map(|(name, ack)| (name, Some(ack)));
        std::iter::once((Self::None, None)).chain(acks).collect()
    }
}

fn keep_the_first_of_each<N: Copy>(mut named: Vec<(N, i64)>) -> Vec<(N, i64)> {
    let mut seen = std::collections::BTreeSet::new();
    named.retain(|(_, number)| seen.insert(*number));
    named
}

/// One cell in words: `data, FIN half new (SEG.SEQ = RCV.NXT-50), ack part (SND.UNA+250)`.
pub(crate) struct Cell {
    pub(crate) kind: Kind,
    pub(crate) place: Place,
    pub(crate) acked: Acked,
    pub(crate) segment: Segment,
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Segment { at, ack, stamp, .. } = self.segment;
        write!(f, "{} {}", self.kind.name(ack.is_some()), self.place.name())?;
        write!(f, " (SEG.SEQ = RCV.NXT{at:+}), acknowledges: {}", self.acked.name())?;
        if let Some(ack) = ack {
            write!(f, " (SEG.ACK = SND.UNA{ack:+})")?;
        }
        match stamp {
            Stamp::Newer => Ok(()),
            other => write!(f, ", timestamp {other:?}"),
        }
    }
}
