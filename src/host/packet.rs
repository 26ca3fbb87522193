//! A packet as it is handed over, and what is known of it.

use bytes::{Buf as _, Bytes};

use crate::connection::Payload;
use crate::wire::Reassembled;

/// An IP packet that arrives.
///
/// ```
/// use tcpstate::host::{Checksums, Packet};
///
/// let octets = [0x45; 40];
/// let plain = Packet::from(&octets[..]);
/// let offloaded = plain.with_checksums(Checksums::Verified);
/// ```
#[derive(Clone, Debug)]
pub struct Packet<'a> {
    octets: Octets<'a>,
    pub(super) checksums: Checksums,
    pub(super) scope: u32,
}

#[derive(Clone, Debug)]
enum Octets<'a> {
    Slice(&'a [u8]),
    Bytes(&'a Bytes),
    Own(Bytes),
}

/// What is known of the checksum of a packet's TCP or UDP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Checksums {
    /// Nothing: it is verified here.
    #[default]
    Unknown,
    /// The card has verified it, and merged segments perhaps (GRO).
    Verified,
    /// The packet comes from the same machine and its checksum was never filled in: the field holds the sum of the
    /// pseudo-header. If it is complete after all, it is verified here.
    Partial,
}

impl<'a> Packet<'a> {
    /// The packet with what is known of its checksum.
    #[must_use]
    pub fn with_checksums(self, checksums: Checksums) -> Self {
        Self { checksums, ..self }
    }

    /// The packet with the number of the link that it came over, which link-local addresses need.
    #[must_use]
    pub fn with_scope(self, scope: u32) -> Self {
        Self { scope, ..self }
    }

    /// Its octets.
    #[must_use]
    #[inline]
    pub fn as_slice(&self) -> &[u8] {
        match &self.octets {
            Octets::Slice(octets) => octets,
            Octets::Bytes(octets) => octets,
            Octets::Own(octets) => octets,
        }
    }

    /// A part of the packet, by reference if the packet may be kept.
    pub(super) fn payload<'p>(&'p self, part: &'p [u8]) -> Payload<'p> {
        match &self.octets {
            Octets::Slice(_) => Payload::Slice(part),
            _ if part.is_empty() => Payload::Slice(part),
            Octets::Bytes(packet) => Payload::Bytes { octets: packet.slice_ref(part), pinned: packet.len() },
            Octets::Own(packet) => Payload::Bytes { octets: packet.slice_ref(part), pinned: packet.len() },
        }
    }

    /// The `len` octets behind the first `start`, for whoever needs nothing else of the packet: if it was given away, it
    /// is empty now, and nobody has to count who shares it.
    #[inline]
    pub(super) fn take_payload(&mut self, start: usize, len: usize) -> Payload<'a> {
        let (pinned, end) = (self.as_slice().len(), start.saturating_add(len));
        if len == 0 || end > pinned {
            return Payload::Slice(&[]);
        }
        match &mut self.octets {
            Octets::Slice(packet) => Payload::Slice(packet.get(start..end).unwrap_or_default()),
            Octets::Bytes(packet) => Payload::Bytes { octets: packet.slice(start..end), pinned },
            Octets::Own(packet) => {
                let mut octets = core::mem::take(packet);
                octets.truncate(end);
                octets.advance(start);
                Payload::Bytes { octets, pinned }
            }
        }
    }
}

/// What it carries is copied where it is kept.
impl<'a> From<&'a [u8]> for Packet<'a> {
    fn from(octets: &'a [u8]) -> Self {
        Self { octets: Octets::Slice(octets), checksums: Checksums::Unknown, scope: 0 }
    }
}

/// It may be kept by reference instead of being copied.
impl<'a> From<&'a Bytes> for Packet<'a> {
    fn from(octets: &'a Bytes) -> Self {
        Self { octets: Octets::Bytes(octets), checksums: Checksums::Unknown, scope: 0 }
    }
}

/// It may be kept instead of being copied.
impl From<Bytes> for Packet<'_> {
    fn from(octets: Bytes) -> Self {
        Self { octets: Octets::Own(octets), checksums: Checksums::Unknown, scope: 0 }
    }
}

/// A packet that was written to the caller's buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Transmit {
    /// Octets of the packet, from the start of the buffer.
    pub len: usize,
    /// Octets of payload in each of the segments that the packet is to be cut into, the last of which may be
    /// shorter; `None` for a packet that goes as it is.
    pub segment_size: Option<u16>,
    /// Where the checksum is to be filled in; `None` if it is complete.
    pub checksum: Option<PartialChecksum>,
}

/// A checksum that is left to the card: the sum from `start` to the end of the packet belongs at `start + offset`,
/// where the sum of the pseudo-header stands now (the words of virtio's header: `csum_start`, `csum_offset`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PartialChecksum {
    /// The first octet that is summed.
    pub start: u16,
    /// From there to the field.
    pub offset: u16,
}

/// What became of a packet.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Ingress {
    /// It was for a connection, which has seen it.
    Connection(super::ConnId),
    /// It was taken: by a listener, by what is left of a connection, by a socket, or as a part of a datagram.
    Taken,
    /// It was not for us, or not to be believed; counted under its reason.
    Ignored(super::IgnoreReason),
    /// It was for us, and of a protocol that is not known here: the embedder may have a use for it.
    Raw,
    /// The same, of a datagram that came in pieces: the last has arrived.
    RawWhole(Reassembled),
}
