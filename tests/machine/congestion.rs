//! The congestion window: RFC 5681 §3.1 and §4.1, RFC 6928.

use tcpstate::tcp::{CongestionAlgorithm, TcpConfig};

use super::flight::{sacking, ten_in_flight};
use super::script::{Script, plain, plain_but, play};

/// RFC 6928 §2: ten segments.
// RFC 9293 MUST-19, 5681-27
// RFC 5681-3
#[test]
fn the_initial_window_is_ten_segments() {
    play(|stage| {
        let mut s = stage.established(&plain());
        call!(s, queue 20_000);
        assert_eq!(s.tcb.cwnd(), 10_000);
        for k in 0..10 {
            expect!(s, seq: 1 + 1_000 * k, ack: 1, len: 1_000);
        }
        expect_none!(s);

        let mut s = stage.established(&plain_but(|config| config.mss = 1_460));
        call!(s, queue 20_000);
        assert_eq!(s.burst().len(), 10);
        assert_eq!(s.tcb.cwnd(), 14_600);
    });
}

/// The same for the side that was called, and for another choice.
// RFC 9293 MUST-19, 5681-27
#[test]
fn the_initial_window_is_configurable() {
    play(|stage| {
        for (segments, sent) in [(1, 1), (3, 3), (20, 20)] {
            let mut s = stage.accepted(&plain_but(|config| config.initial_window = segments));
            call!(s, queue 40_000);
            assert_eq!(s.burst().len(), sent);
        }
    });
}

/// RFC 3465 §2.2 and RFC 9406 §4.2: cwnd += min(N, L·SMSS) for each ACK that acknowledges N new octets; L is 8 in the
/// first slow start.
// RFC 9293 MUST-19
// RFC 5681-6
#[test]
fn slow_start_grows_by_what_was_acknowledged_up_to_eight_segments() {
    play(|stage| {
        let mut s = stage.established(&plain());
        call!(s, queue 40_000);
        assert_eq!(s.burst().len(), 10);
        send!(s, seq: 1, ack: 1_001); // N is one segment
        assert_eq!(s.tcb.cwnd(), 11_000);
        assert_eq!(s.burst().len(), 2);
        send!(s, seq: 1, ack: 4_001); // N is three
        assert_eq!(s.tcb.cwnd(), 14_000);
        assert_eq!(s.burst().len(), 6);
        send!(s, seq: 1, ack: 4_002); // N is one octet
        assert_eq!(s.tcb.cwnd(), 14_001);
        expect_none!(s);
        send!(s, seq: 1, ack: 4_002, win: 29_000); // no new data
        assert_eq!(s.tcb.cwnd(), 14_001);
        expect_none!(s);
        send!(s, seq: 1, ack: 14_002); // N is ten
        assert_eq!(s.tcb.cwnd(), 22_001);
        assert!(!s.burst().is_empty());
    });
}

/// RFC 7661 §3: a window that was not used says nothing about what the network can take, and does not grow.
// RFC 9293 MUST-19
#[test]
fn a_window_that_is_not_used_does_not_grow() {
    play(|stage| {
        let mut s = stage.established(&plain());
        for k in 0..50 {
            call!(s, queue 1_000);
            s.expect(&seg!(PSH, seq: 1 + 1_000 * k, ack: 1, len: 1_000));
            send!(s, seq: 1, ack: 1_001 + 1_000 * k);
        }
        assert_eq!(s.tcb.cwnd(), 10_000);
    });
}

/// Doubling in each round trip, as long as the peer acknowledges each segment.
// RFC 9293 MUST-19
#[test]
fn slow_start_doubles_in_each_round_trip() {
    play(|stage| {
        let mut s = stage.established(&plain_but(|config| config.initial_window = 1));
        s.peer_window = 65_000;
        call!(s, queue 100_000);
        let mut flight = s.burst();
        for segments in [1, 2, 4, 8, 16] {
            assert_eq!(flight.len(), segments);
            flight = acknowledge_each(&mut s, &flight);
        }
        assert_eq!(s.tcb.cwnd(), 32_000);
    });
}

/// Acknowledges each of these segments by itself; returns what was sent meanwhile.
fn acknowledge_each(s: &mut Script, flight: &[super::words::Seg]) -> Vec<super::words::Seg> {
    let mut sent = Vec::new();
    for seg in flight {
        send!(s, seq: 1, ack: seg.seq + i64::from(seg.len));
        sent.extend(s.burst());
    }
    sent
}

/// A connection with much to send whose ten segments of the first flight were lost, after its timeout.
fn after_timeout(stage: super::script::Stage) -> Script {
    let mut s = stage.established(&plain());
    s.peer_window = 65_000;
    call!(s, queue 500_000);
    assert_eq!(s.burst().len(), 10);
    advance!(s, 1 s, { 1 s => (seq: 1, ack: 1, len: 1_000) });
    s
}

/// RFC 5681 §3.1: after a timeout ssthresh is half of the flight and cwnd one segment; equation 4.
// RFC 9293 MUST-19
// RFC 5681-9, 5681-11
#[test]
fn a_timeout_leaves_one_segment() {
    play(|stage| {
        let s = after_timeout(stage);
        assert_eq!((s.tcb.cwnd(), s.tcb.ssthresh()), (1_000, 5_000));
    });
}

/// RFC 5681 §3.1, equation 4: … but not less than two segments.
// RFC 9293 MUST-19
// RFC 5681-9
#[test]
fn ssthresh_is_at_least_two_segments() {
    play(|stage| {
        let mut s = stage.established(&plain());
        call!(s, queue 1_000);
        expect!(s, PSH, seq: 1, ack: 1, len: 1_000);
        advance!(s, 1 s, { 1 s => (PSH, seq: 1, ack: 1, len: 1_000) });
        assert_eq!((s.tcb.cwnd(), s.tcb.ssthresh()), (1_000, 2_000));
    });
}

