//! The words that a script is written with.
//!
//! Sequence and acknowledgment numbers are relative: to our ISS where we speak of our own octets, to the
//! peer's IRS where we speak of the peer's. A SYN is 0, the first octet of data 1. Clocks of timestamps are
//! relative to the moment at which the script begins. So one script serves for all numbers.
//!
//! ```text
//! send!(s, seq: 1, ack: 1, len: 100);            the peer's segment: it must be accepted
//! refuse!(s, NoAck, seq: 1);                     the peer's segment: it must be refused for this reason
//! also!(s, seq: 101, ack: 1, len: 100);          like send!, while segments of ours wait to be polled
//! expect!(s, seq: 1, ack: 101, win: 9_900);      the next segment that we send, compared whole
//! expect_none!(s);                               nothing is to be sent
//! advance!(s, 3 s, { 1 s => (SYN, seq: 0) });    time passes; on the way exactly this is sent
//! call!(s, queue 500, push);                     the user calls
//! ```
//!
//! A window that is not given is `Script::window` in what we send (zero in a reset) and
//! `Script::peer_window` in what the peer sends.

use std::fmt;

use tcpstate::tcp::Cookie;
use tcpstate::{EcnCodepoint, TcpFlags};

/// A segment in the words of a script.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Seg {
    pub(super) flags: TcpFlags,
    pub(super) seq: i64,
    pub(super) ack: Option<i64>,
    pub(super) win: Option<u16>,
    pub(super) urg: u16,
    pub(super) len: u32,
    pub(super) mss: Option<u16>,
    pub(super) wscale: Option<u8>,
    pub(super) sack_ok: bool,
    /// TSval, and TSecr: `None` stands for a zero on the wire, before there is anything to echo.
    pub(super) ts: Option<(i64, Option<i64>)>,
    pub(super) sack: Vec<(i64, i64)>,
    pub(super) cookie: Option<Cookie>,
    /// The ECN field of the packet.
    pub(super) ecn: EcnCodepoint,
}

impl Seg {
    pub(super) fn flag(mut self, flag: TcpFlags) -> Self {
        self.flags |= flag;
        self
    }

    pub(super) fn seq(self, seq: i64) -> Self {
        Self { seq, ..self }
    }

    pub(super) fn ack(self, ack: i64) -> Self {
        Self { ack: Some(ack), ..self }.flag(TcpFlags::ACK)
    }

    pub(super) fn win(self, win: u16) -> Self {
        Self { win: Some(win), ..self }
    }

    pub(super) fn urg(self, urg: u16) -> Self {
        Self { urg, ..self }.flag(TcpFlags::URG)
    }

    pub(super) fn len(self, len: u32) -> Self {
        Self { len, ..self }
    }

    pub(super) fn mss(self, mss: u16) -> Self {
        Self { mss: Some(mss), ..self }
    }

    pub(super) fn wscale(self, shift: u8) -> Self {
        Self { wscale: Some(shift), ..self }
    }

    pub(super) fn sack_ok(self) -> Self {
        Self { sack_ok: true, ..self }
    }

    pub(super) fn ts(self, (val, ecr): (i64, i64)) -> Self {
        Self { ts: Some((val, Some(ecr))), ..self }
    }

    /// Timestamps with a zero in TSecr.
    pub(super) fn ts0(self, val: i64) -> Self {
        Self { ts: Some((val, None)), ..self }
    }

    pub(super) fn sack<const N: usize>(self, blocks: [(i64, i64); N]) -> Self {
        Self { sack: blocks.to_vec(), ..self }
    }

    pub(super) fn cookie(self, octets: &[u8]) -> Self {
        Self { cookie: Cookie::new(octets), ..self }
    }

    pub(super) fn ecn(self, ecn: EcnCodepoint) -> Self {
        Self { ecn, ..self }
    }
}

/// Prints as it stands in a script.
impl fmt::Debug for Seg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({}, seq: {}", self.flags, self.seq)?;
        if let Some(ack) = self.ack {
            write!(f, ", ack: {ack}")?;
        }
        if let Some(win) = self.win {
            write!(f, ", win: {win}")?;
        }
        if self.flags.contains(TcpFlags::URG) || self.urg != 0 {
            write!(f, ", urg: {}", self.urg)?;
        }
        if self.len > 0 {
            write!(f, ", len: {}", self.len)?;
        }
        if let Some(mss) = self.mss {
            write!(f, ", mss: {mss}")?;
        }
        if let Some(shift) = self.wscale {
            write!(f, ", wscale: {shift}")?;
        }
        if self.sack_ok {
            write!(f, ", sack_ok")?;
        }
        match self.ts {
            Some((val, Some(ecr))) => write!(f, ", ts: ({val}, {ecr})")?,
            Some((val, None)) => write!(f, ", ts0: {val}")?,
            None => {}
        }
        if !self.sack.is_empty() {
            write!(f, ", sack: {:?}", self.sack)?;
        }
        if let Some(cookie) = &self.cookie {
            write!(f, ", cookie: {:?}", cookie.as_bytes())?;
        }
        match self.ecn {
            EcnCodepoint::NotEct => {}
            ecn => write!(f, ", {ecn}")?,
        }
        f.write_str(")")
    }
}

