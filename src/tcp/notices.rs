//! What the machine tells its user: which transitions happened, and what changed beside them.

use core::fmt;

use super::state::{Event, State};

/// What one call changed that a user would want to know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Notices {
    /// The transitions, in the order in which they happened.
    pub transitions: Transitions,
    /// The handshake is done: data flows.
    pub connected: bool,
    /// Octets became readable.
    pub readable: bool,
    /// Octets of the send stream were acknowledged, so that the buffer has room again.
    pub writable: bool,
    /// The peer has sent its FIN, and everything before it has arrived: "connection closing"
    /// (RFC 9293 §3.10.7.4, eighth check).
    pub peer_closed: bool,
    /// Our FIN was acknowledged: everything that was sent has arrived.
    pub close_acknowledged: bool,
    /// The urgent pointer appeared or moved ahead (RFC 9293 MUST-32).
    pub urgent: bool,
    /// R1 was reached: delivery is in trouble, and the network layer may look for another route (§3.8.3).
    pub retransmitting: bool,
    /// An error that need not be the end, as an ICMP message told it (§3.9.2.2, SHLD-25). Who does not care does not
    /// look (SHLD-20).
    pub soft_error: Option<u8>,
    /// The connection is over. A connection that went back to LISTEN is not.
    pub closed: Option<CloseReason>,
}

impl Notices {
    /// Whether there is nothing to tell.
    #[must_use]
    #[inline]
    pub fn is_empty(&self) -> bool {
        // All at once: this is asked for every segment.
        let any = self.connected
            | self.readable
            | self.writable
            | self.peer_closed
            | self.close_acknowledged
            | self.urgent
            | self.retransmitting
            | self.soft_error.is_some()
            | self.closed.is_some();
        debug_assert!((!any && self.transitions.is_empty()) == (*self == Self::default()), "{self:?}");
        !any && self.transitions.is_empty()
    }
}

/// Up to four transitions of one call, in order. One segment brings three at the most (ACK of FIN, FIN, …).
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Transitions {
    list: [Option<(Event, State)>; Self::MAX],
}

impl Transitions {
    const MAX: usize = 4;

    pub(super) fn push(&mut self, event: Event, to: State) {
        let free = self.list.iter_mut().find(|place| place.is_none());
        debug_assert!(free.is_some(), "more transitions in one call than there is room for");
        if let Some(place) = free {
            *place = Some((event, to));
        }
    }

    /// Notes what happened before all others.
    pub(crate) fn prepend(&mut self, event: Event, to: State) {
        debug_assert!(self.list.last().is_none_or(Option::is_none), "there is room for one more");
        self.list.rotate_right(1);
        if let Some(first) = self.list.first_mut() {
            *first = Some((event, to));
        }
    }

    /// What happened, and the state after it.
    pub fn iter(&self) -> impl Iterator<Item = (Event, State)> {
        self.list.into_iter().map_while(|step| step)
    }

    /// Whether no transition happened.
    #[must_use]
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.list.first().is_none_or(Option::is_none)
    }
}

impl fmt::Debug for Transitions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// How a connection ended (RFC 9293 MUST-12: the user learns whether it was closed or aborted).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum CloseReason {
    /// Both sides said FIN, and both FINs were acknowledged.
    Closed,
    /// Closed by the user before there was a connection (from LISTEN or SYN-SENT).
    Deleted,
    /// The peer refused our SYN with a reset.
    Refused,
    /// The peer reset the connection.
    Reset,
    /// The user aborted.
    Aborted,
    /// The user closed with unread data, or data came after the close: the peer was sent a reset
    /// (RFC 9293 §3.6.1, SHLD-3).
    Discarded,
    /// Retransmissions reached R2 without an answer (§3.8.3).
    RetransmissionsExhausted,
    /// The user timeout passed (§3.10.8).
    UserTimeout,
    /// No keep-alive probe was answered (§3.8.4).
    KeepaliveTimeout,
    /// FIN-WAIT-2 lasted too long after the user had let go.
    FinWait2Timeout,
    /// The network says that the peer cannot be reached; the code of the ICMP message (§3.9.2.2).
    Unreachable(u8),
}

impl CloseReason {
    /// The reason as a word: `retransmissions_exhausted`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Deleted => "deleted",
            Self::Refused => "refused",
            Self::Reset => "reset",
            Self::Aborted => "aborted",
            Self::Discarded => "discarded",
            Self::RetransmissionsExhausted => "retransmissions_exhausted",
            Self::UserTimeout => "user_timeout",
            Self::KeepaliveTimeout => "keepalive_timeout",
            Self::FinWait2Timeout => "fin_wait_2_timeout",
            Self::Unreachable(_) => "unreachable",
        }
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
