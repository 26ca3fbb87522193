//! The variables of one connection (RFC 9293 §3.3.1), and the calls that drive it.

use alloc::sync::Arc;

use super::arrival::Stop;
use super::command::{Command, CommandError};
use super::compact::{Noted, Seldom};
use super::config::{TcpConfig, Unpredictable};
use super::congestion::{Congestion, CongestionControl as _};
use super::ecn::EcnVars;
use super::mtu::PathMtuState;
use super::notices::{CloseReason, Notices};
use super::rare::Rare;
use super::rate::{Delivered, LimitedBy, Limits};
use super::receive::ReceiveVars;
use super::recovery::{Recovery, Scoreboard};
use super::rtt::RttEstimator;
use super::rules::WindowRules;
use super::segment::{DropReason, SegmentMeta, SegmentPlan, Verdict};
use super::send::{ORIGIN, SendVars};
use super::state::{Event, State};
use super::timers::{Timer, Timers};
use super::timestamps::TimestampVars;
use crate::{Instant, TcpFlags};

/// One connection in sequence space: a transmission control block, and everything that changes it.
///
/// It never sees an octet of payload, an address or a clock. Segments without their octets, the user's calls
/// and the passing of time go in; answers, [`Notices`] and segments to send come out. A clone is a snapshot.
///
/// Calls may come in any order; this is the canonical one, after anything has happened:
/// [`poll_segment`](Self::poll_segment) until it answers `None`, then wait until
/// [`poll_timeout`](Self::poll_timeout) and call [`on_timeout`](Self::on_timeout). Not polling is
/// backpressure: segments are formed when they are asked for, and none waits in a queue. Hand in everything that
/// has arrived before polling, and one acknowledgment answers it all (RFC 9293 MUST-58, MUST-59).
///
/// ```
/// use tcpstate::tcp::{Command, Queue, Tcb, TcpConfig, Unpredictable};
/// use tcpstate::{Instant, SeqNumber, State};
///
/// let now = Instant::ZERO;
/// let config = TcpConfig::default();
/// let secrets = |iss| Unpredictable { iss: SeqNumber::new(iss), timestamp_offset: 0 };
/// let mut caller = Tcb::connect(&config, secrets(1_000), now);
/// let mut called = Tcb::listen(&config);
/// called.prepare(secrets(2_000));
/// let (sent, mut received) = (b"hello", [0; 5]);
/// caller.on_command(now, Command::Queue(Queue { len: 5, ..Queue::default() }))?;
///
/// // A perfect network: what one sends, the other gets at once.
/// loop {
///     let mut quiet = true;
///     while let Some(plan) = caller.poll_segment(now) {
///         // The plan says which octets go behind the header; the verdict, which of them to keep, and where.
///         let payload = &sent[plan.offset as usize..][..plan.meta.len as usize];
///         if let Some(placed) = called.on_segment(now, &plan.meta).store {
///             let (skip, len) = (placed.skip as usize, placed.len as usize);
///             received[placed.offset as usize..][..len].copy_from_slice(&payload[skip..][..len]);
///         }
///         quiet = false;
///     }
///     while let Some(plan) = called.poll_segment(now) {
///         caller.on_segment(now, &plan.meta);
///         quiet = false;
///     }
///     if quiet {
///         break;
///     }
/// }
/// assert_eq!((caller.state(), called.state()), (State::Established, State::Established));
/// assert_eq!(&received, sent);
/// called.on_command(now, Command::Consumed(5))?; // the user has read them: the window may open again
/// # Ok::<(), tcpstate::tcp::CommandError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Tcb {
    /// Shared with other connections of the same choices, and never changed while it is: a call that changes
    /// something takes a copy first. So it is a value like the others, in comparisons, hashes and clones.
    pub(super) config: Arc<TcpConfig>,
    pub(super) state: State,
    /// The OPEN was passive: RFC 9293 MUST-11 wants that remembered in SYN-RECEIVED.
    pub(super) passive: bool,
    /// Why the connection is over.
    pub(super) reason: Option<CloseReason>,
    pub(super) snd: SendVars,
    pub(super) path: PathMtuState,
    pub(super) rcv: ReceiveVars,
    pub(super) ts: TimestampVars,
    pub(super) ecn: EcnVars,
    /// Both SYNs permitted SACK.
    pub(super) sack_on: bool,
    /// Both SYNs offered window scaling.
    pub(super) scaling_on: bool,
    /// The user reads no more.
    pub(super) let_go: bool,
    pub(super) rtt: RttEstimator,
    pub(super) records: Scoreboard,
    pub(super) recovery: Recovery,
    pub(super) delivered: Delivered,
    /// The least round trip since SND.UNA last moved, in microseconds: what fills a gap has taken longer than what has
    /// overtaken it. [`u32::MAX`] if there is none.
    pub(super) least_rtt: u32,
    pub(super) limits: Limits,
    pub(super) congestion: Congestion,
    pub(super) timers: Timers,
    pub(super) rare: Seldom<Rare>,
    /// Octets of memory that are held beside the machine itself and the scoreboard, when it was counted last: this is asked for far more often than it changes.
    pub(super) odd_memory: Noted,
    /// An acknowledgment is owed at once.
    pub(super) ack_now: bool,
    /// A closed window is to be probed.
    pub(super) probe_due: bool,
    /// A silent peer is to be asked.
    pub(super) keepalive_due: bool,
    /// What was held back has waited long enough.
    pub(super) hold_is_over: bool,
    /// What came with the SYN was taken, and octets may be sent, before the handshake is done (RFC 7413 §4.2).
    pub(super) early: bool,
    /// Something was sent since the timers were looked after.
    pub(super) unsettled: bool,
    /// A segment was asked for since the retransmission timer expired.
    pub(super) polled: bool,
    /// The user was told of R1 for what is outstanding.
    pub(super) r1_told: bool,
    /// Our SYN or SYN,ACK had to be repeated.
    pub(super) syn_repeated: bool,
    /// Probes of the closed window since it closed.
    pub(super) probes: u8,
    pub(super) keepalive_probes: u8,
    /// When something with sequence space was last sent.
    pub(super) last_sent: Instant,
    /// Where sending is paced, or ECN asks for less than a segment in a round trip: when the next one may go out.
    pub(super) pace_at: Instant,
    /// That it has to wait was all that held us back when we were last asked.
    pub(super) pace_waits: bool,
}

