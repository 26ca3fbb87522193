//! Timestamps, PAWS and scaled windows: RFC 7323.
//!
//! A script's TSval of ours is the time in milliseconds since its beginning, for that is our clock; the peer's
//! TSval is what the script says.

use tcpstate::tcp::TcpConfig;

use super::script::{Script, Stage, plain_but, play};

/// Timestamps take 12 octets of each segment: 988 of 1,000 remain.
fn with_timestamps() -> TcpConfig {
    plain_but(|config| config.timestamps = true)
}

/// §3.2: "Once TSopt has been successfully negotiated …, the TSopt MUST be sent in every non-<RST> segment".
// RFC 7323-12, 7323-26
#[test]
fn every_segment_carries_timestamps() {
    play(|stage| {
        let mut s = stage.established(&with_timestamps());
        advance!(s, 7 ms);
        call!(s, queue 100);
        expect!(s, PSH, seq: 1, ack: 1, len: 100, ts: (7, 0));
        advance!(s, 3 ms);
        send!(s, seq: 1, ack: 101, len: 10, ts: (55, 7));
        advance!(s, 40 ms, { 40 ms => (seq: 101, ack: 11, win: 9_990, ts: (50, 55)) });
        call!(s, Shutdown);
        expect!(s, FIN, seq: 101, ack: 11, win: 9_990, ts: (50, 55));
        advance!(s, 1 s, { 1 s => (FIN, seq: 101, ack: 11, win: 9_990, ts: (1_050, 55)) });
    });
}

/// §3.2: after a handshake without the option there is none on any segment.
// RFC 7323-13
#[test]
fn without_negotiation_no_segment_carries_timestamps() {
    play(|stage| {
        let mut s = stage.answered(&with_timestamps(), &seg!(SYN, seq: 0, ack: 1, mss: 1_000));
        call!(s, queue 1_000);
        expect!(s, PSH, seq: 1, ack: 1, len: 1_000);
        send!(s, seq: 1, ack: 1_001, len: 10);
        advance!(s, 1 s, { 40 ms => (seq: 1_001, ack: 11, win: 9_990) });
        // And an option that was not negotiated says nothing.
        send!(s, seq: 11, ack: 1_001, len: 10, ts: (5, 5));
        send!(s, seq: 21, ack: 1_001, len: 10, ts: (3, 5));
        advance!(s, 1 s, { 40 ms => (seq: 1_001, ack: 31, win: 9_970) });
    });
}

/// §5.3 R1: "If there is a Timestamps option in the arriving segment, SEG.TSval < TS.Recent …, then treat the
/// arriving segment as not acceptable: Send an acknowledgment in reply … and drop the segment".
// RFC 7323-24, 7323-25
#[test]
fn a_segment_with_an_older_timestamp_is_refused() {
    play(|stage| {
        let mut s = stage.established(&with_timestamps());
        send!(s, seq: 1, ack: 1, len: 100, ts: (10, 0));
        refuse!(s, OldTimestamp, seq: 101, ack: 1, len: 100, ts: (9, 0));
        assert_eq!(s.tcb.readable_to(), 100);
        expect!(s, seq: 1, ack: 101, win: 9_900, ts: (0, 10));
        // The same timestamp is not older.
        send!(s, seq: 101, ack: 1, len: 100, ts: (10, 0));
        assert_eq!(s.tcb.readable_to(), 200);
        advance!(s, 40 ms, { 40 ms => (seq: 1, ack: 201, win: 9_800, ts: (40, 10)) });
    });
}

/// §5.2: "s < t if 0 < (t - s) < 2³¹": two timestamps exactly half a circle apart have no order, and neither is old.
#[test]
fn a_timestamp_half_a_circle_away_is_not_older() {
    play(|stage| {
        let mut s = stage.established(&with_timestamps());
        send!(s, seq: 1, ack: 1, len: 100, ts: (10, 0));
        send!(s, seq: 101, ack: 1, len: 100, ts: (10 + (1 << 31), 0));
        assert_eq!(s.tcb.readable_to(), 200);
        refuse!(s, OldTimestamp, seq: 201, ack: 1, len: 100, ts: (11 + (1 << 31), 0));
        expect!(s, seq: 1, ack: 201, win: 9_800, ts: (0, 10));
    });
}

