//! The hosts, the network between them, and time; and what has to hold at every step.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tcpstate::connection::Received;
use tcpstate::host::{
    ConnId, ConnectError, Decision, Event, Host, ListenConfig, ListenError, ListenerId, Packet, RequestId,
};
use tcpstate::sim::{Prng, Probability};
use tcpstate::{Instant, State};

#[path = "checks.rs"]
mod checks;

use super::ends::{End, Ending, Wish};
use super::net::{MS, Net, Weather};
use super::program::{self, Habits, Scene};

/// After that much time with a perfect network everything has to be over: orphans live for an hour.
const LONG: u64 = 2 * 3_600 * 1_000 * MS;
/// Packets that one moment may have.
const PACKETS_AT_ONCE: usize = 20_000;
/// Moments that one run may have.
const MOMENTS: usize = 400_000;

/// A host and its users.
struct Node {
    host: Host,
    /// Whose ids are alive.
    ids: BTreeMap<ConnId, usize>,
    stale: Vec<ConnId>,
    listeners: Vec<ListenerId>,
    /// Callers about whom was decided that they may come in.
    requests: BTreeSet<u64>,
    /// Ids that the host took back by itself.
    forced: u64,
    /// There is something that was not polled.
    is_behind: bool,
}

/// What came of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Report {
    /// Everything that was sent and told, as a number.
    pub(crate) trace: u64,
    /// What happened how often.
    pub(crate) counts: BTreeMap<&'static str, u64>,
}

/// Everything.
pub(crate) struct World {
    now: u64,
    nodes: Vec<Node>,
    ends: Vec<End>,
    pub(crate) net: Net,
    /// When users go on, and who.
    rests: BinaryHeap<Reverse<(u64, usize)>>,
    rng: Prng,
    habits: Habits,
    pub(crate) is_small: bool,
    /// The network is perfect, and everybody comes to an end.
    is_ending: bool,
    trace: u64,
    tells: bool,
    /// Packets that were left to the card to cut up.
    large: u64,
    /// Connections that nobody has called.
    ghosts: u64,
    moments: usize,
    buffer: Vec<u8>,
    inbox: Vec<u8>,
    /// Callers for whom the owner of a listener takes his time.
    undecided: Vec<(usize, RequestId)>,
    /// When a flow was last opened: not too soon after, or old segments would be taken for new ones by any TCP.
    opened: BTreeMap<(SocketAddr, SocketAddr), u64>,
}

impl World {
    pub(crate) fn new(seed: u64, scene: &Scene, tells: bool) -> Self {
        let mut addresses = Vec::new();
        let mut nodes = Vec::new();
        for (at, config) in scene.hosts.iter().enumerate() {
            addresses.extend(config.addresses.iter().map(|own| (own.ip, at)));
            let host = Host::new(config.clone(), [at as u8 + 1; 32]).expect("the choices do");
            nodes.push(Node {
                host,
                ids: BTreeMap::new(),
                stale: Vec::new(),
                listeners: Vec::new(),
                requests: BTreeSet::new(),
                forced: 0,
                is_behind: false,
            });
        }
        if tells {
            println!("{scene:#?}");
        }
        Self {
            now: 1_000 * MS,
            nodes,
            ends: Vec::new(),
            net: Net::new(seed, scene.weather, addresses),
            rests: BinaryHeap::new(),
            rng: Prng::stream(seed, 4),
            habits: scene.habits,
            is_small: true,
            is_ending: false,
            trace: seed,
            tells,
            large: 0,
            ghosts: 0,
            moments: 0,
            buffer: vec![0; 65_535],
            inbox: Vec::new(),
            undecided: Vec::new(),
            opened: BTreeMap::new(),
        }
    }

    fn tell(&self, what: impl FnOnce() -> String) {
        if self.tells {
            println!("{}  {}", Instant::from_nanos(self.now), what());
        }
    }

