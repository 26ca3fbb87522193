//! Deadlines of many keys: set and cancelled at a fixed cost, the first one known to the nanosecond.
//!
//! A wheel of wheels without a moving hand. A wheel has 64 places and looks at six bits of the deadline; what
//! lies in one place is a short list of entries, or a finer wheel. The finest tells nanoseconds apart, so the
//! first deadline is exact, and wheels exist only where there are many entries:
//!
//! * A list that grows past [`LIMIT`] becomes a wheel of the six bits in which its entries first differ: bits
//!   that all of them share cost nothing, neither steps nor memory.
//! * A list of entries with one and the same deadline may grow without end: nothing in it has to be compared.
//! * A wheel that is left with [`FEW`] entries becomes a list again.
//!
//! So no call does more than visit the eleven wheels above a nanosecond and a list's worth of entries, whatever
//! was called before: nothing is put off to be paid by a later call, and no order of calls makes it slow.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use super::slab::Slab;
use crate::Instant;

mod node;

use node::{ALIKE, Node, Slot};

/// Entries in a list, at most, unless all have the same deadline.
const LIMIT: u8 = 16;
/// A wheel with no more entries than this is a list again. Far below [`LIMIT`], so that one entry that comes
/// and goes does not turn a list into a wheel and back each time.
const FEW: u16 = 4;
/// No entry; as the number of a node: the root.
const NONE: u32 = u32::MAX;
/// Entries in a page: 4 KiB.
const PAGE: usize = 256;

/// A key's deadline and its neighbours in a list that is a ring: 16 octets.
#[derive(Clone, Copy)]
struct Entry {
    at: u64,
    /// [`NONE`] while there is no deadline.
    prev: u32,
    next: u32,
}

impl Entry {
    const UNSET: Self = Self { at: 0, prev: NONE, next: NONE };
}

/// The deadlines of keys. Keys are dense: memory is for the largest one ever used.
///
/// Any moment may be a deadline, [`Instant::MAX`] as well: a key without one has to be cancelled. Deadlines do
/// not have to lie ahead of anything; the wheel knows no `now`.
#[derive(Clone)]
pub(super) struct Wheel {
    /// Entries by key, in pages, so that a growing host never copies them.
    pages: Vec<Box<[Entry; PAGE]>>,
    root: Node,
    nodes: Slab<Node>,
    /// Keys with a deadline.
    len: usize,
    /// The first, where it is known.
    first: Option<(u64, u32)>,
    /// Entries and nodes that were looked at.
    #[cfg(test)]
    steps: core::cell::Cell<u64>,
}

impl Wheel {
    /// No deadlines, and no memory.
    pub(super) const fn new() -> Self {
        Self {
            pages: Vec::new(),
            root: Node::ROOT,
            nodes: Slab::new(),
            len: 0,
            first: None,
            #[cfg(test)]
            steps: core::cell::Cell::new(0),
        }
    }

    /// The deadline of `key`, whatever it was before. `key` is less than `u32::MAX`.
    pub(super) fn set(&mut self, key: u32, at: Instant) {
        debug_assert!(key != NONE, "the largest number stands for no key");
        if key == NONE {
            return;
        }
        let at = at.as_nanos();
        let before = *self.entry(key);
        if before.prev != NONE {
            if before.at == at {
                return;
            }
            self.remove(key);
        }
        self.make_room(key);
        self.insert(key, at);
        // Not known stays not known; of two that are equal, the one that was there stays first.
        if self.len == 0 || self.first.is_some_and(|(first, _)| at < first) {
            self.first = Some((at, key));
        }
        self.len += 1;
    }

    /// `key` has no deadline any more.
    pub(super) fn cancel(&mut self, key: u32) {
        if self.entry(key).prev != NONE {
            self.remove(key);
        }
    }

    /// The deadline of `key`.
    pub(super) fn at(&self, key: u32) -> Option<Instant> {
        let entry = self.entry(key);
        (entry.prev != NONE).then_some(Instant::from_nanos(entry.at))
    }

    /// The earliest deadline and its key. Of equal ones, the one that was set first; setting again the
    /// deadline that a key has already changes nothing.
    pub(super) fn first(&mut self) -> Option<(Instant, u32)> {
        if self.first.is_none() && self.len > 0 {
            self.first = self.search();
        }
        self.first.map(|(at, key)| (Instant::from_nanos(at), key))
    }

