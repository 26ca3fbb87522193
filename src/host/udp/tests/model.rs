//! Random programs on two tables that send to one another, against lists that are searched from end to end. Readers and
//! writers act on events only: what they never hear of stays undone, and is missed at the end.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;

/// What may wait in a queue.
const PLACES: usize = 3;
const MAX_FLOWS: usize = 2;
const IDLE_SECS: u64 = 120;
const HOSTS: [&[&str]; 2] = [&["10.0.0.1", "10.0.0.2"], &["10.0.0.9"]];

#[derive(Clone, Copy, Debug)]
enum Call {
    Bind {
        host: usize,
        place: u8,
        flows: bool,
    },
    Open {
        host: usize,
        port: u16,
        remote: u8,
    },
    Close {
        host: usize,
        which: usize,
    },
    Connect {
        host: usize,
        which: usize,
        remote: u8,
    },
    Disconnect {
        host: usize,
        which: usize,
    },
    Send {
        host: usize,
        which: usize,
        remote: u8,
    },
    Answer {
        host: usize,
        which: usize,
    },
    CloseFlow {
        host: usize,
        which: usize,
    },
    Carry {
        host: usize,
        packets: u8,
    },
    Events {
        host: usize,
        count: u8,
    },
    Read {
        host: usize,
        count: u8,
    },
    /// Reads one datagram, or finds nothing, without having been told.
    Look {
        host: usize,
        which: usize,
    },
    Error {
        host: usize,
        which: usize,
    },
    Wait {
        secs: u64,
    },
}

fn call() -> impl Strategy<Value = Call> {
    let host = 0_usize..2;
    let on = (0_usize..2, any::<prop::sample::Index>());
    let which = move || on.clone().prop_map(|(host, index)| (host, index.index(1 << 16)));
    prop_oneof![
        3 => (host.clone(), 0_u8..8, any::<bool>()).prop_map(|(host, place, flows)| Call::Bind { host, place, flows }),
        1 => (host.clone(), 1_u16..3, 0_u8..4).prop_map(|(host, port, remote)| Call::Open { host, port, remote }),
        1 => which().prop_map(|(host, which)| Call::Close { host, which }),
        1 => (which(), 0_u8..4).prop_map(|((host, which), remote)| Call::Connect { host, which, remote }),
        1 => which().prop_map(|(host, which)| Call::Disconnect { host, which }),
        8 => (which(), 0_u8..4).prop_map(|((host, which), remote)| Call::Send { host, which, remote }),
        4 => which().prop_map(|(host, which)| Call::Answer { host, which }),
        1 => which().prop_map(|(host, which)| Call::CloseFlow { host, which }),
        6 => (host.clone(), 1_u8..6).prop_map(|(host, packets)| Call::Carry { host, packets }),
        3 => (host.clone(), 1_u8..4).prop_map(|(host, count)| Call::Events { host, count }),
        3 => (host.clone(), 1_u8..4).prop_map(|(host, count)| Call::Read { host, count }),
        2 => which().prop_map(|(host, which)| Call::Look { host, which }),
        1 => which().prop_map(|(host, which)| Call::Error { host, which }),
        1 => (1_u64..100).prop_map(|secs| Call::Wait { secs }),
    ]
}

/// A datagram's number is its content.
type Number = u64;

/// A socket or a flow as the model sees it.
#[derive(Debug)]
struct Port {
    socket: UdpId,
    /// The flow, once an event has named it.
    flow: Option<UdpFlowId>,
    is_flow: bool,
    bound: Option<UdpBind>,
    with_flows: bool,
    peer: Option<(SocketAddr, SocketAddr)>,
    to_read: VecDeque<Number>,
    to_send: VecDeque<Number>,
    /// A flow's.
    deadline: u64,
    error: bool,
    /// The user has an event and has not found the end yet.
    reading: bool,
    /// What the user could not send, and waits for an event about.
    refused: VecDeque<u8>,
}

struct Side {
    host: Tester,
    /// In the order of their last datagrams, as far as flows are concerned.
    ports: Vec<Port>,
    /// What is still sent though its user is gone.
    orphans: Vec<VecDeque<Number>>,
    /// Flows that are over and of which the user has not heard that.
    over: Vec<(UdpId, UdpFlowId)>,
}

struct World {
    sides: [Side; 2],
    now: u64,
    next: Number,
}

fn remote_of(host: usize, remote: u8) -> SocketAddr {
    let others = HOSTS[1 - host];
    let ip = others[usize::from(remote / 2) % others.len()].parse().unwrap();
    SocketAddr::new(ip, 1 + u16::from(remote % 2))
}

