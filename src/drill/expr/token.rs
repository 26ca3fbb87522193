//! Python into lines of tokens.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::{CodeError, CodeFault};

/// What a token is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind<'a> {
    /// A name or a keyword.
    Name(&'a str),
    /// A whole number.
    Int(i128),
    /// A number with a point or an exponent.
    Float(f64),
    /// Text, its escapes resolved.
    Text(String),
    /// Text with places for values in it, as it stands there.
    Format(String),
    /// An operator or a bracket.
    Mark(&'a str),
}

/// A piece of code.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind<'a>,
    pub(super) line: u32,
    /// Where it begins and ends in the code.
    pub(super) start: usize,
    pub(super) end: usize,
}

/// A line of code: what stands in brackets may go over several.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Line<'a> {
    /// How far it is indented.
    pub(super) indent: usize,
    pub(super) tokens: Vec<Token<'a>>,
}

/// Operators, the longest first.
const MARKS: [&str; 45] = [
    "**=", "//=", ">>=", "<<=", "...", "**", "//", ">>", "<<", "<=", ">=", "==", "!=", "->", "+=", "-=",
    "*=", "/=", "%=", "&=", "|=", "^=", ":=", "(", ")", "[", "]", "{", "}", ",", ":", ".", ";", "@", "=",
    "+", "-", "*", "/", "%", "&", "|", "^", "~", "<",
];

/// Lines that have something in them.
pub(super) fn lines(text: &str) -> Result<Vec<Line<'_>>, CodeError> {
    let mut lexer = Lexer { text, at: 0, line: 1 };
    let mut lines: Vec<Line<'_>> = Vec::new();
    let mut brackets = 0_usize;
    // The indentation of a line whose first token is still to come.
    let mut fresh = Some(lexer.indent());
    loop {
        lexer.skip(" \t\r\x0c");
        let rest = lexer.rest();
        let Some(first) = rest.chars().next() else { break };
        if first == '#' {
            lexer.at += rest.find('\n').unwrap_or(rest.len());
        } else if rest.starts_with("\\\n") || rest.starts_with("\\\r\n") {
            lexer.at += rest.find('\n').map_or(0, |end| end + 1);
            lexer.line = lexer.line.saturating_add(1);
        } else if first == '\n' {
            lexer.at += 1;
            lexer.line = lexer.line.saturating_add(1);
            if brackets == 0 {
                fresh = Some(lexer.indent());
            }
        } else {
            let token = lexer.token()?;
            match token.kind {
                Kind::Mark("(" | "[" | "{") => brackets += 1,
                Kind::Mark(")" | "]" | "}") => brackets = brackets.saturating_sub(1),
                _ => {}
            }
            match (fresh.take(), lines.last_mut()) {
                (None, Some(line)) => line.tokens.push(token),
                (indent, _) => {
                    lines.push(Line { indent: indent.unwrap_or_default(), tokens: Vec::from([token]) });
                }
            }
        }
    }
    align_first(&mut lines);
    Ok(lines)
}

