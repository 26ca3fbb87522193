//! smoltcp: an interface with one socket.

use super::{Api, End, PIECE, Setup};
use crate::wire::{Batch, Wires};
use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::socket::tcp::{CongestionControl, Socket, SocketBuffer};
use smoltcp::time::Instant as Micros;
use smoltcp::wire::{HardwareAddress, IpAddress, IpCidr};
use tcpstate::Instant;

const HOSTS: [IpAddress; 2] = [IpAddress::v4(192, 0, 2, 1), IpAddress::v4(192, 0, 2, 2)];
/// Octets of a buffer that nothing goes through.
const IDLE: usize = 4 << 10;
const PORTS: [u16; 2] = [49_152, 80];

pub(super) fn ends(setup: &Setup, api: Api) -> [Smoltcp; 2] {
    [0, 1].map(|end| Smoltcp::new(setup, api, end))
}

pub(super) struct Smoltcp {
    interface: Interface,
    sockets: SocketSet<'static>,
    socket: SocketHandle,
    mtu: usize,
    sends: bool,
    api: Api,
    /// What the application writes.
    source: Vec<u8>,
    /// Where it reads into.
    memory: Vec<u8>,
    octets_read: u64,
}

fn micros(now: Instant) -> Micros {
    Micros::from_micros((now.as_nanos() / 1_000) as i64)
}

impl Smoltcp {
    fn new(setup: &Setup, api: Api, end: usize) -> Self {
        let (mtu, sends, octets) = (usize::from(setup.mtu), end == 0, setup.buffer as usize);
        // Nothing goes the other way.
        let sizes = if sends { [IDLE, octets] } else { [octets, IDLE] };
        let [receive, send] = sizes.map(|octets| SocketBuffer::new(vec![0; octets]));
        let mut socket = Socket::new(receive, send);
        socket.set_congestion_control(CongestionControl::Cubic);
        let (mut came, mut goes) = (Batch::new(0, 0), Batch::new(0, 0));
        let mut device = Wires { came: &mut came, goes: &mut goes, mtu };
        let mut config = Config::new(HardwareAddress::Ip);
        config.random_seed = end as u64 + 1;
        let mut interface = Interface::new(config, &mut device, Micros::ZERO);
        interface.update_ip_addrs(|addresses| {
            // An interface has room for one address at least.
            let _ = addresses.push(IpCidr::new(HOSTS[end], 24));
        });
        let opened = if sends {
            let remote = (HOSTS[1], PORTS[1]);
            socket.connect(interface.context(), remote, PORTS[0]).map_err(|error| error.to_string())
        } else {
            socket.listen(PORTS[1]).map_err(|error| error.to_string())
        };
        opened.expect("the addresses do");
        let mut sockets = SocketSet::new(Vec::new());
        let socket = sockets.add(socket);
        let (source, memory) = (vec![0x5a; PIECE], vec![0; PIECE]);
        Self { interface, sockets, socket, mtu, sends, api, source, memory, octets_read: 0 }
    }

    fn write(&mut self) {
        let socket = self.sockets.get_mut::<Socket<'_>>(self.socket);
        while socket.can_send() {
            let sent = match self.api {
                Api::Slice => socket.send_slice(&self.source),
                // The application's octets are there already.
                Api::Reference => socket.send(|room| (room.len(), room.len())),
            };
            if sent.is_err() {
                break;
            }
        }
    }

    fn read(&mut self) {
        let socket = self.sockets.get_mut::<Socket<'_>>(self.socket);
        while socket.can_recv() {
            let read = match self.api {
                Api::Slice => socket.recv_slice(&mut self.memory),
                Api::Reference => socket.recv(|octets| (octets.len(), octets.len())),
            };
            let Ok(read) = read else { break };
            self.octets_read += read as u64;
        }
    }
}

impl End for Smoltcp {
    fn turn(&mut self, now: Instant, came: &mut Batch, goes: &mut Batch) {
        let now = micros(now);
        if self.sends {
            self.write();
        }
        let mut device = Wires { came, goes, mtu: self.mtu };
        self.interface.poll(now, &mut device, &mut self.sockets);
        if !self.sends {
            self.read();
        }
    }

    fn deadline(&mut self, now: Instant) -> Option<Instant> {
        let at = self.interface.poll_at(micros(now), &self.sockets)?;
        Some(Instant::from_nanos(at.total_micros() as u64 * 1_000))
    }

    fn octets_read(&self) -> u64 {
        self.octets_read
    }
}
