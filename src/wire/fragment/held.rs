//! The datagrams that wait for their fragments: by name, by age, and by who sent them.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use core::net::{IpAddr, Ipv6Addr};

use super::{Datagram, FragmentLimits};
use crate::Instant;
use crate::wire::IpProtocol;

/// Which datagram a fragment belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) src: IpAddr,
    pub(super) dst: IpAddr,
    pub(super) id: u32,
    /// Part of the key in IPv4 (RFC 791 §3.2). In IPv6 it may differ between fragments (RFC 8200 §4.5).
    pub(super) protocol: Option<IpProtocol>,
}

impl Key {
    /// Who shares one allowance: an address, in IPv6 a network of 64 bits, which one sender can have to himself.
    fn source(&self) -> IpAddr {
        match self.src {
            IpAddr::V4(_) => self.src,
            IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64)),
        }
    }
}

/// When a datagram was begun; the serial number tells those of one moment apart, and no two have the same.
pub(super) type Age = (Instant, u64);

/// Octets of bookkeeping for a datagram: its entries in five trees whose nodes may be half empty, the first node of a
/// sixth, which has room for eleven, and what an allocator adds for the header.
pub(super) const DATAGRAM_COST: usize = 2
    * (2 * size_of::<Key>()
        + size_of::<Datagram>()
        + 2 * size_of::<Age>()
        + 3 * size_of::<IpAddr>()
        + 2 * size_of::<usize>())
    + 11 * (size_of::<u32>() + size_of::<Box<[u8]>>())
    + 16;

/// All that a [`Reassembler`](super::Reassembler) holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Held {
    datagrams: BTreeMap<Key, Datagram>,
    by_age: BTreeMap<Age, Key>,
    by_source: BTreeSet<(IpAddr, Age)>,
    /// Octets of memory of each source.
    shares: BTreeMap<IpAddr, usize>,
    by_share: BTreeSet<(usize, IpAddr)>,
    /// Octets of memory of all.
    memory: usize,
}

impl Held {
    pub(super) const fn new() -> Self {
        Self {
            datagrams: BTreeMap::new(),
            by_age: BTreeMap::new(),
            by_source: BTreeSet::new(),
            shares: BTreeMap::new(),
            by_share: BTreeSet::new(),
            memory: 0,
        }
    }

    pub(super) const fn memory(&self) -> usize {
        self.memory
    }

    pub(super) fn len(&self) -> usize {
        self.datagrams.len()
    }

    /// The datagram that was begun first.
    pub(super) fn oldest(&self) -> Option<(Age, Key)> {
        self.by_age.first_key_value().map(|(&age, &key)| (age, key))
    }

    /// Who has to go so that a datagram of this cost has room; `None` if it has. A source makes room for itself first.
    /// After that whoever has more than half of what a source may have; and if nobody has, the oldest of all.
    pub(super) fn in_the_way(&self, key: &Key, cost: usize, limits: &FragmentLimits) -> Option<Key> {
        let source = key.source();
        let share = self.shares.get(&source).copied().unwrap_or(0);
        if share > 0 && share.saturating_add(cost) > limits.per_source {
            return self.oldest_of(source);
        }
        let full = self.memory.saturating_add(cost) > limits.memory || self.len() >= limits.datagrams;
        if !full {
            return None;
        }
        match self.by_share.last() {
            Some(&(share, source)) if share > limits.per_source / 2 => self.oldest_of(source),
            _ => self.oldest().map(|(_, key)| key),
        }
    }

    fn oldest_of(&self, source: IpAddr) -> Option<Key> {
        let (_, age) = self.by_source.range((source, (Instant::ZERO, 0))..).next()?;
        self.by_age.get(age).copied()
    }

    pub(super) fn insert(&mut self, key: Key, datagram: Datagram) {
        self.charge(&key, |share| share.saturating_add(datagram.cost()));
        self.memory = self.memory.saturating_add(datagram.cost());
        self.by_age.insert(datagram.age, key);
        self.by_source.insert((key.source(), datagram.age));
        self.datagrams.insert(key, datagram);
    }

    pub(super) fn remove(&mut self, key: &Key) -> Option<Datagram> {
        let datagram = self.datagrams.remove(key)?;
        self.by_age.remove(&datagram.age);
        self.by_source.remove(&(key.source(), datagram.age));
        self.charge(key, |share| share.saturating_sub(datagram.cost()));
        self.memory = self.memory.saturating_sub(datagram.cost());
        Some(datagram)
    }

    fn charge(&mut self, key: &Key, change: impl Fn(usize) -> usize) {
        let source = key.source();
        let before = self.shares.remove(&source).unwrap_or(0);
        self.by_share.remove(&(before, source));
        let after = change(before);
        if after > 0 {
            self.shares.insert(source, after);
            self.by_share.insert((after, source));
        }
    }

    /// Octets of memory of one source.
    #[cfg(test)]
    pub(super) fn share(&self, source: IpAddr) -> usize {
        self.shares.get(&source).copied().unwrap_or(0)
    }

    /// Whether all the books say the same.
    #[cfg(test)]
    pub(super) fn is_consistent(&self) -> bool {
        let mut shares = BTreeMap::new();
        for (key, datagram) in &self.datagrams {
            *shares.entry(key.source()).or_insert(0) += datagram.cost();
        }
        let by_share: BTreeSet<_> = shares.iter().map(|(&source, &share)| (share, source)).collect();
        self.memory == shares.values().sum::<usize>()
            && self.by_share == by_share
            && self.shares == shares
            && self.by_age.len() == self.len()
            && self.by_source.len() == self.len()
            && self.datagrams.iter().all(|(key, datagram)| self.by_age.get(&datagram.age) == Some(key))
    }
}
