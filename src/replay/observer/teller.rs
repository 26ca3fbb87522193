//! From facts to transitions: each fact in its turn goes through the table.

use super::Observer;
use super::facts::{Fact, Moment};
use crate::replay::worlds::{End, Worlds};
use crate::tcp::state::{Event, State};
use alloc::vec::Vec;

/// One end came to be in another state at a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Observed {
    /// The frame that did it.
    pub frame: u64,
    /// Whose state.
    pub end: End,
    /// The state after it; `None`: it cannot be known any more.
    pub state: Option<State>,
}

/// The whole of what the facts amount to.
#[derive(Debug)]
pub(crate) struct Story {
    pub(crate) transitions: Vec<Observed>,
    pub(crate) worlds: Worlds,
    /// A reset ended something that was open.
    pub(crate) was_reset: bool,
}

impl Story {
    pub(crate) fn state(&self, end: End) -> Option<State> {
        self.worlds.known(end)
    }
}

impl Observer {
    /// What the facts amount to.
    pub(crate) fn story(&self) -> Story {
        let mut facts: Vec<(Moment, Fact, End)> = Vec::with_capacity(16);
        for end in [End::A, End::B] {
            let own = self.facts.of(end);
            facts.extend(Fact::ALL.into_iter().filter_map(|fact| Some((own.get(fact)?, fact, end))));
        }
        facts.sort_unstable();
        let mut teller = Teller::new(self.first, self.beginning());
        for (moment, fact, end) in facts {
            teller.tell(self, moment, fact, end);
        }
        teller.story
    }

    /// The states before the first frame: who calls has nothing yet, and whoever is called is taken to be
    /// listening.
    fn beginning(&self) -> Worlds {
        let [a, b] = [End::A, End::B].map(|end| self.has(end, Fact::SentSyn));
        let start = |calls| if calls { State::Closed } else { State::Listen };
        if a || b { Worlds::one(start(a), start(b)) } else { Worlds::midstream() }
    }
}

/// Puts the facts through the transition table, one after another.
struct Teller {
    first: u64,
    story: Story,
}

impl Teller {
    const fn new(first: u64, worlds: Worlds) -> Self {
        Self { first, story: Story { transitions: Vec::new(), worlds, was_reset: false } }
    }

    fn tell(&mut self, observer: &Observer, moment: Moment, fact: Fact, end: End) {
        let worlds = self.story.worlds;
        match fact {
            Fact::SentSyn => self.go(moment, worlds.acted(end, Event::ActiveOpen)),
            Fact::SentSynAck => self.go(moment, worlds.acted(end, Event::Syn)),
            Fact::Opened => self.open(observer, moment, end),
            Fact::Spoke => self.go(
                moment,
                worlds.shown(end, |state| state.is_synchronized() || state == State::SynReceived),
            ),
            Fact::SpokeOpen => self.go(moment, worlds.shown(end, State::may_send)),
            Fact::TailMissing => self.go(moment, worlds.may_have_closed(end)),
            Fact::SentFin => self.go(moment, Self::closed(observer, worlds, end)),
            Fact::GotAckOfFin => self.go(moment, worlds.moved(end, |state| state.on(Event::AckOfFin))),
            Fact::GotFin => self.go(moment, worlds.moved(end, |state| state.on(Event::Fin))),
            Fact::SentRst => self.reset(observer, moment, end, Event::Abort),
            Fact::GotRst => self.reset(observer, moment, end, Event::Rst),
            Fact::TimeWaitOver => {
                self.go(moment, worlds.moved(end, |state| state.on(Event::TimeWaitTimeout)));
            }
        }
    }

    /// The worlds after `end` has sent its FIN.
    fn closed(observer: &Observer, worlds: Worlds, end: End) -> Worlds {
        let facts = observer.facts.of(end);
        if facts.fin_backdated {
            return worlds.has_closed_before(end);
        }
        // Where nothing is known it may be a repeated one: its sender has closed before.
        let closable = |state: State| state.on(Event::Close).is_some_and(State::has_sent_fin);
        let repeats = |state| matches!(state, State::FinWait1 | State::Closing | State::LastAck);
        let mut shown = worlds.shown(end, |state| closable(state) || repeats(state));
        if facts.fin_was_awaited {
            shown = shown.shown(end.peer(), |state| !state.has_received_fin());
        }
        let closed = shown.moved(end, |state| state.on(Event::Close).filter(|_| closable(state)));
        // Whether a peer that was never captured has acknowledged it cannot be known.
        let alone = observer.facts.of(end.peer()).first_seen.is_none();
        if alone { closed.may_be_acknowledged(end) } else { closed }
    }

    fn open(&mut self, observer: &Observer, moment: Moment, end: End) {
        let peer = end.peer();
        let opened = self.story.worlds.moved(end, |state| match state {
            State::Listen => state.on(Event::Syn).and_then(|state| state.on(Event::AckOfSyn)),
            State::SynSent => state.on(Event::SynAck),
            _ => state.on(Event::AckOfSyn),
        });
        // Of a peer that was not captured so far nothing is known from here on.
        let peer_seen = observer.facts.of(peer).first_seen.is_some_and(|seen| seen <= moment);
        let worlds = if peer_seen { opened } else { opened.opened_unseen(peer) };
        self.go(moment, worlds);
    }

    fn reset(&mut self, observer: &Observer, moment: Moment, end: End, event: Event) {
        let worlds = self.story.worlds;
        let open =
            |state: State| !matches!(state, State::Closed | State::Listen | State::SynSent | State::TimeWait);
        self.story.was_reset |= worlds.any(end, open);
        // In SYN-RECEIVED after a passive open the listener goes on (RFC 9293 §3.10.7.4).
        let passive = !observer.has(end, Fact::SentSyn);
        let after = worlds.moved(end, |state| match (state, event) {
            (State::SynReceived, Event::Rst) if passive => state.on(Event::BackToListen),
            _ => state.on(event),
        });
        let doubtful = event == Event::Rst && observer.facts.of(end).rst_doubtful;
        self.go(moment, if doubtful { worlds.or(after) } else { after });
    }

    /// The next worlds; whose known state is another one now has made a transition.
    fn go(&mut self, moment: Moment, next: Worlds) {
        for end in [End::A, End::B] {
            let (before, after) = (self.story.worlds.known(end), next.known(end));
            if before != after {
                let frame = self.first + moment.frames_since_first();
                self.story.transitions.push(Observed { frame, end, state: after });
            }
        }
        self.story.worlds = next;
    }
}
