//! What cannot be left out: each octet is copied into a packet, summed on both sides, and nothing else is done.

use super::PIECE;
use crate::clock;
use crate::race::{Contender, Key};
use std::hint::black_box;
use std::time::Duration;
use tcpstate::wire::Checksum;

/// Octets of headers: IPv4, TCP, timestamps.
const HEADERS: usize = 52;

/// How an octet gets into a packet, and into the checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// In one pass.
    Fused,
    /// By the C library's copy, which knows the processor, and a sum of the octets that are in its cache then.
    CopyThenSum,
}

pub(super) struct Floor {
    key: Key,
    /// What the application sends.
    source: Vec<u8>,
    position: usize,
    /// As many packets as the others have, so that as much memory is touched.
    packets: Vec<u8>,
    batch: usize,
    payload: usize,
    way: Way,
}

impl Floor {
    /// The faster way counts.
    pub(super) fn new(key: Key, batch: usize) -> Self {
        let mtu = key.mtu as usize;
        let source = (0..PIECE).map(|place| (place % 251) as u8).collect();
        let packets = vec![0; batch * mtu];
        let payload = mtu - HEADERS;
        let mut floor = Self { key, source, position: 0, packets, batch, payload, way: Way::Fused };
        let [fused, separate] = [Way::Fused, Way::CopyThenSum].map(|way| {
            floor.way = way;
            floor.best_of_some()
        });
        floor.way = if fused <= separate { Way::Fused } else { Way::CopyThenSum };
        eprintln!("floor, MTU {mtu}: {:?} is faster ({fused:?} fused, {separate:?} apart)", floor.way);
        floor
    }

    fn best_of_some(&mut self) -> Duration {
        let some = (0..20).map(|_| {
            let begun = clock::computing();
            self.work(4 << 20);
            clock::computing() - begun
        });
        some.min().unwrap_or_default()
    }

    /// A batch of packets: written, then read.
    fn batch(&mut self) -> u64 {
        for packet in self.packets.chunks_exact_mut(self.key.mtu as usize) {
            if self.position + self.payload > self.source.len() {
                self.position = 0;
            }
            let from = &self.source[self.position..self.position + self.payload];
            let into = &mut packet[HEADERS..];
            let mut sum = Checksum::new();
            match self.way {
                Way::Fused => {
                    sum.copy_and_add(into, from);
                }
                Way::CopyThenSum => {
                    into.copy_from_slice(from);
                    sum.add_bytes(into);
                }
            }
            packet[..2].copy_from_slice(&sum.finish().to_be_bytes());
            self.position += self.payload;
        }
        for packet in black_box(&self.packets).chunks_exact(self.key.mtu as usize) {
            let mut sum = Checksum::new();
            sum.add_bytes(&packet[HEADERS..]);
            assert_eq!(sum.finish().to_be_bytes(), packet[..2], "nothing was damaged");
        }
        (self.batch * self.payload) as u64
    }
}

impl Contender for Floor {
    fn key(&self) -> Key {
        self.key
    }

    fn least(&self) -> u64 {
        4 << 20
    }

    fn work(&mut self, octets: u64) {
        let mut done = 0;
        while done < octets {
            done += self.batch();
        }
    }
}
