//! What replay keeps in memory, counted by the allocator itself, octet by octet.
//!
//! Each test counts what its own thread allocates, so that tests may run side by side.

#![cfg(feature = "pcap")]
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

mod common;
#[path = "common/counting.rs"]
mod counting;

use std::io::{self, Read};
use std::time::Duration;

use common::{ACK, FIN, PSH, Pair, RST, SYN, Tape};
use counting::{account, reset_peak};
use tcpstate::capture::CaptureReader;
use tcpstate::replay::{FileSpill, FlowReport, Replay, ReplayConfig};
use tcpstate::wire::{TcpFlags, TcpRepr};
use tcpstate::{Instant, SeqNumber};

const KIB: isize = 1 << 10;
const MIB: isize = 1 << 20;

/// A replay that keeps long lists in a file, as the command does.
fn replay_with_file(config: ReplayConfig) -> Replay {
    let file = tempfile::tempfile().expect("a file for the test");
    Replay::with_spill(config, Box::new(FileSpill::new(file)))
}

fn config(change: impl FnOnce(&mut ReplayConfig)) -> ReplayConfig {
    let mut config = ReplayConfig::default();
    change(&mut config);
    config
}

/// Feeds a replay with segments that are made in one buffer.
struct Feed {
    replay: Replay,
    now: Instant,
    number: u64,
    packet: Vec<u8>,
}

impl Feed {
    fn new(replay: Replay) -> Self {
        Self { replay, now: Instant::from_nanos(1 << 60), number: 0, packet: Vec::with_capacity(2_048) }
    }

    fn give(&mut self, pair: &Pair, end: usize, seq: SeqNumber, flags: TcpFlags, payload: &[u8]) {
        let head = TcpRepr { seq, ack: pair.next[1 - end], flags, window: u16::MAX, ..TcpRepr::default() };
        common::tcp_packet(&mut self.packet, pair.ends[end], pair.ends[1 - end], head, payload);
        self.number += 1;
        self.now = self.now + Duration::from_micros(10);
        let frame = common::frame(self.number, self.now, &self.packet);
        self.replay.frame(&frame).expect("the file can be written");
    }

    fn send(&mut self, pair: &mut Pair, end: usize, flags: TcpFlags, payload: &[u8]) {
        self.give(pair, end, pair.next[end], flags, payload);
        let flag = |bit| u32::from(flags.contains(bit));
        pair.next[end] += payload.len() as u32 + flag(SYN) + flag(FIN);
    }

    /// Opens with the largest windows that there are.
    fn handshake(&mut self, pair: &mut Pair) {
        let mut tape = Tape { now: self.now, ..Tape::default() };
        pair.handshake(&mut tape);
        for packet in &tape.packets {
            self.number += 1;
            let frame = common::frame(self.number, self.now, &packet.data);
            self.replay.frame(&frame).expect("the file can be written");
        }
    }

    /// `segments` of data from `a`, every second one acknowledged.
    fn bulk(&mut self, pair: &mut Pair, segments: u64) {
        const PAYLOAD: [u8; 1_448] = [0x5a; 1_448];
        for segment in 0..segments {
            self.send(pair, 0, ACK, &PAYLOAD);
            if segment % 2 == 1 {
                self.send(pair, 1, ACK, b"");
            }
        }
    }

    /// Lets time pass, seen by a packet of no flow.
    fn pass(&mut self, span: Duration) {
        let mut tape = Tape { now: self.now + span, ..Tape::default() };
        tape.udp();
        self.now = tape.now;
        self.number += 1;
        let frame = common::frame(self.number, self.now, &tape.packets[0].data);
        self.replay.frame(&frame).expect("the file can be written");
    }

    fn finish(self) -> Vec<FlowReport> {
        let mut finished = self.replay.finish().expect("the file can be read");
        let mut flows = Vec::new();
        while let Some(flow) = finished.next_flow().expect("the file can be read") {
            flows.push(flow);
        }
        flows
    }
}

// --- No allocation for a packet in order ---

/// Allocations for `segments` of bulk data after so many of warm-up, and how many packets that were.
fn allocations_of_bulk(hash: bool, warm_up: u64, segments: u64) -> (u64, u64) {
    let mut feed = Feed::new(Replay::new(config(|config| config.hash_streams = hash)));
    let mut pair = Pair::on_port(40_000);
    feed.handshake(&mut pair);
    feed.bulk(&mut pair, warm_up);
    let (before, first) = (account().allocations, feed.number);
    feed.bulk(&mut pair, segments);
    (account().allocations - before, feed.number - first)
}

