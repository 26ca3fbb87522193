//! Segments of a small stream in every order, overlapping in every way, against a bitmap: what is stored, what may be
//! read, what SACK and D-SACK report, and where the FIN counts.

use std::time::Duration;

use tcpstate::tcp::{SegmentMeta, SegmentOptions, Tcb, TcpConfig, Unpredictable};
use tcpstate::{SeqNumber, State, TcpFlags};

use crate::all_seen;
use crate::rig::NOW;

/// A part of the stream: octets from `start` to `end`, and the FIN behind them or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) start: u32,
    pub(crate) end: u32,
    pub(crate) fin: bool,
}

/// What has arrived: a bit for each octet, and one for the FIN behind the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Bitmap {
    octets: u32,
    /// The stream has so many octets.
    len: u32,
}

impl Bitmap {
    fn has(self, place: u32) -> bool {
        self.octets >> place & 1 == 1
    }

    /// The first place that is missing.
    fn next(self) -> u32 {
        (0..).find(|&place| !self.has(place)).unwrap_or(32)
    }

    fn fin(self) -> bool {
        self.has(self.len)
    }

    /// Whether the FIN may still be anywhere, or is behind the last octet for sure, is all the same here: it is always
    /// there.
    fn take(&mut self, part: Part) {
        (part.start..part.end).for_each(|place| self.octets |= 1 << place);
        if part.fin {
            self.octets |= 1 << self.len;
        }
    }

    /// Runs of octets beyond the first gap; the FIN is none.
    fn runs(self) -> Vec<(u32, u32)> {
        let mut runs: Vec<(u32, u32)> = Vec::new();
        for place in (self.next()..self.len).filter(|&place| self.has(place)) {
            match runs.last_mut() {
                Some(run) if run.1 == place => run.1 += 1,
                _ => runs.push((place, place + 1)),
            }
        }
        runs
    }

    /// Runs of `part` that have arrived before.
    fn repeated(self, part: Part) -> Vec<(u32, u32)> {
        let mut same = Self { octets: 0, len: self.len };
        (part.start..part.end).filter(|&place| self.has(place)).for_each(|place| same.octets |= 1 << place);
        // Bit 31 stays free: nothing is in order.
        let mut runs = same.runs();
        if same.next() > 0 {
            runs.insert(0, (0, same.next()));
        }
        runs
    }
}

const IRS: u32 = u32::MAX - 2;

/// An end that waits for a stream whose numbers wrap, with SACK.
pub(crate) fn receiver() -> Tcb {
    let mut config = TcpConfig::default();
    (config.receive_window, config.receive_window_max) = (64, 0);
    (config.window_scaling, config.timestamps) = (false, false);
    config.ack_delay = Duration::ZERO;
    let secrets = Unpredictable { iss: SeqNumber::new(1000), timestamp_offset: 0 };
    let mut tcb = Tcb::connect(config, secrets, NOW);
    assert!(tcb.poll_segment(NOW).is_some());
    let options = SegmentOptions { sack_permitted: true, ..SegmentOptions::default() };
    let flags = TcpFlags::SYN | TcpFlags::ACK;
    let (seq, ack) = (SeqNumber::new(IRS), SeqNumber::new(1001));
    tcb.on_segment(NOW, &SegmentMeta { seq, ack, flags, window: 100, options, ..SegmentMeta::default() });
    while tcb.poll_segment(NOW).is_some() {}
    assert_eq!(tcb.state(), State::Established);
    tcb
}

pub(crate) fn segment(part: Part) -> SegmentMeta {
    let fin = if part.fin { TcpFlags::FIN } else { TcpFlags::NONE };
    SegmentMeta {
        seq: SeqNumber::new(IRS) + 1 + part.start,
        ack: SeqNumber::new(1001),
        flags: TcpFlags::ACK | fin,
        window: 100,
        len: part.end - part.start,
        ..SegmentMeta::default()
    }
}

/// A machine and the bitmap that it is held against.
#[derive(Clone)]
struct Pair {
    tcb: Tcb,
    map: Bitmap,
}

