use core::time::Duration;

use proptest::prelude::*;

use super::{CubicWindow, cube_root, nanos, ticks, time_to_plateau, w_cubic};
use crate::Instant;
use crate::tcp::congestion::tests::{Flow, millis};
use crate::tcp::congestion::{CongestionControl, MAX_WINDOW, NewRenoWindow, Signal};

const SMSS: u32 = 1000;
/// One second.
const SECOND: u32 = 1 << 20;

fn flow(segments: u32, rtt: Duration) -> Flow<CubicWindow> {
    Flow::new(CubicWindow::new(segments * SMSS), SMSS, rtt)
}

/// After a loss with a full window of so many segments.
fn after_loss(segments: u32, rtt: Duration) -> Flow<CubicWindow> {
    let mut flow = flow(segments, rtt);
    flow.congestion(Signal::Loss);
    flow
}

#[test]
fn time_is_counted_in_parts_of_a_second_that_are_a_power_of_two() {
    assert_eq!(ticks(0), 0);
    assert_eq!(ticks(953), 0);
    assert_eq!(ticks(954), 1);
    assert_eq!(ticks(1_000_000_000), SECOND);
    assert_eq!(ticks(4_095_000_000_000), 4095 * SECOND);
    assert_eq!(ticks(u64::MAX), 4095 * SECOND);
    assert_eq!(nanos(Duration::new(3, 7)), 3_000_000_007);
    assert_eq!(nanos(Duration::MAX), u64::MAX);
}

/// RFC 9438 §4.2, figure 2. 100 segments, of which 70 are left: ∛(30 / 0.4) = 4.217163 s.
// RFC 9438-2
#[test]
fn k_is_the_cube_root_of_what_is_missing_over_c() {
    assert_eq!(time_to_plateau(30 * SMSS, SMSS), 4_422_016);
    assert_eq!(time_to_plateau(300 * SMSS, SMSS), 9_526_945, "∛750 = 9.085603 s");
    assert_eq!(time_to_plateau(0, SMSS), 0);
    assert_eq!(time_to_plateau(MAX_WINDOW, 1), 1_457_291_861, "23 minutes");
}

/// RFC 9438 §4.2, figure 1.
// RFC 9438-1
#[test]
fn the_curve_is_steep_flat_and_steep_again() {
    let k = time_to_plateau(30 * SMSS, SMSS);
    let at = |t| w_cubic(t, k, 100 * SMSS, SMSS);
    assert_eq!(at(0), 70_001, "rounding leaves one octet");
    assert_eq!(at(k - SECOND), 99_600, "100 - 0.4 · 1³");
    assert_eq!(at(k), 100_000);
    assert_eq!(at(k + SECOND), 100_400);
    assert_eq!(at(k + 10 * SECOND), 500_000, "100 + 0.4 · 10³");
}

#[test]
fn the_curve_ends_at_the_bounds() {
    assert_eq!(w_cubic(u32::MAX, 0, MAX_WINDOW, super::MAX_SMSS), MAX_WINDOW);
    assert_eq!(w_cubic(0, u32::MAX, 1, super::MAX_SMSS), 0);
    assert_eq!(w_cubic(0, 0, 5, 1), 5);
}

/// RFC 9438 §4.6.
// RFC 9438-9
#[test]
fn a_loss_leaves_seven_tenths_and_remembers_the_window() {
    let flow = after_loss(100, millis(100));
    assert_eq!((flow.control.cwnd(), flow.control.ssthresh()), (70_000, 70_000));
    assert_eq!((flow.control.w_max, flow.control.prior), (100_000, 100_000));
}

/// RFC 8511 §3.1.
// RFC 9438-12
#[test]
fn ecn_leaves_seventeen_twentieths() {
    let mut flow = flow(100, millis(100));
    flow.congestion(Signal::Ecn);
    assert_eq!((flow.control.cwnd(), flow.control.ssthresh()), (85_000, 85_000));
    assert_eq!((flow.control.w_max, flow.control.prior), (100_000, 100_000));
    flow.congestion(Signal::Ecn);
    assert_eq!((flow.control.ssthresh(), flow.control.w_max), (72_250, 78_625), "85 · 0.85, 85 · 0.925");
}

