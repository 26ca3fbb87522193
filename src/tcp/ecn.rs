//! Explicit congestion notification (RFC 3168 §6.1; RFC 9293 SHLD-8): who may mark, what is echoed, and how often
//! an echo counts.
//!
//! How far an echo lowers the window (RFC 8511) is the business of [`congestion`](super::congestion).

use super::compact::Seldom;
use super::config::Ecn;
use super::fingerprint::{fold, fold_words};
use super::segment::SegmentMeta;
use super::tcb::Tcb;
use crate::{EcnCodepoint, TcpFlags};

/// The bits of a SYN that asks for ECN: an "ECN-setup SYN" (RFC 3168 §6.1.1).
const ASKING: TcpFlags = TcpFlags::ECE.union(TcpFlags::CWR);

/// What one side's SYNs and SYN,ACKs have said of ECN, so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
enum Said {
    #[default]
    Nothing,
    /// All were ECN-setup packets.
    Yes,
    /// None was.
    No,
    /// Some were, and some were not.
    Both,
}

impl Said {
    fn also(&mut self, yes: bool) {
        *self = match (*self, yes) {
            (Self::Nothing | Self::Yes, true) => Self::Yes,
            (Self::Nothing | Self::No, false) => Self::No,
            _ => Self::Both,
        };
    }
}

/// Whether the peer is to hear of a mark (§6.1.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
enum Echo {
    /// No mark has come since the peer said that it has reduced its window.
    #[default]
    Off,
    /// A mark has come that no acknowledgment has told of yet.
    Due,
    /// It is told in every acknowledgment, until the peer says that it has reduced its window.
    Told,
}

/// What is known of ECN on one connection.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct EcnVars {
    ours: Said,
    theirs: Said,
    echo: Echo,
    /// The first new octets that go out have to say that the window was reduced (§6.1.2).
    cwr_due: bool,
    /// Where segments may be marked: what was.
    used: Seldom<Marked>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Marked {
    /// SND.MAX at the last reduction: what was sent before it says nothing new about the network.
    reduced_at: u64,
    /// Segments of the peer that have come with a mark.
    marks: u32,
    /// How often an echo has lowered the window.
    answers: u32,
}

fold_words!(Said, Echo);
fold!(EcnVars { ours, theirs, echo, cwr_due, used });
fold!(Marked { reduced_at } without { marks, answers });

impl EcnVars {
    pub(super) const fn new() -> Self {
        Self {
            ours: Said::Nothing,
            theirs: Said::Nothing,
            echo: Echo::Off,
            cwr_due: false,
            used: Seldom::new(),
        }
    }

    /// The peer's SYN or SYN,ACK has arrived. A SYN,ACK with both bits only reflects what our SYN had
    /// (§6.1.1.2). AE, which RFC 9768 adds to a SYN, is for those who know it: without it in the answer, ECN is
    /// what RFC 3168 says.
    // RFC 3168-3, 3168-5
    pub(super) fn hear_syn(&mut self, flags: TcpFlags) {
        let answers = flags.contains(TcpFlags::ACK);
        let asks = flags.contains(ASKING);
        self.theirs.also(if answers { flags.contains(TcpFlags::ECE) && !asks } else { asks });
    }

    /// The bits of our SYN, which asks if `ask` says so.
    // RFC 3168-1
    pub(super) fn syn(&mut self, ask: bool) -> TcpFlags {
        self.ours.also(ask);
        if ask { ASKING } else { TcpFlags::NONE }
    }

    /// The bit of our SYN,ACK: it agrees if all of the peer's SYNs asked, and ours, where SYNs have crossed, did
    /// too.
    // RFC 3168-1, 3168-6
    pub(super) fn syn_ack(&mut self, setting: Ecn) -> TcpFlags {
        let agree =
            setting != Ecn::Off && self.theirs == Said::Yes && matches!(self.ours, Said::Nothing | Said::Yes);
        self.ours.also(agree);
        if agree { TcpFlags::ECE } else { TcpFlags::NONE }
    }

    /// Whether our segments may be marked: both sides asked or agreed, and neither ever said otherwise (§6.1.1).
    // RFC 3168-2
    pub(super) const fn may_be_marked(&self) -> bool {
        matches!((self.ours, self.theirs), (Said::Yes, Said::Yes))
    }

