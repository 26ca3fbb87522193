//! The receive sequence variables of RFC 9293 §3.3.1, and the window that they offer (§3.8.6).

use super::compact::Maybe;
use super::config::{MAX_WINDOW, TcpConfig};
use super::dialect::Dialect;
use super::fingerprint::{Fold as _, Folder};
use super::opening::MOST_SCALE;
use super::ranges::Ranges;
use super::segment::SackList;
use super::send::{ORIGIN, offset, wire_bits};
use super::tuning::ReceiveTuning;
use crate::SeqNumber;

/// RCV.*: what has arrived, and what may.
///
/// Positions count octets of sequence space from IRS without wrapping, with IRS at [`ORIGIN`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct ReceiveVars {
    /// IRS: the number of the peer's SYN.
    pub(super) irs: SeqNumber,
    /// RCV.NXT: everything before it has arrived.
    pub(super) nxt: u64,
    /// RCV.NXT + RCV.WND: the furthest right edge that was ever advertised. It never moves left (SHLD-14).
    pub(super) edge: u64,
    /// Everything before it was taken by the user.
    pub(super) consumed: u64,
    /// The size of the receive buffer.
    pub(super) tuning: ReceiveTuning,
    /// How far our window fields are shifted: 0..=14.
    pub(super) scale: u8,
    /// What has arrived beyond `nxt` (SHLD-31, MAY-13).
    pub(super) ranges: Ranges,
    /// The position of the peer's FIN, once it is known.
    pub(super) fin: Maybe,
    /// A duplicate that the next acknowledgment reports (RFC 2883).
    pub(super) dsack: Dsack,
    /// Last.ACK.sent of RFC 7323 §4.3.
    pub(super) last_ack_sent: u64,
    /// The largest payload seen: what "full-sized" means for delayed acknowledgments.
    full_size: u16,
}

/// A "full-sized" segment is taken to have at least this many octets, so that small ones do not count as
/// full before a large one was seen.
const LEAST_FULL_SIZE: u16 = 536;

/// So many ranges are kept even in a small window.
const LEAST_RANGES: u32 = 64;

impl ReceiveVars {
    /// How far `seq` is from IRS.
    pub(super) fn irs_relative(&self, seq: SeqNumber) -> u32 {
        seq - self.irs
    }

    /// What counts of it for a fingerprint; `timestamps` says whether they are in use.
    pub(super) fn fold_with(&self, timestamps: bool, into: &mut Folder) {
        let Self { irs: _, nxt, edge, consumed, tuning, scale, ranges, fin, dsack, last_ack_sent, full_size } =
            self;
        (nxt, edge).fold(into);
        consumed.fold(into);
        tuning.fold_with(timestamps, into);
        (scale, ranges).fold(into);
        let number = |seq: SeqNumber| self.irs_relative(seq);
        (fin, dsack.get().map(|(left, right)| (number(left), number(right)))).fold(into);
        (last_ack_sent, full_size).fold(into);
    }

    pub(super) fn new(config: &TcpConfig) -> Self {
        Self {
            irs: SeqNumber::default(),
            nxt: ORIGIN,
            edge: ORIGIN,
            consumed: ORIGIN + 1,
            tuning: ReceiveTuning::new(config.receive_window.clamp(1, MAX_WINDOW)),
            scale: if config.window_scaling { scale(config) } else { 0 },
            ranges: Ranges::new(),
            fin: Maybe::NONE,
            dsack: Dsack::default(),
            last_ack_sent: ORIGIN,
            full_size: LEAST_FULL_SIZE.min(config.mss),
        }
    }

    /// A SYN with this number has arrived. A SYN of ours has offered a window already, and that counts, however large
    /// the buffer is by now.
    pub(super) fn begin(&mut self, irs: SeqNumber) {
        let window = match self.wnd() {
            0 => u32::from(self.unscaled_window()),
            offered => offered,
        };
        self.irs = irs;
        self.nxt = ORIGIN + 1;
        self.edge = self.nxt + u64::from(window);
    }

    /// The sequence number at `position`.
    pub(super) fn seq(&self, position: u64) -> SeqNumber {
        self.irs + wire_bits(position)
    }

    /// The position of `seq`, taking it for one within 2³¹ of RCV.NXT.
    pub(super) fn position(&self, seq: SeqNumber) -> u64 {
        self.nxt.wrapping_add_signed(i64::from(seq.distance_from(self.seq(self.nxt))))
    }

    /// Octets of the receive buffer: the largest window.
    pub(super) const fn capacity(&self) -> u32 {
        self.tuning.window
    }

    /// How many ranges out of order are worth keeping: as many as a window leaves of which every other segment
    /// was lost. What a peer sends in small pieces takes no more memory for that, in proportion.
    pub(super) fn ranges_worth_keeping(&self) -> usize {
        let pair = 2 * u32::from(self.full_size.max(LEAST_FULL_SIZE));
        (self.wnd() / pair).max(LEAST_RANGES) as usize
    }

