//! What the benches of the machine share: two connections that are open, and one alone whose peer is made of
//! headers.

#![allow(
    dead_code,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "each bench uses a part of this, and may fail by panicking"
)]

use std::time::Duration;

use bytes::Bytes;
use tcpstate::connection::{Connection, ConnectionConfig, Payload, Received};
use tcpstate::tcp::{SegmentMeta, SegmentPlan, Timestamps, Unpredictable};
use tcpstate::{Instant, SeqNumber, State, TcpFlags};

/// Octets of a full segment: an MSS of 1,460 less the timestamps.
pub(crate) const SEGMENT: usize = 1_448;

/// From one full segment to the next at 1 Gbit/s.
pub(crate) const GAP: Duration = Duration::from_nanos(12_112);

/// What is sent.
pub(crate) static DATA: [u8; 64 << 10] = [0x5a; 64 << 10];

/// Two open connections and a network between them that loses nothing.
pub(crate) struct Pair {
    pub(crate) ends: [Connection; 2],
    pub(crate) now: Instant,
    packet: Vec<u8>,
    out: Vec<u8>,
}

impl Pair {
    pub(crate) fn established() -> Self {
        Self::with(&ConnectionConfig::default())
    }

    fn with(config: &ConnectionConfig) -> Self {
        let now = Instant::from_nanos(1 << 40);
        let secrets = |iss| Unpredictable { iss: SeqNumber::new(iss), timestamp_offset: 0 };
        let caller = Connection::connect(config, secrets(0x1000_0000), now);
        let mut called = Connection::listen(config);
        called.prepare(secrets(0x2000_0000));
        let ends = [caller, called];
        let mut pair = Self { ends, now, packet: Vec::with_capacity(2_048), out: vec![0; DATA.len()] };
        for from in [0, 1, 0] {
            pair.carry(from, 1);
        }
        assert!(pair.ends.iter().all(|end| end.state() == State::Established), "the handshake is done");
        pair
    }

    /// Takes at most `most` segments from one end to the other, and says how many there were.
    pub(crate) fn carry(&mut self, from: usize, most: usize) -> usize {
        let [a, b] = &mut self.ends;
        let (from, to) = if from == 0 { (a, b) } else { (b, a) };
        for carried in 0..most {
            let Some(plan) = from.poll_segment(self.now) else { return carried };
            self.packet.clear();
            from.payload(&plan).for_each(|piece| self.packet.extend_from_slice(piece));
            self.now = self.now + GAP;
            to.on_segment(self.now, &plan.meta, Payload::Slice(&self.packet));
        }
        most
    }

    /// As many octets from each end to the other. Whoever sends keeps its buffer full; a network of 32
    /// segments.
    pub(crate) fn bulk(&mut self, octets: [usize; 2]) {
        let mut unsent = octets;
        let mut unread = [octets[1], octets[0]];
        while unread != [0, 0] {
            for end in 0..2 {
                let piece = &DATA[..unsent[end].min(DATA.len())];
                unsent[end] -= self.ends[end].send(self.now, piece).expect("it is open");
            }
            if self.carry(0, 32) + self.carry(1, 32) == 0 {
                let due = self.ends.iter().filter_map(Connection::poll_timeout).min();
                self.now = self.now.max(due.expect("something is to come"));
                for end in &mut self.ends {
                    end.on_timeout(self.now);
                }
            }
            for (end, unread) in self.ends.iter_mut().zip(&mut unread) {
                while let Received::Data(len) = end.recv_slice(self.now, &mut self.out) {
                    *unread -= len;
                }
            }
        }
    }
}

/// A connection that receives, and the header of the next segment that its peer would send.
#[derive(Clone)]
pub(crate) struct Receiver {
    pub(crate) connection: Connection,
    pub(crate) next: SegmentMeta,
    pub(crate) now: Instant,
}

impl Receiver {
    /// One that has received for a while: buffers have the size that they keep.
    pub(crate) fn established() -> Self {
        let mut pair = Pair::established();
        pair.bulk([1 << 20, 0]);
        let now = pair.now;
        let [peer, connection] = pair.ends;
        let next = header(&peer, now, peer.send_room());
        Self { connection, next, now }
    }

    /// One with a large window of which every second segment has not come, and the rest has: so many gaps.
    pub(crate) fn with_gaps(gaps: u32) -> Self {
        let mut config = ConnectionConfig::default();
        config.tcp.receive_window = 128 << 20;
        let pair = Pair::with(&config);
        let now = pair.now;
        let [peer, connection] = pair.ends;
        let next = header(&peer, now, 64 << 10);
        let mut receiver = Self { connection, next, now };
        for _ in 0..gaps {
            receiver.next.seq += SEGMENT as u32;
            receiver.arrives(Payload::Bytes { octets: Bytes::from_static(&DATA[..SEGMENT]), pinned: 2_048 });
            receiver.answers();
        }
        assert_eq!(receiver.connection.tcb().out_of_order().count(), gaps as usize);
        receiver
    }

