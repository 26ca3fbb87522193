//! What a call gives back.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::net::SocketAddr;

use super::{CallFailure, Errno};

/// The result of a call: its value, its error, and what it has written to its arguments.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::drill) struct Returned {
    /// What the call returns; -1 with an error.
    pub(in crate::drill) value: i64,
    /// The error.
    pub(in crate::drill) errno: Option<Errno>,
    /// It is a descriptor: any that is not negative will do.
    pub(super) descriptor: bool,
    /// Arguments that the call writes, by their place, and what is in them now.
    pub(super) outs: Vec<(usize, Out)>,
}

/// What a call has written to an argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Out {
    /// A number.
    Int(i64),
    /// A text: the name of an algorithm.
    Text(String),
    /// An address.
    Address(SocketAddr),
    /// What the script has given, and the call has left as it was.
    Given,
    /// Several of a kind.
    List(Vec<Self>),
    /// Members by name.
    Struct(Vec<(&'static str, Self)>),
}

/// Why a call stops: with an error for the script, or because it cannot be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    Errno(Errno),
    Failure(CallFailure),
}

impl From<Errno> for Stop {
    fn from(errno: Errno) -> Self {
        Self::Errno(errno)
    }
}

impl From<CallFailure> for Stop {
    fn from(failure: CallFailure) -> Self {
        Self::Failure(failure)
    }
}

impl Returned {
    /// Nothing but a number.
    pub(super) fn value(value: i64) -> Self {
        Self { value, ..Self::default() }
    }

    /// So many octets.
    pub(super) fn len(len: usize) -> Self {
        Self::value(i64::try_from(len).unwrap_or(i64::MAX))
    }

    pub(super) fn descriptor(fd: i64) -> Self {
        Self { value: fd, descriptor: true, ..Self::default() }
    }

    pub(super) fn error(errno: Errno) -> Self {
        Self { value: -1, errno: Some(errno), ..Self::default() }
    }

    /// And this was written to the argument at that place.
    pub(super) fn with(mut self, place: usize, out: Out) -> Self {
        self.outs.push((place, out));
        self
    }
}

/// `-1 EAGAIN (Resource temporarily unavailable)`, `500`.
impl fmt::Display for Returned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.value)?;
        match self.errno {
            Some(errno) => write!(f, " {errno}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Out {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(value) => write!(f, "{value}"),
            Self::Text(text) => write!(f, "{text:?}"),
            Self::Address(address) => write!(f, "{address}"),
            Self::Given => f.write_str("..."),
            Self::List(items) => {
                f.write_str("[")?;
                for (at, item) in items.iter().enumerate() {
                    write!(f, "{}{item}", if at > 0 { ", " } else { "" })?;
                }
                f.write_str("]")
            }
            Self::Struct(fields) => {
                f.write_str("{")?;
                for (at, (name, value)) in fields.iter().enumerate() {
                    write!(f, "{}{name}={value}", if at > 0 { ", " } else { "" })?;
                }
                f.write_str("}")
            }
        }
    }
}
