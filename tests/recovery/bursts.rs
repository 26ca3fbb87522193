//! Loss in bursts, as Gilbert and Elliott model it.

use tcpstate::sim::{BurstLoss, Probability};

use super::path::{Setup, median, transfer};

const OCTETS: u64 = 6_000_000;

fn bursty(seed: u64, percent: u32, length: u32) -> Setup {
    let mut setup = Setup::new(OCTETS).seed(seed);
    setup.links[0].burst_loss = Some(BurstLoss::mean(Probability::percent(percent), length));
    setup
}

/// RFC 8985 §3, RFC 9937: a burst is one event of congestion and is repaired without the retransmission timer.
///
/// 1 % in bursts of 5 is one event for 500 segments: p = 0.002. RFC 9438 §5.1 (through the Reno-friendly region, which
/// is where 50 ms and 10 Mbit/s lie) gives 1.22 / √p = 27 segments of the 43 that the path holds: 6.3 Mbit/s. Of that
/// 80 % must be there: 5 Mbit/s. A burst that takes the whole of a small flight, and the probe behind it, leaves nothing
/// but the timer: at most one for each run.
#[test]
fn bursts_of_five_cost_one_reduction_each() {
    let mut goodputs = Vec::new();
    for seed in 1..=5 {
        let run = transfer(bursty(seed, 1, 5), OCTETS);
        let dropped = run.path.sender().sent.len();
        eprintln!(
            "seed {seed}: {:.2} Mbit/s, {} timeouts, {dropped} sent",
            run.goodput / 1e6,
            run.path.timeouts()
        );
        assert!(run.path.timeouts() <= 1, "seed {seed}: {} timeouts", run.path.timeouts());
        assert!(run.goodput >= 3.5e6, "seed {seed}: {:.0} bit/s", run.goodput);
        goodputs.push(run.goodput);
    }
    assert!(median(goodputs.clone()) >= 5.0e6, "{goodputs:?}");
}

/// Without timestamps a retransmission tells less (RFC 8985 §6.2 step 2), and the same bounds hold.
#[test]
fn bursts_are_repaired_without_timestamps_too() {
    for seed in 1..=3 {
        let setup = bursty(seed, 1, 5).with(|single| single.tcp.timestamps = false);
        let run = transfer(setup, OCTETS);
        eprintln!("seed {seed}: {:.2} Mbit/s, {} timeouts", run.goodput / 1e6, run.path.timeouts());
        assert!(run.path.timeouts() <= 1, "seed {seed}: {} timeouts", run.path.timeouts());
        assert!(run.goodput >= 3.5e6, "seed {seed}: {:.0} bit/s", run.goodput);
    }
}

/// Nothing is sent again that arrived: what is repeated is what was lost, and at most a probe for each burst
/// (RFC 8985 §7).
// RFC 2018-11
#[test]
fn what_is_sent_again_was_lost() {
    for seed in 6..=7 {
        let run = transfer(bursty(seed, 1, 5), OCTETS);
        let segments = run.path.sender().sent.len() as u64;
        let needless = run.path.needless();
        assert!(needless * 1_000 <= segments, "seed {seed}: {needless} of {segments} were needless");
    }
}

/// One whole burst in the middle of a transfer, of every length up to a flight and more: repaired without a timeout
/// as long as something behind it arrives (RFC 8985 §6.2).
#[test]
fn one_burst_of_any_length_is_repaired_without_a_timeout() {
    for length in [1, 2, 3, 5, 10, 20, 40] {
        let mut left = 0;
        let mut begun = false;
        let setup = Setup::new(2_000_000).losing(move |packet| {
            if !begun && packet.len > 0 && packet.offset >= 800_000 {
                (begun, left) = (true, length);
            }
            let lost = left > 0;
            left -= i32::from(lost);
            lost
        });
        let run = transfer(setup, 2_000_000);
        assert_eq!(run.path.timeouts(), 0, "a burst of {length}");
        assert_eq!(run.path.needless(), 0, "a burst of {length}");
    }
}
