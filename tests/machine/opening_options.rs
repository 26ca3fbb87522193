//! Options of the handshake: RFC 9293 §3.2 and §3.7.1, RFC 7323 §2 and §3.2, RFC 2018 §2, RFC 7413 §4.1.

use tcpstate::tcp::{CommandError, Cookie, TcpConfig};

use super::script::{plain, plain_but, play};

/// A configuration that offers everything: a buffer of 256 KiB needs a shift of 3 to fit into 16 bits.
fn everything() -> TcpConfig {
    let mut config = TcpConfig::default();
    (config.receive_window, config.receive_window_max) = (256 << 10, 0);
    config
}

/// §3.7.1: an MSS option with every SYN; RFC 7323 §2.2: the window of a SYN is never scaled.
// RFC 9293 MUST-14, SHLD-5, MAY-3
#[test]
fn our_syn_offers_what_is_configured() {
    play(|stage| {
        let mut s = stage.connect(&everything());
        expect!(s, SYN, seq: 0, win: 65_535, mss: 1_460, wscale: 3, sack_ok, ts0: 0);
    });
}

/// RFC 7323 §2.2: after the handshake our windows are shifted, and so are the peer's.
// RFC 7323-4, 7323-5
#[test]
fn with_scaling_on_both_sides_every_later_window_is_shifted() {
    play(|stage| {
        let mut s = stage.connect(&everything());
        expect!(s, SYN, seq: 0, win: 65_535, mss: 1_460, wscale: 3, sack_ok, ts0: 0);
        send!(s, SYN, seq: 0, ack: 1, win: 60_000, mss: 1_460, wscale: 7, sack_ok, ts: (0, 0));
        assert_eq!(s.tcb.snd_wnd(), 60_000);
        expect!(s, seq: 1, ack: 1, win: 32_768, ts: (0, 0));
        send!(s, seq: 1, ack: 1, win: 500, ts: (0, 0));
        assert_eq!(s.tcb.snd_wnd(), 64_000);
    });
}

/// RFC 7323 §2.2: a SYN,ACK may carry the option only if the SYN did; RFC 7323 §3.2 and RFC 2018 §2 likewise.
// RFC 7323-3, 7323-11
#[test]
fn a_syn_ack_offers_only_what_the_syn_offered() {
    play(|stage| {
        let mut s = stage.listen(&everything());
        send!(s, SYN, seq: 0, mss: 1_460, wscale: 7, sack_ok, ts0: 5);
        expect!(s, SYN, seq: 0, ack: 1, win: 65_535, mss: 1_460, wscale: 3, sack_ok, ts: (0, 5));

        let mut s = stage.listen(&everything());
        send!(s, SYN, seq: 0, mss: 1_460);
        expect!(s, SYN, seq: 0, ack: 1, win: 65_535, mss: 1_460);

        let mut s = stage.listen(&everything());
        send!(s, SYN, seq: 0, mss: 1_460, wscale: 0);
        expect!(s, SYN, seq: 0, ack: 1, win: 65_535, mss: 1_460, wscale: 3);

        let mut s = stage.listen(&everything());
        send!(s, SYN, seq: 0, mss: 1_460, sack_ok);
        expect!(s, SYN, seq: 0, ack: 1, win: 65_535, mss: 1_460, sack_ok);

        let mut s = stage.listen(&everything());
        send!(s, SYN, seq: 0, mss: 1_460, ts0: 9);
        expect!(s, SYN, seq: 0, ack: 1, win: 65_535, mss: 1_460, ts: (0, 9));
    });
}

/// The same where we offer nothing: what the peer offers is not taken up.
#[test]
fn a_syn_ack_offers_only_what_is_configured() {
    play(|stage| {
        let mut s = stage.listen(&plain());
        send!(s, SYN, seq: 0, mss: 1_460, wscale: 7, sack_ok, ts0: 5);
        expect!(s, SYN, seq: 0, ack: 1, mss: 1_000);
        // The window of a peer whose scaling was not taken up counts as it stands.
        send!(s, seq: 1, ack: 1, win: 400);
        assert_eq!(s.tcb.snd_wnd(), 400);
    });
}

