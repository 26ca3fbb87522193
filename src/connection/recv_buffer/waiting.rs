//! Octets that came out of order, until the gap before them is filled.

use alloc::collections::BTreeMap;
#[cfg(any(test, debug_assertions))]
use core::ops::Range;

use bytes::{Bytes, BytesMut};

use super::{Payload, worth_keeping};

/// Two pieces that touch and are no longer than this together become one. So pieces that touch have half of
/// this on average, and what it takes to keep account of them stays in proportion, in whatever order octets
/// come.
const JOIN: usize = 1024;
/// Octets of memory that an entry of the map takes, with the free places of its node counted in: a node of 11
/// has at least 5 entries.
const ENTRY: usize = 160;
/// Octets of memory that the map takes if there is anything in it: one node.
const NODE: usize = 11 * (size_of::<u64>() + size_of::<Piece>()) + 16;

/// Pieces of the stream, none of which overlaps another, found by their offset.
#[derive(Clone, Debug, Default)]
pub(super) struct Waiting {
    pieces: BTreeMap<u64, Piece>,
    /// The offset behind the last piece. Most pieces come behind all others: those need not be looked for.
    end: u64,
    /// Octets of memory behind the pieces.
    held: usize,
}

/// Octets that lie in one piece.
#[derive(Clone, Debug)]
pub(super) enum Piece {
    /// Copied, perhaps with room for what follows.
    Copied(BytesMut),
    /// Kept by reference, with the octets of memory that this keeps alive.
    Referenced(Bytes, usize),
}

impl Piece {
    pub(super) fn octets(&self) -> &[u8] {
        match self {
            Self::Copied(octets) => octets,
            Self::Referenced(octets, _) => octets,
        }
    }

    /// Octets of memory.
    pub(super) fn held(&self) -> usize {
        match self {
            Self::Copied(octets) => octets.capacity(),
            Self::Referenced(_, pinned) => *pinned,
        }
    }

    pub(super) fn into_bytes(self) -> Bytes {
        match self {
            Self::Copied(octets) => octets.freeze(),
            Self::Referenced(octets, _) => octets,
        }
    }

    /// Octets that can be added without moving those that are there.
    fn unused(&self) -> usize {
        match self {
            Self::Copied(octets) => octets.capacity() - octets.len(),
            Self::Referenced(..) => 0,
        }
    }

    /// A copy of `octets` with room for `capacity` of them.
    fn copy(octets: &[u8], capacity: usize) -> Self {
        let mut copy = BytesMut::with_capacity(capacity.max(octets.len()));
        copy.extend_from_slice(octets);
        Self::Copied(copy)
    }
}

impl Waiting {
    pub(super) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Octets of memory held, bookkeeping included.
    pub(super) fn memory(&self) -> usize {
        if self.is_empty() { 0 } else { self.held + NODE.max(self.pieces.len() * ENTRY) }
    }

    /// Where the first piece begins.
    pub(super) fn first_start(&self) -> Option<u64> {
        self.pieces.first_key_value().map(|(&start, _)| start)
    }

    /// The ranges of octets, with pieces that touch taken together.
    #[cfg(any(test, debug_assertions))]
    pub(super) fn islands(&self) -> impl Iterator<Item = Range<u64>> {
        let mut pieces = self.pieces.iter().map(|(&start, piece)| start..end(start, piece)).peekable();
        core::iter::from_fn(move || {
            let mut island = pieces.next()?;
            while let Some(next) = pieces.next_if(|next| next.start == island.end) {
                island.end = next.end;
            }
            Some(island)
        })
    }

    /// Takes out the piece that begins there: always the first.
    pub(super) fn pop_at(&mut self, start: u64) -> Option<Piece> {
        let first = self.pieces.first_entry().filter(|first| *first.key() == start)?;
        let piece = first.remove();
        self.held -= piece.held();
        if self.pieces.is_empty() {
            // An empty map may keep a node.
            (self.pieces, self.end) = (BTreeMap::new(), 0);
        }
        Some(piece)
    }

