use alloc::vec;
use core::time::Duration;

use super::{Window, part_of};
use crate::Instant;
use crate::tcp::congestion::tests::{Flow, millis};
use crate::tcp::congestion::{CongestionControl as _, MAX_WINDOW, NewRenoWindow, Signal, initial_window};

const SMSS: u32 = 1000;
const HALF: super::Part = (1, 2);

fn flow(cwnd: u32) -> Flow<NewRenoWindow> {
    Flow::new(NewRenoWindow::new(cwnd), SMSS, millis(100))
}

/// After a loss, in slow start from 10 segments to `ssthresh`.
fn climbing(ssthresh: u32) -> Flow<NewRenoWindow> {
    let mut flow = flow(2 * ssthresh);
    flow.congestion(Signal::Loss);
    flow.control.set_cwnd(10 * SMSS);
    flow
}

#[test]
fn a_part_is_rounded_down_and_bounded() {
    assert_eq!(part_of(999, (7, 10)), 699);
    assert_eq!(part_of(u32::MAX, (1, 1)), MAX_WINDOW);
    assert_eq!(part_of(5, (1, 0)), 5);
}

/// RFC 3465 §2.2: L = 2·SMSS.
// RFC 5681-6
#[test]
fn slow_start_adds_what_was_acknowledged_up_to_two_segments() {
    let mut flow = climbing(100 * SMSS);
    flow.ack(SMSS);
    assert_eq!(flow.control.cwnd(), 11_000);
    flow.ack(1);
    assert_eq!(flow.control.cwnd(), 11_001, "single octets acknowledged gain no segments");
    flow.ack(5 * SMSS);
    assert_eq!(flow.control.cwnd(), 13_001);
}

/// RFC 3465 §2.3: L = 1·SMSS.
// RFC 5681-6
#[test]
fn slow_start_after_a_timeout_adds_one_segment_at_most() {
    let mut flow = flow(40 * SMSS);
    flow.control.on_rto(40 * SMSS, SMSS, true, flow.now);
    flow.ack(SMSS);
    flow.ack(2 * SMSS);
    assert_eq!(flow.control.cwnd(), 3_000);
    while flow.control.in_slow_start() {
        flow.round();
    }
    flow.round();
    // Beyond ssthresh that is over.
    flow.control.set_cwnd(18 * SMSS);
    flow.ack(2 * SMSS);
    assert_eq!(flow.control.cwnd(), 20_000);
}

/// RFC 9406 §4.3: L = 8.
#[test]
fn the_first_slow_start_adds_eight_segments_at_most() {
    let mut flow = flow(40 * SMSS);
    flow.ack(7 * SMSS);
    assert_eq!(flow.control.cwnd(), 47_000);
    flow.ack(20 * SMSS);
    assert_eq!(flow.control.cwnd(), 55_000);
}

#[test]
fn what_slow_start_leaves_counts_for_congestion_avoidance() {
    let mut flow = climbing(11 * SMSS);
    flow.ack(2 * SMSS);
    assert_eq!(flow.control.cwnd(), 11_000, "no further than ssthresh");
    flow.ack(10 * SMSS);
    assert_eq!(flow.control.cwnd(), 12_000, "11 segments were acknowledged in congestion avoidance");
}

#[test]
fn slow_start_doubles_the_window_in_a_round_trip() {
    let mut flow = flow(10 * SMSS);
    for doubled in [20, 40, 80, 160] {
        flow.round();
        assert_eq!(flow.control.cwnd(), doubled * SMSS);
    }
}

#[test]
fn slow_start_doubles_a_window_that_is_sent_in_bursts() {
    for mut flow in [flow(10 * SMSS), climbing(160 * SMSS)] {
        for doubled in [20, 40, 80, 160] {
            let window = flow.control.cwnd();
            flow.round_of(window);
            flow.now = flow.now + millis(20);
            assert_eq!(flow.control.cwnd(), doubled * SMSS);
        }
    }
}

#[test]
fn a_window_that_was_not_filled_does_not_grow() {
    let (mut first, mut climbing) = (flow(10 * SMSS), climbing(100 * SMSS));
    let mut avoiding = flow(40 * SMSS);
    avoiding.congestion(Signal::Loss);
    for flow in [&mut first, &mut climbing, &mut avoiding] {
        let before = flow.control.cwnd();
        flow.limited = false;
        for _ in 0..100 {
            flow.ack_of(9 * SMSS, SMSS);
        }
        assert_eq!(flow.control.cwnd(), before);
    }
}

/// RFC 9438 §4.6: what is in flight when a loss is noticed says too little.
#[test]
fn a_full_window_counts_as_a_whole_when_much_of_it_is_lost() {
    let mut flow = flow(100 * SMSS);
    flow.congestion(Signal::Loss);
    flow.ack(SMSS);
    assert_eq!(flow.control.cwnd(), 50_000);
    flow.control.on_congestion(Signal::Loss, 3 * SMSS, SMSS, flow.now);
    assert_eq!(flow.control.ssthresh(), 25_000);
}

// RFC 9438-11
#[test]
fn of_a_window_that_was_not_full_counts_what_was_under_way() {
    let mut flow = flow(100 * SMSS);
    flow.congestion(Signal::Loss);
    flow.ack_of(30 * SMSS, SMSS);
    for (flight, ssthresh) in [(3, 15_000), (40, 20_000), (400, 25_000)] {
        let mut flow = flow.clone();
        flow.control.on_congestion(Signal::Loss, flight * SMSS, SMSS, flow.now);
        assert_eq!(flow.control.ssthresh(), ssthresh, "never more than the window");
    }
}

