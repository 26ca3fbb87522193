//! An honest connection beside an attack: what is left of it.

use std::collections::VecDeque;
use std::time::Duration;

use tcpstate::Instant;
use tcpstate::connection::Received;
use tcpstate::host::{ConnId, Host, HostConfig, ListenConfig, ListenerId};

use crate::hosts::{NOW, Seg, at, carry, events, host, listen};

/// A packet takes so long, in milliseconds.
const DELAY: usize = 5;
/// Packets that the server's line carries away in a millisecond, whomever they are for: about 100 Mbit/s.
const LINE: usize = 9;

/// A server at 10.0.0.1 that listens on port 80, and an honest client at 10.0.0.2 that sends to it all the time.
pub(crate) struct Beside {
    pub(crate) now: Instant,
    pub(crate) server: Host,
    pub(crate) listener: ListenerId,
    client: Host,
    ids: [ConnId; 2],
    /// Packets under way, by the millisecond.
    to_server: VecDeque<Vec<Vec<u8>>>,
    to_client: VecDeque<Vec<Vec<u8>>>,
    /// Packets for others than the client.
    pub(crate) to_others: Vec<Seg>,
    /// The most memory that the server held.
    pub(crate) memory: usize,
    /// Octets of the honest connection that arrived.
    pub(crate) octets: usize,
}

impl Beside {
    pub(crate) fn new(change: impl FnOnce(&mut HostConfig), listening: &ListenConfig) -> Self {
        let (mut server, mut client) = (host(1, change), host(2, |_| ()));
        let listener = listen(&mut server, 80, listening);
        let from = client.connect(NOW, at(1, 80)).expect("there are ports");
        carry(NOW, &mut client, &mut server);
        let to = server.accept(listener).expect("it has called");
        let line = || VecDeque::from(vec![Vec::new(); DELAY]);
        Self {
            now: NOW,
            memory: server.memory(),
            server,
            listener,
            client,
            ids: [from, to],
            to_server: line(),
            to_client: line(),
            to_others: Vec::new(),
            octets: 0,
        }
    }

    /// Lets a millisecond pass in which the attacker sends these packets.
    pub(crate) fn pass(&mut self, attack: &[Vec<u8>]) {
        self.now = self.now + Duration::from_millis(1);
        let now = self.now;
        for host in [&mut self.server, &mut self.client] {
            if host.poll_timeout().is_some_and(|due| due <= now) {
                host.handle_timeout(now);
            }
        }
        // The honest packets come between those of the attacker.
        let honest = self.to_server.pop_front().unwrap_or_default();
        let (before, behind) = attack.split_at(attack.len() / 2);
        for packet in before.iter().chain(&honest).chain(behind) {
            self.server.handle_packet(now, &packet[..]);
            self.memory = self.memory.max(self.server.memory());
        }
        for packet in self.to_client.pop_front().unwrap_or_default() {
            self.client.handle_packet(now, &packet[..]);
        }
        self.use_it();
        let (to_server, _) = poll(&mut self.client, now, LINE);
        let (to_client, others) = poll(&mut self.server, now, LINE);
        self.to_server.push_back(to_server);
        self.to_client.push_back(to_client);
        self.to_others.extend(others);
        self.memory = self.memory.max(self.server.memory());
    }

    /// The client sends what is taken, the server reads what has come.
    fn use_it(&mut self) {
        events(&mut self.client);
        events(&mut self.server);
        let [from, to] = self.ids;
        if let Some(mut connection) = self.client.connection(from) {
            while connection.send(self.now, &[7; 4_096]).is_ok_and(|taken| taken == 4_096) {}
        }
        if let Some(mut connection) = self.server.connection(to) {
            while let Received::Data(octets) = connection.recv(self.now, usize::MAX) {
                self.octets += octets.len();
            }
        }
    }

    /// Whether the honest connection is still there, at both ends.
    pub(crate) fn is_alive(&mut self) -> bool {
        let [from, to] = self.ids;
        let client =
            self.client.connection(from).is_some_and(|connection| connection.close_reason().is_none());
        client && self.server.connection(to).is_some_and(|connection| connection.close_reason().is_none())
    }
}

/// At most so many packets: those for the honest client, and those for others.
fn poll(host: &mut Host, now: Instant, most: usize) -> (Vec<Vec<u8>>, Vec<Seg>) {
    let mut out = [0; 1500];
    let (mut honest, mut others) = (Vec::new(), Vec::new());
    for _ in 0..most {
        let Some(transmit) = host.poll_transmit(now, &mut out) else { break };
        let packet = out[..transmit.len].to_vec();
        let to = [packet[16], packet[17], packet[18], packet[19]];
        if to == [10, 0, 0, 1] || to == [10, 0, 0, 2] {
            honest.push(packet);
        } else {
            others.push(Seg::read(&packet));
        }
    }
    (honest, others)
}

/// What the honest connection carries in so many milliseconds if nobody attacks.
pub(crate) fn in_peace(millis: usize) -> usize {
    let mut beside = Beside::new(|_| (), &ListenConfig::default());
    (0..millis).for_each(|_| beside.pass(&[]));
    assert!(beside.octets > millis * 5_000, "{} octets", beside.octets);
    beside.octets
}
