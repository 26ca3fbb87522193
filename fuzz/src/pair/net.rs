//! The network between the two: what becomes of packets.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use tcpstate::host::{Checksums, Transmit};

use crate::craft;
use crate::record::Origin;

/// Nanoseconds in a millisecond.
pub(super) const MS: u64 = 1_000_000;
/// Packets under way; what is more is lost.
const MOST: usize = 4_096;

/// How bad the network is. Of each mask the bits are used in turn, one for each packet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Weather {
    pub(super) loss: u16,
    pub(super) twice: u16,
    pub(super) late: u16,
    pub(super) damage: u16,
    pub(super) mark: u16,
    pub(super) delay_ms: u64,
    /// How late what is late comes.
    pub(super) late_ms: u64,
}

impl Default for Weather {
    fn default() -> Self {
        Self { loss: 0, twice: 0, late: 0, damage: 0, mark: 0, delay_ms: 10, late_ms: 30 }
    }
}

/// What becomes of one packet.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fate {
    Lose,
    Twice,
    Late,
    /// This bit turns over.
    Damage(u16),
    /// So many octets are left.
    Cut(u16),
    /// Congestion was experienced.
    Mark,
    /// An octet changes, and the checksums with it.
    Forge(u16, u8),
}

/// A packet on its way.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Parcel {
    pub(super) at: u64,
    order: u64,
    pub(super) to: usize,
    pub(super) octets: Vec<u8>,
    is_partial: bool,
    origin: u8,
}

impl Parcel {
    pub(super) const fn checksums(&self) -> Checksums {
        if self.is_partial { Checksums::Partial } else { Checksums::Unknown }
    }

    pub(super) const fn origin(&self) -> Origin {
        match self.origin {
            0 => Origin::Network,
            1 => Origin::Copy,
            _ => Origin::Damaged,
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Net {
    pub(super) weather: Weather,
    /// What becomes of the next packet of each end, whatever the weather is.
    pub(super) next: [Option<Fate>; 2],
    /// The largest packet that goes through.
    pub(super) narrow: Option<usize>,
    /// Something went through that no receiver can know for false.
    pub(super) has_forged: bool,
    queue: BinaryHeap<Reverse<Parcel>>,
    order: u64,
}

impl Net {
    pub(super) fn first(&self) -> Option<u64> {
        self.queue.peek().map(|Reverse(parcel)| parcel.at)
    }

    /// The next packet that is there by `now`.
    pub(super) fn arrive(&mut self, now: u64) -> Option<Parcel> {
        if self.first()? > now {
            return None;
        }
        self.queue.pop().map(|Reverse(parcel)| parcel)
    }

    /// Takes a packet of `from`; `false` if it is lost.
    pub(super) fn carry(&mut self, now: u64, from: usize, octets: &[u8], transmit: &Transmit) -> bool {
        let is_partial = transmit.checksum.is_some();
        self.order += 1;
        let turn = self.order % 16;
        let has = |mask: u16| mask >> turn & 1 == 1;
        let Weather { loss, twice, late, damage, mark, delay_ms, late_ms } = self.weather;
        let fate = self.next[from].take();
        let is_lost = matches!(fate, Some(Fate::Lose)) || fate.is_none() && has(loss);
        let is_large = self.narrow.is_some_and(|most| octets.len() > most && !is_partial);
        if is_lost || is_large || self.queue.len() >= MOST {
            return false;
        }
        let mut octets = octets.to_vec();
        let mut origin = 0;
        match fate {
            Some(Fate::Mark) => craft::mark(&mut octets),
            None if has(mark) => craft::mark(&mut octets),
            // Where nothing is summed nothing is damaged: it does not leave the machine.
            Some(Fate::Damage(_) | Fate::Cut(_) | Fate::Forge(..)) if is_partial => {}
            Some(Fate::Damage(bit)) => (origin, octets) = (2, damaged(octets, bit)),
            None if has(damage) && !is_partial => {
                (origin, octets) = (2, damaged(octets, (self.order * 977) as u16));
            }
            Some(Fate::Cut(len)) => {
                octets.truncate(usize::from(len) % octets.len());
                (origin, self.has_forged) = (2, self.has_forged || craft::is_intact(&octets));
            }
            Some(Fate::Forge(at, octet)) => {
                let at = usize::from(at) % octets.len();
                octets[at] = octet;
                craft::repair(&mut octets);
                (origin, self.has_forged) = (2, true);
            }
            _ => {}
        }
        let is_late = matches!(fate, Some(Fate::Late)) || fate.is_none() && has(late);
        let at = now + (delay_ms + if is_late { late_ms } else { 0 }) * MS;
        let to = 1 - from;
        if matches!(fate, Some(Fate::Twice)) || fate.is_none() && has(twice) {
            let (at, order, octets) = (at + late_ms * MS / 2, self.order, octets.clone());
            self.queue.push(Reverse(Parcel { at, order, to, octets, is_partial, origin: 1 }));
        }
        self.queue.push(Reverse(Parcel { at, order: self.order, to, octets, is_partial, origin }));
        true
    }
}

/// One bit turns over, where a checksum does not miss it: IPv6 has none of its header.
fn damaged(mut octets: Vec<u8>, bit: u16) -> Vec<u8> {
    let first = if octets[0] >> 4 == 6 { 40 } else { 0 };
    let bits = (octets.len() - first) * 8;
    if bits > 0 {
        let bit = first * 8 + usize::from(bit) % bits;
        octets[bit / 8] ^= 1 << (bit % 8);
    }
    octets
}