/// RFC 9438 §4.6: at least two segments.
// RFC 9438-10
#[test]
fn ssthresh_is_at_least_two_segments() {
    for signal in [Signal::Loss, Signal::Ecn] {
        let mut flow = flow(2, millis(100));
        flow.congestion(signal);
        assert_eq!(flow.control.ssthresh(), 2_000);
    }
}

/// RFC 9438 §4.7: W_max = cwnd · (1 + 0.7) / 2.
// RFC 9438-13
#[test]
fn a_loss_below_the_last_plateau_lowers_the_plateau_further() {
    let mut flow = after_loss(100, millis(100));
    flow.control.set_cwnd(90_000);
    flow.congestion(Signal::Loss);
    assert_eq!((flow.control.w_max, flow.control.prior), (76_500, 90_000));
    assert_eq!(flow.control.cwnd(), 63_000);
    flow.control.set_cwnd(80_000);
    flow.congestion(Signal::Loss);
    assert_eq!(flow.control.w_max, 80_000, "above it, the window is remembered as it was");
}

/// RFC 9438 §4.4, §4.5: from 700 segments over the plateau of 1000, which it reaches in 9 s.
// RFC 9438-1, 9438-2, 9438-8
#[test]
fn the_window_follows_the_curve() {
    let mut flow = after_loss(1_000, millis(100));
    flow.round();
    let began = flow.control.epoch.clone().expect("congestion avoidance").began;
    let k = 9.085_603; // ∛(300 / 0.4)
    for _ in 0..300 {
        flow.round();
        let t = (flow.now - began).as_secs_f64();
        let curve = 1e6 + 400.0 * (t - k) * (t - k) * (t - k);
        let window = f64::from(flow.control.cwnd());
        assert!((window - curve).abs() <= 1_000.0 + curve / 100.0, "{window} at {t} s: {curve}");
    }
    assert!(flow.control.cwnd() > 4_500 * SMSS);
}

/// RFC 9438 §4.2: target is at most 1.5 · cwnd.
// RFC 9438-3
#[test]
fn the_window_grows_by_half_in_a_round_trip_at_most() {
    let mut flow = after_loss(10, Duration::from_secs(60));
    flow.ack(1);
    for _ in 0..5 {
        let window = flow.control.cwnd();
        flow.now = flow.now + flow.rtt;
        flow.ack(window);
        assert_eq!(flow.control.cwnd(), window + window / 2);
    }
}

/// RFC 9438 §4.3: α = 9/17 until W_est is where the window was, then 1.
// RFC 9438-5, 9438-6
#[test]
fn where_the_curve_is_flat_the_window_grows_as_renos_would() {
    let mut flow = after_loss(100, Duration::from_micros(100));
    for window in [70_529, 71_058, 71_588, 72_117] {
        flow.ack(flow.control.cwnd());
        // 1000 · 9 / 17 = 529.4
        assert!(flow.control.cwnd().abs_diff(window) <= 2, "{}", flow.control.cwnd());
    }
    while flow.control.cwnd() < 100_000 {
        flow.ack(flow.control.cwnd());
    }
    let window = flow.control.cwnd();
    flow.ack(window);
    assert_eq!(flow.control.cwnd(), window + 1_000);
}

/// RFC 9438 §4.3: one acknowledgment may cover the place where α changes.
// RFC 9438-6
#[test]
fn what_goes_beyond_the_window_before_counts_in_full() {
    let mut flow = after_loss(10, Duration::from_micros(10));
    flow.control.set_cwnd(9_900);
    flow.ack(9_900);
    assert_eq!(flow.control.cwnd(), 10_000 + (529 - 100) * 17 / 9);
}

