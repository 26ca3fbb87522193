//! What acknowledgments say about losses, and what follows: the scoreboard, RACK, duplicates, probes and PRR of
//! [`recovery`](super::recovery) put together, and their dealings with the congestion window.
//!
//! | what | RFC | here |
//! |---|---|---|
//! | SACK blocks and D-SACK | 2018, 2883, 6675 | `take_sacks` |
//! | losses by time | 8985 §6.2 | `find_losses` |
//! | losses by duplicates, without SACK | 5681 §3.2, 6582 | `hear_duplicate`, `hear_progress` |
//! | the probe's outcome | 8985 §7.4 | `judge` |
//! | the window in recovery | 9937 | `move_window` |
//! | a timeout that was none; a recovery that was none | 5682; 3522, 3708, 4015 | `notice_spurious`, `undo` |
//! | once for each window of data | 5681, 3168 §6.1.2 | `congestion_signal` |

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::congestion::{AckSample, CongestionControl as _, Signal, initial_window};
use super::dialect::LossDetection;
use super::recovery::{Delivery, FRto, Fate, Heard, Phase, Probed, Prr, Rack, Record, Undo};
use super::rules::WindowRules;
use super::segment::SegmentMeta;
use super::tcb::Tcb;
use super::timers::Timer;
use super::tuning::micros;
use crate::Instant;

/// An acknowledgment, as far as it concerns recovery.
#[derive(Clone, Copy, Debug)]
pub(super) struct Acknowledgment {
    /// SND.UNA before it.
    pub(super) una_before: u64,
    /// Octets in flight before it.
    pub(super) flight: u32,
    /// Whether the congestion window was what held us back.
    pub(super) limited: bool,
    /// The first record before it.
    pub(super) first: Option<Record>,
    /// The first octets that were reported as a duplicate (RFC 2883).
    pub(super) dsack: Option<(u64, u64)>,
    /// It tells nothing at all: a duplicate without SACK blocks.
    pub(super) plain: bool,
    /// Whether a loss was found with it.
    pub(super) found: bool,
    /// It tells that something was marked (RFC 3168 §6.1.2).
    pub(super) echo: bool,
}

impl Tcb {
    /// Octets in flight: pipe of RFC 6675. Without SACK it is what duplicates leave of it.
    // RFC 6675-4
    pub(super) fn in_flight(&self) -> u64 {
        let in_flight = self.records.in_flight();
        if self.sack_on { in_flight } else { in_flight.saturating_sub(self.recovery.duplicates().arrived()) }
    }

    pub(super) fn in_flight_u32(&self) -> u32 {
        u32::try_from(self.in_flight()).unwrap_or(u32::MAX)
    }

    /// Takes in what `seg` reports by SACK; SND.UNA is what it acknowledges. Blocks outside (SND.UNA, SND.MAX] do
    /// not count, but for a D-SACK in the first place, which is the answer.
    // RFC 2018-11, 2883-7, 2883-8, 6675-1
    pub(super) fn take_sacks(
        &mut self,
        now: Instant,
        seg: &SegmentMeta,
        news: &mut Delivery,
    ) -> Option<(u64, u64)> {
        let blocks = seg.options.sack.as_slice();
        let (una, max) = (self.snd.una, self.snd.max);
        let place = |&(left, right): &_| (self.snd.position(left), self.snd.position(right));
        let possible = |&(left, right): &(u64, u64)| una < left && left < right && right <= max;
        let second = blocks.get(1).map(place).filter(possible);
        let first = blocks.first().map(place).filter(|&(left, right)| {
            let within = |(start, end)| start <= left && right <= end;
            left < right && right <= max && (right <= una || second.is_some_and(within))
        });
        // RFC 8985 §6.2 step 2: who answers sooner than anybody can has the first copy.
        let least = self.rtt.min_rtt().unwrap_or_default();
        let genuine = |record: &Record| now.since(record.sent_at) >= least;
        for block in blocks.iter().skip(usize::from(first.is_some())) {
            let block = (self.snd.position(block.0), self.snd.position(block.1));
            if possible(&block) {
                self.records.sack(block.0..block.1, news, genuine);
            }
        }
        first
    }

