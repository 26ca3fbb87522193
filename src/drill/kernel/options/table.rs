//! Which options there are, on which system, and which values they take.

use crate::drill::Personality;
use crate::drill::kernel::Errno;
use crate::drill::shell::Sysctls;

/// The level of an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::drill::kernel) enum Level {
    Socket,
    Tcp,
    V4,
    V6,
}

impl Level {
    /// Whether a script calls it that.
    pub(super) fn is_called(self, word: &str) -> bool {
        let names: &[&str] = match self {
            Self::Socket => &["SOL_SOCKET"],
            Self::Tcp => &["IPPROTO_TCP", "SOL_TCP"],
            Self::V4 => &["IPPROTO_IP", "SOL_IP"],
            Self::V6 => &["IPPROTO_IPV6", "SOL_IPV6"],
        };
        names.contains(&word)
    }
}

/// What an option is made of, or why it is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::drill::kernel) enum Kind {
    /// On or off.
    Switch,
    /// A number within bounds.
    Number(i64, i64),
    /// Octets of a buffer.
    Buffer,
    /// A number that changes nothing that can be seen.
    Hint,
    /// `{onoff, linger}`.
    Linger,
    /// A `timeval`.
    Timeout,
    /// The name of an algorithm.
    Congestion,
    /// FreeBSD's choice of a stack.
    Functions,
    /// `TCP_FASTOPEN`: a number, or on FreeBSD a structure.
    FastOpen,
    /// It can only be asked for.
    ReadOnly,
    /// It cannot be made true here.
    Unsupported,
}

/// An option.
#[derive(Clone, Copy, Debug)]
pub(in crate::drill::kernel) struct Knob {
    pub(super) level: Level,
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    only: Option<Personality>,
}

const fn both(level: Level, name: &'static str, kind: Kind) -> Knob {
    Knob { level, name, kind, only: None }
}

const fn linux(level: Level, name: &'static str, kind: Kind) -> Knob {
    Knob { level, name, kind, only: Some(Personality::Linux) }
}

const fn freebsd(level: Level, name: &'static str, kind: Kind) -> Knob {
    Knob { level, name, kind, only: Some(Personality::FreeBsd) }
}

/// The largest `int`.
const INT: i64 = i32::MAX as i64;
/// The smallest.
const LEAST: i64 = i32::MIN as i64;

use Kind::{
    Buffer, Congestion, FastOpen, Functions, Hint, Linger, Number, ReadOnly, Switch, Timeout, Unsupported,
};
use Level::{Socket, Tcp, V4, V6};

