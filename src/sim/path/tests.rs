use super::*;
use crate::Instant;
use crate::sim::{Measured, Node};
use std::collections::BTreeSet;
use std::vec;

fn path(rtt: u64, mbit: u64, change: impl FnOnce(&mut Path)) -> Path {
    let mut path = Path::new(Duration::from_millis(rtt), mbit * 1_000_000);
    change(&mut path);
    path
}

fn ppb(parts: u32) -> impl FnOnce(&mut Path) {
    move |path| path.loss = Probability::parts_per_billion(parts)
}

/// A second of it, after a second.
const SHORT: Span = Span::exactly(Duration::from_secs(1), Duration::from_secs(1));

fn measured(path: &Path, seed: u64, span: Span) -> Measured {
    path.measure(seed, span, Path::endpoints(seed, path.bulk()).unwrap()).unwrap()
}

#[test]
fn the_grid_has_every_cell_once() {
    let key = |path: &Path| (path.rtt, path.rate, path.loss, path.reorder, path.buffer);
    let grid = Path::grid();
    assert_eq!(grid.len(), 360);
    let cells: Vec<_> = grid.iter().map(key).collect();
    assert!(cells.is_sorted_by(|one, next| one < next), "in order, and none twice");
}

#[test]
fn the_quick_cells_are_a_tenth_of_the_grid_and_spread_over_it() {
    let (grid, quick) = (Path::grid(), Path::quick());
    assert_eq!(quick.len(), 36);
    let places: Vec<_> = quick.iter().map(|cell| grid.iter().position(|other| other == cell)).collect();
    assert!(places.iter().all(Option::is_some) && places.is_sorted());
    let differing = |key: &dyn Fn(&Path) -> (u64, u64)| quick.iter().map(key).collect::<BTreeSet<_>>().len();
    let loss = |path: &Path| u64::from(path.loss.as_parts_per_billion());
    let rtt = |path: &Path| path.rtt.as_millis() as u64;
    assert_eq!(differing(&|path| (rtt(path) * 1_000 + u64::from(path.buffer), path.rate.get())), 36);
    assert_eq!(differing(&|path| (loss(path), path.reorder.into())), 10, "each loss in order and not");
    assert_eq!(differing(&|path| (loss(path), path.buffer.into())), 15);
    assert_eq!(differing(&|path| (path.reorder.into(), path.rate.get())), 6);
    assert_eq!(quick.iter().filter(|path| path.reorder).count(), 12);
}

#[test]
fn a_queue_is_a_share_of_the_bdp_and_holds_a_packet_at_least() {
    let buffer = |percent| move |path: &mut Path| path.buffer = percent;
    assert_eq!(path(100, 100, buffer(10)).queue(), 125_000);
    assert_eq!(path(100, 100, buffer(50)).queue(), 625_000);
    assert_eq!(path(1, 10, buffer(50)).queue(), QUEUE_FLOOR * 1_500, "half of 1,250 octets");
    assert_eq!(path(1, 10, buffer(50)).bdp(), 1_250);
    let huge = Path { rtt: Duration::MAX, rate: NonZeroU64::MAX, buffer: u32::MAX, ..path(1, 1, |_| {}) };
    assert_eq!([huge.bdp(), huge.queue(), huge.end_buffer()], [u64::MAX; 3]);
    assert_eq!(huge.reference(), 1.0);
}

#[test]
fn faults_are_in_the_direction_of_the_data() {
    let [there, back] = path(100, 10, |path| {
        path.loss = Probability::percent(5);
        path.reorder = true;
        path.buffer = 10;
    })
    .links();
    assert_eq!((there.delay, back.delay), (Duration::from_millis(50), Duration::from_millis(50)));
    assert_eq!((there.rate, there.queue), (back.rate, 12_500));
    assert_eq!(there.loss, Probability::percent(5));
    let hold = Reorder { chance: Probability::percent(5), hold: Duration::from_millis(25) };
    assert_eq!((there.reorder, there.reorder_exact), (Some(hold), true));
    assert_eq!((back.loss, back.reorder), (Probability::NEVER, None));
    assert!(back.queue > 1_000_000);
}

/// RFC 9438 §5.1, Table 1: the column of CUBIC with C = 0.4, round trips of 100 ms.
#[test]
fn the_reference_has_the_windows_of_the_response_function() {
    for (parts, listed) in
        [(10_000_000, 12), (1_000_000, 38), (100_000, 187), (10_000, 1_054), (1_000, 5_926)]
    {
        let window = path(100, 1, ppb(parts)).window_millis().unwrap();
        assert!(window.abs_diff(listed * 1_000) < 1_000, "{window} thousandths, and {listed} in the table");
    }
    assert_eq!(path(100, 1, |_| {}).window_millis(), None);
}

#[test]
fn the_reference_is_a_share_of_the_link() {
    // 12.247 packets of 12,000 bits in 100 ms.
    assert_eq!(path(100, 10, ppb(10_000_000)).reference(), 0.146_964);
    assert_eq!(path(100, 1, ppb(10_000_000)).reference(), 1.0, "1.47 Mbit/s, and no more than the link has");
    assert_eq!(path(100, 10, |_| {}).reference(), 1.0);
}

