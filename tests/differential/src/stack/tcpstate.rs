//! Ours: a host with one listener or one call.

use super::{Call, Stack, Variables};
use crate::packet::{CLIENT_PORT, PEER, SERVER_PORT, STACK};
use crate::script::{Role, Script};
use std::net::SocketAddr;
use std::time::Duration;
use tcpstate::connection::Received;
use tcpstate::host::{ConnId, Host, HostConfig, ListenConfig, ListenOn, ListenerId, LocalAddress};
use tcpstate::{Instant, State};

pub(super) struct Tcpstate {
    host: Host,
    listener: Option<ListenerId>,
    connection: Option<ConnId>,
}

fn at(now: u64) -> Instant {
    Instant::from_nanos(now * 1_000)
}

impl Tcpstate {
    pub(super) fn new(script: &Script) -> Self {
        let mut config = HostConfig::default();
        config.addresses.push(LocalAddress::new(STACK.into(), 24));
        config.connection.send_buffer = 64 << 10;
        config.connection.send_buffer_max = 64 << 10;
        let tcp = &mut config.connection.tcp;
        // What the RFCs leave open is made alike in all stacks.
        tcp.nagle = false;
        tcp.pacing = false;
        tcp.ack_delay = Duration::ZERO;
        tcp.timestamps = false;
        tcp.receive_window = script.buffer;
        tcp.receive_window_max = script.buffer;
        let mut secret = [7; 32];
        secret[..8].copy_from_slice(&script.seed.to_le_bytes());
        let mut host = Host::new(config, secret).expect("the configuration does");
        let (mut listener, mut connection) = (None, None);
        match script.role {
            Role::Server => {
                let opened = host.listen(ListenOn::port(SERVER_PORT), &ListenConfig::default());
                listener = Some(opened.expect("nobody else listens"));
            }
            Role::Client => {
                let (from, to) =
                    (SocketAddr::from((STACK, CLIENT_PORT)), SocketAddr::from((PEER, SERVER_PORT)));
                connection = Some(host.connect_from(Instant::ZERO, from, to).expect("there is room for it"));
            }
        }
        Self { host, listener, connection }
    }

    fn accept(&mut self) {
        while self.host.poll_event().is_some() {}
        if let Some(listener) = self.listener {
            while let Some(new) = self.host.accept(listener) {
                self.connection = Some(new);
            }
        }
    }
}

impl Stack for Tcpstate {
    fn deliver(&mut self, now: u64, packet: &[u8]) {
        self.host.handle_packet(at(now), packet);
        self.accept();
    }

    fn take(&mut self, now: u64) -> Vec<Vec<u8>> {
        let mut packets = Vec::new();
        let mut out = [0; 1500];
        while let Some(transmit) = self.host.poll_transmit(at(now), &mut out) {
            packets.push(out[..transmit.len].to_vec());
        }
        packets
    }

    fn deadline(&mut self) -> Option<u64> {
        Some(self.host.poll_timeout()?.as_nanos().div_ceil(1_000))
    }

    fn fire(&mut self, now: u64) {
        self.host.handle_timeout(at(now));
        self.accept();
    }

    fn state(&self) -> Option<State> {
        // A caller that is not connected yet is a row of a table, and no machine.
        if self.host.rows().any(|row| row.state == State::SynReceived) {
            return Some(State::SynReceived);
        }
        match self.connection {
            Some(id) => Some(self.host.machine(id)?.state()),
            None => Some(State::Listen),
        }
    }

    fn send(&mut self, now: u64, octets: &[u8]) -> Call {
        let Some(mut connection) = self.connection.and_then(|id| self.host.connection(id)) else {
            return Call::NoConnection;
        };
        match connection.send(at(now), octets) {
            Ok(0) => Call::Nothing,
            Ok(taken) => Call::Took(taken),
            Err(_) => Call::Refused,
        }
    }

    fn receive(&mut self, now: u64, most: usize) -> Call {
        let Some(mut connection) = self.connection.and_then(|id| self.host.connection(id)) else {
            return Call::NoConnection;
        };
        let mut read = Vec::new();
        loop {
            match connection.recv(at(now), most - read.len()) {
                Received::Data(octets) => read.extend_from_slice(&octets),
                _ if !read.is_empty() => return Call::Read(read),
                Received::Empty => return Call::Nothing,
                Received::Eof => return Call::End,
                _ => return Call::Refused,
            }
            if read.len() == most {
                return Call::Read(read);
            }
        }
    }

    fn shutdown(&mut self, now: u64) -> Call {
        let Some(mut connection) = self.connection.and_then(|id| self.host.connection(id)) else {
            return Call::NoConnection;
        };
        connection.shutdown(at(now)).map_or(Call::Refused, |()| Call::Done)
    }

    fn abort(&mut self, now: u64) -> Call {
        let Some(mut connection) = self.connection.and_then(|id| self.host.connection(id)) else {
            return Call::NoConnection;
        };
        connection.abort(at(now)).map_or(Call::Refused, |()| Call::Done)
    }

    fn variables(&self) -> Option<Variables> {
        let machine = self.host.machine(self.connection?)?;
        // A row knows better than the connection before it, and in SYN-SENT there is nothing to know yet.
        if self.state() != Some(machine.state()) || machine.state() == State::SynSent {
            return None;
        }
        Some(Variables {
            snd_una: machine.snd_una().get(),
            snd_max: machine.snd_max().get(),
            snd_wnd: machine.snd_wnd(),
            rcv_nxt: machine.rcv_nxt().get(),
            rcv_wnd: machine.rcv_wnd(),
            gap: machine.out_of_order().len() > 0,
            cwnd: machine.cwnd(),
            full: machine.full_size(),
        })
    }
}
