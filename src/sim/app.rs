//! The user of a connection: what it sends, how fast it reads, and when it closes.

use core::time::Duration;

use super::oracle::{Fault, Pattern, Reader};
use super::prng::{Prng, Probability};
use crate::connection::Received;
use crate::host::Single;
use crate::tcp::Notices;
use crate::{Instant, State};

/// What a user does with its connection. The default sends nothing, reads everything at once, and closes when the
/// peer has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AppConfig {
    /// What it sends.
    pub sends: Sends,
    /// When and how it closes.
    pub ending: Ending,
    /// How it hands over what it sends.
    pub writes: Pace,
    /// How it reads.
    pub reads: Pace,
}

impl Default for AppConfig {
    fn default() -> Self {
        Self {
            sends: Sends::Octets(0),
            ending: Ending::CloseAfterPeer,
            writes: Pace::AtOnce,
            reads: Pace::AtOnce,
        }
    }
}

/// What a user sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Sends {
    /// So many octets, without asking.
    Octets(u64),
    /// An octet for each that it reads.
    Echo,
    /// Requests, each when the response to the last one has been read.
    Requests {
        /// How many.
        count: u32,
        /// Octets of a request.
        request: u32,
        /// Octets of a response.
        response: u32,
    },
    /// A response to each request.
    Responses {
        /// Octets of a request.
        request: u32,
        /// Octets of a response.
        response: u32,
    },
}

impl Sends {
    /// How many octets may have been sent when so many were read.
    fn allowed(self, read: u64) -> u64 {
        match self {
            Self::Octets(count) => count,
            Self::Echo => read,
            Self::Requests { count, request, response } => {
                let answered = read.checked_div(response.into()).unwrap_or(u64::from(count));
                u64::from(request) * u64::from(count).min(answered + 1)
            }
            Self::Responses { request, response } => {
                u64::from(response) * read.checked_div(request.into()).unwrap_or_default()
            }
        }
    }

    /// Whether a user who has sent `sent` octets and read `read` has no more to send.
    fn is_done(self, sent: u64, read: u64, peer_is_done: bool) -> bool {
        match self {
            Self::Octets(count) => sent >= count,
            Self::Requests { count, request, response } => {
                let of_all = |octets: u32| u64::from(count) * u64::from(octets);
                peer_is_done || sent >= of_all(request) && read >= of_all(response)
            }
            Self::Echo | Self::Responses { .. } => peer_is_done && sent >= self.allowed(read),
        }
    }
}

/// When and how a user closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ending {
    /// When it has sent everything, and it lets go: what still comes is not read, and resets the connection.
    CloseWhenSent,
    /// When it has sent everything it says so, and reads on until the peer has closed too (a half-close).
    ShutdownWhenSent,
    /// When it has sent everything and the peer has closed.
    CloseAfterPeer,
    /// When it has sent everything and read so many octets; nothing more is expected then.
    CloseAfterReading(u64),
    /// It gives up when it has sent or read so many octets.
    AbortAfter(u64),
    /// When it is told to: [`Endpoint::close`](super::Endpoint::close).
    WhenTold,
}

/// How a user hands over octets, or takes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Pace {
    /// As many as there are, as soon as they are there.
    AtOnce,
    /// So many at a time, and then a pause.
    Steady {
        /// Octets of one call.
        octets: u32,
        /// The pause after it.
        pause: Duration,
    },
    /// Up to so many at a time, and sometimes a pause.
    Random {
        /// The most octets of one call.
        octets: u32,
        /// How likely a call is followed by a pause.
        chance: Probability,
        /// The longest pause.
        pause: Duration,
    },
}

impl Pace {
    /// How many octets the next call is for, and how long to rest after it.
    fn next(self, prng: &mut Prng) -> (usize, Duration) {
        let (octets, pause) = match self {
            Self::AtOnce => return (usize::MAX, Duration::ZERO),
            Self::Steady { octets, pause } => (u64::from(octets.max(1)), pause),
            Self::Random { octets, chance, pause } => {
                let count = prng.between(1, u64::from(octets.max(1)));
                let rests = prng.chance(chance);
                (count, if rests { prng.span(pause) } else { Duration::ZERO })
            }
        };
        (usize::try_from(octets).unwrap_or(usize::MAX), pause)
    }
}

/// Octets that are handed over in one call.
const PIECE: usize = 16 << 10;

/// A user at work.
#[derive(Clone, Debug)]
pub struct App {
    config: AppConfig,
    prng: Prng,
    own: Pattern,
    reader: Reader,
    sent: u64,
    /// Nothing is handed over, or read, before these.
    write_at: Instant,
    read_at: Instant,
    /// What is left of the piece that a random user has decided to hand over, or to take, and the rest after it.
    writing: Option<(usize, Duration)>,
    reading: Option<(usize, Duration)>,
    peer_is_done: bool,
    shut_down: bool,
    closed: bool,
    last_read: Option<Instant>,
}

impl App {
    /// A user who sends the stream `own` and expects a prefix of `peer`.
    #[must_use]
    pub const fn new(config: AppConfig, own: Pattern, peer: Pattern, prng: Prng) -> Self {
        Self {
            config,
            prng,
            own,
            reader: Reader::new(peer),
            sent: 0,
            write_at: Instant::ZERO,
            read_at: Instant::ZERO,
            writing: None,
            reading: None,
            peer_is_done: false,
            shut_down: false,
            closed: false,
            last_read: None,
        }
    }

    /// Octets that were handed over for sending.
    #[must_use]
    pub const fn sent(&self) -> u64 {
        self.sent
    }

