//! What only some connections ever need: those that lose segments, are attacked, use urgent data or Fast Open.

use alloc::boxed::Box;
use core::time::Duration;

use super::fingerprint::{Fold as _, Folder, fold};
use super::quick_ack::Pace;
use super::rtt::Deviation;
use super::segment::{Cookie, SegmentMeta};
use super::tcb::Tcb;
use crate::Instant;

/// Variables of a [`Tcb`](super::Tcb) that have their first value on most connections.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Rare {
    /// A reset to be sent: in answer to a segment, or at the end of the connection.
    pub(super) reply: Option<Box<SegmentMeta>>,
    /// What goes on our SYN.
    pub(super) cookie: Option<Cookie>,
    /// What the peer's SYN,ACK has given us for the next time (RFC 7413 §4.1.2).
    pub(super) granted: Option<Cookie>,
    /// The position after the octets that went with our SYN; 0 if none did.
    pub(super) syn_data_end: u64,
    /// In FreeBSD's dialect: nothing was unacknowledged when the octets before this position were queued, and no segment has
    /// come since. Nagle lets their tail go.
    pub(super) idle_to: u64,
    /// SND.UP: the position after the urgent octets; 0 before there were any.
    pub(super) snd_up: u64,
    /// RCV.UP: likewise for the peer's.
    pub(super) rcv_up: u64,
    /// The code of the last error that was told and was not the end.
    pub(super) soft_error: Option<u8>,
    /// When a report last made segments smaller; zero before that.
    pub(super) path_lowered_at: Instant,
    /// R2 does not count what was before: a closed window.
    pub(super) patient_since: Instant,
    /// SND.UNA at the last expiry of the retransmission timer.
    pub(super) timed_out: u64,
    /// When the first probe was sent that nothing has answered.
    pub(super) unanswered_since: Option<Instant>,
    /// Challenge ACKs without a second's rest between them; the last at `challenged_at`.
    pub(super) challenges: u8,
    pub(super) challenged_at: Instant,
    /// The acknowledgment that is owed is a challenge: where FreeBSD says more with others, it is bare.
    pub(super) challenging: bool,
    /// Octets of sequence space that were sent again, ever.
    pub(super) retransmitted: u64,
    /// Segments that carried some of them.
    pub(super) retransmissions: u32,
    /// D-SACKs for what was sent again: it had not been needed.
    pub(super) spurious: u32,
    /// Responses to congestion that were taken back.
    pub(super) undone: u32,
    /// Expiries of the retransmission timer, ever.
    pub(super) timeouts: u32,
    /// How acknowledgments are paced under `AckPolicy::Quick`.
    pub(super) pace: Pace,
    /// Under `SmallSegments::Minshall`, the position after the last partial segment; 0 if there was none.
    pub(super) small_end: u64,
    /// What `RtoRule::Linux` keeps beside SRTT and RTTVAR.
    pub(super) deviation: Deviation,
    /// How far the congestion window was used, under `WindowRules::Linux`.
    pub(super) usage: Usage,
    /// Probes of the tail, ever.
    pub(super) probes_sent: u32,
}

/// How far the congestion window was used in the window of data that is under way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Usage {
    /// It held something back.
    pub(super) limited: bool,
    /// Octets that were outstanding at the most.
    pub(super) most: u32,
    /// When everything before this position is acknowledged, another window of data begins.
    pub(super) until: u64,
    /// SND.MAX when that was noted last.
    pub(super) sent: u64,
}

fold!(Usage { limited, most, until, sent });

impl Tcb {
    /// What counts of `rare` for a fingerprint.
    pub(super) fn fold_rare(&self, rare: &Rare, into: &mut Folder) {
        let Rare {
            reply,
            cookie,
            granted: _,
            syn_data_end,
            idle_to,
            snd_up,
            rcv_up,
            soft_error: _,
            path_lowered_at,
            patient_since,
            timed_out,
            unanswered_since,
            challenges,
            challenged_at,
            challenging,
            retransmitted: _,
            retransmissions: _,
            spurious: _,
            undone: _,
            timeouts,
            pace,
            small_end,
            deviation,
            usage,
            probes_sent: _,
        } = rare;
        into.word(u64::from(reply.is_some()));
        if let Some(reply) = reply {
            self.fold_reply(reply, into);
        }
        cookie.fold(into);
        [syn_data_end, idle_to, snd_up, rcv_up, small_end].fold(into);
        path_lowered_at.fold(into);
        into.first_sent(*patient_since);
        // What was timed out before SND.UNA moved is only that.
        into.flags([*timed_out == self.snd.una, *challenging]);
        into.word(u64::from(unanswered_since.is_some()));
        if let Some(since) = unanswered_since {
            into.patience(*since);
        }
        // They count anew a second after the last.
        let rest = Duration::from_secs(1).max(self.config.challenge_interval);
        let counts = *challenges > 0 && into.now() - *challenged_at < rest;
        counts.then_some((challenges, challenged_at)).fold(into);
        // Whether there was one, and only one, is what Linux asks.
        if self.config.is_linux() {
            timeouts.fold(into);
        }
        pace.fold(into);
        (deviation, usage).fold(into);
    }
}
