//! What may happen next in a world, and what becomes of it when it does.

use std::sync::Arc;

use tcpstate::State;
use tcpstate::tcp::{
    Command, CommandError, DropReason, Notices, Queue, SegmentMeta, Tcb, Unpredictable, Verdict,
};
use tcpstate::{Event, Instant};

use super::rules::Rules;
use super::stranger::{self, Forgery};
use super::world::{Budget, End, OCTETS, Packet, User, World, iss};

/// How a user opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Opening {
    Active,
    Passive,
}

/// One thing that happens. The number is that of an end: of a segment, the one that has sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    Open(usize, Opening),
    /// So many octets.
    Send(usize, u8),
    /// All there is.
    Read(usize),
    Shutdown(usize),
    Close(usize),
    Abort(usize),
    /// The first of the queue arrives.
    Deliver(usize),
    /// The stray of that number arrives.
    DeliverStray(usize, u8),
    /// The first of the queue is lost.
    Drop(usize),
    /// The first of the queue is doubled: the other one is a stray from now on.
    Copy(usize),
    /// The first of the queue becomes a stray: others may overtake it.
    Overtake(usize),
    /// Time comes to the next deadline of this end.
    Fire(usize),
    /// A segment arrives at this end that its peer has not sent.
    Forge(usize, Forgery),
}

impl Step {
    /// The end that does something, or to which something is done.
    pub fn end(self) -> usize {
        match self {
            Self::Deliver(from) | Self::DeliverStray(from, _) => 1 - from,
            Self::Open(end, _)
            | Self::Send(end, _)
            | Self::Read(end)
            | Self::Shutdown(end)
            | Self::Close(end)
            | Self::Abort(end)
            | Self::Drop(end)
            | Self::Copy(end)
            | Self::Overtake(end)
            | Self::Fire(end)
            | Self::Forge(end, _) => end,
        }
    }
}

/// Everything that one step made happen, each in its order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Happened {
    pub arrived: Option<Arrived>,
    pub sent: Vec<Sent>,
    /// Of verdicts, deadlines, calls and what was sent: the end, and what it told its user.
    pub notices: Vec<(usize, Notices)>,
    pub transitions: Vec<Transition>,
    /// Why a call of the user was not carried out.
    pub refused: Option<CommandError>,
    /// Octets that a user has read: the end, and how many.
    pub read: Option<(usize, u8)>,
}

/// A segment has come to the end `at`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrived {
    pub at: usize,
    pub packet: Packet,
    /// None where there is no machine.
    pub verdict: Option<Verdict>,
}

/// A segment was put on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    pub from: usize,
    pub packet: Packet,
    /// The reset of a closed port (RFC 9293 §3.10.7.1): no machine has said so.
    pub answer: bool,
}

/// A state has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transition {
    pub end: usize,
    pub event: Event,
    pub from: State,
    pub to: State,
}

impl World {
    /// All that may happen next, in a fixed order.
    pub fn steps(&self, rules: &Rules, out: &mut Vec<Step>) {
        out.clear();
        for from in 0..2 {
            let lane = &self.lanes[from];
            if !lane.queue.is_empty() {
                out.push(Step::Deliver(from));
                let others = lane.queue.len() > 1;
                for (allowed, step) in [
                    (self.left.drops > 0, Step::Drop(from)),
                    (self.left.copies > 0, Step::Copy(from)),
                    // Nothing could overtake it otherwise, but what is sent later: then it may become a stray later.
                    (self.left.reorders > 0 && others, Step::Overtake(from)),
                ] {
                    if allowed {
                        out.push(step);
                    }
                }
            }
            for number in 0..lane.strays.len() {
                // The same one twice makes no difference.
                if number == 0 || lane.strays[number] != lane.strays[number - 1] {
                    out.push(Step::DeliverStray(from, number as u8));
                }
            }
        }
        for end in 0..2 {
            self.calls(rules, end, out);
        }
        if self.left.forgeries > 0 {
            let forged =
                |end| stranger::choices(&self.ends[end]).map(move |forgery| Step::Forge(end, forgery));
            out.extend((0..2).flat_map(forged));
        }
        if let Some(at) = self.next_deadline()
            && (self.left.delays > 0 || !self.is_busy(rules))
        {
            out.extend(
                (0..2).filter(|&end| self.deadline(end) == Some(at) && self.may_fire(end)).map(Step::Fire),
            );
        }
    }