    /// "Full-sized" for delayed acknowledgments: the largest payload seen.
    pub(super) fn full_size(&self) -> u32 {
        u32::from(self.full_size)
    }

    /// A segment with so many octets has come; `mss` is the most that we have asked for.
    #[inline]
    pub(super) fn note_size(&mut self, len: u32, mss: u16) {
        self.full_size = self.full_size.max(u16::try_from(len).unwrap_or(mss).min(mss));
    }

    /// RCV.WND in octets.
    pub(super) fn wnd(&self) -> u32 {
        u32::try_from(self.edge.saturating_sub(self.nxt)).unwrap_or(u32::MAX)
    }

    /// The position after the last octet that has arrived in order; a FIN is none.
    pub(super) fn data_end(&self) -> u64 {
        self.fin.get().map_or(self.nxt, |fin| self.nxt.min(fin))
    }

    /// Whether the peer's FIN and everything before it has arrived.
    pub(super) fn fin_received(&self) -> bool {
        self.fin.get().is_some_and(|fin| self.nxt > fin)
    }

    /// Octets that the user could take.
    pub(super) fn unread(&self) -> u32 {
        u32::try_from(self.data_end().saturating_sub(self.consumed)).unwrap_or(u32::MAX)
    }

    /// Octets of the peer's stream before this offset have arrived.
    pub(super) fn readable_to(&self) -> u64 {
        offset(self.data_end())
    }

    /// The window field of a SYN, which is never scaled (RFC 7323 §2.2).
    pub(super) fn unscaled_window(&self) -> u16 {
        u16::try_from(self.capacity()).unwrap_or(u16::MAX)
    }

    /// Chooses the window that a SYN offers: all that is free, and never less than was offered before, for the buffer may
    /// be another one meanwhile (SHLD-14). Before the peer's SYN has come, it is counted from the origin.
    // RFC 7323-4
    pub(super) fn syn_window(&mut self) -> u16 {
        let free = u64::from(self.capacity()).saturating_sub(self.nxt.saturating_sub(self.consumed));
        let window = u16::try_from(free.max(u64::from(self.wnd()))).unwrap_or(u16::MAX);
        self.edge = self.edge.max(self.nxt + u64::from(window));
        window
    }

    /// Octets that the last acknowledgment offered.
    pub(super) fn offered(&self) -> u32 {
        u32::try_from(self.edge.saturating_sub(self.last_ack_sent)).unwrap_or(u32::MAX)
    }

    /// Octets of the buffer that are free.
    pub(super) fn free(&self) -> u32 {
        u32::try_from((self.consumed + u64::from(self.capacity())).saturating_sub(self.nxt))
            .unwrap_or(u32::MAX)
    }

    /// Whether less than half of the buffer is free.
    pub(super) fn is_half_full(&self) -> bool {
        let taken = self.nxt.saturating_sub(self.consumed);
        taken * 2 > u64::from(self.capacity())
    }

    /// Whether an acknowledgment could offer as much as the last one did: the user reads what comes. In whole units of
    /// the scale, for a window is rounded up to them.
    pub(super) fn keeps_its_size(&self) -> bool {
        let unit = (1 << self.scale) - 1;
        (u64::from(self.free()) + unit) & !unit >= self.edge.saturating_sub(self.last_ack_sent)
    }

    /// FreeBSD: the buffer has room for whole segments of `size` octets.
    pub(super) fn round_up(&mut self, size: u32) {
        let window = self.capacity();
        if window > size {
            let rounded = window.checked_next_multiple_of(size.max(1)).unwrap_or(MAX_WINDOW);
            self.tuning.window = rounded.min(MAX_WINDOW);
        }
    }

    /// Whether what the user has taken is worth a segment that says so. Not for every octet: when the edge can move by
    /// two segments or half of the buffer, or, from a closed window, as far as silly window avoidance lets it
    /// (RFC 9293 §3.8.6.2.2). FreeBSD wants two segments to be a quarter of the buffer too, unless it is small or
    /// almost full.
    pub(super) fn has_news(&self, config: &TcpConfig) -> bool {
        if config.dialect == Dialect::FreeBsd {
            return self.has_news_like_freebsd(config.mss);
        }
        let segments = if self.wnd() == 0 { 1 } else { 2 };
        let worth_it = (self.capacity() / 2).min(u32::from(config.mss) * segments).max(1);
        self.growth() >= u64::from(worth_it)
    }

    #[cold]
    fn has_news_like_freebsd(&self, mss: u16) -> bool {
        let (growth, capacity, mss) = (self.growth(), u64::from(self.capacity()), u64::from(mss));
        let free = self.furthest_edge().saturating_sub(self.nxt);
        let seen = u64::from(self.wnd()) >> self.scale < free >> self.scale;
        let much = growth >= capacity / 4 || free <= capacity / 8 || capacity <= 8 * mss;
        seen && (growth >= 2 * mss && much || 2 * growth >= capacity)
    }

