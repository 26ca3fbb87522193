//! How much memory a host holds, and what it gives up when that is too much.

use super::Host;
use super::flow::Marks;
use crate::Instant;

/// What the host holds beside the buffers of connections, as it was when it was last counted. To count it takes longer
/// than a segment does, for it is in many places; and of what goes on beside connections it changes, not by segments.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Beside {
    octets: usize,
    /// Segments with octets, or of callers, until it is counted anew.
    left: u8,
}

/// So many segments later what is [`Beside`] is counted anew.
const COUNTED_FOR: u8 = 64;

impl Host {
    /// Octets of memory that the host holds, bookkeeping included.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.held + self.memory_beside()
    }

    /// All that is not in the buffers of connections.
    fn memory_beside(&self) -> usize {
        self.flows.memory()
            + self.names.memory()
            + self.wheel.memory()
            + self.events.memory()
            + self.over.memory()
            + self.orphans.memory()
            + self.replies.memory()
            + self.passive.memory()
            + self.jar.memory()
            + self.udp.memory()
            + self.icmp.memory()
            + self.identifications.memory()
            + self.own.memory()
            + self.config.addresses.capacity() * size_of::<super::LocalAddress>()
            + self.fragments.memory()
            + self.accepts.memory()
            + self.ports.memory()
            + (self.sending.capacity() + self.disordered.capacity()) * size_of::<u32>()
    }

    /// Whether octets that arrive now have to be refused. Before that everything is given up that the host may give up:
    /// what came out of order (RFC 2018 §8 lets a receiver forget it), then orphans, the oldest first (RFC 6429 §3).
    #[inline]
    pub(super) fn is_short_of_memory(&mut self, now: Instant) -> bool {
        self.memory_of_late() > self.config.limits.memory && self.cannot_make_room(now)
    }

    /// Whether there is memory for another caller: an eighth is for those who are there. Rows are not given back, so that
    /// without this all of it could end up as rows, and nobody's octets be taken any more, even when the callers are
    /// gone.
    pub(super) fn has_memory_for_callers(&mut self) -> bool {
        let limit = self.config.limits.memory;
        self.memory_of_late() <= limit - limit / 8
    }

    /// Octets of memory as they were lately.
    #[inline]
    fn memory_of_late(&mut self) -> usize {
        if self.beside.left == 0 {
            self.beside = Beside { octets: self.memory_beside(), left: COUNTED_FOR };
        }
        self.beside.left -= 1;
        self.held + self.beside.octets
    }

    #[cold]
    fn cannot_make_room(&mut self, now: Instant) -> bool {
        if self.memory() <= self.config.limits.memory {
            return false;
        }
        while let Some(index) = self.disordered.pop_front() {
            self.renege(now, index);
            if self.memory() <= self.config.limits.memory {
                return false;
            }
        }
        while self.reset_oldest_orphan(now) {
            if self.memory() <= self.config.limits.memory {
                return false;
            }
        }
        true
    }

    /// Forgets what a connection holds out of order.
    // RFC 2018-16
    fn renege(&mut self, now: Instant, index: u32) {
        // A place may have outlived its row.
        let Some(flow) = self.flows.get_mut(index).filter(|flow| flow.marks.has(Marks::DISORDERED)) else {
            return;
        };
        flow.marks.clear(Marks::DISORDERED);
        if flow.connection.forget_out_of_order(now) > 0 {
            self.stats.reneged += 1;
        }
        self.settle(now, index, &crate::tcp::Notices::default());
    }

    /// Remembers a connection that holds octets out of order.
    pub(super) fn note_disorder(&mut self, index: u32) {
        if let Some(flow) = self.flows.get_mut(index)
            && flow.connection.tcb().holds_out_of_order()
            && flow.marks.newly(Marks::DISORDERED)
        {
            self.disordered.push_back(index);
        }
    }
}
