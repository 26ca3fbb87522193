//! TCP options (RFC 9293 §3.2; MUST-4), read and written.
//!
//! They are read octet by octet, at whatever alignment (MUST-64); all but the first two kinds have a length (MUST-68).
//!
//! | kind | option | source |
//! |---|---|---|
//! | 0, 1, 2 | end of list, no-operation, maximum segment size | RFC 9293 §3.2, §3.7.1 |
//! | 3, 8 | window scale, timestamps | RFC 7323 §2, §3 |
//! | 4, 5 | SACK permitted, SACK | RFC 2018 |
//! | 19 | MD5 signature | RFC 2385 |
//! | 28 | user timeout | RFC 5482 |
//! | 29 | TCP-AO | RFC 5925 |
//! | 30 | Multipath TCP | RFC 8684 |
//! | 34 | Fast Open | RFC 7413 |
//! | 253, 254 | experiments, with an identifier; Fast Open's is `0xF989` | RFC 6994, RFC 7413 §A |

use super::{EmitError, be16};
use crate::SeqNumber;

/// Octets that a header has for options (RFC 9293 §3.1: the data offset is at most 15 words).
pub const MAX_OPTIONS_LEN: usize = 40;

/// The identifier of Fast Open among experimental options (RFC 7413 §A).
const FAST_OPEN_EXPERIMENT: [u8; 2] = [0xf9, 0x89];

mod builder;
mod display;

pub use builder::OptionsBuilder;

mod kind {
    pub(super) const END_OF_LIST: u8 = 0;
    pub(super) const NOP: u8 = 1;
    pub(super) const MSS: u8 = 2;
    pub(super) const WINDOW_SCALE: u8 = 3;
    pub(super) const SACK_PERMITTED: u8 = 4;
    pub(super) const SACK: u8 = 5;
    pub(super) const TIMESTAMPS: u8 = 8;
    pub(super) const MD5: u8 = 19;
    pub(super) const USER_TIMEOUT: u8 = 28;
    pub(super) const TCP_AO: u8 = 29;
    pub(super) const MPTCP: u8 = 30;
    pub(super) const FAST_OPEN: u8 = 34;
    pub(super) const EXPERIMENT_1: u8 = 253;
    pub(super) const EXPERIMENT_2: u8 = 254;
}

