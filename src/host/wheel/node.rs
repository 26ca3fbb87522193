//! One wheel: 64 places for six bits of a deadline.

/// Bits that a wheel looks at.
const BITS: u32 = 6;
/// The number of the lowest bit that the root looks at. It has only four: 4 + 10 × 6 = 64.
const TOP: u8 = 60;
/// In place of a count: any number of entries, all with the same deadline.
pub(super) const ALIKE: u8 = u8::MAX;

/// What lies in a place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Slot {
    Empty,
    /// A list, by its first key, and how many entries it has ([`ALIKE`]: not counted).
    List(u32, u8),
    /// A finer wheel, by its number.
    Node(u32),
}

/// A wheel: 352 octets.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// The bits that all deadlines here share: those above the ones looked at.
    prefix: u64,
    /// A bit for each place that is not empty.
    filled: u64,
    /// A bit for each place with a finer wheel.
    nodes: u64,
    /// The first key of a place's list, or the number of its wheel.
    refs: [u32; 64],
    /// The wheel above.
    pub(super) parent: u32,
    /// The sum of `counts`.
    load: u16,
    /// Entries in a place's list.
    counts: [u8; 64],
    /// The number of the lowest bit looked at: a multiple of six.
    shift: u8,
}

impl Node {
    pub(super) const ROOT: Self = Self {
        prefix: 0,
        filled: 0,
        nodes: 0,
        refs: [0; 64],
        parent: u32::MAX,
        load: 0,
        counts: [0; 64],
        shift: TOP,
    };

    /// An empty wheel that looks at the bits in which deadlines like `at` differ first.
    pub(super) fn new(at: u64, differs: u64) -> Self {
        let highest = u64::BITS - 1 - differs.max(1).leading_zeros();
        let shift = (highest / BITS * BITS) as u8;
        Self { prefix: at >> shift >> BITS, shift, ..Self::ROOT }
    }

    /// The place of a deadline.
    pub(super) const fn digit(&self, at: u64) -> u32 {
        (at >> self.shift) as u32 % (1 << BITS)
    }

    /// The smallest deadline that could be here.
    pub(super) const fn smallest(&self) -> u64 {
        self.prefix << BITS << self.shift
    }

    /// The bits that keep `at` from being in this wheel; none if it belongs here.
    pub(super) const fn differs(&self, at: u64) -> u64 {
        (at ^ self.smallest()) >> self.shift >> BITS << BITS << self.shift
    }

    pub(super) fn slot(&self, digit: u32) -> Slot {
        let (bit, digit) = (1_u64.wrapping_shl(digit), digit as usize);
        if self.filled & bit == 0 {
            return Slot::Empty;
        }
        let number = self.refs.get(digit).copied().unwrap_or_default();
        if self.nodes & bit != 0 {
            Slot::Node(number)
        } else {
            Slot::List(number, self.counts.get(digit).copied().unwrap_or_default())
        }
    }

    pub(super) fn put(&mut self, digit: u32, slot: Slot) {
        let bit = 1_u64.wrapping_shl(digit);
        let (filled, node, number, new) = match slot {
            Slot::Empty => (0, 0, 0, 0),
            Slot::List(head, count) => (bit, 0, head, count),
            Slot::Node(number) => (bit, bit, number, 0),
        };
        self.filled = self.filled & !bit | filled;
        self.nodes = self.nodes & !bit | node;
        if let (Some(count), Some(place)) =
            (self.counts.get_mut(digit as usize), self.refs.get_mut(digit as usize))
        {
            self.load = self.load - u16::from(*count) + u16::from(new);
            (*count, *place) = (new, number);
        }
    }

    /// The first place that is not empty; 64 if all are.
    pub(super) const fn first_filled(&self) -> u32 {
        self.filled.trailing_zeros()
    }

    pub(super) const fn filled(&self) -> u64 {
        self.filled
    }

    /// Entries in the lists, [`ALIKE`] for those that are not counted.
    pub(super) const fn load(&self) -> u16 {
        self.load
    }

    pub(super) const fn has_nodes(&self) -> bool {
        self.nodes != 0
    }

    /// The wheel below, if that is all there is here.
    pub(super) fn only_node(&self) -> Option<u32> {
        if self.filled != self.nodes || !self.nodes.is_power_of_two() {
            return None;
        }
        match self.slot(self.first_filled()) {
            Slot::Node(number) => Some(number),
            _ => None,
        }
    }
}
