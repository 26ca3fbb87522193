//! Segments that arrive in all other states: the checks of RFC 9293 §3.10.7.4, one function for each, in its
//! order, with RFC 5961 and RFC 7323 §5.
//!
//! | check | here |
//! |---|---|
//! | first: sequence number, PAWS | `check_sequence` |
//! | second: RST | `check_reset` |
//! | third: security | none is implemented (§3.10.7.4 asks for no check then) |
//! | fourth: SYN | `check_syn` |
//! | fifth: ACK (MAY-12) | `check_ack`, and [`ack`](super::ack) |
//! | sixth: URG | `check_urgent` |
//! | seventh: text | [`text`](super::text) |
//! | eighth: FIN | [`text`](super::text) |

use super::dialect::Dialect;
use super::notices::{CloseReason, Notices};
use super::segment::{DropReason, SegmentMeta, Verdict};
use super::send::ORIGIN;
use super::state::{Event, State};
use super::tcb::Tcb;
use super::timers::Timer;
use crate::{Instant, TcpFlags};

mod freebsd;
mod linux;

/// Why the processing of a segment ends before the eighth check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// Nothing is left to do.
    Done,
    /// The rest of the segment is refused.
    Refused(DropReason),
}

/// Where an acceptable segment lies.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrived {
    /// Position of its first octet of payload.
    pub(super) start: u64,
    /// Position after its last octet of payload: that of its FIN.
    pub(super) end: u64,
    /// Its acknowledgment counts, but its payload is refused for this reason.
    pub(super) refused: Option<DropReason>,
}

impl Tcb {
    /// A segment in SYN-RECEIVED or a synchronized state.
    // RFC 3168-23
    pub(super) fn arrives(&mut self, now: Instant, seg: &SegmentMeta, out: &mut Verdict) -> Result<(), Stop> {
        let arrived = if self.config.is_freebsd() && self.state != State::SynReceived {
            self.check_sequence_like_freebsd(now, seg, out)?
        } else if self.is_half_forgotten_by_linux() {
            self.check_sequence_like_linux(now, seg, out)?
        } else {
            self.check_sequence(now, seg)?
        };
        self.check_reset(now, seg, &arrived, &mut out.notices)?;
        self.check_syn(now, seg, &mut out.notices)?;
        let closing = self.state == State::Closing && self.config.is_linux();
        self.check_ack(now, seg, &arrived, &mut out.notices)?;
        if closing && self.state == State::TimeWait {
            return Err(Stop::Done);
        }
        if arrived.refused == Some(DropReason::BelowWindow) {
            if self.config.is_freebsd() && self.state != State::SynReceived {
                self.report_if_received(arrived.start, seg.len);
                return Err(Stop::Refused(DropReason::BelowWindow));
            }
            return Err(self.refuse_by_sequence(now, seg, arrived.start, u64::from(seg.seq_len())));
        }
        self.check_urgent(seg, &arrived, &mut out.notices);
        if let Some(reason) = arrived.refused {
            self.hear_mark(seg);
            self.ack_now = true;
            return Err(Stop::Refused(reason));
        }
        self.check_text(now, seg, &arrived, out)?;
        self.check_fin(now, seg, &arrived, &mut out.notices);
        Ok(())
    }

