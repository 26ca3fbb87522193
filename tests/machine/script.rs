//! The stage on which a script is played: a machine, the numbers it begins with, and virtual time.

use std::time::Duration;

use tcpstate::tcp::{
    CloseReason, Command, CommandError, CongestionAlgorithm, DropReason, Ecn, Input, MtuProbing, Notices,
    Output, SackList, SegmentMeta, SegmentOptions, Tcb, TcpConfig, Timestamps, Unpredictable, Verdict,
};
use tcpstate::{Event, Instant, SeqNumber, State, TcpFlags};

use super::words::Seg;

/// Where the numbers of one run begin.
#[derive(Clone, Copy)]
pub(super) struct Stage {
    iss: u32,
    irs: u32,
    /// The moment at which the script begins.
    begin: Instant,
    /// Our TSval at that moment, and the peer's.
    clock: u32,
    peer_clock: u32,
}

const RUNS: [(&str, Stage); 2] = [
    (
        "numbers in the middle",
        Stage {
            iss: 1_000_000,
            irs: 700_000_000,
            begin: Instant::from_nanos(50_000_000_000),
            clock: 3_000_000,
            peer_clock: 900_000,
        },
    ),
    (
        "numbers before the wrap",
        Stage {
            iss: u32::MAX - 700,
            irs: u32::MAX - 300,
            begin: Instant::from_nanos(7_777_000_000_000_000),
            clock: u32::MAX - 20,
            peer_clock: u32::MAX - 5,
        },
    ),
];

/// Plays a script with every set of numbers.
pub(super) fn play(script: impl Fn(Stage)) {
    for (numbers, stage) in RUNS {
        eprintln!("--- {numbers}");
        script(stage);
    }
}

/// Round numbers and no options but the MSS: most rules show best with these.
pub(super) fn plain() -> TcpConfig {
    let mut config = TcpConfig::default();
    config.mss = 1_000;
    (config.receive_window, config.receive_window_max) = (10_000, 0);
    config.window_scaling = false;
    config.timestamps = false;
    config.sack = false;
    config.congestion = CongestionAlgorithm::NewReno;
    config.pacing = false;
    config.mtu_probing = MtuProbing::Off;
    config
}

/// [`plain`] with a change.
pub(super) fn plain_but(change: impl FnOnce(&mut TcpConfig)) -> TcpConfig {
    let mut config = plain();
    change(&mut config);
    config
}

impl Stage {
    pub(super) fn secrets(&self) -> Unpredictable {
        let begin_ms = (self.begin.as_nanos() / 1_000_000) as u32;
        Unpredictable { iss: SeqNumber::new(self.iss), timestamp_offset: self.clock.wrapping_sub(begin_ms) }
    }

    fn script(self, tcb: Tcb, config: &TcpConfig) -> Script {
        Script {
            window: u16::try_from(config.receive_window).unwrap_or(u16::MAX),
            peer_window: 30_000,
            state: tcb.state(),
            tcb,
            stage: self,
            now: Duration::ZERO,
            verdict: Verdict::default(),
            told: Notices::default(),
            transitions: Vec::new(),
            shifts: (None, None),
            right_edge: None,
        }
    }

    /// An active open, before its SYN is polled.
    pub(super) fn connect(self, config: &TcpConfig) -> Script {
        let script = self.script(Tcb::connect(config, self.secrets(), self.begin), config);
        state!(script, SynSent);
        script
    }

    /// A passive open, prepared for a peer.
    pub(super) fn listen(self, config: &TcpConfig) -> Script {
        let mut tcb = Tcb::listen(config);
        tcb.prepare(self.secrets());
        let script = self.script(tcb, config);
        state!(script, Listen);
        script
    }

    /// An open connection after an active open without delay, with a peer that offers what we offer and
    /// whose windows are unscaled.
    pub(super) fn established(self, config: &TcpConfig) -> Script {
        let mut reply = seg!(SYN, seq: 0, ack: 1, mss: config.mss);
        if config.window_scaling {
            reply = reply.wscale(0);
        }
        reply = if config.sack { reply.sack_ok() } else { reply };
        reply = if config.timestamps { reply.ts((0, 0)) } else { reply };
        self.answered(config, &reply)
    }