    /// Draws the conclusions from an acknowledgment that has brought `news`.
    pub(super) fn judge(&mut self, now: Instant, seg: &SegmentMeta, news: &Delivery, ack: &Acknowledgment) {
        let mut ack = *ack;
        let una = self.snd.una;
        if let Some(records) = self.records.if_any() {
            self.delivered.on_delivery(&mut records.clocks, now, news, self.rtt.min_rtt());
        }
        if let Some(newest) = news.newest.filter(|newest| !newest.is_repeated()) {
            self.least_rtt = self.least_rtt.min(micros(now.since(newest.sent_at)).min(u32::MAX - 1));
        }
        ack.echo = self.hear_echo(seg);
        if self.sack_on {
            self.hear_of_path(now);
            self.recovery.rack.hear(now, una, news);
            self.hear_dsack(now, &ack);
            let dsack_end = ack.dsack.map(|(_, end)| end);
            if self.recovery.probe.hear(una, dsack_end, ack.plain) == Probed::Repaired {
                self.answer_repaired_tail(now);
            }
        }
        self.notice_spurious(now, seg, news, &ack);
        let before = self.recovery.phase;
        let left = self.leave_phase(&ack);
        let over = before != Phase::Open && self.recovery.phase == Phase::Open;
        if ack.echo {
            self.congestion_signal(now, ack.flight, news.octets);
        }
        if self.sack_on {
            ack.found = self.find_losses(now);
        }
        // What was lost after the phase had begun is another loss.
        if ack.found || over && self.records.lost() > 0 {
            self.begin_recovery(now, news.octets);
        }
        // The acknowledgment that ends a recovery has done enough for the window, if not for Linux.
        let goes_on = !left || self.config.window_rules == WindowRules::Linux;
        if goes_on || self.recovery.is_reducing() {
            self.move_window(now, news, &ack);
        }
        if self.recovery.undo.as_ref().and_then(|undo| undo.until).is_some_and(|until| una >= until) {
            self.recovery.undo = None;
        }
    }

    /// A peer without SACK repeats itself: something beyond the first gap has arrived (RFC 5681 §3.2).
    // RFC 5681-17, 6582-1, 6582-2
    pub(super) fn hear_duplicate(&mut self, now: Instant) {
        let smss = self.effective_send_mss();
        let flight = self.in_flight_u32();
        let beyond = self.beyond_the_gap();
        let arrived = self.recovery.odd.make().duplicates.on_duplicate(beyond, smss);
        let news = Delivery { octets: arrived, ..Delivery::default() };
        if let Some(records) = self.records.if_any() {
            self.delivered.on_delivery(&mut records.clocks, now, &news, None);
        }
        let ack = Acknowledgment {
            una_before: self.snd.una,
            flight,
            limited: true,
            first: None,
            dsack: None,
            plain: true,
            found: false,
            echo: false,
        };
        if self.recovery.f_rto != FRto::Off {
            self.recovery.f_rto = FRto::Off;
        }
        // Until more than `high` is acknowledged, three duplicates may be the answers to what was sent again in
        // the last recovery or after a timeout, and begin no new one (RFC 6582 §3.2 step 2).
        let third = self.recovery.duplicates().count() == Rack::DUP_THRESH;
        let genuine = match self.recovery.phase {
            Phase::Open => self.snd.una > self.recovery.high,
            // Nothing was sent again for that.
            Phase::Cwr => true,
            _ => false,
        };
        if third && genuine {
            self.records.lose_first();
            if !self.only_probe_is_missing(now) {
                self.recovery.odd.make().duplicates.begin_recovery();
                self.begin_recovery(now, arrived);
            }
        }
        if arrived > 0 || third {
            self.move_window(now, &news, &ack);
        }
    }

