//! Choices that RFC 9293 leaves open, or that Linux makes otherwise: `tcp/rules.rs`. Each of these exchanges was
//! played against Linux 6.18 as well.

use tcpstate::tcp::{
    AckPolicy, CongestionAlgorithm, RtoRule, SmallSegments, TcpConfig, WindowProbe, WindowRules,
};

use super::flight::{opened, opened_after, report, sacking, ten_in_flight};
use super::script::{Script, Stage, plain, plain_but, play};

fn quick() -> TcpConfig {
    plain_but(|config| config.ack_policy = AckPolicy::Quick)
}

/// So many full segments arrive, from this number on, and each is acknowledged at once.
fn each_is_acknowledged(s: &mut Script, first: i64, segments: i64) {
    for k in 0..segments {
        let seq = first + 1_000 * k;
        send!(s, seq: seq, ack: 1, len: 1_000);
        let ack = s.poll().expect("an acknowledgment at once");
        assert_eq!((ack.len, ack.ack), (0, Some(seq + 1_000)));
    }
}

/// Half of the window in full segments is acknowledged one by one, at most 16 of them.
#[test]
fn the_first_segments_are_acknowledged_one_by_one() {
    play(|stage| {
        let mut s = stage.established(&quick()); // 10,000 octets: five
        each_is_acknowledged(&mut s, 1, 5);
        send!(s, seq: 5_001, ack: 1, len: 1_000);
        advance!(s, 1 s, { 40 ms => (seq: 1, ack: 6_001, win: 4_000) });

        let mut s = stage.established(&plain_but(|config| {
            (config.ack_policy, config.receive_window) = (AckPolicy::Quick, 60_000)
        }));
        each_is_acknowledged(&mut s, 1, 16);
        send!(s, seq: 16_001, ack: 1, len: 1_000);
        expect_none!(s);
    });
}

/// Where nobody reads, the window would shrink with the acknowledgment of a second full segment: it waits. Where the
/// user reads, it goes at once.
#[test]
fn later_a_second_full_segment_is_acknowledged_at_once_if_the_window_keeps_its_size() {
    play(|stage| {
        let mut s = stage.established(&quick());
        each_is_acknowledged(&mut s, 1, 5);
        call!(s, consumed 5_000);
        s.burst();
        send!(s, seq: 5_001, ack: 1, len: 1_000);
        send!(s, seq: 6_001, ack: 1, len: 1_000);
        advance!(s, 1 s, { 40 ms => (seq: 1, ack: 7_001, win: 8_000) });
        call!(s, consumed 2_000);
        expect_none!(s);
        // A small segment asks for an acknowledgment once it is read.
        send!(s, seq: 7_001, ack: 1, len: 600);
        expect_none!(s);
        call!(s, consumed 600);
        expect!(s, seq: 1, ack: 7_601);
        send!(s, seq: 7_601, ack: 1, len: 1_000);
        call!(s, consumed 1_000);
        expect_none!(s);
        send!(s, seq: 8_601, ack: 1, len: 100);
        call!(s, consumed 100);
        expect!(s, seq: 1, ack: 8_701);
    });
}

/// The user who answers within the delay makes acknowledgments wait for his answers, until one has waited in vain.
#[test]
fn a_user_who_answers_makes_acknowledgments_wait() {
    play(|stage| {
        let mut s = stage.established(&quick());
        send!(s, PSH, seq: 1, ack: 1, len: 100);
        expect!(s, seq: 1, ack: 101, win: 9_900);
        call!(s, queue 50);
        expect!(s, PSH, seq: 1, ack: 101, len: 50, win: 9_900);
        advance!(s, 100 ms);
        send!(s, PSH, seq: 101, ack: 51, len: 100);
        advance!(s, 100 ms, { 40 ms => (seq: 51, ack: 201, win: 9_800) });
        send!(s, PSH, seq: 201, ack: 51, len: 100);
        expect!(s, seq: 51, ack: 301, win: 9_700);
        // An answer that comes later than the delay is none.
        advance!(s, 100 ms);
        call!(s, queue 50);
        expect!(s, PSH, seq: 51, ack: 301, len: 50, win: 9_700);
        send!(s, PSH, seq: 301, ack: 101, len: 100);
        expect!(s, seq: 101, ack: 401, win: 9_600);
    });
}

