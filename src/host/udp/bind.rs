//! Sockets come and go, and get a peer or part with it.

use alloc::collections::VecDeque;
use core::mem::size_of;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::super::FiveTuple;
use super::channel::{Channel, Role};
use super::ring::{Kind, Ring};
use super::{
    Socket, Surroundings, UdpBind, UdpBindError, UdpConnectError, UdpId, UdpOptions, UdpReport, UdpTable,
};
use crate::wire::IpProtocol;

/// Chooses a port (RFC 6056) for our own address and a peer, which may both be unspecified, of which the closure says
/// that it is free.
pub(in crate::host) type ChoosePort<'a> =
    &'a mut dyn FnMut(IpAddr, SocketAddr, &dyn Fn(u16) -> bool) -> Option<u16>;

const ANY_V4: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
const ANY_V6: IpAddr = IpAddr::V6(Ipv6Addr::UNSPECIFIED);

/// The name under which a socket with this address and port is found.
pub(super) fn name(local: SocketAddr) -> FiveTuple {
    let nobody = if local.is_ipv4() { ANY_V4 } else { ANY_V6 };
    FiveTuple::new(IpProtocol::UDP, local, SocketAddr::new(nobody, 0))
}

/// The same port of any address of that version.
pub(super) const fn any_address(local: SocketAddr) -> SocketAddr {
    SocketAddr::new(if local.is_ipv4() { ANY_V4 } else { ANY_V6 }, local.port())
}

/// Whether datagrams can be sent there. Broadcasts are another question.
pub(super) fn is_destination(to: SocketAddr) -> bool {
    let is_somebody = match to.ip() {
        IpAddr::V4(ip) => !ip.is_unspecified(),
        // An IPv4 address in the form of IPv6 names an API's socket and stands in no header (RFC 4038 §4.2).
        IpAddr::V6(ip) => !ip.is_unspecified() && ip.to_ipv4_mapped().is_none(),
    };
    is_somebody && to.port() != 0
}

/// The places that a socket takes.
fn places(bound: UdpBind) -> impl Iterator<Item = SocketAddr> {
    let (first, second) = match bound {
        UdpBind::Socket(local) => (Some(local), None),
        UdpBind::Port(port) => (Some(SocketAddr::new(ANY_V4, port)), Some(SocketAddr::new(ANY_V6, port))),
        UdpBind::Everything => (None, None),
    };
    [first, second].into_iter().flatten()
}

fn check(options: &UdpOptions) -> Result<(), UdpBindError> {
    if options.dscp > 63 {
        return Err(UdpBindError::Dscp(options.dscp));
    }
    if options.hop_limit == 0 {
        return Err(UdpBindError::HopLimit);
    }
    Ok(())
}

impl UdpTable {
    /// Makes a socket. Sockets with an address may share their port with one for any address; no two have the same
    /// place.
    pub(in crate::host) fn bind(
        &mut self,
        bound: UdpBind,
        options: UdpOptions,
        surroundings: &dyn Surroundings,
        choose: ChoosePort<'_>,
    ) -> Result<UdpId, UdpBindError> {
        check(&options)?;
        self.has_place()?;
        if let UdpBind::Socket(local) = bound
            && (!local.ip().is_unspecified() && !surroundings.is_ours(local.ip()) || is_mapped(local.ip()))
        {
            return Err(UdpBindError::Address(local.ip()));
        }
        let free = |port| !self.ports.contains_key(&port);
        let bound = match bound {
            UdpBind::Socket(local) if local.port() == 0 => {
                let mut local = local;
                let port = choose(local.ip(), name(local).remote(), &free);
                local.set_port(port.ok_or(UdpBindError::NoPort)?);
                UdpBind::Socket(local)
            }
            UdpBind::Port(0) => {
                let nobody = SocketAddr::new(ANY_V6, 0);
                UdpBind::Port(choose(ANY_V6, nobody, &free).ok_or(UdpBindError::NoPort)?)
            }
            bound => bound,
        };
        if self.is_taken(bound) {
            return Err(UdpBindError::InUse(bound));
        }
        let first = places(bound).next().unwrap_or(SocketAddr::new(ANY_V4, 0));
        let index = self.add(name(first), options, first.port());
        self.take_place(index, bound);
        Ok(self.id(index))
    }

