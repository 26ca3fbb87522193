//! What ICMP for IPv4 and ICMP for IPv6 have in common: the eight octets in front, echo, and where a quoted packet ends.

use super::checksum::Checksum;
use super::{EmitError, be16, require};

/// Octets before the data of an echo, or before the packet that an error quotes.
pub const HEADER_LEN: usize = 8;

/// An echo request or reply (RFC 792, RFC 4443 §4). A reply gives back all of it unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Echo<'a> {
    /// Tells the requests of one asker from those of another; the port of an echo, so to say.
    pub id: u16,
    /// Number of the request.
    pub seq: u16,
    /// What the asker wants to have back.
    pub data: &'a [u8],
}

/// Why octets are not an ICMP message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IcmpError {
    /// There is less than the eight octets that every message has.
    #[error("the ICMP message is {len} octets long; it takes 8")]
    TooShort {
        /// Octets of the message.
        len: usize,
    },
    /// An octet changed on the way, or the message is not all there.
    #[error("the ICMP checksum is wrong")]
    Checksum,
}

/// A message of either version, before its type is looked at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parts<'a> {
    pub(super) kind: u8,
    pub(super) code: u8,
    /// What the octets 4 to 7 mean depends on the type.
    pub(super) word: [u8; 4],
    pub(super) body: &'a [u8],
}

impl<'a> Parts<'a> {
    /// Takes a whole message apart; `sum` is that of the pseudo-header, if there is one.
    pub(super) fn parse(bytes: &'a [u8], mut sum: Checksum) -> Result<Self, IcmpError> {
        let (&[kind, code, _, _, w0, w1, w2, w3], body) =
            bytes.split_first_chunk::<HEADER_LEN>().ok_or(IcmpError::TooShort { len: bytes.len() })?;
        sum.add_bytes(bytes);
        if sum.sum() != 0xffff {
            return Err(IcmpError::Checksum);
        }
        Ok(Self { kind, code, word: [w0, w1, w2, w3], body })
    }

    pub(super) const fn echo(&self) -> Echo<'a> {
        let [i0, i1, s0, s1] = self.word;
        Echo { id: be16(i0, i1), seq: be16(s0, s1), data: self.body }
    }

    /// The quoted packet. Extensions may follow it: then its length in units of `unit` octets stands in front (RFC 4884
    /// §4). Zero, or more than there is: all of it is the packet.
    pub(super) fn quote(&self, units: u8, unit: usize) -> &'a [u8] {
        match self.body.get(..usize::from(units) * unit) {
            Some(quote) if units > 0 => quote,
            _ => self.body,
        }
    }

    /// Writes the message to the start of `out`, and says how many octets it took; `sum` as in [`parse`](Self::parse).
    pub(super) fn emit(&self, out: &mut [u8], mut sum: Checksum) -> Result<usize, EmitError> {
        let len = HEADER_LEN.saturating_add(self.body.len());
        require(out, len)?;
        let Some((header, room)) = out.split_first_chunk_mut::<HEADER_LEN>() else {
            return Ok(0);
        };
        let [w0, w1, w2, w3] = self.word;
        sum.add_u16(be16(self.kind, self.code));
        sum.add_bytes(&self.word);
        sum.copy_and_add(room, self.body);
        let [c0, c1] = sum.finish().to_be_bytes();
        *header = [self.kind, self.code, c0, c1, w0, w1, w2, w3];
        Ok(len)
    }
}

impl Echo<'_> {
    pub(super) const fn word(&self) -> [u8; 4] {
        let [i0, i1] = self.id.to_be_bytes();
        let [s0, s1] = self.seq.to_be_bytes();
        [i0, i1, s0, s1]
    }
}

#[cfg(test)]
mod tests;
