//! The ways of FreeBSD where an embedder asks for them, and the choices that its sysctls name.

use std::sync::Arc;

use tcpstate::tcp::{
    CloseReason, Dialect, DropReason, Ecn, HalfOpen, Heard, LossDetection, NetworkError, PathMtu,
    PathReports, Persist, SegmentMeta, TcpConfig, Timestamps, Unpredictable,
};
use tcpstate::{Instant, State, TcpFlags};

use super::script::{Stage, plain, plain_but, play};

fn freebsd() -> TcpConfig {
    plain_but(|config| config.dialect = Dialect::FreeBsd)
}

fn freebsd_but(change: impl FnOnce(&mut TcpConfig)) -> TcpConfig {
    plain_but(|config| {
        config.dialect = Dialect::FreeBsd;
        change(config);
    })
}

fn with_timestamps(stage: Stage, config: &TcpConfig) -> super::script::Script {
    let mut config = *config;
    config.timestamps = true;
    stage.established(&config)
}

/// An acknowledgment may wait: the peer's reset stands where it was last told that we are.
#[test]
fn a_reset_counts_where_we_last_said_that_we_are() {
    play(|stage| {
        let mut s = stage.established(&freebsd());
        send!(s, seq: 1, ack: 1, len: 100);
        refuse!(s, ResetNotExact, RST, seq: 101);
        expect!(s, seq: 1, ack: 101, win: 9_900);
        send!(s, RST, seq: 101);
        closed!(s, Reset);

        let mut s = stage.established(&freebsd());
        send!(s, seq: 1, ack: 1, len: 100);
        also!(s, RST, seq: 1);
        closed!(s, Reset);
    });
}

/// RFC 793 §3.4: "A reset is valid if its sequence number is in the window."
#[test]
fn an_insecure_reset_counts_anywhere_in_the_window() {
    for dialect in [Dialect::Rfc, Dialect::FreeBsd] {
        play(|stage| {
            for seq in [1, 5_000, 10_000] {
                let config = plain_but(|config| (config.dialect, config.insecure_reset) = (dialect, true));
                let mut s = stage.established(&config);
                refuse!(s, ResetOutsideWindow, RST, seq: 0);
                refuse!(s, ResetOutsideWindow, RST, seq: 10_001);
                send!(s, RST, seq: seq);
                closed!(s, Reset);
            }
        });
    }
}

/// RFC 793 §3.9, fourth check: a SYN in the window is an error, and the peer hears a reset.
#[test]
fn an_insecure_syn_in_the_window_resets() {
    for dialect in [Dialect::Rfc, Dialect::FreeBsd] {
        play(|stage| {
            let config = plain_but(|config| (config.dialect, config.insecure_syn) = (dialect, true));
            let mut s = stage.established(&config);
            s.deliver_any(&seg!(SYN, seq: 20_000, mss: 1_000));
            expect!(s, seq: 1, ack: 1);
            state!(s, Established);
            also!(s, SYN, seq: 5_000, mss: 1_000);
            expect!(s, RST, seq: 1, ack: 1);
            closed!(s, Reset);
        });
    }
}

/// RFC 5961 §4.2, whatever its number.
#[test]
fn a_syn_on_an_open_connection_is_challenged() {
    play(|stage| {
        for seq in [-500, 0, 1, 700, 20_000] {
            let mut s = stage.established(&freebsd());
            refuse!(s, SynOnOpenConnection, SYN, seq: seq, mss: 1_000);
            expect!(s, seq: 1, ack: 1);
            state!(s, Established);
        }
    });
}

#[test]
fn the_acknowledgment_of_an_old_duplicate_counts() {
    play(|stage| {
        let mut s = stage.established(&freebsd());
        send!(s, seq: 1, ack: 1, len: 1_000);
        send!(s, seq: 1_001, ack: 1, len: 1_000);
        expect!(s, seq: 1, ack: 2_001, win: 8_000);
        call!(s, queue 500);
        expect!(s, PSH, seq: 1, ack: 2_001, len: 500, win: 8_000);
        refuse!(s, BelowWindow, seq: 1, ack: 501, len: 1_000);
        expect!(s, seq: 501, ack: 2_001, win: 8_000);
        assert_eq!(s.tcb.acked_to(), 500);
    });
}

#[test]
fn every_old_segment_is_answered() {
    play(|stage| {
        let mut s = stage.established(&freebsd());
        send!(s, seq: 1, ack: 1, len: 1_000);
        send!(s, seq: 1_001, ack: 1, len: 1_000);
        expect!(s, seq: 1, ack: 2_001, win: 8_000);
        for _ in 0..30 {
            refuse!(s, BelowWindow, seq: 2_000, ack: 1);
            expect!(s, seq: 1, ack: 2_001, win: 8_000);
            refuse!(s, AckOfUnsent, seq: 2_001, ack: 2);
            expect!(s, seq: 1, ack: 2_001, win: 8_000);
        }
    });
}

