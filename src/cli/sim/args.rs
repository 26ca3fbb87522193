//! What can be asked of `tcpstate sim`, and what it means for the ends and links.

use crate::cli::{Colour, Failure, units};
use clap::{Args, ValueEnum};
use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::Duration;
use tcpstate::Instant;
use tcpstate::sim::{
    BurstLoss, Ending, EndpointConfig, Limits, LinkConfig, Pair, Prng, Probability, Reorder, Sends,
};

const EXAMPLES: &str = "\
Examples:
  tcpstate sim --loss 2% --delay 40ms --rate 100mbit --bytes 10MB
                                           how long does it take, and what is sent again?
  tcpstate sim --close both --transitions t.jsonl
                                           both ends close at once: which states do they go through?
  tcpstate sim --burst-loss 1%,10 --seed 7 --pcap out.pcapng
                                           a capture to look at with tcpstate replay, or Wireshark

Times: 40ms 250us 1.5s 4min.  Shares: 2% 0.02.  Rates: 100mbit 1gbit.  Octets: 1500 10MB 64KiB.
docs/sim.md defines every word that is printed.

Exit codes: 0 all octets arrived and both ends closed in order; 1 they did not, or a file
cannot be written; 2 the command was not understood.";

/// Let two TCP machines talk over a simulated network: `a` calls `b`, sends, and both close
///
/// Time is virtual, and the same options and seed give the same packets to the octet.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct SimArgs {
    /// Octets that a sends to b
    #[arg(long, value_name = "OCTETS", default_value = "1MB")]
    pub(crate) bytes: String,
    /// What all luck comes from
    #[arg(long, value_name = "NUMBER", default_value = "1")]
    seed: String,

    /// How long a packet travels, each way
    #[arg(long, value_name = "TIME", default_value = "20ms", help_heading = "Network, the same in both directions")]
    delay: String,
    /// A packet may travel longer by anything up to this; the order stays
    #[arg(long, value_name = "TIME", default_value = "0", help_heading = "Network, the same in both directions")]
    jitter: String,
    /// Bits per second of whole packets [default: no limit]
    #[arg(long, value_name = "RATE", help_heading = "Network, the same in both directions")]
    rate: Option<String>,
    /// Octets that may wait where there is a rate; what finds no room is dropped
    #[arg(long, value_name = "OCTETS", default_value = "256KiB", help_heading = "Network, the same in both directions")]
    queue: String,
    /// How many packets are lost, each by itself
    #[arg(long, value_name = "SHARE", default_value = "0%", help_heading = "Network, the same in both directions")]
    loss: String,
    /// How many packets are lost in bursts, and the mean length of a burst [default length: 4]
    #[arg(long, value_name = "SHARE[,PACKETS]", help_heading = "Network, the same in both directions")]
    burst_loss: Option<String>,
    /// How many packets are held back, and for how long at most [default time: 10ms]
    #[arg(long, value_name = "SHARE[,TIME]", help_heading = "Network, the same in both directions")]
    reorder: Option<String>,
    /// How many packets arrive twice
    #[arg(long, value_name = "SHARE", default_value = "0%", help_heading = "Network, the same in both directions")]
    duplicate: String,
    /// How many packets are damaged on the way
    #[arg(long, value_name = "SHARE", default_value = "0%", help_heading = "Network, the same in both directions")]
    corrupt: String,
    /// Longer packets vanish on the way, and nobody says so [default: what --mtu says]
    #[arg(long, value_name = "OCTETS", help_heading = "Network, the same in both directions")]
    path_mtu: Option<String>,

    /// Who closes first: a when it has sent everything, b when it has read everything, or both in that moment
    #[arg(long, value_enum, default_value_t = Closer::A, help_heading = "Ends")]
    pub(crate) close: Closer,
    /// The longest IP packet that the ends send
    #[arg(long, value_name = "OCTETS", default_value = "1500", help_heading = "Ends")]
    mtu: String,
    /// Octets of the buffers for sending and receiving, and so of the largest window
    #[arg(long, value_name = "OCTETS", default_value = "1MiB", help_heading = "Ends")]
    window: String,
    /// How long TIME-WAIT lasts: 2·MSL
    #[arg(long, value_name = "TIME", default_value = "4min", help_heading = "Ends")]
    time_wait: String,
    /// IPv6 instead of IPv4
    #[arg(long, help_heading = "Ends")]
    ipv6: bool,

    /// Write what is sent to a pcapng file, as the sender's side sees it
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(crate) pcap: Option<PathBuf>,
    /// Write every change of a state to a file, a JSON object per line
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(crate) transitions: Option<PathBuf>,
    /// What to print
    #[arg(long, value_enum, default_value_t = SummaryFormat::Table, help_heading = "Output")]
    pub(crate) format: SummaryFormat,
    /// When to use colours
    #[arg(long, value_enum, default_value_t = Colour::Auto, help_heading = "Output")]
    pub(crate) color: Colour,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Closer {
    /// a, when it has sent everything
    A,
    /// b, when it has read everything
    B,
    /// Both, when b has read everything
    Both,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SummaryFormat {
    /// For people
    Table,
    /// One JSON object on one line
    Jsonl,
}

/// The same, understood.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    pub(super) seed: u64,
    pub(super) bytes: u64,
    pub(super) close: Closer,
    pub(super) link: LinkConfig,
    pub(super) ends: [EndpointConfig; 2],
}

/// Adds the option to what is wrong with its value.
fn option<T>(name: &str, value: Result<T, String>) -> Result<T, Failure> {
    value.map_err(|problem| Failure::Usage(format!("--{name}: {problem}")))
}

