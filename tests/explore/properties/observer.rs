//! `observer`: what `replay` makes of the packets is what the machines went through.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use tcpstate::capture::Frame;
use tcpstate::ladder::packet_of;
use tcpstate::replay::{End, Replay, ReplayConfig};
use tcpstate::tcp::SegmentMeta;
use tcpstate::{Event, SeqNumber, State, TcpFlags};

use super::super::checks::{Moment, PathProperty};
use super::super::rules::Rules;
use super::super::step::Step;
use super::super::world::{Budget, World};
use super::calm;

/// What is asked of whole paths.
pub const PATHS: &[PathProperty] = &[PathProperty { name: "observer", check: observer }];

/// Raw IP.
const LINKTYPE_RAW: u32 = 101;

/// The observer of `replay`, shown the packets in the order in which they arrive, never claims a state that the machine was
/// not in: what it says of each end is a part of what that went through, in its order. Asked at the end of the path; when
/// all that was on its way has arrived; and when both ends have closed. What no onlooker could know is left out: see
/// [`Onlooker`].
fn observer(rules: &Rules, path: &[Moment]) -> Result<(), String> {
    if path.iter().any(|moment| matches!(moment.step, Step::Forge(..))) {
        // To whom sees the wire a forged segment is one of the peer's.
        return Ok(());
    }
    let mut path = path.to_vec();
    agrees_with(&path)?;
    let Some(last) = path.last() else { return Ok(()) };
    let mut world = World { left: Budget::CALM, ..last.after.clone() };
    for calm in [calm::deliveries, calm::closing] {
        while let Some(step) = calm(&world) {
            let (after, happened) = world.take(rules, step);
            path.push(Moment { step, happened, after: after.clone() });
            world = after;
        }
        agrees_with(&path)?;
    }
    Ok(())
}

/// How many ends of paths were not judged, for no onlooker could know, and how many were: the figures say so.
pub static JUDGED: [AtomicUsize; 2] = [const { AtomicUsize::new(0) }; 2];

/// Whether the observer agrees with the machines at the end of this path.
fn agrees_with(path: &[Moment]) -> Result<(), String> {
    let mut onlooker = Onlooker::default();
    path.iter().for_each(|moment| onlooker.see(moment));
    let known: Vec<usize> = (0..2).filter(|&end| onlooker.could_know(end)).collect();
    JUDGED[0].fetch_add(2 - known.len(), Ordering::Relaxed);
    JUDGED[1].fetch_add(known.len(), Ordering::Relaxed);
    if known.is_empty() {
        return Ok(());
    }
    let claimed = claims(path)?;
    known.into_iter().try_for_each(|end| agrees(end, &claimed[end], &lived(path, end)))
}

/// The states of each end that the observer tells.
fn claims(path: &[Moment]) -> Result<[Vec<State>; 2], String> {
    let sockets = sockets();
    let mut replay = Replay::new(ReplayConfig::default());
    let arrivals =
        path.iter().filter_map(|moment| Some((moment.after.now, moment.happened.arrived.as_ref()?)));
    for (number, (time, arrived)) in (1..).zip(arrivals) {
        let (from, to) = (sockets[1 - arrived.at], sockets[arrived.at]);
        let packet = packet_of(from, to, &arrived.packet.meta, &[]).map_err(|error| error.to_string())?;
        let wire_len = u32::try_from(packet.len()).expect("a packet is short");
        let frame = Frame { number, time, dlt: LINKTYPE_RAW, data: &packet, wire_len };
        replay.frame(&frame).map_err(|error| error.to_string())?;
    }
    let mut finished = replay.finish().map_err(|error| error.to_string())?;
    let mut claimed: [Vec<State>; 2] = Default::default();
    while let Some(flow) = finished.next_flow().map_err(|error| error.to_string())? {
        let first = usize::from(flow.a == sockets[1]);
        for seen in &flow.transitions {
            let end = if seen.end == End::A { first } else { 1 - first };
            claimed[end].extend(seen.state);
        }
    }
    Ok(claimed)
}

/// The kinds of segments that go with a change of their sender's state.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Syn,
    SynAck,
    Fin,
    Rst,
}

impl Kind {
    fn of(meta: &SegmentMeta) -> Option<Self> {
        let has = |flags| meta.flags.contains(flags);
        match () {
            () if has(TcpFlags::RST) => Some(Self::Rst),
            () if has(TcpFlags::SYN | TcpFlags::ACK) => Some(Self::SynAck),
            () if has(TcpFlags::SYN) => Some(Self::Syn),
            () if has(TcpFlags::FIN) => Some(Self::Fin),
            () => None,
        }
    }
}

