//! What a run tells, kept as it comes, and made a ladder of afterwards.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use tcpstate::drill::Profile;
use tcpstate::host::HostConfig;
use tcpstate::ladder::{self, End, Ladder, Returned};
use tcpstate::tcp::{Command, Dialect, PathMtu, Queue, SegmentMeta, TcpConfig};
use tcpstate::wire::quote::{Quote, QuotedUpper};
use tcpstate::wire::{IpPacket, IpProtocol};
use tcpstate::{Instant, State, TcpFlags};

use crate::craft;
use crate::record::{Call, Entry, Origin, Recorder};

/// A script's host sends at once what it has to.
const UNASKED: &str = "something that happens before all is sent that there was to send";

/// A fragment, an ICMP message about something else, or no packet at all.
const NO_SEGMENT: &str = "a packet that is no segment of TCP";

/// Everything that a run has told.
#[derive(Clone, Debug, Default)]
pub struct Tape {
    hosts: [Option<HostConfig>; 2],
    machine: Option<TcpConfig>,
    told: Vec<(Instant, Told)>,
    break_after: Option<usize>,
    /// Ends that may have something to send for which nobody has asked yet.
    has_to_send: [bool; 2],
    /// What no script can do to an end, and when it happened first.
    odd: [BTreeMap<&'static str, Instant>; 2],
}

/// An entry that owns what it tells.
#[derive(Clone, Debug)]
enum Told {
    Sent { end: usize, octets: Vec<u8> },
    Arrived { end: usize, octets: Vec<u8>, origin: Origin, verified: bool },
    Lost { end: usize, octets: Vec<u8> },
    SegmentSent { end: usize, meta: SegmentMeta },
    SegmentArrived { end: usize, meta: SegmentMeta },
    Call { end: usize, which: usize, call: Call },
    Timeout { end: usize },
    State { end: usize, which: usize, local: Option<SocketAddr>, remote: Option<SocketAddr>, state: State },
    Note(String),
}

impl Recorder for Tape {
    fn entry(&mut self, now: Instant, entry: &Entry<'_>) {
        self.watch(now, entry);
        let told = match *entry {
            Entry::Host { end, config } => {
                self.hosts[end] = Some(config.clone());
                return;
            }
            Entry::Machine { config, .. } => {
                self.machine = Some(*config);
                return;
            }
            Entry::Sent { end, octets } => Told::Sent { end, octets: octets.to_vec() },
            Entry::Arrived { end, octets, origin, verified } => {
                Told::Arrived { end, octets: octets.to_vec(), origin, verified }
            }
            Entry::Lost { end, octets } => Told::Lost { end, octets: octets.to_vec() },
            Entry::SegmentSent { end, plan } => Told::SegmentSent { end, meta: plan.meta },
            Entry::SegmentArrived { end, meta } => Told::SegmentArrived { end, meta: *meta },
            Entry::Call { end, which, call } => Told::Call { end, which, call },
            Entry::Timeout { end } => Told::Timeout { end },
            Entry::State { end, which, local, remote, state } => {
                Told::State { end, which, local, remote, state }
            }
            Entry::Note(text) => Told::Note(text.to_owned()),
            Entry::Polled { .. } | Entry::Odd { .. } => return,
        };
        self.told.push((now, told));
        assert!(self.break_after.is_none_or(|most| self.told.len() < most), "it was asked for");
    }
}

/// A connection: A's socket and B's.
type Flow = [SocketAddr; 2];

const fn end_of(number: usize) -> End {
    if number == 0 { End::A } else { End::B }
}

/// Both sockets of a packet from this end, A's first.
fn flow_of(from: usize, octets: &[u8]) -> Option<Flow> {
    let (source, destination, _) = craft::segment(octets)?;
    Some(if from == 0 { [source, destination] } else { [destination, source] })
}

/// The connection that an ICMP error is about, which this end gets.
fn quoted_flow(end: usize, octets: &[u8]) -> Option<Flow> {
    let ip = IpPacket::parse(octets, octets.len()).ok()?;
    if !matches!(ip.protocol, IpProtocol::ICMP | IpProtocol::ICMPV6) {
        return None;
    }
    let quote = Quote::parse(ip.payload.get(8..)?)?;
    let QuotedUpper::Tcp(segment) = quote.upper else { return None };
    let own = SocketAddr::new(quote.src, segment.src_port);
    let other = SocketAddr::new(quote.dst, segment.dst_port);
    Some(if end == 0 { [own, other] } else { [other, own] })
}

impl Tape {
    /// An empty one, at which a run breaks on purpose after so many entries.
    #[must_use]
    pub fn new(break_after: Option<usize>) -> Self {
        Self { break_after, ..Self::default() }
    }

