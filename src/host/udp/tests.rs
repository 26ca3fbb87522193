use alloc::string::ToString as _;
use alloc::vec;
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use super::bind::ChoosePort;
use super::ingress::{Arriving, Udp};
use super::*;
use crate::Instant;
use crate::connection::Payload;
use crate::host::Checksums;
use crate::host::identification::Identifications;
use crate::wire::{IpPacket, IpProtocol, UdpRepr};

mod model;

/// A host's addresses and a path that takes packets of one size.
#[derive(Clone, Debug)]
pub(super) struct Here {
    pub(super) addresses: Vec<IpAddr>,
    pub(super) mtu: usize,
}

impl Surroundings for Here {
    fn source_for(&self, remote: IpAddr) -> Option<IpAddr> {
        self.addresses.iter().copied().find(|ip| ip.is_ipv4() == remote.is_ipv4())
    }

    fn is_ours(&self, ip: IpAddr) -> bool {
        self.can_send_from(ip) || ip.is_multicast()
    }

    fn can_send_from(&self, ip: IpAddr) -> bool {
        self.addresses.contains(&ip)
    }

    fn path_mtu(&self, _: IpAddr) -> usize {
        self.mtu
    }
}

pub(super) fn here() -> Here {
    let addresses = ["10.0.0.1", "10.0.0.2", "fd00::1"].map(|ip| ip.parse().unwrap());
    Here { addresses: addresses.into(), mtu: 1500 }
}

pub(super) fn addr(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

pub(super) fn at_secs(secs: u64) -> Instant {
    Instant::ZERO + Duration::from_secs(secs)
}

/// The first free port from 50,000 on.
pub(super) fn first_free(_: IpAddr, _: SocketAddr, free: &dyn Fn(u16) -> bool) -> Option<u16> {
    (50_000..=50_010).find(|&port| free(port))
}

/// A table and what is around it.
#[derive(Clone, Debug)]
pub(super) struct Tester {
    pub(super) table: UdpTable,
    pub(super) here: Here,
    pub(super) now: Instant,
    identifications: Identifications,
}

pub(super) fn tester() -> Tester {
    Tester::with(UdpConfig::default())
}

/// The octets of a datagram, from the header of UDP on.
pub(super) fn octets(from: SocketAddr, to: SocketAddr, data: &[u8]) -> Vec<u8> {
    let mut out = vec![0; data.len() + 8];
    let repr = UdpRepr { src_port: from.port(), dst_port: to.port() };
    repr.emit(&mut out, from.ip(), to.ip(), [data]).unwrap();
    out
}

pub(super) fn arriving<'a>(from: SocketAddr, to: SocketAddr, payload: Payload<'a>) -> Arriving<'a> {
    let checksums = Checksums::Unknown;
    let (src, dst) = (from.ip(), to.ip());
    Arriving { src, dst, scope: 0, traffic_class: 0, hop_limit: 64, checksums, payload }
}

impl Tester {
    pub(super) fn with(config: UdpConfig) -> Self {
        let table = UdpTable::new(config, Secret::new([7; 32]));
        Self { table, here: here(), now: Instant::ZERO, identifications: Identifications::new() }
    }

    pub(super) fn try_bind(&mut self, bound: UdpBind, options: UdpOptions) -> Result<UdpId, UdpBindError> {
        let choose: ChoosePort<'_> = &mut first_free;
        self.table.bind(bound, options, &self.here, choose)
    }

    pub(super) fn bind(&mut self, local: &str) -> UdpId {
        self.bind_with(local, UdpOptions::default())
    }

    pub(super) fn bind_with(&mut self, local: &str, options: UdpOptions) -> UdpId {
        self.try_bind(UdpBind::Socket(addr(local)), options).unwrap()
    }

    pub(super) fn open(&mut self, local: &str, remote: &str) -> Result<UdpId, UdpBindError> {
        let options = UdpOptions::default();
        self.table.open(addr(local), addr(remote), options, &self.here, &mut first_free)
    }

    pub(super) fn udp(&mut self, id: UdpId) -> UdpMut<'_> {
        self.table.socket(id, &self.here).unwrap()
    }

    pub(super) fn flow(&mut self, id: UdpFlowId) -> UdpFlowMut<'_> {
        self.table.flow(id, &self.here).unwrap()
    }

    pub(super) fn send(&mut self, id: UdpId, data: &[u8], to: &str) -> Result<(), UdpSendError> {
        let now = self.now;
        self.udp(id).send_to(now, data, addr(to), &UdpSend::default())
    }

    pub(super) fn arrive(&mut self, from: &str, to: &str, data: &[u8]) -> Udp {
        let (from, to) = (addr(from), addr(to));
        let octets = octets(from, to, data);
        self.table.on_datagram(self.now, arriving(from, to, octets.as_slice().into()))
    }

    pub(super) fn error(&mut self, local: &str, remote: &str, error: UdpNetworkError) -> bool {
        self.table.on_error(&FiveTuple::new(IpProtocol::UDP, addr(local), addr(remote)), error)
    }

    pub(super) fn read(&mut self, id: UdpId) -> Option<Vec<u8>> {
        self.udp(id).recv_from().unwrap().map(|datagram| datagram.data.to_vec())
    }

    pub(super) fn packet(&mut self) -> Option<Vec<u8>> {
        let mut out = vec![0; self.here.mtu];
        let len = self.packet_into(&mut out)?;
        out.truncate(len);
        Some(out)
    }

    pub(super) fn packet_into(&mut self, out: &mut [u8]) -> Option<usize> {
        self.table.next_packet(out, &self.here, &mut self.identifications)
    }

    pub(super) fn events(&mut self) -> Vec<UdpEvent> {
        core::iter::from_fn(|| self.table.poll_event()).collect()
    }
}

