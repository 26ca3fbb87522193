//! One flow: a connection between two sockets, as a capture shows it.

use super::anomaly::{Anomaly, AnomalyLog, AnomalySet};
use super::observer::{Observer, Sighting, Story};
use super::reassembly::{Shared, Stream};
use super::report::FlowReport;
use super::sequence::{PathHints, Place, Placed, SendSide, SeqSpan};
use super::worlds::{Both, End};
use crate::SeqNumber;
use crate::tcp::state::State;
use crate::time::Instant;
use crate::wire::ChecksumStatus;
use crate::wire::options::TcpOption;
use crate::wire::tcp::{TcpFlags, TcpSegment};
use core::net::SocketAddr;
use core::time::Duration;
use std::io;

/// What one end has sent, counted.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    frames: u64,
    payload_bytes: u64,
    syn: u32,
    fin: u32,
    rst: u32,
}

/// One end as a sender of segments and of acknowledgments.
#[derive(Debug, Default)]
struct Side {
    counts: Counts,
    sent: SendSide,
    stream: Stream,
    /// What it said last about the other direction: acknowledgment, window, how often the same.
    last_ack: Option<SeqNumber>,
    last_window: u16,
    dup_acks: u32,
    sent_syn: Option<Instant>,
    sent_syn_ack: bool,
    /// Its SYN carried data under a Fast Open option: the position where that data ends.
    fast_open_data: Option<i64>,
    /// Since when it is in TIME-WAIT.
    time_wait_since: Option<Instant>,
}

/// A frame's place in the capture.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FrameAt {
    pub(crate) number: u64,
    /// Its own time.
    pub(crate) time: Instant,
    /// The latest time of any frame so far.
    pub(crate) now: Instant,
}

/// A TCP segment with what was found out about its checksums.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Checked<'s, 'a> {
    pub(crate) segment: &'s TcpSegment<'a>,
    pub(crate) checksum: ChecksumStatus,
    pub(crate) ip_checksum_ok: bool,
}

/// A connection that is being followed.
#[derive(Debug)]
pub(crate) struct Flow {
    pub(crate) number: u64,
    pub(crate) a: SocketAddr,
    pub(crate) b: SocketAddr,
    pub(crate) first_frame: u64,
    last_frame: u64,
    start: Instant,
    last_time: Instant,
    sides: Both<Side>,
    observer: Observer,
    states: Both<Option<State>>,
    round_trip: Duration,
    anomalies: AnomalyLog,
    /// Since when both ends have nothing more to say.
    closed_since: Option<Instant>,
    /// When the engine is to come back to this flow.
    pub(crate) deadline: Option<Instant>,
}

/// How long a closed flow waits for octets that the capture has out of order.
const REORDERING_GRACE: Duration = Duration::from_secs(1);

impl Flow {
    /// A flow whose first frame goes from `a` to `b`.
    pub(crate) fn new(number: u64, a: SocketAddr, b: SocketAddr, at: FrameAt) -> Self {
        Self {
            number,
            a,
            b,
            first_frame: at.number,
            last_frame: at.number,
            start: at.time,
            last_time: at.now,
            sides: Both::default(),
            observer: Observer::default(),
            states: Both::default(),
            round_trip: Duration::ZERO,
            anomalies: AnomalyLog::default(),
            closed_since: None,
            deadline: None,
        }
    }

    /// Whether the connection is over, but for TIME-WAIT.
    pub(crate) const fn is_closed(&self) -> bool {
        self.closed_since.is_some()
    }

    /// Whether some end may be in a state in which a SYN with a new number is a stranger.
    pub(crate) fn is_open(&self) -> bool {
        [self.states.a, self.states.b].into_iter().any(|state| state.is_none_or(State::is_synchronized))
            && !self.is_closed()
    }

    /// Whether `seq` is the number of the SYN of this flow that `from` has sent, or may have.
    pub(crate) fn owns_syn(&self, from: End, seq: SeqNumber) -> bool {
        let sent = &self.sides.of(from).sent;
        match sent.isn {
            Some(isn) => isn == seq,
            // A SYN that the capture has out of order stands just before what was seen first.
            None if sent.seen => sent.position(seq) == -1,
            None => true,
        }
    }

