//! A socket: what it is at the moment, and what a script has chosen for it.

use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};

use super::options::Settings;
use super::{Errno, IpMode};
use crate::State;
use crate::host::{ConnId, FiveTuple, Host, ListenerId};
use crate::tcp::{CloseReason, Tcb};

/// The address family of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Domain {
    V4,
    V6,
}

/// What a descriptor stands for.
#[derive(Clone, Debug)]
pub(super) struct Socket {
    pub(super) domain: Domain,
    pub(super) nonblocking: bool,
    pub(super) settings: Settings,
    /// An error that no call has told of yet (`sk_err`, `so_error`).
    pub(super) error: Option<Errno>,
    /// Where it is bound: an address of packets.
    pub(super) bound: Option<SocketAddr>,
    pub(super) role: Role,
    /// Connections that were accepted from it.
    pub(super) accepted: u64,
    /// `TCP_FASTOPEN_CONNECT`: whom the first octets that are written call.
    pub(super) deferred: Option<SocketAddr>,
}

/// What a socket is at the moment.
#[derive(Clone, Debug)]
pub(super) enum Role {
    /// Neither connected nor listening.
    Fresh,
    /// It listens.
    Listener(ListenerId),
    /// It is, or was, one end of a connection.
    Stream(Stream),
}

/// One end of a connection.
#[derive(Clone, Debug)]
pub(super) struct Stream {
    pub(super) id: ConnId,
    pub(super) tuple: FiveTuple,
    /// Octets that were written.
    pub(super) sent: u64,
    /// Octets that were read.
    pub(super) read: u64,
    /// `connect` has begun it, and has not told yet that it is there.
    pub(super) connecting: bool,
    /// It is over, and that was noticed.
    pub(super) ended: bool,
    /// `shutdown(SHUT_RD)`.
    pub(super) shut_read: bool,
    /// The urgent octet that has not been read past.
    pub(super) urgent: Option<Urgent>,
    /// There was room to write when it was last looked at, and how often that has come to be so again.
    pub(super) has_room: bool,
    pub(super) room_again: u64,
    /// Octets that a call has chosen itself, by their place.
    chosen: Vec<(u64, Vec<u8>)>,
}

/// An urgent octet of the peer's stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Urgent {
    /// Its place.
    pub(super) at: u64,
    /// It was read out of band.
    pub(super) taken: bool,
}

impl Stream {
    pub(super) const fn new(id: ConnId, tuple: FiveTuple, connecting: bool) -> Self {
        Self {
            id,
            tuple,
            sent: 0,
            read: 0,
            connecting,
            ended: false,
            shut_read: false,
            has_room: false,
            room_again: 0,
            urgent: None,
            chosen: Vec::new(),
        }
    }

    /// The octet that a call has chosen for that place.
    pub(super) fn chosen(&self, place: u64) -> Option<u8> {
        self.chosen.iter().find_map(|(from, octets)| {
            let at = place.checked_sub(*from).and_then(|at| usize::try_from(at).ok())?;
            octets.get(at).copied()
        })
    }

    pub(super) fn choose(&mut self, place: u64, octets: &[u8]) {
        self.chosen.push((place, octets.into()));
    }
}

/// Where the connection of a socket is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Its handshake is not done.
    Opening,
    /// It is there; one half or both may be closed.
    Open,
    /// It is over: closed, or in TIME-WAIT.
    Over,
}

/// The standing of a machine. Whoever was accepted before the end of the handshake (RFC 7413) has a connection.
pub(super) fn standing(machine: Option<&Tcb>, connecting: bool) -> Standing {
    match machine.map(Tcb::state) {
        None | Some(State::Closed | State::TimeWait) => Standing::Over,
        Some(State::SynSent) => Standing::Opening,
        Some(State::SynReceived | State::Listen) if connecting => Standing::Opening,
        Some(_) => Standing::Open,
    }
}

impl Socket {
    pub(super) fn new(domain: Domain) -> Self {
        Self {
            domain,
            nonblocking: false,
            settings: Settings::default(),
            error: None,
            bound: None,
            role: Role::Fresh,
            accepted: 0,
            deferred: None,
        }
    }

    pub(super) const fn stream(&self) -> Option<&Stream> {
        match &self.role {
            Role::Stream(stream) => Some(stream),
            _ => None,
        }
    }

    pub(super) const fn stream_mut(&mut self) -> Option<&mut Stream> {
        match &mut self.role {
            Role::Stream(stream) => Some(stream),
            _ => None,
        }
    }

    pub(super) const fn listener(&self) -> Option<ListenerId> {
        match self.role {
            Role::Listener(id) => Some(id),
            _ => None,
        }
    }

    /// Notices that the connection is over, and how.
    pub(super) fn notice(&mut self, host: &Host, linux: bool) {
        let Role::Stream(stream) = &mut self.role else { return };
        if stream.ended {
            return;
        }
        let machine = host.machine(stream.id);
        if standing(machine, stream.connecting) != Standing::Over {
            return;
        }
        stream.ended = true;
        let reason = machine.and_then(Tcb::close_reason);
        let after_fin = machine.is_some_and(Tcb::peer_has_closed);
        let v6 = stream.tuple.remote_ip().is_ipv6();
        if let Some(errno) = reason.and_then(|reason| errno_of(reason, after_fin && linux, v6)) {
            self.error = Some(errno);
        }
    }
}

/// The error that tells of such an end, if it is one. Linux calls a reset behind a FIN a broken pipe.
fn errno_of(reason: CloseReason, broken: bool, v6: bool) -> Option<Errno> {
    Some(match reason {
        CloseReason::Refused => Errno::ECONNREFUSED,
        CloseReason::Reset if broken => Errno::EPIPE,
        CloseReason::Reset => Errno::ECONNRESET,
        CloseReason::RetransmissionsExhausted | CloseReason::UserTimeout | CloseReason::KeepaliveTimeout => {
            Errno::ETIMEDOUT
        }
        CloseReason::Unreachable(code) => unreachable(code, v6),
        _ => return None,
    })
}

/// The error for a destination that is unreachable for the reason with that code (RFC 792, RFC 1812 §5.2.7.1; RFC 4443
/// §3.1).
pub(super) const fn unreachable(code: u8, v6: bool) -> Errno {
    match (v6, code) {
        (false, 0 | 6 | 9 | 11) => Errno::ENETUNREACH,
        (false, 2) => Errno::ENOPROTOOPT,
        (_, 3) if !v6 => Errno::ECONNREFUSED,
        (false, 4) => Errno::EMSGSIZE,
        (false, 5) => Errno::EOPNOTSUPP,
        (false, 7) => Errno::EHOSTDOWN,
        (true, 0) => Errno::ENETUNREACH,
        (true, 1) | (true, 5 | 6) => Errno::EACCES,
        (true, 4) => Errno::ECONNREFUSED,
        _ => Errno::EHOSTUNREACH,
    }
}

/// The address as it stands in packets.
pub(super) fn on_wire(address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V6(ip) => match ip.to_ipv4_mapped() {
            Some(v4) => SocketAddr::new(v4.into(), address.port()),
            None => address,
        },
        IpAddr::V4(_) => address,
    }
}

/// The address as a socket of that mode sees it.
pub(super) fn as_seen(address: SocketAddr, mode: IpMode) -> SocketAddr {
    match (mode, address.ip()) {
        (IpMode::MappedV6, IpAddr::V4(v4)) => SocketAddr::new(v4.to_ipv6_mapped().into(), address.port()),
        _ => address,
    }
}
