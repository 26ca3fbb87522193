//! Numbers that tell the fragments of one datagram from those of another.

use alloc::vec;
use alloc::vec::Vec;
use core::net::IpAddr;

use crate::secret::Secret;

/// Identifications that do not repeat soon between two addresses, and that nobody guesses who does not receive them (RFC
/// 7739 §5.3, RFC 6864 §4.3). Each pair of addresses begins at a place of its own and counts on; pairs share a fixed
/// number of counters, so that what is held does not grow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identifications {
    counters: Vec<u32>,
}

/// A power of two.
const COUNTERS: usize = 1024;

impl Identifications {
    pub(super) fn new() -> Self {
        Self { counters: vec![0; COUNTERS] }
    }

    /// The next number for a datagram from `src` to `dst`; IPv4 takes the lower 16 bits.
    pub(super) fn next(&mut self, secret: &Secret, src: IpAddr, dst: IpAddr) -> u32 {
        let hash = secret.fragment_identification(src, dst);
        let place = (hash >> 32) as usize % COUNTERS;
        let Some(counter) = self.counters.get_mut(place) else {
            return hash as u32;
        };
        *counter = counter.wrapping_add(1);
        (hash as u32).wrapping_add(*counter)
    }

    /// Octets of memory held.
    pub(super) const fn memory(&self) -> usize {
        self.counters.capacity() * size_of::<u32>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn addr(last: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, last])
    }

    #[test]
    fn identifications_between_two_addresses_do_not_repeat() {
        let (mut numbers, secret) = (Identifications::new(), Secret::new([7; 32]));
        let seen: BTreeSet<u32> =
            (0..10_000).map(|_| numbers.next(&secret, addr(1), addr(2)) & 0xffff).collect();
        assert_eq!((seen.len(), numbers.memory()), (10_000, 4096));
    }

    #[test]
    fn what_one_peer_sees_says_nothing_of_where_another_begins() {
        let (mut numbers, secret) = (Identifications::new(), Secret::new([7; 32]));
        let firsts: BTreeSet<u32> =
            (0..=255).map(|last| numbers.next(&secret, addr(1), addr(last)) >> 16).collect();
        assert!(firsts.len() > 200, "{firsts:?}");
        let other = Identifications::new().next(&Secret::new([8; 32]), addr(1), addr(0));
        assert_ne!(Identifications::new().next(&secret, addr(1), addr(0)), other);
    }
}
