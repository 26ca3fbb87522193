//! Mistakes that TCPs have made before: the eighteen known problems of RFC 2525, each in the conversation that shows it.

use std::collections::BTreeMap;

use tcpstate::connection::{Connection, ConnectionConfig, Payload};
use tcpstate::tcp::{Keepalive, TcpConfig, Unpredictable};
use tcpstate::{Instant, SeqNumber};

use super::script::{Script, Stage, plain, plain_but, play};
use super::words::Seg;

/// Acknowledges each of these segments by itself; returns what was sent meanwhile.
fn acknowledge_each(s: &mut Script, flight: &[Seg]) -> Vec<Seg> {
    let mut sent = Vec::new();
    for seg in flight {
        send!(s, seq: 1, ack: seg.seq + i64::from(seg.len));
        sent.extend(s.burst());
    }
    sent
}

/// Ten segments of 1,000 octets in flight, and nothing behind them.
fn ten_in_flight(stage: Stage) -> Script {
    let mut s = stage.established(&plain());
    s.peer_window = 65_000;
    send!(s, seq: 1, ack: 1);
    call!(s, queue 10_000);
    assert_eq!(s.burst().len(), 10);
    s
}

/// §2.1: a burst of all that the peer's window takes, at the beginning.
// RFC 2525-1
#[test]
fn a_connection_begins_with_slow_start() {
    play(|stage| {
        let mut s = stage.accepted(&plain());
        s.peer_window = 65_000;
        send!(s, seq: 1, ack: 1);
        call!(s, queue 500_000);
        let first = s.burst();
        assert_eq!(first.len(), 10, "of 65 that the peer has room for");
        let second = acknowledge_each(&mut s, &first);
        assert_eq!(second.len(), 20, "two for each that has left the network");
    });
}

/// §2.2: after a timeout a window of the old size.
// RFC 2525-2
#[test]
fn a_timeout_is_answered_by_slow_start() {
    play(|stage| {
        let mut s = ten_in_flight(stage);
        advance!(s, 1 s, { 1 s => (seq: 1, ack: 1, len: 1_000) });
        send!(s, seq: 1, ack: 1_001);
        let two = s.burst();
        assert_eq!(two.len(), 2, "{two:?}");
        call!(s, queue 50_000);
        let four = acknowledge_each(&mut s, &two);
        assert_eq!(four.len(), 4, "{four:?}");
    });
}

/// §2.3: a SYN,ACK without the MSS option leaves cwnd as it was, which was nothing that anybody had set.
// RFC 2525-3
#[test]
fn the_window_is_set_though_the_peer_sends_no_mss() {
    play(|stage| {
        let mut s = stage.answered(&plain(), &seg!(SYN, seq: 0, ack: 1));
        assert_eq!(s.tcb.cwnd(), 5_360, "ten segments of 536 octets");
        s.peer_window = 65_000;
        send!(s, seq: 1, ack: 1);
        call!(s, queue 100_000);
        assert_eq!(s.burst().len(), 10);

        let mut s = stage.listen(&plain());
        send!(s, SYN, seq: 0);
        expect!(s, SYN, seq: 0, ack: 1, mss: 1_000);
        send!(s, seq: 1, ack: 1);
        assert_eq!(s.tcb.cwnd(), 5_360);
    });
}

/// What a connection sends now: octets by their sequence number. Whatever was sent before under that number was the same.
fn note(now: Instant, from: &mut Connection, sent: &mut BTreeMap<u32, u8>) -> usize {
    let mut octets = 0;
    while let Some(plan) = from.poll_segment(now) {
        for (number, &octet) in (plan.meta.seq.get()..).zip(from.payload(&plan).flatten()) {
            assert_eq!(*sent.entry(number).or_insert(octet), octet, "the octet at {number}");
            octets += 1;
        }
    }
    octets
}

