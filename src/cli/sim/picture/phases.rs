//! What kind of time it was for the sender.

use super::Span;
use tcpstate::tcp::RecoveryPhase as Phase;

/// Times in which the sender did something about losses, in order; at most [`MOST`](Self::MOST).
#[derive(Clone, Debug)]
pub(super) struct Phases {
    list: Vec<(u64, u64, Phase)>,
    span: Span,
    now: (u64, Phase),
}

impl Phases {
    pub(super) const MOST: usize = 1_000;

    pub(super) const fn new(span: Span) -> Self {
        Self { list: Vec::new(), span, now: (0, Phase::Open) }
    }

    pub(super) fn set(&mut self, at: u64, phase: Phase) {
        let phase = if is_usual(phase) { Phase::Open } else { phase };
        let (since, was) = self.now;
        if was == phase {
            return;
        }
        self.now = (at, phase);
        if is_usual(was) || at < self.span.from || since > self.span.to {
            return;
        }
        self.list.push((since.max(self.span.from), at.min(self.span.to), was));
        if self.list.len() > Self::MOST {
            self.thin();
        }
    }

    /// What is closest together becomes one.
    fn thin(&mut self) {
        let begin = self.list.first().map_or(0, |first| first.0);
        let whole = self.list.last().map_or(0, |last| last.1) - begin;
        for bits in (0..=12).rev() {
            let reach = whole >> bits;
            self.list.dedup_by(|next, phase| {
                let one = phase.2 == next.2 && next.0 - phase.1 <= reach;
                if one {
                    phase.1 = next.1;
                }
                one
            });
            if self.list.len() <= Self::MOST / 4 * 3 {
                return;
            }
        }
        // Two kinds that alternate all the time: the shorter ones go.
        self.list.sort_by_key(|(from, to, _)| core::cmp::Reverse(to - from));
        self.list.truncate(Self::MOST / 2);
        self.list.sort_by_key(|(from, ..)| *from);
    }

    /// All of them, when the story ends at `end`.
    pub(super) fn list(&self, end: u64) -> impl Iterator<Item = (u64, u64, Phase)> + '_ {
        let (since, phase) = self.now;
        let last = (since.max(self.span.from), end.max(since).min(self.span.to), phase);
        let open = is_usual(phase) || last.0 > last.1;
        self.list.iter().copied().chain((!open).then_some(last))
    }
}

/// Whether nothing is wrong, as far as the sender knows.
const fn is_usual(phase: Phase) -> bool {
    matches!(phase, Phase::Open | Phase::Disorder)
}

#[cfg(test)]
mod tests;
