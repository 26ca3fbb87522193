//! What came of scripts, in words and in JSON.

use super::judge::Why;
use super::{Failure, Judged, Judgement};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use tcpstate::Instant;
use tcpstate::drill::{TraceEntry, Traced};
use tcpstate::replay::report::text::{Look, Paint, plural};

/// So much of what came before a failure is told unless everything is asked for.
const ENTRIES: usize = 40;

/// So many characters of a line of a script are shown.
const LONGEST_LINE: usize = 400;

/// How many scripts came to what.
#[derive(Debug, Default, Serialize)]
pub(super) struct Count {
    scripts: u64,
    pass: u64,
    pub(super) fail: u64,
    unsupported: u64,
    /// What was not supported, and in how many scripts.
    #[serde(skip)]
    reasons: BTreeMap<String, u64>,
}

#[derive(Debug, Serialize)]
pub(super) struct SummaryLine<'c> {
    pub(super) summary: &'c Count,
}

impl Count {
    pub(super) fn add(&mut self, judged: &Judged) {
        self.scripts += 1;
        match &judged.judgement {
            Judgement::Pass => self.pass += 1,
            Judgement::Fail(_) => self.fail += 1,
            Judgement::Unsupported(why) => {
                self.unsupported += 1;
                *self.reasons.entry(why.message.clone()).or_default() += 1;
            }
        }
    }
}

/// An object on a line of its own.
pub(super) fn json_line(object: &impl Serialize) -> Result<String, Failure> {
    Ok(serde_json::to_string(object)? + "\n")
}

/// Tells people what came of scripts.
pub(super) struct Teller {
    pub(super) look: Look,
    pub(super) verbose: bool,
}

impl Teller {
    /// A script. Of one that passed there is nothing to tell unless everything is asked for.
    pub(super) fn script(&self, judged: &Judged) -> String {
        let mut text = String::new();
        match &judged.judgement {
            Judgement::Pass if self.verbose => {
                _ = writeln!(text, "{} {}", self.look.paint(Paint::Heading, "PASS"), judged.script);
                self.trace(&mut text, &judged.trace, usize::MAX);
                text.push('\n');
            }
            Judgement::Pass => {}
            Judgement::Fail(why) => {
                self.heading(&mut text, Paint::Alarm, "FAIL", &judged.script, why);
                self.source(&mut text, why);
                for (name, value) in [("expected", &why.expected), ("came", &why.came)] {
                    if let Some(value) = value {
                        _ = writeln!(
                            text,
                            "  {} {value}",
                            self.look.paint(Paint::Heading, format!("{name:>8}"))
                        );
                    }
                }
                self.trace(&mut text, &judged.trace, if self.verbose { usize::MAX } else { ENTRIES });
                text.push('\n');
            }
            Judgement::Unsupported(why) => {
                self.heading(&mut text, Paint::Odd, "UNSUPPORTED", &judged.script, why);
                self.source(&mut text, why);
                text.push('\n');
            }
        }
        text
    }

    fn heading(&self, text: &mut String, paint: Paint, word: &str, script: &str, why: &Why) {
        let line = why.line.map(|line| format!(":{line}")).unwrap_or_default();
        _ = writeln!(text, "{} {script}{line}: {}", self.look.paint(paint, word), why.message);
    }

    /// The line of the script, and a caret below where in it the trouble is.
    fn source(&self, text: &mut String, why: &Why) {
        let (Some(line), Some(source)) = (why.line, &why.source) else { return };
        let source = source.trim_end();
        let shown: String = source.chars().take(LONGEST_LINE).collect();
        let rest = if shown.len() < source.len() { "…" } else { "" };
        _ = writeln!(text, "  {line:>8} | {shown}{rest}");
        let column = why.column.and_then(|column| usize::try_from(column).ok());
        let Some(column) = column.filter(|column| *column <= LONGEST_LINE) else { return };
        // Tabs stay tabs, so that the caret stands where the line has its character.
        let blank = |c: char| if c == '\t' { '\t' } else { ' ' };
        let indent: String = source.chars().take(column.saturating_sub(1)).map(blank).collect();
        _ = writeln!(text, "           | {indent}{}", self.look.paint(Paint::Alarm, "^"));
    }

    /// The packets and calls up to here.
    fn trace(&self, text: &mut String, trace: &[TraceEntry], most: usize) {
        let left_out = trace.len().saturating_sub(most);
        if left_out > 0 {
            let entries = if left_out == 1 { "entry" } else { "entries" };
            let told = format!("           … {left_out} earlier {entries}: --verbose tells them");
            _ = writeln!(text, "{}", self.look.paint(Paint::Faint, told));
        }
        for entry in trace.iter().skip(left_out) {
            let line = entry.line.map_or_else(|| "-".to_owned(), |line| line.to_string());
            _ = writeln!(text, "  {line:>8} {} {}", seconds(entry.at), what(entry));
        }
    }

    /// The numbers, and what was not supported.
    pub(super) fn end(&self, count: &Count) -> String {
        let mut text = String::new();
        if !count.reasons.is_empty() {
            _ = writeln!(
                text,
                "{}",
                self.look.paint(Paint::Heading, "not supported, and in how many scripts")
            );
            let mut reasons: Vec<_> = count.reasons.iter().collect();
            reasons.sort_by(|(a, of_a), (b, of_b)| of_b.cmp(of_a).then(a.cmp(b)));
            for (reason, scripts) in reasons {
                _ = writeln!(text, "  {scripts:>8} {reason}");
            }
            text.push('\n');
        }
        let Count { scripts, pass, fail, unsupported, .. } = count;
        let mut told = vec![format!("{pass} passed")];
        if *fail > 0 {
            told.push(self.look.paint(Paint::Alarm, format!("{fail} failed")));
        }
        if *unsupported > 0 {
            told.push(
                self.look.paint(Paint::Odd, format!("{unsupported} not supported: nothing is known of them")),
            );
        }
        _ = writeln!(text, "{}: {}", plural(*scripts, "script"), told.join(", "));
        text
    }
}

/// A moment of a run in seconds.
pub(super) fn seconds(at: Instant) -> String {
    let micros = at.as_nanos() / 1_000;
    format!("{:>4}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

/// An entry in the words of the script.
pub(super) fn what(entry: &TraceEntry) -> String {
    match &entry.what {
        Traced::Packet { text, .. } => text.clone(),
        Traced::Call { text, result } => format!("{text} = {result}"),
        Traced::Note(text) => format!("# {text}"),
        other => format!("# {other:?}"),
    }
}
