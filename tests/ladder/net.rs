//! Two hosts and the way between them, with a ladder that takes notes.

use std::net::SocketAddr;
use std::time::Duration;

use tcpstate::connection::Received;
use tcpstate::host::{ConnId, Host, HostConfig, Ingress, ListenConfig, ListenerId, LocalAddress};
use tcpstate::ladder::{Call, End, Ladder, PacketId, Returned};
use tcpstate::{Instant, State};

pub(crate) const A: &str = "192.0.2.1:40001";
pub(crate) const B: &str = "192.0.2.2:8080";

/// What becomes of a packet.
#[derive(Clone, Debug)]
pub(crate) enum Way {
    /// A copy arrives after each of these spans.
    Arrives(Vec<Duration>),
    Lost,
}

/// Something that a user does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    Connect,
    Write(usize),
    Read(usize),
    Shutdown,
    Close,
    Abort,
}

struct Flying {
    at: Instant,
    order: usize,
    id: PacketId,
    to: End,
    octets: Vec<u8>,
}

pub(crate) struct Net {
    pub(crate) ladder: Ladder,
    pub(crate) now: Instant,
    hosts: [Host; 2],
    connections: [Option<ConnId>; 2],
    released: [bool; 2],
    listener: ListenerId,
    flying: Vec<Flying>,
    way: Box<dyn FnMut(usize, End) -> Way>,
}

pub(crate) fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn host(config: &HostConfig, at: &str, secret: u8) -> Host {
    let mut config = config.clone();
    let at: SocketAddr = at.parse().expect("an address");
    config.addresses = vec![LocalAddress::new(at.ip(), 16)];
    Host::new(config, [secret; 32]).expect("a host")
}

impl Net {
    /// B listens. `way` says of each packet, by its number from 1 and its sender, what becomes of it.
    pub(crate) fn new(config: &HostConfig, way: impl FnMut(usize, End) -> Way + 'static) -> Self {
        let hosts = [host(config, A, 1), host(config, B, 2)];
        let [a, b] = [A, B].map(|at| at.parse().expect("an address"));
        let [first, mut second] = hosts;
        let listener = second.listen(b, &ListenConfig::default()).expect("a free port");
        let mut ladder = Ladder::new([a, b]);
        let now = Instant::from_nanos(5_000_000_000);
        ladder.state(now, End::A, State::Closed);
        ladder.state(now, End::B, State::Listen);
        ladder.call(now, End::B, Call::Listen, Returned::Done(0));
        Self {
            ladder,
            now,
            hosts: [first, second],
            connections: [None; 2],
            released: [false; 2],
            listener,
            flying: Vec::new(),
            way: Box::new(way),
        }
    }

    fn state(&self, end: End) -> State {
        let host = &self.hosts[end.index()];
        if let Some(row) = host.rows().next() {
            return row.state;
        }
        match host.connections(self.now).next() {
            Some(view) => view.state,
            None if self.connections[end.index()].is_none() && end == End::B => State::Listen,
            None => State::Closed,
        }
    }

    /// Everything is sent that is to be sent now.
    fn rest(&mut self) {
        for end in [End::A, End::B] {
            let mut out = [0; 2048];
            while let Some(transmit) = self.hosts[end.index()].poll_transmit(self.now, &mut out) {
                let octets = out[..transmit.len].to_vec();
                let id = self.ladder.sent(self.now, end, octets.clone());
                self.tell(end);
                match (self.way)(id.number(), end) {
                    Way::Lost => self.ladder.lost(self.now, id),
                    Way::Arrives(spans) => {
                        for span in spans {
                            let (at, order) = (self.now + span, self.flying.len());
                            let octets = octets.clone();
                            self.flying.push(Flying { at, order, id, to: end.peer(), octets });
                        }
                    }
                }
            }
            self.tell(end);
        }
    }

    fn tell(&mut self, end: End) {
        let state = self.state(end);
        self.ladder.state(self.now, end, state);
    }

