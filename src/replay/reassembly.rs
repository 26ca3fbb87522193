//! One direction's octets put together: the first copy wins, later copies are compared with it.

use super::sequence::MaybePosition;
use super::spill::{NumberList, Spill};
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use sha2::digest::common::hazmat::{SerializableState, SerializedState};
use sha2::{Digest, Sha256};
use std::io;

/// Without a SYN the stream begins at the lowest octet among the first ones: so much is kept back to see it.
const ANCHOR_AFTER: usize = 64 * 1024;
/// A gap that the receiver has acknowledged is skipped once so much lies behind it: it will not be filled.
const SKIP_ACKED_AFTER: usize = 1024 * 1024;
/// What a kept piece costs beside its octets.
const PIECE_OVERHEAD: usize = 64;

/// The octets of one direction, by position: 0 is the first octet after the SYN (or, where no SYN was seen,
/// the first sequence number seen).
#[derive(Debug, Default)]
pub(crate) struct Stream {
    /// Up to here everything is delivered or skipped; `None` until it is known where the stream begins.
    next: MaybePosition,
    delivered: u64,
    hash: Hash,
    /// Octets that are kept; a flow that is closed, or has sent none yet, keeps none.
    kept: Option<Box<Kept>>,
    gaps: Option<Box<Gaps>>,
    conflict_bytes: u64,
    truncated: bool,
    /// The connection is over: nothing is kept any more to compare repeats with.
    over: bool,
}

/// The hash of a stream, as far as it goes.
#[derive(Debug, Default)]
enum Hash {
    /// Of no octets, or not asked for.
    #[default]
    Empty,
    Running(Box<Sha256>),
    /// Its state lies in the store, here.
    Aside(u64),
}

impl Hash {
    fn update(&mut self, bytes: &[u8], spill: &mut dyn Spill) -> io::Result<()> {
        match self.current(spill)? {
            Some(mut hash) => {
                hash.update(bytes);
                *self = Self::Running(hash);
            }
            None => *self = Self::Running(Box::new(Sha256::new_with_prefix(bytes))),
        }
        Ok(())
    }

    /// The state, taken out of where it is.
    fn current(&mut self, spill: &mut dyn Spill) -> io::Result<Option<Box<Sha256>>> {
        match core::mem::take(self) {
            Self::Empty => Ok(None),
            Self::Running(hash) => Ok(Some(hash)),
            Self::Aside(at) => restore(at, spill).map(Some),
        }
    }

    /// Moves the state to the store: little is expected to follow.
    fn set_aside(&mut self, spill: &mut dyn Spill) -> io::Result<()> {
        if let Self::Running(hash) = self {
            *self = Self::Aside(spill.append(&hash.serialize())?);
        }
        Ok(())
    }

    fn digest(&self, spill: &mut dyn Spill) -> io::Result<[u8; 32]> {
        Ok(match self {
            Self::Empty => Sha256::digest([]).into(),
            Self::Running(hash) => hash.as_ref().clone().finalize().into(),
            Self::Aside(at) => restore(*at, spill)?.finalize().into(),
        })
    }
}

fn restore(at: u64, spill: &mut dyn Spill) -> io::Result<Box<Sha256>> {
    let mut state = SerializedState::<Sha256>::default();
    spill.read_at(at, &mut state)?;
    Sha256::deserialize(&state).map(Box::new).map_err(|_| io::ErrorKind::InvalidData.into())
}

/// Octets that a stream keeps while its connection is open.
#[derive(Debug, Default)]
struct Kept {
    /// Pieces beyond a gap, by position.
    ahead: BTreeMap<i64, Box<[u8]>>,
    ahead_bytes: usize,
    history: History,
}

/// Where octets are missing.
#[derive(Debug, Default)]
struct Gaps {
    /// All but the last, in pairs: how far the offset advanced since the one before, octets missing.
    list: NumberList,
    /// The offset of the last gap in the list.
    listed: u64,
    /// The last gap, which may still grow: offset, octets missing.
    last: Option<(u64, u64)>,
}

/// What a direction's stream amounts to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct StreamSummary {
    /// Octets that were captured, each counted once.
    pub len: u64,
    /// SHA-256 of them in order, gaps closed up; `None` where hashing was not asked for.
    pub sha256: Option<[u8; 32]>,
    /// Where octets are missing: an offset into the `len` octets, and how many are missing before it.
    pub gaps: Vec<(u64, u64)>,
    /// Octets that came again with another value.
    pub conflict_bytes: u64,
    /// The memory limit was reached: some octets could not be put in place or compared.
    pub truncated: bool,
}

