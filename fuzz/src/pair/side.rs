//! One end of a connection: what its user has written and read.

use std::net::{IpAddr, SocketAddr};

use tcpstate::State;
use tcpstate::host::ConnId;
use tcpstate::tcp::CloseReason;

/// What a user has done and seen.
#[derive(Clone, Debug)]
pub(super) struct Side {
    /// Of which host.
    pub(super) end: usize,
    /// Its number there.
    pub(super) which: usize,
    pub(super) id: ConnId,
    pub(super) local: SocketAddr,
    pub(super) remote: SocketAddr,
    /// Octets that were taken for sending.
    pub(super) sent: u64,
    /// Octets that were read.
    pub(super) heard: u64,
    /// It has said that there is no more.
    pub(super) has_shut_down: bool,
    /// It has closed, aborted or given back: nothing is promised about its streams any more.
    pub(super) has_let_go: bool,
    pub(super) is_released: bool,
    pub(super) eof: bool,
    /// How it ended, if not by the end of the stream.
    pub(super) broken: Option<CloseReason>,
    /// Its host has opened it twice, or forgot the first: a cookie that was used again (RFC 4987 §3.6), or a SYN with
    /// octets that came again (RFC 7413 §2.1). Nothing is promised about its octets.
    pub(super) is_haunted: bool,
    /// The last read answered that there is nothing, and nobody has said anything else since.
    pub(super) reader_waits: bool,
    /// The last write was short, and nobody has said since that there is room.
    pub(super) writer_waits: bool,
    /// Octets that it is to have sent in the end.
    pub(super) goal: u64,
    /// As it was told of last.
    pub(super) state: Option<State>,
}

impl Side {
    pub(super) fn new(end: usize, which: usize, id: ConnId, local: SocketAddr, remote: SocketAddr) -> Self {
        Self {
            end,
            which,
            id,
            local,
            remote,
            sent: 0,
            heard: 0,
            has_shut_down: false,
            has_let_go: false,
            is_released: false,
            eof: false,
            broken: None,
            is_haunted: false,
            reader_waits: false,
            writer_waits: false,
            goal: 0,
            state: None,
        }
    }

    /// Whether the two may be those of one connection.
    pub(super) fn is_peer_of(&self, other: &Self) -> bool {
        (self.end, self.local, self.remote) == (1 - other.end, other.remote, other.local)
    }

    pub(super) const fn has_heard_all(&self) -> bool {
        self.eof || self.broken.is_some() || self.has_let_go
    }

    /// What it writes next, so many octets.
    pub(super) fn writes(&self, len: usize) -> Vec<u8> {
        let seed = seed(self.local, self.remote);
        (self.sent..).take(len).map(|at| octet(seed, at)).collect()
    }

    /// What it has read must be what its peer has written.
    pub(super) fn hears(&mut self, octets: &[u8]) {
        let seed = seed(self.remote, self.local);
        for (at, &heard) in (self.heard..).zip(octets) {
            assert_eq!(heard, octet(seed, at), "octet {at} of the stream is another: {self:?}");
        }
        self.heard += octets.len() as u64;
    }
}

/// The octet that stands there in a stream.
const fn octet(seed: u64, at: u64) -> u8 {
    ((seed ^ at).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 53) as u8
}

/// What the octets from here to there are made of.
fn seed(from: SocketAddr, to: SocketAddr) -> u64 {
    let last = |ip: IpAddr| match ip {
        IpAddr::V4(ip) => ip.octets()[3],
        IpAddr::V6(ip) => ip.octets()[15] | 0x80,
    };
    let words = [from.port(), to.port(), last(from.ip()).into(), last(to.ip()).into()];
    words.into_iter().fold(1, |sum: u64, word| (sum ^ u64::from(word)).wrapping_mul(0x0100_0000_01b3)) << 8
}
