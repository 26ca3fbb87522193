use super::*;
use crate::SeqNumber;
use crate::wire::{IpPacket, Ipv4Header, TcpSegment};
use std::vec;
use std::vec::Vec;

const CLIENT: &str = "192.0.2.2:49152";
const SERVER: &str = "192.0.2.1:80";
const CLIENT6: &str = "[2001:db8::2]:49152";
const SERVER6: &str = "[2001:db8::1]:80";

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn start() -> Instant {
    Instant::from_nanos(5_000_000_000)
}

fn stream(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at % 251) as u8).collect()
}

fn client_with(config: &SingleConfig, local: &str, remote: &str, now: Instant) -> Single {
    Single::connect(config, [1; 32], at(local), at(remote), now).unwrap()
}

fn client() -> Single {
    client_with(&SingleConfig::default(), CLIENT, SERVER, start())
}

fn server() -> Single {
    Single::listen(&SingleConfig::default(), [2; 32], at(SERVER)).unwrap()
}

fn poll(single: &mut Single, now: Instant) -> Option<Vec<u8>> {
    let mut out = vec![0; usize::from(single.config.mtu)];
    let len = single.poll_transmit(now, &mut out)?;
    out.truncate(len);
    Some(out)
}

fn header(packet: &[u8]) -> TcpSegment<'_> {
    let ip = IpPacket::parse(packet, packet.len()).unwrap();
    TcpSegment::parse(ip.payload, ip.payload_len).unwrap()
}

/// Carries packets between both until neither has one.
fn settle(a: &mut Single, b: &mut Single, now: Instant) {
    loop {
        let mut quiet = true;
        while let Some(packet) = poll(a, now) {
            assert!(matches!(b.handle_packet(now, &packet), Handled::Segment(_)));
            quiet = false;
        }
        while let Some(packet) = poll(b, now) {
            assert!(matches!(a.handle_packet(now, &packet), Handled::Segment(_)));
            quiet = false;
        }
        if quiet {
            return;
        }
    }
}

fn connected() -> (Single, Single) {
    let (mut client, mut server) = (client(), server());
    settle(&mut client, &mut server, start());
    assert_eq!((client.state(), server.state()), (State::Established, State::Established));
    (client, server)
}

// RFC 9293 MUST-2, MUST-43, MUST-45
#[test]
fn two_of_them_talk_over_both_versions_of_ip() {
    for (local, remote) in [(CLIENT, SERVER), (CLIENT6, SERVER6)] {
        for by_reference in [false, true] {
            let config = SingleConfig { send_buffer: 256 << 10, ..SingleConfig::default() };
            let mut now = start();
            let mut client = client_with(&config, local, remote, now);
            let mut server = Single::listen(&config, [2; 32], at(remote)).unwrap();
            let data = stream(200_000);
            assert_eq!(client.send(now, &data), Ok(data.len()));
            let mut heard = Vec::new();
            while heard.len() < data.len() {
                let mut quiet = true;
                while let Some(packet) = poll(&mut client, now) {
                    quiet = false;
                    if by_reference {
                        server.handle_packet_bytes(now, &Bytes::from(packet));
                    } else {
                        server.handle_packet(now, &packet);
                    }
                }
                while let Some(packet) = poll(&mut server, now) {
                    quiet = false;
                    client.handle_packet(now, &packet);
                }
                while let Received::Data(octets) = server.recv(now, usize::MAX) {
                    heard.extend_from_slice(&octets);
                }
                if quiet {
                    now = client.poll_timeout().into_iter().chain(server.poll_timeout()).min().unwrap();
                    client.handle_timeout(now);
                    server.handle_timeout(now);
                }
            }
            assert!(heard == data);
            assert_eq!((client.remote(), server.remote()), (Some(at(remote)), Some(at(local))));
        }
    }
}

