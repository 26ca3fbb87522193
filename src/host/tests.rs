use alloc::vec::Vec;

use super::*;
use crate::Instant;
use crate::connection::Received;

pub(super) const A: &str = "10.0.0.1";
pub(super) const B: &str = "10.0.0.2";

pub(super) fn host(address: &str) -> Host {
    let mut config = HostConfig::default();
    config.addresses.push(LocalAddress::new(address.parse().unwrap(), 24));
    Host::new(config, [address.len() as u8; 32]).unwrap()
}

/// Carries everything both have to say, at one moment; and says how many packets that took.
pub(super) fn carry(now: Instant, a: &mut Host, b: &mut Host) -> usize {
    let (mut packets, mut out) = (0, [0; 65_535]);
    loop {
        let before = packets;
        while let Some(transmit) = a.poll_transmit(now, &mut out) {
            b.handle_packet(now, &out[..transmit.len]);
            packets += 1;
        }
        while let Some(transmit) = b.poll_transmit(now, &mut out) {
            a.handle_packet(now, &out[..transmit.len]);
            packets += 1;
        }
        if packets == before {
            return packets;
        }
    }
}

#[test]
fn octets_go_both_ways_between_two_hosts() {
    let now = Instant::from_nanos(1_000_000_000);
    let (mut a, mut b) = (host(A), host(B));
    let listener = b.listen(ListenAddress::Port(80), ListenConfig::default()).unwrap();
    let client = a.connect(now, "10.0.0.2:80".parse().unwrap()).unwrap();
    carry(now, &mut a, &mut b);
    assert_eq!(b.poll_event(), Some(Event::Incoming { listener }));
    let server = b.accept(listener).unwrap();
    assert_eq!(b.accept(listener), None);
    let ready = Readiness::CONNECTED;
    assert_eq!(a.poll_event(), Some(Event::Connection { id: client, tag: 0, ready }));
    assert_eq!(a.connection(client).unwrap().send(now, b"hello"), Ok(5));
    carry(now, &mut a, &mut b);
    let Some(Event::Connection { id, ready, .. }) = b.poll_event() else { panic!("no event") };
    assert_eq!((id, ready), (server, Readiness::CONNECTED | Readiness::READABLE));
    assert_eq!(b.connection(server).unwrap().recv(now, 100), Received::Data("hello".into()));
    assert_eq!(b.connection(server).unwrap().recv(now, 100), Received::Empty);
    let events: Vec<_> = core::iter::from_fn(|| b.poll_event()).collect();
    assert_eq!(events, []);
}
