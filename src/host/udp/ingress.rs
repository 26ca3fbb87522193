//! Datagrams and reports that come in: whose they are, and whether they are to be believed.

use core::mem::size_of;
use core::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV6};

use super::super::{Checksums, FiveTuple};
use super::bind::any_address;
use super::channel::News;
use super::pool::{self, Queue, Waiting};
use super::{MAX_REPORTS, Socket, UdpDrop, UdpId, UdpNetworkError, UdpQueue, UdpReport, UdpTable};
use crate::Instant;
use crate::connection::Payload;
use crate::wire::{ChecksumStatus, IpProtocol, UdpDatagram};

/// What an IP packet for this host, or what was put together of fragments, has of UDP.
#[derive(Clone, Debug)]
pub(in crate::host) struct Arriving<'a> {
    pub(in crate::host) src: IpAddr,
    pub(in crate::host) dst: IpAddr,
    /// The number of the link, for link-local addresses.
    pub(in crate::host) scope: u32,
    /// DSCP in the upper six bits, ECN in the lower two.
    pub(in crate::host) traffic_class: u8,
    pub(in crate::host) hop_limit: u8,
    pub(in crate::host) checksums: Checksums,
    /// From the header of UDP on to where the IP packet ends.
    pub(in crate::host) payload: Payload<'a>,
}

/// What became of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::host) enum Udp {
    /// It was queued for the user of this socket, or of one of its flows.
    Delivered(UdpId),
    /// It is whole, and nobody has its port: ICMP may say so (RFC 1122 §4.1.3.1), at the rate that the host allows
    /// and never to a group or a broadcast.
    NoSocket,
    /// It was not taken, and counted.
    Dropped(UdpDrop),
}

/// Who gets a datagram.
#[derive(Clone, Copy)]
enum Target {
    /// A socket: its row and its channel.
    Socket(u32, u32),
    /// A flow that there is, of this socket: its channel.
    Flow(u32, u32),
    /// A flow that is still to begin, at this socket.
    NewFlow(u32),
}

impl Target {
    const fn socket(self) -> u32 {
        match self {
            Self::Socket(socket, _) | Self::Flow(socket, _) | Self::NewFlow(socket) => socket,
        }
    }
}

impl UdpTable {
    /// Takes in a datagram.
    pub(in crate::host) fn on_datagram(&mut self, now: Instant, arriving: Arriving<'_>) -> Udp {
        self.stats.received += 1;
        let outcome = self.take_in(now, arriving);
        match outcome {
            Udp::Delivered(_) => self.stats.delivered += 1,
            Udp::NoSocket => self.stats.no_socket += 1,
            Udp::Dropped(reason) => self.stats.drop(reason),
        }
        outcome
    }

    fn take_in(&mut self, now: Instant, arriving: Arriving<'_>) -> Udp {
        let octets = arriving.payload.as_slice();
        let datagram = match UdpDatagram::parse(octets, octets.len()) {
            // A length of zero belongs to jumbograms (RFC 2675 §4), which do not come here. What lies behind the
            // datagram, if the IP packet is longer, is passed over.
            Ok(datagram) if datagram.length != 0 && !datagram.is_truncated() => datagram,
            _ => return Udp::Dropped(UdpDrop::Length),
        };
        if !may_send(arriving.src) {
            return Udp::Dropped(UdpDrop::Source);
        }
        if datagram.dst_port == 0 {
            return Udp::Dropped(UdpDrop::Port);
        }
        let local = socket_addr(arriving.dst, datagram.dst_port, arriving.scope);
        let remote = socket_addr(arriving.src, datagram.src_port, arriving.scope);
        let tuple = FiveTuple::new(IpProtocol::UDP, local, remote);
        let hash = self.hash_if_needed(&tuple);
        let target = self.target(&tuple, hash);
        let socket = target.and_then(|target| self.sockets.get(target.socket()));
        if let Err(reason) = check_sum(&arriving, &datagram, socket) {
            return Udp::Dropped(reason);
        }
        let Some(target) = target else {
            return Udp::NoSocket;
        };
        let payload = payload_of(&arriving.payload, &datagram);
        match self.deliver(now, target, tuple, hash, (arriving.hop_limit, arriving.traffic_class), payload) {
            Ok(id) => Udp::Delivered(id),
            Err(reason) => {
                if let Some(socket) = self.sockets.get_mut(target.socket()) {
                    socket.dropped += 1;
                }
                Udp::Dropped(reason)
            }
        }
    }

