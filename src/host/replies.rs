//! Answers to segments for which there is no connection: they wait here until they are polled.

use alloc::collections::VecDeque;

use super::FiveTuple;
use crate::tcp::SegmentMeta;

/// Segments that follow from no connection, each with the flow that it belongs to as we see it; so many at the most.
#[derive(Clone, Debug)]
pub(super) struct Replies {
    queue: VecDeque<(FiveTuple, SegmentMeta)>,
    limit: usize,
}

impl Replies {
    pub(super) const fn new(limit: usize) -> Self {
        Self { queue: VecDeque::new(), limit }
    }

    /// Adds one, if there is room, and says whether there was.
    pub(super) fn push(&mut self, tuple: FiveTuple, meta: SegmentMeta) -> bool {
        let room = self.queue.len() < self.limit;
        if room {
            self.queue.push_back((tuple, meta));
        }
        room
    }

    pub(super) fn pop(&mut self) -> Option<(FiveTuple, SegmentMeta)> {
        self.queue.pop_front()
    }

    /// Octets of memory.
    pub(super) fn memory(&self) -> usize {
        self.queue.capacity() * size_of::<(FiveTuple, SegmentMeta)>()
    }
}
