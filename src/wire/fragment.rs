//! Reassembly of IP fragments (RFC 791 §3.2, RFC 8200 §4.5), with a bound on everything.
//!
//! Where the two RFCs leave a choice, the safer one is taken for both versions: fragments that overlap
//! condemn their datagram (RFC 5722), exact duplicates do no harm, and nothing is delivered in part.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::net::IpAddr;
use core::time::Duration;

use bytes::Bytes;

use super::ipv6::Ipv6Error;
use super::{ExtensionHeaders, FragmentInfo, IpPacket, IpProtocol};
use crate::Instant;

mod held;
mod split;

use held::{Age, DATAGRAM_COST, Held, Key};
pub use split::{Pieces, SplitError};

/// How much a [`Reassembler`] may hold, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FragmentLimits {
    /// Octets of memory in all, bookkeeping included; beyond it datagrams go, those of the greediest source first, else
    /// the oldest.
    pub memory: usize,
    /// Octets of memory for the datagrams of one source: an address, in IPv6 a network of 64 bits. Beyond it its own
    /// oldest go. What one sender floods does then not push out what others send.
    pub per_source: usize,
    /// Datagrams.
    pub datagrams: usize,
    /// Octets of payload in one datagram: at most 65,535 make sense.
    pub per_datagram: usize,
    /// Fragments of one datagram.
    pub fragments_per_datagram: usize,
    /// How long a datagram may wait for its fragments, from the first to arrive.
    pub timeout: Duration,
}

/// 4 MiB, all of it for one source if need be, and as many datagrams as that is enough for; 65,535 octets and 128
/// fragments to a datagram; 30 seconds.
impl Default for FragmentLimits {
    fn default() -> Self {
        Self {
            memory: 4 << 20,
            per_source: usize::MAX,
            datagrams: usize::MAX,
            per_datagram: 65_535,
            fragments_per_datagram: 128,
            timeout: Duration::from_secs(30),
        }
    }
}

/// A datagram put together again.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reassembled {
    /// Source address.
    pub src: IpAddr,
    /// Destination address.
    pub dst: IpAddr,
    /// The upper layer, after any IPv6 extension headers that were fragmented with it.
    pub protocol: IpProtocol,
    /// That of the first fragment; "congestion experienced" if any fragment says so (RFC 3168 §5.3).
    pub traffic_class: u8,
    /// That of the first fragment.
    pub hop_limit: u8,
    /// The octets of the upper layer.
    pub payload: Bytes,
}

/// What became of a fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FragmentOutcome {
    /// It was the last one missing.
    Complete(Reassembled),
    /// It is kept (or was there already) until the others arrive.
    Waiting,
    /// It is of no use.
    Dropped(FragmentError),
}

/// Why a fragment was dropped, and maybe its datagram with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FragmentError {
    /// The packet is whole. Use its payload as it is.
    #[error("the packet is not a fragment")]
    NotAFragment,
    /// The capture does not have all of the fragment (a snap length).
    #[error("only {captured} of the fragment's {len} octets were captured")]
    NotCaptured {
        /// Octets captured.
        captured: usize,
        /// Octets that the fragment has.
        len: usize,
    },
    /// A fragment without payload.
    #[error("the fragment is empty")]
    Empty,
    /// Only the last fragment may have a length that is not a multiple of eight (RFC 8200 §4.5).
    #[error("the fragment has {len} octets, which is not a multiple of 8, and is not the last")]
    NotMultipleOf8 {
        /// Octets that the fragment has.
        len: usize,
    },
    /// The fragment ends beyond the longest datagram.
    #[error("the fragment ends at octet {end}; a datagram may have {max}")]
    TooLong {
        /// Where the fragment ends, in octets.
        end: usize,
        /// [`FragmentLimits::per_datagram`], and at most 65,535.
        max: usize,
    },
    /// The fragment overlaps another one and is no exact duplicate of it. Drops the datagram (RFC 5722).
    #[error("the fragment of octets {start} to {end} overlaps another")]
    Overlap {
        /// Where the fragment begins, in octets.
        start: u32,
        /// Where it ends, in octets.
        end: u32,
    },
    /// Fragments do not agree on where the datagram ends. Drops the datagram.
    #[error("the datagram ends at octet {total}, and at {other} as well")]
    TwoEnds {
        /// Where one fragment has it end, in octets.
        total: u32,
        /// Where another is or ends, in octets.
        other: u32,
    },
    /// More fragments than allowed. Drops the datagram.
    #[error("the datagram has more than {max} fragments")]
    TooManyFragments {
        /// [`FragmentLimits::fragments_per_datagram`].
        max: usize,
    },
    /// Some fragments met congestion and others cannot have: they are not of one kind (RFC 3168 §5.3). Drops
    /// the datagram.
    #[error("the fragments contradict one another about congestion")]
    EcnMismatch,
    /// The datagram alone takes more memory than allowed. Drops the datagram.
    #[error("the datagram does not fit into {max} octets of memory")]
    OutOfMemory {
        /// [`FragmentLimits::memory`], or [`FragmentLimits::per_source`] if that is less.
        max: usize,
    },
    /// The datagram of this fragment was dropped before.
    #[error("the datagram was dropped before")]
    AlreadyDropped,
    /// What was put together is itself a fragment.
    #[error("the reassembled datagram is itself a fragment")]
    Nested,
    /// What was put together begins with malformed IPv6 extension headers.
    #[error("the reassembled datagram is malformed: {0}")]
    Malformed(Ipv6Error),
}

