//! R1, R2 and the user timeout: RFC 9293 §3.8.3, §3.10.8, RFC 5482.

use super::script::{plain, plain_but, play};

/// §3.8.3 (e): "TCP implementations SHOULD inform the application of the delivery problem … when R1 is reached
/// and before R2"; R1 is three retransmissions.
// RFC 9293 MUST-20, SHLD-9, SHLD-10
#[test]
fn the_user_hears_of_r1() {
    play(|stage| {
        let mut s = stage.established(&plain());
        call!(s, queue 100);
        expect!(s, PSH, seq: 1, ack: 1, len: 100);
        advance!(s, to 6_999 ms, {
            1 s => (PSH, seq: 1, ack: 1, len: 100),
            3 s => (PSH, seq: 1, ack: 1, len: 100),
        });
        assert!(!s.notices().retransmitting);
        advance!(s, to 7 s, { 7 s => (PSH, seq: 1, ack: 1, len: 100) });
        assert!(s.notices().retransmitting);
        advance!(s, to 15 s, { 15 s => (PSH, seq: 1, ack: 1, len: 100) });
        assert!(!s.notices().retransmitting, "R1 is reached once");
    });
}

/// R1 counts retransmissions of the same segment: after an acknowledgment it is reached anew.
// RFC 9293 MUST-20, SHLD-9
#[test]
fn r1_is_counted_for_each_segment() {
    play(|stage| {
        let mut s = stage.established(&plain_but(|config| config.r1 = 2));
        for start in [1, 101] {
            call!(s, queue 100);
            s.expect(&seg!(PSH, seq: start, ack: 1, len: 100));
            s.told();
            let rto = s.tcb.rto();
            s.advance(rto, &[(rto, seg!(PSH, seq: start, ack: 1, len: 100))]);
            assert!(!s.notices().retransmitting);
            let rto = s.tcb.rto();
            s.advance(rto, &[(rto, seg!(PSH, seq: start, ack: 1, len: 100))]);
            assert!(s.notices().retransmitting);
            send!(s, seq: 1, ack: start + 100);
        }
    });
}

/// §3.8.3 (c): "When the number of transmissions of the same segment reaches a threshold R2 greater than R1,
/// close the connection": the first timeout at or after 300 s. The peer is told by a reset.
// RFC 9293 MUST-20, SHLD-11, MUST-12
#[test]
fn r2_ends_the_connection() {
    play(|stage| {
        let mut s = stage.established(&plain());
        call!(s, queue 100);
        expect!(s, PSH, seq: 1, ack: 1, len: 100);
        advance!(s, 302_999 ms, {
            1 s => (PSH, seq: 1, ack: 1, len: 100),
            3 s => (PSH, seq: 1, ack: 1, len: 100),
            7 s => (PSH, seq: 1, ack: 1, len: 100),
            15 s => (PSH, seq: 1, ack: 1, len: 100),
            31 s => (PSH, seq: 1, ack: 1, len: 100),
            63 s => (PSH, seq: 1, ack: 1, len: 100),
            123 s => (PSH, seq: 1, ack: 1, len: 100),
            183 s => (PSH, seq: 1, ack: 1, len: 100),
            243 s => (PSH, seq: 1, ack: 1, len: 100),
        });
        state!(s, Established);
        advance!(s, 1 ms, { 1 ms => (RST, seq: 101, ack: 1) });
        closed!(s, RetransmissionsExhausted);
    });
}

