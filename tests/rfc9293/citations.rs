//! Who names which row: the comments of code, tests and scripts.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::matrix::Matrix;
use crate::root;

/// As many rows one test may name: whoever names more holds none of them well.
const MOST_ROWS: usize = 3;

/// A test, and how to run it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Test {
    /// `lib`, `bin`, `drill`, or the name of an integration test.
    pub(crate) target: String,
    /// Its path as the test harness prints it; for a script, the file below `tests/drill`.
    pub(crate) path: String,
    /// Its name alone.
    pub(crate) name: String,
}

/// Identifier → who names it.
#[derive(Default)]
pub(crate) struct Citations {
    /// Files below `src`, with the function where there is one.
    pub(crate) code: BTreeMap<String, Vec<String>>,
    pub(crate) tests: BTreeMap<String, Vec<Test>>,
    /// What is wrong with the comments themselves.
    pub(crate) wrong: Vec<String>,
}

/// What is a row's id: the kinds of RFC 9293, and the numbers of the other RFCs.
struct Ids<'a>(Vec<&'a str>);

impl Ids<'_> {
    /// The ids in a line: MUST-7, X-12, 5681-3 and the like.
    fn in_line(&self, line: &str) -> Vec<String> {
        Self::words(line, |kind| self.0.contains(&kind))
    }

    /// The ids in a comment that begins with `RFC`, also those of an RFC that has no rows: they are mistakes.
    fn cited(&self, comment: &str) -> Vec<String> {
        let said = comment.trim_start_matches('/').trim_start();
        let is_number = |kind: &str| kind.len() == 4 && kind.parse::<u16>().is_ok();
        if !said.starts_with("RFC ") {
            return Vec::new();
        }
        Self::words(said, |kind| self.0.contains(&kind) || is_number(kind))
    }

    fn words(line: &str, is_kind: impl Fn(&str) -> bool) -> Vec<String> {
        let words = line.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'));
        let named = words.filter(|word| {
            word.split_once('-').is_some_and(|(kind, number)| is_kind(kind) && number.parse::<u8>().is_ok())
        });
        named.map(str::to_owned).collect()
    }
}

/// A file of a crate: where it is, and the path of its module.
struct Module {
    file: PathBuf,
    path: Vec<String>,
}

/// The module of a root file and all that it declares.
fn modules(file: &Path) -> Vec<Module> {
    let mut found = vec![Module { file: file.to_owned(), path: Vec::new() }];
    let mut next = 0;
    while let Some(Module { file, path }) = found.get(next) {
        let is_root = path.is_empty();
        let more = declared(file, path, is_root);
        found.extend(more);
        next += 1;
    }
    found
}

/// The modules that a file declares in files of their own.
fn declared(file: &Path, path: &[String], is_root: bool) -> Vec<Module> {
    let beside = file.parent().expect("a folder");
    let owns_folder = is_root || file.ends_with("mod.rs");
    let folder = if owns_folder { beside.to_owned() } else { file.with_extension("") };
    let text = fs::read_to_string(file).expect("a source");
    let (mut inline, mut elsewhere, mut found) = (Inline::default(), None, Vec::new());
    for line in text.lines() {
        inline.line(line);
        let line = line.trim();
        if let Some(at) = line.strip_prefix("#[path = \"").and_then(|rest| rest.strip_suffix("\"]")) {
            elsewhere = Some(beside.join(at));
        }
        let item = line.strip_suffix(';').unwrap_or_default();
        let Some(name) = after(item, "mod") else { continue };
        let within = inline.names.iter().fold(folder.clone(), |folder, (_, name)| folder.join(name));
        let usual = [within.join(format!("{name}.rs")), within.join(name).join("mod.rs")];
        let there = elsewhere.take().or_else(|| usual.into_iter().find(|file| file.is_file()));
        let inner = inline.names.iter().map(|(_, name)| name.clone());
        let path = path.iter().cloned().chain(inner).chain([name.to_owned()]).collect();
        found.extend(there.map(|file| Module { file, path }));
    }
    found
}

