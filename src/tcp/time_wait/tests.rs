//! A row is held against a machine that hears the same.

use alloc::vec::Vec;
use core::time::Duration;
use proptest::prelude::*;

use super::super::config::Unpredictable;
use super::super::dialect::Dialect;
use super::super::segment::SackList;
use super::super::{Command, Queue};
use super::*;

const IRS: u32 = u32::MAX - 5;
const ISS: u32 = u32::MAX - 3;

fn at(millis: u64) -> Instant {
    Instant::from_nanos(5_000_000_000 + millis * 1_000_000)
}

/// A segment of the peer, `offset` octets behind its SYN.
fn segment(offset: u32, ack: u32, flags: TcpFlags, len: u32, val: Option<u32>) -> SegmentMeta {
    SegmentMeta {
        seq: SeqNumber::new(IRS.wrapping_add(offset)),
        ack: SeqNumber::new(ISS.wrapping_add(ack)),
        flags,
        window: 20,
        len,
        options: SegmentOptions {
            timestamps: val.map(|val| Timestamps { val, ecr: 0 }),
            ..SegmentOptions::default()
        },
        ..SegmentMeta::default()
    }
}

/// A machine in TIME-WAIT that has sent SYN, 10 octets and FIN, and received SYN, `octets` and FIN, of which the user
/// has read some.
fn waiting(config: &TcpConfig, octets: u32, read: u32, val: Option<u32>, wscale: Option<u8>) -> Tcb {
    let mut tcb = Tcb::listen(*config);
    tcb.prepare(Unpredictable { iss: SeqNumber::new(ISS), timestamp_offset: 99 });
    let dry = |tcb: &mut Tcb| while tcb.poll_segment(at(0)).is_some() {};
    let mut syn = segment(0, 0, TcpFlags::SYN, 0, val);
    syn.options.window_scale = wscale;
    tcb.on_segment(at(0), &syn);
    dry(&mut tcb);
    let val = val.filter(|_| config.timestamps);
    tcb.on_segment(at(0), &segment(1, 1, TcpFlags::ACK, 0, val));
    tcb.on_command(at(0), Command::Queue(Queue { len: 10, ..Queue::default() })).unwrap();
    tcb.on_command(at(0), Command::Shutdown).unwrap();
    dry(&mut tcb);
    let octets = octets.min(tcb.rcv_wnd().saturating_sub(1));
    tcb.on_segment(at(0), &segment(1, 12, TcpFlags::ACK, octets, val));
    tcb.on_command(at(0), Command::Consumed(read.min(octets))).unwrap();
    dry(&mut tcb);
    tcb.on_segment(at(0), &segment(1 + octets, 12, TcpFlags::ACK | TcpFlags::FIN, 0, val));
    dry(&mut tcb);
    assert_eq!(tcb.state(), State::TimeWait);
    tcb
}

fn usual() -> Tcb {
    waiting(&TcpConfig::default(), 100, 100, Some(7), Some(7))
}

prop_compose! {
    fn machines()(
        window in prop::sample::select(alloc::vec![1u32, 2, 120, 65_536, 1 << 20]),
        offers in any::<[bool; 3]>(),
        challenge_acks in 0..3u8,
        octets in 0..200u32,
        read in 0..200u32,
        val in prop::option::of(5..9u32),
        wscale in prop::option::of(0..15u8),
        dialect in prop::sample::select(alloc::vec![Dialect::Rfc, Dialect::FreeBsd, Dialect::Linux]),
    ) -> Tcb {
        let mut config =
            TcpConfig { receive_window: window, challenge_acks, dialect, ..TcpConfig::default() };
        [config.rfc1337, config.timestamps, config.window_scaling] = offers;
        waiting(&config, octets, read, val, wscale)
    }
}

