//! What an observer may say of both ends' states, from the frames that passed by.
//!
//! A frame counts as sent by its sender and as received by the other end, unless a later frame refutes that:
//! who sends its SYN again had not received the answer, who sends its FIN again had not received the
//! acknowledgment. So nothing is written in stone: the observer keeps a handful of *facts* for each end, each
//! with the moment it holds from ("b received a's FIN at frame 9"). A later frame may move a fact or take it
//! back, and the transitions are what [`State::on`] makes of the facts in their order.

mod facts;
mod sighting;
mod teller;
mod words;

pub use teller::Observed;
pub use words::{Close, Open};

pub(crate) use sighting::Sighting;
pub(crate) use teller::Story;

use super::worlds::{Both, End};
use facts::{Fact, Facts, Moment, Phase};

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
        self.renew(end, Fact::TimeWaitOver, frame, Phase::Proof);
    }

    /// The FIN of `end` was a stray: nothing followed from it.
    pub(crate) fn take_back_fin(&mut self, end: End) {
        self.take_back(end, Fact::SentFin);
        self.take_back(end, Fact::GotAckOfFin);
        self.take_back(end.peer(), Fact::GotFin);
        self.facts.of_mut(end.peer()).acked_peer_fin = false;
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
        let goes_on = seen.long_after_reset && (seen.syn || seen.repeats_unacked || seen.new_data);
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
                // Both called at once. The peer's answer to its call came after this one of its own, and what
                // followed that answer too.
                self.renew(x, Fact::Opened, seen.frame, Phase::Receive);
                if self.has(x, Fact::GotFin) {
                    self.renew(x, Fact::GotFin, seen.frame, Phase::ReceiveFin);
                }
            }
            self.note(x, Fact::SentSynAck, seen.frame, Phase::Act);
        } else if !went_on {
            // It answers again: the acknowledgment did not arrive, nor what came after that.
            self.take_back(x, Fact::Opened);
            self.take_back(x, Fact::GotFin);
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
            // Who has only answered sends no data and has nothing to acknowledge but the SYN (RFC 9293 §3.10.2),
            // unless the caller opened fast. It may close (§3.10.4).
            let acts_open = seen.acks_data || !seen.is_fast_open && seen.new_data;
            let goes_on = acts_open || !seen.is_fast_open && seen.fin;
            let only_answered = answered && self.facts.of(y).syn_captured;
            if (called || answered) && (acts_open || !only_answered) {
                self.note(x, Fact::Opened, seen.frame, Phase::Proof);
            } else if !answered && (self.has(y, Fact::Opened) || goes_on && seen.acks_syn) {
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
        // Where data before the FIN comes again, that was lost, and the FIN perhaps not.
        let lost = self.facts.of(x).fin_was_lost && !seen.fin && !seen.repeats_unacked;
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
        // It was sent before this end acknowledged the peer's FIN, and so before it had that.
        let crossed_before = seen.fin_missed_at.is_some() && seen.ack && !seen.acks_fin && own.acked_peer_fin;
        own.fins_crossed |= crossed_before;
        own.fin_backdated = seen.fin_missed_at.is_some() && !crossed_before;
        match (seen.fin_missed_at, own.get(Fact::GotFin)) {
            (Some(_), Some(got)) if crossed_before => {
                let frame = self.first + got.frames_since_first();
                self.note(x, Fact::SentFin, frame, Phase::Proof);
                self.renew(x, Fact::GotFin, frame, Phase::ReceiveFin);
            }
            (Some(frame), _) => {
                // At the latest with the first frame of this end that was captured.
                let first_seen = own.first_seen.map_or(0, Moment::frames_since_first);
                self.note(x, Fact::SentFin, frame.max(self.first + first_seen), Phase::Proof);
            }
            (None, _) => self.note(x, Fact::SentFin, seen.frame, Phase::Act),
        }
    }
}

#[cfg(test)]
mod tests;