    /// Octets of which a duplicate may tell: those in flight behind the first segment, and in recovery of those only
    /// what was there when it began. Who sends more duplicates makes them up (RFC 5681 §3.2 step 4).
    // RFC 5681-18
    fn beyond_the_gap(&self) -> u64 {
        let first = self.records.oldest().copied();
        let waits =
            first.filter(|first| first.fate == Fate::InFlight).map_or(0, |first| u64::from(first.len));
        let beyond = self.records.in_flight().saturating_sub(waits);
        match self.recovery.phase {
            Phase::Open | Phase::Cwr => beyond,
            // After a timeout only what was not sent before tells anything (RFC 5682 §2.1 step 3a).
            Phase::Loss => beyond.min(self.snd.max - self.recovery.high.min(self.snd.max)),
            Phase::Recovery => {
                let first = first.map_or(0, |first| u64::from(first.len));
                beyond.min(self.recovery.high.saturating_sub(self.snd.una + first))
            }
        }
    }

    /// Without SACK: if less was acknowledged than was outstanding when recovery began, what comes next is lost too
    /// (RFC 6582 §3.2 step 3). Outside of recovery the duplicates so far were reordering.
    // RFC 6582-4, 6582-8
    pub(super) fn hear_progress(&mut self) {
        if self.recovery.phase != Phase::Recovery {
            self.recovery.forget_duplicates();
        } else if self.snd.una < self.recovery.high {
            self.recovery.odd.make().duplicates.on_partial_ack();
            self.records.lose_first();
        }
    }

    /// Something was sent again without need: the reordering window grows (RFC 8985 §6.2 step 4), if it was not the
    /// probe of the tail, which is sent on suspicion. If nothing was needed of all that was sent again, the response
    /// was not either (RFC 3708 §2.2).
    fn hear_dsack(&mut self, now: Instant, ack: &Acknowledgment) {
        let Some((start, end)) = ack.dsack else { return };
        let rare = self.rare.make();
        rare.spurious = rare.spurious.saturating_add(1).min(rare.retransmissions);
        if self.recovery.probe.explains(end) {
            return;
        }
        self.recovery.unconfirmed = 0;
        self.recovery.rack.on_dsack(self.snd.max);
        if self.recovery.undo.as_mut().is_some_and(|undo| undo.arrived_twice(start..end)) {
            self.undo(now);
        }
    }

    /// A probe has found the last segment lost and repaired it: one response, without a recovery
    /// (RFC 8985 §7.4.2).
    // RFC 8985-25
    fn answer_repaired_tail(&mut self, now: Instant) {
        if self.recovery.phase != Phase::Open {
            return;
        }
        let (flight, smss) = (self.loss_flight(), self.effective_send_mss());
        self.congestion.on_congestion(Signal::Loss, flight, smss, now);
        if self.config.window_rules == WindowRules::Linux {
            self.congestion.round_down(smss);
        }
        let target = self.congestion.ssthresh().min(self.congestion.cwnd());
        self.congestion.set_cwnd(target);
        self.recovery.high = self.snd.max;
        self.ecn.reduced(self.snd.max);
    }

    /// FlightSize as ssthresh is computed from it: what was sent beyond the window, to keep the acknowledgments
    /// coming, does not count (RFC 5681 §3.2 step 2).
    // RFC 5681-9, 5681-16
    fn loss_flight(&self) -> u32 {
        if self.config.window_rules == WindowRules::Linux {
            return self.congestion.cwnd();
        }
        u32::try_from(self.snd.outstanding()).unwrap_or(u32::MAX).min(self.congestion.cwnd())
    }

