//! The `tcpstate` command.

#![forbid(unsafe_code)]

mod cli;

use clap::Parser;
use clap::error::ErrorKind;
use std::process::ExitCode;

fn main() -> ExitCode {
    let outcome = match command() {
        cli::Command::Replay(args) => cli::replay::run(&args),
        cli::Command::Sim(args) => cli::sim::run(&args),
        cli::Command::Drill(args) => cli::drill::run(&args),
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

/// What was asked for. A value that is not understood costs one line, and not a page.
fn command() -> cli::Command {
    match cli::Cli::try_parse() {
        Ok(cli) => cli.command,
        Err(error) if error.kind() == ErrorKind::ValueValidation => {
            let told = error.to_string();
            anstream::eprintln!("{}", told.lines().next().unwrap_or_default());
            std::process::exit(2);
        }
        Err(error) => error.exit(),
    }
}
