//! `%{ … }%`: the Python that scripts assert with, as far as they need it.
//!
//! It has numbers, text, lists, the usual operators, `assert`, assignments, `if`, `for` and `while`, and a few
//! functions. What it does not have is refused by name. It cannot do anything but compute, and not for long.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use thiserror::Error;

mod builtin;
mod eval;
mod expression;
mod statement;
#[cfg(test)]
mod tests;
mod token;
mod tree;
mod value;

use value::Value;

/// Code that can be run.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Code {
    statements: Vec<tree::Statement>,
}

/// The variables of a script. They live on from one piece of its code to the next.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Scope {
    variables: BTreeMap<String, Value>,
}

/// What is wrong with code, or what it found wrong.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{fault}")]
pub(super) struct CodeError {
    /// The line, from 1, counted from the one on which `%{` stands.
    pub(super) line: u32,
    /// What it is.
    pub(super) fault: CodeFault,
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub(super) enum CodeFault {
    /// An assertion does not hold.
    #[error("{text} does not hold{}{}", Behind(": ", values), Behind(" ", message))]
    Assertion {
        /// The assertion as it stands in the script.
        text: String,
        /// What the names in it stand for: `tcpi_snd_cwnd is 10, n is 9`.
        values: String,
        /// Its message, in quotes; empty if it has none.
        message: String,
    },
    /// This is no code.
    #[error("{0}")]
    Syntax(String),
    /// Nothing has this name.
    #[error("nothing has the name `{0}`")]
    UnknownName(String),
    /// It may be good Python, and is not done here.
    #[error("{0}")]
    Unsupported(String),
    /// An operation does not go with what it is applied to.
    #[error("{0}")]
    Type(String),
    /// A division by zero.
    #[error("division by zero")]
    DivisionByZero,
    /// A number or a text grows beyond bounds.
    #[error("a value grows too large")]
    TooLarge,
    /// The code does not end, or not soon enough.
    #[error("the code takes too long")]
    TooLong,
}

/// A text with something before it, if there is any.
struct Behind<'a>(&'a str, &'a str);

impl core::fmt::Display for Behind<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        if self.1.is_empty() { Ok(()) } else { write!(f, "{}{}", self.0, self.1) }
    }
}

impl Code {
    /// Reads code.
    ///
    /// # Errors
    ///
    /// [`CodeFault::Syntax`], or [`CodeFault::Unsupported`] for Python that is not done here.
    pub(super) fn parse(text: &str) -> Result<Self, CodeError> {
        let lines = token::lines(text)?;
        statement::parse(text, &lines).map(|statements| Self { statements })
    }

    /// Runs it. `symbols` are names that are given from outside: they win over variables of earlier code.
    ///
    /// # Errors
    ///
    /// The first assertion that does not hold, or what else keeps it from running to its end.
    pub(super) fn run(
        &self,
        scope: &mut Scope,
        symbols: &BTreeMap<&'static str, i128>,
    ) -> Result<(), CodeError> {
        scope.variables.retain(|name, _| !symbols.contains_key(name.as_str()));
        eval::run(&self.statements, &mut scope.variables, symbols)
    }
}
