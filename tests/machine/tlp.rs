//! Tail loss probes: RFC 8985 §7. A round trip takes 100 ms, the RTO is a second: both count from the sending.

use tcpstate::tcp::{SmallSegments, TcpConfig};

use super::flight::{
    ack, acknowledge, in_flight, opened, places, report, sacking, stamped, ten_in_flight, within,
};
use super::script::{our_syn, play};

/// RFC 8985 §7.2 and §7.3: after two smoothed round trips of silence the last segment goes again; then the
/// retransmission timer runs anew, and what it does costs the window.
// RFC 8985-16, 8985-23
#[test]
fn two_round_trips_of_silence_call_for_a_probe() {
    for config in [sacking(), stamped()] {
        play(|stage| {
            let mut s = in_flight(stage, &config, 2, 0);
            assert_eq!(within(&mut s, span!(1_199 ms)), [(300, 1_001)]);
            assert_eq!((s.tcb.cwnd(), s.tcb.ssthresh(), s.tcb.backoff()), (10_000, u32::MAX, 0));
            assert_eq!(within(&mut s, span!(1 ms)), [(1_300, 1)]);
            assert_eq!((s.tcb.cwnd(), s.tcb.backoff()), (1_000, 1));
        });
    }
}

/// RFC 8985 §7.2: one segment alone may wait for the peer's delayed acknowledgment: 200 ms more.
// RFC 8985-16
#[test]
fn one_segment_alone_is_given_the_delay_of_an_acknowledgment() {
    play(|stage| {
        let mut s = in_flight(stage, &sacking(), 1, 0);
        assert_eq!(within(&mut s, span!(1_500 ms)), [(500, 1), (1_500, 1)]);
    });
}

/// RFC 8985 §7.2: the probe goes when the retransmission timer would have expired, if that is sooner; and is a probe.
// RFC 8985-18
#[test]
fn a_probe_is_no_later_than_the_timeout_would_be() {
    play(|stage| {
        let mut config = sacking();
        config.min_rto = span!(200 ms); // SRTT + 4·RTTVAR = 300 ms, and the PTO would be 400 ms
        let mut s = in_flight(stage, &config, 1, 0);
        assert_eq!(within(&mut s, span!(599 ms)), [(400, 1)]);
        assert_eq!((s.tcb.cwnd(), s.tcb.ssthresh(), s.tcb.backoff()), (10_000, u32::MAX, 0));
        assert_eq!(within(&mut s, span!(1 ms)), [(700, 1)]);
        assert_eq!((s.tcb.cwnd(), s.tcb.backoff()), (1_000, 1));
    });
}

/// RFC 8985 §7.3: new data makes the better probe; it goes beyond the congestion window, by one segment.
// RFC 8985-21
#[test]
fn a_probe_is_new_data_if_there_is_some() {
    play(|stage| {
        let mut s = ten_in_flight(stage, &sacking(), 5_000);
        assert_eq!(within(&mut s, span!(1_200 ms)), [(300, 10_001), (1_300, 1)]);
    });
}

/// RFC 8985 §7.3: "and the receive window allows": else the last segment.
// RFC 8985-21
#[test]
fn a_probe_does_not_go_beyond_the_peers_window() {
    play(|stage| {
        let mut s = opened(stage, &sacking());
        s.peer_window = 10_000;
        send!(s, seq: 1, ack: 1);
        call!(s, queue 20_000);
        assert_eq!(s.burst().len(), 10);
        assert_eq!(within(&mut s, span!(1_199 ms)), [(300, 9_001)]);
    });
}

/// RFC 8985 §7.2: without a sample of the round trip the probe, of new data, goes after a second (the timer runs 3 s
/// then, RFC 6298 §5.7).
// RFC 8985-17
#[test]
fn without_a_sample_the_probe_waits_a_second() {
    play(|stage| {
        let config = sacking();
        let mut s = stage.connect(&config);
        s.expect(&our_syn(&config));
        advance!(s, 1_050 ms, { 1 s => (SYN, seq: 0, mss: 1_000, sack_ok) });
        s.send(&seg!(SYN, seq: 0, ack: 1, mss: 1_000, sack_ok));
        assert_eq!(s.burst().len(), 1);
        call!(s, queue 2_000);
        assert_eq!(s.burst().len(), 1); // the initial window after a lost SYN (RFC 5681 §3.1)
        assert_eq!(within(&mut s, span!(4 s)), [(2_050, 1_001), (5_050, 1)]);
    });
}

