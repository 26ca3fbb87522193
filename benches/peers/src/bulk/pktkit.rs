//! pktkit's `vtcp`, with headers and checksums made and verified by pktkit's own functions, as its client does it.
//!
//! It asks the clock what time it is, and is shown the virtual one.

use super::{BEGIN, End, PIECE, Setup};
use crate::clock;
use crate::wire::Batch;
use pktkit::vtcp::{Conn, ConnConfig, Segment, State};
use pktkit::{Packet, Protocol};
use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use tcpstate::Instant;

const HOSTS: [Ipv4Addr; 2] = [Ipv4Addr::new(192, 0, 2, 1), Ipv4Addr::new(192, 0, 2, 2)];
const PORTS: [u16; 2] = [49_152, 80];
const IP_HEADER: usize = 20;
/// Where a TCP header has its checksum.
const CHECKSUM: std::ops::Range<usize> = 16..18;

pub(super) fn ends(setup: &Setup) -> [Pktkit; 2] {
    clock::set(BEGIN);
    let ends = [0, 1].map(|end| {
        let (own, other) = (end, 1 - end);
        let config = ConnConfig::default()
            .local_addr(SocketAddr::from((HOSTS[own], PORTS[own])))
            .remote_addr(SocketAddr::from((HOSTS[other], PORTS[other])))
            .local_port(PORTS[own])
            .remote_port(PORTS[other])
            .mss(setup.mtu - 40)
            .autotune(false)
            .send_buf_size(setup.buffer as usize)
            .recv_buf_size(setup.buffer as usize);
        Pktkit {
            connection: Conn::new(config),
            origin: std::time::Instant::now(),
            sends: end == 0,
            opened: false,
            waiting: VecDeque::new(),
            source: vec![0x5a; PIECE],
            memory: vec![0; PIECE],
            octets_read: 0,
        }
    });
    clock::release();
    ends
}

pub(super) struct Pktkit {
    connection: Conn,
    /// [`BEGIN`] as the connection sees it.
    origin: std::time::Instant,
    sends: bool,
    opened: bool,
    /// Segments that there was no room for.
    waiting: VecDeque<Vec<u8>>,
    /// What the application writes.
    source: Vec<u8>,
    /// Where it reads into.
    memory: Vec<u8>,
    octets_read: u64,
}

impl Pktkit {
    fn take_in(&mut self, packet: &[u8]) {
        let packet = Packet::from_slice(packet);
        if packet.verify_transport_checksum() != Some(true) {
            return;
        }
        let Ok(segment) = Segment::parse(packet.payload()) else { return };
        let listens = !self.sends && self.connection.state() == State::Closed;
        let segments = if listens {
            self.connection.accept_syn(&segment)
        } else {
            self.connection.handle_segment(&segment)
        };
        self.waiting.extend(segments);
    }

    fn user(&mut self) {
        if self.sends {
            loop {
                let (taken, segments) = self.connection.write(&self.source);
                self.waiting.extend(segments);
                if taken < self.source.len() {
                    break;
                }
            }
            return;
        }
        loop {
            match self.connection.read(&mut self.memory) {
                0 => break,
                read => self.octets_read += read as u64,
            }
        }
    }

    /// A packet around a segment, with both checksums.
    fn frame(&self, segment: &[u8], out: &mut [u8]) -> Option<usize> {
        let len = IP_HEADER + segment.len();
        let [own, other] = if self.sends { HOSTS } else { [HOSTS[1], HOSTS[0]] };
        let (ip, tcp) = out.get_mut(..len)?.split_at_mut(IP_HEADER);
        ip.copy_from_slice(&[0x45, 0, 0, 0, 0, 0, 0, 0, 64, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        ip[2..4].copy_from_slice(&(len as u16).to_be_bytes());
        ip[12..16].copy_from_slice(&own.octets());
        ip[16..20].copy_from_slice(&other.octets());
        let sum = pktkit::checksum(ip);
        ip[10..12].copy_from_slice(&sum.to_be_bytes());
        tcp.copy_from_slice(segment);
        let sum = pktkit::transport_checksum(Protocol::TCP, IpAddr::V4(own), IpAddr::V4(other), tcp);
        tcp[CHECKSUM].copy_from_slice(&sum.to_be_bytes());
        Some(len)
    }
}

impl End for Pktkit {
    fn turn(&mut self, now: Instant, came: &mut Batch, goes: &mut Batch) {
        clock::set(now);
        if self.sends && !self.opened {
            self.opened = true;
            let segments = self.connection.connect();
            self.waiting.extend(segments);
        }
        while let Some(packet) = came.next() {
            self.take_in(packet);
        }
        if self.deadline(now).is_some_and(|at| at <= now) {
            let segments = self.connection.tick();
            self.waiting.extend(segments);
        }
        self.user();
        let segments = self.connection.take_outgoing();
        self.waiting.extend(segments);
        while !goes.is_full()
            && let Some(segment) = self.waiting.pop_front()
        {
            goes.push(|out| self.frame(&segment, out));
        }
    }

    fn deadline(&mut self, _: Instant) -> Option<Instant> {
        let since = self.connection.next_deadline()?.saturating_duration_since(self.origin);
        Some(BEGIN + since)
    }

    fn octets_read(&self) -> u64 {
        self.octets_read
    }
}
