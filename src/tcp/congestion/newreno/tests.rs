use super::{CongestionControl, MAX_WINDOW, NewRenoWindow};
use crate::Instant;

const SMSS: u32 = 1000;

fn acked(window: &mut NewRenoWindow, octets: u32) {
    window.on_ack(octets, SMSS, true, Instant::ZERO, None);
}

/// In congestion avoidance with `cwnd` = ssthresh.
fn avoiding(cwnd: u32) -> NewRenoWindow {
    let mut window = NewRenoWindow::new(cwnd);
    window.on_duplicate_enter(2 * cwnd, SMSS);
    window.on_full_ack(cwnd, SMSS);
    assert_eq!((window.cwnd(), window.ssthresh()), (cwnd, cwnd));
    window
}

#[test]
fn slow_start_adds_what_was_acknowledged_up_to_one_segment() {
    let mut window = NewRenoWindow::new(10 * SMSS);
    assert_eq!(window.ssthresh(), u32::MAX);
    acked(&mut window, SMSS);
    assert_eq!(window.cwnd(), 11_000);
    acked(&mut window, 1);
    assert_eq!(window.cwnd(), 11_001, "single octets acknowledged gain no segments");
    acked(&mut window, 5 * SMSS);
    assert_eq!(window.cwnd(), 12_001, "L = 1·SMSS");
}

#[test]
fn congestion_avoidance_adds_one_segment_for_each_window_acknowledged() {
    let mut window = avoiding(10 * SMSS);
    for _ in 0..9 {
        acked(&mut window, SMSS);
    }
    assert_eq!(window.cwnd(), 10_000);
    acked(&mut window, SMSS);
    assert_eq!(window.cwnd(), 11_000);
    acked(&mut window, 10_999);
    assert_eq!(window.cwnd(), 11_000);
    acked(&mut window, 2);
    assert_eq!(window.cwnd(), 12_000);
    acked(&mut window, 11_999);
    assert_eq!(window.cwnd(), 13_000, "the remainder of one octet was kept");
}

#[test]
fn one_acknowledgment_adds_one_segment_at_most() {
    let mut window = avoiding(10 * SMSS);
    acked(&mut window, u32::MAX);
    assert_eq!(window.cwnd(), 11_000);
    acked(&mut window, SMSS);
    assert_eq!(window.cwnd(), 12_000);
    acked(&mut window, SMSS);
    assert_eq!(window.cwnd(), 12_000, "no more than one window was saved up");
}

#[test]
fn a_window_that_was_not_filled_does_not_grow() {
    let mut slow_start = NewRenoWindow::new(10 * SMSS);
    let mut avoidance = avoiding(10 * SMSS);
    for window in [&mut slow_start, &mut avoidance] {
        let before = window.clone();
        window.on_ack(20 * SMSS, SMSS, false, Instant::ZERO, None);
        assert_eq!(*window, before);
    }
}

#[test]
fn the_third_duplicate_halves_the_flight_and_counts_three_segments_as_gone() {
    let mut window = NewRenoWindow::new(20 * SMSS);
    window.on_duplicate_enter(15 * SMSS, SMSS);
    assert_eq!((window.ssthresh(), window.cwnd()), (7_500, 10_500));
    window.inflate(SMSS);
    assert_eq!((window.ssthresh(), window.cwnd()), (7_500, 11_500));
}

#[test]
fn ssthresh_is_at_least_two_segments() {
    let mut window = NewRenoWindow::new(4 * SMSS);
    window.on_duplicate_enter(3 * SMSS, SMSS);
    assert_eq!((window.ssthresh(), window.cwnd()), (2_000, 5_000));
    window.on_rto(SMSS, SMSS, true);
    assert_eq!((window.ssthresh(), window.cwnd()), (2_000, 1_000));
}

#[test]
fn a_partial_acknowledgment_takes_off_what_it_covers_and_adds_the_segment_sent_again() {
    let mut window = NewRenoWindow::new(20 * SMSS);
    window.on_duplicate_enter(20 * SMSS, SMSS);
    assert_eq!(window.cwnd(), 13_000);
    window.on_partial_ack(3 * SMSS, SMSS);
    assert_eq!(window.cwnd(), 11_000);
    window.on_partial_ack(SMSS, SMSS);
    assert_eq!(window.cwnd(), 11_000);
    window.on_partial_ack(SMSS - 1, SMSS);
    assert_eq!(window.cwnd(), 10_001, "less than one segment adds nothing back");
    window.on_partial_ack(50 * SMSS, SMSS);
    assert_eq!(window.cwnd(), SMSS);
}

#[test]
fn the_end_of_recovery_deflates_without_a_burst() {
    let mut window = NewRenoWindow::new(20 * SMSS);
    window.on_duplicate_enter(20 * SMSS, SMSS);
    let (mut full, mut little, mut nothing) = (window.clone(), window.clone(), window);
    // min(ssthresh, max(FlightSize, SMSS) + SMSS) with ssthresh = 10 segments
    full.on_full_ack(15 * SMSS, SMSS);
    assert_eq!(full.cwnd(), 10_000);
    little.on_full_ack(4 * SMSS, SMSS);
    assert_eq!(little.cwnd(), 5_000);
    nothing.on_full_ack(0, SMSS);
    assert_eq!(nothing.cwnd(), 2_000);
}

#[test]
fn a_timeout_leaves_one_segment_and_lowers_ssthresh_once() {
    let mut window = NewRenoWindow::new(20 * SMSS);
    window.on_rto(16 * SMSS, SMSS, true);
    assert_eq!((window.cwnd(), window.ssthresh()), (1_000, 8_000));
    window.on_rto(SMSS, SMSS, false);
    assert_eq!((window.cwnd(), window.ssthresh()), (1_000, 8_000));
    for _ in 0..7 {
        acked(&mut window, SMSS);
    }
    assert_eq!(window.cwnd(), 8_000, "slow start up to ssthresh");
    acked(&mut window, SMSS);
    assert_eq!(window.cwnd(), 8_000, "and congestion avoidance from there");
}

#[test]
fn a_loss_forgets_what_was_saved_up_for_growth() {
    let mut window = avoiding(10 * SMSS);
    acked(&mut window, 9_999);
    window.on_duplicate_enter(20 * SMSS, SMSS);
    window.on_full_ack(10 * SMSS, SMSS);
    acked(&mut window, 9_999);
    assert_eq!(window.cwnd(), 10_000);
}

#[test]
fn idleness_leaves_no_more_than_the_initial_window() {
    let mut window = NewRenoWindow::new(50 * SMSS);
    window.on_idle(10 * SMSS);
    assert_eq!((window.cwnd(), window.ssthresh()), (10_000, u32::MAX));
    window.on_rto(8 * SMSS, SMSS, true);
    window.on_idle(10 * SMSS);
    assert_eq!((window.cwnd(), window.ssthresh()), (1_000, 4_000), "a smaller window stays");
}

#[test]
fn the_window_begins_where_it_is_told_within_its_bounds() {
    let mut window = NewRenoWindow::new(0);
    assert_eq!(window.cwnd(), 1);
    window.set_initial(14_600);
    assert_eq!(window.cwnd(), 14_600);
    window.set_initial(u32::MAX);
    assert_eq!(window.cwnd(), MAX_WINDOW);
    acked(&mut window, SMSS);
    assert_eq!(window.cwnd(), MAX_WINDOW);
}