/// The same from the side that was called: the third segment of the handshake is shifted already.
// RFC 7323-5
#[test]
fn a_listener_shifts_windows_from_the_third_segment_on() {
    play(|stage| {
        let mut s = stage.listen(&everything());
        send!(s, SYN, seq: 0, win: 60_000, mss: 1_460, wscale: 7);
        assert_eq!(s.tcb.snd_wnd(), 60_000);
        expect!(s, SYN, seq: 0, ack: 1, win: 65_535, mss: 1_460, wscale: 3);
        send!(s, seq: 1, ack: 1, win: 500);
        assert_eq!(s.tcb.snd_wnd(), 64_000);
        call!(s, queue 100);
        expect!(s, PSH, seq: 1, ack: 1, win: 32_768, len: 100);
    });
}

/// A simultaneous open takes the options of the peer's SYN, and answers them like a listener.
// RFC 9293 MUST-10
#[test]
fn syns_that_cross_negotiate_too() {
    play(|stage| {
        let mut s = stage.connect(&everything());
        expect!(s, SYN, seq: 0, win: 65_535, mss: 1_460, wscale: 3, sack_ok, ts0: 0);
        advance!(s, 5 ms);
        send!(s, SYN, seq: 0, win: 60_000, mss: 1_000, wscale: 4, ts0: 3);
        expect!(s, SYN, seq: 0, ack: 1, win: 65_535, mss: 1_460, wscale: 3, ts: (5, 3));
        send!(s, SYN, seq: 0, ack: 1, win: 60_000, mss: 1_000, wscale: 4, ts: (8, 5));
        state!(s, Established);
        assert_eq!((s.tcb.snd_wnd(), s.tcb.effective_send_mss()), (60_000, 988));
        send!(s, seq: 1, ack: 1, win: 5_000, ts: (9, 5));
        assert_eq!(s.tcb.snd_wnd(), 80_000);
        call!(s, queue 100);
        expect!(s, PSH, seq: 1, ack: 1, win: 32_768, len: 100, ts: (5, 9));
    });
}

/// RFC 7323 §2.2: without the option in the SYN,ACK both shifts are zero; our window then ends at 65,535.
// RFC 7323-2
#[test]
fn scaling_is_off_when_the_syn_ack_does_not_offer_it() {
    play(|stage| {
        let mut s = stage.connect(&everything());
        expect!(s, SYN, seq: 0, win: 65_535, mss: 1_460, wscale: 3, sack_ok, ts0: 0);
        send!(s, SYN, seq: 0, ack: 1, mss: 1_460);
        expect!(s, seq: 1, ack: 1, win: 65_535);
        send!(s, seq: 1, ack: 1, win: 50_000);
        assert_eq!(s.tcb.snd_wnd(), 50_000);
    });
}

/// RFC 7323 §2.2: an option that our SYN did not have is not taken from a SYN,ACK.
// RFC 7323-2
#[test]
fn scaling_that_was_not_offered_is_not_taken_from_a_syn_ack() {
    play(|stage| {
        let mut s = stage.connect(&plain());
        expect!(s, SYN, seq: 0, mss: 1_000);
        send!(s, SYN, seq: 0, ack: 1, mss: 1_000, wscale: 7, sack_ok, ts0: 4);
        expect!(s, seq: 1, ack: 1);
        send!(s, seq: 1, ack: 1, win: 400);
        assert_eq!(s.tcb.snd_wnd(), 400);
        // No SACK either.
        send!(s, seq: 1_001, ack: 1, win: 400, len: 10);
        expect!(s, seq: 1, ack: 1);
    });
}

