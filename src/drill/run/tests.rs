use alloc::string::ToString;

use super::*;
use crate::drill::{Profile, parse};

fn play(text: &str) -> Outcome {
    let script = parse(text, &[]).unwrap_or_else(|error| panic!("{error:?}"));
    run(&script, &RunOptions::new(Profile::library()))
}

fn failure(text: &str) -> Failure {
    match play(text).verdict {
        Verdict::Fail(failure) => failure,
        other => panic!("{other:?}"),
    }
}

fn passes(text: &str) {
    let outcome = play(text);
    let trace: Vec<_> = outcome.trace.iter().map(ToString::to_string).collect();
    match &outcome.verdict {
        Verdict::Pass => {}
        Verdict::Fail(failure) | Verdict::Unsupported(failure) => {
            panic!("{failure}\n{}", trace.join("\n"))
        }
    }
}

const PASSIVE: &str = include_str!("tests/passive.pkt");
const ACTIVE: &str = include_str!("tests/active.pkt");

#[test]
fn a_connection_is_played_from_its_opening_to_its_end() {
    passes(PASSIVE);
    passes(ACTIVE);
}
