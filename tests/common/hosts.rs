//! What the tests of `Host` share: hosts, packets made by hand, and a peer who is played by hand.

#![allow(
    dead_code,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "each test uses a part of this, and may fail by panicking"
)]

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use tcpstate::host::{ConnId, Event, Host, HostConfig, ListenConfig, ListenerId, LocalAddress, Readiness};
use tcpstate::wire::{IpPacket, IpProtocol, Ipv4Repr, TcpFlags, TcpRepr, TcpSegment};
use tcpstate::{Instant, SeqNumber};

pub(crate) const SYN: TcpFlags = TcpFlags::SYN;
pub(crate) const ACK: TcpFlags = TcpFlags::ACK;
pub(crate) const FIN: TcpFlags = TcpFlags::FIN;
pub(crate) const RST: TcpFlags = TcpFlags::RST;
pub(crate) const PSH: TcpFlags = TcpFlags::PSH;
pub(crate) const SYN_ACK: TcpFlags = SYN.union(ACK);
pub(crate) const FIN_ACK: TcpFlags = FIN.union(ACK);

/// When tests begin.
pub(crate) const NOW: Instant = Instant::from_nanos(1_000_000_000);

/// A host at 10.0.0.`last`.
pub(crate) fn host(last: u8, change: impl FnOnce(&mut HostConfig)) -> Host {
    let mut config = HostConfig::default();
    config.addresses.push(LocalAddress::new(Ipv4Addr::new(10, 0, 0, last).into(), 24));
    change(&mut config);
    Host::new(config, [last; 32]).expect("the choices do")
}

/// 10.0.0.`last`:`port`.
pub(crate) fn at(last: u8, port: u16) -> SocketAddr {
    SocketAddr::new(Ipv4Addr::new(10, 0, 0, last).into(), port)
}

pub(crate) fn listen(host: &mut Host, port: u16, config: &ListenConfig) -> ListenerId {
    host.listen(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), port), config).expect("nobody listens there")
}

/// A segment over IPv4.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seg {
    pub(crate) src: SocketAddr,
    pub(crate) dst: SocketAddr,
    pub(crate) seq: u32,
    pub(crate) ack: u32,
    pub(crate) flags: TcpFlags,
    pub(crate) window: u16,
    pub(crate) options: Vec<u8>,
    pub(crate) payload: Vec<u8>,
}

impl Seg {
    pub(crate) fn new(src: SocketAddr, dst: SocketAddr, seq: u32, ack: u32, flags: TcpFlags) -> Self {
        Self { src, dst, seq, ack, flags, window: 65_535, options: Vec::new(), payload: Vec::new() }
    }

    pub(crate) fn with(self, payload: &[u8]) -> Self {
        Self { payload: payload.to_vec(), ..self }
    }

    pub(crate) fn with_window(self, window: u16) -> Self {
        Self { window, ..self }
    }

    pub(crate) fn with_options(self, options: &[u8]) -> Self {
        Self { options: options.to_vec(), ..self }
    }

    /// TCP's part of the packet.
    pub(crate) fn octets(&self) -> Vec<u8> {
        let repr = TcpRepr {
            src_port: self.src.port(),
            dst_port: self.dst.port(),
            seq: SeqNumber::new(self.seq),
            ack: SeqNumber::new(self.ack),
            flags: self.flags,
            window: self.window,
            urgent: 0,
            options: &self.options,
        };
        let mut out = vec![0; repr.header_len() + self.payload.len()];
        repr.emit(&mut out, self.src.ip(), self.dst.ip(), [&self.payload[..]]).expect("there is room");
        out
    }

    pub(crate) fn packet(&self) -> Vec<u8> {
        ip(self.src.ip(), self.dst.ip(), &self.octets(), 0, None)
    }

    /// What a host has sent.
    pub(crate) fn read(packet: &[u8]) -> Self {
        let ip = IpPacket::parse(packet, packet.len()).expect("a packet");
        let tcp = TcpSegment::parse(ip.payload, ip.payload_len).expect("a segment");
        Self {
            src: SocketAddr::new(ip.src, tcp.src_port),
            dst: SocketAddr::new(ip.dst, tcp.dst_port),
            seq: tcp.seq.get(),
            ack: tcp.ack.get(),
            flags: tcp.flags,
            window: tcp.window,
            options: Vec::new(),
            payload: tcp.payload.to_vec(),
        }
    }
}

/// An IPv4 packet, or a fragment of one: its place in octets, and whether more follow.
pub(crate) fn ip(src: IpAddr, dst: IpAddr, octets: &[u8], id: u16, piece: Option<(usize, bool)>) -> Vec<u8> {
    let (IpAddr::V4(src), IpAddr::V4(dst)) = (src, dst) else { panic!("IPv4") };
    let (from, more) = piece.unwrap_or_default();
    let repr = Ipv4Repr {
        payload_len: octets.len(),
        id,
        dont_fragment: piece.is_none(),
        more_fragments: more,
        fragment_offset: from as u16,
        ..Ipv4Repr::new(src, dst, IpProtocol::TCP)
    };
    let mut out = vec![0; 20];
    repr.emit(&mut out).expect("there is room");
    out.extend_from_slice(octets);
    out
}

