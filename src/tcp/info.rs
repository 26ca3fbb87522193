//! What can be told of a connection at a glance: the like of Linux's `TCP_INFO`.

use core::time::Duration;

use super::config::CongestionAlgorithm;
use super::congestion::CongestionControl as _;
use super::rare::Rare;
use super::recovery::{Fate, Phase};
use super::state::State;
use super::tcb::Tcb;
use crate::Instant;

/// What the sender is doing about congestion.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum RecoveryPhase {
    /// Nothing is missing.
    #[default]
    Open,
    /// Something has arrived out of order, or duplicates have: a loss or reordering, time will tell
    /// (RFC 8985 §6.2).
    Disorder,
    /// The network has asked for less (RFC 3168): the window comes down.
    Cwr,
    /// What was lost is sent again, and the window comes down (RFC 6675, RFC 8985, RFC 9937).
    Recovery,
    /// The retransmission timer has expired, and everything is sent again in slow start (RFC 5681 §3.1), unless that
    /// proves to be a mistake (RFC 5682).
    Loss,
}

impl RecoveryPhase {
    /// The phase as a word: `open`, `disorder`, `cwr`, `recovery`, `loss`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Disorder => "disorder",
            Self::Cwr => "cwr",
            Self::Recovery => "recovery",
            Self::Loss => "loss",
        }
    }
}

/// A connection at one moment, from [`Tcb::info`]. Windows and amounts are octets, counters begin with the
/// connection. There will be more fields.
///
/// ```
/// use tcpstate::tcp::{Tcb, TcpConfig, Unpredictable};
/// use tcpstate::{Instant, State};
///
/// let tcb = Tcb::connect(&TcpConfig::default(), Unpredictable::default(), Instant::ZERO);
/// let info = tcb.info(Instant::ZERO);
/// assert_eq!((info.state, info.srtt), (State::SynSent, None));
/// assert_eq!(info.rto.as_secs(), 1);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct TcpInfo {
    /// The state.
    pub state: State,
    /// The congestion control algorithm.
    pub algorithm: CongestionAlgorithm,
    /// What the sender is doing about congestion.
    pub recovery: RecoveryPhase,
    /// Both ends have agreed on SACK (RFC 2018).
    pub sack: bool,
    /// Both ends have agreed on timestamps (RFC 7323 §3).
    pub timestamps: bool,
    /// Both ends have agreed on ECN (RFC 3168 §6.1.1).
    pub ecn: bool,
    /// How far the peer's windows are shifted, and ours: 0..=14 (RFC 7323 §2).
    pub window_scales: (u8, u8),

    /// SRTT (RFC 6298), once there is a sample.
    pub srtt: Option<Duration>,
    /// RTTVAR, once there is a sample.
    pub rttvar: Option<Duration>,
    /// RTO, back-off included.
    pub rto: Duration,
    /// How often the RTO is doubled (RFC 6298 §5.5).
    pub backoff: u8,
    /// The least round trip of the last five to ten minutes.
    pub min_rtt: Option<Duration>,
    /// The last round trip that was measured.
    pub latest_rtt: Option<Duration>,

    /// The congestion window.
    pub cwnd: u32,
    /// The slow start threshold; `None` before the first loss.
    pub ssthresh: Option<u32>,
    /// The effective send MSS: the largest payload of a segment without SACK blocks (RFC 9293 §3.7.1).
    pub mss: u32,
    /// The largest IP packet that is sent.
    pub path_mtu: u32,
    /// The largest that the path may yet turn out to carry: as large as `path_mtu` when the search has ended
    /// (RFC 4821 §7.1).
    pub path_mtu_limit: u32,
    /// Probes of the path's MTU that were sent.
    pub mtu_probes: u32,
    /// Octets in flight: "pipe" of RFC 6675 §4.
    pub pipe: u64,
    /// Octets taken for lost that wait to be sent again.
    pub lost: u64,
    /// Octets that have arrived out of order, as SACK says.
    pub sacked: u64,
    /// What was not sent yet: octets that the user has queued, and the SYN.
    pub unsent: u64,
    /// Duplicate acknowledgments since the last one of something new (RFC 5681 §2).
    pub duplicate_acks: u32,
    /// Segments have overtaken each other on this path (RFC 8985 §6.2).
    pub reordering_seen: bool,
    /// How long what others have overtaken may be late before it is lost: RACK.reo_wnd.
    pub reo_wnd: Duration,

    /// SND.WND: the peer's window.
    pub snd_wnd: u32,
    /// RCV.WND: the window that we have told the peer of.
    pub rcv_wnd: u32,
    /// Octets of the receive buffer: how far the window may open now. It begins with
    /// [`TcpConfig::receive_window`](super::TcpConfig::receive_window), and follows what the user reads.
    pub receive_buffer: u32,

    /// Octets that were delivered to the peer as far as it has told; the FIN is one, the SYN none.
    pub delivered: u64,
    /// Octets that were sent again. `retransmissions` counts the segments.
    pub retransmitted: u64,
    /// Segments that carried octets that had been sent before.
    pub retransmissions: u32,
    /// Retransmissions that the peer has reported as needless, by D-SACK (RFC 2883).
    pub spurious_retransmissions: u32,
    /// Responses to losses that were none, and were taken back (RFC 4015).
    pub undone: u32,
    /// Expiries of the retransmission timer.
    pub timeouts: u32,
    /// Probes of the tail that were sent (RFC 8985 §7).
    pub tail_probes: u32,
    /// Segments of the peer that the network has marked (CE, RFC 3168 §5).
    pub marks_received: u32,
    /// How often the window was lowered because the network has marked segments of ours.
    pub marks_answered: u32,

    /// What the path delivers, in octets per second, by the last sample; zero before the first.
    pub delivery_rate: u64,
    /// That rate is what the user gave to send, and not what the path can carry.
    pub delivery_rate_app_limited: bool,
    /// How long something was outstanding and nothing else held us back than that the user had no more to send.
    pub limited_by_user: Duration,
    /// How long the congestion window, or pacing, has held us back.
    pub limited_by_network: Duration,
    /// How long the peer's window has held us back.
    pub limited_by_peer: Duration,
}

