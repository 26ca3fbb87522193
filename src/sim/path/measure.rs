//! A bulk transfer over a path, and what came of it.

use core::time::Duration;

use super::Path;
use crate::host::SingleError;
use crate::sim::Sends;
use crate::sim::app::Ending;
use crate::sim::endpoint::{Endpoint, EndpointConfig};
use crate::sim::node::{Change, Node};
use crate::sim::oracle::{Fault, Pattern};
use crate::sim::prng::Prng;
use crate::sim::world::{Limits, SimError, World};
use crate::wire::{IpPacket, TcpSegment};
use crate::{Instant, SeqNumber};

/// An end of a bulk transfer, of this stack or another.
pub trait Bulk: Node {
    /// Octets that its user has read, in order and without a gap.
    fn octets_read(&self) -> u64;
}

impl Bulk for Endpoint {
    fn octets_read(&self) -> u64 {
        self.app().read()
    }
}

/// The part of a transfer that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// When it begins, after the beginning of the transfer.
    pub after: Duration,
    /// How long it is at least.
    pub length: Duration,
    /// It goes on, a second at a time, until the path has lost so many packets in it by chance,
    pub losses: u64,
    /// or until it is so long.
    pub longest: Duration,
}

impl Span {
    /// The part that begins after `after` and is exactly so long.
    #[must_use]
    pub const fn exactly(after: Duration, length: Duration) -> Self {
        Self { after, length, losses: 0, longest: length }
    }
}

/// What came of a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Measured {
    /// For how long the transfer was looked at.
    pub time: Duration,
    /// Octets that the receiving user has read.
    pub read: u64,
    /// Octets that the link could have carried, as payload of full packets.
    pub capacity: u64,
    /// Octets of payload that the sender put on the link; repeated and lost ones too.
    pub sent: u64,
    /// Octets among them that had been sent before.
    pub repeated: u64,
}

impl Measured {
    /// The part of the link that was made use of. Rounded to a millionth, as is the other share.
    #[must_use]
    pub fn share(&self) -> f64 {
        share(self.read, self.capacity)
    }

    /// The part of what was sent that had been sent before.
    #[must_use]
    pub fn retransmitted(&self) -> f64 {
        share(self.repeated, self.sent)
    }
}

fn share(part: u64, all: u64) -> f64 {
    let millionths = u128::from(part) * 1_000_000 / u128::from(all.max(1));
    f64::from(u32::try_from(millionths).unwrap_or(u32::MAX)) / 1e6
}

impl Path {
    /// The ends of a bulk transfer by this stack, the sender first: defaults, with buffers of
    /// [`end_buffer`](Self::end_buffer). Change what is to be compared.
    #[must_use]
    pub fn bulk(&self) -> [EndpointConfig; 2] {
        let [mut sender, mut receiver] = [1, 2].map(|host| {
            let mut end = EndpointConfig::new(([192, 0, 2, host], 49_152).into());
            let octets = self.end_buffer().min(1 << 30);
            end.single.send_buffer = usize::try_from(octets).unwrap_or(usize::MAX);
            end.single.tcp.receive_window = u32::try_from(octets).unwrap_or(u32::MAX);
            // As large from the start, and no larger later.
            (end.single.send_buffer_max, end.single.tcp.receive_window_max) = (0, 0);
            end.app.ending = Ending::WhenTold;
            end
        });
        sender.remote = Some(receiver.local);
        sender.app.sends = Sends::Octets(u64::MAX);
        receiver.secret = [1; 32];
        [sender, receiver]
    }

    /// The two ends of these configurations, for [`measure`](Self::measure).
    ///
    /// # Errors
    ///
    /// [`SingleError`] when a configuration does not do; those of [`bulk`](Self::bulk) do.
    pub fn endpoints(seed: u64, ends: [EndpointConfig; 2]) -> Result<[Endpoint; 2], SingleError> {
        let [first, second] = [0, 1].map(|end| Pattern::new(seed.wrapping_mul(2).wrapping_add(end)));
        let [sender, receiver] = ends;
        Ok([
            Endpoint::new(sender, first, second, Prng::stream(seed, u64::MAX))?,
            Endpoint::new(receiver, second, first, Prng::stream(seed, u64::MAX - 1))?,
        ])
    }

