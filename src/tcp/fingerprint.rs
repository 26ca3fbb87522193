//! What of a machine decides what it will do: [`Tcb::fingerprint`].
//!
//! Each file says what of its own variables counts, beside them, by `fold!`: it names every field, folded in or left out,
//! so that a new one does not compile before somebody has thought of it. Left out is
//!
//! - what only tells people something: counters, rates, how long something has held us back;
//! - what follows from the rest, as sums over the scoreboard do;
//! - what will not be looked at any more: how a probe went that is over, when pacing was due that is not due any more,
//!   nearly everything of a connection that is over.
//!
//! Moments count by their distance from now, sequence numbers by that from the initial ones, timestamps by that from our
//! clock, and transmissions by their order.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::fmt;
use core::hash::{Hash, Hasher as _};
use core::ops::Range;
use core::time::Duration;

use siphasher::sip128::{Hasher128 as _, SipHasher13};

use super::compact::{Maybe, MaybeInstant, Seldom};
use super::congestion::CongestionControl as _;
use super::segment::{Cookie, SegmentMeta};
use super::state::State;
use super::tcb::Tcb;
use crate::Instant;

/// Stands for all that decides what a machine will do: see [`Tcb::fingerprint`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(u128);

impl Fingerprint {
    /// The 128 bits. They are the same on every machine of the same kind, and may be others in another version.
    #[must_use]
    pub const fn get(self) -> u128 {
        self.0
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// How far the future goes that two machines have to share: for exploring within bounds, where much of what a machine
/// remembers will never be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Horizon {
    /// So long from now on, in which R2 stays what it is.
    pub time: Duration,
    /// So many octets at the most are ever given to send, on either side, and no ICMP message comes. As long as that is no
    /// more than 16, no congestion window holds them back, pacing and the search for the path's MTU have nothing
    /// to do, and receive windows of 256 octets or more stay what they are: what is remembered for these does not count.
    pub octets: u32,
}

/// This long after the epoch "never", which is the epoch itself, and "long ago" make no difference.
const LONG: u64 = 86_400_000_000_000;

/// What a value adds to a fingerprint.
pub(in crate::tcp) trait Fold {
    fn fold(&self, into: &mut Folder);
}

/// Implements [`Fold`] for a struct: every field is named, in one list or the other.
macro_rules! fold {
    ($type:ty { $($field:ident),* $(,)? } $(without { $($left:ident),* $(,)? })?) => {
        impl $crate::tcp::fingerprint::Fold for $type {
            fn fold(&self, into: &mut $crate::tcp::fingerprint::Folder) {
                let Self { $($field,)* $($($left: _,)*)? } = self;
                $($crate::tcp::fingerprint::Fold::fold($field, into);)*
            }
        }
    };
}
pub(in crate::tcp) use fold;

/// Implements [`Fold`] for enums without fields.
macro_rules! fold_words {
    ($($type:ty),* $(,)?) => {
        $(impl $crate::tcp::fingerprint::Fold for $type {
            fn fold(&self, into: &mut $crate::tcp::fingerprint::Folder) {
                into.word(*self as u64);
            }
        })*
    };
}
pub(in crate::tcp) use fold_words;

/// A fingerprint while it is being taken.
pub(in crate::tcp) struct Folder {
    hash: SipHasher13,
    now: Instant,
    /// Our clock for timestamps, and how far it is from its next tick.
    clock: u32,
    /// The numbers of the transmissions that are not acknowledged, ascending, and of the last one.
    numbers: (Vec<u64>, u64),
    horizon: Option<Horizon>,
    /// The smaller and the larger R2, and whether timestamps are in use.
    patience: (Duration, Duration),
    timestamps: bool,
}

impl Folder {
    #[inline]
    pub(in crate::tcp) fn word(&mut self, word: u64) {
        self.hash.write_u64(word);
    }

    /// Flags, up to 64 of them.
    pub(in crate::tcp) fn flags<const N: usize>(&mut self, flags: [bool; N]) {
        self.word(flags.into_iter().fold(0, |all, flag| all << 1 | u64::from(flag)));
    }