    /// Whether a user can act on his connection; of B, whether there is one that can be accepted.
    pub(crate) fn is_open(&mut self, end: End) -> bool {
        if end == End::B && self.connections[1].is_none() {
            self.connections[1] = self.hosts[1].accept(self.listener);
        }
        self.connections[end.index()].is_some() && !self.released[end.index()]
    }

    /// Whether the handshake is done, as far as this end knows.
    pub(crate) fn is_established(&self, end: End) -> bool {
        !matches!(self.state(end), State::Closed | State::Listen | State::SynSent | State::SynReceived)
    }

    /// Does something, if there is a connection to do it to; answers whether octets were taken or given.
    pub(crate) fn act(&mut self, end: End, act: Act) -> bool {
        let now = self.now;
        if act == Act::Connect {
            let [a, b] = [A, B].map(|at| at.parse().expect("an address"));
            self.ladder.call(now, end, Call::Connect, Returned::Done(0));
            self.connections[0] = Some(self.hosts[0].connect_from(now, a, b).expect("a connection"));
            self.rest();
            return true;
        }
        if !self.is_open(end) {
            return false;
        }
        let index = end.index();
        let id = self.connections[index].expect("it is open");
        let host = &mut self.hosts[index];
        let mut connection = host.connection(id).expect("it was not released");
        let (call, returned) = match act {
            Act::Connect => unreachable!("done above"),
            Act::Write(len) => {
                let sent = connection.send(now, &vec![b'x'; len]);
                (
                    Call::Write(len),
                    sent.map_or_else(|error| Returned::Failed(error.to_string()), Returned::Done),
                )
            }
            Act::Read(most) => match connection.recv(now, most) {
                Received::Data(octets) => (Call::Read(most), Returned::Done(octets.len())),
                Received::Eof => (Call::Read(most), Returned::Done(0)),
                other => (Call::Read(most), Returned::Failed(format!("{other:?}").to_lowercase())),
            },
            Act::Shutdown => match connection.shutdown(now) {
                Ok(()) => (Call::Shutdown, Returned::Done(0)),
                Err(error) => (Call::Shutdown, Returned::Failed(error.to_string())),
            },
            Act::Close => (Call::Close, Returned::Done(0)),
            Act::Abort => {
                let _ = connection.abort(now);
                (Call::Abort, Returned::Done(0))
            }
        };
        if matches!(act, Act::Close | Act::Abort) {
            host.release(now, id);
            self.released[index] = true;
        }
        let moved = matches!(returned, Returned::Done(1..));
        self.ladder.call(now, end, call, returned);
        self.tell(end);
        self.rest();
        moved
    }

    /// When something happens next by itself.
    pub(crate) fn next(&mut self) -> Option<Instant> {
        let arrivals = self.flying.iter().map(|flying| flying.at);
        let [a, b] = &mut self.hosts;
        arrivals.chain(a.poll_timeout()).chain(b.poll_timeout()).min()
    }

    /// Lets time pass until then, and what is due meanwhile happen: deadlines before arrivals.
    pub(crate) fn run_until(&mut self, end: Instant) {
        while let Some(at) = self.next().filter(|&at| at <= end) {
            self.now = self.now.max(at);
            let due = [End::A, End::B].into_iter().find(|end| {
                self.hosts[end.index()].poll_timeout().is_some_and(|deadline| deadline <= self.now)
            });
            if let Some(end) = due {
                self.ladder.timer(self.now, end, "");
                self.hosts[end.index()].handle_timeout(self.now);
                self.tell(end);
                self.rest();
                continue;
            }
            self.flying.sort_by_key(|flying| (flying.at, flying.order));
            let flying = self.flying.remove(0);
            self.ladder.arrived(self.now, flying.id);
            if let Ingress::Ignored(why) =
                self.hosts[flying.to.index()].handle_packet(self.now, flying.octets.as_slice())
            {
                self.ladder.refused(flying.id, why);
            }
            self.tell(flying.to);
            self.rest();
        }
        self.now = self.now.max(end);
    }

    pub(crate) fn pass(&mut self, span: Duration) {
        self.run_until(self.now + span);
    }
}
