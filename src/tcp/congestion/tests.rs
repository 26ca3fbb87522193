use core::time::Duration;

use proptest::prelude::*;

use super::{Congestion, CongestionControl, MAX_WINDOW, NewRenoWindow, initial_window};
use crate::Instant;

#[test]
fn the_initial_window_is_that_of_rfc_6928() {
    // min(10·SMSS, max(2·SMSS, 14600))
    assert_eq!(initial_window(10, 536), 5360);
    assert_eq!(initial_window(10, 1460), 14_600);
    assert_eq!(initial_window(10, 1448), 14_480);
    assert_eq!(initial_window(10, 4000), 14_600);
    assert_eq!(initial_window(10, 8960), 17_920);
    assert_eq!(initial_window(10, 65_495), 130_990);
}

#[test]
fn another_number_of_segments_scales_it() {
    assert_eq!(initial_window(1, 1460), 1460);
    assert_eq!(initial_window(1, 8960), 8960);
    assert_eq!(initial_window(3, 1460), 4380);
    assert_eq!(initial_window(4, 2190), 5840);
    assert_eq!(initial_window(255, 1460), 372_300);
}

#[test]
fn the_initial_window_is_at_least_one_segment_and_bounded() {
    assert_eq!(initial_window(0, 1460), 1460);
    assert_eq!(initial_window(0, 0), 1);
    assert_eq!(initial_window(255, u32::MAX), MAX_WINDOW);
}

#[derive(Clone, Debug)]
enum Step {
    Initial(u32),
    Ack(u32, bool),
    Enter(u32),
    Inflate,
    Partial(u32),
    Full(u32),
    Rto(u32, bool),
    Idle(u32),
}

fn octets() -> impl Strategy<Value = u32> {
    prop_oneof![0_u32..100_000, any::<u32>(), Just(u32::MAX)]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        octets().prop_map(Step::Initial),
        (octets(), any::<bool>()).prop_map(|(acked, limited)| Step::Ack(acked, limited)),
        octets().prop_map(Step::Enter),
        Just(Step::Inflate),
        octets().prop_map(Step::Partial),
        octets().prop_map(Step::Full),
        (octets(), any::<bool>()).prop_map(|(flight, first)| Step::Rto(flight, first)),
        octets().prop_map(Step::Idle),
    ]
}

fn apply(control: &mut impl CongestionControl, step: &Step, smss: u32) {
    match *step {
        Step::Initial(window) => control.set_initial(window.max(smss)),
        Step::Ack(acked, limited) => {
            control.on_ack(acked, smss, limited, Instant::ZERO, Some(Duration::from_millis(1)));
        }
        Step::Enter(flight) => control.on_duplicate_enter(flight, smss),
        Step::Inflate => control.inflate(smss),
        Step::Partial(acked) => control.on_partial_ack(acked, smss),
        Step::Full(flight) => control.on_full_ack(flight, smss),
        Step::Rto(flight, first) => control.on_rto(flight, smss, first),
        Step::Idle(window) => control.on_idle(window.max(smss)),
    }
}

proptest! {
    #[test]
    fn the_window_stays_between_one_segment_and_its_bound(
        steps in prop::collection::vec(step(), 0..60),
        smss in 1_u32..70_000,
    ) {
        let mut control = Congestion::NewReno(NewRenoWindow::new(initial_window(10, smss)));
        for step in &steps {
            apply(&mut control, step, smss);
            prop_assert!((smss..=MAX_WINDOW).contains(&control.cwnd()), "{} after {step:?}", control.cwnd());
            prop_assert!(control.ssthresh() >= 2 * smss);
        }
    }

    #[test]
    fn the_choice_does_what_the_chosen_algorithm_does(
        steps in prop::collection::vec(step(), 0..60),
        smss in 1_u32..70_000,
    ) {
        let mut alone = NewRenoWindow::new(initial_window(10, smss));
        let mut chosen = Congestion::NewReno(alone.clone());
        for step in &steps {
            apply(&mut alone, step, smss);
            apply(&mut chosen, step, smss);
            prop_assert_eq!((chosen.cwnd(), chosen.ssthresh()), (alone.cwnd(), alone.ssthresh()));
        }
        prop_assert_eq!(chosen, Congestion::NewReno(alone));
    }
}
