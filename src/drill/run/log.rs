//! What has happened, kept for whoever wants to know why a script failed.

use alloc::collections::VecDeque;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use bytes::Bytes;

use super::flows::Origins;
use super::live;
use crate::Instant;
use crate::drill::report::{TraceEntry, Traced};
use crate::drill::script::{Body, Direction, EcnWord, IpInfo, Packet};

/// Entries that are kept of a script that is not recorded: enough to see what led to a failure.
const LAST: usize = 64;
/// Octets and entries that are kept of one that is.
const MOST_OCTETS: usize = 256 << 20;
const MOST: usize = 1 << 20;

/// What has happened, the last of it or all of it.
#[derive(Debug)]
pub(super) struct Log {
    all: bool,
    start: Instant,
    entries: VecDeque<Entry>,
    /// The number of the first entry that is left.
    first: u64,
    octets: usize,
}

#[derive(Debug)]
struct Entry {
    at: Instant,
    line: Option<u32>,
    what: What,
}

#[derive(Debug)]
enum What {
    Packet { direction: Direction, octets: Bytes, origins: Origins },
    Call { text: String, result: String },
    Note(String),
}

impl Log {
    pub(super) const fn new(all: bool, start: Instant) -> Self {
        Self { all, start, entries: VecDeque::new(), first: 0, octets: 0 }
    }

    /// Notes a packet, and gives the number of its entry.
    pub(super) fn packet(
        &mut self,
        at: Instant,
        line: Option<u32>,
        direction: Direction,
        octets: Bytes,
        origins: Origins,
    ) -> u64 {
        self.octets = self.octets.saturating_add(octets.len());
        self.push(Entry { at, line, what: What::Packet { direction, octets, origins } })
    }

    /// The packet of this entry was expected in this line, in these numbers.
    pub(super) fn claim(&mut self, entry: u64, line: u32, now_known: Origins) {
        let at = entry.checked_sub(self.first).and_then(|at| usize::try_from(at).ok());
        let Some(entry) = at.and_then(|at| self.entries.get_mut(at)) else { return };
        entry.line = Some(line);
        if let What::Packet { origins, .. } = &mut entry.what {
            *origins = now_known;
        }
    }

    pub(super) fn call(&mut self, at: Instant, line: u32, text: String, result: String) {
        self.push(Entry { at, line: Some(line), what: What::Call { text, result } });
    }

    pub(super) fn note(&mut self, at: Instant, line: Option<u32>, note: String) {
        self.push(Entry { at, line, what: What::Note(note) });
    }

    fn push(&mut self, entry: Entry) -> u64 {
        let full = self.entries.len() >= MOST || self.octets > MOST_OCTETS;
        if full || !self.all && self.entries.len() >= LAST {
            let gone = self.entries.pop_front();
            self.first += u64::from(gone.is_some());
            if let Some(Entry { what: What::Packet { octets, .. }, .. }) = gone {
                self.octets -= octets.len();
            }
        }
        self.entries.push_back(entry);
        self.first + self.entries.len() as u64 - 1
    }

    /// All of it, in the words of a script; with ports where several connections are about.
    pub(super) fn told(self, ports: bool) -> Vec<TraceEntry> {
        let (all, start) = (self.all, self.start);
        let entries = self.entries.into_iter().map(|Entry { at, line, what }| {
            let what = match what {
                What::Call { text, result } => Traced::Call { text, result },
                What::Note(note) => Traced::Note(note),
                What::Packet { direction, octets, origins } => {
                    let text = match live::packet(&octets, direction, &origins) {
                        Ok(packet) => as_told(packet, ports).to_string(),
                        Err(error) => error,
                    };
                    let octets = if all { octets.to_vec() } else { Vec::new() };
                    Traced::Packet { direction, octets, text }
                }
            };
            TraceEntry { at: Instant::ZERO + at.since(start), line, what }
        });
        entries.collect()
    }
}

/// The packet without what scripts seldom tell.
pub(in crate::drill) fn as_told(mut packet: Packet, ports: bool) -> Packet {
    let ecn = packet.ip.ecn.filter(|ecn| *ecn != EcnWord::None);
    packet.ip = IpInfo { ecn, ..IpInfo::default() };
    if !ports {
        match &mut packet.body {
            Body::Tcp(line) => line.ports = None,
            Body::Udp(line) => line.ports = None,
            Body::Icmp(_) => {}
        }
    }
    packet
}