impl Pair {
    fn new(len: u32) -> Self {
        Self { tcb: receiver(), map: Bitmap { octets: 0, len } }
    }

    /// `part` arrives, and everything that can be seen is compared.
    fn hear(&mut self, part: Part) {
        let (before, seg) = (self.map, segment(part));
        self.map.take(part);
        let (map, len) = (self.map, self.map.len);
        let verdict = self.tcb.on_segment(NOW, &seg);
        let fresh: Vec<u32> = (part.start..part.end).filter(|&place| !before.has(place)).collect();
        let stored = verdict.store.map_or(0..0, |placed| {
            assert_eq!(
                placed.offset,
                u64::from(part.start + placed.skip),
                "{part:?} stored where it belongs"
            );
            assert!(placed.skip + placed.len <= seg.len, "{placed:?} of {part:?}");
            part.start + placed.skip..part.start + placed.skip + placed.len
        });
        assert!(fresh.iter().all(|place| stored.contains(place)), "{part:?} into {before:?}: {stored:?}");
        assert!(!stored.is_empty() || fresh.is_empty(), "{part:?} into {before:?}");
        let next = map.next();
        assert_eq!(self.tcb.rcv_nxt(), SeqNumber::new(IRS) + 1 + next, "{part:?} into {before:?}");
        assert_eq!(verdict.readable_to, u64::from(next.min(len)));
        let ranges: Vec<_> = self.tcb.out_of_order().map(|run| (run.start as u32, run.end as u32)).collect();
        assert_eq!(ranges, map.runs(), "{part:?} into {before:?}");
        let closed = next > len;
        assert_eq!(self.tcb.state() == State::CloseWait, closed, "{part:?} into {before:?}");
        assert_eq!(verdict.notices.peer_closed, closed && before.next() <= len);
        self.check_answer(part, before);
    }

    /// One acknowledgment, with the blocks of RFC 2018 §4 and RFC 2883 §4.
    fn check_answer(&mut self, part: Part, before: Bitmap) {
        let answer = self.tcb.poll_segment(NOW).expect("every part is acknowledged").meta;
        assert!(self.tcb.poll_segment(NOW).is_none(), "one answer is enough");
        assert_eq!((answer.flags, answer.ack), (TcpFlags::ACK, self.tcb.rcv_nxt()));
        let place = |seq: SeqNumber| seq - (SeqNumber::new(IRS) + 1);
        let blocks: Vec<_> =
            answer.options.sack.as_slice().iter().map(|&(l, r)| (place(l), place(r))).collect();
        let repeated = before.repeated(part);
        let (dsack, rest) = match blocks.split_first() {
            Some((first, rest)) if repeated.contains(first) => (true, rest),
            _ => (false, blocks.as_slice()),
        };
        assert_eq!(dsack, !repeated.is_empty(), "{blocks:?} for {part:?} into {before:?}");
        let runs = self.map.runs();
        let room = 4 - usize::from(dsack);
        assert_eq!(rest.len(), runs.len().min(room), "{blocks:?} for {part:?} into {before:?}");
        assert!(rest.iter().all(|block| runs.contains(block)), "{blocks:?} for {part:?} into {before:?}");
        // "The first SACK block MUST specify the contiguous block of data containing the segment which triggered this ACK."
        let own = runs.iter().find(|run| run.0 <= part.start && part.end <= run.1 && part.start < part.end);
        if let Some(own) = own {
            assert_eq!(rest.first(), Some(own), "{blocks:?} for {part:?} into {before:?}");
        }
        assert!(
            (1..rest.len()).all(|block| !rest[..block].contains(&rest[block])),
            "a block stands there once"
        );
    }
}

/// All parts of a stream of `len` octets: what can be a segment of it, with the FIN or without, or the FIN alone.
pub(crate) fn parts(len: u32) -> Vec<Part> {
    let mut all = Vec::new();
    for start in 0..len {
        for end in start + 1..=len {
            all.push(Part { start, end, fin: false });
        }
        all.push(Part { start, end: len, fin: true });
    }
    all.push(Part { start: len, end: len, fin: true });
    all
}

