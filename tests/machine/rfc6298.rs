//! The retransmission timer: RFC 6298, without timestamps, so that each sample is an octet's own.

use std::time::Duration;

use tcpstate::tcp::{TcpConfig, Timer};

use super::script::{Script, Stage, plain, plain_but, play};

/// A floor so low that the formulas show.
fn low_floor() -> TcpConfig {
    plain_but(|config| config.min_rto = span!(10 ms))
}

/// An open connection whose SYN was answered after this time.
fn after_rtt(stage: Stage, config: &TcpConfig, rtt: Duration) -> Script {
    let mut s = stage.connect(config);
    expect!(s, SYN, seq: 0, mss: 1_000);
    s.advance(rtt, &[]);
    send!(s, SYN, seq: 0, ack: 1, mss: 1_000);
    expect!(s, seq: 1, ack: 1);
    s
}

/// §2.1: "Until a round-trip time (RTT) measurement has been made …, the sender SHOULD set RTO <- 1 second".
// RFC 9293 MUST-18
// RFC 6298-1
#[test]
fn the_first_rto_is_one_second() {
    play(|stage| {
        let mut s = stage.connect(&plain());
        assert_eq!((s.tcb.srtt(), s.tcb.rto()), (None, span!(1 s)));
        expect!(s, SYN, seq: 0, mss: 1_000);

        let mut s = stage.connect(&plain_but(|config| config.initial_rto = span!(2_500 ms)));
        advance!(s, 3 s, { 0 s => (SYN, seq: 0, mss: 1_000), 2_500 ms => (SYN, seq: 0, mss: 1_000) });
    });
}

/// §2.2: SRTT <- R, RTTVAR <- R/2, RTO <- SRTT + max(G, 4·RTTVAR): 100 + 200 ms.
// RFC 9293 MUST-18
// RFC 6298-2
#[test]
fn the_first_sample_gives_three_times_itself() {
    play(|stage| {
        let mut s = after_rtt(stage, &low_floor(), span!(100 ms));
        assert_eq!((s.tcb.srtt(), s.tcb.rto()), (Some(span!(100 ms)), span!(300 ms)));
        call!(s, queue 500);
        expect!(s, PSH, seq: 1, ack: 1, len: 500);
        advance!(s, 300 ms, { 300 ms => (PSH, seq: 1, ack: 1, len: 500) });
    });
}

/// §2.3: RTTVAR <- 3/4·RTTVAR + 1/4·|SRTT − R'|, then SRTT <- 7/8·SRTT + 1/8·R', RTO as before.
// RFC 9293 MUST-18
// RFC 6298-3, 6298-10
#[test]
fn later_samples_are_smoothed() {
    play(|stage| {
        let mut s = after_rtt(stage, &low_floor(), span!(100 ms)); // SRTT 100, RTTVAR 50
        call!(s, queue 500);
        expect!(s, PSH, seq: 1, ack: 1, len: 500);
        advance!(s, 60 ms);
        send!(s, seq: 1, ack: 501);
        // RTTVAR 37.5 + 10 = 47.5; SRTT 87.5 + 7.5 = 95; RTO 95 + 190.
        assert_eq!((s.tcb.srtt(), s.tcb.rto()), (Some(span!(95 ms)), span!(285 ms)));
        call!(s, queue 500);
        expect!(s, PSH, seq: 501, ack: 1, len: 500);
        advance!(s, 200 ms);
        send!(s, seq: 1, ack: 1_001);
        // RTTVAR 35.625 + 26.25 = 61.875; SRTT 83.125 + 25 = 108.125; RTO 108.125 + 247.5.
        assert_eq!((s.tcb.srtt(), s.tcb.rto()), (Some(span!(108_125 us)), span!(355_625 us)));
        call!(s, queue 500);
        expect!(s, PSH, seq: 1_001, ack: 1, len: 500);
        advance!(s, 400 ms, { 355_625 us => (PSH, seq: 1_001, ack: 1, len: 500) });
    });
}

