//! The scripts in `tests/drill/state-by-segment`: each state of a connection against each kind of segment, in IPv4 and
//! IPv6, as packetdrill scripts.
//!
//! They are written by this test and kept in the repository, so that people can read and run them. What they expect
//! comes from the oracle of `state_by_segment`, which reasons it from RFC 9293 §3.10.7 and RFC 5961 and knows nothing of
//! the machine; here it is only put into the numbers of a script. `TCPSTATE_BLESS=1 cargo test --all-features --test
//! drill_matrix` writes them anew; without it the test fails if a file is not as it would be written.
//!
//! A script has one case beneath the other, each with a connection of its own: it is brought into the state, the
//! segment arrives, and what has to be sent, at once or by the delayed acknowledgment, is expected. A probe follows,
//! whose answer tells the state and the numbers on which it stands, and that nothing else was sent before.

#![cfg(feature = "drill")]
#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

#[path = "state_by_segment/answer.rs"]
#[allow(dead_code, reason = "a script cannot see all of an answer")]
mod answer;
#[path = "state_by_segment/cell.rs"]
#[allow(dead_code, reason = "scripts have fewer places and acknowledgments")]
mod cell;
#[path = "state_by_segment/oracle.rs"]
#[allow(dead_code, reason = "a script cannot see all of an answer")]
mod oracle;
#[path = "drill_matrix/scene.rs"]
mod scene;
#[path = "drill_matrix/write.rs"]
mod write;

/// What the oracle asks of the rig that it was written for.
mod rig {
    /// The window field of the segment under test.
    pub(crate) const TEST_WINDOW: u16 = 2_000;
}

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use cell::Kind;
use scene::Scene;
use tcpstate::drill::{Profile, RunOptions, Verdict, parse, run};

const FOLDER: &str = "tests/drill/state-by-segment";

/// The kinds of segments, and the names of their files.
const KINDS: [(Kind, &str); 9] = [
    (Kind::Bare, "ack"),
    (Kind::Data, "data"),
    (Kind::Fin, "fin"),
    (Kind::DataFin, "data-fin"),
    (Kind::Syn, "syn"),
    (Kind::SynData, "syn-data"),
    (Kind::SynFin, "syn-fin"),
    (Kind::Rst, "rst"),
    (Kind::RstData, "rst-data"),
];

/// All scripts, by their paths from the root of the repository.
fn scripts() -> BTreeMap<PathBuf, String> {
    let mut scripts = BTreeMap::new();
    for v6 in [false, true] {
        let version = if v6 { "ipv6" } else { "ipv4" };
        for scene in Scene::ALL {
            for (kind, file) in KINDS {
                let path = Path::new(FOLDER).join(version).join(scene.folder()).join(format!("{file}.pkt"));
                scripts.insert(path, write::script(scene, kind, v6));
            }
        }
    }
    scripts
}

/// All files below a folder.
fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.expect("a folder can be read").path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push(path);
        }
    }
}

#[test]
fn the_scripts_in_the_repository_are_the_generated_ones() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let scripts = scripts();
    let mut there = Vec::new();
    files(&root.join(FOLDER), &mut there);
    let bless = std::env::var_os("TCPSTATE_BLESS").is_some();
    let mut stale = Vec::new();
    for path in &there {
        let known = path.strip_prefix(root).is_ok_and(|path| scripts.contains_key(path));
        if !known && bless {
            fs::remove_file(path).expect("a file can be removed");
        } else if !known {
            stale.push(path.display().to_string());
        }
    }
    for (path, text) in &scripts {
        let path = root.join(path);
        if fs::read_to_string(&path).is_ok_and(|there| there == *text) {
            continue;
        }
        if bless {
            fs::create_dir_all(path.parent().expect("it lies in a folder")).expect("a folder can be made");
            fs::write(&path, text).expect("a file can be written");
        } else {
            stale.push(path.display().to_string());
        }
    }
    assert!(stale.is_empty(), "TCPSTATE_BLESS=1 cargo test --all-features --test drill_matrix: {stale:#?}");
}

#[test]
fn every_state_answers_every_segment_as_rfc_9293_has_it() {
    let options = RunOptions::new(Profile::library());
    let mut failures = Vec::new();
    let mut cases = 0;
    for (path, text) in scripts() {
        cases += text.matches("\n// ").count();
        let script = parse(&text, &[]).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        match run(&script, &options).verdict {
            Verdict::Pass => {}
            Verdict::Fail(failure) | Verdict::Unsupported(failure) => {
                failures.push(format!("{}: {failure}", path.display()));
            }
        }
    }
    let count = failures.len();
    failures.truncate(20);
    assert!(failures.is_empty(), "{}\n{count} scripts fail", failures.join("\n"));
    assert!(cases > 2_000, "all of them were run: {cases}");
}
