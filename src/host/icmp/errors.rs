//! Errors that are sent, and the rules about which are not (RFC 1122 §3.2.2, RFC 4443 §2.4).

use alloc::vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Icmp, IcmpKind, Origin, Silence, is_group, is_one_host};
use crate::Instant;
use crate::wire::icmp::HEADER_LEN;
use crate::wire::icmpv6::ParameterCode;
use crate::wire::ipv6::{Examined, Problem};
use crate::wire::quote::{Quote, QuotedUpper};
use crate::wire::{
    EmitError, Icmpv4Message, Icmpv6Message, IpProtocol, Ipv4Header, Ipv4Repr, Ipv6Header, Reassembled,
    icmpv4, icmpv6,
};

/// The packet that an error would be about.
#[derive(Clone, Copy, Debug)]
pub(in crate::host) struct About<'a> {
    /// Its octets from the IP header on; as many as an error quotes are enough (1280).
    pub(in crate::host) packet: &'a [u8],
    pub(in crate::host) origin: Origin,
    /// Its destination is the broadcast address of one of our networks, or the link brought it to everybody.
    pub(in crate::host) broadcast: bool,
    /// The address from which to speak about a packet to a group; `None`: not at all.
    pub(in crate::host) speaker: Option<IpAddr>,
}

/// What is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::host) enum Complaint {
    /// Nobody has the port.
    Port,
    /// Nobody speaks the protocol.
    Protocol,
    /// Its other fragments did not come in time. The packet is the first fragment.
    Reassembly,
    /// The extension headers of IPv6 cannot be followed.
    Parameter(Problem),
}

impl Complaint {
    const fn kind(self, v4: bool) -> IcmpKind {
        match self {
            Self::Port => IcmpKind::Unreachable,
            Self::Protocol if v4 => IcmpKind::Unreachable,
            Self::Reassembly => IcmpKind::TimeExceeded,
            Self::Protocol | Self::Parameter(_) => IcmpKind::ParameterProblem,
        }
    }
}

/// Octets of the longest error: in IPv4 what every host takes (RFC 1812 §4.3.2.3), in IPv6 the least MTU there is (RFC
/// 4443 §2.4 (c)).
const MAX_V4: usize = 576;
const MAX_V6: usize = 1280;

impl Icmp {
    /// Sends an error about a packet that arrived, if the rules, the configuration and the limits let it.
    pub(in crate::host) fn complain(
        &mut self,
        now: Instant,
        about: &About<'_>,
        complaint: Complaint,
    ) -> Result<(), Silence> {
        let done = self.try_to_complain(now, about, complaint);
        match done {
            Ok(kind) => self.stats.say(kind),
            Err(why) => self.stats.withhold(why),
        }
        done.map(drop)
    }

    /// As [`complain`](Self::complain), about what was put together from fragments.
    pub(in crate::host) fn complain_about_whole(
        &mut self,
        now: Instant,
        whole: &Reassembled,
        about: &About<'_>,
        complaint: Complaint,
    ) -> Result<(), Silence> {
        let mut packet = [0; MAX_V6];
        let len = rebuild(whole, &mut packet).unwrap_or(0);
        let packet = packet.get(..len).unwrap_or_default();
        self.complain(now, &About { packet, ..*about }, complaint)
    }

    fn try_to_complain(
        &mut self,
        now: Instant,
        about: &About<'_>,
        complaint: Complaint,
    ) -> Result<IcmpKind, Silence> {
        let enabled = match complaint {
            Complaint::Port => self.config.port_unreachable,
            Complaint::Protocol => self.config.protocol_unreachable,
            Complaint::Reassembly => self.config.time_exceeded,
            Complaint::Parameter(_) => self.config.parameter_problem,
        };
        if !enabled {
            return Err(Silence::Off);
        }
        let quoted = Quote::parse(about.packet).ok_or(Silence::Unreadable)?;
        let from = may_speak_of(about, &quoted, complaint)?;
        let max = if from.is_ipv4() { MAX_V4 } else { MAX_V6 };
        if !self.out.has_room(max, 1) {
            return Err(Silence::Full);
        }
        if !self.rates.allow_error(now, quoted.src) {
            return Err(Silence::Limited);
        }
        let mut packet = vec![0; max];
        let written = match (from, quoted.src) {
            (IpAddr::V4(from), IpAddr::V4(to)) => self.write_v4(&mut packet, from, to, about, complaint),
            (IpAddr::V6(from), IpAddr::V6(to)) => self.write_v6(&mut packet, from, to, about, complaint),
            _ => return Err(Silence::Unreadable),
        };
        packet.truncate(written.map_err(|_| Silence::Unreadable)?);
        packet.shrink_to_fit();
        self.out.push(quoted.src, packet);
        Ok(complaint.kind(from.is_ipv4()))
    }

    fn write_v4(
        &self,
        out: &mut [u8],
        from: Ipv4Addr,
        to: Ipv4Addr,
        about: &About<'_>,
        complaint: Complaint,
    ) -> Result<usize, EmitError> {
        let quote = beginning(about.packet, MAX_V4 - Ipv4Header::MIN_LEN - HEADER_LEN);
        let message = match complaint {
            Complaint::Port => Icmpv4Message::Unreachable { code: icmpv4::Unreachable::PORT, quote },
            Complaint::Protocol => Icmpv4Message::Unreachable { code: icmpv4::Unreachable::PROTOCOL, quote },
            Complaint::Reassembly => Icmpv4Message::TimeExceeded { code: Icmpv4Message::REASSEMBLY, quote },
            Complaint::Parameter(problem) => {
                Icmpv4Message::ParameterProblem { code: 0, pointer: problem.pointer as u8, quote }
            }
        };
        let (header, body) = out.split_at_mut_checked(Ipv4Header::MIN_LEN).unwrap_or_default();
        let payload_len = message.emit(body)?;
        let repr = Ipv4Repr { ttl: self.hop_limit, payload_len, ..Ipv4Repr::new(from, to, IpProtocol::ICMP) };
        Ok(repr.emit(header)? + payload_len)
    }

