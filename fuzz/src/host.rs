//! Two hosts with users who call anything at any time, packets between them that are lost, doubled, turned round, changed
//! and cut up, and packets that nobody has sent, whose checksums are right: segments of connections that there are, and of
//! none, fragments, ICMP, UDP, any octets. Clocks leap and step back.
//!
//! What must hold: no panic, nothing without end, memory within the limits, deadlines that are ahead once they were served,
//! no stale id, few answers to a packet, and the same packets for the same input.
//!
//! Input: the choices of both hosts, then operations.

mod calls;

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use arbitrary::{Arbitrary, Unstructured};
use tcpstate::host::{
    Checksums, ConnId, Decision, Event, Host, HostConfig, Ingress, ListenOn, ListenerId, LocalAddress,
    Packet, RequestId, UdpBind, UdpEvent, UdpFlowId, UdpId,
};
use tcpstate::tcp::Keepalive;
use tcpstate::wire::fragment::Pieces;
use tcpstate::wire::{IpProtocol, TcpRepr, UdpRepr};
use tcpstate::{Instant, State, TcpFlags};

use crate::choice;
use crate::craft::{self, Trouble};
use crate::record::{BACK, Call, Entry, LATE, Nobody, Origin, Recorder};

/// Operations that one input may have.
const OPS: usize = 250;
/// Packets, or events, that one moment may have.
const AT_ONCE: usize = 8_000;
/// Answers that one packet may have that carry nothing: of its connection, and resets of orphans that had to go.
const MOST_ANSWERS: usize = 8;
/// Packets that wait to arrive.
const UNDER_WAY: usize = 64;

#[derive(Arbitrary, Debug)]
enum Op {
    /// So many of the oldest packets on their way arrive.
    Arrive(bool, u8),
    Lose(bool),
    /// It arrives, and is still on its way.
    Twice(bool),
    /// It waits until all others have arrived.
    Last(bool),
    /// It arrives with other octets, and its checksums are right.
    Forge(bool, Vec<(u8, u8)>),
    /// It arrives with other octets.
    Damage(bool, u16, u8),
    /// It arrives in pieces: of this size, in this order.
    Pieces(bool, u8, u8),
    /// A router, or the other end, tells about it.
    Report {
        from: bool,
        kind: u8,
        value: u16,
    },
    /// A segment of a connection that there is, near what is expected next.
    Near {
        to: bool,
        which: u8,
        flags: u8,
        seq: i16,
        ack: i16,
        window: u16,
        len: u8,
        options: Vec<u8>,
    },
    /// A segment from anybody to anybody.
    Segment {
        to: bool,
        v6: bool,
        ports: u8,
        flags: u8,
        seq: u16,
        ack: u16,
        options: Vec<u8>,
        len: u8,
    },
    /// Any octets arrive.
    Raw(bool, Vec<u8>),
    /// Any octets behind an IP header that is right.
    Ip(bool, bool, u8, Vec<u8>),
    /// A datagram arrives.
    Udp(bool, bool, u8, u16),
    /// An echo request arrives.
    Echo(bool, bool, Vec<u8>),
    Time(u16),
    Back(u16),
    /// On to the next deadline of this host.
    Deadline(bool),
    Poll(bool),
    Events(bool, u8),
    Listen(bool, u8),
    Unlisten(bool),
    Connect(bool, u8),
    /// A user does something with a connection.
    User(bool, u8, User),
    Release(bool, u8),
    Bind(bool, u8),
    Datagram(bool, u8, u16, u8),
    Close(bool),
    Decide(bool, u8),
    Reconfigure(bool, u8),
    Everything(bool),
}

/// What a user does.
#[derive(Arbitrary, Debug)]
enum User {
    Send(u16, u8),
    Read(u16),
    Shutdown,
    Close,
    Abort,
    Look,
    Nagle(bool),
    Flush,
    Keepalive(Option<u8>),
    Timeout(Option<u16>),
    R2(u16),
    AckDelay(u16),
    Quick(bool),
    Window(u32),
    Buffer(u16),
    Header(u8, u8),
}

