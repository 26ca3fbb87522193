//! How much may be under way at once: the congestion window and the algorithms that move it.
//!
//! | RFC | where |
//! |---|---|
//! | 9438, CUBIC; 8511, its answer to ECN | `cubic.rs` |
//! | 5681 §3.1, congestion avoidance; 8511, its answer to ECN | `newreno.rs` |
//! | 5681 §3.1 and §4.1, slow start and restart; 3465, byte counting | `window.rs` |
//! | 9406, HyStart++: the end of the first slow start | `hystart.rs` |
//! | 7661, window validation | `validation.rs` |
//! | 6928, initial window | here |
//!
//! An algorithm says how large the window may be. What is lost, and how the window comes down in recovery (PRR,
//! RFC 9937), is the matter of [`recovery`](super::recovery): it asks for `ssthresh` and sets the window. All
//! windows are in octets, all arithmetic is in integers, and nothing asks for the time: the same calls give
//! the same windows.
//!
//! **Against receivers that lie** (Savage and others): growth counts octets, so that many acknowledgments of
//! few octets gain nothing (ACK division); acknowledgments that acknowledge nothing gain nothing (spoofed
//! duplicates); and no acknowledgment counts for more than a window, or for more than a few segments in slow
//! start.
//!
//! **Another algorithm** is a file with a type that implements [`CongestionControl`], a variant of
//! [`Congestion`] and a line in its macro, and a variant of `CongestionAlgorithm` in `config.rs`. One that is
//! driven by losses keeps a `Window` and gets slow start, HyStart++ and validation with it. One that models the
//! path, as BBR does, needs what [`AckSample`] does not carry yet, the delivery rate that the acknowledgment
//! measured and whether the application limited it, and one method more in the trait: the rate at which to
//! pace, which now follows from the window and the round trip.

mod cubic;
mod hystart;
mod newreno;
mod validation;
mod window;

use core::time::Duration;

use super::config::CongestionAlgorithm;
use super::fingerprint::{Fold, Folder};
use crate::Instant;

pub(in crate::tcp) use cubic::CubicWindow;
pub(in crate::tcp) use newreno::NewRenoWindow;

/// What an acknowledgment says to the algorithm.
#[derive(Clone, Copy, Debug)]
pub(in crate::tcp) struct AckSample {
    pub(in crate::tcp) now: Instant,
    /// Octets newly acknowledged, cumulatively or by SACK.
    pub(in crate::tcp) acked: u32,
    /// The sender maximum segment size.
    pub(in crate::tcp) smss: u32,
    /// Octets in flight (pipe, RFC 6675) before this acknowledgment.
    pub(in crate::tcp) flight: u32,
    /// Whether the window, and not the user or the peer, held sending back since the last acknowledgment: a
    /// window that was not filled has not been tried, and does not grow.
    pub(in crate::tcp) limited: bool,
    /// All that is acknowledged counts in slow start, and for ever (`WindowRules::Linux`).
    pub(in crate::tcp) whole: bool,
    pub(in crate::tcp) srtt: Option<Duration>,
    /// The round trip that this acknowledgment measured, in microseconds, if it measured one.
    pub(in crate::tcp) rtt: Option<u32>,
    /// SND.UNA after this acknowledgment, as a position that never wraps; with `max` it tells where round
    /// trips end.
    pub(in crate::tcp) una: u64,
    /// SND.MAX, likewise.
    pub(in crate::tcp) max: u64,
}

/// What says that the path is congested.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::tcp) enum Signal {
    /// A loss that recovery repairs.
    Loss,
    /// ECE (RFC 3168 §6.1.2), to which RFC 8511 answers more gently.
    Ecn,
}

/// A congestion control algorithm: a window in octets, and what moves it.
///
/// `smss` is the sender maximum segment size and `flight` the octets in flight (pipe). While recovery goes on
/// the window belongs to PRR, which sets it; the algorithm only says where it is to end: `ssthresh`. A clone is
/// the memory that undoes a response to congestion that was none.
pub(in crate::tcp) trait CongestionControl {
    /// The congestion window, from one octet to [`MAX_WINDOW`].
    fn cwnd(&self) -> u32;

    /// Above this slow start is over; [`u32::MAX`] before the first loss.
    fn ssthresh(&self) -> u32;

    /// The handshake is complete: begin with this window.
    fn set_initial(&mut self, cwnd: u32);

    /// Recovery, or its end, decides. Nothing but the window changes, within its bounds.
    fn set_cwnd(&mut self, cwnd: u32);

    /// New data was acknowledged, and no recovery is going on: growth.
    fn on_ack(&mut self, ack: &AckSample);

    /// Congestion, once for each window: ssthresh is lowered, and what the algorithm remembers of the window
    /// is taken. The window itself stays: PRR brings it down.
    fn on_congestion(&mut self, signal: Signal, flight: u32, smss: u32, now: Instant);

