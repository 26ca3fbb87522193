//! What a stack answered to one step, with what every stack may do as it likes left out.
//!
//! Left out are: how octets are cut into segments, the numbers themselves (they count from each end's initial number),
//! how large a window is unless it is shut, the options and their order, PSH, the identification and the TTL of packets,
//! and when exactly within a wait something was sent.

use crate::packet::{ACK, FIN, RST, SYN, URG, Wire};
use crate::stack::Call;
use std::fmt;
use tcpstate::State;

/// A reset, with the numbers of both ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reset {
    pub seq: i64,
    pub ack: Option<i64>,
}

/// What was seen of a stack from one step to the next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// A SYN, and what it acknowledged.
    pub syn: Option<Option<i64>>,
    pub reset: Option<Reset>,
    /// Ranges of the stack's stream that were sent for the first time, merged.
    pub new: Vec<(i64, i64)>,
    /// Something of the stream, or the FIN, was sent again.
    pub again: bool,
    /// Where the FIN stood, when it was sent for the first time.
    pub fin: Option<i64>,
    /// The highest number that was acknowledged.
    pub ack: Option<i64>,
    /// There was a segment that carried nothing but an acknowledgment.
    pub bare: bool,
    /// The last window that was told is shut.
    pub shut: Option<bool>,
    /// The urgent pointer was in use.
    pub urgent: bool,
    pub call: Option<Call>,
    pub state: Option<State>,
    /// What no stack may send, or deliver.
    pub wrong: Vec<String>,
}

/// A connection as the peer sees it.
#[derive(Clone, Debug, Default)]
pub struct Sight {
    /// The stack's initial number, once its SYN was seen.
    pub iss: Option<u32>,
    /// The end of all that the stack has sent, relative to it.
    pub sent: i64,
    /// The highest that the stack has acknowledged, relative to the peer's initial number.
    pub told: Option<i64>,
    /// The right edge of the window, likewise.
    pub edge: Option<i64>,
    /// What the peer has acknowledged.
    pub una: i64,
    /// Octets that the user has read.
    pub read: u64,
    pub fin: Option<i64>,
    scale: u8,
}

/// What the numbers of the stack count from while its own initial number is not known.
const NOT_KNOWN: u32 = 1_000_000;

impl Sight {
    pub fn base(&self) -> u32 {
        self.iss.unwrap_or(NOT_KNOWN)
    }

    /// Takes in a packet of the stack; `peer` is the peer's initial number.
    pub fn take(&mut self, peer: u32, packet: &[u8], answer: &mut Answer) {
        let wire = match Wire::from_packet(packet) {
            Ok(wire) => wire,
            Err(wrong) => return answer.wrong.push(wrong),
        };
        if wire.flags & (SYN | RST) == SYN {
            // Another one begins another connection.
            if self.iss != Some(wire.seq) {
                let (una, told) = (0, None);
                *self = Self { iss: Some(wire.seq), una, told, read: self.read, ..Self::default() };
            }
            // The peer never offers more than a scale of zero: then neither side scales unless both asked.
            self.scale = wire.option(3).and_then(|shift| shift.first().copied()).unwrap_or(0);
        }
        let seq = i64::from(wire.seq.wrapping_sub(self.base()) as i32);
        let ack = (wire.flags & ACK != 0).then(|| i64::from(wire.ack.wrapping_sub(peer) as i32));
        if wire.flags & RST != 0 {
            // Number zero is what the RFC puts where no acknowledgment tells one.
            let seq = if wire.seq == 0 { i64::MIN } else { seq };
            answer.reset = Some(Reset { seq, ack });
            if !wire.payload.is_empty() {
                answer.wrong.push("a reset with octets".into());
            }
            return;
        }
        if let Some(ack) = ack {
            answer.ack = answer.ack.max(Some(ack));
            self.told = self.told.max(Some(ack));
            let window = i64::from(wire.window) << if wire.flags & SYN != 0 { 0 } else { self.scale };
            self.edge = self.edge.max(Some(ack + window));
            answer.shut = Some(window == 0);
        }
        if wire.flags & SYN != 0 {
            answer.syn = Some(ack);
        } else if wire.len() == 0 {
            answer.bare = true;
        }
        answer.urgent |= wire.flags & URG != 0;
        self.take_stream(&wire, seq, answer);
    }

    fn take_stream(&mut self, wire: &Wire, seq: i64, answer: &mut Answer) {
        let first = seq + i64::from(wire.flags & SYN != 0);
        let end = first + wire.payload.len() as i64;
        for (at, octet) in (first..).zip(&wire.payload) {
            if *octet != stream_octet(USER, at) {
                answer.wrong.push(format!("octet {at} of the stream is not what the user wrote"));
                break;
            }
        }
        if end > first {
            answer.again |= first < self.sent;
            if end > self.sent {
                let from = first.max(self.sent);
                match answer.new.last_mut() {
                    Some(last) if last.1 == from => last.1 = end,
                    _ => answer.new.push((from, end)),
                }
            }
        }
        self.sent = self.sent.max(end);
        if wire.flags & FIN != 0 {
            match self.fin {
                None => (self.fin, answer.fin) = (Some(end), Some(end)),
                Some(at) if at == end => answer.again = true,
                Some(at) => answer.wrong.push(format!("the FIN was at {at} and is at {end} now")),
            }
            self.sent = self.sent.max(end + 1);
        }
        if wire.flags & SYN != 0 {
            self.sent = self.sent.max(1);
        }
    }

    /// How far a connection has come, for all that a stack can tell to both sides.
    pub fn position(&self) -> (i64, Option<i64>, Option<i64>, u64) {
        (self.sent, self.fin, self.told, self.read)
    }
}

/// Whose stream.
pub const USER: u32 = 0x5a;
pub const THE_PEER: u32 = 0xc3;

/// Octet `at` of a stream, where the first one is number 1: it tells its place.
pub fn stream_octet(whose: u32, at: i64) -> u8 {
    let mixed = (at as u32).wrapping_add(whose << 8).wrapping_mul(0x9e37_79b1);
    (mixed >> 24) as u8
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::run::state_name(self.state))?;
        match self.syn {
            Some(Some(ack)) => write!(f, " SYN,ACK={ack}")?,
            Some(None) => f.write_str(" SYN")?,
            None => {}
        }
        if let Some(reset) = self.reset {
            let seq = if reset.seq == i64::MIN { "zero".into() } else { reset.seq.to_string() };
            write!(f, " RST={seq}")?;
            reset.ack.map_or(Ok(()), |ack| write!(f, ",ACK={ack}"))?;
        }
        self.new.iter().try_for_each(|(from, to)| write!(f, " {from}..{to}"))?;
        if let Some(fin) = self.fin {
            write!(f, " FIN={fin}")?;
        }
        if self.again {
            f.write_str(" (again)")?;
        }
        if let Some(ack) = self.ack.filter(|_| self.syn.is_none()) {
            write!(f, " ACK={ack}")?;
        }
        if self.shut == Some(true) {
            f.write_str(" (closed window)")?;
        }
        match &self.call {
            None => {}
            Some(Call::Read(octets)) => write!(f, " [read {}]", octets.len())?,
            Some(call) => write!(f, " [{}]", format!("{call:?}").to_lowercase())?,
        }
        self.wrong.iter().try_for_each(|wrong| write!(f, " WRONG: {wrong}"))
    }
}