/// §2.4: what goes again is cut anew, and other octets stand where the first ones stood.
// RFC 2525-4
#[test]
fn what_goes_again_has_the_octets_that_went_before() {
    let mut now = Instant::from_nanos(1_000_000_000);
    let mut config = ConnectionConfig::default();
    config.tcp = plain();
    config.tcp.nagle = false;
    let secrets = |iss: u32| Unpredictable { iss: SeqNumber::new(iss), timestamp_offset: 0 };
    let mut ours = Connection::connect(&config, secrets(7_000), now);
    let mut theirs = Connection::listen(&config);
    theirs.prepare(secrets(9_000));
    for _ in 0..3 {
        while let Some(plan) = ours.poll_segment(now) {
            theirs.on_segment(now, &plan.meta, Payload::Slice(&[]));
        }
        while let Some(plan) = theirs.poll_segment(now) {
            ours.on_segment(now, &plan.meta, Payload::Slice(&[]));
        }
    }
    let mut sent = BTreeMap::new();
    let stream: Vec<u8> = (0..9_000_u32).map(|at| (at * 7 % 251) as u8).collect();
    // Pieces that fill no segment; then everything goes again, in segments of another size each time.
    for piece in stream.chunks(333) {
        ours.send(now, piece).expect("there is room");
        note(now, &mut ours, &mut sent);
    }
    let mut again = 0;
    for mss in [700, 300, 900] {
        let report = tcpstate::tcp::PathMtu { mtu: mss + 40, seq: ours.tcb().iss() + 1 };
        let _ = ours.path_mtu(now, report);
        now = ours.poll_timeout().expect("a timer runs");
        ours.on_timeout(now);
        again += note(now, &mut ours, &mut sent);
    }
    assert!(again >= 900, "{again} octets went again");
    assert_eq!(sent.get(&7_001), stream.first());
    assert!(sent.values().zip(&stream).all(|(sent, wanted)| sent == wanted));
}

/// §2.5: everything above a gap is thrown away, and has to be sent again.
// RFC 2525-5
#[test]
fn what_arrives_above_a_gap_is_kept() {
    play(|stage| {
        let mut s = stage.established(&plain());
        for k in 1..9 {
            send!(s, seq: 1_000 * k + 1, ack: 1, len: 1_000);
            expect!(s, seq: 1, ack: 1);
        }
        send!(s, seq: 1, ack: 1, len: 1_000);
        expect!(s, seq: 1, ack: 9_001, win: 1_000);
        // Behind each of several gaps.
        let mut s = stage.established(&plain());
        for k in [2, 4, 6] {
            send!(s, seq: 1_000 * k - 999, ack: 1, len: 1_000);
            expect!(s, seq: 1, ack: 1);
        }
        for k in [1, 3, 5] {
            send!(s, seq: 1_000 * k - 999, ack: 1, len: 1_000);
            let end = 1_000 * (k + 1);
            expect!(s, seq: 1, ack: end + 1, win: 10_000 - u16::try_from(end).unwrap());
        }
    });
}

/// §2.6: an eighth of a segment more for each acknowledgment in congestion avoidance.
// RFC 2525-6
#[test]
fn congestion_avoidance_adds_one_segment_and_no_more() {
    play(|stage| {
        let mut s = ten_in_flight(stage);
        call!(s, queue 900_000);
        for _ in 0..3 {
            send!(s, seq: 1, ack: 1);
            let _ = s.burst();
        }
        send!(s, seq: 1, ack: 12_001);
        let mut flight = s.burst();
        while s.tcb.cwnd() < s.tcb.ssthresh() {
            flight = acknowledge_each(&mut s, &flight);
        }
        let (before, rounds) = (s.tcb.cwnd(), 30);
        for _ in 0..rounds {
            flight = acknowledge_each(&mut s, &flight);
        }
        let grown = s.tcb.cwnd() - before;
        assert!(
            (rounds - 2) * 1_000 <= grown && grown <= rounds * 1_000,
            "{grown} octets in {rounds} rounds"
        );
    });
}

