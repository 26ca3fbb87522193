//! Statements.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::expression::{KEYWORDS, Reader};
use super::token::{Kind, Line, Token};
use super::tree::{Action, Expr, Operator, Statement, Target};
use super::{CodeError, CodeFault};

/// How deep blocks may lie in each other.
const MAX_DEPTH: usize = 16;

/// Modules that do no harm if nothing of them is used; what is used of them is named then.
const MODULES: [&str; 8] = ["sys", "math", "os", "time", "re", "socket", "struct", "string"];

/// The operators that `=` can stand behind.
const CHANGES: [(&str, Operator); 12] = [
    ("+=", Operator::Add),
    ("-=", Operator::Subtract),
    ("*=", Operator::Multiply),
    ("/=", Operator::Divide),
    ("//=", Operator::FloorDivide),
    ("%=", Operator::Modulo),
    ("**=", Operator::Power),
    ("<<=", Operator::Left),
    (">>=", Operator::Right),
    ("&=", Operator::And),
    ("|=", Operator::Or),
    ("^=", Operator::Xor),
];

/// All statements of a piece of code.
pub(super) fn parse(text: &str, lines: &[Line<'_>]) -> Result<Vec<Statement>, CodeError> {
    let mut parser = Parser { text, lines, at: 0 };
    let statements = parser.block(lines.first().map_or(0, |line| line.indent), 0)?;
    match parser.lines.get(parser.at) {
        None => Ok(statements),
        Some(line) => Err(syntax(line, "this line is indented less than the first")),
    }
}

fn syntax(line: &Line<'_>, message: &str) -> CodeError {
    let line = line.tokens.first().map_or(1, |token| token.line);
    CodeError { line, fault: CodeFault::Syntax(message.to_string()) }
}

struct Parser<'a> {
    text: &'a str,
    lines: &'a [Line<'a>],
    at: usize,
}

impl<'a> Parser<'a> {
    /// The lines that are indented like this, and what is in them.
    fn block(&mut self, indent: usize, depth: usize) -> Result<Vec<Statement>, CodeError> {
        let mut statements = Vec::new();
        while let Some(line) = self.lines.get(self.at).filter(|line| line.indent >= indent) {
            if line.indent > indent {
                return Err(syntax(line, "this line is indented more than the one before"));
            }
            if depth > MAX_DEPTH {
                return Err(syntax(line, "blocks lie too deep in each other"));
            }
            self.at += 1;
            let mut reader = Reader::new(&line.tokens);
            let statement = match reader.peek() {
                Some(Kind::Name("if")) => self.choice(&mut reader, indent, depth)?,
                Some(Kind::Name("while")) => {
                    reader.at += 1;
                    let test = reader.expression()?;
                    let body = self.body(&mut reader, indent, depth)?;
                    self.no_else(indent)?;
                    Statement { line: reader.line, action: Action::While { test, body } }
                }
                Some(Kind::Name("for")) => {
                    reader.at += 1;
                    let target = self.for_target(&mut reader)?;
                    let items = reader.expressions()?;
                    let body = self.body(&mut reader, indent, depth)?;
                    self.no_else(indent)?;
                    Statement { line: reader.line, action: Action::For { target, items, body } }
                }
                _ => {
                    self.simple(&mut reader, &mut statements)?;
                    continue;
                }
            };
            statements.push(statement);
        }
        Ok(statements)
    }

    /// `else` behind a loop is not what it seems.
    fn no_else(&self, indent: usize) -> Result<(), CodeError> {
        match self.lines.get(self.at) {
            Some(line) if line.indent == indent && Reader::new(&line.tokens).at_word("else") => {
                Err(Reader::new(&line.tokens).unsupported("`else` behind a loop"))
            }
            _ => Ok(()),
        }
    }

    fn choice(
        &mut self,
        reader: &mut Reader<'a>,
        indent: usize,
        depth: usize,
    ) -> Result<Statement, CodeError> {
        let line = reader.line;
        reader.at += 1;
        let test = reader.expression()?;
        let mut branches = Vec::from([(Some(test), self.body(reader, indent, depth)?)]);
        while let Some(next) = self.lines.get(self.at).filter(|next| next.indent == indent) {
            let mut reader = Reader::new(&next.tokens);
            let test = if reader.take_word("elif") {
                Some(reader.expression()?)
            } else if reader.take_word("else") {
                None
            } else {
                break;
            };
            self.at += 1;
            let last = test.is_none();
            branches.push((test, self.body(&mut reader, indent, depth)?));
            if last {
                break;
            }
        }
        Ok(Statement { line, action: Action::If(branches) })
    }

    /// From the colon on: the rest of the line, or the lines that are indented more.
    fn body(
        &mut self,
        reader: &mut Reader<'a>,
        indent: usize,
        depth: usize,
    ) -> Result<Vec<Statement>, CodeError> {
        reader.expect_mark(":")?;
        if reader.peek().is_some() {
            let mut statements = Vec::new();
            self.simple(reader, &mut statements)?;
            return Ok(statements);
        }
        match self.lines.get(self.at) {
            Some(line) if line.indent > indent => self.block(line.indent, depth + 1),
            _ => Err(reader.expected("an indented block behind `:`")),
        }
    }