/// RFC 7323 §2.3: "If a shift count larger than 14 is received … the TCP SHOULD … use 14".
// RFC 7323-6
#[test]
fn a_shift_above_14_counts_as_14() {
    play(|stage| {
        for shift in [14, 15, 200, 255] {
            let mut s = stage.connect(&everything());
            expect!(s, SYN, seq: 0, win: 65_535, mss: 1_460, wscale: 3, sack_ok, ts0: 0);
            send!(s, SYN, seq: 0, ack: 1, mss: 1_460, wscale: shift);
            expect!(s, seq: 1, ack: 1, win: 32_768);
            send!(s, seq: 1, ack: 1, win: 2);
            assert_eq!(s.tcb.snd_wnd(), 2 << 14);
        }
    });
}

/// RFC 7323 §2.3: a shift of 14 is the largest there is: a window of almost 2^30 octets.
// RFC 7323-7
#[test]
fn our_own_shift_is_14_at_most() {
    play(|stage| {
        for buffer in [(65_535 << 14) - 1, 65_535 << 14, (65_535 << 14) + 1, u32::MAX] {
            let mut config = TcpConfig::default();
            (config.receive_window, config.receive_window_max) = (buffer, 0);
            let mut s = stage.connect(&config);
            expect!(s, SYN, seq: 0, win: 65_535, mss: 1_460, wscale: 14, sack_ok, ts0: 0);
            send!(s, SYN, seq: 0, ack: 1, mss: 1_460, wscale: 0);
            expect!(s, seq: 1, ack: 1, win: 65_535);
            assert_eq!(s.tcb.receive_scale(), 14);
        }
    });
}

/// RFC 7323 §2.2: the option counts on a SYN only.
// RFC 7323-1
#[test]
fn a_window_scale_option_after_the_handshake_is_ignored() {
    play(|stage| {
        let mut s = stage.connect(&everything());
        expect!(s, SYN, seq: 0, win: 65_535, mss: 1_460, wscale: 3, sack_ok, ts0: 0);
        send!(s, SYN, seq: 0, ack: 1, mss: 1_460, wscale: 1);
        expect!(s, seq: 1, ack: 1, win: 32_768);
        send!(s, seq: 1, ack: 1, win: 300, wscale: 9);
        assert_eq!(s.tcb.snd_wnd(), 600);
    });
}

/// §3.7.1: without the option, 536 octets for IPv4 and 1220 for IPv6.
// RFC 9293 MUST-15
#[test]
fn without_an_mss_option_the_default_counts() {
    play(|stage| {
        for default_mss in [536, 1_220] {
            let mut s = stage.connect(&plain_but(|config| {
                config.mss = 1_460;
                config.default_mss = default_mss;
            }));
            expect!(s, SYN, seq: 0, mss: 1_460);
            send!(s, SYN, seq: 0, ack: 1);
            expect!(s, seq: 1, ack: 1);
            assert_eq!(s.tcb.effective_send_mss(), u32::from(default_mss));
            call!(s, queue 1_500);
            expect!(s, seq: 1, ack: 1, len: u32::from(default_mss));
            let _rest = s.burst();
        }
    });
}

/// §3.7.1: the smaller of the peer's MSS and of what our network layer takes.
// RFC 9293 MUST-16
#[test]
fn the_smaller_mss_counts() {
    play(|stage| {
        for (ours, theirs, effective) in [(1_000, 700, 700), (700, 1_000, 700), (1_000, 65_535, 1_000)] {
            let mut s = stage.connect(&plain_but(|config| config.mss = ours));
            expect!(s, SYN, seq: 0, mss: ours);
            send!(s, SYN, seq: 0, ack: 1, mss: theirs);
            expect!(s, seq: 1, ack: 1);
            assert_eq!(s.tcb.effective_send_mss(), effective);
        }
    });
}

