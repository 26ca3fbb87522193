//! Errors of system calls: their names, the number that each system gives them, and what they say.

use core::fmt;

use crate::drill::Personality;

/// An errno by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::drill) struct Errno(usize);

/// Name, number on Linux, number on FreeBSD, text.
type Row = (&'static str, i64, i64, &'static str);

macro_rules! errnos {
    ($($name:ident $linux:literal $freebsd:literal $text:literal)*) => {
        #[allow(non_camel_case_types, clippy::upper_case_acronyms, reason = "the names that POSIX has")]
        #[derive(Clone, Copy)]
        enum Place { $($name),* }

        const ROWS: &[Row] = &[$((stringify!($name), $linux, $freebsd, $text)),*];

        #[allow(dead_code, reason = "a table")]
        impl Errno {
            $(pub(in crate::drill) const $name: Self = Self(Place::$name as usize);)*
        }
    };
}

errnos! {
    EPERM 1 1 "Operation not permitted"
    ENOENT 2 2 "No such file or directory"
    EINTR 4 4 "Interrupted system call"
    EIO 5 5 "Input/output error"
    EBADF 9 9 "Bad file descriptor"
    EAGAIN 11 35 "Resource temporarily unavailable"
    ENOMEM 12 12 "Cannot allocate memory"
    EACCES 13 13 "Permission denied"
    EFAULT 14 14 "Bad address"
    EBUSY 16 16 "Device or resource busy"
    EEXIST 17 17 "File exists"
    EINVAL 22 22 "Invalid argument"
    EMFILE 24 24 "Too many open files"
    ENOTTY 25 25 "Inappropriate ioctl for device"
    EPIPE 32 32 "Broken pipe"
    EDOM 33 33 "Numerical argument out of domain"
    ENONET 64 0 "Machine is not on the network"
    EPROTO 71 92 "Protocol error"
    EOVERFLOW 75 84 "Value too large for defined data type"
    ENOTSOCK 88 38 "Socket operation on non-socket"
    EDESTADDRREQ 89 39 "Destination address required"
    EMSGSIZE 90 40 "Message too long"
    EPROTOTYPE 91 41 "Protocol wrong type for socket"
    ENOPROTOOPT 92 42 "Protocol not available"
    EPROTONOSUPPORT 93 43 "Protocol not supported"
    ESOCKTNOSUPPORT 94 44 "Socket type not supported"
    EOPNOTSUPP 95 45 "Operation not supported"
    EPFNOSUPPORT 96 46 "Protocol family not supported"
    EAFNOSUPPORT 97 47 "Address family not supported by protocol"
    EADDRINUSE 98 48 "Address already in use"
    EADDRNOTAVAIL 99 49 "Cannot assign requested address"
    ENETDOWN 100 50 "Network is down"
    ENETUNREACH 101 51 "Network is unreachable"
    ECONNABORTED 103 53 "Software caused connection abort"
    ECONNRESET 104 54 "Connection reset by peer"
    ENOBUFS 105 55 "No buffer space available"
    EISCONN 106 56 "Transport endpoint is already connected"
    ENOTCONN 107 57 "Transport endpoint is not connected"
    ETIMEDOUT 110 60 "Connection timed out"
    ECONNREFUSED 111 61 "Connection refused"
    EHOSTDOWN 112 64 "Host is down"
    EHOSTUNREACH 113 65 "No route to host"
    EALREADY 114 37 "Operation already in progress"
    EINPROGRESS 115 36 "Operation now in progress"
}

impl Errno {
    /// The error of that name. `EWOULDBLOCK` and `ENOTSUP` are other names of `EAGAIN` and `EOPNOTSUPP`.
    pub(in crate::drill) fn named(name: &str) -> Option<Self> {
        let name = match name {
            "EWOULDBLOCK" => "EAGAIN",
            "ENOTSUP" => "EOPNOTSUPP",
            other => other,
        };
        ROWS.iter().position(|row| row.0 == name).map(Self)
    }

    const fn row(self) -> Row {
        // Only this file makes values.
        match ROWS.split_at_checked(self.0) {
            Some((_, [row, ..])) => *row,
            _ => ("", 0, 0, ""),
        }
    }

    /// `ECONNRESET`.
    pub(in crate::drill) const fn name(self) -> &'static str {
        self.row().0
    }

    /// The number that the system gives it.
    pub(in crate::drill) const fn number(self, personality: Personality) -> i64 {
        match personality {
            Personality::Linux => self.row().1,
            Personality::FreeBsd => self.row().2,
        }
    }
}

/// `ECONNRESET (Connection reset by peer)`.
impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name(), self.row().3)
    }
}
