//! What Linux makes of segments where the RFCs do it in another order: see [`Dialect`](crate::tcp::Dialect).

use super::{HalfOpen, Heard, Place};
use crate::tcp::config::TcpConfig;
use crate::tcp::segment::{DropReason, SegmentMeta};
use crate::tcp::state::Event;
use crate::{Instant, TcpFlags};

impl HalfOpen {
    /// What acknowledges anything but our SYN,ACK is the listener's, wherever it lies; and a SYN in the window is answered
    /// by a reset.
    pub(super) fn check_like_linux(
        &mut self,
        config: &TcpConfig,
        now: Instant,
        seg: &SegmentMeta,
        place: Place,
    ) -> Result<(), Heard> {
        if seg.flags.contains(TcpFlags::RST) {
            return Ok(());
        }
        if seg.flags.contains(TcpFlags::ACK) && !self.is_acknowledged_by(seg) {
            return Err(Heard::Refused(DropReason::AckNotOfSynAck, seg.reset_in_answer()));
        }
        if !seg.flags.contains(TcpFlags::SYN) {
            return Ok(());
        }
        match self.check_sequence(config, now, seg, place) {
            Err(Heard::Over) => {
                self.end(Event::BackToListen);
                Err(Heard::Refused(DropReason::SynOnOpenConnection, seg.reset_in_answer()))
            }
            heard => heard,
        }
    }
}
