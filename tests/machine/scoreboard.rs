//! What SACK blocks are believed: RFC 2018 §4 and §8, RFC 2883, RFC 6675 §4.

use super::flight::{acknowledge, in_flight, places, report, sacking, ten_in_flight, within};
use super::script::{Script, play};

/// Blocks that name nothing that is in flight, or more than that.
const IMPOSSIBLE: [(i64, i64); 11] = [
    (10_001, 11_001), // never sent
    (9_001, 11_001),  // in part never sent
    (10_000, 10_002),
    (1, 40_001),
    (3_001, 2_001),   // the wrong way round
    (2_001, 2_001),   // empty
    (-4_000, -3_000), // long ago
    (-1_000, 3_001),  // begins before SND.UNA and ends in flight
    (0, 4_001),
    (1 << 31, (1 << 31) + 5), // half of the circle away
    (1_001, 1_001 + (1 << 31)),
];

/// RFC 2018 §4 with RFC 9293 §3.4: a block that is not wholly in (SND.UNA, SND.MAX] is no information: nothing is sent,
/// nothing is lost, the window stays.
// RFC 6675-2
#[test]
fn blocks_outside_of_what_is_in_flight_count_for_nothing() {
    for block in IMPOSSIBLE {
        play(|stage| {
            let mut s = ten_in_flight(stage, &sacking(), 5_000);
            s.advance(span!(50 ms), &[]);
            for _ in 0..5 {
                assert!(report(&mut s, 1, block).is_empty(), "{block:?}");
            }
            assert_eq!((s.tcb.cwnd(), s.tcb.ssthresh(), s.tcb.retransmitted()), (10_000, u32::MAX, 0));
            assert!(!s.tcb.in_recovery());
            s.advance(span!(50 ms), &[]);
            // What follows is as if they had not been.
            assert_eq!(report(&mut s, 1, (1_001, 2_001)), [10_001], "{block:?}");
        });
    }
}

/// Beside an impossible block the others count.
#[test]
fn possible_blocks_count_beside_impossible_ones() {
    for block in IMPOSSIBLE {
        play(|stage| {
            let mut s = ten_in_flight(stage, &sacking(), 0);
            s.advance(span!(100 ms), &[]);
            s.send(&seg!(seq: 1, ack: 1, sack: [(3_001, 4_001), block, (5_001, 7_001)]));
            assert_eq!(places(&s.burst()).first(), Some(&1), "{block:?}");
        });
    }
}

/// RFC 2018 §2: blocks from a peer that was not told it may send them are not read: the same is sent with and without.
// RFC 2018-3
#[test]
fn blocks_on_a_connection_without_sack_are_not_read() {
    play(|stage| {
        let sent = |with_blocks: bool| {
            let mut config = sacking();
            config.sack = false;
            let mut s = ten_in_flight(stage, &config, 20_000);
            s.advance(span!(100 ms), &[]);
            let mut sent = Vec::new();
            for k in 1..=9 {
                let bare = seg!(seq: 1, ack: 1);
                s.deliver(&if with_blocks { bare.sack([(1_001, 1_001 + 1_000 * k)]) } else { bare });
                sent.push(places(&s.burst()));
            }
            sent
        };
        let bare = sent(false);
        assert_eq!(bare[2], [1], "the third duplicate");
        assert_eq!(sent(true), bare);
    });
}

/// RFC 6675 §2: a segment with data may report as well as an empty one.
// RFC 6675-1
#[test]
fn blocks_on_data_count() {
    play(|stage| {
        let mut s = ten_in_flight(stage, &sacking(), 0);
        s.advance(span!(100 ms), &[]);
        for k in 0..3 {
            s.deliver(&seg!(seq: 1 + 10 * k, ack: 1, len: 10, sack: [(1_001, 2_001 + 1_000 * k)]));
            let sent = places(&s.burst());
            assert_eq!(sent.contains(&1), k == 2, "{sent:?}");
        }
    });
}

/// A block may end anywhere: of a segment that has arrived in part the rest is repaired.
// RFC 2018-11, 6675-2
#[test]
fn the_rest_of_a_segment_that_arrived_in_part_is_repaired() {
    play(|stage| {
        let mut s = in_flight(stage, &sacking(), 6, 0);
        s.advance(span!(100 ms), &[]);
        // Octets 1 to 1,000 and 1,501 to 2,000 are missing.
        s.send(&seg!(seq: 1, ack: 1, sack: [(2_001, 6_001), (1_001, 1_501)]));
        let mut arrived = vec![(1_001, 1_501), (2_001, 6_001)];
        let mut una = 1;
        for _ in 0..10 {
            for seg in s.burst() {
                arrived.push((seg.seq, seg.seq + i64::from(seg.len)));
            }
            arrived.sort_unstable();
            for &(left, right) in &arrived {
                una = if left <= una { una.max(right) } else { una };
            }
            if una == 6_001 {
                break;
            }
            s.advance(span!(100 ms), &[]);
            s.send(&seg!(seq: 1, ack: una, sack: [(2_001, 6_001)]));
        }
        s.advance(span!(100 ms), &[]);
        assert!(acknowledge(&mut s, 6_001).is_empty());
        assert_eq!(s.tcb.backoff(), 0, "without a timeout");
        assert!(s.tcb.retransmitted() <= 2_000);
    });
}

