//! How many instructions the machine and its buffers take for a segment, counted by callgrind: the figure is
//! the same on a busy computer and on an idle one. The run fails where there are more than the limit.
//!
//! `cargo bench --bench instructions`, with valgrind and the runner of the library's version:
//! `cargo install gungraun-runner --version 0.20.0 --locked`. Without either it says so and measures nothing.
//!
//! A figure is for 100 segments, warmed up. Copies of octets are counted; checksums and the network between
//! are not, for they are no part of a connection.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    unreachable_pub,
    reason = "a bench may panic; the macros write no documentation and say pub"
)]

mod common;

use std::process::{Command, Stdio};

/// Whether there is such a program.
fn exists(program: &str) -> bool {
    let mut command = Command::new(program);
    command.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok()
}

fn main() {
    // The runner starts this program again, inside valgrind.
    let is_measured = std::env::args().nth(1).is_some_and(|first| first == "--gungraun-run");
    let runner = option_env!("GUNGRAUN_RUNNER").unwrap_or("gungraun-runner");
    let missing = ["valgrind", runner].into_iter().find(|program| !is_measured && !exists(program));
    match missing {
        Some(program) => println!("SKIPPED: no instructions are counted where {program} is not installed."),
        None => measured::run(),
    }
}

mod measured {
    use std::hint::black_box;
    use std::mem::take;

    use bytes::Bytes;
    use gungraun::prelude::*;
    use gungraun::{Callgrind, EventKind};
    use tcpstate::Instant;
    use tcpstate::connection::{Payload, Received};
    use tcpstate::tcp::SegmentMeta;

    use super::common::{DATA, GAP, Pair, Receiver, SEGMENT, Sender};

    const SEGMENTS: usize = 100;

    /// At most so many instructions for each segment.
    fn at_most(each: u64) -> LibraryBenchmarkConfig {
        let mut config = LibraryBenchmarkConfig::default();
        config.tool(Callgrind::default().hard_limits([(EventKind::Ir, each * SEGMENTS as u64)]).clone());
        config
    }

    /// Segments on their way: when they arrive, and what.
    type Segments<P> = Vec<(Instant, SegmentMeta, P)>;

    /// Segments whose payload lies in packets of their own; those are kept, so that none is freed where it
    /// counts.
    fn packets(len: usize) -> (Receiver, Segments<Bytes>, Vec<Bytes>) {
        let mut end = Receiver::established();
        let kept: Vec<_> = (0..SEGMENTS).map(|_| Bytes::copy_from_slice(&DATA[..len])).collect();
        let segments = kept.iter().map(|octets| {
            let (at, header) = end.next_header(len);
            (at, header, octets.clone())
        });
        let segments = segments.collect();
        (end, segments, kept)
    }

    /// Segments whose payload lies in a buffer that is used again, and a reader's buffer.
    fn slices(len: usize) -> (Receiver, Segments<&'static [u8]>, Vec<u8>) {
        let mut end = Receiver::established();
        let segments = (0..SEGMENTS).map(|_| {
            let (at, header) = end.next_header(len);
            (at, header, &DATA[..len])
        });
        let segments = segments.collect();
        (end, segments, vec![0; len])
    }

    /// Segments that arrive where others are missing: with so many gaps before them already, each behind a further
    /// one; or, where a step is given, at every so manieth gap, in no order.
    fn gaps(held: u32, step: Option<u32>) -> (Receiver, Segments<Bytes>) {
        let mut end = Receiver::with_gaps(held);
        let first = end.connection.tcb().rcv_nxt();
        let segments = (0..SEGMENTS as u32).map(|number| {
            // Half a segment, so that the gap remains one.
            let (seq, len) = match step {
                Some(step) => (first + (number * step % held) * 2 * SEGMENT as u32 + 100, SEGMENT / 2),
                None => (end.next.seq + SEGMENT as u32, SEGMENT),
            };
            end.next.seq = seq;
            let (at, header) = end.next_header(len);
            (at, header, Bytes::from_static(&DATA[..len]))
        });
        let segments = segments.collect();
        (end, segments)
    }

    /// The segments that fill the gaps, from the first on.
    fn fillings(held: u32) -> (Receiver, Segments<Bytes>) {
        let mut end = Receiver::with_gaps(held);
        end.next.seq = end.connection.tcb().rcv_nxt();
        let segments = (0..SEGMENTS).map(|_| {
            let (at, header) = end.next_header(SEGMENT);
            end.next.seq += SEGMENT as u32;
            (at, header, Bytes::from_static(&DATA[..SEGMENT]))
        });
        let segments = segments.collect();
        (end, segments)
    }

    /// Octets to be sent that lie in pieces of a segment's size.
    fn sender_and_data(outstanding: usize) -> (Sender, Vec<Bytes>) {
        let data = Bytes::copy_from_slice(&DATA[..SEGMENT]);
        (Sender::with_sent(outstanding), vec![data; SEGMENTS])
    }

    /// Acknowledgments of one full segment each.
    fn acks(count: usize) -> (Sender, Segments<()>) {
        let mut end = Sender::with_sent(count + 1);
        let segments = (0..count).map(|_| {
            let (at, header) = end.next_ack(SEGMENT);
            (at, header, ())
        });
        let segments = segments.collect();
        (end, segments)
    }

    // A segment arrives whose octets may be kept, they are read, and what is to be acknowledged is.
    #[library_benchmark(config = at_most(900))]
    #[bench::by_reference(args = (SEGMENT), setup = packets)]
    fn in_order_segment_received(
        (mut end, mut segments, kept): (Receiver, Segments<Bytes>, Vec<Bytes>),
    ) -> (Receiver, Segments<Bytes>, Vec<Bytes>) {
        let connection = &mut end.connection;
        for (now, header, octets) in &mut segments {
            let payload = Payload::Bytes { octets: take(octets), pinned: 2_048 };
            connection.on_segment(*now, header, payload);
            let Received::Data(octets) = connection.recv(*now, usize::MAX) else { unreadable() };
            black_box(octets);
            while let Some(plan) = connection.poll_segment(*now) {
                black_box(&plan);
            }
        }
        (end, segments, kept)
    }

