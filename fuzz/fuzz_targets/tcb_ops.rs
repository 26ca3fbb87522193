//! Any segments, calls and times, near what the machine expects next: it holds its own promises (debug assertions),
//! comes to rest after each of them, has no deadline that has passed, and `step` is the same as the call.
//!
//! Input: a choice of options, then operations, an octet for the kind and a few for its arguments.

#![no_main]

use arbitrary::{Arbitrary, Unstructured};
use core::time::Duration;
use libfuzzer_sys::fuzz_target;
use tcpstate::tcp::{
    Command, Ecn, Input, Keepalive, NetworkError, Output, Queue, SegmentMeta, Tcb, TcpConfig, Timestamps,
    Unpredictable,
};
use tcpstate::{EcnCodepoint, Instant, SeqNumber, State, TcpFlags};

/// What a poll may take to come to rest: a window in octets of data, and some more.
const MOST_POLLS: u32 = 70_000;

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
        ts: Option<(i8, i8)>,
        sack: bool,
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
    NetworkError {
        hard: bool,
        code: u8,
        back: u16,
    },
    /// On to the next deadline.
    Deadline,
    /// So many milliseconds, or years.
    Wait(u16),
    WaitLong(u32),
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

#[derive(Arbitrary, Debug)]
struct Beginning {
    iss: u32,
    active: bool,
    small: bool,
    options: u8,
    window: u16,
    mss: u16,
}

fn begin(beginning: &Beginning, now: Instant) -> Tcb {
    let mut config = TcpConfig::default();
    let on = |bit: u8| beginning.options & bit != 0;
    (config.timestamps, config.sack, config.window_scaling, config.nagle) = (on(1), on(2), on(4), on(8));
    if beginning.window & 1 == 1 {
        config.ecn = Ecn::Request;
    }
    if on(16) {
        config.ack_delay = Duration::ZERO;
    }
    if on(32) {
        config.receive_window = u32::from(beginning.window);
    }
    if on(64) {
        config.mss = beginning.mss;
    }
    if on(128) {
        (config.min_rto, config.granularity, config.initial_rto) =
            (Duration::ZERO, Duration::ZERO, Duration::ZERO);
    }
    let secrets = Unpredictable { iss: SeqNumber::new(beginning.iss), timestamp_offset: beginning.iss };
    if beginning.active {
        return Tcb::connect(config, secrets, now);
    }
    let mut tcb = Tcb::listen(config);
    tcb.prepare(secrets);
    tcb
}

fn segment(op: &Op, tcb: &Tcb, now: Instant) -> Option<SegmentMeta> {
    let Op::Segment { flags, seq, ack, window, urgent, len, ts, sack } = op else { return None };
    let rcv_edge = tcb.rcv_nxt() + tcb.rcv_wnd();
    let mut meta = SegmentMeta {
        seq: seq.of([tcb.rcv_nxt(), rcv_edge, tcb.irs()]),
        ack: ack.of([tcb.snd_una(), tcb.snd_nxt(), tcb.snd_max()]),
        flags: TcpFlags::from_bits(u16::from(*flags)),
        window: *window,
        urgent: *urgent,
        len: u32::from(*len),
        ecn: EcnCodepoint::from_bits(*window as u8),
        ..SegmentMeta::default()
    };
    let clock = (now.as_nanos() / 1_000_000) as u32;
    meta.options.timestamps = ts.map(|(val, ecr)| Timestamps {
        val: clock.wrapping_add_signed(val.into()),
        ecr: clock.wrapping_add(tcb.iss().get()).wrapping_add_signed(ecr.into()),
    });
    (meta.options.sack_permitted, meta.options.mss) = (*sack, sack.then_some(*urgent));
    meta.options.window_scale = sack.then_some((*window & 15) as u8);
    Some(meta)
}

fn input(op: &Op, tcb: &Tcb, now: Instant) -> Input {
    let millis = |n: u16| Duration::from_millis(n.into());
    Input::Command(match *op {
        Op::Segment { .. } => return segment(op, tcb, now).map_or(Input::Poll, Input::Segment),
        Op::Deadline | Op::Wait(_) | Op::WaitLong(_) => return Input::Timeout,
        Op::Queue { len, push, more, urgent } => {
            Command::Queue(Queue { len: len.into(), push, more, urgent })
        }
        Op::Consume(most) => {
            let there = tcb.readable_to() - tcb.consumed_to();
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
        Op::NetworkError { hard, code, back } => {
            Command::NetworkError(NetworkError { hard, code, seq: tcb.snd_max() - u32::from(back) })
        }
    })
}

fn step(tcb: &mut Tcb, now: Instant, input: Input) -> Output {
    let (after, output) = tcb.clone().step(now, input);
    let called = match input {
        Input::Segment(meta) => Output::Segment(tcb.on_segment(now, &meta)),
        Input::Timeout => Output::Timeout(tcb.on_timeout(now)),
        Input::Command(command) => Output::Command(tcb.on_command(now, command)),
        Input::Poll => Output::Poll(tcb.poll_segment(now)),
    };
    assert!(after == *tcb && called == output, "step differs from the call");
    output
}

fn rest(tcb: &mut Tcb, now: Instant) {
    let mut polls = 0;
    while tcb.poll_segment(now).is_some() {
        polls += 1;
        assert!(polls < MOST_POLLS, "does not come to rest: {tcb:?}");
    }
}

fuzz_target!(|octets: &[u8]| {
    let mut from = Unstructured::new(octets);
    let Ok(beginning) = Beginning::arbitrary(&mut from) else { return };
    let mut now = Instant::from_nanos(u64::from(beginning.small) * 5_000_000_000);
    let mut tcb = begin(&beginning, now);
    while let Ok(op) = Op::arbitrary(&mut from) {
        match op {
            Op::Deadline => now = tcb.poll_timeout().unwrap_or(now).max(now),
            Op::Wait(ms) => now = now + Duration::from_millis(ms.into()),
            Op::WaitLong(s) => now = now + Duration::from_secs(s.into()),
            _ => {}
        }
        let (readable, acked) = (tcb.readable_to(), tcb.acked_to());
        let input = input(&op, &tcb, now);
        step(&mut tcb, now, input);
        rest(&mut tcb, now);
        if tcb.state() != State::Listen {
            assert!(tcb.readable_to() >= readable && tcb.acked_to() >= acked, "what was said is taken back");
        }
        assert!(tcb.acked_to() <= tcb.queued_to() && tcb.consumed_to() <= tcb.readable_to());
        step(&mut tcb, now, Input::Timeout);
        rest(&mut tcb, now);
        assert!(tcb.poll_timeout().is_none_or(|at| at > now), "a deadline that has passed: {tcb:?}");
        if from.is_empty() {
            break;
        }
    }
});
