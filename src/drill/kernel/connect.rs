//! connect.

use core::net::{IpAddr, SocketAddr};

use super::args::Address;
use super::open::is_too_short;
use super::returned::{Returned, Stop};
use super::socket::{Role, Standing, Stream, standing};
use super::{Errno, Kernel, Op, Patience, Progress};
use crate::Instant;
use crate::drill::script::Call;
use crate::host::ConnectError;
use crate::tcp::Tcb;

/// `connect` that waits.
#[derive(Clone, Debug)]
pub(super) struct Connect {
    fd: i64,
    /// It has begun the connection itself; else an earlier call has.
    began: bool,
}

impl Kernel {
    pub(super) fn connect(&mut self, now: Instant, call: &Call) -> Result<Progress, Stop> {
        let args = self.args(call, 3..=3)?;
        let fd = args.fd(0)?;
        if self.is_datagram(fd) {
            return self.connect_datagram(call).map(Progress::Returned);
        }
        let address = args.address(1)?;
        let linux = self.is_linux();
        let own = SocketAddr::new(self.at.remote, self.at.connect_port);
        let socket = self.sock(fd)?;
        let (domain, nonblocking) = (socket.domain, socket.nonblocking);
        let timeout = socket.settings.send_timeout.filter(|_| linux);
        if address != Address::Unspecified && is_too_short(&args, domain)? {
            return Err(Errno::EINVAL.into());
        }
        if linux && address == Address::Unspecified {
            self.disconnect(now, fd);
            return Ok(Progress::Returned(Returned::value(0)));
        }
        let began = match &self.sock(fd)?.role {
            Role::Listener(_) => {
                return Err(if linux { Errno::EISCONN } else { Errno::EOPNOTSUPP }.into());
            }
            Role::Stream(_) | Role::Datagram(_) => false,
            Role::Fresh => {
                if self.sock(fd)?.deferred.is_some() {
                    return Err(Errno::EISCONN.into());
                }
                let remote = self.address(domain, address, own)?;
                let fast = self.sock(fd)?.settings.is_on("TCP_FASTOPEN_CONNECT");
                let fast = linux && fast && self.sysctls.fast_open;
                let unproven = self.profile.host.connection.tcp.fast_open_unproven
                    || self.sock(fd)?.settings.is_on("TCP_FASTOPEN_NO_COOKIE");
                if fast && (unproven || self.host.fast_open_cookie(remote.ip()).is_some()) {
                    self.sock(fd)?.deferred = Some(remote);
                    return Ok(Progress::Returned(Returned::value(0)));
                }
                self.open_connection(now, fd, remote, fast)?;
                true
            }
        };
        let patience =
            if nonblocking { Patience::None } else { Patience::Until(timeout.map(|span| now + span)) };
        self.begin(now, Op::Connect(Connect { fd, began }), patience)
    }

    /// Opens the connection of a socket that has none; with Fast Open, if that is asked for.
    pub(super) fn open_connection(
        &mut self,
        now: Instant,
        fd: i64,
        remote: SocketAddr,
        fast: bool,
    ) -> Result<(), Stop> {
        let linux = self.is_linux();
        // Nobody is called "any": that is the host itself, where nobody listens.
        let local = self.sock(fd)?.bound.map(|at| match at.ip() {
            ip if ip.is_unspecified() => SocketAddr::new(self.at.local, at.port()),
            _ => at,
        });
        let options = self.connect_options(fd, local, fast)?;
        let id = self.host.connect_with(now, remote, &options).map_err(|error| match error {
            ConnectError::InUse(_) | ConnectError::NoPorts(_) if linux => Errno::EADDRNOTAVAIL,
            ConnectError::InUse(_) | ConnectError::NoPorts(_) => Errno::EADDRINUSE,
            ConnectError::Itself(_) => Errno::EADDRNOTAVAIL,
            ConnectError::Versions { .. } => Errno::EAFNOSUPPORT,
            ConnectError::Address(at) if is_broadcast(at.ip()) && linux => Errno::EACCES,
            ConnectError::Address(_) if !linux => Errno::EADDRNOTAVAIL,
            _ => Errno::ENETUNREACH,
        })?;
        let tuple = self.host.connection(id).and_then(|connection| connection.tuple());
        let socket = self.sock(fd)?;
        if let Some(tuple) = tuple {
            socket.role = Role::Stream(Stream::new(id, tuple, true));
            socket.error = None;
            socket.deferred = None;
        }
        self.set_subject(fd);
        Ok(())
    }

    /// `AF_UNSPEC`: the socket is as if it had never been connected. The peer of a living connection hears of it by a
    /// reset.
    pub(super) fn disconnect(&mut self, now: Instant, fd: i64) {
        let Some(socket) = self.sockets.get_mut(&fd) else { return };
        socket.deferred = None;
        match core::mem::replace(&mut socket.role, Role::Fresh) {
            Role::Fresh | Role::Datagram(_) => {}
            Role::Listener(listening) => {
                self.host.unlisten(now, listening);
            }
            Role::Stream(stream) => {
                let living = standing(self.host.machine(stream.id), stream.connecting) != Standing::Over;
                socket.error = living.then_some(Errno::ECONNRESET);
                if let Some(mut connection) = self.host.connection(stream.id) {
                    // One that is over has nothing left to abort.
                    let _ = connection.abort(now);
                }
                self.host.release(now, stream.id);
            }
        }
    }

    pub(super) fn try_connect(
        &mut self,
        now: Instant,
        connect: &Connect,
        last: bool,
    ) -> Result<Option<Returned>, Stop> {
        let linux = self.is_linux();
        let connecting = self.stream(connect.fd).is_some_and(|stream| stream.connecting);
        let standing = standing(self.machine(connect.fd), connecting);
        let done = self.machine(connect.fd).and_then(Tcb::close_reason).is_none();
        let socket = self.sock(connect.fd)?;
        let Some(stream) = socket.stream_mut() else { return Err(Errno::ECONNABORTED.into()) };
        if !connecting {
            let over = standing == Standing::Over && !linux;
            return Err(if over { Errno::ECONNREFUSED } else { Errno::EISCONN }.into());
        }
        match standing {
            Standing::Opening if !last => Ok(None),
            Standing::Opening => Err(if connect.began { Errno::EINPROGRESS } else { Errno::EALREADY }.into()),
            // Linux tells once, by this call too, that it is there.
            Standing::Open if linux || connect.began => {
                stream.connecting = false;
                Ok(Some(Returned::value(0)))
            }
            Standing::Open => Err(Errno::EISCONN.into()),
            Standing::Over if linux => {
                let error = socket.error.take();
                // Closed by both sides since: it was there.
                if done || error.is_none() && self.was_open(connect.fd) {
                    if let Some(stream) = self.sock(connect.fd)?.stream_mut() {
                        stream.connecting = false;
                    }
                    return Ok(Some(Returned::value(0)));
                }
                self.disconnect(now, connect.fd);
                self.sock(connect.fd)?.error = None;
                Err(error.unwrap_or(Errno::ECONNABORTED).into())
            }
            Standing::Over => {
                let error = socket.error.take().filter(|_| connect.began);
                Err(error.unwrap_or(Errno::ECONNREFUSED).into())
            }
        }
    }

    /// Whether the connection has ever been there.
    fn was_open(&self, fd: i64) -> bool {
        self.machine(fd).is_some_and(|machine| machine.snd_una() != machine.iss())
    }
}

const fn is_broadcast(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V4(v4) if v4.is_broadcast())
}
