//! What a user may choose for one connection, and the values that nobody outside may guess.

use alloc::sync::Arc;
use core::time::Duration;

use super::dialect::{Dialect, LossDetection, Persist};
use super::rules::{AckPolicy, RtoRule, SmallSegments, WindowProbe, WindowRules};
use crate::SeqNumber;

/// The largest window that a field of 16 bits and a shift of 14 can express.
pub(super) const MAX_WINDOW: u32 = 65_535 << 14;

/// The choices of one connection. Begin with the default and change fields.
///
/// ```
/// use core::time::Duration;
/// use tcpstate::tcp::{Keepalive, TcpConfig};
///
/// let mut config = TcpConfig::default();
/// config.nagle = false;
/// config.keepalive = Some(Keepalive { idle: Duration::from_secs(60), ..Keepalive::default() });
/// config.user_timeout = Some(Duration::from_secs(30));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct TcpConfig {
    /// The MSS that we advertise: what the network layer can take, less 20 (RFC 9293 MUST-67). Also the
    /// largest segment that we send, options included. Default: 1460.
    pub mss: u16,
    /// The most that a [`Host`](crate::host::Host) makes of [`mss`](Self::mss), whatever the MTU is: the clamp of who knows
    /// that the path is narrower than the link (`TCP_MAXSEG`). At least 1. Default: 65,535, which is no clamp.
    pub mss_limit: u16,
    /// What to assume of a peer that sends no MSS option: 536 for IPv4, 1220 for IPv6 (MUST-15). Default: 536.
    pub default_mss: u16,
    /// The least that a peer's MSS option can ask of us: who asks for less gets segments of this size, options included.
    /// 64 at least, which is the default; FreeBSD's `minmss` is 216.
    pub least_mss: u16,
    /// Octets of the IP header, which the MSS does not count: 20 for IPv4, the default; 40 for IPv6.
    pub ip_header: u8,
    /// The smallest packet, in octets, that a report about the path's MTU or a black hole can make us send: 552 for
    /// IPv4, the default; 1280 for IPv6 (RFC 8200 §5). RFC 1191 §3 would go down to 68. Who forges reports wants tiny packets.
    pub min_path_mtu: u16,
    /// What a report about the path's MTU (RFC 1191, RFC 8201) is worth. Default: [`PathReports::Doubt`].
    pub path_reports: PathReports,
    /// When to find out by probes how large packets may be. Default: [`MtuProbing::BlackHole`].
    pub mtu_probing: MtuProbing,
    /// Octets of the receive buffer when the connection begins, at least 1: the largest window then. Where windows
    /// are scaled, up to an eighth more may be taken, or a unit of the scale, which keeps the right edge of the
    /// window where it is. Default: 64 KiB: all that the windows of the handshake can offer, enough for the first
    /// round trips of a sender that begins with ten segments, and what a peer can make a user hold who reads
    /// nothing.
    pub receive_window: u32,
    /// The largest receive buffer. A user who reads as fast as octets come gets a window of twice what he
    /// reads in a round trip, and more while that grows, up to this; one who reads slowly does not. What was
    /// not needed for 5 s goes back, down to [`receive_window`](Self::receive_window), and the right edge stays
    /// all the same: less is promised from then on. With a value that is not larger than `receive_window` the
    /// window stays as it is. Default: 4 MiB, which carries 320 Mbit/s over 100 ms.
    pub receive_window_max: u32,
    /// Tell the peer our [`mss`](Self::mss) (RFC 9293 MUST-14). Without, it has to assume the least there is. Default: true.
    pub announce_mss: bool,
    /// Offer window scaling (RFC 7323 §2). Default: true.
    pub window_scaling: bool,
    /// Offer timestamps (RFC 7323 §3). Default: true.
    pub timestamps: bool,
    /// Offer SACK (RFC 2018). Default: true.
    pub sack: bool,
    /// The shift of our window fields (RFC 7323 §2.3): 0 to 14, more counts as 14. Default: none, which is the smallest
    /// with which [`receive_window_max`](Self::receive_window_max) can be expressed.
    pub window_scale: Option<u8>,
    /// Whose ways to follow where no other field says it. Default: [`Dialect::Rfc`].
    pub dialect: Dialect,
    /// Where the options stand in our headers. Default: [`OptionLayout::Usual`].
    pub option_layout: OptionLayout,
    /// The Nagle algorithm (RFC 9293 §3.7.4): wait with a partial segment while data is unacknowledged.
    /// Default: true.
    pub nagle: bool,
    /// How long an acknowledgment may wait for company: below half a second (MUST-40; larger values are cut
    /// to 499 ms). Zero acknowledges every segment at once. Default: 40 ms.
    pub ack_delay: Duration,
    /// When octets that came in order are acknowledged. Default: [`AckPolicy::EverySecond`].
    pub ack_policy: AckPolicy,
    /// Which segments that are not full wait. Default: [`SmallSegments::Rfc9293`].
    pub small_segments: SmallSegments,
    /// What asks a peer whose window is closed. Default: [`WindowProbe::Octet`].
    pub window_probe: WindowProbe,
    /// The congestion control algorithm. Default: CUBIC.
    pub congestion: CongestionAlgorithm,
    /// How much one signal or acknowledgment changes the congestion window. Default: [`WindowRules::Rfc`].
    pub window_rules: WindowRules,
    /// Begin anew with the initial window after a silence of an RTO (RFC 5681 §4.1). Without, as Linux's
    /// `tcp_slow_start_after_idle = 0`, the window stays what it was. Default: true.
    pub restart_after_idle: bool,
    /// The initial congestion window in full segments (RFC 6928). Default: 10.
    pub initial_window: u8,
    /// Spread what the congestion window allows over the round trip instead of sending it in bursts, which overflow
    /// small queues: up to twice as fast as the window asks for in slow start, a fifth faster later. A large window
    /// goes out in parts of a sixteenth of the round trip, or [`granularity`](Self::granularity) if that is less, so
    /// that the owner is called that often and not for each segment; who calls late sends what has become due.
    /// Default: true.
    pub pacing: bool,
    /// The RTO before the first sample (RFC 6298 §2.1). Default: 1 s.
    pub initial_rto: Duration,
    /// How the RTO follows the round trips. Default: [`RtoRule::Rfc6298`].
    pub rto_rule: RtoRule,
    /// The smallest RTO (RFC 6298 §2.4 recommends 1 s, which is the default; Linux takes 200 ms). Below a second it
    /// is also the least by which the RTO exceeds SRTT. [`max_rto`](Self::max_rto) bounds it, and before the first sample
    /// [`initial_rto`](Self::initial_rto) stands in for it.
    pub min_rto: Duration,
    /// The largest RTO (at least 60 s, RFC 6298 §2.5; the default).
    pub max_rto: Duration,
    /// Added to every RTO but the first guess before any sample and any timeout (FreeBSD's `rexmit_slop`, 200 ms there).
    /// Where it is not zero [`min_rto`](Self::min_rto) is a bound for the rest, and no margin. Default: zero.
    pub rto_slop: Duration,
    /// G of RFC 6298: the least that the variance adds to the RTO. Default: 1 ms.
    pub granularity: Duration,
    /// R1: retransmissions of one segment after which the user is told (§3.8.3, SHLD-10). Default: 3.
    pub r1: u8,
    /// R2: how long a segment is retransmitted before the connection is given up (at least 100 s, SHLD-11).
    /// Default: 300 s.
    pub r2: Duration,
    /// R2 of the SYN (at least 180 s, MUST-23). Default: 180 s.
    pub syn_r2: Duration,
    /// Retransmissions of a segment after which the connection is given up, if R2 does not come first. Default: none.
    pub retries: Option<u8>,
    /// Likewise of our SYN. Default: none.
    pub syn_retries: Option<u8>,
    /// Likewise of the SYN,ACK after a passive open; FreeBSD: 3, Linux: 5. Default: none.
    pub syn_ack_retries: Option<u8>,
    /// Give up calling after so long, to the moment; R2 waits for the retransmission timer (FreeBSD's `keepinit`, 75 s
    /// there). Default: none.
    pub connect_timeout: Option<Duration>,
    /// After so many retransmissions our SYN goes without window scale, timestamps and SACK: something on the way may
    /// not like them (FreeBSD's `rexmit_drop_options`: 3). From then on a SYN,ACK agrees to none of them, even one that
    /// answers an earlier SYN and comes late: a peer that goes on with what it has agreed to then (RFC 7323 §3.2) may refuse
    /// all that we send. Default: none.
    pub plain_syn_after: Option<u8>,
    /// Between which limits probes of a closed window are. Default: none: an RTO at first, then twice as long each time.
    pub persist: Option<Persist>,
    /// By what losses are told. Default: [`LossDetection::Rack`].
    pub loss_detection: LossDetection,
    /// Probe the tail of what was sent after two round trips instead of waiting for the RTO (TLP, RFC 8985 §7; Linux's
    /// `tcp_early_retrans`). Default: true.
    pub tail_probes: bool,
    /// Tell the peer which octets came twice (D-SACK, RFC 2883), where SACK is in use. Default: true.
    pub d_sack: bool,
    /// With [`AckPolicy::Quick`]: gather blocks behind a gap for a twentieth of a round trip, at most a millisecond, from the
    /// fourth on (Linux's `tcp_comp_sack_nr`). Default: true.
    pub gather_sacks: bool,
    /// Give up when what was queued makes no progress for this long (§3.10.8; RFC 5482). Default: none: R2
    /// decides.
    pub user_timeout: Option<Duration>,
    /// Keep-alive probes (§3.8.4). Default: none (MUST-25).
    pub keepalive: Option<Keepalive>,
    /// How long TIME-WAIT lasts: 2·MSL (MUST-13). Default: 4 minutes (§3.4.2 takes an MSL of 2 minutes).
    pub time_wait: Duration,
    /// How long FIN-WAIT-2 may last once the user has let go. Default: 60 s.
    pub fin_wait_2: Duration,
    /// Ignore resets in TIME-WAIT (RFC 1337). Default: true.
    pub rfc1337: bool,
    /// A reset counts anywhere in the window, as it did before RFC 5961 (RFC 793 §3.4): whoever guesses a window ends the
    /// connection. Default: false.
    pub insecure_reset: bool,
    /// A SYN in the window resets the connection, as before RFC 5961 §4 (RFC 793 §3.9). Default: false.
    pub insecure_syn: bool,
    /// Where timestamps are in use take segments without one too (RFC 7323 §3.2 has them dropped). Default: false.
    pub tolerate_missing_timestamps: bool,
    /// A listener drops a SYN that has a FIN too, which nobody sends but scanners. Default: false.
    pub drop_syn_fin: bool,
    /// A hard error that the network reports about our SYN, or SYN,ACK, ends the attempt (RFC 9293 §3.9.2.2, SHLD-26).
    /// Without, it is only told. In FreeBSD's dialect a SYN,ACK is never given up for one. Default: true.
    pub heeds_errors: bool,
    /// Challenge ACKs that may be sent in any one second (RFC 5961 §7), and as many answers to empty segments
    /// outside the window. Default: 10.
    // RFC 5961-10
    pub challenge_acks: u8,
    /// The least time between two of them; Linux (`tcp_invalid_ratelimit`): 500 ms. Default: zero.
    pub challenge_interval: Duration,
    /// How long a partial segment may wait for more because the user said so, or because the peer's window
    /// has no room for all of it (0.1 s to 1 s, §3.8.6.2.1; more is cut to 1 s). Default: 200 ms.
    pub hold_delay: Duration,
    /// Separate ranges of out-of-order octets that are kept at the most, whatever the window. With less of a window
    /// fewer are kept: one for two full-sized segments that it has room for, which is what a network that
    /// loses every other one leaves, or 64 if that is more. A range takes up to 50 octets of memory, and 200 more
    /// where there is only one octet in it: a fifth of the window at the most. Default: 65,535.
    pub max_ranges: u16,
    /// Explicit congestion notification (RFC 3168). Default: [`Ecn::Accept`].
    pub ecn: Ecn,
    /// So many SYNs that are sent again ask for ECN as the first one does; after that none does. Default: 0; FreeBSD: 1.
    pub ecn_syn_retries: u8,
    /// TCP Fast Open (RFC 7413): our SYN carries octets if there is a cookie for the server
    /// ([`Command::SetCookie`](super::Command::SetCookie)), and octets that come with a SYN may be taken before the
    /// handshake is done ([`Tcb::open_early`](super::Tcb::open_early)). Such octets may arrive twice: only for users whom
    /// that does not harm (§2.1). Default: false.
    pub fast_open: bool,
    /// Our SYN carries octets without a cookie, and asks for none: for networks whose addresses nobody forges, and servers
    /// that take such ([`ListenConfig::fast_open_unproven`](crate::host::ListenConfig::fast_open_unproven)), which Linux calls
    /// "no cookie". Counts with [`fast_open`](Self::fast_open) only. Default: false.
    pub fast_open_unproven: bool,
    /// Events for troubles that need not be the end: soft errors, R1 (RFC 9293 §3.9.1.8). Without, a
    /// [`Host`](crate::host::Host) raises no [`TROUBLE`](crate::host::Readiness::TROUBLE) for the connection; what a call
    /// answers is the same (SHLD-20). Default: true.
    pub error_reports: bool,
}

