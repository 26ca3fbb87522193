//! Cutting a packet that is too large for the path into fragments (RFC 791 §3.2, RFC 8200 §4.5).

use crate::wire::ip::IpError;
use crate::wire::ipv4::{Ipv4Header, Ipv4Option, Ipv4Repr};
use crate::wire::ipv6::{ExtensionHeaders, Ipv6Error, Ipv6Header};
use crate::wire::{EmitError, IpProtocol, require};

/// A packet of ours and the fragments that it goes as.
///
/// ```
/// use tcpstate::wire::fragment::Pieces;
/// use tcpstate::wire::{IpPacket, IpProtocol, Ipv4Repr};
///
/// let (src, dst) = ([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
/// let mut packet = [7; 320];
/// let repr = Ipv4Repr::new(src, dst, IpProtocol::UDP);
/// Ipv4Repr { dont_fragment: false, payload_len: 300, ..repr }.emit(&mut packet)?;
/// let mut pieces = Pieces::of(&packet, 220, 1).unwrap();
/// let mut out = [0; 220];
/// assert_eq!((pieces.emit_next(&mut out)?, pieces.emit_next(&mut out)?), (Some(220), Some(120)));
/// assert_eq!(pieces.emit_next(&mut out)?, None);
/// # Ok::<(), tcpstate::wire::EmitError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Pieces<'a> {
    form: Form<'a>,
    /// What is cut up, and how much of it has been handed out.
    payload: &'a [u8],
    done: usize,
    /// Octets of payload in all fragments but the last: a multiple of eight. In the last one at most this too.
    step: usize,
    id: u32,
    ended: bool,
}

#[derive(Clone, Debug)]
enum Form<'a> {
    /// The packet is small enough.
    Whole,
    V4 {
        header: Ipv4Header<'a>,
        later: CopiedOptions,
    },
    /// The headers that every fragment gets, where in them the fragment header is to be named, and what it names.
    V6 {
        front: &'a [u8],
        named_at: usize,
        next: IpProtocol,
    },
}

/// Why a packet cannot be cut into fragments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SplitError {
    /// The octets are no packet.
    #[error("not a packet: {0}")]
    Malformed(#[from] IpError),
    /// The octets are not as many as the header says.
    #[error("the packet says that it has {claimed} octets; there are {len}")]
    Length {
        /// Octets that the header claims, itself included.
        claimed: usize,
        /// Octets there are.
        len: usize,
    },
    /// The header forbids it (RFC 791 §2.3).
    #[error("the packet may not be fragmented")]
    DontFragment,
    /// It is a fragment, or has a fragment header.
    #[error("the packet is a fragment itself")]
    AlreadyFragment,
    /// Not even eight octets fit beside the headers.
    #[error("an MTU of {mtu} octets has no room for eight octets beside {headers} of headers")]
    Mtu {
        /// Octets that a packet may have.
        mtu: usize,
        /// Octets that the headers of each take.
        headers: usize,
    },
}

impl<'a> Pieces<'a> {
    /// The fragments of `packet`, none longer than `mtu` octets. A packet that is small enough goes as it is: no atomic
    /// fragments are made (RFC 8021).
    ///
    /// `id` must not repeat between the same addresses for as long as a fragment may live, nor be guessed by others (RFC
    /// 6864 §4.3, RFC 7739); in IPv4 its lower 16 bits count.
    ///
    /// # Errors
    ///
    /// [`SplitError`] when it is no whole packet, or cannot be or must not be cut.
    pub fn of(packet: &'a [u8], mtu: usize, id: u32) -> Result<Self, SplitError> {
        let first = packet.first().ok_or(IpError::Empty)?;
        let mtu = mtu.min(usize::from(u16::MAX));
        match first >> 4 {
            4 => Self::of_v4(packet, mtu, id),
            6 => Self::of_v6(packet, mtu, id),
            version => Err(IpError::UnknownVersion { version }.into()),
        }
    }

