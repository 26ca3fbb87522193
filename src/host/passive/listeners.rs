//! Who listens where, and how what is accepted there is to be.

use core::fmt;
use core::mem::size_of;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use hashbrown::HashTable;

use super::chain::Chain;
use super::fast_open::FastOpenCookies;
use super::half_open::BY_LISTENER;
use crate::connection::{ConnectionConfig, SharedConfig};
use crate::host::single::config::fit_to_ip;
use crate::host::slab::Slab;
use crate::host::{FiveTuple, ListenerId};
use crate::tcp::TcpConfig;

/// Where to listen: an address or any, a port or any. Of several listeners the most specific gets the call: first
/// address and port, then the port on any address, then any port of the address, then any port of any address.
///
/// A [`SocketAddr`] stands for itself. `0.0.0.0` is any address of IPv4; `[::]` any of IPv6, and of IPv4 too unless
/// [`v6_only`](ListenConfig::v6_only) is set. An IPv4-mapped address is the IPv4 address in it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ListenOn {
    ip: IpAddr,
    scope: u32,
    port: Option<u16>,
}

impl ListenOn {
    /// Every port of every address: what a transparent proxy listens on.
    pub const ANYTHING: Self = Self::any_port(IpAddr::V6(Ipv6Addr::UNSPECIFIED));

    /// This port of every address, of both versions of IP.
    #[must_use]
    pub const fn port(port: u16) -> Self {
        Self { ip: IpAddr::V6(Ipv6Addr::UNSPECIFIED), scope: 0, port: Some(port) }
    }

    /// Every port of this address, or of any address if it is unspecified.
    #[must_use]
    pub const fn any_port(ip: IpAddr) -> Self {
        Self { ip, scope: 0, port: None }
    }
}

impl From<SocketAddr> for ListenOn {
    fn from(addr: SocketAddr) -> Self {
        let scope = if let SocketAddr::V6(v6) = addr { v6.scope_id() } else { 0 };
        Self { ip: addr.ip(), scope, port: Some(addr.port()) }
    }
}

/// `10.0.0.1:80`, `0.0.0.0:*`.
impl fmt::Display for ListenOn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => fmt::Display::fmt(&SocketAddr::new(self.ip, port), f),
            None if self.ip.is_ipv4() => write!(f, "{}:*", self.ip),
            None => write!(f, "[{}]:*", self.ip),
        }
    }
}

/// When SYN,ACKs are cookies: answers for which nothing is remembered (RFC 4987 §3.6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SynCookies {
    /// Never: when there is no room, the oldest half-open connection goes.
    Off,
    /// When there is no room for another half-open connection.
    #[default]
    UnderPressure,
    /// Always.
    Always,
}

/// The choices of a listener. Begin with the default and change fields: there will be more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct ListenConfig {
    /// How the connections are to be; `mss` and what depends on the version of IP are made from the MTU, and what
    /// stands there does not count. Default: none, which is what the host gives all connections.
    pub connection: Option<ConnectionConfig>,
    /// Half-open connections at the most: the SYN queue. One more, and the oldest goes, or a cookie is sent. Default:
    /// 1024.
    pub half_open: u32,
    /// Connections that wait to be accepted, at the most: while there are so many, the last segment of a handshake is
    /// dropped, and the SYN,ACK goes again later. Default: 128.
    pub backlog: u32,
    /// Whose handshake ends while the backlog is full is reset, and has not to try again (FreeBSD's `sc_rst_sock_fail`,
    /// Linux's `tcp_abort_on_overflow`). Default: false.
    pub reset_on_overflow: bool,
    /// When to answer with cookies. Default: under pressure.
    pub cookies: SynCookies,
    /// The owner decides on each SYN before it is answered. Then there are no cookies: who waits has to be remembered.
    /// Default: false.
    pub decide: bool,
    /// Give Fast Open cookies, and take octets with a SYN that has one (RFC 7413): the connection is there at once, and
    /// may be answered before its handshake is done. What comes with a SYN may come twice: only for users whom that
    /// does not harm (§2.1). While half of the backlog waits no SYN is taken so (§5.1). Default: false.
    pub fast_open: bool,
    /// Take octets with any SYN, cookie or not: for networks whose addresses nobody forges. Counts with
    /// [`fast_open`](Self::fast_open) only. Default: false.
    pub fast_open_unproven: bool,
    /// Of what those cookies are made. Default: of the host's secret.
    pub fast_open_cookies: FastOpenCookies,
    /// `[::]` is not for IPv4 too (RFC 3493 §5.3). Default: false.
    pub v6_only: bool,
    /// The code point of all segments: 0..=63. Default: none, which is that of the host.
    pub dscp: Option<u8>,
    /// IPv4's time to live, IPv6's hop limit: at least 1. Default: none, which is that of the host.
    pub hop_limit: Option<u8>,
}