/// RFC 7323 §5.3 R1 wants an acknowledgment for all; FreeBSD gives it to octets.
#[test]
fn an_old_timestamp_without_octets_is_not_answered() {
    play(|stage| {
        let mut s = with_timestamps(stage, &freebsd());
        send!(s, seq: 1, ack: 1, len: 100, ts: (1_000, 0));
        advance!(s, 40 ms, { 40 ms => (seq: 1, ack: 101, win: 9_900, ts: (40, 1_000)) });
        refuse!(s, OldTimestamp, seq: 101, ack: 1, ts: (500, 0));
        expect_none!(s);
        refuse!(s, OldTimestamp, seq: 101, ack: 1, len: 10, ts: (500, 0));
        expect!(s, seq: 1, ack: 101, win: 9_900, ts: (40, 1_000));
    });
}

/// RFC 7323 §3.2, unless they may be missing.
#[test]
fn a_segment_without_timestamp_is_dropped_or_taken() {
    play(|stage| {
        let mut s = with_timestamps(stage, &freebsd());
        refuse!(s, TimestampMissing, seq: 1, ack: 1, len: 100);
        refuse!(s, TimestampMissing, SYN, seq: 1, mss: 1_000);
        expect_none!(s);
        for dialect in [Dialect::Rfc, Dialect::FreeBsd] {
            let tolerant = plain_but(|config| {
                (config.dialect, config.tolerate_missing_timestamps) = (dialect, true);
            });
            let mut s = with_timestamps(stage, &tolerant);
            send!(s, seq: 1, ack: 1, len: 1_000);
            send!(s, seq: 1_001, ack: 1, len: 1_000);
            expect!(s, seq: 1, ack: 2_001, win: 8_000, ts: (0, 0));
        }
    });
}

/// Who lets go of a connection with octets unread sends a FIN; only octets that come later are reset.
#[test]
fn closing_with_octets_unread_is_no_reset() {
    play(|stage| {
        let mut s = stage.established(&freebsd());
        send!(s, seq: 1, ack: 1, len: 100);
        call!(s, Close);
        expect!(s, FIN, seq: 1, ack: 101);
        send!(s, seq: 101, ack: 2);
        state!(s, FinWait2);
        refuse!(s, DataAfterClose, seq: 101, ack: 2, len: 10);
        expect!(s, RST, seq: 2);
        closed!(s, Discarded);
    });
}

#[test]
fn an_abort_in_last_ack_tells_the_peer() {
    play(|stage| {
        let mut s = stage.established(&freebsd());
        s.window = 9_999;
        send!(s, FIN, seq: 1, ack: 1);
        expect!(s, seq: 1, ack: 2);
        call!(s, Shutdown);
        expect!(s, FIN, seq: 1, ack: 2);
        call!(s, Abort);
        expect!(s, RST, seq: 2, ack: 2);
        closed!(s, Aborted);
    });
}

/// New octets for a user who is gone are reset before anything else is looked at, old ones are only answered.
#[test]
fn after_a_close_new_octets_are_reset_whatever_they_acknowledge() {
    play(|stage| {
        let mut s = stage.established(&freebsd());
        send!(s, seq: 1, ack: 1, len: 100);
        call!(s, consumed 100);
        s.burst();
        call!(s, Close);
        s.burst();
        send!(s, seq: 101, ack: 2);
        state!(s, FinWait2);
        s.deliver_any(&seg!(seq: 1, ack: 2, len: 100));
        s.burst();
        state!(s, FinWait2);
        refuse!(s, DataAfterClose, seq: 101, ack: 50, len: 10);
        expect!(s, RST, seq: 50);
        state!(s, Closed);
    });
}

/// TIME-WAIT: what has no ACK is dropped, and what is not just an acknowledgment of all is answered by one.
#[test]
fn time_wait_answers_what_has_an_ack_and_says_anything() {
    play(|stage| {
        let mut s = stage.established(&freebsd());
        call!(s, Shutdown);
        expect!(s, FIN, seq: 1, ack: 1);
        s.window = 9_999;
        send!(s, FIN, seq: 1, ack: 2);
        expect!(s, seq: 2, ack: 2);
        for seq in [-10, 2, 500, 50_000] {
            refuse!(s, ResetInTimeWait, RST, seq: seq);
            refuse!(s, NoAck, FIN, seq: seq);
            expect_none!(s);
            refuse!(s, DataAfterFin, seq: seq, ack: 2, len: 5);
            expect!(s, seq: 2, ack: 2);
            refuse!(s, SynOnOpenConnection, SYN, seq: seq, ack: 2);
            expect!(s, seq: 2, ack: 2);
        }
        send!(s, seq: 2, ack: 2);
        expect_none!(s);
        refuse!(s, DataAfterFin, seq: 3, ack: 2);
        expect!(s, seq: 2, ack: 2);
        // A FIN again begins the wait anew.
        advance!(s, 200 s);
        s.deliver_any(&seg!(FIN, seq: 1, ack: 2));
        expect!(s, seq: 2, ack: 2);
        advance!(s, 239_999 ms);
        state!(s, TimeWait);
        // RFC 6191 is not asked: the number decides.
        assert!(s.tcb.may_reopen(&s.incoming(&seg!(SYN, seq: 3, ts0: -5))));
        assert!(!s.tcb.may_reopen(&s.incoming(&seg!(SYN, seq: 2, ts0: 5_000))));
    });
}