    /// First: is any of it in the window, and is it not an old duplicate?
    // RFC 7323-23, 5961-1, 2525-12, X-4
    fn check_sequence(&mut self, now: Instant, seg: &SegmentMeta) -> Result<Arrived, Stop> {
        let (nxt, edge) = (self.rcv.nxt, self.rcv.edge);
        let start = self.rcv.position(seg.seq);
        if seg.flags.contains(TcpFlags::RST) {
            // RFC 5961 §3.2 looks at SEG.SEQ alone, so that a reset may carry text (SHLD-2).
            let inside = start == nxt || start > nxt && start < edge;
            let refused = Stop::Refused(DropReason::ResetOutsideWindow);
            if self.is_reset_at_fin_for_linux(start) {
                return Ok(Arrived { start: nxt, end: nxt, refused: None });
            }
            return if inside { Ok(Arrived { start, end: start, refused: None }) } else { Err(refused) };
        }
        if self.ts.on() && seg.options.timestamps.is_none() && self.repeats_first_syn(seg, start) {
            // Who has not been answered may try without options: the last SYN counts.
            self.take_options(now, seg);
        }
        self.check_timestamp(now, seg)?;
        if self.completes_simultaneous_open(seg, start) {
            self.ecn.hear_syn(seg.flags);
            self.heard();
            // Our own SYN,ACK has become needless if it was not polled for yet; its acknowledgment has not.
            self.ack_now |= self.snd.nxt == ORIGIN || self.config.is_freebsd();
            return Ok(Arrived { start: start + 1, end: start + 1 + u64::from(seg.len), refused: None });
        }
        if self.repeats_first_syn(seg, start) {
            self.ecn.hear_syn(seg.flags);
            self.snd.nxt = ORIGIN;
            return Err(Stop::Refused(DropReason::BelowWindow));
        }
        let len = u64::from(seg.seq_len());
        let acceptable = match (len, edge - nxt) {
            // Table 6 has "<", and "=" where the window is closed: but a sender that has filled the window stands at
            // its edge, and its acknowledgments must count even while the octets before them are lost.
            (0, _) => nxt <= start && start <= edge,
            (_, 0) => false,
            _ => nxt <= start && start < edge || nxt < start + len && start + len <= edge,
        };
        if acceptable {
            self.heard();
            let syn = u64::from(seg.flags.contains(TcpFlags::SYN));
            let start = start + syn;
            return Ok(Arrived { start, end: start + u64::from(seg.len), refused: None });
        }
        if edge == nxt && start == nxt && !seg.flags.contains(TcpFlags::SYN) {
            // "Special allowance": with a closed window valid ACKs and URGs still count (§3.10.7.4, MUST-66).
            self.heard();
            return Ok(Arrived { start, end: start, refused: Some(DropReason::ZeroWindow) });
        }
        if self.repeats_a_probe(seg, start, len) {
            self.heard();
            return Ok(Arrived { start, end: start, refused: Some(DropReason::BelowWindow) });
        }
        Err(self.refuse_by_sequence(now, seg, start, len))
    }

    /// A peer that takes our window for closed stands one before RCV.NXT once we have taken the octet, or the FIN,
    /// of its probe. What it acknowledges there has to count: two ends that probe each other would else never
    /// hear each other again.
    fn repeats_a_probe(&self, seg: &SegmentMeta, start: u64, len: u64) -> bool {
        let plain = seg.flags.contains(TcpFlags::ACK) && !seg.flags.contains(TcpFlags::SYN);
        let open = self.state.is_synchronized() && self.state != State::TimeWait;
        let repeats = if self.config.is_linux() {
            self.is_just_acknowledged(start, len)
        } else {
            start + 1 == self.rcv.nxt && len <= 1
        };
        plain && open && repeats
    }

    /// An unacceptable segment draws an acknowledgment. One without any sequence space could be the answer to
    /// one of ours: to those we answer only so often, and two confused ends come to rest.
    // RFC 5961-13, 1122-9
    fn refuse_by_sequence(&mut self, now: Instant, seg: &SegmentMeta, start: u64, len: u64) -> Stop {
        let below = start < self.rcv.nxt;
        match self.state {
            State::TimeWait if seg.flags.contains(TcpFlags::FIN) && start + len == self.rcv.nxt => {
                // "The only thing that can arrive": acknowledge it and wait for 2·MSL anew.
                self.timers.set(Timer::TimeWait, now + self.config.time_wait);
                self.ack_now = true;
            }
            _ if len > 0 && !seg.flags.contains(TcpFlags::SYN) => self.ack_now = true,
            _ => self.challenge(now),
        }
        if below && len > 0 {
            self.acknowledge_one_by_one(now);
        }
        // Linux reports a FIN as well.
        let fin_counts = self.config.is_linux() && !seg.flags.contains(TcpFlags::SYN);
        self.report_if_received(start, if fin_counts { seg.seq_len() } else { seg.len });
        Stop::Refused(if below { DropReason::BelowWindow } else { DropReason::AboveWindow })
    }