    /// Whether marks are echoed: a peer that has agreed to what we once asked may rely on it, even if we have
    /// sent a SYN without since (§6.1.1).
    // RFC 3168-4
    const fn echoes(&self) -> bool {
        matches!((self.ours, self.theirs), (Said::Yes | Said::Both, Said::Yes))
    }

    /// The bit of every acknowledgment that goes out now.
    // RFC 3168-15
    pub(super) fn echo(&mut self) -> TcpFlags {
        if self.echo == Echo::Off {
            return TcpFlags::NONE;
        }
        self.echo = Echo::Told;
        TcpFlags::ECE
    }

    /// The bit of new octets that go out now: the first after a reduction have it (§6.1.2).
    // RFC 3168-13
    pub(super) const fn cwr(&mut self) -> TcpFlags {
        let due = self.cwr_due;
        self.cwr_due = false;
        if due { TcpFlags::CWR } else { TcpFlags::NONE }
    }

    /// The congestion window was reduced, for whatever reason, when `max` was SND.MAX.
    pub(super) fn reduced(&mut self, max: u64) {
        self.cwr_due = self.may_be_marked();
        if self.cwr_due {
            self.used.make().reduced_at = max;
        }
    }

    /// That was taken back.
    pub(super) fn restored(&mut self) {
        self.cwr_due = false;
        if let Some(used) = self.used.if_any() {
            used.reduced_at = 0;
        }
    }

    /// The window is lowered for an echo.
    pub(super) fn answered(&mut self) {
        let answers = &mut self.used.make().answers;
        *answers = answers.saturating_add(1);
    }

    /// Octets of memory held.
    pub(super) fn memory(&self) -> usize {
        self.used.memory()
    }

    /// How many segments of the peer have come with a mark, and how often an echo has lowered our window.
    pub(super) fn counts(&self) -> (u32, u32) {
        self.used.read(|used| (used.marks, used.answers))
    }

    /// Whether an echo counts that comes when SND.UNA is `una`. Until something is acknowledged that was sent after
    /// the window was reduced, it tells of what has been answered (§6.1.2).
    // RFC 3168-10
    pub(super) fn is_news(&self, una: u64) -> bool {
        una > self.used.read(|used| used.reduced_at)
    }
}

impl Tcb {
    /// Whether ECN is used: both SYNs asked for it or agreed (RFC 3168 §6.1.1).
    #[must_use]
    pub const fn uses_ecn(&self) -> bool {
        self.ecn.may_be_marked()
    }

    /// Whether an acknowledgment says that something of ours was marked. Then the window does not go back to what it
    /// was before a loss that proves to be none.
    pub(super) fn hear_echo(&mut self, seg: &SegmentMeta) -> bool {
        let echo = seg.flags.contains(TcpFlags::ECE) && !seg.flags.contains(TcpFlags::SYN);
        if echo && self.ecn.may_be_marked() {
            if let Some(undo) = &mut self.recovery.undo {
                undo.marked = true;
            }
            return true;
        }
        false
    }

    /// Octets have come that lie in the window, or probe it while it is closed: all others prove nothing about
    /// their sender (§6.1.5, §6.1.6).
    // RFC 3168-16, 3168-17, 3168-19
    pub(super) fn hear_mark(&mut self, seg: &SegmentMeta) {
        if seg.len == 0 || seg.flags.contains(TcpFlags::SYN) || !self.ecn.echoes() {
            return;
        }
        if seg.flags.contains(TcpFlags::CWR) {
            // A mark of which nobody has told the peer cannot be what it answers. A window that has shrunk to one
            // segment would wait for a late acknowledgment.
            self.ack_now = true;
            if self.ecn.echo == Echo::Told {
                self.ecn.echo = Echo::Off;
            }
        }
        if seg.ecn == EcnCodepoint::Ce {
            let marks = &mut self.ecn.used.make().marks;
            *marks = marks.saturating_add(1);
            // The sooner it is told, the shorter the queue.
            self.ack_now |= self.ecn.echo == Echo::Off && !self.config.is_freebsd();
            self.ecn.echo = if self.ecn.echo == Echo::Told { Echo::Told } else { Echo::Due };
        }
    }
}

#[cfg(test)]
mod tests;