    /// Adds those octets that are not there, and says how many of the others differ. No copy takes more than
    /// `max_chunk` for the sake of what may follow.
    pub(super) fn insert(&mut self, offset: u64, payload: &Payload<'_>, max_chunk: usize) -> u32 {
        let octets = payload.as_slice();
        let mut conflict = 0;
        let mut done = 0;
        while let Some(rest) = octets.get(done..).filter(|rest| !rest.is_empty()) {
            let at = offset + done as u64;
            done += match self.there_at(at) {
                Some(there) => {
                    let both = there.iter().zip(rest);
                    let len = both.len();
                    conflict += both.filter(|(there, new)| there != new).count();
                    len
                }
                None => {
                    let next = if at < self.end { self.pieces.range(at..).next() } else { None };
                    let gap = next.map_or(usize::MAX, |(&start, _)| (start - at) as usize);
                    let new = payload.part(done, gap);
                    let len = new.len();
                    self.add(at, new, max_chunk);
                    len
                }
            };
        }
        u32::try_from(conflict).unwrap_or(u32::MAX)
    }

    /// The octets from `at` on that are there.
    fn there_at(&self, at: u64) -> Option<&[u8]> {
        if at >= self.end {
            return None;
        }
        let (&start, piece) = self.pieces.range(..=at).next_back()?;
        piece.octets().get((at - start) as usize..).filter(|there| !there.is_empty())
    }

    /// Adds octets to a gap.
    fn add(&mut self, at: u64, new: Payload<'_>, max_chunk: usize) {
        let apart = at > self.end;
        self.end = self.end.max(at + new.len() as u64);
        let before = if apart { None } else { self.pieces.range_mut(..at).next_back() };
        let before = before.filter(|(start, piece)| end(**start, piece) == at);
        let start = match (before, new) {
            (_, Payload::Bytes { octets, pinned }) if worth_keeping(octets.len(), pinned) => {
                self.put(at, Piece::Referenced(octets, pinned));
                at
            }
            (Some((&start, piece)), new) if piece.unused() >= new.len() => {
                if let Piece::Copied(octets) = piece {
                    octets.extend_from_slice(new.as_slice());
                }
                start
            }
            // A run goes on: each of its pieces has room for as much as the one before.
            (before, new) => {
                let run = before.map_or(0, |(_, piece)| piece.octets().len());
                let capacity = run.saturating_mul(2).min(max_chunk).max(new.len());
                self.put(at, Piece::copy(new.as_slice(), capacity));
                at
            }
        };
        if !apart {
            self.join_around(start);
        }
    }

    fn put(&mut self, at: u64, piece: Piece) {
        self.held += piece.held();
        self.pieces.insert(at, piece);
    }

    /// Joins the piece at `start` with its neighbours if they touch and are small.
    fn join_around(&mut self, start: u64) {
        if let Some((&before, _)) = self.pieces.range(..start).next_back()
            && self.join(before)
        {
            self.join(before);
        } else {
            self.join(start);
        }
    }

    /// Joins the piece at `start` with the one behind it if they touch and are small.
    fn join(&mut self, start: u64) -> bool {
        let Some(piece) = self.pieces.get(&start) else {
            return false;
        };
        let len = piece.octets().len();
        let next = start + len as u64;
        if len > JOIN || self.pieces.get(&next).is_none_or(|behind| len + behind.octets().len() > JOIN) {
            return false;
        }
        let (Some(mut piece), Some(behind)) = (self.pieces.remove(&start), self.pieces.remove(&next)) else {
            return false;
        };
        self.held -= piece.held() + behind.held();
        if piece.unused() < behind.octets().len() {
            let len = len + behind.octets().len();
            piece = Piece::copy(piece.octets(), len + len / 2);
        }
        if let Piece::Copied(octets) = &mut piece {
            octets.extend_from_slice(behind.octets());
        }
        self.put(start, piece);
        true
    }
}

/// The offset behind a piece.
fn end(start: u64, piece: &Piece) -> u64 {
    start + piece.octets().len() as u64
}
