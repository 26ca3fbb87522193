//! Loss recovery over whole paths, in virtual time: each test has a path, a misfortune and a bound.
//!
//! `recovery/path.rs` has the path: two ends, a bottleneck between them, and a hand that loses chosen packets. What is
//! left to luck is run with several seeds; every bound says where it comes from. The rules packet by packet are in
//! `tests/machine`.

#![cfg(feature = "sim")]
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

mod recovery {
    mod path;

    mod acks;
    mod bursts;
    mod idle;
    mod lost_again;
    mod plain;
    mod random;
    mod reneging;
    mod reordering;
    mod spikes;
    mod tail;
}
