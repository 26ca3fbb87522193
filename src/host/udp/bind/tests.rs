use super::super::ingress::Udp;
use super::super::tests::{addr, first_free, tester};
use super::super::{UdpFlows, UdpSend, UdpSendError};
use super::*;

const PEER: &str = "10.0.0.9:1000";

#[test]
fn two_sockets_cannot_have_one_place() {
    let mut host = tester();
    let id = host.bind("10.0.0.1:7");
    let place = UdpBind::Socket(addr("10.0.0.1:7"));
    assert_eq!(host.try_bind(place, UdpOptions::default()), Err(UdpBindError::InUse(place)));
    host.bind("10.0.0.2:7");
    host.bind("0.0.0.0:7");
    let both = UdpBind::Port(7);
    assert_eq!(host.try_bind(both, UdpOptions::default()), Err(UdpBindError::InUse(both)));
    host.table.close(id);
    host.bind("10.0.0.1:7");
    host.try_bind(UdpBind::Everything, UdpOptions::default()).unwrap();
    let everything = UdpBind::Everything;
    assert_eq!(host.try_bind(everything, UdpOptions::default()), Err(UdpBindError::InUse(everything)));
}

#[test]
fn a_port_for_both_versions_is_found_by_both() {
    let mut host = tester();
    let id = host.try_bind(UdpBind::Port(7), UdpOptions::default()).unwrap();
    assert_eq!(host.arrive(PEER, "10.0.0.1:7", b"4"), Udp::Delivered(id));
    assert_eq!(host.arrive("[fd00::9]:1", "[fd00::1]:7", b"6"), Udp::Delivered(id));
    host.send(id, b"4", PEER).unwrap();
    host.send(id, b"6", "[fd00::9]:1").unwrap();
    host.table.close(id);
    assert_eq!(host.table.bound.len(), 0);
}

#[test]
fn only_an_address_of_the_host_can_be_bound() {
    let mut host = tester();
    for not_ours in ["10.0.0.3:7", "[::ffff:10.0.0.1]:7"] {
        let not_ours = addr(not_ours);
        let error = host.try_bind(UdpBind::Socket(not_ours), UdpOptions::default());
        assert_eq!(error, Err(UdpBindError::Address(not_ours.ip())));
    }
}

#[test]
fn what_a_header_cannot_say_is_refused() {
    let mut host = tester();
    let mut options = UdpOptions { dscp: 64, ..UdpOptions::default() };
    assert_eq!(host.try_bind(UdpBind::Port(7), options), Err(UdpBindError::Dscp(64)));
    options.dscp = 63;
    options.hop_limit = 0;
    assert_eq!(host.try_bind(UdpBind::Port(7), options), Err(UdpBindError::HopLimit));
}

#[test]
fn port_0_is_one_that_no_socket_has() {
    let mut host = tester();
    host.bind("10.0.0.2:50000");
    let id = host.bind("10.0.0.1:0");
    assert_eq!(host.udp(id).bound(), Some(UdpBind::Socket(addr("10.0.0.1:50001"))));
    let id = host.try_bind(UdpBind::Port(0), UdpOptions::default()).unwrap();
    assert_eq!(host.udp(id).bound(), Some(UdpBind::Port(50_002)));
    while host.try_bind(UdpBind::Port(0), UdpOptions::default()).is_ok() {}
    assert_eq!(host.try_bind(UdpBind::Port(0), UdpOptions::default()), Err(UdpBindError::NoPort));
    assert_eq!(host.table.len(), 11);
}

#[test]
fn there_are_only_so_many_sockets() {
    let config = super::super::UdpConfig { max_sockets: 1, ..super::super::UdpConfig::default() };
    let mut host = super::super::tests::Tester::with(config);
    host.bind("10.0.0.1:7");
    assert_eq!(host.try_bind(UdpBind::Port(8), UdpOptions::default()), Err(UdpBindError::TooMany(1)));
    assert_eq!(host.open("10.0.0.1:8", PEER), Err(UdpBindError::TooMany(1)));
}

