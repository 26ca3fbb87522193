//! Fragments that arrive: which are put together, which are dropped, and of which the sender is told.
//!
//! [`Reassembler`] puts together and keeps within its limits; here stand the rules of a host about what it may be given.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;

use crate::Instant;
use crate::wire::fragment::{Expired, FragmentError};
use crate::wire::icmpv6::ParameterCode;
use crate::wire::ipv6::{Duty, Examined, Problem};
use crate::wire::{
    FragmentInfo, FragmentLimits, FragmentOutcome, IpPacket, IpProtocol, Ipv4Header, Reassembled, Reassembler,
};

/// What a host keeps of fragments where nothing else is chosen: 4 MiB, an eighth of it for one source, 4096 datagrams, for
/// 60 seconds (RFC 8200 §4.5, RFC 1122 §3.3.2).
#[must_use]
pub fn default_limits() -> FragmentLimits {
    FragmentLimits {
        memory: 4 << 20,
        per_source: 512 << 10,
        datagrams: 4096,
        timeout: Duration::from_secs(60),
        ..FragmentLimits::default()
    }
}

/// Why a fragment, and maybe its datagram, was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum FragmentDrop {
    /// Empty, of a length that cannot be, or beyond the longest datagram.
    Malformed,
    /// It overlaps another (RFC 5722), or fragments do not agree on the datagram's end.
    Overlap,
    /// A first fragment without all headers (RFC 7112), or one in IPv4 that is too short for the transport's (RFC 1858
    /// §3, RFC 3128), or a later one that lies within those.
    Headers,
    /// An extension header says that the packet is to be dropped (RFC 8200 §4).
    Extension,
    /// The datagram has too many fragments or takes too much memory.
    TooMuch,
    /// Some fragments met congestion and others cannot have (RFC 3168 §5.3).
    Ecn,
    /// The datagram of this fragment was dropped before.
    AlreadyDropped,
}

impl FragmentDrop {
    /// Every reason.
    pub const ALL: [Self; 7] = [
        Self::Malformed,
        Self::Overlap,
        Self::Headers,
        Self::Extension,
        Self::TooMuch,
        Self::Ecn,
        Self::AlreadyDropped,
    ];

    /// The reason as a word for counters: `already_dropped`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Overlap => "overlap",
            Self::Headers => "headers",
            Self::Extension => "extension",
            Self::TooMuch => "too_much",
            Self::Ecn => "ecn",
            Self::AlreadyDropped => "already_dropped",
        }
    }
}

impl From<FragmentError> for FragmentDrop {
    fn from(error: FragmentError) -> Self {
        match error {
            FragmentError::Overlap { .. } | FragmentError::TwoEnds { .. } => Self::Overlap,
            FragmentError::TooManyFragments { .. } | FragmentError::OutOfMemory { .. } => Self::TooMuch,
            FragmentError::EcnMismatch => Self::Ecn,
            FragmentError::AlreadyDropped => Self::AlreadyDropped,
            FragmentError::Nested | FragmentError::Malformed(_) => Self::Headers,
            FragmentError::NotAFragment
            | FragmentError::NotCaptured { .. }
            | FragmentError::Empty
            | FragmentError::NotMultipleOf8 { .. }
            | FragmentError::TooLong { .. } => Self::Malformed,
        }
    }
}

/// What became of fragments so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct FragmentCounts {
    /// Fragments that arrived.
    pub received: u64,
    /// Datagrams put together.
    pub completed: u64,
    /// Datagrams that waited too long.
    pub timed_out: u64,
    /// Datagrams that made room for others.
    pub evicted: u64,
    dropped: [u64; FragmentDrop::ALL.len()],
}

impl FragmentCounts {
    /// Fragments dropped for this reason.
    #[must_use]
    pub fn dropped(&self, reason: FragmentDrop) -> u64 {
        self.dropped.get(reason as usize).copied().unwrap_or(0)
    }
}

/// What became of a fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// It was the last one missing.
    Whole(Reassembled),
    /// It is kept until the others come.
    Waiting,
    /// It was dropped. With a problem, its sender may hear of it: an ICMPv6 parameter problem.
    Dropped(FragmentDrop, Option<Problem>),
}

/// Octets of a first fragment that are kept for an error to quote: no error is longer than this (RFC 4443 §2.4 (c)).
const QUOTE: usize = 1280;
/// Octets of headers in front of the fragmented part that are kept for that.
const HEADER: usize = 256;
/// Datagrams that timed out and wait for an error to be sent. Errors are rate-limited: more would only be dropped later.
const EXPIRED: usize = 16;

/// The fragments of a host. Whole packets, atomic fragments among them (RFC 6946), do not come here.
#[derive(Clone, Debug)]
pub(super) struct Fragments {
    table: Reassembler,
    /// What an error may quote of them.
    expired: VecDeque<Vec<u8>>,
    counts: FragmentCounts,
}