// RFC 9293 MUST-48, MUST-49, SHLD-21
#[test]
fn the_headers_say_what_was_configured() {
    let mut config = SingleConfig::default();
    (config.mtu, config.hop_limit, config.dscp) = (600, 3, 10);
    let mut client = client_with(&config, CLIENT, SERVER, start());
    let syn = poll(&mut client, start()).unwrap();
    let ip = IpPacket::parse(&syn, syn.len()).unwrap();
    assert_eq!((ip.hop_limit, ip.traffic_class), (3, 10 << 2));
    assert_eq!(header(&syn).options.mss(), Some(560), "MTU less 40");
    client.set_dscp(63).unwrap();
    assert_eq!(client.set_dscp(64), Err(SingleError::Dscp(64)));
    let now = client.poll_timeout().unwrap();
    client.handle_timeout(now);
    let again = poll(&mut client, now).unwrap();
    assert_eq!(IpPacket::parse(&again, again.len()).unwrap().traffic_class, 63 << 2);
    let ids = [&syn, &again].map(|packet| Ipv4Header::parse(packet, packet.len()).unwrap().id);
    assert_eq!(ids[1], ids[0].wrapping_add(1));

    config.mtu = 1280;
    let mut client = client_with(&config, CLIENT6, SERVER6, start());
    let syn = poll(&mut client, start()).unwrap();
    assert_eq!(header(&syn).options.mss(), Some(1220), "MTU less 60");
}

// RFC 9293 MUST-67
#[test]
fn no_packet_is_larger_than_the_mtu_and_a_smaller_buffer_gets_none() {
    for mtu in [128, 576, 1500, 9000, 65_535] {
        let config = SingleConfig { mtu, ..SingleConfig::default() };
        let now = start();
        let mut client = client_with(&config, CLIENT, SERVER, now);
        let mut server = Single::listen(&config, [2; 32], at(SERVER)).unwrap();
        settle(&mut client, &mut server, now);
        client.send(now, &stream(100_000)).unwrap();
        assert_eq!(client.poll_transmit(now, &mut vec![0; usize::from(mtu) - 1]), None);
        let first = poll(&mut client, now).unwrap();
        assert_eq!(first.len(), usize::from(mtu).min(first.len()));
        assert!(mtu > 9000 || first.len() == usize::from(mtu), "a full segment first");
    }
}

// RFC 9293 MUST-46
#[test]
fn the_wrong_ends_are_refused() {
    let config = SingleConfig::default();
    let connect = |local, remote| {
        Single::connect(&config, [0; 32], at(local), at(remote), start()).map(drop).unwrap_err()
    };
    for remote in ["224.0.0.1:80", "255.255.255.255:80", "0.0.0.0:80", "192.0.2.1:0"] {
        assert_eq!(connect(CLIENT, remote), SingleError::Address(at(remote)));
    }
    assert_eq!(connect(CLIENT, CLIENT), SingleError::Itself(at(CLIENT)));
    for remote in ["[ff02::1]:80", "[::]:80", "[::ffff:192.0.2.1]:80"] {
        assert_eq!(connect(CLIENT6, remote), SingleError::Address(at(remote)));
    }
    assert_eq!(connect("0.0.0.0:1", SERVER), SingleError::Address(at("0.0.0.0:1")));
    let (local, remote) = (at(CLIENT), at(SERVER6));
    assert_eq!(connect(CLIENT, SERVER6), SingleError::Versions { local, remote });
    let with = |change: fn(&mut SingleConfig), local| {
        let mut config = config;
        change(&mut config);
        Single::listen(&config, [0; 32], at(local)).map(drop).unwrap_err()
    };
    assert_eq!(with(|config| config.mtu = 127, SERVER), SingleError::Mtu { mtu: 127, min: 128 });
    assert_eq!(with(|config| config.mtu = 1279, SERVER6), SingleError::Mtu { mtu: 1279, min: 1280 });
    assert_eq!(with(|config| config.dscp = 64, SERVER), SingleError::Dscp(64));
}

/// A scope belongs to the host that it is on, and stands in no packet.
#[test]
fn the_scope_of_an_address_does_not_count() {
    let config = SingleConfig::default();
    let scoped = |ip: &str, port, scope| {
        SocketAddr::V6(core::net::SocketAddrV6::new(ip.parse().unwrap(), port, 0, scope))
    };
    let (local, remote) = (scoped("fe80::2", 5000, 7), scoped("fe80::1", 80, 7));
    let mut client = Single::connect(&config, [1; 32], local, remote, start()).unwrap();
    let mut server = Single::listen(&config, [2; 32], scoped("fe80::1", 80, 3)).unwrap();
    settle(&mut client, &mut server, start());
    assert_eq!(server.state(), State::Established);
    assert_eq!(server.remote(), Some(scoped("fe80::2", 5000, 0)));
}

