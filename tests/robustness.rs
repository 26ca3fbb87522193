//! Replay of what no friendly host sends: damaged captures, floods, nonsense; and of conversations made up so
//! that the truth about them is known.
//!
//! Everything is random in the same way on every run.

#![cfg(feature = "pcap")]
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

mod common;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use common::{ACK, FIN, PSH, Packet, Pair, RST, Random, Replayed, SYN, Tape};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use sha2::{Digest, Sha256};
use tcpstate::capture::{CaptureReader, PcapngWriter};
use tcpstate::replay::{Anomaly, End, FlowReport, Replay, ReplayConfig, SkipReason};
use tcpstate::wire::{OptionsBuilder, TcpFlags, TcpOption, TcpRepr};
use tcpstate::{SeqNumber, State};

// --- What holds for every replay, whatever was fed to it ---

fn config(change: impl FnOnce(&mut ReplayConfig)) -> ReplayConfig {
    let mut config = ReplayConfig::default();
    change(&mut config);
    config
}

/// Limits that a small capture reaches.
fn tight() -> ReplayConfig {
    config(|config| {
        config.memory_per_flow = 4 << 10;
        config.history_memory = 0;
        config.fragment_memory = 2 << 10;
        config.two_msl = Duration::from_secs(1);
        config.forget_ended = true;
    })
}

fn check(replayed: &Replayed, what: &str) {
    assert_eq!(replayed.summary.frames, replayed.frames, "{what}: every frame that was read is counted");
    assert_eq!(
        replayed.accounted(),
        replayed.frames,
        "{what}: each frame is in a flow, or skipped for a reason"
    );
    assert_eq!(replayed.summary.flows, replayed.flows.len() as u64, "{what}: every flow is reported");
    for flow in &replayed.flows {
        check_flow(flow, replayed.frames, what);
    }
    serialises(replayed);
}

fn check_flow(flow: &FlowReport, frames: u64, what: &str) {
    let own = flow.first_frame..=flow.last_frame;
    assert!(1 <= flow.first_frame && !own.is_empty() && flow.last_frame <= frames, "{what}: {own:?}");
    for (index, end) in [End::A, End::B].into_iter().enumerate() {
        let stream = &flow.stream[index];
        assert!(stream.len <= flow.payload_bytes[index], "{what}: a stream of no more than was sent");
        assert!(stream.gaps.iter().all(|&(at, missing)| at <= stream.len && missing > 0), "{what}: gaps");
        let last = flow.transitions.iter().rfind(|seen| seen.end == end);
        assert!(
            last.is_none_or(|last| last.state == flow.state[index]),
            "{what}: transitions lead to the state"
        );
    }
    assert!(flow.transitions.is_sorted_by_key(|seen| seen.frame), "{what}: transitions are in order");
    for (kind, at) in &flow.anomalies {
        assert!(!at.is_empty() && at.is_sorted_by(|one, next| one < next), "{what}: {kind} in order");
        assert!(at.iter().all(|frame| own.contains(frame)), "{what}: {kind} in frames of the flow");
    }
}