    /// Whether a SYN-ACK answers a SYN of this flow.
    pub(crate) fn answers_own_syn(&self, from: End, ack: SeqNumber) -> bool {
        let peer = &self.sides.of(from.peer()).sent;
        peer.isn.is_none() || peer.position(ack) >= 0
    }

    /// Notes an anomaly that the engine sees and the flow cannot.
    pub(crate) fn note(&mut self, frame: u64, kind: Anomaly, shared: &mut Shared<'_>) -> io::Result<()> {
        let mut set = AnomalySet::default();
        set.insert(kind);
        self.anomalies.note(frame, set, shared.spill)
    }

    /// Takes a segment that `from` has sent.
    pub(crate) fn take(
        &mut self,
        at: FrameAt,
        from: End,
        checked: Checked<'_, '_>,
        shared: &mut Shared<'_>,
    ) -> io::Result<()> {
        let segment = checked.segment;
        self.last_frame = at.number;
        self.last_time = self.last_time.max(at.now);
        self.count(from, segment);
        let mut odd = AnomalySet::default();
        if !checked.ip_checksum_ok
            || matches!(checked.checksum, ChecksumStatus::Bad | ChecksumStatus::Offloaded)
        {
            odd.insert(Anomaly::BadChecksum);
        }
        if segment.flags.contains(TcpFlags::RST) {
            let seen = self.sight_reset(at, from, segment);
            self.look(at, &seen, shared)?;
        } else {
            let placed = self.place(at, from, segment, &mut odd);
            let seen = self.sight(at, from, segment, placed, &mut odd);
            self.reassemble(from, segment, placed, &mut odd, shared)?;
            if placed.place != Place::Nowhere {
                self.look(at, &seen, shared)?;
            }
        }
        if odd.is_empty() { Ok(()) } else { self.anomalies.note(at.number, odd, shared.spill) }
    }

    fn count(&mut self, from: End, segment: &TcpSegment<'_>) {
        let counts = &mut self.sides.of_mut(from).counts;
        counts.frames += 1;
        counts.payload_bytes += segment.payload_len as u64;
        counts.syn += u32::from(segment.flags.contains(TcpFlags::SYN));
        counts.fin += u32::from(segment.flags.contains(TcpFlags::FIN));
        counts.rst += u32::from(segment.flags.contains(TcpFlags::RST));
    }

    /// Finds the segment's place in its sender's sequence space.
    fn place(&mut self, at: FrameAt, from: End, segment: &TcpSegment<'_>, odd: &mut AnomalySet) -> Placed {
        let syn = segment.flags.contains(TcpFlags::SYN);
        let syn_ack = syn && segment.flags.contains(TcpFlags::ACK);
        let peer = self.sides.of(from.peer());
        let peer_window_closed = peer.last_window == 0 && peer.last_ack.is_some();
        let hints = PathHints { round_trip: self.round_trip, dup_acks: peer.dup_acks };
        let side = self.sides.of_mut(from);
        let had_acked = side.sent.acked;
        let span = SeqSpan {
            seq: segment.seq,
            syn,
            len: u32::try_from(segment.payload_len).unwrap_or(u32::MAX),
            fin: segment.flags.contains(TcpFlags::FIN),
        };
        let placed = side.sent.place(span, at.now, hints);
        match placed.place {
            // Ends that call each other at once answer with the SYN that they have sent already.
            Place::Again if syn_ack && !side.sent_syn_ack => {}
            Place::Again => odd.insert(Anomaly::Retransmission),
            Place::Reordered => odd.insert(Anomaly::OutOfOrder),
            Place::Nowhere => odd.insert(Anomaly::OutOfWindow),
            Place::Probe if peer_window_closed => odd.insert(Anomaly::WindowProbe),
            Place::Probe => odd.insert(Anomaly::Keepalive),
            Place::Next if peer_window_closed && segment.payload_len == 1 => odd.insert(Anomaly::WindowProbe),
            // What the peer has acknowledged was not lost; that it was not captured is said there.
            Place::AfterGap if had_acked.is_none_or(|acked| acked < placed.data) => {
                odd.insert(Anomaly::LostSegment)
            }
            Place::AfterGap | Place::Next | Place::Nothing | Place::Aside => {}
        }
        if syn {
            side.sent_syn_ack |= syn_ack;
            side.sent_syn = Some(at.now);
            let fast_open = segment.options.iter().flatten().any(|option| {
                matches!(option, TcpOption::FastOpen(_) | TcpOption::FastOpenExperimental { .. })
            });
            if fast_open && !syn_ack && segment.payload_len > 0 {
                side.fast_open_data = Some(placed.end);
            }
        }
        placed
    }

