//! The worlds that are explored, and how far.

use std::time::Duration;

use tcpstate::tcp::TcpConfig;

use super::checks::Checks;
use super::engine::{Limits, Unfinished, explore, most_memory};
use super::properties;
use super::rules::Rules;
use super::world::Budget;

/// What may go wrong in a debug build.
const SMALL: Budget = Budget { drops: 1, copies: 0, reorders: 0, ..Budget::CI };

/// Every world by its name, with the bounds of CI.
pub fn worlds() -> Vec<Rules> {
    let main =
        Rules { whole: true, half_close: false, abort: false, late_strays: false, ..Rules::new("close") };
    let without_timestamps = |mut rules: Rules| {
        rules.config.iter_mut().for_each(|config| config.timestamps = false);
        rules
    };
    let main = without_timestamps(main);
    let named = |name, change: &dyn Fn(&mut Rules)| {
        let mut rules = main.clone();
        rules.name = name;
        change(&mut rules);
        rules
    };
    let all = |rules: &mut Rules, change: &dyn Fn(&mut TcpConfig)| rules.config.iter_mut().for_each(change);
    vec![
        main.clone(),
        named("half-close", &|rules| (rules.close, rules.half_close) = (false, true)),
        named("abort", &|rules| {
            rules.abort = true;
            (rules.budget.copies, rules.budget.reorders) = (0, 0);
        }),
        named("simultaneous", &|rules| {
            rules.opens[1] = [true, false];
            (rules.budget.copies, rules.budget.reorders) = (0, 0);
        }),
        named("doubled", &|rules| {
            rules.late_strays = true;
            (rules.budget.drops, rules.budget.reorders) = (0, 0);
        }),
        named("overtaken", &|rules| {
            rules.late_strays = true;
            (rules.budget.drops, rules.budget.copies) = (0, 0);
        }),
        named("delayed", &|rules| {
            rules.budget.delays = 1;
            (rules.budget.copies, rules.budget.reorders) = (0, 0);
        }),
        named("pieces", &|rules| {
            rules.whole = false;
            (rules.budget.copies, rules.budget.reorders) = (0, 0);
        }),
        named("timestamps", &|rules| {
            all(rules, &|config| config.timestamps = true);
            (rules.budget.copies, rules.budget.reorders) = (0, 0);
        }),
        named("acknowledged at once", &|rules| {
            all(rules, &|config| config.ack_delay = Duration::ZERO);
            (rules.budget.copies, rules.budget.reorders) = (0, 0);
        }),
        named("plain", &|rules| {
            all(rules, &|config| {
                (config.sack, config.window_scaling, config.tail_probes) = (false, false, false)
            });
            (rules.budget.copies, rules.budget.reorders) = (0, 0);
        }),
        named("slow readers", &|rules| {
            rules.slow_readers = true;
            (rules.budget.copies, rules.budget.reorders) = (0, 0);
        }),
        named("small window", &|rules| {
            rules.slow_readers = true;
            all(rules, &|config| (config.receive_window, config.receive_window_max) = (1, 1));
            (rules.budget.copies, rules.budget.reorders) = (0, 0);
        }),
    ]
}

/// Explores one world; says what it was, or fails.
fn run(rules: &Rules, limits: Limits) {
    let checks =
        if std::env::var_os("TCPSTATE_EXPLORE_UNCHECKED").is_some() { Checks::NONE } else { properties::ALL };
    match explore(rules, &checks, limits) {
        Ok((figures, took)) => {
            let (seconds, memory) = (took.as_secs_f64(), most_memory().unwrap_or(0));
            println!("{}: {figures} in {seconds:.1} s, {memory} MB", rules.name);
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
        run(&Rules { budget: SMALL, ..rules }, Limits::default());
    }
}

#[test]
#[ignore = "minutes: CI runs it optimised, with the profile `explore`"]
fn nothing_is_broken_within_the_bounds() {
    worlds().iter().for_each(|rules| run(rules, Limits::default()));
}

/// The one that `TCPSTATE_EXPLORE_WORLD` names. What is in the variables `DROPS`, `COPIES`, `REORDERS`, `DELAYS` and `FIRINGS` counts
/// instead of its bounds.
#[test]
#[ignore = "for one world at a time"]
fn one_world() {
    let Ok(name) = std::env::var("TCPSTATE_EXPLORE_WORLD") else { return };
    let mut rules = worlds().into_iter().find(|rules| rules.name == name).expect("a world of this name");
    let number = |name: &str| std::env::var(name).ok().and_then(|value| value.parse::<u8>().ok());
    let Budget { drops, copies, reorders, delays, firings } = &mut rules.budget;
    for (name, bound) in [("DROPS", drops), ("COPIES", copies), ("REORDERS", reorders), ("DELAYS", delays)] {
        *bound = number(name).unwrap_or(*bound);
    }
    if let Some(most) = number("FIRINGS") {
        *firings = [[most; Budget::TIMERS]; 2];
    }
    run(&rules, Limits::default());
}
