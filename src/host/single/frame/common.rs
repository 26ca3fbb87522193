//! The form of almost all packets, written and read at once: an IP header without options, one TCP header, and of the
//! options of TCP either none or the timestamps alone, in the place that RFC 7323 §A recommends.
//!
//! What is written here is octet for octet what the long way writes, and what is read here the long way reads alike;
//! everything else is left to it, and so is to say what is wrong with a packet. Values are passed on in registers, or
//! stored where they are to stay: a structure that is written in pieces and then copied costs more than all that is
//! done with a header.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Framing;
use crate::tcp::{SegmentMeta, SegmentOptions, Timestamps};
use crate::wire::{Checksum, EmitError, IpProtocol, checksum};
use crate::{EcnCodepoint, SeqNumber, TcpFlags};

/// Two no-operations, and kind and length of the timestamps (RFC 7323 §A).
const TIMESTAMPS: u32 = 0x0101_080a;
/// Octets of that option, with what is in front of it.
const TIMESTAMPS_LEN: usize = 12;
/// Octets of a TCP header without options.
const TCP: usize = 20;
/// Protocol and next header.
const PROTOCOL: u32 = IpProtocol::TCP.0 as u32;

/// An address of either version of IP.
pub(in crate::host) trait Address: Copy + PartialEq + Into<IpAddr> {
    /// Octets of the header that it stands in.
    const HEADER: usize;

    /// The sum of its words.
    fn sum(self) -> u64;
}

impl Address for Ipv4Addr {
    const HEADER: usize = 20;

    #[inline(always)]
    fn sum(self) -> u64 {
        u64::from(self.to_bits())
    }
}

impl Address for Ipv6Addr {
    const HEADER: usize = 40;

    #[inline(always)]
    fn sum(self) -> u64 {
        checksum::words_of(self).into_iter().map(u64::from).sum()
    }
}

/// A packet of the common form. Whether its segment came whole is not known yet: [`is_whole`](Self::is_whole).
#[derive(Clone, Copy, Debug)]
pub(in crate::host) struct Common<'a, A> {
    pub(in crate::host) src: A,
    pub(in crate::host) dst: A,
    ecn: EcnCodepoint,
    /// TCP's header and payload.
    segment: &'a [u8],
    header: [u32; 5],
    timestamps: Option<Timestamps>,
    pub(in crate::host) payload: &'a [u8],
}

impl<'a> Common<'a, Ipv4Addr> {
    /// Reads IPv4, the sum of its header included. `None` if it is something else.
    #[inline(always)]
    pub(in crate::host) fn v4(bytes: &'a [u8]) -> Option<Self> {
        let (header, rest) = bytes.split_first_chunk::<20>()?;
        let words: [u32; 5] = words(header)?;
        let [first, second, third, src, dst] = words;
        let sum = Checksum::of_words(words.into_iter().map(u64::from).sum());
        // The bits of a fragment: more to follow, and where it begins.
        let is_common = first >> 24 == 0x45
            && second & 0x3fff == 0
            && third >> 16 & 0xff == PROTOCOL
            && sum.sum() == 0xffff;
        if !is_common {
            return None;
        }
        let len = (first & 0xffff) as usize;
        let segment = rest.get(..len.checked_sub(header.len())?)?;
        Self::tcp(Ipv4Addr::from_bits(src), Ipv4Addr::from_bits(dst), (first >> 16) as u8, segment)
    }
}

impl<'a> Common<'a, Ipv6Addr> {
    /// Reads IPv6. `None` if it is something else.
    #[inline(always)]
    pub(in crate::host) fn v6(bytes: &'a [u8]) -> Option<Self> {
        let (header, rest) = bytes.split_first_chunk::<8>()?;
        let (src, rest) = rest.split_first_chunk::<16>()?;
        let (dst, rest) = rest.split_first_chunk::<16>()?;
        let [first, second]: [u32; 2] = words(header)?;
        // A length of zero has other meanings, and is too short for TCP.
        if first >> 28 != 6 || second >> 8 & 0xff != PROTOCOL {
            return None;
        }
        let segment = rest.get(..(second >> 16) as usize)?;
        Self::tcp(Ipv6Addr::from(*src), Ipv6Addr::from(*dst), (first >> 20) as u8, segment)
    }
}

