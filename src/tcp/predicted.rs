//! The short ways for the segments that everybody expects: the next octets in order from a peer that has nothing
//! else to say (the header prediction of RFC 7323 appendix E, after Van Jacobson), and one more full segment of new
//! octets where nothing is amiss.
//!
//! They give what the checks of [`arrival`](super::arrival) and of [`output`](super::output) give, which every unit
//! test asserts for every such segment; there is no rule here that is not there.

use super::congestion::CongestionControl as _;
use super::recovery::Phase;
use super::segment::{Placed, SegmentMeta, SegmentPlan, Verdict};
use super::send::offset;
use super::state::State;
use super::tcb::Tcb;
use super::timers::Timer;
use crate::{EcnCodepoint, Instant, TcpFlags};

impl Tcb {
    /// Whether `seg` brings octets in order, all of which the window has room for, and nothing new besides:
    /// then no check of §3.10.7.4 can fail, and no timer but that of the acknowledgment is concerned.
    pub(super) fn is_predicted(&self, seg: &SegmentMeta) -> bool {
        let timestamp = match seg.options.timestamps {
            Some(timestamps) => self.ts.on() && self.ts.is_not_behind(timestamps.val),
            None => !self.ts.on(),
        };
        timestamp
            && self.state == State::Established
            && seg.flags.without(TcpFlags::PSH) == TcpFlags::ACK
            && seg.ecn != EcnCodepoint::Ce
            && seg.seq == self.rcv.seq(self.rcv.nxt)
            && seg.ack == self.snd.seq(self.snd.una)
            && u32::from(seg.window) << self.snd.scale == self.snd.wnd
            && seg.len > 0
            && seg.len <= self.rcv.wnd()
            && seg.options.sack.is_empty()
            && self.rcv.ranges.is_empty()
            && self.rcv.fin.is_none()
            && !self.let_go
    }

    /// Takes in a segment that [`is_predicted`](Self::is_predicted).
    pub(super) fn arrives_as_predicted(&mut self, now: Instant, seg: &SegmentMeta, out: &mut Verdict) {
        let start = self.rcv.nxt;
        self.heard();
        if let Some(timestamps) = seg.options.timestamps
            && start <= self.rcv.last_ack_sent
        {
            self.ts.take(now, timestamps.val);
        }
        self.update_window(seg, start, false);
        self.restart_persist(now);
        self.rcv.note_size(seg.len, self.config.mss);
        if self.is_paced_by_user() {
            self.note_pace(now, seg);
        }
        self.rcv.nxt = start + u64::from(seg.len);
        self.note_round_trip(now, seg.options.timestamps);
        self.acknowledge_soon(now);
        if self.unsettled || self.config.keepalive.is_some() || self.timers.runs(Timer::Pace) {
            self.arm(now);
        }
        out.store = Some(Placed { offset: offset(start), skip: 0, len: seg.len });
        (out.readable_to, out.acked_to) = (offset(self.rcv.nxt), self.acked_to());
        out.notices.readable = true;
    }

    /// How many octets the next segment takes, if it is one more full segment of new octets behind others that are in
    /// flight, and the FIN does not follow it: then nothing is to be sent before it, and nothing else goes with it.
    #[inline]
    pub(super) fn predicts_full_segment(&self, now: Instant) -> Option<u32> {
        let len = self.effective_send_mss();
        let (start, records) = (self.snd.nxt, &*self.records);
        let end = start + u64::from(len);
        let predicted = start == self.snd.max
            && (end < self.snd.queued || end == self.snd.queued && !self.snd.fin_queued)
            && end <= self.snd.edge()
            && self.fits_half_of_window(len)
            && self.in_flight() + u64::from(len) <= u64::from(self.congestion.cwnd())
            && records.in_flight() > 0
            && records.lost() == 0
            && records.has_room()
            && matches!(self.state, State::Established | State::CloseWait)
            && self.recovery.phase == Phase::Open
            && !self.recovery.probe.is_due()
            && !self.probe_due
            && !self.hold_is_over
            && self.rcv.sack_wanted() == 0
            && self.rare.get().is_none_or(|rare| rare.reply.is_none() && rare.snd_up <= start)
            && self.path.probe_due(now).is_none()
            && !self.is_paced_at(now);
        predicted.then_some(len)
    }

    /// Forms the segment that [`predicts_full_segment`](Self::predicts_full_segment).
    #[inline(always)]
    pub(super) fn form_predicted(&mut self, now: Instant, len: u32, plan: &mut SegmentPlan) {
        let start = self.snd.nxt;
        let end = start + u64::from(len);
        (self.polled, self.unsettled, self.keepalive_due) = (true, true, false);
        let records = self.records.make();
        let in_flight = records.in_flight();
        let stamp = self.delivered.stamp(&mut records.clocks, now, in_flight);
        records.sent_new(start, len, now, stamp, self.snd.is_pushed(start, end));
        self.path.on_sent(start, end, self.path.size(), false);
        (self.snd.max, self.snd.nxt, self.last_sent) = (end, end, now);
        self.timers.stop(Timer::Keepalive);
        self.timers.stop(Timer::LossProbe);
        self.start_retransmission(now);
        if self.config.pacing {
            self.pace(now, u64::from(len));
        }
        if self.is_paced_by_user() {
            self.pace_after_sending(now);
        }
        plan.offset = offset(start);
        self.carrying_new(now, start, len, &mut plan.meta);
    }
}

#[cfg(test)]
mod tests;
