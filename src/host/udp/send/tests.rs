use super::super::tests::{Tester, addr, parse, tester};
use super::super::{UdpConfig, UdpId, UdpOptions, UdpQueue};
use super::*;

const PEER: &str = "10.0.0.9:1000";

fn send_with(host: &mut Tester, id: UdpId, to: &str, how: &UdpSend) -> Result<(), UdpSendError> {
    let now = host.now;
    host.udp(id).send_to(now, b"x", addr(to), how)
}

fn sent_from(host: &mut Tester) -> SocketAddr {
    parse(&host.packet().unwrap()).0
}

#[test]
fn a_socket_with_an_address_sends_from_it() {
    let mut host = tester();
    let id = host.bind("10.0.0.2:7");
    host.send(id, b"x", PEER).unwrap();
    assert_eq!(sent_from(&mut host), addr("10.0.0.2:7"));
    let no_address = Err(UdpSendError::NoAddress(addr("[fd00::9]:1")));
    assert_eq!(host.send(id, b"x", "[fd00::9]:1"), no_address);
}

#[test]
fn a_socket_with_any_address_sends_from_the_host_s_or_the_one_that_is_asked_for() {
    let mut host = tester();
    let id = host.bind("0.0.0.0:7");
    host.send(id, b"x", PEER).unwrap();
    assert_eq!(sent_from(&mut host), addr("10.0.0.1:7"));
    for from in ["10.0.0.2:7", "10.0.0.2:0"] {
        let how = UdpSend { from: Some(addr(from)), ..UdpSend::default() };
        send_with(&mut host, id, PEER, &how).unwrap();
        assert_eq!(sent_from(&mut host), addr("10.0.0.2:7"));
    }
    for from in ["10.0.0.3:7", "10.0.0.2:8", "[fd00::1]:7", "0.0.0.0:7", "224.0.0.1:7"] {
        let how = UdpSend { from: Some(addr(from)), ..UdpSend::default() };
        assert_eq!(
            send_with(&mut host, id, PEER, &how),
            Err(UdpSendError::Source(Some(addr(from)))),
            "{from}"
        );
    }
    host.here.addresses.clear();
    assert_eq!(host.send(id, b"x", PEER), Err(UdpSendError::NoAddress(addr(PEER))));
}

/// RFC 1112 §6.1, RFC 1122 §3.2.1.3: a group is nobody's address.
#[test]
fn a_socket_of_a_group_sends_from_the_host_s_address() {
    let mut host = tester();
    let id = host.bind("224.0.0.251:5353");
    host.send(id, b"x", "224.0.0.251:5353").unwrap();
    assert_eq!(sent_from(&mut host), addr("10.0.0.1:5353"));
    let how = UdpSend { from: Some(addr("224.0.0.251:5353")), ..UdpSend::default() };
    assert_eq!(send_with(&mut host, id, PEER, &how), Err(UdpSendError::Source(how.from)));
    let connected = host.udp(id).connect(addr(PEER));
    assert_eq!(connected, Err(super::super::UdpConnectError::NoAddress(addr(PEER))));
}

#[test]
fn a_socket_for_everything_says_for_whom_it_sends() {
    let mut host = tester();
    let id = host.try_bind(UdpBind::Everything, UdpOptions::default()).unwrap();
    assert_eq!(host.send(id, b"x", PEER), Err(UdpSendError::Source(None)));
    let how = UdpSend { from: Some(addr("192.0.2.1:53")), ..UdpSend::default() };
    send_with(&mut host, id, PEER, &how).unwrap();
    assert_eq!(sent_from(&mut host), addr("192.0.2.1:53"));
    for from in ["192.0.2.1:0", "0.0.0.0:53", "224.0.0.1:53"] {
        let how = UdpSend { from: Some(addr(from)), ..UdpSend::default() };
        assert_eq!(send_with(&mut host, id, PEER, &how), Err(UdpSendError::Source(Some(addr(from)))));
    }
}

#[test]
fn what_cannot_be_sent_is_refused_by_name() {
    let mut host = tester();
    let id = host.bind("0.0.0.0:7");
    for to in ["0.0.0.0:7", "10.0.0.9:0", "[::]:7", "[::ffff:10.0.0.9]:7", "255.255.255.255:7"] {
        let error = host.send(id, b"", to).unwrap_err();
        let version = to.starts_with('[');
        let expected =
            if version { UdpSendError::NoAddress(addr(to)) } else { UdpSendError::Destination(addr(to)) };
        assert_eq!(error, expected, "{to}");
    }
    let now = host.now;
    assert_eq!(host.udp(id).send(now, b"", &UdpSend::default()), Err(UdpSendError::NotConnected));
    let how = UdpSend { dscp: Some(64), ..UdpSend::default() };
    assert_eq!(send_with(&mut host, id, PEER, &how), Err(UdpSendError::Dscp(64)));
    let how = UdpSend { hop_limit: Some(0), ..UdpSend::default() };
    assert_eq!(send_with(&mut host, id, PEER, &how), Err(UdpSendError::HopLimit));
    assert_eq!(host.table.sending.held(), 0);
}