/// Whether every flow becomes an object on one line, with the summary after them.
#[cfg(feature = "serde")]
fn serialises(replayed: &Replayed) {
    use tcpstate::replay::report::jsonl::SummaryLine;
    for flow in &replayed.flows {
        let line = serde_json::to_string(flow).expect("a flow becomes JSON");
        assert!(line.starts_with(r#"{"type":"flow","#) && !line.contains('\n'));
    }
    let summary = SummaryLine { summary: &replayed.summary, fault: replayed.fault.as_ref() };
    let line = serde_json::to_string(&summary).expect("a summary becomes JSON");
    assert!(line.starts_with(r#"{"type":"summary","#) && !line.contains('\n'));
}

#[cfg(not(feature = "serde"))]
fn serialises(_: &Replayed) {}

/// Replays a capture file within wide limits and narrow ones.
fn replay_file(file: &[u8], what: &str) -> Replayed {
    let replayed = common::replay_file(file, ReplayConfig::default());
    check(&replayed, what);
    let narrow = common::replay_file(file, tight());
    check(&narrow, what);
    assert_eq!(replayed.frames, narrow.frames, "{what}");
    replayed
}

// --- Damaged captures ---

/// Damages a file in one of many ways.
fn mutate(file: &mut Vec<u8>, random: &mut Random) {
    const EXTREMES: [u32; 10] =
        [0, 1, 3, 0x7f, 0xff, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_fff0, 0xffff_ffff];
    let at = random.below(file.len());
    let len = 1 + random.below(64);
    let end = (at + len).min(file.len());
    match random.below(8) {
        0 => file.truncate(at),
        1 => file[at] = random.next() as u8,
        2 => file[at] ^= 1 << random.below(8),
        3 => drop(file.splice(at..at, random.bytes(len))),
        4 => drop(file.drain(at..end)),
        5 => {
            let range = file[at..end].to_vec();
            let to = random.below(file.len());
            drop(file.splice(to..to, range));
        }
        6 => file[at..end].fill(if len.is_multiple_of(2) { 0 } else { 0xff }),
        // Wherever a length may stand: of a block, a frame, a header, an option.
        _ => {
            let value = EXTREMES[random.below(EXTREMES.len())];
            let octets = if random.below(2) == 0 { value.to_le_bytes() } else { value.to_be_bytes() };
            let at = at / 2 * 2;
            let width = [1, 2, 4][random.below(3)].min(file.len() - at);
            file[at..at + width].copy_from_slice(&octets[..width]);
        }
    }
}

fn mutated(file: &[u8], random: &mut Random) -> Vec<u8> {
    let mut mutated = file.to_vec();
    for _ in 0..=random.below(6) {
        if !mutated.is_empty() {
            mutate(&mut mutated, random);
        }
    }
    mutated
}

/// The same capture with its frames damaged, dropped, doubled and swapped, in a file that is sound.
fn with_mutated_frames(file: &[u8], random: &mut Random) -> Vec<u8> {
    let mut frames = Vec::new();
    let mut reader = CaptureReader::new(file).expect("the fixture is sound");
    while let Some(frame) = reader.next_frame().expect("the fixture is sound") {
        frames.push((frame.time, frame.dlt, frame.data.to_vec()));
    }
    for _ in 0..=random.below(12) {
        let (at, other) = (random.below(frames.len()), random.below(frames.len()));
        match random.below(8) {
            0 if frames.len() > 1 => drop(frames.remove(at)),
            1 => frames.insert(other, frames[at].clone()),
            2 => frames.swap(at, other),
            _ if frames[at].2.is_empty() => {}
            3 => frames[at].2 = mutated(&frames[at].2, random),
            _ => {
                let frame = &mut frames[at].2;
                // The headers are where a change tells.
                let place = random.below(frame.len().min(80));
                frame[place] = random.next() as u8;
            }
        }
    }
    let mut writer = PcapngWriter::new(Vec::new(), &[]).expect("a vector takes everything");
    for (time, dlt, data) in frames {
        let extra = if random.below(10) == 0 { random.below(3_000) } else { 0 };
        let wire_len = u32::try_from(data.len() + extra).expect("frames are short");
        writer.write_frame(time, dlt, &data, wire_len, None).expect("a vector takes everything");
    }
    writer.finish().expect("a vector takes everything")
}

fn mutate_fixture(name: &str, rounds: u64) {
    let file = common::read(&common::fixture(name));
    for seed in 0..rounds {
        let what = format!("{name}, seed {seed}");
        let mut random = Random::new(seed << 8 | name.len() as u64);
        replay_file(&mutated(&file, &mut random), &format!("{what}, file mutated"));
        let frames = with_mutated_frames(&file, &mut random);
        let replayed = replay_file(&frames, &format!("{what}, frames mutated"));
        assert_eq!(replayed.fault, None, "{what}: the file itself is sound");
    }
}

#[test]
fn a_mutated_capture_of_http_replays_without_harm() {
    mutate_fixture("http", 200);
}

#[test]
fn a_mutated_capture_of_fragments_replays_without_harm() {
    mutate_fixture("fragments", 200);
}

#[test]
fn a_mutated_capture_of_port_reuse_replays_without_harm() {
    mutate_fixture("port-reuse", 200);
}

#[test]
fn a_mutated_capture_of_ipv6_replays_without_harm() {
    mutate_fixture("ipv6", 200);
}

#[test]
fn a_mutated_capture_of_reordering_replays_without_harm() {
    mutate_fixture("reorder", 200);
}

#[test]
fn a_mutated_capture_of_a_simultaneous_open_replays_without_harm() {
    mutate_fixture("simultaneous-open", 200);
}

#[test]
fn every_capture_replays_without_harm_when_it_is_mutated() {
    for path in common::fixtures() {
        let name = common::name_of(&path);
        mutate_fixture(name.trim_end_matches(".pcapng"), 12);
    }
}

#[test]
fn a_capture_cut_at_any_octet_gives_the_frames_before_the_cut() {
    let file = common::read(&common::fixture("close-three-way"));
    let whole = common::replay_file(&file, ReplayConfig::default());
    let mut frames = 0;
    for len in 0..=file.len() {
        let replayed = replay_file(&file[..len], &format!("cut after {len} octets"));
        assert!((frames..=frames + 1).contains(&replayed.frames), "a longer file has no fewer frames");
        frames = replayed.frames;
        if let Some(fault) = replayed.fault {
            assert_eq!(fault.frame, frames + 1, "the fault is named with its frame");
        }
    }
    assert_eq!(frames, whole.frames);
}

// --- Floods and nonsense ---

/// Whatever is followed, nothing is lost on the way.
fn replay_tape(tape: &Tape, config: ReplayConfig) -> Replayed {
    let replayed = tape.replay(config);
    check(&replayed, "synthetic");
    replayed
}

#[test]
fn a_million_tiny_segments_out_of_order_are_followed_within_bounds() {
    const SEGMENTS: u32 = 1_000_000;
    // Every segment leaves a gap of one octet that is never filled.
    let limits = config(|config| config.memory_per_flow = 1 << 20);
    let mut replay = Replay::new(limits);
    let mut tape = Tape::default();
    let mut pair = Pair::on_port(40_000);
    pair.handshake(&mut tape);
    tape.play(|frame| replay.frame(frame).expect("memory does not fail"));
    let (mut packet, start) = (Vec::new(), pair.next[0]);
    for number in 0..SEGMENTS {
        let head = TcpRepr {
            seq: start + (2 * number + 1),
            ack: pair.next[1],
            flags: ACK,
            window: u16::MAX,
            ..TcpRepr::default()
        };
        common::tcp_packet(&mut packet, pair.ends[0], pair.ends[1], head, &[number as u8]);
        let frame = common::frame(4 + u64::from(number), tape.now, &packet);
        replay.frame(&frame).expect("memory does not fail");
    }
    let mut finished = replay.finish().expect("memory does not fail");
    let flow = finished.next_flow().expect("memory does not fail").expect("there is one");
    let stream = &flow.stream[0];
    assert_eq!((flow.frames, flow.payload_bytes), ([2 + u64::from(SEGMENTS), 1], [u64::from(SEGMENTS), 0]));
    assert_eq!((stream.len, stream.conflict_bytes), (u64::from(SEGMENTS), 0));
    assert_eq!(stream.gaps.len() as u32, SEGMENTS);
    assert!(stream.gaps.iter().zip(0..).all(|(&gap, offset)| gap == (offset, 1)), "a gap before each octet");
    assert_eq!(flow.anomalies.len(), 1);
    assert_eq!((flow.anomalies[0].0, flow.anomalies[0].1.len() as u32), (Anomaly::LostSegment, SEGMENTS));
}

#[test]
fn segments_sent_backwards_are_put_in_order_or_given_up_within_bounds() {
    let mut tape = Tape::default();
    let mut pair = Pair::on_port(40_000);
    pair.handshake(&mut tape);
    let octets = Random::new(1).bytes(60_000);
    for (piece, number) in octets.chunks(10).zip(0_u32..).collect::<Vec<_>>().into_iter().rev() {
        pair.repeat(&mut tape, 0, pair.next[0] + 10 * number, ACK, piece);
    }
    let roomy = replay_tape(&tape, ReplayConfig::default());
    let stream = &roomy.only_flow().stream[0];
    assert_eq!((stream.len, stream.gaps.len(), stream.truncated), (60_000, 0, false));
    assert_eq!(stream.sha256, Some(Sha256::digest(&octets).into()));

    let narrow = replay_tape(&tape, config(|config| config.memory_per_flow = 16 << 10));
    let stream = &narrow.only_flow().stream[0];
    assert!(stream.truncated, "what came too late for its place is said to be missing");
    assert!(stream.len < 60_000 && !stream.gaps.is_empty());
}

#[test]
fn segments_with_wild_numbers_harm_nothing_and_are_left_aside() {
    let mut tape = Tape::default();
    let mut pair = Pair::on_port(40_000);
    let mut random = Random::new(7);
    pair.handshake(&mut tape);
    let (mut sent, mut wild) = ([Vec::new(), Vec::new()], Vec::new());
    for _ in 0..2_000 {
        let end = random.below(2);
        let payload = random.bytes(100);
        pair.send(&mut tape, end, PSH | ACK, &payload);
        pair.send(&mut tape, 1 - end, ACK, b"");
        sent[end].extend(payload);
        // More than a window away, whichever way.
        let far = (1 << 30) + 1_000_000 + (random.next() as u32 >> 2);
        let liar = random.below(2);
        let flags = [ACK, PSH | ACK, FIN | ACK][random.below(3)];
        wild.push(pair.repeat(&mut tape, liar, pair.next[liar] + far, flags, &random.bytes(50)));
    }
    pair.close_by(&mut tape, 0);
    let replayed = replay_tape(&tape, ReplayConfig::default());
    let flow = replayed.only_flow();
    assert_eq!(flow.anomalies, [(Anomaly::OutOfWindow, wild)]);
    for (stream, sent) in flow.stream.iter().zip(&sent) {
        assert_eq!(stream.sha256, Some(Sha256::digest(sent).into()));
        assert!(stream.gaps.is_empty());
    }
    assert_eq!(flow.state, [Some(State::TimeWait), Some(State::Closed)]);
}

#[test]
fn segments_with_random_numbers_flags_and_lengths_are_all_accounted_for() {
    for seed in 0..8 {
        let mut tape = Tape::default();
        let mut random = Random::new(seed);
        let mut pairs: Vec<_> = (0..3).map(|port| Pair::on_port(40_000 + port)).collect();
        for _ in 0..3_000 {
            let pair = &mut pairs[random.below(3)];
            let end = random.below(2);
            let flags = TcpFlags::from_bits(random.next() as u16 & 0x1ff);
            let near = |random: &mut Random| match random.below(4) {
                0 => random.next() as u32,
                1 => (random.below(5_000) as u32).wrapping_sub(2_500),
                _ => 0,
            };
            let head = TcpRepr {
                seq: pair.next[end] + near(&mut random),
                ack: pair.next[1 - end] + near(&mut random),
                flags,
                window: if random.below(4) == 0 { 0 } else { u16::MAX },
                ..TcpRepr::default()
            };
            let len = random.below(400);
            tape.tcp(pair.ends[end], pair.ends[1 - end], head, &random.bytes(len));
            pair.next[end] += random.below(400) as u32;
            tape.pass(Duration::from_millis(random.below(1_500) as u64));
        }
        let roomy = replay_tape(&tape, ReplayConfig::default());
        let narrow = replay_tape(&tape, tight());
        assert_eq!(roomy.frames, narrow.frames);
    }
}

#[test]
fn a_flood_of_syns_gives_a_half_open_flow_for_each() {
    const SYNS: u32 = 100_000;
    let mut tape = Tape::default();
    let server = SocketAddr::from(([10, 0, 0, 2], 80));
    for number in 0..SYNS {
        let client = SocketAddr::from((
            ((11 << 24) + number / 50_000).to_be_bytes(),
            1_024 + (number % 50_000) as u16,
        ));
        let head =
            TcpRepr { seq: SeqNumber::new(number), flags: SYN, window: u16::MAX, ..TcpRepr::default() };
        tape.tcp(client, server, head, b"");
    }
    let replayed = replay_tape(&tape, ReplayConfig::default());
    assert_eq!(replayed.summary.flows, u64::from(SYNS));
    assert!(replayed.flows.iter().all(|flow| flow.open.name() == "half-open"));
    assert!(replayed.flows.iter().all(|flow| flow.state == [Some(State::SynSent), Some(State::Listen)]));
}

#[test]
fn a_flood_of_syns_on_the_same_ports_gives_a_flow_for_each_number() {
    const SYNS: u32 = 50_000;
    let mut tape = Tape::default();
    let pair = Pair::on_port(40_000);
    for number in 0..SYNS {
        pair.clone().repeat(&mut tape, 0, SeqNumber::new(number * 7), SYN, b"");
    }
    let replayed = replay_tape(&tape, ReplayConfig::default());
    assert_eq!(replayed.summary.flows, u64::from(SYNS));
    assert!(replayed.flows.iter().all(|flow| flow.frames == [1, 0]));
    let reused =
        replayed.flows.iter().filter(|flow| flow.anomalies_of(flow.first_frame).contains(Anomaly::PortReuse));
    assert_eq!(reused.count() as u32, SYNS - 1);
}

#[test]
fn a_flood_of_forged_syns_into_an_open_connection_leaves_it_alone() {
    let mut tape = Tape::default();
    let mut pair = Pair::on_port(40_000);
    pair.handshake(&mut tape);
    let mut forged = Vec::new();
    for number in 0..5_000_u32 {
        forged.push(pair.repeat(&mut tape, 0, SeqNumber::new(number * 77_777), SYN, b""));
        pair.send(&mut tape, 0, PSH | ACK, b"word");
        pair.send(&mut tape, 1, ACK, b"");
    }
    let replayed = replay_tape(&tape, ReplayConfig::default());
    let flow = replayed.only_flow();
    assert_eq!(flow.anomalies, [(Anomaly::OutOfWindow, forged)]);
    assert_eq!(flow.stream[0].sha256, Some(Sha256::digest(b"word".repeat(5_000)).into()));
    assert_eq!(flow.state, [Some(State::Established); 2]);
}

#[test]
fn a_flood_of_flows_that_all_end_at_once_is_let_go_of() {
    const FLOWS: u16 = 20_000;
    let mut tape = Tape::default();
    for port in 0..FLOWS {
        let mut pair = Pair::on_port(1_024 + port);
        pair.send(&mut tape, 0, SYN, b"");
        pair.send(&mut tape, 1, RST | ACK, b"");
    }
    // Nobody asks for what has ended until the end.
    tape.pass(Duration::from_secs(300)).udp();
    let mut replay = Replay::new(config(|config| config.forget_ended = true));
    tape.play(|frame| replay.frame(frame).expect("memory does not fail"));
    let ended: Vec<u64> = std::iter::from_fn(|| replay.poll_ended()).map(|flow| flow.flow).collect();
    assert_eq!(ended, (0..u64::from(FLOWS)).collect::<Vec<_>>(), "in the order in which they ended");
    let mut finished = replay.finish().expect("memory does not fail");
    assert!(finished.next_flow().expect("memory does not fail").is_none(), "no flow is reported twice");
    assert_eq!(finished.summary.flows, u64::from(FLOWS));
}

#[test]
fn segments_that_overlap_in_every_way_give_the_first_copy_of_each_octet() {
    for seed in 0..30 {
        let mut random = Random::new(seed);
        let mut tape = Tape::default();
        let mut pair = Pair::on_port(40_000);
        pair.handshake(&mut tape);
        let start = pair.next[0];
        let mut stream: Vec<Option<u8>> = vec![None; 2_000];
        let mut conflicts = 0;
        for _ in 0..400 {
            let at = random.below(1_900);
            let len = 2 + random.below(98);
            // Mostly what was sent before, now and then something else.
            let mut payload: Vec<u8> = (at..at + len).map(|place| (place * 31) as u8).collect();
            if random.below(3) == 0 {
                payload = random.bytes(len);
            }
            for (place, &octet) in stream[at..at + len].iter_mut().zip(&payload) {
                conflicts += u64::from(place.is_some_and(|first| first != octet));
                place.get_or_insert(octet);
            }
            pair.repeat(&mut tape, 0, start + at as u32, ACK, &payload);
        }
        let replayed = replay_tape(&tape, ReplayConfig::default());
        let ours = &replayed.only_flow().stream[0];
        let octets: Vec<u8> = stream.iter().flatten().copied().collect();
        assert_eq!(ours.len, octets.len() as u64, "seed {seed}");
        assert_eq!(ours.sha256, Some(Sha256::digest(&octets).into()), "seed {seed}");
        assert_eq!((ours.conflict_bytes, ours.truncated), (conflicts, false), "seed {seed}");
        assert_eq!(ours.gaps, gaps_of(&stream), "seed {seed}");
    }
}

/// Where octets are missing before the last one that is there.
fn gaps_of(stream: &[Option<u8>]) -> Vec<(u64, u64)> {
    let (mut gaps, mut offset, mut missing) = (Vec::new(), 0, 0);
    for octet in stream {
        if octet.is_none() {
            missing += 1;
        } else {
            if missing > 0 {
                gaps.push((offset, missing));
            }
            missing = 0;
            offset += 1;
        }
    }
    gaps
}

#[test]
fn a_flood_of_fragments_of_different_datagrams_is_skipped_frame_by_frame() {
    let mut tape = Tape::default();
    for id in 0..=u16::MAX {
        tape.put(common::fragment([10, 0, 0, 1], [10, 0, 0, 2], id, 0, true, &[0; 64]));
    }
    for limits in [ReplayConfig::default(), tight()] {
        let replayed = replay_tape(&tape, limits);
        assert_eq!(replayed.summary.flows, 0);
        assert_eq!(replayed.summary.skipped.keys().copied().collect::<Vec<_>>(), [SkipReason::Fragment]);
    }
}

#[test]
fn a_flood_of_fragments_of_one_datagram_is_skipped_frame_by_frame() {
    let mut tape = Tape::default();
    for number in 0..=u16::MAX {
        // Eight octets each, the last one never among them, and round and round.
        let at = number % 8_000 * 8;
        tape.put(common::fragment([10, 0, 0, 1], [10, 0, 0, 2], 1, at, true, &[number as u8; 8]));
    }
    let replayed = replay_tape(&tape, ReplayConfig::default());
    assert_eq!(replayed.summary.flows, 0);
    let reasons = [SkipReason::Fragment, SkipReason::BadFragment];
    assert!(replayed.summary.skipped.keys().all(|reason| reasons.contains(reason)));
}

#[test]
fn a_segment_in_fragments_in_any_order_counts_at_the_frame_that_completes_it() {
    let mut tape = Tape::default();
    let mut pair = Pair::on_port(40_000);
    pair.handshake(&mut tape);
    let payload = Random::new(3).bytes(2_000);
    let mut whole = Tape::default();
    pair.send(&mut whole, 0, PSH | ACK, &payload);
    let datagram = &whole.packets[0].data[20..];
    let mut pieces: Vec<_> = datagram.chunks(200).zip((0..).step_by(200)).collect();
    let last = pieces.len() - 1;
    pieces.swap(0, last);
    pieces.swap(2, 5);
    for (piece, at) in pieces {
        tape.put(common::fragment([10, 0, 0, 1], [10, 0, 0, 2], 9, at, at < 2_000, piece));
    }
    pair.send(&mut tape, 1, ACK, b"");
    let replayed = replay_tape(&tape, ReplayConfig::default());
    let flow = replayed.only_flow();
    assert_eq!((flow.frames, flow.payload_bytes), ([3, 2], [2_000, 0]));
    assert_eq!(flow.stream[0].sha256, Some(Sha256::digest(&payload).into()));
    assert_eq!(replayed.summary.skipped, BTreeMap::from([(SkipReason::Fragment, last as u64)]));
}

#[test]
fn time_that_runs_backwards_or_to_its_end_harms_nothing() {
    let mut tape = Tape::default();
    let mut random = Random::new(11);
    for port in 0..200 {
        Pair::on_port(30_000 + port).converse(&mut tape);
    }
    for packet in &mut tape.packets {
        packet.time = tcpstate::Instant::from_nanos(match random.below(4) {
            0 => 0,
            1 => u64::MAX,
            _ => random.next(),
        });
    }
    for limits in [ReplayConfig::default(), tight(), config(|config| config.two_msl = Duration::MAX)] {
        replay_tape(&tape, limits);
    }
}

// --- Conversations of which the truth is known ---

#[derive(Clone, Copy, Debug)]
enum Opening {
    ThreeWay,
    SynLost,
    SynAckLost,
    Simultaneous,
    /// With so many octets on the SYN.
    FastOpen(usize),
    Refused,
    /// So many SYNs, and no answer.
    Unanswered(usize),
    /// The capture begins later.
    Midstream,
}

/// What happens to one of the segments of a round.
#[derive(Clone, Copy, Debug)]
enum Mishap {
    Nothing,
    /// Captured at the sender, lost after that, sent again.
    LostAfterCapture(usize),
    /// Captured at the receiver, lost before that, sent again.
    LostBeforeCapture(usize),
    /// Arrived, but the capture lacks it.
    NotCaptured(usize),
    Doubled(usize),
    /// Changes places with the one behind it.
    Overtaken(usize),
    /// Somebody sends it again with other octets.
    Forged(usize),
    BadChecksum(usize),
    WindowCloses,
    Keepalive {
        octet: bool,
    },
}

/// One end sends segments of these sizes, the other acknowledges.
#[derive(Clone, Debug)]
struct Round {
    from: usize,
    sizes: Vec<usize>,
    mishap: Mishap,
}

#[derive(Clone, Copy, Debug)]
enum Closing {
    /// The other end still sends so many octets after the first FIN.
    FourWay(usize),
    ThreeWay,
    Simultaneous,
    Reset,
    Half,
    Unacknowledged,
    FinLost,
    LastAckLost,
    Not,
}

#[derive(Clone, Debug)]
struct Script {
    isn: [u32; 2],
    ipv6: bool,
    scale: Option<u8>,
    opening: Opening,
    rounds: Vec<Round>,
    closing: Closing,
    /// Which end closes first, and how many octets of data go with its FIN.
    closer: usize,
    on_fin: usize,
    /// Milliseconds after the first conversation began.
    begins: u64,
}

/// What is true of a conversation. Frames are counted within it.
#[derive(Debug)]
struct Truth {
    open: &'static str,
    close: &'static str,
    state: [State; 2],
    /// Every transition, where the opening was captured; sorted by frame and end.
    transitions: Option<Vec<(u64, usize, State)>>,
    anomalies: BTreeMap<Anomaly, Vec<u64>>,
    isn: [Option<u32>; 2],
    frames: [u64; 2],
    payload_bytes: [u64; 2],
    octets: [Vec<u8>; 2],
    gaps: [Vec<(u64, u64)>; 2],
    conflicts: [u64; 2],
}

const SPEAKS: [TcpFlags; 2] = [ACK, TcpFlags::from_bits(ACK.bits() | PSH.bits())];
const WINDOW: u16 = u16::MAX;

/// Plays a script, and keeps the books on what is true of it.
struct Stage {
    tape: Tape,
    pair: Pair,
    random: Random,
    truth: Truth,
    transitions: Vec<(u64, usize, State)>,
}

impl Stage {
    fn new(script: &Script, number: u16) -> Self {
        let port = 40_000 + number;
        let mut pair = Pair::on_port(port);
        if script.ipv6 {
            pair.ends = [
                SocketAddr::from(([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1], port)),
                SocketAddr::from(([0x2001, 0xdb8, 0, 0, 0, 0, 0, 2], 80)),
            ];
        }
        pair.next = script.isn.map(SeqNumber::new);
        pair.window = WINDOW;
        pair.scale = script.scale;
        let mut tape = Tape::default();
        tape.pass(Duration::from_millis(script.begins));
        let truth = Truth {
            open: "three-way",
            close: "none",
            state: [State::Established; 2],
            transitions: None,
            anomalies: BTreeMap::new(),
            isn: script.isn.map(Some),
            frames: [0; 2],
            payload_bytes: [0; 2],
            octets: [Vec::new(), Vec::new()],
            gaps: [Vec::new(), Vec::new()],
            conflicts: [0; 2],
        };
        let random = Random::new(u64::from(script.isn[0]) << 32 | u64::from(script.isn[1]));
        Self { tape, pair, random, truth, transitions: Vec::new() }
    }

    fn odd(&mut self, frame: u64, kind: Anomaly) {
        self.truth.anomalies.entry(kind).or_default().push(frame);
    }

    fn moves(&mut self, frame: u64, end: usize, state: State) {
        self.transitions.push((frame, end, state));
        self.truth.state[end] = state;
    }

    fn millis(&mut self, millis: u64) {
        self.tape.pass(Duration::from_millis(millis));
    }

    /// A segment at any number, counted.
    fn at(&mut self, end: usize, seq: SeqNumber, flags: TcpFlags, payload: &[u8]) -> u64 {
        self.tape.pass(Duration::from_micros(50));
        self.truth.frames[end] += 1;
        self.truth.payload_bytes[end] += payload.len() as u64;
        self.pair.repeat(&mut self.tape, end, seq, flags, payload)
    }

    /// A segment at the next number, counted, with payload that becomes part of the stream.
    fn send(&mut self, end: usize, flags: TcpFlags, payload: &[u8]) -> u64 {
        let frame = self.at(end, self.pair.next[end], flags, payload);
        self.advance(end, flags, payload);
        frame
    }

    fn advance(&mut self, end: usize, flags: TcpFlags, payload: &[u8]) {
        let flag = |bit| u32::from(flags.contains(bit));
        self.pair.next[end] += payload.len() as u32 + flag(SYN) + flag(FIN);
        self.truth.octets[end].extend(payload);
    }

    /// An acknowledgment after half a round trip.
    fn ack(&mut self, end: usize) -> u64 {
        self.millis(10);
        self.send(end, ACK, b"")
    }

    fn open(&mut self, opening: Opening) {
        use State::{Established, SynReceived, SynSent};
        match opening {
            Opening::ThreeWay => self.handshake(0, 0, b""),
            Opening::SynLost => self.handshake(1, 0, b""),
            Opening::SynAckLost => self.handshake(0, 1, b""),
            Opening::FastOpen(len) => {
                let payload = self.random.bytes(len);
                self.truth.open = "fast-open";
                self.handshake(0, 0, &payload);
            }
            Opening::Simultaneous => {
                self.truth.open = "simultaneous";
                let isn = self.pair.next;
                let first = self.send(0, SYN, b"");
                let second = self.send(1, SYN, b"");
                self.millis(20);
                let third = self.at(0, isn[0], SYN | ACK, b"");
                let fourth = self.at(1, isn[1], SYN | ACK, b"");
                self.moves(first, 0, SynSent);
                self.moves(second, 1, SynSent);
                self.moves(third, 0, SynReceived);
                self.moves(fourth, 1, SynReceived);
                self.moves(fourth, 0, Established);
                self.moves(fourth, 1, Established);
            }
            Opening::Refused => {
                self.truth.open = "refused";
                let syn = self.send(0, SYN, b"");
                let refusal = self.at(1, SeqNumber::new(0), RST | ACK, b"");
                self.truth.isn[1] = None;
                self.moves(syn, 0, SynSent);
                self.moves(refusal, 0, State::Closed);
                self.moves(refusal, 1, State::Closed);
            }
            Opening::Unanswered(count) => {
                self.truth.open = "half-open";
                self.truth.isn[1] = None;
                let isn = self.pair.next[0];
                let syn = self.send(0, SYN, b"");
                for _ in 1..count {
                    self.millis(1_000);
                    let again = self.at(0, isn, SYN, b"");
                    self.odd(again, Anomaly::Retransmission);
                }
                self.truth.state[1] = State::Listen;
                self.moves(syn, 0, SynSent);
            }
            Opening::Midstream => {
                self.truth.open = "midstream";
                self.truth.isn = [None; 2];
                for from in [0, 1] {
                    self.round(&Round { from, sizes: vec![10], mishap: Mishap::Nothing });
                }
            }
        }
    }

    /// A three-way handshake of which SYNs and SYN-ACKs are lost.
    fn handshake(&mut self, syns_lost: usize, answers_lost: usize, payload: &[u8]) {
        let mut options = OptionsBuilder::new();
        if let Some(scale) = self.pair.scale {
            options.push(&TcpOption::WindowScale(scale)).expect("it has room");
        }
        if !payload.is_empty() {
            options.push(&TcpOption::FastOpen(&[1; 8])).expect("it has room");
        }
        let isn = self.pair.next;
        let syn = |stage: &mut Self| {
            stage.truth.frames[0] += 1;
            let head = TcpRepr {
                seq: isn[0],
                flags: SYN,
                window: WINDOW,
                options: options.as_bytes(),
                ..TcpRepr::default()
            };
            stage.tape.tcp(stage.pair.ends[0], stage.pair.ends[1], head, payload)
        };
        let mut asked = syn(self);
        self.moves(asked, 0, State::SynSent);
        self.advance(0, SYN, payload);
        self.truth.payload_bytes[0] += payload.len() as u64;
        for _ in 0..syns_lost {
            self.millis(1_000);
            asked = syn(self);
            self.odd(asked, Anomaly::Retransmission);
        }
        self.millis(10);
        let mut answer = self.send(1, SYN | ACK, b"");
        self.moves(answer, 1, State::SynReceived);
        for _ in 0..answers_lost {
            self.millis(1_000);
            asked = syn(self);
            self.odd(asked, Anomaly::Retransmission);
            self.millis(10);
            answer = self.at(1, isn[1], SYN | ACK, b"");
            self.odd(answer, Anomaly::Retransmission);
        }
        self.moves(answer, 0, State::Established);
        let opened = self.ack(0);
        self.moves(opened, 1, State::Established);
    }

    fn round(&mut self, round: &Round) {
        let (from, to) = (round.from, 1 - round.from);
        let payloads: Vec<Vec<u8>> = round.sizes.iter().map(|&size| self.random.bytes(size)).collect();
        let last = payloads.len() - 1;
        let flags = SPEAKS[self.random.below(2)];
        let start = self.pair.next[from];
        let seqs: Vec<SeqNumber> = payloads
            .iter()
            .scan(start, |next, payload| {
                let seq = *next;
                *next += payload.len() as u32;
                Some(seq)
            })
            .collect();
        self.millis(30);
        match round.mishap {
            Mishap::LostAfterCapture(at) | Mishap::LostBeforeCapture(at) => {
                let captured = matches!(round.mishap, Mishap::LostAfterCapture(_));
                self.lose(from, at.min(last), captured, flags, &payloads, &seqs);
            }
            Mishap::NotCaptured(at) if at < last => {
                for (index, payload) in payloads.iter().enumerate() {
                    if index == at {
                        self.truth.gaps[from]
                            .push((self.truth.octets[from].len() as u64, payload.len() as u64));
                        self.pair.next[from] += payload.len() as u32;
                        continue;
                    }
                    let frame = self.send(from, flags, payload);
                    if index == at + 1 {
                        self.odd(frame, Anomaly::LostSegment);
                    }
                }
                let ack = self.ack(to);
                self.odd(ack, Anomaly::NotCaptured);
            }
            Mishap::Overtaken(at) if at < last => {
                for (index, payload) in payloads.iter().enumerate() {
                    if index == at {
                        let early = self.at(from, seqs[at + 1], flags, &payloads[at + 1]);
                        self.odd(early, Anomaly::LostSegment);
                        let late = self.at(from, seqs[at], flags, &payloads[at]);
                        self.odd(late, Anomaly::OutOfOrder);
                    } else if index != at + 1 {
                        self.at(from, seqs[index], flags, payload);
                    }
                    self.advance(from, ACK, payload);
                }
                self.ack(to);
            }
            mishap => {
                for (index, payload) in payloads.iter().enumerate() {
                    self.one_of_round(from, mishap, index, last, flags, payload);
                }
                self.ack_after(mishap, to);
            }
        }
    }

    /// A segment of a round in which all arrive in order.
    fn one_of_round(
        &mut self,
        from: usize,
        mishap: Mishap,
        index: usize,
        last: usize,
        flags: TcpFlags,
        payload: &[u8],
    ) {
        let seq = self.pair.next[from];
        let frame = self.send(from, flags, payload);
        match mishap {
            Mishap::Doubled(at) if at.min(last) == index => {
                let again = self.at(from, seq, flags, payload);
                self.odd(again, Anomaly::Retransmission);
            }
            Mishap::Forged(at) if at.min(last) == index => {
                let other: Vec<u8> = payload.iter().map(|octet| !octet).collect();
                let forged = self.at(from, seq, flags, &other);
                self.odd(forged, Anomaly::Retransmission);
                self.odd(forged, Anomaly::Overlap);
                self.truth.conflicts[from] += payload.len() as u64;
            }
            Mishap::BadChecksum(at) if at.min(last) == index => {
                let header = if self.pair.ends[0].is_ipv6() { 40 } else { 20 };
                self.tape.packets[frame as usize - 1].data[header + 16] ^= 1;
                self.odd(frame, Anomaly::BadChecksum);
            }
            _ => {}
        }
    }

    /// The acknowledgment of a round in which all arrived, and what follows it.
    fn ack_after(&mut self, mishap: Mishap, to: usize) {
        match mishap {
            Mishap::WindowCloses => {
                self.pair.window = 0;
                let full = self.ack(to);
                self.odd(full, Anomaly::ZeroWindow);
                self.millis(200);
                self.pair.window = WINDOW;
                self.send(to, ACK, b"");
            }
            Mishap::Keepalive { octet } => {
                self.ack(to);
                self.millis(5_000);
                let from = 1 - to;
                let probe = self.at(from, self.pair.next[from] - 1, ACK, if octet { b"?" } else { b"" });
                self.odd(probe, Anomaly::Keepalive);
                self.ack(to);
            }
            _ => {
                self.ack(to);
            }
        }
    }

    /// Segments of which one is lost; each one behind it is answered by a duplicate acknowledgment.
    fn lose(
        &mut self,
        from: usize,
        lost: usize,
        captured: bool,
        flags: TcpFlags,
        payloads: &[Vec<u8>],
        seqs: &[SeqNumber],
    ) {
        let to = 1 - from;
        for (index, payload) in payloads.iter().enumerate() {
            if index != lost || captured {
                let frame = self.at(from, seqs[index], flags, payload);
                if index == lost + 1 && !captured {
                    self.odd(frame, Anomaly::LostSegment);
                }
            }
        }
        // The receiver has everything before the one that is lost.
        self.pair.next[from] = seqs[lost];
        self.millis(10);
        if lost > 0 {
            self.send(to, ACK, b"");
        }
        for _ in lost + 1..payloads.len() {
            let frame = self.send(to, ACK, b"");
            self.odd(frame, Anomaly::DuplicateAck);
        }
        self.millis(250);
        let again = self.at(from, seqs[lost], flags, &payloads[lost]);
        if captured || lost + 1 < payloads.len() {
            self.odd(again, Anomaly::Retransmission);
        }
        self.pair.next[from] = seqs[0];
        for payload in payloads {
            self.advance(from, ACK, payload);
        }
        self.ack(to);
    }

    fn close(&mut self, closing: Closing, x: usize, on_fin: usize) {
        use State::{CloseWait, Closed, FinWait1, FinWait2, LastAck, TimeWait};
        let y = 1 - x;
        let payload = self.random.bytes(on_fin);
        let first_seq = self.pair.next[x];
        self.millis(50);
        if matches!(closing, Closing::Not) {
            return;
        }
        if matches!(closing, Closing::Reset) {
            let reset = self.at(x, first_seq, RST | ACK, b"");
            self.moves(reset, x, Closed);
            self.moves(reset, y, Closed);
            self.truth.close = "reset";
            return;
        }
        self.truth.close = "four-way";
        let mut fin = self.send(x, FIN | ACK, &payload);
        self.moves(fin, x, FinWait1);
        if matches!(closing, Closing::Simultaneous) {
            self.truth.close = "simultaneous";
            // The other one's FIN does not acknowledge this one, nor what went with it.
            let acknowledged = core::mem::replace(&mut self.pair.next[x], first_seq);
            let crossing = self.send(y, FIN | ACK, b"");
            self.pair.next[x] = acknowledged;
            self.moves(crossing, y, FinWait1);
            self.moves(crossing, y, State::Closing);
            self.moves(crossing, x, State::Closing);
            let ack = self.ack(x);
            self.moves(ack, y, TimeWait);
            let ack = self.ack(y);
            self.moves(ack, x, TimeWait);
            return;
        }
        if matches!(closing, Closing::FinLost) {
            self.millis(250);
            fin = self.at(x, first_seq, FIN | ACK, &payload);
            self.odd(fin, Anomaly::Retransmission);
        }
        self.moves(fin, y, CloseWait);
        if matches!(closing, Closing::Unacknowledged) {
            self.truth.close = "half-closed";
            return;
        }
        if !matches!(closing, Closing::ThreeWay) {
            let ack = self.ack(y);
            self.moves(ack, x, FinWait2);
        }
        match closing {
            Closing::Half => {
                self.truth.close = "half-closed";
                return;
            }
            Closing::FourWay(len) if len > 0 => {
                let payload = self.random.bytes(len);
                self.send(y, PSH | ACK, &payload);
                self.ack(x);
            }
            _ => {}
        }
        self.millis(10);
        let second_seq = self.pair.next[y];
        let fin = self.send(y, FIN | ACK, b"");
        self.moves(fin, y, LastAck);
        if matches!(closing, Closing::ThreeWay) {
            self.truth.close = "three-way";
            self.moves(fin, x, FinWait2);
        }
        self.moves(fin, x, TimeWait);
        let mut ack = self.ack(x);
        if matches!(closing, Closing::LastAckLost) {
            self.millis(250);
            let again = self.at(y, second_seq, FIN | ACK, b"");
            self.odd(again, Anomaly::Retransmission);
            ack = self.ack(x);
        }
        self.moves(ack, y, Closed);
    }
}

fn perform(script: &Script, number: u16) -> (Vec<Packet>, Truth) {
    let mut stage = Stage::new(script, number);
    stage.open(script.opening);
    if !matches!(script.opening, Opening::Refused | Opening::Unanswered(_)) {
        for round in &script.rounds {
            stage.round(round);
        }
        stage.close(script.closing, script.closer, script.on_fin);
    }
    if !matches!(script.opening, Opening::Midstream) {
        stage.transitions.sort_by_key(|&(frame, end, _)| (frame, end));
        stage.truth.transitions = Some(stage.transitions);
    }
    (stage.tape.packets, stage.truth)
}

fn assert_true(flow: &FlowReport, truth: &Truth, global: impl Fn(u64) -> u64, script: &Script) {
    let why = format!("{script:#?}");
    assert_eq!((flow.open.name(), flow.close.name()), (truth.open, truth.close), "{why}");
    assert_eq!(flow.state, truth.state.map(Some), "{why}");
    assert_eq!(flow.isn.map(|isn| isn.map(SeqNumber::get)), truth.isn, "{why}");
    assert_eq!((flow.frames, flow.payload_bytes), (truth.frames, truth.payload_bytes), "{why}");
    let anomalies: Vec<(Anomaly, Vec<u64>)> = truth
        .anomalies
        .iter()
        .map(|(&kind, frames)| (kind, frames.iter().map(|&frame| global(frame)).collect()))
        .collect();
    assert_eq!(flow.anomalies, anomalies, "{why}");
    for end in 0..2 {
        let (ours, octets) = (&flow.stream[end], &truth.octets[end]);
        assert_eq!(ours.len, octets.len() as u64, "end {end}: {why}");
        assert_eq!(ours.gaps, truth.gaps[end], "end {end}: {why}");
        assert_eq!((ours.conflict_bytes, ours.truncated), (truth.conflicts[end], false), "end {end}: {why}");
        assert_eq!(ours.sha256, Some(Sha256::digest(octets).into()), "end {end}: {why}");
    }
    if let Some(transitions) = &truth.transitions {
        let mut ours: Vec<_> =
            flow.transitions.iter().map(|seen| (seen.frame, seen.end, seen.state)).collect();
        ours.sort_by_key(|&(frame, end, _)| (frame, end));
        let theirs: Vec<_> = transitions
            .iter()
            .map(|&(frame, end, state)| (global(frame), [End::A, End::B][end], Some(state)))
            .collect();
        assert_eq!(ours, theirs, "{why}");
    }
}

/// Plays conversations at the same time, and compares what replay says with what is true.
fn compare(scripts: &[Script]) {
    let mut packets: Vec<(Packet, usize)> = Vec::new();
    let mut truths = Vec::new();
    for (script, number) in scripts.iter().zip(0..) {
        let (own, truth) = perform(script, number);
        packets.extend(own.into_iter().map(|packet| (packet, usize::from(number))));
        truths.push(truth);
    }
    packets.sort_by_key(|(packet, _)| packet.time);
    let mut numbers = vec![Vec::new(); scripts.len()];
    for ((_, owner), frame) in packets.iter().zip(1_u64..) {
        numbers[*owner].push(frame);
    }
    let tape = Tape { packets: packets.into_iter().map(|(packet, _)| packet).collect(), ..Tape::default() };
    let replayed = replay_tape(&tape, ReplayConfig::default());
    assert_eq!(replayed.flows.len(), scripts.len());
    let mut order: Vec<usize> = (0..scripts.len()).collect();
    order.sort_by_key(|&index| numbers[index][0]);
    for (flow, index) in replayed.flows.iter().zip(order) {
        let global = |frame: u64| numbers[index][frame as usize - 1];
        assert_eq!(flow.first_frame, numbers[index][0]);
        assert_eq!(Some(&flow.last_frame), numbers[index].last());
        assert_true(flow, &truths[index], global, &scripts[index]);
    }

    // What is kept in a file or let go of early makes no difference.
    let mut forgotten = replay_tape(&tape, config(|config| config.forget_ended = true));
    forgotten.flows.sort_by_key(|flow| flow.first_frame);
    assert_eq!(forgotten.flows, replayed.flows);
}

fn any_opening() -> impl Strategy<Value = Opening> {
    prop_oneof![
        4 => Just(Opening::ThreeWay),
        1 => Just(Opening::SynLost),
        1 => Just(Opening::SynAckLost),
        2 => Just(Opening::Simultaneous),
        1 => (1_usize..500).prop_map(Opening::FastOpen),
        1 => Just(Opening::Refused),
        1 => (1_usize..4).prop_map(Opening::Unanswered),
        2 => Just(Opening::Midstream),
    ]
}

fn any_mishap() -> impl Strategy<Value = Mishap> {
    let at = 0_usize..5;
    prop_oneof![
        3 => Just(Mishap::Nothing),
        1 => at.clone().prop_map(Mishap::LostAfterCapture),
        1 => at.clone().prop_map(Mishap::LostBeforeCapture),
        1 => at.clone().prop_map(Mishap::NotCaptured),
        1 => at.clone().prop_map(Mishap::Doubled),
        1 => at.clone().prop_map(Mishap::Overtaken),
        1 => at.clone().prop_map(Mishap::Forged),
        1 => at.prop_map(Mishap::BadChecksum),
        1 => Just(Mishap::WindowCloses),
        1 => any::<bool>().prop_map(|octet| Mishap::Keepalive { octet }),
    ]
}

fn any_round() -> impl Strategy<Value = Round> {
    let sizes = prop::collection::vec(prop_oneof![1_usize..10, 1_usize..1_461], 1..6);
    (0_usize..2, sizes, any_mishap()).prop_map(|(from, sizes, mishap)| Round { from, sizes, mishap })
}

fn any_closing() -> impl Strategy<Value = Closing> {
    prop_oneof![
        Just(Closing::FourWay(0)),
        (1_usize..1_000).prop_map(Closing::FourWay),
        Just(Closing::ThreeWay),
        Just(Closing::Simultaneous),
        Just(Closing::Reset),
        Just(Closing::Half),
        Just(Closing::Unacknowledged),
        Just(Closing::FinLost),
        Just(Closing::LastAckLost),
        Just(Closing::Not),
    ]
}

fn any_script() -> impl Strategy<Value = Script> {
    // Numbers that wrap around during the conversation are as likely as others.
    let isn = || prop_oneof![any::<u32>(), u32::MAX - 3_000..=u32::MAX, 0x7fff_f000_u32..0x8000_0000];
    (
        ([isn(), isn()], any::<bool>(), prop::option::of(0_u8..15), any_opening()),
        prop::collection::vec(any_round(), 0..6),
        (any_closing(), 0_usize..2, prop_oneof![Just(0_usize), 1_usize..200]),
        0_u64..400,
    )
        .prop_map(|((isn, ipv6, scale, opening), rounds, (closing, closer, on_fin), begins)| Script {
            isn,
            ipv6,
            scale,
            opening,
            rounds,
            closing,
            closer,
            on_fin,
            begins,
        })
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 1_000,
        rng_seed: RngSeed::Fixed(20_240_229),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn replay_says_what_is_true_of_a_conversation(script in any_script()) {
        compare(&[script]);
    }

    #[test]
    fn conversations_at_the_same_time_are_told_apart(scripts in prop::collection::vec(any_script(), 2..5)) {
        compare(&scripts);
    }
}
