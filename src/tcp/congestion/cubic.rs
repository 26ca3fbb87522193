//! CUBIC (RFC 9438): the window follows a cubic function of the time since congestion was met, so that long
//! round trips and large windows need no hours to grow.
//!
//! Windows are in octets and moments in nanoseconds. The curve itself counts time in 2⁻²⁰ s, about a
//! microsecond, so that its cube fits 128 bits; whatever divisions leave is carried on to the next
//! acknowledgment.

use alloc::boxed::Box;
use core::time::Duration;

use super::window::{Part, Window, part_of};
use super::{AckSample, CongestionControl, MAX_WINDOW, Signal};
use crate::Instant;
use crate::tcp::fingerprint::fold;

/// β of RFC 9438 §4.6, and what RFC 8511 §3.1 puts in its place for ECN.
const BETA: Part = (7, 10);
const BETA_ECN: Part = (17, 20);
/// (1 + β) / 2 for both: fast convergence (RFC 9438 §4.7).
const FAST_CONVERGENCE: Part = (17, 20);
const FAST_CONVERGENCE_ECN: Part = (37, 40);
/// α of RFC 9438 §4.3: 3 · (1 − β) / (1 + β). It is the same after ECN, for RFC 8511 changes β alone.
const ALPHA: (u64, u64) = (9, 17);
/// C of RFC 9438 §5.1, in segments per cubic second.
const C: (u64, u64) = (2, 5);
/// The largest segment that TCP knows: it bounds the products below.
const MAX_SMSS: u32 = 1 << 16;

/// The window of CUBIC: 88 octets, of which the common [`Window`] is 72; and 32 for the epoch, while one goes on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::tcp) struct CubicWindow {
    window: Window,
    /// W_max: where the plateau of the curve is. 0 if no loss has shown it: after a timeout, and when the
    /// first slow start ended without one, the curve begins with its plateau.
    w_max: u32,
    /// cwnd_prior: the window, as far as it was in use, when ssthresh was last lowered; 0 if it never was.
    prior: u32,
    /// The stage of congestion avoidance that is going on.
    epoch: Option<Box<Epoch>>,
}

/// One stage of congestion avoidance.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Epoch {
    /// t_epoch, put off by all the time that does not count.
    began: Instant,
    /// The last acknowledgment.
    last: Instant,
    /// K: when the curve reaches W_max, in 2⁻²⁰ s after the beginning.
    k: u32,
    /// What the window has not grown by yet, in parts of an octet: divided by the window.
    rest: u32,
    /// W_est: the window that Reno would have, in octets, and what is left over of it, likewise.
    reno: u32,
    reno_rest: u32,
}

fold!(CubicWindow { window, w_max, prior, epoch });
fold!(Epoch { began, last, k, rest, reno, reno_rest });

/// In nanoseconds; all that is more than 584 years is the same.
fn nanos(span: Duration) -> u64 {
    span.as_secs().saturating_mul(1_000_000_000).saturating_add(u64::from(span.subsec_nanos()))
}

/// Nanoseconds in 2⁻²⁰ s; what is more than an hour is an hour and some.
fn ticks(nanos: u64) -> u32 {
    const LONGEST: u64 = 4095 * 1_000_000_000;
    // 2²⁰ / 10⁹ = 2¹¹ / 5⁹, and 4095 s times 2¹¹ fits 64 bits.
    u32::try_from((nanos.min(LONGEST) << 11) / 1_953_125).unwrap_or(u32::MAX)
}

/// The largest number whose cube is not above `cube`, which is below 2⁹⁶.
fn cube_root(cube: u128) -> u32 {
    let mut root = 0_u32;
    for bit in (0..32).rev() {
        let larger = root | 1 << bit;
        if u128::from(larger).pow(3) <= cube {
            root = larger;
        }
    }
    root
}

/// K of RFC 9438 §4.2: the time from the beginning of the epoch to W_max, `below` octets above it:
/// ∛(below / (C · SMSS)), in 2⁻²⁰ s.
// RFC 9438-2
fn time_to_plateau(below: u32, smss: u32) -> u32 {
    cube_root(((u128::from(below) * u128::from(C.1)) << 60) / (u128::from(C.0) * u128::from(smss)))
}

