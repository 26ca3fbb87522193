//! What stands behind a `|`: grep, wc.

use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use super::words::Command;
use super::{ShellOutcome, base, unsupported};
use crate::drill::kernel::Unsupported;

/// Sends lines through a pipeline; its outcome is that of its last command.
pub(super) fn through(mut lines: Vec<String>, commands: &[Command]) -> Result<ShellOutcome, Unsupported> {
    let mut outcome = ShellOutcome::Done;
    for command in commands {
        let words: Vec<&str> = command.words.iter().map(String::as_str).collect();
        let before = lines.join("\n");
        let found = match words.split_first() {
            Some((grep, arguments)) if matches!(base(grep), "grep" | "egrep" | "fgrep") => {
                Grep::parse(arguments)?.run(&mut lines)
            }
            Some((wc, ["-l"])) if base(wc) == "wc" => {
                lines = alloc::vec![lines.len().to_string()];
                true
            }
            _ => return unsupported(format!("the shell command {} in a pipeline", words.join(" "))),
        };
        outcome = if found {
            ShellOutcome::Done
        } else {
            ShellOutcome::Failed(format!("{} finds nothing in {before:?}", words.join(" ")))
        };
    }
    Ok(outcome)
}

/// `grep`, with a pattern that is a plain text between anchors.
#[derive(Default)]
struct Grep<'a> {
    counts: bool,
    inverts: bool,
    whole_word: bool,
    ignores_case: bool,
    pattern: &'a str,
}

impl<'a> Grep<'a> {
    fn parse(arguments: &[&'a str]) -> Result<Self, Unsupported> {
        let mut grep = Self::default();
        let mut patterns = Vec::new();
        for argument in arguments {
            match argument.strip_prefix('-') {
                Some(flags) if !flags.is_empty() => {
                    for flag in flags.chars() {
                        match flag {
                            'c' => grep.counts = true,
                            'v' => grep.inverts = true,
                            'w' => grep.whole_word = true,
                            'i' => grep.ignores_case = true,
                            'q' | 'e' | 'E' | 'F' | 's' => {}
                            _ => return unsupported(format!("grep -{flags}")),
                        }
                    }
                }
                _ => patterns.push(*argument),
            }
        }
        let [pattern] = patterns.as_slice() else {
            return unsupported("grep without one pattern");
        };
        let inner = pattern.strip_prefix('^').unwrap_or(pattern);
        let inner = inner.strip_suffix('$').unwrap_or(inner);
        if inner.contains(['*', '[', ']', '.', '\\', '?', '+', '(', ')', '|', '^', '$', '{', '}']) {
            return unsupported(format!("the pattern {pattern} of grep"));
        }
        grep.pattern = pattern;
        Ok(grep)
    }

    fn matches(&self, line: &str) -> bool {
        let fold = |text: &str| if self.ignores_case { text.to_lowercase() } else { text.to_string() };
        let (line, pattern) = (fold(line), fold(self.pattern));
        let (from_start, inner) =
            pattern.strip_prefix('^').map_or((false, pattern.as_str()), |rest| (true, rest));
        let (to_end, inner) = inner.strip_suffix('$').map_or((false, inner), |rest| (true, rest));
        let is_part = |letter: Option<char>| letter.is_some_and(|one| one.is_alphanumeric() || one == '_');
        line.match_indices(inner).any(|(at, found)| {
            let (before, behind) = (line.get(..at).unwrap_or(""), line.get(at + found.len()..).unwrap_or(""));
            let is_word = !is_part(before.chars().next_back()) && !is_part(behind.chars().next());
            (!from_start || before.is_empty())
                && (!to_end || behind.is_empty())
                && (!self.whole_word || is_word)
        })
    }

    /// Leaves the lines that it finds, or their number; says whether there are any.
    fn run(&self, lines: &mut Vec<String>) -> bool {
        lines.retain(|line| self.matches(line) != self.inverts);
        let found = !lines.is_empty();
        if self.counts {
            *lines = alloc::vec![lines.len().to_string()];
        }
        found
    }
}
