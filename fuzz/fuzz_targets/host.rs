//! Two hosts whose packets are lost, doubled, turned round and damaged, and packets that nobody sent: no panic, no
//! endless loop, no more memory than the limits allow, and a deadline that is always ahead once it was served.
//!
//! Input: a list of calls.

#![no_main]

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use tcpstate::Instant;
use tcpstate::host::{
    Checksums, ConnId, Decision, Event, Host, HostConfig, ListenConfig, ListenOn, LocalAddress, Packet,
    UdpBind, UdpId, UdpOptions, UdpSend,
};

#[derive(Arbitrary, Debug)]
enum Op {
    /// The oldest packet on its way arrives.
    Arrive(bool),
    Lose(bool),
    /// It arrives, and is still on its way.
    Twice(bool),
    /// It waits until all others have arrived.
    Last(bool),
    /// It arrives with other octets, and a card says that its checksum is right.
    Damage(bool, Vec<(u8, u8)>),
    /// Any octets arrive.
    Raw(bool, Vec<u8>),
    /// Any octets behind an IP header that is right.
    Ip(bool, bool, u8, Vec<u8>),
    Time(u16),
    Poll(bool),
    Events(bool),
    Connect(bool, u8),
    Send(bool, u8, u16),
    Read(bool, u8, u16),
    Shutdown(bool, u8),
    Close(bool, u8),
    Abort(bool, u8),
    Release(bool, u8),
    Datagram(bool, u16),
}

struct End {
    host: Host,
    ids: Vec<ConnId>,
    udp: UdpId,
    sent: VecDeque<Vec<u8>>,
    peer: [SocketAddr; 2],
}

const MEMORY: usize = 2 << 20;

impl End {
    fn new(own: [&str; 2], peer: [&str; 2], port: u16, decide: bool) -> Self {
        let mut config = HostConfig::default();
        config.addresses = vec![
            LocalAddress::new(own[0].parse().unwrap(), 24),
            LocalAddress::new(own[1].parse().unwrap(), 64),
        ];
        config.limits.connections = 8;
        config.limits.unreleased = 3;
        config.limits.orphans = 2;
        config.limits.half_open = 4;
        config.limits.time_wait = 3;
        config.limits.memory = MEMORY;
        let mut host = Host::new(config, [port as u8; 32]).unwrap();
        let mut listen = ListenConfig::default();
        listen.decide = decide;
        listen.backlog = 3;
        host.listen(ListenOn::port(port), &listen).unwrap();
        let udp = host.udp_bind(UdpBind::Port(port), UdpOptions::default()).unwrap();
        let socket = |ip: &str| SocketAddr::new(ip.parse().unwrap(), 7);
        Self { host, ids: Vec::new(), udp, sent: VecDeque::new(), peer: [socket(peer[0]), socket(peer[1])] }
    }

    fn id(&self, which: u8) -> Option<ConnId> {
        self.ids.get(usize::from(which) % self.ids.len().max(1)).copied()
    }

    fn poll(&mut self, now: Instant) {
        let mut out = [0; 1500];
        for count in 0.. {
            assert!(count < 5_000, "it sends without end");
            let Some(transmit) = self.host.poll_transmit(now, &mut out) else { break };
            self.sent.push_back(out[..transmit.len].to_vec());
        }
        self.sent.truncate(64);
    }

    fn events(&mut self) {
        for count in 0.. {
            assert!(count < 5_000, "it tells without end");
            match self.host.poll_event() {
                None => break,
                Some(Event::Incoming { listener }) => {
                    while let Some(id) = self.host.accept(listener) {
                        assert!(self.host.connection(id).is_some(), "a stale id was given");
                        self.ids.push(id);
                    }
                }
                Some(Event::Decide { request, .. }) => {
                    let decision = match count % 4 {
                        0 => Decision::Accept,
                        1 => Decision::Refuse,
                        2 => Decision::Drop,
                        _ => Decision::Later,
                    };
                    let _ = self.host.decide(request, decision);
                }
                Some(_) => {}
            }
        }
    }

    fn time(&mut self, now: Instant) {
        self.host.handle_timeout(now);
        if let Some(at) = self.host.poll_timeout() {
            assert!(at > now, "a deadline that was served is still there: {at:?} at {now:?}");
        }
    }

    /// What users queue has limits of its own: 4 MiB for each of eight connections.
    fn check(&self) {
        let queued: usize = self.host.connections(Instant::ZERO).map(|view| view.unacknowledged).sum();
        let memory = self.host.memory();
        assert!(memory <= MEMORY + 2 * queued + (1 << 20), "{memory} octets, {queued} queued");
    }
}

