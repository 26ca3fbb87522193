//! What a user can do with a socket or a flow.

use core::net::SocketAddr;

use bytes::Bytes;

use super::channel::Channel;
use super::{
    Surroundings, UdpBind, UdpConnectError, UdpFlowId, UdpId, UdpNetworkError, UdpOptions, UdpReport,
    UdpSend, UdpSendError, UdpTable,
};
use crate::connection::Payload;
use crate::{EcnCodepoint, Instant};

/// A datagram that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UdpDatagram {
    /// Who sent it. Port 0: an answer is not wanted (RFC 768).
    pub from: SocketAddr,
    /// To which of our addresses it came, and to which port.
    pub to: SocketAddr,
    /// Its octets.
    pub data: Bytes,
    /// The ECN field that it came with.
    pub ecn: EcnCodepoint,
    /// The differentiated services code point that it came with: 0..=63.
    pub dscp: u8,
    /// The hop limit that it came with.
    pub hop_limit: u8,
}

/// A datagram that was read into a slice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UdpRead {
    /// Octets that were written to the slice, from its start.
    pub len: usize,
    /// Octets of the datagram: what is more than `len` found no room and is gone.
    pub datagram_len: usize,
    /// Who sent it. Port 0: an answer is not wanted (RFC 768).
    pub from: SocketAddr,
    /// To which of our addresses it came, and to which port.
    pub to: SocketAddr,
    /// The ECN field that it came with.
    pub ecn: EcnCodepoint,
    /// The differentiated services code point that it came with: 0..=63.
    pub dscp: u8,
    /// The hop limit that it came with.
    pub hop_limit: u8,
}

impl UdpRead {
    /// Whether the slice was too short for the datagram.
    #[must_use]
    pub const fn is_truncated(&self) -> bool {
        self.len < self.datagram_len
    }
}

impl UdpTable {
    /// A socket, to do something with.
    pub(in crate::host) fn socket<'a>(
        &'a mut self,
        id: UdpId,
        surroundings: &'a dyn Surroundings,
    ) -> Option<UdpMut<'a>> {
        let channel = self.socket_of(id)?.channel;
        Some(UdpMut { table: self, surroundings, id, channel })
    }

    /// A flow, to do something with.
    pub(in crate::host) fn flow<'a>(
        &'a mut self,
        id: UdpFlowId,
        surroundings: &'a dyn Surroundings,
    ) -> Option<UdpFlowMut<'a>> {
        self.flow_of(id)?;
        Some(UdpFlowMut { table: self, surroundings, id })
    }

    /// Takes out the next datagram.
    fn next_datagram(
        &mut self,
        index: u32,
        is_flow: bool,
    ) -> Result<Option<super::pool::Waiting>, UdpNetworkError> {
        if let Some(error) = self.channels.take_error(index) {
            self.channels.look_again(index);
            return Err(error);
        }
        let Some(row) = self.channels.get_mut(index) else {
            return Ok(None);
        };
        let socket = row.socket;
        let Some(waiting) = self.received.pop(&mut row.received) else {
            self.channels.found_nothing(index);
            return Ok(None);
        };
        if is_flow && let Some(socket) = self.sockets.get_mut(socket) {
            socket.flows_held = socket.flows_held.saturating_sub(waiting.cost());
        }
        Ok(Some(waiting))
    }

    fn recv(&mut self, index: u32, is_flow: bool) -> Result<Option<UdpDatagram>, UdpNetworkError> {
        let Some(waiting) = self.next_datagram(index, is_flow)? else {
            return Ok(None);
        };
        Ok(Some(UdpDatagram {
            from: waiting.tuple.remote(),
            to: waiting.tuple.local(),
            data: waiting.octets.into_bytes(),
            ecn: EcnCodepoint::from_bits(waiting.traffic_class),
            dscp: waiting.traffic_class >> 2,
            hop_limit: waiting.hop_limit,
        }))
    }

    fn recv_slice(
        &mut self,
        index: u32,
        is_flow: bool,
        out: &mut [u8],
    ) -> Result<Option<UdpRead>, UdpNetworkError> {
        let Some(waiting) = self.next_datagram(index, is_flow)? else {
            return Ok(None);
        };
        let octets = waiting.octets.as_slice();
        let len = octets.len().min(out.len());
        if let (Some(out), Some(octets)) = (out.get_mut(..len), octets.get(..len)) {
            out.copy_from_slice(octets);
        }
        let read = UdpRead {
            len,
            datagram_len: octets.len(),
            from: waiting.tuple.remote(),
            to: waiting.tuple.local(),
            ecn: EcnCodepoint::from_bits(waiting.traffic_class),
            dscp: waiting.traffic_class >> 2,
            hop_limit: waiting.hop_limit,
        };
        self.received.recycle(waiting.octets);
        Ok(Some(read))
    }
}

