//! What the options of a SYN are made of, each with all of its values: window scales, MSS, and the rounding that a scale
//! brings with it; and streams so long that their numbers come around.

use std::time::Duration;

use tcpstate::tcp::{
    Command, Queue, SegmentMeta, SegmentOptions, SegmentPlan, Tcb, TcpConfig, Timestamps, Unpredictable,
};
use tcpstate::{SeqNumber, State, TcpFlags};

use crate::all_seen;
use crate::rig::NOW;

const ISS: SeqNumber = SeqNumber::new(u32::MAX - 10);
const IRS: SeqNumber = SeqNumber::new(u32::MAX - 20);

fn secrets() -> Unpredictable {
    Unpredictable { iss: ISS, timestamp_offset: 0 }
}

/// A SYN of the peer, or its SYN,ACK.
fn syn(answers: bool, window: u16, options: SegmentOptions) -> SegmentMeta {
    let flags = if answers { TcpFlags::SYN | TcpFlags::ACK } else { TcpFlags::SYN };
    SegmentMeta { seq: IRS, ack: ISS + 1, flags, window, options, ..SegmentMeta::default() }
}

fn ack(window: u16) -> SegmentMeta {
    SegmentMeta { seq: IRS + 1, ack: ISS + 1, flags: TcpFlags::ACK, window, ..SegmentMeta::default() }
}

/// An open machine whose peer's SYN had these options, and its own SYN or SYN,ACK.
fn open(config: &TcpConfig, calls: bool, window: u16, options: SegmentOptions) -> (Tcb, SegmentMeta) {
    let mut tcb = if calls { Tcb::connect(config, secrets(), NOW) } else { Tcb::listen(config) };
    tcb.prepare(secrets());
    let mut ours = tcb.poll_segment(NOW);
    tcb.on_segment(NOW, &syn(calls, window, options));
    ours = ours.or_else(|| tcb.poll_segment(NOW));
    while tcb.poll_segment(NOW).is_some() {}
    (tcb, ours.expect("a SYN, or a SYN,ACK").meta)
}

/// RFC 7323 §2.2 and §2.3.
#[test]
fn every_shift_that_a_peer_can_offer_scales_its_windows_by_fourteen_at_the_most() {
    let mut seen = 0;
    for scaling in [false, true] {
        for calls in [false, true] {
            for shift in 0..=255_u8 {
                for window in [0, 1, 255, 256, 4097, u16::MAX] {
                    let mut config = TcpConfig::default();
                    (config.window_scaling, config.timestamps) = (scaling, false);
                    let options = SegmentOptions { window_scale: Some(shift), ..SegmentOptions::default() };
                    let (mut tcb, ours) = open(&config, calls, window, options);
                    assert_eq!(ours.options.window_scale.is_some(), scaling);
                    assert_eq!(tcb.snd_wnd(), u32::from(window), "the window of a SYN is as it stands there");
                    tcb.on_segment(NOW, &ack(window));
                    // A multiplication for each bit, and no shift.
                    let units = (0..shift.min(14)).filter(|_| scaling).fold(1, |unit: u32, _| unit * 2);
                    assert_eq!(tcb.snd_wnd(), u32::from(window) * units, "{shift} and {window}");
                    assert_eq!(tcb.state(), State::Established);
                    seen += 1;
                }
            }
        }
    }
    all_seen(seen, 2 * 2 * 256 * 6);
}

/// RFC 7323 §2.3.
#[test]
fn our_shift_is_the_least_with_which_the_largest_window_fits_or_the_one_that_was_asked_for() {
    let mut seen = 0;
    let options = SegmentOptions { window_scale: Some(0), ..SegmentOptions::default() };
    for power in 0..32 {
        for window in [(1_u32 << power) - 1, 1 << power, (1 << power) + 1] {
            let mut config = TcpConfig::default();
            (config.receive_window, config.receive_window_max) = (window, 0);
            let (_, ours) = open(&config, true, 1000, options);
            let shift = ours.options.window_scale.expect("it is offered");
            // In whole units: what is less than one does not count.
            let units = |shift: u8| u64::from(window).min(65_535 << 14) / 2_u64.pow(u32::from(shift));
            assert!(shift <= 14 && units(shift) <= 65_535, "{window}: {shift}");
            assert!(shift == 0 || units(shift - 1) > 65_535, "{window}: {shift}");
            assert_eq!(u64::from(ours.window), u64::from(window).clamp(1, 65_535));
            seen += 1;
        }
    }
    for asked in 0..=255_u8 {
        let mut config = TcpConfig::default();
        config.window_scale = Some(asked);
        let (tcb, ours) = open(&config, true, 1000, options);
        assert_eq!((ours.options.window_scale, tcb.receive_scale()), (Some(asked.min(14)), asked.min(14)));
        seen += 1;
    }
    all_seen(seen, 32 * 3 + 256);
}

