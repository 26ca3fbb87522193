//! For every connection of a capture: who opened it, who closed it first, and who is left in TIME-WAIT.
//!
//! ```sh
//! cargo run --features pcap --example who_closed -- tests/captures/http10-per-request.pcapng
//! ```
//!
//! Under HTTP/1.0 the server closes after each answer, and TIME-WAIT piles up on its side; under HTTP/1.1 the
//! client keeps the connection and closes in the end. Try it with `http11-persistent.pcapng`.

use std::error::Error;
use std::path::PathBuf;
use tcpstate::State;
use tcpstate::capture;
use tcpstate::replay::{End, FlowReport, Replay, ReplayConfig};

fn main() -> Result<(), Box<dyn Error>> {
    let path: PathBuf = std::env::args_os().nth(1).ok_or("name a capture: pcap or pcapng")?.into();
    let mut capture = capture::open(&path)?;
    let mut replay = Replay::new(ReplayConfig::default());
    while let Some(frame) = capture.next_frame()? {
        replay.frame(&frame)?;
    }
    let mut finished = replay.finish()?;
    while let Some(flow) = finished.next_flow()? {
        println!("{}", describe(&flow));
    }
    Ok(())
}

fn describe(flow: &FlowReport) -> String {
    let socket = |end| match end {
        End::A => flow.a,
        End::B => flow.b,
    };
    // The first to leave by its own will is in one of two states next.
    let closes = |state| matches!(state, Some(State::FinWait1 | State::LastAck));
    let who = |found: Option<&tcpstate::replay::Observed>| {
        found.map_or("nobody that we saw".to_string(), |seen| socket(seen.end).to_string())
    };
    let opened = who(flow.transitions.iter().find(|seen| seen.state == Some(State::SynSent)));
    let closed = who(flow.transitions.iter().find(|seen| closes(seen.state)));
    let waits: Vec<_> = [End::A, End::B]
        .into_iter()
        .zip(flow.state)
        .filter(|(_, state)| *state == Some(State::TimeWait))
        .map(|(end, _)| socket(end).to_string())
        .collect();
    let waits = if waits.is_empty() { "nobody".to_string() } else { waits.join(" and ") };
    format!("opened by {opened}, closed first by {closed}; {waits} in TIME-WAIT")
}
