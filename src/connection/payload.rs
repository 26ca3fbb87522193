//! The octets of segments that arrive, and what became of them.

use bytes::Bytes;

use crate::tcp::Verdict;

/// The octets of a segment that arrives.
#[derive(Clone, Debug)]
pub enum Payload<'a> {
    /// Octets in a buffer that the caller goes on to use: what is stored is copied.
    Slice(&'a [u8]),
    /// Octets that may be kept by reference.
    Bytes {
        /// The payload.
        octets: Bytes,
        /// Octets of memory that stay alive as long as `octets` does: the size of the packet's buffer.
        pinned: usize,
    },
}

impl Payload<'_> {
    /// How many octets there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.as_slice().len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The octets.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        match self {
            Self::Slice(octets) => octets,
            Self::Bytes { octets, .. } => octets,
        }
    }

    /// The `len` octets behind the first `skip`, or as many of them as there are.
    pub(super) fn part(&self, skip: usize, len: usize) -> Self {
        let skip = skip.min(self.len());
        let end = skip.saturating_add(len).min(self.len());
        match self {
            Self::Slice(octets) => Self::Slice(octets.get(skip..end).unwrap_or_default()),
            Self::Bytes { octets, pinned } => {
                Self::Bytes { octets: octets.slice(skip..end), pinned: *pinned }
            }
        }
    }
}

impl<'a> From<&'a [u8]> for Payload<'a> {
    fn from(octets: &'a [u8]) -> Self {
        Self::Slice(octets)
    }
}

/// What became of a segment and its octets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Arrival {
    /// The machine's answer.
    pub verdict: Verdict,
    /// Octets that differed from the copy of them that had come before and still waited out of order. The
    /// first copy stays.
    pub conflict: u32,
}