    /// ssthresh in whole segments, at least two.
    fn round_down(&mut self, smss: u32);

    /// The retransmission timer has expired, `first` for the first time on this SND.UNA: ssthresh is lowered.
    /// The window becomes one segment each time.
    fn on_rto(&mut self, flight: u32, smss: u32, first: bool, now: Instant);

    /// Nothing was sent for `idle`, longer than an RTO: the acknowledgments that paced us have ceased, so no
    /// more than `restart_window` may be sent at once (RFC 5681 §4.1).
    fn on_idle(&mut self, restart_window: u32, idle: Duration);

    /// Whether slow start is going on.
    fn in_slow_start(&self) -> bool {
        self.cwnd() < self.ssthresh()
    }
}

/// The largest window: what the largest receive window is (RFC 7323 §2.3).
pub(in crate::tcp) const MAX_WINDOW: u32 = 1 << 30;

/// The algorithm of one connection.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::tcp) enum Congestion {
    /// RFC 9438.
    Cubic(CubicWindow),
    /// RFC 5681.
    NewReno(NewRenoWindow),
}

impl Fold for Congestion {
    fn fold(&self, into: &mut Folder) {
        match self {
            Self::Cubic(window) => window.fold(into),
            Self::NewReno(window) => window.fold(into),
        }
    }
}

impl Congestion {
    /// In slow start, with this window.
    pub(in crate::tcp) fn new(algorithm: CongestionAlgorithm, cwnd: u32) -> Self {
        match algorithm {
            CongestionAlgorithm::Cubic => Self::Cubic(CubicWindow::new(cwnd)),
            CongestionAlgorithm::NewReno => Self::NewReno(NewRenoWindow::new(cwnd)),
        }
    }

    /// Another algorithm takes over: window and ssthresh are its own from here on, the rest it has to learn.
    pub(in crate::tcp) fn switch(&mut self, to: CongestionAlgorithm) {
        let window = match self {
            Self::Cubic(cubic) => cubic.window().clone(),
            Self::NewReno(reno) => reno.window().clone(),
        };
        *self = match to {
            CongestionAlgorithm::Cubic => Self::Cubic(CubicWindow::taking(window)),
            CongestionAlgorithm::NewReno => Self::NewReno(NewRenoWindow::taking(window)),
        };
    }

    /// Octets of memory held.
    pub(in crate::tcp) fn memory(&self) -> usize {
        match self {
            Self::Cubic(window) => window.memory(),
            Self::NewReno(_) => 0,
        }
    }
}

/// Calls the chosen algorithm, without a table of functions between.
macro_rules! chosen {
    ($self:ident.$method:ident($($argument:expr),*)) => {
        match $self {
            Self::Cubic(window) => window.$method($($argument),*),
            Self::NewReno(window) => window.$method($($argument),*),
        }
    };
}

impl CongestionControl for Congestion {
    fn cwnd(&self) -> u32 {
        chosen!(self.cwnd())
    }

    fn ssthresh(&self) -> u32 {
        chosen!(self.ssthresh())
    }

    fn set_initial(&mut self, cwnd: u32) {
        chosen!(self.set_initial(cwnd));
    }

    fn set_cwnd(&mut self, cwnd: u32) {
        chosen!(self.set_cwnd(cwnd));
    }

    fn on_ack(&mut self, ack: &AckSample) {
        chosen!(self.on_ack(ack));
    }

    fn on_congestion(&mut self, signal: Signal, flight: u32, smss: u32, now: Instant) {
        chosen!(self.on_congestion(signal, flight, smss, now));
    }

    fn round_down(&mut self, smss: u32) {
        chosen!(self.round_down(smss));
    }

    fn on_rto(&mut self, flight: u32, smss: u32, first: bool, now: Instant) {
        chosen!(self.on_rto(flight, smss, first, now));
    }

    fn on_idle(&mut self, restart_window: u32, idle: Duration) {
        chosen!(self.on_idle(restart_window, idle));
    }

    fn in_slow_start(&self) -> bool {
        chosen!(self.in_slow_start())
    }
}

/// IW: min(10·SMSS, max(2·SMSS, 14600)) for the 10 `segments` of RFC 6928 §2, and likewise for another
/// number: so many segments, but not more octets than so many of Ethernet's, unless two are more.
// RFC 5681-3, 2525-1
pub(in crate::tcp) fn initial_window(segments: u8, smss: u32) -> u32 {
    let (segments, smss) = (u32::from(segments.max(1)), smss.max(1));
    let octets = smss.saturating_mul(2).max(segments * 1460);
    smss.saturating_mul(segments).min(octets).min(MAX_WINDOW)
}

#[cfg(test)]
mod tests;
