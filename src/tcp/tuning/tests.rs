use super::*;

const BEGIN: u32 = 64 << 10;
const MOST: u32 = 4 << 20;
const BOUNDS: Bounds = Bounds { begin: BEGIN, most: MOST };

/// Milliseconds after some moment.
fn at(millis: u64) -> Instant {
    Instant::from_nanos(1_000_000_000 + millis * 1_000_000)
}

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A window that begins with 64 KiB, and a reader behind a path of 100 ms; nothing was read before.
struct Reader {
    tuning: ReceiveTuning,
    read: u64,
}

impl Reader {
    fn new() -> Self {
        let mut tuning = ReceiveTuning::new(BEGIN);
        tuning.echoed(at(0), ms(100), None, 0);
        Self { tuning, read: 0 }
    }

    /// Reads octets and leaves others; answers the window.
    fn reads(&mut self, millis: u64, octets: u32, unread: u32) -> u32 {
        self.read += u64::from(octets);
        if self.tuning.is_due(at(millis)) {
            self.tuning.turn(at(millis), self.read, (octets, unread), BOUNDS);
        }
        self.tuning.window
    }
}

// --- The window ---

#[test]
fn the_window_is_twice_what_is_read_in_a_round_trip() {
    let mut reader = Reader::new();
    // The same at the beginning, so that nothing is gained on the way: as much as there was before.
    reader.tuning.before = 100_000;
    assert_eq!(reader.reads(100, 100_000, 0), 200_000);
    assert_eq!(reader.reads(200, 100_000, 0), 200_000);
    assert_eq!(reader.reads(300, 90_000, 0), 200_000, "less for a while takes nothing away");
}

#[test]
fn in_slow_start_there_is_room_for_two_doublings_and_a_quarter_more() {
    let mut reader = Reader::new();
    assert_eq!(reader.reads(100, 14_480, 0), 8 * 14_480, "the first: eight times");
    assert_eq!(reader.reads(200, 28_960, 0), 5 * 28_960);
    assert_eq!(reader.reads(300, 57_920, 0), 5 * 57_920);
    assert_eq!(reader.reads(400, 60_000, 0), 5 * 57_920, "2 · 60,000 and 6 · 2,080 are less");
}

#[test]
fn the_cap_is_not_exceeded() {
    let mut reader = Reader::new();
    assert_eq!(reader.reads(100, MOST - 1, 0), MOST);
    assert_eq!(reader.reads(200, MOST, 0), MOST);
}

#[test]
fn before_the_round_trip_is_over_nothing_changes() {
    let mut reader = Reader::new();
    assert_eq!(reader.reads(99, 500_000, 0), BEGIN);
    assert_eq!(reader.reads(100, 100_000, 0), MOST, "all of it counts then");
}

#[test]
fn a_slow_reader_gets_no_more() {
    let mut reader = Reader::new();
    for turn in 1..100 {
        assert_eq!(reader.reads(100 * turn, 30_000, 200_000), BEGIN);
    }
}

/// What waits unread is a sign that the reader, and not the window, is slow: there is no room in advance.
#[test]
fn a_reader_who_falls_behind_gets_twice_what_he_reads_and_nothing_in_advance() {
    let mut reader = Reader::new();
    assert_eq!(reader.reads(100, 100_000, 100_001), 200_000);
    assert_eq!(reader.reads(200, 200_000, 200_000), 2 * 200_000 + 6 * 100_000, "he keeps up");
}

/// He takes a whole window each second: 6,553 octets in 100 ms are no reason for a larger one.
#[test]
fn a_reader_who_comes_seldom_is_a_slow_one() {
    let mut reader = Reader::new();
    for turn in 1..20 {
        assert_eq!(reader.reads(1_000 * turn, BEGIN, 0), BEGIN);
    }
}

/// Two ends of 1 ms, as the handshake says, and then a path of 100 ms: octets come seldom, and that is not his fault.
#[test]
fn a_path_that_has_become_longer_does_not_make_a_reader_slow() {
    let mut reader = Reader::new();
    (reader.tuning.rtt, reader.tuning.due) = (1_000, at(1));
    reader.tuning.echoed(at(0), ms(100), None, 0);
    assert_eq!(reader.tuning.rtt, 1_125);
    assert_eq!(reader.reads(100, 14_480, 0), 8 * 14_480);
    assert_eq!(reader.reads(200, 28_960, 0), 5 * 28_960);
}