    /// What the acknowledgment says of the other direction, and all of the segment in the observer's terms.
    fn sight(
        &mut self,
        at: FrameAt,
        from: End,
        segment: &TcpSegment<'_>,
        placed: Placed,
        odd: &mut AnomalySet,
    ) -> Sighting {
        let flag = |bit| segment.flags.contains(bit);
        let (syn, ack, fin) = (flag(TcpFlags::SYN), flag(TcpFlags::ACK), flag(TcpFlags::FIN));
        let mut seen = Sighting {
            frame: at.number,
            from,
            syn,
            ack,
            rst: false,
            fin: false,
            fin_was_awaited: false,
            new_data: matches!(placed.place, Place::Next | Place::AfterGap) && segment.payload_len > 0,
            repeats_unacked: false,
            acks_syn: false,
            acks_fin: false,
            all_up_to_fin: false,
            acks_unseen: false,
            tail_seen: false,
            rst_counts: false,
            rst_gives_up: false,
        };
        if ack && placed.place != Place::Nowhere {
            self.acknowledge(from, segment, &mut seen, odd);
        }
        let side = self.sides.of_mut(from);
        let sent = &side.sent;
        seen.fin = fin && sent.fin.is_some_and(|fin| fin == placed.end - 1);
        seen.fin_was_awaited = seen.fin && sent.acked.is_some_and(|acked| acked < placed.end);
        seen.repeats_unacked =
            placed.place == Place::Again && sent.acked.is_none_or(|acked| acked < placed.end.max(0));
        seen.all_up_to_fin = sent.is_complete_up_to_fin();
        seen.tail_seen = sent.acked.is_some_and(|acked| sent.next >= acked);
        if !syn && segment.window == 0 {
            odd.insert(Anomaly::ZeroWindow);
        }
        side.last_window = segment.window;
        if self.round_trip.is_zero() && ack && !syn {
            let called = self.sides.of(from).sent_syn.filter(|_| self.sides.of(from.peer()).sent_syn_ack);
            self.round_trip = called.map_or(Duration::ZERO, |called| at.now.since(called));
        }
        seen
    }

    /// Takes the acknowledgment of a segment.
    fn acknowledge(
        &mut self,
        from: End,
        segment: &TcpSegment<'_>,
        seen: &mut Sighting,
        odd: &mut AnomalySet,
    ) {
        let window = self.sides.of(from).last_window;
        let had_said = self.sides.of(from).last_ack;
        let peer = self.sides.of_mut(from.peer());
        let sent = &mut peer.sent;
        if !sent.seen && sent.acked.is_none() {
            sent.begin_at(segment.ack);
        }
        let position = sent.position(segment.ack);
        if !sent.is_near(position) {
            return;
        }
        seen.acks_syn = sent.isn.is_none() || position >= 0;
        seen.acks_fin = sent.fin.is_some_and(|fin| position > fin);
        seen.acks_unseen = position > sent.next;
        let carries_nothing = segment.payload_len == 0
            && !segment.flags.contains(TcpFlags::SYN)
            && !segment.flags.contains(TcpFlags::FIN);
        // A window that changes makes it an update, unless it reports what has arrived beyond a gap.
        let reports_a_gap = || segment.options.sack().iter().any(|(left, _)| left.after(segment.ack));
        let says_the_same = segment.window == window || reports_a_gap();
        let is_dup = carries_nothing
            && sent.seen
            && sent.is_outstanding()
            && sent.acked == Some(position)
            && had_said == Some(segment.ack)
            && says_the_same;
        if sent.acknowledge(position) && sent.seen {
            odd.insert(Anomaly::NotCaptured);
        }
        let fast_open = peer.fast_open_data.is_some_and(|end| position > 0 && position <= end);
        let answers = segment.flags.contains(TcpFlags::SYN);
        self.observer.fast_open |= answers && fast_open;
        let own = self.sides.of_mut(from);
        if is_dup {
            odd.insert(Anomaly::DuplicateAck);
            own.dup_acks += 1;
        } else if had_said != Some(segment.ack) {
            own.dup_acks = 0;
        }
        own.last_ack = Some(segment.ack);
    }

