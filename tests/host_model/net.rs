//! The network between the hosts: what it does to packets.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::IpAddr;

use bytes::Bytes;
use tcpstate::host::{Checksums, Transmit};
use tcpstate::sim::{Prng, Probability};
use tcpstate::wire::{Checksum, IpPacket, IpProtocol};

/// Nanoseconds in a millisecond.
pub(crate) const MS: u64 = 1_000_000;

/// How bad the network is: chances in percent, times in nanoseconds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Weather {
    pub(crate) delay: u64,
    pub(crate) jitter: u64,
    pub(crate) loss: u32,
    pub(crate) duplicate: u32,
    pub(crate) corrupt: u32,
    /// Held back for up to half a minute: what comes then is old.
    pub(crate) hold: u32,
}

/// A packet on its way.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Parcel {
    pub(crate) at: u64,
    order: u64,
    pub(crate) to: usize,
    pub(crate) octets: Bytes,
    /// What the receiver is told of its checksum: 0 nothing, 1 verified, 2 partial.
    known: u8,
}

impl Parcel {
    pub(crate) const fn checksums(&self) -> Checksums {
        match self.known {
            0 => Checksums::Unknown,
            1 => Checksums::Verified,
            _ => Checksums::Partial,
        }
    }
}

#[derive(Debug)]
pub(crate) struct Net {
    rng: Prng,
    pub(crate) weather: Weather,
    /// Who has which address.
    addresses: Vec<(IpAddr, usize)>,
    queue: BinaryHeap<Reverse<Parcel>>,
    order: u64,
}

impl Net {
    pub(crate) fn new(seed: u64, weather: Weather, addresses: Vec<(IpAddr, usize)>) -> Self {
        Self { rng: Prng::stream(seed, 2), weather, addresses, queue: BinaryHeap::new(), order: 0 }
    }

    pub(crate) fn first(&self) -> Option<u64> {
        self.queue.peek().map(|Reverse(parcel)| parcel.at)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// The next packet that is there by `now`.
    pub(crate) fn arrive(&mut self, now: u64) -> Option<Parcel> {
        if self.first()? > now {
            return None;
        }
        self.queue.pop().map(|Reverse(parcel)| parcel)
    }

    fn percent(&mut self, chance: u32) -> bool {
        self.rng.chance(Probability::percent(chance))
    }

    /// Takes a packet that a host has written: as the card takes it, which may cut it up and complete its checksum, or
    /// leaves both to the receiver's.
    pub(crate) fn carry(&mut self, now: u64, octets: &[u8], transmit: &Transmit) {
        let whole = transmit.segment_size.is_none() && transmit.checksum.is_none();
        if whole {
            let verified = self.percent(10);
            return self.send(now, octets, u8::from(verified));
        }
        // Between two machines of one box nothing is ever cut up or filled in.
        if self.percent(30) {
            return self.send(now, octets, 2);
        }
        for packet in as_a_card_would(octets, transmit) {
            self.send(now, &packet, 0);
        }
    }

    /// Puts a packet on its way, or several, or none.
    fn send(&mut self, now: u64, octets: &[u8], known: u8) {
        let destination = match octets[0] >> 4 {
            4 => IpAddr::from(<[u8; 4]>::try_from(&octets[16..20]).expect("four octets")),
            _ => IpAddr::from(<[u8; 16]>::try_from(&octets[24..40]).expect("sixteen octets")),
        };
        let Some(&(_, to)) = self.addresses.iter().find(|(ip, _)| *ip == destination) else { return };
        let Weather { delay, jitter, loss, duplicate, corrupt, hold } = self.weather;
        let copies = if self.percent(duplicate) { 2 } else { 1 };
        for _ in 0..copies {
            if self.percent(loss) {
                continue;
            }
            let mut octets = octets.to_vec();
            // One bit: no checksum misses that, where one is looked at.
            if known == 0 && self.percent(corrupt) {
                let bit = self.rng.below(octets.len() as u64 * 8) as usize;
                octets[bit / 8] ^= 1 << (bit % 8);
            }
            let held = if self.percent(hold) { self.rng.between(0, 30_000 * MS) } else { 0 };
            let at = now + delay + held + if jitter == 0 { 0 } else { self.rng.below(jitter) };
            self.order += 1;
            let parcel = Parcel { at, order: self.order, to, octets: octets.into(), known };
            self.queue.push(Reverse(parcel));
        }
    }
}

/// What a card makes of a packet that was left to it: segments of one size, each with its lengths, its number and its
/// checksum. PSH and FIN belong to the last one.
pub(crate) fn as_a_card_would(octets: &[u8], transmit: &Transmit) -> Vec<Vec<u8>> {
    let ip = IpPacket::parse(octets, octets.len()).expect("a packet of our own");
    assert_eq!(ip.protocol, IpProtocol::TCP, "only TCP is left to the card");
    let ip_header = octets.len() - ip.payload.len();
    let headers = ip_header + usize::from(ip.payload[12] >> 4) * 4;
    let payload = &octets[headers..];
    let size = transmit.segment_size.map_or(payload.len().max(1), usize::from);
    assert!(transmit.segment_size.is_none() || transmit.checksum.is_some(), "who cuts up fills in checksums");
    if let Some(checksum) = transmit.checksum {
        let (start, offset) = (usize::from(checksum.start), usize::from(checksum.offset));
        assert_eq!((start, offset), (ip_header, 16), "where TCP has its checksum");
    }
    let count = payload.len().div_ceil(size).max(1);
    (0..count).map(|at| cut(octets, &ip, (ip_header, headers), at * size, size, at + 1 == count)).collect()
}

/// The segment that begins at `from` in the payload.
fn cut(
    octets: &[u8],
    ip: &IpPacket<'_>,
    (ip_header, headers): (usize, usize),
    from: usize,
    size: usize,
    is_last: bool,
) -> Vec<u8> {
    let to = octets.len().min(headers + from + size);
    let mut packet = octets[..headers].to_vec();
    packet.extend_from_slice(&octets[headers + from..to]);
    let len = packet.len();
    if ip.src.is_ipv4() {
        packet[2..4].copy_from_slice(&(len as u16).to_be_bytes());
        packet[10..12].fill(0);
        let mut sum = Checksum::new();
        sum.add_bytes(&packet[..ip_header]);
        let sum = sum.finish();
        packet[10..12].copy_from_slice(&sum.to_be_bytes());
    } else {
        packet[4..6].copy_from_slice(&((len - 40) as u16).to_be_bytes());
    }
    let seq = u32::from_be_bytes(packet[ip_header + 4..ip_header + 8].try_into().expect("four octets"));
    packet[ip_header + 4..ip_header + 8].copy_from_slice(&seq.wrapping_add(from as u32).to_be_bytes());
    if !is_last {
        // FIN and PSH.
        packet[ip_header + 13] &= !0x09;
    }
    packet[ip_header + 16..ip_header + 18].fill(0);
    let mut sum = Checksum::new();
    sum.add_addr(ip.src);
    sum.add_addr(ip.dst);
    sum.add_u16(6);
    sum.add_u16((len - ip_header) as u16);
    sum.add_bytes(&packet[ip_header..]);
    let sum = sum.finish();
    packet[ip_header + 16..ip_header + 18].copy_from_slice(&sum.to_be_bytes());
    packet
}