    /// One hash serves both tables, and is not made where neither can have anything.
    fn hash_if_needed(&self, tuple: &FiveTuple) -> u64 {
        if self.connected.len() > 0 || self.with_flows > 0 { self.hash(tuple) } else { 0 }
    }

    /// The most specific socket that takes such datagrams.
    fn target(&self, tuple: &FiveTuple, hash: u64) -> Option<Target> {
        if self.connected.len() > 0
            && let Some(channel) = self.find(&self.connected, tuple, hash)
        {
            return Some(Target::Socket(self.channels.get(channel)?.socket, channel));
        }
        let index = self.listening(tuple)?;
        let socket = self.sockets.get(index)?;
        if socket.options.flows.is_none() {
            return Some(Target::Socket(index, socket.channel));
        }
        let flow = self.find(&self.flows, tuple, hash);
        // A flow of another socket, made when that was the most specific, is not ours to fill.
        match flow.and_then(|channel| Some((channel, self.channels.get(channel)?.socket))) {
            Some((channel, owner)) if owner == index => Some(Target::Flow(index, channel)),
            _ => Some(Target::NewFlow(index)),
        }
    }

    /// The most specific socket that is not connected.
    fn listening(&self, tuple: &FiveTuple) -> Option<u32> {
        let local = tuple.local();
        let unconnected = |place| {
            self.find_bound(place)
                .filter(|&index| self.sockets.get(index).is_some_and(|socket| !socket.connected))
        };
        unconnected(local).or_else(|| unconnected(any_address(local))).or(self.everything)
    }

    fn deliver(
        &mut self,
        now: Instant,
        target: Target,
        tuple: FiveTuple,
        hash: u64,
        (hop_limit, traffic_class): (u8, u8),
        payload: Payload<'_>,
    ) -> Result<UdpId, UdpDrop> {
        let cost = pool::cost_of(&payload);
        if let Target::Flow(_, channel) = target {
            self.refresh(now, channel);
        }
        self.has_room(target, cost)?;
        let (index, channel) = match target {
            Target::Socket(index, channel) | Target::Flow(index, channel) => (index, channel),
            Target::NewFlow(index) => (index, self.begin_flow(now, index, tuple, hash)?),
        };
        let octets = self.received.store(payload);
        let waiting =
            Waiting { tuple, octets, hop_limit, traffic_class, dont_fragment: false, no_checksum: false };
        let cost = waiting.cost();
        if let Some(row) = self.channels.get_mut(channel) {
            self.received.push(&mut row.received, waiting);
        }
        if !matches!(target, Target::Socket(..))
            && let Some(socket) = self.sockets.get_mut(index)
        {
            socket.flows_held += cost;
        }
        self.channels.arrived(channel);
        Ok(self.id(index))
    }

    /// Whether a datagram that takes `cost` octets of memory may be queued. The newest is the one that goes: what was
    /// accepted stays.
    fn has_room(&self, target: Target, cost: usize) -> Result<(), UdpDrop> {
        let options = self.sockets.get(target.socket()).map(|socket| (&socket.options, socket.flows_held));
        let Some((options, flows_held)) = options else {
            return Err(UdpDrop::MemoryFull);
        };
        let (limit, channel) = match (target, options.flows) {
            (Target::Socket(_, channel), _) => (options.receive, Some(channel)),
            (Target::Flow(_, channel), Some(flows)) => (flows.receive, Some(channel)),
            (_, flows) => (flows.map_or(options.receive, |flows| flows.receive), None),
        };
        let empty = Queue::new();
        let queue =
            channel.and_then(|channel| self.channels.get(channel)).map_or(&empty, |row| &row.received);
        if queue.len() >= limit.datagrams.max(1) as usize {
            return Err(UdpDrop::QueueFull);
        }
        let shared = match (target, options.flows) {
            (Target::Socket(..), _) | (_, None) => usize::MAX,
            (_, Some(flows)) => (flows.receive_memory as usize).saturating_sub(flows_held),
        };
        let UdpQueue { octets, .. } = limit;
        let room = (octets as usize).saturating_sub(queue.held()).min(shared).min(self.received.room());
        if cost > room { Err(UdpDrop::MemoryFull) } else { Ok(()) }
    }

    /// Whether a datagram of that flow can have been ours: a socket is connected so, has such a flow, or is bound where
    /// it came from.
    pub(in crate::host) fn has_sent(&self, tuple: &FiveTuple) -> bool {
        let hash = self.hash_if_needed(tuple);
        let found = self.find(&self.connected, tuple, hash).or_else(|| self.find(&self.flows, tuple, hash));
        found.is_some()
            || self.find_bound(tuple.local()).is_some()
            || self.find_bound(any_address(tuple.local())).is_some()
    }