/// The second segment of any size is acknowledged at once.
#[test]
fn every_second_segment_is_acknowledged() {
    play(|stage| {
        let mut s = stage.established(&freebsd());
        for n in 0..4 {
            send!(s, seq: 1 + 20 * n, ack: 1, len: 10);
            expect_none!(s);
            send!(s, seq: 11 + 20 * n, ack: 1, len: 10);
            let win = u16::try_from(10_000 - 20 * (n + 1)).expect("small");
            expect!(s, seq: 1, ack: 21 + 20 * n, win: win);
        }
        send!(s, seq: 81, ack: 1, len: 10);
        advance!(s, 40 ms, { 40 ms => (seq: 1, ack: 91, win: 9_910) });
    });
}

/// The window field is what is free; a segment of its own tells of it when that is a quarter of the buffer and two
/// segments.
#[test]
fn the_window_is_what_is_free() {
    play(|stage| {
        let mut s = stage.established(&freebsd_but(|config| config.receive_window = 20_000));
        for n in 0..4 {
            send!(s, seq: 1 + 2_000 * n, ack: 1, len: 1_000);
            send!(s, seq: 1_001 + 2_000 * n, ack: 1, len: 1_000);
            let win = u16::try_from(18_000 - 2_000 * n).expect("small");
            expect!(s, seq: 1, ack: 2_001 + 2_000 * n, win: win);
        }
        call!(s, consumed 10);
        call!(s, queue 5);
        expect!(s, PSH, seq: 1, ack: 8_001, len: 5, win: 12_010);
        call!(s, consumed 4_989);
        expect_none!(s);
        call!(s, consumed 11);
        expect!(s, seq: 6, ack: 8_001, win: 17_010);
    });
}

/// The buffer has room for whole segments of those that the peer takes.
#[test]
fn the_buffer_is_rounded_up_to_whole_segments() {
    play(|stage| {
        let config =
            freebsd_but(|config| (config.receive_window, config.receive_window_max) = (9_500, 1 << 20));
        let mut s = stage.connect(&config);
        expect!(s, SYN, seq: 0, win: 9_500, mss: 1_000);
        send!(s, SYN, seq: 0, ack: 1, mss: 600);
        expect!(s, seq: 1, ack: 1, win: 9_600);
    });
}

/// The slop is added once, to what was doubled; not to the first guess.
#[test]
fn the_slop_is_added_to_every_timeout_but_the_first() {
    play(|stage| {
        let config = plain_but(|config| config.rto_slop = span!(200 ms));
        let mut s = stage.connect(&config);
        expect!(s, SYN, seq: 0, mss: 1_000);
        advance!(s, to 16 s, {
            1_000 ms => (SYN, seq: 0, mss: 1_000),
            3_200 ms => (SYN, seq: 0, mss: 1_000),
            7_400 ms => (SYN, seq: 0, mss: 1_000),
            15_600 ms => (SYN, seq: 0, mss: 1_000),
        });
    });
}

/// `rexmit_drop_options`: whoever drops SYNs because of their options gets one with the MSS alone.
#[test]
fn a_syn_goes_without_options_in_the_end() {
    play(|stage| {
        let config = plain_but(|config| {
            (config.sack, config.plain_syn_after) = (true, Some(2));
        });
        let mut s = stage.connect(&config);
        expect!(s, SYN, seq: 0, mss: 1_000, sack_ok);
        advance!(s, to 3_500 ms, {
            1_000 ms => (SYN, seq: 0, mss: 1_000, sack_ok),
            3_000 ms => (SYN, seq: 0, mss: 1_000),
        });
        // What was not offered is not taken.
        send!(s, SYN, seq: 0, ack: 1, mss: 1_000, sack_ok);
        expect!(s, seq: 1, ack: 1);
        send!(s, seq: 1_001, ack: 1, len: 1_000);
        expect!(s, seq: 1, ack: 1);
    });
}

/// `keepinit`: calling ends at that moment, whenever the next SYN would go.
#[test]
fn calling_ends_when_its_time_is_over() {
    play(|stage| {
        let config = plain_but(|config| config.connect_timeout = Some(span!(5 s)));
        let mut s = stage.connect(&config);
        expect!(s, SYN, seq: 0, mss: 1_000);
        advance!(s, to 4_999 ms, {
            1 s => (SYN, seq: 0, mss: 1_000),
            3 s => (SYN, seq: 0, mss: 1_000),
        });
        state!(s, SynSent);
        advance!(s, 1 ms);
        closed!(s, UserTimeout);

        // An open connection has as much time as it had.
        let mut s = stage.established(&config);
        call!(s, queue 100);
        expect!(s, PSH, seq: 1, ack: 1, len: 100);
        advance!(s, to 6 s, {
            1 s => (PSH, seq: 1, ack: 1, len: 100),
            3 s => (PSH, seq: 1, ack: 1, len: 100),
        });
        state!(s, Established);
    });
}