/// W_cubic of RFC 9438 §4.2 at `t`, in octets: C · SMSS · (t − K)³ + W_max.
// RFC 9438-1
fn w_cubic(t: u32, k: u32, w_max: u32, smss: u32) -> u32 {
    let away = u128::from(t.abs_diff(k));
    // (2³²)³ · 2¹⁶ · 2 is below 2¹²⁸.
    let octets = ((away * away * away * u128::from(smss) * u128::from(C.0)) >> 60) / u128::from(C.1);
    let octets = u32::try_from(octets).unwrap_or(u32::MAX);
    if t < k { w_max.saturating_sub(octets) } else { w_max.saturating_add(octets).min(MAX_WINDOW) }
}

/// `parts` are octets times the window `cwnd`: by how many octets it grows, the remainder of the last time
/// included. What is left over stays in `rest`.
fn whole_octets(parts: u64, cwnd: u32, rest: &mut u32) -> u32 {
    let (parts, cwnd) = (parts.saturating_add(u64::from(*rest)), u64::from(cwnd.max(1)));
    *rest = u32::try_from(parts % cwnd).unwrap_or(0);
    u32::try_from(parts / cwnd).unwrap_or(MAX_WINDOW)
}

impl Epoch {
    /// It begins now, with a window of `cwnd` (RFC 9438 §4.2, §4.3).
    fn new(ack: &AckSample, cwnd: u32, w_max: u32) -> Self {
        let k = time_to_plateau(w_max.saturating_sub(cwnd), ack.smss.clamp(1, MAX_SMSS));
        Self { began: ack.now, last: ack.now, k, rest: 0, reno: cwnd, reno_rest: 0 }
    }

    /// The time since the last acknowledgment has passed. It does not count if the window held nobody back
    /// (RFC 9438 §4.2, §5.8), and no more of it counts than two round trips: in a longer silence, as before a
    /// timeout that turns out to be spurious, nothing was learned either.
    // RFC 9438-4, 9438-18
    fn advance(&mut self, ack: &AckSample, counts: bool) {
        let passed = ack.now.as_nanos().saturating_sub(self.last.as_nanos());
        let counted = match ack.srtt {
            _ if !counts => 0,
            Some(srtt) => passed.min(nanos(srtt).saturating_mul(2)),
            None => passed,
        };
        self.began = Instant::from_nanos(self.began.as_nanos().saturating_add(passed - counted));
        self.last = ack.now;
    }

    /// W_est grows (RFC 9438 §4.3): by α segments for each window that is acknowledged, and like Reno by a
    /// whole one from `prior` on, the window when congestion was last met.
    // RFC 9438-5, 9438-6
    fn grow_reno(&mut self, acked: u32, smss: u32, cwnd: u32, prior: u32) {
        let parts = u64::from(acked) * u64::from(smss);
        if self.reno >= prior {
            self.reno = self.reno.saturating_add(whole_octets(parts, cwnd, &mut self.reno_rest));
        } else {
            let octets = whole_octets(parts * ALPHA.0 / ALPHA.1, cwnd, &mut self.reno_rest);
            let beyond = self.reno.saturating_add(octets).saturating_sub(prior);
            // What goes beyond `prior` has α = 1, as if the acknowledgment had come in two pieces.
            let more = u64::from(beyond) * (ALPHA.1 - ALPHA.0) / ALPHA.0;
            let octets = octets.saturating_add(u32::try_from(more).unwrap_or(MAX_WINDOW));
            self.reno = self.reno.saturating_add(octets);
        }
        self.reno = self.reno.min(MAX_WINDOW);
    }