/// One TCP option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TcpOption<'a> {
    /// Nothing but padding follows.
    EndOfList,
    /// No-operation: aligns the next option.
    Nop,
    /// Maximum segment size, in octets of payload with options counted in (RFC 6691). Only in a SYN.
    Mss(u16),
    /// Window scale: a shift count, as sent. More than 14 counts as 14 (RFC 7323 §2.3). Only in a SYN.
    WindowScale(u8),
    /// The sender understands SACK. Only in a SYN.
    SackPermitted,
    /// Blocks that arrived out of order.
    Sack(SackBlocks<'a>),
    /// Timestamps (RFC 7323 §3).
    Timestamps {
        /// The sender's clock.
        val: u32,
        /// The last clock value that the sender saw; significant with ACK.
        ecr: u32,
    },
    /// The MD5 signature of RFC 2385.
    Md5(&'a [u8; 16]),
    /// User timeout (RFC 5482).
    UserTimeout {
        /// The unit: minutes if set, else seconds.
        minutes: bool,
        /// The timeout in that unit, 15 bits: 0..=32,767.
        value: u16,
    },
    /// Authentication (RFC 5925 §2.2).
    TcpAo {
        /// The key that the MAC was made with.
        key_id: u8,
        /// The key that the sender is ready to receive with.
        next_key_id: u8,
        /// The message authentication code.
        mac: &'a [u8],
    },
    /// Multipath TCP (RFC 8684 §3): subtype and what belongs to it; at least one octet.
    Mptcp(&'a [u8]),
    /// Fast Open (RFC 7413): a cookie of 4 to 16 octets, an even number; empty to ask for one.
    FastOpen(&'a [u8]),
    /// Fast Open as an experiment, with its identifier `0xF989` (RFC 7413 §A).
    FastOpenExperimental {
        /// 253 or 254.
        kind: u8,
        /// The cookie; empty to ask for one.
        cookie: &'a [u8],
    },
    /// An option not known here. RFC 9293 MUST-6: to be ignored.
    Unknown {
        /// Its kind.
        kind: u8,
        /// What follows its length: 0..=38 octets.
        data: &'a [u8],
    },
}

/// An option that is not as it must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OptionError {
    /// The options end after a kind that needs a length. Ends the walk.
    #[error("option {kind} ends before its length")]
    LengthMissing {
        /// The option's kind.
        kind: u8,
    },
    /// A length of 0 or 1, less than kind and length themselves. Ends the walk (RFC 9293 MUST-7).
    #[error("option {kind} has length {len}, less than its first two octets")]
    LengthTooSmall {
        /// The option's kind.
        kind: u8,
        /// Its length field, in octets.
        len: u8,
    },
    /// The option would end behind the header. Ends the walk.
    #[error("option {kind} has length {len}, and {left} octets are left")]
    BeyondEnd {
        /// The option's kind.
        kind: u8,
        /// Its length field, in octets.
        len: u8,
        /// Octets left in the header, from the option's kind on.
        left: usize,
    },
    /// The capture ends inside the option (a snap length), which may be well. Ends the walk.
    #[error("the capture ends inside option {kind}")]
    Cut {
        /// The option's kind.
        kind: u8,
    },
    /// A length that this kind cannot have. The option is skipped by its length and the walk goes on.
    #[error("option {kind} has length {len}, which that kind cannot have")]
    WrongLength {
        /// The option's kind.
        kind: u8,
        /// Its length field, in octets.
        len: u8,
    },
}

/// The options of a segment, as they were sent, as far as they were captured.
///
/// ```
/// use tcpstate::wire::{TcpOption, TcpOptions};
///
/// let options = TcpOptions::new(&[2, 4, 5, 180, 1, 3, 3, 7]);
/// assert_eq!(options.mss(), Some(1460));
/// assert_eq!(options.iter().nth(2), Some(Ok(TcpOption::WindowScale(7))));
/// assert_eq!(options.to_string(), "mss 1460, nop, wscale 7");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct TcpOptions<'a> {
    bytes: &'a [u8],
    /// Octets in the header, captured or not.
    wire_len: usize,
}

impl<'a> TcpOptions<'a> {
    /// Options that are all there.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, wire_len: bytes.len() }
    }

    /// Options of which only the beginning may have been captured; `wire_len` is how many octets the header
    /// has for them. Below `bytes.len()` it counts as `bytes.len()`.
    #[must_use]
    pub fn captured(bytes: &'a [u8], wire_len: usize) -> Self {
        Self { bytes, wire_len: wire_len.max(bytes.len()) }
    }

    /// The captured octets, padding included.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Octets that the header has for options, captured or not.
    #[must_use]
    pub const fn wire_len(&self) -> usize {
        self.wire_len
    }

    /// Whether there is none, and no padding either.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.wire_len == 0
    }

    /// Whether the capture ends inside the options.
    #[must_use]
    pub const fn is_cut(&self) -> bool {
        self.bytes.len() < self.wire_len
    }

    /// Walks the options in the order they were sent. Ends after [`TcpOption::EndOfList`], or after an error
    /// behind which no option can be found.
    #[must_use]
    pub const fn iter(&self) -> Options<'a> {
        Options { rest: self.bytes, not_captured: self.wire_len - self.bytes.len() }
    }

    /// What was captured after [`TcpOption::EndOfList`], if there is one.
    #[must_use]
    pub fn padding(&self) -> Option<&'a [u8]> {
        let mut options = self.iter();
        loop {
            let at = options.rest;
            if options.next()? == Ok(TcpOption::EndOfList) {
                return at.get(1..);
            }
        }
    }

    /// Whether the padding is zero, as RFC 9293 MUST-69 has it (also if there is none).
    #[must_use]
    pub fn padding_is_zero(&self) -> bool {
        self.padding().unwrap_or_default().iter().all(|&octet| octet == 0)
    }

    /// The first maximum segment size, if there is one of legal length.
    #[must_use]
    pub fn mss(&self) -> Option<u16> {
        self.find(|option| if let TcpOption::Mss(mss) = option { Some(mss) } else { None })
    }

    /// The first window scale, as sent: see [`TcpOption::WindowScale`].
    #[must_use]
    pub fn window_scale(&self) -> Option<u8> {
        self.find(|option| if let TcpOption::WindowScale(shift) = option { Some(shift) } else { None })
    }

    /// The first timestamps: value and echo reply.
    #[must_use]
    pub fn timestamps(&self) -> Option<(u32, u32)> {
        self.find(
            |option| {
                if let TcpOption::Timestamps { val, ecr } = option { Some((val, ecr)) } else { None }
            },
        )
    }

    /// Whether SACK is permitted.
    #[must_use]
    pub fn sack_permitted(&self) -> bool {
        self.find(|option| (option == TcpOption::SackPermitted).then_some(())).is_some()
    }

    /// The blocks of the first SACK option; none if there is no such option.
    #[must_use]
    pub fn sack(&self) -> SackBlocks<'a> {
        self.find(|option| if let TcpOption::Sack(blocks) = option { Some(blocks) } else { None })
            .unwrap_or_default()
    }

    fn find<T>(&self, mut pick: impl FnMut(TcpOption<'a>) -> Option<T>) -> Option<T> {
        self.iter().flatten().find_map(&mut pick)
    }
}