    /// What the user of `end` may do.
    fn calls(&self, rules: &Rules, end: usize, out: &mut Vec<Step>) {
        let End { tcb, user, .. } = &self.ends[end];
        let Some(tcb) = tcb else {
            let [active, passive] = rules.opens[end];
            out.extend(active.then_some(Step::Open(end, Opening::Active)));
            out.extend(passive.then_some(Step::Open(end, Opening::Passive)));
            return;
        };
        let state = tcb.state();
        if state == State::Closed {
            return;
        }
        if user.closed {
            out.extend((rules.abort && state != State::Listen).then_some(Step::Abort(end)));
            return;
        }
        if rules.slow_readers && self.ends[end].unread() > 0 {
            out.push(Step::Read(end));
        }
        // Before there is a peer they are all the same: the end.
        let called = !matches!(state, State::Listen | State::SynSent);
        if !user.shut {
            if state != State::Listen {
                let rest = rules.octets[end].saturating_sub(user.queued);
                let least = if rules.whole { rest.max(1) } else { 1 };
                out.extend((least..=rest).map(|octets| Step::Send(end, octets)));
            }
            if rules.half_close && called {
                out.push(Step::Shutdown(end));
            }
        }
        if rules.close {
            out.push(Step::Close(end));
        }
        if rules.abort && called {
            out.push(Step::Abort(end));
        }
    }

    /// Whether time cannot go on, because a timer that is due has expired as often as it may.
    pub fn is_cut(&self) -> bool {
        let at = self.next_deadline();
        at.is_some() && !(0..2).any(|end| self.deadline(end) == at && self.may_fire(end))
    }

    /// Whether the timers of `end` that are due next may still expire.
    fn may_fire(&self, end: usize) -> bool {
        self.due(end).all(|timer| self.left.firings[end][timer] > 0)
    }

    /// The timers of `end` that are due at its next deadline.
    fn due(&self, end: usize) -> impl Iterator<Item = usize> + '_ {
        let at = self.deadline(end).map(|at| at.max(self.now));
        let timers = self.ends[end].tcb.iter().flat_map(|tcb| tcb.deadlines());
        timers.filter(move |(_, due)| Some(*due) <= at).map(|(timer, _)| timer.number())
    }

    /// The world after `step`, which is one of [`steps`](Self::steps).
    pub fn take(&self, rules: &Rules, step: Step) -> (Self, Happened) {
        let mut world = self.clone();
        let mut happened = Happened::default();
        let mut turn = Turn { world: &mut world, rules, happened: &mut happened };
        turn.take(step);
        (world, happened)
    }

    /// What happens when nothing goes wrong any more and no user does anything: something that is on its way arrives, what
    /// was overtaken or doubled first, and if nothing is, time comes to the next deadline. None when all is over.
    pub fn calm_step(&self) -> Option<Step> {
        let on_its_way = (0..2).find_map(|from| {
            let lane = &self.lanes[from];
            let stray = (!lane.strays.is_empty()).then_some(Step::DeliverStray(from, 0));
            stray.or((!lane.queue.is_empty()).then_some(Step::Deliver(from)))
        });
        let at = self.next_deadline();
        on_its_way.or_else(|| (0..2).find(|&end| at.is_some() && self.deadline(end) == at).map(Step::Fire))
    }
}

/// One step while it is being taken.
struct Turn<'a> {
    world: &'a mut World,
    rules: &'a Rules,
    happened: &'a mut Happened,
}

