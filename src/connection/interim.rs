//! Interim.
use super::Connection;
use crate::Instant;
impl Connection {
    pub(crate) fn has_something_to_send(&self) -> bool {
        !self.tcb.has_nothing_to_send()
    }
    pub(crate) fn forget_out_of_order(&mut self, _now: Instant) -> usize {
        0
    }
    pub(crate) fn from_tcb(config: &super::ConnectionConfig, tcb: crate::tcp::Tcb) -> Self {
        Self::new(config, tcb)
    }
    pub(crate) fn has_octets(&self, plan: &crate::tcp::SegmentPlan) -> bool {
        let to = plan.offset + u64::from(plan.meta.len);
        self.tcb.acked_to() <= plan.offset
            && to <= self.tcb.queued_to()
            && self.tcb.state() != crate::State::Closed
    }
}
