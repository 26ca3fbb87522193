//! Wire formats: what a packet costs before anybody looks at it.
//!
//! `cargo bench --bench wire`

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a bench may panic, and criterion's macro writes no documentation"
)]

use std::hint::black_box;
use std::net::IpAddr;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use tcpstate::SeqNumber;
use tcpstate::wire::{
    Checksum, IpPacket, IpProtocol, Ipv4Repr, LinkType, Network, OptionsBuilder, TcpFlags, TcpOption,
    TcpRepr, TcpSegment, link,
};

const SRC: [u8; 4] = [10, 0, 0, 1];
const DST: [u8; 4] = [10, 0, 0, 2];

/// An Ethernet frame with a TCP segment that has timestamps and this much payload.
fn frame(payload: &[u8]) -> Vec<u8> {
    let mut options = OptionsBuilder::new();
    for option in [TcpOption::Nop, TcpOption::Nop, TcpOption::Timestamps { val: 1, ecr: 2 }] {
        options.push(&option).expect("12 octets fit");
    }
    let tcp = TcpRepr {
        src_port: 49_152,
        dst_port: 443,
        seq: SeqNumber::new(1),
        ack: SeqNumber::new(1),
        flags: TcpFlags::ACK | TcpFlags::PSH,
        window: 502,
        options: options.as_bytes(),
        ..TcpRepr::default()
    };
    let ip = Ipv4Repr {
        payload_len: tcp.header_len() + payload.len(),
        ..Ipv4Repr::new(SRC.into(), DST.into(), IpProtocol::TCP)
    };
    let mut frame = vec![0; 14 + ip.header_len() + ip.payload_len];
    frame[12..14].copy_from_slice(&0x0800_u16.to_be_bytes());
    let at = 14 + ip.emit(&mut frame[14..]).expect("it has room");
    tcp.emit(&mut frame[at..], IpAddr::from(SRC), IpAddr::from(DST), [payload]).expect("it has room");
    frame
}

fn segment(frame: &[u8]) -> Option<(IpPacket<'_>, TcpSegment<'_>)> {
    let Ok(Network::Ip { bytes, wire_len }) = link::network_layer(LinkType::Ethernet, frame, frame.len())
    else {
        return None;
    };
    let packet = IpPacket::parse(bytes, wire_len).ok()?;
    Some((packet, TcpSegment::parse(packet.payload, packet.payload_len).ok()?))
}

fn parse(c: &mut Criterion) {
    let mut group = c.benchmark_group("wire/parse");
    group.throughput(Throughput::Elements(1));
    let frame = frame(&[0x5a; 1448]);
    group.bench_function("ethernet-ipv4-tcp-options", |b| {
        b.iter(|| {
            let (_, segment) = segment(black_box(&frame)).expect("a segment");
            (segment.seq, segment.options.timestamps(), segment.payload.len())
        });
    });
    group.bench_function("ethernet-ipv4-tcp-options-checksum", |b| {
        b.iter(|| {
            let (packet, segment) = segment(black_box(&frame)).expect("a segment");
            segment.checksum_status(packet.src, packet.dst)
        });
    });
    group.finish();
}

fn checksum(c: &mut Criterion) {
    let mut group = c.benchmark_group("wire/checksum");
    let bytes: Vec<u8> = (0..65_536_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let mut out = vec![0; bytes.len()];
    for len in [64, 1460, 65_536] {
        group.throughput(Throughput::Bytes(len as u64));
        group.bench_with_input(BenchmarkId::new("sum", len), &bytes[..len], |b, bytes| {
            b.iter(|| {
                let mut sum = Checksum::new();
                sum.add_bytes(black_box(bytes));
                sum.finish()
            });
        });
        group.bench_with_input(BenchmarkId::new("copy-and-sum", len), &bytes[..len], |b, bytes| {
            b.iter(|| {
                let mut sum = Checksum::new();
                sum.copy_and_add(black_box(&mut out), black_box(bytes));
                sum.finish()
            });
        });
    }
    group.finish();
}

criterion_group!(benches, parse, checksum);
criterion_main!(benches);
