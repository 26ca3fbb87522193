//! Text into tokens. Macros are replaced here, so that the parser never sees them.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

#[cfg(test)]
mod tests;

/// Tokens that a script may have, those that stand in its macros counted each time.
const MAX_TOKENS: usize = 1 << 21;
/// How deep macros may name macros.
const MAX_DEPTH: usize = 16;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Letters, digits and `_`, not a digit first.
    Word,
    /// Digits.
    Integer,
    /// `0x` and hexadecimal digits.
    Hex,
    /// A number with a point.
    Float,
    /// A string; the text is what stands between the quotes, escapes and all.
    Text,
    /// A back-quoted shell command, without the quotes.
    Shell,
    /// `%{ … }%`, without the braces.
    Code,
    /// `...`.
    Ellipsis,
    /// `--name` or `--name=value`, without the dashes.
    Option,
    /// Any other character.
    Mark,
    /// The end of the text.
    End,
    /// Nothing can be made of the text from here on; the text says why.
    Bad,
}

/// A piece of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind,
    pub(super) text: &'a str,
    /// From 1.
    pub(super) line: u32,
    /// In characters, from 1.
    pub(super) column: u32,
    /// Where it begins in the text, in octets; of what came out of a macro: where its name stands.
    pub(super) start: usize,
    /// Where it ends.
    pub(super) end: usize,
    /// Nothing stands between it and the token before.
    pub(super) glued: bool,
}

/// The tokens of a text; the last is [`Kind::End`] or [`Kind::Bad`].
///
/// `defines` come from the caller and win over those of the text.
pub(super) fn tokens<'a>(text: &'a str, defines: &'a [(String, String)]) -> Vec<Token<'a>> {
    let mut out = Tokens { macros: BTreeMap::new(), budget: MAX_TOKENS, tokens: Vec::new() };
    for (name, value) in defines {
        out.macros.insert(name.as_str(), Macro { value, fixed: true });
    }
    let mut lexer = Lexer::new(text);
    loop {
        let token = lexer.next();
        if token.kind == Kind::Option {
            out.define(token.text);
        }
        let expanded = out.expand(token);
        if let Err(text) = expanded {
            out.tokens.push(Token { kind: Kind::Bad, text, ..token });
        }
        if expanded.is_err() || matches!(token.kind, Kind::End | Kind::Bad) {
            return out.tokens;
        }
    }
}

/// What a word stands for.
struct Macro<'a> {
    value: &'a str,
    /// The caller said so.
    fixed: bool,
}

/// What there is of a script.
struct Tokens<'a> {
    macros: BTreeMap<&'a str, Macro<'a>>,
    /// Tokens that may still be looked at.
    budget: usize,
    tokens: Vec<Token<'a>>,
}

impl<'a> Tokens<'a> {
    /// `define=NAME=VALUE`: nothing else defines.
    fn define(&mut self, option: &'a str) {
        let Some((name, definition)) = option.split_once('=') else { return };
        if name.trim_end() != "define" {
            return;
        }
        // `--define="NAME=VALUE"`: the quotes are about both.
        let inside = definition.trim().strip_prefix('"').and_then(|definition| definition.strip_suffix('"'));
        let definition = inside.unwrap_or(definition);
        let (name, value) = definition.split_once('=').unwrap_or((definition, "1"));
        let entry = self.macros.entry(name.trim()).or_insert(Macro { value, fixed: false });
        if !entry.fixed {
            entry.value = value;
        }
    }

    fn push(&mut self, token: Token<'a>) -> Result<(), &'a str> {
        self.spend()?;
        self.tokens.push(token);
        Ok(())
    }

    fn spend(&mut self) -> Result<(), &'a str> {
        self.budget =
            self.budget.checked_sub(1).ok_or("the script is too long, what its macros stand for included")?;
        Ok(())
    }

    /// Appends the token, or what it stands for; says what is wrong with that.
    fn expand(&mut self, token: Token<'a>) -> Result<(), &'a str> {
        // The macros that are being replaced, each with what is left of it: a name among them stands for itself.
        let mut open: Vec<(&str, Lexer<'a>)> = Vec::new();
        let mut next = token;
        // Whether what a macro begins with stands close is up to where its name stands.
        let mut glued = None;
        loop {
            let free = next.kind == Kind::Word && !open.iter().any(|&(name, _)| name == next.text);
            match self.macros.get(next.text).filter(|_| free) {
                Some(_) if open.len() >= MAX_DEPTH => return Err("macros name macros too deep here"),
                Some(found) => {
                    open.push((next.text, Lexer::new(found.value)));
                    glued = Some(next.glued);
                }
                None if next.kind == Kind::Bad && !open.is_empty() => return Err(next.text),
                None => self.push(Token {
                    line: token.line,
                    column: token.column,
                    start: token.start,
                    end: token.end,
                    ..next
                })?,
            }
            loop {
                self.spend()?;
                let Some((_, lexer)) = open.last_mut() else { return Ok(()) };
                next = lexer.next();
                if next.kind != Kind::End {
                    next.glued = glued.take().unwrap_or(next.glued);
                    break;
                }
                open.pop();
            }
        }
    }
}

/// Walks through a text.
struct Lexer<'a> {
    rest: &'a str,
    offset: usize,
    line: u32,
    column: u32,
    /// A token stands on this line already.
    line_begun: bool,
}

impl<'a> Lexer<'a> {
    fn new(text: &'a str) -> Self {
        Self { rest: text, offset: 0, line: 1, column: 1, line_begun: false }
    }

    /// Takes so many octets, which end where a character ends.
    fn take(&mut self, octets: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at_checked(octets).unwrap_or((self.rest, ""));
        for character in taken.chars() {
            if character == '\n' {
                (self.line, self.column, self.line_begun) = (self.line.saturating_add(1), 1, false);
            } else {
                self.column = self.column.saturating_add(1);
            }
        }
        self.offset += taken.len();
        self.rest = rest;
        taken
    }

