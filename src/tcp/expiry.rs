//! Deadlines: which timers run, and what happens when one is due (RFC 9293 §3.10.8, RFC 6298).
//!
//! Every state has a timer that runs or a user who owns it: `arm` derives from the variables which timers have
//! to run, so that no path through the machine can forget one.

use core::time::Duration;

use super::dialect::Persist;
use super::notices::{CloseReason, Notices};
use super::recovery::Phase;
use super::rules::{SmallSegments, WindowProbe};
use super::state::{Event, State};
use super::tcb::Tcb;
use super::timers::Timer;
use crate::Instant;

/// No timer is set for less: time has to move on between two of its expiries.
const TICK: Duration = Duration::from_millis(1);

/// The override timeout of the sender's silly window avoidance is at most a second (§3.8.6.2.1).
const LONGEST_HOLD: Duration = Duration::from_secs(1);

/// WCDelAckT of RFC 8985 §7.2: how long peers wait with the acknowledgment of a single segment.
const LONGEST_PEER_ACK_DELAY: Duration = Duration::from_millis(200);

/// The probe timer before the first sample (RFC 8985 §7.2).
const UNSAMPLED_PTO: Duration = Duration::from_secs(1);

/// An acknowledgment waits for less than half a second (MUST-40).
const LONGEST_ACK_DELAY: Duration = Duration::from_millis(499);

impl Tcb {
    /// RTO (RFC 6298, MUST-18), back-off included (MUST-19).
    #[must_use]
    pub fn rto(&self) -> Duration {
        self.rtt.rto(&self.config)
    }

    /// The peer says that its window is closed, and nothing of ours is under way: where the probes are empty, the next one is
    /// due an interval after its last word.
    pub(super) fn restart_persist(&mut self, now: Instant) {
        let empty = self.config.window_probe == WindowProbe::Empty;
        if empty && self.timers.runs(Timer::Persist) && self.snd.wnd == 0 && self.snd.outstanding() == 0 {
            self.timers.set(Timer::Persist, now + self.probe_interval());
        }
    }

    /// Runs the retransmission timer from now on, whether or not it runs.
    pub(super) fn set_retransmission(&mut self, now: Instant) {
        self.timers.set(Timer::Retransmit, now.after_nanos(self.rtt.rto_nanos(&self.config)));
    }

    // RFC 5681-21
    pub(super) fn ack_delay(&self) -> Duration {
        self.config.ack_delay.min(LONGEST_ACK_DELAY)
    }

    /// Starts the timers that the variables ask for and stops the others.
    pub(super) fn arm(&mut self, now: Instant) {
        self.unsettled = false;
        if matches!(self.state, State::Closed | State::Listen) {
            self.timers.stop_all();
            return;
        }
        if self.state == State::TimeWait {
            return;
        }
        let unfinished = self.snd.has_unfinished();
        self.arm_retransmission(now, unfinished);
        let calling = self.config.connect_timeout.filter(|_| self.snd.syn_unacknowledged());
        match calling.into_iter().chain(self.config.user_timeout).min() {
            Some(timeout) if unfinished || calling.is_some() => {
                self.timers.start(Timer::UserTimeout, now + timeout.max(TICK))
            }
            _ => self.timers.stop(Timer::UserTimeout),
        }
        let idle =
            matches!(self.state, State::Established | State::CloseWait | State::FinWait2) && !unfinished;
        match self.config.keepalive.filter(|_| idle) {
            Some(keepalive) => self.timers.start(Timer::Keepalive, now + keepalive.idle.max(TICK)),
            None => self.timers.stop(Timer::Keepalive),
        }
        if self.state == State::FinWait2 && self.let_go {
            self.timers.start(Timer::FinWait2, now + self.config.fin_wait_2.max(TICK));
        } else {
            self.timers.stop(Timer::FinWait2);
        }
    }

