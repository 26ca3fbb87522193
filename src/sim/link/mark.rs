//! What a router does to a packet instead of dropping it (RFC 3168 §5).

use bytes::Bytes;

use crate::EcnCodepoint;
use crate::wire::Checksum;

/// The packet with CE in its ECN field, and its header checksum put right; `None` if its sender does not know ECN,
/// or it is marked already.
pub(super) fn marked(packet: &[u8]) -> Option<Bytes> {
    let &[first, second] = packet.first_chunk::<2>()?;
    let (ecn, ce) = match first >> 4 {
        4 => (second, 0b11),
        6 => (second >> 4, 0b11 << 4),
        _ => return None,
    };
    if !EcnCodepoint::from_bits(ecn).is_ect() {
        return None;
    }
    let mut octets = packet.to_vec();
    *octets.get_mut(1)? |= ce;
    if first >> 4 == 4 {
        let header = octets.get_mut(..usize::from(first & 0xf) * 4)?;
        header.get_mut(10..12)?.fill(0);
        let mut sum = Checksum::new();
        sum.add_bytes(header);
        header.get_mut(10..12)?.copy_from_slice(&sum.finish().to_be_bytes());
    }
    Some(octets.into())
}
