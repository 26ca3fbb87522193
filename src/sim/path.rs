//! A path as people describe one: round trip, rate, loss, reordering, buffer; and the grid of paths on which bulk
//! transfers are compared.
//!
//! `path/measure.rs` sends a bulk transfer over a path and says what came of it.

use alloc::vec::Vec;
use core::num::NonZeroU64;
use core::time::Duration;

use super::link::{LinkConfig, Reorder};
use super::prng::Probability;

mod measure;

pub use measure::{Bulk, Measured, Span};

/// Octets of a full packet.
const PACKET: u64 = 1_500;
/// Octets of payload in a full packet, behind IPv4 and TCP headers with timestamps.
const PAYLOAD: u64 = 1_448;
/// Packets that the bottleneck's queue holds at least: a share of a bandwidth-delay product below a packet has no
/// meaning. The packet that is being sent takes no room in the queue.
const QUEUE_FLOOR: u64 = 1;
/// Octets that the queue of the way back holds beside a bandwidth-delay product: acknowledgments are never dropped.
const BACK_QUEUE: u64 = 1 << 20;
/// Octets of the smallest buffers of the ends.
const LEAST_BUFFER: u64 = 256 << 10;
/// Losses that a span sees: a share that losses limit varies by a root of their number.
const LOSSES_SEEN: u64 = 300;
/// The same where the link is the limit.
const LOSSES_SEEN_FULL: u64 = 30;

// The grid: milliseconds, Mbit/s, parts of 10⁹, percent of the bandwidth-delay product.
const RTTS: [u64; 4] = [1, 20, 100, 300];
const RATES: [u64; 3] = [10, 100, 1000];
const LOSSES: [u32; 5] = [0, 100_000, 1_000_000, 10_000_000, 50_000_000];
const BUFFERS: [u32; 3] = [10, 50, 100];

/// A path between two ends, with its faults in the direction of the data.
///
/// ```
/// use core::time::Duration;
/// use tcpstate::sim::{Path, Probability};
///
/// let mut path = Path::new(Duration::from_millis(20), 10_000_000);
/// path.loss = Probability::percent(1);
/// assert_eq!(path.bdp(), 25_000);
/// assert_eq!(path.queue(), 25_000);
/// assert_eq!(Path::grid().len(), 360);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Path {
    /// There and back, without queues and without the time that sending takes; half of it in each direction.
    pub rtt: Duration,
    /// Bits per second, of whole IP packets, in each direction.
    pub rate: NonZeroU64,
    /// How likely a packet is lost, in the direction of the data.
    pub loss: Probability,
    /// Whether 5 % of the packets, in the direction of the data, are held back by a quarter of the round trip.
    pub reorder: bool,
    /// What the queue of the bottleneck holds, in percent of the bandwidth-delay product; at least a packet.
    pub buffer: u32,
}

impl Path {
    /// A path without faults, and a queue of one bandwidth-delay product; 0 bits per second count as 1.
    #[must_use]
    pub const fn new(rtt: Duration, rate: u64) -> Self {
        let rate = match NonZeroU64::new(rate) {
            Some(rate) => rate,
            None => NonZeroU64::MIN,
        };
        Self { rtt, rate, loss: Probability::NEVER, reorder: false, buffer: 100 }
    }

    /// The paths on which bulk transfers are compared, in a fixed order: round trips of 1, 20, 100 and 300 ms;
    /// rates of 10, 100 and 1000 Mbit/s; loss of 0, 0.01, 0.1, 1 and 5 %; without reordering and with; buffers of
    /// 0.1, 0.5 and 1 bandwidth-delay product. The last of these changes fastest: 360 paths.
    #[must_use]
    pub fn grid() -> Vec<Self> {
        Self::cells(|_| true)
    }

    /// A tenth of the [grid](Self::grid), in its order: each round trip with each rate and each buffer, every loss,
    /// and reordering in a third of them.
    #[must_use]
    pub fn quick() -> Vec<Self> {
        // The losses are dealt out like cards, so that neighbours differ in more than one way.
        Self::cells(|[rtt, rate, loss, reorder, buffer]| {
            let card = (rtt * RATES.len() + rate) * BUFFERS.len() + buffer;
            loss == card * 2 % LOSSES.len() && (reorder == 1) == ((rtt + rate + buffer) % 3 == 0)
        })
    }

    fn cells(chosen: impl Fn([usize; 5]) -> bool) -> Vec<Self> {
        let mut cells = Vec::new();
        for (rtt, millis) in RTTS.into_iter().enumerate() {
            for (rate, mbit) in RATES.into_iter().enumerate() {
                for (loss, parts) in LOSSES.into_iter().enumerate() {
                    for reorder in [0, 1] {
                        for (buffer, percent) in BUFFERS.into_iter().enumerate() {
                            if chosen([rtt, rate, loss, reorder, buffer]) {
                                let mut path = Self::new(Duration::from_millis(millis), mbit * 1_000_000);
                                path.loss = Probability::parts_per_billion(parts);
                                path.reorder = reorder == 1;
                                path.buffer = percent;
                                cells.push(path);
                            }
                        }
                    }
                }
            }
        }
        cells
    }

    /// Octets of the bandwidth-delay product.
    #[must_use]
    pub const fn bdp(&self) -> u64 {
        clamp(self.rate.get() as u128 * clamp(self.rtt.as_nanos()) as u128 / 8_000_000_000)
    }