/// RFC 9438 §4.8: K = 0 and W_max = cwnd when congestion avoidance begins.
// RFC 9438-14
#[test]
fn after_a_timeout_the_curve_begins_with_its_plateau() {
    let mut flow = flow(100, millis(100));
    flow.control.on_congestion(Signal::Loss, 100 * SMSS, SMSS, flow.now);
    assert_eq!(flow.control.w_max, 100_000, "a plateau, which the timeout makes meaningless");
    flow.control.on_rto(100 * SMSS, SMSS, true, flow.now);
    assert_eq!((flow.control.cwnd(), flow.control.ssthresh()), (1_000, 70_000));
    flow.control.on_rto(SMSS, SMSS, false, flow.now);
    assert_eq!((flow.control.cwnd(), flow.control.ssthresh()), (1_000, 70_000));
    while flow.control.in_slow_start() {
        flow.round();
    }
    flow.round();
    let epoch = flow.control.epoch.clone().expect("congestion avoidance");
    assert_eq!((epoch.k, flow.control.w_max, flow.control.prior), (0, 70_000, 100_000));
    while flow.now - epoch.began < Duration::from_secs(6) {
        flow.ack(SMSS);
        flow.now = flow.now + flow.rtt / (flow.control.cwnd() / SMSS);
    }
    // 70 + 0.4 · 6³ = 156.4; Reno's 60 round trips give less than half of it.
    assert!((155_400..157_400).contains(&flow.control.cwnd()), "{}", flow.control.cwnd());
}

/// RFC 9438 §4.10: the first slow start ended without a loss.
// RFC 9438-16
#[test]
fn after_hystart_the_curve_begins_with_its_plateau() {
    let mut flow = flow(10, millis(50));
    for _ in 0..3 {
        flow.round();
    }
    flow.rtt = millis(80);
    while flow.control.in_slow_start() {
        flow.ack(SMSS);
    }
    let window = flow.control.cwnd();
    flow.ack(SMSS);
    let epoch = flow.control.epoch.clone().expect("congestion avoidance");
    assert_eq!((epoch.k, flow.control.w_max, flow.control.prior), (0, window, window));
    let window = flow.control.cwnd();
    flow.ack(window);
    assert!(flow.control.cwnd() >= window + 999, "α = 1, {window} -> {}", flow.control.cwnd());
}

/// RFC 9438 §4.2, §5.8: such time does not count.
// RFC 9438-4
#[test]
fn an_application_that_pauses_finds_the_curve_where_it_left_it() {
    let mut flow = after_loss(400, millis(100));
    let mut paused = flow.clone();
    for _ in 0..40 {
        flow.round();
        paused.round();
    }
    paused.limited = false;
    for _ in 0..600 {
        let window = paused.control.cwnd();
        paused.now = paused.now + millis(10);
        paused.ack_of(window / 2, SMSS);
    }
    assert_eq!(paused.control.cwnd(), flow.control.cwnd());
    paused.limited = true;
    for _ in 0..60 {
        flow.round();
        paused.round();
    }
    let (paused, flow) = (paused.control.cwnd(), flow.control.cwnd());
    assert!(paused <= flow && flow - paused < 10 * SMSS, "{paused}, {flow}");
}

/// RFC 9438 §4.9: a copy from before it undoes the response.
// RFC 9438-15
#[test]
fn a_response_that_is_taken_back_leaves_no_trace() {
    let mut flow = after_loss(400, millis(50));
    for _ in 0..50 {
        flow.round();
    }
    let mut undone = flow.clone();
    undone.control.on_rto(400 * SMSS, SMSS, true, undone.now);
    undone.ack(SMSS);
    undone.congestion(Signal::Ecn);
    undone.control = flow.control.clone();
    for _ in 0..50 {
        flow.round();
        undone.round();
    }
    assert!(flow.control.cwnd().abs_diff(undone.control.cwnd()) <= SMSS);
}

