//! What happened between two ends, written down in order: to be looked at, to be read by other tools, to be run again.
//!
//! A [`Ladder`] takes notes while somebody drives two ends, or one end and a stranger: packets that were sent, and what
//! became of them on their way; calls of the users; timers; states. It drives nothing itself, and knows no simulator,
//! script or capture. From it come
//!
//! - a picture: [`Ladder::display`], time downwards, an end and its states on either side;
//! - with the feature `pcap` a capture that says at each packet what both ends were doing: [`Ladder::write_pcapng`];
//! - with the feature `drill` a script that does the same to one of the ends: [`from_ladder`](crate::drill::from_ladder).
//!
//! ```
//! use tcpstate::ladder::{End, Ladder, Look};
//! use tcpstate::tcp::SegmentMeta;
//! use tcpstate::{Instant, SeqNumber, State, TcpFlags};
//!
//! let mut ladder = Ladder::new(["192.0.2.1:49152".parse()?, "192.0.2.2:80".parse()?]);
//! let (now, soon) = (Instant::ZERO, Instant::from_nanos(20_000_000));
//! ladder.state(now, End::B, State::Listen);
//! let syn = SegmentMeta { seq: SeqNumber::new(7), flags: TcpFlags::SYN, window: 1000, ..Default::default() };
//! let syn = ladder.sent_segment(now, End::A, &syn, &[]);
//! ladder.state(now, End::A, State::SynSent);
//! ladder.arrived(soon, syn);
//! ladder.state(soon, End::B, State::SynReceived);
//!
//! let picture = ladder.display(Look { width: 80, colour: false });
//! assert!(picture.ends_with(
//!     "
//!        time  A             │                                     │  B
//!                            │                                     │  LISTEN
//!    0.000000  SYN-SENT      │── SYN seq 0 win 1000 ───── 20.0 ms ▶│  SYN-RECEIVED
//! "
//! ));
//! # Ok::<(), core::net::AddrParseError>(())
//! ```
//!
//! | file | what |
//! |---|---|
//! | `entry.rs` | what an entry may be |
//! | `octets.rs` | from what a machine says of a segment to the packet that carries it |
//! | `tell.rs` | packets in words |
//! | `words.rs`, `look.rs` | how reports tell a segment, a time, a number; shared with `replay` |
//! | `print.rs`, `print/rung.rs` | the picture |
//! | `pcapng.rs` | the capture |

mod end;
mod entry;
pub mod look;
mod octets;
#[cfg(feature = "pcap")]
mod pcapng;
mod print;
mod tell;
pub(crate) mod words;

pub use end::End;
pub use entry::{Call, Entry, Fate, Packet, PacketId, Returned, What};
pub use look::{Look, Paint};
pub use octets::packet_of;

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{self, Display};
use core::net::SocketAddr;

use bytes::Bytes;

use crate::tcp::{OptionLayout, SegmentMeta};
use crate::{Instant, State};

/// Entries that a ladder keeps.
const MOST_ENTRIES: usize = 1 << 20;
/// Octets of packets that a ladder keeps.
const MOST_OCTETS: usize = 256 << 20;

/// What happened between two ends: see [the module](self).
///
/// It is bounded: of what comes after a million entries, or after 256 MiB of packets, it keeps how much it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ladder {
    ends: [SocketAddr; 2],
    layouts: [OptionLayout; 2],
    states: [Option<State>; 2],
    packets: Vec<Packet>,
    entries: Vec<Entry>,
    octets: usize,
    left_out: u64,
}

impl Ladder {
    /// Nothing yet, between these two.
    #[must_use]
    pub const fn new(ends: [SocketAddr; 2]) -> Self {
        Self {
            ends,
            layouts: [OptionLayout::Usual; 2],
            states: [None; 2],
            packets: Vec::new(),
            entries: Vec::new(),
            octets: 0,
            left_out: 0,
        }
    }

    /// Where the options stand in the segments of an end that are told from now on without a packet.
    pub fn lay_out(&mut self, end: End, layout: OptionLayout) {
        if let Some(place) = self.layouts.get_mut(end.index()) {
            *place = layout;
        }
    }

    /// The sockets of both ends.
    #[must_use]
    pub const fn ends(&self) -> [SocketAddr; 2] {
        self.ends
    }

    /// The socket of this end.
    #[must_use]
    pub const fn socket(&self, end: End) -> SocketAddr {
        let [a, b] = self.ends;
        match end {
            End::A => a,
            End::B => b,
        }
    }

    /// What happened, in order.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// All packets, in the order in which they were sent.
    #[must_use]
    pub fn packets(&self) -> &[Packet] {
        &self.packets
    }

    /// The packet of this name.
    #[must_use]
    pub fn packet(&self, id: PacketId) -> Option<&Packet> {
        self.packets.get(id.0)
    }

    /// How many entries there was no room for.
    #[must_use]
    pub const fn left_out(&self) -> u64 {
        self.left_out
    }

    /// The state that an end is in now, if it has been told.
    #[must_use]
    pub const fn state_of(&self, end: End) -> Option<State> {
        let [a, b] = self.states;
        match end {
            End::A => a,
            End::B => b,
        }
    }

