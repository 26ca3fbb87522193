//! What can be asked of `tcpstate sim`, and what it means for the ends and links.

use crate::cli::{Failure, units};
use clap::{Args, ValueEnum};
use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tcpstate::sim::{BurstLoss, Ending, EndpointConfig, Limits, LinkConfig, Probability, Reorder, Sends};
use tcpstate::tcp::{CongestionAlgorithm, Ecn};

mod command;

const EXAMPLES: &str = "\
Examples:
  tcpstate sim                                    1 MB over a good path
  tcpstate sim --loss 2% --delay 40ms --rate 100mbit --bytes 10MB --seed 7
                                                  a bad one; the same again with the same seed
  tcpstate sim --loss 2% --pcap out.pcapng        what an onlooker at both ends captures,
  tcpstate replay out.pcapng                      and what can be told from it
  tcpstate sim --close both --transitions t.jsonl the states that both machines went through
  tcpstate sim --loss 1% --rate 10mbit --svg out.svg
                                                  a picture of what was sent when, and why

Times: ns us ms s min h. Rates: bit kbit mbit gbit. Sizes: B kB MB GB KiB MiB GiB.
Shares: 2% or 0.02.

Exit codes: 0 everything arrived and both ends closed; 1 it did not (stderr says why);
2 the command was not understood. docs/sim.md defines every word that is printed.";

const NETWORK: &str = "Network, the same in both directions";
const ENDS: &str = "Ends";
const OUTPUT: &str = "Output";