impl Default for ListenConfig {
    fn default() -> Self {
        Self {
            connection: None,
            half_open: 1024,
            backlog: 128,
            reset_on_overflow: false,
            cookies: SynCookies::UnderPressure,
            decide: false,
            fast_open: false,
            fast_open_unproven: false,
            fast_open_cookies: FastOpenCookies::OfSecret,
            v6_only: false,
            dscp: None,
            hop_limit: None,
        }
    }
}

/// Why nobody listens now; nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ListenError {
    /// Somebody listens there. Remove that listener, or take another port.
    #[error("somebody listens on {0} already: take another port")]
    InUse(ListenOn),
    /// No connection can have that end: multicast, broadcast, port 0, or an IPv4 address where only IPv6 is wanted.
    #[error("nobody can connect to {0}: it takes a unicast address and a port, or any")]
    Address(ListenOn),
    /// The code point has more than six bits.
    #[error("a code point of {0} does not fit: it is 63 at the most")]
    Dscp(u8),
    /// Packets with such a hop limit reach nobody.
    #[error("a hop limit of 0 lets no packet leave: it is at least 1")]
    HopLimit,
    /// Nobody listens there any more.
    #[error("nobody listens there any more: listen anew")]
    Gone,
    /// There are so many half-open connections, and their peers know already how theirs is.
    #[error("{0} connections are half-open and cannot be changed any more: wait until there are none")]
    HalfOpen(u32),
    /// There are as many listeners as there may be.
    #[error("there are {0} listeners, which is all there may be")]
    TooMany(u32),
}

/// A listener.
#[derive(Clone, Debug)]
pub(crate) struct Listener {
    pub(crate) on: ListenOn,
    pub(crate) config: ListenConfig,
    /// The configuration of its connections over IPv4 and over IPv6.
    connection: [SharedConfig; 2],
    /// Its half-open connections, the oldest first.
    pub(super) half_open: Chain,
    /// Connections that wait to be accepted.
    pub(crate) waiting: u32,
}

impl Listener {
    /// How a connection of this flow is to be.
    pub(crate) fn connection(&self, tuple: &FiveTuple) -> &SharedConfig {
        let [v4, v6] = &self.connection;
        if tuple.local_ip().is_ipv4() { v4 } else { v6 }
    }

    /// Whether a SYN of this flow with a FIN is dropped.
    pub(super) fn drops_syn_fin(&self, tuple: &FiveTuple) -> bool {
        self.connection(tuple).tcp().drop_syn_fin
    }
}

/// The address of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Exact(IpAddr, u32),
    AnyV4,
    AnyV6,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Key {
    place: Place,
    port: Option<u16>,
}

impl Key {
    /// The more specific kinds first: the order in which they are looked for.
    const fn kind(&self) -> usize {
        match (self.place, self.port) {
            (Place::Exact(..), Some(_)) => 0,
            (_, Some(_)) => 1,
            (Place::Exact(..), None) => 2,
            _ => 3,
        }
    }

