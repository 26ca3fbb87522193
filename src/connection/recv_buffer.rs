//! The octets that have come and that the user has not read.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use core::mem::size_of;
#[cfg(any(test, debug_assertions))]
use core::ops::Range;

use bytes::{Buf as _, Bytes, BytesMut};

use super::Payload;
use super::pace::Pace;
use crate::Instant;

mod waiting;

use waiting::{Piece, Waiting};

/// The least that a chunk of copied octets has room for.
const MIN_CHUNK: usize = 256;
/// The most.
const MAX_CHUNK: usize = 128 << 10;
/// What is shorter is copied even if it could be kept by reference: that costs less than another entry in the
/// list.
const COPY_BELOW: usize = 256;

/// So many octets of memory are kept for what is to come even if the stream is slow: a conversation of short messages
/// need not ask for memory with each.
const KEPT: usize = 1 << 10;

/// The receive stream from the first octet that is not read on. While it is empty and rests, it is only a place.
#[derive(Clone, Debug)]
pub(super) struct RecvBuffer {
    held: Option<Box<Held>>,
    /// While nothing is held: all octets before this offset were read.
    at: u64,
}

/// What came in order, and what waits for a gap to be filled.
///
/// Octets that came by reference stay where they are. Others are copied to the end of the tail, a chunk that
/// is handed out in parts as it is read and replaced when it is full.
#[derive(Clone, Debug)]
struct Held {
    /// In order, from `consumed_to` on; before the tail.
    chunks: VecDeque<Chunk>,
    /// In order, to `in_order_to`; with room for more.
    tail: BytesMut,
    /// Octets of memory behind `tail`, those included that were handed out or stand in `chunks`.
    tail_held: usize,
    /// Octets of memory behind `chunks`.
    held: usize,
    consumed_to: u64,
    /// What the machine lets the user have: less than `in_order_to` while the handshake is not done.
    readable_to: u64,
    in_order_to: u64,
    waiting: Waiting,
    pace: Pace,
    max_chunk: usize,
}

#[derive(Clone, Debug)]
struct Chunk {
    octets: Bytes,
    /// Octets of memory that it keeps alive, unless another chunk behind it or the tail counts them.
    held: usize,
}

/// Whether `len` octets are kept by reference at the price of `pinned` octets of memory: not if less than
/// half of that is of use.
const fn worth_keeping(len: usize, pinned: usize) -> bool {
    len >= COPY_BELOW && len >= pinned / 2
}

impl RecvBuffer {
    /// An empty buffer; all octets before `at` were read.
    pub(super) const fn new(at: u64) -> Self {
        Self { held: None, at }
    }

    #[inline]
    fn make(&mut self, window: u32) -> &mut Held {
        let at = self.at;
        self.held.get_or_insert_with(|| Box::new(Held::new(at, window)))
    }

    /// Octets that the user can have.
    pub(super) fn readable(&self) -> usize {
        self.held.as_ref().map_or(0, |held| held.readable())
    }

    /// All octets before this offset were read.
    #[cfg(any(test, debug_assertions))]
    pub(super) fn consumed_to(&self) -> u64 {
        self.held.as_ref().map_or(self.at, |held| held.consumed_to)
    }

    /// All octets before this offset may be read.
    #[cfg(any(test, debug_assertions))]
    pub(super) fn readable_to(&self) -> u64 {
        self.held.as_ref().map_or(self.at, |held| held.readable_to())
    }

    /// The ranges beyond `readable_to`, in order: what waits for a gap to be filled, or for the handshake.
    #[cfg(any(test, debug_assertions))]
    pub(super) fn islands(&self) -> impl Iterator<Item = Range<u64>> {
        self.held.iter().flat_map(|held| held.islands())
    }

    /// Octets of memory held, bookkeeping included.
    #[inline]
    pub(super) fn memory(&self) -> usize {
        self.held.as_ref().map_or(0, |held| size_of::<Held>() + held.memory())
    }