    /// Makes the header of the next segment, of so many octets.
    #[inline]
    pub(crate) fn next_header(&mut self, len: usize) -> (Instant, SegmentMeta) {
        self.now = self.now + GAP;
        let seq = self.next.seq;
        self.next.seq += len as u32;
        let mut header = SegmentMeta { seq, len: len as u32, ..self.next };
        header.options.timestamps = clocks(self.now);
        (self.now, header)
    }

    /// The next segment arrives.
    #[inline]
    pub(crate) fn arrives(&mut self, payload: Payload<'_>) {
        let (now, header) = self.next_header(payload.len());
        self.connection.on_segment(now, &header, payload);
    }

    /// Forms the acknowledgments that are due, and says how many there were.
    #[inline]
    pub(crate) fn answers(&mut self) -> usize {
        let mut answers = 0;
        while let Some(plan) = self.connection.poll_segment(self.now) {
            std::hint::black_box(&plan);
            answers += 1;
        }
        answers
    }
}

/// A connection that sends, and the header of its peer's acknowledgments.
#[derive(Clone)]
pub(crate) struct Sender {
    pub(crate) connection: Connection,
    pub(crate) ack: SegmentMeta,
    pub(crate) now: Instant,
}

impl Sender {
    /// One that has sent for a while: its congestion window is wider than its buffer is large.
    pub(crate) fn established() -> Self {
        let pair = Pair::established();
        let now = pair.now;
        let [connection, peer] = pair.ends;
        let ack = header(&peer, now, 256 << 10);
        let mut sender = Self { connection, ack, now };
        while (sender.connection.tcb().cwnd() as usize) < (256 << 10) {
            while sender.connection.send(sender.now, &DATA).expect("it is open") > 0 {}
            let mut flight = 0;
            while let Some(plan) = sender.transmits() {
                flight += plan.meta.len as usize;
            }
            assert!(flight > 0, "it goes on");
            sender.hears_ack(flight);
        }
        while let Some(plan) = sender.transmits() {
            sender.hears_ack(plan.meta.len as usize);
        }
        sender
    }

    /// One whose buffer holds so many full segments, none of which is sent.
    pub(crate) fn with_queued(segments: usize) -> Self {
        let mut sender = Self::established();
        for _ in 0..segments {
            let taken = sender.connection.send(sender.now, &DATA[..SEGMENT]).expect("it is open");
            assert_eq!(taken, SEGMENT, "there is room");
        }
        sender
    }

    /// One that has sent so many full segments, none of which is acknowledged.
    pub(crate) fn with_sent(segments: usize) -> Self {
        let mut sender = Self::with_queued(segments);
        for _ in 0..segments {
            assert!(
                sender.transmits().is_some_and(|plan| plan.meta.len as usize == SEGMENT),
                "a full segment"
            );
        }
        sender
    }

    /// Forms the next segment and looks at its octets.
    #[inline]
    pub(crate) fn transmits(&mut self) -> Option<SegmentPlan> {
        self.now = self.now + GAP;
        let plan = self.connection.poll_segment(self.now)?;
        for piece in self.connection.payload(&plan) {
            std::hint::black_box(piece);
        }
        Some(plan)
    }

    /// Makes the header of an acknowledgment of so many more octets.
    #[inline]
    pub(crate) fn next_ack(&mut self, octets: usize) -> (Instant, SegmentMeta) {
        self.now = self.now + GAP;
        self.ack.ack += octets as u32;
        self.ack.options.timestamps = clocks(self.now);
        (self.now, self.ack)
    }

    /// So many more octets are acknowledged.
    #[inline]
    pub(crate) fn hears_ack(&mut self, octets: usize) {
        let (now, header) = self.next_ack(octets);
        self.connection.on_segment(now, &header, Payload::Slice(&[]));
    }
}

/// The header of the next segment that `from` would send, with a window of so many octets.
fn header(from: &Connection, now: Instant, window: usize) -> SegmentMeta {
    let tcb = from.tcb();
    let mut meta = SegmentMeta {
        seq: tcb.snd_max(),
        ack: tcb.rcv_nxt(),
        flags: TcpFlags::ACK,
        window: (window >> tcb.receive_scale()) as u16,
        ..SegmentMeta::default()
    };
    meta.options.timestamps = clocks(now);
    meta
}

/// Both ends have the same clock here, and the network takes no time.
#[inline]
fn clocks(now: Instant) -> Option<Timestamps> {
    let millis = (now.as_nanos() / 1_000_000) as u32;
    Some(Timestamps { val: millis, ecr: millis })
}
