//! The path of these tests: two ends, a link each way, and a hand that loses chosen packets.

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::time::Duration;

use tcpstate::host::SingleConfig;
use tcpstate::sim::{
    Change, Ending, Endpoint, EndpointConfig, Fault, LinkConfig, LinkId, Node, NodeId, Pattern, Prng, Sends,
    World,
};
use tcpstate::tcp::{DropReason, Tcb, Unpredictable};
use tcpstate::wire::{IpPacket, TcpSegment};
use tcpstate::{Instant, SeqNumber, State, TcpFlags};

/// Octets of a full segment with timestamps, over IPv4 and an MTU of 1500.
pub(super) const SEGMENT: u64 = 1_448;

/// Sequence numbers pass zero early in every transfer.
const ISS: [u32; 2] = [u32::MAX - 60_000, u32::MAX - 10];

/// A packet as its sender's side saw it.
#[derive(Clone, Debug)]
pub(super) struct Packet {
    pub(super) at: Instant,
    /// Where its first octet stands in the stream of its sender; none in a SYN.
    pub(super) offset: u64,
    /// Octets of payload.
    pub(super) len: u64,
    pub(super) flags: TcpFlags,
    /// How often a segment of this offset was sent by now: 1 for the first time.
    pub(super) nth: u32,
    /// Whether it was lost at once.
    pub(super) lost: bool,
}

impl Packet {
    /// An acknowledgment and nothing else.
    pub(super) fn is_bare_ack(&self) -> bool {
        self.len == 0 && !self.flags.intersects(TcpFlags::SYN | TcpFlags::FIN | TcpFlags::RST)
    }
}

/// Says which packets are lost.
pub(super) type Lose = Box<dyn FnMut(&Packet) -> bool>;

/// An end of the path, and what goes in and out there.
pub(super) struct Tap {
    pub(super) end: Endpoint,
    iss: SeqNumber,
    lose: Lose,
    times: BTreeMap<u64, u32>,
    /// Segments with octets that it sent, in order.
    pub(super) sent: Vec<Packet>,
    /// How often it forgets what it has beyond a gap, and from how many octets on.
    pub(super) forgets: (u32, u64),
    /// This end as it was before the first gap.
    whole: Option<Box<Endpoint>>,
}

impl Tap {
    fn new(config: EndpointConfig, iss: u32, patterns: [Pattern; 2], lose: Lose) -> Self {
        let end =
            Endpoint::new(config, patterns[0], patterns[1], Prng::new(1)).expect("the configuration does");
        let iss = SeqNumber::new(iss);
        let (times, sent) = (BTreeMap::new(), Vec::new());
        Self { end, iss, lose, times, sent, forgets: (0, 0), whole: None }
    }

    pub(super) fn tcb(&self) -> Option<&Tcb> {
        tcb_of(&self.end)
    }

    fn read(&mut self, at: Instant, bytes: &[u8]) -> Packet {
        let ip = IpPacket::parse(bytes, bytes.len()).expect("an end sends IP packets");
        let tcp = TcpSegment::parse(ip.payload, ip.payload_len).expect("with TCP in them");
        let offset = u64::from(tcp.seq - (self.iss + 1));
        let len = tcp.payload_len as u64;
        let mut packet = Packet { at, offset, len, flags: tcp.flags, nth: 1, lost: false };
        if len > 0 {
            let times = self.times.entry(offset).or_default();
            *times += 1;
            packet.nth = *times;
        }
        packet.lost = (self.lose)(&packet);
        packet
    }

    /// Octets that it has beyond the first gap.
    fn out_of_order(&self) -> u64 {
        self.tcb().map_or(0, |tcb| tcb.out_of_order().map(|range| range.end - range.start).sum())
    }

    /// RFC 2018 §8: a receiver may throw away what it has reported in SACK blocks.
    fn forget(&mut self) {
        let (times, octets) = self.forgets;
        if times == 0 {
            return;
        }
        let beyond = self.out_of_order();
        if beyond == 0 {
            self.whole = Some(Box::new(self.end.clone()));
        } else if beyond >= octets
            && let Some(whole) = self.whole.take()
            && tcb_of(&whole).map(Tcb::rcv_nxt) == self.tcb().map(Tcb::rcv_nxt)
        {
            // What was acknowledged in the meantime may not be forgotten.
            self.end = *whole;
            self.forgets.0 -= 1;
        }
    }
}

fn tcb_of(end: &Endpoint) -> Option<&Tcb> {
    Some(end.single()?.connection().tcb())
}

