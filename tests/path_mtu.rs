//! Paths that carry less than their ends think, with octets, packets and checksums, in virtual time: RFC 1191, RFC 8201,
//! RFC 4821, RFC 8899.

#![cfg(feature = "sim")]
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

use std::time::Duration;

use tcpstate::connection::Received;
use tcpstate::host::{Single, SingleConfig};
use tcpstate::sim::{AppConfig, Ending, EndpointConfig, LinkConfig, Pace, Pair, Probability, Sends};
use tcpstate::tcp::{MtuProbing, PathMtu, TcpConfig};
use tcpstate::{Instant, SeqNumber};

/// What a search leaves in doubt, in octets.
const STEP: u32 = 8;

const V4: [&str; 2] = ["192.0.2.1:49152", "192.0.2.2:80"];
const V6: [&str; 2] = ["[2001:db8::1]:49152", "[2001:db8::2]:80"];

fn second(n: u64) -> Instant {
    Instant::from_nanos(n * 1_000_000_000)
}

/// One end sends so many octets and closes, the other reads: 40 ms there and back, 5 Mbit/s.
struct Scene {
    seed: u64,
    sockets: [&'static str; 2],
    sends: Sends,
    writes: Pace,
    tcp: fn(&mut TcpConfig),
    link: LinkConfig,
}

impl Scene {
    fn new(octets: u64, mtu: u32) -> Self {
        let mut link = LinkConfig::default();
        link.delay = Duration::from_millis(20);
        link.rate = std::num::NonZeroU64::new(5_000_000);
        link.mtu = mtu;
        Self { seed: 7, sockets: V4, sends: Sends::Octets(octets), writes: Pace::AtOnce, tcp: |_| {}, link }
    }

