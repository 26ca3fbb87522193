//! What stands between IP packets and connections: addresses, ports, checksums, and many connections at once.
//!
//! [`Host`] takes raw IP packets and serves many sockets from them. [`Single`] is the smallest host there is: one
//! connection, without any table.
//!
//! # An echo server
//!
//! A TCP server over anything that carries IP packets: a TUN device, a tunnel, a queue between threads.
//!
//! ```
//! use std::collections::BTreeMap;
//!
//! use bytes::Bytes;
//! use tcpstate::Instant;
//! use tcpstate::connection::Received;
//! use tcpstate::host::{ConnId, Event, Host, HostConfig, ListenConfig, ListenOn, LocalAddress};
//!
//! trait Pipe {
//!     /// Waits for packets until the deadline, and says what time it is; `None` when the pipe is gone.
//!     fn wait(&mut self, deadline: Option<Instant>) -> Option<(Instant, Vec<Bytes>)>;
//!     fn send(&mut self, packet: &[u8]);
//! }
//!
//! fn echo(pipe: &mut impl Pipe, host: &mut Host) {
//!     let (mut held, mut out) = (BTreeMap::new(), [0; 1500]);
//!     while let Some((now, packets)) = pipe.wait(host.poll_timeout()) {
//!         host.handle_packets(now, &packets);
//!         host.handle_timeout(now);
//!         while let Some(event) = host.poll_event() {
//!             match event {
//!                 Event::Incoming { listener } => while host.accept(listener).is_some() {},
//!                 Event::Connection { id, .. } => serve(host, now, id, &mut held),
//!                 _ => {}
//!             }
//!         }
//!         while let Some(transmit) = host.poll_transmit(now, &mut out) {
//!             pipe.send(&out[..transmit.len]);
//!         }
//!     }
//! }
//!
//! fn serve(host: &mut Host, now: Instant, id: ConnId, held: &mut BTreeMap<ConnId, Bytes>) {
//!     let Some(mut connection) = host.connection(id) else { return };
//!     let mut data = held.remove(&id).unwrap_or_default();
//!     loop {
//!         let taken = connection.send_bytes(now, data.clone()).unwrap_or(data.len());
//!         if taken < data.len() {
//!             return drop(held.insert(id, data.slice(taken..))); // an event comes when there is room again
//!         }
//!         match connection.recv(now, usize::MAX) {
//!             Received::Data(octets) => data = octets,
//!             Received::Empty => return, // an event comes when there is more
//!             _ => return host.release(now, id), // what is queued still goes out, and a FIN behind it
//!         }
//!     }
//! }
//!
//! let mut config = HostConfig::default();
//! config.addresses.push(LocalAddress::new("192.0.2.7".parse()?, 24));
//! let mut host = Host::new(config, [2; 32])?; // a secret: take it from a good source of randomness
//! host.listen(ListenOn::port(7), &ListenConfig::default())?;
//! #
//! # /// A client at the other end of a pipe, in virtual time: it sends, half-closes, and reads to the end.
//! # struct Client { host: Host, id: ConnId, now: Instant, left: usize, read: Vec<u8>, over: bool }
//! #
//! # const OCTETS: usize = 300_000;
//! #
//! # impl Client {
//! #     fn act(&mut self) {
//! #         let Some(mut connection) = self.host.connection(self.id) else { return };
//! #         while self.left > 0 {
//! #             let chunk: Vec<u8> = (OCTETS - self.left..OCTETS).map(|n| n as u8).collect();
//! #             match connection.send(self.now, &chunk).unwrap() {
//! #                 0 => break,
//! #                 sent => self.left -= sent,
//! #             }
//! #             if self.left == 0 {
//! #                 connection.shutdown(self.now).unwrap();
//! #             }
//! #         }
//! #         loop {
//! #             match connection.recv(self.now, usize::MAX) {
//! #                 Received::Data(octets) => self.read.extend_from_slice(&octets),
//! #                 Received::Empty => break,
//! #                 Received::Eof => { self.over = true; break }
//! #                 other => panic!("{other:?}"),
//! #             }
//! #         }
//! #     }
//! # }
//! #
//! # impl Pipe for Client {
//! #     fn wait(&mut self, deadline: Option<Instant>) -> Option<(Instant, Vec<Bytes>)> {
//! #         let mut out = [0; 1500];
//! #         self.act();
//! #         let mut packets = Vec::new();
//! #         while let Some(transmit) = self.host.poll_transmit(self.now, &mut out) {
//! #             packets.push(Bytes::copy_from_slice(&out[..transmit.len]));
//! #         }
//! #         if packets.is_empty() {
//! #             let next = [deadline, self.host.poll_timeout()].into_iter().flatten().min();
//! #             if self.over || next.is_none() {
//! #                 return None;
//! #             }
//! #             self.now = next.unwrap_or(self.now).max(self.now);
//! #             self.host.handle_timeout(self.now);
//! #         }
//! #         Some((self.now, packets))
//! #     }
//! #
//! #     fn send(&mut self, packet: &[u8]) {
//! #         self.host.handle_packet(self.now, packet);
//! #     }
//! # }
//! #
//! # let mut config = HostConfig::default();
//! # config.addresses.push(LocalAddress::new("192.0.2.8".parse()?, 24));
//! # let mut other = Host::new(config, [1; 32])?;
//! # let id = other.connect(Instant::ZERO, "192.0.2.7:7".parse()?)?;
//! # let (left, read, over) = (OCTETS, Vec::new(), false);
//! # let mut client = Client { host: other, id, now: Instant::ZERO, left, read, over };
//! # echo(&mut client, &mut host);
//! # assert!(client.read == (0..OCTETS).map(|n| n as u8).collect::<Vec<_>>());
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
//!
//! The manual of the host, `docs/host.md`, says what each limit does, when which event comes, and how to steer flows to
//! many cores.