/// Everything that a host has to send now.
pub(crate) fn sent(host: &mut Host, now: Instant) -> Vec<Vec<u8>> {
    let mut out = vec![0; 65_535];
    let mut packets = Vec::new();
    while let Some(transmit) = host.poll_transmit(now, &mut out) {
        packets.push(out[..transmit.len].to_vec());
        assert!(packets.len() < 100_000, "it does not fall silent");
    }
    packets
}

/// Everything that a host has to send now, as segments.
pub(crate) fn segments(host: &mut Host, now: Instant) -> Vec<Seg> {
    sent(host, now).iter().map(|packet| Seg::read(packet)).collect()
}

pub(crate) fn events(host: &mut Host) -> Vec<Event> {
    std::iter::from_fn(|| host.poll_event()).collect()
}

/// What a host tells of a connection; there must be nothing else to tell.
pub(crate) fn ready(host: &mut Host, id: ConnId) -> Readiness {
    let mut all = Readiness::NONE;
    let told = events(host);
    assert!(told.len() <= 1, "one event for one connection: {told:?}");
    for event in told {
        match event {
            Event::Connection { id: other, ready, .. } if other == id => all |= ready,
            other => panic!("{other:?}"),
        }
    }
    all
}

/// Carries everything both have to say at one moment, and says how many packets that took.
pub(crate) fn carry(now: Instant, a: &mut Host, b: &mut Host) -> usize {
    let mut count = 0;
    loop {
        let (from_a, from_b) = (sent(a, now), sent(b, now));
        if from_a.is_empty() && from_b.is_empty() {
            return count;
        }
        count += from_a.len() + from_b.len();
        assert!(count < 100_000, "they do not fall silent");
        from_a.iter().for_each(|packet| drop(b.handle_packet(now, &packet[..])));
        from_b.iter().for_each(|packet| drop(a.handle_packet(now, &packet[..])));
    }
}

/// Somebody whose segments are made by hand: without options but the MSS, so that nothing but sequence numbers counts.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    pub(crate) own: SocketAddr,
    pub(crate) them: SocketAddr,
    /// The next sequence number to send, and the next that is expected.
    pub(crate) seq: u32,
    pub(crate) ack: u32,
    pub(crate) window: u16,
    /// Where the host's stream begins.
    pub(crate) begin: u32,
}

impl Peer {
    pub(crate) const fn new(own: SocketAddr, them: SocketAddr) -> Self {
        Self { own, them, seq: 1_000_000, ack: 0, window: 65_535, begin: 0 }
    }

    /// A segment from here on, which it does not count as sent.
    pub(crate) fn seg(&self, flags: TcpFlags, payload: &[u8]) -> Seg {
        Seg::new(self.own, self.them, self.seq, self.ack, flags).with(payload).with_window(self.window)
    }

    /// Sends a segment.
    pub(crate) fn send(&mut self, host: &mut Host, now: Instant, flags: TcpFlags, payload: &[u8]) {
        let mut seg = self.seg(flags, payload);
        if flags.contains(SYN) {
            // An MSS of 1460: without, small packets would be assumed.
            seg = seg.with_options(&[2, 4, 5, 180]);
        }
        host.handle_packet(now, &seg.packet()[..]);
        let ends = u32::from(flags.contains(SYN)) + u32::from(flags.contains(FIN));
        self.seq = self.seq.wrapping_add(payload.len() as u32 + ends);
    }

    /// Takes what the host has to say, and gives the octets. Other segments than those in order are a mistake.
    pub(crate) fn take(&mut self, host: &mut Host, now: Instant) -> Vec<Seg> {
        let segments = segments(host, now);
        for seg in segments.iter().filter(|seg| seg.dst == self.own && !seg.flags.contains(RST)) {
            let len = seg.payload.len() as u32;
            let ends = u32::from(seg.flags.contains(SYN)) + u32::from(seg.flags.contains(FIN));
            if seg.flags.contains(SYN) || seg.seq == self.ack {
                self.ack = seg.seq.wrapping_add(len + ends);
            }
        }
        segments
    }

    /// Acknowledges so many octets of the host's stream.
    pub(crate) fn acknowledge(&mut self, host: &mut Host, now: Instant, octets: usize) {
        let ack = Seg { ack: self.begin.wrapping_add(octets as u32), ..self.seg(ACK, &[]) };
        host.handle_packet(now, &ack.packet()[..]);
    }

    /// The handshake with a listener, up to its last segment.
    pub(crate) fn call(&mut self, host: &mut Host, now: Instant) {
        self.send(host, now, SYN, &[]);
        let own = self.own;
        let answer: Vec<_> = self.take(host, now).into_iter().filter(|seg| seg.dst == own).collect();
        assert_eq!(answer.first().map(|seg| seg.flags), Some(SYN_ACK), "{answer:?}");
        self.begin = self.ack;
        self.send(host, now, ACK, &[]);
    }

    /// The handshake, and the id of the connection.
    pub(crate) fn connect(&mut self, host: &mut Host, now: Instant, listener: ListenerId) -> ConnId {
        self.call(host, now);
        host.accept(listener).expect("the handshake is done")
    }
}