/// §5.3: the test is for segments without text as well; neither acknowledgment nor window counts.
// RFC 7323-24
#[test]
fn an_old_acknowledgment_by_timestamp_does_not_count() {
    play(|stage| {
        let mut s = stage.established(&with_timestamps());
        call!(s, queue 988);
        expect!(s, PSH, seq: 1, ack: 1, len: 988, ts: (0, 0));
        send!(s, seq: 1, ack: 1, ts: (100, 0));
        refuse!(s, OldTimestamp, seq: 1, ack: 989, win: 1, ts: (99, 0));
        assert_eq!((s.tcb.acked_to(), s.tcb.snd_wnd()), (0, 30_000));
        expect!(s, seq: 989, ack: 1, ts: (0, 100));
        // §5.3 R1 stands before the check of the window: the reason is the timestamp.
        refuse!(s, OldTimestamp, seq: 500_000, ack: 989, ts: (99, 0));
        expect!(s, seq: 989, ack: 1, ts: (0, 100));
    });
}

/// §5.2: "<RST> segments MUST NOT be subjected to the PAWS check".
// RFC 9293 X-5
// RFC 7323-23
#[test]
fn a_reset_is_exempt_from_paws() {
    play(|stage| {
        for reset in [seg!(RST, seq: 1, ts: (5, 0)), seg!(RST, seq: 1), seg!(RST, seq: 1, ack: 1, ts0: 0)] {
            let mut s = stage.established(&with_timestamps());
            send!(s, seq: 1, ack: 1, ts: (100, 0));
            s.send(&reset);
            closed!(s, Reset);
        }
    });
}

/// §3.2: "If a non-<RST> segment is received without a TSopt, a TCP SHOULD silently drop the segment."
// RFC 7323-14
#[test]
fn a_segment_without_timestamps_is_dropped_silently() {
    play(|stage| {
        let mut s = stage.established(&with_timestamps());
        refuse!(s, TimestampMissing, seq: 1, ack: 1, len: 100);
        refuse!(s, TimestampMissing, FIN, seq: 1, ack: 1);
        refuse!(s, TimestampMissing, SYN, seq: 1, ack: 1);
        expect_none!(s);
        state!(s, Established);
        assert_eq!(s.tcb.readable_to(), 0);
    });
}

/// §5.5: a TS.Recent older than 24 days says nothing: the peer's clock may have wrapped.
// RFC 7323-28
#[test]
fn a_timestamp_that_was_seen_24_days_ago_is_forgotten() {
    play(|stage| {
        let mut s = stage.established(&with_timestamps());
        send!(s, seq: 1, ack: 1, ts: (100, 0));
        advance!(s, 2_073_599 s); // 24 days less a second
        let ms = s.ms();
        refuse!(s, OldTimestamp, seq: 1, ack: 1, len: 10, ts: (99, 0));
        expect!(s, seq: 1, ack: 1, ts: (ms, 100));
        advance!(s, 2 s);
        send!(s, seq: 1, ack: 1, len: 10, ts: (50, 0));
        assert_eq!(s.tcb.readable_to(), 10);
        advance!(s, 40 ms, { 40 ms => (seq: 1, ack: 11, win: 9_990, ts: (ms + 2_040, 50)) });
        // From the new one on it counts again.
        refuse!(s, OldTimestamp, seq: 11, ack: 1, len: 10, ts: (49, 0));
        expect!(s, seq: 1, ack: 11, win: 9_990, ts: (ms + 2_040, 50));
    });
}

/// §4.3 (2): TS.Recent <- SEG.TSval if "SEG.TSval >= TS.Recent and SEG.SEQ <= Last.ACK.sent". So a delayed
/// ACK echoes the earliest segment that it acknowledges (§4.2 A).
// RFC 7323-20
#[test]
fn a_delayed_ack_echoes_its_earliest_segment() {
    play(|stage| {
        let mut s = stage.established(&with_timestamps());
        send!(s, seq: 1, ack: 1, len: 988, ts: (10, 0));
        send!(s, seq: 989, ack: 1, len: 988, ts: (12, 0));
        expect!(s, seq: 1, ack: 1_977, win: 8_024, ts: (0, 10));
        send!(s, seq: 1_977, ack: 1, len: 988, ts: (14, 0));
        send!(s, seq: 2_965, ack: 1, len: 988, ts: (16, 0));
        expect!(s, seq: 1, ack: 3_953, win: 6_048, ts: (0, 14));
    });
}

