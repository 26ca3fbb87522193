//! The IPv4 header and its options (RFC 791 §3.1).

use core::net::Ipv4Addr;

use super::checksum::Checksum;
use super::{EmitError, IpProtocol, be16, require};

/// An IPv4 header, parsed.
///
/// ```
/// use tcpstate::wire::{IpProtocol, Ipv4Header, Ipv4Repr};
///
/// let repr = Ipv4Repr::new([10, 0, 0, 1].into(), [10, 0, 0, 2].into(), IpProtocol::TCP);
/// let mut packet = [0; 20];
/// repr.emit(&mut packet)?;
/// let header = Ipv4Header::parse(&packet, packet.len()).unwrap();
/// assert!(header.checksum_ok());
/// assert_eq!(header.protocol, IpProtocol::TCP);
/// # Ok::<(), tcpstate::wire::EmitError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ipv4Header<'a> {
    /// Differentiated services code point, 0..=63 (RFC 2474).
    pub dscp: u8,
    /// Explicit congestion notification, 0..=3 (RFC 3168).
    pub ecn: u8,
    /// Header and payload, in octets, as the header says. Zero in packets left to the network card to cut up.
    pub total_len: u16,
    /// Identification.
    pub id: u16,
    /// Don't fragment.
    pub dont_fragment: bool,
    /// More fragments follow.
    pub more_fragments: bool,
    /// Where this fragment begins, in octets: a multiple of 8.
    pub fragment_offset: u16,
    /// Time to live, in hops.
    pub ttl: u8,
    /// The upper layer.
    pub protocol: IpProtocol,
    /// The header checksum, as received.
    pub checksum: u16,
    /// Source address.
    pub src: Ipv4Addr,
    /// Destination address.
    pub dst: Ipv4Addr,
    /// The header's octets, options included: 20..=60.
    raw: &'a [u8],
}

/// Why octets are not an IPv4 header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Ipv4Error {
    /// The version field is not 4.
    #[error("the version is {version}, not 4")]
    NotVersion4 {
        /// The first four bits.
        version: u8,
    },
    /// The capture ends inside the header (a snap length).
    #[error("the capture ends inside the IPv4 header: {captured} octets of {needed}")]
    HeaderCut {
        /// Octets that the header has.
        needed: usize,
        /// Octets that were captured.
        captured: usize,
    },
    /// The link carried less than a header.
    #[error("the packet is {wire_len} octets long on the wire; its IPv4 header takes {needed}")]
    TooShort {
        /// Octets that the header has.
        needed: usize,
        /// Octets that the link carried.
        wire_len: usize,
    },
    /// The header length field is below five words.
    #[error("a header length of {words} words is less than the five of the fixed header")]
    HeaderLengthTooSmall {
        /// The field, in words of four octets.
        words: u8,
    },
    /// The header is longer than the whole packet claims to be.
    #[error("the header takes {header_len} octets and the packet only {total_len}")]
    HeaderBeyondPacket {
        /// Octets of the header.
        header_len: usize,
        /// The total length field, in octets.
        total_len: u16,
    },
}

impl<'a> Ipv4Header<'a> {
    /// Octets of a header without options.
    pub const MIN_LEN: usize = 20;
    /// Octets of the longest header.
    pub const MAX_LEN: usize = 60;

