//! What an acknowledgment of new data brings: round trips, the congestion window, recovery, the send window
//! (RFC 9293 §3.10.7.4 fifth check; RFC 6298, 7323 §4, 5681, 6582).

use super::congestion::CongestionControl as _;
use super::notices::Notices;
use super::recovery::{Acked, Duplicate, NewAck};
use super::segment::SegmentMeta;
use super::send::ORIGIN;
use super::tcb::Tcb;
use super::timers::Timer;
use crate::{Instant, TcpFlags};

impl Tcb {
    /// SND.UNA moves to `acknowledged`, which lies in (SND.UNA, SND.MAX].
    pub(super) fn acknowledge(
        &mut self,
        now: Instant,
        acknowledged: u64,
        seg: &SegmentMeta,
        notices: &mut Notices,
    ) {
        let was = self.snd.una;
        let acked_before = self.snd.acked_to();
        let first_sent = self.records.first_sent();
        let acked = self.records.acked_to(acknowledged);
        self.sample_round_trip(now, seg, &acked, first_sent);
        let limited = self.was_limited_by_cwnd();
        self.snd.una = acknowledged;
        self.snd.nxt = self.snd.nxt.max(acknowledged);
        self.r1_told = false;
        self.limited_transmit = 0;
        self.timers.stop(Timer::UserTimeout);
        let restart = if was == ORIGIN {
            true
        } else {
            let octets = u32::try_from(acknowledged - was).unwrap_or(u32::MAX);
            self.move_congestion_window(now, octets, limited)
        };
        if self.snd.outstanding() == 0 {
            self.timers.stop(Timer::Retransmit);
        } else if restart {
            self.timers.set(Timer::Retransmit, now + self.rto());
        }
        notices.writable |= self.snd.acked_to() > acked_before;
    }

    /// A sample for the round-trip time from each acknowledgment of something new: by the clock that we noted
    /// when it was sent, or, where it was sent more than once, by the timestamp that comes back. Without
    /// timestamps that would be ambiguous (Karn; RFC 6298 §3).
    fn sample_round_trip(
        &mut self,
        now: Instant,
        seg: &SegmentMeta,
        acked: &Acked,
        first_sent: Option<Instant>,
    ) {
        let by_timestamp = || {
            let echo = seg.options.timestamps.filter(|timestamps| timestamps.ecr != 0)?;
            self.ts.elapsed(now, echo.ecr, now.since(first_sent?))
        };
        let sample = match acked.sample {
            Some(sent_at) => Some(now.since(sent_at)),
            None => by_timestamp(),
        };
        if let Some(sample) = sample {
            // RFC 7323 appendix G: as many samples a round trip as segments are acknowledged, by twos.
            let per_sample = u64::from(self.effective_send_mss()) * 2;
            let expected = self.snd.outstanding().div_ceil(per_sample).max(1);
            self.rtt.sample(sample, u32::try_from(expected).unwrap_or(u32::MAX));
        }
    }

    /// Whether the congestion window, and not the user or the peer, has held us back: only then it may grow.
    fn was_limited_by_cwnd(&self) -> bool {
        let flight = self.snd.outstanding();
        let cwnd = u64::from(self.congestion.cwnd());
        if self.congestion.cwnd() < self.congestion.ssthresh() {
            flight * 2 >= cwnd
        } else {
            flight + u64::from(self.effective_send_mss()) > cwnd
        }
    }

    /// Says whether the retransmission timer is to be restarted (RFC 6298 §5.3; RFC 6582 §3.2 restarts it for
    /// the first partial acknowledgment only).
    fn move_congestion_window(&mut self, now: Instant, octets: u32, limited: bool) -> bool {
        let smss = self.effective_send_mss();
        let outstanding = u32::try_from(self.snd.outstanding()).unwrap_or(u32::MAX);
        match self.recovery.on_new_ack(self.snd.una) {
            NewAck::Normal => {
                self.congestion.on_ack(octets, smss, limited, now, self.rtt.srtt());
                true
            }
            NewAck::Partial => {
                self.congestion.on_partial_ack(octets, smss);
                self.retransmit_front = true;
                self.recovery.is_first_partial()
            }
            NewAck::Full => {
                self.retransmit_front = false;
                self.congestion.on_full_ack(outstanding, smss);
                true
            }
        }
    }

    /// Whether `seg` is a duplicate acknowledgment as RFC 5681 §2 defines it, and what follows. SND.WND is
    /// still the one before `seg`.
    pub(super) fn consider_duplicate(&mut self, seg: &SegmentMeta) {
        let same_window = u32::from(seg.window) << self.snd.scale == self.snd.wnd;
        let empty = seg.len == 0 && !seg.flags.intersects(TcpFlags::SYN | TcpFlags::FIN);
        if self.snd.outstanding() == 0 || !empty || !same_window || self.snd.wnd == 0 {
            return;
        }
        let smss = self.effective_send_mss();
        match self.recovery.on_duplicate_ack(self.snd.una, self.snd.max) {
            Duplicate::Ignored => {}
            Duplicate::LimitedTransmit(segments) => self.limited_transmit = segments,
            Duplicate::Enter => {
                // What limited transmit has sent beyond the window does not count (RFC 5681 §3.2 step 2).
                let flight = u32::try_from(self.snd.outstanding()).unwrap_or(u32::MAX);
                self.congestion.on_duplicate_enter(flight.min(self.congestion.cwnd()), smss);
                self.limited_transmit = 0;
                self.retransmit_front = true;
            }
            // No more than segments were under way: others are made up (RFC 5681 §3.2 step 4).
            Duplicate::Inflate if self.recovery.explains_duplicates(self.snd.una, smss) => {
                self.congestion.inflate(smss);
            }
            Duplicate::Inflate => {}
        }
    }

    /// Takes the window of `seg` if it is newer than the one that we have (SND.WL1, SND.WL2).
    pub(super) fn update_window(&mut self, seg: &SegmentMeta, start: u64, acknowledged: u64) {
        let newer = self.snd.wl1 < start || self.snd.wl1 == start && self.snd.wl2 <= acknowledged;
        if newer {
            self.take_window(seg, start, acknowledged);
        }
    }

    pub(super) fn take_window(&mut self, seg: &SegmentMeta, start: u64, acknowledged: u64) {
        let scale = if seg.flags.contains(TcpFlags::SYN) { 0 } else { self.snd.scale };
        self.snd.wnd = u32::from(seg.window) << scale;
        self.snd.max_wnd = self.snd.max_wnd.max(self.snd.wnd);
        (self.snd.wl1, self.snd.wl2) = (start, acknowledged);
    }
}
