//! A receiver that throws away what it has reported (RFC 2018 §8).

use std::time::Duration;

use super::path::{SEGMENT, Setup, transfer};

const OCTETS: u64 = 1_500_000;

/// Loses a segment now and then, so that there is something to report and to forget.
fn forgetful(times: u32, octets: u64) -> Setup {
    let mut setup = Setup::new(OCTETS)
        .losing(|packet| packet.nth == 1 && packet.len > 0 && packet.offset / SEGMENT % 200 == 99);
    setup.forgets = (times, octets);
    setup
}

/// RFC 2018 §8: the sender keeps what is not acknowledged, however often it was reported, and sends it again; at the
/// latest after a timeout it believes nothing that was reported (also RFC 6675 §5.1). Without forgetting, a
/// loss for each 200 segments leaves 3.9 Mbit/s (1.22 / √p segments for each 50 ms): 3 s, or 4 with a fifth off. Each
/// time it forgets costs a timeout at the most: a second and what the window needs to grow again.
#[test]
fn everything_reaches_a_receiver_that_forgets() {
    for times in [1, 2, 4] {
        for octets in [SEGMENT, 5 * SEGMENT, 20 * SEGMENT] {
            let run = transfer(forgetful(times, octets), OCTETS);
            // Small windows do not reach far enough beyond a gap for the last ones of four.
            assert!(run.path.receiver().forgets.0 <= times / 2, "it has forgotten");
            let bound = Duration::from_secs(4) + times * Duration::from_millis(1_300);
            assert!(run.took <= bound, "{times} times {octets}: {:?}", run.took);
        }
    }
}

/// Without timestamps as well.
#[test]
fn everything_reaches_a_receiver_that_forgets_without_timestamps() {
    let setup = forgetful(3, 10 * SEGMENT).with(|single| single.tcp.timestamps = false);
    let run = transfer(setup, OCTETS);
    assert_eq!(run.path.receiver().forgets.0, 0);
}

/// A receiver that never keeps anything beyond a gap, though it reports it each time.
#[test]
fn everything_reaches_a_receiver_that_keeps_nothing() {
    let run = transfer(forgetful(u32::MAX, 3 * SEGMENT), OCTETS);
    assert!(run.took <= Duration::from_secs(20), "{:?}", run.took);
}
