//! The TCP header (RFC 9293 §3.1) and its checksum.

use core::net::IpAddr;

use super::checksum::{self, ChecksumStatus};
use super::{EmitError, IpProtocol, TcpOptions, be16, require};
use crate::SeqNumber;
pub use crate::flags::TcpFlags;

/// A TCP segment, parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpSegment<'a> {
    /// Source port.
    pub src_port: u16,
    /// Destination port.
    pub dst_port: u16,
    /// Sequence number of the first octet of payload, or of the SYN.
    pub seq: SeqNumber,
    /// The next sequence number that the sender expects; significant with [`TcpFlags::ACK`].
    pub ack: SeqNumber,
    /// Control bits.
    pub flags: TcpFlags,
    /// The three bits between data offset and control bits: 0..=7. Receivers ignore them (RFC 9293 §3.1).
    pub reserved: u8,
    /// Receive window as the header has it, unscaled.
    pub window: u16,
    /// The checksum, as received.
    pub checksum: u16,
    /// Urgent pointer; significant with [`TcpFlags::URG`].
    pub urgent: u16,
    /// Options, as far as they were captured.
    pub options: TcpOptions<'a>,
    /// The octets of payload that were captured. At most `payload_len`.
    pub payload: &'a [u8],
    /// Octets of payload on the wire, captured or not.
    pub payload_len: usize,
    /// Octets of the header, options included: 20..=60.
    pub header_len: usize,
    /// All captured octets of the segment.
    raw: &'a [u8],
}

/// Why octets are not a TCP segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TcpError {
    /// The capture ends inside the fixed header (a snap length): the segment itself may be well.
    #[error("the capture ends inside the TCP header: {available} octets of {needed}")]
    HeaderCut {
        /// Octets of the fixed header: 20.
        needed: usize,
        /// Octets that were captured.
        available: usize,
    },
    /// The segment is shorter than a header on the wire.
    #[error("the segment is {wire_len} octets long; a TCP header takes {needed}")]
    TooShort {
        /// Octets of the fixed header: 20.
        needed: usize,
        /// Octets of the segment.
        wire_len: usize,
    },
    /// The data offset is below five words.
    #[error("a data offset of {words} words is less than the five of the fixed header")]
    DataOffsetTooSmall {
        /// The field, in words of four octets.
        words: u8,
    },
    /// The data offset lies behind the end of the segment.
    #[error("the data offset says {header_len} octets and the segment has only {wire_len}")]
    DataOffsetBeyondSegment {
        /// Octets of the header by its data offset.
        header_len: usize,
        /// Octets of the segment.
        wire_len: usize,
    },
}

impl<'a> TcpSegment<'a> {
    /// Octets of a header without options.
    pub const MIN_HEADER_LEN: usize = 20;
    /// Octets of the longest header.
    pub const MAX_HEADER_LEN: usize = 60;

    /// Reads the segment that `bytes` is, or is the captured beginning of. The checksum is not verified: see
    /// [`checksum_status`](Self::checksum_status).
    ///
    /// `wire_len` is the segment's length on the wire ([`IpPacket::payload_len`](super::IpPacket::payload_len));
    /// below `bytes.len()` it counts as `bytes.len()`. Options that were captured in part are no error:
    /// [`TcpOptions::is_cut`] says so.
    ///
    /// # Errors
    ///
    /// [`TcpError`] when the fixed header is incomplete or its data offset impossible.
    pub fn parse(bytes: &'a [u8], wire_len: usize) -> Result<Self, TcpError> {
        let wire_len = wire_len.max(bytes.len());
        let needed = Self::MIN_HEADER_LEN;
        let (fixed, rest) = bytes.split_first_chunk::<20>().ok_or(if wire_len < needed {
            TcpError::TooShort { needed, wire_len }
        } else {
            TcpError::HeaderCut { needed, available: bytes.len() }
        })?;
        let &[p0, p1, p2, p3, s0, s1, s2, s3, a0, a1, a2, a3, off, bits, w0, w1, c0, c1, u0, u1] = fixed;
        let words = off >> 4;
        let header_len = usize::from(words) * 4;
        if header_len < Self::MIN_HEADER_LEN {
            return Err(TcpError::DataOffsetTooSmall { words });
        }
        if header_len > wire_len {
            return Err(TcpError::DataOffsetBeyondSegment { header_len, wire_len });
        }
        let options_len = header_len - Self::MIN_HEADER_LEN;
        let (options, payload) = rest.split_at_checked(options_len).unwrap_or((rest, &[]));
        Ok(Self {
            src_port: be16(p0, p1),
            dst_port: be16(p2, p3),
            seq: SeqNumber::new(u32::from_be_bytes([s0, s1, s2, s3])),
            ack: SeqNumber::new(u32::from_be_bytes([a0, a1, a2, a3])),
            flags: TcpFlags::from_bits(be16(off, bits)),
            reserved: off >> 1 & 7,
            window: be16(w0, w1),
            checksum: be16(c0, c1),
            urgent: be16(u0, u1),
            options: TcpOptions::captured(options, options_len),
            payload,
            payload_len: wire_len - header_len,
            header_len,
            raw: bytes,
        })
    }