/// Numbers that look random: the middle bits of a linear congruential generator.
struct Luck(u64);

impl Luck {
    fn below(&mut self, bound: i64) -> i64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as i64 % bound
    }
}

/// CVE-2019-11477 to 11479: thousands of reports of single octets, in any order: no more is sent than they stand for, and
/// the connection goes on.
#[test]
fn a_storm_of_tiny_blocks_does_no_harm() {
    play(|stage| {
        let mut s = ten_in_flight(stage, &sacking(), 20_000);
        s.advance(span!(100 ms), &[]);
        let mut luck = Luck(4);
        let mut sent = 0;
        for _ in 0..3_000 {
            let blocks = [(); 4].map(|()| {
                let left = 2 + 2 * luck.below(4_990);
                (left, left + 1)
            });
            s.deliver(&seg!(seq: 1, ack: 1, sack: blocks));
            sent += s.burst().iter().map(|seg| seg.len).sum::<u32>();
        }
        // Of 10,000 octets a half was reported; half of what is delivered may be replaced, and two segments by RFC 3042.
        assert!(sent <= 10_000, "{sent} octets");
        assert!(s.tcb.cwnd() <= 12_000);
        s.advance(span!(1 ms), &[]);
        let sent = acknowledge(&mut s, 10_001);
        // Ten segments at once are worth eight (RFC 9406 §4.2).
        assert!(!sent.is_empty() && sent.len() <= 18, "{sent:?}");
    });
}

/// Blocks that come and go, and overlap: random ones of any size, for whole windows. It ends, and all is delivered.
#[test]
fn contradicting_blocks_do_no_harm() {
    play(|stage| {
        let mut s = ten_in_flight(stage, &sacking(), 20_000);
        let mut luck = Luck(9);
        let mut una = 1;
        for round in 0..400 {
            let blocks = [(); 3].map(|()| {
                let left = una + luck.below(14_000) - 2_000;
                (left, left + luck.below(6_000) - 500)
            });
            s.deliver(&seg!(seq: 1, ack: una, sack: blocks));
            assert!(s.burst().len() <= 12, "in round {round}");
            let _ = s.pass(span!(5 ms));
        }
        while una < 30_001 {
            una = i64::from(s.tcb.snd_max() - s.ours(0));
            s.deliver(&seg!(seq: 1, ack: una));
            let sent = s.burst();
            let more = s.pass(span!(2 s));
            assert!(una == 30_001 || !sent.is_empty() || !more.is_empty(), "it stands still at {una}");
        }
        assert_eq!(acknowledge(&mut s, 30_001), Vec::<i64>::new());
    });
}

/// The peer acknowledges, 100 ms after each, whatever is sent from `una` on without a gap, and reports nothing. When
/// everything up to `end` was acknowledged.
fn serve(s: &mut Script, mut una: i64, end: i64) -> i64 {
    let mut kept: Vec<(i64, i64)> = Vec::new();
    for _ in 0..40 {
        for (_, place) in within(s, span!(100 ms)) {
            kept.push((place, place + 1_000));
        }
        kept.sort_unstable();
        for &(left, right) in &kept {
            una = if left <= una { una.max(right) } else { una };
        }
        s.send(&seg!(seq: 1, ack: una));
        for seg in s.burst() {
            kept.push((seg.seq, seg.seq + i64::from(seg.len)));
        }
        if una == end {
            return s.ms();
        }
    }
    panic!("{una} of {end} were acknowledged");
}

/// RFC 2018 §8: a peer may throw away what it reported. When it acknowledges a piece that ends before something it had
/// reported, and reports nothing any more, everything is sent again, after a timeout at the latest.
// RFC 2018-12
#[test]
fn a_peer_that_forgets_what_it_reported_gets_it_again() {
    play(|stage| {
        let mut s = ten_in_flight(stage, &sacking(), 0);
        s.advance(span!(100 ms), &[]);
        assert_eq!(report(&mut s, 1, (1_001, 10_001)), [1]);
        s.advance(span!(100 ms), &[]);
        // It has only the first one.
        let sent = acknowledge(&mut s, 1_001);
        assert!(sent.iter().all(|place| *place >= 1_001), "{sent:?}");
        let end = serve(&mut s, 1_001, 10_001);
        assert!(end <= 4_000, "it took until {end} ms");
    });
}

