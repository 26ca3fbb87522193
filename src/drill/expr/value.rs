//! Values, and what operators make of them.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::cmp::Ordering;
use core::fmt::{self, Display, Formatter};

use super::CodeFault;
use super::tree::Operator;

/// Octets that a text may have.
const LONGEST_TEXT: usize = 1 << 16;
/// Values that a list may have, with all that is in the lists in it.
const LONGEST_LIST: usize = 1 << 14;
/// How deep lists may lie in each other.
const DEEPEST_LIST: usize = 8;

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    /// `None`.
    Nothing,
    /// `True` and `False`, which count as 1 and 0.
    Bool(bool),
    /// A whole number.
    Int(i128),
    /// Any other number.
    Float(f64),
    /// Text.
    Text(String),
    /// A list or a tuple.
    List {
        /// A tuple.
        tuple: bool,
        /// What is in it.
        items: Vec<Value>,
    },
}

/// Two numbers as an operator takes them.
enum Numbers {
    Ints(i128, i128),
    Floats(f64, f64),
}

impl Value {
    /// What it is called.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Nothing => "None",
            Self::Bool(_) => "a truth value",
            Self::Int(_) => "a whole number",
            Self::Float(_) => "a number",
            Self::Text(_) => "text",
            Self::List { tuple: true, .. } => "a tuple",
            Self::List { tuple: false, .. } => "a list",
        }
    }

    /// Whether a condition takes it for true.
    pub(super) fn truth(&self) -> bool {
        match self {
            Self::Nothing => false,
            Self::Bool(truth) => *truth,
            Self::Int(number) => *number != 0,
            Self::Float(number) => *number != 0.0,
            Self::Text(text) => !text.is_empty(),
            Self::List { items, .. } => !items.is_empty(),
        }
    }

    /// How much work it is to copy it.
    pub(super) fn weight(&self) -> usize {
        match self {
            Self::Text(text) => 1 + text.len() / 16,
            Self::List { items, .. } => 1 + items.iter().map(Self::weight).sum::<usize>(),
            _ => 1,
        }
    }

    fn depth(&self) -> usize {
        match self {
            Self::List { items, .. } => 1 + items.iter().map(Self::depth).max().unwrap_or(0),
            _ => 0,
        }
    }

    /// A list or a tuple, if it is of a size that is allowed.
    pub(super) fn list(tuple: bool, items: Vec<Self>) -> Result<Self, CodeFault> {
        let list = Self::List { tuple, items };
        if list.weight() > LONGEST_LIST || list.depth() > DEEPEST_LIST {
            return Err(CodeFault::TooLarge);
        }
        Ok(list)
    }

    /// As a whole number, if it is one.
    pub(super) fn int(&self) -> Option<i128> {
        match self {
            Self::Bool(truth) => Some(i128::from(*truth)),
            Self::Int(number) => Some(*number),
            _ => None,
        }
    }

    /// As any number, if it is one.
    pub(super) fn float(&self) -> Option<f64> {
        match self {
            Self::Float(number) => Some(*number),
            other => other.int().map(|number| number as f64),
        }
    }

    fn numbers(&self, other: &Self) -> Option<Numbers> {
        match (self.int(), other.int()) {
            (Some(left), Some(right)) => Some(Numbers::Ints(left, right)),
            _ => Some(Numbers::Floats(self.float()?, other.float()?)),
        }
    }

    /// `==`: numbers of all kinds compare with each other.
    pub(super) fn equals(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::List { tuple, items }, Self::List { tuple: also, items: others }) => {
                tuple == also
                    && items.len() == others.len()
                    && items.iter().zip(others).all(|(left, right)| left.equals(right))
            }
            _ => match self.numbers(other) {
                Some(Numbers::Ints(left, right)) => left == right,
                Some(Numbers::Floats(left, right)) => left == right,
                None => self == other,
            },
        }
    }

    /// Which comes first; `None` if that cannot be said (a NaN).
    pub(super) fn order(&self, other: &Self) -> Result<Option<Ordering>, CodeFault> {
        match (self, other) {
            (Self::Text(left), Self::Text(right)) => Ok(Some(left.cmp(right))),
            (Self::List { items, .. }, Self::List { items: others, .. }) => {
                for (left, right) in items.iter().zip(others) {
                    if !left.equals(right) {
                        return left.order(right);
                    }
                }
                Ok(Some(items.len().cmp(&others.len())))
            }
            _ => match self.numbers(other) {
                Some(Numbers::Ints(left, right)) => Ok(Some(left.cmp(&right))),
                Some(Numbers::Floats(left, right)) => Ok(left.partial_cmp(&right)),
                None => Err(mismatch("an order", self, other)),
            },
        }
    }

    /// `self in other`.
    pub(super) fn is_in(&self, other: &Self) -> Result<bool, CodeFault> {
        match (self, other) {
            (Self::Text(part), Self::Text(text)) => Ok(text.contains(part.as_str())),
            (_, Self::List { items, .. }) => Ok(items.iter().any(|item| item.equals(self))),
            _ => Err(mismatch("`in`", self, other)),
        }
    }

    /// What an operator makes of two values.
    pub(super) fn combine(&self, operator: Operator, other: &Self) -> Result<Self, CodeFault> {
        match (operator, self, other) {
            (Operator::Modulo, Self::Text(format), _) => super::builtin::format(format, other),
            (Operator::Add, Self::Text(left), Self::Text(right)) => text(format!("{left}{right}")),
            (Operator::Add, Self::List { tuple, items }, Self::List { tuple: also, items: others })
                if tuple == also =>
            {
                Self::list(*tuple, items.iter().chain(others).cloned().collect())
            }
            (Operator::Multiply, many @ (Self::Text(_) | Self::List { .. }), _) => many.repeated(other),
            (Operator::Multiply, _, many @ (Self::Text(_) | Self::List { .. })) => many.repeated(self),
            (Operator::And | Operator::Or | Operator::Xor, Self::Bool(left), Self::Bool(right)) => {
                Ok(Self::Bool(match operator {
                    Operator::And => left & right,
                    Operator::Or => left | right,
                    _ => left ^ right,
                }))
            }
            _ => match self.numbers(other) {
                Some(Numbers::Ints(left, right)) => ints(operator, left, right),
                Some(Numbers::Floats(left, right)) => floats(operator, left, right),
                None => Err(mismatch("this operator", self, other)),
            },
        }
    }

    fn repeated(&self, count: &Self) -> Result<Self, CodeFault> {
        let Some(count) = count.int() else { return Err(mismatch("`*`", self, count)) };
        let count = usize::try_from(count.max(0)).map_err(|_| CodeFault::TooLarge)?;
        match self {
            Self::Text(part) if part.len().saturating_mul(count) <= LONGEST_TEXT => text(part.repeat(count)),
            Self::List { tuple, items } if self.weight().saturating_mul(count) <= LONGEST_LIST => {
                let items = (0..count).flat_map(|_| items.iter().cloned()).collect();
                Self::list(*tuple, items)
            }
            _ => Err(CodeFault::TooLarge),
        }
    }
}