    /// Whether what was taken for lost had only been late: by the timestamp (RFC 3522 §3.2), or because
    /// acknowledgments go on for what was not sent again (RFC 5682).
    fn notice_spurious(&mut self, now: Instant, seg: &SegmentMeta, news: &Delivery, ack: &Acknowledgment) {
        let Some(undo) = &self.recovery.undo else { return };
        let una = self.snd.una;
        let advanced = una > ack.una_before;
        // The timestamp is that of the segment that filled the gap, so it tells of the first record. That must have been
        // sent again in this phase; and of more than two copies only one from before the phase was in time.
        if advanced
            && undo.until.is_none()
            && self.recovery.trusts_timestamps()
            && let (Some(timestamps), Some(since)) = (seg.options.timestamps, undo.first_resent)
            && let Some(first) = ack.first.filter(|first| first.is_repeated())
            && first.sent_at >= since
            && self.ts.elapsed(now, timestamps.ecr, now.since(first.first_sent)).is_some()
            && self.ts.is_before(timestamps.ecr, if first.times == 2 { first.sent_at } else { since })
        {
            if self.sack_on {
                self.recovery.unconfirmed = self.recovery.unconfirmed.saturating_add(1);
            }
            return self.undo(now);
        }
        if self.recovery.phase != Phase::Loss {
            return;
        }
        let originals = news.lowest_original.is_some_and(|end| end <= self.recovery.high);
        self.recovery.f_rto = match self.recovery.f_rto {
            FRto::First if advanced && una < self.recovery.high => FRto::New,
            FRto::New if originals && !(advanced && news.repeated) => return self.undo(now),
            _ => FRto::Off,
        };
    }

    /// It was no loss: the window is what it was (RFC 4015 §3.2), and nothing waits to be sent again.
    // RFC 9438-15, 3168-25
    fn undo(&mut self, now: Instant) {
        let Some(undo) = self.recovery.undo.take() else { return };
        self.recovery.count_undo(self.snd.una, self.snd.max);
        let (cwnd, before) = (self.congestion.cwnd(), undo.congestion.cwnd());
        if undo.marked {
            self.congestion.set_cwnd(self.congestion.ssthresh().min(before).max(cwnd));
        } else {
            self.congestion = undo.congestion;
            self.congestion.set_cwnd(cwnd.max(before));
            self.ecn.restored();
        }
        self.records.nothing_is_lost();
        self.recovery.rack.begin_again();
        self.recovery.phase = Phase::Open;
        self.recovery.f_rto = FRto::Off;
        // There was no recovery of which duplicates could be an echo: the next ones count.
        self.recovery.high = self.snd.una - 1;
        self.recovery.forget_duplicates();
        self.timers.stop(Timer::Reorder);
        let undone = &mut self.rare.make().undone;
        *undone = undone.saturating_add(1);
        if undo.timed_out {
            self.rtt.after_spurious_timeout();
            self.path.on_spurious_timeout(now);
        } else {
            self.recovery.rack.on_late_arrival();
        }
        if self.snd.outstanding() > 0 {
            self.set_retransmission(now);
        }
    }

    /// All that was sent before the phase began is acknowledged: it is over. Answers whether that is so, and the
    /// window has come down in it.
    // RFC 5681-19, 6582-3, 6675-8, 2525-8
    fn leave_phase(&mut self, ack: &Acknowledgment) -> bool {
        let una = self.snd.una;
        if self.recovery.phase == Phase::Open || una < self.recovery.high || una == ack.una_before {
            return false;
        }
        let reduced = self.recovery.is_reducing();
        if reduced {
            let ssthresh = self.congestion.ssthresh();
            let smss = self.effective_send_mss();
            let whole = self.config.pacing && self.sack_on || self.config.window_rules == WindowRules::Linux;
            let target = if self.recovery.phase == Phase::Cwr || whole {
                ssthresh
            } else if self.sack_on {
                // Slow start takes it from there: no burst when less is in flight than the window would allow.
                let burst = initial_window(self.config.initial_window, smss);
                ssthresh.min(self.in_flight_u32().saturating_add(burst))
            } else {
                // RFC 6582 §3.2 step 3, the first choice: no burst when little is under way.
                let flight = u32::try_from(self.snd.outstanding()).unwrap_or(u32::MAX);
                ssthresh.min(flight.max(smss).saturating_add(smss))
            };
            self.congestion.set_cwnd(target);
        }
        if self.recovery.phase == Phase::Recovery {
            self.recovery.rack.on_recovered();
        }
        if self.recovery.phase != Phase::Cwr {
            self.recovery.forget_duplicates();
        }
        self.recovery.phase = Phase::Open;
        self.recovery.f_rto = FRto::Off;
        // D-SACKs for what was sent again last come within a round trip.
        let max = self.snd.max.max(una + 1);
        if let Some(undo) = &mut self.recovery.undo {
            undo.until = Some(max);
        }
        reduced
    }

