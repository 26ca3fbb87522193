use super::*;
use crate::sim::{BurstLoss, Ending, LogEntry, Pace, Probability, Reorder, Sends};
use core::num::NonZeroU64;
use core::time::Duration;
use std::format;
use std::string::String;
use std::vec::Vec;

const MS: Duration = Duration::from_millis(1);

fn sockets() -> [EndpointConfig; 2] {
    let mut a = EndpointConfig::new("192.0.2.1:49152".parse().unwrap());
    let b = EndpointConfig::new("192.0.2.2:80".parse().unwrap());
    a.remote = Some(b.local);
    [a, b]
}

fn delayed(change: impl FnOnce(&mut LinkConfig)) -> LinkConfig {
    let mut link = LinkConfig { delay: 20 * MS, ..LinkConfig::default() };
    change(&mut link);
    link
}

fn sender(octets: u64) -> [EndpointConfig; 2] {
    let [mut a, b] = sockets();
    a.app.sends = Sends::Octets(octets);
    a.app.ending = Ending::CloseWhenSent;
    [a, b]
}

fn changes(pair: &mut Pair) -> Vec<LogEntry> {
    core::iter::from_fn(|| pair.world_mut().poll_change()).collect()
}

/// In short: when in milliseconds, at which frame, who, what, and where to.
fn told(pair: &mut Pair) -> Vec<String> {
    let tell = |entry: LogEntry| {
        let frame = entry.frame.map_or("-".into(), |frame| format!("{frame}"));
        let millis = entry.time.as_nanos() / 1_000_000;
        format!("{millis} {frame} {} {}: {}", ["a", "b"][entry.node.index()], entry.event, entry.to)
    };
    changes(pair).into_iter().map(tell).collect()
}

#[test]
fn each_change_stands_at_the_frame_that_shows_it() {
    let mut pair = Pair::new(1, sender(100), [delayed(|_| {}); 2]).unwrap();
    pair.run().unwrap();
    assert_eq!(
        told(&mut pair),
        [
            "0 1 a active OPEN: SYN-SENT",
            "0 - b passive OPEN: LISTEN",
            "20 2 b rcv SYN: SYN-RECEIVED",
            "40 2 a rcv SYN,ACK: ESTABLISHED",
            "40 3 a CLOSE: FIN-WAIT-1",
            "60 3 b rcv ACK of SYN: ESTABLISHED",
            "60 3 b rcv FIN: CLOSE-WAIT",
            "60 4 b CLOSE: LAST-ACK",
            "80 4 a rcv ACK of FIN: FIN-WAIT-2",
            "80 4 a rcv FIN: TIME-WAIT",
            "100 5 b rcv ACK of FIN: CLOSED",
            "240080 - a 2MSL timeout: CLOSED",
        ]
    );
    assert_eq!(pair.finished(), Ok(()));
}

#[test]
fn a_change_is_not_seen_before_the_one_before_it() {
    // Both close in the same moment: each receives a FIN that left before its own was seen.
    let [mut a, mut b] = sockets();
    a.app.ending = Ending::WhenTold;
    b.app.ending = Ending::WhenTold;
    let mut pair = Pair::new(1, [a, b], [delayed(|_| {}); 2]).unwrap();
    pair.run_until(Instant::ZERO + 200 * MS).unwrap();
    assert_eq!(pair.states(), [State::Established; 2]);
    pair.close_both();
    pair.run_until(Instant::ZERO + 300 * MS).unwrap();
    assert_eq!(
        told(&mut pair)[5..],
        [
            "200 4 a CLOSE: FIN-WAIT-1",
            "200 5 b CLOSE: FIN-WAIT-1",
            "220 5 b rcv FIN: CLOSING",
            "220 5 a rcv FIN: CLOSING",
            "240 6 a rcv ACK of FIN: TIME-WAIT",
            "240 7 b rcv ACK of FIN: TIME-WAIT",
        ]
    );
}

