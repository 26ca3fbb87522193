//! The timers of a connection: one array of deadlines.

use core::fmt;
use core::time::Duration;

use super::compact::Seldom;
use super::fingerprint::{Fold, Folder, fold};
use crate::Instant;

/// What may come due: for who wants to know why [`Tcb::poll_timeout`](super::Tcb::poll_timeout) says what it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Timer {
    /// Something sent has not been acknowledged (RFC 6298). Never beside [`Timer::Persist`].
    Retransmit,
    /// The tail is to be probed (RFC 8985 §7). Never beside [`Timer::Persist`].
    LossProbe,
    /// The next segment may go out: pacing.
    Pace,
    /// An acknowledgment waits for company (§3.8.6.3).
    DelayedAck,
    /// A partial segment waits for more: the override of §3.8.6.2.1.
    Hold,
    /// The connection is silent (§3.8.4). Never beside [`Timer::Retransmit`] or [`Timer::Persist`].
    Keepalive,
    /// The peer's window is closed, and something waits (RFC 9293 §3.8.6.1).
    Persist,
    /// What others have overtaken has to arrive by now, or it is lost (RFC 8985 §6.2).
    Reorder,
    /// What was queued makes no progress (§3.10.8).
    UserTimeout,
    /// FIN-WAIT-2 without a user.
    FinWait2,
    /// 2·MSL in TIME-WAIT (§3.6.1): then no other runs.
    TimeWait,
}

impl Timer {
    /// Every timer.
    pub const ALL: [Self; 11] = [
        Self::Retransmit,
        Self::LossProbe,
        Self::Pace,
        Self::DelayedAck,
        Self::Hold,
        Self::Keepalive,
        Self::Persist,
        Self::Reorder,
        Self::UserTimeout,
        Self::FinWait2,
        Self::TimeWait,
    ];

    /// So many, from the first on, are set in the course of every connection.
    const USUAL: usize = 6;

    /// Its place in [`ALL`](Self::ALL).
    #[must_use]
    pub const fn number(self) -> usize {
        self as usize
    }

    /// The timer as words: `tail probe`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Retransmit => "retransmission",
            Self::LossProbe => "tail probe",
            Self::Pace => "pacing",
            Self::DelayedAck => "delayed acknowledgment",
            Self::Hold => "hold",
            Self::Keepalive => "keep-alive",
            Self::Persist => "persist",
            Self::Reorder => "reordering",
            Self::UserTimeout => "user timeout",
            Self::FinWait2 => "FIN-WAIT-2",
            Self::TimeWait => "TIME-WAIT",
        }
    }
}

impl fmt::Display for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// When each timer is due; [`Instant::MAX`] for one that does not run.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Timers {
    usual: [Instant; Timer::USUAL],
    others: Seldom<Others>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Others([Instant; Timer::ALL.len() - Timer::USUAL]);

impl Default for Others {
    fn default() -> Self {
        Self([Instant::MAX; _])
    }
}

fold!(Timers { usual, others });

impl Fold for Others {
    fn fold(&self, into: &mut Folder) {
        let Self(deadlines) = self;
        deadlines.fold(into);
    }
}

impl Timers {
    pub(super) const fn new() -> Self {
        Self { usual: [Instant::MAX; _], others: Seldom::new() }
    }

    /// Runs `timer` until `at`, whatever it was before.
    #[inline]
    pub(super) fn set(&mut self, timer: Timer, at: Instant) {
        let number = timer as usize;
        if let Some(place) = self.usual.get_mut(number) {
            *place = at;
        } else if let Some(place) = self.others.make().0.get_mut(number - Timer::USUAL) {
            *place = at;
        }
    }

    /// Runs `timer` until `at` if it does not run yet.
    #[inline]
    pub(super) fn start(&mut self, timer: Timer, at: Instant) {
        if !self.runs(timer) {
            self.set(timer, at);
        }
    }

    #[inline]
    pub(super) fn stop(&mut self, timer: Timer) {
        if (timer as usize) < Timer::USUAL || self.others.get().is_some() {
            self.set(timer, Instant::MAX);
        }
    }

    pub(super) fn stop_all(&mut self) {
        *self = Self::new();
    }

    /// Gives back the memory of timers that are seldom set, if none of them runs.
    pub(super) fn rest(&mut self) {
        self.others.rest();
    }

    /// Octets of memory held.
    pub(super) fn memory(&self) -> usize {
        self.others.memory()
    }

    #[inline]
    pub(super) fn runs(&self, timer: Timer) -> bool {
        self.at(timer) != Instant::MAX
    }

    /// When `timer` is due; [`Instant::MAX`] if it does not run.
    #[inline]
    pub(super) fn at(&self, timer: Timer) -> Instant {
        let number = timer as usize;
        match self.usual.get(number) {
            Some(at) => *at,
            None => self.others.get().map_or(Instant::MAX, |others| {
                others.0.get(number - Timer::USUAL).copied().unwrap_or(Instant::MAX)
            }),
        }
    }

    /// When `timer`, which runs for `span`, was set; `None` if it does not run.
    pub(super) fn began(&self, timer: Timer, span: Duration) -> Option<Instant> {
        let span = u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
        self.runs(timer).then(|| Instant::from_nanos(self.at(timer).as_nanos().saturating_sub(span)))
    }

    /// The earliest deadline.
    #[inline]
    pub(super) fn next(&self) -> Option<Instant> {
        let mut first = self.usual.iter().copied().fold(Instant::MAX, Instant::min);
        if let Some(others) = self.others.get() {
            first = others.0.iter().copied().fold(first, Instant::min);
        }
        Some(first).filter(|&at| at != Instant::MAX)
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
