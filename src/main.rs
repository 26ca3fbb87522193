//! The `tcpstate` command.

#![forbid(unsafe_code)]

mod cli;

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    let outcome = match cli::Cli::parse().command {
        cli::Command::Replay(args) => cli::replay::run(&args),
        cli::Command::Sim(args) => cli::sim::run(&args),
        cli::Command::States(args) => cli::states::run(&args),
    };
    match outcome {
        Ok(code) => code,
        // Whoever reads our output has seen enough.
        Err(failure) if failure.is_broken_pipe() => ExitCode::SUCCESS,
        Err(failure) => {
            anstream::eprintln!("tcpstate: {failure}");
            failure.exit_code()
        }
    }
}
