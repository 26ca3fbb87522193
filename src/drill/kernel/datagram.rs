//! Sockets for datagrams: UDP (RFC 768, RFC 1122 §4.1).
//!
//! The host's socket is made when it gets its port: by `bind`, `connect`, or the first datagram that is sent.

mod transfer;

use core::net::{IpAddr, SocketAddr};

use super::args::Address;
use super::network::Report;
use super::open::is_too_short;
use super::ready::{ERR, HUP, IN, OUT, RDHUP, RDHUP_FREEBSD, RDNORM, WRNORM};
use super::returned::{Returned, Stop};
use super::socket::{Domain, Role, Socket};
use super::{CallFailure, Errno, Kernel, unsupported};
use crate::drill::Personality;
use crate::drill::script::Call;
use crate::host::{UdpBind, UdpBindError, UdpConnectError, UdpDatagram, UdpId, UdpNetworkError, UdpOptions};
pub(super) use transfer::{Receive, Send};

/// Linux' `POLLWRBAND`.
const WRBAND: i64 = 0x200;

/// What a socket for datagrams is at the moment.
#[derive(Clone, Debug, Default)]
pub(super) struct Datagram {
    /// The host's socket, once it has a port.
    id: Option<UdpId>,
    /// `bind` has named the port.
    named: bool,
    /// The datagram that is read next: it was looked at.
    head: Option<UdpDatagram>,
    /// Datagrams that were read.
    read: u64,
    shut_read: bool,
    shut_write: bool,
}

impl Socket {
    pub(super) const fn datagram(&self) -> Option<&Datagram> {
        match &self.role {
            Role::Datagram(datagram) => Some(datagram),
            _ => None,
        }
    }

    const fn datagram_mut(&mut self) -> Option<&mut Datagram> {
        match &mut self.role {
            Role::Datagram(datagram) => Some(datagram),
            _ => None,
        }
    }
}

impl Kernel {
    pub(super) fn is_datagram(&self, fd: i64) -> bool {
        self.sockets.get(&fd).is_some_and(|socket| socket.datagram().is_some())
    }

    fn datagram_id(&self, fd: i64) -> Option<UdpId> {
        self.sockets.get(&fd)?.datagram()?.id
    }

    /// Our own end and the peer, if there is one: addresses of packets.
    fn datagram_ends(&mut self, fd: i64) -> (Option<SocketAddr>, Option<SocketAddr>) {
        let Some(id) = self.datagram_id(fd) else { return (None, None) };
        let Some(own) = self.host.udp(id) else { return (None, None) };
        let bound = own.bound().and_then(|bound| match bound {
            UdpBind::Socket(local) => Some(local),
            UdpBind::Port(port) => Some(SocketAddr::new(IpAddr::from([0_u16; 8]), port)),
            UdpBind::Everything => None,
        });
        (own.local().or(bound), own.remote())
    }

    /// Makes the host's socket. A socket of IPv6 for any address has both versions, unless it wants none of that.
    fn open_datagram(&mut self, fd: i64, at: SocketAddr, named: bool) -> Result<(), Stop> {
        // Whether a broadcast is meant is looked at with each datagram, and who asked for reports with each report.
        let options = UdpOptions {
            hop_limit: self.profile.host.hop_limit,
            broadcast: true,
            report_errors: true,
            ..UdpOptions::default()
        };
        let only_v6 = self.sock(fd)?.settings.is_on("IPV6_V6ONLY");
        let bind = match at.ip() {
            IpAddr::V6(ip) if ip.is_unspecified() && !only_v6 => UdpBind::Port(at.port()),
            _ => UdpBind::Socket(at),
        };
        let id = self.host.udp_bind(bind, options).map_err(|error| match error {
            UdpBindError::InUse(_) => Stop::from(Errno::EADDRINUSE),
            UdpBindError::NoPort => Errno::EAGAIN.into(),
            UdpBindError::Address(_) => Errno::EADDRNOTAVAIL.into(),
            UdpBindError::TooMany(_) => Errno::ENOBUFS.into(),
            other => unsupported(alloc::format!("a datagram socket: {other}")).into(),
        })?;
        if let Some(datagram) = self.sock(fd)?.datagram_mut() {
            (datagram.id, datagram.named) = (Some(id), named);
        }
        let (local, _) = self.datagram_ends(fd);
        self.sock(fd)?.bound = local;
        Ok(())
    }

