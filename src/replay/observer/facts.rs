//! What is known to have happened to an end, and since when.

use core::num::NonZeroU32;

/// What is known to have happened to an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fact {
    /// It sent a SYN that acknowledges nothing.
    SentSyn,
    /// It sent a SYN that acknowledges the peer's.
    SentSynAck,
    /// Its SYN is acknowledged and it has the peer's: it is ESTABLISHED, if nothing more has happened.
    Opened,
    /// It sent something that is neither SYN nor RST (noted only where no SYN was captured).
    Spoke,
    /// It showed that it had not sent a FIN so far.
    SpokeOpen,
    /// More was acknowledged, or sent as its own numbers show, than was captured from this end, and nothing has
    /// followed from it: among what is missing there may be a FIN.
    TailMissing,
    SentFin,
    GotAckOfFin,
    GotFin,
    SentRst,
    GotRst,
    /// It has been in TIME-WAIT for 2·MSL.
    TimeWaitOver,
}

impl Fact {
    pub(super) const ALL: [Self; 12] = [
        Self::SentSyn,
        Self::SentSynAck,
        Self::Opened,
        Self::Spoke,
        Self::SpokeOpen,
        Self::TailMissing,
        Self::SentFin,
        Self::GotAckOfFin,
        Self::GotFin,
        Self::SentRst,
        Self::GotRst,
        Self::TimeWaitOver,
    ];
}

/// The parts of a frame in their order: what it proves about its sender's past, what the sender does, what it
/// does to the receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    Proof,
    Act,
    Receive,
    ReceiveFin,
}

/// A frame and a part of it, in one word: frames count from the flow's first, in the upper 30 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment(NonZeroU32);

impl Moment {
    pub(super) const LAST_FRAME: u64 = (1 << 30) - 2;

    /// Later frames than can be told apart count as the last.
    pub(super) fn new(frames_since_first: u64, phase: Phase) -> Self {
        let frame = u32::try_from(frames_since_first.min(Self::LAST_FRAME)).unwrap_or(0) + 1;
        Self(NonZeroU32::MIN.saturating_add((frame << 2 | phase as u32) - 1))
    }

    pub(super) const fn frames_since_first(self) -> u64 {
        (self.0.get() >> 2) as u64 - 1
    }
}

/// The facts about one end.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Facts {
    pub(super) moments: [Option<Moment>; Fact::ALL.len()],
    /// The first frame of it that is not a reset.
    pub(super) first_seen: Option<Moment>,
    /// Its SYN itself was captured, not only the answer to it.
    pub(super) syn_captured: bool,
    /// The last copy of its FIN acknowledged the peer's.
    pub(super) last_fin_acks: bool,
    /// Its FIN was sent before the frame that brought it: in which order with the peer's is not known.
    pub(super) fin_backdated: bool,
    /// The reset that it got may have been answered by a challenge.
    pub(super) rst_doubtful: bool,
    /// It sent its FIN before it had acknowledged the peer's, which was already on its way.
    pub(super) fins_crossed: bool,
    /// It has acknowledged the peer's FIN: that one arrived, whatever comes later.
    pub(super) acked_peer_fin: bool,
    /// It has sent something after the handshake: what it was sent in the handshake arrived.
    pub(super) has_gone_on: bool,
    /// The same segment as its FIN acknowledged the peer's, for the first time.
    pub(super) fin_acks_fin: bool,
    /// The peer had spoken before its FIN, and had not received it then.
    pub(super) fin_was_awaited: bool,
    /// Its FIN, or data before it, turned out to be lost: only a repetition can bring it to the peer.
    pub(super) fin_was_lost: bool,
}

impl Facts {
    pub(super) fn get(&self, fact: Fact) -> Option<Moment> {
        self.moments.get(fact as usize).copied().flatten()
    }

    pub(super) fn has(&self, fact: Fact) -> bool {
        self.get(fact).is_some()
    }
}
