//! One row for each socket and each flow: two queues, and who waits for what.

use super::super::FiveTuple;
use super::super::slab::Slab;
use super::config::UdpQueue;
use super::error::UdpNetworkError;
use super::pool::{Pool, Queue};
use super::ring::{Kind, Links, Ring};
use super::{FlowEnd, UdpReady};

/// What a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// The queues of a socket.
    Socket,
    /// A peer of a socket with flows.
    Flow,
    /// A flow that is over, of which the user knows and has not been told yet.
    Ended(FlowEnd),
    /// What a socket or flow still has to send that was closed.
    Orphan,
}

/// What the user was refused and has to hear of when it is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Awaited {
    /// The last call that reads found nothing.
    pub(super) data: bool,
    /// A call that sends found no room.
    pub(super) room: bool,
}

/// A row. One for each flow: it is kept small.
#[derive(Clone, Debug)]
pub(super) struct Channel {
    /// Both ends of a flow or a connected socket; our own end otherwise.
    pub(super) tuple: FiveTuple,
    /// Whose it is.
    pub(super) socket: u32,
    pub(super) received: Queue,
    pub(super) sending: Queue,
    pub(super) links: Links,
    pub(super) role: Role,
    pub(super) awaited: Awaited,
    /// What the user has not been told yet.
    pub(super) news: News,
    /// Octets of memory that the smallest datagram takes for which there was no room.
    pub(super) wanted: u32,
    pub(super) error: Option<UdpNetworkError>,
}

/// What the user has not been told yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct News(u8);

impl News {
    pub(super) const NEW: u8 = 1;
    pub(super) const READABLE: u8 = 2;
    pub(super) const WRITABLE: u8 = 4;
    pub(super) const ERROR: u8 = 8;

    pub(super) const fn has(self, news: u8) -> bool {
        self.0 & news != 0
    }
}

impl Channel {
    pub(super) const fn new(tuple: FiveTuple, socket: u32, role: Role) -> Self {
        let news = match role {
            Role::Flow => News::NEW,
            _ => 0,
        };
        Self {
            tuple,
            socket,
            received: Queue::new(),
            sending: Queue::new(),
            links: Links::new(),
            role,
            // Nobody has asked yet: the first datagram is news.
            awaited: Awaited { data: true, room: false },
            news: News(news),
            wanted: u32::MAX,
            error: None,
        }
    }

    /// Whether there is a third of a queue free, and room for what was refused.
    pub(super) fn has_room(&self, limit: UdpQueue) -> bool {
        let (datagrams, octets) = (limit.datagrams.max(1) as usize, limit.octets as usize);
        let free = octets.saturating_sub(self.sending.held());
        let places = datagrams.saturating_sub(self.sending.len());
        places >= datagrams.div_ceil(3) && free >= (octets / 3).max(self.wanted_octets())
    }

    /// Octets of memory for which there has to be room.
    pub(super) const fn wanted_octets(&self) -> usize {
        if self.wanted == u32::MAX { 0 } else { self.wanted as usize }
    }

    /// There is something to tell; the row has to be in the list of those.
    fn note(&mut self, news: u8) {
        self.news.0 |= news;
    }

    fn forget(&mut self, news: u8) {
        self.news.0 &= !news;
    }

    /// Nobody will send any more, or wants to know when there is room.
    pub(super) fn end_sending(&mut self) {
        self.awaited.room = false;
        self.wanted = u32::MAX;
        self.forget(News::WRITABLE);
    }
}

/// All rows, and the lists that go through them.
#[derive(Clone, Debug)]
pub(super) struct Channels {
    pub(super) rows: Slab<Channel>,
    pub(super) ready: Ring,
    pub(super) transmit: Ring,
    pub(super) starved: Ring,
}

impl Channels {
    pub(super) const fn new() -> Self {
        Self {
            rows: Slab::new(),
            ready: Ring::new(Kind::Ready),
            transmit: Ring::new(Kind::Transmit),
            starved: Ring::new(Kind::Starved),
        }
    }

    pub(super) fn get(&self, index: u32) -> Option<&Channel> {
        self.rows.get(index)
    }