prop_compose! {
    /// How far from RCV.NXT and SND.NXT, the bits, the length, the timestamp; and how long before the next.
    fn segments()(
        offset in prop_oneof![-4..4i32, -200..200i32, any::<i32>()],
        ack in prop_oneof![-2..2i32, any::<i32>()],
        bits in any::<u16>(),
        len in prop_oneof![Just(0), 0..5u32, 0..300u32],
        val in prop::option::of(4..12u32),
        wait in 0..1_500u64,
    ) -> (i32, i32, SegmentMeta, u64) {
        let flags = if bits & 0x200 == 0 { TcpFlags::ACK | TcpFlags::from_bits(bits & 1) } else { TcpFlags::from_bits(bits) };
        (offset, ack, segment(0, 0, flags, len, val), wait)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Whatever comes, a row says what a machine would say, and lives as long.
    #[test]
    fn a_row_does_what_a_machine_does(
        tcb in machines(),
        segments in prop::collection::vec(segments(), 0..30),
    ) {
        let mut tcb = tcb;
        let config = *tcb.config();
        let mut row = TimeWait::of(&tcb).unwrap();
        // Its window is the one that the next acknowledgment tells.
        tcb.rcv.advertise(&config);
        let mut due = tcb.poll_timeout();
        let mut now = 0;
        for (offset, ack, mut seg, wait) in segments {
            now += wait;
            seg.seq = SeqNumber::new(tcb.rcv_nxt().get().wrapping_add_signed(offset));
            seg.ack = SeqNumber::new(tcb.snd_max().get().wrapping_add_signed(ack));
            prop_assert_eq!(row.may_reopen(&config, &seg), tcb.may_reopen(&seg));
            let waited = row.on_segment(&config, at(now), &seg);
            let verdict = tcb.on_segment(at(now), &seg);
            let mut said = Vec::new();
            while let Some(plan) = tcb.poll_segment(at(now)) {
                let mut meta = plan.meta;
                meta.options.sack = SackList::default();
                said.push(meta);
            }
            tcb.rcv.dsack = Default::default();
            let (reason, answer) = match waited {
                Waited::Heard | Waited::Over => (None, None),
                Waited::Refused(reason, answer) => (Some(reason), answer),
                Waited::Again(answer) => {
                    due = Some(at(now) + config.time_wait);
                    // A FIN, and whatever has no place any more: Linux takes both alike.
                    let fin = seg.flags.contains(TcpFlags::FIN) && verdict.refused != Some(DropReason::DataAfterFin);
                    let reason = if fin || !config.is_linux() { DropReason::BelowWindow } else { DropReason::DataAfterFin };
                    (Some(reason), answer)
                }
            };
            prop_assert_eq!((verdict.refused, &said), (reason, &answer.into_iter().collect()), "{:?}", seg);
            prop_assert_eq!(row.state(), tcb.state());
            if waited == Waited::Over {
                prop_assert_eq!(row.state(), State::Closed);
                return Ok(());
            }
            prop_assert_eq!(due, tcb.poll_timeout());
        }
    }
}

#[test]
fn a_row_takes_36_octets() {
    assert_eq!(size_of::<TimeWait>(), 36);
}

#[test]
fn only_a_machine_in_time_wait_that_has_said_everything_becomes_a_row() {
    assert_eq!(TimeWait::of(&Tcb::listen(TcpConfig::default())), None);
    let mut tcb = usual();
    assert!(TimeWait::of(&tcb).is_some());
    let fin =
        SegmentMeta { seq: tcb.rcv_nxt() - 1, ..segment(0, 12, TcpFlags::ACK | TcpFlags::FIN, 0, Some(7)) };
    tcb.on_segment(at(0), &fin);
    assert_eq!(TimeWait::of(&tcb), None);
    assert!(tcb.poll_segment(at(0)).is_some());
    assert!(TimeWait::of(&tcb).is_some());
}

/// RFC 9293 §3.10.7.4, eighth check.
#[test]
fn the_fin_again_is_acknowledged_and_begins_the_wait_anew() {
    let mut row = TimeWait::of(&usual()).unwrap();
    let fin = segment(101, 12, TcpFlags::ACK | TcpFlags::FIN, 0, Some(7));
    let Waited::Again(Some(ack)) = row.on_segment(&TcpConfig::default(), at(9), &fin) else {
        panic!("the wait does not begin anew");
    };
    assert_eq!(
        (ack.seq, ack.ack, ack.flags),
        (SeqNumber::new(ISS) + 12, SeqNumber::new(IRS) + 102, TcpFlags::ACK)
    );
    assert_eq!(ack.options.timestamps, Some(Timestamps { val: 99 + 5_009, ecr: 7 }));
}

/// RFC 1337 §3; RFC 9293 §3.10.7.4, second check.
#[test]
fn a_reset_is_ignored_unless_it_is_to_count() {
    let reset = segment(102, 0, TcpFlags::RST, 0, None);
    let mut row = TimeWait::of(&usual()).unwrap();
    let mut config = TcpConfig::default();
    assert_eq!(row.on_segment(&config, at(0), &reset), Waited::Refused(DropReason::ResetInTimeWait, None));
    config.rfc1337 = false;
    assert_eq!(row.on_segment(&config, at(0), &reset), Waited::Over);
    assert_eq!(row.state(), State::Closed);
}

/// RFC 6191 §2, RFC 9293 §3.6.1 (MAY-2), RFC 6528 §2.
// RFC 1122-2
#[test]
fn a_newer_syn_may_reopen_and_its_numbers_lie_beyond_the_old_ones() {
    let row = TimeWait::of(&usual()).unwrap();
    assert!(row.may_reopen(&TcpConfig::default(), &segment(0, 0, TcpFlags::SYN, 0, Some(8))));
    assert!(!row.may_reopen(&TcpConfig::default(), &segment(500, 0, TcpFlags::SYN, 0, Some(6))));
    assert!(row.may_reopen(&TcpConfig::default(), &segment(103, 0, TcpFlags::SYN, 0, Some(7))));
    assert!(!row.may_reopen(&TcpConfig::default(), &segment(102, 0, TcpFlags::SYN, 0, None)));
    let old = SeqNumber::new(ISS) + 12;
    assert_eq!(row.next_iss(old - 1), old + 0x1_0000);
    assert_eq!(row.next_iss(old + 0x2_0000), old + 0x2_0000);
    let mut row = row;
    assert!(row.end(Event::Syn));
    assert_eq!(row.state(), State::SynReceived);
}

/// RFC 5961 §7.
// RFC 5961-9
#[test]
fn challenges_are_few_in_any_one_second() {
    let mut row = TimeWait::of(&usual()).unwrap();
    let config = TcpConfig::default();
    let syn = segment(103, 0, TcpFlags::SYN, 0, Some(6));
    let mut sent = 0;
    for millis in 0..2_000 {
        let Waited::Refused(DropReason::OldTimestamp, answer) = row.on_segment(&config, at(millis), &syn)
        else {
            panic!("an old SYN counts");
        };
        sent += u32::from(answer.is_some());
    }
    assert!(sent <= 2 * u32::from(config.challenge_acks) && sent > 0, "{sent}");
    assert_eq!(config.time_wait, Duration::from_secs(240));
}

/// Linux's order of the checks: whatever has an ACK and does not stand at RCV.NXT begins the wait anew; without, it is
/// answered only. See `Dialect`.
#[test]
fn as_linux_only_an_acknowledgment_begins_the_wait_anew() {
    let config = TcpConfig { dialect: Dialect::Linux, ..TcpConfig::default() };
    let wait = TimeWait::of(&waiting(&config, 100, 100, Some(7), Some(7))).unwrap();
    let hear = |flags, offset, len| {
        let mut row = wait;
        row.on_segment(&config, at(9), &segment(offset, 12, flags, len, Some(7)))
    };
    assert!(matches!(hear(TcpFlags::ACK, 90, 5), Waited::Again(Some(_))));
    assert!(matches!(hear(TcpFlags::ACK, 90, 0), Waited::Again(Some(_))));
    assert!(matches!(hear(TcpFlags::ACK | TcpFlags::FIN, 101, 0), Waited::Again(_)));
    assert!(matches!(hear(TcpFlags::FIN, 101, 0), Waited::Refused(DropReason::DataAfterFin, Some(_))));
    assert!(matches!(hear(TcpFlags::SYN, 90, 0), Waited::Refused(DropReason::DataAfterFin, Some(_))));
    let silent = TcpConfig { challenge_acks: 0, ..config };
    let mut row = wait;
    let answered_too_often = row.on_segment(&silent, at(9), &segment(90, 12, TcpFlags::ACK, 0, Some(7)));
    assert_eq!(answered_too_often, Waited::Again(None));
    assert_eq!(hear(TcpFlags::ACK, 102, 0), Waited::Heard);
    assert_eq!(hear(TcpFlags::RST, 101, 0), Waited::Refused(DropReason::ResetOutsideWindow, None));
}

/// RFC 5961 §5.2: no older than the largest window that the peer has offered.
// RFC 5961-8
#[test]
fn an_acknowledgment_older_than_the_largest_window_is_challenged() {
    let mut row = TimeWait::of(&usual()).unwrap();
    let window = row.max_wnd;
    let config = TcpConfig::default();
    let oldest = segment(102, 12_u32.wrapping_sub(window), TcpFlags::ACK, 0, Some(7));
    assert_eq!(row.on_segment(&config, at(0), &oldest), Waited::Heard);
    let older = SegmentMeta { ack: oldest.ack - 1, ..oldest };
    assert!(matches!(
        row.on_segment(&config, at(0), &older),
        Waited::Refused(DropReason::AckTooOld, Some(_))
    ));
}

/// RFC 9293 §3.10.7.4: with a window of zero, what stands at RCV.NXT is refused for that, and acknowledged.
#[test]
fn a_closed_window_refuses_what_is_next() {
    let config = TcpConfig { receive_window: 120, ..TcpConfig::default() };
    let mut row = TimeWait::of(&waiting(&config, 119, 0, Some(7), None)).unwrap();
    let heard = row.on_segment(&config, at(1), &segment(121, 12, TcpFlags::ACK, 1, Some(7)));
    assert!(matches!(heard, Waited::Refused(DropReason::ZeroWindow, Some(_))), "{heard:?}");
}
