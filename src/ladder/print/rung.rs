//! From entries to rungs: what of them stands on one line.

use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

use crate::ladder::tell::{Teller, Told};
use crate::ladder::{Call, End, Entry, Ladder, PacketId, Paint, Returned, What};
use crate::{Instant, State};

/// A line of the picture, with what is continued below it.
#[derive(Clone, Debug)]
pub(super) struct Rung {
    pub(super) at: Instant,
    /// When what stands on it is over: a packet arrives later than it is sent.
    until: Instant,
    /// Whether the time is told.
    pub(super) timed: bool,
    /// The states that have changed.
    pub(super) states: [Option<State>; 2],
    pub(super) middle: Middle,
}

/// What is between the rails.
#[derive(Clone, Debug)]
pub(super) enum Middle {
    Arrow(Arrow),
    Beside { end: Option<End>, text: String, paint: Paint },
    Bare,
}

/// A packet, or a part of its way.
#[derive(Clone, Debug)]
pub(super) struct Arrow {
    pub(super) packet: PacketId,
    pub(super) from: End,
    pub(super) leg: Leg,
    pub(super) text: String,
    /// Whether other lines are about this packet too.
    pub(super) numbered: bool,
    /// It was overtaken, or came before.
    odd: bool,
}

/// Which part of its way.
#[derive(Clone, Copy, Debug)]
pub(super) enum Leg {
    /// All of it.
    Whole { way: Duration },
    /// It is lost, and nothing happens before.
    LostAtOnce,
    /// It is sent, and something else happens before it arrives.
    Leaves,
    /// It arrives.
    Comes { way: Duration },
    /// It is lost on its way.
    LostLater,
}

impl Leg {
    /// Columns before the arrow, of its line, and behind it, of a middle in which `free` of `room` columns are left.
    pub(super) fn spread(self, middle: usize, room: usize, free: usize) -> (usize, usize, usize) {
        // Where the text leaves it, heads and beginnings that are in the middle stand below each other.
        let used = room - free;
        let until = |place: usize| (middle * place / 10).saturating_sub(used + middle - room).min(free);
        match self {
            Self::Whole { .. } => (0, free + 2, 0),
            Self::LostAtOnce => (0, until(8) + 2, free - until(8)),
            Self::Leaves => (0, until(6) + 2, free - until(6)),
            Self::Comes { .. } => {
                let before = free.min(middle * 4 / 10);
                (before, free - before + 2, 0)
            }
            Self::LostLater => {
                let before = free.min(middle * 3 / 10);
                let line = (free - before).min(middle / 10);
                (before, line + 2, free - before - line)
            }
        }
    }
}

impl Arrow {
    pub(super) const fn paint(&self) -> Option<Paint> {
        match self.leg {
            Leg::LostAtOnce | Leg::LostLater => Some(Paint::Alarm),
            _ if self.odd => Some(Paint::Odd),
            _ => None,
        }
    }
}

/// The rungs of a ladder after so many entries, below them the states that held then.
pub(super) fn rungs(ladder: &Ladder, past: usize) -> Vec<Rung> {
    let mut teller = Teller::new(ladder.ends());
    let told: Vec<Told> = ladder.packets().iter().map(|packet| teller.tell(packet)).collect();
    let arrived = vec![false; told.len()];
    let mut maker = Maker { ladder, told, rungs: Vec::new(), joined: None, newest: [None; 2], arrived };
    let (before, after) = ladder.entries().split_at_checked(past).unwrap_or((&[], ladder.entries()));
    // A packet whose fate comes afterwards stands on two lines.
    maker.entries(before);
    let states = before.iter().fold([None; 2], |mut states, entry| {
        if let What::State { end, to, .. } = entry.what
            && let Some(state) = states.get_mut(end.index())
        {
            *state = Some(to);
        }
        states
    });
    maker.rungs.clear();
    if states != [None; 2] {
        let at = before.last().map_or(Instant::ZERO, |entry| entry.at);
        maker.rungs.push(Rung { at, until: at, timed: false, states, middle: Middle::Bare });
    }
    maker.entries(after);
    maker.rungs
}

struct Maker<'l> {
    ladder: &'l Ladder,
    told: Vec<Told>,
    rungs: Vec<Rung>,
    /// The packet on the last rung, whose fate stands there already.
    joined: Option<PacketId>,
    /// Of each end, the newest of its packets that has arrived.
    newest: [Option<PacketId>; 2],
    /// Of each packet, whether it has arrived.
    arrived: Vec<bool>,
}