/// What stands on the line of `%{` is indented as what follows it, whatever blanks there are.
fn align_first(lines: &mut [Line<'_>]) {
    let [first, others @ ..] = lines else { return };
    if first.tokens.first().is_none_or(|token| token.line > 1) {
        return;
    }
    let opens = first.tokens.last().is_some_and(|token| token.kind == Kind::Mark(":"));
    first.indent = if opens { 0 } else { others.first().map_or(0, |line| line.indent) };
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    line: u32,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn skip(&mut self, characters: &str) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches(|character| characters.contains(character)).len();
    }

    /// How far what follows is indented: a tab goes to the next multiple of eight.
    fn indent(&self) -> usize {
        let blanks = self.rest().chars().take_while(|character| matches!(character, ' ' | '\t'));
        blanks.fold(0, |indent, blank| if blank == '\t' { (indent / 8 + 1) * 8 } else { indent + 1 })
    }

    fn fault(&self, message: impl Into<String>) -> CodeError {
        CodeError { line: self.line, fault: CodeFault::Syntax(message.into()) }
    }

    fn token(&mut self) -> Result<Token<'a>, CodeError> {
        let (start, line) = (self.at, self.line);
        let rest = self.rest();
        let first = rest.chars().next().unwrap_or(' ');
        let digit = |place: usize| rest.as_bytes().get(place).is_some_and(u8::is_ascii_digit);
        let kind = if first == '"' || first == '\'' {
            self.text_token("")?
        } else if first.is_ascii_digit() || first == '.' && digit(1) {
            self.number()?
        } else if first.is_alphabetic() || first == '_' {
            let len = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            let (name, behind) = rest.split_at_checked(len).unwrap_or((rest, ""));
            self.at += name.len();
            let prefix =
                matches!(name, "f" | "F" | "r" | "R" | "b" | "B" | "u" | "U" | "rb" | "br" | "fr" | "rf");
            if prefix && behind.starts_with(['"', '\'']) { self.text_token(name)? } else { Kind::Name(name) }
        } else if let Some(mark) = MARKS.iter().chain(&[">"]).find(|mark| rest.starts_with(**mark)) {
            self.at += mark.len();
            Kind::Mark(mark)
        } else {
            return Err(self.fault(format!("`{first}` has no sense here")));
        };
        Ok(Token { kind, line, start, end: self.at })
    }

    fn number(&mut self) -> Result<Kind<'a>, CodeError> {
        let rest = self.rest();
        let radix = match rest.get(..2) {
            Some("0x" | "0X") => 16,
            Some("0b" | "0B") => 2,
            Some("0o" | "0O") => 8,
            _ => 10,
        };
        let prefix = if radix == 10 { 0 } else { 2 };
        let mut float = false;
        let mut before = ' ';
        let len = rest
            .char_indices()
            .find(|&(place, character)| {
                let exponent = radix == 10 && matches!(before, 'e' | 'E') && matches!(character, '+' | '-');
                let point = radix == 10 && character == '.';
                float |= point || radix == 10 && matches!(character, 'e' | 'E');
                before = character;
                place >= prefix
                    && !(character.is_ascii_alphanumeric() || character == '_' || point || exponent)
            })
            .map_or(rest.len(), |(place, _)| place);
        let text = rest.get(prefix..len).unwrap_or_default();
        self.at += len;
        let digits: String = text.chars().filter(|&character| character != '_').collect();
        let wrong = || self.fault(format!("`{}` is no number", rest.get(..len.min(40)).unwrap_or_default()));
        if float {
            return digits.parse().map(Kind::Float).map_err(|_| wrong());
        }
        if !digits.is_empty() && digits.chars().all(|digit| digit.is_digit(radix)) {
            let too_large = CodeError { line: self.line, fault: CodeFault::TooLarge };
            return i128::from_str_radix(&digits, radix).map(Kind::Int).map_err(|_| too_large);
        }
        Err(wrong())
    }

    fn text_token(&mut self, prefix: &str) -> Result<Kind<'a>, CodeError> {
        let rest = self.rest();
        let quote =
            ["\"\"\"", "'''", "\"", "'"].into_iter().find(|quote| rest.starts_with(quote)).unwrap_or("\"");
        let raw = prefix.contains(['r', 'R']);
        let inner = rest.get(quote.len()..).unwrap_or_default();
        let mut text = String::new();
        let mut characters = inner.char_indices();
        while let Some((place, character)) = characters.next() {
            if inner.get(place..).is_some_and(|rest| rest.starts_with(quote)) {
                self.at += place + 2 * quote.len();
                let lines = inner.get(..place).unwrap_or_default().matches('\n').count();
                self.line = self.line.saturating_add(u32::try_from(lines).unwrap_or(u32::MAX));
                let format = prefix.contains(['f', 'F']) && text.contains(['{', '}']);
                return Ok(if format { Kind::Format(text) } else { Kind::Text(text) });
            }
            match character {
                '\n' if quote.len() == 1 => break,
                '\\' => {
                    let Some((_, escaped)) = characters.next() else { break };
                    match escaped {
                        _ if raw => text.extend(['\\', escaped]),
                        '\n' => {}
                        'n' => text.push('\n'),
                        't' => text.push('\t'),
                        'r' => text.push('\r'),
                        '0' => text.push('\0'),
                        '\\' | '\'' | '"' => text.push(escaped),
                        'a' | 'b' | 'f' | 'v' | 'x' | 'u' | 'U' | 'N' | '1'..='7' => {
                            let what = format!("`\\{escaped}` in text");
                            return Err(CodeError { line: self.line, fault: CodeFault::Unsupported(what) });
                        }
                        _ => text.extend(['\\', escaped]),
                    }
                }
                _ => text.push(character),
            }
        }
        Err(self.fault("this text does not end"))
    }
}
