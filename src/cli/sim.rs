//! `tcpstate sim`

use super::units;
use super::{Failure, Format};
use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use tcpstate::capture::PcapngWriter;
use tcpstate::sim::{BurstLoss, Ending, EndpointConfig, LinkConfig, Pair, Probability, Reorder, Sends};

mod report;

/// LINKTYPE_RAW: the packet begins with its IP header.
const RAW_IP: u32 = 101;
/// The bar is moved on once in so many steps.
const STEPS_PER_TICK: u64 = 8_192;
/// Transfers below this are over before anybody could look at a progress bar.
const WORTH_A_BAR: u64 = 50_000_000;

const EXAMPLES: &str = "\
Examples:
  tcpstate sim                                    1 MB over a good path
  tcpstate sim --loss 2% --delay 40ms --rate 100mbit --bytes 10MB --seed 7
                                                  a bad one; the same again with the same seed
  tcpstate sim --loss 2% --pcap out.pcapng        what an onlooker at both ends captures,
  tcpstate replay out.pcapng                      and what can be told from it
  tcpstate sim --transitions t.jsonl              the states that both machines went through

Times: ns us ms s min h. Rates: bit kbit mbit gbit. Sizes: B kB MB GB KiB MiB GiB. Shares: 2% or 0.02.
Exit codes: 0 everything arrived and both ends closed; 1 it did not (stderr says why); 2 the command was
not understood.";

/// Let two machines talk over a simulated network, in virtual time: the same seed is the same run, octet by octet
///
/// `a` calls `b`. Delay, loss and the like hold in both directions.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct SimArgs {
    /// What `a` sends to `b`
    #[arg(long, value_name = "SIZE", default_value = "1MB", value_parser = units::octets)]
    bytes: u64,
    /// What `b` sends to `a`
    #[arg(long, value_name = "SIZE", default_value = "0", value_parser = units::octets)]
    back: u64,
    /// All luck comes from it
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// How long a packet travels, one way
    #[arg(long, value_name = "TIME", default_value = "10ms", value_parser = units::duration)]
    delay: Duration,
    /// A packet may travel longer by up to this; it overtakes none
    #[arg(long, value_name = "TIME", default_value = "0", value_parser = units::duration)]
    jitter: Duration,
    /// What the link carries; without it there is no limit and no queue
    #[arg(long, value_name = "RATE", value_parser = units::rate)]
    rate: Option<NonZeroU64>,
    /// What may wait while the link is busy; the rest is dropped
    #[arg(long, value_name = "SIZE", default_value = "256KiB", value_parser = units::octets)]
    queue: u64,
    /// How many packets are lost, each by itself
    #[arg(long, value_name = "SHARE", default_value = "0", value_parser = units::probability)]
    loss: Probability,
    /// How many packets are lost in bursts
    #[arg(long, value_name = "SHARE", value_parser = units::probability)]
    burst_loss: Option<Probability>,
    /// How many packets a burst takes on average
    #[arg(long, value_name = "PACKETS", default_value_t = 5, requires = "burst_loss")]
    burst_length: u32,
    /// How many packets are held back so that others overtake them
    #[arg(long, value_name = "SHARE", value_parser = units::probability)]
    reorder: Option<Probability>,
    /// For how long they are held back at most; without it a quarter of the round trip
    #[arg(long, value_name = "TIME", value_parser = units::duration, requires = "reorder")]
    reorder_by: Option<Duration>,
    /// How many packets arrive twice
    #[arg(long, value_name = "SHARE", default_value = "0", value_parser = units::probability)]
    duplicate: Probability,
    /// How many packets arrive damaged
    #[arg(long, value_name = "SHARE", default_value = "0", value_parser = units::probability)]
    corrupt: Probability,
    /// The largest packet that both ends send
    #[arg(long, value_name = "OCTETS", default_value_t = 1500, value_parser = clap::value_parser!(u16).range(128..))]
    mtu: u16,
    /// The largest packet that the path carries; larger ones vanish
    #[arg(long, value_name = "OCTETS", value_parser = clap::value_parser!(u32).range(68..))]
    path_mtu: Option<u32>,
    /// Buffer for each stream at each end: the largest window
    #[arg(long, value_name = "SIZE", default_value = "4MiB", value_parser = units::octets)]
    window: u64,
    /// The shortest retransmission timeout (RFC 6298 has 1 s)
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = units::duration)]
    min_rto: Duration,
    /// How long TIME-WAIT lasts: 2·MSL
    #[arg(long, value_name = "TIME", default_value = "240s", value_parser = units::duration)]
    time_wait: Duration,
    /// Who closes first
    #[arg(long, value_enum, default_value_t = Closer::A)]
    close: Closer,
    /// IPv6 instead of IPv4
    #[arg(long)]
    ipv6: bool,
    /// Write what both ends send to a capture; a packet that is lost on the way is in it too
    #[arg(long, value_name = "FILE")]
    pcap: Option<PathBuf>,
    /// Write the transitions of both machines, a JSON object per line
    #[arg(long, value_name = "FILE")]
    transitions: Option<PathBuf>,
    /// What to print
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Closer {
    /// The end that has called
    A,
    /// The end that was called
    B,
    /// Each when it has sent everything
    Both,
}

