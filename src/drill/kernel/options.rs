//! getsockopt and setsockopt: what a script has chosen for a socket, and what becomes of that.

mod datagram;
mod get;
mod shape;
mod table;

use alloc::collections::BTreeMap;
use alloc::format;
use core::time::Duration;

pub(super) use table::Kind;
use table::{Knob, Level};

use super::args::{self, Args};
use super::returned::{Returned, Stop};
use super::socket::Role;
use super::{CallFailure, Errno, Kernel, Unsupported, unsupported};
use crate::Instant;
use crate::drill::script::{Call, Expr};
use crate::tcp::{CongestionAlgorithm, TcpConfig};

/// What was chosen for a socket.
#[derive(Clone, Debug, Default)]
pub(super) struct Settings {
    values: BTreeMap<&'static str, i64>,
    /// `SO_LINGER`, if it is on.
    pub(super) linger: Option<Duration>,
    pub(super) receive_timeout: Option<Duration>,
    pub(super) send_timeout: Option<Duration>,
    pub(super) congestion: Option<CongestionAlgorithm>,
    /// The backlog of `listen`.
    pub(super) backlog: Option<i64>,
}

impl Settings {
    /// The value, if it was set.
    pub(super) fn get(&self, name: &str) -> Option<i64> {
        self.values.get(name).copied()
    }

    pub(super) fn set(&mut self, name: &'static str, value: i64) {
        self.values.insert(name, value);
    }

    pub(super) fn is_on(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| value != 0)
    }

    /// Partial segments are held back.
    pub(super) fn is_corked(&self) -> bool {
        self.is_on("TCP_CORK") || self.is_on("TCP_NOPUSH")
    }

    /// Octets that make it worth waking a reader.
    pub(super) fn receive_low(&self) -> usize {
        self.get("SO_RCVLOWAT").and_then(|low| usize::try_from(low).ok()).unwrap_or(1).max(1)
    }

    /// What a connection has from its listener: on Linux all but what is about listening.
    pub(super) fn inherited(&self, _linux: bool) -> Self {
        let mut own = self.clone();
        own.backlog = None;
        for name in ["TCP_FASTOPEN", "TCP_DEFER_ACCEPT", "TCP_SAVE_SYN"] {
            own.values.remove(name);
        }
        own
    }
}

