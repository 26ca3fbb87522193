//! Windows as the receiver gives and the sender takes them: RFC 9293 §3.8.6, §3.8.6.2 and §3.10.7.4.
//!
//! That our right edge never moves left is checked for every segment of every script (`script.rs`).

use super::script::{plain, plain_but, play};

/// §3.8.6.2.2: as octets arrive and nobody reads, the right edge stays and the window shrinks by as many.
// RFC 9293 MUST-39, SHLD-14
#[test]
fn unread_octets_come_off_the_window() {
    play(|stage| {
        let mut s = stage.established(&plain());
        for k in 1..=5_u16 {
            send!(s, seq: 2_000 * i64::from(k) - 1_999, ack: 1, len: 1_000);
            also!(s, seq: 2_000 * i64::from(k) - 999, ack: 1, len: 1_000);
            expect!(s, seq: 1, ack: 2_000 * i64::from(k) + 1, win: 10_000 - 2_000 * k);
        }
        assert_eq!(s.tcb.rcv_wnd(), 0);
    });
}

/// Octets out of order take their room in the window when their turn comes, not before.
// RFC 9293 SHLD-14
#[test]
fn octets_out_of_order_do_not_move_the_window() {
    play(|stage| {
        let mut s = stage.established(&plain());
        for k in 1..=9 {
            send!(s, seq: 1_000 * k + 1, ack: 1, len: 1_000);
            expect!(s, seq: 1, ack: 1);
        }
        send!(s, seq: 1, ack: 1, len: 1_000);
        expect!(s, seq: 1, ack: 10_001, win: 0);
    });
}

/// §3.8.6.2.2: "keep RCV.NXT+RCV.WND fixed until the reduction satisfies: RCV.BUFF - RCV.USER - RCV.WND >=
/// min(Fr * RCV.BUFF, Eff.snd.MSS)": a reader who takes less than that does not move the edge.
// RFC 9293 MUST-39
#[test]
fn a_reader_of_crumbs_does_not_move_the_edge() {
    play(|stage| {
        let mut s = stage.established(&plain());
        send!(s, seq: 1, ack: 1, len: 1_000);
        also!(s, seq: 1_001, ack: 1, len: 1_000);
        expect!(s, seq: 1, ack: 2_001, win: 8_000);
        for _ in 0..9 {
            call!(s, consumed 111); // 999 at the end
            expect_none!(s);
        }
        send!(s, seq: 2_001, ack: 1, len: 1);
        advance!(s, 40 ms, { 40 ms => (seq: 1, ack: 2_002, win: 7_999) });
    });
}

/// The inequality of §3.8.6.2.2 holds from one segment on: an ACK that is sent anyway shows the window in full.
// RFC 9293 MUST-39
#[test]
fn the_edge_moves_by_a_segment_on_an_ack_that_is_sent_anyway() {
    play(|stage| {
        let mut s = stage.established(&plain());
        send!(s, seq: 1, ack: 1, len: 1_000);
        also!(s, seq: 1_001, ack: 1, len: 1_000);
        expect!(s, seq: 1, ack: 2_001, win: 8_000);
        call!(s, consumed 1_000);
        expect_none!(s);
        send!(s, seq: 2_001, ack: 1, len: 1);
        advance!(s, 40 ms, { 40 ms => (seq: 1, ack: 2_002, win: 8_999) });
    });
}

/// A reader who has taken two segments' worth is worth a segment of our own.
// RFC 9293 MUST-39
#[test]
fn a_window_that_grows_by_two_segments_is_announced() {
    play(|stage| {
        let mut s = stage.established(&plain());
        for k in 0..4 {
            send!(s, seq: 1_000 * k + 1, ack: 1, len: 1_000);
            let _acks = s.burst();
        }
        call!(s, consumed 1_999);
        expect_none!(s);
        call!(s, consumed 1);
        expect!(s, seq: 1, ack: 4_001, win: 8_000);
        expect_none!(s);
        call!(s, consumed 2_000);
        expect!(s, seq: 1, ack: 4_001);
    });
}

/// After the peer's FIN nothing more will come: nobody needs to hear of a larger window.
#[test]
fn no_window_is_announced_after_the_peers_fin() {
    play(|stage| {
        let mut s = stage.established(&plain());
        send!(s, FIN, seq: 1, ack: 1, len: 8_000);
        expect!(s, seq: 1, ack: 8_002, win: 1_999);
        call!(s, consumed 8_000);
        expect_none!(s);
    });
}

