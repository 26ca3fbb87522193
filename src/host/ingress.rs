//! Packets in: what each is for.

use core::net::IpAddr;

use super::flow::Marks;
use super::fragments::Taken;
use super::icmp::Complaint;
use super::own::Standing;
use super::packet::{Checksums, Ingress, Packet};
use super::passive::Reply;
use super::single::frame::{self, is_an_end};
use super::udp::{Arriving, Udp};
use super::{ConnId, FiveTuple, Host, IgnoreReason, demux};
use crate::Instant;
use crate::connection::Payload;
use crate::tcp::SegmentMeta;
use crate::wire::{ChecksumStatus, IpPacket, IpProtocol, LengthSource, Reassembled, TcpSegment};

/// Where a packet comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// The network.
    Wire,
    /// This host itself.
    Loop,
}

/// How a packet came.
#[derive(Clone, Copy, Debug)]
pub(super) struct Came {
    pub(super) origin: Origin,
    /// What its destination is to us.
    pub(super) standing: Standing,
    /// The number of its link.
    pub(super) scope: u32,
}

/// What the sender of a packet of this protocol is to hear, by what became of it.
const fn complaint_of(taken: &Result<Ingress, IgnoreReason>, protocol: IpProtocol) -> Option<Complaint> {
    match taken {
        Err(IgnoreReason::NoSocket) => Some(Complaint::Port),
        // Messages of ICMP that are not known are passed over in silence (RFC 1122 §3.2.2, RFC 4443 §2.4 (b)), and so
        // is what has nothing in it (RFC 8200 §4.7).
        Ok(Ingress::Raw) => match protocol {
            IpProtocol::ICMP | IpProtocol::ICMPV6 | IpProtocol::NO_NEXT_HEADER => None,
            _ => Some(Complaint::Protocol),
        },
        _ => None,
    }
}

