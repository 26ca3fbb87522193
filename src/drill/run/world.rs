//! The host and its sockets in virtual time.

use alloc::borrow::ToOwned as _;
use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec;
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use bytes::Bytes;

use super::build::{self, Unbuilt};
use super::flows::Flows;
use super::live::{self, Sniffed, Upper};
use super::log::Log;
use super::settings::Settings;
use super::{Kind, Stop};
use crate::drill::expr::{Code, CodeFault, Scope};
use crate::drill::kernel::{Blocked, CallFailure, Kernel, Progress, Returned, ShellOutcome, Symbols};
use crate::drill::report::{RunOptions, TraceEntry};
use crate::drill::script::{
    Action, Body, Call, Direction, Event, Expr, IcmpLine, OptionList, OptionWord, Packet, Script, TcpLine,
    When,
};
use crate::host::FiveTuple;
use crate::wire::IpProtocol;
use crate::{Instant, State, TcpFlags};

/// Time 0 of a script, so that nothing of the host's lies before the epoch.
const START: Instant = Instant::from_nanos(1_000_000_000_000);

/// Packets and deadlines at one instant, beyond which the host does not come to rest.
const MOST_AT_ONCE: u32 = 100_000;
/// Packets and deadlines in a script.
const MOST_WORK: u64 = 1_000_000;
/// Octets of packets that no line has taken.
const MOST_WAITING: usize = 256 << 20;
/// Calls that wait at a time.
const MOST_BLOCKED: usize = 1_024;

/// A call that has not returned.
struct Pending<'s> {
    line: u32,
    event: &'s Event,
    call: &'s Call,
    blocked: Blocked,
    due: Instant,
    tolerance: Duration,
}

/// Everything that there is while a script runs.
pub(super) struct World<'s> {
    pub(super) settings: Settings,
    pub(super) kernel: Kernel,
    pub(super) now: Instant,
    /// When the event before happened.
    pub(super) base: Instant,
    pub(super) flows: Flows,
    pub(super) log: Log,
    /// The line of the event that is played.
    pub(super) line: u32,
    /// Pushes are compared only where a card that cuts packets up makes none of its own.
    pub(super) pushes_vary: bool,
    pending: Vec<Pending<'s>>,
    /// Descriptors that listen.
    listening: BTreeSet<i64>,
    /// The port of the last of them.
    listens_at: Option<u16>,
    /// Code to be run at the end, with what the names in it meant at its place.
    code: Vec<(u32, &'s str, Symbols)>,
    buffer: Vec<u8>,
    at_once: u32,
    work: u64,
    waiting: usize,
}

impl<'s> World<'s> {
    pub(super) fn new(settings: Settings, options: &RunOptions) -> Result<Self, Stop> {
        let kernel = Kernel::new(&options.profile, settings.addresses())
            .map_err(|unsupported| Stop::unsupported(0, unsupported.0))?;
        Ok(Self {
            settings,
            kernel,
            now: START,
            base: START,
            flows: Flows::default(),
            log: Log::new(options.record, START),
            line: 0,
            pushes_vary: options.profile.name == "linux",
            pending: Vec::new(),
            listening: BTreeSet::new(),
            listens_at: None,
            code: Vec::new(),
            buffer: vec![0; 65_536],
            at_once: 0,
            work: 0,
            waiting: 0,
        })
    }

    pub(super) fn told(self) -> Vec<TraceEntry> {
        let several = self.flows.are_several();
        self.log.told(several)
    }

    pub(super) fn play(&mut self, script: &'s Script) -> Result<(), Stop> {
        if let Some(init) = &script.init {
            self.line = init.line;
            self.shell(init.line, &init.value)?;
        }
        for event in &script.events {
            self.line = event.line;
            match self.event(event) {
                Err(stop) if self.may_be(stop.kind) => {
                    let note = format!("not fatal: {}", stop.failure);
                    self.log.note(self.now, Some(event.line), note);
                    self.base = self.base.max(self.now);
                }
                done => done?,
            }
        }
        self.await_calls()?;
        let mut scope = Scope::default();
        for (line, code, symbols) in core::mem::take(&mut self.code) {
            evaluate(&mut scope, line, code, &symbols)?;
        }
        match &script.cleanup {
            Some(cleanup) => self.shell(cleanup.line, &cleanup.value),
            None => Ok(()),
        }
    }