/// RFC 8985 §7.2: what is sent and what is acknowledged start the time anew.
// RFC 8985-20
#[test]
fn sending_and_progress_start_the_time_of_the_probe_anew() {
    play(|stage| {
        let mut s = in_flight(stage, &sacking(), 2, 0);
        s.advance(span!(50 ms), &[]);
        call!(s, queue 1_000);
        assert_eq!(places(&s.burst()), [2_001]); // at 150 ms: the probe is due at 350
        s.advance(span!(50 ms), &[]);
        assert!(acknowledge(&mut s, 1_001).is_empty()); // at 200 ms: at 400
        assert_eq!(within(&mut s, span!(400 ms)), [(400, 2_001)]);
    });
}

/// RFC 8985 §7.3: one probe until there is an answer, whatever else is sent; the retransmission timer runs from the
/// probe on.
// RFC 8985-22, 8985-23
#[test]
fn there_is_one_probe_until_it_is_answered() {
    play(|stage| {
        let mut s = in_flight(stage, &sacking(), 2, 0);
        assert_eq!(within(&mut s, span!(250 ms)), [(300, 1_001)]);
        call!(s, queue 1_000);
        assert_eq!(places(&s.burst()), [2_001]); // at 350 ms
        assert_eq!(within(&mut s, span!(1 s)), [(1_300, 1)]);
    });
}

/// … and another one for the next flight, after an answer.
#[test]
fn the_next_flight_has_its_own_probe() {
    play(|stage| {
        let mut s = ten_in_flight(stage, &sacking(), 1_000);
        assert_eq!(within(&mut s, span!(200 ms)), [(300, 10_001)]);
        s.advance(span!(100 ms), &[]);
        assert!(acknowledge(&mut s, 11_001).is_empty()); // at 400 ms
        call!(s, queue 2_000);
        assert_eq!(places(&s.burst()), [11_001, 12_001]);
        let sent = within(&mut s, span!(900 ms));
        assert_eq!(places_of(&sent), [12_001], "{sent:?}");
    });
}

fn places_of(sent: &[(i64, i64)]) -> Vec<i64> {
    sent.iter().map(|(_, place)| *place).collect()
}

/// RFC 8985 §7.2: no probe while something is reported beyond a gap: RACK's timer and the recovery do that work.
// RFC 8985-19
#[test]
fn no_probe_beside_a_gap() {
    play(|stage| {
        let mut s = in_flight(stage, &sacking(), 2, 0);
        s.advance(span!(100 ms), &[]);
        assert!(report(&mut s, 1, (1_001, 2_001)).is_empty());
        let sent = within(&mut s, span!(800 ms));
        assert!(sent == [(225, 1)] || sent == [(226, 1)], "{sent:?}");
    });
}

/// RFC 8985 §3.3: RACK-TLP takes SACK. Without it the retransmission timer is all there is.
// RFC 8985-1
#[test]
fn no_probe_without_sack() {
    play(|stage| {
        let mut config: TcpConfig = sacking();
        config.sack = false;
        let mut s = in_flight(stage, &config, 2, 0);
        assert_eq!(within(&mut s, span!(1 s)), [(1_100, 1)]);
    });
}

/// A FIN is the last segment like any other.
#[test]
fn a_fin_is_probed_with() {
    play(|stage| {
        let mut s = opened(stage, &sacking());
        call!(s, queue 500);
        call!(s, Shutdown);
        expect!(s, FIN, PSH, seq: 1, ack: 1, len: 500);
        advance!(s, 500 ms, { 400 ms => (FIN, PSH, seq: 1, ack: 1, len: 500) });

        let mut s = in_flight(stage, &sacking(), 1, 0);
        s.advance(span!(100 ms), &[]);
        assert!(acknowledge(&mut s, 1_001).is_empty());
        call!(s, Shutdown);
        expect!(s, FIN, seq: 1_001, ack: 1);
        advance!(s, 500 ms, { 400 ms => (FIN, seq: 1_001, ack: 1) });
    });
}

/// Everything that was sent is acknowledged, a segment more goes and is acknowledged: what the probe has cost by then.
fn cost_after_one_more(s: &mut super::script::Script, una: i64) -> (u32, u32) {
    call!(s, queue 1_000);
    assert_eq!(places(&s.burst()), [una]);
    s.advance(span!(100 ms), &[]);
    assert!(acknowledge(s, una + 1_000).is_empty());
    (s.tcb.cwnd(), s.tcb.ssthresh())
}