/// §2.2: the variance adds at least the granularity G of the clock.
// RFC 9293 MUST-18
// RFC 6298-5
#[test]
fn the_granularity_is_the_least_that_the_variance_adds() {
    play(|stage| {
        let mut config = low_floor();
        config.granularity = span!(100 ms);
        let s = after_rtt(stage, &config, span!(10 ms)); // 4·RTTVAR is 20 ms
        assert_eq!(s.tcb.rto(), span!(110 ms));
        let s = after_rtt(stage, &config, span!(80 ms)); // 4·RTTVAR is 160 ms
        assert_eq!(s.tcb.rto(), span!(240 ms));
    });
}

/// §2.4: "if it is less than 1 second, then the RTO SHOULD be rounded up to 1 second".
// RFC 9293 MUST-18
// RFC 6298-6
#[test]
fn the_rto_is_at_least_one_second_by_default() {
    play(|stage| {
        let mut s = after_rtt(stage, &plain(), span!(100 ms));
        assert_eq!((s.tcb.srtt(), s.tcb.rto()), (Some(span!(100 ms)), span!(1 s)));
        call!(s, queue 500);
        expect!(s, PSH, seq: 1, ack: 1, len: 500);
        advance!(s, 1 s, { 1 s => (PSH, seq: 1, ack: 1, len: 500) });
    });
}

/// §2.5: "A maximum value MAY be placed on RTO provided it is at least 60 seconds"; §5.5: the RTO doubles.
// RFC 9293 MUST-18
// RFC 6298-7, 6298-16
#[test]
fn the_rto_doubles_up_to_its_maximum() {
    play(|stage| {
        let mut s = after_rtt(stage, &low_floor(), span!(100 ms));
        call!(s, queue 500);
        expect!(s, PSH, seq: 1, ack: 1, len: 500);
        advance!(s, 200 s, {
            300 ms => (PSH, seq: 1, ack: 1, len: 500),
            900 ms => (PSH, seq: 1, ack: 1, len: 500),
            2_100 ms => (PSH, seq: 1, ack: 1, len: 500),
            4_500 ms => (PSH, seq: 1, ack: 1, len: 500),
            9_300 ms => (PSH, seq: 1, ack: 1, len: 500),
            18_900 ms => (PSH, seq: 1, ack: 1, len: 500),
            38_100 ms => (PSH, seq: 1, ack: 1, len: 500),
            76_500 ms => (PSH, seq: 1, ack: 1, len: 500),
            136_500 ms => (PSH, seq: 1, ack: 1, len: 500),
            196_500 ms => (PSH, seq: 1, ack: 1, len: 500),
        });
    });
}

/// A larger maximum lets it go on doubling; a sample larger than the maximum is cut.
// RFC 9293 MUST-18
// RFC 6298-7
#[test]
fn the_maximum_is_configurable() {
    play(|stage| {
        let mut config = plain();
        config.max_rto = span!(120 s);
        config.r2 = span!(1 h);
        let mut s = stage.established(&config);
        call!(s, queue 500);
        expect!(s, PSH, seq: 1, ack: 1, len: 500);
        advance!(s, 360 s, {
            1 s => (PSH, seq: 1, ack: 1, len: 500),
            3 s => (PSH, seq: 1, ack: 1, len: 500),
            7 s => (PSH, seq: 1, ack: 1, len: 500),
            15 s => (PSH, seq: 1, ack: 1, len: 500),
            31 s => (PSH, seq: 1, ack: 1, len: 500),
            63 s => (PSH, seq: 1, ack: 1, len: 500),
            127 s => (PSH, seq: 1, ack: 1, len: 500),
            247 s => (PSH, seq: 1, ack: 1, len: 500),
        });
        let mut config = plain();
        config.initial_rto = span!(50 s);
        let s = after_rtt(stage, &config, span!(40 s));
        assert_eq!(s.tcb.rto(), span!(60 s));
    });
}