    /// Whether the script goes on after a failure of this kind.
    fn may_be(&self, kind: Kind) -> bool {
        match kind {
            Kind::Packet => self.settings.packets_may_differ,
            Kind::Call => self.settings.calls_may_differ,
            Kind::Other | Kind::Unsupported => false,
        }
    }

    fn event(&mut self, event: &'s Event) -> Result<(), Stop> {
        if let Action::Packet(packet @ Packet { direction: Direction::Out, .. }) = &event.action {
            return self.expect(event, packet);
        }
        let before = self.base;
        let at = self.go_to(event)?;
        match &event.action {
            Action::Packet(packet) => {
                self.inject(event, packet)?;
                // Packets that arrive one after the other do so at the script's times.
                self.base = at;
                return Ok(());
            }
            Action::Call(call) => self.call(event, call, before)?,
            Action::Shell(line) => self.shell(event.line, line)?,
            Action::Code(code) => {
                self.kernel.settle(self.now);
                self.code.push((event.line, code, self.kernel.symbols(self.now)));
            }
        }
        self.base = self.now;
        Ok(())
    }

    /// Lets everything happen that is due until the event's time, which it gives.
    fn go_to(&mut self, event: &Event) -> Result<Instant, Stop> {
        let at = match event.when {
            When::At(at) => START + at,
            When::After(gap) => self.base + gap,
            When::Between(..) | When::AfterBetween(..) | When::Any => {
                return Err(Stop::fail(
                    event.line,
                    "only a packet that is sent can come at one of several times",
                ));
            }
        };
        let tolerance = self.settings.tolerance_of(at.since(self.base));
        if at + tolerance < self.now {
            let (at, now) = (time(at), time(self.now));
            return Err(Stop::fail(
                event.line,
                format!("it is {now} already, too late for what happens at {at}"),
            )
            .with(Some(event.text.clone()), None));
        }
        while self.step(at)? {}
        self.go_on_to(at)?;
        Ok(at)
    }

    /// Time passes until then, in which nothing is due.
    pub(super) fn go_on_to(&mut self, at: Instant) -> Result<(), Stop> {
        if at <= self.now {
            return Ok(());
        }
        let overdue = self.pending.iter().position(|call| call.due + call.tolerance < at);
        if let Some(late) = overdue.map(|index| self.pending.swap_remove(index)) {
            let message = format!("{} has not returned at {}", late.call.name, time(late.due));
            return Err(Stop::new(Kind::Call, late.line, message).with(Some(late.event.text.clone()), None));
        }
        self.now = at;
        self.at_once = 0;
        Ok(())
    }

    /// Lets the next thing happen that is due until `limit`; `false` if nothing is.
    pub(super) fn step(&mut self, limit: Instant) -> Result<bool, Stop> {
        let calls = self.pending.iter().filter_map(|call| call.blocked.deadline());
        let own = [self.kernel.host.poll_timeout(), self.kernel.poll_timeout()];
        let Some(next) = own.into_iter().flatten().chain(calls).min().filter(|&next| next <= limit) else {
            return Ok(false);
        };
        self.go_on_to(next)?;
        self.count()?;
        self.kernel.handle_timeout(self.now);
        self.react()?;
        Ok(true)
    }

    /// A host that never rests has to end too.
    pub(super) fn count(&mut self) -> Result<(), Stop> {
        self.at_once += 1;
        self.work += 1;
        if self.at_once > MOST_AT_ONCE || self.work > MOST_WORK || self.waiting > MOST_WAITING {
            let message = format!("the host does not come to rest at {}", time(self.now));
            return Err(Stop::fail(self.line, message));
        }
        Ok(())
    }

    /// What follows when something has happened: packets go, and calls return.
    fn react(&mut self) -> Result<(), Stop> {
        // Acknowledgments go before readers wake.
        self.drain()?;
        loop {
            self.kernel.settle(self.now);
            if !self.resume()? {
                return self.drain();
            }
            self.count()?;
            self.drain()?;
        }
    }

    /// Takes what the host has to send.
    fn drain(&mut self) -> Result<(), Stop> {
        while let Some(transmit) = self.kernel.host.poll_transmit(self.now, &mut self.buffer) {
            self.count()?;
            let octets = Bytes::copy_from_slice(self.buffer.get(..transmit.len).unwrap_or_default());
            self.kernel.saw(self.now, Direction::Out, &octets);
            self.sent(octets)?;
        }
        Ok(())
    }

