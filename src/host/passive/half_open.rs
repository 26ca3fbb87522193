//! The rows of connections between SYN and ACK.
//!
//! Each is in up to four lists: of all rows and of those of its listener, the oldest first, of those that have something
//! to say, and of those that the owner is to be asked about.

use super::chain::{Chain, Link, Linked};
use crate::Instant;
use crate::host::FiveTuple;
use crate::host::demux::Demux;
use crate::host::slab::Slab;
use crate::host::wheel::Wheel;
use crate::tcp::{HalfOpen, TcpConfig};

/// The numbers of the lists: all rows.
const ALL: usize = 0;
/// Those of one listener.
pub(super) const BY_LISTENER: usize = 1;
/// Those with a SYN,ACK to send.
const READY: usize = 2;
/// Those that the owner has not been asked about yet.
const ASK: usize = 3;

/// One half-open connection.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) half: HalfOpen,
    pub(super) tuple: FiveTuple,
    /// The index of its listener. When that goes, the row goes before it.
    pub(super) listener: u32,
    /// The half of the hash that [`Demux`] looks at.
    hash: u32,
    links: [Link; 4],
    /// The owner was, or is to be, asked about it.
    pub(super) asked: bool,
}

impl Linked for Row {
    fn link(&mut self, list: usize) -> Option<&mut Link> {
        self.links.get_mut(list)
    }
}

/// The bits of a hash that [`Demux`] looks at, in 32 bits and back.
pub(super) const fn fold(hash: u64) -> u32 {
    (hash >> 16) as u32
}

/// See [`fold`].
pub(super) const fn unfold(hash: u32) -> u64 {
    (hash as u64) << 16
}

/// All half-open connections of a host.
#[derive(Clone, Debug)]
pub(super) struct HalfOpenRows {
    rows: Slab<Row>,
    demux: Demux,
    wheel: Wheel,
    all: Chain,
    ready: Chain,
    ask: Chain,
}

impl HalfOpenRows {
    pub(super) fn new() -> Self {
        Self {
            rows: Slab::new(),
            demux: Demux::new(),
            wheel: Wheel::new(),
            all: Chain::new(ALL),
            ready: Chain::new(READY),
            ask: Chain::new(ASK),
        }
    }

    pub(super) const fn len(&self) -> u32 {
        self.all.len()
    }

    /// Octets of memory.
    pub(super) fn memory(&self) -> usize {
        self.rows.memory() + self.demux.memory() + self.wheel.memory()
    }

    pub(super) fn find(&self, hash: u64, tuple: &FiveTuple) -> Option<u32> {
        self.demux.find(hash, |index| self.rows.get(index).is_some_and(|row| row.tuple == *tuple))
    }

    pub(super) fn get(&self, index: u32) -> Option<&Row> {
        self.rows.get(index)
    }

    pub(super) fn get_mut(&mut self, index: u32) -> Option<&mut Row> {
        self.rows.get_mut(index)
    }

    /// All rows, and when they are due, in a fixed order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Row, Option<Instant>)> {
        self.rows.iter().map(|(index, row)| (row, self.wheel.at(index)))
    }

    pub(super) fn generation(&self, index: u32) -> u32 {
        self.rows.generation(index)
    }

    /// The row that has been there the longest.
    pub(super) fn oldest(&self) -> Option<u32> {
        self.all.first()
    }

    /// Adds a row, to the list of its listener too.
    pub(super) fn insert(
        &mut self,
        hash: u64,
        tuple: FiveTuple,
        half: HalfOpen,
        listener: u32,
        its: &mut Chain,
    ) -> u32 {
        let asked = half.is_waiting();
        let hash = fold(hash);
        let row = Row { half, tuple, listener, hash, links: [Link::new(); 4], asked };
        let index = self.rows.insert(row);
        self.demux.insert(unfold(hash), index);
        self.all.push(&mut self.rows, index);
        its.push(&mut self.rows, index);
        if asked {
            self.ask.push(&mut self.rows, index);
        }
        index
    }

    /// Takes a row out, of the list of its listener too.
    pub(super) fn remove(&mut self, index: u32, its: Option<&mut Chain>) -> Option<Row> {
        self.all.remove(&mut self.rows, index);
        self.ready.remove(&mut self.rows, index);
        self.ask.remove(&mut self.rows, index);
        if let Some(its) = its {
            its.remove(&mut self.rows, index);
        }
        self.wheel.cancel(index);
        let row = self.rows.remove(index)?;
        self.demux.remove(unfold(row.hash), index);
        Some(row)
    }

    /// A row has changed: its timer and its place among those with something to say follow.
    pub(super) fn settle(&mut self, index: u32, config: &TcpConfig) {
        let Some(row) = self.rows.get(index) else { return };
        let owed = row.half.is_owed();
        match row.half.poll_timeout(config) {
            Some(at) => self.wheel.set(index, at),
            None => self.wheel.cancel(index),
        }
        if owed {
            self.ready.push(&mut self.rows, index);
        }
    }

    /// The row that has waited longest for the owner to be asked about it; it is told of once.
    pub(super) fn next_to_ask(&mut self) -> Option<u32> {
        let index = self.ask.first()?;
        self.ask.remove(&mut self.rows, index);
        Some(index)
    }

    /// The row that has waited longest to say something; it is told of once.
    pub(super) fn next_ready(&mut self) -> Option<u32> {
        let index = self.ready.first()?;
        self.ready.remove(&mut self.rows, index);
        Some(index)
    }

    /// Whether a row has something to say.
    pub(super) const fn is_ready(&self) -> bool {
        self.ready.len() > 0
    }

    /// The earliest deadline, and whose it is.
    pub(super) fn first_deadline(&mut self) -> Option<(Instant, u32)> {
        self.wheel.first()
    }
}