/// §2.7: a first RTO of less than a second.
// RFC 2525-7
#[test]
fn the_first_timeout_is_not_before_a_second() {
    play(|stage| {
        let mut s = stage.connect(&TcpConfig::default());
        assert_eq!(s.burst().len(), 1);
        assert!(s.pass(span!(999 ms)).is_empty());
        assert_eq!(s.pass(span!(1 ms)).len(), 1);
        // Nor is that of data, where no sample is there for it.
        let mut s = stage.listen(&plain());
        send!(s, SYN, seq: 0, mss: 1_000);
        expect!(s, SYN, seq: 0, ack: 1, mss: 1_000);
        send!(s, seq: 1, ack: 1);
        call!(s, queue 100);
        expect!(s, PSH, seq: 1, ack: 1, len: 100);
        advance!(s, 999 ms);
        send!(s, seq: 1, ack: 101);
    });
}

/// §2.8: after a fast recovery the window stays as large as duplicates have made it.
// RFC 2525-8
#[test]
fn after_a_recovery_the_window_is_no_larger_than_ssthresh() {
    play(|stage| {
        let mut s = stage.established(&plain());
        s.peer_window = 65_000;
        send!(s, seq: 1, ack: 1);
        call!(s, queue 500_000);
        let first = s.burst();
        let second = acknowledge_each(&mut s, &first);
        assert_eq!(second.len(), 20);
        for _ in 0..19 {
            send!(s, seq: 1, ack: 10_001);
            let _ = s.burst();
        }
        let end = i64::from(s.tcb.snd_max() - s.ours(0));
        send!(s, seq: 1, ack: end);
        assert!(s.tcb.cwnd() <= s.tcb.ssthresh(), "{} and {}", s.tcb.cwnd(), s.tcb.ssthresh());
        assert_eq!(s.tcb.ssthresh(), 10_000);
        let burst = s.burst().len();
        assert!(burst <= 4, "{burst} segments at once");
    });
}

/// §2.9: a connection that is given up minutes after the first unanswered keep-alive, or sooner.
// RFC 2525-9
#[test]
fn keep_alives_give_a_peer_ten_minutes() {
    play(|stage| {
        let mut s = stage.established(&plain_but(|config| config.keepalive = Some(Keepalive::default())));
        let probes = s.pass(span!(7_200 s) + span!(10 min));
        assert!(probes.len() >= 8, "{probes:?}");
        state!(s, Established);
        send!(s, seq: 1, ack: 1);
        // Whoever answers at last is as alive as before.
        let probes = s.pass(span!(7_200 s));
        assert_eq!(probes.len(), 1);
        state!(s, Established);
    });
}

/// §2.10: an RTO that does not grow.
// RFC 2525-10
#[test]
fn each_timeout_doubles_the_wait() {
    play(|stage| {
        let mut s = stage.established(&plain());
        call!(s, queue 1_000);
        expect!(s, PSH, seq: 1, ack: 1, len: 1_000);
        let again: Vec<_> = s.pass(span!(40 s)).into_iter().map(|(at, _)| at.as_secs()).collect();
        assert_eq!(again, [1, 3, 7, 15, 31]);
        // What goes next is waited for as long, until something is measured.
        send!(s, seq: 1, ack: 1_001);
        call!(s, queue 1_000);
        expect!(s, PSH, seq: 1_001, ack: 1, len: 1_000);
        advance!(s, 31_999 ms);
        send!(s, seq: 1, ack: 2_001);
    });
}