impl<'a> IntoIterator for TcpOptions<'a> {
    type Item = Result<TcpOption<'a>, OptionError>;
    type IntoIter = Options<'a>;

    fn into_iter(self) -> Options<'a> {
        self.iter()
    }
}

/// Walks options: see [`TcpOptions::iter`].
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    rest: &'a [u8],
    not_captured: usize,
}

impl<'a> Iterator for Options<'a> {
    type Item = Result<TcpOption<'a>, OptionError>;

    fn next(&mut self) -> Option<Self::Item> {
        // Taken, not borrowed: every way out that does not put a rest back ends the walk.
        let all = core::mem::take(&mut self.rest);
        let (&kind, after_kind) = all.split_first()?;
        if kind == kind::END_OF_LIST {
            return Some(Ok(TcpOption::EndOfList));
        }
        if kind == kind::NOP {
            self.rest = after_kind;
            return Some(Ok(TcpOption::Nop));
        }
        let Some(&len) = after_kind.first() else {
            let cut = self.not_captured > 0;
            return Some(Err(if cut {
                OptionError::Cut { kind }
            } else {
                OptionError::LengthMissing { kind }
            }));
        };
        if len < 2 {
            return Some(Err(OptionError::LengthTooSmall { kind, len }));
        }
        let left = all.len() + self.not_captured;
        let Some((option, rest)) = all.split_at_checked(usize::from(len)) else {
            let cut = usize::from(len) <= left;
            return Some(Err(if cut {
                OptionError::Cut { kind }
            } else {
                OptionError::BeyondEnd { kind, len, left }
            }));
        };
        self.rest = rest;
        let data = option.get(2..).unwrap_or_default();
        Some(TcpOption::read(kind, data).ok_or(OptionError::WrongLength { kind, len }))
    }
}

impl core::iter::FusedIterator for Options<'_> {}