/// The parts of a packet that was sent: from, to, payload. All checksums are right.
pub(super) fn parse(packet: &[u8]) -> (SocketAddr, SocketAddr, Vec<u8>) {
    let ip = IpPacket::parse(packet, packet.len()).unwrap();
    let udp = crate::wire::UdpDatagram::parse(ip.payload, ip.payload_len).unwrap();
    assert_eq!(udp.checksum_status(ip.src, ip.dst), crate::wire::ChecksumStatus::Good);
    let (from, to) = (SocketAddr::new(ip.src, udp.src_port), SocketAddr::new(ip.dst, udp.dst_port));
    (from, to, udp.payload.to_vec())
}

pub(super) const READABLE: UdpReady =
    UdpReady { new: false, readable: true, writable: false, error: false, ended: None };
pub(super) const WRITABLE: UdpReady =
    UdpReady { new: false, readable: false, writable: true, error: false, ended: None };

#[test]
fn a_datagram_goes_from_one_table_to_another_and_back() {
    let (mut client, mut server) = (tester(), tester());
    server.here.addresses = vec!["10.0.0.9".parse().unwrap(), "fd00::9".parse().unwrap()];
    for (local, remote) in [("0.0.0.0:0", "10.0.0.9:53"), ("[::]:0", "[fd00::9]:53")] {
        let asks = client.bind(local);
        let answers = server.bind(remote);
        client.send(asks, b"question", remote).unwrap();
        let packet = client.packet().unwrap();
        let (from, to, data) = parse(&packet);
        assert_eq!(server.arrive(&from.to_string(), &to.to_string(), &data), Udp::Delivered(answers));
        let datagram = server.udp(answers).recv_from().unwrap().unwrap();
        assert_eq!((datagram.from, datagram.to, &datagram.data[..]), (from, addr(remote), &b"question"[..]));

        server.send(answers, b"answer", &from.to_string()).unwrap();
        let (from, to, data) = parse(&server.packet().unwrap());
        assert_eq!(client.arrive(&from.to_string(), &to.to_string(), &data), Udp::Delivered(asks));
        assert_eq!(client.read(asks).unwrap(), b"answer");
        assert_eq!(client.read(asks), None);
    }
}

/// The rule: an event rises when a call that answered "nothing" would now do better.
#[test]
fn a_reader_is_told_once_and_again_only_after_it_found_nothing() {
    let mut host = tester();
    let id = host.bind("10.0.0.1:7");
    host.arrive("10.0.0.9:1", "10.0.0.1:7", b"1");
    host.arrive("10.0.0.9:1", "10.0.0.1:7", b"2");
    assert_eq!(host.events(), [UdpEvent { id, flow: None, tag: 0, ready: READABLE }]);
    assert_eq!(host.read(id).unwrap(), b"1");
    host.arrive("10.0.0.9:1", "10.0.0.1:7", b"3");
    assert_eq!(host.events(), [], "the reader has not found nothing yet");
    assert_eq!(host.read(id).unwrap(), b"2");
    assert_eq!(host.read(id).unwrap(), b"3");
    assert_eq!(host.read(id), None);
    host.arrive("10.0.0.9:1", "10.0.0.1:7", b"4");
    assert_eq!(host.events().len(), 1);
}

#[test]
fn news_that_are_old_when_polled_are_left_out_and_nothing_is_missed() {
    let mut host = tester();
    let id = host.bind("10.0.0.1:7");
    host.arrive("10.0.0.9:1", "10.0.0.1:7", b"1");
    assert_eq!(host.read(id).unwrap(), b"1");
    assert_eq!(host.events(), [], "it was read before");
    host.arrive("10.0.0.9:1", "10.0.0.1:7", b"2");
    assert_eq!(host.events().len(), 1, "nobody was told of the last one");
}

#[test]
fn a_writer_is_told_when_a_third_of_the_queue_is_free() {
    let mut host = tester();
    let mut options = UdpOptions::default();
    options.send.datagrams = 6;
    let id = host.bind_with("10.0.0.1:7", options);
    for _ in 0..6 {
        host.send(id, b"x", "10.0.0.9:9").unwrap();
    }
    assert_eq!(host.send(id, b"x", "10.0.0.9:9"), Err(UdpSendError::WouldBlock));
    host.packet().unwrap();
    assert_eq!(host.events(), []);
    host.packet().unwrap();
    assert_eq!(host.events(), [UdpEvent { id, flow: None, tag: 0, ready: WRITABLE }]);
    host.packet().unwrap();
    assert_eq!(host.events(), [], "told once");
}

