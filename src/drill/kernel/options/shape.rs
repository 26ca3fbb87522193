//! What the options of a socket make of its connections.

use core::net::SocketAddr;
use core::time::Duration;

use super::Settings;
use crate::connection::ConnectionConfig;
use crate::drill::kernel::returned::Stop;
use crate::drill::kernel::{Kernel, unsupported};
use crate::host::{ConnectOptions, ListenConfig};
use crate::tcp::{Keepalive, TcpConfig, WindowRules};

/// With a user timeout that alone counts.
const NO_R2: Duration = Duration::from_secs(1 << 31);

/// A number of seconds, or of anything else, that is not negative.
fn amount(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

fn octets(value: i64) -> u32 {
    u32::try_from(value.max(1)).unwrap_or(u32::MAX)
}

impl Settings {
    /// Changes what is chosen for the machine of a connection.
    /// `usual` is what keep-alives are where nothing else is said.
    pub(super) fn shape(&self, tcp: &mut TcpConfig, linux: bool, usual: Keepalive) {
        for (&name, &value) in &self.values {
            match name {
                "TCP_NODELAY" => tcp.nagle = value == 0,
                "TCP_MAXSEG" if value > 0 => tcp.mss_limit = u16::try_from(value).unwrap_or(u16::MAX),
                "TCP_USER_TIMEOUT" if value > 0 => {
                    tcp.user_timeout = Some(Duration::from_millis(amount(value)));
                    tcp.r2 = NO_R2;
                }
                "TCP_USER_TIMEOUT" => tcp.user_timeout = None,
                "TCP_SYNCNT" => {
                    tcp.syn_retries = Some(u8::try_from(value).unwrap_or(u8::MAX));
                    tcp.syn_r2 = NO_R2;
                }
                "TCP_KEEPINIT" => tcp.connect_timeout = Some(Duration::from_secs(amount(value))),
                "TCP_NOOPT" if value != 0 => {
                    (tcp.window_scaling, tcp.timestamps, tcp.sack) = (false, false, false);
                    tcp.announce_mss = false;
                }
                "TCP_LINGER2" if value > 0 => {
                    tcp.fin_wait_2 = Duration::from_secs(amount(value).min(120));
                }
                _ => {}
            }
        }
        self.shape_window(tcp, linux);
        if let Some(clamp) = self.get("TCP_WINDOW_CLAMP").filter(|&clamp| clamp > 0) {
            tcp.receive_window = tcp.receive_window.min(octets(clamp));
            tcp.receive_window_max = tcp.receive_window_max.min(octets(clamp));
        }
        if let Some(algorithm) = self.congestion {
            tcp.congestion = algorithm;
        }
        if let Some(on) = self.get("SO_KEEPALIVE") {
            tcp.keepalive = (on != 0).then(|| self.keepalive(tcp.keepalive.unwrap_or(usual)));
        }
    }

    /// The receive buffer, if one was chosen.
    fn shape_window(&self, tcp: &mut TcpConfig, linux: bool) {
        let chosen = ["SO_RCVBUFFORCE", "SO_RCVBUF"].iter().find_map(|name| self.get(name));
        let Some(chosen) = chosen else { return };
        tcp.receive_window = octets(chosen);
        if linux {
            // Half is for bookkeeping, and what is offered is whole segments; the scale is chosen for that.
            let mss = u32::from(tcp.mss.min(tcp.mss_limit).max(1));
            let half = octets(chosen / 2);
            let whole = half >= mss && tcp.window_rules == WindowRules::Linux;
            tcp.receive_window = if whole { half / mss * mss } else { half };
            tcp.window_scale = None;
        }
        tcp.receive_window_max = tcp.receive_window;
    }

    /// The keep-alives that are asked for.
    fn keepalive(&self, usual: Keepalive) -> Keepalive {
        let secs = |name, usual| self.get(name).map_or(usual, |secs| Duration::from_secs(amount(secs)));
        Keepalive {
            idle: secs("TCP_KEEPIDLE", usual.idle),
            interval: secs("TCP_KEEPINTVL", usual.interval),
            count: self
                .get("TCP_KEEPCNT")
                .map_or(usual.count, |count| u8::try_from(count).unwrap_or(u8::MAX)),
        }
    }

    /// Octets of memory for what is to be sent, if that was chosen.
    pub(super) fn send_buffer(&self) -> Option<usize> {
        let chosen = self.get("SO_SNDBUFFORCE").or_else(|| self.get("SO_SNDBUF"))?;
        usize::try_from(chosen).ok()
    }

    /// The hop limit, if one was chosen.
    pub(in crate::drill::kernel) fn hop_limit(&self) -> Option<u8> {
        let chosen = ["IP_TTL", "IPV6_UNICAST_HOPS"].iter().find_map(|name| self.get(name))?;
        u8::try_from(chosen).ok().filter(|&hops| hops > 0)
    }

    /// The code point, if one was chosen.
    pub(in crate::drill::kernel) fn dscp(&self) -> Option<u8> {
        let chosen = ["IP_TOS", "IPV6_TCLASS"].iter().find_map(|name| self.get(name))?;
        u8::try_from(chosen >> 2).ok().filter(|&dscp| dscp < 64)
    }
}

impl Kernel {
    /// Keep-alives, where a socket has chosen nothing else.
    pub(in crate::drill::kernel) fn usual_keepalive(&self) -> Keepalive {
        let usual = self.sysctls.keepalive;
        if self.is_linux() { usual } else { self.profile.host.connection.tcp.keepalive.unwrap_or(usual) }
    }

    pub(super) fn shaped(&self, fd: i64, mut connection: ConnectionConfig) -> ConnectionConfig {
        let Some(socket) = self.sockets.get(&fd) else { return connection };
        let v6_header = if self.at.local.is_ipv6() { 60 } else { 40 };
        connection.tcp.mss = self.at.mtu.saturating_sub(v6_header);
        socket.settings.shape(&mut connection.tcp, self.is_linux(), self.usual_keepalive());
        if let Some(octets) = socket.settings.send_buffer() {
            (connection.send_buffer, connection.send_buffer_max) = (octets, 0);
        }
        connection
    }

    /// How the connection of a socket is to be opened.
    pub(in crate::drill::kernel) fn connect_options(
        &self,
        fd: i64,
        local: Option<SocketAddr>,
        fast_open: bool,
    ) -> Result<ConnectOptions, Stop> {
        let Some(socket) = self.sockets.get(&fd) else {
            return Err(unsupported("a connection without a socket").into());
        };
        let settings = &socket.settings;
        let mut connection = self.shaped(fd, self.profile.host.connection);
        connection.tcp.fast_open = fast_open;
        connection.tcp.fast_open_unproven |= settings.is_on("TCP_FASTOPEN_NO_COOKIE");
        let options = ConnectOptions {
            local,
            connection: Some(connection),
            hop_limit: settings.hop_limit(),
            dscp: settings.dscp(),
        };
        Ok(options)
    }

    /// How the connections of a listener are to be.
    pub(in crate::drill::kernel) fn listen_config(&self, fd: i64) -> Result<ListenConfig, Stop> {
        let Some(socket) = self.sockets.get(&fd) else {
            return Err(unsupported("a listener without a socket").into());
        };
        let settings = &socket.settings;
        let mut config = self.profile.listen;
        let usual = config.connection.unwrap_or(self.profile.host.connection);
        config.connection = Some(self.shaped(fd, usual));
        config.backlog = places(settings.backlog.unwrap_or(0), self.is_linux());
        config.v6_only = settings.get("IPV6_V6ONLY").map_or(config.v6_only, |on| on != 0);
        // On Linux one or the other will do, on FreeBSD it takes both.
        let asked = settings.get("TCP_FASTOPEN").map(|on| on != 0);
        let allowed = config.fast_open;
        config.fast_open =
            if self.is_linux() { asked.unwrap_or(allowed) } else { allowed && asked == Some(true) };
        // Where no cookie is asked for, it takes no leave of the socket either.
        config.fast_open_unproven |= settings.is_on("TCP_FASTOPEN_NO_COOKIE");
        config.fast_open |= config.fast_open_unproven;
        config.hop_limit = settings.hop_limit().or(config.hop_limit);
        config.dscp = settings.dscp().or(config.dscp);
        Ok(config)
    }
}

/// How many may wait to be accepted: one more than Linux is told, half as many again and one on FreeBSD.
fn places(backlog: i64, linux: bool) -> u32 {
    let most = if linux { 4096 } else { 128 };
    let backlog = if backlog < 0 { most } else { backlog.min(most) };
    let places = if linux { backlog + 1 } else { 3 * backlog / 2 + 1 };
    u32::try_from(places).unwrap_or(u32::MAX)
}
