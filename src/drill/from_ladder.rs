//! From what happened to one end of a [`Ladder`] to a script that does the same to it again.
//!
//! | in the ladder | in the script |
//! |---|---|
//! | a packet arrives at the end | `<`, at its exact time |
//! | the end sends a packet | `>`, with all that its TCP header says, at its exact time |
//! | its user calls | a system call |
//! | the state in which it is left | `%{ assert tcpi_state == … }%` |
//! | what was chosen otherwise than in the profile | lines of `sysctl`, as far as there are any |
//! | states, refusals, notes | comments |
//!
//! Whatever else there is, the script names in a comment that begins with `not expressible`, and so does
//! [`Written::left_out`]: if that is empty, the run that the ladder has taken notes of passes.

mod calls;
mod settings;

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::fmt::{self, Write as _};
use core::net::SocketAddr;
use core::time::Duration;

use super::run::flows::{Flow, Origins};
use super::run::{live, log};
use super::script::{Direction, OptionList, OptionWord, Script};
use super::{Profile, parse, script};
use crate::ladder::{End, Entry, Ladder, Packet, PacketId, What};
use crate::wire::icmp::HEADER_LEN;
use crate::wire::quote::{Quote, QuotedUpper};
use crate::wire::{IpPacket, IpProtocol, TcpSegment};
use crate::{Instant, State, TcpFlags};
use calls::Sockets;
use settings::Settings;

/// The number that scripts have for the first timestamp of the end.
const FIRST_STAMP: u32 = 100;

/// A script that was written from a ladder.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Written {
    /// The script.
    pub script: Script,
    /// Its text, with comments.
    pub text: String,
    /// What happened and is not in it.
    pub left_out: Vec<LeftOut>,
}

/// The text.
impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Something that a script cannot say.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LeftOut {
    /// When it happened, since the start of the script; `None` if it holds for all of it.
    pub at: Option<Duration>,
    /// What it is.
    pub what: String,
}

/// `0.020000: a write before the connection is open`.
impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.at {
            Some(at) => write!(f, "{}: {}", seconds(at), self.what),
            None => f.write_str(&self.what),
        }
    }
}

/// Writes the script of what happened to this end.
///
/// `profile` is what the end was made of. The script is for the [profile of that name](Profile::from_name), and sets
/// what differs from it; for an end that is a bare machine, put its configuration into `host.connection.tcp`.
///
/// ```
/// use tcpstate::drill::{Profile, RunOptions, Verdict, from_ladder, run};
/// use tcpstate::ladder::{End, Ladder};
/// use tcpstate::tcp::SegmentMeta;
/// use tcpstate::{Instant, SeqNumber, TcpFlags};
///
/// // Nobody listens at B.
/// let mut ladder = Ladder::new(["192.0.2.1:49152".parse()?, "192.0.2.2:80".parse()?]);
/// let now = Instant::ZERO;
/// let syn = SegmentMeta { seq: SeqNumber::new(7), flags: TcpFlags::SYN, window: 1000, ..Default::default() };
/// ladder.delivered_segment(now, End::A, &syn, &[]);
/// ladder.delivered_segment(now, End::B, &syn.reset_in_answer().unwrap_or_default(), &[]);
///
/// let written = from_ladder(&ladder, End::B, &Profile::library());
/// assert!(written.text.contains("\n0.000000 < S 7:7(0) win 1000\n0.000000 > R. 0:0(0) ack 1 win 0\n"));
/// assert!(written.left_out.is_empty());
/// let outcome = run(&written.script, &RunOptions::new(Profile::library()));
/// assert_eq!(outcome.verdict, Verdict::Pass);
/// # Ok::<(), core::net::AddrParseError>(())
/// ```
#[must_use]
pub fn from_ladder(ladder: &Ladder, end: End, profile: &Profile) -> Written {
    let settings = settings::differing(profile, ladder.socket(end).is_ipv6());
    let first = Writer::of(ladder, end, &settings, false);
    // With the option for echoes that were never sent, an echo of zero is reckoned too, if it stands there as one.
    let both = first.echoes.zero && first.echoes.never_sent;
    let writer = if both { Writer::of(ladder, end, &settings, true) } else { first };
    writer.finish(&settings)
}

