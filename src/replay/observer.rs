//! What an observer may say of both ends' states, from the frames that passed by.
//!
//! A frame counts as sent by its sender and as received by the other end, unless a later frame refutes that:
//! who sends its SYN again had not received the answer, who sends its FIN again had not received the
//! acknowledgment. So nothing is written in stone: the observer keeps a handful of *facts* for each end, each
//! with the moment it holds from ("b received a's FIN at frame 9"). A later frame may move a fact or take it
//! back, and the transitions are what [`State::on`] makes of the facts in their order.

use super::worlds::{Both, End, Worlds};
use crate::tcp::state::{Event, State};
use alloc::vec::Vec;
use core::num::NonZeroU64;

/// What is known to have happened to an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fact {
    /// It sent a SYN that acknowledges nothing.
    SentSyn,
    /// It sent a SYN that acknowledges the peer's.
    SentSynAck,
    /// Its SYN is acknowledged and it has the peer's: it is ESTABLISHED, if nothing more has happened.
    Opened,
    /// It sent something that is neither SYN nor RST (noted only where no SYN was captured).
    Spoke,
    /// It sent new data (noted only where no SYN was captured).
    SentData,
    /// The peer acknowledged more than was captured from this end, and nothing has followed from it: among
    /// what is missing there may be a FIN.
    TailMissing,
    SentFin,
    GotAckOfFin,
    GotFin,
    SentRst,
    GotRst,
    /// It has been in TIME-WAIT for 2·MSL.
    TimeWaitOver,
}

impl Fact {
    const ALL: [Self; 12] = [
        Self::SentSyn,
        Self::SentSynAck,
        Self::Opened,
        Self::Spoke,
        Self::SentData,
        Self::TailMissing,
        Self::SentFin,
        Self::GotAckOfFin,
        Self::GotFin,
        Self::SentRst,
        Self::GotRst,
        Self::TimeWaitOver,
    ];
}

/// The parts of a frame in their order: what it proves about its sender's past, what the sender does, what it
/// does to the receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Proof,
    Act,
    Receive,
    ReceiveFin,
}

/// A frame and a part of it, in one word: the frame in the upper 62 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Moment(NonZeroU64);

impl Moment {
    fn new(frame: u64, phase: Phase) -> Option<Self> {
        NonZeroU64::new(frame << 2 | phase as u64).map(Self)
    }

    const fn frame(self) -> u64 {
        self.0.get() >> 2
    }
}

/// The facts about one end.
#[derive(Clone, Copy, Debug, Default)]
struct Facts {
    moments: [Option<Moment>; Fact::ALL.len()],
    /// Its SYN itself was captured, not only the answer to it.
    syn_captured: bool,
    /// It sent its FIN before it had acknowledged the peer's, which was already on its way.
    fins_crossed: bool,
    /// It has acknowledged the peer's FIN: that one arrived, whatever comes later.
    acked_peer_fin: bool,
    /// It has sent something after the handshake: what it was sent in the handshake arrived.
    has_gone_on: bool,
    /// The same segment as its FIN acknowledged the peer's, for the first time.
    fin_acks_fin: bool,
    /// The peer had spoken before its FIN, and had not received it then.
    fin_was_awaited: bool,
    /// Its FIN turned out to be lost: only a repeated one can bring it to the peer.
    fin_was_lost: bool,
}

impl Facts {
    fn get(&self, fact: Fact) -> Option<Moment> {
        self.moments.get(fact as usize).copied().flatten()
    }

    fn has(&self, fact: Fact) -> bool {
        self.get(fact).is_some()
    }
}

/// What one frame says, in terms that need no sequence numbers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sighting {
    pub(crate) frame: u64,
    pub(crate) from: End,
    pub(crate) syn: bool,
    pub(crate) ack: bool,
    pub(crate) rst: bool,
    /// Carries a FIN that stands where the data ends.
    pub(crate) fin: bool,
    /// The receiver has spoken before, and had not received that FIN then.
    pub(crate) fin_was_awaited: bool,
    /// Carries octets that were not sent before.
    pub(crate) new_data: bool,
    /// Repeats something that the receiver had not acknowledged.
    pub(crate) repeats_unacked: bool,
    /// Acknowledges the receiver's SYN (or it is not known where that SYN was).
    pub(crate) acks_syn: bool,
    /// Acknowledges the receiver's FIN.
    pub(crate) acks_fin: bool,
    /// The sender's FIN has been seen, and before it nothing is missing.
    pub(crate) all_up_to_fin: bool,
    /// Acknowledges more than has been seen of the receiver.
    pub(crate) acks_unseen: bool,
    /// Nothing that was acknowledged of the sender's is missing at the end any more.
    pub(crate) tail_seen: bool,
    /// For a reset: the receiver takes it; and it is the sender's own connection that is given up.
    pub(crate) rst_counts: bool,
    pub(crate) rst_gives_up: bool,
}

