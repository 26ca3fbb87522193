use core::time::Duration;

use proptest::prelude::*;

use super::{
    AckSample, Congestion, CongestionControl, CubicWindow, MAX_WINDOW, NewRenoWindow, Signal, initial_window,
};
use crate::Instant;
use crate::tcp::config::CongestionAlgorithm;
use crate::tcp::tuning::micros;

/// A transfer over a path that loses nothing, by a user who always has more to send.
#[derive(Clone, Debug)]
pub(super) struct Flow<C> {
    pub(super) control: C,
    pub(super) smss: u32,
    pub(super) rtt: Duration,
    pub(super) now: Instant,
    pub(super) limited: bool,
    una: u64,
    max: u64,
}

impl<C: CongestionControl> Flow<C> {
    pub(super) fn new(control: C, smss: u32, rtt: Duration) -> Self {
        let now = Instant::from_nanos(1_000_000_000);
        Self { control, smss, rtt, now, limited: true, una: 1, max: 1 }
    }

    /// What an acknowledgment of so many octets says.
    pub(super) fn sample(&self, acked: u32) -> AckSample {
        AckSample {
            whole: false,
            now: self.now,
            acked,
            smss: self.smss,
            flight: u32::try_from(self.max - self.una).unwrap_or(u32::MAX),
            limited: self.limited,
            srtt: Some(self.rtt),
            rtt: Some(micros(self.rtt)),
            una: self.una + u64::from(acked),
            max: self.max,
        }
    }

    /// Fills `octets` of the window, and `acked` are acknowledged.
    pub(super) fn ack_of(&mut self, octets: u32, acked: u32) {
        self.max = self.max.max(self.una + u64::from(octets));
        let sample = self.sample(acked);
        self.una += u64::from(acked);
        self.control.on_ack(&sample);
    }

    /// Fills the window, and `acked` octets are acknowledged.
    pub(super) fn ack(&mut self, acked: u32) {
        self.ack_of(self.control.cwnd(), acked);
    }

    /// A round trip in which a window of `octets` is sent and acknowledged, segment by segment.
    pub(super) fn round_of(&mut self, octets: u32) {
        let segments = octets.div_ceil(self.smss).max(1);
        for segment in 0..segments {
            self.now = self.now + self.rtt / segments;
            self.ack_of(octets - segment * self.smss, self.smss.min(octets - segment * self.smss));
        }
    }

    /// A round trip in which the window is always full.
    pub(super) fn round(&mut self) {
        let segments = (self.control.cwnd() / self.smss).max(1);
        for _ in 0..segments {
            self.now = self.now + self.rtt / segments;
            self.ack(self.smss.min(self.control.cwnd()));
        }
    }

    /// Congestion, and the end of the recovery from it.
    pub(super) fn congestion(&mut self, signal: Signal) {
        self.control.on_congestion(signal, self.control.cwnd(), self.smss, self.now);
        self.control.set_cwnd(self.control.ssthresh());
    }
}

pub(super) fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

// RFC 5681-3
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

#[test]
fn the_choice_is_the_one_that_was_made() {
    assert!(matches!(Congestion::new(CongestionAlgorithm::Cubic, 1), Congestion::Cubic(_)));
    assert!(matches!(Congestion::new(CongestionAlgorithm::NewReno, 1), Congestion::NewReno(_)));
}

/// The window stays, and what CUBIC has learned of its curve is forgotten.
#[test]
fn another_algorithm_takes_over_the_window() {
    for (from, to) in [
        (CongestionAlgorithm::NewReno, CongestionAlgorithm::Cubic),
        (CongestionAlgorithm::Cubic, CongestionAlgorithm::NewReno),
    ] {
        let mut flow = begun(from, 20, 1_000, true);
        flow.ack(1_000);
        let (cwnd, ssthresh) = (flow.control.cwnd(), flow.control.ssthresh());
        assert_eq!(flow.control.memory() > 0, from == CongestionAlgorithm::Cubic, "the curve is on the heap");
        flow.control.switch(to);
        assert_eq!(matches!(flow.control, Congestion::Cubic(_)), to == CongestionAlgorithm::Cubic);
        assert_eq!(
            (flow.control.cwnd(), flow.control.ssthresh(), flow.control.memory()),
            (cwnd, ssthresh, 0)
        );
    }
}

/// A connection has one of these, and a host has millions of connections.
#[test]
#[cfg(target_pointer_width = "64")]
fn an_algorithm_is_small() {
    assert!(size_of::<CubicWindow>() <= 128, "{}", size_of::<CubicWindow>());
    assert!(size_of::<NewRenoWindow>() <= 88, "{}", size_of::<NewRenoWindow>());
    assert!(size_of::<Congestion>() <= 136, "{}", size_of::<Congestion>());
}