impl<'a, A: Address> Common<'a, A> {
    #[inline(always)]
    fn tcp(src: A, dst: A, traffic_class: u8, segment: &'a [u8]) -> Option<Self> {
        let (fixed, rest) = segment.split_first_chunk::<TCP>()?;
        let header: [u32; 5] = words(fixed)?;
        let [.., offset_and_more, _] = header;
        let (timestamps, payload) = match offset_and_more >> 28 {
            5 => (None, rest),
            8 => {
                let (option, payload) = rest.split_first_chunk::<TIMESTAMPS_LEN>()?;
                let [TIMESTAMPS, val, ecr] = words(option)? else { return None };
                (Some(Timestamps { val, ecr }), payload)
            }
            _ => return None,
        };
        let ecn = EcnCodepoint::from_bits(traffic_class);
        Some(Self { src, dst, ecn, segment, header, timestamps, payload })
    }

    /// Octets of the packet before the payload.
    #[inline(always)]
    pub(in crate::host) const fn payload_start(&self) -> usize {
        A::HEADER + self.segment.len() - self.payload.len()
    }

    /// Source and destination port, as they stand in the header.
    #[inline(always)]
    pub(in crate::host) const fn ports(&self) -> (u16, u16) {
        let [ports, ..] = self.header;
        ((ports >> 16) as u16, ports as u16)
    }

    /// Whether the checksum is right (RFC 9293 MUST-3): one pass over all octets.
    #[inline(always)]
    pub(in crate::host) fn is_whole(&self) -> bool {
        // An IP header has said how long it is: at most 16 bits.
        let len = self.segment.len() as u64;
        let mut sum = Checksum::of_words(self.src.sum() + self.dst.sum() + u64::from(PROTOCOL) + len);
        sum.add_bytes(self.segment);
        sum.sum() == 0xffff
    }

    /// What the machine sees of the segment, stored where it is to stay.
    #[inline(always)]
    pub(in crate::host) fn read(&self, meta: &mut SegmentMeta) {
        let [_, seq, ack, more, last] = self.header;
        *meta = SegmentMeta {
            seq: SeqNumber::new(seq),
            ack: SeqNumber::new(ack),
            flags: TcpFlags::from_bits((more >> 16) as u16),
            window: more as u16,
            urgent: last as u16,
            len: self.payload.len() as u32,
            ecn: self.ecn,
            options: SegmentOptions { timestamps: self.timestamps, ..SegmentOptions::default() },
        };
    }
}

/// Octets of a header as the numbers that they are.
#[inline(always)]
fn words<const N: usize>(octets: &[u8]) -> Option<[u32; N]> {
    let (words, _) = octets.as_chunks::<4>();
    Some(words.first_chunk::<N>()?.map(u32::from_be_bytes))
}

/// Numbers as the octets of a header.
#[inline(always)]
fn put<const N: usize>(octets: &mut [u8], words: [u32; N]) {
    let (places, _) = octets.as_chunks_mut::<4>();
    for (place, word) in places.iter_mut().zip(words) {
        *place = word.to_be_bytes();
    }
}

fn sum<const N: usize>(words: [u32; N]) -> u64 {
    words.into_iter().map(u64::from).sum()
}

/// Whether there is nothing in the segment that needs the long way.
#[inline(always)]
pub(super) fn is_common(meta: &SegmentMeta) -> bool {
    !meta.flags.contains(TcpFlags::SYN) && meta.options.sack.is_empty()
}