    /// An open connection after an active open that the peer answers with `reply`.
    pub(super) fn answered(self, config: &TcpConfig, reply: &Seg) -> Script {
        let mut script = self.connect(config);
        script.expect(&our_syn(config));
        script.send(reply);
        script.take_handshake_ack();
        script
    }

    /// An open connection after a passive open, and the peer's `syn`.
    pub(super) fn accepted(self, config: &TcpConfig) -> Script {
        let mut script = self.listen(config);
        let mut syn = our_syn(config).win(script.peer_window);
        if config.window_scaling {
            syn = syn.wscale(0);
        }
        script.send(&syn);
        let answer = script.poll().expect("a SYN,ACK");
        assert_eq!(answer.flags, TcpFlags::SYN | TcpFlags::ACK);
        let ack = seg!(seq: 1, ack: 1);
        script.send(&if config.timestamps { ack.ts((0, 0)) } else { ack });
        state!(script, Established);
        script.told();
        script
    }
}

/// The SYN of an active open with this configuration.
pub(super) fn our_syn(config: &TcpConfig) -> Seg {
    let window = u16::try_from(config.receive_window).unwrap_or(u16::MAX);
    let mut syn = seg!(SYN, seq: 0, win: window, mss: config.mss);
    if config.window_scaling {
        let fits = |shift: &u8| config.receive_window.max(config.receive_window_max) >> shift <= 65_535;
        syn = syn.wscale((0..14).find(fits).unwrap_or(14));
    }
    syn = if config.sack { syn.sack_ok() } else { syn };
    if config.ecn == Ecn::Request {
        syn = syn.flag(TcpFlags::ECE | TcpFlags::CWR);
    }
    if config.timestamps { syn.ts0(0) } else { syn }
}

/// A machine on stage, and the time there.
pub(super) struct Script {
    pub(super) tcb: Tcb,
    /// The window field of our segments, where a script does not say.
    pub(super) window: u16,
    /// The window field of the peer's segments, where a script does not say.
    pub(super) peer_window: u16,
    /// What became of the last segment.
    pub(super) verdict: Verdict,
    stage: Stage,
    /// Since the script began.
    now: Duration,
    /// The state as the notices tell it.
    state: State,
    told: Notices,
    transitions: Vec<(Event, State)>,
    /// The window scale options of our SYN and of the peer's.
    shifts: (Option<u8>, Option<u8>),
    /// The first number behind all windows that were offered.
    right_edge: Option<i64>,
}

impl Script {
    /// The moment as the machine counts it.
    pub(super) fn at(&self) -> Instant {
        self.stage.begin + self.now
    }

    /// Milliseconds since the script began: what our TSval counts from.
    pub(super) fn ms(&self) -> i64 {
        self.now.as_millis() as i64
    }

    /// Our sequence number as the machine has it.
    pub(super) fn ours(&self, seq: i64) -> SeqNumber {
        SeqNumber::new(self.stage.iss.wrapping_add(seq as u32))
    }

    /// The peer's sequence number as the machine has it.
    pub(super) fn theirs(&self, seq: i64) -> SeqNumber {
        SeqNumber::new(self.stage.irs.wrapping_add(seq as u32))
    }

    /// What the user was told since this was asked last, merged; and the transitions.
    pub(super) fn told(&mut self) -> (Notices, Vec<(Event, State)>) {
        (std::mem::take(&mut self.told), std::mem::take(&mut self.transitions))
    }

    /// What the user was told since this was asked last.
    pub(super) fn notices(&mut self) -> Notices {
        self.told().0
    }

    /// The segment of the peer as the machine gets it.
    pub(super) fn incoming(&self, seg: &Seg) -> SegmentMeta {
        let blocks = seg.sack.iter().map(|&(left, right)| (self.ours(left), self.ours(right)));
        let ecr = |ecr: i64| self.stage.clock.wrapping_add(ecr as u32);
        let timestamps = seg.ts.map(|(val, echo)| Timestamps {
            val: self.stage.peer_clock.wrapping_add(val as u32),
            ecr: echo.map_or(0, ecr),
        });
        SegmentMeta {
            seq: self.theirs(seg.seq),
            ack: seg.ack.map_or(SeqNumber::default(), |ack| self.ours(ack)),
            flags: seg.flags,
            window: seg.win.unwrap_or(self.peer_window),
            urgent: seg.urg,
            len: seg.len,
            ecn: seg.ecn,
            options: SegmentOptions {
                mss: seg.mss,
                window_scale: seg.wscale,
                sack_permitted: seg.sack_ok,
                timestamps,
                sack: blocks.collect::<SackList>(),
                fast_open: seg.cookie,
            },
        }
    }

