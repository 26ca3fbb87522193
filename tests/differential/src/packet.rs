//! Octets of IPv4 and TCP, written and read without any of the stacks: a mistake of one of them must not hide here.

use std::net::Ipv4Addr;

/// The stack under test, and the peer that the script plays.
pub const STACK: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
pub const PEER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);
/// Port 80 listens; the other end of it calls.
pub const SERVER_PORT: u16 = 80;
pub const CLIENT_PORT: u16 = 49_152;

pub const FIN: u8 = 1;
pub const SYN: u8 = 2;
pub const RST: u8 = 4;
pub const PSH: u8 = 8;
pub const ACK: u8 = 16;
pub const URG: u8 = 32;

/// A segment with the numbers that are on the wire.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wire {
    pub ports: (u16, u16),
    pub seq: u32,
    pub ack: u32,
    pub flags: u8,
    pub window: u16,
    pub urgent: u16,
    /// As they are in the header; padded to four octets when written.
    pub options: Vec<u8>,
    pub payload: Vec<u8>,
}

/// What is wrong with a packet that the peer sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// The checksum of TCP is not right.
    Checksum,
    /// An octet of the payload, or of the header where there is none, has changed on the way.
    Octet,
    /// The data offset says that the header ends before it can.
    Offset,
}

fn sum(mut total: u32, octets: &[u8]) -> u32 {
    for pair in octets.chunks(2) {
        let high = u32::from(pair.first().copied().unwrap_or(0)) << 8;
        total += high | u32::from(pair.get(1).copied().unwrap_or(0));
    }
    total
}

fn folded(mut total: u32) -> u16 {
    while total > 0xffff {
        total = (total & 0xffff) + (total >> 16);
    }
    !(total as u16)
}

impl Wire {
    /// Sequence numbers that it takes.
    pub fn len(&self) -> u32 {
        let control = u32::from(self.flags & SYN != 0) + u32::from(self.flags & FIN != 0);
        self.payload.len() as u32 + control
    }

    /// The packet from the peer to the stack.
    pub fn to_packet(&self, damage: Option<Damage>) -> Vec<u8> {
        let mut options = self.options.clone();
        options.resize(options.len().next_multiple_of(4), 0);
        let header = 20 + options.len();
        let mut tcp = Vec::with_capacity(header + self.payload.len());
        tcp.extend(self.ports.0.to_be_bytes());
        tcp.extend(self.ports.1.to_be_bytes());
        tcp.extend(self.seq.to_be_bytes());
        tcp.extend(self.ack.to_be_bytes());
        let words = if damage == Some(Damage::Offset) { 4 } else { (header / 4) as u8 };
        tcp.extend([words << 4, self.flags]);
        tcp.extend(self.window.to_be_bytes());
        tcp.extend([0, 0]);
        tcp.extend(self.urgent.to_be_bytes());
        tcp.extend(&options);
        tcp.extend(&self.payload);
        let mut check = checksum(PEER, STACK, &tcp);
        if damage == Some(Damage::Checksum) {
            check ^= 0x0100;
        }
        tcp[16..18].copy_from_slice(&check.to_be_bytes());
        if damage == Some(Damage::Octet) {
            // The last octet: of the payload, or of the urgent pointer.
            let last = tcp.len() - 1;
            tcp[last] ^= 0x20;
        }
        let total = (20 + tcp.len()) as u16;
        let mut packet = vec![0x45, 0];
        packet.extend(total.to_be_bytes());
        packet.extend([0, 0, 0x40, 0, 64, 6, 0, 0]);
        packet.extend(PEER.octets());
        packet.extend(STACK.octets());
        let check = folded(sum(0, &packet));
        packet[10..12].copy_from_slice(&check.to_be_bytes());
        packet.extend(tcp);
        packet
    }

    /// The segment in a packet of the stack; `Err` says what no stack may send.
    pub fn from_packet(packet: &[u8]) -> Result<Self, String> {
        let wrong = |what: &str| Err(format!("{what}: {packet:02x?}"));
        if packet.len() < 40 || packet[0] != 0x45 {
            return wrong("no packet of IPv4 without options");
        }
        if usize::from(u16::from_be_bytes([packet[2], packet[3]])) != packet.len() {
            return wrong("total length");
        }
        if folded(sum(0, &packet[..20])) != 0 {
            return wrong("checksum of IPv4");
        }
        if packet[9] != 6 || packet[12..16] != STACK.octets() || packet[16..20] != PEER.octets() {
            return wrong("not TCP between the two");
        }
        let tcp = &packet[20..];
        let header = usize::from(tcp[12] >> 4) * 4;
        if header < 20 || header > tcp.len() {
            return wrong("data offset");
        }
        if checksum(STACK, PEER, tcp) != 0 {
            return wrong("checksum of TCP");
        }
        let short = |at: usize| u16::from_be_bytes([tcp[at], tcp[at + 1]]);
        let long = |at: usize| u32::from_be_bytes([tcp[at], tcp[at + 1], tcp[at + 2], tcp[at + 3]]);
        Ok(Self {
            ports: (short(0), short(2)),
            seq: long(4),
            ack: long(8),
            flags: tcp[13] & 0x3f,
            window: short(14),
            urgent: short(18),
            options: tcp[20..header].to_vec(),
            payload: tcp[header..].to_vec(),
        })
    }

    /// The value of the first option of this kind.
    pub fn option(&self, wanted: u8) -> Option<&[u8]> {
        let mut rest = self.options.as_slice();
        loop {
            match *rest {
                [] | [0, ..] => return None,
                [1, ..] => rest = &rest[1..],
                [kind, len, ..] => {
                    let value = rest.get(2..usize::from(len))?;
                    if kind == wanted {
                        return Some(value);
                    }
                    rest = &rest[usize::from(len)..];
                }
                [_] => return None,
            }
        }
    }
}

fn checksum(from: Ipv4Addr, to: Ipv4Addr, tcp: &[u8]) -> u16 {
    let pseudo = sum(sum(0, &from.octets()), &to.octets()) + 6 + tcp.len() as u32;
    folded(sum(pseudo, tcp))
}