    /// Only who may listen here chooses keys: a secret would protect nobody.
    fn hash(&self) -> u64 {
        const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
        let place = match self.place {
            Place::Exact(IpAddr::V4(ip), _) => u64::from(ip.to_bits()) | 1 << 32,
            Place::Exact(IpAddr::V6(ip), scope) => {
                let bits = ip.to_bits();
                (bits as u64).wrapping_mul(ODD) ^ (bits >> 64) as u64 ^ u64::from(scope) << 16
            }
            Place::AnyV4 => 2 << 32,
            Place::AnyV6 => 3 << 32,
        };
        let port = self.port.map_or(1 << 16, u64::from);
        let mixed = (place ^ port << 40).wrapping_mul(ODD);
        (mixed ^ mixed >> 32).wrapping_mul(ODD)
    }
}

/// All listeners of a host.
#[derive(Clone, Debug)]
pub(crate) struct Listeners {
    rows: Slab<Listener>,
    table: HashTable<(Key, u32)>,
    /// Keys of each kind: most hosts have one kind only, and need not look for the others.
    kinds: [u32; 4],
}

/// The addresses that `on` stands for; `None` if it is none to listen on.
fn places(on: &ListenOn, config: &ListenConfig) -> Option<(Place, Option<Place>)> {
    let ip = on.ip.to_canonical();
    if on.port == Some(0) || ip.is_multicast() || ip == IpAddr::V4(Ipv4Addr::BROADCAST) {
        return None;
    }
    match (ip, on.ip) {
        (IpAddr::V4(_), IpAddr::V6(_)) if config.v6_only => None,
        (IpAddr::V4(Ipv4Addr::UNSPECIFIED), _) => Some((Place::AnyV4, None)),
        (IpAddr::V6(Ipv6Addr::UNSPECIFIED), _) => {
            Some((Place::AnyV6, (!config.v6_only).then_some(Place::AnyV4)))
        }
        (IpAddr::V6(v6), _) if v6.is_unicast_link_local() => Some((Place::Exact(ip, on.scope), None)),
        _ => Some((Place::Exact(ip, 0), None)),
    }
}

/// How the connections of a listener are to be.
fn with(config: &ListenConfig, usual: &ConnectionConfig) -> ConnectionConfig {
    let mut connection = config.connection.unwrap_or(*usual);
    connection.tcp.fast_open = config.fast_open;
    connection
}

/// `config` for packets of at most `mtu` octets over one version of IP.
fn fitted(mut config: ConnectionConfig, mtu: u16, v6: bool) -> SharedConfig {
    fit_to_ip(&mut config.tcp, mtu, v6);
    SharedConfig::from(&config)
}

fn check(config: &ListenConfig) -> Result<(), ListenError> {
    if let Some(dscp) = config.dscp.filter(|&dscp| dscp > 63) {
        return Err(ListenError::Dscp(dscp));
    }
    if config.hop_limit == Some(0) { Err(ListenError::HopLimit) } else { Ok(()) }
}

impl Listeners {
    /// The most that there may be.
    const MOST: u32 = 1 << 20;

    pub(super) const fn new() -> Self {
        Self { rows: Slab::new(), table: HashTable::new(), kinds: [0; 4] }
    }

    /// Listens on `on`, with packets of at most `mtu` octets. `usual` is how connections are of which nothing else is
    /// said.
    pub(super) fn insert(
        &mut self,
        on: ListenOn,
        config: &ListenConfig,
        usual: &ConnectionConfig,
        mtu: u16,
    ) -> Result<ListenerId, ListenError> {
        let (first, second) = places(&on, config).ok_or(ListenError::Address(on))?;
        check(config)?;
        if self.rows.len() >= Self::MOST as usize {
            return Err(ListenError::TooMany(Self::MOST));
        }
        let key = |place| Key { place, port: on.port };
        let taken = |place| self.at(&key(place)).is_some();
        if taken(first) || second.is_some_and(taken) {
            return Err(ListenError::InUse(on));
        }
        let index = self.rows.insert(Listener {
            on,
            config: *config,
            connection: [false, true].map(|v6| fitted(with(config, usual), mtu, v6)),
            half_open: Chain::new(BY_LISTENER),
            waiting: 0,
        });
        for place in [Some(first), second].into_iter().flatten() {
            let key = key(place);
            self.table.insert_unique(key.hash(), (key, index), |(key, _)| key.hash());
            if let Some(count) = self.kinds.get_mut(key.kind()) {
                *count += 1;
            }
        }
        Ok(self.id(index))
    }