    /// Makes a socket that exists only as it is connected: it takes nobody's place, so that a server can have one for
    /// each of its peers beside the one that everybody finds. Port 0 is any that is free.
    pub(in crate::host) fn open(
        &mut self,
        local: SocketAddr,
        remote: SocketAddr,
        options: UdpOptions,
        surroundings: &dyn Surroundings,
        choose: ChoosePort<'_>,
    ) -> Result<UdpId, UdpBindError> {
        check(&options)?;
        self.has_place()?;
        if options.flows.is_some() {
            return Err(UdpConnectError::ManyPeers.into());
        }
        if !local.ip().is_unspecified() && !surroundings.is_ours(local.ip()) || is_mapped(local.ip()) {
            return Err(UdpBindError::Address(local.ip()));
        }
        let mut local = near_end(local, remote, surroundings)?;
        if local.port() == 0 {
            let with = |port| {
                let mut local = local;
                local.set_port(port);
                local
            };
            let free = |port| {
                let tuple = FiveTuple::new(IpProtocol::UDP, with(port), remote);
                let local = tuple.local();
                self.find_connected(&tuple).is_none()
                    && self.find_bound(local).is_none()
                    && self.find_bound(any_address(local)).is_none()
            };
            local = with(choose(local.ip(), remote, &free).ok_or(UdpBindError::NoPort)?);
        }
        let tuple = FiveTuple::new(IpProtocol::UDP, local, remote);
        if self.find_connected(&tuple).is_some() {
            return Err(UdpConnectError::InUse(remote).into());
        }
        let index = self.add(tuple, options, local.port());
        self.join(index, tuple);
        Ok(self.id(index))
    }

    fn has_place(&self) -> Result<(), UdpBindError> {
        let max = self.config.max_sockets;
        if self.sockets.len() >= max as usize { Err(UdpBindError::TooMany(max)) } else { Ok(()) }
    }

    fn is_taken(&self, bound: UdpBind) -> bool {
        match bound {
            UdpBind::Everything => self.everything.is_some(),
            _ => places(bound).any(|local| self.find_bound(local).is_some()),
        }
    }

    /// A row, and a channel for it.
    fn add(&mut self, tuple: FiveTuple, options: UdpOptions, port: u16) -> u32 {
        let index = self.sockets.insert(Socket {
            options,
            bound: None,
            port,
            channel: 0,
            connected: false,
            idle: Ring::new(Kind::Idle),
            flows: 0,
            ended: Ring::new(Kind::Idle),
            flows_held: 0,
            reports: VecDeque::new(),
            dropped: 0,
        });
        let channel = self.channels.rows.insert(Channel::new(tuple, index, Role::Socket));
        if let Some(socket) = self.sockets.get_mut(index) {
            socket.channel = channel;
        }
        *self.ports.entry(port).or_insert(0) += 1;
        self.with_flows += u32::from(options.flows.is_some());
        index
    }

    fn take_place(&mut self, index: u32, bound: UdpBind) {
        if let UdpBind::Everything = bound {
            self.everything = Some(index);
        }
        for local in places(bound) {
            let hash = self.hash(&name(local));
            self.bound.insert(hash, index);
        }
        if let Some(socket) = self.sockets.get_mut(index) {
            socket.bound = Some(bound);
        }
    }

    /// The socket has this peer from now on.
    fn join(&mut self, index: u32, tuple: FiveTuple) {
        let Some(socket) = self.sockets.get_mut(index) else {
            return;
        };
        socket.connected = true;
        let channel = socket.channel;
        if let Some(channel) = self.channels.get_mut(channel) {
            channel.tuple = tuple;
        }
        let hash = self.hash(&tuple);
        self.connected.insert(hash, channel);
    }

    fn part(&mut self, index: u32) {
        let Some(socket) = self.sockets.get_mut(index).filter(|socket| socket.connected) else {
            return;
        };
        socket.connected = false;
        let channel = socket.channel;
        if let Some(tuple) = self.channels.get(channel).map(|channel| channel.tuple) {
            let hash = self.hash(&tuple);
            self.connected.remove(hash, channel);
        }
    }

    /// The socket sends to `remote` only, hears from it only, and of errors. What has come already stays to be read.
    pub(super) fn connect(
        &mut self,
        index: u32,
        remote: SocketAddr,
        surroundings: &dyn Surroundings,
    ) -> Result<(), UdpConnectError> {
        let Some((socket, channel)) =
            self.sockets.get(index).and_then(|socket| Some((socket, self.channels.get(socket.channel)?)))
        else {
            return Err(UdpConnectError::NotConnected);
        };
        let local = match socket.bound {
            _ if socket.options.flows.is_some() => return Err(UdpConnectError::ManyPeers),
            Some(UdpBind::Everything) => return Err(UdpConnectError::ManyPeers),
            Some(UdpBind::Port(port)) => any_address(SocketAddr::new(remote.ip(), port)),
            Some(UdpBind::Socket(local)) => local,
            None => channel.tuple.local(),
        };
        let tuple = FiveTuple::new(IpProtocol::UDP, near_end(local, remote, surroundings)?, remote);
        match self.find_connected(&tuple) {
            Some(other) if other == socket.channel => return Ok(()),
            Some(_) => return Err(UdpConnectError::InUse(remote)),
            None => {}
        }
        self.part(index);
        self.join(index, tuple);
        Ok(())
    }

