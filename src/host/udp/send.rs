//! From the user's call to a queue.

use core::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::super::FiveTuple;
use super::bind::{any_address, is_destination};
use super::channel::Role;
use super::pool::{self, Waiting};
use super::{Socket, Surroundings, UdpBind, UdpSend, UdpSendError, UdpTable};
use crate::Instant;
use crate::connection::Payload;
use crate::wire::{IpProtocol, Ipv4Header, Ipv6Header, UdpDatagram};

/// The most octets that a datagram can have: what the length field of IPv4 leaves after two headers, and that of UDP
/// after one.
const fn longest(is_ipv4: bool) -> usize {
    let all = u16::MAX as usize - UdpDatagram::HEADER_LEN;
    if is_ipv4 { all - Ipv4Header::MIN_LEN } else { all }
}

/// Octets of the headers of IP and UDP.
pub(super) const fn headers(is_ipv4: bool) -> usize {
    let ip = if is_ipv4 { Ipv4Header::MIN_LEN } else { Ipv6Header::LEN };
    ip + UdpDatagram::HEADER_LEN
}

impl UdpTable {
    /// Queues a datagram: all of it, or nothing. Without `to` it goes to the peer.
    pub(super) fn send(
        &mut self,
        now: Instant,
        channel: u32,
        to: Option<SocketAddr>,
        payload: Payload<'_>,
        how: &UdpSend,
        surroundings: &dyn Surroundings,
    ) -> Result<(), UdpSendError> {
        if let Some(error) = self.channels.take_error(channel) {
            return Err(error.into());
        }
        let Some(row) = self.channels.get(channel) else {
            return Err(UdpSendError::NotConnected);
        };
        let Some(socket) = self.sockets.get(row.socket) else {
            return Err(UdpSendError::NotConnected);
        };
        let (options, is_flow) = (socket.options, row.role == Role::Flow);
        let tuple = if is_flow || socket.connected {
            to_peer(&row.tuple, to, how)?
        } else {
            let to = to.ok_or(UdpSendError::NotConnected)?;
            let local = source(socket, to, how, surroundings)?;
            FiveTuple::new(IpProtocol::UDP, local, to)
        };
        check_destination(tuple.remote(), options.broadcast)?;
        let dscp = how.dscp.unwrap_or(options.dscp);
        if dscp > 63 {
            return Err(UdpSendError::Dscp(dscp));
        }
        let hop_limit = how.hop_limit.unwrap_or(options.hop_limit);
        if hop_limit == 0 {
            return Err(UdpSendError::HopLimit);
        }
        let dont_fragment = how.dont_fragment.unwrap_or(options.dont_fragment);
        self.check_size(channel, &tuple, &payload, dont_fragment, surroundings)?;
        self.check_queue(channel, &payload)?;
        let waiting = Waiting {
            tuple,
            octets: self.sending.store(payload),
            hop_limit,
            traffic_class: dscp << 2 | how.ecn.bits(),
            dont_fragment,
            no_checksum: options.zero_checksum_send,
        };
        if let Some(row) = self.channels.get_mut(channel) {
            self.sending.push(&mut row.sending, waiting);
        }
        self.channels.transmit.push(&mut self.channels.rows, channel);
        self.stats.queued += 1;
        if is_flow && options.flows.is_some_and(|flows| flows.sending_refreshes) {
            self.refresh(now, channel);
        }
        Ok(())
    }

    /// Whether so large a datagram can ever go.
    fn check_size(
        &self,
        channel: u32,
        tuple: &FiveTuple,
        payload: &Payload<'_>,
        dont_fragment: bool,
        surroundings: &dyn Surroundings,
    ) -> Result<(), UdpSendError> {
        let is_ipv4 = tuple.local_ip().is_ipv4();
        let len = payload.len();
        let mut max = longest(is_ipv4);
        let memory = (self.send_limit(channel).octets as usize).min(self.sending.limit());
        if pool::cost_of(payload) > memory {
            max = max.min(pool::largest(memory));
        }
        if dont_fragment {
            max = max.min(surroundings.path_mtu(tuple.remote_ip()).saturating_sub(headers(is_ipv4)));
        }
        if len > max { Err(UdpSendError::TooLarge { len, max }) } else { Ok(()) }
    }

