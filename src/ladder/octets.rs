//! From what a machine says of a segment to the packet that carries it.

use alloc::vec;
use alloc::vec::Vec;
use core::net::SocketAddr;

use crate::host::single::frame::Framing;
use crate::tcp::{OptionLayout, SegmentMeta};
use crate::wire::EmitError;

/// Octets of the longest headers, IP and TCP.
const LONGEST_HEADERS: usize = 40 + 60;

/// The IP packet that carries this segment from the one socket to the other, checksums filled in. As many octets as
/// `payload` is shorter than `meta.len` are zeros at its end.
///
/// # Errors
///
/// [`EmitError`] if no packet can: its options or its payload are too long.
pub fn packet_of(
    from: SocketAddr,
    to: SocketAddr,
    meta: &SegmentMeta,
    payload: &[u8],
) -> Result<Vec<u8>, EmitError> {
    laid_out(from, to, meta, payload, OptionLayout::Usual)
}

/// The same, with the options where this layout has them.
pub(super) fn laid_out(
    from: SocketAddr,
    to: SocketAddr,
    meta: &SegmentMeta,
    payload: &[u8],
    layout: OptionLayout,
) -> Result<Vec<u8>, EmitError> {
    let len = meta.len as usize;
    let max = usize::from(u16::MAX);
    if len > max {
        return Err(EmitError::LengthOutOfRange { len, max });
    }
    let framing = Framing { local: from, remote: to, hop_limit: 64, dscp: 0, id: 0, flow_label: 0, layout };
    let mut octets = payload.get(..len).unwrap_or(payload).to_vec();
    octets.resize(len, 0);
    let mut out = vec![0; LONGEST_HEADERS + len];
    let written = framing.emit(&mut out, meta, [octets.as_slice()])?;
    out.truncate(written);
    Ok(out)
}