/// §3.8.3 (d): "An application MUST be able to set the value for R2 for a particular connection", to infinity
/// as well.
// RFC 9293 MUST-21
#[test]
fn r2_can_be_set_for_each_connection() {
    play(|stage| {
        let mut s = stage.established(&plain_but(|config| config.r2 = span!(10 s)));
        call!(s, queue 100);
        expect!(s, PSH, seq: 1, ack: 1, len: 100);
        advance!(s, 15 s, {
            1 s => (PSH, seq: 1, ack: 1, len: 100),
            3 s => (PSH, seq: 1, ack: 1, len: 100),
            7 s => (PSH, seq: 1, ack: 1, len: 100),
            15 s => (RST, seq: 101, ack: 1),
        });
        closed!(s, RetransmissionsExhausted);

        let mut s = stage.established(&plain());
        call!(s, SetR2(span!(2 s)));
        call!(s, queue 100);
        expect!(s, PSH, seq: 1, ack: 1, len: 100);
        advance!(s, 3 s, { 1 s => (PSH, seq: 1, ack: 1, len: 100), 3 s => (RST, seq: 101, ack: 1) });
        closed!(s, RetransmissionsExhausted);

        let mut s = stage.established(&plain_but(|config| config.r2 = std::time::Duration::MAX));
        call!(s, queue 100);
        expect!(s, PSH, seq: 1, ack: 1, len: 100);
        expect_none!(s);
        let mut times = 0;
        while s.ms() < 86_400_000 {
            let wait = s.tcb.poll_timeout().expect("the timer runs") - s.at();
            s.advance(wait, &[(wait, seg!(PSH, seq: 1, ack: 1, len: 100))]);
            times += 1;
        }
        assert!(times > 1_400, "one in each minute: {times}");
        state!(s, Established);
    });
}

/// R2 is about the same segment: progress begins it anew.
// RFC 9293 MUST-20
#[test]
fn progress_begins_r2_anew() {
    play(|stage| {
        let mut s = stage.established(&plain_but(|config| config.r2 = span!(10 s)));
        call!(s, queue 1_000);
        expect!(s, PSH, seq: 1, ack: 1, len: 1_000);
        advance!(s, 7 s, {
            1 s => (PSH, seq: 1, ack: 1, len: 1_000),
            3 s => (PSH, seq: 1, ack: 1, len: 1_000),
            7 s => (PSH, seq: 1, ack: 1, len: 1_000),
        });
        send!(s, seq: 1, ack: 1_001);
        call!(s, queue 1_000);
        expect!(s, PSH, seq: 1_001, ack: 1, len: 1_000);
        advance!(s, 8 s, { 8 s => (PSH, seq: 1_001, ack: 1, len: 1_000) });
        state!(s, Established);
        send!(s, seq: 1, ack: 2_001);
        assert_eq!(s.tcb.poll_timeout(), None);
    });
}

/// A FIN counts like data.
// RFC 9293 MUST-20
#[test]
fn a_fin_that_nobody_acknowledges_ends_in_r2() {
    play(|stage| {
        let mut s = stage.established(&plain_but(|config| config.r2 = span!(2 s)));
        call!(s, Close);
        expect!(s, FIN, seq: 1, ack: 1);
        advance!(s, 3 s, { 1 s => (FIN, seq: 1, ack: 1), 3 s => (RST, seq: 2, ack: 1) });
        closed!(s, RetransmissionsExhausted);
    });
}

/// §3.10.8: "if the user timeout expires, flush all queues, signal the user …, delete the TCB".
// RFC 9293 X-13
#[test]
fn the_user_timeout_ends_a_connection_that_makes_no_progress() {
    play(|stage| {
        let mut s = stage.established(&plain_but(|config| config.user_timeout = Some(span!(10 s))));
        advance!(s, 1 h);
        call!(s, queue 100);
        expect!(s, PSH, seq: 1, ack: 1, len: 100);
        advance!(s, 9_999 ms, {
            1 s => (PSH, seq: 1, ack: 1, len: 100),
            3 s => (PSH, seq: 1, ack: 1, len: 100),
            7 s => (PSH, seq: 1, ack: 1, len: 100),
        });
        state!(s, Established);
        advance!(s, 1 ms, { 1 ms => (RST, seq: 101, ack: 1) });
        closed!(s, UserTimeout);
    });
}

/// Any progress begins it anew.
// RFC 9293 X-13
#[test]
fn progress_begins_the_user_timeout_anew() {
    play(|stage| {
        let mut s = stage.established(&plain_but(|config| config.user_timeout = Some(span!(10 s))));
        call!(s, queue 2_000);
        assert_eq!(s.burst().len(), 2);
        advance!(s, 100 ms);
        send!(s, seq: 1, ack: 1_001);
        advance!(s, 9_999 ms, {
            1 s => (PSH, seq: 1_001, ack: 1, len: 1_000),
            3 s => (PSH, seq: 1_001, ack: 1, len: 1_000),
            7 s => (PSH, seq: 1_001, ack: 1, len: 1_000),
        });
        state!(s, Established);
        advance!(s, 1 ms, { 1 ms => (RST, seq: 2_001, ack: 1) });
        closed!(s, UserTimeout);
    });
}

