//! How the receive window follows what the user reads, within RFC 9293 §3.8.6; and how many ranges out of order
//! a window is worth.
//!
//! That our right edge never moves left is checked for every segment of every script (`script.rs`).

use std::time::Duration;

use tcpstate::tcp::{Command, SegmentMeta, Tcb, TcpConfig, Unpredictable};
use tcpstate::{Instant, SeqNumber, State, TcpFlags};

use super::script::{Script, Stage, plain_but, play};

const ROUND_TRIP: Duration = Duration::from_millis(100);

/// 10,000 octets at the beginning, and 200,000 at the most.
fn tuned() -> TcpConfig {
    plain_but(|config| {
        (config.receive_window_max, config.window_scaling, config.timestamps) = (200_000, true, true);
    })
}

/// [`tuned`] with a change.
fn tuned_but(change: impl FnOnce(&mut TcpConfig)) -> TcpConfig {
    let mut config = tuned();
    change(&mut config);
    config
}

/// An open connection with a path of 100 ms, and what the peer says next.
struct Flow {
    script: Script,
    seq: i64,
    timestamps: bool,
}

impl Flow {
    fn new(stage: Stage, config: &TcpConfig) -> Self {
        let mut script = stage.connect(config);
        let _syn = script.poll();
        let _quiet = script.pass(ROUND_TRIP);
        let mut answer = seg!(SYN, seq: 0, ack: 1, mss: config.mss);
        if config.window_scaling {
            answer = answer.wscale(0);
        }
        script.send(&if config.timestamps { answer.ts((0, 0)) } else { answer });
        let _ack = script.burst();
        let _rest = script.pass(ROUND_TRIP);
        Self { script, seq: 1, timestamps: config.timestamps }
    }

    /// So many segments come, in answer to what we said a round trip ago, and the user reads some of the octets.
    /// Then a round trip passes.
    fn round(&mut self, segments: u32, reads: u32) {
        let s = &mut self.script;
        let clock = s.ms();
        for _ in 0..segments {
            let mut seg = seg!(seq: self.seq, ack: 1, len: 1_000);
            if self.timestamps {
                seg = seg.ts((clock, clock - 100));
            }
            s.also(&seg);
            self.seq += 1_000;
        }
        s.call(Command::Consumed(reads));
        let _acks = s.pass(ROUND_TRIP);
    }

    fn reads(&mut self, reads: u32) {
        self.script.call(Command::Consumed(reads));
        let _acks = self.script.burst();
    }

    /// The largest window now, and what the peer has of it.
    fn window(&self) -> (u32, u32) {
        let tcb = &self.script.tcb;
        (tcb.info(self.script.at()).receive_buffer, tcb.rcv_wnd())
    }

    fn is(&self, window: u32) {
        let (buffer, told) = self.window();
        assert_eq!(buffer, window);
        // The window field counts in units of 4.
        assert!(told >= window && told < window + 4, "{told} of {window}");
    }
}

/// RFC 7323 §2.3: the shift is fixed by the SYN, so it is for what the window may become.
#[test]
fn the_window_scale_is_chosen_for_the_largest_window() {
    for (begin, most, scale) in [
        (64 << 10, 4 << 20, 7),
        (65_535, 65_535, 0),
        (65_535, 0, 0),
        (1_000, 65_536, 1),
        (256 << 10, 0, 3),
        (1 << 20, 256 << 10, 5),
        (1_000, u32::MAX, 14),
    ] {
        let mut config = TcpConfig::default();
        (config.receive_window, config.receive_window_max) = (begin, most);
        let mut tcb = Tcb::connect(config, Unpredictable::default(), Instant::ZERO);
        let syn = tcb.poll_segment(Instant::ZERO).expect("a SYN").meta;
        assert_eq!(syn.options.window_scale, Some(scale), "{begin} to {most}");
        assert_eq!(syn.window, u16::try_from(begin).unwrap_or(u16::MAX), "where it begins");
    }
}

