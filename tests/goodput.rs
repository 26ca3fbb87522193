//! What bulk transfers get of a link: a part of the grid of `docs/performance.md`, with one seed and shorter looks.
//!
//! A snapshot holds the shares, so that a change which costs goodput somewhere is seen; the goals are held besides. The
//! whole grid is run by `benches/peers`.

#![cfg(feature = "sim")]
#![allow(clippy::expect_used, reason = "a test may fail by panicking")]
#![allow(clippy::disallowed_methods, reason = "cells are simulated on several cores")]

use std::fmt::Write as _;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use tcpstate::sim::{Path, Probability, Span};

/// A cell and the share of the link that it gave, in whole percent.
type Cell = (Path, u32);

/// All at 10 Mbit/s, and at 100 Mbit/s the two round trips in the middle: what can be simulated in half a minute
/// without optimisation.
fn is_chosen(path: &Path) -> bool {
    let millis = path.rtt.as_millis();
    match path.rate.get() / 1_000_000 {
        10 => true,
        100 => millis == 20 || millis == 100,
        _ => false,
    }
}

/// As [`Path::span`], but 5 s at 10 Mbit/s and 3 s at 100 Mbit/s.
fn span(path: &Path) -> Span {
    let fast = path.rate.get() > 10_000_000;
    let (begin, length) = if fast { (1, 3) } else { (3, 5) };
    Span::exactly(Duration::from_secs(begin) + path.rtt * 20, Duration::from_secs(length))
}

fn share(path: &Path) -> u32 {
    let ends = Path::endpoints(1, path.bulk()).expect("the configuration does");
    let measured = path.measure(1, span(path), ends).expect("no promise is broken");
    (measured.share() * 100.0).round() as u32
}

/// Every chosen cell, in the order of the grid.
static CELLS: LazyLock<Vec<Cell>> = LazyLock::new(|| {
    let paths: Vec<Path> = Path::grid().into_iter().filter(is_chosen).collect();
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            // The fast ones, which take longest, are at the end.
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(path) = paths.iter().rev().nth(number) else { return done };
            done.push((number, (*path, share(path))));
        }
    };
    let cores = thread::available_parallelism().map_or(1, |cores| cores.get());
    let mut cells = thread::scope(|scope| {
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        let all = workers.into_iter().flat_map(|worker| worker.join().expect("a worker ends"));
        all.collect::<Vec<_>>()
    });
    cells.sort_by_key(|(number, _)| std::cmp::Reverse(*number));
    cells.into_iter().map(|(_, cell)| cell).collect()
});

fn loss(path: &Path) -> f64 {
    f64::from(path.loss.as_parts_per_billion()) / 1e7
}

/// A line for each round trip, rate and loss, with six columns.
fn table() -> String {
    let mut text = "                            in order          5 % held back\n\
                    \x20 ms  Mbit/s   loss  ref  0.1 0.5   1 BDP   0.1 0.5   1 BDP\n"
        .to_owned();
    let (lines, rest) = CELLS.as_chunks::<6>();
    assert!(rest.is_empty(), "six cells differ in reordering and buffer only");
    for line in lines {
        let [first, ..] = line;
        let path = &first.0;
        let (millis, mbit, reference) =
            (path.rtt.as_millis(), path.rate.get() / 1_000_000, path.reference() * 100.0);
        let shares = line.map(|(_, share)| format!("{share:>3}"));
        let (ordered, held) = shares.split_at(3);
        let (ordered, held) = (ordered.join(" "), held.join(" "));
        let loss = format!("{} %", loss(path));
        writeln!(text, "{millis:>4} {mbit:>7} {loss:>6} {reference:>4.0}  {ordered}       {held}")
            .expect("strings take all");
    }
    text
}

#[test]
fn every_cell_gets_the_share_that_was_seen_last() {
    insta::assert_snapshot!("goodput", table());
}
