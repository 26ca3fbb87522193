//! What every algorithm shares: the window, slow start, and how much of the window was in use.

use super::hystart::HyStart;
use super::validation::Validation;
use super::{AckSample, MAX_WINDOW, initial_window};
use crate::tcp::fingerprint::fold;

/// Segments that one acknowledgment adds in slow start (RFC 3465 §2.2), and in the slow start after a timeout,
/// where one acknowledgment may cover what was sent long before (§2.3).
const L: u32 = 2;
const L_AFTER_RTO: u32 = 1;

/// A part of a window: numerator and denominator.
pub(super) type Part = (u32, u32);

/// That part of `octets`, at most [`MAX_WINDOW`].
pub(super) fn part_of(octets: u32, (numerator, denominator): Part) -> u32 {
    let part = u64::from(octets) * u64::from(numerator) / u64::from(denominator.max(1));
    u32::try_from(part).unwrap_or(MAX_WINDOW).min(MAX_WINDOW)
}

/// The congestion window and what slow start, HyStart++ and validation need: 72 octets.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Window {
    cwnd: u32,
    ssthresh: u32,
    /// Octets in flight when the last acknowledgment came; [`u32::MAX`] if they filled the window.
    used: u32,
    /// Slow start goes on because the retransmission timer has expired.
    after_rto: bool,
    /// Congestion is being answered: no acknowledgment has made the window grow since.
    answering: bool,
    /// SND.MAX when the round trip that is going on began; 0 if none did.
    round_end: u64,
    hystart: HyStart,
    validation: Validation,
}

fold!(Window { cwnd, ssthresh, used, after_rto, answering, round_end, hystart, validation });

impl Window {
    /// In slow start, with this window.
    // RFC 5681-5
    pub(super) fn new(cwnd: u32) -> Self {
        Self {
            cwnd: cwnd.clamp(1, MAX_WINDOW),
            ssthresh: u32::MAX,
            used: 0,
            after_rto: false,
            answering: false,
            round_end: 0,
            hystart: HyStart::new(),
            validation: Validation::new(),
        }
    }

    /// The congestion window, in octets.
    pub(super) const fn cwnd(&self) -> u32 {
        self.cwnd
    }

    /// Where slow start ends; [`u32::MAX`] until the first has ended.
    pub(super) const fn ssthresh(&self) -> u32 {
        self.ssthresh
    }

    /// Sets the window, within the bounds of every window.
    pub(super) fn set(&mut self, cwnd: u32) {
        self.cwnd = cwnd.clamp(1, MAX_WINDOW);
    }

    // RFC 5681-12
    pub(super) const fn in_slow_start(&self) -> bool {
        self.cwnd < self.ssthresh
    }

    /// Slow start, as far as it goes. Answers how many of the acknowledged octets are left for congestion
    /// avoidance: none if the window may not grow.
    pub(super) fn on_ack(&mut self, ack: &AckSample) -> u32 {
        self.answering = false;
        let round_ends = self.round_ends(ack);
        self.validation.on_ack(ack, round_ends, self.cwnd);
        let filled = ack.flight.saturating_add(ack.smss) > self.cwnd;
        self.used = if filled { u32::MAX } else { ack.flight };
        if self.validation.expires(ack.now) && !ack.whole {
            self.shrink(ack.smss);
        }
        let may_grow = ack.limited && (ack.whole || self.validation.is_validated());
        // No more can be under way than a window: what goes beyond was let out by another one.
        let most = if ack.whole { u32::MAX } else { self.cwnd };
        let acked = if may_grow { ack.acked.min(most) } else { 0 };
        // HyStart++ is for the first slow start (RFC 9406 §4.3).
        if self.ssthresh == u32::MAX {
            self.set(
                self.cwnd
                    .saturating_add(self.hystart.growth(acked, if ack.whole { u32::MAX } else { ack.smss })),
            );
            if self.hystart.on_ack(ack.rtt, round_ends, ack.limited) {
                self.ssthresh = self.cwnd;
            }
            return 0;
        }
        self.slow_start(acked, if ack.whole { u32::MAX } else { ack.smss })
    }

