//! What the integration tests of replay share: the recorded captures, packets made to order, a small generator
//! of random numbers, and a run of the library over either.

#![allow(
    dead_code,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "each test uses a part of this, and may fail by panicking"
)]

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tcpstate::capture::{CaptureFault, CaptureReader, Frame, PcapngWriter};
use tcpstate::replay::{FlowReport, Replay, ReplayConfig, Summary};
use tcpstate::wire::{
    IpProtocol, Ipv4Repr, Ipv6Header, OptionsBuilder, TcpFlags, TcpOption, TcpRepr, UdpRepr,
};
use tcpstate::{Instant, SeqNumber};

/// Raw IP, version 4 or 6: packets without a link header.
pub(crate) const RAW_IP: u32 = 101;

pub(crate) const SYN: TcpFlags = TcpFlags::SYN;
pub(crate) const ACK: TcpFlags = TcpFlags::ACK;
pub(crate) const FIN: TcpFlags = TcpFlags::FIN;
pub(crate) const RST: TcpFlags = TcpFlags::RST;
pub(crate) const PSH: TcpFlags = TcpFlags::PSH;

/// Where the recorded captures of this project are.
pub(crate) fn fixtures_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/captures")
}

/// The path of a recorded capture.
pub(crate) fn fixture(name: &str) -> PathBuf {
    fixtures_dir().join(name).with_extension("pcapng")
}

/// The captures in a directory, by name.
pub(crate) fn captures_in(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).expect("the directory can be read");
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.expect("the directory can be read").path())
        .filter(|path| path.extension().is_some_and(|kind| kind == "pcap" || kind == "pcapng"))
        .collect();
    paths.sort();
    paths
}

/// Every recorded capture of this project.
pub(crate) fn fixtures() -> Vec<PathBuf> {
    let paths = captures_in(&fixtures_dir());
    assert!(paths.len() >= 29, "the recorded captures are there");
    paths
}

pub(crate) fn name_of(path: &Path) -> String {
    path.file_name().expect("it is a file").to_string_lossy().into_owned()
}

pub(crate) fn read(path: &Path) -> Vec<u8> {
    fs::read(path).expect("the file can be read")
}

/// What a replay gave.
#[derive(Debug, PartialEq)]
pub(crate) struct Replayed {
    /// In order of first frame.
    pub(crate) flows: Vec<FlowReport>,
    pub(crate) summary: Summary,
    pub(crate) fault: Option<CaptureFault>,
    /// Frames that the reader gave.
    pub(crate) frames: u64,
}

impl Replayed {
    /// Frames in flows, and frames that were skipped.
    pub(crate) fn accounted(&self) -> u64 {
        let followed: u64 = self.flows.iter().flat_map(|flow| flow.frames).sum();
        followed + self.summary.skipped.values().sum::<u64>()
    }

    pub(crate) fn only_flow(&self) -> &FlowReport {
        assert_eq!(self.flows.len(), 1, "there is one flow");
        &self.flows[0]
    }
}

/// Replays a capture file that lies in memory, as far as it can be read.
pub(crate) fn replay_file(file: &[u8], config: ReplayConfig) -> Replayed {
    let mut replay = Replay::new(config);
    let mut flows = Vec::new();
    let mut frames = 0;
    let fault = match CaptureReader::new(file) {
        Err(fault) => Some(fault),
        Ok(mut reader) => loop {
            match reader.next_frame() {
                Ok(Some(frame)) => {
                    frames = frame.number;
                    replay.frame(&frame).expect("memory does not fail");
                    flows.extend(std::iter::from_fn(|| replay.poll_ended()));
                }
                Ok(None) => break None,
                Err(fault) => break Some(fault),
            }
        },
    };
    finish(replay, flows, fault, frames)
}

fn finish(replay: Replay, mut flows: Vec<FlowReport>, fault: Option<CaptureFault>, frames: u64) -> Replayed {
    let mut finished = replay.finish().expect("memory does not fail");
    while let Some(flow) = finished.next_flow().expect("memory does not fail") {
        flows.push(flow);
    }
    flows.sort_by_key(|flow| flow.first_frame);
    Replayed { flows, summary: finished.summary, fault, frames }
}

/// A packet at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Packet {
    pub(crate) time: Instant,
    pub(crate) data: Vec<u8>,
}

/// A capture in the making: raw IP packets, and the time at which the next one passes by.
#[derive(Clone, Debug)]
pub(crate) struct Tape {
    pub(crate) now: Instant,
    pub(crate) packets: Vec<Packet>,
}

