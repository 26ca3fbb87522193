//! Any segments, calls and times, near what the machine expects next, for a machine of any choices. What must hold: its
//! own promises (debug assertions); that it comes to rest after each of them, and answers one segment with no more than
//! a few; that no deadline has passed once it was served; that nothing is taken back that was said, to the user or to the
//! peer; that what it sends is what there is to send; that `step` is the same as the call; and that a twin, which began at
//! another time and with another ISN, does the same at every step.
//!
//! Input: choices, then operations, an octet for the kind and a few for its arguments.

use core::time::Duration;

use arbitrary::{Arbitrary, Unstructured};
use tcpstate::tcp::{
    Command, CongestionAlgorithm, Cookie, Dialect, Input, Keepalive, NetworkError, Output, PathMtu, Queue,
    SackList, SegmentMeta, SegmentPlan, Tcb, TcpConfig, Timestamps, Unpredictable,
};
use tcpstate::{EcnCodepoint, Instant, SeqNumber, State, TcpFlags};

use crate::choice;
use crate::record::{BACK, Call, Entry, LATE, Recorder};

/// What a poll may take to come to rest: a window in octets of data, and some more.
const MOST_POLLS: u32 = 70_000;
/// Segments without octets that one segment may be answered with: an acknowledgment, a window update, a probe.
const MOST_ANSWERS: u32 = 3;

/// Deadlines that one operation meets.
const MOST_DEADLINES: u32 = 64;

#[derive(Arbitrary, Debug)]
enum Op {
    /// Flags, and where its numbers lie: around which of ours, and how far from it.
    Segment {
        flags: u8,
        seq: Place,
        ack: Place,
        window: u16,
        urgent: u16,
        len: u16,
        with: With,
    },
    /// What the peer would send now: everything acknowledged, these flags more, and so many octets.
    Peer {
        flags: u8,
        len: u16,
        window: u16,
    },
    /// The peer has some of what lies behind a gap: so many octets are missing, and so many are there.
    Sack {
        missing: u16,
        there: u16,
        more: u16,
        len: u8,
    },
    Queue {
        len: u16,
        push: bool,
        more: bool,
        urgent: bool,
    },
    Consume(u16),
    Shutdown,
    Close,
    Abort,
    Nagle(bool),
    Keepalive(Option<u8>),
    UserTimeout(Option<u16>),
    R2(u16),
    AckDelay(u16),
    QuickAck(bool),
    Flush,
    Open,
    Cookie(u8),
    NetworkError {
        hard: bool,
        code: u8,
        back: u16,
    },
    PathMtu {
        mtu: u16,
        back: u16,
    },
    Configure(u8),
    OpenEarly,
    Rest,
    /// On to the next deadline.
    Deadline,
    /// So many milliseconds; if they are even, every deadline on the way is met, and else none.
    Wait(u16),
    /// So many seconds, whatever is due on the way.
    WaitLong(u32),
    /// The clock steps back.
    Back(u16),
}

/// The options of a segment.
#[derive(Arbitrary, Debug)]
struct With {
    bits: u8,
    ts: Option<(i8, i8)>,
    blocks: [(Place, u8); 2],
    cookie: u8,
}

#[derive(Arbitrary, Debug)]
struct Place {
    anchor: u8,
    distance: i16,
    far: bool,
}

impl Place {
    fn of(&self, anchors: [SeqNumber; 3]) -> SeqNumber {
        let anchor = anchors[usize::from(self.anchor) % 3];
        // Near the anchor, or anywhere.
        let distance = if self.far { i32::from(self.distance) << 16 } else { i32::from(self.distance) };
        anchor + distance.cast_unsigned()
    }
}

/// The same machine at another time, and elsewhere in sequence space.
struct Twin(Tcb);

impl Twin {
    /// How much later. In whole milliseconds, so that the clocks of both machines tick together.
    const LATER: Duration = Duration::from_millis(777_777);
    /// How much further.
    const FURTHER: u32 = 0x9000_0001;

    /// The same input, for the twin.
    fn input(input: Input) -> Input {
        let further = |seq: SeqNumber| seq + Self::FURTHER;
        match input {
            Input::Segment(mut meta) => {
                meta.ack = further(meta.ack);
                let blocks = meta.options.sack;
                meta.options.sack = SackList::default();
                for &(left, right) in blocks.as_slice() {
                    meta.options.sack.push(further(left), further(right));
                }
                Input::Segment(meta)
            }
            Input::Command(Command::NetworkError(error)) => {
                Input::Command(Command::NetworkError(NetworkError { seq: further(error.seq), ..error }))
            }
            Input::Command(Command::PathMtu(report)) => {
                Input::Command(Command::PathMtu(PathMtu { seq: further(report.seq), ..report }))
            }
            other => other,
        }
    }

