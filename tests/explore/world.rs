//! The world that is explored: two ends, each the machine as it ships and a user, and a network between them.
//!
//! Everything that may differ between two moments is in [`World`], and nothing else: two worlds with the same
//! [`fingerprint`](World::fingerprint) and the same [`Budget`] have the same future.

use std::collections::VecDeque;
use std::hash::{Hash as _, Hasher as _};
use std::sync::Arc;
use std::time::Duration;

use siphasher::sip128::{Hasher128 as _, SipHasher13};
use tcpstate::tcp::{Horizon, SegmentMeta, Tcb};
use tcpstate::{Instant, SeqNumber, State};

use super::rules::Rules;

/// The most octets that a user sends.
pub const OCTETS: usize = 2;

/// When it begins: far enough from the epoch that "never" and "long ago" are the same.
pub const START: Instant = Instant::from_nanos(1 << 58);

/// How far the future goes that is explored: within the bounds all timers of both ends together take less time, for the two
/// that would take longer are short here. Ages that only a larger R2 could tell apart are the same within it: no user of any world
/// changes R2, nor anything else of the configuration but, in calm walks, keep-alives.
pub const EXPLORED: Horizon = Horizon { time: Duration::from_secs(140), octets: OCTETS as u32 };

/// How far a calm walk goes: keep-alives begin after two hours, and may have to be asked nine times.
pub const CALM: Horizon = Horizon { time: Duration::from_secs(24 * 3600), ..EXPLORED };

/// Two ends, and what is between them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct World {
    /// Moves to deadlines, and nowhere else.
    pub now: Instant,
    /// 0 calls; 1 listens, or calls as well.
    pub ends: [End; 2],
    /// What each end has sent, and the other has not received yet.
    pub lanes: [Lane; 2],
    /// What may still go wrong.
    pub left: Budget,
}

/// One end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct End {
    /// The machine; none before the user opens: then nobody is there who answers but the reset of a closed port.
    pub tcb: Option<Arc<Tcb>>,
    /// What the user has done.
    pub user: User,
    /// What was stored at each place of the stream that is received: 0 if nothing was, `k` for the `k`-th octet that
    /// the peer has sent.
    pub inbox: [u8; OCTETS],
    /// How often a caller was lost, after which a listener listens again.
    pub round: u8,
}

/// What a user has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct User {
    /// Octets given to send.
    pub queued: u8,
    /// Octets read.
    pub taken: u8,
    /// There is no more to send.
    pub shut: bool,
    /// The user has let go.
    pub closed: bool,
    pub aborted: bool,
}

/// One direction of the network.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lane {
    /// What arrives in the order in which it was sent.
    pub queue: VecDeque<Packet>,
    /// What was overtaken or doubled on its way: may arrive at any moment from now on. In the order in which that happened.
    pub strays: Vec<Packet>,
}

/// A segment on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Packet {
    pub meta: SegmentMeta,
    /// Where its payload begins in the stream of its sender.
    pub offset: u64,
}

/// How many timers the machine has.
const TIMERS: usize = 11;

/// What may still happen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Budget {
    /// Segments that the network may still lose,
    pub drops: u8,
    /// double,
    pub copies: u8,
    /// or let others overtake.
    pub reorders: u8,
    /// How often time may come to a deadline while something is on its way that was not overtaken.
    pub delays: u8,
    /// Segments that a stranger may still forge.
    pub forgeries: u8,
    /// How often each timer of each end may still expire, by its number.
    pub firings: [[u8; TIMERS]; 2],
}

impl Budget {
    pub const TIMERS: usize = TIMERS;

    /// What may go wrong in CI: two segments are lost, one is doubled, one is overtaken, and each timer of each end expires
    /// three times.
    pub const CI: Self =
        Self { drops: 2, copies: 1, reorders: 1, delays: 0, forgeries: 0, firings: [[3; Self::TIMERS]; 2] };
}

impl World {
    /// Nobody has opened yet.
    pub fn new(rules: &Rules) -> Self {
        Self { now: START, ends: Default::default(), lanes: Default::default(), left: rules.budget }
    }

