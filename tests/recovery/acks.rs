//! Acknowledgments that get lost: the next one says it all, so nothing is sent again.

use std::time::Duration;

use tcpstate::sim::{Prng, Probability};

use super::path::{Setup, Transfer, transfer};

const OCTETS: u64 = 4_000_000;

/// A path without loss of data: the receiver's window fills it, and the queue has room for all of that at once.
fn lossless() -> Setup {
    let mut setup = Setup::new(OCTETS).with(|single| single.tcp.receive_window = 100_000);
    setup.links[0].queue = 150_000;
    setup
}

fn losing_acks(seed: u64, percent: u32) -> Transfer {
    let mut luck = Prng::new(seed);
    let chance = Probability::percent(percent);
    let setup = lossless().seed(seed).losing_acks(move |packet| packet.is_bare_ack() && luck.chance(chance));
    transfer(setup, OCTETS)
}

/// RFC 9293 §3.4: acknowledgments are cumulative. Where nothing of the data is lost, nothing is sent again but probes
/// (RFC 8985 §7), of which there is at most one while a flight is unanswered: in the first and the last round trips.
#[test]
fn lost_acknowledgments_cause_no_retransmission() {
    for percent in [10, 30] {
        for seed in 1..=3 {
            let run = losing_acks(seed, percent);
            assert_eq!(run.path.timeouts(), 0, "{percent} %, seed {seed}");
            let (repeats, needless) = (run.path.repeats().count(), run.path.needless());
            assert!(
                repeats <= 2,
                "{percent} %, seed {seed}: {repeats} repeated, {needless} of them needless"
            );
        }
    }
}

/// RFC 3465 §2.1 counts octets, not acknowledgments: what a lost one would have granted, the next one does. Slow start
/// may take a little longer (L = 2·SMSS for each), the rest not at all: 90 % with a tenth lost, 80 % with a third.
#[test]
fn lost_acknowledgments_hardly_cost_goodput() {
    let whole = losing_acks(1, 0).goodput;
    assert!(whole >= 8.5e6, "{whole:.0} bit/s without any loss");
    for (percent, share) in [(10, 0.9), (30, 0.8)] {
        for seed in 1..=3 {
            let goodput = losing_acks(seed, percent).goodput;
            eprintln!("{percent} %, seed {seed}: {:.3} of the goodput", goodput / whole);
            assert!(goodput >= share * whole, "{percent} %, seed {seed}: {goodput:.0} of {whole:.0} bit/s");
        }
    }
}

/// A silence of all acknowledgments for two round trips: one probe, and no timeout (RFC 8985 §7.1).
#[test]
fn a_silence_of_two_round_trips_costs_a_probe() {
    let rtt = Duration::from_millis(50);
    let mut silent_from = None;
    let setup = lossless().losing_acks(move |packet| {
        let begin = *silent_from.get_or_insert(packet.at + rtt * 20);
        packet.is_bare_ack() && packet.at >= begin && packet.at < begin + rtt * 2
    });
    let run = transfer(setup, OCTETS);
    assert_eq!(run.path.timeouts(), 0);
    assert!(run.path.repeats().count() <= 1, "{:?}", run.path.repeats().collect::<Vec<_>>());
}
