//! Packets out: whose turn it is, and how a packet is written.

use super::packet::Transmit;
use super::{Flow, Host, Marks};
use crate::Instant;
use crate::tcp::SegmentPlan;

/// Packets that a connection sends before it is the turn of the next.
const TURN: u8 = 16;

impl Host {
    /// Writes the next packet to the start of `out`; `None` if there is nothing to send. `out` must have room for a
    /// packet as large as the MTU, however short this one may be: if not, nothing is ever written. With
    /// [`Offload::segmentation`](super::Offload) give it as much room as that.
    pub fn poll_transmit(&mut self, now: Instant, out: &mut [u8]) -> Option<Transmit> {
        if out.len() < usize::from(self.config.mtu) {
            return None;
        }
        let transmit = self.transmit_segment(now, out)?;
        self.stats.packets_out += 1;
        self.stats.octets_out += transmit.len as u64;
        Some(transmit)
    }

    /// The next segment of a connection.
    fn transmit_segment(&mut self, now: Instant, out: &mut [u8]) -> Option<Transmit> {
        while let Some(&index) = self.sending.front() {
            if self.turn >= TURN {
                self.turn = 0;
                self.sending.rotate_left(1);
                continue;
            }
            let plan = self.flows.get_mut(index).and_then(|flow| flow.connection.poll_segment(now));
            let Some(plan) = plan else {
                self.turn = 0;
                self.sending.pop_front();
                if let Some(flow) = self.flows.get_mut(index) {
                    flow.marks.clear(Marks::SENDING);
                }
                self.settle(now, index, &crate::tcp::Notices::default());
                continue;
            };
            self.turn += 1;
            let written = self.flows.get_mut(index).and_then(|flow| write(flow, &plan, out));
            if !plan.notices.is_empty() {
                self.settle(now, index, &plan.notices);
            }
            self.stats.segments_out += 1;
            if let Some(len) = written {
                return Some(Transmit { len, segment_size: None, checksum: None });
            }
        }
        None
    }
}

/// Writes a segment, and says how many octets the packet has.
fn write(flow: &mut Flow, plan: &SegmentPlan, out: &mut [u8]) -> Option<usize> {
    flow.ip_id = flow.ip_id.wrapping_add(1);
    let written = flow.framing().emit(out, &plan.meta, flow.connection.payload(plan));
    debug_assert!(written.is_ok(), "a segment that does not fit into the MTU: {written:?}");
    written.ok()
}
