//! The worlds that are explored, and how far.

use std::time::Duration;

use tcpstate::tcp::{Keepalive, TcpConfig};

use super::checks::Checks;
use super::engine::{Limits, Unfinished, explore, most_memory};
use super::properties;
use super::rules::Rules;
use super::world::Budget;

/// So much may go wrong; timers expire as often as in CI.
fn budget(drops: u8, copies: u8, reorders: u8) -> Budget {
    Budget { drops, copies, reorders, ..Budget::CI }
}

/// Every world that is explored in CI, by its name, with its bounds. What is lost, doubled and overtaken is as much as
/// [`Budget::CI`] says where nothing else is said.
pub fn worlds() -> Vec<Rules> {
    // The default machine with a short TIME-WAIT and FIN-WAIT-2, and without timestamps, which tell when all was sent; called
    // and calling.
    // Each user sends two octets at once, at any moment, and lets go, at any moment.
    let mut close =
        Rules { whole: true, half_close: false, abort: false, late_strays: false, ..Rules::new("close") };
    configure(&mut close, |config| config.timestamps = false);
    let lost = budget(2, 0, 0);
    let with = |name, change: &dyn Fn(&mut Rules)| {
        let mut rules = Rules { name, ..close.clone() };
        change(&mut rules);
        rules
    };
    vec![
        close.clone(),
        // Each says that it has no more to send, and goes on reading.
        with("half-close", &|rules| (rules.close, rules.half_close) = (false, true)),
        // Each only gives up, at any moment.
        with("give up", &|rules| (rules.close, rules.abort) = (false, true)),
        with("close and give up", &|rules| rules.abort = true),
        // All calls.
        with("abort", &|rules| (rules.half_close, rules.abort, rules.budget) = (true, true, lost)),
        // Both call.
        with("simultaneous", &|rules| (rules.opens[1], rules.budget.copies) = ([true, false], 0)),
        // The octets come one by one, and do not wait for each other.
        with("pieces", &|rules| {
            (rules.whole, rules.octets, rules.budget.copies) = (false, [2, 0], 0);
            configure(rules, |config| config.nagle = false);
        }),
        // What is doubled may arrive at any time later, after any timer.
        with("doubled late", &|rules| {
            (rules.late_strays, rules.budget) = (true, budget(1, 1, 0));
        }),
        // Likewise what is overtaken.
        with("overtaken late", &|rules| {
            (rules.whole, rules.octets, rules.late_strays) = (false, [2, 0], true);
            rules.budget = budget(1, 0, 1);
            configure(rules, |config| config.nagle = false);
        }),
        // Once a timer expires while everything is still on its way.
        with("delayed", &|rules| rules.budget = Budget { delays: 1, ..budget(1, 0, 0) }),
        with("timestamps", &|rules| {
            rules.budget = lost;
            configure(rules, |config| config.timestamps = true);
        }),
        with("acknowledged at once", &|rules| {
            rules.budget = lost;
            configure(rules, |config| config.ack_delay = Duration::ZERO);
        }),
        // Without SACK, window scale and tail probes.
        with("plain", &|rules| {
            rules.budget = lost;
            configure(rules, |config| {
                (config.sack, config.window_scaling, config.tail_probes) = (false, false, false);
            });
        }),
        // Somebody else forges a segment against an end.
        with("stranger", &|rules| rules.budget = Budget { forgeries: 1, ..budget(1, 0, 0) }),
        // Silent peers are asked.
        with("keep-alive", &|rules| {
            let (idle, interval) = (Duration::from_secs(2), Duration::from_millis(500));
            rules.budget = budget(1, 0, 0);
            configure(rules, |config| config.keepalive = Some(Keepalive { idle, interval, count: 2 }));
        }),
        with("slow readers", &|rules| (rules.slow_readers, rules.budget) = (true, lost)),
        // Room for one octet, and a reader who takes his time.
        with("small window", &|rules| {
            (rules.slow_readers, rules.octets) = (true, [2, 0]);
            rules.budget = budget(1, 0, 0);
            configure(rules, |config| (config.receive_window, config.receive_window_max) = (1, 1));
        }),
    ]
}