/// Without anything queued or under way there is nothing that could be late.
// RFC 9293 X-13
#[test]
fn the_user_timeout_does_not_run_on_an_idle_connection() {
    play(|stage| {
        let mut s = stage.established(&plain_but(|config| config.user_timeout = Some(span!(10 s))));
        call!(s, queue 100);
        expect!(s, PSH, seq: 1, ack: 1, len: 100);
        send!(s, seq: 1, ack: 101);
        assert_eq!(s.tcb.poll_timeout(), None);
        advance!(s, 1 d);
        state!(s, Established);
    });
}

/// Data behind a closed window makes no progress either, although the peer answers each probe.
// RFC 9293 X-13
#[test]
fn the_user_timeout_runs_behind_a_closed_window() {
    play(|stage| {
        let mut s = stage.established(&plain_but(|config| config.user_timeout = Some(span!(5 s))));
        send!(s, seq: 1, ack: 1, win: 0);
        call!(s, queue 100);
        advance!(s, 1 s, { 1 s => (seq: 1, ack: 1, len: 1) });
        send!(s, seq: 1, ack: 1, win: 0);
        advance!(s, 2 s, { 2 s => (seq: 1, ack: 1, len: 1) });
        send!(s, seq: 1, ack: 1, win: 0);
        advance!(s, 2 s, { 2 s => (RST, seq: 1, ack: 1) });
        closed!(s, UserTimeout);
    });
}

/// The timeout of OPEN holds for the handshake too; a peer that has not answered gets no reset.
// RFC 9293 X-13
#[test]
fn the_user_timeout_ends_an_attempt_to_open() {
    play(|stage| {
        let mut s = stage.connect(&plain_but(|config| config.user_timeout = Some(span!(5 s))));
        advance!(s, 5 s, {
            0 s => (SYN, seq: 0, mss: 1_000),
            1 s => (SYN, seq: 0, mss: 1_000),
            3 s => (SYN, seq: 0, mss: 1_000),
        });
        closed!(s, UserTimeout);
    });
}

/// §3.10.2: "If a timeout is specified, the current user timeout for this connection is changed to the new one":
/// it runs from the change, or from later progress.
// RFC 9293 X-13
#[test]
fn the_user_timeout_can_be_changed() {
    play(|stage| {
        let mut s = stage.established(&plain());
        call!(s, queue 100);
        expect!(s, PSH, seq: 1, ack: 1, len: 100);
        advance!(s, 2 s, { 1 s => (PSH, seq: 1, ack: 1, len: 100) });
        call!(s, SetUserTimeout(Some(span!(5 s))));
        advance!(s, 4_999 ms, { 1 s => (PSH, seq: 1, ack: 1, len: 100) });
        state!(s, Established);
        advance!(s, 1 ms, {
            1 ms => (RST, seq: 101, ack: 1),
        });
        closed!(s, UserTimeout);

        // One that runs goes on from where it began.
        let mut s = stage.established(&plain_but(|config| config.user_timeout = Some(span!(20 s))));
        call!(s, queue 100);
        expect!(s, PSH, seq: 1, ack: 1, len: 100);
        advance!(s, 2 s, { 1 s => (PSH, seq: 1, ack: 1, len: 100) });
        call!(s, SetUserTimeout(Some(span!(5 s))));
        advance!(s, 2_999 ms, { 1 s => (PSH, seq: 1, ack: 1, len: 100) });
        state!(s, Established);
        advance!(s, 1 ms, {
            1 ms => (RST, seq: 101, ack: 1),
        });
        closed!(s, UserTimeout);

        let mut s = stage.established(&plain_but(|config| config.user_timeout = Some(span!(5 s))));
        call!(s, queue 100);
        expect!(s, PSH, seq: 1, ack: 1, len: 100);
        call!(s, SetUserTimeout(None));
        advance!(s, 6 s, { 1 s => (PSH, seq: 1, ack: 1, len: 100), 3 s => (PSH, seq: 1, ack: 1, len: 100) });
        state!(s, Established);
    });
}
