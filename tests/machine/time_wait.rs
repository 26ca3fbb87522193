//! TIME-WAIT: RFC 9293 §3.4.2, §3.6.1, the checks of §3.10.7.4 there, RFC 1337 and RFC 6191.

use tcpstate::tcp::TcpConfig;

use super::script::{Script, Stage, plain, plain_but, play};

/// TIME-WAIT after an active close at time 0: both streams empty, SND.NXT and RCV.NXT both 2.
fn time_wait(stage: Stage, config: &TcpConfig) -> Script {
    let mut s = stage.established(config);
    call!(s, Shutdown);
    let fin = s.poll().expect("a FIN");
    assert_eq!((fin.seq, fin.ack), (1, Some(1)));
    let answer = seg!(FIN, seq: 1, ack: 2);
    s.send(&if config.timestamps { answer.ts((0, 0)) } else { answer });
    let ack = s.poll().expect("an ACK of the FIN");
    assert_eq!((ack.seq, ack.ack), (2, Some(2)));
    s.window = ack.win.expect("polled segments have windows");
    state!(s, TimeWait);
    s
}

/// §3.6.1: "it MUST linger in the TIME-WAIT state for a time 2xMSL".
// RFC 9293 MUST-13
#[test]
fn time_wait_lasts_two_msl_exactly() {
    play(|stage| {
        let mut s = time_wait(stage, &plain());
        advance!(s, 239_999 ms);
        state!(s, TimeWait);
        advance!(s, 1 ms);
        closed!(s, Closed);

        let mut s = time_wait(stage, &plain_but(|config| config.time_wait = span!(30 s)));
        advance!(s, 29_999 ms);
        state!(s, TimeWait);
        advance!(s, 1 ms);
        closed!(s, Closed);
    });
}

/// §3.10.7.4, eighth check: a repeated FIN means that our ACK was lost: "Restart the 2 MSL time-wait timeout".
// RFC 9293 X-10
#[test]
fn a_repeated_fin_is_acknowledged_and_restarts_the_wait() {
    play(|stage| {
        let mut s = time_wait(stage, &plain());
        advance!(s, 100 s);
        s.deliver_any(&seg!(FIN, seq: 1, ack: 2));
        expect!(s, seq: 2, ack: 2);
        advance!(s, 239_999 ms);
        state!(s, TimeWait);
        advance!(s, 1 ms);
        closed!(s, Closed);
    });
}

/// Only a FIN does: anything else that lies before the window is answered, and time goes on.
// RFC 9293 X-4
#[test]
fn old_data_does_not_restart_the_wait() {
    play(|stage| {
        let mut s = time_wait(stage, &plain());
        advance!(s, 100 s);
        refuse!(s, BelowWindow, seq: -9, ack: 2, len: 10);
        expect!(s, seq: 2, ack: 2);
        advance!(s, 139_999 ms);
        state!(s, TimeWait);
        advance!(s, 1 ms);
        closed!(s, Closed);
    });
}

/// RFC 1337 §3: a reset must not cut TIME-WAIT short.
#[test]
fn a_reset_does_not_end_time_wait() {
    play(|stage| {
        let mut s = time_wait(stage, &plain());
        refuse!(s, ResetInTimeWait, RST, seq: 2);
        refuse!(s, ResetInTimeWait, RST, seq: 2, ack: 2);
        expect_none!(s);
        state!(s, TimeWait);
        advance!(s, 240 s);
        closed!(s, Closed);
    });
}

/// §3.10.7.4, second check, without RFC 1337: "enter the CLOSED state". Both FINs had been acknowledged.
// RFC 9293 X-5
#[test]
fn a_reset_ends_time_wait_if_configured() {
    play(|stage| {
        let mut s = time_wait(stage, &plain_but(|config| config.rfc1337 = false));
        send!(s, RST, seq: 2);
        closed!(s, Closed);
    });
}

