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
use core::fmt;
use core::num::NonZeroU32;

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
    /// It showed that it had not sent a FIN so far.
    SpokeOpen,
    /// More was acknowledged, or sent as its own numbers show, than was captured from this end, and nothing has
    /// followed from it: among what is missing there may be a FIN.
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
        Self::SpokeOpen,
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

/// A frame and a part of it, in one word: frames count from the flow's first, in the upper 30 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Moment(NonZeroU32);

impl Moment {
    const LAST_FRAME: u64 = (1 << 30) - 2;

    /// Later frames than can be told apart count as the last.
    fn new(frames_since_first: u64, phase: Phase) -> Self {
        let frame = u32::try_from(frames_since_first.min(Self::LAST_FRAME)).unwrap_or(0) + 1;
        Self(NonZeroU32::MIN.saturating_add((frame << 2 | phase as u32) - 1))
    }

    const fn frames_since_first(self) -> u64 {
        (self.0.get() >> 2) as u64 - 1
    }
}

/// The facts about one end.
#[derive(Clone, Copy, Debug, Default)]
struct Facts {
    moments: [Option<Moment>; Fact::ALL.len()],
    /// The first frame of it that is not a reset.
    first_seen: Option<Moment>,
    /// Its SYN itself was captured, not only the answer to it.
    syn_captured: bool,
    /// The last copy of its FIN acknowledged the peer's.
    last_fin_acks: bool,
    /// Its FIN was sent before the frame that brought it: in which order with the peer's is not known.
    fin_backdated: bool,
    /// The reset that it got may have been answered by a challenge.
    rst_doubtful: bool,
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
    /// The FIN had been missed before: since this frame.
    pub(crate) fin_missed_at: Option<u64>,
    /// The capture has the acknowledgment of that FIN before it.
    pub(crate) fin_was_acked: bool,
    /// The receiver has spoken before, and had not received that FIN then.
    pub(crate) fin_was_awaited: bool,
    /// Carries octets that were not sent before.
    pub(crate) new_data: bool,
    /// Shows that no FIN has been sent so far, though the capture began in the middle.
    pub(crate) speaks_open: bool,
    /// Repeats something that the receiver had not acknowledged.
    pub(crate) repeats_unacked: bool,
    /// Acknowledges the receiver's SYN (or it is not known where that SYN was).
    pub(crate) acks_syn: bool,
    /// Acknowledges something behind the receiver's SYN, and behind the data that came with it.
    pub(crate) acks_data: bool,
    /// The receiver's SYN carried data under a Fast Open option.
    pub(crate) is_fast_open: bool,
    /// Acknowledges the receiver's FIN.
    pub(crate) acks_fin: bool,
    /// The sender's FIN has been seen, and before it nothing is missing.
    pub(crate) all_up_to_fin: bool,
    /// Acknowledges more than has been seen of the receiver.
    pub(crate) acks_unseen: bool,
    /// Its own number shows that it has sent something that was not captured.
    pub(crate) has_sent_unseen: bool,
    /// Nothing of the sender's is missing at the end any more.
    pub(crate) tail_seen: bool,
    /// For a reset: the receiver takes it, or may take it; it is the sender's own connection that is given up.
    pub(crate) rst_counts: bool,
    pub(crate) rst_doubtful: bool,
    pub(crate) rst_gives_up: bool,
    /// The receiver has sent a reset, longer ago than anything of this sender's could have been on its way.
    pub(crate) long_after_reset: bool,
}

impl Sighting {
    /// A frame that says nothing yet.
    pub(crate) const fn new(frame: u64, from: End) -> Self {
        Self {
            frame,
            from,
            syn: false,
            ack: false,
            rst: false,
            fin: false,
            fin_missed_at: None,
            fin_was_acked: false,
            fin_was_awaited: false,
            new_data: false,
            speaks_open: false,
            repeats_unacked: false,
            acks_syn: false,
            acks_data: false,
            is_fast_open: false,
            acks_fin: false,
            all_up_to_fin: false,
            acks_unseen: false,
            has_sent_unseen: false,
            tail_seen: false,
            rst_counts: false,
            rst_doubtful: false,
            rst_gives_up: false,
            long_after_reset: false,
        }
    }
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

impl fmt::Display for Open {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
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

impl fmt::Display for Close {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

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

/// Follows the states of both ends of one flow.
#[derive(Clone, Debug)]
pub(crate) struct Observer {
    /// The flow's first frame.
    first: u64,
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
    /// An observer of a flow that begins with this frame.
    pub(crate) fn new(first: u64) -> Self {
        Self { first, facts: Both::default(), fast_open: false, changed: false }
    }