#[test]
fn both_may_call_at_once() {
    let [mut a, mut b] = sender(50_000);
    b.remote = Some(a.local);
    b.opens_at = Instant::ZERO + 5 * MS;
    a.app.ending = Ending::ShutdownWhenSent;
    let mut pair = Pair::new(1, [a, b], [delayed(|_| {}); 2]).unwrap();
    pair.run().unwrap();
    assert_eq!(pair.finished(), Ok(()));
    let told = told(&mut pair);
    let opening = [
        "0 1 a active OPEN: SYN-SENT",
        "5 2 b active OPEN: SYN-SENT",
        "20 3 b rcv SYN: SYN-RECEIVED",
        "25 4 a rcv SYN: SYN-RECEIVED",
        "40 4 a rcv ACK of SYN: ESTABLISHED",
        "45 4 b rcv ACK of SYN: ESTABLISHED",
    ];
    assert_eq!(told[..6], opening);
}

#[test]
fn who_calls_nobody_gives_up_and_is_not_finished() {
    let mut pair = Pair::new(1, sender(100), [delayed(|link| link.loss = Probability::ALWAYS); 2]).unwrap();
    pair.run().unwrap();
    let reason = CloseReason::RetransmissionsExhausted;
    assert_eq!(pair.finished(), Err(Unfinished::Broken { end: 0, reason }));
    assert_eq!(pair.states(), [State::Closed, State::Listen]);
    assert_eq!(told(&mut pair).last().unwrap().split_once(' ').unwrap().1, "- a user timeout: CLOSED");
}

#[test]
fn a_reset_shows_who_gave_up() {
    let [mut a, b] = sender(5_000);
    a.app.ending = Ending::AbortAfter(5_000);
    a.opens_at = Instant::ZERO + MS;
    a.app.writes = Pace::Steady { octets: 2_500, pause: 100 * MS };
    let mut pair = Pair::new(1, [a, b], [delayed(|_| {}); 2]).unwrap();
    pair.run().unwrap();
    let told = changes(&mut pair);
    let aborted = told.iter().find(|entry| entry.event == crate::Event::Abort).unwrap();
    let reset = told.iter().find(|entry| entry.event == crate::Event::Rst).unwrap();
    assert!(aborted.frame.is_some());
    assert_eq!(aborted.frame, reset.frame);
    assert!(matches!(pair.finished(), Err(Unfinished::Broken { reason: CloseReason::Aborted, .. })));
}

/// Everything at once, and worse than any real network.
fn hostile() -> LinkConfig {
    delayed(|link| {
        link.jitter = 15 * MS;
        link.rate = NonZeroU64::new(8_000_000);
        link.queue = 20_000;
        link.loss = Probability::percent(5);
        link.burst_loss = Some(BurstLoss::mean(Probability::percent(3), 3));
        link.reorder = Some(Reorder { chance: Probability::percent(5), hold: 60 * MS });
        link.duplicate = Probability::percent(5);
        link.corrupt = Probability::percent(5);
        link.impaired_until = Some(Instant::ZERO + 20_000 * MS);
    })
}

#[test]
fn octets_arrive_whole_and_in_order_through_a_hostile_network() {
    for seed in 0..20 {
        let [mut a, mut b] = sender(60_000);
        a.app.ending = Ending::ShutdownWhenSent;
        b.app.sends = Sends::Octets(20_000);
        let mut pair = Pair::new(seed, [a, b], [hostile(); 2]).unwrap();
        pair.run().unwrap();
        assert_eq!((pair.finished(), pair.read()), (Ok(()), [20_000, 60_000]), "seed {seed}");
        let refused = pair.ends().map(|end| end.stats().ignored.values().sum::<u64>());
        let corrupted = pair.links().map(|link| link.stats().corrupted);
        assert!(refused[1] <= corrupted[0] && refused[0] <= corrupted[1], "only what was damaged is ignored");
    }
}

/// Everything that an onlooker sees of a run, as one number (FNV-1a).
fn trace(seed: u64) -> u64 {
    let mut pair = Pair::new(seed, sender(40_000), [hostile(); 2]).unwrap();
    pair.world_mut().record_frames(true);
    pair.run().unwrap();
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut mix = |octets: &[u8]| {
        for octet in octets {
            hash = (hash ^ u64::from(*octet)).wrapping_mul(0x0100_0000_01b3);
        }
    };
    while let Some(frame) = pair.world_mut().poll_frame() {
        mix(&frame.time.as_nanos().to_le_bytes());
        mix(&frame.packet);
    }
    for entry in changes(&mut pair) {
        mix(format!("{entry:?}").as_bytes());
    }
    hash
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_the_same_changes() {
    assert_eq!(trace(3), trace(3));
    assert_ne!(trace(3), trace(4));
}
