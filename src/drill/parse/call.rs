//! System calls.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::super::lexer::{Kind, Token};
use super::super::script::{Call, Expr, Field};
use super::number::value;
use super::{Parser, ScriptError, fault, is_mark, unsupported};

/// How deep lists, structures and functions may lie within each other.
const MAX_DEPTH: u32 = 32;

impl Parser<'_> {
    /// `name(arguments) = result ERRNO (what it means) (note)`.
    pub(super) fn call(&mut self) -> Result<Call, ScriptError> {
        let name = self.expect_word("the name of a system call")?.to_string();
        self.expect_mark("(", "behind the name of a system call")?;
        let arguments = self.items(")", "an argument")?;
        self.expect_mark("=", "and what the call returns")?;
        let result = match self.expression("what the call returns")? {
            Expr::Ellipsis => None,
            result => Some(result),
        };
        let errno = (self.peek().kind == Kind::Word).then(|| self.next().text.to_string());
        let mut note: Option<String> = None;
        while self.at_mark("(") {
            let more = self.note()?;
            note = Some(match note {
                Some(note) => format!("{note}; {more}"),
                None => more,
            });
        }
        Ok(Call { name, arguments, result, errno, note })
    }

    /// Free text in parentheses.
    fn note(&mut self) -> Result<String, ScriptError> {
        let open = self.next();
        let mut depth = 0_u32;
        loop {
            let token = self.peek();
            if matches!(token.kind, Kind::End | Kind::Bad) {
                return Err(self.expected("`)` behind a note"));
            }
            self.next();
            if is_mark(token, ")") {
                if depth == 0 {
                    let text = self.source.get(open.end..token.start).unwrap_or_default();
                    return Ok(super::text::squeeze(text));
                }
                depth -= 1;
            } else if is_mark(token, "(") {
                depth += 1;
            }
        }
    }

    /// Expressions with commas between them, up to and with the mark that closes them.
    fn items(&mut self, close: &str, role: &str) -> Result<Vec<Expr>, ScriptError> {
        let mut items = Vec::new();
        self.brackets += 1;
        while !self.take_mark(close) {
            items.push(self.expression(role)?);
            if !self.take_mark(",") && !self.at_mark(close) {
                return Err(self.expected(&format!("`,` or `{close}` behind {role}")));
            }
        }
        self.brackets -= 1;
        Ok(items)
    }

    fn expression(&mut self, role: &str) -> Result<Expr, ScriptError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(fault(self.peek(), "this lies too deep within other expressions"));
        }
        let first = self.term(role)?;
        let mut terms = Vec::new();
        while self.take_mark("|") {
            terms.push(self.term("a value behind `|`")?);
        }
        // Outside of brackets, `+` and `*` begin the next event.
        let next = self.peek();
        if self.brackets > 0
            && next.kind == Kind::Mark
            && matches!(next.text, "+" | "-" | "*" | "/" | "<" | ">")
        {
            return Err(unsupported(next, format!("`{}` between values", next.text)));
        }
        self.depth -= 1;
        if terms.is_empty() {
            return Ok(first);
        }
        terms.insert(0, first);
        Ok(Expr::Or(terms))
    }

    fn term(&mut self, role: &str) -> Result<Expr, ScriptError> {
        let token = self.peek();
        match (token.kind, token.text) {
            (Kind::Ellipsis, _) => {
                self.next();
                Ok(Expr::Ellipsis)
            }
            (Kind::Integer | Kind::Hex | Kind::Float, _) => self.literal(false),
            (Kind::Text, text) => {
                self.next();
                Ok(Expr::Text(unescaped(text).map_err(|why| fault(token, why))?))
            }
            (Kind::Word, name) => {
                self.next();
                if self.take_mark("(") {
                    return Ok(Expr::Function(name.to_string(), self.items(")", "an argument")?));
                }
                Ok(Expr::Word(name.to_string()))
            }
            (Kind::Mark, "-") => {
                self.next();
                match self.peek().kind {
                    Kind::Integer | Kind::Hex | Kind::Float => self.literal(true),
                    _ => self.unary('-'),
                }
            }
            (Kind::Mark, mark @ ("~" | "&" | "!")) => {
                self.next();
                self.unary(mark.chars().next().unwrap_or('~'))
            }
            (Kind::Mark, "[") => {
                self.next();
                Ok(Expr::List(self.items("]", "an item of a list")?))
            }
            (Kind::Mark, "{") => {
                self.next();
                self.structure()
            }
            (Kind::Mark, "(") => {
                self.next();
                let inner = self.expression("a value")?;
                self.expect_mark(")", "behind a value")?;
                Ok(inner)
            }
            _ => Err(self.expected(role)),
        }
    }

    /// What stands behind a sign.
    fn unary(&mut self, sign: char) -> Result<Expr, ScriptError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(fault(self.peek(), "this lies too deep within other expressions"));
        }
        let inner = self.term("a value behind a sign")?;
        self.depth -= 1;
        Ok(Expr::Unary(sign, Box::new(inner)))
    }

    /// A number; its sign is taken already.
    fn literal(&mut self, negative: bool) -> Result<Expr, ScriptError> {
        let token = self.next();
        if token.kind == Kind::Float {
            let number: f64 = token.text.parse().map_err(|_| too_large(token))?;
            return Ok(Expr::Float(if negative { -number } else { number }));
        }
        let magnitude = value(token).ok_or_else(|| too_large(token))?;
        let number = match i64::try_from(magnitude) {
            Ok(number) if negative => -number,
            Ok(number) => number,
            // All 64 bits in hexadecimal digits: as C has it in a signed number.
            Err(_) if token.kind == Kind::Hex && !negative => magnitude.cast_signed(),
            Err(_) if negative && magnitude == i64::MIN.unsigned_abs() => i64::MIN,
            Err(_) => return Err(too_large(token)),
        };
        Ok(Expr::Integer(number))
    }

    /// `{name=value, name(count)=value, value}`, from behind the brace on.
    fn structure(&mut self) -> Result<Expr, ScriptError> {
        let mut fields = Vec::new();
        self.brackets += 1;
        while !self.take_mark("}") {
            fields.push(self.field()?);
            if !self.take_mark(",") && !self.at_mark("}") {
                return Err(self.expected("`,` or `}` behind a member"));
            }
        }
        self.brackets -= 1;
        Ok(Expr::Struct(fields))
    }

    fn field(&mut self) -> Result<Field, ScriptError> {
        let value = self.expression("a member: `name=value` or a value")?;
        if !self.take_mark("=") {
            return Ok(Field { name: None, count: None, value });
        }
        let (name, count) = match value {
            Expr::Word(name) => (name, None),
            Expr::Function(name, mut count) if count.len() == 1 => (name, count.pop()),
            _ => {
                self.at -= 1;
                return Err(self.expected("`,` or `}`: a name has to stand before `=`"));
            }
        };
        Ok(Field { name: Some(name), count, value: self.expression("the value of a member")? })
    }
}