    /// SEG.LEN of RFC 9293 §3.4: the octets of payload on the wire, and one each for SYN and FIN.
    #[must_use]
    pub fn seq_len(&self) -> u32 {
        let payload = u32::try_from(self.payload_len).unwrap_or(u32::MAX);
        let syn = u32::from(self.flags.contains(TcpFlags::SYN));
        payload.saturating_add(syn).saturating_add(u32::from(self.flags.contains(TcpFlags::FIN)))
    }

    /// The sequence number after this segment: `seq + seq_len()`.
    #[must_use]
    pub fn end_seq(&self) -> SeqNumber {
        self.seq + self.seq_len()
    }

    /// The captured octets of the whole segment, header included.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.raw
    }

    /// Verifies the checksum (RFC 9293 MUST-3), in one pass over the captured octets.
    #[must_use]
    pub fn checksum_status(&self, src: IpAddr, dst: IpAddr) -> ChecksumStatus {
        let wire_len = self.header_len + self.payload_len;
        checksum::verify((src, dst), IpProtocol::TCP, self.raw, wire_len, self.checksum)
    }
}

/// The beginning of a segment as an ICMP error quotes it: often no more than eight octets (RFC 792).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TcpQuote {
    /// Source port.
    pub src_port: u16,
    /// Destination port.
    pub dst_port: u16,
    /// Sequence number; RFC 5927 §4.1 has it checked before an ICMP error is believed.
    pub seq: SeqNumber,
}

impl TcpQuote {
    /// Reads the first eight octets of a segment; `None` if there are fewer.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let &[p0, p1, p2, p3, s0, s1, s2, s3] = bytes.first_chunk::<8>()?;
        Some(Self {
            src_port: be16(p0, p1),
            dst_port: be16(p2, p3),
            seq: SeqNumber::new(u32::from_be_bytes([s0, s1, s2, s3])),
        })
    }
}

/// What to write into a TCP header.
///
/// ```
/// use core::net::{IpAddr, Ipv4Addr};
/// use tcpstate::SeqNumber;
/// use tcpstate::wire::{ChecksumStatus, TcpFlags, TcpRepr, TcpSegment};
///
/// let (src, dst) = (IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)), IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2)));
/// let repr = TcpRepr {
///     src_port: 49_152,
///     dst_port: 80,
///     seq: SeqNumber::new(1_000),
///     flags: TcpFlags::ACK | TcpFlags::PSH,
///     window: 65_535,
///     ..TcpRepr::default()
/// };
/// let mut packet = [0; 64];
/// let len = repr.emit(&mut packet, src, dst, [b"GET ".as_slice(), b"/"])?;
/// let segment = TcpSegment::parse(&packet[..len], len).unwrap();
/// assert_eq!(segment.payload, b"GET /");
/// assert_eq!(segment.checksum_status(src, dst), ChecksumStatus::Good);
/// # Ok::<(), tcpstate::wire::EmitError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TcpRepr<'a> {
    /// Source port.
    pub src_port: u16,
    /// Destination port.
    pub dst_port: u16,
    /// Sequence number.
    pub seq: SeqNumber,
    /// Acknowledgment number.
    pub ack: SeqNumber,
    /// Control bits.
    pub flags: TcpFlags,
    /// Receive window as the header has it, already scaled down.
    pub window: u16,
    /// Urgent pointer.
    pub urgent: u16,
    /// Options, at most 40 octets, for example from an [`OptionsBuilder`](super::OptionsBuilder); padded with
    /// zeros (end of list) to a multiple of four.
    pub options: &'a [u8],
}

