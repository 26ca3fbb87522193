//! A `Host` with one connection, whose user acts on events.

use super::{BEGIN, CLIENT, CLIENT_SOCKET, SERVER, SERVER_SOCKET, Setup, Socket};
use bytes::Bytes;
use tcpstate::Instant;
use tcpstate::connection::Received;
use tcpstate::host::{ConnId, Event, Host, HostConfig, ListenConfig, LocalAddress};

pub(super) struct Served {
    host: Host,
    /// `None`: nobody has called yet.
    flow: Option<ConnId>,
}

impl Served {
    pub(super) fn pair(setup: &Setup) -> [Self; 2] {
        let [mut client, mut server] = [CLIENT, SERVER].map(|ip| {
            let mut config = HostConfig::default();
            config.addresses.push(LocalAddress::new(ip, 24));
            config.mtu = setup.mtu;
            let connection = &mut config.connection;
            (connection.tcp.receive_window, connection.tcp.receive_window_max) = (setup.buffer, setup.buffer);
            (connection.send_buffer, connection.send_buffer_max) = (setup.buffer as usize, 0);
            Host::new(config, [1; 32]).expect("the configuration does")
        });
        let listening = server.listen(SERVER_SOCKET, &ListenConfig::default());
        listening.expect("nobody else listens");
        let flow = client.connect_from(BEGIN, CLIENT_SOCKET, SERVER_SOCKET).expect("the addresses do");
        [Self { host: client, flow: Some(flow) }, Self { host: server, flow: None }]
    }
}

impl Socket for Served {
    fn take_in(&mut self, now: Instant, packet: &[u8]) {
        self.host.handle_packet(now, packet);
    }

    fn take_in_bytes(&mut self, now: Instant, packet: Bytes) {
        self.host.handle_packet(now, packet);
    }

    fn is_ready(&mut self) -> bool {
        let mut ready = false;
        while let Some(event) = self.host.poll_event() {
            match event {
                Event::Incoming { listener } => self.flow = self.host.accept(listener),
                _ => ready = true,
            }
        }
        ready
    }

    fn send(&mut self, now: Instant, octets: &[u8]) -> usize {
        let connection = self.flow.and_then(|flow| self.host.connection(flow));
        connection.and_then(|mut connection| connection.send(now, octets).ok()).unwrap_or(0)
    }

    fn send_bytes(&mut self, now: Instant, octets: Bytes) -> usize {
        let connection = self.flow.and_then(|flow| self.host.connection(flow));
        connection.and_then(|mut connection| connection.send_bytes(now, octets).ok()).unwrap_or(0)
    }

    fn recv(&mut self, now: Instant) -> Received {
        let connection = self.flow.and_then(|flow| self.host.connection(flow));
        connection.map_or(Received::Empty, |mut connection| connection.recv(now, usize::MAX))
    }

    fn recv_slice(&mut self, now: Instant, into: &mut [u8]) -> Received<usize> {
        let connection = self.flow.and_then(|flow| self.host.connection(flow));
        connection.map_or(Received::Empty, |mut connection| connection.recv_slice(now, into))
    }

    fn transmit(&mut self, now: Instant, out: &mut [u8]) -> Option<usize> {
        Some(self.host.poll_transmit(now, out)?.len)
    }

    fn deadline(&mut self) -> Option<Instant> {
        self.host.poll_timeout()
    }

    fn timeout(&mut self, now: Instant) {
        self.host.handle_timeout(now);
    }
}