/// With a buffer of less than four segments half of it is enough (Fr = 1/2).
// RFC 9293 MUST-39
// RFC 1122-5
#[test]
fn half_of_a_small_buffer_is_announced() {
    play(|stage| {
        let mut s = stage.established(&plain_but(|config| config.receive_window = 1_500));
        send!(s, seq: 1, ack: 1, len: 1_000);
        also!(s, seq: 1_001, ack: 1, len: 500);
        advance!(s, 40 ms, { 40 ms => (seq: 1, ack: 1_501, win: 0) });
        call!(s, consumed 749);
        expect_none!(s);
        call!(s, consumed 1);
        expect!(s, seq: 1, ack: 1_501, win: 750);
    });
}

/// A closed window stays closed until a whole step of it can open.
// RFC 9293 MUST-39, MAY-8
#[test]
fn a_closed_window_does_not_open_by_crumbs() {
    play(|stage| {
        let mut s = stage.established(&plain());
        for k in 0..10 {
            send!(s, seq: 1_000 * k + 1, ack: 1, len: 1_000);
            let _acks = s.burst();
        }
        call!(s, consumed 999);
        expect_none!(s);
        refuse!(s, ZeroWindow, seq: 10_001, ack: 1, len: 1);
        expect!(s, seq: 1, ack: 10_001, win: 0);
        call!(s, consumed 1_001);
        expect!(s, seq: 1, ack: 10_001, win: 2_000);
        send!(s, seq: 10_001, ack: 1, len: 1_000);
        also!(s, seq: 11_001, ack: 1, len: 1_000);
        expect!(s, seq: 1, ack: 12_001, win: 0);
    });
}

/// The update rides on whatever is sent; nobody needs it twice.
// RFC 9293 MUST-58
#[test]
fn a_window_update_rides_on_data() {
    play(|stage| {
        let mut s = stage.established(&plain());
        for k in 0..4 {
            send!(s, seq: 1_000 * k + 1, ack: 1, len: 1_000);
            let _acks = s.burst();
        }
        call!(s, consumed 4_000);
        call!(s, queue 10);
        expect!(s, PSH, seq: 1, ack: 4_001, len: 10);
        expect_none!(s);
    });
}

/// A reader who keeps up leaves the window as it is; each ACK shows it.
// RFC 9293 MUST-39
#[test]
fn a_reader_who_keeps_up_keeps_the_window_open() {
    play(|stage| {
        let mut s = stage.established(&plain());
        for k in 1..=20 {
            send!(s, seq: 2_000 * k - 1_999, ack: 1, len: 1_000);
            call!(s, consumed 1_000);
            also!(s, seq: 2_000 * k - 999, ack: 1, len: 1_000);
            call!(s, consumed 1_000);
            expect!(s, seq: 1, ack: 2_000 * k + 1);
            expect_none!(s);
        }
    });
}

/// §3.1: "The window size MUST be treated as an unsigned number".
// RFC 9293 MUST-1, REC-1
#[test]
fn a_large_window_is_not_negative() {
    play(|stage| {
        let mut s = stage.established(&plain_but(|config| config.initial_window = 255));
        send!(s, seq: 1, ack: 1, win: 65_535);
        assert_eq!(s.tcb.snd_wnd(), 65_535);
        call!(s, queue 65_000);
        assert_eq!(s.burst().len(), 65);
    });
}

/// §3.10.7.4, fifth check: the window counts if SND.WL1 < SEG.SEQ, or SND.WL1 = SEG.SEQ and SND.WL2 =< SEG.ACK.
// RFC 9293 X-9
#[test]
fn an_older_segment_does_not_change_the_window() {
    play(|stage| {
        let mut s = stage.established(&plain());
        send!(s, seq: 101, ack: 1, len: 10, win: 2_000); // WL1 = 101
        assert_eq!(s.tcb.snd_wnd(), 2_000);
        expect!(s, seq: 1, ack: 1);
        send!(s, seq: 1, ack: 1, len: 50, win: 9_000); // older
        assert_eq!(s.tcb.snd_wnd(), 2_000);
        expect!(s, seq: 1, ack: 51, win: 9_950);
        send!(s, seq: 101, ack: 1, win: 4_000); // the same again
        assert_eq!(s.tcb.snd_wnd(), 4_000);
    });
}

/// The same rule for segments with the same number: the older acknowledgment has the older window.
#[test]
fn an_older_acknowledgment_does_not_change_the_window() {
    play(|stage| {
        let mut s = stage.established(&plain());
        call!(s, queue 2_000);
        assert_eq!(s.burst().len(), 2);
        send!(s, seq: 1, ack: 2_001, win: 4_000);
        send!(s, seq: 1, ack: 1_001, win: 8_000);
        assert_eq!(s.tcb.snd_wnd(), 4_000);
        send!(s, seq: 1, ack: 2_001, win: 3_000); // WL2 equal
        assert_eq!(s.tcb.snd_wnd(), 3_000);
    });
}

