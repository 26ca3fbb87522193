//! What a sender does when it hears of a mark: RFC 3168 §6.1.2, RFC 8511.

use tcpstate::tcp::{CongestionAlgorithm, Ecn, TcpConfig};
use tcpstate::{EcnCodepoint, TcpFlags};

use super::ecn::{agreed, with};
use super::script::{Script, Stage, our_syn, play};
use super::words::Seg;

/// A window's worth under way for a tenth of a second: ten segments.
fn ten_out(s: &mut Script) {
    s.peer_window = 60_000;
    send!(s, seq: 1, ack: 1);
    call!(s, queue 60_000);
    assert_eq!(s.burst().len(), 10);
    advance!(s, 100 ms);
}

/// Like [`agreed`] with other choices, and a tenth of a second between SYN and answer.
fn agreed_late(stage: Stage, config: &TcpConfig) -> Script {
    let mut s = stage.connect(config);
    s.expect(&our_syn(config));
    advance!(s, 100 ms);
    let mut reply = seg!(SYN, ECE, seq: 0, ack: 1, mss: 1_000);
    reply = if config.sack { reply.sack_ok() } else { reply };
    s.send(&reply);
    expect!(s, seq: 1, ack: 1);
    s
}

/// Acknowledges segment by segment from `from` to `to`, each with an echo or without; what goes out meanwhile.
fn acknowledge(s: &mut Script, from: i64, to: i64, echo: bool) -> Vec<Seg> {
    let mut sent = Vec::new();
    for ack in (from..=to).step_by(1_000) {
        let seg = seg!(seq: 1, ack: ack);
        s.send(&if echo { seg.flag(TcpFlags::ECE) } else { seg });
        sent.extend(s.burst());
    }
    sent
}

fn with_cwr(sent: &[Seg]) -> Vec<i64> {
    sent.iter().filter(|seg| seg.flags.contains(TcpFlags::CWR)).map(|seg| seg.seq).collect()
}

/// "The TCP sender's congestion window should be reduced only once in response to a series of … CE packets from a
/// single window of data"; by a fifth (RFC 8511 §3), a little with each acknowledgment (RFC 9937); and the first new
/// data says so.
// RFC 9293 SHLD-8
// RFC 3168 §6.1.2
// RFC 3168-9, 3168-10
#[test]
fn an_echo_lowers_the_window_once_for_each_window_of_data() {
    play(|stage| {
        let mut s = agreed(stage);
        ten_out(&mut s);
        let sent = acknowledge(&mut s, 1_001, 10_001, true);
        assert_eq!((s.tcb.cwnd(), s.tcb.ssthresh()), (8_000, 8_000));
        assert_eq!(sent.len(), 8, "{sent:?}");
        assert_eq!(with_cwr(&sent), [10_001]);
        assert!(sent.iter().all(|seg| seg.ecn == EcnCodepoint::Ect0));
        // The peer has not heard of it when it answers the next one, but the one after that.
        let sent = acknowledge(&mut s, 11_001, 11_001, true);
        assert_eq!((s.tcb.ssthresh(), with_cwr(&sent)), (6_400, vec![18_001]), "a new window, a new echo");
        let sent = acknowledge(&mut s, 12_001, 18_001, false);
        assert_eq!((s.tcb.ssthresh(), with_cwr(&sent)), (6_400, vec![]));
        assert!((6_400..7_400).contains(&s.tcb.cwnd()), "{}", s.tcb.cwnd());
    });
}

/// "The sending TCP SHOULD NOT increase the congestion window in response to the receipt of an ECN-Echo ACK packet."
// RFC 9293 SHLD-8
// RFC 3168 §6.1.2
// RFC 3168-12
#[test]
fn the_window_does_not_grow_for_an_echo() {
    play(|stage| {
        let mut s = agreed(stage);
        ten_out(&mut s);
        acknowledge(&mut s, 1_001, 9_001, true);
        let before = s.tcb.cwnd();
        acknowledge(&mut s, 10_001, 10_001, true);
        assert!(s.tcb.cwnd() <= before, "answered, and over");
        assert_eq!(s.tcb.ssthresh(), 8_000);
    });
}

/// CUBIC gives up 15 % (RFC 8511 §3), and goes on from there.
// RFC 9293 SHLD-8
// RFC 3168 §6.1.2
// RFC 9438-12, 3168-9
#[test]
fn cubic_gives_up_less_for_an_echo_than_for_a_loss() {
    play(|stage| {
        let mut config = with(Ecn::Request);
        (config.congestion, config.sack) = (CongestionAlgorithm::Cubic, true);
        let mut s = agreed_late(stage, &config);
        ten_out(&mut s);
        acknowledge(&mut s, 1_001, 10_001, true);
        assert_eq!((s.tcb.cwnd(), s.tcb.ssthresh()), (8_500, 8_500));
    });
}

