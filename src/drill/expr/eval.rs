//! Running code.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::cmp::Ordering;

use super::tree::{Action, Behind, Expr, Relation, Statement, Target};
use super::value::Value;
use super::{CodeError, CodeFault, builtin};

/// Steps that a piece of code may take; each value that is copied is one.
const MAX_STEPS: usize = 1_000_000;
/// Names whose values a failed assertion shows.
const MAX_SHOWN: usize = 12;

/// How a block came to its end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    On,
    Break,
    Continue,
}

struct Machine<'a> {
    variables: &'a mut BTreeMap<String, Value>,
    symbols: &'a BTreeMap<&'static str, i128>,
    steps: usize,
}

pub(super) fn run(
    statements: &[Statement],
    variables: &mut BTreeMap<String, Value>,
    symbols: &BTreeMap<&'static str, i128>,
) -> Result<(), CodeError> {
    let mut machine = Machine { variables, symbols, steps: MAX_STEPS };
    match machine.block(statements)? {
        Flow::On => Ok(()),
        Flow::Break | Flow::Continue => {
            let fault = CodeFault::Syntax("`break` and `continue` stand in loops only".to_string());
            Err(CodeError { line: 1, fault })
        }
    }
}

impl Machine<'_> {
    fn spend(&mut self, steps: usize) -> Result<(), CodeFault> {
        self.steps = self.steps.checked_sub(steps).ok_or(CodeFault::TooLong)?;
        Ok(())
    }

    fn block(&mut self, statements: &[Statement]) -> Result<Flow, CodeError> {
        for statement in statements {
            let at = |fault| CodeError { line: statement.line, fault };
            self.spend(1).map_err(at)?;
            let flow = match &statement.action {
                Action::If(branches) => self.choice(branches, statement.line)?,
                Action::For { target, items, body } => {
                    let Value::List { items, .. } = self.value(items).map_err(at)? else {
                        return Err(at(CodeFault::Unsupported("`for` over anything but a list".to_string())));
                    };
                    for item in items {
                        self.spend(1).map_err(at)?;
                        self.assign(target, item).map_err(at)?;
                        if self.block(body)? == Flow::Break {
                            break;
                        }
                    }
                    Flow::On
                }
                Action::While { test, body } => {
                    while self.value(test).map_err(at)?.truth() {
                        self.spend(1).map_err(at)?;
                        if self.block(body)? == Flow::Break {
                            break;
                        }
                    }
                    Flow::On
                }
                Action::Break => Flow::Break,
                Action::Continue => Flow::Continue,
                other => self.simple(other).map(|()| Flow::On).map_err(at)?,
            };
            if flow != Flow::On {
                return Ok(flow);
            }
        }
        Ok(Flow::On)
    }

    fn choice(&mut self, branches: &[(Option<Expr>, Vec<Statement>)], line: u32) -> Result<Flow, CodeError> {
        for (test, body) in branches {
            let taken = match test {
                Some(test) => self.value(test).map_err(|fault| CodeError { line, fault })?.truth(),
                None => true,
            };
            if taken {
                return self.block(body);
            }
        }
        Ok(Flow::On)
    }

    fn simple(&mut self, action: &Action) -> Result<(), CodeFault> {
        match action {
            Action::Assert { test, text, message } => {
                if self.value(test)?.truth() {
                    return Ok(());
                }
                let message = message.as_ref().map(|(message, text)| match self.value(message) {
                    Ok(message) => format!("{:?}", builtin::shown(&message)),
                    Err(_) => text.clone(),
                });
                let values = self.values_of(test);
                Err(CodeFault::Assertion { text: text.clone(), values, message: message.unwrap_or_default() })
            }
            Action::Assign { targets, value } => {
                let value = self.value(value)?;
                for target in targets {
                    self.spend(value.weight())?;
                    self.assign(target, value.clone())?;
                }
                Ok(())
            }
            Action::Change { name, operator, value } => {
                let old = self.name(name)?;
                let value = self.value(value)?;
                let new = old.combine(*operator, &value)?;
                self.spend(new.weight())?;
                self.variables.insert(name.clone(), new);
                Ok(())
            }
            Action::Evaluate(value) => self.value(value).map(drop),
            _ => Ok(()),
        }
    }

    fn assign(&mut self, target: &Target, value: Value) -> Result<(), CodeFault> {
        match target {
            Target::Name(name) => {
                self.variables.insert(name.clone(), value);
            }
            Target::Names(names) => {
                let Value::List { items, .. } = value else {
                    return Err(CodeFault::Type(format!("{} is given to several names", value.kind())));
                };
                if items.len() != names.len() {
                    let message = format!("{} values are given to {} names", items.len(), names.len());
                    return Err(CodeFault::Type(message));
                }
                self.variables.extend(names.iter().cloned().zip(items));
            }
        }
        Ok(())
    }

    fn name(&mut self, name: &str) -> Result<Value, CodeFault> {
        if let Some(value) = self.variables.get(name) {
            let value = value.clone();
            self.spend(value.weight())?;
            return Ok(value);
        }
        if let Some(&number) = self.symbols.get(name) {
            return Ok(Value::Int(number));
        }
        // Kernels tell more than is told here: not to know one of their names is our lack, not the script's.
        let kernels =
            ["tcpi_", "TCP", "tcp_", "bbr_", "dctcp_", "vegas_", "SK_MEMINFO_", "sk_", "SO_", "so_"];
        let kernels = kernels.iter().any(|prefix| name.starts_with(prefix));
        Err(if kernels {
            CodeFault::Unsupported(format!("`{name}` in code"))
        } else {
            CodeFault::UnknownName(name.to_string())
        })
    }

    fn value(&mut self, expr: &Expr) -> Result<Value, CodeFault> {
        self.spend(1)?;
        match expr {
            Expr::Value(value) => {
                self.spend(value.weight())?;
                Ok(value.clone())
            }
            Expr::Name(name) => self.name(name),
            Expr::Format => {
                Err(CodeFault::Unsupported("text with values in it (`f\"…\"`) in code".to_string()))
            }
            Expr::Sequence { tuple, items } => {
                let items = items.iter().map(|item| self.value(item)).collect::<Result<_, _>>()?;
                self.made(Value::list(*tuple, items)?)
            }
            Expr::Any(items) => self.first_that(items, true),
            Expr::All(items) => self.first_that(items, false),
            Expr::Not(inner) => Ok(Value::Bool(!self.value(inner)?.truth())),
            Expr::Compare(first, others) => self.compare(first, others),
            Expr::Chain(first, others) => {
                let mut value = self.value(first)?;
                for (operator, other) in others {
                    let other = self.value(other)?;
                    value = value.combine(*operator, &other)?;
                    value = self.made(value)?;
                }
                Ok(value)
            }
            Expr::Sign(sign, inner) => signed(*sign, &self.value(inner)?),
            Expr::Choose { test, yes, no } => {
                if self.value(test)?.truth() {
                    self.value(yes)
                } else {
                    self.value(no)
                }
            }
            Expr::Behind(first, behind) => self.behind(first, behind),
        }
    }

    /// A new value costs what it weighs.
    fn made(&mut self, value: Value) -> Result<Value, CodeFault> {
        self.spend(value.weight())?;
        Ok(value)
    }

    /// The first that is so, or else the last.
    fn first_that(&mut self, items: &[Expr], wanted: bool) -> Result<Value, CodeFault> {
        let mut last = Value::Bool(!wanted);
        for item in items {
            last = self.value(item)?;
            if last.truth() == wanted {
                break;
            }
        }
        Ok(last)
    }

    fn compare(&mut self, first: &Expr, others: &[(Relation, Expr)]) -> Result<Value, CodeFault> {
        let mut left = self.value(first)?;
        for (relation, other) in others {
            let right = self.value(other)?;
            let holds = match relation {
                Relation::Equal => left.equals(&right),
                Relation::NotEqual => !left.equals(&right),
                Relation::Less => left.order(&right)? == Some(Ordering::Less),
                Relation::LessOrEqual => {
                    matches!(left.order(&right)?, Some(Ordering::Less | Ordering::Equal))
                }
                Relation::Greater => left.order(&right)? == Some(Ordering::Greater),
                Relation::GreaterOrEqual => {
                    matches!(left.order(&right)?, Some(Ordering::Greater | Ordering::Equal))
                }
                Relation::In => left.is_in(&right)?,
                Relation::NotIn => !left.is_in(&right)?,
                Relation::Is => left == right,
                Relation::IsNot => left != right,
            };
            if !holds {
                return Ok(Value::Bool(false));
            }
            left = right;
        }
        Ok(Value::Bool(true))
    }

    fn behind(&mut self, first: &Expr, behind: &[Behind]) -> Result<Value, CodeFault> {
        let (mut value, mut rest) = match (first, behind) {
            // The floor and the ceiling are of `math`, and have no name without it.
            (Expr::Name(name), [Behind::Call { arguments, keywords }, rest @ ..])
                if !matches!(name.as_str(), "floor" | "ceil") =>
            {
                (self.call(name, arguments, *keywords)?, rest)
            }
            (
                Expr::Name(module),
                [Behind::Attribute(name), Behind::Call { arguments, keywords }, rest @ ..],
            ) if module == "math" && matches!(name.as_str(), "floor" | "ceil") => {
                (self.call(name, arguments, *keywords)?, rest)
            }
            _ if matches!(behind, [Behind::Attribute(_), ..]) => (Value::Nothing, behind),
            _ => (self.value(first)?, behind),
        };
        while let [next, others @ ..] = rest {
            value = match next {
                Behind::Index(index) => {
                    let index = self.value(index)?;
                    indexed(&value, &index)?
                }
                Behind::Attribute(name) => return Err(CodeFault::Unsupported(format!("`.{name}` in code"))),
                Behind::Call { .. } => {
                    return Err(CodeFault::Unsupported(
                        "a call of anything but a known function in code".to_string(),
                    ));
                }
            };
            rest = others;
        }
        Ok(value)
    }

    fn call(&mut self, name: &str, arguments: &[Expr], keywords: bool) -> Result<Value, CodeFault> {
        if name == "print" {
            // Nobody sees it, but what it names has to be there.
            arguments.iter().try_for_each(|argument| self.value(argument).map(drop))?;
            return Ok(Value::Nothing);
        }
        if keywords {
            return Err(CodeFault::Unsupported("arguments with names in code".to_string()));
        }
        if self.variables.contains_key(name) {
            return Err(CodeFault::Type(format!("`{name}` is no function")));
        }
        let arguments: Vec<_> =
            arguments.iter().map(|argument| self.value(argument)).collect::<Result<_, _>>()?;
        let value = builtin::call(name, &arguments)?;
        self.made(value)
    }

    /// What the names in an expression stand for.
    fn values_of(&mut self, expr: &Expr) -> String {
        let mut names = Vec::new();
        names_in(expr, &mut names);
        let mut seen = BTreeSet::new();
        let mut shown = Vec::new();
        for name in names {
            if shown.len() < MAX_SHOWN
                && seen.insert(name)
                && let Ok(value) = self.name(name)
            {
                shown.push(format!("{name} is {value}"));
            }
        }
        shown.join(", ")
    }
}

