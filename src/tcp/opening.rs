//! Segments that arrive in LISTEN and SYN-SENT (RFC 9293 §3.10.7.2 and §3.10.7.3), and the way to ESTABLISHED.

use alloc::sync::Arc;
use core::time::Duration;

use super::arrival::{Arrived, Stop};
use super::compact::Maybe;
use super::congestion::{CongestionControl as _, initial_window};
use super::notices::{CloseReason, Notices};
use super::segment::{DropReason, Placed, SegmentMeta, Verdict};
use super::send::{ORIGIN, offset};
use super::state::{Event, State};
use super::tcb::Tcb;
use super::timers::Timer;
use crate::{Instant, TcpFlags};

/// How soon Linux repeats a SYN that was answered by something old.
const SOON: Duration = Duration::from_millis(2);

/// Shift counts above 14 are taken for 14 (RFC 7323 §2.3).
pub(super) const MOST_SCALE: u8 = 14;

impl Tcb {
    /// A segment in LISTEN (§3.10.7.2).
    // RFC 9293 X-2
    pub(super) fn arrives_in_listen(
        &mut self,
        now: Instant,
        seg: &SegmentMeta,
        out: &mut Verdict,
    ) -> Result<(), Stop> {
        if seg.flags.contains(TcpFlags::RST) {
            return Err(Stop::Refused(DropReason::ResetInListen));
        }
        if seg.flags.contains(TcpFlags::ACK) {
            self.reply(seg.reset_in_answer());
            return Err(Stop::Refused(DropReason::AckInListen));
        }
        if !seg.flags.contains(TcpFlags::SYN) {
            return Err(Stop::Refused(DropReason::NothingForListen));
        }
        self.take_syn(now, seg);
        self.keep_early_text(seg, out);
        self.change(Event::Syn, &mut out.notices);
        Ok(())
    }

    /// A segment in SYN-SENT (§3.10.7.3).
    // RFC 5961-14, X-3
    pub(super) fn arrives_in_syn_sent(
        &mut self,
        now: Instant,
        seg: &SegmentMeta,
        out: &mut Verdict,
    ) -> Result<(), Stop> {
        let has = |flag| seg.flags.contains(flag);
        let acknowledged = self.snd.position(seg.ack);
        let acknowledges = has(TcpFlags::ACK);
        if acknowledges && !(acknowledged > self.snd.una && acknowledged <= self.snd.max) {
            self.reply(seg.reset_in_answer());
            if self.config.is_linux() && !self.syn_repeated {
                // Something old was answered, and the other end may listen now: the SYN goes again soon.
                self.timers.set(Timer::Retransmit, now + SOON);
            }
            return Err(Stop::Refused(DropReason::AckNotOfOurSyn));
        }
        if has(TcpFlags::RST) {
            if !acknowledges {
                return Err(Stop::Refused(DropReason::ResetWithoutAckOfSyn));
            }
            self.end(Event::Rst, CloseReason::Refused, &mut out.notices);
            return Err(Stop::Done);
        }
        if !has(TcpFlags::SYN) {
            return Err(Stop::Refused(DropReason::NoSynInSynSent));
        }
        self.take_syn(now, seg);
        if !acknowledges {
            // Simultaneous open (MUST-10): our SYN goes again, with an acknowledgment.
            self.keep_early_text(seg, out);
            self.change(Event::Syn, &mut out.notices);
            self.snd.nxt = ORIGIN;
            return Ok(());
        }
        self.take_cookie(seg);
        self.acknowledge(now, acknowledged, seg, &mut out.notices);
        self.change(Event::SynAck, &mut out.notices);
        self.enter_established(&mut out.notices);
        self.ack_now = true;
        let arrived = Arrived { start: ORIGIN + 1, end: ORIGIN + 1 + u64::from(seg.len), refused: None };
        if self.config.is_linux() && !self.config.fast_open {
            // What came with the SYN will come again.
            return Ok(());
        }
        self.check_urgent(seg, &arrived, &mut out.notices);
        self.check_text(now, seg, &arrived, out)?;
        self.check_fin(now, seg, &arrived, &mut out.notices);
        Ok(())
    }

    /// Takes from the peer's SYN its number, its window and its options: the MSS among them (MUST-14).
    fn take_syn(&mut self, now: Instant, seg: &SegmentMeta) {
        self.rcv.begin(seg.seq);
        self.ecn.hear_syn(seg.flags);
        self.take_options(now, seg);
        // The window of a SYN is never scaled (RFC 7323 §2.2).
        self.snd.wnd = u32::from(seg.window);
        self.snd.max_wnd = self.snd.wnd;
        self.snd.wl1 = ORIGIN;
    }

