//! The rows of connections in TIME-WAIT.
//!
//! IPv4 and IPv6 have a table each, so that neither pays for the other's names. 2·MSL is the same for all of a host: who
//! came first leaves first, and whoever has to wait anew goes to the end. So there is no timer to set, and the oldest is
//! always at hand when room is needed.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use core::time::Duration;

use super::chain::{Chain, Link, Linked};
use super::half_open::{fold, unfold};
use crate::Instant;
use crate::host::FiveTuple;
use crate::host::demux::Demux;
use crate::host::slab::Slab;
use crate::tcp::TimeWait;
use crate::wire::IpProtocol;

/// The name of a flow of one version of IP.
trait Name: Copy + Eq {
    /// The name of a TCP flow; `None` for the other version.
    fn of(tuple: &FiveTuple) -> Option<Self>;

    fn tuple(self) -> FiveTuple;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct NameV4 {
    local: Ipv4Addr,
    remote: Ipv4Addr,
    ports: [u16; 2],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct NameV6 {
    local: Ipv6Addr,
    remote: Ipv6Addr,
    ports: [u16; 2],
    scope: u32,
}

impl Name for NameV4 {
    fn of(tuple: &FiveTuple) -> Option<Self> {
        let (IpAddr::V4(local), IpAddr::V4(remote)) = (tuple.local_ip(), tuple.remote_ip()) else {
            return None;
        };
        Some(Self { local, remote, ports: [tuple.local_port(), tuple.remote_port()] })
    }

    fn tuple(self) -> FiveTuple {
        let [local, remote] = self.ports;
        let socket = |ip: Ipv4Addr, port| SocketAddr::new(ip.into(), port);
        FiveTuple::new(IpProtocol::TCP, socket(self.local, local), socket(self.remote, remote))
    }
}

impl Name for NameV6 {
    fn of(tuple: &FiveTuple) -> Option<Self> {
        let (IpAddr::V6(local), IpAddr::V6(remote)) = (tuple.local_ip(), tuple.remote_ip()) else {
            return None;
        };
        let ports = [tuple.local_port(), tuple.remote_port()];
        Some(Self { local, remote, ports, scope: tuple.scope() })
    }

    fn tuple(self) -> FiveTuple {
        let [local, remote] = self.ports;
        let socket = |ip, port| SocketAddr::V6(SocketAddrV6::new(ip, port, 0, self.scope));
        FiveTuple::new(IpProtocol::TCP, socket(self.local, local), socket(self.remote, remote))
    }
}

/// A moment in two halves: a row of numbers of 32 bits has no gaps.
#[derive(Clone, Copy, Debug)]
struct Due([u32; 2]);

impl Due {
    const fn at(at: Instant) -> Self {
        Self([(at.as_nanos() >> 32) as u32, at.as_nanos() as u32])
    }

    const fn get(self) -> Instant {
        let [high, low] = self.0;
        Instant::from_nanos((high as u64) << 32 | low as u64)
    }
}

#[derive(Clone, Debug)]
struct Row<N> {
    name: N,
    wait: TimeWait,
    hash: u32,
    link: Link,
    due: Due,
}

impl<N> Linked for Row<N> {
    fn link(&mut self, _: usize) -> Option<&mut Link> {
        Some(&mut self.link)
    }
}

/// The rows of one version of IP.
#[derive(Clone, Debug)]
struct Table<N> {
    rows: Slab<Row<N>>,
    demux: Demux,
    /// All of them, in the order in which they are due.
    order: Chain,
    /// When the last of them is due.
    last: Instant,
}

impl<N: Name> Table<N> {
    fn new() -> Self {
        Self { rows: Slab::new(), demux: Demux::new(), order: Chain::new(0), last: Instant::ZERO }
    }

    fn find(&self, hash: u64, tuple: &FiveTuple) -> Option<u32> {
        let name = N::of(tuple)?;
        self.demux.find(hash, |index| self.rows.get(index).is_some_and(|row| row.name == name))
    }

    fn insert(&mut self, hash: u64, tuple: &FiveTuple, wait: TimeWait, due: Instant) -> bool {
        let Some(name) = N::of(tuple) else { return false };
        let hash = fold(hash);
        let due = self.later(due);
        let index = self.rows.insert(Row { name, wait, hash, link: Link::new(), due });
        self.demux.insert(unfold(hash), index);
        self.order.push(&mut self.rows, index);
        true
    }

    /// Nobody overtakes: a clock that steps back does not shorten the wait of those at the end.
    fn later(&mut self, due: Instant) -> Due {
        self.last = self.last.max(due);
        Due::at(self.last)
    }

    fn again(&mut self, index: u32, due: Instant) {
        let due = self.later(due);
        self.order.remove(&mut self.rows, index);
        if let Some(row) = self.rows.get_mut(index) {
            row.due = due;
        }
        self.order.push(&mut self.rows, index);
    }

    fn remove(&mut self, index: u32) -> Option<(FiveTuple, TimeWait)> {
        self.order.remove(&mut self.rows, index);
        let row = self.rows.remove(index)?;
        self.demux.remove(unfold(row.hash), index);
        Some((row.name.tuple(), row.wait))
    }

    /// The row that is due first, and when.
    fn first(&self) -> Option<(Instant, u32)> {
        let index = self.order.first()?;
        Some((self.due(index)?, index))
    }

    fn due(&self, index: u32) -> Option<Instant> {
        Some(self.rows.get(index)?.due.get())
    }

    fn memory(&self) -> usize {
        self.rows.memory() + self.demux.memory()
    }

    fn iter(&self) -> impl Iterator<Item = (FiveTuple, &TimeWait, Instant)> {
        self.rows.iter().map(|(_, row)| (row.name.tuple(), &row.wait, row.due.get()))
    }
}

/// Where a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    V4(u32),
    V6(u32),
}

/// All connections of a host in TIME-WAIT that are rows.
#[derive(Clone, Debug)]
pub(super) struct TimeWaitRows {
    v4: Table<NameV4>,
    v6: Table<NameV6>,
    /// 2·MSL.
    span: Duration,
}

impl TimeWaitRows {
    /// Rows that stay for `span`: 2·MSL.
    pub(super) fn new(span: Duration) -> Self {
        Self { v4: Table::new(), v6: Table::new(), span }
    }

