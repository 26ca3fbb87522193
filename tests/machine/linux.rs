//! The order in which Linux checks what arrives, where an embedder asks for it: see `Dialect`.

use tcpstate::tcp::{Dialect, TcpConfig};

use super::script::{Script, Stage, plain, plain_but, play};

fn linux() -> TcpConfig {
    linux_but(|_| {})
}

fn linux_but(change: impl FnOnce(&mut TcpConfig)) -> TcpConfig {
    plain_but(|config| {
        config.dialect = Dialect::Linux;
        change(config);
    })
}

/// FIN-WAIT-2, with 100 octets of the peer received, and the user gone.
fn half_forgotten(stage: Stage, config: &TcpConfig) -> Script {
    let mut s = stage.established(config);
    send!(s, seq: 1, ack: 1, len: 100);
    call!(s, consumed 100);
    s.burst();
    call!(s, Close);
    let fin = s.poll().expect("a FIN");
    assert_eq!((fin.seq, fin.ack), (1, Some(101)));
    send!(s, seq: 101, ack: 2);
    state!(s, FinWait2);
    s
}

/// What has octets that are known already, up to RCV.NXT or to what was acknowledged last: its acknowledgment counts.
#[test]
fn the_acknowledgment_of_a_duplicate_that_ends_where_we_are_counts() {
    play(|stage| {
        for (seq, len, counts) in
            [(1, 200, true), (101, 100, true), (200, 1, true), (1, 199, false), (1, 0, false)]
        {
            let mut s = stage.established(&linux());
            send!(s, seq: 1, ack: 1, len: 200);
            s.burst();
            advance!(s, 1 s, { 40 ms => (seq: 1, ack: 201, win: 9_800) });
            call!(s, queue 1_000);
            expect!(s, PSH, seq: 1, ack: 201, win: 9_800, len: 1_000);
            refuse!(s, BelowWindow, seq: seq, ack: 1_001, len: len);
            expect!(s, seq: 1_001, ack: 201, win: 9_800);
            assert_eq!(s.tcb.acked_to() == 1_000, counts, "{len} octets at {seq}");
        }
    });
}

/// A reset where the peer's FIN stood: some hosts send it so.
#[test]
fn a_reset_in_the_place_of_the_fin_counts() {
    play(|stage| {
        let mut s = stage.established(&linux());
        send!(s, FIN, seq: 1, ack: 1);
        s.burst();
        state!(s, CloseWait);
        send!(s, RST, seq: 1);
        state!(s, Closed);

        let mut s = stage.established(&plain());
        send!(s, FIN, seq: 1, ack: 1);
        s.burst();
        refuse!(s, ResetOutsideWindow, RST, seq: 1);
        state!(s, CloseWait);
    });
}

/// Whom the user has left waits for a FIN and nothing else.
#[test]
fn after_a_close_anything_new_but_a_fin_is_reset() {
    play(|stage| {
        for (seq, len) in [(101, 1), (101, 500), (100, 2)] {
            let mut s = half_forgotten(stage, &linux());
            refuse!(s, DataAfterClose, seq: seq, ack: 2, len: len);
            expect!(s, RST, seq: 2);
            state!(s, Closed);
        }
        // Octets and a FIN are as little to be taken as octets alone.
        let mut s = half_forgotten(stage, &linux());
        refuse!(s, DataAfterClose, FIN, seq: 101, ack: 2, len: 1);
        expect!(s, RST, seq: 2);
        state!(s, Closed);
    });
}

#[test]
fn after_a_close_the_fin_is_taken() {
    play(|stage| {
        let mut s = half_forgotten(stage, &linux());
        send!(s, FIN, seq: 101, ack: 2);
        state!(s, TimeWait);
        let ack = s.poll().expect("an acknowledgment");
        assert_eq!(ack.ack, Some(102));
    });
}

#[test]
fn after_a_close_what_is_old_or_empty_changes_nothing() {
    play(|stage| {
        let mut s = half_forgotten(stage, &linux());
        // Nothing new, and no ACK.
        refuse!(s, NoAck, seq: 101, ack: 2);
        refuse!(s, NoAck, PSH, seq: 101, len: 5);
        expect_none!(s);
        // Wholly below and beyond the window: octets are answered always.
        for (seq, len) in [(1, 100), (50, 51), (10_001, 5)] {
            s.deliver_any(&seg!(seq: seq, ack: 2, len: len));
            let ack = s.poll().expect("an acknowledgment");
            assert_eq!((ack.seq, ack.ack, ack.len), (2, Some(101), 0), "{len} octets at {seq}");
        }
        state!(s, FinWait2);
        refuse!(s, BelowWindow, seq: 1, ack: 2);
        let _challenge = s.poll().expect("one of few");
        // At the right edge nothing lies beyond it.
        refuse!(s, NoAck, seq: 10_001, ack: 2);
        expect_none!(s);
        refuse!(s, AboveWindow, seq: 10_002, ack: 2);
        s.burst();
        send!(s, RST, seq: 101);
        state!(s, Closed);
    });
}