/// The window is ahead of a sender in slow start, and then twice what is read in a round trip.
// RFC 9293 SHLD-14
#[test]
fn the_window_grows_with_what_is_read_in_a_round_trip() {
    for timestamps in [true, false] {
        play(|stage| {
            let config = tuned_but(|config| config.timestamps = timestamps);
            let mut flow = Flow::new(stage, &config);
            flow.is(10_000);
            flow.round(4, 4_000);
            flow.is(10_000);
            // Both together: the round trip that is counted began when the first octets came.
            flow.round(4, 4_000);
            flow.is(8 * 8_000);
            flow.round(16, 16_000);
            flow.is(2 * 16_000 + 6 * 8_000);
            flow.round(32, 32_000);
            flow.is(5 * 32_000);
            flow.round(32, 32_000);
            flow.is(5 * 32_000);
            flow.round(120, 120_000);
            flow.is(200_000);
        });
    }
}

/// He reads 3,000 octets in a round trip: the sender fills the window, and that is no reason for a larger one.
#[test]
fn a_slow_reader_gets_no_larger_window() {
    play(|stage| {
        let mut flow = Flow::new(stage, &tuned());
        flow.round(6, 1_000);
        for _ in 0..50 {
            flow.round(3, 3_000);
        }
        assert_eq!(flow.window().0, 10_000);
    });
}

/// What was promised stays promised (SHLD-14); as it is used up, the window becomes what it was at the beginning.
// RFC 9293 SHLD-14
#[test]
fn after_a_silence_the_window_goes_back_and_its_edge_stays() {
    play(|stage| {
        let mut flow = Flow::new(stage, &tuned());
        for _ in 0..2 {
            flow.round(10, 10_000);
        }
        flow.is(160_000);
        let edge = i64::from(flow.window().1) + flow.seq;
        let _quiet = flow.script.pass(span!(6 s));
        flow.round(1, 1_000);
        assert_eq!(flow.window().0, 10_000, "it is worth no more now");
        let mut told = flow.window().1;
        while told > 10_003 {
            assert_eq!(i64::from(told) + flow.seq, edge, "and the edge is where it was");
            flow.script.also(&seg!(seq: flow.seq, ack: 1, len: 1_000, ts: (flow.script.ms(), 0)));
            flow.seq += 1_000;
            flow.reads(1_000);
            told = flow.window().1;
        }
        assert!(told >= 10_000, "{told}");
    });
}

/// A reader who has not come for long has not been idle: what he left unread fills the window.
#[test]
fn a_reader_who_pauses_keeps_his_window() {
    play(|stage| {
        let mut flow = Flow::new(stage, &tuned());
        for _ in 0..2 {
            flow.round(10, 10_000);
        }
        flow.is(160_000);
        flow.round(40, 0);
        let _quiet = flow.script.pass(span!(60 s));
        flow.reads(1_000);
        assert_eq!(flow.window().0, 160_000);
    });
}

/// RFC 7323 §2.2: without scaling nobody can be told of more than 65,535.
#[test]
fn without_scaling_the_window_grows_to_what_its_field_can_say() {
    play(|stage| {
        let config = tuned_but(|config| config.window_scaling = false);
        let mut flow = Flow::new(stage, &config);
        for _ in 0..2 {
            flow.round(10, 10_000);
        }
        assert_eq!(flow.window(), (65_535, 65_535));
    });
}

#[test]
fn a_cap_that_is_no_larger_keeps_the_window_as_it_is() {
    play(|stage| {
        let config = tuned_but(|config| config.receive_window_max = 9_999);
        let mut flow = Flow::new(stage, &config);
        for _ in 0..20 {
            flow.round(10, 10_000);
            flow.is(10_000);
        }
    });
}

/// An echo from an hour ago, and one from the future, say nothing of the path, and end nothing.
#[test]
fn echoes_that_cannot_be_are_passed_over() {
    play(|stage| {
        let mut flow = Flow::new(stage, &tuned());
        for ecr in [3_600_000, -3_600_000, i64::from(i32::MAX), 1] {
            let clock = flow.script.ms();
            flow.script.also(&seg!(seq: flow.seq, ack: 1, len: 1_000, ts: (clock, ecr)));
            flow.seq += 1_000;
            flow.reads(1_000);
            let _acks = flow.script.pass(ROUND_TRIP);
        }
        assert!(flow.window().0 < 20_000);
    });
}