    /// Whether the twin sends what the other sends. A reset for a segment without ACK has no number of its own.
    fn sends(&self, own: Option<SegmentPlan>, other: Option<&SegmentPlan>) -> bool {
        let (Some(mut own), Some(other)) = (own, other) else { return own.is_none() == other.is_none() };
        if own.meta.seq != other.meta.seq || own.meta.seq != SeqNumber::new(0) {
            own.meta.seq = own.meta.seq - Self::FURTHER;
        }
        own == *other
    }
}

/// A machine, and what was seen of it.
struct Run<'a, R: ?Sized> {
    tcb: Tcb,
    twin: Option<Twin>,
    now: Instant,
    recorder: &'a mut R,
    /// The right edge of the window, as it was last promised.
    edge: Option<SeqNumber>,
    state: Option<State>,
    was_open: bool,
}

/// A machine as the input wants it.
struct Beginning {
    config: TcpConfig,
    ways: u8,
    secrets: Unpredictable,
    now: Instant,
}

impl Beginning {
    fn of(from: &mut Unstructured<'_>) -> Self {
        let mut config = choice::tcp(from);
        let ways = choice::octet(from);
        if ways & 8 != 0 {
            config.ip_header = 40;
        }
        let iss = if ways & 16 != 0 { from.arbitrary().unwrap_or(0) } else { u32::MAX - 2_000 };
        let seconds = match ways & 33 {
            32 => 0,
            33 => 5,
            _ => 200_000,
        };
        let now = Instant::from_nanos(seconds * 1_000_000_000);
        Self { config, ways, secrets: Unpredictable { iss: SeqNumber::new(iss), timestamp_offset: iss }, now }
    }

    fn machine(&self, secrets: Unpredictable, now: Instant) -> Tcb {
        if self.ways & 6 == 0 {
            return Tcb::connect(self.config, secrets, now);
        }
        let mut tcb = Tcb::listen(self.config);
        // Who forgets to prepare is served as well.
        if self.ways & 6 != 6 {
            tcb.prepare(secrets);
        }
        tcb
    }

    /// One input in two has a twin; who was not prepared has no ISN that could be another.
    fn twin(&self) -> Option<Twin> {
        let secrets = Unpredictable {
            iss: self.secrets.iss + Twin::FURTHER,
            timestamp_offset: self.secrets.timestamp_offset.wrapping_sub(Twin::LATER.as_millis() as u32),
        };
        let has_one = self.ways & 32 == 0 && self.ways & 6 != 6;
        has_one.then(|| Twin(self.machine(secrets, self.now + Twin::LATER)))
    }
}

/// One input.
pub fn run<R: Recorder + ?Sized>(octets: &[u8], recorder: &mut R) {
    let mut from = Unstructured::new(octets);
    let beginning = Beginning::of(&mut from);
    let (now, tcb) = (beginning.now, beginning.machine(beginning.secrets, beginning.now));
    recorder.entry(now, &Entry::Machine { end: 0, config: &beginning.config });
    let mut run =
        Run { tcb, twin: beginning.twin(), now, recorder, edge: None, state: None, was_open: false };
    run.rest();
    while let Ok(op) = Op::arbitrary(&mut from) {
        run.op(&op);
        if from.is_empty() {
            break;
        }
    }
}

