//! Our own scripts, run against the library: those that must pass, and those that must fail, each where and why it says.
//!
//! A folder of `tests/drill` is a test here. A script says in its first lines which rule it is about, and which profile it
//! wants if it wants one.

#![cfg(feature = "drill")]
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

use tcpstate::drill::{self, Profile, RunOptions, Verdict};

/// Every `*.pkt` in a folder and below, in order of names.
fn scripts_in(folder: &Path) -> Vec<PathBuf> {
    let mut scripts = Vec::new();
    for entry in fs::read_dir(folder).expect("the folder can be read") {
        let path = entry.expect("the folder can be read").path();
        if path.is_dir() {
            scripts.extend(scripts_in(&path));
        } else if path.extension().is_some_and(|extension| extension == "pkt") {
            scripts.push(path);
        }
    }
    scripts.sort();
    scripts
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

/// What came of a script: nothing if it passed, or where and why it did not.
#[derive(Debug, PartialEq, Eq)]
enum Came {
    Passed,
    Failed(u32, String),
    Unsupported(u32, String),
}

/// Runs a script with these options before its own.
fn run(text: &str, options: &str) -> Came {
    let profile = match Profile::asked_for(text) {
        Ok(asked) => asked.unwrap_or_else(Profile::library),
        Err((line, unknown)) => return Came::Failed(line, unknown.to_string()),
    };
    let script = match drill::parse(&format!("{options}{text}"), &[]) {
        Ok(script) => script,
        Err(error) if error.unsupported => return Came::Unsupported(error.line, error.message),
        Err(error) => return Came::Failed(error.line, error.message),
    };
    match drill::run(&script, &RunOptions::new(profile)).verdict {
        Verdict::Pass => Came::Passed,
        Verdict::Fail(failure) => Came::Failed(failure.line, failure.message),
        Verdict::Unsupported(failure) => Came::Unsupported(failure.line, failure.message),
    }
}

/// Runs the scripts of a folder, with a tolerance of a tenth of a millisecond: time is virtual. What is not supported
/// would be a test that tests nothing: that fails too.
fn all_pass(folder: &str) {
    let scripts = scripts_in(&root().join("drill").join(folder));
    assert!(!scripts.is_empty(), "there is no script in {folder}");
    let mut problems = Vec::new();
    for script in &scripts {
        let text = fs::read_to_string(script).expect("a script is text");
        assert!(text.starts_with("// "), "{}: the first line has to tell the rule", script.display());
        // Whatever a script says of its own tolerance stands behind this, and wins.
        let came = run(&text, "--tolerance_usecs=100 --tolerance_percent=0 ");
        if came != Came::Passed {
            problems.push(format!("{}: {came:?}", script.display()));
        }
    }
    assert!(problems.is_empty(), "{} of {}:\n{}", problems.len(), scripts.len(), problems.join("\n"));
}

macro_rules! folders {
    ($($test:ident: $folder:literal,)*) => {
        const FOLDERS: &[&str] = &[$($folder),*];
        $(
            #[test]
            fn $test() {
                all_pass($folder);
            }
        )*
    };
}

folders! {
    blocking_calls: "blocking",
    calls: "calls",
    closing: "closing",
    congestion: "congestion",
    delayed_acknowledgments: "delayed-ack",
    ecn: "ecn",
    extremes: "extremes",
    epoll: "epoll",
    fast_open: "fast-open",
    freebsd: "freebsd",
    heartbeats: "heartbeat",
    http: "http",
    icmp: "icmp",
    keep_alive: "keepalive",
    language: "language",
    limits: "limits",
    linux: "linux",
    nagle: "nagle",
    opening: "opening",
    overlap: "overlap",
    path_mtu: "pmtu",
    persist: "persist",
    poll: "poll",
    prr: "prr",
    rack: "rack",
    reordering: "reordering",
    retransmission_timer: "rto",
    sack: "sack",
    shutdown: "shutdown",
    socket_errors: "socket-errors",
    socket_options: "sockopt",
    tail_loss_probes: "tlp",
    timestamps: "timestamps",
    udp: "udp",
    urgent: "urgent",
    windows: "windows",
}

#[test]
fn every_folder_of_scripts_is_run_by_a_test() {
    let entries = fs::read_dir(root().join("drill")).expect("the folder can be read");
    let names = entries.map(|entry| entry.expect("the folder can be read").file_name());
    let mut there: Vec<String> = names.map(|name| name.into_string().expect("names are text")).collect();
    there.sort();
    let mut known: Vec<&str> = FOLDERS.to_vec();
    // That one has a test of its own, `drill_matrix`, which also makes it.
    known.push("state-by-segment");
    known.sort_unstable();
    assert_eq!(there, known);
}

#[test]
fn there_are_several_hundred_scripts_and_both_versions_of_ip_are_among_them() {
    let all: Vec<PathBuf> =
        FOLDERS.iter().flat_map(|folder| scripts_in(&root().join("drill").join(folder))).collect();
    assert!(all.len() >= 500, "{}", all.len());
    let v6 = all
        .iter()
        .filter(|path| fs::read_to_string(path).expect("a script is text").contains("--ip_version=ipv6"));
    assert!(v6.count() >= 200);
}

/// `// fails: line 12: words` or `// unsupported: line 12: words` in the first line of a script.
fn promised(text: &str) -> Option<Came> {
    let first = text.lines().next()?.strip_prefix("// ")?;
    let (what, rest) = first.split_once(": line ")?;
    let (line, words) = rest.split_once(": ")?;
    let (line, words) = (line.parse().ok()?, words.to_owned());
    match what {
        "fails" => Some(Came::Failed(line, words)),
        "unsupported" => Some(Came::Unsupported(line, words)),
        _ => None,
    }
}

#[test]
fn scripts_that_must_fail_do_so_at_the_line_and_for_the_reason_that_they_say() {
    let scripts = scripts_in(&root().join("drill_must_fail"));
    assert!(scripts.len() >= 40, "{}", scripts.len());
    let mut problems = Vec::new();
    for script in &scripts {
        let text = fs::read_to_string(script).expect("a script is text");
        let promised = promised(&text).unwrap_or_else(|| panic!("{}: the first line", script.display()));
        let came = run(&text, "");
        let kept = match (&promised, &came) {
            (Came::Failed(line, words), Came::Failed(at, why))
            | (Came::Unsupported(line, words), Came::Unsupported(at, why)) => {
                line == at && why.contains(words)
            }
            _ => false,
        };
        if !kept {
            problems.push(format!("{}:\n  promised {promised:?}\n  came     {came:?}", script.display()));
        }
    }
    assert!(problems.is_empty(), "{} of {}:\n{}", problems.len(), scripts.len(), problems.join("\n"));
}