    fn for_target(&self, reader: &mut Reader<'a>) -> Result<Target, CodeError> {
        let mut names = Vec::new();
        loop {
            match reader.peek() {
                Some(Kind::Name(name)) if !KEYWORDS.contains(name) => names.push((*name).to_string()),
                _ => return Err(reader.expected("a name")),
            }
            reader.at += 1;
            if reader.take_word("in") {
                return Ok(match names.as_slice() {
                    [name] => Target::Name(name.clone()),
                    _ => Target::Names(names),
                });
            }
            reader.expect_mark(",")?;
        }
    }

    /// Statements with semicolons between them, to the end of the line.
    fn simple(&self, reader: &mut Reader<'a>, statements: &mut Vec<Statement>) -> Result<(), CodeError> {
        while reader.peek().is_some() {
            if reader.take_mark(";") {
                continue;
            }
            let line = reader.tokens.get(reader.at).map_or(reader.line, |token| token.line);
            statements.push(Statement { line, action: self.action(reader)? });
            if reader.peek().is_some() && !reader.at_mark(";") {
                return Err(reader.expected("the end of the statement"));
            }
        }
        Ok(())
    }

    fn action(&self, reader: &mut Reader<'a>) -> Result<Action, CodeError> {
        let start = reader.at;
        let Some(Kind::Name(word)) = reader.peek() else { return self.expression(reader) };
        match *word {
            "assert" => {
                reader.at += 1;
                let test = reader.expression()?;
                let text = self.between(reader, start);
                let comma = reader.take_mark(",");
                let from = reader.at;
                let message = if comma { Some(reader.expression()?) } else { None };
                let message = message.map(|message| (message, self.between(reader, from)));
                Ok(Action::Assert { test, text, message })
            }
            "pass" | "break" | "continue" => {
                reader.at += 1;
                Ok(match *word {
                    "pass" => Action::Nothing,
                    "break" => Action::Break,
                    _ => Action::Continue,
                })
            }
            "import" => {
                reader.at += 1;
                loop {
                    match reader.peek() {
                        Some(Kind::Name(module)) if MODULES.contains(module) => reader.at += 1,
                        Some(Kind::Name(module)) => {
                            return Err(reader.unsupported(&alloc::format!("`import {module}`")));
                        }
                        _ => return Err(reader.expected("the name of a module")),
                    }
                    if !reader.take_mark(",") {
                        return Ok(Action::Nothing);
                    }
                }
            }
            // The statement of Python 2.
            "print"
                if !matches!(
                    reader.tokens.get(start + 1).map(|token| &token.kind),
                    Some(Kind::Mark("("))
                ) =>
            {
                reader.at += 1;
                if reader.peek().is_some() && !reader.at_mark(";") {
                    return Ok(Action::Evaluate(reader.expressions()?));
                }
                Ok(Action::Nothing)
            }
            "elif" | "else" => Err(reader.expected("a statement")),
            "True" | "False" | "None" | "not" => self.expression(reader),
            word if KEYWORDS.contains(&word) => Err(reader.unsupported(&alloc::format!("`{word}`"))),
            _ => self.expression(reader),
        }
    }

    /// The text from this token to where the reader is.
    fn between(&self, reader: &Reader<'_>, from: usize) -> String {
        let place = |at: usize| reader.tokens.get(at);
        let start = place(from).map_or(0, |token: &Token<'_>| token.start);
        let end = place(reader.at.wrapping_sub(1)).map_or(start, |token: &Token<'_>| token.end);
        let words: Vec<_> = self.text.get(start..end).unwrap_or_default().split_whitespace().collect();
        words.join(" ")
    }

    /// An expression, or what is assigned.
    fn expression(&self, reader: &mut Reader<'a>) -> Result<Action, CodeError> {
        let mut value = reader.expressions()?;
        if let Some(Kind::Mark(mark)) = reader.peek()
            && let Some(&(_, operator)) = CHANGES.iter().find(|(name, _)| name == mark)
        {
            let Expr::Name(name) = value else {
                return Err(reader.unsupported("a change of anything but a variable"));
            };
            reader.at += 1;
            return Ok(Action::Change { name, operator, value: reader.expressions()? });
        }
        let mut targets = Vec::new();
        while reader.take_mark("=") {
            targets.push(
                target(value).ok_or_else(|| reader.unsupported("an assignment to anything but variables"))?,
            );
            value = reader.expressions()?;
        }
        Ok(if targets.is_empty() { Action::Evaluate(value) } else { Action::Assign { targets, value } })
    }
}

fn target(value: Expr) -> Option<Target> {
    let name = |item: Expr| if let Expr::Name(name) = item { Some(name) } else { None };
    match value {
        Expr::Name(name) => Some(Target::Name(name)),
        Expr::Sequence { items, .. } => items.into_iter().map(name).collect::<Option<_>>().map(Target::Names),
        _ => None,
    }
}
