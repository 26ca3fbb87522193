use std::path::Path;
use std::{fs, iter};

use tcpstate::capture::CaptureReader;
use tcpstate::drill::{Profile, RunOptions, Verdict, parse, run};
use tcpstate::replay::{Replay, ReplayConfig};

use super::*;

/// The committed seeds of a target, by name.
fn seeds(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(target);
    let mut seeds: Vec<_> = fs::read_dir(folder)
        .expect("there are seeds")
        .map(|entry| entry.expect("the folder can be read").path())
        .map(|path| (path.display().to_string(), fs::read(&path).expect("a seed can be read")))
        .collect();
    seeds.sort();
    seeds
}

fn file<'m>(made: &'m Reproduced, ending: &str) -> Option<&'m [u8]> {
    made.files.iter().find(|(name, _)| *name == ending).map(|(_, octets)| octets.as_slice())
}

/// The frames of a capture, which `replay` follows.
fn frames(capture: &[u8]) -> usize {
    let mut reader = CaptureReader::new(capture).expect("a capture");
    let mut replay = Replay::new(ReplayConfig::default());
    let frames = iter::from_fn(|| {
        let frame = reader.next_frame().expect("the capture is whole")?;
        replay.frame(&frame).expect("the frame can be followed");
        Some(())
    });
    frames.count()
}

#[test]
fn a_crash_gives_a_picture_a_capture_and_scripts() {
    for (target, scripts) in
        [("tcb_ops", &[".pkt"][..]), ("pair", &["-a.pkt", "-b.pkt"]), ("host", &["-a.pkt", "-b.pkt"])]
    {
        let mut captures = 0;
        for (name, seed) in seeds(target).iter().take(6) {
            let made = reproduce(target, seed, Some(12)).expect("a target");
            let Some(broke) = &made.broke else { continue };
            assert!(broke.starts_with("it was asked for ("), "{name}: {broke}");
            assert!(made.picture.as_ref().is_some_and(|picture| picture.contains("broke: it was")), "{name}");
            for ending in scripts {
                let text = String::from_utf8(file(&made, ending).expect("a script").to_vec()).expect("text");
                assert!(parse(&text, &[]).is_ok(), "{name}: {text}");
                assert!(text.contains("What broke: it was asked for"), "{name}: {text}");
            }
            if let Some(capture) = file(&made, ".pcapng") {
                captures += 1;
                assert!(frames(capture) > 0, "{name}");
                assert!(String::from_utf8_lossy(capture).contains("broke: it was asked for"), "{name}");
            }
        }
        assert!(captures > 0, "{target}");
    }
}

#[test]
fn without_a_crash_all_of_the_run_is_told() {
    let (_, seed) = &seeds("pair")[0];
    let made = reproduce("pair", seed, None).expect("a target");
    assert_eq!(made.broke, None);
    assert!(file(&made, ".pcapng").is_some_and(|capture| frames(capture) > 3));
}

/// Tries the scripts of all seeds of a target but those; says how many did the same, and how many there are. The others
/// have a reason.
fn scripts_that_do_the_same(target: &str, but: &[&str]) -> (usize, usize) {
    let (mut same, mut all) = (0, 0);
    for (name, seed) in seeds(target) {
        if but.iter().any(|but| name.ends_with(but)) {
            continue;
        }
        let made = reproduce(target, &seed, None).expect("a target");
        assert_eq!(made.broke, None, "{name}");
        for (ending, octets) in made.files.iter().filter(|(ending, _)| ending.ends_with(".pkt")) {
            all += 1;
            let text = String::from_utf8(octets.clone()).expect("text");
            let script = parse(&text, &[]).expect("a script");
            let profile = Profile::asked_for(&text).expect("a profile").unwrap_or_else(Profile::library);
            let does = run(&script, &RunOptions::new(profile)).verdict == Verdict::Pass;
            let told = format!("{ending}: does the same again");
            assert_eq!(does, made.notes.contains(&told), "{name}: {:?}", made.notes);
            same += usize::from(does);
            let is_reason = |note: &String| {
                let said = note.strip_prefix(ending).unwrap_or_default();
                said.starts_with(": not in it") || said.starts_with(": a script cannot say")
            };
            let is_named = text.contains("// not expressible: ") || text.contains("// A script cannot say: ");
            assert!(does || is_named && made.notes.iter().any(is_reason), "{name}: {:?}\n{text}", made.notes);
        }
    }
    (same, all)
}

#[test]
fn scripts_of_machines_do_the_same_again_or_say_why_not() {
    let (same, all) = scripts_that_do_the_same("tcb_ops", &[]);
    assert!(same >= 78, "{same} of {all}");
}

#[test]
fn scripts_of_pairs_do_the_same_again_or_say_why_not() {
    // One of them sends 20,000 packets.
    let (same, all) = scripts_that_do_the_same("pair", &["answer-for-ever"]);
    assert!(same >= 56, "{same} of {all}");
}

#[test]
fn scripts_of_hosts_do_the_same_again_or_say_why_not() {
    let (same, all) = scripts_that_do_the_same("host", &[]);
    assert!(same >= 21, "{same} of {all}");
}

#[test]
fn what_users_of_accepted_connections_call_is_in_the_script() {
    let seeds = seeds("host");
    let (_, seed) = seeds.iter().find(|(name, _)| name.ends_with("made-closes")).expect("the seed");
    let made = reproduce("host", seed, None).expect("a target");
    let text = String::from_utf8(file(&made, "-b.pkt").expect("a script").to_vec()).expect("text");
    for part in ["accept(3, ..., ...) = 4", "// CLOSE-WAIT", "close(4) = 0", "// LAST-ACK"] {
        assert!(text.contains(part), "no {part}: {text}");
    }
}

#[test]
fn what_is_no_run_gives_what_there_is() {
    for (name, seed) in seeds("options") {
        let made = reproduce("options", &seed, None).expect("a target");
        assert_eq!(file(&made, ".pcapng").map(frames), Some(1), "{name}");
        assert!(file(&made, ".pkt").is_some(), "{name}");
    }
    for (name, seed) in seeds("packet") {
        let made = reproduce("packet", &seed, None).expect("a target");
        assert!(file(&made, ".pcapng").is_some(), "{name}");
    }
    let mut captures = 0;
    for (name, seed) in seeds("drill") {
        let made = reproduce("drill", &seed, None).expect("a target");
        assert_eq!(file(&made, ".pkt"), Some(&seed[..]), "{name}");
        captures += usize::from(file(&made, ".pcapng").is_some());
    }
    assert!(captures > 0);
    let made = reproduce("capture", b"no capture", None).expect("a target");
    assert_eq!(file(&made, ".pcap"), Some(&b"no capture"[..]));
    assert!(reproduce("nothing", b"", None).is_none());
}
