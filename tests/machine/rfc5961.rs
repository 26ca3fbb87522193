//! Blind attacks, and two ends that disagree about the numbers: RFC 5961, RFC 9293 §3.5.1 and §3.10.7.4.

use std::time::Duration;

use tcpstate::tcp::{Command, Queue, SegmentMeta, Tcb, Unpredictable};
use tcpstate::{Instant, SeqNumber, State, TcpFlags};

use super::script::{plain, plain_but, play};

/// RFC 5961 §3.2: a reset at RCV.NXT exactly is believed.
// RFC 9293 X-5, MUST-12
// RFC 5961-2
#[test]
fn a_reset_at_rcv_nxt_resets() {
    play(|stage| {
        let mut s = stage.established(&plain());
        send!(s, seq: 1, ack: 1, len: 100);
        also!(s, RST, seq: 101);
        closed!(s, Reset);
    });
}

/// RFC 5961 §3.2: elsewhere in the window it is challenged: `<SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>`.
// RFC 9293 X-5
// RFC 5961-3, 5961-4
#[test]
fn a_reset_elsewhere_in_the_window_is_challenged() {
    play(|stage| {
        let mut s = stage.established(&plain());
        call!(s, queue 1_000);
        expect!(s, PSH, seq: 1, ack: 1, len: 1_000);
        for seq in [2, 500, 10_000] {
            refuse!(s, ResetNotExact, RST, seq: seq);
            expect!(s, seq: 1_001, ack: 1);
        }
        state!(s, Established);
        // The peer that did send it answers the challenge with a reset that fits.
        send!(s, RST, seq: 1);
        closed!(s, Reset);
    });
}

/// RFC 5961 §3.2: outside the window it is dropped without a word.
// RFC 9293 X-5
// RFC 5961-1
#[test]
fn a_reset_outside_the_window_is_dropped_silently() {
    play(|stage| {
        let mut s = stage.established(&plain());
        for seq in [0, -1, 10_001, 1_000_000, -1_000_000] {
            refuse!(s, ResetOutsideWindow, RST, seq: seq);
            refuse!(s, ResetOutsideWindow, RST, seq: seq, ack: 1);
            expect_none!(s);
        }
        state!(s, Established);
    });
}

/// With text waiting out of order RCV.NXT is still the only number.
// RFC 5961-3
#[test]
fn a_reset_behind_a_gap_is_challenged() {
    play(|stage| {
        let mut s = stage.established(&plain());
        send!(s, seq: 101, ack: 1, len: 100);
        expect!(s, seq: 1, ack: 1);
        refuse!(s, ResetNotExact, RST, seq: 201);
        expect!(s, seq: 1, ack: 1);
        send!(s, RST, seq: 1);
        closed!(s, Reset);
    });
}

/// RFC 5961 §4.2: a SYN is challenged whatever its number, and tears nothing down.
// RFC 9293 X-6
// RFC 5961-5
#[test]
fn a_syn_on_an_open_connection_is_challenged() {
    play(|stage| {
        let mut s = stage.established(&plain());
        for seq in [1, 700, 10_000] {
            refuse!(s, SynOnOpenConnection, SYN, seq: seq, mss: 1_000);
            expect!(s, seq: 1, ack: 1);
            refuse!(s, SynOnOpenConnection, SYN, seq: seq, ack: 1, mss: 1_000);
            expect!(s, seq: 1, ack: 1);
        }
        refuse!(s, BelowWindow, SYN, seq: 0, mss: 1_000);
        expect!(s, seq: 1, ack: 1);
        refuse!(s, AboveWindow, SYN, seq: 90_000, mss: 1_000);
        expect!(s, seq: 1, ack: 1);
        state!(s, Established);
    });
}

/// §3.5.1, Figure 9: the peer has crashed and opens anew; the challenge makes it reset our old connection.
// RFC 9293
// RFC 5961-6
#[test]
fn a_half_open_connection_is_found_by_the_peers_syn() {
    play(|stage| {
        let mut s = stage.established(&plain());
        call!(s, queue 100);
        expect!(s, PSH, seq: 1, ack: 1, len: 100);
        refuse!(s, AboveWindow, SYN, seq: 400_000, mss: 1_000);
        expect!(s, seq: 101, ack: 1);
        send!(s, RST, seq: 1); // the peer in SYN-SENT: <SEQ=SEG.ACK><CTL=RST>
        closed!(s, Reset);
    });
}

