//! A shell line, taken apart: words with their quotes, pipelines, and what binds them.

use alloc::string::String;
use alloc::vec::Vec;

use super::unsupported;
use crate::drill::kernel::Unsupported;

/// When a pipeline runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    /// In any case.
    Always,
    /// `&&`: if the one before has left with zero.
    IfDone,
    /// `||`: if it has not.
    IfFailed,
}

/// One command of a pipeline.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Command {
    pub(super) words: Vec<String>,
    /// Where `>` sends what it says.
    pub(super) output: Option<String>,
}

/// The parts of a line that are no words.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Word(String),
    Pipe,
    Output,
    /// `2>`: what is complained of goes elsewhere.
    Complaints,
    Input,
    Then(Link),
}

/// The pipelines of a line, each with when it runs.
pub(super) fn split(line: &str) -> Result<Vec<(Link, Vec<Command>)>, Unsupported> {
    let mut all = Vec::new();
    let mut link = Link::Always;
    let mut pipeline = Vec::new();
    let mut command = Command::default();
    let mut parts = parts(line)?.into_iter();
    while let Some(part) = parts.next() {
        match part {
            Part::Word(word) => command.words.push(word),
            Part::Pipe => pipeline.push(core::mem::take(&mut command)),
            Part::Output | Part::Complaints | Part::Input => {
                let Some(Part::Word(to)) = parts.next() else {
                    return unsupported("a redirection to nowhere");
                };
                if part == Part::Output && !to.starts_with('&') {
                    command.output = Some(to);
                }
            }
            Part::Then(next) => {
                finish(&mut all, link, &mut pipeline, &mut command);
                link = next;
            }
        }
    }
    finish(&mut all, link, &mut pipeline, &mut command);
    Ok(all)
}

fn finish(
    all: &mut Vec<(Link, Vec<Command>)>,
    link: Link,
    pipeline: &mut Vec<Command>,
    command: &mut Command,
) {
    let command = core::mem::take(command);
    if !command.words.is_empty() || !pipeline.is_empty() {
        pipeline.push(command);
        all.push((link, core::mem::take(pipeline)));
    }
}

fn parts(line: &str) -> Result<Vec<Part>, Unsupported> {
    let mut parts = Vec::new();
    let mut word: Option<String> = None;
    let mut octets = line.chars().peekable();
    let end = |word: &mut Option<String>, parts: &mut Vec<Part>| {
        if let Some(word) = word.take() {
            parts.push(Part::Word(word));
        }
    };
    while let Some(letter) = octets.next() {
        match letter {
            '\'' | '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match octets.next() {
                        Some(close) if close == letter => break,
                        Some('\\') if letter == '"' => word.extend(octets.next()),
                        Some(inner) => word.push(inner),
                        None => return unsupported("a shell line with an open quote"),
                    }
                }
            }
            '\\' => match octets.next() {
                Some('\n') | None => {}
                Some(inner) => word.get_or_insert_default().push(inner),
            },
            '#' if word.is_none() => while octets.next_if(|&inner| inner != '\n').is_some() {},
            '`' | '(' | ')' => return unsupported("a shell line with another in it"),
            '|' | '&' | ';' | '\n' => {
                let twice = letter != '\n' && letter != ';' && octets.next_if_eq(&letter).is_some();
                if letter == '&' && !twice && matches!(parts.last(), Some(Part::Output | Part::Complaints)) {
                    word.get_or_insert_default().push('&');
                    continue;
                }
                end(&mut word, &mut parts);
                parts.push(match (letter, twice) {
                    ('|', true) => Part::Then(Link::IfFailed),
                    ('|', false) => Part::Pipe,
                    ('&', true) => Part::Then(Link::IfDone),
                    ('&', false) => return unsupported("a shell command in the background"),
                    _ => Part::Then(Link::Always),
                });
            }
            '>' => {
                let complaints = word.as_deref() == Some("2");
                if complaints || word.as_deref() == Some("1") {
                    word = None;
                }
                end(&mut word, &mut parts);
                let _ = octets.next_if_eq(&'>');
                parts.push(if complaints { Part::Complaints } else { Part::Output });
            }
            '<' => {
                end(&mut word, &mut parts);
                parts.push(Part::Input);
            }
            space if space.is_whitespace() => end(&mut word, &mut parts),
            other => word.get_or_insert_default().push(other),
        }
    }
    end(&mut word, &mut parts);
    Ok(parts)
}
