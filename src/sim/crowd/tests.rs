use super::*;
use crate::State;
use crate::sim::{Ending, EndpointConfig, LinkConfig, Pattern, Prng, Sends, World};
use core::num::NonZeroU64;
use core::time::Duration;
use std::vec;

const MS: Duration = Duration::from_millis(1);

fn socket(host: u8, port: u16) -> SocketAddr {
    ([192, 0, 2, host], port).into()
}

/// Ends at ports from 1000 on, each of which sends `octets` to the one with its port on the other host.
fn ends(count: u16, octets: u64) -> [Crowd; 2] {
    [(1, 2), (2, 1)].map(|(host, peer)| {
        let member = |port: u16| {
            let mut config = EndpointConfig::new(socket(host, port));
            config.app.ending = Ending::WhenTold;
            if host == 1 {
                config.remote = Some(socket(peer, port));
                config.app.sends = Sends::Octets(octets);
            }
            let [own, other] = [host, peer].map(|host| Pattern::new(u64::from(port) << 8 | u64::from(host)));
            Endpoint::new(config, own, other, Prng::new(port.into())).unwrap()
        };
        Crowd::new((1_000..1_000 + count).map(member).collect())
    })
}

#[test]
fn each_flow_gets_its_own_octets() {
    let [a, b] = ends(3, 20_000);
    let mut world = World::new(1);
    let (a, b) = (world.add(a), world.add(b));
    let link = LinkConfig { delay: 5 * MS, ..LinkConfig::default() };
    world.link(a, b, link);
    world.link(b, a, link);
    world.run_until(Instant::ZERO + 1_000 * MS).unwrap();
    for member in world.node(b).unwrap().members() {
        assert_eq!((member.state(), member.app().read()), (State::Established, 20_000));
    }
    assert_eq!([a, b].map(|id| world.node(id).unwrap().strays()), [0, 0]);
}

#[test]
fn members_send_in_turns() {
    let [mut a, _] = ends(3, 0);
    a.handle_timeout(Instant::ZERO);
    let mut out = vec![0; 1_500];
    let mut ports = vec![];
    while let Some(len) = a.poll_transmit(Instant::ZERO, &mut out) {
        assert!(len >= 40);
        ports.push(u16::from_be_bytes([out[20], out[21]]));
    }
    assert_eq!(ports, [1_000, 1_001, 1_002], "a SYN of each");
    // After a second the SYNs are repeated, and the turn went on where it was.
    let again = a.poll_timeout().unwrap();
    assert_eq!(again, Instant::ZERO + 1_000 * MS);
    a.handle_timeout(again);
    a.poll_transmit(again, &mut out).unwrap();
    assert_eq!(u16::from_be_bytes([out[20], out[21]]), 1_000);
}

#[test]
fn only_members_whose_time_has_come_are_called() {
    let [Crowd { mut members, .. }, _] = ends(1, 0);
    let mut late = EndpointConfig::new(socket(1, 2_000));
    late.opens_at = Instant::ZERO + 50 * MS;
    members.push(Endpoint::new(late, Pattern::new(1), Pattern::new(2), Prng::new(1)).unwrap());
    let mut a = Crowd::new(members);
    a.handle_timeout(Instant::ZERO);
    assert_eq!(a.members().iter().map(Endpoint::state).collect::<Vec<_>>(), [State::SynSent, State::Closed]);
    assert_eq!(a.poll_timeout(), Some(Instant::ZERO + 50 * MS));
}

#[test]
fn a_packet_for_nobody_is_counted() {
    let [mut a, mut b] = ends(2, 0);
    let mut out = vec![0; 1_500];
    a.handle_timeout(Instant::ZERO);
    b.handle_timeout(Instant::ZERO);
    let len = a.poll_transmit(Instant::ZERO, &mut out).unwrap();
    let mut packet = out[..len].to_vec();
    b.handle_packet(Instant::ZERO, &packet);
    assert_eq!(b.strays(), 0);
    packet[23] ^= 8; // another port
    b.handle_packet(Instant::ZERO, &packet);
    b.handle_packet(Instant::ZERO, &packet[..30]);
    b.handle_packet(Instant::ZERO, &[]);
    assert_eq!(b.strays(), 3);
}

#[test]
fn a_crowd_shares_a_bottleneck_evenly() {
    let [a, b] = ends(4, u64::MAX);
    let mut world = World::new(1);
    let (a, b) = (world.add(a), world.add(b));
    let link = LinkConfig {
        delay: 5 * MS,
        rate: NonZeroU64::new(10_000_000),
        queue: 100 << 10,
        ..LinkConfig::default()
    };
    world.link(a, b, link);
    world.link(b, a, link);
    world.run_until(Instant::ZERO + 5_000 * MS).unwrap();
    let read: Vec<_> = world.node(b).unwrap().members().iter().map(|member| member.app().read()).collect();
    let all: u64 = read.iter().sum();
    assert!((5_700_000..6_100_000).contains(&all), "{all}");
    assert!(read.iter().all(|read| *read > all / 8), "{read:?}");
}