#[test]
fn broadcasts_have_to_be_meant() {
    let mut host = tester();
    let options = UdpOptions { broadcast: true, ..UdpOptions::default() };
    let id = host.bind_with("0.0.0.0:68", options);
    assert_eq!(host.send(id, b"", "255.255.255.255:67"), Ok(()));
}

/// 65,535 octets less the headers: 65,507 over IPv4, 65,527 over IPv6 (whose length does not count its own header).
#[test]
fn a_datagram_has_so_many_octets_and_no_more() {
    assert_eq!((longest(true), longest(false)), (65_507, 65_527));
}

#[test]
fn what_no_queue_ever_takes_is_too_large_and_not_to_be_waited_for() {
    let mut host = tester();
    let options = UdpOptions { send: UdpQueue { datagrams: 4, octets: 1000 }, ..UdpOptions::default() };
    let id = host.bind_with("10.0.0.1:7", options);
    let Err(UdpSendError::TooLarge { len: 1400, max }) = host.send(id, &[0; 1400], PEER) else {
        panic!("it never fits");
    };
    assert_eq!(host.send(id, &[0; 1400][..max], PEER), Ok(()));

    let config = UdpConfig { send_memory: 1000, ..UdpConfig::default() };
    let mut host = Tester::with(config);
    let id = host.bind("10.0.0.1:7");
    assert!(matches!(host.send(id, &[0; 1400], PEER), Err(UdpSendError::TooLarge { .. })));
}

#[test]
fn the_limits_of_a_queue_hold() {
    let mut host = tester();
    let mut options =
        UdpOptions { send: UdpQueue { datagrams: 1000, octets: 10_000 }, ..UdpOptions::default() };
    let id = host.bind_with("10.0.0.1:7", options);
    while host.send(id, &[0; 100], PEER).is_ok() {}
    let held = host.table.sending.held();
    assert!((9_000..=10_000).contains(&held), "{held}");
    options.send = UdpQueue { datagrams: 3, octets: 10_000 };
    let id = host.bind_with("10.0.0.1:8", options);
    let taken = (0..9).filter(|_| host.send(id, b"", PEER).is_ok()).count();
    assert_eq!(taken, 3);
}

#[test]
fn options_of_one_datagram_win_over_those_of_the_socket() {
    let mut host = tester();
    let mut options = UdpOptions::default();
    (options.hop_limit, options.dscp, options.dont_fragment) = (9, 8, true);
    let id = host.bind_with("10.0.0.1:7", options);
    host.send(id, b"", PEER).unwrap();
    let mut how = UdpSend::default();
    (how.hop_limit, how.dscp, how.dont_fragment) = (Some(255), Some(46), Some(false));
    how.ecn = crate::EcnCodepoint::Ect0;
    send_with(&mut host, id, PEER, &how).unwrap();
    let packet = host.packet().unwrap();
    let header = crate::wire::Ipv4Header::parse(&packet, packet.len()).unwrap();
    assert_eq!((header.ttl, header.dscp, header.ecn, header.dont_fragment), (9, 8, 0, true));
    let packet = host.packet().unwrap();
    let header = crate::wire::Ipv4Header::parse(&packet, packet.len()).unwrap();
    assert_eq!((header.ttl, header.dscp, header.ecn, header.dont_fragment), (255, 46, 2, false));
}

/// Who has a peer has one address and one port: he may name them, and leave the port out.
#[test]
fn a_connected_socket_sends_from_its_own_address_and_port_alone() {
    let mut host = tester();
    let id = host.bind("10.0.0.2:7");
    host.udp(id).connect(addr(PEER)).unwrap();
    for from in ["10.0.0.2:7", "10.0.0.2:0"] {
        let how = UdpSend { from: Some(addr(from)), ..UdpSend::default() };
        assert_eq!(send_with(&mut host, id, PEER, &how), Ok(()), "{from}");
        assert_eq!(sent_from(&mut host), addr("10.0.0.2:7"));
    }
    for from in ["10.0.0.2:8", "10.0.0.1:7", "10.0.0.1:0"] {
        let how = UdpSend { from: Some(addr(from)), ..UdpSend::default() };
        assert_eq!(send_with(&mut host, id, PEER, &how), Err(UdpSendError::Source(how.from)), "{from}");
    }
}
