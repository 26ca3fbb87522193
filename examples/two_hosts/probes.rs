//! Small questions that want an answer: UDP datagrams that are sent back, and pings.

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use tcpstate::Instant;
use tcpstate::host::{Host, UdpBind, UdpId, UdpOptions, UdpSend};
use tcpstate::wire::icmp::Echo;
use tcpstate::wire::icmpv4::Icmpv4Message;
use tcpstate::wire::{IpPacket, IpProtocol, Ipv4Repr};

const COUNT: usize = 10;
const EVERY: Duration = Duration::from_millis(100);

/// Questions of one kind: when each was asked, and when it was answered.
#[derive(Default)]
pub(crate) struct Asked(Vec<(Instant, Option<Instant>)>);

impl Asked {
    fn is_due(&self, now: Instant) -> bool {
        self.wakes().is_some_and(|at| at <= now)
    }

    /// When the next question is due.
    fn wakes(&self) -> Option<Instant> {
        (self.0.len() < COUNT).then_some(self.0.last().map_or(Instant::ZERO, |(at, _)| *at + EVERY))
    }

    fn answered(&mut self, now: Instant, number: u16) {
        if let Some((_, answer)) = self.0.get_mut(usize::from(number)) {
            answer.get_or_insert(now);
        }
    }

    /// How many were answered, and in which time.
    pub(crate) fn summary(&self) -> String {
        let times: Vec<f64> = self
            .0
            .iter()
            .filter_map(|(at, answer)| Some((answer.as_ref()?.since(*at)).as_secs_f64() * 1e3))
            .collect();
        let (least, most) =
            times.iter().fold((f64::MAX, 0_f64), |(least, most), &ms| (least.min(ms), most.max(ms)));
        match times.len() {
            0 => format!("none of {} answered", self.0.len()),
            count => format!("{count} of {} answered, within {least:.1} to {most:.1} ms", self.0.len()),
        }
    }
}

pub(crate) struct Probes {
    socket: UdpId,
    to: SocketAddr,
    pub(crate) datagrams: Asked,
    pub(crate) pings: Asked,
}

impl Probes {
    /// Will ask the host at `to`: its echo port, and the host itself.
    pub(crate) fn new(host: &mut Host, to: SocketAddr) -> Result<Self, Box<dyn Error>> {
        let mut options = UdpOptions::default();
        options.report_errors = true;
        let socket = host.udp_bind(UdpBind::Port(0), options)?;
        Ok(Self { socket, to, datagrams: Asked::default(), pings: Asked::default() })
    }

    pub(crate) fn wakes(&self) -> Option<Instant> {
        self.datagrams.wakes().into_iter().chain(self.pings.wakes()).min()
    }

    pub(crate) fn act(&mut self, now: Instant, host: &mut Host) {
        let Some(mut socket) = host.udp(self.socket) else { return };
        while self.datagrams.is_due(now) {
            let number = self.datagrams.0.len() as u16;
            // What finds no room in the queue is as good as lost.
            let _ = socket.send_to(now, &number.to_be_bytes(), self.to, &UdpSend::default());
            self.datagrams.0.push((now, None));
        }
        while let Ok(Some(datagram)) = socket.recv_from() {
            if let Some(number) = datagram.data.first_chunk() {
                self.datagrams.answered(now, u16::from_be_bytes(*number));
            }
        }
    }

    /// The next ping, as a packet: a host answers pings, and sends none itself.
    pub(crate) fn poll_ping(&mut self, now: Instant, local: Ipv4Addr) -> Option<Vec<u8>> {
        let IpAddr::V4(remote) = self.to.ip() else { return None };
        if !self.pings.is_due(now) {
            return None;
        }
        let seq = self.pings.0.len() as u16;
        self.pings.0.push((now, None));
        let mut message = [0; 64];
        let len = Icmpv4Message::EchoRequest(Echo { id: 1, seq, data: b"ping" }).emit(&mut message).ok()?;
        let mut packet = vec![0; 20 + len];
        let mut header = Ipv4Repr::new(local, remote, IpProtocol::ICMP);
        header.payload_len = len;
        header.emit(&mut packet).ok()?;
        packet[20..].copy_from_slice(&message[..len]);
        Some(packet)
    }

    /// A packet that the host has no use for: the answer to a ping.
    pub(crate) fn raw(&mut self, now: Instant, packet: &[u8]) {
        let Ok(ip) = IpPacket::parse(packet, packet.len()) else { return };
        if let Ok(Icmpv4Message::EchoReply(echo)) = Icmpv4Message::parse(ip.payload) {
            self.pings.answered(now, echo.seq);
        }
    }
}