    /// Whether nothing is on its way.
    pub fn is_quiet(&self) -> bool {
        self.lanes.iter().all(|lane| lane.queue.is_empty() && lane.strays.is_empty())
    }

    /// Whether something is on its way that has to arrive before time goes on, unless it is delayed.
    pub fn is_busy(&self, rules: &Rules) -> bool {
        self.lanes.iter().any(|lane| !lane.queue.is_empty() || !rules.late_strays && !lane.strays.is_empty())
    }

    /// The next deadline of `end`.
    pub fn deadline(&self, end: usize) -> Option<Instant> {
        self.ends[end].tcb.as_ref()?.poll_timeout()
    }

    /// The next deadline of both.
    pub fn next_deadline(&self) -> Option<Instant> {
        (0..2).filter_map(|end| self.deadline(end)).min()
    }
}

impl End {
    /// The state of the machine; CLOSED where there is none.
    pub fn state(&self) -> State {
        self.tcb.as_ref().map_or(State::Closed, |tcb| tcb.state())
    }

    /// Octets that can be read.
    pub fn unread(&self) -> u64 {
        self.tcb.as_ref().map_or(0, |tcb| tcb.readable_to() - tcb.consumed_to())
    }
}

/// The initial sequence number of each end: SYN, octets and FIN cross the wrap of sequence space.
pub fn iss(end: usize) -> SeqNumber {
    SeqNumber::new([u32::MAX, u32::MAX - 1][end])
}

impl World {
    /// Stands for everything but what is [`left`](Self::left): moments count from now, and timestamps from the clock.
    pub fn fingerprint(&self, horizon: Horizon) -> u128 {
        self.hashed(|tcb| tcb.fingerprint_within(self.now, horizon).get())
    }

    /// The same, with something else that stands for each machine.
    pub fn hashed(&self, of: impl Fn(&Tcb) -> u128) -> u128 {
        let mut hash = SipHasher13::new();
        for end in &self.ends {
            let End { tcb, user, inbox, round } = end;
            let machine = tcb.as_deref().map_or(0, &of);
            hash.write_u64(machine as u64);
            hash.write_u64((machine >> 64) as u64);
            if let Some(tcb) = tcb {
                // A listener that is called a second time takes another number, and the packets have theirs as they are.
                hash.write_u32(tcb.irs().get());
                if tcb.state() == State::Closed {
                    // It will not do anything any more; what it has come to is asked all the same.
                    (tcb.close_reason(), tcb.peer_has_closed()).hash(&mut hash);
                    [tcb.snd_una(), tcb.snd_max(), tcb.rcv_nxt()].hash(&mut hash);
                }
            }
            let User { queued, taken, shut, closed, aborted } = *user;
            let flags = [shut, closed, aborted].map(u8::from);
            let small = [queued, taken, flags[0], flags[1], flags[2], inbox[0], inbox[1], *round];
            hash.write_u64(u64::from_le_bytes(small));
        }
        for Lane { queue, strays } in &self.lanes {
            hash.write_u64((queue.len() << 8 | strays.len()) as u64);
            for packet in queue {
                packet.hash_at(self.now, &mut hash);
            }
            // They are a set: any may come first.
            let mut set: Vec<u64> = strays.iter().map(|stray| stray.digest(self.now)).collect();
            set.sort_unstable();
            set.into_iter().for_each(|stray| hash.write_u64(stray));
        }
        hash.finish128().as_u128()
    }
}

impl Packet {
    /// Timestamps count from the clocks, which both go as fast as time.
    fn hash_at(&self, now: Instant, hash: &mut SipHasher13) {
        let Self { mut meta, offset } = *self;
        if let Some(timestamps) = &mut meta.options.timestamps {
            let clock = (now.as_nanos() / 1_000_000) as u32;
            timestamps.val = timestamps.val.wrapping_sub(clock);
            if timestamps.ecr != 0 {
                timestamps.ecr = timestamps.ecr.wrapping_sub(clock);
            }
        }
        meta.hash(hash);
        hash.write_u64(offset);
    }

    fn digest(&self, now: Instant) -> u64 {
        let mut hash = SipHasher13::new();
        self.hash_at(now, &mut hash);
        hash.finish128().h1
    }
}
