//! Races tcpstate against smoltcp and pktkit: what each gets of a simulated link, and what it costs.
//!
//! `docs/performance.md` says what is measured, and how to read it.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "cells are simulated on several cores, and real time is what races measure"
)]

mod bulk;
mod churn;
mod clock;
mod flood;
mod goodput;
mod memory;
mod race;
mod rr;
mod stack;
mod syn;
mod wire;

use bulk::BulkArgs;
use churn::ChurnArgs;
use clap::{Parser, Subcommand};
use flood::FloodArgs;
use goodput::GoodputArgs;
use memory::MemoryArgs;
use rr::RrArgs;
use std::process::ExitCode;

/// Races TCP stacks against each other.
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
    /// How fast one flow goes between two hosts in one thread
    Bulk(BulkArgs),
    /// How long an octet takes there and back on one flow, beside idle ones
    Rr(RrArgs),
    /// How long an octet takes there and back on any of many flows
    RrRandom(RrArgs),
    /// How many connections a second are opened, used and closed
    Churn(ChurnArgs),
    /// What a flow takes of memory: established, half-open, in TIME-WAIT
    Memory(MemoryArgs),
    /// What SYNs from nobody do to a transfer, and what they cost
    Flood(FloodArgs),
}

fn main() -> ExitCode {
    let done = match Args::parse().command {
        Command::Goodput(args) => goodput::run(&args).map(|()| ExitCode::SUCCESS),
        Command::Bulk(args) => Ok(bulk::run(&args)),
        Command::Rr(args) => Ok(rr::run(&args)),
        Command::RrRandom(args) => Ok(rr::run_random(&args)),
        Command::Churn(args) => Ok(churn::run(&args)),
        Command::Memory(args) => memory::run(&args),
        Command::Flood(args) => Ok(flood::run(&args)),
    };
    done.unwrap_or_else(|message| {
        eprintln!("peers: {message}");
        ExitCode::FAILURE
    })
}
