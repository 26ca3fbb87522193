//! One connection in sequence space, without payload, addresses or wire formats: so far its states.
//!
//! | RFC 9293 | here |
//! |---|---|
//! | §3.3.2, Figure 5: states and transitions | [`state`] |
//!
//! The variables of §3.3.1 and the processing of §3.10 follow; the README says what is there today.

pub mod state;