    /// Reads the header at the start of `bytes`. A wrong checksum is not an error: see
    /// [`checksum_ok`](Self::checksum_ok).
    ///
    /// `wire_len` is how many octets the link carried, captured or not; below `bytes.len()` it counts as
    /// `bytes.len()`. It decides between [`Ipv4Error::HeaderCut`] and [`Ipv4Error::TooShort`].
    ///
    /// # Errors
    ///
    /// [`Ipv4Error`] says which length or version is impossible, and its value.
    pub fn parse(bytes: &'a [u8], wire_len: usize) -> Result<Self, Ipv4Error> {
        let short = |needed| match wire_len.max(bytes.len()) {
            wire_len if wire_len < needed => Ipv4Error::TooShort { needed, wire_len },
            _ => Ipv4Error::HeaderCut { needed, captured: bytes.len() },
        };
        let fixed = bytes.first_chunk::<20>().ok_or_else(|| short(Self::MIN_LEN))?;
        let &[first, tos, len0, len1, id0, id1, frag0, frag1, ttl, protocol, sum0, sum1, addrs @ ..] = fixed;
        let [s0, s1, s2, s3, d0, d1, d2, d3] = addrs;
        if first >> 4 != 4 {
            return Err(Ipv4Error::NotVersion4 { version: first >> 4 });
        }
        let words = first & 0x0f;
        let header_len = usize::from(words) * 4;
        if header_len < Self::MIN_LEN {
            return Err(Ipv4Error::HeaderLengthTooSmall { words });
        }
        let total_len = be16(len0, len1);
        if total_len != 0 && usize::from(total_len) < header_len {
            return Err(Ipv4Error::HeaderBeyondPacket { header_len, total_len });
        }
        let raw = bytes.get(..header_len).ok_or_else(|| short(header_len))?;
        let fragment = be16(frag0, frag1);
        Ok(Self {
            dscp: tos >> 2,
            ecn: tos & 3,
            total_len,
            id: be16(id0, id1),
            dont_fragment: fragment & 0x4000 != 0,
            more_fragments: fragment & 0x2000 != 0,
            fragment_offset: (fragment & 0x1fff) << 3,
            ttl,
            protocol: IpProtocol(protocol),
            checksum: be16(sum0, sum1),
            src: Ipv4Addr::new(s0, s1, s2, s3),
            dst: Ipv4Addr::new(d0, d1, d2, d3),
            raw,
        })
    }

    /// Octets of the header, options included: 20..=60.
    #[must_use]
    pub const fn header_len(&self) -> usize {
        self.raw.len()
    }

    /// DSCP and ECN as the one octet they are on the wire.
    #[must_use]
    pub const fn traffic_class(&self) -> u8 {
        self.dscp << 2 | self.ecn
    }

    /// The options with their padding: 0..=40 octets.
    #[must_use]
    pub fn options(&self) -> &'a [u8] {
        self.raw.get(Self::MIN_LEN..).unwrap_or_default()
    }

    /// Walks the options.
    #[must_use]
    pub fn options_iter(&self) -> Ipv4Options<'a> {
        Ipv4Options { rest: self.options() }
    }

    /// Whether the header checksum is right (RFC 1122 §3.2.1.2 has a host drop the packet if not).
    #[must_use]
    pub fn checksum_ok(&self) -> bool {
        let (words, _) = self.raw.as_chunks::<4>();
        let sum = Checksum::of_words(words.iter().map(|word| u64::from(u32::from_be_bytes(*word))).sum());
        sum.sum() == 0xffff
    }
}

/// One IPv4 option (RFC 791 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ipv4Option<'a> {
    /// Kind 0: the rest is padding.
    EndOfList,
    /// Kind 1: nothing.
    Nop,
    /// Any other kind, as it stands: record route, time stamp, router alert, source routes ..
    Other {
        /// The option's type: copied flag, class and number.
        kind: u8,
        /// What follows the length.
        data: &'a [u8],
    },
}

/// An IPv4 option whose length cannot be right. The walk ends there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("IPv4 option {kind} has length {len:?} with {left} octets left")]
pub struct Ipv4OptionError {
    /// The option's type.
    pub kind: u8,
    /// Its length field, in octets, if there is one.
    pub len: Option<u8>,
    /// Octets left in the header, from the option's type on.
    pub left: usize,
}

/// Walks IPv4 options; ends after [`Ipv4Option::EndOfList`] or the first error.
#[derive(Clone, Copy, Debug)]
pub struct Ipv4Options<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Ipv4Options<'a> {
    type Item = Result<Ipv4Option<'a>, Ipv4OptionError>;

    fn next(&mut self) -> Option<Self::Item> {
        let all = core::mem::take(&mut self.rest);
        let (&kind, after_kind) = all.split_first()?;
        Some(match kind {
            0 => Ok(Ipv4Option::EndOfList),
            1 => {
                self.rest = after_kind;
                Ok(Ipv4Option::Nop)
            }
            kind => {
                let len = after_kind.first().copied();
                let split = len.and_then(|len| all.split_at_checked(usize::from(len)));
                match split.and_then(|(option, rest)| Some((option.get(2..)?, rest))) {
                    Some((data, rest)) => {
                        self.rest = rest;
                        Ok(Ipv4Option::Other { kind, data })
                    }
                    None => Err(Ipv4OptionError { kind, len, left: all.len() }),
                }
            }
        })
    }
}