    /// A segment of ours in the words of a script.
    fn outgoing(&self, meta: &SegmentMeta) -> Seg {
        let relative = |value: u32, base: u32| i64::from(value.wrapping_sub(base).cast_signed());
        let theirs = |seq: SeqNumber| relative(seq.get(), self.stage.irs);
        let has_ack = meta.flags.contains(TcpFlags::ACK);
        assert!(has_ack || meta.ack.get() == 0, "an acknowledgment number without ACK: {meta:?}");
        let has_urg = meta.flags.contains(TcpFlags::URG);
        assert!(has_urg || meta.urgent == 0, "an urgent pointer without URG: {meta:?}");
        let options = &meta.options;
        Seg {
            flags: meta.flags,
            seq: relative(meta.seq.get(), self.stage.iss),
            ack: has_ack.then(|| theirs(meta.ack)),
            win: Some(meta.window),
            urg: meta.urgent,
            len: meta.len,
            mss: options.mss,
            wscale: options.window_scale,
            sack_ok: options.sack_permitted,
            ts: options.timestamps.map(|ts| {
                let ecr = (ts.ecr != 0).then(|| relative(ts.ecr, self.stage.peer_clock));
                (relative(ts.val, self.stage.clock), ecr)
            }),
            sack: options.sack.as_slice().iter().map(|&(l, r)| (theirs(l), theirs(r))).collect(),
            cookie: options.fast_open,
            ecn: meta.ecn,
        }
    }

    /// The segment with the window that a script need not say.
    fn resolved(&self, seg: &Seg) -> Seg {
        let reset = seg.flags.contains(TcpFlags::RST);
        Seg { win: Some(seg.win.unwrap_or(if reset { 0 } else { self.window })), ..seg.clone() }
    }

    /// Every transition that is told must be one of the table, and together they must lead to the state.
    fn hear(&mut self, notices: &Notices) {
        for (event, to) in notices.transitions.iter() {
            assert_eq!(self.state.on(event), Some(to), "{event} in {}", self.state);
            self.state = to;
            self.transitions.push((event, to));
        }
        assert_eq!(self.state, self.tcb.state(), "the notices tell of every change of state");
        let told = &mut self.told;
        told.connected |= notices.connected;
        told.readable |= notices.readable;
        told.writable |= notices.writable;
        told.peer_closed |= notices.peer_closed;
        told.close_acknowledged |= notices.close_acknowledged;
        told.urgent |= notices.urgent;
        told.retransmitting |= notices.retransmitting;
        told.soft_error = notices.soft_error.or(told.soft_error);
        assert!(told.closed.is_none() || notices.closed.is_none(), "a connection ends once");
        told.closed = notices.closed.or(told.closed);
    }

    /// A pure step from a copy must lead to the same machine and the same answer.
    fn check_step(&self, before: Tcb, input: Input, output: Output) {
        let (after, answer) = before.step(self.at(), input);
        assert_eq!(answer, output, "step and the call in place answer the same");
        assert_eq!(after, self.tcb, "step and the call in place lead to the same");
    }

