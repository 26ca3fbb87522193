//! Lines with `>`: the next packet that is sent, and whether it is the one that is expected.

use alloc::format;
use alloc::string::{String, ToString as _};
use core::time::Duration;

use super::compare::{self, Terms};
use super::flows::{Flow, Origins};
use super::live::{self, Sniffed, Upper};
use super::log::as_told;
use super::world::{World, time, window};
use super::{Kind, Stop, icmp};
use crate::drill::pattern;
use crate::drill::script::{Body, Direction, Event, IpInfo, OptionList, OptionWord, Packet, TcpLine};
use crate::host::FiveTuple;
use crate::wire::{IpProtocol, TcpSegment};
use crate::{Instant, TcpFlags};

/// How long a packet that did not come is waited for, to tell when it does.
const AFTERWARDS: Duration = Duration::from_secs(2);
/// How long a packet is waited for that may come at any time.
const ANY_TIME: Duration = Duration::from_secs(24 * 3_600);

impl World<'_> {
    /// Takes the next packet of the line's connection, and compares.
    pub(super) fn expect(&mut self, event: &Event, line: &Packet) -> Result<(), Stop> {
        check_names(line, self.settings.local.is_ipv4())
            .map_err(|name| Stop::unsupported(event.line, name))?;
        let times = window(event.when, self.base);
        let tolerance = |at: Instant| self.settings.tolerance_of(at.since(self.base));
        let (first, last) = match times {
            Some((first, last)) => (
                Instant::from_nanos(first.as_nanos().saturating_sub(tolerance(first).as_nanos() as u64)),
                last + tolerance(last),
            ),
            None => (Instant::ZERO, self.now + ANY_TIME),
        };
        let Some((index, sniffed)) = self.await_packet(line, first, last)? else {
            return Err(self.nothing_came(event, line, last));
        };
        let at = sniffed.at;
        let known = self.learn(index, line, &sniffed);
        self.log.claim(sniffed.entry, event.line, known);
        let stop = |message: String, got: Option<&Packet>| {
            let got = got.map(|got| format!("{} {}", time(at), told(got, line)));
            Stop::new(Kind::Packet, event.line, message).with(Some(event.text.clone()), got)
        };
        let got = live::packet(&sniffed.octets, Direction::Out, &known).map_err(|error| stop(error, None))?;
        let got = self.whole(event, index, line, got, last)?;
        if let Some(message) = self.compare(index, line, &got, &sniffed) {
            return Err(stop(message, Some(&got)));
        }
        if let Some((from, to)) = times.filter(|_| at < first || at > last) {
            let word = if at < first { "early" } else { "late" };
            let expected = if from == to { time(from) } else { format!("{} to {}", time(from), time(to)) };
            return Err(stop(
                format!("it was sent at {}, too {word}: expected at {expected}", time(at)),
                Some(&got),
            ));
        }
        self.settle_flow(index, line, &sniffed);
        self.base = self.base.max(at);
        Ok(())
    }

    /// The next packet of the line's connection, if it comes until then.
    fn await_packet(
        &mut self,
        line: &Packet,
        first: Instant,
        last: Instant,
    ) -> Result<Option<(usize, Sniffed)>, Stop> {
        loop {
            if let Some(index) = self.flow_of(line, first)
                && let Some(sniffed) = self.take_sent(index)
            {
                return Ok(Some((index, sniffed)));
            }
            if !self.step(last)? {
                // A call that was to return meanwhile is what has failed first.
                self.go_on_to(last)?;
                return Ok(None);
            }
        }
    }

    fn flow_of(&mut self, line: &Packet, first: Instant) -> Option<usize> {
        let ends = (self.settings.local, self.settings.remote);
        match &line.body {
            Body::Tcp(tcp) => {
                let opens = tcp.flags.contains(TcpFlags::SYN) && !tcp.flags.contains(TcpFlags::ACK);
                self.flows.of_outbound(IpProtocol::TCP, tcp.ports, opens.then_some(first), ends)
            }
            Body::Udp(udp) => self.flows.of_outbound(IpProtocol::UDP, udp.ports, None, ends),
            Body::Icmp(_) => {
                let protocol = if ends.0.is_ipv4() { IpProtocol::ICMP } else { IpProtocol::ICMPV6 };
                self.flows.find(protocol, (ends.0, 0).into(), (ends.1, 0).into())
            }
        }
    }

    /// Nothing came in time: tells what came later, or from elsewhere.
    fn nothing_came(&mut self, event: &Event, line: &Packet, last: Instant) -> Stop {
        let by = match window(event.when, self.base) {
            Some((_, to)) => format!("nothing was sent by {}", time(to)),
            None => "nothing was sent".into(),
        };
        let but = self.flow_of(line, Instant::ZERO);
        let elsewhere = self.flows.sent_elsewhere(but).cloned();
        // Where the script goes on, its time must not.
        let afterwards = if self.settings.packets_may_differ { Duration::ZERO } else { AFTERWARDS };
        let later = self.await_packet(line, Instant::ZERO, last + afterwards).ok().flatten();
        let (later, tail) = match (later, elsewhere) {
            (Some((_, later)), _) => (Some(later), ", only later"),
            (None, Some(other)) => (Some(other), " on this connection, only on another"),
            (None, None) => (None, ""),
        };
        let got = later.and_then(|sniffed| {
            let got = live::packet(&sniffed.octets, Direction::Out, &sniffed.origins).ok()?;
            Some(format!("{} {}", time(sniffed.at), told(&got, line)))
        });
        Stop::new(Kind::Packet, event.line, format!("{by}{tail}")).with(Some(event.text.clone()), got)
    }

    /// What the line tells of the numbers: that of our SYN is what the script says it is.
    fn learn(&mut self, index: usize, line: &Packet, sniffed: &Sniffed) -> Origins {
        let mut known = sniffed.origins;
        if let Some(flow) = self.flows.get_mut(index) {
            if known.local == flow.origins.local {
                (known.local_in_script, known.stamp) = (flow.origins.local_in_script, flow.origins.stamp);
            }
            if let Body::Tcp(tcp) = &line.body
                && tcp.flags.contains(TcpFlags::SYN)
                && known.local_in_script.is_none()
                && !tcp.any_seq
            {
                known.local_in_script = Some(tcp.seq);
            }
            if let Body::Tcp(tcp) = &line.body
                && let (Some(script), Some(live)) = (stamp_of(tcp), live_stamp(sniffed))
            {
                known.stamp.get_or_insert((script, live));
            }
        }
        known
    }

    /// The packet together with those behind it that a card would have made of one, as far as the line is longer.
    fn whole(
        &mut self,
        event: &Event,
        index: usize,
        line: &Packet,
        mut got: Packet,
        last: Instant,
    ) -> Result<Packet, Stop> {
        let Body::Tcp(TcpLine { len: Some(wanted), .. }) = line.body else { return Ok(got) };
        let first_len = len_of(&got);
        let mut last_len = first_len;
        while !self.settings.strict_segments && first_len > 0 && len_of(&got) < wanted {
            let Some(flow) = self.flows.get_mut(index) else { break };
            let Some(next) = flow.sent.front().cloned() else {
                if self.step(last)? {
                    continue;
                }
                break;
            };
            let known = self.learn(index, line, &next);
            let Ok(packet) = live::packet(&next.octets, Direction::Out, &known) else { break };
            let len = len_of(&packet);
            let fits = len_of(&got).saturating_add(len) <= wanted;
            let except = if self.pushes_vary { TcpFlags::PSH } else { TcpFlags::NONE };
            if !fits || !compare::continues(&got, (first_len, last_len), &packet, except) {
                break;
            }
            self.take_sent(index);
            self.log.claim(next.entry, event.line, known);
            if let Some(wrong) = self.payload(index, &next) {
                let stop = Stop::new(Kind::Packet, event.line, wrong);
                return Err(stop.with(Some(event.text.clone()), Some(told(&packet, line))));
            }
            last_len = len;
            join(&mut got, &packet);
        }
        Ok(got)
    }

    fn compare(&self, index: usize, line: &Packet, got: &Packet, sniffed: &Sniffed) -> Option<String> {
        let flow = self.flows.get(index)?;
        let live = match live::read(&sniffed.octets) {
            Ok((_, Upper::Tcp(segment))) => (segment.seq.get(), segment.ack.get()),
            _ => (0, 0),
        };
        let tick = self.settings.timestamp_tick;
        let except = self.pushes_that_vary(flow, got, sniffed);
        let terms = Terms { flow, live, tick, tolerance: self.settings.tolerance, except };
        compare::difference(line, got, &terms).or_else(|| self.payload(index, sniffed))
    }

    /// Linux pushes at the end of each packet that a card would have cut up, which is an artefact of how much it puts
    /// into one: where that may have been, in full segments, pushes are not compared.
    fn pushes_that_vary(&self, flow: &Flow, got: &Packet, sniffed: &Sniffed) -> TcpFlags {
        let Ok((_, Upper::Tcp(segment))) = live::read(&sniffed.octets) else { return TcpFlags::NONE };
        let first = segment.payload_len.saturating_add(segment.options.wire_len());
        let merged = len_of(got) as usize > segment.payload_len;
        let full = segment.payload_len > 0 && first >= flow.full_size(self.settings.mtu) as usize;
        if self.pushes_vary && (merged || full) { TcpFlags::PSH } else { TcpFlags::NONE }
    }

    /// Whether the packet carries what the application has written at that place.
    fn payload(&self, index: usize, sniffed: &Sniffed) -> Option<String> {
        let flow = self.flows.get(index)?;
        let segment = match live::read(&sniffed.octets) {
            Ok((_, Upper::Tcp(segment))) => segment,
            Ok((_, Upper::Udp(datagram))) => {
                let at = self.kernel.unsent_octet(datagram.payload)?;
                return Some(format!(
                    "its payload is not what was sent: the first octet that differs is number {at}"
                ));
            }
            _ => return None,
        };
        let place = place_of(&segment, sniffed.origins.local?)?;
        let at = pattern::first_difference(Direction::Out, place, segment.payload)?;
        let tuple = FiveTuple::new(flow.protocol, flow.local, flow.remote);
        let octets = segment.payload.iter().zip(place..).skip(at);
        let wrong = octets.map(|(&is, place)| {
            let written = self.kernel.sent_octet(&tuple, place);
            (written.unwrap_or_else(|| pattern::octet(Direction::Out, place)) == is, place)
        });
        let place = wrong.into_iter().find(|(right, _)| !right)?.1;
        Some(format!(
            "its payload is not what was written: the first octet that differs is number {place} of the stream"
        ))
    }

    /// A line was right: what it tells holds from now on.
    fn settle_flow(&mut self, index: usize, line: &Packet, sniffed: &Sniffed) {
        let Some(flow) = self.flows.get_mut(index) else { return };
        flow.unclaimed = false;
        let protocol = flow.protocol;
        if let Body::Tcp(tcp) = &line.body {
            let same = sniffed.origins.local == flow.origins.local;
            if tcp.flags.contains(TcpFlags::SYN) && same && !tcp.any_seq {
                flow.origins.local_in_script.get_or_insert(tcp.seq);
            }
            if let (Some(script), Some(live), true) = (stamp_of(tcp), live_stamp(sniffed), same) {
                flow.learn_stamp(script, live);
            }
        }
        self.flows.set_current(protocol, index);
    }
}