    /// Octets that the queue of the bottleneck holds.
    #[must_use]
    pub const fn queue(&self) -> u64 {
        let share = clamp(self.bdp() as u128 * self.buffer as u128 / 100);
        if share < QUEUE_FLOOR * PACKET { QUEUE_FLOOR * PACKET } else { share }
    }

    /// Octets of the buffers that the ends need so as never to be what limits a transfer: four times what can be
    /// on the way.
    #[must_use]
    pub const fn end_buffer(&self) -> u64 {
        let buffer = self.bdp().saturating_add(self.queue()).saturating_mul(4);
        if buffer < LEAST_BUFFER { LEAST_BUFFER } else { buffer }
    }

    /// The link there, with the bottleneck's queue and all faults, and the one back, which has the same rate and
    /// delay, and room for every acknowledgment.
    #[must_use]
    pub fn links(&self) -> [LinkConfig; 2] {
        let back = LinkConfig {
            delay: self.rtt / 2,
            rate: Some(self.rate),
            queue: self.bdp().saturating_add(BACK_QUEUE),
            ..LinkConfig::default()
        };
        let hold = Reorder { chance: Probability::percent(5), hold: self.rtt / 4 };
        let there = LinkConfig {
            queue: self.queue(),
            loss: self.loss,
            reorder: self.reorder.then_some(hold),
            reorder_exact: true,
            ..back
        };
        [there, back]
    }

    /// Octets of payload that the link carries in `time` when every packet is full.
    #[must_use]
    pub fn capacity(&self, time: Duration) -> u64 {
        let octets = u128::from(self.rate.get()) * u128::from(clamp(time.as_nanos())) / 8_000_000_000;
        clamp(octets * u128::from(PAYLOAD) / u128::from(PACKET))
    }

    /// The share of the link that the response function of CUBIC gives (RFC 9438 §5), and all of it at most: the
    /// window is the larger one of CUBIC's and, in the Reno-friendly region, Reno's. 1 without loss.
    #[must_use]
    pub fn reference(&self) -> f64 {
        let (nanos, rate) = (u128::from(clamp(self.rtt.as_nanos())).max(1), u128::from(self.rate.get()));
        // A packet has 8 bits an octet; the window is in thousandths of one.
        let millionths = self
            .window_millis()
            .map(|window| window * 8 * u128::from(PACKET) * 1_000_000_000_000 / (nanos * rate));
        millionths.map_or(1.0, |share| f64::from(u32::try_from(share).unwrap_or(u32::MAX)) / 1e6).min(1.0)
    }

    /// Packets of the average window at this loss, in thousandths; `None` without loss.
    fn window_millis(&self) -> Option<u128> {
        let loss = u128::from(self.loss.as_parts_per_billion());
        // With C = 0.4 and β = 0.7: window⁴ = C (3 + β) / (4 (1 - β)) · (RTT / loss)³, and 37/30 of the latter. RTT is in
        // seconds and loss a share: nanoseconds by parts of 10⁹.
        let ratio = (u128::from(clamp(self.rtt.as_nanos())) * 10_000).checked_div(loss)?.min(1 << 40); // so that its cube fits
        let cubic = (ratio.pow(3) * 37 / 30).isqrt().isqrt();
        // window² = 3/2 / loss, for Reno and for what is as aggressive as it.
        let reno = (1_500_000_000 * 1_000_000 / loss).isqrt();
        Some(cubic.max(reno))
    }

    /// When and for how long to look at a bulk transfer: after 3 s and 20 round trips, when slow start is over (1000
    /// Mbit/s over 300 ms take 12 round trips from 10 packets, and HyStart++ up to 5 more, RFC 9406 §4.3); for 10 s at
    /// least, and for two periods of CUBIC (K of RFC 9438 §4.2, at most 30 s each), so that no half of one counts for
    /// all; and on until 300 packets were lost by chance (30 where the [reference](Self::reference) fills the link),
    /// but no longer than 300 s.
    #[must_use]
    pub fn span(&self) -> Span {
        let after = Duration::from_secs(3).saturating_add(self.rtt.saturating_mul(20));
        // K³ = W_max (1 - β) / C in seconds: three quarters of the packets in pipe and queue.
        let most = u128::from(self.bdp().saturating_add(self.queue()) / PACKET);
        let period = Duration::from_millis(cube_root(most * 750_000_000).min(30_000));
        let losses = match self.reference() {
            _ if self.loss == Probability::NEVER => 0,
            ..1.0 => LOSSES_SEEN,
            _ => LOSSES_SEEN_FULL,
        };
        let length = Duration::from_secs(10).max(period * 2);
        Span { after, length, losses, longest: Duration::from_secs(300) }
    }
}

const fn clamp(value: u128) -> u64 {
    if value > u64::MAX as u128 { u64::MAX } else { value as u64 }
}

/// The largest number whose cube is not above `value`; at most 10⁵.
fn cube_root(value: u128) -> u64 {
    let (mut low, mut high) = (0_u64, 100_000);
    while low < high {
        let middle = (low + high).div_ceil(2);
        if u128::from(middle).pow(3) <= value { low = middle } else { high = middle - 1 }
    }
    low
}

#[cfg(test)]
mod tests;
