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

/// A cell and the share of the link that it gave.
type Cell = (Path, f64);

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

/// Shorter than [`Path::span`]: 5 s at 10 Mbit/s and, after 1 s and 20 round trips, 3 s at 100 Mbit/s. Where little
/// comes through, 20 s, so that some losses are met.
fn span(path: &Path) -> Span {
    let after = path.span().after;
    if path.reference() < 0.1 {
        return Span::exactly(after, Duration::from_secs(20));
    }
    match path.rate.get() {
        ..=10_000_000 => Span::exactly(after, Duration::from_secs(5)),
        _ => Span::exactly(after - Duration::from_secs(2), Duration::from_secs(3)),
    }
}

fn share(path: &Path) -> f64 {
    let ends = Path::endpoints(1, path.bulk()).expect("the configuration does");
    path.measure(1, span(path), ends).expect("no promise is broken").share()
}

/// Every chosen cell, in the order of the grid.
static CELLS: LazyLock<Vec<Cell>> = LazyLock::new(|| {
    let paths: Vec<Path> = Path::grid().into_iter().filter(is_chosen).collect();
    // Buffers below a packet are a packet: such cells are the same.
    let mut different = paths.clone();
    different.dedup_by_key(|path| path.links());
    // The fast ones, which take longest, are at the end: they come first.
    let next = AtomicUsize::new(different.len());
    let work = || {
        let mut done = Vec::new();
        while let Ok(number) =
            next.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1))
        {
            let path = different.get(number - 1).expect("the number of one");
            done.push((path.links(), share(path)));
        }
        done
    };
    let cores = thread::available_parallelism().map_or(1, |cores| cores.get());
    let shares: Vec<_> = thread::scope(|scope| {
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("a worker ends")).collect()
    });
    let share_of = |path: Path| {
        let found = shares.iter().find(|(links, _)| *links == path.links());
        (path, found.expect("each was measured").1)
    };
    paths.into_iter().map(share_of).collect()
});

/// In percent.
fn loss(path: &Path) -> f64 {
    f64::from(path.loss.as_parts_per_billion()) / 1e7
}

/// A line for each round trip, rate and loss, with six columns.
fn table() -> String {
    let mut text = "                            in order     5 % held back\n\
                    \x20 ms  Mbit/s   loss  ref  0.1 0.5   1     0.1 0.5   1 BDP\n"
        .to_owned();
    let (lines, rest) = CELLS.as_chunks::<6>();
    assert!(rest.is_empty(), "six cells differ in reordering and buffer only");
    for line in lines {
        let [(path, _), ..] = line;
        let (millis, mbit) = (path.rtt.as_millis(), path.rate.get() / 1_000_000);
        let (loss, reference) = (format!("{} %", loss(path)), path.reference() * 100.0);
        let [a, b, c, d, e, f] = line.map(|(_, share)| share * 100.0);
        writeln!(
            text,
            "{millis:>4} {mbit:>7} {loss:>6} {reference:>4.0}  {a:>3.0} {b:>3.0} {c:>3.0}     {d:>3.0} {e:>3.0} {f:>3.0}"
        )
        .expect("a string takes everything");
    }
    text
}

#[test]
fn every_cell_gets_the_share_that_was_seen_last() {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!("goodput", table()));
}

/// What a cell must give: nine tenths of the link at loss 0 with half a bandwidth-delay product of buffer; half of what the
/// response function gives (RFC 9438 §5) where packets are lost and none reordered. The whole grid asks for 0.8 of that;
/// a short look meets few losses, or many.
fn wanted(path: &Path) -> Option<f64> {
    match (path.loss == Probability::NEVER, path.reorder) {
        (true, _) => (path.buffer >= 50).then_some(0.9),
        (false, false) => Some(0.5 * path.reference()),
        (false, true) => None,
    }
}

/// The cells that give less, each with its cause.
const MISSED: &[(&str, &str)] = &[
    ("1 ms, 10 Mbit/s, loss 5 %, buffer 10 %", LONELY),
    ("1 ms, 10 Mbit/s, loss 5 %, buffer 50 %", LONELY),
    ("1 ms, 10 Mbit/s, loss 5 %, buffer 100 %", LONELY),
];

const LONELY: &str = "In a queue of one packet windows are two or three segments. A segment sent again that is lost with nothing \
                      behind it is missed only by the RTO, a second at least (RFC 6298 §2.4).";

#[test]
fn every_cell_gets_what_it_must_but_for_named_ones() {
    let missed = CELLS.iter().filter(|(path, share)| wanted(path).is_some_and(|wanted| *share < wanted));
    let named = missed.map(|(path, _)| {
        let reorder = if path.reorder { ", reordered" } else { "" };
        let (millis, mbit, buffer) = (path.rtt.as_millis(), path.rate.get() / 1_000_000, path.buffer);
        format!("{millis} ms, {mbit} Mbit/s, loss {} %{reorder}, buffer {buffer} %", loss(path))
    });
    assert_eq!(named.collect::<Vec<_>>(), MISSED.iter().map(|(cell, _)| *cell).collect::<Vec<_>>());
}
