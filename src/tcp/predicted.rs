//! The short way for the segment that everybody expects: the next octets in order from a peer that has nothing
//! else to say (the header prediction of RFC 7323 appendix E, after Van Jacobson).
//!
//! It gives what the checks of [`arrival`](super::arrival) give, which every unit test asserts for every such
//! segment; there is no rule here that is not there.

use super::segment::{Placed, SegmentMeta, Verdict};
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
        self.update_window(seg, start);
        self.rcv.note_size(seg.len, self.config.mss);
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
}