    const fn since_first(&self, frame: u64) -> u64 {
        frame.saturating_sub(self.first)
    }

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
            self.set(end, fact, Some(Moment::new(self.since_first(frame), phase)));
        }
    }

    /// Notes that `fact` holds only from now on.
    fn renew(&mut self, end: End, fact: Fact, frame: u64, phase: Phase) {
        self.set(end, fact, Some(Moment::new(self.since_first(frame), phase)));
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
        if !seen.rst && self.facts.of(seen.from).first_seen.is_none() {
            let first_seen = Moment::new(self.since_first(seen.frame), Phase::Proof);
            self.facts.of_mut(seen.from).first_seen = Some(first_seen);
            self.changed = true;
        }
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
        let doubtful = self.facts.of(x).rst_doubtful;
        let goes_on = seen.syn || seen.repeats_unacked || seen.long_after_reset && seen.new_data;
        if !seen.rst && (goes_on || doubtful) {
            self.take_back(x, Fact::GotRst);
        }
    }

    fn see_reset(&mut self, seen: &Sighting) {
        let (x, y) = (seen.from, seen.from.peer());
        if seen.rst_gives_up {
            self.note(x, Fact::SentRst, seen.frame, Phase::Act);
        }
        let certain = seen.rst_counts && !seen.rst_doubtful;
        if certain && self.facts.of(y).rst_doubtful {
            self.take_back(y, Fact::GotRst);
        }
        if seen.rst_counts && !self.has(y, Fact::GotRst) {
            self.note(y, Fact::GotRst, seen.frame, Phase::ReceiveFin);
            self.facts.of_mut(y).rst_doubtful = seen.rst_doubtful;
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
            if asked.is_some_and(|asked| asked.frames_since_first() > self.since_first(seen.frame)) {
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
        if seen.speaks_open {
            self.note(x, Fact::SpokeOpen, seen.frame, Phase::Proof);
        }
        if !self.has_syn() {
            self.note(x, Fact::Spoke, seen.frame, Phase::Proof);
        } else if seen.ack {
            let called = self.has(x, Fact::SentSyn);
            let answered = self.has(x, Fact::SentSynAck);
            // Who has only answered sends no data, closes nothing and has nothing to acknowledge but the SYN
            // (RFC 9293 §3.10.2), unless the caller opened fast.
            let acts_open = seen.acks_data || !seen.is_fast_open && (seen.new_data || seen.fin);
            if called || answered && (acts_open || !self.facts.of(y).syn_captured) {
                self.note(x, Fact::Opened, seen.frame, Phase::Proof);
            } else if !answered && (self.has(y, Fact::Opened) || acts_open && seen.acks_syn) {
                // Its SYN-ACK was not captured; the caller has it, and it has the caller's answer.
                self.note(y, Fact::Opened, seen.frame, Phase::Proof);
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
        if seen.has_sent_unseen {
            self.note(x, Fact::TailMissing, seen.frame, Phase::Proof);
        }
        if seen.acks_unseen {
            self.note(y, Fact::TailMissing, seen.frame, Phase::Proof);
        }
    }

    fn see_close(&mut self, seen: &Sighting) {
        let (x, y) = (seen.from, seen.from.peer());
        if seen.acks_fin {
            // It has the peer's FIN: at the latest now. What came with the FIN was processed before it.
            if self.facts.of(y).last_fin_acks {
                self.note(x, Fact::GotAckOfFin, seen.frame, Phase::Proof);
            }
            self.note(x, Fact::GotFin, seen.frame, Phase::Proof);
        }
        let closes_now = seen.fin && !self.has(x, Fact::SentFin);
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
        if closes_now && seen.fin_was_acked {
            self.facts.of_mut(y).acked_peer_fin = true;
            self.note(x, Fact::GotAckOfFin, seen.frame, Phase::ReceiveFin);
        }
    }

    fn see_fin(&mut self, seen: &Sighting) {
        let (x, y) = (seen.from, seen.from.peer());
        let unproven = !self.facts.of(x).acked_peer_fin;
        self.facts.of_mut(x).last_fin_acks = seen.acks_fin;
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
        own.fin_backdated = seen.fin_missed_at.is_some();
        match seen.fin_missed_at {
            Some(frame) => self.note(x, Fact::SentFin, frame, Phase::Proof),
            None => self.note(x, Fact::SentFin, seen.frame, Phase::Act),
        }
    }

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

    /// Who sent the reset that nothing refuted: the first, if both did.
    pub(crate) fn reset_by(&self) -> Option<End> {
        [End::A, End::B]
            .into_iter()
            .filter_map(|end| Some((self.facts.of(end).get(Fact::SentRst)?, end)))
            .min()
            .map(|(_, end)| end)
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

#[cfg(test)]
mod tests;
