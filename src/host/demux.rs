//! From the hash of a five-tuple to its row.

use core::hash::Hasher as _;
use core::mem::size_of;
use core::net::IpAddr;

use hashbrown::HashTable;
use siphasher::sip::SipHasher13;

use super::FiveTuple;
use crate::secret::Secret;

/// The hash of a flow's name. It is made once for each packet and serves every table.
pub(super) fn hash(secret: &Secret, tuple: &FiveTuple) -> u64 {
    let mut hasher = secret.table_hasher();
    write_addr(&mut hasher, tuple.local_ip());
    write_addr(&mut hasher, tuple.remote_ip());
    let ports = u32::from(tuple.local_port()) << 16 | u32::from(tuple.remote_port());
    let kind = u32::from(tuple.protocol().0) << 24 ^ tuple.scope();
    hasher.write_u64(u64::from(ports) << 32 | u64::from(kind));
    hasher.finish()
}

/// The octets alone: both addresses of a flow are of one version, which their length tells.
fn write_addr(hasher: &mut SipHasher13, addr: IpAddr) {
    match addr {
        IpAddr::V4(addr) => hasher.write_u32(addr.to_bits()),
        IpAddr::V6(addr) => hasher.write_u128(addr.to_bits()),
    }
}

/// Finds rows by a keyed [`hash()`] of what names them, so that no stranger can make many names meet in one place.
///
/// Half of the hash is kept beside the index: when the table grows no row is touched, and a row is looked at only if
/// it is almost certainly the one.
#[derive(Clone, Debug, Default)]
pub(super) struct Demux {
    table: HashTable<(u32, u32)>,
}

/// The half that is kept: the table itself uses bits of both ends of what it is given.
const fn half(hash: u64) -> u32 {
    (hash >> 16) as u32
}

/// What the table is given: again from the half alone, since that is all there is when it grows.
const fn spread(half: u32) -> u64 {
    (half as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

impl Demux {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// The row with this hash of which `is_it` says that it is the one.
    pub(super) fn find(&self, hash: u64, mut is_it: impl FnMut(u32) -> bool) -> Option<u32> {
        let half = half(hash);
        let found = self.table.find(spread(half), |&(kept, index)| kept == half && is_it(index));
        found.map(|&(_, index)| index)
    }

    /// Adds a row. Whether its name is there already the caller has looked.
    pub(super) fn insert(&mut self, hash: u64, index: u32) {
        let half = half(hash);
        self.table.insert_unique(spread(half), (half, index), |&(half, _)| spread(half));
    }

    /// Removes a row, and says whether it was there.
    pub(super) fn remove(&mut self, hash: u64, index: u32) -> bool {
        let half = half(hash);
        match self.table.find_entry(spread(half), |&entry| entry == (half, index)) {
            Ok(entry) => {
                entry.remove();
                true
            }
            Err(_) => false,
        }
    }

    /// Rows in the table.
    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    /// Octets of memory: an entry and a control octet for each place, of which an eighth stays free.
    pub(super) fn memory(&self) -> usize {
        let places = (self.table.capacity() * 8 / 7).next_power_of_two();
        if self.table.capacity() == 0 { 0 } else { places * (size_of::<(u32, u32)>() + 1) + 16 }
    }
}

#[cfg(test)]
mod tests;
