//! Lists of channels that are threaded through their rows: in and out at any place in O(1), and no memory besides.

use super::super::slab::Slab;
use super::channel::Channel;

/// No channel.
pub(super) const NONE: u32 = u32::MAX;

/// A channel can be in one list of each kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Those with news for the user.
    Ready,
    /// Those with something to send.
    Transmit,
    /// Those that could not queue a datagram because all of them together hold too much memory.
    Starved,
    /// The flows of a socket, the one that was idle longest first.
    Idle,
}

/// How many kinds there are.
const KINDS: usize = 4;

/// A channel's place in its lists.
#[derive(Clone, Copy, Debug)]
pub(super) struct Links {
    links: [(u32, u32); KINDS],
    /// A bit for each kind of list that the channel is in.
    member: u8,
}

impl Links {
    pub(super) const fn new() -> Self {
        Self { links: [(NONE, NONE); KINDS], member: 0 }
    }

    pub(super) const fn is_in(&self, kind: Kind) -> bool {
        self.member & 1 << kind as u8 != 0
    }

    fn get(&self, kind: Kind) -> (u32, u32) {
        self.links.get(kind as usize).copied().unwrap_or((NONE, NONE))
    }

    fn get_mut(&mut self, kind: Kind) -> Option<&mut (u32, u32)> {
        self.links.get_mut(kind as usize)
    }
}

/// The two ends of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ring {
    kind: Kind,
    head: u32,
    tail: u32,
}

impl Ring {
    pub(super) const fn new(kind: Kind) -> Self {
        Self { kind, head: NONE, tail: NONE }
    }

    /// The channel that has been in the list longest.
    pub(super) fn front(&self) -> Option<u32> {
        (self.head != NONE).then_some(self.head)
    }

    /// Adds a channel at the end, if it is in no list of this kind.
    pub(super) fn push(&mut self, channels: &mut Slab<Channel>, index: u32) {
        let (kind, tail) = (self.kind, self.tail);
        let Some(channel) = channels.get_mut(index).filter(|channel| !channel.links.is_in(kind)) else {
            return;
        };
        channel.links.member |= 1 << kind as u8;
        if let Some(link) = channel.links.get_mut(kind) {
            *link = (tail, NONE);
        }
        match channels.get_mut(tail).and_then(|last| last.links.get_mut(kind)) {
            Some((_, next)) => *next = index,
            None => self.head = index,
        }
        self.tail = index;
    }

    /// Takes a channel out, wherever it is; it must be in this list or in none of the kind.
    pub(super) fn remove(&mut self, channels: &mut Slab<Channel>, index: u32) {
        let kind = self.kind;
        let Some(channel) = channels.get_mut(index).filter(|channel| channel.links.is_in(kind)) else {
            return;
        };
        channel.links.member &= !(1 << kind as u8);
        let (before, after) = channel.links.get(kind);
        match channels.get_mut(before).and_then(|row| row.links.get_mut(kind)) {
            Some((_, next)) => *next = after,
            None => self.head = after,
        }
        match channels.get_mut(after).and_then(|row| row.links.get_mut(kind)) {
            Some((prev, _)) => *prev = before,
            None => self.tail = before,
        }
    }

    /// Takes out the channel that has been in the list longest.
    pub(super) fn pop(&mut self, channels: &mut Slab<Channel>) -> Option<u32> {
        let index = self.front()?;
        self.remove(channels, index);
        Some(index)
    }
}

#[cfg(test)]
mod tests;
