//! How much may be under way at once: the congestion window and the algorithms that move it.

mod newreno;

use core::time::Duration;

use crate::Instant;

pub(in crate::tcp) use newreno::NewRenoWindow;

/// A congestion control algorithm: a window in octets, and what moves it.
///
/// `smss` is the sender maximum segment size and `flight` the FlightSize of RFC 5681: octets that are sent
/// and not acknowledged.
pub(in crate::tcp) trait CongestionControl {
    /// The congestion window, from one segment to [`MAX_WINDOW`].
    fn cwnd(&self) -> u32;

    /// Above this slow start is over; [`u32::MAX`] before the first loss.
    fn ssthresh(&self) -> u32;

    /// The handshake is complete: begin with this window.
    fn set_initial(&mut self, cwnd: u32);

    /// `acked` octets were newly acknowledged, and no recovery is going on. `cwnd_limited` says that the
    /// window, not the user or the peer, was what held sending back: a window that was not filled has not
    /// been tried, and does not grow. `now` and `srtt` are for algorithms that grow with time.
    fn on_ack(&mut self, acked: u32, smss: u32, cwnd_limited: bool, now: Instant, srtt: Option<Duration>);

    /// Three duplicates: fast recovery begins. What limited transmit has sent is not part of `flight`
    /// (RFC 5681 §3.2 step 2).
    fn on_duplicate_enter(&mut self, flight: u32, smss: u32);

    /// One more duplicate in recovery.
    fn inflate(&mut self, smss: u32);

    /// A partial acknowledgment of `acked` octets in recovery.
    fn on_partial_ack(&mut self, acked: u32, smss: u32);

    /// Recovery is over; `flight` is what is under way after this acknowledgment.
    fn on_full_ack(&mut self, flight: u32, smss: u32);

    /// The retransmission timer has expired; `first` for the first time on this segment.
    fn on_rto(&mut self, flight: u32, smss: u32, first: bool);

    /// Nothing was sent for longer than an RTO: the acknowledgments that paced us have ceased, so no more
    /// than a new connection would may be sent at once (RFC 5681 §4.1).
    fn on_idle(&mut self, initial_window: u32);
}

/// The largest window: what the largest receive window is (RFC 7323 §2.3).
pub(in crate::tcp) const MAX_WINDOW: u32 = 1 << 30;

/// The algorithm of one connection.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::tcp) enum Congestion {
    /// RFC 5681 with RFC 6582.
    NewReno(NewRenoWindow),
}

impl CongestionControl for Congestion {
    fn cwnd(&self) -> u32 {
        match self {
            Self::NewReno(window) => window.cwnd(),
        }
    }

    fn ssthresh(&self) -> u32 {
        match self {
            Self::NewReno(window) => window.ssthresh(),
        }
    }

    fn set_initial(&mut self, cwnd: u32) {
        match self {
            Self::NewReno(window) => window.set_initial(cwnd),
        }
    }

    fn on_ack(&mut self, acked: u32, smss: u32, cwnd_limited: bool, now: Instant, srtt: Option<Duration>) {
        match self {
            Self::NewReno(window) => window.on_ack(acked, smss, cwnd_limited, now, srtt),
        }
    }

    fn on_duplicate_enter(&mut self, flight: u32, smss: u32) {
        match self {
            Self::NewReno(window) => window.on_duplicate_enter(flight, smss),
        }
    }

    fn inflate(&mut self, smss: u32) {
        match self {
            Self::NewReno(window) => window.inflate(smss),
        }
    }

    fn on_partial_ack(&mut self, acked: u32, smss: u32) {
        match self {
            Self::NewReno(window) => window.on_partial_ack(acked, smss),
        }
    }

    fn on_full_ack(&mut self, flight: u32, smss: u32) {
        match self {
            Self::NewReno(window) => window.on_full_ack(flight, smss),
        }
    }

    fn on_rto(&mut self, flight: u32, smss: u32, first: bool) {
        match self {
            Self::NewReno(window) => window.on_rto(flight, smss, first),
        }
    }

    fn on_idle(&mut self, initial_window: u32) {
        match self {
            Self::NewReno(window) => window.on_idle(initial_window),
        }
    }
}

/// IW: min(10·SMSS, max(2·SMSS, 14600)) for the 10 `segments` of RFC 6928 §2, and likewise for another
/// number: so many segments, but not more octets than so many of Ethernet's, unless two are more.
pub(in crate::tcp) fn initial_window(segments: u8, smss: u32) -> u32 {
    let (segments, smss) = (u32::from(segments.max(1)), smss.max(1));
    let octets = smss.saturating_mul(2).max(segments * 1460);
    smss.saturating_mul(segments).min(octets).min(MAX_WINDOW)
}

#[cfg(test)]
mod tests;
