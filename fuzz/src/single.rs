//! A packet for a flow without a host ([`Single`]): to one that listens where the packet goes, and to one that calls where it
//! comes from. Both are polled and served until they have nothing more to say; then their users let go.

use std::net::SocketAddr;
use std::time::Duration;

use tcpstate::connection::{Received, SendFlags};
use tcpstate::host::{Handled, Single, SingleConfig};
use tcpstate::tcp::{NetworkError, PathMtu};
use tcpstate::wire::{IpPacket, TcpSegment};
use tcpstate::{Instant, SeqNumber, State, TcpFlags};

use crate::craft;

/// Packets that one packet may be answered with.
const MOST: usize = 64;

/// Whatever the protocol field says: the octets behind the IP header are taken for a segment, with right checksums.
pub fn run(bytes: &[u8], packet: &IpPacket<'_>) {
    let Ok(segment) = TcpSegment::parse(packet.payload, packet.payload_len) else { return };
    let (src, dst) =
        (SocketAddr::new(packet.src, segment.src_port), SocketAddr::new(packet.dst, segment.dst_port));
    let payload = &segment.payload[..segment.payload.len().min(1_000)];
    let repr = tcpstate::wire::TcpRepr {
        seq: segment.seq,
        ack: segment.ack,
        flags: segment.flags,
        window: segment.window,
        urgent: segment.urgent,
        options: segment.options.as_bytes(),
        ..tcpstate::wire::TcpRepr::default()
    };
    let sound = craft::tcp(src, dst, &repr, payload);
    let mut config = SingleConfig::default();
    config.accept_offloaded = segment.window & 1 == 1;
    if let Ok(listener) = Single::listen(&config, [1; 32], dst) {
        talk(listener, &[bytes, &sound], src, dst);
    }
    if let Ok(caller) = Single::connect(&config, [2; 32], dst, src, Instant::ZERO) {
        talk(caller, &[&sound, bytes], src, dst);
    }
}

/// The packets arrive, the handshake is brought to its end, and the packets arrive again.
fn talk(mut single: Single, packets: &[&[u8]], src: SocketAddr, dst: SocketAddr) {
    let mut now = Instant::ZERO;
    let mut last = poll(&mut single, now);
    for round in 0..2 {
        for packet in packets {
            if let Handled::Ignored(reason) = single.handle_packet(now, packet) {
                assert!(!reason.to_string().is_empty());
            }
            last = poll(&mut single, now).or(last);
        }
        if let Some((seq, flags)) = last {
            // What its peer would answer.
            let ours = match single.state() {
                State::SynSent => TcpFlags::SYN | TcpFlags::ACK,
                _ => TcpFlags::ACK,
            };
            let ack = seq + u32::from(flags.intersects(TcpFlags::SYN | TcpFlags::FIN));
            let seq = single.connection().tcb().rcv_nxt();
            let repr = tcpstate::wire::TcpRepr { seq, ack, flags: ours, window: 9_000, ..Default::default() };
            single.handle_packet(now, &craft::tcp(src, dst, &repr, &[]));
        }
        let _ = single.send(now, &[7; 900]);
        let _ = single.send_with(now, &[8; 10], SendFlags { push: true, ..SendFlags::default() });
        let _ = single.network_error(now, NetworkError { hard: round == 0, code: 1, seq: SeqNumber::new(1) });
        let _ = single.path_mtu(now, PathMtu { mtu: 600, seq: single.connection().tcb().snd_una() });
        let _ = single.set_dscp(10);
        last = poll(&mut single, now).or(last);
        while let Received::Data(octets) = single.recv(now, 500) {
            assert!(!octets.is_empty() && octets.len() <= 500);
        }
        now = single.poll_timeout().unwrap_or(now).max(now);
        single.handle_timeout(now);
        assert!(single.poll_timeout().is_none_or(|at| at > now), "a deadline that was served is still there");
        last = poll(&mut single, now).or(last);
    }
    let _ = single.shutdown(now);
    poll(&mut single, now);
    let _ = single.close(now);
    poll(&mut single, now);
    let info = single.info(now + Duration::from_secs(1));
    assert_eq!(info.state, single.state());
    let _ = single.abort(now);
    poll(&mut single, now);
    let state = single.state();
    assert!(matches!(state, State::Closed | State::TimeWait | State::Listen), "{state} after an abort");
}

/// Takes all that there is to send; answers the number and the flags of the last segment.
fn poll(single: &mut Single, now: Instant) -> Option<(SeqNumber, TcpFlags)> {
    let (mut out, mut last) = ([0; 2_048], None);
    for count in 0.. {
        assert!(count < MOST, "it sends without end");
        let Some(len) = single.poll_transmit(now, &mut out) else { break };
        assert!(craft::is_intact(&out[..len]), "what it sends is not sound");
        let (_, _, segment) = craft::segment(&out[..len]).expect("it sends segments");
        last = Some((segment.seq, segment.flags));
    }
    last
}
