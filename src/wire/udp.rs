//! The UDP header (RFC 768) and its checksum.

use core::net::IpAddr;

use super::checksum::{self, Checksum, ChecksumStatus};
use super::{EmitError, IpProtocol, at_most, be16};

/// A UDP datagram, parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UdpDatagram<'a> {
    /// Source port; zero when the sender wants no answer.
    pub src_port: u16,
    /// Destination port.
    pub dst_port: u16,
    /// Octets of header and payload, as the header says. Zero: as far as the IP packet goes (RFC 2675 §4).
    pub length: u16,
    /// The checksum, as received. Zero: none was computed.
    pub checksum: u16,
    /// The octets of payload that were captured. At most `payload_len`.
    pub payload: &'a [u8],
    /// Octets of payload on the wire: by the header, or as many as the IP packet has if the header claims
    /// more.
    pub payload_len: usize,
    /// All captured octets of the datagram.
    raw: &'a [u8],
}

/// Why octets are not a UDP datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UdpError {
    /// The capture ends inside the header (a snap length).
    #[error("the capture ends inside the UDP header: {available} octets of 8")]
    HeaderCut {
        /// Octets that were captured.
        available: usize,
    },
    /// The IP packet has less than a header.
    #[error("the datagram is {wire_len} octets long; a UDP header takes 8")]
    TooShort {
        /// Octets that the IP packet has.
        wire_len: usize,
    },
    /// The length field is below the header's own length, and not zero.
    #[error("a length of {length} is less than the 8 octets of the header")]
    LengthTooSmall {
        /// The length field, in octets.
        length: u16,
    },
}

impl<'a> UdpDatagram<'a> {
    /// Octets of the header.
    pub const HEADER_LEN: usize = 8;

    /// Reads the datagram that `bytes` is, or is the captured beginning of. The checksum is not verified: see
    /// [`checksum_status`](Self::checksum_status).
    ///
    /// `wire_len` is what the IP packet has for it ([`IpPacket::payload_len`](super::IpPacket::payload_len)); below
    /// `bytes.len()` it counts as `bytes.len()`.
    ///
    /// # Errors
    ///
    /// [`UdpError`] when the header is incomplete or its length impossible. A length beyond the IP packet is
    /// no error: see [`is_truncated`](Self::is_truncated).
    pub fn parse(bytes: &'a [u8], wire_len: usize) -> Result<Self, UdpError> {
        let wire_len = wire_len.max(bytes.len());
        let &[s0, s1, d0, d1, len0, len1, c0, c1] =
            bytes.first_chunk::<8>().ok_or(if wire_len < Self::HEADER_LEN {
                UdpError::TooShort { wire_len }
            } else {
                UdpError::HeaderCut { available: bytes.len() }
            })?;
        let length = be16(len0, len1);
        let claimed = match usize::from(length) {
            0 => wire_len,
            1..Self::HEADER_LEN => return Err(UdpError::LengthTooSmall { length }),
            claimed => claimed,
        };
        let len = claimed.min(wire_len);
        let raw = at_most(bytes, len);
        Ok(Self {
            src_port: be16(s0, s1),
            dst_port: be16(d0, d1),
            length,
            checksum: be16(c0, c1),
            payload: raw.get(Self::HEADER_LEN..).unwrap_or_default(),
            payload_len: len.saturating_sub(Self::HEADER_LEN),
            raw,
        })
    }

    /// Whether the header claims more than the IP packet has: a first fragment, or a packet cut on its way.
    #[must_use]
    pub fn is_truncated(&self) -> bool {
        usize::from(self.length) > Self::HEADER_LEN + self.payload_len
    }

    /// Verifies the checksum, in one pass over the captured octets.
    ///
    /// Zero over IPv4 is [`ChecksumStatus::Absent`]; over IPv6 it is [`ChecksumStatus::Bad`] (RFC 8200 §8.1),
    /// unless the port is one for which RFC 6936 allows it: the caller knows.
    #[must_use]
    pub fn checksum_status(&self, src: IpAddr, dst: IpAddr) -> ChecksumStatus {
        if self.checksum == 0 {
            return if src.is_ipv4() { ChecksumStatus::Absent } else { ChecksumStatus::Bad };
        }
        if self.is_truncated() {
            return ChecksumStatus::Unknown;
        }
        let wire_len = Self::HEADER_LEN + self.payload_len;
        checksum::verify((src, dst), IpProtocol::UDP, self.raw, wire_len, self.checksum)
    }
}