/// The read that empties the buffer acknowledges what was pushed, if the user does not answer.
#[test]
fn reading_what_was_pushed_acknowledges_it() {
    play(|stage| {
        let mut s = stage.established(&quick());
        call!(s, QuickAck(false)); // answers are expected: no acknowledgment one by one
        send!(s, PSH, seq: 1, ack: 1, len: 100);
        call!(s, consumed 100);
        expect_none!(s);
        send!(s, PSH, seq: 101, ack: 1, len: 100); // the second pushed one: now it does
        call!(s, consumed 50);
        expect_none!(s);
        call!(s, consumed 50);
        expect!(s, seq: 1, ack: 201, win: 9_800);
    });
}

/// TCP_QUICKACK: what is owed goes out, and the next acknowledgments do not wait.
#[test]
fn quick_acknowledgments_can_be_asked_for() {
    play(|stage| {
        let mut s = stage.established(&quick());
        call!(s, QuickAck(false));
        send!(s, PSH, seq: 1, ack: 1, len: 100);
        expect_none!(s);
        call!(s, QuickAck(true));
        expect!(s, seq: 1, ack: 101, win: 9_900);
        send!(s, PSH, seq: 101, ack: 1, len: 100);
        expect!(s, seq: 1, ack: 201, win: 9_800);

        let mut s = stage.established(&plain());
        send!(s, PSH, seq: 1, ack: 1, len: 100);
        call!(s, QuickAck(true));
        expect!(s, seq: 1, ack: 101, win: 9_900);
    });
}

/// The FIN of a peer whose octets are acknowledged can wait like any octet; one that comes before any octets has nothing
/// to wait for but what the user may say in the same millisecond, nor has one in FIN-WAIT-2.
#[test]
fn a_fin_waits_if_octets_came_before_it() {
    play(|stage| {
        let mut s = stage.established(&quick());
        send!(s, PSH, seq: 1, ack: 1, len: 100);
        expect!(s, seq: 1, ack: 101, win: 9_900);
        send!(s, FIN, seq: 101, ack: 1);
        advance!(s, 1 s, { 40 ms => (seq: 1, ack: 102, win: 9_899) });

        let mut s = stage.established(&quick());
        send!(s, PSH, seq: 1, ack: 1, len: 100);
        expect!(s, seq: 1, ack: 101, win: 9_900);
        send!(s, FIN, seq: 101, ack: 1, len: 100);
        advance!(s, 1 s, { 40 ms => (seq: 1, ack: 202, win: 9_799) });

        let mut s = stage.established(&quick());
        send!(s, FIN, seq: 1, ack: 1);
        advance!(s, 10 ms, { 1 ms => (seq: 1, ack: 2, win: 9_999) });

        let mut s = stage.established(&quick());
        call!(s, Shutdown);
        expect!(s, FIN, seq: 1, ack: 1);
        send!(s, seq: 1, ack: 2);
        send!(s, PSH, seq: 1, ack: 2, len: 100);
        expect!(s, seq: 2, ack: 101, win: 9_900);
        send!(s, FIN, seq: 101, ack: 2);
        expect!(s, seq: 2, ack: 102, win: 9_899);
    });
}

/// After a duplicate the sender gets an acknowledgment for each segment again: it may have missed some.
#[test]
fn a_duplicate_makes_acknowledgments_quick() {
    play(|stage| {
        let mut s = stage.established(&quick());
        call!(s, QuickAck(false));
        send!(s, PSH, seq: 1, ack: 1, len: 100);
        advance!(s, 40 ms, { 40 ms => (seq: 1, ack: 101, win: 9_900) });
        call!(s, QuickAck(false));
        refuse!(s, BelowWindow, PSH, seq: 1, ack: 1, len: 100);
        expect!(s, seq: 1, ack: 101, win: 9_900);
        send!(s, PSH, seq: 101, ack: 1, len: 100);
        expect!(s, seq: 1, ack: 201, win: 9_800);
    });
}

fn minshall() -> TcpConfig {
    plain_but(|config| config.small_segments = SmallSegments::Minshall)
}

/// The end of a long write goes at once; a partial segment waits for a partial one.
#[test]
fn under_minshalls_rule_a_partial_segment_waits_only_for_a_partial_one() {
    play(|stage| {
        let mut s = stage.established(&minshall());
        call!(s, queue 1_500);
        expect!(s, seq: 1, ack: 1, len: 1_000);
        expect!(s, PSH, seq: 1_001, ack: 1, len: 500);
        call!(s, queue 100);
        expect_none!(s);
        send!(s, seq: 1, ack: 1_501);
        expect!(s, PSH, seq: 1_501, ack: 1, len: 100);
    });
}

