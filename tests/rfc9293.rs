//! The requirements of RFC 9293 and of its neighbours, each with the code and the tests that name it.
//!
//! The rows are data: `rfc9293/requirements.toml`, and a file for each RFC around it. Code names a row by its id in a
//! comment (`MUST-7`, `5681-3`); a test names at most three, in a comment above it that begins with `RFC`; a script of
//! `tests/drill` does so in a comment line. This test fails when a row has neither a test nor a reason, or both; when
//! an id is named that does not exist; when a comment that names one stands above something that is no test; and when
//! one of the two files made from all this is stale: `docs/conformance.md` for people and `rfc9293/tests.tsv`
//! (id, target, test) for scripts. `TCPSTATE_BLESS=1 cargo test --test rfc9293` writes them anew.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may fail by panicking"
)]

#[path = "rfc9293/citations.rs"]
mod citations;
#[path = "rfc9293/matrix.rs"]
mod matrix;
#[path = "rfc9293/page.rs"]
mod page;

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use citations::Citations;
use matrix::{Level, Matrix, Row};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The rows, and who names them.
struct Ground {
    matrices: Vec<Matrix>,
    cited: Citations,
}

/// It is read once for all tests.
static GROUND: LazyLock<Ground> = LazyLock::new(Ground::read);

impl Ground {
    fn read() -> Self {
        let matrices = matrix::read();
        let cited = Citations::read(&matrices);
        Self { matrices, cited }
    }

    fn rows(&self) -> impl Iterator<Item = &Row> {
        self.matrices.iter().flat_map(|matrix| &matrix.rows)
    }

    /// Whether a test holds it.
    fn is_held(&self, row: &Row) -> bool {
        self.cited.tests.contains_key(&row.id)
    }

    /// Rows of a level that are held, and all of them, in RFC 9293.
    fn figures(&self, level: Level) -> (usize, usize) {
        let tcp = self.matrices.iter().find(|matrix| matrix.rfc == "9293").expect("RFC 9293");
        let rows = tcp.rows.iter().filter(|row| row.level == level && !row.id.starts_with("REC"));
        let (held, all): (Vec<_>, Vec<_>) = rows.partition(|row| self.is_held(row));
        (held.len(), held.len() + all.len())
    }
}

fn complain(wrong: &[String]) {
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_row_has_a_test_or_a_reason_and_not_both() {
    let ground = &*GROUND;
    let mut wrong = Vec::new();
    for row in ground.rows() {
        match (&row.not_here, ground.cited.tests.get(&row.id)) {
            (None, None) => wrong.push(format!("{}: no test names it, and there is no reason", row.id)),
            (Some(_), Some(tests)) => {
                wrong.push(format!("{}: not here, and yet {} names it", row.id, tests[0].name));
            }
            _ => {}
        }
    }
    complain(&wrong);
}

#[test]
fn every_row_that_is_held_has_code() {
    let ground = &*GROUND;
    let held = ground.rows().filter(|row| row.not_here.is_none());
    let bare = held.filter(|row| !ground.cited.code.contains_key(&row.id));
    complain(&bare.map(|row| format!("{}: no code names it", row.id)).collect::<Vec<_>>());
}

#[test]
fn every_number_of_rfc_9293_has_a_row() {
    let ground = &*GROUND;
    for (kind, last) in [("MUST", 69), ("SHLD", 31), ("MAY", 18), ("REC", 1), ("X", 14)] {
        for number in 1..=last {
            let id = format!("{kind}-{number}");
            assert!(ground.rows().any(|row| row.id == id), "{id} has no row");
        }
    }
}

#[test]
fn no_row_is_named_that_does_not_exist() {
    let ground = &*GROUND;
    let named = ground.cited.code.keys().chain(ground.cited.tests.keys());
    let unknown = named.filter(|id| !ground.rows().any(|row| row.id == **id));
    complain(&unknown.map(|id| format!("{id} is named and has no row")).collect::<Vec<_>>());
}

#[test]
fn citations_stand_above_tests_and_name_three_rows_at_most() {
    complain(&GROUND.cited.wrong);
}

#[test]
fn tcps_own_musts_are_held_and_most_shoulds() {
    let ground = &*GROUND;
    let (musts, shoulds) = (ground.figures(Level::Must), ground.figures(Level::Should));
    println!("RFC 9293: {} of {} MUST, {} of {} SHLD", musts.0, musts.1, shoulds.0, shoulds.1);
    // Source routes, which are IP's, are three of them.
    assert_eq!(musts, (66, 69));
    assert!(shoulds.0 >= 28 && shoulds.1 == 31, "{shoulds:?}");
}

#[test]
fn what_is_made_of_it_is_up_to_date() {
    let ground = &*GROUND;
    for (path, made) in
        [("docs/conformance.md", page::page(ground)), ("tests/rfc9293/tests.tsv", page::table(ground))]
    {
        let file = root().join(path);
        if std::env::var_os("TCPSTATE_BLESS").is_some() {
            fs::write(&file, &made).expect("it can be written");
        }
        let there = fs::read_to_string(&file).unwrap_or_default();
        assert!(there == made, "{path} is stale: TCPSTATE_BLESS=1 cargo test --test rfc9293");
    }
}
