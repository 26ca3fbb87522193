//! What a machine does with one segment: the form in which the oracle predicts and the machine is observed.

use std::fmt;

use tcpstate::tcp::{CloseReason, DropReason};
use tcpstate::{Event, State, TcpFlags};

/// A segment that is sent in reply. Numbers are counted from where the edges were when the segment arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) control: TcpFlags,
    /// SEG.SEQ − SND.UNA.
    pub(crate) seq: i64,
    /// SEG.ACK − RCV.NXT, with the ACK bit.
    pub(crate) ack: Option<i64>,
    /// Octets of text.
    pub(crate) text: u32,
    /// TSecr − TS.Recent, if there is a timestamps option.
    pub(crate) echo: Option<i64>,
    /// SACK blocks that lie beyond the acknowledgment, counted as it is.
    pub(crate) sack: Vec<(i64, i64)>,
}

/// What the user hears.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) connected: bool,
    pub(crate) readable: bool,
    pub(crate) writable: bool,
    pub(crate) peer_closed: bool,
    pub(crate) close_acknowledged: bool,
    pub(crate) urgent: bool,
    pub(crate) closed: Option<CloseReason>,
}

/// The variables of a connection afterwards, counted from where they were.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Variables {
    /// How far SND.UNA moved.
    pub(crate) una: i64,
    /// SND.MAX − the old SND.UNA.
    pub(crate) max: i64,
    /// How far RCV.NXT moved.
    pub(crate) nxt: i64,
    /// SND.WND.
    pub(crate) window: i64,
}

/// What a machine does with one segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The state afterwards.
    pub(crate) state: State,
    /// How it got there.
    pub(crate) transitions: Vec<(Event, State)>,
    /// Why the segment, or a part of it, was refused.
    pub(crate) refused: Option<DropReason>,
    /// What is sent at once.
    pub(crate) replies: Vec<Sent>,
    /// What the delayed acknowledgment sends.
    pub(crate) later: Vec<Sent>,
    /// Stream offset, octets to skip, octets to store.
    pub(crate) store: Option<(u64, u32, u32)>,
    pub(crate) readable_to: u64,
    pub(crate) acked_to: u64,
    pub(crate) told: Told,
    /// `None` where there is no connection.
    pub(crate) variables: Option<Variables>,
    /// Whether the 2MSL timer runs from this moment.
    pub(crate) time_wait_from_now: bool,
}

impl Answer {
    /// In which respects two answers differ, in a few words.
    pub(crate) fn differs_from(&self, other: &Self) -> String {
        let respects = [
            (self.state != other.state, "state"),
            (self.transitions != other.transitions, "transitions"),
            (self.refused != other.refused, "refused"),
            (self.replies != other.replies, "replies"),
            (self.later != other.later, "later"),
            (self.store != other.store, "store"),
            ((self.readable_to, self.acked_to) != (other.readable_to, other.acked_to), "offsets"),
            (self.told != other.told, "notices"),
            (self.variables != other.variables, "variables"),
            (self.time_wait_from_now != other.time_wait_from_now, "2MSL"),
        ];
        let respects: Vec<_> =
            respects.into_iter().filter(|(differ, _)| *differ).map(|(_, name)| name).collect();
        format!("{} ({:?} or {:?})", respects.join(", "), self.refused, other.refused)
    }
}

impl fmt::Display for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} seq=SND.UNA{:+}", self.control, self.seq)?;
        if let Some(ack) = self.ack {
            write!(f, " ack=RCV.NXT{ack:+}")?;
        }
        if self.text > 0 {
            write!(f, " +{} octets", self.text)?;
        }
        if let Some(echo) = self.echo {
            write!(f, " ecr=TS.Recent{echo:+}")?;
        }
        for (left, right) in &self.sack {
            write!(f, " sack {left:+}..{right:+}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.state)?;
        for (event, state) in &self.transitions {
            write!(f, ", {event} → {state}")?;
        }
        if let Some(reason) = self.refused {
            write!(f, "; refused: {reason:?}")?;
        }
        for sent in &self.replies {
            write!(f, "; sends {sent}")?;
        }
        for sent in &self.later {
            write!(f, "; later {sent}")?;
        }
        if let Some((offset, skip, len)) = self.store {
            write!(f, "; stores {len} octets at {offset} after skipping {skip}")?;
        }
        write!(f, "; readable to {}, acked to {}", self.readable_to, self.acked_to)?;
        if self.told != Told::default() {
            write!(f, "; {:?}", self.told)?;
        }
        match self.variables {
            Some(v) => write!(f, "; una{:+} max{:+} nxt{:+} snd.wnd={}", v.una, v.max, v.nxt, v.window)?,
            None => write!(f, "; no connection")?,
        }
        write!(f, "{}", if self.time_wait_from_now { "; 2MSL from now" } else { "" })
    }
}
