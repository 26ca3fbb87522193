//! A segment that is not acknowledged, and what an acknowledgment says has arrived.

use crate::Instant;
use crate::tcp::compact::Maybe;
use crate::tcp::fingerprint::{Fold, Folder, fold_words};

/// What is known of a transmission.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::tcp) enum Fate {
    /// It may still arrive.
    InFlight,
    /// It is taken for lost, and waits to be sent again.
    Lost,
    /// It has arrived out of order, as a SACK block said. The receiver may still forget it (RFC 2018 §8).
    Sacked,
}

/// What the delivery rate has to know of a transmission: how much had been delivered when it was sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(in crate::tcp) struct Stamp {
    /// Octets that had been delivered.
    pub(in crate::tcp) delivered: u64,
    /// When the last of them had been.
    pub(in crate::tcp) delivered_at: Instant,
    /// When that one had been sent: the flight began.
    pub(in crate::tcp) flight_began: Instant,
    /// The user had too little to send to fill the window.
    pub(in crate::tcp) app_limited: bool,
}

/// A segment that is not acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::tcp) struct Record {
    /// The first position.
    pub(in crate::tcp) start: u64,
    /// How many positions.
    pub(in crate::tcp) len: u32,
    /// How often they were sent, at least 1; 255 stands for more as well.
    pub(in crate::tcp) times: u8,
    /// What became of the last transmission.
    pub(in crate::tcp) fate: Fate,
    /// The segment with the last of them carried PSH.
    pub(in crate::tcp) pushed: bool,
    /// When they were sent last.
    pub(in crate::tcp) sent_at: Instant,
    /// Which transmission of the connection that was. Of what is sent at one moment it tells the order.
    pub(in crate::tcp) number: u64,
    /// When they were sent for the first time.
    pub(in crate::tcp) first_sent: Instant,
    /// What had been delivered when they were sent last.
    pub(in crate::tcp) stamp: Stamp,
}

fold_words!(Fate);

impl Fold for Record {
    fn fold(&self, into: &mut Folder) {
        let Self { start, len, times, fate, pushed, sent_at, number, first_sent, stamp: _ } = self;
        (start, len).fold(into);
        (times, fate).fold(into);
        into.transmission(Maybe::some(*number));
        sent_at.fold(into);
        into.first_sent(*first_sent);
        pushed.fold(into);
    }
}

impl Record {
    /// The position after the last.
    pub(in crate::tcp) const fn end(&self) -> u64 {
        self.start + self.len as u64
    }

    /// Whether it was sent more than once: an acknowledgment does not say which copy has arrived.
    pub(in crate::tcp) const fn is_repeated(&self) -> bool {
        self.times > 1
    }
}

/// What an acknowledgment says has arrived.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(in crate::tcp) struct Delivery {
    /// Octets that were not known to have arrived.
    pub(in crate::tcp) octets: u64,
    /// When the first of the cumulatively acknowledged positions was sent; `None` if any of them was sent more
    /// than once, for then nobody knows which copy was acknowledged (Karn, RFC 6298 §3).
    pub(in crate::tcp) sample: Option<Instant>,
    /// Whether any of the cumulatively acknowledged positions was sent more than once.
    pub(in crate::tcp) repeated: bool,
    /// When the first of them was sent for the first time.
    pub(in crate::tcp) first_sent: Option<Instant>,
    /// The transmission that was sent last among those that have arrived for certain (RFC 8985 §6.2 step 2).
    pub(in crate::tcp) newest: Option<Record>,
    /// The lowest end of a segment that has arrived by its only transmission: below what had arrived before, it
    /// was overtaken (RFC 8985 §6.2 step 3).
    pub(in crate::tcp) lowest_original: Option<u64>,
    /// The highest end that has arrived.
    pub(in crate::tcp) highest: u64,
}

impl Delivery {
    /// Counts a record of which nothing had been known. `genuine` says whether a record that was sent more than
    /// once was acknowledged for its last transmission.
    pub(super) fn count(&mut self, record: &Record, genuine: &impl Fn(&Record) -> bool) {
        self.octets += u64::from(record.len);
        self.highest = self.highest.max(record.end());
        if !record.is_repeated() {
            let lowest = self.lowest_original.unwrap_or(u64::MAX);
            self.lowest_original = Some(lowest.min(record.end()));
        } else if !genuine(record) {
            return;
        }
        if self.newest.as_ref().is_none_or(|other| {
            other.number < record.number || other.number == record.number && other.start < record.start
        }) {
            self.newest = Some(*record);
        }
    }
}
