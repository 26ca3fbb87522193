use super::*;

const MS: u64 = 1_000_000;
const LEAST: u64 = 40 * MS;
const RTO: u64 = 1_000 * MS;

/// A pace whose last octets have come at 1 s, with this delay.
fn pace(delay: u64) -> Pace {
    Pace { delay, arrived_at: Instant::from_nanos(1_000 * MS), ..Pace::default() }
}

fn after(millis: u64) -> Instant {
    Instant::from_nanos((1_000 + millis) * MS)
}

#[test]
fn the_first_octets_begin_with_the_least_delay() {
    let mut pace = Pace::default();
    assert!(pace.note_time(after(0), LEAST, RTO));
    assert_eq!((pace.delay, pace.arrived_at), (LEAST, after(0)));
}

#[test]
fn octets_close_together_bring_the_delay_towards_its_least() {
    for gap in [0, 20] {
        let mut pace = pace(100 * MS);
        assert!(!pace.note_time(after(gap), LEAST, RTO));
        assert_eq!(pace.delay, 70 * MS);
    }
}

#[test]
fn octets_further_apart_than_that_move_the_delay_towards_their_gap() {
    for (gap, delay) in [(21, 71), (60, 110), (99, 149)] {
        let mut pace = pace(100 * MS);
        assert!(!pace.note_time(after(gap), LEAST, RTO));
        assert_eq!(pace.delay, delay * MS, "{gap} ms");
    }
    let mut slow = pace(900 * MS);
    slow.note_time(after(899), LEAST, RTO);
    assert_eq!(slow.delay, RTO, "never beyond the RTO");
}

/// A gap of the delay or more says nothing of the pace; one of more than an RTO, that the sender has begun anew.
#[test]
fn a_silence_leaves_the_delay_and_begins_anew_after_an_rto() {
    for (gap, anew) in [(100, false), (1_000, false), (1_001, true)] {
        let mut pace = pace(100 * MS);
        assert_eq!(pace.note_time(after(gap), LEAST, RTO), anew, "{gap} ms");
        assert_eq!((pace.delay, pace.arrived_at), (100 * MS, after(gap)));
    }
    assert!(!pace(2_000 * MS).note_time(after(1_500), LEAST, RTO), "sooner than the delay is no silence");
}

#[test]
fn the_first_acknowledgments_are_quick_unless_the_user_answers() {
    let quick = Pace { quick: 1, ..Pace::default() };
    assert!(quick.is_quick());
    assert!(!Pace { interactive: true, ..quick }.is_quick());
    assert!(!Pace::default().is_quick());
}

/// The size of full segments, as Linux works it out: one at least as large, or one that comes twice.
#[test]
fn a_size_that_comes_twice_is_full() {
    let seg = |len| SegmentMeta { len, flags: TcpFlags::ACK, ..SegmentMeta::default() };
    let mut pace = Pace { full_size: 1_000, ..Pace::default() };
    pace.note_size(&seg(600), 20, 1_460);
    assert_eq!((pace.full_size, pace.last_size, pace.pushed), (1_000, 600, 1));
    pace.note_size(&seg(600), 20, 1_460);
    assert_eq!((pace.full_size, pace.pushed), (600, 1));
    pace.note_size(&seg(2_000), 20, 1_460);
    assert_eq!(pace.full_size, 1_460, "no more than the MSS");
    for _ in 0..3 {
        pace.note_size(&seg(10), 20, 1_460);
    }
    assert_eq!((pace.full_size, pace.last_size, pace.pushed), (1_460, 600, 2));
}

/// Linux, `tcp_initialize_rcv_mss`: half of the window that was offered, where that is less than the MSS.
#[test]
fn before_anything_has_come_half_of_the_window_is_full_size() {
    for (offered, full) in [(100, 88), (400, 200), (1_072, 536), (2_000, 536)] {
        let secrets = crate::tcp::Unpredictable { iss: 1.into(), timestamp_offset: 0 };
        let mut tcb = Tcb::connect(TcpConfig::default(), secrets, after(0));
        tcb.rcv.edge = tcb.rcv.last_ack_sent + offered;
        assert_eq!(tcb.full_size_of_peer(), full, "of {offered}");
    }
}

/// Linux, `tcp_send_delayed_ack`: a delay that has grown is cut to the round trip, but not below the least.
#[test]
fn an_acknowledgment_waits_no_longer_than_a_round_trip_if_that_is_more_than_the_least() {
    for (round_trip, waits) in [(60, 60), (10, 40), (190, 150), (0, 150)] {
        let secrets = crate::tcp::Unpredictable { iss: 1.into(), timestamp_offset: 0 };
        let mut tcb = Tcb::connect(TcpConfig::default(), secrets, after(0));
        if round_trip > 0 {
            tcb.rtt.sample(Duration::from_millis(round_trip), 1);
        }
        tcb.rare.make().pace.delay = 150 * MS;
        tcb.delay_acknowledgment(after(0));
        assert_eq!(tcb.timers.at(Timer::DelayedAck), after(waits), "{round_trip} ms");
    }
}
