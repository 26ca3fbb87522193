//! What paths are known to take: for datagrams, and for connections that begin (RFC 1191 §6, RFC 8201 §4, §5.2).

use alloc::collections::BTreeMap;
use core::net::IpAddr;
use core::time::Duration;

use crate::Instant;

/// How long a report counts; then packets may be larger again (RFC 1191 §6.3, RFC 8201 §4: not before five minutes, ten are
/// advised).
const AGE: Duration = Duration::from_secs(600);

/// The least that a report is believed to be in IPv4, in octets: what datagrams of 512 octets need, and what hosts have kept
/// to against forged reports. RFC 791 §3.2 would allow 68.
const MIN_V4: u16 = 552;
/// The least there is in IPv6 (RFC 8200 §5).
const MIN_V6: u16 = 1280;

/// Where links used to have their MTU, for routers that report none (RFC 1191 §7).
const PLATEAUS: [u16; 7] = [32_000, 17_914, 8_166, 4_352, 2_002, 1_492, 1_006];

/// Path MTUs by destination, so many at the most: beyond that the oldest report is forgotten.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PathMtus {
    rows: BTreeMap<IpAddr, Row>,
    /// By when they were reported; the number tells those of one moment apart.
    by_age: BTreeMap<(Instant, u64), IpAddr>,
    serial: u64,
    limit: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Row {
    mtu: u16,
    age: (Instant, u64),
}

/// Octets of a row in two trees whose nodes may be half empty.
const ROW_COST: usize = 2 * (2 * size_of::<IpAddr>() + size_of::<Row>() + size_of::<(Instant, u64)>());

impl PathMtus {
    pub(super) const fn new(limit: usize) -> Self {
        Self { rows: BTreeMap::new(), by_age: BTreeMap::new(), serial: 0, limit }
    }

    /// A packet of `packet_len` octets did not pass, and `mtu` would; 0: the router does not say. Call this when the report
    /// is to be believed: the packet was one of ours, and recent. Answers what is known of the path now, if that is less
    /// than before: a report never makes it more (RFC 8201 §4).
    pub(super) fn lower(&mut self, now: Instant, to: IpAddr, mtu: u32, packet_len: usize) -> Option<u16> {
        self.expire(now);
        let least = if to.is_ipv4() { MIN_V4 } else { MIN_V6 };
        let mtu = if mtu == 0 { below(packet_len) } else { u16::try_from(mtu).unwrap_or(u16::MAX) };
        let mtu = mtu.max(least);
        if usize::from(mtu) >= packet_len || self.limit == 0 {
            return None;
        }
        match self.rows.get(&to) {
            Some(row) if row.mtu <= mtu => return None,
            Some(row) => drop(self.by_age.remove(&row.age)),
            None if self.rows.len() >= self.limit => self.forget_oldest(),
            None => {}
        }
        self.serial = self.serial.wrapping_add(1);
        let age = (now, self.serial);
        self.rows.insert(to, Row { mtu, age });
        self.by_age.insert(age, to);
        Some(mtu)
    }

    /// What the path to there takes, in octets of an IP packet, if it was reported and not forgotten.
    pub(super) fn get(&self, to: IpAddr) -> Option<u16> {
        self.rows.get(&to).map(|row| row.mtu)
    }

    /// When the next report will be too old.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.by_age.first_key_value().map(|(&(reported, _), _)| reported + AGE)
    }

    /// Forgets what is too old.
    pub(super) fn expire(&mut self, now: Instant) {
        while let Some((&(reported, _), _)) = self.by_age.first_key_value()
            && now.since(reported) >= AGE
        {
            self.forget_oldest();
        }
    }

    /// Octets of memory held.
    pub(super) fn memory(&self) -> usize {
        self.rows.len() * ROW_COST
    }

    fn forget_oldest(&mut self) {
        if let Some((_, to)) = self.by_age.pop_first() {
            self.rows.remove(&to);
        }
    }
}

/// The next common MTU below that of a packet which did not pass.
fn below(packet_len: usize) -> u16 {
    PLATEAUS.into_iter().find(|&plateau| usize::from(plateau) < packet_len).unwrap_or(MIN_V4)
}

#[cfg(test)]
mod tests;
