//! Forming segments: what may be sent now, and what goes into its header (RFC 9293 §3.8.6.2.1, §3.7.4, §3.10.2).

use alloc::boxed::Box;
use core::ops::Range;

use super::config::Ecn;
use super::congestion::{CongestionControl as _, initial_window};
use super::dialect::Dialect;
use super::mtu::Probing;
use super::receive;
use super::recovery::{FRto, Phase};
use super::rtt::nanos;
use super::rules::{SmallSegments, WindowProbe};
use super::segment::{SegmentMeta, SegmentOptions, SegmentPlan};
use super::send::{ORIGIN, offset};
use super::state::{Event, State};
use super::tcb::Tcb;
use super::timers::Timer;
use crate::{EcnCodepoint, Instant, TcpFlags};

/// Octets of a timestamps option with two NOPs before it.
const TIMESTAMPS_LEN: u32 = 12;
/// Octets of a SACK option without blocks, with two NOPs before it; and of each block.
const SACK_LEN: (u32, u32) = (4, 8);
/// Octets of options that a header has room for.
pub(super) const OPTIONS_LEN: u32 = 40;

/// A piece of sequence space that one segment carries.
#[derive(Clone, Copy, Debug)]
struct Span {
    /// Position of the SYN or of the first octet.
    start: u64,
    /// Octets of payload.
    len: u32,
    syn: bool,
    fin: bool,
}

impl Span {
    const fn end(&self) -> u64 {
        self.start + self.len as u64 + self.syn as u64 + self.fin as u64
    }
}

impl Tcb {
    /// Writes the next segment to send to `plan`, which is empty as yet, and says whether there is any.
    // RFC 1122-8
    pub(super) fn next_segment(&mut self, now: Instant, plan: &mut SegmentPlan) -> bool {
        if let Some(meta) = self.rare.if_any().and_then(|rare| rare.reply.take()) {
            plan.meta = *meta;
        } else if matches!(self.state, State::Closed | State::Listen) {
            return false;
        } else if self.takes_empty_probe() {
            self.rare.make().unanswered_since.get_or_insert(now);
            self.bare(now, self.snd.una - 1, plan);
        } else if let Some(span) = self.next_span(now) {
            self.transmit(now, span, plan);
        } else if core::mem::take(&mut self.keepalive_due) {
            // Before what the peer expects, and empty: it can only answer with an acknowledgment (§3.8.4, SHLD-12).
            self.bare(now, self.snd.max - 1, plan);
        } else if self.ack_now && self.state != State::SynSent {
            if self.config.is_freebsd() {
                self.owed_like_freebsd(now, plan);
            } else {
                self.bare(now, self.snd.next_expected(), plan);
            }
        } else {
            return false;
        }
        true
    }

    /// What sequence space may go out now.
    // RFC 6675-5
    fn next_span(&mut self, now: Instant) -> Option<Span> {
        if self.snd.nxt == ORIGIN {
            return Some(Span { start: ORIGIN, len: self.syn_data(), syn: true, fin: false });
        }
        match self.state {
            State::SynSent => return None,
            State::SynReceived if self.early => return self.new_span(now),
            State::SynReceived => return self.early_fin(),
            _ if self.snd.syn_unacknowledged() => return None,
            _ => {}
        }
        if core::mem::take(&mut self.probe_due) && self.snd.wnd == 0 && self.snd.has_unfinished() {
            return Some(self.window_probe());
        }
        if self.recovery.probe.take_due() && self.snd.wnd > 0 && self.snd.outstanding() > 0 {
            return self.tail_probe();
        }
        if self.is_paced_at(now) {
            return None;
        }
        self.restart_after_idle(now);
        if self.recovery.f_rto == FRto::New
            && let Some(span) = self.new_span(now)
        {
            // Two new segments will tell whether the timeout was for nothing (RFC 5682 §2.1 step 2b).
            return Some(span);
        }
        if let Some(span) = self.lost_span() {
            return Some(span);
        }
        self.new_span(now)
    }

    /// Whether a probe of the closed window is to go out, and carries nothing: an answer is owed to what lies before the
    /// window (RFC 9293 §3.10.7.4, first check).
    fn takes_empty_probe(&mut self) -> bool {
        let empty = self.probe_due
            && self.config.window_probe == WindowProbe::Empty
            && self.snd.wnd == 0
            && self.snd.has_unfinished()
            && self.snd.outstanding() == 0
            && !self.snd.syn_unacknowledged();
        if empty {
            self.probe_due = false;
        }
        empty
    }

