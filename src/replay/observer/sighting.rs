//! A frame in the observer's terms.

use crate::replay::worlds::End;

/// What one frame says, in terms that need no sequence numbers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sighting {
    pub(crate) frame: u64,
    pub(crate) from: End,
    pub(crate) syn: bool,
    pub(crate) ack: bool,
    pub(crate) rst: bool,
    /// Carries a FIN that stands where the data ends.
    pub(crate) fin: bool,
    /// The FIN had been missed before: since this frame.
    pub(crate) fin_missed_at: Option<u64>,
    /// The capture has the acknowledgment of that FIN before it.
    pub(crate) fin_was_acked: bool,
    /// The receiver has spoken before, and had not received that FIN then.
    pub(crate) fin_was_awaited: bool,
    /// Carries octets that were not sent before.
    pub(crate) new_data: bool,
    /// Shows that no FIN has been sent so far, though the capture began in the middle.
    pub(crate) speaks_open: bool,
    /// Repeats something that the receiver had not acknowledged.
    pub(crate) repeats_unacked: bool,
    /// Acknowledges the receiver's SYN (or it is not known where that SYN was).
    pub(crate) acks_syn: bool,
    /// Acknowledges something behind the receiver's SYN, and behind the data that came with it.
    pub(crate) acks_data: bool,
    /// The receiver's SYN carried data under a Fast Open option.
    pub(crate) is_fast_open: bool,
    /// Acknowledges the receiver's FIN.
    pub(crate) acks_fin: bool,
    /// The sender's FIN has been seen, and before it nothing is missing.
    pub(crate) all_up_to_fin: bool,
    /// Acknowledges more than has been seen of the receiver.
    pub(crate) acks_unseen: bool,
    /// Its own number shows that it has sent something that was not captured.
    pub(crate) has_sent_unseen: bool,
    /// Nothing of the sender's is missing at the end any more.
    pub(crate) tail_seen: bool,
    /// For a reset: the receiver takes it, or may take it; it is the sender's own connection that is given up.
    pub(crate) rst_counts: bool,
    pub(crate) rst_doubtful: bool,
    pub(crate) rst_gives_up: bool,
    /// The receiver has sent a reset, longer ago than anything of this sender's could have been on its way.
    pub(crate) long_after_reset: bool,
}

impl Sighting {
    /// A frame that says nothing yet.
    pub(crate) const fn new(frame: u64, from: End) -> Self {
        Self {
            frame,
            from,
            syn: false,
            ack: false,
            rst: false,
            fin: false,
            fin_missed_at: None,
            fin_was_acked: false,
            fin_was_awaited: false,
            new_data: false,
            speaks_open: false,
            repeats_unacked: false,
            acks_syn: false,
            acks_data: false,
            is_fast_open: false,
            acks_fin: false,
            all_up_to_fin: false,
            acks_unseen: false,
            has_sent_unseen: false,
            tail_seen: false,
            rst_counts: false,
            rst_doubtful: false,
            rst_gives_up: false,
            long_after_reset: false,
        }
    }
}
