//! A socket: what it is at the moment, and what a script has chosen for it.

use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};

use super::datagram::Datagram;
use super::network::Report;
use super::options::Settings;
use super::{Errno, IpMode};
use crate::State;
use crate::drill::Personality;
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
    /// It is for datagrams.
    Datagram(Datagram),
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
    /// What the network has reported, which need not be the end.
    pub(super) soft: Option<Errno>,
    /// Octets that were acknowledged when it was last looked at.
    acked: u64,
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
            soft: None,
            acked: 0,
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

    /// Neither connected, nor listening, nor of any port yet.
    pub(super) fn is_fresh(&self) -> bool {
        match self.role {
            Role::Datagram(_) => self.bound.is_none(),
            _ => matches!(self.role, Role::Fresh),
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

    /// The error that is told next. On Linux, who asks hears of what need not be the end too.
    pub(super) fn take_error(&mut self, linux: bool) -> Option<Errno> {
        let soft = if linux { self.stream_mut().and_then(|stream| stream.soft.take()) } else { None };
        self.error.take().or(soft)
    }

    /// Notices that the connection is over, and how; `report` is what the network has just said.
    pub(super) fn notice(&mut self, host: &Host, personality: Personality, report: Option<Report>) {
        let Role::Stream(stream) = &mut self.role else { return };
        if stream.ended {
            return;
        }
        let machine = host.machine(stream.id);
        // What was reported about octets that have arrived since was not so.
        let acked = machine.map_or(0, Tcb::acked_to);
        if acked > stream.acked {
            (stream.acked, stream.soft) = (acked, None);
        }
        if standing(machine, stream.connecting) != Standing::Over {
            return;
        }
        stream.ended = true;
        let Some((machine, reason)) = machine.and_then(|own| Some((own, own.close_reason()?))) else {
            return;
        };
        let v6 = stream.tuple.remote_ip().is_ipv6();
        let linux = personality == Personality::Linux;
        let errno = match reason {
            // A SYN of the peer had come: the connection was half-open on both sides.
            CloseReason::Refused if linux && machine.rcv_nxt() != machine.irs() => Errno::ECONNRESET,
            CloseReason::Refused => Errno::ECONNREFUSED,
            // Linux calls a reset behind a FIN a broken pipe.
            CloseReason::Reset if linux && machine.peer_has_closed() => Errno::EPIPE,
            CloseReason::Reset => Errno::ECONNRESET,
            CloseReason::RetransmissionsExhausted
            | CloseReason::UserTimeout
            | CloseReason::KeepaliveTimeout => stream.soft.unwrap_or(Errno::ETIMEDOUT),
            CloseReason::Unreachable(code) => {
                report.unwrap_or(Report::Unreachable).errno(code, v6, personality)
            }
            _ => return,
        };
        self.error = Some(errno);
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
