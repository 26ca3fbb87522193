//! What is counted.

use core::fmt;

/// Why a datagram that came was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum UdpDrop {
    /// Shorter than a header, or with a length that is less than a header or more than the packet has.
    Length,
    /// The checksum is wrong.
    Checksum,
    /// No checksum over IPv6, at a socket that does not take that (RFC 8200 §8.1).
    ZeroChecksum,
    /// For port 0.
    Port,
    /// From an address that is nobody's (RFC 1122 §4.1.3.6), or, where it would begin a flow, from one that cannot
    /// be answered.
    Source,
    /// The socket's queue is full of datagrams.
    QueueFull,
    /// The socket, its flows, or all sockets together hold as much memory as they may.
    MemoryFull,
    /// There are as many flows as may be, and none to make room.
    Flows,
}

impl UdpDrop {
    /// Every reason.
    pub const ALL: [Self; 8] = [
        Self::Length,
        Self::Checksum,
        Self::ZeroChecksum,
        Self::Port,
        Self::Source,
        Self::QueueFull,
        Self::MemoryFull,
        Self::Flows,
    ];

    /// The reason as a word for counters: `queue_full`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Length => "length",
            Self::Checksum => "checksum",
            Self::ZeroChecksum => "zero_checksum",
            Self::Port => "port",
            Self::Source => "source",
            Self::QueueFull => "queue_full",
            Self::MemoryFull => "memory_full",
            Self::Flows => "flows",
        }
    }
}

impl fmt::Display for UdpDrop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What happened to UDP so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct UdpStats {
    /// Datagrams that came: each is counted in one of the next three as well.
    pub received: u64,
    /// Those that were queued for a user.
    pub delivered: u64,
    /// Those that nobody wanted.
    pub no_socket: u64,
    /// Those that were dropped, by reason, in the order of [`UdpDrop::ALL`].
    pub dropped: [u64; UdpDrop::ALL.len()],
    /// Datagrams that were queued to be sent.
    pub queued: u64,
    /// Those that became packets.
    pub sent: u64,
    /// Those that were queued and never sent: the flow ended, or the path became too small for what must not be cut
    /// up.
    pub discarded: u64,
    /// Datagrams that had come and that nobody read: their socket was closed, or their flow ended.
    pub unread: u64,
    /// Times that a queue had no room for a datagram to send.
    pub would_block: u64,
    /// Flows that began.
    pub flows: u64,
    /// Flows that were idle too long.
    pub flows_idle: u64,
    /// Flows that made room for others.
    pub flows_evicted: u64,
    /// Errors from the network that were passed on to a user.
    pub errors: u64,
    /// Errors from the network that concern nobody, or that nobody asked for.
    pub errors_ignored: u64,
}

impl UdpStats {
    /// Datagrams that were dropped for this reason.
    #[must_use]
    pub fn dropped_for(&self, reason: UdpDrop) -> u64 {
        self.dropped.get(reason as usize).copied().unwrap_or(0)
    }

    pub(super) fn drop(&mut self, reason: UdpDrop) {
        if let Some(count) = self.dropped.get_mut(reason as usize) {
            *count += 1;
        }
    }
}
