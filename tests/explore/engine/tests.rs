//! The search itself: that it finds everything, and the shortest way; that it is the same each time; and that what it takes for the
//! same is the same.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use tcpstate::State;
use tcpstate::drill::{Profile, RunOptions, Verdict, run};

use super::super::checks::{Checks, Property, Violation};
use super::super::rules::Rules;
use super::super::step::{Happened, Step};
use super::super::world::{Budget, START, World};
use super::{Figures, Limits, Unfinished, explore};

/// Both open, and nothing else ever happens.
fn handshake() -> Rules {
    let budget = Budget {
        drops: 0,
        copies: 0,
        reorders: 0,
        delays: 0,
        forgeries: 0,
        firings: [[0; Budget::TIMERS]; 2],
    };
    let rules = Rules {
        octets: [0, 0],
        half_close: false,
        close: false,
        abort: false,
        budget,
        ..Rules::new("handshake")
    };
    Rules { late_strays: false, ..rules }
}

/// A small world with something of everything in it.
fn small() -> Rules {
    let budget = Budget {
        drops: 1,
        copies: 0,
        reorders: 0,
        delays: 0,
        forgeries: 0,
        firings: [[1; Budget::TIMERS]; 2],
    };
    let mut rules = Rules { octets: [1, 0], abort: false, half_close: false, budget, ..Rules::new("small") };
    rules.config.iter_mut().for_each(|config| config.timestamps = false);
    rules
}

fn figures(rules: &Rules, limits: Limits) -> Figures {
    match explore(rules, &Checks::NONE, limits) {
        Ok((figures, _)) => figures,
        Err(unfinished) => panic!("{unfinished:?}"),
    }
}

/// Counted by hand: nobody; one of them has opened; both have; the SYN came to somebody who listens, or to nobody.
///
/// | A | B | on its way | what may follow |
/// |---|---|---|---|
/// | – | – | | A opens, B opens |
/// | SYN-SENT | – | SYN | B opens, it arrives |
/// | – | LISTEN | | A opens |
/// | SYN-SENT | LISTEN | SYN | it arrives |
/// | SYN-SENT | – | RST | B opens, it arrives |
/// | SYN-SENT | LISTEN | RST | it arrives |
/// | CLOSED, refused | – | | B opens |
/// | CLOSED, refused | LISTEN | | |
/// | SYN-SENT | SYN-RECEIVED | SYN,ACK | it arrives |
/// | ESTABLISHED | SYN-RECEIVED | ACK | it arrives |
/// | ESTABLISHED | ESTABLISHED | | |
#[test]
fn a_handshake_has_as_many_states_as_a_person_counts() {
    let figures = figures(&handshake(), Limits::default());
    assert_eq!((figures.states, figures.transitions, figures.ends), (11, 12, 2), "{figures}");
    assert_eq!(figures.depth, 5);
}

fn not_both_open(_: &World, _: Step, after: &World, _: &Happened) -> Result<(), Violation> {
    let open = after.ends.iter().all(|end| end.state() == State::Established);
    if open { Err(Violation { property: "planted", why: "both are open".into() }) } else { Ok(()) }
}

#[test]
fn what_is_planted_is_found_and_by_the_shortest_way() {
    let checks = Checks { steps: &[Property { check: not_both_open }], ..Checks::NONE };
    // Two opens, and three segments; in a world in which much else may happen as well.
    for rules in [handshake(), small(), Rules::new("everything")] {
        for threads in [1, 2] {
            let found = explore(&rules, &checks, Limits { threads, ..Limits::default() });
            let Err(Unfinished::Found(finding)) = found else { panic!("{found:?}") };
            assert_eq!((finding.property.as_str(), finding.path.len()), ("planted", 5));
            assert!(finding.path[4].after.ends.iter().all(|end| end.state() == State::Established));
        }
    }
}

/// Where nothing that a kernel's calls cannot say is in the way: what is found is the same in a script, which a host passes.
#[test]
fn a_finding_is_a_picture_and_a_script_that_does_it_again() {
    fn in_time_wait(_: &World, _: Step, after: &World, _: &Happened) -> Result<(), Violation> {
        let waits = after.ends[0].state() == State::TimeWait && after.left.drops == 0 && after.is_quiet();
        if waits { Err(Violation { property: "planted", why: "A waits".into() }) } else { Ok(()) }
    }
    let checks = Checks { steps: &[Property { check: in_time_wait }], ..Checks::NONE };
    let budget = Budget { drops: 1, copies: 0, reorders: 0, ..Budget::CI };
    let rules = Rules { whole: true, octets: [2, 0], abort: false, budget, ..Rules::new("script") };
    let found = explore(&rules, &checks, Limits::default());
    let Err(Unfinished::Found(finding)) = found else { panic!("{found:?}") };
    let text = finding.to_string();
    assert!(text.starts_with("VIOLATION planted: A waits\nin the world `script`, after "), "{text}");
    assert!(text.contains("TIME-WAIT") && text.contains("─x "), "{text}");
    let mut passed = 0;
    for end in 0..2 {
        let written = finding.script(end);
        let outcome = run(&written.script, &RunOptions::new(Profile::library()));
        passed += usize::from(outcome.verdict == Verdict::Pass);
        println!("{}\n{:?} {:?}", written.text, outcome.verdict, written.left_out);
    }
    assert_eq!(passed, 2);
}

fn panics(_: &World, _: Step, after: &World, _: &Happened) -> Result<(), Violation> {
    assert!(after.ends[1].state() != State::SynReceived, "planted");
    Ok(())
}