#[test]
fn a_writer_who_filled_the_queue_again_before_he_was_told_is_told_later() {
    let mut host = tester();
    let mut options = UdpOptions::default();
    options.send.datagrams = 3;
    let id = host.bind_with("10.0.0.1:7", options);
    while host.send(id, b"x", "10.0.0.9:9").is_ok() {}
    host.packet().unwrap();
    host.send(id, b"x", "10.0.0.9:9").unwrap();
    assert_eq!(host.events(), [], "there is no room any more");
    host.packet().unwrap();
    assert_eq!(host.events(), [UdpEvent { id, flow: None, tag: 0, ready: WRITABLE }]);
}

#[test]
fn a_writer_is_not_told_before_there_is_room_for_what_it_had() {
    let mut host = tester();
    let options = UdpOptions { send: UdpQueue { datagrams: 100, octets: 4000 }, ..UdpOptions::default() };
    let id = host.bind_with("10.0.0.1:7", options);
    for _ in 0..15 {
        host.send(id, &[0; 60], "10.0.0.9:9").unwrap();
    }
    // 1,400 octets and what goes with them need more than a third of 4,000.
    assert_eq!(host.send(id, &[0; 1400], "10.0.0.9:9"), Err(UdpSendError::WouldBlock));
    while host.events().is_empty() {
        host.packet().expect("an event comes before the queue is empty, or with it");
    }
    assert_eq!(host.send(id, &[0; 1400], "10.0.0.9:9"), Ok(()));
}

#[test]
fn a_writer_who_waits_for_the_memory_of_all_is_told_when_others_have_sent() {
    let config = UdpConfig { send_memory: 8_000, ..UdpConfig::default() };
    let mut host = Tester::with(config);
    let (greedy, other) = (host.bind("10.0.0.1:7"), host.bind("10.0.0.1:8"));
    while host.send(greedy, &[0; 1000], "10.0.0.9:9").is_ok() {}
    assert_eq!(host.send(other, &[0; 1000], "10.0.0.9:9"), Err(UdpSendError::WouldBlock));
    assert_eq!(host.events(), []);
    while host.packet().is_some() {}
    let told: Vec<UdpId> = host.events().iter().map(|event| event.id).collect();
    assert_eq!(told, [greedy, other]);
    assert_eq!(host.send(other, &[0; 1000], "10.0.0.9:9"), Ok(()));
}

#[test]
fn a_stale_id_names_nobody() {
    let mut host = tester();
    let old = host.bind("10.0.0.1:7");
    assert!(host.table.close(old));
    let new = host.bind("10.0.0.1:7");
    assert_eq!((old.index, new.index), (0, 0));
    assert!(host.table.socket(old, &host.here).is_none());
    assert!(!host.table.close(old));
    assert_eq!(host.arrive("10.0.0.9:1", "10.0.0.1:7", b"1"), Udp::Delivered(new));
}

#[test]
fn what_was_queued_is_sent_after_the_socket_was_closed() {
    let mut host = tester();
    let id = host.bind("10.0.0.1:7");
    host.send(id, b"one", "10.0.0.9:9").unwrap();
    host.send(id, b"two", "10.0.0.9:9").unwrap();
    host.table.close(id);
    assert_eq!(parse(&host.packet().unwrap()).2, b"one");
    assert_eq!(parse(&host.packet().unwrap()).2, b"two");
    assert_eq!(host.packet(), None);
    assert_eq!(host.table.channels.rows.len(), 0);
    assert_eq!((host.table.sending.held(), host.table.stats().sent), (0, 2));
}

#[test]
fn memory_is_counted_and_given_back() {
    let mut host = tester();
    let id = host.bind("10.0.0.1:7");
    let before = host.table.memory();
    for _ in 0..100 {
        host.arrive("10.0.0.9:1", "10.0.0.1:7", &[0; 1000]);
    }
    assert!(host.table.memory() - before >= 100 * 1000);
    while host.read(id).is_some() {}
    assert_eq!(host.table.received.held(), 0);
}

#[test]
fn ports_count_as_memory() {
    let mut host = tester();
    let before = host.table.memory();
    host.table.ports.extend((1..=100).map(|port| (port, 1)));
    assert!(host.table.memory() - before >= 100 * size_of::<(u16, u32)>());
}

#[test]
fn who_finds_nothing_to_read_still_hears_that_there_is_room() {
    let mut host = tester();
    let mut options = UdpOptions::default();
    options.send.datagrams = 2;
    let id = host.bind_with("10.0.0.1:7", options);
    for _ in 0..2 {
        host.send(id, b"x", "10.0.0.9:9").unwrap();
    }
    assert_eq!(host.send(id, b"x", "10.0.0.9:9"), Err(UdpSendError::WouldBlock));
    host.packet().unwrap();
    assert_eq!(host.read(id), None);
    assert_eq!(host.events(), [UdpEvent { id, flow: None, tag: 0, ready: WRITABLE }]);
}
