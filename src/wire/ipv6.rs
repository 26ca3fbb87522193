//! The IPv6 header and the chain of extension headers (RFC 8200 §3, §4).

use core::net::Ipv6Addr;

use super::{EmitError, FragmentInfo, IpProtocol, be16};

mod examine;

pub use examine::{Duty, Examined, Problem};

/// An IPv6 header. It has a fixed form: parsed and written by the same type.
///
/// ```
/// use tcpstate::wire::{IpProtocol, Ipv6Header};
///
/// let header = Ipv6Header::new([0xfe; 16].into(), [0xff; 16].into(), IpProtocol::TCP);
/// let mut packet = [0; 40];
/// assert_eq!(header.emit(&mut packet), Ok(40));
/// assert_eq!(Ipv6Header::parse(&packet, packet.len()), Ok(header));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Ipv6Header {
    /// DSCP in the upper six bits, ECN in the lower two.
    pub traffic_class: u8,
    /// Flow label, 20 bits (RFC 6437).
    pub flow_label: u32,
    /// Octets after this header, extension headers included, as the header says. Zero with a jumbo payload
    /// option, and in packets left to the network card to cut up.
    pub payload_len: u16,
    /// What follows this header: an extension header or the upper layer.
    pub next_header: IpProtocol,
    /// Hop limit.
    pub hop_limit: u8,
    /// Source address.
    pub src: Ipv6Addr,
    /// Destination address.
    pub dst: Ipv6Addr,
}

/// Why octets are not an IPv6 header with a chain of extension headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Ipv6Error {
    /// The version field is not 6.
    #[error("the version is {version}, not 6")]
    NotVersion6 {
        /// The first four bits.
        version: u8,
    },
    /// The capture ends inside the fixed header (a snap length).
    #[error("the capture ends inside the IPv6 header: {captured} octets of 40")]
    HeaderCut {
        /// Octets that were captured.
        captured: usize,
    },
    /// The link carried less than a header.
    #[error("the packet is {wire_len} octets long on the wire; its IPv6 header takes 40")]
    TooShort {
        /// Octets that the link carried.
        wire_len: usize,
    },
    /// The capture ends inside an extension header (a snap length).
    #[error("the capture ends inside an extension header ({kind}): {captured} octets of {needed}")]
    ExtensionCut {
        /// The extension header's number.
        kind: IpProtocol,
        /// Octets that it has, as far as known: at least 8, or 2 if its length was not captured.
        needed: usize,
        /// Octets of it that were captured.
        captured: usize,
    },
    /// An extension header is longer than what is left of the packet.
    #[error("an extension header ({kind}) takes {needed} octets and the packet has only {left} left")]
    ExtensionBeyondPacket {
        /// The extension header's number.
        kind: IpProtocol,
        /// Octets that it has, as far as known.
        needed: usize,
        /// Octets left in the packet from its start on.
        left: usize,
    },
    /// An authentication header without room for its own fixed fields (RFC 4302 §2).
    #[error("an authentication header of {len} octets is less than its 12 of fixed fields")]
    AuthenticationTooShort {
        /// Octets that it claims to have: 8.
        len: usize,
    },
    /// There are more extension headers than anybody has a use for.
    #[error("more than {} extension headers follow one another", ExtensionHeaders::MAX_HEADERS)]
    TooManyExtensions,
    /// A jumbo payload option contradicts the rest of the packet (RFC 2675 §3): its length is below 65,536.
    #[error("a jumbo payload option claims {len} octets, which is less than 65536")]
    IllegalJumbo {
        /// The option's length, in octets.
        len: u32,
    },
}

impl Ipv6Header {
    /// Octets of the header.
    pub const LEN: usize = 40;

    /// A header for an empty packet: traffic class and flow label 0, hop limit 64.
    #[must_use]
    pub const fn new(src: Ipv6Addr, dst: Ipv6Addr, next_header: IpProtocol) -> Self {
        Self { traffic_class: 0, flow_label: 0, payload_len: 0, next_header, hop_limit: 64, src, dst }
    }

