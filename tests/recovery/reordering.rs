//! Packets that overtake each other: RFC 8985 waits for them, and undoes what it did too early.

use std::time::Duration;

use tcpstate::sim::{Probability, Reorder};

use super::path::{Setup, Transfer, transfer};

const OCTETS: u64 = 4_000_000;

/// Of the data segments 5 % are held back, for a quarter of a round trip (of 50 ms) at most.
fn reordered(seed: u64, timestamps: bool) -> Transfer {
    let mut setup =
        Setup::new(OCTETS).seed(seed).with(|single| single.tcp.timestamps = timestamps).with(|single| {
            // Path and queue hold it: nothing is lost.
            single.tcp.receive_window = 100_000;
        });
    setup.links[0].reorder =
        Some(Reorder { chance: Probability::percent(5), hold: Duration::from_micros(12_500) });
    transfer(setup, OCTETS)
}

/// RFC 8985 §6.2 steps 3 and 4: before reordering was seen, three segments beyond a gap are a loss; from then on a
/// segment has a quarter of the shortest round trip to arrive, and more whenever a D-SACK says that this was too short.
#[test]
fn reordering_by_a_quarter_of_a_round_trip_hardly_causes_retransmissions() {
    for timestamps in [true, false] {
        for seed in 1..=4 {
            let run = reordered(seed, timestamps);
            let (needless, segments) = (run.path.needless(), run.path.sender().sent.len() as u64);
            eprintln!("seed {seed}: {needless} of {segments}, {:.2} Mbit/s", run.goodput / 1e6);
            assert_eq!(run.path.timeouts(), 0, "seed {seed}");
            assert!(needless * 200 <= segments, "seed {seed}: {needless} of {segments} were needless");
        }
    }
}

/// RFC 3708, RFC 8985 §6.2: what was reduced for nothing is given back: the link stays full.
#[test]
fn reordering_costs_no_goodput() {
    for seed in 1..=4 {
        let goodput = reordered(seed, true).goodput;
        assert!(goodput >= 8.0e6, "seed {seed}: {goodput:.0} bit/s of 10,000,000");
    }
}

/// Reordering and loss together: what is lost is repaired without a timeout, and only what is lost.
#[test]
fn losses_among_reordered_segments_are_repaired() {
    for seed in 1..=4 {
        let mut setup = Setup::new(OCTETS).seed(seed);
        setup.links[0].loss = Probability::parts_per_billion(2_000_000);
        setup.links[0].reorder =
            Some(Reorder { chance: Probability::percent(5), hold: Duration::from_micros(12_500) });
        let run = transfer(setup, OCTETS);
        let (needless, segments) = (run.path.needless(), run.path.sender().sent.len() as u64);
        assert_eq!(run.path.timeouts(), 0, "seed {seed}");
        assert!(needless * 100 <= segments, "seed {seed}: {needless} of {segments} were needless");
    }
}

/// RFC 9406 §4.3: segments that are held back, and fill their gaps late, do not end slow start (100 Mbit/s, 100 ms, 5 % held
/// back by up to a quarter of it): the bandwidth-delay product takes six and a half doublings of ten segments; twice as many
/// round trips, for an acknowledgment that ends a gap counts for eight segments at most (RFC 9406 §4.2: L).
#[test]
fn held_back_segments_do_not_end_slow_start() {
    const ROUNDS: u32 = 14;
    const PRODUCT: u32 = 1_250_000;
    let rtt = Duration::from_millis(100);
    for seed in 1..=4 {
        let mut setup = Setup::over(100_000_000, rtt, 30_000_000).seed(seed).with(|single| {
            (single.send_buffer, single.tcp.receive_window) = (8 << 20, 8 << 20);
        });
        setup.links[0].reorder = Some(Reorder { chance: Probability::percent(5), hold: rtt / 4 });
        let mut path = setup.open();
        path.run_for(rtt * (ROUNDS + 1)); // and one for the handshake
        let info = path.tcb().info(path.now());
        assert!(
            info.cwnd >= PRODUCT && info.ssthresh.is_none(),
            "seed {seed}: {} {:?}",
            info.cwnd,
            info.ssthresh
        );
    }
}
