//! One flow: a connection between two sockets, as a capture shows it.

mod compact;
mod sight;

use super::anomaly::{Anomaly, AnomalyLog, AnomalySet};
use super::observer::{Observer, Sighting, Story};
use super::reassembly::{Shared, Stream};
use super::report::FlowReport;
use super::sequence::{Captured, PathHints, Place, Placed, SendSide, SeqSpan};
use super::table::Stranger;
use super::worlds::{Both, End};
use crate::SeqNumber;
use crate::tcp::state::State;
use crate::time::Instant;
use crate::wire::ChecksumStatus;
use crate::wire::options::TcpOption;
use crate::wire::tcp::{TcpFlags, TcpSegment};
use alloc::boxed::Box;
use compact::{Socket, Stamp};
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
    /// The block that its last SACK option reported first, condensed; 0: none beyond its acknowledgment.
    last_report: u32,
    dup_acks: u8,
    sent_syn: Stamp,
    sent_syn_ack: bool,
    /// The window scale that its SYN offered (RFC 7323 §2.2).
    window_scale: Option<u8>,
    /// A checksum of its segments was right: a wrong one is no habit of the capture then.
    checksums_good: bool,
    /// When it last sent a reset.
    reset_at: Stamp,
    /// Its SYN carried so many octets under a Fast Open option.
    fast_open_len: u16,
    /// Since when it is in TIME-WAIT.
    time_wait_since: Stamp,
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
    a: Socket,
    b: Socket,
    pub(crate) first_frame: u64,
    last_frame: u64,
    start: Instant,
    /// The latest time of its own frames.
    end: Instant,
    /// The latest time of any frame, when its last one came.
    last_time: Instant,
    sides: Both<Side>,
    observer: Observer,
    states: Both<Option<State>>,
    /// As the handshake showed it, if no segment of that was repeated (RFC 6298 §3).
    round_trip: Option<Duration>,
    anomalies: AnomalyLog,
    /// Both ends have nothing more to say.
    closed: bool,
    /// When the engine is to come back to this flow.
    deadline: Stamp,
    /// A SYN that may be another connection's.
    pub(crate) stranger: Option<Box<Stranger>>,
}

/// How long a closed flow waits for octets that the capture has out of order.
const REORDERING_GRACE: Duration = Duration::from_secs(1);
/// How long an open connection may be silent before it is let go of, where flows are let go of at all: what a
/// NAT has to grant one (RFC 5382 §5, REQ-5: 2 hours 4 minutes).
const IDLE_LIMIT: Duration = Duration::from_secs(2 * 3600 + 4 * 60);
/// How long a call is repeated at least before it is given up (RFC 9293 §3.8.3, MUST-23).
const CALL_LIMIT: Duration = Duration::from_secs(3 * 60);

impl Flow {
    /// A flow whose first frame goes from `a` to `b`.
    pub(crate) fn new(number: u64, a: SocketAddr, b: SocketAddr, at: FrameAt) -> Self {
        Self {
            number,
            a: Socket::from(a),
            b: Socket::from(b),
            first_frame: at.number,
            last_frame: at.number,
            start: at.time,
            end: at.time,
            last_time: at.now,
            sides: Both::default(),
            observer: Observer::new(at.number),
            states: Both::default(),
            round_trip: None,
            anomalies: AnomalyLog::default(),
            closed: false,
            deadline: Stamp::NONE,
            stranger: None,
        }
    }

    /// The sockets of both ends.
    pub(crate) fn sockets(&self) -> (SocketAddr, SocketAddr) {
        (self.a.into(), self.b.into())
    }

    /// Which end a socket of this flow is.
    pub(crate) fn end_of(&self, socket: SocketAddr) -> End {
        if Socket::from(socket) == self.a { End::A } else { End::B }
    }

    /// Whether the flow is between these two sockets, whichever of them sends.
    pub(crate) fn is_between(&self, from: SocketAddr, to: SocketAddr) -> bool {
        let (from, to) = (Socket::from(from), Socket::from(to));
        (self.a, self.b) == (from, to) || (self.a, self.b) == (to, from)
    }