impl Tcb {
    /// An active OPEN: in SYN-SENT at once; the SYN comes from the next [`poll_segment`](Self::poll_segment)
    /// (RFC 9293 §3.10.1).
    #[must_use]
    pub fn connect(config: impl Into<Arc<TcpConfig>>, secrets: Unpredictable, now: Instant) -> Self {
        let mut tcb = Self::new(config.into(), secrets);
        tcb.passive = false;
        tcb.change(Event::ActiveOpen, &mut Notices::default());
        tcb.arm(now);
        tcb
    }

    /// A passive OPEN: waits in LISTEN for a SYN. [`prepare`](Self::prepare) has to give it the secrets of
    /// whoever calls before the SYN is handed to it.
    #[must_use]
    pub fn listen(config: impl Into<Arc<TcpConfig>>) -> Self {
        let mut tcb = Self::new(config.into(), Unpredictable::default());
        tcb.change(Event::PassiveOpen, &mut Notices::default());
        tcb
    }

    fn new(config: Arc<TcpConfig>, secrets: Unpredictable) -> Self {
        Self {
            state: State::Closed,
            passive: true,
            reason: None,
            snd: SendVars::new(secrets.iss),
            path: PathMtuState::new(&config),
            rcv: ReceiveVars::new(&config),
            ts: TimestampVars::new(secrets.timestamp_offset),
            ecn: EcnVars::new(),
            sack_on: false,
            scaling_on: false,
            let_go: false,
            rtt: RttEstimator::new(),
            records: Scoreboard::new(),
            recovery: Recovery::new(ORIGIN),
            delivered: Delivered::new(),
            least_rtt: u32::MAX,
            limits: Limits::default(),
            congestion: Congestion::new(config.congestion, u32::from(config.mss)),
            config,
            timers: Timers::new(),
            rare: Seldom::new(),
            odd_memory: Noted(0),
            ack_now: false,
            probe_due: false,
            keepalive_due: false,
            hold_is_over: false,
            early: false,
            unsettled: false,
            polled: true,
            r1_told: false,
            syn_repeated: false,
            probes: 0,
            keepalive_probes: 0,
            last_sent: Instant::ZERO,
            pace_at: Instant::ZERO,
            pace_waits: false,
        }
    }

    /// Gives a listener the secrets for the peer whose SYN comes next. Elsewhere than in LISTEN it does
    /// nothing: the numbers are in use.
    pub fn prepare(&mut self, secrets: Unpredictable) {
        if self.state == State::Listen {
            self.snd.iss = secrets.iss;
            self.ts = TimestampVars::new(secrets.timestamp_offset);
        }
    }

