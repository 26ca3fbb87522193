//! Tokens into a [`Script`].
//!
//! White space says nothing in this language, nor does the end of a line: an event begins with its time and ends
//! where the next begins.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::lexer::{self, Kind, Token};
use super::script::{Action, Direction, Event, Script, ScriptOption, Spanned, When};

mod call;
mod error;
mod icmp;
mod number;
mod packet;
mod tcp_options;
#[cfg(test)]
mod tests;
mod text;
mod time;

pub use error::ScriptError;

/// The options of the language that a run can do something about, or that change nothing in a run without a kernel.
const OPTIONS: [&str; 19] = [
    "ip_version",
    "tolerance_usecs",
    "tolerance_percent",
    "mtu",
    "mss",
    "local_ip",
    "remote_ip",
    "gateway_ip",
    "netmask_ip",
    "bind_port",
    "connect_port",
    "tcp_ts_tick_usecs",
    "tcp_ts_ecr_scaled",
    "strict_segments",
    "non_fatal",
    "define",
    "send_omit_free",
    "no_cleanup",
    "verbose",
];

/// Reads a script.
///
/// Each of `defines` is a word and what stands for it, as `--define=WORD=TEXT` at the top of the script has it; where
/// both have a word, these win.
///
/// # Errors
///
/// [`ScriptError`] at the first place where the text is not of the language, or is of that part of it which is not
/// done here.
pub fn parse(text: &str, defines: &[(String, String)]) -> Result<Script, ScriptError> {
    let tokens = lexer::tokens(text, defines);
    Parser { source: text, tokens: &tokens, at: 0, depth: 0, brackets: 0 }.script()
}

/// Walks through tokens. The last of them is never passed.
struct Parser<'a> {
    source: &'a str,
    tokens: &'a [Token<'a>],
    at: usize,
    /// How deep the expression is that is being read.
    depth: u32,
    /// In how many parentheses, brackets and braces it stands.
    brackets: u32,
}

/// What stands behind the last token.
const END: Token<'static> =
    Token { kind: Kind::End, text: "", line: 1, column: 1, start: 0, end: 0, glued: false };