    /// Keys that have a deadline.
    #[cfg(test)]
    const fn len(&self) -> usize {
        self.len
    }

    /// Octets held on the heap.
    pub(super) fn memory(&self) -> usize {
        self.pages.len() * size_of::<[Entry; PAGE]>()
            + self.pages.capacity() * size_of::<Box<[Entry; PAGE]>>()
            + self.nodes.memory()
    }

    /// Walks to the first place that is filled, wheel by wheel, and looks through the list there.
    fn search(&self) -> Option<(u64, u32)> {
        let mut at = NONE;
        loop {
            let node = self.node(at);
            match node.slot(node.first_filled()) {
                Slot::Empty => return None,
                Slot::Node(below) => at = below,
                Slot::List(head, count) => {
                    let mut best = (self.entry(head).at, head);
                    if count != ALIKE {
                        let mut key = self.entry(head).next;
                        for _ in 1..count {
                            let entry = self.entry(key);
                            if entry.at < best.0 {
                                best = (entry.at, key);
                            }
                            key = entry.next;
                        }
                    }
                    return Some(best);
                }
            }
        }
    }

    /// Puts `key`, which is in no list, where `at` belongs.
    fn insert(&mut self, key: u32, at: u64) {
        let mut holder = NONE;
        loop {
            let digit = self.node(holder).digit(at);
            match self.node(holder).slot(digit) {
                Slot::Empty => {
                    self.link_alone(key, at);
                    return self.put(holder, digit, Slot::List(key, 1));
                }
                Slot::Node(below) => {
                    let differs = self.node(below).differs(at);
                    if differs == 0 {
                        holder = below;
                    } else {
                        let shared = self.node(below).smallest();
                        holder = self.branch(holder, digit, at, differs);
                        let digit = self.node(holder).digit(shared);
                        self.put(holder, digit, Slot::Node(below));
                    }
                }
                Slot::List(head, ALIKE) if self.entry(head).at != at => {
                    let shared = self.entry(head).at;
                    holder = self.branch(holder, digit, at, shared ^ at);
                    let digit = self.node(holder).digit(shared);
                    self.put(holder, digit, Slot::List(head, ALIKE));
                }
                Slot::List(head, count) => {
                    self.link_last(head, key, at);
                    return match count {
                        ALIKE => {}
                        LIMIT => self.split(holder, digit, head),
                        _ => self.put(holder, digit, Slot::List(head, count + 1)),
                    };
                }
            }
        }
    }

    /// A list with one entry too many becomes a wheel, or is known to have one deadline only.
    fn split(&mut self, holder: u32, digit: u32, head: u32) {
        let mut keys = [NONE; LIMIT as usize + 1];
        let (shared, mut differs, mut key) = (self.entry(head).at, 0, head);
        for slot in &mut keys {
            *slot = key;
            let entry = self.entry(key);
            differs |= entry.at ^ shared;
            key = entry.next;
        }
        if differs == 0 {
            return self.put(holder, digit, Slot::List(head, ALIKE));
        }
        let below = self.branch(holder, digit, shared, differs);
        for key in keys {
            let at = self.entry(key).at;
            let digit = self.node(below).digit(at);
            // Two places at least are taken, so that none has more than a list may.
            let slot = match self.node(below).slot(digit) {
                Slot::List(head, count) => {
                    self.link_last(head, key, at);
                    Slot::List(head, count + 1)
                }
                _ => {
                    self.link_alone(key, at);
                    Slot::List(key, 1)
                }
            };
            self.put(below, digit, slot);
        }
    }

    /// An empty wheel in a place of `holder`, for deadlines that are `at` but for the bits in `differs`. What
    /// was in the place is the caller's now.
    fn branch(&mut self, holder: u32, digit: u32, at: u64, differs: u64) -> u32 {
        let (above, mut node) = (self.node(holder), Node::new(at, differs));
        // A wheel with nothing in its other places is of no more use: the new one stands in for it.
        if holder != NONE && above.filled() == 1 << digit {
            node.parent = above.parent;
            *self.node_mut(holder) = node;
            return holder;
        }
        let number = self.nodes.insert(node);
        self.put(holder, digit, Slot::Node(number));
        number
    }

