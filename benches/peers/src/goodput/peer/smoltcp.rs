//! smoltcp: an interface with one socket, over a device that is a pair of queues.

use super::{Common, HOSTS, MTU, Outbox, PORT, Role, Source};
use crate::clock;
use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::socket::tcp::{CongestionControl, Socket, SocketBuffer};
use smoltcp::time::Instant as Micros;
use smoltcp::wire::{HardwareAddress, IpAddress, IpCidr, Ipv4Address};
use tcpstate::Instant;
use tcpstate::sim::{Bulk, Fault, Node, Path};

/// Octets of a buffer that nothing goes through.
const IDLE: usize = 4 << 10;

pub(super) fn settings() -> String {
    let socket = Socket::new(SocketBuffer::new(vec![0; IDLE]), SocketBuffer::new(vec![0; IDLE]));
    format!(
        "buffers of 4 times what can be on the way; {:?}, window scaling and SACK as it always offers them (it does not \
         read SACK), timestamps true, MTU {MTU}, delayed acknowledgments {:?}, Nagle {}, out-of-order ranges {}",
        CongestionControl::Cubic,
        socket.ack_delay(),
        socket.nagle_enabled(),
        smoltcp::config::ASSEMBLER_MAX_SEGMENT_COUNT,
    )
}

pub(super) fn ends(path: &Path, seed: u64) -> [End; 2] {
    [Role::Sends, Role::Receives].map(|role| End::new(path, seed, role))
}

pub(super) struct End {
    common: Common,
    interface: Interface,
    sockets: SocketSet<'static>,
    socket: SocketHandle,
    device: Queues,
    /// `None`: this end receives.
    source: Option<Source>,
    opened: bool,
}

impl End {
    fn new(path: &Path, seed: u64, role: Role) -> Self {
        let (host, octets) = (HOSTS[role as usize], path.end_buffer().min(1 << 30) as usize);
        let sizes = if role == Role::Sends { [IDLE, octets] } else { [octets, IDLE] };
        let [receive, send] = sizes.map(|octets| SocketBuffer::new(vec![0; octets]));
        let mut socket = Socket::new(receive, send);
        socket.set_congestion_control(CongestionControl::Cubic);
        socket.set_tsval_generator(Some(clock::millis));
        let mut device = Queues::default();
        let mut config = Config::new(HardwareAddress::Ip);
        config.random_seed = seed * 2 + role as u64;
        let mut interface = Interface::new(config, &mut device, Micros::ZERO);
        let [a, b, c, d] = host;
        interface.update_ip_addrs(|addresses| {
            // An interface has room for one address at least.
            let _ = addresses.push(IpCidr::new(IpAddress::v4(a, b, c, d), 24));
        });
        let mut sockets = SocketSet::new(Vec::new());
        let socket = sockets.add(socket);
        let source = (role == Role::Sends).then(|| Source::new(seed));
        Self { common: Common::new(seed), interface, sockets, socket, device, source, opened: false }
    }

    fn open(&mut self) {
        self.opened = true;
        let socket = self.sockets.get_mut::<Socket<'_>>(self.socket);
        let opened = match self.source {
            Some(_) => socket
                .connect(self.interface.context(), (Ipv4Address::from(HOSTS[1]), PORT), PORT)
                .map_err(|error| error.to_string()),
            None => socket.listen(PORT).map_err(|error| error.to_string()),
        };
        if let Err(error) = opened {
            panic!("smoltcp does not open: {error}");
        }
    }

    /// The stack's turn, then its user's, until nothing changes.
    fn run(&mut self, now: Instant) {
        clock::set(now);
        let micros = Micros::from_micros((now.as_nanos() / 1_000) as i64);
        if !self.opened {
            self.open();
        }
        loop {
            self.interface.poll(micros, &mut self.device, &mut self.sockets);
            if !self.user() {
                break;
            }
        }
        let at = self.interface.poll_at(micros, &self.sockets);
        self.common.wants(now, at.map(|at| at.total_micros() as u64 * 1_000));
    }

    /// Reads everything and writes as much as there is room for; says whether it did any of that.
    fn user(&mut self) -> bool {
        let socket = self.sockets.get_mut::<Socket<'_>>(self.socket);
        let mut busy = false;
        while socket.can_recv() {
            busy = true;
            let reader = &mut self.common.reader;
            let read = socket.recv(|octets| {
                reader.take(octets);
                (octets.len(), ())
            });
            if read.is_err() {
                break;
            }
        }
        while let Some(source) = &mut self.source
            && socket.can_send()
        {
            busy = true;
            let Ok(taken) = socket.send_slice(source.next()) else { break };
            source.take(taken);
        }
        busy
    }
}

impl Node for End {
    fn handle_packet(&mut self, now: Instant, packet: &[u8]) {
        self.device.arrived = Some(packet.to_vec());
        self.run(now);
    }

    fn poll_transmit(&mut self, _: Instant, out: &mut [u8]) -> Option<usize> {
        self.device.outbox.pop(out)
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.run(now);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.common.deadline
    }

    fn fault(&self) -> Option<Fault> {
        self.common.fault()
    }
}

impl Bulk for End {
    fn octets_read(&self) -> u64 {
        self.common.reader.position()
    }
}

/// A device of which one packet at a time is read, and that takes everything.
#[derive(Default)]
struct Queues {
    arrived: Option<Vec<u8>>,
    outbox: Outbox,
}

struct Arrived(Vec<u8>);

struct Leaves<'a>(&'a mut Outbox);

impl Device for Queues {
    type RxToken<'a> = Arrived;
    type TxToken<'a> = Leaves<'a>;

    fn receive(&mut self, _: Micros) -> Option<(Arrived, Leaves<'_>)> {
        let packet = self.arrived.take()?;
        Some((Arrived(packet), Leaves(&mut self.outbox)))
    }

    fn transmit(&mut self, _: Micros) -> Option<Leaves<'_>> {
        Some(Leaves(&mut self.outbox))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ip;
        capabilities.max_transmission_unit = MTU;
        capabilities
    }
}

impl RxToken for Arrived {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(&self.0)
    }
}

impl TxToken for Leaves<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let mut packet = vec![0; len];
        let result = f(&mut packet);
        self.0.push(packet);
        result
    }
}
