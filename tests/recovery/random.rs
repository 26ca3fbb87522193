//! Losses each by itself, as on a radio link: what RACK and PRR make of them.

use tcpstate::sim::Probability;

use super::path::{Setup, median, transfer};

const OCTETS: u64 = 3_000_000;

/// RFC 8985 §6: with SACK every loss, also that of a retransmission, is found without the retransmission timer; and
/// nothing is sent again that arrived, but for a probe at the end.
///
/// What is left of the link is at least 80 % of the response function of RFC 9438 §5.1, where CUBIC is Reno-friendly:
/// 1.22 / √p segments for each 50 ms: 2.8 Mbit/s with 1 % lost, 1.6 Mbit/s with 3 %.
#[test]
fn random_losses_are_repaired_without_a_timeout() {
    for timestamps in [true, false] {
        for (percent, expected) in [(1, 2.8e6), (3, 1.6e6)] {
            let mut goodputs = Vec::new();
            for seed in 1..=3 {
                let mut setup = Setup::new(OCTETS).seed(seed);
                setup = setup.with(|single| single.tcp.timestamps = timestamps);
                setup.links[0].loss = Probability::percent(percent);
                let run = transfer(setup, OCTETS);
                assert_eq!(run.path.timeouts(), 0, "{percent} %, seed {seed}");
                assert!(run.path.needless() <= 1, "{percent} %, seed {seed}: {}", run.path.needless());
                goodputs.push(run.goodput);
            }
            assert!(median(goodputs.clone()) >= 0.8 * expected, "{percent} %: {goodputs:?}");
        }
    }
}