impl Default for TcpConfig {
    fn default() -> Self {
        Self {
            mss: 1460,
            mss_limit: u16::MAX,
            default_mss: 536,
            least_mss: 64,
            ip_header: 20,
            min_path_mtu: 552,
            path_reports: PathReports::Doubt,
            mtu_probing: MtuProbing::BlackHole,
            receive_window: 64 << 10,
            receive_window_max: 4 << 20,
            announce_mss: true,
            window_scaling: true,
            timestamps: true,
            sack: true,
            window_scale: None,
            dialect: Dialect::Rfc,
            option_layout: OptionLayout::Usual,
            nagle: true,
            ack_delay: Duration::from_millis(40),
            ack_policy: AckPolicy::EverySecond,
            small_segments: SmallSegments::Rfc9293,
            window_probe: WindowProbe::Octet,
            congestion: CongestionAlgorithm::Cubic,
            window_rules: WindowRules::Rfc,
            restart_after_idle: true,
            initial_window: 10,
            pacing: true,
            initial_rto: Duration::from_secs(1),
            rto_rule: RtoRule::Rfc6298,
            min_rto: Duration::from_secs(1),
            max_rto: Duration::from_secs(60),
            rto_slop: Duration::ZERO,
            granularity: Duration::from_millis(1),
            r1: 3,
            r2: Duration::from_secs(300),
            syn_r2: Duration::from_secs(180),
            retries: None,
            syn_retries: None,
            syn_ack_retries: None,
            connect_timeout: None,
            plain_syn_after: None,
            persist: None,
            loss_detection: LossDetection::Rack,
            tail_probes: true,
            d_sack: true,
            gather_sacks: true,
            user_timeout: None,
            keepalive: None,
            time_wait: Duration::from_secs(240),
            fin_wait_2: Duration::from_secs(60),
            rfc1337: true,
            insecure_reset: false,
            insecure_syn: false,
            tolerate_missing_timestamps: false,
            drop_syn_fin: false,
            heeds_errors: true,
            challenge_acks: 10,
            challenge_interval: Duration::ZERO,
            hold_delay: Duration::from_millis(200),
            max_ranges: u16::MAX,
            ecn: Ecn::Accept,
            ecn_syn_retries: 0,
            fast_open: false,
            fast_open_unproven: false,
            error_reports: true,
        }
    }
}

