//! The system calls of a kernel whose network is a [`Host`].
//!
//! Scripts speak to sockets as Linux or FreeBSD has them; [`Kernel`] answers as that system would: what a call gives
//! in each state, which error it is and when it is told, what `poll` says. Segments are the host's affair.
//!
//! | calls | where |
//! |---|---|
//! | socket, bind, listen, accept | `open.rs` |
//! | connect | `connect.rs` |
//! | read, recv, recvmsg… | `read.rs` |
//! | write, send, sendmsg… | `write.rs` |
//! | close, shutdown | `end.rs` |
//! | fcntl, ioctl | `control.rs` |
//! | sockets for datagrams | `datagram.rs`, `datagram/` |
//! | getsockopt, setsockopt, getsockname, getpeername | `options.rs`, `options/` |
//! | poll, epoll | `ready.rs`, `epoll.rs` |
//! | results against the script | `check.rs` |
//! | `tcpi_…` | `info.rs` |

mod args;
mod check;
mod connect;
mod constants;
mod control;
mod datagram;
mod end;
mod epoll;
mod errno;
mod info;
mod network;
mod open;
mod options;
mod read;
mod ready;
mod returned;
mod socket;
mod tally;
mod urgent;
mod write;

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};

pub(in crate::drill) use super::shell::ShellOutcome;
use args::Args;
use epoll::Epoll;
pub(in crate::drill) use errno::Errno;
pub(in crate::drill) use info::Symbols;
use network::Reports;
pub(in crate::drill) use returned::Returned;
use returned::Stop;
use socket::{Role, Socket, Stream};
use tally::Tally;

use super::script::Call;
use super::shell::Sysctls;
use super::{Personality, Profile};
use crate::drill::pattern;
use crate::drill::script::Direction;
use crate::host::{ConnId, Event, FiveTuple, Host, HostConfig, LocalAddress, Readiness};
use crate::tcp::Tcb;
use crate::{Instant, State};

/// Which IP the packets are of, and which the sockets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::drill) enum IpMode {
    /// IPv4, and `AF_INET`.
    #[default]
    V4,
    /// IPv4, and `AF_INET6` with IPv4-mapped addresses.
    MappedV6,
    /// IPv6, and `AF_INET6`.
    V6,
}

/// Where the two ends are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::drill) struct Addresses {
    /// The version of IP.
    pub(in crate::drill) ip: IpMode,
    /// The address of the stack under test, as it stands in packets.
    pub(in crate::drill) local: IpAddr,
    /// Bits of its network's prefix.
    pub(in crate::drill) prefix_len: u8,
    /// The peer's address.
    pub(in crate::drill) remote: IpAddr,
    /// Octets of the largest packet.
    pub(in crate::drill) mtu: u16,
    /// The port that `bind(…, ..., ...)` takes.
    pub(in crate::drill) bind_port: u16,
    /// The port that `connect(…, ..., ...)` calls.
    pub(in crate::drill) connect_port: u16,
}

/// Why a call gave no result that could be compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::drill) enum CallFailure {
    /// Something in it cannot be done here; what that is.
    Unsupported(String),
    /// It went wrong in a way of its own: octets that were read are not those that were sent, say.
    Failed(String),
}

pub(super) fn unsupported(what: impl Into<String>) -> CallFailure {
    CallFailure::Unsupported(what.into())
}

/// Something that cannot be done here; what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::drill) struct Unsupported(pub(in crate::drill) String);

/// How far a call has come.
#[derive(Clone, Debug)]
pub(in crate::drill) enum Progress {
    /// It has returned.
    Returned(Returned),
    /// It waits.
    Blocked(Blocked),
}

/// A call that waits.
#[derive(Clone, Debug)]
pub(in crate::drill) struct Blocked {
    op: Op,
    until: Option<Instant>,
}

impl Blocked {
    /// When it returns in any case.
    pub(in crate::drill) const fn deadline(&self) -> Option<Instant> {
        self.until
    }
}

/// A call that may have to wait, with what it has done so far.
#[derive(Clone, Debug)]
enum Op {
    Accept(open::Accept),
    Connect(connect::Connect),
    Read(read::Read),
    Write(write::Write),
    Close(end::Close),
    Receive(datagram::Receive),
    Send(datagram::Send),
    Poll(ready::Poll),
    EpollWait(epoll::Wait),
}