fn options(flows: bool) -> UdpOptions {
    let queue = UdpQueue { datagrams: PLACES as u32, octets: 1 << 20 };
    let flows =
        flows.then(|| UdpFlows { max: MAX_FLOWS as u32, receive: queue, send: queue, ..UdpFlows::default() });
    UdpOptions { receive: queue, send: queue, flows, ..UdpOptions::default() }
}

impl Port {
    fn new(socket: UdpId, bound: Option<UdpBind>) -> Self {
        Self {
            socket,
            flow: None,
            is_flow: false,
            bound,
            with_flows: false,
            peer: None,
            to_read: VecDeque::new(),
            to_send: VecDeque::new(),
            deadline: 0,
            error: false,
            reading: false,
            refused: VecDeque::new(),
        }
    }

    /// How well the socket suits: lower is better.
    fn rank(&self, local: SocketAddr, remote: SocketAddr) -> Option<u8> {
        if self.is_flow {
            return None;
        }
        if let Some(peer) = self.peer {
            return (peer == (local, remote)).then_some(0);
        }
        match self.bound? {
            UdpBind::Socket(bound) if bound == local => Some(1),
            UdpBind::Socket(bound) if bound.ip().is_unspecified() && bound.port() == local.port() => Some(2),
            UdpBind::Port(port) if port == local.port() => Some(2),
            UdpBind::Everything => Some(3),
            _ => None,
        }
    }
}

impl Side {
    fn new(host: usize) -> Self {
        let mut tester = tester();
        tester.here.addresses = HOSTS[host].iter().map(|ip| ip.parse().unwrap()).collect();
        Self { host: tester, ports: Vec::new(), orphans: Vec::new(), over: Vec::new() }
    }

    fn sockets(&self) -> Vec<usize> {
        (0..self.ports.len()).filter(|&at| !self.ports[at].is_flow).collect()
    }

    fn known_flows(&self) -> Vec<usize> {
        (0..self.ports.len()).filter(|&at| self.ports[at].flow.is_some()).collect()
    }

    fn pick(among: &[usize], which: usize) -> Option<usize> {
        (!among.is_empty()).then(|| among[which % among.len()])
    }

    /// What becomes of a datagram, as the model has it.
    fn expect(&mut self, now: u64, local: SocketAddr, remote: SocketAddr, number: Number) -> Udp {
        let best = self
            .ports
            .iter()
            .enumerate()
            .filter_map(|(at, port)| Some((port.rank(local, remote)?, at)))
            .min();
        let Some((_, mut at)) = best else {
            return Udp::NoSocket;
        };
        let socket = self.ports[at].socket;
        if self.ports[at].with_flows {
            at = self.expect_flow(now, socket, local, remote);
        }
        if self.ports[at].to_read.len() == PLACES {
            return Udp::Dropped(UdpDrop::QueueFull);
        }
        self.ports[at].to_read.push_back(number);
        Udp::Delivered(socket)
    }

    fn expect_flow(&mut self, now: u64, socket: UdpId, local: SocketAddr, remote: SocketAddr) -> usize {
        let of_tuple = |port: &Port| port.is_flow && port.peer == Some((local, remote));
        if let Some(at) = self.ports.iter().position(of_tuple) {
            if self.ports[at].socket == socket {
                return self.touch(now, at);
            }
            self.end_flow(at);
        }
        let own: Vec<usize> = (0..self.ports.len())
            .filter(|&at| self.ports[at].is_flow && self.ports[at].socket == socket)
            .collect();
        if own.len() == MAX_FLOWS {
            self.end_flow(own[0]);
        }
        self.ports.push(Port { is_flow: true, peer: Some((local, remote)), ..Port::new(socket, None) });
        self.touch(now, self.ports.len() - 1)
    }

    /// Something has passed: it is the last in the order now.
    fn touch(&mut self, now: u64, at: usize) -> usize {
        let mut port = self.ports.remove(at);
        port.deadline = now + IDLE_SECS;
        self.ports.push(port);
        self.ports.len() - 1
    }

    fn end_flow(&mut self, at: usize) {
        let port = self.ports.remove(at);
        self.over.extend(port.flow.map(|flow| (port.socket, flow)));
    }

    /// The user lets a port go: what it had to send still goes.
    fn let_go(&mut self, at: usize) {
        let port = self.ports.remove(at);
        self.orphans.push(port.to_send);
    }