/// What a [`Reassembler`] has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct FragmentStats {
    /// Datagrams put together.
    pub completed: u64,
    /// Fragments that were dropped, for any reason.
    pub dropped: u64,
    /// Datagrams that waited too long.
    pub timed_out: u64,
    /// Datagrams that made room for others.
    pub evicted: u64,
}

/// A datagram that waited too long for its fragments, after the first of them had come.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Expired {
    /// The headers of the first fragment, as they were given to [`Reassembler::push_with_header`].
    pub header: Box<[u8]>,
    /// What came after them.
    pub payload: Box<[u8]>,
}

/// A datagram that waits for its fragments, or that is remembered as dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Datagram {
    age: Age,
    /// Fragments by where they begin; they do not overlap. Empty if the datagram was dropped.
    pieces: BTreeMap<u32, Box<[u8]>>,
    /// Octets in `pieces`.
    received: usize,
    /// Where the datagram ends, once its last fragment has arrived.
    total: Option<u32>,
    /// Protocol, traffic class and hop limit of the first fragment (RFC 8200 §4.5: of that with offset 0).
    first: Option<(IpProtocol, u8, u8)>,
    /// The headers of the first fragment, if they are to be kept.
    header: Box<[u8]>,
    /// One bit for each of the four ECN values that its fragments have had.
    ecn_seen: u8,
    dropped: bool,
}

/// Octets of bookkeeping for a fragment: an entry in a tree whose nodes may be half empty, and what an
/// allocator adds.
const PIECE_COST: usize = 2 * (size_of::<u32>() + size_of::<Box<[u8]>>()) + 16;

impl Datagram {
    fn cost(&self) -> usize {
        DATAGRAM_COST + self.header.len() + self.received + self.pieces.len() * PIECE_COST
    }

    /// Puts a fragment in its place. `Ok(false)`: it is there already.
    fn place(&mut self, start: u32, more: bool, payload: &[u8]) -> Result<bool, FragmentError> {
        let end = start.saturating_add(u32::try_from(payload.len()).unwrap_or(u32::MAX));
        if let Some(total) = self.total
            && (end > total || !more && end != total)
        {
            return Err(FragmentError::TwoEnds { total, other: end });
        }
        let overlap = FragmentError::Overlap { start, end };
        if let Some((&next, piece)) = self.pieces.range(start..).next() {
            if next == start && **piece == *payload {
                // A last fragment and one in the middle may have the same octets, but not in the same place.
                return if more || self.total == Some(end) { Ok(false) } else { Err(overlap) };
            }
            if next < end {
                return Err(overlap);
            }
            if !more {
                return Err(FragmentError::TwoEnds { total: end, other: next });
            }
        }
        if let Some((&before, piece)) = self.pieces.range(..start).next_back()
            && before as usize + piece.len() > start as usize
        {
            return Err(overlap);
        }
        if !more {
            self.total = Some(end);
        }
        self.pieces.insert(start, payload.into());
        self.received += payload.len();
        Ok(true)
    }

    /// Whether no octet is missing: fragments do not overlap, so that it is enough to count.
    fn is_complete(&self) -> bool {
        self.total.is_some_and(|total| total as usize == self.received)
    }