    /// Looks for what no script can do.
    fn watch(&mut self, now: Instant, entry: &Entry<'_>) {
        if let Entry::Arrived { end, octets, .. } = *entry
            && craft::segment(octets).is_none()
            && quoted_flow(end, octets).is_none()
        {
            self.odd[end].entry(NO_SEGMENT).or_insert(now);
        }
        match *entry {
            Entry::Polled { end } => self.has_to_send[end] = false,
            Entry::Odd { end, what } => {
                self.odd[end].entry(what).or_insert(now);
            }
            Entry::Call { call: Call::Listen(_) | Call::Connect | Call::Accept, .. } => {}
            Entry::Arrived { end, .. } | Entry::Timeout { end } | Entry::Call { end, .. }
                if std::mem::replace(&mut self.has_to_send[end], true) =>
            {
                self.odd[end].entry(UNASKED).or_insert(now);
            }
            _ => {}
        }
    }

    /// What no script can say of what happened to this end.
    #[must_use]
    pub fn unsayable(&self, end: End) -> Vec<String> {
        let start = self.told.first().map_or(Instant::ZERO, |(now, _)| *now);
        let told = |(what, at): (&&str, &Instant)| {
            format!("{what}, first {:.6} s after the beginning", at.since(start).as_secs_f64())
        };
        self.odd[end.index()].iter().map(told).collect()
    }

    /// What this end is made of.
    #[must_use]
    pub fn profile(&self, end: End) -> Profile {
        let host = self.hosts[end.index()].as_ref();
        let tcp = self.machine.or(host.map(|host| host.connection.tcp));
        // The profile that is nearest.
        let mut profile = match tcp.map(|tcp| tcp.dialect) {
            Some(Dialect::Linux) => Profile::linux(),
            Some(Dialect::FreeBsd) => Profile::freebsd(),
            _ => Profile::library(),
        };
        if let Some(host) = host {
            profile.host = host.clone();
        }
        if let Some(tcp) = tcp {
            profile.host.connection.tcp = tcp;
        }
        profile
    }

    /// The connections of which there is a packet, each with its place on the tape of the last one.
    fn flows(&self) -> BTreeMap<Flow, usize> {
        let mut flows = BTreeMap::new();
        for (place, (_, told)) in self.told.iter().enumerate() {
            let flow = match told {
                Told::Sent { end, octets } => flow_of(*end, octets),
                Told::Arrived { end, octets, .. } => flow_of(1 - end, octets),
                _ => None,
            };
            if let Some(flow) = flow {
                flows.insert(flow, place);
            }
        }
        flows
    }

    /// The connection that was heard of last: of all that are told, and not only made up.
    fn last_flow(&self) -> Option<Flow> {
        let known: BTreeSet<Flow> = self.names().into_values().collect();
        let last = |flows: &BTreeMap<Flow, usize>| {
            flows.iter().max_by_key(|&(_, place)| place).map(|(flow, _)| *flow)
        };
        let flows = self.flows();
        let told: BTreeMap<Flow, usize> = flows
            .iter()
            .filter(|(flow, _)| known.contains(*flow))
            .map(|(flow, place)| (*flow, *place))
            .collect();
        last(&told).or_else(|| last(&flows))
    }