    /// All octets of a segment have arrived before: where SACK is in use the peer is told (RFC 2883).
    fn report_if_received(&mut self, start: u64, len: u32) {
        let end = start + u64::from(len);
        if self.sack_on && self.config.d_sack && len > 0 && end <= self.rcv.nxt {
            self.rcv.report_duplicate(start, end);
        }
    }

    /// In a simultaneous open the SYN,ACK repeats the SYN that we have: it lies before the window, and is the
    /// acknowledgment that we wait for (Figure 7).
    fn completes_simultaneous_open(&self, seg: &SegmentMeta, start: u64) -> bool {
        let acknowledged = self.snd.position(seg.ack);
        // FIN-WAIT-1 if our user closed before our SYN was acknowledged.
        matches!(self.state, State::SynReceived | State::FinWait1)
            && self.snd.syn_unacknowledged()
            && seg.flags.contains(TcpFlags::SYN | TcpFlags::ACK)
            && start == ORIGIN
            && acknowledged > self.snd.una
            && acknowledged <= self.snd.max
    }

    /// The peer's SYN again, with or without octets: our SYN,ACK was lost, and a bare acknowledgment would not
    /// help a peer that has no number of ours.
    fn repeats_first_syn(&self, seg: &SegmentMeta, start: u64) -> bool {
        let opens = seg.flags.contains(TcpFlags::SYN) && !seg.flags.contains(TcpFlags::ACK);
        self.state == State::SynReceived && opens && start == ORIGIN
    }

    /// A retransmission that fills a gap takes TS.Recent to its own time, and the segments that were held up behind it,
    /// sent before that, would all be refused: reordering would become loss. They may still come where something is
    /// missing before what has arrived (RFC 7323 §5.3 R1 has no such exception; see [`OVERTAKEN`] for why it is safe).
    ///
    /// [`OVERTAKEN`]: super::timestamps
    fn fills_a_gap(&self, seg: &SegmentMeta, val: u32) -> bool {
        let start = self.rcv.position(seg.seq);
        let before = self.rcv.ranges.end().is_some_and(|end| start + u64::from(seg.len) <= end);
        seg.len > 0 && start >= self.rcv.nxt && before && self.ts.may_be_overtaken(val)
    }

    /// RFC 7323 §5.3 R1 (PAWS) and §3.2. A SYN without timestamps is left to the fourth check: a peer that has
    /// restarted may not use them any more.
    // RFC 7323-14, 7323-24
    fn check_timestamp(&mut self, now: Instant, seg: &SegmentMeta) -> Result<(), Stop> {
        match seg.options.timestamps {
            Some(timestamps)
                if self.ts.is_old(now, timestamps.val) && !self.fills_a_gap(seg, timestamps.val) =>
            {
                if seg.seq_len() > 0 && !seg.flags.contains(TcpFlags::SYN) {
                    self.ack_now = true;
                } else {
                    self.challenge(now);
                }
                Err(Stop::Refused(DropReason::OldTimestamp))
            }
            None if self.ts.on()
                && !self.config.tolerate_missing_timestamps
                && (!seg.flags.contains(TcpFlags::SYN) || seg.flags.contains(TcpFlags::ACK)) =>
            {
                Err(Stop::Refused(DropReason::TimestampMissing))
            }
            _ => Ok(()),
        }
    }

    /// The peer lives: what has been asked of it is answered.
    pub(super) fn heard(&mut self) {
        self.keepalive_probes = 0;
        if let Some(rare) = self.rare.if_any() {
            rare.unanswered_since = None;
            rare.idle_to = 0;
        }
        self.timers.stop(Timer::Keepalive);
    }

