use super::{ANCHOR_AFTER, History, Shared, Stream, StreamSummary};
use crate::replay::spill::MemorySpill;
use proptest::prelude::*;
use sha2::{Digest, Sha256};
use std::vec;
use std::vec::Vec;

const MEMORY: usize = 1 << 20;

struct Bench {
    stream: Stream,
    spill: MemorySpill,
    memory: usize,
    history: usize,
}

impl Bench {
    fn new(memory: usize) -> Self {
        let mut bench = Self::midstream(memory);
        bench.with(|stream, shared| stream.anchor(0, shared).unwrap());
        bench
    }

    fn midstream(memory: usize) -> Self {
        Self { stream: Stream::default(), spill: MemorySpill::default(), memory, history: 0 }
    }

    fn with<T>(&mut self, act: impl FnOnce(&mut Stream, &mut Shared<'_>) -> T) -> T {
        let mut shared = Shared {
            memory: self.memory,
            hash: true,
            history_limit: 1 << 30,
            history: &mut self.history,
            spill: &mut self.spill,
        };
        act(&mut self.stream, &mut shared)
    }

    fn insert(&mut self, at: i64, bytes: &[u8]) -> u64 {
        self.with(|stream, shared| stream.insert(at, bytes, shared).unwrap())
    }

    fn end(mut self, end: Option<i64>) -> StreamSummary {
        let summary = self.with(|stream, shared| {
            stream.give_up_gaps(end, shared).unwrap();
            stream.summary(shared).unwrap()
        });
        assert_eq!(self.history, 0, "all memory is given back");
        summary
    }
}

fn sha(bytes: &[u8]) -> Option<[u8; 32]> {
    Some(Sha256::digest(bytes).into())
}

#[test]
fn octets_in_order_are_hashed_as_they_come() {
    let mut bench = Bench::new(MEMORY);
    bench.insert(0, b"hello ");
    bench.insert(6, b"world");
    let summary = bench.end(Some(11));
    assert_eq!((summary.len, summary.sha256), (11, sha(b"hello world")));
    assert!(summary.gaps.is_empty() && !summary.truncated);
}

#[test]
fn an_empty_stream_has_the_hash_of_nothing() {
    assert_eq!(Bench::new(MEMORY).end(None).sha256, sha(b""));
}

#[test]
fn the_first_copy_wins_and_differences_are_counted() {
    let mut bench = Bench::new(MEMORY);
    assert_eq!(bench.insert(0, b"abcd"), 0);
    assert_eq!(bench.insert(2, b"cXYZ"), 1);
    assert_eq!(bench.insert(8, b"mnop"), 0);
    assert_eq!(bench.insert(6, b"klmQ"), 1, "also against what still waits");
    let summary = bench.end(None);
    assert_eq!(summary.sha256, sha(b"abcdYZklmnop"));
    assert_eq!(summary.conflict_bytes, 2);
}

#[test]
fn a_gap_is_closed_up_and_named() {
    let mut bench = Bench::new(MEMORY);
    bench.insert(0, b"abc");
    bench.insert(10, b"xyz");
    let summary = bench.end(Some(20));
    assert_eq!(summary.sha256, sha(b"abcxyz"));
    assert_eq!(summary.gaps, [(3, 7), (6, 7)], "seven missing inside, seven before the known end");
}

#[test]
fn gaps_that_touch_are_one() {
    let mut bench = Bench::new(MEMORY);
    bench.insert(0, b"abc");
    bench.with(|stream, shared| stream.give_up_gaps(Some(10), shared).unwrap());
    assert_eq!(bench.end(Some(25)).gaps, [(3, 22)]);
}

#[test]
fn what_comes_after_the_end_is_hashed_but_not_kept() {
    let mut bench = Bench::new(MEMORY);
    bench.insert(0, b"abc");
    bench.with(|stream, shared| stream.forget_history(shared));
    bench.insert(3, b"def");
    assert!(bench.stream.kept.is_none() && bench.stream.is_unfinished());
    assert_eq!(bench.end(None).sha256, sha(b"abcdef"));
}

#[test]
fn without_a_syn_the_stream_begins_at_the_lowest_of_the_first_octets() {
    let mut bench = Bench::midstream(MEMORY);
    bench.insert(4, b"efgh");
    bench.insert(-2, b"yz");
    bench.insert(0, b"abcd");
    let summary = bench.end(None);
    assert_eq!(summary.sha256, sha(b"yzabcdefgh"));
    assert!(summary.gaps.is_empty());
}

#[test]
fn a_late_syn_puts_the_beginning_right() {
    let mut bench = Bench::midstream(MEMORY);
    bench.insert(0, b"world");
    bench.with(|stream, shared| stream.anchor(-6, shared).unwrap());
    bench.insert(-6, b"hello ");
    assert_eq!(bench.end(None).sha256, sha(b"hello world"));
}

#[test]
fn what_the_memory_limit_pushed_out_is_said_to_be_truncated_only_when_it_is_missed() {
    let mut bench = Bench::new(4 * History::CHUNK);
    let block = vec![7; History::CHUNK];
    for n in 0..32 {
        bench.insert(n * History::CHUNK as i64, &block);
    }
    assert!(!bench.stream.truncated);
    assert_eq!(
        bench.insert(31 * History::CHUNK as i64, b"x"),
        1,
        "near the end it is still there to compare"
    );
    assert!(!bench.stream.truncated);
    bench.insert(0, b"x");
    assert!(bench.stream.truncated);
}

#[test]
fn memory_stays_within_the_limit_however_much_waits() {
    let mut bench = Bench::new(200_000);
    for n in 1..100_000_i64 {
        bench.insert(n * 3, b"x");
        assert!(bench.stream.ahead_bytes() <= bench.memory);
    }
    let summary = bench.end(None);
    assert_eq!(summary.len, 99_999);
    assert_eq!(summary.gaps.len(), 99_999);
}

#[test]
fn all_streams_together_keep_no_more_than_the_common_limit() {
    let (mut history, mut spill) = (0, MemorySpill::default());
    let mut streams: Vec<Stream> = (0..10).map(|_| Stream::default()).collect();
    let block = vec![7; History::CHUNK];
    let limit = 20 * History::CHUNK;
    for n in 0..50 {
        for stream in &mut streams {
            let mut shared = Shared {
                memory: 1 << 30,
                hash: false,
                history_limit: limit,
                history: &mut history,
                spill: &mut spill,
            };
            stream.anchor(0, &mut shared).unwrap();
            stream.insert(n * History::CHUNK as i64, &block, &mut shared).unwrap();
        }
    }
    let kept: usize = streams
        .iter()
        .map(|stream| stream.kept.as_ref().unwrap().history.chunks.len() * History::CHUNK)
        .sum();
    assert_eq!(kept, history);
    assert!(kept <= limit.max(10 * History::AT_LEAST), "{kept}");
    assert!(
        streams.iter().all(|stream| stream.kept.as_ref().unwrap().history.chunks.len() >= 2),
        "none goes without"
    );
}

#[test]
fn an_acknowledged_gap_does_not_hold_the_stream_up_for_ever() {
    let mut bench = Bench::new(1 << 26);
    bench.insert(1, &vec![1; 3 << 20]);
    bench.with(|stream, shared| stream.acknowledged(3 << 20, shared).unwrap());
    assert_eq!(bench.stream.ahead_bytes(), 0);
    assert_eq!(bench.end(None).gaps, [(0, 1)]);
}

#[test]
fn a_stream_without_a_syn_starts_to_flow_once_enough_has_come() {
    let mut bench = Bench::midstream(MEMORY);
    bench.insert(5, &vec![1; 2 * ANCHOR_AFTER]);
    assert_eq!(bench.stream.ahead_bytes(), 0);
    assert_eq!(bench.stream.delivered, 2 * ANCHOR_AFTER as u64);
}

proptest! {
    /// Against the simplest model there is: an array of `Option<u8>`, filled by whoever comes first.
    #[test]
    fn any_order_of_pieces_gives_what_a_position_array_gives(
        pieces in proptest::collection::vec((0_usize..200, proptest::collection::vec(any::<u8>(), 0..40)), 0..40),
        anchored: bool,
    ) {
        let mut bench = if anchored { Bench::new(MEMORY) } else { Bench::midstream(MEMORY) };
        let mut model = vec![None; 256];
        let mut conflicts = 0;
        for (at, bytes) in &pieces {
            let mut differing = 0;
            for (slot, byte) in model[*at..].iter_mut().zip(bytes) {
                if *slot.get_or_insert(*byte) != *byte {
                    differing += 1;
                }
            }
            prop_assert_eq!(bench.insert(*at as i64, bytes), differing);
            conflicts += differing;
        }
        let present: Vec<u8> = model.iter().copied().flatten().collect();
        let first = if anchored { 0 } else { model.iter().position(Option::is_some).unwrap_or(0) };
        let last = model.iter().rposition(Option::is_some).map_or(first, |last| last + 1);
        let missing = model[first..last].iter().filter(|slot| slot.is_none()).count() as u64;
        let summary = bench.end(None);
        prop_assert_eq!(summary.len, present.len() as u64);
        prop_assert_eq!(summary.sha256, sha(&present));
        prop_assert_eq!(summary.gaps.iter().map(|gap| gap.1).sum::<u64>(), missing);
        prop_assert_eq!(summary.conflict_bytes, conflicts);
        prop_assert!(!summary.truncated);
    }
}