/// Whether a call may wait, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Patience {
    /// It returns at once.
    None,
    /// Until then; without end if there is no time.
    Until(Option<Instant>),
}

/// Descriptors and what they stand for, over a host.
#[derive(Clone, Debug)]
pub(in crate::drill) struct Kernel {
    /// The host.
    pub(in crate::drill) host: Host,
    profile: Profile,
    sysctls: Sysctls,
    at: Addresses,
    sockets: BTreeMap<i64, Socket>,
    epolls: BTreeMap<i64, Epoll>,
    /// The connection that was connected or accepted last, under which number, and between which sockets.
    subject: Option<(i64, ConnId, FiveTuple)>,
    bound: Option<SocketAddr>,
    /// Whom a datagram socket was connected to last, until somebody asks.
    called: Option<(SocketAddr, SocketAddr)>,
    /// What ICMP had reported when the host was last looked at.
    reports: Reports,
    tallies: BTreeMap<(SocketAddr, SocketAddr), Tally>,
    /// Ends of connections whose descriptor was closed.
    gone: Vec<Stream>,
    /// With what datagrams begin for which a call has given text instead of the pattern.
    said: Vec<Vec<u8>>,
}

impl Kernel {
    /// A kernel without a socket.
    pub(in crate::drill) fn new(profile: &Profile, at: Addresses) -> Result<Self, Unsupported> {
        let profile = profile.clone();
        let host = Self::host(&profile, &at)?;
        Ok(Self {
            host,
            profile,
            sysctls: Sysctls::default(),
            at,
            sockets: BTreeMap::new(),
            epolls: BTreeMap::new(),
            subject: None,
            bound: None,
            called: None,
            reports: Reports::default(),
            tallies: BTreeMap::new(),
            gone: Vec::new(),
            said: Vec::new(),
        })
    }

    fn host(profile: &Profile, at: &Addresses) -> Result<Host, Unsupported> {
        let config = Self::host_config(profile, at);
        Host::new(config, [0x5A; 32]).map_err(|error| Unsupported(format!("such a network: {error}")))
    }

    fn host_config(profile: &Profile, at: &Addresses) -> HostConfig {
        let mut config = profile.host.clone();
        config.addresses = alloc::vec![LocalAddress::new(at.local, at.prefix_len)];
        config.mtu = at.mtu;
        config
    }

    const fn personality(&self) -> Personality {
        self.profile.personality
    }

    fn is_linux(&self) -> bool {
        self.personality() == Personality::Linux
    }

    /// Begins a call.
    pub(in crate::drill) fn start(&mut self, now: Instant, call: &Call) -> Result<Progress, CallFailure> {
        self.settle(now);
        let begun = self.dispatch(now, call);
        let progress = match begun {
            Ok(progress) => progress,
            Err(Stop::Errno(errno)) => Progress::Returned(Returned::error(errno)),
            Err(Stop::Failure(failure)) => return Err(failure),
        };
        self.settle(now);
        Ok(progress)
    }

    /// Goes on with a call that waited: something has happened, or its time has come.
    pub(in crate::drill) fn resume(
        &mut self,
        now: Instant,
        blocked: &mut Blocked,
    ) -> Result<Progress, CallFailure> {
        self.settle(now);
        let last = blocked.until.is_some_and(|until| now >= until);
        let progress = match self.attempt(now, &mut blocked.op, last) {
            Ok(Some(returned)) => Progress::Returned(returned),
            Ok(None) => Progress::Blocked(blocked.clone()),
            Err(Stop::Errno(errno)) => Progress::Returned(Returned::error(errno)),
            Err(Stop::Failure(failure)) => return Err(failure),
        };
        self.settle(now);
        Ok(progress)
    }

    fn dispatch(&mut self, now: Instant, call: &Call) -> Result<Progress, Stop> {
        let returned = match call.name.as_str() {
            "socket" => self.socket(call)?,
            "bind" => self.bind(now, call)?,
            "listen" => self.listen(now, call)?,
            "accept" | "accept4" => return self.accept(now, call),
            "connect" => return self.connect(now, call),
            "read" | "recv" | "recvfrom" | "recvmsg" | "readv" => return self.read(now, call),
            "write" | "send" | "sendto" | "sendmsg" | "writev" => return self.write(now, call),
            "close" => return self.close(now, call),
            "shutdown" => self.shutdown(now, call)?,
            "poll" => return self.poll(now, call),
            "epoll_create" | "epoll_create1" if self.is_linux() => self.epoll_create(call)?,
            "epoll_ctl" if self.is_linux() => self.epoll_ctl(call)?,
            "epoll_wait" if self.is_linux() => return self.epoll_wait(now, call),
            "fcntl" => self.fcntl(call)?,
            "ioctl" => self.ioctl(now, call)?,
            "setsockopt" => self.setsockopt(now, call)?,
            "getsockopt" => self.getsockopt(now, call)?,
            "getsockname" => self.getsockname(call)?,
            "getpeername" => self.getpeername(call)?,
            other => return Err(unsupported(format!("the call {other}")).into()),
        };
        Ok(Progress::Returned(returned))
    }

