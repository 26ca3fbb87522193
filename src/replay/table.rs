//! The flows that are open and closed, found by their two sockets; and what a SYN means that meets one.

use super::anomaly::Anomaly;
use super::flow::{Checked, Flow, FrameAt};
use super::reassembly::Shared;
use super::worlds::End;
use crate::SeqNumber;
use crate::time::Instant;
use crate::wire::ChecksumStatus;
use crate::wire::tcp::{TcpFlags, TcpSegment};
use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::net::SocketAddr;
use std::io;

#[allow(clippy::disallowed_types, reason = "for look-ups alone; nothing walks it")]
type Map<K, V> = std::collections::HashMap<K, V>;

/// Two sockets, whichever of them sent: the smaller one first.
type Key = (SocketAddr, SocketAddr);

fn key(from: SocketAddr, to: SocketAddr) -> Key {
    if from <= to { (from, to) } else { (to, from) }
}

/// A SYN with a number of its own that meets an open connection. It may be a new connection on the same
/// ports, or an old duplicate, or forged: the next frame tells.
#[derive(Debug)]
struct Stranger {
    at: FrameAt,
    from: SocketAddr,
    to: SocketAddr,
    tcp: Box<[u8]>,
    wire_len: usize,
    checksum: ChecksumStatus,
    ip_checksum_ok: bool,
    seq: SeqNumber,
    end: SeqNumber,
}

#[derive(Debug)]
struct Entry {
    slot: u32,
    stranger: Option<Box<Stranger>>,
}

/// All flows.
#[derive(Debug, Default)]
pub(crate) struct FlowTable {
    map: Map<Key, Entry>,
    slots: Vec<Option<Box<Flow>>>,
    free: Vec<u32>,
    created: u64,
    deadlines: BTreeSet<(Instant, u32)>,
    /// A flow that lost its ports to a newer one just now.
    replaced: Option<u32>,
    /// The last look-up: frames of one flow come in runs.
    last: Option<(Key, u32)>,
}

impl FlowTable {
    /// How many flows there were so far.
    pub(crate) const fn created(&self) -> u64 {
        self.created
    }

    pub(crate) fn flow_mut(&mut self, slot: u32) -> Option<&mut Flow> {
        self.slots.get_mut(slot as usize)?.as_deref_mut()
    }

    /// Gives a segment to its flow, which may have to be made; answers where that is.
    pub(crate) fn take(
        &mut self,
        at: FrameAt,
        from: SocketAddr,
        to: SocketAddr,
        checked: Checked<'_, '_>,
        shared: &mut Shared<'_>,
    ) -> io::Result<u32> {
        let key = key(from, to);
        if let Some((last, slot)) = self.last
            && last == key
            && !checked.segment.flags.contains(TcpFlags::SYN)
        {
            self.give(slot, at, from, checked, shared)?;
            return Ok(slot);
        }
        self.last = None;
        if let Some(stranger) = self.map.get_mut(&key).and_then(|entry| entry.stranger.take()) {
            self.settle(*stranger, Some((from, checked.segment)), shared)?;
        }
        let Some(slot) = self.map.get(&key).map(|entry| entry.slot) else {
            let slot = self.create(key, from, to, at, shared)?;
            self.give(slot, at, from, checked, shared)?;
            return Ok(slot);
        };
        let Some(flow) = self.flow_mut(slot) else { return Ok(slot) };
        let end = if flow.a == from { End::A } else { End::B };
        match meets(flow, end, checked.segment) {
            Meeting::SameFlow => {
                self.last = Some((key, slot));
                self.give(slot, at, from, checked, shared)?;
                Ok(slot)
            }
            Meeting::NewFlow => {
                let slot = self.create(key, from, to, at, shared)?;
                self.give(slot, at, from, checked, shared)?;
                self.note_reuse(slot, at.number, shared)?;
                Ok(slot)
            }
            Meeting::NotSure => {
                let stranger = Stranger::new(at, from, to, checked);
                if let Some(entry) = self.map.get_mut(&key) {
                    entry.stranger = Some(Box::new(stranger));
                }
                Ok(slot)
            }
        }
    }

    fn give(
        &mut self,
        slot: u32,
        at: FrameAt,
        from: SocketAddr,
        checked: Checked<'_, '_>,
        shared: &mut Shared<'_>,
    ) -> io::Result<()> {
        let Some(flow) = self.flow_mut(slot) else { return Ok(()) };
        let end = if flow.a == from { End::A } else { End::B };
        flow.take(at, end, checked, shared)
    }

    fn note_reuse(&mut self, slot: u32, frame: u64, shared: &mut Shared<'_>) -> io::Result<()> {
        self.flow_mut(slot).map_or(Ok(()), |flow| flow.note(frame, Anomaly::PortReuse, shared))
    }

