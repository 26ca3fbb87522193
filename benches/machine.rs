//! The machine and its buffers: what a segment costs either side of a connection, and a whole transfer.
//!
//! `cargo bench --bench machine`. What `instructions` counts, in time.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    reason = "a bench may panic, and criterion's macro writes no documentation"
)]

mod common;

use std::hint::black_box;

use bytes::Bytes;
use common::{DATA, GAP, Pair, Receiver, SEGMENT, Sender};
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use tcpstate::connection::{Payload, Received};
use tcpstate::tcp::{Command, Queue, SackList, SegmentMeta, Tcb, TcpConfig, Unpredictable};
use tcpstate::{Instant, SeqNumber};

/// A segment in order arrives, is read, and is acknowledged together with the next one.
fn receive(c: &mut Criterion) {
    let mut group = c.benchmark_group("machine/receive");
    group.throughput(Throughput::Elements(1));
    group.bench_function("bytes", |b| {
        let mut end = Receiver::established();
        let octets = Bytes::from_static(&DATA[..SEGMENT]);
        b.iter(|| {
            end.arrives(Payload::Bytes { octets: octets.clone(), pinned: 2_048 });
            let Received::Data(octets) = end.connection.recv(end.now, usize::MAX) else { unreadable() };
            end.answers() + octets.len()
        });
    });
    group.bench_function("slice", |b| {
        let mut end = Receiver::established();
        let mut out = vec![0; DATA.len()];
        b.iter(|| {
            end.arrives(Payload::Slice(black_box(&DATA[..SEGMENT])));
            let Received::Data(len) = end.connection.recv_slice(end.now, &mut out) else { unreadable() };
            end.answers() + len
        });
    });
    group.finish();
}

/// 32 segments of which the first comes last: 31 acknowledgments with SACK blocks, then one of everything.
fn receive_out_of_order(c: &mut Criterion) {
    const SEGMENTS: usize = 32;
    let mut group = c.benchmark_group("machine/receive-out-of-order");
    group.throughput(Throughput::Elements(SEGMENTS as u64));
    for (name, step) in [("one-gap", 1), ("every-second-lost", 2)] {
        group.bench_function(name, |b| {
            let mut end = Receiver::established();
            let mut out = vec![0; DATA.len()];
            b.iter(|| {
                let first = end.next.seq;
                for number in (step..SEGMENTS).step_by(step).chain((0..SEGMENTS).step_by(step).take(1)) {
                    arrives_at(&mut end, first, number);
                }
                for number in (1..SEGMENTS).filter(|number| number % step != 0) {
                    arrives_at(&mut end, first, number);
                }
                let Received::Data(len) = end.connection.recv_slice(end.now, &mut out) else { unreadable() };
                assert_eq!(len, SEGMENTS * SEGMENT);
                end.next.seq = first + len as u32;
                end.answers()
            });
        });
    }
    group.finish();
}

fn arrives_at(end: &mut Receiver, first: SeqNumber, number: usize) {
    end.next.seq = first + (number * SEGMENT) as u32;
    end.arrives(Payload::Slice(&DATA[..SEGMENT]));
    end.answers();
}

/// The user queues a segment, and it is formed; every second one is acknowledged.
fn send(c: &mut Criterion) {
    let mut group = c.benchmark_group("machine/send");
    group.throughput(Throughput::Elements(2));
    group.bench_function("bytes", |b| {
        let mut end = Sender::with_sent(8);
        let octets = Bytes::from_static(&DATA[..SEGMENT]);
        b.iter(|| {
            for _ in 0..2 {
                end.connection.send_bytes(end.now, octets.clone()).expect("it is open");
                black_box(end.transmits()).expect("the window is open");
            }
            end.hears_ack(2 * SEGMENT);
        });
    });
    group.bench_function("slice", |b| {
        let mut end = Sender::with_sent(8);
        b.iter(|| {
            for _ in 0..2 {
                end.connection.send(end.now, black_box(&DATA[..SEGMENT])).expect("it is open");
                black_box(end.transmits()).expect("the window is open");
            }
            end.hears_ack(2 * SEGMENT);
        });
    });
    group.finish();
}

