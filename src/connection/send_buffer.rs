//! The octets that the user gave and the peer has not acknowledged.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::mem::size_of;
#[cfg(any(test, debug_assertions))]
use core::ops::Range;

use bytes::{Buf as _, Bytes};

use super::pace::Pace;
use crate::Instant;

/// The least that a chunk of copied octets has room for.
const MIN_CHUNK: usize = 256;
/// The most.
const MAX_CHUNK: usize = 64 << 10;
/// What is shorter is copied even if it could be kept by reference: that costs less than another entry in the
/// list.
const COPY_BELOW: usize = 512;
/// The least memory that a buffer may hold; with less it could not hold one segment.
const MIN_LIMIT: usize = 4 << 10;

/// So many octets of memory in acknowledged chunks, and places for so many chunks, are kept for what is to come even if
/// the stream is slow: a conversation of short messages need not ask for memory with each.
const KEPT: (usize, usize) = (1 << 10, 4);

/// The send stream from the first octet that is not acknowledged to the last one queued. While it is empty and
/// rests, it is only a place.
#[derive(Clone, Debug)]
pub(super) struct SendBuffer {
    acked_to: u64,
    held: Option<Box<Held>>,
    /// Octets of memory that may be held: from the first of the bounds to the second.
    limit: u32,
    bounds: (u32, u32),
}

/// Octets lie in chunks: copied ones share a chunk until it is full, what came by reference is a chunk of its
/// own. The oldest chunk is given back when its last octet was acknowledged.
#[derive(Clone, Debug, Default)]
struct Held {
    /// Without gaps; the first begins at or before what was acknowledged last.
    chunks: VecDeque<Chunk>,
    /// Which of them had what was sent last.
    sent: usize,
    queued_to: u64,
    /// Octets of memory in `chunks`.
    octets: usize,
    /// Copied chunks that were acknowledged, for the next octets.
    spare: [Vec<u8>; 3],
    pace: Pace,
}

static NOTHING: Held = Held {
    chunks: VecDeque::new(),
    sent: 0,
    queued_to: 0,
    octets: 0,
    spare: [const { Vec::new() }; 3],
    pace: Pace::new(0),
};

#[derive(Clone, Debug)]
struct Chunk {
    /// Offset of its first octet in the stream.
    start: u64,
    octets: Octets,
}

#[derive(Clone, Debug)]
enum Octets {
    Copied(Vec<u8>),
    Referenced(Bytes),
}

impl Chunk {
    fn octets(&self) -> &[u8] {
        match &self.octets {
            Octets::Copied(octets) => octets,
            Octets::Referenced(octets) => octets,
        }
    }

    fn end(&self) -> u64 {
        self.start + self.octets().len() as u64
    }

    /// Octets of memory. What is referenced belongs to the user as well: it counts as long as it.
    fn held(&self) -> usize {
        match &self.octets {
            Octets::Copied(octets) => octets.capacity(),
            Octets::Referenced(octets) => octets.len(),
        }
    }
}

impl SendBuffer {
    /// An empty buffer that will hold at most `begin` octets of memory, and up to `most` where the congestion window
    /// asks for it.
    pub(super) fn new(begin: usize, most: usize) -> Self {
        // The machine is told lengths in 32 bits.
        let begin = begin.clamp(MIN_LIMIT, 1 << 30) as u32;
        let most = most.clamp(begin as usize, 1 << 30) as u32;
        Self { acked_to: 0, held: None, limit: begin, bounds: (begin, most) }
    }

    /// The empty buffer of a connection that was made elsewhere: all octets before `at` are acknowledged.
    pub(super) fn starting_at(begin: usize, most: usize, at: u64) -> Self {
        Self { acked_to: at, ..Self::new(begin, most) }
    }

    /// Other bounds from now on; what is held stays.
    pub(super) fn resize(&mut self, begin: usize, most: usize) {
        let fresh = Self::new(begin, most);
        (self.limit, self.bounds) = (fresh.limit, fresh.bounds);
    }

