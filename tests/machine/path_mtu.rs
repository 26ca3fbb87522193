//! How large segments are: RFC 1191, RFC 8201 and RFC 5927 §7 for what routers report, RFC 4821 and RFC 8899 for what
//! nobody reports.

use tcpstate::tcp::{CommandError, MtuProbing, PathMtu, TcpConfig};

use super::script::{Script, Stage, plain, play};
use super::words::Seg;

/// Full segments of Ethernet, SACK, and a user who wants nothing held back.
fn ethernet() -> TcpConfig {
    let mut config = plain();
    config.mss = 1_460;
    config.sack = true;
    config.nagle = false;
    config.mtu_probing = MtuProbing::BlackHole;
    config
}

fn report(s: &Script, mtu: u32, seq: i64) -> PathMtu {
    PathMtu { mtu, seq: s.ours(seq) }
}

/// An open connection over a path of 40 ms there and back.
fn open(stage: Stage) -> Script {
    let mut s = stage.connect(&ethernet());
    s.burst();
    s.pass(span!(40 ms));
    send!(s, SYN, seq: 0, ack: 1, mss: 1_460, sack_ok);
    s.burst();
    s
}

/// An open connection with so many octets sent, none of which is acknowledged.
fn sent(stage: Stage, octets: u32) -> Script {
    let mut s = open(stage);
    call!(s, queue octets);
    s.burst();
    s
}

/// Where segments begin and how long they are.
fn places(sent: &[Seg]) -> Vec<(i64, u32)> {
    sent.iter().map(|seg| (seg.seq, seg.len)).collect()
}

/// Queues octets; every round trip all that was sent is acknowledged, and no segment is longer than `most`.
fn carry(s: &mut Script, octets: u32, most: u32) {
    call!(s, queue octets);
    while s.tcb.acked_to() < s.tcb.queued_to() {
        assert!(s.burst().iter().all(|seg| seg.len <= most));
        s.pass(span!(40 ms));
        let max = i64::from(s.tcb.snd_max().distance_from(s.ours(0)));
        s.deliver(&seg!(seq: 1, ack: max));
    }
}

/// An open connection on which a black hole was suspected, and which has got through with smaller segments since, so
/// that its window is large. Nothing is outstanding, and the next probe is due.
fn suspected(stage: Stage) -> Script {
    let mut s = sent(stage, 10_000);
    // The probe of the tail after two round trips, a timeout a second later, and another.
    let way = s.pass(span!(3_080 ms));
    assert_eq!(way.last().map(|(at, seg)| (*at, seg.seq, seg.len)), Some((span!(3_080 ms), 1, 984)));
    assert_eq!(s.tcb.path_mtu(), 1_024);
    s.pass(span!(40 ms));
    s.deliver(&seg!(seq: 1, ack: 985));
    carry(&mut s, 30_000, 984);
    s.pass(span!(700 ms));
    s
}

/// [`suspected`], with a small segment, a probe of the old size, and others under way. Returns where the probe begins.
fn probed(stage: Stage) -> (Script, i64) {
    let mut s = suspected(stage);
    call!(s, queue 984);
    let first = s.burst()[0].seq;
    call!(s, queue 6_000);
    let probe = first + 984;
    assert_eq!(places(&s.burst()[..2]), [(probe, 1_460), (probe + 1_460, 984)]);
    s.pass(span!(40 ms));
    (s, probe)
}

/// RFC 5927 §4.1: only what quotes a number in flight is believed.
#[test]
fn a_report_about_what_is_not_in_flight_is_refused() {
    play(|stage| {
        let mut s = stage.established(&ethernet());
        let quoted = report(&s, 1_000, 1); // nothing is in flight
        call!(s, PathMtu(quoted) => CommandError::NotInFlight(quoted.seq));
        call!(s, queue 3_000);
        s.burst();
        for seq in [0, 3_001, -1_000, 1_000_000] {
            let quoted = report(&s, 1_000, seq);
            call!(s, PathMtu(quoted) => CommandError::NotInFlight(quoted.seq));
        }
        s.pass(span!(40 ms));
        send!(s, seq: 1, ack: 3_001);
        let quoted = report(&s, 1_000, 1); // not any more
        call!(s, PathMtu(quoted) => CommandError::NotInFlight(quoted.seq));
        assert_eq!(s.tcb.path_mtu(), 1_500);
    });
}

