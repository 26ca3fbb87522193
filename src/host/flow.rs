//! The row of a connection: its machine and buffers, its name, and what its user is to be told.

use super::FiveTuple;
use super::event::Readiness;
use super::single::frame::Framing;
use crate::connection::Connection;
use crate::tcp::{CloseReason, Notices};
use crate::{Instant, State};

/// What is set on a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Marks(u16);

impl Marks {
    /// It has a place in the queue of events.
    pub(super) const EVENT: u16 = 0x01;
    /// It has a place in the queue of those that have something to send.
    pub(super) const SENDING: u16 = 0x02;
    /// A read answered that there is nothing, or none was tried yet.
    pub(super) const READER_WAITS: u16 = 0x04;
    /// A write took less than it was offered.
    pub(super) const WRITER_WAITS: u16 = 0x08;
    /// Packets find it by its name.
    pub(super) const NAMED: u16 = 0x10;
    /// The user has released it, and it is not over yet.
    pub(super) const ORPHAN: u16 = 0x20;
    /// The user was told that it is over.
    pub(super) const OVER: u16 = 0x40;
    /// It waits in an accept queue: nobody has its id.
    pub(super) const UNACCEPTED: u16 = 0x80;
    /// It is in the list of those that may hold octets out of order.
    pub(super) const DISORDERED: u16 = 0x100;
    /// It is over, and in the list of those that wait to be released.
    pub(super) const ROLLED: u16 = 0x200;
    /// It began with the octets of a SYN, and its handshake is not done.
    pub(super) const EARLY: u16 = 0x400;

    pub(super) const fn has(self, mark: u16) -> bool {
        self.0 & mark != 0
    }

    pub(super) const fn set(&mut self, mark: u16) {
        self.0 |= mark;
    }

    pub(super) const fn clear(&mut self, mark: u16) {
        self.0 &= !mark;
    }

    /// Sets the mark, and says whether it was not set before.
    pub(super) const fn newly(&mut self, mark: u16) -> bool {
        let new = !self.has(mark);
        self.set(mark);
        new
    }

    /// Clears the mark, and says whether it was set.
    pub(super) const fn take(&mut self, mark: u16) -> bool {
        let was = self.has(mark);
        self.clear(mark);
        was
    }
}

/// A connection among others.
#[derive(Clone, Debug)]
pub(super) struct Flow {
    pub(super) connection: Connection,
    pub(super) tuple: FiveTuple,
    /// Not later than the connection's deadline: where the wheel has it. [`Instant::MAX`] if it is not there.
    pub(super) armed: Instant,
    /// Octets of memory that were counted for its buffers.
    pub(super) held: u32,
    pub(super) marks: Marks,
    pending: Readiness,
    /// IPv4's identification of the last packet.
    pub(super) ip_id: u16,
    pub(super) hop_limit: u8,
    /// 0..=63.
    pub(super) dscp: u8,
    /// IPv6's flow label: 20 bits.
    pub(super) flow_label: u32,
    /// The user's mark. Until it is accepted, the listener's id.
    pub(super) tag: u64,
}

impl Flow {
    pub(super) fn new(connection: Connection, tuple: FiveTuple) -> Self {
        Self {
            connection,
            tuple,
            armed: Instant::MAX,
            held: 0,
            marks: Marks(Marks::NAMED | Marks::READER_WAITS),
            pending: Readiness::NONE,
            ip_id: 0,
            hop_limit: 64,
            dscp: 0,
            flow_label: 0,
            tag: 0,
        }
    }

    /// What goes into the headers of its packets.
    #[inline(always)]
    pub(super) fn framing(&self) -> Framing {
        Framing {
            local: self.tuple.local(),
            remote: self.tuple.remote(),
            hop_limit: self.hop_limit,
            dscp: self.dscp,
            id: self.ip_id,
            flow_label: self.flow_label,
            layout: self.connection.tcb().config().option_layout,
        }
    }

    /// Whether nothing will happen on it any more: closed, or in TIME-WAIT.
    #[inline]
    pub(super) fn is_over(&self) -> bool {
        matches!(self.connection.state(), State::Closed | State::TimeWait)
    }

    /// How it ended, if it has.
    pub(super) fn close_reason(&self) -> Option<CloseReason> {
        match self.connection.state() {
            State::TimeWait => Some(CloseReason::Closed),
            _ => self.connection.close_reason(),
        }
    }

    /// Takes from what a call has changed what the user is to be told, and says whether that is anything new.
    #[inline]
    pub(super) fn note(&mut self, notices: &Notices) -> bool {
        self.may_tell(notices) && self.take_note(notices)
    }

    /// Whether there may be something to tell. Most often octets came or went, and nobody waits for that.
    #[inline]
    fn may_tell(&self, notices: &Notices) -> bool {
        let seldom = notices.connected
            | notices.peer_closed
            | notices.close_acknowledged
            | notices.urgent
            | notices.retransmitting
            | notices.soft_error.is_some();
        let waits = notices.readable & self.marks.has(Marks::READER_WAITS)
            | notices.writable & self.marks.has(Marks::WRITER_WAITS);
        seldom | waits | self.is_over()
    }

    fn take_note(&mut self, notices: &Notices) -> bool {
        let mut risen = Readiness::NONE;
        let mut raise = |when: bool, what: Readiness| {
            if when {
                risen |= what;
            }
        };
        raise(notices.connected, Readiness::CONNECTED);
        raise(notices.peer_closed, Readiness::PEER_CLOSED);
        raise(notices.close_acknowledged, Readiness::SENT_ALL);
        raise(notices.urgent, Readiness::URGENT);
        let trouble = notices.retransmitting || notices.soft_error.is_some();
        raise(trouble && self.connection.tcb().config().error_reports, Readiness::TROUBLE);
        let over = self.is_over() && self.marks.newly(Marks::OVER);
        raise(over, Readiness::CLOSED);
        let readable = notices.readable || notices.peer_closed || over;
        raise(readable && self.marks.take(Marks::READER_WAITS), Readiness::READABLE);
        let writable = over || notices.writable && self.connection.send_has_a_third_free();
        raise(writable && self.marks.take(Marks::WRITER_WAITS), Readiness::WRITABLE);
        let new = !risen.is_empty();
        self.pending |= risen;
        new
    }

    /// What the user is not to be told any more.
    pub(super) fn take_back(&mut self, what: Readiness) {
        self.pending = self.pending.without(what);
    }

    /// What the user is to be told now.
    pub(super) fn take_pending(&mut self) -> Readiness {
        core::mem::take(&mut self.pending)
    }

    /// Whether there is something to tell.
    pub(super) const fn has_pending(&self) -> bool {
        !self.pending.is_empty()
    }
}
