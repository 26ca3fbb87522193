//! `Single`.

use super::{BEGIN, CLIENT_SOCKET, SERVER_SOCKET, Setup, Socket};
use bytes::Bytes;
use tcpstate::Instant;
use tcpstate::connection::Received;
use tcpstate::host::{Single, SingleConfig};

pub(super) fn pair(setup: &Setup) -> [Single; 2] {
    let mut config = SingleConfig::default();
    config.mtu = setup.mtu;
    (config.tcp.receive_window, config.tcp.receive_window_max) = (setup.buffer, setup.buffer);
    (config.send_buffer, config.send_buffer_max) = (setup.buffer as usize, 0);
    let client = Single::connect(&config, [1; 32], CLIENT_SOCKET, SERVER_SOCKET, BEGIN);
    let server = Single::listen(&config, [2; 32], SERVER_SOCKET);
    [client, server].map(|single| single.expect("the configuration does"))
}

impl Socket for Single {
    fn take_in(&mut self, now: Instant, packet: &[u8]) {
        self.handle_packet(now, packet);
    }

    fn take_in_bytes(&mut self, now: Instant, packet: Bytes) {
        self.handle_packet_bytes(now, &packet);
    }

    fn is_ready(&mut self) -> bool {
        true
    }

    fn send(&mut self, now: Instant, octets: &[u8]) -> usize {
        Self::send(self, now, octets).unwrap_or(0)
    }

    fn send_bytes(&mut self, now: Instant, octets: Bytes) -> usize {
        Self::send_bytes(self, now, octets).unwrap_or(0)
    }

    fn recv(&mut self, now: Instant) -> Received {
        Self::recv(self, now, usize::MAX)
    }

    fn recv_slice(&mut self, now: Instant, into: &mut [u8]) -> Received<usize> {
        Self::recv_slice(self, now, into)
    }

    fn transmit(&mut self, now: Instant, out: &mut [u8]) -> Option<usize> {
        self.poll_transmit(now, out)
    }

    fn deadline(&mut self) -> Option<Instant> {
        self.poll_timeout()
    }

    fn timeout(&mut self, now: Instant) {
        self.handle_timeout(now);
    }
}
