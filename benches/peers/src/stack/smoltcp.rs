//! smoltcp: an interface with many sockets.
//!
//! It does not say which socket something has happened on: its user looks at the one that the bench is about.

use super::{MTU, Read, Stack};
use crate::wire::{Batch, Wires};
use smoltcp::iface::{Config, Interface, PollIngressSingleResult, PollResult, SocketHandle, SocketSet};
use smoltcp::socket::tcp::{RecvError, Socket, SocketBuffer, State};
use smoltcp::time::Instant as Micros;
use smoltcp::wire::{HardwareAddress, IpAddress, IpCidr};
use tcpstate::Instant;

const HOSTS: [IpAddress; 2] = [IpAddress::v4(192, 0, 2, 1), IpAddress::v4(192, 0, 2, 2)];
const FIRST_PORT: u64 = 5_000;
/// Octets of each buffer.
const BUFFER: usize = 4 << 10;

pub(crate) struct Smoltcp {
    interface: Interface,
    sockets: SocketSet<'static>,
    /// By number, as often as needed; a server's listen each on a port of their own.
    flows: Vec<SocketHandle>,
    listens: bool,
    watched: u64,
    /// The watched one was not asked about yet.
    fresh: bool,
    /// The user is done with them, and their ends are not.
    closing: Vec<SocketHandle>,
}

fn micros(now: Instant) -> Micros {
    Micros::from_micros((now.as_nanos() / 1_000) as i64)
}

fn socket() -> Socket<'static> {
    let mut socket = Socket::new(SocketBuffer::new(vec![0; BUFFER]), SocketBuffer::new(vec![0; BUFFER]));
    socket.set_nagle_enabled(false);
    socket
}

fn port(number: usize) -> u16 {
    (FIRST_PORT + number as u64) as u16
}

impl Smoltcp {
    pub(crate) fn client() -> Self {
        Self::new(0)
    }

    /// It takes as many calls at a time.
    pub(crate) fn server(flows: usize) -> Self {
        let mut stack = Self::new(1);
        stack.listens = true;
        for number in 0..flows {
            let handle = stack.listener(number);
            stack.flows.push(handle);
        }
        stack
    }

    fn new(end: usize) -> Self {
        let (mut came, mut goes) = (Batch::new(0, 0), Batch::new(0, 0));
        let mut device = Wires { came: &mut came, goes: &mut goes, mtu: MTU };
        let mut config = Config::new(HardwareAddress::Ip);
        config.random_seed = end as u64 + 1;
        let mut interface = Interface::new(config, &mut device, Micros::ZERO);
        interface.update_ip_addrs(|addresses| {
            // An interface has room for one address at least.
            let _ = addresses.push(IpCidr::new(HOSTS[end], 24));
        });
        let (sockets, flows, closing) = (SocketSet::new(Vec::new()), Vec::new(), Vec::new());
        Self { interface, sockets, flows, listens: false, watched: 0, fresh: false, closing }
    }

    fn listener(&mut self, number: usize) -> SocketHandle {
        let mut socket = socket();
        socket.listen(port(number)).expect("the port does");
        self.sockets.add(socket)
    }

    fn socket(&mut self, handle: SocketHandle) -> &mut Socket<'static> {
        self.sockets.get_mut(handle)
    }

    fn place(&self, number: u64) -> usize {
        (number % self.flows.len().max(1) as u64) as usize
    }

    /// Takes out sockets that have ended; a listener gets a new one in its place.
    fn sweep(&mut self) {
        let mut at = 0;
        while let Some(&handle) = self.closing.get(at) {
            if !matches!(self.socket(handle).state(), State::Closed | State::TimeWait) {
                at += 1;
                continue;
            }
            self.closing.swap_remove(at);
            self.sockets.remove(handle);
            if let Some(place) = self.flows.iter().position(|flow| *flow == handle) {
                if self.listens {
                    self.flows[place] = self.listener(place);
                } else {
                    self.flows.swap_remove(place);
                }
            }
        }
    }
}

impl Stack for Smoltcp {
    type Flow = SocketHandle;

    fn connect(&mut self, _: Instant, number: u64) -> SocketHandle {
        let mut socket = socket();
        let (remote, local) = ((HOSTS[1], port(self.flows.len())), (FIRST_PORT + number % 60_000) as u16);
        socket.connect(self.interface.context(), remote, local).expect("the addresses do");
        let handle = self.sockets.add(socket);
        self.flows.push(handle);
        handle
    }

    fn watch(&mut self, number: u64) {
        self.watched = number;
    }

    fn take_in(&mut self, now: Instant, came: &mut Batch, goes: &mut Batch) {
        let mut device = Wires { came, goes, mtu: MTU };
        while self.interface.poll_ingress_single(micros(now), &mut device, &mut self.sockets)
            != PollIngressSingleResult::None
        {}
        self.fresh = true;
    }

    fn ready(&mut self, _: Instant) -> Option<SocketHandle> {
        if !std::mem::take(&mut self.fresh) {
            return None;
        }
        self.flows.get(self.place(self.watched)).copied().filter(|flow| !self.closing.contains(flow))
    }

    fn put_out(&mut self, now: Instant, goes: &mut Batch) {
        let mut came = Batch::new(0, 0);
        let mut device = Wires { came: &mut came, goes, mtu: MTU };
        while self.interface.poll_egress(micros(now), &mut device, &mut self.sockets) != PollResult::None {}
        // After the last acknowledgment has gone.
        self.sweep();
    }

    fn deadline(&mut self, now: Instant) -> Option<Instant> {
        let at = self.interface.poll_at(micros(now), &self.sockets)?;
        Some(Instant::from_nanos(at.total_micros() as u64 * 1_000))
    }

    fn send(&mut self, _: Instant, flow: SocketHandle, octets: &[u8]) -> usize {
        self.socket(flow).send_slice(octets).unwrap_or(0)
    }

    fn recv(&mut self, _: Instant, flow: SocketHandle, into: &mut [u8]) -> Read {
        let socket = self.socket(flow);
        match socket.recv_slice(into) {
            Ok(0) => Read::Nothing,
            Ok(read) => Read::Octets(read),
            // Before the handshake is done there is no stream yet.
            Err(RecvError::InvalidState) if socket.is_open() => Read::Nothing,
            Err(_) => Read::End,
        }
    }

    fn close(&mut self, _: Instant, flow: SocketHandle) {
        self.socket(flow).close();
        self.closing.push(flow);
    }
}
