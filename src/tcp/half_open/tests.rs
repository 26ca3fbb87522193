//! A row is held against a machine that hears the same.

use alloc::vec::Vec;
use core::time::Duration;
use proptest::prelude::*;

use super::super::Tcb;
use super::super::command::Command;
use super::super::config::Ecn;
use super::super::segment::SackList;
use super::*;

const IRS: u32 = 1_000;
const ISS: u32 = u32::MAX;

fn secrets() -> Unpredictable {
    Unpredictable { iss: SeqNumber::new(ISS), timestamp_offset: 77 }
}

fn at(millis: u64) -> Instant {
    Instant::from_nanos(5_000_000_000 + millis * 1_000_000)
}

fn plain_syn() -> SegmentMeta {
    let options = SegmentOptions {
        mss: Some(1400),
        window_scale: Some(7),
        sack_permitted: true,
        timestamps: Some(Timestamps { val: 10, ecr: 0 }),
        ..SegmentOptions::default()
    };
    SegmentMeta {
        seq: SeqNumber::new(IRS),
        flags: TcpFlags::SYN,
        window: 64_000,
        options,
        ..SegmentMeta::default()
    }
}

fn segment(offset: i32, flags: TcpFlags, ack: u32, val: Option<u32>) -> SegmentMeta {
    let timestamps = val.map(|val| Timestamps { val, ecr: 0 });
    SegmentMeta {
        seq: SeqNumber::new((IRS + 1).wrapping_add_signed(offset)),
        ack: SeqNumber::new(ISS.wrapping_add(ack)),
        flags,
        window: 500,
        options: SegmentOptions { timestamps, ..SegmentOptions::default() },
        ..SegmentMeta::default()
    }
}

/// A row that has sent its SYN,ACK at `at(0)`.
fn row(config: &TcpConfig) -> HalfOpen {
    let mut row = HalfOpen::meet(config, &plain_syn(), secrets(), at(0)).unwrap();
    assert!(row.poll_segment(config, at(0)).is_some());
    row
}

fn settings() -> impl Strategy<Value = TcpConfig> {
    let flags = (any::<[bool; 3]>(), 0..3u8, prop::option::of(0..20_000u64));
    let sizes =
        (prop::sample::select(alloc::vec![1, 1_000, 65_536, 1 << 20]), 100..2_000u16, 0..4u8, 1..3_000u64);
    (flags, sizes).prop_map(|((offers, ecn, timeout), (window, mss, challenges, rto))| {
        let mut config = TcpConfig::default();
        [config.window_scaling, config.timestamps, config.sack] = offers;
        config.ecn = [Ecn::Off, Ecn::Accept, Ecn::Request][usize::from(ecn)];
        config.user_timeout = timeout.map(Duration::from_millis);
        (config.receive_window, config.mss, config.challenge_acks) = (window, mss, challenges);
        config.initial_rto = Duration::from_millis(rto);
        config.syn_r2 = Duration::from_secs(20);
        config
    })
}

prop_compose! {
    fn syns()(
        mss in prop::option::of(0..3_000u16),
        window_scale in prop::option::of(0..20u8),
        sack_permitted in any::<bool>(),
        val in prop::option::of(0..30u32),
        window in any::<u16>(),
        ecn in any::<bool>(),
    ) -> SegmentMeta {
        let timestamps = val.map(|val| Timestamps { val, ecr: 0 });
        let options = SegmentOptions { mss, window_scale, sack_permitted, timestamps, ..SegmentOptions::default() };
        let flags = if ecn { TcpFlags::SYN | ASKING } else { TcpFlags::SYN };
        SegmentMeta { seq: SeqNumber::new(IRS), flags, window, options, ..SegmentMeta::default() }
    }
}

#[derive(Clone, Copy, Debug)]
enum Act {
    Syn(SegmentMeta),
    Segment(SegmentMeta),
    Wait(u64),
    Error(NetworkError),
    Poll,
}

prop_compose! {
    fn segments()(
        offset in prop_oneof![-3..3i32, -100_000..100_000i32],
        bits in any::<u16>(),
        ack in 0..3u32,
        val in prop::option::of(0..40u32),
        len in 0..3u32,
    ) -> SegmentMeta {
        // Every second one could be an answer to the SYN,ACK.
        let flags = if bits & 0x200 == 0 { TcpFlags::ACK } else { TcpFlags::from_bits(bits) };
        SegmentMeta { len, ..segment(offset, flags, ack, val) }
    }
}

fn errors() -> impl Strategy<Value = NetworkError> {
    (any::<bool>(), 0..3u32).prop_map(|(hard, behind)| {
        let seq = SeqNumber::new(ISS.wrapping_sub(1).wrapping_add(behind));
        NetworkError { hard, code: 3, seq }
    })
}