impl<'a> Parser<'a> {
    /// The next token but so many.
    fn ahead(&self, count: usize) -> Token<'a> {
        self.tokens.get(self.at + count).or(self.tokens.last()).copied().unwrap_or(END)
    }

    fn peek(&self) -> Token<'a> {
        self.ahead(0)
    }

    fn next(&mut self) -> Token<'a> {
        let token = self.peek();
        if !matches!(token.kind, Kind::End | Kind::Bad) {
            self.at += 1;
        }
        token
    }

    fn at_mark(&self, mark: &str) -> bool {
        is_mark(self.peek(), mark)
    }

    fn at_word(&self, word: &str) -> bool {
        let token = self.peek();
        token.kind == Kind::Word && token.text == word
    }

    /// Takes the mark if it is next.
    fn take_mark(&mut self, mark: &str) -> bool {
        let there = self.at_mark(mark);
        self.at += usize::from(there);
        there
    }

    /// Takes the word if it is next.
    fn take_word(&mut self, word: &str) -> bool {
        let there = self.at_word(word);
        self.at += usize::from(there);
        there
    }

    /// Takes `...` if it is next.
    fn take_ellipsis(&mut self) -> bool {
        let there = self.peek().kind == Kind::Ellipsis;
        self.at += usize::from(there);
        there
    }

    /// Takes this mark and no other.
    fn expect_mark(&mut self, mark: &str, role: &str) -> Result<(), ScriptError> {
        if self.take_mark(mark) {
            return Ok(());
        }
        let (next, gap) = (self.peek(), self.gap());
        if matches!(next.kind, Kind::Bad | Kind::End) || gap.line == next.line {
            return Err(self.expected(&format!("`{mark}` {role}")));
        }
        Err(fault(gap, format!("expected `{mark}` {role}, found the end of the line")))
    }

    /// Takes a word.
    fn expect_word(&mut self, role: &str) -> Result<&'a str, ScriptError> {
        if self.peek().kind == Kind::Word { Ok(self.next().text) } else { Err(self.expected(role)) }
    }

    /// The next token, and those that stand close behind it, are of one piece: their text.
    fn glued(&mut self) -> String {
        let mut text = self.next().text.to_string();
        self.glue_more(&mut text);
        text
    }

    /// Appends what stands close behind the token before: words, numbers, `.` and `-`.
    fn glue_more(&mut self, text: &mut String) {
        loop {
            let token = self.peek();
            let fits = match token.kind {
                Kind::Word | Kind::Integer | Kind::Hex | Kind::Float => true,
                Kind::Mark => matches!(token.text, "." | "-"),
                _ => false,
            };
            if !token.glued || !fits {
                return;
            }
            text.push_str(token.text);
            self.at += 1;
        }
    }

    /// Where something is missing: at the next token, or behind the last one of a line that is over.
    fn gap(&self) -> Token<'a> {
        let next = self.peek();
        let Some(last) = self.at.checked_sub(1).and_then(|last| self.tokens.get(last)) else { return next };
        let text = self.source.get(last.start..last.end).unwrap_or_default();
        if (next.line == last.line && next.kind != Kind::End) || text.contains('\n') {
            return next;
        }
        let width = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
        Token { line: last.line, column: last.column.saturating_add(width), ..next }
    }

    /// The next token is not what can stand here.
    fn expected(&self, what: &str) -> ScriptError {
        let token = self.peek();
        let message = match token.kind {
            Kind::Bad => token.text.to_string(),
            Kind::End => format!("expected {what}, found the end of the script"),
            _ => format!("expected {what}, found {}", shown(token)),
        };
        fault(if token.kind == Kind::End { self.gap() } else { token }, message)
    }

    fn script(mut self) -> Result<Script, ScriptError> {
        let mut script = Script { options: self.options()?, ..Script::default() };
        if self.peek().kind == Kind::Shell {
            script.init = Some(self.command());
        }
        loop {
            let token = self.peek();
            match token.kind {
                // What checks nothing has not passed.
                Kind::End if script.events.is_empty() => return Err(self.expected("an event")),
                Kind::End => return Ok(script),
                Kind::Shell if !script.events.is_empty() => {
                    script.cleanup = Some(self.command());
                    if self.peek().kind == Kind::End {
                        return Ok(script);
                    }
                    return Err(self.expected("the end of the script behind a shell command without a time"));
                }
                Kind::Option => return Err(fault(token, "an option stands at the top of the script only")),
                _ => script.events.push(self.event()?),
            }
        }
    }

    fn options(&mut self) -> Result<Vec<ScriptOption>, ScriptError> {
        let mut options = Vec::new();
        while self.peek().kind == Kind::Option {
            let token = self.next();
            let (name, value) = match token.text.split_once('=') {
                Some((name, value)) => (name.trim(), Some(value.trim())),
                None => (token.text, None),
            };
            if !OPTIONS.contains(&name) {
                return Err(unsupported(token, format!("option --{name}")));
            }
            let inside = |value: &str| {
                value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).map(String::from)
            };
            let value = value.map(|value| inside(value).unwrap_or_else(|| value.to_string()));
            options.push(ScriptOption { line: token.line, name: name.to_string(), value });
        }
        Ok(options)
    }

    fn command(&mut self) -> Spanned<String> {
        let token = self.next();
        Spanned { line: token.line, value: token.text.to_string() }
    }

    fn event(&mut self) -> Result<Event, ScriptError> {
        let first = self.peek();
        let (when, ends) = self.time()?;
        let begin = self.peek();
        let action = match (begin.kind, begin.text) {
            (Kind::Mark, "<") => self.packet(Direction::In).map(Action::Packet)?,
            (Kind::Mark, ">") => self.packet(Direction::Out).map(Action::Packet)?,
            (Kind::Shell, _) => Action::Shell(self.next().text.to_string()),
            (Kind::Code, _) => Action::Code(self.next().text.to_string()),
            (Kind::Word, _) => Action::Call(self.call()?),
            _ => {
                return Err(self.expected("`<`, `>`, a system call, a shell command or `%{` behind the time"));
            }
        };
        let loose = matches!(when, When::Between(..) | When::AfterBetween(..) | When::Any);
        let outbound = matches!(&action, Action::Packet(packet) if packet.direction == Direction::Out);
        if loose && !outbound {
            return Err(fault(first, "only an expected packet (`>`) may come at any time or within a range"));
        }
        if ends.is_some() && !matches!(action, Action::Call(_)) {
            return Err(fault(first, "only a system call has a time at which it returns"));
        }
        let end = self.tokens.get(self.at.saturating_sub(1)).map_or(first.end, |token| token.end);
        let text = text::squeeze(self.source.get(first.start..end).unwrap_or_default());
        Ok(Event { line: first.line, text, when, ends, action })
    }
}

fn is_mark(token: Token<'_>, mark: &str) -> bool {
    token.kind == Kind::Mark && token.text == mark
}

/// A token as a message shows it.
fn shown(token: Token<'_>) -> String {
    const LONGEST: usize = 40;
    let (open, close) = match token.kind {
        Kind::Text => ("\"", "\""),
        Kind::Shell => return "a shell command".to_string(),
        Kind::Code => return "`%{`".to_string(),
        Kind::Option => ("--", ""),
        _ => ("", ""),
    };
    let mut text: String = token.text.chars().take(LONGEST).collect();
    if text.len() < token.text.len() {
        text.push('…');
    }
    format!("`{open}{text}{close}`")
}

/// The script is wrong at this token.
fn fault(token: Token<'_>, message: impl Into<String>) -> ScriptError {
    ScriptError { line: token.line, column: token.column, message: message.into(), unsupported: false }
}

/// The language has this, and we do not do it.
fn unsupported(token: Token<'_>, what: impl Into<String>) -> ScriptError {
    ScriptError { line: token.line, column: token.column, message: what.into(), unsupported: true }
}