impl Fragments {
    pub(super) const fn new(limits: FragmentLimits) -> Self {
        let counts = FragmentCounts {
            received: 0,
            completed: 0,
            timed_out: 0,
            evicted: 0,
            dropped: [0; FragmentDrop::ALL.len()],
        };
        Self { table: Reassembler::new(limits), expired: VecDeque::new(), counts }
    }

    /// Takes a fragment, of a packet whose octets `bytes` are and as which `packet` was parsed from them.
    pub(super) fn take(&mut self, now: Instant, bytes: &[u8], packet: &IpPacket<'_>) -> Taken {
        self.counts.received += 1;
        self.handle_timeout(now);
        let taken = match headers(bytes, packet) {
            Ok(header) => match self.table.push_with_header(now, packet, header) {
                FragmentOutcome::Complete(whole) => Taken::Whole(whole),
                FragmentOutcome::Waiting => Taken::Waiting,
                FragmentOutcome::Dropped(error) => Taken::Dropped(error.into(), about(error, bytes)),
            },
            Err((reason, problem)) => Taken::Dropped(reason, problem),
        };
        if let Taken::Dropped(reason, _) = taken
            && let Some(count) = self.counts.dropped.get_mut(reason as usize)
        {
            *count += 1;
        }
        taken
    }

    /// Gives up what has waited too long.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        let expired = &mut self.expired;
        self.table.expire_each(now, |Expired { header, payload }| {
            if expired.len() < EXPIRED {
                expired.push_back(header.iter().chain(payload.iter()).take(QUOTE).copied().collect());
            }
        });
    }

    /// When something will have waited too long.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.table.poll_timeout()
    }

    /// A first fragment whose datagram waited in vain, as much of it as an error may quote: time exceeded, code 1 (RFC
    /// 792, RFC 4443 §3.3).
    pub(super) fn poll_expired(&mut self) -> Option<Vec<u8>> {
        self.expired.pop_front()
    }

    /// Octets of memory held, bookkeeping included.
    pub(super) fn memory(&self) -> usize {
        self.table.memory() + self.expired.iter().map(Vec::len).sum::<usize>()
    }

    pub(super) fn counts(&self) -> FragmentCounts {
        let stats = self.table.stats();
        FragmentCounts {
            completed: stats.completed,
            timed_out: stats.timed_out,
            evicted: stats.evicted,
            ..self.counts
        }
    }
}

/// The headers of a fragment that may be put together with others, as far as they are to be kept.
fn headers<'a>(bytes: &'a [u8], packet: &IpPacket<'_>) -> Result<&'a [u8], (FragmentDrop, Option<Problem>)> {
    let info = packet.fragment.ok_or((FragmentDrop::Malformed, None))?;
    let len = if packet.src.is_ipv4() {
        if within_transport_header(&info, packet) {
            return Err((FragmentDrop::Headers, None));
        }
        Ipv4Header::parse(bytes, bytes.len()).map_or(0, |header| header.header_len())
    } else {
        let seen = Examined::of(bytes).map_err(|_| (FragmentDrop::Malformed, None))?;
        match seen.duty {
            Duty::Accept => {}
            Duty::Discard => return Err((FragmentDrop::Extension, None)),
            Duty::Problem(problem) if problem.code == ParameterCode::HEADER_CHAIN => {
                return Err((FragmentDrop::Headers, Some(problem)));
            }
            Duty::Problem(problem) => return Err((FragmentDrop::Extension, Some(problem))),
        }
        seen.fragment_at.map_or(0, |at| at as usize + 8)
    };
    let keep = info.offset == 0 && len <= HEADER;
    Ok(bytes.get(..len).filter(|_| keep).unwrap_or_default())
}

/// Whether the transport's header is spread over fragments of IPv4, as nobody does who has nothing to hide from a filter
/// (RFC 1858 §3, RFC 3128). No link is so small: it takes 68 octets (RFC 791 §3.2).
fn within_transport_header(info: &FragmentInfo, packet: &IpPacket<'_>) -> bool {
    let needed = match packet.protocol {
        IpProtocol::TCP => 20,
        IpProtocol::UDP | IpProtocol::ICMP => 8,
        _ => 0,
    };
    if info.offset == 0 { packet.payload.len() < needed } else { (info.offset as usize) < needed }
}

/// What RFC 8200 §4.5 has the sender of a fragment told that cannot be part of any datagram.
fn about(error: FragmentError, bytes: &[u8]) -> Option<Problem> {
    let seen = Examined::of(bytes).ok()?;
    let pointer = match error {
        // The payload length of the IPv6 header.
        FragmentError::NotMultipleOf8 { .. } => 4,
        // The fragment offset.
        FragmentError::TooLong { .. } => seen.fragment_at? + 2,
        _ => return None,
    };
    Some(Problem { code: ParameterCode::FIELD, pointer })
}

#[cfg(test)]
mod tests;