    /// Lets `ends`, the sender first, run over the path, and looks at a part of it. Both begin at once, the receiver's
    /// user reads everything at once, and the sender's hands over as much as it can. All luck of the path comes from
    /// `seed`: for every sender the packet with the same number meets the same fate, but for the queue.
    ///
    /// # Errors
    ///
    /// [`SimError`]: an end has broken a promise.
    pub fn measure<N: Bulk>(&self, seed: u64, span: Span, ends: [N; 2]) -> Result<Measured, SimError> {
        let mut world = World::new(seed);
        world.set_limits(Limits { events: u64::MAX, packets_per_event: u32::MAX, ..Limits::default() });
        let [sender, receiver] = ends.map(|node| world.add(Watched { node, sent: Sent::default() }));
        let [there, back] = self.links();
        let there = world.link(sender, receiver, there);
        world.link(receiver, sender, back);
        let so_far = |world: &World<Watched<N>>| {
            let read = world.node(receiver).map(|watched| watched.node.octets_read());
            let sent = world.node(sender).map(|watched| watched.sent);
            let lost = there.and_then(|there| world.link_of(there)).map(|link| link.stats().dropped_loss);
            (read.unwrap_or_default(), sent.unwrap_or_default(), lost.unwrap_or_default())
        };
        let begins = Instant::ZERO + span.after;
        world.run_until(begins)?;
        let (read, sent, lost) = so_far(&world);
        let mut time = span.length;
        world.run_until(begins + time)?;
        while so_far(&world).2 - lost < span.losses && time < span.longest {
            time += Duration::from_secs(1);
            world.run_until(begins + time)?;
        }
        let (read_then, sent_then, _) = so_far(&world);
        Ok(Measured {
            time,
            read: read_then - read,
            capacity: self.capacity(time),
            sent: sent_then.octets - sent.octets,
            repeated: sent_then.repeated - sent.repeated,
        })
    }
}

/// What a node has sent, by the headers of its packets.
#[derive(Clone, Copy, Debug, Default)]
struct Sent {
    octets: u64,
    repeated: u64,
    /// The end of what was sent.
    end: Option<SeqNumber>,
}

impl Sent {
    fn note(&mut self, packet: &[u8]) {
        let Ok(ip) = IpPacket::parse(packet, packet.len()) else { return };
        let Ok(segment) = TcpSegment::parse(ip.payload, ip.payload_len) else { return };
        let Ok(len @ 1..) = u32::try_from(segment.payload_len) else { return };
        let end = segment.seq + len;
        let new = self.end.map_or(i64::from(len), |before| i64::from(end.distance_from(before)));
        let new = u64::try_from(new).unwrap_or(0).min(len.into());
        self.octets += u64::from(len);
        self.repeated += u64::from(len) - new;
        self.end = Some(self.end.map_or(end, |before| before.latest(end)));
    }
}

/// A node, and what it sends.
struct Watched<N> {
    node: N,
    sent: Sent,
}

impl<N: Node> Node for Watched<N> {
    fn handle_packet(&mut self, now: Instant, packet: &[u8]) {
        self.node.handle_packet(now, packet);
    }

    fn poll_transmit(&mut self, now: Instant, out: &mut [u8]) -> Option<usize> {
        let len = self.node.poll_transmit(now, out)?;
        self.sent.note(out.get(..len).unwrap_or(out));
        Some(len)
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.node.handle_timeout(now);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.node.poll_timeout()
    }

    fn poll_change(&mut self) -> Option<Change> {
        self.node.poll_change()
    }

    fn fault(&self) -> Option<Fault> {
        self.node.fault()
    }
}
