//! Receivers that lie to be served faster: Savage, Cardwell, Wetherall and Anderson, "TCP congestion control with a
//! misbehaving receiver" (1999). None gets a larger window than an honest one.

use tcpstate::tcp::TcpConfig;

use super::flight::{ack, acknowledge, places, report, sacking, ten_in_flight};
use super::script::{Script, Stage, play};

fn without_sack() -> TcpConfig {
    let mut config = sacking();
    config.sack = false;
    config
}

/// RFC 3465, RFC 5681 §3.1: the window grows by what is acknowledged: an acknowledgment for each octet of a segment is
/// worth as much as one for all of it.
// RFC 5681-7
#[test]
fn divided_acknowledgments_grow_the_window_as_one_does() {
    for config in [sacking(), without_sack()] {
        play(|stage| {
            let mut s = ten_in_flight(stage, &config, 20_000);
            s.advance(span!(100 ms), &[]);
            let mut sent = Vec::new();
            for octet in 2..=1_001 {
                sent.extend(acknowledge(&mut s, octet));
            }
            assert_eq!((s.tcb.cwnd(), sent), (11_000, vec![10_001, 11_001]));
        });
    }
}

/// Ten segments of which one was lost, after the recovery: window and threshold are 5,000 octets, and all is in flight.
fn recovered(stage: Stage) -> Script {
    let mut s = ten_in_flight(stage, &sacking(), 200_000);
    s.advance(span!(100 ms), &[]);
    let _ = report(&mut s, 1, (1_001, 10_001));
    s.advance(span!(100 ms), &[]);
    let _ = acknowledge(&mut s, 10_001);
    assert_eq!((s.tcb.cwnd(), s.tcb.ssthresh()), (5_000, 5_000));
    s
}

/// RFC 5681 §3.1: from ssthresh on, a segment in each round trip, whatever the acknowledgments are cut into.
// RFC 5681-7
#[test]
fn divided_acknowledgments_do_not_hurry_congestion_avoidance() {
    play(|stage| {
        let mut s = recovered(stage);
        s.advance(span!(100 ms), &[]);
        let una = i64::from(s.tcb.snd_una() - s.ours(0));
        let end = i64::from(s.tcb.snd_max() - s.ours(0));
        assert_eq!(end - una, 5_000);
        for octet in una + 1..=end {
            let _ = acknowledge(&mut s, octet);
        }
        assert!((5_900..=6_000).contains(&s.tcb.cwnd()), "{}", s.tcb.cwnd());
    });
}

/// … and not the recovery either (RFC 9937 counts octets).
#[test]
fn divided_acknowledgments_do_not_hurry_a_recovery() {
    play(|stage| {
        let mut s = ten_in_flight(stage, &sacking(), 20_000);
        s.advance(span!(100 ms), &[]);
        assert_eq!(report(&mut s, 1, (6_001, 10_001)).first(), Some(&1));
        let in_flight = s.tcb.cwnd();
        assert!(in_flight <= 5_000);
        s.advance(span!(100 ms), &[]);
        let mut sent = Vec::new();
        for octet in 2..=1_001 {
            sent.extend(report(&mut s, octet, (6_001, 10_001)));
            assert!(s.tcb.cwnd() <= 5_000, "ssthresh is the most");
        }
        // One segment was delivered: an honest acknowledgment of it lets two out.
        assert!(sent.len() <= 4, "{sent:?}");
    });
}

/// RFC 6675 §2: with SACK, an acknowledgment that reports nothing new is no duplicate, however often it comes.
// RFC 6582-9, 6675-1
#[test]
fn made_up_duplicates_without_blocks_do_nothing() {
    play(|stage| {
        let mut s = ten_in_flight(stage, &sacking(), 50_000);
        s.advance(span!(50 ms), &[]);
        for _ in 0..100 {
            assert!(acknowledge(&mut s, 1).is_empty());
        }
        assert_eq!((s.tcb.cwnd(), s.tcb.retransmitted()), (10_000, 0));
    });
}

/// The same block a hundred times is one report.
// RFC 6675-1
#[test]
fn a_repeated_block_counts_once() {
    play(|stage| {
        let mut s = ten_in_flight(stage, &sacking(), 50_000);
        s.advance(span!(100 ms), &[]);
        assert_eq!(report(&mut s, 1, (1_001, 2_001)), [10_001]);
        for _ in 0..100 {
            assert!(report(&mut s, 1, (1_001, 2_001)).is_empty());
        }
        assert!(!s.tcb.in_recovery());
        assert!(report(&mut s, 1, (1_001, 4_001)).contains(&1));
        let window = s.tcb.cwnd();
        for _ in 0..100 {
            assert!(report(&mut s, 1, (1_001, 4_001)).is_empty());
        }
        assert_eq!(s.tcb.cwnd(), window);
    });
}

