//! Messages that arrive, and what they mean for TCP and UDP (RFC 1122 §4.2.3.9, RFC 9293 §3.9.2.2, RFC 5461, RFC 5927).

use core::net::{IpAddr, SocketAddr, SocketAddrV6};

use super::{Icmp, IcmpKind, Origin, Unheeded, is_group, is_one_host};
use crate::Instant;
use crate::host::FiveTuple;
use crate::tcp::{NetworkError, PathMtu};
use crate::wire::quote::{Quote, QuotedUpper};
use crate::wire::{Icmpv4Message, Icmpv6Message, IpPacket, icmpv4, icmpv6};

/// An ICMP message that arrived, whole.
#[derive(Clone, Copy, Debug)]
pub(in crate::host) struct Arrived<'a> {
    /// Its protocol is ICMP, or over IPv6 ICMPv6; it is no fragment.
    pub(in crate::host) packet: &'a IpPacket<'a>,
    pub(in crate::host) origin: Origin,
    /// The number of the link that it came over.
    pub(in crate::host) scope: u32,
    /// Our address: its destination, or where that is a group or a broadcast, the address to answer from.
    pub(in crate::host) local: IpAddr,
    /// Octets of the largest packet that goes to the sender uncut.
    pub(in crate::host) mtu: usize,
    /// An identification for the answer, should it have to be cut up.
    pub(in crate::host) id: u32,
}

impl Arrived<'_> {
    /// Whether it was sent to more than us.
    pub(super) fn is_to_group(&self) -> bool {
        self.packet.dst != self.local || is_group(self.packet.dst)
    }
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::host) enum Heard {
    /// It was for ICMP itself.
    Done,
    /// It has no meaning here: the embedder may have a use for it.
    Raw,
    /// It was not believed, or is not to be heeded.
    Unheeded(Unheeded),
    /// An error about a segment of this connection. Whether that was in flight the connection knows.
    TcpError(FiveTuple, NetworkError),
    /// The path of this connection is narrower than a segment of it was.
    TcpPathMtu(FiveTuple, PathMtu),
    /// A report about a datagram of this flow. Only if there is such a flow it is to be believed.
    Udp(FiveTuple, Report),
}

/// What the network says of a packet of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::host) enum Report {
    /// Nobody has the port.
    PortUnreachable,
    /// It does not get there, for the reason with this code.
    Unreachable(u8),
    /// The hop limit came to its end (code 0), or the time to put fragments together (code 1).
    TimeExceeded(u8),
    /// Something in its header is wrong.
    ParameterProblem(u8),
    /// It was too large.
    TooBig {
        /// What the next link takes, in octets; 0 if the router does not say.
        mtu: u32,
        /// What the packet had.
        packet_len: usize,
    },
}

/// A message that quotes.
struct Error<'a> {
    kind: IcmpKind,
    report: Report,
    code: u8,
    /// An attempt to connect is given up for it (RFC 9293 §3.9.2.2).
    hard: bool,
    quote: &'a [u8],
}

impl Icmp {
    /// Takes a message: answers it if it is a request, or says whom it concerns.
    pub(in crate::host) fn hear(&mut self, now: Instant, arrived: &Arrived<'_>) -> Heard {
        let heard = match (arrived.packet.src, arrived.packet.dst) {
            (IpAddr::V4(_), _) => match Icmpv4Message::parse(arrived.packet.payload) {
                Ok(message) => self.hear_v4(now, arrived, message),
                Err(_) => Heard::Unheeded(Unheeded::Malformed),
            },
            (IpAddr::V6(src), IpAddr::V6(dst)) => {
                match Icmpv6Message::parse(arrived.packet.payload, src, dst) {
                    Ok(message) => self.hear_v6(now, arrived, message),
                    Err(_) => Heard::Unheeded(Unheeded::Malformed),
                }
            }
            _ => Heard::Unheeded(Unheeded::Malformed),
        };
        if let Heard::Unheeded(why) = heard {
            self.stats.disregard(why);
        }
        heard
    }

    fn hear_v4(&mut self, now: Instant, arrived: &Arrived<'_>, message: Icmpv4Message<'_>) -> Heard {
        let mut error = match message {
            Icmpv4Message::EchoRequest(request) => {
                self.stats.hear(IcmpKind::EchoRequest);
                self.answer(now, arrived, request);
                return Heard::Done;
            }
            Icmpv4Message::EchoReply(_) => return self.not_ours(IcmpKind::EchoReply),
            Icmpv4Message::Unknown { .. } => return self.not_ours(IcmpKind::Other),
            // MUST-55.
            Icmpv4Message::SourceQuench { .. } => {
                self.stats.hear(IcmpKind::SourceQuench);
                return Heard::Unheeded(Unheeded::SourceQuench);
            }
            Icmpv4Message::Unreachable { code, quote } => Error {
                // Code 4, the third hard one, is about size.
                hard: matches!(code, icmpv4::Unreachable::PROTOCOL | icmpv4::Unreachable::PORT),
                ..Error::unreachable(code == icmpv4::Unreachable::PORT, code.0, quote)
            },
            Icmpv4Message::FragmentationNeeded { mtu, quote } => Error::too_big(u32::from(mtu), 4, quote),
            Icmpv4Message::TimeExceeded { code, quote } => Error::time_exceeded(code, quote),
            Icmpv4Message::ParameterProblem { code, quote, .. } => Error::parameter_problem(code, quote),
        };
        self.stats.hear(error.kind);
        let prohibited = error.kind == IcmpKind::Unreachable && matches!(error.code, 9 | 10 | 13..=15);
        error.hard |= self.config.more_hard_errors && (prohibited || error.kind == IcmpKind::TimeExceeded);
        error.hard |= self.config.every_error_hard;
        concerns(arrived, &error)
    }