    /// Octets that were read.
    #[must_use]
    pub const fn read(&self) -> u64 {
        self.reader.position()
    }

    /// When the last octet was read.
    #[must_use]
    pub const fn last_read(&self) -> Option<Instant> {
        self.last_read
    }

    /// Whether the peer's FIN was reached in reading.
    #[must_use]
    pub const fn peer_is_done(&self) -> bool {
        self.peer_is_done
    }

    /// What was wrong with what was read.
    #[must_use]
    pub const fn fault(&self) -> Option<Fault> {
        self.reader.fault()
    }

    pub(super) fn note(&mut self, fault: Fault) {
        self.reader.note(fault);
    }

    /// Closes now, whatever was planned.
    pub(super) fn close(&mut self, now: Instant, single: &mut Single) -> Notices {
        self.closed = true;
        // It may have ended already, which is as good.
        single.close(now).unwrap_or_default()
    }

    /// The peer that had called is gone again: the next one gets the stream from its beginning.
    pub(super) const fn restart(&mut self) {
        self.sent = 0;
        self.writing = None;
        self.shut_down = false;
    }

    /// Does what can be done now. When that was a call that closes, gives what it changed, and wants to be asked
    /// again.
    pub(super) fn run(&mut self, now: Instant, single: &mut Single) -> Option<Notices> {
        // Who listens has no peer.
        if self.closed || single.state() == State::Listen {
            return None;
        }
        // Reading can allow writing (an echo), and never the other way round.
        self.read_some(now, single);
        self.write_some(now, single);
        self.end(now, single)
    }

    /// When there will be something to do without a packet.
    pub(super) fn poll_timeout(&self, single: &Single, now: Instant) -> Option<Instant> {
        if self.closed {
            return None;
        }
        // The end of the stream is something to read, too.
        let at_the_end = !self.peer_is_done && single.connection().tcb().peer_has_closed();
        let can_read = at_the_end || single.connection().unread() > 0;
        let can_write = self.may_write(single) > 0;
        let read_at = (can_read && self.read_at > now).then_some(self.read_at);
        let write_at = (can_write && self.write_at > now).then_some(self.write_at);
        read_at.into_iter().chain(write_at).min()
    }

    fn read_some(&mut self, now: Instant, single: &mut Single) {
        while self.read_at <= now && !self.peer_is_done {
            let (wanted, pause) = *self.reading.get_or_insert_with(|| self.config.reads.next(&mut self.prng));
            match single.recv(now, wanted) {
                Received::Data(octets) => {
                    self.reader.take(&octets);
                    self.last_read = Some(now);
                    let left = wanted.saturating_sub(octets.len());
                    self.reading = Some((left, pause));
                    if left == 0 {
                        self.reading = None;
                        self.read_at = now + pause;
                    }
                }
                Received::Eof => self.peer_is_done = true,
                Received::Empty | Received::Closed(_) | Received::NotReading => return,
            }
        }
    }

    /// How many octets could be handed over now, as far as pace is no matter.
    fn may_write(&self, single: &Single) -> usize {
        if self.shut_down || single.close_reason().is_some() {
            return 0;
        }
        let left = self.config.sends.allowed(self.read()).saturating_sub(self.sent);
        usize::try_from(left).unwrap_or(usize::MAX).min(single.connection().send_room())
    }

    fn write_some(&mut self, now: Instant, single: &mut Single) {
        while self.write_at <= now {
            let possible = self.may_write(single).min(PIECE);
            if possible == 0 {
                return;
            }
            let (wanted, pause) =
                *self.writing.get_or_insert_with(|| self.config.writes.next(&mut self.prng));
            let taken = self.hand_over(now, single, possible.min(wanted));
            if taken == 0 {
                return;
            }
            let left = wanted.saturating_sub(taken);
            self.writing = Some((left, pause));
            if left == 0 {
                self.writing = None;
                self.write_at = now + pause;
            }
        }
    }

    fn hand_over(&mut self, now: Instant, single: &mut Single, len: usize) -> usize {
        let mut piece = [0; PIECE];
        let octets = piece.get_mut(..len).unwrap_or_default();
        self.own.fill(self.sent, octets);
        let taken = single.send(now, octets).unwrap_or_default();
        self.sent += taken as u64;
        taken
    }

    fn end(&mut self, now: Instant, single: &mut Single) -> Option<Notices> {
        if let Ending::AbortAfter(count) = self.config.ending
            && self.sent.max(self.read()) >= count
        {
            self.closed = true;
            return Some(single.abort(now).unwrap_or_default());
        }
        // A call that nobody has answered yet would be taken back, with all that waits (RFC 9293 §3.10.4).
        if single.state() == State::SynSent {
            return None;
        }
        let sent_all = self.config.sends.is_done(self.sent, self.read(), self.peer_is_done);
        let closes = match self.config.ending {
            Ending::CloseWhenSent => sent_all,
            Ending::CloseAfterPeer => sent_all && self.peer_is_done,
            Ending::ShutdownWhenSent => self.shut_down && self.peer_is_done,
            Ending::CloseAfterReading(count) => sent_all && self.read() >= count,
            Ending::AbortAfter(_) | Ending::WhenTold => false,
        };
        if closes {
            return Some(self.close(now, single));
        }
        if self.config.ending == Ending::ShutdownWhenSent && sent_all && !self.shut_down {
            self.shut_down = true;
            return Some(single.shutdown(now).unwrap_or_default());
        }
        None
    }
}

#[cfg(test)]
mod tests;