struct End {
    number: usize,
    host: Host,
    ids: Vec<ConnId>,
    stale: Vec<ConnId>,
    /// All connections that there were, in the order in which they began, each with the state that was told last.
    begun: Vec<(ConnId, Option<State>)>,
    listeners: Vec<ListenerId>,
    sockets: Vec<UdpId>,
    flows: Vec<UdpFlowId>,
    undecided: Vec<RequestId>,
    sent: VecDeque<Vec<u8>>,
    /// The octets of all packets, as a number.
    trace: u64,
}

/// The address of a host, of either version.
fn address(v6: bool, end: usize) -> IpAddr {
    if v6 {
        Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, end as u16 + 1).into()
    } else {
        Ipv4Addr::new(10, 0, 0, end as u8 + 1).into()
    }
}

fn config(from: &mut Unstructured<'_>, end: usize) -> HostConfig {
    let mut config = choice::host(from);
    config.addresses =
        vec![LocalAddress::new(address(false, end), 24), LocalAddress::new(address(true, end), 64)];
    let limits = &mut config.limits;
    limits.connections = limits.connections.min(16);
    limits.half_open = limits.half_open.min(8);
    limits.time_wait = limits.time_wait.min(8);
    limits.memory = limits.memory.min(2 << 20);
    config.udp.receive_memory = 200 << 10;
    config.udp.send_memory = 200 << 10;
    config.fragments.memory = config.fragments.memory.min(200 << 10);
    let keepalive = &mut config.connection.tcp.keepalive;
    // Many moments, and nothing new.
    *keepalive = keepalive.map(|usual| Keepalive { idle: usual.idle.max(Duration::from_millis(1)), ..usual });
    config
}

/// One input.
pub fn run<R: Recorder + ?Sized>(input: &[u8], recorder: &mut R) {
    let first = Run::new(input, recorder).play();
    if input.iter().fold(0_u8, |sum, octet| sum.rotate_left(1) ^ octet) % 4 == 0 {
        assert_eq!(Run::new(input, &mut Nobody).play(), first, "the same input, other packets");
    }
}

struct Run<'i, 'r, R: ?Sized> {
    from: Unstructured<'i>,
    now: Instant,
    ends: [End; 2],
    recorder: &'r mut R,
}

impl End {
    fn new(config: HostConfig, from: &mut Unstructured<'_>, number: usize) -> Self {
        let mut host = Host::new(config, [number as u8 + 1; 32]).expect("such choices do");
        let listeners = host.listen(ListenOn::port(7), &choice::listen(from)).into_iter().collect();
        let sockets = host.udp_bind(UdpBind::Port(7), choice::udp(from)).into_iter().collect();
        Self {
            number,
            host,
            ids: Vec::new(),
            stale: Vec::new(),
            begun: Vec::new(),
            listeners,
            sockets,
            flows: Vec::new(),
            undecided: Vec::new(),
            sent: VecDeque::new(),
            trace: 0,
        }
    }

    fn id(&self, which: u8) -> Option<ConnId> {
        self.ids.get(usize::from(which) % self.ids.len().max(1)).copied()
    }

    fn begin(&mut self, id: ConnId) {
        self.ids.push(id);
        self.begun.push((id, None));
    }

    /// The number by which this connection is told of.
    fn number_of(&self, id: ConnId) -> usize {
        self.begun.iter().position(|&(other, _)| other == id).unwrap_or(0)
    }

    /// Tells in which states connections are that were in others before.
    fn tell_states<R: Recorder + ?Sized>(&mut self, now: Instant, recorder: &mut R) {
        if !recorder.is_on() {
            return;
        }
        for (which, (id, last)) in self.begun.iter_mut().enumerate() {
            let Some(connection) = self.host.connection(*id) else { continue };
            let (state, Some(tuple)) = (connection.state(), connection.tuple()) else { continue };
            if last.replace(state) != Some(state) {
                let (local, remote) = (Some(tuple.local()), Some(tuple.remote()));
                recorder.entry(now, &Entry::State { end: self.number, which, local, remote, state });
            }
        }
    }

