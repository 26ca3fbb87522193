//! Connections in the order in which something happened to them, some of which are gone.

use alloc::collections::VecDeque;

use super::ConnId;
use crate::Instant;

/// A queue of ids. Who leaves it early leaves his place behind; as soon as more places are empty than not, they are
/// removed together, so that it takes memory in proportion to those who are in it.
#[derive(Clone, Debug, Default)]
pub(super) struct Roll {
    queue: VecDeque<(ConnId, Instant)>,
    live: usize,
}

impl Roll {
    /// How many are in it.
    pub(super) const fn len(&self) -> usize {
        self.live
    }

    /// Octets of memory.
    pub(super) fn memory(&self) -> usize {
        self.queue.capacity() * size_of::<(ConnId, Instant)>()
    }

    /// Adds one behind all others.
    pub(super) fn push(&mut self, id: ConnId, since: Instant) {
        self.queue.push_back((id, since));
        self.live += 1;
    }

    /// One that was in it is gone; `is_in` tells of each whether it still is.
    pub(super) fn leave(&mut self, is_in: impl Fn(ConnId) -> bool) {
        self.live = self.live.saturating_sub(1);
        if self.queue.len() > 2 * self.live + 64 {
            self.queue.retain(|&(id, _)| is_in(id));
            self.queue.shrink_to(2 * self.live + 64);
        }
    }

    /// The first, and since when it has been in it.
    pub(super) fn first(&mut self, is_in: impl Fn(ConnId) -> bool) -> Option<(ConnId, Instant)> {
        while let Some(&(id, since)) = self.queue.front() {
            if is_in(id) {
                return Some((id, since));
            }
            self.queue.pop_front();
        }
        None
    }
}

#[cfg(test)]
mod tests;
