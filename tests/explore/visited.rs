//! Where the search has been.
//!
//! A state is what may happen in a world but for what may still go wrong in it: its [`Budget`]. Whoever comes to a state
//! again with no more left than before, of anything, finds nothing new: whatever he could do was possible then as well. So
//! there is one entry for each state, and in it the budgets of which none is as large as another in every respect.

use std::hash::{BuildHasherDefault, Hasher};

use hashbrown::HashMap;

use super::world::Budget;

/// A budget in two bits for each of its numbers, which are 3 at the most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Packed(u64);

impl Packed {
    /// None if a number is too large.
    pub fn new(budget: &Budget) -> Option<Self> {
        let Budget { drops, copies, reorders, delays, forgeries, firings } = budget;
        let numbers =
            [drops, copies, reorders, delays, forgeries].into_iter().chain(firings.iter().flatten());
        let packed = numbers.map(|&number| (number <= 3).then_some(u64::from(number)));
        packed.enumerate().try_fold(0, |all, (place, number)| Some(all | number? << (2 * place))).map(Self)
    }

    /// Whether no number of `other` is larger.
    pub const fn covers(self, other: Self) -> bool {
        const LOW: u64 = 0x3333_3333_3333_3333;
        const BORROW: u64 = 0x8888_8888_8888_8888;
        let even = ((self.0 & LOW) | BORROW) - (other.0 & LOW);
        let odd = ((self.0 >> 2 & LOW) | BORROW) - (other.0 >> 2 & LOW);
        even & odd & BORROW == BORROW
    }
}

/// Fingerprints are hashes already.
#[derive(Default)]
pub struct Plain(u64);

impl Hasher for Plain {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, octets: &[u8]) {
        for chunk in octets.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.0 ^= u64::from_le_bytes(word);
        }
    }
    fn write_u64(&mut self, word: u64) {
        self.0 ^= word;
    }
    fn write_usize(&mut self, _: usize) {}
}

pub type Key = [u64; 2];
pub type PlainMap<V> = HashMap<Key, V, BuildHasherDefault<Plain>>;

/// A fingerprint in two halves, which need no more room than they take.
pub const fn key(fingerprint: u128) -> Key {
    [(fingerprint >> 64) as u64, fingerprint as u64]
}

/// The states that were met, and with what left.
#[derive(Default)]
pub struct Visited {
    /// The first budget of each.
    first: PlainMap<Packed>,
    /// Further ones, where there are.
    more: PlainMap<Vec<Packed>>,
}

/// What the visit means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visit {
    /// Nobody was here before.
    New,
    /// Somebody was, with less of something.
    Richer,
    /// All of this is known.
    Known,
}

impl Visited {
    /// Whether somebody was here with at least as much left.
    pub fn knows(&self, key: &Key, left: Packed) -> bool {
        let Some(first) = self.first.get(key) else { return false };
        first.covers(left)
            || self.more.get(key).is_some_and(|more| more.iter().any(|other| other.covers(left)))
    }

    /// Whether nobody was here with more left than this, who was.
    pub fn is_best(&self, key: &Key, left: Packed) -> bool {
        let better = |other: &Packed| *other != left && other.covers(left);
        !self.first.get(key).is_some_and(better)
            && !self.more.get(key).is_some_and(|more| more.iter().any(better))
    }

    pub fn visit(&mut self, key: Key, left: Packed) -> Visit {
        if self.knows(&key, left) {
            return Visit::Known;
        }
        let Some(first) = self.first.get_mut(&key) else {
            self.first.insert(key, left);
            return Visit::New;
        };
        if left.covers(*first) {
            *first = left;
            if let Some(more) = self.more.get_mut(&key) {
                more.retain(|other| !left.covers(*other));
            }
        } else {
            let more = self.more.entry(key).or_default();
            more.retain(|other| !left.covers(*other));
            more.push(left);
        }
        Visit::Richer
    }

    /// How many states there are.
    pub fn len(&self) -> usize {
        self.first.len()
    }
}