    /// The machine lets the user have everything before `to`.
    #[inline]
    pub(super) fn set_readable(&mut self, to: u64) {
        if let Some(held) = &mut self.held {
            held.readable_to = to;
        }
    }

    /// Stores octets at this place of the stream, and says how many differ from a copy that had come before
    /// and waited out of order; that copy stays. What is in order already is passed over. `window` is the most that may
    /// come, in octets: chunks are small against it.
    #[inline]
    pub(super) fn store(&mut self, now: Instant, window: u32, offset: u64, payload: Payload<'_>) -> u32 {
        self.make(window).store(now, offset, payload)
    }

    /// Takes out the next octets: at most `max`, as many as lie in one piece. `None` if there are none to be
    /// had.
    pub(super) fn read(&mut self, now: Instant, max: usize) -> Option<Bytes> {
        self.held.as_mut()?.read(now, max)
    }

    /// Copies the next octets to `out`, and says how many.
    pub(super) fn read_slice(&mut self, now: Instant, out: &mut [u8]) -> usize {
        self.held.as_mut().map_or(0, |held| held.read_slice(now, out))
    }

    /// Copies what could be read, from the octet that is `skip` octets further on, to `out`, and says how many.
    pub(super) fn peek(&self, skip: usize, out: &mut [u8]) -> usize {
        self.held.as_ref().map_or(0, |held| held.peek(skip, out))
    }

    /// Whether memory is held although nothing is in order: more is expected soon.
    #[inline]
    pub(super) fn is_ready_for_more(&self) -> bool {
        self.held.as_ref().is_some_and(|held| held.is_empty())
    }

    /// Gives back memory that is held for what is to come.
    pub(super) fn rest(&mut self) {
        let Some(held) = &mut self.held else { return };
        held.rest();
        if held.is_empty() && held.waiting.is_empty() {
            self.at = held.in_order_to;
            self.held = None;
        }
    }

    /// Forgets all octets and gives back the memory; the stream goes on where it is.
    pub(super) fn discard(&mut self) {
        if let Some(held) = &mut self.held {
            held.consumed_to = held.in_order_to;
        }
        self.forget_waiting();
        self.rest();
    }

    /// No gap will be filled any more, or what waits for it is not worth its memory: says how much that was. What waits
    /// for the end of the handshake goes too.
    pub(super) fn forget_waiting(&mut self) -> usize {
        let Some(held) = &mut self.held else { return 0 };
        let waiting = core::mem::take(&mut held.waiting);
        waiting.memory() + held.forget_held_back()
    }

    /// Begins another stream.
    pub(super) fn restart(&mut self) {
        (self.held, self.at) = (None, 0);
    }
}

impl Held {
    /// Nothing; all octets before `at` were read.
    fn new(at: u64, window: u32) -> Self {
        Self {
            chunks: VecDeque::new(),
            tail: BytesMut::new(),
            tail_held: 0,
            held: 0,
            consumed_to: at,
            readable_to: at,
            in_order_to: at,
            waiting: Waiting::default(),
            pace: Pace::new(at),
            max_chunk: (window as usize / 2).clamp(MIN_CHUNK, MAX_CHUNK),
        }
    }

    /// Octets that the user can have.
    fn readable(&self) -> usize {
        self.readable_to.min(self.in_order_to).saturating_sub(self.consumed_to) as usize
    }

    #[cfg(any(test, debug_assertions))]
    fn readable_to(&self) -> u64 {
        self.readable_to.min(self.in_order_to)
    }

    #[cfg(any(test, debug_assertions))]
    fn islands(&self) -> impl Iterator<Item = Range<u64>> {
        let held_back = self.readable_to()..self.in_order_to;
        Some(held_back).filter(|held_back| !held_back.is_empty()).into_iter().chain(self.waiting.islands())
    }

    /// Before the handshake is done the user can have nothing: all that is in order goes, or nothing.
    fn forget_held_back(&mut self) -> usize {
        if self.readable() > 0 || self.is_empty() {
            return 0;
        }
        let memory = self.memory();
        self.in_order_to = self.consumed_to;
        self.rest();
        memory - self.memory()
    }

