use alloc::collections::BTreeMap;
use core::time::Duration;

use super::super::link::LinkConfig;
use super::super::oracle::{Pattern, Reader};
use super::super::prng::Probability;
use super::super::world::{NodeId, World};
use super::*;
use crate::connection::Received;
use crate::host::{ConnId, Event, HostConfig, ListenConfig, ListenOn, ListenerId, LocalAddress};

const CALLS: u64 = 20;
const OCTETS: u64 = 30_000;

/// Calls many times, sends, closes, and reads what comes back; or listens and echoes. It acts on events only.
#[derive(Clone, Debug, Default)]
struct User {
    calls: u64,
    listener: Option<ListenerId>,
    open: BTreeMap<ConnId, Stream>,
    done: u64,
    woken: u32,
}

#[derive(Clone, Debug)]
struct Stream {
    pattern: Pattern,
    sent: u64,
    reader: Reader,
    read: u64,
    /// Octets that were read and not sent back yet.
    held: Vec<u8>,
}

impl Stream {
    fn new(seed: u64) -> Self {
        let pattern = Pattern::new(seed);
        Self { pattern, sent: 0, reader: Reader::new(pattern), read: 0, held: Vec::new() }
    }
}

impl User {
    fn client(&mut self, now: Instant, host: &mut Host, id: ConnId) {
        let (Some(stream), Some(mut connection)) = (self.open.get_mut(&id), host.connection(id)) else {
            return;
        };
        while stream.sent < OCTETS {
            let mut chunk = [0; 4096];
            let len = chunk.len().min((OCTETS - stream.sent) as usize);
            stream.pattern.fill(stream.sent, &mut chunk[..len]);
            let taken = connection.send(now, &chunk[..len]).unwrap();
            stream.sent += taken as u64;
            if stream.sent == OCTETS {
                connection.shutdown(now).unwrap();
            } else if taken < len {
                break;
            }
        }
        loop {
            match connection.recv(now, usize::MAX) {
                Received::Data(octets) => {
                    stream.reader.take(&octets);
                    stream.read += octets.len() as u64;
                }
                Received::Eof => {
                    assert_eq!(stream.read, OCTETS);
                    self.open.remove(&id);
                    self.done += 1;
                    host.release(now, id);
                    return;
                }
                Received::Empty => return,
                other => panic!("{other:?}"),
            }
        }
    }

    fn server(&mut self, now: Instant, host: &mut Host, id: ConnId) {
        let (Some(stream), Some(mut connection)) = (self.open.get_mut(&id), host.connection(id)) else {
            return;
        };
        loop {
            if !stream.held.is_empty() {
                let taken = connection.send(now, &stream.held).unwrap();
                stream.held.drain(..taken);
                if !stream.held.is_empty() {
                    return;
                }
            }
            match connection.recv(now, 1000) {
                Received::Data(octets) => stream.held = octets.to_vec(),
                Received::Eof => {
                    connection.close(now).unwrap();
                    self.open.remove(&id);
                    self.done += 1;
                    host.release(now, id);
                    return;
                }
                _ => return,
            }
        }
    }
}

impl HostUser for User {
    fn act(&mut self, now: Instant, host: &mut Host) {
        if now >= Instant::from_nanos(5_000_000_000) && self.woken == 0 {
            self.woken += 1;
        }
        while self.calls > 0 {
            self.calls -= 1;
            let id = host.connect(now, "192.0.2.2:7".parse().unwrap()).unwrap();
            self.open.insert(id, Stream::new(self.calls));
        }
        while let Some(event) = host.poll_event() {
            match event {
                Event::Incoming { listener } => {
                    while let Some(id) = host.accept(listener) {
                        self.open.insert(id, Stream::new(0));
                    }
                }
                Event::Connection { id, .. } if self.listener.is_some() => self.server(now, host, id),
                Event::Connection { id, .. } => self.client(now, host, id),
                _ => {}
            }
        }
    }

    fn wakes(&self) -> Option<Instant> {
        (self.woken == 0).then_some(Instant::from_nanos(5_000_000_000))
    }

    fn fault(&self) -> Option<Fault> {
        self.open.values().filter(|_| self.listener.is_none()).find_map(|stream| stream.reader.fault())
    }
}

fn host(ip: &str) -> Host {
    let mut config = HostConfig::default();
    config.addresses.push(LocalAddress::new(ip.parse().unwrap(), 24));
    Host::new(config, [ip.len() as u8; 32]).unwrap()
}

fn world(seed: u64) -> (World<HostNode<User>>, [NodeId; 2]) {
    let (client, mut server) = (User { calls: CALLS, ..User::default() }, host("192.0.2.2"));
    let listener = server.listen(ListenOn::port(7), &ListenConfig::default()).unwrap();
    let mut world = World::new(seed);
    let a = world.add(HostNode::new(host("192.0.2.1"), client));
    let user = User { listener: Some(listener), ..User::default() };
    let b = world.add(HostNode::new(server, user));
    let mut link = LinkConfig::default();
    (link.delay, link.loss) = (Duration::from_millis(20), Probability::percent(3));
    world.link(a, b, link);
    world.link(b, a, link);
    (world, [a, b])
}

#[test]
fn users_who_act_on_events_only_get_every_octet_through() {
    for seed in 0..10 {
        let (mut world, [a, b]) = world(seed);
        world.run_until(Instant::from_nanos(600_000_000_000)).unwrap();
        for node in [a, b] {
            let user = world.node(node).unwrap().user();
            assert_eq!((user.done, user.open.len(), user.woken), (CALLS, 0, 1), "seed {seed}");
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_packets() {
    let packets = |seed| {
        let (mut world, _) = world(seed);
        world.record_frames(true);
        world.run_until(Instant::from_nanos(60_000_000_000)).unwrap();
        core::iter::from_fn(|| world.poll_frame()).collect::<Vec<_>>()
    };
    assert!(packets(1) == packets(1));
    assert!(packets(1) != packets(2));
}

/// Sends two packets of its own and keeps what the host has no use for.
#[derive(Default)]
struct Raw {
    out: Vec<Vec<u8>>,
    got: Vec<Vec<u8>>,
}

impl HostUser for Raw {
    fn act(&mut self, _now: Instant, _host: &mut Host) {}

    fn raw(&mut self, _now: Instant, packet: &[u8]) {
        self.got.push(packet.to_vec());
    }

    fn poll_raw(&mut self) -> Option<Vec<u8>> {
        self.out.pop()
    }
}

#[test]
fn packets_that_a_user_makes_reach_the_other_user_if_the_host_does_not_know_their_protocol() {
    use crate::wire::{IpProtocol, Ipv4Repr};
    let mut packet = std::vec![0; 20];
    let (src, dst) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
    Ipv4Repr::new(src, dst, IpProtocol(253)).emit(&mut packet).unwrap(); // RFC 3692: for experiments
    let mut world = World::new(1);
    let out = std::vec![packet.clone(), packet.clone()];
    let a = world.add(HostNode::new(host("192.0.2.1"), Raw { out, ..Raw::default() }));
    let b = world.add(HostNode::new(host("192.0.2.2"), Raw::default()));
    world.link(a, b, LinkConfig::default());
    world.link(b, a, LinkConfig::default());
    world.run().unwrap();
    assert_eq!(world.node(b).unwrap().user().got, [packet.clone(), packet]);
    assert!(
        world.touch(a).unwrap().host_mut().is_empty() && world.touch(a).unwrap().user_mut().got.is_empty()
    );
}