    /// A socket without a port gets one.
    fn name_datagram(&mut self, fd: i64) -> Result<UdpId, Stop> {
        if self.datagram_id(fd).is_none() {
            let any = match self.sock(fd)?.domain {
                Domain::V4 => IpAddr::from([0; 4]),
                Domain::V6 => IpAddr::from([0_u16; 8]),
            };
            self.open_datagram(fd, SocketAddr::new(any, 0), false)?;
        }
        self.datagram_id(fd).ok_or_else(|| Errno::ENOBUFS.into())
    }

    pub(super) fn bind_datagram(&mut self, fd: i64, at: SocketAddr) -> Result<Returned, Stop> {
        if self.datagram_id(fd).is_some() {
            return Err(Errno::EINVAL.into());
        }
        if at.port() != 0 {
            self.check_port(fd, at)?;
        }
        self.open_datagram(fd, at, true)?;
        self.bound = self.sock(fd)?.bound;
        Ok(Returned::value(0))
    }

    /// Whether another socket has the port. Which of two that share one gets a datagram is not told here.
    fn check_port(&self, fd: i64, at: SocketAddr) -> Result<(), Stop> {
        let Some(own) = self.sockets.get(&fd) else { return Ok(()) };
        let any = |ip: IpAddr| ip.is_unspecified();
        for other in self.sockets.values().filter(|other| other.datagram().is_some()) {
            let Some(bound) = other.bound.filter(|bound| bound.port() == at.port()) else { continue };
            if bound.ip() != at.ip() && !any(bound.ip()) && !any(at.ip()) {
                continue;
            }
            let agree = ["SO_REUSEADDR", "SO_REUSEPORT"];
            if agree.iter().any(|name| own.settings.is_on(name) && other.settings.is_on(name)) {
                return Err(unsupported("a port that two datagram sockets share").into());
            }
            return Err(Errno::EADDRINUSE.into());
        }
        Ok(())
    }

    pub(super) fn connect_datagram(&mut self, call: &Call) -> Result<Returned, Stop> {
        let args = self.args(call, 3..=3)?;
        let (fd, address) = (args.fd(0)?, args.address(1)?);
        let linux = self.is_linux();
        let domain = self.sock(fd)?.domain;
        if address == Address::Unspecified {
            self.disconnect_datagram(fd)?;
            return if linux { Ok(Returned::value(0)) } else { Err(Errno::EAFNOSUPPORT.into()) };
        }
        if is_too_short(&args, domain)? {
            return Err(Errno::EINVAL.into());
        }
        let own = SocketAddr::new(self.at.remote, self.at.connect_port);
        let remote = self.address(domain, address, own)?;
        self.check_destination(fd, remote)?;
        if linux && remote.port() == 0 {
            return Err(unsupported("connect of a datagram socket to port 0").into());
        }
        let id = self.name_datagram(fd)?;
        let Some(mut socket) = self.host.udp(id) else { return Err(Errno::ENOBUFS.into()) };
        socket.connect(remote).map_err(|error| match error {
            UdpConnectError::InUse(_) => Errno::EADDRINUSE,
            UdpConnectError::Destination(_) => Errno::EADDRNOTAVAIL,
            _ => Errno::ENETUNREACH,
        })?;
        if let (Some(local), Some(remote)) = self.datagram_ends(fd) {
            self.called = Some((local, remote));
        }
        Ok(Returned::value(0))
    }

