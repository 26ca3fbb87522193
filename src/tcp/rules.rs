//! Where the RFCs leave a choice, or widespread stacks differ from them: which way to go.
//!
//! The first variant of each is what RFC 9293 and its companions say, and the default.

/// When octets that came in order are acknowledged (RFC 9293 §3.8.6.3, RFC 5681 §4.2).
///
/// Octets that fill a gap, and duplicates, are acknowledged at once whatever the policy; so are octets out of order, but for
/// what [`Quick`](Self::Quick) says of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AckPolicy {
    /// Every second full-sized segment at once, the others after
    /// [`ack_delay`](super::TcpConfig::ack_delay).
    #[default]
    EverySecond,
    /// As Linux does. The first segments, up to 16, and those after a silence of an RTO, are acknowledged one by one,
    /// for a sender in slow start waits for that. This ends when the user answers what came
    /// within the delay: then an acknowledgment can go with the answer. Otherwise more than one full-sized segment is
    /// acknowledged at once only if the window has kept its size, because the user reads;
    /// and the read that empties the buffer acknowledges what was pushed. The delay begins with
    /// [`ack_delay`](super::TcpConfig::ack_delay) and follows the pace at which segments come, up to 200 ms. With SACK, from
    /// the fourth segment behind a gap on, blocks are gathered for a millisecond or less.
    Quick,
}

/// Which segments that are not full wait (RFC 9293 §3.7.4 and §3.8.6.2.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SmallSegments {
    /// Nagle holds a partial segment while anything is unacknowledged; a segment that the peer's window cuts goes if it
    /// takes half of the largest window.
    #[default]
    Rfc9293,
    /// Minshall's rule, as Linux has it: a partial segment waits only for another *partial* one that is
    /// unacknowledged, so the end of a long write goes at once. None is cut to fit what is left of the peer's
    /// window unless nothing is under way and an RTO is over, which is how long the user's "more follows" counts too; and
    /// none takes more than half of the largest window that the peer ever gave. What is sent again is not filled up with
    /// new octets, and carries PSH where it did before.
    Minshall,
}

/// What asks a peer whose window is closed (RFC 9293 §3.8.6.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WindowProbe {
    /// The next octet, which the peer may take.
    #[default]
    Octet,
    /// An empty segment one before SND.UNA, which has to be answered (§3.10.7.4, first check): as Linux and
    /// keep-alives do. Where the window closed over what is in flight, the first segment of that goes again.
    Empty,
}

/// How the RTO follows the round trips (RFC 6298 §2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RtoRule {
    /// SRTT + max(G, 4·RTTVAR), with the gains of RFC 7323 appendix G.
    #[default]
    Rfc6298,
    /// As Linux does: the margin is the largest deviation of a round trip's samples, never less than
    /// [`min_rto`](super::TcpConfig::min_rto). It grows at once, comes down by a quarter a round trip, and a sample that is
    /// shorter than expected counts for an eighth.
    Linux,
}

/// How much one signal or acknowledgment changes the congestion window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WindowRules {
    /// Congestion takes a part of what is in flight (RFC 5681 §3.1, RFC 9438 §4.6), recovery ends without a burst, ECN
    /// is answered by RFC 8511, slow start grows by a few segments for each acknowledgment (RFC 3465, RFC 9406), and a
    /// window that is not used is not relied on (RFC 7661).
    #[default]
    Rfc,
    /// As Linux does: congestion, ECN or not, takes a part of the window itself, in whole segments; PRR
    /// comes down from the window and ends at ssthresh; and slow start grows by all that is acknowledged.
    Linux,
}
