//! The calls that the client makes.

use std::net::{Ipv4Addr, SocketAddr};

use tcpstate::Instant;
use tcpstate::connection::Received;
use tcpstate::host::{ConnId, Event, Host, Readiness};
use tcpstate::sim::HostUser;

use crate::probes::Probes;

/// A call, and what became of it.
pub(crate) struct Call {
    pub(crate) to: SocketAddr,
    /// How much is asked for.
    octets: u64,
    pub(crate) start: Instant,
    pub(crate) local: Option<SocketAddr>,
    pub(crate) connected: Option<Instant>,
    pub(crate) first: Option<Instant>,
    pub(crate) last: Option<Instant>,
    pub(crate) read: u64,
    pub(crate) ended: Option<String>,
}

impl Call {
    pub(crate) fn new(to: SocketAddr, octets: u64, start: Instant) -> Self {
        let (local, connected, first, last) = (None, None, None, None);
        Self { to, octets, start, local, connected, first, last, read: 0, ended: None }
    }
}

pub(crate) struct Client {
    calls: Vec<Call>,
    /// How many of them were made.
    made: usize,
    local: Ipv4Addr,
    probes: Probes,
    now: Instant,
}

impl Client {
    pub(crate) fn new(calls: Vec<Call>, local: Ipv4Addr, probes: Probes) -> Self {
        Self { calls, made: 0, local, probes, now: Instant::ZERO }
    }

    pub(crate) fn calls(&self) -> &[Call] {
        &self.calls
    }

    pub(crate) fn probes(&self) -> &Probes {
        &self.probes
    }

    /// When the next call is to be made.
    fn next_call(&self) -> Option<Instant> {
        self.calls.get(self.made).map(|call| call.start)
    }
    fn call(&mut self, now: Instant, host: &mut Host, number: usize) {
        let call = &mut self.calls[number];
        match host.connect(now, call.to) {
            Ok(id) => {
                if let Some(mut connection) = host.connection(id) {
                    connection.set_tag(number as u64);
                    call.local = connection.tuple().map(|tuple| tuple.local());
                }
            }
            Err(error) => call.ended = Some(error.to_string()),
        }
    }

    fn go_on(&mut self, now: Instant, host: &mut Host, id: ConnId, number: usize, ready: Readiness) {
        let (call, Some(mut connection)) = (&mut self.calls[number], host.connection(id)) else { return };
        if ready.contains(Readiness::CONNECTED) {
            call.connected = Some(now);
            // Eight octets find room in any buffer. The FIN goes with them.
            let asked = connection.send(now, &call.octets.to_be_bytes());
            if asked.is_ok() {
                let _ = connection.shutdown(now);
            }
        }
        loop {
            match connection.recv(now, usize::MAX) {
                Received::Data(octets) => {
                    call.first.get_or_insert(now);
                    call.last = Some(now);
                    call.read += octets.len() as u64;
                }
                Received::Empty => break,
                Received::Eof => {
                    call.ended = Some(connection.state().to_string());
                    host.release(now, id);
                    break;
                }
                other => {
                    let reason = connection.close_reason();
                    call.last = Some(now);
                    call.ended = Some(reason.map_or(format!("{other:?}"), |reason| reason.to_string()));
                    host.release(now, id);
                    break;
                }
            }
        }
    }
}

impl HostUser for Client {
    fn act(&mut self, now: Instant, host: &mut Host) {
        self.now = now;
        while self.next_call().is_some_and(|at| at <= now) {
            self.call(now, host, self.made);
            self.made += 1;
        }
        self.probes.act(now, host);
        while let Some(event) = host.poll_event() {
            // The tag says which call it is about.
            if let Event::Connection { id, tag, ready } = event {
                self.go_on(now, host, id, tag as usize, ready);
            }
        }
    }

    fn wakes(&self) -> Option<Instant> {
        self.next_call().into_iter().chain(self.probes.wakes()).min()
    }

    fn raw(&mut self, now: Instant, packet: &[u8]) {
        self.probes.raw(now, packet);
    }

    fn poll_raw(&mut self) -> Option<Vec<u8>> {
        self.probes.poll_ping(self.now, self.local)
    }
}
