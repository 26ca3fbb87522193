//! Which local port a connection gets (RFC 6056).
//!
//! A stranger who cannot see a flow must guess its ports before he can disturb it (RFC 6056 §2), and must not
//! learn from his own flows which ports others have. So the search for a free port begins at an offset keyed by
//! the host's secret and the other end, and goes on from a counter: the double-hash algorithm (RFC 6056
//! §3.3.4). Each end sees its ports in a row of its own, and none comes back before the row has gone round the range:
//! what lingers there in TIME-WAIT is left in peace. The counter moves by random steps (as in §3.3.5), so that who
//! shares a counter with others cannot count their connections.

use alloc::boxed::Box;
use core::net::{IpAddr, SocketAddr};
use core::ops::RangeInclusive;

use super::rss;
use crate::secret::Secret;
use crate::wire::IpProtocol;

/// Counters that the ends of all flows share, by a hash: 2 KiB.
const COUNTERS: usize = 1024;
/// The counter goes on by one to this many ports.
const STEP: u64 = 8;

/// All ports of the range that lead back to this host are taken for this peer. Wait until connections are over,
/// use another local address, or a larger range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("all {tried} ephemeral ports for this peer are in use")]
pub(super) struct PortsExhausted {
    /// Ports that were looked at: those of the range.
    pub(super) tried: u32,
}

/// Which of several hosts that share an address this one is: see [`rss`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Shard {
    /// This host's number, from 0; less than [`count`](Self::count), or no port leads back.
    pub index: u32,
    /// How many there are.
    pub count: u32,
}

/// Chooses local ports.
#[derive(Clone, Debug)]
pub(super) struct Ports {
    first: u16,
    /// Ports in the range; up to 2¹⁶ − 1, as there is no port 0.
    count: u32,
    shard: Option<Shard>,
    counters: Box<[u16]>,
    /// Ports chosen so far: each step is drawn anew.
    chosen: u64,
}

impl Ports {
    /// The range of RFC 6335 §6 for ports that nobody registers.
    pub(super) const DYNAMIC: RangeInclusive<u16> = 49_152..=65_535;

    /// Chooses from `range` (0 is no port, and left out), only such ports that packets of the flow lead to this
    /// shard.
    pub(super) fn new(range: &RangeInclusive<u16>, shard: Option<Shard>) -> Self {
        let (first, last) = ((*range.start()).max(1), *range.end());
        let count = (u32::from(last) + 1).saturating_sub(u32::from(first));
        Self { first, count, shard, counters: alloc::vec![0; COUNTERS].into(), chosen: 0 }
    }

    /// A port for a flow from `local` to `remote` that `is_free` has no objection to. It is asked about each
    /// port of the range once at most.
    pub(super) fn choose(
        &mut self,
        secret: &Secret,
        protocol: IpProtocol,
        local: IpAddr,
        remote: SocketAddr,
        mut is_free: impl FnMut(u16) -> bool,
    ) -> Result<u16, PortsExhausted> {
        let exhausted = PortsExhausted { tried: self.count };
        let hash = secret.port_offset(protocol, local, remote);
        // Two halves of one keyed hash are two functions as far as anybody outside can tell.
        let (offset, at) = (hash as u32, (hash >> 32) as usize % COUNTERS);
        let Some(counter) = self.counters.get_mut(at) else { return Err(exhausted) };
        // The hash of a flow is that of its parts, one on top of the other: only the port is new in each turn.
        let rest = rss::hash_parts(protocol, local, remote.ip(), 0, remote.port());
        for turn in 0..self.count {
            let place = (u64::from(offset) + u64::from(*counter) + u64::from(turn)) % u64::from(self.count);
            // Below 2¹⁶: the place lies in the range.
            let port = self.first.wrapping_add(place as u16);
            let ours = self.shard.is_none_or(|shard| {
                let hash = rest ^ rss::port_part(protocol, port);
                rss::shard(hash, shard.count) == shard.index
            });
            if ours && is_free(port) {
                let step = 1 + secret.port_step(self.chosen) % STEP;
                *counter = counter.wrapping_add(turn as u16).wrapping_add(step as u16);
                self.chosen = self.chosen.wrapping_add(1);
                return Ok(port);
            }
        }
        Err(exhausted)
    }

    /// Octets held on the heap.
    pub(super) const fn memory(&self) -> usize {
        self.counters.len() * size_of::<u16>()
    }
}

#[cfg(test)]
mod tests;
