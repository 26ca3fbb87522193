//! UDP: sockets, and flows for those who do as a NAT does (RFC 768, RFC 8085, RFC 4787).
//!
//! Datagrams come in verified as far as IP goes and wait in bounded queues to be read; what users send waits in
//! bounded queues to be polled. UDP itself never answers anything: a datagram that nobody wants is
//! [`Udp::NoSocket`], and what ICMP says to that is the host's affair, so two hosts cannot be made to talk to one
//! another without end.
//!
//! | file | what |
//! |---|---|
//! | `bind` | sockets come and go; connect and disconnect |
//! | `ingress` | which socket gets a datagram, and whether it is to be believed |
//! | `flows` | a row for each peer; idle times; the oldest goes |
//! | `send`, `egress` | from the user's call to a queue; from the queues to packets, each in turn |
//! | `user` | what a user can do with a socket or a flow |
//! | `channel`, `ring` | the row of a socket or flow: queues, news, places in lists |
//! | `pool` | the datagrams that wait, and their memory |

use alloc::collections::{BTreeMap, VecDeque};
use core::mem::size_of;
use core::net::IpAddr;

use super::demux::Demux;
use super::slab::Slab;
use super::wheel::Wheel;
use super::{FiveTuple, UdpFlowId, UdpId};
use crate::secret::Secret;

mod bind;
mod channel;
mod config;
mod egress;
mod error;
mod flows;
mod ingress;
mod pool;
mod ring;
mod send;
mod stats;
mod user;

use channel::{Channels, Role};
pub use config::{UdpBind, UdpConfig, UdpFlows, UdpOptions, UdpQueue, UdpSend};
pub use error::{UdpBindError, UdpConnectError, UdpNetworkError, UdpReport, UdpSendError};
pub(super) use ingress::{Arriving, Udp};
use pool::Pool;
use ring::Ring;
pub use stats::{UdpDrop, UdpStats};
pub use user::{UdpDatagram, UdpFlowMut, UdpMut, UdpRead};

/// Errors that wait at a socket that is not connected.
const MAX_REPORTS: usize = 8;

/// What UDP has to know of the host that it is part of.
pub(crate) trait Surroundings: core::fmt::Debug {
    /// The address from which packets go to `remote`; `None` if there is none of that version of IP.
    fn source_for(&self, remote: IpAddr) -> Option<IpAddr>;
    /// Whether a socket can have this address: it is the host's, or a group or broadcast that it takes part in, or
    /// the host takes any.
    fn is_ours(&self, ip: IpAddr) -> bool;
    /// Whether datagrams can come from this address: it is the host's alone, no group and no broadcast (RFC 1122
    /// §3.2.1.3, RFC 1112 §6.1).
    fn can_send_from(&self, ip: IpAddr) -> bool;
    /// Octets of the largest IP packet that goes to `remote` uncut.
    fn path_mtu(&self, remote: IpAddr) -> usize;
}

/// What a socket or a flow is ready for.
///
/// A bit rises when a call that had found nothing, or no room, would now do better, and does not rise again before
/// such an answer was given again: a reader who reads until there is nothing misses nothing, and is told once for
/// each time. What comes together before it was polled is told together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct UdpReady {
    /// The flow is new.
    pub new: bool,
    /// There is a datagram to read.
    pub readable: bool,
    /// There is room to send: a third of the queue at least, and as much as was asked for.
    pub writable: bool,
    /// The network reported an error: the next call says which, or
    /// [`next_report`](UdpMut::next_report) if the socket is not connected.
    pub error: bool,
    /// The flow is over: its id is stale already.
    pub ended: Option<FlowEnd>,
}

/// How a flow came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FlowEnd {
    /// Nothing has come for too long ([`UdpFlows::idle`]).
    Idle,
    /// It was idle longest when another one needed its place.
    Evicted,
}

/// Something to tell about a socket, or one of its flows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct UdpEvent {
    /// The socket.
    pub id: UdpId,
    /// The flow, if it is about one.
    pub flow: Option<UdpFlowId>,
    /// What the user has marked the socket with.
    pub tag: u64,
    /// What there is to tell.
    pub ready: UdpReady,
}

/// A socket's row; its queues are in a channel.
#[derive(Clone, Debug)]
struct Socket {
    options: UdpOptions,
    /// Where it was bound; `None` for one that exists only as it is connected.
    bound: Option<UdpBind>,
    /// The port that is counted as taken.
    port: u16,
    channel: u32,
    connected: bool,
    /// Its flows, the one that was idle longest first.
    idle: Ring,
    flows: u32,
    /// Flows that are over and were not polled.
    ended: Ring,
    /// Octets of memory behind what waits to be read in its flows.
    flows_held: usize,
    reports: VecDeque<UdpReport>,
    /// Datagrams for which there was no room.
    dropped: u64,
}

