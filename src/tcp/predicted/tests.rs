//! Which segments go the short way. That it leads where the long one does, each of them asserts.

use alloc::vec::Vec;
use core::time::Duration;

use crate::tcp::timers::Timer;
use crate::tcp::{Command, Queue, SegmentMeta, SmallSegments, Tcb, TcpConfig, Unpredictable, WindowProbe};
use crate::{Instant, State, TcpFlags};

const NOW: Instant = Instant::from_nanos(1_000_000_000);

/// A machine that is connected, and the other one.
fn connected() -> [Tcb; 2] {
    connected_with(TcpConfig::default())
}

fn connected_with(config: TcpConfig) -> [Tcb; 2] {
    let mut called = Tcb::listen(config);
    called.prepare(Unpredictable::default());
    let mut caller = Tcb::connect(config, Unpredictable::default(), NOW);
    for _ in 0..2 {
        while let Some(plan) = caller.poll_segment(NOW) {
            called.on_segment(NOW, &plan.meta);
        }
        while let Some(plan) = called.poll_segment(NOW) {
            caller.on_segment(NOW, &plan.meta);
        }
    }
    assert_eq!((caller.state(), called.state()), (State::Established, State::Established));
    [caller, called]
}

/// Sends everything, and says of each segment whether it went the short way.
fn sent(tcb: &mut Tcb) -> Vec<bool> {
    let next = |tcb: &mut Tcb| {
        let short = tcb.predicts_full_segment(NOW).is_some();
        tcb.poll_segment(NOW).map(|_| short)
    };
    core::iter::from_fn(|| next(tcb)).collect()
}

fn queue(tcb: &mut Tcb, segments: u32, urgent: bool) {
    let len = segments * tcb.effective_send_mss();
    tcb.on_command(NOW, Command::Queue(Queue { len, urgent, ..Queue::default() })).expect("it is open");
}

#[test]
fn full_segments_behind_the_first_go_the_short_way() {
    let [mut caller, _] = connected();
    queue(&mut caller, 5, false);
    assert_eq!(sent(&mut caller), [false, true, true, true, true]);
}

#[test]
fn the_segment_with_the_fin_goes_the_long_way() {
    let [mut caller, _] = connected();
    queue(&mut caller, 3, false);
    caller.on_command(NOW, Command::Shutdown).expect("it is open");
    assert_eq!(sent(&mut caller), [false, true, false]);
}

#[test]
fn before_the_end_of_urgent_octets_none_goes_the_short_way() {
    let [mut caller, _] = connected();
    queue(&mut caller, 3, true);
    queue(&mut caller, 3, false);
    assert_eq!(sent(&mut caller), [false, false, false, true, true, true]);
}

#[test]
fn what_the_congestion_window_has_no_room_for_does_not_go_at_all() {
    let [mut caller, _] = connected();
    queue(&mut caller, 20, false);
    let mut window = [true; 10];
    window[0] = false;
    assert_eq!(sent(&mut caller), window);
    assert_eq!(caller.predicts_full_segment(NOW), None);
}

/// Under Minshall's rule no segment takes more than half of the largest window, and the short way knows of no such thing.
#[test]
fn more_than_half_of_the_window_goes_the_short_way_only_where_it_may_go_at_all() {
    for (small_segments, short) in [(SmallSegments::Rfc9293, true), (SmallSegments::Minshall, false)] {
        let config = TcpConfig { small_segments, receive_window: 2_000, ..TcpConfig::default() };
        let [mut caller, _] = connected_with(config);
        let few = Queue { len: 10, push: true, ..Queue::default() };
        caller.on_command(NOW, Command::Queue(few)).expect("it is open");
        assert_eq!(sent(&mut caller), [false]);
        queue(&mut caller, 1, false);
        assert_eq!(caller.predicts_full_segment(NOW).is_some(), short, "{small_segments:?}");
    }
}

/// Where probes are empty, whatever says that the window is closed puts the next one off, octets that are expected too.
#[test]
fn predicted_octets_from_a_peer_with_a_closed_window_put_off_the_next_probe() {
    let mut config = TcpConfig { window_probe: WindowProbe::Empty, ..TcpConfig::default() };
    config.timestamps = false;
    let [mut caller, _] = connected_with(config);
    let closed = SegmentMeta {
        seq: caller.rcv_nxt(),
        ack: caller.snd_una(),
        flags: TcpFlags::ACK,
        ..SegmentMeta::default()
    };
    caller.on_segment(NOW, &closed);
    queue(&mut caller, 1, false);
    assert_eq!(sent(&mut caller), []);
    let due = caller.timers.at(Timer::Persist);
    assert!(NOW < due && due < Instant::MAX);

    let wait = Duration::from_millis(100);
    let octets = SegmentMeta { len: 10, ..closed };
    assert!(caller.is_predicted(&octets));
    caller.on_segment(NOW + wait, &octets);
    assert_eq!(caller.timers.at(Timer::Persist), due + wait);
}

/// Under Minshall's rule that segment is pushed, and the short way knows of no such thing.
#[test]
fn what_has_waited_long_enough_goes_the_long_way() {
    for small_segments in [SmallSegments::Rfc9293, SmallSegments::Minshall] {
        let [mut caller, _] = connected_with(TcpConfig { small_segments, ..TcpConfig::default() });
        queue(&mut caller, 4, false);
        assert!(caller.poll_segment(NOW).is_some());
        caller.hold_is_over = true;
        assert_eq!(sent(&mut caller), [false, true, true]);
    }
}
