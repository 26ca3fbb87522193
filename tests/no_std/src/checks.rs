//! Calls into the core, so that its code is linked and not merely compiled.

use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;
use core::hint::black_box;
use core::net::SocketAddr;
use core::time::Duration;

use tcpstate::connection::Received;
use tcpstate::host::{Single, SingleConfig};
use tcpstate::wire::{
    ChecksumStatus, IpPacket, IpProtocol, Ipv4Repr, OptionsBuilder, TcpFlags, TcpOption, TcpRepr, TcpSegment,
};
use tcpstate::{Event, Instant, SeqNumber, State};

/// Runs every check; the error is the number of the first that fails.
pub fn run() -> Result<(), u8> {
    let checks = [
        sequence_numbers_wrap,
        time_saturates,
        a_connection_opens_and_closes,
        a_packet_is_written_and_read,
        two_machines_talk_over_packets,
    ];
    for (number, check) in (1..).zip(checks) {
        if !black_box(check)() {
            return Err(number);
        }
    }
    Ok(())
}

fn sequence_numbers_wrap() -> bool {
    let iss = SeqNumber::new(black_box(u32::MAX));
    iss.before(iss + 1) && (iss + 1).get() == 0
}

fn time_saturates() -> bool {
    let start = Instant::from_nanos(black_box(7));
    let later = start + Duration::from_millis(1);
    later - start == Duration::from_millis(1) && start - later == Duration::ZERO
}

fn a_connection_opens_and_closes() -> bool {
    let events = [Event::ActiveOpen, Event::SynAck, Event::Close, Event::AckOfFin, Event::Fin];
    let last = black_box(events).into_iter().try_fold(State::Closed, State::on);
    last.is_some_and(|state| state.to_string() == "TIME-WAIT")
}

/// A connection over IPv4 packets: handshake, octets, and both closes.
fn two_machines_talk_over_packets() -> bool {
    talk().unwrap_or(false)
}

fn talk() -> Option<bool> {
    let (config, mut now) = (SingleConfig::default(), Instant::from_nanos(black_box(1_000_000)));
    let here = SocketAddr::from(([192, 0, 2, 2], 49_152));
    let there = SocketAddr::from(([192, 0, 2, 1], 7));
    let mut client = Single::connect(&config, [1; 32], here, there, now).ok()?;
    let mut server = Single::listen(&config, [2; 32], there).ok()?;
    client.send(now, b"no std").ok()?;
    let mut packet = vec![0; 1500];
    for round in 0..8 {
        while let Some(len) = client.poll_transmit(now, &mut packet) {
            server.handle_packet(now, packet.get(..len)?);
        }
        while let Some(len) = server.poll_transmit(now, &mut packet) {
            client.handle_packet(now, packet.get(..len)?);
        }
        match round {
            2 if server.recv(now, 100) != Received::Data("no std".into()) => return Some(false),
            3 => drop(client.close(now).ok()?),
            4 => drop(server.close(now).ok()?),
            _ => {}
        }
    }
    // Buffers that rest, and the end of TIME-WAIT.
    while let Some(at) = client.poll_timeout() {
        now = at;
        client.handle_timeout(now);
    }
    Some(client.state() == State::Closed && server.state() == State::Closed)
}

fn a_packet_is_written_and_read() -> bool {
    write_packet().is_some_and(|packet| read_packet(black_box(&packet)))
}

/// An IPv4 packet with a SYN that offers a maximum segment size.
fn write_packet() -> Option<Vec<u8>> {
    let mut options = OptionsBuilder::new();
    options.push(&TcpOption::Mss(1460)).ok()?;
    let syn = TcpRepr {
        seq: SeqNumber::new(7),
        flags: TcpFlags::SYN,
        options: options.as_bytes(),
        ..TcpRepr::default()
    };
    let ip = Ipv4Repr {
        payload_len: syn.header_len(),
        ..Ipv4Repr::new([192, 0, 2, 1].into(), [192, 0, 2, 2].into(), IpProtocol::TCP)
    };
    let mut packet = vec![0; ip.header_len() + ip.payload_len];
    let len = ip.emit(&mut packet).ok()?;
    syn.emit(packet.get_mut(len..)?, ip.src.into(), ip.dst.into(), []).ok()?;
    Some(packet)
}

fn read_packet(octets: &[u8]) -> bool {
    let Ok(packet) = IpPacket::parse(octets, octets.len()) else {
        return false;
    };
    let Ok(segment) = TcpSegment::parse(packet.payload, packet.payload_len) else {
        return false;
    };
    packet.protocol == IpProtocol::TCP
        && segment.seq.get() == 7
        && segment.options.mss() == Some(1460)
        && segment.checksum_status(packet.src, packet.dst) == ChecksumStatus::Good
}