/// What streams share: wishes, limits and stores.
pub(crate) struct Shared<'s> {
    /// Octets that one direction may keep, bookkeeping included.
    pub(crate) memory: usize,
    /// Whether streams are hashed.
    pub(crate) hash: bool,
    /// Octets that all directions may keep together to compare repeats with.
    pub(crate) history_limit: usize,
    /// Octets that they keep now.
    pub(crate) history: &'s mut usize,
    pub(crate) spill: &'s mut dyn Spill,
}

impl Stream {
    /// The stream begins at `base`: its SYN has been seen.
    pub(crate) fn anchor(&mut self, base: i64, shared: &mut Shared<'_>) -> io::Result<()> {
        if self.next.get().is_none() {
            self.next = MaybePosition::at(base);
            self.deliver_ready(shared)?;
        }
        Ok(())
    }

    /// Takes the captured octets `bytes` at position `at`; answers how many differ from an earlier copy.
    pub(crate) fn insert(&mut self, at: i64, bytes: &[u8], shared: &mut Shared<'_>) -> io::Result<u64> {
        let Some(next) = self.next.get() else {
            let conflict = self.keep_ahead(at, bytes);
            if self.ahead_bytes() > ANCHOR_AFTER.min(shared.memory) {
                self.anchor_at_lowest(shared)?;
            }
            return Ok(conflict);
        };
        let mut conflict = 0;
        let (at, bytes) = if at < next {
            let old = usize::try_from(next.abs_diff(at)).unwrap_or(usize::MAX).min(bytes.len());
            let (old, new) = bytes.split_at_checked(old).unwrap_or((bytes, &[]));
            let (differing, compared) =
                self.kept.as_ref().map_or((0, 0), |kept| kept.history.compare(at, old));
            conflict = differing;
            self.conflict_bytes += differing;
            self.truncated |= compared < old.len() && !self.over;
            (next, new)
        } else {
            (at, bytes)
        };
        if bytes.is_empty() {
            return Ok(conflict);
        }
        if at == next && !self.is_waiting() {
            self.deliver(bytes, shared)?;
        } else {
            conflict += self.keep_ahead(at, bytes);
            self.deliver_ready(shared)?;
            if let Some(kept) = &mut self.kept {
                kept.history.make_room(kept.ahead_bytes, shared);
            }
            while self.ahead_bytes() > shared.memory {
                self.skip_gap(shared)?;
            }
        }
        Ok(conflict)
    }

    /// The receiver has acknowledged everything before `upto`: what is missing there was not captured.
    #[inline]
    pub(crate) fn acknowledged(&mut self, upto: i64, shared: &mut Shared<'_>) -> io::Result<()> {
        while self.ahead_bytes() > SKIP_ACKED_AFTER
            && self.next.get().is_some()
            && self.first_ahead().is_some_and(|at| at <= upto)
        {
            self.skip_gap(shared)?;
        }
        Ok(())
    }

    /// Octets that wait for a gap to be filled, bookkeeping included.
    fn ahead_bytes(&self) -> usize {
        self.kept.as_ref().map_or(0, |kept| kept.ahead_bytes)
    }

    fn first_ahead(&self) -> Option<i64> {
        self.kept.as_ref()?.ahead.first_key_value().map(|(&at, _)| at)
    }

    /// Whether something is left in memory that a closed flow should not keep.
    pub(crate) fn is_unfinished(&self) -> bool {
        self.is_waiting() || matches!(self.hash, Hash::Running(_))
    }

    /// Whether octets wait for a gap before them to be filled.
    pub(crate) fn is_waiting(&self) -> bool {
        self.first_ahead().is_some()
    }

    /// The connection is over: lets go of everything that was kept for comparing.
    pub(crate) fn forget_history(&mut self, shared: &mut Shared<'_>) {
        self.over = true;
        if let Some(kept) = &mut self.kept {
            kept.history.clear(shared);
            if kept.ahead.is_empty() {
                self.kept = None;
            }
        }
    }

    /// The connection is not over after all.
    pub(crate) const fn go_on(&mut self) {
        self.over = false;
    }

    /// The connection is over: what is left in memory goes to the store, but for octets that wait for a gap to
    /// be filled.
    pub(crate) fn set_aside(&mut self, shared: &mut Shared<'_>) -> io::Result<()> {
        self.forget_history(shared);
        self.hash.set_aside(shared.spill)?;
        self.gaps.as_mut().map_or(Ok(()), |gaps| gaps.list.put_away(shared.spill))
    }

    /// What waits at `from` and beyond does not belong to the stream.
    pub(crate) fn drop_ahead(&mut self, from: i64) {
        if let Some(kept) = &mut self.kept {
            for piece in kept.ahead.split_off(&from).values() {
                kept.ahead_bytes = kept.ahead_bytes.saturating_sub(piece.len() + PIECE_OVERHEAD);
            }
        }
    }