    /// Takes characters as long as they are such.
    fn take_while(&mut self, such: impl Fn(char) -> bool) -> &'a str {
        let len = self.rest.find(|character| !such(character)).unwrap_or(self.rest.len());
        self.take(len)
    }

    /// Takes white space and comments; says what is wrong with them.
    fn skip_blank(&mut self) -> Result<(), &'static str> {
        loop {
            // Some editors begin a file with U+FEFF.
            self.take_while(|character| character.is_whitespace() || character == '\u{feff}');
            if self.rest.starts_with("//") || !self.line_begun && self.at_hash_comment() {
                self.take_while(|character| character != '\n');
            } else if let Some(comment) = self.rest.strip_prefix("/*") {
                let Some(len) = comment.find("*/") else { return Err("this comment does not end") };
                self.take(len + 4);
            } else {
                return Ok(());
            }
        }
    }

    /// `#!`, `#` and a blank: what other tools take for a comment; it has no other sense here.
    fn at_hash_comment(&self) -> bool {
        self.rest.strip_prefix('#').is_some_and(|rest| {
            rest.chars().next().is_none_or(|next| next == '!' || next == '#' || next.is_whitespace())
        })
    }

    fn next(&mut self) -> Token<'a> {
        let before = self.offset;
        let blank = self.skip_blank();
        let (line, column, start) = (self.line, self.column, self.offset);
        let glued = before == start;
        let (kind, text) = match blank {
            Err(why) => (Kind::Bad, why),
            Ok(()) => self.piece(),
        };
        self.line_begun = true;
        Token { kind, text, line, column, start, end: self.offset, glued }
    }

    fn piece(&mut self) -> (Kind, &'a str) {
        let mut ahead = self.rest.chars();
        let Some(first) = ahead.next() else { return (Kind::End, "") };
        let second = ahead.next().unwrap_or(' ');
        let in_word = |character: char| character.is_ascii_alphanumeric() || character == '_';
        match first {
            'a'..='z' | 'A'..='Z' | '_' => (Kind::Word, self.take_while(in_word)),
            '0'..='9' => self.number(),
            '.' if self.rest.starts_with("...") => (Kind::Ellipsis, self.take(3)),
            '.' if second.is_ascii_digit() => self.number(),
            '"' => self.quoted('"', Kind::Text, "this string does not end on its line"),
            '`' => self.quoted('`', Kind::Shell, "this shell command does not end: a back-quote is missing"),
            '%' if second == '{' => self.code(),
            '-' if second == '-' && self.rest.get(2..).is_some_and(|rest| rest.starts_with(in_word)) => {
                self.option()
            }
            other => (Kind::Mark, self.take(other.len_utf8())),
        }
    }

    fn number(&mut self) -> (Kind, &'a str) {
        let text = self.rest;
        if let Some(digits) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
            let len = digits.find(|character: char| !character.is_ascii_hexdigit()).unwrap_or(digits.len());
            if len > 0 {
                return (Kind::Hex, self.take(len + 2));
            }
        }
        let digits =
            |text: &str| text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
        let whole = digits(text);
        match text.get(whole..).and_then(|rest| rest.strip_prefix('.')) {
            // `0...0.2`: the points are a token of their own.
            Some(fraction) if !fraction.starts_with('.') => {
                (Kind::Float, self.take(whole + 1 + digits(fraction)))
            }
            _ => (Kind::Integer, self.take(whole)),
        }
    }

    fn quoted(&mut self, quote: char, kind: Kind, unended: &'static str) -> (Kind, &'a str) {
        let mut escaped = false;
        let inner = self.rest.get(1..).unwrap_or_default();
        let end = inner.find(|character| {
            let ends = !escaped && (character == quote || kind == Kind::Text && character == '\n');
            escaped = !escaped && character == '\\';
            ends
        });
        match end.and_then(|end| Some((end, inner.get(..end)?))) {
            Some((end, text)) if inner.get(end..).is_some_and(|rest| rest.starts_with(quote)) => {
                self.take(end + 2);
                (kind, text)
            }
            _ => (Kind::Bad, unended),
        }
    }

    fn code(&mut self) -> (Kind, &'a str) {
        let inner = self.rest.get(2..).unwrap_or_default();
        match inner.split_once("}%") {
            Some((text, _)) => {
                self.take(text.len() + 4);
                (Kind::Code, text)
            }
            None => (Kind::Bad, "this code does not end: `}%` is missing"),
        }
    }

    /// To the next blank; the value may stand in quotes, and blanks around the first equals sign.
    fn option(&mut self) -> (Kind, &'a str) {
        self.take(2);
        let whole = self.rest;
        let name = self.take_while(|character| !character.is_whitespace() && character != '=').len();
        let blank =
            self.rest.find(|character| character != ' ' && character != '\t').unwrap_or(self.rest.len());
        let mut len = name;
        if self.rest.get(blank..).is_some_and(|rest| rest.starts_with('=')) {
            self.take(blank + 1);
            self.take_while(|character| character == ' ' || character == '\t');
            let mut quoted = false;
            let mut before = ' ';
            let mut value = self.rest.len();
            for (at, character) in self.rest.char_indices() {
                let comment = before == '/' && matches!(character, '/' | '*');
                if character == '\n' || !quoted && (character.is_whitespace() || comment) {
                    value = at - usize::from(comment && character != '\n');
                    break;
                }
                quoted ^= character == '"';
                before = character;
            }
            self.take(value);
            len = whole.len() - self.rest.len();
        }
        (Kind::Option, whole.get(..len).unwrap_or_default())
    }
}