#[test]
fn so_many_retransmissions_are_enough() {
    play(|stage| {
        let config = plain_but(|config| (config.syn_retries, config.retries) = (Some(2), Some(1)));
        let mut s = stage.connect(&config);
        expect!(s, SYN, seq: 0, mss: 1_000);
        advance!(s, to 6_999 ms, {
            1 s => (SYN, seq: 0, mss: 1_000),
            3 s => (SYN, seq: 0, mss: 1_000),
        });
        advance!(s, 1 ms);
        closed!(s, RetransmissionsExhausted);

        let mut s = stage.established(&config);
        call!(s, queue 100);
        expect!(s, PSH, seq: 1, ack: 1, len: 100);
        advance!(s, to 2_999 ms, { 1 s => (PSH, seq: 1, ack: 1, len: 100) });
        advance!(s, 1 ms, { 1 ms => (RST, seq: 101, ack: 1) });
        closed!(s, RetransmissionsExhausted);
    });
}

/// Probes of a closed window: 5 s apart at least, 60 s at the most.
#[test]
fn probes_keep_to_their_limits() {
    play(|stage| {
        let limits = Persist { least: span!(5 s), most: span!(60 s) };
        let mut s = stage.established(&plain_but(|config| config.persist = Some(limits)));
        send!(s, seq: 1, ack: 1, win: 0);
        call!(s, queue 100);
        advance!(s, to 211 s, {
            5 s => (seq: 1, ack: 1, len: 1),
            10 s => (seq: 1, ack: 1, len: 1),
            15 s => (seq: 1, ack: 1, len: 1),
            23 s => (seq: 1, ack: 1, len: 1),
            39 s => (seq: 1, ack: 1, len: 1),
            71 s => (seq: 1, ack: 1, len: 1),
            131 s => (seq: 1, ack: 1, len: 1),
            191 s => (seq: 1, ack: 1, len: 1),
        });
    });
}

/// RFC 9293 §3.8.6.1: they come further and further apart, also where a round trip takes no time, so that four of them are
/// none at all.
#[test]
fn probes_move_apart_where_round_trips_take_no_time() {
    play(|stage| {
        let mut s = stage.established(&freebsd());
        send!(s, seq: 1, ack: 1, win: 0);
        call!(s, queue 100);
        advance!(s, to 15 ms, {
            1 ms => (seq: 1, ack: 1, len: 1),
            3 ms => (seq: 1, ack: 1, len: 1),
            7 ms => (seq: 1, ack: 1, len: 1),
            15 ms => (seq: 1, ack: 1, len: 1),
        });
    });
}

/// RFC 6675 §5: two segments beyond a gap are nothing, the third is a loss; and no probe of the tail is sent.
#[test]
fn without_rack_three_segments_beyond_a_gap_tell_of_a_loss() {
    play(|stage| {
        let config = plain_but(|config| {
            (config.sack, config.loss_detection, config.tail_probes) = (true, LossDetection::Sack, false);
        });
        let mut s = stage.established(&config);
        call!(s, queue 10_000);
        for n in 0..10 {
            let seq = 1 + 1_000 * n;
            let seg = seg!(seq: seq, ack: 1, len: 1_000);
            s.expect(&if n == 9 { seg.flag(TcpFlags::PSH) } else { seg });
        }
        advance!(s, 100 ms);
        send!(s, seq: 1, ack: 1, sack: [(1_001, 2_001)]);
        send!(s, seq: 1, ack: 1, sack: [(1_001, 3_001)]);
        advance!(s, 100 ms);
        send!(s, seq: 1, ack: 1, sack: [(1_001, 4_001)]);
        expect!(s, seq: 1, ack: 1, len: 1_000);
        expect_none!(s);
    });
}

/// RFC 6675 §4 counts octets or segments: three small ones beyond a gap tell as much as three large ones. Once: what is sent
/// again may be under way.
// RFC 6675-3
#[test]
fn without_rack_three_small_segments_beyond_a_gap_tell_of_a_loss() {
    play(|stage| {
        let config = plain_but(|config| {
            (config.sack, config.loss_detection, config.tail_probes) = (true, LossDetection::Sack, false);
            config.nagle = false;
        });
        let mut s = stage.established(&config);
        for n in 0..6 {
            call!(s, queue 10, push);
            let sent = s.burst();
            assert_eq!((sent.len(), sent[0].seq, sent[0].len), (1, 1 + 10 * n, 10));
        }
        send!(s, seq: 1, ack: 1, sack: [(11, 21)]);
        send!(s, seq: 1, ack: 1, sack: [(11, 31)]);
        expect_none!(s);
        send!(s, seq: 1, ack: 1, sack: [(11, 41)]);
        expect!(s, seq: 1, ack: 1, len: 10);
        send!(s, seq: 1, ack: 1, sack: [(11, 51)]);
        expect_none!(s);
    });
}

