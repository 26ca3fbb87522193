//! Which of several hosts a packet goes to: receive side scaling by a Toeplitz hash.
//!
//! Many cores serve one address when each has a [`Host`](super) of its own, with nothing shared, and each packet goes to
//! the host of its flow. Network cards choose a queue by the Toeplitz hash of addresses and ports; with
//! [`SYMMETRIC_KEY`] both directions of a flow have the same hash, so that what leaves through one queue comes back
//! by it (Woo and Park, "Scalable TCP Session Monitoring with Symmetric Receive-side Scaling", 2012). Give the card
//! this key, or hash in software with [`packet_hash`], and take [`shard`] of it. A host that opens connections chooses
//! local ports that lead back to it.
//!
//! The key is public: who knows it can send all his flows to one core. The hash says where a flow goes, and not
//! more: the tables of a host have a keyed hash of their own.
//!
//! ```
//! use tcpstate::host::{FiveTuple, rss};
//! use tcpstate::wire::IpProtocol;
//!
//! let flow = FiveTuple::new(IpProtocol::TCP, "10.0.0.1:80".parse()?, "10.0.0.2:5000".parse()?);
//! assert_eq!(rss::hash(&flow), rss::hash(&flow.reversed()));
//! assert!(rss::shard(rss::hash(&flow), 4) < 4);
//! # Ok::<(), core::net::AddrParseError>(())
//! ```

use core::net::IpAddr;

use super::FiveTuple;
use crate::wire::{IpPacket, IpProtocol};

/// The key that makes both directions of a flow the same: two octets, again and again.
pub const SYMMETRIC_KEY: [u8; 40] = {
    let mut key = [0x6d; 40];
    let (mut pairs, _) = key.as_chunks_mut::<2>();
    while let Some((pair, rest)) = pairs.split_first_mut() {
        *pair = [0x6d, 0x5a];
        pairs = rest;
    }
    key
};

/// The Toeplitz hash of any input under any key, as Microsoft's "RSS Hashing Functions" defines it: for each bit of
/// the input that is set, the 32 bits of the key that begin at its number, added without carry. The key counts as
/// followed by zeros. Input for a flow: source address, destination address, source port, destination port, as
/// they are in the packet.
///
/// ```
/// use tcpstate::host::rss;
///
/// assert_eq!(rss::toeplitz(&rss::SYMMETRIC_KEY, &[0x80, 0]), 0x6d5a_6d5a);
/// ```
#[must_use]
pub fn toeplitz(key: &[u8; 40], input: &[u8]) -> u32 {
    let [k0, k1, k2, k3, later @ ..] = *key;
    let mut window = u32::from_be_bytes([k0, k1, k2, k3]);
    let mut hash = 0;
    for (octet, next) in input.iter().zip(later.into_iter().chain(core::iter::repeat(0))) {
        for bit in (0..u8::BITS).rev() {
            if octet >> bit & 1 != 0 {
                hash ^= window;
            }
            window = window << 1 | u32::from(next >> bit & 1);
        }
    }
    hash
}

/// The hash of a flow under [`SYMMETRIC_KEY`]: of its addresses, and of its ports if it is TCP or UDP.
#[must_use]
pub fn hash(flow: &FiveTuple) -> u32 {
    hash_parts(flow.protocol(), flow.local_ip(), flow.remote_ip(), flow.local_port(), flow.remote_port())
}

/// The hash of the flow that an IP packet belongs to; `None` if these octets are none.
///
/// Fragments are hashed by their addresses only, so that all of a datagram meet on one host, whole packets of TCP
/// and UDP with their ports, and an ICMP error as the flow that it is about. Nothing is verified: the host does
/// that.
#[must_use]
pub fn packet_hash(packet: &[u8]) -> Option<u32> {
    let packet = IpPacket::parse(packet, packet.len()).ok()?;
    if packet.fragment.is_none()
        && let Some(quote) = quote(&packet)
        // An error quotes the beginning of a packet: how long that was is its own word.
        && let Ok(about) = IpPacket::parse(quote, usize::MAX)
    {
        return Some(hash_packet(&about));
    }
    Some(hash_packet(&packet))
}

/// Which of so many hosts a hash leads to: the remainder.
#[must_use]
pub const fn shard(hash: u32, count: u32) -> u32 {
    match hash.checked_rem(count) {
        Some(shard) => shard,
        None => 0,
    }
}

fn hash_packet(packet: &IpPacket<'_>) -> u32 {
    let ports = match (packet.fragment, packet.payload.first_chunk()) {
        (None, Some(&[s0, s1, d0, d1])) => Some(([s0, s1], [d0, d1])),
        _ => None,
    };
    match ports {
        Some((src, dst)) => {
            let (src, dst) = (u16::from_be_bytes(src), u16::from_be_bytes(dst));
            hash_parts(packet.protocol, packet.src, packet.dst, src, dst)
        }
        None => spread(fold(packet.src) ^ fold(packet.dst)),
    }
}

/// What an ICMP error quotes (RFC 792, RFC 4443 §2.1: the types below 128).
fn quote<'a>(packet: &IpPacket<'a>) -> Option<&'a [u8]> {
    let (&kind, quote) = (packet.payload.first()?, packet.payload.get(8..)?);
    match packet.protocol {
        IpProtocol::ICMP => matches!(kind, 3 | 4 | 5 | 11 | 12).then_some(quote),
        IpProtocol::ICMPV6 => matches!(kind, 1..=127).then_some(quote),
        _ => None,
    }
}

/// See [`hash`]. For a key with a period of 16 bits it does not matter where in the input a pair of octets is: the
/// hash is that of all pairs, added up without carry.
pub(super) fn hash_parts(
    protocol: IpProtocol,
    src: IpAddr,
    dst: IpAddr,
    src_port: u16,
    dst_port: u16,
) -> u32 {
    let addrs = spread(fold(src) ^ fold(dst));
    addrs ^ port_part(protocol, src_port) ^ port_part(protocol, dst_port)
}

/// What a port adds to the hash of a flow.
pub(super) const fn port_part(protocol: IpProtocol, port: u16) -> u32 {
    match protocol {
        IpProtocol::TCP | IpProtocol::UDP => spread(port),
        _ => 0,
    }
}

/// The hash of one pair of octets.
const fn spread(pair: u16) -> u32 {
    let (mut hash, mut window, mut bits) = (0, 0x6d5a_u16, pair);
    while bits != 0 {
        if bits & 0x8000 != 0 {
            hash ^= window;
        }
        window = window.rotate_left(1);
        bits <<= 1;
    }
    (hash as u32) << 16 | hash as u32
}

/// All pairs of octets of an address, added up without carry.
fn fold(addr: IpAddr) -> u16 {
    match addr {
        IpAddr::V4(addr) => {
            let bits = addr.to_bits();
            (bits >> 16) as u16 ^ bits as u16
        }
        IpAddr::V6(addr) => addr.segments().into_iter().fold(0, |sum, pair| sum ^ pair),
    }
}

#[cfg(test)]
mod tests;