/// No segment is cut to what is left of the window, unless it has waited; and none is larger than half of the largest
/// window.
#[test]
fn under_minshalls_rule_segments_are_not_cut_to_fit() {
    play(|stage| {
        let mut s = stage.established(&minshall());
        send!(s, seq: 1, ack: 1, win: 1_400);
        call!(s, queue 3_000);
        expect!(s, seq: 1, ack: 1, len: 1_000);
        expect_none!(s); // 400 are left
        advance!(s, 50 ms);
        send!(s, seq: 1, ack: 1_001, win: 400);
        advance!(s, 1_500 ms, { 1 s => (PSH, seq: 1_001, ack: 1, len: 400) });
        send!(s, seq: 1, ack: 1_401, win: 10_000);
        s.burst();

        let mut s = stage.listen(&minshall());
        send!(s, SYN, seq: 0, win: 1_400, mss: 1_000);
        expect!(s, SYN, seq: 0, ack: 1, mss: 1_000);
        send!(s, seq: 1, ack: 1, win: 1_400);
        call!(s, queue 1_500);
        expect!(s, seq: 1, ack: 1, len: 700);
        expect!(s, seq: 701, ack: 1, len: 700);
        expect_none!(s);
    });
}

/// What lies before the window has to be answered: the probe takes no octet.
#[test]
fn an_empty_probe_stands_before_the_window() {
    play(|stage| {
        let mut s = stage.established(&plain_but(|config| config.window_probe = WindowProbe::Empty));
        send!(s, seq: 1, ack: 1, win: 0);
        call!(s, queue 500);
        advance!(s, 4 s, { 1 s => (seq: 0, ack: 1), 3 s => (seq: 0, ack: 1) });
        send!(s, seq: 1, ack: 1, win: 10_000);
        expect!(s, PSH, seq: 1, ack: 1, len: 500);
    });
}

/// Each time that the peer says that its window is closed, the next probe is due an interval later.
#[test]
fn a_probe_waits_from_the_last_word_of_the_peer() {
    play(|stage| {
        let mut s = stage.established(&plain_but(|config| config.window_probe = WindowProbe::Empty));
        send!(s, seq: 1, ack: 1, win: 0);
        call!(s, queue 500);
        advance!(s, 900 ms);
        send!(s, seq: 1, ack: 1, win: 0);
        advance!(s, 1 s, { 1 s => (seq: 0, ack: 1) });
        advance!(s, 100 ms);
        send!(s, seq: 1, ack: 1, win: 0);
        advance!(s, 2 s, { 2 s => (seq: 0, ack: 1) });
    });
}

/// A window that closes over what is in flight: the first segment of it goes again.
#[test]
fn where_the_window_closed_over_segments_the_first_of_them_is_the_probe() {
    play(|stage| {
        let mut s = stage.established(&plain_but(|config| config.window_probe = WindowProbe::Empty));
        call!(s, queue 2_000);
        expect!(s, seq: 1, ack: 1, len: 1_000);
        expect!(s, PSH, seq: 1_001, ack: 1, len: 1_000);
        send!(s, seq: 1, ack: 1, win: 0);
        advance!(s, 2 s, { 1 s => (seq: 1, ack: 1, len: 1_000) });
    });
}

/// The end of a write stays one when it is sent again, though more was written since.
#[test]
fn what_was_pushed_is_pushed_again() {
    play(|stage| {
        let mut config = minshall();
        config.nagle = false;
        let mut s = stage.established(&config);
        call!(s, queue 500);
        expect!(s, PSH, seq: 1, ack: 1, len: 500);
        call!(s, queue 700);
        expect!(s, PSH, seq: 501, ack: 1, len: 700);
        advance!(s, 1 s, { 1 s => (PSH, seq: 1, ack: 1, len: 500) });
        // A long write has one end only.
        let mut s = stage.established(&config);
        call!(s, queue 2_000);
        expect!(s, seq: 1, ack: 1, len: 1_000);
        expect!(s, PSH, seq: 1_001, ack: 1, len: 1_000);
        advance!(s, 1 s, { 1 s => (seq: 1, ack: 1, len: 1_000) });
    });
}

