//! When segments leave that the window would let out at once: spread over the round trip, which takes 100 ms here.

use std::time::Duration;

use tcpstate::tcp::TcpConfig;

use super::flight::{acknowledge, opened, places, report, sacking, stamped, ten_in_flight};
use super::script::{Script, play};

fn paced(mut config: TcpConfig) -> TcpConfig {
    config.pacing = true;
    config
}

/// What is sent within `span`: when, in microseconds from now, and where it begins.
fn times(s: &mut Script, span: Duration) -> Vec<(u128, i64)> {
    s.pass(span).into_iter().map(|(at, seg)| (at.as_micros(), seg.seq)).collect()
}

/// So many segments, from `first` on, each `gap` nanoseconds after the other and the first of them after `begin`; of so many
/// at once.
fn spread(first: i64, segments: i64, each: i64, (begin, gap): (u128, u128)) -> Vec<(u128, i64)> {
    let at = |k: i64| (begin + gap * u128::try_from(k / each).expect("it is positive")) / 1_000;
    (0..segments).map(|k| (at(k), first + k * 1_000)).collect()
}

/// RFC 6928 §2: the first flight goes out at once. From then on a window of 18 segments in slow start is to go out in half a
/// round trip, so that it can double: each 100 ms / 36 after the other.
#[test]
fn each_segment_of_a_small_window_has_its_own_time() {
    play(|stage| {
        let mut s = ten_in_flight(stage, &paced(sacking()), 18_000);
        s.advance(span!(100 ms), &[]);
        s.send(&seg!(seq: 1, ack: 10_001));
        assert_eq!(s.tcb.cwnd(), 18_000);
        let gap = 2_777_777; // to the nanosecond, cut off
        assert_eq!(times(&mut s, span!(100 ms)), spread(10_001, 18, 1, (0, gap)));
    });
}

/// Of a large window (44 segments; one is due each 100 ms / 88) the owner is called for as much at a time as is due in a
/// sixteenth of the round trip, 6.25 ms, where his clock is no finer: for six segments.
#[test]
fn a_large_window_goes_out_in_sixteenths() {
    play(|stage| {
        let mut config = paced(sacking());
        (config.initial_window, config.granularity) = (32, span!(20 ms));
        let mut s = opened(stage, &config);
        s.peer_window = 65_000;
        send!(s, seq: 1, ack: 1);
        call!(s, queue 400_000);
        assert_eq!(s.burst().len(), 32);
        s.advance(span!(100 ms), &[]);
        for una in (1..=16).map(|n| n * 2_000 + 1) {
            s.deliver(&seg!(seq: 1, ack: una));
        }
        assert_eq!(s.tcb.cwnd(), 44_000);
        assert_eq!(times(&mut s, span!(100 ms)), spread(32_001, 44, 6, (0, 6 * 1_136_363)));
    });
}

/// Who comes 40 ms late sends what was due in the last tick of his clock and what is due now, and no burst of all that he has
/// missed. One segment is due each 2.777 ms.
#[test]
fn a_late_owner_catches_up_with_a_tick_at_the_most() {
    for (tick, at_once, next) in [(span!(1 ms), 1, 1_777_778), (span!(10 ms), 4, 1_111_112)] {
        play(|stage| {
            let mut config = paced(sacking());
            config.granularity = tick;
            let mut s = ten_in_flight(stage, &config, 18_000);
            s.advance(span!(100 ms), &[]);
            s.send(&seg!(seq: 1, ack: 10_001));
            assert_eq!(places(&s.burst()), [10_001]);
            s.sleep(span!(40 ms));
            s.time_out();
            assert_eq!(s.burst().len(), at_once);
            let behind = 11_001 + at_once as i64 * 1_000;
            assert_eq!(times(&mut s, span!(10 ms))[..3], spread(behind, 3, 1, (next, 2_777_777)));
            let _rest = s.pass(span!(60 ms));
        });
    }
}

/// RFC 9937 §6: PRR says by itself how much goes out for what arrives: in recovery nothing waits for its time.
#[test]
fn recovery_is_not_paced() {
    play(|stage| {
        let mut s = ten_in_flight(stage, &paced(sacking()), 20_000);
        s.advance(span!(100 ms), &[]);
        assert_eq!(acknowledge(&mut s, 2_001), [10_001]); // and the next one would be due in 4 ms
        let sent = report(&mut s, 2_001, (4_001, 10_001));
        assert_eq!(sent[..2], [2_001, 3_001]);
        assert!(s.tcb.in_recovery());
    });
}

/// RFC 5681 §4.1, RFC 7661 §4.3: a window that is not filled does not grow; but what only waits for its time fills it. Two of
/// 18 segments have left when the first of them is acknowledged.
#[test]
fn what_waits_for_its_time_counts_as_limited_by_the_window() {
    for (more, cwnd) in [(18_000, 19_000), (2_000, 18_000)] {
        play(|stage| {
            let mut s = ten_in_flight(stage, &paced(sacking()), more);
            s.advance(span!(100 ms), &[]);
            s.send(&seg!(seq: 1, ack: 10_001));
            assert_eq!(times(&mut s, span!(5 ms)), [(0, 10_001), (2_777, 11_001)]);
            s.send(&seg!(seq: 1, ack: 11_001));
            assert_eq!(s.tcb.cwnd(), cwnd);
            let _rest = s.pass(span!(100 ms));
        });
    }
}

