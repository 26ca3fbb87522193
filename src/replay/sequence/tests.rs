use super::{Captured, PathHints, Place, SendSide, SeqSpan};
use crate::SeqNumber;
use crate::time::Instant;
use core::time::Duration;

const ISN: u32 = u32::MAX - 50;

fn span(offset: i64, len: u32) -> SeqSpan {
    let seq = SeqNumber::new((i64::from(ISN) + 1 + offset) as u32);
    SeqSpan { seq, syn: false, len, fin: false }
}

fn at(ms: u64) -> Captured {
    Captured { frame: ms, now: Instant::from_nanos(ms * 1_000_000) }
}

fn hints(round_trip_ms: u64) -> PathHints {
    PathHints { round_trip: Duration::from_millis(round_trip_ms), ..PathHints::default() }
}

/// An end that has sent its SYN and 100 octets, just before and across the wrap.
fn side() -> SendSide {
    let mut side = SendSide::default();
    let syn = SeqSpan { seq: SeqNumber::new(ISN), syn: true, len: 0, fin: false };
    assert_eq!(side.place(syn, at(0), hints(0)).place, Place::Next);
    assert_eq!(side.place(span(0, 100), at(1), hints(0)).place, Place::Next);
    assert_eq!(side.next, 100);
    side
}

fn place(side: &mut SendSide, offset: i64, len: u32, ms: u64) -> Place {
    side.place(span(offset, len), at(ms), hints(40)).place
}

#[test]
fn what_was_sent_before_is_a_retransmission() {
    let mut side = side();
    assert_eq!(place(&mut side, 0, 100, 2), Place::Again);
    assert_eq!(place(&mut side, 50, 100, 3), Place::Again, "even if something new rides along");
    assert_eq!(side.next, 150);
}

#[test]
fn a_gap_filled_within_a_round_trip_was_reordered_and_later_was_sent_again() {
    for (ms, expected) in [(20, Place::Reordered), (60, Place::Again)] {
        let mut side = side();
        assert_eq!(place(&mut side, 200, 100, 10), Place::AfterGap);
        assert_eq!(place(&mut side, 100, 100, ms), expected);
        assert_eq!(place(&mut side, 100, 100, ms), Place::Again, "the gap is closed");
    }
}

#[test]
fn a_gap_filled_after_three_duplicate_acks_was_sent_again_however_soon() {
    let mut side = side();
    place(&mut side, 200, 100, 10);
    let hints = PathHints { dup_acks: 3, ..hints(40) };
    assert_eq!(side.place(span(100, 100), at(11), hints).place, Place::Again);
}

#[test]
fn a_gap_can_be_filled_piece_by_piece() {
    let mut side = side();
    place(&mut side, 400, 100, 10);
    for offset in [200, 100, 300] {
        assert!(side.holes.iter().any(|holes| !holes.is_empty()));
        assert_eq!(place(&mut side, offset, 100, 11), Place::Reordered);
    }
    assert!(side.holes.iter().all(|holes| holes.is_empty()));
}

#[test]
fn a_segment_may_lie_in_the_middle_of_a_gap() {
    let mut side = side();
    place(&mut side, 1000, 100, 10);
    assert_eq!(place(&mut side, 400, 100, 11), Place::Reordered);
    let holes: std::vec::Vec<_> =
        side.holes.iter().flat_map(|holes| holes.iter()).map(|(&low, hole)| (low, hole.to)).collect();
    assert_eq!(holes, [(100, 400), (500, 1000)]);
}

#[test]
fn an_old_octet_with_nothing_outstanding_is_a_probe() {
    let mut side = side();
    assert_eq!(place(&mut side, 99, 0, 2), Place::Aside, "something is outstanding");
    assert_eq!(place(&mut side, 99, 1, 2), Place::Again, "something is outstanding");
    side.acknowledge(100, 65_535);
    assert_eq!(place(&mut side, 99, 0, 3), Place::Probe);
    assert_eq!(place(&mut side, 99, 1, 4), Place::Probe);
    assert_eq!(place(&mut side, 98, 1, 5), Place::Again);
    assert_eq!(place(&mut side, 100, 0, 6), Place::Nothing);
}

#[test]
fn acknowledging_what_was_never_seen_is_noticed_once() {
    let mut side = side();
    assert!(!side.acknowledge(100, 65_535));
    assert!(side.acknowledge(300, 65_535));
    assert!(!side.acknowledge(300, 65_535));
    place(&mut side, 500, 10, 5);
    assert!(side.acknowledge(510, 65_535), "the octets of the gap arrived though they were not captured");
    assert!(side.holes.iter().all(|holes| holes.is_empty()));
}

