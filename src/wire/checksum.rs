//! The Internet checksum (RFC 1071) and the pseudo-headers it covers.

use core::net::{IpAddr, Ipv6Addr};

use super::IpProtocol;

/// A running ones-complement sum of 16-bit big-endian words.
///
/// Octets may come in pieces of any length, odd ones included: the sum is that of all pieces laid end to end.
///
/// ```
/// use tcpstate::wire::Checksum;
///
/// // The example of RFC 1071 §3.
/// let mut sum = Checksum::new();
/// sum.add_bytes(&[0x00, 0x01, 0xf2]);
/// sum.add_bytes(&[0x03, 0xf4, 0xf5, 0xf6, 0xf7]);
/// assert_eq!(sum.sum(), 0xddf2);
/// assert_eq!(sum.finish(), !0xddf2);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Checksum {
    /// Sum of words of at most 32 bits, which is the same as that of their halves: the carries of 2³² calls have room.
    total: u64,
    /// An odd number of octets has been added: the next octet is the low half of a word.
    odd: bool,
}

impl Checksum {
    /// The sum of nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self { total: 0, odd: false }
    }

    /// Adds octets, after those added before.
    pub fn add_bytes(&mut self, bytes: &[u8]) {
        self.add_part(sum_of(bytes), bytes.len());
    }

    /// Copies as much of `src` as `dst` has room for, adds the octets copied, and says how many there were.
    ///
    /// One pass does both, so that payload is read once on its way into a packet.
    pub fn copy_and_add(&mut self, dst: &mut [u8], src: &[u8]) -> usize {
        let len = dst.len().min(src.len());
        let (Some(dst), Some(src)) = (dst.get_mut(..len), src.get(..len)) else {
            return 0;
        };
        self.add_part(copy_and_sum(dst, src), len);
        len
    }

    /// Adds a 16-bit field as its two octets stand on the wire.
    #[inline]
    pub const fn add_u16(&mut self, value: u16) {
        // An octet moved by one place changes the weight of both halves: the whole word is swapped.
        let word = if self.odd { value.swap_bytes() } else { value };
        self.total = self.total.wrapping_add(word as u64);
    }

    /// Adds a 32-bit field as its four octets stand on the wire.
    #[inline]
    pub const fn add_u32(&mut self, value: u32) {
        // The octet that leaves in front comes in again behind: 2³² is a multiple of 65,535 and one.
        let word = if self.odd { value.rotate_left(8) } else { value };
        self.total = self.total.wrapping_add(word as u64);
    }

    /// Adds an address as its octets stand on the wire.
    #[inline]
    pub fn add_addr(&mut self, addr: IpAddr) {
        match addr {
            IpAddr::V4(addr) => self.add_u32(addr.to_bits()),
            IpAddr::V6(addr) => words_of(addr).into_iter().for_each(|word| self.add_u32(word)),
        }
    }

    /// The sum so far, folded to 16 bits and not complemented. An octet that waits for its other half counts
    /// as the high half of a word padded with zero (RFC 1071 §4.1).
    ///
    /// Zero only if everything added was zero: any other multiple of 65,535 is `0xffff`.
    #[must_use]
    #[inline]
    pub const fn sum(&self) -> u16 {
        fold(self.total)
    }

    /// The checksum for the header: the complement of [`sum`](Self::sum).
    ///
    /// UDP sends `0xffff` where this is zero (RFC 768); the caller does that.
    #[must_use]
    #[inline]
    pub const fn finish(&self) -> u16 {
        !self.sum()
    }

    /// The sum of 32-bit words that were added up by the caller, fewer than 2³¹ of them.
    #[inline]
    pub(crate) const fn of_words(total: u64) -> Self {
        Self { total, odd: false }
    }

    /// Adds a partial sum of `len` octets, shifted by an octet if one is waiting for its other half.
    const fn add_part(&mut self, part: u16, len: usize) {
        self.add_u16(part);
        self.odd ^= len % 2 == 1;
    }
}

/// An address of IPv6 as four words.
#[inline]
pub(crate) const fn words_of(addr: Ipv6Addr) -> [u32; 4] {
    let bits = addr.to_bits();
    [(bits >> 96) as u32, (bits >> 64) as u32, (bits >> 32) as u32, bits as u32]
}

/// The sum of the pseudo-header for an upper-layer packet of `len` octets (RFC 9293 §3.1, RFC 8200 §8.1).
///
/// One formula serves both versions: the zero octets that pad the fields of either change no sum.
///
/// ```
/// use core::net::{IpAddr, Ipv4Addr};
/// use tcpstate::wire::{IpProtocol, checksum};
///
/// let (src, dst) = (IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)), IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2)));
/// let sum = checksum::pseudo_header(src, dst, IpProtocol::TCP, 20);
/// assert_eq!(sum.sum(), 0x0a00 + 0x0001 + 0x0a00 + 0x0002 + 6 + 20);
/// ```
#[must_use]
#[inline]
pub fn pseudo_header(src: IpAddr, dst: IpAddr, protocol: IpProtocol, len: u32) -> Checksum {
    let mut sum = Checksum::new();
    sum.add_addr(src);
    sum.add_addr(dst);
    sum.add_u16(u16::from(protocol.0));
    sum.add_u32(len);
    sum
}