/// §3 (Karn): no sample from a segment that was retransmitted; the RTO stays backed off until one comes.
// RFC 9293 MUST-18
// RFC 6298-8, 6298-19
#[test]
fn a_retransmitted_segment_gives_no_sample_and_the_backoff_stays() {
    play(|stage| {
        let mut s = after_rtt(stage, &low_floor(), span!(100 ms));
        call!(s, queue 500);
        expect!(s, PSH, seq: 1, ack: 1, len: 500);
        advance!(s, 900 ms, {
            300 ms => (PSH, seq: 1, ack: 1, len: 500),
            900 ms => (PSH, seq: 1, ack: 1, len: 500),
        });
        advance!(s, 50 ms);
        send!(s, seq: 1, ack: 501);
        assert_eq!(s.tcb.srtt(), Some(span!(100 ms)));
        assert_eq!(s.tcb.rto(), span!(1_200 ms));
        call!(s, queue 500);
        expect!(s, PSH, seq: 501, ack: 1, len: 500);
        advance!(s, 1_200 ms, { 1_200 ms => (PSH, seq: 501, ack: 1, len: 500) });
        send!(s, seq: 1, ack: 1_001);
        // What was sent once and acknowledged gives a sample, and with it an RTO from the formulas.
        call!(s, queue 500);
        expect!(s, PSH, seq: 1_001, ack: 1, len: 500);
        advance!(s, 100 ms);
        send!(s, seq: 1, ack: 1_501);
        // RTTVAR 37.5, SRTT 100.
        assert_eq!((s.tcb.srtt(), s.tcb.rto()), (Some(span!(100 ms)), span!(250 ms)));
    });
}

/// §3 (Karn): an ACK that covers a retransmitted segment together with others is no sample either.
// RFC 9293 MUST-18
// RFC 6298-8
#[test]
fn an_ack_that_covers_a_retransmitted_segment_gives_no_sample() {
    play(|stage| {
        let mut s = after_rtt(stage, &low_floor(), span!(100 ms));
        call!(s, queue 2_000);
        assert_eq!(s.burst().len(), 2);
        advance!(s, 300 ms, { 300 ms => (seq: 1, ack: 1, len: 1_000) });
        advance!(s, 10 ms);
        send!(s, seq: 1, ack: 2_001);
        assert_eq!(s.tcb.srtt(), Some(span!(100 ms)));
        assert_eq!(s.tcb.acked_to(), 2_000);
        expect_none!(s);
    });
}

/// §5.1: a running timer is not restarted by more data; §5.4: the earliest segment is retransmitted.
// RFC 9293 MUST-18
// RFC 6298-11, 6298-12
#[test]
fn the_timer_runs_for_the_earliest_segment() {
    play(|stage| {
        let mut s = after_rtt(stage, &low_floor(), span!(100 ms));
        call!(s, queue 1_000);
        expect!(s, PSH, seq: 1, ack: 1, len: 1_000);
        advance!(s, 200 ms);
        call!(s, queue 1_000);
        expect!(s, PSH, seq: 1_001, ack: 1, len: 1_000);
        advance!(s, 200 ms, { 100 ms => (seq: 1, ack: 1, len: 1_000) }); // more is queued now: no PSH
    });
}

/// §5.3: "When an ACK is received that acknowledges new data, restart the retransmission timer".
// RFC 9293 MUST-18
// RFC 6298-11, 6298-14
#[test]
fn a_new_acknowledgment_restarts_the_timer() {
    play(|stage| {
        let mut s = after_rtt(stage, &low_floor(), span!(100 ms));
        call!(s, queue 2_000);
        assert_eq!(s.burst().len(), 2);
        advance!(s, 200 ms);
        send!(s, seq: 1, ack: 1_001);
        // R' 200: RTTVAR 37.5 + 25 = 62.5; SRTT 112.5; RTO 362.5 from now on.
        assert_eq!(s.tcb.rto(), span!(362_500 us));
        advance!(s, 400 ms, { 362_500 us => (PSH, seq: 1_001, ack: 1, len: 1_000) });
    });
}

/// §5.3 says new data: a duplicate, a window update and data of the peer leave the timer alone.
// RFC 9293 MUST-18
// RFC 6298-14
#[test]
fn nothing_else_restarts_the_timer() {
    play(|stage| {
        let mut s = after_rtt(stage, &low_floor(), span!(100 ms));
        call!(s, queue 1_000);
        expect!(s, PSH, seq: 1, ack: 1, len: 1_000);
        advance!(s, 250 ms);
        send!(s, seq: 1, ack: 1);
        send!(s, seq: 1, ack: 1, win: 20_000);
        send!(s, seq: 1, ack: 1, win: 20_000, len: 2_000);
        expect!(s, seq: 1_001, ack: 2_001, win: 8_000);
        advance!(s, 50 ms, { 50 ms => (PSH, seq: 1, ack: 2_001, win: 8_000, len: 1_000) });
    });
}

