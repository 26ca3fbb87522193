//! What RFC 9293 §3.10.7 asks of a machine for one segment, with RFC 5961 and RFC 7323 and the choices that
//! this crate made where they leave one.
//!
//! A state has a list of rules, in the order in which the RFC checks; the first that fits answers. What the
//! last rule takes in is worked out in one go from where the segment lies, counted from the left edges
//! ([`crate::cell`]): no number wraps here, and nothing is shared with the machine.

use tcpstate::tcp::{CloseReason, DropReason};
use tcpstate::{Event, State, TcpFlags};

use crate::answer::{Answer, Sent, Told, Variables};
use crate::cell::{Segment, Stamp};
use crate::rig::TEST_WINDOW;

/// What is known of a connection before the segment arrives. Distances, never numbers of the circle.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ground {
    pub(crate) state: State,
    /// In SYN-RECEIVED: whether it came from LISTEN.
    pub(crate) passive: bool,
    /// SND.MAX − SND.UNA, SYN and FIN included.
    pub(crate) outstanding: i64,
    /// Whether the first of what is outstanding is our SYN, and the last our FIN.
    pub(crate) our_syn: bool,
    pub(crate) our_fin: bool,
    /// MAX.SND.WND: how far below SND.UNA an acknowledgment is believed (RFC 5961 §5.2).
    pub(crate) stale: i64,
    /// RCV.WND.
    pub(crate) window: i64,
    /// Octets of the peer's stream that are in order, and of ours that are acknowledged.
    pub(crate) heard: u64,
    pub(crate) acked: u64,
    /// Whether the user has said that nothing will be read any more.
    pub(crate) let_go: bool,
    pub(crate) timestamps: bool,
    pub(crate) sack: bool,
    /// Whether resets are ignored in TIME-WAIT.
    pub(crate) rfc1337: bool,
    /// SND.WL1 − RCV.NXT, SND.WL2 − SND.UNA, SND.WND.
    pub(crate) wl1: i64,
    pub(crate) wl2: i64,
    pub(crate) snd_wnd: i64,
    /// What the window field of the segment means if it carries no SYN.
    pub(crate) offered: i64,
}

/// A rule: to which segments it applies, and what then happens.
pub(crate) struct Rule {
    /// Where it stands, for a person who looks for it.
    pub(crate) from: &'static str,
    when: fn(&Ground, &Segment) -> bool,
    then: fn(&Ground, &Segment) -> Answer,
}

/// What a machine on this ground has to do with the segment, and the rule that says so.
pub(crate) fn answer(g: &Ground, s: &Segment) -> (Answer, &'static str) {
    let rules = match g.state {
        State::Closed => CLOSED,
        State::Listen => LISTEN,
        State::SynSent => SYN_SENT,
        _ => OTHERS,
    };
    let rule = rules.iter().find(|rule| (rule.when)(g, s)).expect("the last rule fits every segment");
    ((rule.then)(g, s), rule.from)
}

/// Whether the answer to a refused segment counts among the challenge ACKs, of which there are only so many in a
/// second (RFC 5961 §7): what an outsider could draw without end, and what two confused ends could answer to
/// each other. Octets and a FIN are always answered, since a peer that repeats them waits to hear something.
/// So are the repeated SYN of a handshake and the repeated FIN of TIME-WAIT.
pub(crate) fn is_limited(s: &Segment, answer: &Answer) -> bool {
    use DropReason as D;
    match answer.refused {
        Some(D::BelowWindow | D::AboveWindow | D::OldTimestamp) => {
            let handshake = answer.replies.iter().any(|sent| sent.control.contains(TcpFlags::SYN));
            s.len() == 0 || s.syn && !handshake && !answer.time_wait_from_now
        }
        Some(D::ResetNotExact | D::SynOnOpenConnection | D::AckOfUnsent | D::AckTooOld) => true,
        _ => false,
    }
}

const ALWAYS: fn(&Ground, &Segment) -> bool = |_, _| true;

const CLOSED: &[Rule] = &[Rule {
    // The owner answers in the place of a connection that does not exist (`reset_in_answer`).
    from: "RFC 9293 §3.10.7.1",
    when: ALWAYS,
    then: |g, _| refuse(g, DropReason::Closed),
}];