#[test]
fn a_packet_in_order_allocates_nothing_once_the_history_is_full() {
    // The history of a direction is 32 MiB, which is 23,173 segments.
    let (allocations, packets) = allocations_of_bulk(false, 24_000, 100_000);
    assert_eq!((allocations, packets), (0, 150_000));
}

#[test]
fn a_packet_in_order_allocates_nothing_when_streams_are_hashed() {
    let (allocations, packets) = allocations_of_bulk(true, 24_000, 20_000);
    assert_eq!((allocations, packets), (0, 30_000));
}

#[test]
fn while_the_history_fills_up_there_is_one_allocation_for_64_kib() {
    let (allocations, packets) = allocations_of_bulk(false, 10, 20_000);
    let chunks = 20_000 * 1_448 / (64 << 10) + 1;
    assert!(allocations <= chunks + 20, "{allocations} allocations, {chunks} pieces of history");
    assert!(allocations * 20 < packets, "{allocations} for {packets} packets is less than one for 20");
}

#[test]
fn reading_a_capture_file_allocates_nothing_for_a_packet() {
    let mut reader = CaptureReader::new(BulkFile::new(60_000)).expect("the header is sound");
    let mut replay = Replay::new(config(|config| config.hash_streams = false));
    let mut before = 0;
    while let Some(frame) = reader.next_frame().expect("the file is sound") {
        replay.frame(&frame).expect("memory does not fail");
        if frame.number == 30_000 {
            before = account().allocations;
        }
    }
    assert_eq!((reader.frames_read(), account().allocations - before), (60_000, 0));
}

/// A pcap file of one flow's bulk data that is made as it is read.
struct BulkFile {
    pair: Pair,
    left: u64,
    packet: Vec<u8>,
    octets: Vec<u8>,
    given: usize,
}

impl BulkFile {
    fn new(frames: u64) -> Self {
        let mut octets = Vec::with_capacity(2_048);
        for word in [0xa1b2_3c4d, 0x0004_0002, 0, 0, 262_144, common::RAW_IP] {
            octets.extend_from_slice(&u32::to_le_bytes(word));
        }
        Self {
            pair: Pair::on_port(40_000),
            left: frames,
            packet: Vec::with_capacity(2_048),
            octets,
            given: 0,
        }
    }

    fn next_frame(&mut self) {
        self.octets.clear();
        self.given = 0;
        if self.left == 0 {
            return;
        }
        self.left -= 1;
        let [seq, ack] = self.pair.next;
        let head = TcpRepr { seq, ack, flags: ACK, window: u16::MAX, ..TcpRepr::default() };
        common::tcp_packet(&mut self.packet, self.pair.ends[0], self.pair.ends[1], head, &[0x5a; 1_448]);
        self.pair.next[0] += 1_448;
        let len = self.packet.len() as u32;
        for word in [1_700_000_000, 0, len, len] {
            self.octets.extend_from_slice(&word.to_le_bytes());
        }
        self.octets.extend_from_slice(&self.packet);
    }
}

impl Read for BulkFile {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        if self.given == self.octets.len() {
            self.next_frame();
        }
        let rest = &self.octets[self.given..];
        let count = rest.len().min(room.len());
        room[..count].copy_from_slice(&rest[..count]);
        self.given += count;
        Ok(count)
    }
}

// --- A closed flow keeps no more than 1 KiB ---

/// How many octets the heap holds for each of so many flows that went like this and are closed.
fn held_for_each_closed_flow(count: u16, converse: impl Fn(&mut Feed, &mut Pair)) -> isize {
    let mut feed = Feed::new(replay_with_file(ReplayConfig::default()));
    // What is made once and for all is no flow's.
    feed.pass(Duration::from_secs(1));
    let before = account().live;
    for port in 0..count {
        converse(&mut feed, &mut Pair::on_port(10_000 + port));
    }
    feed.pass(Duration::from_secs(2));
    let each = (account().live - before) / count as isize;
    let flows = feed.finish();
    assert_eq!(flows.len(), usize::from(count));
    assert!(flows.iter().all(|flow| !["none", "half-closed"].contains(&flow.close.name())), "all are closed");
    each
}

fn request_and_answer(feed: &mut Feed, pair: &mut Pair) {
    feed.handshake(pair);
    feed.send(pair, 0, PSH | ACK, b"GET / HTTP/1.0\r\n\r\n");
    feed.send(pair, 1, ACK, b"");
    feed.send(pair, 1, PSH | ACK, &[b'x'; 1_400]);
    feed.send(pair, 0, ACK, b"");
}

fn close(feed: &mut Feed, pair: &mut Pair, end: usize) {
    feed.send(pair, end, FIN | ACK, b"");
    feed.send(pair, 1 - end, FIN | ACK, b"");
    feed.send(pair, end, ACK, b"");
}

