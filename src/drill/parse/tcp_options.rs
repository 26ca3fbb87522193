//! The options of a segment.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::super::lexer::{Kind, Token};
use super::super::script::OptionWord;
use super::{Parser, ScriptError, fault, is_mark, unsupported};
use crate::tcp::Cookie;

/// Octets that an option has room for behind its kind and length.
const MAX_DATA: usize = 38;
/// Blocks that a SACK option has room for.
const MAX_SACKS: usize = 4;
/// The largest counter of AccECN.
const MAX_COUNTER: u64 = 0xff_ffff;

impl Parser<'_> {
    pub(super) fn tcp_option(&mut self) -> Result<OptionWord, ScriptError> {
        let first = self.peek();
        if first.kind != Kind::Word {
            return Err(self.expected("the name of an option (`mss`, `nop`, `sackOK`, `TS`…)"));
        }
        let name = self.option_name();
        Ok(match name.as_str() {
            "mss" => OptionWord::Mss(self.number("a segment size")?),
            "nop" => OptionWord::Nop,
            "eol" => OptionWord::Eol,
            "wscale" => OptionWord::WindowScale(self.number("a shift count")?),
            "sackOK" | "sackok" => OptionWord::SackPermitted,
            "sack" => self.sack()?,
            "TS" => self.timestamps()?,
            "FO" => OptionWord::FastOpen(self.cookie()?),
            "FOEXP" | "EXP-FO" => OptionWord::FastOpenExperimental(self.cookie()?),
            "md5" => {
                if self.take_word("valid") {
                    OptionWord::Md5(Vec::new())
                } else {
                    let digest = self.hex()?;
                    if !matches!(digest.len(), 0 | 16) {
                        return Err(fault(first, format!("a digest has 16 octets, not {}", digest.len())));
                    }
                    OptionWord::Md5(digest)
                }
            }
            "ECN" => self.counters(None)?,
            "AccECN0" => self.counters(Some(0))?,
            "AccECN1" => self.counters(Some(1))?,
            other => match other.strip_prefix("gen-").map(str::parse::<u8>) {
                Some(Ok(kind)) => OptionWord::Other { kind, data: self.any_data()? },
                Some(Err(_)) => return Err(fault(first, "the kind of an option is at most 255")),
                None if other.starts_with("exp-") || other.starts_with("EXP-") => {
                    return Err(unsupported(first, format!("option `{other}` of a segment")));
                }
                None => {
                    return Err(unsupported(
                        first,
                        format!("`{other}`, which is no option that is known here"),
                    ));
                }
            },
        })
    }

    /// A name may have dashes in it.
    fn option_name(&mut self) -> String {
        let mut name = String::from(self.next().text);
        while is_mark(self.peek(), "-") && self.peek().glued {
            self.glue_more(&mut name);
        }
        name
    }

    fn sack(&mut self) -> Result<OptionWord, ScriptError> {
        let mut blocks = Vec::new();
        while self.peek().kind == Kind::Integer {
            let token = self.peek();
            let left = self.number("the left edge of a block")?;
            self.expect_mark(":", "behind the left edge of a block")?;
            let right = self.number("the right edge of a block")?;
            if blocks.len() == MAX_SACKS {
                return Err(fault(token, "an option has room for four blocks"));
            }
            blocks.push((left, right));
        }
        Ok(OptionWord::Sack(blocks))
    }

    /// `val N ecr N`; either may be `...`, and the words may be missing.
    fn timestamps(&mut self) -> Result<OptionWord, ScriptError> {
        self.take_word("val");
        let val = self.timestamp("TSval")?;
        let named = self.take_word("ecr");
        let open = val.is_none() && !named && self.peek().kind != Kind::Ellipsis;
        let ecr = if open { None } else { self.timestamp("TSecr")? };
        Ok(OptionWord::Timestamps { val, ecr })
    }

    fn timestamp(&mut self, role: &str) -> Result<Option<u32>, ScriptError> {
        if self.take_ellipsis() { Ok(None) } else { self.number(role).map(Some) }
    }

    fn cookie(&mut self) -> Result<Cookie, ScriptError> {
        let token = self.peek();
        let octets = self.hex()?;
        Cookie::new(&octets)
            .ok_or_else(|| fault(token, format!("a cookie has at most 16 octets, not {}", octets.len())))
    }

    /// Octets as pairs of hexadecimal digits; there may be none.
    fn hex(&mut self) -> Result<Vec<u8>, ScriptError> {
        let token = self.peek();
        if !matches!(token.kind, Kind::Word | Kind::Integer | Kind::Hex) {
            return Ok(Vec::new());
        }
        let text = self.glued();
        octets(text.strip_prefix("0x").unwrap_or(&text)).ok_or_else(|| {
            fault(
                token,
                format!("expected octets as pairs of hexadecimal digits, at most {MAX_DATA} of them"),
            )
        })
    }

    /// What stands behind `gen-N`: hexadecimal digits, or a list of octets.
    fn any_data(&mut self) -> Result<Vec<u8>, ScriptError> {
        if !self.take_mark("[") {
            return self.hex();
        }
        let mut data = Vec::new();
        while !self.take_mark("]") {
            if data.len() == MAX_DATA {
                return Err(self.expected("`]`: an option has room for 38 octets"));
            }
            data.push(self.number("an octet")?);
            if !self.take_mark(",") && !self.at_mark("]") {
                return Err(self.expected("`,` or `]` behind an octet"));
            }
        }
        Ok(data)
    }

    /// `e0b N ceb N e1b N` or the other way round, from the front as far as there are any; with an order that the
    /// name told, the numbers alone too.
    fn counters(&mut self, order: Option<u8>) -> Result<OptionWord, ScriptError> {
        let first = self.peek();
        let mut names = Vec::new();
        let mut counters = Vec::new();
        while counters.len() < 3 {
            let token = self.peek();
            let separated = !counters.is_empty() && is_mark(token, ",");
            let next = self.ahead(usize::from(separated));
            match (next.kind, next.text) {
                (Kind::Word, "e0b" | "ceb" | "e1b") => {
                    self.at += 1 + usize::from(separated);
                    names.push(next.text);
                }
                (Kind::Integer | Kind::Hex, _) if order.is_some() && names.is_empty() => {
                    self.at += usize::from(separated);
                }
                _ => break,
            }
            counters.push(u32::try_from(self.number_to(MAX_COUNTER, "a counter of 24 bits")?).unwrap_or(0));
        }
        let of_order = |order: u8| if order == 0 { ["e0b", "ceb", "e1b"] } else { ["e1b", "ceb", "e0b"] };
        let order = order.unwrap_or_else(|| u8::from(names.first() == Some(&"e1b")));
        if !of_order(order).starts_with(&names) {
            return Err(bad_order(first));
        }
        Ok(OptionWord::AccEcn { order, counters })
    }
}

fn bad_order(token: Token<'_>) -> ScriptError {
    fault(
        token,
        "the counters stand in the order `e0b ceb e1b` or `e1b ceb e0b`, and only the last may be missing",
    )
}

/// The octets that pairs of digits stand for; `None` if they are none, or too many.
fn octets(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text
        .chars()
        .map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect::<Option<_>>()?;
    if !digits.len().is_multiple_of(2) || digits.len() > 2 * MAX_DATA {
        return None;
    }
    Some(digits.chunks_exact(2).map(|pair| pair.iter().fold(0, |octet, digit| octet << 4 | digit)).collect())
}
