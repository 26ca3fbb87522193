//! A good step for tests to spoil.

use std::time::Duration;

use tcpstate::tcp::{SegmentMeta, Verdict};
use tcpstate::{Instant, SeqNumber, State, TcpFlags};

use super::{Cause, Sight, Step};

/// Both ends are in ESTABLISHED with windows of four octets, nothing was sent as yet, and nothing happens.
pub fn open() -> Step {
    let (iss, irs) = (SeqNumber::new(u32::MAX), SeqNumber::new(7));
    let own = Sight {
        state: State::Established,
        iss,
        irs,
        una: 1,
        max: 1,
        snd_wnd: 4,
        rcv_nxt: 1,
        rcv_edge: 5,
        two_msl: Duration::from_secs(240),
        ..Sight::none()
    };
    Step {
        now: Instant::from_nanos(1_000_000_000),
        end: 0,
        cause: Cause::Nothing,
        before: own,
        after: own,
        peer: Sight { iss: irs, irs: iss, ..own },
        transitions: Vec::new(),
        sent: Vec::new(),
        inbox: [0; 8],
    }
}

/// The same, with a segment that fits: it begins where the end is, and acknowledges nothing new.
pub fn arrives(step: Step, flags: TcpFlags, len: u32) -> Step {
    let ack = step.before.iss + 1;
    let seg = SegmentMeta { seq: step.before.irs + 1, ack, flags, len, window: 4, ..SegmentMeta::default() };
    Step { cause: Cause::Segment(seg, 0, Some(Verdict::default())), ..step }
}