#[test]
fn the_secret_decides_the_initial_number_and_a_fixed_one_goes_before_it() {
    let iss = |secret: u8, fixed| {
        let config = SingleConfig { fixed, ..SingleConfig::default() };
        let mut client = Single::connect(&config, [secret; 32], at(CLIENT), at(SERVER), start()).unwrap();
        header(&poll(&mut client, start()).unwrap()).seq
    };
    assert_eq!(iss(1, None), iss(1, None));
    assert_ne!(iss(1, None), iss(2, None));
    let fixed = Unpredictable { iss: SeqNumber::new(42), timestamp_offset: 0 };
    assert_eq!(iss(1, Some(fixed)), SeqNumber::new(42));
}

#[test]
fn a_packet_from_somebody_else_is_ignored_once_there_is_a_peer() {
    let (_, mut server) = connected();
    let mut stranger = client_with(&SingleConfig::default(), "192.0.2.3:49152", SERVER, start());
    let syn = poll(&mut stranger, start()).unwrap();
    assert_eq!(server.handle_packet(start(), &syn), Handled::Ignored(IgnoreReason::OtherSource));
    assert_eq!(poll(&mut server, start()), None);
    assert!(server.last_notices().is_empty());
}

/// RFC 9293 §3.10.7.2: to the one who asked, and the listener waits on for another.
#[test]
fn an_acknowledgment_at_a_listener_is_answered_by_a_reset_to_its_sender() {
    let (mut stranger, _) = connected();
    let (mut server, now) = (server(), start());
    stranger.send(now, b"who are you").unwrap();
    let packet = poll(&mut stranger, now).unwrap();
    assert!(matches!(server.handle_packet(now, &packet), Handled::Segment(_)));
    // Before the answer is polled somebody else calls.
    let mut other = client_with(&SingleConfig::default(), "192.0.2.3:49152", SERVER, now);
    let syn = poll(&mut other, now).unwrap();
    server.handle_packet(now, &syn);
    let reset = poll(&mut server, now).unwrap();
    assert_eq!(header(&reset).flags, TcpFlags::RST);
    assert_eq!(header(&reset).seq, header(&packet).ack);
    stranger.handle_packet(now, &reset);
    assert_eq!(stranger.close_reason(), Some(CloseReason::Reset));
    settle(&mut other, &mut server, now);
    assert_eq!((server.state(), server.remote()), (State::Established, Some(other.local())));
}

/// RFC 9293 §3.10.7.4: a reset in SYN-RECEIVED of a passive open.
#[test]
fn a_listener_whose_caller_hangs_up_takes_another() {
    let (mut server, now) = (server(), start());
    let mut first = client();
    let syn = poll(&mut first, now).unwrap();
    server.handle_packet(now, &syn);
    assert_eq!((server.state(), server.remote()), (State::SynReceived, Some(at(CLIENT))));
    let answer = poll(&mut server, now).unwrap();
    // The caller knows of no connection any more: a closed socket resets.
    let mut closed = client();
    closed.abort(now).unwrap();
    closed.handle_packet(now, &answer);
    let reset = poll(&mut closed, now).unwrap();
    server.handle_packet(now, &reset);
    assert_eq!((server.state(), server.remote()), (State::Listen, None));
    assert_eq!(poll(&mut server, now), None);
    let mut second = client_with(&SingleConfig::default(), "192.0.2.3:49152", SERVER, now);
    settle(&mut second, &mut server, now);
    assert_eq!(server.remote(), Some(second.local()));
}

