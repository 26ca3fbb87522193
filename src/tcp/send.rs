//! The send sequence variables of RFC 9293 §3.3.1.

use super::fingerprint::fold;
use crate::SeqNumber;

/// The position of ISS and of IRS: a whole lap of sequence space, so that positions of what came before them
/// can be expressed too, and the low 32 bits of a position are its distance from the initial number.
pub(super) const ORIGIN: u64 = 1 << 32;

/// SND.*: what was queued, sent and acknowledged.
///
/// Positions count octets of sequence space from ISS without wrapping, with ISS at [`ORIGIN`]: the SYN has
/// that position, the first octet of data the next, the FIN the one after the last octet.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct SendVars {
    /// ISS: the number of our SYN.
    pub(super) iss: SeqNumber,
    /// SND.UNA: the oldest position that is not acknowledged.
    pub(super) una: u64,
    /// SND.NXT: the next to send for the first time; a SYN that is to be sent again takes it back.
    pub(super) nxt: u64,
    /// The position after everything that was ever sent.
    pub(super) max: u64,
    /// SND.WND in octets, scaled: 32 bits (RFC 9293 REC-1).
    pub(super) wnd: u32,
    /// MAX.SND.WND: the largest window that the peer ever gave (§3.8.6.2.1; RFC 5961 §5.2).
    pub(super) max_wnd: u32,
    /// SND.WL1: position in the peer's stream of the segment that last set the window.
    pub(super) wl1: u64,
    /// How far the peer's window fields are to be shifted: 0..=14.
    pub(super) scale: u8,
    /// The position after the last octet that the user queued: where the FIN goes.
    pub(super) queued: u64,
    /// The position after the last octet that the user wants pushed; earlier pushes collapse into it (SHLD-27).
    pub(super) push: u64,
    /// The user said that more follows at once.
    pub(super) more: bool,
    /// The user has no more to send: a FIN stands at `queued`.
    pub(super) fin_queued: bool,
}

fold!(SendVars { una, nxt, max, wnd, max_wnd, wl1, scale, queued, push, more, fin_queued } without { iss });

impl SendVars {
    /// How far `seq` is from ISS.
    pub(super) fn iss_relative(&self, seq: SeqNumber) -> u32 {
        seq - self.iss
    }

    pub(super) const fn new(iss: SeqNumber) -> Self {
        Self {
            iss,
            una: ORIGIN,
            nxt: ORIGIN,
            max: ORIGIN,
            wnd: 0,
            max_wnd: 0,
            wl1: 0,
            scale: 0,
            queued: ORIGIN + 1,
            push: ORIGIN,
            more: false,
            fin_queued: false,
        }
    }

    /// The sequence number at `position`.
    pub(super) fn seq(&self, position: u64) -> SeqNumber {
        self.iss + wire_bits(position)
    }

    /// The position of `seq`, taking it for one within 2³¹ of SND.UNA.
    pub(super) fn position(&self, seq: SeqNumber) -> u64 {
        self.una.wrapping_add_signed(i64::from(seq.distance_from(self.seq(self.una))))
    }

    /// The position after the last that the peer's window takes; nothing new goes beyond (SHLD-15).
    // RFC 7323-8
    pub(super) const fn edge(&self) -> u64 {
        self.una + self.wnd as u64
    }

    /// Where a segment without sequence space stands so that the peer takes it: SND.NXT, unless that
    /// lies behind a window that has shrunk or was only probed.
    // RFC 7323-10
    pub(super) fn next_expected(&self) -> u64 {
        // The window of a SYN begins behind it; and a peer that rounds its window down to a whole unit has room for
        // the rest all the same (RFC 7323 §2.4).
        let beyond = self.max.saturating_sub(self.edge());
        if self.syn_unacknowledged() || beyond < 1 << self.scale { self.max } else { self.edge() }
    }

    /// Octets, SYN and FIN that are sent and not acknowledged.
    pub(super) const fn outstanding(&self) -> u64 {
        self.max - self.una
    }

    /// Whether our SYN waits to be acknowledged.
    pub(super) const fn syn_unacknowledged(&self) -> bool {
        self.una == ORIGIN
    }

    /// Whether a FIN was ever sent.
    pub(super) const fn fin_sent(&self) -> bool {
        self.fin_queued && self.max > self.queued
    }

    /// Whether our FIN is acknowledged.
    pub(super) const fn fin_acknowledged(&self) -> bool {
        self.fin_queued && self.una > self.queued
    }

    /// Whether a segment with the octets from `start` to `end`, of which there is at least one, carries PSH: it empties
    /// the queue (MUST-61), or ends a push.
    #[inline]
    pub(super) const fn is_pushed(&self, start: u64, end: u64) -> bool {
        end == self.queued || self.push > start && self.push <= end
    }

    /// The position after everything that is to be sent: the SYN, data, and the FIN if there is one.
    pub(super) const fn end(&self) -> u64 {
        self.queued + self.fin_queued as u64
    }

    /// Whether anything is queued or sent and not acknowledged.
    pub(super) const fn has_unfinished(&self) -> bool {
        self.una < self.end()
    }

    /// Octets of the user's stream before this offset are acknowledged.
    pub(super) fn acked_to(&self) -> u64 {
        offset(self.una.min(self.queued))
    }
}

/// Offset in a stream of octets of a position in sequence space: the octet after the SYN is 0.
pub(super) const fn offset(position: u64) -> u64 {
    position.saturating_sub(ORIGIN + 1)
}

/// The distance of a position from [`ORIGIN`] as it counts on the wire, modulo 2³².
#[allow(clippy::cast_possible_truncation, reason = "sequence numbers are positions modulo 2³²")]
pub(super) const fn wire_bits(position: u64) -> u32 {
    position as u32
}

#[cfg(test)]
mod tests;