    fn hear_v6(&mut self, now: Instant, arrived: &Arrived<'_>, message: Icmpv6Message<'_>) -> Heard {
        let mut error = match message {
            Icmpv6Message::EchoRequest(request) => {
                self.stats.hear(IcmpKind::EchoRequest);
                self.answer(now, arrived, request);
                return Heard::Done;
            }
            Icmpv6Message::EchoReply(_) => return self.not_ours(IcmpKind::EchoReply),
            Icmpv6Message::Unknown { .. } => return self.not_ours(IcmpKind::Other),
            Icmpv6Message::Unreachable { code, quote } => Error {
                hard: matches!(code, icmpv6::Unreachable::PROHIBITED | icmpv6::Unreachable::PORT),
                ..Error::unreachable(code == icmpv6::Unreachable::PORT, code.0, quote)
            },
            Icmpv6Message::PacketTooBig { mtu, quote } => Error::too_big(mtu, 0, quote),
            Icmpv6Message::TimeExceeded { code, quote } => Error::time_exceeded(code, quote),
            Icmpv6Message::ParameterProblem { code, quote, .. } => Error::parameter_problem(code.0, quote),
        };
        self.stats.hear(error.kind);
        error.hard |= self.config.more_hard_errors && error.kind == IcmpKind::TimeExceeded;
        error.hard |= self.config.every_error_hard;
        concerns(arrived, &error)
    }

    fn not_ours(&mut self, kind: IcmpKind) -> Heard {
        self.stats.hear(kind);
        Heard::Raw
    }
}

impl<'a> Error<'a> {
    const fn unreachable(port: bool, code: u8, quote: &'a [u8]) -> Self {
        let report = if port { Report::PortUnreachable } else { Report::Unreachable(code) };
        Self { kind: IcmpKind::Unreachable, report, code, hard: false, quote }
    }

    const fn too_big(mtu: u32, code: u8, quote: &'a [u8]) -> Self {
        let report = Report::TooBig { mtu, packet_len: 0 };
        Self { kind: IcmpKind::TooBig, report, code, hard: false, quote }
    }

    const fn time_exceeded(code: u8, quote: &'a [u8]) -> Self {
        Self { kind: IcmpKind::TimeExceeded, report: Report::TimeExceeded(code), code, hard: false, quote }
    }

    const fn parameter_problem(code: u8, quote: &'a [u8]) -> Self {
        let report = Report::ParameterProblem(code);
        Self { kind: IcmpKind::ParameterProblem, report, code, hard: false, quote }
    }
}

/// Whom an error concerns, if it is to be believed (MUST-54).
// RFC 1122-11, 1122-12
fn concerns(arrived: &Arrived<'_>, error: &Error<'_>) -> Heard {
    if arrived.is_to_group() {
        return Heard::Unheeded(Unheeded::Group);
    }
    if !is_one_host(arrived.packet.src, arrived.origin) {
        return Heard::Unheeded(Unheeded::Source);
    }
    // An error goes back to who sent the packet.
    let Some(quoted) = Quote::parse(error.quote).filter(|quoted| quoted.src == arrived.packet.dst) else {
        return Heard::Unheeded(Unheeded::Quote);
    };
    let report = match error.report {
        Report::TooBig { mtu, .. } => match too_big(mtu, &quoted) {
            Ok(report) => report,
            Err(why) => return Heard::Unheeded(why),
        },
        report => report,
    };
    let Some((local, remote)) = quoted.ends() else {
        // What was sent raw is for whoever sent it; the rest names no flow.
        let raw = matches!(quoted.upper, QuotedUpper::Other | QuotedUpper::Echo { .. });
        return if raw { Heard::Raw } else { Heard::Unheeded(Unheeded::Quote) };
    };
    let tuple =
        FiveTuple::new(quoted.protocol, on_link(local, arrived.scope), on_link(remote, arrived.scope));
    match (quoted.upper, report) {
        (QuotedUpper::Tcp(tcp), Report::TooBig { mtu, .. }) => {
            Heard::TcpPathMtu(tuple, PathMtu { mtu, seq: tcp.seq })
        }
        (QuotedUpper::Tcp(tcp), _) => {
            Heard::TcpError(tuple, NetworkError { hard: error.hard, code: error.code, seq: tcp.seq })
        }
        (_, report) => Heard::Udp(tuple, report),
    }
}

/// What a report about size is worth. One of less than 1280 is dropped in IPv6: no link is so narrow, and packets are
/// neither made smaller nor sent as atomic fragments for it (RFC 8200 §5, RFC 8201 §4, RFC 8021).
const fn too_big(mtu: u32, quoted: &Quote) -> Result<Report, Unheeded> {
    let packet_len = quoted.packet_len;
    if quoted.src.is_ipv6() && mtu < 1280 {
        return Err(Unheeded::BelowMinimum);
    }
    if mtu != 0 && mtu as usize >= packet_len {
        return Err(Unheeded::Size);
    }
    Ok(Report::TooBig { mtu, packet_len })
}

/// The socket on its link.
const fn on_link(addr: SocketAddr, scope: u32) -> SocketAddr {
    match addr {
        SocketAddr::V6(v6) => SocketAddr::V6(SocketAddrV6::new(*v6.ip(), v6.port(), 0, scope)),
        SocketAddr::V4(_) => addr,
    }
}

#[cfg(test)]
mod tests;