    pub(in crate::tcp) const fn now(&self) -> Instant {
        self.now
    }

    /// Whether so little is ever sent that windows do not matter.
    pub(in crate::tcp) fn few(&self) -> bool {
        self.horizon.is_some_and(|horizon| horizon.octets <= 16)
    }

    /// A moment of which is asked only whether it is `least` to `most` ago, or somewhere between.
    pub(in crate::tcp) fn age(&mut self, at: Instant, least: Duration, most: Duration) {
        if at == Instant::MAX || at == Instant::ZERO {
            return at.fold(self);
        }
        let age = self.now - at;
        if age > most {
            self.word(1 << 63 | 2);
        } else if self.horizon.is_some_and(|horizon| age + horizon.time < least) {
            self.word(1 << 63 | 3);
        } else {
            at.fold(self);
        }
    }

    /// A timestamp, by its distance from our clock. The peer's clock goes as fast as ours, so its timestamps count likewise.
    pub(in crate::tcp) fn timestamp(&mut self, value: u32) {
        self.word(u64::from(value.wrapping_sub(self.clock)));
    }

    /// When something was first sent that is not acknowledged: it is asked for by R2, and where timestamps tell round trips.
    pub(in crate::tcp) fn first_sent(&mut self, at: Instant) {
        if self.timestamps {
            at.fold(self);
        } else {
            self.patience(at);
        }
    }

    /// Since when somebody has been waiting for as long as R2, which the user may change at any time.
    pub(in crate::tcp) fn patience(&mut self, at: Instant) {
        let (least, most) = self.patience;
        if self.horizon.is_none() {
            at.fold(self);
        } else {
            self.age(at, least, most);
        }
    }

