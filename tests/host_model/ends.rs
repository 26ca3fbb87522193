//! The users: each end of a connection has one, who does what it has planned, when events say so.

use std::net::SocketAddr;
use std::sync::LazyLock;

use bytes::Bytes;
use tcpstate::connection::Received;
use tcpstate::host::{ConnId, ConnectionMut, Readiness};
use tcpstate::sim::Prng;
use tcpstate::tcp::CloseReason;
use tcpstate::{Instant, State};

/// A prime: where a stream begins in it tells which one it is.
const PERIOD: usize = 65_521;

/// What all streams are made of.
static OCTETS: LazyLock<Bytes> = LazyLock::new(|| {
    let mut rng = Prng::new(1);
    let once: Vec<u8> = (0..PERIOD).map(|_| rng.next_u64() as u8).collect();
    let twice = [once.as_slice(), &once, &once].concat();
    twice.into()
});

/// The octets of a stream from `from` on, at most 64 Ki of them.
fn octets(stream: usize, from: u64, len: usize) -> Bytes {
    let start = ((stream as u64 * 7_919 + from) % PERIOD as u64) as usize;
    OCTETS.slice(start..start + len)
}

/// What a user does when everything was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Shutdown,
    Close,
    Abort,
    /// Gives the id back without another word.
    Release,
    /// Waits until the other side has said that it has no more.
    AfterPeer,
}

/// What a user wants.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// Octets to send.
    pub(crate) goal: u64,
    /// Octets that are offered at once: at most 64 Ki.
    pub(crate) piece: usize,
    /// Hands octets over instead of copying them.
    pub(crate) by_reference: bool,
    /// Octets that are read at once: at most 64 Ki.
    pub(crate) gulp: usize,
    /// Reads and writes one piece at a time and takes a rest: nanoseconds. 0: as fast as it goes.
    pub(crate) rest: u64,
    pub(crate) ending: Ending,
    /// How long the id is kept when all is over: nanoseconds.
    pub(crate) linger: u64,
}

/// One end of a connection, and what it has said and heard.
#[derive(Clone, Debug)]
pub(crate) struct End {
    /// Its number: of its octets, and of its mark.
    pub(crate) number: usize,
    pub(crate) host: usize,
    pub(crate) id: ConnId,
    pub(crate) local: SocketAddr,
    pub(crate) remote: SocketAddr,
    pub(crate) plan: Plan,
    /// Octets that were taken for sending.
    pub(crate) sent: u64,
    /// It has said that there is no more.
    pub(crate) has_shut_down: bool,
    /// Octets that were read.
    pub(crate) heard: u64,
    /// Whose octets they can be: `None` before the first.
    pub(crate) speakers: Option<Vec<usize>>,
    pub(crate) eof: bool,
    /// It has closed or aborted: nothing is read any more.
    pub(crate) has_let_go: bool,
    /// The last read answered that there is nothing, or there was none yet; no event has said anything else since.
    pub(crate) reader_waits: bool,
    /// The last write was short, and no event has said since that there is room.
    pub(crate) writer_waits: bool,
    /// An event has said that there is something to read, or room, and nothing was tried since.
    fresh: Readiness,
    /// The FIN may be on its way: the peer may see the end of the stream.
    pub(crate) says_fin: bool,
    /// It rests: what it was told meanwhile has time.
    pub(crate) is_resting: bool,
    /// Events that come once.
    pub(crate) told: Readiness,
    /// Every octet was acknowledged, and the FIN.
    pub(crate) all_arrived: bool,
    /// Why reading ended, if not by the end of the stream.
    pub(crate) broken: Option<CloseReason>,
    pub(crate) is_released: bool,
    /// Its peer's host has forgotten the connection, and taken a late segment of it for the ACK of a SYN cookie: who
    /// remembers nothing cannot know that the cookie was used before. What comes now comes from somebody else.
    pub(crate) is_haunted: bool,
}

/// What a user wants next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    Nothing,
    /// To go on after a rest of so many nanoseconds.
    Rest(u64),
    Release,
}