    /// Whether the connection is over, but for TIME-WAIT.
    pub(crate) const fn is_closed(&self) -> bool {
        self.closed
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
            // A SYN that the capture has out of order stands just before what was seen first, of itself or by
            // an acknowledgment.
            None if sent.seen || sent.acked().is_some() => sent.position(seq) == -1,
            None => !self.is_closed(),
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
        self.end = self.end.max(at.time);
        self.last_time = at.now;
        self.count(from, segment);
        let mut odd = AnomalySet::default();
        let side = self.sides.of_mut(from);
        side.checksums_good |= checked.checksum == ChecksumStatus::Good;
        if !checked.ip_checksum_ok
            || matches!(checked.checksum, ChecksumStatus::Bad | ChecksumStatus::Offloaded)
        {
            odd.insert(Anomaly::BadChecksum);
        }
        // Damaged on the way: the receiver discards it (RFC 9293 §3.1). Its octets are kept all the same, for
        // what is damaged may be the checksum alone; its flags and its acknowledgment decide nothing.
        let damaged = checked.checksum == ChecksumStatus::Bad && side.checksums_good;
        if segment.flags.contains(TcpFlags::RST) {
            if !damaged {
                let seen = self.sight_reset(at, from, segment);
                self.look(at, &seen, shared)?;
                self.sides.of_mut(from).reset_at = Stamp::at(at.now);
            }
        } else {
            let placed = self.place(at, from, segment, damaged, &mut odd);
            if placed.stray_fin {
                self.observer.take_back_fin(from);
            }
            if damaged {
                self.reassemble(from, segment, placed, &mut odd, shared)?;
            } else {
                let seen = self.sight(at, from, segment, placed, &mut odd);
                self.reassemble(from, segment, placed, &mut odd, shared)?;
                if placed.place != Place::Nowhere {
                    self.look(at, &seen, shared)?;
                }
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
    fn place(
        &mut self,
        at: FrameAt,
        from: End,
        segment: &TcpSegment<'_>,
        damaged: bool,
        odd: &mut AnomalySet,
    ) -> Placed {
        let syn = segment.flags.contains(TcpFlags::SYN);
        let syn_ack = syn && segment.flags.contains(TcpFlags::ACK);
        let peer = self.sides.of(from.peer());
        let peer_window_closed = peer.last_window == 0 && peer.last_ack.is_some();
        let hints = PathHints {
            round_trip: self.round_trip.unwrap_or_default(),
            dup_acks: peer.dup_acks,
            window_closed: peer_window_closed,
        };
        let side = self.sides.of_mut(from);
        let had_acked = side.sent.acked();
        let span = SeqSpan {
            seq: segment.seq,
            syn,
            len: u32::try_from(segment.payload_len).unwrap_or(u32::MAX),
            fin: segment.flags.contains(TcpFlags::FIN) && !damaged,
        };
        let placed = side.sent.place(span, Captured { frame: at.number, now: at.now }, hints);
        let one_at_the_end = segment.payload_len == 1 && placed.end == side.sent.next;
        match placed.place {
            // Ends that call each other at once answer with the SYN that they have sent already.
            Place::Again if syn_ack && !side.sent_syn_ack => {}
            Place::Again => odd.insert(Anomaly::Retransmission),
            Place::Reordered => odd.insert(Anomaly::OutOfOrder),
            Place::Nowhere => odd.insert(Anomaly::OutOfWindow),
            Place::Probe if peer_window_closed => odd.insert(Anomaly::WindowProbe),
            Place::Probe => odd.insert(Anomaly::Keepalive),
            Place::Next if peer_window_closed && one_at_the_end => odd.insert(Anomaly::WindowProbe),
            // What the peer has acknowledged was not lost; that it was not captured is said there.
            Place::AfterGap if had_acked.is_none_or(|acked| acked < placed.data) => {
                odd.insert(Anomaly::LostSegment)
            }
            Place::AfterGap | Place::Next | Place::Nothing | Place::Aside => {}
        }
        if syn {
            side.sent_syn_ack |= syn_ack;
            side.sent_syn = Stamp::at(at.now);
            // Options that were not captured may have held any.
            let unknown = segment.options.is_cut().then_some(14);
            side.window_scale = segment.options.window_scale().or(unknown);
            let fast_open = segment.options.iter().flatten().any(|option| {
                matches!(option, TcpOption::FastOpen(_) | TcpOption::FastOpenExperimental { .. })
            });
            if fast_open && !syn_ack && segment.payload_len > 0 {
                side.fast_open_len = u16::try_from(span.len).unwrap_or(u16::MAX);
            }
        }
        placed
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
        if let Some(stray) = placed.stray_from {
            side.stream.drop_ahead(stray);
        }
        // Nothing that stands behind a FIN is data.
        let behind_fin = side.sent.fin().is_some_and(|fin| placed.data > fin);
        // A probe's octet is not data: it may be anything (RFC 9293 §3.8.4).
        if !segment.payload.is_empty()
            && !behind_fin
            && !matches!(placed.place, Place::Nowhere | Place::Probe)
        {
            let differing = side.stream.insert(placed.data, segment.payload, shared)?;
            if differing > 0 {
                odd.insert(Anomaly::Overlap);
            }
        }
        let peer = self.sides.of_mut(from.peer());
        if let Some(acked) = peer.sent.acked() {
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
                self.trace(at.number, end, state);
                *self.states.of_mut(end) = state;
                let since = &mut self.sides.of_mut(end).time_wait_since;
                *since = match (state, since.get()) {
                    (Some(State::TimeWait), None) => Stamp::at(at.now),
                    (Some(State::TimeWait), Some(_)) => *since,
                    _ => Stamp::NONE,
                };
            }
            self.note_closed(shared)?;
        }
        // A repeated FIN begins TIME-WAIT again (RFC 9293 §3.10.7.4).
        if seen.fin {
            let since = &mut self.sides.of_mut(receiver).time_wait_since;
            if since.is_some() {
                *since = Stamp::at(at.now);
            }
        }
        Ok(())
    }

    /// With the feature `tracing`: an event for a state that is another one from this frame on. Here a claim is
    /// as it stands now; a later frame may still refute it.
    #[cfg_attr(
        not(feature = "tracing"),
        allow(unused_variables, clippy::unused_self, reason = "nothing to tell")
    )]
    fn trace(&self, frame: u64, end: End, state: Option<State>) {
        #[cfg(feature = "tracing")]
        if *self.states.of(end) != state {
            let name = |state: Option<State>| state.map_or("unknown", State::name);
            tracing::debug!(
                target: "tcpstate::replay",
                flow = self.number,
                frame,
                end = end.name(),
                from = name(*self.states.of(end)),
                to = name(state),
                "state"
            );
        }
    }