    /// Which connection of an end has which name: as its states tell, or else the first whose SYN goes out after the call
    /// to connect, or which came before it was accepted.
    fn names(&self) -> BTreeMap<(usize, usize), Flow> {
        let mut names = BTreeMap::new();
        let mut calling: [Option<usize>; 2] = [None; 2];
        let mut waiting: [Vec<Flow>; 2] = [Vec::new(), Vec::new()];
        let mut seen = BTreeSet::new();
        for (_, told) in &self.told {
            match told {
                Told::Sent { end, octets } => {
                    let Some((_, _, segment)) = craft::segment(octets) else { continue };
                    let Some(flow) = flow_of(*end, octets) else { continue };
                    if segment.flags.contains(TcpFlags::SYN) && seen.insert(flow) {
                        waiting[1 - end].push(flow);
                        if let Some(which) = calling[*end].take() {
                            names.insert((*end, which), flow);
                        }
                    }
                }
                &Told::Call { end, which, call: Call::Connect } => calling[end] = Some(which),
                &Told::Call { end, which, call: Call::Accept } if !waiting[end].is_empty() => {
                    names.insert((end, which), waiting[end].remove(0));
                }
                _ => {}
            }
        }
        for (_, told) in &self.told {
            if let Told::State { end, which, local: Some(local), remote: Some(remote), .. } = *told {
                names.insert((end, which), if end == 0 { [local, remote] } else { [remote, local] });
            }
        }
        names
    }

    /// The sockets of an end of which there is nothing but its machine.
    fn usual(&self) -> Flow {
        let v6 = self.machine.is_some_and(|config| config.ip_header > 20);
        let socket = |host: u8, port: u16| match v6 {
            true => ([0x2001, 0xdb8, 0, 0, 0, 0, 0, u16::from(host)], port).into(),
            false => ([192, 0, 2, host], port).into(),
        };
        [socket(1, 40_000), socket(2, 80)]
    }

    /// All of it.
    #[must_use]
    pub fn ladder(&self, broke: Option<&str>) -> Ladder {
        let flow = self.last_flow().unwrap_or_else(|| self.usual());
        Maker::new(self, flow, true).make(broke)
    }

    /// What concerns the connection at which it broke, and how many others there are.
    #[must_use]
    pub fn focus(&self, broke: Option<&str>) -> (Ladder, usize) {
        let flow = self.last_flow().unwrap_or_else(|| self.usual());
        let others = self.flows().len().saturating_sub(1);
        (Maker::new(self, flow, false).make(broke), others)
    }
}

/// Makes a ladder, of all connections or of one.
struct Maker<'t> {
    tape: &'t Tape,
    ladder: Ladder,
    flow: Flow,
    all: bool,
    names: BTreeMap<(usize, usize), Flow>,
    /// When something was last told of an end: a call that it is as late as it was is none.
    last: [Option<Instant>; 2],
    connected: [bool; 2],
    arrived: Option<ladder::PacketId>,
}

impl<'t> Maker<'t> {
    fn new(tape: &'t Tape, flow: Flow, all: bool) -> Self {
        let (ladder, names) = (Ladder::new(flow), tape.names());
        Self { tape, ladder, flow, all, names, last: [None; 2], connected: [false; 2], arrived: None }
    }

    fn make(mut self, broke: Option<&str>) -> Ladder {
        if let Some(machine) = &self.tape.machine {
            self.ladder.lay_out(End::A, machine.option_layout);
        }
        let start = self.tape.told.first().map_or(Instant::ZERO, |(now, _)| *now);
        for end in [0, 1] {
            let is_told =
                |(_, told): &(Instant, Told)| matches!(told, Told::State { end: of, .. } if *of == end);
            let listens = self.opens(end) == Some(false);
            if self.tape.told.iter().any(is_told) {
                let state = if listens { State::Listen } else { State::Closed };
                self.ladder.state(start, end_of(end), state);
            }
            if listens {
                self.ladder.call(start, end_of(end), ladder::Call::Listen, Returned::Done(0));
            }
        }
        for (now, told) in &self.tape.told {
            self.entry(*now, told);
        }
        let end = self.tape.told.last().map_or(Instant::ZERO, |(now, _)| *now);
        if let Some(broke) = broke {
            self.ladder.note(end, None, format!("broke: {broke}"));
        }
        self.ladder
    }

