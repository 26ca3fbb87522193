//! Plays a script to a stack and writes down what it answers.

use crate::answer::{Answer, Sight, THE_PEER, USER, stream_octet};
use crate::packet::{ACK, CLIENT_PORT, RST, SERVER_PORT, SYN, Wire};
use crate::script::{Acked, Options, Place, Role, Script, Segment, Step};
use crate::stack::{Call, Library, Stack};
use tcpstate::State;

/// A segment of the peer, next to where the connection stood when it came. Numbers count from each end's initial one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arriving {
    pub flags: u8,
    pub seq: i64,
    pub ack: Option<i64>,
    /// Octets of payload.
    pub len: i64,
    pub window: u16,
    pub rcv_nxt: Option<i64>,
    pub edge: Option<i64>,
    pub snd_una: i64,
    pub snd_max: i64,
    pub gap: bool,
    pub damaged: bool,
    pub forged: bool,
    pub options: Options,
    pub urgent: bool,
}

/// One step and what came of it.
#[derive(Clone, Debug)]
pub struct Played {
    pub step: Step,
    pub arriving: Option<Arriving>,
    pub answer: Answer,
    /// How far the connection has come after it.
    pub position: (i64, Option<i64>, Option<i64>, u64, i64),
    /// What keeps the sender from sending more.
    pub held: Option<Held>,
}

/// Why something that the user has written is not sent yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// The congestion window is full.
    Congestion,
    /// The peer's window is.
    Window,
}

/// A run.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// What is said before the first step: a client's SYN.
    pub opening: Answer,
    pub played: Vec<Played>,
}

struct Run<'s> {
    script: &'s Script,
    stack: Box<dyn Stack>,
    sight: Sight,
    /// Microseconds.
    now: u64,
    /// The end of what the peer has sent without a gap, relative to its initial number.
    peer_next: i64,
    written: i64,
    /// What the stack has acknowledged first.
    first: Option<i64>,
    /// The peer has called again, behind a connection that is over.
    reborn: bool,
}

/// Plays the script.
pub fn play(library: Library, script: &Script) -> Record {
    let stack = library.start(script);
    let sight = Sight::default();
    let mut run = Run { script, stack, sight, now: 0, peer_next: 0, written: 0, first: None, reborn: false };
    let mut record = Record::default();
    run.collect(&mut record.opening);
    record.opening.state = run.stack.state();
    for step in &script.steps {
        let mut answer = Answer::default();
        run.advance(1_000, &mut answer);
        // What timers do in this moment belongs to the step as well.
        let arriving = run.step(step, &mut answer);
        run.collect(&mut answer);
        answer.state = run.state();
        let (sent, fin, told, read) = run.sight.position();
        let position = (sent, fin, told, read, run.written);
        record.played.push(Played { step: step.clone(), arriving, answer, position, held: run.held() });
    }
    record
}