    /// A segment has arrived (§3.10.7). Its octets stay with the caller: the answer says which to keep.
    pub fn on_segment(&mut self, now: Instant, seg: &SegmentMeta) -> Verdict {
        let mut verdict = Verdict::default();
        self.on_segment_into(now, seg, &mut verdict);
        verdict
    }

    /// [`on_segment`](Self::on_segment), with the answer written where it is wanted, which is empty as yet.
    pub(crate) fn on_segment_into(&mut self, now: Instant, seg: &SegmentMeta, verdict: &mut Verdict) {
        if !self.is_predicted(seg) {
            return self.on_any_segment(now, seg, verdict);
        }
        #[cfg(test)]
        let by_the_checks = {
            let (mut other, mut verdict) = (self.clone(), *verdict);
            other.on_any_segment(now, seg, &mut verdict);
            (verdict, other)
        };
        self.arrives_as_predicted(now, seg, verdict);
        #[cfg(test)]
        assert!(by_the_checks == (*verdict, self.clone()), "{self:?} and not {by_the_checks:?}");
        self.check_invariants();
    }

    /// [`on_segment`](Self::on_segment) for a segment of which nothing is known.
    fn on_any_segment(&mut self, now: Instant, seg: &SegmentMeta, verdict: &mut Verdict) {
        let ended = match self.state {
            State::Closed => Err(Stop::Refused(DropReason::Closed)),
            State::Listen => self.arrives_in_listen(now, seg, verdict),
            State::SynSent => self.arrives_in_syn_sent(now, seg, verdict),
            _ => self.arrives(now, seg, verdict),
        };
        if let Err(Stop::Refused(reason)) = ended {
            verdict.refused = Some(reason);
        }
        verdict.readable_to = self.readable_to();
        verdict.acked_to = self.acked_to();
        self.arm(now);
        self.count_memory();
        self.check_invariants();
    }

    /// Serves the deadlines that are not after `now` (§3.10.8). Harmless when there is none.
    pub fn on_timeout(&mut self, now: Instant) -> Notices {
        let mut notices = Notices::default();
        self.expire(now, &mut notices);
        self.check_invariants();
        notices
    }

    /// A call of the user (§3.10.1 to §3.10.7).
    ///
    /// # Errors
    ///
    /// [`CommandError`] says why the call is not possible in this state; then nothing has changed.
    pub fn on_command(&mut self, now: Instant, command: Command) -> Result<Notices, CommandError> {
        let mut notices = Notices::default();
        self.call(now, command, &mut notices)?;
        self.check_invariants();
        Ok(notices)
    }

    /// The next segment to send now; `None` when there is nothing (more) to send before something happens.
    #[inline]
    pub fn poll_segment(&mut self, now: Instant) -> Option<SegmentPlan> {
        let mut plan = SegmentPlan::default();
        self.poll_segment_into(now, &mut plan).then_some(plan)
    }

    /// [`poll_segment`](Self::poll_segment), written where it is wanted, which is empty as yet: says whether there is
    /// one.
    // RFC 7323-15
    #[inline]
    pub(crate) fn poll_segment_into(&mut self, now: Instant, plan: &mut SegmentPlan) -> bool {
        if self.snd.nxt < self.snd.queued && self.form_predicted_segment(now, plan) {
            return true;
        }
        !self.has_nothing_to_send() && self.form_segment(now, plan)
    }

    /// Forms the next segment if it is a predicted one, and says whether it was.
    fn form_predicted_segment(&mut self, now: Instant, plan: &mut SegmentPlan) -> bool {
        let Some(len) = self.predicts_full_segment(now) else {
            return false;
        };
        debug_assert!(*plan == SegmentPlan::default(), "{plan:?}");
        #[cfg(test)]
        let by_the_rules = {
            let (mut other, mut plan) = (self.clone(), *plan);
            let formed = other.form_segment(now, &mut plan);
            (formed, plan, other)
        };
        self.form_predicted(now, len, plan);
        #[cfg(test)]
        assert!(by_the_rules == (true, *plan, self.clone()), "{plan:?} {self:?} and not {by_the_rules:?}");
        self.check_invariants();
        true
    }

    /// Whether [`poll_segment`](Self::poll_segment) would find nothing, and nothing has changed for the timers.
    #[inline]
    pub(crate) fn has_nothing_to_send(&self) -> bool {
        let due = self.ack_now | self.probe_due | self.keepalive_due | self.unsettled;
        let lost = self.records.lost() > 0 || self.recovery.probe.is_due();
        !due && !lost && self.snd.nxt == self.snd.end() && !self.owes_reset()
    }

