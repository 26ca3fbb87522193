//! Numbers, with their bounds.

use alloc::format;

use super::super::lexer::{Kind, Token};
use super::{Parser, ScriptError, fault, shown};

/// The value of a token of digits; `None` if it has none in 64 bits or is not such a token.
pub(super) fn value(token: Token<'_>) -> Option<u64> {
    match token.kind {
        Kind::Integer => token.text.parse().ok(),
        Kind::Hex => u64::from_str_radix(token.text.get(2..)?, 16).ok(),
        _ => None,
    }
}

impl Parser<'_> {
    /// A number of 0..=`max`: what it is stands in `role`.
    pub(super) fn number_to(&mut self, max: u64, role: &str) -> Result<u64, ScriptError> {
        let token = self.peek();
        if !matches!(token.kind, Kind::Integer | Kind::Hex) {
            let mut wrong = self.expected(role);
            if token.kind == Kind::Word && token.text.chars().all(|c| c.is_ascii_uppercase() || c == '_') {
                wrong.message += &format!(": a macro? `-D {0}=…` gives it a value", token.text);
            }
            return Err(wrong);
        }
        match value(token) {
            Some(value) if value <= max => {
                self.next();
                Ok(value)
            }
            _ => Err(fault(token, format!("{} is too much for {role}: at most {max}", shown(token)))),
        }
    }

    /// A number that fits `T`.
    pub(super) fn number<T: TryFrom<u64>>(&mut self, role: &str) -> Result<T, ScriptError> {
        let token = self.peek();
        // All that is asked for are unsigned types of 8 to 32 bits.
        let max = (1_u64 << (8 * size_of::<T>()).min(63)) - 1;
        let value = self.number_to(max, role)?;
        T::try_from(value).map_err(|_| fault(token, format!("{} is too much for {role}", shown(token))))
    }
}
