//! Sequence numbers: a circle of 2³² positions (RFC 9293 §3.4).

use core::fmt;
use core::ops::{Add, AddAssign, Sub};

/// A TCP sequence number. Arithmetic wraps at 2³².
///
/// There is deliberately no `Ord`: on a circle "less than" has no meaning of its own. Compare with
/// [`before`](Self::before) and [`after`](Self::after), which answer for distances under 2³¹.
///
/// ```
/// use tcpstate::SeqNumber;
///
/// let iss = SeqNumber::new(u32::MAX);
/// let first_byte = iss + 1;
/// assert_eq!(first_byte, SeqNumber::new(0));
/// assert!(iss.before(first_byte));
/// assert_eq!(first_byte - iss, 1);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct SeqNumber(u32);

impl SeqNumber {
    /// The sequence number with this value on the wire.
    #[must_use]
    pub const fn new(value: u32) -> Self {
        Self(value)
    }

    /// The value on the wire.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }

    /// How far `self` lies ahead of `earlier`, in octets: positive when ahead, negative when behind.
    ///
    /// Two numbers that are exactly 2³¹ apart have no order; the distance is then `i32::MIN` both ways.
    // RFC 9293 X-14
    #[must_use]
    pub const fn distance_from(self, earlier: Self) -> i32 {
        self.0.wrapping_sub(earlier.0).cast_signed()
    }

    /// Whether `self` comes before `other` (`SEG.SEQ < RCV.NXT` in the RFC's notation).
    #[must_use]
    pub const fn before(self, other: Self) -> bool {
        self.distance_from(other) < 0 && other.distance_from(self) > 0
    }

    /// Whether `self` comes after `other`.
    #[must_use]
    pub const fn after(self, other: Self) -> bool {
        other.before(self)
    }

    /// Whether `self` lies in the half-open range of `len` octets that begins at `start`.
    #[must_use]
    pub const fn within(self, start: Self, len: u32) -> bool {
        self.0.wrapping_sub(start.0) < len
    }

    /// The later of the two; `self` when they are equal or have no order.
    #[must_use]
    pub const fn latest(self, other: Self) -> Self {
        if self.before(other) { other } else { self }
    }
}

impl Add<u32> for SeqNumber {
    type Output = Self;
    fn add(self, octets: u32) -> Self {
        Self(self.0.wrapping_add(octets))
    }
}

impl AddAssign<u32> for SeqNumber {
    fn add_assign(&mut self, octets: u32) {
        *self = *self + octets;
    }
}

impl Sub<u32> for SeqNumber {
    type Output = Self;
    fn sub(self, octets: u32) -> Self {
        Self(self.0.wrapping_sub(octets))
    }
}

/// Octets from the right-hand side forward to the left-hand side, around the circle.
impl Sub for SeqNumber {
    type Output = u32;
    fn sub(self, earlier: Self) -> u32 {
        self.0.wrapping_sub(earlier.0)
    }
}

impl From<u32> for SeqNumber {
    fn from(value: u32) -> Self {
        Self(value)
    }
}

impl From<SeqNumber> for u32 {
    fn from(seq: SeqNumber) -> Self {
        seq.0
    }
}

impl fmt::Display for SeqNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests;
