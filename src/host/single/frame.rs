//! Between IP packets and what the machine sees: all that a stranger sends is verified here, and all that is
//! sent gets its headers here.

use core::net::{IpAddr, Ipv4Addr, SocketAddr};

mod common;
mod layout;

use super::IgnoreReason;
use crate::tcp::{Cookie, OptionLayout, SegmentMeta, SegmentOptions};
use crate::wire::{
    ChecksumStatus, EmitError, IpPacket, IpProtocol, Ipv4Header, Ipv4Repr, Ipv6Header, LengthSource,
    TcpOption, TcpOptions, TcpRepr, TcpSegment,
};
use crate::{EcnCodepoint, TcpFlags};
pub(in crate::host) use common::{Address, Common};
use layout::write_options;

/// What packets must match to be looked at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expected<'e> {
    /// Our own socket.
    pub(super) local: &'e SocketAddr,
    /// The peer, which [`is_an_end`]; `None` takes anybody.
    pub(super) peer: Option<&'e SocketAddr>,
    /// Whether checksums and lengths may have been left to a network card.
    pub(super) accept_offloaded: bool,
}

/// Reads a packet, verifies it, and stores what the machine sees of its segment in `meta`: who sent it, and its
/// payload. What `meta` holds if it is refused says nothing.
#[inline(always)]
pub(super) fn read<'a>(
    bytes: &'a [u8],
    expected: &Expected<'_>,
    meta: &mut SegmentMeta,
) -> Result<(SocketAddr, &'a [u8]), IgnoreReason> {
    let common = match (expected.local, expected.peer) {
        (SocketAddr::V4(local), Some(SocketAddr::V4(peer))) => {
            let ends = ((*peer.ip(), peer.port()), (*local.ip(), local.port()));
            Common::v4(bytes).and_then(|packet| read_common(&packet, ends, meta))
        }
        (SocketAddr::V6(local), Some(SocketAddr::V6(peer))) => {
            let ends = ((*peer.ip(), peer.port()), (*local.ip(), local.port()));
            Common::v6(bytes).and_then(|packet| read_common(&packet, ends, meta))
        }
        _ => None,
    };
    match (common, expected.peer) {
        (Some(payload), Some(peer)) => Ok((*peer, payload)),
        _ => read_any(bytes, expected, meta),
    }
}

/// Takes what came whole from the one end to the other. `None` if anything is else: [`read_any`] finds out what.
#[inline(always)]
fn read_common<'a, A: Address>(
    packet: &Common<'a, A>,
    (from, to): ((A, u16), (A, u16)),
    meta: &mut SegmentMeta,
) -> Option<&'a [u8]> {
    let (src_port, dst_port) = packet.ports();
    if (packet.src, src_port) != from || (packet.dst, dst_port) != to || !packet.is_whole() {
        return None;
    }
    packet.read(meta);
    Some(packet.payload)
}

/// Reads a packet of any form; the checksum, the one check that reads all of it, comes last.
#[inline(never)]
fn read_any<'a>(
    bytes: &'a [u8],
    expected: &Expected<'_>,
    meta: &mut SegmentMeta,
) -> Result<(SocketAddr, &'a [u8]), IgnoreReason> {
    let packet = ip(bytes)?;
    match packet.length {
        LengthSource::Ip => {}
        LengthSource::Link if expected.accept_offloaded => {}
        LengthSource::Link | LengthSource::CutByLink => return Err(IgnoreReason::IpLength),
    }
    if packet.dst != expected.local.ip() {
        return Err(IgnoreReason::OtherDestination);
    }
    if packet.fragment.is_some() {
        return Err(IgnoreReason::Fragment);
    }
    if packet.protocol != IpProtocol::TCP {
        return Err(IgnoreReason::NotTcp);
    }
    let segment =
        TcpSegment::parse(packet.payload, packet.payload_len).map_err(|_| IgnoreReason::TcpHeader)?;
    if segment.dst_port != expected.local.port() {
        return Err(IgnoreReason::OtherPort);
    }
    let from = SocketAddr::new(packet.src, segment.src_port);
    if !is_an_end(from) || expected.peer.is_none() && from == *expected.local {
        return Err(IgnoreReason::InvalidSource);
    }
    if expected.peer.is_some_and(|peer| *peer != from) {
        return Err(IgnoreReason::OtherSource);
    }
    match segment.checksum_status(packet.src, packet.dst) {
        ChecksumStatus::Good => {}
        ChecksumStatus::Offloaded if expected.accept_offloaded => {}
        _ => return Err(IgnoreReason::TcpChecksum),
    }
    *meta = self::meta(&segment, packet.ecn());
    Ok((from, segment.payload))
}