    /// Takes the options of the peer's SYN; where it comes again, those of the last.
    // RFC 7323-1, 7323-2, 7323-6, 7323-13, 2018-2
    pub(super) fn take_options(&mut self, now: Instant, seg: &SegmentMeta) {
        self.path.open(&self.config, self.config.mss_of_peer(seg.options.mss));
        let plain = self.has_sent_plain_syn();
        self.scaling_on = self.config.window_scaling && !plain && seg.options.window_scale.is_some();
        match seg.options.window_scale {
            Some(shift) if self.scaling_on => self.snd.scale = shift.min(MOST_SCALE),
            _ => (self.snd.scale, self.rcv.scale) = (0, 0),
        }
        self.sack_on = self.config.sack && !plain && seg.options.sack_permitted;
        if self.config.is_freebsd() {
            self.rcv.round_up(self.path.size());
        }
        if let Some(timestamps) = seg.options.timestamps.filter(|_| self.config.timestamps && !plain) {
            self.ts.begin(now, timestamps.val);
        } else {
            self.ts.turn_off();
        }
    }

    /// Whether our SYN has been sent so often that it went without options that the peer may do without
    /// ([`plain_syn_after`](super::TcpConfig::plain_syn_after)).
    pub(super) fn has_sent_plain_syn(&self) -> bool {
        let calls = self.state == State::SynSent;
        calls && self.config.plain_syn_after.is_some_and(|most| self.rtt.backoff() >= most)
    }

    /// Keeps octets and FIN that came with a SYN until the handshake is done, as if they were out of order
    /// (§3.10.7.2: "queued for processing later").
    // RFC 1122-14
    fn keep_early_text(&mut self, seg: &SegmentMeta, out: &mut Verdict) {
        let start = ORIGIN + 1;
        let end = (start + u64::from(seg.len)).min(self.rcv.edge);
        if end > start {
            self.rcv.ranges.insert(start..end, usize::from(self.config.max_ranges.max(1)));
            let len = u32::try_from(end - start).unwrap_or(u32::MAX);
            out.store = Some(Placed { offset: offset(start), skip: 0, len });
        }
        if seg.flags.contains(TcpFlags::FIN) && end == start + u64::from(seg.len) && end < self.rcv.edge {
            self.rcv.fin = Maybe::some(end);
        }
    }

    /// The handshake is done. What came with the peer's SYN may be read now.
    // RFC 5681-4, 2525-3
    pub(super) fn enter_established(&mut self, notices: &mut Notices) {
        notices.connected = true;
        let smss = self.effective_send_mss();
        if self.syn_repeated {
            // RFC 6298 §5.7, and RFC 5681 §3.1: the network has lost something already.
            self.rtt.end_backoff();
            if !self.config.is_freebsd() {
                self.rtt.lost_syn();
            }
        }
        // Linux forgives one.
        let lost =
            self.syn_repeated && !(self.config.is_linux() && self.rare.read(|rare| rare.timeouts) == 1);
        let segments = if lost { 1 } else { self.config.initial_window };
        self.congestion.set_initial(initial_window(segments, smss));
        if self.config.is_freebsd() {
            self.rare.make().idle_to = self.snd.queued;
        }
        self.resend_syn_data();
        if !self.rcv.ranges.is_empty() {
            self.rcv.nxt = self.rcv.ranges.take_through(self.rcv.nxt);
            self.ack_now = true;
            notices.readable = true;
            if self.let_go {
                // Closed in SYN-RECEIVED: what came with the SYN will not be read (§3.6.1, SHLD-3).
                return self.abort(CloseReason::Discarded, Event::Abort, notices);
            }
        }
        self.take_fin_if_next(notices);
    }

    /// The caller of a passive open is lost: back to LISTEN, as if nobody had called (§3.10.7.4, second and fourth
    /// check). Not if the user has closed meanwhile, or has taken octets that came with the SYN: then nobody listens any
    /// more, and it is over.
    // RFC 9293 X-7
    pub(super) fn lose_caller(&mut self, event: Event, reason: CloseReason, notices: &mut Notices) {
        if self.snd.fin_queued || self.early {
            return self.end(event, reason, notices);
        }
        debug_assert!(
            self.state == State::SynReceived && self.passive,
            "only a listener goes back to LISTEN"
        );
        let mut fresh = Self::listen(Arc::clone(&self.config));
        core::mem::swap(self, &mut fresh);
        self.state = fresh.state;
        self.change(Event::BackToListen, notices);
    }
}