struct Writer<'l> {
    ladder: &'l Ladder,
    end: End,
    /// The start of the script.
    zero: Instant,
    /// By our socket and the peer's.
    flows: BTreeMap<(SocketAddr, SocketAddr), Flow>,
    /// There is more than one connection: lines name their ports.
    several: bool,
    sockets: Sockets,
    /// Options of each socket that is made.
    chosen: &'l [(&'static str, i64)],
    /// What names of states begin with.
    prefix: &'static str,
    state: State,
    /// Whether states are told at all.
    is_known: bool,
    events: String,
    left_out: Vec<LeftOut>,
    /// When a packet last arrived or the user called, and no deadline has come since.
    acted_at: Option<Instant>,
    /// Timestamps that lines have told, in the script's numbers.
    stamps: BTreeSet<u32>,
    echoes: Echoes,
    /// Echoes of zero are told as octets.
    raw_zeros: bool,
}

/// Echoes of timestamps that have arrived with an acknowledgment.
#[derive(Clone, Copy, Debug, Default)]
struct Echoes {
    zero: bool,
    never_sent: bool,
}

/// Whether packets of more than one connection are in it.
fn several(ladder: &Ladder) -> bool {
    let ends = |packet: &Packet| {
        let (local, remote, _) = sockets_of(packet)?;
        Some(if packet.from == End::A { (local, remote) } else { (remote, local) })
    };
    let flows: BTreeSet<_> = ladder.packets().iter().filter_map(ends).collect();
    flows.len() > 1
}

/// Source, destination, and the segment's flags and number.
fn sockets_of(packet: &Packet) -> Option<(SocketAddr, SocketAddr, (TcpFlags, u32))> {
    let octets = packet.octets.as_ref();
    let ip = IpPacket::parse(octets, octets.len()).ok()?;
    if ip.protocol != IpProtocol::TCP || ip.fragment.is_some() {
        return None;
    }
    let segment = TcpSegment::parse(ip.payload, ip.payload_len).ok()?;
    let (source, destination) =
        (SocketAddr::new(ip.src, segment.src_port), SocketAddr::new(ip.dst, segment.dst_port));
    Some((source, destination, (segment.flags, segment.seq.get())))
}

/// Source and destination of the segment that an ICMP error is about.
fn quoted_sockets(packet: &Packet) -> Option<(SocketAddr, SocketAddr)> {
    let octets = packet.octets.as_ref();
    let ip = IpPacket::parse(octets, octets.len()).ok()?;
    let is_error = matches!(ip.protocol, IpProtocol::ICMP | IpProtocol::ICMPV6);
    let quote = Quote::parse(ip.payload.get(HEADER_LEN..)?).filter(|_| is_error)?;
    let QuotedUpper::Tcp(segment) = quote.upper else { return None };
    Some((SocketAddr::new(quote.src, segment.src_port), SocketAddr::new(quote.dst, segment.dst_port)))
}

impl<'l> Writer<'l> {
    fn of(ladder: &'l Ladder, end: End, settings: &'l Settings, raw_zeros: bool) -> Self {
        let start = ladder.entries().first().map_or(Instant::ZERO, |entry| entry.at);
        let mut writer = Self {
            ladder,
            end,
            // Clocks of timestamps tick in milliseconds: a script's ticks are to come when those of the run came.
            zero: Instant::from_nanos(start.as_nanos() / 1_000_000 * 1_000_000),
            flows: BTreeMap::new(),
            several: several(ladder),
            sockets: Sockets::default(),
            chosen: &settings.sockets,
            prefix: if settings.profile == "freebsd" { "TCPS" } else { "TCP" },
            state: State::Closed,
            is_known: false,
            events: String::new(),
            left_out: Vec::new(),
            acted_at: None,
            stamps: BTreeSet::new(),
            echoes: Echoes::default(),
            raw_zeros,
        };
        for entry in ladder.entries() {
            writer.entry(entry);
        }
        writer
    }