fn acts() -> impl Strategy<Value = Act> {
    prop_oneof![
        2 => syns().prop_map(Act::Syn),
        4 => segments().prop_map(Act::Segment),
        3 => (0..4_000u64).prop_map(Act::Wait),
        1 => errors().prop_map(Act::Error),
        6 => Just(Act::Poll),
    ]
}

/// A row and the machine that it stands for.
struct Both {
    config: TcpConfig,
    row: HalfOpen,
    tcb: Tcb,
    now: u64,
}

impl Both {
    fn new(config: TcpConfig, syn: &SegmentMeta) -> Self {
        let mut tcb = Tcb::listen(config);
        tcb.prepare(secrets());
        tcb.on_segment(at(0), syn);
        Self { config, row: HalfOpen::meet(&config, syn, secrets(), at(0)).unwrap(), tcb, now: 0 }
    }

    fn now(&self) -> Instant {
        at(self.now)
    }

    /// What both say, the row `answer` before anything else.
    fn poll(&mut self, answer: Option<SegmentMeta>) {
        let mut expected = Vec::new();
        while let Some(plan) = self.tcb.poll_segment(self.now()) {
            let mut meta = plan.meta;
            // Rows report no duplicates.
            meta.options.sack = SackList::default();
            expected.push(meta);
        }
        self.tcb.rcv.dsack = Default::default();
        let syn_ack = self.row.poll_segment(&self.config, self.now());
        let said: Vec<_> = answer.into_iter().chain(syn_ack).collect();
        assert_eq!(said, expected);
        self.agree();
    }

    fn agree(&mut self) {
        let mut tcb = self.tcb.clone();
        // An acknowledgment of the SYN takes it back in any case.
        tcb.r1_told = false;
        if self.row.times_sent() > 0 {
            let made = self.row.tcb(&self.config.into());
            assert_eq!(made.records.oldest(), tcb.records.oldest());
            // Of copies before the last one a row does not know when they were sent; nor does anybody ask.
            tcb.records = made.records.clone();
            assert!(made == tcb, "{made:#?}\nand not\n{tcb:#?}");
        }
        assert_eq!(self.row.state(), self.tcb.state());
        assert_eq!(self.row.poll_timeout(&self.config), self.tcb.poll_timeout());
    }

    /// Says whether the row still stands.
    fn act(&mut self, act: &Act) -> bool {
        match act {
            Act::Poll => self.poll(None),
            Act::Wait(millis) => {
                self.now += millis;
                self.tcb.on_timeout(self.now());
                if !self.row.on_timeout(&self.config, self.now()) {
                    return false;
                }
            }
            Act::Error(error) => {
                let _ = self.tcb.on_command(self.now(), Command::NetworkError(*error));
                return !self.row.on_network_error(&self.config, *error);
            }
            Act::Syn(seg) => return self.hear(seg, false),
            Act::Segment(seg) => return self.hear(seg, true),
        }
        true
    }