/// §3.8.6: never more than the window in flight.
// RFC 9293 SHLD-15
// RFC 5681-2
#[test]
fn no_more_is_sent_than_the_window_takes() {
    play(|stage| {
        let mut s = stage.established(&plain());
        send!(s, seq: 1, ack: 1, win: 3_000);
        call!(s, queue 8_000);
        assert_eq!(s.burst().len(), 3);
        send!(s, seq: 1, ack: 1_001, win: 3_000);
        expect!(s, seq: 3_001, ack: 1, len: 1_000);
        send!(s, seq: 1, ack: 2_001, win: 2_000); // the right edge stays
        expect_none!(s);
        send!(s, seq: 1, ack: 4_001, win: 2_000);
        assert_eq!(s.burst().len(), 2);
    });
}

/// §3.8.6: a window that shrinks below what is in flight: no new data; the old is retransmitted as usual.
// RFC 9293 MUST-34, SHLD-15, SHLD-16
#[test]
fn a_shrunk_window_is_survived() {
    play(|stage| {
        let mut s = stage.established(&plain());
        call!(s, queue 8_000);
        assert_eq!(s.burst().len(), 8);
        call!(s, queue 8_000);
        assert_eq!(s.burst().len(), 2);
        send!(s, seq: 1, ack: 1_001, win: 2_000); // octets to 3,001; 10,001 are in flight
        expect_none!(s);
        advance!(s, 1 s, { 1 s => (seq: 1_001, ack: 1, len: 1_000) });
        send!(s, seq: 1, ack: 2_001, win: 1_000);
        expect!(s, seq: 2_001, ack: 1, len: 1_000);
        send!(s, seq: 1, ack: 3_001, win: 30_000);
        let sent = s.burst();
        assert_eq!(sent[0], seg!(seq: 3_001, ack: 1, len: 1_000, win: 10_000));
    });
}

/// What is retransmitted ends at the right edge too; beyond it the peer has no room any more.
// RFC 9293 MUST-34, SHLD-16
#[test]
fn a_retransmission_ends_at_the_edge_of_a_shrunk_window() {
    play(|stage| {
        let mut s = stage.established(&plain());
        call!(s, queue 10_000);
        assert_eq!(s.burst().len(), 10);
        s.peer_window = 500;
        for _ in 0..3 {
            send!(s, seq: 1, ack: 1); // the first has another window, and is no duplicate
            expect_none!(s);
        }
        send!(s, seq: 1, ack: 1);
        expect!(s, seq: 1, ack: 1, len: 500);
    });
}

/// Table 6, from the other side: an ACK whose number lies beyond the peer's shrunk window would not be accepted
/// there, and what it acknowledges would be sent again and again.
// RFC 9293 MUST-34, X-4
#[test]
fn an_acknowledgment_to_a_shrunk_window_has_a_number_inside_it() {
    play(|stage| {
        let mut s = stage.established(&plain());
        call!(s, queue 3_000);
        assert_eq!(s.burst().len(), 3);
        send!(s, FIN, seq: 1, ack: 1, win: 1_000);
        expect!(s, seq: 1_001, ack: 2, win: 9_999);
    });
}

/// A window field counts in units: the edge that it names stays all the same while segments of any size come in
/// (RFC 7323 §2.4), and the buffer is overcommitted by an eighth at the most.
// RFC 9293 SHLD-14
// RFC 7323-9
#[test]
fn the_right_edge_stays_where_windows_are_scaled() {
    for size in [1_001, 999, 517, 1_448] {
        play(|stage| {
            let mut config = plain_but(|config| config.window_scaling = true);
            config.receive_window = 1 << 20;
            let mut s = stage.answered(&config, &seg!(SYN, seq: 0, ack: 1, mss: 1_000, wscale: 0));
            let (mut seq, mut edge) = (1, 0);
            while s.tcb.rcv_wnd() > 2_000 {
                send!(s, seq: seq, ack: 1, len: size);
                seq += i64::from(size);
                for sent in s.burst() {
                    let win = i64::from(sent.win.expect("a window")) << s.tcb.receive_scale();
                    let named = sent.ack.expect("an ACK") + win;
                    assert!(named >= edge, "{edge} to {named}");
                    edge = named;
                }
            }
            assert!(edge <= (1 << 20) + (1 << 17) + 1, "{edge}");
            let _last = s.pass(span!(100 ms));
        });
    }
}

