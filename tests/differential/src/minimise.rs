//! The shortest script that still shows a difference.

use crate::classes::Class;
use crate::judge;
use crate::script::{Options, Script, Segment, Step, WINDOW};
use crate::stack::Library;

/// Takes away whatever can go while `library` still differs from ours in this class.
pub fn minimise(script: &Script, library: Library, class: &Class) -> Script {
    let shows = |script: &Script| judge(script, library).iter().any(|(_, found)| *found == Some(class.name));
    let mut best = script.clone();
    let plain = Script { iss: 1_000, buffer: 4_096, seed: 1, ..best.clone() };
    if shows(&plain) {
        best = plain;
    }
    loop {
        let Some(smaller) = smaller(&best).into_iter().find(&shows) else { return best };
        best = smaller;
    }
}

/// Scripts that are a little simpler, the boldest first.
fn smaller(script: &Script) -> Vec<Script> {
    let steps = &script.steps;
    let with = |steps: Vec<Step>| Script { steps, ..script.clone() };
    let mut found = Vec::new();
    for at in 0..steps.len() {
        found.push(with(steps[..at].to_vec()));
    }
    for at in (0..steps.len()).rev() {
        let mut fewer = steps.clone();
        fewer.remove(at);
        found.push(with(fewer));
    }
    for (at, step) in steps.iter().enumerate() {
        for simple in simpler(step) {
            let mut changed = steps.clone();
            changed[at] = simple;
            found.push(with(changed));
        }
    }
    found
}

/// The same step with one thing less that is special about it.
fn simpler(step: &Step) -> Vec<Step> {
    let Step::Segment(segment) = step else { return Vec::new() };
    let mut found = Vec::new();
    let mut change = |with: fn(&mut Segment)| {
        let mut changed = segment.clone();
        with(&mut changed);
        if changed != *segment {
            found.push(Step::Segment(changed));
        }
    };
    change(|segment| segment.options = Options::None);
    change(|segment| segment.window = WINDOW);
    change(|segment| segment.damage = None);
    change(|segment| segment.forged = false);
    change(|segment| segment.len = 0);
    change(|segment| segment.flags &= !8);
    change(|segment| segment.urgent = 0);
    found
}
