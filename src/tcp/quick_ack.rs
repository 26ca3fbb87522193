//! The pace of acknowledgments under [`AckPolicy::Quick`]: what Linux does where RFC 9293 §3.8.6.3 leaves a choice.
//!
//! Three things are kept: how many segments are still to be acknowledged one by one, whether the user answers what
//! comes (then acknowledgments wait for the answer), and how long one segment comes after the other, which
//! bounds how long an acknowledgment waits.

use core::time::Duration;

use super::config::TcpConfig;
use super::fingerprint::fold;
use super::rtt::nanos;
use super::rules::AckPolicy;
use super::segment::SegmentMeta;
use super::tcb::Tcb;
use super::timers::Timer;
use crate::{Instant, TcpFlags};

/// So many segments are acknowledged one by one, unless half of the window takes fewer.
const MOST_QUICK: u8 = 16;
/// An acknowledgment that waits for an answer of the user waits no longer than this.
const LONGEST_DELAY: u64 = 200_000_000;
/// So many duplicate acknowledgments go out one by one, and the blocks of more are gathered for this long at the most.
const ENOUGH_TOLD: u8 = 3;
const LONGEST_GATHERING: u64 = 1_000_000;
/// What "at once" is where the user may still say something.
const TICK: u64 = 1_000_000;
/// Before anything has come, "full-sized" means so many octets, and never fewer than the others.
const FIRST_FULL_SIZE: u32 = 536;
const LEAST_FULL_SIZE: u32 = 88;

/// What the receiver knows of the pace of its peer and of its user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Pace {
    /// How long an acknowledgment waits, in nanoseconds; 0 before octets have come.
    delay: u64,
    /// When octets came last.
    arrived_at: Instant,
    /// The size that counts as full; 0 before it is worked out.
    full_size: u32,
    /// The last payload that was smaller: if it comes again, it is the size.
    last_size: u32,
    /// So many acknowledgments are not to wait.
    quick: u8,
    /// Small or pushed segments since the last acknowledgment: none, one, or more.
    pushed: u8,
    /// The user answers what comes.
    interactive: bool,
    /// Acknowledgments since RCV.NXT came to `stuck_at` that told of something beyond it.
    told: u8,
    stuck_at: u64,
    /// The acknowledgment that waits tells of something beyond RCV.NXT.
    gathers: bool,
}

fold!(Pace { delay, arrived_at, full_size, last_size, quick, pushed, interactive, told, stuck_at, gathers });

impl Pace {
    /// Octets have come, with options of `header` octets: what is full size?
    fn note_size(&mut self, seg: &SegmentMeta, header: u32, mss: u32) {
        let pushed = seg.flags.contains(TcpFlags::PSH);
        let len = seg.len;
        if len >= self.full_size {
            self.full_size = len.min(mss);
            self.pushed = self.pushed.max(u8::from(pushed));
            return;
        }
        let ends = seg.flags.intersects(TcpFlags::PSH | TcpFlags::FIN | TcpFlags::URG | TcpFlags::SYN);
        if len + header >= FIRST_FULL_SIZE || len + header >= LEAST_FULL_SIZE && !ends {
            let repeated = self.last_size == len;
            self.last_size = len;
            if repeated {
                self.full_size = len;
                return;
            }
        }
        self.pushed = (self.pushed + 1).min(2);
    }

    /// The delay follows the time between two segments; after a silence of an RTO the sender has begun anew.
    fn note_time(&mut self, now: Instant, least: u64, rto: u64) -> bool {
        let gap = nanos(now.since(self.arrived_at));
        let first = self.delay == 0;
        let begins = first || gap >= self.delay && gap > rto;
        if first {
            self.delay = least;
        } else if gap <= least / 2 {
            self.delay = self.delay / 2 + least / 2;
        } else if gap < self.delay {
            self.delay = (self.delay / 2 + gap).min(rto);
        }
        self.arrived_at = now;
        begins
    }

    const fn is_quick(&self) -> bool {
        self.quick > 0 && !self.interactive
    }
}

impl Tcb {
    /// Whether [`AckPolicy::Quick`] is what the user chose.
    #[inline]
    pub(super) fn is_paced_by_user(&self) -> bool {
        self.config.ack_policy == AckPolicy::Quick
    }

