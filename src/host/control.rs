//! ICMP of a host: what is said about packets, and what is heard about ours.

use super::icmp::{About, Arrived, Complaint, Heard, IcmpStats, Report};
use super::ingress::{Came, Origin};
use super::own::Standing;
use super::packet::{Ingress, Packet};
use super::udp::Surroundings as _;
use super::{FiveTuple, Host, IgnoreReason, UdpNetworkError, demux, egress};
use crate::Instant;
use crate::connection::Connection;
use crate::tcp::{CommandError, Notices};
use crate::wire::ipv6::{Duty, Examined};
use crate::wire::{IpPacket, IpProtocol, Reassembled};

impl Host {
    /// What ICMP has seen and done.
    #[must_use]
    pub const fn icmp_stats(&self) -> &IcmpStats {
        self.icmp.stats()
    }

    /// What became of fragments.
    #[must_use]
    pub fn fragment_counts(&self) -> super::fragments::FragmentCounts {
        self.fragments.counts()
    }

    /// Does what the extension headers of a packet over IPv6 ask for (RFC 8200 §4).
    pub(super) fn examine(
        &mut self,
        now: Instant,
        packet: &Packet<'_>,
        came: Came,
    ) -> Result<(), IgnoreReason> {
        let octets = packet.as_slice();
        let plain = [IpProtocol::TCP, IpProtocol::UDP, IpProtocol::ICMPV6];
        if octets.get(6).is_some_and(|&next| plain.contains(&IpProtocol(next))) {
            return Ok(());
        }
        match Examined::of(octets).map_err(|_| IgnoreReason::NotIp)?.duty {
            Duty::Accept => return Ok(()),
            Duty::Discard => {}
            Duty::Problem(problem) => self.complain(now, octets, came, Complaint::Parameter(problem)),
        }
        Err(IgnoreReason::ExtensionHeader)
    }

    /// Tells the sender of a packet what is wrong with it, if the rules let us.
    pub(super) fn complain(&mut self, now: Instant, packet: &[u8], came: Came, complaint: Complaint) {
        let about = self.about(packet, came);
        // Why nothing is said is counted there.
        let _ = self.icmp.complain(now, &about, complaint);
    }

    /// [`complain`](Self::complain), about a datagram that came in pieces.
    pub(super) fn complain_about_whole(
        &mut self,
        now: Instant,
        whole: &Reassembled,
        came: Came,
        complaint: Complaint,
    ) {
        let about = self.about(&[], came);
        let _ = self.icmp.complain_about_whole(now, whole, &about, complaint);
    }

    /// First fragments whose datagram waited in vain: their senders hear of it.
    pub(super) fn complain_of_expired(&mut self, now: Instant) {
        while let Some(packet) = self.fragments.poll_expired() {
            let (Some(from), Some(to)) = (egress::source(&packet), egress::destination(&packet)) else {
                continue;
            };
            let origin = if self.own.is_listed(from) { Origin::Loop } else { Origin::Wire };
            let came = Came { origin, standing: self.own.standing(to), scope: 0 };
            self.complain(now, &packet, came, Complaint::Reassembly);
        }
    }

    fn about<'a>(&self, packet: &'a [u8], came: Came) -> About<'a> {
        // A group is known by its address; a broadcast by our networks.
        let shared = came.standing == Standing::Shared;
        let speaker = egress::source(packet).filter(|_| shared).and_then(|from| self.own.address_for(from));
        let group = egress::destination(packet).is_some_and(|to| to.is_multicast());
        About { packet, origin: came.origin, broadcast: shared && !group, speaker }
    }

    /// An ICMP message: a request is answered, an error is brought to the flow that it is about.
    pub(super) fn take_icmp(
        &mut self,
        now: Instant,
        ip: &IpPacket<'_>,
        came: Came,
    ) -> Result<Ingress, IgnoreReason> {
        let local = if came.standing == Standing::Ours { Some(ip.dst) } else { self.own.address_for(ip.src) };
        let Some(local) = local else {
            return Err(IgnoreReason::OtherDestination);
        };
        let arrived = Arrived {
            packet: ip,
            origin: came.origin,
            scope: came.scope,
            local,
            mtu: self.own.path_mtu(ip.src),
            id: self.identifications.next(&self.secret, local, ip.src),
        };
        match self.icmp.hear(now, &arrived) {
            Heard::Done => Ok(Ingress::Taken),
            Heard::Raw => Ok(Ingress::Raw),
            Heard::Unheeded(_) => Err(IgnoreReason::Icmp),
            Heard::TcpError(tuple, error) => {
                let hash = demux::hash(&self.secret, &tuple);
                if self.passive.on_network_error(hash, &tuple, error) {
                    return Ok(Ingress::Taken);
                }
                self.report(now, &tuple, |connection| connection.network_error(now, error))
            }
            Heard::TcpPathMtu(tuple, report) => {
                self.report(now, &tuple, |connection| connection.path_mtu(now, report))
            }
            Heard::Udp(tuple, report) => self.report_udp(now, &tuple, report),
        }
    }

    /// Passes on what the network says about a segment; whether that was in flight the connection knows (RFC 5927 §4.1).
    fn report(
        &mut self,
        now: Instant,
        tuple: &FiveTuple,
        tell: impl FnOnce(&mut Connection) -> Result<Notices, CommandError>,
    ) -> Result<Ingress, IgnoreReason> {
        let hash = demux::hash(&self.secret, tuple);
        let index = self.find(hash, tuple).ok_or(IgnoreReason::Icmp)?;
        let id = self.id(index);
        let flow = self.flows.get_mut(index).ok_or(IgnoreReason::Icmp)?;
        match tell(&mut flow.connection) {
            Ok(notices) => {
                self.settle(now, index, &notices);
                Ok(Ingress::Connection(id))
            }
            Err(_) => Err(IgnoreReason::Icmp),
        }
    }

    fn report_udp(
        &mut self,
        now: Instant,
        tuple: &FiveTuple,
        report: Report,
    ) -> Result<Ingress, IgnoreReason> {
        let error = match report {
            Report::PortUnreachable => UdpNetworkError::Refused,
            Report::Unreachable(code) => UdpNetworkError::Unreachable(code),
            Report::TimeExceeded(code) => UdpNetworkError::TimeExceeded(code),
            Report::ParameterProblem(code) => UdpNetworkError::Parameter(code),
            Report::TooBig { mtu, packet_len } => {
                if !self.udp.has_sent(tuple) {
                    return Err(IgnoreReason::Icmp);
                }
                let Some(mtu) = self.own.lower_path_mtu(now, tuple.remote_ip(), mtu, packet_len) else {
                    return Ok(Ingress::Taken);
                };
                UdpNetworkError::TooBig(mtu)
            }
        };
        let told = self.udp.on_error(tuple, error);
        // What the path takes counts even if nobody asked to be told.
        let counts = matches!(error, UdpNetworkError::TooBig(_));
        if told || counts { Ok(Ingress::Taken) } else { Err(IgnoreReason::Icmp) }
    }
}
