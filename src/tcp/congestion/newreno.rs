//! Slow start, congestion avoidance and the windows of fast recovery: RFC 5681 with RFC 6582.

use core::time::Duration;

use super::{CongestionControl, MAX_WINDOW};
use crate::Instant;

/// The window of NewReno.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::tcp) struct NewRenoWindow {
    cwnd: u32,
    ssthresh: u32,
    /// Octets acknowledged in congestion avoidance that have not yet made the window grow.
    acked: u32,
}

impl NewRenoWindow {
    /// In slow start, with this window.
    pub(in crate::tcp) fn new(cwnd: u32) -> Self {
        Self { cwnd: cwnd.clamp(1, MAX_WINDOW), ssthresh: u32::MAX, acked: 0 }
    }

    /// Sets the window, within the bounds of every window.
    fn set(&mut self, cwnd: u32, smss: u32) {
        self.cwnd = cwnd.max(smss).clamp(1, MAX_WINDOW);
    }

    /// ssthresh after a loss: half of what was under way, and at least two segments (RFC 5681 equation 4).
    fn lower(&mut self, flight: u32, smss: u32) {
        self.ssthresh = (flight / 2).max(smss.saturating_mul(2));
        self.acked = 0;
    }
}

impl CongestionControl for NewRenoWindow {
    fn cwnd(&self) -> u32 {
        self.cwnd
    }

    fn ssthresh(&self) -> u32 {
        self.ssthresh
    }

    fn set_initial(&mut self, cwnd: u32) {
        self.set(cwnd, 1);
    }

    /// Slow start counts octets, at most one segment for each acknowledgment, so that a receiver that
    /// acknowledges single octets gains nothing (RFC 5681 §3.1 equation 2). Congestion avoidance adds one
    /// segment for each window that was acknowledged.
    fn on_ack(&mut self, acked: u32, smss: u32, cwnd_limited: bool, _now: Instant, _srtt: Option<Duration>) {
        if !cwnd_limited {
            return;
        }
        if self.cwnd < self.ssthresh {
            self.set(self.cwnd.saturating_add(acked.min(smss)), smss);
            return;
        }
        self.acked = self.acked.saturating_add(acked);
        if self.acked >= self.cwnd {
            // One acknowledgment is worth one segment at most, and the remainder less than one more.
            self.acked = (self.acked - self.cwnd).min(self.cwnd);
            self.set(self.cwnd.saturating_add(smss), smss);
        }
    }

    /// RFC 5681 §3.2 step 3: the three segments that caused the duplicates have left the network.
    fn on_duplicate_enter(&mut self, flight: u32, smss: u32) {
        self.lower(flight, smss);
        self.set(self.ssthresh.saturating_add(smss.saturating_mul(3)), smss);
    }

    fn inflate(&mut self, smss: u32) {
        self.set(self.cwnd.saturating_add(smss), smss);
    }

    /// RFC 6582 §3.2 step 3: what was acknowledged has left the network, and the segment that is now sent
    /// again enters it.
    fn on_partial_ack(&mut self, acked: u32, smss: u32) {
        let back = if acked >= smss { smss } else { 0 };
        self.set(self.cwnd.saturating_sub(acked).saturating_add(back), smss);
    }

    /// RFC 6582 §3.2 step 3, the first choice: no burst when little is under way.
    fn on_full_ack(&mut self, flight: u32, smss: u32) {
        self.set(self.ssthresh.min(flight.max(smss).saturating_add(smss)), smss);
    }

    /// RFC 5681 §3.1: the loss window is one segment. ssthresh stays when the same segment is sent again and
    /// again, for the flight then says nothing about the network.
    fn on_rto(&mut self, flight: u32, smss: u32, first: bool) {
        if first {
            self.lower(flight, smss);
        }
        self.acked = 0;
        self.set(smss, smss);
    }

    fn on_idle(&mut self, initial_window: u32) {
        self.set(self.cwnd.min(initial_window), 1);
    }
}

#[cfg(test)]
mod tests;
