//! Replay: octets of capture for a second, from a file in memory to the reports.
//!
//! `cargo bench --features pcap --bench replay`

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a bench may panic, and criterion's macro writes no documentation"
)]

use std::hint::black_box;
use std::net::IpAddr;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tcpstate::capture::{CaptureReader, PcapWriter};
use tcpstate::replay::{FlowReport, Replay, ReplayConfig};
use tcpstate::wire::{IpProtocol, Ipv4Repr, OptionsBuilder, TcpFlags, TcpOption, TcpRepr};
use tcpstate::{Instant, SeqNumber};

/// Octets of a bulk capture.
const BULK: usize = 64 << 20;
/// Connections of a capture of short ones.
const CONNECTIONS: u16 = 20_000;
const ETHERNET: u32 = 1;
const HOSTS: [[u8; 4]; 2] = [[10, 0, 0, 1], [10, 0, 0, 2]];

/// Writes a capture of what passes between two hosts.
struct Recorder {
    writer: PcapWriter<Vec<u8>>,
    now: Instant,
    frame: Vec<u8>,
    octets: usize,
}

impl Recorder {
    fn new() -> Self {
        let writer = PcapWriter::new(Vec::with_capacity(BULK + (1 << 20)), ETHERNET);
        let writer = writer.expect("a vector takes everything");
        Self { writer, now: Instant::from_nanos(1 << 60), frame: Vec::new(), octets: 24 }
    }

    fn segment(&mut self, flow: &mut Connection, end: usize, flags: TcpFlags, payload: &[u8]) {
        let mut options = OptionsBuilder::new();
        for option in [TcpOption::Nop, TcpOption::Nop, TcpOption::Timestamps { val: 1, ecr: 2 }] {
            options.push(&option).expect("12 octets fit");
        }
        let tcp = TcpRepr {
            src_port: flow.ports[end],
            dst_port: flow.ports[1 - end],
            seq: flow.next[end],
            ack: flow.next[1 - end],
            flags,
            window: 502,
            options: options.as_bytes(),
            ..TcpRepr::default()
        };
        let (src, dst) = (HOSTS[end], HOSTS[1 - end]);
        let len = tcp.header_len() + payload.len();
        let ip = Ipv4Repr { payload_len: len, ..Ipv4Repr::new(src.into(), dst.into(), IpProtocol::TCP) };
        self.frame.resize(14 + ip.header_len() + len, 0);
        self.frame[12..14].copy_from_slice(&0x0800_u16.to_be_bytes());
        let at = 14 + ip.emit(&mut self.frame[14..]).expect("it has room");
        let addresses = [src, dst].map(IpAddr::from);
        tcp.emit(&mut self.frame[at..], addresses[0], addresses[1], [payload]).expect("it has room");
        let flag = |bit| u32::from(flags.contains(bit));
        flow.next[end] += payload.len() as u32 + flag(TcpFlags::SYN) + flag(TcpFlags::FIN);
        self.now = self.now + Duration::from_micros(10);
        self.writer
            .write_frame(self.now, ETHERNET, &self.frame, self.frame.len() as u32)
            .expect("a vector takes everything");
        self.octets += 16 + self.frame.len();
    }

    fn handshake(&mut self, flow: &mut Connection) {
        self.segment(flow, 0, TcpFlags::SYN, b"");
        self.segment(flow, 1, TcpFlags::SYN | TcpFlags::ACK, b"");
        self.segment(flow, 0, TcpFlags::ACK, b"");
    }

    fn close(&mut self, flow: &mut Connection) {
        self.segment(flow, 0, TcpFlags::FIN | TcpFlags::ACK, b"");
        self.segment(flow, 1, TcpFlags::FIN | TcpFlags::ACK, b"");
        self.segment(flow, 0, TcpFlags::ACK, b"");
    }

    fn finish(self) -> Vec<u8> {
        self.writer.finish().expect("a vector takes everything")
    }
}

struct Connection {
    ports: [u16; 2],
    next: [SeqNumber; 2],
}

impl Connection {
    fn new(port: u16) -> Self {
        let isn = u32::from(port) << 12;
        Self { ports: [port, 80], next: [SeqNumber::new(isn), SeqNumber::new(!isn)] }
    }
}

/// One flow of full segments, every second one acknowledged, as a large download looks.
fn bulk() -> Vec<u8> {
    let mut recorder = Recorder::new();
    let mut flow = Connection::new(40_000);
    let payload: Vec<u8> = (0..1_448_u32).map(|at| (at * 31) as u8).collect();
    recorder.handshake(&mut flow);
    while recorder.octets < BULK {
        recorder.segment(&mut flow, 0, TcpFlags::ACK, &payload);
        recorder.segment(&mut flow, 0, TcpFlags::ACK | TcpFlags::PSH, &payload);
        recorder.segment(&mut flow, 1, TcpFlags::ACK, b"");
    }
    recorder.close(&mut flow);
    recorder.finish()
}

/// Many connections of one request and one answer.
fn short_connections() -> Vec<u8> {
    let mut recorder = Recorder::new();
    for port in 0..CONNECTIONS {
        let mut flow = Connection::new(10_000 + port);
        recorder.handshake(&mut flow);
        recorder.segment(&mut flow, 0, TcpFlags::ACK | TcpFlags::PSH, &[b'q'; 100]);
        recorder.segment(&mut flow, 1, TcpFlags::ACK | TcpFlags::PSH, &[b'a'; 1_000]);
        recorder.segment(&mut flow, 0, TcpFlags::ACK, b"");
        recorder.close(&mut flow);
    }
    recorder.finish()
}

/// Follows every flow of a capture; answers the last report.
fn replay(file: &[u8], config: ReplayConfig) -> Option<FlowReport> {
    let mut reader = CaptureReader::new(file).expect("the header is sound");
    let mut replay = Replay::new(config);
    while let Some(frame) = reader.next_frame().expect("the file is sound") {
        replay.frame(&frame).expect("memory does not fail");
    }
    let mut finished = replay.finish().expect("memory does not fail");
    let mut last = None;
    while let Some(flow) = finished.next_flow().expect("memory does not fail") {
        last = Some(flow);
    }
    last
}

/// Reads every frame of a capture; answers how many octets they have.
fn read(file: &[u8]) -> usize {
    let mut reader = CaptureReader::new(file).expect("the header is sound");
    let mut octets = 0;
    while let Some(frame) = reader.next_frame().expect("the file is sound") {
        octets += black_box(frame.data).len();
    }
    octets
}

/// What the table needs: everything but the hashes.
fn table() -> ReplayConfig {
    let mut config = ReplayConfig::default();
    config.hash_streams = false;
    config
}

fn of_bulk(c: &mut Criterion) {
    let file = bulk();
    let mut group = c.benchmark_group("replay/bulk");
    group.throughput(Throughput::Bytes(file.len() as u64)).sample_size(20);
    group.bench_function("read-frames", |b| {
        b.iter(|| read(black_box(&file)));
    });
    for (name, config) in [("table", table()), ("hashed", ReplayConfig::default())] {
        group.bench_function(name, |b| {
            b.iter_with_large_drop(|| replay(black_box(&file), config));
        });
    }
    group.finish();
}

fn of_short_connections(c: &mut Criterion) {
    let file = short_connections();
    let mut group = c.benchmark_group("replay/short-connections");
    group.throughput(Throughput::Elements(u64::from(CONNECTIONS))).sample_size(20);
    group.bench_function("table", |b| {
        b.iter_with_large_drop(|| replay(black_box(&file), table()));
    });
    group.finish();
}

criterion_group!(benches, of_bulk, of_short_connections);
criterion_main!(benches);