    /// What a probe of the closed window carries: the next octet, or the FIN; or the first segment again, if the window
    /// closed over it and an octet alone is not wanted.
    fn window_probe(&self) -> Span {
        let start = self.snd.una;
        let waiting = self.snd.queued.saturating_sub(start);
        let first = match self.records.oldest() {
            Some(first) if self.config.window_probe == WindowProbe::Empty => u64::from(first.len),
            _ => 1,
        };
        let len = u32::try_from(first.min(waiting)).unwrap_or(1);
        Span { start, len, syn: false, fin: len == 0 }
    }

    /// What was not sent before.
    fn new_span(&mut self, now: Instant) -> Option<Span> {
        if self.snd.nxt >= self.snd.end() {
            return None;
        }
        let start = self.snd.nxt;
        let len = match self.mtu_probe(now) {
            Probing::No => self.sendable()?,
            Probing::Wait => return None,
            Probing::Send(len) => {
                self.path.probe_sent(start, start + u64::from(len));
                len
            }
        };
        let fin = self.fin_follows(start + u64::from(len));
        if len == 0 && !fin {
            return None;
        }
        let minshall_cut = self.hold_is_over && self.config.small_segments == SmallSegments::Minshall;
        if minshall_cut {
            // What was sent though it is small, for want of room, is all that the peer can get for now.
            self.snd.push = start + u64::from(len);
        }
        self.hold_is_over = false;
        Some(Span { start, len, syn: false, fin })
    }

    /// CLOSE in SYN-RECEIVED with nothing queued sends its FIN at once (§3.10.4).
    fn early_fin(&self) -> Option<Span> {
        let start = self.snd.queued;
        let due = start == ORIGIN + 1 && self.snd.nxt == start && self.fin_follows(start);
        due.then_some(Span { start, len: 0, syn: false, fin: true })
    }

    /// The loss that was noticed first, to be sent again: what of it lies in the peer's window (SHLD-16) and in ours.
    /// Lost segments that follow each other become one where they fit, and after the last one new octets fill it up.
    // RFC 2525-14
    fn lost_span(&mut self) -> Option<Span> {
        if self.records.lost() == 0 || self.snd.wnd == 0 {
            return None;
        }
        let room = u64::from(self.payload_room());
        let edge = self.snd.edge();
        // The FIN takes a position beside the octets.
        let mut run = self.records.next_lost(room + 1)?;
        if run.start >= edge {
            // The peer has taken back the window in which that was. What it waits for comes first.
            run = self.records.first_lost(room + 1)?;
        }
        if self.config.small_segments == SmallSegments::Minshall
            && run.start < self.snd.queued
            && self.records.at(self.snd.queued).is_some_and(|last| last.start == self.snd.queued)
        {
            // A FIN that went by itself goes by itself again.
            run.end = run.end.min(self.snd.queued);
        }
        let end = run.end.min(self.snd.queued).min(edge).min(run.start + room);
        let mut len = end.saturating_sub(run.start);
        let mut fin = self.snd.fin_sent()
            && run.end > self.snd.queued
            && run.start + len == self.snd.queued
            && end < edge;
        let budget = self.budget();
        if len == 0 && !fin || len > budget {
            return None;
        }
        let fills_up = self.config.small_segments == SmallSegments::Rfc9293;
        if fills_up && !fin && run.start + len == self.snd.max && self.snd.nxt == self.snd.max {
            let more = self.snd.queued.min(edge).saturating_sub(self.snd.max);
            len += more.min(room - len).min(budget - len);
            fin = self.fin_follows(run.start + len);
        }
        Some(Span { start: run.start, len: u32::try_from(len).unwrap_or(u32::MAX), syn: false, fin })
    }

    /// The probe for the tail: a new segment if the peer's window has room, or else the last one again; the
    /// congestion window is not asked (RFC 8985 §7.3).
    // RFC 8985-21
    fn tail_probe(&mut self) -> Option<Span> {
        let room = u64::from(self.payload_room());
        let (nxt, max) = (self.snd.nxt, self.snd.max);
        let mut new = self.snd.queued.min(self.snd.edge()).saturating_sub(nxt).min(room);
        if self.config.small_segments == SmallSegments::Minshall && nxt + new < self.snd.queued && new < room
        {
            // It is not cut to fit.
            new = 0;
        }
        let fin = self.fin_follows(nxt + new);
        let (start, len, fin) = if nxt == max && (new > 0 || fin) {
            (nxt, new, fin)
        } else {
            let fin = self.snd.fin_sent();
            let end = max.min(self.snd.queued);
            let start = self.records.last()?.start.max(end.saturating_sub(room));
            (start, end.saturating_sub(start), fin)
        };
        let end = start + len + u64::from(fin);
        self.recovery.probe.sent(end.max(max), end <= max);
        let sent = &mut self.rare.make().probes_sent;
        *sent = sent.saturating_add(1);
        Some(Span { start, len: u32::try_from(len).unwrap_or(u32::MAX), syn: false, fin })
    }