/// §2.11: keep-alives that follow each other in a second or two.
// RFC 2525-11
#[test]
fn keep_alives_are_at_least_75_seconds_apart() {
    play(|stage| {
        let mut s = stage.established(&plain_but(|config| config.keepalive = Some(Keepalive::default())));
        let probes: Vec<_> = s.pass(span!(7_800 s)).into_iter().map(|(at, _)| at).collect();
        assert_eq!(probes.first(), Some(&span!(7_200 s)));
        assert!(probes.windows(2).all(|pair| pair[1] - pair[0] >= span!(75 s)), "{probes:?}");
    });
}

/// §2.12: a reader takes one octet out of a full buffer, the window stays closed (silly windows), the peer probes with an
/// octet; from then on everything from it, acknowledgments too, is taken to lie outside the window.
// RFC 2525-12
#[test]
fn a_probe_of_a_window_that_could_open_by_an_octet_stops_nothing() {
    play(|stage| {
        let mut s = stage.established(&plain());
        for k in 0..10 {
            s.deliver(&seg!(seq: 1_000 * k + 1, ack: 1, len: 1_000));
        }
        expect!(s, seq: 1, ack: 10_001, win: 0);
        call!(s, consumed 1);
        expect_none!(s);
        call!(s, queue 1_000);
        expect!(s, PSH, seq: 1, ack: 10_001, win: 0, len: 1_000);
        for _ in 0..3 {
            s.deliver(&seg!(seq: 10_001, ack: 1, len: 1)); // the probe
            let answer = s.poll().expect("it is answered");
            assert!((10_001..=10_002).contains(&answer.ack.unwrap_or(0)) && answer.len == 0, "{answer:?}");
            assert_eq!(answer.win, Some(0));
        }
        // What the peer acknowledges still counts …
        let next = i64::from(s.tcb.rcv_nxt() - s.theirs(0));
        s.deliver(&seg!(seq: next, ack: 1_001));
        assert_eq!(s.tcb.acked_to(), 1_000);
        // … and data flows again when there is room.
        call!(s, consumed 9_999);
        let update = s.poll().expect("the window opens");
        assert_eq!((update.ack, update.win.is_some_and(|win| win >= 9_999)), (Some(next), true));
        send!(s, seq: next, ack: 1_001, len: 1_000);
        also!(s, seq: next + 1_000, ack: 1_001, len: 1_000);
        assert_eq!(s.poll().and_then(|seg| seg.ack), Some(next + 2_000));
    });
}

/// §2.13: an acknowledgment for each third segment, or for more.
// RFC 2525-13
#[test]
fn no_acknowledgment_stands_for_more_than_two_segments_of_a_stream() {
    for config in [plain(), plain_but(|config| config.timestamps = true)] {
        play(|stage| {
            let mut s = stage.established(&config);
            let full = s.tcb.effective_send_mss();
            let (mut next, mut waiting) = (1, 0);
            for k in 1..=40 {
                let seg = seg!(seq: next, ack: 1, len: full);
                s.send(&if config.timestamps { seg.ts((k, 0)) } else { seg });
                call!(s, consumed full);
                next += i64::from(full);
                waiting += 1;
                for ack in s.burst() {
                    assert_eq!(ack.ack, Some(next));
                    waiting = 0;
                }
                assert!(waiting < 2, "{waiting} segments wait for an acknowledgment");
            }
            let _last = s.pass(span!(1 s));
        });
    }
}

/// §2.14: at a timeout, or the third duplicate, everything goes again at once.
// RFC 2525-14
#[test]
fn a_retransmission_is_one_segment() {
    play(|stage| {
        let mut s = ten_in_flight(stage);
        advance!(s, 7 s, {
            1 s => (seq: 1, ack: 1, len: 1_000),
            3 s => (seq: 1, ack: 1, len: 1_000),
            7 s => (seq: 1, ack: 1, len: 1_000),
        });

        let mut s = ten_in_flight(stage);
        for _ in 0..3 {
            expect_none!(s);
            send!(s, seq: 1, ack: 1);
        }
        expect!(s, seq: 1, ack: 1, len: 1_000);
        for _ in 0..6 {
            send!(s, seq: 1, ack: 1);
            expect_none!(s);
        }
    });
}