/// The same for segments that are not just the next octets: a FIN, one that fills a gap; and a timestamp that is the same
/// is not older (§5.3 R1).
// RFC 7323-20, 7323-25
#[test]
fn the_earliest_segment_is_echoed_whatever_follows_it() {
    play(|stage| {
        let mut s = stage.established(&with_timestamps());
        send!(s, seq: 1, ack: 1, len: 100, ts: (10, 0));
        send!(s, FIN, seq: 101, ack: 1, len: 100, ts: (12, 0));
        expect!(s, seq: 1, ack: 202, win: 9_799, ts: (0, 10));

        let mut s = stage.established(&with_timestamps());
        send!(s, seq: 101, ack: 1, len: 100, ts: (10, 0));
        expect!(s, seq: 1, ack: 1, ts: (0, 0));
        send!(s, seq: 1, ack: 1, len: 100, ts: (10, 0));
        expect!(s, seq: 1, ack: 201, win: 9_800, ts: (0, 10));
        send!(s, FIN, seq: 201, ack: 1, ts: (10, 0));
        state!(s, CloseWait);
        expect!(s, seq: 1, ack: 202, win: 9_799, ts: (0, 10));
    });
}

/// §4.2 B: a segment behind a gap does not move what is echoed; §4.2 C: the one that fills it does.
// RFC 7323-21
#[test]
fn a_segment_behind_a_gap_does_not_move_the_echo() {
    play(|stage| {
        let mut s = stage.established(&with_timestamps());
        send!(s, seq: 1, ack: 1, len: 100, ts: (10, 0));
        advance!(s, 40 ms, { 40 ms => (seq: 1, ack: 101, win: 9_900, ts: (40, 10)) });
        send!(s, seq: 201, ack: 1, len: 100, ts: (20, 0));
        expect!(s, seq: 1, ack: 101, win: 9_900, ts: (40, 10));
        send!(s, seq: 301, ack: 1, len: 100, ts: (21, 0));
        expect!(s, seq: 1, ack: 101, win: 9_900, ts: (40, 10));
        send!(s, seq: 101, ack: 1, len: 100, ts: (22, 0));
        expect!(s, seq: 1, ack: 401, win: 9_600, ts: (40, 22));
    });
}

/// §4.3 (2) and §5.3: a segment outside the window moves nothing, whatever its timestamp.
// RFC 7323-22
#[test]
fn a_segment_outside_the_window_does_not_move_the_echo() {
    play(|stage| {
        let mut s = stage.established(&with_timestamps());
        refuse!(s, AboveWindow, seq: 10_001, ack: 1, len: 10, ts: (77, 0));
        expect!(s, seq: 1, ack: 1, ts: (0, 0));
        send!(s, seq: 1, ack: 1, len: 10, ts: (5, 0));
        assert_eq!(s.tcb.readable_to(), 10);
        advance!(s, 40 ms, { 40 ms => (seq: 1, ack: 11, win: 9_990, ts: (40, 5)) });
    });
}

/// §4.1: an acknowledgment that echoes the timestamp of the retransmission is a sample of it.
// RFC 9293 MUST-18
// RFC 6298-9
#[test]
fn timestamps_give_a_sample_after_a_retransmission() {
    play(|stage| {
        let mut s = stage.established(&with_timestamps()); // SRTT 0, RTTVAR 0
        call!(s, queue 988);
        expect!(s, PSH, seq: 1, ack: 1, len: 988, ts: (0, 0));
        advance!(s, 1 s, { 1 s => (PSH, seq: 1, ack: 1, len: 988, ts: (1_000, 0)) });
        advance!(s, 200 ms);
        send!(s, seq: 1, ack: 989, ts: (300, 1_000));
        assert_eq!(s.tcb.srtt(), Some(span!(25 ms))); // 200 / 8
        assert_eq!(s.tcb.rto(), span!(1 s), "the sample ends the backoff");

        // Had it echoed the original, the round trip would have been a whole 1.2 s.
        let mut s = stage.established(&with_timestamps());
        call!(s, queue 988);
        expect!(s, PSH, seq: 1, ack: 1, len: 988, ts: (0, 0));
        advance!(s, 1 s, { 1 s => (PSH, seq: 1, ack: 1, len: 988, ts: (1_000, 0)) });
        advance!(s, 200 ms);
        send!(s, seq: 1, ack: 989, ts: (300, 0));
        assert_eq!(s.tcb.srtt(), Some(span!(150 ms))); // 1,200 / 8
        assert_eq!(s.tcb.rto(), span!(1_350 ms)); // 150 + 4 * 1,200 / 4
    });
}