impl TcpRepr<'_> {
    /// Octets of the header: 20 and the padded options.
    #[must_use]
    pub const fn header_len(&self) -> usize {
        TcpSegment::MIN_HEADER_LEN + self.options.len().next_multiple_of(4)
    }

    /// Writes header and payload to the start of `out`, checksum included (RFC 9293 MUST-2), and says how many octets it took.
    ///
    /// The payload comes in pieces that are laid end to end; each is read once, copied and summed in the same
    /// pass.
    ///
    /// # Errors
    ///
    /// [`EmitError`] when the options are too long or the buffer too small; `out` may then hold a part.
    pub fn emit<'p>(
        &self,
        out: &mut [u8],
        src: IpAddr,
        dst: IpAddr,
        payload: impl IntoIterator<Item = &'p [u8]>,
    ) -> Result<usize, EmitError> {
        let available = out.len();
        let header_len = self.emit_header(out, 0)?;
        let (header, mut room) = out.split_at_mut_checked(header_len).unwrap_or_default();
        let mut sum = checksum::Checksum::new();
        sum.add_bytes(header);
        let mut len = header_len;
        for piece in payload {
            let copied = sum.copy_and_add(room, piece);
            if copied < piece.len() {
                return Err(EmitError::BufferTooSmall { needed: len.saturating_add(piece.len()), available });
            }
            room = room.get_mut(copied..).unwrap_or_default();
            len += copied;
        }
        // Summed last, when the length is known. All pieces before it may have been of odd length in sum.
        let total =
            u32::try_from(len).map_err(|_| EmitError::LengthOutOfRange { len, max: u32::MAX as usize })?;
        let mut whole = checksum::pseudo_header(src, dst, IpProtocol::TCP, total);
        whole.add_u16(sum.sum());
        put_checksum(header, whole.finish());
        Ok(len)
    }

    /// Writes the header alone, with the sum of the pseudo-header for `payload_len` octets of payload in
    /// place of the checksum: the form that a network card or a tunnel with checksum offload completes.
    ///
    /// # Errors
    ///
    /// [`EmitError`] when the options are too long or the buffer too small.
    pub fn emit_offloaded(
        &self,
        out: &mut [u8],
        src: IpAddr,
        dst: IpAddr,
        payload_len: usize,
    ) -> Result<usize, EmitError> {
        let len = self.header_len().saturating_add(payload_len);
        let total =
            u32::try_from(len).map_err(|_| EmitError::LengthOutOfRange { len, max: u32::MAX as usize })?;
        self.emit_header(out, checksum::pseudo_header(src, dst, IpProtocol::TCP, total).sum())
    }

    /// Writes the header alone, with this value in the checksum field.
    ///
    /// # Errors
    ///
    /// [`EmitError`] when the options are too long or the buffer too small; `out` is then unchanged.
    pub fn emit_header(&self, out: &mut [u8], checksum: u16) -> Result<usize, EmitError> {
        let header_len = self.header_len();
        if header_len > TcpSegment::MAX_HEADER_LEN {
            return Err(EmitError::OptionsTooLong { len: self.options.len() });
        }
        require(out, header_len)?;
        let Some((fixed, rest)) = out.split_first_chunk_mut::<20>() else {
            return Ok(0);
        };
        let words = [
            u32::from(self.src_port) << 16 | u32::from(self.dst_port),
            self.seq.get(),
            self.ack.get(),
            (header_len as u32 / 4) << 28 | u32::from(self.flags.bits()) << 16 | u32::from(self.window),
            u32::from(checksum) << 16 | u32::from(self.urgent),
        ];
        let (places, _) = fixed.as_chunks_mut::<4>();
        for (place, word) in places.iter_mut().zip(words) {
            *place = word.to_be_bytes();
        }
        let octets = self.options.iter().copied().chain(core::iter::repeat(0));
        let padded = rest.iter_mut().take(header_len - TcpSegment::MIN_HEADER_LEN);
        padded.zip(octets).for_each(|(place, octet)| *place = octet);
        Ok(header_len)
    }
}

/// Puts the checksum into its place in a header.
fn put_checksum(header: &mut [u8], checksum: u16) {
    if let Some(field) = header.get_mut(16..18) {
        field.copy_from_slice(&checksum.to_be_bytes());
    }
}

#[cfg(test)]
mod tests;