/// RFC 8985 §7.4.2, case 1: a D-SACK says that the probe was a second copy: nothing was lost.
// RFC 8985-24
#[test]
fn a_probe_that_was_a_duplicate_costs_nothing() {
    play(|stage| {
        let mut s = in_flight(stage, &sacking(), 2, 0);
        assert_eq!(within(&mut s, span!(220 ms)), [(300, 1_001)]);
        assert!(acknowledge(&mut s, 2_001).is_empty()); // at 320 ms: late, and for both
        s.advance(span!(80 ms), &[]);
        assert!(report(&mut s, 2_001, (1_001, 2_001)).is_empty());
        assert_eq!(cost_after_one_more(&mut s, 2_001), (10_000, u32::MAX));
    });
}

/// RFC 8985 §7.4.2, case 2: a duplicate acknowledgment without SACK, from a peer that knows no D-SACK, says the same.
// RFC 8985-24
#[test]
fn a_probe_that_is_answered_by_a_bare_duplicate_costs_nothing() {
    play(|stage| {
        let mut s = in_flight(stage, &sacking(), 2, 0);
        assert_eq!(within(&mut s, span!(220 ms)), [(300, 1_001)]);
        assert!(acknowledge(&mut s, 2_001).is_empty());
        s.advance(span!(80 ms), &[]);
        assert!(acknowledge(&mut s, 2_001).is_empty());
        assert_eq!(cost_after_one_more(&mut s, 2_001), (10_000, u32::MAX));
    });
}

/// RFC 8985 §7.4.2, case 3: the probe has repaired the only loss, and nobody but the missing D-SACK tells: when the peer
/// acknowledges something behind it, the window is reduced once, as for any loss.
// RFC 8985-25
#[test]
fn a_loss_that_the_probe_repaired_is_answered_for() {
    play(|stage| {
        let mut s = in_flight(stage, &sacking(), 2, 0);
        s.advance(span!(100 ms), &[]);
        assert!(acknowledge(&mut s, 1_001).is_empty());
        assert_eq!(within(&mut s, span!(400 ms)), [(600, 1_001)]);
        s.advance(span!(100 ms), &[]);
        assert!(acknowledge(&mut s, 2_001).is_empty());
        assert_eq!(s.tcb.ssthresh(), u32::MAX, "it may have been a duplicate");
        let (cwnd, ssthresh) = cost_after_one_more(&mut s, 2_001);
        assert!(cwnd <= 5_000 && (2_000..=5_000).contains(&ssthresh), "cwnd {cwnd}, ssthresh {ssthresh}");
        // Once.
        assert_eq!(cost_after_one_more(&mut s, 3_001).1, ssthresh);
    });
}

/// RFC 8985 §7.4.2, case 4 (§7.4.1): a probe of new data is an ordinary segment: that it arrives says nothing bad.
// RFC 8985-26
#[test]
fn a_probe_of_new_data_costs_nothing() {
    play(|stage| {
        let mut s = ten_in_flight(stage, &sacking(), 1_000);
        assert_eq!(within(&mut s, span!(210 ms)), [(300, 10_001)]);
        assert!(acknowledge(&mut s, 10_001).is_empty());
        s.advance(span!(90 ms), &[]);
        assert!(acknowledge(&mut s, 11_001).is_empty());
        let (cwnd, ssthresh) = cost_after_one_more(&mut s, 11_001);
        assert!(cwnd >= 10_000 && ssthresh == u32::MAX, "cwnd {cwnd}, ssthresh {ssthresh}");
    });
}

/// RFC 8985 §7.1: the answer to the probe is what RACK needs: the three last segments of a flight, lost. With nothing in
/// flight one goes for what the probe delivered, and the next for the progress (RFC 9937 §6).
// RFC 8985-27
#[test]
fn the_answer_to_the_probe_starts_the_recovery() {
    play(|stage| {
        let mut s = ten_in_flight(stage, &sacking(), 0);
        s.advance(span!(100 ms), &[]);
        assert!(acknowledge(&mut s, 7_001).is_empty());
        let half = s.tcb.cwnd() / 2;
        assert_eq!(within(&mut s, span!(200 ms)), [(400, 9_001)]);
        s.advance(span!(100 ms), &[]);
        assert_eq!(report(&mut s, 7_001, (9_001, 10_001)), [7_001]);
        s.advance(span!(100 ms), &[]);
        assert_eq!(report(&mut s, 8_001, (9_001, 10_001)), [8_001]);
        s.advance(span!(100 ms), &[]);
        s.send(&ack(10_001, None));
        assert!(s.burst().is_empty());
        assert_eq!((s.tcb.retransmitted(), s.tcb.backoff(), s.tcb.in_recovery()), (3_000, 0, false));
        assert!(s.tcb.cwnd() <= half && s.tcb.ssthresh() <= half, "{} of {half}", s.tcb.cwnd());
    });
}