/// A timeout that was spurious is undone by a copy that is as old as the timeout.
// RFC 9438-18
#[test]
fn a_silence_does_not_count() {
    let mut flow = after_loss(400, millis(100));
    for _ in 0..140 {
        flow.round();
    }
    let window = flow.control.cwnd();
    flow.now = flow.now + Duration::from_secs(60);
    for _ in 0..5 {
        flow.round();
    }
    assert!(flow.control.cwnd() - window < 100 * SMSS, "{window} -> {}", flow.control.cwnd());
}

#[test]
fn a_window_that_something_else_took_down_does_not_jump() {
    let mut flow = after_loss(100, millis(1));
    for _ in 0..10 {
        flow.round();
    }
    let reno = flow.control.epoch.clone().expect("congestion avoidance").reno;
    flow.control.window.lower(10 * SMSS, (1, 2), SMSS);
    flow.control.set_cwnd(10 * SMSS);
    flow.ack(SMSS);
    assert!(reno > 70 * SMSS);
    assert_eq!(flow.control.cwnd(), 11_000);
}

#[test]
fn the_smallest_window_grows_and_the_largest_ends() {
    let mut flow = after_loss(2, Duration::from_secs(1));
    flow.control.set_cwnd(SMSS);
    for _ in 0..40 {
        flow.round();
    }
    assert!(flow.control.cwnd() > 20 * SMSS, "{}", flow.control.cwnd());
    let mut flow = Flow::new(CubicWindow::new(u32::MAX), 65_535, Duration::from_secs(100));
    flow.congestion(Signal::Loss);
    for _ in 0..20 {
        flow.now = flow.now + flow.rtt;
        flow.ack(flow.control.cwnd());
    }
    assert_eq!(flow.control.cwnd(), MAX_WINDOW);
}

/// The average of a window over time, when one segment in `every` is lost: 300 losses, the first 50 of which
/// are not counted.
fn average<C: CongestionControl>(mut flow: Flow<C>, every: u32) -> f64 {
    let (mut segments, mut spent) = (0.0, 0.0);
    for loss in 0..300 {
        for _ in 0..every {
            let share = f64::from(SMSS) / f64::from(flow.control.cwnd());
            flow.now = flow.now + flow.rtt.mul_f64(share);
            flow.ack(SMSS.min(flow.control.cwnd()));
            if loss >= 50 {
                (segments, spent) = (segments + 1.0, spent + share);
            }
        }
        flow.congestion(Signal::Loss);
    }
    segments / spent
}

/// RFC 9438 §4.3: AIMD(α, 0.7) has the average of AIMD(1, 0.5), √(1.5 / p) by the model of figure 3.
// RFC 9438-7
#[test]
fn in_the_reno_friendly_region_the_average_is_that_of_newreno() {
    for every in [100_u32, 400, 1_600] {
        let cubic = average(flow(20, millis(1)), every);
        let reno = average(Flow::new(NewRenoWindow::new(20 * SMSS), SMSS, millis(1)), every);
        let model = (1.5 * f64::from(every)).sqrt();
        assert!((cubic / reno - 1.0).abs() < 0.1, "{cubic} and {reno} with a loss in {every}");
        assert!((cubic / model - 1.0).abs() < 0.1, "{cubic} and {model} with a loss in {every}");
    }
}

/// RFC 9438 §5.1, figure 6 and table 1: 187 segments with RTT = 0.1 s and p = 10⁻⁴, where Reno has 120.
// RFC 9438-17
#[test]
fn where_round_trips_are_long_the_average_is_that_of_the_response_function() {
    let cubic = average(flow(150, millis(100)), 10_000);
    assert!((cubic / 187.4 - 1.0).abs() < 0.1, "{cubic}");
    let reno = average(Flow::new(NewRenoWindow::new(150 * SMSS), SMSS, millis(100)), 10_000);
    assert!((reno / 122.5 - 1.0).abs() < 0.1, "{reno}");
}

