//! What the races have in common: contenders that take turns in one run, goals, and how results are printed.
//!
//! A computer that does other things as well, or changes its clock, does so for everybody: contenders do a little work
//! each in turn, round by round, and what counts is how they compare within a round. Time is that which the processor
//! has given to the thread, so that what others took of it does not count.

use clap::{Args, ValueEnum};
use std::process::ExitCode;
use std::time::Duration;

mod goal;
mod print;
mod rounds;
mod series;

pub(crate) use goal::{Bound, Goal, Pick};
pub(crate) use rounds::{Contender, alternate};
pub(crate) use series::{Key, Series, Unit};

#[derive(Args, Clone, Debug)]
pub(crate) struct RaceArgs {
    /// How to print the results; in `jsonl`, goals go to standard error
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// A short run of small numbers, to see that everything still works
    #[arg(long)]
    pub(crate) quick: bool,
    /// Rounds, of which the medians count [default: 15; 3 with --quick]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: Option<u16>,
    /// Milliseconds of work for each contender in a round [default: 100; 5 with --quick]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    turn_ms: Option<u16>,
    /// Only rows of this stack, or of this stack and API; may be given more than once
    #[arg(long = "peer", value_name = "PEER[/API]")]
    peers: Vec<String>,
    /// Exit with 1 when a goal is missed
    #[arg(long)]
    check: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Jsonl,
}

impl RaceArgs {
    pub(crate) fn rounds(&self) -> usize {
        self.rounds.unwrap_or(if self.quick { 3 } else { 15 }).into()
    }

    fn turn(&self) -> Duration {
        Duration::from_millis(self.turn_ms.unwrap_or(if self.quick { 5 } else { 100 }).into())
    }

    pub(crate) fn wants(&self, key: &Key) -> bool {
        let named = |wanted: &String| match wanted.split_once('/') {
            Some((peer, api)) => (peer, api) == (key.peer, key.api),
            None => wanted == key.peer,
        };
        self.peers.is_empty() || self.peers.iter().any(named)
    }

    /// Prints everything, and says how the program ends.
    pub(crate) fn report(&self, series: &[Series], goals: &[Goal]) -> ExitCode {
        let verdicts = goals.iter().filter_map(|goal| goal.judge(series)).collect::<Vec<_>>();
        match self.format {
            Format::Table => print!("{}\n{}", print::table(series), print::goals(&verdicts)),
            Format::Jsonl => {
                print!("{}", print::lines(series));
                eprint!("{}", print::goals(&verdicts));
            }
        }
        let missed = verdicts.iter().any(|verdict| !verdict.met());
        if self.check && missed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
    }
}
