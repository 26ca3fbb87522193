//! Scripts of the packetdrill language, run against a [`Host`](crate::host::Host) in virtual time.

mod expr;
mod from_ladder;
mod kernel;
mod lexer;
mod parse;
mod pattern;
mod profile;
mod report;
mod run;
pub mod script;
mod shell;

pub use from_ladder::{LeftOut, Written, from_ladder};
pub use parse::{ScriptError, parse};
pub use profile::{Personality, Profile, SysctlError, UnknownProfile};
pub use report::{Failure, Outcome, RunOptions, TraceEntry, Traced, Verdict};
pub use run::run;