    /// Octets that the congestion window has room for. When nothing is in flight it has room for a segment, however
    /// small it is: nothing else would ever open it.
    // RFC 5681-2, 5681-15, 6675-7
    pub(super) fn budget(&self) -> u64 {
        let in_flight = self.in_flight();
        let cwnd = u64::from(self.congestion.cwnd());
        if in_flight == 0 { cwnd.max(u64::from(self.path.size())) } else { cwnd.saturating_sub(in_flight) }
    }

    /// Whether the FIN stands at `position` and the window has room for it.
    // RFC 2525-15
    fn fin_follows(&self, position: u64) -> bool {
        self.snd.fin_queued && position == self.snd.queued && position < self.snd.edge()
    }

    /// How many octets from SND.NXT on may go in one segment now, as many as fit (SHLD-28): the sender's half of
    /// the silly window avoidance (§3.8.6.2.1, MUST-38), Nagle (§3.7.4, SHLD-7), and what the user said about more
    /// to come. `None` when nothing may; zero when only a FIN is left.
    // RFC 1122-6
    fn sendable(&self) -> Option<u32> {
        let start = self.snd.nxt;
        let waiting = self.snd.queued - start;
        if waiting == 0 {
            return Some(0);
        }
        let minshall = self.config.small_segments == SmallSegments::Minshall;
        let most = self.half_of_window().filter(|_| minshall);
        let room = u64::from(self.payload_room().min(most.unwrap_or(u32::MAX)));
        let in_window = self.snd.edge().saturating_sub(start);
        let idle = start == self.snd.una || self.snd.una == ORIGIN && start == ORIGIN + 1;
        let len = waiting.min(room).min(in_window);
        if len == 0 || len > self.budget() {
            return None;
        }
        let held = self.snd.more && !self.snd.fin_queued;
        let waits_for = !minshall || self.rare.read(|rare| rare.small_end) > self.snd.una;
        let idle = idle || self.rare.get().is_some_and(|rare| start < rare.idle_to);
        let nagled = self.config.nagle && !idle && !self.snd.fin_queued && waits_for;
        let worth_it = len == waiting || !minshall && len * 2 >= u64::from(self.snd.max_wnd);
        let goes = len == room || self.hold_is_over || worth_it && !held && !nagled;
        u32::try_from(len).ok().filter(|_| goes)
    }

    /// Half of the largest window that the peer ever gave: under Minshall's rule no new segment takes more. A window below
    /// 537 octets counts as a whole.
    fn half_of_window(&self) -> Option<u32> {
        const SMALL: u32 = 536;
        let most = if self.snd.max_wnd > SMALL { self.snd.max_wnd / 2 } else { self.snd.max_wnd };
        Some(most).filter(|&most| most > 0)
    }

    /// Whether new segments may take `len` octets, as far as that is concerned.
    #[inline]
    pub(super) fn fits_half_of_window(&self, len: u32) -> bool {
        self.config.small_segments == SmallSegments::Rfc9293 || len <= self.snd.max_wnd / 2
    }

    /// Who has been silent for longer than an RTO begins anew (RFC 5681 §4.1).
    // RFC 5681-20
    fn restart_after_idle(&mut self, now: Instant) {
        let nothing = self.snd.nxt >= self.snd.end();
        if nothing || !self.config.restart_after_idle {
            return;
        }
        if self.records.in_flight() > 0 || self.recovery.phase != Phase::Open {
            return;
        }
        let idle = now.since(self.last_sent);
        if idle > self.rto() {
            let window = initial_window(self.config.initial_window, self.effective_send_mss());
            self.congestion.on_idle(window, idle);
        }
    }