    /// A packet has been sent.
    fn sent(&mut self, octets: Bytes) -> Result<(), Stop> {
        let (packet, upper) = match live::read(&octets) {
            Ok(read) => read,
            Err(error) => {
                return Err(Stop::fail(self.line, format!("a packet was sent that is none: {error}")));
            }
        };
        let (ports, syn) = match upper {
            Upper::Tcp(segment) => {
                let acknowledges = segment.flags.contains(TcpFlags::ACK);
                let syn = segment.flags.contains(TcpFlags::SYN).then_some((segment.seq.get(), acknowledges));
                ((segment.src_port, segment.dst_port), syn)
            }
            Upper::Udp(datagram) => ((datagram.src_port, datagram.dst_port), None),
            Upper::Icmp | Upper::Fragment => ((0, 0), None),
        };
        let (local, remote) = (SocketAddr::new(packet.src, ports.0), SocketAddr::new(packet.dst, ports.1));
        self.learn_called();
        let protocol = packet.protocol;
        let (index, is_new) = self.flows.between(protocol, local, remote);
        if is_new {
            // Nobody has called here: it is we who open.
            self.flows.set_current(protocol, index);
        }
        let Some(flow) = self.flows.get_mut(index) else { return Ok(()) };
        flow.unclaimed |= is_new && protocol == IpProtocol::UDP;
        if let Some((seq, acknowledges)) = syn {
            let before = flow.origins.local;
            flow.syn_goes_out(seq, acknowledges);
            if !acknowledges && before != Some(seq) {
                self.flows.opened(index);
            }
        }
        let Some(flow) = self.flows.get_mut(index) else { return Ok(()) };
        self.waiting += octets.len();
        let origins = flow.origins;
        let entry = self.log.packet(self.now, None, Direction::Out, octets.clone(), origins);
        flow.last = Some(octets.clone());
        flow.sent.push_back(Sniffed { at: self.now, octets, origins, entry });
        Ok(())
    }

    /// A datagram socket was connected: lines of datagrams without ports are about its peer from now on.
    fn learn_called(&mut self) {
        if let Some((local, remote)) = self.kernel.take_called() {
            let (index, is_new) = self.flows.between(IpProtocol::UDP, local, remote);
            self.flows.set_current(IpProtocol::UDP, index);
            if let Some(flow) = self.flows.get_mut(index) {
                flow.unclaimed |= is_new;
            }
        }
    }

    /// The next packet of this flow that no line has taken.
    pub(super) fn take_sent(&mut self, index: usize) -> Option<Sniffed> {
        let sniffed = self.flows.get_mut(index)?.sent.pop_front()?;
        self.waiting -= sniffed.octets.len();
        Some(sniffed)
    }

    /// A packet arrives.
    fn inject(&mut self, event: &Event, line: &Packet) -> Result<(), Stop> {
        let (protocol, ports, opens) = match &line.body {
            Body::Tcp(tcp) => {
                let opens = tcp.flags.contains(TcpFlags::SYN) && !tcp.flags.contains(TcpFlags::ACK);
                (IpProtocol::TCP, tcp.ports, opens)
            }
            Body::Udp(udp) => (IpProtocol::UDP, udp.ports, false),
            Body::Icmp(message) => (self.flow_kind_of(message.quoted), None, false),
        };
        self.learn_called();
        let listens = self.listens_at.filter(|_| protocol == IpProtocol::TCP);
        let bound = || self.kernel.bound().map(|bound| bound.port());
        let port = listens.or_else(bound).unwrap_or(self.settings.bind_port);
        let local = SocketAddr::new(self.settings.local, port);
        let is_error = matches!(line.body, Body::Icmp(_));
        let index = match self.flows.current(protocol).filter(|_| is_error) {
            Some(index) => index,
            None => self.flows.of_inbound(protocol, ports, opens, local, self.settings.remote),
        };
        if let Body::Tcp(tcp) = &line.body {
            self.flows.set_current(protocol, index);
            if tcp.flags.contains(TcpFlags::SYN) {
                self.offer(index, tcp);
            }
        } else if !is_error {
            self.flows.set_current(protocol, index);
        }
        let Some(flow) = self.flows.get_mut(index) else { return Ok(()) };
        flow.unclaimed = false;
        if let Body::Icmp(IcmpLine { mtu: Some(mtu), .. }) = line.body {
            flow.path_mtu = Some(flow.path_mtu.unwrap_or(u32::MAX).min(mtu));
        }
        let octets = match build::packet(line, flow, self.settings.scaled_echoes) {
            Ok(octets) => Bytes::from(octets),
            Err(Unbuilt::Wrong(message)) => {
                return Err(Stop::fail(event.line, message).with(Some(event.text.clone()), None));
            }
            Err(Unbuilt::Unknown(name)) => return Err(Stop::unsupported(event.line, name)),
        };
        let origins = flow.origins;
        self.log.packet(self.now, Some(event.line), Direction::In, octets.clone(), origins);
        self.count()?;
        self.kernel.saw(self.now, Direction::In, &octets);
        self.kernel.host.handle_packet(self.now, &octets);
        self.react()
    }

