//! Simulated networks in virtual time: ends that talk, links that lose, and the same bytes for the same seed.
//!
//! A [`World`] holds nodes and the links between them. Nothing waits: time jumps from one deadline to the next.
//! What happens at the same moment happens in a fixed order, and all luck is drawn from one seed, so that a run
//! can be repeated to the octet, on any machine.
//!
//! | file | what |
//! |---|---|
//! | `world.rs` | the [`World`]: time, the order of events, bounds on both |
//! | `link.rs` | a [`Link`], one per direction: delay, jitter, rate, queue, loss, reordering, duplication, corruption, MTU |
//! | `node.rs` | what a world can drive: the trait [`Node`] |
//! | `endpoint.rs`, `app.rs` | a node that is a connection, and the user who sits on it |
//! | `pair.rs` | a [`Pair`] of ends: what most tests need |
//! | `host.rs` | a node that is a [`Host`](crate::host::Host) with its user: many connections, UDP, ICMP |
//! | `crowd.rs` | a node of many connections that share a link |
//! | `path.rs` | a [`Path`] by its round trip, rate and faults, and what a bulk transfer gets through it |
//! | `log.rs` | the states that machines went through, and the frames at which an onlooker can see it |
//! | `oracle.rs` | what must hold at every moment, whatever the network does |
//! | `prng.rs` | random numbers that a seed repeats |
//!
//! What a run finds wrong is a [`SimError`]: octets that were never sent, a deadline that stands still, packets
//! that call forth each other for ever. A run always ends.

mod app;
mod crowd;
mod endpoint;
mod host;
mod link;
mod log;
mod node;
mod oracle;
mod pair;
mod path;
mod prng;
mod world;

pub use app::{App, AppConfig, Ending, Pace, Sends};
pub use crowd::Crowd;
pub use endpoint::{Endpoint, EndpointConfig, EndpointStats};
pub use host::{HostNode, HostUser};
pub use link::{Arrival, BurstLoss, Link, LinkConfig, LinkDrop, LinkStats, Reorder};
pub use log::LogEntry;
pub use node::{Change, Node};
pub use oracle::{Fault, Pattern, Reader};
pub use pair::{Pair, Unfinished};
pub use path::{Bulk, Measured, Path, Span};
pub use prng::{Prng, Probability};
pub use world::{Fate, Happened, Limits, LinkId, NodeId, SentFrame, SimError, World};