    /// The number of a transmission: how many of those that are not acknowledged were before it, and whether it is one of
    /// them. All that come later have larger numbers.
    pub(in crate::tcp) fn transmission(&mut self, number: Maybe) {
        let Some(number) = number.get() else { return self.word(u64::MAX) };
        let (numbers, last) = &self.numbers;
        let before = numbers.partition_point(|&other| other < number);
        let is_one = numbers.get(before) == Some(&number);
        let ahead = number.saturating_sub(*last);
        self.word((before as u64) << 1 | u64::from(is_one));
        self.word(ahead);
    }
}

impl Fold for u64 {
    #[inline]
    fn fold(&self, into: &mut Folder) {
        into.word(*self);
    }
}

macro_rules! fold_numbers {
    ($($type:ty),*) => {
        $(impl Fold for $type {
            #[inline]
            fn fold(&self, into: &mut Folder) {
                into.word(u64::from(*self));
            }
        })*
    };
}
fold_numbers!(u8, u16, u32, bool);
fold_words!(State);

impl Fold for Instant {
    fn fold(&self, into: &mut Folder) {
        let now = into.now.as_nanos();
        if *self == Self::ZERO && now < LONG {
            // Never, unless the epoch has only just been: then it matters when it was.
            into.word(now);
        }
        into.word(match *self {
            Self::MAX => 1 << 63,
            Self::ZERO => 1 << 63 | 1,
            at => at.as_nanos().wrapping_sub(now),
        });
    }
}

impl Fold for MaybeInstant {
    fn fold(&self, into: &mut Folder) {
        self.get().unwrap_or(Instant::MAX).fold(into);
    }
}

impl Fold for Maybe {
    fn fold(&self, into: &mut Folder) {
        into.word(self.get().unwrap_or(0));
    }
}

impl<T: Fold> Fold for Option<T> {
    fn fold(&self, into: &mut Folder) {
        into.word(u64::from(self.is_some()));
        if let Some(value) = self {
            value.fold(into);
        }
    }
}

impl<T: Fold> Fold for Box<T> {
    fn fold(&self, into: &mut Folder) {
        (**self).fold(into);
    }
}

impl<T: Fold, const N: usize> Fold for [T; N] {
    fn fold(&self, into: &mut Folder) {
        for value in self {
            value.fold(into);
        }
    }
}

impl<T: Fold> Fold for Vec<T> {
    fn fold(&self, into: &mut Folder) {
        into.word(self.len() as u64);
        self.iter().for_each(|value| value.fold(into));
    }
}

impl<T: Fold> Fold for VecDeque<T> {
    fn fold(&self, into: &mut Folder) {
        into.word(self.len() as u64);
        self.iter().for_each(|value| value.fold(into));
    }
}

impl Fold for Range<u64> {
    fn fold(&self, into: &mut Folder) {
        into.word(self.start);
        into.word(self.end);
    }
}

impl<T: Fold> Fold for &T {
    fn fold(&self, into: &mut Folder) {
        (**self).fold(into);
    }
}

impl<A: Fold, B: Fold> Fold for (A, B) {
    fn fold(&self, into: &mut Folder) {
        self.0.fold(into);
        self.1.fold(into);
    }
}

/// Whether it takes memory makes no difference: what it holds does.
impl<T: Fold + Default + PartialEq> Fold for Seldom<T> {
    fn fold(&self, into: &mut Folder) {
        self.unusual().fold(into);
    }
}

impl Fold for Cookie {
    fn fold(&self, into: &mut Folder) {
        self.hash(&mut into.hash);
    }
}

impl Tcb {
    /// What decides all that this machine will ever do, in 128 bits: to tell whether one that is met while exploring was
    /// met before.
    ///
    /// Two machines with the same fingerprint, each at its own `now`, give the same answers to the same segments, calls
    /// and deadlines for ever, as long as time passes equally for both. "The same" is up to what a run may begin with: moments
    /// count from `now`, sequence numbers from the initial ones of their stream, and timestamps, the peer's too, from the
    /// clock of the machine at `now`. The answers are those of [`on_segment`](Self::on_segment), [`on_timeout`](Self::on_timeout),
    /// [`on_command`](Self::on_command), [`poll_segment`](Self::poll_segment) and [`poll_timeout`](Self::poll_timeout);
    /// what [`info`](Self::info) counts is left out. The choices of the connection ([`TcpConfig`](super::TcpConfig)) count: a
    /// call may change them, and two machines with other choices are not alike.
    ///
    /// Other fingerprints need not mean that there is a difference: what would matter after years only counts as well. With
    /// a `now` less than a day after the epoch, `now` itself counts where something has never happened yet.
    ///
    /// ```
    /// use core::time::Duration;
    /// use tcpstate::tcp::{Tcb, TcpConfig, Unpredictable};
    /// use tcpstate::{Instant, SeqNumber};
    ///
    /// let config = TcpConfig::default();
    /// let called = |iss, day: u64| {
    ///     let now = Instant::from_epoch(Duration::from_secs(day * 86_400));
    ///     let mut tcb = Tcb::connect(&config, Unpredictable { iss: SeqNumber::new(iss), timestamp_offset: 0 }, now);
    ///     tcb.poll_segment(now); // the SYN
    ///     tcb.fingerprint(now)
    /// };
    /// assert_eq!(called(1_000, 100), called(2_000, 200));
    /// ```
    ///
    /// It looks at every segment that is under way or out of order. Not for every segment: for exploring, and for tests.
    #[must_use]
    pub fn fingerprint(&self, now: Instant) -> Fingerprint {
        self.folded(now, None)
    }

    /// [`fingerprint`](Self::fingerprint) for machines that are followed no further than `horizon`. What cannot matter within
    /// it is left out, so that there are fewer different ones.
    #[must_use]
    pub fn fingerprint_within(&self, now: Instant, horizon: Horizon) -> Fingerprint {
        self.folded(now, Some(horizon))
    }