    /// A reset in the observer's terms. It moves nobody's sequence numbers.
    fn sight_reset(&self, at: FrameAt, from: End, segment: &TcpSegment<'_>) -> Sighting {
        let ack = segment.flags.contains(TcpFlags::ACK);
        let own = &self.sides.of(from).sent;
        let peer = &self.sides.of(from.peer()).sent;
        let own_is_known = own.seen || own.acked.is_some();
        let at_own = own.position(segment.seq);
        // The receiver wants a number inside its window (RFC 9293 §3.10.7.4); one that has only called wants
        // its SYN acknowledged (§3.10.7.3).
        let called_only = peer.isn.is_some() && !own.seen;
        let rst_counts = if called_only {
            ack && (0..=peer.next).contains(&peer.position(segment.ack))
        } else {
            !own_is_known || own.is_near(at_own) && own.acked.is_none_or(|acked| at_own >= acked)
        };
        // Who has a connection gives it up with its own next number; another number answers a segment that
        // belongs to no connection (§3.5.2).
        let rst_gives_up = !own.seen || own.is_near(at_own) && at_own >= own.acked.unwrap_or(0).min(own.next);
        Sighting {
            frame: at.number,
            from,
            syn: false,
            ack,
            rst: true,
            fin: false,
            fin_was_awaited: false,
            new_data: false,
            repeats_unacked: false,
            acks_syn: false,
            acks_fin: false,
            all_up_to_fin: false,
            acks_unseen: false,
            tail_seen: false,
            rst_counts,
            rst_gives_up,
        }
    }

    fn reassemble(
        &mut self,
        from: End,
        segment: &TcpSegment<'_>,
        placed: Placed,
        odd: &mut AnomalySet,
        shared: &mut Shared<'_>,
    ) -> io::Result<()> {
        let side = self.sides.of_mut(from);
        if segment.flags.contains(TcpFlags::SYN) && placed.place != Place::Nowhere {
            side.stream.anchor(placed.data, shared)?;
        }
        // A probe's octet is not data: it may be anything (RFC 9293 §3.8.4).
        if !segment.payload.is_empty() && !matches!(placed.place, Place::Nowhere | Place::Probe) {
            let differing = side.stream.insert(placed.data, segment.payload, shared)?;
            if differing > 0 {
                odd.insert(Anomaly::Overlap);
            }
        }
        let peer = self.sides.of_mut(from.peer());
        if let Some(acked) = peer.sent.acked {
            peer.stream.acknowledged(acked, shared)?;
        }
        Ok(())
    }

    /// Tells the observer, and takes note of what that changes.
    fn look(&mut self, at: FrameAt, seen: &Sighting, shared: &mut Shared<'_>) -> io::Result<()> {
        let receiver = seen.from.peer();
        if self.observer.see(seen) {
            let story = self.observer.story();
            for end in [End::A, End::B] {
                let state = story.state(end);
                *self.states.of_mut(end) = state;
                let since = &mut self.sides.of_mut(end).time_wait_since;
                *since = if state == Some(State::TimeWait) { since.or(Some(at.now)) } else { None };
            }
            self.note_closed(at.now, shared)?;
        }
        // A repeated FIN begins TIME-WAIT again (RFC 9293 §3.10.7.4).
        if seen.fin {
            let since = &mut self.sides.of_mut(receiver).time_wait_since;
            *since = since.map(|_| at.now);
        }
        Ok(())
    }

