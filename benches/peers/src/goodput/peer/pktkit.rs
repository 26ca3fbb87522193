//! pktkit's `vtcp`: a connection that takes and gives TCP segments, and asks the clock what time it is.
//!
//! It starts no threads; its timers run when it is called. The segments get an IPv4 header here, and no checksums: the
//! link damages nothing. One thing is not the same in two runs: its initial sequence numbers.

use super::{Common, HOSTS, MTU, PORT, Role, Source};
use crate::clock;
use pktkit::vtcp::{CongestionKind, Conn, ConnConfig, Segment, State};
use std::net::SocketAddr;
use tcpstate::Instant;
use tcpstate::sim::{Bulk, Fault, Node, Path};

const IP_HEADER: usize = 20;
const PROTOCOL_TCP: u8 = 6;
/// Octets that the user reads in one call.
const READ: usize = 64 << 10;

pub(super) fn settings() -> String {
    let ConnConfig { congestion, mss, no_window_scaling, enable_timestamps, enable_sack, pacing, .. } =
        config(&Path::new(std::time::Duration::ZERO, 1), Role::Sends);
    format!(
        "its defaults, fixed buffers of 4 times what can be on the way; {congestion:?}, window scaling {}, timestamps \
         {enable_timestamps}, SACK {enable_sack}, MTU {}, pacing {pacing}",
        !no_window_scaling,
        usize::from(mss) + 40,
    )
}

fn config(path: &Path, role: Role) -> ConnConfig {
    let [own, other] = if role == Role::Sends { [0, 1] } else { [1, 0] }.map(|end| HOSTS[end]);
    let octets = path.end_buffer().min(1 << 30) as usize;
    ConnConfig::default()
        .local_addr(SocketAddr::from((own, PORT)))
        .remote_addr(SocketAddr::from((other, PORT)))
        .local_port(PORT)
        .remote_port(PORT)
        .mss((MTU - 40) as u16)
        .congestion(CongestionKind::Cubic)
        // What its buffers grow by is shared by all connections of a process: one cell would slow down another.
        .autotune(false)
        .send_buf_size(octets)
        .recv_buf_size(octets)
}

pub(super) fn ends(path: &Path, seed: u64) -> [End; 2] {
    clock::set(Instant::ZERO);
    let origin = std::time::Instant::now();
    [Role::Sends, Role::Receives].map(|role| End {
        common: Common::new(seed),
        connection: Conn::new(config(path, role)),
        role,
        origin,
        source: Source::new(seed),
        read: vec![0; READ],
    })
}

pub(super) struct End {
    common: Common,
    connection: Conn,
    role: Role,
    /// Virtual time 0 as the connection sees it.
    origin: std::time::Instant,
    source: Source,
    read: Vec<u8>,
}

impl End {
    fn send(&mut self, segments: Vec<Vec<u8>>) {
        let (own, other) = (HOSTS[self.role as usize], HOSTS[1 - self.role as usize]);
        for segment in segments {
            let len = IP_HEADER + segment.len();
            let mut packet = Vec::with_capacity(len);
            packet.extend_from_slice(&[0x45, 0]);
            packet.extend_from_slice(&(len as u16).to_be_bytes());
            packet.extend_from_slice(&[0, 0, 0x40, 0, 64, PROTOCOL_TCP, 0, 0]);
            packet.extend_from_slice(&own);
            packet.extend_from_slice(&other);
            packet.extend_from_slice(&segment);
            self.common.outbox.push(packet);
        }
    }

    /// The user's turn, after something has happened.
    fn user(&mut self, now: Instant) {
        loop {
            let read = self.connection.read(&mut self.read);
            if read == 0 {
                break;
            }
            self.common.reader.take(&self.read[..read]);
        }
        if self.role == Role::Sends {
            loop {
                let octets = self.source.next();
                let offered = octets.len();
                let (taken, segments) = self.connection.write(octets);
                self.source.take(taken);
                self.send(segments);
                if taken < offered {
                    break;
                }
            }
        }
        let segments = self.connection.take_outgoing();
        self.send(segments);
        let deadline = self.connection.next_deadline();
        let nanos = deadline.map(|at| at.saturating_duration_since(self.origin).as_nanos() as u64);
        self.common.wants(now, nanos);
    }
}

impl Node for End {
    fn handle_packet(&mut self, now: Instant, packet: &[u8]) {
        clock::set(now);
        let Some(Ok(segment)) = packet.get(IP_HEADER..).map(Segment::parse) else { return };
        let listens = self.role == Role::Receives && self.connection.state() == State::Closed;
        let segments = if listens {
            self.connection.accept_syn(&segment)
        } else {
            self.connection.handle_segment(&segment)
        };
        self.send(segments);
        self.user(now);
    }

    fn poll_transmit(&mut self, _: Instant, out: &mut [u8]) -> Option<usize> {
        self.common.outbox.pop(out)
    }

    fn handle_timeout(&mut self, now: Instant) {
        clock::set(now);
        let calls = self.role == Role::Sends && now == Instant::ZERO;
        let segments = if calls { self.connection.connect() } else { self.connection.tick() };
        self.send(segments);
        self.user(now);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.common.deadline
    }

    fn fault(&self) -> Option<Fault> {
        self.common.fault()
    }
}

impl Bulk for End {
    fn octets_read(&self) -> u64 {
        self.common.reader.position()
    }
}
