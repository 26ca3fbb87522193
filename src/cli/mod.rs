//! The command line: what can be asked, and how failures are told.

pub(crate) mod drill;
pub(crate) mod replay;
pub(crate) mod sim;
pub(crate) mod states;
mod units;

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use tcpstate::replay::ReplayError;
use tcpstate::replay::report::text::Look;

const EXAMPLES: &str = "\
Examples:
  tcpstate replay file.pcap      what happened to each TCP connection of a capture
  tcpstate sim --loss 2%         two machines talk over a bad network, in virtual time
  tcpstate drill scripts/        packetdrill scripts against the library, in virtual time
  tcpstate states                the states, and every transition between them";

/// TCP connections as state transitions: read captures, simulate, run packetdrill scripts, print the state diagram.
#[derive(Debug, Parser)]
#[command(name = "tcpstate", version, propagate_version = true, after_help = EXAMPLES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Replay(ReplayArgs),
    Sim(Box<sim::SimArgs>),
    Drill(drill::DrillArgs),
    States(StatesArgs),
}

const REPLAY_EXAMPLES: &str = "\
Examples:
  tcpstate replay file.pcap                       a row for each TCP connection
  tcpstate replay --flow 0 file.pcap              one connection, packet by packet
  tcpstate replay --format jsonl file.pcap.gz     for programs: a JSON object per line
  tcpdump -U -w - | tcpstate replay --as-they-end --msl 1 -
                                                  live: connections as they end

Exit codes: 0 all was read; 1 the file is damaged or cut (what could be read is
reported, the fault is named on stderr); 2 the command was not understood.";

/// Tell the TCP states that both ends of each connection went through, and what went wrong
#[derive(Debug, Args)]
#[command(after_help = REPLAY_EXAMPLES)]
pub(crate) struct ReplayArgs {
    /// The capture: pcap or pcapng, plain or gzipped; `-` reads standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Tell the story of flow N, a line per packet
    #[arg(long, value_name = "N", conflicts_with = "as_they_end")]
    pub(crate) flow: Option<u64>,
    /// What to print
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,
    /// Print flows when they end instead of in order of first frame, and forget them
    ///
    /// A flow has ended when it is closed and its last frame is 2·MSL of capture time ago.
    #[arg(long)]
    pub(crate) as_they_end: bool,
    /// Maximum segment lifetime, in seconds or with a unit (500ms): TIME-WAIT lasts twice as long
    #[arg(long, value_name = "TIME", default_value = "120", value_parser = units::seconds)]
    pub(crate) msl: Duration,
    /// Memory for one open flow: octets out of order, and a history to compare repeats with
    #[arg(long, value_name = "MIB", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub(crate) memory: u32,
    /// When to use colours
    #[arg(long, value_enum, default_value_t = Colour::Auto)]
    pub(crate) color: Colour,
}

/// Print the TCP state diagram from the table that the library runs on
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  tcpstate states --format dot | dot -Tsvg > states.svg")]
pub(crate) struct StatesArgs {
    /// What to print
    #[arg(long, value_enum, default_value_t = Diagram::Table)]
    pub(crate) format: Diagram,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// A row for each flow, for people
    Table,
    /// A JSON object for each flow, then one for the totals
    Jsonl,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Diagram {
    /// Every transition as a row of text
    Table,
    /// A Mermaid state diagram
    Mermaid,
    /// A Graphviz graph
    Dot,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Colour {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// Columns of output that does not go to a terminal.
const PLAIN_WIDTH: usize = 100;
/// Below this nothing can be told in columns.
const MIN_WIDTH: usize = 66;
/// Above this lines are hard to follow.
const MAX_WIDTH: usize = 200;

impl Colour {
    /// How output to standard output is to look.
    pub(crate) fn look(self) -> Look {
        let colour = match self {
            Self::Auto => anstream::AutoStream::choice(&io::stdout()) != anstream::ColorChoice::Never,
            Self::Always => true,
            Self::Never => false,
        };
        let terminal = terminal_size::terminal_size_of(io::stdout()).map(|(width, _)| usize::from(width.0));
        let wished = || std::env::var("COLUMNS").ok()?.parse().ok();
        Look { width: terminal.or_else(wished).unwrap_or(PLAIN_WIDTH).clamp(MIN_WIDTH, MAX_WIDTH), colour }
    }
}

/// Why a command did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// What was asked for makes no sense for this input.
    #[error("{0}")]
    Usage(String),
    #[error("cannot write the output: {0}")]
    Output(#[from] io::Error),
    /// A file that was asked for cannot be written.
    #[error("{0}")]
    File(String),
    #[error("cannot keep the input in a temporary file: {0}")]
    Temporary(#[source] io::Error),
    #[error(transparent)]
    Replay(#[from] ReplayError),
}

impl Failure {
    pub(crate) fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Usage(_) => ExitCode::from(2),
            _ => ExitCode::FAILURE,
        }
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::Output(error.into())
    }
}
