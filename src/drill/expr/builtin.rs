//! Functions, and text with values in it.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::CodeFault;
use super::tree::Operator;
use super::value::{Value, floor, text};

/// The longest list that `range` makes.
const LONGEST_RANGE: i128 = 10_000;

/// What a function makes of its arguments.
pub(super) fn call(name: &str, arguments: &[Value]) -> Result<Value, CodeFault> {
    let wrong = || {
        let kinds: Vec<_> = arguments.iter().map(Value::kind).collect();
        CodeFault::Type(format!("`{name}` does not go with ({})", kinds.join(", ")))
    };
    match (name, arguments) {
        ("abs", [value]) => match (value.int(), value.float()) {
            (Some(number), _) => number.checked_abs().map(Value::Int).ok_or(CodeFault::TooLarge),
            (_, Some(number)) => Ok(Value::Float(number.abs())),
            _ => Err(wrong()),
        },
        ("min" | "max", [Value::List { items, .. }]) => extreme(name, items),
        ("min" | "max", [_, _, ..]) => extreme(name, arguments),
        ("int", []) => Ok(Value::Int(0)),
        ("int", [Value::Text(digits)]) => digits
            .trim()
            .parse()
            .map(Value::Int)
            .map_err(|_| CodeFault::Type(format!("{digits:?} is no number"))),
        ("int", [value]) => match (value.int(), value.float()) {
            (Some(number), _) => Ok(Value::Int(number)),
            (_, Some(number)) => whole(number),
            _ => Err(wrong()),
        },
        ("float", [Value::Text(digits)]) => digits
            .trim()
            .parse()
            .map(Value::Float)
            .map_err(|_| CodeFault::Type(format!("{digits:?} is no number"))),
        ("float", [value]) => value.float().map(Value::Float).ok_or_else(wrong),
        ("round", [value]) => match (value.int(), value.float()) {
            (Some(number), _) => Ok(Value::Int(number)),
            (_, Some(number)) => whole(half_to_even(number)),
            _ => Err(wrong()),
        },
        ("floor" | "ceil", [value]) => match (value.int(), value.float()) {
            (Some(number), _) => Ok(Value::Int(number)),
            (_, Some(number)) if name == "floor" => whole(floor(number)),
            (_, Some(number)) => whole(-floor(-number)),
            _ => Err(wrong()),
        },
        ("len", [Value::Text(text)]) => int(text.chars().count()),
        ("len", [Value::List { items, .. }]) => int(items.len()),
        ("str", [value]) => text(shown(value)),
        ("repr", [value]) => text(value.to_string()),
        ("bool", [value]) => Ok(Value::Bool(value.truth())),
        ("sum", [Value::List { items, .. }]) => {
            items.iter().try_fold(Value::Int(0), |sum, item| sum.combine(Operator::Add, item))
        }
        ("all", [Value::List { items, .. }]) => Ok(Value::Bool(items.iter().all(Value::truth))),
        ("any", [Value::List { items, .. }]) => Ok(Value::Bool(items.iter().any(Value::truth))),
        ("list" | "tuple", [Value::List { items, .. }]) => Value::list(name == "tuple", items.clone()),
        ("divmod", [left, right]) => Value::list(
            true,
            Vec::from([left.combine(Operator::FloorDivide, right)?, left.combine(Operator::Modulo, right)?]),
        ),
        ("pow", [left, right]) => left.combine(Operator::Power, right),
        ("range", [_] | [_, _] | [_, _, _]) => range(arguments).unwrap_or_else(|| Err(wrong())),
        ("hex", [value]) => {
            let number = value.int().ok_or_else(wrong)?;
            text(format!("{}{:#x}", if number < 0 { "-" } else { "" }, number.unsigned_abs()))
        }
        ("abs" | "min" | "max" | "float" | "len" | "sum" | "all" | "any" | "range", _) => Err(wrong()),
        _ => Err(CodeFault::Unsupported(format!("`{name}(…)` in code"))),
    }
}