    /// Gives up waiting: every gap that is left stays one. `end` is where the data ends, if that is known.
    pub(crate) fn give_up_gaps(&mut self, end: Option<i64>, shared: &mut Shared<'_>) -> io::Result<()> {
        self.anchor_at_lowest(shared)?;
        while self.is_waiting() {
            self.skip_gap(shared)?;
        }
        if let (Some(next), Some(end)) = (self.next.get(), end)
            && end > next
        {
            self.note_gap(end.abs_diff(next), shared)?;
            self.next = MaybePosition::at(end);
        }
        self.forget_history(shared);
        Ok(())
    }

    /// What the stream amounts to so far.
    pub(crate) fn summary(&self, shared: &mut Shared<'_>) -> io::Result<StreamSummary> {
        let numbers = match &self.gaps {
            Some(gaps) => gaps.list.read(shared.spill)?,
            None => Vec::new(),
        };
        let sha256 = if shared.hash { Some(self.hash.digest(shared.spill)?) } else { None };
        let last = self.gaps.as_ref().and_then(|gaps| gaps.last);
        let mut offset = 0;
        let (pairs, _) = numbers.as_chunks::<2>();
        let gaps = pairs.iter().map(|&[step, missing]| {
            offset += step;
            (offset, missing)
        });
        Ok(StreamSummary {
            len: self.delivered,
            sha256,
            gaps: gaps.chain(last).collect(),
            conflict_bytes: self.conflict_bytes,
            truncated: self.truncated,
        })
    }

    fn anchor_at_lowest(&mut self, shared: &mut Shared<'_>) -> io::Result<()> {
        self.first_ahead().map_or(Ok(()), |lowest| self.anchor(lowest, shared))
    }

    fn deliver(&mut self, bytes: &[u8], shared: &mut Shared<'_>) -> io::Result<()> {
        if shared.hash {
            self.hash.update(bytes, shared.spill)?;
        }
        if !self.over {
            let kept = self.kept.get_or_insert_default();
            kept.history.push(self.next.get().unwrap_or(0), bytes, kept.ahead_bytes, shared);
        }
        self.delivered += bytes.len() as u64;
        if let Some(next) = self.next.get() {
            self.next = MaybePosition::at(next + bytes.len() as i64);
        }
        Ok(())
    }

    /// Delivers what lies at `next`, as far as it goes without a gap.
    fn deliver_ready(&mut self, shared: &mut Shared<'_>) -> io::Result<()> {
        while let (Some(next), Some(kept)) = (self.next.get(), &mut self.kept) {
            let Some(first) = kept.ahead.first_entry().filter(|first| *first.key() <= next) else { break };
            let (at, piece) = first.remove_entry();
            kept.ahead_bytes = kept.ahead_bytes.saturating_sub(piece.len() + PIECE_OVERHEAD);
            if at < next {
                // Only a SYN that comes after its data can leave pieces behind the anchor.
                self.insert(at, &piece, shared)?;
            } else {
                self.deliver(&piece, shared)?;
            }
        }
        Ok(())
    }

    fn skip_gap(&mut self, shared: &mut Shared<'_>) -> io::Result<()> {
        if let (Some(next), Some(at)) = (self.next.get(), self.first_ahead()) {
            if at > next {
                self.note_gap(at.abs_diff(next), shared)?;
                if let Some(kept) = &mut self.kept {
                    kept.history.clear(shared);
                }
            }
            self.next = MaybePosition::at(at.max(next));
        }
        self.deliver_ready(shared)
    }

    fn note_gap(&mut self, missing: u64, shared: &mut Shared<'_>) -> io::Result<()> {
        let gaps = self.gaps.get_or_insert_default();
        match &mut gaps.last {
            Some((offset, last)) if *offset == self.delivered => *last += missing,
            _ => {
                if let Some((offset, missing)) = gaps.last.replace((self.delivered, missing)) {
                    gaps.list.push(offset - gaps.listed, shared.spill)?;
                    gaps.list.push(missing, shared.spill)?;
                    gaps.listed = offset;
                }
            }
        }
        Ok(())
    }

    /// Keeps those of `bytes` that are not there yet, and compares those that are.
    fn keep_ahead(&mut self, at: i64, bytes: &[u8]) -> u64 {
        let kept = self.kept.get_or_insert_default();
        let end = at + bytes.len() as i64;
        let mut conflict = 0;
        let mut fresh: Vec<(i64, i64)> = Vec::new();
        let mut from = at;
        let before = kept.ahead.range(..at).next_back().map_or(at, |(&start, _)| start);
        for (&start, piece) in kept.ahead.range(before..end) {
            let stop = start + piece.len() as i64;
            if stop <= from {
                continue;
            }
            if start > from {
                fresh.push((from, start));
            }
            let (low, high) = (start.max(at), stop.min(end));
            conflict +=
                count_differences(slice(piece, low - start, high - start), slice(bytes, low - at, high - at));
            from = stop;
        }
        if from < end {
            fresh.push((from, end));
        }
        for (low, high) in fresh {
            let piece: Box<[u8]> = slice(bytes, low - at, high - at).into();
            kept.ahead_bytes += piece.len() + PIECE_OVERHEAD;
            kept.ahead.insert(low, piece);
        }
        self.conflict_bytes += conflict;
        conflict
    }
}