/// A segment on its way, as nobody sees it who looks at the wire.
#[derive(Clone, Copy)]
struct Sent {
    kind: Option<Kind>,
    /// How many segments its sender had received, and sent, before it.
    received: usize,
    number: usize,
    /// Its first sequence number, and the one after it.
    start: SeqNumber,
    end: SeqNumber,
    /// The right edge of the window that it offers. The windows of the explorer are too small to be scaled.
    offers: Option<SeqNumber>,
}

/// What an onlooker could know of an end, who sees a segment when it arrives. He cannot know
///
/// - of a change that no segment has shown as yet: that of a FIN or a reset that is on its way or lost;
/// - of a user who has given up in silence, or has let go of what arrives later;
/// - that nobody was there at first where somebody listens later;
/// - whether a FIN behind the window, which probes it, was taken: the user may have read meanwhile;
/// - that a SYN, a FIN or a reset was sent before something that has passed by earlier: it seems to be the later one. So
///   an answer that crosses a repetition seems to be lost;
/// - whether a SYN or a FIN that comes again had been lost, or only its acknowledgment; and when one was sent of which he sees
///   only a repetition;
/// - where the receiver of a reset is, if not all that was sent before has come to him, and the reset stands elsewhere.
#[derive(Clone, Default)]
struct Onlooker {
    queue: [VecDeque<Sent>; 2],
    strays: [Vec<Sent>; 2],
    /// Segments that each end has received, and sent.
    received: [usize; 2],
    sent: [usize; 2],
    /// Those of each end that have passed by, and those that go with a change: one bit each.
    gone: [u128; 2],
    changes: [u128; 2],
    /// Where what has passed by of each end ends.
    end: [SeqNumber; 2],
    /// The furthest right edge that each end has offered as far as it has passed by.
    offered: [Option<SeqNumber>; 2],
    /// Kinds that each end has sent, and that have passed by.
    kinds: [[bool; 4]; 2],
    passed: [[bool; 4]; 2],
    /// The end has given up, and no reset has told at once.
    silent: [bool; 2],
    misled: [bool; 2],
}

impl Onlooker {
    fn could_know(&self, end: usize) -> bool {
        !self.misled[end] && !self.silent[end] && self.kinds[end] == self.passed[end]
    }

    fn see(&mut self, moment: &Moment) {
        let at = match moment.step {
            Step::Deliver(from) => self.queue[from].pop_front().map(|sent| (from, sent)),
            Step::DeliverStray(from, number) => Some((from, self.strays[from].remove(usize::from(number)))),
            Step::Drop(from) => {
                self.queue[from].pop_front();
                None
            }
            Step::Copy(from) => {
                self.strays[from].extend(self.queue[from].front().copied());
                None
            }
            Step::Overtake(from) => {
                self.strays[from].extend(self.queue[from].pop_front());
                None
            }
            _ => None,
        };
        if let Some((from, sent)) = at {
            self.pass(from, sent);
        }
        let end = moment.step.end();
        if matches!(moment.step, Step::Open(..)) && self.received[end] > 0 {
            self.misled = [true; 2];
        }
        for transition in &moment.happened.transitions {
            let gives_up = matches!(transition.event, Event::Abort | Event::UserTimeout | Event::Close);
            let told = moment.happened.sent.iter().any(|sent| sent.packet.meta.flags.contains(TcpFlags::RST));
            let tells = told && moment.happened.arrived.is_none();
            self.silent[transition.end] |= gives_up && transition.to == State::Closed && !tells;
        }
        for sent in &moment.happened.sent {
            let (end, kind) = (sent.from, Kind::of(&sent.packet.meta));
            self.sent[end] += 1;
            let meta = &sent.packet.meta;
            let (received, number) = (self.received[end], self.sent[end]);
            let offers = meta.flags.contains(TcpFlags::ACK).then(|| meta.ack + u32::from(meta.window));
            let sent = Sent { kind, received, number, start: meta.seq, end: meta.end_seq(), offers };
            self.queue[end].push_back(sent);
            if let Some(kind) = kind {
                self.kinds[end][kind as usize] = true;
                self.changes[end] |= 1 << self.sent[end];
            }
        }
    }