#[test]
fn without_rack_the_tail_waits_for_the_timeout() {
    play(|stage| {
        let config = plain_but(|config| {
            (config.sack, config.loss_detection, config.tail_probes) = (true, LossDetection::Sack, false);
        });
        let mut s = stage.established(&config);
        call!(s, queue 1_000);
        expect!(s, PSH, seq: 1, ack: 1, len: 1_000);
        advance!(s, 1_000 ms, { 1_000 ms => (PSH, seq: 1, ack: 1, len: 1_000) });
    });
}

/// Which segments are lost, and whether the tail is probed, are two choices.
#[test]
fn without_probes_the_tail_waits_for_the_timeout_though_there_is_rack() {
    play(|stage| {
        let config = plain_but(|config| (config.sack, config.tail_probes) = (true, false));
        let mut s = stage.established(&config);
        call!(s, queue 1_000);
        expect!(s, PSH, seq: 1, ack: 1, len: 1_000);
        advance!(s, 1_000 ms, { 1_000 ms => (PSH, seq: 1, ack: 1, len: 1_000) });
    });
}

/// RFC 2883 is an extension: without it a duplicate is acknowledged, and no more.
#[test]
fn without_d_sack_a_duplicate_is_not_reported() {
    play(|stage| {
        let config = plain_but(|config| (config.sack, config.d_sack) = (true, false));
        let mut s = stage.established(&config);
        send!(s, seq: 1, ack: 1, len: 1_000);
        refuse!(s, BelowWindow, seq: 1, ack: 1, len: 1_000);
        expect!(s, seq: 1, ack: 1_001, win: 9_000);
        expect_none!(s);
    });
}

/// RFC 6675 §5.1: everything that was not reported is lost when the timer expires.
#[test]
fn without_rack_a_timeout_loses_all_that_was_not_reported() {
    play(|stage| {
        let config = plain_but(|config| {
            (config.sack, config.loss_detection, config.tail_probes) = (true, LossDetection::Sack, false);
        });
        let mut s = stage.established(&config);
        call!(s, queue 4_000);
        for n in 0..4 {
            let seg = seg!(seq: 1 + 1_000 * n, ack: 1, len: 1_000);
            s.expect(&if n == 3 { seg.flag(TcpFlags::PSH) } else { seg });
        }
        advance!(s, 900 ms);
        send!(s, seq: 1, ack: 1, sack: [(2_001, 3_001)]);
        advance!(s, 100 ms, { 100 ms => (seq: 1, ack: 1, len: 1_000) });
        send!(s, seq: 1, ack: 1_001, sack: [(2_001, 3_001)]);
        expect!(s, seq: 1_001, ack: 1, len: 1_000);
        expect!(s, PSH, seq: 3_001, ack: 1, len: 1_000);
    });
}

/// The scale that was asked for, whatever the buffers are.
#[test]
fn the_window_scale_may_be_chosen() {
    play(|stage| {
        for (wanted, given) in [(0, 0), (6, 6), (14, 14), (200, 14)] {
            let config = plain_but(|config| {
                (config.window_scaling, config.window_scale) = (true, Some(wanted));
            });
            let mut s = stage.connect(&config);
            expect!(s, SYN, seq: 0, mss: 1_000, wscale: given);
        }
    });
}

const NOW: Instant = Instant::from_nanos(1_000_000_000);

/// A row that has sent its SYN,ACK: IRS is 100, ISS is 7.
fn row(config: &Arc<TcpConfig>) -> HalfOpen {
    let secrets = Unpredictable { iss: 7.into(), timestamp_offset: 0 };
    let mut row = HalfOpen::meet(config, &arrives(TcpFlags::SYN, 100, 0), secrets, NOW).expect("a SYN");
    assert!(row.poll_segment(config, NOW).is_some());
    row
}

fn arrives(flags: TcpFlags, seq: u32, ack: u32) -> SegmentMeta {
    SegmentMeta { seq: seq.into(), ack: ack.into(), flags, window: 9_000, ..SegmentMeta::default() }
}

#[test]
fn a_row_answers_any_syn_with_its_syn_ack() {
    let config = Arc::new(freebsd());
    for seq in [100, 99, 101, 5_000, 1 << 30] {
        let mut row = row(&config);
        let later = NOW + span!(900 ms);
        assert_eq!(row.on_segment(&config, later, &arrives(TcpFlags::SYN, seq, 0)), Heard::Again);
        let again = row.poll_segment(&config, later).expect("the SYN,ACK again");
        assert_eq!((again.seq, again.ack, row.state()), (7.into(), 101.into(), State::SynReceived));
        assert_eq!(row.poll_timeout(&config), Some(later + span!(1 s)), "its timer begins anew");
    }
}

