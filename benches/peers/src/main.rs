//! Goodput of tcpstate, smoltcp and pktkit over the same simulated paths, in virtual time.
//!
//! `docs/performance.md` says what is measured, and how to read it.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "cells are simulated on several cores, and progress is told in real time"
)]

mod clock;
mod goals;
mod goodput;
mod peer;
mod row;
mod table;

use clap::{Parser, Subcommand};
use goodput::GoodputArgs;
use std::process::ExitCode;

/// Compares stacks over simulated paths.
#[derive(Parser)]
#[command(name = "peers", version)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// The share of the link that a bulk transfer gets, over a grid of paths
    Goodput(GoodputArgs),
}

fn main() -> ExitCode {
    let Args { command: Command::Goodput(args) } = Args::parse();
    match goodput::run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("peers: {message}");
            ExitCode::FAILURE
        }
    }
}