    /// Lays the fragments end to end.
    // RFC 3168-24
    fn assemble(self, key: &Key) -> Result<Reassembled, FragmentError> {
        const CONGESTION_EXPERIENCED: u8 = 3;
        let mut payload = Vec::with_capacity(self.received);
        self.pieces.values().for_each(|piece| payload.extend_from_slice(piece));
        // A complete datagram has a fragment at 0.
        let (mut protocol, mut traffic_class, hop_limit) = self.first.ok_or(FragmentError::Empty)?;
        if self.ecn_seen & 1 << CONGESTION_EXPERIENCED != 0 {
            if self.ecn_seen & 1 != 0 {
                return Err(FragmentError::EcnMismatch);
            }
            traffic_class |= CONGESTION_EXPERIENCED;
        }
        let mut payload = Bytes::from(payload);
        if key.src.is_ipv6() {
            let mut chain = ExtensionHeaders::after_fragment(protocol, &payload);
            chain.walk().map_err(FragmentError::Malformed)?;
            if chain.fragment().is_some() {
                return Err(FragmentError::Nested);
            }
            protocol = chain.protocol();
            let walked = payload.len().saturating_sub(chain.rest().len());
            payload = payload.slice(walked..);
        }
        Ok(Reassembled { src: key.src, dst: key.dst, protocol, traffic_class, hop_limit, payload })
    }
}

/// Puts fragments together. Work per fragment grows with the logarithm of what is held.
///
/// ```
/// use tcpstate::Instant;
/// use tcpstate::wire::{FragmentInfo, FragmentLimits, FragmentOutcome, Reassembler};
/// use tcpstate::wire::{IpPacket, IpProtocol, LengthSource};
///
/// let fragment = |offset, more, payload: &'static [u8]| IpPacket {
///     src: [10, 0, 0, 1].into(),
///     dst: [10, 0, 0, 2].into(),
///     protocol: IpProtocol::UDP,
///     traffic_class: 0,
///     hop_limit: 64,
///     fragment: Some(FragmentInfo { id: 7, offset, more }),
///     payload,
///     payload_len: payload.len(),
///     length: LengthSource::Ip,
/// };
/// let mut reassembler = Reassembler::new(FragmentLimits::default());
/// let now = Instant::ZERO;
/// assert_eq!(reassembler.push(now, &fragment(8, false, b"end")), FragmentOutcome::Waiting);
/// let outcome = reassembler.push(now, &fragment(0, true, b"octets, "));
/// let FragmentOutcome::Complete(whole) = outcome else { panic!("{outcome:?}") };
/// assert_eq!(whole.payload, "octets, end");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reassembler {
    limits: FragmentLimits,
    held: Held,
    serial: u64,
    stats: FragmentStats,
}

impl Reassembler {
    /// A reassembler that holds nothing.
    #[must_use]
    pub const fn new(limits: FragmentLimits) -> Self {
        let stats = FragmentStats { completed: 0, dropped: 0, timed_out: 0, evicted: 0 };
        Self { limits, held: Held::new(), serial: 0, stats }
    }

    /// Takes a fragment. Datagrams that have waited too long by `now` are dropped first.
    pub fn push(&mut self, now: Instant, packet: &IpPacket<'_>) -> FragmentOutcome {
        self.push_with_header(now, packet, &[])
    }

    /// As [`push`](Self::push), and keeps the fragment's headers if it is the first of its datagram, so that an error
    /// can quote it if the others do not come ([`expire_each`](Self::expire_each), to be called before).
    pub fn push_with_header(
        &mut self,
        now: Instant,
        packet: &IpPacket<'_>,
        header: &[u8],
    ) -> FragmentOutcome {
        self.expire(now);
        let outcome = match self.accept(now, packet, header) {
            Ok(Some(whole)) => FragmentOutcome::Complete(whole),
            Ok(None) => FragmentOutcome::Waiting,
            Err(error) => FragmentOutcome::Dropped(error),
        };
        match outcome {
            FragmentOutcome::Complete(_) => self.stats.completed += 1,
            FragmentOutcome::Waiting => {}
            FragmentOutcome::Dropped(_) => self.stats.dropped += 1,
        }
        outcome
    }

    /// Drops the datagrams that have waited too long by `now`, and says how many there were.
    pub fn expire(&mut self, now: Instant) -> usize {
        self.expire_each(now, |_| ())
    }

    /// As [`expire`](Self::expire), and hands over those whose first fragment had come with its headers: only about
    /// them an error may be sent (RFC 792, RFC 8200 §4.5).
    pub fn expire_each(&mut self, now: Instant, mut each: impl FnMut(Expired)) -> usize {
        let mut expired = 0;
        while let Some(((begun, _), key)) = self.held.oldest()
            && now.since(begun) >= self.limits.timeout
        {
            // What was dropped before did not wait: it is only forgotten now.
            let Some(mut datagram) = self.held.remove(&key).filter(|datagram| !datagram.dropped) else {
                continue;
            };
            expired += 1;
            if let Some(payload) = datagram.pieces.remove(&0)
                && !datagram.header.is_empty()
            {
                each(Expired { header: datagram.header, payload });
            }
        }
        self.stats.timed_out += expired as u64;
        expired
    }

