use super::NewRenoWindow;
use crate::Instant;
use crate::tcp::congestion::tests::{Flow, millis};
use crate::tcp::congestion::{CongestionControl as _, MAX_WINDOW, Signal};

const SMSS: u32 = 1000;

fn flow(cwnd: u32) -> Flow<NewRenoWindow> {
    Flow::new(NewRenoWindow::new(cwnd), SMSS, millis(100))
}

/// In congestion avoidance with `cwnd` = ssthresh.
fn avoiding(cwnd: u32) -> Flow<NewRenoWindow> {
    let mut flow = flow(2 * cwnd);
    flow.congestion(Signal::Loss);
    assert_eq!((flow.control.cwnd(), flow.control.ssthresh()), (cwnd, cwnd));
    flow
}

/// RFC 3465 §2.1.
#[test]
fn congestion_avoidance_adds_one_segment_for_each_window_acknowledged() {
    let mut flow = avoiding(10 * SMSS);
    for _ in 0..9 {
        flow.ack(SMSS);
    }
    assert_eq!(flow.control.cwnd(), 10_000);
    flow.ack(SMSS);
    assert_eq!(flow.control.cwnd(), 11_000);
    flow.ack(10_999);
    assert_eq!(flow.control.cwnd(), 11_000);
    flow.ack(2);
    assert_eq!(flow.control.cwnd(), 12_000);
    flow.ack(11_999);
    assert_eq!(flow.control.cwnd(), 13_000, "the remainder of one octet was kept");
}

#[test]
fn one_acknowledgment_adds_one_segment_at_most() {
    let mut flow = avoiding(10 * SMSS);
    flow.ack(u32::MAX);
    assert_eq!(flow.control.cwnd(), 11_000);
    flow.ack(SMSS);
    assert_eq!(flow.control.cwnd(), 11_000, "no more than one window was counted");
}

/// RFC 5681 equation 4.
#[test]
fn a_loss_halves_what_was_under_way_and_leaves_the_window_to_recovery() {
    let mut window = NewRenoWindow::new(20 * SMSS);
    window.on_congestion(Signal::Loss, 15 * SMSS, SMSS, Instant::ZERO);
    assert_eq!((window.ssthresh(), window.cwnd()), (7_500, 20_000));
    window.set_cwnd(7_500);
    assert_eq!((window.ssthresh(), window.cwnd()), (7_500, 7_500));
}

/// RFC 8511 §3.
#[test]
fn ecn_takes_a_fifth_of_the_window() {
    let mut window = NewRenoWindow::new(20 * SMSS);
    window.on_congestion(Signal::Ecn, 20 * SMSS, SMSS, Instant::ZERO);
    assert_eq!(window.ssthresh(), 16_000);
}

#[test]
fn ssthresh_is_at_least_two_segments() {
    let mut window = NewRenoWindow::new(4 * SMSS);
    for signal in [Signal::Loss, Signal::Ecn] {
        window.on_congestion(signal, SMSS, SMSS, Instant::ZERO);
        assert_eq!(window.ssthresh(), 2_000);
    }
    window.on_rto(SMSS, SMSS, true, Instant::ZERO);
    assert_eq!((window.ssthresh(), window.cwnd()), (2_000, 1_000));
}

/// RFC 5681 §3.1; RFC 3465 §2.3.
// RFC 5681-11
#[test]
fn a_timeout_leaves_one_segment_and_lowers_ssthresh_once() {
    let mut flow = flow(20 * SMSS);
    flow.control.on_rto(16 * SMSS, SMSS, true, flow.now);
    assert_eq!((flow.control.cwnd(), flow.control.ssthresh()), (1_000, 8_000));
    flow.control.on_rto(SMSS, SMSS, false, flow.now);
    assert_eq!((flow.control.cwnd(), flow.control.ssthresh()), (1_000, 8_000));
    for _ in 0..7 {
        flow.ack(SMSS);
    }
    assert_eq!(flow.control.cwnd(), 8_000, "slow start up to ssthresh");
    flow.ack(SMSS);
    assert_eq!(flow.control.cwnd(), 8_000, "and congestion avoidance from there");
}

#[test]
fn a_loss_forgets_what_was_saved_up_for_growth() {
    let mut flow = avoiding(10 * SMSS);
    flow.ack(9_999);
    flow.congestion(Signal::Loss);
    flow.ack(4_999);
    assert_eq!(flow.control.cwnd(), 5_000);
    flow.ack(1);
    assert_eq!(flow.control.cwnd(), 6_000);
}

/// RFC 5681 §3.1: one segment for each round trip.
// RFC 5681-8
#[test]
fn the_window_is_a_saw_with_one_segment_for_each_round_trip() {
    let mut flow = avoiding(20 * SMSS);
    for round in 1..=20 {
        flow.round();
        assert_eq!(flow.control.cwnd(), (20 + round) * SMSS);
    }
    flow.congestion(Signal::Loss);
    assert_eq!(flow.control.cwnd(), 20 * SMSS);
}

#[test]
fn the_window_begins_where_it_is_told_within_its_bounds() {
    let mut flow = flow(0);
    assert_eq!(flow.control.cwnd(), 1);
    flow.control.set_initial(14_600);
    assert_eq!(flow.control.cwnd(), 14_600);
    flow.control.set_initial(u32::MAX);
    assert_eq!(flow.control.cwnd(), MAX_WINDOW);
    flow.ack(SMSS);
    assert_eq!(flow.control.cwnd(), MAX_WINDOW);
}