/// A number within its range.
fn number(name: &str, text: &str, range: std::ops::RangeInclusive<u64>) -> Result<u64, Failure> {
    let value = option(name, units::octets(text))?;
    if range.contains(&value) {
        return Ok(value);
    }
    let (least, most) = (range.start(), range.end());
    Err(Failure::Usage(format!("--{name}: {text:?} is not between {least} and {most} octets")))
}

/// A share and, behind a comma, something more.
fn share_and<T>(
    name: &str,
    text: &str,
    default: T,
    rest: impl FnOnce(&str) -> Result<T, String>,
) -> Result<(Probability, T), Failure> {
    let (share, more) = text.split_once(',').map_or((text, None), |(share, more)| (share, Some(more)));
    Ok((
        option(name, units::probability(share))?,
        more.map_or(Ok(default), |more| option(name, rest(more)))?,
    ))
}

impl SimArgs {
    pub(super) fn plan(&self) -> Result<Plan, Failure> {
        let seed = self.seed.trim().parse().map_err(|_| {
            Failure::Usage(format!("--seed: {:?} is not a whole number from 0 to {}", self.seed, u64::MAX))
        })?;
        let bytes = option("bytes", units::octets(&self.bytes))?;
        let (link, ends) = (self.link()?, self.ends(seed, bytes)?);
        Ok(Plan { seed, bytes, close: self.close, link, ends })
    }

    fn link(&self) -> Result<LinkConfig, Failure> {
        let mut link = LinkConfig::default();
        link.delay = option("delay", units::duration(&self.delay))?;
        link.jitter = option("jitter", units::duration(&self.jitter))?;
        link.rate = self.rate.as_deref().map(|text| option("rate", units::rate(text))).transpose()?;
        link.queue = option("queue", units::octets(&self.queue))?;
        link.loss = option("loss", units::probability(&self.loss))?;
        link.duplicate = option("duplicate", units::probability(&self.duplicate))?;
        link.corrupt = option("corrupt", units::probability(&self.corrupt))?;
        if let Some(text) = &self.burst_loss {
            let length = |text: &str| match text.trim().parse() {
                Ok(length @ 1..=1_000_000) => Ok(length),
                _ => Err(format!("{text:?} is no length of a burst: write packets, 1 to 1000000")),
            };
            let (loss, length) = share_and("burst-loss", text, 4, length)?;
            if loss > Probability::percent(50) {
                return Err(Failure::Usage(format!("--burst-loss: {text:?} is more than 50%")));
            }
            link.burst_loss = Some(BurstLoss::mean(loss, length));
        }
        if let Some(text) = &self.reorder {
            let (chance, hold) = share_and("reorder", text, Duration::from_millis(10), units::duration)?;
            link.reorder = Some(Reorder { chance, hold });
        }
        let path_mtu = match &self.path_mtu {
            Some(text) => number("path-mtu", text, 1..=65_535)?,
            None => 65_535,
        };
        link.mtu = u32::try_from(path_mtu).unwrap_or(u32::MAX);
        Ok(link)
    }

    fn ends(&self, seed: u64, bytes: u64) -> Result<[EndpointConfig; 2], Failure> {
        let mtu = number("mtu", &self.mtu, 1..=65_535)?;
        let window = number("window", &self.window, 1..=1 << 30)?;
        let time_wait = option("time-wait", units::duration(&self.time_wait))?;
        let (a, b) = if self.ipv6 {
            (SocketAddr::from(([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1], 49_152)), [0x2001, 0xdb8, 0, 0, 0, 0, 0, 2].into())
        } else {
            (SocketAddr::from(([192, 0, 2, 1], 49_152)), std::net::IpAddr::from([192, 0, 2, 2]))
        };
        let b = SocketAddr::new(b, 80);
        let mut luck = Prng::stream(seed, u64::MAX - 2);
        let mut ends = [a, b].map(|socket| {
            let mut end = EndpointConfig::new(socket);
            let single = &mut end.single;
            single.mtu = u16::try_from(mtu).unwrap_or(u16::MAX);
            single.send_buffer = usize::try_from(window).unwrap_or(usize::MAX);
            single.tcp.receive_window = u32::try_from(window).unwrap_or(u32::MAX);
            single.tcp.time_wait = time_wait;
            for octet in &mut end.secret {
                *octet = luck.next_u64() as u8;
            }
            end
        });
        let [caller, callee] = &mut ends;
        caller.remote = Some(b);
        caller.app.sends = Sends::Octets(bytes);
        (caller.app.ending, callee.app.ending) = match self.close {
            Closer::A => (Ending::CloseWhenSent, Ending::CloseAfterPeer),
            Closer::B => (Ending::CloseAfterPeer, Ending::CloseAfterReading(bytes)),
            Closer::Both => (Ending::WhenTold, Ending::WhenTold),
        };
        Ok(ends)
    }
}

impl Plan {
    /// Both ends and the links, ready to run.
    pub(super) fn pair(&self) -> Result<Pair, Failure> {
        let links = [self.link; 2];
        let mut pair =
            Pair::new(self.seed, self.ends, links).map_err(|error| Failure::Usage(error.to_string()))?;
        // Far more than any transfer takes that gets on: a segment, however small, is a few events, and is not sent
        // again more than a dozen times. Without delay and rate all of them happen at one moment.
        let mut limits = Limits::default();
        limits.events = self.bytes.saturating_add(10_000_000);
        limits.events_per_instant = limits.events;
        pair.world_mut().set_limits(limits);
        Ok(pair)
    }

    pub(super) fn rate(&self) -> Option<u64> {
        self.link.rate.map(NonZeroU64::get)
    }

    pub(super) const fn began(&self) -> Instant {
        Instant::ZERO
    }
}