    /// What to begin with, once it is known how large segments may be.
    fn pace_of_acks(&mut self) -> &mut Pace {
        let most = u32::from(self.config.mss).min(self.path.size()).min(self.rcv.offered() / 2);
        let pace = &mut self.rare.make().pace;
        if pace.full_size == 0 {
            pace.full_size = most.clamp(LEAST_FULL_SIZE, FIRST_FULL_SIZE);
        }
        pace
    }

    /// A segment that is full-sized for the peer, in octets.
    fn full_size_of_peer(&mut self) -> u32 {
        self.pace_of_acks().full_size
    }

    /// Half of the window in full segments is to be acknowledged one by one.
    fn be_quick(&mut self, now: Instant, anew: bool) {
        let segments = self.rcv.offered() / (2 * self.full_size_of_peer()).max(1);
        let segments =
            if segments == 0 { 2 } else { u8::try_from(segments).unwrap_or(u8::MAX).min(MOST_QUICK) };
        let least = least_delay(&self.config);
        let pace = self.pace_of_acks();
        pace.quick = pace.quick.max(segments);
        if anew {
            (pace.interactive, pace.delay) = (false, least);
            pace.arrived_at = pace.arrived_at.min(now);
        }
    }

    /// Something came that had come before: the sender may have missed acknowledgments, and gets one for each segment.
    pub(super) fn acknowledge_one_by_one(&mut self, now: Instant) {
        if self.is_paced_by_user() {
            self.be_quick(now, true);
        }
    }

    /// Octets have come in order, or not; `seg` brought them.
    pub(super) fn note_pace(&mut self, now: Instant, seg: &SegmentMeta) {
        let (header, mss) = (self.options_len(), u32::from(self.config.mss));
        let (least, rto) = (least_delay(&self.config), self.rtt.rto_nanos(&self.config));
        let pace = self.pace_of_acks();
        pace.note_size(seg, header, mss);
        if pace.note_time(now, least, rto) {
            self.be_quick(now, false);
        }
    }

    /// Octets have come in order, and nothing is missing: acknowledge them now or later?
    pub(super) fn acknowledge_at_pace(&mut self, now: Instant) {
        let unacknowledged = self.rcv.nxt - self.rcv.last_ack_sent;
        let full = u64::from(self.full_size_of_peer());
        let quick = self.pace_of_acks().is_quick();
        if quick || unacknowledged > full && self.rcv.keeps_its_size() || self.config.ack_delay.is_zero() {
            self.ack_now = true;
        } else if !self.ack_now {
            self.delay_acknowledgment(now);
        }
    }

    /// The acknowledgment waits, but never longer than the first that waits; and one that would have to go soon
    /// goes now.
    pub(super) fn delay_acknowledgment(&mut self, now: Instant) {
        let least = least_delay(&self.config);
        let srtt = self.rtt.srtt_nanos();
        let pace = self.pace_of_acks();
        let mut delay = pace.delay;
        if delay > least && srtt > 0 {
            delay = delay.min(srtt.max(least));
        }
        // Before any octets there is nothing to go by: a FIN is acknowledged at once, but for what the user says now.
        let delay = if delay == 0 { least.min(TICK) } else { delay.min(LONGEST_DELAY) };
        if delay == 0 {
            self.ack_now = true;
            return;
        }
        let at = now.after_nanos(delay);
        let waits_until = self.timers.at(Timer::DelayedAck);
        if !self.timers.runs(Timer::DelayedAck) {
            self.timers.set(Timer::DelayedAck, at);
        } else if waits_until <= now.after_nanos(delay / 4) {
            self.ack_now = true;
        } else {
            self.timers.set(Timer::DelayedAck, at.min(waits_until));
        }
    }