mod config;
mod connect;
mod control;
mod datagrams;
mod deadlines;
mod demux;
mod egress;
mod error;
mod event;
mod flow;
pub mod fragments;
pub mod icmp;
mod id;
mod identification;
mod ignore;
mod ingress;
mod jar;
mod limiter;
mod listen;
mod memory;
mod own;
mod packet;
mod passive;
mod pmtu;
mod ports;
mod replies;
mod roll;
pub mod rss;
mod settle;
mod shortcut;
pub mod single;
mod slab;
mod stats;
mod tuple;
mod udp;
mod user;
mod view;
mod wheel;

use alloc::collections::VecDeque;
use core::net::IpAddr;

pub use config::{HostConfig, Limits, LocalAddress, Offload};
pub use connect::ConnectOptions;
use demux::Demux;
pub use error::{ConnectError, HostError};
pub use event::{Event, Readiness};
use event::{Events, Subject};
use flow::{Flow, Marks};
use fragments::Fragments;
use icmp::Icmp;
pub use icmp::{IcmpConfig, IcmpKind, IcmpStats, Silence, Unheeded};
pub use id::{ConnId, ListenerId, RequestId, UdpFlowId, UdpId};
use identification::Identifications;
use jar::CookieJar;
use limiter::Limiter;
pub use limiter::RateLimit;
use own::Own;
pub use packet::{Checksums, Ingress, Packet, PartialChecksum, Transmit};
use passive::Passive;
pub use passive::{
    DecideError, Decision, FastOpenCookies, ListenConfig, ListenError, ListenOn, PassiveStats, RowView,
    SynCookies,
};
use ports::Ports;
pub use ports::Shard;
use replies::Replies;
use roll::Roll;
pub use single::{Handled, IgnoreReason, OpenError, Single, SingleConfig, SingleError};
use slab::Slab;
pub use stats::HostStats;
pub use tuple::FiveTuple;
use udp::UdpTable;
pub use udp::{
    FlowEnd, UdpBind, UdpBindError, UdpConfig, UdpConnectError, UdpDatagram, UdpDrop, UdpEvent, UdpFlowMut,
    UdpFlows, UdpMut, UdpNetworkError, UdpOptions, UdpQueue, UdpRead, UdpReady, UdpReport, UdpSend,
    UdpSendError, UdpStats,
};
pub use user::ConnectionMut;
pub use view::ConnectionView;
use wheel::Wheel;

