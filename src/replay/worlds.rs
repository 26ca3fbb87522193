//! Which states both ends may be in, as a set: what cannot be known stays open instead of being guessed.

pub use crate::ladder::End;
use crate::tcp::state::{Event, State};

/// A value for each end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Both<T> {
    pub(crate) a: T,
    pub(crate) b: T,
}

impl<T> Both<T> {
    pub(crate) const fn of(&self, end: End) -> &T {
        match end {
            End::A => &self.a,
            End::B => &self.b,
        }
    }

    pub(crate) const fn of_mut(&mut self, end: End) -> &mut T {
        match end {
            End::A => &mut self.a,
            End::B => &mut self.b,
        }
    }
}

const STATES: usize = State::ALL.len();

/// A set of pairs of states: the state of one end and of the other at the same moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Worlds(u128);

impl Worlds {
    pub(crate) const fn one(a: State, b: State) -> Self {
        Self(1 << Self::index(a, b))
    }

    /// Every pair that a capture can begin in the middle of: both ends past the opening, each having received
    /// what the other has sent, though not every FIN may be acknowledged yet.
    pub(crate) fn midstream() -> Self {
        use State::{CloseWait, Closing, Established, FinWait1, FinWait2, LastAck, TimeWait};
        let one_way = [
            (FinWait1, CloseWait),
            (FinWait2, CloseWait),
            (TimeWait, LastAck),
            (TimeWait, State::Closed),
            (Closing, LastAck),
            (Closing, TimeWait),
        ];
        let mut worlds = Self(0);
        for (a, b) in one_way {
            worlds.0 |= Self::one(a, b).0 | Self::one(b, a).0;
        }
        for same in [Established, Closing, TimeWait] {
            worlds.0 |= Self::one(same, same).0;
        }
        worlds
    }

    const fn index(a: State, b: State) -> usize {
        a as usize * STATES + b as usize
    }

    /// The pairs, found by their bits: nearly always there is one.
    fn iter(self) -> impl Iterator<Item = Both<State>> {
        let mut left = self.0;
        core::iter::from_fn(move || {
            let index = left.trailing_zeros() as usize;
            left &= left.wrapping_sub(1);
            Some(Both { a: *State::ALL.get(index / STATES)?, b: *State::ALL.get(index % STATES)? })
        })
    }

    /// Every pair put through `change`, which may answer several pairs or none.
    fn through(self, change: impl Fn(Both<State>, &mut dyn FnMut(Both<State>))) -> Self {
        let mut after = Self(0);
        for pair in self.iter() {
            change(pair, &mut |pair| after.0 |= 1 << Self::index(pair.a, pair.b));
        }
        after
    }

    /// What `end` did shows that it was in one of the states that `possible` names; nothing changes if that
    /// contradicts everything known.
    #[must_use]
    pub(crate) fn shown(self, end: End, possible: impl Fn(State) -> bool) -> Self {
        let left = self.through(|pair, keep| {
            if possible(*pair.of(end)) {
                keep(pair);
            }
        });
        if left.0 == 0 { self } else { left }
    }

    /// `end` goes wherever `step` leads; where it leads nowhere, the state stays.
    #[must_use]
    pub(crate) fn moved(self, end: End, step: impl Fn(State) -> Option<State>) -> Self {
        self.through(|mut pair, keep| {
            let state = pair.of_mut(end);
            *state = step(*state).unwrap_or(*state);
            keep(pair);
        })
    }

    /// `end` does something: the worlds in which the table does not allow it drop out, if any are left then.
    #[must_use]
    pub(crate) fn acted(self, end: End, event: Event) -> Self {
        self.shown(end, |state| state.on(event).is_some()).moved(end, |state| state.on(event))
    }

    /// Frames that nobody captured have opened `end`: anything may have followed on its side.
    #[must_use]
    pub(crate) fn opened_unseen(self, end: End) -> Self {
        self.through(|mut pair, keep| {
            for state in [State::Established, State::FinWait1, State::FinWait2] {
                *pair.of_mut(end) = state;
                keep(pair);
            }
        })
    }

    /// `end` may have sent a FIN that nobody captured; the peer then has it, and may have acknowledged it.
    #[must_use]
    pub(crate) fn may_have_closed(self, end: End) -> Self {
        self.through(|pair, keep| {
            keep(pair);
            let closed = pair.of(end).on(Event::Close).filter(|state| state.has_sent_fin());
            for own in [closed, closed.and_then(|state| state.on(Event::AckOfFin))].into_iter().flatten() {
                let mut after = pair;
                *after.of_mut(end) = own;
                let peer = after.of_mut(end.peer());
                *peer = peer.on(Event::Fin).unwrap_or(*peer);
                keep(after);
            }
        })
    }

    /// The worlds of both.
    #[must_use]
    pub(crate) const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// `end` has sent its FIN some time ago; whether before or after it received the peer's is not known.
    #[must_use]
    pub(crate) fn has_closed_before(self, end: End) -> Self {
        self.through(|mut pair, keep| {
            let state = *pair.of(end);
            // It closed while it was still ESTABLISHED, and then received the peer's FIN.
            let closing = || State::Established.on(Event::Close)?.on(Event::Fin);
            let crossed = if state == State::CloseWait { closing() } else { None };
            let closed = state.on(Event::Close).filter(|after| after.has_sent_fin());
            for after in [Some(closed.unwrap_or(state)), crossed].into_iter().flatten() {
                *pair.of_mut(end) = after;
                keep(pair);
            }
        })
    }

    /// The FIN of `end` may be acknowledged by now.
    #[must_use]
    pub(crate) fn may_be_acknowledged(self, end: End) -> Self {
        self.or(self.moved(end, |state| state.on(Event::AckOfFin)))
    }

    /// The state of `end` if it is the same in every world.
    pub(crate) fn known(self, end: End) -> Option<State> {
        let mut states = self.iter().map(|pair| *pair.of(end));
        let first = states.next()?;
        states.all(|state| state == first).then_some(first)
    }

    /// Whether `test` holds for `end` in some world.
    pub(crate) fn any(self, end: End, test: impl Fn(State) -> bool) -> bool {
        self.iter().any(|pair| test(*pair.of(end)))
    }
}
