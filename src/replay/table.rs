//! The flows that are open and closed, found by their two sockets; and what a SYN means that meets one.

use super::anomaly::Anomaly;
use super::flow::{Checked, Flow, FrameAt};
use super::reassembly::Shared;
use crate::SeqNumber;
use crate::time::Instant;
use crate::wire::ChecksumStatus;
use crate::wire::tcp::{TcpFlags, TcpSegment};
use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::hash::BuildHasher;
use core::net::SocketAddr;
use hashbrown::HashTable;
use std::hash::RandomState;
use std::io;

/// Octets of a waiting SYN that are kept at the most: what IP can carry. Only a capture that was taken before
/// segmentation holds more in one frame, and what is left out counts as not captured.
const LARGEST_SEGMENT: usize = 65_535;

/// A SYN with a number of its own that meets an open connection. It may be a new connection on the same
/// ports, or an old duplicate, or forged: the next frame tells.
#[derive(Debug)]
pub(crate) struct Stranger {
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

/// All flows. The index holds slots alone, found by the hash of their flow's two sockets: a table of millions
/// of flows costs five octets more for each.
#[derive(Debug, Default)]
pub(crate) struct FlowTable {
    index: HashTable<u32>,
    keys: RandomState,
    slots: Vec<Option<Box<Flow>>>,
    free: Vec<u32>,
    created: u64,
    deadlines: BTreeSet<(Instant, u32)>,
    /// Flows that lost their ports to newer ones just now.
    replaced: Vec<u32>,
    /// The last look-up: frames of one flow come in runs.
    last: Option<u32>,
}

impl FlowTable {
    /// How many flows there were so far.
    pub(crate) const fn created(&self) -> u64 {
        self.created
    }

    pub(crate) fn flow_mut(&mut self, slot: u32) -> Option<&mut Flow> {
        self.slots.get_mut(slot as usize)?.as_deref_mut()
    }

    /// The hash of two sockets, the same in both directions. Its key is random: nobody can make a capture
    /// whose flows collide.
    fn hash(keys: &RandomState, from: SocketAddr, to: SocketAddr) -> u64 {
        keys.hash_one(if from <= to { (from, to) } else { (to, from) })
    }

    fn hash_of(keys: &RandomState, flow: &Flow) -> u64 {
        let (a, b) = flow.sockets();
        Self::hash(keys, a, b)
    }

    fn find(&self, from: SocketAddr, to: SocketAddr) -> Option<u32> {
        let between = |slot: u32| {
            self.slots.get(slot as usize)?.as_deref().filter(|flow| flow.is_between(from, to)).map(|_| slot)
        };
        self.last.and_then(between).or_else(|| {
            let hash = Self::hash(&self.keys, from, to);
            self.index.find(hash, |slot| between(*slot).is_some()).copied()
        })
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
        let mut found = self.find(from, to);
        if let Some(slot) = found
            && let Some(stranger) = self.flow_mut(slot).and_then(|flow| flow.stranger.take())
        {
            found = Some(self.settle(slot, *stranger, Some((from, checked.segment)), shared)?);
        }
        let meeting =
            found.and_then(|slot| self.flow_mut(slot).map(|flow| (slot, meets(flow, from, checked.segment))));
        let slot = match meeting {
            Some((slot, Meeting::SameFlow)) => {
                self.give(slot, at, from, checked, shared)?;
                slot
            }
            Some((slot, Meeting::NotSure)) => {
                if let Some(flow) = self.flow_mut(slot) {
                    flow.stranger = Some(Box::new(Stranger::new(at, from, to, checked)));
                }
                slot
            }
            Some((old, Meeting::NewFlow)) => self.replace(old, at, from, to, checked, shared)?,
            None => {
                let slot = self.create(from, to, at);
                let keys = &self.keys;
                let slots = &self.slots;
                self.index.insert_unique(Self::hash(keys, from, to), slot, |slot| {
                    let flow = slots.get(*slot as usize).and_then(Option::as_deref);
                    flow.map_or(0, |flow| Self::hash_of(keys, flow))
                });
                self.give(slot, at, from, checked, shared)?;
                slot
            }
        };
        self.last = Some(slot);
        Ok(slot)
    }

