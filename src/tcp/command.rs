//! What a user asks of the machine (RFC 9293 §3.10.1 to §3.10.7), in sequence space.

use core::time::Duration;

use super::config::Keepalive;
use super::segment::Cookie;
use super::state::State;

/// A call of the user. Octets stay with the caller: the machine hears only how many there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Command {
    /// Turn a passive OPEN into an active one: LISTEN to SYN-SENT (§3.10.1).
    Open,
    /// SEND: more octets stand at the end of the user's stream (§3.10.2). In LISTEN it is an active open too.
    Queue(Queue),
    /// RECEIVE: the user has taken this many octets, at most what is readable (§3.10.3). Opens the window.
    Consumed(u32),
    /// CLOSE as RFC 9293 §3.10.4 has it: no more to send. Receiving goes on (a half-close).
    Shutdown,
    /// CLOSE of a user who lets go: no more to send, and nothing will be read. Unread octets, or octets that
    /// still arrive, make it a reset (§3.6.1, SHLD-3).
    Close,
    /// ABORT: forget everything and reset the peer (§3.10.5).
    Abort,
    /// Nagle on or off (MUST-17).
    SetNagle(bool),
    /// Nothing more follows: what [`Queue::more`] holds back goes (MUST-60).
    Flush,
    /// Keep-alives on with these intervals, or off (MUST-24).
    SetKeepalive(Option<Keepalive>),
    /// Another user timeout, or none (§3.10.2, RFC 5482).
    SetUserTimeout(Option<Duration>),
    /// Another R2, for what is outstanding too (MUST-21).
    SetR2(Duration),
    /// Another delay of acknowledgments; below 500 ms.
    SetAckDelay(Duration),
    /// Acknowledge what has come at once, and under [`AckPolicy::Quick`](super::AckPolicy::Quick) go on so until the
    /// user answers; or, there, wait for answers from now on.
    QuickAck(bool),
    /// The Fast Open cookie that goes on our SYN; empty asks for one (RFC 7413). After a passive open, the cookie that
    /// our SYN,ACK gives to the peer. Only before the SYN or the SYN,ACK is sent.
    SetCookie(Cookie),
    /// An ICMP error that quotes a segment of this connection (§3.9.2.2).
    NetworkError(NetworkError),
    /// An ICMP message that a segment of this connection was too large for the path (RFC 1191, RFC 8201).
    PathMtu(PathMtu),
}

/// The arguments of a SEND.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Queue {
    /// Octets that were added to the stream.
    pub len: u32,
    /// The receiver should pass on what came so far: the segment with the last octet carries PSH (MAY-15).
    /// A segment that empties the queue does in any case (MUST-61).
    pub push: bool,
    /// More follows at once: a partial segment may wait for it, up to
    /// [`TcpConfig::hold_delay`](super::TcpConfig::hold_delay) (MAY-16, MUST-60).
    pub more: bool,
    /// The octets are urgent, up to the last of them (§3.8.5).
    pub urgent: bool,
}

/// An error that the network reported about a segment of ours (RFC 9293 §3.9.2.2, RFC 5461).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NetworkError {
    /// Destination unreachable with a code of 2 to 4, or its like in IPv6.
    pub hard: bool,
    /// The code of the ICMP message.
    pub code: u8,
    /// The sequence number in the quoted header; what is not in flight is not believed (RFC 5927 §4.1).
    pub seq: crate::SeqNumber,
}

/// "Fragmentation needed" in IPv4, "packet too big" in IPv6 (RFC 1191 §4, RFC 8201 §4): a router could not forward a
/// segment of ours.
///
/// It counts when what it quotes is in flight, and never makes packets larger, nor smaller than
/// [`TcpConfig::min_path_mtu`](super::TcpConfig::min_path_mtu). As long as nothing larger has passed it is believed at
/// once: what was larger goes again in smaller segments, and the congestion window stays, for nothing was congested.
/// If larger segments have passed, it is believed when what it quotes seems to be lost, and forgotten when that is
/// acknowledged (RFC 5927 §7.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PathMtu {
    /// The largest IP packet that the next link takes, in octets; 0 from an old router that does not say.
    pub mtu: u32,
    /// The sequence number in the quoted header; what is not in flight is not believed (RFC 5927 §4.1).
    pub seq: crate::SeqNumber,
}

/// Why a command was not carried out; nothing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// RFC 9293's "connection does not exist": open a new one.
    #[error("the connection does not exist any more: open a new one")]
    Closed,
    /// RFC 9293's "connection closing": this side has already said that it has no more to send.
    #[error("this side has closed: there is nothing more to send on this connection")]
    Closing,
    /// Only a listening connection can be opened actively.
    #[error("a connection in {0} is open already")]
    AlreadyOpen(State),
    /// More octets were reported as read than were readable.
    #[error("{consumed} octets were reported as read and only {readable} were readable")]
    NotReadable {
        /// What the command said.
        consumed: u32,
        /// What was there.
        readable: u32,
    },
    /// The SYN with the options has been sent.
    #[error("the SYN has been sent: its options cannot change any more")]
    SynSent,
    /// The quoted segment is not in flight: the message is old or forged.
    #[error("the quoted segment {0} is not in flight: the message is old or forged")]
    NotInFlight(crate::SeqNumber),
}