    fn entry(&mut self, entry: &Entry) {
        let at = entry.at;
        match &entry.what {
            What::Sent(id) => {
                if let Some(packet) =
                    self.ladder.packet(*id).filter(|packet| packet.from == self.end && !packet.forged)
                {
                    self.packet(at, *id, packet, Direction::Out);
                }
            }
            What::Arrived(id) => {
                if let Some(packet) = self.ladder.packet(*id).filter(|packet| packet.from != self.end) {
                    self.acted_at = Some(at);
                    self.packet(at, *id, packet, Direction::In);
                }
            }
            What::Refused { packet, why } => {
                if self.ladder.packet(*packet).is_some_and(|packet| packet.from != self.end) {
                    self.comment(&format!("refused: {why}"));
                }
            }
            What::Call { end, call, returned } if *end == self.end => {
                self.acted_at = Some(at);
                self.call(at, call, returned);
            }
            What::Timer { end, .. } if *end == self.end => {
                // What is due at a moment happens before all else in a script.
                if self.acted_at.take() == Some(at) {
                    self.leave_out(at, "a deadline that is met after something else of the same moment");
                }
            }
            What::State { end, from, to } if *end == self.end => self.state(at, *from, *to),
            What::Note { end, text } if end.is_none_or(|end| end == self.end) => self.comment(text),
            What::Lost(_)
            | What::Call { .. }
            | What::Timer { .. }
            | What::State { .. }
            | What::Note { .. } => {}
        }
    }

    fn state(&mut self, at: Instant, from: Option<State>, to: State) {
        match (from, to) {
            // Who is there from the beginning has called before.
            (None, State::Listen) => self.open_passively(at),
            (None, State::SynSent) if self.sockets.has_called() => {}
            (None, State::SynSent) => self.open_actively(at),
            (None, State::Closed) => {}
            (None, other) => {
                self.leave_out(at, &format!("a connection that is in {other} from the beginning"))
            }
            (Some(_), to) => self.comment(to.name()),
        }
        (self.state, self.is_known) = (to, true);
    }

    fn packet(&mut self, at: Instant, id: PacketId, packet: &Packet, direction: Direction) {
        if let Err(why) = self.line(at, packet, direction) {
            let way = if direction == Direction::In { "that arrives" } else { "that is sent" };
            self.leave_out(at, &format!("packet {} {way}: {why}", id.number()));
        }
    }

    /// A packet as a line; `Err` says why there is none.
    fn line(&mut self, at: Instant, packet: &Packet, direction: Direction) -> Result<(), String> {
        let Some((source, destination, (flags, seq))) = sockets_of(packet) else {
            return self.message(at, packet, direction);
        };
        let (local, remote) =
            if direction == Direction::Out { (source, destination) } else { (destination, source) };
        let (own, peer) = (self.ladder.socket(self.end), self.ladder.socket(self.end.peer()));
        if (local.ip(), remote.ip()) != (own.ip(), peer.ip()) {
            return Err(format!("it goes from {source} to {destination}"));
        }
        let is_new = matches!(self.state, State::Closed | State::Listen | State::SynSent);
        let flow =
            self.flows.entry((local, remote)).or_insert_with(|| Flow::new(IpProtocol::TCP, local, remote));
        let acknowledges = flags.contains(TcpFlags::ACK);
        match direction {
            _ if !flags.contains(TcpFlags::SYN) => {}
            Direction::Out => flow.syn_goes_out(seq, acknowledges),
            Direction::In => flow.syn_comes_in(seq, is_new),
        }
        let stamps = timestamps(packet);
        if let (Direction::Out, Some((val, _))) = (direction, stamps) {
            let (script, live) = *flow.origins.stamp.get_or_insert((FIRST_STAMP, val));
            self.stamps.insert(val.wrapping_sub(live).wrapping_add(script));
        }
        let mut told = live::packet(&packet.octets, direction, &flow.origins)?;
        if let (Direction::In, true, Some((_, ecr))) = (direction, acknowledges, stamps) {
            match flow.origins.stamp {
                // Nothing of ours that it could be counted from: it is what it is.
                None if ecr != 0 => stamps_as_octets(&mut told),
                _ if ecr == 0 => {
                    self.echoes.zero = true;
                    if self.raw_zeros {
                        stamps_as_octets(&mut told);
                    }
                }
                Some((script, live)) => {
                    let script = ecr.wrapping_sub(live).wrapping_add(script);
                    self.echoes.never_sent |= !self.stamps.contains(&script);
                }
                None => {}
            }
        }
        let text = log::as_told(told, self.several).to_string();
        self.event(at, &text);
        Ok(())
    }

