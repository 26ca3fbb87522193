//! Arithmetic, window checks, options, headers, reassembly and the scoreboard over all inputs that there are, where they
//! are few, and over all of a smaller world where they are not.
//!
//! Each part has a model that looks at one octet, one number or one bit at a time, and none of the formulas of the
//! library. Every test says how many cases it is made of, and fails if it has seen another number.
//!
//! What `cargo test` runs takes seconds without optimisation. The rest is ignored there, and runs with
//! `cargo test --profile explore --all-features --test exhaustive -- --include-ignored`. How many cases each has, and how long it takes:
//! docs/verification.md.

#![allow(
    clippy::cast_possible_truncation,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may fail by panicking, and a model is as plain as can be"
)]

#[path = "exhaustive/arrivals.rs"]
mod arrivals;
#[path = "exhaustive/checksums.rs"]
mod checksums;
#[path = "exhaustive/flags.rs"]
mod flags;
#[path = "exhaustive/headers.rs"]
mod headers;
#[path = "exhaustive/model.rs"]
mod model;
#[path = "exhaustive/numbers.rs"]
mod numbers;
#[path = "exhaustive/opening.rs"]
mod opening;
#[path = "exhaustive/options.rs"]
mod options;
#[path = "exhaustive/rig.rs"]
mod rig;
#[path = "exhaustive/scales.rs"]
mod scales;
#[path = "exhaustive/scoreboard.rs"]
mod scoreboard;
#[path = "exhaustive/stamps.rs"]
mod stamps;
#[path = "exhaustive/windows.rs"]
mod windows;
#[path = "exhaustive/written.rs"]
mod written;

/// Ends a test: as many cases as were computed beforehand have been looked at.
#[track_caller]
fn all_seen(seen: u64, computed: u64) {
    assert_eq!(seen, computed, "cases that were looked at, and that there are");
}

/// Every word of exactly `len` letters from `alphabet`, in order; `look` gets each in turn.
fn each_word<T: Copy>(alphabet: &[T], len: usize, mut look: impl FnMut(&[T])) {
    let Some(&first) = alphabet.first() else { return };
    let (mut places, mut word) = (vec![0; len], vec![first; len]);
    loop {
        look(&word);
        let Some(place) = (0..len).rev().find(|&place| places[place] + 1 < alphabet.len()) else { return };
        places[place] += 1;
        word[place] = alphabet[places[place]];
        for later in place + 1..len {
            (places[later], word[later]) = (0, first);
        }
    }
}

#[test]
fn every_word_is_made_once() {
    let mut words = Vec::new();
    each_word(&[3, 1, 2], 2, |word| words.push(word.to_vec()));
    let expected: Vec<Vec<i32>> = [3, 1, 2].iter().flat_map(|&a| [3, 1, 2].map(|b| vec![a, b])).collect();
    assert_eq!(words, expected);
    let mut empty = 0;
    each_word(&[0], 0, |word| empty += usize::from(word.is_empty()));
    assert_eq!(empty, 1);
}
