//! Each state of a connection against each kind of segment: what RFC 9293 §3.10.7 says that a machine does
//! with it, and whether ours does.
//!
//! `oracle` reasons an answer from the RFC; `rig` brings a machine into the state by a conversation; `compare`
//! holds the one against the other in every cell. `by_hand` has the delicate cells once more, each reasoned by
//! itself, so that a mistake of the oracle cannot hide the same mistake of the machine. The table for people
//! is docs/state-by-segment.md.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

#[path = "state_by_segment/answer.rs"]
mod answer;
#[path = "state_by_segment/by_hand.rs"]
mod by_hand;
#[path = "state_by_segment/cell.rs"]
mod cell;
#[path = "state_by_segment/compare.rs"]
mod compare;
#[path = "state_by_segment/oracle.rs"]
mod oracle;
#[path = "state_by_segment/page.rs"]
mod page;
#[path = "state_by_segment/rig.rs"]
mod rig;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use cell::{Acked, Cell, Kind, Place, Stamp};
use oracle::Ground;
use rig::{Offer, Rig, Scene, World};
use tcpstate::State;

/// Every cell of a state.
fn cells(ground: &Ground) -> Vec<Cell> {
    let acks = Acked::all(ground.outstanding, ground.our_fin, ground.stale);
    let mut cells = Vec::new();
    for kind in Kind::ALL {
        let len = kind.segment(0, None, Stamp::Newer).len();
        let places = match ground.state {
            State::Closed | State::Listen | State::SynSent => Place::any(),
            _ => Place::all(len, ground.window),
        };
        for (place, at) in places {
            for &(acked, ack) in &acks {
                cells.push(Cell { kind, place, acked, segment: kind.segment(at, ack, Stamp::Newer) });
            }
        }
    }
    cells
}

/// Cells of a state with the other timestamps, where the connection uses timestamps: what they acknowledge
/// needs no more than one of each sort here.
fn stamped(ground: &Ground) -> Vec<Cell> {
    let synchronizing = matches!(ground.state, State::Closed | State::Listen | State::SynSent);
    if !ground.timestamps || synchronizing {
        return Vec::new();
    }
    let few = |cell: &Cell| !matches!(cell.acked, Acked::Oldest | Acked::Part | Acked::FarFuture);
    let with = |stamp| {
        cells(ground).into_iter().filter(few).map(move |cell| {
            let segment = cell.kind.segment(cell.segment.at, cell.segment.ack, stamp);
            Cell { segment, ..cell }
        })
    };
    Stamp::ALL.into_iter().skip(1).flat_map(with).collect()
}

/// Runs the table in one world with every choice of options; the differences, in words.
fn run(iss: u32, irs: u32, offset: u32, clock: u32, we_open: bool) {
    let mut report = String::new();
    let mut differences = BTreeMap::<String, usize>::new();
    let mut count = 0;
    for offer in Offer::ALL {
        let world = World { iss, irs, offset, clock, we_open, offer };
        for scene in Scene::ALL {
            let rig = Rig::new(scene, world);
            let ground = rig.ground();
            for cell in cells(&ground).into_iter().chain(stamped(&ground)) {
                count += 1;
                let (right, rule) = oracle::answer(&ground, &cell.segment);
                let (found, complaints) = compare::observe(&rig, &cell.segment);
                if right == found && complaints.is_empty() {
                    continue;
                }
                let group = format!("{rule}: {}", right.differs_from(&found));
                let seen = differences.entry(group).or_default();
                *seen += 1;
                if *seen == 1 {
                    let name = scene.name();
                    let _ = writeln!(report, "\n{name} [{offer:?}] {cell}\n  by {rule}");
                    let _ = writeln!(report, "  expected: {right}\n  machine:  {found}");
                    for text in &complaints {
                        let _ = writeln!(report, "  wrong in any case: {text}");
                    }
                }
            }
        }
    }
    let total: usize = differences.values().sum();
    assert!(count > 10_000, "the table has been run: {count} cells");
    assert!(total == 0, "{report}\n{differences:#?}\n{total} of {count} cells differ");
}

#[test]
fn the_table_holds_far_from_the_wrap() {
    run(1_000_000, 2_000_000_000, 5_000, 77_000, false);
}

#[test]
fn the_table_holds_where_the_numbers_of_both_sides_wrap() {
    // The outstanding octets begin 301 after ISS, the receive window 201 after IRS; TSval wraps on the way.
    run(u32::MAX - 550, u32::MAX - 250, u32::MAX - 1_000_050, u32::MAX - 20, true);
}

#[test]
fn the_table_holds_where_the_numbers_change_sign() {
    run((1 << 31) - 550, (1 << 31) - 250, (1 << 31) - 1_000_050, (1 << 31) - 20, false);
}

#[test]
fn the_table_holds_where_the_left_edges_are_zero() {
    run(u32::MAX - 300, u32::MAX - 200, 0, 0, true);
}

/// As many segments as that come in one second: two more than the challenges that may be sent in it.
const FLOOD: usize = 12;

#[test]
fn an_outsider_draws_only_so_many_answers_in_a_second_and_a_peer_that_repeats_octets_all_of_them() {
    let offer = Offer::Everything;
    let world = World { iss: 1, irs: 2, offset: 3, clock: 4, we_open: true, offer };
    let mut report = String::new();
    for scene in Scene::ALL {
        let rig = Rig::new(scene, world);
        let ground = rig.ground();
        for cell in cells(&ground).into_iter().chain(stamped(&ground)) {
            let (right, rule) = oracle::answer(&ground, &cell.segment);
            let changes = !right.transitions.is_empty() || right.variables.is_some_and(|v| v.una > 0);
            if changes || right.refused.is_none() || right.replies.is_empty() {
                continue;
            }
            let expected = if oracle::is_limited(&cell.segment, &right) { FLOOD - 2 } else { FLOOD };
            let found = compare::answers(&rig, &cell.segment, FLOOD);
            if found.is_some_and(|found| found != expected) {
                let name = scene.name();
                let _ = writeln!(report, "{name}: {cell} by {rule}: {expected} answers, not {found:?}");
            }
        }
    }
    let lines = report.lines().count();
    assert!(report.is_empty(), "{}\n{lines} in all", report.lines().take(20).collect::<Vec<_>>().join("\n"));
}

#[test]
fn the_page_in_the_docs_is_the_generated_one() {
    page::check();
}