/// RFC 5961 §5.2: SND.UNA − MAX.SND.WND =< SEG.ACK =< SND.NXT, both ends included.
// RFC 9293 MAY-12, X-8
// RFC 5961-7
#[test]
fn an_acknowledgment_must_lie_in_the_range_that_the_peer_can_have_seen() {
    play(|stage| {
        let mut s = stage.established(&plain());
        call!(s, queue 1_000);
        expect!(s, PSH, seq: 1, ack: 1, len: 1_000);
        send!(s, seq: 1, ack: 1_001, win: 100); // SND.UNA 1,001; the largest window was 30,000
        send!(s, seq: 1, ack: -28_999, win: 100, len: 10);
        assert_eq!(s.tcb.readable_to(), 10);
        advance!(s, 40 ms, { 40 ms => (seq: 1_001, ack: 11, win: 9_990) });
        refuse!(s, AckTooOld, seq: 11, ack: -29_000, win: 100, len: 10);
        assert_eq!(s.tcb.readable_to(), 10);
        expect!(s, seq: 1_001, ack: 11, win: 9_990);
        refuse!(s, AckOfUnsent, seq: 11, ack: 1_002, win: 100, len: 10);
        assert_eq!(s.tcb.readable_to(), 10);
        expect!(s, seq: 1_001, ack: 11, win: 9_990);
    });
}

/// RFC 5961 §7: a limit for each second, and for each connection its own.
// RFC 5961-9, 5961-10
#[test]
fn challenges_are_limited_in_each_second() {
    play(|stage| {
        for limit in [1, 10] {
            let mut s = stage.established(&plain_but(|config| config.challenge_acks = limit));
            for second in 0..3 {
                for _ in 0..limit {
                    refuse!(s, ResetNotExact, RST, seq: 2);
                    expect!(s, seq: 1, ack: 1);
                }
                for _ in 0..3 {
                    refuse!(s, ResetNotExact, RST, seq: 2);
                    refuse!(s, SynOnOpenConnection, SYN, seq: 2);
                    refuse!(s, AckTooOld, seq: 1, ack: -50_000);
                    refuse!(s, AckOfUnsent, seq: 1, ack: 50_000);
                    expect_none!(s);
                }
                if second < 2 {
                    advance!(s, 999 ms);
                    refuse!(s, ResetNotExact, RST, seq: 2);
                    expect_none!(s);
                    advance!(s, 1 ms);
                }
            }
            state!(s, Established);
        }
    });
}

/// RFC 5961 §7 speaks of any span of time, not of the seconds of a clock: challenges of one moment count for the
/// whole second that follows it.
// RFC 5961-9
#[test]
fn no_second_has_more_challenges_than_the_limit() {
    play(|stage| {
        let mut s = stage.established(&plain());
        refuse!(s, ResetNotExact, RST, seq: 2);
        expect!(s, seq: 1, ack: 1);
        advance!(s, 990 ms);
        let mut challenges = 0;
        for _ in 0..20 {
            refuse!(s, ResetNotExact, RST, seq: 2);
            challenges += s.burst().len();
        }
        advance!(s, 10 ms);
        for _ in 0..20 {
            refuse!(s, ResetNotExact, RST, seq: 2);
            challenges += s.burst().len();
        }
        assert!(challenges <= 10, "{challenges} in 10 ms");
    });
}

/// RFC 5961 §5.2: who acknowledges what is long past is answered, and the text that comes with it is dropped.
// RFC 5961-8
#[test]
fn an_acknowledgment_that_is_too_old_is_challenged_and_its_text_dropped() {
    play(|stage| {
        let mut s = stage.established(&plain()); // the largest window so far is 30,000
        refuse!(s, AckTooOld, seq: 1, ack: -30_000, len: 10);
        expect!(s, seq: 1, ack: 1);
    });
}

/// The limit is about challenges; it holds nothing else back.
// RFC 5961-11
#[test]
fn used_up_challenges_do_not_hold_back_acknowledgments() {
    play(|stage| {
        let mut s = stage.established(&plain());
        for _ in 0..20 {
            s.deliver_any(&seg!(RST, seq: 2));
            let _challenge = s.burst();
        }
        send!(s, seq: 101, ack: 1, len: 100);
        expect!(s, seq: 1, ack: 1);
        send!(s, RST, seq: 1);
        closed!(s, Reset);
    });
}

// --- Two machines that disagree ---

const START: Instant = Instant::from_nanos(5_000_000_000);