    /// Which flows an ICMP message is about.
    fn flow_kind_of(&self, quoted: crate::drill::script::Quoted) -> IpProtocol {
        use crate::drill::script::Quoted;
        match quoted {
            Quoted::Udp(_) => IpProtocol::UDP,
            Quoted::Nothing if self.flows.current(IpProtocol::TCP).is_none() => IpProtocol::UDP,
            _ => IpProtocol::TCP,
        }
    }

    /// The peer's SYN, before it arrives.
    fn offer(&mut self, index: usize, line: &TcpLine) {
        let Some(flow) = self.flows.get_mut(index) else { return };
        if let OptionList::These(words) = &line.options {
            flow.peer_mss = words.iter().find_map(|word| match word {
                OptionWord::Mss(mss) => Some(*mss),
                _ => None,
            });
        }
        let tuple = FiveTuple::new(flow.protocol, flow.local, flow.remote);
        let mut connections = self.kernel.host.connections(self.now);
        let connection = connections.find(|connection| connection.tuple == tuple).map(|there| there.state);
        let row = || self.kernel.host.rows().find(|row| row.tuple == tuple).map(|row| row.state);
        let state = connection.or_else(row);
        flow.syn_comes_in(
            line.seq,
            matches!(state, None | Some(State::Closed | State::Listen | State::SynSent)),
        );
    }

    fn shell(&mut self, line: u32, command: &str) -> Result<(), Stop> {
        match self.kernel.shell(self.now, command) {
            Ok(ShellOutcome::Done) => self.react(),
            Ok(ShellOutcome::Failed(message)) => {
                Err(Stop::fail(line, message).with(Some(format!("`{command}`")), None))
            }
            Err(unsupported) => Err(Stop::unsupported(line, unsupported.0)),
        }
    }

    /// A system call; `before` is when the event before it happened, from which its end counts too.
    fn call(&mut self, event: &'s Event, call: &'s Call, before: Instant) -> Result<(), Stop> {
        let due = event.ends.map(|ends| match event.when {
            When::At(_) => START + ends,
            _ => before + ends,
        });
        let tolerance = self.settings.tolerance_of(due.map_or(Duration::ZERO, |due| due.since(self.now)));
        let progress = self.kernel.start(self.now, call).map_err(|failure| failed(event, failure))?;
        match (progress, due) {
            (Progress::Returned(returned), due) => {
                self.returned(event, call, &returned, due.unwrap_or(self.now), tolerance)?;
            }
            (Progress::Blocked(blocked), Some(due)) => {
                if self.pending.len() >= MOST_BLOCKED {
                    return Err(Stop::fail(event.line, "too many calls wait"));
                }
                self.pending.push(Pending { line: event.line, event, call, blocked, due, tolerance });
            }
            (Progress::Blocked(_), None) => {
                let message = format!(
                    "{} blocks, and is to return at once (a time like `+0...0.1` lets it wait)",
                    call.name
                );
                return Err(Stop::new(Kind::Call, event.line, message)
                    .with(Some(event.text.clone()), Some("it blocks".to_owned())));
            }
        }
        self.react()
    }