/// How a connection was opened; each word is defined in `docs/replay.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum Open {
    /// SYN, SYN-ACK, ACK.
    ThreeWay,
    /// Both ends sent a SYN, and each answered the other's with a SYN-ACK.
    Simultaneous,
    /// The SYN was answered by a SYN of its own, and that one by a SYN-ACK.
    Split,
    /// A three-way handshake whose SYN carried data that the SYN-ACK acknowledged (RFC 7413).
    FastOpen,
    /// The SYN was answered by a reset.
    Refused,
    /// A SYN was sent, and the handshake was not completed.
    HalfOpen,
    /// No SYN of the end that opened was captured.
    Midstream,
}

impl Open {
    /// The word in tables and JSON: `three-way`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ThreeWay => "three-way",
            Self::Simultaneous => "simultaneous",
            Self::Split => "split",
            Self::FastOpen => "fast-open",
            Self::Refused => "refused",
            Self::HalfOpen => "half-open",
            Self::Midstream => "midstream",
        }
    }
}

/// How a connection was closed; each word is defined in `docs/replay.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum Close {
    /// FIN, ACK, FIN, ACK.
    FourWay,
    /// FIN, FIN-ACK, ACK: the second FIN acknowledges the first.
    ThreeWay,
    /// The FINs crossed: neither end had the other's when it sent its own.
    Simultaneous,
    /// A reset ended it.
    Reset,
    /// One end has closed, the other has not.
    HalfClosed,
    /// Neither end has closed.
    None,
}

impl Close {
    /// The word in tables and JSON: `four-way`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::FourWay => "four-way",
            Self::ThreeWay => "three-way",
            Self::Simultaneous => "simultaneous",
            Self::Reset => "reset",
            Self::HalfClosed => "half-closed",
            Self::None => "none",
        }
    }
}

/// One end came to be in another state at a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Observed {
    /// The frame that did it.
    pub frame: u64,
    /// Whose state.
    pub end: End,
    /// The state after it; `None`: it cannot be known any more.
    pub state: Option<State>,
}

/// Follows the states of both ends of one flow.
#[derive(Clone, Debug, Default)]
pub(crate) struct Observer {
    facts: Both<Facts>,
    /// A SYN came with data and a Fast Open option, and its answer acknowledged the data.
    pub(crate) fast_open: bool,
    changed: bool,
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
    /// Whether the flow may be judged from its SYN on.
    fn has_syn(&self) -> bool {
        [End::A, End::B].into_iter().any(|end| {
            let facts = self.facts.of(end);
            facts.has(Fact::SentSyn) || facts.has(Fact::SentSynAck)
        })
    }

    fn has(&self, end: End, fact: Fact) -> bool {
        self.facts.of(end).has(fact)
    }

    fn set(&mut self, end: End, fact: Fact, moment: Option<Moment>) {
        if let Some(slot) = self.facts.of_mut(end).moments.get_mut(fact as usize)
            && *slot != moment
        {
            *slot = moment;
            self.changed = true;
        }
    }

    /// Notes `fact`, if it is not noted yet.
    fn note(&mut self, end: End, fact: Fact, frame: u64, phase: Phase) {
        if !self.has(end, fact) {
            self.set(end, fact, Moment::new(frame, phase));
        }
    }

    /// Notes that `fact` holds only from now on.
    fn renew(&mut self, end: End, fact: Fact, frame: u64, phase: Phase) {
        self.set(end, fact, Moment::new(frame, phase));
    }

    fn take_back(&mut self, end: End, fact: Fact) {
        self.set(end, fact, None);
    }