impl From<&TcpConfig> for Arc<TcpConfig> {
    /// A copy. Many connections of the same choices take less memory if they are given clones of one `Arc`.
    fn from(config: &TcpConfig) -> Self {
        Self::new(*config)
    }
}

impl TcpConfig {
    /// Whether the ways are those of Linux.
    #[inline]
    pub(super) fn is_linux(&self) -> bool {
        self.dialect == Dialect::Linux
    }

    /// Whether the ways are those of FreeBSD.
    #[inline]
    pub(super) fn is_freebsd(&self) -> bool {
        self.dialect == Dialect::FreeBsd
    }

    /// The MSS of a peer with this option, or none (RFC 9293 MUST-15); FreeBSD takes zero for none.
    pub(super) fn mss_of_peer(&self, option: Option<u16>) -> u16 {
        option.filter(|&mss| mss > 0 || !self.is_freebsd()).unwrap_or(self.default_mss)
    }

    /// The largest window that there will be: what the window scale is chosen for.
    pub(super) fn largest_window(&self) -> u32 {
        self.receive_window_max.max(self.receive_window).clamp(1, MAX_WINDOW)
    }
}

/// How the congestion window moves (MAY-18).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum CongestionAlgorithm {
    /// CUBIC (RFC 9438): grows with time and not with round trips, so that long paths are filled too.
    #[default]
    Cubic,
    /// NewReno (RFC 5681): one segment for each round trip.
    #[cfg_attr(feature = "serde", serde(rename = "newreno"))]
    NewReno,
}

