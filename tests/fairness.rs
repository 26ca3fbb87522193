//! Flows that share a bottleneck share it evenly: 10 Mbit/s, 20 ms there and back, a queue of one bandwidth-delay
//! product, 60 s.
//!
//! Jain's index is (Σ x)² / (n Σ x²) of what n flows got: 1 when all got the same, 1/n when one got everything (RFC 5166
//! §2.3).

#![cfg(feature = "sim")]
#![allow(clippy::expect_used, reason = "a test may fail by panicking")]

use std::net::SocketAddr;
use std::time::Duration;

use tcpstate::Instant;
use tcpstate::sim::{Crowd, Ending, Endpoint, EndpointConfig, Path, Pattern, Prng, Sends, World};
use tcpstate::tcp::CongestionAlgorithm::{self, Cubic, NewReno};

const RATE: u64 = 10_000_000;
const TIME: Duration = Duration::from_secs(60);
/// Each flow begins so much later than the one before: none is alone for long, and they do not march in step.
const STAGGER: Duration = Duration::from_millis(50);

fn socket(host: u8, flow: usize) -> SocketAddr {
    let port = u16::try_from(flow).expect("there are few flows") + 49_152;
    ([192, 0, 2, host], port).into()
}

fn pattern(flow: usize) -> Pattern {
    Pattern::new(flow as u64)
}

/// Both ends of a flow, the sender first.
fn flow(number: usize, algorithm: CongestionAlgorithm, path: &Path) -> [Endpoint; 2] {
    let [mut sender, mut receiver] = [1, 2].map(|host| {
        let mut end = EndpointConfig::new(socket(host, number));
        end.single.tcp.congestion = algorithm;
        let [_, wanted] = path.bulk();
        end.single.tcp.receive_window = wanted.single.tcp.receive_window;
        end.single.tcp.receive_window_max = wanted.single.tcp.receive_window_max;
        end.single.send_buffer = wanted.single.send_buffer;
        end.single.send_buffer_max = wanted.single.send_buffer_max;
        end.app.ending = Ending::WhenTold;
        end
    });
    sender.remote = Some(receiver.local);
    sender.app.sends = Sends::Octets(u64::MAX);
    sender.opens_at = Instant::ZERO + STAGGER * u32::try_from(number).expect("there are few flows");
    receiver.secret = [1; 32];
    let (own, none) = (pattern(number), Pattern::new(u64::MAX));
    let luck = |end| Prng::stream(number as u64, end);
    [
        Endpoint::new(sender, own, none, luck(0)).expect("the configuration does"),
        Endpoint::new(receiver, none, own, luck(1)).expect("the configuration does"),
    ]
}

/// Octets that the user of each flow has read after 60 s.
fn shared(algorithms: &[CongestionAlgorithm]) -> Vec<u64> {
    let path = Path::new(Duration::from_millis(20), RATE);
    let flows = algorithms.iter().enumerate().map(|(number, algorithm)| flow(number, *algorithm, &path));
    let (senders, receivers) = flows.map(|[sender, receiver]| (sender, receiver)).unzip();
    let mut world = World::new(1);
    let [senders, receivers] = [senders, receivers].map(|ends| world.add(Crowd::new(ends)));
    let [there, back] = path.links();
    world.link(senders, receivers, there).expect("both are there");
    world.link(receivers, senders, back).expect("both are there");
    world.run_until(Instant::ZERO + TIME).expect("no promise is broken");
    let receivers = world.node(receivers).expect("it is there");
    receivers.members().iter().map(|member| member.app().read()).collect()
}

fn jain(shares: &[u64]) -> f64 {
    let sum: f64 = shares.iter().map(|share| *share as f64).sum();
    let squares: f64 = shares.iter().map(|share| (*share as f64).powi(2)).sum();
    sum * sum / (shares.len() as f64 * squares)
}

/// The flows share evenly, and fill the link.
fn is_fair(algorithms: &[CongestionAlgorithm]) {
    let shares = shared(algorithms);
    let index = jain(&shares);
    assert!(index >= 0.9, "{index:.3} of {algorithms:?}: {shares:?}");
    let capacity = Path::new(Duration::from_millis(20), RATE).capacity(TIME);
    let used = shares.iter().sum::<u64>() as f64 / capacity as f64;
    assert!(used > 0.95, "{used:.3} of the link: {shares:?}");
}

/// A name, a number of flows, and the algorithms that they take in turn.
macro_rules! flows {
    ($($name:ident: $count:expr, $algorithms:expr;)*) => {$(
        #[test]
        fn $name() {
            is_fair(&$algorithms.into_iter().cycle().take($count).collect::<Vec<_>>());
        }
    )*};
}

flows! {
    two_flows_of_cubic_share_evenly: 2, [Cubic];
    four_flows_of_cubic_share_evenly: 4, [Cubic];
    eight_flows_of_cubic_share_evenly: 8, [Cubic];
    two_flows_of_newreno_share_evenly: 2, [NewReno];
    four_flows_of_newreno_share_evenly: 4, [NewReno];
    eight_flows_of_newreno_share_evenly: 8, [NewReno];
    cubic_and_newreno_share_evenly: 2, [Cubic, NewReno];
    two_of_cubic_and_two_of_newreno_share_evenly: 4, [Cubic, NewReno];
    four_of_cubic_and_four_of_newreno_share_evenly: 8, [Cubic, NewReno];
}

#[test]
fn jains_index_is_one_for_equals_and_a_share_for_a_glutton() {
    assert!((jain(&[5, 5, 5, 5]) - 1.0).abs() < 1e-12);
    assert!((jain(&[7, 0, 0, 0]) - 0.25).abs() < 1e-12);
}
