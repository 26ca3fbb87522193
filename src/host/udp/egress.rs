//! From the queues to packets, each socket and flow in its turn.

use core::net::{IpAddr, Ipv6Addr, SocketAddr};

use super::channel::Role;
use super::pool::Waiting;
use super::send::headers;
use super::{Surroundings, UdpTable};
use crate::wire::{EmitError, IpProtocol, Ipv4Repr, Ipv6Header, UdpRepr};

/// A datagram whose turn it is.
#[derive(Clone, Debug)]
pub(in crate::host) struct Outgoing {
    waiting: Waiting,
}

impl Outgoing {
    /// Where it comes from.
    pub(in crate::host) const fn local(&self) -> SocketAddr {
        self.waiting.tuple.local()
    }

    /// Where it goes.
    pub(in crate::host) const fn remote(&self) -> SocketAddr {
        self.waiting.tuple.remote()
    }

    /// Its octets, without headers.
    pub(in crate::host) fn payload(&self) -> &[u8] {
        self.waiting.octets.as_slice()
    }

    /// IPv4's time to live, IPv6's hop limit.
    pub(in crate::host) const fn hop_limit(&self) -> u8 {
        self.waiting.hop_limit
    }

    /// DSCP in the upper six bits, ECN in the lower two.
    pub(in crate::host) const fn traffic_class(&self) -> u8 {
        self.waiting.traffic_class
    }

    /// It must not be cut up.
    pub(in crate::host) const fn dont_fragment(&self) -> bool {
        self.waiting.dont_fragment
    }

    /// It goes without a checksum.
    pub(in crate::host) const fn without_checksum(&self) -> bool {
        self.waiting.no_checksum
    }
}

/// How many lists of peers have their own count.
const COUNTS: usize = 256;

/// The identifications of packets that routers may cut up. Each begins at a keyed place for its pair of addresses and
/// goes up by one; pairs share a few counts, so that nobody learns from his own how many packets go to others
/// (RFC 7739 §5.3).
#[derive(Clone, Debug)]
pub(super) struct Identifications {
    counts: alloc::boxed::Box<[u16; COUNTS]>,
}

impl Default for Identifications {
    fn default() -> Self {
        Self { counts: alloc::boxed::Box::new([0; COUNTS]) }
    }
}

impl Identifications {
    fn next(&mut self, keyed: u16) -> u16 {
        // The upper bits choose the count and the whole the place where it begins.
        let Some(count) = self.counts.get_mut(usize::from(keyed >> 8)) else {
            return keyed;
        };
        *count = count.wrapping_add(1);
        keyed.wrapping_add(*count)
    }
}

impl UdpTable {
    /// Whether there is something to send.
    pub(in crate::host) fn has_packet(&self) -> bool {
        self.channels.transmit.front().is_some()
    }

    /// Takes out the datagram whose turn it is. [`next_packet`](Self::next_packet) writes it as well.
    pub(in crate::host) fn poll_transmit(&mut self) -> Option<Outgoing> {
        let index = self.channels.transmit.front()?;
        let waiting = self.take_front(index)?;
        self.stats.sent += 1;
        Some(Outgoing { waiting })
    }

    /// Gives back what a datagram from [`poll_transmit`](Self::poll_transmit) lay in.
    pub(in crate::host) fn recycle(&mut self, outgoing: Outgoing) {
        self.sending.recycle(outgoing.waiting.octets);
    }

    /// Writes the next IP packet to the start of `out`, and says how many octets it has. `None` if there is nothing to
    /// send, or `out` has no room for it: then it stays.
    pub(in crate::host) fn next_packet(
        &mut self,
        out: &mut [u8],
        surroundings: &dyn Surroundings,
    ) -> Option<usize> {
        while let Some(index) = self.channels.transmit.front() {
            let waiting = self.channels.get(index).and_then(|row| self.sending.front(&row.sending))?;
            let tuple = waiting.tuple;
            let len = headers(tuple.local_ip().is_ipv4()) + waiting.octets.as_slice().len();
            if len > surroundings.path_mtu(tuple.remote_ip()) {
                // The path has become smaller meanwhile.
                if let Some(waiting) = self.take_front(index) {
                    self.stats.discarded += 1;
                    self.sending.recycle(waiting.octets);
                }
                continue;
            }
            if out.len() < len {
                return None;
            }
            let waiting = self.take_front(index)?;
            let written = self.emit(out, &waiting);
            self.sending.recycle(waiting.octets);
            match written {
                Ok(len) => {
                    self.stats.sent += 1;
                    return Some(len);
                }
                Err(error) => {
                    debug_assert!(false, "a datagram that was accepted and cannot be written: {error}");
                    self.stats.discarded += 1;
                }
            }
        }
        None
    }

    /// Takes the first datagram out of a channel's queue; the channel's next one comes after those of the others.
    fn take_front(&mut self, index: u32) -> Option<Waiting> {
        self.channels.transmit.remove(&mut self.channels.rows, index);
        let row = self.channels.get_mut(index)?;
        let waiting = self.sending.pop(&mut row.sending)?;
        if !row.sending.is_empty() {
            self.channels.transmit.push(&mut self.channels.rows, index);
        } else if row.role == Role::Orphan {
            self.channels.rows.remove(index);
            return Some(waiting);
        }
        let limit = self.send_limit(index);
        self.channels.check_room(index, limit, &self.sending);
        Some(waiting)
    }

    /// Headers and payload in one pass.
    fn emit(&mut self, out: &mut [u8], waiting: &Waiting) -> Result<usize, EmitError> {
        let Waiting { tuple, octets, hop_limit, traffic_class, dont_fragment, no_checksum } = waiting;
        let (local, remote) = (tuple.local(), tuple.remote());
        let payload = octets.as_slice();
        let udp = UdpRepr { src_port: local.port(), dst_port: remote.port() };
        let udp_len = payload.len() + crate::wire::UdpDatagram::HEADER_LEN;
        let ip_len = match (local.ip(), remote.ip()) {
            (IpAddr::V4(src), IpAddr::V4(dst)) => {
                let mut header = Ipv4Repr::new(src, dst, IpProtocol::UDP);
                (header.dscp, header.ecn) = (traffic_class >> 2, traffic_class & 3);
                header.dont_fragment = *dont_fragment;
                // What cannot be cut up needs no name for its pieces (RFC 6864 §4.1).
                header.id = if *dont_fragment { 0 } else { self.identification(local, remote) };
                header.ttl = *hop_limit;
                header.payload_len = udp_len;
                header.emit(out)?
            }
            (src, dst) => {
                let mut header = Ipv6Header::new(v6(src), v6(dst), IpProtocol::UDP);
                header.traffic_class = *traffic_class;
                header.flow_label = self.secret.flow_label(local, remote);
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

    fn identification(&mut self, local: SocketAddr, remote: SocketAddr) -> u16 {
        let pair = [local, remote].map(|addr| SocketAddr::new(addr.ip(), 0));
        let [local, remote] = pair;
        self.identifications.next(self.secret.identification(local, remote))
    }
}

fn v6(ip: IpAddr) -> Ipv6Addr {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    }
}

#[cfg(test)]
mod tests;
