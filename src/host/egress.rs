//! Packets out: whose turn it is, and how a packet is written.

use core::net::IpAddr;

use super::ingress::Origin;
use super::packet::{Checksums, Packet, PartialChecksum, Transmit};
use super::passive::Reply;
use super::settle::arm;
use super::single::frame::Framing;
use super::{ConnId, Flow, Host, Marks, Own};
use crate::tcp::{Notices, SegmentPlan};
use crate::{Instant, TcpFlags};

/// Packets that a connection sends before it is the turn of the next.
const TURN: u8 = 16;
/// Packets from this host to itself in one call.
const LOOPS: usize = 1_024;

/// A packet that was written.
pub(super) struct Written {
    pub(super) transmit: Transmit,
    /// It goes to one of our own addresses.
    pub(super) loops: bool,
}

impl Written {
    #[inline(always)]
    const fn plain(len: usize, loops: bool) -> Self {
        Self { transmit: Transmit { len, segment_size: None, checksum: None }, loops }
    }
}

/// A segment that was formed and has to wait: it does not go into the large packet before it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waiting {
    id: ConnId,
    plan: SegmentPlan,
}

impl Host {
    /// Writes the next packet to the start of `out`; `None` if there is nothing to send. `out` must have room for a
    /// packet as large as the MTU, however short this one may be: if not, nothing is ever written. With
    /// [`Offload::segmentation`](super::Offload) give it as much room as that.
    ///
    /// What goes to one of our own addresses comes back in at once and is not handed out.
    pub fn poll_transmit(&mut self, now: Instant, out: &mut [u8]) -> Option<Transmit> {
        if out.len() < usize::from(self.config.mtu) {
            return None;
        }
        self.loops_on = false;
        for _ in 0..LOOPS {
            let Written { transmit, loops } = self.next_packet(now, out)?;
            if !loops {
                self.stats.packets_out += 1;
                self.stats.octets_out += transmit.len as u64;
                return Some(transmit);
            }
            self.stats.looped += 1;
            let packet = Packet::from(out.get(..transmit.len).unwrap_or_default());
            self.take_in(now, &packet.with_checksums(Checksums::Verified), Origin::Loop);
        }
        self.loops_on = true;
        None
    }

    /// Connections, answers, half-open connections, datagrams and ICMP take turns, so that none can keep the others from sending.
    fn next_packet(&mut self, now: Instant, out: &mut [u8]) -> Option<Written> {
        for _ in 0..5 {
            self.source = if self.only_connections_wait() { 0 } else { (self.source + 1) % 5 };
            let written = match self.source {
                0 => self.next_of_connections(now, out),
                1 => self.next_answer(out),
                2 => self.next_of_rows(now, out),
                3 => self.next_datagram(out),
                _ => self.next_message(out),
            };
            if written.is_some() || self.source == 0 && self.only_connections_wait() {
                return written;
            }
        }
        None
    }

    /// Whether nobody waits for a turn to send but connections, as is so most often.
    #[inline(always)]
    fn only_connections_wait(&self) -> bool {
        let nothing_else = self.replies.is_empty() && !self.passive.has_reply();
        nothing_else && self.udp.is_silent() && self.icmp.is_empty()
    }

    /// The next packet of a UDP socket.
    fn next_datagram(&mut self, out: &mut [u8]) -> Option<Written> {
        let len = self.udp.next_packet(out, &self.own, &mut self.identifications)?;
        Some(Written::plain(len, self.own.is_listed(destination(out)?)))
    }

    /// The next ICMP message.
    fn next_message(&mut self, out: &mut [u8]) -> Option<Written> {
        let (len, to) = self.icmp.poll_transmit(out)?;
        Some(Written::plain(len, self.own.is_listed(to)))
    }

    /// The next answer that belongs to no connection.
    fn next_answer(&mut self, out: &mut [u8]) -> Option<Written> {
        let reply = self.replies.pop()?;
        self.write_answer(&reply, out)
    }

    /// The next SYN,ACK of a half-open connection. It has turns of its own: a flood that is answered with cookies does
    /// not keep it back.
    fn next_of_rows(&mut self, now: Instant, out: &mut [u8]) -> Option<Written> {
        let reply = self.passive.poll_reply(now, &self.secret)?;
        self.write_answer(&reply, out)
    }

