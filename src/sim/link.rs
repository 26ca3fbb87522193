//! One direction of a link: what becomes of a packet on its way.

use alloc::collections::VecDeque;
use core::num::NonZeroU64;
use core::time::Duration;

use bytes::Bytes;

use super::prng::{Prng, Probability};
use crate::Instant;

mod mark;

/// What one direction of a link does to packets. The default carries every packet at once.
///
/// A packet meets them in this order: the MTU; the queue, while the link is busy; the time that the rate takes;
/// loss; then, for each copy, corruption, the delay with its jitter, and being held back.
///
/// ```
/// use core::time::Duration;
/// use tcpstate::sim::{LinkConfig, Probability};
///
/// let mut config = LinkConfig::default();
/// config.delay = Duration::from_millis(40);
/// config.loss = Probability::percent(2);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LinkConfig {
    /// How long a packet travels.
    pub delay: Duration,
    /// A packet may travel longer by anything up to this. It never overtakes another for it.
    pub jitter: Duration,
    /// Bits per second, of whole IP packets; `None`: no limit, and then there is no queue.
    pub rate: Option<NonZeroU64>,
    /// Octets that may wait while the link is busy with another packet. What finds no room is dropped
    /// (drop-tail).
    pub queue: u64,
    /// A packet that waits with more octets than these, its own included, is marked if its sender knows ECN (RFC 3168
    /// §5). `None`: none is. What its sender has not sent as ECN-capable waits until the queue is full.
    pub mark_above: Option<u64>,
    /// The longest packet that passes; a longer one vanishes, as on a path that sends no ICMP.
    pub mtu: u32,
    /// How likely a packet is lost, independently of all others.
    pub loss: Probability,
    /// Loss in bursts, beside the other.
    pub burst_loss: Option<BurstLoss>,
    /// Reordering.
    pub reorder: Option<Reorder>,
    /// Whether what is held back is held back for exactly [`Reorder::hold`], and not for half to all of it.
    pub reorder_exact: bool,
    /// How likely a packet arrives twice.
    pub duplicate: Probability,
    /// How likely a copy is damaged. The damage is of the kind that the Internet checksum is sure to notice:
    /// the first and the last bit of a stretch of at most 15 bits are turned over, others between them by
    /// chance.
    pub corrupt: Probability,
    /// When loss, reordering, duplication and corruption stop; what is on its way then stays as it is.
    pub impaired_until: Option<Instant>,
}

impl Default for LinkConfig {
    fn default() -> Self {
        Self {
            delay: Duration::ZERO,
            jitter: Duration::ZERO,
            rate: None,
            queue: 256 << 10,
            mark_above: None,
            mtu: 65_575, // 65,535 octets behind an IPv6 header: no packet is longer
            loss: Probability::NEVER,
            burst_loss: None,
            reorder: None,
            reorder_exact: false,
            duplicate: Probability::NEVER,
            corrupt: Probability::NEVER,
            impaired_until: None,
        }
    }
}

/// Loss in bursts, as Gilbert and Elliott model it: the link is in one of two states, and before each packet it
/// may change to the other one. In the good state nothing is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BurstLoss {
    /// How likely the good state ends before a packet.
    pub begin: Probability,
    /// How likely the bad state ends before a packet.
    pub end: Probability,
    /// How likely a packet is lost in the bad state.
    pub loss: Probability,
}

impl BurstLoss {
    /// Bursts in which every packet is lost, of `length` packets on average, so that of all packets `loss` are
    /// lost. Bursts are at least one packet long, and loss at most 50 %.
    #[must_use]
    pub fn mean(loss: Probability, length: u32) -> Self {
        const ALL: u64 = 1_000_000_000;
        let share = u64::from(loss.as_parts_per_billion()).min(ALL / 2);
        let length = u64::from(length.max(1));
        // In equilibrium: loss = begin / (begin + end), and a burst is 1 / end packets long.
        let end = ALL / length;
        let begin = end * share / (ALL - share);
        let parts = |parts| Probability::parts_per_billion(u32::try_from(parts).unwrap_or(u32::MAX));
        Self { begin: parts(begin), end: parts(end), loss: Probability::ALWAYS }
    }
}

