//! SYNs and SYN,ACKs that are lost: RFC 9293 §3.8.3, RFC 6298 §2 and §5.7, RFC 5681 §3.1.

use super::script::{plain, plain_but, play};

/// RFC 6298 §2.1 and §5.5: 1 s, and twice as long each time, up to 60 s; §3.8.3: for 3 minutes at least.
// RFC 9293 MUST-22, MUST-23, MUST-20
#[test]
fn a_syn_is_retransmitted_for_three_minutes() {
    play(|stage| {
        let mut s = stage.connect(&plain());
        advance!(s, 182_999 ms, {
            0 s => (SYN, seq: 0, mss: 1_000),
            1 s => (SYN, seq: 0, mss: 1_000),
            3 s => (SYN, seq: 0, mss: 1_000),
            7 s => (SYN, seq: 0, mss: 1_000),
            15 s => (SYN, seq: 0, mss: 1_000),
            31 s => (SYN, seq: 0, mss: 1_000),
            63 s => (SYN, seq: 0, mss: 1_000),
            123 s => (SYN, seq: 0, mss: 1_000),
        });
        state!(s, SynSent);
        advance!(s, 1 ms);
        closed!(s, RetransmissionsExhausted);
    });
}

/// §3.8.3: "SYN retransmissions MUST be handled in the general way …, including notification of the
/// application layer": R1 is three retransmissions.
// RFC 9293 MUST-22, SHLD-9, SHLD-10
#[test]
fn the_user_hears_of_r1_while_the_syn_is_retransmitted() {
    play(|stage| {
        let mut s = stage.connect(&plain());
        advance!(s, 6_999 ms, {
            0 s => (SYN, seq: 0, mss: 1_000),
            1 s => (SYN, seq: 0, mss: 1_000),
            3 s => (SYN, seq: 0, mss: 1_000),
        });
        assert!(!s.notices().retransmitting);
        advance!(s, 1 ms, { 1 ms => (SYN, seq: 0, mss: 1_000) });
        assert!(s.notices().retransmitting);
        advance!(s, 8 s, { 8 s => (SYN, seq: 0, mss: 1_000) });
        assert!(!s.notices().retransmitting, "R1 is reached once");
    });
}

/// The SYN is retransmitted with the same options; its timestamp is the clock of the moment.
// RFC 7323-16
#[test]
fn a_syn_again_has_the_same_options_and_a_new_timestamp() {
    play(|stage| {
        let mut s = stage.connect(&plain_but(|config| {
            config.timestamps = true;
            config.sack = true;
            config.window_scaling = true;
        }));
        advance!(s, 3 s, {
            0 s => (SYN, seq: 0, mss: 1_000, wscale: 0, sack_ok, ts0: 0),
            1 s => (SYN, seq: 0, mss: 1_000, wscale: 0, sack_ok, ts0: 1_000),
            3 s => (SYN, seq: 0, mss: 1_000, wscale: 0, sack_ok, ts0: 3_000),
        });
    });
}

/// §3.8.3 for the SYN,ACK of a passive open: when it is given up the listener goes on.
// RFC 9293 MUST-23, MUST-11
#[test]
fn a_syn_ack_is_retransmitted_for_three_minutes_and_then_the_listener_goes_on() {
    play(|stage| {
        let mut s = stage.listen(&plain());
        send!(s, SYN, seq: 0, mss: 1_000);
        advance!(s, 182_999 ms, {
            0 s => (SYN, seq: 0, ack: 1, mss: 1_000),
            1 s => (SYN, seq: 0, ack: 1, mss: 1_000),
            3 s => (SYN, seq: 0, ack: 1, mss: 1_000),
            7 s => (SYN, seq: 0, ack: 1, mss: 1_000),
            15 s => (SYN, seq: 0, ack: 1, mss: 1_000),
            31 s => (SYN, seq: 0, ack: 1, mss: 1_000),
            63 s => (SYN, seq: 0, ack: 1, mss: 1_000),
            123 s => (SYN, seq: 0, ack: 1, mss: 1_000),
        });
        state!(s, SynReceived);
        advance!(s, 1 ms);
        state!(s, Listen);
        assert_eq!(s.notices().closed, None);
        assert_eq!(s.tcb.poll_timeout(), None);
    });
}

/// A simultaneous open has no listener to go back to. A peer that never answered gets no reset.
// RFC 9293 MUST-11, MUST-22
#[test]
fn a_syn_ack_of_an_active_open_is_given_up_for_good() {
    play(|stage| {
        let mut s = stage.connect(&plain_but(|config| config.syn_r2 = span!(3 s)));
        expect!(s, SYN, seq: 0, mss: 1_000);
        send!(s, SYN, seq: 0, mss: 1_000);
        advance!(s, 2_999 ms, {
            0 s => (SYN, seq: 0, ack: 1, mss: 1_000),
            1 s => (SYN, seq: 0, ack: 1, mss: 1_000),
        });
        advance!(s, 1 ms);
        closed!(s, RetransmissionsExhausted);
    });
}