    /// An end sends an IP packet.
    pub fn sent(&mut self, now: Instant, from: End, octets: impl Into<Bytes>) -> PacketId {
        let octets: Bytes = octets.into();
        let id = PacketId(self.packets.len());
        if self.is_full() || self.octets.saturating_add(octets.len()) > MOST_OCTETS {
            self.left_out += 1;
            return PacketId(usize::MAX);
        }
        self.octets += octets.len();
        self.packets.push(Packet { from, sent: now, octets, fate: Fate::default(), forged: false });
        self.push(now, What::Sent(id));
        id
    }

    /// An end sends a segment; as much of the payload as there is not is zeros.
    pub fn sent_segment(&mut self, now: Instant, from: End, meta: &SegmentMeta, payload: &[u8]) -> PacketId {
        let layout = self.layouts.get(from.index()).copied().unwrap_or(OptionLayout::Usual);
        match octets::laid_out(self.socket(from), self.socket(from.peer()), meta, payload, layout) {
            Ok(octets) => self.sent(now, from, octets),
            Err(error) => {
                self.note(now, Some(from), format!("a segment that no packet can carry: {error}: {meta:?}"));
                self.sent(now, from, Bytes::new())
            }
        }
    }

    /// A packet, or another copy of it, arrives at the other end.
    pub fn arrived(&mut self, now: Instant, packet: PacketId) {
        if let Some(sent) = self.packets.get_mut(packet.0) {
            sent.fate.arrivals.push(now);
            self.push(now, What::Arrived(packet));
        }
    }

    /// The network loses a packet, or a copy of it.
    pub fn lost(&mut self, now: Instant, packet: PacketId) {
        if let Some(sent) = self.packets.get_mut(packet.0) {
            sent.fate.losses += 1;
            self.push(now, What::Lost(packet));
        }
    }

    /// The receiver refuses the packet that has arrived last, or what is left of it after its acknowledgment was used.
    pub fn refused(&mut self, packet: PacketId, why: impl Display) {
        let arrival = self.packets.get(packet.0).and_then(|packet| packet.fate.arrivals.last().copied());
        if let Some(at) = arrival {
            self.push(at, What::Refused { packet, why: format!("{why}") });
        }
    }

    /// An end sends a packet that arrives at once.
    pub fn delivered(&mut self, now: Instant, from: End, octets: impl Into<Bytes>) -> PacketId {
        let packet = self.sent(now, from, octets);
        self.arrived(now, packet);
        packet
    }

    /// A packet arrives that says it is from this end, which has not sent it.
    pub fn forged(&mut self, now: Instant, from: End, octets: impl Into<Bytes>) -> PacketId {
        let packet = self.sent(now, from, octets);
        if let Some(packet) = self.packets.get_mut(packet.0) {
            packet.forged = true;
        }
        self.arrived(now, packet);
        packet
    }

    /// An end sends a segment that arrives at once.
    pub fn delivered_segment(
        &mut self,
        now: Instant,
        from: End,
        meta: &SegmentMeta,
        payload: &[u8],
    ) -> PacketId {
        let packet = self.sent_segment(now, from, meta, payload);
        self.arrived(now, packet);
        packet
    }

    /// The user of an end calls. To be told before the packets that it sends for it.
    pub fn call(&mut self, now: Instant, end: End, call: Call, returned: Returned) {
        self.push(now, What::Call { end, call, returned });
    }

    /// A deadline of an end has come; `name` says which timer it was, or nothing.
    pub fn timer(&mut self, now: Instant, end: End, name: impl Into<String>) {
        self.push(now, What::Timer { end, name: name.into() });
    }

    /// The state that an end is in now. Only a change makes an entry.
    pub fn state(&mut self, now: Instant, end: End, to: State) {
        let Some(state) = self.states.get_mut(end.index()) else { return };
        if *state != Some(to) {
            let from = state.replace(to);
            self.push(now, What::State { end, from, to });
        }
    }

    /// Something worth knowing, about one end or about both.
    pub fn note(&mut self, now: Instant, end: Option<End>, text: impl Into<String>) {
        self.push(now, What::Note { end, text: text.into() });
    }

    /// A packet of this end with these octets: the first that is still on its way, or else the last that was sent.
    #[must_use]
    pub fn find(&self, from: End, octets: &[u8]) -> Option<PacketId> {
        let is_it = |packet: &Packet| packet.from == from && packet.octets == octets;
        let waiting = self.packets.iter().position(|packet| is_it(packet) && packet.fate.is_in_flight());
        waiting.or_else(|| self.packets.iter().rposition(is_it)).map(PacketId)
    }

    /// The picture of all of it: a heading, and a line or a few for each thing that happened.
    ///
    /// Time goes downwards, in seconds since the first entry. The states of both ends stand at the sides, where they
    /// change. A packet is an arrow; if something happens while it is on its way it has a number, and its head stands
    /// where it arrives.
    #[must_use]
    pub fn display(&self, look: Look) -> String {
        print::picture(self, look)
    }

    /// The picture without its heading, and without the first `past` entries: of a run that went two ways, what each of
    /// them has that the other has not.
    #[must_use]
    pub fn display_after(&self, past: usize, look: Look) -> String {
        print::rest(self, past, look)
    }

    fn is_full(&self) -> bool {
        self.entries.len() >= MOST_ENTRIES
    }

    fn push(&mut self, at: Instant, what: What) {
        if self.is_full() {
            self.left_out += 1;
        } else {
            self.entries.push(Entry { at, what });
        }
    }
}

/// In a hundred columns, without colours.
impl Display for Ladder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.display(Look::default()))
    }
}

#[cfg(test)]
mod tests;