/// RFC 9438 §4.2 to §4.5 in real numbers, windows in segments and times in seconds.
struct Real {
    cwnd: f64,
    w_max: f64,
    w_est: f64,
    k: f64,
    began: Instant,
}

impl Real {
    fn new(cwnd: f64, w_max: f64, now: Instant) -> Self {
        Self { cwnd, w_max, w_est: cwnd, k: ((w_max - cwnd) / 0.4).cbrt(), began: now }
    }

    fn on_ack(&mut self, segments: f64, rtt: Duration, now: Instant) {
        let curve = |t: Duration| 0.4 * (t.as_secs_f64() - self.k).powi(3) + self.w_max;
        let alpha = if self.w_est >= self.w_max { 1.0 } else { 9.0 / 17.0 };
        self.w_est += alpha * segments / self.cwnd;
        let t = now - self.began;
        if curve(t) < self.w_est {
            self.cwnd = self.w_est;
        } else {
            let target = curve(t + rtt).clamp(self.cwnd, 1.5 * self.cwnd);
            self.cwnd += (target - self.cwnd) / self.cwnd * segments;
        }
    }
}

proptest! {
    #[test]
    fn a_cube_root_is_the_largest_that_fits(cube in 0..1_u128 << 96) {
        let root = u128::from(cube_root(cube));
        prop_assert!(root.pow(3) <= cube && cube < (root + 1).pow(3));
    }

    #[test]
    fn a_cube_has_its_root(root in any::<u32>()) {
        prop_assert_eq!(cube_root(u128::from(root).pow(3)), root);
    }

    #[test]
    fn the_curve_never_falls(t in any::<u32>(), later in any::<u32>(), below in 0..MAX_WINDOW, smss in 1_u32..65_536) {
        let k = time_to_plateau(below, smss);
        let (one, two) = (t.min(later), t.max(later));
        prop_assert!(w_cubic(one, k, MAX_WINDOW / 2, smss) <= w_cubic(two, k, MAX_WINDOW / 2, smss));
    }
}

/// For 30 s, within one segment and a hundredth.
fn follows_the_formulas(rtt: u64, segments: u32, smss: u32) -> Result<(), TestCaseError> {
    let rtt = millis(rtt);
    let mut flow = Flow::new(CubicWindow::new(segments * smss), smss, rtt);
    flow.congestion(Signal::Loss);
    let per = |octets: u32| f64::from(octets) / f64::from(smss);
    let mut real = Real::new(per(flow.control.cwnd()), per(segments * smss), flow.now);
    let end = flow.now + Duration::from_secs(30);
    while flow.now < end {
        let cwnd = flow.control.cwnd();
        let acked = smss.max(cwnd / 16);
        flow.ack(acked.min(cwnd));
        real.on_ack(per(acked.min(cwnd)), rtt, flow.now);
        let window = per(flow.control.cwnd());
        prop_assert!(
            (window - real.cwnd).abs() <= 1.0 + real.cwnd / 100.0,
            "{window} and {} after {:?}",
            real.cwnd,
            flow.now - real.began
        );
        flow.now = flow.now + rtt.mul_f64(f64::from(acked) / f64::from(cwnd));
    }
    Ok(())
}

/// RFC 9438 §4.3. Four segments and a long round trip: the curve falls behind Reno's window and rises steeply already, so
/// that where it will be in a round trip is far above both.
// RFC 9438-7
#[test]
fn while_the_curve_is_below_renos_window_where_it_leads_does_not_count() -> Result<(), TestCaseError> {
    follows_the_formulas(300, 4, 500)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    // RFC 9438-8
    #[test]
    fn the_window_is_that_of_the_formulas(
        rtt in prop_oneof![Just(1_u64), Just(10), Just(20), Just(100), Just(300), 1_u64..500],
        segments in 4_u32..3_000,
        smss in 500_u32..9_000,
    ) {
        follows_the_formulas(rtt, segments, smss)?;
    }
}
