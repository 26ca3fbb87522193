//! tcpstate's `Host`.

use super::{Read, Stack};
use crate::wire::Batch;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tcpstate::Instant;
use tcpstate::connection::Received;
use tcpstate::host::{ConnId, Event, Host, HostConfig, ListenConfig, ListenOn, LocalAddress, SynCookies};

/// What differs from bench to bench.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup {
    /// As many connections as there will be at the most.
    pub(crate) connections: usize,
    pub(crate) half_open: usize,
    pub(crate) backlog: u32,
    pub(crate) cookies: SynCookies,
    pub(crate) time_wait: usize,
    pub(crate) time_wait_for: Duration,
    /// Octets that a host may hold.
    pub(crate) memory: usize,
    pub(crate) v6: bool,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            connections: 1_024,
            half_open: 1_024,
            backlog: 1_024,
            cookies: SynCookies::UnderPressure,
            time_wait: 1_024,
            time_wait_for: Duration::from_secs(240),
            memory: 64 << 30,
            v6: false,
        }
    }
}

/// Ports of the client's; each with the server's first port, then each with its second...
const PORTS: u64 = 60_000;
const FIRST_PORT: u64 = 5_000;

impl Setup {
    pub(crate) fn addresses(&self) -> [IpAddr; 2] {
        if self.v6 {
            [1, 2].map(|host| [0x2001, 0xdb8, 0, 0, 0, 0, 0, host].into())
        } else {
            [1, 2].map(|host| [192, 0, 2, host].into())
        }
    }

    pub(crate) fn host(&self, end: usize) -> Host {
        let mut config = HostConfig::default();
        config.addresses.push(LocalAddress::new(self.addresses()[end], 24));
        config.connection.tcp.time_wait = self.time_wait_for;
        config.connection.tcp.nagle = false;
        config.limits.connections = self.connections;
        config.limits.half_open = self.half_open;
        config.limits.time_wait = self.time_wait;
        config.limits.memory = self.memory;
        Host::new(config, [end as u8 + 1; 32]).expect("the configuration does")
    }
}

pub(crate) struct Tcpstate {
    pub(crate) host: Host,
    addresses: [IpAddr; 2],
}

impl Tcpstate {
    pub(crate) fn client(setup: &Setup) -> Self {
        Self { host: setup.host(0), addresses: setup.addresses() }
    }

    /// It takes calls to any port.
    pub(crate) fn server(setup: &Setup) -> Self {
        let mut host = setup.host(1);
        let mut config = ListenConfig::default();
        (config.half_open, config.backlog) = (setup.half_open as u32, setup.backlog);
        config.cookies = setup.cookies;
        host.listen(ListenOn::ANYTHING, &config).expect("nobody else listens");
        Self { host, addresses: setup.addresses() }
    }
}

impl Stack for Tcpstate {
    type Flow = ConnId;

    fn connect(&mut self, now: Instant, number: u64) -> ConnId {
        let [own, other] = self.addresses;
        let from = SocketAddr::new(own, (FIRST_PORT + number % PORTS) as u16);
        let to = SocketAddr::new(other, (number / PORTS % PORTS + 1) as u16);
        self.host.connect_from(now, from, to).expect("there is room for it")
    }

    fn watch(&mut self, _: u64) {}

    fn take_in(&mut self, now: Instant, came: &mut Batch, _: &mut Batch) {
        while let Some(packet) = came.next() {
            self.host.handle_packet(now, packet);
        }
        if self.deadline(now).is_some_and(|at| at <= now) {
            self.host.handle_timeout(now);
        }
    }

    fn ready(&mut self, _: Instant) -> Option<ConnId> {
        loop {
            match self.host.poll_event()? {
                Event::Connection { id, .. } => return Some(id),
                Event::Incoming { listener } => while self.host.accept(listener).is_some() {},
                _ => {}
            }
        }
    }

    fn put_out(&mut self, now: Instant, goes: &mut Batch) {
        while goes.push(|octets| Some(self.host.poll_transmit(now, octets)?.len)) {}
    }

    fn deadline(&mut self, _: Instant) -> Option<Instant> {
        self.host.poll_timeout()
    }

    fn send(&mut self, now: Instant, flow: ConnId, octets: &[u8]) -> usize {
        let connection = self.host.connection(flow);
        connection.and_then(|mut connection| connection.send(now, octets).ok()).unwrap_or(0)
    }

    fn recv(&mut self, now: Instant, flow: ConnId, into: &mut [u8]) -> Read {
        let Some(mut connection) = self.host.connection(flow) else { return Read::End };
        match connection.recv_slice(now, into) {
            Received::Data(len) => Read::Octets(len),
            Received::Empty => Read::Nothing,
            _ => Read::End,
        }
    }

    fn close(&mut self, now: Instant, flow: ConnId) {
        if let Some(mut connection) = self.host.connection(flow) {
            let _ = connection.shutdown(now);
        }
        self.host.release(now, flow);
    }
}