    /// The window once `acked` octets of it are acknowledged: Reno's while the curve is below it (RFC 9438 §4.3), or else
    /// on the way to where the curve will be in a round trip, which is gone in as many steps as there are acknowledgments
    /// until then (§4.4, §4.5).
    // RFC 9438-3, 9438-7, 9438-8, 9438-17
    fn grow(&mut self, ack: &AckSample, acked: u32, cwnd: u32, w_max: u32, prior: u32) -> u32 {
        let smss = ack.smss.clamp(1, MAX_SMSS);
        let k = self.k;
        let curve = |nanos| w_cubic(ticks(nanos), k, w_max, smss);
        let t = ack.now.as_nanos().saturating_sub(self.began.as_nanos());
        // Asked before the acknowledgment counts: it makes no difference in how many pieces it comes.
        let friendly = curve(t) < self.reno;
        self.grow_reno(acked, smss, cwnd, prior);
        // It may be far above if something else has taken the window down: no jump, then.
        let reno = self.reno.min(cwnd.saturating_add(acked)).max(cwnd);
        if friendly {
            return reno;
        }
        let later = t.saturating_add(ack.srtt.map_or(0, nanos));
        let target = curve(later).clamp(cwnd, cwnd + cwnd / 2);
        let parts = u64::from(target - cwnd) * u64::from(acked);
        cwnd.saturating_add(whole_octets(parts, cwnd, &mut self.rest)).max(reno)
    }
}

impl CubicWindow {
    /// Octets of memory held.
    pub(super) fn memory(&self) -> usize {
        if self.epoch.is_some() { size_of::<Epoch>() } else { 0 }
    }

    /// With a window that another algorithm had.
    pub(super) const fn taking(window: Window) -> Self {
        Self { window, w_max: 0, prior: 0, epoch: None }
    }

    pub(super) const fn window(&self) -> &Window {
        &self.window
    }

    /// In slow start, with this window.
    pub(in crate::tcp) fn new(cwnd: u32) -> Self {
        Self { window: Window::new(cwnd), w_max: 0, prior: 0, epoch: None }
    }
}

impl CongestionControl for CubicWindow {
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

    fn on_ack(&mut self, ack: &AckSample) {
        let was = self.window.cwnd();
        let acked = self.window.on_ack(ack);
        if self.window.cwnd() < was {
            // It was not used for too long, and what led to it is of no use.
            self.epoch = None;
        }
        if let Some(epoch) = &mut self.epoch {
            epoch.advance(ack, acked > 0);
        }
        if acked == 0 {
            return;
        }
        let cwnd = self.window.cwnd();
        if self.epoch.is_none() {
            // No plateau is known, or the window is beyond it already: the curve begins with it, K = 0
            // (RFC 9438 §4.8, §4.10).
            self.w_max = self.w_max.max(cwnd);
            if self.prior == 0 {
                self.prior = cwnd;
            }
        }
        let (w_max, prior) = (self.w_max, self.prior);
        let epoch = self.epoch.get_or_insert_with(|| Box::new(Epoch::new(ack, cwnd, w_max)));
        self.window.set(epoch.grow(ack, acked, cwnd, w_max, prior));
    }

    // RFC 9438-9, 9438-12, 9438-13
    fn on_congestion(&mut self, signal: Signal, flight: u32, smss: u32, _now: Instant) {
        let (beta, convergence) = match signal {
            Signal::Loss => (BETA, FAST_CONVERGENCE),
            Signal::Ecn => (BETA_ECN, FAST_CONVERGENCE_ECN),
        };
        let in_use = self.window.in_use(flight);
        // A smaller window than the last time: somebody else needs room, and gets more of it (§4.7).
        self.w_max = if in_use < self.w_max { part_of(in_use, convergence) } else { in_use };
        self.prior = in_use;
        self.epoch = None;
        self.window.lower(in_use, beta, smss);
    }

    /// RFC 9438 §4.8: like RFC 5681 §3.1 with another β, and the next curve begins with its plateau.
    // RFC 9438-14
    fn on_rto(&mut self, flight: u32, smss: u32, first: bool, _now: Instant) {
        if first {
            self.prior = self.window.in_use(flight);
            self.window.lower(self.prior, BETA, smss);
        }
        self.w_max = 0;
        self.epoch = None;
        self.window.collapse(smss);
    }

    fn round_down(&mut self, smss: u32) {
        self.window.round_down(smss);
    }

    fn on_idle(&mut self, restart_window: u32, _idle: Duration) {
        self.epoch = None;
        self.window.restart(restart_window);
    }
}

#[cfg(test)]
mod tests;