pub(super) const KNOBS: &[Knob] = &[
    both(Socket, "SO_REUSEADDR", Switch),
    both(Socket, "SO_REUSEPORT", Switch),
    freebsd(Socket, "SO_REUSEPORT_LB", Switch),
    both(Socket, "SO_KEEPALIVE", Switch),
    both(Socket, "SO_OOBINLINE", Switch),
    both(Socket, "SO_BROADCAST", Hint),
    both(Socket, "SO_DEBUG", Hint),
    freebsd(Socket, "SO_NOSIGPIPE", Hint),
    linux(Socket, "SO_PRIORITY", Hint),
    linux(Socket, "SO_MARK", Hint),
    linux(Socket, "SO_BUSY_POLL", Hint),
    linux(Socket, "SO_INCOMING_CPU", Hint),
    both(Socket, "SO_LINGER", Linger),
    both(Socket, "SO_RCVTIMEO", Timeout),
    both(Socket, "SO_SNDTIMEO", Timeout),
    both(Socket, "SO_RCVBUF", Buffer),
    both(Socket, "SO_SNDBUF", Buffer),
    linux(Socket, "SO_RCVBUFFORCE", Buffer),
    linux(Socket, "SO_SNDBUFFORCE", Buffer),
    both(Socket, "SO_RCVLOWAT", Number(LEAST, INT)),
    linux(Socket, "SO_SNDLOWAT", ReadOnly),
    freebsd(Socket, "SO_SNDLOWAT", Unsupported),
    both(Socket, "SO_ERROR", ReadOnly),
    both(Socket, "SO_TYPE", ReadOnly),
    both(Socket, "SO_PROTOCOL", ReadOnly),
    both(Socket, "SO_DOMAIN", ReadOnly),
    both(Socket, "SO_ACCEPTCONN", ReadOnly),
    both(Socket, "SO_TIMESTAMP", Unsupported),
    linux(Socket, "SO_TIMESTAMPNS", Unsupported),
    linux(Socket, "SO_TIMESTAMPING", Unsupported),
    linux(Socket, "SO_ZEROCOPY", Unsupported),
    linux(Socket, "SO_TXTIME", Unsupported),
    both(Socket, "SO_MAX_PACING_RATE", Unsupported),
    both(V4, "IP_TOS", Number(0, 255)),
    both(V4, "IP_TTL", Number(-1, 255)),
    linux(V4, "IP_MTU", ReadOnly),
    linux(V4, "IP_MTU_DISCOVER", Number(0, 5)),
    linux(V4, "IP_RECVERR", Switch),
    freebsd(V4, "IP_DONTFRAG", Unsupported),
    both(V6, "IPV6_TCLASS", Number(-1, 255)),
    both(V6, "IPV6_UNICAST_HOPS", Number(-1, 255)),
    both(V6, "IPV6_V6ONLY", Switch),
    linux(V6, "IPV6_MTU", ReadOnly),
    linux(V6, "IPV6_MTU_DISCOVER", Number(0, 5)),
    linux(V6, "IPV6_RECVERR", Switch),
    linux(V6, "IPV6_AUTOFLOWLABEL", Unsupported),
    linux(V6, "IPV6_FLOWINFO_SEND", Unsupported),
    both(Tcp, "TCP_NODELAY", Switch),
    linux(Tcp, "TCP_CORK", Switch),
    freebsd(Tcp, "TCP_NOPUSH", Switch),
    both(Tcp, "TCP_MAXSEG", Number(0, INT)),
    both(Tcp, "TCP_KEEPIDLE", Number(1, 32_767)),
    both(Tcp, "TCP_KEEPINTVL", Number(1, 32_767)),
    both(Tcp, "TCP_KEEPCNT", Number(1, 127)),
    freebsd(Tcp, "TCP_KEEPINIT", Number(1, 32_767)),
    linux(Tcp, "TCP_USER_TIMEOUT", Number(0, INT)),
    linux(Tcp, "TCP_SYNCNT", Number(1, 127)),
    linux(Tcp, "TCP_LINGER2", Number(LEAST, INT)),
    linux(Tcp, "TCP_WINDOW_CLAMP", Number(0, INT)),
    linux(Tcp, "TCP_NOTSENT_LOWAT", Number(LEAST, INT)),
    both(Tcp, "TCP_CONGESTION", Congestion),
    both(Tcp, "TCP_INFO", ReadOnly),
    linux(Tcp, "TCP_INQ", Switch),
    both(Tcp, "TCP_FASTOPEN", FastOpen),
    linux(Tcp, "TCP_FASTOPEN_CONNECT", Switch),
    linux(Tcp, "TCP_FASTOPEN_NO_COOKIE", Switch),
    linux(Tcp, "TCP_FASTOPEN_KEY", Unsupported),
    linux(Tcp, "TCP_QUICKACK", Switch),
    linux(Tcp, "TCP_DEFER_ACCEPT", Unsupported),
    linux(Tcp, "TCP_SAVE_SYN", Unsupported),
    linux(Tcp, "TCP_SAVED_SYN", Unsupported),
    linux(Tcp, "TCP_TIMESTAMP", Unsupported),
    linux(Tcp, "TCP_REPAIR", Unsupported),
    linux(Tcp, "TCP_TX_DELAY", Unsupported),
    linux(Tcp, "TCP_ULP", Unsupported),
    linux(Tcp, "TCP_ZEROCOPY_RECEIVE", Unsupported),
    linux(Tcp, "TCP_MD5SIG", Unsupported),
    linux(Tcp, "TCP_THIN_LINEAR_TIMEOUTS", Unsupported),
    linux(Tcp, "TCP_RTO_MIN_US", Unsupported),
    linux(Tcp, "TCP_RTO_MAX_MS", Unsupported),
    linux(Tcp, "TCP_DELACK_MAX_US", Unsupported),
    freebsd(Tcp, "TCP_NOOPT", Switch),
    freebsd(Tcp, "TCP_DELACK", Unsupported),
    freebsd(Tcp, "TCP_LOG", Unsupported),
    freebsd(Tcp, "TCP_LOGID", Unsupported),
    freebsd(Tcp, "TCP_MD5SIG", Unsupported),
    freebsd(Tcp, "TCP_RXTLS_ENABLE", Unsupported),
    freebsd(Tcp, "TCP_TXTLS_ENABLE", Unsupported),
    freebsd(Tcp, "TCP_REMOTE_UDP_ENCAPS_PORT", Unsupported),
    freebsd(Tcp, "TCP_FUNCTION_BLK", Functions),
];

impl Knob {
    pub(super) fn is_of(&self, personality: Personality) -> bool {
        self.only.is_none_or(|only| only == personality)
    }

    /// The value as it is kept, or the error for one that does not do.
    pub(super) fn checked(
        &self,
        value: i64,
        linux: bool,
        fresh: bool,
        sysctls: &Sysctls,
    ) -> Result<i64, Errno> {
        match (self.kind, self.name) {
            (Switch, "IPV6_V6ONLY") if !fresh => Err(Errno::EINVAL),
            (Switch, _) => Ok(i64::from(value != 0)),
            (Buffer, name) if linux => Ok(linux_buffer(name, value, sysctls)),
            (Buffer, _) if value <= 0 => Err(Errno::EINVAL),
            (Number(..), "TCP_MAXSEG") => checked_mss(value, linux),
            (Number(..), "IP_TTL" | "IPV6_UNICAST_HOPS") if value == 0 && linux => Err(Errno::EINVAL),
            // Linux leaves the bits of ECN alone: they are TCP's.
            (Number(..), "IP_TOS" | "IPV6_TCLASS") if (-1..=255).contains(&value) => Ok(value.max(0) & !3),
            (Number(least, most), _) if !(least..=most).contains(&value) => Err(Errno::EINVAL),
            _ => Ok(value),
        }
    }
}

/// Linux takes twice what it is asked for: half of it is for bookkeeping.
fn linux_buffer(name: &str, value: i64, sysctls: &Sysctls) -> i64 {
    let force = name.ends_with("FORCE");
    let value = if value < 0 { INT / 2 } else { value };
    let (least, most) =
        if name.starts_with("SO_RCV") { (2_304, sysctls.receive_max) } else { (4_608, sysctls.send_max) };
    let asked = if force { value } else { value.min(most) };
    asked.saturating_mul(2).min(INT).max(least)
}

/// An MSS: what Linux takes for a segment, or 0 for none; FreeBSD has the MTU's as a bound and 216 as a least.
const fn checked_mss(value: i64, linux: bool) -> Result<i64, Errno> {
    match (linux, value) {
        (true, 0 | 88..=32_767) | (false, 176..=65_535) => Ok(value),
        _ => Err(Errno::EINVAL),
    }
}
