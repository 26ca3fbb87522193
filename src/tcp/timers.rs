//! The timers of a connection: one array of deadlines.

use core::time::Duration;

use crate::Instant;

/// What may come due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Timer {
    /// Something sent has not been acknowledged (RFC 6298). Never beside [`Timer::Persist`].
    Retransmit,
    /// The peer's window is closed, and something waits (RFC 9293 §3.8.6.1).
    Persist,
    /// The tail is to be probed (RFC 8985 §7). Never beside [`Timer::Persist`].
    LossProbe,
    /// What others have overtaken has to arrive by now, or it is lost (RFC 8985 §6.2).
    Reorder,
    /// The next segment may go out: pacing.
    Pace,
    /// An acknowledgment waits for company (§3.8.6.3).
    DelayedAck,
    /// A partial segment waits for more: the override of §3.8.6.2.1.
    Hold,
    /// The connection is silent (§3.8.4). Never beside [`Timer::Retransmit`] or [`Timer::Persist`].
    Keepalive,
    /// What was queued makes no progress (§3.10.8).
    UserTimeout,
    /// FIN-WAIT-2 without a user.
    FinWait2,
    /// 2·MSL in TIME-WAIT (§3.6.1): then no other runs.
    TimeWait,
}

impl Timer {
    const ALL: [Self; 11] = [
        Self::Retransmit,
        Self::Persist,
        Self::LossProbe,
        Self::Reorder,
        Self::Pace,
        Self::DelayedAck,
        Self::Hold,
        Self::Keepalive,
        Self::UserTimeout,
        Self::FinWait2,
        Self::TimeWait,
    ];
}

/// When each timer is due; [`Instant::MAX`] for one that does not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Timers([Instant; Timer::ALL.len()]);

impl Timers {
    pub(super) const fn new() -> Self {
        Self([Instant::MAX; Timer::ALL.len()])
    }

    /// Runs `timer` until `at`, whatever it was before.
    pub(super) fn set(&mut self, timer: Timer, at: Instant) {
        if let Some(place) = self.0.get_mut(timer as usize) {
            *place = at;
        }
    }

    /// Runs `timer` until `at` if it does not run yet.
    pub(super) fn start(&mut self, timer: Timer, at: Instant) {
        if !self.runs(timer) {
            self.set(timer, at);
        }
    }

    pub(super) fn stop(&mut self, timer: Timer) {
        self.set(timer, Instant::MAX);
    }

    pub(super) const fn stop_all(&mut self) {
        *self = Self::new();
    }

    pub(super) fn runs(&self, timer: Timer) -> bool {
        self.at(timer) != Instant::MAX
    }

    /// When `timer` is due; [`Instant::MAX`] if it does not run.
    pub(super) fn at(&self, timer: Timer) -> Instant {
        self.0.get(timer as usize).copied().unwrap_or(Instant::MAX)
    }

    /// When `timer`, which runs for `span`, was set; `None` if it does not run.
    pub(super) fn began(&self, timer: Timer, span: Duration) -> Option<Instant> {
        let span = u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
        self.runs(timer).then(|| Instant::from_nanos(self.at(timer).as_nanos().saturating_sub(span)))
    }

    /// The earliest deadline.
    pub(super) fn next(&self) -> Option<Instant> {
        self.0.iter().copied().min().filter(|&at| at != Instant::MAX)
    }

    /// Stops `timer` if it is due, and says whether it was.
    pub(super) fn take_due(&mut self, timer: Timer, now: Instant) -> bool {
        let due = self.runs(timer) && self.at(timer) <= now;
        if due {
            self.stop(timer);
        }
        due
    }

    /// What RFC 9293 and RFC 6298 say of timers that may run beside each other.
    pub(super) fn are_exclusive(&self) -> bool {
        let [retransmit, persist, probe] =
            [Timer::Retransmit, Timer::Persist, Timer::LossProbe].map(|timer| self.runs(timer));
        let others =
            Timer::ALL.into_iter().filter(|&timer| timer != Timer::TimeWait && self.runs(timer)).count();
        !(persist && (retransmit || probe))
            && !(self.runs(Timer::Keepalive) && (retransmit || persist))
            && !(self.runs(Timer::TimeWait) && others > 0)
    }
}