/// A path to another planet: nobody is idle because it takes so long.
#[test]
fn a_round_trip_may_take_longer_than_a_silence() {
    let mut reader = Reader { tuning: ReceiveTuning::new(BEGIN), read: 0 };
    reader.tuning.echoed(at(0), ms(20_000), None, 0);
    assert_eq!(reader.reads(20_000, 14_480, 0), 8 * 14_480);
    assert_eq!(reader.reads(50_000, 28_960, 0), 5 * 28_960);
}

#[test]
fn without_a_round_trip_to_go_by_the_window_stays() {
    let mut reader = Reader { tuning: ReceiveTuning::new(BEGIN), read: 0 };
    assert_eq!(reader.reads(u64::MAX / 2_000_000, 1 << 30, 0), BEGIN);
}

// --- The way back ---

#[test]
fn after_five_seconds_of_silence_the_window_is_where_it_began() {
    let mut reader = Reader::new();
    assert_eq!(reader.reads(100, 400_000, 0), 3_200_000);
    assert_eq!(reader.reads(200, 0, 0), 3_200_000);
    assert_eq!(reader.reads(4_999, 1_000, 0), 3_200_000, "not yet");
    // It says nothing that there was a busy moment before, not even one that no round trip has counted.
    reader.read += 1_000_000;
    assert_eq!(reader.reads(9_999, 1_000, 0), BEGIN);
}

#[test]
fn a_window_of_which_less_than_a_quarter_is_used_for_five_seconds_becomes_twice_the_busiest_round_trip() {
    let mut reader = Reader::new();
    assert_eq!(reader.reads(100, 400_000, 0), 3_200_000);
    for turn in 2..50 {
        assert_eq!(reader.reads(100 * turn, 60_000 + turn as u32, 0), 3_200_000);
    }
    // In the first five seconds there was one of 400,000, less than a quarter too.
    assert_eq!(reader.reads(5_000, 60_000, 0), 800_000);
    for turn in 51..100 {
        assert_eq!(reader.reads(100 * turn, 60_000, 0), 800_000);
    }
    assert_eq!(reader.reads(10_000, 60_000, 0), 120_000);
    for turn in 101..200 {
        assert_eq!(reader.reads(100 * turn, 60_000, 0), 120_000, "this one is used");
    }
}

#[test]
fn a_reader_who_pauses_keeps_the_window_that_has_filled_meanwhile() {
    let mut reader = Reader::new();
    let window = reader.reads(100, 400_000, 0);
    assert_eq!(reader.reads(30_100, 1_000, window - 1_000), window);
    assert_eq!(reader.reads(30_200, 400_000, window - 401_000), window);
}

#[test]
fn who_takes_all_of_it_every_ten_seconds_keeps_the_window() {
    let mut reader = Reader::new();
    let window = reader.reads(100, 400_000, 0);
    for turn in 1..9 {
        assert_eq!(reader.reads(10_000 * turn + 100, window, 0), window);
    }
}

// --- The round trip ---

#[test]
fn a_shorter_echo_counts_at_once_and_a_longer_one_draws_by_an_eighth() {
    let mut tuning = ReceiveTuning::new(BEGIN);
    tuning.echoed(at(0), ms(100), None, 0);
    assert_eq!((tuning.rtt, tuning.due), (100_000, at(100)));
    tuning.echoed(at(10), ms(60), None, 0);
    assert_eq!((tuning.rtt, tuning.due), (60_000, at(60)), "counted from where it began");
    tuning.echoed(at(20), ms(100), None, 0);
    assert_eq!((tuning.rtt, tuning.due), (65_000, at(65)));
    tuning.echoed(at(30), ms(60_000), None, 0);
    assert_eq!(tuning.rtt, 73_125, "no more than twice the estimate counts");
}

#[test]
fn the_first_echo_may_be_late_and_the_handshake_knows_better() {
    let mut tuning = ReceiveTuning::new(BEGIN);
    tuning.echoed(at(0), ms(30_000), Some(ms(20)), 0);
    assert_eq!(tuning.rtt, 20_000);
    tuning.echoed(at(0), ms(19), Some(ms(18)), 0);
    assert_eq!(tuning.rtt, 19_000, "later ones are newer than that");
}

