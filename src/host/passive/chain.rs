//! Lists through rows that lie in a slab: first in, first out, and any one can leave from the middle.

use crate::host::slab::Slab;

/// No row.
const NONE: u32 = u32::MAX;
/// The link of a row that is not in the list.
const ALONE: u32 = u32::MAX - 1;

/// The neighbours of a row in one list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Link {
    before: u32,
    after: u32,
}

impl Link {
    pub(super) const fn new() -> Self {
        Self { before: ALONE, after: ALONE }
    }

    /// Whether the row is in the list.
    pub(super) const fn is_in(self) -> bool {
        self.before != ALONE
    }
}

/// A row that may be in several lists.
pub(super) trait Linked {
    /// Its place in the list of that number, if it has one of that number.
    fn link(&mut self, list: usize) -> Option<&mut Link>;
}

/// The ends of one list.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chain {
    /// Which link of the rows it is.
    list: usize,
    first: u32,
    last: u32,
    len: u32,
}

impl Chain {
    pub(super) const fn new(list: usize) -> Self {
        Self { list, first: NONE, last: NONE, len: 0 }
    }

    /// How many rows are in it.
    pub(super) const fn len(&self) -> u32 {
        self.len
    }

    /// The row that came first.
    pub(super) fn first(&self) -> Option<u32> {
        (self.first != NONE).then_some(self.first)
    }

    fn link<'a, T: Linked>(&self, rows: &'a mut Slab<T>, index: u32) -> Option<&'a mut Link> {
        rows.get_mut(index)?.link(self.list)
    }

    /// Adds a row at the end. One that is in it already stays where it is.
    pub(super) fn push<T: Linked>(&mut self, rows: &mut Slab<T>, index: u32) {
        let last = self.last;
        match self.link(rows, index) {
            Some(link) if !link.is_in() => *link = Link { before: last, after: NONE },
            _ => return,
        }
        if let Some(link) = self.link(rows, last) {
            link.after = index;
        } else {
            self.first = index;
        }
        self.last = index;
        self.len += 1;
    }

    /// Takes a row out, and says whether it was in.
    pub(super) fn remove<T: Linked>(&mut self, rows: &mut Slab<T>, index: u32) -> bool {
        let Link { before, after } = match self.link(rows, index) {
            Some(link) if link.is_in() => core::mem::replace(link, Link::new()),
            _ => return false,
        };
        match self.link(rows, before) {
            Some(link) => link.after = after,
            None => self.first = after,
        }
        match self.link(rows, after) {
            Some(link) => link.before = before,
            None => self.last = before,
        }
        self.len -= 1;
        true
    }
}

#[cfg(test)]
mod tests;