/// §2.15: a FIN that waits for acknowledgments, for Nagle, or for a timer.
// RFC 2525-15
#[test]
fn a_fin_goes_out_when_the_user_closes() {
    play(|stage| {
        let mut s = stage.established(&plain());
        call!(s, Close);
        expect!(s, FIN, seq: 1, ack: 1);

        // Something small is in flight, something small is queued.
        let mut s = stage.established(&plain());
        call!(s, queue 10);
        expect!(s, PSH, seq: 1, ack: 1, len: 10);
        call!(s, queue 10);
        expect_none!(s);
        call!(s, Shutdown);
        expect!(s, FIN, PSH, seq: 11, ack: 1, len: 10);

        // All that was queued is in flight.
        let mut s = stage.established(&plain());
        call!(s, queue 3_000);
        assert_eq!(s.burst().len(), 3);
        call!(s, Shutdown);
        expect!(s, FIN, seq: 3_001, ack: 1);

        // The peer has closed before.
        let mut s = stage.established(&plain());
        send!(s, FIN, seq: 1, ack: 1);
        expect!(s, seq: 1, ack: 2, win: 9_999);
        call!(s, Close);
        expect!(s, FIN, seq: 1, ack: 2, win: 9_999);
    });
}

/// §2.16: whoever has closed both directions acknowledges, for ever, what nobody will read.
// RFC 2525-16
#[test]
fn data_for_a_user_who_has_gone_is_answered_by_a_reset() {
    play(|stage| {
        let mut s = stage.established(&plain());
        call!(s, Close);
        expect!(s, FIN, seq: 1, ack: 1);
        send!(s, seq: 1, ack: 2);
        state!(s, FinWait2);
        refuse!(s, DataAfterClose, seq: 1, ack: 2, len: 1_000);
        expect!(s, RST, seq: 2, ack: 1);
        closed!(s, Discarded);
    });
}

/// §2.17: a FIN though the user has not read what was acknowledged: the peer believes that all has arrived.
// RFC 2525-17
#[test]
fn a_close_with_octets_unread_is_no_orderly_end() {
    play(|stage| {
        let mut s = stage.established(&plain());
        send!(s, seq: 1, ack: 1, len: 500);
        also!(s, seq: 501, ack: 1, len: 500);
        call!(s, consumed 999);
        let _acks = s.pass(span!(1 s));
        call!(s, Close);
        expect!(s, RST, seq: 1, ack: 1_001);
        closed!(s, Discarded);
    });
}

/// §2.18: segments as large as if there were no options, which IP then has to cut up.
// RFC 2525-18
#[test]
fn options_count_in_the_size_of_a_segment() {
    play(|stage| {
        let mut s = stage.established(&plain_but(|config| (config.timestamps, config.sack) = (true, true)));
        let whole = |seg: &Seg| {
            let stamps = if seg.ts.is_some() { 12 } else { 0 };
            let blocks = if seg.sack.is_empty() { 0 } else { 4 + 8 * seg.sack.len() };
            seg.len as usize + stamps + blocks
        };
        call!(s, queue 5_000);
        let plain = s.burst();
        assert!(plain.iter().any(|seg| whole(seg) == 1_000) && plain.iter().all(|seg| whole(seg) <= 1_000));
        send!(s, seq: 2_001, ack: 1, len: 10, ts: (1, 0));
        let _ack = s.burst();
        s.send(&seg!(seq: 4_001, ack: 4_941, len: 10, ts: (2, 0)));
        call!(s, queue 5_000);
        let with_blocks = s.burst();
        assert!(with_blocks.iter().any(|seg| seg.sack.len() == 2 && whole(seg) == 1_000), "{with_blocks:?}");
        assert!(with_blocks.iter().all(|seg| whole(seg) <= 1_000), "{with_blocks:?}");
    });
}