    /// The first FIN moves the state, the SYN and whatever else takes sequence space starts the timer.
    fn transmit(&mut self, now: Instant, span: Span, plan: &mut SegmentPlan) {
        self.unsettled = true;
        let first_fin = span.fin && !self.snd.fin_sent();
        let end = span.end();
        let repeated = self.snd.max.min(end).saturating_sub(span.start);
        let records = self.records.make();
        let in_flight = records.in_flight();
        let stamp = self.delivered.stamp(&mut records.clocks, now, in_flight);
        let data_end = span.start + u64::from(span.len);
        let pushed = self.snd.is_pushed(span.start, data_end)
            || self.config.small_segments == SmallSegments::Minshall && records.was_pushed(end);
        records.sent(span.start..end, now, stamp, pushed && !span.syn);
        if span.len > 0 && self.is_paced_by_user() {
            self.pace_after_sending(now);
        }
        let minshall = self.config.small_segments == SmallSegments::Minshall;
        if minshall && span.len > 0 && span.len < self.payload_room() {
            self.rare.make().small_end = end;
        }
        if span.len > 0 {
            self.path.on_sent(span.start, end, span.len + self.options_len(), repeated > 0);
        }
        if repeated > 0 {
            self.sent_again(now, span.start..span.start + repeated);
        }
        self.snd.max = self.snd.max.max(end);
        self.snd.nxt = if span.syn { end } else { self.snd.nxt.max(end) };
        self.keepalive_due = false;
        if self.snd.wnd > 0 || span.syn {
            self.last_sent = now;
            self.timers.stop(Timer::Keepalive);
            // The timer is that of the first segment, which starts anew with it (RFC 6675 §5.1).
            if repeated > 0 && span.start == self.snd.una && self.sack_on {
                self.timers.stop(Timer::Retransmit);
            }
            if end > self.snd.una {
                self.timers.stop(Timer::LossProbe);
            }
            self.start_retransmission(now);
            self.sent_in_window(now, end - span.start);
        } else {
            self.rare.make().unanswered_since.get_or_insert(now);
        }
        if first_fin {
            self.change(Event::Close, &mut plan.notices);
        }
        plan.offset = offset(span.start);
        if span.syn {
            self.syn(now, span, &mut plan.meta);
        } else {
            self.carrying(now, span, repeated == 0, pushed, &mut plan.meta);
        }
    }

    /// What is sent again counts for the user, and against the recovery that wants it.
    fn sent_again(&mut self, now: Instant, range: Range<u64>) {
        let rare = self.rare.make();
        rare.retransmitted += range.end - range.start;
        rare.retransmissions = rare.retransmissions.saturating_add(1);
        if let Some(undo) = self.recovery.undo.as_mut().filter(|undo| undo.until.is_none()) {
            undo.resent(range, now);
        }
    }

    /// What goes out takes its share of the budget in recovery, and its time where sending is paced.
    fn sent_in_window(&mut self, now: Instant, octets: u64) {
        if self.recovery.is_reducing() {
            self.recovery.odd.make().prr.sent(octets);
        }
        // PRR spreads what it lets out by itself.
        if self.config.pacing && self.recovery.phase != Phase::Recovery {
            self.pace(now, octets);
        }
    }

    /// Whether the next segment has to wait for its time.
    pub(super) fn is_paced_at(&self, now: Instant) -> bool {
        let free = self.recovery.phase == Phase::Recovery;
        self.pace_at > now && !free && self.pace_at > now.after_nanos(self.pace_quantum())
    }

    /// What may be sent ahead of its time, in nanoseconds, so that the owner of a large window is not called for each segment: a
    /// sixteenth of the round trip. Of a small window each segment has its own time: queues that are as small as it is
    /// hold no burst.
    fn pace_quantum(&self) -> u64 {
        let small = self.congestion.cwnd() < self.effective_send_mss().saturating_mul(2 * Self::PARTS);
        if !self.config.pacing || small {
            return 0;
        }
        (self.rtt.srtt_nanos() / u64::from(Self::PARTS)).min(nanos(self.config.granularity))
    }

    /// In so many parts a window goes out where sending is paced.
    const PARTS: u32 = 16;