/// Most specific first: five-tuple, address and port, port, everything.
#[test]
fn the_most_specific_socket_gets_a_datagram() {
    let mut host = tester();
    let everything = host.try_bind(UdpBind::Everything, UdpOptions::default()).unwrap();
    let any = host.bind("0.0.0.0:7");
    let exact = host.bind("10.0.0.1:7");
    let connected = host.open("10.0.0.1:7", PEER).unwrap();
    assert_eq!(host.arrive(PEER, "10.0.0.1:7", b""), Udp::Delivered(connected));
    assert_eq!(host.arrive("10.0.0.9:1001", "10.0.0.1:7", b""), Udp::Delivered(exact));
    assert_eq!(host.arrive(PEER, "10.0.0.2:7", b""), Udp::Delivered(any));
    assert_eq!(host.arrive(PEER, "10.0.0.2:8", b""), Udp::Delivered(everything));
    host.table.close(connected);
    assert_eq!(host.arrive(PEER, "10.0.0.1:7", b""), Udp::Delivered(exact));
    host.table.close(exact);
    assert_eq!(host.arrive(PEER, "10.0.0.1:7", b""), Udp::Delivered(any));
    host.table.close(any);
    assert_eq!(host.arrive(PEER, "10.0.0.1:7", b""), Udp::Delivered(everything));
    host.table.close(everything);
    assert_eq!(host.arrive(PEER, "10.0.0.1:7", b""), Udp::NoSocket);
}

#[test]
fn a_connected_socket_hears_and_speaks_to_its_peer_only() {
    let mut host = tester();
    let id = host.bind("0.0.0.0:7");
    host.udp(id).connect(addr(PEER)).unwrap();
    assert_eq!(host.udp(id).local(), Some(addr("10.0.0.1:7")));
    assert_eq!(host.udp(id).remote(), Some(addr(PEER)));
    assert_eq!(host.arrive(PEER, "10.0.0.1:7", b"1"), Udp::Delivered(id));
    assert_eq!(host.arrive(PEER, "10.0.0.2:7", b"2"), Udp::NoSocket);
    assert_eq!(host.arrive("10.0.0.9:1001", "10.0.0.1:7", b"3"), Udp::NoSocket);
    assert_eq!(host.send(id, b"", "10.0.0.9:1001"), Err(UdpSendError::Connected(addr(PEER))));
    assert_eq!(host.send(id, b"", PEER), Ok(()));
    // Its place is kept for it.
    assert!(host.try_bind(UdpBind::Socket(addr("0.0.0.0:7")), UdpOptions::default()).is_err());
    host.udp(id).disconnect().unwrap();
    assert_eq!(host.udp(id).remote(), None);
    assert_eq!(host.arrive("10.0.0.9:1001", "10.0.0.2:7", b"4"), Udp::Delivered(id));
    assert_eq!(host.udp(id).disconnect(), Err(UdpConnectError::NotConnected));
}

#[test]
fn a_connected_socket_lets_others_pass_to_less_specific_ones() {
    let mut host = tester();
    let exact = host.bind("10.0.0.1:7");
    let any = host.bind("0.0.0.0:7");
    host.udp(exact).connect(addr(PEER)).unwrap();
    assert_eq!(host.arrive("10.0.0.8:1", "10.0.0.1:7", b""), Udp::Delivered(any));
    host.udp(exact).connect(addr("10.0.0.8:1")).unwrap();
    assert_eq!(host.arrive("10.0.0.8:1", "10.0.0.1:7", b""), Udp::Delivered(exact));
    assert_eq!(host.arrive(PEER, "10.0.0.1:7", b""), Udp::Delivered(any), "it has another peer now");
}