    /// Second: a reset that is exactly where we are counts; another one in the window is challenged
    /// (RFC 5961 §3.2).
    // RFC 5961-2, 5961-3, X-5
    fn check_reset(
        &mut self,
        now: Instant,
        seg: &SegmentMeta,
        arrived: &Arrived,
        notices: &mut Notices,
    ) -> Result<(), Stop> {
        if !seg.flags.contains(TcpFlags::RST) {
            return Ok(());
        }
        if self.state == State::TimeWait && self.config.rfc1337 {
            return Err(Stop::Refused(DropReason::ResetInTimeWait));
        }
        // FreeBSD takes into account that an acknowledgment may wait.
        let exact = if self.config.is_freebsd() { self.rcv.last_ack_sent } else { self.rcv.nxt };
        if arrived.start != exact && !self.config.insecure_reset {
            self.challenge(now);
            return Err(Stop::Refused(DropReason::ResetNotExact));
        }
        match self.state {
            State::SynReceived if self.passive => self.lose_caller(Event::Rst, CloseReason::Reset, notices),
            State::SynReceived => self.end(Event::Rst, CloseReason::Refused, notices),
            State::TimeWait => self.end(Event::Rst, CloseReason::Closed, notices),
            _ => self.end(Event::Rst, CloseReason::Reset, notices),
        }
        Err(Stop::Done)
    }

    /// Fourth: a SYN here is an old duplicate, a peer that has restarted, or an attack. A challenge finds out
    /// which (RFC 5961 §4.2); a listener that had not heard from its caller again listens on.
    // RFC 5961-5, 5961-6, X-6
    fn check_syn(&mut self, now: Instant, seg: &SegmentMeta, notices: &mut Notices) -> Result<(), Stop> {
        let start = self.rcv.position(seg.seq);
        if !seg.flags.contains(TcpFlags::SYN) || self.completes_simultaneous_open(seg, start) {
            return Ok(());
        }
        if self.state == State::SynReceived && self.passive {
            self.lose_caller(Event::Rst, CloseReason::Reset, notices);
            return Err(Stop::Done);
        }
        if self.config.insecure_syn
            && self.rcv.nxt <= start
            && start < self.rcv.edge
            && self.state != State::TimeWait
        {
            self.abort(CloseReason::Reset, Event::Rst, notices);
            return Err(Stop::Done);
        }
        self.challenge(now);
        Err(Stop::Refused(DropReason::SynOnOpenConnection))
    }

    /// Fifth: the acknowledgment.
    // RFC 5961-7, 5961-8, 1122-13, X-8
    fn check_ack(
        &mut self,
        now: Instant,
        seg: &SegmentMeta,
        arrived: &Arrived,
        notices: &mut Notices,
    ) -> Result<(), Stop> {
        if !seg.flags.contains(TcpFlags::ACK) {
            return Err(Stop::Refused(DropReason::NoAck));
        }
        let acknowledged = self.snd.position(seg.ack);
        let in_flight = acknowledged > self.snd.una && acknowledged <= self.snd.max;
        if self.state == State::SynReceived {
            if !in_flight {
                self.reply(seg.reset_in_answer());
                return Err(Stop::Refused(DropReason::AckNotOfSynAck));
            }
        } else if acknowledged > self.snd.max {
            if self.config.is_freebsd() {
                self.ack_now = true;
            } else {
                self.challenge(now);
            }
            return Err(Stop::Refused(DropReason::AckOfUnsent));
        } else if self.is_too_old(acknowledged) {
            self.challenge(now);
            return Err(Stop::Refused(DropReason::AckTooOld));
        }
        self.keep_timestamp(now, seg);
        let opening = self.snd.syn_unacknowledged();
        if in_flight {
            self.acknowledge(now, acknowledged, seg, notices);
        } else if acknowledged == self.snd.una && arrived.refused.is_none() {
            self.consider_duplicate(now, seg);
        }
        if opening && in_flight {
            if self.state == State::SynReceived {
                self.change(Event::AckOfSyn, notices);
            }
            self.take_window(seg, arrived.start);
            self.enter_established(notices);
        } else if acknowledged >= self.snd.una {
            self.update_window(seg, arrived.start, in_flight);
            self.restart_persist(now);
        }
        self.after_ack(now, notices);
        if self.state == State::Closed { Err(Stop::Done) } else { Ok(()) }
    }