/// Text, if it is not too long.
pub(super) fn text(text: String) -> Result<Value, CodeFault> {
    if text.len() > LONGEST_TEXT { Err(CodeFault::TooLarge) } else { Ok(Value::Text(text)) }
}

fn mismatch(what: &str, left: &Value, right: &Value) -> CodeFault {
    CodeFault::Type(format!("{what} does not go with {} and {}", left.kind(), right.kind()))
}

fn ints(operator: Operator, left: i128, right: i128) -> Result<Value, CodeFault> {
    let shift =
        || u32::try_from(right).map_err(|_| CodeFault::Type("a shift by a negative number".to_string()));
    let result = match operator {
        Operator::Add => left.checked_add(right),
        Operator::Subtract => left.checked_sub(right),
        Operator::Multiply => left.checked_mul(right),
        Operator::Divide | Operator::FloorDivide | Operator::Modulo if right == 0 => {
            return Err(CodeFault::DivisionByZero);
        }
        Operator::Divide => return Ok(Value::Float(left as f64 / right as f64)),
        Operator::FloorDivide => left.checked_div_euclid(right).and_then(|quotient| {
            // Python rounds down, whatever the signs.
            let rest = left.checked_rem_euclid(right)?;
            if right < 0 && rest != 0 { quotient.checked_sub(1) } else { Some(quotient) }
        }),
        Operator::Modulo => left
            .checked_rem_euclid(right)
            .and_then(|rest| if right < 0 && rest != 0 { rest.checked_add(right) } else { Some(rest) }),
        Operator::Power if right < 0 => return floats(operator, left as f64, right as f64),
        Operator::Power => match (left, u32::try_from(right)) {
            (0 | 1, _) => Some(if right == 0 { 1 } else { left }),
            (-1, _) => Some(if right % 2 == 0 { 1 } else { -1 }),
            (_, Ok(exponent)) => left.checked_pow(exponent),
            _ => None,
        },
        Operator::Left => match shift()? {
            _ if left == 0 => Some(0),
            by @ 0..=126 => left.checked_mul(1_i128 << by),
            _ => None,
        },
        Operator::Right => Some(left >> shift()?.min(127)),
        Operator::And => Some(left & right),
        Operator::Or => Some(left | right),
        Operator::Xor => Some(left ^ right),
    };
    result.map(Value::Int).ok_or(CodeFault::TooLarge)
}