    /// Whether there is room now. If not, the user is told when there is.
    fn check_queue(&mut self, channel: u32, payload: &Payload<'_>) -> Result<(), UdpSendError> {
        let limit = self.send_limit(channel);
        let cost = pool::cost_of(payload);
        let Some(row) = self.channels.get(channel) else {
            return Err(UdpSendError::NotConnected);
        };
        let queue = &row.sending;
        let own = queue.len() < limit.datagrams.max(1) as usize
            && cost <= (limit.octets as usize).saturating_sub(queue.held());
        if own && cost <= self.sending.room() {
            return Ok(());
        }
        self.stats.would_block += 1;
        self.channels.found_no_room(channel, cost);
        if own {
            self.channels.starved.push(&mut self.channels.rows, channel);
        }
        Err(UdpSendError::WouldBlock)
    }
}

/// Both ends for who has a peer.
fn to_peer(tuple: &FiveTuple, to: Option<SocketAddr>, how: &UdpSend) -> Result<FiveTuple, UdpSendError> {
    let as_asked = |from: SocketAddr| {
        let from = FiveTuple::new(IpProtocol::UDP, from, tuple.remote()).local();
        from.ip() == tuple.local_ip() && (from.port() == 0 || from.port() == tuple.local_port())
    };
    if let Some(to) = to
        && FiveTuple::new(IpProtocol::UDP, tuple.local(), to) != *tuple
    {
        return Err(UdpSendError::Connected(tuple.remote()));
    }
    match how.from {
        Some(from) if !as_asked(from) => Err(UdpSendError::Source(Some(from))),
        _ => Ok(*tuple),
    }
}

/// Where a datagram to `to` comes from, for a socket without a peer.
fn source(
    socket: &Socket,
    to: SocketAddr,
    how: &UdpSend,
    surroundings: &dyn Surroundings,
) -> Result<SocketAddr, UdpSendError> {
    let bound = match socket.bound {
        None => return Err(UdpSendError::NotConnected),
        Some(UdpBind::Everything) => None,
        Some(UdpBind::Port(port)) => Some(any_address(SocketAddr::new(to.ip(), port))),
        Some(UdpBind::Socket(local)) => Some(local),
    };
    let Some(bound) = bound else {
        // It answers for others, and has to say for whom.
        let from = how.from.filter(|from| is_destination(*from) && !from.ip().is_multicast());
        let from = from.ok_or(UdpSendError::Source(how.from))?;
        return if from.is_ipv4() == to.is_ipv4() { Ok(from) } else { Err(UdpSendError::NoAddress(to)) };
    };
    if bound.is_ipv4() != to.is_ipv4() {
        return Err(UdpSendError::NoAddress(to));
    }
    if let Some(from) = how.from {
        let ip = from.ip();
        let address =
            if bound.ip().is_unspecified() { ip.is_ipv4() == to.is_ipv4() } else { ip == bound.ip() };
        let port = from.port() == 0 || from.port() == bound.port();
        if !address || !port || !surroundings.can_send_from(ip) {
            return Err(UdpSendError::Source(Some(from)));
        }
        return Ok(SocketAddr::new(ip, bound.port()));
    }
    // What is bound to a group to hear it sends from an address of the host's (RFC 1112 §6.1).
    if surroundings.can_send_from(bound.ip()) {
        return Ok(bound);
    }
    let ip = surroundings.source_for(to.ip()).filter(|ip| ip.is_ipv4() == to.is_ipv4());
    Ok(SocketAddr::new(ip.ok_or(UdpSendError::NoAddress(to))?, bound.port()))
}

fn check_destination(to: SocketAddr, broadcast: bool) -> Result<(), UdpSendError> {
    let is_broadcast = to.ip() == IpAddr::V4(Ipv4Addr::BROADCAST);
    if !is_destination(to) || is_broadcast && !broadcast {
        return Err(UdpSendError::Destination(to));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