    /// Adds to the trace.
    fn trace(&mut self, value: u64) {
        self.trace = (self.trace.rotate_left(5) ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn percent(&mut self, chance: u32) -> bool {
        self.rng.chance(Probability::percent(chance))
    }

    /// What a host's clock shows.
    fn clock(&mut self) -> Instant {
        let back = self.habits.steps_back;
        let is_right = back == 0 || self.is_ending || self.rng.below(2) == 0;
        Instant::from_nanos(self.now - if is_right { 0 } else { self.rng.below(back) })
    }

    const fn is_steady(&self) -> bool {
        self.habits.steps_back == 0 || self.is_ending
    }

    pub(crate) const fn len(&self) -> usize {
        self.nodes.len()
    }

    /// A host's address.
    pub(crate) fn address(&self, host: usize, v6: bool) -> Option<IpAddr> {
        self.nodes[host].host.config().addresses.iter().map(|own| own.ip).find(|ip| ip.is_ipv6() == v6)
    }

    /// Listens on any address, of IPv6 or of IPv4.
    pub(crate) fn listen(&mut self, host: usize, v6: bool, port: u16, config: &ListenConfig) {
        let any: IpAddr = if v6 { Ipv6Addr::UNSPECIFIED.into() } else { Ipv4Addr::UNSPECIFIED.into() };
        let node = &mut self.nodes[host];
        match node.host.listen(SocketAddr::new(any, port), config) {
            Ok(listener) => node.listeners.push(listener),
            Err(ListenError::InUse(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }

    /// One of a host's listeners goes.
    pub(crate) fn unlisten(&mut self, host: usize) {
        let now = self.clock();
        let node = &mut self.nodes[host];
        if node.listeners.is_empty() {
            return;
        }
        let at = self.rng.below(node.listeners.len() as u64) as usize;
        let listener = node.listeners.swap_remove(at);
        assert!(node.host.unlisten(now, listener), "it listens");
        assert_eq!(node.host.accept(listener), None, "a stale listener");
        self.settle(host);
    }

    /// Opens a connection, if the host lets us.
    pub(crate) fn connect(&mut self, host: usize, local: Option<SocketAddr>, remote: SocketAddr) {
        if local.is_some_and(|local| !self.may_open(local, remote)) {
            return;
        }
        let now = self.clock();
        let node = &mut self.nodes[host];
        let limit = node.host.config().limits.connections;
        let there = node.host.len();
        let opened = match local {
            Some(local) => node.host.connect_from(now, local, remote),
            None => node.host.connect(now, remote),
        };
        match opened {
            Ok(id) => {
                assert!(there < limit, "{there} connections, and {limit} are allowed");
                self.add(host, id);
            }
            Err(ConnectError::TooMany { .. }) => assert!(there >= limit, "{there} of {limit}"),
            Err(ConnectError::InUse(_)) => assert!(local.is_some(), "a port of the host's own choice"),
            Err(error) => panic!("{error}"),
        }
        self.settle(host);
    }

    /// Opens again what was open before, between the same two sockets.
    pub(crate) fn reopen(&mut self) {
        let over: Vec<_> =
            self.ends.iter().filter(|end| end.is_released && end.local.port() > 1_024).collect();
        if over.is_empty() {
            return;
        }
        let end = over[self.rng.below(over.len() as u64) as usize];
        let (host, local, remote) = (end.host, end.local, end.remote);
        self.connect(host, Some(local), remote);
    }

    /// Whether that flow may be opened again: not as long as sequence numbers have not passed those of before (RFC 9293
    /// §3.4.1: their clock runs at 250,000 a second).
    fn may_open(&self, local: SocketAddr, remote: SocketAddr) -> bool {
        let both = [(local, remote), (remote, local)];
        let sent = self.ends.iter().filter(|end| both.contains(&(end.local, end.remote))).map(|end| end.sent);
        let passed = sent.max().unwrap_or(0) / 100 * MS + 2_000 * MS;
        both.iter().all(|flow| self.opened.get(flow).is_none_or(|&at| at + passed < self.now))
    }

    /// A new id: it gets a user.
    fn add(&mut self, host: usize, id: ConnId) {
        let number = self.ends.len();
        let plan = program::plan(&mut self.rng, self.is_small);
        let node = &mut self.nodes[host];
        assert!(!node.ids.contains_key(&id) && !node.stale.contains(&id), "{id} had a meaning before");
        let mut connection = node.host.connection(id).expect("it was given just now");
        // Whom the owner has decided about comes with the number of his request.
        let tag = connection.tag();
        assert!(connection.id() == id && (tag == 0 || node.requests.remove(&tag)), "{id} has the mark {tag}");
        let tuple = connection.tuple().expect("it was given just now");
        let ends = (tuple.local(), tuple.remote());
        let end = End::new(number, host, id, ends, plan);
        connection.set_tag(end.tag());
        let is_early = matches!(connection.state(), State::SynSent | State::SynReceived);
        self.find_ghosts(&end, is_early);
        self.opened.insert(ends, self.now);
        self.nodes[host].ids.insert(id, number);
        self.tell(|| format!("host {host} {id} is {number}: {tuple} {plan:?}"));
        self.ends.push(end);
        if self.is_ending {
            self.come_to_an_end(number);
        }
        self.act(number);
    }

    /// Lets a user act.
    fn act(&mut self, number: usize) {
        if self.ends[number].is_released {
            return;
        }
        let now = self.clock();
        let end = &mut self.ends[number];
        let (host, id) = (end.host, end.id);
        let node = &mut self.nodes[host];
        let Some(mut connection) = node.host.connection(id) else { return self.is_forced(number) };
        let before = (end.sent, end.has_shut_down, end.has_let_go);
        let wish = end.act(now, &mut connection, &mut self.rng, &mut self.inbox);
        let state = connection.state();
        node.is_behind = true;
        let after = (end.sent, end.has_shut_down, end.has_let_go);
        if self.tells {
            let (heard, end) = (self.inbox.len(), &self.ends[number]);
            let told = format!("heard {}+{heard} eof {} {:?}", end.heard, end.eof, end.broken);
            self.tell(|| format!("user {number} acts: {before:?} to {after:?}, {told}, {wish:?} {state:?}"));
        }
        self.check_heard(number);
        match wish {
            Wish::Nothing => {}
            Wish::Rest(nanos) => self.rest(number, nanos),
            Wish::Release => self.release(number),
        }
    }

    fn rest(&mut self, number: usize, nanos: u64) {
        if !std::mem::replace(&mut self.ends[number].is_resting, true) {
            self.rests.push(Reverse((self.now + nanos, number)));
        }
    }

    fn release(&mut self, number: usize) {
        let now = self.clock();
        let end = &mut self.ends[number];
        (end.is_released, end.has_let_go, end.says_fin) = (true, true, true);
        end.says_no_more();
        let (host, id) = (end.host, end.id);
        self.tell(|| format!("user {number} releases {id}"));
        let node = &mut self.nodes[host];
        node.host.release(now, id);
        assert!(node.host.connection(id).is_none(), "a released id");
        node.ids.remove(&id);
        node.stale.push(id);
        node.is_behind = true;
    }

    /// Does something to a connection that its user had not planned.
    pub(crate) fn interfere(&mut self) {
        if self.ends.is_empty() {
            return;
        }
        let number = self.rng.below(self.ends.len() as u64) as usize;
        let now = self.clock();
        let what = self.rng.below(8);
        let end = &mut self.ends[number];
        let host = end.host;
        if end.is_released {
            return;
        }
        let Some(mut connection) = self.nodes[host].host.connection(end.id) else {
            return self.is_forced(number);
        };
        match what {
            0 => end.abort(now, &mut connection),
            1 => end.close(now, &mut connection),
            2 if !end.has_shut_down => end.shutdown(now, &mut connection),
            3 => {
                let _ = connection.set_nagle(now, number.is_multiple_of(2));
            }
            4 => assert!(connection.info(now).is_some(), "it is there"),
            5 => return self.release(number),
            6 => {
                // Whoever offers nothing, or asks for nothing, changes nothing.
                let _ = connection.send(now, &[]);
                // That may be an answer too: he is told when there is something.
                let is_empty = connection.recv(now, 0) == Received::Empty && connection.unread() == 0;
                end.reader_waits |= is_empty && !end.has_heard_all();
            }
            _ => {}
        }
        self.tell(|| format!("user {number} is told to do {what}"));
        self.nodes[host].is_behind = true;
        self.settle(host);
    }

    /// Polls a host until it has nothing more, and looks at it.
    fn settle(&mut self, host: usize) {
        for _ in 0..8 {
            let is_drained = self.drain(host);
            self.check(host, is_drained);
            let now = self.clock();
            let due = self.nodes[host].host.poll_timeout();
            let loops_on = due == Some(Instant::ZERO);
            self.nodes[host].is_behind |= loops_on;
            if !is_drained || loops_on || due.is_none_or(|at| at > now) {
                return;
            }
            // What has just happened has made something due at once.
            self.nodes[host].host.handle_timeout(now);
        }
        panic!("host {host} wants to be called for ever at {}", self.now);
    }

    /// Polls a host until it has nothing more; `false` if there was no time to take all of its packets.
    fn drain(&mut self, host: usize) -> bool {
        let busy = if self.is_ending { 0 } else { self.habits.busy };
        let is_busy = busy > 0 && self.percent(busy);
        let mut packets = 0;
        loop {
            let before = (packets, self.nodes[host].host.stats().looped);
            let mut happened = false;
            if self.habits.packets_first && !is_busy {
                packets += self.transmit(host);
            }
            while let Some(event) = self.nodes[host].host.poll_event() {
                happened = true;
                self.take(host, event);
            }
            if !is_busy {
                packets += self.transmit(host);
            }
            assert!(packets < PACKETS_AT_ONCE, "host {host} does not fall silent at {}", self.now);
            if (packets, self.nodes[host].host.stats().looped) == before && !happened {
                break;
            }
        }
        self.nodes[host].is_behind = is_busy;
        !is_busy
    }

    /// Gives the network what a host has to send, and says how many packets that were.
    fn transmit(&mut self, host: usize) -> usize {
        let mut count = 0;
        let now = self.clock();
        let mut buffer = std::mem::take(&mut self.buffer);
        while let Some(transmit) = self.nodes[host].host.poll_transmit(now, &mut buffer) {
            let octets = &buffer[..transmit.len];
            self.check_packet(host, octets, &transmit);
            self.net.carry(self.now, octets, &transmit);
            count += 1;
            assert!(count < PACKETS_AT_ONCE, "host {host} does not stop sending at {}", self.now);
        }
        self.buffer = buffer;
        count
    }

    /// An event.
    fn take(&mut self, host: usize, event: Event) {
        self.tell(|| format!("host {host} {event:?}"));
        match event {
            Event::Connection { id, tag, ready } => {
                assert!(!ready.is_empty(), "an event without anything to tell");
                let number =
                    *self.nodes[host].ids.get(&id).unwrap_or_else(|| panic!("{event:?} of a stale id"));
                let end = &mut self.ends[number];
                assert_eq!(tag, end.tag(), "the mark of another");
                end.hear(ready);
                self.trace(tag);
                if !self.ends[number].is_resting {
                    self.act(number);
                }
            }
            Event::Incoming { listener } => {
                assert!(self.nodes[host].listeners.contains(&listener), "{listener} does not listen");
                while let Some(id) = self.nodes[host].host.accept(listener) {
                    self.add(host, id);
                }
            }
            Event::Decide { request, .. } => self.decide(host, request),
            _ => {}
        }
    }

    /// Somebody calls, and the owner of the listener decides: at once, or later, or never.
    fn decide(&mut self, host: usize, request: RequestId) {
        assert!(self.nodes[host].host.request(request).is_some(), "nobody asks");
        let decision = match self.rng.below(6) {
            0 => Decision::Refuse,
            1 => Decision::Drop,
            2 if !self.is_ending => {
                self.undecided.push((host, request));
                Decision::Later
            }
            _ => Decision::Accept,
        };
        self.nodes[host].host.decide(request, decision).expect("he waits");
        if decision == Decision::Accept {
            self.nodes[host].requests.insert(request.to_bits());
        }
        self.nodes[host].is_behind = true;
    }

    /// Those who wait for a decision get one, if they still wait.
    pub(crate) fn decide_all(&mut self) {
        for (host, request) in std::mem::take(&mut self.undecided) {
            let there = self.nodes[host].host.request(request).is_some();
            let decided = self.nodes[host].host.decide(request, Decision::Accept);
            assert_eq!(decided.is_ok(), there, "{request:?}");
            if there {
                self.nodes[host].requests.insert(request.to_bits());
            }
            self.nodes[host].is_behind = true;
        }
    }

    /// The next moment at which anything happens.
    fn next(&mut self) -> Option<u64> {
        let hosts = self.nodes.iter_mut().filter_map(|node| node.host.poll_timeout()).min();
        let rest = self.rests.peek().map(|Reverse((at, _))| *at);
        let behind = self.nodes.iter().any(|node| node.is_behind).then_some(self.now);
        [hosts.map(Instant::as_nanos), rest, behind, self.net.first()].into_iter().flatten().min()
    }

    /// Goes to the next moment that something happens at, at most to `limit`; `false` if there is none.
    fn step(&mut self, limit: u64) -> bool {
        let Some(next) = self.next().map(|next| next.max(self.now)) else { return false };
        if next > self.now && self.rng.below(8) == 0 {
            self.call_too_early(next.min(limit + 1));
        }
        if next > limit {
            return false;
        }
        self.now = next;
        self.moments += 1;
        assert!(self.moments < MOMENTS, "it does not come to an end: {:?}", self.living());
        let mut touched = [false; 8];
        while let Some(parcel) = self.net.arrive(self.now) {
            let now = self.clock();
            let node = &mut self.nodes[parcel.to];
            touched[parcel.to] = true;
            let packet = if self.habits.by_reference {
                Packet::from(&parcel.octets)
            } else {
                Packet::from(&parcel.octets[..])
            };
            node.host.handle_packet(now, packet.with_checksums(parcel.checksums()));
        }
        while let Some(&Reverse((at, number))) = self.rests.peek()
            && at <= self.now
        {
            self.rests.pop();
            self.ends[number].is_resting = false;
            touched[self.ends[number].host] = true;
            self.act(number);
        }
        for (host, was_touched) in touched.into_iter().enumerate().take(self.nodes.len()) {
            let now = self.clock();
            let node = &mut self.nodes[host];
            let mut is_touched = was_touched;
            if node.host.poll_timeout().is_some_and(|at| at <= now) {
                node.host.handle_timeout(now);
                let next = node.host.poll_timeout();
                assert!(
                    next.is_none_or(|at| at > now),
                    "host {host} wants to be called at {next:?} again, at {now}"
                );
                is_touched = true;
            }
            if is_touched || node.is_behind {
                self.settle(host);
            }
        }
        true
    }

    /// So many moments.
    pub(crate) fn run(&mut self, moments: u64) {
        for _ in 0..moments {
            if !self.step(u64::MAX - 1) {
                return;
            }
        }
    }

    /// So much time.
    pub(crate) fn pass(&mut self, nanos: u64) {
        let until = self.now + nanos;
        while self.step(until) {}
        self.now = until;
    }

    /// Who is not at an end.
    fn living(&self) -> Vec<&End> {
        self.ends.iter().filter(|end| !end.is_released).collect()
    }

    /// From now on this user says what is left to say, and waits for nobody.
    fn come_to_an_end(&mut self, number: usize) {
        let plan = &mut self.ends[number].plan;
        if plan.ending == Ending::AfterPeer {
            plan.ending = Ending::Shutdown;
        }
    }

    /// The network becomes perfect, and everything comes to an end.
    pub(crate) fn finish(mut self) -> Report {
        self.tell(|| "the network is perfect".to_owned());
        self.is_ending = true;
        self.net.weather = Weather { delay: 5 * MS, ..Weather::default() };
        self.decide_all();
        for number in 0..self.ends.len() {
            self.come_to_an_end(number);
            if !self.ends[number].is_resting {
                self.act(number);
            }
        }
        let end = self.now + LONG;
        while self.step(end) {}
        let living = self.living();
        assert!(living.is_empty(), "{} sleep for ever: {living:#?}", living.len());
        assert!(self.net.is_empty(), "packets go to and fro for ever");
        for (host, node) in self.nodes.iter_mut().enumerate() {
            assert_eq!(node.host.len(), 0, "host {host} has connections that nobody knows of");
            assert_eq!(node.host.poll_timeout(), None, "host {host} waits for nothing");
            let pages = 1 + self.ends.len() / 64;
            let memory = node.host.memory();
            assert!(memory <= (pages + 1) * (128 << 10), "host {host} holds {memory} octets for nobody");
        }
        self.check_all_arrived();
        self.report()
    }
}

/// A packet in a line.
fn describe(octets: &[u8]) -> String {
    use tcpstate::wire::{IpPacket, TcpSegment};
    let Ok(ip) = IpPacket::parse(octets, octets.len()) else { return format!("{octets:02x?}") };
    match TcpSegment::parse(ip.payload, ip.payload_len) {
        Ok(tcp) => format!(
            "{}:{} > {}:{} {:?} seq {} ack {} win {} len {}",
            ip.src,
            tcp.src_port,
            ip.dst,
            tcp.dst_port,
            tcp.flags,
            tcp.seq,
            tcp.ack,
            tcp.window,
            tcp.payload_len
        ),
        Err(_) => format!("{} > {} protocol {}", ip.src, ip.dst, ip.protocol),
    }
}