impl End {
    pub(crate) fn new(
        number: usize,
        host: usize,
        id: ConnId,
        ends: (SocketAddr, SocketAddr),
        plan: Plan,
    ) -> Self {
        Self {
            number,
            host,
            id,
            local: ends.0,
            remote: ends.1,
            plan,
            sent: 0,
            has_shut_down: false,
            heard: 0,
            speakers: None,
            eof: false,
            has_let_go: false,
            reader_waits: true,
            writer_waits: false,
            fresh: Readiness::NONE,
            says_fin: false,
            is_resting: false,
            told: Readiness::NONE,
            all_arrived: false,
            broken: None,
            is_released: false,
            is_haunted: false,
        }
    }

    /// The mark of its connection.
    pub(crate) const fn tag(&self) -> u64 {
        self.number as u64 + 1
    }

    /// Whether the user has heard all that it will.
    pub(crate) const fn has_heard_all(&self) -> bool {
        self.eof || self.broken.is_some() || self.has_let_go
    }

    /// An event has come.
    pub(crate) fn hear(&mut self, ready: Readiness) {
        for bit in [Readiness::CONNECTED, Readiness::PEER_CLOSED, Readiness::SENT_ALL, Readiness::CLOSED] {
            assert!(!ready.contains(bit) || !self.told.contains(bit), "{bit:?} twice: {self:?}");
        }
        self.told |= ready;
        self.fresh = ready;
        if ready.contains(Readiness::READABLE) {
            assert!(self.reader_waits, "READABLE to a reader who was not told to wait: {self:?}");
            self.reader_waits = false;
        }
        if ready.contains(Readiness::WRITABLE) {
            assert!(self.writer_waits, "WRITABLE to a writer who was not told to wait: {self:?}");
            self.writer_waits = false;
        }
        self.all_arrived |= ready.contains(Readiness::SENT_ALL);
    }

    /// No event is to come, and one is due: a wake-up was lost.
    pub(crate) fn check_awake(&self, connection: &ConnectionMut<'_>) {
        let state = connection.state();
        if self.reader_waits && !self.has_heard_all() {
            let ended = matches!(
                state,
                State::CloseWait | State::LastAck | State::Closing | State::TimeWait | State::Closed
            );
            assert!(connection.unread() == 0 && !ended, "a reader sleeps on: {state:?} {self:?}");
        }
        if self.writer_waits && !self.has_shut_down {
            let idle = connection.unacknowledged() == 0 && connection.send_room() > 0;
            assert!(!idle && state != State::Closed, "a writer sleeps on: {state:?} {self:?}");
        }
        let over = matches!(state, State::Closed | State::TimeWait);
        assert!(!over || self.told.contains(Readiness::CLOSED), "nobody says that it is over: {self:?}");
    }

    /// Acts: reads and writes as far as it was told that it can. Octets that were read go to `heard`.
    pub(crate) fn act(
        &mut self,
        now: Instant,
        connection: &mut ConnectionMut<'_>,
        rng: &mut Prng,
        heard: &mut Vec<u8>,
    ) -> Wish {
        let mut rests = false;
        while !self.reader_waits && !self.has_heard_all() {
            self.read(now, connection, rng, heard);
            if self.plan.rest > 0 {
                rests = !self.reader_waits;
                break;
            }
        }
        while !self.writer_waits && !self.has_shut_down && self.sent < self.plan.goal {
            self.write(now, connection);
            if self.plan.rest > 0 {
                rests |= !self.writer_waits;
                break;
            }
        }
        // Who closes before there is a connection calls it off (RFC 9293 §3.10.4).
        let is_there = self.told.intersects(Readiness::CONNECTED | Readiness::CLOSED);
        let has_said_all = self.sent >= self.plan.goal && !self.writer_waits;
        if is_there && has_said_all && !self.has_shut_down {
            if self.plan.ending == Ending::Release {
                return Wish::Release;
            }
            self.end(now, connection);
        }
        let over = self.told.contains(Readiness::CLOSED);
        if over && self.has_heard_all() {
            let linger = std::mem::take(&mut self.plan.linger);
            return if linger == 0 { Wish::Release } else { Wish::Rest(linger) };
        }
        if rests { Wish::Rest(self.plan.rest) } else { Wish::Nothing }
    }