    /// Whether this end opens the connection actively; `None` if it does not open it at all. Its first SYN tells.
    fn opens(&self, of: usize) -> Option<bool> {
        self.tape.told.iter().find_map(|(_, told)| {
            let flags = match told {
                Told::Sent { end, octets } if *end == of && flow_of(of, octets) == Some(self.flow) => {
                    craft::segment(octets)?.2.flags
                }
                Told::SegmentSent { end, meta } if *end == of => meta.flags,
                _ => return None,
            };
            flags.contains(TcpFlags::SYN).then(|| !flags.contains(TcpFlags::ACK))
        })
    }

    /// Before its first SYN of its own, an end was called to connect.
    fn before(&mut self, now: Instant, end: usize, flags: TcpFlags) {
        if flags.contains(TcpFlags::SYN) && !flags.contains(TcpFlags::ACK) {
            self.connect(now, end);
        }
    }

    fn connect(&mut self, now: Instant, end: usize) {
        if !std::mem::replace(&mut self.connected[end], true) {
            self.ladder.call(now, end_of(end), ladder::Call::Connect, Returned::Done(0));
        }
    }

    fn is_told(&self, from: usize, octets: &[u8]) -> bool {
        self.all || flow_of(from, octets) == Some(self.flow)
    }

    fn entry(&mut self, now: Instant, told: &Told) {
        match told {
            Told::Sent { end, octets } if self.is_told(*end, octets) => {
                self.last[*end] = Some(now);
                if let Some((_, _, segment)) = craft::segment(octets)
                    && flow_of(*end, octets) == Some(self.flow)
                {
                    self.before(now, *end, segment.flags);
                }
                self.ladder.sent(now, end_of(*end), octets.clone());
            }
            Told::Arrived { end, octets, origin, verified } => {
                self.arrived = None;
                let is_about = quoted_flow(*end, octets) == Some(self.flow);
                if is_about || self.is_told(1 - end, octets) {
                    self.last[*end] = Some(now);
                    self.arrive(now, *end, octets, *origin, *verified);
                }
            }
            Told::Lost { end, octets } if self.is_told(*end, octets) => {
                if let Some(id) = self.ladder.find(end_of(*end), octets) {
                    self.ladder.lost(now, id);
                }
            }
            Told::SegmentSent { end, meta } => {
                self.last[*end] = Some(now);
                self.before(now, *end, meta.flags);
                self.ladder.delivered_segment(now, end_of(*end), meta, &[]);
                if meta.flags.contains(TcpFlags::SYN) {
                    let answers = meta.flags.contains(TcpFlags::ACK);
                    let state = if answers { State::SynReceived } else { State::SynSent };
                    self.ladder.state(now, end_of(*end), state);
                }
            }
            Told::SegmentArrived { end, meta } => {
                self.last[*end] = Some(now);
                self.arrived = Some(self.ladder.delivered_segment(now, end_of(1 - end), meta, &[]));
            }
            Told::Call { end, which, call } => self.call(now, *end, *which, *call),
            Told::Timeout { end } => {
                if self.last[*end].is_none_or(|last| last < now) {
                    self.ladder.timer(now, end_of(*end), "");
                }
                self.last[*end] = Some(now);
            }
            Told::State { end, which, local, state, .. } => {
                if local.is_none() || self.names.get(&(*end, *which)) == Some(&self.flow) {
                    if *state == State::SynSent {
                        self.connect(now, *end);
                    }
                    self.ladder.state(now, end_of(*end), *state);
                } else if self.all {
                    self.ladder.note(now, Some(end_of(*end)), format!("connection {which} is {state}"));
                }
            }
            Told::Note(text) => match (text.strip_prefix("refused: "), self.arrived) {
                (Some(why), Some(packet)) => self.ladder.refused(packet, why),
                (Some(_), None) => {}
                (None, _) => self.ladder.note(now, None, text.clone()),
            },
            Told::Sent { .. } | Told::Lost { .. } => {}
        }
    }

