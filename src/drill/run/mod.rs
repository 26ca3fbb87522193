//! Running a script: virtual time, the packets both ways, the calls, and what is to come of them.
//!
//! | file | what |
//! |---|---|
//! | [`settings`] | the options at the top of a script |
//! | [`world`] | the host and its sockets in virtual time: what is due, what is sent, which calls wait |
//! | [`flows`] | which connection a packet belongs to, and what the numbers of a script are on the wire |
//! | [`build`], [`icmp`] | packets that arrive |
//! | [`live`], [`compare`], [`expect`] | packets that are sent, in the words of a script, against the lines that expect them |
//! | [`log`] | what has happened, to tell of a failure |
//!
//! # Time
//!
//! A script begins at 0. An event without a packet of ours happens at its time, after everything that is due until then.
//! A line with `>` takes the next packet that its connection sends, or has sent: it fails if that is earlier or later
//! than it says, by more than the tolerance. Relative times count from when the event before happened; for a packet of
//! ours that is when it was sent.
//!
//! # What is not checked
//!
//! Packets that no line takes; the echo of a timestamp; the value of one unless `--tcp_ts_tick_usecs` is given; of the IP
//! header what the line does not name; in the profile `linux` whether a full segment pushes.

mod build;
mod compare;
mod expect;
pub(super) mod flows;
mod icmp;
pub(super) mod live;
pub(super) mod log;
mod settings;
mod world;

use alloc::string::String;
use alloc::vec::Vec;

use settings::Settings;
use world::World;

use super::report::{Failure, Outcome, RunOptions, Verdict};
use super::script::Script;

/// Runs a script, and tells what came of it. The same script and options give the same outcome.
///
/// A script is stopped by the first thing that is not as it says, and by the first that there is not here; only what it
/// calls not fatal itself (`--non_fatal`) is noted and passed over. It can take no more than a certain work: a stack that
/// never comes to rest is a failure.
#[must_use]
pub fn run(script: &Script, options: &RunOptions) -> Outcome {
    let settings = match Settings::read(&script.options) {
        Ok(settings) => settings,
        Err(stop) => return Outcome { verdict: stop.verdict(), trace: Vec::new() },
    };
    let mut world = match World::new(settings, options) {
        Ok(world) => world,
        Err(stop) => return Outcome { verdict: stop.verdict(), trace: Vec::new() },
    };
    let verdict = match world.play(script) {
        Ok(()) => Verdict::Pass,
        Err(stop) => stop.verdict(),
    };
    let tell = options.record || verdict != Verdict::Pass;
    Outcome { verdict, trace: if tell { world.told() } else { Vec::new() } }
}

/// Why a script ends before its end.
#[derive(Debug)]
struct Stop {
    kind: Kind,
    failure: Failure,
}

/// What kind of event it was that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Packet,
    Call,
    Other,
    Unsupported,
}

impl Stop {
    fn new(kind: Kind, line: u32, message: impl Into<String>) -> Self {
        Self { kind, failure: Failure::new(line, message) }
    }

    fn fail(line: u32, message: impl Into<String>) -> Self {
        Self::new(Kind::Other, line, message)
    }

    fn unsupported(line: u32, name: impl Into<String>) -> Self {
        Self::new(Kind::Unsupported, line, name)
    }

    /// With what the script says, and what came.
    fn with(mut self, expected: Option<String>, got: Option<String>) -> Self {
        self.failure.expected = expected;
        self.failure.got = got;
        self
    }

    fn verdict(self) -> Verdict {
        match self.kind {
            Kind::Unsupported => Verdict::Unsupported(self.failure),
            _ => Verdict::Fail(self.failure),
        }
    }
}

#[cfg(test)]
mod tests;
