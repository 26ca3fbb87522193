//! Echo requests that are answered (RFC 1122 §3.2.2.6, RFC 4443 §4.2).

use alloc::vec;
use core::net::IpAddr;

use super::{Arrived, Icmp, IcmpKind, Silence, is_one_host};
use crate::Instant;
use crate::wire::fragment::Pieces;
use crate::wire::icmp::HEADER_LEN;
use crate::wire::{
    Echo, EmitError, Icmpv4Message, Icmpv6Message, IpProtocol, Ipv4Header, Ipv4Repr, Ipv6Header,
};

/// Octets of the smallest MTU that is reckoned with: an answer is not cut into more pieces than that makes.
const MIN_MTU: usize = 128;

impl Icmp {
    /// Answers a request with what it brought.
    pub(super) fn answer(&mut self, now: Instant, arrived: &Arrived<'_>, request: Echo<'_>) {
        match self.try_to_answer(now, arrived, request) {
            Ok(()) => self.stats.say(IcmpKind::EchoReply),
            Err(why) => self.stats.withhold(why),
        }
    }

    fn try_to_answer(
        &mut self,
        now: Instant,
        arrived: &Arrived<'_>,
        request: Echo<'_>,
    ) -> Result<(), Silence> {
        let asker = arrived.packet.src;
        if !self.config.echo {
            return Err(Silence::Off);
        }
        if !is_one_host(asker, arrived.origin) {
            return Err(Silence::Source);
        }
        if arrived.is_to_group() && !self.config.echo_to_groups {
            return Err(Silence::Group);
        }
        if request.data.len() > usize::from(self.config.echo_data) {
            return Err(Silence::TooLong);
        }
        let (len, mtu) = (Ipv6Header::LEN + HEADER_LEN + request.data.len(), arrived.mtu.max(MIN_MTU));
        // Each piece has a header of at most 48 octets, and up to 7 that do not divide by eight.
        let pieces = if len <= mtu { 1 } else { len.div_ceil(mtu - 56) };
        if !self.out.has_room(len + (pieces - 1) * 48, pieces) {
            return Err(Silence::Full);
        }
        if !self.rates.allow_echo(now) {
            return Err(Silence::Limited);
        }
        let mut reply = vec![0; len];
        let written = self.write_reply(&mut reply, arrived, request).map_err(|_| Silence::Unreadable)?;
        reply.truncate(written);
        if written <= mtu {
            self.out.push(asker, reply);
            return Ok(());
        }
        let mut pieces = Pieces::of(&reply, mtu, arrived.id).map_err(|_| Silence::TooLong)?;
        let mut piece = vec![0; mtu];
        while let Ok(Some(len)) = pieces.emit_next(&mut piece) {
            self.out.push(asker, piece.get(..len).unwrap_or_default().into());
        }
        Ok(())
    }

    fn write_reply(
        &self,
        out: &mut [u8],
        arrived: &Arrived<'_>,
        request: Echo<'_>,
    ) -> Result<usize, EmitError> {
        // The code point comes back (RFC 1122 §3.2.2.6), the mark of congestion does not: this is no transport that
        // would heed it (RFC 3168 §5).
        let dscp = arrived.packet.traffic_class >> 2;
        match (arrived.local, arrived.packet.src) {
            (IpAddr::V4(from), IpAddr::V4(to)) => {
                let (header, body) = out.split_at_mut_checked(Ipv4Header::MIN_LEN).unwrap_or_default();
                let payload_len = Icmpv4Message::EchoReply(request).emit(body)?;
                let repr = Ipv4Repr {
                    dscp,
                    id: arrived.id as u16,
                    // Nothing is kept by which a report that the path is narrower could be believed: routers may cut
                    // the packet up.
                    dont_fragment: false,
                    ttl: self.hop_limit,
                    payload_len,
                    ..Ipv4Repr::new(from, to, IpProtocol::ICMP)
                };
                Ok(repr.emit(header)? + payload_len)
            }
            (IpAddr::V6(from), IpAddr::V6(to)) => {
                let (header, body) = out.split_at_mut_checked(Ipv6Header::LEN).unwrap_or_default();
                let len = Icmpv6Message::EchoReply(request).emit(body, from, to)?;
                let ip = Ipv6Header {
                    traffic_class: dscp << 2,
                    hop_limit: self.hop_limit,
                    payload_len: len as u16,
                    ..Ipv6Header::new(from, to, IpProtocol::ICMPV6)
                };
                Ok(ip.emit(header)? + len)
            }
            // An answer from another version than the question does not exist.
            _ => Err(EmitError::BufferTooSmall { needed: 0, available: out.len() }),
        }
    }
}

#[cfg(test)]
mod tests;
