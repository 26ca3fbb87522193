//! socket, bind, listen, accept.

use alloc::format;
use core::net::{IpAddr, SocketAddr};

use super::args::{Address, Args, int};
use super::datagram::Datagram;
use super::returned::{Out, Returned, Stop};
use super::socket::{Domain, Role, Socket, Stream, as_seen, on_wire};
use super::{CallFailure, Errno, IpMode, Kernel, Op, Patience, Progress, constants, unsupported};
use crate::drill::script::Call;
use crate::host::{ListenError, ListenOn};
use crate::{Instant, State};

/// `accept` that waits.
#[derive(Clone, Debug)]
pub(super) struct Accept {
    fd: i64,
    /// The number that the script gives the new socket.
    wanted: i64,
    nonblocking: bool,
}

impl Kernel {
    /// The number under which a call that makes a descriptor stands in the script.
    pub(super) fn wanted(&self, call: &Call) -> Result<i64, CallFailure> {
        let told = call.result.as_ref().and_then(|result| int(self.personality(), result).ok());
        let taken = |fd: &i64| self.sockets.contains_key(fd) || self.epolls.contains_key(fd);
        match told.filter(|&fd| fd >= 0) {
            Some(fd) if taken(&fd) => Err(CallFailure::Failed(format!("descriptor {fd} is open already"))),
            Some(fd) => Ok(fd),
            None => Ok((1000..).find(|fd| !taken(fd)).unwrap_or(-1)),
        }
    }

    fn flag(&self, name: &str) -> i64 {
        constants::number(self.personality(), name).unwrap_or(0)
    }

    pub(super) fn socket(&mut self, call: &Call) -> Result<Returned, Stop> {
        let args = self.args(call, 3..=3)?;
        let usual = if self.at.ip == IpMode::V4 { "AF_INET" } else { "AF_INET6" };
        let family = if args.is_ellipsis(0) { self.flag(usual) } else { args.int(0)? };
        let domain = match family {
            2 => Domain::V4,
            v6 if v6 == self.flag("AF_INET6") => Domain::V6,
            other => return Err(unsupported(format!("a socket of family {other}")).into()),
        };
        let kind = args.int(1)?;
        let (nonblocking, cloexec) = (self.flag("SOCK_NONBLOCK"), self.flag("SOCK_CLOEXEC"));
        let mut role = Role::Fresh;
        match (kind & !(nonblocking | cloexec), args.int(2)?) {
            (1, 0 | 6) => {}
            (1, 17) | (2, 6) => {
                let linux = self.is_linux();
                return Err(if linux { Errno::EPROTONOSUPPORT } else { Errno::EPROTOTYPE }.into());
            }
            (2, 0 | 17) => role = Role::Datagram(Datagram::default()),
            (kind, protocol) => {
                return Err(unsupported(format!("a socket of type {kind}, protocol {protocol}")).into());
            }
        }
        let fd = self.wanted(call)?;
        let mut socket = Socket::new(domain);
        (socket.nonblocking, socket.role) = (kind & nonblocking != 0, role);
        self.sockets.insert(fd, socket);
        Ok(Returned::descriptor(fd))
    }

    /// The address that an argument names, as it stands in packets. `own` is what `...` stands for.
    pub(super) fn address(
        &self,
        domain: Domain,
        address: Address,
        own: SocketAddr,
    ) -> Result<SocketAddr, Stop> {
        match address {
            Address::Own => Ok(own),
            Address::None => Err(Errno::EFAULT.into()),
            Address::Unspecified | Address::Foreign => Err(Errno::EAFNOSUPPORT.into()),
            Address::Socket(at) if at.is_ipv6() != (domain == Domain::V6) => Err(Errno::EAFNOSUPPORT.into()),
            Address::Socket(at) => Ok(on_wire(at)),
        }
    }