    fn close(&mut self, at: usize) {
        let id = self.ports[at].socket;
        assert!(self.host.table.close(id));
        while let Some(at) = self.ports.iter().position(|port| port.socket == id) {
            if let Some(flow) = self.ports[at].flow {
                assert!(self.host.table.flow(flow, &self.host.here).is_none());
            }
            self.let_go(at);
        }
        self.over.retain(|&(socket, _)| socket != id);
        assert!(self.host.table.socket(id, &self.host.here).is_none());
    }

    /// Sends, or remembers to do so when told.
    fn send(&mut self, now: u64, at: usize, remote: SocketAddr, choice: u8, number: Number) -> bool {
        let (instant, how) = (at_secs(now), UdpSend::default());
        let port = &self.ports[at];
        let data = number.to_be_bytes();
        let sent = match port.flow {
            Some(flow) => self.host.flow(flow).send(instant, &data, &how),
            None if port.peer.is_some() => self.host.udp(port.socket).send(instant, &data, &how),
            None => self.host.udp(port.socket).send_to(instant, &data, remote, &how),
        };
        let port = &mut self.ports[at];
        match sent {
            Ok(()) => {
                assert!(!port.error && port.to_send.len() < PLACES);
                port.to_send.push_back(number);
                if port.is_flow {
                    self.touch(now, at);
                }
                true
            }
            Err(UdpSendError::WouldBlock) => {
                assert!(!port.error && port.to_send.len() == PLACES);
                port.refused.push_back(choice);
                false
            }
            Err(UdpSendError::Network(_)) => {
                assert!(core::mem::take(&mut port.error), "an error comes once");
                true
            }
            Err(UdpSendError::Source(None)) => {
                assert_eq!(port.bound, Some(UdpBind::Everything));
                true
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// Reads one datagram where an event has said that there is one. Whether there was one to read from.
    fn read(&mut self) -> bool {
        let reader = self.ports.iter().position(|port| port.reading);
        reader.map(|at| self.read_at(at)).is_some()
    }

    fn read_at(&mut self, at: usize) {
        let (socket, flow) = (self.ports[at].socket, self.ports[at].flow);
        let read = match flow {
            Some(flow) => self.host.flow(flow).recv(),
            None => self.host.udp(socket).recv_from(),
        };
        let port = &mut self.ports[at];
        match read {
            Ok(datagram) => {
                assert!(!port.error);
                let number =
                    datagram.map(|datagram| Number::from_be_bytes(datagram.data[..].try_into().unwrap()));
                assert_eq!(number, port.to_read.pop_front());
                port.reading &= number.is_some();
            }
            Err(_) => {
                assert!(core::mem::take(&mut port.error), "an error comes once");
                // A reader who stops there: it is told again.
                port.reading = false;
            }
        }
    }
}

impl World {
    fn number(&mut self) -> Number {
        self.next += 1;
        self.next
    }

    fn run(&mut self, call: Call) {
        match call {
            Call::Bind { host, place, flows } => self.bind(host, place, flows),
            Call::Open { host, port, remote } => self.open(host, port, remote),
            Call::Carry { host, packets } => _ = (0..packets).all(|_| self.carry(host)),
            Call::Events { host, count } => _ = (0..count).all(|_| self.event(host)),
            Call::Read { host, count } => _ = (0..count).all(|_| self.sides[host].read()),
            Call::Wait { secs } => self.wait(secs),
            Call::Answer { host, which } => {
                let number = self.number();
                let side = &mut self.sides[host];
                if let Some(at) = Side::pick(&side.known_flows(), which) {
                    side.send(self.now, at, addr("10.0.0.1:1"), 0, number);
                }
            }
            Call::CloseFlow { host, which } => {
                let side = &mut self.sides[host];
                if let Some(at) = Side::pick(&side.known_flows(), which) {
                    let flow = side.ports[at].flow.unwrap();
                    assert!(side.host.table.close_flow(flow));
                    side.let_go(at);
                }
            }
            Call::Close { host, which }
            | Call::Connect { host, which, .. }
            | Call::Disconnect { host, which }
            | Call::Look { host, which }
            | Call::Send { host, which, .. }
            | Call::Error { host, which } => {
                if let Some(at) = Side::pick(&self.sides[host].sockets(), which) {
                    self.run_on(call, host, at);
                }
            }
        }
    }

    fn run_on(&mut self, call: Call, host: usize, at: usize) {
        let number = self.number();
        let (side, now) = (&mut self.sides[host], self.now);
        let (id, peer) = (side.ports[at].socket, side.ports[at].peer);
        match call {
            Call::Close { .. } => side.close(at),
            Call::Look { .. } => side.read_at(at),
            Call::Connect { remote, .. } => {
                let remote = remote_of(host, remote);
                if side.host.udp(id).connect(remote).is_ok() {
                    let local = side.host.udp(id).local().unwrap();
                    let taken = |port: &Port| !port.is_flow && port.peer == Some((local, remote));
                    assert!(!side.ports.iter().any(|port| taken(port) && port.socket != id));
                    side.ports[at].peer = Some((local, remote));
                }
            }
            Call::Disconnect { .. } if side.host.udp(id).disconnect().is_ok() => {
                let bound = side.host.udp(id).bound();
                let port = &mut side.ports[at];
                (port.peer, port.error, port.bound) = (None, false, bound);
            }
            Call::Send { remote, .. } => {
                side.send(now, at, remote_of(host, remote), remote, number);
            }
            Call::Error { .. } => {
                if let Some((local, remote)) = peer {
                    let tuple = FiveTuple::new(IpProtocol::UDP, local, remote);
                    assert!(side.host.table.on_error(&tuple, UdpNetworkError::Refused));
                    side.ports[at].error = true;
                }
            }
            _ => {}
        }
    }

    fn bind(&mut self, host: usize, place: u8, flows: bool) {
        let side = &mut self.sides[host];
        let own = SocketAddr::new(HOSTS[host][0].parse().unwrap(), 1 + u16::from(place % 2));
        let bound = match place {
            0..2 => UdpBind::Socket(own),
            2..4 => UdpBind::Socket(SocketAddr::new("0.0.0.0".parse().unwrap(), own.port())),
            4..6 => UdpBind::Port(own.port()),
            _ => UdpBind::Everything,
        };
        if let Ok(id) = side.host.try_bind(bound, options(flows)) {
            side.ports.push(Port { with_flows: flows, ..Port::new(id, Some(bound)) });
        }
    }

    fn open(&mut self, host: usize, port: u16, remote: u8) {
        let side = &mut self.sides[host];
        let local = SocketAddr::new(HOSTS[host][0].parse().unwrap(), port);
        let remote = remote_of(host, remote);
        let opened = side.host.table.open(local, remote, options(false), &side.host.here, &mut first_free);
        let taken = side.ports.iter().any(|port| !port.is_flow && port.peer == Some((local, remote)));
        assert_eq!(opened.is_ok(), !taken);
        if let Ok(id) = opened {
            side.ports.push(Port { peer: Some((local, remote)), ..Port::new(id, None) });
        }
    }

    /// One packet from a host to the other.
    fn carry(&mut self, host: usize) -> bool {
        let Some(packet) = self.sides[host].host.packet() else {
            let side = &self.sides[host];
            assert!(side.ports.iter().all(|port| port.to_send.is_empty()));
            assert!(side.orphans.iter().all(VecDeque::is_empty));
            return false;
        };
        let (from, to, data) = parse(&packet);
        let number = Number::from_be_bytes(data[..].try_into().unwrap());
        let side = &mut self.sides[host];
        let queues = side.ports.iter_mut().map(|port| &mut port.to_send).chain(&mut side.orphans);
        let mut firsts = queues.filter(|queue| queue.front() == Some(&number));
        assert!(firsts.next().expect("a packet that somebody has queued, in order").pop_front().is_some());

        let other = &mut self.sides[1 - host];
        let expected = other.expect(self.now, to, from, number);
        let octets = octets(from, to, &data);
        let arriving = arriving(from, to, octets.as_slice().into());
        assert_eq!(other.host.table.on_datagram(at_secs(self.now), arriving), expected);
        true
    }

    /// The user acts on one event.
    fn event(&mut self, host: usize) -> bool {
        let Some(event) = self.sides[host].host.table.poll_event() else {
            return false;
        };
        let side = &mut self.sides[host];
        if event.ready.ended.is_some() {
            let flow = event.flow.unwrap();
            let at = side.over.iter().position(|&over| over == (event.id, flow));
            side.over.remove(at.expect("a flow that is over and of which the user knows"));
            return true;
        }
        let at = match event.flow {
            None => side.ports.iter().position(|port| port.socket == event.id && !port.is_flow),
            Some(flow) => {
                let udp = side.host.flow(flow);
                let ends = Some((udp.local().unwrap(), udp.remote().unwrap()));
                assert_eq!(udp.socket(), Some(event.id));
                side.ports.iter().position(|port| port.is_flow && port.peer == ends)
            }
        };
        let at = at.expect("news of somebody whom there is");
        let port = &mut side.ports[at];
        assert_eq!(event.ready.new, port.is_flow && port.flow.is_none());
        port.flow = event.flow;
        assert!(!event.ready.readable || !port.to_read.is_empty(), "readable means so");
        assert!(!event.ready.error || port.error, "an error means so");
        port.reading |= event.ready.readable;
        if event.ready.writable {
            assert!(port.to_send.len() < PLACES, "writable means so");
            self.resume(host, at);
        }
        true
    }

    fn resume(&mut self, host: usize, at: usize) {
        let (socket, flow) = (self.sides[host].ports[at].socket, self.sides[host].ports[at].flow);
        let mut refused = core::mem::take(&mut self.sides[host].ports[at].refused);
        while let Some(choice) = refused.pop_front() {
            let number = self.number();
            let side = &mut self.sides[host];
            // A flow that sends goes to the end of the list.
            let at = side.ports.iter().position(|port| port.socket == socket && port.flow == flow);
            let at = at.expect("it is still there");
            if !side.send(self.now, at, remote_of(host, choice), choice, number) {
                side.ports[at].refused.extend(refused);
                return;
            }
        }
    }

    fn wait(&mut self, secs: u64) {
        self.now += secs;
        for side in &mut self.sides {
            let next = side.ports.iter().filter(|port| port.is_flow).map(|port| port.deadline).min();
            assert_eq!(side.host.table.poll_timeout(), next.map(at_secs));
            side.host.table.handle_timeout(at_secs(self.now));
            while let Some(at) = side.ports.iter().position(|port| port.is_flow && port.deadline <= self.now)
            {
                side.end_flow(at);
            }
        }
    }

    /// What holds after every call.
    fn check(&self) {
        for side in &self.sides {
            let table = &side.host.table;
            let flows = side.ports.iter().filter(|port| port.is_flow).count();
            assert_eq!((table.len(), table.flows.len()), (side.sockets().len(), flows));
            assert_eq!(table.ended as usize, side.over.len());
            let to_read: usize = side.ports.iter().map(|port| port.to_read.len()).sum();
            let waiting: usize = table.channels.rows.iter().map(|(_, channel)| channel.received.len()).sum();
            assert_eq!(waiting, to_read);
            let held: usize = table.channels.rows.iter().map(|(_, channel)| channel.received.held()).sum();
            assert_eq!(table.received.held(), held);
            let held: usize = table.channels.rows.iter().map(|(_, channel)| channel.sending.held()).sum();
            assert_eq!(table.sending.held(), held);
        }
    }

    /// Everything goes on until there is nothing more to tell: then nobody waits for anything.
    fn finish(&mut self) {
        loop {
            let mut busy = false;
            for host in [0, 1] {
                while self.carry(host) {
                    busy = true;
                }
                while self.event(host) {
                    busy = true;
                }
                while self.sides[host].read() {
                    busy = true;
                }
            }
            if !busy {
                break;
            }
        }
        for side in &self.sides {
            for port in &side.ports {
                assert!(port.to_read.is_empty(), "a reader was not told: {port:?}");
                assert!(port.refused.is_empty(), "a writer was not told: {port:?}");
                assert!(!port.is_flow || port.flow.is_some(), "nobody was told of a flow: {port:?}");
            }
            assert!(side.over.is_empty(), "nobody was told that flows are over");
            let stats = side.host.table.stats();
            let dropped: u64 = stats.dropped.iter().sum();
            assert_eq!(stats.received, stats.delivered + stats.no_socket + dropped);
            assert_eq!(stats.queued, stats.sent + stats.discarded);
        }
        for host in [0, 1] {
            while let Some(at) = self.sides[host].sockets().first() {
                self.sides[host].close(*at);
            }
            while self.sides[host].host.packet().is_some() {}
            let table = &mut self.sides[host].host.table;
            assert_eq!((table.channels.rows.len(), table.bound.len(), table.connected.len()), (0, 0, 0));
            assert_eq!((table.ports.len(), table.flows.len(), table.with_flows), (0, 0, 0));
            assert_eq!((table.received.held(), table.sending.held()), (0, 0));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]
    #[test]
    fn two_tables_do_what_two_lists_do(calls in prop::collection::vec(call(), 1..150)) {
        let mut world = World { sides: [Side::new(0), Side::new(1)], now: 0, next: 0 };
        for call in calls {
            world.run(call);
            world.check();
        }
        world.finish();
    }
}