impl<R: Recorder + ?Sized> Run<'_, R> {
    /// Goes on from deadline to deadline, until there is none before this.
    fn meet_deadlines(&mut self, until: Instant) {
        for _ in 0..MOST_DEADLINES {
            let Some(due) = self.tcb.poll_timeout().filter(|&due| due <= until) else { break };
            self.now = due.max(self.now);
            self.step(Input::Timeout);
            self.rest();
            self.see();
        }
    }

    fn op(&mut self, op: &Op) {
        let began = self.now;
        if let Op::Wait(ms) = *op
            && ms & 1 == 0
        {
            self.meet_deadlines(began + Duration::from_millis(ms.into()));
        }
        let forth = |by: Duration| began + by;
        self.now = match *op {
            Op::Deadline => self.tcb.poll_timeout().unwrap_or(self.now).max(self.now),
            Op::Wait(ms) => forth(Duration::from_millis(ms.into())),
            Op::WaitLong(s) => forth(Duration::from_secs(s.into())),
            Op::Back(ms) => {
                Instant::from_nanos(self.now.as_nanos().saturating_sub(u64::from(ms) * 1_000_000))
            }
            _ => self.now,
        };
        self.tell_of_jumps(began);
        // Near the end of time, which is as far as 64 bits of nanoseconds go, nothing is later any more.
        self.twin.take_if(|_| self.now > Instant::from_nanos(u64::MAX / 2));
        let (readable, acked) = (self.tcb.readable_to(), self.tcb.acked_to());
        match *op {
            Op::Configure(what) => self.configure(what),
            Op::OpenEarly => {
                let opened = self.tcb.open_early();
                assert!(self.twin.as_mut().is_none_or(|twin| twin.0.open_early() == opened), "another twin");
            }
            Op::Rest => {
                self.tcb.rest();
                self.twin.iter_mut().for_each(|twin| twin.0.rest());
            }
            _ => {
                let input = self.input(op);
                self.step(input);
            }
        }
        let answers = self.rest();
        if matches!(op, Op::Segment { .. } | Op::Peer { .. } | Op::Sack { .. }) {
            assert!(answers <= MOST_ANSWERS, "{answers} answers to one segment: {:?}", self.tcb);
        }
        if self.tcb.state() != State::Listen {
            let (then_readable, then_acked) = (self.tcb.readable_to(), self.tcb.acked_to());
            assert!(then_readable >= readable && then_acked >= acked, "what was said is taken back");
        }
        assert!(self.tcb.acked_to() <= self.tcb.queued_to());
        assert!(self.tcb.consumed_to() <= self.tcb.readable_to());
        self.step(Input::Timeout);
        self.rest();
        let due = self.tcb.poll_timeout();
        assert!(due.is_none_or(|at| at > self.now), "a deadline that has passed: {due:?} {:?}", self.tcb);
        self.see();
    }

    /// No script can do that.
    fn tell_of_jumps(&mut self, began: Instant) {
        if self.tcb.poll_timeout().is_some_and(|due| due < self.now) {
            self.recorder.entry(self.now, &Entry::Odd { end: 0, what: LATE });
        }
        if self.now < began {
            self.recorder.entry(self.now, &Entry::Odd { end: 0, what: BACK });
        }
    }

    fn configure(&mut self, what: u8) {
        let change = |config: &mut TcpConfig| match what % 8 {
            0 => config.receive_window = 1 << (what >> 4),
            1 => config.receive_window = 1 << 20,
            2 => config.congestion = CongestionAlgorithm::NewReno,
            3 => config.congestion = CongestionAlgorithm::Cubic,
            4 => config.receive_window_max = u32::from(what) << 12,
            5 => config.keepalive = Some(Keepalive::default()),
            6 => config.pacing = !config.pacing,
            _ => *config = TcpConfig::default(),
        };
        let changed = self.tcb.configure(self.now, change);
        assert_eq!(changed.is_err(), self.tcb.state() == State::Closed);
        if let Some(twin) = &mut self.twin {
            assert_eq!(twin.0.configure(self.now + Twin::LATER, change), changed, "another twin");
        }
        self.edge = None;
    }

    fn input(&self, op: &Op) -> Input {
        let millis = |n: u16| Duration::from_millis(n.into());
        let back = |n: u16| self.tcb.snd_max() - u32::from(n);
        Input::Command(match *op {
            Op::Segment { .. } => return Input::Segment(self.segment(op)),
            Op::Peer { flags, len, window } => return Input::Segment(self.peer(flags, len, window)),
            Op::Sack { missing, there, more, len } => {
                return Input::Segment(self.sack(missing, there, more, len));
            }
            Op::Queue { len, push, more, urgent } => {
                Command::Queue(Queue { len: len.into(), push, more, urgent })
            }
            Op::Consume(most) => {
                let there = self.tcb.readable_to() - self.tcb.consumed_to();
                Command::Consumed(u32::try_from(there).unwrap_or(u32::MAX).min(most.into()))
            }
            Op::Shutdown => Command::Shutdown,
            Op::Close => Command::Close,
            Op::Abort => Command::Abort,
            Op::Nagle(on) => Command::SetNagle(on),
            Op::Keepalive(idle) => Command::SetKeepalive(idle.map(|idle| Keepalive {
                idle: millis(idle.into()),
                interval: millis(idle.into()),
                count: idle,
            })),
            Op::UserTimeout(timeout) => Command::SetUserTimeout(timeout.map(millis)),
            Op::R2(r2) => Command::SetR2(millis(r2)),
            Op::AckDelay(delay) => Command::SetAckDelay(millis(delay)),
            Op::QuickAck(on) => Command::QuickAck(on),
            Op::Flush => Command::Flush,
            Op::Open => Command::Open,
            Op::Cookie(len) => Command::SetCookie(cookie(len)),
            Op::NetworkError { hard, code, back: n } => {
                Command::NetworkError(NetworkError { hard, code, seq: back(n) })
            }
            Op::PathMtu { mtu, back: n } => Command::PathMtu(PathMtu { mtu: mtu.into(), seq: back(n) }),
            _ => return Input::Timeout,
        })
    }

    /// The peer's clock runs as ours does.
    fn clock(&self) -> u32 {
        (self.now.as_nanos() / 1_000_000) as u32
    }

    fn stamps(&self, val: i8, ecr: i8) -> Timestamps {
        Timestamps {
            val: self.clock().wrapping_add_signed(val.into()),
            ecr: self.clock().wrapping_add(self.tcb.iss().get()).wrapping_add_signed(ecr.into()),
        }
    }

    fn segment(&self, op: &Op) -> SegmentMeta {
        let tcb = &self.tcb;
        let Op::Segment { flags, seq, ack, window, urgent, len, with } = op else {
            return SegmentMeta::default();
        };
        let rcv_edge = tcb.rcv_nxt() + tcb.rcv_wnd();
        let anchors = [tcb.snd_una(), tcb.snd_nxt(), tcb.snd_max()];
        let mut meta = SegmentMeta {
            seq: seq.of([tcb.rcv_nxt(), rcv_edge, tcb.irs()]),
            ack: ack.of(anchors),
            flags: TcpFlags::from_bits(u16::from(*flags) | u16::from(with.bits & 0x80) << 1),
            window: *window,
            urgent: *urgent,
            len: u32::from(*len),
            ecn: EcnCodepoint::from_bits(with.bits & 3),
            ..SegmentMeta::default()
        };
        meta.options.timestamps = with.ts.map(|(val, ecr)| self.stamps(val, ecr));
        let on = |bit: u8| with.bits & bit != 0;
        meta.options.sack_permitted = on(4);
        meta.options.mss = on(8).then_some(*urgent);
        meta.options.window_scale = on(16).then_some((*window & 15) as u8);
        if on(32) {
            for (place, len) in &with.blocks {
                let left = place.of(anchors);
                meta.options.sack.push(left, left + u32::from(*len) * 100);
            }
        }
        meta.options.fast_open = on(64).then(|| cookie(with.cookie));
        meta
    }

    /// A segment as the peer of this machine would send it.
    fn peer(&self, flags: u8, len: u16, window: u16) -> SegmentMeta {
        let tcb = &self.tcb;
        let is_new = matches!(tcb.state(), State::Listen | State::SynSent);
        let flags = TcpFlags::from_bits(u16::from(flags & 0x3d));
        let mut meta = SegmentMeta {
            seq: if is_new { SeqNumber::new(u32::MAX - 9) } else { tcb.rcv_nxt() },
            ack: tcb.snd_max(),
            flags: if tcb.state() == State::Listen { TcpFlags::SYN } else { flags | TcpFlags::ACK },
            window,
            len: if is_new { 0 } else { u32::from(len) },
            ..SegmentMeta::default()
        };
        if is_new {
            meta.flags = (meta.flags | TcpFlags::SYN).without(TcpFlags::FIN);
            meta.options.mss = Some(1460);
            meta.options.window_scale = Some((len & 15) as u8);
            meta.options.sack_permitted = len & 16 != 0;
        }
        if !is_new || len & 32 != 0 {
            meta.options.timestamps = Some(self.stamps(0, 0));
        }
        meta
    }

    /// An acknowledgment that tells of a gap, or two, in what was sent.
    fn sack(&self, missing: u16, there: u16, more: u16, len: u8) -> SegmentMeta {
        let mut meta = self.peer(0x10, len.into(), 60_000);
        meta.ack = self.tcb.snd_una();
        let left = meta.ack + u32::from(missing);
        let right = left + u32::from(there);
        meta.options.sack.push(left, right);
        if more > 0 {
            let left = right + u32::from(more >> 8);
            meta.options.sack.push(left, left + u32::from(more & 255) * 8);
        }
        meta
    }

    fn step(&mut self, input: Input) {
        let (tcb, now) = (&mut self.tcb, self.now);
        let (after, output) = tcb.clone().step(now, input);
        let called = match input {
            Input::Segment(meta) => {
                self.recorder.entry(now, &Entry::SegmentArrived { end: 0, meta: &meta });
                Output::Segment(tcb.on_segment(now, &meta))
            }
            Input::Timeout => {
                self.recorder.entry(now, &Entry::Timeout { end: 0 });
                Output::Timeout(tcb.on_timeout(now))
            }
            Input::Command(command) => {
                let call = Call::Command(command);
                self.recorder.entry(now, &Entry::Call { end: 0, which: 0, call });
                Output::Command(tcb.on_command(now, command))
            }
            Input::Poll => Output::Poll(tcb.poll_segment(now)),
        };
        assert!(after == *tcb && called == output, "step differs from the call");
        if let Some(twin) = &mut self.twin {
            let (after, same) = twin.0.clone().step(now + Twin::LATER, Twin::input(input));
            let is_same = match (same, output) {
                (Output::Command(same), Output::Command(output)) => same.is_ok() == output.is_ok(),
                (same, output) => same == output,
            };
            assert!(is_same, "the twin does something else: {same:?} {output:?}");
            twin.0 = after;
        }
        if let Output::Segment(verdict) = output
            && let Some(placed) = verdict.store
        {
            let Input::Segment(meta) = input else { return };
            assert!(placed.skip + placed.len <= meta.len && placed.len > 0, "octets that were not there");
        }
    }

    /// Polls until there is nothing more; says how many segments had no octets, and no SYN and FIN.
    fn rest(&mut self) -> u32 {
        let (mut polls, mut answers) = (0, 0);
        loop {
            let plan = self.tcb.poll_segment(self.now);
            if let Some(twin) = &mut self.twin {
                let own = twin.0.poll_segment(self.now + Twin::LATER);
                assert!(twin.sends(own, plan.as_ref()), "the twin sends something else: {own:?} {plan:?}");
            }
            let Some(plan) = plan else { break };
            self.recorder.entry(self.now, &Entry::SegmentSent { end: 0, plan: &plan });
            self.check(&plan);
            polls += 1;
            answers += u32::from(plan.meta.seq_len() == 0);
            assert!(polls < MOST_POLLS, "does not come to rest: {:?}", self.tcb);
        }
        self.recorder.entry(self.now, &Entry::Polled { end: 0 });
        answers
    }

    /// What is sent is there to be sent, and what was promised stays so.
    fn check(&mut self, plan: &SegmentPlan) {
        let (tcb, meta) = (&self.tcb, &plan.meta);
        if meta.len > 0 {
            let end = plan.offset + u64::from(meta.len);
            assert!(end <= tcb.queued_to(), "octets that nobody has queued: {plan:?} {tcb:?}");
            assert!(end > tcb.acked_to(), "octets that were acknowledged all: {plan:?} {tcb:?}");
        }
        let is_open = !matches!(tcb.state(), State::Listen | State::SynSent | State::Closed);
        if meta.flags.contains(TcpFlags::RST) || !is_open || meta.flags.contains(TcpFlags::SYN) {
            return;
        }
        assert!(meta.flags.contains(TcpFlags::ACK), "RFC 9293 §3.10: everything later acknowledges");
        // FreeBSD's window field does not promise that (SHLD-14): it says what is free.
        if tcb.config().dialect == Dialect::Rfc {
            let edge = tcb.rcv_nxt() + tcb.rcv_wnd();
            assert!(self.edge.is_none_or(|before| !edge.before(before)), "the window's edge moves left");
            self.edge = Some(edge);
        }
    }

    /// Looks at the twin, and tells of another state.
    fn see(&mut self) {
        let state = self.tcb.state();
        self.was_open |= state != State::Listen;
        if state == State::Listen && self.was_open {
            // Whoever comes next is promised something else, and without another ISN there is nothing to compare.
            (self.edge, self.twin) = (None, None);
        }
        if let Some(twin) = &self.twin {
            let due = self.tcb.poll_timeout().map(|at| at + Twin::LATER);
            assert_eq!(twin.0.poll_timeout(), due, "the twin is due at another time");
        }
        let prints = [&self.tcb, &self.tcb.clone()].map(|tcb| tcb.fingerprint(self.now));
        assert_eq!(prints[0], prints[1], "a copy has another fingerprint: {:?}", self.tcb);
        if self.recorder.is_on() && self.state != Some(state) {
            self.state = Some(state);
            let entry = Entry::State { end: 0, which: 0, local: None, remote: None, state };
            self.recorder.entry(self.now, &entry);
        }
    }
}

fn cookie(len: u8) -> Cookie {
    Cookie::new(&[7; 16][..usize::from(len % 17)]).expect("at most 16 octets")
}