/// Every sequence of `depth` parts, as a tree: what was compared up to a branch holds for all behind it. Counts leaves.
fn sequences(pair: &Pair, parts: &[Part], depth: u32) -> u64 {
    if depth == 0 {
        let mut whole = pair.clone();
        let len = whole.map.len;
        whole.hear(Part { start: 0, end: len, fin: true });
        assert!(
            whole.tcb.state() == State::CloseWait && whole.map.fin(),
            "what came does not keep the rest away"
        );
        return 1;
    }
    let mut leaves = 0;
    for &part in parts {
        let mut next = pair.clone();
        next.hear(part);
        leaves += sequences(&next, parts, depth - 1);
    }
    leaves
}

#[test]
fn three_parts_of_six_octets_arrive_in_any_order_and_overlap_in_any_way() {
    let parts = parts(6);
    all_seen(sequences(&Pair::new(6), &parts, 3), (21 + 6 + 1_u64).pow(3));
}

#[test]
#[ignore = "4,100,625 cases: in an optimised build"]
fn four_parts_of_eight_octets_arrive_in_any_order_and_overlap_in_any_way() {
    let parts = parts(8);
    all_seen(sequences(&Pair::new(8), &parts, 4), (36 + 8 + 1_u64).pow(4));
}

#[test]
#[ignore = "11,390,625 cases: in an optimised build"]
fn six_parts_of_four_octets_arrive_in_any_order_and_overlap_in_any_way() {
    let parts = parts(4);
    all_seen(sequences(&Pair::new(4), &parts, 6), (10 + 4 + 1_u64).pow(6));
}

/// All orders of `left`; how many there are.
fn orders(pair: &Pair, left: &[Part]) -> u64 {
    if left.is_empty() {
        assert_eq!(pair.tcb.state(), State::CloseWait);
        return 1;
    }
    let mut all = 0;
    for (place, &part) in left.iter().enumerate() {
        let mut next = pair.clone();
        next.hear(part);
        let others: Vec<_> =
            left.iter().enumerate().filter(|&(other, _)| other != place).map(|(_, &part)| part).collect();
        all += orders(&next, &others);
    }
    all
}

/// Every way to cut a stream into segments, and every order in which they can arrive; the FIN comes with the last or by
/// itself.
fn cut_and_shuffled(len: u32) -> u64 {
    let mut seen = 0;
    for cuts in 0_u32..1 << (len - 1) {
        let mut edges = vec![0];
        edges.extend((1..len).filter(|place| cuts >> (place - 1) & 1 == 1));
        edges.push(len);
        let fin = |end: u32| end == len;
        let mut parts: Vec<_> = edges
            .windows(2)
            .map(|edges| Part { start: edges[0], end: edges[1], fin: fin(edges[1]) })
            .collect();
        seen += orders(&Pair::new(len), &parts);
        parts.last_mut().expect("there is one").fin = false;
        parts.push(Part { start: len, end: len, fin: true });
        seen += orders(&Pair::new(len), &parts);
    }
    seen
}

/// The number of orders of all ways to cut a stream: C(len - 1, k - 1) ways into k segments, each in k! orders, and with
/// the FIN for itself in (k + 1)!.
fn orders_of_all_cuts(len: u64) -> u64 {
    let factorial = |n: u64| (1..=n).product::<u64>();
    let choose = |n: u64, k: u64| factorial(n) / factorial(k) / factorial(n - k);
    (1..=len).map(|k| choose(len - 1, k - 1) * (factorial(k) + factorial(k + 1))).sum()
}

#[test]
fn five_octets_cut_in_any_way_arrive_in_any_order() {
    all_seen(cut_and_shuffled(5), orders_of_all_cuts(5));
}

#[test]
#[ignore = "876,809 cases: in an optimised build"]
fn eight_octets_cut_in_any_way_arrive_in_any_order() {
    all_seen(cut_and_shuffled(8), orders_of_all_cuts(8));
}
