//! How much ICMP may say: to all, to each, and before it is polled.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::hash::Hasher as _;
use core::net::IpAddr;

use siphasher::sip::SipHasher13;

use super::IcmpConfig;
use crate::Instant;
use crate::host::limiter::Limiter;
use crate::secret::Secret;

/// Buckets for addresses; those that fall together share one.
const BUCKETS: usize = 64;

/// How often something may be said.
#[derive(Clone, Debug)]
pub(super) struct Rates {
    echo: Limiter,
    errors: Limiter,
    errors_each: Vec<Limiter>,
    hasher: SipHasher13,
}

impl Rates {
    pub(super) fn new(config: &IcmpConfig, secret: &Secret) -> Self {
        // Each bucket draws for itself.
        let seed = |number: u64| secret.seed() ^ (number + 1) << 32;
        let each = |number| Limiter::new(config.error_limit_each, seed(2 + number));
        Self {
            echo: Limiter::new(config.echo_limit, seed(0)),
            errors: Limiter::new(config.error_limit, seed(1)),
            errors_each: (0..BUCKETS as u64).map(each).collect(),
            hasher: secret.table_hasher(),
        }
    }

    pub(super) fn allow_echo(&mut self, now: Instant) -> bool {
        self.echo.allow(now)
    }

    /// One address first: what it is refused does not count for the others.
    pub(super) fn allow_error(&mut self, now: Instant, to: IpAddr) -> bool {
        let mut hasher = self.hasher;
        match to {
            IpAddr::V4(ip) => hasher.write(&ip.octets()),
            // One sender can have a network of 64 bits to himself.
            IpAddr::V6(ip) => hasher.write(&(ip.to_bits() >> 64).to_be_bytes()),
        }
        let bucket = hasher.finish() as usize % BUCKETS;
        self.errors_each.get_mut(bucket).is_some_and(|each| each.allow(now)) && self.errors.allow(now)
    }

    pub(super) const fn memory(&self) -> usize {
        self.errors_each.capacity() * size_of::<Limiter>()
    }
}

/// Messages that wait to be polled: whole IP packets.
#[derive(Clone, Debug)]
pub(super) struct IcmpOut {
    packets: VecDeque<(IpAddr, Vec<u8>)>,
    memory: usize,
    limit: usize,
}

/// Octets that a packet takes besides its own.
const PACKET_COST: usize = 2 * size_of::<(IpAddr, Vec<u8>)>() + 16;

impl IcmpOut {
    pub(super) const fn new(limit: usize) -> Self {
        Self { packets: VecDeque::new(), memory: 0, limit }
    }

    /// Whether there is room for so many octets in so many packets.
    pub(super) const fn has_room(&self, octets: usize, packets: usize) -> bool {
        let needed = octets.saturating_add(packets.saturating_mul(PACKET_COST));
        self.memory.saturating_add(needed) <= self.limit
    }

    pub(super) fn push(&mut self, to: IpAddr, packet: Vec<u8>) {
        self.memory += packet.len() + PACKET_COST;
        self.packets.push_back((to, packet));
    }

    /// Writes the next packet to the start of `out`. One for which there is no room there would block all others: it is
    /// dropped.
    pub(super) fn pop(&mut self, out: &mut [u8]) -> Option<(usize, IpAddr)> {
        loop {
            let (to, packet) = self.packets.pop_front()?;
            self.memory = self.memory.saturating_sub(packet.len() + PACKET_COST);
            if let Some(room) = out.get_mut(..packet.len()) {
                room.copy_from_slice(&packet);
                return Some((packet.len(), to));
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    pub(super) const fn memory(&self) -> usize {
        self.memory
    }
}