/// The peer's MSS counts in a passive open as well, and so does its absence.
// RFC 9293 MUST-14, MUST-15
#[test]
fn a_listener_takes_the_mss_of_the_syn() {
    play(|stage| {
        for (option, effective) in [(seg!(SYN, seq: 0, mss: 800), 800), (seg!(SYN, seq: 0), 536)] {
            let mut s = stage.listen(&plain());
            s.send(&option);
            expect!(s, SYN, seq: 0, ack: 1, mss: 1_000);
            send!(s, seq: 1, ack: 1);
            assert_eq!(s.tcb.effective_send_mss(), effective);
        }
    });
}

/// A tiny MSS would make the headers many times the data: 64 octets are the least.
#[test]
fn a_tiny_mss_is_raised_to_the_floor() {
    play(|stage| {
        for theirs in [0, 1, 10, 63, 64] {
            let mut s = stage.connect(&plain());
            expect!(s, SYN, seq: 0, mss: 1_000);
            send!(s, SYN, seq: 0, ack: 1, mss: theirs);
            expect!(s, seq: 1, ack: 1);
            assert_eq!(s.tcb.effective_send_mss(), 64);
            call!(s, queue 64);
            expect!(s, PSH, seq: 1, ack: 1, len: 64);
        }
    });
}

/// §3.7.1: "MSS … MUST be sent only in the initial connection request"; elsewhere it does not count.
// RFC 9293 MUST-65
#[test]
fn an_mss_option_after_the_handshake_is_ignored() {
    play(|stage| {
        let mut s = stage.established(&plain());
        send!(s, seq: 1, ack: 1, mss: 100);
        assert_eq!(s.tcb.effective_send_mss(), 1_000);
        call!(s, queue 1_000);
        expect!(s, PSH, seq: 1, ack: 1, len: 1_000);
    });
}

/// §3.7.1: the octets of options come off the data of each segment: 12 for timestamps.
// RFC 9293 MUST-16
#[test]
fn options_come_off_the_segment_size() {
    play(|stage| {
        let mut s = stage.established(&plain_but(|config| config.timestamps = true));
        assert_eq!(s.tcb.effective_send_mss(), 988);
        call!(s, queue 1_000);
        expect!(s, seq: 1, ack: 1, len: 988, ts: (0, 0));
        call!(s, SetNagle(false));
        expect!(s, PSH, seq: 989, ack: 1, len: 12, ts: (0, 0));
    });
}

/// RFC 7413 §4.1: the cookie, or the empty request for one, goes on the SYN and nowhere else.
#[test]
fn a_fast_open_cookie_goes_on_the_syn() {
    play(|stage| {
        for octets in [&b""[..], &b"12345678"[..], &b"1234567890123456"[..]] {
            let mut s = stage.connect(&plain());
            call!(s, SetCookie(Cookie::new(octets).unwrap()));
            expect!(s, SYN, seq: 0, mss: 1_000, cookie: octets);
            call!(s, SetCookie(Cookie::default()) => CommandError::SynSent);
            send!(s, SYN, seq: 0, ack: 1, mss: 1_000);
            expect!(s, seq: 1, ack: 1);
        }
    });
}

/// A caller that nobody has answered may try without options: what is agreed on is what its last SYN offers.
#[test]
fn a_syn_that_comes_again_without_options_is_answered_without() {
    play(|stage| {
        let mut config = plain();
        (config.timestamps, config.sack, config.window_scaling) = (true, true, true);
        let mut s = stage.listen(&config);
        send!(s, SYN, seq: 0, mss: 1_000, wscale: 3, sack_ok, ts: (0, 0));
        assert!(s.burst()[0].ts.is_some());
        refuse!(s, BelowWindow, SYN, seq: 0, mss: 1_000);
        expect!(s, SYN, seq: 0, ack: 1, mss: 1_000);
        send!(s, seq: 1, ack: 1);
        state!(s, Established);
        send!(s, seq: 1, ack: 1, len: 100);
        advance!(s, 40 ms, { 40 ms => (seq: 1, ack: 101, win: 9_900) });
    });
}