    /// Addresses that a datagram socket does not send to, or not without being told that it is meant.
    fn check_destination(&mut self, fd: i64, to: SocketAddr) -> Result<(), Stop> {
        let broadcast = to.ip() == IpAddr::from([255; 4]);
        if broadcast && !self.sock(fd)?.settings.is_on("SO_BROADCAST") {
            return Err(Errno::EACCES.into());
        }
        if to.ip().is_unspecified() {
            return Err(unsupported("a datagram to no address").into());
        }
        Ok(())
    }

    /// The socket is for everybody again; a port that nobody has named is given back.
    fn disconnect_datagram(&mut self, fd: i64) -> Result<(), Stop> {
        let Some(id) = self.datagram_id(fd) else { return Ok(()) };
        let Some(mut own) = self.host.udp(id) else { return Ok(()) };
        let waiting = own.waiting() != (0, 0);
        if own.remote().is_none() {
            return Ok(());
        }
        // It was connected.
        let _ = own.disconnect();
        self.called = None;
        let socket = self.sock(fd)?;
        let Some(datagram) = socket.datagram_mut() else { return Ok(()) };
        if !datagram.named && !waiting && datagram.head.is_none() {
            datagram.id = None;
            socket.bound = None;
            self.host.udp_close(id);
        }
        Ok(())
    }

    pub(super) fn close_datagram(&mut self, datagram: &Datagram) {
        if let Some(id) = datagram.id {
            self.host.udp_close(id);
        }
    }

    /// Both systems mark the halves as shut, and say all the same that there is no peer.
    pub(super) fn shut_datagram(&mut self, fd: i64, reads: bool, writes: bool) -> Result<Returned, Stop> {
        let (_, peer) = self.datagram_ends(fd);
        if let Some(datagram) = self.sock(fd)?.datagram_mut() {
            datagram.shut_read |= reads;
            datagram.shut_write |= writes;
        }
        self.discard_datagrams(fd);
        peer.map(|_| Returned::value(0)).ok_or_else(|| Errno::ENOTCONN.into())
    }

    /// FreeBSD keeps nothing for who does not read any more.
    fn discard_datagrams(&mut self, fd: i64) {
        let linux = self.is_linux();
        let shut = self.sockets.get_mut(&fd).and_then(Socket::datagram_mut);
        let Some(datagram) = shut.filter(|datagram| datagram.shut_read && !linux) else { return };
        datagram.head = None;
        let Some(mut own) = datagram.id.and_then(|id| self.host.udp(id)) else { return };
        while let Ok(Some(_)) = own.recv_from() {}
    }

    pub(super) fn datagram_name(&mut self, fd: i64) -> Option<SocketAddr> {
        self.datagram_ends(fd).0
    }

    pub(super) fn datagram_peer(&mut self, fd: i64) -> Option<SocketAddr> {
        self.datagram_ends(fd).1
    }

    /// Whom a datagram socket was connected to last, if nobody has asked that yet.
    pub(in crate::drill) const fn take_called(&mut self) -> Option<(SocketAddr, SocketAddr)> {
        self.called.take()
    }

    /// Takes what the network has reported of the datagrams of each socket.
    pub(super) fn settle_datagrams(&mut self) {
        let personality = self.personality();
        for socket in self.sockets.values_mut() {
            let Some(mut own) = socket.datagram().and_then(|own| own.id).and_then(|id| self.host.udp(id))
            else {
                continue;
            };
            let all = socket.settings.is_on("IP_RECVERR") || socket.settings.is_on("IPV6_RECVERR");
            if let (Some(remote), Some(error)) = (own.remote(), own.take_error()) {
                let (errno, hard) = errno_of(error, remote.is_ipv6(), personality);
                if hard && !(errno == Errno::EMSGSIZE && socket.settings.ignores_path_mtu()) || all {
                    socket.error = Some(errno);
                }
            }
            while let Some(report) = own.next_report() {
                if all {
                    socket.error = Some(errno_of(report.error, report.to.is_ipv6(), personality).0);
                }
            }
        }
        let fds: alloc::vec::Vec<i64> = self.sockets.keys().copied().collect();
        fds.into_iter().for_each(|fd| self.discard_datagrams(fd));
    }