/// A SYN is smaller than the smallest packet: nobody can have found it too large.
#[test]
fn a_report_about_a_syn_changes_nothing() {
    play(|stage| {
        let mut s = stage.connect(&ethernet());
        s.burst();
        let quoted = report(&s, 600, 0);
        call!(s, PathMtu(quoted));
        send!(s, SYN, seq: 0, ack: 1, mss: 1_460, sack_ok);
        s.burst();
        assert_eq!(s.tcb.path_mtu(), 1_500);
    });
}

/// RFC 1191 §6.4: what was larger goes again at once, in order; what was not stays. Nothing was congested: the window
/// is what it was.
#[test]
fn what_was_too_large_goes_again_in_smaller_segments_and_the_window_stays() {
    play(|stage| {
        let mut s = sent(stage, 4_880); // three full segments, and 500 octets
        let cwnd = s.tcb.cwnd();
        let quoted = report(&s, 1_040, 1_461);
        call!(s, PathMtu(quoted));
        assert_eq!(s.tcb.path_mtu(), 1_040);
        assert_eq!(
            places(&s.burst()),
            [(1, 1_000), (1_001, 1_000), (2_001, 1_000), (3_001, 1_000), (4_001, 380)]
        );
        assert_eq!((s.tcb.cwnd(), s.tcb.in_recovery()), (cwnd, false));
        send!(s, seq: 1, ack: 1_001);
        send!(s, seq: 1, ack: 4_881);
        assert!(s.tcb.cwnd() >= cwnd && !s.tcb.in_recovery());
        // And what is new is smaller from the beginning.
        call!(s, queue 2_000);
        assert_eq!(places(&s.burst()), [(4_881, 1_000), (5_881, 1_000)]);
        send!(s, seq: 1, ack: 6_881);
    });
}

/// Acknowledgments that come in between are no reason for a recovery either.
#[test]
fn a_report_while_the_window_is_full_begins_no_recovery() {
    play(|stage| {
        let mut s = sent(stage, 30_000); // ten segments fill the window
        let cwnd = s.tcb.cwnd();
        let quoted = report(&s, 1_040, 1);
        call!(s, PathMtu(quoted));
        let again = s.burst();
        assert_eq!((again.len(), again[13].len, again[14].len), (15, 1_000, 600));
        s.pass(span!(40 ms));
        send!(s, seq: 1, ack: 1, sack: [(1_001, 2_001)]);
        assert!(!s.tcb.in_recovery());
        s.deliver(&seg!(seq: 1, ack: 14_601));
        assert!(s.tcb.cwnd() > cwnd && !s.tcb.in_recovery());
        s.burst();
    });
}

/// The floors: 552 octets for IPv4, RFC 8201 §4's 1280 for IPv6.
#[test]
fn a_report_below_the_floor_is_taken_for_the_floor() {
    play(|stage| {
        let mut s = sent(stage, 1_460);
        let quoted = report(&s, 68, 1);
        call!(s, PathMtu(quoted));
        assert_eq!(s.tcb.path_mtu(), 552);
        assert_eq!(places(&s.burst()), [(1, 512), (513, 512), (1_025, 436)]);

        let mut config = ethernet();
        (config.mss, config.ip_header, config.min_path_mtu) = (1_440, 40, 1_280);
        let mut s = stage.established(&config);
        call!(s, queue 1_440);
        s.burst();
        let quoted = report(&s, 576, 1);
        call!(s, PathMtu(quoted));
        assert_eq!(s.tcb.path_mtu(), 1_280);
        assert_eq!(places(&s.burst()), [(1, 1_220), (1_221, 220)]);
    });
}