    /// The next segment is due when so many octets have left at the rate that the window asks for: cwnd each round
    /// trip; twice as fast in slow start, a fifth faster later, so that pacing itself does not limit. The first flight
    /// goes out at once (RFC 6928 §2).
    #[inline]
    pub(super) fn pace(&mut self, now: Instant, octets: u64) {
        let Some(trip) = self.rtt.for_pacing() else { return };
        let initial = initial_window(self.config.initial_window, self.effective_send_mss());
        if self.snd.max <= ORIGIN + 1 + u64::from(initial) {
            return;
        }
        let window = self.congestion.cwnd();
        // The gap in a window of two segments would lengthen the round trip that it comes from.
        let fast = self.congestion.in_slow_start() || window < 3 * self.effective_send_mss();
        let (faster, than) = if fast { (2, 1) } else { (6, 5) };
        let gap = (trip.saturating_mul(octets * than) / (u64::from(window.max(1)) * faster)).min(trip);
        // An owner who comes late catches up, but not with more than a tick's worth; time in which something else
        // held us back is lost.
        let late = now.as_nanos().saturating_sub(self.pace_at.as_nanos());
        let caught_up = if self.pace_waits { nanos(self.config.granularity) } else { 0 };
        self.pace_at = self.pace_at.after_nanos(late.saturating_sub(caught_up)).after_nanos(gap);
    }

    /// The header of a SYN, with an acknowledgment once the peer's has come. It always has the MSS option (MUST-14,
    /// SHLD-5, MAY-3).
    // RFC 7323-3, 7323-11, 7323-16, 2018-1, 3168-7
    fn syn(&mut self, now: Instant, span: Span, meta: &mut SegmentMeta) {
        let answers = self.state != State::SynSent;
        (meta.seq, meta.flags, meta.window) = (self.snd.iss, TcpFlags::SYN, self.rcv.syn_window());
        if span.len > 0 {
            meta.len = span.len;
            // The kernels have none on a SYN.
            if span.end() == self.snd.queued && self.config.dialect == Dialect::Rfc {
                meta.flags |= TcpFlags::PSH;
            }
            self.rare.make().syn_data_end = span.end();
        }
        let plain = self.has_sent_plain_syn();
        // Where both called each other, Linux repeats its own SYN with all that it asked for.
        let agrees = answers && (self.passive || !self.config.is_linux());
        let offered = |asked: bool, agreed: bool| if agrees { agreed } else { asked && !plain };
        meta.options = SegmentOptions {
            mss: self.config.announce_mss.then_some(self.config.mss),
            window_scale: offered(self.config.window_scaling, self.scaling_on).then_some(if agrees {
                self.rcv.scale
            } else {
                receive::scale(&self.config)
            }),
            sack_permitted: offered(self.config.sack, self.sack_on),
            timestamps: offered(self.config.timestamps, self.ts.on()).then(|| self.ts.option(now)),
            fast_open: self.rare.get().and_then(|rare| rare.cookie).filter(|_| self.shows_cookie(answers)),
            ..SegmentOptions::default()
        };
        if answers {
            meta.flags |= TcpFlags::ACK;
            meta.flags |= self.ecn.syn_ack(self.config.ecn);
            meta.ack = self.rcv.seq(self.rcv.nxt);
            self.acknowledged();
        } else {
            let ask = self.config.ecn == Ecn::Request && self.rtt.backoff() <= self.config.ecn_syn_retries;
            meta.flags |= self.ecn.syn(ask);
        }
    }

    /// The header of a segment with octets or a FIN, of which all is `new` or not.
    fn carrying(&mut self, now: Instant, span: Span, new: bool, pushed: bool, meta: &mut SegmentMeta) {
        self.header(now, span.start, meta);
        if new && span.len > 0 && self.snd.wnd > 0 {
            self.mark(meta);
        }
        meta.len = span.len;
        if span.fin {
            meta.flags |= TcpFlags::FIN;
        }
        if span.len > 0 && pushed {
            meta.flags |= TcpFlags::PSH;
        }
    }

    /// New octets inside the peer's window may be marked (RFC 3168 §6.1.4 to §6.1.6).
    // RFC 3168-8, 3168-18, 3168-20, 3168-22
    #[inline]
    fn mark(&mut self, meta: &mut SegmentMeta) {
        if self.ecn.may_be_marked() {
            meta.ecn = EcnCodepoint::Ect0;
            meta.flags |= self.ecn.cwr();
        }
    }

    /// The header of a segment with new octets and no FIN, where there are no SACK blocks to report.
    #[inline(always)]
    pub(super) fn carrying_new(&mut self, now: Instant, start: u64, len: u32, meta: &mut SegmentMeta) {
        self.write_header(now, start, meta);
        self.mark(meta);
        meta.len = len;
        if self.snd.is_pushed(start, start + u64::from(len)) {
            meta.flags |= TcpFlags::PSH;
        }
    }

