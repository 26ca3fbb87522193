//! Fast retransmit and fast recovery without SACK: RFC 5681 §3.2 as RFC 6582 completes it, and RFC 3042.

/// What duplicate and new acknowledgments say about a loss. It holds no timer and no window.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::tcp) struct NewReno {
    /// The position after all that had been sent when the last loss was noticed. RFC 6582 counts the last
    /// octet itself, one less.
    recover: u64,
    /// Duplicate acknowledgments since the last new one.
    dup_acks: u32,
    /// Partial acknowledgments in this recovery.
    partial_acks: u32,
    in_recovery: bool,
}

/// What a duplicate acknowledgment means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::tcp) enum Duplicate {
    /// Nothing: it answers a segment that was sent again without need.
    Ignored,
    /// The first or second: so many new segments may go beyond the congestion window (RFC 3042).
    LimitedTransmit(u8),
    /// The third: the segment at SND.UNA is to be sent again, and recovery has begun.
    Enter,
    /// One more in recovery: a segment has left the network.
    Inflate,
}

/// What an acknowledgment of new data means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::tcp) enum NewAck {
    /// No recovery is going on.
    Normal,
    /// Not all that was under way when recovery began: the segment at SND.UNA is lost too.
    Partial,
    /// All that was under way when recovery began: it has ended.
    Full,
}

impl NewReno {
    /// `start` is the position of the SYN (RFC 6582 §3.2 step 1).
    pub(in crate::tcp) const fn new(start: u64) -> Self {
        Self { recover: start, dup_acks: 0, partial_acks: 0, in_recovery: false }
    }

    /// A duplicate acknowledgment as RFC 5681 §2 defines it has arrived; `una` and `max` are SND.UNA and
    /// SND.MAX.
    ///
    /// Until more than `recover` is acknowledged, three duplicates may be the answers to what was sent again
    /// in the last recovery or after a timeout, and begin no new one (RFC 6582 §3.2 step 2). New segments
    /// are not sent either while something from before a timeout is still missing.
    pub(in crate::tcp) fn on_duplicate_ack(&mut self, una: u64, max: u64) -> Duplicate {
        self.dup_acks = self.dup_acks.saturating_add(1);
        match self.dup_acks {
            _ if self.in_recovery => Duplicate::Inflate,
            1 if una >= self.recover => Duplicate::LimitedTransmit(1),
            2 if una >= self.recover => Duplicate::LimitedTransmit(2),
            3 if una > self.recover => {
                (self.recover, self.in_recovery, self.partial_acks) = (max, true, 0);
                Duplicate::Enter
            }
            _ => Duplicate::Ignored,
        }
    }

    /// Whether there have been no more duplicates than segments of `smss` octets were under way when recovery
    /// began.
    pub(in crate::tcp) fn explains_duplicates(&self, una: u64, smss: u32) -> bool {
        u64::from(self.dup_acks) <= self.recover.saturating_sub(una).div_ceil(u64::from(smss.max(1)))
    }

    /// SND.UNA has moved to `una`.
    pub(in crate::tcp) fn on_new_ack(&mut self, una: u64) -> NewAck {
        self.dup_acks = 0;
        if !self.in_recovery {
            return NewAck::Normal;
        }
        if una < self.recover {
            self.partial_acks = self.partial_acks.saturating_add(1);
            return NewAck::Partial;
        }
        self.in_recovery = false;
        NewAck::Full
    }

    /// The retransmission timer has expired: recovery is over, and what has been sent up to now begins none
    /// (RFC 6582 §3.2 step 4).
    pub(in crate::tcp) fn on_rto(&mut self, max: u64) {
        (self.recover, self.in_recovery, self.dup_acks) = (max, false, 0);
    }

    /// Whether fast recovery is going on.
    pub(in crate::tcp) const fn in_recovery(&self) -> bool {
        self.in_recovery
    }

    /// Duplicate acknowledgments since the last new one.
    pub(in crate::tcp) const fn dup_acks(&self) -> u32 {
        self.dup_acks
    }

    /// Whether exactly one partial acknowledgment has arrived in this recovery: only the first restarts the
    /// retransmission timer, so that many losses end in slow start soon (RFC 6582 §3.2 step 3).
    pub(in crate::tcp) const fn is_first_partial(&self) -> bool {
        self.in_recovery && self.partial_acks == 1
    }
}

#[cfg(test)]
mod tests;