    /// RACK_detect_loss of RFC 8985 §6.2 step 5; answers whether something was found. What is not late yet is
    /// looked after by a timer, which is given a tick of the owner's clock more: it must not be early.
    // RFC 6675-3, 8985-13, 8985-27
    pub(super) fn find_losses(&mut self, now: Instant) -> bool {
        if self.config.loss_detection == LossDetection::Sack {
            return self.find_losses_by_reports(now);
        }
        let Some(newest) = self.recovery.rack.newest() else { return false };
        if self.records.sacked() == 0 && self.recovery.phase == Phase::Open && self.recovery.undo.is_none() {
            self.timers.stop(Timer::Reorder);
            return false;
        }
        let patience = self.recovery.rack.rtt() + self.reo_wnd();
        let lost = self.records.lost();
        let (found, next) = self.records.expire(now, newest, patience);
        match next {
            Some(next) => self.timers.set(Timer::Reorder, next + self.config.granularity),
            None => self.timers.stop(Timer::Reorder),
        }
        found && !self.only_size_was_lost(now, lost)
    }

    /// IsLost of RFC 6675 §4, and step 1 of §5: answers whether something was found.
    fn find_losses_by_reports(&mut self, now: Instant) -> bool {
        if self.records.sacked() == 0 {
            return false;
        }
        let lost = self.records.lost();
        let two = 2 * u64::from(self.effective_send_mss());
        let mut found = self.records.if_any().is_some_and(|records| records.lose_below_reports(two));
        let three = self.records.sacked_records() >= Rack::DUP_THRESH
            || self.recovery.duplicates().count() >= Rack::DUP_THRESH;
        let once = self.records.oldest().is_some_and(|first| !first.is_repeated());
        found |= three && once && self.recovery.phase == Phase::Open && self.records.lose_first();
        found && !self.only_size_was_lost(now, lost)
    }

    /// RACK.reo_wnd now.
    pub(super) fn reo_wnd(&self) -> core::time::Duration {
        let recovering = matches!(self.recovery.phase, Phase::Recovery | Phase::Loss);
        let hurry = recovering || self.records.sacked_records() >= Rack::DUP_THRESH;
        self.recovery.rack.reo_wnd(self.rtt.min_rtt(), self.rtt.srtt(), hurry)
    }

    /// The reordering timer: what it waited for has not come.
    // RFC 8985-14
    pub(super) fn reordering_is_over(&mut self, now: Instant) {
        if self.find_losses(now) {
            self.begin_recovery(now, 0);
            self.limit_to_budget(0, false);
        }
    }

    /// Something is lost. `delivered` is what the acknowledgment has delivered that told so.
    // RFC 5681-24, 5681-25, 2018-14, 6675-9, 3168-11
    pub(super) fn begin_recovery(&mut self, now: Instant, delivered: u64) {
        match self.recovery.phase {
            Phase::Recovery | Phase::Loss => {}
            // The window comes down already, and does so once (RFC 3168 §6.1.2).
            Phase::Cwr => {
                self.recovery.phase = Phase::Recovery;
                self.recovery.high = self.snd.max;
            }
            Phase::Open => {
                self.remember_before();
                self.reduce(now, Signal::Loss, self.loss_flight(), delivered);
                self.recovery.phase = Phase::Recovery;
            }
        }
    }