    #[inline]
    fn held(&self) -> &Held {
        self.held.as_deref().unwrap_or(&NOTHING)
    }

    #[inline]
    fn make(&mut self) -> &mut Held {
        let queued_to = self.acked_to;
        self.held.get_or_insert_with(|| {
            Box::new(Held { queued_to, pace: Pace::new(queued_to), ..Held::default() })
        })
    }

    /// Octets of memory that may be held now.
    pub(super) const fn limit(&self) -> usize {
        self.limit as usize
    }

    /// Whether at least a third of what may be held is free: then it is worth telling a writer who had to stop.
    pub(super) fn has_a_third_free(&self) -> bool {
        self.held.as_ref().is_none_or(|held| held.octets <= self.limit() / 3 * 2)
    }

    /// There is to be room for two congestion windows: one in flight, and one that is ready when it is
    /// acknowledged, or while what was lost of it is sent again. Beside them: an eighth for lists, and a chunk
    /// whose last octet is not acknowledged yet. The limit grows by a quarter at least, so that chunks do not become
    /// as small as the steps of the window. It does not go back with the window after a loss: that would hold up
    /// the user, and what is in the buffer stays there anyway.
    pub(super) fn make_room_for(&mut self, cwnd: u32) {
        let most = self.bounds.1;
        if self.limit == most {
            return;
        }
        let beside = cwnd / 4 + cwnd.min(MAX_CHUNK as u32);
        let wanted = cwnd.saturating_mul(2).saturating_add(beside).min(most);
        if wanted >= self.limit + self.limit / 4 || wanted == most {
            self.limit = wanted;
        }
    }

    /// Whether [`forget`](Self::forget) has anything to forget.
    pub(super) const fn is_new(&self, acked_to: u64) -> bool {
        acked_to > self.acked_to
    }

    /// Octets in the buffer.
    pub(super) fn len(&self) -> usize {
        (self.queued_to() - self.acked_to) as usize
    }

    fn queued_to(&self) -> u64 {
        self.held.as_ref().map_or(self.acked_to, |held| held.queued_to)
    }

    /// The part of the stream that is here.
    #[cfg(any(test, debug_assertions))]
    pub(super) fn range(&self) -> Range<u64> {
        self.acked_to..self.queued_to()
    }

    /// Octets of memory held, bookkeeping included.
    #[inline]
    pub(super) fn memory(&self) -> usize {
        self.held.as_ref().map_or(0, |held| size_of::<Held>() + held.memory())
    }

    /// Octets that [`push_slice`](Self::push_slice) may take.
    pub(super) fn room(&self) -> usize {
        let held = self.held();
        let started = held.unused();
        // The spare chunks do not count where there are not even places in the list for them.
        if self.budget(held.spare_count()).is_none() {
            return started;
        }
        let entries = self.limit() / self.max_chunk() + 1;
        let more = self.budget(held.spare_count() + entries).unwrap_or(0);
        // A chunk for a handful of octets is not worth its place: wait until more is acknowledged.
        started + held.spare_held() + if more < MIN_CHUNK { 0 } else { more }
    }

    /// Octets that [`push_bytes`](Self::push_bytes) may take of `len`.
    pub(super) fn room_for_reference(&self, len: usize) -> usize {
        match self.budget(1) {
            Some(room) if len >= COPY_BELOW && room >= COPY_BELOW => room,
            _ => self.room().min(COPY_BELOW - 1),
        }
    }

    /// Octets of memory that are left once `entries` more chunks have their place in the list; `None` if
    /// there is none for that.
    fn budget(&self, entries: usize) -> Option<usize> {
        let held = self.held();
        let places = held.chunks.capacity();
        let needed = held.chunks.len() + entries;
        // A list that grows at least doubles, and begins with four places.
        let growth = if needed > places { needed.max(2 * places).max(4) - places } else { 0 };
        self.limit().checked_sub(held.memory() + growth * size_of::<Chunk>())
    }

