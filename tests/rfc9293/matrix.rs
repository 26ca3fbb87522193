//! The rows: one file for each RFC.

use std::collections::BTreeSet;
use std::fs;

use crate::root;

/// How strongly a row is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    Must,
    Should,
    May,
    /// A step of an algorithm, which its RFC writes without one of the big words.
    Step,
    /// Something that implementations are known to have done wrong (RFC 2525).
    Problem,
}

impl Level {
    pub(crate) const ALL: [Self; 5] = [Self::Must, Self::Should, Self::May, Self::Step, Self::Problem];

    fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.word() == word)
    }

    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Must => "MUST",
            Self::Should => "SHOULD",
            Self::May => "MAY",
            Self::Step => "STEP",
            Self::Problem => "PROBLEM",
        }
    }
}

/// One requirement.
pub(crate) struct Row {
    pub(crate) id: String,
    pub(crate) section: String,
    pub(crate) level: Level,
    pub(crate) what: String,
    /// Why nothing here does it.
    pub(crate) not_here: Option<String>,
}

/// The requirements of one RFC.
pub(crate) struct Matrix {
    pub(crate) rfc: String,
    pub(crate) title: String,
    pub(crate) rows: Vec<Row>,
}

/// The value of a key, which is a string and not empty.
fn text(table: &toml::Table, key: &str, of: &str) -> Option<String> {
    let value = table.get(key)?.as_str().unwrap_or_else(|| panic!("{of}: {key} is no string"));
    assert!(!value.is_empty() && !value.contains('|'), "{of}: {key} is empty, or would break the page");
    Some(value.to_owned())
}

fn row(table: &toml::Table) -> Row {
    let id = text(table, "id", "a row").expect("an id");
    let needs = |key| text(table, key, &id).unwrap_or_else(|| panic!("{id}: no {key}"));
    for key in table.keys() {
        assert!(
            ["id", "section", "level", "what", "not_here"].contains(&key.as_str()),
            "{id}: what is {key}?"
        );
    }
    let word = needs("level");
    Row {
        section: needs("section"),
        level: Level::from_word(&word).unwrap_or_else(|| panic!("{id}: what level is {word}?")),
        what: needs("what"),
        not_here: text(table, "not_here", &id),
        id,
    }
}

/// Every file of rows, RFC 9293 first.
pub(crate) fn read() -> Vec<Matrix> {
    let folder = root().join("tests/rfc9293");
    let entries = fs::read_dir(folder).expect("the folder").map(|entry| entry.expect("an entry").path());
    let files = entries.filter(|path| path.extension().is_some_and(|ending| ending == "toml"));
    let mut matrices = files
        .map(|path| {
            let said = fs::read_to_string(&path).expect("a file");
            let table = said.parse::<toml::Table>().unwrap_or_else(|why| panic!("{}: {why}", path.display()));
            let rows = table.get("row").and_then(toml::Value::as_array).expect("rows");
            Matrix {
                rfc: text(&table, "rfc", "a file").expect("which RFC"),
                title: text(&table, "title", "a file").expect("a title"),
                rows: rows.iter().map(|entry| row(entry.as_table().expect("a row"))).collect(),
            }
        })
        .collect::<Vec<_>>();
    matrices.sort_by_key(|matrix| (matrix.rfc != "9293", matrix.rfc.parse::<u16>().expect("a number")));
    let mut ids = BTreeSet::new();
    for row in matrices.iter().flat_map(|matrix| &matrix.rows) {
        assert!(ids.insert(row.id.clone()), "{} has two rows", row.id);
    }
    matrices
}