/// RFC 5681 §3.2 step 4, without SACK: ten segments in flight have nine honest duplicates, and the two that these let out
/// two more. A hundred let no more out than those eleven.
// RFC 5681-18
#[test]
fn made_up_duplicates_let_no_more_out_than_honest_ones() {
    play(|stage| {
        let sent = |duplicates: u32| {
            let mut s = ten_in_flight(stage, &without_sack(), 50_000);
            s.advance(span!(100 ms), &[]);
            let mut sent = Vec::new();
            for _ in 0..duplicates {
                sent.extend(acknowledge(&mut s, 1));
            }
            sent
        };
        let (honest, made_up) = (sent(11), sent(100));
        assert!(honest.contains(&1));
        // What was sent in the recovery would call forth duplicates too: one for each.
        assert!(made_up.len() <= honest.len() + 5, "{made_up:?} for {honest:?}");
    });
}

/// Everything is reported as soon as it is sent, but the first segment never acknowledged: at no time is more in flight
/// than ssthresh, and the peer's window ends it.
// RFC 6675-10
#[test]
fn reports_of_what_cannot_have_arrived_do_not_open_the_window() {
    play(|stage| {
        let mut s = ten_in_flight(stage, &sacking(), 100_000);
        s.advance(span!(1 ms), &[]);
        let mut end = 10_001;
        for _ in 0..100 {
            let sent = report(&mut s, 1, (1_001, end));
            assert!(sent.len() <= 6, "{sent:?}");
            assert!(s.tcb.cwnd() <= 5_000, "{}", s.tcb.cwnd());
            end = i64::from(s.tcb.snd_max() - s.ours(0));
        }
        assert!(end <= 30_001, "the peer's window");
    });
}

/// How large the window is when so much was acknowledged: a round trip after it was sent, or at once.
fn window_after(stage: Stage, honest: bool, octets: i64) -> u32 {
    let mut s = ten_in_flight(stage, &sacking(), 100_000);
    let mut una = 1;
    let mut waiting: Vec<i64> = (1..=10).map(|k| k * 1_000 + 1).collect();
    while una < octets {
        if honest {
            s.advance(span!(100 ms), &[]);
        }
        for next in std::mem::take(&mut waiting) {
            una = next;
            s.send(&ack(una, None));
            waiting.extend(places(&s.burst()).iter().map(|place| place + 1_000));
        }
    }
    let window = s.tcb.cwnd();
    s.call(tcpstate::tcp::Command::Abort);
    let _reset = s.burst();
    window
}

/// Who acknowledges what has not arrived yet gets for so many octets no more window than who waits for them.
#[test]
fn early_acknowledgments_of_what_was_sent_open_the_window_no_further() {
    play(|stage| {
        for octets in [10_000, 30_000, 70_000] {
            let (honest, early) = (window_after(stage, true, octets), window_after(stage, false, octets));
            assert!(early <= honest, "{early} instead of {honest} after {octets} octets");
        }
    });
}

/// RFC 9293 §3.10.7.4: an acknowledgment of what was never sent is refused, and answered; it opens nothing.
#[test]
fn acknowledgments_of_what_was_never_sent_open_nothing() {
    for config in [sacking(), without_sack()] {
        play(|stage| {
            let mut s = ten_in_flight(stage, &config, 20_000);
            s.advance(span!(50 ms), &[]);
            for ahead in [10_002, 11_001, 25_001, 60_001] {
                refuse!(s, AckOfUnsent, seq: 1, ack: ahead);
                let answer = s.burst();
                assert!(answer.len() <= 1 && answer.iter().all(|seg| seg.len == 0), "{answer:?}");
            }
            assert_eq!((s.tcb.cwnd(), s.tcb.snd_una() == s.ours(1)), (10_000, true));
        });
    }
}

/// A window that is opened by early acknowledgments is not used, and does not grow: no more than twice what is ever in
/// flight, which the peer's own window bounds (30,000 octets).
#[test]
fn the_window_grows_no_further_than_what_the_peer_allows_to_be_in_flight() {
    play(|stage| {
        let window = window_after(stage, false, 100_000);
        assert!(window <= 61_000, "{window}: twice the flight, and the segment that takes it there");
    });
}
