//! The first checks as Linux makes them where it keeps little of a connection: see
//! [`Dialect`](crate::tcp::Dialect).

use super::{Arrived, Stop};
use crate::tcp::notices::CloseReason;
use crate::tcp::segment::{DropReason, SegmentMeta, Verdict};
use crate::tcp::state::{Event, State};
use crate::tcp::tcb::Tcb;
use crate::tcp::timers::Timer;
use crate::{Instant, TcpFlags};

impl Tcb {
    /// FIN-WAIT-2 whose user has let go, and TIME-WAIT: Linux keeps a few numbers of those.
    pub(super) fn is_half_forgotten_by_linux(&self) -> bool {
        self.config.is_linux()
            && (self.state == State::TimeWait || self.state == State::FinWait2 && self.let_go)
    }

    /// A reset that stands where the peer's FIN was: some send it so.
    pub(super) fn is_reset_at_fin_for_linux(&self, start: u64) -> bool {
        let states = matches!(self.state, State::CloseWait | State::LastAck | State::Closing);
        self.config.is_linux() && states && start + 1 == self.rcv.nxt
    }

    /// Octets or a FIN that are known, up to what was acknowledged last or beyond it: their acknowledgment counts.
    pub(super) fn is_just_acknowledged(&self, start: u64, len: u64) -> bool {
        let end = start + len;
        len > 0 && start < self.rcv.nxt && (self.rcv.last_ack_sent..=self.rcv.nxt).contains(&end)
    }

    /// In these states there is nothing to wait for but a FIN; whatever else comes is answered here.
    pub(super) fn check_sequence_like_linux(
        &mut self,
        now: Instant,
        seg: &SegmentMeta,
        out: &mut Verdict,
    ) -> Result<Arrived, Stop> {
        let (nxt, edge) = (self.rcv.nxt, self.rcv.edge);
        let (start, len) = (self.rcv.position(seg.seq), u64::from(seg.seq_len()));
        let old = seg.options.timestamps.is_some_and(|ts| self.ts.on() && self.ts.is_old(now, ts.val));
        if self.state == State::TimeWait {
            return Err(self.arrives_in_time_wait_like_linux(now, seg, !old && start == nxt, out));
        }
        let inside = start == nxt || start + len > nxt && start < edge || len == 0 && start == edge;
        if old || !inside {
            self.answer_like_linux(now, seg);
            let below = if start < nxt { DropReason::BelowWindow } else { DropReason::AboveWindow };
            return Err(Stop::Refused(if old { DropReason::OldTimestamp } else { below }));
        }
        if seg.flags.contains(TcpFlags::RST) {
            self.end(Event::Rst, CloseReason::Reset, &mut out.notices);
            return Err(Stop::Done);
        }
        let syn = seg.flags.contains(TcpFlags::SYN) && start >= nxt;
        if !syn && (!seg.flags.contains(TcpFlags::ACK) || len == 0 || start + len <= nxt) {
            return Err(Stop::Refused(DropReason::NoAck));
        }
        if !syn && seg.flags.contains(TcpFlags::FIN) && start + len == nxt + 1 {
            self.heard();
            return Ok(Arrived { start, end: start + u64::from(seg.len), refused: None });
        }
        self.reply(seg.reset_in_answer());
        self.end(Event::Abort, CloseReason::Discarded, &mut out.notices);
        Err(Stop::Refused(DropReason::DataAfterClose))
    }

    /// A reset at RCV.NXT counts (`next`), unless RFC 1337 is heeded. An acknowledgment there is nothing new; all else is
    /// answered, and begins 2·MSL anew if it has ACK.
    fn arrives_in_time_wait_like_linux(
        &mut self,
        now: Instant,
        seg: &SegmentMeta,
        next: bool,
        out: &mut Verdict,
    ) -> Stop {
        if seg.flags.contains(TcpFlags::RST) {
            if !next {
                return Stop::Refused(DropReason::ResetOutsideWindow);
            }
            if self.config.rfc1337 {
                return Stop::Refused(DropReason::ResetInTimeWait);
            }
            self.end(Event::Rst, CloseReason::Closed, &mut out.notices);
            return Stop::Done;
        }
        if next && seg.seq_len() == 0 {
            return Stop::Done;
        }
        if seg.flags.contains(TcpFlags::ACK) {
            self.timers.set(Timer::TimeWait, now + self.config.time_wait);
        }
        self.answer_like_linux(now, seg);
        Stop::Refused(DropReason::DataAfterFin)
    }

    /// What has octets or a FIN is always answered; the rest could be an answer itself.
    fn answer_like_linux(&mut self, now: Instant, seg: &SegmentMeta) {
        if seg.seq_len() > 0 && !seg.flags.contains(TcpFlags::SYN) {
            self.ack_now = true;
        } else {
            self.challenge(now);
        }
    }
}
