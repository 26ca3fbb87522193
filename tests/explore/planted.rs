//! Small worlds in which planted faults are to be found: `tests/explore/faults` applies the patches of `faults.tsv` one by one,
//! and explores one of these with each.

use std::time::Duration;

use super::engine::{Limits, Unfinished, explore};
use super::properties;
use super::rules::Rules;
use super::world::Budget;

/// The worlds by their names. Each has what its faults need, and little else: so that it is explored in seconds.
fn worlds() -> Vec<Rules> {
    let plain = Rules { octets: [1, 1], abort: false, close: false, ..small("plain") };
    let mut list = vec![
        // A segment gets lost.
        Rules { octets: [2, 0], ..plain.clone() },
        // Both call at once.
        Rules { name: "crossing", opens: [[true, false], [true, false]], octets: [1, 0], ..plain.clone() },
        // Users give up when they like.
        Rules { name: "abort", abort: true, octets: [1, 0], ..plain.clone() },
        // Users let go when they like, and read late.
        Rules { name: "let_go", close: true, half_close: false, slow_readers: true, ..plain.clone() },
        // The window has room for one octet, and the user reads late.
        Rules { name: "closed_window", octets: [2, 0], slow_readers: true, ..plain.clone() },
        // What is received is acknowledged as late as it may be.
        Rules { name: "late_ack", octets: [1, 0], ..plain.clone() },
        // A stranger forges a segment.
        Rules {
            name: "stranger",
            octets: [1, 0],
            budget: Budget { forgeries: 1, ..budget(0, 0, 0) },
            ..plain.clone()
        },
        // With timestamps and SACK.
        Rules { name: "options", octets: [2, 0], ..plain.clone() },
        // One overtakes another; what is sent at once is not held back, so that each may carry one octet.
        Rules { name: "reordered", octets: [2, 0], budget: budget(0, 0, 1), ..plain },
    ];
    for rules in &mut list {
        for config in &mut rules.config {
            match rules.name {
                "reordered" => config.nagle = false,
                "late_ack" => config.ack_delay = Duration::from_secs(1),
                "closed_window" => (config.receive_window, config.receive_window_max) = (1, 1),
                "options" => (config.timestamps, config.sack) = (true, true),
                _ => {}
            }
        }
    }
    list
}

/// Without options, and without timers that only make it quicker.
fn small(name: &'static str) -> Rules {
    let mut rules = Rules::new(name);
    for config in &mut rules.config {
        (config.timestamps, config.sack, config.window_scaling) = (false, false, false);
        (config.pacing, config.tail_probes) = (false, false);
        config.ack_delay = Duration::ZERO;
        config.receive_window_max = config.receive_window;
    }
    Rules { budget: budget(1, 0, 0), ..rules }
}

fn budget(drops: u8, copies: u8, reorders: u8) -> Budget {
    Budget { drops, copies, reorders, firings: [[2; Budget::TIMERS]; 2], ..Budget::CI }
}

/// Explores the world that TCPSTATE_EXPLORE_WORLD names, or all of them: nothing may be found.
#[test]
#[ignore = "for tests/explore/faults"]
fn planted() {
    let wanted = std::env::var("TCPSTATE_EXPLORE_WORLD").ok();
    // One path of sixteen: there are few.
    let limits = Limits { paths_one_in: 16, ..Limits::default() };
    let mut seen = 0;
    for rules in worlds().iter().filter(|rules| wanted.as_ref().is_none_or(|name| name == rules.name)) {
        seen += 1;
        match explore(rules, &properties::ALL, limits) {
            Ok((figures, took)) => println!("{}: {figures:?} in {:.1} s", rules.name, took.as_secs_f64()),
            Err(Unfinished::Found(found)) => panic!("{found}"),
            Err(other) => panic!("{}: {other:?}", rules.name),
        }
    }
    let names: Vec<&str> = worlds().iter().map(|rules| rules.name).collect();
    assert!(seen > 0, "there is no world {}, but {names:?}", wanted.unwrap_or_default());
    let (judged, left_out) = properties::judged();
    println!("the observer: {judged} ends of paths judged, {left_out} of which no onlooker could know");
}

/// A row of `faults.tsv`: the patch, the properties of which one has to be broken, and the world.
#[test]
fn every_planted_fault_has_a_patch_a_property_and_a_world() {
    let tests = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let table = std::fs::read_to_string(tests.join("explore/faults.tsv")).expect("the table");
    let mut rows: Vec<Vec<&str>> = table.lines().map(|line| line.split('\t').collect()).collect();
    assert_eq!(rows.remove(0), ["fault", "properties", "world"]);
    assert!(rows.len() >= 20, "{} faults", rows.len());
    for row in &rows {
        let [fault, properties, world] = row[..] else { panic!("{row:?} has other columns") };
        let found =
            ["faults", "explore/patches"].map(|folder| tests.join(folder).join(format!("{fault}.patch")));
        assert!(found.iter().any(|patch| patch.is_file()), "there is no patch {fault}");
        for property in properties.split(',') {
            assert!(
                super::properties::names().any(|name| name == property),
                "{fault}: no property {property}"
            );
        }
        assert!(worlds().iter().any(|rules| rules.name == world), "{fault}: no world {world}");
    }
    let mut names: Vec<&str> = rows.iter().map(|row| row[0]).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), rows.len(), "a fault stands there twice");
    let caught = |name| rows.iter().any(|row| row[1].split(',').any(|property| property == name));
    let idle: Vec<_> = super::properties::names().filter(|&name| !caught(name)).collect();
    assert!(idle.is_empty(), "no fault is found by {idle:?}");
}
