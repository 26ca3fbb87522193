//! ICMP as a host speaks it (RFC 792, RFC 1122 §3.2.2, RFC 4443): echo is answered, errors are sent about packets that
//! cannot be delivered, and errors that arrive are brought to the flow that they are about.
//!
//! | file | what |
//! |---|---|
//! | `errors` | errors that are sent, and the rules about which are not |
//! | `echo` | echo requests that are answered |
//! | `heard` | messages that arrive, and what they mean for TCP and UDP |
//! | `limits` | how often, and how much at once |
//!
//! Two hosts cannot be made to talk to each other without end: an error is never answered, a reply is never answered, and
//! a request makes one reply.

mod config;
mod echo;
mod errors;
mod heard;
mod limits;
mod stats;

use core::net::{IpAddr, Ipv4Addr};

pub use config::IcmpConfig;
pub(super) use errors::{About, Complaint};
pub(super) use heard::{Arrived, Heard, Report};
use limits::{IcmpOut, Rates};
pub use stats::{IcmpKind, IcmpStats, Silence, Unheeded};

use super::ingress::Origin;
use crate::secret::Secret;

/// A host's ICMP: packets and facts in, packets out of a queue. It knows no sockets.
#[derive(Clone, Debug)]
pub(super) struct Icmp {
    config: IcmpConfig,
    hop_limit: u8,
    rates: Rates,
    out: IcmpOut,
    stats: IcmpStats,
}

impl Icmp {
    pub(super) fn new(config: IcmpConfig, hop_limit: u8, secret: &Secret) -> Self {
        Self {
            rates: Rates::new(&config, secret),
            out: IcmpOut::new(config.queue),
            stats: IcmpStats::default(),
            config,
            hop_limit,
        }
    }

    /// Writes the next packet to the start of `out`: how many octets it has, and to whom it goes.
    pub(super) fn poll_transmit(&mut self, out: &mut [u8]) -> Option<(usize, IpAddr)> {
        self.out.pop(out)
    }

    /// Whether nothing waits to be polled.
    pub(super) fn is_empty(&self) -> bool {
        self.out.is_empty()
    }

    /// Octets of memory held, bookkeeping included.
    pub(super) const fn memory(&self) -> usize {
        self.out.memory() + self.rates.memory()
    }

    pub(super) const fn stats(&self) -> &IcmpStats {
        &self.stats
    }
}

/// Whether an address names one host, and one to which a packet can go (RFC 1122 §3.2.2, RFC 4443 §2.4 (e.6)). Loopback
/// addresses do within a host only.
fn is_one_host(ip: IpAddr, origin: Origin) -> bool {
    let within = origin == Origin::Loop;
    match ip {
        IpAddr::V4(ip) => {
            let [network, ..] = ip.octets();
            // Above multicast lies what used to be class E, and the broadcast address.
            network != 0 && network < 224 && (within || !ip.is_loopback())
        }
        IpAddr::V6(ip) => {
            !ip.is_unspecified()
                && !ip.is_multicast()
                && ip.to_ipv4_mapped().is_none()
                && (within || !ip.is_loopback())
        }
    }
}

/// Whether a destination is a group, or everybody on the link.
fn is_group(ip: IpAddr) -> bool {
    ip.is_multicast() || ip == IpAddr::V4(Ipv4Addr::BROADCAST)
}

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