/// What to write into a UDP header.
///
/// ```
/// use core::net::{IpAddr, Ipv6Addr};
/// use tcpstate::wire::{ChecksumStatus, UdpDatagram, UdpRepr};
///
/// let host = IpAddr::V6(Ipv6Addr::LOCALHOST);
/// let mut packet = [0; 64];
/// let len = UdpRepr { src_port: 5353, dst_port: 53 }.emit(&mut packet, host, host,
/// [b"question".as_slice()])?; let datagram = UdpDatagram::parse(&packet[..len], len).unwrap();
/// assert_eq!(datagram.payload, b"question"); assert_eq!(datagram.checksum_status(host, host),
/// ChecksumStatus::Good);
/// # Ok::<(), tcpstate::wire::EmitError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct UdpRepr {
    /// Source port.
    pub src_port: u16,
    /// Destination port.
    pub dst_port: u16,
}

impl UdpRepr {
    /// Writes header and payload to the start of `out`, checksum included, and says how many octets it took.
    ///
    /// The payload comes in pieces that are laid end to end.
    ///
    /// # Errors
    ///
    /// [`EmitError`] when the buffer is too small or the datagram longer than 65,535 octets; `out` may then
    /// hold a part.
    pub fn emit<'p>(
        &self,
        out: &mut [u8],
        src: IpAddr,
        dst: IpAddr,
        payload: impl IntoIterator<Item = &'p [u8]>,
    ) -> Result<usize, EmitError> {
        let available = out.len();
        let Some((header, mut room)) = out.split_first_chunk_mut::<8>() else {
            return Err(EmitError::BufferTooSmall { needed: UdpDatagram::HEADER_LEN, available });
        };
        let mut sum = Checksum::new();
        let mut len = UdpDatagram::HEADER_LEN;
        for piece in payload {
            let copied = sum.copy_and_add(room, piece);
            if copied < piece.len() {
                return Err(EmitError::BufferTooSmall { needed: len.saturating_add(piece.len()), available });
            }
            room = room.get_mut(copied..).unwrap_or_default();
            len += copied;
        }
        let length = u16::try_from(len)
            .map_err(|_| EmitError::LengthOutOfRange { len, max: usize::from(u16::MAX) })?;
        let mut whole = checksum::pseudo_header(src, dst, IpProtocol::UDP, u32::from(length));
        [self.src_port, self.dst_port, length, sum.sum()].into_iter().for_each(|word| whole.add_u16(word));
        // Zero on the wire means that there is no checksum (RFC 768).
        let checksum = match whole.finish() {
            0 => 0xffff,
            checksum => checksum,
        };
        *header = self.header(length, checksum);
        Ok(len)
    }

    /// Writes header and payload to the start of `out` and says that there is no checksum. Over IPv6 only tunnels may
    /// do that, and only if they have made sure that the receiver takes it (RFC 6935 §5, RFC 6936 §4).
    ///
    /// # Errors
    ///
    /// [`EmitError`] when the buffer is too small or the datagram longer than 65,535 octets; `out` is then
    /// unchanged.
    pub fn emit_without_checksum(&self, out: &mut [u8], payload: &[u8]) -> Result<usize, EmitError> {
        let len = UdpDatagram::HEADER_LEN.saturating_add(payload.len());
        let length = u16::try_from(len)
            .map_err(|_| EmitError::LengthOutOfRange { len, max: usize::from(u16::MAX) })?;
        super::require(out, len)?;
        if let Some((header, rest)) = out.get_mut(..len).unwrap_or_default().split_first_chunk_mut::<8>() {
            *header = self.header(length, 0);
            rest.copy_from_slice(payload);
        }
        Ok(len)
    }

    const fn header(&self, length: u16, checksum: u16) -> [u8; UdpDatagram::HEADER_LEN] {
        let [s0, s1] = self.src_port.to_be_bytes();
        let [d0, d1] = self.dst_port.to_be_bytes();
        let [len0, len1] = length.to_be_bytes();
        let [c0, c1] = checksum.to_be_bytes();
        [s0, s1, d0, d1, len0, len1, c0, c1]
    }
}

#[cfg(test)]
mod tests;