fn int(number: usize) -> Result<Value, CodeFault> {
    i128::try_from(number).map(Value::Int).map_err(|_| CodeFault::TooLarge)
}

/// Without what stands behind the point.
fn whole(number: f64) -> Result<Value, CodeFault> {
    if number.is_finite() && number.abs() < 1e37 {
        Ok(Value::Int(number as i128))
    } else {
        Err(CodeFault::TooLarge)
    }
}

fn half_to_even(number: f64) -> f64 {
    let below = floor(number);
    let rest = number - below;
    let above = rest > 0.5 || rest == 0.5 && below % 2.0 != 0.0;
    if above { below + 1.0 } else { below }
}

fn extreme(name: &str, values: &[Value]) -> Result<Value, CodeFault> {
    let wanted = if name == "min" { core::cmp::Ordering::Less } else { core::cmp::Ordering::Greater };
    let Some((first, others)) = values.split_first() else {
        return Err(CodeFault::Type(format!("`{name}` of nothing")));
    };
    let mut found = first;
    for value in others {
        if value.order(found)? == Some(wanted) {
            found = value;
        }
    }
    Ok(found.clone())
}

fn range(arguments: &[Value]) -> Option<Result<Value, CodeFault>> {
    let numbers: Vec<i128> = arguments.iter().map(Value::int).collect::<Option<_>>()?;
    let (first, end, step) = match *numbers.as_slice() {
        [end] => (0, end, 1),
        [first, end] => (first, end, 1),
        [first, end, step] if step != 0 => (first, end, step),
        _ => return None,
    };
    let mut items = Vec::new();
    let mut next = first;
    while if step > 0 { next < end } else { next > end } {
        if items.len() as i128 >= LONGEST_RANGE {
            return Some(Err(CodeFault::TooLarge));
        }
        items.push(Value::Int(next));
        let Some(after) = next.checked_add(step) else { break };
        next = after;
    }
    Some(Value::list(false, items))
}

/// As `str` has it: text without quotes.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::Text(text) => text.clone(),
        other => other.to_string(),
    }
}

/// `format % values`: plain `%d`, `%i`, `%u`, `%x`, `%s`, `%r`, `%f` and `%%`.
pub(super) fn format(format: &str, values: &Value) -> Result<Value, CodeFault> {
    let mut values = match values {
        Value::List { tuple: true, items } => items.iter(),
        other => core::slice::from_ref(other).iter(),
    };
    let mut out = String::new();
    let mut rest = format.chars();
    while let Some(character) = rest.next() {
        if character != '%' {
            out.push(character);
            continue;
        }
        let conversion = rest.next().unwrap_or(' ');
        if conversion == '%' {
            out.push('%');
            continue;
        }
        if !matches!(conversion, 'd' | 'i' | 'u' | 'x' | 's' | 'r' | 'f') {
            return Err(CodeFault::Unsupported(format!("`%{conversion}` in text")));
        }
        let value =
            values.next().ok_or_else(|| CodeFault::Type("too few values for the text before `%`".into()))?;
        let wrong = || CodeFault::Type(format!("`%{conversion}` does not go with {}", value.kind()));
        out.push_str(&match conversion {
            's' => shown(value),
            'r' => value.to_string(),
            'f' => format!("{:.6}", value.float().ok_or_else(wrong)?),
            'x' => format!("{:x}", value.int().ok_or_else(wrong)?),
            _ => match value {
                Value::Float(number) => whole(*number)?.to_string(),
                other => other.int().ok_or_else(wrong)?.to_string(),
            },
        });
        if out.len() > 1 << 16 {
            return Err(CodeFault::TooLarge);
        }
    }
    if values.next().is_some() {
        return Err(CodeFault::Type("too many values for the text before `%`".to_string()));
    }
    text(out)
}
