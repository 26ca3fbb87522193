//! How much is sent in a recovery: proportional rate reduction, RFC 9937, over the pipe of RFC 6675 §4.
//!
//! The peer's acknowledgments come a millisecond apart. ssthresh is half of ten segments (NewReno).

use tcpstate::tcp::CongestionAlgorithm;

use super::flight::{ack, acknowledge, report, sacking, ten_in_flight};
use super::script::{Script, Stage, play};

/// The first of ten segments is lost and the others arrive from 200 ms on: what each acknowledgment lets out.
fn nine_reports(s: &mut Script) -> Vec<Vec<i64>> {
    nine_reports_and_pipes(s).into_iter().map(|(sent, _)| sent).collect()
}

/// … and how much is in flight then.
fn nine_reports_and_pipes(s: &mut Script) -> Vec<(Vec<i64>, u64)> {
    s.advance(span!(100 ms), &[]);
    let mut heard = Vec::new();
    for k in 1..=9 {
        let sent = report(s, 1, (1_001, 1_001 + 1_000 * k));
        heard.push((sent, s.tcb.info(s.at()).pipe));
        s.advance(span!(1 ms), &[]);
    }
    heard
}

fn none() -> Vec<i64> {
    Vec::new()
}

/// RFC 9937 §6: while more is in flight than ssthresh, so much is sent that the share of what was delivered is
/// ssthresh / RecoverFS: here a half. The first retransmission goes at once, whatever the share is. Then what is
/// delivered is replaced, up to ssthresh.
///
/// At the third report 12 segments were sent (two by RFC 3042), three have arrived and one is lost: pipe 8. Delivered
/// (from then on) d, sent o, with ssthresh 5 and RecoverFS 10:
///
/// | report | pipe before | d | limit | sent |
/// |---|---|---|---|---|
/// | 3 | 8 | 1 | 1 (forced) | 1 |
/// | 4 | 8 | 2 | 1 − 1 | |
/// | 5 | 7 | 3 | 1.5 − 1 | |
/// | 6 | 6 | 4 | 2 − 1 | 12,001 |
/// | 7 | 6 | 5 | 2.5 − 2 | |
/// | 8 | 5 | 6 | 5 − 5 | |
/// | 9 | 4 | 7 | 5 − 4 | 13,001 |
// RFC 5681-16, 6675-4, 6675-7
#[test]
fn half_of_what_arrives_is_replaced_until_half_is_left() {
    play(|stage| {
        let mut s = ten_in_flight(stage, &sacking(), 20_000);
        let (sent, pipes): (Vec<_>, Vec<_>) = nine_reports_and_pipes(&mut s).into_iter().unzip();
        let expected =
            [vec![10_001], vec![11_001], vec![1], none(), none(), vec![12_001], none(), none(), vec![13_001]];
        assert_eq!(sent, expected);
        assert_eq!(pipes, [10_000, 10_000, 9_000, 8_000, 7_000, 7_000, 6_000, 5_000, 5_000]);
        assert_eq!(s.tcb.ssthresh(), 5_000, "RFC 5681 §3.2: limited transmit does not count");
    });
}

/// The same with CUBIC, which keeps seven tenths (RFC 9438 §4.6): pipe is ssthresh at the fifth report.
// RFC 9293 MAY-18
// RFC 9438-9
#[test]
fn with_cubic_seven_tenths_are_left() {
    play(|stage| {
        let mut config = sacking();
        config.congestion = CongestionAlgorithm::Cubic;
        let mut s = ten_in_flight(stage, &config, 20_000);
        let sent = nine_reports(&mut s);
        assert_eq!(sent[..5], [vec![10_001], vec![11_001], vec![1], none(), none()]);
        assert_eq!(sent[5..].concat(), [12_001, 13_001, 14_001, 15_001]);
        assert_eq!(s.tcb.ssthresh(), 7_000);
        s.advance(span!(95 ms), &[]);
        let _ = acknowledge(&mut s, 12_001);
        assert_eq!((s.tcb.cwnd(), s.tcb.in_recovery()), (7_000, false));
    });
}

