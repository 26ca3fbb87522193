//! What is kept of a run to draw it: as the sender lives it, except for what became of its packets.

use super::Span;
use super::curve::Curve;
use super::marks::Marks;
use super::phases::Phases;
use super::sacked::Sacked;
use std::collections::VecDeque;
use std::time::Duration;
use tcpstate::sim::{Fate, Happened, LinkDrop, NodeId, Pair, SentFrame};
use tcpstate::tcp::{DropReason, Tcb};
use tcpstate::wire::{IpPacket, TcpSegment};
use tcpstate::{Instant, SeqNumber, State, TcpFlags};

/// Why a segment did not arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    Chance,
    Burst,
    Queue,
    Size,
    Damage,
    /// It did arrive, and its receiver did not take it.
    Refused,
}

impl Cause {
    pub(super) const ALL: [Self; 6] =
        [Self::Queue, Self::Chance, Self::Burst, Self::Size, Self::Damage, Self::Refused];

    fn of(fate: Fate) -> Option<Self> {
        match fate {
            Fate::Dropped(LinkDrop::Queue) => Some(Self::Queue),
            Fate::Dropped(LinkDrop::Burst) => Some(Self::Burst),
            Fate::Dropped(LinkDrop::Mtu) => Some(Self::Size),
            Fate::Dropped(_) => Some(Self::Chance),
            Fate::Damaged => Some(Self::Damage),
            _ => None,
        }
    }

    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Queue => "dropped, queue full",
            Self::Chance => "lost by chance",
            Self::Burst => "lost in a burst",
            Self::Size => "dropped, too large",
            Self::Damage => "damaged",
            Self::Refused => "refused by the receiver",
        }
    }
}

/// Positions count sequence numbers from the SYN, which is 0: the octets of the stream begin at 1.
#[derive(Clone, Debug)]
pub(super) struct Story {
    sender: NodeId,
    iss: Option<SeqNumber>,
    una: u64,
    /// Beyond all that was sent.
    max: u64,
    /// What is on its way from the sender, by frame.
    flying: VecDeque<Flying>,
    /// Segments that the receiver has refused so far.
    refused: u64,
    /// What the selective acknowledgments on their way to the sender say, by frame.
    answers: VecDeque<Answer>,
    known: Sacked,
    /// Expiries of the retransmission timer, probes of the tail, and responses to losses that were taken back.
    events: [u32; 3],
    last_trip: u64,
    sampled_at: u64,
    pub(super) first: Marks,
    pub(super) again: Marks,
    /// In the order of [`Cause::ALL`].
    pub(super) lost: [Marks; 6],
    pub(super) sacked: Marks,
    pub(super) twice: Marks,
    pub(super) timeouts: Marks,
    pub(super) probes: Marks,
    pub(super) undone: Marks,
    pub(super) phases: Phases,
    pub(super) acked: Curve,
    pub(super) edge: Curve,
    /// Octets that the sender knows to have arrived.
    pub(super) delivered: Curve,
    pub(super) cwnd: Curve,
    pub(super) ssthresh: Curve,
    pub(super) pipe: Curve,
    pub(super) srtt: Curve,
    /// Each round trip that was measured: when, and how long it took.
    pub(super) trips: Marks,
    pub(super) rto: Curve,
    /// For how long sending was held back so far: by the congestion window, the peer's window, the user.
    pub(super) held: [Curve; 3],
    /// When something happened last: a segment was sent, or acknowledged.
    pub(super) end: u64,
}

#[derive(Clone, Copy, Debug)]
struct Flying {
    frame: u64,
    sent_at: u64,
    low: u64,
    high: u64,
}

#[derive(Clone, Debug)]
struct Answer {
    frame: u64,
    ack: SeqNumber,
    blocks: Vec<(SeqNumber, SeqNumber)>,
}

impl Story {
    /// Packets on their way in one direction; older ones are forgotten, and what they did is not drawn.
    const FLYING: usize = 1 << 16;