    /// A segment passes by, and arrives.
    fn pass(&mut self, from: usize, sent: Sent) {
        let missing = ((1 << sent.number) - 2) & !self.gone[from];
        if let Some(kind) = sent.kind {
            self.misled[from] |= sent.received < self.received[from];
            let said_more = self.gone[from] != 0 && sent.start != self.end[from];
            let elsewhere = kind == Kind::Rst && (missing != 0 || said_more);
            let behind = kind == Kind::Fin && self.offered[1 - from].is_some_and(|edge| sent.end.after(edge));
            let again = self.passed[from][kind as usize];
            if elsewhere || behind || again || missing & self.changes[from] != 0 {
                self.misled = [true; 2];
            }
            self.passed[from][kind as usize] = true;
        }
        if self.gone[from] >> sent.number != 0 {
            // It was overtaken, or it is a copy.
            self.misled = [true; 2];
        }
        if let Some(edge) = sent.offers {
            self.offered[from] = Some(self.offered[from].map_or(edge, |before| before.latest(edge)));
        }
        let first = self.gone[from] == 0;
        self.gone[from] |= 1 << sent.number;
        self.end[from] = if first { sent.end } else { self.end[from].latest(sent.end) };
        self.received[1 - from] += 1;
    }
}

fn sockets() -> [SocketAddr; 2] {
    ["192.0.2.1:49152", "192.0.2.2:80"].map(|socket| socket.parse().expect("a socket"))
}

/// The states that an end went through.
fn lived(path: &[Moment], end: usize) -> Vec<State> {
    let transitions = path.iter().flat_map(|moment| &moment.happened.transitions);
    let states = transitions.filter(|transition| transition.end == end).map(|transition| transition.to);
    std::iter::once(State::Closed).chain(states).collect()
}

/// Whether the states that are claimed stand among those that there were, in their order. Whether a listener goes on when its
/// caller is lost does not show: then LISTEN and CLOSED are the same.
fn agrees(end: usize, claimed: &[State], lived: &[State]) -> Result<(), String> {
    // Who has seen a reset cannot know that this end ignores it in TIME-WAIT (RFC 1337).
    let reset = claimed.ends_with(&[State::TimeWait, State::Closed]);
    let claimed = &claimed[..claimed.len() - usize::from(reset)];
    let mut at = 0;
    let same = |one: State, other: State| one == other || (one, other) == (State::Listen, State::Closed);
    let mut is_there = |state: &State| match lived[at..].iter().position(|there| same(*state, *there)) {
        Some(further) => {
            // It may be told again.
            at += further;
            true
        }
        None => false,
    };
    match claimed.iter().find(|state| !is_there(state)) {
        None => Ok(()),
        Some(state) => {
            let list =
                |states: &[State]| states.iter().map(|state| state.name()).collect::<Vec<_>>().join(", ");
            let name = ["A", "B"][end];
            Err(format!(
                "{name} is said to be in {state}: of {} it went through {}",
                list(claimed),
                list(lived)
            ))
        }
    }
}

mod tests {
    use super::super::super::step::Opening;
    use super::*;

    #[test]
    fn a_state_that_the_machine_was_not_in_is_found() {
        let lived = [State::Closed, State::SynSent, State::Established, State::FinWait1];
        assert_eq!(agrees(0, &[State::SynSent, State::FinWait1], &lived), Ok(()), "less may be said");
        let why = agrees(0, &[State::SynSent, State::CloseWait], &lived);
        assert!(why.is_err_and(|why| why.starts_with("A is said to be in CLOSE-WAIT")));
        assert!(agrees(1, &[State::Established, State::SynSent], &lived).is_err(), "in another order");
    }

    #[test]
    fn a_path_is_judged_where_everything_has_passed_by() {
        let rules = Rules::new("observer");
        let (mut path, mut world) = (Vec::new(), World::new(&rules));
        let opening = [Step::Open(1, Opening::Passive), Step::Open(0, Opening::Active)];
        for step in opening.into_iter().chain([Step::Deliver(0), Step::Deliver(1), Step::Deliver(0)]) {
            let (after, happened) = world.take(&rules, step);
            path.push(Moment { step, happened, after: after.clone() });
            world = after;
        }
        assert_eq!(observer(&rules, &path), Ok(()));
        let mut onlooker = Onlooker::default();
        path.iter().for_each(|moment| onlooker.see(moment));
        assert!((0..2).all(|end| onlooker.could_know(end)));
        let [a, b] = claims(&path).expect("a good capture");
        assert_eq!(a, [State::SynSent, State::Established]);
        assert_eq!(b, [State::SynReceived, State::Established]);
    }
}