    /// A chunk is given back as a whole: it must be small against the limit, so that the sender need not stop
    /// until it is.
    fn max_chunk(&self) -> usize {
        (self.limit() / 4).clamp(MIN_CHUNK, MAX_CHUNK)
    }

    /// Copies octets to the end of the stream: at most as many as there is [`room`](Self::room) for.
    pub(super) fn push_slice(&mut self, data: &[u8]) {
        debug_assert!(data.len() <= self.room());
        if data.is_empty() {
            return;
        }
        let (max, limit, acked_to) = (self.max_chunk(), self.limit(), self.acked_to);
        let held = self.make();
        let (now, mut rest) = data.split_at_checked(held.unused()).unwrap_or((data, &[]));
        held.fill(now);
        if rest.is_empty() {
            return;
        }
        // All places at once, so that the list grows no further than `budget` has it.
        let new = rest.len().saturating_sub(held.spare_held()).div_ceil(max);
        held.chunks.reserve(new + held.spare_count());
        while !rest.is_empty() {
            let chunk = held.take_spare().unwrap_or_else(|| {
                // For some of the rest and what will follow: the larger, the more is on its way.
                let on_its_way = (held.queued_to - acked_to) as usize;
                let size = rest.len().max(on_its_way).min(max).next_power_of_two().clamp(MIN_CHUNK, max);
                // Not beyond the limit for the sake of what will follow.
                let left = limit.saturating_sub(held.memory());
                Vec::with_capacity(size.min(left.max(rest.len().min(max))))
            });
            let (now, later) = rest.split_at_checked(chunk.capacity()).unwrap_or((rest, &[]));
            held.octets += chunk.capacity();
            held.chunks.push_back(Chunk { start: held.queued_to, octets: Octets::Copied(chunk) });
            held.fill(now);
            rest = later;
        }
    }

    /// Keeps octets at the end of the stream, by reference: at most as many as there is
    /// [room](Self::room_for_reference) for.
    pub(super) fn push_bytes(&mut self, data: Bytes) {
        if data.len() < COPY_BELOW {
            return self.push_slice(&data);
        }
        debug_assert!(data.len() <= self.room_for_reference(data.len()));
        let held = self.make();
        held.octets += data.len();
        let start = held.queued_to;
        held.queued_to += data.len() as u64;
        held.chunks.push_back(Chunk { start, octets: Octets::Referenced(data) });
    }

    /// The octets from `offset` on go out now; those behind them are likely to be next.
    #[inline]
    pub(super) fn sends(&mut self, offset: u64) {
        if let Some(held) = &mut self.held {
            held.sent = held.chunk_at(offset);
        }
    }

    /// The `len` octets from `offset` on, piece by piece.
    pub(super) fn pieces(&self, offset: u64, len: usize) -> impl Iterator<Item = &[u8]> + Clone {
        let end = offset + len as u64;
        let held = self.held();
        let first = if len == 0 { held.chunks.len() } else { held.chunk_at(offset) };
        held.chunks.range(first..).map_while(move |chunk| {
            let from = offset.saturating_sub(chunk.start) as usize;
            let to = end.checked_sub(chunk.start).filter(|&to| to > 0)?;
            let to = chunk.octets().len().min(usize::try_from(to).unwrap_or(usize::MAX));
            chunk.octets().get(from..to)
        })
    }

    /// Everything before `acked_to` is acknowledged. Says whether memory is held, or allowed, only for what is to
    /// come.
    pub(super) fn forget(&mut self, now: Instant, acked_to: u64) -> bool {
        if acked_to <= self.acked_to {
            return false;
        }
        let Some(held) = &mut self.held else { return false };
        debug_assert!(acked_to <= held.queued_to);
        self.acked_to = acked_to.min(held.queued_to);
        held.forget(self.acked_to);
        if held.chunks.is_empty() && !held.pace.is_busy(now, self.acked_to) {
            held.give_back_much();
        }
        held.chunks.is_empty() || held.spare_held() > 0
    }

