//! What a call has given, against what the script says.

use alloc::format;

use super::args::{self, int, show};
use super::returned::Out;
use super::{CallFailure, Errno, Kernel, Returned, unsupported};
use crate::drill::script::{Call, Expr};

fn failed(what: impl Into<alloc::string::String>) -> CallFailure {
    CallFailure::Failed(what.into())
}

impl Kernel {
    /// Whether a call has given what the script says: the result, the error, and what it has written to its arguments.
    /// `...` is not compared.
    pub(in crate::drill) fn check(&self, call: &Call, got: &Returned) -> Result<(), CallFailure> {
        self.check_value(call, got)?;
        self.check_errno(call, got)?;
        got.outs.iter().try_for_each(|(place, out)| match call.arguments.get(*place) {
            Some(expr) => self.compare(expr, out).map_err(|failure| in_argument(failure, *place, &call.name)),
            None => Ok(()),
        })
    }

    fn check_value(&self, call: &Call, got: &Returned) -> Result<(), CallFailure> {
        let wanted = match &call.result {
            None | Some(Expr::Ellipsis) => return Ok(()),
            Some(result) => int(self.personality(), result)?,
        };
        let same = if got.descriptor { wanted >= 0 } else { wanted == got.value };
        if same { Ok(()) } else { Err(failed(format!("{wanted} was expected, and it is {got}"))) }
    }

    fn check_errno(&self, call: &Call, got: &Returned) -> Result<(), CallFailure> {
        let Some(name) = &call.errno else { return Ok(()) };
        let wanted = Errno::named(name).ok_or_else(|| unsupported(format!("the error {name}")))?;
        if got.errno == Some(wanted) {
            return Ok(());
        }
        Err(failed(format!("{wanted} was expected, and it is {got}")))
    }

    fn compare(&self, expr: &Expr, out: &Out) -> Result<(), CallFailure> {
        let differs = || failed(format!("{} was expected, and it is {out}", show(expr)));
        match (expr, out) {
            (Expr::Ellipsis, _) | (_, Out::Given) => Ok(()),
            (Expr::Word(null), _) if null == "NULL" => Ok(()),
            (_, Out::Struct(members)) => {
                let fields = args::fields(expr)
                    .ok_or_else(|| unsupported(format!("{} as a structure", show(expr))))?;
                fields.iter().try_for_each(|field| {
                    let Some(name) = field.name.as_deref() else {
                        return Err(unsupported(format!("{} as a structure", show(expr))));
                    };
                    match members.iter().find(|(known, _)| *known == name) {
                        Some((_, value)) => self.compare(&field.value, value),
                        None => Err(unsupported(format!("the member {name}"))),
                    }
                })
            }
            (Expr::List(items), Out::List(values)) if items.len() == values.len() => {
                items.iter().zip(values).try_for_each(|(item, value)| self.compare(item, value))
            }
            (Expr::List(items), single) => match items.as_slice() {
                [item] if !matches!(single, Out::List(_)) => self.compare(item, single),
                _ => Err(differs()),
            },
            (single, Out::List(values)) => match values.as_slice() {
                [value] => self.compare(single, value),
                _ => Err(differs()),
            },
            (Expr::Text(text), Out::Text(is)) => {
                let told = text.split(|&octet| octet == 0).next().unwrap_or_default();
                if told == is.as_bytes() { Ok(()) } else { Err(differs()) }
            }
            (_, Out::Address(is)) => match args::address(self.personality(), expr)? {
                args::Address::Socket(wanted) if wanted == *is => Ok(()),
                args::Address::Own | args::Address::None => Ok(()),
                _ => Err(differs()),
            },
            (_, Out::Int(value)) if int(self.personality(), expr)? == *value => Ok(()),
            _ => Err(differs()),
        }
    }
}

/// Says in which argument it was.
fn in_argument(failure: CallFailure, place: usize, call: &str) -> CallFailure {
    match failure {
        CallFailure::Failed(what) => failed(format!("argument {} of {call}: {what}", place + 1)),
        unsupported => unsupported,
    }
}