impl Node for Tap {
    fn handle_packet(&mut self, now: Instant, packet: &[u8]) {
        self.forget();
        self.end.handle_packet(now, packet);
    }

    fn poll_transmit(&mut self, now: Instant, out: &mut [u8]) -> Option<usize> {
        loop {
            let len = self.end.poll_transmit(now, out)?;
            let packet = self.read(now, &out[..len]);
            let lost = packet.lost;
            if packet.len > 0 {
                self.sent.push(packet);
            }
            if !lost {
                return Some(len);
            }
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.end.handle_timeout(now);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.end.poll_timeout()
    }

    fn poll_change(&mut self) -> Option<Change> {
        self.end.poll_change()
    }

    fn fault(&self) -> Option<Fault> {
        self.end.fault()
    }
}

/// A path to be. The default: 10 Mbit/s, a round trip of 50 ms, a queue of one bandwidth-delay product; the first end
/// calls and sends, the second one reads at once, and nobody closes.
pub(super) struct Setup {
    pub(super) seed: u64,
    /// The links there and back.
    pub(super) links: [LinkConfig; 2],
    /// Sender and receiver.
    pub(super) ends: [EndpointConfig; 2],
    /// What is lost of the sender's packets, and of the receiver's.
    pub(super) lose: [Lose; 2],
    pub(super) forgets: (u32, u64),
}

impl Setup {
    pub(super) fn new(octets: u64) -> Self {
        Self::over(10_000_000, Duration::from_millis(50), octets)
    }

    /// A path of so many bits per second and this round trip.
    pub(super) fn over(rate: u64, rtt: Duration, octets: u64) -> Self {
        let sockets = ["192.0.2.1:49152", "192.0.2.2:9"].map(|socket| socket.parse().expect("a socket"));
        let mut ends = sockets.map(EndpointConfig::new);
        ends[0].remote = Some(sockets[1]);
        ends[0].app.sends = Sends::Octets(octets);
        for (end, iss) in ends.iter_mut().zip(ISS) {
            end.app.ending = Ending::WhenTold;
            // Buffers that do not change: what holds sending back is to be seen.
            (end.single.send_buffer, end.single.send_buffer_max) = (1 << 20, 0);
            (end.single.tcp.receive_window, end.single.tcp.receive_window_max) = (256 << 10, 0);
            end.single.fixed = Some(Unpredictable { iss: SeqNumber::new(iss), timestamp_offset: iss });
        }
        let mut link = LinkConfig::default();
        link.delay = rtt / 2;
        link.rate = NonZeroU64::new(rate);
        link.queue = rate / 8 * rtt.as_millis() as u64 / 1_000;
        let lose: [Lose; 2] = [Box::new(|_| false), Box::new(|_| false)];
        Self { seed: 1, links: [link; 2], ends, lose, forgets: (0, 0) }
    }

    pub(super) const fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The sender's packets of which this is true are lost.
    pub(super) fn losing(mut self, lose: impl FnMut(&Packet) -> bool + 'static) -> Self {
        self.lose[0] = Box::new(lose);
        self
    }

    /// The receiver's packets of which this is true are lost.
    pub(super) fn losing_acks(mut self, lose: impl FnMut(&Packet) -> bool + 'static) -> Self {
        self.lose[1] = Box::new(lose);
        self
    }

    /// The same choices for both ends.
    pub(super) fn with(mut self, mut change: impl FnMut(&mut SingleConfig)) -> Self {
        for end in &mut self.ends {
            change(&mut end.single);
        }
        self
    }

    pub(super) fn open(self) -> Path {
        let mut world = World::new(self.seed);
        let patterns = [0, 1].map(|end| Pattern::new(self.seed.wrapping_mul(2).wrapping_add(end)));
        let ([from, to], [lose, lose_acks]) = (self.ends, self.lose);
        let sender = world.add(Tap::new(from, ISS[0], patterns, lose));
        let mut second = Tap::new(to, ISS[1], [patterns[1], patterns[0]], lose_acks);
        second.forgets = self.forgets;
        let receiver = world.add(second);
        let [there, back] = self.links;
        let links = [(sender, receiver, there), (receiver, sender, back)]
            .map(|(from, to, config)| world.link(from, to, config).expect("both ends are there"));
        Path { world, ends: [sender, receiver], links, trace: Vec::new() }
    }
}

/// What the sender thought at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Thought {
    pub(super) at: Instant,
    pub(super) cwnd: u32,
    /// Octets acknowledged.
    pub(super) acked: u64,
}