#[test]
fn a_row_ends_by_a_plain_reset_and_by_a_syn_ack() {
    let config = Arc::new(freebsd());
    for flags in [TcpFlags::ACK, TcpFlags::SYN, TcpFlags::FIN] {
        let mut row = row(&config);
        let heard = row.on_segment(&config, NOW, &arrives(TcpFlags::RST | flags, 101, 8));
        assert_eq!(heard, Heard::Refused(DropReason::ResetOutsideWindow, None), "{flags:?}");
        assert_eq!(row.state(), State::SynReceived);
    }
    let mut plain = row(&config);
    assert_eq!(plain.on_segment(&config, NOW, &arrives(TcpFlags::RST, 101, 0)), Heard::Over);
    let mut crossed = row(&config);
    let heard = crossed.on_segment(&config, NOW, &arrives(TcpFlags::SYN | TcpFlags::ACK, 100, 8));
    let reset = SegmentMeta { seq: 8.into(), flags: TcpFlags::RST, ..SegmentMeta::default() };
    assert_eq!(heard, Heard::Refused(DropReason::AckNotOfSynAck, Some(reset)));
    assert_eq!(crossed.state(), State::Listen);
}

#[test]
fn a_row_looks_at_the_number_before_it_looks_at_the_acknowledgment() {
    let config = Arc::new(freebsd());
    for (seq, ack) in [(100, 8), (101 + 10_001, 8), (100, 9)] {
        let heard = row(&config).on_segment(&config, NOW, &arrives(TcpFlags::ACK, seq, ack));
        let Heard::Refused(_, Some(answer)) = heard else { panic!("{heard:?}") };
        assert_eq!((answer.flags, answer.seq, answer.ack), (TcpFlags::ACK, 8.into(), 101.into()));
    }
    let heard = row(&config).on_segment(&config, NOW, &arrives(TcpFlags::ACK, 101, 9));
    let Heard::Refused(_, Some(answer)) = heard else { panic!("{heard:?}") };
    assert_eq!((answer.flags, answer.seq), (TcpFlags::RST, 9.into()));
    for flags in [TcpFlags::NONE, TcpFlags::FIN, TcpFlags::PSH] {
        let heard = row(&config).on_segment(&config, NOW, &arrives(flags, 101, 0));
        assert_eq!(heard, Heard::Refused(DropReason::NoAck, None));
    }
    let heard = row(&config).on_segment(&config, NOW, &arrives(TcpFlags::ACK, 101, 8));
    assert_eq!(heard, Heard::Acknowledged);
}

/// The SYN cache of FreeBSD tries three times more, and gives up after fifteen seconds.
#[test]
fn a_row_tries_so_often() {
    for (dialect, slop) in [(Dialect::Rfc, 0), (Dialect::FreeBsd, 200)] {
        let config = Arc::new(plain_but(|config| {
            (config.dialect, config.syn_ack_retries) = (dialect, Some(3));
            config.rto_slop = std::time::Duration::from_millis(slop);
        }));
        let mut row = row(&config);
        for (at, goes) in
            [(1_000, true), (3_000 + slop, true), (7_000 + 2 * slop, true), (15_000 + 3 * slop, false)]
        {
            let due = NOW + std::time::Duration::from_millis(at);
            assert_eq!(row.poll_timeout(&config), Some(due));
            assert_eq!(row.on_timeout(&config, due), goes);
            assert_eq!(row.poll_segment(&config, due).is_some(), goes);
        }
        assert_eq!(row.state(), State::Listen);
    }
}

/// RFC 9293 §3.10.4 has a FIN follow the handshake; here the call is forgotten.
#[test]
fn closing_in_syn_received_ends_a_call() {
    play(|stage| {
        let mut s = stage.connect(&freebsd());
        expect!(s, SYN, seq: 0, mss: 1_000);
        send!(s, SYN, seq: 0, mss: 1_000);
        expect!(s, SYN, seq: 0, ack: 1, mss: 1_000);
        call!(s, Close);
        assert_eq!(s.tcb.close_reason(), Some(CloseReason::Deleted));
        expect_none!(s);
    });
}

/// RFC 6298 §5.7 is for those who wait a second; the timer goes on as it was.
#[test]
fn a_lost_syn_does_not_make_the_first_timeout_longer() {
    play(|stage| {
        let mut s = stage.connect(&freebsd());
        expect!(s, SYN, seq: 0, mss: 1_000);
        advance!(s, 1 s, { 1 s => (SYN, seq: 0, mss: 1_000) });
        send!(s, SYN, seq: 0, ack: 1, mss: 1_000);
        expect!(s, seq: 1, ack: 1);
        call!(s, queue 100);
        expect!(s, PSH, seq: 1, ack: 1, len: 100);
        advance!(s, 1 s, { 1 s => (PSH, seq: 1, ack: 1, len: 100) });
    });
    assert_eq!(plain().dialect, Dialect::Rfc);
}

