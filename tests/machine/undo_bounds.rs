//! What undoes a response to congestion, and how often: a receiver that lies, or a network that does what it likes, must not
//! be able to undo for ever.
//!
//! Ten segments leave at 100 ms; a round trip takes 100 ms, and the window is 10,000 octets before whatever happens.

use super::flight::{places, stamped, ten_in_flight};
use super::script::{Script, play};

/// All but the first of the segments in flight arrive, and it goes again; then everything is acknowledged, with the
/// timestamp of the first copy. Answers whether the recovery was undone.
fn lies(s: &mut Script, una: i64, sent: i64) -> bool {
    let end = i64::from(s.tcb.snd_max() - s.ours(0));
    let undone = s.tcb.info(s.at()).undone;
    s.advance(span!(100 ms), &[]);
    let now = s.ms();
    s.send(&seg!(seq: 1, ack: una, ts: (now, sent), sack: [(una + 1_000, end)]));
    let mut again = places(&s.burst());
    while again.is_empty() {
        // As long as reordering may take.
        again.extend(s.pass(span!(5 ms)).iter().map(|(_, seg)| seg.seq));
    }
    assert_eq!(again, [una]);
    s.advance(span!(100 ms), &[]);
    let now = s.ms();
    s.send(&seg!(seq: 1, ack: end, ts: (now, sent)));
    assert!(s.burst().is_empty());
    s.tcb.info(s.at()).undone > undone
}

/// The next ten segments; answers where they begin and when they left.
fn next_ten(s: &mut Script) -> (i64, i64) {
    call!(s, queue 10_000);
    let sent = places(&s.burst());
    assert_eq!(sent.len(), 10);
    (sent[0], s.ms())
}

/// RFC 3522 §3.2 takes the receiver's word. A needless copy calls a D-SACK forth (RFC 2883 §4): who echoes the timestamp of
/// the first copy eight times in a row and never sends one is not believed any more.
#[test]
fn timestamps_that_no_d_sack_bears_out_are_believed_eight_times() {
    play(|stage| {
        let mut s = ten_in_flight(stage, &stamped(), 0);
        assert!(lies(&mut s, 1, 100));
        for _ in 2..=8 {
            let (una, sent) = next_ten(&mut s);
            assert!(lies(&mut s, una, sent));
            assert_eq!(s.tcb.ssthresh(), u32::MAX);
        }
        let (una, sent) = next_ten(&mut s);
        assert!(!lies(&mut s, una, sent));
        assert_eq!(s.tcb.info(s.at()).undone, 8);
        assert!(s.tcb.ssthresh() <= 10_000 && s.tcb.cwnd() <= 10_000);
        // A D-SACK for that copy, at last, undoes the ninth (RFC 3708 §3); and timestamps count again.
        let now = s.ms();
        s.send(&seg!(seq: 1, ack: una + 10_000, ts: (now, sent), sack: [(una, una + 1_000)]));
        assert_eq!((s.tcb.info(s.at()).undone, s.tcb.ssthresh()), (9, u32::MAX));
        let (una, sent) = next_ten(&mut s);
        assert!(lies(&mut s, una, sent));
    });
}

/// … where D-SACKs come, there is no such end.
#[test]
fn timestamps_that_d_sacks_bear_out_are_always_believed() {
    play(|stage| {
        let mut s = ten_in_flight(stage, &stamped(), 0);
        let (mut una, mut sent) = (1, 100);
        for _ in 0..12 {
            assert!(lies(&mut s, una, sent));
            let now = s.ms();
            s.send(&seg!(seq: 1, ack: una + 10_000, ts: (now, sent), sack: [(una, una + 1_000)]));
            (una, sent) = next_ten(&mut s);
        }
        s.send(&seg!(seq: 1, ack: una + 10_000, ts: (s.ms(), sent)));
        assert_eq!(s.tcb.ssthresh(), u32::MAX);
    });
}