    /// Whether a segment, or a quarter of the buffer, is free.
    #[cold]
    fn is_free_like_freebsd(&self, mss: u32) -> bool {
        let free = self.furthest_edge().saturating_sub(self.nxt);
        free >= u64::from((self.capacity() / 4).min(mss))
    }

    /// How far the right edge could move now, were it advertised.
    pub(super) fn growth(&self) -> u64 {
        self.furthest_edge().saturating_sub(self.edge)
    }

    pub(super) fn furthest_edge(&self) -> u64 {
        let largest = self.nxt + (u64::from(u16::MAX) << self.scale);
        (self.consumed + u64::from(self.capacity())).min(largest)
    }

    /// Chooses the window that the segment being formed offers, and returns its field.
    ///
    /// The right edge stays until it can move by half of the buffer or one segment (receiver's SWS avoidance,
    /// §3.8.6.2.2, MUST-39, MAY-8). It is rounded up to a whole unit of the scale, since rounding down would move it
    /// left (RFC 7323 §2.4). With every segment that creeps on by a part of a unit, so there is a limit: an eighth
    /// of the buffer. Only a peer that fills it with crumbs of a few units sees the edge move left, by less than
    /// one unit; what it was promised is still taken. The same after the buffer has become smaller: then the edge
    /// stays where it is until the user has taken as much.
    ///
    /// FreeBSD takes whatever is free for the window, and none where that is less than a segment and a quarter of the
    /// buffer.
    // RFC 7323-5, 7323-9, 1122-5
    #[inline]
    pub(super) fn advertise(&mut self, config: &TcpConfig) -> u16 {
        let (growth, mss) = (self.growth(), u32::from(config.mss));
        let far = growth > 0 && growth >= u64::from((self.capacity() / 2).min(mss));
        if far || config.dialect == Dialect::FreeBsd && self.is_free_like_freebsd(mss) {
            self.edge = self.furthest_edge().max(self.edge);
        }
        let window = self.edge.saturating_sub(self.nxt);
        let rounded_up = (window + (1 << self.scale) - 1) >> self.scale;
        let slack = u64::from(self.capacity() / 8).max(1 << self.scale);
        let limit = self.consumed + u64::from(self.capacity()) + slack;
        let fits = self.nxt + (rounded_up << self.scale) <= limit;
        let field = u16::try_from(if fits { rounded_up } else { window >> self.scale }).unwrap_or(u16::MAX);
        self.edge = self.edge.max(self.nxt + (u64::from(field) << self.scale));
        field
    }

    /// The next acknowledgment reports these positions, which are not none, as a duplicate.
    pub(super) fn report_duplicate(&mut self, start: u64, end: u64) {
        self.dsack = Dsack(self.seq(start), self.seq(end));
    }

    /// No duplicate is to be reported.
    pub(super) fn forget_duplicate(&mut self) {
        self.dsack = Dsack::default();
    }

    /// The SACK blocks of the next acknowledgment: at most `room`, a duplicate first (RFC 2883 §4), then the
    /// newest first (RFC 2018 §4).
    ///
    /// With `fin` the peer's FIN is part of the block that it ends.
    // RFC 2018-4, 2018-8, 2883-1, 2883-2, 2883-5
    pub(super) fn sack(&mut self, room: usize, fin: bool) -> SackList {
        let mut list = SackList::default();
        if room == 0 {
            return list;
        }
        if let Some((start, end)) = core::mem::take(&mut self.dsack).get() {
            list.push(start, end);
        }
        for range in self.ranges.newest_first().take(room - list.len()) {
            let fin = u64::from(fin && self.fin.get() == Some(range.end));
            list.push(self.seq(range.start), self.seq(range.end + fin));
        }
        list
    }

    /// How many SACK blocks there would be, without a limit.
    pub(super) fn sack_wanted(&self) -> usize {
        self.ranges.len() + usize::from(self.dsack.get().is_some())
    }
}

/// A duplicate to be reported, if there is one: the number of its first octet and the one after its last.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(super) struct Dsack(SeqNumber, SeqNumber);

impl Dsack {
    fn get(self) -> Option<(SeqNumber, SeqNumber)> {
        (self.0 != self.1).then_some((self.0, self.1))
    }
}

impl core::fmt::Debug for Dsack {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.get().fmt(f)
    }
}

/// The shift that was asked for, or else the smallest that does.
pub(super) fn scale(config: &TcpConfig) -> u8 {
    config.window_scale.map_or_else(|| scale_for(config.largest_window()), |shift| shift.min(MOST_SCALE))
}

/// The smallest shift with which the window fits its field (RFC 7323 §2.3).
// RFC 7323-7
fn scale_for(window: u32) -> u8 {
    (0..14).find(|shift| window >> shift <= u32::from(u16::MAX)).unwrap_or(14)
}

#[cfg(test)]
mod tests;