    /// TIME-WAIT of `end` ran out before `frame`.
    pub(crate) fn time_wait_over(&mut self, end: End, frame: u64) {
        self.note(end, Fact::TimeWaitOver, frame, Phase::Proof);
    }

    /// Takes note of a frame; answers whether anything about the states may have changed.
    pub(crate) fn see(&mut self, seen: &Sighting) -> bool {
        self.changed = false;
        self.refute_resets(seen);
        if seen.rst {
            self.see_reset(seen);
        } else if seen.syn {
            self.see_syn(seen);
        } else {
            self.see_past_the_syn(seen);
        }
        if !seen.rst {
            self.see_close(seen);
        }
        self.changed
    }

    /// Who goes on talking has not given up, and who calls again has not heard the reset.
    fn refute_resets(&mut self, seen: &Sighting) {
        let (x, y) = (seen.from, seen.from.peer());
        if !seen.rst && self.has(x, Fact::SentRst) {
            self.take_back(x, Fact::SentRst);
            self.take_back(y, Fact::GotRst);
        }
        if !seen.rst && (seen.syn || seen.repeats_unacked) {
            self.take_back(x, Fact::GotRst);
        }
    }

    fn see_reset(&mut self, seen: &Sighting) {
        let (x, y) = (seen.from, seen.from.peer());
        if seen.rst_gives_up {
            self.note(x, Fact::SentRst, seen.frame, Phase::Act);
        }
        if seen.rst_counts {
            self.note(y, Fact::GotRst, seen.frame, Phase::ReceiveFin);
        }
    }

    fn see_syn(&mut self, seen: &Sighting) {
        let (x, y) = (seen.from, seen.from.peer());
        let own = self.facts.of_mut(x);
        let again = core::mem::replace(&mut own.syn_captured, true);
        let went_on = own.has_gone_on;
        if !seen.ack {
            if again && !went_on {
                // It asks again: the answer, if there was one, did not arrive.
                self.take_back(x, Fact::Opened);
            }
            self.note(x, Fact::SentSyn, seen.frame, Phase::Act);
            return;
        }
        if !self.has(y, Fact::SentSynAck) {
            // The answer shows that it was asked, even if that was not captured or comes later.
            self.note(y, Fact::SentSyn, seen.frame, Phase::Proof);
            let asked = self.facts.of(y).get(Fact::SentSyn);
            if asked.is_some_and(|asked| asked.frame() > seen.frame) {
                self.renew(y, Fact::SentSyn, seen.frame, Phase::Proof);
            }
        }
        if !self.has(x, Fact::SentSynAck) {
            if self.has(x, Fact::SentSyn) && self.has(x, Fact::Opened) && !went_on {
                // Both called at once. The peer's answer to its call came after this one of its own.
                self.renew(x, Fact::Opened, seen.frame, Phase::Receive);
            }
            self.note(x, Fact::SentSynAck, seen.frame, Phase::Act);
        } else if !went_on {
            // It answers again: the acknowledgment did not arrive.
            self.take_back(x, Fact::Opened);
        }
        if seen.acks_syn {
            self.note(y, Fact::Opened, seen.frame, Phase::Receive);
        }
    }

    fn see_past_the_syn(&mut self, seen: &Sighting) {
        let (x, y) = (seen.from, seen.from.peer());
        if !self.has_syn() {
            self.note(x, Fact::Spoke, seen.frame, Phase::Proof);
            if seen.new_data {
                self.note(x, Fact::SentData, seen.frame, Phase::Proof);
            }
        } else if seen.ack {
            let called = self.has(x, Fact::SentSyn);
            let answered = self.has(x, Fact::SentSynAck);
            if called || (answered && !self.facts.of(y).syn_captured) {
                self.note(x, Fact::Opened, seen.frame, Phase::Proof);
            } else if !answered && self.has(y, Fact::Opened) {
                // Its SYN-ACK was not captured; the caller has it, and it has gone on.
                self.note(x, Fact::Opened, seen.frame, Phase::Proof);
            }
            let waits = self.has(y, Fact::SentSynAck);
            if waits && seen.acks_syn {
                self.note(y, Fact::Opened, seen.frame, Phase::Receive);
            }
            if self.has(x, Fact::Opened) {
                self.facts.of_mut(x).has_gone_on = true;
            }
        }
        if seen.tail_seen {
            self.take_back(x, Fact::TailMissing);
        }
        if seen.acks_unseen {
            self.note(y, Fact::TailMissing, seen.frame, Phase::Proof);
        }
    }