/// An IP header around any octets; its checksum is right.
fn around(v6: bool, protocol: u8, payload: &[u8], to: bool) -> Vec<u8> {
    let last = [2 - u8::from(to), 1 + u8::from(to)];
    let mut packet = if v6 {
        let mut packet = vec![0; 40];
        packet[..4].copy_from_slice(&[0x60, 0, 0, 0]);
        packet[4..6].copy_from_slice(&(payload.len() as u16).to_be_bytes());
        (packet[6], packet[7]) = (protocol, 64);
        for (at, last) in [(8, last[0]), (24, last[1])] {
            packet[at] = 0xfd;
            packet[at + 15] = last;
        }
        packet
    } else {
        let mut packet =
            vec![0x45, 0, 0, 0, 0, 1, 0, 0, 64, protocol, 0, 0, 10, 0, 0, last[0], 10, 0, 0, last[1]];
        packet[2..4].copy_from_slice(&((20 + payload.len()) as u16).to_be_bytes());
        let words = packet.chunks(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]])));
        let sum: u32 = words.sum();
        let folded = (sum & 0xffff) + (sum >> 16);
        packet[10..12].copy_from_slice(&(!((folded & 0xffff) + (folded >> 16)) as u16).to_be_bytes());
        packet
    };
    packet.extend_from_slice(payload);
    packet
}

fuzz_target!(|ops: Vec<Op>| {
    let mut now = Instant::from_nanos(1_000_000_000);
    let (a, b) = (["10.0.0.1", "fd00::1"], ["10.0.0.2", "fd00::2"]);
    let mut ends = [End::new(a, b, 7, false), End::new(b, a, 7, true)];
    for op in ops.into_iter().take(200) {
        match op {
            Op::Arrive(from) => {
                if let Some(packet) = ends[usize::from(from)].sent.pop_front() {
                    ends[usize::from(!from)].host.handle_packet(now, &packet[..]);
                }
            }
            Op::Lose(from) => drop(ends[usize::from(from)].sent.pop_front()),
            Op::Twice(from) => {
                if let Some(packet) = ends[usize::from(from)].sent.front().cloned() {
                    ends[usize::from(!from)].host.handle_packet(now, &packet[..]);
                }
            }
            Op::Last(from) => {
                if let Some(packet) = ends[usize::from(from)].sent.pop_front() {
                    ends[usize::from(from)].sent.push_back(packet);
                }
            }
            Op::Damage(from, changes) => {
                if let Some(mut packet) = ends[usize::from(from)].sent.pop_front() {
                    let len = packet.len();
                    for (at, octet) in changes {
                        // Behind the header of IPv4, whose checksum would be wrong.
                        packet[20 + usize::from(at) % (len - 20)] = octet;
                    }
                    let packet = Packet::from(&packet[..]).with_checksums(Checksums::Verified);
                    ends[usize::from(!from)].host.handle_packet(now, packet);
                }
            }
            Op::Raw(to, octets) => drop(ends[usize::from(to)].host.handle_packet(now, &octets[..])),
            Op::Ip(to, v6, protocol, payload) => {
                let packet = around(v6, protocol, &payload, to);
                let packet = Packet::from(&packet[..]).with_checksums(Checksums::Verified);
                ends[usize::from(to)].host.handle_packet(now, packet);
            }
            Op::Time(millis) => {
                now = now + Duration::from_millis(u64::from(millis));
                ends.iter_mut().for_each(|end| end.time(now));
            }
            Op::Poll(which) => ends[usize::from(which)].poll(now),
            Op::Events(which) => ends[usize::from(which)].events(),
            Op::Connect(which, how) => {
                let end = &mut ends[usize::from(which)];
                if let Ok(id) = end.host.connect(now, end.peer[usize::from(how) % 2]) {
                    end.ids.push(id);
                }
            }
            Op::Datagram(which, len) => {
                let end = &mut ends[usize::from(which)];
                let (to, octets) = (end.peer[usize::from(len) % 2], vec![7; usize::from(len)]);
                if let Some(mut socket) = end.host.udp(end.udp) {
                    let _ = socket.send_to(now, &octets, to, &UdpSend::default());
                    let _ = socket.recv_from();
                }
            }
            Op::Send(which, id, _)
            | Op::Read(which, id, _)
            | Op::Shutdown(which, id)
            | Op::Close(which, id)
            | Op::Abort(which, id)
            | Op::Release(which, id) => {
                let end = &mut ends[usize::from(which)];
                let Some(id) = end.id(id) else { continue };
                if let Op::Release(..) = op {
                    end.host.release(now, id);
                    assert!(end.host.connection(id).is_none());
                }
                let Some(mut connection) = end.host.connection(id) else { continue };
                match op {
                    Op::Send(_, _, len) => drop(connection.send(now, &vec![1; usize::from(len)])),
                    Op::Read(_, _, len) => drop(connection.recv(now, usize::from(len))),
                    Op::Shutdown(..) => drop(connection.shutdown(now)),
                    Op::Close(..) => drop(connection.close(now)),
                    _ => drop(connection.abort(now)),
                }
            }
        }
        ends.iter().for_each(End::check);
    }
    for end in &mut ends {
        end.events();
        end.poll(now);
    }
});