#[test]
fn a_panic_is_found_like_anything_else() {
    let checks = Checks { steps: &[Property { check: panics }], ..Checks::NONE };
    let found = explore(&handshake(), &checks, Limits::default());
    let Err(Unfinished::Found(finding)) = found else { panic!("{found:?}") };
    assert_eq!((finding.property.as_str(), finding.why.as_str()), ("panic", "planted"));
    let text = finding.to_string();
    assert!(text.contains("VIOLATION panic: planted") && text.contains("SYN-SENT"), "{text}");
}

#[test]
fn the_same_is_found_each_time_by_one_thread_and_by_two() {
    let [one, two, again] =
        [1, 2, 2].map(|threads| figures(&small(), Limits { threads, ..Limits::default() }));
    assert_eq!((one, two), (two, again));
}

#[test]
fn a_search_that_is_cut_off_fails() {
    let cut = explore(&small(), &Checks::NONE, Limits { visits: 100, ..Limits::default() });
    assert!(matches!(cut, Err(Unfinished::TooMany(figures)) if figures.visits > 100), "{cut:?}");
}

/// What is seen of a world from outside: states, streams, and what is on its way.
fn projected(world: &World) -> u64 {
    let mut hash = DefaultHasher::new();
    for end in &world.ends {
        end.state().hash(&mut hash);
        (end.user, end.inbox, end.round).hash(&mut hash);
        let tcb = end.tcb.as_deref();
        tcb.map(|tcb| (tcb.snd_una(), tcb.snd_max(), tcb.rcv_nxt(), tcb.close_reason())).hash(&mut hash);
        // How long it would wait, and how large its windows are, is of no interest once it is over.
        let going_on = tcb.filter(|tcb| tcb.state() != State::Closed);
        going_on.map(|tcb| (tcb.rto(), tcb.backoff(), tcb.snd_wnd(), tcb.rcv_wnd())).hash(&mut hash);
        let left = tcb.and_then(|tcb| tcb.poll_timeout()).map(|at| at - world.now);
        left.hash(&mut hash);
    }
    for lane in &world.lanes {
        let seen = |packet: &super::super::world::Packet| {
            (packet.meta.seq, packet.meta.ack, packet.meta.flags, packet.offset)
        };
        lane.queue.iter().map(seen).collect::<Vec<_>>().hash(&mut hash);
        let strays: BTreeSet<String> = lane.strays.iter().map(|stray| format!("{:?}", seen(stray))).collect();
        strays.hash(&mut hash);
    }
    hash.finish()
}

/// Everything there is, kept as it is: machines compared by all of their fields, time by the clock, nothing left out and nothing
/// covered by anything. Answers what is seen of it, and how many worlds those are.
fn without_fingerprints(rules: &Rules) -> (BTreeSet<u64>, usize) {
    let mut worlds: BTreeMap<u64, Vec<World>> = BTreeMap::new();
    let mut open = VecDeque::from([World::new(rules)]);
    let (mut seen, mut count, mut steps) = (BTreeSet::new(), 0, Vec::new());
    while let Some(world) = open.pop_front() {
        let mut hash = DefaultHasher::new();
        (projected(&world), world.now).hash(&mut hash);
        let alike = worlds.entry(hash.finish()).or_default();
        if alike.contains(&world) {
            continue;
        }
        alike.push(world.clone());
        seen.insert(projected(&world));
        count += 1;
        world.steps(rules, &mut steps);
        open.extend(steps.iter().map(|&step| world.take(rules, step).0));
    }
    (seen, count)
}

/// What the search with fingerprints sees of the same.
fn with_fingerprints(rules: &Rules) -> (BTreeSet<u64>, Figures) {
    use std::sync::Mutex;
    static SEEN: Mutex<BTreeSet<u64>> = Mutex::new(BTreeSet::new());
    fn see(_: &World, _: Step, after: &World, _: &Happened) -> Result<(), Violation> {
        SEEN.lock().expect("nobody panics with it").insert(projected(after));
        Ok(())
    }
    SEEN.lock().expect("nobody panics with it").clear();
    let explored =
        explore(rules, &Checks { steps: &[Property { check: see }], ..Checks::NONE }, Limits::default());
    let Ok((figures, _)) = explored else { panic!("{explored:?}") };
    let mut seen = std::mem::take(&mut *SEEN.lock().expect("nobody panics with it"));
    seen.insert(projected(&World::new(rules)));
    (seen, figures)
}

#[test]
fn what_is_taken_for_the_same_is_the_same() {
    let mut lossy = small();
    lossy.octets = [1, 1];
    let mut crossing = small();
    (crossing.opens[1], crossing.octets) = ([true, false], [0, 0]);
    let mut stamped = small();
    stamped.config.iter_mut().for_each(|config| config.timestamps = true);
    let mut doubled = small();
    (doubled.octets, doubled.budget.drops, doubled.budget.copies) = ([0, 0], 0, 1);
    for (name, rules) in [
        ("small", small()),
        ("lossy", lossy),
        ("crossing", crossing),
        ("stamped", stamped),
        ("doubled", doubled),
    ] {
        let (all, worlds) = without_fingerprints(&rules);
        let (seen, figures) = with_fingerprints(&rules);
        assert_eq!(seen, all, "{name}: {worlds} worlds, and {figures}");
        assert!(figures.states <= worlds);
    }
    assert_eq!(START, World::new(&small()).now);
}