    fn trace(&mut self, octets: &[u8]) {
        for part in octets.chunks(8) {
            let word = part.iter().fold(0_u64, |sum, &octet| sum << 8 | u64::from(octet));
            self.trace = (self.trace.rotate_left(5) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        }
    }

    /// Takes what it has to send; says how many packets carried nothing.
    fn poll<R: Recorder + ?Sized>(&mut self, now: Instant, recorder: &mut R) -> usize {
        let mut out = vec![0; 65_535];
        let mut empty = 0;
        for count in 0.. {
            assert!(count < AT_ONCE, "it sends without end");
            let Some(transmit) = self.host.poll_transmit(now, &mut out) else { break };
            let octets = &out[..transmit.len];
            recorder.entry(now, &Entry::Sent { end: self.number, octets });
            empty += usize::from(craft::segment(octets).is_none_or(|(_, _, segment)| segment.seq_len() == 0));
            self.trace(octets);
            self.sent.push_back(octets.to_vec());
        }
        self.sent.truncate(UNDER_WAY);
        recorder.entry(now, &Entry::Polled { end: self.number });
        empty
    }

    fn events<R: Recorder + ?Sized>(&mut self, how: u8, now: Instant, recorder: &mut R) {
        for count in 0.. {
            assert!(count < AT_ONCE, "it tells without end");
            let Some(event) = self.host.poll_event() else { break };
            match event {
                Event::Connection { id, ready, .. } => {
                    assert!(!ready.is_empty() && self.host.connection(id).is_some(), "an event of nobody");
                }
                Event::Incoming { listener } => {
                    while let Some(id) = self.host.accept(listener) {
                        assert!(self.host.connection(id).is_some(), "a stale id was given");
                        assert!(!self.stale.contains(&id), "an id that was used before");
                        let (which, call) = (self.begun.len(), Call::Accept);
                        recorder.entry(now, &Entry::Call { end: self.number, which, call });
                        self.begin(id);
                    }
                }
                Event::Decide { request, .. } => {
                    assert!(self.host.request(request).is_some(), "nobody asks");
                    if how & 1 == 0 {
                        self.host.decide(request, Decision::Accept).expect("he waits");
                    } else {
                        self.undecided.push(request);
                    }
                }
                Event::Udp(event) => self.udp(event),
                _ => {}
            }
        }
    }

    fn udp(&mut self, event: UdpEvent) {
        let Some(flow) = event.flow else { return };
        if event.ready.ended.is_some() {
            assert!(self.host.udp_flow(flow).is_none(), "it is over, and lives on");
            self.flows.retain(|&other| other != flow);
        } else if event.ready.new && self.flows.len() < 8 {
            self.flows.push(flow);
        }
    }

    fn time<R: Recorder + ?Sized>(&mut self, now: Instant, recorder: &mut R) {
        if recorder.is_on() && self.host.poll_timeout().is_some_and(|due| due < now) {
            recorder.entry(now, &Entry::Odd { end: self.number, what: LATE });
        }
        recorder.entry(now, &Entry::Timeout { end: self.number });
        self.host.handle_timeout(now);
        if let Some(at) = self.host.poll_timeout() {
            assert!(at > now || at == Instant::ZERO, "a deadline that was served is still there: {at:?}");
        }
    }

    /// What users queue has limits of its own: 4 MiB for each connection.
    fn check(&mut self, now: Instant) {
        let queued: usize = self.host.connections(now).map(|view| view.unacknowledged).sum();
        let memory = self.host.memory();
        let most = self.host.config().limits.memory + 2 * queued + (1 << 20);
        assert!(memory <= most, "{memory} octets, {queued} queued");
        let limits = self.host.config().limits;
        assert!(self.host.len() <= limits.connections + limits.orphans.min(16) + 1, "{}", self.host.len());
        let host = &mut self.host;
        let stale = &mut self.stale;
        self.ids.retain(|&id| {
            let is_there = host.connection(id).is_some();
            if !is_there {
                stale.push(id);
            }
            is_there
        });
        // What only tells something may be asked at any time.
        let rows = self.host.rows().count();
        assert!(rows <= 17, "{rows} rows of half-open connections and of TIME-WAIT");
        assert!(self.host.stats().reasons().all(|(name, _)| !name.is_empty()));
        for &id in &self.sockets {
            let Some(socket) = self.host.udp(id) else { continue };
            let (here, there) = socket.waiting();
            assert!(here <= 256 && there <= 256, "{here} datagrams to read, {there} to send");
            let _ = (socket.local(), socket.remote(), socket.bound(), socket.options(), socket.dropped());
        }
        assert!(self.stale.last().is_none_or(|&id| self.host.connection(id).is_none()), "a stale id lives");
    }
}

impl<'i, 'r, R: Recorder + ?Sized> Run<'i, 'r, R> {
    fn new(input: &'i [u8], recorder: &'r mut R) -> Self {
        let mut from = Unstructured::new(input);
        let now = Instant::from_nanos(1_000_000_000);
        let ends = [0, 1].map(|number| {
            let config = config(&mut from, number);
            recorder.entry(now, &Entry::Host { end: number, config: &config });
            End::new(config, &mut from, number)
        });
        Self { from, now, ends, recorder }
    }

