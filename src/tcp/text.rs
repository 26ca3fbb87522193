//! Payload and FIN of an acceptable segment: the seventh and eighth check of RFC 9293 §3.10.7.4, and when they
//! are acknowledged (§3.8.6.3, RFC 5681 §4.2).

use super::arrival::{Arrived, Stop};
use super::compact::Maybe;
use super::notices::{CloseReason, Notices};
use super::ranges::Inserted;
use super::segment::{DropReason, Placed, SegmentMeta, Verdict};
use super::send::offset;
use super::state::{Event, State};
use super::tcb::Tcb;
use super::timers::Timer;
use crate::{Instant, TcpFlags};

impl Tcb {
    /// Seventh: the segment text.
    // RFC 2883-4, 2883-6, 3168-21
    pub(super) fn check_text(
        &mut self,
        now: Instant,
        seg: &SegmentMeta,
        arrived: &Arrived,
        out: &mut Verdict,
    ) -> Result<(), Stop> {
        self.doubt_early_fin(seg, arrived);
        if seg.len == 0 {
            let fin_again =
                seg.flags.contains(TcpFlags::FIN) && self.rcv.fin.get().is_some_and(|fin| arrived.end > fin);
            self.ack_now |= fin_again && !self.is_ignored_behind_fin(arrived);
            return if fin_again { Err(Stop::Refused(DropReason::DataAfterFin)) } else { Ok(()) };
        }
        if let Some(reason) = self.refuses_text(seg, arrived, &mut out.notices) {
            self.ack_now |= self.state != State::Closed && !self.is_ignored_behind_fin(arrived);
            return Err(Stop::Refused(reason));
        }
        let next = self.rcv.nxt;
        let start = arrived.start.max(next);
        let end = arrived.end.min(self.rcv.edge).min(self.rcv.fin.get().unwrap_or(u64::MAX));
        if end <= start {
            self.report_duplicate(arrived.start, arrived.end.min(self.rcv.nxt));
            self.ack_now = true;
            self.acknowledge_one_by_one(now);
            // A repeated FIN behind known octets is the eighth check's business.
            let rest = seg.flags.contains(TcpFlags::FIN) && arrived.end >= self.rcv.nxt;
            return if rest { Ok(()) } else { Err(Stop::Refused(DropReason::Duplicate)) };
        }
        self.hear_mark(seg);
        self.report_duplicate(arrived.start, start);
        self.rcv.note_size(seg.len, self.config.mss);
        if start == next && self.is_paced_by_user() {
            self.note_pace(now, seg);
            if seg.flags.contains(TcpFlags::FIN) {
                self.fin_ends_pace();
            }
        }
        match self.place(now, start, end, out) {
            // The eighth check wants to see a FIN behind octets that are known already.
            Err(Stop::Refused(DropReason::Duplicate)) if seg.flags.contains(TcpFlags::FIN) => return Ok(()),
            placed => placed?,
        }
        if start == next {
            self.note_round_trip(now, seg.options.timestamps.filter(|_| self.ts.on()));
        }
        let (skip, len) = (start - arrived.start, end - start);
        out.store = Some(Placed {
            offset: offset(start),
            skip: u32::try_from(skip).unwrap_or(u32::MAX),
            len: u32::try_from(len).unwrap_or(u32::MAX),
        });
        Ok(())
    }

    /// A FIN that has come early, and something behind its place: one of the two is not the peer's. To forget the FIN
    /// does no harm, for the peer sends it until it is acknowledged. To believe in it would let whoever forges one, anywhere
    /// in the window, hold up the stream.
    // RFC 9293 X-10
    fn doubt_early_fin(&mut self, seg: &SegmentMeta, arrived: &Arrived) {
        let goes_on = seg.len > 0 || seg.flags.contains(TcpFlags::FIN);
        if goes_on && self.rcv.fin.get().is_some_and(|fin| self.rcv.nxt <= fin && fin < arrived.end) {
            self.rcv.fin = Maybe::NONE;
        }
    }

    /// What begins behind the peer's FIN is no news of anything to Linux.
    fn is_ignored_behind_fin(&self, arrived: &Arrived) -> bool {
        self.config.is_linux() && self.state.has_received_fin() && arrived.start >= self.rcv.nxt
    }

    /// Why no octet behind RCV.NXT may come any more.
    // RFC 2525-16
    fn refuses_text(
        &mut self,
        seg: &SegmentMeta,
        arrived: &Arrived,
        notices: &mut Notices,
    ) -> Option<DropReason> {
        if self.rcv.fin.get().is_some_and(|fin| arrived.end > fin) {
            return Some(DropReason::DataAfterFin);
        }
        if self.let_go && arrived.end > self.rcv.nxt {
            // Nobody will read it, and the peer is to know (§3.6.1, SHLD-3).
            if self.config.is_freebsd() || self.config.is_linux() {
                self.reply(seg.reset_in_answer());
            } else {
                self.reset_peer();
            }
            self.end(Event::Abort, CloseReason::Discarded, notices);
            return Some(DropReason::DataAfterClose);
        }
        None
    }