/// TIME-WAIT: a reset at RCV.NXT counts where RFC 1337 is not heeded; all that does not stand there is answered, and
/// begins the wait anew if it has ACK.
#[test]
fn time_wait_begins_anew_with_each_acknowledgment_of_something_else() {
    play(|stage| {
        let mut s = half_forgotten(stage, &linux_but(|config| config.rfc1337 = false));
        send!(s, FIN, seq: 101, ack: 2);
        s.burst();
        advance!(s, 200 s);
        refuse!(s, DataAfterFin, seq: 1, ack: 2, len: 100);
        assert_eq!(s.burst().len(), 1);
        advance!(s, 200 s);
        state!(s, TimeWait);
        refuse!(s, DataAfterFin, PSH, seq: 1, len: 100);
        assert_eq!(s.burst().len(), 1);
        send!(s, seq: 102, ack: 2);
        refuse!(s, ResetOutsideWindow, RST, seq: 101);
        advance!(s, 40 s);
        state!(s, Closed);

        let mut s = half_forgotten(stage, &linux_but(|config| config.rfc1337 = false));
        send!(s, FIN, seq: 101, ack: 2);
        s.burst();
        send!(s, RST, seq: 102);
        state!(s, Closed);

        let mut s = half_forgotten(stage, &linux());
        send!(s, FIN, seq: 101, ack: 2);
        s.burst();
        refuse!(s, ResetInTimeWait, RST, seq: 102);
        state!(s, TimeWait);
    });
}

/// A SYN in the window of an open connection, and an acknowledgment from before our SYN's.
#[test]
fn an_acknowledgment_from_before_the_first_octet_is_challenged() {
    play(|stage| {
        let mut s = stage.established(&linux());
        refuse!(s, AckTooOld, seq: 1, ack: 0);
        expect!(s, seq: 1, ack: 1);
        send!(s, seq: 1, ack: 1);

        let mut s = stage.established(&plain());
        send!(s, seq: 1, ack: 0);
        expect_none!(s);
    });
}

/// RFC 5681 §2 (e) wants the same window; Linux does not believe that it has shrunk.
#[test]
fn a_duplicate_whose_window_has_shrunk_is_one() {
    play(|stage| {
        for (config, win, counts) in [
            (linux(), 30_000, true),
            (linux(), 20_000, true),
            (linux(), 30_001, false),
            (linux(), 0, false),
            (plain(), 20_000, false),
        ] {
            let mut s = stage.established(&config);
            call!(s, queue 5_000);
            assert_eq!(s.burst().len(), 5);
            for _ in 0..3 {
                send!(s, seq: 1, ack: 1, win: win);
            }
            let again = s.burst();
            assert_eq!(
                again.first().map(|seg| (seg.seq, seg.len)),
                counts.then_some((1, 1_000)),
                "window {win}"
            );
        }
    });
}

/// Linux reports a FIN that came again together with its octets (RFC 2883 speaks of octets only).
#[test]
fn a_fin_that_came_again_is_reported() {
    play(|stage| {
        let mut s = stage.established(&linux_but(|config| config.sack = true));
        send!(s, FIN, seq: 1, ack: 1, len: 100);
        s.burst();
        refuse!(s, BelowWindow, FIN, seq: 1, ack: 1, len: 100);
        let answer = s.poll().expect("an acknowledgment");
        assert_eq!((answer.ack, answer.sack), (Some(102), vec![(1, 102)]));
    });
}

/// RFC 7323 §2.3: the field is shifted left before it is held against the window that there is.
#[test]
fn a_scaled_window_has_shrunk_only_if_its_octets_are_fewer() {
    play(|stage| {
        let config = linux_but(|config| config.window_scaling = true);
        let mut s = stage.answered(&config, &seg!(SYN, seq: 0, ack: 1, mss: 1_000, wscale: 3));
        call!(s, queue 100);
        s.burst();
        send!(s, seq: 1, ack: 101, win: 1_000);
        assert_eq!(s.tcb.snd_wnd(), 8_000);
        send!(s, seq: 1, ack: 101, win: 2_000);
        assert_eq!(s.tcb.snd_wnd(), 16_000);
        send!(s, seq: 1, ack: 101, win: 1_999);
        assert_eq!(s.tcb.snd_wnd(), 16_000, "Linux does not believe it");
    });
}