    fn write_answer(&self, reply: &Reply, out: &mut [u8]) -> Option<Written> {
        let (local, remote) = (reply.tuple.local(), reply.tuple.remote());
        let listener = reply.listener.and_then(|listener| self.passive.listener(listener));
        let (its, tcp) =
            (listener.map(|its| its.config), listener.map(|its| its.connection(&reply.tuple).tcp()));
        let framing = Framing {
            local,
            remote,
            hop_limit: its.and_then(|its| its.hop_limit).unwrap_or(self.config.hop_limit),
            dscp: its.and_then(|its| its.dscp).unwrap_or(self.config.dscp),
            // It is never cut into pieces: the number tells nothing (RFC 6864 §4.1).
            id: 0,
            flow_label: self.secret.flow_label(local, remote),
            layout: tcp.map_or(self.config.connection.tcp.option_layout, |tcp| tcp.option_layout),
        };
        let len = framing.emit(out, &reply.meta, []).ok()?;
        Some(Written::plain(len, self.own.lists(reply.tuple.to())))
    }

    /// The next packet of a connection.
    fn next_of_connections(&mut self, now: Instant, out: &mut [u8]) -> Option<Written> {
        while let Some(&index) = self.sending.front() {
            // A place may have outlived its row.
            if !self.flows.get(index).is_some_and(|flow| flow.marks.has(Marks::SENDING)) {
                self.turn = 0;
                self.sending.pop_front();
                continue;
            }
            if self.turn >= TURN && self.waiting.is_none() {
                self.turn = 0;
                self.sending.rotate_left(1);
                continue;
            }
            let offload = &self.config.offload;
            if offload.segmentation > 0 || offload.checksum || self.waiting.is_some() {
                match self.next_large(now, index, out) {
                    Some(written) if written.is_some() => return written,
                    Some(_) => {}
                    None => self.has_sent_all(now, index),
                }
                continue;
            }
            match self.next_plain(now, index, out) {
                Some((len, loops)) if len > 0 => return Some(Written::plain(len, loops)),
                // It did not come to be written.
                Some(_) => {}
                None => self.has_sent_all(now, index),
            }
        }
        None
    }

    /// Writes the next segment of a connection, and says how many octets the packet has, zero if it did not come to be
    /// written, and whether it goes to ourselves; `None` if there is no segment.
    #[inline(always)]
    fn next_plain(&mut self, now: Instant, index: u32, out: &mut [u8]) -> Option<(usize, bool)> {
        let flow = self.flows.get_mut(index)?;
        // The plan stays where it was formed: to move it costs more than to read it.
        let mut plan = SegmentPlan::default();
        if !flow.connection.poll_segment_into(now, &mut plan) {
            return None;
        }
        self.turn += 1;
        self.stats.segments_out += 1;
        flow.ip_id = flow.ip_id.wrapping_add(1);
        let loops = self.own.lists(flow.tuple.to());
        let written = flow.framing().emit(out, &plan.meta, flow.connection.payload(&plan));
        debug_assert!(written.is_ok(), "a segment that does not fit into the MTU: {written:?}");
        if plan.notices.is_empty() {
            arm(&mut self.wheel, flow, index);
        } else {
            self.settle(now, index, &plan.notices);
        }
        Some((written.unwrap_or(0), loops))
    }

    /// Writes the next packet of a connection where a card completes it, or cuts it up.
    #[inline(never)]
    fn next_large(&mut self, now: Instant, index: u32, out: &mut [u8]) -> Option<Option<Written>> {
        let plan = self.next_segment(now, index)?;
        self.turn += 1;
        let Large { plan, size } = self.gather(now, index, plan, out.len());
        let written = self
            .flows
            .get_mut(index)
            .and_then(|flow| write(flow, &plan, size, (&self.config, &self.own), out));
        self.arm(index);
        Some(written)
    }

    /// The next segment of a connection: the one that had to wait, or one that is formed now.
    fn next_segment(&mut self, now: Instant, index: u32) -> Option<SegmentPlan> {
        // It waits for the next turn of the one that has it now: if that is another, its connection is gone.
        if let Some(waiting) = self.waiting.take()
            && waiting.id == self.id(index)
        {
            return Some(waiting.plan);
        }
        let plan = self.flows.get_mut(index)?.connection.poll_segment(now)?;
        self.stats.segments_out += 1;
        if !plan.notices.is_empty() {
            self.settle(now, index, &plan.notices);
        }
        Some(plan)
    }

