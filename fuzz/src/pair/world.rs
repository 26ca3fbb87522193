//! The hosts, the network between them, and time; what their users do, and what has to hold.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use arbitrary::Unstructured;
use bytes::Bytes;
use tcpstate::Instant;
use tcpstate::host::{
    Checksums, ConnId, ConnectOptions, Decision, Event, Host, HostConfig, Ingress, ListenConfig, ListenOn,
    LocalAddress, Packet, Readiness, RequestId,
};
use tcpstate::tcp::{Dialect, Keepalive, TcpConfig};

use super::net::{MS, Net, Weather};
use super::side::Side;
use crate::choice::{self, octet};
use crate::craft;
use crate::record::{Call, Entry, LATE, Origin, Recorder};

/// Packets that one moment may have.
const PACKETS_AT_ONCE: usize = 20_000;
/// Packets that one input may have.
const PACKETS: u32 = 200_000;
/// Packets behind which an input ends whose choices allow of any number. FreeBSD answers what it refuses without a limit, and two
/// ends that do not agree where they are do so until one of them gives up; and a timeout that may not be longer than the round
/// trip sends everything many times.
const ENOUGH: u32 = 20_000;
/// Moments that one input may have.
const MOMENTS: u32 = 300_000;
/// Connections that one input may open.
const MOST_SIDES: usize = 12;
/// Acknowledgments and the like that one packet may be answered with.
const MOST_ANSWERS: usize = 4;
/// As long as the weather may be bad if every connection is to live through it.
const BAD_FOR: u64 = 100_000 * MS;
/// The port that both listen on.
const PORT: u16 = 80;

/// A host and what its owner knows.
pub(super) struct Node {
    pub(super) host: Host,
    pub(super) ids: BTreeMap<ConnId, usize>,
    undecided: Vec<RequestId>,
    /// Connections that there were.
    count: usize,
    pub(super) is_behind: bool,
}

/// What is promised.
#[derive(Debug)]
pub(super) struct Terms {
    /// Every connection whose users do not let go comes to its normal end: nobody is impatient, and there is room.
    pub(super) is_sure: bool,
    /// Octets that one side may send.
    pub(super) most: u64,
}

/// Everything.
pub(super) struct World<'r, R: ?Sized> {
    pub(super) now: u64,
    began: u64,
    pub(super) nodes: [Node; 2],
    pub(super) sides: Vec<Side>,
    pub(super) net: Net,
    pub(super) terms: Terms,
    pub(super) last_sent: [Vec<u8>; 2],
    pub(super) stamps: Option<(u32, u32)>,
    pub(super) decision: Decision,
    is_calm: bool,
    by_reference: bool,
    /// What users do comes before what is due is sent: both ways are usual.
    users_first: bool,
    moments: u32,
    packets: u32,
    /// There may be packets without end.
    is_tireless: bool,
    trace: u64,
    buffer: Vec<u8>,
    pub(super) recorder: &'r mut R,
}

/// Values that would take many moments and show nothing new.
fn sanitize(tcp: &mut TcpConfig) {
    let s = Duration::from_secs;
    if let Some(keepalive) = &mut tcp.keepalive {
        *keepalive = Keepalive { idle: keepalive.idle.max(s(5)), interval: s(5), ..*keepalive };
        tcp.fin_wait_2 = tcp.fin_wait_2.min(s(60));
    }
    (tcp.r2, tcp.syn_r2) = (tcp.r2.min(s(600)), tcp.syn_r2.min(s(600)));
    if tcp.max_rto < s(1) {
        (tcp.r2, tcp.syn_r2) = (tcp.r2.min(s(10)), tcp.syn_r2.min(s(10)));
    }
}

fn config(from: &mut Unstructured<'_>, end: usize) -> HostConfig {
    let mut config = choice::host(from);
    sanitize(&mut config.connection.tcp);
    let last = end as u8 + 1;
    let v6 = Ipv6Addr::from([0xfd00, 0, 0, 0, 0, 0, 0, last.into()]);
    config.addresses = vec![LocalAddress::new([10, 0, 0, last].into(), 24), LocalAddress::new(v6.into(), 64)];
    config.any_destination = false;
    config.limits.memory = config.limits.memory.min(8 << 20);
    config
}