/// All UDP sockets of a host.
#[derive(Clone, Debug)]
pub(super) struct UdpTable {
    config: UdpConfig,
    secret: Secret,
    sockets: Slab<Socket>,
    channels: Channels,
    /// Connected sockets, by five-tuple: their channels.
    connected: Demux,
    /// Flows, by five-tuple: their channels.
    flows: Demux,
    /// Sockets by address and port; the address is unspecified if it can be any.
    bound: Demux,
    everything: Option<u32>,
    /// Sockets with flows.
    with_flows: u32,
    /// Sockets that have a port.
    ports: BTreeMap<u16, u32>,
    received: Pool,
    sending: Pool,
    /// When flows are over.
    idle: Wheel,
    /// Flows that are over, of which the user was not told yet.
    ended: u32,
    half_sent: egress::HalfSent,
    /// Octets of memory behind the errors that wait at sockets.
    reports_held: usize,
    stats: UdpStats,
}

impl UdpTable {
    pub(super) fn new(config: UdpConfig, secret: Secret) -> Self {
        Self {
            secret,
            sockets: Slab::new(),
            channels: Channels::new(),
            connected: Demux::new(),
            flows: Demux::new(),
            bound: Demux::new(),
            everything: None,
            with_flows: 0,
            ports: BTreeMap::new(),
            received: Pool::new(config.receive_memory),
            sending: Pool::new(config.send_memory),
            idle: Wheel::new(),
            ended: 0,
            half_sent: egress::HalfSent::default(),
            reports_held: 0,
            stats: UdpStats::default(),
            config,
        }
    }

    /// What happened so far.
    pub(super) const fn stats(&self) -> &UdpStats {
        &self.stats
    }

    /// Octets of memory in all, bookkeeping included.
    pub(super) fn memory(&self) -> usize {
        let tables = self.connected.memory() + self.flows.memory() + self.bound.memory();
        let rows = self.sockets.memory() + self.channels.rows.memory();
        // A node of the map has eleven places, of which six are taken at least.
        let ports = self.ports.len() * 2 * size_of::<(u16, u32)>();
        let waiting = self.received.memory() + self.sending.memory() + self.half_sent.memory();
        tables + rows + self.reports_held + ports + self.idle.memory() + waiting
    }

    /// Sockets.
    #[cfg(test)]
    pub(super) const fn len(&self) -> usize {
        self.sockets.len()
    }

    /// All sockets, in a fixed order.
    pub(super) fn ids(&self) -> impl Iterator<Item = UdpId> {
        self.sockets.iter().map(|(index, _)| self.id(index))
    }

    fn hash(&self, tuple: &FiveTuple) -> u64 {
        super::demux::hash(&self.secret, tuple)
    }

    fn id(&self, index: u32) -> UdpId {
        UdpId { index, generation: self.sockets.generation(index) }
    }

    fn flow_id(&self, channel: u32) -> UdpFlowId {
        UdpFlowId { index: channel, generation: self.channels.rows.generation(channel) }
    }

    fn socket_of(&self, id: UdpId) -> Option<&Socket> {
        self.sockets.get(id.index).filter(|_| self.sockets.generation(id.index) == id.generation)
    }

    /// How much may wait to be sent in a channel.
    fn send_limit(&self, channel: u32) -> UdpQueue {
        let none = UdpQueue { datagrams: 0, octets: 0 };
        let Some(row) = self.channels.get(channel) else {
            return none;
        };
        let Some(socket) = self.sockets.get(row.socket) else {
            return none;
        };
        match row.role {
            Role::Flow => socket.options.flows.map_or(none, |flows| flows.send),
            Role::Socket => socket.options.send,
            Role::Ended(_) | Role::Orphan => none,
        }
    }

    /// The next thing to tell, each socket and flow in its turn.
    pub(super) fn poll_event(&mut self) -> Option<UdpEvent> {
        self.feed_starved();
        while let Some(index) = self.channels.ready.pop(&mut self.channels.rows) {
            let Some(channel) = self.channels.get(index) else {
                continue;
            };
            let (socket, role) = (channel.socket, channel.role);
            let limit = self.send_limit(index);
            let has_reports = self.sockets.get(socket).is_some_and(|socket| !socket.reports.is_empty());
            let ready = self.channels.take_news(index, limit, &self.sending, has_reports);
            let flow = (role != Role::Socket).then(|| self.flow_id(index));
            let tag = self.sockets.get(socket).map_or(0, |socket| socket.options.tag);
            let event = UdpEvent { id: self.id(socket), flow, tag, ready };
            if matches!(role, Role::Ended(_)) {
                self.forget_ended(socket, index);
            }
            if ready != UdpReady::default() {
                return Some(event);
            }
        }
        None
    }

    /// Those who waited for the memory of all, as far as there is room now.
    fn feed_starved(&mut self) {
        while let Some(index) = self.channels.starved.front() {
            let wanted = self.channels.get(index).map_or(0, channel::Channel::wanted_octets);
            if !self.sending.has_room(wanted) {
                return;
            }
            self.channels.starved.pop(&mut self.channels.rows);
            let limit = self.send_limit(index);
            self.channels.check_room(index, limit, &self.sending);
        }
    }
}

#[cfg(test)]
mod tests;