    fn of_v4(packet: &'a [u8], mtu: usize, id: u32) -> Result<Self, SplitError> {
        let header = Ipv4Header::parse(packet, packet.len()).map_err(IpError::from)?;
        has_length(packet, usize::from(header.total_len))?;
        if packet.len() <= mtu {
            return Ok(Self::whole(packet));
        }
        if header.dont_fragment {
            return Err(SplitError::DontFragment);
        }
        if header.more_fragments || header.fragment_offset > 0 {
            return Err(SplitError::AlreadyFragment);
        }
        let step = step(mtu, header.header_len())?;
        let later = CopiedOptions::of(&header);
        let payload = packet.get(header.header_len()..).unwrap_or_default();
        Ok(Self { form: Form::V4 { header, later }, payload, done: 0, step, id, ended: false })
    }

    fn of_v6(packet: &'a [u8], mtu: usize, id: u32) -> Result<Self, SplitError> {
        let header = Ipv6Header::parse(packet, packet.len()).map_err(IpError::from)?;
        has_length(packet, Ipv6Header::LEN + usize::from(header.payload_len))?;
        if packet.len() <= mtu {
            return Ok(Self::whole(packet));
        }
        let (front_len, named_at, next) = unfragmentable(&header, packet).map_err(IpError::from)?;
        if next == IpProtocol::FRAGMENT {
            return Err(SplitError::AlreadyFragment);
        }
        let step = step(mtu, front_len + FRAGMENT_HEADER)?;
        let (front, payload) = packet.split_at_checked(front_len).unwrap_or((packet, &[]));
        Ok(Self { form: Form::V6 { front, named_at, next }, payload, done: 0, step, id, ended: false })
    }

    const fn whole(packet: &'a [u8]) -> Self {
        Self { form: Form::Whole, payload: packet, done: 0, step: packet.len(), id: 0, ended: false }
    }

    /// How many octets of the part that is cut up have been handed out. With
    /// [`resume_at`](Self::resume_at) the work can be interrupted by who cannot keep the packet borrowed.
    #[must_use]
    pub const fn position(&self) -> usize {
        self.done
    }

    /// The fragments of the same packet, cut in the same way, from a [`position`](Self::position) on.
    #[must_use]
    pub const fn resume_at(mut self, position: usize) -> Self {
        self.done = position;
        self
    }

    /// Whether all has been handed out.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        self.ended
    }

    /// How many packets there are in all.
    #[must_use]
    pub fn count(&self) -> usize {
        self.payload.len().div_ceil(self.step.max(1)).max(1)
    }

    /// Writes the next fragment to the start of `out`, and says how many octets it has; `None` after the last.
    ///
    /// # Errors
    ///
    /// [`EmitError`] when the buffer is too small; the same fragment is then next.
    pub fn emit_next(&mut self, out: &mut [u8]) -> Result<Option<usize>, EmitError> {
        if self.ended {
            return Ok(None);
        }
        let end = self.payload.len().min(self.done.saturating_add(self.step));
        let piece = self.payload.get(self.done..end).unwrap_or_default();
        let more = end < self.payload.len();
        let headers = match &self.form {
            Form::Whole => 0,
            Form::V4 { header, .. } => header.header_len(),
            Form::V6 { front, .. } => front.len() + FRAGMENT_HEADER,
        };
        require(out, headers + piece.len())?;
        let headers = match &self.form {
            Form::Whole => 0,
            Form::V4 { header, later } => {
                let options = if self.done == 0 { header.options() } else { later.as_slice() };
                self.emit_v4(out, header, options, piece.len(), more)?
            }
            Form::V6 { front, named_at, next } => {
                self.emit_v6(out, front, *named_at, *next, piece.len(), more)
            }
        };
        let len = headers + piece.len();
        if let Some(room) = out.get_mut(headers..len) {
            room.copy_from_slice(piece);
        }
        (self.done, self.ended) = (end, !more);
        Ok(Some(len))
    }

    fn emit_v4(
        &self,
        out: &mut [u8],
        header: &Ipv4Header<'_>,
        options: &[u8],
        len: usize,
        more: bool,
    ) -> Result<usize, EmitError> {
        let repr = Ipv4Repr {
            dscp: header.dscp,
            ecn: header.ecn,
            id: self.id as u16,
            dont_fragment: false,
            more_fragments: more,
            fragment_offset: self.done as u16,
            ttl: header.ttl,
            protocol: header.protocol,
            src: header.src,
            dst: header.dst,
            payload_len: len,
            options,
        };
        repr.emit(out)
    }

    fn emit_v6(
        &self,
        out: &mut [u8],
        front: &[u8],
        named_at: usize,
        next: IpProtocol,
        len: usize,
        more: bool,
    ) -> usize {
        let headers = front.len() + FRAGMENT_HEADER;
        let payload_len = ((headers - Ipv6Header::LEN + len) as u16).to_be_bytes();
        let [offset0, offset1] = (self.done as u16 | u16::from(more)).to_be_bytes();
        let [id0, id1, id2, id3] = self.id.to_be_bytes();
        let fragment = [next.0, 0, offset0, offset1, id0, id1, id2, id3];
        let octets = front.iter().chain(&fragment);
        out.iter_mut().zip(octets).for_each(|(place, octet)| *place = *octet);
        if let Some(place) = out.get_mut(4..6) {
            place.copy_from_slice(&payload_len);
        }
        if let Some(place) = out.get_mut(named_at) {
            *place = IpProtocol::FRAGMENT.0;
        }
        headers
    }
}

