//! What can be asked of `tcpstate drill`.

use super::Colour;
use clap::{Args, ValueEnum};
use std::path::PathBuf;
use tcpstate::drill::Profile;

const EXAMPLES: &str = "\
Examples:
  tcpstate drill handshake.pkt                     one script
  tcpstate drill --profile linux tests/            every *.pkt below a folder
  tcpstate drill -D MSS=1000 --format jsonl .      an object a line, for programs
  tcpstate drill --pcap run.pcapng handshake.pkt   packets, and lines as comments
  printf '0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3' | tcpstate drill -

A script chooses its profile by a comment in its first lines,
`// profile: linux`; --profile has the last word.

Exit codes: 0 no script failed (one that uses something that is not supported
has not failed: it is listed, and so is a misspelt call); 1 a script failed or
could not be read, or the capture not be written; 2 the command was not
understood, or there is no script.";

/// Run packetdrill scripts against the library, in virtual time: no root, no kernel, no waiting
///
/// Every packet has to be as the script expects it, and sent when it expects it; so has every result of a call.
///
/// What a script uses that is not supported is named, and never passed over.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct DrillArgs {
    /// Scripts, folders (every *.pkt in them and below, in order of their names), or `-` for standard input
    #[arg(value_name = "PATH", required = true)]
    pub(super) paths: Vec<PathBuf>,
    /// Whose defaults and system calls the scripts assume; without it what a script itself asks for, or default
    #[arg(long, value_enum, value_name = "PROFILE")]
    pub(super) profile: Option<ProfileName>,
    /// Put VALUE wherever a script has the word NAME; may be given more than once
    #[arg(short = 'D', long = "define", value_name = "NAME=VALUE", value_parser = definition)]
    pub(super) defines: Vec<(String, String)>,
    /// What to print
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(super) format: Format,
    /// Tell the packets and calls of every script, and not only the last ones before a failure
    #[arg(short, long)]
    pub(super) verbose: bool,
    /// Write the packets of the run, of one script only, with its lines as comments
    #[arg(long, value_name = "FILE")]
    pub(super) pcap: Option<PathBuf>,
    /// Threads; as many as there are processors if not given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,
    /// When to use colours
    #[arg(long, value_enum, default_value_t = Colour::Auto)]
    pub(super) color: Colour,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Failures in full, and numbers, for people
    Table,
    /// A JSON object for each script, then one for the numbers
    Jsonl,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProfileName {
    /// The library as it is if nobody asks for anything else
    Default,
    /// What scripts written for Linux assume
    Linux,
    /// What scripts written for FreeBSD assume
    Freebsd,
}

impl ProfileName {
    pub(super) fn profile(self) -> Profile {
        match self {
            Self::Default => Profile::library(),
            Self::Linux => Profile::linux(),
            Self::Freebsd => Profile::freebsd(),
        }
    }
}

impl DrillArgs {
    /// Threads for so many scripts.
    pub(super) fn jobs(&self, scripts: usize) -> usize {
        let there_are = || std::thread::available_parallelism().map_or(1, core::num::NonZero::get);
        self.jobs.map_or_else(there_are, usize::from).clamp(1, scripts.max(1))
    }
}

/// `NAME=VALUE`; the name is a word of the language.
fn definition(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or_else(|| format!("`{text}` is not NAME=VALUE"))?;
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) || !name.chars().all(word) {
        return Err(format!("`{name}` is no name: letters, digits and `_`, and no digit first"));
    }
    Ok((name.to_owned(), value.to_owned()))
}