/// RFC 8201 §4: never raised by a report.
#[test]
fn a_report_of_more_than_is_sent_changes_nothing() {
    play(|stage| {
        let mut s = sent(stage, 2_920);
        for mtu in [1_500, 1_501, 9_000, u32::MAX] {
            let quoted = report(&s, mtu, 1);
            call!(s, PathMtu(quoted));
            expect_none!(s);
            assert_eq!(s.tcb.path_mtu(), 1_500);
        }
    });
}

/// RFC 5927 §7.2: as large segments have passed, the report waits; what it quotes is acknowledged, so it was forged.
#[test]
fn a_report_against_what_has_passed_is_forgotten_when_its_segment_arrives() {
    play(|stage| {
        let mut s = open(stage);
        carry(&mut s, 2_920, 1_460);
        call!(s, queue 2_920);
        s.burst();
        let quoted = report(&s, 600, 2_921);
        call!(s, PathMtu(quoted));
        expect_none!(s);
        s.pass(span!(40 ms));
        send!(s, seq: 1, ack: 4_381);
        call!(s, queue 1_460);
        assert_eq!(places(&s.burst()), [(5_841, 1_460)]);
        assert_eq!(s.tcb.path_mtu(), 1_500);
    });
}

/// What SACK has reported was not too large (RFC 5927 §4.1 in spirit: it is in flight no more).
#[test]
fn a_report_about_what_sack_has_reported_changes_nothing() {
    play(|stage| {
        let mut s = sent(stage, 2_920);
        s.pass(span!(40 ms));
        send!(s, seq: 1, ack: 1, sack: [(1_461, 2_921)]);
        let quoted = report(&s, 600, 1_461);
        call!(s, PathMtu(quoted));
        expect_none!(s);
        assert_eq!(s.tcb.path_mtu(), 1_500);
    });
}

/// RFC 5927 §7.2: no acknowledgment comes, so the report was true. The probe timer of RFC 8985 §7.2 is sign enough for
/// what is said of the tail, and of nothing else.
#[test]
fn a_report_against_what_has_passed_is_believed_when_its_segment_does_not_arrive() {
    play(|stage| {
        let mut s = open(stage);
        carry(&mut s, 2_920, 1_460);
        let cwnd = s.tcb.cwnd();
        call!(s, queue 2_920);
        s.burst();
        let quoted = report(&s, 1_040, 4_381);
        call!(s, PathMtu(quoted));
        expect_none!(s);
        let way = s.pass(span!(80 ms));
        let again: Vec<_> = way.iter().map(|(at, seg)| (*at, seg.seq, seg.len)).collect();
        let at = span!(80 ms);
        assert_eq!(again, [(at, 2_921, 1_000), (at, 3_921, 1_000), (at, 4_921, 920)]);
        assert_eq!((s.tcb.cwnd(), s.tcb.path_mtu()), (cwnd, 1_040));
        send!(s, seq: 1, ack: 5_841);
    });
}

/// RFC 4821 §7.7, and the base size of §7.2: two timeouts in a row, and 1024 octets; then half of it, but no less than
/// the floor.
#[test]
fn the_second_timeout_in_a_row_makes_segments_smaller() {
    play(|stage| {
        let mut s = stage.established(&ethernet());
        call!(s, queue 1_460);
        expect!(s, PSH, seq: 1, ack: 1, len: 1_460);
        advance!(s, 20 s, {
            200 ms => (PSH, seq: 1, ack: 1, len: 1_460), // the probe of the tail
            1_200 ms => (PSH, seq: 1, ack: 1, len: 1_460),
            3_200 ms => (seq: 1, ack: 1, len: 984),
            7_200 ms => (seq: 1, ack: 1, len: 512),
            15_200 ms => (seq: 1, ack: 1, len: 512),
        });
        assert_eq!(s.tcb.path_mtu(), 552);
        send!(s, seq: 1, ack: 513);
        assert_eq!(places(&s.burst()), [(513, 512), (1_025, 436)]);
        send!(s, seq: 1, ack: 1_461);
    });
}

