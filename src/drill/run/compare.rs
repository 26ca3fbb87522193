//! A packet that was sent against the line that expects it.

use alloc::format;
use alloc::string::String;
use core::fmt;
use core::time::Duration;

use super::flows::Flow;
use super::icmp;
use crate::TcpFlags;
use crate::drill::script::{
    Body, EcnWord, IcmpLine, IpInfo, OptionList, OptionWord, Packet, Quoted, TcpLine,
};

/// How long a tick of our timestamps is.
const TICK: Duration = Duration::from_millis(1);

/// The bits that a digit among the flags stands for.
const ACE: TcpFlags = TcpFlags::AE.union(TcpFlags::CWR).union(TcpFlags::ECE);

/// What a line is compared by besides itself.
pub(super) struct Terms<'a> {
    pub(super) flow: &'a Flow,
    /// Sequence and acknowledgment number on the wire.
    pub(super) live: (u32, u32),
    /// How long the tick of timestamps is in the script; `None`: their values are not compared.
    pub(super) tick: Option<Duration>,
    /// How far times may be off.
    pub(super) tolerance: Duration,
    /// Flags that are not compared.
    pub(super) except: TcpFlags,
}

/// The first thing in which the packet is not what the line says, in words; `None` if there is none.
pub(super) fn difference(line: &Packet, got: &Packet, terms: &Terms<'_>) -> Option<String> {
    let body = match (&line.body, &got.body) {
        (Body::Tcp(line), Body::Tcp(got)) => tcp(line, got, terms),
        (Body::Udp(line), Body::Udp(got)) => differs("the length", &got.len, &line.len),
        (Body::Icmp(line), Body::Icmp(got)) => message(line, got, terms.flow.local.is_ipv4()),
        _ => Some("it is of another protocol".into()),
    };
    body.or_else(|| ip(&line.ip, &got.ip))
}

fn differs<T: PartialEq + fmt::Display>(what: &str, got: &T, line: &T) -> Option<String> {
    (got != line).then(|| format!("{what} is {got}, not {line}"))
}

fn ip(line: &IpInfo, got: &IpInfo) -> Option<String> {
    let ecn = match (line.ecn, got.ecn) {
        (None, _) | (Some(EcnWord::Ect01), Some(EcnWord::Ect0 | EcnWord::Ect1)) => None,
        (line, got) if line == got => None,
        (Some(line), got) => {
            Some(format!("the ECN field is {}, not {}", got.map_or("nothing", ecn_word), ecn_word(line)))
        }
    };
    let asked = |what: &str, line: Option<u32>, got: Option<u32>| {
        let line = line?;
        (got != Some(line)).then(|| format!("{what} is {:#x}, not {line:#x}", got.unwrap_or(0)))
    };
    ecn.or_else(|| {
        let got = got.traffic_class.map(u32::from);
        asked("the traffic class", line.traffic_class.map(u32::from), got)
    })
    .or_else(|| asked("the DSCP", line.dscp.map(u32::from), got.dscp.map(u32::from)))
    .or_else(|| asked("the flow label", line.flow_label, got.flow_label))
    .or_else(|| {
        let (line, got) = (line.hop_limit?, got.hop_limit.unwrap_or(0));
        differs("the time to live", &got, &line)
    })
}

const fn ecn_word(word: EcnWord) -> &'static str {
    match word {
        EcnWord::None => "noecn",
        EcnWord::Ect0 => "ect0",
        EcnWord::Ect1 => "ect1",
        EcnWord::Ce => "ce",
        EcnWord::Ect01 => "ect01",
    }
}

fn tcp(line: &TcpLine, got: &TcpLine, terms: &Terms<'_>) -> Option<String> {
    flags(line, got, terms.except)
        .or_else(|| {
            if line.any_seq {
                return None;
            }
            let seq = if line.absolute { terms.live.0 } else { got.seq };
            differs("the sequence number", &seq, &line.seq)
        })
        .or_else(|| differs("the length", &got.len?, &line.len?))
        .or_else(|| {
            let expected = line.ack.unwrap_or(0);
            let ack = if line.ack_absolute { terms.live.1 } else { got.ack.unwrap_or(0) };
            // In a SYN,ACK the number may be absolute, as that of the SYN is.
            let absolute = line.flags.contains(TcpFlags::SYN) && terms.live.1 == expected;
            if absolute { None } else { differs("ack", &ack, &expected) }
        })
        .or_else(|| differs("win", &got.window?, &line.window?))
        .or_else(|| differs("urg", &got.urgent.unwrap_or(0), &line.urgent.unwrap_or(0)))
        .or_else(|| options(&line.options, &got.options, terms))
}

