//! Answers to segments for which there is no connection: they wait here until they are polled.

use alloc::collections::VecDeque;

use super::passive::Reply;

/// Segments that follow from no connection; so many at the most.
#[derive(Clone, Debug)]
pub(super) struct Replies {
    queue: VecDeque<Reply>,
    limit: usize,
}

impl Replies {
    pub(super) const fn new(limit: usize) -> Self {
        Self { queue: VecDeque::new(), limit }
    }

    /// Adds one, if there is room, and says whether there was.
    pub(super) fn push(&mut self, reply: Reply) -> bool {
        let room = self.queue.len() < self.limit;
        if room {
            self.queue.push_back(reply);
        }
        room
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub(super) fn pop(&mut self) -> Option<Reply> {
        self.queue.pop_front()
    }

    /// Octets of memory.
    pub(super) fn memory(&self) -> usize {
        self.queue.capacity() * size_of::<Reply>()
    }
}