    /// Whether an acknowledgment is older than anything that may still be under way (RFC 5961 §5.2). Whoever closes in
    /// SYN-RECEIVED is in FIN-WAIT-1 with a SYN that is not acknowledged yet: what does not acknowledge it is not from
    /// the peer who was sent it.
    fn is_too_old(&self, acknowledged: u64) -> bool {
        if self.snd.syn_unacknowledged() {
            return acknowledged <= ORIGIN;
        }
        let first = if self.config.is_linux() { ORIGIN + 1 } else { 0 };
        acknowledged + u64::from(self.snd.max_wnd) < self.snd.una || acknowledged < first.min(self.snd.una)
    }

    /// RFC 7323 §4.3 (2): what the segment that is acknowledged first says of the clock.
    // RFC 7323-20, 7323-21, 7323-22
    fn keep_timestamp(&mut self, now: Instant, seg: &SegmentMeta) {
        if let Some(timestamps) = seg.options.timestamps.filter(|_| self.ts.on())
            && self.rcv.position(seg.seq) <= self.rcv.last_ack_sent
        {
            self.ts.keep(now, timestamps.val);
        }
    }

    /// Our FIN may have been acknowledged: the transitions of the fifth check.
    fn after_ack(&mut self, now: Instant, notices: &mut Notices) {
        if !self.snd.fin_acknowledged() {
            return;
        }
        match self.state {
            State::FinWait1 => self.change(Event::AckOfFin, notices),
            State::Closing => {
                self.change(Event::AckOfFin, notices);
                self.enter_time_wait(now);
            }
            State::LastAck => {
                notices.close_acknowledged = true;
                self.end(Event::AckOfFin, CloseReason::Closed, notices);
                return;
            }
            _ => return,
        }
        notices.close_acknowledged = true;
    }

    /// Sixth: the urgent pointer (MUST-30; RFC 6093: data stays in line). It names the octet after the urgent data
    /// (MUST-62).
    pub(super) fn check_urgent(&mut self, seg: &SegmentMeta, arrived: &Arrived, notices: &mut Notices) {
        let receiving = matches!(self.state, State::Established | State::FinWait1 | State::FinWait2);
        if !seg.flags.contains(TcpFlags::URG) || !receiving {
            return;
        }
        let up = arrived.start + u64::from(seg.urgent);
        if up > self.rare.read(|rare| rare.rcv_up) && up > self.rcv.consumed {
            self.rare.make().rcv_up = up;
            notices.urgent = true;
        }
    }

    /// A challenge ACK, built at the next poll from our own numbers. Limited for each connection by itself:
    /// a limit that connections share would tell one about another (RFC 5961 §7, CVE-2016-5696).
    // RFC 5961-4, 5961-9, 5961-11, 5961-12
    pub(super) fn challenge(&mut self, now: Instant) {
        const SECOND: core::time::Duration = core::time::Duration::from_secs(1);
        // Counted anew a second after the last one, so that no second has more than the limit.
        let interval = self.config.challenge_interval;
        let rare = self.rare.make();
        if rare.challenges > 0 && now.since(rare.challenged_at) < interval {
            return;
        }
        if now.since(rare.challenged_at) >= SECOND {
            rare.challenges = 0;
        }
        if rare.challenges < self.config.challenge_acks {
            let freebsd = self.config.dialect == Dialect::FreeBsd;
            if !freebsd || rare.challenges == 0 {
                rare.challenged_at = now;
            }
            rare.challenges += 1;
            rare.challenging = freebsd;
            self.ack_now = true;
        }
    }
}