/// An echo of a clock that we never had, or had before the octets went out, says nothing.
// RFC 9293 MUST-18
// RFC 7323-18
#[test]
fn an_impossible_echo_gives_no_sample() {
    play(|stage| {
        for echo in [1_201, 50_000, -100, -1_000_000_000] {
            let mut s = stage.established(&with_timestamps());
            call!(s, queue 988);
            expect!(s, PSH, seq: 1, ack: 1, len: 988, ts: (0, 0));
            advance!(s, 1 s, { 1 s => (PSH, seq: 1, ack: 1, len: 988, ts: (1_000, 0)) });
            advance!(s, 200 ms);
            send!(s, seq: 1, ack: 989, ts: (300, echo));
            assert_eq!(s.tcb.acked_to(), 988);
            assert_eq!((s.tcb.srtt(), s.tcb.rto()), (Some(span!(0 s)), span!(2 s)));
        }
    });
}

/// §4.1: "RTTM … a sample only from segments that acknowledge new data": a duplicate echo is stale.
// RFC 9293 MUST-18
// RFC 7323-17
#[test]
fn an_acknowledgment_of_nothing_new_gives_no_sample() {
    play(|stage| {
        let mut s = stage.established(&with_timestamps());
        advance!(s, 500 ms);
        send!(s, seq: 1, ack: 1, ts: (500, 0));
        send!(s, seq: 1, ack: 1, len: 10, ts: (501, 0));
        assert_eq!(s.tcb.srtt(), Some(span!(0 s)));
        advance!(s, 40 ms, { 40 ms => (seq: 1, ack: 11, win: 9_990, ts: (540, 501)) });
        // Nor with something in flight: a duplicate, a window update, an echo of what was measured long ago.
        call!(s, queue 988);
        expect!(s, PSH, seq: 1, ack: 11, win: 9_990, len: 988, ts: (540, 501));
        advance!(s, 300 ms);
        send!(s, seq: 11, ack: 1, ts: (800, 540));
        send!(s, seq: 11, ack: 1, win: 20_000, ts: (801, 540));
        send!(s, seq: 11, ack: 1, win: 20_000, ts: (802, 0));
        assert_eq!(s.tcb.srtt(), Some(span!(0 s)));
        send!(s, seq: 11, ack: 989, win: 20_000, ts: (803, 540));
        assert_eq!(s.tcb.srtt(), Some(span!(37_500 us)), "300 / 8");
    });
}

/// Appendix G: with ExpectedSamples = ceil(FlightSize / (2·SMSS)) the gains are 1/8 and 1/4 divided by it.
// RFC 9293 MUST-18
// RFC 7323-19
#[test]
fn many_samples_in_one_round_trip_share_the_gain() {
    play(|stage| {
        let mut s = stage.established(&with_timestamps()); // SRTT 0, RTTVAR 0
        call!(s, queue 9_880);
        assert_eq!(s.burst().len(), 10);
        advance!(s, 100 ms);
        send!(s, seq: 1, ack: 989, ts: (100, 0)); // 10 segments in flight: 5 samples
        assert_eq!(s.tcb.srtt(), Some(span!(2_500 us))); // 100 / (8 * 5)
        assert_eq!(s.tcb.rto(), span!(1 s));

        // The same for RTTVAR, which shows in an RTO without a floor.
        let mut config = with_timestamps();
        config.min_rto = span!(10 ms);
        let mut s = stage.connect(&config);
        expect!(s, SYN, seq: 0, mss: 1_000, ts0: 0);
        advance!(s, 100 ms);
        send!(s, SYN, seq: 0, ack: 1, mss: 1_000, ts: (0, 0)); // SRTT 100, RTTVAR 50
        call!(s, queue 9_880);
        assert_eq!(s.burst().len(), 10);
        advance!(s, 200 ms);
        send!(s, seq: 1, ack: 989, ts: (200, 100));
        // RTTVAR 50 + (100 - 50) / (4 * 5) = 52.5; SRTT 100 + 100 / (8 * 5) = 102.5; RTO 102.5 + 210.
        assert_eq!((s.tcb.srtt(), s.tcb.rto()), (Some(span!(102_500 us)), span!(312_500 us)));
    });
}

