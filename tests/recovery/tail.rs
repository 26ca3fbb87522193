//! The end of a transfer gets lost, where nothing behind it could tell: tail loss probes (RFC 8985 §7).

use std::time::Duration;

use super::path::{SEGMENT, Setup, Transfer, transfer};

/// Longer than the delay of acknowledgments that a single segment is given (200 ms).
const RTT: Duration = Duration::from_millis(300);
/// Of full segments: the last one is not shorter than the others.
const OCTETS: u64 = 200 * SEGMENT;

/// A transfer whose last segments are lost when they are sent for the first time, over a path that is never full.
fn without_tail(segments: u64, timestamps: bool) -> Transfer {
    let octets = if timestamps { OCTETS } else { 200 * (SEGMENT + 12) };
    let tail = octets - segments * (octets / 200);
    let setup = Setup::over(100_000_000, RTT, octets)
        .with(|single| single.tcp.timestamps = timestamps)
        .losing(move |packet| packet.len > 0 && packet.offset >= tail && packet.nth == 1);
    transfer(setup, octets)
}

/// How much later than without loss everything has arrived.
fn delay(segments: u64, timestamps: bool) -> Duration {
    let whole = without_tail(0, timestamps);
    let run = without_tail(segments, timestamps);
    assert_eq!(run.path.timeouts(), 0, "{segments} lost: the retransmission timer was not needed");
    let delay = run.took - whole.took;
    eprintln!("{segments} lost: {delay:?} later");
    delay
}

/// RFC 8985 §7.2: two round trips after the acknowledgment of what came before the last segment (and the longest delay
/// of an acknowledgment, 200 ms, for it is alone then) it is sent again, and that is all that was missing.
#[test]
fn a_lost_last_segment_is_repaired_within_four_round_trips() {
    for timestamps in [true, false] {
        assert!(delay(1, timestamps) <= 4 * RTT);
    }
}

/// RFC 8985 §7 with RFC 9937 §6: the probe's acknowledgment shows the loss; with nothing in flight, what is sent again
/// doubles in each round trip from one segment on. Three: 1 + 1 segments after the probe, 5 round trips in all.
// RFC 8985-27
#[test]
fn three_lost_last_segments_are_repaired_after_the_probe() {
    for timestamps in [true, false] {
        assert!(delay(3, timestamps) <= 5 * RTT + RTT / 2);
    }
}

/// Ten: the probe, then 1 + 2 + 4 + 2 segments.
#[test]
fn ten_lost_last_segments_are_repaired_after_the_probe() {
    for timestamps in [true, false] {
        assert!(delay(10, timestamps) <= 7 * RTT + RTT / 2);
    }
}

/// From the moment at which the loss is known (the answer to the probe) four round trips repair what is left.
#[test]
fn a_tail_that_is_known_to_be_lost_is_repaired_within_four_round_trips() {
    for segments in [1, 3, 10] {
        let run = without_tail(segments, true);
        let probe = run.path.repeats().next().expect("a probe was sent").at;
        let repaired = run.path.now();
        assert_eq!(run.path.timeouts(), 0);
        assert!(repaired - (probe + RTT) <= 4 * RTT, "{segments} lost: {:?}", repaired - probe);
    }
}

/// Nothing is sent again but what was lost: the probe is the last segment itself.
#[test]
fn a_lost_tail_is_sent_once_more_and_no_oftener() {
    for segments in [1, 3, 10] {
        let run = without_tail(segments, true);
        assert_eq!(run.path.repeats().count() as u64, segments);
        assert_eq!(run.path.needless(), 0);
    }
}

/// RFC 8985 §7.3: when the probe gets lost too, only the retransmission timer is left; it counts from the probe.
#[test]
fn a_lost_probe_leaves_the_timer() {
    let tail = OCTETS - 3 * SEGMENT;
    let setup = Setup::over(100_000_000, RTT, OCTETS).losing(move |packet| {
        packet.len > 0 && packet.offset >= tail && packet.nth == 1
            || packet.nth == 2 && packet.offset == OCTETS - SEGMENT
    });
    let run = transfer(setup, OCTETS);
    assert_eq!(run.path.timeouts(), 1);
    let whole = without_tail(0, true).took;
    assert!(run.took - whole <= 8 * RTT + Duration::from_secs(1), "{:?} instead of {whole:?}", run.took);
}
