//! The comparison must be able to fail, and the page must say what is so.

use crate::answer::Reset;
use crate::packet::Wire;
use crate::run::play;
use crate::script::Script;
use crate::stack::{Call, Library};
use crate::{classes, generate, judge, judged, play_other};
use std::collections::BTreeSet;

const PAGE: &str = include_str!("../../../docs/differences.md");

fn script(text: &str) -> Script {
    text.parse().expect("a script")
}

/// A transfer that all stacks answer alike.
const QUIET: &str = "server iss=1000 buffer=4096 : S+0,usual .+0,ack P+0,ack,len=100 recv=1000 send=200 .+0,ack shutdown .+0,ack";

#[test]
fn a_quiet_transfer_is_the_same_everywhere() {
    for library in Library::OTHERS {
        let found = judge(&script(QUIET), library);
        assert!(found.is_empty(), "{}: {found:#?}", library.name());
    }
}

#[test]
fn a_wrong_answer_that_is_planted_is_found_and_has_no_class() {
    let ours = play(Library::Tcpstate, &script(QUIET));
    for library in Library::OTHERS {
        let honest = play_other(library, &script(QUIET));
        let unknown = |change: &dyn Fn(&mut crate::run::Record)| {
            let mut record = honest.clone();
            change(&mut record);
            let found = judged(library, &ours, &record);
            assert_eq!(found.len(), 1, "{}: {found:#?}", library.name());
            assert_eq!(found[0].1, None, "{}: {found:#?}", library.name());
        };
        // An octet too many is acknowledged; the user reads another octet; a reset; a FIN at the wrong place.
        unknown(&|record| {
            record.played[2].answer.ack = Some(102);
            record.played[2].position.2 = Some(102);
        });
        unknown(&|record| {
            if let Some(Call::Read(octets)) = &mut record.played[3].answer.call {
                octets[50] ^= 1;
            }
        });
        unknown(&|record| record.played[5].answer.reset = Some(Reset { seq: 201, ack: None }));
        unknown(&|record| record.played[6].answer.fin = Some(202));
    }
}

#[test]
fn octets_that_the_user_has_not_written_are_noticed() {
    let mut sight = crate::answer::Sight::default();
    sight.iss = Some(0);
    let mut answer = crate::answer::Answer::default();
    let wire = Wire { seq: 1, flags: 0x10, payload: vec![1, 2, 3, 4], ..Wire::default() };
    // Packets go from the peer to the stack here: the addresses are changed, which no checksum notices.
    let mut packet = wire.to_packet(None);
    let (from, to) = (packet[12..16].to_vec(), packet[16..20].to_vec());
    packet[12..16].copy_from_slice(&to);
    packet[16..20].copy_from_slice(&from);
    sight.take(0, &packet, &mut answer);
    assert_eq!(answer.wrong.len(), 1, "{answer:?}");
    packet[40] ^= 1;
    sight.take(0, &packet, &mut answer);
    assert!(answer.wrong[1].contains("checksum"), "{answer:?}");
}

#[test]
fn a_script_is_read_as_it_was_printed() {
    for seed in 0..2_000 {
        let made = generate::script(seed);
        let read = Script { seed, ..script(&made.to_string()) };
        assert_eq!(read, made, "{made}");
    }
}

#[test]
fn a_seed_gives_the_same_records_each_time() {
    for library in [Library::Tcpstate].into_iter().chain(Library::OTHERS) {
        for seed in 0..50 {
            let played = || format!("{:?}", play_other(library, &generate::script(seed)));
            assert_eq!(played(), played(), "{} {seed}", library.name());
        }
    }
}

#[test]
fn the_page_tells_of_each_class_and_of_no_other() {
    let told: Vec<&str> = PAGE.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    let known = classes::names();
    let classes: Vec<&str> = told.into_iter().filter(|heading| !heading.contains(' ')).collect();
    assert_eq!(classes, known);
}

#[test]
fn the_examples_on_the_page_show_their_class() {
    let mut class = "";
    let mut shown = BTreeSet::new();
    for line in PAGE.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            class = heading;
        }
        let Some((name, text)) = line.split_once(' ') else { continue };
        let Some(library) = Library::OTHERS.into_iter().find(|library| library.name() == name) else {
            continue;
        };
        let Ok(script) = text.trim().parse() else { continue };
        let found = judge(&script, library);
        assert!(found.iter().any(|(_, name)| *name == Some(class)), "{class}: {line}\n{found:#?}");
        shown.insert(class);
    }
    // No stack has panicked yet, and what is mended cannot be shown any more.
    let without: Vec<&str> = classes::names().into_iter().filter(|name| !shown.contains(name)).collect();
    assert!(without.len() < 4, "without an example: {without:?}");
}

#[test]
fn every_difference_of_some_seeds_has_a_class() {
    for seed in 0..300 {
        let script = generate::script(seed);
        for library in Library::OTHERS {
            for (difference, class) in judge(&script, library) {
                assert!(class.is_some(), "{script}\n{difference:#?}");
            }
        }
    }
}