/// … and from then on one for each that arrives, until the end, when cwnd is ssthresh.
// RFC 5681-19, 6675-8
#[test]
fn at_the_end_of_a_recovery_cwnd_is_ssthresh() {
    play(|stage| {
        let mut s = ten_in_flight(stage, &sacking(), 20_000);
        let _ = nine_reports(&mut s);
        s.advance(span!(91 ms), &[]); // 300 ms
        assert_eq!(report(&mut s, 1, (1_001, 11_001)), [14_001]);
        s.advance(span!(1 ms), &[]);
        assert_eq!(report(&mut s, 1, (1_001, 12_001)), [15_001]);
        s.advance(span!(1 ms), &[]);
        // The first segment arrives; all that was sent before the recovery is acknowledged, four are in flight.
        assert!(s.tcb.in_recovery());
        assert_eq!(acknowledge(&mut s, 12_001), [16_001]);
        assert_eq!((s.tcb.cwnd(), s.tcb.ssthresh(), s.tcb.in_recovery()), (5_000, 5_000, false));
        assert_eq!(s.tcb.retransmitted(), 1_000);
    });
}

/// Six of ten segments are lost, and 12 were sent: at the third report (202 ms) pipe is 3.
fn six_lost(stage: Stage) -> Script {
    let mut s = ten_in_flight(stage, &sacking(), 20_000);
    s.advance(span!(100 ms), &[]);
    assert_eq!(report(&mut s, 1, (6_001, 7_001)), [10_001]);
    s.advance(span!(1 ms), &[]);
    assert_eq!(report(&mut s, 1, (6_001, 8_001)), [11_001]);
    s.advance(span!(1 ms), &[]);
    assert_eq!(report(&mut s, 1, (6_001, 9_001)), [1]);
    s.advance(span!(1 ms), &[]);
    s
}

/// RFC 9937 §6: with less in flight than ssthresh, no more is sent than arrives (PRR-CRB), as long as nothing says that
/// the repair works.
// RFC 6675-5
#[test]
fn after_heavy_loss_no_more_is_sent_than_arrives() {
    play(|stage| {
        let mut s = six_lost(stage);
        assert_eq!(report(&mut s, 1, (6_001, 10_001)), [1_001]); // 203 ms
        s.advance(span!(97 ms), &[]);
        assert_eq!(report(&mut s, 1, (6_001, 11_001)), [2_001]); // 300 ms
        s.advance(span!(1 ms), &[]);
        assert_eq!(report(&mut s, 1, (6_001, 12_001)), [3_001]);
    });
}

/// RFC 9937 §6: an acknowledgment that moves on without showing more loss lets one segment more out (PRR-SSRB), up
/// to ssthresh: a segment at 302 ms lets two out, at 303 ms there is room for one.
#[test]
fn progress_without_more_loss_sends_one_segment_more() {
    play(|stage| {
        let mut s = six_lost(stage);
        assert_eq!(report(&mut s, 1, (6_001, 10_001)), [1_001]);
        s.advance(span!(97 ms), &[]);
        assert_eq!(report(&mut s, 1, (6_001, 11_001)), [2_001]);
        s.advance(span!(1 ms), &[]);
        assert_eq!(report(&mut s, 1, (6_001, 12_001)), [3_001]);
        s.advance(span!(1 ms), &[]);
        assert_eq!(report(&mut s, 1_001, (6_001, 12_001)), [4_001, 5_001]); // 302 ms
        s.advance(span!(1 ms), &[]);
        assert_eq!(report(&mut s, 2_001, (6_001, 12_001)), [12_001]); // 303 ms
        assert_eq!(s.tcb.cwnd(), 5_000, "pipe is ssthresh");
        s.advance(span!(97 ms), &[]);
        for (una, sent) in [(3_001, 13_001), (4_001, 14_001), (5_001, 15_001)] {
            assert_eq!(report(&mut s, una, (6_001, 12_001)), [sent]);
            s.advance(span!(1 ms), &[]);
        }
        assert_eq!(acknowledge(&mut s, 12_001), [16_001]);
        assert_eq!((s.tcb.cwnd(), s.tcb.in_recovery()), (5_000, false));
        assert_eq!(s.tcb.retransmitted(), 6_000, "each of the six once");
    });
}

/// RFC 9937 §6: an acknowledgment of much at once lets no more out than ssthresh.
// RFC 6675-10
#[test]
fn one_report_of_nine_segments_lets_out_half_a_window() {
    play(|stage| {
        let mut s = ten_in_flight(stage, &sacking(), 20_000);
        s.advance(span!(100 ms), &[]);
        assert_eq!(report(&mut s, 1, (1_001, 10_001)), [1, 10_001, 11_001, 12_001, 13_001]);
        assert_eq!((s.tcb.ssthresh(), s.tcb.cwnd()), (5_000, 5_000));
    });
}