/// §3.10.7.4, fourth check: a SYN in the window is challenged; who owns the machine may reopen instead.
// RFC 9293 X-6, MAY-2
#[test]
fn a_syn_in_time_wait_is_challenged() {
    play(|stage| {
        let mut s = time_wait(stage, &plain());
        refuse!(s, SynOnOpenConnection, SYN, seq: 3, mss: 1_000);
        expect!(s, seq: 2, ack: 2);
        state!(s, TimeWait);
    });
}

/// §3.6.1, MAY-2: a SYN whose number is larger than any of the previous incarnation may reopen.
// RFC 9293 MAY-2
#[test]
fn a_syn_with_a_later_number_may_reopen() {
    play(|stage| {
        let s = time_wait(stage, &plain());
        let may = |seq| s.tcb.may_reopen(&s.incoming(&seg!(SYN, seq: seq, mss: 1_000)));
        assert!(may(3) && may(100_000) && may(0x7fff_ffff));
        assert!(!may(2) && !may(1) && !may(0) && !may(-100));
        let ack = s.incoming(&seg!(seq: 3, ack: 2));
        assert!(!s.tcb.may_reopen(&ack), "only a SYN may");
        let reset = s.incoming(&seg!(RST, SYN, seq: 3));
        assert!(!s.tcb.may_reopen(&reset), "no reset may");
        let syn_ack = s.incoming(&seg!(SYN, seq: 3, ack: 2));
        assert!(!s.tcb.may_reopen(&syn_ack), "a connection request has no ACK");
    });
}

/// RFC 6191 §2: with timestamps it is the timestamp that decides, whatever the number.
// RFC 9293 SHLD-4, MAY-2
#[test]
fn a_syn_with_a_later_timestamp_may_reopen() {
    play(|stage| {
        let s = time_wait(stage, &plain_but(|config| config.timestamps = true));
        let may = |seq, ts| s.tcb.may_reopen(&s.incoming(&seg!(SYN, seq: seq, mss: 1_000, ts0: ts)));
        assert!(may(3, 1) && may(-5_000, 1), "the timestamp is greater");
        assert!(may(3, 0), "it is the same, and the number is later");
        assert!(!may(-5_000, 0) && !may(-5_000, -1), "it is not, and the number is old as well");
        assert!(!may(3, -1), "it is older");
    });
}

/// Only TIME-WAIT can be reopened.
#[test]
fn no_other_state_may_be_reopened() {
    play(|stage| {
        let mut s = stage.established(&plain());
        let syn = s.incoming(&seg!(SYN, seq: 50_000, mss: 1_000));
        assert!(!s.tcb.may_reopen(&syn));
        call!(s, Shutdown);
        expect!(s, FIN, seq: 1, ack: 1);
        assert!(!s.tcb.may_reopen(&syn));
        send!(s, seq: 1, ack: 2);
        assert!(!s.tcb.may_reopen(&syn));
    });
}

/// §3.10.7.4, seventh check: text beyond the FIN is ignored, here as well.
#[test]
fn data_beyond_the_fin_is_refused_in_time_wait() {
    play(|stage| {
        let mut s = time_wait(stage, &plain());
        refuse!(s, DataAfterFin, seq: 2, ack: 2, len: 10);
        expect!(s, seq: 2, ack: 2);
        state!(s, TimeWait);
    });
}

/// §3.6.1: TIME-WAIT ends a simultaneous close too; the timer starts when our FIN is acknowledged.
// RFC 9293 MUST-13
#[test]
fn time_wait_after_a_simultaneous_close_begins_with_the_ack() {
    play(|stage| {
        let mut s = stage.established(&plain());
        call!(s, Shutdown);
        expect!(s, FIN, seq: 1, ack: 1);
        send!(s, FIN, seq: 1, ack: 1);
        expect!(s, seq: 2, ack: 2, win: 9_999);
        advance!(s, 900 ms);
        send!(s, seq: 2, ack: 2);
        state!(s, TimeWait);
        advance!(s, 239_999 ms);
        state!(s, TimeWait);
        advance!(s, 1 ms);
        closed!(s, Closed);
    });
}