    /// The network asks for less (RFC 3168 §6.1.2): once for each window of data, and not while a loss of the same
    /// window is being answered. `flight` was under way before the acknowledgment that told so, which has delivered
    /// `delivered`.
    // RFC 3168-9, 3168-14
    fn congestion_signal(&mut self, now: Instant, flight: u32, delivered: u64) {
        if self.recovery.phase != Phase::Open || !self.ecn.is_news(self.snd.una) {
            return;
        }
        let alone = self.congestion.cwnd() <= self.effective_send_mss();
        self.reduce(now, Signal::Ecn, flight, delivered);
        self.ecn.answered();
        if alone {
            // Half a segment cannot be sent. One goes out when the retransmission timer would be due.
            self.pace_at = now + self.rto();
        } else if self.snd.outstanding() == 0 {
            // Nobody will say how to bring it down.
            self.congestion.set_cwnd(self.congestion.ssthresh().min(self.congestion.cwnd()));
        } else {
            self.recovery.phase = Phase::Cwr;
        }
    }

    fn reduce(&mut self, now: Instant, signal: Signal, flight: u32, delivered: u64) {
        let linux = self.config.window_rules == WindowRules::Linux;
        let smss = self.effective_send_mss();
        let prior = self.congestion.cwnd();
        if linux {
            self.congestion.on_congestion(Signal::Loss, prior, smss, now);
            self.congestion.round_down(smss);
        } else {
            self.congestion.on_congestion(signal, flight, smss, now);
        }
        self.ecn.reduced(self.snd.max);
        let arrived = self.records.sacked() + self.recovery.duplicates().arrived();
        let in_flight = self.snd.outstanding().saturating_sub(arrived) + delivered;
        self.recovery.odd.make().prr = Prr::begin(if linux { u64::from(prior) } else { in_flight });
        self.recovery.high = self.snd.max;
        self.recovery.f_rto = FRto::Off;
        self.recovery.probe.forget();
        self.timers.stop(Timer::LossProbe);
    }

    /// Keeps how it is, for the case that it was no loss.
    pub(super) fn remember_before(&mut self) {
        if !self.recovery.may_undo(self.snd.una) {
            self.recovery.undo = None;
        } else if self.recovery.undo.as_ref().is_none_or(|undo| undo.until.is_some()) {
            self.recovery.undo = Some(Box::new(Undo {
                congestion: self.congestion.clone(),
                resent: Some(Vec::new()),
                first_resent: None,
                timed_out: false,
                marked: false,
                until: None,
            }));
        }
    }

    /// The congestion window after an acknowledgment: PRR's while it comes down, or else the algorithm's.
    // RFC 3168-12
    fn move_window(&mut self, now: Instant, news: &Delivery, ack: &Acknowledgment) {
        let advanced = self.snd.una > ack.una_before;
        if self.recovery.is_reducing() {
            let safe = advanced && !ack.found;
            self.limit_to_budget(news.octets, safe);
            if !self.sack_on && advanced && self.recovery.phase == Phase::Recovery {
                // What a partial acknowledgment shows to be lost goes out at once (RFC 6582 §3.2 step 3).
                self.allow_one_segment();
            }
            return;
        }
        if !advanced || ack.echo {
            // What has arrived beyond a gap counts when the gap is filled: until then it may be a sign of loss
            // (RFC 5681 §3.1, §3.2 step 1). Nor is an echo a reason to grow (RFC 3168 §6.1.2).
            return;
        }
        let linux = self.config.window_rules == WindowRules::Linux;
        let octets = if linux { news.octets } else { self.snd.una - ack.una_before };
        let acked = u32::try_from(octets).unwrap_or(u32::MAX);
        self.congestion.on_ack(&AckSample {
            now,
            acked,
            smss: self.effective_send_mss(),
            flight: ack.flight,
            limited: ack.limited,
            whole: self.config.window_rules == WindowRules::Linux,
            srtt: self.rtt.srtt(),
            rtt: Some(core::mem::replace(&mut self.least_rtt, u32::MAX)).filter(|&rtt| rtt != u32::MAX),
            una: self.snd.una,
            max: self.snd.max,
        });
    }