impl<'r, R: Recorder + ?Sized> World<'r, R> {
    pub(super) fn new(from: &mut Unstructured<'_>, recorder: &'r mut R) -> Self {
        let ways = octet(from);
        let configs = [config(from, 0), config(from, 1)];
        let mut listens = [choice::listen(from), choice::listen(from)];
        let (mut is_sure, mut is_tireless) = (true, false);
        let mut most = 60_000;
        for (config, listen) in configs.iter().zip(&mut listens) {
            if let Some(connection) = &mut listen.connection {
                sanitize(&mut connection.tcp);
            }
            let tcps = [Some(&config.connection), listen.connection.as_ref()];
            for tcp in tcps.into_iter().flatten().map(|connection| &connection.tcp) {
                is_sure &= choice::is_patient(tcp);
                is_tireless |= tcp.dialect == Dialect::FreeBsd || tcp.max_rto < Duration::from_secs(1);
                let small = tcp.mss_limit < 536 || tcp.receive_window < 2_000 || tcp.default_mss < 200;
                let small = small || tcp.min_path_mtu < 552 || tcp.receive_window_max < 2_000;
                most = if small { 2_000 } else { most };
            }
            let mut usual = ListenConfig::default();
            (usual.fast_open, usual.connection) = (listen.fast_open, listen.connection);
            is_sure &= *listen == usual && config.limits == limits() && config.reset_closed_ports;
        }
        let now = u64::from(ways & 3) * 40_000_000 * MS + 1_000 * MS;
        let mut at = 0;
        let nodes = configs.map(|config| {
            let time = Instant::from_nanos(now);
            recorder.entry(time, &Entry::Host { end: at, config: &config });
            let mut host = Host::new(config, [at as u8 + 1; 32]).expect("such choices do");
            recorder.entry(time, &Entry::Call { end: at, which: 0, call: Call::Listen(PORT) });
            is_sure &= host.listen(ListenOn::port(PORT), &listens[at]).is_ok();
            at += 1;
            Node { host, ids: BTreeMap::new(), undecided: Vec::new(), count: 0, is_behind: false }
        });
        Self {
            now,
            began: now,
            nodes,
            sides: Vec::new(),
            net: Net::default(),
            terms: Terms { is_sure, most },
            last_sent: [Vec::new(), Vec::new()],
            stamps: None,
            decision: Decision::Accept,
            is_calm: false,
            by_reference: ways & 4 != 0,
            users_first: ways & 8 != 0,
            moments: 0,
            packets: 0,
            is_tireless,
            trace: 1,
            buffer: vec![0; 65_535],
            recorder,
        }
    }

    pub(super) const fn clock(&self) -> Instant {
        Instant::from_nanos(self.now)
    }