/// RFC 2018 §8: after a timeout nothing that was reported is believed: also when the oldest segment itself was lost.
// RFC 2018-13, 6675-12
#[test]
fn after_a_timeout_a_peer_that_forgot_gets_everything() {
    play(|stage| {
        let mut s = ten_in_flight(stage, &sacking(), 0);
        s.advance(span!(100 ms), &[]);
        assert_eq!(report(&mut s, 1, (1_001, 10_001)), [1]);
        // The repair is lost, and the peer forgets everything.
        let sent = s.pass(span!(1_500 ms));
        assert!(sent.iter().any(|(_, seg)| seg.seq == 1), "{sent:?}");
        let end = serve(&mut s, 1_001, 10_001);
        assert!(end <= 8_000, "it took until {end} ms");
    });
}

/// What was lost first goes first: a repair that was lost itself queues up behind what waits for its first.
///
/// Six of ten are lost at 202 ms, and four repairs have gone when the second of them arrives and not the first.
// RFC 6675-5
#[test]
fn repairs_go_in_the_order_of_the_losses() {
    play(|stage| {
        let mut s = ten_in_flight(stage, &sacking(), 20_000);
        s.advance(span!(100 ms), &[]);
        let mut sent = Vec::new();
        for end in [7_001, 8_001, 9_001, 10_001] {
            sent.extend(report(&mut s, 1, (6_001, end)));
            s.advance(span!(1 ms), &[]);
        }
        assert_eq!(sent, [10_001, 11_001, 1, 1_001]);
        s.advance(span!(96 ms), &[]); // 300 ms
        assert_eq!(report(&mut s, 1, (6_001, 11_001)), [2_001]);
        s.advance(span!(1 ms), &[]);
        assert_eq!(report(&mut s, 1, (6_001, 12_001)), [3_001]);
        s.advance(span!(2 ms), &[]); // 303 ms: what was sent at 203 arrives, what was sent at 202 does not
        s.send(&seg!(seq: 1, ack: 1, sack: [(1_001, 2_001), (6_001, 12_001)]));
        assert_eq!(places(&s.burst()), [4_001], "lost at 202 ms, the first one for the second time at 303");
    });
}

/// RFC 9293 §3.8.6 (MUST-34): what was sent may lie beyond a window that the peer has taken back; and RFC 6298 §5.4 to §5.6:
/// the first segment is sent again all the same, now and each time the timer expires. Nothing of eight segments has
/// arrived but the first and the third, whose window then ends behind the second, which is lost, and all others with it.
#[test]
fn losses_beyond_a_window_that_was_taken_back_do_not_hold_up_the_first() {
    play(|stage| {
        let mut s = in_flight(stage, &sacking(), 8, 0);
        assert_eq!(within(&mut s, span!(1_200 ms)), [(300, 7_001), (1_300, 1)]);
        s.advance(span!(100 ms), &[]);
        assert_eq!(acknowledge(&mut s, 1_001), [1_001, 2_001]); // at 1.4 s
        s.advance(span!(100 ms), &[]);
        s.send(&seg!(seq: 1, ack: 1_001, win: 1_000, sack: [(2_001, 3_001)]));
        assert_eq!(places(&s.burst()), [1_001]); // at 1.5 s
        // The timer runs from there, doubled as it is by the first timeout (Karn), and doubles each time.
        assert_eq!(within(&mut s, span!(20 s)), [(3_500, 1_001), (7_500, 1_001), (15_500, 1_001)]);
        let info = s.tcb.info(s.at());
        assert_eq!((info.timeouts, s.tcb.backoff()), (4, 4));
        // It arrives, and the window opens: what was beyond it follows.
        s.send(&seg!(seq: 1, ack: 3_001, win: 30_000));
        assert_eq!(places(&s.burst())[0], 3_001);
    });
}

/// RFC 5681 §2 (a): where nothing is outstanding nothing is a duplicate.
// RFC 5681-1
#[test]
fn no_duplicate_is_counted_while_nothing_is_outstanding() {
    play(|stage| {
        let mut s = stage.established(&sacking());
        for _ in 0..4 {
            send!(s, seq: 1, ack: 1);
        }
        assert_eq!(s.tcb.duplicate_acks(), 0);
        call!(s, queue 1_000);
        expect!(s, PSH, seq: 1, ack: 1, len: 1_000);
        send!(s, seq: 1, ack: 1);
        assert_eq!(s.tcb.duplicate_acks(), 1);
    });
}