/// RFC 9293 §3.7.1, RFC 6691.
#[test]
fn every_mss_that_a_peer_can_ask_for_is_kept_between_what_makes_sense_and_what_we_send() {
    let stamps = Some(Timestamps { val: 5, ecr: 0 });
    let mut seen = 0;
    for timestamps in [false, true] {
        for mss in (0..=u16::MAX).map(Some).chain([None]) {
            let mut config = TcpConfig::default();
            config.timestamps = timestamps;
            let options = SegmentOptions { mss, timestamps: stamps, ..SegmentOptions::default() };
            let (mut tcb, _) = open(&config, true, u16::MAX, options);
            tcb.on_command(NOW, Command::Queue(Queue { len: 10_000, ..Queue::default() }))
                .expect("it is open");
            let sent = tcb.poll_segment(NOW).expect("a full segment").meta;
            // 536 where nothing was said (MUST-15); below 64 nobody means it; options count (RFC 6691).
            let theirs = u32::from(mss.unwrap_or(536)).max(64);
            let most = theirs.min(1460) - if timestamps { 12 } else { 0 };
            assert_eq!((sent.len, sent.options.timestamps.is_some()), (most, timestamps), "{mss:?}");
            seen += 1;
        }
    }
    all_seen(seen, 2 * 65_537);
}

/// A peer fills a window with crumbs of equal size; the user reads nothing.
fn crumbs(shift: u8, buffer: u32, crumb: u32) {
    let mut config = TcpConfig::default();
    (config.receive_window, config.receive_window_max, config.window_scale) = (buffer, 0, Some(shift));
    (config.timestamps, config.ack_delay) = (false, Duration::ZERO);
    let options = SegmentOptions { window_scale: Some(0), ..SegmentOptions::default() };
    let (mut tcb, ours) = open(&config, true, 1000, options);
    let unit = u64::from(1_u32 << shift);
    let mut furthest = u64::from(ours.window);
    let mut sent = 0;
    while sent < furthest {
        let len = crumb.min((furthest - sent) as u32);
        let seq = IRS + 1 + sent as u32;
        tcb.on_segment(NOW, &SegmentMeta { seq, len, ..ack(1000) });
        let answer = tcb.poll_segment(NOW).expect("every crumb is acknowledged").meta;
        let taken = u64::from(answer.ack - (IRS + 1));
        // What was promised is taken.
        assert_eq!(taken, sent + u64::from(len), "{shift} {buffer} {crumb}");
        sent = taken;
        let edge = taken + u64::from(answer.window) * unit;
        assert!(edge + unit > furthest, "{shift} {buffer} {crumb}: from {furthest} to {edge}");
        let slack = u64::from(buffer / 8).max(unit);
        assert!(edge <= u64::from(buffer) + slack, "{shift} {buffer} {crumb}: as far as {edge}");
        furthest = furthest.max(edge);
    }
    // What is left is less than a field can say.
    assert!(u64::from(tcb.rcv_wnd()) < unit, "{shift} {buffer} {crumb}: {} left", tcb.rcv_wnd());
}

/// RFC 7323 §2.4.
#[test]
fn the_right_edge_never_moves_left_by_a_unit_and_what_it_promises_is_taken() {
    let mut seen = 0;
    for shift in 0..=14 {
        for buffer in [1, 2, 3, 7, 8, 9, 31, 63, 64, 65, 100, 127, 200, 255, 257] {
            for crumb in [1, 3, 8] {
                crumbs(shift, buffer, crumb);
                seen += 1;
            }
        }
    }
    all_seen(seen, 15 * 15 * 3);
}