    /// Tries a call that may wait; if it has to, it is left as it is.
    fn begin(&mut self, now: Instant, mut op: Op, patience: Patience) -> Result<Progress, Stop> {
        let (last, until) = match patience {
            Patience::None => (true, None),
            Patience::Until(until) => (until.is_some_and(|until| now >= until), until),
        };
        let returned = self.attempt(now, &mut op, last)?;
        Ok(returned.map_or(Progress::Blocked(Blocked { op, until }), Progress::Returned))
    }

    /// Tries a call; `None` if it has to wait. On the `last` try it does not.
    fn attempt(&mut self, now: Instant, op: &mut Op, last: bool) -> Result<Option<Returned>, Stop> {
        match op {
            Op::Accept(accept) => self.try_accept(now, accept, last),
            Op::Connect(connect) => self.try_connect(now, connect, last),
            Op::Read(read) => self.try_read(now, read, last),
            Op::Write(write) => self.try_write(now, write, last),
            Op::Close(close) => self.try_close(now, close, last),
            Op::Receive(receive) => self.try_receive(receive, last),
            Op::Send(send) => self.try_send(now, send, last),
            Op::Poll(poll) => self.try_poll(now, poll, last),
            Op::EpollWait(wait) => self.try_epoll_wait(now, wait, last),
        }
    }

