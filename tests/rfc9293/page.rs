//! What is made of rows and citations: a page for people, a table for scripts.

use std::fmt::Write as _;

use crate::Ground;
use crate::matrix::{Level, Matrix, Row};

/// As many names are shown; the table for scripts has all.
const SHOWN: usize = 3;

/// `docs/conformance.md`.
pub(crate) fn page(ground: &Ground) -> String {
    let mut page = String::from(
        "# Requirement by requirement\n\n\
         Made by `tests/rfc9293.rs` from the rows in `tests/rfc9293/*.toml` and from the comments in code and tests \
         that name them; the test fails when this page is stale, or when a row has neither a test nor a reason. \
         MUST-n, SHLD-n, MAY-n and REC-1 are the numbers of RFC 9293's appendix B, X-n is behaviour that its §3.10 \
         describes without a number, and 5681-3 is our third row of RFC 5681. A STEP is what an algorithm does, \
         written without one of the big words. Code is below `src/`; of the tests that hold a row the first three \
         are shown, and `tests/rfc9293/tests.tsv` has all of them. Names that end in `.pkt` are scripts of \
         `tests/drill`.\n\n",
    );
    summary(&mut page, ground);
    for matrix in &ground.matrices {
        write!(page, "\n## RFC {}: {}\n\n", matrix.rfc, matrix.title).expect("a string");
        page.push_str("| id | § | level | what | code | tests |\n|---|---|---|---|---|---|\n");
        for row in &matrix.rows {
            line(&mut page, ground, row);
        }
    }
    page
}

/// How many rows of each level are held, and how many are not here.
fn summary(page: &mut String, ground: &Ground) {
    let (musts, shoulds) = (ground.figures(Level::Must), ground.figures(Level::Should));
    writeln!(page, "Of RFC 9293's MUST-n {} of {} are held", musts.0, musts.1).expect("a string");
    writeln!(page, "by tests, of its SHLD-n {} of {}.\n", shoulds.0, shoulds.1).expect("a string");
    page.push_str("| | level | rows | held by tests | not here, with the reason |\n|---|---|---|---|---|\n");
    for matrix in &ground.matrices {
        for level in Level::ALL {
            count(page, ground, matrix, level);
        }
    }
}

fn count(page: &mut String, ground: &Ground, matrix: &Matrix, level: Level) {
    let rows = matrix.rows.iter().filter(|row| row.level == level).collect::<Vec<_>>();
    let held = rows.iter().filter(|row| ground.is_held(row)).count();
    let not_here = rows.iter().filter(|row| row.not_here.is_some()).count();
    if !rows.is_empty() {
        let (rfc, word) = (&matrix.rfc, level.word());
        writeln!(page, "| RFC {rfc} | {word} | {} | {held} | {not_here} |", rows.len()).expect("a string");
    }
}

fn line(page: &mut String, ground: &Ground, row: &Row) {
    let few = |names: Vec<&str>| {
        let shown = names.iter().take(SHOWN).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let more = names.len().saturating_sub(SHOWN);
        match (names.len(), more) {
            (0, _) => String::from("–"),
            (_, 0) => shown,
            _ => format!("{shown} and {more} more"),
        }
    };
    let held = match &row.not_here {
        Some(why_not) => format!("| not here: {why_not} | |"),
        None => {
            let code = ground.cited.code.get(&row.id).into_iter().flatten().map(String::as_str);
            let tests = ground.cited.tests.get(&row.id).into_iter().flatten().map(|test| test.name.as_str());
            format!("| {} | {} |", few(code.collect()), few(tests.collect()))
        }
    };
    let (id, section, word, what) = (&row.id, &row.section, row.level.word(), &row.what);
    writeln!(page, "| {id} | {section} | {word} | {what} {held}").expect("a string");
}

/// `tests/rfc9293/tests.tsv`: id, target, test.
pub(crate) fn table(ground: &Ground) -> String {
    let mut table = String::from("id\ttarget\ttest\n");
    let rows = ground.matrices.iter().flat_map(|matrix| &matrix.rows);
    for row in rows {
        for test in ground.cited.tests.get(&row.id).into_iter().flatten() {
            writeln!(table, "{}\t{}\t{}", row.id, test.target, test.path).expect("a string");
        }
    }
    table
}