pub(crate) fn run(args: &SimArgs) -> Result<ExitCode, Failure> {
    let link = args.link();
    let mut pair = Pair::new(args.seed, args.ends(), [link; 2])
        .map_err(|error| Failure::Usage(format!("cannot simulate that: {error}")))?;
    pair.world_mut().record_frames(args.pcap.is_some());
    let mut capture = args.pcap.as_deref().map(Capture::create).transpose()?;
    let mut transitions = args.transitions.as_deref().map(create).transpose()?;
    let bar = bar(args.bytes.saturating_add(args.back));
    let mut steps = 0_u64;
    let went = loop {
        let stepped = pair.step();
        while let Some(frame) = pair.world_mut().poll_frame() {
            if let Some(capture) = &mut capture {
                capture.write(&frame)?;
            }
        }
        while let Some(change) = pair.world_mut().poll_change() {
            if let Some((path, output)) = &mut transitions {
                report::transition(output, &change).map_err(|error| cannot_write(path, &error))?;
            }
        }
        steps += 1;
        if steps.is_multiple_of(STEPS_PER_TICK) {
            bar.set_position(pair.read().iter().sum());
        }
        match stepped {
            Ok(Some(_)) => {}
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    bar.finish_and_clear();
    if let Some(capture) = capture {
        capture.finish()?;
    }
    if let Some((path, mut output)) = transitions {
        output.flush().map_err(|error| cannot_write(&path, &error))?;
    }
    let summary = report::Summary::new(args, &pair);
    let mut output = BufWriter::new(io::stdout().lock());
    match args.format {
        Format::Table => summary.table(&mut output)?,
        Format::Jsonl => summary.json(&mut output)?,
    }
    output.flush()?;
    let failure = match went {
        Err(error) => Some(error.to_string()),
        Ok(()) => pair.finished().err().map(|unfinished| unfinished.to_string()),
    };
    Ok(match failure {
        Some(why) => {
            anstream::eprintln!("tcpstate: the transfer was not completed: {why}");
            ExitCode::FAILURE
        }
        None => ExitCode::SUCCESS,
    })
}

impl SimArgs {
    fn link(&self) -> LinkConfig {
        let mut link = LinkConfig::default();
        (link.delay, link.jitter, link.rate, link.queue) = (self.delay, self.jitter, self.rate, self.queue);
        (link.loss, link.duplicate, link.corrupt) = (self.loss, self.duplicate, self.corrupt);
        link.burst_loss = self.burst_loss.map(|loss| BurstLoss::mean(loss, self.burst_length));
        let hold = self.reorder_by.unwrap_or(self.delay / 2);
        link.reorder = self.reorder.map(|chance| Reorder { chance, hold });
        link.mtu = self.path_mtu.unwrap_or(link.mtu);
        link
    }

    fn ends(&self) -> [EndpointConfig; 2] {
        let sockets = if self.ipv6 {
            ["[2001:db8::1]:49152", "[2001:db8::2]:80"]
        } else {
            ["192.0.2.1:49152", "192.0.2.2:80"]
        };
        let [a, b] = sockets.map(|socket| socket.parse().unwrap_or(SocketAddr::from(([192, 0, 2, 1], 1))));
        let (first, then) = (Ending::ShutdownWhenSent, Ending::CloseAfterPeer);
        let endings = match self.close {
            Closer::A => [first, then],
            Closer::B => [then, first],
            Closer::Both => [first, first],
        };
        let sizes = [self.bytes, self.back];
        let mut ends = [EndpointConfig::new(a), EndpointConfig::new(b)];
        for (number, ((end, ending), size)) in ends.iter_mut().zip(endings).zip(sizes).enumerate() {
            end.remote = (number == 0).then_some(b);
            end.secret = secret(self.seed, number);
            let window = usize::try_from(self.window).unwrap_or(usize::MAX);
            end.single.mtu = self.mtu;
            // Bookkeeping counts too: room for it beside the octets.
            end.single.send_buffer = window.saturating_add(window / 8);
            end.single.tcp.receive_window = u32::try_from(self.window).unwrap_or(u32::MAX);
            end.single.tcp.min_rto = self.min_rto;
            end.single.tcp.time_wait = self.time_wait;
            end.app.sends = Sends::Octets(size);
            end.app.ending = ending;
        }
        ends
    }
}

/// Another one for each seed and each end.
fn secret(seed: u64, end: usize) -> [u8; 32] {
    let mut secret = [end as u8; 32];
    secret.iter_mut().zip(seed.to_be_bytes()).for_each(|(place, octet)| *place = octet);
    secret
}

fn bar(octets: u64) -> ProgressBar {
    let target =
        if octets < WORTH_A_BAR { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
    let bar = ProgressBar::with_draw_target(Some(octets), target);
    if let Ok(style) = ProgressStyle::with_template("{bytes} of {total_bytes} {wide_bar} {eta} to go") {
        bar.set_style(style);
    }
    bar
}

type Lines = (PathBuf, BufWriter<File>);

fn create(path: &Path) -> Result<Lines, Failure> {
    let file = File::create(path).map_err(|error| cannot_write(path, &error))?;
    Ok((path.to_path_buf(), BufWriter::new(file)))
}

fn cannot_write(path: &Path, error: &dyn std::error::Error) -> Failure {
    Failure::File(format!("cannot write {}: {error}", path.display()))
}

/// What is sent, on its way to a file.
struct Capture {
    path: PathBuf,
    writer: PcapngWriter<File>,
}

impl Capture {
    fn create(path: &Path) -> Result<Self, Failure> {
        let file = File::create(path).map_err(|error| cannot_write(path, &error))?;
        let writer = PcapngWriter::new(file, &[RAW_IP]).map_err(|error| cannot_write(path, &error))?;
        Ok(Self { path: path.to_path_buf(), writer })
    }

    fn write(&mut self, frame: &tcpstate::sim::SentFrame) -> Result<(), Failure> {
        let len = u32::try_from(frame.packet.len()).unwrap_or(u32::MAX);
        let written = self.writer.write_frame(frame.time, RAW_IP, &frame.packet, len, None);
        written.map_err(|error| cannot_write(&self.path, &error))
    }

    fn finish(self) -> Result<(), Failure> {
        self.writer.finish().map_err(|error| cannot_write(&self.path, &error))?;
        Ok(())
    }
}
