use super::*;
use crate::host::tests::{A, B, carry, host};
use crate::host::{Event, ListenConfig, ListenOn};
use crate::tcp::CongestionAlgorithm;

const NOW: Instant = Instant::from_nanos(1_000_000_000);

/// A connection from one host to another, by the id of each.
fn connected(a: &mut Host, b: &mut Host) -> (ConnId, ConnId) {
    let listener = b.listen(ListenOn::port(80), &ListenConfig::default()).unwrap();
    let client = a.connect(NOW, "10.0.0.2:80".parse().unwrap()).unwrap();
    carry(NOW, a, b);
    (client, b.accept(listener).unwrap())
}

#[test]
fn what_is_peeked_at_stays_to_be_read() {
    let (mut a, mut b) = (host(A), host(B));
    let (client, server) = connected(&mut a, &mut b);
    for part in [&b"hello "[..], b"world"] {
        a.connection(client).unwrap().send(NOW, part).unwrap();
        carry(NOW, &mut a, &mut b);
        carry(NOW + Duration::from_secs(1), &mut a, &mut b);
    }
    a.connection(client).unwrap().shutdown(NOW).unwrap();
    carry(NOW, &mut a, &mut b);
    let mut connection = b.connection(server).unwrap();
    let mut out = [0; 8];
    assert_eq!((connection.peek(0, &mut out), &out), (8, b"hello wo"));
    assert_eq!((connection.peek(6, &mut out), &out[..5]), (5, &b"world"[..]));
    assert_eq!(connection.peek(11, &mut out), 0);
    let mut all = [0; 20];
    assert_eq!(connection.recv_slice(NOW, &mut all), Received::Data(11));
    assert_eq!((&all[..11], connection.peek(0, &mut out)), (&b"hello world"[..], 0));
}

#[test]
fn what_more_holds_back_goes_when_it_is_flushed() {
    let (mut a, mut b) = (host(A), host(B));
    let (client, server) = connected(&mut a, &mut b);
    let more = SendFlags { more: true, ..SendFlags::default() };
    a.connection(client).unwrap().send_with(NOW, b"part", more).unwrap();
    assert_eq!(carry(NOW, &mut a, &mut b), 0);
    a.connection(client).unwrap().flush(NOW).unwrap();
    carry(NOW, &mut a, &mut b);
    assert_eq!(b.connection(server).unwrap().unread(), 4);
}

#[test]
fn choices_change_for_one_connection_while_it_goes_on() {
    let (mut a, mut b) = (host(A), host(B));
    let (client, _) = connected(&mut a, &mut b);
    let before = a.machine(client).unwrap().cwnd();
    let mut connection = a.connection(client).unwrap();
    connection
        .configure(NOW, |tcp| {
            tcp.congestion = CongestionAlgorithm::NewReno;
            tcp.user_timeout = Some(Duration::from_secs(9));
            (tcp.mss, tcp.timestamps) = (100, false);
            (tcp.receive_window, tcp.receive_window_max) = (200_000, 0);
        })
        .unwrap();
    let info = connection.info(NOW).unwrap();
    // The window goes on with another algorithm, and the buffer is as large as was asked for.
    assert_eq!((info.algorithm, info.cwnd), (CongestionAlgorithm::NewReno, before));
    assert_eq!(info.receive_buffer, 200_000);
    // What the handshake has settled stays.
    let config = *a.machine(client).unwrap().config();
    assert_eq!((config.mss, config.timestamps, info.timestamps), (1460, true, true));
    assert_eq!(config.user_timeout, Some(Duration::from_secs(9)));
    assert_eq!(a.config().connection.tcp.user_timeout, None);
    a.connection(client).unwrap().abort(NOW).unwrap();
    assert_eq!(a.connection(client).unwrap().configure(NOW, |_| {}), Err(CommandError::Closed));
}

#[test]
fn a_send_buffer_that_is_made_smaller_keeps_what_it_has() {
    let (mut a, mut b) = (host(A), host(B));
    let (client, server) = connected(&mut a, &mut b);
    let mut connection = a.connection(client).unwrap();
    assert!(connection.is_writable());
    assert_eq!(connection.send(NOW, &[1; 40_000]), Ok(40_000));
    connection.set_send_buffer(8 << 10, 0);
    assert!(!connection.is_writable());
    carry(NOW, &mut a, &mut b);
    let mut read = 0;
    while let Received::Data(octets) = b.connection(server).unwrap().recv(NOW, usize::MAX) {
        read += octets.len();
        carry(NOW + Duration::from_secs(1), &mut a, &mut b);
    }
    assert_eq!(read, 40_000);
    assert!(a.connection(client).unwrap().is_writable());
}

#[test]
fn segments_that_are_outstanding_are_counted_with_what_is_thought_of_them() {
    let (mut a, mut b) = (host(A), host(B));
    let (client, _) = connected(&mut a, &mut b);
    a.connection(client).unwrap().send(NOW, &[1; 4 * 1448]).unwrap();
    let mut out = [0; 2000];
    let mut sent = 0;
    while let Some(transmit) = a.poll_transmit(NOW, &mut out) {
        sent += 1;
        // The first is lost.
        if sent > 1 {
            b.handle_packet(NOW, &out[..transmit.len]);
        }
    }
    let told = a.machine(client).unwrap().outstanding();
    assert_eq!((told.segments, told.sacked, told.lost, told.repeated), (sent, 0, 0, 0));
    let later = NOW + Duration::from_millis(20);
    b.handle_timeout(later);
    carry(later, &mut b, &mut a);
    let told = a.machine(client).unwrap().outstanding();
    assert!(told.segments == 0 || told.sacked == sent - 1, "{told:?}");
}

/// RFC 9293 SHLD-21, MUST-48, MUST-49: the user may set both while the connection goes on.
#[test]
fn of_a_code_point_six_bits_count_and_a_hop_limit_is_at_least_1() {
    let (mut a, mut b) = (host(A), host(B));
    let (client, _) = connected(&mut a, &mut b);
    let mut out = [0; 1_500];
    for (dscp, hop_limit, sent) in [(46, 9, (46, 9)), (64 + 5, 0, (5, 1)), (255, 255, (63, 255))] {
        let mut connection = a.connection(client).unwrap();
        connection.set_dscp(dscp);
        connection.set_hop_limit(hop_limit);
        connection.set_nagle(NOW, false).unwrap();
        connection.send(NOW, b"octets").unwrap();
        let len = a.poll_transmit(NOW, &mut out).unwrap().len;
        assert_eq!((out[1] >> 2, out[8]), sent, "{dscp} and {hop_limit}");
        b.handle_packet(NOW, &out[..len]);
        carry(NOW, &mut a, &mut b);
        carry(NOW + Duration::from_secs(1), &mut a, &mut b);
    }
}

#[test]
fn events_carry_the_tag_that_was_set_last() {
    let (mut a, mut b) = (host(A), host(B));
    let (client, _) = connected(&mut a, &mut b);
    while a.poll_event().is_some() {}
    a.connection(client).unwrap().set_tag(77);
    assert_eq!(a.connection(client).unwrap().tag(), 77);
    a.connection(client).unwrap().abort(NOW).unwrap();
    let Some(Event::Connection { id, tag, .. }) = a.poll_event() else { panic!("no event") };
    assert_eq!((id, tag), (client, 77));
}