    fn hear(&mut self, seg: &SegmentMeta, poll: bool) -> bool {
        let now = self.now();
        let heard = self.row.on_segment(&self.config, now, seg);
        if heard == Heard::Acknowledged {
            let mut made = self.row.tcb(&self.config.into());
            let verdicts = (made.on_segment(now, seg), self.tcb.on_segment(now, seg));
            assert_eq!(verdicts.0, verdicts.1);
            made.records = self.tcb.records.clone();
            assert!(made == self.tcb, "{made:#?}\nand not\n{:#?}", self.tcb);
            assert!(self.tcb.state().is_synchronized());
            return false;
        }
        let verdict = self.tcb.on_segment(now, seg);
        match heard {
            Heard::Refused(reason, answer) => {
                assert_eq!(verdict.refused, Some(reason));
                if poll || answer.is_some() {
                    self.poll(answer);
                }
            }
            Heard::Again => assert_eq!(verdict.refused, Some(DropReason::BelowWindow)),
            Heard::Over => return false,
            Heard::Acknowledged => {}
        }
        true
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Whatever comes, a row says what a machine would say, at the same time, and becomes the same machine.
    #[test]
    fn a_row_does_what_a_machine_does(
        config in settings(),
        syn in syns(),
        acts in prop::collection::vec(acts(), 0..40),
    ) {
        let mut both = Both::new(config, &syn);
        let mut stands = true;
        for act in &acts {
            stands = both.act(act);
            if !stands {
                break;
            }
        }
        if !stands && !both.tcb.state().is_synchronized() {
            prop_assert_eq!(both.tcb.state(), State::Listen);
            prop_assert_eq!(both.row.state(), State::Listen);
        }
    }
}

#[test]
fn a_row_takes_64_octets() {
    assert_eq!(size_of::<HalfOpen>(), 64);
}

#[test]
fn only_a_plain_syn_is_met() {
    let config = TcpConfig::default();
    for flags in [TcpFlags::ACK, TcpFlags::RST] {
        let syn = SegmentMeta { flags: TcpFlags::SYN | flags, ..plain_syn() };
        assert_eq!(HalfOpen::meet(&config, &syn, secrets(), at(0)), None);
    }
    let fin = SegmentMeta { flags: TcpFlags::FIN, ..plain_syn() };
    assert_eq!(HalfOpen::meet(&config, &fin, secrets(), at(0)), None);
}

/// RFC 9293 §3.10.7.2 leaves it to the receiver whether octets on a SYN are kept: these are sent again.
#[test]
fn octets_and_a_fin_on_the_syn_are_left_to_be_sent_again() {
    let config = TcpConfig::default();
    let syn = SegmentMeta { len: 100, flags: TcpFlags::SYN | TcpFlags::FIN, ..plain_syn() };
    let mut row = HalfOpen::meet(&config, &syn, secrets(), at(0)).unwrap();
    let syn_ack = row.poll_segment(&config, at(0)).unwrap();
    assert_eq!(syn_ack.ack, SeqNumber::new(IRS + 1));
    let mut tcb = row.tcb(&config.into());
    let data = SegmentMeta { len: 100, ..segment(0, TcpFlags::ACK | TcpFlags::FIN, 1, Some(11)) };
    let verdict = tcb.on_segment(at(1), &data);
    assert_eq!((verdict.readable_to, tcb.state()), (100, State::CloseWait));
}

#[test]
fn the_syn_ack_goes_again_with_twice_the_wait_each_time_until_r2() {
    let config = TcpConfig::default();
    let mut row = row(&config);
    let mut sent = Vec::new();
    while let Some(due) = row.poll_timeout(&config) {
        if !row.on_timeout(&config, due) {
            break;
        }
        assert!(row.poll_segment(&config, due).is_some());
        sent.push((due - at(0)).as_secs());
    }
    assert_eq!(sent, [1, 3, 7, 15, 31, 63, 123]);
    assert_eq!(row.state(), State::Listen);
}

/// RFC 5961 §3.2.
#[test]
fn only_an_exact_reset_ends_the_attempt() {
    let config = TcpConfig::default();
    let reset = |offset| row(&config).on_segment(&config, at(1), &segment(offset, TcpFlags::RST, 0, None));
    assert_eq!(reset(0), Heard::Over);
    assert_eq!(reset(-1), Heard::Refused(DropReason::ResetOutsideWindow, None));
    assert!(
        matches!(reset(1), Heard::Refused(DropReason::ResetNotExact, Some(challenge)) if challenge.flags == TcpFlags::ACK)
    );
}

/// RFC 5961 §3.2, and RFC 793 §3.4 where that is chosen: in either case the reset has to lie in the window.
// RFC 5961-3
#[test]
fn a_reset_in_the_window_is_challenged_or_ends_the_attempt_and_one_beyond_does_neither() {
    for insecure_reset in [false, true] {
        let config = TcpConfig { insecure_reset, receive_window: 5_000, ..TcpConfig::default() };
        let reset =
            |offset| row(&config).on_segment(&config, at(1), &segment(offset, TcpFlags::RST, 0, None));
        for offset in [1, 2_500, 4_999] {
            match reset(offset) {
                Heard::Over => assert!(insecure_reset, "{offset}"),
                Heard::Refused(DropReason::ResetNotExact, Some(_)) => assert!(!insecure_reset, "{offset}"),
                other => panic!("{offset}: {other:?}"),
            }
        }
        for offset in [-1, 5_000, 5_001] {
            assert_eq!(reset(offset), Heard::Refused(DropReason::ResetOutsideWindow, None), "{offset}");
        }
    }
}

/// RFC 9293 §3.10.7.4, fifth check.
#[test]
fn an_acknowledgment_of_something_else_is_reset_and_the_row_stays() {
    let config = TcpConfig::default();
    let mut row = row(&config);
    let ack = segment(0, TcpFlags::ACK, 2, Some(10));
    let heard = row.on_segment(&config, at(1), &ack);
    assert_eq!(heard, Heard::Refused(DropReason::AckNotOfSynAck, ack.reset_in_answer()));
    assert_eq!(row.state(), State::SynReceived);
}

/// Linux's order of the checks: see `Dialect`.
#[test]
fn for_linux_the_acknowledgment_is_looked_at_first_and_a_syn_in_the_window_is_reset() {
    let config = TcpConfig { dialect: crate::tcp::Dialect::Linux, ..TcpConfig::default() };
    let mut row = row(&config);
    let bad = segment(1_000_000, TcpFlags::ACK, 2, Some(10));
    let heard = row.on_segment(&config, at(1), &bad);
    assert_eq!(heard, Heard::Refused(DropReason::AckNotOfSynAck, bad.reset_in_answer()));
    assert_eq!(row.state(), State::SynReceived);
    let syn = segment(5, TcpFlags::SYN, 0, Some(10));
    let heard = row.on_segment(&config, at(2), &syn);
    assert_eq!(heard, Heard::Refused(DropReason::SynOnOpenConnection, syn.reset_in_answer()));
    assert_eq!(row.state(), State::Listen);
    let both = SegmentMeta { flags: TcpFlags::SYN | TcpFlags::FIN, ..plain_syn() };
    assert!(HalfOpen::meet(&config, &both, secrets(), at(0)).is_none());
}

#[test]
fn while_the_owner_decides_nothing_is_sent_and_then_the_syn_ack_is() {
    let config = TcpConfig::default();
    let mut row = HalfOpen::meet(&config, &plain_syn(), secrets(), at(0)).unwrap();
    row.wait(&config);
    assert_eq!(row.poll_segment(&config, at(0)), None);
    assert_eq!(row.on_segment(&config, at(1_000), &plain_syn()), Heard::Again);
    assert_eq!(row.poll_segment(&config, at(1_000)), None);
    let mut patient = row;
    row.accept();
    assert!(row.poll_segment(&config, at(2_000)).is_some());
    assert_eq!(row.poll_timeout(&config), Some(at(3_000)));
    // Who never decides lets it go at R2.
    assert_eq!(patient.poll_timeout(&config), Some(at(180_000)));
    assert!(!patient.on_timeout(&config, at(180_000)));
}

/// RFC 6298 §3: what was acknowledged was perhaps a copy, or nobody knows when it was sent.
#[test]
fn a_cookie_without_timestamps_gives_no_round_trip() {
    let config = TcpConfig::default();
    let syn = SegmentMeta { options: SegmentOptions::default(), ..plain_syn() };
    let row = HalfOpen::resume(&config, &syn, secrets(), at(500), None).unwrap();
    let mut tcb = row.tcb(&config.into());
    tcb.on_segment(at(500), &segment(0, TcpFlags::ACK, 1, None));
    assert_eq!((tcb.state(), tcb.srtt(), tcb.retransmitted()), (State::Established, None, 0));

    let row = HalfOpen::resume(&config, &plain_syn(), secrets(), at(500), Some(at(450))).unwrap();
    let mut tcb = row.tcb(&config.into());
    tcb.on_segment(at(500), &segment(0, TcpFlags::ACK, 1, Some(10)));
    assert_eq!((tcb.state(), tcb.srtt()), (State::Established, Some(Duration::from_millis(50))));
}

/// RFC 9293 §3.10.7.4, Table 6: a segment lies in the window with its first or its last octet. One that begins before it and
/// ends behind it does neither.
// RFC 9293 X-4
#[test]
fn a_segment_that_reaches_over_both_edges_is_not_acceptable() {
    let config = TcpConfig { receive_window: 10, ..TcpConfig::default() };
    let hear = |offset, len| {
        let seg = SegmentMeta { len, ..segment(offset, TcpFlags::ACK, 1, Some(11)) };
        row(&config).on_segment(&config, at(1), &seg)
    };
    assert!(matches!(hear(-5, 30), Heard::Refused(DropReason::BelowWindow, Some(_))));
    for (offset, len) in [(-5, 6), (-5, 15), (0, 30), (9, 30)] {
        assert_eq!(hear(offset, len), Heard::Acknowledged, "{len} octets at {offset}");
    }
}

/// What only some connections need is memory that is held for it: a SYN,ACK that was sent once needs nothing.
#[test]
fn a_machine_from_a_row_that_has_waited_for_nothing_holds_nothing_rare() {
    let config = TcpConfig::default();
    assert!(row(&config).tcb(&config.into()).rare.get().is_none());
}

/// RFC 7323 §5.3 R1: octets with an old timestamp are acknowledged; without octets it is a challenge, and those are few.
#[test]
fn octets_with_an_old_timestamp_are_acknowledged_where_no_challenge_is_left() {
    let config = TcpConfig { challenge_acks: 0, ..TcpConfig::default() };
    let bare = segment(0, TcpFlags::ACK, 1, Some(9));
    let heard = row(&config).on_segment(&config, at(1), &bare);
    assert_eq!(heard, Heard::Refused(DropReason::OldTimestamp, None));
    let heard = row(&config).on_segment(&config, at(1), &SegmentMeta { len: 1, ..bare });
    assert!(matches!(heard, Heard::Refused(DropReason::OldTimestamp, Some(_))), "{heard:?}");
}