/// Where the payload of a segment of ours stands: 0 is the first octet after the SYN. `None` if it stands before that.
fn place_of(segment: &TcpSegment<'_>, origin: u32) -> Option<u64> {
    let seq = segment.seq.get();
    let first = if segment.flags.contains(TcpFlags::SYN) { seq.wrapping_add(1) } else { seq };
    let place = first.wrapping_sub(origin).wrapping_sub(1);
    (place <= u32::MAX / 2).then_some(u64::from(place))
}

fn len_of(packet: &Packet) -> u32 {
    if let Body::Tcp(TcpLine { len: Some(len), .. }) = packet.body { len } else { 0 }
}

/// One packet of two.
fn join(got: &mut Packet, next: &Packet) {
    let (Body::Tcp(got), Body::Tcp(next)) = (&mut got.body, &next.body) else { return };
    got.flags |= next.flags;
    got.end = next.end;
    got.len = got.len.zip(next.len).map(|(len, more)| len.saturating_add(more));
}

/// The timestamp that a line names.
fn stamp_of(line: &TcpLine) -> Option<u32> {
    let OptionList::These(words) = &line.options else { return None };
    words.iter().find_map(|word| match word {
        OptionWord::Timestamps { val, .. } => *val,
        _ => None,
    })
}

/// The timestamp that a packet has.
fn live_stamp(sniffed: &Sniffed) -> Option<u32> {
    match live::read(&sniffed.octets) {
        Ok((_, Upper::Tcp(segment))) => segment.options.timestamps().map(|(val, _)| val),
        _ => None,
    }
}

