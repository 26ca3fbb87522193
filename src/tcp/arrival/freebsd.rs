//! The first checks as FreeBSD makes them: see [`Dialect`](crate::tcp::Dialect).

use super::{Arrived, Stop};
use crate::tcp::notices::CloseReason;
use crate::tcp::segment::{DropReason, SegmentMeta, Verdict};
use crate::tcp::state::{Event, State};
use crate::tcp::tcb::Tcb;
use crate::tcp::timers::Timer;
use crate::{Instant, TcpFlags};

impl Tcb {
    /// The first check, and what comes before it, in a synchronized state: a reset is looked at before timestamps are,
    /// and what lies before the window loses its octets, but not its acknowledgment.
    pub(super) fn check_sequence_like_freebsd(
        &mut self,
        now: Instant,
        seg: &SegmentMeta,
        out: &mut Verdict,
    ) -> Result<Arrived, Stop> {
        let (nxt, edge) = (self.rcv.nxt, self.rcv.edge);
        let start = self.rcv.position(seg.seq);
        if self.state == State::TimeWait {
            return Err(self.arrives_in_time_wait_like_freebsd(now, seg, start));
        }
        if seg.flags.contains(TcpFlags::RST) {
            let acknowledged = self.rcv.last_ack_sent;
            let inside = start == acknowledged || start > acknowledged && start < edge;
            let refused = Stop::Refused(DropReason::ResetOutsideWindow);
            return if inside { Ok(Arrived { start, end: start, refused: None }) } else { Err(refused) };
        }
        if self.ts.on() && seg.options.timestamps.is_none() && !self.config.tolerate_missing_timestamps {
            return Err(Stop::Refused(DropReason::TimestampMissing));
        }
        self.heard();
        if seg.flags.contains(TcpFlags::SYN) {
            // The fourth check answers it, whatever else it is. Outside the window it does no harm.
            let at = if start >= edge { 0 } else { start };
            return Ok(Arrived { start: at, end: at, refused: None });
        }
        self.check_timestamp_like_freebsd(now, seg)?;
        let end = start + u64::from(seg.len);
        if end < nxt || end == nxt && start < nxt && !seg.flags.contains(TcpFlags::FIN) {
            self.ack_now = true;
            return Ok(Arrived { start, end: start, refused: Some(DropReason::BelowWindow) });
        }
        if self.let_go && end > nxt && !self.state.has_received_fin() {
            self.reply(seg.reset_in_answer());
            self.end(Event::Abort, CloseReason::Discarded, &mut out.notices);
            return Err(Stop::Refused(DropReason::DataAfterClose));
        }
        if end > edge && start >= edge {
            if edge == nxt && start == nxt {
                return Ok(Arrived { start, end: start, refused: Some(DropReason::ZeroWindow) });
            }
            self.ack_now = true;
            return Err(Stop::Refused(DropReason::AboveWindow));
        }
        Ok(Arrived { start, end, refused: None })
    }

    /// PAWS (RFC 7323 §5.3): only octets are answered.
    fn check_timestamp_like_freebsd(&mut self, now: Instant, seg: &SegmentMeta) -> Result<(), Stop> {
        let Some(timestamps) = seg.options.timestamps.filter(|_| self.ts.on()) else { return Ok(()) };
        if !self.ts.is_old(now, timestamps.val) || self.fills_a_gap(seg, timestamps.val) {
            return Ok(());
        }
        self.ack_now |= seg.len > 0;
        Err(Stop::Refused(DropReason::OldTimestamp))
    }

    /// TIME-WAIT: no reset counts (RFC 1337), what has no ACK is dropped, and what is not just an acknowledgment of all
    /// is answered by one. A FIN again begins 2·MSL anew.
    fn arrives_in_time_wait_like_freebsd(&mut self, now: Instant, seg: &SegmentMeta, start: u64) -> Stop {
        if seg.flags.contains(TcpFlags::RST) {
            return Stop::Refused(DropReason::ResetInTimeWait);
        }
        if !seg.flags.contains(TcpFlags::ACK) {
            return Stop::Refused(DropReason::NoAck);
        }
        if self.ts.on() && seg.options.timestamps.is_none() && !self.config.tolerate_missing_timestamps {
            return Stop::Refused(DropReason::TimestampMissing);
        }
        let syn = u64::from(seg.flags.contains(TcpFlags::SYN));
        if seg.flags.contains(TcpFlags::FIN) && start + syn + u64::from(seg.len) + 1 == self.rcv.nxt {
            self.timers.set(Timer::TimeWait, now + self.config.time_wait);
            self.ack_now = true;
            return Stop::Refused(DropReason::BelowWindow);
        }
        let repeats = start == self.rcv.nxt && seg.ack == self.snd_max();
        if seg.flags == TcpFlags::ACK && seg.len == 0 && repeats {
            return Stop::Done;
        }
        self.ack_now = true;
        Stop::Refused(if syn > 0 { DropReason::SynOnOpenConnection } else { DropReason::DataAfterFin })
    }
}