    fn report_duplicate(&mut self, start: u64, end: u64) {
        if self.sack_on && self.config.d_sack && start < end {
            self.rcv.report_duplicate(start, end);
        }
    }

    /// Accepts [start, end), which lies in the window.
    // RFC 5681-13, 5681-14, 2018-10, 2883-3, 2525-5
    fn place(&mut self, now: Instant, start: u64, end: u64, out: &mut Verdict) -> Result<(), Stop> {
        if start > self.rcv.nxt {
            if self.is_paced_by_user() {
                self.acknowledge_beyond_gap(now);
            } else {
                self.ack_now = true;
            }
            let known = self.rcv.ranges.overlap(&(start..end));
            let most = self.rcv.ranges_worth_keeping().min(usize::from(self.config.max_ranges));
            match self.rcv.ranges.insert(start..end, most) {
                Inserted::Full => return Err(Stop::Refused(DropReason::TooManyRanges)),
                Inserted::Known => {
                    self.report_duplicate(start, end);
                    return Err(Stop::Refused(DropReason::Duplicate));
                }
                Inserted::New => {}
            }
            if let Some(known) = known {
                self.report_duplicate(known.start, known.end);
            }
            return Ok(());
        }
        if self.rcv.ranges.is_empty() && self.rcv.fin.is_none() {
            self.rcv.nxt = end;
            self.acknowledge_soon(now);
        } else {
            // It fills a gap, or a part of one: the sender is waiting to hear that (RFC 5681 §4.2).
            if let Some(known) = self.rcv.ranges.overlap(&(start..end)) {
                self.report_duplicate(known.start, known.end);
            }
            self.rcv.nxt = self.rcv.ranges.take_through(end);
            self.ack_now = true;
        }
        out.notices.readable = true;
        Ok(())
    }

    /// At once for every second full-sized segment, or else a little later (SHLD-18, SHLD-19, MUST-40).
    // RFC 5681-22, 2525-13
    pub(super) fn acknowledge_soon(&mut self, now: Instant) {
        if self.is_paced_by_user() {
            return self.acknowledge_at_pace(now);
        }
        let unacknowledged = self.rcv.nxt - self.rcv.last_ack_sent;
        let delay = self.ack_delay();
        // Room for an option more or less: two segments that are nearly full count as full.
        let two = u64::from(2 * self.rcv.full_size() - self.rcv.full_size() / 8);
        let second = self.config.is_freebsd() && self.timers.runs(Timer::DelayedAck);
        if delay.is_zero() || unacknowledged >= two || second {
            self.ack_now = true;
        } else if !self.ack_now {
            self.timers.start(Timer::DelayedAck, now + delay);
        }
    }

    /// Eighth: the FIN. One that comes before the octets ahead of it is remembered.
    // RFC 9293 X-10
    pub(super) fn check_fin(
        &mut self,
        now: Instant,
        seg: &SegmentMeta,
        arrived: &Arrived,
        notices: &mut Notices,
    ) {
        // Under `AckPolicy::Quick` the FIN of a peer that is done can wait: nobody hurries.
        let waits = self.is_paced_by_user()
            && self.state == State::Established
            && self.rcv.fin.is_none()
            && arrived.end == self.rcv.nxt;
        let owed = self.ack_now || !waits;
        self.ack_now |= seg.flags.contains(TcpFlags::FIN);
        let fin = arrived.end;
        if seg.flags.contains(TcpFlags::FIN) && !self.rcv.fin_received() && fin < self.rcv.edge {
            let behind_all = fin > self.rcv.nxt && self.rcv.ranges.end().is_none_or(|end| fin >= end);
            if fin == self.rcv.nxt {
                // All before it is here, so it counts: what waits behind it is not the peer's.
                self.rcv.fin = Maybe::some(fin);
                self.rcv.ranges.clear();
            } else if behind_all && self.rcv.fin.is_none() {
                self.rcv.fin = Maybe::some(fin);
            }
        }
        if !self.take_fin_if_next(notices) {
            return;
        }
        if self.state == State::TimeWait {
            self.enter_time_wait(now);
        } else if !owed {
            self.ack_now = false;
            self.fin_ends_pace();
            self.delay_acknowledgment(now);
        }
    }

    /// Moves over the peer's FIN once everything before it is there, and says whether it did.
    pub(super) fn take_fin_if_next(&mut self, notices: &mut Notices) -> bool {
        if self.rcv.fin.get() != Some(self.rcv.nxt) {
            return false;
        }
        self.rcv.nxt += 1;
        self.ack_now = true;
        if self.config.is_linux() && self.state == State::Established {
            // With the FIN it forgets what it had to report.
            self.rcv.forget_duplicate();
        }
        notices.peer_closed = true;
        self.change(Event::Fin, notices);
        true
    }

    /// All is said: no timer but that of 2·MSL runs.
    pub(super) fn enter_time_wait(&mut self, now: Instant) {
        self.ack_now |= self.timers.runs(Timer::DelayedAck);
        self.timers.stop_all();
        self.timers.set(Timer::TimeWait, now + self.config.time_wait);
    }
}