impl Default for Tape {
    fn default() -> Self {
        Self { now: Instant::from_nanos(1_700_000_000_000_000_000), packets: Vec::new() }
    }
}

impl Tape {
    /// Lets time pass before the next packet.
    pub(crate) fn pass(&mut self, span: Duration) -> &mut Self {
        self.now = self.now + span;
        self
    }

    /// Puts a packet on the tape; answers the number of its frame.
    pub(crate) fn put(&mut self, data: Vec<u8>) -> u64 {
        self.packets.push(Packet { time: self.now, data });
        self.packets.len() as u64
    }

    /// A TCP segment; the ports of `head` are filled in.
    pub(crate) fn tcp(&mut self, from: SocketAddr, to: SocketAddr, head: TcpRepr<'_>, payload: &[u8]) -> u64 {
        let mut data = Vec::new();
        tcp_packet(&mut data, from, to, head, payload);
        self.put(data)
    }

    /// A UDP datagram between two ends that have nothing to do with any connection.
    pub(crate) fn udp(&mut self) -> u64 {
        let (from, to) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        let mut datagram = [0; 12];
        UdpRepr { src_port: 5353, dst_port: 5353 }
            .emit(&mut datagram, from, to, [b"tick".as_slice()])
            .expect("it has room");
        self.put(ip_packet(from, to, IpProtocol::UDP, &datagram))
    }

    /// The tape as a pcapng file.
    pub(crate) fn pcapng(&self) -> Vec<u8> {
        let mut writer = PcapngWriter::new(Vec::new(), &[RAW_IP]).expect("a vector takes everything");
        for packet in &self.packets {
            let wire_len = u32::try_from(packet.data.len()).expect("packets are short");
            writer
                .write_frame(packet.time, RAW_IP, &packet.data, wire_len, None)
                .expect("a vector takes everything");
        }
        writer.finish().expect("a vector takes everything")
    }

    /// Gives every packet to `take` as a frame.
    pub(crate) fn play(&self, mut take: impl FnMut(&Frame<'_>)) {
        for (packet, number) in self.packets.iter().zip(1..) {
            take(&frame(number, packet.time, &packet.data));
        }
    }

    pub(crate) fn replay(&self, config: ReplayConfig) -> Replayed {
        let mut replay = Replay::new(config);
        let mut flows = Vec::new();
        self.play(|frame| {
            replay.frame(frame).expect("memory does not fail");
            flows.extend(std::iter::from_fn(|| replay.poll_ended()));
        });
        finish(replay, flows, None, self.packets.len() as u64)
    }
}

/// A frame that holds a raw IP packet, all of it.
pub(crate) fn frame(number: u64, time: Instant, data: &[u8]) -> Frame<'_> {
    let wire_len = u32::try_from(data.len()).expect("packets are short");
    Frame { number, time, dlt: RAW_IP, data, wire_len }
}

/// Writes a packet with a TCP segment into `out`, which is made as long as it is. Nothing is allocated once
/// `out` has the room.
pub(crate) fn tcp_packet(
    out: &mut Vec<u8>,
    from: SocketAddr,
    to: SocketAddr,
    head: TcpRepr<'_>,
    payload: &[u8],
) {
    let head = TcpRepr { src_port: from.port(), dst_port: to.port(), ..head };
    let len = head.header_len() + payload.len();
    let at = ip_header(out, from.ip(), to.ip(), IpProtocol::TCP, len);
    head.emit(&mut out[at..], from.ip(), to.ip(), [payload]).expect("it has room");
}

/// A packet with this upper layer.
pub(crate) fn ip_packet(from: IpAddr, to: IpAddr, protocol: IpProtocol, upper: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let at = ip_header(&mut out, from, to, protocol, upper.len());
    out[at..].copy_from_slice(upper);
    out
}

/// Makes `out` a packet with room for `len` octets after the header; answers where they begin.
fn ip_header(out: &mut Vec<u8>, from: IpAddr, to: IpAddr, protocol: IpProtocol, len: usize) -> usize {
    match (from, to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            let ip = Ipv4Repr { payload_len: len, ..Ipv4Repr::new(from, to, protocol) };
            out.resize(ip.header_len() + len, 0);
            ip.emit(out).expect("it has room")
        }
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            let payload_len = u16::try_from(len).expect("packets are short");
            let ip = Ipv6Header { payload_len, ..Ipv6Header::new(from, to, protocol) };
            out.resize(Ipv6Header::LEN + len, 0);
            ip.emit(out).expect("it has room")
        }
        _ => panic!("both ends are of one family"),
    }
}