impl Turn<'_> {
    fn take(&mut self, step: Step) {
        let end = step.end();
        match step {
            Step::Open(_, opening) => self.open(end, opening),
            Step::Send(_, octets) => {
                self.world.ends[end].user.queued += octets;
                self.call(end, Command::Queue(Queue { len: octets.into(), ..Queue::default() }));
            }
            Step::Read(_) => self.read(end),
            Step::Shutdown(_) => {
                self.world.ends[end].user.shut = true;
                self.call(end, Command::Shutdown);
            }
            Step::Close(_) => {
                let user = &mut self.world.ends[end].user;
                (user.shut, user.closed) = (true, true);
                self.call(end, Command::Close);
            }
            Step::Abort(_) => {
                let user = &mut self.world.ends[end].user;
                (user.shut, user.closed, user.aborted) = (true, true, true);
                self.call(end, Command::Abort);
            }
            Step::Deliver(from) => {
                if let Some(packet) = self.world.lanes[from].queue.pop_front() {
                    self.arrive(end, packet);
                }
            }
            Step::DeliverStray(from, number) => {
                let packet = self.world.lanes[from].strays.remove(usize::from(number));
                self.arrive(end, packet);
            }
            Step::Drop(from) => {
                self.world.left.drops = self.world.left.drops.saturating_sub(1);
                self.world.lanes[from].queue.pop_front();
                return;
            }
            Step::Copy(from) => {
                self.world.left.copies = self.world.left.copies.saturating_sub(1);
                let lane = &mut self.world.lanes[from];
                lane.strays.extend(lane.queue.front().copied());
                return;
            }
            Step::Overtake(from) => {
                self.world.left.reorders = self.world.left.reorders.saturating_sub(1);
                let lane = &mut self.world.lanes[from];
                lane.strays.extend(lane.queue.pop_front());
                return;
            }
            Step::Fire(_) => self.fire(end),
            Step::Forge(_, forgery) => {
                self.world.left.forgeries = self.world.left.forgeries.saturating_sub(1);
                if let Some(meta) = stranger::segment(&self.world.ends[end], forgery) {
                    self.arrive(end, Packet { meta, offset: 0 });
                }
            }
        }
        self.settle(end);
    }

    fn now(&self) -> Instant {
        self.world.now
    }

    /// The machine of `end`, to change it.
    fn tcb(&mut self, end: usize) -> Option<&mut Tcb> {
        self.world.ends[end].tcb.as_mut().map(Arc::make_mut)
    }

    fn secrets(&self, end: usize) -> Unpredictable {
        // A listener that was called before takes another number: time has passed.
        let round = u32::from(self.world.ends[end].round);
        Unpredictable { iss: iss(end) + round * 100_000, timestamp_offset: [0x1000_0000, 0x7fff_ff00][end] }
    }

    fn open(&mut self, end: usize, opening: Opening) {
        let (config, secrets) = (self.rules.config[end], self.secrets(end));
        self.world.ends[end].tcb = Some(Arc::new(match opening {
            Opening::Active => Tcb::connect(config, secrets, self.now()),
            Opening::Passive => {
                let mut listener = Tcb::listen(config);
                listener.prepare(secrets);
                listener
            }
        }));
        let to = self.world.ends[end].state();
        let event = if opening == Opening::Active { Event::ActiveOpen } else { Event::PassiveOpen };
        self.happened.transitions.push(Transition { end, event, from: State::Closed, to });
    }

    fn call(&mut self, end: usize, command: Command) {
        let (now, before) = (self.now(), self.world.ends[end].state());
        let Some(tcb) = self.tcb(end) else { return };
        match tcb.on_command(now, command) {
            Ok(notices) => self.note(end, before, notices),
            Err(error) => self.happened.refused = Some(error),
        }
    }

    /// The user of `end` takes all there is to read.
    fn read(&mut self, end: usize) {
        let octets = u8::try_from(self.world.ends[end].unread()).expect("no more is sent");
        self.world.ends[end].user.taken += octets;
        self.happened.read = Some((end, octets));
        self.call(end, Command::Consumed(octets.into()));
    }

    fn arrive(&mut self, at: usize, mut packet: Packet) {
        if let Some(fault) = &self.rules.fault
            && !(fault.arrives)(at, &mut packet.meta)
        {
            return;
        }
        let (now, before) = (self.now(), self.world.ends[at].state());
        let mut verdict = self.tcb(at).map(|tcb| tcb.on_segment(now, &packet.meta));
        if let (Some(fault), Some(verdict)) = (&self.rules.fault, &mut verdict) {
            (fault.verdict)(at, verdict);
        }
        self.happened.arrived = Some(Arrived { at, packet, verdict });
        if let Some(placed) = verdict.and_then(|verdict| verdict.store) {
            let first = packet.offset + u64::from(placed.skip);
            for octet in 0..u64::from(placed.len) {
                // What is there already stays.
                let place = usize::try_from(placed.offset + octet).unwrap_or(usize::MAX);
                if let Some(place) = self.world.ends[at].inbox.get_mut(place).filter(|place| **place == 0) {
                    *place = u8::try_from(first + octet + 1).unwrap_or(u8::MAX);
                }
            }
        }
        match verdict {
            Some(verdict) => {
                self.note(at, before, verdict.notices);
                if verdict.refused == Some(DropReason::Closed) {
                    self.answer_for_nobody(at, &packet.meta);
                }
            }
            None => self.answer_for_nobody(at, &packet.meta),
        }
    }

    fn answer_for_nobody(&mut self, at: usize, meta: &SegmentMeta) {
        if let Some(reset) = meta.reset_in_answer() {
            self.send(at, Packet { meta: reset, offset: 0 }, true);
        }
    }

    fn fire(&mut self, end: usize) {
        if self.world.is_busy(self.rules) {
            self.world.left.delays = self.world.left.delays.saturating_sub(1);
        }
        let due: Vec<usize> = self.world.due(end).collect();
        for timer in due {
            let left = &mut self.world.left.firings[end][timer];
            *left = left.saturating_sub(1);
        }
        self.world.now = self.world.deadline(end).map_or(self.now(), |at| at.max(self.now()));
        let (now, before) = (self.now(), self.world.ends[end].state());
        let Some(tcb) = self.tcb(end) else { return };
        let notices = tcb.on_timeout(now);
        self.note(end, before, notices);
    }

    /// Whoever reads at once does, and then the end says all that it has to say.
    fn settle(&mut self, end: usize) {
        let reads = !self.rules.slow_readers && !self.world.ends[end].user.closed;
        if reads && self.world.ends[end].unread() > 0 {
            self.read(end);
        }
        if self.world.ends[end].tcb.is_none() {
            return;
        }
        let now = self.now();
        for polls in 0.. {
            assert!(polls < 64, "end {end} does not come to rest");
            let before = self.world.ends[end].state();
            let Some(plan) = self.tcb(end).and_then(|tcb| tcb.poll_segment(now)) else { break };
            self.send(end, Packet { meta: plan.meta, offset: plan.offset }, false);
            self.note(end, before, plan.notices);
        }
    }

    fn send(&mut self, from: usize, mut packet: Packet, answer: bool) {
        if let Some(fault) = &self.rules.fault {
            (fault.sent)(from, &mut packet.meta);
        }
        self.happened.sent.push(Sent { from, packet, answer });
        self.world.lanes[from].queue.push_back(packet);
    }

    /// What a call told its user.
    fn note(&mut self, end: usize, before: State, notices: Notices) {
        if notices.is_empty() {
            return;
        }
        self.happened.notices.push((end, notices));
        let mut from = before;
        for (event, to) in notices.transitions.iter() {
            self.happened.transitions.push(Transition { end, event, from, to });
            from = to;
        }
        if from == State::Listen && before != State::Listen {
            // The next peer begins new streams.
            let round = self.world.ends[end].round + 1;
            let at = &mut self.world.ends[end];
            (at.user, at.inbox, at.round) = (User::default(), [0; OCTETS], round);
            let secrets = self.secrets(end);
            if let Some(tcb) = self.tcb(end) {
                tcb.prepare(secrets);
            }
        }
    }
}

impl Budget {
    /// Nothing goes wrong any more, and time passes as long as it likes.
    pub const CALM: Self = Self {
        drops: 0,
        copies: 0,
        reorders: 0,
        delays: 3,
        forgeries: 0,
        firings: [[u8::MAX; Self::TIMERS]; 2],
    };
}