    /// Nothing may come for a while: gives back memory that is held for it, and, where nothing is left, the right
    /// to more than at the beginning.
    pub(super) fn rest(&mut self) {
        if let Some(held) = &mut self.held {
            held.spare = Default::default();
            if !held.chunks.is_empty() {
                return;
            }
            self.held = None;
        }
        self.limit = self.bounds.0;
    }

    /// Forgets all octets and gives back the memory; the stream goes on where it is.
    pub(super) fn discard(&mut self) {
        self.acked_to = self.queued_to();
        self.held = None;
        self.rest();
    }

    /// Begins another stream.
    pub(super) fn restart(&mut self) {
        (self.acked_to, self.held, self.limit) = (0, None, self.bounds.0);
    }
}

impl Held {
    /// Octets of memory, without this list itself.
    #[inline]
    fn memory(&self) -> usize {
        self.octets + self.spare_held() + self.chunks.capacity() * size_of::<Chunk>()
    }

    #[inline]
    fn spare_held(&self) -> usize {
        self.spare.iter().map(Vec::capacity).sum()
    }

    fn spare_count(&self) -> usize {
        self.spare.iter().filter(|chunk| chunk.capacity() > 0).count()
    }

    /// Octets that the last chunk has room for.
    fn unused(&self) -> usize {
        match self.chunks.back() {
            Some(Chunk { octets: Octets::Copied(octets), .. }) => octets.capacity() - octets.len(),
            _ => 0,
        }
    }

    /// Copies octets to the last chunk, which has room for them.
    fn fill(&mut self, data: &[u8]) {
        if let Some(Chunk { octets: Octets::Copied(octets), .. }) = self.chunks.back_mut() {
            octets.extend_from_slice(data);
            self.queued_to += data.len() as u64;
        }
    }

    fn take_spare(&mut self) -> Option<Vec<u8>> {
        self.spare.iter_mut().find(|chunk| chunk.capacity() > 0).map(core::mem::take)
    }

    /// Which chunk has the octet at `offset`.
    fn chunk_at(&self, offset: u64) -> usize {
        // What goes out most often follows what went out last.
        let has_it = |number: &usize| {
            self.chunks.get(*number).is_some_and(|chunk| chunk.start <= offset && offset < chunk.end())
        };
        let near = [self.sent, self.sent + 1].into_iter().find(has_it);
        near.unwrap_or_else(|| self.chunks.partition_point(|chunk| chunk.end() <= offset))
    }

    /// Everything before `acked_to` is acknowledged.
    fn forget(&mut self, acked_to: u64) {
        while let Some(chunk) = self.chunks.pop_front_if(|chunk| chunk.end() <= acked_to) {
            self.octets -= chunk.held();
            self.sent = self.sent.saturating_sub(1);
            if let Octets::Copied(octets) = chunk.octets {
                self.keep_spare(octets);
            }
        }
        // What is left of referenced octets is all that counts.
        if let Some(Chunk { start, octets: Octets::Referenced(octets) }) = self.chunks.front_mut()
            && *start < acked_to
        {
            let gone = (acked_to - *start) as usize;
            octets.advance(gone.min(octets.len()));
            *start = acked_to;
            self.octets -= gone;
        }
    }

    /// Keeps a chunk for the next octets, unless larger ones are kept already.
    fn keep_spare(&mut self, mut chunk: Vec<u8>) {
        if let Some(smallest) = self.spare.iter_mut().min_by_key(|spare| spare.capacity())
            && smallest.capacity() < chunk.capacity()
        {
            chunk.clear();
            *smallest = chunk;
        }
    }

    /// The stream is slow, and empty: gives back what is more than a little.
    fn give_back_much(&mut self) {
        if self.spare_held() > KEPT.0 {
            self.spare = Default::default();
        }
        if self.chunks.capacity() > KEPT.1 {
            self.chunks = VecDeque::new();
        }
    }
}

#[cfg(test)]
mod tests;