#[test]
fn a_fin_counts_only_where_the_data_ends() {
    let mut side = side();
    let stray = SeqSpan { fin: true, ..span(10, 0) };
    side.place(stray, at(2), hints(0));
    assert_eq!(side.fin(), None);
    let fin = SeqSpan { fin: true, ..span(100, 20) };
    side.place(fin, at(3), hints(0));
    assert_eq!((side.fin(), side.next), (Some(120), 121));
    assert!(side.is_complete_up_to_fin());
}

#[test]
fn a_wild_sequence_number_changes_nothing() {
    let mut side = side();
    assert_eq!(place(&mut side, (1 << 30) + 200, 1, 2), Place::Nowhere);
    assert_eq!(side.next, 100);
    assert_eq!(place(&mut side, 1 << 30, 1, 2), Place::AfterGap, "2³⁰ octets ahead is still believed");
}

#[test]
fn a_segment_from_beyond_the_window_is_given_up_when_the_sender_goes_on_below_it() {
    let mut side = side();
    side.acknowledge(100, 1_000);
    assert_eq!(place(&mut side, 5_000_000, 10, 2), Place::AfterGap, "the capture may lack what was between");
    let placed = side.place(span(100, 50), at(3), hints(40));
    assert_eq!((placed.place, placed.stray_from), (Place::Next, Some(100)));
    assert_eq!(side.next, 150);
    assert!(side.holes.iter().all(|holes| holes.is_empty()));
}

#[test]
fn a_segment_from_beyond_the_window_is_believed_once_another_follows_it() {
    // The acknowledgments are not captured, so that the window seems to stand still.
    let mut side = side();
    side.acknowledge(100, 1_000);
    assert_eq!(place(&mut side, 2_000, 500, 2), Place::AfterGap);
    assert_eq!(place(&mut side, 2_500, 500, 3), Place::Next);
    let placed = side.place(span(100, 500), at(900), hints(40));
    assert_eq!((placed.place, placed.stray_from), (Place::Again, None));
    assert_eq!(side.next, 3_000);
}

#[test]
fn two_strays_are_given_up_together() {
    let mut side = side();
    side.acknowledge(100, 1_000);
    place(&mut side, 5_000_000, 10, 2);
    place(&mut side, 7_000_000, 10, 3);
    let placed = side.place(span(100, 50), at(4), hints(40));
    assert_eq!((placed.place, placed.stray_from, side.next), (Place::Next, Some(100), 150));
}

#[test]
fn an_acknowledgment_captured_before_its_octets_holds_when_they_have_come() {
    let mut side = side();
    side.acknowledge(300, 1_000);
    place(&mut side, 100, 100, 2);
    assert_eq!(side.acked(), Some(100));
    place(&mut side, 200, 100, 3);
    assert_eq!(side.acked(), Some(300));
}

#[test]
fn a_segment_from_beyond_the_window_is_believed_once_it_is_acknowledged() {
    let mut side = side();
    side.acknowledge(100, 1_000);
    place(&mut side, 5_000_000, 10, 2);
    side.acknowledge(5_000_010, 1_000);
    assert_eq!(place(&mut side, 100, 50, 3), Place::Again);
    assert_eq!(side.next, 5_000_010);
}

#[test]
fn an_acknowledgment_of_what_is_only_sent_later_is_taken_back() {
    let mut side = side();
    side.acknowledge(1_000_000, 1_000);
    assert_eq!(place(&mut side, 100, 50, 2), Place::Next);
    assert_eq!(side.acked(), Some(100));
    side.acknowledge(250, 1_000);
    assert_eq!(place(&mut side, 150, 100, 3), Place::Next);
    assert_eq!(side.acked(), Some(250), "captured a little before what it acknowledges");
}

#[test]
fn a_fin_that_was_missed_says_since_when() {
    let mut side = side();
    assert_eq!(
        place(&mut side, 101, 0, 7),
        Place::AfterGap,
        "an empty segment shows that something was sent"
    );
    let fin = SeqSpan { fin: true, ..span(100, 0) };
    assert_eq!(side.place(fin, at(90), hints(40)).fin_missed_at, Some(7));
}

#[test]
fn positions_go_on_past_four_gigabytes() {
    let mut side = side();
    let step = 1 << 29;
    for n in 0..20_i64 {
        let before = side.next;
        assert_eq!(place(&mut side, before, step, 3), Place::Next, "step {n}");
    }
    assert_eq!(side.next, 100 + 20 * i64::from(step));
}

#[test]
fn remembered_gaps_are_bounded() {
    let mut side = side();
    for n in 1..10_000_i64 {
        place(&mut side, 100 + n * 20, 10, 3);
    }
    assert_eq!(side.holes.as_ref().unwrap().len(), super::MAX_HOLES);
}
