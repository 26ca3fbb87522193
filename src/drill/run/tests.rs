use alloc::string::ToString;
use alloc::vec;
use core::time::Duration;

use super::*;
use crate::TcpFlags;
use crate::drill::script::{Action, Body, Direction, OptionList, OptionWord, TcpLine, When};
use crate::drill::{Profile, parse};

mod rules;

pub(super) fn read(text: &str) -> Script {
    parse(text, &[]).unwrap_or_else(|error| panic!("{error:?}"))
}

pub(super) fn play(text: &str) -> Outcome {
    run(&read(text), &RunOptions::new(Profile::library()))
}

pub(super) fn failure(text: &str) -> Failure {
    match play(text).verdict {
        Verdict::Fail(failure) => failure,
        other => panic!("{other:?}"),
    }
}

pub(super) fn passes(text: &str) {
    let outcome = play(text);
    let trace: Vec<_> = outcome.trace.iter().map(ToString::to_string).collect();
    match &outcome.verdict {
        Verdict::Pass => {}
        Verdict::Fail(failure) | Verdict::Unsupported(failure) => {
            panic!("{failure}\n{}", trace.join("\n"))
        }
    }
}

pub(super) const PASSIVE: &str = include_str!("tests/passive.pkt");
pub(super) const MERGED: &str = include_str!("tests/merged.pkt");
pub(super) const TIMESTAMPS: &str = include_str!("tests/timestamps.pkt");

const CORPUS: [&str; 10] = [
    include_str!("tests/both.pkt"),
    PASSIVE,
    include_str!("tests/active.pkt"),
    TIMESTAMPS,
    include_str!("tests/six.pkt"),
    include_str!("tests/closed.pkt"),
    include_str!("tests/several.pkt"),
    MERGED,
    include_str!("tests/unreachable.pkt"),
    include_str!("tests/simultaneous.pkt"),
];

#[test]
fn scripts_that_are_right_pass() {
    for script in CORPUS {
        passes(script);
    }
}

#[test]
fn a_script_that_is_played_twice_ends_the_same_way() {
    for script in CORPUS {
        let record = |text| {
            let options = RunOptions { record: true, ..RunOptions::new(Profile::library()) };
            run(&read(text), &options)
        };
        assert_eq!(record(script), record(script));
        assert!(!record(script).trace.is_empty());
    }
}

/// The line with one thing in it that is not so any more.
fn mutants(line: &TcpLine) -> Vec<TcpLine> {
    let mut mutants = Vec::new();
    let mut with = |change: &dyn Fn(&mut TcpLine)| {
        let mut mutant = line.clone();
        change(&mut mutant);
        if mutant != *line {
            mutants.push(mutant);
        }
    };
    // A SYN of ours says what its number is in the script.
    if !line.flags.contains(TcpFlags::SYN) {
        with(&|line| (line.seq, line.end) = (line.seq + 1, line.end + 1));
        with(&|line| (line.seq, line.end) = (line.seq.wrapping_sub(1), line.end.wrapping_sub(1)));
    }
    with(&|line| (line.len, line.end) = (line.len.map(|len| len + 1), line.end + 1));
    if line.len > Some(0) {
        with(&|line| (line.len, line.end) = (line.len.map(|len| len - 1), line.end - 1));
    }
    with(&|line| line.ack = Some(line.ack.unwrap_or(0) + 1));
    with(&|line| line.window = line.window.map(|window| window ^ 1));
    with(&|line| line.urgent = Some(9));
    for bit in 0..9 {
        with(&|line| line.flags = TcpFlags::from_bits(line.flags.bits() ^ 1 << bit));
    }
    let options = |change: &dyn Fn(&mut Vec<OptionWord>), line: &mut TcpLine| {
        if let OptionList::These(words) = &mut line.options {
            change(words);
        }
    };
    with(&|line| options(&|words| words.extend(vec![OptionWord::Nop; 4]), line));
    with(&|line| options(&|words| drop(words.pop()), line));
    with(&|line| options(&|words| words.reverse(), line));
    with(&|line| {
        options(
            &|words| {
                for word in words {
                    match word {
                        OptionWord::Mss(mss) => *mss += 1,
                        OptionWord::WindowScale(shift) => *shift += 1,
                        OptionWord::Sack(blocks) => blocks[0].1 += 1,
                        _ => {}
                    }
                }
            },
            line,
        );
    });
    mutants
}

#[test]
fn whatever_is_changed_in_an_outbound_line_makes_a_script_fail_there() {
    let options = RunOptions::new(Profile::library());
    let mut tried = 0;
    for text in CORPUS {
        let script = read(text);
        for (at, event) in script.events.iter().enumerate() {
            let Action::Packet(packet) = &event.action else { continue };
            let (Direction::Out, Body::Tcp(line)) = (packet.direction, &packet.body) else { continue };
            for mutant in mutants(line) {
                let mut script = script.clone();
                let mut wrong = packet.clone();
                wrong.body = Body::Tcp(mutant.clone());
                script.events[at].action = Action::Packet(wrong);
                match run(&script, &options).verdict {
                    Verdict::Fail(failure) => assert_eq!(failure.line, event.line, "{mutant:?}: {failure}"),
                    other => panic!("{other:?} in spite of {mutant:?} for {}", event.text),
                }
                tried += 1;
            }
        }
    }
    assert!(tried > 300, "{tried}");
}

#[test]
fn a_line_whose_time_is_off_by_more_than_the_tolerance_fails() {
    let options = RunOptions::new(Profile::library());
    let off = |by: Duration, later: bool| {
        for text in CORPUS {
            let script = read(text);
            for (at, event) in script.events.iter().enumerate() {
                let Action::Packet(packet) = &event.action else { continue };
                let When::After(gap) = event.when else { continue };
                if packet.direction == Direction::In || !later && gap < by {
                    continue;
                }
                let mut script = script.clone();
                script.events[at].when = When::After(if later { gap + by } else { gap - by });
                let verdict = run(&script, &options).verdict;
                if by > Duration::from_millis(4) {
                    let Verdict::Fail(failure) = verdict else { panic!("{} {by:?}", event.text) };
                    assert_eq!(failure.line, event.line, "{failure}");
                } else {
                    assert_eq!(verdict, Verdict::Pass, "{}", event.text);
                }
            }
        }
    };
    off(Duration::from_millis(5), true);
    off(Duration::from_millis(5), false);
    off(Duration::from_millis(3), true);
}

#[test]
fn code_runs_at_the_end_with_variables_that_live_on() {
    passes("0 %{ a = 1 }%\n+1 %{ assert a == 1 }%");
    let fails = failure("0 %{ a = 1 }%\n+0 %{\n\nassert a == 2, 'why' }%");
    assert_eq!((fails.line, fails.message.as_str()), (4, "assert a == 2 does not hold: a is 1 \"why\""));
    let Verdict::Unsupported(lack) = play("0 %{ def f(): pass }%").verdict else { panic!("it is not done") };
    assert_eq!((lack.line, lack.message.as_str()), (1, "`def` in code"));
}

#[test]
fn a_name_that_is_not_known_is_not_passed_over_because_it_is_only_printed() {
    for code in ["print(tcpi_zork)", "print tcpi_zork", "print('a', 1 + tcpi_zork)"] {
        let verdict = play(&alloc::format!("0 %{{ {code} }}%")).verdict;
        let Verdict::Unsupported(lack) = verdict else { panic!("{code}: {verdict:?}") };
        assert_eq!((lack.line, lack.message.as_str()), (1, "`tcpi_zork` in code"));
    }
}