    pub(super) fn bind(&mut self, now: Instant, call: &Call) -> Result<Returned, Stop> {
        let args = self.args(call, 3..=3)?;
        let fd = args.fd(0)?;
        let own = SocketAddr::new(self.at.local, self.at.bind_port);
        let (domain, bound) = self.sock(fd).map(|socket| (socket.domain, socket.bound))?;
        let address = args.address(1)?;
        if is_too_short(&args, domain)? {
            return Err(Errno::EINVAL.into());
        }
        let at = self.address(domain, address, own)?;
        if bound.is_some() || !matches!(self.sock(fd)?.role, Role::Fresh | Role::Datagram(_)) {
            return Err(Errno::EINVAL.into());
        }
        if !at.ip().is_unspecified() && at.ip() != self.at.local {
            return Err(Errno::EADDRNOTAVAIL.into());
        }
        if self.is_datagram(fd) {
            return self.bind_datagram(fd, at);
        }
        if at.port() == 0 {
            return Err(unsupported("bind to port 0").into());
        }
        if self.is_taken(now, fd, at) {
            return Err(Errno::EADDRINUSE.into());
        }
        self.bound = Some(at);
        self.sock(fd)?.bound = Some(at);
        Ok(Returned::value(0))
    }

    /// Whether another socket, or a connection that has none any more, has the port. Who agrees to share it, shares it:
    /// with those that are not listening on Linux, with connections that are over on FreeBSD, where a port is shared with
    /// living ones by `SO_REUSEPORT` alone.
    fn is_taken(&self, now: Instant, fd: i64, at: SocketAddr) -> bool {
        let Some(own) = self.sockets.get(&fd) else { return false };
        let shares = |name| own.settings.is_on(name);
        let overlaps = |ip: IpAddr| ip == at.ip() || ip.is_unspecified() || at.ip().is_unspecified();
        let by_socket = self.sockets.iter().any(|(&number, other)| {
            let there = other.bound.is_some_and(|bound| bound.port() == at.port() && overlaps(bound.ip()));
            let agrees = |name| shares(name) && other.settings.is_on(name);
            let listens = other.listener().is_some();
            let shared = agrees("SO_REUSEPORT")
                || self.is_linux() && agrees("SO_REUSEADDR") && !listens
                || !self.is_linux() && agrees("SO_REUSEPORT_LB");
            number != fd && other.datagram().is_none() && there && !shared
        });
        let mut connections = self.host.connections(now);
        let orphan = connections
            .any(|view| view.tuple.local_port() == at.port() && view.orphan && view.state != State::Closed);
        let row = self.host.rows().any(|row| row.tuple.local_port() == at.port());
        by_socket || (orphan || row) && !shares("SO_REUSEADDR")
    }

    pub(super) fn listen(&mut self, now: Instant, call: &Call) -> Result<Returned, Stop> {
        let args = self.args(call, 2..=2)?;
        let (fd, backlog) = (args.fd(0)?, args.int(1)?);
        let bound = self.sock(fd)?.bound;
        self.sock(fd)?.settings.backlog = Some(backlog);
        match self.sock(fd)?.role {
            Role::Fresh => {}
            Role::Listener(_) => {
                self.apply(now, fd)?;
                return Ok(Returned::value(0));
            }
            Role::Stream(_) => return Err(Errno::EINVAL.into()),
            Role::Datagram(_) => return Err(Errno::EOPNOTSUPP.into()),
        }
        let Some(at) = bound else {
            return Err(unsupported("listen on a socket that is not bound").into());
        };
        let config = self.listen_config(fd)?;
        let listening = self.host.listen(ListenOn::from(at), &config).map_err(|error| match error {
            ListenError::InUse(_) => Stop::from(Errno::EADDRINUSE),
            other => unsupported(format!("a listener: {other}")).into(),
        })?;
        self.sock(fd)?.role = Role::Listener(listening);
        Ok(Returned::value(0))
    }

    pub(super) fn accept(&mut self, now: Instant, call: &Call) -> Result<Progress, Stop> {
        let args = self.args(call, 3..=4)?;
        let fd = args.fd(0)?;
        let flags = if call.name == "accept4" { args.int(3)? } else { 0 };
        if self.is_datagram(fd) {
            return Err(if self.is_linux() { Errno::EOPNOTSUPP } else { Errno::EINVAL }.into());
        }
        let (nonblocking, timeout) = {
            let socket = self.sock(fd)?;
            (socket.nonblocking, socket.settings.receive_timeout)
        };
        // FreeBSD hands the mode of the listener on.
        let inherits = !self.is_linux() && call.name == "accept" && nonblocking;
        let op = Accept {
            fd,
            wanted: self.wanted(call)?,
            nonblocking: inherits || flags & self.flag("SOCK_NONBLOCK") != 0,
        };
        let until = timeout.map(|span| now + span);
        let patience = if nonblocking { Patience::None } else { Patience::Until(until) };
        self.begin(now, Op::Accept(op), patience)
    }