    /// Plays the input, and says which packets there were, as a number.
    fn play(mut self) -> [u64; 2] {
        for _ in 0..OPS {
            let Ok(op) = Op::arbitrary(&mut self.from) else { break };
            self.op(op);
            for end in &mut self.ends {
                end.tell_states(self.now, self.recorder);
                end.check(self.now);
            }
            if self.from.is_empty() {
                break;
            }
        }
        for end in [false, true] {
            self.everything(end);
        }
        self.ends.map(|end| end.trace)
    }

    fn end(&mut self, which: bool) -> &mut End {
        &mut self.ends[usize::from(which)]
    }

    /// A packet arrives at `to`.
    fn deliver(&mut self, to: bool, octets: &[u8], origin: Origin) {
        let now = self.now;
        let verified = octets.len() % 16 == 7;
        let entry = Entry::Arrived { end: usize::from(to), octets, origin, verified };
        self.recorder.entry(now, &entry);
        let checksums = if verified { Checksums::Verified } else { Checksums::Unknown };
        let packet = Packet::from(octets).with_checksums(checksums);
        if let Ingress::Ignored(reason) = self.end(to).host.handle_packet(now, packet)
            && self.recorder.is_on()
        {
            self.recorder.entry(now, &Entry::Note(&format!("refused: {reason}")));
        }
        self.ends[usize::from(to)].tell_states(now, self.recorder);
    }

    fn op(&mut self, op: Op) {
        match op {
            Op::Arrive(..) | Op::Lose(_) | Op::Twice(_) | Op::Last(_) | Op::Forge(..) | Op::Damage(..) => {
                self.carry(op);
            }
            Op::Pieces(from, size, order) => self.pieces(from, size, order),
            Op::Report { from, kind, value } => self.report(from, kind, value),
            Op::Near { .. } | Op::Segment { .. } => self.segment(op),
            Op::Raw(to, octets) => self.deliver(to, &octets, Origin::Injected),
            Op::Ip(to, v6, protocol, payload) => {
                let (src, dst) = (address(v6, usize::from(!to)), address(v6, usize::from(to)));
                let mut packet = craft::ip(src, dst, IpProtocol(protocol), &payload);
                craft::repair(&mut packet);
                self.deliver(to, &packet, Origin::Injected);
            }
            Op::Udp(to, v6, ports, len) => self.datagram_in(to, v6, ports, len),
            Op::Echo(to, v6, data) => self.echo(to, v6, &data),
            Op::Time(ms) => self.pass(Duration::from_millis(ms.into())),
            Op::Back(ms) => {
                let nanos = self.now.as_nanos().saturating_sub(u64::from(ms) * 1_000_000);
                self.now = Instant::from_nanos(nanos);
                for end in [0, 1] {
                    self.recorder.entry(self.now, &Entry::Odd { end, what: BACK });
                }
            }
            Op::Deadline(which) => {
                let due = self.end(which).host.poll_timeout();
                self.now = due.unwrap_or(self.now).max(self.now);
                self.pass(Duration::ZERO);
            }
            Op::Poll(which) => {
                self.ends[usize::from(which)].poll(self.now, self.recorder);
            }
            Op::Events(which, how) => {
                self.ends[usize::from(which)].events(how, self.now, self.recorder);
            }
            Op::Everything(which) => self.everything(which),
            Op::User(which, id, call) => self.user(which, id, call),
            _ => self.owner(op),
        }
    }