    /// The first in the queue has nothing more to send now. It may have something that has to wait: whatever lets it go,
    /// a segment, time or a call of the user, gives it another place.
    fn has_sent_all(&mut self, now: Instant, index: u32) {
        self.turn = 0;
        self.sending.pop_front();
        if let Some(flow) = self.flows.get_mut(index) {
            flow.marks.clear(Marks::SENDING);
        }
        self.settle_silent(now, index, &Notices::default());
    }

    /// Puts the segments behind `first` into one packet with it, where the card cuts it up again: as many as are
    /// alike, and fit.
    fn gather(&mut self, now: Instant, index: u32, first: SegmentPlan, room: usize) -> Large {
        let size = first.meta.len;
        let mut large = Large { plan: first, size: None };
        // The headers of a large packet are at most 40 and 60 octets.
        let most = u32::from(self.config.offload.segmentation).min(room.try_into().unwrap_or(u32::MAX));
        let most = most.saturating_sub(100);
        while size > 0 && large.plan.meta.len + size <= most && large.plan.meta.len.is_multiple_of(size) {
            let sealed = TcpFlags::FIN | TcpFlags::SYN | TcpFlags::RST | TcpFlags::URG | TcpFlags::PSH;
            if large.plan.meta.flags.intersects(sealed) {
                break;
            }
            let Some(next) = self.next_segment(now, index) else {
                break;
            };
            if !large.takes(&next, size) {
                self.waiting = Some(Waiting { id: self.id(index), plan: next });
                break;
            }
            large.plan.meta.len += next.meta.len;
            large.plan.meta.flags |= next.meta.flags;
            large.size = u16::try_from(size).ok();
        }
        large
    }
}

/// Segments in one packet.
struct Large {
    /// The header of the first, with the flags of the last and the octets of all.
    plan: SegmentPlan,
    /// Octets in each, if there are several.
    size: Option<u16>,
}

impl Large {
    /// Whether a segment can be cut out of the packet again: it differs from the first only in what the cutting
    /// changes.
    fn takes(&self, next: &SegmentPlan, size: u32) -> bool {
        let (this, next, offset) = (&self.plan.meta, &next.meta, next.offset);
        let last = TcpFlags::PSH | TcpFlags::FIN;
        next.len > 0
            && next.len <= size
            && offset == self.plan.offset + u64::from(this.len)
            && next.seq == this.seq + this.len
            && this.flags == next.flags.without(last)
            && !this.flags.intersects(TcpFlags::CWR)
            && (this.ack, this.window, this.ecn, &this.options)
                == (next.ack, next.window, next.ecn, &next.options)
    }
}

/// Writes a packet, of segments of `size` octets if there are several in it.
fn write(
    flow: &mut Flow,
    plan: &SegmentPlan,
    size: Option<u16>,
    (config, own): (&super::HostConfig, &Own),
    out: &mut [u8],
) -> Option<Written> {
    let loops = own.lists(flow.tuple.to());
    let segments = size.map_or(1, |size| plan.meta.len.div_ceil(u32::from(size)));
    // What waited may have been acknowledged, or given up, meanwhile.
    if plan.meta.len > 0 && !flow.connection.has_octets(plan) {
        return None;
    }
    flow.ip_id = flow.ip_id.wrapping_add(1);
    let framing = flow.framing();
    flow.ip_id = flow.ip_id.wrapping_add(segments as u16 - 1);
    let payload = flow.connection.payload(plan);
    let partial = size.is_some() || config.offload.checksum;
    let (len, checksum) = if partial {
        let (len, start) = framing.emit_partial(out, &plan.meta, payload).ok()?;
        (len, Some(PartialChecksum { start, offset: 16 }))
    } else {
        (framing.emit(out, &plan.meta, payload).ok()?, None)
    };
    let transmit = Transmit { len, segment_size: size, checksum };
    Some(Written { transmit, loops })
}

/// Where a packet goes.
pub(super) fn destination(packet: &[u8]) -> Option<IpAddr> {
    address(packet, 16, 24)
}

/// Where a packet comes from.
pub(super) fn source(packet: &[u8]) -> Option<IpAddr> {
    address(packet, 12, 8)
}

/// The address that stands at one place in IPv4 and at another in IPv6.
fn address(packet: &[u8], v4: usize, v6: usize) -> Option<IpAddr> {
    match packet.first()? >> 4 {
        4 => packet.get(v4..v4 + 4).and_then(|octets| <[u8; 4]>::try_from(octets).ok()).map(IpAddr::from),
        _ => packet.get(v6..v6 + 16).and_then(|octets| <[u8; 16]>::try_from(octets).ok()).map(IpAddr::from),
    }
}