/// Each acknowledgment has the FIN again that the peer does not know yet; a challenge has not.
#[test]
fn a_fin_goes_with_every_acknowledgment_until_it_is_known() {
    play(|stage| {
        let mut s = stage.established(&freebsd());
        call!(s, Shutdown);
        expect!(s, FIN, seq: 1, ack: 1);
        refuse!(s, BelowWindow, seq: 0, ack: 1);
        expect!(s, FIN, seq: 1, ack: 1);
        refuse!(s, SynOnOpenConnection, SYN, seq: 1, mss: 1_000);
        expect!(s, seq: 2, ack: 1);
        s.window = 9_999;
        send!(s, FIN, seq: 1, ack: 1);
        expect!(s, FIN, seq: 1, ack: 2);
        state!(s, Closing);
        send!(s, seq: 2, ack: 2);
        state!(s, TimeWait);
    });
}

/// Nagle is asked once for what a user sends at one go, and not for its tail.
#[test]
fn the_tail_of_what_is_sent_from_rest_goes_at_once() {
    play(|stage| {
        let mut s = stage.established(&freebsd());
        call!(s, queue 1_500);
        expect!(s, seq: 1, ack: 1, len: 1_000);
        expect!(s, PSH, seq: 1_001, ack: 1, len: 500);
        call!(s, queue 100);
        call!(s, queue 100);
        expect_none!(s);
        send!(s, seq: 1, ack: 1_001);
        expect_none!(s);
        send!(s, seq: 1, ack: 1_501);
        expect!(s, PSH, seq: 1_501, ack: 1, len: 200);
    });
}

/// A call whose user has no more to say goes on: the FIN follows the handshake.
#[test]
fn a_fin_that_is_asked_for_in_syn_sent_follows_the_handshake() {
    play(|stage| {
        let mut s = stage.connect(&freebsd());
        expect!(s, SYN, seq: 0, mss: 1_000);
        call!(s, Shutdown);
        state!(s, SynSent);
        send!(s, SYN, seq: 0, ack: 1, mss: 1_000);
        expect!(s, FIN, seq: 1, ack: 1);
        state!(s, FinWait1);

        let mut s = stage.connect(&freebsd());
        expect!(s, SYN, seq: 0, mss: 1_000);
        call!(s, Close);
        closed!(s, Deleted);
    });
}

/// A peer's MSS of zero is none, and one that is too small counts as the least.
#[test]
fn the_mss_of_the_peer_has_a_least() {
    for (said, counts) in [(0, 536), (100, 300), (300, 300), (400, 400)] {
        play(|stage| {
            let config = freebsd_but(|config| config.least_mss = 300);
            let s = stage.answered(&config, &seg!(SYN, seq: 0, ack: 1, mss: said));
            assert_eq!(s.tcb.effective_send_mss(), counts);
        });
    }
}

/// `path_mtu_discovery` of 0, and what most kernels make of a report after larger packets have passed.
#[test]
fn reports_about_the_path_may_be_believed_or_not() {
    for (reports, len) in
        [(PathReports::Ignore, 1_000), (PathReports::Doubt, 1_000), (PathReports::Believe, 760)]
    {
        play(|stage| {
            let mut s = stage.established(&plain_but(|config| config.path_reports = reports));
            call!(s, queue 1_000);
            expect!(s, PSH, seq: 1, ack: 1, len: 1_000);
            advance!(s, 100 ms);
            send!(s, seq: 1, ack: 1_001);
            call!(s, queue 1_000);
            expect!(s, PSH, seq: 1_001, ack: 1, len: 1_000);
            let report = PathMtu { seq: s.ours(1_001), mtu: 800 };
            call!(s, PathMtu(report));
            if reports == PathReports::Believe {
                expect!(s, seq: 1_001, ack: 1, len: len);
                expect!(s, PSH, seq: 1_761, ack: 1, len: 240);
            }
            assert_eq!(s.tcb.effective_send_mss(), len);
        });
    }
}

/// A firewall may drop SYNs for what they ask: so many ask again.
#[test]
fn a_syn_may_ask_for_ecn_again() {
    play(|stage| {
        let config = plain_but(|config| (config.ecn, config.ecn_syn_retries) = (Ecn::Request, 1));
        let mut s = stage.connect(&config);
        expect!(s, SYN, ECE, CWR, seq: 0, mss: 1_000);
        advance!(s, to 3_500 ms, {
            1 s => (SYN, ECE, CWR, seq: 0, mss: 1_000),
            3 s => (SYN, seq: 0, mss: 1_000),
        });
    });
}

/// `TCP_NOOPT`: not even the MSS.
#[test]
fn a_syn_may_have_no_option_at_all() {
    play(|stage| {
        let mut s = stage.connect(&plain_but(|config| config.announce_mss = false));
        expect!(s, SYN, seq: 0);
    });
}