    /// The peer's segment arrives, whatever waits and whatever becomes of it.
    pub(super) fn deliver(&mut self, seg: &Seg) {
        let meta = self.incoming(seg);
        let before = self.tcb.clone();
        let verdict = self.tcb.on_segment(self.at(), &meta);
        self.check_step(before, Input::Segment(meta), Output::Segment(verdict));
        assert_eq!(verdict.readable_to, self.tcb.readable_to());
        assert_eq!(verdict.acked_to, self.tcb.acked_to());
        if let Some(placed) = verdict.store {
            assert!(placed.len > 0 && placed.skip + placed.len <= seg.len, "{placed:?} of {seg:?}");
            let at = seg.seq + i64::from(seg.flags.contains(TcpFlags::SYN)) + i64::from(placed.skip) - 1;
            assert_eq!(placed.offset as i64, at, "the place of {placed:?} in the stream");
        }
        if seg.flags.contains(TcpFlags::SYN) && matches!(self.state, State::Listen | State::SynSent) {
            self.shifts.1 = seg.wscale;
        }
        self.verdict = verdict;
        self.hear(&verdict.notices);
        if self.state == State::Listen {
            self.right_edge = None;
        }
    }

    pub(super) fn send(&mut self, seg: &Seg) {
        self.nothing_waits("before a segment arrives");
        self.also(seg);
    }

    pub(super) fn also(&mut self, seg: &Seg) {
        self.deliver(seg);
        assert_eq!(self.verdict.refused, None, "{seg:?} must be accepted");
    }

    pub(super) fn refuse(&mut self, reason: DropReason, seg: &Seg) {
        self.nothing_waits("before a segment arrives");
        self.deliver(seg);
        assert_eq!(self.verdict.refused, Some(reason), "{seg:?} must be refused");
    }

    /// The peer's segment arrives, whatever becomes of it.
    pub(super) fn deliver_any(&mut self, seg: &Seg) {
        self.nothing_waits("before a segment arrives");
        self.deliver(seg);
    }

    /// What the last segment brought to store: offset in the stream, octets to skip, octets to store.
    pub(super) fn stored(&self) -> Option<(u64, u32, u32)> {
        self.verdict.store.map(|placed| (placed.offset, placed.skip, placed.len))
    }

    /// What has arrived beyond the first gap: offsets in the stream.
    pub(super) fn out_of_order(&self) -> Vec<(u64, u64)> {
        self.tcb.out_of_order().map(|range| (range.start, range.end)).collect()
    }

    /// The next segment, and that it names the octets that its number names.
    pub(super) fn poll(&mut self) -> Option<Seg> {
        let before = self.tcb.clone();
        let plan = self.tcb.poll_segment(self.at());
        self.check_step(before, Input::Poll, Output::Poll(plan));
        let plan = plan?;
        self.hear(&plan.notices);
        let seg = self.outgoing(&plan.meta);
        if seg.len > 0 {
            let first = seg.seq + i64::from(seg.flags.contains(TcpFlags::SYN));
            assert_eq!(plan.offset as i64, first - 1, "the octets of {seg:?}");
        }
        self.check_right_edge(&seg);
        Some(seg)
    }

    /// The right edge of our window never moves left (RFC 9293 SHLD-14), but for what scaling rounds off.
    fn check_right_edge(&mut self, seg: &Seg) {
        let syn = seg.flags.contains(TcpFlags::SYN);
        if syn {
            self.shifts.0 = seg.wscale;
        }
        // The window of a SYN without an acknowledgment begins behind the peer's SYN.
        let ack = seg.ack.or(syn.then_some(1));
        let (Some(ack), Some(win), false) = (ack, seg.win, seg.flags.contains(TcpFlags::RST)) else {
            return;
        };
        let shift = match self.shifts {
            (Some(shift), Some(_)) if !syn => shift,
            _ => 0,
        };
        let edge = ack + (i64::from(win) << shift);
        let offered = self.right_edge.unwrap_or(edge);
        assert!(edge + (1 << shift) > offered, "{seg:?} takes back what was offered up to {offered}");
        self.right_edge = Some(edge.max(offered));
    }

    /// All that is to be sent now.
    pub(super) fn burst(&mut self) -> Vec<Seg> {
        let mut sent = Vec::new();
        while let Some(seg) = self.poll() {
            sent.push(seg);
            assert!(sent.len() < 10_000, "no end of segments in one moment");
        }
        sent
    }

    pub(super) fn expect(&mut self, seg: &Seg) {
        let sent = self.poll();
        assert_eq!(sent, Some(self.resolved(seg)), "sent (left), and what the script says");
    }

    pub(super) fn expect_none(&mut self) {
        assert_eq!(self.poll(), None, "nothing is to be sent");
    }

