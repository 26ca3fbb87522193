//! Rows that keep their place, in pages.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::mem::size_of;

/// Rows in a page.
const PAGE: usize = 64;
/// No row.
const NONE: u32 = u32::MAX;

/// Rows found by an index that stays theirs until they are removed.
///
/// They lie in pages of 64 that are never moved: growing takes one page, and not a copy of everything. A place that
/// was given back is taken again first, with another generation: who kept the old index finds nobody. Pages are not
/// given back: what was needed once may be needed again.
#[derive(Clone, Debug)]
pub(super) struct Slab<T> {
    pages: Vec<Box<[Place<T>]>>,
    /// The place that was given back last.
    free: u32,
    len: usize,
}

#[derive(Clone, Debug)]
struct Place<T> {
    generation: u32,
    row: Row<T>,
}

#[derive(Clone, Debug)]
enum Row<T> {
    Taken(T),
    /// The place that was given back before this one.
    Free(u32),
}

impl<T> Slab<T> {
    pub(super) const fn new() -> Self {
        Self { pages: Vec::new(), free: NONE, len: 0 }
    }

    /// Rows in the slab.
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// Octets of memory held, places without a row included.
    pub(super) fn memory(&self) -> usize {
        self.pages.len() * PAGE * size_of::<Place<T>>() + self.pages.capacity() * size_of::<Box<[Place<T>]>>()
    }

    fn place(&self, index: u32) -> Option<&Place<T>> {
        self.pages.get(index as usize / PAGE)?.get(index as usize % PAGE)
    }

    fn place_mut(&mut self, index: u32) -> Option<&mut Place<T>> {
        self.pages.get_mut(index as usize / PAGE)?.get_mut(index as usize % PAGE)
    }

    /// Adds a row, and says where it is.
    pub(super) fn insert(&mut self, row: T) -> u32 {
        if self.free == NONE {
            self.grow();
        }
        let index = self.free;
        let next = match self.place_mut(index) {
            Some(place) => match core::mem::replace(&mut place.row, Row::Taken(row)) {
                Row::Free(next) => next,
                Row::Taken(_) => NONE,
            },
            None => NONE,
        };
        self.free = next;
        self.len += 1;
        index
    }

    /// Adds a page; its first place is the next to be taken.
    #[cold]
    fn grow(&mut self) {
        let first = (self.pages.len() * PAGE) as u32;
        let last = first + PAGE as u32 - 1;
        let after = |index| if index == last { NONE } else { index + 1 };
        let place = |index| Place { generation: 0, row: Row::Free(after(index)) };
        self.pages.push((first..=last).map(place).collect());
        self.free = first;
    }

    /// The row at `index`, if there is one.
    #[inline]
    pub(super) fn get(&self, index: u32) -> Option<&T> {
        match &self.place(index)?.row {
            Row::Taken(row) => Some(row),
            Row::Free(_) => None,
        }
    }

    /// The row at `index`, if there is one.
    #[inline]
    pub(super) fn get_mut(&mut self, index: u32) -> Option<&mut T> {
        match &mut self.place_mut(index)?.row {
            Row::Taken(row) => Some(row),
            Row::Free(_) => None,
        }
    }

    /// How often a row was removed from that place, modulo 2³².
    pub(super) fn generation(&self, index: u32) -> u32 {
        self.place(index).map_or(0, |place| place.generation)
    }

    /// Takes the row at `index` out.
    pub(super) fn remove(&mut self, index: u32) -> Option<T> {
        let free = self.free;
        let place = self.place_mut(index)?;
        if matches!(place.row, Row::Free(_)) {
            return None;
        }
        place.generation = place.generation.wrapping_add(1);
        let Row::Taken(row) = core::mem::replace(&mut place.row, Row::Free(free)) else {
            return None;
        };
        self.free = index;
        self.len -= 1;
        Some(row)
    }

    /// All rows, in the order of their places.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        self.pages.iter().flatten().zip(0..).filter_map(|(place, index)| match &place.row {
            Row::Taken(row) => Some((index, row)),
            Row::Free(_) => None,
        })
    }
}

#[cfg(test)]
mod tests;
