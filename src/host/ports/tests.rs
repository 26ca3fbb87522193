use std::collections::{BTreeMap, BTreeSet};
use std::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::host::FiveTuple;

fn addr(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

const LOCAL: IpAddr = IpAddr::V4(core::net::Ipv4Addr::new(192, 0, 2, 1));

fn choose(
    ports: &mut Ports,
    secret: u8,
    remote: &str,
    is_free: impl FnMut(u16) -> bool,
) -> Result<u16, PortsExhausted> {
    ports.choose(&Secret::new([secret; 32]), IpProtocol::TCP, LOCAL, addr(remote), is_free)
}

#[test]
fn ports_are_of_the_range_and_each_is_found() {
    for range in [Ports::DYNAMIC, 1..=65_535, 5000..=5000, 0..=7] {
        let (mut ports, mut taken) = (Ports::new(&range, None), BTreeSet::new());
        let all = range.clone().filter(|port| *port != 0).count();
        for _ in 0..all {
            let port = choose(&mut ports, 1, "192.0.2.2:80", |port| !taken.contains(&port)).unwrap();
            assert!(range.contains(&port) && port != 0 && taken.insert(port));
        }
        let none = choose(&mut ports, 1, "192.0.2.2:80", |port| !taken.contains(&port));
        assert_eq!(none, Err(PortsExhausted { tried: all as u32 }));
    }
}

#[test]
fn a_search_asks_about_each_port_once_and_ends() {
    let mut asked = Vec::new();
    let mut ports = Ports::new(&(1000..=1999), None);
    let none = choose(&mut ports, 1, "192.0.2.2:80", |port| {
        asked.push(port);
        false
    });
    assert_eq!(none, Err(PortsExhausted { tried: 1000 }));
    asked.sort_unstable();
    assert_eq!(asked, (1000..=1999).collect::<Vec<_>>());
}

#[test]
fn an_empty_range_has_no_port() {
    for range in [0..=0, RangeInclusive::new(10, 9)] {
        let none = choose(&mut Ports::new(&range, None), 1, "192.0.2.2:80", |_| true);
        assert_eq!(none, Err(PortsExhausted { tried: 0 }));
    }
}

/// RFC 6056 §3.3.4: a port is left in peace for as long as can be.
#[test]
fn no_port_comes_back_before_the_row_has_gone_round() {
    let mut ports = Ports::new(&Ports::DYNAMIC, None);
    let mut used = BTreeMap::new();
    for turn in 0..20_000_u32 {
        let port = choose(&mut ports, 1, "192.0.2.2:80", |_| true).unwrap();
        if let Some(before) = used.insert(port, turn) {
            assert!(turn - before >= 16_384 / 8, "{port} after {} turns", turn - before);
        }
    }
}

/// RFC 6056 §2 and §3.1: what one end sees of its ports says nothing about those of another, or of another host.
#[test]
fn where_the_search_begins_depends_on_the_secret_and_the_other_end() {
    let first =
        |secret, remote: &str| choose(&mut Ports::new(&Ports::DYNAMIC, None), secret, remote, |_| true);
    let here = first(1, "192.0.2.2:80");
    assert_eq!(first(1, "192.0.2.2:80"), here);
    for other in [first(2, "192.0.2.2:80"), first(1, "192.0.2.3:80"), first(1, "192.0.2.2:81")] {
        assert_ne!(other, here);
    }
    let others: BTreeSet<_> =
        (1..=1000).map(|port| first(1, &std::format!("192.0.2.2:{port}")).unwrap()).collect();
    assert!(others.len() > 950, "{} of 1000 begin elsewhere", others.len());
}

// RFC 6056 §3.3.5
#[test]
fn the_next_port_is_not_known_from_the_last() {
    let mut ports = Ports::new(&Ports::DYNAMIC, None);
    let row: Vec<_> = (0..100).map(|_| choose(&mut ports, 1, "192.0.2.2:80", |_| true).unwrap()).collect();
    let steps: BTreeSet<_> = row.windows(2).map(|pair| (pair[1].wrapping_sub(pair[0])) % 16_384).collect();
    assert_eq!(steps, (1..=8).collect());
}

#[test]
fn the_error_says_what_is_used_up() {
    use std::string::ToString as _;
    assert_eq!(PortsExhausted { tried: 5 }.to_string(), "all 5 ephemeral ports for this peer are in use");
}

proptest! {
    #[test]
    fn a_shard_gets_ports_whose_packets_lead_back_to_it(
        count in 1..9_u32, which: u32, remote: [u8; 4], port in 1..u16::MAX, v6: bool, udp: bool,
    ) {
        let shard = Shard { index: which % count, count };
        let (local, remote) = if v6 {
            (addr("[2001:db8::1]:0").ip(), SocketAddr::new(core::net::Ipv4Addr::from(remote).to_ipv6_mapped().into(), port))
        } else {
            (LOCAL, SocketAddr::new(remote.into(), port))
        };
        let protocol = if udp { IpProtocol::UDP } else { IpProtocol::TCP };
        let mut ports = Ports::new(&Ports::DYNAMIC, Some(shard));
        let mut taken = BTreeSet::new();
        for _ in 0..20 {
            let secret = Secret::new([3; 32]);
            let port = ports.choose(&secret, protocol, local, remote, |port| !taken.contains(&port)).unwrap();
            taken.insert(port);
            let flow = FiveTuple::new(protocol, SocketAddr::new(local, port), remote);
            prop_assert_eq!(rss::shard(rss::hash(&flow.reversed()), count), shard.index);
        }
    }
}
