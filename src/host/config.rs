//! What is chosen for a host.

use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::ops::RangeInclusive;
use core::time::Duration;

use super::passive::PassiveConfig;
use super::ports::Ports;
use super::single::config::{MIN_MTU_V4, MIN_MTU_V6, fit_to_ip};
use super::single::frame::is_an_end;
use super::{HostError, IcmpConfig, RateLimit, Shard, UdpConfig};
use crate::connection::ConnectionConfig;
use crate::wire::FragmentLimits;

/// The choices of a [`Host`](super::Host). Begin with the default and change fields: there will be more.
///
/// ```
/// use tcpstate::host::{HostConfig, LocalAddress};
///
/// let mut config = HostConfig::default();
/// config.addresses.push(LocalAddress::new("192.0.2.1".parse()?, 24));
/// config.mtu = 1420;
/// config.limits.connections = 50_000;
/// # Ok::<(), core::net::AddrParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HostConfig {
    /// Our own addresses. The first of a version is the one that connections are made from where nothing else is
    /// asked for. Default: none.
    pub addresses: Vec<LocalAddress>,
    /// Take packets for any unicast address as if it were our own: what a transparent proxy does. Default: false.
    pub any_destination: bool,
    /// Groups of multicast whose datagrams are taken. Who tells the routers is the embedder's affair (IGMP, MLD).
    /// Default: none.
    pub groups: Vec<IpAddr>,
    /// What connections get that are made here, and listeners that ask for nothing else. Their `mss` and what depends
    /// on the version of IP are made from the MTU: what stands there does not count.
    pub connection: ConnectionConfig,
    /// Octets of the largest IP packet: at least 128 for IPv4 and 1280 for IPv6. Where links differ, the smallest: the MSS
    /// that is advertised comes from it, whatever a path or a card would take (RFC 9293 SHLD-6). Default: 1500.
    pub mtu: u16,
    /// IPv4's time to live, IPv6's hop limit (RFC 9293 MUST-49): at least 1. Default: 64.
    pub hop_limit: u8,
    /// The differentiated services code point: 0..=63. Default: 0.
    pub dscp: u8,
    /// Answer segments for which there is no connection with a reset (RFC 9293 §3.10.7.1). Without, a scanner
    /// learns less, and a peer whose connection we have forgotten waits for its timeouts. Default: true.
    pub reset_closed_ports: bool,
    /// Answer SYNs for which there is no listener with a reset too, where other segments are: without, who calls a closed
    /// port hears nothing (FreeBSD's `blackhole` of 1). Default: true.
    pub reset_syns: bool,
    /// How many such resets there may be. Default: 1,000 a second, as many at once.
    pub resets: RateLimit,
    /// The ports of connections whose port is chosen here (RFC 6056). With an empty range every such call answers
    /// [`NoPorts`](super::ConnectError::NoPorts). Default: 49,152 to 65,535.
    pub ports: RangeInclusive<u16>,
    /// Where several hosts share an address, each with its share of the flows ([`rss`](super::rss)): which of them
    /// this is. Ports are then chosen such that packets of the flow come back to it. Default: none.
    pub shard: Option<Shard>,
    /// The choices of ICMP.
    pub icmp: IcmpConfig,
    /// The choices of UDP.
    pub udp: UdpConfig,
    /// How much may be kept of fragments, and for how long. Default:
    /// [`fragments::default_limits`](super::fragments::default_limits).
    pub fragments: FragmentLimits,
    /// Believe in SYN cookies at any time, and not only when this host has sent some lately: for hosts with one secret
    /// between which flows may be steered anew. Default: false.
    pub shared_cookies: bool,
    /// What the card, or the tunnel, does for us. Default: nothing.
    pub offload: Offload,
    /// How much of everything there may be.
    pub limits: Limits,
}

impl Default for HostConfig {
    fn default() -> Self {
        Self {
            addresses: Vec::new(),
            any_destination: false,
            groups: Vec::new(),
            connection: ConnectionConfig::default(),
            mtu: 1500,
            hop_limit: 64,
            dscp: 0,
            reset_closed_ports: true,
            reset_syns: true,
            resets: RateLimit { per_second: 1_000, burst: 1_000 },
            ports: Ports::DYNAMIC,
            shard: None,
            icmp: IcmpConfig::default(),
            udp: UdpConfig::default(),
            fragments: super::fragments::default_limits(),
            shared_cookies: false,
            offload: Offload::default(),
            limits: Limits::default(),
        }
    }
}

/// An address of our own, and the network that it is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LocalAddress {
    /// The address.
    pub ip: IpAddr,
    /// Bits of the network's prefix: 0..=32, or 0..=128; they tell the network's broadcast address in IPv4.
    pub prefix_len: u8,
}

impl LocalAddress {
    /// An address with the length of its network's prefix.
    #[must_use]
    pub const fn new(ip: IpAddr, prefix_len: u8) -> Self {
        Self { ip, prefix_len }
    }