impl CongestionAlgorithm {
    /// The algorithm as a word: `cubic`, `newreno`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cubic => "cubic",
            Self::NewReno => "newreno",
        }
    }
}

/// The order of options in a header, and how they are aligned. All layouts take as many octets, and to a peer they make no
/// difference (RFC 9293 MUST-64); who reads a trace may know a system by it.
///
/// | segment | usual, Linux | FreeBSD |
/// |---|---|---|
/// | SYN | `mss, sackOK, TS, nop, wscale` | `mss, nop, wscale, sackOK, TS` |
/// | without timestamps | `mss, nop, nop, sackOK, nop, wscale` | `mss, nop, wscale, sackOK, eol, eol` |
/// | without SACK | `mss, nop, nop, TS, nop, wscale` | `mss, nop, wscale, nop, nop, TS` |
/// | with a Fast Open cookie of 8 octets | … `FO`, and two octets of padding | … `FO, eol, eol` |
/// | later | `nop, nop, TS, nop, nop, sack` | the same |
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OptionLayout {
    /// The order of Linux, padded with the end of the list (RFC 9293 §3.2, MUST-69).
    #[default]
    Usual,
    /// The order of Linux, padded with no-operations as Linux does behind a Fast Open cookie.
    Linux,
    /// The order of FreeBSD.
    FreeBsd,
}