    /// The acknowledgment that is owed. FreeBSD sends a FIN that is not acknowledged again with each, unless it is a
    /// challenge.
    #[cold]
    fn owed_like_freebsd(&mut self, now: Instant, plan: &mut SegmentPlan) {
        let challenging = self.rare.if_any().is_some_and(|rare| core::mem::take(&mut rare.challenging));
        let fin = self.snd.fin_sent() && !self.snd.fin_acknowledged();
        if fin && !challenging {
            self.bare(now, self.snd.queued, plan);
            plan.meta.flags |= TcpFlags::FIN;
        } else {
            self.bare(now, self.snd.next_expected(), plan);
        }
    }

    /// A segment without sequence space.
    fn bare(&mut self, now: Instant, position: u64, plan: &mut SegmentPlan) {
        plan.offset = offset(position);
        self.header(now, position, &mut plan.meta);
    }

    /// What all segments after the handshake have: an acknowledgment, a window, and the options that were
    /// agreed on.
    // RFC 2018-6
    fn header(&mut self, now: Instant, position: u64, meta: &mut SegmentMeta) {
        self.write_header(now, position, meta);
        if self.sack_on && self.rcv.sack_wanted() > 0 {
            meta.options.sack = self.rcv.sack(self.sack_room(), self.config.is_linux());
        }
    }

    /// All of it but SACK blocks.
    // RFC 7323-12
    #[inline(always)]
    fn write_header(&mut self, now: Instant, position: u64, meta: &mut SegmentMeta) {
        meta.seq = self.snd.seq(position);
        meta.ack = self.rcv.seq(self.rcv.nxt);
        meta.flags = TcpFlags::ACK | self.ecn.echo();
        meta.window = self.rcv.advertise(&self.config);
        if let Some(up) =
            self.rare.get().map(|rare| rare.snd_up).filter(|&up| up > position.max(self.snd.una))
        {
            meta.flags |= TcpFlags::URG;
            meta.urgent = u16::try_from(up - position).unwrap_or(u16::MAX);
        }
        if self.ts.on() {
            meta.options.timestamps = Some(self.ts.option(now));
        }
        self.acknowledged();
    }

    /// RCV.NXT goes out: no acknowledgment is owed any more.
    // RFC 5681-23
    fn acknowledged(&mut self) {
        if self.is_paced_by_user() {
            self.pace_after_ack(self.ack_now || self.rcv.nxt > self.rcv.last_ack_sent);
        }
        self.ack_now = false;
        self.timers.stop(Timer::DelayedAck);
        self.rcv.last_ack_sent = self.rcv.nxt;
    }

    /// The reset that ends the connection for the peer too (§3.10.5).
    pub(super) fn reset_peer(&mut self) {
        self.reply(Some(SegmentMeta {
            seq: self.snd.seq(self.snd.next_expected()),
            ack: self.rcv.seq(self.rcv.nxt),
            flags: TcpFlags::RST | TcpFlags::ACK,
            ..SegmentMeta::default()
        }));
    }

    /// This is to be sent before anything else.
    pub(super) fn reply(&mut self, reset: Option<SegmentMeta>) {
        self.rare.make().reply = reset.map(Box::new);
    }

    /// How many SACK blocks fit beside the timestamps.
    // RFC 2018-5
    fn sack_room(&self) -> usize {
        if self.ts.on() { 3 } else { 4 }
    }

    /// Octets of payload that fit into a segment now: the MSS less the options (MUST-16).
    // RFC 2525-18
    pub(super) fn payload_room(&self) -> u32 {
        let blocks = if self.sack_on { self.rcv.sack_wanted().min(self.sack_room()) } else { 0 };
        let sack = u32::try_from(blocks).map_or(0, |n| if n > 0 { SACK_LEN.0 + SACK_LEN.1 * n } else { 0 });
        let options = sack + self.options_len();
        debug_assert!(options <= OPTIONS_LEN, "the options have to fit");
        (self.path.size() - options.min(OPTIONS_LEN)).max(1)
    }

    /// Eff.snd.MSS: the largest payload of a segment that reports no SACK blocks (RFC 9293 §3.7.1).
    #[must_use]
    pub fn effective_send_mss(&self) -> u32 {
        self.path.size() - self.options_len()
    }

    /// Octets of the options that every segment has.
    pub(super) fn options_len(&self) -> u32 {
        if self.ts.on() { TIMESTAMPS_LEN } else { 0 }
    }
}