    /// An ICMP error about a segment of ours as a line; `Err` says why there is none.
    fn message(&mut self, at: Instant, packet: &Packet, direction: Direction) -> Result<(), String> {
        let ends = (self.ladder.socket(self.end), self.ladder.socket(self.end.peer()));
        let is_ours = direction == Direction::In && quoted_sockets(packet) == Some(ends);
        let local = self.flows.get(&ends).and_then(|flow| flow.origins.local);
        // The numbers that it quotes are ours.
        let told = live::packet(&packet.octets, direction, &Origins { remote: local, ..Origins::default() })?;
        if !is_ours || local.is_none() || self.several {
            return Err("it is no segment of TCP".into());
        }
        self.event(at, &log::as_told(told, false).to_string());
        Ok(())
    }

    fn event(&mut self, at: Instant, text: &str) {
        let _ = writeln!(self.events, "{} {text}", seconds(at.since(self.zero)));
    }

    fn comment(&mut self, text: &str) {
        let words: Vec<&str> = text.split_whitespace().collect();
        let _ = writeln!(self.events, "// {}", words.join(" "));
    }

    fn leave_out(&mut self, at: Instant, what: &str) {
        self.comment(&format!("not expressible: {what}"));
        self.left_out.push(LeftOut { at: Some(at.since(self.zero)), what: what.into() });
    }

    fn finish(mut self, settings: &Settings) -> Written {
        let last = self.ladder.entries().last().map_or(self.zero, |entry| entry.at);
        self.last_state(last);
        if self.events.lines().all(|line| line.starts_with("//")) {
            self.event(last, "%{ pass }%");
        }
        let others =
            settings.others.iter().map(|what| LeftOut { at: None, what: format!("the setting {what}") });
        self.left_out.splice(0..0, others);
        let text = self.text(settings);
        let (script, error) = match parse(&text, &[]) {
            Ok(script) => (script, None),
            Err(error) => {
                (Script::default(), Some(LeftOut { at: None, what: format!("all of it: {error}") }))
            }
        };
        self.left_out.extend(error);
        Written { script, text, left_out: self.left_out }
    }

    fn text(&self, settings: &Settings) -> String {
        let mut text = String::new();
        if settings.profile != "default" {
            let _ = writeln!(text, "// profile: {}", settings.profile);
        }
        let [own, peer] = [self.end, self.end.peer()].map(|end| self.ladder.socket(end));
        let name = if self.end == End::A { 'A' } else { 'B' };
        let _ = writeln!(
            text,
            "// What happened to end {name}, {own}, whose peer was {peer}. Times are those of the run."
        );
        for what in self.left_out.iter().filter(|left_out| left_out.at.is_none()) {
            let _ = writeln!(text, "// not expressible: {what}");
        }
        for option in &settings.options {
            let _ = writeln!(text, "{option}");
        }
        let _ = writeln!(
            text,
            "--strict_segments\n--tolerance_usecs=1\n--tolerance_percent=0\n--tcp_ts_tick_usecs=1000"
        );
        if self.several {
            let _ = writeln!(text, "--bind_port={}", own.port());
        }
        if self.echoes.never_sent {
            let _ = writeln!(text, "--tcp_ts_ecr_scaled");
        }
        text.push('\n');
        if !settings.sysctls.is_empty() {
            let _ = writeln!(text, "`sysctl -q {}`\n", settings.sysctls.join(" "));
        }
        text.push_str(&self.events);
        text
    }
}

fn timestamps(packet: &Packet) -> Option<(u32, u32)> {
    let ip = IpPacket::parse(&packet.octets, packet.octets.len()).ok()?;
    TcpSegment::parse(ip.payload, ip.payload_len).ok()?.options.timestamps()
}

/// Tells the timestamps of a line as the octets that they are.
fn stamps_as_octets(line: &mut script::Packet) {
    let script::Body::Tcp(tcp) = &mut line.body else { return };
    let OptionList::These(words) = &mut tcp.options else { return };
    for word in words {
        if let OptionWord::Timestamps { val: Some(val), ecr: Some(ecr) } = *word {
            let data = val.to_be_bytes().into_iter().chain(ecr.to_be_bytes()).collect();
            *word = OptionWord::Other { kind: 8, data };
        }
    }
}

/// `0.020000`, and to the nanosecond where it is needed.
fn seconds(at: Duration) -> String {
    match at.subsec_nanos() % 1_000 {
        0 => format!("{}.{:06}", at.as_secs(), at.subsec_micros()),
        _ => format!("{}.{:09}", at.as_secs(), at.subsec_nanos()),
    }
}

#[cfg(test)]
mod tests;