    /// Whether a reset waits to be sent: all that a connection that is over may still have to say.
    #[inline]
    pub(crate) fn owes_reset(&self) -> bool {
        self.rare.get().is_some_and(|rare| rare.reply.is_some())
    }

    fn form_segment(&mut self, now: Instant, plan: &mut SegmentPlan) -> bool {
        self.polled = true;
        let formed = self.next_segment(now, plan);
        if formed {
            let bare = !plan.meta.flags.contains(TcpFlags::ACK) || plan.meta.flags.contains(TcpFlags::RST);
            debug_assert!(bare || plan.meta.ack == self.rcv.seq(self.rcv.last_ack_sent), "{plan:?}");
            let reset = plan.meta.flags.contains(TcpFlags::RST | TcpFlags::ACK);
            if reset && self.ts.on() {
                plan.meta.options.timestamps = Some(self.ts.option(now));
            }
        } else {
            self.note_limit(now);
            if self.unsettled {
                self.arm(now);
                self.count_memory();
            }
        }
        self.check_invariants();
        formed
    }

    /// Nothing more can be sent now: what holds it back?
    pub(super) fn note_limit(&mut self, now: Instant) {
        if self.config.window_rules == WindowRules::Linux {
            self.note_usage();
        }
        let waits = self.snd.nxt < self.snd.end() || self.records.lost() > 0;
        self.pace_waits = waits && self.is_paced_at(now);
        let by = if self.snd.nxt == self.snd.end() && self.records.lost() == 0 {
            let in_flight = self.records.in_flight();
            if in_flight < u64::from(self.congestion.cwnd()) {
                self.delivered.on_app_limited(in_flight);
            }
            if self.snd.outstanding() == 0 { LimitedBy::Idle } else { LimitedBy::User }
        } else if self.snd.syn_unacknowledged() {
            LimitedBy::Idle
        } else if self.snd.edge().saturating_sub(self.snd.nxt) < u64::from(self.effective_send_mss()) {
            LimitedBy::Peer
        } else if self.records.in_flight() + u64::from(self.effective_send_mss())
            > u64::from(self.congestion.cwnd())
            || self.is_paced_at(now)
        {
            LimitedBy::Network
        } else {
            LimitedBy::User
        };
        self.limits.set(now, by);
    }