    fn write_v6(
        &self,
        out: &mut [u8],
        from: Ipv6Addr,
        to: Ipv6Addr,
        about: &About<'_>,
        complaint: Complaint,
    ) -> Result<usize, EmitError> {
        let quote = beginning(about.packet, MAX_V6 - Ipv6Header::LEN - HEADER_LEN);
        let message = match complaint {
            Complaint::Port => Icmpv6Message::Unreachable { code: icmpv6::Unreachable::PORT, quote },
            // RFC 8200 §4: pointing to where the protocol is named.
            Complaint::Protocol => Icmpv6Message::ParameterProblem {
                code: ParameterCode::NEXT_HEADER,
                pointer: Examined::of(about.packet).map_or(6, |seen| seen.next_header_at),
                quote,
            },
            Complaint::Reassembly => Icmpv6Message::TimeExceeded { code: Icmpv6Message::REASSEMBLY, quote },
            Complaint::Parameter(Problem { code, pointer }) => {
                Icmpv6Message::ParameterProblem { code, pointer, quote }
            }
        };
        let (header, body) = out.split_at_mut_checked(Ipv6Header::LEN).unwrap_or_default();
        let len = message.emit(body, from, to)?;
        let ip = Ipv6Header {
            hop_limit: self.hop_limit,
            payload_len: len as u16,
            ..Ipv6Header::new(from, to, IpProtocol::ICMPV6)
        };
        Ok(ip.emit(header)? + len)
    }
}

/// The rules of RFC 1122 §3.2.2 and RFC 4443 §2.4 (e): from which address an error may be sent, or why none.
fn may_speak_of(about: &About<'_>, quoted: &Quote, complaint: Complaint) -> Result<IpAddr, Silence> {
    if quoted.fragment.is_some_and(|piece| piece.offset > 0) {
        return Err(Silence::LaterFragment);
    }
    if !is_one_host(quoted.src, about.origin) || quoted.src == quoted.dst && about.origin == Origin::Wire {
        return Err(Silence::Source);
    }
    if is_about_error(quoted) {
        return Err(Silence::AboutError);
    }
    if !about.broadcast && !is_group(quoted.dst) {
        return Ok(quoted.dst);
    }
    // The exception that IPv6 makes: an option that everybody has to know who gets the packet.
    let excepted = matches!(complaint, Complaint::Parameter(Problem { code: ParameterCode::OPTION, .. }));
    about
        .speaker
        .filter(|speaker| excepted && !about.broadcast && speaker.is_ipv4() == quoted.dst.is_ipv4())
        .ok_or(Silence::Group)
}

/// Whether the packet is an ICMP error, or may be one: without its type nothing is said.
const fn is_about_error(quoted: &Quote) -> bool {
    match (quoted.protocol, quoted.upper) {
        (IpProtocol::ICMP, QuotedUpper::Icmp { kind }) => !Icmpv4Message::is_query(kind),
        (IpProtocol::ICMPV6, QuotedUpper::Icmp { kind }) => !Icmpv6Message::is_query(kind),
        (IpProtocol::ICMP | IpProtocol::ICMPV6, QuotedUpper::Missing) => true,
        _ => false,
    }
}

/// As much of a packet as is quoted. Padding of the link does not belong to it.
fn beginning(packet: &[u8], max: usize) -> &[u8] {
    let len = match packet.first_chunk::<6>() {
        Some(&[first, _, high, low, ..]) if first >> 4 == 4 => usize::from(u16::from_be_bytes([high, low])),
        Some(&[_, _, _, _, high, low]) => Ipv6Header::LEN + usize::from(u16::from_be_bytes([high, low])),
        None => 0,
    };
    // Packets that were left to a card to cut up say zero.
    let len = if len == 0 || len == Ipv6Header::LEN { packet.len() } else { len };
    packet.get(..len.min(max)).unwrap_or(packet)
}

/// A packet that stands for one put together from fragments: a plain header, and as much as an error quotes.
fn rebuild(whole: &Reassembled, out: &mut [u8; MAX_V6]) -> Result<usize, EmitError> {
    let header_len = match (whole.src, whole.dst) {
        (IpAddr::V4(src), IpAddr::V4(dst)) => {
            let repr = Ipv4Repr {
                dscp: whole.traffic_class >> 2,
                ecn: whole.traffic_class & 3,
                dont_fragment: false,
                ttl: whole.hop_limit,
                payload_len: whole.payload.len().min(usize::from(u16::MAX) - Ipv4Header::MIN_LEN),
                ..Ipv4Repr::new(src, dst, whole.protocol)
            };
            repr.emit(out)?
        }
        (IpAddr::V6(src), IpAddr::V6(dst)) => {
            let header = Ipv6Header {
                traffic_class: whole.traffic_class,
                hop_limit: whole.hop_limit,
                payload_len: whole.payload.len() as u16,
                ..Ipv6Header::new(src, dst, whole.protocol)
            };
            header.emit(out)?
        }
        _ => return Ok(0),
    };
    let room = out.get_mut(header_len..).unwrap_or_default();
    room.iter_mut().zip(whole.payload.iter()).for_each(|(place, octet)| *place = *octet);
    Ok(header_len + whole.payload.len().min(room.len()))
}

#[cfg(test)]
mod tests;