    /// Reads the header at the start of `bytes`.
    ///
    /// `wire_len` is how many octets the link carried, captured or not; below `bytes.len()` it counts as
    /// `bytes.len()`. It decides between [`Ipv6Error::HeaderCut`] and [`Ipv6Error::TooShort`].
    ///
    /// # Errors
    ///
    /// Those two, and [`Ipv6Error::NotVersion6`].
    pub fn parse(bytes: &[u8], wire_len: usize) -> Result<Self, Ipv6Error> {
        let Some((fixed, rest)) = bytes.split_first_chunk::<8>() else {
            return Err(Self::short(bytes, wire_len));
        };
        let Some((src, rest)) = rest.split_first_chunk::<16>() else {
            return Err(Self::short(bytes, wire_len));
        };
        let Some(dst) = rest.first_chunk::<16>() else {
            return Err(Self::short(bytes, wire_len));
        };
        let &[v0, v1, v2, v3, len0, len1, next_header, hop_limit] = fixed;
        let word = u32::from_be_bytes([v0, v1, v2, v3]);
        if v0 >> 4 != 6 {
            return Err(Ipv6Error::NotVersion6 { version: v0 >> 4 });
        }
        Ok(Self {
            traffic_class: (word >> 20 & 0xff) as u8,
            flow_label: word & 0xf_ffff,
            payload_len: be16(len0, len1),
            next_header: IpProtocol(next_header),
            hop_limit,
            src: Ipv6Addr::from(*src),
            dst: Ipv6Addr::from(*dst),
        })
    }

    fn short(bytes: &[u8], wire_len: usize) -> Ipv6Error {
        match wire_len.max(bytes.len()) {
            wire_len if wire_len < Self::LEN => Ipv6Error::TooShort { wire_len },
            _ => Ipv6Error::HeaderCut { captured: bytes.len() },
        }
    }

    /// Writes the header to the start of `out`, and says how many octets it took: 40.
    ///
    /// # Errors
    ///
    /// [`EmitError`] when the buffer is too small or the flow label has more than 20 bits; `out` is then
    /// unchanged.
    pub fn emit(&self, out: &mut [u8]) -> Result<usize, EmitError> {
        if self.flow_label > 0xf_ffff {
            let value = self.flow_label;
            return Err(EmitError::FieldOutOfRange { field: "flow label", value, max: 0xf_ffff });
        }
        let available = out.len();
        let Some(header) = out.first_chunk_mut::<{ Self::LEN }>() else {
            return Err(EmitError::BufferTooSmall { needed: Self::LEN, available });
        };
        let first = 6 << 28 | u32::from(self.traffic_class) << 20 | self.flow_label;
        let second = u32::from(self.payload_len) << 16
            | u32::from(self.next_header.0) << 8
            | u32::from(self.hop_limit);
        let fixed = u64::from(first) << 32 | u64::from(second);
        if let Some((place, addresses)) = header.split_first_chunk_mut::<8>() {
            *place = fixed.to_be_bytes();
            let (places, _) = addresses.as_chunks_mut::<16>();
            places.iter_mut().zip([self.src, self.dst]).for_each(|(place, addr)| *place = addr.octets());
        }
        Ok(Self::LEN)
    }

    /// The length in the jumbo payload option (RFC 2675), if the packet has one; `payload` is what was
    /// captured after this header.
    ///
    /// # Errors
    ///
    /// [`Ipv6Error::IllegalJumbo`] for a length that needs no such option.
    pub fn jumbo_len(&self, payload: &[u8]) -> Result<Option<u32>, Ipv6Error> {
        if self.next_header != IpProtocol::HOP_BY_HOP {
            return Ok(None);
        }
        let Some(&[_, words]) = payload.first_chunk::<2>() else {
            return Ok(None);
        };
        let header = super::at_most(payload, (usize::from(words) + 1) * 8);
        match jumbo_option(header.get(2..).unwrap_or_default()) {
            Some(len) if len <= u32::from(u16::MAX) => Err(Ipv6Error::IllegalJumbo { len }),
            found => Ok(found),
        }
    }
}