    fn args<'a>(
        &self,
        call: &'a Call,
        counts: core::ops::RangeInclusive<usize>,
    ) -> Result<Args<'a>, CallFailure> {
        Args::new(call, self.personality(), counts)
    }

    /// Runs a shell line of a script.
    pub(in crate::drill) fn shell(&mut self, now: Instant, line: &str) -> Result<ShellOutcome, Unsupported> {
        super::shell::run(self, now, line)
    }

    /// The profile as sysctls have left it.
    pub(in crate::drill) const fn profile(&self) -> &Profile {
        &self.profile
    }

    /// The sysctls that are about sockets.
    pub(in crate::drill) const fn sysctls(&self) -> &Sysctls {
        &self.sysctls
    }

    /// Sysctls were set: what is made from now on is as they say, and so is what there is, as far as that can be changed.
    pub(in crate::drill) fn reconfigure(
        &mut self,
        now: Instant,
        profile: Profile,
        sysctls: Sysctls,
    ) -> Result<(), Unsupported> {
        if profile == self.profile && sysctls == self.sysctls {
            return Ok(());
        }
        let pristine = self.host.is_empty()
            && self.host.listeners().next().is_none()
            && self.host.rows().next().is_none()
            && self.host.udp_ids().next().is_none();
        if pristine {
            self.host = Self::host(&profile, &self.at)?;
        } else {
            let config = Self::host_config(&profile, &self.at);
            let fixed = |error| Unsupported(format!("a sysctl once there are connections: {error}"));
            self.host.set_config(&config).map_err(fixed)?;
        }
        (self.profile, self.sysctls) = (profile, sysctls);
        let fds: Vec<i64> = self.sockets.keys().copied().collect();
        for fd in fds {
            self.reshape(now, fd)?;
        }
        Ok(())
    }

    /// Where somebody listens.
    pub(in crate::drill) fn listening(&self) -> Vec<SocketAddr> {
        let listeners = self.sockets.values().filter(|socket| socket.listener().is_some());
        listeners.filter_map(|socket| socket.bound).collect()
    }

    /// FreeBSD's `tcpdrop`: connections in such a state are no more; those that live are reset.
    pub(in crate::drill) fn drop_connections(&mut self, now: Instant, which: impl Fn(State) -> bool) {
        if which(State::TimeWait) {
            self.host.forget_time_wait(|_| true);
        }
        let ids: Vec<ConnId> = self.host.ids().collect();
        for id in ids {
            let Some(mut connection) = self.host.connection(id) else { continue };
            let state = connection.state();
            if state == State::Closed || state == State::TimeWait || !which(state) {
                continue;
            }
            // It is open.
            let _ = connection.abort(now);
            let owner =
                self.sockets.values_mut().find(|socket| socket.stream().is_some_and(|own| own.id == id));
            if let Some(socket) = owner {
                socket.error = Some(Errno::ECONNABORTED);
            }
        }
        self.settle(now);
    }

    /// Takes what the host has to tell.
    pub(in crate::drill) fn settle(&mut self, now: Instant) {
        let reports = Reports::of(&self.host);
        let report = core::mem::replace(&mut self.reports, reports).news(&reports);
        while let Some(event) = self.host.poll_event() {
            if let (Event::Connection { id, ready, .. }, Some(report)) = (event, report)
                && ready.contains(Readiness::TROUBLE)
            {
                self.note_trouble(id, report);
            }
        }
        let personality = self.personality();
        for socket in self.sockets.values_mut() {
            socket.notice(&self.host, personality, report);
            socket.note_urgent(&self.host);
            let id = socket.stream().map(|stream| stream.id);
            let room = id.and_then(|id| self.host.connection(id)).is_some_and(|own| own.is_writable());
            if let Some(stream) = socket.stream_mut() {
                stream.room_again += u64::from(room && !stream.has_room);
                stream.has_room = room;
            }
        }
        self.settle_datagrams();
        if personality == Personality::FreeBsd {
            let shut = self.sockets.values().filter_map(Socket::stream).filter(|stream| stream.shut_read);
            let ids: Vec<_> = shut.map(|stream| stream.id).collect();
            ids.into_iter().for_each(|id| self.discard(now, id));
        }
    }

    /// When the kernel has something to do by itself, beside what the host has.
    pub(in crate::drill) const fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    /// Serves what is due, the host's deadlines included.
    pub(in crate::drill) fn handle_timeout(&mut self, now: Instant) {
        self.host.handle_timeout(now);
        self.settle(now);
    }

    /// Where the script has bound a socket last: an address of packets.
    pub(in crate::drill) const fn bound(&self) -> Option<SocketAddr> {
        self.bound
    }

    /// The two sockets of the connection that was connected or accepted last.
    #[cfg(test)]
    pub(in crate::drill) fn under_test(&self) -> Option<FiveTuple> {
        self.subject.map(|(_, _, tuple)| tuple)
    }

    /// The octet that a call chose for that place of what goes out on that connection; `None` if it is the pattern's.
    pub(in crate::drill) fn sent_octet(&self, tuple: &FiveTuple, place: u64) -> Option<u8> {
        let streams = self.sockets.values().filter_map(Socket::stream).chain(&self.gone);
        streams.filter(|stream| stream.tuple == *tuple).find_map(|stream| stream.chosen(place))
    }

    /// The first octet of a datagram that no call has sent, if there is one: after what was given as text each has the
    /// pattern.
    pub(in crate::drill) fn unsent_octet(&self, datagram: &[u8]) -> Option<usize> {
        let unlike = |text: &[u8]| {
            let rest = datagram.get(text.len()..).unwrap_or_default();
            let differs = pattern::first_difference(Direction::Out, text.len() as u64, rest);
            differs.map(|at| text.len() + at)
        };
        let said = || self.said.iter().filter(|text| datagram.starts_with(text));
        unlike(&[]).filter(|_| said().all(|text| unlike(text).is_some()))
    }

    fn sock(&mut self, fd: i64) -> Result<&mut Socket, Errno> {
        let missing = if self.epolls.contains_key(&fd) { Errno::ENOTSOCK } else { Errno::EBADF };
        self.sockets.get_mut(&fd).ok_or(missing)
    }

    fn stream(&self, fd: i64) -> Option<&Stream> {
        self.sockets.get(&fd)?.stream()
    }

    fn machine(&self, fd: i64) -> Option<&Tcb> {
        self.host.machine(self.stream(fd)?.id)
    }

    /// The connection of that descriptor is the one that the script speaks of from now on.
    fn set_subject(&mut self, fd: i64) {
        if let Some(Role::Stream(stream)) = self.sockets.get(&fd).map(|socket| &socket.role) {
            self.subject = Some((fd, stream.id, stream.tuple));
        }
    }
}

#[cfg(test)]
pub(in crate::drill) mod testing;
#[cfg(test)]
mod tests;