/// §2.3: the field is the window shifted, and a window that does not divide would lose by it what was offered
/// before (§2.4): it is rounded up, by less than one unit, and what was offered is taken.
// RFC 9293 SHLD-14, REC-1
// RFC 7323-9
#[test]
fn rounding_does_not_take_back_what_was_offered() {
    play(|stage| {
        let mut config = plain_but(|config| config.window_scaling = true);
        config.receive_window = 100_000;
        let mut s = stage.answered(&config, &seg!(SYN, seq: 0, ack: 1, mss: 1_000, wscale: 0));
        assert_eq!(s.window, 50_000);
        send!(s, seq: 1, ack: 1, len: 101);
        advance!(s, 40 ms, { 40 ms => (seq: 1, ack: 102, win: 49_950) }); // 99,900 where 99,899 are left
        send!(s, seq: 100_000, ack: 1, len: 1);
        assert_eq!(s.stored(), Some((99_999, 0, 1)));
        expect!(s, seq: 1, ack: 102, win: 49_950);
        refuse!(s, AboveWindow, seq: 100_002, ack: 1, len: 1);
        expect!(s, seq: 1, ack: 102, win: 49_950);
    });
}

/// §2.2: more than 65,535 octets can be in flight to a peer that scales.
// RFC 9293 REC-1, MUST-1
// RFC 7323-8
#[test]
fn a_scaled_window_is_used_in_full() {
    play(|stage| {
        let mut config = plain_but(|config| config.window_scaling = true);
        config.initial_window = 255;
        let mut s = stage.answered(&config, &seg!(SYN, seq: 0, ack: 1, win: 65_535, mss: 1_000, wscale: 2));
        send!(s, seq: 1, ack: 1, win: 50_000); // 200,000 octets
        call!(s, queue 300_000);
        assert_eq!(s.burst().len(), 200);
    });
}

/// RFC 5961 §4.2 asks for a challenge of every SYN: a peer that has restarted without timestamps must find out.
#[test]
fn a_syn_without_timestamps_is_challenged() {
    play(|stage| {
        let mut s = stage.established(&with_timestamps());
        refuse!(s, SynOnOpenConnection, SYN, seq: 1);
        let answers = s.burst();
        assert_eq!(answers.len(), 1);
        assert!(!answers[0].flags.contains(tcpstate::TcpFlags::SYN));
        state!(s, Established);
    });
}

/// A connection that has 100 octets, and 100 more beyond a gap of 200, of which the first half then comes again: TS.Recent is
/// 300.
fn half_of_a_gap(stage: Stage) -> Script {
    let mut s = stage.established(&with_timestamps());
    send!(s, seq: 1, ack: 1, len: 100, ts: (200, 0));
    send!(s, seq: 301, ack: 1, len: 100, ts: (205, 0));
    expect!(s, seq: 1, ack: 101, win: 9_900, ts: (0, 200));
    send!(s, seq: 101, ack: 1, len: 100, ts: (300, 0));
    expect!(s, seq: 1, ack: 201, win: 9_800, ts: (0, 300));
    s
}

/// §5.3 R1, and what it is for (§5.1): a segment that was overtaken by a retransmission is no old duplicate. A hundred ticks
/// of the peer's clock behind TS.Recent it still fills its gap.
#[test]
fn what_was_overtaken_by_a_retransmission_fills_its_gap() {
    play(|stage| {
        let mut s = half_of_a_gap(stage);
        send!(s, seq: 201, ack: 1, len: 100, ts: (200, 0));
        assert_eq!(s.tcb.readable_to(), 400);
        // TS.Recent is what it was.
        expect!(s, seq: 1, ack: 401, win: 9_600, ts: (0, 300));
    });
}

/// … 101 are too many.
#[test]
fn what_is_older_than_the_retransmission_by_far_fills_no_gap() {
    play(|stage| {
        let mut s = half_of_a_gap(stage);
        refuse!(s, OldTimestamp, seq: 201, ack: 1, len: 100, ts: (199, 0));
        assert_eq!(s.tcb.readable_to(), 200);
        expect!(s, seq: 1, ack: 201, win: 9_800, ts: (0, 300));
    });
}

/// … and only a gap: not what lies beyond all that has arrived, not what has been acknowledged, and no bare
/// acknowledgment.
// RFC 7323-24
#[test]
fn an_old_timestamp_is_good_for_nothing_but_gaps() {
    play(|stage| {
        let mut s = half_of_a_gap(stage);
        for (seq, len) in [(401, 100), (201, 201), (151, 100), (101, 100)] {
            refuse!(s, OldTimestamp, seq: seq, ack: 1, len: len, ts: (299, 0));
            expect!(s, seq: 1, ack: 201, win: 9_800, ts: (0, 300));
        }
        refuse!(s, OldTimestamp, seq: 201, ack: 1, ts: (299, 0));
        let _challenge = s.burst();
        assert_eq!((s.tcb.readable_to(), s.out_of_order()), (200, vec![(300, 400)]));
    });
}
