//! Expressions, from the operators that bind least to those that bind most.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::token::{Kind, Token};
use super::tree::{Behind, Expr, Operator, Relation};
use super::value::Value;
use super::{CodeError, CodeFault};

/// How deep expressions may lie in each other.
const MAX_DEPTH: u32 = 40;

/// Operators of one rank each, from those that bind least.
const RANKS: [&[(&str, Operator)]; 6] = [
    &[("|", Operator::Or)],
    &[("^", Operator::Xor)],
    &[("&", Operator::And)],
    &[("<<", Operator::Left), (">>", Operator::Right)],
    &[("+", Operator::Add), ("-", Operator::Subtract)],
    &[
        ("*", Operator::Multiply),
        ("/", Operator::Divide),
        ("//", Operator::FloorDivide),
        ("%", Operator::Modulo),
    ],
];

/// Words that are no names.
pub(super) const KEYWORDS: [&str; 35] = [
    "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue", "def",
    "del", "elif", "else", "except", "finally", "for", "from", "global", "if", "import", "in", "is",
    "lambda", "nonlocal", "not", "or", "pass", "raise", "return", "try", "while", "with", "yield",
];

/// Walks through the tokens of a line.
pub(super) struct Reader<'a> {
    pub(super) tokens: &'a [Token<'a>],
    pub(super) at: usize,
    pub(super) line: u32,
    depth: u32,
}