    /// What the network said about a datagram of ours, with its two ends as we see them. Whether it is passed on: to
    /// the connected socket or the flow with just these ends, or to whoever asked for such reports.
    pub(in crate::host) fn on_error(&mut self, tuple: &FiveTuple, error: UdpNetworkError) -> bool {
        let passed_on = self.pass_on(tuple, error);
        match passed_on {
            true => self.stats.errors += 1,
            false => self.stats.errors_ignored += 1,
        }
        passed_on
    }

    fn pass_on(&mut self, tuple: &FiveTuple, error: UdpNetworkError) -> bool {
        let hash = self.hash_if_needed(tuple);
        let found = self.find(&self.connected, tuple, hash).or_else(|| self.find(&self.flows, tuple, hash));
        if let Some(index) = found {
            let Some(channel) = self.channels.get_mut(index) else {
                return false;
            };
            // The latest is the truest. Who was told that there is an error is not told again.
            if channel.error.replace(error).is_none() {
                self.channels.tell(index, News::ERROR);
            }
            return true;
        }
        let Some(socket) = self.listening(tuple).and_then(|index| self.sockets.get_mut(index)) else {
            return false;
        };
        if !socket.options.report_errors || socket.reports.len() >= MAX_REPORTS {
            return false;
        }
        let first = socket.reports.is_empty();
        let before = socket.reports.capacity();
        socket.reports.push_back(UdpReport { from: tuple.local(), to: tuple.remote(), error });
        self.reports_held += (socket.reports.capacity() - before) * size_of::<UdpReport>();
        let channel = socket.channel;
        if first {
            self.channels.tell(channel, News::ERROR);
        }
        true
    }
}

/// Whether anybody can have sent from there (RFC 1122 §4.1.3.6). 0.0.0.0 is who has no address yet (§3.2.1.3), as
/// clients of DHCP; in IPv6 they have one (RFC 4291 §2.5.2).
fn may_send(src: IpAddr) -> bool {
    match src {
        IpAddr::V4(ip) => {
            let [network, ..] = ip.octets();
            (network != 0 || ip.is_unspecified()) && !ip.is_multicast() && ip != Ipv4Addr::BROADCAST
        }
        IpAddr::V6(ip) => !ip.is_multicast() && !ip.is_unspecified() && ip.to_ipv4_mapped().is_none(),
    }
}

fn socket_addr(ip: IpAddr, port: u16, scope: u32) -> SocketAddr {
    match ip {
        IpAddr::V4(_) => SocketAddr::new(ip, port),
        IpAddr::V6(ip) => SocketAddr::V6(SocketAddrV6::new(ip, port, 0, scope)),
    }
}

/// Believes a datagram, or not. Without a checksum it is taken over IPv4 (RFC 768, RFC 1122 §4.1.3.4); over IPv6 only
/// by a socket that asked for that (RFC 6935 §5): nobody else hears of it, ICMP included. A checksum that is there
/// has to be right in any case (RFC 6936 §4).
fn check_sum(
    arriving: &Arriving<'_>,
    datagram: &UdpDatagram<'_>,
    socket: Option<&Socket>,
) -> Result<(), UdpDrop> {
    if datagram.checksum == 0 {
        let allowed =
            arriving.src.is_ipv4() || socket.is_some_and(|socket| socket.options.zero_checksum_receive);
        return if allowed { Ok(()) } else { Err(UdpDrop::ZeroChecksum) };
    }
    if arriving.checksums == Checksums::Verified {
        return Ok(());
    }
    match datagram.checksum_status(arriving.src, arriving.dst) {
        ChecksumStatus::Good => Ok(()),
        ChecksumStatus::Offloaded if arriving.checksums == Checksums::Partial => Ok(()),
        _ => Err(UdpDrop::Checksum),
    }
}

/// The octets behind the header, by reference if the packet can be kept.
fn payload_of<'a>(packet: &Payload<'a>, datagram: &UdpDatagram<'_>) -> Payload<'a> {
    let (start, len) = (UdpDatagram::HEADER_LEN, datagram.payload.len());
    match packet {
        Payload::Slice(octets) => Payload::Slice(octets.get(start..start + len).unwrap_or_default()),
        Payload::Bytes { octets, pinned } => {
            let end = (start + len).min(octets.len());
            Payload::Bytes { octets: octets.slice(start.min(end)..end), pinned: *pinned }
        }
    }
}

#[cfg(test)]
mod tests;
