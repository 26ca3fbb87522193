//! The faults of `tests/faults`, each a patch that violates one requirement, and those that only the explorer is to find: that
//! none has gone stale, in seconds and
//! without building any. That the tests notice them `bash tests/faults/run` finds out; see `docs/verification.md`.

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// One place of a patch.
struct Hunk {
    /// The file, from the root of the project.
    file: String,
    /// What its first line says: lines before and after.
    counts: (usize, usize),
    old: Vec<String>,
    new: Vec<String>,
}

struct Fault {
    name: String,
    /// The lines before the first file: `Requirement: MUST-1` and the like.
    said: BTreeMap<String, String>,
    hunks: Vec<Hunk>,
}

impl Fault {
    fn read(name: &str, text: &str) -> Self {
        let mut fault = Self { name: name.to_owned(), said: BTreeMap::new(), hunks: Vec::new() };
        let mut file = None;
        for line in text.lines() {
            if let Some(path) = line.strip_prefix("+++ b/") {
                file = Some(path.to_owned());
            } else if line.starts_with("--- a/") {
                file = None;
            } else if let Some(ranges) = line.strip_prefix("@@ ").and_then(|rest| rest.strip_suffix(" @@")) {
                let file = file.clone().unwrap_or_default();
                fault.hunks.push(Hunk { file, counts: counts(ranges), old: Vec::new(), new: Vec::new() });
            } else if let Some(hunk) = fault.hunks.last_mut() {
                let (kind, rest) = line.split_at_checked(1).unwrap_or((" ", ""));
                if kind != "+" {
                    hunk.old.push(rest.to_owned());
                }
                if kind != "-" {
                    hunk.new.push(rest.to_owned());
                }
            } else if let Some((key, value)) = line.split_once(": ") {
                fault.said.insert(key.to_owned(), value.to_owned());
            }
        }
        fault
    }

    /// The requirement that its name begins with: `MUST-13-time-wait-of-one-msl`.
    fn id(&self) -> String {
        self.name.splitn(3, '-').take(2).collect::<Vec<_>>().join("-")
    }

    /// Why it cannot be applied to these files, if it cannot: each place has to be there, and only once, so that nobody
    /// can take another for it.
    fn trouble(&self, read: impl Fn(&str) -> Option<String>) -> Vec<String> {
        let mut trouble = Vec::new();
        if self.hunks.is_empty() {
            trouble.push("it changes nothing".to_owned());
        }
        for hunk in &self.hunks {
            let file = &hunk.file;
            if !is_code(file) {
                trouble.push(format!("{file} is no code of the library"));
            }
            if hunk.old == hunk.new || hunk.counts != (hunk.old.len(), hunk.new.len()) {
                trouble.push(format!("{file}: a hunk is not what its first line says"));
            }
            let Some(text) = read(file) else {
                trouble.push(format!("{file} is not there"));
                continue;
            };
            let lines: Vec<&str> = text.lines().collect();
            let places = lines.windows(hunk.old.len().max(1)).filter(|lines| **lines == *hunk.old).count();
            if places != 1 {
                trouble.push(format!("{file} has {places} places like this:\n{}", hunk.old.join("\n")));
            }
        }
        trouble
    }
}

/// `-10,3 +10,2`: three and two; a number alone stands for one line.
fn counts(ranges: &str) -> (usize, usize) {
    let mut counts = ranges.split(' ').map(|range| match range.split_once(',') {
        Some((_, count)) => count.parse().expect("a count"),
        None => 1,
    });
    (counts.next().expect("before"), counts.next().expect("after"))
}

fn is_code(file: &str) -> bool {
    let is_test = file.ends_with("tests.rs") || file.contains("/tests/") || file.ends_with("testing.rs");
    file.starts_with("src/") && file.ends_with(".rs") && !is_test && !file.contains("..")
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn faults() -> Vec<Fault> {
    faults_in("tests/faults")
}

fn faults_in(folder: &str) -> Vec<Fault> {
    let folder = fs::read_dir(root().join(folder)).expect("the faults");
    let mut paths: Vec<_> = folder.map(|entry| entry.expect("an entry").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "patch"));
    paths.sort();
    let read = |path: &Path| {
        let name = path.file_stem().and_then(|name| name.to_str()).expect("a name");
        Fault::read(name, &fs::read_to_string(path).expect("a patch"))
    };
    paths.iter().map(|path| read(path)).collect()
}

#[test]
fn every_fault_applies_to_the_code_as_it_is() {
    let read = |file: &str| fs::read_to_string(root().join(file)).ok();
    let trouble: Vec<String> = faults()
        .iter()
        .chain(&faults_in("tests/explore/patches"))
        .flat_map(|fault| fault.trouble(read).into_iter().map(|why| format!("{}: {why}", fault.name)))
        .collect();
    assert!(trouble.is_empty(), "{}", trouble.join("\n"));
}

#[test]
fn every_fault_names_a_requirement_that_has_tests() {
    let matrix = fs::read_to_string(root().join("tests/rfc9293/tests.tsv")).expect("the matrix");
    let tested: BTreeSet<&str> = matrix.lines().skip(1).filter_map(|line| line.split('\t').next()).collect();
    for fault in faults() {
        let id = fault.id();
        assert!(tested.contains(&*id), "{}: the matrix names no test for {id}", fault.name);
        assert_eq!(fault.said.get("Requirement"), Some(&id), "{}", fault.name);
        assert!(fault.said.contains_key("Fault"), "{} does not say what is wrong with it", fault.name);
    }
}

#[test]
fn there_are_sixty_faults_at_least_and_no_two_are_the_same() {
    let faults = faults();
    assert!(faults.len() >= 60, "{} faults", faults.len());
    let mut seen = BTreeMap::new();
    for fault in &faults {
        let change: Vec<_> = fault.hunks.iter().map(|hunk| (&hunk.file, &hunk.old, &hunk.new)).collect();
        if let Some(other) = seen.insert(change, &fault.name) {
            panic!("{} and {other} are the same", fault.name);
        }
    }
}

/// What the checks above are worth: a fault that does not fit is found.
#[test]
fn a_stale_fault_is_noticed() {
    let patch =
        "Requirement: MUST-1\n\n--- a/src/a.rs\n+++ b/src/a.rs\n@@ -1,2 +1,2 @@\n one\n-two\n+three\n";
    let fits = |text: &'static str| Fault::read("MUST-1-x", patch).trouble(|_| Some(text.to_owned()));
    assert!(fits("zero\none\ntwo\n").is_empty());
    assert!(!fits("one\nnone\ntwo\n").is_empty(), "the lines are not there");
    assert!(!fits("one\ntwo\none\ntwo\n").is_empty(), "there are two places");
    assert!(!Fault::read("MUST-1-x", patch).trouble(|_| None).is_empty(), "there is no file");
    for file in ["src/a/tests.rs", "tests/a.rs", "src/../tests/a.rs"] {
        let patch = patch.replace("src/a.rs", file);
        let trouble = Fault::read("MUST-1-x", &patch).trouble(|_| Some("one\ntwo\n".to_owned()));
        assert!(!trouble.is_empty(), "{file} is no code");
    }
    let short = patch.replace("-1,2 +1,2", "-1,3 +1,2");
    assert!(!Fault::read("MUST-1-x", &short).trouble(|_| Some("one\ntwo\n".to_owned())).is_empty());
}