    fn pair(&self) -> Pair {
        let [mut a, mut b] =
            self.sockets.map(|socket| EndpointConfig::new(socket.parse().expect("a socket")));
        a.remote = Some(b.local);
        let mut app = AppConfig::default();
        (app.sends, app.ending, app.writes) = (self.sends, Ending::CloseWhenSent, self.writes);
        a.app = app;
        for end in [&mut a, &mut b] {
            // The queue takes all that a window allows: nothing is lost but what is too large.
            (end.single.tcp.receive_window, end.single.tcp.receive_window_max) = (256 << 10, 0);
            (end.single.send_buffer, end.single.send_buffer_max) = (256 << 10, 0);
        }
        (self.tcp)(&mut a.single.tcp);
        let mut back = self.link;
        back.mtu = LinkConfig::default().mtu;
        Pair::new(self.seed, [a, b], [self.link, back]).expect("the sockets do")
    }
}

fn sender(pair: &Pair) -> &Single {
    pair.ends()[0].single().expect("it is open")
}

fn path_mtu(pair: &Pair) -> u32 {
    sender(pair).connection().tcb().path_mtu()
}

/// Runs until `end`, and asks `each` after every step.
fn watch(pair: &mut Pair, end: Instant, mut each: impl FnMut(&Pair)) {
    while pair.world().next_event().is_some_and(|at| at <= end) {
        pair.step().expect("no promise is broken");
        each(pair);
    }
}

/// RFC 4821 §7.7 and §7.2, against a path that swallows packets beyond 1,200 octets and tells nobody: smaller ones go
/// within 5 s, and a megabyte arrives.
#[test]
fn a_black_hole_is_found_within_five_seconds() {
    for (sockets, mtu) in [(V4, 1_200), (V6, 1_280)] {
        let mut pair = Scene { sockets, ..Scene::new(1_000_000, mtu) }.pair();
        pair.run_until(second(5)).expect("no promise is broken");
        assert!(pair.read()[1] > 0, "{:?}", sender(&pair).connection().tcb());
        assert!(path_mtu(&pair) <= mtu);
        pair.run().expect("no promise is broken");
        pair.finished().expect("everything has arrived");
        let done = pair.ends()[1].app().last_read().expect("octets were read");
        assert!(done < second(9), "{done}");
    }
}

/// RFC 4821 §7.3: the search goes on until a few octets are in doubt.
#[test]
fn the_search_finds_what_the_path_carries() {
    for mtu in [1_030, 1_200, 1_380, 1_492, 1_499] {
        let mut pair = Scene::new(100_000_000, mtu).pair();
        pair.run_until(second(25)).expect("no promise is broken");
        let found = path_mtu(&pair);
        assert!(found <= mtu && mtu < found + STEP, "{found} of {mtu}");
    }
}

/// A path that carries less than the base size of 1024 octets: RFC 4821 §7.7 halves, down to the floor of 552.
#[test]
fn a_black_hole_below_the_base_size_is_found_too() {
    let mut pair = Scene::new(200_000, 576).pair();
    pair.run_until(second(15)).expect("no promise is broken");
    assert!(pair.read()[1] > 0);
    pair.run().expect("no promise is broken");
    pair.finished().expect("everything has arrived");
}

/// RFC 4821 §7.6.2, RFC 8899 §3: the window never comes down while probes are lost, and nothing else is.
#[test]
fn lost_probes_cost_no_window() {
    let mut pair = Scene::new(50_000_000, 1_200).pair();
    pair.run_until(second(4)).expect("no promise is broken");
    let swallowed = |pair: &Pair| pair.links()[0].stats().dropped_mtu;
    let before = swallowed(&pair);
    let mut cwnd = 0;
    watch(&mut pair, second(20), |pair| {
        let tcb = sender(pair).connection().tcb();
        assert!(tcb.cwnd() >= cwnd, "{} and {cwnd} before, at {}", tcb.cwnd(), pair.world().now());
        assert!(!tcb.in_recovery());
        cwnd = tcb.cwnd();
    });
    assert!(swallowed(&pair) > before + 5, "{} probes were lost", swallowed(&pair) - before);
    assert_eq!(pair.links()[0].stats().dropped(), swallowed(&pair));
}

/// RFC 4821 §7.3, RFC 8899 §5.1.1: ten minutes later larger packets are tried again.
#[test]
fn when_the_path_carries_more_again_segments_grow_back() {
    let mut scene = Scene::new(200_000_000, 1_200);
    scene.writes = Pace::Steady { octets: 50_000, pause: Duration::from_millis(500) };
    let mut pair = scene.pair();
    pair.run_until(second(60)).expect("no promise is broken");
    let found = path_mtu(&pair);
    assert!(found <= 1_200 && 1_200 < found + STEP, "{found}");
    let link = pair.link_ids()[0];
    let link = pair.world_mut().link_mut(link).expect("the link");
    let mut grown = *link.config();
    grown.mtu = 1_500;
    link.set_config(grown);
    pair.run_until(second(60 + 620)).expect("no promise is broken");
    assert_eq!(path_mtu(&pair), 1_500);
}

/// Most silences are outages: the size is back as soon as the path is.
#[test]
fn after_an_outage_segments_are_as_large_as_before() {
    let scene = Scene::new(10_000_000, 1_500);
    let mut pair = scene.pair();
    pair.run_until(second(1)).expect("no promise is broken");
    let link = pair.link_ids()[0];
    let mut outage = scene.link;
    (outage.loss, outage.impaired_until) = (Probability::ALWAYS, Some(second(10)));
    pair.world_mut().link_mut(link).expect("the link").set_config(outage);
    pair.run_until(second(10)).expect("no promise is broken");
    assert_eq!(path_mtu(&pair), 552);
    let read = pair.read()[1];
    watch(&mut pair, second(20), |_| {});
    assert!(pair.read()[1] > read);
    assert_eq!(path_mtu(&pair), 1_500);
}

/// [`MtuProbing::Always`]: nothing waits for a timeout.
#[test]
fn who_probes_always_is_not_delayed_by_a_black_hole() {
    let mut scene = Scene::new(1_000_000, 1_200);
    scene.tcp = |tcp| tcp.mtu_probing = MtuProbing::Always;
    let mut pair = scene.pair();
    pair.run().expect("no promise is broken");
    pair.finished().expect("everything has arrived");
    let done = pair.ends()[1].app().last_read().expect("octets were read");
    assert!(done < second(3), "{done}");
    // And where the path carries everything, the first probe says so.
    let mut scene = Scene::new(5_000_000, 1_500);
    scene.tcp = |tcp| tcp.mtu_probing = MtuProbing::Always;
    let mut pair = scene.pair();
    pair.run_until(second(1)).expect("no promise is broken");
    assert_eq!(path_mtu(&pair), 1_500);
}

/// Without SACK a lost probe shows by duplicates (RFC 4821 §7.6.2 asks for no more).
#[test]
fn peers_without_sack_are_probed_too() {
    let mut scene = Scene::new(100_000_000, 1_200);
    scene.tcp = |tcp| tcp.sack = false;
    let mut pair = scene.pair();
    pair.run_until(second(60)).expect("no promise is broken");
    let found = path_mtu(&pair);
    assert!(found <= 1_200 && 1_200 < found + STEP, "{found}");
}

/// Loss is no black hole, and a search in it ends all the same.
#[test]
fn on_a_lossy_path_the_search_ends_where_it_should() {
    for seed in 0..5 {
        let mut scene = Scene::new(100_000_000, 1_300);
        scene.link.loss = Probability::percent(1);
        scene.seed = seed;
        let mut pair = scene.pair();
        pair.run_until(second(60)).expect("no promise is broken");
        let found = path_mtu(&pair);
        assert!(found <= 1_300 && found > 1_200, "{found} with seed {seed}");
    }
}

/// A router between two ends that takes packets of 1,300 octets, and says so (RFC 1191 §4).
#[test]
fn a_router_that_reports_is_heard_at_once() {
    let now = second(1);
    let [a, b] = V4.map(|socket| socket.parse().expect("a socket"));
    let config = SingleConfig::default();
    let mut sender = Single::connect(&config, [1; 32], a, b, now).expect("sockets that do");
    let mut receiver = Single::listen(&config, [2; 32], b).expect("a socket that does");
    let (mut packet, mut read, mut reports) = ([0; 1_500], 0, 0);
    let mut unsent = 100_000;
    loop {
        unsent -= sender.send(now, &vec![7; unsent]).unwrap_or(0);
        let mut quiet = true;
        while let Some(len) = sender.poll_transmit(now, &mut packet) {
            quiet = false;
            if len <= 1_300 {
                receiver.handle_packet(now, &packet[..len]);
                continue;
            }
            let seq = u32::from_be_bytes(packet[24..28].try_into().expect("four octets"));
            // Later reports quote what has gone again in the meantime: some are too late.
            let _ = sender.path_mtu(now, PathMtu { mtu: 1_300, seq: SeqNumber::new(seq) });
            reports += 1;
        }
        while let Some(len) = receiver.poll_transmit(now, &mut packet) {
            quiet = false;
            sender.handle_packet(now, &packet[..len]);
        }
        while let Received::Data(octets) = receiver.recv(now, usize::MAX) {
            assert!(octets.iter().all(|&octet| octet == 7));
            read += octets.len();
        }
        if quiet {
            break;
        }
    }
    // No time has passed, and one report was enough.
    assert_eq!((read, reports), (100_000, 1));
    let tcb = sender.connection().tcb();
    assert_eq!((tcb.path_mtu(), tcb.in_recovery(), tcb.rto()), (1_300, false, Duration::from_secs(1)));
}