fn acknowledgments(c: &mut Criterion) {
    const SEGMENTS: usize = 64;
    let mut group = c.benchmark_group("machine/ack");
    let sender = Sender::with_sent(SEGMENTS);
    group.throughput(Throughput::Elements(SEGMENTS as u64 / 2));
    group.bench_function("of-two-segments", |b| {
        b.iter_batched_ref(
            || sender.clone(),
            |end| {
                for _ in 0..SEGMENTS / 2 {
                    end.hears_ack(2 * SEGMENT);
                }
            },
            BatchSize::SmallInput,
        );
    });
    // The first segment is lost: 63 duplicates with SACK blocks, a segment sent again, and others as the
    // congestion window allows.
    group.throughput(Throughput::Elements(SEGMENTS as u64 - 1));
    group.bench_function("duplicate-with-sack", |b| {
        b.iter_batched_ref(
            || sender.clone(),
            |end| {
                let first = end.ack.ack + SEGMENT as u32;
                for number in 1..SEGMENTS {
                    let mut sack = SackList::default();
                    sack.push(first, first + (number * SEGMENT) as u32);
                    end.ack.options.sack = sack;
                    end.hears_ack(0);
                    while end.transmits().is_some() {}
                }
            },
            BatchSize::SmallInput,
        );
    });
    group.bench_function("window-update", |b| {
        let mut end = Sender::with_sent(8);
        b.iter(|| {
            end.ack.window ^= 1;
            end.hears_ack(0);
        });
    });
    group.finish();
}

/// Two connections, from the first octet to the last.
fn bulk(c: &mut Criterion) {
    const MIB: usize = 1 << 20;
    let mut group = c.benchmark_group("machine/bulk");
    for (name, octets) in [("one-way", [MIB, 0]), ("both-ways", [MIB, MIB])] {
        group.throughput(Throughput::Bytes((octets[0] + octets[1]) as u64));
        group.bench_with_input(BenchmarkId::new(name, "1MiB"), &octets, |b, &octets| {
            let mut pair = Pair::established();
            b.iter(|| pair.bulk(octets));
        });
    }
    group.finish();
    c.bench_function("machine/handshake", |b| b.iter(Pair::established));
}

/// Two machines without buffers, open.
fn machines() -> (Tcb, Tcb, Instant) {
    let now = Instant::from_nanos(1 << 40);
    let config = TcpConfig::default();
    let secrets = |iss| Unpredictable { iss: SeqNumber::new(iss), timestamp_offset: 0 };
    let mut caller = Tcb::connect(config, secrets(0x1000_0000), now);
    let mut called = Tcb::listen(config);
    called.prepare(secrets(0x2000_0000));
    for _ in 0..2 {
        while let Some(plan) = caller.poll_segment(now) {
            called.on_segment(now, &plan.meta);
        }
        while let Some(plan) = called.poll_segment(now) {
            caller.on_segment(now, &plan.meta);
        }
    }
    (caller, called, now)
}

/// What the machine takes of all this: a segment queued, formed, arrived, read, and acknowledged every second
/// time.
fn tcb(c: &mut Criterion) {
    let mut group = c.benchmark_group("machine/tcb");
    group.throughput(Throughput::Elements(1));
    group.bench_function("segment-there-ack-back", |b| {
        let (mut caller, mut called, mut now) = machines();
        b.iter(|| {
            now = now + GAP;
            let queue = Queue { len: SEGMENT as u32, ..Queue::default() };
            caller.on_command(now, Command::Queue(queue)).expect("it is open");
            while let Some(plan) = caller.poll_segment(now) {
                called.on_segment(now, &plan.meta);
                called.on_command(now, Command::Consumed(plan.meta.len)).expect("it was readable");
            }
            while let Some(plan) = called.poll_segment(now) {
                caller.on_segment(now, &plan.meta);
            }
        });
    });
    group.bench_function("segment-received", |b| {
        let mut end = Receiver::established();
        let mut tcb = end.connection.tcb().clone();
        b.iter(|| {
            end.now = end.now + GAP;
            let meta = SegmentMeta { len: SEGMENT as u32, ..end.next };
            black_box(tcb.on_segment(end.now, &meta));
            tcb.on_command(end.now, Command::Consumed(meta.len)).expect("it was readable");
            end.next.seq += meta.len;
            while let Some(plan) = tcb.poll_segment(end.now) {
                black_box(&plan);
            }
        });
    });
    group.finish();
}

#[cold]
fn unreadable() -> ! {
    panic!("what has arrived in order is readable")
}

criterion_group!(benches, receive, receive_out_of_order, send, acknowledgments, bulk, tcb);
criterion_main!(benches);