#[test]
fn a_flow_closed_by_fins_keeps_no_more_than_1_kib() {
    let each = held_for_each_closed_flow(20_000, |feed, pair| {
        request_and_answer(feed, pair);
        close(feed, pair, 0);
    });
    assert!(each <= KIB, "{each} octets");
}

#[test]
fn a_flow_closed_by_a_reset_keeps_no_more_than_1_kib() {
    for end in 0..2 {
        let each = held_for_each_closed_flow(4_500, |feed, pair| {
            request_and_answer(feed, pair);
            feed.send(pair, end, RST | ACK, b"");
        });
        assert!(each <= KIB, "{each} octets");
    }
}

#[test]
fn a_closed_flow_in_which_everything_went_wrong_keeps_no_more_than_1_kib() {
    let each = held_for_each_closed_flow(4_500, |feed, pair| {
        request_and_answer(feed, pair);
        for end in 0..2 {
            for _ in 0..3 {
                let start = pair.next[end];
                let before = feed.now;
                // Out of order, three times acknowledged again, sent again in vain and then with other octets;
                // and one gap that is never filled.
                pair.next[end] += 100;
                feed.give(pair, end, pair.next[end], ACK, &[b'y'; 100]);
                feed.give(pair, end, start, ACK, &[b'x'; 100]);
                feed.give(pair, end, pair.next[end] + 150, ACK, &[b'w'; 10]);
                for _ in 0..3 {
                    feed.send(pair, 1 - end, ACK, b"");
                }
                feed.give(pair, end, start, ACK, &[b'z'; 100]);
                pair.next[end] += 160;
                feed.send(pair, 1 - end, ACK, b"");
                feed.give(pair, end, pair.next[end] - 1, ACK, b"");
                feed.give(pair, end, pair.next[end] + (1 << 30) + 5, ACK, b"far away");
                feed.now = before + Duration::from_millis(50);
            }
        }
        close(feed, pair, 0);
    });
    assert!(each <= KIB, "{each} octets");
}

#[test]
fn a_closed_flow_that_waited_for_octets_keeps_no_more_than_1_kib() {
    let each = held_for_each_closed_flow(4_500, |feed, pair| {
        request_and_answer(feed, pair);
        // Large pieces behind gaps, in both directions, that nobody fills.
        for end in 0..2 {
            for _ in 0..8 {
                pair.next[end] += 1;
                feed.send(pair, end, ACK, &[b'x'; 1_400]);
            }
        }
        feed.send(pair, 0, RST | ACK, b"");
    });
    assert!(each <= KIB, "{each} octets");
}

#[test]
fn a_flow_that_was_refused_keeps_no_more_than_1_kib() {
    const FLOWS: u16 = 20_000;
    let mut feed = Feed::new(replay_with_file(ReplayConfig::default()));
    feed.pass(Duration::from_secs(1));
    let before = account().live;
    for port in 0..FLOWS {
        let mut pair = Pair::on_port(10_000 + port);
        feed.send(&mut pair, 0, SYN, b"");
        feed.send(&mut pair, 1, RST | ACK, b"");
    }
    let each = (account().live - before) / FLOWS as isize;
    assert!(each <= KIB, "{each} octets");
}

// --- An open flow keeps no more than it may ---

/// What memory may be held beside what an open flow may keep: 1,024 gaps for each direction, 64 KiB on their way
/// to the file, tables, rounding.
const SLACK: isize = 256 * KIB;

fn with_memory(octets: isize) -> ReplayConfig {
    config(|config| {
        config.memory_per_flow = octets as usize;
        config.history_memory = octets as usize;
        config.hash_streams = false;
    })
}

/// The most that was held during `go` above what was held before.
fn peak_of(config: ReplayConfig, go: impl FnOnce(&mut Feed, &mut Pair)) -> isize {
    let mut feed = Feed::new(replay_with_file(config));
    let before = reset_peak();
    let mut pair = Pair::on_port(40_000);
    feed.handshake(&mut pair);
    go(&mut feed, &mut pair);
    account().peak - before
}

#[test]
fn an_open_flow_with_endless_data_both_ways_keeps_no_more_than_it_may() {
    let limit = 8 * MIB;
    let peak = peak_of(with_memory(limit), |feed, pair| {
        for _ in 0..30_000 {
            feed.send(pair, 0, ACK, &[1; 1_448]);
            feed.send(pair, 1, ACK, &[2; 1_448]);
        }
    });
    assert!(peak > limit / 2, "the history is kept: {peak}");
    assert!(peak <= limit + SLACK, "{peak} octets, of {limit}");
}

