//! Every interleaving, within bounds: two ends of the machine as it ships, users who do what they like when they like,
//! and a network that loses, doubles and reorders. What is explored, and how far: docs/verification.md.
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]
#![allow(clippy::panic, unreachable_pub, missing_docs, reason = "nobody else uses it")]

#[path = "explore/mod.rs"]
mod explore;