    /// The socket is for everybody again. One that existed only as it was connected takes the place of its address
    /// and port, if that is free.
    pub(super) fn disconnect(&mut self, index: u32) -> Result<(), UdpConnectError> {
        let Some(socket) = self.sockets.get(index).filter(|socket| socket.connected) else {
            return Err(UdpConnectError::NotConnected);
        };
        let (bound, channel) = (socket.bound, socket.channel);
        let Some(tuple) = self.channels.get(channel).map(|channel| channel.tuple) else {
            return Err(UdpConnectError::NotConnected);
        };
        let place = bound.unwrap_or(UdpBind::Socket(tuple.local()));
        if bound.is_none() && self.is_taken(place) {
            return Err(UdpConnectError::InUse(tuple.local()));
        }
        self.part(index);
        if bound.is_none() {
            self.take_place(index, place);
        }
        if let Some(channel) = self.channels.get_mut(channel) {
            channel.tuple = name(places(place).next().unwrap_or(tuple.local()));
        }
        // An error about somebody who is not the peer any more.
        self.channels.take_error(channel);
        Ok(())
    }

    /// Forgets a socket, its flows and what nobody has read. What was queued to be sent is still sent.
    pub(in crate::host) fn close(&mut self, id: UdpId) -> bool {
        if self.socket_of(id).is_none() {
            return false;
        }
        self.close_flows(id.index);
        self.part(id.index);
        let Some(socket) = self.sockets.remove(id.index) else {
            return false;
        };
        for local in socket.bound.into_iter().flat_map(places) {
            let hash = self.hash(&name(local));
            self.bound.remove(hash, id.index);
        }
        if self.everything == Some(id.index) {
            self.everything = None;
        }
        if let Some(count) = self.ports.get_mut(&socket.port) {
            *count -= 1;
            if *count == 0 {
                self.ports.remove(&socket.port);
            }
        }
        self.reports_held -= socket.reports.capacity() * size_of::<UdpReport>();
        self.with_flows -= u32::from(socket.options.flows.is_some());
        self.let_go(socket.channel);
        true
    }

    /// A channel whose user is gone: it goes too, as soon as it has sent what was queued.
    pub(super) fn let_go(&mut self, index: u32) {
        self.channels.ready.remove(&mut self.channels.rows, index);
        self.channels.starved.remove(&mut self.channels.rows, index);
        let Some(channel) = self.channels.rows.get_mut(index) else {
            return;
        };
        self.stats.unread += self.received.clear(&mut channel.received);
        channel.role = Role::Orphan;
        channel.end_sending();
        if channel.sending.is_empty() {
            self.channels.remove(index);
        }
    }

    pub(super) fn find_connected(&self, tuple: &FiveTuple) -> Option<u32> {
        self.find(&self.connected, tuple, self.hash(tuple))
    }

    /// The channel of this name in a table of such.
    pub(super) fn find(&self, table: &super::Demux, tuple: &FiveTuple, hash: u64) -> Option<u32> {
        let is_it = |index| self.channels.get(index).is_some_and(|channel| channel.tuple == *tuple);
        table.find(hash, is_it)
    }

    /// The socket that has this place; an unspecified address stands for any.
    pub(super) fn find_bound(&self, local: SocketAddr) -> Option<u32> {
        if self.bound.len() == 0 {
            return None;
        }
        let wanted = name(local);
        let has_it = |index| {
            let bound = self.sockets.get(index).and_then(|socket| socket.bound);
            bound.into_iter().flat_map(places).any(|place| name(place) == wanted)
        };
        self.bound.find(self.hash(&wanted), has_it)
    }
}

fn is_mapped(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V6(ip) if ip.to_ipv4_mapped().is_some())
}

/// Our own end of a connected socket.
fn near_end(
    local: SocketAddr,
    remote: SocketAddr,
    surroundings: &dyn Surroundings,
) -> Result<SocketAddr, UdpConnectError> {
    if !is_destination(remote) {
        return Err(UdpConnectError::Destination(remote));
    }
    if local.is_ipv4() != remote.is_ipv4() {
        return Err(UdpConnectError::NoAddress(remote));
    }
    if !local.ip().is_unspecified() {
        // Nobody's answers come to a group.
        let sends = surroundings.can_send_from(local.ip());
        return if sends { Ok(local) } else { Err(UdpConnectError::NoAddress(remote)) };
    }
    let ip = surroundings.source_for(remote.ip()).filter(|ip| ip.is_ipv4() == remote.is_ipv4());
    Ok(SocketAddr::new(ip.ok_or(UdpConnectError::NoAddress(remote))?, local.port()))
}

#[cfg(test)]
mod tests;