    /// Whether this acknowledgment ends a round trip: it covers all that had been sent when that began
    /// (RFC 9406 §4.2). The next one begins with it if anything is under way, and else with the next
    /// acknowledgment: a pause is part of none.
    fn round_ends(&mut self, ack: &AckSample) -> bool {
        if self.round_end == 0 {
            self.round_end = ack.max;
        }
        let ends = ack.una >= self.round_end;
        if ends {
            self.round_end = if ack.una < ack.max { ack.max } else { 0 };
        }
        ends
    }

    /// RFC 5681 §3.1 with the byte counting of RFC 3465 §2.2.
    // RFC 5681-6, 5681-7, 9438-16
    fn slow_start(&mut self, acked: u32, smss: u32) -> u32 {
        if !self.in_slow_start() {
            self.after_rto = false;
            return acked;
        }
        let segments = if self.after_rto { L_AFTER_RTO } else { L };
        let counted = acked.min(smss.saturating_mul(segments));
        let grown = counted.min(self.ssthresh - self.cwnd);
        self.set(self.cwnd.saturating_add(grown));
        counted - grown
    }

    /// The octets whose number congestion has called too many: what was under way, or what the path is known
    /// to have carried in a round trip (RFC 7661 §4.4.1), and never more than the window.
    ///
    /// `flight` alone would be too little: when a loss is noticed, what was lost or came out of order does not
    /// count in it any more, and an application may just then have paused (RFC 9438 §4.6).
    // RFC 9438-11
    pub(super) fn in_use(&self, flight: u32) -> u32 {
        flight.max(self.used).max(self.validation.pipe_ack()).min(self.cwnd)
    }

    /// Congestion: ssthresh becomes this `part` of `in_use`, at least two segments (RFC 5681 equation 4). While
    /// recovery has not brought the window down yet, another signal, as a timeout, may lower it further, but
    /// never raises it. Afterwards nothing is known of how much the path carries (RFC 7661 §4.4.1).
    // RFC 9438-10
    pub(super) fn lower(&mut self, in_use: u32, part: Part, smss: u32) {
        let lowered = part_of(in_use, part).max(smss.saturating_mul(2)).min(MAX_WINDOW);
        self.ssthresh = if self.answering { lowered.min(self.ssthresh) } else { lowered };
        self.answering = true;
        self.after_rto = false;
        self.begin_anew();
    }

    /// ssthresh in whole segments, at least two.
    pub(super) fn round_down(&mut self, smss: u32) {
        if self.ssthresh != u32::MAX {
            let smss = smss.max(1);
            self.ssthresh =
                (self.ssthresh - self.ssthresh % smss).max(smss.saturating_mul(2)).min(MAX_WINDOW);
        }
    }

    /// The loss window of RFC 5681 §3.1: one segment.
    // RFC 5681-9, 5681-11, 2525-2
    pub(super) fn collapse(&mut self, smss: u32) {
        self.after_rto = true;
        self.begin_anew();
        self.set(smss);
    }

    /// After a pause: no more than `restart_window` may be sent at once (RFC 5681 §4.1), and slow start leads
    /// back to three quarters of what the window was (RFC 7661 §4.4.3).
    pub(super) fn restart(&mut self, restart_window: u32) {
        self.remember();
        self.set(self.cwnd.min(restart_window));
        self.used = 0;
        self.after_rto = false;
        self.hystart = HyStart::new();
        self.begin_anew();
    }

    /// The window was not used for too long (RFC 7661 §4.4.3).
    fn shrink(&mut self, smss: u32) {
        self.remember();
        self.set((self.cwnd / 2).max(initial_window(10, smss)).min(self.cwnd));
    }

    fn remember(&mut self) {
        self.ssthresh = self.ssthresh.max(part_of(self.cwnd, (3, 4)));
    }

    fn begin_anew(&mut self) {
        self.round_end = 0;
        self.validation = Validation::new();
    }
}

#[cfg(test)]
mod tests;
