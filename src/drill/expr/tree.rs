//! Code as data. Chains of operators are flat, so that nothing here is deeper than the code nests.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use super::value::Value;

/// A statement, and on which line it stands.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Statement {
    pub(super) line: u32,
    pub(super) action: Action,
}

/// What a statement does.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Action {
    /// `assert test, message`.
    Assert {
        test: Expr,
        /// The whole of it as it stands in the code.
        text: String,
        message: Option<(Expr, String)>,
    },
    /// `a = b = value`.
    Assign { targets: Vec<Target>, value: Expr },
    /// `a += value`.
    Change { name: String, operator: Operator, value: Expr },
    /// Worked out and forgotten.
    Evaluate(Expr),
    /// `if` and `elif` with what each does; the last may be without a test.
    If(Vec<(Option<Expr>, Vec<Statement>)>),
    /// `for target in items`.
    For { target: Target, items: Expr, body: Vec<Statement> },
    /// `while test`.
    While { test: Expr, body: Vec<Statement> },
    /// `break`.
    Break,
    /// `continue`.
    Continue,
    /// `pass`, a harmless `import`, a bare `print`.
    Nothing,
}

/// What a value is given to.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Target {
    Name(String),
    /// `a, b`.
    Names(Vec<String>),
}

/// An operator between two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    FloorDivide,
    Modulo,
    Power,
    Left,
    Right,
    And,
    Or,
    Xor,
}

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Relation {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
    NotIn,
    Is,
    IsNot,
}

/// An expression.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Expr {
    Value(Value),
    Name(String),
    /// `f"…{…}…"`.
    Format,
    /// `[a, b]` or `(a, b)`.
    Sequence {
        tuple: bool,
        items: Vec<Expr>,
    },
    /// `a or b`.
    Any(Vec<Expr>),
    /// `a and b`.
    All(Vec<Expr>),
    Not(Box<Expr>),
    /// `a < b < c`.
    Compare(Box<Expr>, Vec<(Relation, Expr)>),
    /// `a + b - c`: operators of one rank, from left to right.
    Chain(Box<Expr>, Vec<(Operator, Expr)>),
    /// `-a`, `+a`, `~a`.
    Sign(char, Box<Expr>),
    /// `yes if test else no`.
    Choose {
        test: Box<Expr>,
        yes: Box<Expr>,
        no: Box<Expr>,
    },
    /// `a[b]`, `a.b`, `a(b)`.
    Behind(Box<Expr>, Vec<Behind>),
}

/// What stands behind a value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Behind {
    Index(Expr),
    Attribute(String),
    Call { arguments: Vec<Expr>, keywords: bool },
}