    pub(super) fn get_mut(&mut self, index: u32) -> Option<&mut Channel> {
        self.rows.get_mut(index)
    }

    /// A row is gone, from the lists that go through all rows as well.
    pub(super) fn remove(&mut self, index: u32) {
        for list in [&mut self.ready, &mut self.transmit, &mut self.starved] {
            list.remove(&mut self.rows, index);
        }
        self.rows.remove(index);
    }

    /// There is news about a channel: its turn comes once, whatever is added meanwhile.
    pub(super) fn tell(&mut self, index: u32, news: u8) {
        if let Some(channel) = self.rows.get_mut(index) {
            channel.note(news);
            self.ready.push(&mut self.rows, index);
        }
    }

    /// A datagram was queued to be read.
    pub(super) fn arrived(&mut self, index: u32) {
        let Some(channel) = self.rows.get_mut(index) else {
            return;
        };
        if channel.awaited.data {
            channel.awaited.data = false;
            self.tell(index, News::READABLE);
        }
    }

    /// A call that reads found nothing.
    pub(super) fn found_nothing(&mut self, index: u32) {
        if let Some(channel) = self.rows.get_mut(index) {
            channel.awaited.data = true;
            channel.forget(News::READABLE);
        }
    }

    /// The error that was reported, once.
    pub(super) fn take_error(&mut self, index: u32) -> Option<UdpNetworkError> {
        let channel = self.rows.get_mut(index)?;
        let error = channel.error.take()?;
        channel.forget(News::ERROR);
        Some(error)
    }

    /// A datagram of `cost` octets of memory found no room: in its own queue, or among all of them.
    pub(super) fn found_no_room(&mut self, index: u32, cost: usize) {
        if let Some(channel) = self.rows.get_mut(index) {
            channel.awaited.room = true;
            channel.forget(News::WRITABLE);
            channel.wanted = channel.wanted.min(u32::try_from(cost).unwrap_or(u32::MAX));
        }
    }

    /// Tells the user if there is room again; if only the memory of all is lacking, the channel waits for that.
    pub(super) fn check_room(&mut self, index: u32, limit: UdpQueue, pool: &Pool) {
        let Some(channel) = self.rows.get_mut(index) else {
            return;
        };
        if !channel.awaited.room || !channel.has_room(limit) {
            return;
        }
        if !pool.has_room(channel.wanted_octets()) {
            self.starved.push(&mut self.rows, index);
            return;
        }
        channel.awaited.room = false;
        channel.wanted = u32::MAX;
        self.tell(index, News::WRITABLE);
    }

    /// The error that was reported went to a call that reads: what there is to read is told again, so that a reader
    /// who stops at an error misses nothing.
    pub(super) fn look_again(&mut self, index: u32) {
        let Some(channel) = self.rows.get_mut(index) else {
            return;
        };
        channel.awaited.data = true;
        if !channel.received.is_empty() {
            self.arrived(index);
        }
    }

    /// What there is to tell about a channel whose turn has come. What is not so any more is left out, and told when
    /// it is so again: nobody has been told of it.
    pub(super) fn take_news(
        &mut self,
        index: u32,
        limit: UdpQueue,
        pool: &Pool,
        has_reports: bool,
    ) -> UdpReady {
        let Some(channel) = self.rows.get_mut(index) else {
            return UdpReady::default();
        };
        let news = core::mem::take(&mut channel.news);
        let readable = news.has(News::READABLE) && !channel.received.is_empty();
        channel.awaited.data |= news.has(News::READABLE) && !readable;
        let free = channel.has_room(limit) && pool.has_room(0);
        let writable = news.has(News::WRITABLE) && free;
        let full_again = news.has(News::WRITABLE) && !free;
        channel.awaited.room |= full_again;
        let ready = UdpReady {
            new: news.has(News::NEW),
            readable,
            writable,
            error: news.has(News::ERROR) && (channel.error.is_some() || has_reports),
            ended: match channel.role {
                Role::Ended(why) => Some(why),
                _ => None,
            },
        };
        if full_again {
            self.check_room(index, limit, pool);
        }
        ready
    }
}