    fn read(
        &mut self,
        now: Instant,
        connection: &mut ConnectionMut<'_>,
        rng: &mut Prng,
        heard: &mut Vec<u8>,
    ) {
        let max = 1 + rng.below(self.plan.gulp as u64) as usize;
        let received = if rng.below(2) == 0 {
            connection.recv(now, max)
        } else {
            let mut out = vec![0; max];
            match connection.recv_slice(now, &mut out) {
                Received::Data(len) => {
                    out.truncate(len);
                    Received::Data(Bytes::from(out))
                }
                Received::Empty => Received::Empty,
                Received::Eof => Received::Eof,
                Received::Closed(reason) => Received::Closed(reason),
                Received::NotReading => Received::NotReading,
            }
        };
        let was_told = self.take_fresh(Readiness::READABLE);
        match received {
            Received::Data(octets) => {
                assert!(!octets.is_empty() && octets.len() <= max, "{} of {max}", octets.len());
                heard.extend_from_slice(&octets);
            }
            Received::Empty => {
                assert_eq!(connection.unread(), 0, "empty");
                assert!(!was_told, "READABLE, and there is nothing: {self:?}");
                self.reader_waits = true;
            }
            Received::Eof => self.eof = true,
            Received::Closed(reason) => self.broken = Some(reason),
            Received::NotReading => panic!("nobody has closed: {self:?}"),
        }
    }

    fn take_fresh(&mut self, what: Readiness) -> bool {
        let was = self.fresh.contains(what);
        self.fresh = self.fresh.without(what);
        was
    }

    fn write(&mut self, now: Instant, connection: &mut ConnectionMut<'_>) {
        let len = self.plan.piece.min((self.plan.goal - self.sent) as usize);
        let octets = octets(self.number, self.sent, len);
        let taken = if self.plan.by_reference {
            connection.send_bytes(now, octets)
        } else {
            connection.send(now, &octets)
        };
        let was_told = self.take_fresh(Readiness::WRITABLE);
        match taken {
            Ok(taken) => {
                assert!(taken <= len, "{taken} of {len}");
                assert!(!was_told || taken > 0, "WRITABLE, and nothing is taken: {self:?}");
                self.sent += taken as u64;
                self.writer_waits = taken < len;
            }
            // It is over: there is nothing more to say.
            Err(_) => self.plan.goal = self.sent,
        }
    }

    /// Everything was said.
    fn end(&mut self, now: Instant, connection: &mut ConnectionMut<'_>) {
        match self.plan.ending {
            Ending::Shutdown => self.shutdown(now, connection),
            Ending::AfterPeer if self.eof || self.broken.is_some() => self.shutdown(now, connection),
            Ending::Close => self.close(now, connection),
            Ending::Abort => self.abort(now, connection),
            Ending::AfterPeer | Ending::Release => {}
        }
    }

    pub(crate) fn shutdown(&mut self, now: Instant, connection: &mut ConnectionMut<'_>) {
        // If it is over already, nobody sees an end of the stream.
        self.says_fin |= connection.shutdown(now).is_ok();
        self.says_no_more();
    }

    pub(crate) fn close(&mut self, now: Instant, connection: &mut ConnectionMut<'_>) {
        self.says_fin |= connection.close(now).is_ok();
        self.says_no_more();
        self.has_let_go = true;
    }

    pub(crate) fn abort(&mut self, now: Instant, connection: &mut ConnectionMut<'_>) {
        let _ = connection.abort(now);
        // No FIN is sent from now on; one may have been before.
        self.says_no_more();
        self.has_let_go = true;
    }

    pub(crate) fn says_no_more(&mut self) {
        self.has_shut_down = true;
        self.plan.goal = self.sent;
    }

    /// Whether this end has sent these octets, there in its stream.
    pub(crate) fn has_sent(&self, from: u64, heard: &[u8]) -> bool {
        let mut at = from;
        from + heard.len() as u64 <= self.sent
            && heard.chunks(PERIOD).all(|part| {
                let same = octets(self.number, at, part.len()) == part;
                at += part.len() as u64;
                same
            })
    }

    /// Whether this end and that one may be the two of one connection.
    pub(crate) fn may_speak_to(&self, other: &Self) -> bool {
        (self.local, self.remote) == (other.remote, other.local)
    }
}