    fn see_close(&mut self, seen: &Sighting) {
        let (x, y) = (seen.from, seen.from.peer());
        if seen.acks_fin {
            // It has the peer's FIN: at the latest now.
            self.note(x, Fact::GotFin, seen.frame, Phase::Proof);
        }
        if seen.fin {
            self.see_fin(seen);
        } else if seen.repeats_unacked && self.has(y, Fact::GotFin) && !self.facts.of(y).acked_peer_fin {
            // Something before the FIN was lost: the FIN could not count until this.
            self.renew(y, Fact::GotFin, seen.frame, Phase::ReceiveFin);
        }
        let lost = self.facts.of(x).fin_was_lost && !seen.fin;
        if seen.all_up_to_fin && !lost && self.has(x, Fact::SentFin) {
            self.note(y, Fact::GotFin, seen.frame, Phase::ReceiveFin);
        }
        if seen.acks_fin {
            self.facts.of_mut(x).acked_peer_fin = true;
            self.note(y, Fact::GotAckOfFin, seen.frame, Phase::Receive);
        }
    }

    fn see_fin(&mut self, seen: &Sighting) {
        let (x, y) = (seen.from, seen.from.peer());
        let unproven = !self.facts.of(x).acked_peer_fin;
        if self.has(x, Fact::SentFin) {
            // It closes again: neither an acknowledgment nor a FIN that it does not acknowledge arrived.
            self.take_back(x, Fact::GotAckOfFin);
            if unproven && !seen.acks_fin && self.has(x, Fact::GotFin) {
                self.take_back(x, Fact::GotFin);
                self.facts.of_mut(y).fin_was_lost = true;
            }
            if seen.repeats_unacked && self.has(y, Fact::GotFin) && !self.facts.of(y).acked_peer_fin {
                self.renew(y, Fact::GotFin, seen.frame, Phase::ReceiveFin);
            }
            return;
        }
        if self.has(x, Fact::GotFin) && unproven && !seen.acks_fin {
            // It did not have the peer's FIN yet: they crossed.
            self.facts.of_mut(x).fins_crossed = true;
            self.renew(x, Fact::GotFin, seen.frame, Phase::ReceiveFin);
        }
        let own = self.facts.of_mut(x);
        own.fin_acks_fin = seen.acks_fin && !own.acked_peer_fin;
        own.fin_was_awaited = seen.fin_was_awaited;
        self.note(x, Fact::SentFin, seen.frame, Phase::Act);
    }

