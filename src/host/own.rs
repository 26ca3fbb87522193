//! Who we are: our own addresses, and what can be said of others' by them.

use alloc::vec::Vec;
use core::mem::size_of;
use core::net::IpAddr;

use super::config::{HostConfig, LocalAddress};
use super::pmtu::PathMtus;
use super::single::frame::is_an_end;
use super::udp::Surroundings;
use crate::Instant;

/// The addresses of a host, and the MTU of its link.
#[derive(Clone, Debug)]
pub(super) struct Own {
    /// In the order in which they were given: what comes first is preferred.
    addresses: Vec<IpAddr>,
    /// The same, and the broadcast addresses of their networks, in the order of their numbers: each packet is looked up,
    /// and there may be thousands.
    listed: Vec<IpAddr>,
    broadcasts: Vec<IpAddr>,
    groups: Vec<IpAddr>,
    any_destination: bool,
    mtu: u16,
    paths: PathMtus,
}

/// What an address is to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Packets for it are ours alone.
    Ours,
    /// Packets for it are for us and others: a broadcast, or a group that was joined.
    Shared,
    /// It is not for us.
    Foreign,
}

impl Own {
    pub(super) fn new(config: &HostConfig) -> Self {
        let addresses: Vec<IpAddr> = config.addresses.iter().map(|own| own.ip).collect();
        let sorted = |mut ips: Vec<IpAddr>| {
            ips.sort_unstable();
            ips.dedup();
            ips
        };
        Self {
            listed: sorted(addresses.clone()),
            broadcasts: sorted(config.addresses.iter().flat_map(LocalAddress::broadcasts).collect()),
            addresses,
            groups: config.groups.clone(),
            any_destination: config.any_destination,
            mtu: config.mtu,
            paths: PathMtus::new(config.limits.path_mtus),
        }
    }

    pub(super) fn standing(&self, ip: IpAddr) -> Standing {
        if self.is_listed(ip) {
            Standing::Ours
        } else if self.is_broadcast(ip) || self.groups.contains(&ip) {
            Standing::Shared
        } else if self.any_destination && is_unicast(ip) {
            Standing::Ours
        } else {
            Standing::Foreign
        }
    }

    /// Whether it is one of our own addresses.
    pub(super) fn is_listed(&self, ip: IpAddr) -> bool {
        self.lists(&ip)
    }

    /// The same, of an address that need not be moved.
    #[inline]
    pub(super) fn lists(&self, ip: &IpAddr) -> bool {
        // The first is the one that most packets are for.
        self.addresses.first() == Some(ip) || self.listed.binary_search(ip).is_ok()
    }

    /// Whether it is a broadcast address: of one of our networks, or of all (RFC 1122 §3.2.1.3).
    pub(super) fn is_broadcast(&self, ip: IpAddr) -> bool {
        match ip {
            IpAddr::V4(v4) => v4.is_broadcast() || self.broadcasts.binary_search(&ip).is_ok(),
            IpAddr::V6(_) => false,
        }
    }

    /// The address that we use towards `remote` where none was asked for: of its version, and link-local, loopback or
    /// neither as it is, if there is such a one (RFC 9293 MUST-44; RFC 6724 §5, rule 2).
    pub(super) fn address_for(&self, remote: IpAddr) -> Option<IpAddr> {
        let mut own = self.addresses.iter().copied().filter(|own| own.is_ipv4() == remote.is_ipv4());
        let first = own.clone().next()?;
        // A loopback address is nobody's but one's own (RFC 1122 §3.2.1.3 (g)).
        if reach(remote) == 0 && !self.lists(&remote) {
            return None;
        }
        Some(own.find(|&own| own == remote || reach(own) == reach(remote)).unwrap_or(first))
    }

    /// A router reports that a packet of ours was too large: see [`PathMtus::lower`].
    pub(super) fn lower_path_mtu(
        &mut self,
        now: Instant,
        to: IpAddr,
        mtu: u32,
        packet_len: usize,
    ) -> Option<u16> {
        self.paths.lower(now, to, mtu, packet_len)
    }

    /// Forgets reports that are too old.
    pub(super) fn expire(&mut self, now: Instant) {
        self.paths.expire(now);
    }

    /// When a report will be too old.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.paths.poll_timeout()
    }

    /// Octets of memory.
    pub(super) fn memory(&self) -> usize {
        let addresses = self.addresses.capacity() + self.listed.capacity() + self.broadcasts.capacity();
        self.paths.memory() + addresses * size_of::<IpAddr>()
    }

    pub(super) const fn takes_anything(&self) -> bool {
        self.any_destination
    }
}

impl Surroundings for Own {
    fn source_for(&self, remote: IpAddr) -> Option<IpAddr> {
        self.address_for(remote)
    }

    fn is_ours(&self, ip: IpAddr) -> bool {
        self.standing(ip) != Standing::Foreign
    }

    fn can_send_from(&self, ip: IpAddr) -> bool {
        self.standing(ip) == Standing::Ours
    }

    fn path_mtu(&self, remote: IpAddr) -> usize {
        let reported = self.paths.get(remote).unwrap_or(u16::MAX);
        usize::from(self.mtu.min(reported))
    }
}

pub(super) fn is_unicast(ip: IpAddr) -> bool {
    is_an_end(core::net::SocketAddr::new(ip, 1))
}

/// How far an address means something: the host's, the link's, everybody's.
const fn reach(ip: IpAddr) -> u8 {
    match ip {
        IpAddr::V4(ip) if ip.is_loopback() => 0,
        IpAddr::V4(ip) if ip.is_link_local() => 1,
        IpAddr::V6(ip) if ip.is_loopback() => 0,
        IpAddr::V6(ip) if ip.is_unicast_link_local() => 1,
        _ => 2,
    }
}