/// All that was under way is acknowledged with the echo: nothing comes that could bring the window down step by
/// step.
// RFC 9293 SHLD-8
// RFC 3168 §6.1.2
// RFC 3168-13
#[test]
fn an_echo_for_the_last_octets_lowers_the_window_at_once() {
    play(|stage| {
        let mut s = agreed(stage);
        call!(s, queue 10_000);
        assert_eq!(s.burst().len(), 10);
        send!(s, ECE, seq: 1, ack: 10_001);
        assert_eq!(s.tcb.cwnd(), 8_000);
        call!(s, queue 20_000);
        let sent = s.burst();
        assert_eq!((sent.len(), with_cwr(&sent)), (8, vec![10_001]));
    });
}

/// A loss in the window of the echo is no second reason: "only once in response to a series of dropped and/or CE
/// packets".
// RFC 9293 SHLD-8
// RFC 3168 §6.1.2
// RFC 3168-11
#[test]
fn a_loss_in_the_same_window_as_an_echo_costs_nothing_more() {
    play(|stage| {
        for sack in [false, true] {
            let mut config = with(Ecn::Request);
            config.sack = sack;
            let mut s = agreed_late(stage, &config);
            ten_out(&mut s);
            acknowledge(&mut s, 1_001, 1_001, true);
            assert_eq!(s.tcb.ssthresh(), 8_000);
            // The second is lost.
            let mut again = Vec::new();
            for k in 2..10 {
                let seg = seg!(ECE, seq: 1, ack: 1_001);
                s.send(&if sack { seg.sack([(2_001, 1_001 + 1_000 * k)]) } else { seg });
                again.extend(s.burst());
            }
            let repeated: Vec<_> = again.iter().filter(|seg| seg.seq == 1_001).collect();
            assert_eq!(repeated.len(), 1, "{again:?}");
            assert!(repeated[0].ecn == EcnCodepoint::NotEct && !repeated[0].flags.contains(TcpFlags::CWR));
            assert_eq!(s.tcb.ssthresh(), 8_000);
            assert!(s.tcb.in_recovery());
        }
    });
}

/// The other way round: an echo while a loss is repaired is no second reason either. But the data after it says
/// CWR: "for any reason".
// RFC 9293 SHLD-8
// RFC 3168 §6.1.2
// RFC 3168-11, 3168-13
#[test]
fn an_echo_in_recovery_costs_nothing_more() {
    play(|stage| {
        let mut s = agreed(stage);
        ten_out(&mut s);
        for _ in 0..3 {
            send!(s, seq: 1, ack: 1);
            s.burst();
        }
        assert!(s.tcb.in_recovery());
        assert_eq!(s.tcb.ssthresh(), 5_000);
        let mut sent = Vec::new();
        for _ in 0..6 {
            send!(s, ECE, seq: 1, ack: 1);
            sent.extend(s.burst());
        }
        send!(s, ECE, seq: 1, ack: 10_001);
        sent.extend(s.burst());
        assert_eq!(s.tcb.ssthresh(), 5_000);
        let new: Vec<_> = sent.into_iter().filter(|seg| seg.seq >= 10_001).collect();
        assert_eq!(with_cwr(&new).len(), 1, "{new:?}");
        assert!(new[0].flags.contains(TcpFlags::CWR));
    });
}

/// Two segments make the smallest ssthresh; a window of one cannot come down at all: "the sending TCP MUST reset the
/// retransmit timer", and sends when it would be due.
// RFC 9293 SHLD-8
// RFC 3168 §6.1.2
// RFC 3168-14
#[test]
fn a_window_of_one_segment_waits_for_a_timeout_instead() {
    play(|stage| {
        let mut config = with(Ecn::Request);
        config.initial_window = 1;
        let mut s = stage.answered(&config, &seg!(SYN, ECE, seq: 0, ack: 1, mss: 1_000));
        call!(s, queue 3_000);
        expect!(s, seq: 1, ack: 1, len: 1_000, ect);
        advance!(s, 100 ms);
        send!(s, ECE, seq: 1, ack: 1_001);
        advance!(s, 1 s, { 1 s => (CWR, seq: 1_001, ack: 1, len: 1_000, ect) });
        assert_eq!(s.tcb.cwnd(), 1_000);
        send!(s, ECE, seq: 1, ack: 2_001);
        advance!(s, 1 s, { 1 s => (PSH, CWR, seq: 2_001, ack: 1, len: 1_000, ect) });
        send!(s, seq: 1, ack: 3_001);
        assert_eq!(s.tcb.cwnd(), 2_000);
    });
}