/// Whether the network may mark our segments where it would else drop them (RFC 3168; RFC 9293 SHLD-8).
///
/// A SYN that asks for it is welcome with every setting; only the answer differs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Ecn {
    /// Never.
    Off,
    /// Where the peer asks for it: what Linux does by default.
    #[default]
    Accept,
    /// Our SYN asks too. When it has to be repeated it asks no more: some firewall may have dropped it for that
    /// (RFC 3168 §6.1.1.1).
    Request,
}

/// When and how often to ask a silent peer whether it is still there (RFC 9293 §3.8.4, MAY-5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Keepalive {
    /// Silence before the first probe (MUST-27). Default: 2 hours (MUST-28).
    pub idle: Duration,
    /// From one unanswered probe to the next. Default: 75 s.
    pub interval: Duration,
    /// Unanswered probes after which the peer is taken for dead; at least 2, for one may be lost (MUST-29).
    /// Default: 9.
    pub count: u8,
}

impl Default for Keepalive {
    fn default() -> Self {
        Self { idle: Duration::from_secs(7200), interval: Duration::from_secs(75), count: 9 }
    }
}

/// When to find out by probes how large packets the path takes (RFC 4821). A probe is a segment of the user's data
/// that is larger than the others; if it alone is lost, its octets go again and the congestion window stays.
///
/// What a router reports ([`Command::PathMtu`](super::Command::PathMtu)) counts in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MtuProbing {
    /// Never. Segments get smaller when a router reports it, and never larger again; on a path that swallows large
    /// packets without a report the connection ends at R2. For networks whose MTU is known.
    Off,
    /// Full segments from the start. When they time out twice in a row the path may be a black hole: smaller ones are
    /// sent, and probes find the way back up, after a report too.
    #[default]
    BlackHole,
    /// Like `BlackHole`, but beginning with packets of 1024 octets (1280 in IPv6) and a probe of full size. For paths
    /// that are known to swallow large packets: nothing waits for a timeout.
    Always,
}

/// What an ICMP message that a packet was too large is worth. In any case it has to quote what is in flight (RFC 5927 §4.1),
/// and makes segments smaller only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PathReports {
    /// It counts as long as nothing larger has passed; after that, when what it quotes seems to be lost (RFC 5927 §7.2).
    #[default]
    Doubt,
    /// It counts at once, as with most kernels.
    Believe,
    /// Nothing (FreeBSD with `path_mtu_discovery` of 0).
    Ignore,
}

/// What an outsider must not be able to guess. The owner of the secret makes them anew for each pair of
/// sockets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Unpredictable {
    /// The initial send sequence number (RFC 9293 §3.4.1; RFC 6528).
    pub iss: SeqNumber,
    /// What is added to the clock in TSval, keyed by the address pair (RFC 7323 §5.4).
    pub timestamp_offset: u32,
}