/// A machine that takes its connection for open, with these numbers.
fn open(iss: u32, irs: u32) -> Tcb {
    let secrets = Unpredictable { iss: SeqNumber::new(iss), timestamp_offset: 0 };
    let mut tcb = Tcb::connect(plain(), secrets, START);
    tcb.poll_segment(START).expect("a SYN");
    let syn_ack = SegmentMeta {
        seq: SeqNumber::new(irs),
        ack: SeqNumber::new(iss) + 1,
        flags: TcpFlags::SYN | TcpFlags::ACK,
        window: 30_000,
        ..SegmentMeta::default()
    };
    tcb.on_segment(START, &syn_ack);
    tcb.poll_segment(START).expect("an ACK");
    assert_eq!(tcb.state(), State::Established);
    tcb
}

/// Lets the two talk without delay until both are silent, for so long; counts the segments of each second.
fn talk(ends: &mut [Tcb; 2], span: Duration) -> Vec<usize> {
    let mut seconds = vec![0];
    let (mut now, end) = (START, START + span);
    loop {
        let mut silent = false;
        while !silent {
            silent = true;
            for from in [0, 1] {
                while let Some(plan) = ends[from].poll_segment(now) {
                    silent = false;
                    ends[1 - from].on_segment(now, &plan.meta);
                    let second = (now - START).as_secs() as usize;
                    seconds.resize(second + 1, 0);
                    seconds[second] += 1;
                    assert!(seconds[second] < 1_000, "the two never fall silent");
                }
            }
        }
        let next = ends.iter().filter_map(Tcb::poll_timeout).min();
        match next.filter(|&next| next <= end) {
            Some(next) => now = now.max(next),
            None => return seconds,
        }
        for tcb in ends.iter_mut() {
            tcb.on_timeout(now);
        }
    }
}

/// RFC 5961 §7 and §10: an ACK that answers an ACK must not draw another for ever, whichever numbers the two
/// believe in.
// RFC 5961-13
#[test]
fn two_ends_that_disagree_do_not_loop() {
    let offsets = [0_u32, 1, 2, 900, 1_001, 29_000, 70_000, 1 << 30, 1 << 31, 3 << 30];
    let offsets = offsets.into_iter().flat_map(|offset| [offset, offset.wrapping_neg()]);
    let offsets: Vec<u32> = offsets.collect();
    for &ours in &offsets {
        for &theirs in &offsets {
            let (a, b) = (5_000_u32, u32::MAX - 300);
            let mut ends = [open(a, b), open(b.wrapping_add(ours), a.wrapping_add(theirs))];
            for end in &mut ends {
                let queue = Queue { len: 1_500, ..Queue::default() };
                end.on_command(START, Command::Queue(queue)).expect("an open connection takes data");
            }
            let seconds = talk(&mut ends, Duration::from_secs(400));
            // Two data segments each, an answer to each, and the challenges that a second allows.
            assert!(seconds.iter().all(|&count| count <= 40), "{ours} {theirs}: {seconds:?}");
        }
    }
}

/// The same when all that is exchanged is acknowledgments: one stray ACK sets it off.
// RFC 5961-13
#[test]
fn two_ends_that_disagree_answer_a_stray_ack_a_few_times_only() {
    for (ours, theirs) in [(50_000, 50_000), (1 << 31, 7), (7, 1 << 31), (1, 1)] {
        let (a, b) = (5_000_u32, 900_000);
        let mut ends = [open(a, b), open(b + ours, a + theirs)];
        let stray = SegmentMeta {
            seq: SeqNumber::new(b),
            ack: SeqNumber::new(a),
            flags: TcpFlags::ACK,
            window: 30_000,
            ..SegmentMeta::default()
        };
        ends[0].on_segment(START, &stray);
        let seconds = talk(&mut ends, Duration::from_secs(60));
        assert!(seconds.iter().sum::<usize>() <= 20, "{ours} {theirs}: {seconds:?}");
    }
}

/// §3.5.1, Figure 9, played by two machines: the survivor is reset, the newcomer's SYN then finds nobody.
// RFC 9293
#[test]
fn a_newcomer_and_a_survivor_sort_it_out() {
    let survivor = open(5_000, 900_000);
    let secrets = Unpredictable { iss: SeqNumber::new(123_456_789), timestamp_offset: 0 };
    let newcomer = Tcb::connect(plain(), secrets, START);
    let mut ends = [newcomer, survivor];
    let seconds = talk(&mut ends, Duration::from_millis(500));
    assert_eq!(seconds, [3], "SYN, challenge, reset");
    assert_eq!(ends[0].state(), State::SynSent);
    assert_eq!(ends[1].state(), State::Closed);
}