/// Who has heard of a mark does not go back to the window from before a loss, though there was none (RFC 4015 §3.2).
// RFC 9293 SHLD-8
// RFC 3168 §6.1.2
// RFC 3168-25
#[test]
fn an_echo_keeps_a_spurious_recovery_from_being_taken_back() {
    play(|stage| {
        for echo in [false, true] {
            let mut config = with(Ecn::Request);
            config.timestamps = true;
            let reply = seg!(SYN, ECE, seq: 0, ack: 1, mss: 1_000).ts((0, 0));
            let mut s = stage.answered(&config, &reply);
            s.peer_window = 60_000;
            call!(s, queue 60_000);
            let sent = s.burst().len();
            let octets = s.tcb.effective_send_mss() as i64 * sent as i64;
            // Nothing is lost, but all of it is late.
            let late = s.pass(span!(1_200 ms));
            assert!(!late.is_empty() && s.tcb.cwnd() == s.tcb.effective_send_mss(), "{late:?}");
            let ack = seg!(seq: 1, ack: 1 + octets).ts((1_200, 0));
            s.send(&if echo { ack.flag(TcpFlags::ECE) } else { ack });
            s.burst();
            assert_eq!(s.tcb.ssthresh() == u32::MAX, !echo, "{}", s.tcb.ssthresh());
        }
    });
}

/// An acknowledgment that is older than others says nothing new, whatever it says.
// RFC 9293 SHLD-8
// RFC 3168 §6.1.2
#[test]
fn an_old_echo_says_nothing() {
    play(|stage| {
        let mut s = agreed(stage);
        ten_out(&mut s);
        acknowledge(&mut s, 1_001, 5_001, false);
        send!(s, ECE, seq: 1, ack: 3_001);
        assert_eq!(s.tcb.ssthresh(), u32::MAX);
        // Nor does one when nothing of ours was under way.
        let mut s = agreed(stage);
        send!(s, ECE, seq: 1, ack: 1);
        assert_eq!((s.tcb.cwnd(), s.tcb.ssthresh()), (10_000, u32::MAX));
        call!(s, queue 1_000);
        expect!(s, PSH, seq: 1, ack: 1, len: 1_000, ect);
    });
}

/// Both directions mark: what one says of the other's data and of its own goes in the same segments.
// RFC 9293 SHLD-8
// RFC 3168 §6.1.3
// RFC 3168-15
#[test]
fn data_carries_the_echo_of_the_other_direction() {
    play(|stage| {
        let mut s = agreed(stage);
        ten_out(&mut s);
        send!(s, ECE, seq: 1, ack: 1_001, len: 1_000, ce);
        let sent = s.burst();
        assert!(sent.iter().all(|seg| seg.flags.contains(TcpFlags::ECE) && seg.ack == Some(1_001)));
        assert_eq!((s.tcb.ssthresh(), with_cwr(&sent)), (8_000, vec![10_001]));
        assert_eq!(sent[0].ecn, EcnCodepoint::Ect0);
    });
}

/// After a timeout too: the acknowledgment that says that there still is congestion opens nothing.
// RFC 3168-12
#[test]
fn an_echo_does_not_open_the_window_of_a_slow_start() {
    play(|stage| {
        for echo in [true, false] {
            let mut s = agreed(stage);
            call!(s, queue 10_000);
            assert_eq!(s.burst().len(), 10);
            advance!(s, 1 s, { 1 s => (seq: 1, ack: 1, len: 1_000) });
            acknowledge(&mut s, 1_001, 1_001, echo);
            assert_eq!(s.tcb.cwnd(), if echo { 1_000 } else { 2_000 });
        }
    });
}

/// The echo may have come before the sign that nothing was lost: what a mark has taken is not given back.
// RFC 3168-25
#[test]
fn an_echo_in_a_recovery_keeps_it_from_being_taken_back_later() {
    play(|stage| {
        for echo in [false, true] {
            let mut config = with(Ecn::Request);
            (config.timestamps, config.sack) = (true, true);
            let mut s = stage.connect(&config);
            s.expect(&our_syn(&config));
            advance!(s, 100 ms);
            send!(s, SYN, ECE, seq: 0, ack: 1, mss: 1_012, sack_ok, ts: (0, 0));
            assert_eq!(s.burst().len(), 1);
            call!(s, queue 9_880);
            assert_eq!(s.burst().len(), 10);
            advance!(s, 100 ms);
            send!(s, seq: 1, ack: 1, ts: (200, 100), sack: [(989, 3_953)]);
            assert_eq!(s.burst().first().map(|seg| seg.seq), Some(1));
            assert!(s.tcb.in_recovery());
            let fourth = seg!(seq: 1, ack: 1, ts: (200, 100), sack: [(989, 4_941)]);
            s.send(&if echo { fourth.flag(TcpFlags::ECE) } else { fourth });
            let _new = s.burst();
            advance!(s, 5 ms);
            // The first copy of the first segment has only been late, as its timestamp says (RFC 3522).
            send!(s, seq: 1, ack: 4_941, ts: (205, 100));
            let _new = s.burst();
            assert!(!s.tcb.in_recovery());
            assert_eq!(s.tcb.ssthresh() == u32::MAX, !echo, "{}", s.tcb.ssthresh());
            s.call(tcpstate::tcp::Command::Abort);
            let _reset = s.burst();
        }
    });
}