#[derive(Clone, Debug)]
enum Step {
    Initial(u32),
    Set(u32),
    Ack { acked: u32, flight: u32, limited: bool, waited: u64, rtt: Option<u64>, sent: u32 },
    Congestion(Signal, u32),
    Rto(u32, bool),
    Idle(u32, u64),
}

fn octets() -> impl Strategy<Value = u32> {
    prop_oneof![0_u32..100_000, any::<u32>(), Just(u32::MAX)]
}

fn nanos() -> impl Strategy<Value = u64> {
    prop_oneof![0_u64..1_000, 0_u64..2_000_000_000, any::<u64>()]
}

fn step() -> impl Strategy<Value = Step> {
    let ack = (octets(), octets(), any::<bool>(), nanos(), prop::option::of(nanos()), octets()).prop_map(
        |(acked, flight, limited, waited, rtt, sent)| Step::Ack { acked, flight, limited, waited, rtt, sent },
    );
    let signal = prop_oneof![Just(Signal::Loss), Just(Signal::Ecn)];
    prop_oneof![
        1 => octets().prop_map(Step::Initial),
        1 => octets().prop_map(Step::Set),
        12 => ack,
        2 => (signal, octets()).prop_map(|(signal, flight)| Step::Congestion(signal, flight)),
        1 => (octets(), any::<bool>()).prop_map(|(flight, first)| Step::Rto(flight, first)),
        1 => (octets(), nanos()).prop_map(|(window, idle)| Step::Idle(window, idle)),
    ]
}

/// Where a run of steps has come to.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    now: Instant,
    una: u64,
    max: u64,
}

fn apply(control: &mut impl CongestionControl, step: &Step, smss: u32, place: &mut Place) {
    match *step {
        Step::Initial(window) => control.set_initial(window),
        Step::Set(window) => control.set_cwnd(window),
        Step::Ack { acked, flight, limited, waited, rtt, sent } => {
            place.now = place.now + Duration::from_nanos(waited);
            place.una += u64::from(acked);
            place.max = place.max.max(place.una) + u64::from(sent);
            let rtt = rtt.map(Duration::from_nanos);
            let (Place { now, una, max }, srtt) = (*place, rtt);
            let rtt = rtt.map(micros);
            control.on_ack(&AckSample {
                now,
                acked,
                smss,
                flight,
                limited,
                whole: false,
                srtt,
                rtt,
                una,
                max,
            });
        }
        Step::Congestion(signal, flight) => control.on_congestion(signal, flight, smss, place.now),
        Step::Rto(flight, first) => control.on_rto(flight, smss, first, place.now),
        Step::Idle(window, idle) => {
            place.now = place.now + Duration::from_nanos(idle);
            control.on_idle(window, Duration::from_nanos(idle));
        }
    }
}

fn algorithm() -> impl Strategy<Value = CongestionAlgorithm> {
    prop_oneof![Just(CongestionAlgorithm::Cubic), Just(CongestionAlgorithm::NewReno)]
}

/// The algorithm after a congestion signal or none, a window of `segments` in all.
fn begun(algorithm: CongestionAlgorithm, segments: u32, smss: u32, avoiding: bool) -> Flow<Congestion> {
    let mut flow = Flow::new(Congestion::new(algorithm, segments * smss), smss, millis(20));
    if avoiding {
        flow.congestion(Signal::Loss);
    }
    flow
}

/// After so many round trips: `share` two-hundredths of the most that counts, in one acknowledgment and in `pieces`.
fn splitting_gains_nothing(
    whole: &mut Flow<Congestion>,
    rounds: u32,
    share: u32,
    pieces: u32,
) -> Result<(), TestCaseError> {
    for _ in 0..rounds {
        whole.round();
        whole.now = whole.now + millis(400);
    }
    let limit = if whole.control.in_slow_start() { 2 * whole.smss } else { whole.control.cwnd() };
    let octets = (limit / 200 * share).max(pieces);
    let mut split = whole.clone();
    whole.ack(octets);
    for piece in 0..pieces {
        split.ack(octets / pieces + u32::from(piece < octets % pieces));
    }
    let (split, whole) = (split.control.cwnd(), whole.control.cwnd());
    prop_assert!(split <= whole + 1, "{split} > {whole}");
    Ok(())
}