/// Reordering: some packets are held back, and those behind them overtake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reorder {
    /// How likely a packet is held back.
    pub chance: Probability,
    /// For how long at most; at least half of it, or all of it ([`LinkConfig::reorder_exact`]).
    pub hold: Duration,
}

/// Why a packet did not arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum LinkDrop {
    /// It was longer than the MTU.
    Mtu,
    /// The queue had no room for it.
    Queue,
    /// It was lost by itself.
    Loss,
    /// It was lost in a burst.
    Burst,
}

/// What a link has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LinkStats {
    /// Packets that were sent into the link.
    pub packets: u64,
    /// Their octets, IP headers included.
    pub octets: u64,
    /// Packets that were longer than the MTU.
    pub dropped_mtu: u64,
    /// Packets that found no room in the queue.
    pub dropped_queue: u64,
    /// Packets that were marked for want of room: CE in their ECN field.
    pub marked: u64,
    /// Packets lost by themselves.
    pub dropped_loss: u64,
    /// Packets lost in bursts.
    pub dropped_burst: u64,
    /// Packets held back so that others could overtake.
    pub held_back: u64,
    /// Packets that became two.
    pub duplicated: u64,
    /// Copies that were damaged.
    pub corrupted: u64,
    /// The most octets that ever waited.
    pub longest_queue: u64,
}

impl LinkStats {
    /// Packets that did not arrive.
    #[must_use]
    pub const fn dropped(&self) -> u64 {
        self.dropped_mtu + self.dropped_queue + self.dropped_loss + self.dropped_burst
    }
}

/// A packet, or a copy of one, that will arrive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// When.
    pub at: Instant,
    /// Its octets, damaged or not.
    pub packet: Bytes,
}

/// One direction of a link.
#[derive(Clone, Debug)]
pub struct Link {
    config: LinkConfig,
    prng: Prng,
    /// When the last packet so far will be all sent.
    free_at: Instant,
    /// When each waiting packet begins to be sent, and how long it is.
    waiting: VecDeque<(Instant, u64)>,
    waiting_octets: u64,
    /// The bad state of burst loss.
    bad: bool,
    /// When the last packet arrives of those that keep their order.
    last_arrival: Instant,
    stats: LinkStats,
}

impl Link {
    /// A link that draws its luck from `prng`.
    #[must_use]
    pub fn new(config: LinkConfig, prng: Prng) -> Self {
        Self {
            config,
            prng,
            free_at: Instant::ZERO,
            waiting: VecDeque::new(),
            waiting_octets: 0,
            bad: false,
            last_arrival: Instant::ZERO,
            stats: LinkStats::default(),
        }
    }

    /// What the link does.
    #[must_use]
    pub const fn config(&self) -> &LinkConfig {
        &self.config
    }

    /// What it has done.
    #[must_use]
    pub const fn stats(&self) -> &LinkStats {
        &self.stats
    }

    /// Other impairments from now on.
    pub const fn set_config(&mut self, config: LinkConfig) {
        self.config = config;
    }

    /// Takes a packet that is sent now, and says when it, and perhaps a second copy of it, arrives.
    ///
    /// # Errors
    ///
    /// Why it never will.
    pub fn send(&mut self, now: Instant, mut packet: Bytes) -> Result<(Arrival, Option<Arrival>), LinkDrop> {
        let len = packet.len() as u64;
        self.stats.packets += 1;
        self.stats.octets += len;
        if len > u64::from(self.config.mtu) {
            self.stats.dropped_mtu += 1;
            return Err(LinkDrop::Mtu);
        }
        let Some(sent) = self.through_the_queue(now, len) else {
            self.stats.dropped_queue += 1;
            return Err(LinkDrop::Queue);
        };
        // What waits is counted with this packet, if it waits.
        if let (Some(_), Some(above)) = (self.config.rate, self.config.mark_above)
            && self.waiting_octets > above
            && let Some(marked) = mark::marked(&packet)
        {
            self.stats.marked += 1;
            packet = marked;
        }
        let impaired = self.config.impaired_until.is_none_or(|end| now < end);
        if !impaired {
            let first = Arrival { at: self.in_order(sent), packet };
            return Ok((first, None));
        }
        if let Some(drop) = self.lost() {
            return Err(drop);
        }
        let again = self.prng.chance(self.config.duplicate).then(|| packet.clone());
        let first = self.copy(sent, packet);
        let second = again.map(|packet| {
            self.stats.duplicated += 1;
            self.copy(sent, packet)
        });
        Ok((first, second))
    }

