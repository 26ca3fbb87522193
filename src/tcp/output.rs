//! Forming segments: what may be sent now, and what goes into its header (RFC 9293 §3.8.6.2.1, §3.7.4, §3.10.2).

use super::congestion::{CongestionControl as _, initial_window};
use super::notices::Notices;
use super::segment::{SegmentMeta, SegmentOptions, SegmentPlan};
use super::send::{ORIGIN, offset};
use super::state::{Event, State};
use super::tcb::Tcb;
use super::timers::Timer;
use crate::{Instant, TcpFlags};

/// Octets of a timestamps option with two NOPs before it.
const TIMESTAMPS_LEN: u32 = 12;
/// Octets of a SACK option without blocks, with two NOPs before it; and of each block.
const SACK_LEN: (u32, u32) = (4, 8);
/// Octets of options that a header has room for.
const OPTIONS_LEN: u32 = 40;

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
    /// The next segment to send, if there is any.
    pub(super) fn next_segment(&mut self, now: Instant) -> Option<SegmentPlan> {
        if let Some(meta) = self.reply.take() {
            return Some(SegmentPlan { meta, offset: 0, notices: Notices::default() });
        }
        if matches!(self.state, State::Closed | State::Listen) {
            return None;
        }
        if let Some(span) = self.next_span(now) {
            return Some(self.transmit(now, span));
        }
        if core::mem::take(&mut self.keepalive_due) {
            // Before what the peer expects, and empty: it can only answer with an acknowledgment (§3.8.4, SHLD-12).
            return Some(self.bare(now, self.snd.max - 1));
        }
        if self.ack_now && self.state != State::SynSent {
            return Some(self.bare(now, self.snd.next_expected()));
        }
        None
    }

    /// What sequence space may go out now.
    fn next_span(&mut self, now: Instant) -> Option<Span> {
        if self.snd.nxt == ORIGIN {
            return Some(Span { start: ORIGIN, len: 0, syn: true, fin: false });
        }
        match self.state {
            State::SynSent => return None,
            State::SynReceived => return self.early_fin(),
            _ if self.snd.syn_unacknowledged() => return None,
            _ => {}
        }
        if core::mem::take(&mut self.retransmit_front) && self.snd.una < self.snd.max && self.snd.wnd > 0 {
            return Some(self.front());
        }
        if core::mem::take(&mut self.probe_due) && self.snd.wnd == 0 && self.snd.has_unfinished() {
            let len = u32::from(self.snd.una < self.snd.queued);
            return Some(Span { start: self.snd.una, len, syn: false, fin: len == 0 });
        }
        if self.snd.nxt >= self.snd.end() {
            return None;
        }
        self.restart_after_idle(now);
        let len = self.sendable()?;
        let start = self.snd.nxt;
        let fin = self.fin_follows(start + u64::from(len));
        if len == 0 && !fin {
            return None;
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

    /// The oldest segment that is not acknowledged, to be sent again: what of it lies in the window (SHLD-16).
    fn front(&self) -> Span {
        let start = self.snd.una;
        let sent = self.snd.max.min(self.snd.queued).min(self.snd.edge()).saturating_sub(start);
        let len = u32::try_from(sent.min(u64::from(self.payload_room()))).unwrap_or(u32::MAX);
        let fin = self.snd.fin_sent() && start + u64::from(len) == self.snd.queued;
        Span { start, len, syn: false, fin }
    }

    /// Whether the FIN stands at `position` and the window has room for it.
    fn fin_follows(&self, position: u64) -> bool {
        self.snd.fin_queued && position == self.snd.queued && position < self.snd.edge()
    }

    /// How many octets from SND.NXT on may go in one segment now, as many as fit (SHLD-28): the sender's half of
    /// the silly window avoidance (§3.8.6.2.1, MUST-38), Nagle (§3.7.4, SHLD-7), and what the user said about more
    /// to come. `None` when nothing may; zero when only a FIN is left.
    fn sendable(&self) -> Option<u32> {
        let start = self.snd.nxt;
        let waiting = self.snd.queued - start;
        if waiting == 0 {
            return Some(0);
        }
        let room = u64::from(self.payload_room());
        let in_window = self.snd.edge().saturating_sub(start);
        let in_cwnd = (self.snd.una + self.cwnd_with_limited_transmit()).saturating_sub(start);
        let idle = start == self.snd.una;
        let len = waiting.min(room).min(in_window);
        if len == 0 || len > in_cwnd {
            return None;
        }
        let repeated = start < self.snd.max;
        let held = self.snd.more && !self.snd.fin_queued;
        let nagled = self.config.nagle && !idle && !self.snd.fin_queued;
        let worth_it = len == waiting || len * 2 >= u64::from(self.snd.max_wnd);
        if len == room || self.hold_is_over || worth_it && !held && !nagled {
            return u32::try_from(len).ok();
        }
        // What was sent before goes again; nothing new goes with it.
        repeated.then(|| u32::try_from(len.min(self.snd.max - start)).unwrap_or(u32::MAX))
    }

    /// The congestion window, and on the first two duplicates a segment more for each (RFC 3042).
    fn cwnd_with_limited_transmit(&self) -> u64 {
        let more = u64::from(self.limited_transmit) * u64::from(self.effective_send_mss());
        u64::from(self.congestion.cwnd()) + more
    }

    /// Who has been silent for longer than an RTO begins anew (RFC 5681 §4.1).
    fn restart_after_idle(&mut self, now: Instant) {
        if self.snd.nxt == self.snd.una && now.since(self.last_sent) > self.rto() {
            let window = initial_window(self.config.initial_window, self.effective_send_mss());
            self.congestion.on_idle(window);
        }
    }

    /// The first FIN moves the state, the SYN and whatever else takes sequence space starts the timer.
    fn transmit(&mut self, now: Instant, span: Span) -> SegmentPlan {
        self.unsettled = true;
        let mut notices = Notices::default();
        let first_fin = span.fin && !self.snd.fin_sent();
        let end = span.end();
        let repeated = self.snd.max.min(end).saturating_sub(span.start);
        self.retransmitted += repeated;
        self.records.sent(span.start..end, now);
        self.snd.max = self.snd.max.max(end);
        if span.start == self.snd.nxt && self.snd.wnd > 0 || span.syn {
            self.snd.nxt = end;
        }
        self.keepalive_due = false;
        if self.snd.wnd > 0 || span.syn {
            self.last_sent = now;
            self.timers.stop(Timer::Keepalive);
            self.start_retransmission(now);
        } else {
            self.unanswered_since = self.unanswered_since.or(Some(now));
        }
        if first_fin {
            self.change(Event::Close, &mut notices);
        }
        let meta = if span.syn { self.syn(now) } else { self.carrying(now, span) };
        SegmentPlan { meta, offset: offset(span.start), notices }
    }

    /// The header of a SYN, with an acknowledgment once the peer's has come. It always has the MSS option (MUST-14,
    /// SHLD-5, MAY-3).
    fn syn(&mut self, now: Instant) -> SegmentMeta {
        let answers = self.state != State::SynSent;
        let mut meta = SegmentMeta {
            seq: self.snd.iss,
            flags: TcpFlags::SYN,
            window: self.rcv.unscaled_window(),
            ..SegmentMeta::default()
        };
        let offered = |asked: bool, agreed: bool| if answers { agreed } else { asked };
        meta.options = SegmentOptions {
            mss: Some(self.config.mss),
            window_scale: offered(self.config.window_scaling, self.scaling_on).then_some(self.rcv.scale),
            sack_permitted: offered(self.config.sack, self.sack_on),
            timestamps: offered(self.config.timestamps, self.ts.on).then(|| self.ts.option(now)),
            fast_open: self.cookie.filter(|_| !answers),
            ..SegmentOptions::default()
        };
        if answers {
            meta.flags |= TcpFlags::ACK;
            meta.ack = self.rcv.seq(self.rcv.nxt);
            self.acknowledged();
        }
        meta
    }

    /// The header of a segment with octets or a FIN.
    fn carrying(&mut self, now: Instant, span: Span) -> SegmentMeta {
        let mut meta = self.header(now, span.start);
        meta.len = span.len;
        let end = span.start + u64::from(span.len);
        if span.fin {
            meta.flags |= TcpFlags::FIN;
        }
        let pushed = self.snd.push > span.start && self.snd.push <= end;
        if span.len > 0 && (end == self.snd.queued || pushed) {
            meta.flags |= TcpFlags::PSH;
        }
        meta
    }

    /// A segment without sequence space.
    fn bare(&mut self, now: Instant, position: u64) -> SegmentPlan {
        SegmentPlan {
            meta: self.header(now, position),
            offset: offset(position),
            notices: Notices::default(),
        }
    }

    /// What all segments after the handshake have: an acknowledgment, a window, and the options that were
    /// agreed on.
    fn header(&mut self, now: Instant, position: u64) -> SegmentMeta {
        let mut meta = SegmentMeta {
            seq: self.snd.seq(position),
            ack: self.rcv.seq(self.rcv.nxt),
            flags: TcpFlags::ACK,
            window: self.rcv.advertise(u32::from(self.config.mss)),
            ..SegmentMeta::default()
        };
        if self.snd.up > position.max(self.snd.una) {
            meta.flags |= TcpFlags::URG;
            meta.urgent = u16::try_from(self.snd.up - position).unwrap_or(u16::MAX);
        }
        if self.ts.on {
            meta.options.timestamps = Some(self.ts.option(now));
        }
        if self.sack_on && self.rcv.sack_wanted() > 0 {
            meta.options.sack = self.rcv.sack(self.sack_room());
        }
        self.acknowledged();
        meta
    }

    /// RCV.NXT goes out: no acknowledgment is owed any more.
    fn acknowledged(&mut self) {
        self.ack_now = false;
        self.timers.stop(Timer::DelayedAck);
        self.rcv.last_ack_sent = self.rcv.nxt;
    }

    /// The reset that ends the connection for the peer too (§3.10.5).
    pub(super) fn reset_peer(&mut self) {
        self.reply = Some(SegmentMeta {
            seq: self.snd.seq(self.snd.next_expected()),
            ack: self.rcv.seq(self.rcv.nxt),
            flags: TcpFlags::RST | TcpFlags::ACK,
            ..SegmentMeta::default()
        });
    }

    /// How many SACK blocks fit beside the timestamps.
    const fn sack_room(&self) -> usize {
        if self.ts.on { 3 } else { 4 }
    }

    /// Octets of payload that fit into a segment now: the MSS less the options (MUST-16).
    fn payload_room(&self) -> u32 {
        let blocks = if self.sack_on { self.rcv.sack_wanted().min(self.sack_room()) } else { 0 };
        let sack = u32::try_from(blocks).map_or(0, |n| if n > 0 { SACK_LEN.0 + SACK_LEN.1 * n } else { 0 });
        let options = sack + self.snd.mss - self.effective_send_mss();
        debug_assert!(options <= OPTIONS_LEN, "the options have to fit");
        (self.snd.mss - options.min(OPTIONS_LEN)).max(1)
    }

    /// Eff.snd.MSS: the largest payload of a segment that reports no SACK blocks (RFC 9293 §3.7.1).
    #[must_use]
    pub fn effective_send_mss(&self) -> u32 {
        self.snd.mss - if self.ts.on { TIMESTAMPS_LEN } else { 0 }
    }
}
