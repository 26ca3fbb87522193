//! What the network reports of a connection, as errors: ICMP (RFC 1122 §4.2.3.9, RFC 5461).

use super::socket::Socket;
use super::{Errno, Kernel};
use crate::drill::Personality;
use crate::host::{Host, IcmpKind};

/// How many messages of each kind were heard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Reports {
    unreachable: u64,
    exceeded: u64,
    problems: u64,
}

impl Reports {
    pub(super) fn of(host: &Host) -> Self {
        let stats = host.icmp_stats();
        Self {
            unreachable: stats.received(IcmpKind::Unreachable),
            exceeded: stats.received(IcmpKind::TimeExceeded),
            problems: stats.received(IcmpKind::ParameterProblem),
        }
    }

    /// What was heard since.
    pub(super) const fn news(&self, now: &Self) -> Option<Report> {
        if now.exceeded > self.exceeded {
            Some(Report::Exceeded)
        } else if now.problems > self.problems {
            Some(Report::Problem)
        } else if now.unreachable > self.unreachable {
            Some(Report::Unreachable)
        } else {
            None
        }
    }
}

/// A kind of message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Report {
    Unreachable,
    Exceeded,
    Problem,
}

impl Report {
    /// The error that stands for the message with that code.
    pub(super) const fn errno(self, code: u8, v6: bool, personality: Personality) -> Errno {
        match (self, personality) {
            (Self::Exceeded, _) => Errno::EHOSTUNREACH,
            (Self::Problem, Personality::Linux) => Errno::EPROTO,
            (Self::Problem, Personality::FreeBsd) => Errno::ENOPROTOOPT,
            (Self::Unreachable, Personality::Linux) if v6 => linux_v6(code),
            (Self::Unreachable, Personality::Linux) => linux_v4(code),
            (Self::Unreachable, Personality::FreeBsd) if v6 => match code {
                1 | 4 => Errno::ECONNREFUSED,
                3 => Errno::EHOSTDOWN,
                _ => Errno::EHOSTUNREACH,
            },
            (Self::Unreachable, Personality::FreeBsd) => match code {
                2 | 3 | 9 | 10 | 13 | 15 => Errno::ECONNREFUSED,
                4 => Errno::EMSGSIZE,
                _ => Errno::EHOSTUNREACH,
            },
        }
    }
}

/// RFC 792, RFC 1812 §5.2.7.1.
const fn linux_v4(code: u8) -> Errno {
    match code {
        0 | 6 | 9 | 11 => Errno::ENETUNREACH,
        2 => Errno::ENOPROTOOPT,
        3 => Errno::ECONNREFUSED,
        4 => Errno::EMSGSIZE,
        5 => Errno::EOPNOTSUPP,
        7 => Errno::EHOSTDOWN,
        8 => Errno::ENONET,
        _ => Errno::EHOSTUNREACH,
    }
}

/// RFC 4443 §3.1.
const fn linux_v6(code: u8) -> Errno {
    match code {
        0 => Errno::ENETUNREACH,
        1 | 5 | 6 => Errno::EACCES,
        4 => Errno::ECONNREFUSED,
        _ => Errno::EHOSTUNREACH,
    }
}

impl Kernel {
    /// A connection hears of trouble: at once if `IP_RECVERR` is on, else only those who ask, or when it ends by that.
    pub(super) fn note_trouble(&mut self, id: crate::host::ConnId, report: Report) {
        let personality = self.personality();
        let code = self.host.machine(id).and_then(crate::tcp::Tcb::soft_error);
        let owner = self.sockets.values_mut().find(|socket| socket.stream().is_some_and(|own| own.id == id));
        let (Some(code), Some(socket)) = (code, owner) else { return };
        socket.hear(report, code, personality);
    }
}

impl Socket {
    fn hear(&mut self, report: Report, code: u8, personality: Personality) {
        let told = self.settings.is_on("IP_RECVERR") || self.settings.is_on("IPV6_RECVERR");
        let Some(stream) = self.stream_mut() else { return };
        let errno = report.errno(code, stream.tuple.remote_ip().is_ipv6(), personality);
        stream.soft = Some(errno);
        if told {
            self.error = Some(errno);
        }
    }
}