/// The names in an expression, in the order in which they stand there.
fn names_in<'a>(expr: &'a Expr, names: &mut Vec<&'a str>) {
    match expr {
        Expr::Name(name) => names.push(name),
        Expr::Value(_) | Expr::Format => {}
        Expr::Sequence { items, .. } | Expr::Any(items) | Expr::All(items) => {
            items.iter().for_each(|item| names_in(item, names));
        }
        Expr::Not(inner) | Expr::Sign(_, inner) => names_in(inner, names),
        Expr::Compare(first, others) => {
            names_in(first, names);
            others.iter().for_each(|(_, other)| names_in(other, names));
        }
        Expr::Chain(first, others) => {
            names_in(first, names);
            others.iter().for_each(|(_, other)| names_in(other, names));
        }
        Expr::Choose { test, yes, no } => [yes, test, no].into_iter().for_each(|part| names_in(part, names)),
        Expr::Behind(first, behind) => {
            names_in(first, names);
            for part in behind {
                match part {
                    Behind::Index(index) => names_in(index, names),
                    Behind::Attribute(_) => {}
                    Behind::Call { arguments, .. } => {
                        arguments.iter().for_each(|argument| names_in(argument, names));
                    }
                }
            }
        }
    }
}

fn signed(sign: char, value: &Value) -> Result<Value, CodeFault> {
    let wrong = || CodeFault::Type(format!("`{sign}` does not go with {}", value.kind()));
    match (sign, value.int(), value.float()) {
        ('-', Some(number), _) => number.checked_neg().map(Value::Int).ok_or(CodeFault::TooLarge),
        ('~', Some(number), _) => Ok(Value::Int(!number)),
        (_, Some(number), _) => Ok(Value::Int(number)),
        ('-', None, Some(number)) => Ok(Value::Float(-number)),
        ('+', None, Some(number)) => Ok(Value::Float(number)),
        _ => Err(wrong()),
    }
}

fn indexed(value: &Value, index: &Value) -> Result<Value, CodeFault> {
    let len = match value {
        Value::List { items, .. } => items.len(),
        Value::Text(text) => text.chars().count(),
        _ => return Err(CodeFault::Type(format!("{} has nothing in it", value.kind()))),
    };
    let place = index.int().ok_or_else(|| CodeFault::Type("an index is a whole number".to_string()))?;
    let from_start =
        if place < 0 { i128::try_from(len).ok().and_then(|len| len.checked_add(place)) } else { Some(place) };
    let item = from_start.and_then(|place| usize::try_from(place).ok()).and_then(|place| match value {
        Value::List { items, .. } => items.get(place).cloned(),
        Value::Text(text) => text.chars().nth(place).map(|character| Value::Text(character.to_string())),
        _ => None,
    });
    item.ok_or_else(|| CodeFault::Type(format!("there is no item {place} among {len}")))
}