    /// Something has come beyond RCV.NXT. Three acknowledgments tell the sender that something is missing; the blocks of those
    /// that follow may be gathered for a twentieth of a round trip, at most a millisecond.
    pub(super) fn acknowledge_beyond_gap(&mut self, now: Instant) {
        let (nxt, wait) = (self.rcv.nxt, (self.rtt.srtt_nanos() / 20).min(LONGEST_GATHERING));
        let gathers = self.sack_on && self.config.gather_sacks;
        let pace = self.pace_of_acks();
        if pace.stuck_at != nxt {
            (pace.stuck_at, pace.told) = (nxt, 0);
        }
        if !gathers || wait == 0 || pace.told < ENOUGH_TOLD {
            pace.told = (pace.told + 1).min(ENOUGH_TOLD);
            self.ack_now = true;
            return;
        }
        pace.gathers = true;
        let at = now.after_nanos(wait).min(self.timers.at(Timer::DelayedAck));
        self.timers.set(Timer::DelayedAck, at);
    }

    /// The peer's FIN: no more octets will come that an acknowledgment could hurry.
    pub(super) fn fin_ends_pace(&mut self) {
        if self.is_paced_by_user() {
            self.pace_of_acks().interactive = true;
        }
    }

    /// An acknowledgment has waited for nothing: what comes may be slower than it seemed, or the user is no longer
    /// answering.
    pub(super) fn acknowledgment_was_late(&mut self) {
        if !self.is_paced_by_user() {
            return;
        }
        let (least, rto) = (least_delay(&self.config), self.rtt.rto_nanos(&self.config));
        let pace = self.pace_of_acks();
        if pace.gathers {
            // It was not the user that it waited for.
        } else if pace.interactive {
            (pace.interactive, pace.delay) = (false, least);
        } else {
            pace.delay = pace.delay.saturating_mul(2).min(rto);
        }
    }

    /// An acknowledgment goes out; `news` says whether it acknowledges anything that was not acknowledged before.
    pub(super) fn pace_after_ack(&mut self, news: bool) {
        let least = least_delay(&self.config);
        let crowded = self.rcv.is_half_full();
        let Some(rare) = self.rare.if_any() else { return };
        let pace = &mut rare.pace;
        (pace.pushed, pace.gathers) = (0, false);
        if crowded {
            // A user who lets half of the buffer fill up is no reason to hurry the peer.
            pace.quick = 0;
        }
        if news && pace.quick > 0 {
            pace.quick -= 1;
            if pace.quick == 0 {
                pace.delay = least;
            }
        }
    }

    /// Octets go out: if that is soon after some have come, the user answers.
    pub(super) fn pace_after_sending(&mut self, now: Instant) {
        let Some(rare) = self.rare.if_any() else { return };
        let pace = &mut rare.pace;
        if nanos(now.since(pace.arrived_at)) < pace.delay {
            pace.interactive = true;
        }
    }

    /// The user has read: whether that is a reason for an acknowledgment, beside a window that opens.
    pub(super) fn reading_acknowledges(&mut self) -> bool {
        let unacknowledged = self.rcv.nxt - self.rcv.last_ack_sent;
        if unacknowledged == 0 {
            return false;
        }
        let empty = self.rcv.unread() == 0 && self.rcv.ranges.is_empty();
        let pace = self.pace_of_acks();
        let pushed = pace.pushed == 2 || pace.pushed == 1 && !pace.interactive;
        unacknowledged > u64::from(pace.full_size) || pushed && empty
    }

    /// The user has read: whether the window could be twice as large as the peer knows it to be, and at least a segment and a
    /// sixteenth of the buffer (§3.8.6.2.2).
    pub(super) fn window_opens_wide(&mut self) -> bool {
        let (now, capacity) = (self.rcv.wnd(), self.rcv.capacity());
        let least = self.full_size_of_peer().max(capacity / 16).min(capacity);
        // Without window scaling the buffer may have more room than a window can say.
        let free = u32::try_from(self.rcv.furthest_edge().saturating_sub(self.rcv.nxt)).unwrap_or(u32::MAX);
        free >= least && free / 2 >= now && free > now
    }

    /// The user asks for acknowledgments at once, or not.
    pub(super) fn set_quick_ack(&mut self, on: bool) {
        let owed = self.rcv.nxt > self.rcv.last_ack_sent;
        if self.is_paced_by_user() {
            self.pace_of_acks().interactive = !on;
        }
        self.ack_now |= on && owed && self.state.is_synchronized();
    }
}

/// The least delay, in nanoseconds.
fn least_delay(config: &TcpConfig) -> u64 {
    nanos(config.ack_delay.min(Duration::from_millis(499)))
}

#[cfg(test)]
mod tests;