macro_rules! seg {
    (@ $seg:expr,) => { $seg };
    (@ $seg:expr, sack_ok $(, $($rest:tt)*)?) => { seg!(@ $seg.sack_ok(), $($($rest)*)?) };
    (@ $seg:expr, ect $(, $($rest:tt)*)?) => {
        seg!(@ $seg.ecn(tcpstate::EcnCodepoint::Ect0), $($($rest)*)?)
    };
    (@ $seg:expr, ce $(, $($rest:tt)*)?) => {
        seg!(@ $seg.ecn(tcpstate::EcnCodepoint::Ce), $($($rest)*)?)
    };
    (@ $seg:expr, $key:ident : $value:expr $(, $($rest:tt)*)?) => {
        seg!(@ $seg.$key($value), $($($rest)*)?)
    };
    (@ $seg:expr, $flag:ident $(, $($rest:tt)*)?) => {
        seg!(@ $seg.flag(tcpstate::TcpFlags::$flag), $($($rest)*)?)
    };
    ($($item:tt)*) => { seg!(@ $crate::machine::words::Seg::default(), $($item)*) };
}

/// A span of time: `span!(40 ms)`.
macro_rules! span {
    ($n:literal us) => {
        std::time::Duration::from_micros($n)
    };
    ($n:literal ms) => {
        std::time::Duration::from_millis($n)
    };
    ($n:literal s) => {
        std::time::Duration::from_secs($n)
    };
    ($n:literal min) => {
        std::time::Duration::from_secs($n * 60)
    };
    ($n:literal h) => {
        std::time::Duration::from_secs($n * 3_600)
    };
    ($n:literal d) => {
        std::time::Duration::from_secs($n * 86_400)
    };
}

/// The peer's segment arrives, and nothing in it is refused. Nothing of ours may wait to be polled.
macro_rules! send {
    ($s:expr, $($item:tt)*) => { $s.send(&seg!($($item)*)) };
}

/// The peer's segment arrives while segments of ours may wait to be polled.
macro_rules! also {
    ($s:expr, $($item:tt)*) => { $s.also(&seg!($($item)*)) };
}

/// The peer's segment arrives and is refused for this reason.
macro_rules! refuse {
    ($s:expr, $reason:ident, $($item:tt)*) => {
        $s.refuse(tcpstate::tcp::DropReason::$reason, &seg!($($item)*))
    };
}

/// The next segment that is polled is this one.
macro_rules! expect {
    ($s:expr, $($item:tt)*) => { $s.expect(&seg!($($item)*)) };
}

/// Nothing is to be sent at this moment.
macro_rules! expect_none {
    ($s:expr) => {
        $s.expect_none()
    };
}

/// Time passes, by a span or `to` a moment since the script began; what is sent on the way, and when (since
/// the beginning of the span, or of the script), is exactly what stands in the list.
macro_rules! advance {
    ($s:expr, to $n:literal $unit:ident $(, { $($m:literal $u:ident => ($($item:tt)*)),* $(,)? })?) => {
        $s.advance_to(span!($n $unit), &[$($((span!($m $u), seg!($($item)*))),*)?])
    };
    ($s:expr, $n:literal $unit:ident $(, { $($m:literal $u:ident => ($($item:tt)*)),* $(,)? })?) => {
        $s.advance(span!($n $unit), &[$($((span!($m $u), seg!($($item)*))),*)?])
    };
}

/// The user calls, and the call succeeds; `=> error` if it must not.
macro_rules! call {
    ($s:expr, queue $len:expr $(, $flag:ident)*) => {
        $s.call(tcpstate::tcp::Command::Queue(tcpstate::tcp::Queue {
            len: $len,
            $($flag: true,)*
            ..tcpstate::tcp::Queue::default()
        }))
    };
    ($s:expr, consumed $len:expr) => { $s.call(tcpstate::tcp::Command::Consumed($len)) };
    ($s:expr, $command:ident $(($argument:expr))?) => {
        $s.call(tcpstate::tcp::Command::$command $(($argument))?)
    };
    ($s:expr, $command:ident $(($argument:expr))? => $error:expr) => {
        $s.call_fails(tcpstate::tcp::Command::$command $(($argument))?, $error)
    };
}

/// The state is this one.
macro_rules! state {
    ($s:expr, $state:ident) => {
        assert_eq!($s.tcb.state(), tcpstate::State::$state)
    };
}

/// The connection is over, for this reason; the user was told; nothing remains to be done.
macro_rules! closed {
    ($s:expr, $reason:ident $(($code:expr))?) => {
        $s.is_closed(tcpstate::tcp::CloseReason::$reason $(($code))?)
    };
}