    /// A new flow on the sockets of an old one.
    fn replace(
        &mut self,
        old: u32,
        at: FrameAt,
        from: SocketAddr,
        to: SocketAddr,
        checked: Checked<'_, '_>,
        shared: &mut Shared<'_>,
    ) -> io::Result<u32> {
        let slot = self.create(from, to, at);
        let hash = Self::hash(&self.keys, from, to);
        if let Some(entry) = self.index.find_mut(hash, |slot| *slot == old) {
            *entry = slot;
        }
        if let Some(flow) = self.flow_mut(old) {
            flow.retire(shared)?;
        }
        self.replaced.push(old);
        self.give(slot, at, from, checked, shared)?;
        self.flow_mut(slot).map_or(Ok(()), |flow| flow.note(at.number, Anomaly::PortReuse, shared))?;
        Ok(slot)
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
        let end = flow.end_of(from);
        flow.take(at, end, checked, shared)
    }

    fn create(&mut self, a: SocketAddr, b: SocketAddr, at: FrameAt) -> u32 {
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
        slot
    }

    /// The frame that follows a stranger tells what it was; at the end of the capture there is none. Answers
    /// which flow has the sockets now.
    fn settle(
        &mut self,
        slot: u32,
        stranger: Stranger,
        next: Option<(SocketAddr, &TcpSegment<'_>)>,
        shared: &mut Shared<'_>,
    ) -> io::Result<u32> {
        let Ok(segment) = TcpSegment::parse(&stranger.tcp, stranger.wire_len) else { return Ok(slot) };
        let checked = Checked {
            segment: &segment,
            checksum: stranger.checksum,
            ip_checksum_ok: stranger.ip_checksum_ok,
        };
        if next.is_none_or(|(from, segment)| stranger.is_confirmed_by(from, segment)) {
            return self.replace(slot, stranger.at, stranger.from, stranger.to, checked, shared);
        }
        self.give(slot, stranger.at, stranger.from, checked, shared)?;
        Ok(slot)
    }

    /// Nothing more comes between the sockets of this flow: a SYN that nobody answered was a new connection.
    /// Answers which flow has the sockets now.
    pub(crate) fn settle_without_next(&mut self, slot: u32, shared: &mut Shared<'_>) -> io::Result<u32> {
        match self.flow_mut(slot).and_then(|flow| flow.stranger.take()) {
            Some(stranger) => self.settle(slot, *stranger, None, shared),
            None => Ok(slot),
        }
    }

    /// The capture is over.
    pub(crate) fn settle_all(&mut self, shared: &mut Shared<'_>) -> io::Result<()> {
        for slot in 0..u32::try_from(self.slots.len()).unwrap_or(u32::MAX) {
            self.settle_without_next(slot, shared)?;
        }
        Ok(())
    }

    /// Lets go of a flow.
    pub(crate) fn forget(&mut self, slot: u32) {
        let Some(flow) = self.slots.get_mut(slot as usize).and_then(Option::take) else { return };
        self.last = None;
        self.replaced.retain(|replaced| *replaced != slot);
        if let Some(deadline) = flow.deadline() {
            self.deadlines.remove(&(deadline, slot));
        }
        let hash = Self::hash_of(&self.keys, &flow);
        if let Ok(entry) = self.index.find_entry(hash, |indexed| *indexed == slot) {
            entry.remove();
        }
        self.free.push(slot);
    }

    /// Takes the deadlines anew of a flow that has changed, and of one that it replaced.
    pub(crate) fn set_deadlines(&mut self, slot: u32, next: impl Fn(&Flow) -> Option<Instant>) {
        self.set_deadline(slot, &next);
        while let Some(old) = self.replaced.pop() {
            self.set_deadline(old, &next);
        }
    }

    fn set_deadline(&mut self, slot: u32, next: impl Fn(&Flow) -> Option<Instant>) {
        let Some(flow) = self.slots.get_mut(slot as usize).and_then(Option::as_deref_mut) else { return };
        // The very end of time cannot be told from no time.
        let deadline = next(flow).map(|at| at.min(Instant::from_nanos(u64::MAX - 1)));
        if flow.deadline() == deadline {
            return;
        }
        if let Some(old) = flow.set_deadline(deadline) {
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
            flow.set_deadline(None);
        }
        Some(slot)
    }

    /// Every flow that is left, in order of first frame.
    pub(crate) fn into_flows(self) -> impl Iterator<Item = Box<Flow>> + Send {
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
fn meets(flow: &Flow, from: SocketAddr, segment: &TcpSegment<'_>) -> Meeting {
    let from = flow.end_of(from);
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
            tcp: segment.as_bytes().get(..LARGEST_SEGMENT).unwrap_or(segment.as_bytes()).into(),
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
            next.flags.contains(TcpFlags::SYN) && next.seq == self.seq
        } else {
            next.flags.contains(TcpFlags::ACK)
                && answers
                && (next.flags.contains(TcpFlags::SYN) || next.flags.contains(TcpFlags::RST))
        }
    }
}