impl<'a> TcpOption<'a> {
    /// The option of this kind with this data; `None` if the kind cannot have data of that length.
    fn read(kind: u8, data: &'a [u8]) -> Option<Self> {
        Some(match (kind, data) {
            (kind::MSS, &[high, low]) => Self::Mss(be16(high, low)),
            (kind::WINDOW_SCALE, &[shift]) => Self::WindowScale(shift),
            (kind::SACK_PERMITTED, []) => Self::SackPermitted,
            (kind::SACK, data) => Self::Sack(SackBlocks::new(data)?),
            (kind::TIMESTAMPS, &[v0, v1, v2, v3, e0, e1, e2, e3]) => Self::Timestamps {
                val: u32::from_be_bytes([v0, v1, v2, v3]),
                ecr: u32::from_be_bytes([e0, e1, e2, e3]),
            },
            (kind::MD5, data) => Self::Md5(data.try_into().ok()?),
            (kind::USER_TIMEOUT, &[high, low]) => {
                Self::UserTimeout { minutes: high & 0x80 != 0, value: be16(high & 0x7f, low) }
            }
            (kind::TCP_AO, &[key_id, next_key_id, ref mac @ ..]) => Self::TcpAo { key_id, next_key_id, mac },
            (kind::MPTCP, &[_, ..]) => Self::Mptcp(data),
            (kind::FAST_OPEN, data) => Self::FastOpen(cookie(data)?),
            (kind::EXPERIMENT_1 | kind::EXPERIMENT_2, [high, low, cookie @ ..])
                if [*high, *low] == FAST_OPEN_EXPERIMENT =>
            {
                Self::FastOpenExperimental { kind, cookie: self::cookie(cookie)? }
            }
            (
                kind::MSS
                | kind::WINDOW_SCALE
                | kind::SACK_PERMITTED
                | kind::TIMESTAMPS
                | kind::USER_TIMEOUT
                | kind::TCP_AO
                | kind::MPTCP,
                _,
            ) => return None,
            (kind, data) => Self::Unknown { kind, data },
        })
    }

    /// Octets that the option takes in a header.
    #[must_use]
    pub const fn wire_len(&self) -> usize {
        match self {
            Self::EndOfList | Self::Nop => 1,
            Self::SackPermitted => 2,
            Self::WindowScale(_) => 3,
            Self::Mss(_) | Self::UserTimeout { .. } => 4,
            Self::Timestamps { .. } => 10,
            Self::Md5(_) => 18,
            Self::Sack(blocks) => 2 + blocks.bytes.len(),
            Self::TcpAo { mac, .. } => 4 + mac.len(),
            Self::FastOpenExperimental { cookie, .. } => 4 + cookie.len(),
            Self::Mptcp(data) | Self::FastOpen(data) | Self::Unknown { data, .. } => 2 + data.len(),
        }
    }

    /// The option's kind.
    #[must_use]
    pub const fn kind(&self) -> u8 {
        match *self {
            Self::EndOfList => kind::END_OF_LIST,
            Self::Nop => kind::NOP,
            Self::Mss(_) => kind::MSS,
            Self::WindowScale(_) => kind::WINDOW_SCALE,
            Self::SackPermitted => kind::SACK_PERMITTED,
            Self::Sack(_) => kind::SACK,
            Self::Timestamps { .. } => kind::TIMESTAMPS,
            Self::Md5(_) => kind::MD5,
            Self::UserTimeout { .. } => kind::USER_TIMEOUT,
            Self::TcpAo { .. } => kind::TCP_AO,
            Self::Mptcp(_) => kind::MPTCP,
            Self::FastOpen(_) => kind::FAST_OPEN,
            Self::FastOpenExperimental { kind, .. } | Self::Unknown { kind, .. } => kind,
        }
    }