/// RFC 6675 §4 (pipe): what is lost and not sent again is not in flight; what was sent again is.
// RFC 6675-4
#[test]
fn what_is_lost_makes_room() {
    play(|stage| {
        let mut s = ten_in_flight(stage, &sacking(), 20_000);
        s.advance(span!(100 ms), &[]);
        // The first and the last arrive not: eight do. Nothing of it is in flight but the last.
        assert_eq!(report(&mut s, 1, (1_001, 9_001)), [1, 10_001, 11_001, 12_001]);
    });
}

/// RFC 6675 §5, RFC 5681 §3.2: what is lost in one window of data is one event: ssthresh is lowered once.
// RFC 5681-24, 2018-14, 6675-8
#[test]
fn losses_of_one_window_lower_ssthresh_once() {
    play(|stage| {
        let mut s = ten_in_flight(stage, &sacking(), 20_000);
        s.advance(span!(100 ms), &[]);
        let _ = report(&mut s, 1, (1_001, 4_001));
        s.advance(span!(1 ms), &[]);
        s.send(&seg!(seq: 1, ack: 1, sack: [(5_001, 8_001), (1_001, 4_001)]));
        let _ = s.burst();
        s.advance(span!(100 ms), &[]);
        s.send(&seg!(seq: 1, ack: 4_001, sack: [(5_001, 10_001)]));
        let _ = s.burst();
        s.advance(span!(100 ms), &[]);
        s.send(&ack(s_max(&s), None));
        let _ = s.burst();
        assert_eq!(s.tcb.ssthresh(), 5_000);
    });
}

/// The number after all that was sent.
fn s_max(s: &Script) -> i64 {
    i64::from(s.tcb.snd_max() - s.ours(0))
}

/// A loss in the next window is another event.
// RFC 5681-25, 6675-9
#[test]
fn a_loss_in_the_next_window_lowers_ssthresh_again() {
    play(|stage| {
        let mut s = ten_in_flight(stage, &sacking(), 30_000);
        let _ = nine_reports(&mut s);
        s.advance(span!(100 ms), &[]);
        let _ = acknowledge(&mut s, 12_001);
        assert_eq!((s.tcb.ssthresh(), s.tcb.cwnd()), (5_000, 5_000));
        let end = s_max(&s);
        s.advance(span!(100 ms), &[]);
        let sent = report(&mut s, 12_001, (13_001, end));
        assert_eq!(sent.first(), Some(&12_001));
        assert_eq!(s.tcb.ssthresh(), 2_500);
    });
}

/// RFC 6675 §5.1: after a timeout there is no PRR but slow start from one segment on (RFC 5681 §3.1), over what is lost:
/// the peer has nothing of ten segments but the last one, which the probe brought at last.
// RFC 5681-12, 6675-11
#[test]
fn a_timeout_is_followed_by_slow_start() {
    play(|stage| {
        let mut s = ten_in_flight(stage, &sacking(), 0);
        let sent = places_in(&s.pass(span!(1_200 ms)));
        assert_eq!(sent, [9_001, 1], "a probe, and after the timeout the oldest one");
        assert_eq!((s.tcb.cwnd(), s.tcb.ssthresh()), (1_000, 5_000));
        s.advance(span!(100 ms), &[]);
        assert_eq!(report(&mut s, 1_001, (9_001, 10_001)), [1_001, 2_001]);
        s.advance(span!(100 ms), &[]);
        let mut sent = report(&mut s, 2_001, (9_001, 10_001));
        sent.extend(report(&mut s, 3_001, (9_001, 10_001)));
        assert_eq!(sent, [3_001, 4_001, 5_001, 6_001]);
        s.advance(span!(100 ms), &[]);
        let mut sent = Vec::new();
        for una in [4_001, 5_001, 6_001, 7_001] {
            sent.extend(report(&mut s, una, (9_001, 10_001)));
        }
        assert_eq!(sent, [7_001, 8_001]);
        assert!((5_000..=6_000).contains(&s.tcb.cwnd()), "{}", s.tcb.cwnd());
        s.advance(span!(100 ms), &[]);
        assert!(acknowledge(&mut s, 10_001).is_empty());
        assert_eq!(s.tcb.retransmitted(), 10_000, "the probe and nine others");
    });
}

fn places_in(sent: &[(std::time::Duration, super::words::Seg)]) -> Vec<i64> {
    sent.iter().map(|(_, seg)| seg.seq).collect()
}
