//! What can be asked of a machine at any time; [`Tcb::info`](super::Tcb::info) has most of it at once.

use core::ops::Range;
use core::time::Duration;

use super::config::TcpConfig;
use super::congestion::CongestionControl as _;
use super::notices::CloseReason;
use super::recovery::Phase;
use super::send::offset;
use super::state::State;
use super::tcb::Tcb;
use crate::SeqNumber;

/// What can be asked at any time.
impl Tcb {
    /// The state.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// How the connection ended, once it has.
    #[must_use]
    pub const fn close_reason(&self) -> Option<CloseReason> {
        self.reason
    }

    /// Whether the OPEN was passive.
    #[must_use]
    pub const fn is_passive(&self) -> bool {
        self.passive
    }

    /// The choices of the connection as they are now.
    #[must_use]
    pub fn config(&self) -> &TcpConfig {
        &self.config
    }

    /// ISS.
    #[must_use]
    pub const fn iss(&self) -> SeqNumber {
        self.snd.iss
    }

    /// IRS; significant once a SYN has arrived.
    #[must_use]
    pub const fn irs(&self) -> SeqNumber {
        self.rcv.irs
    }

    /// SND.UNA.
    #[must_use]
    pub fn snd_una(&self) -> SeqNumber {
        self.snd.seq(self.snd.una)
    }

    /// SND.NXT. What is sent again does not move it, but for a SYN.
    #[must_use]
    pub fn snd_nxt(&self) -> SeqNumber {
        self.snd.seq(self.snd.nxt)
    }

    /// The number after everything that was ever sent.
    #[must_use]
    pub fn snd_max(&self) -> SeqNumber {
        self.snd.seq(self.snd.max)
    }

    /// SND.WND in octets.
    #[must_use]
    pub const fn snd_wnd(&self) -> u32 {
        self.snd.wnd
    }

    /// RCV.NXT.
    #[must_use]
    pub fn rcv_nxt(&self) -> SeqNumber {
        self.rcv.seq(self.rcv.nxt)
    }

    /// RCV.WND in octets: what the peer may send now, as far as it has been told.
    #[must_use]
    pub fn rcv_wnd(&self) -> u32 {
        self.rcv.wnd()
    }

    /// How far the windows that we send are shifted: 0..=14 (RFC 7323 §2).
    #[must_use]
    pub const fn receive_scale(&self) -> u8 {
        self.rcv.scale
    }

    /// Octets of the peer's stream before this offset have arrived.
    #[must_use]
    pub fn readable_to(&self) -> u64 {
        self.rcv.readable_to()
    }

    /// Octets of the peer's stream before this offset were taken by the user.
    #[must_use]
    pub const fn consumed_to(&self) -> u64 {
        offset(self.rcv.consumed)
    }

    /// Octets of the user's stream before this offset are acknowledged.
    #[must_use]
    pub fn acked_to(&self) -> u64 {
        self.snd.acked_to()
    }

    /// The length of the user's stream up to now.
    #[must_use]
    pub const fn queued_to(&self) -> u64 {
        offset(self.snd.queued)
    }

    /// Ranges of the peer's stream that have arrived beyond [`readable_to`](Self::readable_to), ascending.
    pub fn out_of_order(&self) -> impl ExactSizeIterator<Item = Range<u64>> + '_ {
        self.rcv.ranges.iter().map(|range| offset(range.start)..offset(range.end))
    }

    /// Whether there are any such ranges.
    #[inline]
    pub(crate) fn holds_out_of_order(&self) -> bool {
        !self.rcv.ranges.is_empty()
    }

    /// Whether the peer's FIN has arrived, and everything before it.
    #[must_use]
    pub fn peer_has_closed(&self) -> bool {
        self.rcv.fin_received()
    }

    /// Whether the user has said that there is no more to send.
    #[must_use]
    pub const fn has_shut_down(&self) -> bool {
        self.snd.fin_queued
    }

    /// Whether the user has let go of the connection by CLOSE.
    #[must_use]
    pub const fn has_let_go(&self) -> bool {
        self.let_go
    }

    /// Octets until the end of the urgent data, counted from the first unread one (RFC 9293 MUST-33).
    #[must_use]
    pub fn urgent_remaining(&self) -> u64 {
        self.rare.read(|rare| rare.rcv_up).saturating_sub(self.rcv.consumed)
    }

    /// The most octets that one segment of the peer has carried, at least 536, or our own MSS if that is less: what "full-sized"
    /// means for delayed acknowledgments.
    #[must_use]
    pub fn full_size(&self) -> u32 {
        self.rcv.full_size()
    }

    /// The code of the last error that the network reported about a segment and that was not the end (§3.9.2.2).
    #[must_use]
    pub fn soft_error(&self) -> Option<u8> {
        self.rare.read(|rare| rare.soft_error)
    }

    /// Whether a router has reported that the path takes less than our segments were.
    #[must_use]
    pub fn path_was_lowered(&self) -> bool {
        self.rare.read(|rare| rare.path_lowered_at) > crate::Instant::ZERO
    }

    /// Expiries of the retransmission timer since SND.UNA has moved last: 0 if the last one was before that.
    #[must_use]
    pub fn timeouts_in_a_row(&self) -> u8 {
        let stuck = self.rtt.backoff() > 0 && self.rare.read(|rare| rare.timed_out) == self.snd.una;
        if stuck { self.rtt.backoff() } else { 0 }
    }

    /// Probes of a closed window, or keep-alive probes, that have not been answered.
    #[must_use]
    pub fn unanswered_probes(&self) -> u8 {
        self.probes.max(self.keepalive_probes)
    }

    /// The congestion window, in octets.
    #[must_use]
    pub fn cwnd(&self) -> u32 {
        self.congestion.cwnd()
    }

    /// The slow start threshold, in octets; [`u32::MAX`] before the first loss.
    #[must_use]
    pub fn ssthresh(&self) -> u32 {
        self.congestion.ssthresh()
    }

    /// SRTT, once there is a sample.
    #[must_use]
    pub fn srtt(&self) -> Option<Duration> {
        self.rtt.srtt()
    }

    /// RTTVAR, once there is a sample.
    #[must_use]
    pub fn rttvar(&self) -> Option<Duration> {
        self.rtt.rttvar()
    }

    /// How often the RTO has been doubled since the last sample (RFC 6298 §5.5).
    #[must_use]
    pub const fn backoff(&self) -> u8 {
        self.rtt.backoff()
    }

    /// Whether fast recovery is going on (RFC 6675, RFC 6582).
    #[must_use]
    pub const fn in_recovery(&self) -> bool {
        matches!(self.recovery.phase, Phase::Recovery)
    }

    /// Duplicate acknowledgments since the last one of something new (RFC 5681 §2).
    #[must_use]
    pub fn duplicate_acks(&self) -> u32 {
        self.recovery.duplicates().count()
    }

    /// Octets of sequence space that were sent again, ever.
    #[must_use]
    pub fn retransmitted(&self) -> u64 {
        self.rare.read(|rare| rare.retransmitted)
    }
}