/// Three acknowledgments tell of a gap; what comes behind it later is gathered for a millisecond.
#[test]
fn blocks_behind_a_gap_are_gathered_after_three_acknowledgments() {
    play(|stage| {
        let mut config = sacking();
        config.ack_policy = AckPolicy::Quick;
        let mut s = opened(stage, &config);
        for k in 1..=3 {
            send!(s, seq: 1 + 1_000 * k, ack: 1, len: 1_000);
            expect!(s, seq: 1, ack: 1, sack: [(1_001, 1_001 + 1_000 * k)]);
        }
        send!(s, seq: 4_001, ack: 1, len: 1_000);
        expect_none!(s);
        send!(s, seq: 5_001, ack: 1, len: 1_000);
        advance!(s, 1 ms, { 1 ms => (seq: 1, ack: 1, sack: [(1_001, 6_001)]) });
        send!(s, seq: 1, ack: 1, len: 500);
        expect!(s, seq: 1, ack: 501, win: 9_500, sack: [(1_001, 6_001)]);
        send!(s, seq: 6_001, ack: 1, len: 1_000);
        expect!(s, seq: 1, ack: 501, win: 9_500, sack: [(1_001, 7_001)]);
    });
}

fn rto_as_linux(stage: Stage, rtt: std::time::Duration) -> Script {
    opened_after(
        stage,
        &plain_but(|config| {
            config.rto_rule = RtoRule::Linux;
            config.min_rto = span!(200 ms);
        }),
        rtt,
    )
}

/// One segment is sent and acknowledged after so long.
fn one_trip(s: &mut Script, seq: i64, rtt: std::time::Duration) {
    call!(s, queue 100);
    s.burst();
    s.advance(rtt, &[]);
    send!(s, seq: 1, ack: seq + 100);
}

/// The margin over SRTT is 200 ms at the least, and comes down by a quarter of the difference in a round trip.
#[test]
fn the_margin_of_the_rto_comes_down_by_quarters() {
    play(|stage| {
        let mut s = rto_as_linux(stage, span!(20 ms));
        assert_eq!(s.tcb.rto(), span!(220 ms));
        one_trip(&mut s, 1, span!(20 ms));
        assert_eq!(s.tcb.rto(), span!(220 ms));

        // 300 ms: the margin is 600 ms at first; then 450 are expected, of which a quarter of 150 ms is taken back.
        let mut s = rto_as_linux(stage, span!(300 ms));
        assert_eq!(s.tcb.rto(), span!(900 ms));
        one_trip(&mut s, 1, span!(300 ms));
        assert_eq!(s.tcb.rto(), span!(900 ms));
        one_trip(&mut s, 101, span!(300 ms));
        assert!(s.tcb.rto() < span!(900 ms) && s.tcb.rto() > span!(800 ms), "{:?}", s.tcb.rto());
    });
}

fn windows_as_linux() -> TcpConfig {
    let mut config = sacking();
    (config.window_rules, config.congestion) = (WindowRules::Linux, CongestionAlgorithm::Cubic);
    config
}

/// Congestion takes three tenths of the window, however little of it is in use.
#[test]
fn ssthresh_is_a_part_of_the_window_itself() {
    play(|stage| {
        let mut s = opened(stage, &windows_as_linux());
        call!(s, queue 4_000);
        assert_eq!(s.burst().len(), 4);
        s.advance(span!(100 ms), &[]);
        report(&mut s, 1, (1_001, 2_001));
        report(&mut s, 1, (1_001, 3_001));
        report(&mut s, 1, (1_001, 4_001));
        assert_eq!(s.tcb.ssthresh(), 7_000);
    });
}

/// All that one acknowledgment covers makes slow start grow, after a timeout as well.
#[test]
fn slow_start_grows_by_all_that_is_acknowledged() {
    play(|stage| {
        let mut s = ten_in_flight(stage, &windows_as_linux(), 20_000);
        s.advance(span!(100 ms), &[]);
        send!(s, seq: 1, ack: 10_001);
        assert_eq!(s.tcb.cwnd(), 20_000);
        assert_eq!(s.burst().len(), 20);
    });
}

/// After a silence the window is what it was, where the user wants that.
#[test]
fn the_window_can_be_kept_over_a_silence() {
    play(|stage| {
        let mut config = windows_as_linux();
        config.restart_after_idle = false;
        let mut s = ten_in_flight(stage, &config, 0);
        s.advance(span!(100 ms), &[]);
        send!(s, seq: 1, ack: 10_001);
        let before = s.tcb.cwnd();
        advance!(s, 10 s);
        call!(s, queue 1_000);
        expect!(s, PSH, seq: 10_001, ack: 1, len: 1_000);
        assert_eq!(s.tcb.cwnd(), before);
    });
}