    pub(super) const fn len(&self) -> u32 {
        self.v4.order.len() + self.v6.order.len()
    }

    /// Octets of memory.
    pub(super) fn memory(&self) -> usize {
        self.v4.memory() + self.v6.memory()
    }

    pub(super) fn find(&self, hash: u64, tuple: &FiveTuple) -> Option<Slot> {
        let v4 = || self.v4.find(hash, tuple).map(Slot::V4);
        v4().or_else(|| self.v6.find(hash, tuple).map(Slot::V6))
    }

    pub(super) fn get(&self, slot: Slot) -> Option<&TimeWait> {
        match slot {
            Slot::V4(index) => self.v4.rows.get(index).map(|row| &row.wait),
            Slot::V6(index) => self.v6.rows.get(index).map(|row| &row.wait),
        }
    }

    pub(super) fn get_mut(&mut self, slot: Slot) -> Option<&mut TimeWait> {
        match slot {
            Slot::V4(index) => self.v4.rows.get_mut(index).map(|row| &mut row.wait),
            Slot::V6(index) => self.v6.rows.get_mut(index).map(|row| &mut row.wait),
        }
    }

    /// All of them, and when they are due, in a fixed order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (FiveTuple, &TimeWait, Instant)> {
        self.v4.iter().chain(self.v6.iter())
    }

    /// Adds a row that waits from now on. That its name is not there the caller has looked.
    pub(super) fn insert(&mut self, now: Instant, hash: u64, tuple: &FiveTuple, wait: TimeWait) {
        let due = now + self.span;
        let _ = self.v4.insert(hash, tuple, wait, due) || self.v6.insert(hash, tuple, wait, due);
    }

    /// The wait begins anew.
    pub(super) fn again(&mut self, now: Instant, slot: Slot) {
        match slot {
            Slot::V4(index) => self.v4.again(index, now + self.span),
            Slot::V6(index) => self.v6.again(index, now + self.span),
        }
    }

    /// How long a row has waited, as if it had come with its last FIN.
    pub(super) fn waited(&self, now: Instant, slot: Slot) -> Duration {
        let due = match slot {
            Slot::V4(index) => self.v4.due(index),
            Slot::V6(index) => self.v6.due(index),
        };
        (now + self.span).since(due.unwrap_or(Instant::MAX))
    }

    pub(super) fn remove(&mut self, slot: Slot) -> Option<(FiveTuple, TimeWait)> {
        match slot {
            Slot::V4(index) => self.v4.remove(index),
            Slot::V6(index) => self.v6.remove(index),
        }
    }

    /// The row that is due first, and when.
    pub(super) fn first(&self) -> Option<(Instant, Slot)> {
        let v4 = self.v4.first().map(|(at, index)| (at, Slot::V4(index)));
        let v6 = self.v6.first().map(|(at, index)| (at, Slot::V6(index)));
        match (v4, v6) {
            (Some(v4), Some(v6)) => Some(if v6.0 < v4.0 { v6 } else { v4 }),
            (v4, v6) => v4.or(v6),
        }
    }
}