    /// PRR: what is in flight, and what may go out for what has arrived.
    // RFC 6675-10
    fn limit_to_budget(&mut self, delivered: u64, safe: bool) {
        if !self.recovery.is_reducing() {
            return;
        }
        let heard = Heard {
            delivered,
            in_flight: self.in_flight(),
            safe,
            ssthresh: u64::from(self.congestion.ssthresh()),
            smss: u64::from(self.effective_send_mss()),
            whole: self.config.window_rules == WindowRules::Linux,
        };
        let window = self.recovery.odd.make().prr.window(&heard);
        self.congestion.set_cwnd(u32::try_from(window).unwrap_or(u32::MAX));
    }

    // RFC 6582-5
    fn allow_one_segment(&mut self) {
        let least = self.in_flight_u32().saturating_add(self.effective_send_mss());
        if self.congestion.cwnd() < least {
            self.congestion.set_cwnd(least);
        }
    }

    /// The retransmission timer has expired: everything that could have arrived by now is taken for lost
    /// (RFC 8985 §6.3), and sent again from a window of one segment (RFC 5681 §3.1). If that was a mistake, the
    /// next acknowledgments will show it (RFC 5682).
    // RFC 6298-15, 5681-10, 2018-13, 6582-7, 6675-11, 6675-12, 8985-15
    pub(super) fn begin_loss(&mut self, now: Instant) {
        self.polled = false;
        // It goes out when the timer expires (RFC 6298 §5.4).
        self.pace_at = now;
        let again = self.recovery.phase == Phase::Loss;
        let una = self.snd.una;
        let first = core::mem::replace(&mut self.rare.make().timed_out, una) != una;
        self.remember_before();
        if let Some(undo) = &mut self.recovery.undo {
            undo.timed_out = true;
        }
        let flight = self.loss_flight();
        if self.records.is_reneged_on() {
            // RFC 2018 §8: after a timeout SACK blocks may have been forgotten.
            self.records.forget_sacks();
        }
        let patience = self.recovery.rack.rtt() + self.reo_wnd();
        let una = self.snd.una;
        // Without RACK nothing is known of the time: all that was not reported (RFC 6675 §5.1).
        let all = self.config.loss_detection == LossDetection::Sack;
        self.records.lose_where(|record| all || record.start == una || record.sent_at + patience <= now);
        let room = self.payload_room();
        if self.records.oldest().is_some_and(|first| first.len > room + 1) {
            // Segments have become smaller: they are cut at once.
            self.records.cut_lost(room, !self.config.is_linux());
        }
        // Linux has answered already what it is recovering from.
        let linux = self.config.window_rules == WindowRules::Linux;
        let answered =
            matches!(self.recovery.phase, Phase::Recovery | Phase::Cwr) && una < self.recovery.high;
        self.congestion.on_rto(flight, self.effective_send_mss(), first && !(linux && answered), now);
        if self.config.window_rules == WindowRules::Linux {
            self.congestion.round_down(self.effective_send_mss());
        }
        // One segment, whatever was sent so lately that it is still in flight: the first must go (RFC 6298 §5.4).
        self.allow_one_segment();
        self.recovery.forget_duplicates();
        self.recovery.probe.forget();
        self.recovery.phase = Phase::Loss;
        // RFC 5682 §2.1 step 1: not for a segment that has timed out before.
        self.recovery.f_rto = if again || !first { FRto::Off } else { FRto::First };
        self.recovery.high = self.snd.max;
        self.ecn.reduced(self.snd.max);
        self.timers.stop(Timer::Reorder);
        self.timers.stop(Timer::LossProbe);
    }
}
