//! tcpstate: a [`Host`] that serves one connection, or [`Single`], which is a connection without a host.

use super::{Api, BEGIN, End, PIECE, Setup};
use crate::wire::Batch;
use bytes::Bytes;
use std::net::{IpAddr, SocketAddr};
use tcpstate::Instant;
use tcpstate::connection::Received;

mod host;
mod single;

const CLIENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
const SERVER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));
const CLIENT_SOCKET: SocketAddr = SocketAddr::new(CLIENT, 49_152);
const SERVER_SOCKET: SocketAddr = SocketAddr::new(SERVER, 80);

/// One connection, whoever serves it.
trait Socket {
    fn take_in(&mut self, now: Instant, packet: &[u8]);
    fn take_in_bytes(&mut self, now: Instant, packet: Bytes);
    /// Whether it would do any good to read or to write now.
    fn is_ready(&mut self) -> bool;
    /// Octets that were taken.
    fn send(&mut self, now: Instant, octets: &[u8]) -> usize;
    fn send_bytes(&mut self, now: Instant, octets: Bytes) -> usize;
    fn recv(&mut self, now: Instant) -> Received;
    fn recv_slice(&mut self, now: Instant, into: &mut [u8]) -> Received<usize>;
    fn transmit(&mut self, now: Instant, out: &mut [u8]) -> Option<usize>;
    fn deadline(&mut self) -> Option<Instant>;
    fn timeout(&mut self, now: Instant);
}

/// Smaller packets are copied sooner than their memory is counted.
const WORTH_KEEPING: u16 = 3_000;

/// A flow between two hosts.
pub(super) fn hosts(setup: &Setup, api: Api) -> [impl End + use<>; 2] {
    ends(host::Served::pair(setup), setup, api)
}

/// A flow between two that are nothing else.
pub(super) fn singles(setup: &Setup, api: Api) -> [impl End + use<>; 2] {
    ends(single::pair(setup), setup, api)
}

fn ends<S: Socket>([sender, receiver]: [S; 2], setup: &Setup, api: Api) -> [Tcpstate<S>; 2] {
    let by_reference = api == Api::Reference && setup.mtu >= WORTH_KEEPING;
    [(sender, true), (receiver, false)].map(|(socket, sends)| Tcpstate {
        socket,
        sends,
        api,
        // There is nothing to keep in acknowledgments.
        keeps_packets: by_reference && !sends,
        bytes: vec![0x5a; PIECE].into(),
        memory: vec![0; PIECE],
        octets_read: 0,
    })
}

struct Tcpstate<S> {
    socket: S,
    sends: bool,
    api: Api,
    /// Packets go in by reference.
    keeps_packets: bool,
    /// What the application writes.
    bytes: Bytes,
    /// Where it reads into.
    memory: Vec<u8>,
    octets_read: u64,
}

impl<S: Socket> Tcpstate<S> {
    fn write(&mut self, now: Instant) {
        loop {
            let taken = match self.api {
                Api::Slice => self.socket.send(now, &self.bytes),
                Api::Reference => self.socket.send_bytes(now, self.bytes.clone()),
            };
            if taken < self.bytes.len() {
                break;
            }
        }
    }

    fn read(&mut self, now: Instant) {
        loop {
            let read = match self.api {
                Api::Slice => match self.socket.recv_slice(now, &mut self.memory) {
                    Received::Data(len) => len,
                    _ => break,
                },
                Api::Reference => match self.socket.recv(now) {
                    Received::Data(octets) => octets.len(),
                    _ => break,
                },
            };
            self.octets_read += read as u64;
        }
    }
}

impl<S: Socket> End for Tcpstate<S> {
    fn turn(&mut self, now: Instant, came: &mut Batch, goes: &mut Batch) {
        if self.keeps_packets {
            while let Some(packet) = came.next_bytes() {
                self.socket.take_in_bytes(now, packet);
            }
        } else {
            while let Some(packet) = came.next() {
                self.socket.take_in(now, packet);
            }
        }
        if self.socket.deadline().is_some_and(|at| at <= now) {
            self.socket.timeout(now);
        }
        if self.socket.is_ready() {
            if self.sends { self.write(now) } else { self.read(now) }
        }
        while goes.push(|octets| self.socket.transmit(now, octets)) {}
    }

    fn deadline(&mut self, _: Instant) -> Option<Instant> {
        self.socket.deadline()
    }

    fn octets_read(&self) -> u64 {
        self.octets_read
    }
}