/// An IPv4 packet with a fragment of an upper layer.
pub(crate) fn fragment(from: [u8; 4], to: [u8; 4], id: u16, at: u16, more: bool, piece: &[u8]) -> Vec<u8> {
    let ip = Ipv4Repr {
        id,
        dont_fragment: false,
        more_fragments: more,
        fragment_offset: at,
        payload_len: piece.len(),
        ..Ipv4Repr::new(from.into(), to.into(), IpProtocol::TCP)
    };
    let mut out = vec![0; ip.header_len() + piece.len()];
    let start = ip.emit(&mut out).expect("it has room");
    out[start..].copy_from_slice(piece);
    out
}

/// Two ends that do as a real TCP does when all goes well, and where they are in sequence space.
#[derive(Clone, Debug)]
pub(crate) struct Pair {
    pub(crate) ends: [SocketAddr; 2],
    /// The next number of each end.
    pub(crate) next: [SeqNumber; 2],
    /// What both say in every segment.
    pub(crate) window: u16,
    /// The scale of the window that both offer with their SYN.
    pub(crate) scale: Option<u8>,
}

impl Pair {
    /// `a` calls from this port; both sequence spaces begin at numbers of the port's own.
    pub(crate) fn on_port(port: u16) -> Self {
        let isn = u32::from(port).wrapping_mul(2_654_435_761);
        Self {
            ends: [SocketAddr::from(([10, 0, 0, 1], port)), SocketAddr::from(([10, 0, 0, 2], 80))],
            next: [SeqNumber::new(isn), SeqNumber::new(!isn)],
            window: u16::MAX,
            scale: Some(14),
        }
    }

    /// A segment of `end`, 0 or 1, at its next number, which moves on; answers the number of its frame.
    pub(crate) fn send(&mut self, tape: &mut Tape, end: usize, flags: TcpFlags, payload: &[u8]) -> u64 {
        let frame = self.repeat(tape, end, self.next[end], flags, payload);
        let len = u32::try_from(payload.len()).expect("payloads are short");
        let flag = |bit| u32::from(flags.contains(bit));
        self.next[end] += len + flag(SYN) + flag(FIN);
        frame
    }

    /// A segment of `end` at any number.
    pub(crate) fn repeat(
        &mut self,
        tape: &mut Tape,
        end: usize,
        seq: SeqNumber,
        flags: TcpFlags,
        payload: &[u8],
    ) -> u64 {
        let mut options = OptionsBuilder::new();
        if let Some(scale) = self.scale.filter(|_| flags.contains(SYN)) {
            options.push(&TcpOption::WindowScale(scale)).expect("it has room");
        }
        let ack = if flags.contains(ACK) { self.next[1 - end] } else { SeqNumber::new(0) };
        let head = TcpRepr {
            seq,
            ack,
            flags,
            window: self.window,
            options: options.as_bytes(),
            ..TcpRepr::default()
        };
        tape.tcp(self.ends[end], self.ends[1 - end], head, payload)
    }

    pub(crate) fn handshake(&mut self, tape: &mut Tape) {
        self.send(tape, 0, SYN, b"");
        self.send(tape, 1, SYN | ACK, b"");
        self.send(tape, 0, ACK, b"");
    }

    /// `end` closes first, in four segments; the last one is the other's acknowledgment.
    pub(crate) fn close_by(&mut self, tape: &mut Tape, end: usize) {
        self.send(tape, end, FIN | ACK, b"");
        self.send(tape, 1 - end, ACK, b"");
        self.send(tape, 1 - end, FIN | ACK, b"");
        self.send(tape, end, ACK, b"");
    }

    /// A whole connection: handshake, a request, an answer, close by `a`.
    pub(crate) fn converse(&mut self, tape: &mut Tape) {
        self.handshake(tape);
        self.send(tape, 0, PSH | ACK, b"GET / HTTP/1.0\r\n\r\n");
        self.send(tape, 1, ACK, b"");
        self.send(tape, 1, PSH | ACK, b"HTTP/1.0 204 No Content\r\n\r\n");
        self.send(tape, 0, ACK, b"");
        self.close_by(tape, 0);
    }
}

/// SplitMix64: small, and the same everywhere.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`; 0 if that is 0.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        if limit == 0 { 0 } else { (self.next() % limit as u64) as usize }
    }

    pub(crate) fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.next() as u8).collect()
    }
}