/// Looks for the jumbo payload option among hop-by-hop options (RFC 8200 §4.2, RFC 2675 §2).
fn jumbo_option(mut options: &[u8]) -> Option<u32> {
    const PAD1: u8 = 0;
    const JUMBO: u8 = 0xc2;
    loop {
        let (&kind, rest) = options.split_first()?;
        if kind == PAD1 {
            options = rest;
            continue;
        }
        let (&len, rest) = rest.split_first()?;
        let (data, rest) = rest.split_at_checked(usize::from(len))?;
        if kind == JUMBO {
            return Some(u32::from_be_bytes(data.try_into().ok()?));
        }
        options = rest;
    }
}

/// One extension header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExtensionHeader<'a> {
    /// Its number: the next-header value of the header before it.
    pub kind: IpProtocol,
    /// All of its octets, from its own next-header field on: at least 8, a multiple of 4 (RFC 4302 for the
    /// authentication header) or of 8 (all others).
    pub bytes: &'a [u8],
}

/// Walks the chain of extension headers (RFC 8200 §4), at most [`MAX_HEADERS`](Self::MAX_HEADERS) of them.
///
/// Hop-by-hop options, routing, fragment, destination options, authentication, mobility, HIP and shim6
/// headers are walked over. The walk ends before anything else: the upper layer, an encrypted payload, "no
/// next header", a number that is not known, and hop-by-hop options that are not first (RFC 8200 §4 has them
/// treated as not known). It also ends after the fragment header of a packet that is a piece of a datagram:
/// what follows belongs to the reassembled whole. An atomic fragment is no such piece (RFC 6946).
///
/// ```
/// use tcpstate::wire::{ExtensionHeaders, IpProtocol};
///
/// let bytes = [6, 0, 1, 4, 0, 0, 0, 0, 0xaa, 0xbb]; // destination options (PadN), then TCP
/// let mut chain = ExtensionHeaders::new(IpProtocol::DESTINATION_OPTIONS, &bytes, bytes.len());
/// assert_eq!(chain.next().unwrap()?.bytes.len(), 8);
/// assert!(chain.next().is_none());
/// assert_eq!(chain.protocol(), IpProtocol::TCP);
/// assert_eq!(chain.rest(), [0xaa, 0xbb]);
/// # Ok::<(), tcpstate::wire::ipv6::Ipv6Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ExtensionHeaders<'a> {
    /// What `rest` begins with.
    protocol: IpProtocol,
    rest: &'a [u8],
    /// Octets left on the wire; at least `rest.len()`.
    rest_len: usize,
    walked: usize,
    fragment: Option<FragmentInfo>,
    /// Nothing more to walk: the end was reached or an error reported.
    ended: bool,
}

impl<'a> ExtensionHeaders<'a> {
    /// The walk gives up after this many headers. RFC 8200 §4.1 sees a use for seven.
    pub const MAX_HEADERS: usize = 16;

    /// A walk that begins with a header of kind `next_header` at the start of `bytes`.
    ///
    /// `wire_len` is how many octets the packet has from there on, captured or not; below `bytes.len()` it counts
    /// as `bytes.len()`.
    #[must_use]
    pub fn new(next_header: IpProtocol, bytes: &'a [u8], wire_len: usize) -> Self {
        Self {
            protocol: next_header,
            rest: bytes,
            rest_len: wire_len.max(bytes.len()),
            walked: 0,
            fragment: None,
            ended: false,
        }
    }