/// RFC 8985 §7.2: whatever is sent puts the probe off: it counts from the last segment, and not from the first.
// RFC 8985-16
#[test]
fn each_new_segment_puts_the_probe_off() {
    play(|stage| {
        let mut s = in_flight(stage, &sacking(), 2, 0);
        assert_eq!(within(&mut s, span!(150 ms)), []);
        call!(s, queue 1_000);
        assert_eq!(within(&mut s, span!(199 ms)), [(250, 2_001)]);
        assert_eq!(within(&mut s, span!(1 ms)), [(450, 2_001)]);

        let mut s = in_flight(stage, &sacking(), 2, 0);
        assert_eq!(within(&mut s, span!(150 ms)), []);
        call!(s, Shutdown);
        assert_eq!(within(&mut s, span!(199 ms)), [(250, 2_001)]);
        assert_eq!(within(&mut s, span!(1 ms)), [(450, 2_001)]);
    });
}

/// RFC 8985 §7.3: a probe may be less than a segment, where the peer's window has no room for more.
#[test]
fn a_probe_of_new_data_is_cut_to_the_peers_window() {
    for (small_segments, window, seq, len) in [
        (SmallSegments::Rfc9293, 10_400, 10_001, 400),
        (SmallSegments::Rfc9293, 12_000, 10_001, 1_000),
        // Linux does not cut it.
        (SmallSegments::Minshall, 10_400, 9_001, 1_000),
        (SmallSegments::Minshall, 12_000, 10_001, 1_000),
    ] {
        play(|stage| {
            let mut config = sacking();
            config.small_segments = small_segments;
            let mut s = opened(stage, &config);
            s.peer_window = window;
            send!(s, seq: 1, ack: 1);
            call!(s, queue 20_000);
            assert_eq!(s.burst().len(), 10);
            let sent = s.pass(span!(200 ms));
            let sent: Vec<_> = sent.iter().map(|(at, seg)| (*at, seg.seq, seg.len)).collect();
            assert_eq!(sent, [(span!(200 ms), seq, len)]);
        });
    }
}

/// RFC 8985 §7.3: a probe is for what is outstanding. If that arrives before the owner polls, what is sent next is none.
#[test]
fn a_probe_that_was_due_is_forgotten_when_everything_has_arrived() {
    play(|stage| {
        let mut s = in_flight(stage, &sacking(), 2, 0);
        s.sleep(span!(200 ms));
        s.time_out();
        s.deliver(&ack(2_001, None));
        call!(s, queue 500);
        assert_eq!(places(&s.burst()), [2_001]);
        assert_eq!(s.tcb.info(s.at()).tail_probes, 0);
    });
}

/// RFC 8985 §7.3: a probe of new octets that are the last takes the FIN along.
// RFC 8985-21
#[test]
fn a_probe_of_the_last_octets_takes_the_fin_along() {
    play(|stage| {
        let mut s = ten_in_flight(stage, &sacking(), 500);
        call!(s, Shutdown);
        let sent = s.pass(span!(1 s));
        let sent: Vec<_> = sent.iter().map(|(_, seg)| (seg.seq, seg.len)).zip(&sent).collect();
        assert!(
            matches!(sent[..], [((10_001, 500), (_, seg))] if seg.flags.contains(tcpstate::TcpFlags::FIN))
        );
    });
}

/// What a probe repeats is not thought lost for that; what a timeout repeats is.
#[test]
fn what_a_probe_repeats_does_not_count_as_lost() {
    play(|stage| {
        let mut s = in_flight(stage, &sacking(), 2, 0);
        assert_eq!(within(&mut s, span!(1_199 ms)), [(300, 1_001)]);
        let told = s.tcb.outstanding();
        assert_eq!((told.segments, told.lost, told.repeated), (2, 0, 1));
        assert_eq!(within(&mut s, span!(1 ms)), [(1_300, 1)]);
        assert!(s.tcb.outstanding().lost > 0);
    });
}
