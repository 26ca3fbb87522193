//! The machine, packet by packet: scripts of what arrives, what is sent, when, and what the user calls.
//!
//! Modules follow the RFCs' sections; each test is named after its rule and cites where the rule stands.
//! `machine/words.rs` has the words of a script: `send!`, `refuse!`, `expect!`, `expect_none!`, `advance!`,
//! `call!`, `state!`, `closed!`. Each script is played twice: with sequence numbers and clocks in the middle
//! of their circles, and with all of them shortly before the wrap (RFC 9293 §3.4).
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a script that does not come true fails by panicking"
)]

mod machine {
    #[macro_use]
    mod words;
    mod script;

    mod arrival;
    mod as_linux;
    mod closing;
    mod congestion;
    mod delayed_ack;
    mod discarding;
    mod drop_reasons;
    mod ecn;
    mod ecn_response;
    mod fast_open;
    mod fast_retransmit;
    mod flight;
    mod freebsd;
    mod giving_up;
    mod keepalive;
    mod linux;
    mod network_errors;
    mod opening;
    mod opening_options;
    mod opening_timers;
    mod pacing;
    mod path_mtu;
    mod prr;
    mod rack;
    mod rfc2018;
    mod rfc2525;
    mod rfc5961;
    mod rfc6298;
    mod rfc7323;
    mod savage;
    mod scoreboard;
    mod self_tuning;
    mod sending;
    mod time_wait;
    mod tlp;
    mod undo;
    mod undo_bounds;
    mod urgent;
    mod window_probes;
    mod windows;
}