const LISTEN: &[Rule] = &[
    Rule {
        from: "RFC 9293 §3.10.7.2, first: a reset cannot mean a listener",
        when: |_, s| s.rst,
        then: |g, _| refuse(g, DropReason::ResetInListen),
    },
    Rule {
        from: "RFC 9293 §3.10.7.2, second: nothing was sent, so nothing can be acknowledged",
        when: |_, s| s.ack.is_some(),
        then: |g, s| refuse(g, DropReason::AckInListen).and(reset(s)),
    },
    Rule {
        from: "RFC 9293 §3.10.7.2, third: a SYN; text and FIN wait for ESTABLISHED",
        when: |_, s| s.syn,
        then: |g, s| syn_received(g, s),
    },
    Rule {
        from: "RFC 9293 §3.10.7.2, fourth",
        when: ALWAYS,
        then: |g, _| refuse(g, DropReason::NothingForListen),
    },
];

const SYN_SENT: &[Rule] = &[
    Rule {
        from: "RFC 9293 §3.10.7.3, first: only our SYN can be acknowledged; a reset is not answered",
        when: |g, s| s.ack.is_some_and(|ack| !acknowledges_new(g, ack)) && s.rst,
        then: |g, _| refuse(g, DropReason::AckNotOfOurSyn),
    },
    Rule {
        from: "RFC 9293 §3.10.7.3, first: only our SYN can be acknowledged",
        when: |g, s| s.ack.is_some_and(|ack| !acknowledges_new(g, ack)),
        then: |g, s| refuse(g, DropReason::AckNotOfOurSyn).and(reset(s)),
    },
    Rule {
        from: "RFC 9293 §3.10.7.3, second: the acknowledgment proves that the reset answers our SYN",
        when: |_, s| s.rst && s.ack.is_some(),
        then: |g, _| closed(g, Event::Rst, CloseReason::Refused),
    },
    Rule {
        from: "RFC 9293 §3.10.7.3, second: without an acknowledgment anybody may have sent it",
        when: |_, s| s.rst,
        then: |g, _| refuse(g, DropReason::ResetWithoutAckOfSyn),
    },
    Rule {
        from: "RFC 9293 §3.10.7.3, fourth: SYN,ACK",
        when: |_, s| s.syn && s.ack.is_some(),
        then: |g, s| {
            let open = Ground { state: State::Established, snd_wnd: i64::from(TEST_WINDOW), ..*g };
            // RCV.NXT is set to SEG.SEQ+1: from there the text is counted.
            let rest = Segment { at: -1, ..*s };
            let mut all = take(&open, &rest);
            all.transitions.insert(0, (Event::SynAck, State::Established));
            all.told.connected = true;
            all.later.clear();
            all.shift_receive(s.at + 1);
            all.replies = vec![all.acknowledgment(g, s.stamp.ticks())];
            all
        },
    },
    Rule {
        from: "RFC 9293 §3.10.7.3, fourth: a SYN alone crossed ours",
        when: |_, s| s.syn,
        then: |g, s| syn_received(g, s),
    },
    Rule {
        from: "RFC 9293 §3.10.7.3, fifth",
        when: ALWAYS,
        then: |g, _| refuse(g, DropReason::NoSynInSynSent),
    },
];