/// What would pass in any case is not lost for its size.
#[test]
fn timeouts_of_small_segments_make_nothing_smaller() {
    play(|stage| {
        let mut s = stage.established(&ethernet());
        call!(s, queue 900);
        expect!(s, PSH, seq: 1, ack: 1, len: 900);
        s.pass(span!(100 s));
        assert_eq!(s.tcb.path_mtu(), 1_500);
        send!(s, seq: 1, ack: 901);
    });
}

/// [`MtuProbing::Off`]: timeouts say nothing about sizes.
#[test]
fn without_probing_no_black_hole_is_suspected() {
    play(|stage| {
        let mut config = ethernet();
        config.mtu_probing = MtuProbing::Off;
        let mut s = stage.established(&config);
        call!(s, queue 1_460);
        s.burst();
        assert!(s.pass(span!(100 s)).iter().all(|(_, seg)| seg.len == 1_460));
        send!(s, seq: 1, ack: 1_461);
    });
}

/// RFC 4821 §7.6.1: the probe has arrived, and segments are as large as it.
#[test]
fn a_probe_that_arrives_makes_segments_larger() {
    play(|stage| {
        let (mut s, probe) = probed(stage);
        s.deliver(&seg!(seq: 1, ack: probe + 1_460));
        assert_eq!(s.tcb.path_mtu(), 1_500);
        carry(&mut s, 2_000, 1_460);
        call!(s, queue 2_920);
        let next = probe + 8_000;
        assert_eq!(places(&s.burst()), [(next, 1_460), (next + 1_460, 1_460)]);

        // A SACK block says as much.
        let (mut s, probe) = probed(stage);
        s.deliver(&seg!(seq: 1, ack: probe - 984, sack: [(probe, probe + 1_460)]));
        assert_eq!(s.tcb.path_mtu(), 1_500);
        s.burst();
    });
}

/// RFC 4821 §7.6.2, RFC 8899 §3: the probe alone is lost. Its octets go again in segments that pass, and the window stays.
#[test]
fn a_lost_probe_costs_no_window() {
    play(|stage| {
        let (mut s, probe) = probed(stage);
        let (cwnd, ssthresh) = (s.tcb.cwnd(), s.tcb.ssthresh());
        let behind = probe + 1_460;
        s.deliver(&seg!(seq: 1, ack: probe, sack: [(behind, behind + 984)]));
        s.deliver(&seg!(seq: 1, ack: probe, sack: [(behind, behind + 2 * 984)]));
        expect_none!(s);
        s.deliver(&seg!(seq: 1, ack: probe, sack: [(behind, behind + 3 * 984)]));
        assert_eq!(places(&s.burst()), [(probe, 984), (probe + 984, 476)]);
        let unharmed = |s: &Script| {
            assert!(s.tcb.cwnd() >= cwnd && !s.tcb.in_recovery());
            assert_eq!((s.tcb.ssthresh(), s.tcb.path_mtu()), (ssthresh, 1_024));
        };
        unharmed(&s);
        s.pass(span!(40 ms));
        send!(s, seq: 1, ack: probe + 6_000);
        unharmed(&s);
        // The next one is half way between what passes and what does not, and not before a second has passed.
        carry(&mut s, 20_000, 984);
        s.pass(span!(960 ms));
        call!(s, queue 10_000);
        assert_eq!(places(&s.burst()[..1]), [(probe + 26_000, 1_222)]);
    });
}

