//! Datagrams that wait: to be read, or to be sent.

use alloc::vec::Vec;
use core::mem::size_of;

use bytes::Bytes;

use super::super::FiveTuple;
use super::super::slab::Slab;
use crate::connection::Payload;

/// No datagram.
const NONE: u32 = u32::MAX;
/// The smallest buffer that octets are copied into.
const MIN_BUFFER: usize = 64;
/// The largest that is kept for the next datagram.
const MAX_SPARE: usize = 16 << 10;
/// Sizes of spare buffers: powers of two from the smallest to the largest.
const CLASSES: usize = (MAX_SPARE / MIN_BUFFER).ilog2() as usize + 1;
/// Octets of memory in spare buffers of one size, at the most.
const SPARE_HELD: usize = 32 << 10;
/// What is shorter is copied even if it could be kept by reference.
const COPY_BELOW: usize = 256;

/// The octets of a datagram.
#[derive(Clone, Debug)]
pub(super) enum Octets {
    Copied(Vec<u8>),
    /// By reference, and how much memory that keeps alive.
    Kept(Bytes, u32),
}

impl Octets {
    pub(super) fn as_slice(&self) -> &[u8] {
        match self {
            Self::Copied(octets) => octets,
            Self::Kept(octets, _) => octets,
        }
    }

    /// Octets of memory that they keep alive.
    fn held(&self) -> usize {
        match self {
            Self::Copied(octets) => octets.capacity(),
            Self::Kept(_, pinned) => *pinned as usize,
        }
    }

    pub(super) fn into_bytes(self) -> Bytes {
        match self {
            Self::Copied(octets) => octets.into(),
            Self::Kept(octets, _) => octets,
        }
    }
}

/// One datagram that waits.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    /// Our own end and the other.
    pub(super) tuple: FiveTuple,
    pub(super) octets: Octets,
    pub(super) hop_limit: u8,
    /// DSCP in the upper six bits, ECN in the lower two.
    pub(super) traffic_class: u8,
    /// Only when it is to be sent.
    pub(super) dont_fragment: bool,
    /// Only when it is to be sent.
    pub(super) no_checksum: bool,
}

impl Waiting {
    /// Octets of memory, bookkeeping included.
    pub(super) fn cost(&self) -> usize {
        NODE + self.octets.held()
    }
}

#[derive(Clone, Debug)]
struct Node {
    waiting: Waiting,
    next: u32,
}

/// Octets of memory for a node in its place, with what the place itself needs.
const NODE: usize = size_of::<Node>() + size_of::<u64>();

/// Datagrams in the order in which they came. The octets of memory behind them are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Queue {
    head: u32,
    tail: u32,
    len: u32,
    held: u32,
}

impl Queue {
    pub(super) const fn new() -> Self {
        Self { head: NONE, tail: NONE, len: 0, held: 0 }
    }

    /// Datagrams.
    pub(super) const fn len(&self) -> usize {
        self.len as usize
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Octets of memory, bookkeeping included.
    pub(super) const fn held(&self) -> usize {
        self.held as usize
    }
}

/// The memory of all queues that go one way.
#[derive(Clone, Debug)]
pub(super) struct Pool {
    nodes: Slab<Node>,
    /// Buffers of datagrams that are gone, by size: the first of [`MIN_BUFFER`] octets, each next twice as large.
    spare: [Vec<Vec<u8>>; CLASSES],
    spare_held: usize,
    held: usize,
    limit: usize,
}

/// Octets of the buffer for a datagram of `len`.
fn buffer_len(len: usize) -> usize {
    if len > MAX_SPARE { len } else { len.next_power_of_two().max(MIN_BUFFER) }
}

fn class_of(capacity: usize) -> Option<usize> {
    let fits = capacity.is_power_of_two() && (MIN_BUFFER..=MAX_SPARE).contains(&capacity);
    fits.then(|| (capacity / MIN_BUFFER).ilog2() as usize)
}

/// Whether octets are kept by reference: not if they are few, or if less than half of what that keeps alive is of
/// use.
fn worth_keeping(payload: &Payload<'_>) -> bool {
    match payload {
        Payload::Slice(_) => false,
        Payload::Bytes { octets, pinned } => octets.len() >= COPY_BELOW && octets.len() >= pinned / 2,
    }
}

/// What a datagram with these octets will [`cost`](Waiting::cost).
pub(super) fn cost_of(payload: &Payload<'_>) -> usize {
    let held = match payload {
        Payload::Bytes { octets, pinned } if worth_keeping(payload) => octets.len().max(*pinned),
        _ => buffer_len(payload.len()),
    };
    NODE + held
}

/// Octets of the largest datagram that [costs](Waiting::cost) no more than `memory`, copied.
pub(super) fn largest(memory: usize) -> usize {
    let room = memory.saturating_sub(NODE);
    match room {
        0..MIN_BUFFER => 0,
        MIN_BUFFER..=MAX_SPARE => 1 << room.ilog2(),
        _ => room,
    }
}

impl Pool {
    /// Nothing, and room for `limit` octets of memory.
    pub(super) fn new(limit: usize) -> Self {
        // The lengths of queues are counted in 32 bits.
        let limit = limit.min(1 << 30);
        Self { nodes: Slab::new(), spare: Default::default(), spare_held: 0, held: 0, limit }
    }