/// Names in an outbound line that are not known, by name.
fn check_names(line: &Packet, v4: bool) -> Result<(), String> {
    let Body::Icmp(message) = &line.body else { return Ok(()) };
    let kind = icmp::kind(message, v4)?;
    icmp::code(message, kind, v4).map(drop)
}

/// The packet with as much of its headers as the line tells.
fn told(got: &Packet, line: &Packet) -> String {
    let asked = &line.ip;
    let ip = IpInfo {
        ecn: got.ip.ecn.filter(|_| asked.ecn.is_some()),
        traffic_class: got.ip.traffic_class.filter(|_| asked.traffic_class.is_some()),
        dscp: got.ip.dscp.filter(|_| asked.dscp.is_some()),
        flow_label: got.ip.flow_label.filter(|_| asked.flow_label.is_some()),
        hop_limit: got.ip.hop_limit.filter(|_| asked.hop_limit.is_some()),
    };
    let ports = match &line.body {
        Body::Tcp(line) => line.ports.is_some(),
        Body::Udp(line) => line.ports.is_some(),
        Body::Icmp(_) => false,
    };
    let mut packet = as_told(got.clone(), ports);
    packet.ip = ip;
    if let (Body::Tcp(got), Body::Tcp(line)) = (&mut packet.body, &line.body)
        && line.ace.is_some()
    {
        got.ace = Some(compare::ace_of(got.flags));
        got.flags = got.flags.without(TcpFlags::AE | TcpFlags::CWR | TcpFlags::ECE);
    }
    packet.to_string()
}
