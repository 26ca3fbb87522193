//! A node of many connections: flows that share a link.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::net::SocketAddr;

use super::endpoint::Endpoint;
use super::node::{Change, Node};
use super::oracle::Fault;
use crate::Instant;
use crate::wire::{IpPacket, IpProtocol, TcpSegment};

/// Ends of connections behind one link, each with a socket of its own.
///
/// A packet goes to the end whose socket it is for. The ends send in turns, a packet each.
#[derive(Clone, Debug, Default)]
pub struct Crowd {
    members: Vec<Endpoint>,
    /// What is known of each, so that not all have to be asked after every packet.
    known: Vec<Known>,
    by_socket: BTreeMap<SocketAddr, usize>,
    /// Whose turn it is to send.
    turn: usize,
    strays: u64,
}

#[derive(Clone, Copy, Debug)]
struct Known {
    /// It may have something to send.
    sends: bool,
    deadline: Option<Instant>,
}

impl Crowd {
    /// A crowd of these ends. Of two with the same socket, the second one gets no packets.
    #[must_use]
    pub fn new(members: Vec<Endpoint>) -> Self {
        let mut by_socket = BTreeMap::new();
        for (index, member) in members.iter().enumerate() {
            by_socket.entry(member.config().local).or_insert(index);
        }
        let known = |member: &Endpoint| Known { sends: true, deadline: member.poll_timeout() };
        Self { known: members.iter().map(known).collect(), members, by_socket, turn: 0, strays: 0 }
    }

    /// The ends, in the order in which they were given.
    #[must_use]
    pub fn members(&self) -> &[Endpoint] {
        &self.members
    }

    /// Packets that were for none of them.
    #[must_use]
    pub const fn strays(&self) -> u64 {
        self.strays
    }

    fn addressee(&self, packet: &[u8]) -> Option<usize> {
        let ip = IpPacket::parse(packet, packet.len()).ok()?;
        if ip.protocol != IpProtocol::TCP {
            return None;
        }
        let segment = TcpSegment::parse(ip.payload, ip.payload_len).ok()?;
        self.by_socket.get(&SocketAddr::new(ip.dst, segment.dst_port)).copied()
    }

    /// Calls a member, and notes what may be different now.
    fn call<T>(&mut self, index: usize, call: impl FnOnce(&mut Endpoint) -> T) -> Option<T> {
        let (member, known) = (self.members.get_mut(index)?, self.known.get_mut(index)?);
        let done = call(member);
        *known = Known { sends: true, deadline: member.poll_timeout() };
        Some(done)
    }
}

impl Node for Crowd {
    fn handle_packet(&mut self, now: Instant, packet: &[u8]) {
        match self.addressee(packet) {
            Some(member) => {
                self.call(member, |member| member.handle_packet(now, packet));
            }
            None => self.strays += 1,
        }
    }

    fn poll_transmit(&mut self, now: Instant, out: &mut [u8]) -> Option<usize> {
        let count = self.members.len();
        for _ in 0..count {
            let index = self.turn;
            self.turn = (index + 1) % count;
            if !self.known.get(index)?.sends {
                continue;
            }
            if let Some(len) = self.call(index, |member| member.poll_transmit(now, out))? {
                return Some(len);
            }
            self.known.get_mut(index)?.sends = false;
        }
        None
    }

    fn handle_timeout(&mut self, now: Instant) {
        for index in 0..self.members.len() {
            if self.known.get(index).is_some_and(|known| known.deadline.is_some_and(|at| at <= now)) {
                self.call(index, |member| member.handle_timeout(now));
            }
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.known.iter().filter_map(|known| known.deadline).min()
    }

    fn poll_change(&mut self) -> Option<Change> {
        self.members.iter_mut().find_map(Node::poll_change)
    }

    fn fault(&self) -> Option<Fault> {
        self.members.iter().find_map(Node::fault)
    }
}

#[cfg(test)]
mod tests;