    /// Writes the option to the start of `out`, and says how many octets it took.
    ///
    /// # Errors
    ///
    /// [`EmitError`] when the option has more than 40 octets or more than the buffer, or a user timeout has
    /// more than 15 bits; `out` is then unchanged.
    pub fn emit(&self, out: &mut [u8]) -> Result<usize, EmitError> {
        let len = self.wire_len();
        if len > MAX_OPTIONS_LEN {
            return Err(EmitError::OptionsTooLong { len });
        }
        if let Self::UserTimeout { value: value @ 0x8000.., .. } = *self {
            let value = u32::from(value);
            return Err(EmitError::FieldOutOfRange { field: "user timeout", value, max: 0x7fff });
        }
        let available = out.len();
        let place = out.get_mut(..len).ok_or(EmitError::BufferTooSmall { needed: len, available })?;
        let mut fixed = [0; 8];
        let [f0, f1, f2, f3, f4, f5, f6, f7] = &mut fixed;
        // Fixed fields first, what the option borrows behind them.
        let (fields, data): (usize, &[u8]) = match *self {
            Self::EndOfList | Self::Nop | Self::SackPermitted => (0, &[]),
            Self::Mss(mss) => {
                [*f0, *f1] = mss.to_be_bytes();
                (2, &[])
            }
            Self::WindowScale(shift) => {
                *f0 = shift;
                (1, &[])
            }
            Self::Timestamps { val, ecr } => {
                [*f0, *f1, *f2, *f3] = val.to_be_bytes();
                [*f4, *f5, *f6, *f7] = ecr.to_be_bytes();
                (8, &[])
            }
            Self::UserTimeout { minutes, value } => {
                [*f0, *f1] = (u16::from(minutes) << 15 | value).to_be_bytes();
                (2, &[])
            }
            Self::TcpAo { key_id, next_key_id, mac } => {
                [*f0, *f1] = [key_id, next_key_id];
                (2, mac)
            }
            Self::FastOpenExperimental { cookie, .. } => {
                [*f0, *f1] = FAST_OPEN_EXPERIMENT;
                (2, cookie)
            }
            Self::Sack(SackBlocks { bytes: data })
            | Self::Mptcp(data)
            | Self::FastOpen(data)
            | Self::Unknown { data, .. } => (0, data),
            Self::Md5(digest) => (0, digest),
        };
        // End of list and no-operation have no length: their place is one octet long and takes the kind only.
        let head = [self.kind(), len as u8];
        let fields = fixed.iter().take(fields);
        let octets = head.iter().chain(fields).chain(data);
        place.iter_mut().zip(octets).for_each(|(place, octet)| *place = *octet);
        Ok(len)
    }
}

/// A Fast Open cookie of legal length (RFC 7413 §4.1.1), or an empty one that asks for one.
fn cookie(data: &[u8]) -> Option<&[u8]> {
    let len = data.len();
    (len == 0 || (4..=16).contains(&len) && len.is_multiple_of(2)).then_some(data)
}

/// The blocks of a SACK option (RFC 2018 §3): at least one when read, each from its first octet's sequence
/// number to the one after its last. Nothing is known about their order or sense.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct SackBlocks<'a> {
    /// A multiple of eight octets.
    bytes: &'a [u8],
}

impl<'a> SackBlocks<'a> {
    /// Blocks as they stand on the wire; `None` unless `bytes` is one or more times eight octets long.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Option<Self> {
        if bytes.is_empty() || !bytes.len().is_multiple_of(8) { None } else { Some(Self { bytes }) }
    }

    /// How many blocks there are: 1..=4 in a header.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.bytes.len() / 8
    }

    /// Whether there is no block.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The blocks in the order they were sent: left and right edge.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (SeqNumber, SeqNumber)> + Clone + use<'a> {
        let (blocks, _) = self.bytes.as_chunks::<8>();
        blocks.iter().map(|&[l0, l1, l2, l3, r0, r1, r2, r3]| {
            let left = u32::from_be_bytes([l0, l1, l2, l3]);
            (SeqNumber::new(left), SeqNumber::new(u32::from_be_bytes([r0, r1, r2, r3])))
        })
    }
}

#[cfg(test)]
mod tests;