    /// Octets of memory that may be held, bookkeeping included.
    pub(super) const fn limit(&self) -> usize {
        self.limit
    }

    /// Octets of memory for which there is room.
    pub(super) const fn room(&self) -> usize {
        self.limit.saturating_sub(self.held)
    }

    /// Whether a third of the memory is free, and room for a datagram that takes `wanted` octets.
    pub(super) fn has_room(&self, wanted: usize) -> bool {
        self.room() >= (self.limit / 3).max(wanted)
    }

    /// Octets of memory behind what waits, bookkeeping included.
    #[cfg(test)]
    pub(super) const fn held(&self) -> usize {
        self.held
    }

    /// Octets of memory in all, what lies ready for the next datagrams included.
    pub(super) fn memory(&self) -> usize {
        let unused = self.nodes.memory().saturating_sub(self.nodes.len() * NODE);
        let lists: usize = self.spare.iter().map(|class| class.capacity() * size_of::<Vec<u8>>()).sum();
        self.held + unused + self.spare_held + lists
    }

    /// The octets as they will wait: kept, or copied.
    pub(super) fn store(&mut self, payload: Payload<'_>) -> Octets {
        let keep = worth_keeping(&payload);
        match payload {
            Payload::Bytes { octets, pinned } if keep => {
                let pinned = octets.len().max(pinned);
                Octets::Kept(octets, u32::try_from(pinned).unwrap_or(u32::MAX))
            }
            payload => {
                let octets = payload.as_slice();
                let mut copy = self.buffer(buffer_len(octets.len()));
                copy.extend_from_slice(octets);
                Octets::Copied(copy)
            }
        }
    }

    /// An empty buffer with this capacity.
    fn buffer(&mut self, capacity: usize) -> Vec<u8> {
        let spare = class_of(capacity).and_then(|class| self.spare.get_mut(class)?.pop());
        match spare {
            Some(buffer) => {
                self.spare_held -= buffer.capacity();
                buffer
            }
            None => Vec::with_capacity(capacity),
        }
    }

    /// Takes back what octets lay in.
    pub(super) fn recycle(&mut self, octets: Octets) {
        let Octets::Copied(mut buffer) = octets else {
            return;
        };
        let capacity = buffer.capacity();
        let Some(class) = class_of(capacity).and_then(|class| self.spare.get_mut(class)) else {
            return;
        };
        // Spare buffers are a comfort that must not push the whole over its limit.
        let fits = self.held + self.spare_held + capacity <= self.limit;
        if fits && (class.len() + 1) * capacity <= SPARE_HELD {
            buffer.clear();
            self.spare_held += capacity;
            class.push(buffer);
        }
    }

    /// Adds a datagram at the end.
    pub(super) fn push(&mut self, queue: &mut Queue, waiting: Waiting) {
        let cost = waiting.cost();
        if self.held + cost + self.spare_held > self.limit {
            self.spare = Default::default();
            self.spare_held = 0;
        }
        let index = self.nodes.insert(Node { waiting, next: NONE });
        match self.nodes.get_mut(queue.tail) {
            Some(last) if queue.len > 0 => last.next = index,
            _ => queue.head = index,
        }
        queue.tail = index;
        queue.len += 1;
        queue.held += cost as u32;
        self.held += cost;
    }

    /// The datagram that has waited longest.
    pub(super) fn front(&self, queue: &Queue) -> Option<&Waiting> {
        self.nodes.get(queue.head).filter(|_| queue.len > 0).map(|node| &node.waiting)
    }

    /// Takes out the datagram that has waited longest.
    pub(super) fn pop(&mut self, queue: &mut Queue) -> Option<Waiting> {
        if queue.len == 0 {
            return None;
        }
        let Node { waiting, next } = self.nodes.remove(queue.head)?;
        let cost = waiting.cost();
        queue.head = next;
        queue.len -= 1;
        queue.held -= cost as u32;
        self.held -= cost;
        Some(waiting)
    }

    /// Forgets all datagrams, and says how many there were.
    pub(super) fn clear(&mut self, queue: &mut Queue) -> u64 {
        let mut gone = 0;
        while let Some(waiting) = self.pop(queue) {
            self.recycle(waiting.octets);
            gone += 1;
        }
        gone
    }
}

#[cfg(test)]
mod tests;