/// An undo costs as much as there are records. So of one window of data four are undone (of ten segments, each second one is
/// late); what is lost then is lost.
#[test]
fn four_recoveries_are_undone_in_a_window_of_data() {
    play(|stage| {
        let mut s = ten_in_flight(stage, &stamped(), 0);
        s.advance(span!(50 ms), &[]);
        for (una, undone) in [(1, 1), (2_001, 2), (4_001, 3), (6_001, 4), (8_001, 4)] {
            s.advance(span!(50 ms), &[]);
            let now = s.ms();
            s.send(&seg!(seq: 1, ack: una, ts: (now, 100), sack: [(una + 1_000, una + 2_000)]));
            let again: Vec<_> = s.pass(span!(60 ms)).iter().map(|(_, seg)| seg.seq).collect();
            assert_eq!(again, [una]);
            s.send(&seg!(seq: 1, ack: una + 2_000, ts: (now + 60, 100)));
            assert!(s.burst().is_empty());
            assert_eq!(s.tcb.info(s.at()).undone, undone, "{una}");
            assert_eq!(s.tcb.ssthresh() == u32::MAX, una < 8_001);
        }
    });
}

/// RFC 3522 §3.2 is about the retransmission that filled the gap. The second segment goes again in a recovery that is undone
/// because of the first; when that copy arrives, it says nothing about the next recovery, in which something else was
/// sent again.
#[test]
fn a_retransmission_of_an_earlier_recovery_undoes_nothing_in_the_next() {
    play(|stage| {
        let mut s = ten_in_flight(stage, &stamped(), 0);
        s.advance(span!(100 ms), &[]);
        s.send(&seg!(seq: 1, ack: 1, ts: (200, 100), sack: [(2_001, 8_001)]));
        assert_eq!(places(&s.burst()), [1, 1_001]);
        s.advance(span!(5 ms), &[]);
        s.send(&seg!(seq: 1, ack: 1_001, ts: (205, 100), sack: [(2_001, 8_001)]));
        assert!(s.burst().is_empty());
        assert_eq!((s.tcb.info(s.at()).undone, s.tcb.ssthresh()), (1, u32::MAX));
        // The ninth is lost.
        s.send(&seg!(seq: 1, ack: 1_001, ts: (205, 100), sack: [(9_001, 10_001), (2_001, 8_001)]));
        let again: Vec<_> = s.pass(span!(60 ms)).iter().map(|(at, seg)| (*at, seg.seq)).collect();
        assert_eq!(again, [(span!(26 ms), 8_001)]); // a quarter of the round trip, and a tick
        let reduced = s.tcb.ssthresh();
        assert!(s.tcb.in_recovery() && reduced < 10_000);
        s.advance(span!(35 ms), &[]);
        s.send(&seg!(seq: 1, ack: 8_001, ts: (300, 200), sack: [(9_001, 10_001)]));
        assert!(s.burst().is_empty());
        assert_eq!((s.tcb.info(s.at()).undone, s.tcb.ssthresh()), (1, reduced));
        assert!(s.tcb.in_recovery());
    });
}

/// RFC 4015 §3.2 restores the window; what is lost besides stays to be found (RFC 8985 §6.2 step 5): the first segment was
/// overtaken, the next six are lost, and the reordering timer finds them, a quarter of a round trip late and not a second.
#[test]
fn an_undo_does_not_forget_what_is_lost_besides() {
    play(|stage| {
        let mut s = ten_in_flight(stage, &stamped(), 0);
        s.advance(span!(100 ms), &[]);
        let mut again = Vec::new();
        for to in [8_001, 9_001, 10_001] {
            s.send(&seg!(seq: 1, ack: 1, ts: (200, 100), sack: [(7_001, to)]));
            again.extend(places(&s.burst()));
        }
        assert_eq!(again, [1], "PRR lets one out");
        s.advance(span!(4 ms), &[]);
        s.send(&seg!(seq: 1, ack: 1_001, ts: (204, 100), sack: [(7_001, 10_001)]));
        let mut again = places(&s.burst());
        assert_eq!(s.tcb.info(s.at()).undone, 1);
        again.extend(s.pass(span!(40 ms)).iter().map(|(_, seg)| seg.seq));
        assert_eq!(again.first(), Some(&1_001));
        assert_eq!(s.tcb.info(s.at()).timeouts, 0);
    });
}