    fn note_closed(&mut self, now: Instant, shared: &mut Shared<'_>) -> io::Result<()> {
        let over = |state| matches!(state, Some(State::Closed | State::TimeWait | State::Listen));
        let closed = over(self.states.a) && over(self.states.b);
        if !closed {
            self.closed_since = None;
        } else if self.closed_since.is_none() {
            self.closed_since = Some(now);
            for end in [End::A, End::B] {
                let side = self.sides.of_mut(end);
                side.stream.forget_history(shared);
                if !side.stream.is_waiting() {
                    side.stream.give_up_gaps(data_end(&side.sent), shared)?;
                }
            }
        }
        Ok(())
    }

    /// Another connection has its ports now: nothing will follow.
    pub(crate) fn retire(&mut self, now: Instant, shared: &mut Shared<'_>) -> io::Result<()> {
        self.closed_since.get_or_insert(now);
        self.give_up_gaps(shared)
    }

    /// When this flow next has to be looked at: for octets out of order, for TIME-WAIT, or to be let go of.
    pub(crate) fn next_deadline(&self, two_msl: Duration, forget: bool) -> Option<Instant> {
        let closed = self.closed_since?;
        let waiting = self.sides.a.stream.is_waiting() || self.sides.b.stream.is_waiting();
        let grace = waiting.then(|| closed + REORDERING_GRACE);
        let time_wait =
            [&self.sides.a, &self.sides.b].into_iter().filter_map(|side| side.time_wait_since).min();
        let end = forget.then(|| self.last_time + two_msl);
        [grace, time_wait.map(|since| since + two_msl), end].into_iter().flatten().min()
    }

    /// The deadline has come: `at` is the first frame that is not before it. Answers whether the flow is to be
    /// let go of.
    pub(crate) fn on_deadline(
        &mut self,
        at: FrameAt,
        two_msl: Duration,
        forget: bool,
        shared: &mut Shared<'_>,
    ) -> io::Result<bool> {
        if self.closed_since.is_some_and(|closed| closed + REORDERING_GRACE <= at.now) {
            self.give_up_gaps(shared)?;
        }
        for end in [End::A, End::B] {
            if self.sides.of(end).time_wait_since.is_some_and(|since| since + two_msl <= at.now) {
                self.sides.of_mut(end).time_wait_since = None;
                *self.states.of_mut(end) = Some(State::Closed);
                self.observer.time_wait_over(end, at.number);
            }
        }
        Ok(forget && self.is_closed() && self.last_time + two_msl <= at.now)
    }

    fn give_up_gaps(&mut self, shared: &mut Shared<'_>) -> io::Result<()> {
        for end in [End::A, End::B] {
            let side = self.sides.of_mut(end);
            side.stream.give_up_gaps(data_end(&side.sent), shared)?;
        }
        Ok(())
    }

    /// Everything there is to say about the flow.
    pub(crate) fn report(&mut self, shared: &mut Shared<'_>) -> io::Result<FlowReport> {
        self.give_up_gaps(shared)?;
        let story: Story = self.observer.story();
        let (a, b) = (&self.sides.a, &self.sides.b);
        Ok(FlowReport {
            flow: self.number,
            a: self.a,
            b: self.b,
            first_frame: self.first_frame,
            last_frame: self.last_frame,
            start: self.start,
            duration: self.last_time.since(self.start),
            frames: [a.counts.frames, b.counts.frames],
            payload_bytes: [a.counts.payload_bytes, b.counts.payload_bytes],
            syn: [a.counts.syn, b.counts.syn],
            fin: [a.counts.fin, b.counts.fin],
            rst: [a.counts.rst, b.counts.rst],
            isn: [a.sent.isn, b.sent.isn],
            stream: [a.stream.summary(shared)?, b.stream.summary(shared)?],
            open: self.observer.open(),
            close: self.observer.close(&story),
            state: [story.state(End::A), story.state(End::B)],
            transitions: story.transitions,
            anomalies: self.anomalies.frames(shared.spill)?,
        })
    }
}

/// Where the data of a direction ends, as far as the capture tells: before the FIN, or after what was sent or
/// acknowledged.
fn data_end(sent: &SendSide) -> Option<i64> {
    sent.seen.then(|| sent.fin.unwrap_or(sent.next.max(sent.acked.unwrap_or(0))))
}