impl Host {
    /// Takes in an IP packet: `&[u8]`, or `&Bytes` or `Bytes` which may be kept by reference, or a [`Packet`]
    /// that says more about it. Hostile packets are counted under a reason ([`HostStats`](super::HostStats)) and else change nothing.
    ///
    /// Hand in everything that has arrived before polling: one acknowledgment then answers it all (RFC 9293 MUST-58,
    /// MUST-59).
    pub fn handle_packet<'p>(&mut self, now: Instant, packet: impl Into<Packet<'p>>) -> Ingress {
        let mut packet = packet.into();
        self.stats.packets_in += 1;
        self.stats.octets_in += packet.as_slice().len() as u64;
        match self.take_common(now, &mut packet) {
            Some(Some(id)) => Ingress::Connection(id),
            Some(None) => Ingress::Taken,
            None => self.take_in(now, &packet, Origin::Wire),
        }
    }

    /// Takes in packets in the order in which they arrived, and says how many of them were not ignored. Packets that
    /// arrived together are best handed in together: they are answered together.
    pub fn handle_packets<'p, P: Into<Packet<'p>>>(
        &mut self,
        now: Instant,
        packets: impl IntoIterator<Item = P>,
    ) -> usize {
        let outcomes = packets.into_iter().map(|packet| self.handle_packet(now, packet));
        outcomes.filter(|outcome| !matches!(outcome, Ingress::Ignored(_))).count()
    }

    pub(super) fn take_in(&mut self, now: Instant, packet: &Packet<'_>, origin: Origin) -> Ingress {
        match self.sort(now, packet, origin) {
            Ok(ingress) => ingress,
            Err(reason) => {
                self.stats.ignore(reason);
                Ingress::Ignored(reason)
            }
        }
    }

    /// Finds out what a packet is for.
    fn sort(&mut self, now: Instant, packet: &Packet<'_>, origin: Origin) -> Result<Ingress, IgnoreReason> {
        let ip = frame::ip(packet.as_slice())?;
        match ip.length {
            LengthSource::Ip => {}
            LengthSource::Link if packet.checksums != Checksums::Unknown => {}
            LengthSource::Link | LengthSource::CutByLink => return Err(IgnoreReason::IpLength),
        }
        let standing = self.own.standing(ip.dst);
        // What is for loopback never comes over a wire (RFC 1122 §3.2.1.3 (g), RFC 4291 §2.5.3).
        let strays = origin == Origin::Wire && is_loopback(ip.dst);
        if standing == Standing::Foreign || strays {
            return Err(IgnoreReason::OtherDestination);
        }
        self.check_source(ip.src, origin)?;
        let came = Came { origin, standing, scope: packet.scope };
        if ip.fragment.is_some() {
            return self.take_fragment(now, packet, &ip, came);
        }
        if ip.src.is_ipv6() {
            self.examine(now, packet, came)?;
        }
        let taken = self.take_whole(now, packet, &ip, came);
        if let Some(complaint) = complaint_of(&taken, ip.protocol) {
            self.complain(now, packet.as_slice(), came, complaint);
        }
        taken
    }

    /// A datagram in one piece.
    fn take_whole(
        &mut self,
        now: Instant,
        packet: &Packet<'_>,
        ip: &IpPacket<'_>,
        came: Came,
    ) -> Result<Ingress, IgnoreReason> {
        match ip.protocol {
            // No connection has an end that is not one host's (RFC 9293 MUST-57).
            IpProtocol::TCP if came.standing == Standing::Ours => self.take_segment(now, packet, ip),
            IpProtocol::TCP => Err(IgnoreReason::OtherDestination),
            IpProtocol::UDP => self.take_udp(now, packet, ip),
            IpProtocol::ICMP if ip.src.is_ipv4() => self.take_icmp(now, ip, came),
            IpProtocol::ICMPV6 if ip.src.is_ipv6() => self.take_icmp(now, ip, came),
            _ => Ok(Ingress::Raw),
        }
    }

    /// A piece of a datagram: the last one brings all of it.
    #[cold]
    fn take_fragment(
        &mut self,
        now: Instant,
        packet: &Packet<'_>,
        ip: &IpPacket<'_>,
        came: Came,
    ) -> Result<Ingress, IgnoreReason> {
        let taken = self.fragments.take(now, packet.as_slice(), ip);
        // It may have found that others are late.
        self.complain_of_expired(now);
        match taken {
            Taken::Waiting => Ok(Ingress::Taken),
            Taken::Dropped(_, problem) => {
                if let Some(problem) = problem {
                    self.complain(now, packet.as_slice(), came, Complaint::Parameter(problem));
                }
                Err(IgnoreReason::BadFragment)
            }
            Taken::Whole(whole) => self.take_reassembled(now, whole, came),
        }
    }

    fn take_reassembled(
        &mut self,
        now: Instant,
        whole: Reassembled,
        came: Came,
    ) -> Result<Ingress, IgnoreReason> {
        let ip = IpPacket {
            src: whole.src,
            dst: whole.dst,
            protocol: whole.protocol,
            traffic_class: whole.traffic_class,
            hop_limit: whole.hop_limit,
            fragment: None,
            payload: &whole.payload,
            payload_len: whole.payload.len(),
            length: LengthSource::Ip,
        };
        // What a card knows of a piece says nothing about the whole.
        let packet = Packet::from(&whole.payload).with_scope(came.scope);
        let taken = self.take_whole(now, &packet, &ip, came);
        if let Some(complaint) = complaint_of(&taken, ip.protocol) {
            self.complain_about_whole(now, &whole, came, complaint);
        }
        match taken {
            Ok(Ingress::Raw) => Ok(Ingress::RawWhole(whole)),
            other => other,
        }
    }

    /// A UDP datagram.
    fn take_udp(
        &mut self,
        now: Instant,
        packet: &Packet<'_>,
        ip: &IpPacket<'_>,
    ) -> Result<Ingress, IgnoreReason> {
        let arriving = Arriving {
            src: ip.src,
            dst: ip.dst,
            scope: packet.scope,
            traffic_class: ip.traffic_class,
            hop_limit: ip.hop_limit,
            checksums: packet.checksums,
            payload: packet.payload(ip.payload),
        };
        match self.udp.on_datagram(now, arriving) {
            Udp::Delivered(_) => Ok(Ingress::Taken),
            Udp::NoSocket => Err(IgnoreReason::NoSocket),
            Udp::Dropped(_) => Err(IgnoreReason::Udp),
        }
    }

    /// A source has to be somebody's address (RFC 1122 §3.2.1.3), and on the wire not ours: who sends packets in our
    /// name is a liar (RFC 9293 MUST-63).
    pub(super) fn check_source(&self, src: IpAddr, origin: Origin) -> Result<(), IgnoreReason> {
        let ours = self.own.is_listed(src);
        let wrong = match origin {
            Origin::Wire => ours || is_loopback(src),
            Origin::Loop => !ours && !self.own.takes_anything(),
        };
        if wrong || self.own.is_broadcast(src) { Err(IgnoreReason::InvalidSource) } else { Ok(()) }
    }

    /// A TCP segment: the checksum, the one check that reads all of it, comes last.
    fn take_segment(
        &mut self,
        now: Instant,
        packet: &Packet<'_>,
        ip: &IpPacket<'_>,
    ) -> Result<Ingress, IgnoreReason> {
        let segment = TcpSegment::parse(ip.payload, ip.payload_len).map_err(|_| IgnoreReason::TcpHeader)?;
        let tuple = FiveTuple::between(ip, segment.dst_port, segment.src_port, packet.scope);
        if !is_an_end(tuple.remote()) || segment.dst_port == 0 || tuple.local() == tuple.remote() {
            return Err(IgnoreReason::InvalidSource);
        }
        if packet.checksums != Checksums::Verified {
            match segment.checksum_status(ip.src, ip.dst) {
                ChecksumStatus::Good => {}
                ChecksumStatus::Offloaded if packet.checksums == Checksums::Partial => {}
                _ => return Err(IgnoreReason::TcpChecksum),
            }
        }
        let meta = frame::meta(&segment, ip.ecn());
        let payload = packet.payload(segment.payload);
        let hash = demux::hash(&self.secret, &tuple);
        match self.find(hash, &tuple) {
            Some(index) => Ok(self.give_segment(now, index, &meta, payload)),
            None => self.take_stray(now, hash, &tuple, &meta, payload),
        }
    }

    /// A segment of a connection that is there.
    pub(super) fn give_segment(
        &mut self,
        now: Instant,
        index: u32,
        meta: &SegmentMeta,
        payload: Payload<'_>,
    ) -> Ingress {
        self.give(now, index, meta, payload).map_or(Ingress::Taken, Ingress::Connection)
    }

    /// The same, and whose it was; `None` if the connection had to make room for others just now.
    pub(super) fn give(
        &mut self,
        now: Instant,
        index: u32,
        meta: &SegmentMeta,
        payload: Payload<'_>,
    ) -> Option<ConnId> {
        self.stats.segments_in += 1;
        if meta.len > 0 && self.is_short_of_memory(now) {
            self.stats.refused_for_memory += 1;
            return self.hand_over(now, index, &without_octets(meta), Payload::Slice(&[]));
        }
        self.hand_over(now, index, meta, payload)
    }

    #[inline]
    fn hand_over(
        &mut self,
        now: Instant,
        index: u32,
        meta: &SegmentMeta,
        payload: Payload<'_>,
    ) -> Option<ConnId> {
        // Afterwards the row may be gone, and its place be that of the next connection.
        let id = self.id(index);
        let flow = self.flows.get_mut(index)?;
        let arrival = flow.connection.on_segment(now, meta, payload);
        if let Some(reason) = arrival.verdict.refused {
            self.stats.refuse(reason);
        }
        if arrival.verdict.notices.connected {
            if flow.marks.take(Marks::EARLY) {
                self.passive.early_no_more();
            }
            if let Some(cookie) = flow.connection.tcb().fast_open_cookie() {
                let mss = u16::try_from(flow.connection.tcb().segment_size()).unwrap_or(u16::MAX);
                self.jar.put(&self.secret, flow.tuple.remote_ip(), cookie, mss);
            }
        }
        self.note_disorder(index);
        self.settle(now, index, &arrival.verdict.notices);
        Some(id)
    }

    /// Answers a segment that is for nobody with a reset, unless it is one (RFC 9293 §3.10.7.1).
    pub(super) fn refuse(&mut self, now: Instant, tuple: &FiveTuple, meta: &SegmentMeta) {
        let syn = meta.flags.contains(crate::TcpFlags::SYN);
        if !self.config.reset_closed_ports || syn && !self.config.reset_syns {
            return;
        }
        let Some(reset) = meta.reset_in_answer() else {
            return;
        };
        if self.resets.allow(now) && self.replies.push(Reply { tuple: *tuple, meta: reset, listener: None }) {
            self.stats.resets_out += 1;
        } else {
            self.stats.answers_withheld += 1;
        }
    }

    /// The row of that name.
    pub(super) fn find(&self, hash: u64, tuple: &FiveTuple) -> Option<u32> {
        self.names.find(hash, |index| self.flows.get(index).is_some_and(|flow| flow.tuple == *tuple))
    }
}

pub(super) const fn is_loopback(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_loopback(),
        IpAddr::V6(ip) => ip.is_loopback(),
    }
}

/// The segment as if its octets, and what comes behind them, had been lost: its acknowledgment counts.
fn without_octets(meta: &SegmentMeta) -> SegmentMeta {
    let behind = crate::TcpFlags::FIN | crate::TcpFlags::PSH | crate::TcpFlags::URG;
    SegmentMeta { len: 0, flags: meta.flags.without(behind), ..*meta }
}
