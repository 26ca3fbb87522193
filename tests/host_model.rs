//! Random programs on several hosts, against pipes of octets as the reference.
//!
//! Two to four hosts of both versions of IP listen, connect, send, read, shut down, close, abort and release while the
//! network loses, reorders, repeats, damages and holds back packets; then the network becomes perfect, everybody says
//! what is left to say, and everything has to come to its end. What is checked on the way is in `checks` and `ends`:
//!
//! - what is read is what the other end of that very connection has sent, from its first octet on and without a gap;
//!   the end of the stream comes behind all of it, and not before somebody has said so;
//! - readers and writers act on events alone, so that a lost wake-up is a connection that never ends; an event does not
//!   come again before a call has answered that there is nothing;
//! - an id names one connection and then nothing, and events carry the mark of their connection;
//! - every limit holds, `poll_timeout` is exact, and no moment goes on for ever.
//!
//! One seed is one run. `HOST_MODEL_SEED=17 cargo test --features sim --test host_model repeat -- --nocapture` repeats
//! one and tells it step by step.

#![cfg(feature = "sim")]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may fail by panicking"
)]

#[path = "host_model/ends.rs"]
mod ends;
#[path = "host_model/net.rs"]
mod net;
#[path = "host_model/program.rs"]
mod program;
#[path = "host_model/world.rs"]
mod world;

use std::collections::BTreeMap;
use std::ops::Range;

use world::{Report, World};

/// Names the seed of a run that fails.
struct Seed(u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("to repeat it: HOST_MODEL_SEED={}", self.0);
        }
    }
}

/// Runs the program of one seed.
fn run(seed: u64, tells: bool) -> Report {
    let _seed = Seed(seed);
    let scene = program::scene(seed);
    let mut world = World::new(seed, &scene, tells);
    program::play(&mut world, &scene, seed);
    world.finish()
}

/// Runs a part of the seeds, and says what happened how often.
fn run_all(seeds: Range<u64>) -> BTreeMap<&'static str, u64> {
    let mut counts = BTreeMap::new();
    for seed in seeds {
        for (what, count) in run(seed, false).counts {
            *counts.entry(what).or_insert(0) += count;
        }
    }
    counts
}

/// What the programs are to reach: at least this often in 1,000 of them.
const REACHED: [(&str, u64); 21] = [
    ("octets heard", 20_000_000),
    ("ends of streams", 2_000),
    ("all arrived", 2_000),
    ("broken", 2_000),
    ("opened passively", 2_000),
    ("looped", 50_000),
    ("resets for closed ports", 1_000),
    ("answers withheld", 1_000),
    ("refused for memory", 100),
    ("orphans reset", 100),
    ("released by force", 500),
    ("half-open evicted", 100),
    ("half-open timed out", 50),
    ("backlog full", 500),
    ("cookies accepted", 100),
    ("waits", 1_000),
    ("waits cut short", 100),
    ("opened anew in TIME-WAIT", 20),
    ("large packets", 1_000),
    ("reneged", 5),
    ("opened early", 30),
];

/// The tests of this file run side by side: each takes a part.
fn programs_come_to_their_end(seeds: Range<u64>) {
    let thousands = (seeds.end - seeds.start) / 1_000;
    let counts = run_all(seeds);
    for (what, least) in REACHED {
        assert!(
            counts[what] >= least * thousands,
            "{what} happened too seldom to prove anything: {counts:#?}"
        );
    }
}

#[test]
fn programs_of_the_first_part_come_to_their_end() {
    programs_come_to_their_end(0..1_000);
}

#[test]
fn programs_of_the_second_part_come_to_their_end() {
    programs_come_to_their_end(1_000..2_000);
}

#[test]
fn the_same_seed_is_the_same_run() {
    for seed in 50_000..50_100 {
        assert_eq!(run(seed, false), run(seed, false), "seed {seed}");
    }
}

/// Does nothing unless it is told a seed, or a range of them: `HOST_MODEL_SEED=5000..9000`.
#[test]
fn repeat() {
    let Ok(asked) = std::env::var("HOST_MODEL_SEED") else { return };
    let number =
        |text: &str| text.parse::<u64>().expect("HOST_MODEL_SEED is a number, or two with .. between");
    match asked.split_once("..") {
        Some((from, to)) => println!("{:#?}", run_all(number(from)..number(to))),
        None => println!("{:#?}", run(number(&asked), true)),
    }
}
