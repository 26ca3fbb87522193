//! From the queues to packets, each socket and flow in its turn.

use alloc::vec::Vec;
use core::net::{IpAddr, Ipv6Addr};

use super::super::identification::Identifications;
use super::channel::Role;
use super::pool::Waiting;
use super::send::headers;
use super::{Surroundings, UdpNetworkError, UdpTable};
use crate::secret::Secret;
use crate::wire::fragment::Pieces;
use crate::wire::{EmitError, IpProtocol, Ipv4Repr, Ipv6Header, UdpDatagram, UdpRepr};

/// What is too large for its path: it goes in fragments, one at a time.
#[derive(Clone, Debug, Default)]
pub(super) struct HalfSent {
    /// The whole IP packet; nothing if there is none.
    packet: Vec<u8>,
    mtu: usize,
    identification: u32,
    /// How much of what is cut up has been sent.
    position: usize,
}

impl HalfSent {
    const fn is_there(&self) -> bool {
        !self.packet.is_empty()
    }

    /// Octets of memory.
    pub(super) const fn memory(&self) -> usize {
        self.packet.capacity()
    }

    /// Writes the next fragment.
    fn next(&mut self, out: &mut [u8]) -> Result<Option<usize>, CannotSend> {
        let pieces = Pieces::of(&self.packet, self.mtu, self.identification).map_err(|_| CannotSend::Ever)?;
        let mut pieces = pieces.resume_at(self.position);
        let written = pieces.emit_next(out).map_err(|_| CannotSend::Here)?;
        self.position = pieces.position();
        if pieces.is_done() {
            self.packet.clear();
        }
        Ok(written)
    }
}

/// Why a packet was not written.
enum CannotSend {
    /// The buffer is too small.
    Here,
    /// It cannot be cut up.
    Ever,
}

impl UdpTable {
    /// Whether no datagram waits to be sent.
    #[inline]
    pub(in crate::host) fn is_silent(&self) -> bool {
        !self.half_sent.is_there() && self.channels.transmit.front().is_none()
    }

    /// Writes the next IP packet to the start of `out`, and says how many octets it has. `None` if there is nothing to
    /// send, or `out` has no room for it: then it stays. What is too large for its path and may be cut up goes in
    /// fragments, one after the other.
    pub(in crate::host) fn next_packet(
        &mut self,
        out: &mut [u8],
        surroundings: &dyn Surroundings,
        identifications: &mut Identifications,
    ) -> Option<usize> {
        loop {
            if self.half_sent.is_there() {
                match self.half_sent.next(out) {
                    Ok(Some(len)) => return Some(len),
                    Err(CannotSend::Here) => return None,
                    Ok(None) | Err(CannotSend::Ever) => self.half_sent.packet.clear(),
                }
            }
            let index = self.channels.transmit.front()?;
            let waiting = self.channels.get(index).and_then(|row| self.sending.front(&row.sending))?;
            let (tuple, dont_fragment) = (waiting.tuple, waiting.dont_fragment);
            let len = headers(tuple.local_ip().is_ipv4()) + waiting.octets.as_slice().len();
            let mtu = surroundings.path_mtu(tuple.remote_ip());
            if len <= mtu && out.len() < len {
                return None;
            }
            let waiting = self.take_front(index)?;
            // Routers cut up what IPv4 lets them; over IPv6 only we do.
            let is_named = !dont_fragment && (tuple.local_ip().is_ipv4() || len > mtu);
            let identification = if is_named {
                identifications.next(&self.secret, tuple.local_ip(), tuple.remote_ip())
            } else {
                0
            };
            let written = if len <= mtu {
                emit(&self.secret, out, &waiting, identification).ok()
            } else if dont_fragment {
                None
            } else {
                self.begin_to_cut(&waiting, len, mtu, identification)
            };
            self.sending.recycle(waiting.octets);
            match written {
                Some(_) => self.stats.sent += 1,
                None => self.stats.discarded += 1,
            }
            if written.is_none() && dont_fragment {
                // The path has become smaller meanwhile.
                let mtu = u16::try_from(mtu).unwrap_or(u16::MAX);
                self.on_error(&tuple, UdpNetworkError::TooBig(mtu));
            }
            if len <= mtu && written.is_some() {
                return written;
            }
        }
    }

    /// Lays a packet ready to be cut up; says how long it is.
    #[cold]
    fn begin_to_cut(
        &mut self,
        waiting: &Waiting,
        len: usize,
        mtu: usize,
        identification: u32,
    ) -> Option<usize> {
        let packet = &mut self.half_sent.packet;
        packet.resize(len, 0);
        let written = emit(&self.secret, packet, waiting, identification).ok();
        let pieces = Pieces::of(packet, mtu, identification).is_ok();
        if written.is_none() || !pieces {
            packet.clear();
            return None;
        }
        (self.half_sent.mtu, self.half_sent.identification, self.half_sent.position) =
            (mtu, identification, 0);
        written
    }

    /// Takes the first datagram out of a channel's queue; the channel's next one comes after those of the others.
    fn take_front(&mut self, index: u32) -> Option<Waiting> {
        self.channels.transmit.remove(&mut self.channels.rows, index);
        let row = self.channels.get_mut(index)?;
        let waiting = self.sending.pop(&mut row.sending)?;
        if !row.sending.is_empty() {
            self.channels.transmit.push(&mut self.channels.rows, index);
        } else if row.role == Role::Orphan {
            self.channels.remove(index);
            return Some(waiting);
        }
        let limit = self.send_limit(index);
        self.channels.check_room(index, limit, &self.sending);
        Some(waiting)
    }
}

/// Headers and payload in one pass. What cannot be cut up needs no name for its pieces (RFC 6864 §4.1).
fn emit(secret: &Secret, out: &mut [u8], waiting: &Waiting, identification: u32) -> Result<usize, EmitError> {
    let Waiting { tuple, octets, hop_limit, traffic_class, dont_fragment, no_checksum } = waiting;
    let (local, remote) = (tuple.local(), tuple.remote());
    let payload = octets.as_slice();
    let udp = UdpRepr { src_port: local.port(), dst_port: remote.port() };
    let udp_len = payload.len() + UdpDatagram::HEADER_LEN;
    let ip_len = match (local.ip(), remote.ip()) {
        (IpAddr::V4(src), IpAddr::V4(dst)) => {
            let mut header = Ipv4Repr::new(src, dst, IpProtocol::UDP);
            (header.dscp, header.ecn) = (traffic_class >> 2, traffic_class & 3);
            (header.dont_fragment, header.id) = (*dont_fragment, identification as u16);
            header.ttl = *hop_limit;
            header.payload_len = udp_len;
            header.emit(out)?
        }
        (src, dst) => {
            let mut header = Ipv6Header::new(v6(src), v6(dst), IpProtocol::UDP);
            header.traffic_class = *traffic_class;
            header.flow_label = secret.flow_label(local, remote);
            header.hop_limit = *hop_limit;
            header.payload_len = u16::try_from(udp_len)
                .map_err(|_| EmitError::LengthOutOfRange { len: udp_len, max: usize::from(u16::MAX) })?;
            header.emit(out)?
        }
    };
    let rest = out.get_mut(ip_len..).unwrap_or_default();
    let written = if *no_checksum {
        udp.emit_without_checksum(rest, payload)?
    } else {
        udp.emit(rest, local.ip(), remote.ip(), [payload])?
    };
    Ok(ip_len + written)
}

fn v6(ip: IpAddr) -> Ipv6Addr {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    }
}

#[cfg(test)]
mod tests;
