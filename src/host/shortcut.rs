//! The short way in, for what almost every packet is: a segment of the common form, for a connection that is there.
//!
//! It takes exactly what the long way ([`Host::sort`]) would take, and leaves everything else to it: strangers, other
//! forms, and whatever is wrong with a packet. A connection that was found is remembered, for the next packet is most
//! often its too.

use super::flow::Marks;
use super::ingress::{Origin, is_loopback};
use super::own::Standing;
use super::packet::{Checksums, Packet};
use super::single::frame::{Address, Common, is_an_end};
use super::{ConnId, FiveTuple, Host, demux};
use crate::Instant;
use crate::tcp::SegmentMeta;

impl Host {
    /// Takes in a packet from the wire, if it is as described above, and says whose it was (see
    /// [`give`](Self::give)). Else nothing has changed.
    #[inline]
    pub(super) fn take_common(&mut self, now: Instant, packet: &mut Packet<'_>) -> Option<Option<ConnId>> {
        let mut meta = SegmentMeta::default();
        let octets = packet.as_slice();
        let (index, start, len) = match octets.first()? >> 4 {
            4 => self.known(packet, &Common::v4(octets)?, &mut meta)?,
            6 => self.known(packet, &Common::v6(octets)?, &mut meta)?,
            _ => return None,
        };
        Some(self.give(now, index, &meta, packet.take_payload(start, len)))
    }

    /// Reads a segment that is whole, of a connection that is there: which one, and where its payload begins and how
    /// long it is.
    #[inline(always)]
    fn known<A: Address>(
        &mut self,
        packet: &Packet<'_>,
        common: &Common<'_, A>,
        meta: &mut SegmentMeta,
    ) -> Option<(u32, usize, usize)> {
        let (remote_port, local_port) = common.ports();
        let (local, remote) = ((common.dst.into(), local_port), (common.src.into(), remote_port));
        let tuple = FiveTuple::of_segment(local, remote, packet.scope);
        let index = match self.recent(&tuple) {
            Some(index) => index,
            None => self.look_up(&tuple)?,
        };
        if packet.checksums != Checksums::Verified && !common.is_whole() {
            return None;
        }
        common.read(meta);
        Some((index, common.payload_start(), common.payload.len()))
    }

    /// The connection that was found last, if it has that name.
    #[inline(always)]
    fn recent(&self, tuple: &FiveTuple) -> Option<u32> {
        let id = self.recent?;
        let flow = self.flows.get(id.index)?;
        let is_it = self.flows.generation(id.index) == id.generation
            && flow.marks.has(Marks::NAMED)
            && flow.tuple == *tuple;
        is_it.then_some(id.index)
    }

    /// The connection of that name, if its packets may come from the wire. That is so for good: neither the name nor
    /// our addresses change.
    fn look_up(&mut self, tuple: &FiveTuple) -> Option<u32> {
        let (local, remote) = (tuple.local(), tuple.remote());
        if self.own.standing(local.ip()) != Standing::Ours
            || self.check_source(remote.ip(), Origin::Wire).is_err()
            || is_loopback(local.ip())
            || !is_an_end(remote)
            || local.port() == 0
            || local == remote
        {
            return None;
        }
        let index = self.find(demux::hash(&self.secret, tuple), tuple)?;
        self.recent = Some(self.id(index));
        Some(index)
    }
}

#[cfg(test)]
mod tests;