/// What the user gave, to be kept by reference: it is the user's memory as well and counts as long as it is.
fn referenced(data: Bytes) -> Payload<'static> {
    let pinned = data.len();
    Payload::Bytes { octets: data, pinned }
}

/// A UDP socket.
#[derive(Debug)]
pub struct UdpMut<'a> {
    table: &'a mut UdpTable,
    surroundings: &'a dyn Surroundings,
    id: UdpId,
    channel: u32,
}

impl UdpMut<'_> {
    /// The socket's name.
    #[must_use]
    pub const fn id(&self) -> UdpId {
        self.id
    }

    fn row(&self) -> Option<&Channel> {
        self.table.channels.get(self.channel)
    }

    /// Where it is bound, with the port that was chosen; `None` if it exists only as it is connected.
    #[must_use]
    pub fn bound(&self) -> Option<UdpBind> {
        self.table.socket_of(self.id)?.bound
    }

    /// Our own end, if the socket is connected.
    #[must_use]
    pub fn local(&self) -> Option<SocketAddr> {
        self.ends().map(|(local, _)| local)
    }

    /// The peer, if the socket is connected.
    #[must_use]
    pub fn remote(&self) -> Option<SocketAddr> {
        self.ends().map(|(_, remote)| remote)
    }

    fn ends(&self) -> Option<(SocketAddr, SocketAddr)> {
        let row =
            self.row().filter(|_| self.table.socket_of(self.id).is_some_and(|socket| socket.connected))?;
        Some((row.tuple.local(), row.tuple.remote()))
    }

    /// What was chosen for it.
    #[must_use]
    pub fn options(&self) -> Option<UdpOptions> {
        self.table.socket_of(self.id).map(|socket| socket.options)
    }

    /// Marks the socket with another number for the user's own use.
    pub fn set_tag(&mut self, tag: u64) {
        if let Some(socket) = self.table.sockets.get_mut(self.id.index) {
            socket.options.tag = tag;
        }
    }

    /// Restricts the socket to one peer: it sends to nobody else and hears from nobody else, and is told of errors.
    /// What has come already stays to be read. A connected socket gets another peer.
    ///
    /// # Errors
    ///
    /// [`UdpConnectError`]; nothing has changed then.
    pub fn connect(&mut self, remote: SocketAddr) -> Result<(), UdpConnectError> {
        self.table.connect(self.id.index, remote, self.surroundings)
    }

    /// Takes the restriction back.
    ///
    /// # Errors
    ///
    /// [`UdpConnectError`] if the socket is not connected, or another one has its place meanwhile.
    pub fn disconnect(&mut self) -> Result<(), UdpConnectError> {
        self.table.disconnect(self.id.index)
    }

    /// Queues a datagram to the peer of a connected socket.
    ///
    /// # Errors
    ///
    /// [`UdpSendError`]; nothing was queued then.
    pub fn send(&mut self, now: Instant, data: &[u8], how: &UdpSend) -> Result<(), UdpSendError> {
        self.table.send(now, self.channel, None, data.into(), how, self.surroundings)
    }

    /// Queues a datagram to the peer of a connected socket, by reference.
    ///
    /// # Errors
    ///
    /// [`UdpSendError`]; nothing was queued then.
    pub fn send_bytes(&mut self, now: Instant, data: Bytes, how: &UdpSend) -> Result<(), UdpSendError> {
        self.table.send(now, self.channel, None, referenced(data), how, self.surroundings)
    }

    /// Queues a datagram.
    ///
    /// # Errors
    ///
    /// [`UdpSendError`]; nothing was queued then.
    pub fn send_to(
        &mut self,
        now: Instant,
        data: &[u8],
        to: SocketAddr,
        how: &UdpSend,
    ) -> Result<(), UdpSendError> {
        self.table.send(now, self.channel, Some(to), data.into(), how, self.surroundings)
    }

    /// Queues a datagram, by reference.
    ///
    /// # Errors
    ///
    /// [`UdpSendError`]; nothing was queued then.
    pub fn send_bytes_to(
        &mut self,
        now: Instant,
        data: Bytes,
        to: SocketAddr,
        how: &UdpSend,
    ) -> Result<(), UdpSendError> {
        self.table.send(now, self.channel, Some(to), referenced(data), how, self.surroundings)
    }

    /// The datagram that has waited longest; `None` if there is none: an event says when there is. By reference where
    /// the packet could be kept. A socket with flows has its datagrams in them.
    ///
    /// # Errors
    ///
    /// What the network reported about a datagram to the peer of a connected socket, once.
    pub fn recv_from(&mut self) -> Result<Option<UdpDatagram>, UdpNetworkError> {
        self.table.recv(self.channel, false)
    }

    /// As [`recv_from`](Self::recv_from), into a slice. What finds no room there is gone.
    ///
    /// # Errors
    ///
    /// As for [`recv_from`](Self::recv_from).
    pub fn recv_from_slice(&mut self, out: &mut [u8]) -> Result<Option<UdpRead>, UdpNetworkError> {
        self.table.recv_slice(self.channel, false, out)
    }

    /// What the network reported about a datagram to the peer of a connected socket, once: what the next call would
    /// have failed with.
    pub fn take_error(&mut self) -> Option<UdpNetworkError> {
        let error = self.table.channels.take_error(self.channel)?;
        self.table.channels.look_again(self.channel);
        Some(error)
    }

    /// The next error that the network reported about a datagram of a socket that is not connected, if it
    /// [asked](UdpOptions::report_errors) for them.
    pub fn next_report(&mut self) -> Option<UdpReport> {
        self.table.sockets.get_mut(self.id.index)?.reports.pop_front()
    }

    /// Datagrams that wait to be read, and to be sent.
    #[must_use]
    pub fn waiting(&self) -> (usize, usize) {
        self.row().map_or((0, 0), |row| (row.received.len(), row.sending.len()))
    }

    /// Datagrams that came and were dropped because there was no room for them, those of its flows included.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.table.socket_of(self.id).map_or(0, |socket| socket.dropped)
    }
}