fn slice(bytes: &[u8], from: i64, to: i64) -> &[u8] {
    match (usize::try_from(from), usize::try_from(to)) {
        (Ok(from), Ok(to)) => bytes.get(from..to).unwrap_or_default(),
        _ => &[],
    }
}

fn count_differences(a: &[u8], b: &[u8]) -> u64 {
    if a == b { 0 } else { a.iter().zip(b).filter(|(x, y)| x != y).count() as u64 }
}

/// The last octets that were delivered, in chunks, for comparing repeats with.
#[derive(Debug, Default)]
struct History {
    /// The position of the first octet of the first chunk.
    start: i64,
    /// Full chunks, but for the last one.
    chunks: VecDeque<Vec<u8>>,
}

impl History {
    const CHUNK: usize = 64 * 1024;
    /// So much may every direction keep, however much the others do: a window's worth, to compare
    /// retransmissions with.
    const AT_LEAST: usize = 4 * Self::CHUNK;

    fn push(&mut self, at: i64, mut bytes: &[u8], ahead: usize, shared: &mut Shared<'_>) {
        if self.chunks.is_empty() {
            self.start = at;
        }
        while !bytes.is_empty() {
            let room = self.chunks.back().map_or(0, |chunk| Self::CHUNK - chunk.len());
            if room == 0 {
                let chunk = self.fresh_chunk(ahead, shared);
                self.chunks.push_back(chunk);
                continue;
            }
            let (now, later) = bytes.split_at_checked(room).unwrap_or((bytes, &[]));
            if let Some(chunk) = self.chunks.back_mut() {
                chunk.extend_from_slice(now);
            }
            bytes = later;
        }
    }

    /// An empty chunk: the oldest one again if a limit is reached. The first chunk of a stream grows with
    /// what it holds, so that a short connection costs little.
    fn fresh_chunk(&mut self, ahead: usize, shared: &mut Shared<'_>) -> Vec<u8> {
        let mut chunk = Vec::new();
        while let needed = (self.chunks.len() + 1) * Self::CHUNK
            && (needed + ahead > shared.memory
                || needed > Self::AT_LEAST && *shared.history + Self::CHUNK > shared.history_limit)
            && let Some(oldest) = self.chunks.pop_front()
        {
            self.start += oldest.len() as i64;
            *shared.history = shared.history.saturating_sub(Self::CHUNK);
            chunk = oldest;
        }
        chunk.clear();
        if !self.chunks.is_empty() {
            chunk.reserve_exact(Self::CHUNK);
        }
        *shared.history += Self::CHUNK;
        chunk
    }

    /// What waits for a gap to be filled is worth more than what was delivered.
    fn make_room(&mut self, ahead: usize, shared: &mut Shared<'_>) {
        while !self.chunks.is_empty() && self.chunks.len() * Self::CHUNK + ahead > shared.memory {
            if let Some(oldest) = self.chunks.pop_front() {
                self.start += oldest.len() as i64;
                *shared.history = shared.history.saturating_sub(Self::CHUNK);
            }
        }
    }

    fn clear(&mut self, shared: &mut Shared<'_>) {
        *shared.history = shared.history.saturating_sub(self.chunks.len() * Self::CHUNK);
        *self = Self::default();
    }

    /// How many of `bytes` at `at` differ from what was delivered there, and how many could be compared.
    fn compare(&self, at: i64, bytes: &[u8]) -> (u64, usize) {
        let before = usize::try_from(self.start - at).unwrap_or(0);
        let mut rest = bytes.get(before..).unwrap_or_default();
        let mut skip = usize::try_from(at - self.start).unwrap_or(0);
        let (mut differing, mut compared) = (0, 0);
        for chunk in self.chunks.iter().skip(skip / Self::CHUNK) {
            skip %= Self::CHUNK;
            let known = chunk.get(skip..).unwrap_or_default();
            skip = 0;
            let (now, later) = rest.split_at_checked(known.len()).unwrap_or((rest, &[]));
            differing += count_differences(known, now);
            compared += now.len();
            rest = later;
            if rest.is_empty() {
                break;
            }
        }
        (differing, compared)
    }
}

#[cfg(test)]
mod tests;