fn floats(operator: Operator, left: f64, right: f64) -> Result<Value, CodeFault> {
    let divided = || if right == 0.0 { Err(CodeFault::DivisionByZero) } else { Ok(left / right) };
    Ok(Value::Float(match operator {
        Operator::Add => left + right,
        Operator::Subtract => left - right,
        Operator::Multiply => left * right,
        Operator::Divide => divided()?,
        Operator::FloorDivide => floor(divided()?),
        Operator::Modulo => {
            divided()?;
            let rest = left % right;
            if rest != 0.0 && (rest < 0.0) != (right < 0.0) { rest + right } else { rest }
        }
        Operator::Power => power(left, right)?,
        _ => return Err(CodeFault::Type("this operator goes with whole numbers only".to_string())),
    }))
}

/// The largest whole number that is not above it.
pub(super) fn floor(number: f64) -> f64 {
    // From 2^53 on there are whole numbers only.
    if number.abs() >= 9_007_199_254_740_992.0 || number.is_nan() {
        return number;
    }
    let whole = number as i64 as f64;
    if whole > number { whole - 1.0 } else { whole }
}

/// Powers with whole exponents.
fn power(base: f64, exponent: f64) -> Result<f64, CodeFault> {
    if floor(exponent) != exponent || exponent.abs() > 4096.0 {
        return Err(CodeFault::Unsupported("a power whose exponent is not a small whole number".to_string()));
    }
    if base == 0.0 && exponent < 0.0 {
        return Err(CodeFault::DivisionByZero);
    }
    let product = (0..exponent.abs() as u32).fold(1.0, |product, _| product * base);
    Ok(if exponent < 0.0 { 1.0 / product } else { product })
}

/// As `repr` has it: text in quotes.
impl Display for Value {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("None"),
            Self::Bool(true) => f.write_str("True"),
            Self::Bool(false) => f.write_str("False"),
            Self::Int(number) => write!(f, "{number}"),
            Self::Float(number) => write!(f, "{number:?}"),
            Self::Text(text) => write!(f, "{text:?}"),
            Self::List { tuple, items } => {
                f.write_str(if *tuple { "(" } else { "[" })?;
                for (place, item) in items.iter().enumerate() {
                    f.write_str(if place == 0 { "" } else { ", " })?;
                    item.fmt(f)?;
                }
                f.write_str(match (tuple, items.len()) {
                    (true, 1) => ",)",
                    (true, _) => ")",
                    (false, _) => "]",
                })
            }
        }
    }
}
