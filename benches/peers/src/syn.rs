//! SYNs from nobody: each from an address and a port that look like chance, and a handshake never goes on.

use crate::rr::Luck;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use tcpstate::TcpFlags;
use tcpstate::wire::{IpProtocol, Ipv4Repr, OptionsBuilder, TcpOption, TcpRepr};

/// Octets of a packet, at the most.
pub(crate) const SYN: usize = 80;

pub(crate) struct Strangers {
    to: (Ipv4Addr, u16),
    luck: Luck,
}

impl Strangers {
    /// `to` is of IPv4.
    pub(crate) fn new(to: SocketAddr) -> Self {
        let IpAddr::V4(ip) = to.ip() else { panic!("{to} is not of IPv4") };
        Self { to: (ip, to.port()), luck: Luck(1) }
    }

    /// Writes the next one, as Linux writes it, and says how many octets it has.
    pub(crate) fn write(&mut self, out: &mut [u8]) -> usize {
        let (draw, (dst, dst_port)) = (self.luck.next(), self.to);
        // 11.0.0.0 to 126.255.255.255, but for nobody's own network.
        let src = Ipv4Addr::from_bits(0x0b00_0000 + (draw % 0x7400_0000) as u32);
        let mut options = OptionsBuilder::new();
        let timestamps = TcpOption::Timestamps { val: (draw >> 20) as u32, ecr: 0 };
        for option in [TcpOption::Mss(1_460), TcpOption::SackPermitted, timestamps, TcpOption::WindowScale(7)]
        {
            options.push(&option).expect("there is room for these");
        }
        let tcp = TcpRepr {
            src_port: 1_024 + (draw >> 48) as u16 % 60_000,
            dst_port,
            seq: ((draw >> 16) as u32).into(),
            ack: 0.into(),
            flags: TcpFlags::SYN,
            window: 64_240,
            urgent: 0,
            options: options.as_bytes(),
        };
        let mut ip = Ipv4Repr::new(src, dst, IpProtocol::TCP);
        ip.payload_len = tcp.header_len();
        let header = ip.emit(out).expect("there is room for it");
        header + tcp.emit(&mut out[header..], src.into(), dst.into(), []).expect("there is room for it")
    }
}