impl<'a> Reader<'a> {
    pub(super) fn new(tokens: &'a [Token<'a>]) -> Self {
        Self { tokens, at: 0, line: tokens.first().map_or(1, |token| token.line), depth: 0 }
    }

    pub(super) fn peek(&self) -> Option<&'a Kind<'a>> {
        self.tokens.get(self.at).map(|token| &token.kind)
    }

    pub(super) fn at_mark(&self, mark: &str) -> bool {
        matches!(self.peek(), Some(Kind::Mark(found)) if *found == mark)
    }

    pub(super) fn take_mark(&mut self, mark: &str) -> bool {
        let there = self.at_mark(mark);
        self.at += usize::from(there);
        there
    }

    pub(super) fn at_word(&self, word: &str) -> bool {
        matches!(self.peek(), Some(Kind::Name(found)) if *found == word)
    }

    pub(super) fn take_word(&mut self, word: &str) -> bool {
        let there = self.at_word(word);
        self.at += usize::from(there);
        there
    }

    pub(super) fn expect_mark(&mut self, mark: &str) -> Result<(), CodeError> {
        if self.take_mark(mark) { Ok(()) } else { Err(self.expected(&format!("`{mark}`"))) }
    }

    pub(super) fn error(&self, fault: CodeFault) -> CodeError {
        let line = self.tokens.get(self.at).or(self.tokens.last()).map_or(self.line, |token| token.line);
        CodeError { line, fault }
    }

    pub(super) fn expected(&self, what: &str) -> CodeError {
        let found = match self.peek() {
            None => "the end of the line".to_string(),
            Some(Kind::Name(name)) => format!("`{name}`"),
            Some(Kind::Mark(mark)) => format!("`{mark}`"),
            Some(Kind::Int(_) | Kind::Float(_)) => "a number".to_string(),
            Some(Kind::Text(_) | Kind::Format(_)) => "text".to_string(),
        };
        self.error(CodeFault::Syntax(format!("expected {what}, found {found}")))
    }

    pub(super) fn unsupported(&self, what: &str) -> CodeError {
        self.error(CodeFault::Unsupported(format!("{what} in code")))
    }

    /// One expression, or several with commas between them, which are a tuple.
    pub(super) fn expressions(&mut self) -> Result<Expr, CodeError> {
        let first = self.expression()?;
        if !self.at_mark(",") {
            return Ok(first);
        }
        let mut items = Vec::from([first]);
        while self.take_mark(",") {
            if matches!(self.peek(), None | Some(Kind::Mark(")" | "]" | "=" | ":" | ";"))) {
                break;
            }
            items.push(self.expression()?);
        }
        Ok(Expr::Sequence { tuple: true, items })
    }

    pub(super) fn expression(&mut self) -> Result<Expr, CodeError> {
        self.deeper(|reader| {
            if reader.at_word("lambda") {
                return Err(reader.unsupported("`lambda`"));
            }
            let yes = reader.any()?;
            if !reader.take_word("if") {
                return Ok(yes);
            }
            let test = reader.any()?;
            if !reader.take_word("else") {
                return Err(reader.expected("`else`"));
            }
            let no = reader.expression()?;
            Ok(Expr::Choose { test: Box::new(test), yes: Box::new(yes), no: Box::new(no) })
        })
    }

    fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, CodeError>) -> Result<T, CodeError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.error(CodeFault::Syntax("this expression lies too deep in others".to_string())));
        }
        let result = read(self);
        self.depth -= 1;
        result
    }

    fn any(&mut self) -> Result<Expr, CodeError> {
        let first = self.all()?;
        if !self.at_word("or") {
            return Ok(first);
        }
        let mut items = Vec::from([first]);
        while self.take_word("or") {
            items.push(self.all()?);
        }
        Ok(Expr::Any(items))
    }

    fn all(&mut self) -> Result<Expr, CodeError> {
        let first = self.not()?;
        if !self.at_word("and") {
            return Ok(first);
        }
        let mut items = Vec::from([first]);
        while self.take_word("and") {
            items.push(self.not()?);
        }
        Ok(Expr::All(items))
    }

    fn not(&mut self) -> Result<Expr, CodeError> {
        let mut odd = false;
        let mut any = false;
        while self.take_word("not") {
            (odd, any) = (!odd, true);
        }
        let inner = self.comparison()?;
        Ok(match (any, odd) {
            (false, _) => inner,
            (true, true) => Expr::Not(Box::new(inner)),
            (true, false) => Expr::Not(Box::new(Expr::Not(Box::new(inner)))),
        })
    }

    fn comparison(&mut self) -> Result<Expr, CodeError> {
        let first = self.chain(0)?;
        let mut others = Vec::new();
        while let Some(relation) = self.relation() {
            others.push((relation, self.chain(0)?));
        }
        Ok(if others.is_empty() { first } else { Expr::Compare(Box::new(first), others) })
    }

    fn relation(&mut self) -> Option<Relation> {
        let (relation, tokens) = match self.peek()? {
            Kind::Mark("==") => (Relation::Equal, 1),
            Kind::Mark("!=") => (Relation::NotEqual, 1),
            Kind::Mark("<") => (Relation::Less, 1),
            Kind::Mark("<=") => (Relation::LessOrEqual, 1),
            Kind::Mark(">") => (Relation::Greater, 1),
            Kind::Mark(">=") => (Relation::GreaterOrEqual, 1),
            Kind::Name("in") => (Relation::In, 1),
            Kind::Name(word @ ("not" | "is")) => {
                let next = self.tokens.get(self.at + 1).map(|token| &token.kind);
                match (*word, next) {
                    ("not", Some(Kind::Name("in"))) => (Relation::NotIn, 2),
                    ("is", Some(Kind::Name("not"))) => (Relation::IsNot, 2),
                    ("is", _) => (Relation::Is, 1),
                    _ => return None,
                }
            }
            _ => return None,
        };
        self.at += tokens;
        Some(relation)
    }

    /// Operators of this rank and those that bind more.
    fn chain(&mut self, rank: usize) -> Result<Expr, CodeError> {
        let Some(operators) = RANKS.get(rank) else { return self.sign() };
        let first = self.chain(rank + 1)?;
        let mut others = Vec::new();
        while let Some(Kind::Mark(mark)) = self.peek() {
            if *mark == "@" {
                return Err(self.unsupported("`@`"));
            }
            let Some(&(_, operator)) = operators.iter().find(|(name, _)| name == mark) else { break };
            self.at += 1;
            others.push((operator, self.chain(rank + 1)?));
        }
        Ok(if others.is_empty() { first } else { Expr::Chain(Box::new(first), others) })
    }

    fn sign(&mut self) -> Result<Expr, CodeError> {
        for (mark, sign) in [("-", '-'), ("+", '+'), ("~", '~')] {
            if self.take_mark(mark) {
                return self.deeper(|reader| Ok(Expr::Sign(sign, Box::new(reader.sign()?))));
            }
        }
        let base = self.behind()?;
        if !self.take_mark("**") {
            return Ok(base);
        }
        let exponent = self.deeper(Self::sign)?;
        Ok(Expr::Chain(Box::new(base), Vec::from([(Operator::Power, exponent)])))
    }

    fn behind(&mut self) -> Result<Expr, CodeError> {
        let first = self.atom()?;
        let mut behind = Vec::new();
        loop {
            if self.take_mark("(") {
                behind.push(self.arguments()?);
            } else if self.take_mark("[") {
                let index = self.expression()?;
                if self.at_mark(":") {
                    return Err(self.unsupported("a slice"));
                }
                self.expect_mark("]")?;
                behind.push(Behind::Index(index));
            } else if self.take_mark(".") {
                let Some(Kind::Name(name)) = self.peek() else { return Err(self.expected("a name")) };
                behind.push(Behind::Attribute((*name).to_string()));
                self.at += 1;
            } else {
                break;
            }
        }
        Ok(if behind.is_empty() { first } else { Expr::Behind(Box::new(first), behind) })
    }

    fn arguments(&mut self) -> Result<Behind, CodeError> {
        let mut arguments = Vec::new();
        let mut keywords = false;
        while !self.take_mark(")") {
            let next = self.tokens.get(self.at + 1).map(|token| &token.kind);
            if matches!((self.peek(), next), (Some(Kind::Name(_)), Some(Kind::Mark("=")))) {
                self.at += 2;
                keywords = true;
                self.expression()?;
            } else if self.at_mark("*") || self.at_mark("**") {
                return Err(self.unsupported("`*` before an argument"));
            } else {
                arguments.push(self.expression()?);
            }
            self.no_comprehension()?;
            if !self.take_mark(",") && !self.at_mark(")") {
                return Err(self.expected("`,` or `)`"));
            }
        }
        Ok(Behind::Call { arguments, keywords })
    }

    fn no_comprehension(&self) -> Result<(), CodeError> {
        if self.at_word("for") { Err(self.unsupported("a comprehension")) } else { Ok(()) }
    }

    fn atom(&mut self) -> Result<Expr, CodeError> {
        let Some(kind) = self.peek() else { return Err(self.expected("a value")) };
        let value = match kind {
            Kind::Int(number) => Value::Int(*number),
            Kind::Float(number) => Value::Float(*number),
            Kind::Text(_) | Kind::Format(_) => return Ok(self.texts()),
            Kind::Name("True") => Value::Bool(true),
            Kind::Name("False") => Value::Bool(false),
            Kind::Name("None") => Value::Nothing,
            Kind::Name(name) if KEYWORDS.contains(name) => return Err(self.expected("a value")),
            Kind::Name(name) => {
                self.at += 1;
                return Ok(Expr::Name((*name).to_string()));
            }
            Kind::Mark("(") => return self.sequence(")"),
            Kind::Mark("[") => return self.sequence("]"),
            Kind::Mark("{") => return Err(self.unsupported("`{`")),
            Kind::Mark(_) => return Err(self.expected("a value")),
        };
        self.at += 1;
        Ok(Expr::Value(value))
    }

    /// Texts that stand behind each other are one.
    fn texts(&mut self) -> Expr {
        let (mut all, mut format) = (String::new(), false);
        loop {
            match self.peek() {
                Some(Kind::Text(text)) => all.push_str(text),
                Some(Kind::Format(_)) => format = true,
                _ => return if format { Expr::Format } else { Expr::Value(Value::Text(all)) },
            }
            self.at += 1;
        }
    }

    /// In parentheses or brackets.
    fn sequence(&mut self, close: &str) -> Result<Expr, CodeError> {
        self.at += 1;
        let mut items = Vec::new();
        let mut tuple = close == ")";
        let mut comma = false;
        while !self.take_mark(close) {
            items.push(self.expression()?);
            self.no_comprehension()?;
            let more = self.take_mark(",");
            comma |= more;
            if !more && !self.at_mark(close) {
                return Err(self.expected(&format!("`,` or `{close}`")));
            }
        }
        if tuple && !comma && items.len() == 1 {
            tuple = false;
            if let Some(inner) = items.pop() {
                return Ok(inner);
            }
        }
        Ok(Expr::Sequence { tuple, items })
    }
}