#[test]
fn a_listener_whose_caller_never_answers_takes_another() {
    let (mut server, mut now) = (server(), start());
    let syn = poll(&mut client(), now).unwrap();
    server.handle_packet(now, &syn);
    while poll(&mut server, now).is_some() {}
    while let Some(next) = server.poll_timeout() {
        now = now.max(next);
        server.handle_timeout(now);
        if server.state() == State::SynReceived {
            while poll(&mut server, now).is_some() {}
        }
    }
    assert_eq!((server.state(), server.remote()), (State::Listen, None));
    assert!(now - start() >= core::time::Duration::from_secs(180));
    // A reset for the one who never answered may be left, and then goes to him.
    if let Some(packet) = poll(&mut server, now) {
        assert_eq!(IpPacket::parse(&packet, packet.len()).unwrap().dst, at(CLIENT).ip());
    }
    let mut second = client_with(&SingleConfig::default(), "192.0.2.3:49152", SERVER, now);
    settle(&mut second, &mut server, now);
    assert_eq!(server.state(), State::Established);
}

/// RFC 9293 §3.10.7.1.
// RFC 9293 X-1
#[test]
fn a_closed_socket_answers_its_peer_with_one_reset() {
    let (mut client, mut server) = connected();
    let now = start();
    server.abort(now).unwrap();
    while poll(&mut server, now).is_some() {}
    client.send(now, &stream(5000)).unwrap();
    while let Some(packet) = poll(&mut client, now) {
        server.handle_packet(now, &packet);
    }
    let reset = poll(&mut server, now).unwrap();
    assert_eq!(header(&reset).flags, TcpFlags::RST);
    assert_eq!(poll(&mut server, now), None, "one is remembered");
    client.handle_packet(now, &reset);
    assert_eq!(client.close_reason(), Some(CloseReason::Reset));
    server.handle_packet(now, &reset);
    assert_eq!(poll(&mut server, now), None, "a reset is never answered");
}

/// RFC 9293 §3.6.1, MAY-2.
#[test]
fn in_time_wait_a_listener_takes_a_newer_syn_of_its_peer() {
    let (mut client, mut server) = connected();
    let mut now = start();
    server.close(now).unwrap();
    settle(&mut client, &mut server, now);
    client.close(now).unwrap();
    settle(&mut client, &mut server, now);
    assert_eq!(server.state(), State::TimeWait);
    let old = server.connection().tcb().snd_max();

    now = now + core::time::Duration::from_secs(1);
    let mut again = client_with(&SingleConfig::default(), CLIENT, SERVER, now);
    let syn = poll(&mut again, now).unwrap();
    server.handle_packet(now, &syn);
    assert_eq!(server.state(), State::SynReceived);
    assert!(server.connection().tcb().iss().after(old), "numbers go on from the old connection's");
    settle(&mut again, &mut server, now);
    assert_eq!((again.state(), server.state()), (State::Established, State::Established));
    again.send(now, b"new").unwrap();
    settle(&mut again, &mut server, now);
    assert_eq!(server.recv(now, 10), Received::Data("new".into()));
}

/// RFC 6528 §2: the clock is not far enough yet.
#[test]
fn in_time_wait_a_new_connection_soon_after_begins_a_window_behind_the_old() {
    let (mut client, mut server) = connected();
    let mut now = start();
    server.close(now).unwrap();
    settle(&mut client, &mut server, now);
    client.close(now).unwrap();
    settle(&mut client, &mut server, now);
    let old = server.connection().tcb().snd_max();
    now = now + core::time::Duration::from_millis(100);
    let mut again = client_with(&SingleConfig::default(), CLIENT, SERVER, now);
    let syn = poll(&mut again, now).unwrap();
    server.handle_packet(now, &syn);
    assert_eq!(server.state(), State::SynReceived);
    assert_eq!(server.connection().tcb().iss(), old + 0x1_0000);
}

#[test]
fn in_time_wait_with_unread_octets_nobody_is_taken() {
    let (mut client, mut server) = connected();
    let mut now = start();
    client.send(now, b"unread").unwrap();
    server.shutdown(now).unwrap();
    settle(&mut client, &mut server, now);
    client.close(now).unwrap();
    settle(&mut client, &mut server, now);
    assert_eq!(server.state(), State::TimeWait);
    now = now + core::time::Duration::from_secs(1);
    let mut again = client_with(&SingleConfig::default(), CLIENT, SERVER, now);
    let syn = poll(&mut again, now).unwrap();
    server.handle_packet(now, &syn);
    assert_eq!(server.state(), State::TimeWait);
    assert_eq!(server.recv(now, 10), Received::Data("unread".into()));
}