    /// Either retransmission or probes of a closed window, never both (§3.8.6.1, MUST-36); a window that the peer
    /// has shrunk to nothing is closed like any other (MUST-34, MUST-35).
    // RFC 1122-7
    fn arm_retransmission(&mut self, now: Instant, unfinished: bool) {
        if self.snd.wnd == 0 && unfinished && !self.snd.syn_unacknowledged() {
            // Nothing that was sent is inside the window any more: it is not timed out (SHLD-17).
            self.timers.stop(Timer::Retransmit);
            self.timers.stop(Timer::LossProbe);
            self.timers.stop(Timer::Hold);
            self.hold_is_over = false;
            let mut at = now + self.probe_interval();
            if let Some(first) = self.records.oldest()
                && self.config.window_probe == WindowProbe::Empty
                && self.probes == 0
            {
                // The first segment goes again, and counts from when it was sent.
                at = (first.sent_at + self.rto()).max(now + TICK);
            }
            self.timers.start(Timer::Persist, at);
            return;
        }
        if self.timers.runs(Timer::Persist) {
            // The peer was there all the time: R2 counts from now (MUST-37).
            self.rare.make().patient_since = now;
            if self.probes > 0 {
                self.records.end_of_probes();
                self.recovery.forget_duplicates();
            }
        }
        self.timers.stop(Timer::Persist);
        self.probes = 0;
        if self.snd.outstanding() > 0 {
            self.start_retransmission(now);
        } else {
            self.timers.stop(Timer::Retransmit);
        }
        self.arm_loss_probe(now);
        self.arm_pace(now);
        let waits = self.snd.nxt < self.snd.queued && !self.snd.syn_unacknowledged() && !self.hold_is_over;
        let minshall = self.config.small_segments == SmallSegments::Minshall;
        if waits && (self.snd.more && !minshall || self.snd.outstanding() == 0) {
            // Under Minshall's rule it is as if the window were closed: the timer is the same.
            let delay = if minshall { self.rto() } else { self.config.hold_delay.min(LONGEST_HOLD) };
            self.timers.start(Timer::Hold, now + delay.max(TICK));
        } else {
            self.timers.stop(Timer::Hold);
        }
    }

    /// Runs the retransmission timer if it does not run yet; what it is to run for is not for nothing to compute.
    // RFC 6298-11, 6298-12
    pub(super) fn start_retransmission(&mut self, now: Instant) {
        if !self.timers.runs(Timer::Retransmit) {
            self.set_retransmission(now);
        }
    }

    /// The probe timer of RFC 8985 §7.2: two round trips, and the time that the peer may wait with the
    /// acknowledgment of a single segment; not later than the retransmission timer, in whose place it then comes.
    // RFC 8985-1, 8985-16, 8985-17, 8985-18, 8985-19
    fn arm_loss_probe(&mut self, now: Instant) {
        let all_in_flight = self.records.sacked() == 0 && self.records.lost() == 0;
        let wanted = self.sack_on
            && self.config.tail_probes
            && matches!(self.recovery.phase, Phase::Open | Phase::Cwr)
            && self.recovery.probe.is_allowed()
            && self.snd.outstanding() > 0
            && !self.snd.syn_unacknowledged()
            && all_in_flight;
        if !wanted {
            return self.timers.stop(Timer::LossProbe);
        }
        if self.timers.runs(Timer::LossProbe) {
            return;
        }
        let alone = if self.records.len() == 1 { LONGEST_PEER_ACK_DELAY } else { Duration::ZERO };
        let pto = self.rtt.srtt().map_or(UNSAMPLED_PTO, |srtt| srtt.saturating_mul(2).saturating_add(alone));
        let at = now + pto.max(TICK);
        self.timers.set(Timer::LossProbe, at.min(self.timers.at(Timer::Retransmit)));
    }

    fn arm_pace(&mut self, now: Instant) {
        let waits = self.snd.nxt < self.snd.end() || self.records.lost() > 0;
        if waits && self.is_paced_at(now) {
            self.timers.set(Timer::Pace, self.pace_at);
        } else {
            self.timers.stop(Timer::Pace);
        }
    }

    /// From one probe of a closed window to the next: an RTO at first, then twice as long each time
    /// (SHLD-29, SHLD-30).
    fn probe_interval(&self) -> Duration {
        let first = match (self.rtt.srtt(), self.rtt.rttvar()) {
            // Where round trips take no time, one probe does not follow the other at the same instant.
            (Some(srtt), Some(rttvar)) if self.config.is_freebsd() => (srtt * 4 + rttvar * 8).max(TICK),
            _ => self.rto(),
        };
        let doubled = first.saturating_mul(1 << self.probes.min(30));
        match self.config.persist {
            Some(Persist { least, most }) => doubled.min(most).max(least).max(TICK),
            None => doubled.min(self.config.max_rto.max(TICK)),
        }
    }