    fn create(
        &mut self,
        key: Key,
        a: SocketAddr,
        b: SocketAddr,
        at: FrameAt,
        shared: &mut Shared<'_>,
    ) -> io::Result<u32> {
        let flow = Box::new(Flow::new(self.created, a, b, at));
        self.created += 1;
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None => {
                self.slots.push(None);
                u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX)
            }
        };
        if let Some(place) = self.slots.get_mut(slot as usize) {
            *place = Some(flow);
        }
        self.replaced = self.map.insert(key, Entry { slot, stranger: None }).map(|old| old.slot);
        if let Some(old) = self.replaced.and_then(|old| self.flow_mut(old)) {
            old.retire(at.now, shared)?;
        }
        Ok(slot)
    }

    /// The frame that follows a stranger tells what it was; at the end of the capture there is none.
    fn settle(
        &mut self,
        stranger: Stranger,
        next: Option<(SocketAddr, &TcpSegment<'_>)>,
        shared: &mut Shared<'_>,
    ) -> io::Result<()> {
        let Ok(segment) = TcpSegment::parse(&stranger.tcp, stranger.wire_len) else { return Ok(()) };
        let checked = Checked {
            segment: &segment,
            checksum: stranger.checksum,
            ip_checksum_ok: stranger.ip_checksum_ok,
        };
        let key = key(stranger.from, stranger.to);
        if next.is_none_or(|(from, segment)| stranger.is_confirmed_by(from, segment)) {
            let slot = self.create(key, stranger.from, stranger.to, stranger.at, shared)?;
            self.give(slot, stranger.at, stranger.from, checked, shared)?;
            self.note_reuse(slot, stranger.at.number, shared)
        } else {
            let slot = self.map.get(&key).map_or(u32::MAX, |entry| entry.slot);
            self.give(slot, stranger.at, stranger.from, checked, shared)
        }
    }

    /// The capture is over: SYNs that nobody answered were new connections.
    pub(crate) fn settle_strangers(&mut self, shared: &mut Shared<'_>) -> io::Result<()> {
        #[allow(clippy::disallowed_methods, reason = "sorted before use")]
        let mut strangers: Vec<_> = self.map.values_mut().filter_map(|entry| entry.stranger.take()).collect();
        strangers.sort_unstable_by_key(|stranger| stranger.at.number);
        for stranger in strangers {
            self.settle(*stranger, None, shared)?;
        }
        Ok(())
    }

    /// Lets go of a flow.
    pub(crate) fn forget(&mut self, slot: u32) {
        let Some(flow) = self.slots.get_mut(slot as usize).and_then(Option::take) else { return };
        self.last = None;
        if let Some(deadline) = flow.deadline {
            self.deadlines.remove(&(deadline, slot));
        }
        let key = key(flow.a, flow.b);
        if self.map.get(&key).is_some_and(|entry| entry.slot == slot && entry.stranger.is_none()) {
            self.map.remove(&key);
        }
        self.free.push(slot);
    }

    /// Takes the deadlines anew of a flow that has changed, and of one that it replaced.
    pub(crate) fn set_deadlines(&mut self, slot: u32, next: impl Fn(&Flow) -> Option<Instant>) {
        self.set_deadline(slot, &next);
        if let Some(old) = self.replaced.take() {
            self.set_deadline(old, next);
        }
    }

    fn set_deadline(&mut self, slot: u32, next: impl Fn(&Flow) -> Option<Instant>) {
        let Some(flow) = self.slots.get_mut(slot as usize).and_then(Option::as_deref_mut) else { return };
        let deadline = next(flow);
        if flow.deadline == deadline {
            return;
        }
        if let Some(old) = core::mem::replace(&mut flow.deadline, deadline) {
            self.deadlines.remove(&(old, slot));
        }
        if let Some(new) = deadline {
            self.deadlines.insert((new, slot));
        }
    }

    /// A flow whose deadline has come, once.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<u32> {
        let &(deadline, slot) = self.deadlines.first()?;
        if deadline > now {
            return None;
        }
        self.deadlines.pop_first();
        if let Some(flow) = self.flow_mut(slot) {
            flow.deadline = None;
        }
        Some(slot)
    }

    /// Every flow that is left, in order of first frame.
    pub(crate) fn into_flows(self) -> impl Iterator<Item = Box<Flow>> {
        let mut slots = self.slots;
        slots.sort_unstable_by_key(|slot| slot.as_ref().map(|flow| flow.first_frame));
        slots.into_iter().flatten()
    }
}

enum Meeting {
    SameFlow,
    NewFlow,
    NotSure,
}

/// Whether a segment belongs to the flow that its two sockets lead to.
fn meets(flow: &Flow, from: End, segment: &TcpSegment<'_>) -> Meeting {
    if !segment.flags.contains(TcpFlags::SYN)
        || segment.flags.contains(TcpFlags::RST)
        || flow.owns_syn(from, segment.seq)
    {
        return Meeting::SameFlow;
    }
    if segment.flags.contains(TcpFlags::ACK) {
        // An answer with another number: to this flow's own call it stays with it, however odd.
        let stays = flow.answers_own_syn(from, segment.ack) && !flow.is_closed();
        return if stays { Meeting::SameFlow } else { Meeting::NewFlow };
    }
    if flow.is_open() { Meeting::NotSure } else { Meeting::NewFlow }
}

impl Stranger {
    fn new(at: FrameAt, from: SocketAddr, to: SocketAddr, checked: Checked<'_, '_>) -> Self {
        let segment = checked.segment;
        Self {
            at,
            from,
            to,
            tcp: segment.as_bytes().into(),
            wire_len: segment.header_len + segment.payload_len,
            checksum: checked.checksum,
            ip_checksum_ok: checked.ip_checksum_ok,
            seq: segment.seq,
            end: segment.end_seq(),
        }
    }

    /// Whether `next` shows that the SYN began a connection: the other end answers it, or it is sent again.
    fn is_confirmed_by(&self, from: SocketAddr, next: &TcpSegment<'_>) -> bool {
        let answers = (next.ack - self.seq).wrapping_sub(1) < (self.end - self.seq);
        if from == self.from {
            next.flags.contains(TcpFlags::SYN)
        } else {
            next.flags.contains(TcpFlags::ACK)
                && answers
                && (next.flags.contains(TcpFlags::SYN) || next.flags.contains(TcpFlags::RST))
        }
    }
}