#[test]
fn an_open_flow_with_endless_data_behind_a_gap_keeps_no_more_than_it_may() {
    let limit = 8 * MIB;
    for len in [1, 100, 1_448] {
        let segments = (3 * limit) as usize / (len + 64);
        let peak = peak_of(with_memory(limit), |feed, pair| {
            for _ in 0..segments {
                for end in 0..2 {
                    pair.next[end] += 1;
                    // The other end does not acknowledge: these may still arrive.
                    let ack = pair.next[1 - end];
                    pair.next[1 - end] = SeqNumber::new(1);
                    feed.give(pair, end, pair.next[end], PSH, &[1; 1_448][..len]);
                    pair.next[1 - end] = ack;
                    pair.next[end] += len as u32;
                }
            }
        });
        assert!(peak <= limit + SLACK, "pieces of {len}: {peak} octets, of {limit}");
    }
}

#[test]
fn an_open_flow_with_a_full_history_and_endless_data_behind_a_gap_keeps_no_more_than_it_may() {
    let limit = 8 * MIB;
    let peak = peak_of(with_memory(limit), |feed, pair| {
        let segments = limit as usize / 1_448;
        for _ in 0..segments {
            feed.send(pair, 0, ACK, &[1; 1_448]);
            feed.send(pair, 1, ACK, &[2; 1_448]);
        }
        for end in 0..2 {
            pair.next[end] += 1_448;
        }
        for _ in 0..segments {
            feed.send(pair, 0, PSH, &[3; 1_448]);
            feed.send(pair, 1, PSH, &[4; 1_448]);
        }
    });
    assert!(peak <= limit + SLACK, "{peak} octets, of {limit}");
}

#[test]
fn many_open_flows_share_the_memory_for_history() {
    let mut feed = Feed::new(replay_with_file(with_memory(8 * MIB)));
    let before = reset_peak();
    let mut pairs: Vec<Pair> = (0..40).map(|port| Pair::on_port(40_000 + port)).collect();
    for pair in &mut pairs {
        feed.handshake(pair);
    }
    for _ in 0..1_000 {
        for pair in &mut pairs {
            feed.send(pair, 0, ACK, &[1; 1_448]);
        }
    }
    // 1.4 MiB each; all may keep 8 MiB, and each direction a quarter of one in any case.
    let (peak, limit) = (account().peak - before, 8 * MIB + 40 * MIB / 4);
    assert!(peak <= limit + SLACK, "{peak} octets, of {limit}");
}

#[test]
fn waiting_fragments_keep_no_more_than_they_may() {
    let mut replay = Replay::new(config(|config| config.fragment_memory = MIB as usize));
    let before = reset_peak();
    for number in 0..60_000_u64 {
        let at = (number % 7 * 64) as u16;
        let packet = common::fragment([10, 0, 0, 1], [10, 0, 0, 2], (number / 3) as u16, at, true, &[1; 64]);
        replay
            .frame(&common::frame(number + 1, Instant::from_nanos(number), &packet))
            .expect("memory does not fail");
    }
    let peak = account().peak - before;
    assert!(peak <= MIB + SLACK, "{peak} octets, of {MIB}");
}

// --- What has ended and is forgotten takes no memory ---

/// The most that is held while so many connections follow each other, `alive` of them within 2·MSL.
fn peak_of_forgotten(flows: u32, alive: u32) -> isize {
    let mut feed = Feed::new(replay_with_file(config(|config| {
        config.forget_ended = true;
        config.two_msl = Duration::from_secs(60);
    })));
    let before = reset_peak();
    let mut seen = 0;
    for number in 0..flows {
        let mut pair = Pair::on_port(10_000 + (number % 50_000) as u16);
        pair.next[0] += number;
        request_and_answer(&mut feed, &mut pair);
        if number % 3 == 0 {
            feed.send(&mut pair, 0, RST | ACK, b"");
        } else {
            close(&mut feed, &mut pair, 0);
        }
        feed.now = feed.now + Duration::from_secs(60) / alive;
        while feed.replay.poll_ended().is_some() {
            seen += 1;
        }
    }
    assert!(seen > flows - 2 * alive, "{seen} of {flows} have been let go of");
    account().peak - before
}

#[test]
fn memory_does_not_grow_with_the_number_of_flows_that_are_forgotten() {
    let (few, many) = (peak_of_forgotten(2_000, 100), peak_of_forgotten(12_000, 100));
    assert!(few <= 512 * KIB, "{few} octets for 100 flows at a time");
    assert!(many <= few + 16 * KIB, "{few} octets for 2,000 flows, {many} for 12,000");
}