    /// Other choices for who calls from now on.
    pub(super) fn change(
        &mut self,
        id: ListenerId,
        config: &ListenConfig,
        usual: &ConnectionConfig,
        mtu: u16,
    ) -> Result<(), ListenError> {
        check(config)?;
        let listener = self.get_mut(id).ok_or(ListenError::Gone)?;
        let connection = [false, true].map(|v6| fitted(with(config, usual), mtu, v6));
        if listener.half_open.len() > 0 && connection != listener.connection {
            return Err(ListenError::HalfOpen(listener.half_open.len()));
        }
        let v6_only = listener.config.v6_only;
        listener.config = ListenConfig { v6_only, ..*config };
        listener.connection = connection;
        Ok(())
    }

    /// Nobody listens there any more.
    pub(super) fn remove(&mut self, id: ListenerId) -> Option<Listener> {
        self.get(id)?;
        let gone = self.rows.remove(id.index)?;
        let (first, second) = places(&gone.on, &gone.config)?;
        for place in [Some(first), second].into_iter().flatten() {
            let key = Key { place, port: gone.on.port };
            if let Ok(entry) = self.table.find_entry(key.hash(), |entry| *entry == (key, id.index)) {
                entry.remove();
                if let Some(count) = self.kinds.get_mut(key.kind()) {
                    *count -= 1;
                }
            }
        }
        Some(gone)
    }

    fn at(&self, key: &Key) -> Option<u32> {
        if self.kinds.get(key.kind()).is_none_or(|&count| count == 0) {
            return None;
        }
        self.table.find(key.hash(), |(other, _)| other == key).map(|&(_, index)| index)
    }

    /// Who is called by the peer of `tuple`: at most six look-ups, however many listen.
    pub(super) fn find(&self, tuple: &FiveTuple) -> Option<u32> {
        let (ip, port, scope) = (tuple.local_ip(), Some(tuple.local_port()), tuple.scope());
        let any = if ip.is_ipv4() { Place::AnyV4 } else { Place::AnyV6 };
        let at = |place, port| self.at(&Key { place, port });
        // A listener that names no link is for all of them.
        let exact = |port| {
            let anywhere = || if scope == 0 { None } else { at(Place::Exact(ip, 0), port) };
            at(Place::Exact(ip, scope), port).or_else(anywhere)
        };
        exact(port).or_else(|| at(any, port)).or_else(|| exact(None)).or_else(|| at(any, None))
    }

    pub(super) fn id(&self, index: u32) -> ListenerId {
        ListenerId { index, generation: self.rows.generation(index) }
    }

    /// The listener, if it is still there.
    pub(crate) fn get(&self, id: ListenerId) -> Option<&Listener> {
        self.rows.get(id.index).filter(|_| self.id(id.index) == id)
    }

    pub(super) fn get_mut(&mut self, id: ListenerId) -> Option<&mut Listener> {
        if self.id(id.index) != id {
            return None;
        }
        self.rows.get_mut(id.index)
    }

    pub(super) fn row(&self, index: u32) -> Option<&Listener> {
        self.rows.get(index)
    }

    pub(super) fn row_mut(&mut self, index: u32) -> Option<&mut Listener> {
        self.rows.get_mut(index)
    }

    /// All listeners, in the order of their places.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (ListenerId, &Listener)> {
        self.rows.iter().map(|(index, listener)| (self.id(index), listener))
    }

    /// Octets of memory.
    pub(super) fn memory(&self) -> usize {
        let configs = self.rows.len() * 2 * (size_of::<TcpConfig>() + 2 * size_of::<usize>());
        self.rows.memory() + configs + self.table.allocation_size()
    }
}

#[cfg(test)]
mod tests;
