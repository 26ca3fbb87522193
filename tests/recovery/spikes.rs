//! A path that stands still for a while: timeouts for nothing, which must cost nothing (RFC 3522, 4015, 5682, 3708).

use std::time::Duration;

use tcpstate::Instant;

use super::path::{Path, SEGMENT, Setup};

const RTT: Duration = Duration::from_millis(100);
const SPIKE: Instant = Instant::from_nanos(5_000_000_000);

/// The options that tell a needless timeout.
#[derive(Clone, Copy, Debug)]
struct Tells {
    timestamps: bool,
    sack: bool,
}

const ALL: Tells = Tells { timestamps: true, sack: true };

/// A flow that fills 10 Mbit/s over 100 ms. One loss early on ends slow start, so that the window is no larger than what
/// is in flight; nothing else is lost: the peer's window fits into path and queue.
fn steady(tells: Tells) -> Path {
    let mut lost = false;
    let setup = Setup::over(10_000_000, RTT, u64::MAX >> 32)
        .with(|single| {
            single.tcp.timestamps = tells.timestamps;
            single.tcp.sack = tells.sack;
            single.tcp.receive_window = 160_000;
        })
        .losing(move |packet| {
            let loses = !lost && packet.offset >= 100 * SEGMENT;
            lost |= loses && packet.len > 0;
            loses && packet.len > 0
        });
    let mut path = setup.open();
    path.run_until(SPIKE);
    assert_eq!((path.timeouts(), path.repeats().count()), (0, 1));
    path
}

/// For this many round trips what is sent travels `span` longer, and what is sent behind it does not overtake it.
fn spike(path: &mut Path, span: Duration, rounds: u32) {
    path.change_link(0, |link| link.delay += span);
    path.run_for(RTT * rounds);
    path.change_link(0, |link| link.delay -= span);
}

/// A spike at 5 s. The window before, and the path 4 s after it has moved again.
fn spiked(tells: Tells, span: Duration) -> (u32, Path) {
    let mut path = steady(tells);
    let before = path.tcb().cwnd();
    spike(&mut path, span, 1);
    path.run_until(SPIKE + span + Duration::from_secs(4));
    assert!(path.timeouts() >= 1, "the timer had to expire");
    (before, path)
}

/// Two round trips after the path has moved again nine tenths of the window are back.
fn is_back(tells: Tells, span: Duration) {
    let (before, path) = spiked(tells, span);
    let again = path.first_progress_after(SPIKE + Duration::from_secs(1));
    let after = path.cwnd_at(again + RTT * 2);
    eprintln!("{tells:?}, {span:?}: {before} before, {after} after, {} timeouts", path.timeouts());
    assert!(u64::from(after) * 10 >= u64::from(before) * 9, "{tells:?}: {after} of {before}");
}

/// RFC 3522 §3.2, RFC 4015 §3: the first acknowledgment carries the timestamp of what was sent before the timeout.
#[test]
fn with_timestamps_a_needless_timeout_costs_nothing() {
    is_back(ALL, Duration::from_secs(3));
    is_back(Tells { sack: false, ..ALL }, Duration::from_secs(3));
}

/// RFC 5682 §3.1 (with SACK), and RFC 3708: the retransmission is reported as a duplicate.
#[test]
fn without_timestamps_sack_tells_a_needless_timeout() {
    is_back(Tells { timestamps: false, ..ALL }, Duration::from_secs(3));
}

/// RFC 5682 §2.1: two acknowledgments that move on after one retransmission. The spike is short enough for one
/// timeout: after two of the same segment F-RTO does not apply (step 1).
#[test]
fn without_any_option_f_rto_tells_a_needless_timeout() {
    is_back(Tells { timestamps: false, sack: false }, Duration::from_millis(1_500));
}

/// The window from before the first timeout counts, not the one that the first timeout left.
#[test]
fn a_second_needless_timeout_makes_it_no_worse() {
    is_back(ALL, Duration::from_secs(6));
}

/// RFC 4015 §3: the timeout was needless, so what was under way is not sent again: one segment for each timeout and
/// one probe.
#[test]
fn what_was_under_way_is_not_sent_again() {
    for tells in [ALL, Tells { timestamps: false, ..ALL }] {
        let (_, path) = spiked(tells, Duration::from_secs(3));
        let bound = u64::from(path.timeouts()) + 1;
        assert!(path.needless() <= bound, "{tells:?}: {} needless", path.needless());
    }
}

/// Three spikes one after the other: the window does not ratchet down.
#[test]
fn spikes_do_not_wear_the_window_down() {
    let mut path = steady(ALL);
    let before = path.tcb().cwnd();
    for _ in 0..3 {
        // Each longer than what the timer has learned from the last one.
        spike(&mut path, Duration::from_secs(12), 1);
        path.run_for(Duration::from_secs(15));
    }
    assert!(path.timeouts() >= 2);
    let after = path.tcb().cwnd();
    assert!(u64::from(after) * 10 >= u64::from(before) * 9, "{after} of {before}");
}

/// RFC 4015 §3.2: a needless timeout makes the timer more careful: a second spike like the first one, right behind it,
/// finds the timer longer than that.
#[test]
fn the_timer_learns_from_a_needless_timeout() {
    let mut path = steady(ALL);
    spike(&mut path, Duration::from_secs(2), 1);
    path.run_for(Duration::from_millis(2_300));
    let timeouts = path.timeouts();
    assert!(timeouts >= 1);
    spike(&mut path, Duration::from_secs(2), 1);
    path.run_for(Duration::from_millis(2_300));
    assert_eq!(path.timeouts(), timeouts, "no timeout for the second spike");
}
