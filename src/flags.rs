//! The control bits of a segment (RFC 9293 §3.1): what the machine decides by, and what a header carries.

use core::fmt;
use core::ops::{BitOr, BitOrAssign};

/// The control bits of a TCP header: a set of nine.
///
/// ```
/// use tcpstate::TcpFlags;
///
/// let flags = TcpFlags::SYN | TcpFlags::ACK;
/// assert!(flags.contains(TcpFlags::SYN) && !flags.contains(TcpFlags::SYN | TcpFlags::FIN));
/// assert_eq!(flags.to_string(), "SYN,ACK");
/// assert_eq!(flags.short().to_string(), "[S.]");
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct TcpFlags(u16);

impl TcpFlags {
    /// No bit.
    pub const NONE: Self = Self(0);
    /// No more data from the sender.
    pub const FIN: Self = Self(0x001);
    /// Synchronise sequence numbers.
    pub const SYN: Self = Self(0x002);
    /// Reset the connection.
    pub const RST: Self = Self(0x004);
    /// Push function.
    pub const PSH: Self = Self(0x008);
    /// The acknowledgment field is significant.
    pub const ACK: Self = Self(0x010);
    /// The urgent pointer is significant.
    pub const URG: Self = Self(0x020);
    /// ECN echo (RFC 3168).
    pub const ECE: Self = Self(0x040);
    /// Congestion window reduced (RFC 3168).
    pub const CWR: Self = Self(0x080);
    /// Accurate ECN (RFC 9768); the nonce sum of the historic RFC 3540.
    pub const AE: Self = Self(0x100);

    /// Bits in the order of their values, with their name and the letter that tcpdump gives them.
    const NAMES: [(Self, &'static str, char); 9] = [
        (Self::FIN, "FIN", 'F'),
        (Self::SYN, "SYN", 'S'),
        (Self::RST, "RST", 'R'),
        (Self::PSH, "PSH", 'P'),
        (Self::ACK, "ACK", '.'),
        (Self::URG, "URG", 'U'),
        (Self::ECE, "ECE", 'E'),
        (Self::CWR, "CWR", 'W'),
        (Self::AE, "AE", 'e'),
    ];

    /// The set with these bits; those above the ninth are ignored.
    #[must_use]
    pub const fn from_bits(bits: u16) -> Self {
        Self(bits & 0x1ff)
    }

    /// The bits as the header has them: 0..=0x1ff.
    #[must_use]
    pub const fn bits(self) -> u16 {
        self.0
    }

    /// Whether every bit of `other` is in this set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether any bit of `other` is in this set.
    #[must_use]
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// This set without the bits of `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The bits of both, for constants; elsewhere `a | b`.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether no bit is set.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The form that tcpdump prints: `[S.]`, `[P.]`, `[none]`.
    #[must_use]
    pub const fn short(self) -> impl fmt::Display {
        Short(self)
    }

    fn each(self) -> impl Iterator<Item = (&'static str, char)> {
        let set = Self::NAMES.into_iter().filter(move |&(flag, ..)| self.contains(flag));
        set.map(|(_, name, letter)| (name, letter))
    }
}

impl BitOr for TcpFlags {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        self.union(other)
    }
}

impl BitOrAssign for TcpFlags {
    fn bitor_assign(&mut self, other: Self) {
        *self = *self | other;
    }
}

/// Names in the order of their bits: `SYN,ACK`; `none` for the empty set.
impl fmt::Display for TcpFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("none");
        }
        for (at, (name, _)) in self.each().enumerate() {
            f.write_str(if at > 0 { "," } else { "" })?;
            f.write_str(name)?;
        }
        Ok(())
    }
}

impl fmt::Debug for TcpFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TcpFlags({self})")
    }
}

/// [`TcpFlags::short`].
struct Short(TcpFlags);

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write as _;
        if self.0.is_empty() {
            return f.write_str("[none]");
        }
        f.write_char('[')?;
        self.0.each().try_for_each(|(_, letter)| f.write_char(letter))?;
        f.write_char(']')
    }
}