/// The worlds that take longer than CI may.
pub fn deep_worlds() -> Vec<Rules> {
    let with = |name, change: &dyn Fn(&mut Rules)| {
        let close = worlds().swap_remove(0);
        let mut rules = Rules { name, ..close };
        change(&mut rules);
        rules
    };
    vec![
        // All calls of all users, with everything that may go wrong.
        with("everything", &|rules| (rules.half_close, rules.abort) = (true, true)),
        with("timestamps, everything wrong", &|rules| configure(rules, |config| config.timestamps = true)),
        with("simultaneous, everything wrong", &|rules| rules.opens[1] = [true, false]),
        with("pieces, everything wrong", &|rules| {
            (rules.whole, rules.octets) = (false, [2, 0]);
            configure(rules, |config| config.nagle = false);
        }),
    ]
}

fn configure(rules: &mut Rules, change: impl Fn(&mut TcpConfig)) {
    rules.config.iter_mut().for_each(change);
}

/// Explores one world; says what it was, or fails.
fn run(rules: &Rules, limits: Limits) {
    let checks =
        if std::env::var_os("TCPSTATE_EXPLORE_UNCHECKED").is_some() { Checks::NONE } else { properties::ALL };
    // Counted since the process began; tests that run beside this one count as well.
    let before = properties::judged();
    match explore(rules, &checks, limits) {
        Ok((figures, took)) => {
            let (seconds, memory) = (took.as_secs_f64(), most_memory().unwrap_or(0));
            let after = properties::judged();
            let (judged, left_out) = (after.0 - before.0, after.1 - before.1);
            println!(
                "{}: {figures} ({judged} ends judged by the observer, {left_out} that nobody could know) in {seconds:.1} s, {memory} MB",
                rules.name
            );
        }
        Err(Unfinished::Found(finding)) => panic!("{finding}"),
        Err(Unfinished::TooMany(figures)) => {
            panic!("{}: not finished: there is more than the search may hold: {figures}", rules.name)
        }
    }
}

#[test]
fn nothing_is_broken_within_small_bounds() {
    for rules in worlds().into_iter().filter(|rules| ["close", "simultaneous"].contains(&rules.name)) {
        run(&Rules { budget: budget(1, 0, 0), ..rules }, Limits::default());
    }
}

#[test]
#[ignore = "minutes: CI runs it optimised, with the profile `explore`"]
fn nothing_is_broken_within_the_bounds() {
    worlds().iter().for_each(|rules| run(rules, Limits::default()));
}

#[test]
#[ignore = "an hour, and gigabytes of memory"]
fn nothing_is_broken_within_deeper_bounds() {
    let limits = Limits { visits: 200_000_000, paths_one_in: 1 << 14, ..Limits::default() };
    deep_worlds().iter().for_each(|rules| run(rules, limits));
}

/// The one that `TCPSTATE_EXPLORE_WORLD` names. What is in the variables `DROPS`, `COPIES`, `REORDERS`, `DELAYS`, `FORGERIES` and `FIRINGS` counts
/// instead of its bounds.
#[test]
#[ignore = "for one world at a time"]
fn one_world() {
    let Ok(name) = std::env::var("TCPSTATE_EXPLORE_WORLD") else {
        println!("TCPSTATE_EXPLORE_WORLD names no world: nothing is explored");
        return;
    };
    let mut worlds = worlds();
    worlds.extend(deep_worlds());
    let names: Vec<&str> = worlds.iter().map(|rules| rules.name).collect();
    let Some(mut rules) = worlds.iter().find(|rules| rules.name == name).cloned() else {
        panic!("there is no world {name:?}, but {names:?}");
    };
    let number = |name: &str| {
        let value = std::env::var(name).ok()?;
        Some(value.parse::<u8>().unwrap_or_else(|_| panic!("{name} is {value:?}, and no number up to 255")))
    };
    let Budget { drops, copies, reorders, delays, forgeries, firings } = &mut rules.budget;
    for (name, bound) in [
        ("DROPS", drops),
        ("COPIES", copies),
        ("REORDERS", reorders),
        ("DELAYS", delays),
        ("FORGERIES", forgeries),
    ] {
        *bound = number(name).unwrap_or(*bound);
    }
    if let Some(most) = number("FIRINGS") {
        *firings = [[most; Budget::TIMERS]; 2];
    }
    run(&rules, Limits { visits: 200_000_000, ..Limits::default() });
}