    /// When [`on_timeout`](Self::on_timeout) is due; `None` if only a segment or the user can change
    /// anything.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// Which timers run, and when each is due; the earliest is [`poll_timeout`](Self::poll_timeout).
    pub fn deadlines(&self) -> impl Iterator<Item = (Timer, Instant)> + '_ {
        let all = Timer::ALL.into_iter().map(|timer| (timer, self.timers.at(timer)));
        all.filter(|&(_, at)| at != Instant::MAX)
    }

    /// Gives back memory that is held for what is to come, where nothing is outstanding. Whoever drives the machine
    /// calls this when the connection has been quiet for a while; nothing else changes.
    pub fn rest(&mut self) {
        if self.snd.outstanding() == 0 || self.state == State::Closed {
            self.records.rest();
            self.recovery.rest(self.snd.una);
            self.path.rest();
        }
        self.timers.rest();
        self.rare.rest();
        self.count_memory();
    }

    /// Forgets what has arrived out of order, and says how many octets of memory that took. The window stays as it is,
    /// and so does what is known of the FIN (RFC 2018 §8: a receiver may forget, for the sender does not). Nothing is
    /// forgotten before the handshake is done: what came with a SYN is in order.
    // RFC 2018-15
    pub(crate) fn forget_out_of_order(&mut self) -> usize {
        if self.state == State::SynReceived || self.snd.syn_unacknowledged() {
            return 0;
        }
        let memory = self.rcv.ranges.memory();
        self.rcv.ranges.clear();
        self.count_memory();
        self.check_invariants();
        memory
    }

    /// Octets of memory that are held beside the machine itself: the scoreboard, what is out of order, and what only
    /// some connections have.
    #[inline]
    pub(crate) fn memory(&self) -> usize {
        self.records.memory() + self.odd_memory.0 as usize
    }

    /// Looks what there is beside the scoreboard.
    pub(super) fn count_memory(&mut self) {
        let own = self.recovery.memory() + self.rcv.ranges.memory();
        let all = own
            + self.congestion.memory()
            + self.path.memory()
            + self.timers.memory()
            + self.rare.memory()
            + self.ecn.memory();
        self.odd_memory = Noted(u32::try_from(all).unwrap_or(u32::MAX));
    }

    /// The machine as a function: the same as the method that `input` names, on a machine that is given and
    /// returned.
    #[must_use]
    pub fn step(mut self, now: Instant, input: Input) -> (Self, Output) {
        let output = match input {
            Input::Segment(seg) => Output::Segment(self.on_segment(now, &seg)),
            Input::Timeout => Output::Timeout(self.on_timeout(now)),
            Input::Command(command) => Output::Command(self.on_command(now, command)),
            Input::Poll => Output::Poll(self.poll_segment(now)),
        };
        (self, output)
    }

    /// Raises `event` and notes the transition. Nothing else changes the state.
    pub(super) fn change(&mut self, event: Event, notices: &mut Notices) {
        let next = self.state.on(event);
        debug_assert!(next.is_some(), "{event} is not legal in {}", self.state);
        if let Some(next) = next {
            self.state = next;
            notices.transitions.push(event, next);
        }
    }

    /// The connection is over; what was read into the buffer in order may still be taken.
    pub(super) fn end(&mut self, event: Event, reason: CloseReason, notices: &mut Notices) {
        self.change(event, notices);
        self.reason = Some(reason);
        notices.closed = Some(reason);
        self.timers.stop_all();
        self.records.clear();
        self.rcv.ranges.clear();
        self.ack_now = false;
    }

    /// What has to hold between any two calls.
    pub(super) fn check_invariants(&self) {
        let (snd, rcv) = (&self.snd, &self.rcv);
        debug_assert!(ORIGIN <= snd.una && snd.una <= snd.nxt && snd.nxt <= snd.max, "{snd:?}");
        debug_assert!(snd.max <= snd.end(), "sent more than was queued: {snd:?}");
        debug_assert!(!snd.fin_sent() || snd.fin_queued, "a FIN only after all data: {snd:?}");
        debug_assert!(rcv.nxt <= rcv.edge || self.state == State::Closed, "beyond the window: {rcv:?}");
        debug_assert!(rcv.last_ack_sent <= rcv.nxt, "acknowledged what has not arrived: {rcv:?}");
        debug_assert!(
            rcv.ranges.iter().next().is_none_or(|first| first.start > rcv.nxt || snd.syn_unacknowledged())
        );
        debug_assert!(self.timers.are_exclusive(), "{:?}", self.timers);
        debug_assert!(self.path.holds(), "{:?}", self.path);
        debug_assert!(self.state != State::Closed || self.timers.next().is_none());
        debug_assert!(
            self.state.has_sent_fin() == (snd.fin_sent() && self.state != State::Closed),
            "{}",
            self.state
        );
        debug_assert!(
            !self.state.is_synchronized() || self.state.has_received_fin() == rcv.fin_received(),
            "{} and {rcv:?}",
            self.state
        );
    }

    /// Whether a SYN in TIME-WAIT may begin a new connection between the same sockets (RFC 9293 §3.6.1, MAY-2;
    /// RFC 6191, SHLD-4): it is newer than anything of the old one. Its owner then makes a new machine, with an ISS
    /// beyond [`snd_max`](Self::snd_max).
    #[must_use]
    pub fn may_reopen(&self, seg: &SegmentMeta) -> bool {
        let opens = seg.flags.contains(TcpFlags::SYN) && !seg.flags.intersects(TcpFlags::ACK | TcpFlags::RST);
        let newer = match seg.options.timestamps {
            Some(timestamps)
                if self.ts.on() && !self.ts.is_equal(timestamps.val) && !self.config.is_freebsd() =>
            {
                self.ts.is_newer(timestamps.val)
            }
            _ => self.rcv.position(seg.seq) > self.rcv.nxt,
        };
        self.state == State::TimeWait && opens && newer
    }
}

/// One of the four things that can happen to a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Input {
    /// A segment arrives.
    Segment(SegmentMeta),
    /// Time has come to a deadline.
    Timeout,
    /// The user calls.
    Command(Command),
    /// The network can take a segment.
    Poll,
}

/// The answer to an [`Input`] of the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Output {
    /// What became of the segment.
    Segment(Verdict),
    /// What the passing of time changed.
    Timeout(Notices),
    /// What the call changed, or why it was not carried out.
    Command(Result<Notices, CommandError>),
    /// What to send, if anything.
    Poll(Option<SegmentPlan>),
}