impl Run<'_> {
    /// As far as the peer can know: while no FIN was sent, whether the user has asked for one is nobody's business.
    fn state(&self) -> Option<State> {
        match self.stack.state() {
            Some(State::FinWait1) if self.sight.fin.is_none() => Some(State::Established),
            Some(State::LastAck) if self.sight.fin.is_none() => Some(State::CloseWait),
            state => state,
        }
    }

    fn held(&self) -> Option<Held> {
        let known = self.stack.variables()?;
        if self.written < self.sight.sent {
            return None;
        }
        let in_flight = known.snd_max.wrapping_sub(known.snd_una);
        let congested = in_flight + known.full > known.cwnd;
        Some(if congested { Held::Congestion } else { Held::Window })
    }

    fn step(&mut self, step: &Step, answer: &mut Answer) -> Option<Arriving> {
        match step {
            Step::Segment(segment) => return Some(self.segment(segment)),
            Step::Wait(millis) => self.advance(u64::from(*millis) * 1_000, answer),
            // Another connection than the user knows: when he gets to know it, each library says differently.
            _ if self.reborn => {}
            Step::Send(octets) => {
                let octets = i64::from(*octets);
                let from = self.written + 1;
                let data: Vec<u8> = (from..from + octets).map(|at| stream_octet(USER, at)).collect();
                let call = self.stack.send(self.now, &data);
                if let Call::Took(taken) = call {
                    self.written += taken as i64;
                }
                answer.call = Some(call);
            }
            Step::Receive(most) => {
                let call = self.stack.receive(self.now, usize::from(*most));
                if let Call::Read(octets) = &call {
                    self.check_read(octets, answer);
                }
                answer.call = Some(call);
            }
            Step::Shutdown => answer.call = Some(self.stack.shutdown(self.now)),
            Step::Abort => answer.call = Some(self.stack.abort(self.now)),
        }
        None
    }

    fn check_read(&mut self, octets: &[u8], answer: &mut Answer) {
        // The stream begins behind the SYN that was taken, whose octets may have been taken too.
        let firsts = self.first.map_or([1, 1], |first| [first, first - i64::from(SYN_OCTETS)]);
        let right = firsts.iter().any(|first| {
            let from = self.sight.read as i64 + first;
            (from..)
                .zip(octets)
                .all(|(at, octet)| [0, FORGERY].map(|with| stream_octet(THE_PEER, at) ^ with).contains(octet))
        });
        if !right {
            answer.wrong.push("the user read what the peer has not sent".into());
        }
        self.sight.read += octets.len() as u64;
    }

    fn collect(&mut self, answer: &mut Answer) {
        // A stack that always has more to say is cut off, and the record shows it.
        for packet in self.stack.take(self.now).into_iter().take(1_000) {
            let before = self.sight.iss;
            self.sight.take(self.script.iss, &packet, answer);
            if before.is_some() && self.sight.iss != before {
                // A new connection begins: streams count from one again.
                (self.written, self.first, self.sight.read, self.reborn) = (0, None, 0, true);
            }
            self.first = self.first.or(self.sight.told);
        }
    }

    fn advance(&mut self, micros: u64, answer: &mut Answer) {
        let end = self.now + micros;
        let mut fired = 0;
        while let Some(at) = self.stack.deadline() {
            if at > end || fired > 10_000 {
                break;
            }
            // One that is due and does not get done must not stop the clock.
            self.now = if at > self.now { at } else { self.now + u64::from(fired > 0) };
            if self.now > end {
                break;
            }
            self.stack.fire(self.now);
            self.collect(answer);
            fired += 1;
        }
        self.now = end;
    }

    fn segment(&mut self, segment: &Segment) -> Arriving {
        let peer = self.script.iss;
        let seq = match segment.seq {
            Place::Next(by) => self.peer_next + i64::from(by),
            Place::Edge(by) => self.sight.edge.unwrap_or(self.peer_next) + i64::from(by),
        };
        let ack = segment.ack.map(|acked| match acked {
            Acked::All(by) => self.sight.sent + i64::from(by),
            Acked::Old(by) => self.sight.una + i64::from(by),
        });
        let arriving = self.arriving(segment, seq, ack);
        let with = if segment.forged { FORGERY } else { 0 };
        let first = seq + i64::from(segment.flags & SYN != 0);
        let octets = (first..first + i64::from(segment.len)).map(|at| stream_octet(THE_PEER, at) ^ with);
        let ports = match self.script.role {
            Role::Client => (SERVER_PORT, CLIENT_PORT),
            Role::Server => (CLIENT_PORT, SERVER_PORT),
        };
        let wire = Wire {
            ports,
            seq: peer.wrapping_add(seq as u32),
            ack: ack.map_or(0, |ack| self.sight.base().wrapping_add(ack as u32)),
            flags: segment.flags | if ack.is_some() { ACK } else { 0 },
            window: segment.window,
            urgent: segment.urgent,
            options: options(segment.options),
            payload: octets.collect(),
        };
        self.stack.deliver(self.now, &wire.to_packet(segment.damage));
        if segment.damage.is_none() {
            self.note(&wire, seq, ack);
        }
        arriving
    }

    /// What the peer knows of itself once it has sent this.
    fn note(&mut self, wire: &Wire, seq: i64, ack: Option<i64>) {
        let end = seq + i64::from(wire.len());
        if seq <= self.peer_next && end > self.peer_next && wire.flags & RST == 0 {
            self.peer_next = end;
        }
        if let Some(ack) = ack.filter(|ack| *ack <= self.sight.sent) {
            self.sight.una = self.sight.una.max(ack);
        }
    }

    fn arriving(&self, segment: &Segment, seq: i64, ack: Option<i64>) -> Arriving {
        let (base, peer) = (self.sight.base(), self.script.iss);
        let known = self.stack.variables();
        let mine = |number: u32| i64::from(number.wrapping_sub(base) as i32);
        let theirs = |number: u32| i64::from(number.wrapping_sub(peer) as i32);
        Arriving {
            flags: segment.flags,
            seq,
            ack,
            len: i64::from(segment.len),
            window: segment.window,
            rcv_nxt: known.map_or(self.sight.told, |known| Some(theirs(known.rcv_nxt))),
            edge: known
                .map_or(self.sight.edge, |known| Some(theirs(known.rcv_nxt) + i64::from(known.rcv_wnd))),
            snd_una: known.map_or(self.sight.una, |known| mine(known.snd_una)),
            snd_max: known.map_or(self.sight.sent, |known| mine(known.snd_max)),
            gap: known.is_some_and(|known| known.gap),
            damaged: segment.damage.is_some(),
            forged: segment.forged,
            options: segment.options,
            urgent: segment.urgent != 0,
        }
    }
}

/// As many octets as a SYN carries when it carries any.
pub const SYN_OCTETS: u16 = 10;
/// What a forged octet differs by.
const FORGERY: u8 = 0xff;

fn options(options: Options) -> Vec<u8> {
    match options {
        Options::None => vec![],
        Options::Mss(mss) => [[2, 4], mss.to_be_bytes()].concat(),
        Options::Usual => vec![2, 4, 0x05, 0xb4, 1, 3, 3, 0, 1, 1, 4, 2],
        Options::Unknown => vec![253, 6, 1, 2, 3, 4, 1, 1],
        Options::LengthZero => vec![253, 0, 1, 1],
        Options::TooLong => vec![1, 1, 253, 40],
        Options::Timestamps => vec![1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0],
    }
}

/// The states as one word, `?` where it cannot be seen.
pub fn state_name(state: Option<State>) -> String {
    state.map_or_else(|| "?".into(), |state| state.to_string())
}