impl Kernel {
    /// The option that a call names, if that system has it at that level.
    fn knob(&self, args: &Args<'_>) -> Result<&'static Knob, Stop> {
        let (level, name) = (args.word(1)?, args.word(2)?);
        let there = table::KNOBS.iter().find(|knob| knob.name == name);
        let fits = |knob: &&Knob| knob.level.is_called(level) && knob.is_of(args.personality);
        let Some(knob) = there.filter(fits) else {
            return Err(unsupported(format!("the option {name} of {level}")).into());
        };
        if knob.kind == Kind::Unsupported {
            return Err(unsupported(format!("the option {name}")).into());
        }
        if self.is_datagram(args.fd(0)?) {
            self.check_datagram_knob(knob)?;
        }
        Ok(knob)
    }

    pub(super) fn setsockopt(&mut self, now: Instant, call: &Call) -> Result<Returned, Stop> {
        let args = self.args(call, 5..=5)?;
        let fd = args.fd(0)?;
        self.sock(fd)?;
        let knob = self.knob(&args)?;
        let value = args.expr(3)?;
        if matches!(value, Expr::Word(null) if null == "NULL") {
            return Err(Errno::EFAULT.into());
        }
        match knob.kind {
            Kind::Linger => self.set_linger(fd, value)?,
            Kind::Timeout => self.set_timeout(fd, knob.name, value)?,
            Kind::Congestion => self.set_congestion(fd, value)?,
            Kind::Functions => return self.set_functions(value),
            Kind::ReadOnly => return Err(Errno::ENOPROTOOPT.into()),
            Kind::FastOpen => {
                let on = match args::fields(value) {
                    Some(fields) => match args::field(fields, "enable", 0) {
                        Some(enable) => args::int(args.personality, enable)?,
                        None => return Err(unsupported("such a TCP_FASTOPEN").into()),
                    },
                    None => args::boxed_int(args.personality, value)?,
                };
                self.sock(fd)?.settings.set(knob.name, on);
            }
            _ => {
                let value = args::boxed_int(args.personality, value)?;
                if args.int(4)? < 4 {
                    return Err(Errno::EINVAL.into());
                }
                self.set_number(fd, knob, value)?;
            }
        }
        let uncorked = matches!(knob.name, "TCP_CORK" | "TCP_NOPUSH" | "TCP_NODELAY");
        self.apply(now, fd)?;
        if knob.name == "TCP_QUICKACK" {
            self.quick_ack(now, fd);
        }
        if uncorked {
            self.uncork(now, fd);
        }
        Ok(Returned::value(0))
    }

    /// A number, once it is known to do.
    fn set_number(&mut self, fd: i64, knob: &Knob, value: i64) -> Result<(), Stop> {
        let linux = self.is_linux();
        let fresh = self.sock(fd)?.is_fresh();
        let domain = self.sock(fd)?.domain;
        if knob.level == Level::V6 && domain == super::socket::Domain::V4 {
            return Err(if linux { Errno::ENOPROTOOPT } else { Errno::EINVAL }.into());
        }
        if self.is_datagram(fd) {
            self.set_datagram_number(fd, knob.name, value)?;
        }
        let value = knob.checked(value, linux, fresh, &self.sysctls)?;
        self.sock(fd)?.settings.set(knob.name, value);
        Ok(())
    }

    fn set_linger(&mut self, fd: i64, value: &Expr) -> Result<(), Stop> {
        let personality = self.personality();
        let fields = args::fields(value).ok_or_else(|| unsupported("such an SO_LINGER"))?;
        args::check_names("a linger", fields, &["onoff", "linger", "l_onoff", "l_linger"])?;
        let part = |names: [&str; 2], place| {
            let found = names.iter().find_map(|name| args::field(fields, name, place));
            found.map_or(Ok(0), |value| args::int(personality, value))
        };
        let (on, secs) = (part(["onoff", "l_onoff"], 0)?, part(["linger", "l_linger"], 1)?);
        let span = Duration::from_secs(u64::try_from(secs).unwrap_or(0));
        self.sock(fd)?.settings.linger = (on != 0).then_some(span);
        Ok(())
    }

    fn set_timeout(&mut self, fd: i64, name: &str, value: &Expr) -> Result<(), Stop> {
        let span = Some(args::timeval(self.personality(), value)?).filter(|span| !span.is_zero());
        let settings = &mut self.sock(fd)?.settings;
        match name {
            "SO_RCVTIMEO" => settings.receive_timeout = span,
            _ => settings.send_timeout = span,
        }
        Ok(())
    }

    fn set_congestion(&mut self, fd: i64, value: &Expr) -> Result<(), Stop> {
        let text = match args::items(value).as_slice() {
            [Expr::Text(text)] => text.as_slice(),
            _ => return Err(unsupported("such a TCP_CONGESTION").into()),
        };
        let text = text.split(|&octet| octet == 0).next().unwrap_or_default();
        let algorithm = match text {
            b"cubic" => CongestionAlgorithm::Cubic,
            b"reno" if self.is_linux() => CongestionAlgorithm::NewReno,
            b"newreno" if !self.is_linux() => CongestionAlgorithm::NewReno,
            other => {
                let name = alloc::string::String::from_utf8_lossy(other);
                return Err(unsupported(format!("the congestion control {name}")).into());
            }
        };
        self.sock(fd)?.settings.congestion = Some(algorithm);
        Ok(())
    }

    /// FreeBSD's choice of a whole stack: there is the one.
    fn set_functions(&self, value: &Expr) -> Result<Returned, Stop> {
        let name = args::fields(value).and_then(|fields| args::field(fields, "function_set_name", 0));
        match name {
            Some(Expr::Text(text)) if text.as_slice() == b"freebsd" && !self.is_linux() => {
                Ok(Returned::value(0))
            }
            Some(other) => Err(unsupported(format!("the TCP stack {}", args::show(other))).into()),
            None => Err(unsupported("such a TCP_FUNCTION_BLK").into()),
        }
    }

    /// Brings what was chosen to the connection or the listener.
    pub(super) fn apply(&mut self, now: Instant, fd: i64) -> Result<(), Stop> {
        let Some(socket) = self.sockets.get(&fd) else { return Ok(()) };
        match socket.role {
            Role::Fresh | Role::Datagram(_) => Ok(()),
            Role::Listener(id) => {
                let config = self.listen_config(fd)?;
                let done = self.host.set_listen(id, &config);
                done.map_err(|error| unsupported(format!("another option of a listener: {error}")).into())
            }
            Role::Stream(_) => {
                let settings = socket.settings.clone();
                let (linux, usual) = (self.is_linux(), self.usual_keepalive());
                self.change(now, fd, |tcp| settings.shape(tcp, linux, usual));
                Ok(())
            }
        }
    }

    /// Brings what sysctls have changed to the connection or the listener.
    pub(super) fn reshape(&mut self, now: Instant, fd: i64) -> Result<(), Unsupported> {
        if self.stream(fd).is_some() {
            let usual = self.profile.host.connection;
            let tcp = self.shaped(fd, usual).tcp;
            self.change(now, fd, |own| *own = tcp);
            return Ok(());
        }
        self.apply(now, fd).map_err(|stop| match stop {
            Stop::Failure(CallFailure::Unsupported(what) | CallFailure::Failed(what)) => Unsupported(what),
            Stop::Errno(errno) => Unsupported(format!("a sysctl once there are sockets: {errno}")),
        })
    }

    /// Changes a connection that there is.
    fn change(&mut self, now: Instant, fd: i64, change: impl FnOnce(&mut TcpConfig)) {
        let Some(socket) = self.sockets.get(&fd) else { return };
        let (settings, Some(id)) = (&socket.settings, socket.stream().map(|stream| stream.id)) else {
            return;
        };
        let Some(mut connection) = self.host.connection(id) else { return };
        if let Some(hop_limit) = settings.hop_limit() {
            connection.set_hop_limit(hop_limit);
        }
        if let Some(dscp) = settings.dscp() {
            connection.set_dscp(dscp);
        }
        if let Some(octets) = settings.send_buffer() {
            connection.set_send_buffer(octets, 0);
        }
        // One that is over has no use for it.
        let _ = connection.configure(now, change);
    }

    /// How acknowledgments are paced from now on; before there is a connection that says nothing, as on Linux.
    fn quick_ack(&mut self, now: Instant, fd: i64) {
        let on = self.sockets.get(&fd).is_some_and(|socket| socket.settings.is_on("TCP_QUICKACK"));
        let id = self.stream(fd).map(|stream| stream.id);
        if let Some(mut connection) = id.and_then(|id| self.host.connection(id)) {
            // One that is over acknowledges nothing.
            let _ = connection.set_quick_ack(now, on);
        }
    }

    /// What a cork has held back goes, if it is out.
    fn uncork(&mut self, now: Instant, fd: i64) {
        let Some(socket) = self.sockets.get(&fd) else { return };
        let Some(stream) = socket.stream().filter(|_| !socket.settings.is_corked()) else { return };
        if let Some(mut connection) = self.host.connection(stream.id) {
            // One that is over holds nothing back.
            let _ = connection.flush(now);
        }
    }
}
