//! getsockopt.

use alloc::format;
use alloc::string::ToString as _;
use core::time::Duration;

use super::{Kind, Knob};
use crate::Instant;
use crate::drill::kernel::returned::{Out, Returned, Stop};
use crate::drill::kernel::socket::{Domain, Role};
use crate::drill::kernel::{Errno, Kernel, unsupported};
use crate::drill::script::Call;
use crate::tcp::CongestionAlgorithm;

impl Kernel {
    pub(in crate::drill::kernel) fn getsockopt(
        &mut self,
        now: Instant,
        call: &Call,
    ) -> Result<Returned, Stop> {
        let args = self.args(call, 5..=5)?;
        let fd = args.fd(0)?;
        self.sock(fd)?;
        let knob = self.knob(&args)?;
        let (value, len) = match knob.kind {
            Kind::Linger => self.linger(fd)?,
            Kind::Timeout => self.timeout(fd, knob.name)?,
            Kind::Congestion => self.algorithm(now, fd)?,
            Kind::Functions => {
                let name = Out::Text("freebsd".into());
                (Out::Struct(alloc::vec![("function_set_name", name), ("pcbcnt", Out::Given)]), 36)
            }
            Kind::ReadOnly if knob.name == "TCP_INFO" => {
                let told = self.tcp_info(now, Some(fd)).into_iter();
                let int = |value: i128| Out::Int(i64::try_from(value).unwrap_or(i64::MAX));
                let members = told.map(|(name, value)| (name, int(value))).collect();
                return Ok(Returned::value(0).with(3, Out::Struct(members)));
            }
            _ => (Out::List(alloc::vec![Out::Int(self.number(now, fd, knob)?)]), 4),
        };
        Ok(Returned::value(0).with(3, value).with(4, Out::List(alloc::vec![Out::Int(len)])))
    }

    fn linger(&mut self, fd: i64) -> Result<(Out, i64), Stop> {
        let linger = self.sock(fd)?.settings.linger;
        let on = if self.is_linux() { 1 } else { 0x80 };
        let secs = i64::try_from(linger.unwrap_or_default().as_secs()).unwrap_or(i64::MAX);
        let on = Out::Int(if linger.is_some() { on } else { 0 });
        let value = alloc::vec![
            ("onoff", on.clone()),
            ("linger", Out::Int(secs)),
            ("l_onoff", on),
            ("l_linger", Out::Int(secs)),
        ];
        Ok((Out::Struct(value), 8))
    }

    fn timeout(&mut self, fd: i64, name: &str) -> Result<(Out, i64), Stop> {
        let settings = &self.sock(fd)?.settings;
        let span = if name == "SO_RCVTIMEO" { settings.receive_timeout } else { settings.send_timeout };
        let span = span.unwrap_or(Duration::ZERO);
        let secs = i64::try_from(span.as_secs()).unwrap_or(i64::MAX);
        let value =
            alloc::vec![("tv_sec", Out::Int(secs)), ("tv_usec", Out::Int(i64::from(span.subsec_micros()))),];
        Ok((Out::Struct(value), 16))
    }

    fn algorithm(&mut self, now: Instant, fd: i64) -> Result<(Out, i64), Stop> {
        let linux = self.is_linux();
        let chosen = self.sock(fd)?.settings.congestion;
        let used = self.machine(fd).map(|machine| machine.info(now).algorithm);
        let algorithm = used.or(chosen).unwrap_or(self.profile.host.connection.tcp.congestion);
        let name = match algorithm {
            CongestionAlgorithm::NewReno if linux => "reno",
            other => other.name(),
        };
        Ok((Out::Text(name.to_string()), 16))
    }

