//! Scripts of the packetdrill language, run against a [`Host`](crate::host::Host) in virtual time.

mod lexer;
mod parse;
mod pattern;
mod profile;
pub mod script;

pub use parse::{ScriptError, parse};
pub use profile::{Personality, Profile, UnknownProfile};