const OTHERS: &[Rule] = &[
    Rule {
        from: "RFC 7323 §3.2: no timestamp where every segment but a reset has one, and but a SYN of who has restarted",
        when: |g, s| {
            let begins = s.syn && s.ack.is_none();
            g.timestamps && !s.rst && !begins && s.stamp == Stamp::Missing
        },
        then: |g, _| refuse(g, DropReason::TimestampMissing),
    },
    Rule {
        from: "RFC 7323 §5.3 R1: PAWS, from which resets are exempt",
        when: |g, s| g.timestamps && !s.rst && s.stamp == Stamp::Older,
        then: |g, _| refuse(g, DropReason::OldTimestamp).and(ack(g)),
    },
    Rule {
        from: "RFC 9293 §3.10.7.4, second, 1): a reset outside the window",
        when: |g, s| s.rst && !in_window(g, s.at),
        then: |g, _| refuse(g, DropReason::ResetOutsideWindow),
    },
    Rule {
        from: "RFC 1337 §3: a reset must not cut TIME-WAIT short",
        when: |g, s| s.rst && g.state == State::TimeWait && g.rfc1337,
        then: |g, _| refuse(g, DropReason::ResetInTimeWait),
    },
    Rule {
        from: "RFC 9293 §3.10.7.4, second, 2): a reset at RCV.NXT",
        when: |_, s| s.rst && s.at == 0,
        then: |g, _| reset_arrived(g),
    },
    Rule {
        from: "RFC 9293 §3.10.7.4, second, 3): a reset elsewhere in the window",
        when: |_, s| s.rst,
        then: |g, _| refuse(g, DropReason::ResetNotExact).and(ack(g)),
    },
    Rule {
        from: "RFC 9293 §3.10.7.4, first: a closed window still lets ACK and URG through",
        when: |g, s| g.window == 0 && s.at == 0 && s.len() > 0 && !s.syn,
        then: closed_window,
    },
    Rule {
        from: "RFC 9293 §3.8.1: the peer has not got our SYN,ACK: it is sent again",
        when: |g, s| g.state == State::SynReceived && s.syn && s.at == -1 && s.ack.is_none(),
        then: |g, s| {
            // Without timestamps now: the last SYN says what is agreed on.
            let echo = echo(g, 0).filter(|_| s.stamp != Stamp::Missing);
            refuse(g, DropReason::BelowWindow).and(syn_ack(g, 0, echo))
        },
    },
    Rule {
        from: "RFC 9293 §3.8.6.1: one before RCV.NXT stands a peer whose probe was taken: its ACK counts",
        when: |g, s| {
            let open = g.state.is_synchronized() && g.state != State::TimeWait;
            open && !s.syn && s.ack.is_some() && s.at == -1 && s.len() <= 1 && !acceptable(g, s)
        },
        then: probe_taken,
    },
    Rule {
        from: "RFC 9293 §3.5, Figure 7: the SYN,ACK of a simultaneous open",
        when: |g, s| {
            let crossed = g.state == State::SynReceived && s.syn && s.at == -1;
            crossed && s.ack.is_some_and(|ack| acknowledges_new(g, ack))
        },
        then: take,
    },
    Rule {
        from: "RFC 9293 §3.10.7.4, first, Table 6: it begins before the window",
        when: |g, s| !acceptable(g, s) && s.at < 0,
        then: |g, s| Answer {
            // The fifth check of TIME-WAIT: the FIN that is repeated starts the 2MSL again.
            time_wait_from_now: g.state == State::TimeWait && s.fin && s.at + s.len() == 0,
            ..refuse(g, DropReason::BelowWindow).and(ack(g))
        },
    },
    Rule {
        from: "RFC 9293 §3.10.7.4, first, Table 6: it begins behind the window",
        when: |g, s| !acceptable(g, s),
        then: |g, _| refuse(g, DropReason::AboveWindow).and(ack(g)),
    },
    Rule {
        from: "RFC 9293 §3.10.7.4, fourth: a SYN ends a passive attempt",
        when: |g, s| s.syn && g.state == State::SynReceived && g.passive,
        then: |g, _| back_to_listen(g),
    },
    Rule {
        from: "RFC 9293 §3.10.7.4, fourth; RFC 5961 §4.2: a SYN is challenged",
        when: |_, s| s.syn,
        then: |g, _| refuse(g, DropReason::SynOnOpenConnection).and(ack(g)),
    },
    Rule {
        from: "RFC 9293 §3.10.7.4, fifth: no ACK bit",
        when: |_, s| s.ack.is_none(),
        then: |g, _| refuse(g, DropReason::NoAck),
    },
    Rule {
        from: "RFC 9293 §3.10.7.4, fifth: in SYN-RECEIVED only our SYN can be acknowledged",
        when: |g, s| g.state == State::SynReceived && s.ack.is_some_and(|ack| !acknowledges_new(g, ack)),
        then: |g, s| refuse(g, DropReason::AckNotOfSynAck).and(reset(s)),
    },
    Rule {
        from: "RFC 9293 §3.10.7.4, fifth: SEG.ACK > SND.NXT",
        when: |g, s| s.ack.is_some_and(|ack| ack > g.outstanding),
        then: |g, _| refuse(g, DropReason::AckOfUnsent).and(ack(g)),
    },
    Rule {
        from: "RFC 5961 §5.2: SEG.ACK < SND.UNA - MAX.SND.WND",
        when: |g, s| s.ack.is_some_and(|ack| ack < -g.stale),
        then: |g, _| refuse(g, DropReason::AckTooOld).and(ack(g)),
    },
    Rule { from: "RFC 9293 §3.10.7.4, fifth to eighth: accepted", when: ALWAYS, then: take },
];