/// A buffer of nothing would never take a FIN: it counts as one octet.
#[test]
fn the_smallest_receive_window_is_one_octet() {
    play(|stage| {
        let config = plain_but(|config| config.receive_window = 0);
        let now = tcpstate::Instant::ZERO;
        let mut tcb = tcpstate::tcp::Tcb::connect(config, stage.secrets(), now);
        assert_eq!(tcb.poll_segment(now).map(|plan| plan.meta.window), Some(1));
    });
}

/// RFC 7323 §2.4: a peer may round its window down, and has room for what was in flight all the same: a bare
/// acknowledgment stands behind that, where the peer expects it.
// RFC 7323-10
#[test]
fn what_rounding_takes_from_the_peers_window_does_not_move_an_acknowledgment() {
    play(|stage| {
        let config = plain_but(|config| (config.window_scaling, config.nagle) = (true, false));
        let mut s = stage.answered(&config, &seg!(SYN, seq: 0, ack: 1, mss: 1_000, wscale: 7));
        send!(s, seq: 1, ack: 1, win: 10); // 1,280 octets
        call!(s, queue 1_280);
        assert_eq!(s.burst().len(), 2);
        send!(s, seq: 1, ack: 101, win: 9, len: 10); // up to 1,253
        advance!(s, 40 ms, { 40 ms => (seq: 1_281, ack: 11, win: 9_990) });
        send!(s, seq: 11, ack: 1_281, win: 10);
    });
}

/// §3.8.6: what the SYN,ACK offers is taken, though the buffer was smaller when the SYN came.
#[test]
fn a_buffer_that_grows_before_the_syn_ack_is_offered_and_kept() {
    play(|stage| {
        let mut s = stage.listen(&plain());
        send!(s, SYN, seq: 0);
        s.tcb.configure(s.at(), |config| config.receive_window = 20_000).expect("it is open");
        expect!(s, SYN, seq: 0, ack: 1, win: 20_000, mss: 1_000);
        send!(s, seq: 1, ack: 1);
        send!(s, seq: 15_001, ack: 1, len: 1_000);
        expect!(s, seq: 1, ack: 1, win: 20_000);
        assert_eq!(s.tcb.out_of_order().count(), 1, "it lies within what was offered");
    });
}

/// SHLD-14: what a SYN has offered stays, though the buffer is smaller when the SYN,ACK comes.
// RFC 9293 SHLD-14
#[test]
fn a_buffer_that_shrinks_after_the_syn_takes_nothing_back() {
    play(|stage| {
        let mut s = stage.connect(&plain());
        expect!(s, SYN, seq: 0, win: 10_000, mss: 1_000);
        assert_eq!(s.tcb.rcv_wnd(), 10_000);
        s.tcb.configure(s.at(), |config| config.receive_window = 5_000).expect("it is open");
        advance!(s, 1 s, { 1 s => (SYN, seq: 0, win: 10_000, mss: 1_000) });
        send!(s, SYN, seq: 0, ack: 1, mss: 1_000);
        expect!(s, seq: 1, ack: 1, win: 10_000);
        assert_eq!(s.tcb.rcv_wnd(), 10_000);
    });
}

/// A larger buffer than the SYN has offered is offered with the first acknowledgment, and not believed before.
#[test]
fn a_buffer_that_grows_after_the_syn_is_offered_with_the_acknowledgment() {
    play(|stage| {
        let mut s = stage.connect(&plain());
        expect!(s, SYN, seq: 0, win: 10_000, mss: 1_000);
        s.tcb.configure(s.at(), |config| config.receive_window = 20_000).expect("it is open");
        send!(s, SYN, seq: 0, ack: 1, mss: 1_000);
        assert_eq!(s.tcb.rcv_wnd(), 10_000);
        expect!(s, seq: 1, ack: 1, win: 20_000);
        assert_eq!(s.tcb.rcv_wnd(), 20_000);
    });
}

/// SYNs that cross: the SYN,ACK takes back nothing of what the SYN has offered.
// RFC 9293 SHLD-14, MUST-10
#[test]
fn a_buffer_that_shrinks_between_crossing_syns_takes_nothing_back() {
    play(|stage| {
        let mut s = stage.connect(&plain());
        expect!(s, SYN, seq: 0, win: 10_000, mss: 1_000);
        s.tcb.configure(s.at(), |config| config.receive_window = 5_000).expect("it is open");
        send!(s, SYN, seq: 0, mss: 1_000);
        expect!(s, SYN, seq: 0, ack: 1, win: 10_000, mss: 1_000);
        send!(s, SYN, seq: 0, ack: 1, mss: 1_000);
        assert_eq!(s.tcb.rcv_wnd(), 10_000);
    });
}