/// RFC 5681 §3.1: "when a TCP sender detects segment loss using the retransmission timer and the given segment
/// has already been retransmitted by way of the retransmission timer …, the value of ssthresh is held constant."
// RFC 9293 MUST-19
// RFC 5681-10
#[test]
fn a_second_timeout_of_the_same_segment_leaves_ssthresh() {
    play(|stage| {
        let mut s = after_timeout(stage);
        advance!(s, 6 s, {
            2 s => (seq: 1, ack: 1, len: 1_000),
            6 s => (seq: 1, ack: 1, len: 1_000),
        });
        assert_eq!((s.tcb.cwnd(), s.tcb.ssthresh()), (1_000, 5_000));
    });
}

/// RFC 5681 §3.1: from ssthresh on, one segment in each round trip.
// RFC 9293 MUST-19
// RFC 5681-8
#[test]
fn congestion_avoidance_grows_by_a_segment_in_each_round_trip() {
    play(|stage| {
        let mut s = stage.established(&plain());
        s.peer_window = 65_000;
        call!(s, queue 10_000);
        assert_eq!(s.burst().len(), 10);
        advance!(s, 1 s, { 1 s => (seq: 1, ack: 1, len: 1_000) });
        // The peer has nothing: each octet is sent again, in order, and acknowledged by itself. There is nothing new
        // with which F-RTO could find out more.
        send!(s, seq: 1, ack: 1_001);
        let mut flight = s.burst();
        call!(s, queue 490_000);
        let mut windows = Vec::new();
        for _ in 0..8 {
            windows.push(s.tcb.cwnd());
            flight = acknowledge_each(&mut s, &flight);
        }
        assert_eq!(windows[..2], [2_000, 4_000], "slow start");
        for pair in windows[2..].windows(2) {
            assert!((0..=1_000).contains(&(pair[1] - pair[0])), "{windows:?}");
        }
        assert!((9_000..=10_000).contains(&windows[7]), "one in each: {windows:?}");
    });
}

/// RFC 5681 §4.1: "if the TCP has not sent data in an interval exceeding the retransmission timeout", cwnd is
/// set to no more than the initial window.
// RFC 9293 MUST-19
// RFC 5681-20
#[test]
fn after_an_idle_time_sending_restarts_with_the_initial_window() {
    play(|stage| {
        for (pause, segments) in [(span!(500 ms), 20), (span!(1_500 ms), 10), (span!(1 h), 10)] {
            let mut s = stage.established(&plain());
            s.peer_window = 65_000;
            call!(s, queue 30_000);
            let first = s.burst();
            let second = acknowledge_each(&mut s, &first);
            assert_eq!(second.len(), 20);
            send!(s, seq: 1, ack: 30_001);
            let grown = s.tcb.cwnd();
            assert_eq!(grown, 28_000); // eight segments for an acknowledgment of many
            s.advance(pause, &[]);
            call!(s, queue 60_000);
            let sent = s.burst().len();
            assert_eq!(sent.min(20), segments, "after {pause:?}");
        }
    });
}

/// The window counts octets in flight, whatever the segments' sizes.
// RFC 9293 MUST-19
// RFC 5681-2
#[test]
fn the_window_counts_octets() {
    play(|stage| {
        let mut config: TcpConfig = plain_but(|config| config.nagle = false);
        config.initial_window = 2;
        let mut s = stage.established(&config);
        for _ in 0..30 {
            call!(s, queue 100);
            if s.tcb.queued_to() <= 2_000 {
                assert_eq!(s.burst().len(), 1);
            } else {
                expect_none!(s);
            }
        }
    });
}

/// RFC 5681 §3.1: as high as can be: only a loss tells how much the path carries.
// RFC 5681-5
#[test]
fn the_first_slow_start_has_no_end_but_a_loss() {
    play(|stage| {
        let mut s = stage.established(&plain());
        assert_eq!(s.tcb.ssthresh(), u32::MAX);
        s.peer_window = 65_000;
        call!(s, queue 500_000);
        let mut flight = s.burst();
        for _ in 0..3 {
            flight = acknowledge_each(&mut s, &flight);
        }
        assert_eq!((s.tcb.cwnd(), s.tcb.ssthresh()), (80_000, u32::MAX));
    });
}

/// RFC 9406 §4.2: where eight round trips of a round are an eighth longer than the shortest of the round before, slow start
/// goes on at a quarter of its speed.
#[test]
fn a_round_trip_that_grows_slows_slow_start_down() {
    for (trip, cwnd) in [(span!(100 ms), 40_000..=40_000), (span!(160 ms), 28_000..=32_000)] {
        play(|stage| {
            let mut config = sacking();
            config.congestion = CongestionAlgorithm::Cubic;
            let mut s = ten_in_flight(stage, &config, 100_000);
            s.peer_window = 65_000;
            s.advance(span!(100 ms), &[]);
            for una in (1..=10).map(|n| n * 1_000 + 1) {
                s.deliver(&seg!(seq: 1, ack: una));
                s.burst();
            }
            assert_eq!(s.tcb.cwnd(), 20_000);
            s.advance(trip, &[]);
            for una in (11..=30).map(|n| n * 1_000 + 1) {
                s.deliver(&seg!(seq: 1, ack: una));
                s.burst();
            }
            assert!(cwnd.contains(&s.tcb.cwnd()), "{} after {trip:?}", s.tcb.cwnd());
        });
    }
}