/// The IP layer; its options are passed over (RFC 9293 MUST-50). [`IpPacket::parse`] would not verify the header checksum of IPv4.
pub(in crate::host) fn ip(bytes: &[u8]) -> Result<IpPacket<'_>, IgnoreReason> {
    if bytes.first().is_some_and(|first| first >> 4 == 4) {
        let header = Ipv4Header::parse(bytes, bytes.len()).map_err(|_| IgnoreReason::NotIp)?;
        if !header.checksum_ok() {
            return Err(IgnoreReason::IpChecksum);
        }
        return Ok(IpPacket::from_ipv4(&header, bytes, bytes.len()));
    }
    IpPacket::parse(bytes, bytes.len()).map_err(|_| IgnoreReason::NotIp)
}

/// Whether a connection can end there: a unicast address and a port. Which addresses are a subnet's broadcast
/// only the subnet knows.
pub(in crate::host) fn is_an_end(addr: SocketAddr) -> bool {
    let unicast = match addr.ip() {
        // All of 0.0.0.0/8 is "this network", and no source (RFC 1122 §3.2.1.3).
        IpAddr::V4(ip) => {
            let [network, ..] = ip.octets();
            network != 0 && !ip.is_multicast() && ip != Ipv4Addr::BROADCAST
        }
        // An IPv4 address in the form of IPv6 names an API's socket and stands in no header (RFC 4038 §4.2).
        IpAddr::V6(ip) => !ip.is_multicast() && !ip.is_unspecified() && ip.to_ipv4_mapped().is_none(),
    };
    unicast && addr.port() != 0
}

pub(in crate::host) fn meta(segment: &TcpSegment<'_>, ecn: EcnCodepoint) -> SegmentMeta {
    SegmentMeta {
        seq: segment.seq,
        ack: segment.ack,
        flags: segment.flags,
        window: segment.window,
        urgent: segment.urgent,
        len: u32::try_from(segment.payload_len).unwrap_or(u32::MAX),
        ecn,
        options: read_options(&segment.options, segment.flags.contains(TcpFlags::SYN)),
    }
}

/// The options that count, in any segment (RFC 9293 MUST-5). Those that belong on a SYN are looked for there only (RFC 9293 MUST-65, RFC 7323
/// §2.2, RFC 2018 §2); of two of a kind the first counts; what is malformed or not known is skipped (MUST-6,
/// MUST-7).
fn read_options(options: &TcpOptions<'_>, syn: bool) -> SegmentOptions {
    let mut read = SegmentOptions::default();
    for option in options.iter().flatten() {
        match option {
            TcpOption::Timestamps { val, ecr } if read.timestamps.is_none() => {
                read.timestamps = Some(crate::tcp::Timestamps { val, ecr });
            }
            TcpOption::Sack(blocks) if !syn && read.sack.is_empty() => {
                read.sack = blocks.iter().collect();
            }
            TcpOption::Mss(mss) if syn && read.mss.is_none() => read.mss = Some(mss),
            TcpOption::WindowScale(shift) if syn && read.window_scale.is_none() => {
                read.window_scale = Some(shift);
            }
            TcpOption::SackPermitted if syn => read.sack_permitted = true,
            TcpOption::FastOpen(cookie) if syn && read.fast_open.is_none() => {
                read.fast_open = Cookie::new(cookie);
            }
            _ => {}
        }
    }
    read
}

/// What goes into the headers of a flow's packets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Framing {
    /// Both of one version of IP.
    pub(crate) local: SocketAddr,
    pub(crate) remote: SocketAddr,
    pub(crate) hop_limit: u8,
    /// 0..=63.
    pub(crate) dscp: u8,
    /// IPv4's identification.
    pub(crate) id: u16,
    /// IPv6's flow label: 20 bits.
    pub(crate) flow_label: u32,
    /// Where its options stand.
    pub(crate) layout: OptionLayout,
}