use crate::connection::SharedConfig;
use crate::secret::Secret;

/// Many connections over IP packets.
///
/// Packets and time go in; packets, events and deadlines come out. Calls may come in any order; the usual one, after
/// anything has happened: [`poll_event`](Self::poll_event) until it answers `None`, acting on each, then
/// [`poll_transmit`](Self::poll_transmit) until it answers `None`, then wait for a packet or for
/// [`poll_timeout`](Self::poll_timeout). Not polling is backpressure: packets are formed when they are asked for.
///
/// What one packet costs does not depend on how many connections there are. Everything that a stranger can make grow
/// has a limit ([`Limits`]).
#[derive(Clone, Debug)]
pub struct Host {
    config: HostConfig,
    secret: Secret,
    /// What connections get over IPv4, and over IPv6.
    profiles: [SharedConfig; 2],
    flows: Slab<Flow>,
    names: Demux,
    /// The connection that the last segment from the wire was for.
    recent: Option<ConnId>,
    /// Deadlines of connections, each at or before the true one.
    wheel: Wheel,
    events: Events,
    /// Who has something to send, each at most once.
    sending: VecDeque<u32>,
    /// Packets that the first of them has sent in its turn.
    turn: u8,
    /// Connections that are over and not released, in the order in which they ended.
    over: Roll,
    /// Connections that were released and are not over, in the order in which they were released.
    orphans: Roll,
    /// Connections that may hold octets out of order, each at most once.
    disordered: VecDeque<u32>,
    /// A segment that was formed and did not fit into the packet before it.
    waiting: Option<egress::Waiting>,
    /// Who had the last turn to send: connections, answers, half-open connections, datagrams or ICMP.
    source: u8,
    /// There are more packets from this host to itself than one call carries.
    loops_on: bool,
    replies: Replies,
    resets: Limiter,
    ports: Ports,
    stats: HostStats,
    own: Own,
    udp: UdpTable,
    fragments: Fragments,
    icmp: Icmp,
    /// Numbers for datagrams that have to be cut up.
    identifications: Identifications,
    passive: Passive,
    /// Fast Open cookies of servers.
    jar: CookieJar,
    accepts: listen::AcceptQueues,
    /// Octets of memory in the buffers of all connections.
    held: usize,
    beside: memory::Beside,
}

impl Host {
    /// A host with these choices. The 32 octets key everything that strangers must not guess: take them from a good
    /// source of randomness. Hosts that share a secret accept each other's SYN cookies and keep each other's
    /// sequence numbers apart.
    ///
    /// # Errors
    ///
    /// [`HostError`] when the configuration does not do.
    pub fn new(config: HostConfig, secret: [u8; 32]) -> Result<Self, HostError> {
        config.check()?;
        let secret = Secret::new(secret);
        Ok(Self {
            profiles: [false, true].map(|v6| SharedConfig::from(&config.profile(&config.connection, v6))),
            flows: Slab::new(),
            names: Demux::new(),
            recent: None,
            wheel: Wheel::new(),
            events: Events::default(),
            sending: VecDeque::new(),
            turn: 0,
            over: Roll::default(),
            orphans: Roll::default(),
            disordered: VecDeque::new(),
            waiting: None,
            source: 0,
            loops_on: false,
            replies: Replies::new(config.limits.replies),
            resets: Limiter::new(config.resets, secret.seed()),
            ports: Ports::new(&config.ports, config.shard),
            stats: HostStats::default(),
            own: Own::new(&config),
            udp: UdpTable::new(config.udp, secret.clone()),
            fragments: Fragments::new(config.fragments),
            icmp: Icmp::new(config.icmp, config.hop_limit, &secret),
            identifications: Identifications::new(),
            passive: Passive::new(config.passive()),
            jar: CookieJar::default(),
            accepts: listen::AcceptQueues::default(),
            held: 0,
            beside: memory::Beside::default(),
            config,
            secret,
        })
    }