    fn pass(&mut self, by: Duration) {
        self.now = self.now + by;
        for end in &mut self.ends {
            end.time(self.now, self.recorder);
        }
    }

    /// Everything that a host has to tell and to send.
    fn everything(&mut self, which: bool) {
        let now = self.now;
        let end = &mut self.ends[usize::from(which)];
        end.events(0, now, self.recorder);
        end.poll(now, self.recorder);
        end.tell_states(now, self.recorder);
    }

    /// What the network does to packets that there are.
    fn carry(&mut self, op: Op) {
        let (Op::Arrive(from, _)
        | Op::Lose(from)
        | Op::Twice(from)
        | Op::Last(from)
        | Op::Forge(from, _)
        | Op::Damage(from, ..)) = op
        else {
            return;
        };
        let Some(mut packet) = self.end(from).sent.pop_front() else { return };
        match op {
            Op::Arrive(_, count) => {
                self.deliver(!from, &packet, Origin::Network);
                for _ in 0..count % 16 {
                    let Some(packet) = self.end(from).sent.pop_front() else { break };
                    self.deliver(!from, &packet, Origin::Network);
                }
            }
            Op::Lose(_) => {
                let entry = Entry::Lost { end: usize::from(from), octets: &packet };
                self.recorder.entry(self.now, &entry);
            }
            Op::Twice(_) => {
                self.deliver(!from, &packet, Origin::Copy);
                self.end(from).sent.push_front(packet);
            }
            Op::Last(_) => self.end(from).sent.push_back(packet),
            Op::Forge(_, changes) => {
                let len = packet.len();
                for (at, octet) in changes {
                    packet[usize::from(at) % len] = octet;
                }
                craft::repair(&mut packet);
                self.deliver(!from, &packet, Origin::Damaged);
            }
            _ => {
                let Op::Damage(_, at, octet) = op else { return };
                let len = packet.len();
                packet[usize::from(at) % len] ^= octet;
                self.deliver(!from, &packet, Origin::Damaged);
            }
        }
    }

    /// The oldest packet arrives in pieces, some of them twice, or not at all.
    fn pieces(&mut self, from: bool, size: u8, order: u8) {
        let Some(packet) = self.end(from).sent.pop_front() else { return };
        let Ok(mut pieces) = Pieces::of(&packet, usize::from(size) + 64, order.into()) else { return };
        let mut out = [0; 400];
        let mut all = Vec::new();
        while let Ok(Some(len)) = pieces.emit_next(&mut out) {
            all.push(out[..len].to_vec());
        }
        if order & 1 == 1 {
            all.reverse();
        }
        for (at, piece) in all.iter().enumerate().take(100) {
            if order & 2 == 2 && at == usize::from(order >> 4) {
                continue;
            }
            self.deliver(!from, piece, Origin::Damaged);
            if order & 4 == 4 {
                self.deliver(!from, piece, Origin::Copy);
            }
        }
    }