    /// The value of an option that is a number.
    fn number(&mut self, now: Instant, fd: i64, knob: &Knob) -> Result<i64, Stop> {
        let linux = self.is_linux();
        let personality = self.personality();
        let tcp = self.profile.host.connection.tcp;
        let usual = self.usual_keepalive();
        let machine_mss = self.mss(now, fd);
        let path_mtu = self.machine(fd).map(|machine| i64::from(self.path_mtu(now, machine)));
        let hop_limit = i64::from(self.profile.host.hop_limit);
        let socket = self.sock(fd)?;
        let set = socket.settings.get(knob.name);
        let buffer =
            |name: &str| ["FORCE", ""].iter().find_map(|end| socket.settings.get(&format!("{name}{end}")));
        Ok(match knob.name {
            "SO_ERROR" => socket.take_error(linux).map_or(0, |error| error.number(personality)),
            "SO_TYPE" => {
                if socket.datagram().is_some() {
                    2
                } else {
                    1
                }
            }
            "SO_PROTOCOL" => {
                if socket.datagram().is_some() {
                    17
                } else {
                    6
                }
            }
            "IP_TOS" | "IPV6_TCLASS" => set.unwrap_or(0) | i64::from(socket.settings.ecn()),
            "SO_DOMAIN" => match socket.domain {
                Domain::V4 => 2,
                Domain::V6 => {
                    if linux {
                        10
                    } else {
                        28
                    }
                }
            },
            "SO_ACCEPTCONN" => {
                let listens = matches!(socket.role, Role::Listener(_));
                if listens && !linux { 2 } else { i64::from(listens) }
            }
            "SO_RCVBUF" => {
                buffer("SO_RCVBUF").map_or_else(|| Err(unsupported("SO_RCVBUF that nobody has set")), Ok)?
            }
            "SO_SNDBUF" => {
                buffer("SO_SNDBUF").map_or_else(|| Err(unsupported("SO_SNDBUF that nobody has set")), Ok)?
            }
            "SO_SNDLOWAT" => 1,
            "SO_RCVLOWAT" => set.unwrap_or(1),
            "TCP_MAXSEG" => machine_mss,
            "IP_MTU" | "IPV6_MTU" => path_mtu.ok_or(Errno::ENOTCONN)?,
            "IP_TTL" | "IPV6_UNICAST_HOPS" => set.filter(|&hops| hops > 0).unwrap_or(hop_limit),
            "IP_MTU_DISCOVER" | "IPV6_MTU_DISCOVER" => set.unwrap_or(1),
            "TCP_KEEPIDLE" => set.unwrap_or_else(|| whole_seconds(usual.idle)),
            "TCP_KEEPINTVL" => set.unwrap_or_else(|| whole_seconds(usual.interval)),
            "TCP_KEEPINIT" => set.unwrap_or(75),
            "TCP_KEEPCNT" => set.unwrap_or_else(|| usual.count.into()),
            "TCP_NODELAY" => set.unwrap_or(i64::from(!tcp.nagle)),
            "TCP_QUICKACK" => set.unwrap_or(1),
            "TCP_SYNCNT" | "TCP_LINGER2" | "TCP_WINDOW_CLAMP" if set.is_none() => {
                return Err(unsupported(format!("{} that nobody has set", knob.name)).into());
            }
            _ => set.unwrap_or(0),
        })
    }

    /// The MSS as the system tells it.
    fn mss(&self, now: Instant, fd: i64) -> i64 {
        let v6 = self.at.local.is_ipv6();
        let usual = match (self.is_linux(), v6) {
            (false, true) => 1_220,
            _ => 536,
        };
        let chosen = self.sockets.get(&fd).and_then(|socket| socket.settings.get("TCP_MAXSEG"));
        let Some(info) = self.machine(fd).map(|machine| machine.info(now)) else {
            return chosen.filter(|&mss| mss > 0).unwrap_or(usual);
        };
        // FreeBSD does not take the timestamps off.
        let options = if info.timestamps && !self.is_linux() { 12 } else { 0 };
        i64::from(info.mss) + options
    }
}

fn whole_seconds(span: Duration) -> i64 {
    i64::try_from(span.as_secs()).unwrap_or(i64::MAX)
}