    /// A walk over what a reassembled packet has after its fragment header: no place for hop-by-hop options.
    pub(super) fn after_fragment(next_header: IpProtocol, bytes: &'a [u8]) -> Self {
        Self { walked: 1, ..Self::new(next_header, bytes, bytes.len()) }
    }

    /// Walks to the end.
    ///
    /// # Errors
    ///
    /// The error that ended the walk early.
    pub fn walk(&mut self) -> Result<(), Ipv6Error> {
        self.try_for_each(|header| header.map(drop))
    }

    /// What the octets not yet walked over begin with; after the walk the upper layer.
    #[must_use]
    pub const fn protocol(&self) -> IpProtocol {
        self.protocol
    }

    /// The captured octets not yet walked over.
    #[must_use]
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Octets not yet walked over, on the wire.
    #[must_use]
    pub const fn rest_len(&self) -> usize {
        self.rest_len
    }

    /// Set once the walk has passed the fragment header of a packet that is a piece of a datagram.
    #[must_use]
    pub const fn fragment(&self) -> Option<FragmentInfo> {
        self.fragment
    }

    /// The header at the start of `rest`, if it is one to walk over.
    fn step(&mut self) -> Result<Option<ExtensionHeader<'a>>, Ipv6Error> {
        let kind = self.protocol;
        let first = self.walked == 0;
        let is_extension = match kind {
            IpProtocol::HOP_BY_HOP => first,
            IpProtocol::ROUTING
            | IpProtocol::FRAGMENT
            | IpProtocol::DESTINATION_OPTIONS
            | IpProtocol::AH
            | IpProtocol::MOBILITY
            | IpProtocol::HIP
            | IpProtocol::SHIM6 => self.fragment.is_none(),
            _ => false,
        };
        if !is_extension {
            return Ok(None);
        }
        if self.walked == Self::MAX_HEADERS {
            return Err(Ipv6Error::TooManyExtensions);
        }
        let short = |needed| {
            if self.rest_len < needed {
                Ipv6Error::ExtensionBeyondPacket { kind, needed, left: self.rest_len }
            } else {
                Ipv6Error::ExtensionCut { kind, needed, captured: self.rest.len() }
            }
        };
        let &[next, words] = self.rest.first_chunk::<2>().ok_or_else(|| short(2))?;
        let len = match kind {
            IpProtocol::FRAGMENT => 8,
            IpProtocol::AH if words == 0 => return Err(Ipv6Error::AuthenticationTooShort { len: 8 }),
            // RFC 4302 §2.2: in words of four octets, minus two.
            IpProtocol::AH => (usize::from(words) + 2) * 4,
            _ => (usize::from(words) + 1) * 8,
        };
        let (bytes, rest) = self.rest.split_at_checked(len).ok_or_else(|| short(len))?;
        if kind == IpProtocol::FRAGMENT {
            self.fragment = fragment_info(bytes);
        }
        (self.protocol, self.rest) = (IpProtocol(next), rest);
        self.rest_len = self.rest_len.saturating_sub(len);
        self.walked += 1;
        Ok(Some(ExtensionHeader { kind, bytes }))
    }
}

impl<'a> Iterator for ExtensionHeaders<'a> {
    type Item = Result<ExtensionHeader<'a>, Ipv6Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let step = self.step();
        self.ended = !matches!(step, Ok(Some(_)));
        step.transpose()
    }
}

/// Reads a fragment header (RFC 8200 §4.5). `None` for an atomic fragment, which is a whole packet.
fn fragment_info(header: &[u8]) -> Option<FragmentInfo> {
    let &[_, _, offset0, offset1, id0, id1, id2, id3] = header.first_chunk::<8>()?;
    let field = be16(offset0, offset1);
    let (offset, more) = (u32::from(field & 0xfff8), field & 1 != 0);
    (offset > 0 || more).then_some(FragmentInfo {
        id: u32::from_be_bytes([id0, id1, id2, id3]),
        offset,
        more,
    })
}

#[cfg(test)]
mod tests;
