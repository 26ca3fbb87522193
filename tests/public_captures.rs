//! Replay against another program's answers: tshark's, for every capture that has them beside it as
//! `NAME.oracle.jsonl`.
//!
//! The captures of this project are always compared. Captures of third parties are where the environment
//! variable `TCPSTATE_CAPTURES` says; without it they are skipped.

#![cfg(feature = "pcap")]
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tcpstate::replay::{FlowReport, ReplayConfig};

/// How many captures of third parties there are at least.
const PUBLIC: usize = 21;

/// `NAME.oracle.jsonl`, for a capture `NAME` or `NAME.pcapng`.
fn oracle_of(capture: &Path) -> Option<PathBuf> {
    let mut whole = capture.as_os_str().to_owned();
    whole.push(".oracle.jsonl");
    [PathBuf::from(whole), capture.with_extension("oracle.jsonl")].into_iter().find(|path| path.exists())
}

fn hex(digest: Option<[u8; 32]>) -> String {
    digest.iter().flatten().map(|octet| format!("{octet:02x}")).collect()
}

/// What both programs say of a flow, under the names of the oracle.
fn ours(flow: &FlowReport) -> Value {
    json!({
        "stream": flow.flow,
        "a": flow.a.to_string(),
        "b": flow.b.to_string(),
        "first_frame": flow.first_frame,
        "last_frame": flow.last_frame,
        "frames": flow.frames,
        "seg_bytes": flow.payload_bytes,
        "syn": flow.syn,
        "fin": flow.fin,
        "rst": flow.rst,
        "isn": flow.isn.map(|isn| isn.map(|isn| isn.get())),
    })
}

/// Where we and the oracle differ on one capture; and how many directions were compared by their octets.
fn differences(capture: &Path, oracle: &Path) -> (Vec<String>, usize) {
    let text = fs::read_to_string(oracle).expect("the answers can be read");
    let theirs: Vec<Value> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| serde_json::from_str(line).expect("an answer is JSON"))
        .collect();
    let replayed = common::replay_file(&common::read(capture), ReplayConfig::default());
    let name = common::name_of(capture);
    let mut found = Vec::new();
    if replayed.flows.len() != theirs.len() {
        found.push(format!("{name}: {} flows, not {}", replayed.flows.len(), theirs.len()));
    }
    let mut streams = 0;
    for (flow, theirs) in replayed.flows.iter().zip(&theirs) {
        let ours = ours(flow);
        for (key, value) in ours.as_object().expect("it is an object") {
            if *value != theirs[key] {
                found.push(format!("{name}, flow {}: {key} {value}, not {}", flow.flow, theirs[key]));
            }
        }
        for end in 0..2 {
            if theirs["agree"][end] == json!(true) {
                streams += 1;
                let (got, wanted) = (hex(flow.stream[end].sha256), &theirs["payload"][end]["sha256"]);
                if *wanted != json!(got) {
                    found.push(format!("{name}, flow {}, end {end}: stream {got}, not {wanted}", flow.flow));
                }
            }
        }
    }
    (found, streams)
}

/// Compares every capture of a directory; answers how many there were, and how many directions by their octets.
fn compare_all(dir: &Path) -> (usize, usize) {
    let (mut captures, mut streams, mut found) = (0, 0, Vec::new());
    for capture in common::captures_in(dir) {
        let Some(oracle) = oracle_of(&capture) else { continue };
        let (differences, compared) = differences(&capture, &oracle);
        captures += 1;
        streams += compared;
        found.extend(differences);
    }
    assert!(found.is_empty(), "{} differences:\n{}", found.len(), found.join("\n"));
    (captures, streams)
}

#[test]
fn our_captures_replay_as_tshark_sees_them() {
    let dir = common::fixtures_dir();
    for capture in common::fixtures() {
        assert!(oracle_of(&capture).is_some(), "{}: no answers beside it", common::name_of(&capture));
    }
    let (captures, streams) = compare_all(&dir);
    assert!(captures >= 29 && streams >= 70, "{captures} captures, {streams} directions");
}

#[test]
fn public_captures_replay_as_tshark_sees_them() {
    let Some(dir) = std::env::var_os("TCPSTATE_CAPTURES") else {
        eprintln!("skipped: set TCPSTATE_CAPTURES to the directory of the public captures");
        return;
    };
    let (captures, streams) = compare_all(Path::new(&dir));
    assert!(captures >= PUBLIC, "{captures} captures with answers, expected {PUBLIC}");
    assert!(streams >= 53, "{streams} directions were compared by their octets, expected 53");
}