#[test]
#[ignore = "36,000 cases: in an optimised build"]
fn the_right_edge_never_moves_left_by_a_unit_whatever_the_buffer_and_the_crumbs() {
    let mut seen = 0;
    for shift in 0..=14 {
        for buffer in 1..=240 {
            for crumb in 1..=10 {
                crumbs(shift, buffer, crumb);
                seen += 1;
            }
        }
    }
    all_seen(seen, 15 * 240 * 10);
}

/// Sends everything that may be sent, and checks each segment against its place in the stream.
fn sends(tcb: &mut Tcb, sent: &mut u64) {
    while let Some(SegmentPlan { meta, offset, .. }) = tcb.poll_segment(NOW) {
        if meta.len == 0 {
            continue;
        }
        assert_eq!(offset, *sent, "one octet after the other");
        assert_eq!(i64::from(meta.seq.get()), (i64::from(ISS.get()) + 1 + *sent as i64) % (1 << 32));
        *sent += u64::from(meta.len);
    }
}

#[test]
fn a_stream_that_is_sent_counts_on_where_its_numbers_come_around_twice() {
    let mut config = TcpConfig::default();
    (config.mss, config.pacing, config.timestamps) = (u16::MAX, false, false);
    let options = SegmentOptions { mss: Some(u16::MAX), window_scale: Some(14), ..SegmentOptions::default() };
    let (mut tcb, _) = open(&config, true, u16::MAX, options);
    let (mut sent, mut queued, mut rounds) = (0_u64, 0_u64, 0);
    while sent < (2 << 32) + 1000 {
        if queued - sent < 1 << 31 {
            tcb.on_command(NOW, Command::Queue(Queue { len: 1 << 30, ..Queue::default() }))
                .expect("it is open");
            queued += 1 << 30;
        }
        let before = sent;
        sends(&mut tcb, &mut sent);
        assert!(sent > before, "it goes on");
        let all = SegmentMeta { ack: ISS + 1 + sent as u32, ..ack(u16::MAX) };
        assert_eq!(tcb.on_segment(NOW, &all).acked_to, sent, "counted in 64 bits");
        assert_eq!((tcb.snd_una(), tcb.queued_to()), (all.ack, queued));
        rounds += 1;
    }
    assert!(rounds > 10, "not in one go: {rounds}");
}

#[test]
fn a_stream_that_is_received_counts_on_where_its_numbers_come_around_twice() {
    let mut config = TcpConfig::default();
    (config.receive_window, config.receive_window_max) = (1 << 29, 0);
    (config.timestamps, config.ack_delay) = (false, Duration::ZERO);
    let options = SegmentOptions { window_scale: Some(0), ..SegmentOptions::default() };
    let (mut tcb, _) = open(&config, true, 1000, options);
    // From where around each lap small segments are tried out.
    let stops: Vec<u64> =
        (1..=2_u64).flat_map(|lap| (0..5).map(move |back| (lap << 32) - 2 + back)).collect();
    let (mut at, mut seen) = (0_u64, 0);
    for stop in stops {
        while at < stop {
            let len = (stop - at).min(u64::from(tcb.rcv_wnd())) as u32;
            let seq = IRS + 1 + at as u32;
            let verdict = tcb.on_segment(NOW, &SegmentMeta { seq, len, ..ack(1000) });
            at += u64::from(len);
            assert_eq!((verdict.readable_to, verdict.refused), (at, None));
            tcb.on_command(NOW, Command::Consumed(len)).expect("it was readable");
            while tcb.poll_segment(NOW).is_some() {}
        }
        for place in -3_i64..=3 {
            for len in 1..=4_u32 {
                let start = at.wrapping_add_signed(place);
                let seq = IRS + 1 + start as u32;
                let placed = tcb.clone().on_segment(NOW, &SegmentMeta { seq, len, ..ack(1000) }).store;
                let (from, to) = (start.max(at), start + u64::from(len));
                let right =
                    (from < to).then_some((from, (from - start) as u32, (to.max(from) - from) as u32));
                assert_eq!(
                    placed.map(|placed| (placed.offset, placed.skip, placed.len)),
                    right,
                    "{at} {place} {len}"
                );
                seen += 1;
            }
        }
    }
    all_seen(seen, 10 * 7 * 4);
}