/// The modules inside a file that a line stands in, by indentation.
#[derive(Default)]
struct Inline {
    names: Vec<(usize, String)>,
}

impl Inline {
    fn line(&mut self, line: &str) {
        let indentation = line.len() - line.trim_start().len();
        if line.trim() == "}" {
            self.names.retain(|(at, _)| *at < indentation);
        }
        if let Some(name) = line.trim().strip_suffix(" {").and_then(|item| after(item, "mod")) {
            self.names.push((indentation, name.to_owned()));
        }
    }
}

/// What follows a keyword in a line that begins an item, without what may stand before the keyword.
fn after<'a>(line: &'a str, keyword: &str) -> Option<&'a str> {
    let mut item = line.trim();
    while let Some((word, rest)) = item.split_once(' ') {
        match word {
            _ if word == keyword => return Some(rest),
            "const" | "in" => {}
            _ if word.starts_with("pub") || word.ends_with(')') => {}
            _ => return None,
        }
        item = rest;
    }
    None
}

/// The name in a line that begins a function.
fn function(line: &str) -> Option<&str> {
    after(line, "fn")?.split(['(', '<']).next()
}

/// Files with an ending, in a folder and all below it.
fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for path in entries.map(|entry| entry.expect("an entry").path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|there| there == ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn shown(path: &Path, below: &str) -> String {
    path.strip_prefix(root().join(below)).expect("below it").display().to_string()
}

impl Citations {
    pub(crate) fn read(matrices: &[Matrix]) -> Self {
        let mut kinds = vec!["MUST", "SHLD", "MAY", "REC", "X"];
        kinds.extend(matrices.iter().flat_map(|matrix| {
            matrix.rows.iter().filter_map(|row| row.id.split_once('-')).map(|(kind, _)| kind)
        }));
        kinds.sort_unstable();
        kinds.dedup();
        let ids = Ids(kinds);
        let mut citations = Self::default();
        citations.read_code(&ids);
        for (file, target) in [("src/lib.rs", "lib"), ("src/main.rs", "bin")] {
            citations.read_crate(&ids, &root().join(file), target);
        }
        for file in fs::read_dir(root().join("tests")).expect("the tests") {
            let file = file.expect("an entry").path();
            if file.extension().is_some_and(|ending| ending == "rs") {
                let target = file.file_stem().expect("a name").display().to_string();
                citations.read_crate(&ids, &file, &target);
            }
        }
        citations.read_scripts(&ids);
        for tests in citations.tests.values_mut() {
            tests.sort();
            tests.dedup();
        }
        citations
    }

    /// Which functions of the library name which row. What replay says of other people's TCP does not count.
    fn read_code(&mut self, ids: &Ids<'_>) {
        for path in files(&root().join("src"), "rs") {
            let file = shown(&path, "src");
            if file.ends_with("tests.rs") || file.contains("tests/") || file.starts_with("replay") {
                continue;
            }
            let text = fs::read_to_string(&path).expect("a source");
            let lines = text.lines().collect::<Vec<_>>();
            for (at, line) in lines.iter().enumerate() {
                for id in ids.in_line(line.split_once("//").map_or("", |(_, comment)| comment)) {
                    let place = match around(&lines, at) {
                        Some(function) => format!("{file}: {function}"),
                        None => file.clone(),
                    };
                    let places = self.code.entry(id).or_default();
                    if !places.contains(&place) {
                        places.push(place);
                    }
                }
            }
        }
    }

    /// Which tests of a crate name which row.
    fn read_crate(&mut self, ids: &Ids<'_>, file: &Path, target: &str) {
        for Module { file, path } in modules(file) {
            let is_test = target != "lib" && target != "bin" || file.ends_with("tests.rs");
            if is_test || file.display().to_string().contains("tests/") {
                self.read_tests(ids, &file, target, &path);
            }
        }
    }

    fn read_tests(&mut self, ids: &Ids<'_>, file: &Path, target: &str, module: &[String]) {
        let text = fs::read_to_string(file).expect("a source");
        self.read_source(ids, &text, &shown(file, ""), target, module);
    }

    /// What the tests in a text name; `file` is for complaints.
    fn read_source(&mut self, ids: &Ids<'_>, text: &str, file: &str, target: &str, module: &[String]) {
        let (mut named, mut attributes, mut inline) = (Vec::new(), Vec::new(), Inline::default());
        let lines = text.lines().collect::<Vec<_>>();
        let mut taken = 0;
        for (at, whole) in lines.iter().enumerate() {
            inline.line(whole);
            let line = whole.trim();
            if at < taken || line.is_empty() {
                continue;
            } else if line.starts_with("#[") {
                attributes.push(line);
                continue;
            } else if line.starts_with("//") {
                named.extend(ids.cited(line));
                continue;
            }
            let name = function(line).unwrap_or_default();
            if !name.is_empty() {
                let below = lines[at + 1..].iter().map(|line| line.trim());
                let below = below.take_while(|line| line.starts_with("//")).collect::<Vec<_>>();
                taken = at + 1 + below.len();
                named.extend(below.into_iter().flat_map(|line| ids.cited(line)));
            }
            let is_test = attributes.contains(&"#[test]")
                && !attributes.iter().any(|attribute| attribute.starts_with("#[ignore"));
            let mut wrong = |what: &str| self.wrong.push(format!("{file}:{}: {what}", at + 1));
            if !named.is_empty() && (name.is_empty() || !is_test) {
                wrong("a row is named at something that is no test, or is not run");
            }
            if named.len() > MOST_ROWS {
                wrong("a test holds at most three requirements");
            }
            let within = inline.names.iter().map(|(_, name)| name.as_str());
            let path: Vec<&str> = module.iter().map(String::as_str).chain(within).chain([name]).collect();
            for id in named.drain(..) {
                let test = Test { target: target.to_owned(), path: path.join("::"), name: name.to_owned() };
                self.tests.entry(id).or_default().push(test);
            }
            attributes.clear();
        }
    }

    /// Which scripts name which row: in lines that begin with `// RFC`.
    fn read_scripts(&mut self, ids: &Ids<'_>) {
        for file in files(&root().join("tests/drill"), "pkt") {
            let text = fs::read_to_string(&file).expect("a script");
            self.read_script(ids, &text, &shown(&file, "tests/drill"));
        }
    }

    fn read_script(&mut self, ids: &Ids<'_>, text: &str, path: &str) {
        let comments = text.lines().map(str::trim).filter(|line| line.starts_with("//"));
        let named = comments.flat_map(|line| ids.cited(line)).collect::<Vec<_>>();
        if named.len() > MOST_ROWS {
            self.wrong.push(format!("tests/drill/{path}: a script holds at most three requirements"));
        }
        for id in named {
            let test = Test { target: String::from("drill"), path: path.to_owned(), name: path.to_owned() };
            self.tests.entry(id).or_default().push(test);
        }
    }
}

/// The function that a comment belongs to: the one below it, or the one that it stands in.
fn around<'a>(lines: &[&'a str], at: usize) -> Option<&'a str> {
    let indentation = |line: &str| line.len() - line.trim_start().len();
    let is_prelude = |line: &str| line.trim_start().starts_with("//") || line.trim_start().starts_with("#[");
    if is_prelude(lines[at]) {
        let below = lines[at..].iter().find(|line| !is_prelude(line))?;
        if let Some(name) = function(below) {
            return Some(name);
        }
    }
    let inside = indentation(lines[at]);
    let outer = lines[..at].iter().rev().filter(|line| !line.trim().is_empty() && indentation(line) < inside);
    outer.filter(|line| !is_prelude(line)).find_map(|line| {
        let ends = indentation(line) == 0 && line.starts_with(['}', 's', 'e', 'i']);
        (!ends).then(|| function(line)).flatten()
    })
}

#[path = "citations_tests.rs"]
mod tests;
