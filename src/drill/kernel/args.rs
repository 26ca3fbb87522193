//! The arguments of a call: numbers, names, addresses and buffers out of expressions.

use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use core::time::Duration;

use super::{CallFailure, constants, unsupported};
use crate::drill::Personality;
use crate::drill::script::{Call, Expr, Field};

/// The arguments of a call, read one by one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Args<'a> {
    pub(super) call: &'a Call,
    pub(super) personality: Personality,
}

/// An address argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Address {
    /// `...`: the tool's own.
    Own,
    /// `NULL`.
    None,
    /// `AF_UNSPEC`.
    Unspecified,
    /// One of some other family.
    Foreign,
    /// A socket.
    Socket(SocketAddr),
}

impl<'a> Args<'a> {
    /// The arguments, of which there are to be so many.
    pub(super) fn new(
        call: &'a Call,
        personality: Personality,
        counts: core::ops::RangeInclusive<usize>,
    ) -> Result<Self, CallFailure> {
        let count = call.arguments.len();
        if counts.contains(&count) {
            Ok(Self { call, personality })
        } else {
            Err(unsupported(format!("{} with {count} arguments", call.name)))
        }
    }

    pub(super) fn expr(&self, at: usize) -> Result<&'a Expr, CallFailure> {
        let missing = || unsupported(format!("{} without argument {}", self.call.name, at + 1));
        self.call.arguments.get(at).ok_or_else(missing)
    }

    pub(super) fn int(&self, at: usize) -> Result<i64, CallFailure> {
        int(self.personality, self.expr(at)?)
    }

    /// A number of octets: not negative, and no more than can be held.
    pub(super) fn len(&self, at: usize) -> Result<usize, CallFailure> {
        len(self.int(at)?)
    }

    /// A descriptor.
    pub(super) fn fd(&self, at: usize) -> Result<i64, CallFailure> {
        self.int(at)
    }

    /// A name that is meant as a name: which option.
    pub(super) fn word(&self, at: usize) -> Result<&'a str, CallFailure> {
        match self.expr(at)? {
            Expr::Word(word) => Ok(word),
            other => Err(unsupported(format!("{} with {} in place of a name", self.call.name, show(other)))),
        }
    }

    pub(super) fn is_ellipsis(&self, at: usize) -> bool {
        matches!(self.call.arguments.get(at), None | Some(Expr::Ellipsis))
    }

    pub(super) fn address(&self, at: usize) -> Result<Address, CallFailure> {
        address(self.personality, self.expr(at)?)
    }
}

/// The largest buffer that a call may name.
const MOST_OCTETS: i64 = 64 << 20;

/// A number of octets.
pub(super) fn len(value: i64) -> Result<usize, CallFailure> {
    usize::try_from(value)
        .ok()
        .filter(|_| value <= MOST_OCTETS)
        .ok_or_else(|| unsupported(format!("a buffer of {value} octets")))
}

/// The number that an expression stands for.
pub(super) fn int(personality: Personality, expr: &Expr) -> Result<i64, CallFailure> {
    match expr {
        Expr::Integer(value) => Ok(*value),
        Expr::Word(word) => {
            constants::number(personality, word).ok_or_else(|| unsupported(format!("the constant {word}")))
        }
        Expr::Or(parts) => parts.iter().try_fold(0, |sum, part| Ok(sum | int(personality, part)?)),
        Expr::Unary('~', inner) => Ok(!int(personality, inner)?),
        Expr::Unary('-', inner) => Ok(int(personality, inner)?.wrapping_neg()),
        Expr::Unary('&', inner) => int(personality, inner),
        Expr::Function(name, arguments) => match (name.as_str(), arguments.as_slice()) {
            ("htons" | "ntohs" | "htonl" | "ntohl", [value]) => int(personality, value),
            _ => Err(unsupported(format!("{name}(…) as a number"))),
        },
        other => Err(unsupported(format!("{} as a number", show(other)))),
    }
}

/// `[5]` or `5`.
pub(super) fn boxed_int(personality: Personality, expr: &Expr) -> Result<i64, CallFailure> {
    match expr {
        Expr::List(items) => match items.as_slice() {
            [item] => int(personality, item),
            _ => Err(unsupported(format!("a list of {} values for one", items.len()))),
        },
        other => int(personality, other),
    }
}

/// The members of a structure, or of the one structure in a list.
pub(super) fn fields(expr: &Expr) -> Option<&[Field]> {
    match expr {
        Expr::Struct(fields) => Some(fields),
        Expr::List(items) => match items.as_slice() {
            [Expr::Struct(fields)] => Some(fields),
            _ => None,
        },
        _ => None,
    }
}

/// The member of that name; where none has a name, the one at that place.
pub(super) fn field<'a>(fields: &'a [Field], name: &str, place: usize) -> Option<&'a Expr> {
    let named = fields.iter().find(|field| field.name.as_deref() == Some(name));
    let unnamed = || fields.get(place).filter(|field| field.name.is_none());
    named.or_else(unnamed).map(|field| &field.value)
}

/// Whether all names in the structure are among these.
pub(super) fn check_names(what: &str, fields: &[Field], known: &[&str]) -> Result<(), CallFailure> {
    for name in fields.iter().filter_map(|field| field.name.as_deref()) {
        if !known.contains(&name) {
            return Err(unsupported(format!("{name} in {what}")));
        }
    }
    Ok(())
}

