//! Where the RFCs leave room, or a kernel goes its own way: which way the machine goes.

use core::time::Duration;

/// Whose ways a connection has in what no other field of [`TcpConfig`](super::TcpConfig) says. For tests written for a
/// certain kernel, and for those who have to look like one; the default is what the RFCs say.
///
/// | | the RFCs | FreeBSD |
/// |---|---|---|
/// | a reset counts (RFC 5961 §3.2) | at RCV.NXT | at the last number that was acknowledged |
/// | an old duplicate (RFC 9293 §3.10.7.4, first check) | its acknowledgment does not count | it counts, and is answered without a limit |
/// | no payload and an old timestamp (RFC 7323 §5.3) | a challenge ACK | nothing |
/// | an ACK of what was never sent | a challenge ACK | an ACK, without a limit |
/// | a SYN without timestamps where they are in use | challenged | dropped |
/// | in SYN-RECEIVED after a passive open: a SYN | challenged, or the end, by its number | the SYN,ACK again, whatever its number |
/// | likewise: SYN,ACK | challenged | a reset, and the end |
/// | likewise: a reset with ACK, SYN or FIN | counts | dropped |
/// | in TIME-WAIT: a SYN that is not newer, a segment without ACK | a challenge ACK | nothing |
/// | in TIME-WAIT: a SYN is newer (RFC 6191) | by its timestamp | by its number alone |
/// | an acknowledgment in FIN-WAIT-1, CLOSING and LAST-ACK | stands behind the FIN | is the FIN again, unless it is a challenge |
/// | the SYN,ACK of a simultaneous open | is not answered | is acknowledged |
/// | a segment with a congestion mark (RFC 3168 §6.1.3) | is acknowledged at once | as any other |
/// | challenge ACKs are counted anew (RFC 5961 §7) | a second after the last | a second after the first |
/// | CLOSE with octets unread (RFC 9293 §3.6.1, SHLD-3) | a reset | a FIN |
/// | CLOSE in SYN-RECEIVED | a FIN | it is over |
/// | octets after CLOSE | a reset from SND.NXT, with ACK | a reset where the peer expects one (RFC 9293 §3.10.7.1) |
/// | ABORT in CLOSING and LAST-ACK | silent | a reset |
/// | CLOSE in SYN-SENT of who goes on reading (RFC 9293 §3.10.4) | it is over | the FIN follows the handshake |
/// | Nagle (RFC 9293 §3.7.4) asks whether anything is unacknowledged | before each segment | before each call of SEND |
/// | an acknowledgment waits (RFC 5681 §4.2) | for the second full-sized segment | for the second segment of any size |
/// | the window field | moves by a segment or half of the buffer at least | is what is free |
/// | a window update by itself | two segments, or half of the buffer | two segments that are a quarter of it, or half |
/// | the receive buffer | as configured | rounded up to whole segments of the peer's |
/// | the SYN,ACK after a passive open, without timestamps | measures a round trip | measures none |
/// | the RTO after a lost SYN (RFC 6298 §5.7) | 3 s | as it is |
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Dialect {
    /// RFC 9293, and what goes with it.
    #[default]
    Rfc,
    /// FreeBSD 14 and 15: the base stack.
    FreeBsd,
    /// Linux 6. It differs from the RFCs in this:
    ///
    /// | | Linux |
    /// |---|---|
    /// | an acknowledgment below SND.UNA (RFC 5961 §5.2) | of what was never sent is challenged, however large the window was |
    /// | a window that shrinks, but not to nothing (RFC 9293 §3.10.7.4) | counts if the segment has something new |
    /// | in SYN-SENT: what acknowledges anything else | is answered by a reset, and soon by the SYN again |
    /// | octets and FIN of a SYN,ACK | are not taken |
    /// | a listener: SYN,FIN | nothing |
    /// | in SYN-RECEIVED after a passive open: what does not acknowledge our SYN | a reset, wherever it lies |
    /// | likewise: a SYN in the window | a reset, and the end |
    /// | octets with our SYN (RFC 7413 §4.1.3) | have no PSH; nor in FreeBSD |
    /// | both call each other (§3.5, figure 7) | the SYN,ACK offers what the SYN did |
    /// | an ICMP error in SYN-SENT, hard or not (RFC 5461 §4) | ends the call |
    /// | a report of no size (RFC 1191 §5) | means the least path MTU |
    /// | SACK blocks that are forgotten (RFC 2018 §8) | are noticed by an acknowledgment, half a round trip later |
    /// | segments that have become too large (RFC 1191 §6.4) | are cut one by one |
    /// | a SACK block that ends with the FIN (RFC 2018 §3) | includes it |
    /// | the window after a SYN that had to be sent again (RFC 5681 §3.1) | one segment after the second time |
    /// | a FIN again | is reported as a duplicate (RFC 2883) |
    /// | octets or a FIN behind the peer's FIN | nothing |
    /// | a reset where the peer's FIN was, in CLOSE-WAIT, CLOSING and LAST-ACK | counts |
    /// | known octets that end where the last acknowledgment stood or behind it | their acknowledgment counts |
    /// | an empty segment before RCV.NXT (RFC 9293 §3.8.6.1) | its acknowledgment does not count |
    /// | what acknowledges our FIN in CLOSING | is not answered, whatever else it has |
    /// | in ESTABLISHED: the acknowledgment of a FIN | reports no duplicate (RFC 2883) |
    /// | octets after CLOSE | a reset where the peer expects one (RFC 9293 §3.10.7.1) |
    /// | FIN-WAIT-2 after CLOSE: a reset in the window | counts |
    /// | likewise: a SYN in the window, or octets | a reset, and the end |
    /// | likewise: anything else but a FIN | nothing |
    /// | TIME-WAIT: no reset, and more than an acknowledgment at RCV.NXT | an ACK, and 2·MSL anew |
    Linux,
}

/// By what losses are told where the peer permits SACK; where it does not, it is duplicates (RFC 6582).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LossDetection {
    /// By time: RACK (RFC 8985).
    #[default]
    Rack,
    /// By what was reported beyond: three segments or runs, or more octets than two segments have (RFC 6675 §4, §5).
    Sack,
}

/// How often a closed window is probed (RFC 9293 §3.8.6.1), within these limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Persist {
    /// From one probe to the next at least. FreeBSD: 5 s.
    pub least: Duration,
    /// At the most, whatever the RTO is. FreeBSD: 60 s.
    pub most: Duration,
}
