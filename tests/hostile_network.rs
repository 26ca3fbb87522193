//! Random users over random networks, with octets, packets and checksums: what must hold whatever happens.
//!
//! The world itself checks at every step that what was read is a prefix of what was sent, that no handled deadline
//! stands, and that one event calls forth a bounded number of packets (`tcpstate::sim`); any of that is an error here.

#![cfg(feature = "sim")]
#![allow(clippy::expect_used, reason = "a test may fail by panicking")]

use std::hash::{DefaultHasher, Hash, Hasher};
use std::num::NonZeroU64;
use std::time::Duration;

use proptest::prelude::*;
use tcpstate::sim::{
    AppConfig, BurstLoss, Ending, EndpointConfig, LinkConfig, Pace, Pair, Probability, Reorder, Sends,
};
use tcpstate::tcp::{Ecn, Keepalive, Unpredictable};
use tcpstate::{Instant, SeqNumber, State};

/// Until then the network is as bad as it is; after it, it only delays.
const BAD_UNTIL: Instant = Instant::from_nanos(20_000_000_000);
/// Longer than the slowest way to CLOSED: R2, TIME-WAIT and all that.
const LONG: Duration = Duration::from_secs(3_600);

#[derive(Clone, Debug)]
struct Scene {
    seed: u64,
    ends: [EndpointConfig; 2],
    links: [LinkConfig; 2],
}

fn pace() -> impl Strategy<Value = Pace> {
    let millis = |most: u64| (0..most).prop_map(Duration::from_millis);
    prop_oneof![
        Just(Pace::AtOnce),
        (1..5_000_u32, millis(300)).prop_map(|(octets, pause)| Pace::Steady { octets, pause }),
        (1..50_000_u32, 0..60_u32, millis(2_000)).prop_map(|(octets, chance, pause)| Pace::Random {
            octets,
            chance: Probability::percent(chance),
            pause
        }),
    ]
}

fn app() -> impl Strategy<Value = AppConfig> {
    let sends = prop_oneof![
        4 => (0..150_000_u64).prop_map(Sends::Octets),
        1 => Just(Sends::Echo),
        1 => (0..20_u32, 1..3_000_u32, 1..9_000_u32)
            .prop_map(|(count, request, response)| Sends::Requests { count, request, response }),
        1 => (1..3_000_u32, 1..9_000_u32).prop_map(|(request, response)| Sends::Responses { request, response }),
    ];
    let ending = prop_oneof![
        2 => Just(Ending::CloseWhenSent),
        4 => Just(Ending::ShutdownWhenSent),
        4 => Just(Ending::CloseAfterPeer),
        1 => (0..100_000_u64).prop_map(Ending::CloseAfterReading),
        1 => (0..100_000_u64).prop_map(Ending::AbortAfter),
        2 => Just(Ending::WhenTold),
    ];
    (sends, ending, pace(), pace()).prop_map(|(sends, ending, writes, reads)| {
        let mut app = AppConfig::default();
        (app.sends, app.ending, app.writes, app.reads) = (sends, ending, writes, reads);
        app
    })
}

fn end(local: &'static str, remote: Option<&'static str>) -> impl Strategy<Value = EndpointConfig> {
    let near_the_wrap = prop_oneof![any::<u32>(), (0..50_000_u32).prop_map(|back| 0_u32.wrapping_sub(back))];
    let sizes = (prop_oneof![Just(1500_u16), 1280..9000_u16], prop_oneof![Just(65_535_u32), 1..300_000_u32]);
    (app(), sizes, any::<[bool; 6]>(), near_the_wrap).prop_map(move |(app, (mtu, window), on, iss)| {
        let mut end = EndpointConfig::new(local.parse().expect("a socket"));
        end.remote = remote.map(|remote| remote.parse().expect("a socket"));
        end.single.mtu = mtu;
        let tcp = &mut end.single.tcp;
        tcp.receive_window = window;
        [tcp.timestamps, tcp.sack, tcp.window_scaling, tcp.nagle, ..] = on;
        tcp.ecn = if on[5] { Ecn::Request } else { tcp.ecn };
        tcp.ack_delay = if on[4] { Duration::ZERO } else { tcp.ack_delay };
        // A user who waits for a peer that is gone would wait for ever.
        tcp.keepalive = Some(Keepalive { idle: Duration::from_secs(30), ..Keepalive::default() });
        end.single.fixed = Some(Unpredictable { iss: SeqNumber::new(iss), timestamp_offset: iss });
        end.app = app;
        end
    })
}