/// RCV.NXT =< SEG.SEQ < RCV.NXT+RCV.WND; a closed window has room for RCV.NXT alone.
fn in_window(g: &Ground, at: i64) -> bool {
    (0..g.window.max(1)).contains(&at)
}

/// Table 6, but for one number. It has SEG.SEQ < RCV.NXT+RCV.WND also for a segment without length. A peer that
/// has filled the window stands exactly at its right edge, and what it acknowledges has to count even if its
/// octets were lost: one of the traps of Appendix A.2. So an empty segment may stand there.
fn acceptable(g: &Ground, s: &Segment) -> bool {
    match (s.len(), g.window) {
        (0, window) => (0..=window).contains(&s.at),
        (_, 0) => false,
        (len, _) => in_window(g, s.at) || in_window(g, s.at + len - 1),
    }
}

/// SND.UNA < SEG.ACK =< SND.NXT.
fn acknowledges_new(g: &Ground, ack: i64) -> bool {
    0 < ack && ack <= g.outstanding
}

/// TSecr of what is sent, counted from TS.Recent.
fn echo(g: &Ground, ticks: i64) -> Option<i64> {
    g.timestamps.then_some(ticks)
}

/// TSecr once the segment has passed the fifth check. RFC 7323 §4.3 takes the timestamp of a segment that
/// begins at the last acknowledgment or before it. R3 of its §5.3 would take it before the reset, the SYN and
/// the ACK are looked at; waiting for those checks keeps TS.Recent from who cannot pass them.
fn accepted_echo(g: &Ground, s: &Segment) -> Option<i64> {
    let newer = s.stamp.ticks().filter(|ticks| *ticks > 0 && s.at <= 0);
    echo(g, newer.unwrap_or(0))
}

/// <SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>
fn ack(g: &Ground) -> Sent {
    let (control, seq) = (TcpFlags::ACK, g.outstanding);
    Sent { control, seq, ack: Some(0), text: 0, echo: echo(g, 0), sack: Vec::new() }
}

/// <SEQ=SEG.ACK><CTL=RST>
fn reset(s: &Segment) -> Sent {
    let seq = s.ack.expect("this reset answers an acknowledgment");
    Sent { control: TcpFlags::RST, seq, ack: None, text: 0, echo: None, sack: Vec::new() }
}

/// <SEQ=ISS><ACK=RCV.NXT><CTL=SYN,ACK>
fn syn_ack(_: &Ground, ack: i64, echo: Option<i64>) -> Sent {
    let control = TcpFlags::SYN | TcpFlags::ACK;
    Sent { control, seq: 0, ack: Some(ack), text: 0, echo, sack: Vec::new() }
}

impl Answer {
    /// Nothing changes, and nothing is sent.
    fn nothing(g: &Ground) -> Self {
        let open = !matches!(g.state, State::Closed | State::Listen);
        Self {
            state: g.state,
            transitions: Vec::new(),
            refused: None,
            replies: Vec::new(),
            later: Vec::new(),
            store: None,
            readable_to: g.heard,
            acked_to: g.acked,
            told: Told::default(),
            variables: open.then_some(Variables { una: 0, max: g.outstanding, nxt: 0, window: g.snd_wnd }),
            time_wait_from_now: false,
        }
    }

    fn and(mut self, sent: Sent) -> Self {
        self.replies.push(sent);
        self
    }

    fn go(&mut self, event: Event, to: State) {
        self.transitions.push((event, to));
        self.state = to;
    }

    /// The acknowledgment of all that this answer has taken in.
    fn acknowledgment(&self, g: &Ground, echo: Option<i64>) -> Sent {
        let ack = self.variables.map(|v| v.nxt);
        let echo = echo.filter(|_| g.timestamps);
        Sent { control: TcpFlags::ACK, seq: g.outstanding, ack, text: 0, echo, sack: Vec::new() }
    }