/// `{tv_sec=2, tv_usec=0}`.
pub(super) fn timeval(personality: Personality, expr: &Expr) -> Result<Duration, CallFailure> {
    let fields = fields(expr).ok_or_else(|| unsupported(format!("{} as a timeval", show(expr))))?;
    check_names("a timeval", fields, &["tv_sec", "tv_usec"])?;
    let part = |name, place| field(fields, name, place).map_or(Ok(0), |value| int(personality, value));
    let (secs, micros) = (part("tv_sec", 0)?, part("tv_usec", 1)?);
    let span = u64::try_from(secs).ok().zip(u64::try_from(micros).ok());
    let (secs, micros) = span.ok_or_else(|| unsupported("a negative timeval".to_string()))?;
    Ok(Duration::from_secs(secs.min(1 << 32)) + Duration::from_micros(micros.min(1 << 32)))
}

/// An address: `...`, `NULL`, or a structure.
pub(super) fn address(personality: Personality, expr: &Expr) -> Result<Address, CallFailure> {
    match expr {
        Expr::Ellipsis => return Ok(Address::Own),
        Expr::Word(word) if word == "NULL" => return Ok(Address::None),
        Expr::Integer(0) => return Ok(Address::None),
        _ => {}
    }
    let fields = fields(expr).ok_or_else(|| unsupported(format!("{} as an address", show(expr))))?;
    let mut family = None;
    let (mut port, mut ip) = (0, None);
    for Field { name, value, .. } in fields {
        match name.as_deref() {
            Some("sa_family" | "sin_family" | "sin6_family") => family = Some(int(personality, value)?),
            Some("sin_port" | "sin6_port") => {
                let number = int(personality, value)?;
                port = u16::try_from(number).map_err(|_| unsupported(format!("port {number}")))?;
            }
            Some("sin_addr" | "sin6_addr") => ip = Some(ip_addr(value)?),
            Some("sin_len" | "sin6_len" | "sa_len" | "sin6_flowinfo" | "sin6_scope_id") => {}
            None => ip = Some(ip_addr(value)?),
            Some(other) => return Err(unsupported(format!("{other} in an address"))),
        }
    }
    let unspecified = constants::number(personality, "AF_UNSPEC");
    if family.is_some() && family == unspecified {
        return Ok(Address::Unspecified);
    }
    let v6 = family == constants::number(personality, "AF_INET6");
    if family.is_some() && !v6 && family != constants::number(personality, "AF_INET") {
        return Ok(Address::Foreign);
    }
    if ip.is_some_and(|ip| ip.is_ipv6() != v6) {
        return Ok(Address::Foreign);
    }
    let any = if v6 { IpAddr::V6(Ipv6Addr::UNSPECIFIED) } else { IpAddr::V4(Ipv4Addr::UNSPECIFIED) };
    Ok(Address::Socket(SocketAddr::new(ip.unwrap_or(any), port)))
}

/// `inet_addr("192.0.2.1")`, `inet_pton(AF_INET6, "::1", …)`, `INADDR_ANY`, `"192.0.2.1"`.
fn ip_addr(expr: &Expr) -> Result<IpAddr, CallFailure> {
    let bad = || unsupported(format!("{} as an IP address", show(expr)));
    let text = |text: &[u8]| core::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
    match expr {
        Expr::Text(octets) => text(octets).ok_or_else(bad),
        Expr::Function(name, arguments) => match (name.as_str(), arguments.as_slice()) {
            ("inet_addr", [Expr::Text(octets)])
            | ("inet_pton", [_, Expr::Text(octets)] | [_, Expr::Text(octets), _]) => {
                text(octets).ok_or_else(bad)
            }
            ("htonl", [inner]) => ip_addr(inner),
            _ => Err(bad()),
        },
        Expr::Word(word) if word == "INADDR_ANY" => Ok(Ipv4Addr::UNSPECIFIED.into()),
        Expr::Word(word) if word == "INADDR_LOOPBACK" => Ok(Ipv4Addr::LOCALHOST.into()),
        Expr::Word(word) if word == "in6addr_any" => Ok(Ipv6Addr::UNSPECIFIED.into()),
        Expr::Integer(bits) => {
            u32::try_from(*bits).map(|bits| Ipv4Addr::from(bits).into()).map_err(|_| bad())
        }
        _ => Err(bad()),
    }
}

/// The elements of a list, or the one that stands alone.
pub(super) fn items(expr: &Expr) -> Vec<&Expr> {
    match expr {
        Expr::List(items) => items.iter().collect(),
        other => alloc::vec![other],
    }
}

/// An expression as a script has it, for messages.
pub(super) fn show(expr: &Expr) -> String {
    let list = |items: &[Expr]| items.iter().map(show).collect::<Vec<_>>();
    match expr {
        Expr::Ellipsis => "...".into(),
        Expr::Integer(value) => value.to_string(),
        Expr::Float(value) => value.to_string(),
        Expr::Word(word) => word.clone(),
        Expr::Text(octets) => format!("{:?}", String::from_utf8_lossy(octets)),
        Expr::Or(parts) => list(parts).join("|"),
        Expr::Unary(sign, inner) => format!("{sign}{}", show(inner)),
        Expr::Function(name, arguments) => format!("{name}({})", list(arguments).join(", ")),
        Expr::List(items) => format!("[{}]", list(items).join(", ")),
        Expr::Struct(fields) => {
            let shown = fields.iter().map(|field| match &field.name {
                Some(name) => format!("{name}={}", show(&field.value)),
                None => show(&field.value),
            });
            format!("{{{}}}", shown.collect::<Vec<_>>().join(", "))
        }
    }
}