    pub(super) fn new(sender: NodeId, span: Span) -> Self {
        let (curve, marks) = (|| Curve::new(span), |most| Marks::new(span, most));
        Self {
            sender,
            iss: None,
            una: 0,
            max: 0,
            flying: VecDeque::new(),
            refused: 0,
            answers: VecDeque::new(),
            known: Sacked::default(),
            events: [0; 3],
            last_trip: 0,
            sampled_at: 0,
            first: marks(6_000),
            again: marks(2_500),
            lost: [(); 6].map(|()| marks(700)),
            sacked: marks(5_000),
            twice: marks(800),
            timeouts: marks(300),
            probes: marks(300),
            undone: marks(300),
            phases: Phases::new(span),
            acked: curve(),
            edge: curve(),
            delivered: curve(),
            cwnd: curve(),
            ssthresh: curve(),
            pipe: curve(),
            srtt: curve(),
            trips: marks(4_000),
            rto: curve(),
            held: [(); 3].map(|()| curve()),
            end: 0,
        }
    }

    /// Where a sequence number is that is not far from what was sent last.
    fn position(&self, seq: SeqNumber) -> Option<u64> {
        let near = self.iss? + self.max as u32;
        self.max.checked_add_signed(seq.distance_from(near).into())
    }

    pub(super) fn frame(&mut self, frame: &SentFrame) {
        let Ok(ip) = IpPacket::parse(&frame.packet, frame.packet.len()) else { return };
        let Ok(segment) = TcpSegment::parse(ip.payload, ip.payload_len) else { return };
        if frame.node == self.sender {
            self.sent(frame, &segment);
        } else if Cause::of(frame.fate).is_none() {
            let blocks: Vec<_> = segment.options.sack().iter().collect();
            if !blocks.is_empty() {
                if self.answers.len() >= Self::FLYING {
                    self.answers.pop_front();
                }
                self.answers.push_back(Answer { frame: frame.number, ack: segment.ack, blocks });
            }
        }
    }

    fn sent(&mut self, frame: &SentFrame, segment: &TcpSegment<'_>) {
        if segment.flags.contains(TcpFlags::SYN) {
            self.iss.get_or_insert(segment.seq);
        }
        let Some(low) = self.position(segment.seq) else { return };
        if segment.seq_len() == 0 || segment.flags.contains(TcpFlags::RST) {
            return;
        }
        let (at, high) = (frame.time.as_nanos(), low + u64::from(segment.seq_len()));
        if low < self.max {
            self.again.push(at, low, high.min(self.max));
        }
        if high > self.max {
            self.first.push(at, low.max(self.max), high);
        }
        match Cause::of(frame.fate) {
            Some(cause) => self.lose(cause, at, low, high),
            None => {
                if self.flying.len() >= Self::FLYING {
                    self.flying.pop_front();
                }
                self.flying.push_back(Flying { frame: frame.number, sent_at: at, low, high });
            }
        }
        self.max = self.max.max(high);
        self.end = at;
    }

    fn lose(&mut self, cause: Cause, at: u64, low: u64, high: u64) {
        if let Some((marks, _)) = self.lost.iter_mut().zip(Cause::ALL).find(|(_, each)| *each == cause) {
            marks.push(at, low, high);
        }
    }

    /// After a step, when its frames have been taken.
    pub(super) fn step(&mut self, pair: &Pair, happened: Happened) {
        if happened.node() != self.sender {
            self.receiver_step(pair, happened);
            return;
        }
        let now = pair.world().now();
        let Some(single) = pair.world().node(self.sender).and_then(|end| end.single()) else { return };
        if self.iss.is_none() || single.state() == State::Listen {
            return;
        }
        if let Happened::Arrived { frame, .. } = happened {
            self.answer(now, frame);
        }
        self.sample(now, single.connection().tcb());
    }

