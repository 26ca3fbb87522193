use super::Undo;
use crate::Instant;
use crate::tcp::CongestionAlgorithm;
use crate::tcp::congestion::Congestion;

fn undo() -> Undo {
    Undo {
        congestion: Congestion::new(CongestionAlgorithm::NewReno, 10_000),
        from: 100,
        resent: 0,
        first_resent: None,
        timed_out: false,
        until: None,
    }
}

// RFC 3708 §2.2: every retransmission has to be reported.
#[test]
fn all_of_it_must_have_arrived_twice() {
    let mut undo = undo();
    assert!(!undo.arrived_twice(100, 50), "nothing was sent again");
    undo.resent(100, Instant::from_nanos(1));
    undo.resent(50, Instant::from_nanos(2));
    assert_eq!(undo.first_resent, Some(Instant::from_nanos(1)));
    assert!(!undo.arrived_twice(50, 50), "of an earlier recovery");
    assert!(!undo.arrived_twice(100, 100));
    assert!(undo.arrived_twice(200, 50));
}
