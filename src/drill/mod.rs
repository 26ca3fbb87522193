//! Scripts of the packetdrill language, run against a [`Host`](crate::host::Host) in virtual time.

mod pattern;
mod profile;
pub mod script;

pub use profile::{Personality, Profile, UnknownProfile};
