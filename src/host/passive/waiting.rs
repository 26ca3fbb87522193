//! TIME-WAIT: what comes for it, who may take its place (RFC 9293 §3.6.1, MAY-2; RFC 6191).

use alloc::vec::Vec;
use core::time::Duration;

use super::time_wait::{Slot, TimeWaitRows};
use super::{Outcome, Passive, Refused, Reply, told};
use crate::host::{FiveTuple, demux};
use crate::secret::Secret;
use crate::tcp::{SegmentMeta, Tcb, TcpConfig, TimeWait, Waited};
use crate::{Event, Instant, SeqNumber, State};

/// Whether our own user may call a peer from a port now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    /// The passive side knows nothing of that flow.
    Free,
    /// Somebody is calling, or an old connection between the two may still have segments under way.
    Taken,
    /// It knew of an old connection, which is forgotten now. The ISS of the new one is this.
    Reused(SeqNumber),
}

impl Passive {
    /// Keeps of a connection in TIME-WAIT that has nothing more to send only a row; `false`, and nothing changes, if it
    /// is no such one. The wait begins now.
    pub(crate) fn add_time_wait(&mut self, now: Instant, hash: u64, tuple: &FiveTuple, tcb: &Tcb) -> bool {
        let Some(wait) = TimeWait::of(tcb) else { return false };
        if self.time_wait.find(hash, tuple).is_some() || self.half_open.find(hash, tuple).is_some() {
            return false;
        }
        self.stats.time_waits += 1;
        if self.config.time_wait == 0 {
            self.stats.time_wait_evicted += 1;
            told(tuple, Event::TimeWaitTimeout, State::TimeWait, State::Closed);
            return true;
        }
        while self.time_wait.len() >= self.config.time_wait {
            let Some((_, oldest)) = self.time_wait.first() else { break };
            self.stats.time_wait_evicted += 1;
            self.end_wait(oldest, Event::TimeWaitTimeout);
        }
        self.time_wait.insert(now, hash, tuple, wait);
        self.weigh();
        true
    }

    /// The choices of the machine are others from now on: `false`, and nothing changes, if TIME-WAIT is to last another
    /// time and there are connections in it, which leave in the order in which they came.
    pub(crate) fn set_tcp(&mut self, tcp: &TcpConfig) -> bool {
        if tcp.time_wait != self.config.tcp.time_wait {
            if self.time_wait.len() > 0 {
                return false;
            }
            self.time_wait = TimeWaitRows::new(tcp.time_wait);
        }
        self.config.tcp = *tcp;
        true
    }

    /// Ends the wait of connections of which `which` says so, and says how many those were.
    pub(crate) fn forget_time_wait(
        &mut self,
        secret: &Secret,
        mut which: impl FnMut(&FiveTuple) -> bool,
    ) -> usize {
        let gone: Vec<FiveTuple> =
            self.time_wait.iter().map(|(tuple, ..)| tuple).filter(|tuple| which(tuple)).collect();
        for tuple in &gone {
            if let Some(slot) = self.time_wait.find(demux::hash(secret, tuple), tuple) {
                self.end_wait(slot, Event::TimeWaitTimeout);
            }
        }
        gone.len()
    }

    /// Connections in TIME-WAIT.
    #[cfg(test)]
    pub(crate) const fn time_waits(&self) -> u32 {
        self.time_wait.len()
    }

    /// Takes a row out; `event` says why.
    fn end_wait(&mut self, slot: Slot, event: Event) {
        if let Some((tuple, mut wait)) = self.time_wait.remove(slot) {
            let before = wait.state();
            // A reset has ended it already.
            if before == State::TimeWait {
                wait.end(event);
            }
            told(&tuple, event, State::TimeWait, wait.state());
        }
    }