/// RFC 4821 §7.6.4: others are lost with it. That is congestion, and says nothing about the size of the probe.
#[test]
fn a_probe_lost_with_others_is_congestion() {
    play(|stage| {
        let (mut s, probe) = probed(stage);
        let ssthresh = s.tcb.ssthresh();
        s.deliver(&seg!(seq: 1, ack: probe, sack: [(probe + 1_460 + 984, probe + 6_000)]));
        assert!(s.tcb.in_recovery());
        assert!(s.tcb.ssthresh() < ssthresh);
        s.burst();
        s.pass(span!(40 ms));
        s.deliver(&seg!(seq: 1, ack: probe + 6_000));
        carry(&mut s, 20_000, 984);
        s.pass(span!(800 ms));
        // So the same size comes again.
        call!(s, queue 6_000);
        assert_eq!(s.burst()[0].len, 1_460);
    });
}

/// RFC 4821 §7.4: no probe while something is missing, nor without octets that will show soon whether it is lost.
#[test]
fn no_probe_goes_out_while_something_is_missing_or_too_little_is_queued() {
    play(|stage| {
        let mut s = suspected(stage);
        call!(s, queue 4_000);
        let first = s.burst();
        assert!(first.iter().all(|seg| seg.len <= 984));
        s.pass(span!(40 ms));
        let una = first[0].seq;
        send!(s, seq: 1, ack: una, sack: [(una + 984, una + 1_968)]);
        call!(s, queue 20_000);
        let sent = s.burst();
        assert!(!sent.is_empty() && sent.iter().all(|seg| seg.len <= 984));
    });
}

/// RFC 4015: the timeouts were spurious, as a timestamp shows (RFC 3522), so there was no black hole either.
#[test]
fn spurious_timeouts_give_the_size_back() {
    play(|stage| {
        let mut config = ethernet();
        config.timestamps = true;
        let mut s = stage.established(&config);
        s.pass(span!(40 ms));
        call!(s, queue 1_448);
        let began = s.ms();
        s.burst();
        s.pass(span!(3_500 ms));
        assert_eq!(s.tcb.path_mtu(), 1_024);
        // The answer to what was sent first.
        s.deliver(&seg!(seq: 1, ack: 1_449, ts: (1, began)));
        assert_eq!(s.tcb.path_mtu(), 1_500);
    });
}

/// RFC 8201 §4: what a report quotes was sent before the last one was believed, and was larger than segments are now. So
/// reports that go down by an octet each do not send a window again each.
#[test]
fn reports_about_what_was_sent_before_the_last_lowering_change_nothing() {
    for polled in [false, true] {
        play(|stage| {
            let mut s = sent(stage, 14_600);
            let mut again = 0;
            for mtu in (1_480..1_500).rev() {
                let quoted = report(&s, mtu, 7_301);
                call!(s, PathMtu(quoted));
                if polled {
                    again += s.burst().len();
                    s.advance(span!(1 ms), &[]);
                }
            }
            again += s.burst().len();
            assert_eq!((s.tcb.path_mtu(), again), (1_499, 11));
        });
    }
}

#[test]
fn what_the_path_takes_is_told() {
    play(|stage| {
        let mut s = sent(stage, 3_000);
        let told = |s: &Script| {
            let info = s.tcb.info(s.at());
            (info.path_mtu, info.path_mtu_limit, s.tcb.path_was_lowered())
        };
        assert_eq!(told(&s), (1_500, 1_500, false));
        let quoted = report(&s, 1_040, 1);
        call!(s, PathMtu(quoted));
        assert_eq!(told(&s), (1_040, 1_040, true));
        s.burst();
    });
}

/// RFC 1191 §6.4: only what was larger than the router takes was dropped by it.
#[test]
fn what_just_fits_the_smaller_path_does_not_go_again() {
    play(|stage| {
        let mut s = sent(stage, 2_460); // a full segment, and one of 1,000 octets
        let quoted = report(&s, 1_040, 1);
        call!(s, PathMtu(quoted));
        assert_eq!(places(&s.burst()), [(1, 1_000), (1_001, 460)]);
    });
}