    /// What a connection from `local` gets.
    fn profile(&self, local: IpAddr) -> &SharedConfig {
        let [v4, v6] = &self.profiles;
        if local.is_ipv4() { v4 } else { v6 }
    }

    /// Changes choices while the host runs: those about what connections and listeners get that are made from now on
    /// ([`connection`](HostConfig::connection), [`dscp`](HostConfig::dscp), [`ports`](HostConfig::ports)), and which
    /// segments of strangers are answered ([`reset_closed_ports`](HostConfig::reset_closed_ports),
    /// [`reset_syns`](HostConfig::reset_syns)). Connections and listeners that there are stay as they are.
    ///
    /// # Errors
    ///
    /// [`HostError`] when the choices do not do, and [`HostError::Fixed`] when one of the others is not as it was, or
    /// TIME-WAIT is to last another time than it does for connections that are in it. Nothing has changed then.
    pub fn set_config(&mut self, config: &HostConfig) -> Result<(), HostError> {
        config.check()?;
        let same = HostConfig {
            connection: self.config.connection,
            dscp: self.config.dscp,
            ports: self.config.ports.clone(),
            reset_closed_ports: self.config.reset_closed_ports,
            reset_syns: self.config.reset_syns,
            ..config.clone()
        };
        if same != self.config || !self.passive.set_tcp(&config.connection.tcp) {
            return Err(HostError::Fixed);
        }
        if config.ports != self.config.ports {
            self.ports = Ports::new(&config.ports, config.shard);
        }
        self.profiles = [false, true].map(|v6| SharedConfig::from(&config.profile(&config.connection, v6)));
        self.config = config.clone();
        Ok(())
    }

    /// Forgets connections in TIME-WAIT of which `which` says so, and says how many those were. Segments of theirs that
    /// are still under way are strangers' then (RFC 9293 §3.6.1: the wait is there for them). An id that is still held stays.
    pub fn forget_time_wait(&mut self, which: impl FnMut(&FiveTuple) -> bool) -> usize {
        self.passive.forget_time_wait(&self.secret, which)
    }

    /// The next thing to tell; `None` if there is nothing (more).
    pub fn poll_event(&mut self) -> Option<Event> {
        while let Some(subject) = self.events.pop() {
            let event = match subject {
                Subject::Connection(id) => self.connection_event(id),
                Subject::Listener(listener) => self.incoming(listener),
            };
            if event.is_some() {
                self.stats.events += 1;
                return event;
            }
        }
        let event = self.next_request().or_else(|| self.udp.poll_event().map(Event::Udp));
        self.stats.events += u64::from(event.is_some());
        event
    }

    fn connection_event(&mut self, id: ConnId) -> Option<Event> {
        let index = self.index(id)?;
        let flow = self.flows.get_mut(index)?;
        flow.marks.clear(Marks::EVENT);
        let ready = flow.take_pending();
        (!ready.is_empty()).then_some(Event::Connection { id, tag: flow.tag, ready })
    }

    /// The choices of the host.
    #[must_use]
    pub const fn config(&self) -> &HostConfig {
        &self.config
    }

    /// What the host has seen and done.
    #[must_use]
    pub const fn stats(&self) -> &HostStats {
        &self.stats
    }

    /// Connections that there are, those included that are over and not released.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.flows.len()
    }

    /// Whether there is no connection.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.flows.len() == 0
    }
}

#[cfg(test)]
mod tests;