    // A segment arrives behind a gap, and a duplicate acknowledgment is formed: one gap, or 12,000 as after a slow
    // start that has overshot; at the end, or anywhere.
    #[library_benchmark(config = at_most(6_000))]
    #[bench::few_gaps(args = (1, None), setup = gaps)]
    #[bench::many_gaps(args = (12_000, None), setup = gaps)]
    #[bench::in_no_order(args = (12_000, Some(7_919)), setup = gaps)]
    fn segment_behind_a_gap((mut end, mut segments): (Receiver, Segments<Bytes>)) -> Receiver {
        let connection = &mut end.connection;
        for (now, header, octets) in &mut segments {
            let payload = Payload::Bytes { octets: take(octets), pinned: 2_048 };
            connection.on_segment(*now, header, payload);
            black_box(&connection.poll_segment(*now));
        }
        end
    }

    // The first of many gaps is filled, what can be read is, and that is acknowledged.
    #[library_benchmark(config = at_most(6_000))]
    #[bench::of_12_000(args = (12_000), setup = fillings)]
    fn gap_filled((mut end, mut segments): (Receiver, Segments<Bytes>)) -> Receiver {
        let connection = &mut end.connection;
        for (now, header, octets) in &mut segments {
            let payload = Payload::Bytes { octets: take(octets), pinned: 2_048 };
            connection.on_segment(*now, header, payload);
            while let Received::Data(octets) = connection.recv(*now, usize::MAX) {
                black_box(octets);
            }
            black_box(&connection.poll_segment(*now));
        }
        end
    }

    // The same through slices: two copies of each octet, which are counted.
    #[library_benchmark]
    #[bench::full(args = (SEGMENT), setup = slices)]
    #[bench::one_octet(args = (1), setup = slices)]
    fn in_order_segment_copied(
        (mut end, segments, mut out): (Receiver, Segments<&'static [u8]>, Vec<u8>),
    ) -> (Receiver, Vec<u8>) {
        let connection = &mut end.connection;
        for (now, header, octets) in &segments {
            connection.on_segment(*now, header, Payload::Slice(octets));
            let Received::Data(_) = connection.recv_slice(*now, &mut out) else { unreadable() };
            while let Some(plan) = connection.poll_segment(*now) {
                black_box(&plan);
            }
        }
        (end, out)
    }

    // A segment is queued and formed.
    #[library_benchmark(config = at_most(1_150))]
    #[bench::by_reference(args = (1), setup = sender_and_data)]
    fn segment_sent((mut end, mut data): (Sender, Vec<Bytes>)) -> (Sender, Vec<Bytes>) {
        for octets in &mut data {
            black_box(end.connection.send_bytes(end.now, take(octets)).is_ok());
            form(&mut end);
        }
        (end, data)
    }

    // The same through a slice: one copy of each octet, which is counted.
    #[library_benchmark]
    #[bench::full(args = (1), setup = Sender::with_sent)]
    fn segment_copied_and_sent(mut end: Sender) -> Sender {
        for _ in 0..SEGMENTS {
            black_box(end.connection.send(end.now, &DATA[..SEGMENT]).is_ok());
            form(&mut end);
        }
        end
    }

    // A segment whose octets are in the buffer is formed.
    #[library_benchmark(config = at_most(650))]
    #[bench::full(args = (SEGMENTS), setup = Sender::with_queued)]
    fn segment_formed(mut end: Sender) -> Sender {
        for _ in 0..SEGMENTS {
            form(&mut end);
        }
        end
    }

    /// Forms a segment, each at a moment of its own, and looks where its octets are.
    #[inline]
    fn form(end: &mut Sender) {
        end.now = end.now + GAP;
        // By reference: moving a plan is not what is measured.
        let plan = end.connection.poll_segment(end.now);
        if let Some(plan) = black_box(&plan) {
            end.connection.payload(plan).for_each(|piece| {
                black_box(piece);
            });
        }
    }

    // An acknowledgment of one segment arrives, and there is nothing more to send.
    #[library_benchmark]
    #[bench::of_one_segment(args = (SEGMENTS), setup = acks)]
    fn pure_ack_received((mut end, segments): (Sender, Segments<()>)) -> Sender {
        let connection = &mut end.connection;
        for (now, header, ()) in &segments {
            connection.on_segment(*now, header, Payload::Slice(&[]));
            black_box(connection.poll_segment(*now).is_some());
        }
        end
    }

    // From the first octet of 1 MiB to the last: queued, formed, copied to a packet, arrived, read,
    // acknowledged.
    #[library_benchmark]
    #[bench::one_way(args = (), setup = Pair::established)]
    pub(super) fn bulk_of_two_connections(mut pair: Pair) -> Pair {
        pair.bulk([1 << 20, 0]);
        pair
    }

    #[cold]
    fn unreadable() -> ! {
        panic!("what has arrived in order is readable")
    }

    library_benchmark_group!(
        name = segments,
        benchmarks = [
            in_order_segment_received,
            in_order_segment_copied,
            segment_behind_a_gap,
            gap_filled,
            segment_sent,
            segment_copied_and_sent,
            segment_formed,
            pure_ack_received,
            bulk_of_two_connections
        ]
    );

    gungraun::main!(library_benchmark_groups = segments);

    pub(super) fn run() {
        main();
    }
}
