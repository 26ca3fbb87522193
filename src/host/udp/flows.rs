//! A row for each peer of a socket, for those who do as a NAT does (RFC 4787).

use core::time::Duration;

use super::super::FiveTuple;
use super::channel::{Channel, News, Role};
use super::{FlowEnd, UdpDrop, UdpFlowId, UdpFlows, UdpTable};
use crate::Instant;

/// The port of DNS.
const DNS: u16 = 53;

/// How long a flow may be idle.
fn idle_time(flows: &UdpFlows, tuple: &FiveTuple) -> Duration {
    match flows.dns_idle {
        Some(idle) if tuple.local_port() == DNS => idle,
        _ => flows.idle,
    }
}

impl UdpTable {
    /// A row for a peer that has none yet. At the limit the flow that was idle longest makes room.
    pub(super) fn begin_flow(
        &mut self,
        now: Instant,
        index: u32,
        tuple: FiveTuple,
        hash: u64,
    ) -> Result<u32, UdpDrop> {
        // Nobody can be answered there.
        if !super::bind::is_destination(tuple.remote()) {
            return Err(UdpDrop::Source);
        }
        // Its five-tuple may be with a flow of another socket, from the time when that got such datagrams.
        if let Some(old) = self.find(&self.flows, &tuple, hash) {
            self.end_flow(old, FlowEnd::Evicted);
        }
        self.make_room_for_flow(index)?;
        let channel = self.channels.rows.insert(Channel::new(tuple, index, Role::Flow));
        self.flows.insert(hash, channel);
        if let Some(socket) = self.sockets.get_mut(index) {
            socket.flows += 1;
            socket.idle.push(&mut self.channels.rows, channel);
        }
        self.channels.tell(channel, News::NEW);
        self.stats.flows += 1;
        self.refresh(now, channel);
        Ok(channel)
    }

    fn make_room_for_flow(&mut self, index: u32) -> Result<(), UdpDrop> {
        let limit = self.config.max_flows as usize;
        let socket = self.sockets.get(index).ok_or(UdpDrop::Flows)?;
        let own = socket.options.flows.map_or(0, |flows| flows.max.max(1));
        if socket.flows >= own || self.flows.len() >= limit {
            let oldest = socket.idle.front().ok_or(UdpDrop::Flows)?;
            self.end_flow(oldest, FlowEnd::Evicted);
        }
        // Rows of which the user has not heard that they are over count as well, up to as many again.
        if self.flows.len() + self.ended as usize >= 2 * limit {
            return Err(UdpDrop::Flows);
        }
        Ok(())
    }

    /// Something has passed through the flow: its time begins anew.
    pub(super) fn refresh(&mut self, now: Instant, channel: u32) {
        let Some(row) = self.channels.get(channel) else {
            return;
        };
        let Some(socket) = self.sockets.get_mut(row.socket) else {
            return;
        };
        let Some(flows) = &socket.options.flows else {
            return;
        };
        let at = now + idle_time(flows, &row.tuple);
        // A clock that steps back ends no flow early.
        let at = self.idle.at(channel).map_or(at, |before| before.max(at));
        self.idle.set(channel, at);
        socket.idle.remove(&mut self.channels.rows, channel);
        socket.idle.push(&mut self.channels.rows, channel);
    }

    /// Takes a flow out of everything but its row. What nobody has read is gone.
    fn unhook_flow(&mut self, channel: u32) {
        let Some(row) = self.channels.rows.get_mut(channel) else {
            return;
        };
        let (tuple, index, held) = (row.tuple, row.socket, row.received.held());
        self.stats.unread += self.received.clear(&mut row.received);
        let hash = self.hash(&tuple);
        self.flows.remove(hash, channel);
        self.idle.cancel(channel);
        if let Some(socket) = self.sockets.get_mut(index) {
            socket.flows_held = socket.flows_held.saturating_sub(held);
            socket.flows = socket.flows.saturating_sub(1);
            socket.idle.remove(&mut self.channels.rows, channel);
        }
    }

    /// A flow is over, and its user hears of it, if he has heard of the flow at all.
    pub(super) fn end_flow(&mut self, channel: u32, why: FlowEnd) {
        self.unhook_flow(channel);
        match why {
            FlowEnd::Idle => self.stats.flows_idle += 1,
            FlowEnd::Evicted => self.stats.flows_evicted += 1,
        }
        self.channels.transmit.remove(&mut self.channels.rows, channel);
        self.channels.starved.remove(&mut self.channels.rows, channel);
        let Some(row) = self.channels.rows.get_mut(channel) else {
            return;
        };
        self.stats.discarded += self.sending.clear(&mut row.sending);
        if row.news.has(News::NEW) {
            self.channels.remove(channel);
            return;
        }
        row.role = Role::Ended(why);
        row.end_sending();
        row.error = None;
        let index = row.socket;
        if let Some(socket) = self.sockets.get_mut(index) {
            socket.ended.push(&mut self.channels.rows, channel);
        }
        self.ended += 1;
        self.channels.tell(channel, 0);
    }

    /// The user has heard that the flow is over.
    pub(super) fn forget_ended(&mut self, index: u32, channel: u32) {
        if let Some(socket) = self.sockets.get_mut(index) {
            socket.ended.remove(&mut self.channels.rows, channel);
        }
        self.channels.remove(channel);
        self.ended = self.ended.saturating_sub(1);
    }

    /// The channel of a flow that is not over.
    pub(super) fn flow_of(&self, id: UdpFlowId) -> Option<&Channel> {
        let row = self.channels.get(id.index)?;
        let current = self.channels.rows.generation(id.index) == id.generation;
        Some(row).filter(|row| current && row.role == Role::Flow)
    }

    /// Forgets a flow; its next datagram begins another. What was queued to be sent is still sent.
    pub(in crate::host) fn close_flow(&mut self, id: UdpFlowId) -> bool {
        if self.flow_of(id).is_none() {
            return false;
        }
        self.unhook_flow(id.index);
        self.let_go(id.index);
        true
    }

    /// Forgets all flows of a socket.
    pub(super) fn close_flows(&mut self, index: u32) {
        while let Some(channel) = self.sockets.get(index).and_then(|socket| socket.idle.front()) {
            self.unhook_flow(channel);
            self.let_go(channel);
        }
        while let Some(channel) = self.sockets.get(index).and_then(|socket| socket.ended.front()) {
            self.forget_ended(index, channel);
        }
    }

    /// Ends the flows that were idle too long.
    pub(in crate::host) fn handle_timeout(&mut self, now: Instant) {
        while let Some((at, channel)) = self.idle.first() {
            if at > now {
                return;
            }
            self.idle.cancel(channel);
            self.end_flow(channel, FlowEnd::Idle);
        }
    }

    /// When the first flow will have been idle too long.
    pub(in crate::host) fn poll_timeout(&mut self) -> Option<Instant> {
        self.idle.first().map(|(at, _)| at)
    }
}

#[cfg(test)]
mod tests;