/// RFC 4015 §3: after a timeout that was for nothing everything is as it was, the rate of sending too. SRTT is still 1.7 s
/// from a delay of two; as soon as a round trip of 100 ms is measured, 16 segments are spread over half of that.
#[test]
fn after_a_delay_that_has_passed_pacing_goes_on_at_the_old_rate() {
    play(|stage| {
        let mut s = ten_in_flight(stage, &paced(stamped()), 100_000);
        assert_eq!(times(&mut s, span!(2 s)), [(200_000, 10_001), (1_200_000, 1)]);
        for una in 1..=11 {
            let sent = if una < 11 { 100 } else { 300 };
            s.deliver(&seg!(seq: 1, ack: una * 1_000 + 1, ts: (2_100, sent)));
        }
        assert_eq!((s.tcb.info(s.at()).undone, s.tcb.cwnd()), (1, 15_000));
        assert_eq!(times(&mut s, span!(100 ms)), [(0, 11_001), (60_000, 12_001)]);
        s.send(&seg!(seq: 1, ack: 12_001, ts: (2_200, 2_100)));
        assert_eq!(s.tcb.cwnd(), 16_000);
        assert!(s.tcb.srtt().is_some_and(|srtt| srtt > span!(1_700 ms)));
        // The one whose time was set before, at 120 ms; and from there on
        assert_eq!(times(&mut s, span!(50 ms)), spread(13_001, 10, 1, (20_000_000, 3_125_000)));
    });
}

/// RFC 6298 §5.4: what the timer sends again goes when it expires, whatever pacing makes of a round trip of two seconds: at
/// least a second from one segment to the next in a window of one.
// RFC 6298-15
#[test]
fn a_retransmission_at_the_expiry_of_the_timer_is_not_paced() {
    play(|stage| {
        let mut config = paced(stamped());
        (config.sack, config.initial_window, config.max_rto) = (false, 1, span!(500 ms));
        let mut s = stage.connect(&config);
        assert_eq!(s.pass(span!(2 s)).len(), 5);
        send!(s, SYN, seq: 0, ack: 1, mss: 1_012, ts: (0, 0));
        assert_eq!(s.burst().len(), 1);
        assert_eq!(s.tcb.srtt(), Some(span!(2 s)));
        call!(s, queue 20_000);
        assert_eq!(times(&mut s, span!(2 s)), (0..=4).map(|k| (k * 500_000, 1)).collect::<Vec<_>>());
        s.send(&seg!(seq: 1, ack: 1_001, ts: (4_000, 2_000)));
        let each: Vec<_> = (0..=6).map(|k| (k * 500_000, 1_001)).collect();
        assert_eq!(times(&mut s, span!(3 s)), each);
    });
}

/// Of two segments in flight none is held back for longer than a quarter of the round trip, though the window does not
/// double any more: the gap would lengthen the round trip that it is made from.
#[test]
fn a_window_of_two_segments_is_paced_as_in_slow_start() {
    play(|stage| {
        let mut config = paced(sacking());
        (config.initial_window, config.tail_probes) = (2, false);
        let mut s = opened(stage, &config);
        call!(s, queue 2_000);
        assert_eq!(s.burst().len(), 2);
        // Two timeouts leave an ssthresh of two segments, and a window of one.
        s.pass(span!(3_500 ms));
        assert_eq!(s.tcb.cwnd(), 1_000);
        send!(s, seq: 1, ack: 1_001);
        s.pass(span!(100 ms));
        send!(s, seq: 1, ack: 2_001);
        let (cwnd, ssthresh) = (s.tcb.cwnd(), s.tcb.ssthresh());
        assert_eq!((cwnd, ssthresh), (2_000, 2_000));
        call!(s, queue 4_000);
        let rtt = s.tcb.srtt().expect("a round trip").as_micros();
        let sent = times(&mut s, span!(500 ms));
        assert_eq!((sent[0], sent[1].1), ((0, 2_001), 3_001));
        assert_eq!(sent[1].0, rtt / 4);
    });
}

/// After slow start a window of n segments goes out in five sixths of the round trip: a fifth faster than one round trip
/// asks for, so that pacing itself does not limit.
#[test]
fn after_slow_start_the_window_goes_out_a_fifth_faster_than_a_round_trip() {
    play(|stage| {
        let mut s = ten_in_flight(stage, &paced(sacking()), 20_000);
        s.advance(span!(100 ms), &[]);
        report(&mut s, 1, (1_001, 10_001));
        s.pass(span!(100 ms));
        let max = i64::from(s.tcb.snd_max().distance_from(s.ours(0)));
        send!(s, seq: 1, ack: max);
        let (cwnd, ssthresh) = (s.tcb.cwnd(), s.tcb.ssthresh());
        assert!(cwnd >= ssthresh && cwnd >= 4_000, "{cwnd} and {ssthresh}");
        let rtt = s.tcb.srtt().expect("a round trip").as_nanos();
        let sent = times(&mut s, span!(200 ms));
        let gap = rtt * 5_000 / (u128::from(cwnd) * 6) / 1_000;
        assert_eq!((sent[0].0, sent[1].0), (0, gap));
    });
}

/// The deadline of the next segment's turn stands only while a segment waits for it.
#[test]
fn where_nothing_waits_no_deadline_stands_for_the_pace() {
    play(|stage| {
        let mut s = ten_in_flight(stage, &paced(sacking()), 2_000);
        s.advance(span!(100 ms), &[]);
        s.send(&seg!(seq: 1, ack: 10_001));
        assert_eq!(times(&mut s, span!(4 ms)), [(0, 10_001), (2_777, 11_001)]);
        let left = s.tcb.poll_timeout().expect("the probe of the tail") - s.at();
        assert!(left > span!(100 ms), "{left:?}");
    });
}
