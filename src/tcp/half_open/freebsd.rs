//! What FreeBSD's SYN cache makes of segments: see [`Dialect`](crate::tcp::Dialect).

use super::{Bits, HalfOpen, Heard, Place};
use crate::tcp::config::TcpConfig;
use crate::tcp::segment::{DropReason, SegmentMeta};
use crate::tcp::state::Event;
use crate::{Instant, TcpFlags};

impl HalfOpen {
    pub(super) fn checked_like_freebsd(
        &mut self,
        config: &TcpConfig,
        now: Instant,
        seg: &SegmentMeta,
        place: Place,
    ) -> Result<Heard, Heard> {
        let has = |flag| seg.flags.contains(flag);
        if has(TcpFlags::RST) {
            let more = TcpFlags::ACK | TcpFlags::SYN | TcpFlags::FIN;
            // The answer to a SYN,ACK has none of these (RFC 9293 §3.10.7.1).
            let plain = !seg.flags.intersects(more);
            let dropped = Heard::Refused(DropReason::ResetOutsideWindow, None);
            return Err(if plain { self.check_reset(config, now, place) } else { dropped });
        }
        if has(TcpFlags::SYN) && has(TcpFlags::ACK) {
            self.end(Event::BackToListen);
            return Err(Heard::Refused(DropReason::AckNotOfSynAck, seg.reset_in_answer()));
        }
        if has(TcpFlags::SYN) {
            self.hear_syn_again(config, seg);
            return Err(Heard::Again);
        }
        if !has(TcpFlags::ACK) {
            return Err(Heard::Refused(DropReason::NoAck, None));
        }
        let stamped = seg.options.timestamps.is_some() || config.tolerate_missing_timestamps;
        if self.bits.has(Bits::TIMESTAMPS) && !stamped {
            return Err(Heard::Refused(DropReason::TimestampMissing, None));
        }
        if place.start < 0 || place.start > place.edge {
            let reason = if place.start < 0 { DropReason::BelowWindow } else { DropReason::AboveWindow };
            return Err(Heard::Refused(reason, self.challenge(config, now)));
        }
        self.check_ack(seg)
    }

    /// A SYN again, whatever its number: the SYN,ACK goes again, and its timer begins anew.
    fn hear_syn_again(&mut self, config: &TcpConfig, seg: &SegmentMeta) {
        let both = self.bits.has(Bits::TIMESTAMPS) && config.timestamps;
        match seg.options.timestamps.filter(|_| both) {
            Some(timestamps) => self.ts_recent = timestamps.val,
            None => self.bits.set(Bits::TIMESTAMPS, false),
        }
        self.hear_ecn(seg);
        self.bits.set(Bits::OWED, true);
        if !self.is_waiting() {
            (self.timeouts, self.due) = (0, Instant::MAX);
        }
    }
}