#[test]
fn a_round_trip_of_less_than_a_millisecond_counts_as_one() {
    let mut tuning = ReceiveTuning::new(BEGIN);
    tuning.echoed(at(0), ms(0), Some(Duration::from_micros(30)), 0);
    assert_eq!((tuning.rtt, tuning.due), (1_000, at(1)));
    tuning.echoed(at(0), ms(0), None, 0);
    assert_eq!(tuning.rtt, 1_000);
}

#[test]
fn what_was_read_before_the_first_measurement_does_not_count() {
    let mut tuning = ReceiveTuning::new(BEGIN);
    tuning.echoed(at(0), ms(100), None, 1_000_000);
    tuning.turn(at(100), 1_020_000, (20_000, 0), BOUNDS);
    assert_eq!(tuning.window, 8 * 20_000);
}

#[test]
fn a_segment_with_another_echo_is_worth_a_look() {
    let echo = |ecr| Some(Timestamps { val: 1, ecr });
    let mut tuning = ReceiveTuning::new(BEGIN);
    tuning.mark = 7;
    assert!(!tuning.learns_from(echo(7), u64::MAX) && tuning.learns_from(echo(8), 0));
}

/// Octets behind the edge are sent by somebody who has heard of a later one.
#[test]
fn without_timestamps_a_round_trip_is_over_when_an_octet_behind_the_edge_comes() {
    let mut tuning = ReceiveTuning::new(BEGIN);
    assert!(tuning.learns_from(None, 1_000));
    tuning.reached(at(0), 66_000, None, 0);
    assert_eq!((tuning.rtt, tuning.mark), (0, 66_001));
    assert!(!tuning.learns_from(None, 66_000) && tuning.learns_from(None, 66_001));
    tuning.reached(at(120), 132_000, None, 50_000);
    assert_eq!((tuning.rtt, tuning.due, tuning.from), (120_000, at(240), 50_000));
    tuning.reached(at(200), 190_000, None, 90_000);
    assert_eq!((tuning.rtt, tuning.due), (80_000, at(200)), "shorter");
    tuning.reached(at(500), 250_000, None, 120_000);
    assert_eq!((tuning.rtt, tuning.due), (80_000, at(200)), "a sender that took its time says nothing");
}

#[test]
fn without_timestamps_the_handshake_is_the_first_measurement() {
    let mut tuning = ReceiveTuning::new(BEGIN);
    tuning.reached(at(0), 66_000, Some(ms(50)), 0);
    assert_eq!((tuning.rtt, tuning.due), (50_000, at(50)));
    tuning.reached(at(70), 132_000, Some(ms(1)), 0);
    assert_eq!(tuning.rtt, 50_000, "only then");
}

// --- What should not happen ---

/// Clocks that step back, and numbers at the end of their range.
#[test]
fn odd_values_do_no_harm() {
    let mut tuning = ReceiveTuning::new(BEGIN);
    tuning.echoed(at(1_000), ms(u64::MAX / 1_000_000), None, 5);
    tuning.echoed(at(0), Duration::MAX, Some(Duration::MAX), 4);
    tuning.reached(at(0), u64::MAX - 1, Some(Duration::ZERO), 0);
    tuning.turn(Instant::ZERO, 0, (u32::MAX, u32::MAX), BOUNDS);
    tuning.turn(Instant::MAX, u64::MAX, (7, u32::MAX), BOUNDS);
    tuning.turn(at(0), 9, (0, 0), BOUNDS);
    assert!((BEGIN..=MOST).contains(&tuning.window), "{tuning:?}");
}

/// Of a fingerprint within a horizon of a few octets: a large window stays what it is, a small one may still grow.
#[test]
fn where_little_is_sent_what_tunes_a_window_counts_only_while_it_is_small() {
    let few = crate::tcp::Horizon { time: ms(60_000), octets: 2 };
    let secrets = crate::tcp::Unpredictable { iss: 1.into(), timestamp_offset: 0 };
    for (window, counts) in [(255, true), (256, false)] {
        let mut tcb = Tcb::connect(crate::tcp::TcpConfig::default(), secrets, at(0));
        tcb.rcv.tuning.window = window;
        let mut other = tcb.clone();
        other.rcv.tuning.before = 7;
        let same = tcb.fingerprint_within(at(1), few) == other.fingerprint_within(at(1), few);
        assert_eq!(same, !counts, "{window}");
    }
}