/// Segments that are not acknowledged, from [`Tcb::outstanding`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Outstanding {
    /// All of them; SYN and FIN count.
    pub segments: u32,
    /// Those that have arrived out of order, as SACK says, or, without it, as many as there were duplicate
    /// acknowledgments.
    pub sacked: u32,
    /// Those that are taken for lost; ones that were sent again since and are under way included.
    pub lost: u32,
    /// Those that were sent again, and of which nothing has been heard since.
    pub repeated: u32,
}

impl Tcb {
    /// How many segments are not acknowledged, and what is thought of them. It looks at each of them: for diagnosis, and
    /// not for every segment.
    #[must_use]
    pub fn outstanding(&self) -> Outstanding {
        let mut told = Outstanding::default();
        for record in self.records.iter() {
            let under_way = record.is_repeated() && record.fate == Fate::InFlight;
            let probe = self.recovery.probe.explains(record.end());
            told.segments += 1;
            told.sacked += u32::from(record.fate == Fate::Sacked);
            told.lost += u32::from(record.fate == Fate::Lost || under_way && !probe);
            told.repeated += u32::from(under_way);
        }
        if !self.sack_on {
            told.sacked = self.recovery.duplicates().count().min(told.segments);
        }
        told
    }

    /// The connection at a glance. `now` is for the times that go on: what holds sending back.
    #[must_use]
    pub fn info(&self, now: Instant) -> TcpInfo {
        let [limited_by_user, limited_by_network, limited_by_peer] = self.limits.spent(now);
        let (delivery_rate, delivery_rate_app_limited) = self.delivered.rate();
        let (marks_received, marks_answered) = self.ecn.counts();
        let none = Rare::default();
        let rare = self.rare.get().unwrap_or(&none);
        TcpInfo {
            state: self.state,
            algorithm: self.config.congestion,
            recovery: self.recovery_phase(),
            sack: self.sack_on,
            timestamps: self.ts.on(),
            ecn: self.uses_ecn(),
            window_scales: (self.snd.scale, self.rcv.scale),
            srtt: self.rtt.srtt(),
            rttvar: self.rtt.rttvar(),
            rto: self.rto(),
            backoff: self.rtt.backoff(),
            min_rtt: self.rtt.min_rtt(),
            latest_rtt: self.rtt.latest(),
            cwnd: self.congestion.cwnd(),
            ssthresh: Some(self.congestion.ssthresh()).filter(|&ssthresh| ssthresh != u32::MAX),
            mss: self.effective_send_mss(),
            path_mtu: self.path_mtu(),
            path_mtu_limit: self.path_mtu_limit(),
            mtu_probes: self.path.probes(),
            pipe: self.in_flight(),
            lost: self.records.lost(),
            sacked: self.records.sacked() + self.recovery.duplicates().arrived(),
            unsent: self.snd.queued.saturating_sub(self.snd.nxt),
            duplicate_acks: self.recovery.duplicates().count(),
            reordering_seen: self.recovery.rack.reordering_seen(),
            reo_wnd: self.reo_wnd(),
            snd_wnd: self.snd.wnd,
            rcv_wnd: self.rcv.wnd(),
            receive_buffer: self.rcv.capacity(),
            delivered: self.delivered.octets(),
            retransmitted: rare.retransmitted,
            retransmissions: rare.retransmissions,
            spurious_retransmissions: rare.spurious,
            undone: rare.undone,
            timeouts: rare.timeouts,
            tail_probes: rare.probes_sent,
            marks_received,
            marks_answered,
            delivery_rate,
            delivery_rate_app_limited,
            limited_by_user,
            limited_by_network,
            limited_by_peer,
        }
    }

    fn recovery_phase(&self) -> RecoveryPhase {
        let missing = self.records.sacked() > 0 || self.recovery.duplicates().arrived() > 0;
        match self.recovery.phase {
            Phase::Open if missing => RecoveryPhase::Disorder,
            Phase::Open => RecoveryPhase::Open,
            Phase::Cwr => RecoveryPhase::Cwr,
            Phase::Recovery => RecoveryPhase::Recovery,
            Phase::Loss => RecoveryPhase::Loss,
        }
    }
}