    fn note_closed(&mut self, shared: &mut Shared<'_>) -> io::Result<()> {
        let over = |state| matches!(state, Some(State::Closed | State::TimeWait | State::Listen));
        let closed = over(self.states.a) && over(self.states.b);
        if !closed {
            if core::mem::take(&mut self.closed) {
                self.sides.a.stream.go_on();
                self.sides.b.stream.go_on();
            }
        } else if !self.closed {
            self.closed = true;
            self.anomalies.put_away(shared.spill)?;
            self.sides.a.sent.forget_holes();
            self.sides.b.sent.forget_holes();
            self.sides.a.stream.set_aside(shared)?;
            self.sides.b.stream.set_aside(shared)?;
        }
        Ok(())
    }

    /// Another connection has its ports now: nothing will follow.
    pub(crate) fn retire(&mut self, shared: &mut Shared<'_>) -> io::Result<()> {
        self.closed = true;
        // The other connection ended this one's TIME-WAIT (RFC 9293 §3.6.1).
        self.sides.a.time_wait_since = Stamp::NONE;
        self.sides.b.time_wait_since = Stamp::NONE;
        self.give_up_gaps(shared)
    }

    /// When the engine comes back to this flow.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.deadline.get()
    }

    /// Sets that; answers when it was before.
    pub(crate) fn set_deadline(&mut self, deadline: Option<Instant>) -> Option<Instant> {
        core::mem::replace(&mut self.deadline, deadline.map_or(Stamp::NONE, Stamp::at)).get()
    }

    /// When this flow next has to be looked at: for octets out of order, for TIME-WAIT, or to be let go of.
    pub(crate) fn next_deadline(&self, two_msl: Duration, forget: bool) -> Option<Instant> {
        let time_waits =
            [&self.sides.a, &self.sides.b].map(|side| Some(side.time_wait_since.get()? + two_msl));
        let unfinished = self.sides.a.stream.is_unfinished() || self.sides.b.stream.is_unfinished();
        let grace = (self.is_closed() && unfinished).then(|| self.last_time + REORDERING_GRACE);
        let quiet = forget.then(|| match self.deadline.get() {
            // Looked at now and then, not moved on with every frame.
            Some(deadline) if !self.is_closed() => deadline,
            _ => self.last_time + self.patience(two_msl),
        });
        time_waits.into_iter().chain([grace, quiet]).flatten().min()
    }

    /// How long a flow may be silent before it is taken to be over.
    fn patience(&self, two_msl: Duration) -> Duration {
        if self.is_closed() {
            two_msl
        } else if self.is_open() {
            IDLE_LIMIT.max(two_msl)
        } else {
            CALL_LIMIT.max(two_msl)
        }
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
        if self.is_closed() && self.last_time + REORDERING_GRACE <= at.now {
            self.give_up_gaps(shared)?;
        }
        let quiet = self.last_time + self.patience(two_msl) <= at.now;
        for end in [End::A, End::B] {
            if self.sides.of(end).time_wait_since.get().is_some_and(|since| since + two_msl <= at.now) {
                self.sides.of_mut(end).time_wait_since = Stamp::NONE;
                self.trace(at.number, end, Some(State::Closed));
                *self.states.of_mut(end) = Some(State::Closed);
                self.observer.time_wait_over(end, at.number);
            }
        }
        Ok(forget && quiet)
    }

    fn give_up_gaps(&mut self, shared: &mut Shared<'_>) -> io::Result<()> {
        for end in [End::A, End::B] {
            let side = self.sides.of_mut(end);
            side.stream.give_up_gaps(data_end(&side.sent), shared)?;
            side.stream.set_aside(shared)?;
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
            a: self.a.into(),
            b: self.b.into(),
            first_frame: self.first_frame,
            last_frame: self.last_frame,
            start: self.start,
            duration: self.end.since(self.start),
            frames: [a.counts.frames, b.counts.frames],
            payload_bytes: [a.counts.payload_bytes, b.counts.payload_bytes],
            syn: [a.counts.syn, b.counts.syn],
            fin: [a.counts.fin, b.counts.fin],
            rst: [a.counts.rst, b.counts.rst],
            isn: [a.sent.isn, b.sent.isn],
            stream: [a.stream.summary(shared)?, b.stream.summary(shared)?],
            open: self.observer.open(),
            close: self.observer.close(&story),
            reset_by: self.observer.reset_by(),
            state: [story.state(End::A), story.state(End::B)],
            transitions: story.transitions,
            anomalies: self.anomalies.frames(shared.spill)?,
        })
    }
}

/// Where the data of a direction ends, as far as the capture tells: before the FIN, or after what was sent or
/// acknowledged.
fn data_end(sent: &SendSide) -> Option<i64> {
    // Of what was acknowledged and not captured, the last octet may as well have been the FIN.
    let acked = sent.acked().map_or(0, |acked| acked - 1);
    sent.seen.then(|| sent.fin().unwrap_or(sent.captured.max(acked).max(sent.next - 1)))
}