    /// What the facts amount to.
    pub(crate) fn story(&self) -> Story {
        let mut facts: Vec<(Moment, Fact, End)> = Vec::with_capacity(16);
        for end in [End::A, End::B] {
            let own = self.facts.of(end);
            facts.extend(Fact::ALL.into_iter().filter_map(|fact| Some((own.get(fact)?, fact, end))));
        }
        facts.sort_unstable();
        let mut teller = Teller::new(self.beginning());
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

    /// How it was opened.
    pub(crate) fn open(&self) -> Open {
        let (a, b) = (self.facts.of(End::A), self.facts.of(End::B));
        let called = |facts: &Facts| facts.has(Fact::SentSyn) && facts.syn_captured;
        let answered = |facts: &Facts| facts.has(Fact::SentSynAck);
        let (caller, callee) = match (called(a), called(b)) {
            (false, false) => return Open::Midstream,
            (true, true) if answered(a) && answered(b) => return Open::Simultaneous,
            (true, true) if answered(a) || answered(b) => return Open::Split,
            (true, _) => (a, b),
            (false, true) => (b, a),
        };
        let refused = callee.has(Fact::SentRst) && caller.has(Fact::GotRst);
        if refused && !answered(callee) && !caller.has(Fact::Opened) {
            Open::Refused
        } else if caller.has_gone_on || callee.has(Fact::Opened) {
            if self.fast_open { Open::FastOpen } else { Open::ThreeWay }
        } else {
            Open::HalfOpen
        }
    }

    /// How it was closed.
    pub(crate) fn close(&self, story: &Story) -> Close {
        let (a, b) = (self.facts.of(End::A), self.facts.of(End::B));
        if story.was_reset {
            return Close::Reset;
        }
        match (a.has(Fact::SentFin), b.has(Fact::SentFin)) {
            (true, true) if a.fins_crossed || b.fins_crossed => Close::Simultaneous,
            (true, true) if a.fin_acks_fin || b.fin_acks_fin => Close::ThreeWay,
            (true, true) => Close::FourWay,
            (false, false) => Close::None,
            _ => Close::HalfClosed,
        }
    }
}

/// Puts the facts through the transition table, one after another.
struct Teller {
    story: Story,
}

impl Teller {
    const fn new(worlds: Worlds) -> Self {
        Self { story: Story { transitions: Vec::new(), worlds, was_reset: false } }
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
            Fact::SentData => self.go(moment, worlds.shown(end, State::may_send)),
            Fact::TailMissing => self.go(moment, worlds.may_have_closed(end)),
            Fact::SentFin => {
                // Where nothing is known it may be a repeated one: its sender has closed before.
                let closable = |state: State| state.on(Event::Close).is_some_and(State::has_sent_fin);
                let repeats = |state| matches!(state, State::FinWait1 | State::Closing | State::LastAck);
                let mut shown = worlds.shown(end, |state| closable(state) || repeats(state));
                if observer.facts.of(end).fin_was_awaited {
                    shown = shown.shown(end.peer(), |state| !state.has_received_fin());
                }
                self.go(moment, shown.moved(end, |state| state.on(Event::Close).filter(|_| closable(state))));
            }
            Fact::GotAckOfFin => self.go(moment, worlds.moved(end, |state| state.on(Event::AckOfFin))),
            Fact::GotFin => self.go(moment, worlds.moved(end, |state| state.on(Event::Fin))),
            Fact::SentRst => self.reset(observer, moment, end, Event::Abort),
            Fact::GotRst => self.reset(observer, moment, end, Event::Rst),
            Fact::TimeWaitOver => {
                self.go(moment, worlds.moved(end, |state| state.on(Event::TimeWaitTimeout)));
            }
        }
    }

    fn open(&mut self, observer: &Observer, moment: Moment, end: End) {
        let peer = end.peer();
        let opened = self.story.worlds.moved(end, |state| match state {
            State::Listen => state.on(Event::Syn).and_then(|state| state.on(Event::AckOfSyn)),
            State::SynSent => state.on(Event::SynAck),
            _ => state.on(Event::AckOfSyn),
        });
        // Only one who has sent a SYN can have been answered: an answer that was not captured was given by
        // a peer of which nothing is known from here on.
        let answered = [Fact::SentSyn, Fact::SentSynAck]
            .into_iter()
            .filter_map(|fact| observer.facts.of(peer).get(fact))
            .any(|answer| answer <= moment);
        let already = observer.facts.of(peer).get(Fact::Opened).is_some_and(|opened| opened <= moment);
        let worlds = if answered || already { opened } else { opened.opened_unseen(peer) };
        // Who has just opened has not closed: only now can that be said of an end that was not known.
        self.go(moment, worlds.shown(end, |state| state == State::Established));
    }

    fn reset(&mut self, observer: &Observer, moment: Moment, end: End, event: Event) {
        let worlds = self.story.worlds;
        let open =
            |state: State| !matches!(state, State::Closed | State::Listen | State::SynSent | State::TimeWait);
        self.story.was_reset |= worlds.any(end, open);
        // In SYN-RECEIVED after a passive open the listener goes on (RFC 9293 §3.10.7.4).
        let passive = !observer.has(end, Fact::SentSyn);
        self.go(
            moment,
            worlds.moved(end, |state| match (state, event) {
                (State::SynReceived, Event::Rst) if passive => state.on(Event::BackToListen),
                _ => state.on(event),
            }),
        );
    }

    /// The next worlds; whose known state is another one now has made a transition.
    fn go(&mut self, moment: Moment, next: Worlds) {
        for end in [End::A, End::B] {
            let (before, after) = (self.story.worlds.known(end), next.known(end));
            if before != after {
                self.story.transitions.push(Observed { frame: moment.frame(), end, state: after });
            }
        }
        self.story.worlds = next;
    }
}

#[cfg(test)]
mod tests;