    fn arrive(&mut self, now: Instant, end: usize, octets: &[u8], origin: Origin, verified: bool) {
        let from = end_of(1 - end);
        let same =
            self.ladder.find(from, octets).filter(|_| matches!(origin, Origin::Network | Origin::Copy));
        let id = match same {
            Some(id) => {
                self.ladder.arrived(now, id);
                id
            }
            None => {
                let what =
                    if origin == Origin::Injected { "nobody has sent this" } else { "changed on its way" };
                self.ladder.note(now, Some(from), what);
                self.ladder.forged(now, from, octets.to_vec())
            }
        };
        if verified {
            self.ladder.note(now, Some(end_of(end)), "its checksum was said to be right");
        }
        self.arrived = Some(id);
    }

    fn call(&mut self, now: Instant, end: usize, which: usize, call: Call) {
        let is_machine = self.tape.machine.is_some();
        let is_focus = is_machine || self.names.get(&(end, which)) == Some(&self.flow);
        self.last[end] = Some(now);
        let (told, done) = match call {
            // That is told from the packets.
            Call::Listen(_) => return,
            Call::Connect if is_focus => return,
            Call::Accept | Call::Release if is_focus => {
                self.ladder.note(now, Some(end_of(end)), format!("{call:?}").to_lowercase());
                return;
            }
            _ if !is_focus && !self.all => return,
            _ if !is_focus => (ladder::Call::Other(format!("connection {which}: {call:?}")), 0),
            Call::Send(len) => (ladder::Call::Write(len), len),
            Call::Recv(len) => (ladder::Call::Read(len), len),
            Call::Shutdown => (ladder::Call::Shutdown, 0),
            Call::Close => (ladder::Call::Close, 0),
            Call::Abort => (ladder::Call::Abort, 0),
            Call::Command(Command::PathMtu(report)) if self.report(now, report) => return,
            Call::Command(command) => of_command(command),
            other => (ladder::Call::Other(format!("{other:?}")), 0),
        };
        self.ladder.call(now, end_of(end), told, Returned::Done(done));
    }
}

impl Maker<'_> {
    /// The ICMP error that a machine is told of; `false` if there is none that says so much.
    fn report(&mut self, now: Instant, report: PathMtu) -> bool {
        let [own, other] = self.flow;
        let Ok(mtu) = u16::try_from(report.mtu) else { return false };
        let len = u32::from(mtu).max(1_460);
        let meta = SegmentMeta { seq: report.seq, flags: TcpFlags::ACK, len, ..SegmentMeta::default() };
        let Ok(segment) = ladder::packet_of(own, other, &meta, &[]) else { return false };
        let packet = craft::icmp(other.ip(), &segment, craft::Trouble::TooBig(mtu));
        self.ladder.forged(now, End::B, packet);
        true
    }
}

/// A command to a machine, and how many octets it is about.
fn of_command(command: Command) -> (ladder::Call, usize) {
    match command {
        Command::Queue(Queue { len, push: false, more: false, urgent: false }) => {
            (ladder::Call::Write(len as usize), len as usize)
        }
        Command::Consumed(len) => (ladder::Call::Read(len as usize), len as usize),
        Command::Shutdown => (ladder::Call::Shutdown, 0),
        Command::Close => (ladder::Call::Close, 0),
        Command::Abort => (ladder::Call::Abort, 0),
        Command::SetNagle(on) => (ladder::Call::Nagle(on), 0),
        other => (ladder::Call::Other(format!("{other:?}")), 0),
    }
}