/// What a transport checksum says about the octets that were captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum ChecksumStatus {
    /// The sum over pseudo-header and segment is right.
    Good,
    /// The sum is wrong: an octet changed on the way.
    Bad,
    /// The field holds the pseudo-header's sum alone: the sender left the rest to the network card, and the
    /// capture was taken before that. Also what Linux writes into segments it merged on arrival.
    Offloaded,
    /// Not all octets were captured (a snap length, or a fragment): nothing can be said.
    Unknown,
    /// The sender computed none: zero in UDP over IPv4 (RFC 768).
    Absent,
}

/// Verifies the checksum field `stored` of `segment`, in one pass over it.
///
/// `wire_len` is the segment's length on the wire; `segment` must not be longer than that.
pub(super) fn verify(
    (src, dst): (IpAddr, IpAddr),
    protocol: IpProtocol,
    segment: &[u8],
    wire_len: usize,
    stored: u16,
) -> ChecksumStatus {
    let Some(len) = u32::try_from(wire_len).ok().filter(|_| segment.len() >= wire_len) else {
        return ChecksumStatus::Unknown;
    };
    let pseudo = pseudo_header(src, dst, protocol, len);
    let mut sum = pseudo;
    sum.add_bytes(segment);
    if sum.sum() == 0xffff {
        return ChecksumStatus::Good;
    }
    // Some drivers leave the length to the card as well: it differs for every packet cut from a large one.
    if stored == pseudo.sum() || stored == pseudo_header(src, dst, protocol, 0).sum() {
        return ChecksumStatus::Offloaded;
    }
    ChecksumStatus::Bad
}

/// Octets that one turn of the wide loop takes: two vectors. More, and the sums would not all stay in registers.
const BLOCK: usize = 32;
/// 64-bit words in a block.
const LANES: usize = BLOCK / 8;
/// Octets that one turn takes where they are copied as well: the stores leave time for more.
const COPIED: usize = 2 * BLOCK;

/// Partial sums of 64-bit words, and of their high halves, one pair for each lane. A lane of `high` has room for 2³²
/// halves of at most 2³² − 1: 128 GiB in one call.
///
/// `all` overflows, but the sum of the low halves does not, and is the difference of both modulo 2⁶⁴. That takes an
/// operation less for each word than to sum up low halves, and no mask.
#[derive(Default)]
struct Wide {
    all: [u64; LANES],
    high: [u64; LANES],
}

impl Wide {
    /// Adds a block. Lanes do not depend on one another: the compiler turns them into vectors.
    #[inline(always)]
    fn add(&mut self, block: &[u8; BLOCK]) {
        let (words, _) = block.as_chunks::<8>();
        for ((all, high), word) in self.all.iter_mut().zip(&mut self.high).zip(words) {
            // The sum is the same in either byte order, up to a swap at the end (RFC 1071 §2 (B)).
            let word = u64::from_ne_bytes(*word);
            *all = all.wrapping_add(word);
            *high = high.wrapping_add(word >> 32);
        }
    }

    /// The sum of all lanes, under 2³⁷.
    #[inline(always)]
    fn total(&self) -> u64 {
        let halves = |sum: u64| (sum & 0xffff_ffff) + (sum >> 32);
        let lanes = self.all.iter().zip(&self.high);
        lanes.map(|(all, high)| halves(all.wrapping_sub(high << 32)) + halves(*high)).sum()
    }
}

/// The folded sum of octets that begin on an even place, as a big-endian value.
#[inline]
fn sum_of(bytes: &[u8]) -> u16 {
    let (blocks, rest) = bytes.as_chunks::<BLOCK>();
    let mut total = 0;
    if !blocks.is_empty() {
        let mut wide = Wide::default();
        for block in blocks {
            wide.add(block);
        }
        total = wide.total();
    }
    u16::from_be(fold(total + tail_sum(rest)))
}

/// [`sum_of`] the octets that it copies. Both slices have the same length.
#[inline]
fn copy_and_sum(dst: &mut [u8], src: &[u8]) -> u16 {
    let (blocks, rest) = src.as_chunks::<COPIED>();
    let (dst_blocks, dst_rest) = dst.as_chunks_mut::<COPIED>();
    let mut total = 0;
    if !blocks.is_empty() {
        let mut wide = Wide::default();
        for (dst, block) in dst_blocks.iter_mut().zip(blocks) {
            *dst = *block;
            block.as_chunks::<BLOCK>().0.iter().for_each(|block| wide.add(block));
        }
        total = wide.total();
    }
    for (dst, octet) in dst_rest.iter_mut().zip(rest) {
        *dst = *octet;
    }
    u16::from_be(fold(total + tail_sum(rest)))
}

/// The sum, in the machine's byte order, of what is left after the last whole block; under 2³⁶.
#[inline(always)]
fn tail_sum(rest: &[u8]) -> u64 {
    let (words, rest) = rest.as_chunks::<4>();
    let words: u64 = words.iter().map(|word| u64::from(u32::from_ne_bytes(*word))).sum();
    let end = match *rest {
        [] => 0,
        [a] => u32::from_ne_bytes([a, 0, 0, 0]),
        [a, b] => u32::from_ne_bytes([a, b, 0, 0]),
        // No more than three are left.
        [a, b, c, ..] => u32::from_ne_bytes([a, b, c, 0]),
    };
    words + u64::from(end)
}

/// Adds the carries back in until 16 bits hold the sum.
#[inline]
const fn fold(total: u64) -> u16 {
    let total = (total & 0xffff_ffff) + (total >> 32);
    let total = (total & 0xffff_ffff) + (total >> 32);
    let total = (total & 0xffff) + (total >> 16);
    let total = (total & 0xffff) + (total >> 16);
    let total = (total & 0xffff) + (total >> 16);
    total as u16
}

#[cfg(test)]
mod tests;