    pub(super) fn try_accept(
        &mut self,
        now: Instant,
        accept: &Accept,
        last: bool,
    ) -> Result<Option<Returned>, Stop> {
        let linux = self.is_linux();
        let listening = self.sock(accept.fd)?.listener().ok_or(Errno::EINVAL)?;
        if let Some(error) = self.sock(accept.fd)?.error.take() {
            return Err(error.into());
        }
        let Some(id) = self.host.accept(listening) else {
            return if last { Err(Errno::EAGAIN.into()) } else { Ok(None) };
        };
        let (tuple, state) = match self.host.connection(id) {
            Some(connection) => (connection.tuple(), connection.state()),
            None => (None, State::Closed),
        };
        // On FreeBSD who was reset before he was accepted is not there to be accepted.
        let Some(tuple) = tuple.filter(|_| linux || state != State::Closed) else {
            self.host.release(now, id);
            return Err(Errno::ECONNABORTED.into());
        };
        let listener = self.sock(accept.fd)?;
        listener.accepted += 1;
        let mut socket = Socket::new(listener.domain);
        socket.settings = listener.settings.inherited(linux);
        socket.nonblocking = accept.nonblocking;
        socket.bound = Some(tuple.local());
        socket.role = Role::Stream(Stream::new(id, tuple, false));
        self.sockets.insert(accept.wanted, socket);
        self.set_subject(accept.wanted);
        let peer = as_seen(tuple.remote(), self.at.ip);
        let len = if peer.is_ipv4() { 16 } else { 28 };
        let returned = Returned::descriptor(accept.wanted);
        Ok(Some(returned.with(1, Out::Address(peer)).with(2, Out::Int(len))))
    }

    pub(super) fn getsockname(&mut self, call: &Call) -> Result<Returned, Stop> {
        let args = self.args(call, 3..=3)?;
        let fd = args.fd(0)?;
        let datagram = self.datagram_name(fd);
        let socket = self.sock(fd)?;
        let any = match socket.domain {
            Domain::V4 => IpAddr::from([0; 4]),
            Domain::V6 => IpAddr::from([0_u16; 8]),
        };
        let own = datagram.or(socket.stream().map(|stream| stream.tuple.local())).or(socket.bound);
        Ok(self.told(own.unwrap_or_else(|| SocketAddr::new(any, 0))))
    }

    pub(super) fn getpeername(&mut self, call: &Call) -> Result<Returned, Stop> {
        let args = self.args(call, 3..=3)?;
        let fd = args.fd(0)?;
        self.sock(fd)?;
        if self.is_datagram(fd) {
            let peer = self.datagram_peer(fd).ok_or(Errno::ENOTCONN)?;
            return Ok(self.told(peer));
        }
        let open = super::socket::standing(self.machine(fd), true) == super::socket::Standing::Open;
        let stream = self.stream(fd).filter(|_| open).ok_or(Errno::ENOTCONN)?;
        let peer = stream.tuple.remote();
        Ok(self.told(peer))
    }

    fn told(&self, address: SocketAddr) -> Returned {
        let seen = as_seen(address, self.at.ip);
        let len = if seen.is_ipv4() { 16 } else { 28 };
        Returned::value(0).with(1, Out::Address(seen)).with(2, Out::Int(len))
    }
}

/// Whether the length of an address, which is the third argument, is less than an address has.
pub(super) fn is_too_short(args: &Args<'_>, domain: Domain) -> Result<bool, CallFailure> {
    let least = match domain {
        Domain::V4 => 16,
        Domain::V6 => 24,
    };
    Ok(!args.is_ellipsis(2) && args.int(2)? < least)
}