    /// Counts what was counted from RCV.NXT from a number that lies `by` before it.
    fn shift_receive(&mut self, by: i64) {
        if let Some(variables) = &mut self.variables {
            variables.nxt += by;
        }
    }
}

fn refuse(g: &Ground, reason: DropReason) -> Answer {
    Answer { refused: Some(reason), ..Answer::nothing(g) }
}

fn closed(g: &Ground, event: Event, reason: CloseReason) -> Answer {
    let mut answer = Answer::nothing(g);
    answer.go(event, State::Closed);
    answer.told.closed = Some(reason);
    answer.variables = None;
    answer
}

fn back_to_listen(g: &Ground) -> Answer {
    let mut answer = Answer::nothing(g);
    answer.go(Event::BackToListen, State::Listen);
    answer.variables = None;
    answer
}

/// A reset that counts. CLOSED in every state, but whoever only listened goes on listening.
fn reset_arrived(g: &Ground) -> Answer {
    match g.state {
        State::SynReceived if g.passive => back_to_listen(g),
        State::SynReceived => closed(g, Event::Rst, CloseReason::Refused),
        State::TimeWait => closed(g, Event::Rst, CloseReason::Closed),
        _ => closed(g, Event::Rst, CloseReason::Reset),
    }
}

/// A SYN where none was yet: SYN-RECEIVED. What else it carries is kept, and not acknowledged yet.
fn syn_received(g: &Ground, s: &Segment) -> Answer {
    let mut answer = Answer::nothing(g);
    answer.go(Event::Syn, State::SynReceived);
    answer.store = (s.text > 0).then_some((0, 0, s.text));
    let nxt = s.at + 1;
    // Our SYN is out, or goes out in the answer.
    answer.variables = Some(Variables { una: 0, max: 1, nxt, window: i64::from(TEST_WINDOW) });
    let echo = s.stamp.ticks().filter(|_| g.timestamps);
    answer.and(syn_ack(g, nxt, echo))
}

/// A closed window, and a segment that would fit if it were open: what it acknowledges counts, its text and
/// its FIN do not.
fn closed_window(g: &Ground, s: &Segment) -> Answer {
    let bare = Segment { text: 0, fin: false, ..*s };
    let (mut answer, _) = answer(g, &bare);
    // What the fifth check refuses, it refuses with or without text.
    if answer.refused.is_none() {
        answer.refused = Some(DropReason::ZeroWindow);
        answer.told.urgent = s.urg && reads(answer.state);
        if answer.state != State::Closed {
            let sent = answer.acknowledgment(g, accepted_echo(g, s));
            answer.replies = vec![sent];
        }
    }
    answer
}

/// The octet or FIN of a probe again, or an empty segment from before it: what it acknowledges counts, and nothing
/// else.
fn probe_taken(g: &Ground, s: &Segment) -> Answer {
    let acknowledged = s.ack.expect("the rule has found an ACK");
    if acknowledged > g.outstanding {
        return refuse(g, DropReason::AckOfUnsent).and(ack(g));
    }
    if acknowledged < -g.stale {
        return refuse(g, DropReason::AckTooOld).and(ack(g));
    }
    let mut answer = Answer::nothing(g);
    acknowledge(g, s, &mut answer);
    if answer.state != State::Closed {
        answer.refused = Some(DropReason::BelowWindow);
        let sent = answer.acknowledgment(g, accepted_echo(g, s));
        answer.replies = vec![sent];
    }
    answer
}

/// Whether text, URG and FIN count: the peer has not said FIN yet.
fn reads(state: State) -> bool {
    matches!(state, State::Established | State::FinWait1 | State::FinWait2)
}

/// The fifth to the eighth check, for a segment of which a part at least is acceptable.
fn take(g: &Ground, s: &Segment) -> Answer {
    let mut answer = Answer::nothing(g);
    acknowledge(g, s, &mut answer);
    if answer.state == State::Closed {
        return answer;
    }
    if reads(answer.state) {
        read(g, s, &mut answer);
    } else if s.text_end() + i64::from(s.fin) > 0 && s.len() > 0 {
        // The peer has said FIN: nothing can follow it.
        answer.refused = Some(DropReason::DataAfterFin);
        let sent = answer.acknowledgment(g, accepted_echo(g, s));
        answer.replies = vec![sent];
    }
    answer
}