    fn nothing_waits(&self, when: &str) {
        let waiting = self.tcb.clone().poll_segment(self.at());
        assert_eq!(waiting.map(|plan| self.outgoing(&plan.meta)), None, "a segment is left over {when}");
    }

    pub(super) fn advance(&mut self, span: Duration, expected: &[(Duration, Seg)]) {
        let sent = self.pass(span);
        let expected: Vec<_> = expected.iter().map(|(at, seg)| (*at, self.resolved(seg))).collect();
        assert_eq!(sent, expected, "sent on the way (left), and what the script says");
    }

    /// Time passes; returns what was sent on the way.
    pub(super) fn pass(&mut self, span: Duration) -> Vec<(Duration, Seg)> {
        let from = self.now;
        let mut sent: Vec<(Duration, Seg)> = Vec::new();
        sent.extend(self.burst().into_iter().map(|seg| (Duration::ZERO, seg)));
        let end = self.stage.begin + (from + span);
        let mut deadlines = 0;
        while let Some(due) = self.tcb.poll_timeout().filter(|&due| due <= end) {
            self.now = self.now.max(due - self.stage.begin);
            self.time_out();
            let at = self.now - from;
            sent.extend(self.burst().into_iter().map(|seg| (at, seg)));
            let next = self.tcb.poll_timeout();
            assert!(next.is_none_or(|next| next > self.at()), "a deadline is left behind: {next:?}");
            deadlines += 1;
            assert!(deadlines < 100_000, "no end of deadlines");
        }
        self.now = from + span;
        sent
    }

    /// Time passes, and the owner of the machine does not look.
    pub(super) fn sleep(&mut self, span: Duration) {
        self.now += span;
    }

    /// Like [`advance`](Self::advance), with every time counted since the script began.
    pub(super) fn advance_to(&mut self, moment: Duration, expected: &[(Duration, Seg)]) {
        let from = self.now;
        assert!(from <= moment, "that moment has passed");
        let since =
            |(at, seg): &(Duration, Seg)| (at.checked_sub(from).expect("not yet passed"), seg.clone());
        let expected: Vec<_> = expected.iter().map(since).collect();
        self.advance(moment - from, &expected);
    }

    /// Lets the deadlines of this moment act.
    pub(super) fn time_out(&mut self) {
        let before = self.tcb.clone();
        let notices = self.tcb.on_timeout(self.at());
        self.check_step(before, Input::Timeout, Output::Timeout(notices));
        self.hear(&notices);
    }

    fn command(&mut self, command: Command) -> Result<Notices, CommandError> {
        let before = self.tcb.clone();
        let result = self.tcb.on_command(self.at(), command);
        self.check_step(before, Input::Command(command), Output::Command(result));
        result
    }

    pub(super) fn call(&mut self, command: Command) {
        let notices = self.command(command).unwrap_or_else(|error| panic!("{command:?}: {error}"));
        self.hear(&notices);
    }

    pub(super) fn call_fails(&mut self, command: Command, error: CommandError) {
        let before = self.tcb.clone();
        assert_eq!(self.command(command), Err(error), "{command:?}");
        assert_eq!(self.tcb, before, "a call that fails changes nothing");
    }

    /// Takes the ACK that ends the handshake.
    fn take_handshake_ack(&mut self) {
        state!(self, Established);
        let ack = self.poll().expect("the SYN,ACK is acknowledged");
        assert_eq!((ack.flags, ack.seq, ack.ack, ack.len), (TcpFlags::ACK, 1, Some(1), 0));
        self.window = ack.win.expect("polled segments have windows");
        self.told();
    }

    pub(super) fn is_closed(&mut self, reason: CloseReason) {
        state!(self, Closed);
        assert_eq!(self.tcb.close_reason(), Some(reason));
        assert_eq!(self.told.closed, Some(reason), "the user was told");
        assert_eq!(self.poll(), None, "a closed connection sends nothing more");
        assert_eq!(self.tcb.poll_timeout(), None, "a closed connection waits for nothing");
    }
}

impl Drop for Script {
    /// A script tells everything that is sent, to its end.
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.nothing_waits("when the script ends");
        }
    }
}
