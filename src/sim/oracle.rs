//! What must hold at every moment, whatever the network does.
//!
//! | rule | who watches |
//! |---|---|
//! | what was read is a prefix of what was sent | [`Reader`] |
//! | a deadline that was handled is over: the next one is later | [`World`](super::World) |
//! | an event calls forth a bounded number of packets | [`World`](super::World) |
//! | a run ends | [`World`](super::World) |

use super::prng::splitmix64;

/// A stream whose octets are known by their place in it, so that no copy has to be kept to compare with.
///
/// ```
/// use tcpstate::sim::Pattern;
///
/// let pattern = Pattern::new(3);
/// let (mut all, mut end) = ([0; 10], [0; 4]);
/// pattern.fill(0, &mut all);
/// pattern.fill(6, &mut end);
/// assert_eq!(all[6..], end);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pattern {
    seed: u64,
}

impl Pattern {
    /// The stream of this seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// Eight octets, the first of which stands at `8 * word`. They are printable, `0` to `o`, so that nobody who looks
    /// at a capture takes them for the binary format of something.
    const fn word(self, word: u64) -> [u8; 8] {
        let (mixed, _) = splitmix64(self.seed.wrapping_add(word.wrapping_mul(0xd134_2543_de82_ef95)));
        ((mixed & 0x3f3f_3f3f_3f3f_3f3f) + 0x3030_3030_3030_3030).to_le_bytes()
    }

    /// Writes the octets that stand at `offset` and behind it.
    pub fn fill(self, offset: u64, out: &mut [u8]) {
        // Whole words at once: simulations spend their time here.
        let whole = if offset.is_multiple_of(8) { out.as_chunks_mut().0 } else { &mut [] };
        for (word, place) in (offset / 8..).zip(&mut *whole) {
            *place = self.word(word);
        }
        let done = whole.as_flattened().len();
        let out = out.get_mut(done..).unwrap_or_default();
        self.each_word(offset.wrapping_add(done as u64), out.len(), |range, octets| {
            if let Some(place) = out.get_mut(range) {
                place.copy_from_slice(octets);
            }
        });
    }

    /// The first octet that is not the one that stands at its place.
    fn first_difference(self, offset: u64, octets: &[u8]) -> Option<Fault> {
        let whole: &[[u8; 8]] = if offset.is_multiple_of(8) { octets.as_chunks().0 } else { &[] };
        let same =
            (offset / 8..).zip(whole).take_while(|(word, octets)| self.word(*word) == **octets).count() * 8;
        let (offset, octets) = (offset.wrapping_add(same as u64), octets.get(same..).unwrap_or_default());
        let mut fault = None;
        self.each_word(offset, octets.len(), |range, expected| {
            let Some(found) = octets.get(range.clone()) else { return };
            if fault.is_none() && found != expected {
                let at = found.iter().zip(expected).position(|(found, expected)| found != expected);
                let at = at.unwrap_or_default();
                fault = Some(Fault::WrongOctet {
                    offset: offset + (range.start + at) as u64,
                    expected: expected.get(at).copied().unwrap_or_default(),
                    found: found.get(at).copied().unwrap_or_default(),
                });
            }
        });
        fault
    }

    /// Calls `take` with pieces of `len` octets from `offset` on: where a piece lies among them, and what it is.
    fn each_word(self, offset: u64, len: usize, mut take: impl FnMut(core::ops::Range<usize>, &[u8])) {
        let mut done = 0;
        while done < len {
            let at = offset.wrapping_add(done as u64);
            let word = self.word(at / 8);
            let rest = word.get((at % 8) as usize..).unwrap_or_default();
            let rest = rest.get(..len - done).unwrap_or(rest);
            take(done..done + rest.len(), rest);
            done += rest.len();
        }
    }
}

/// Compares what is read with the stream that it must be a prefix of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reader {
    pattern: Pattern,
    read: u64,
    fault: Option<Fault>,
}

impl Reader {
    /// A reader at the beginning of this stream.
    #[must_use]
    pub const fn new(pattern: Pattern) -> Self {
        Self { pattern, read: 0, fault: None }
    }

    /// The next octets that were read.
    pub fn take(&mut self, octets: &[u8]) {
        if self.fault.is_none() {
            self.fault = self.pattern.first_difference(self.read, octets);
        }
        self.read += octets.len() as u64;
    }

    /// Notes something else that is wrong; the first fault stays.
    pub fn note(&mut self, fault: Fault) {
        self.fault.get_or_insert(fault);
    }

    /// How many octets were read.
    #[must_use]
    pub const fn position(&self) -> u64 {
        self.read
    }

    /// The first thing that was wrong.
    #[must_use]
    pub const fn fault(&self) -> Option<Fault> {
        self.fault
    }
}

/// A promise that was not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// An octet was read that was not sent at this place.
    #[error("octet {offset} was read as {found:#04x} and sent as {expected:#04x}")]
    WrongOctet {
        /// Its place in the stream, from 0.
        offset: u64,
        /// What was sent.
        expected: u8,
        /// What was read.
        found: u8,
    },
    /// Two copies of an octet differed, though the checksum rules damage out.
    #[error("{octets} octets came again with another value")]
    Conflict {
        /// How many.
        octets: u32,
    },
    /// More was read than was sent.
    #[error("{read} octets were read and {sent} sent")]
    MoreThanSent {
        /// Octets that one end read.
        read: u64,
        /// Octets that the other end sent.
        sent: u64,
    },
}

#[cfg(test)]
mod tests;