/// §5.2: "When all outstanding data has been acknowledged, turn off the retransmission timer".
// RFC 9293 MUST-18
// RFC 6298-13
#[test]
fn the_timer_is_off_when_all_is_acknowledged() {
    play(|stage| {
        let mut s = stage.established(&plain());
        call!(s, queue 2_000);
        assert_eq!(s.burst().len(), 2);
        assert!(s.tcb.poll_timeout().is_some());
        send!(s, seq: 1, ack: 2_001);
        assert_eq!(s.tcb.poll_timeout(), None);
        advance!(s, 1 d);
    });
}

/// Nagle (RFC 9293 §3.7.4) is about data that was not yet sent: a partial segment that is sent again does not wait.
// RFC 9293 SHLD-7, MUST-18
#[test]
fn a_partial_segment_is_sent_again_without_waiting() {
    play(|stage| {
        let mut s = stage.established(&plain_but(|config| config.nagle = false));
        call!(s, queue 2_500);
        assert_eq!(s.burst().len(), 3);
        call!(s, SetNagle(true));
        advance!(s, 1 s, { 1 s => (seq: 1, ack: 1, len: 1_000) });
        send!(s, seq: 1, ack: 1_001);
        expect!(s, seq: 1_001, ack: 1, len: 1_000);
        expect!(s, PSH, seq: 2_001, ack: 1, len: 500);
    });
}

/// §5.4 and §3.10.8: after a timeout what follows is sent again as acknowledgments come back, and nothing is
/// sent twice that was acknowledged meanwhile.
// RFC 9293 MUST-18, MUST-19
// RFC 6298-15
#[test]
fn after_a_timeout_sending_goes_on_from_what_is_unacknowledged() {
    play(|stage| {
        let mut s = stage.established(&plain());
        call!(s, queue 4_000);
        assert_eq!(s.burst().len(), 4);
        advance!(s, 1 s, { 1 s => (seq: 1, ack: 1, len: 1_000) });
        assert_eq!(s.tcb.retransmitted(), 1_000);
        send!(s, seq: 1, ack: 3_001); // only the first had been lost, and the fourth
        expect!(s, PSH, seq: 3_001, ack: 1, len: 1_000);
        expect_none!(s);
        send!(s, seq: 1, ack: 4_001);
        assert_eq!(s.tcb.poll_timeout(), None);
    });
}

/// Segments that still fit go again as they were, though a larger one would have room for more (RFC 6298 §5.4): only where
/// segments have become smaller what was lost is cut anew.
#[test]
fn what_still_fits_goes_again_after_a_timeout_as_it_was() {
    play(|stage| {
        let mut config = super::flight::sacking();
        (config.nagle, config.tail_probes) = (false, false);
        let mut s = super::flight::opened(stage, &config);
        for len in [1_000, 300, 1_000] {
            call!(s, queue len);
            assert_eq!(s.burst().len(), 1);
        }
        let again = s.pass(span!(1 s));
        assert_eq!(again.iter().map(|(_, seg)| (seg.seq, seg.len)).collect::<Vec<_>>(), [(1, 1_000)]);
        s.deliver(&seg!(seq: 1, ack: 1_001));
        let again = s.burst();
        assert_eq!(
            again.iter().map(|seg| (seg.seq, seg.len)).collect::<Vec<_>>(),
            [(1_001, 300), (1_301, 1_000)]
        );
    });
}

/// Only timers that run have a deadline, and the earliest is the one that is waited for.
#[test]
fn the_deadlines_are_those_of_the_timers_that_run() {
    play(|stage| {
        let mut s = stage.established(&plain());
        assert_eq!(s.tcb.deadlines().next(), None);
        call!(s, queue 100);
        s.burst();
        let deadlines: Vec<_> = s.tcb.deadlines().collect();
        assert_eq!(deadlines, [(Timer::Retransmit, s.tcb.poll_timeout().unwrap())]);
    });
}

#[test]
fn the_number_of_a_timer_is_its_place_among_all() {
    assert_eq!(Timer::ALL.map(Timer::number), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
}
