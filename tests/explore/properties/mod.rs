//! What must hold of every step that the explorer takes: pure functions over a [`Step`], each with the name under which a
//! violation of it is told.
//!
//! They are written from the RFCs and see a machine only through its getters and what it answers, so that a mistake of the
//! machine cannot be one of theirs at the same time. Those of `calm` are of another kind: they
//! run on from a state and judge where that ends.

mod adapter;
mod answers;
mod blind;
mod calm;
mod edges;
mod isn;
mod must_move;
mod normal_close;
mod observer;
mod resets;
mod sight;
mod stream;
mod time_wait;
mod timers;
mod window;

mod testing;

use super::checks::{Checks, Property, Violation};
use sight::{Cause, Sent, Sight, Step};

/// All that is asked.
pub const ALL: Checks = Checks {
    steps: &[Property { check: adapter::check }, Property { check: blind::blind }],
    calm: calm::CALM,
    paths: observer::PATHS,
};

/// Of how many ends of paths the observer was asked for its opinion, and of how many nobody could have one.
pub fn judged() -> (usize, usize) {
    let [left_out, judged] =
        observer::JUDGED.each_ref().map(|count| count.load(std::sync::atomic::Ordering::Relaxed));
    (judged, left_out)
}

/// A property of single steps: `None` if it holds, or why it does not.
type OfStep = fn(&Step) -> Option<String>;

/// The properties of single steps by their names, in the order in which they are asked.
const OF_STEPS: &[(&str, OfStep)] = &[
    ("isn", isn::isn),
    ("edges", edges::edges),
    ("must_move", must_move::must_move),
    ("answers", answers::answers),
    ("resets", resets::resets),
    ("stream", stream::stream),
    ("window", window::window),
    ("normal_close", normal_close::normal_close),
    ("time_wait", time_wait::time_wait),
    ("timers", timers::timers),
];

/// The first property that does not hold of this step.
fn of_step(step: &Step) -> Option<Violation> {
    OF_STEPS.iter().find_map(|&(property, holds)| holds(step).map(|why| Violation { property, why }))
}

/// Every name under which the explorer may tell a violation.
pub fn names() -> impl Iterator<Item = &'static str> {
    OF_STEPS
        .iter()
        .map(|&(name, _)| name)
        .chain(["blind", "no_storm", "liveness", "progress", "observer", "panic"])
}