    /// When the last bit of a packet has been sent; `None` if it found no room.
    fn through_the_queue(&mut self, now: Instant, len: u64) -> Option<Instant> {
        let Some(rate) = self.config.rate else { return Some(now) };
        while let Some((begins, octets)) = self.waiting.front().copied()
            && begins <= now
        {
            self.waiting.pop_front();
            self.waiting_octets -= octets;
        }
        let begins = self.free_at.max(now);
        if begins > now {
            if self.waiting_octets + len > self.config.queue {
                return None;
            }
            self.waiting.push_back((begins, len));
            self.waiting_octets += len;
            self.stats.longest_queue = self.stats.longest_queue.max(self.waiting_octets);
        }
        // Rounded up, so that no packet takes no time.
        let nanos = (u128::from(len) * 8_000_000_000).div_ceil(u128::from(rate.get()));
        self.free_at = begins + Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        Some(self.free_at)
    }

    fn lost(&mut self) -> Option<LinkDrop> {
        if self.prng.chance(self.config.loss) {
            self.stats.dropped_loss += 1;
            return Some(LinkDrop::Loss);
        }
        let burst = self.config.burst_loss?;
        let changes = if self.bad { burst.end } else { burst.begin };
        self.bad ^= self.prng.chance(changes);
        if self.bad && self.prng.chance(burst.loss) {
            self.stats.dropped_burst += 1;
            return Some(LinkDrop::Burst);
        }
        None
    }

    /// A copy of a packet that left at `sent`.
    fn copy(&mut self, sent: Instant, mut packet: Bytes) -> Arrival {
        if self.prng.chance(self.config.corrupt) {
            self.stats.corrupted += 1;
            packet = damage(&mut self.prng, &packet);
        }
        let at = match self.config.reorder {
            Some(reorder) if self.prng.chance(reorder.chance) => {
                self.stats.held_back += 1;
                let hold = if self.config.reorder_exact {
                    reorder.hold
                } else {
                    reorder.hold / 2 + self.prng.span(reorder.hold / 2)
                };
                // What is held back holds nobody else up: it does not count as the last in order.
                sent + self.travel() + hold
            }
            _ => self.in_order(sent),
        };
        Arrival { at, packet }
    }

    fn travel(&mut self) -> Duration {
        let jitter = self.config.jitter;
        self.config.delay + if jitter.is_zero() { jitter } else { self.prng.span(jitter) }
    }

    fn in_order(&mut self, sent: Instant) -> Instant {
        self.last_arrival = self.last_arrival.max(sent + self.travel());
        self.last_arrival
    }
}

/// The longest stretch of damaged bits that changes every sum of 16-bit words in ones' complement.
const LONGEST_DAMAGE: u64 = 15;

/// Turns over the first and the last bit of a short stretch somewhere in the packet, and others between them by
/// chance.
fn damage(prng: &mut Prng, packet: &[u8]) -> Bytes {
    let mut octets = packet.to_vec();
    let bits = octets.len() as u64 * 8;
    let length = prng.between(1, LONGEST_DAMAGE).min(bits);
    let first = prng.between(0, bits.saturating_sub(length));
    let pattern = prng.next_u64();
    for bit in 0..length {
        if bit == 0 || bit + 1 == length || pattern >> bit & 1 == 1 {
            let at = first + bit;
            if let Some(octet) = usize::try_from(at / 8).ok().and_then(|at| octets.get_mut(at)) {
                *octet ^= 0x80 >> (at % 8);
            }
        }
    }
    octets.into()
}

#[cfg(test)]
mod tests;