    /// Takes `key` out of its list.
    fn remove(&mut self, key: u32) {
        let Entry { at, prev, next } = *self.entry(key);
        let mut holder = NONE;
        let (digit, head, count) = loop {
            let digit = self.node(holder).digit(at);
            match self.node(holder).slot(digit) {
                Slot::Node(below) => holder = below,
                Slot::List(head, count) => break (digit, head, count),
                Slot::Empty => {
                    debug_assert!(false, "an entry with a deadline is where its deadline belongs");
                    return;
                }
            }
        };
        let slot = if next == key {
            Slot::Empty
        } else {
            self.change(prev, |entry| entry.next = next);
            self.change(next, |entry| entry.prev = prev);
            let head = if head == key { next } else { head };
            Slot::List(head, if count == ALIKE { ALIKE } else { count - 1 })
        };
        self.change(key, |entry| *entry = Entry::UNSET);
        self.put(holder, digit, slot);
        self.tidy(holder);
        self.len -= 1;
        if self.first.is_some_and(|(_, first)| first == key) {
            self.first = None;
        }
    }

    /// Does away with wheels that have too little in them, from this one upwards.
    fn tidy(&mut self, mut number: u32) {
        while number != NONE {
            let node = self.node(number);
            let (above, alone) = (node.parent, node.only_node());
            let slot = if node.load() <= FEW && !node.has_nodes() {
                self.gather(number)
            } else if let Some(below) = alone {
                Slot::Node(below)
            } else {
                return;
            };
            let digit = self.node(above).digit(self.node(number).smallest());
            self.put(above, digit, slot);
            self.nodes.remove(number);
            number = above;
        }
    }

    /// All that a wheel has in its lists, as one list, in the order of places: equal deadlines, which share a
    /// place, keep theirs.
    fn gather(&mut self, number: u32) -> Slot {
        let mut all = Slot::Empty;
        loop {
            let node = self.node(number);
            let digit = node.first_filled();
            let Slot::List(head, count) = node.slot(digit) else { return all };
            let mut key = head;
            for _ in 0..count {
                let Entry { at, next, .. } = *self.entry(key);
                all = if let Slot::List(first, count) = all {
                    self.link_last(first, key, at);
                    Slot::List(first, count + 1)
                } else {
                    self.link_alone(key, at);
                    Slot::List(key, 1)
                };
                key = next;
            }
            self.put(number, digit, Slot::Empty);
        }
    }

    /// Fills a place of a node, or empties it.
    fn put(&mut self, number: u32, digit: u32, slot: Slot) {
        if let Slot::Node(below) = slot {
            self.node_mut(below).parent = number;
        }
        self.node_mut(number).put(digit, slot);
    }

    fn link_alone(&mut self, key: u32, at: u64) {
        self.change(key, |entry| *entry = Entry { at, prev: key, next: key });
    }

    /// Behind the last of the ring that begins with `head`.
    fn link_last(&mut self, head: u32, key: u32, at: u64) {
        let last = self.entry(head).prev;
        self.change(key, |entry| *entry = Entry { at, prev: last, next: head });
        self.change(last, |entry| entry.next = key);
        self.change(head, |entry| entry.prev = key);
    }

    fn make_room(&mut self, key: u32) {
        while self.pages.len() <= key as usize / PAGE {
            self.pages.push(Box::new([Entry::UNSET; PAGE]));
        }
    }

    fn entry(&self, key: u32) -> &Entry {
        self.step();
        let page = self.pages.get(key as usize / PAGE);
        page.and_then(|page| page.get(key as usize % PAGE)).unwrap_or(&Entry::UNSET)
    }

    fn change(&mut self, key: u32, how: impl FnOnce(&mut Entry)) {
        self.step();
        let page = self.pages.get_mut(key as usize / PAGE);
        if let Some(entry) = page.and_then(|page| page.get_mut(key as usize % PAGE)) {
            how(entry);
        }
    }

    fn node(&self, number: u32) -> &Node {
        self.step();
        self.nodes.get(number).unwrap_or(&self.root)
    }

    fn node_mut(&mut self, number: u32) -> &mut Node {
        self.nodes.get_mut(number).unwrap_or(&mut self.root)
    }

    #[cfg(test)]
    fn step(&self) {
        self.steps.set(self.steps.get() + 1);
    }

    #[cfg(not(test))]
    #[inline]
    const fn step(&self) {}
}

impl fmt::Debug for Wheel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wheel").field("len", &self.len).field("first", &self.first).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
