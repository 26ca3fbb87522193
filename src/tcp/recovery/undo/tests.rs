use alloc::vec::Vec;

use super::Undo;
use crate::Instant;
use crate::tcp::CongestionAlgorithm;
use crate::tcp::congestion::Congestion;

fn undo() -> Undo {
    Undo {
        congestion: Congestion::new(CongestionAlgorithm::NewReno, 10_000),
        resent: Some(Vec::new()),
        first_resent: None,
        timed_out: false,
        marked: false,
        until: None,
    }
}

// RFC 3708 §2.2: every retransmission has to be reported; §3: and nothing else counts.
#[test]
fn all_of_it_must_have_arrived_twice() {
    let mut undo = undo();
    assert!(!undo.arrived_twice(100..150), "nothing was sent again");
    undo.resent(100..200, Instant::from_nanos(1));
    undo.resent(300..350, Instant::from_nanos(2));
    assert_eq!(undo.first_resent, Some(Instant::from_nanos(1)));
    assert!(!undo.arrived_twice(200..300), "was not sent again");
    assert!(!undo.arrived_twice(100..150), "a part");
    assert!(!undo.arrived_twice(100..200));
    assert!(!undo.arrived_twice(100..200), "said before");
    assert!(undo.arrived_twice(300..350));
}

#[test]
fn what_is_too_much_to_keep_account_of_is_not_undone() {
    let mut undo = undo();
    for piece in 0..=Undo::MAX_PIECES as u64 {
        undo.resent(piece * 10..piece * 10 + 10, Instant::ZERO);
    }
    assert!(!undo.arrived_twice(0..u64::MAX));
}

/// The memory of a connection is bounded by what it says of it.
#[test]
fn each_piece_counts_as_memory() {
    let mut undo = undo();
    assert_eq!(undo.memory(), size_of::<Undo>());
    undo.resent(100..200, Instant::ZERO);
    let pieces = undo.resent.as_ref().map_or(0, Vec::capacity);
    assert_eq!(undo.memory(), size_of::<Undo>() + pieces * 16);
    assert!(pieces > 0);
}