/// The fifth check: what is acknowledged, and the window.
fn acknowledge(g: &Ground, s: &Segment, answer: &mut Answer) {
    let ack = s.ack.expect("the fifth check has found an ACK");
    let moved = ack.clamp(0, g.outstanding);
    let fin_acked = g.our_fin && ack == g.outstanding;
    let data = moved - i64::from(fin_acked) - i64::from(g.our_syn && moved > 0);
    let variables = answer.variables.as_mut().expect("there is a connection");
    variables.una = moved;
    let newer = g.wl1 < s.at || g.wl1 == s.at && g.wl2 <= ack;
    let offered = if s.syn { i64::from(TEST_WINDOW) } else { g.offered };
    if g.state == State::SynReceived || (ack >= 0 && newer) {
        variables.window = offered;
    }
    answer.acked_to = g.acked + u64::try_from(data).expect("octets are not taken back");
    answer.told.writable = data > 0;
    answer.told.close_acknowledged = fin_acked;
    match g.state {
        State::SynReceived => {
            answer.go(Event::AckOfSyn, State::Established);
            answer.told.connected = true;
        }
        State::FinWait1 if fin_acked => answer.go(Event::AckOfFin, State::FinWait2),
        State::Closing if fin_acked => {
            answer.go(Event::AckOfFin, State::TimeWait);
            answer.time_wait_from_now = true;
        }
        State::LastAck if fin_acked => {
            answer.go(Event::AckOfFin, State::Closed);
            answer.told.closed = Some(CloseReason::Closed);
            answer.variables = None;
        }
        _ => {}
    }
}

/// The sixth to the eighth check: urgent pointer, text and FIN.
fn read(g: &Ground, s: &Segment, answer: &mut Answer) {
    let from = s.text_at().max(0);
    let to = s.text_end().min(g.window);
    let fresh = to - from;
    answer.told.urgent = s.urg && s.text_end() > 0;
    if fresh > 0 && g.let_go {
        return discard(g, s, answer);
    }
    let mut nxt = 0;
    if fresh > 0 {
        let place = |distance: i64| u32::try_from(distance).expect("a segment has a length");
        let offset = g.heard + u64::try_from(from).expect("only what is new is stored");
        answer.store = Some((offset, place(from - s.text_at()), place(fresh)));
        if from == 0 {
            nxt = to;
            answer.readable_to += u64::from(place(fresh));
            answer.told.readable = true;
        }
    }
    let fin = s.fin && s.text_end() == nxt && s.text_end() < g.window;
    answer.shift_receive(nxt + i64::from(fin));
    if fin {
        answer.told.peer_closed = true;
        match answer.state {
            State::FinWait1 => answer.go(Event::Fin, State::Closing),
            State::FinWait2 => {
                answer.go(Event::Fin, State::TimeWait);
                answer.time_wait_from_now = true;
            }
            _ => answer.go(Event::Fin, State::CloseWait),
        }
    }
    if s.len() == 0 || (s.syn && s.len() == 1) {
        return;
    }
    let mut sent = answer.acknowledgment(g, accepted_echo(g, s));
    // Data that is in order may wait for company; a FIN, and what leaves a gap, may not (RFC 5681 §4.2).
    let in_order = fresh > 0 && from == 0 && !s.fin;
    if in_order {
        answer.later = vec![sent];
    } else {
        if g.sack && fresh > 0 && from > 0 {
            sent.sack.push((from, to));
        }
        answer.replies = vec![sent];
    }
}

/// Octets came for a user who reads no more: they are lost, and the peer has to know (§3.6.1, SHLD-3).
fn discard(g: &Ground, s: &Segment, answer: &mut Answer) {
    answer.refused = Some(DropReason::DataAfterClose);
    answer.transitions.push((Event::Abort, State::Closed));
    answer.state = State::Closed;
    answer.told.closed = Some(CloseReason::Discarded);
    let control = TcpFlags::RST | TcpFlags::ACK;
    let echo = accepted_echo(g, s);
    answer.replies =
        vec![Sent { control, seq: g.outstanding, ack: Some(0), text: 0, echo, sack: Vec::new() }];
    answer.variables = None;
}
