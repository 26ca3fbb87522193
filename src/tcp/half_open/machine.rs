//! From a row to the machine that it stands for.

use alloc::sync::Arc;
use core::time::Duration;

use super::{ASKING, Bits, HalfOpen};
use crate::tcp::config::{Ecn, TcpConfig, Unpredictable};
use crate::tcp::ecn::EcnVars;
use crate::tcp::segment::{SegmentMeta, SegmentOptions, Timestamps};
use crate::tcp::send::ORIGIN;
use crate::tcp::tcb::Tcb;
use crate::tcp::timers::Timer;
use crate::{Instant, TcpFlags};

impl HalfOpen {
    /// The machine in SYN-RECEIVED that this row stands for: as if it had been there since the SYN.
    #[must_use]
    pub fn tcb(&self, config: &Arc<TcpConfig>) -> Tcb {
        let mut tcb = Tcb::listen(Arc::clone(config));
        tcb.prepare(Unpredictable { iss: self.iss, timestamp_offset: self.ts_offset });
        tcb.on_segment(self.began, &self.syn());
        for time in 0..self.times.saturating_add(u8::from(self.bits.has(Bits::TIMELESS))) {
            if time > 0 {
                tcb.snd.nxt = ORIGIN;
            }
            let at = if time > 0 { self.last_sent } else { self.first_sent };
            while tcb.poll_segment(at).is_some() {}
        }
        if self.bits.has(Bits::TIMELESS) {
            // It counts as sent twice only so that nobody takes a round trip from it.
            if let Some(rare) = tcb.rare.if_any() {
                (rare.retransmitted, rare.retransmissions) = (0, 0);
            }
        }
        tcb.rtt = self.rtt();
        if self.timeouts > 0 {
            tcb.rare.make().timeouts = u32::from(self.timeouts);
        }
        tcb.syn_repeated = self.timeouts > 0;
        if self.bits.has(Bits::OWED) {
            tcb.snd.nxt = ORIGIN;
        }
        tcb.ack_now |= self.bits.has(Bits::ACK_TOO);
        if self.due != Instant::MAX && !self.is_waiting() {
            tcb.timers.set(Timer::Retransmit, self.due);
        }
        tcb.ts = self.timestamps();
        tcb.ecn = self.ecn();
        tcb.rcv.edge = tcb.rcv.edge.max(self.receive(config).edge);
        if self.bits.has(Bits::UNSCALED) {
            tcb.rcv.scale = 0;
        }
        if self.challenges > 0 {
            let rare = tcb.rare.make();
            rare.challenges = self.challenges;
            rare.challenged_at = self.began + Duration::from_millis(u64::from(self.challenged));
        }
        tcb
    }

    /// The SYN as the machine would have taken it.
    fn syn(&self) -> SegmentMeta {
        let has = |bit| self.bits.has(bit);
        let timestamps = Timestamps { val: self.ts_recent, ecr: 0 };
        let options = SegmentOptions {
            mss: Some(self.mss),
            window_scale: has(Bits::SCALING).then_some(self.scale),
            sack_permitted: has(Bits::SACK),
            timestamps: has(Bits::TIMESTAMPS).then_some(timestamps),
            ..SegmentOptions::default()
        };
        SegmentMeta {
            seq: self.irs,
            flags: TcpFlags::SYN,
            window: self.window,
            options,
            ..SegmentMeta::default()
        }
    }

    /// What both sides have said of ECN, said again.
    fn ecn(&self) -> EcnVars {
        let has = |bit| self.bits.has(bit);
        let mut ecn = EcnVars::new();
        if has(Bits::ASKED) {
            ecn.hear_syn(ASKING);
        }
        if has(Bits::AGREED) {
            ecn.syn_ack(Ecn::Accept);
        }
        if has(Bits::DECLINED) {
            ecn.syn_ack(Ecn::Off);
        }
        if has(Bits::ASKED_NOT) {
            ecn.hear_syn(TcpFlags::NONE);
        }
        ecn
    }
}