/// What to write into an IPv4 header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ipv4Repr<'a> {
    /// Differentiated services code point, 0..=63.
    pub dscp: u8,
    /// Explicit congestion notification, 0..=3.
    pub ecn: u8,
    /// Identification.
    pub id: u16,
    /// Don't fragment.
    pub dont_fragment: bool,
    /// More fragments follow.
    pub more_fragments: bool,
    /// Where this fragment begins, in octets: a multiple of 8.
    pub fragment_offset: u16,
    /// Time to live, in hops.
    pub ttl: u8,
    /// The upper layer.
    pub protocol: IpProtocol,
    /// Source address.
    pub src: Ipv4Addr,
    /// Destination address.
    pub dst: Ipv4Addr,
    /// Octets that follow the header; with it at most 65,535.
    pub payload_len: usize,
    /// Options, at most 40 octets; padded with zeros to a multiple of four.
    pub options: &'a [u8],
}

impl Ipv4Repr<'_> {
    /// An unfragmented packet without options or payload: don't fragment, time to live 64 (RFC 1122
    /// §3.2.1.7).
    #[must_use]
    pub const fn new(src: Ipv4Addr, dst: Ipv4Addr, protocol: IpProtocol) -> Self {
        Self {
            dscp: 0,
            ecn: 0,
            id: 0,
            dont_fragment: true,
            more_fragments: false,
            fragment_offset: 0,
            ttl: 64,
            protocol,
            src,
            dst,
            payload_len: 0,
            options: &[],
        }
    }

    /// Octets of the header: 20 and the padded options.
    #[must_use]
    pub const fn header_len(&self) -> usize {
        Ipv4Header::MIN_LEN + self.options.len().next_multiple_of(4)
    }

    /// The total length, once every field is known to fit.
    fn checked_total_len(&self) -> Result<u16, EmitError> {
        let header_len = self.header_len();
        if header_len > Ipv4Header::MAX_LEN {
            return Err(EmitError::OptionsTooLong { len: self.options.len() });
        }
        let total = header_len.saturating_add(self.payload_len);
        let total_len = u16::try_from(total)
            .map_err(|_| EmitError::LengthOutOfRange { len: total, max: usize::from(u16::MAX) })?;
        let ranges = [("dscp", self.dscp, 63), ("ecn", self.ecn, 3)];
        if let Some((field, value, max)) = ranges.into_iter().find(|&(_, value, max)| value > max) {
            return Err(EmitError::FieldOutOfRange { field, value: u32::from(value), max: u32::from(max) });
        }
        if !self.fragment_offset.is_multiple_of(8) {
            let value = u32::from(self.fragment_offset);
            return Err(EmitError::FieldOutOfRange { field: "fragment offset", value, max: 65_528 });
        }
        Ok(total_len)
    }

    /// Writes the header, checksum included, to the start of `out`, and says how many octets it took.
    ///
    /// # Errors
    ///
    /// [`EmitError`] when the buffer is too small or a field is out of range; `out` is then unchanged.
    pub fn emit(&self, out: &mut [u8]) -> Result<usize, EmitError> {
        let total_len = self.checked_total_len()?;
        let header_len = self.header_len();
        require(out, header_len)?;
        let fragment = u32::from(self.dont_fragment) << 14
            | u32::from(self.more_fragments) << 13
            | u32::from(self.fragment_offset >> 3);
        let class = u32::from(self.dscp << 2 | self.ecn);
        let without_sum = [
            (0x40 | (header_len as u32 / 4)) << 24 | class << 16 | u32::from(total_len),
            u32::from(self.id) << 16 | fragment,
            u32::from(self.ttl) << 24 | u32::from(self.protocol.0) << 16,
            self.src.to_bits(),
            self.dst.to_bits(),
        ];
        let mut sum = Checksum::of_words(without_sum.into_iter().map(u64::from).sum());
        sum.add_bytes(self.options);
        let [first, second, third, src, dst] = without_sum;
        let third = third | u32::from(sum.finish());
        let Some((fixed, rest)) = out.split_first_chunk_mut::<20>() else {
            return Ok(0);
        };
        let (places, _) = fixed.as_chunks_mut::<4>();
        for (place, word) in places.iter_mut().zip([first, second, third, src, dst]) {
            *place = word.to_be_bytes();
        }
        let octets = self.options.iter().copied().chain(core::iter::repeat(0));
        let padded = rest.iter_mut().take(header_len - Ipv4Header::MIN_LEN);
        padded.zip(octets).for_each(|(place, octet)| *place = octet);
        Ok(header_len)
    }
}

#[cfg(test)]
mod tests;
