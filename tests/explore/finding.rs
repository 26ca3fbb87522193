//! What is told when a property is broken: the shortest way there, as a picture and as a script.

use std::collections::VecDeque;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};

use tcpstate::Instant;
use tcpstate::drill::{Profile, Written, from_ladder};
use tcpstate::ladder::{Call, End, Ladder, Look, PacketId, Returned};
use tcpstate::tcp::Timer;

use super::checks::Moment;
use super::rules::Rules;
use super::step::{Opening, Step};
use super::world::{START, World};

/// A property that is broken, and how it comes to that.
#[derive(Clone, Debug)]
pub struct Finding {
    pub rules: Rules,
    pub property: String,
    pub why: String,
    /// No shorter one leads to it.
    pub path: Vec<Moment>,
    /// The step after the path, if it is the one that panics.
    pub panics: Option<Step>,
}

impl Finding {
    /// The path as a picture is made of it.
    pub fn ladder(&self) -> Ladder {
        let mut record = Record::new();
        let mut before = World::new(&self.rules);
        for moment in &self.path {
            record.step(&before, moment);
            before = moment.after.clone();
        }
        if let Some(step) = self.panics {
            record.ladder.note(time(before.now), None, format!("and then {step:?} panics"));
        }
        record.ladder.note(time(before.now), None, format!("VIOLATION {}: {}", self.property, self.why));
        record.ladder
    }
}

impl Finding {
    /// A packetdrill script in which a host comes to the same in the place of this end.
    pub fn script(&self, end: usize) -> Written {
        let mut profile = Profile::library();
        profile.host.connection.tcp = self.rules.config[end];
        from_ladder(&self.ladder(), ENDS[end], &profile)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "VIOLATION {}: {}", self.property, self.why)?;
        writeln!(f, "in the world `{}`, after {} steps:\n", self.rules.name, self.path.len())?;
        for Moment { step, .. } in &self.path {
            write!(f, "{step:?} ")?;
        }
        writeln!(f, "\n\n{}", self.ladder().display(Look::default()))?;
        for (end, name) in ["A", "B"].into_iter().enumerate() {
            writeln!(f, "// The same for a host in the place of {name}:\n{}", self.script(end).text)?;
        }
        Ok(())
    }
}

const ENDS: [End; 2] = [End::A, End::B];

/// Since it began.
fn time(now: Instant) -> Instant {
    Instant::ZERO + (now - START)
}

/// A ladder while it is written: which packets are on their way, as the lanes have them.
struct Record {
    ladder: Ladder,
    queues: [VecDeque<PacketId>; 2],
    strays: [Vec<PacketId>; 2],
}

impl Record {
    fn new() -> Self {
        let socket = |host, port| SocketAddr::from((Ipv4Addr::new(192, 0, 2, host), port));
        let ladder = Ladder::new([socket(1, 40_000), socket(2, 80)]);
        Self { ladder, queues: Default::default(), strays: Default::default() }
    }

    fn step(&mut self, before: &World, moment: &Moment) {
        let Moment { step, happened, after } = moment;
        let now = time(after.now);
        self.cause(before, moment, now);
        if let Some(refused) = happened.arrived.and_then(|arrived| arrived.verdict?.refused) {
            let arrived = self.ladder.packets().len();
            if let Some(id) = self.last_arrived(*step).filter(|_| arrived > 0) {
                self.ladder.refused(id, refused);
            }
        }
        self.take_out(*step, now);
        if let Some((end, octets)) = happened.read.filter(|_| !matches!(step, Step::Read(_))) {
            let octets = usize::from(octets);
            self.ladder.call(now, ENDS[end], Call::Read(octets), Returned::Done(octets));
        }
        for sent in &happened.sent {
            let payload: Vec<u8> =
                (0..sent.packet.meta.len).map(|at| octet(sent.packet.offset + u64::from(at))).collect();
            let id = self.ladder.sent_segment(now, ENDS[sent.from], &sent.packet.meta, &payload);
            self.queues[sent.from].push_back(id);
        }
        for (end, name) in after.ends.iter().zip(ENDS) {
            self.ladder.state(now, name, end.state());
        }
    }

    /// What came first: a call, a deadline, or a segment that arrived.
    fn cause(&mut self, before: &World, moment: &Moment, now: Instant) {
        let Moment { step, happened, .. } = moment;
        let end = ENDS[step.end()];
        let (call, octets) = match *step {
            Step::Open(_, Opening::Active) => (Call::Connect, 0),
            Step::Open(_, Opening::Passive) => (Call::Listen, 0),
            Step::Send(_, octets) => (Call::Write(octets.into()), octets),
            Step::Read(_) => {
                let octets = happened.read.map_or(0, |(_, octets)| octets);
                (Call::Read(octets.into()), octets)
            }
            Step::Shutdown(_) => (Call::Shutdown, 0),
            Step::Close(_) => (Call::Close, 0),
            Step::Abort(_) => (Call::Abort, 0),
            Step::Fire(number) => {
                let at = before.deadline(number).map(|at| at.max(before.now));
                let timers = before.ends[number].tcb.iter().flat_map(|tcb| tcb.deadlines());
                let due: Vec<&str> =
                    timers.filter(|(_, due)| Some(*due) <= at).map(|(timer, _)| Timer::name(timer)).collect();
                return self.ladder.timer(now, end, due.join(", "));
            }
            Step::Deliver(_) | Step::DeliverStray(..) => {
                if let Some(id) = self.last_arrived(*step) {
                    self.ladder.arrived(now, id);
                }
                return;
            }
            Step::Forge(at, forgery) => {
                if let Some(arrived) = happened.arrived {
                    let payload = vec![b'!'; arrived.packet.meta.len as usize];
                    let id = self.ladder.sent_segment(now, ENDS[1 - at], &arrived.packet.meta, &payload);
                    self.ladder.note(now, Some(end), format!("a stranger has forged this: {forgery:?}"));
                    self.ladder.arrived(now, id);
                }
                return;
            }
            Step::Drop(_) | Step::Copy(_) | Step::Overtake(_) => return,
        };
        let returned = match happened.refused {
            Some(error) => Returned::Failed(error.to_string()),
            None => Returned::Done(octets.into()),
        };
        self.ladder.call(now, end, call, returned);
    }

    /// The packet that arrives in this step.
    fn last_arrived(&self, step: Step) -> Option<PacketId> {
        match step {
            Step::Deliver(from) => self.queues[from].front().copied(),
            Step::DeliverStray(from, number) => self.strays[from].get(usize::from(number)).copied(),
            _ => None,
        }
    }

    /// What the network does with its packets.
    fn take_out(&mut self, step: Step, now: Instant) {
        match step {
            Step::Deliver(from) => drop(self.queues[from].pop_front()),
            Step::DeliverStray(from, number) => drop(self.strays[from].remove(usize::from(number))),
            Step::Drop(from) => {
                if let Some(id) = self.queues[from].pop_front() {
                    self.ladder.lost(now, id);
                }
            }
            Step::Copy(from) => self.strays[from].extend(self.queues[from].front().copied()),
            Step::Overtake(from) => {
                let first = self.queues[from].pop_front();
                self.strays[from].extend(first);
            }
            _ => {}
        }
    }
}

/// The octet at this place of a stream.
fn octet(place: u64) -> u8 {
    b'a' + u8::try_from(place % 26).expect("less than 26")
}