impl Maker<'_> {
    fn entries(&mut self, entries: &[Entry]) {
        let mut rest = entries;
        while let Some((entry, behind)) = rest.split_first() {
            self.entry(entry, behind);
            rest = behind;
        }
    }

    fn entry(&mut self, entry: &Entry, behind: &[Entry]) {
        let at = entry.at;
        match &entry.what {
            What::Sent(packet) => self.sent(at, *packet, behind),
            What::Arrived(packet) => self.arrived(at, *packet),
            What::Lost(packet) => {
                if self.joined.take_if(|joined| joined == packet).is_none() {
                    self.arrow(at, *packet, Leg::LostLater, "");
                }
            }
            What::Refused { packet, why } => {
                let end = self.ladder.packet(*packet).map(|packet| packet.from.peer());
                self.beside(at, end, format!("refused: {why}"), Paint::Odd);
            }
            What::Call { end, call, returned } => {
                self.beside(at, Some(*end), called(call, returned), Paint::Heading);
            }
            What::Timer { end, name } => {
                let text = if name.is_empty() { "timer".into() } else { format!("timer: {name}") };
                self.beside(at, Some(*end), text, Paint::Faint);
            }
            What::Note { end, text } => self.beside(at, *end, text.clone(), Paint::Faint),
            What::State { end, from, to } => self.state(at, *end, *from, *to),
        }
    }

    fn sent(&mut self, at: Instant, packet: PacketId, behind: &[Entry]) {
        // What sending it does to its sender's state stands on the same line.
        let next = behind.iter().find(|entry| !matches!(entry.what, What::State { .. }));
        let leg = match next {
            Some(Entry { at: then, what: What::Arrived(other) }) if *other == packet => {
                Leg::Whole { way: then.since(at) }
            }
            Some(Entry { what: What::Lost(other), .. }) if *other == packet => Leg::LostAtOnce,
            _ => Leg::Leaves,
        };
        self.arrow(at, packet, leg, "");
        if !matches!(leg, Leg::Leaves) {
            self.joined = Some(packet);
        }
        if let (Leg::Whole { way }, Some(rung)) = (leg, self.rungs.last_mut()) {
            rung.until = at + way;
        }
    }

    fn arrived(&mut self, at: Instant, packet: PacketId) {
        let Some(sent) = self.ladder.packet(packet) else { return };
        let Some(newest) = self.newest.get_mut(sent.from.index()) else { return };
        let before = self.arrived.get_mut(packet.0).is_some_and(|arrived| core::mem::replace(arrived, true));
        let odd = match *newest {
            _ if before => "again",
            Some(newest) if packet < newest => "late",
            _ => "",
        };
        *newest = (*newest).max(Some(packet));
        if self.joined.take_if(|joined| *joined == packet).is_none() {
            self.arrow(at, packet, Leg::Comes { way: at.since(sent.sent) }, odd);
        }
    }

    fn arrow(&mut self, at: Instant, packet: PacketId, leg: Leg, odd: &str) {
        let Some(sent) = self.ladder.packet(packet) else { return };
        let Some(told) = self.told.get(packet.0) else { return };
        let text = match leg {
            Leg::Whole { .. } | Leg::LostAtOnce | Leg::Leaves => told.full.clone(),
            Leg::Comes { .. } | Leg::LostLater if odd.is_empty() => told.short.clone(),
            Leg::Comes { .. } | Leg::LostLater => format!("{odd}: {}", told.short),
        };
        let text = if sent.forged { format!("forged: {text}") } else { text };
        let alone = matches!(leg, Leg::Whole { .. } | Leg::LostAtOnce);
        let numbered = !alone || sent.fate.arrivals.len() + sent.fate.losses > 1;
        let odd = sent.forged || !odd.is_empty();
        self.push(at, Middle::Arrow(Arrow { packet, from: sent.from, leg, text, numbered, odd }));
    }

    fn beside(&mut self, at: Instant, end: Option<End>, text: String, paint: Paint) {
        self.push(at, Middle::Beside { end, text, paint });
    }

    fn state(&mut self, at: Instant, end: End, from: Option<State>, to: State) {
        // The states in the beginning stand above all that happens, without a time.
        let first = from.is_none() && self.rungs.iter().all(|rung| !rung.timed);
        let fits = |rung: &mut Rung| {
            let then = if end_of(rung) == Some(end) { rung.at } else { rung.until };
            (first || then == at) && rung.states.get(end.index()).is_some_and(Option::is_none)
        };
        if !self.rungs.last_mut().is_some_and(fits) {
            self.push(at, Middle::Bare);
        }
        if let Some(rung) = self.rungs.last_mut() {
            rung.timed = !first && (rung.timed || matches!(rung.middle, Middle::Bare));
            if let Some(state) = rung.states.get_mut(end.index()) {
                *state = Some(to);
            }
        }
    }

    fn push(&mut self, at: Instant, middle: Middle) {
        self.rungs.push(Rung { at, until: at, timed: true, states: [None; 2], middle });
    }
}

/// Who sends the packet on this rung.
fn end_of(rung: &Rung) -> Option<End> {
    match &rung.middle {
        Middle::Arrow(Arrow { from, leg: Leg::Whole { .. }, .. }) => Some(*from),
        _ => None,
    }
}

/// `write 2000 → 1448`.
fn called(call: &Call, returned: &Returned) -> String {
    match (call, returned) {
        (_, Returned::Failed(why)) => format!("{call}: {why}"),
        (Call::Write(asked) | Call::Read(asked), Returned::Done(done)) if asked != done => {
            format!("{call} → {done}")
        }
        _ => call.to_string(),
    }
}
