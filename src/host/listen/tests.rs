use alloc::vec::Vec;
use core::time::Duration;

use super::super::tests::{A, B, carry, host};
use super::*;
use crate::State;
use crate::host::SynCookies;
use crate::tcp::CloseReason;

const NOW: Instant = Instant::from_nanos(1_000_000_000);

fn checksum(octets: &[u8]) -> u16 {
    let mut sum = crate::wire::Checksum::new();
    sum.add_bytes(octets);
    sum.finish()
}

fn events(host: &mut Host) -> Vec<Event> {
    core::iter::from_fn(|| host.poll_event()).collect()
}

#[test]
fn a_proxy_knows_which_connection_comes_of_which_request() {
    let (mut a, mut b) = (host(A), host(B));
    let listener =
        b.listen(ListenOn::ANYTHING, &ListenConfig { decide: true, ..ListenConfig::default() }).unwrap();
    let clients = [80, 81, 82].map(|port| a.connect(NOW, (b.config().addresses[0].ip, port).into()).unwrap());
    carry(NOW, &mut a, &mut b);
    let asked: Vec<_> = events(&mut b)
        .into_iter()
        .map(|event| match event {
            Event::Decide { listener: who, request } if who == listener => request,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!((asked.len(), b.rows().count()), (3, 3));
    let ports: Vec<_> = asked.iter().map(|&id| b.request(id).unwrap().local_port()).collect();
    assert_eq!(ports, [80, 81, 82]);
    b.decide(asked[0], Decision::Accept).unwrap();
    b.decide(asked[1], Decision::Refuse).unwrap();
    b.decide(asked[2], Decision::Later).unwrap();
    carry(NOW, &mut a, &mut b);
    let state = |a: &mut Host, id| a.connection(id).map(|connection| connection.state());
    assert_eq!(
        clients.map(|id| state(&mut a, id).unwrap()),
        [State::Established, State::Closed, State::SynSent]
    );
    assert_eq!(a.connection(clients[1]).unwrap().close_reason(), Some(CloseReason::Refused));
    let server = b.accept(listener).unwrap();
    assert_eq!(b.connection(server).unwrap().tag(), asked[0].to_bits());
    assert_eq!(b.accept(listener), None);
}

/// RFC 4987 §3.6: what cookies make are connections like others.
#[test]
fn a_host_that_remembers_nothing_is_reached_by_cookies() {
    let (mut a, mut b) = (host(A), host(B));
    let config = ListenConfig { half_open: 0, cookies: SynCookies::UnderPressure, ..ListenConfig::default() };
    let listener = b.listen(ListenOn::port(80), &config).unwrap();
    let client = a.connect(NOW, "10.0.0.2:80".parse().unwrap()).unwrap();
    assert_eq!(a.connection(client).unwrap().send(NOW, b"hello"), Ok(5));
    carry(NOW, &mut a, &mut b);
    let server = b.accept(listener).unwrap();
    let mut connection = b.connection(server).unwrap();
    assert_eq!(connection.recv(NOW, 9), crate::connection::Received::Data("hello".into()));
    assert_eq!(connection.send(NOW, b"back"), Ok(4));
    carry(NOW, &mut a, &mut b);
    assert_eq!(a.connection(client).unwrap().recv(NOW, 9), crate::connection::Received::Data("back".into()));
    assert_eq!((b.passive_stats().cookies_sent, b.passive_stats().cookies_accepted), (1, 1));
}

/// RFC 5461 §4.1: a hard error about the SYN,ACK ends the call.
#[test]
fn a_caller_that_cannot_be_reached_is_forgotten() {
    let (mut a, mut b) = (host(A), host(B));
    b.listen(ListenOn::port(80), &ListenConfig::default()).unwrap();
    a.connect(NOW, "10.0.0.2:80".parse().unwrap()).unwrap();
    let mut out = [0; 1500];
    let syn = a.poll_transmit(NOW, &mut out).unwrap().len;
    b.handle_packet(NOW, &out[..syn]);
    let syn_ack = b.poll_transmit(NOW, &mut out).unwrap().len;
    assert_eq!(b.rows().count(), 1);
    // Destination unreachable, port unreachable, with the header and eight octets of what it is about.
    let mut quoted = [0; 36];
    quoted[0] = 3;
    quoted[1] = 3;
    quoted[8..].copy_from_slice(&out[..28]);
    let sum = checksum(&quoted);
    quoted[2..4].copy_from_slice(&sum.to_be_bytes());
    let mut packet = [0; 56];
    packet[..20].copy_from_slice(&out[..20]);
    packet[2..4].copy_from_slice(&56u16.to_be_bytes());
    packet[9] = 1;
    packet[10..12].fill(0);
    packet[12..16].copy_from_slice(&[10, 0, 0, 1]);
    packet[16..20].copy_from_slice(&[10, 0, 0, 2]);
    let sum = checksum(&packet[..20]);
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
    packet[20..].copy_from_slice(&quoted);
    b.handle_packet(NOW, &packet[..]);
    assert!(syn_ack > 40 && b.rows().count() == 0);
}

/// RFC 9293 §3.6.1: what is left of a connection is a row that can be seen, for twice the MSL.
#[test]
fn time_wait_is_a_row() {
    let (mut a, mut b) = (host(A), host(B));
    let listener = b.listen(ListenOn::port(80), &ListenConfig::default()).unwrap();
    let client = a.connect(NOW, "10.0.0.2:80".parse().unwrap()).unwrap();
    carry(NOW, &mut a, &mut b);
    let server = b.accept(listener).unwrap();
    a.connection(client).unwrap().close(NOW).unwrap();
    carry(NOW, &mut a, &mut b);
    b.connection(server).unwrap().close(NOW).unwrap();
    carry(NOW, &mut a, &mut b);
    let rows: Vec<_> = a.rows().map(|row| (row.state, row.deadline)).collect();
    assert_eq!(rows, [(State::TimeWait, Some(NOW + Duration::from_secs(240)))]);
}