    /// When the next datagram will have waited too long.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.held.oldest().map(|((begun, _), _)| begun + self.limits.timeout)
    }

    /// Octets of memory held, bookkeeping included.
    #[must_use]
    pub const fn memory(&self) -> usize {
        self.held.memory()
    }

    /// Datagrams held, those remembered as dropped included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.held.len()
    }

    /// Whether nothing is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What was done so far.
    #[must_use]
    pub const fn stats(&self) -> FragmentStats {
        self.stats
    }

    fn accept(
        &mut self,
        now: Instant,
        packet: &IpPacket<'_>,
        header: &[u8],
    ) -> Result<Option<Reassembled>, FragmentError> {
        let info = packet.fragment.ok_or(FragmentError::NotAFragment)?;
        self.check(&info, packet)?;
        let key = Key {
            src: packet.src,
            dst: packet.dst,
            id: info.id,
            protocol: packet.src.is_ipv4().then_some(packet.protocol),
        };
        // Out of the tree while it is worked on: every way on accounts for it anew.
        let mut datagram = self.held.remove(&key).unwrap_or_else(|| self.begin(now));
        if datagram.dropped {
            self.keep(key, datagram);
            return Err(FragmentError::AlreadyDropped);
        }
        if let Err(error) = self.add(&mut datagram, &info, packet, header) {
            self.condemn(key, datagram);
            return Err(error);
        }
        if datagram.is_complete() {
            return datagram.assemble(&key).map(Some);
        }
        self.keep(key, datagram);
        Ok(None)
    }

    /// Refuses what cannot be a part of any datagram.
    fn check(&self, info: &FragmentInfo, packet: &IpPacket<'_>) -> Result<(), FragmentError> {
        let (captured, len) = (packet.payload.len(), packet.payload_len);
        if captured < len {
            return Err(FragmentError::NotCaptured { captured, len });
        }
        if len == 0 || captured == 0 {
            return Err(FragmentError::Empty);
        }
        if info.more && !len.is_multiple_of(8) {
            return Err(FragmentError::NotMultipleOf8 { len });
        }
        let max = self.limits.per_datagram.min(usize::from(u16::MAX));
        let end = (info.offset as usize).saturating_add(captured);
        if end > max {
            return Err(FragmentError::TooLong { end, max });
        }
        Ok(())
    }

    /// Adds a fragment to its datagram, which is not in the tree, and makes room for it.
    fn add(
        &mut self,
        datagram: &mut Datagram,
        info: &FragmentInfo,
        packet: &IpPacket<'_>,
        header: &[u8],
    ) -> Result<(), FragmentError> {
        if !datagram.place(info.offset, info.more, packet.payload)? {
            return Ok(());
        }
        if datagram.pieces.len() > self.limits.fragments_per_datagram {
            return Err(FragmentError::TooManyFragments { max: self.limits.fragments_per_datagram });
        }
        if info.offset == 0 {
            datagram.first = Some((packet.protocol, packet.traffic_class, packet.hop_limit));
            datagram.header = header.into();
        }
        datagram.ecn_seen |= 1 << (packet.traffic_class & 3);
        let max = self.limits.memory.min(self.limits.per_source);
        if datagram.cost() > max {
            return Err(FragmentError::OutOfMemory { max });
        }
        Ok(())
    }

    fn begin(&mut self, now: Instant) -> Datagram {
        self.serial = self.serial.wrapping_add(1);
        Datagram {
            age: (now, self.serial),
            pieces: BTreeMap::new(),
            received: 0,
            total: None,
            first: None,
            header: Box::default(),
            ecn_seen: 0,
            dropped: false,
        }
    }

    /// Forgets a datagram's fragments but not the datagram: those still to come are to be dropped as well.
    fn condemn(&mut self, key: Key, mut datagram: Datagram) {
        datagram.pieces = BTreeMap::new();
        datagram.received = 0;
        datagram.header = Box::default();
        datagram.dropped = true;
        self.keep(key, datagram);
    }

    /// Puts a datagram back among those that are held. Others make room for it.
    fn keep(&mut self, key: Key, datagram: Datagram) {
        let cost = datagram.cost();
        while let Some(victim) = self.held.in_the_way(&key, cost, &self.limits) {
            if self.held.remove(&victim).is_some_and(|datagram| !datagram.dropped) {
                self.stats.evicted += 1;
            }
        }
        // With nothing left to make room, what does not fit does not.
        if cost <= self.limits.memory.min(self.limits.per_source) && self.limits.datagrams > 0 {
            self.held.insert(key, datagram);
        }
    }
}

#[cfg(test)]
mod tests;