    /// A segment for a connection in TIME-WAIT.
    pub(super) fn on_waiting(
        &mut self,
        now: Instant,
        hash: u64,
        tuple: &FiveTuple,
        seg: &SegmentMeta,
        secret: &Secret,
        slot: Slot,
    ) -> Outcome {
        let Some(wait) = self.time_wait.get_mut(slot) else { return Outcome::Unknown };
        if wait.may_reopen(&self.config.tcp, seg)
            && let Some(listener) = self.listeners.find(tuple)
        {
            return self.reopen(now, hash, tuple, seg, secret, slot, listener);
        }
        let reply = |meta| Outcome::Reply(Reply { tuple: *tuple, meta, listener: None });
        match wait.on_segment(&self.config.tcp, now, seg) {
            Waited::Heard => Outcome::Taken,
            Waited::Refused(_, Some(meta)) => reply(meta),
            Waited::Refused(reason, None) => Outcome::Refused(Refused::Machine(reason)),
            Waited::Again(meta) => {
                self.time_wait.again(now, slot);
                meta.map_or(Outcome::Taken, reply)
            }
            Waited::Over => {
                self.end_wait(slot, Event::Rst);
                Outcome::Taken
            }
        }
    }

    /// The peer calls again. Its number is remembered, for it has to lie beyond those of before: no cookie can do that.
    #[allow(clippy::too_many_arguments, reason = "what a SYN brings, and what stands in its way")]
    fn reopen(
        &mut self,
        now: Instant,
        hash: u64,
        tuple: &FiveTuple,
        seg: &SegmentMeta,
        secret: &Secret,
        slot: Slot,
        listener: u32,
    ) -> Outcome {
        let mut secrets = secret.unpredictable(tuple.local(), tuple.remote(), now);
        if let Some(wait) = self.time_wait.get(slot) {
            secrets.iss = wait.next_iss(secrets.iss);
        }
        let outcome = self.meet(now, hash, tuple, seg, secrets, listener);
        if matches!(outcome, Outcome::Taken) {
            self.stats.reopened += 1;
            self.end_wait(slot, Event::Syn);
        }
        outcome
    }

    /// Our own user wants to call the peer of `tuple`, with the ISS `wanted`. An old connection in TIME-WAIT makes room
    /// if both ends use timestamps, which tell its segments from new ones, and a second has passed since, so that the
    /// clocks have moved on (RFC 6191 §2 says this of calls from outside).
    pub(crate) fn claim(&mut self, now: Instant, hash: u64, tuple: &FiveTuple, wanted: SeqNumber) -> Claim {
        if self.half_open.find(hash, tuple).is_some() {
            return Claim::Taken;
        }
        let Some(slot) = self.time_wait.find(hash, tuple) else { return Claim::Free };
        match self.time_wait.get(slot).filter(|_| self.makes_room(now, slot)) {
            Some(wait) => {
                let iss = wait.next_iss(wanted);
                self.stats.reopened += 1;
                self.end_wait(slot, Event::TimeWaitTimeout);
                Claim::Reused(iss)
            }
            None => Claim::Taken,
        }
    }

    /// Whether a [`claim`](Self::claim) would be granted.
    pub(crate) fn can_claim(&self, now: Instant, hash: u64, tuple: &FiveTuple) -> bool {
        let waits = self.time_wait.find(hash, tuple);
        self.half_open.find(hash, tuple).is_none() && waits.is_none_or(|slot| self.makes_room(now, slot))
    }

    fn makes_room(&self, now: Instant, slot: Slot) -> bool {
        const SECOND: Duration = Duration::from_secs(1);
        let stamped = self.time_wait.get(slot).is_some_and(TimeWait::has_timestamps);
        stamped && self.time_wait.waited(now, slot) >= SECOND
    }

    /// Those whose 2·MSL are over go.
    pub(super) fn end_waits(&mut self, now: Instant) {
        while let Some((_, slot)) = self.time_wait.first().filter(|&(at, _)| at <= now) {
            self.end_wait(slot, Event::TimeWaitTimeout);
        }
    }
}

#[cfg(test)]
mod tests;
