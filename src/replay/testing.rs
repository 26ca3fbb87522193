//! Conversations for tests, written down like a script: `talk.a("S 0").b("S. 0 1").a(". 1 1")`.

use super::{FlowReport, Replay, ReplayConfig};
use crate::SeqNumber;
use crate::capture::Frame;
use crate::time::Instant;
use crate::wire::ip::IpProtocol;
use crate::wire::tcp::{TcpFlags, TcpRepr};
use crate::wire::{Ipv4Header, Ipv4Repr};
use core::net::Ipv4Addr;
use core::time::Duration;
use std::string::{String, ToString};
use std::vec::Vec;
use std::{format, vec};

const A: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const B: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);
/// Just before the wrap, so that every conversation crosses it.
const ISN_A: u32 = u32::MAX - 3;
const ISN_B: u32 = 7_000;
const RAW_IPV4: u32 = 228;

/// A conversation between two sockets, a frame every 10 ms.
#[derive(Clone)]
pub(crate) struct Talk {
    frames: Vec<(Instant, Vec<u8>)>,
    now: Instant,
    config: ReplayConfig,
    /// What is added to each end's sequence numbers: another connection on the same ports has others.
    shift: u32,
}

impl Talk {
    pub(crate) fn new() -> Self {
        Self { frames: Vec::new(), now: Instant::from_nanos(0), config: ReplayConfig::default(), shift: 0 }
    }

    /// With the three-way handshake done.
    pub(crate) fn open() -> Self {
        Self::new().a("S 0").b("S. 0 1").a(". 1 1")
    }

    pub(crate) fn config(mut self, change: impl FnOnce(&mut ReplayConfig)) -> Self {
        change(&mut self.config);
        self
    }

    /// Numbers from here on belong to another connection.
    pub(crate) fn shift(mut self, shift: u32) -> Self {
        self.shift = shift;
        self
    }

    pub(crate) fn wait(mut self, span: Duration) -> Self {
        self.now = self.now + span;
        self
    }

    /// a sends `FLAGS SEQ [ACK] [xDATA] [wWINDOW] [+OPTIONS]`: numbers count from the ISNs, flags are
    /// tcpdump's letters, `x` is followed by the payload itself, `+` by options in hexadecimal.
    pub(crate) fn a(self, text: &str) -> Self {
        self.send(true, text)
    }

    pub(crate) fn b(self, text: &str) -> Self {
        self.send(false, text)
    }

    fn send(mut self, from_a: bool, text: &str) -> Self {
        let (own, peer) = if from_a { (ISN_A, ISN_B) } else { (ISN_B, ISN_A) };
        let mut words = text.split(' ');
        let mut flags = TcpFlags::default();
        for letter in words.next().unwrap().chars() {
            flags |= match letter {
                'S' => TcpFlags::SYN,
                'F' => TcpFlags::FIN,
                'R' => TcpFlags::RST,
                'P' => TcpFlags::PSH,
                '.' => TcpFlags::ACK,
                other => panic!("no flag {other}"),
            };
        }
        let mut repr = TcpRepr { src_port: 1, dst_port: 2, flags, window: 1_000, ..TcpRepr::default() };
        if !from_a {
            (repr.src_port, repr.dst_port) = (2, 1);
        }
        let seq: i64 = words.next().unwrap().parse().unwrap();
        repr.seq = SeqNumber::new(own.wrapping_add(self.shift).wrapping_add(seq as u32));
        let (mut payload, mut options) = ("", Vec::new());
        for word in words {
            match word.split_at(1) {
                ("x", data) => payload = data,
                ("w", window) => repr.window = window.parse().unwrap(),
                ("+", hex) => {
                    options = (0..hex.len())
                        .step_by(2)
                        .map(|n| u8::from_str_radix(hex.get(n..n + 2).unwrap(), 16).unwrap())
                        .collect()
                }
                _ => {
                    let ack: i64 = word.parse().unwrap();
                    repr.ack = SeqNumber::new(peer.wrapping_add(self.shift).wrapping_add(ack as u32));
                }
            }
        }
        repr.options = &options;
        let (src, dst) = if from_a { (A, B) } else { (B, A) };
        let mut packet = vec![0; 20 + 60 + payload.len()];
        let len = repr.emit(&mut packet[20..], src.into(), dst.into(), [payload.as_bytes()]).unwrap();
        let header = Ipv4Repr { payload_len: len, ..Ipv4Repr::new(src, dst, IpProtocol::TCP) };
        assert_eq!(header.emit(&mut packet).unwrap(), Ipv4Header::MIN_LEN);
        packet.truncate(20 + len);
        self.frames.push((self.now, packet));
        self.now = self.now + Duration::from_millis(10);
        self
    }

    /// A frame that belongs to no flow, to let time pass.
    pub(crate) fn other(mut self) -> Self {
        self.frames.push((self.now, vec![0; 20]));
        self
    }

    /// The clock of the capture steps back.
    pub(crate) fn back_to_the_beginning(mut self) -> Self {
        self.now = Instant::ZERO;
        self
    }

    /// An octet of the last frame is changed on the way.
    pub(crate) fn damaged(mut self) -> Self {
        let (_, packet) = self.frames.last_mut().unwrap();
        // The checksum's own octets, so that nothing else is another.
        packet[20 + 16] ^= 1;
        self
    }

    /// The flows that were let go of before the capture was over.
    pub(crate) fn flows_before_the_end(&self) -> Vec<FlowReport> {
        let mut replay = Replay::new(self.config);
        self.feed(&mut replay);
        core::iter::from_fn(|| replay.poll_ended()).collect()
    }

    fn feed(&self, replay: &mut Replay) {
        for (index, (time, packet)) in self.frames.iter().enumerate() {
            let number = index as u64 + 1;
            let frame =
                Frame { number, time: *time, dlt: RAW_IPV4, data: packet, wire_len: packet.len() as u32 };
            replay.frame(&frame).unwrap();
        }
    }

    pub(crate) fn flows(&self) -> Vec<FlowReport> {
        let mut replay = Replay::new(self.config);
        self.feed(&mut replay);
        let mut flows: Vec<_> = core::iter::from_fn(|| replay.poll_ended()).collect();
        let mut finished = replay.finish().unwrap();
        flows.extend(core::iter::from_fn(|| finished.next_flow().unwrap()));
        flows
    }

    /// The only flow.
    pub(crate) fn flow(&self) -> FlowReport {
        let mut flows = self.flows();
        assert_eq!(flows.len(), 1);
        flows.remove(0)
    }
}

/// Transitions in short: `1 a SYN-SENT`.
pub(crate) fn transitions(report: &FlowReport) -> Vec<String> {
    let name = |state: Option<crate::State>| state.map_or("unknown", crate::State::name);
    report
        .transitions
        .iter()
        .map(|seen| format!("{} {} {}", seen.frame, seen.end.name(), name(seen.state)))
        .collect()
}

/// Both ends' states at the end.
pub(crate) fn states(report: &FlowReport) -> [String; 2] {
    report.state.map(|state| state.map_or("unknown".to_string(), |state| state.to_string()))
}
