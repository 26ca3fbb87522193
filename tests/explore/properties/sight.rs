//! A step of the explorer as the properties see it.

use std::time::Duration;

use tcpstate::tcp::{CloseReason, Command, CommandError, SegmentMeta, Tcb, Verdict};
use tcpstate::{Event, Instant, SeqNumber, State};

/// What can be seen of one end between two steps. Places in sequence space count from the initial number of who sends there:
/// 0 is the SYN, 1 the first octet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sight {
    pub state: State,
    /// The OPEN was passive.
    pub passive: bool,
    pub iss: SeqNumber,
    /// Significant once a SYN has arrived.
    pub irs: SeqNumber,
    /// SND.UNA.
    pub una: i64,
    /// The place after everything that was ever sent.
    pub max: i64,
    /// SND.WND.
    pub snd_wnd: u32,
    /// RCV.NXT.
    pub rcv_nxt: i64,
    /// RCV.NXT + RCV.WND.
    pub rcv_edge: i64,
    /// How far our windows are shifted.
    pub scale: u8,
    /// Octets that the user has queued, ever.
    pub queued: u64,
    /// The user has no more to send.
    pub shut_down: bool,
    /// The user will not read any more either.
    pub let_go: bool,
    /// Octets of the peer's that have arrived in order, and how many of them the user has taken.
    pub readable: u64,
    pub consumed: u64,
    /// Whether anything waits behind a gap.
    pub out_of_order: bool,
    /// The peer's FIN has arrived, and everything before it.
    pub peer_closed: bool,
    pub reason: Option<CloseReason>,
    /// When the next timer is due.
    pub deadline: Option<Instant>,
    /// How long TIME-WAIT is to last: 2·MSL.
    pub two_msl: Duration,
}

impl Sight {
    /// An end that nobody has opened.
    pub fn none() -> Self {
        Self {
            state: State::Closed,
            passive: true,
            iss: SeqNumber::default(),
            irs: SeqNumber::default(),
            una: 0,
            max: 0,
            snd_wnd: 0,
            rcv_nxt: 0,
            rcv_edge: 0,
            scale: 0,
            queued: 0,
            shut_down: false,
            let_go: false,
            readable: 0,
            consumed: 0,
            out_of_order: false,
            peer_closed: false,
            reason: None,
            deadline: None,
            two_msl: Duration::ZERO,
        }
    }

    /// What can be seen of `tcb` now.
    pub fn of(tcb: &Tcb) -> Self {
        let sent = |seq: SeqNumber| i64::from(seq.distance_from(tcb.iss()));
        // No SYN has arrived: then there is nothing to count from.
        let begun = !matches!(tcb.state(), State::Listen | State::SynSent) && tcb.rcv_nxt() != tcb.irs();
        let rcv_nxt = if begun { i64::from(tcb.rcv_nxt().distance_from(tcb.irs())) } else { 0 };
        Self {
            state: tcb.state(),
            passive: tcb.is_passive(),
            iss: tcb.iss(),
            irs: tcb.irs(),
            una: sent(tcb.snd_una()),
            max: sent(tcb.snd_max()),
            snd_wnd: tcb.snd_wnd(),
            rcv_nxt,
            rcv_edge: rcv_nxt + i64::from(tcb.rcv_wnd()),
            scale: tcb.receive_scale(),
            queued: tcb.queued_to(),
            shut_down: tcb.has_shut_down(),
            let_go: tcb.has_let_go(),
            readable: tcb.readable_to(),
            consumed: tcb.consumed_to(),
            out_of_order: tcb.out_of_order().len() > 0,
            peer_closed: tcb.peer_has_closed(),
            reason: tcb.close_reason(),
            deadline: tcb.poll_timeout(),
            two_msl: tcb.config().time_wait,
        }
    }

    /// The place of the FIN, sent or not: behind the last octet.
    pub fn fin_at(&self) -> i64 {
        1 + i64::try_from(self.queued).unwrap_or(i64::MAX - 1)
    }

    /// Whether a FIN was ever sent.
    pub fn fin_sent(&self) -> bool {
        self.shut_down && self.max > self.fin_at()
    }

    /// Whether the FIN is acknowledged.
    pub fn fin_acknowledged(&self) -> bool {
        self.shut_down && self.una > self.fin_at()
    }

    /// The place of `seq` among what this end sends.
    pub fn place_sent(&self, seq: SeqNumber) -> i64 {
        i64::from(seq.distance_from(self.iss))
    }

    /// The place of `seq` among what its peer sends.
    pub fn place_received(&self, seq: SeqNumber) -> i64 {
        i64::from(seq.distance_from(self.irs))
    }

    /// Whether a SYN of the peer has arrived, so that IRS means something.
    pub fn knows_peer(&self) -> bool {
        self.rcv_nxt > 0
    }
}

/// What was done to an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Its user has opened it, actively or passively.
    Open { active: bool },
    /// Its user has called, and got this answer.
    Call(Command, Result<(), CommandError>),
    /// A segment has arrived. Its octets begin at this place in the stream of who has sent it. There is no verdict where
    /// there was no machine.
    Segment(SegmentMeta, u64, Option<Verdict>),
    /// A deadline has come.
    Timeout,
    /// Time has passed, or something has happened elsewhere.
    Nothing,
}

/// A segment that an end has sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    pub meta: SegmentMeta,
    /// The place of its octets in the stream.
    pub offset: u64,
}

/// One step: what one end did, and what came of it.
#[derive(Clone, Debug)]
pub struct Step {
    pub now: Instant,
    /// The end that it happened to: 0 is A, 1 is B.
    pub end: usize,
    pub cause: Cause,
    /// The end before and after it.
    pub before: Sight,
    pub after: Sight,
    /// The other end, which does not know of it yet.
    pub peer: Sight,
    /// The transitions of the end, with those of sending, in their order: what is said to have happened, and the state after.
    pub transitions: Vec<(Event, State)>,
    /// What the end has sent, in its order.
    pub sent: Vec<Sent>,
    /// What the end holds at each place of its peer's stream: 0 for nothing, 1 for the peer's first octet, and so on.
    pub inbox: [u8; 8],
}

impl Step {
    /// A name for the end.
    pub fn name(&self) -> &'static str {
        if self.end == 0 { "A" } else { "B" }
    }

    /// The segment that has arrived, if one has.
    pub fn arrived(&self) -> Option<&SegmentMeta> {
        match &self.cause {
            Cause::Segment(seg, ..) => Some(seg),
            _ => None,
        }
    }
}