    fn folded(&self, now: Instant, horizon: Option<Horizon>) -> Fingerprint {
        let mut numbers: Vec<u64> = self.records.iter().map(|record| record.number).collect();
        numbers.sort_unstable();
        let numbers = (numbers, self.records.transmissions());
        let (r2, syn_r2) = (self.config.r2, self.config.syn_r2);
        let mut into = Folder {
            hash: SipHasher13::new(),
            now,
            clock: self.ts.clock(now),
            numbers,
            horizon,
            patience: (r2.min(syn_r2), r2.max(syn_r2)),
            timestamps: self.config.timestamps,
        };
        if self.state == State::Closed {
            self.fold_closed(&mut into);
        } else {
            self.fold(&mut into);
        }
        Fingerprint(into.hash.finish128().as_u128())
    }

    /// What is left of a connection that is over: an answer to every segment, octets to read, and perhaps a last reset.
    fn fold_closed(&self, into: &mut Folder) {
        self.state.fold(into);
        self.readable_to().fold(into);
        self.rcv.unread().fold(into);
        self.acked_to().fold(into);
        let reply = self.rare.get().and_then(|rare| rare.reply.as_deref());
        into.word(u64::from(reply.is_some()));
        if let Some(reply) = reply {
            self.fold_reply(reply, into);
        }
    }

    /// A segment that waits to be sent: it goes with our timestamp.
    pub(in crate::tcp) fn fold_reply(&self, reply: &SegmentMeta, into: &mut Folder) {
        let mut reply = *reply;
        (reply.seq, reply.ack) =
            (self.snd.iss_relative(reply.seq).into(), self.rcv.irs_relative(reply.ack).into());
        if let Some(timestamps) = reply.options.timestamps.take() {
            into.timestamp(timestamps.val);
            into.timestamp(timestamps.ecr);
        }
        reply.hash(&mut into.hash);
        self.ts.fold(into);
    }
}

impl Fold for Tcb {
    fn fold(&self, into: &mut Folder) {
        let Self {
            config,
            state,
            passive,
            reason,
            snd,
            path,
            rcv,
            ts,
            ecn,
            sack_on,
            scaling_on,
            let_go,
            rtt,
            records,
            recovery,
            // What was delivered how fast, and what held us back, for people.
            delivered: _,
            least_rtt,
            limits: _,
            congestion,
            timers,
            rare,
            // How much memory is held.
            odd_memory: _,
            ack_now,
            probe_due,
            keepalive_due,
            hold_is_over,
            early,
            unsettled,
            polled,
            r1_told,
            syn_repeated,
            probes,
            keepalive_probes,
            last_sent,
            pace_at,
            pace_waits,
        } = self;
        config.hash(&mut into.hash);
        reason.hash(&mut into.hash);
        into.flags([
            *passive,
            *sack_on,
            *scaling_on,
            *let_go,
            *ack_now,
            *probe_due,
            *keepalive_due,
            *hold_is_over,
            *early,
            *unsettled,
            *polled,
            *r1_told,
            *syn_repeated,
            *pace_waits,
        ]);
        state.fold(into);
        let few = into.few();
        snd.fold(into);
        rcv.fold_with(ts.on(), into);
        path.fold(into);
        if config.timestamps {
            // When our clock ticks next.
            into.word(into.now.as_nanos() % 1_000_000);
        }
        ts.fold(into);
        ecn.fold(into);
        rtt.fold(into);
        records.fold(into);
        recovery.fold_with(snd.una, into);
        if few {
            congestion.cwnd().min(path.size()).fold(into);
        } else {
            (least_rtt, congestion).fold(into);
        }
        timers.fold(into);
        match rare.get() {
            Some(rare) => self.fold_rare(rare, into),
            None => self.fold_rare(&Default::default(), into),
        }
        (probes, keepalive_probes).fold(into);
        if config.restart_after_idle && !few {
            // Whether it is an RTO ago.
            into.age(*last_sent, Duration::ZERO, config.max_rto.max(Duration::from_millis(1)));
        }
        // A time that has come, and that nothing has waited for, is as good as any other.
        let over = *pace_at <= into.now() && !pace_waits;
        (!over).then_some(pace_at).fold(into);
    }
}

#[cfg(test)]
mod tests;