/// One peer of a UDP socket with flows.
#[derive(Debug)]
pub struct UdpFlowMut<'a> {
    table: &'a mut UdpTable,
    surroundings: &'a dyn Surroundings,
    id: UdpFlowId,
}

impl UdpFlowMut<'_> {
    /// The flow's name.
    #[must_use]
    pub const fn id(&self) -> UdpFlowId {
        self.id
    }

    fn row(&self) -> Option<&Channel> {
        self.table.flow_of(self.id)
    }

    /// The socket that it is a flow of.
    #[must_use]
    pub fn socket(&self) -> Option<UdpId> {
        self.row().map(|row| self.table.id(row.socket))
    }

    /// The address and port that the peer called.
    #[must_use]
    pub fn local(&self) -> Option<SocketAddr> {
        self.row().map(|row| row.tuple.local())
    }

    /// The peer.
    #[must_use]
    pub fn remote(&self) -> Option<SocketAddr> {
        self.row().map(|row| row.tuple.remote())
    }

    /// Queues a datagram to the peer, from the address that it called.
    ///
    /// # Errors
    ///
    /// [`UdpSendError`]; nothing was queued then.
    pub fn send(&mut self, now: Instant, data: &[u8], how: &UdpSend) -> Result<(), UdpSendError> {
        self.table.send(now, self.id.index, None, data.into(), how, self.surroundings)
    }

    /// Queues a datagram to the peer, by reference.
    ///
    /// # Errors
    ///
    /// [`UdpSendError`]; nothing was queued then.
    pub fn send_bytes(&mut self, now: Instant, data: Bytes, how: &UdpSend) -> Result<(), UdpSendError> {
        self.table.send(now, self.id.index, None, referenced(data), how, self.surroundings)
    }

    /// The datagram that has waited longest; `None` if there is none: an event says when there is.
    ///
    /// # Errors
    ///
    /// What the network reported about a datagram to the peer, once.
    pub fn recv(&mut self) -> Result<Option<UdpDatagram>, UdpNetworkError> {
        self.table.recv(self.id.index, true)
    }

    /// As [`recv`](Self::recv), into a slice. What finds no room there is gone.
    ///
    /// # Errors
    ///
    /// As for [`recv`](Self::recv).
    pub fn recv_slice(&mut self, out: &mut [u8]) -> Result<Option<UdpRead>, UdpNetworkError> {
        self.table.recv_slice(self.id.index, true, out)
    }

    /// Datagrams that wait to be read, and to be sent.
    #[must_use]
    pub fn waiting(&self) -> (usize, usize) {
        self.row().map_or((0, 0), |row| (row.received.len(), row.sending.len()))
    }
}
