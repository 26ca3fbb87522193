use core::net::SocketAddr;
use proptest::prelude::*;

use super::*;
use crate::wire::IpProtocol;

fn listeners() -> Listeners {
    Listeners::new()
}

fn listen(all: &mut Listeners, on: ListenOn) -> Result<ListenerId, ListenError> {
    all.insert(on, &ListenConfig::default(), &ConnectionConfig::default(), 1500)
}

fn on(addr: &str) -> ListenOn {
    ListenOn::from(addr.parse::<SocketAddr>().unwrap())
}

fn any_port(ip: &str) -> ListenOn {
    ListenOn::any_port(ip.parse().unwrap())
}

fn call(local: &str) -> FiveTuple {
    let local: SocketAddr = local.parse().unwrap();
    let remote = if local.is_ipv4() { "10.9.9.9:1" } else { "[2001:db8::9]:1" };
    FiveTuple::new(IpProtocol::TCP, local, remote.parse().unwrap())
}

fn called(all: &Listeners, local: &str) -> Option<ListenerId> {
    all.find(&call(local)).map(|index| all.id(index))
}

#[test]
fn the_most_specific_listener_gets_the_call() {
    let mut all = listeners();
    let wanted = [on("10.0.0.1:80"), on("0.0.0.0:80"), any_port("10.0.0.1"), any_port("0.0.0.0")]
        .map(|on| listen(&mut all, on).unwrap());
    let calls = ["10.0.0.1:80", "10.0.0.2:80", "10.0.0.1:81", "10.0.0.2:81"];
    assert_eq!(calls.map(|local| called(&all, local).unwrap()), wanted);
    assert_eq!(called(&all, "[2001:db8::1]:80"), None);
}

/// RFC 3493 §5.3.
#[test]
fn any_address_of_ipv6_is_any_of_ipv4_too_unless_it_is_not_to_be() {
    let mut all = listeners();
    let both = listen(&mut all, on("[::]:80")).unwrap();
    assert_eq!(called(&all, "[2001:db8::1]:80"), Some(both));
    assert_eq!(called(&all, "10.0.0.1:80"), Some(both));
    assert_eq!(listen(&mut all, on("0.0.0.0:80")), Err(ListenError::InUse(on("0.0.0.0:80"))));

    let config = ListenConfig { v6_only: true, ..ListenConfig::default() };
    let six = all.insert(on("[::]:81"), &config, &ConnectionConfig::default(), 1500).unwrap();
    let four = listen(&mut all, on("0.0.0.0:81")).unwrap();
    assert_eq!(called(&all, "[2001:db8::1]:81"), Some(six));
    assert_eq!(called(&all, "10.0.0.1:81"), Some(four));
}

#[test]
fn a_mapped_address_is_the_ipv4_address_in_it() {
    let mut all = listeners();
    let mapped = listen(&mut all, on("[::ffff:10.0.0.1]:80")).unwrap();
    assert_eq!(called(&all, "10.0.0.1:80"), Some(mapped));
    let config = ListenConfig { v6_only: true, ..ListenConfig::default() };
    let refused = all.insert(on("[::ffff:10.0.0.1]:81"), &config, &ConnectionConfig::default(), 1500);
    assert_eq!(refused, Err(ListenError::Address(on("[::ffff:10.0.0.1]:81"))));
}

/// RFC 4007: the address means something on its link only.
#[test]
fn a_link_local_listener_hears_its_own_link_or_all() {
    let mut all = listeners();
    let first = listen(&mut all, on("[fe80::1%1]:80")).unwrap();
    assert_eq!(called(&all, "[fe80::1%1]:80"), Some(first));
    assert_eq!(called(&all, "[fe80::1%2]:80"), None);
    let rest = listen(&mut all, on("[fe80::1]:80")).unwrap();
    assert_eq!(called(&all, "[fe80::1%1]:80"), Some(first));
    assert_eq!(called(&all, "[fe80::1%2]:80"), Some(rest));
}