/// Let two machines talk over a simulated network, in virtual time; a seed is a run
///
/// The same seed and options give the same packets at the same times, octet by octet.
///
/// `a` calls `b`, and both close when everything has arrived.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct SimArgs {
    /// What `a` sends to `b`
    #[arg(long, value_name = "SIZE", default_value = "1MB", value_parser = units::octets)]
    pub(super) bytes: u64,
    /// What `b` sends to `a`
    #[arg(long, value_name = "SIZE", default_value = "0", value_parser = units::octets)]
    pub(super) back: u64,
    /// All luck comes from it
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(super) seed: u64,
    /// How long a packet travels, one way
    #[arg(help_heading = NETWORK, long, value_name = "TIME", default_value = "10ms", value_parser = units::duration)]
    delay: Duration,
    /// A packet may travel longer by up to this; it overtakes none
    #[arg(help_heading = NETWORK, long, value_name = "TIME", default_value = "0", value_parser = units::duration)]
    jitter: Duration,
    /// What the link carries; without it there is no limit and no queue
    #[arg(help_heading = NETWORK, long, value_name = "RATE", value_parser = units::rate)]
    pub(super) rate: Option<NonZeroU64>,
    /// What may wait while the link is busy; the rest is dropped
    #[arg(help_heading = NETWORK, long, value_name = "SIZE", default_value = "256KiB", value_parser = units::octets, requires = "rate")]
    queue: u64,
    /// Packets that wait with more than this are marked (RFC 3168), if the ends use ECN
    #[arg(help_heading = NETWORK, long, value_name = "SIZE", value_parser = units::octets, requires = "rate")]
    mark_above: Option<u64>,
    /// How many packets are lost, each by itself
    #[arg(help_heading = NETWORK, long, value_name = "SHARE", default_value = "0", value_parser = units::probability)]
    loss: Probability,
    /// How many packets are lost in bursts
    #[arg(help_heading = NETWORK, long, value_name = "SHARE", value_parser = burst_loss)]
    burst_loss: Option<Probability>,
    /// How many packets a burst takes on average
    #[arg(help_heading = NETWORK, long, value_name = "PACKETS", default_value_t = 5, requires = "burst_loss", value_parser = clap::value_parser!(u32).range(1..))]
    burst_length: u32,
    /// How many packets are held back so that others overtake them
    #[arg(help_heading = NETWORK, long, value_name = "SHARE", value_parser = units::probability)]
    reorder: Option<Probability>,
    /// For how long they are held back at most; without it half of the delay
    #[arg(help_heading = NETWORK, long, value_name = "TIME", value_parser = units::duration, requires = "reorder")]
    reorder_by: Option<Duration>,
    /// How many packets arrive twice
    #[arg(help_heading = NETWORK, long, value_name = "SHARE", default_value = "0", value_parser = units::probability)]
    duplicate: Probability,
    /// How many packets arrive damaged
    #[arg(help_heading = NETWORK, long, value_name = "SHARE", default_value = "0", value_parser = units::probability)]
    corrupt: Probability,
    /// The largest packet that both ends send
    #[arg(help_heading = ENDS, long, value_name = "OCTETS", default_value_t = 1500, value_parser = clap::value_parser!(u16).range(128..))]
    mtu: u16,
    /// The largest packet that the path carries; larger ones vanish
    ///
    /// The ends get along with 552 and more (IPv6: 1280).
    #[arg(help_heading = NETWORK, long, value_name = "OCTETS", value_parser = clap::value_parser!(u32).range(68..))]
    path_mtu: Option<u32>,
    /// Buffer for each stream at each end: the largest window
    #[arg(help_heading = ENDS, long, value_name = "SIZE", default_value = "4MiB", value_parser = window)]
    window: u64,
    /// The shortest retransmission timeout (RFC 6298 has 1 s)
    #[arg(help_heading = ENDS, long, value_name = "TIME", default_value = "1s", value_parser = timeout)]
    min_rto: Duration,
    /// How long TIME-WAIT lasts: 2·MSL
    #[arg(help_heading = ENDS, long, value_name = "TIME", default_value = "240s", value_parser = units::duration)]
    time_wait: Duration,
    /// How both ends find out how much the path takes
    #[arg(help_heading = ENDS, long, value_enum, default_value_t = Algorithm::Cubic)]
    congestion: Algorithm,
    /// Send what may be sent at once instead of spreading it over the round trip
    #[arg(help_heading = ENDS, long)]
    no_pacing: bool,
    /// Explicit congestion notification, the same at both ends
    #[arg(help_heading = ENDS, long, value_enum, default_value_t = EcnChoice::Accept)]
    ecn: EcnChoice,
    /// Who closes first
    #[arg(help_heading = ENDS, long, value_enum, default_value_t = Closer::A)]
    pub(super) close: Closer,
    /// IPv6 instead of IPv4
    #[arg(help_heading = ENDS, long)]
    ipv6: bool,
    /// Write what both ends send to a capture; a packet that is lost on the way is in it too
    #[arg(help_heading = OUTPUT, long, value_name = "FILE")]
    pub(super) pcap: Option<PathBuf>,
    /// Write the transitions of both machines, a JSON object per line
    #[arg(help_heading = OUTPUT, long, value_name = "FILE")]
    pub(super) transitions: Option<PathBuf>,
    /// Draw what was sent when, and why: sequence numbers, windows and round trips over time
    #[arg(help_heading = OUTPUT, long, value_name = "FILE")]
    pub(super) svg: Option<PathBuf>,
    /// Draw only what happened after this time, in more detail
    #[arg(help_heading = OUTPUT, long, value_name = "TIME", default_value = "0", value_parser = units::duration, requires = "svg")]
    svg_from: Duration,
    /// Draw only what happened before this time
    #[arg(help_heading = OUTPUT, long, value_name = "TIME", value_parser = units::duration, requires = "svg")]
    svg_to: Option<Duration>,
    /// What to print
    #[arg(help_heading = OUTPUT, long, value_enum, default_value_t = SummaryFormat::Table)]
    pub(super) format: SummaryFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SummaryFormat {
    /// For people
    Table,
    /// A JSON object on one line
    Jsonl,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Algorithm {
    /// RFC 9438, with HyStart++ (RFC 9406)
    Cubic,
    /// RFC 5681
    #[value(name = "newreno")]
    NewReno,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum EcnChoice {
    /// Never
    Off,
    /// Where the other end asks for it: nobody does then
    Accept,
    /// `a` asks for it, and `b` agrees
    Request,
}

impl EcnChoice {
    const fn setting(self) -> Ecn {
        match self {
            Self::Off => Ecn::Off,
            Self::Accept => Ecn::Accept,
            Self::Request => Ecn::Request,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Closer {
    /// `a`, when it has sent everything
    A,
    /// `b`, when it has sent and read everything
    B,
    /// Both at the same moment, when both have read everything
    Both,
}

/// A window of nothing carries nothing, and a header can tell of no more than 1 GiB (RFC 7323 §2.2).
fn window(text: &str) -> Result<u64, String> {
    match units::octets(text)? {
        window @ 1..=0x4000_0000 => Ok(window),
        _ => Err(format!("`{text}` is no window: at least 1 octet, and at most 1GiB")),
    }
}

fn timeout(text: &str) -> Result<Duration, String> {
    match units::duration(text)? {
        timeout if timeout >= Duration::from_millis(1) => Ok(timeout),
        _ => Err(format!("`{text}` is too short: at least 1ms")),
    }
}

fn burst_loss(text: &str) -> Result<Probability, String> {
    match units::probability(text)? {
        loss if loss <= Probability::percent(50) => Ok(loss),
        _ => Err(format!("`{text}` is too much: at most 50%")),
    }
}

impl SimArgs {
    /// Two outputs in one file would spoil each other; and standard output has the summary.
    pub(super) fn check_files(&self) -> Result<(), Failure> {
        let files = [(&self.pcap, "capture"), (&self.transitions, "transitions"), (&self.svg, "picture")];
        let files = files.map(|(file, role)| Some((file.as_deref()?, role)));
        if files.iter().flatten().any(|(path, _)| path.as_os_str() == "-") {
            let options = "--pcap, --transitions and --svg";
            return Err(Failure::Usage(format!("{options} want the name of a file, and not `-`")));
        }
        let mut seen: Vec<(&Path, &str)> = Vec::new();
        for (path, role) in files.into_iter().flatten() {
            if let Some((_, other)) = seen.iter().find(|(seen, _)| place(seen) == place(path)) {
                return Err(Failure::Usage(format!("{} cannot be both {other} and {role}", path.display())));
            }
            seen.push((path, role));
        }
        if self.svg_to.is_some_and(|to| to <= self.svg_from) {
            return Err(Failure::Usage("--svg-to has to be later than --svg-from".into()));
        }
        Ok(())
    }

    /// From when to when to draw, in nanoseconds.
    pub(super) fn svg_span(&self) -> (u64, u64) {
        let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        (nanos(self.svg_from), self.svg_to.map_or(u64::MAX, nanos))
    }

    /// Far more events than any transfer takes that gets on: a segment is a few, and is sent again a few times.
    pub(super) fn limits(&self) -> Limits {
        let mut limits = Limits::default();
        let octets = self.bytes.saturating_add(self.back);
        limits.events = limits.events.saturating_add(octets);
        // Without delay and rate all of them happen at one moment.
        limits.events_per_instant = limits.events;
        limits
    }

    pub(super) fn link(&self) -> LinkConfig {
        let mut link = LinkConfig::default();
        (link.delay, link.jitter, link.rate, link.queue) = (self.delay, self.jitter, self.rate, self.queue);
        link.mark_above = self.mark_above;
        (link.loss, link.duplicate, link.corrupt) = (self.loss, self.duplicate, self.corrupt);
        link.burst_loss = self.burst_loss.map(|loss| BurstLoss::mean(loss, self.burst_length));
        let hold = self.reorder_by.unwrap_or(self.delay / 2);
        link.reorder = self.reorder.map(|chance| Reorder { chance, hold });
        link.mtu = self.path_mtu.unwrap_or(link.mtu);
        link
    }

    pub(super) fn ends(&self) -> [EndpointConfig; 2] {
        let sockets = if self.ipv6 {
            ["[2001:db8::1]:49152", "[2001:db8::2]:9"]
        } else {
            ["192.0.2.1:49152", "192.0.2.2:9"]
        };
        let [a, b] = sockets.map(|socket| socket.parse().unwrap_or(SocketAddr::from(([192, 0, 2, 1], 1))));
        let endings = match self.close {
            Closer::A => [Ending::ShutdownWhenSent, Ending::CloseAfterPeer],
            Closer::B => [Ending::CloseAfterPeer, Ending::CloseAfterReading(self.bytes)],
            Closer::Both => [Ending::WhenTold; 2],
        };
        let sizes = [self.bytes, self.back];
        let mut ends = [EndpointConfig::new(a), EndpointConfig::new(b)];
        for (number, ((end, ending), size)) in ends.iter_mut().zip(endings).zip(sizes).enumerate() {
            end.remote = (number == 0).then_some(b);
            end.secret = secret(self.seed, number);
            let window = usize::try_from(self.window).unwrap_or(usize::MAX);
            end.single.mtu = self.mtu;
            // Both buffers begin small, as everywhere, and may become as large as this. Bookkeeping counts too: room
            // for it beside the octets.
            end.single.send_buffer_max = window.saturating_add(window / 8);
            end.single.send_buffer = end.single.send_buffer.min(end.single.send_buffer_max);
            let tcp = &mut end.single.tcp;
            tcp.receive_window_max = u32::try_from(self.window).unwrap_or(u32::MAX);
            tcp.receive_window = tcp.receive_window.min(tcp.receive_window_max);
            end.single.tcp.min_rto = self.min_rto;
            end.single.tcp.time_wait = self.time_wait;
            end.single.tcp.pacing = !self.no_pacing;
            end.single.tcp.congestion = match self.congestion {
                Algorithm::Cubic => CongestionAlgorithm::Cubic,
                Algorithm::NewReno => CongestionAlgorithm::NewReno,
            };
            end.single.tcp.ecn = self.ecn.setting();
            end.app.sends = Sends::Octets(size);
            end.app.ending = ending;
        }
        ends
    }
}

/// Where a file is or will be, however it is written.
fn place(path: &Path) -> PathBuf {
    let there = path.canonicalize().or_else(|_| {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Ok::<_, std::io::Error>(folder.canonicalize()?.join(path.file_name().unwrap_or_default()))
    });
    there.unwrap_or_else(|_| path.to_path_buf())
}

/// Another one for each seed and each end.
fn secret(seed: u64, end: usize) -> [u8; 32] {
    let mut secret = [end as u8; 32];
    secret.iter_mut().zip(seed.to_be_bytes()).for_each(|(place, octet)| *place = octet);
    secret
}