    /// Looks at the datagram that is read next.
    fn pull(&mut self, fd: i64) -> Option<&UdpDatagram> {
        let datagram = self.sockets.get_mut(&fd).and_then(Socket::datagram_mut)?;
        if datagram.head.is_none() {
            // Errors were taken before.
            datagram.head = self.host.udp(datagram.id?).and_then(|mut own| own.recv_from().ok().flatten());
        }
        datagram.head.as_ref()
    }

    /// Octets that `FIONREAD` tells: of the next datagram on Linux, of all on FreeBSD.
    pub(super) fn unread_datagram(&mut self, fd: i64) -> Result<u64, CallFailure> {
        let len = self.pull(fd).map_or(0, |next| next.data.len() as u64);
        let more = self.datagram_id(fd).and_then(|id| self.host.udp(id)).map_or(0, |own| own.waiting().0);
        if more > 0 && !self.is_linux() {
            return Err(unsupported("FIONREAD with several datagrams"));
        }
        Ok(len)
    }

    /// What has happened to the socket so far: datagrams that came, and what was turned off.
    pub(super) fn datagram_happened(&mut self, fd: i64) -> (u64, u8) {
        let any = u64::from(self.pull(fd).is_some());
        let more = self.datagram_id(fd).and_then(|id| self.host.udp(id)).map_or(0, |own| own.waiting().0);
        let Some(socket) = self.sockets.get(&fd) else { return (0, 0) };
        let Some(own) = socket.datagram() else { return (0, 0) };
        let turns = [socket.error.is_some(), own.shut_read, own.shut_write];
        let turned = turns.iter().fold(0, |bits, &turn| bits << 1 | u8::from(turn));
        (own.read + any + more as u64, turned)
    }

    pub(super) fn datagram_bits(&mut self, fd: i64) -> i64 {
        let linux = self.is_linux();
        let any = self.pull(fd).is_some();
        let Some(socket) = self.sockets.get(&fd) else { return 0 };
        let Some(own) = socket.datagram() else { return 0 };
        let (error, reads, writes) = (socket.error.is_some(), own.shut_read, own.shut_write);
        let mut bits = if linux { OUT | WRNORM | WRBAND } else { OUT };
        if any || reads || error && !linux {
            bits |= IN | RDNORM;
        }
        if reads {
            bits |= if linux { RDHUP } else { RDHUP_FREEBSD };
        }
        if error && linux {
            bits |= ERR;
        }
        if reads && writes {
            bits |= HUP;
            bits &= if linux { !0 } else { !OUT };
        }
        bits
    }
}

/// The error that stands for a report, and whether Linux tells of it unasked: what may pass, it does not tell
/// (RFC 1122 §4.1.3.3).
fn errno_of(error: UdpNetworkError, v6: bool, personality: Personality) -> (Errno, bool) {
    let linux = personality == Personality::Linux;
    match error {
        UdpNetworkError::Refused => (Errno::ECONNREFUSED, true),
        UdpNetworkError::Unreachable(code) => {
            let passes = if v6 { matches!(code, 0 | 2 | 3) } else { matches!(code, 0 | 1 | 5 | 11 | 12) };
            (Report::Unreachable.errno(code, v6, personality), !linux || !passes)
        }
        UdpNetworkError::TimeExceeded(code) => (Report::Exceeded.errno(code, v6, personality), !linux),
        UdpNetworkError::Parameter(code) => (Report::Problem.errno(code, v6, personality), true),
        UdpNetworkError::TooBig(_) => (Errno::EMSGSIZE, true),
    }
}

#[cfg(test)]
mod tests;