const FRAGMENT_HEADER: usize = 8;

const fn has_length(packet: &[u8], claimed: usize) -> Result<(), SplitError> {
    if packet.len() == claimed { Ok(()) } else { Err(SplitError::Length { claimed, len: packet.len() }) }
}

/// Octets of payload in a fragment: a multiple of eight.
const fn step(mtu: usize, headers: usize) -> Result<usize, SplitError> {
    match mtu.saturating_sub(headers) / 8 * 8 {
        0 => Err(SplitError::Mtu { mtu, headers }),
        step => Ok(step),
    }
}

/// How long the headers are that every fragment gets, where the last of them names the next, and what it names: those as
/// far as a routing header, else hop-by-hop options, else the IPv6 header alone (RFC 8200 §4.5). A fragment header ends
/// the search.
fn unfragmentable(header: &Ipv6Header, packet: &[u8]) -> Result<(usize, usize, IpProtocol), Ipv6Error> {
    let rest = packet.get(Ipv6Header::LEN..).unwrap_or_default();
    let mut chain = ExtensionHeaders::new(header.next_header, rest, rest.len());
    let (mut at, mut found) = (Ipv6Header::LEN, (Ipv6Header::LEN, 6, header.next_header));
    while chain.protocol() != IpProtocol::FRAGMENT {
        let Some(extension) = chain.next().transpose()? else {
            return Ok(found);
        };
        let end = at + extension.bytes.len();
        if matches!(extension.kind, IpProtocol::HOP_BY_HOP | IpProtocol::ROUTING) {
            found = (end, at, chain.protocol());
        }
        at = end;
    }
    Ok((at, 0, IpProtocol::FRAGMENT))
}

/// The options of IPv4 that go into every fragment (RFC 791 §3.1: the copied flag).
#[derive(Clone, Debug)]
struct CopiedOptions {
    octets: [u8; 40],
    len: usize,
}

impl CopiedOptions {
    fn of(header: &Ipv4Header<'_>) -> Self {
        const COPIED: u8 = 0x80;
        let mut copied = Self { octets: [0; 40], len: 0 };
        for option in header.options_iter().flatten() {
            if let Ipv4Option::Other { kind, data } = option
                && kind & COPIED != 0
            {
                // A length of at most 40, for the header has no room for more.
                let octets = [kind, data.len() as u8 + 2].into_iter().chain(data.iter().copied());
                let room = copied.octets.iter_mut().skip(copied.len);
                room.zip(octets).for_each(|(place, octet)| *place = octet);
                copied.len += data.len() + 2;
            }
        }
        copied
    }

    fn as_slice(&self) -> &[u8] {
        self.octets.get(..self.len).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
