//! What a host tells its user, and when.

use alloc::collections::VecDeque;
use core::fmt;
use core::ops::{BitOr, BitOrAssign};

use super::{ConnId, ListenerId, RequestId, UdpEvent};

/// Something that a user may want to act on; from [`Host::poll_event`](super::Host::poll_event).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Event {
    /// A connection is ready for something.
    Connection {
        /// Which.
        id: ConnId,
        /// What its user has marked it with.
        tag: u64,
        /// For what: everything that has come together since the last event of this connection.
        ready: Readiness,
    },
    /// A connection waits in the accept queue: call [`Host::accept`](super::Host::accept) until it answers `None`.
    Incoming {
        /// Who listens.
        listener: ListenerId,
    },
    /// Somebody calls a listener whose owner decides first ([`ListenConfig::decide`](super::ListenConfig::decide)): see
    /// [`Host::request`](super::Host::request) and [`Host::decide`](super::Host::decide).
    Decide {
        /// Who listens.
        listener: ListenerId,
        /// Who calls.
        request: RequestId,
    },
    /// There is something to tell about a UDP socket, or one of its flows.
    Udp(UdpEvent),
}

/// What a connection is ready for: a set.
///
/// A bit rises when a call that had answered [`Received::Empty`](crate::connection::Received::Empty), or had taken
/// less than it was offered, would now do better. It does not rise again before such an answer was given again: a
/// reader who reads until `Empty` misses nothing and is told once for each time.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Readiness(u16);

impl Readiness {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// The handshake is done.
    pub const CONNECTED: Self = Self(0x01);
    /// `recv` would give octets, or the end of the stream.
    pub const READABLE: Self = Self(0x02);
    /// `send` would take octets: at least a third of the buffer is free.
    pub const WRITABLE: Self = Self(0x04);
    /// The peer has sent its FIN and everything before it has arrived. Sending goes on.
    pub const PEER_CLOSED: Self = Self(0x08);
    /// Everything that was sent, our FIN included, has been acknowledged.
    pub const SENT_ALL: Self = Self(0x10);
    /// There is urgent data, or more of it (RFC 9293 MUST-32).
    pub const URGENT: Self = Self(0x20);
    /// Delivery is in trouble: R1 was reached, or a router reported an error that need not be the end (RFC 9293
    /// §3.8.3, §3.9.2.2).
    pub const TROUBLE: Self = Self(0x40);
    /// The connection is over, or in TIME-WAIT; its close reason says how. What was not read yet can still be read;
    /// then release it.
    pub const CLOSED: Self = Self(0x80);

    const NAMES: [&'static str; 8] =
        ["CONNECTED", "READABLE", "WRITABLE", "PEER_CLOSED", "SENT_ALL", "URGENT", "TROUBLE", "CLOSED"];

    /// Whether all of `other` are set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether any of `other` is set.
    #[must_use]
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether none is set.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The set without `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

impl BitOr for Readiness {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for Readiness {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

impl fmt::Debug for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let set = Self::NAMES.iter().enumerate().filter(|(bit, _)| self.0 >> bit & 1 == 1);
        let mut first = true;
        for (_, name) in set {
            if !first {
                f.write_str(" | ")?;
            }
            f.write_str(name)?;
            first = false;
        }
        if first { f.write_str("NONE") } else { Ok(()) }
    }
}

/// Whose event is next. Each is in here at most once: what has a place does not get another.
#[derive(Clone, Debug, Default)]
pub(super) struct Events {
    queue: VecDeque<Subject>,
    /// Those of them that are connections.
    connections: usize,
}

/// Who has something to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    Connection(ConnId),
    Listener(ListenerId),
}

impl Events {
    pub(super) fn push(&mut self, subject: Subject) {
        self.connections += usize::from(matches!(subject, Subject::Connection(_)));
        self.queue.push_back(subject);
    }

    pub(super) fn pop(&mut self) -> Option<Subject> {
        let subject = self.queue.pop_front();
        self.connections -= usize::from(matches!(subject, Some(Subject::Connection(_))));
        subject
    }

    /// Places that connections have; those of listeners are no more than there are listeners.
    pub(super) const fn connections(&self) -> usize {
        self.connections
    }

    /// Leaves out the connections of which `is_there` says that they are gone.
    pub(super) fn retain(&mut self, is_there: impl Fn(ConnId) -> bool) {
        self.queue.retain(|subject| match subject {
            Subject::Connection(id) => is_there(*id),
            Subject::Listener(_) => true,
        });
        let left = self.queue.iter().filter(|subject| matches!(subject, Subject::Connection(_)));
        self.connections = left.count();
    }

    /// Octets of memory.
    pub(super) fn memory(&self) -> usize {
        self.queue.capacity() * size_of::<Subject>()
    }
}