/// Slow start grows if more than half of the window was in use at any time of a round trip, and not only when the round
/// trip began.
#[test]
fn what_is_sent_later_in_a_round_trip_counts_as_use_of_the_window() {
    for (later, cwnd) in [(0, 10_000), (1_000, 10_000), (2_000, 16_000)] {
        play(|stage| {
            let mut s = opened(stage, &windows_as_linux());
            call!(s, queue 4_000);
            assert_eq!(s.burst().len(), 4);
            s.advance(span!(50 ms), &[]);
            if later > 0 {
                call!(s, queue later);
                assert_eq!(s.burst().len(), later as usize / 1_000);
            }
            s.advance(span!(50 ms), &[]);
            send!(s, seq: 1, ack: i64::from(later) + 4_001);
            assert_eq!(s.tcb.cwnd(), cwnd, "{later} octets later");
        });
    }
}

/// In congestion avoidance the window grows if all of it was in use: so much that another segment would not have fitted.
#[test]
fn congestion_avoidance_grows_a_window_that_holds_something_back() {
    for (more, cwnd) in [(4_000, 5_000), (5_000, 6_000)] {
        play(|stage| {
            let mut config = windows_as_linux();
            config.congestion = CongestionAlgorithm::NewReno;
            let mut s = ten_in_flight(stage, &config, 0);
            s.advance(span!(100 ms), &[]);
            assert_eq!(report(&mut s, 1, (1_001, 10_001)), [1]);
            s.advance(span!(100 ms), &[]);
            send!(s, seq: 1, ack: 10_001);
            assert_eq!((s.tcb.cwnd(), s.tcb.ssthresh(), s.tcb.in_recovery()), (5_000, 5_000, false));
            call!(s, queue more);
            assert_eq!(s.burst().len(), more as usize / 1_000);
            s.advance(span!(100 ms), &[]);
            send!(s, seq: 1, ack: i64::from(more) + 10_001);
            assert_eq!(s.tcb.cwnd(), cwnd, "{more} octets of 5,000");
        });
    }
}

/// Where the user has read so much that the window can stay what it was, a second full segment is acknowledged at once.
#[test]
fn a_second_full_segment_is_acknowledged_at_once_where_the_user_reads() {
    play(|stage| {
        let mut s = stage.established(&quick());
        each_is_acknowledged(&mut s, 1, 5);
        call!(s, consumed 2_000);
        expect_none!(s);
        send!(s, seq: 5_001, ack: 1, len: 1_000);
        expect_none!(s);
        send!(s, seq: 6_001, ack: 1, len: 1_000);
        expect!(s, seq: 1, ack: 7_001, win: 5_000);
    });
}

/// Linux answers a loss once: a timeout within the recovery leaves SSTHRESH as it is.
#[test]
fn a_timeout_within_a_recovery_does_not_lower_the_threshold_again() {
    play(|stage| {
        let mut config = sacking();
        config.window_rules = WindowRules::Linux;
        let mut s = ten_in_flight(stage, &config, 0);
        s.pass(span!(100 ms));
        report(&mut s, 1, (2_001, 10_001));
        assert_eq!(s.tcb.ssthresh(), 5_000);
        s.pass(span!(3 s));
        assert_eq!((s.tcb.ssthresh(), s.tcb.backoff() > 0), (5_000, true));
    });
}

/// One full segment alone waits for company, though the window keeps its size; a second one does not.
#[test]
fn later_one_full_segment_waits_for_company() {
    play(|stage| {
        let mut s = stage.established(&quick());
        each_is_acknowledged(&mut s, 1, 5);
        call!(s, consumed 5_000);
        s.burst();
        send!(s, seq: 5_001, ack: 1, len: 1_000);
        send!(s, seq: 6_001, ack: 1, len: 1_000);
        advance!(s, 1 s, { 40 ms => (seq: 1, ack: 7_001, win: 8_000) });
        call!(s, consumed 2_000);
        send!(s, seq: 7_001, ack: 1, len: 1_000);
        expect_none!(s);
        send!(s, seq: 8_001, ack: 1, len: 1_000);
        assert!(s.poll().is_some_and(|answer| answer.ack == Some(9_001)));
    });
}
