//! Peers without SACK, and without timestamps: NewReno (RFC 6582).

use std::time::Duration;

use tcpstate::sim::Probability;

use super::path::{SEGMENT, Setup, Transfer, transfer};

const RTT: Duration = Duration::from_millis(100);
const OCTETS: u64 = 1_000_000;
/// Without timestamps a segment is longer.
const PLAIN: u64 = SEGMENT + 12;

fn plain(timestamps: bool, holes: u64, gap: u64) -> Transfer {
    let segment = if timestamps { SEGMENT } else { PLAIN };
    let setup = Setup::over(10_000_000, RTT, OCTETS)
        .with(|single| {
            single.tcp.sack = false;
            single.tcp.timestamps = timestamps;
            single.tcp.receive_window = 120_000;
        })
        .losing(move |packet| {
            let place = packet.offset / segment;
            packet.nth == 1
                && packet.len > 0
                && place >= 300
                && (place - 300) % gap == 0
                && (place - 300) / gap < holes
        });
    transfer(setup, OCTETS)
}

/// RFC 6582 §3.2: each partial acknowledgment shows the next hole: one in each round trip (100 ms, and the queue's: at
/// most as much again), without a timeout as long as all of it takes less than the timer's second. The window is halved
/// once: the rest takes twice as long at the most.
// RFC 6582-4
#[test]
fn without_sack_each_hole_takes_a_round_trip() {
    for timestamps in [true, false] {
        let whole = plain(timestamps, 0, 1).took;
        for holes in [1, 2, 3, 5] {
            let run = plain(timestamps, holes, 3);
            assert_eq!(run.path.timeouts(), 0, "{holes} holes");
            assert_eq!(run.path.needless(), 0, "{holes} holes");
            let repeats: Vec<_> = run.path.repeats().map(|packet| packet.at).collect();
            assert_eq!(repeats.len() as u64, holes);
            assert!(repeats.windows(2).all(|pair| pair[1] - pair[0] <= RTT * 2 + RTT / 10), "{repeats:?}");
            let bound = whole * 2 + RTT * 2 * holes as u32;
            assert!(run.took <= bound, "{holes} holes: {:?} instead of {whole:?}", run.took);
        }
    }
}

/// RFC 6582 §3.2: many holes end in a timeout, and after it nothing is sent again that need not be but what slow start
/// repeats of the window; it goes on in any case.
// RFC 6582-8
#[test]
fn without_sack_many_holes_are_repaired_too() {
    for timestamps in [true, false] {
        let whole = plain(timestamps, 0, 1).took;
        let run = plain(timestamps, 30, 2);
        assert!(run.path.timeouts() <= 2, "{} timeouts", run.path.timeouts());
        assert!(run.took <= whole + Duration::from_secs(5), "{:?} instead of {whole:?}", run.took);
    }
}

/// Random loss of 1 %, without SACK: it arrives, at a pace. RFC 5681 at p = 0.01 has 12 segments for each 100 ms:
/// 1.4 Mbit/s; a third of it, for NewReno stands still while it repairs.
#[test]
fn without_sack_random_loss_is_survived() {
    for seed in 1..=3 {
        for timestamps in [true, false] {
            let mut setup = Setup::over(10_000_000, RTT, OCTETS).seed(seed).with(|single| {
                single.tcp.sack = false;
                single.tcp.timestamps = timestamps;
            });
            setup.links[0].loss = Probability::percent(1);
            let run = transfer(setup, OCTETS);
            eprintln!("seed {seed}: {:.2} Mbit/s, {} timeouts", run.goodput / 1e6, run.path.timeouts());
            assert!(run.goodput >= 450_000.0, "seed {seed}: {:.0} bit/s", run.goodput);
        }
    }
}