impl Framing {
    /// Writes a packet to the start of `out`, and says how many octets it took.
    #[inline]
    pub(crate) fn emit<'p>(
        &self,
        out: &mut [u8],
        meta: &SegmentMeta,
        payload: impl IntoIterator<Item = &'p [u8]>,
    ) -> Result<usize, EmitError> {
        let mut payload = payload.into_iter();
        if common::is_common(meta) {
            let done = match (self.local, self.remote) {
                (SocketAddr::V4(src), SocketAddr::V4(dst)) => {
                    self.emit_v4((*src.ip(), *dst.ip()), out, meta, &mut payload)
                }
                (SocketAddr::V6(src), SocketAddr::V6(dst)) => {
                    self.emit_v6((*src.ip(), *dst.ip()), out, meta, &mut payload)
                }
                _ => None,
            };
            if let Some(done) = done {
                return done;
            }
        }
        self.emit_any(out, meta, payload)
    }

    /// Writes a packet of any form.
    #[inline(never)]
    fn emit_any<'p>(
        &self,
        out: &mut [u8],
        meta: &SegmentMeta,
        payload: impl IntoIterator<Item = &'p [u8]>,
    ) -> Result<usize, EmitError> {
        let options = write_options(&meta.options, meta.flags.contains(TcpFlags::SYN), self.layout)?;
        let tcp = self.header(meta, options.as_bytes());
        let tcp_len = tcp.header_len() + meta.len as usize;
        let ip_len = self.emit_ip(out, tcp_len, meta.ecn)?;
        let written =
            tcp.emit(out.get_mut(ip_len..).unwrap_or_default(), self.local.ip(), self.remote.ip(), payload)?;
        debug_assert_eq!(written, tcp_len, "the buffers give as many octets as the plan says");
        Ok(ip_len + written)
    }

    /// Writes a packet whose TCP checksum is left to be filled in, and says how many octets it took and where the TCP
    /// header begins.
    pub(in crate::host) fn emit_partial<'p>(
        &self,
        out: &mut [u8],
        meta: &SegmentMeta,
        payload: impl IntoIterator<Item = &'p [u8]>,
    ) -> Result<(usize, u16), EmitError> {
        let options = write_options(&meta.options, meta.flags.contains(TcpFlags::SYN), self.layout)?;
        let tcp = self.header(meta, options.as_bytes());
        let ip_len = self.emit_ip(out, tcp.header_len() + meta.len as usize, meta.ecn)?;
        let rest = out.get_mut(ip_len..).unwrap_or_default();
        let mut len = tcp.emit_offloaded(rest, self.local.ip(), self.remote.ip(), meta.len as usize)?;
        for piece in payload {
            let available = rest.len();
            let end = len + piece.len();
            rest.get_mut(len..end)
                .ok_or(EmitError::BufferTooSmall { needed: end, available })?
                .copy_from_slice(piece);
            len = end;
        }
        Ok((ip_len + len, ip_len as u16))
    }

    fn header<'o>(&self, meta: &SegmentMeta, options: &'o [u8]) -> TcpRepr<'o> {
        TcpRepr {
            src_port: self.local.port(),
            dst_port: self.remote.port(),
            seq: meta.seq,
            ack: meta.ack,
            flags: meta.flags,
            window: meta.window,
            urgent: meta.urgent,
            options,
        }
    }

    fn emit_ip(&self, out: &mut [u8], payload_len: usize, ecn: EcnCodepoint) -> Result<usize, EmitError> {
        match (self.local.ip(), self.remote.ip()) {
            (IpAddr::V4(src), IpAddr::V4(dst)) => {
                let mut header = Ipv4Repr::new(src, dst, IpProtocol::TCP);
                (header.dscp, header.ecn) = (self.dscp, ecn.bits());
                header.id = self.id;
                header.ttl = self.hop_limit;
                header.payload_len = payload_len;
                header.emit(out)
            }
            (src, dst) => {
                let mut header = Ipv6Header::new(v6(src), v6(dst), IpProtocol::TCP);
                header.traffic_class = self.dscp << 2 | ecn.bits();
                header.flow_label = self.flow_label;
                header.hop_limit = self.hop_limit;
                header.payload_len = u16::try_from(payload_len).map_err(|_| EmitError::LengthOutOfRange {
                    len: payload_len,
                    max: usize::from(u16::MAX),
                })?;
                header.emit(out)
            }
        }
    }
}

fn v6(addr: IpAddr) -> core::net::Ipv6Addr {
    match addr {
        IpAddr::V4(addr) => addr.to_ipv6_mapped(),
        IpAddr::V6(addr) => addr,
    }
}

#[cfg(test)]
mod tests;