    fn report(&mut self, from: bool, kind: u8, value: u16) {
        let Some(packet) = self.end(from).sent.pop_front() else { return };
        let trouble = match kind & 3 {
            0 => Trouble::TooBig(value),
            1 => Trouble::Unreachable(value as u8),
            2 => Trouble::TimeExceeded(value as u8),
            _ => Trouble::Problem(value as u8),
        };
        let by = if kind & 4 == 0 {
            address(packet[0] >> 4 == 6, 9)
        } else {
            address(packet[0] >> 4 == 6, usize::from(!from))
        };
        let message = craft::icmp(by, &packet, trouble);
        self.deliver(from, &message, Origin::Injected);
        if kind & 8 == 8 {
            self.deliver(!from, &packet, Origin::Network);
        }
    }

    /// A segment that nobody has sent, to a host that has nothing left to say: it answers with a few.
    fn segment(&mut self, op: Op) {
        let (to, packet) = match op {
            Op::Near { to, which, flags, seq, ack, window, len, options } => {
                let end = &self.ends[usize::from(to)];
                let mut views = end.host.connections(self.now);
                let count = views.by_ref().count();
                let Some(view) = end.host.connections(self.now).nth(usize::from(which) % count.max(1)) else {
                    return;
                };
                let id = end.ids.iter().find(|id| id.to_bits() == view.id);
                let Some(tcb) = id.and_then(|&id| end.host.machine(id)) else { return };
                let repr = TcpRepr {
                    seq: tcb.rcv_nxt() + i32::from(seq).cast_unsigned(),
                    ack: tcb.snd_max() + i32::from(ack.min(100)).cast_unsigned(),
                    flags: TcpFlags::from_bits(flags.into()),
                    window,
                    urgent: window,
                    options: &options[..options.len().min(40)],
                    ..TcpRepr::default()
                };
                let (src, dst) = (view.tuple.remote(), view.tuple.local());
                (to, craft::tcp(src, dst, &repr, &[0xee; 256][..usize::from(len)]))
            }
            Op::Segment { to, v6, ports, flags, seq, ack, options, len } => {
                let (src, dst) = (address(v6, usize::from(!to)), address(v6, usize::from(to)));
                let repr = TcpRepr {
                    seq: (u32::from(seq) << 16).into(),
                    ack: (u32::from(ack) << 16).into(),
                    flags: TcpFlags::from_bits(flags.into()),
                    window: seq,
                    options: &options[..options.len().min(40)],
                    ..TcpRepr::default()
                };
                let ports = (u16::from(ports >> 2) + 1_000, 7 + u16::from(ports & 3));
                let (src, dst) = (SocketAddr::new(src, ports.0), SocketAddr::new(dst, ports.1));
                (to, craft::tcp(src, dst, &repr, &[0xee; 256][..usize::from(len)]))
            }
            _ => return,
        };
        self.everything(to);
        self.deliver(to, &packet, Origin::Injected);
        let answers = self.ends[usize::from(to)].poll(self.now, self.recorder);
        assert!(answers <= MOST_ANSWERS, "{answers} answers to one segment");
    }

    fn datagram_in(&mut self, to: bool, v6: bool, ports: u8, len: u16) {
        let (src, dst) = (address(v6, usize::from(!to)), address(v6, usize::from(to)));
        let repr = UdpRepr { src_port: 1_000 + u16::from(ports >> 2), dst_port: 7 + u16::from(ports & 3) };
        let payload = vec![9; usize::from(len) % 3_000];
        let mut out = vec![0; payload.len() + 8];
        let Ok(len) = repr.emit(&mut out, src, dst, [&payload[..]]) else { return };
        let packet = craft::ip(src, dst, IpProtocol::UDP, &out[..len]);
        self.deliver(to, &packet, Origin::Injected);
    }

    fn echo(&mut self, to: bool, v6: bool, data: &[u8]) {
        let (src, dst) = (address(v6, usize::from(!to)), address(v6, usize::from(to)));
        let (kind, protocol) = if v6 { (128, IpProtocol::ICMPV6) } else { (8, IpProtocol::ICMP) };
        let mut message = vec![kind, 0, 0, 0];
        message.extend_from_slice(data);
        let mut packet = craft::ip(src, dst, protocol, &message);
        craft::repair(&mut packet);
        self.deliver(to, &packet, Origin::Injected);
    }
}
