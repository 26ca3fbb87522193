//! When an event happens.

use core::time::Duration;

use super::super::lexer::{Kind, Token};
use super::super::script::When;
use super::{Parser, ScriptError, fault, is_mark};

/// The latest moment that a script may name: some 30 years.
const LATEST_SECS: u64 = 1_000_000_000;

impl Parser<'_> {
    /// The time of an event, and of a call that blocks the time at which it returns.
    pub(super) fn time(&mut self) -> Result<(When, Option<Duration>), ScriptError> {
        if self.take_mark("*") {
            return Ok((When::Any, None));
        }
        let (relative, first) = self.moment("a time: `0.1`, `+0.1` or `*`")?;
        let behind = self.peek();
        let range = self.take_mark("~");
        if !range && !self.take_ellipsis() {
            return Ok((if relative { When::After(first) } else { When::At(first) }, None));
        }
        let (also_relative, second) = self.moment("the time at which this ends")?;
        if range && relative != also_relative {
            return Err(fault(behind, "both ends of a range have a `+`, or none has"));
        }
        if also_relative && !relative {
            return Err(fault(behind, "what begins at an absolute time ends at one too"));
        }
        if second < first {
            return Err(fault(behind, "this ends before it begins"));
        }
        Ok(match (range, relative) {
            (true, true) => (When::AfterBetween(first, second), None),
            (true, false) => (When::Between(first, second), None),
            (false, true) => (When::After(first), Some(second)),
            (false, false) => (When::At(first), Some(second)),
        })
    }

    /// Seconds, and whether a `+` stands before them.
    fn moment(&mut self, role: &str) -> Result<(bool, Duration), ScriptError> {
        let relative = self.at_mark("+");
        let number = self.ahead(usize::from(relative));
        if !matches!(number.kind, Kind::Integer | Kind::Float) {
            if is_mark(self.peek(), "-") {
                return Err(fault(self.peek(), "a time is not negative"));
            }
            self.at += usize::from(relative);
            return Err(self.expected(role));
        }
        let moment =
            duration(number).ok_or_else(|| fault(number, "this time is too late: at most 10^9 s"))?;
        self.at += 1 + usize::from(relative);
        Ok((relative, moment))
    }
}

/// Seconds to the nanosecond; further digits are cut off.
fn duration(token: Token<'_>) -> Option<Duration> {
    let (whole, fraction) = token.text.split_once('.').unwrap_or((token.text, ""));
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let digits = fraction.bytes().chain(core::iter::repeat(b'0')).take(9);
    let nanos = digits.fold(0, |nanos: u32, digit| nanos * 10 + u32::from(digit.wrapping_sub(b'0')));
    (whole <= LATEST_SECS).then(|| Duration::new(whole, nanos))
}