/// Where CUBIC's curve and Reno's window begin together, an octet decides which of them counts.
// RFC 9438-7
#[test]
fn whether_renos_window_counts_does_not_depend_on_the_pieces_of_an_acknowledgment()
-> Result<(), TestCaseError> {
    splitting_gains_nothing(&mut begun(CongestionAlgorithm::Cubic, 395, 393, true), 0, 2, 73)
}

proptest! {
    #[test]
    fn the_window_stays_within_its_bounds(
        algorithm in algorithm(),
        steps in prop::collection::vec(step(), 0..60),
        smss in 1_u32..70_000,
    ) {
        let mut control = Congestion::new(algorithm, initial_window(10, smss));
        let mut place = Place::default();
        for step in &steps {
            apply(&mut control, step, smss, &mut place);
            prop_assert!((1..=MAX_WINDOW).contains(&control.cwnd()), "{} after {step:?}", control.cwnd());
            prop_assert!(control.ssthresh() >= 2 * smss);
            prop_assert_eq!(control.in_slow_start(), control.cwnd() < control.ssthresh());
        }
    }

    #[test]
    fn acknowledgments_never_make_a_window_smaller_that_was_used_lately(
        algorithm in algorithm(),
        steps in prop::collection::vec(step(), 0..60),
        smss in 1_u32..70_000,
    ) {
        let mut control = Congestion::new(algorithm, initial_window(10, smss));
        let mut place = Place::default();
        for step in &steps {
            let was = control.cwnd();
            // RFC 7661 §4.4.3 takes a window away that was not used for five minutes.
            let soon = matches!(step, Step::Ack { waited, .. } if *waited < 1_000_000_000);
            apply(&mut control, step, smss, &mut place);
            prop_assert!(!soon || control.cwnd() >= was, "{was} -> {} by {step:?}", control.cwnd());
        }
    }

    /// RFC 3465 §2.2, §2.3; RFC 9406 §4.3; RFC 9438 §4.2.
    #[test]
    fn an_acknowledgment_adds_no_more_than_it_acknowledges_nor_than_a_few_segments(
        algorithm in algorithm(),
        steps in prop::collection::vec(step(), 0..60),
        smss in 1_u32..65_536,
    ) {
        let mut control = Congestion::new(algorithm, initial_window(10, smss));
        let mut place = Place::default();
        for step in &steps {
            let (was, first, slow) = (control.cwnd(), control.ssthresh() == u32::MAX, control.in_slow_start());
            apply(&mut control, step, smss, &mut place);
            let Step::Ack { acked, .. } = *step else { continue };
            let grown = control.cwnd().saturating_sub(was);
            if slow {
                let limit = if first { 8 } else { 2 } * smss;
                // Congestion avoidance may owe a segment already when slow start ends.
                let owed = if control.in_slow_start() { 0 } else { smss };
                prop_assert!(grown <= acked.min(limit) + owed, "{was} + {grown}, {step:?}");
            } else {
                // NewReno adds a segment when a window is full of acknowledgments, CUBIC a few octets each time.
                prop_assert!(grown <= acked.saturating_add(1).max(smss), "{was} + {grown}, {step:?}");
            }
        }
    }

    /// ACK division (Savage): the same octets in many acknowledgments gain nothing. One octet is left to
    /// rounding.
    #[test]
    fn splitting_an_acknowledgment_gains_nothing(
        algorithm in algorithm(),
        avoiding in any::<bool>(),
        segments in 4_u32..2_000,
        smss in 100_u32..9_000,
        rounds in 0_u32..4,
        share in 1_u32..=200,
        pieces in 2_u32..300,
    ) {
        splitting_gains_nothing(&mut begun(algorithm, segments, smss, avoiding), rounds, share, pieces)?;
    }

    #[test]
    fn the_choice_does_what_the_chosen_algorithm_does(
        steps in prop::collection::vec(step(), 0..60),
        smss in 1_u32..70_000,
    ) {
        let window = initial_window(10, smss);
        let (mut reno, mut cubic) = (NewRenoWindow::new(window), CubicWindow::new(window));
        let mut chosen = [Congestion::NewReno(reno.clone()), Congestion::Cubic(cubic.clone())];
        let mut places = [Place::default(); 4];
        let [one, two, three, four] = &mut places;
        for step in &steps {
            apply(&mut reno, step, smss, one);
            apply(&mut cubic, step, smss, two);
            let [chosen_reno, chosen_cubic] = &mut chosen;
            apply(chosen_reno, step, smss, three);
            apply(chosen_cubic, step, smss, four);
        }
        prop_assert_eq!(chosen, [Congestion::NewReno(reno), Congestion::Cubic(cubic)]);
    }
}
