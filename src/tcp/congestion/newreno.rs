//! NewReno: the congestion avoidance of RFC 5681 in octets (RFC 3465), with the gentler answer to ECN of
//! RFC 8511. What RFC 6582 does in recovery is the matter of `recovery/`.

use core::time::Duration;

use super::window::{Part, Window};
use super::{AckSample, CongestionControl, Signal};
use crate::Instant;
use crate::tcp::fingerprint::fold;

/// What a loss leaves (RFC 5681 equation 4), and what ECN leaves (RFC 8511 §3).
const BETA: Part = (1, 2);
const BETA_ECN: Part = (4, 5);

/// The window of NewReno: 80 octets.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::tcp) struct NewRenoWindow {
    window: Window,
    /// Octets acknowledged in congestion avoidance that have not yet made the window grow: less than a window.
    acked: u32,
}

fold!(NewRenoWindow { window, acked });

impl NewRenoWindow {
    /// With a window that another algorithm had.
    pub(super) const fn taking(window: Window) -> Self {
        Self { window, acked: 0 }
    }

    pub(super) const fn window(&self) -> &Window {
        &self.window
    }

    /// In slow start, with this window.
    pub(in crate::tcp) fn new(cwnd: u32) -> Self {
        Self { window: Window::new(cwnd), acked: 0 }
    }
}

impl CongestionControl for NewRenoWindow {
    fn cwnd(&self) -> u32 {
        self.window.cwnd()
    }

    fn ssthresh(&self) -> u32 {
        self.window.ssthresh()
    }

    fn set_initial(&mut self, cwnd: u32) {
        self.window.set(cwnd);
    }

    fn set_cwnd(&mut self, cwnd: u32) {
        self.window.set(cwnd);
    }

    /// One segment for each window that was acknowledged (RFC 3465 §2.1).
    // RFC 5681-8, 2525-6
    fn on_ack(&mut self, ack: &AckSample) {
        let left = self.window.on_ack(ack);
        let cwnd = self.window.cwnd();
        self.acked = self.acked.saturating_add(left);
        if left > 0 && self.acked >= cwnd {
            self.acked = (self.acked - cwnd).min(cwnd);
            self.window.set(cwnd.saturating_add(ack.smss));
        }
    }

    fn on_congestion(&mut self, signal: Signal, flight: u32, smss: u32, _now: Instant) {
        let beta = match signal {
            Signal::Loss => BETA,
            Signal::Ecn => BETA_ECN,
        };
        self.window.lower(self.window.in_use(flight), beta, smss);
        self.acked = 0;
    }

    /// ssthresh stays when the same segment is sent again and again: what is under way then says nothing about
    /// the network (RFC 5681 §3.1).
    fn on_rto(&mut self, flight: u32, smss: u32, first: bool, _now: Instant) {
        if first {
            self.window.lower(self.window.in_use(flight), BETA, smss);
        }
        self.window.collapse(smss);
        self.acked = 0;
    }

    fn round_down(&mut self, smss: u32) {
        self.window.round_down(smss);
    }

    fn on_idle(&mut self, restart_window: u32, _idle: Duration) {
        self.window.restart(restart_window);
        self.acked = 0;
    }
}

#[cfg(test)]
mod tests;
