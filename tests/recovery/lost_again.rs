//! Retransmissions that get lost as well: RFC 8985 finds them by time.

use std::time::Duration;

use super::path::{Packet, Path, SEGMENT, Setup, transfer};

const OCTETS: u64 = 2_000_000;
/// A segment in the middle of the transfer, where each is full.
const VICTIM: u64 = 600 * SEGMENT;

/// How long each transmission of the victim waited for the next one.
fn waits(path: &Path) -> Vec<Duration> {
    let sent: Vec<&Packet> = path.sender().sent.iter().filter(|packet| packet.offset == VICTIM).collect();
    sent.windows(2).map(|pair| pair[1].at - pair[0].at).collect()
}

/// RFC 8985 §6.2: a retransmission is lost when something that was sent after it has arrived, as with any other segment.
/// Each loss is known after a round trip and a reordering window of a quarter: with a queue of one bandwidth-delay
/// product a round trip is at most twice 50 ms.
#[test]
fn a_lost_retransmission_is_repaired_without_a_timeout() {
    for losses in [1, 2, 3] {
        for timestamps in [true, false] {
            let victim = if timestamps { VICTIM } else { 600 * (SEGMENT + 12) };
            let setup = Setup::new(OCTETS)
                .with(|single| single.tcp.timestamps = timestamps)
                .losing(move |packet| packet.offset == victim && packet.nth <= losses);
            let run = transfer(setup, OCTETS);
            assert_eq!(run.path.timeouts(), 0, "lost {losses} times");
            assert_eq!(run.path.needless(), 0, "lost {losses} times");
            for wait in if timestamps { waits(&run.path) } else { Vec::new() } {
                assert!(wait <= Duration::from_millis(130), "lost {losses} times: {wait:?} to the next one");
            }
        }
    }
}

/// Five holes in one window, each of them lost twice more.
#[test]
fn several_holes_that_are_lost_again_are_repaired_without_a_timeout() {
    for gap in [1, 2, 4] {
        let victims: Vec<u64> = (0..5).map(|k| VICTIM + k * gap * SEGMENT).collect();
        let setup =
            Setup::new(OCTETS).losing(move |packet| packet.nth <= 3 && victims.contains(&packet.offset));
        let run = transfer(setup, OCTETS);
        assert_eq!(run.path.timeouts(), 0, "every {gap}. segment");
        assert_eq!(run.path.needless(), 0, "every {gap}. segment");
    }
}

/// RFC 5681 §3.2, RFC 9438 §4.6: what was lost in one window costs one reduction; a retransmission that is lost costs
/// another one at most for each round trip (RFC 8985 §9.3). Three losses leave 0.7³ of the window, and the transfer
/// takes no second longer than without.
#[test]
fn lost_retransmissions_do_not_stop_the_flow() {
    let whole = transfer(Setup::new(OCTETS), OCTETS).took;
    let setup = Setup::new(OCTETS).losing(|packet| packet.offset == VICTIM && packet.nth <= 3);
    let took = transfer(setup, OCTETS).took;
    assert!(took <= whole + Duration::from_millis(1_000), "{took:?} instead of {whole:?}");
}