    fn peek(&self, mut skip: usize, out: &mut [u8]) -> usize {
        let mut left = self.readable().saturating_sub(skip).min(out.len());
        let wanted = left;
        let pieces = self.chunks.iter().map(|chunk| &chunk.octets[..]).chain([&self.tail[..]]);
        for piece in pieces {
            let piece = piece.get(skip.min(piece.len())..).unwrap_or_default();
            skip = skip.saturating_sub(piece.len());
            let taken = piece.len().min(left);
            let at = wanted - left;
            if let (Some(to), Some(from)) = (out.get_mut(at..at + taken), piece.get(..taken)) {
                to.copy_from_slice(from);
            }
            left -= taken;
        }
        wanted - left
    }

    #[inline]
    fn memory(&self) -> usize {
        let places = self.chunks.capacity() * size_of::<Chunk>();
        self.held + self.tail_held + places + self.waiting.memory()
    }

    #[inline]
    fn store(&mut self, now: Instant, offset: u64, payload: Payload<'_>) -> u32 {
        if offset == self.in_order_to && self.waiting.is_empty() {
            self.append(now, payload);
            return 0;
        }
        self.store_around(now, offset, &payload)
    }

    /// [`store`](Self::store) where something waits, or will.
    #[cold]
    fn store_around(&mut self, now: Instant, offset: u64, payload: &Payload<'_>) -> u32 {
        let old = self.in_order_to.saturating_sub(offset) as usize;
        let offset = offset.max(self.in_order_to);
        let mut rest = payload.part(old, usize::MAX);
        let mut offset_of_rest = offset;
        if offset == self.in_order_to {
            let gap = self.waiting.first_start().map_or(usize::MAX, |start| (start - offset) as usize);
            let head = rest.part(0, gap);
            rest = rest.part(head.len(), usize::MAX);
            offset_of_rest += head.len() as u64;
            self.append(now, head);
        }
        let conflict = self.waiting.insert(offset_of_rest, &rest, self.max_chunk);
        while let Some(piece) = self.waiting.pop_at(self.in_order_to) {
            self.adopt(now, piece);
        }
        conflict
    }

    /// Puts octets behind all that are in order.
    #[inline]
    fn append(&mut self, now: Instant, payload: Payload<'_>) {
        match payload {
            Payload::Slice(octets) => self.copy(now, octets),
            Payload::Bytes { octets, pinned } if worth_keeping(octets.len(), pinned) => {
                self.keep(octets, pinned);
            }
            Payload::Bytes { octets, .. } => self.copy(now, &octets),
        }
    }

    /// Puts octets that waited behind all that are in order; a small piece is copied out of its memory.
    fn adopt(&mut self, now: Instant, piece: Piece) {
        let held = piece.held();
        if worth_keeping(piece.octets().len(), held) {
            self.keep(piece.into_bytes(), held);
        } else {
            self.copy(now, piece.octets());
        }
    }

    fn copy(&mut self, now: Instant, octets: &[u8]) {
        // Read to its end: the chunk is filled from its start again, which is still in the processor's cache.
        if self.tail.is_empty() && self.tail.capacity() < self.tail_held {
            let _ = self.tail.try_reclaim(self.tail_held);
        }
        if octets.len() <= self.tail.capacity() - self.tail.len() {
            self.tail.extend_from_slice(octets);
            self.in_order_to += octets.len() as u64;
        } else {
            self.copy_growing(now, octets);
        }
    }