#[test]
fn nobody_listens_where_nobody_can_call() {
    let mut all = listeners();
    for addr in ["10.0.0.1:0", "224.0.0.1:80", "255.255.255.255:80", "[ff02::1]:80"] {
        assert_eq!(listen(&mut all, on(addr)), Err(ListenError::Address(on(addr))));
    }
    let with = |dscp, hop_limit| ListenConfig { dscp, hop_limit, ..ListenConfig::default() };
    let mut insert = |config| all.insert(on("10.0.0.1:80"), &config, &ConnectionConfig::default(), 1500);
    assert_eq!(insert(with(Some(64), None)), Err(ListenError::Dscp(64)));
    assert_eq!(insert(with(None, Some(0))), Err(ListenError::HopLimit));
    assert!(insert(with(Some(63), Some(1))).is_ok());
}

/// RFC 9293 MUST-15, MUST-67.
#[test]
fn connections_are_made_for_their_version_of_ip() {
    let mut all = listeners();
    let id = listen(&mut all, on("[::]:80")).unwrap();
    let listener = all.get(id).unwrap();
    let of = |local| {
        let tcp = listener.connection(&call(local)).tcp();
        (tcp.mss, tcp.default_mss, tcp.ip_header)
    };
    assert_eq!(of("10.0.0.1:80"), (1460, 536, 20));
    assert_eq!(of("[2001:db8::1]:80"), (1440, 1220, 40));
}

#[test]
fn a_stale_id_names_nobody() {
    let mut all = listeners();
    let old = listen(&mut all, on("10.0.0.1:80")).unwrap();
    assert!(all.remove(old).is_some());
    let new = listen(&mut all, on("10.0.0.1:80")).unwrap();
    assert_eq!(old.index, new.index);
    assert!(all.get(old).is_none() && all.get_mut(old).is_none() && all.remove(old).is_none());
    assert_eq!(called(&all, "10.0.0.1:80"), Some(new));
}

const PLACES: [&str; 8] =
    ["0.0.0.0", "10.0.0.1", "10.0.0.2", "::", "2001:db8::1", "2001:db8::2", "fe80::1", "::ffff:10.0.0.1"];

/// How well a listener fits a call: less is better.
fn fit(on: &ListenOn, v6_only: bool, tuple: &FiveTuple) -> Option<u8> {
    let ip = on.ip.to_canonical();
    let any = ip.is_unspecified();
    let fits = if any {
        ip.is_ipv4() == tuple.local_ip().is_ipv4() || ip.is_ipv6() && !v6_only
    } else {
        ip == tuple.local_ip()
    };
    let port = on.port.is_none_or(|port| port == tuple.local_port());
    (fits && port).then_some(u8::from(any) + 2 * u8::from(on.port.is_none()))
}

proptest! {
    /// The same as looking through all of them.
    #[test]
    fn the_tables_find_what_a_search_finds(
        acts in prop::collection::vec((0..3u8, 0..8usize, prop::option::of(1..3u16), any::<bool>()), 0..40),
    ) {
        let mut all = listeners();
        let mut model: alloc::vec::Vec<(ListenerId, ListenOn, bool)> = alloc::vec::Vec::new();
        for (act, place, port, v6_only) in acts {
            let ip = PLACES[place].parse().unwrap();
            let on = ListenOn { ip, scope: 0, port };
            if act == 0 {
                if !model.is_empty() {
                    let (id, ..) = model.remove(place % model.len());
                    prop_assert!(all.remove(id).is_some());
                }
            } else {
                let config = ListenConfig { v6_only, ..ListenConfig::default() };
                match all.insert(on, &config, &ConnectionConfig::default(), 1500) {
                    Ok(id) => model.push((id, on, v6_only)),
                    Err(ListenError::InUse(_)) => prop_assert!(!model.is_empty()),
                    Err(other) => prop_assert!(v6_only && place == 7, "{other}"),
                }
            }
            for place in [1, 2, 4, 5, 6] {
                for port in 1..4 {
                    let tuple = call(&alloc::format!("{}", SocketAddr::new(PLACES[place].parse().unwrap(), port)));
                    let fits = |(id, on, v6_only): &(ListenerId, ListenOn, bool)| fit(on, *v6_only, &tuple).map(|fit| (fit, *id));
                    let best = model.iter().filter_map(fits).min();
                    prop_assert_eq!(all.find(&tuple).map(|index| all.id(index)), best.map(|(_, id)| id));
                }
            }
            prop_assert_eq!(all.iter().count(), model.len());
        }
    }
}