    /// Adds to what the run leaves behind.
    pub(super) fn trace(&mut self, octets: &[u8]) {
        for part in octets.chunks(8) {
            let word = part.iter().fold(0_u64, |sum, &octet| sum << 8 | u64::from(octet));
            self.trace = (self.trace.rotate_left(5) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        }
    }

    pub(super) fn tell(&mut self, number: usize, call: Call) {
        let (end, which) = (self.sides[number].end, self.sides[number].which);
        self.recorder.entry(self.clock(), &Entry::Call { end, which, call });
    }

    /// One of the sides of `end` that are not released.
    pub(super) fn side(&self, end: usize, which: u8) -> Option<usize> {
        let living = |number: &usize| self.sides[*number].end == end && !self.sides[*number].is_released;
        let count = (0..self.sides.len()).filter(living).count();
        (0..self.sides.len()).filter(living).nth(usize::from(which) % count.max(1))
    }

    /// A connection has begun.
    fn add(&mut self, end: usize, id: ConnId, call: Call) {
        let now = self.clock();
        let node = &mut self.nodes[end];
        let mut connection = node.host.connection(id).expect("an id that was given just now");
        let tuple = connection.tuple().expect("it has just begun");
        connection.set_tag(self.sides.len() as u64 + 1);
        let mut new = Side::new(end, node.count, id, tuple.local(), tuple.remote());
        node.count += 1;
        for side in &mut self.sides {
            if (side.end, side.local, side.remote) == (new.end, new.local, new.remote) {
                (side.is_haunted, new.is_haunted) = (true, true);
            }
        }
        for side in self.sides.iter_mut().filter(|side| new.is_haunted && side.is_peer_of(&new)) {
            side.is_haunted = true;
        }
        let before = node.ids.insert(id, self.sides.len());
        assert!(before.is_none(), "{id} had a meaning before");
        new.is_haunted |= self.sides.iter().any(|side| side.is_peer_of(&new) && side.is_haunted);
        if call == Call::Accept {
            self.recorder.entry(now, &Entry::Call { end, which: new.which, call });
        }
        self.sides.push(new);
        self.nodes[end].is_behind = true;
        if self.is_calm {
            self.sides.last_mut().expect("just pushed").goal = 2_000.min(self.terms.most);
            self.user(self.sides.len() - 1);
        }
    }

    pub(super) fn connect(&mut self, end: usize, how: u8) {
        if self.sides.len() >= MOST_SIDES {
            return;
        }
        let mut options = ConnectOptions::default();
        if how & 2 != 0 {
            options.local = Some(SocketAddr::new(self.address(end, how), 0));
        }
        if how & 4 != 0 {
            (options.dscp, options.hop_limit) = (Some(how & 63), Some(how.max(1)));
        }
        let port = if how & 0x18 == 0x18 { 81 } else { PORT };
        let remote = SocketAddr::new(self.address(1 - end, how), port);
        self.terms.is_sure &= port == PORT;
        let call = Entry::Call { end, which: self.nodes[end].count, call: Call::Connect };
        self.recorder.entry(self.clock(), &call);
        if let Ok(id) = self.nodes[end].host.connect_with(self.clock(), remote, &options) {
            self.add(end, id, Call::Connect);
        }
        self.settle(end);
    }

    fn address(&self, end: usize, how: u8) -> IpAddr {
        self.nodes[end].host.config().addresses[usize::from(how & 1)].ip
    }

    /// Both call each other (RFC 9293 §3.5, figure 7).
    pub(super) fn meet(&mut self, how: u8) {
        if self.sides.len() >= MOST_SIDES {
            return;
        }
        let base = 4_000 + u16::from(how >> 1 & 3) * 2;
        let sockets = [0, 1].map(|end| SocketAddr::new(self.address(end, how), base + end as u16));
        for end in [0, 1] {
            let mut options = ConnectOptions::default();
            options.local = Some(sockets[end]);
            let call = Entry::Call { end, which: self.nodes[end].count, call: Call::Connect };
            self.recorder.entry(self.clock(), &call);
            match self.nodes[end].host.connect_with(self.clock(), sockets[1 - end], &options) {
                Ok(id) => self.add(end, id, Call::Connect),
                // Its port is still in use: then one calls, and nobody is there.
                Err(_) => self.terms.is_sure = false,
            }
        }
        for end in [0, 1] {
            self.settle(end);
        }
    }

    /// Polls a host until it has nothing more.
    pub(super) fn settle(&mut self, end: usize) {
        for _ in 0..8 {
            self.drain(end);
            self.check(end);
            let due = self.nodes[end].host.poll_timeout();
            if due.is_none_or(|at| at > self.clock()) {
                return;
            }
            // What has just happened has made something due at once.
            self.timeout(end);
        }
        panic!("host {end} wants to be called for ever");
    }

    /// Serves the deadlines of a host: they are ahead then.
    fn timeout(&mut self, end: usize) {
        let now = self.clock();
        self.recorder.entry(now, &Entry::Timeout { end });
        let host = &mut self.nodes[end].host;
        host.handle_timeout(now);
        let due = host.poll_timeout();
        assert!(due.is_none_or(|at| at > now || at == Instant::ZERO), "due at {due:?} again, at {now}");
    }

    /// Takes what a host has to tell and to send; says how many of the packets carried nothing.
    fn drain(&mut self, end: usize) -> usize {
        let (mut count, mut empty) = (0, 0);
        self.nodes[end].is_behind = false;
        loop {
            let before = (count, self.nodes[end].host.stats().looped);
            let mut happened = false;
            if !self.users_first {
                empty += self.flush(end, &mut count);
            }
            while let Some(event) = self.nodes[end].host.poll_event() {
                happened = true;
                self.take(end, event);
            }
            empty += self.flush(end, &mut count);
            if (count, self.nodes[end].host.stats().looped) == before && !happened {
                return empty;
            }
        }
    }

    /// Takes what a host has to send, of which `count` becomes more; says how many of the packets carried nothing.
    fn flush(&mut self, end: usize, count: &mut usize) -> usize {
        let mut buffer = std::mem::take(&mut self.buffer);
        let (now, mut empty) = (self.clock(), 0);
        while let Some(transmit) = self.nodes[end].host.poll_transmit(now, &mut buffer) {
            let octets = &buffer[..transmit.len];
            *count += 1;
            self.packets += 1;
            empty += usize::from(self.sent(end, octets));
            assert!(*count < PACKETS_AT_ONCE, "host {end} does not fall silent");
            let is_large = octets.len() > usize::from(self.nodes[end].host.config().mtu);
            assert!(!is_large || transmit.segment_size.is_some(), "{} octets", octets.len());
            if !self.net.carry(self.now, end, octets, &transmit) {
                self.recorder.entry(now, &Entry::Lost { end, octets });
            }
        }
        self.buffer = buffer;
        self.recorder.entry(now, &Entry::Polled { end });
        empty
    }

    /// What a user's call makes due goes at once, unless users come first.
    pub(super) fn flush_call(&mut self, end: usize) {
        if !self.users_first {
            self.flush(end, &mut 0);
        }
    }

    /// Looks at what is sent; says whether it carries nothing.
    fn sent(&mut self, end: usize, octets: &[u8]) -> bool {
        self.recorder.entry(self.clock(), &Entry::Sent { end, octets });
        self.trace(octets);
        self.trace(&self.now.to_be_bytes());
        if !self.is_calm {
            self.last_sent[end] = octets.to_vec();
        }
        let Some((_, _, segment)) = craft::segment(octets) else { return true };
        self.stamps = segment.options.timestamps().or(self.stamps);
        segment.seq_len() == 0
    }

    fn take(&mut self, end: usize, event: Event) {
        match event {
            Event::Connection { id, tag, ready } => {
                assert!(!ready.is_empty(), "an event without anything to tell");
                let number =
                    *self.nodes[end].ids.get(&id).unwrap_or_else(|| panic!("{event:?} of a stale id"));
                assert_eq!(tag, number as u64 + 1, "the mark of another");
                self.trace(&tag.to_be_bytes());
                let side = &mut self.sides[number];
                // What was not told may be tried all the same: a handshake is done, or all is over.
                side.reader_waits &= !ready.intersects(Readiness::READABLE | Readiness::CLOSED);
                side.writer_waits &= !ready.intersects(Readiness::WRITABLE | Readiness::CLOSED);
                if self.is_calm {
                    self.user(number);
                }
            }
            Event::Incoming { listener } => {
                while let Some(id) = self.nodes[end].host.accept(listener) {
                    self.add(end, id, Call::Accept);
                }
            }
            Event::Decide { request, .. } => {
                let decision = if self.is_calm { Decision::Accept } else { self.decision };
                self.nodes[end].undecided.push(request);
                self.nodes[end].host.decide(request, decision).expect("he waits");
            }
            _ => {}
        }
    }

    /// Hands a packet to a host that has nothing left to say, and looks at its answers.
    pub(super) fn deliver(&mut self, end: usize, octets: &[u8], checksums: Checksums, origin: Origin) {
        self.settle(end);
        let now = self.clock();
        let verified = checksums != Checksums::Unknown;
        self.recorder.entry(now, &Entry::Arrived { end, octets, origin, verified });
        let host = &mut self.nodes[end].host;
        let ingress = if self.by_reference {
            let octets = Bytes::copy_from_slice(octets);
            host.handle_packet(now, Packet::from(&octets).with_checksums(checksums))
        } else {
            host.handle_packet(now, Packet::from(octets).with_checksums(checksums))
        };
        if let Ingress::Ignored(reason) = ingress
            && self.recorder.is_on()
        {
            self.recorder.entry(now, &Entry::Note(&format!("refused: {reason}")));
        }
        let answers = self.drain(end);
        // Users who are woken change more than one packet does.
        assert!(answers <= MOST_ANSWERS || self.is_calm, "{answers} answers to one packet");
        self.settle(end);
    }

    /// What has to hold for a host at any time.
    fn check(&mut self, end: usize) {
        let node = &self.nodes[end];
        let config = node.host.config();
        let sending = config.connection.send_buffer.max(config.connection.send_buffer_max) + (8 << 10);
        let most = config.limits.memory + node.host.len() * sending + (128 << 10);
        let memory = node.host.memory();
        assert!(memory <= most, "host {end} holds {memory} octets, and {most} would be much");
        if !self.recorder.is_on() {
            return;
        }
        let now = self.clock();
        for side in self.sides.iter_mut().filter(|side| side.end == end && !side.is_released) {
            let Some(connection) = self.nodes[end].host.connection(side.id) else { continue };
            let state = connection.state();
            if side.state != Some(state) {
                side.state = Some(state);
                let (which, local, remote) = (side.which, Some(side.local), Some(side.remote));
                self.recorder.entry(now, &Entry::State { end, which, local, remote, state });
            }
        }
    }

    /// The next moment at which anything happens.
    fn next(&mut self) -> Option<u64> {
        let behind = self.nodes.iter().any(|node| node.is_behind).then_some(self.now);
        let due = self.nodes.iter_mut().filter_map(|node| node.host.poll_timeout()).min();
        [due.map(Instant::as_nanos), behind, self.net.first()].into_iter().flatten().min()
    }

    /// Whether there were so many packets that it is not worth going on.
    fn is_too_much(&self) -> bool {
        assert!(self.packets < PACKETS || self.is_tireless, "{} packets: {:?}", self.packets, self.sides);
        self.is_tireless && self.packets >= ENOUGH
    }

    /// Goes to the next moment, at most to `limit`; `false` if there is none.
    fn step(&mut self, limit: u64) -> bool {
        if self.is_too_much() {
            return false;
        }
        let Some(next) = self.next().map(|next| next.max(self.now)).filter(|&next| next <= limit) else {
            return false;
        };
        self.now = next;
        self.happen();
        true
    }

    /// Everything that is due happens.
    fn happen(&mut self) {
        self.moments += 1;
        assert!(self.moments < MOMENTS, "it does not come to an end: {:?}", self.sides);
        for end in [0, 1] {
            if self.nodes[end].host.poll_timeout().is_some_and(|at| at <= self.clock()) {
                self.timeout(end);
            }
            self.settle(end);
        }
        while let Some(parcel) = self.net.arrive(self.now) {
            self.deliver(parcel.to, &parcel.octets, parcel.checksums(), parcel.origin());
        }
    }

    /// So many moments.
    pub(super) fn run(&mut self, moments: u32) {
        for _ in 0..moments {
            if !self.step(u64::MAX - 1) {
                return;
            }
        }
    }

    /// So many milliseconds.
    pub(super) fn pass(&mut self, ms: u64) {
        let until = self.now + ms * MS;
        while self.step(until) {}
        self.now = until;
    }

    /// So many milliseconds during which nobody does anything, as when a machine sleeps.
    pub(super) fn leap(&mut self, ms: u64) {
        self.now += ms * MS;
        let now = self.clock();
        for end in [0, 1] {
            if self.recorder.is_on() && self.nodes[end].host.poll_timeout().is_some_and(|due| due < now) {
                self.recorder.entry(now, &Entry::Odd { end, what: LATE });
            }
        }
        self.happen();
    }

    /// The network becomes perfect, and everything comes to an end; what happened, as a number.
    pub(super) fn finish(mut self) -> u64 {
        self.recorder.entry(self.clock(), &Entry::Note("the weather is good from here on"));
        let is_sure = self.terms.is_sure && !self.net.has_forged && self.now - self.began < BAD_FOR;
        (self.net.weather, self.net.next, self.net.narrow) = (Weather::default(), [None, None], None);
        self.is_calm = true;
        for end in [0, 1] {
            for request in std::mem::take(&mut self.nodes[end].undecided) {
                let _ = self.nodes[end].host.decide(request, Decision::Accept);
            }
        }
        for number in 0..self.sides.len() {
            let side = &mut self.sides[number];
            if !side.has_shut_down {
                side.goal = (side.sent + 2_000).min(self.terms.most);
            }
            (side.reader_waits, side.writer_waits) = (false, false);
            self.user(number);
        }
        let limit = self.now + 7_200_000 * MS;
        while self.step(limit) {}
        if self.is_too_much() {
            return self.trace;
        }
        if is_sure {
            self.check_all_arrived();
        }
        for number in 0..self.sides.len() {
            if !self.sides[number].is_released {
                self.let_go(number, Call::Close);
                self.let_go(number, Call::Release);
            }
        }
        while self.step(u64::MAX - 1) {}
        if self.is_too_much() {
            return self.trace;
        }
        for (end, node) in self.nodes.iter_mut().enumerate() {
            assert_eq!(node.host.len(), 0, "host {end} has connections that nobody knows of");
            assert_eq!(node.host.poll_timeout(), None, "host {end} waits for nothing");
            let memory = node.host.memory();
            assert!(memory <= 512 << 10, "host {end} holds {memory} octets for nobody");
        }
        self.trace
    }

    /// All that was written was read, by whoever has not let go, and both streams have ended.
    fn check_all_arrived(&self) {
        for side in self.sides.iter().filter(|side| !side.has_let_go && !side.is_haunted) {
            let peers: Vec<_> = self.sides.iter().filter(|peer| peer.is_peer_of(side)).collect();
            let &[peer] = &peers[..] else {
                assert!(!peers.is_empty(), "it is connected to nobody: {side:?}");
                continue;
            };
            if peer.has_let_go || peer.is_haunted {
                continue;
            }
            assert_eq!(side.broken, None, "it came to an end by itself: {side:?} {peer:?}");
            assert!(side.eof && side.heard == peer.sent, "not all has arrived: {side:?} {peer:?}");
        }
    }
}

/// What a host of these tests has if it is not tight.
fn limits() -> tcpstate::host::Limits {
    let mut limits = tcpstate::host::Limits::default();
    limits.memory = 8 << 20;
    limits
}