    /// [`copy`](Self::copy) where the tail has not enough room.
    fn copy_growing(&mut self, now: Instant, mut octets: &[u8]) {
        // A slow stream gets chunks that are kept when they are empty.
        let busy = self.pace.is_busy(now, self.in_order_to);
        let pace = self.pace.at(now, self.in_order_to).min(if busy { usize::MAX } else { KEPT });
        while !octets.is_empty() {
            let size = pace.max(octets.len()).min(self.max_chunk).next_power_of_two();
            let size = size.clamp(MIN_CHUNK, self.max_chunk);
            // Read to its end, and nobody has kept what was read: the chunk can be filled anew.
            let again =
                self.tail.is_empty() && self.tail_held >= size && self.tail.try_reclaim(self.tail_held);
            let unused = self.tail.capacity() - self.tail.len();
            if !again && unused == 0 {
                self.retire_tail();
                self.tail = BytesMut::with_capacity(size);
                self.tail_held = size;
                continue;
            }
            let (now, later) = octets.split_at_checked(unused).unwrap_or((octets, &[]));
            self.tail.extend_from_slice(now);
            self.in_order_to += now.len() as u64;
            octets = later;
        }
    }

    #[inline]
    fn keep(&mut self, octets: Bytes, held: usize) {
        self.in_order_to += octets.len() as u64;
        if !self.tail.is_empty() {
            // The tail goes on to count the memory.
            let octets = self.tail.split().freeze();
            self.chunks.push_back(Chunk { octets, held: 0 });
        }
        self.held += held;
        self.chunks.push_back(Chunk { octets, held });
    }

    /// Moves what is in the tail to the other chunks; from now on its last one counts the memory.
    fn retire_tail(&mut self) {
        let held = core::mem::take(&mut self.tail_held);
        let octets = core::mem::take(&mut self.tail).freeze();
        if !octets.is_empty() {
            self.held += held;
            self.chunks.push_back(Chunk { octets, held });
        } else if let Some(last) = self.chunks.back_mut() {
            // Parts of it may stand before the last chunk: it is read after them.
            self.held += held;
            last.held += held;
        }
    }

    fn read(&mut self, now: Instant, max: usize) -> Option<Bytes> {
        let max = max.min(self.readable());
        if max == 0 {
            return None;
        }
        let octets = match self.chunks.front_mut() {
            Some(front) if front.octets.len() > max => front.octets.split_to(max),
            Some(_) => self.pop_chunk()?,
            None => self.tail.split_to(max.min(self.tail.len())).freeze(),
        };
        self.consumed(now, octets.len());
        Some(octets)
    }

    fn read_slice(&mut self, now: Instant, out: &mut [u8]) -> usize {
        let len = out.len().min(self.readable());
        let mut out = out.get_mut(..len).unwrap_or_default();
        while let Some(front) = self.chunks.front_mut() {
            let copied = copy_prefix(out, &front.octets);
            front.octets.advance(copied);
            let all = front.octets.is_empty();
            out = out.get_mut(copied..).unwrap_or_default();
            if !all {
                break;
            }
            self.pop_chunk();
        }
        let copied = copy_prefix(out, &self.tail);
        self.tail.advance(copied);
        if len > 0 {
            self.consumed(now, len);
        }
        len
    }

    fn pop_chunk(&mut self) -> Option<Bytes> {
        let chunk = self.chunks.pop_front()?;
        self.held -= chunk.held;
        Some(chunk.octets)
    }

    fn consumed(&mut self, now: Instant, len: usize) {
        self.consumed_to += len as u64;
        if self.is_empty() && !self.pace.is_busy(now, self.in_order_to) && self.kept() > KEPT {
            self.rest();
        }
    }

    /// Whether no octet is in order. Some may wait.
    const fn is_empty(&self) -> bool {
        self.consumed_to == self.in_order_to
    }

    /// Octets of memory that are held although nothing is in order.
    fn kept(&self) -> usize {
        self.tail_held + self.chunks.capacity() * size_of::<Chunk>()
    }

    fn rest(&mut self) {
        if self.is_empty() {
            self.chunks = VecDeque::new();
            self.tail = BytesMut::new();
            (self.held, self.tail_held) = (0, 0);
        }
    }
}

/// Copies as much of `from` as fits, and says how much that was.
fn copy_prefix(to: &mut [u8], from: &[u8]) -> usize {
    let len = to.len().min(from.len());
    if let (Some(to), Some(from)) = (to.get_mut(..len), from.get(..len)) {
        to.copy_from_slice(from);
    }
    len
}

#[cfg(test)]
mod tests;