#[test]
fn one_five_tuple_is_one_socket() {
    let mut host = tester();
    let id = host.open("10.0.0.1:7", PEER).unwrap();
    let again = host.open("10.0.0.1:7", PEER);
    assert_eq!(again, Err(UdpBindError::Connect(UdpConnectError::InUse(addr(PEER)))));
    let bound = host.bind("10.0.0.1:7");
    assert_eq!(host.udp(bound).connect(addr(PEER)), Err(UdpConnectError::InUse(addr(PEER))));
    assert_eq!(host.udp(id).connect(addr(PEER)), Ok(()), "it is connected to that peer");
    // It would become what the other is.
    assert_eq!(host.udp(id).disconnect(), Err(UdpConnectError::InUse(addr("10.0.0.1:7"))));
    host.table.close(bound);
    assert_eq!(host.udp(id).disconnect(), Ok(()));
    assert_eq!(host.udp(id).bound(), Some(UdpBind::Socket(addr("10.0.0.1:7"))));
    assert_eq!(host.arrive("10.0.0.8:1", "10.0.0.1:7", b""), Udp::Delivered(id));
}

#[test]
fn opened_sockets_get_ports_that_lead_back_to_them() {
    let mut host = tester();
    host.bind("0.0.0.0:50000");
    let first = host.open("0.0.0.0:0", PEER).unwrap();
    let second = host.open("0.0.0.0:0", PEER).unwrap();
    let other = host.open("0.0.0.0:0", "10.0.0.8:1").unwrap();
    assert_eq!(host.udp(first).local(), Some(addr("10.0.0.1:50001")));
    assert_eq!(host.udp(second).local(), Some(addr("10.0.0.1:50002")));
    assert_eq!(host.udp(other).local(), Some(addr("10.0.0.1:50001")), "another peer: another five-tuple");
    assert_eq!(host.udp(other).bound(), None);
}

#[test]
fn nobody_is_no_peer() {
    let mut host = tester();
    let id = host.bind("0.0.0.0:7");
    for nobody in ["0.0.0.0:7", "10.0.0.9:0", "[::ffff:10.0.0.9]:7", "[::]:7"] {
        let nobody = addr(nobody);
        assert_eq!(host.udp(id).connect(nobody), Err(UdpConnectError::Destination(nobody)));
    }
    assert_eq!(
        host.udp(id).connect(addr("[fd00::9]:7")),
        Err(UdpConnectError::NoAddress(addr("[fd00::9]:7")))
    );
    host.here.addresses.clear();
    assert_eq!(host.udp(id).connect(addr(PEER)), Err(UdpConnectError::NoAddress(addr(PEER))));
}

#[test]
fn who_has_many_peers_cannot_be_connected() {
    let mut host = tester();
    let mut options = UdpOptions::default();
    let id = host.try_bind(UdpBind::Everything, options).unwrap();
    assert_eq!(host.udp(id).connect(addr(PEER)), Err(UdpConnectError::ManyPeers));
    options.flows = Some(UdpFlows::default());
    let id = host.bind_with("10.0.0.1:7", options);
    assert_eq!(host.udp(id).connect(addr(PEER)), Err(UdpConnectError::ManyPeers));
    let opened = host.table.open(addr("10.0.0.1:8"), addr(PEER), options, &host.here, &mut first_free);
    assert_eq!(opened, Err(UdpBindError::Connect(UdpConnectError::ManyPeers)));
}

#[test]
fn an_opened_socket_sends_to_its_peer() {
    let mut host = tester();
    let id = host.open("10.0.0.1:7", PEER).unwrap();
    let now = host.now;
    host.udp(id).send(now, b"x", &UdpSend::default()).unwrap();
    let packet = host.packet().unwrap();
    assert_eq!(super::super::tests::parse(&packet), (addr("10.0.0.1:7"), addr(PEER), b"x".to_vec()));
}

/// RFC 4007: a link-local address means something on its link only.
#[test]
fn link_local_peers_of_two_links_are_two() {
    let mut host = tester();
    host.here.addresses.push("fe80::1".parse().unwrap());
    let first = host.open("[fe80::1%1]:7", "[fe80::9%1]:9").unwrap();
    let second = host.open("[fe80::1%2]:7", "[fe80::9%2]:9").unwrap();
    assert_ne!(first, second);
    assert_eq!(host.udp(second).remote(), Some(addr("[fe80::9%2]:9")));
}