// --- Out of order ---

/// A machine whose peer may send a window of so many octets, and the peer's next number.
fn open(window: u32) -> (Tcb, SeqNumber) {
    let now = Instant::ZERO;
    let mut config = TcpConfig::default();
    (config.receive_window, config.receive_window_max, config.timestamps) = (window, 0, false);
    let mut tcb = Tcb::connect(config, Unpredictable::default(), now);
    let syn = tcb.poll_segment(now).expect("a SYN").meta;
    let irs = SeqNumber::new(u32::MAX - 1_000_000);
    let mut answer = SegmentMeta {
        seq: irs,
        ack: syn.seq + 1,
        flags: TcpFlags::SYN | TcpFlags::ACK,
        window: 1_000,
        ..SegmentMeta::default()
    };
    answer.options.window_scale = Some(0);
    answer.options.sack_permitted = true;
    tcb.on_segment(now, &answer);
    assert_eq!(tcb.state(), State::Established);
    while tcb.poll_segment(now).is_some() {}
    (tcb, irs + 1)
}

/// Segments of `len` octets at every second place of the window, `most` of them; answers how many were taken, and
/// how many refused.
fn every_other(tcb: &mut Tcb, first: SeqNumber, len: u32, most: u32) -> (usize, usize) {
    let ack = tcb.snd_max();
    let (mut taken, mut refused) = (0, 0);
    for number in 0..most.min(tcb.rcv_wnd() / (2 * len)) {
        let seq = first + (2 * number + 1) * len;
        let header = SegmentMeta { seq, ack, flags: TcpFlags::ACK, window: 1_000, len, ..Default::default() };
        let verdict = tcb.on_segment(Instant::ZERO, &header);
        (taken, refused) = if verdict.store.is_some() { (taken + 1, refused) } else { (taken, refused + 1) };
        let answer = tcb.poll_segment(Instant::ZERO).expect("a duplicate acknowledgment").meta;
        if verdict.store.is_some() {
            assert_eq!(answer.options.sack.as_slice()[0], (seq, seq + len), "the newest first");
        }
    }
    (taken, refused)
}

/// 1 Gbit/s and 300 ms: slow start overshoots, and a full queue drops every other one of 25,000 segments. What
/// arrived is kept, so that only what is missing is sent again (RFC 2018 §8).
#[test]
fn of_a_window_that_lost_every_other_segment_the_others_are_kept() {
    let (mut tcb, first) = open(75 << 20);
    let (taken, refused) = every_other(&mut tcb, first, 1_448, u32::MAX);
    assert_eq!((taken, refused), (27_155, 0));
    assert_eq!(tcb.out_of_order().len(), 27_155);
    // Then the gaps are filled from the front.
    let ack = tcb.snd_max();
    for number in 0..27_155 {
        let seq = first + 2 * number * 1_448;
        let header =
            SegmentMeta { seq, ack, flags: TcpFlags::ACK, window: 1_000, len: 1_448, ..Default::default() };
        assert_eq!(tcb.on_segment(Instant::ZERO, &header).refused, None);
        assert_eq!(tcb.rcv_nxt(), seq + 2 * 1_448);
    }
    assert_eq!(tcb.out_of_order().len(), 0);
}

/// Single octets at every second place: no more ranges than full-sized segments would make, and 64 in any case.
#[test]
fn crumbs_make_no_more_ranges_than_segments_would() {
    for (window, ranges) in [(4 << 20, 3_912), (256 << 10, 244), (64 << 10, 64), (1_000, 64)] {
        let (mut tcb, first) = open(window);
        let taken = every_other(&mut tcb, first, 1, 5_000);
        assert_eq!(taken, (ranges, (window as usize / 2).min(5_000) - ranges), "of {window}");
    }
}
