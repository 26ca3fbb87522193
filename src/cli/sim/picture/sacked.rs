//! What selective acknowledgments have said so far.

use std::collections::BTreeMap;

/// Ranges of the stream, from their first octet to the one behind the last: apart from each other, and all beyond the
/// cumulative acknowledgment.
#[derive(Clone, Debug, Default)]
pub(super) struct Sacked {
    ranges: BTreeMap<u64, u64>,
}

impl Sacked {
    /// Far more than a receiver remembers out of order. Beyond, what is new in a block is not told from what is not.
    const MOST: usize = 1 << 17;

    /// All below has been acknowledged.
    pub(super) fn forget_below(&mut self, una: u64) {
        while let Some(first) = self.ranges.first_entry()
            && *first.key() < una
        {
            let high = first.remove();
            if high > una {
                self.ranges.insert(una, high);
            }
        }
    }

    /// Adds a block, and calls `new` for each part of it that was not there.
    pub(super) fn add(&mut self, low: u64, high: u64, mut new: impl FnMut(u64, u64)) {
        if low >= high || self.ranges.len() >= Self::MOST {
            return;
        }
        let (mut from, mut to, mut above) = (low, high, high);
        // From above. Ranges are apart, so their ends are in the order of their beginnings.
        while let Some((&begin, &end)) = self.ranges.range(..=high).next_back()
            && end >= low
        {
            self.ranges.remove(&begin);
            (from, to) = (from.min(begin), to.max(end));
            if end < above {
                new(end, above);
            }
            above = above.min(begin);
        }
        if above > low {
            new(low, above);
        }
        self.ranges.insert(from, to);
    }
}

#[cfg(test)]
mod tests;