    /// The broadcast address of this network (RFC 919), and its old form with zeros (RFC 1122 §3.3.6). Networks of two
    /// addresses have none (RFC 3021).
    pub(super) fn broadcasts(&self) -> impl Iterator<Item = IpAddr> + use<> {
        let hosts = u32::MAX.checked_shr(self.prefix_len.into()).unwrap_or(0);
        let own = match self.ip {
            IpAddr::V4(own) if self.prefix_len < 31 => Some(own.to_bits()),
            _ => None,
        };
        own.into_iter()
            .flat_map(move |own| [own | hosts, own & !hosts])
            .map(|bits| Ipv4Addr::from(bits).into())
    }
}

/// Work that is left to whoever carries packets out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Offload {
    /// Octets of the largest packet that is cut up after us (TSO, GSO): `poll_transmit` then hands out several
    /// segments of one size as one packet, if its buffer has room. Zero: none. At most 65,535 count. Default: 0.
    pub segmentation: u16,
    /// TCP checksums are filled in after us: packets carry the pseudo-header's sum instead. Default: false.
    pub checksum: bool,
}

/// The most that a host keeps of everything that a stranger, or a careless user, can make grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Limits {
    /// Connections, those included that are over and not yet released. Beyond it `connect` fails and callers wait
    /// in the SYN queue. Default: 524,288, which at rest take half of the default memory.
    pub connections: usize,
    /// Connections that are over and whose id was not released. Beyond it the one that ended first is released.
    /// Default: 65,536.
    pub unreleased: usize,
    /// Connections that were released before they were over (RFC 6429 calls them orphans). Beyond it the oldest is
    /// reset. Default: 65,536.
    pub orphans: usize,
    /// Half-open connections of all listeners together. Default: 65,536.
    pub half_open: usize,
    /// Connections in TIME-WAIT that only a row is kept of; beyond it the oldest row goes. Default: 262,144.
    pub time_wait: usize,
    /// Octets of memory in all, bookkeeping included. Beyond it first what came out of order is given up, then orphans
    /// are reset, the oldest first, then segments with octets are refused as if they had been lost. What users
    /// queue to send is theirs: each buffer has its own limit. What is held beside the buffers of connections is counted
    /// anew every 64 segments, so that the limit is felt that much later. Default: 1 GiB.
    pub memory: usize,
    /// Stateless answers that wait to be polled: resets and the like. Beyond it they are not given. Default: 1,024.
    pub replies: usize,
    /// Destinations of which a smaller path MTU is remembered. Default: 1,024.
    pub path_mtus: usize,
    /// How long a connection may stay whose user has released it. Default: an hour.
    pub orphan_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1 << 19,
            unreleased: 65_536,
            orphans: 65_536,
            half_open: 65_536,
            time_wait: 262_144,
            memory: 1 << 30,
            replies: 1_024,
            path_mtus: 1_024,
            orphan_time: Duration::from_secs(3600),
        }
    }
}

impl HostConfig {
    /// Whether a host can be made with it.
    pub(super) fn check(&self) -> Result<(), HostError> {
        if self.dscp > 63 {
            return Err(HostError::Dscp(self.dscp));
        }
        if self.hop_limit == 0 {
            return Err(HostError::HopLimit);
        }
        if let Some(Shard { index, count }) = self.shard.filter(|shard| shard.index >= shard.count) {
            return Err(HostError::Shard { index, count });
        }
        let (first, last) = (*self.ports.start(), *self.ports.end());
        if first > last || last == 0 {
            return Err(HostError::Ports { first, last });
        }
        for &LocalAddress { ip, prefix_len } in &self.addresses {
            if !is_an_end(SocketAddr::new(ip, 1)) {
                return Err(HostError::Address(ip));
            }
            let (bits, min) = if ip.is_ipv4() { (32, MIN_MTU_V4) } else { (128, MIN_MTU_V6) };
            if prefix_len > bits {
                return Err(HostError::Prefix { ip, prefix_len });
            }
            if self.mtu < min {
                return Err(HostError::Mtu { mtu: self.mtu, min });
            }
        }
        if self.mtu < MIN_MTU_V4 {
            return Err(HostError::Mtu { mtu: self.mtu, min: MIN_MTU_V4 });
        }
        Ok(())
    }

    /// The limits of the passive side.
    pub(super) fn passive(&self) -> PassiveConfig {
        let rows = |limit: usize| limit.try_into().unwrap_or(u32::MAX);
        PassiveConfig {
            half_open: rows(self.limits.half_open),
            time_wait: rows(self.limits.time_wait),
            shared_cookies: self.shared_cookies,
            tcp: self.connection.tcp,
        }
    }

    /// What connections over one version of IP get that are asked for with `wanted`.
    pub(super) fn profile(&self, wanted: &ConnectionConfig, v6: bool) -> ConnectionConfig {
        let mut profile = *wanted;
        fit_to_ip(&mut profile.tcp, self.mtu, v6);
        profile
    }
}
