//! Segments that nobody has sent, and messages of routers: those that a receiver has to refuse, and others.

use std::net::{IpAddr, SocketAddr};

use tcpstate::host::Checksums;
use tcpstate::tcp::Dialect;
use tcpstate::wire::{OptionsBuilder, TcpOption, TcpRepr};
use tcpstate::{SeqNumber, State, TcpFlags};

use super::world::World;
use crate::craft::{self, Trouble};
use crate::record::{Origin, Recorder};

/// So far from the window that nothing there was ever acknowledged.
const LONG_AGO: u32 = 1 << 30;

/// Where a segment from outside lies, and what it says.
struct Blind {
    flags: TcpFlags,
    seq: SeqNumber,
    ack: SeqNumber,
    len: usize,
}

impl<R: Recorder + ?Sized> World<'_, R> {
    /// A segment arrives at a connection of `end` as if it came from its peer. Those of the first kinds RFC 5961 and RFC
    /// 9293 §3.10.7.4 have it refuse; who sends the last can see the connection.
    pub(super) fn inject(&mut self, end: usize, kind: u8, which: u8, (a, b): (u16, u16)) {
        let Some(number) = self.side(end, which) else { return };
        let side = &self.sides[number];
        let Some(tcb) = self.nodes[end].host.machine(side.id) else { return };
        let (src, dst) = (side.remote, side.local);
        let is_open = matches!(
            tcb.state(),
            State::Established
                | State::FinWait1
                | State::FinWait2
                | State::CloseWait
                | State::Closing
                | State::LastAck
        );
        let beyond = u32::from(a) + 1;
        let len = usize::from(b) % 1400;
        let (nxt, una) = (tcb.rcv_nxt(), tcb.snd_una());
        let edge = nxt + tcb.rcv_wnd();
        let ack = TcpFlags::ACK;
        let blind = match kind % 8 {
            0 => Blind { flags: TcpFlags::RST, seq: nxt + beyond, ack: una, len: 0 },
            1 => Blind { flags: TcpFlags::SYN, seq: nxt + (u32::from(a) << (b & 15)), ack: una, len: 0 },
            2 => Blind { flags: ack | TcpFlags::PSH, seq: edge + beyond, ack: tcb.snd_max(), len },
            3 => Blind {
                flags: ack | TcpFlags::FIN,
                seq: nxt - beyond - len as u32 - 1,
                ack: tcb.snd_max(),
                len,
            },
            4 => Blind { flags: ack, seq: nxt, ack: tcb.snd_max() + beyond, len },
            5 => Blind { flags: ack | TcpFlags::FIN, seq: nxt, ack: una - LONG_AGO, len },
            6 => Blind { flags: TcpFlags::PSH | TcpFlags::FIN, seq: nxt, ack: una, len },
            _ => {
                let flags = TcpFlags::from_bits(b & 0x1ff);
                Blind {
                    flags,
                    seq: nxt + u32::from(a) - 1_000,
                    ack: tcb.snd_max() - u32::from(b >> 9),
                    len: 100,
                }
            }
        };
        // Kernels refuse less.
        let config = tcb.config();
        let is_strict = config.dialect == Dialect::Rfc && !config.insecure_reset && !config.insecure_syn;
        if kind % 8 == 7 || !is_open || !is_strict {
            self.net.has_forged = true;
        }
        let stamps = kind & 64 == 0;
        let packet = self.blind(src, dst, &blind, stamps);
        self.deliver(end, &packet, Checksums::Unknown, Origin::Injected);
    }

    fn blind(&self, src: SocketAddr, dst: SocketAddr, blind: &Blind, stamps: bool) -> Vec<u8> {
        let mut options = OptionsBuilder::new();
        if let Some((val, ecr)) = self.stamps.filter(|_| stamps) {
            let _ = options.push(&TcpOption::Timestamps { val, ecr });
        }
        let repr = TcpRepr {
            seq: blind.seq,
            ack: blind.ack,
            flags: blind.flags,
            window: 100,
            options: options.as_bytes(),
            ..TcpRepr::default()
        };
        craft::tcp(src, dst, &repr, &[0xee; 1400][..blind.len])
    }

    /// A router reports something about the last packet that `end` has sent.
    pub(super) fn report(&mut self, end: usize, kind: u8, value: u16) {
        let quoted = std::mem::take(&mut self.last_sent[end]);
        let Some((src, _, segment)) = craft::segment(&quoted) else { return };
        let is_syn = segment.flags.contains(TcpFlags::SYN);
        let router = match src.ip() {
            IpAddr::V4(_) => IpAddr::from([10, 0, 0, 77]),
            IpAddr::V6(_) => IpAddr::from([0xfd00, 0, 0, 0, 0, 0, 0, 77]),
        };
        let trouble = match kind & 7 {
            0..=3 => Trouble::TooBig(value),
            4 | 5 => Trouble::Unreachable(value as u8),
            6 => Trouble::TimeExceeded(value as u8 & 1),
            _ => Trouble::Problem(value as u8),
        };
        let icmp = self.nodes[end].host.config().icmp;
        let is_soft = !is_syn && !icmp.more_hard_errors && !icmp.every_error_hard;
        if !matches!(trouble, Trouble::TooBig(_)) && !is_soft {
            // Such a report may end a connection, or the attempt at one.
            self.terms.is_sure = false;
        }
        let packet = craft::icmp(router, &quoted, trouble);
        self.deliver(end, &packet, Checksums::Unknown, Origin::Injected);
        self.last_sent[end] = quoted;
    }
}