#[test]
fn a_span_is_long_enough_for_slow_start_and_for_two_periods() {
    let millis = |path: Path| {
        let span = path.span();
        (span.after.as_millis(), span.length.as_millis(), span.losses)
    };
    assert_eq!(millis(path(1, 10, |_| {})), (3_020, 10_000, 0));
    // Twice 833 packets in pipe and queue of 100 Mbit/s over 100 ms: K is 10.77 s.
    assert_eq!(millis(path(100, 100, ppb(100_000))), (5_000, 21_540, 300));
    assert_eq!(millis(path(1, 100, ppb(100_000))), (3_020, 10_000, 30));
    assert_eq!(millis(path(300, 1000, |_| {})), (9_000, 60_000, 0));
}

#[test]
fn a_span_goes_on_until_enough_was_lost_or_it_is_long_enough() {
    let lossy = path(20, 1, |path| path.loss = Probability::percent(5));
    let span = |losses, longest| Span { losses, longest: Duration::from_secs(longest), ..SHORT };
    assert_eq!(measured(&lossy, 1, span(1, 9)).time, Duration::from_secs(1));
    let twenty = measured(&lossy, 1, span(20, 99));
    assert!((2..40).contains(&twenty.time.as_secs()), "four of 83 packets each second: {twenty:?}");
    assert_eq!(twenty.capacity, lossy.capacity(twenty.time));
    assert_eq!(measured(&lossy, 1, span(20, 2)).time, Duration::from_secs(2));
    assert_eq!(measured(&path(20, 1, |_| {}), 1, span(1, 3)).time, Duration::from_secs(3));
}

#[test]
fn a_transfer_over_a_path_without_faults_fills_it() {
    let full = measured(&path(20, 10, |_| {}), 1, SHORT);
    assert!(full.share() > 0.98 && full.share() <= 1.001, "{full:?}");
    assert_eq!(full.capacity, 10_000_000 / 8 * 1_448 / 1_500);
    assert_eq!(full, measured(&path(20, 10, |_| {}), 1, SHORT), "a run can be repeated");
}

#[test]
fn what_is_lost_is_counted_as_repeated() {
    let lossy = path(20, 10, |path| path.loss = Probability::percent(2));
    let one = measured(&lossy, 1, SHORT);
    assert!((0.005..0.1).contains(&one.retransmitted()), "{one:?}");
    assert_ne!(one, measured(&lossy, 2, SHORT), "another seed is another luck");
}

/// An end that plays what it is given: a packet at its time.
#[derive(Default)]
struct Tape(Vec<(u64, Vec<u8>)>);

impl Node for Tape {
    fn handle_packet(&mut self, _: Instant, _: &[u8]) {}
    fn poll_transmit(&mut self, now: Instant, out: &mut [u8]) -> Option<usize> {
        let due = self.0.first().is_some_and(|(at, _)| *at <= now.as_nanos());
        let (_, packet) = due.then(|| self.0.remove(0))?;
        out[..packet.len()].copy_from_slice(&packet);
        Some(packet.len())
    }
    fn handle_timeout(&mut self, _: Instant) {}
    fn poll_timeout(&self) -> Option<Instant> {
        self.0.first().map(|(at, _)| Instant::from_nanos(*at))
    }
}

impl Bulk for Tape {
    fn octets_read(&self) -> u64 {
        7
    }
}

/// A data packet of `len` octets at `seq`, as far as lengths and numbers go.
fn packet(seq: u32, len: usize) -> Vec<u8> {
    let mut packet = vec![0; 40 + len];
    packet[0] = 0x45;
    packet[2..4].copy_from_slice(&u16::try_from(40 + len).unwrap().to_be_bytes());
    packet[8..10].copy_from_slice(&[64, 6]);
    packet[24..28].copy_from_slice(&seq.to_be_bytes());
    packet[32] = 0x50;
    packet
}

#[test]
fn only_octets_that_were_sent_before_are_repeated_and_only_in_the_span() {
    let millis = |at: u64, seq: u32, len| (at * 1_000_000, packet(seq, len));
    let start = u32::MAX - 50; // numbers that wrap
    let sender = Tape(vec![
        millis(10, start, 100),
        millis(20, start, 100),                     // before the span
        millis(1_100, start.wrapping_add(99), 2),   // half of it
        millis(1_200, start, 50),                   // all of it
        millis(1_300, start.wrapping_add(200), 10), // nothing, behind a gap
        millis(1_400, start, 0),                    // an acknowledgment
        (1_500_000_000, vec![1, 2, 3]),             // no packet
        millis(2_100, start, 100),                  // after the span
    ]);
    let got = path(1, 10, |_| {}).measure(1, SHORT, [sender, Tape::default()]).unwrap();
    assert_eq!((got.sent, got.repeated, got.read), (62, 51, 0));
    assert_eq!(got.retransmitted(), 0.822_580);
}