/// Two ends at work.
pub(super) struct Path {
    world: World<Tap>,
    ends: [NodeId; 2],
    links: [LinkId; 2],
    /// Whenever one of them changed.
    pub(super) trace: Vec<Thought>,
}

impl Path {
    pub(super) const fn now(&self) -> Instant {
        self.world.now()
    }

    pub(super) fn sender(&self) -> &Tap {
        self.world.node(self.ends[0]).expect("it is there")
    }

    pub(super) fn receiver(&self) -> &Tap {
        self.world.node(self.ends[1]).expect("it is there")
    }

    pub(super) fn tcb(&self) -> &Tcb {
        self.sender().tcb().expect("it is open")
    }

    /// How often the sender's retransmission timer has expired.
    pub(super) fn timeouts(&self) -> u32 {
        self.tcb().info(self.now()).timeouts
    }

    /// Other impairments from now on, there or back.
    pub(super) fn change_link(&mut self, direction: usize, change: impl FnOnce(&mut LinkConfig)) {
        let link = self.world.link_mut(self.links[direction]).expect("it is there");
        let mut config = *link.config();
        change(&mut config);
        link.set_config(config);
    }

    /// Octets that the receiver has read.
    pub(super) fn read(&self) -> u64 {
        self.receiver().end.app().read()
    }

    /// Lets the next thing happen, unless it would be after `end`.
    fn step(&mut self, end: Instant) -> bool {
        if self.world.next_event().is_none_or(|at| at > end) {
            return false;
        }
        self.world.step().expect("no promise is broken");
        let now = self.now();
        let Some(tcb) = self.sender().tcb().filter(|tcb| tcb.state() == State::Established) else {
            return true;
        };
        let thought = Thought { at: now, cwnd: tcb.cwnd(), acked: tcb.acked_to() };
        let same = |last: &Thought| (last.cwnd, last.acked) == (thought.cwnd, thought.acked);
        if !self.trace.last().is_some_and(same) {
            self.trace.push(thought);
        }
        true
    }

    /// Until this moment.
    pub(super) fn run_until(&mut self, end: Instant) {
        while self.step(end) {}
        self.world.run_until(end).expect("no promise is broken");
    }

    pub(super) fn run_for(&mut self, span: Duration) {
        self.run_until(self.now() + span);
    }

    /// Until the receiver has read so many octets; when that was. It may take two minutes.
    pub(super) fn run_until_read(&mut self, octets: u64) -> Instant {
        let end = self.now() + Duration::from_secs(120);
        while self.read() < octets {
            assert!(self.step(end), "{} of {octets} octets have arrived at {} s", self.read(), self.now());
        }
        self.now()
    }

    /// The sender's first acknowledgment of something new after `moment`.
    pub(super) fn first_progress_after(&self, moment: Instant) -> Instant {
        let before =
            self.trace.iter().rfind(|thought| thought.at <= moment).map_or(0, |thought| thought.acked);
        let next = self.trace.iter().find(|thought| thought.at > moment && thought.acked > before);
        next.expect("it goes on").at
    }

    /// The congestion window at a moment that was traced.
    pub(super) fn cwnd_at(&self, moment: Instant) -> u32 {
        self.trace.iter().rfind(|thought| thought.at <= moment).expect("it was open").cwnd
    }

    /// Data segments that brought the receiver nothing.
    pub(super) fn needless(&self) -> u64 {
        let refused = &self.receiver().end.stats().refused;
        [DropReason::Duplicate, DropReason::BelowWindow].iter().filter_map(|reason| refused.get(reason)).sum()
    }

    /// The segments with octets that were sent more than once.
    pub(super) fn repeats(&self) -> impl Iterator<Item = &Packet> {
        self.sender().sent.iter().filter(|packet| packet.nth > 1)
    }
}

/// How a whole transfer went.
pub(super) struct Transfer {
    pub(super) path: Path,
    /// From the first segment with octets to the last octet read.
    pub(super) took: Duration,
    /// Octets read per second, as bits.
    pub(super) goodput: f64,
}

/// Runs a transfer of so many octets to its end.
pub(super) fn transfer(setup: Setup, octets: u64) -> Transfer {
    let mut path = setup.open();
    let end = path.run_until_read(octets);
    let first = path.sender().sent.first().expect("something was sent").at;
    let took = end - first;
    Transfer { path, took, goodput: octets as f64 * 8.0 / took.as_secs_f64() }
}

/// The middle one.
pub(super) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