fn link() -> impl Strategy<Value = LinkConfig> {
    let percent = |most: u32| (0..=most).prop_map(Probability::percent);
    let luck = (percent(30), percent(20), percent(20), percent(10));
    // Some paths swallow large packets, for good.
    let mtu = prop_oneof![3 => Just(LinkConfig::default().mtu), 1 => 600..9_000_u32];
    (luck, any::<[bool; 4]>(), 0..200_u64, 0..50_u64, 1_000_000..100_000_000_u64, 3_000..200_000_u64, mtu)
        .prop_map(|((loss, reorder, duplicate, corrupt), on, delay, jitter, rate, queue, mtu)| {
            let mut link = LinkConfig::default();
            link.mtu = mtu;
            (link.delay, link.jitter) = (Duration::from_millis(delay), Duration::from_millis(jitter));
            (link.loss, link.duplicate, link.corrupt, link.queue) = (loss, duplicate, corrupt, queue);
            link.reorder =
                on[0].then_some(Reorder { chance: reorder, hold: Duration::from_millis(delay + 1) });
            link.burst_loss = on[1].then(|| BurstLoss::mean(loss, 4));
            link.rate = NonZeroU64::new(rate).filter(|_| on[2]);
            link.mark_above = on[3].then_some(queue / 4);
            link.impaired_until = Some(BAD_UNTIL);
            link
        })
}

fn scene() -> impl Strategy<Value = Scene> {
    let (a, b) = ("192.0.2.1:49152", "192.0.2.2:19");
    let called = prop_oneof![4 => Just(None), 1 => Just(Some(a))];
    let second = called.prop_flat_map(move |remote| end(b, remote));
    (any::<u64>(), end(a, Some(b)), second, [link(), link()]).prop_map(|(seed, first, second, links)| Scene {
        seed,
        ends: [first, second],
        links,
    })
}

fn pair(scene: &Scene) -> Pair {
    Pair::new(scene.seed, scene.ends, scene.links).expect("the sockets and options do")
}

/// Everything that is sent, as a hash.
fn trace(scene: &Scene) -> u64 {
    let mut pair = pair(scene);
    pair.world_mut().record_frames(true);
    let mut hasher = DefaultHasher::new();
    for _ in 0..3_000 {
        let happened = pair.step().expect("no promise is broken");
        while let Some(frame) = pair.world_mut().poll_frame() {
            (frame.time.as_nanos(), frame.packet).hash(&mut hasher);
        }
        while let Some(change) = pair.world_mut().poll_change() {
            (change.time.as_nanos(), change.from, change.to).hash(&mut hasher);
        }
        if happened.is_none() {
            break;
        }
    }
    hasher.finish()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn once_the_network_only_delays_and_both_users_close_both_ends_are_closed(scene in scene()) {
        let mut pair = pair(&scene);
        pair.run_until(BAD_UNTIL).expect("no promise is broken");
        pair.close_both();
        let end = BAD_UNTIL + LONG;
        pair.run_until(end).expect("no promise is broken");
        // A listener whom nobody reached listens on: it has a user who owns it.
        let over = |state| matches!(state, State::Closed | State::Listen);
        prop_assert!(pair.states().into_iter().all(over), "{:?} {:#?}", pair.states(), pair.ends());
    }

    #[test]
    fn the_same_seed_is_the_same_run_octet_for_octet(scene in scene()) {
        prop_assert_eq!(trace(&scene), trace(&scene));
    }
}
