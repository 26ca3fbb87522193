//! The states that machines went through, each with the frame at which an onlooker can see it.
//!
//! An onlooker sees packets and no calls, timers or arrivals. So a change is put at the frame
//!
//! - that brought it, for what a segment brings: the frame as which the segment was captured when it was *sent*;
//! - that shows it, for what an end does: its SYN for an opening, its FIN for a CLOSE, its reset for an ABORT and
//!   for giving up, its SYN,ACK for the SYN that it answers;
//! - that shows the end's change before it, if that one is later: who has sent its FIN and receives one that left
//!   before can be seen in CLOSING only when its own FIN is seen.
//!
//! What nothing shows has no frame: a passive OPEN, a call that nobody heard, the end of TIME-WAIT.

use alloc::collections::VecDeque;

use super::node::Change;
use super::world::NodeId;
use crate::wire::{IpPacket, TcpSegment};
use crate::{Event, Instant, State, TcpFlags};

/// A change of a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogEntry {
    /// When it happened.
    pub time: Instant,
    /// The frame at which an onlooker can see it, numbered from 1; `None` if nothing shows it.
    pub frame: Option<u64>,
    /// Whose state.
    pub node: NodeId,
    /// What happened.
    pub event: Event,
    /// The state before.
    pub from: State,
    /// The state after.
    pub to: State,
}

/// What a node was doing when its state changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doing {
    /// It took a packet that was captured as this frame.
    Receiving(u64),
    /// It sent this frame.
    Sending(u64),
    /// A timer ran, or its user called.
    Acting,
}

/// Changes in order, some of which still wait for the frame that shows them.
#[derive(Clone, Debug, Default)]
pub(super) struct Log {
    entries: VecDeque<(LogEntry, Option<Awaited>)>,
    /// How many entries have left already.
    taken: u64,
    /// The first entry that may still wait for a frame, counted from the beginning.
    unsettled: u64,
}

/// The packet that will show a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Awaited {
    Syn,
    SynAck,
    Rst,
}

impl Awaited {
    fn is_met_by(self, flags: TcpFlags) -> bool {
        let has = |flag| flags.contains(flag);
        match self {
            Self::Syn => has(TcpFlags::SYN) && !has(TcpFlags::ACK),
            Self::SynAck => has(TcpFlags::SYN) && has(TcpFlags::ACK),
            Self::Rst => has(TcpFlags::RST),
        }
    }
}

impl Log {
    pub(super) fn note(
        &mut self,
        time: Instant,
        node: NodeId,
        doing: Doing,
        change: Change,
        latest: &mut Option<u64>,
    ) {
        let Change { event, from, to } = change;
        let (frame, awaited) = match event {
            Event::ActiveOpen | Event::Send => (None, Some(Awaited::Syn)),
            Event::Syn => (None, Some(Awaited::SynAck)),
            Event::Abort | Event::UserTimeout => (None, Some(Awaited::Rst)),
            Event::PassiveOpen | Event::TimeWaitTimeout => (None, None),
            Event::Close => match doing {
                Doing::Sending(frame) => (Some(frame), None),
                Doing::Receiving(_) | Doing::Acting => (None, None),
            },
            Event::SynAck
            | Event::AckOfSyn
            | Event::Fin
            | Event::AckOfFin
            | Event::Rst
            | Event::BackToListen => match doing {
                Doing::Receiving(frame) => (Some(frame), None),
                Doing::Sending(_) | Doing::Acting => (None, None),
            },
        };
        let frame = frame.map(|frame| Self::not_before(latest, frame));
        self.entries.push_back((LogEntry { time, frame, node, event, from, to }, awaited));
    }

    /// A frame that shows a change, and no change of the same node is seen before an earlier one.
    fn not_before(latest: &mut Option<u64>, frame: u64) -> u64 {
        let frame = latest.map_or(frame, |latest| latest.max(frame));
        *latest = Some(frame);
        frame
    }

    /// A node has sent a packet: it may be what shows the last changes.
    pub(super) fn sent(&mut self, node: NodeId, frame: u64, packet: &[u8], latest: &mut Option<u64>) {
        let unsettled = usize::try_from(self.unsettled - self.taken).unwrap_or(usize::MAX);
        let open = self.entries.iter_mut().skip(unsettled);
        let mut waiting = open.filter(|(entry, awaited)| entry.node == node && awaited.is_some()).peekable();
        if waiting.peek().is_none() {
            return;
        }
        let Some(flags) = flags_of(packet) else { return };
        for (entry, awaited) in waiting {
            if awaited.is_some_and(|awaited| awaited.is_met_by(flags)) {
                entry.frame = Some(Self::not_before(latest, frame));
                *awaited = None;
            }
        }
    }

    /// All packets have been sent: what still waits for one is shown by none.
    pub(super) fn settle(&mut self) {
        self.unsettled = self.taken + self.entries.len() as u64;
    }

    pub(super) fn pop(&mut self) -> Option<LogEntry> {
        if self.taken == self.unsettled {
            return None;
        }
        self.taken += 1;
        self.entries.pop_front().map(|(entry, _)| entry)
    }
}

fn flags_of(packet: &[u8]) -> Option<TcpFlags> {
    let ip = IpPacket::parse(packet, packet.len()).ok()?;
    Some(TcpSegment::parse(ip.payload, ip.payload_len).ok()?.flags)
}