impl Framing {
    /// Writes a packet of the common form over IPv4. `None`: it does not fit, and nothing was written; the long way
    /// says why.
    #[inline(always)]
    pub(super) fn emit_v4<'p>(
        &self,
        (src, dst): (Ipv4Addr, Ipv4Addr),
        out: &mut [u8],
        meta: &SegmentMeta,
        payload: &mut impl Iterator<Item = &'p [u8]>,
    ) -> Option<Result<usize, EmitError>> {
        const IP: usize = 20;
        let tcp_len = tcp_len(meta);
        let (ip, rest) = out.split_first_chunk_mut::<IP>()?;
        if tcp_len + IP > usize::from(u16::MAX) || self.dscp > 63 || rest.len() < tcp_len {
            return None;
        }
        let first = 0x45 << 24 | self.class(meta) << 16 | (tcp_len + IP) as u32;
        // Don't fragment (RFC 791 §3.1).
        let second = u32::from(self.id) << 16 | 0x4000;
        let third = u32::from(self.hop_limit) << 24 | PROTOCOL << 16;
        let addresses = src.sum() + dst.sum();
        let header = Checksum::of_words(sum([first, second, third]) + addresses).finish();
        put(ip, [first, second, third | u32::from(header), src.to_bits(), dst.to_bits()]);
        Some(self.emit_tcp(addresses, rest, meta, payload).map(|len| IP + len))
    }

    /// Writes a packet of the common form over IPv6. `None`: as for [`emit_v4`](Self::emit_v4).
    #[inline(always)]
    pub(super) fn emit_v6<'p>(
        &self,
        (src, dst): (Ipv6Addr, Ipv6Addr),
        out: &mut [u8],
        meta: &SegmentMeta,
        payload: &mut impl Iterator<Item = &'p [u8]>,
    ) -> Option<Result<usize, EmitError>> {
        const IP: usize = 40;
        let tcp_len = tcp_len(meta);
        let (ip, rest) = out.split_first_chunk_mut::<IP>()?;
        if tcp_len > usize::from(u16::MAX) || self.flow_label > 0xf_ffff || rest.len() < tcp_len {
            return None;
        }
        let first = 6 << 28 | self.class(meta) << 20 | self.flow_label;
        let second = (tcp_len as u32) << 16 | PROTOCOL << 8 | u32::from(self.hop_limit);
        let (fixed, addresses) = ip.split_first_chunk_mut::<8>()?;
        put(fixed, [first, second]);
        let (places, _) = addresses.as_chunks_mut::<16>();
        places.iter_mut().zip([src, dst]).for_each(|(place, addr)| *place = addr.octets());
        Some(self.emit_tcp(src.sum() + dst.sum(), rest, meta, payload).map(|len| IP + len))
    }

    #[inline(always)]
    fn class(&self, meta: &SegmentMeta) -> u32 {
        u32::from(self.dscp << 2 | meta.ecn.bits())
    }

    /// Writes header and payload; `addresses` is the sum of both.
    #[inline(always)]
    fn emit_tcp<'p>(
        &self,
        addresses: u64,
        out: &mut [u8],
        meta: &SegmentMeta,
        payload: &mut impl Iterator<Item = &'p [u8]>,
    ) -> Result<usize, EmitError> {
        let (available, header_len) = (out.len(), header_len(meta));
        let (header, mut room) = out.split_at_mut_checked(header_len).unwrap_or_default();
        let mut octets = Checksum::new();
        let mut len = header_len;
        for piece in payload {
            let copied = octets.copy_and_add(room, piece);
            if copied < piece.len() {
                return Err(EmitError::BufferTooSmall { needed: len.saturating_add(piece.len()), available });
            }
            room = room.get_mut(copied..).unwrap_or_default();
            len += copied;
        }
        debug_assert_eq!(len, tcp_len(meta), "the buffers give as many octets as the plan says");
        let ports = u32::from(self.local.port()) << 16 | u32::from(self.remote.port());
        let (seq, ack, urgent) = (meta.seq.get(), meta.ack.get(), u32::from(meta.urgent));
        let flags = u32::from(meta.flags.bits()) << 16 | u32::from(meta.window);
        let more = (header_len as u32 / 4) << 28 | flags;
        let pseudo = addresses + u64::from(PROTOCOL) + len as u64;
        let mut total = pseudo + sum([ports, seq, ack, more, urgent]) + u64::from(octets.sum());
        let (fixed, options) = header.split_first_chunk_mut::<TCP>().ok_or(TOO_SMALL)?;
        if let Some(Timestamps { val, ecr }) = meta.options.timestamps {
            let option = [TIMESTAMPS, val, ecr];
            total += sum(option);
            put(options, option);
        }
        let checksum = Checksum::of_words(total).finish();
        put(fixed, [ports, seq, ack, more, u32::from(checksum) << 16 | urgent]);
        Ok(len)
    }
}

/// Never seen: there is room for the header, or nothing is written.
const TOO_SMALL: EmitError = EmitError::BufferTooSmall { needed: TCP, available: 0 };

#[inline(always)]
const fn header_len(meta: &SegmentMeta) -> usize {
    if meta.options.timestamps.is_some() { TCP + TIMESTAMPS_LEN } else { TCP }
}

/// Octets of header and payload.
#[inline(always)]
const fn tcp_len(meta: &SegmentMeta) -> usize {
    header_len(meta).saturating_add(meta.len as usize)
}
