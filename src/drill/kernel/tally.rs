//! What is counted of a connection's packets: Linux tells it in `TCP_INFO`, and the machine does not keep it.

use core::net::SocketAddr;

use super::Kernel;
use crate::drill::script::Direction;
use crate::host::FiveTuple;
use crate::wire::{IpPacket, IpProtocol, TcpSegment};
use crate::{Instant, SeqNumber, TcpFlags};

/// Counts of one connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) segments_out: u32,
    pub(super) segments_in: u32,
    /// Those with octets.
    pub(super) data_out: u32,
    pub(super) data_in: u32,
    /// Octets that were sent, again or not.
    pub(super) octets_out: u64,
    /// Segments that carried something new.
    pub(super) originals: u32,
    /// The number behind everything that was sent.
    end: Option<SeqNumber>,
    pub(super) data_sent_at: Option<Instant>,
    pub(super) data_came_at: Option<Instant>,
    pub(super) ack_came_at: Option<Instant>,
}

impl Kernel {
    /// A packet comes, or has gone.
    pub(in crate::drill) fn saw(&mut self, now: Instant, direction: Direction, octets: &[u8]) {
        let Ok(packet) = IpPacket::parse(octets, octets.len()) else { return };
        if packet.protocol != IpProtocol::TCP || packet.fragment.is_some() {
            return;
        }
        let Ok(segment) = TcpSegment::parse(packet.payload, packet.payload_len) else { return };
        let source = SocketAddr::new(packet.src, segment.src_port);
        let destination = SocketAddr::new(packet.dst, segment.dst_port);
        let ends = match direction {
            Direction::In => (destination, source),
            Direction::Out => (source, destination),
        };
        let tally = self.tallies.entry(ends).or_default();
        match direction {
            Direction::In => tally.hear(now, &segment),
            Direction::Out => tally.send(now, &segment),
        }
    }

    pub(super) fn tally(&self, tuple: &FiveTuple) -> Tally {
        self.tallies.get(&(tuple.local(), tuple.remote())).copied().unwrap_or_default()
    }
}

impl Tally {
    fn hear(&mut self, now: Instant, segment: &TcpSegment<'_>) {
        let has = |flag| segment.flags.contains(flag);
        if has(TcpFlags::SYN) && !has(TcpFlags::ACK) {
            // A new connection: the listener, and not the connection, has heard this.
            *self = Self::default();
            return;
        }
        self.segments_in += 1;
        if !segment.payload.is_empty() {
            self.data_in += 1;
            self.data_came_at = Some(now);
        }
        if has(TcpFlags::ACK) {
            self.ack_came_at = Some(now);
        }
    }

    fn send(&mut self, now: Instant, segment: &TcpSegment<'_>) {
        let has = |flag| segment.flags.contains(flag);
        if has(TcpFlags::RST) {
            return;
        }
        let (syn, len) = (has(TcpFlags::SYN), u32::try_from(segment.payload.len()).unwrap_or(0));
        let end = segment.seq + (len + u32::from(syn) + u32::from(has(TcpFlags::FIN)));
        if syn && !has(TcpFlags::ACK) && self.end.is_none_or(|known| known != end) {
            *self = Self::default();
        }
        // A listener sends the SYN,ACK.
        if !(syn && has(TcpFlags::ACK)) {
            self.segments_out += 1;
        }
        if len > 0 {
            self.data_out += 1;
            self.octets_out += u64::from(len);
            self.data_sent_at = Some(now);
        }
        if end != segment.seq && self.end.is_none_or(|known| end.after(known)) {
            self.originals += 1;
            self.end = Some(end);
        }
    }
}