/// RFC 5681 §3.1: at most half, and the window of a recovery that has only begun says nothing new.
#[test]
fn a_timeout_in_a_recovery_does_not_raise_ssthresh() {
    let mut early = flow(100 * SMSS);
    early.control.on_congestion(Signal::Loss, 100 * SMSS, SMSS, early.now);
    early.control.set_cwnd(120 * SMSS);
    early.control.on_rto(120 * SMSS, SMSS, true, early.now);
    assert_eq!(early.control.ssthresh(), 50_000);
    let mut flow = flow(100 * SMSS);
    flow.congestion(Signal::Loss);
    flow.control.on_rto(50 * SMSS, SMSS, true, flow.now);
    assert_eq!(flow.control.ssthresh(), 25_000, "but it lowers it");
    flow.ack(SMSS);
    flow.control.set_cwnd(80 * SMSS);
    flow.ack(SMSS);
    flow.congestion(Signal::Loss);
    assert_eq!(flow.control.ssthresh(), 40_000, "and the next congestion is another one");
}

/// RFC 7661 §4.4.1: max(pipeACK, LossFlightSize).
#[test]
fn a_loss_after_a_pause_costs_no_more_than_half_of_what_the_path_carried() {
    let mut flow = flow(100 * SMSS);
    flow.congestion(Signal::Loss);
    for _ in 0..3 {
        flow.round_of(48 * SMSS);
    }
    flow.limited = false;
    flow.round_of(2 * SMSS);
    flow.control.on_congestion(Signal::Loss, 2 * SMSS, SMSS, flow.now);
    assert_eq!(flow.control.ssthresh(), 24_000);
}

/// RFC 7661 §4.4: half of the window was used, no more of it may be had.
#[test]
fn a_burst_after_a_trickle_makes_no_window_grow_until_it_is_acknowledged() {
    let mut flow = flow(100 * SMSS);
    flow.congestion(Signal::Loss);
    flow.limited = false;
    for _ in 0..30 {
        flow.round_of(2 * SMSS);
    }
    flow.limited = true;
    let window = flow.control.cwnd();
    for _ in 0..50 {
        flow.ack(SMSS);
    }
    assert_eq!(flow.control.cwnd(), window, "50 segments are acknowledged, but the round trip goes on");
    for _ in 0..200 {
        flow.ack(SMSS);
    }
    assert!(flow.control.cwnd() > window);
}

/// RFC 7661 §4.4.3.
#[test]
fn a_window_that_is_not_used_for_five_minutes_is_halved_down_to_the_initial_one() {
    let mut flow = flow(64 * SMSS);
    flow.congestion(Signal::Loss);
    assert_eq!((flow.control.cwnd(), flow.control.ssthresh()), (32_000, 32_000));
    flow.limited = false;
    let mut windows = vec![flow.control.cwnd()];
    for _ in 0..14_000 {
        flow.round_of(2 * SMSS);
        let cwnd = flow.control.cwnd();
        if windows.last() != Some(&cwnd) {
            windows.push(cwnd);
        }
    }
    assert_eq!(windows, [32_000, 16_000, initial_window(10, SMSS)]);
    assert_eq!(flow.control.ssthresh(), 32_000, "what was once reached is remembered");
}

/// RFC 7661 §4.4.3: the memory is three quarters of the window.
#[test]
fn an_unused_window_that_grew_is_remembered_by_three_quarters() {
    let mut window = Window::new(100 * SMSS);
    window.lower(20 * SMSS, HALF, SMSS);
    assert_eq!(window.ssthresh(), 10_000);
    window.shrink(SMSS);
    assert_eq!((window.cwnd(), window.ssthresh()), (50_000, 75_000));
    window.set(5 * SMSS);
    window.shrink(SMSS);
    assert_eq!(window.cwnd(), 5_000, "it does not grow by that");
}

/// RFC 5681 §4.1.
#[test]
fn idleness_leaves_no_more_than_the_restart_window() {
    let idle = Duration::from_secs(10);
    let mut window = NewRenoWindow::new(50 * SMSS);
    window.on_idle(10 * SMSS, idle);
    assert_eq!((window.cwnd(), window.ssthresh()), (10_000, u32::MAX));
    window.on_rto(8 * SMSS, SMSS, true, Instant::ZERO);
    window.on_idle(10 * SMSS, idle);
    assert_eq!((window.cwnd(), window.ssthresh()), (1_000, 4_000), "a smaller window stays");
}

/// RFC 5681 §4.1 with the memory of RFC 7661.
#[test]
fn after_a_pause_slow_start_leads_back_to_three_quarters() {
    let mut flow = flow(80 * SMSS);
    flow.congestion(Signal::Loss);
    for _ in 0..40 {
        flow.round();
    }
    assert_eq!(flow.control.cwnd(), 80_000);
    flow.control.on_idle(10 * SMSS, Duration::from_secs(10));
    flow.now = flow.now + Duration::from_secs(10);
    assert_eq!((flow.control.cwnd(), flow.control.ssthresh()), (10_000, 60_000));
    for _ in 0..3 {
        let window = flow.control.cwnd();
        flow.round_of(window);
    }
    assert_eq!(flow.control.cwnd(), 60_000);
}