#[test]
fn a_listener_has_nobody_to_send_to_and_can_be_opened() {
    let (mut server, now) = (server(), start());
    assert_eq!(server.send(now, b"anybody?"), Err(SendError::NoPeer));
    assert_eq!(server.send_bytes(now, "anybody?".into()), Err(SendError::NoPeer));
    assert_eq!(server.state(), State::Listen);
    assert!(matches!(server.open(now, at(SERVER6)), Err(OpenError::Address(_))));
    server.open(now, at("192.0.2.9:7")).unwrap();
    assert_eq!(server.send(now, b"hello"), Ok(5));
    let syn = poll(&mut server, now).unwrap();
    assert_eq!(IpPacket::parse(&syn, syn.len()).unwrap().dst, at("192.0.2.9:7").ip());
    let again = server.open(now, at("192.0.2.10:7"));
    assert_eq!(again, Err(OpenError::State(CommandError::AlreadyOpen(State::SynSent))));
    assert_eq!(server.remote(), Some(at("192.0.2.9:7")));
}

#[test]
fn two_that_call_each_other_at_once_connect() {
    let now = start();
    let mut here = client();
    let mut there = client_with(&SingleConfig::default(), SERVER, CLIENT, now);
    let syns = [poll(&mut here, now).unwrap(), poll(&mut there, now).unwrap()];
    there.handle_packet(now, &syns[0]);
    here.handle_packet(now, &syns[1]);
    assert_eq!((here.state(), there.state()), (State::SynReceived, State::SynReceived));
    settle(&mut here, &mut there, now);
    assert_eq!((here.state(), there.state()), (State::Established, State::Established));
}

#[test]
fn the_last_call_tells_what_it_changed() {
    let (mut client, mut server) = (client(), server());
    let now = start();
    let syn = poll(&mut client, now).unwrap();
    server.handle_packet(now, &syn);
    let to: Vec<State> = server.last_notices().transitions.iter().map(|(_, to)| to).collect();
    assert_eq!(to, [State::SynReceived]);
    settle(&mut client, &mut server, now);
    client.close(now).unwrap();
    assert!(client.last_notices().transitions.is_empty(), "the state says what the network was told");
    poll(&mut client, now).unwrap();
    let to: Vec<State> = client.last_notices().transitions.iter().map(|(_, to)| to).collect();
    assert_eq!(to, [State::FinWait1]);
    assert_eq!(poll(&mut client, now), None);
    assert!(client.last_notices().is_empty());
}

#[test]
fn a_network_error_about_a_segment_in_flight_is_told() {
    let mut client = client();
    let syn = poll(&mut client, start()).unwrap();
    let mut error = NetworkError { hard: false, code: 1, seq: header(&syn).seq };
    assert_eq!(client.network_error(start(), error).unwrap().soft_error, Some(1));
    error.hard = true;
    assert_eq!(client.network_error(start(), error).unwrap().closed, Some(CloseReason::Unreachable(1)));
}

#[test]
fn a_listener_whose_caller_cannot_be_reached_takes_another() {
    let (mut server, now) = (server(), start());
    let syn = poll(&mut client(), now).unwrap();
    server.handle_packet(now, &syn);
    let seq = header(&poll(&mut server, now).unwrap()).seq;
    server.network_error(now, NetworkError { hard: true, code: 3, seq }).unwrap();
    assert_eq!((server.state(), server.remote()), (State::Listen, None));
    let mut second = client_with(&SingleConfig::default(), "192.0.2.3:49152", SERVER, now);
    settle(&mut second, &mut server, now);
    assert_eq!(server.state(), State::Established);
}

#[test]
fn octets_out_of_a_packet_by_reference_are_not_copied() {
    let (mut client, mut server) = connected();
    let now = start();
    client.send(now, &stream(1200)).unwrap();
    let packet = Bytes::from(poll(&mut client, now).unwrap());
    server.handle_packet_bytes(now, &packet);
    let Received::Data(read) = server.recv(now, usize::MAX) else { panic!("nothing to read") };
    assert_eq!((read.as_ptr(), read.len()), (packet[packet.len() - 1200..].as_ptr(), 1200));
}