fn flags(line: &TcpLine, got: &TcpLine, except: TcpFlags) -> Option<String> {
    let Some(ace) = line.ace else {
        return sets(got.flags, line.flags, except);
    };
    let rest = sets(got.flags, line.flags, except | ACE);
    rest.or_else(|| differs("ACE", &ace_of(got.flags), &ace))
}

fn sets(got: TcpFlags, line: TcpFlags, except: TcpFlags) -> Option<String> {
    (got.without(except) != line.without(except))
        .then(|| format!("the flags are {}, not {}", got.short(), line.short()))
}

/// The field of AccECN as a number (RFC 9768 §3.1.2).
pub(super) fn ace_of(flags: TcpFlags) -> u8 {
    let bits = [(TcpFlags::AE, 4), (TcpFlags::CWR, 2), (TcpFlags::ECE, 1)];
    bits.into_iter().filter(|&(flag, _)| flags.contains(flag)).map(|(_, bit)| bit).sum()
}

fn options(line: &OptionList, got: &OptionList, terms: &Terms<'_>) -> Option<String> {
    let (OptionList::These(line), OptionList::These(got)) = (line, got) else {
        return None;
    };
    let (have, want) = (got.len(), line.len());
    for (at, (got, line)) in got.iter().zip(line).enumerate() {
        if let Some(what) = option(line, got, terms) {
            return Some(format!("option {} {what}", at + 1));
        }
    }
    let plural = if have == 1 { "is 1 option" } else { &format!("are {have} options") };
    (have != want).then(|| format!("there {plural}, not {want}"))
}

fn option(line: &OptionWord, got: &OptionWord, terms: &Terms<'_>) -> Option<String> {
    match (line, got) {
        (OptionWord::Timestamps { val, .. }, OptionWord::Timestamps { val: got, .. }) => {
            terms.tick.and_then(|tick| stamp((*val)?, (*got)?, tick, terms))
        }
        (OptionWord::Md5(line), OptionWord::Md5(_)) if line.is_empty() => None,
        _ if line == got => None,
        _ if core::mem::discriminant(line) == core::mem::discriminant(got) => {
            Some("has another value".into())
        }
        _ => Some("is of another kind".into()),
    }
}

/// Timestamps are compared by the time that has passed since the first one.
fn stamp(script: u32, got: u32, tick: Duration, terms: &Terms<'_>) -> Option<String> {
    let (first, _) = terms.flow.origins.stamp?;
    let nanos = |ticks: u32, tick: Duration| i128::from(ticks.cast_signed()) * tick.as_nanos().cast_signed();
    let expected = nanos(script.wrapping_sub(first), tick);
    let passed = nanos(got.wrapping_sub(first), TICK);
    let slack = (terms.tolerance + tick.max(TICK)).as_nanos();
    let off = (passed - expected).unsigned_abs() > slack;
    off.then(|| {
        format!(
            "has a TS val {} ms after the first one, and {} ms are expected",
            passed / 1_000_000,
            expected / 1_000_000
        )
    })
}

fn message(line: &IcmpLine, got: &IcmpLine, v4: bool) -> Option<String> {
    // Names that are unknown were refused before; what was sent has names or numbers that are known.
    let number = |message: &IcmpLine| icmp::kind(message, v4).unwrap_or(u8::MAX);
    let code = |message: &IcmpLine| icmp::code(message, number(message), v4).unwrap_or(u8::MAX);
    differs("the ICMP type", &number(got), &number(line))
        .or_else(|| differs("the ICMP code", &code(got), &code(line)))
        .or_else(|| differs("mtu", &got.mtu.unwrap_or(0), &line.mtu?))
        .or_else(|| differs("id", &got.id.unwrap_or(0), &line.id?))
        .or_else(|| {
            let told = line.quoted != Quoted::Nothing;
            (told && line.quoted != got.quoted).then(|| "it quotes another packet".into())
        })
}

/// Whether the segment `next` goes on where those before it end, so that a card could have made them of one packet: with
/// the header of the first, and none longer. `taken` has all of those before; flags that are not compared do not count.
pub(super) fn continues(
    taken: &Packet,
    (first_len, last_len): (u32, u32),
    next: &Packet,
    except: TcpFlags,
) -> bool {
    let (Body::Tcp(before), Body::Tcp(after)) = (&taken.body, &next.body) else {
        return false;
    };
    let last_only = TcpFlags::PSH | TcpFlags::FIN;
    let len = after.len.unwrap_or(0);
    let ends = (last_only | TcpFlags::SYN | TcpFlags::RST).without(except);
    let flags = before.flags.without(TcpFlags::CWR | except) == after.flags.without(last_only)
        && !before.flags.intersects(ends);
    let header = before.ack == after.ack && before.window == after.window && before.urgent == after.urgent;
    flags
        && header
        && taken.ip == next.ip
        && before.options == after.options
        && after.seq == before.end
        && last_len == first_len
        && (1..=first_len).contains(&len)
}
