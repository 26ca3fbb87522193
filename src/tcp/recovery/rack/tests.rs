use core::time::Duration;

use super::Rack;
use crate::Instant;
use crate::tcp::recovery::{Delivery, Fate, Record, Stamp};

const MS: u64 = 1_000_000;

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A segment of 100 octets arrives for the first time.
fn arrives(end: u64, sent_ms: u64) -> Delivery {
    let sent_at = Instant::from_nanos(sent_ms * MS);
    let record = Record {
        pushed: false,
        start: end - 100,
        len: 100,
        times: 1,
        fate: Fate::InFlight,
        sent_at,
        number: sent_ms * 1_000 + end,
        first_sent: sent_at,
        stamp: Stamp::default(),
    };
    Delivery {
        octets: 100,
        newest: Some(record),
        lowest_original: Some(end),
        highest: end,
        ..Delivery::default()
    }
}

const fn at(millis: u64) -> Instant {
    Instant::from_nanos(millis * MS)
}

// RFC 8985 §6.2 step 2.
// RFC 8985-4
#[test]
fn the_newest_is_the_one_that_was_sent_last() {
    let mut rack = Rack::new();
    rack.hear(at(50), 0, &arrives(300, 10));
    assert_eq!((rack.newest(), rack.rtt()), (Some(10_300), ms(40)));
    rack.hear(at(60), 0, &arrives(200, 9));
    assert_eq!((rack.newest(), rack.rtt()), (Some(10_300), ms(40)));
    rack.hear(at(60), 0, &arrives(400, 10));
    assert_eq!((rack.newest(), rack.rtt()), (Some(10_400), ms(50)), "the later of one moment");
}

// RFC 8985 §6.2 step 4: no reordering seen, and recovery or three segments beyond the gap: no window at all.
// RFC 8985-9
#[test]
fn as_long_as_the_order_was_kept_three_segments_are_enough() {
    let mut rack = Rack::new();
    rack.hear(at(50), 0, &arrives(200, 9));
    rack.hear(at(50), 0, &arrives(300, 10));
    let window = |rack: &Rack, hurry| rack.reo_wnd(Some(ms(40)), Some(ms(50)), hurry);
    assert_eq!((window(&rack, true), window(&rack, false)), (ms(0), ms(10)));
    rack.hear(at(51), 0, &arrives(250, 9));
    assert!(rack.reordering_seen());
    assert_eq!((window(&rack, true), window(&rack, false)), (ms(10), ms(10)));
}

// RFC 8985 §6.2 step 3.
// RFC 8985-8
#[test]
fn what_was_sent_twice_shows_no_reordering() {
    let mut rack = Rack::new();
    rack.hear(at(50), 0, &arrives(300, 10));
    rack.hear(at(60), 0, &Delivery { lowest_original: None, ..arrives(200, 20) });
    assert!(!rack.reordering_seen());
}

// RFC 8985 §6.2 step 4.
// RFC 8985-10
#[test]
fn the_window_grows_once_a_round_trip_up_to_the_smoothed_one() {
    let mut rack = Rack::new();
    rack.hear(at(50), 0, &arrives(300, 10));
    rack.hear(at(51), 0, &arrives(200, 9));
    rack.on_dsack(1_000);
    rack.on_dsack(1_000);
    let window = |rack: &Rack| rack.reo_wnd(Some(ms(40)), Some(ms(50)), true);
    assert_eq!(window(&rack), ms(20));
    rack.hear(at(52), 1_000, &Delivery::default());
    rack.on_dsack(2_000);
    assert_eq!(window(&rack), ms(30));
    for round in 2..20 {
        rack.hear(at(53), round * 1_000, &Delivery::default());
        rack.on_dsack(round * 1_000 + 1_000);
    }
    assert_eq!(window(&rack), ms(50), "SRTT");
}

// RFC 8985 §6.2 step 4: "TCP.RACK.reo_wnd_persist = 16".
// RFC 8985-12
#[test]
fn after_sixteen_recoveries_the_window_is_small_again() {
    let mut rack = Rack::new();
    rack.hear(at(50), 0, &arrives(300, 10));
    rack.hear(at(51), 0, &arrives(200, 9));
    rack.on_dsack(1_000);
    let window = |rack: &Rack| rack.reo_wnd(Some(ms(40)), Some(ms(50)), true);
    for _ in 0..15 {
        rack.on_recovered();
        assert_eq!(window(&rack), ms(20));
    }
    rack.on_recovered();
    assert_eq!(window(&rack), ms(10));
}

// RFC 4015 §3.2: what was sent only once has arrived for certain, whatever else proves to be a mistake.
#[test]
fn after_an_undo_what_is_certain_counts() {
    let mut rack = Rack::new();
    rack.hear(at(50), 0, &arrives(300, 10));
    let mut again = arrives(200, 40);
    again.newest = again.newest.map(|record| Record { times: 2, ..record });
    rack.hear(at(60), 0, &again);
    assert_eq!((rack.newest(), rack.rtt()), (Some(40_200), ms(20)));
    rack.begin_again();
    assert_eq!((rack.newest(), rack.rtt()), (Some(10_300), ms(40)));
}