    /// Serves every timer that is due.
    // RFC 8985-23, X-13
    pub(super) fn expire(&mut self, now: Instant, notices: &mut Notices) {
        if self.timers.take_due(Timer::UserTimeout, now) {
            self.give_up(CloseReason::UserTimeout, notices);
        }
        if self.timers.take_due(Timer::LossProbe, now) {
            if !self.tail_bears_out_report(now) {
                self.recovery.probe.make_due();
            }
            self.set_retransmission(now);
        }
        if self.timers.take_due(Timer::Reorder, now) {
            self.reordering_is_over(now);
        }
        if self.timers.take_due(Timer::Retransmit, now) {
            self.retransmission_is_due(now, notices);
        }
        // What it held back is polled for.
        self.timers.take_due(Timer::Pace, now);
        if self.timers.take_due(Timer::Persist, now) {
            self.probe_is_due(now, notices);
        }
        if self.timers.take_due(Timer::DelayedAck, now) {
            self.ack_now = true;
            self.acknowledgment_was_late();
        }
        if self.timers.take_due(Timer::Hold, now) {
            self.hold_is_over = true;
        }
        if self.timers.take_due(Timer::Keepalive, now) {
            self.keepalive_is_due(now, notices);
        }
        if self.timers.take_due(Timer::FinWait2, now) {
            self.end(Event::UserTimeout, CloseReason::FinWait2Timeout, notices);
        }
        if self.timers.take_due(Timer::TimeWait, now) {
            self.end(Event::TimeWaitTimeout, CloseReason::Closed, notices);
        }
        self.arm(now);
        self.count_memory();
    }

    /// RFC 6298 §5.4 to §5.7, and R1 and R2 (RFC 9293 §3.8.3, MUST-20, SHLD-9), for a SYN too (MUST-22).
    // RFC 6298-17
    fn retransmission_is_due(&mut self, now: Instant, notices: &mut Notices) {
        let opening = self.snd.syn_unacknowledged();
        let r2 = if opening { self.config.syn_r2 } else { self.config.r2 };
        let Some(oldest) = self.records.oldest().copied() else {
            return;
        };
        if now.since(oldest.first_sent.max(self.rare.read(|rare| rare.patient_since))) >= r2 {
            return self.give_up(CloseReason::RetransmissionsExhausted, notices);
        }
        let retries = if opening { self.config.syn_retries } else { self.config.retries };
        if retries.is_some_and(|most| self.rtt.backoff() >= most) {
            return self.give_up(CloseReason::RetransmissionsExhausted, notices);
        }
        let unpolled = if opening { self.snd.nxt == self.snd.una } else { !self.polled };
        if unpolled {
            // What was due before has not been polled for yet: the network cannot have lost it.
            return;
        }
        if oldest.times >= self.config.r1 && !self.r1_told {
            self.r1_told = true;
            notices.retransmitting = true;
        }
        self.rtt.back_off();
        let timeouts = &mut self.rare.make().timeouts;
        *timeouts = timeouts.saturating_add(1);
        if opening {
            self.syn_repeated = true;
            self.snd.nxt = self.snd.una;
        } else {
            self.path_times_out(now, &oldest);
            self.begin_loss(now);
        }
    }

    /// A probe of a closed window. The connection stays as long as the peer answers (MUST-37).
    fn probe_is_due(&mut self, now: Instant, notices: &mut Notices) {
        if self
            .rare
            .read(|rare| rare.unanswered_since)
            .is_some_and(|since| now.since(since) >= self.config.r2)
        {
            return self.give_up(CloseReason::RetransmissionsExhausted, notices);
        }
        self.probe_due = true;
        self.probes = self.probes.saturating_add(1);
    }

    /// The peer has been silent (§3.8.4), and nothing is outstanding: else this timer would not run (MUST-26).
    // RFC 2525-9, 2525-11
    fn keepalive_is_due(&mut self, now: Instant, notices: &mut Notices) {
        let Some(keepalive) = self.config.keepalive else {
            return;
        };
        if self.keepalive_probes >= keepalive.count.max(2) {
            return self.give_up(CloseReason::KeepaliveTimeout, notices);
        }
        self.keepalive_probes += 1;
        self.keepalive_due = true;
        self.timers.set(Timer::Keepalive, now + keepalive.interval.max(TICK));
    }

    /// Nothing is heard from the peer any more. A listener goes on listening.
    // RFC 1122-10
    fn give_up(&mut self, reason: CloseReason, notices: &mut Notices) {
        if self.state == State::SynReceived && self.passive {
            return self.lose_caller(Event::UserTimeout, reason, notices);
        }
        if self.state.is_synchronized() {
            self.abort(reason, Event::UserTimeout, notices);
        } else {
            // The peer has never shown that it knows of the connection.
            self.end(Event::UserTimeout, reason, notices);
        }
    }
}
