//! smoltcp: an interface with one socket, and another one that listens when the first does not any more.

use super::{Call, Stack};
use crate::packet::{CLIENT_PORT, PEER, SERVER_PORT, STACK};
use crate::script::{Role, Script};
use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::socket::tcp::{RecvError, Socket, SocketBuffer, State as Their};
use smoltcp::time::Instant as Micros;
use smoltcp::wire::{HardwareAddress, IpAddress, IpCidr};
use std::collections::VecDeque;
use tcpstate::State;

pub(super) struct Smoltcp {
    interface: Interface,
    sockets: SocketSet<'static>,
    socket: SocketHandle,
    listener: Option<SocketHandle>,
    buffer: usize,
    wires: Wires,
}

#[derive(Default)]
struct Wires {
    came: VecDeque<Vec<u8>>,
    goes: Vec<Vec<u8>>,
}

struct Comes(Vec<u8>);
struct Goes<'a>(&'a mut Vec<Vec<u8>>);

impl RxToken for Comes {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(&self.0)
    }
}

impl TxToken for Goes<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let mut packet = vec![0; len];
        let result = f(&mut packet);
        self.0.push(packet);
        result
    }
}

impl Device for Wires {
    type RxToken<'a> = Comes;
    type TxToken<'a> = Goes<'a>;

    fn receive(&mut self, _: Micros) -> Option<(Comes, Goes<'_>)> {
        let packet = self.came.pop_front()?;
        Some((Comes(packet), Goes(&mut self.goes)))
    }

    fn transmit(&mut self, _: Micros) -> Option<Goes<'_>> {
        Some(Goes(&mut self.goes))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        (capabilities.medium, capabilities.max_transmission_unit) = (Medium::Ip, 1500);
        capabilities
    }
}

fn at(now: u64) -> Micros {
    Micros::from_micros(now as i64)
}

impl Smoltcp {
    pub(super) fn new(script: &Script) -> Self {
        let mut wires = Wires::default();
        let mut config = Config::new(HardwareAddress::Ip);
        config.random_seed = script.seed;
        let mut interface = Interface::new(config, &mut wires, Micros::ZERO);
        interface.update_ip_addrs(|addresses| {
            // An interface has room for one address at least.
            let _ = addresses.push(IpCidr::new(IpAddress::from(STACK), 24));
        });
        let buffer = script.buffer as usize;
        let mut socket = new_socket(buffer);
        if script.role == Role::Client {
            let peer = (IpAddress::from(PEER), SERVER_PORT);
            socket.connect(interface.context(), peer, CLIENT_PORT).expect("the addresses do");
        } else {
            socket.listen(SERVER_PORT).expect("the port does");
        }
        let mut sockets = SocketSet::new(Vec::new());
        let socket = sockets.add(socket);
        let listener = (script.role == Role::Server).then_some(socket);
        Self { interface, sockets, socket, listener, buffer, wires }
    }

    fn current(&mut self) -> &mut Socket<'static> {
        self.sockets.get_mut(self.socket)
    }

    fn poll(&mut self, now: u64) {
        self.interface.poll(at(now), &mut self.wires, &mut self.sockets);
        // A listener that has been called is the connection now, and another one listens.
        let Some(listener) = self.listener else { return };
        if self.sockets.get::<Socket<'_>>(listener).state() == Their::Listen {
            return;
        }
        // The one before stays: another one in its place would be asked before those behind it.
        self.socket = listener;
        let mut next = new_socket(self.buffer);
        next.listen(SERVER_PORT).expect("the port does");
        self.listener = Some(self.sockets.add(next));
    }

    /// Whether a user could know of it: not before the handshake is done.
    fn known(&mut self) -> bool {
        self.listener.is_none() || !matches!(self.current().state(), Their::Listen | Their::SynReceived)
    }
}

fn new_socket(buffer: usize) -> Socket<'static> {
    let mut socket = Socket::new(SocketBuffer::new(vec![0; buffer]), SocketBuffer::new(vec![0; 65_535]));
    socket.set_nagle_enabled(false);
    socket.set_ack_delay(None);
    socket
}

impl Stack for Smoltcp {
    fn deliver(&mut self, now: u64, packet: &[u8]) {
        self.wires.came.push_back(packet.to_vec());
        self.poll(now);
    }

    fn take(&mut self, now: u64) -> Vec<Vec<u8>> {
        self.poll(now);
        std::mem::take(&mut self.wires.goes)
    }

    fn deadline(&mut self) -> Option<u64> {
        let at = self.interface.poll_at(Micros::ZERO, &self.sockets)?;
        Some(at.total_micros() as u64)
    }

    fn fire(&mut self, now: u64) {
        self.poll(now);
    }

    fn state(&self) -> Option<State> {
        Some(match self.sockets.get::<Socket<'_>>(self.socket).state() {
            Their::Closed => State::Closed,
            Their::Listen => State::Listen,
            Their::SynSent => State::SynSent,
            Their::SynReceived => State::SynReceived,
            Their::Established => State::Established,
            Their::FinWait1 => State::FinWait1,
            Their::FinWait2 => State::FinWait2,
            Their::CloseWait => State::CloseWait,
            Their::Closing => State::Closing,
            Their::LastAck => State::LastAck,
            Their::TimeWait => State::TimeWait,
        })
    }

    fn send(&mut self, _: u64, octets: &[u8]) -> Call {
        if !self.known() {
            return Call::NoConnection;
        }
        match self.current().send_slice(octets) {
            Ok(0) => Call::Nothing,
            Ok(taken) => Call::Took(taken),
            Err(_) => Call::Refused,
        }
    }

    fn receive(&mut self, _: u64, most: usize) -> Call {
        if !self.known() {
            return Call::NoConnection;
        }
        let mut read = vec![0; most];
        let mut len = 0;
        loop {
            match self.current().recv_slice(&mut read[len..]) {
                Ok(more) if more > 0 => len += more,
                _ if len > 0 => break,
                Ok(_) => return Call::Nothing,
                Err(RecvError::Finished) => return Call::End,
                Err(RecvError::InvalidState) => return Call::Refused,
            }
            if len == most {
                break;
            }
        }
        read.truncate(len);
        Call::Read(read)
    }

    fn shutdown(&mut self, _: u64) -> Call {
        if !self.known() {
            return Call::NoConnection;
        }
        self.current().close();
        Call::Done
    }

    fn abort(&mut self, _: u64) -> Call {
        if !self.known() {
            return Call::NoConnection;
        }
        self.current().abort();
        Call::Done
    }
}
