//! One direction's octets put together: the first copy wins, later copies are compared with it.

use super::spill::{NumberList, Spill};
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
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
    next: Option<i64>,
    delivered: u64,
    hash: Option<Box<Sha256>>,
    ahead: BTreeMap<i64, Box<[u8]>>,
    ahead_bytes: usize,
    history: History,
    /// All gaps but the last, in pairs: how far the offset advanced since the one before, octets missing.
    gaps: NumberList,
    /// The offset of the last gap in the list.
    listed_gap: u64,
    /// The last gap, which may still grow: offset, octets missing.
    last_gap: Option<(u64, u64)>,
    conflict_bytes: u64,
    truncated: bool,
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
        if self.next.is_none() {
            self.next = Some(base);
            self.deliver_ready(shared)?;
        }
        Ok(())
    }

    /// Takes the captured octets `bytes` at position `at`; answers how many differ from an earlier copy.
    pub(crate) fn insert(&mut self, at: i64, bytes: &[u8], shared: &mut Shared<'_>) -> io::Result<u64> {
        let Some(next) = self.next else {
            let conflict = self.keep_ahead(at, bytes);
            if self.ahead_bytes > ANCHOR_AFTER.min(shared.memory) {
                self.anchor_at_lowest(shared)?;
            }
            return Ok(conflict);
        };
        let mut conflict = 0;
        let (at, bytes) = if at < next {
            let old = usize::try_from(next.abs_diff(at)).unwrap_or(usize::MAX).min(bytes.len());
            let (old, new) = bytes.split_at_checked(old).unwrap_or((bytes, &[]));
            let (differing, compared) = self.history.compare(at, old);
            conflict = differing;
            self.conflict_bytes += differing;
            self.truncated |= compared < old.len();
            (next, new)
        } else {
            (at, bytes)
        };
        if bytes.is_empty() {
            return Ok(conflict);
        }
        if at == next && self.ahead.is_empty() {
            self.deliver(bytes, shared);
        } else {
            conflict += self.keep_ahead(at, bytes);
            self.deliver_ready(shared)?;
            while self.ahead_bytes > shared.memory {
                self.skip_gap(shared)?;
            }
        }
        Ok(conflict)
    }

    /// The receiver has acknowledged everything before `upto`: what is missing there was not captured.
    #[inline]
    pub(crate) fn acknowledged(&mut self, upto: i64, shared: &mut Shared<'_>) -> io::Result<()> {
        while self.ahead_bytes > SKIP_ACKED_AFTER
            && self.next.is_some()
            && self.ahead.first_key_value().is_some_and(|(&at, _)| at <= upto)
        {
            self.skip_gap(shared)?;
        }
        Ok(())
    }

    /// Whether octets wait for a gap before them to be filled.
    pub(crate) fn is_waiting(&self) -> bool {
        !self.ahead.is_empty()
    }

    /// Lets go of everything that was kept for comparing: the connection is over.
    pub(crate) fn forget_history(&mut self, shared: &mut Shared<'_>) {
        self.history.clear(shared);
    }

    /// Gives up waiting: every gap that is left stays one. `end` is where the data ends, if that is known.
    pub(crate) fn give_up_gaps(&mut self, end: Option<i64>, shared: &mut Shared<'_>) -> io::Result<()> {
        self.anchor_at_lowest(shared)?;
        while self.is_waiting() {
            self.skip_gap(shared)?;
        }
        if let (Some(next), Some(end)) = (self.next, end)
            && end > next
        {
            self.note_gap(end.abs_diff(next), shared)?;
            self.next = Some(end);
        }
        self.forget_history(shared);
        Ok(())
    }

    /// What the stream amounts to so far.
    pub(crate) fn summary(&self, shared: &mut Shared<'_>) -> io::Result<StreamSummary> {
        let numbers = self.gaps.read(shared.spill)?;
        let mut offset = 0;
        let (pairs, _) = numbers.as_chunks::<2>();
        let gaps = pairs.iter().map(|&[step, missing]| {
            offset += step;
            (offset, missing)
        });
        Ok(StreamSummary {
            len: self.delivered,
            sha256: shared.hash.then(|| match &self.hash {
                Some(hash) => hash.as_ref().clone().finalize().into(),
                None => Sha256::digest([]).into(),
            }),
            gaps: gaps.chain(self.last_gap).collect(),
            conflict_bytes: self.conflict_bytes,
            truncated: self.truncated,
        })
    }

    fn anchor_at_lowest(&mut self, shared: &mut Shared<'_>) -> io::Result<()> {
        match self.ahead.first_key_value() {
            Some((&lowest, _)) => self.anchor(lowest, shared),
            None => Ok(()),
        }
    }

    fn deliver(&mut self, bytes: &[u8], shared: &mut Shared<'_>) {
        if shared.hash {
            self.hash.get_or_insert_with(Box::default).update(bytes);
        }
        self.history.push(self.next.unwrap_or(0), bytes, self.ahead_bytes, shared);
        self.delivered += bytes.len() as u64;
        self.next = self.next.map(|next| next + bytes.len() as i64);
    }

    /// Delivers what lies at `next`, as far as it goes without a gap.
    fn deliver_ready(&mut self, shared: &mut Shared<'_>) -> io::Result<()> {
        while let Some(first) = self.ahead.first_entry() {
            let at = *first.key();
            match self.next {
                Some(next) if at > next => break,
                Some(next) => {
                    let piece = first.remove();
                    self.ahead_bytes = self.ahead_bytes.saturating_sub(piece.len() + PIECE_OVERHEAD);
                    if at < next {
                        // Only a SYN that comes after its data can leave pieces behind the anchor.
                        self.insert(at, &piece, shared)?;
                    } else {
                        self.deliver(&piece, shared);
                    }
                }
                None => break,
            }
        }
        Ok(())
    }

    fn skip_gap(&mut self, shared: &mut Shared<'_>) -> io::Result<()> {
        if let (Some(next), Some((&at, _))) = (self.next, self.ahead.first_key_value()) {
            if at > next {
                self.note_gap(at.abs_diff(next), shared)?;
                self.history.clear(shared);
            }
            self.next = Some(at.max(next));
        }
        self.deliver_ready(shared)
    }

    fn note_gap(&mut self, missing: u64, shared: &mut Shared<'_>) -> io::Result<()> {
        match &mut self.last_gap {
            Some((offset, last)) if *offset == self.delivered => *last += missing,
            _ => {
                if let Some((offset, missing)) = self.last_gap.replace((self.delivered, missing)) {
                    self.gaps.push(offset - self.listed_gap, shared.spill)?;
                    self.gaps.push(missing, shared.spill)?;
                    self.listed_gap = offset;
                }
            }
        }
        Ok(())
    }

    /// Keeps those of `bytes` that are not there yet, and compares those that are.
    fn keep_ahead(&mut self, at: i64, bytes: &[u8]) -> u64 {
        let end = at + bytes.len() as i64;
        let mut conflict = 0;
        let mut fresh: Vec<(i64, i64)> = Vec::new();
        let mut from = at;
        let before = self.ahead.range(..at).next_back().map_or(at, |(&start, _)| start);
        for (&start, piece) in self.ahead.range(before..end) {
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
            self.ahead_bytes += piece.len() + PIECE_OVERHEAD;
            self.ahead.insert(low, piece);
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
