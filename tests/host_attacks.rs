//! What attackers do to a host, one by one, and what it may cost: memory, packets, connections, and the goodput of an
//! honest connection beside it.
//!
//! | attack | where |
//! |---|---|
//! | SYN flood, ACK flood to closed ports, port scan | `floods` |
//! | blind resets, SYNs and data; a forged report of the path's MTU; a connection from a socket to itself; an old five-tuple | `blind` |
//! | a window that stays shut, tiny segments, octets out of order, a crowd of orphans | `holding` |
//! | overlapping fragments, a flood of fragments | `pieces` |
//! | two hosts that answer each other | `loops` |

#![cfg(feature = "sim")]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may fail by panicking"
)]

#[path = "common/hosts.rs"]
mod hosts;

#[path = "host_attacks/beside.rs"]
mod beside;
#[path = "host_attacks/blind.rs"]
mod blind;
#[path = "host_attacks/floods.rs"]
mod floods;
#[path = "host_attacks/holding.rs"]
mod holding;
#[path = "host_attacks/loops.rs"]
mod loops;
#[path = "host_attacks/pieces.rs"]
mod pieces;