/// RFC 6298 §5.7: "If the timer expires awaiting the ACK of a SYN segment and the TCP implementation is using
/// an RTO less than 3 seconds, the RTO MUST be re-initialized to 3 seconds when data transmission begins".
// RFC 9293 MUST-18
// RFC 6298-18
#[test]
fn after_a_lost_syn_data_begins_with_an_rto_of_three_seconds() {
    play(|stage| {
        let mut s = stage.connect(&plain());
        call!(s, queue 100);
        advance!(s, 1 s, { 0 s => (SYN, seq: 0, mss: 1_000), 1 s => (SYN, seq: 0, mss: 1_000) });
        send!(s, SYN, seq: 0, ack: 1, mss: 1_000);
        expect!(s, PSH, seq: 1, ack: 1, len: 100);
        assert_eq!(s.tcb.rto(), span!(3 s));
        assert_eq!(s.tcb.srtt(), None, "which of the two SYNs was answered nobody knows (Karn)");
        advance!(s, 9 s, {
            3 s => (PSH, seq: 1, ack: 1, len: 100),
            9 s => (PSH, seq: 1, ack: 1, len: 100),
        });
    });
}

/// The same when the SYN was retransmitted so often that the RTO is larger than 3 s: it is set anew.
// RFC 9293 MUST-18
// RFC 6298-18
#[test]
fn after_many_lost_syns_data_begins_with_an_rto_of_three_seconds() {
    play(|stage| {
        let mut s = stage.connect(&plain());
        advance!(s, 15 s, {
            0 s => (SYN, seq: 0, mss: 1_000),
            1 s => (SYN, seq: 0, mss: 1_000),
            3 s => (SYN, seq: 0, mss: 1_000),
            7 s => (SYN, seq: 0, mss: 1_000),
            15 s => (SYN, seq: 0, mss: 1_000),
        });
        send!(s, SYN, seq: 0, ack: 1, mss: 1_000);
        expect!(s, seq: 1, ack: 1);
        call!(s, queue 100);
        expect!(s, PSH, seq: 1, ack: 1, len: 100);
        advance!(s, 3 s, { 3 s => (PSH, seq: 1, ack: 1, len: 100) });
    });
}

/// The same for a lost SYN,ACK.
// RFC 9293 MUST-18
// RFC 6298-18
#[test]
fn after_a_lost_syn_ack_data_begins_with_an_rto_of_three_seconds() {
    play(|stage| {
        let mut s = stage.listen(&plain());
        send!(s, SYN, seq: 0, mss: 1_000);
        advance!(s, 1 s, {
            0 s => (SYN, seq: 0, ack: 1, mss: 1_000),
            1 s => (SYN, seq: 0, ack: 1, mss: 1_000),
        });
        send!(s, seq: 1, ack: 1);
        call!(s, queue 100);
        expect!(s, PSH, seq: 1, ack: 1, len: 100);
        advance!(s, 3 s, { 3 s => (PSH, seq: 1, ack: 1, len: 100) });
    });
}

/// RFC 5681 §3.1: "if the SYN or SYN/ACK is lost, the initial window … MUST be one segment".
// RFC 9293 MUST-19
// RFC 5681-4
#[test]
fn after_a_lost_syn_the_initial_window_is_one_segment() {
    play(|stage| {
        let mut s = stage.connect(&plain());
        call!(s, queue 5_000);
        advance!(s, 1 s, { 0 s => (SYN, seq: 0, mss: 1_000), 1 s => (SYN, seq: 0, mss: 1_000) });
        send!(s, SYN, seq: 0, ack: 1, mss: 1_000);
        expect!(s, seq: 1, ack: 1, len: 1_000);
        expect_none!(s);

        let mut s = stage.listen(&plain());
        send!(s, SYN, seq: 0, mss: 1_000);
        call!(s, queue 5_000);
        advance!(s, 1 s, {
            0 s => (SYN, seq: 0, ack: 1, mss: 1_000),
            1 s => (SYN, seq: 0, ack: 1, mss: 1_000),
        });
        send!(s, seq: 1, ack: 1);
        expect!(s, seq: 1, ack: 1, len: 1_000);
        expect_none!(s);
    });
}

/// A SYN,ACK again because the peer's SYN came again was not lost by us: neither rule applies to a peer that
/// merely was impatient, but which copy was answered nobody knows, so there is no sample (Karn).
// RFC 9293 MUST-18
// RFC 6298-8
#[test]
fn a_syn_ack_that_was_repeated_gives_no_sample() {
    play(|stage| {
        let mut s = stage.listen(&plain());
        send!(s, SYN, seq: 0, mss: 1_000);
        expect!(s, SYN, seq: 0, ack: 1, mss: 1_000);
        advance!(s, 500 ms);
        refuse!(s, BelowWindow, SYN, seq: 0, mss: 1_000);
        expect!(s, SYN, seq: 0, ack: 1, mss: 1_000);
        send!(s, seq: 1, ack: 1);
        assert_eq!(s.tcb.srtt(), None);
    });
}

/// §3.8.3, MUST-23 is a floor for the default; an application may give up sooner.
// RFC 9293 MUST-23
#[test]
fn an_application_may_give_the_attempt_up_sooner() {
    play(|stage| {
        let mut s = stage.connect(&plain_but(|config| config.syn_r2 = span!(5 s)));
        advance!(s, 7 s, {
            0 s => (SYN, seq: 0, mss: 1_000),
            1 s => (SYN, seq: 0, mss: 1_000),
            3 s => (SYN, seq: 0, mss: 1_000),
        });
        closed!(s, RetransmissionsExhausted);
    });
}
