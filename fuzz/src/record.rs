//! What a run tells whoever wants to know: who has sent which packet, what the network made of it, which calls there
//! were. The command `reproduce` makes a capture and a script of it; while fuzzing nobody listens, and it costs nothing.

use std::net::SocketAddr;

use tcpstate::host::HostConfig;
use tcpstate::tcp::{Command, SegmentMeta, SegmentPlan, TcpConfig};
use tcpstate::{Instant, State};

/// Who wants to know what a run does.
pub trait Recorder {
    /// Whether anybody listens: what is costly to find out is left out if not.
    fn is_on(&self) -> bool {
        true
    }

    /// Something happens. Entries come in the order in which things happen; time may stand still between them.
    fn entry(&mut self, now: Instant, entry: &Entry<'_>);
}

/// Nobody listens.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nobody;

impl Recorder for Nobody {
    #[inline]
    fn is_on(&self) -> bool {
        false
    }

    #[inline]
    fn entry(&mut self, _: Instant, _: &Entry<'_>) {}
}

/// Something that happens. An `end` is 0 or 1: which of the two hosts. `tcb_ops` has one machine, which is end 0; its peer
/// is made up. A `which` is the number of a connection of that end, in the order in which they began there.
#[derive(Clone, Copy, Debug)]
pub enum Entry<'a> {
    /// A host begins.
    Host {
        /// Which.
        end: usize,
        /// Its choices; the addresses tell whose a packet is.
        config: &'a HostConfig,
    },
    /// A machine begins.
    Machine {
        /// Which.
        end: usize,
        /// Its choices.
        config: &'a TcpConfig,
    },
    /// An IP packet has left the end.
    Sent {
        /// Whose it is.
        end: usize,
        /// All of it.
        octets: &'a [u8],
    },
    /// An IP packet is handed to the end.
    Arrived {
        /// Who gets it.
        end: usize,
        /// All of it.
        octets: &'a [u8],
        /// Where it comes from.
        origin: Origin,
        /// The end is told that the checksum is right, whatever it is.
        verified: bool,
    },
    /// An IP packet is lost.
    Lost {
        /// Whose it was.
        end: usize,
        /// All of it.
        octets: &'a [u8],
    },
    /// The machine sends a segment.
    SegmentSent {
        /// Which.
        end: usize,
        /// The segment, and where in the stream its octets are.
        plan: &'a SegmentPlan,
    },
    /// The machine gets a segment.
    SegmentArrived {
        /// Which.
        end: usize,
        /// The segment.
        meta: &'a SegmentMeta,
    },
    /// The user of a connection, or the owner of the host, has called.
    Call {
        /// Whose user.
        end: usize,
        /// Of which connection.
        which: usize,
        /// What.
        call: Call,
    },
    /// The end is told that it is so late.
    Timeout {
        /// Which.
        end: usize,
    },
    /// A connection is in another state than before.
    State {
        /// Of which end.
        end: usize,
        /// Which.
        which: usize,
        /// Its own address and port, if it has one.
        local: Option<SocketAddr>,
        /// Its peer's.
        remote: Option<SocketAddr>,
        /// The state.
        state: State,
    },
    /// The end has been asked for all that it has to send.
    Polled {
        /// Which.
        end: usize,
    },
    /// Something that no script can do to the end.
    Odd {
        /// Which.
        end: usize,
        /// What.
        what: &'static str,
    },
    /// Anything else that is worth a comment.
    Note(&'a str),
}

/// A deadline that is met late: time has gone on over it.
pub const LATE: &str = "time that goes on over a deadline";
/// Data that is pushed, or urgent, or of which more follows.
pub const FLAGS: &str = "a write with flags";
/// The clock steps back.
pub const BACK: &str = "a clock that steps back";

/// Where a packet comes from that arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// From the other end, as it was sent.
    Network,
    /// The same, once more.
    Copy,
    /// From the other end, and something has changed it on its way.
    Damaged,
    /// Nobody has sent it.
    Injected,
}

/// A call, and what came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// Somebody listens on this port.
    Listen(u16),
    /// An active open.
    Connect,
    /// A connection was accepted.
    Accept,
    /// So many octets were taken for sending.
    Send(usize),
    /// So many octets were read.
    Recv(usize),
    /// No more to send.
    Shutdown,
    /// Lets go.
    Close,
    /// Resets.
    Abort,
    /// Gives the id back.
    Release,
    /// A command to the machine.
    Command(Command),
    /// Anything else, by its name.
    Other(&'static str),
}