    fn receiver_step(&mut self, pair: &Pair, happened: Happened) {
        let Happened::Arrived { node, frame } = happened else { return };
        let Some(end) = pair.world().node(node) else { return };
        // What has arrived before is refused too, and not lost.
        let again = |reason| matches!(reason, DropReason::Duplicate | DropReason::BelowWindow);
        let reasons = end.stats().refused.iter().filter(|(reason, _)| !again(**reason));
        let refused = reasons.map(|(_, count)| count).sum();
        if refused > self.refused {
            self.refused = refused;
            let found = self.flying.binary_search_by_key(&frame, |flying| flying.frame);
            if let Some(&Flying { sent_at, low, high, .. }) = found.ok().and_then(|at| self.flying.get(at)) {
                self.lose(Cause::Refused, sent_at, low, high);
            }
        }
    }

    /// Draws what is new in the selective acknowledgments of a frame.
    fn answer(&mut self, now: Instant, frame: u64) {
        let Ok(found) = self.answers.binary_search_by_key(&frame, |answer| answer.frame) else { return };
        let Some(answer) = self.answers.get(found) else { return };
        let place = |seq| self.position(seq);
        let blocks: Vec<_> =
            answer.blocks.iter().filter_map(|&(low, high)| Some((place(low)?, place(high)?))).collect();
        let Some(ack) = place(answer.ack) else { return };
        let at = now.as_nanos();
        for (number, &(low, high)) in blocks.iter().enumerate() {
            // RFC 2883 §4: the first block tells of a repetition when it is below the acknowledgment, or within the
            // second block.
            let within = blocks.get(1).is_some_and(|second| second.0 <= low && high <= second.1);
            if number == 0 && (high <= ack || within) {
                self.twice.push(at, low, high);
            } else if high <= self.max && low >= self.una {
                self.known.add(low, high, |low, high| self.sacked.push(at, low, high));
                self.end = at;
            }
        }
    }

    /// Looks at the variables of the sender.
    fn sample(&mut self, now: Instant, tcb: &Tcb) {
        let (at, info) = (now.as_nanos(), tcb.info(now));
        let Some(una) = self.position(tcb.snd_una()) else { return };
        let over = matches!(info.state, State::Closed | State::TimeWait);
        if over && una == self.una {
            return;
        }
        let news = una > self.una;
        if news {
            self.una = una;
            self.known.forget_below(una);
            self.end = at;
        }
        let events = [info.timeouts, info.tail_probes, info.undone];
        let marks = [&mut self.timeouts, &mut self.probes, &mut self.undone];
        for ((marks, before), after) in marks.into_iter().zip(self.events).zip(events) {
            if after > before {
                marks.push(at, una, una);
            }
        }
        self.events = events;
        self.phases.set(at, info.recovery);
        let nanos = |span: Duration| u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
        self.acked.set(at, Some(una));
        self.edge.set(at, Some(una + u64::from(info.snd_wnd)));
        self.delivered.set(at, Some(info.delivered));
        self.cwnd.set(at, Some(info.cwnd.into()));
        self.ssthresh.set(at, info.ssthresh.map(u64::from));
        self.pipe.set(at, Some(info.pipe));
        self.srtt.set(at, info.srtt.map(nanos));
        if let Some(trip) = info.latest_rtt.map(nanos).filter(|trip| news || *trip != self.last_trip) {
            self.trips.push(at, trip, trip);
            self.last_trip = trip;
        }
        self.rto.set(at, Some(nanos(info.rto)));
        let held = [info.limited_by_network, info.limited_by_peer, info.limited_by_user];
        for (curve, span) in self.held.iter_mut().zip(held) {
            curve.grow(self.sampled_at, at, nanos(span));
        }
        self.sampled_at = at;
    }

    /// How often the retransmission timer expired in the whole run.
    pub(super) const fn expired(&self) -> u32 {
        let [timeouts, ..] = self.events;
        timeouts
    }

    /// Where the octet at this position is in the stream.
    pub(super) const fn octet(position: u64) -> u64 {
        position.saturating_sub(1)
    }
}
