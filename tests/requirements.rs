//! The requirements of RFC 9293, each with the code and the tests that name it: `docs/rfc9293.md` is made from the
//! citations, and this test fails when a requirement has none, or when the page is stale.
//!
//! `TCPSTATE_BLESS=1 cargo test --test requirements` writes the page anew.

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

#[path = "requirements/rows.rs"]
mod rows;

/// One requirement.
pub(crate) struct Row {
    id: &'static str,
    section: &'static str,
    what: &'static str,
    why_not: Option<&'static str>,
}

pub(crate) const fn row(id: &'static str, section: &'static str, what: &'static str) -> Row {
    Row { id, section, what, why_not: None }
}

impl Row {
    pub(crate) const fn not_here(self, why_not: &'static str) -> Self {
        Self { why_not: Some(why_not), ..self }
    }
}

/// Identifier → places that name it.
type Citations = BTreeMap<String, Vec<String>>;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sources(folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of the project") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// The identifiers in a line: MUST-7, X-12 and the like.
fn identifiers(line: &str) -> Vec<String> {
    let words = line.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'));
    let named = words.filter(|word| {
        word.split_once('-').is_some_and(|(kind, number)| {
            ["MUST", "SHLD", "MAY", "REC", "X"].contains(&kind) && number.parse::<u8>().is_ok()
        })
    });
    named.map(str::to_owned).collect()
}

/// Which files of the library name which requirement.
fn code() -> Citations {
    let mut citations = Citations::new();
    for path in sources("src") {
        let name = path.strip_prefix(root().join("src")).expect("below src").display().to_string();
        if name.ends_with("tests.rs") || name.starts_with("replay") {
            continue;
        }
        for id in fs::read_to_string(&path).expect("a source").lines().flat_map(identifiers) {
            let places = citations.entry(id).or_default();
            if !places.contains(&name) {
                places.push(name.clone());
            }
        }
    }
    citations
}

/// Which tests name which requirement: in a comment above them, after `RFC 9293`.
fn tests() -> Citations {
    let mut citations = Citations::new();
    let below_src = sources("src").into_iter().filter(|path| path.ends_with("tests.rs"));
    for path in sources("tests").into_iter().chain(below_src) {
        let mut named = Vec::new();
        let text = fs::read_to_string(&path).expect("a source");
        for line in text.lines().map(str::trim) {
            if let Some(ids) = line.strip_prefix("// RFC 9293 ").or(line.strip_prefix("/// RFC 9293 ")) {
                let ids = identifiers(ids);
                assert!(
                    ids.len() <= 3,
                    "{}: a test holds at most three requirements: {line}",
                    path.display()
                );
                named.extend(ids);
            } else if let Some(name) = line.strip_prefix("fn ").filter(|_| !named.is_empty()) {
                let name = name.split('(').next().unwrap_or_default();
                for id in named.drain(..) {
                    citations.entry(id).or_default().push(name.to_owned());
                }
            }
        }
    }
    citations
}

/// At most three of the tests that hold a requirement: enough to begin with.
fn page(code: &Citations, tests: &Citations) -> String {
    let mut page = String::from(
        "# RFC 9293, requirement by requirement\n\n\
         Made from the citations in code and tests by `tests/requirements.rs`, which fails when this page is stale or \
         a MUST has no code or no test. Numbers as in the RFC's appendix B; X-n is behaviour that §3.10 describes \
         without a number.\n\n\
         | id | § | what | code (`src/`) | tests |\n|---|---|---|---|---|\n",
    );
    for row in rows::ROWS {
        let list = |all: Option<&Vec<String>>| {
            let Some(all) = all else { return String::from("–") };
            let shown: Vec<String> = all.iter().take(3).map(|name| format!("`{name}`")).collect();
            let more = all.len().saturating_sub(3);
            if more > 0 { format!("{} and {more} more", shown.join(", ")) } else { shown.join(", ") }
        };
        let held = match row.why_not {
            Some(why_not) => format!("| not here: {why_not} | |"),
            None => format!("| {} | {} |", list(code.get(row.id)), list(tests.get(row.id))),
        };
        writeln!(page, "| {} | {} | {} {held}", row.id, row.section, row.what).expect("a string");
    }
    page
}

#[test]
fn every_requirement_has_code_and_a_test_or_a_reason() {
    let (code, tests) = (code(), tests());
    let mut missing = Vec::new();
    for row in rows::ROWS.iter().filter(|row| row.why_not.is_none()) {
        if !code.contains_key(row.id) && !row.id.starts_with("X-") {
            missing.push(format!("{}: no code names it", row.id));
        }
        if !tests.contains_key(row.id) {
            missing.push(format!("{}: no test names it", row.id));
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

#[test]
fn every_must_and_should_has_a_row() {
    for (kind, last) in [("MUST", 69), ("SHLD", 31)] {
        for number in 1..=last {
            let id = format!("{kind}-{number}");
            assert!(rows::ROWS.iter().any(|row| row.id == id), "{id} has no row");
        }
    }
}

#[test]
fn no_requirement_is_named_that_does_not_exist() {
    let limits = BTreeMap::from([("MUST", 69), ("SHLD", 31), ("MAY", 18), ("REC", 1), ("X", 14)]);
    for id in code().keys().chain(tests().keys()) {
        let (kind, number) = id.split_once('-').expect("an identifier");
        assert!((1..=limits[kind]).contains(&number.parse::<u8>().expect("a number")), "{id}");
    }
}

#[test]
fn the_page_is_up_to_date() {
    let path = root().join("docs/rfc9293.md");
    let page = page(&code(), &tests());
    if std::env::var_os("TCPSTATE_BLESS").is_some() {
        fs::write(&path, &page).expect("the page can be written");
    }
    let there = fs::read_to_string(&path).unwrap_or_default();
    assert!(there == page, "docs/rfc9293.md is stale: TCPSTATE_BLESS=1 cargo test --test requirements");
}
