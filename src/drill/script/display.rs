//! Packets as scripts write them.

use core::fmt::{self, Display, Formatter};

use super::{
    Body, Direction, EcnWord, IcmpLine, IpInfo, OptionList, OptionWord, Packet, PortPair, Quoted, TcpLine,
};
use crate::TcpFlags;

/// Letters of the flags in the order in which scripts have them.
const LETTERS: [(TcpFlags, char); 8] = [
    (TcpFlags::SYN, 'S'),
    (TcpFlags::FIN, 'F'),
    (TcpFlags::RST, 'R'),
    (TcpFlags::PSH, 'P'),
    (TcpFlags::URG, 'U'),
    (TcpFlags::ECE, 'E'),
    (TcpFlags::CWR, 'W'),
    (TcpFlags::AE, 'A'),
];

/// The line without its time: [`parse`](crate::drill::parse) reads it back.
impl Display for Packet {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self.direction {
            Direction::In => "< ",
            Direction::Out => "> ",
        })?;
        self.ip.fmt(f)?;
        match &self.body {
            Body::Tcp(line) => line.fmt(f),
            Body::Udp(line) => {
                ports(f, line.ports)?;
                write!(f, "udp ({})", line.len)
            }
            Body::Icmp(line) => line.fmt(f),
        }
    }
}

/// With a blank behind it if there is anything.
impl Display for IpInfo {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut before = "[";
        if let Some(ecn) = self.ecn {
            f.write_str(before)?;
            f.write_str(match ecn {
                EcnWord::None => "noecn",
                EcnWord::Ect0 => "ect0",
                EcnWord::Ect1 => "ect1",
                EcnWord::Ce => "ce",
                EcnWord::Ect01 => "ect01",
            })?;
            before = ", ";
        }
        if let Some(class) = self.traffic_class {
            write!(f, "{before}tos {class:#x}")?;
            before = ", ";
        }
        let numbers = [
            ("dscp", self.dscp.map(u32::from)),
            ("flowlabel", self.flow_label),
            ("ttl", self.hop_limit.map(u32::from)),
        ];
        for (name, number) in numbers {
            if let Some(number) = number {
                write!(f, "{before}{name} {number}")?;
                before = ", ";
            }
        }
        f.write_str(if before == "[" { "" } else { "] " })
    }
}

fn ports(f: &mut Formatter<'_>, ports: Option<PortPair>) -> fmt::Result {
    match ports {
        Some(PortPair { source, destination }) => write!(f, "[{source} > {destination}] "),
        None => Ok(()),
    }
}

impl Display for TcpLine {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        ports(f, self.ports)?;
        if self.flags.is_empty() && self.ace.is_none() {
            f.write_str("-")?;
        }
        for (_, letter) in LETTERS.into_iter().filter(|&(flag, _)| self.flags.contains(flag)) {
            write!(f, "{letter}")?;
        }
        if let Some(ace) = self.ace {
            write!(f, "{ace}")?;
        }
        if self.flags.contains(TcpFlags::ACK) {
            f.write_str(".")?;
        }
        match (self.any_seq, self.len) {
            (true, None) => f.write_str(" ...")?,
            (true, Some(len)) => write!(f, " ...({len})")?,
            (false, None) => write!(f, " {}:{}(...)", self.seq, self.end)?,
            (false, Some(len)) => write!(f, " {}:{}({len})", self.seq, self.end)?,
        }
        f.write_str(if self.absolute { "!" } else { "" })?;
        if let Some(ack) = self.ack {
            write!(f, " ack {ack}{}", if self.ack_absolute { "!" } else { "" })?;
        }
        if let Some(window) = self.window {
            write!(f, " win {window}")?;
        }
        if let Some(urgent) = self.urgent {
            write!(f, " urg {urgent}")?;
        }
        self.options.fmt(f)
    }
}

/// With a blank before it if there is anything.
impl Display for OptionList {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let words = match self {
            Self::Any => return f.write_str(" <...>"),
            Self::These(words) => words,
        };
        for (place, word) in words.iter().enumerate() {
            f.write_str(if place == 0 { " <" } else { "," })?;
            word.fmt(f)?;
        }
        f.write_str(if words.is_empty() { "" } else { ">" })
    }
}

impl Display for OptionWord {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Eol => f.write_str("eol"),
            Self::Nop => f.write_str("nop"),
            Self::Mss(mss) => write!(f, "mss {mss}"),
            Self::WindowScale(shift) => write!(f, "wscale {shift}"),
            Self::SackPermitted => f.write_str("sackOK"),
            Self::Sack(blocks) => {
                f.write_str("sack")?;
                blocks.iter().try_for_each(|(left, right)| write!(f, " {left}:{right}"))
            }
            Self::Timestamps { val, ecr } => {
                timestamp(f, "TS val", *val)?;
                timestamp(f, " ecr", *ecr)
            }
            Self::FastOpen(cookie) => named_octets(f, "FO", cookie.as_bytes()),
            Self::FastOpenExperimental(cookie) => named_octets(f, "FOEXP", cookie.as_bytes()),
            Self::Md5(digest) => named_octets(f, "md5", digest),
            Self::AccEcn { order, counters } if counters.is_empty() => write!(f, "AccECN{order}"),
            Self::AccEcn { order, counters } => {
                f.write_str("ECN")?;
                let names = if *order == 0 { ["e0b", "ceb", "e1b"] } else { ["e1b", "ceb", "e0b"] };
                names.iter().zip(counters).try_for_each(|(name, counter)| write!(f, " {name} {counter}"))
            }
            Self::Other { kind, data } => {
                write!(f, "gen-{kind}")?;
                named_octets(f, "", data)
            }
        }
    }
}

fn timestamp(f: &mut Formatter<'_>, name: &str, value: Option<u32>) -> fmt::Result {
    match value {
        Some(value) => write!(f, "{name} {value}"),
        None => write!(f, "{name} ..."),
    }
}

/// The name, and octets in hexadecimal digits if there are any.
fn named_octets(f: &mut Formatter<'_>, name: &str, octets: &[u8]) -> fmt::Result {
    f.write_str(name)?;
    f.write_str(if octets.is_empty() { "" } else { " " })?;
    octets.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
}

impl Display for IcmpLine {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "icmp {}", self.kind)?;
        if let Some(code) = &self.code {
            write!(f, " {code}")?;
        }
        if let Some(mtu) = self.mtu {
            write!(f, " mtu {mtu}")?;
        }
        if let Some(id) = self.id {
            write!(f, " id {id}")?;
        }
        match self.quoted {
            Quoted::Nothing => Ok(()),
            Quoted::Tcp { seq, end } => write!(f, " [{seq}:{end}({})]", end.wrapping_sub(seq)),
            Quoted::Udp(len) => write!(f, " [udp ({len})]"),
            Quoted::Raw(len) => write!(f, " [raw ({len})]"),
        }
    }
}