    /// A call has returned: whether what, and when.
    fn returned(
        &mut self,
        event: &Event,
        call: &Call,
        returned: &Returned,
        due: Instant,
        tolerance: Duration,
    ) -> Result<(), Stop> {
        self.log.call(self.now, event.line, text_of_call(event), returned.to_string());
        let got = format!("{} = {returned}", text_of_call(event));
        let stop = |message: String| {
            Stop::new(Kind::Call, event.line, message).with(Some(event.text.clone()), Some(got.clone()))
        };
        self.kernel.check(call, returned).map_err(|failure| match failure {
            CallFailure::Failed(message) => stop(message),
            unsupported => failed(event, unsupported),
        })?;
        if self.now.since(due).max(due.since(self.now)) > tolerance {
            let (now, due) = (time(self.now), time(due));
            return Err(stop(format!("{} has returned at {now}, not at {due}", call.name)));
        }
        if returned.value >= 0 {
            self.note_call(call);
        }
        Ok(())
    }

    /// What a call that went well means for the packets that follow.
    fn note_call(&mut self, call: &Call) {
        let descriptor = match call.arguments.first() {
            Some(&Expr::Integer(descriptor)) => descriptor,
            _ => return,
        };
        match call.name.as_str() {
            "listen" if self.listening.insert(descriptor) => {
                self.flows.awaits_caller();
                self.listens_at = self.kernel.bound().map(|bound| bound.port());
            }
            "close" => {
                self.listening.remove(&descriptor);
            }
            _ => {}
        }
    }

    /// Tries the calls again that wait, and says whether one has returned.
    fn resume(&mut self) -> Result<bool, Stop> {
        let mut any = false;
        let mut index = 0;
        while let Some(call) = self.pending.get_mut(index) {
            let event = call.event;
            let progress = self.kernel.resume(self.now, &mut call.blocked);
            match progress.map_err(|failure| failed(event, failure))? {
                Progress::Blocked(blocked) => {
                    call.blocked = blocked;
                    index += 1;
                }
                Progress::Returned(returned) => {
                    let Pending { event, call, due, tolerance, .. } = self.pending.remove(index);
                    self.returned(event, call, &returned, due, tolerance)?;
                    any = true;
                }
            }
        }
        Ok(any)
    }

    /// The end of a script is not before its calls have returned.
    fn await_calls(&mut self) -> Result<(), Stop> {
        while let Some(last) = self.pending.iter().map(|call| call.due + call.tolerance).max() {
            if !self.step(last)? {
                // Nothing more happens: this fails.
                self.go_on_to(last + Duration::from_nanos(1))?;
            }
        }
        Ok(())
    }
}

/// Runs a piece of the script's code, which begins on this line. Its variables are those of the pieces before it.
fn evaluate(scope: &mut Scope, line: u32, code: &str, symbols: &Symbols) -> Result<(), Stop> {
    Code::parse(code).and_then(|code| code.run(scope, symbols)).map_err(|error| {
        let line = line.saturating_add(error.line.saturating_sub(1));
        match error.fault {
            CodeFault::Unsupported(what) => Stop::unsupported(line, what),
            fault => Stop::new(Kind::Other, line, fault.to_string()),
        }
    })
}

fn failed(event: &Event, failure: CallFailure) -> Stop {
    match failure {
        CallFailure::Unsupported(name) => Stop::unsupported(event.line, name),
        CallFailure::Failed(message) => {
            Stop::new(Kind::Call, event.line, message).with(Some(event.text.clone()), None)
        }
    }
}

/// The call as the script has it, without its time and what it returns.
fn text_of_call(event: &Event) -> String {
    let call = event.text.split_once(' ').map_or(event.text.as_str(), |(_, call)| call);
    call.rfind(") =").and_then(|end| call.get(..=end)).unwrap_or(call).to_owned()
}

/// A moment as a script has it.
pub(super) fn time(at: Instant) -> String {
    let micros = at.since(START).as_micros();
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

/// The moments between which a packet is expected; `None` for any.
pub(super) fn window(when: When, base: Instant) -> Option<(Instant, Instant)> {
    match when {
        When::At(at) => Some((START + at, START + at)),
        When::After(gap) => Some((base + gap, base + gap)),
        When::Between(first, last) => Some((START + first, START + last)),
        When::AfterBetween(first, last) => Some((base + first, base + last)),
        When::Any => None,
    }
}