/// `icmp_may_rst` of 0.
#[test]
fn an_error_that_is_not_heeded_is_only_told() {
    play(|stage| {
        let mut s = stage.connect(&plain_but(|config| config.heeds_errors = false));
        expect!(s, SYN, seq: 0, mss: 1_000);
        let error = NetworkError { hard: true, code: 3, seq: s.ours(0) };
        call!(s, NetworkError(error));
        state!(s, SynSent);
        assert_eq!(s.notices().soft_error, Some(3));
    });
}

/// Challenges are counted for a second from the first one on.
#[test]
fn challenges_are_counted_from_the_first() {
    play(|stage| {
        let mut s = stage.established(&freebsd_but(|config| config.challenge_acks = 2));
        for n in 0..3 {
            refuse!(s, SynOnOpenConnection, SYN, seq: 1, mss: 1_000);
            if n < 2 {
                expect!(s, seq: 1, ack: 1);
            }
            expect_none!(s);
            advance!(s, 400 ms);
        }
        refuse!(s, SynOnOpenConnection, SYN, seq: 1, mss: 1_000);
        expect!(s, seq: 1, ack: 1);
    });
}

/// RFC 6675 §5 (4.2): the loss that reports tell of begins a recovery, and takes half of what is under way, once.
#[test]
fn without_rack_a_loss_halves_the_window() {
    play(|stage| {
        let config = plain_but(|config| {
            (config.sack, config.loss_detection, config.tail_probes) = (true, LossDetection::Sack, false);
        });
        let mut s = stage.established(&config);
        call!(s, queue 10_000);
        assert_eq!(s.burst().len(), 10);
        advance!(s, 100 ms);
        send!(s, seq: 1, ack: 1, sack: [(1_001, 3_001)]);
        assert_eq!((s.tcb.in_recovery(), s.tcb.ssthresh()), (false, u32::MAX));
        send!(s, seq: 1, ack: 1, sack: [(1_001, 4_001)]);
        assert_eq!((s.tcb.in_recovery(), s.tcb.ssthresh()), (true, 5_000));
        expect!(s, seq: 1, ack: 1, len: 1_000);
        send!(s, seq: 1, ack: 1, sack: [(1_001, 5_001)]);
        assert_eq!((s.tcb.in_recovery(), s.tcb.ssthresh()), (true, 5_000));
    });
}

/// RFC 7323 §3.2: once timestamps are agreed on every segment has one.
#[test]
fn a_row_with_timestamps_wants_one_on_the_acknowledgment() {
    let config = Arc::new(freebsd_but(|config| config.timestamps = true));
    let stamped = |flags, seq, ack, ecr| {
        let mut meta = arrives(flags, seq, ack);
        meta.options.timestamps = Some(Timestamps { val: 1, ecr });
        meta
    };
    let secrets = Unpredictable { iss: 7.into(), timestamp_offset: 0 };
    let mut row = HalfOpen::meet(&config, &stamped(TcpFlags::SYN, 100, 0, 0), secrets, NOW).expect("a SYN");
    let answer = row.poll_segment(&config, NOW).expect("the SYN,ACK");
    let ecr = answer.options.timestamps.expect("timestamps are agreed on").val;
    let heard = row.on_segment(&config, NOW, &arrives(TcpFlags::ACK, 101, 8));
    assert_eq!(heard, Heard::Refused(DropReason::TimestampMissing, None));
    let heard = row.on_segment(&config, NOW, &stamped(TcpFlags::ACK, 101, 8, ecr));
    assert!(!matches!(heard, Heard::Refused(..)), "{heard:?}");
}

/// FreeBSD takes no sample from the SYN,ACK after a passive open, unless timestamps are in use.
#[test]
fn a_syn_ack_after_a_passive_open_is_not_timed() {
    for (config, srtt) in [(freebsd(), None), (plain(), Some(span!(100 ms)))] {
        play(|stage| {
            let mut s = stage.listen(&config);
            send!(s, SYN, seq: 0, mss: 1_000);
            assert!(s.poll().is_some_and(|answer| answer.flags == TcpFlags::SYN | TcpFlags::ACK));
            advance!(s, 100 ms);
            send!(s, seq: 1, ack: 1);
            assert_eq!(s.tcb.srtt(), srtt);
        });
    }
}

/// What stands at RCV.NXT while the window is closed is a probe, and not beyond the window.
#[test]
fn octets_at_a_closed_window_are_a_probe() {
    play(|stage| {
        let mut s = stage.established(&freebsd());
        for k in 0..10 {
            send!(s, seq: 1 + 1_000 * k, ack: 1, len: 1_000);
            s.burst();
        }
        refuse!(s, ZeroWindow, seq: 10_001, ack: 1, len: 1);
        s.burst();
        refuse!(s, AboveWindow, seq: 10_002, ack: 1, len: 1);
        s.burst();
    });
}