fn too_large(token: Token<'_>) -> ScriptError {
    fault(token, format!("{} does not fit into 64 bits", super::shown(token)))
}

/// The octets of a string as C writes it.
fn unescaped(text: &str) -> Result<Vec<u8>, &'static str> {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.bytes().peekable();
    while let Some(octet) = rest.next() {
        if octet != b'\\' {
            octets.push(octet);
            continue;
        }
        octets.push(match rest.next() {
            Some(b'n') => b'\n',
            Some(b't') => b'\t',
            Some(b'r') => b'\r',
            Some(b'a') => 0x07,
            Some(b'b') => 0x08,
            Some(b'f') => 0x0c,
            Some(b'v') => 0x0b,
            Some(b'e') => 0x1b,
            Some(same @ (b'\\' | b'"' | b'\'' | b'?')) => same,
            Some(b'x') => {
                let mut octet = None;
                while let Some(digit) = rest.peek().and_then(|&digit| char::from(digit).to_digit(16)) {
                    let value = octet.unwrap_or(0_u32) << 4 | digit;
                    octet = Some(value);
                    if value > 0xff {
                        return Err("`\\x` in this string is more than an octet");
                    }
                    rest.next();
                }
                octet
                    .and_then(|octet| u8::try_from(octet).ok())
                    .ok_or("`\\x` in this string lacks its digits")?
            }
            Some(first @ b'0'..=b'7') => {
                let mut octet = u32::from(first - b'0');
                for _ in 0..2 {
                    let Some(digit) = rest.peek().and_then(|&digit| char::from(digit).to_digit(8)) else {
                        break;
                    };
                    octet = octet << 3 | digit;
                    rest.next();
                }
                u8::try_from(octet).map_err(|_| "`\\` and digits in this string are more than an octet")?
            }
            _ => return Err("this string has a `\\` that nothing known follows"),
        });
    }
    Ok(octets)
}
