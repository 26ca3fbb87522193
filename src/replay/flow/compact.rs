//! Small forms of things that every flow has several of: there are many flows.

use crate::time::Instant;
use core::net::{IpAddr, SocketAddr};
use core::num::NonZeroU64;

/// A moment, or none, in eight octets: there are many flows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Stamp(Option<NonZeroU64>);

impl Stamp {
    pub(super) const NONE: Self = Self(None);

    pub(super) fn at(moment: Instant) -> Self {
        Self(Some(NonZeroU64::MIN.saturating_add(moment.as_nanos())))
    }

    pub(super) const fn is_some(self) -> bool {
        self.0.is_some()
    }

    pub(super) fn get(self) -> Option<Instant> {
        self.0.map(|nanos| Instant::from_nanos(nanos.get() - 1))
    }
}

/// An address and a port, without what IPv6 sockets carry beside: a capture does not know that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Socket {
    address: IpAddr,
    port: u16,
}

impl From<SocketAddr> for Socket {
    fn from(socket: SocketAddr) -> Self {
        Self { address: socket.ip(), port: socket.port() }
    }
}

impl From<Socket> for SocketAddr {
    fn from(socket: Socket) -> Self {
        Self::new(socket.address, socket.port)
    }
}
