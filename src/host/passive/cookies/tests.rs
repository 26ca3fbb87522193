use proptest::prelude::*;

use super::super::testing::*;
use super::super::{ListenConfig, PassiveConfig};
use super::*;
use crate::tcp::Tcb;

fn always() -> ListenConfig {
    ListenConfig { cookies: SynCookies::Always, ..ListenConfig::default() }
}

fn side(config: &ListenConfig) -> Side {
    let mut side = Side::new(limits());
    side.listen("10.0.0.1:80", config);
    side.listen("[::]:80", &ListenConfig { v6_only: true, ..*config });
    side
}

impl Side {
    /// The cookie that answers `syn`.
    fn cookie(&mut self, tuple: &FiveTuple, syn: &SegmentMeta) -> SegmentMeta {
        match self.segment(tuple, syn) {
            Outcome::Reply(reply) => reply.meta,
            other => panic!("no cookie: {other:?}"),
        }
    }

    fn established(&mut self, tuple: &FiveTuple, ack: &SegmentMeta) -> Tcb {
        let mut tcb = self.promoted(tuple, ack).tcb;
        assert_eq!(tcb.state(), State::SynReceived);
        tcb.on_segment(self.now, ack);
        assert_eq!(tcb.state(), State::Established);
        tcb
    }
}

prop_compose! {
    fn syns()(
        seq in any::<u32>(),
        mss in prop::option::of(prop_oneof![0..3_000u16, any::<u16>()]),
        window_scale in prop::option::of(0..20u8),
        sack_permitted in any::<bool>(),
        val in prop::option::of(any::<u32>()),
        ecn in any::<bool>(),
    ) -> SegmentMeta {
        let timestamps = val.map(|val| Timestamps { val, ecr: 0 });
        let options = SegmentOptions { mss, window_scale, sack_permitted, timestamps, ..SegmentOptions::default() };
        let flags = if ecn { TcpFlags::SYN | ASKING } else { TcpFlags::SYN };
        SegmentMeta { seq: SeqNumber::new(seq), flags, window: 60_000, options, ..SegmentMeta::default() }
    }
}

fn answer(syn: &SegmentMeta, syn_ack: &SegmentMeta) -> SegmentMeta {
    let mut ack = ack(syn_ack);
    if let (Some(ours), Some(theirs)) = (&mut ack.options.timestamps, syn.options.timestamps) {
        ours.val = theirs.val.wrapping_add(1);
    }
    ack
}

proptest! {
    /// RFC 4987 §3.6: what was offered and what timestamps can carry is kept, for one period and the rest of another.
    #[test]
    fn a_cookie_that_comes_back_makes_the_connection_that_a_row_would_have_made(
        syn in syns(),
        v6 in any::<bool>(),
        start in 0..1_000_000u64,
        wait in 0..64_000u64,
    ) {
        let tuple = if v6 { peer6(7) } else { peer(7) };
        let mut cookies = side(&always());
        let mut rows = side(&ListenConfig::default());
        (cookies.now, rows.now) = (at(start), at(start));
        let syn_ack = cookies.cookie(&tuple, &syn);
        rows.segment(&tuple, &syn);
        let by_row = rows.replies()[0].meta;
        (cookies.now, rows.now) = (at(start + wait), at(start + wait));
        let made = cookies.established(&tuple, &answer(&syn, &syn_ack));
        prop_assert_eq!((cookies.passive.half_open(), cookies.passive.stats().cookies_accepted), (0, 1));
        let like = rows.established(&tuple, &answer(&syn, &by_row));

        // Without timestamps there is nothing to carry the rest.
        let stamped = syn.options.timestamps.is_some();
        prop_assert_eq!(syn_ack.options.timestamps.is_some(), stamped);
        prop_assert_eq!(syn_ack.options.window_scale, by_row.options.window_scale.filter(|_| stamped));
        prop_assert_eq!(syn_ack.options.sack_permitted, by_row.options.sack_permitted && stamped);
        prop_assert_eq!(made.uses_ecn(), like.uses_ecn() && stamped);
        prop_assert_eq!((made.iss() + 1, made.irs()), (made.snd_una(), like.irs()));
        prop_assert!(made.effective_send_mss() <= like.effective_send_mss());
        if stamped {
            prop_assert_eq!(made.snd_wnd(), like.snd_wnd());
            prop_assert_eq!(made.receive_scale(), like.receive_scale());
            // It takes at most 127 ms more for a round trip than it took.
            let (rtt, true_rtt) = (made.srtt().unwrap(), Duration::from_millis(wait));
            prop_assert!(rtt >= true_rtt && rtt <= true_rtt + Duration::from_millis(128), "{rtt:?} for {true_rtt:?}");
        } else {
            prop_assert_eq!((made.srtt(), made.retransmitted()), (None, 0));
        }
    }

    /// RFC 7323 §5.3: what is sent later must not look older.
    #[test]
    fn the_timestamp_of_a_cookie_is_never_ahead_of_the_clock(syn in syns(), start in 0..100_000u64) {
        let mut side = side(&always());
        side.now = at(start);
        let syn_ack = side.cookie(&peer(3), &syn);
        if let Some(timestamps) = syn_ack.options.timestamps {
            let offset = side.secret.timestamp_offset(peer(3).local_ip(), peer(3).remote_ip());
            let behind = clock(side.now, offset).wrapping_sub(timestamps.val);
            prop_assert!(behind < 64, "{behind}");
            prop_assert_eq!(timestamps.ecr, syn.options.timestamps.unwrap().val);
        }
    }

    /// The reset that follows is that of a closed port (RFC 9293 §3.10.7.2).
    #[test]
    fn an_acknowledgment_that_differs_anywhere_is_none_of_ours(
        syn in syns(),
        forge in 0..5u8,
        by in 1..u32::MAX,
        bit in 0..6u32,
    ) {
        let mut side = side(&always());
        let syn_ack = side.cookie(&peer(7), &syn);
        let mut ack = answer(&syn, &syn_ack);
        let mut tuple = peer(7);
        match forge {
            0 => tuple = peer(7 + by % 10_000 + 1),
            1 => ack.seq += by,
            2 => ack.ack += by,
            3 => match &mut ack.options.timestamps {
                Some(timestamps) => timestamps.ecr ^= 1 << bit,
                None => ack.options.timestamps = Some(Timestamps { val: 5, ecr: by }),
            },
            _ => side.secret = Secret::new([by as u8 ^ (SECRET[0] + 1); 32]),
        }
        let same = forge == 4 && by as u8 ^ (SECRET[0] + 1) == SECRET[0];
        let outcome = side.segment(&tuple, &ack);
        prop_assert!(matches!(outcome, Outcome::Unknown) || same, "{outcome:?}");
    }
}

/// Two periods: a cookie counts between 64 and 128 seconds.
#[test]
fn a_cookie_counts_for_a_minute_or_two() {
    let mut side = side(&always());
    let syn_ack = side.cookie(&peer(7), &syn());
    side.now = at(64_000);
    assert!(matches!(side.segment(&peer(7), &ack(&syn_ack)), Outcome::Promote(_)));
    side.now = at(128_000);
    assert!(matches!(side.segment(&peer(7), &ack(&syn_ack)), Outcome::Unknown));
    assert_eq!(side.passive.stats().cookies_failed, 1);
}

#[test]
fn under_pressure_a_flood_gets_cookies_and_who_was_there_stays() {
    let mut side = side(&ListenConfig { half_open: 3, ..ListenConfig::default() });
    let early = ack(&side.call(&peer(0)));
    for n in 1..3 {
        side.call(&peer(n));
    }
    for n in 3..1_000 {
        side.cookie(&peer(n), &syn());
    }
    let late = side.cookie(&peer(1_000), &syn());
    assert_eq!((side.passive.half_open(), side.passive.stats().evicted), (3, 0));
    assert_eq!(side.passive.stats().cookies_sent, 998);
    side.established(&peer(0), &early);
    side.established(&peer(1_000), &ack(&late));
    // There is room again.
    side.call(&peer(2_000));
}

#[test]
fn the_pressure_of_all_listeners_counts_too() {
    let mut side = Side::new(PassiveConfig { half_open: 2, ..limits() });
    side.listen("10.0.0.1:80", &ListenConfig::default());
    side.listen("[::]:80", &ListenConfig { v6_only: true, ..ListenConfig::default() });
    side.call(&peer(0));
    side.call(&peer(1));
    let syn_ack = side.cookie(&peer6(2), &syn());
    side.established(&peer6(2), &ack(&syn_ack));
}

/// Nobody gets a guess when no cookie was sent lately; hosts that share a secret and their peers do so at any time.
#[test]
fn cookies_count_where_some_were_sent_lately_or_are_shared() {
    let mut sender = side(&always());
    let ack = ack(&sender.cookie(&peer(7), &syn()));
    let mut quiet = side(&ListenConfig::default());
    assert!(matches!(quiet.segment(&peer(7), &ack), Outcome::Unknown));
    assert_eq!(quiet.passive.stats().cookies_failed, 0);

    let mut sharing = Side::new(PassiveConfig { shared_cookies: true, ..limits() });
    sharing.listen("10.0.0.1:80", &ListenConfig::default());
    sharing.established(&peer(7), &ack);
    let mut without = Side::new(PassiveConfig { shared_cookies: true, ..limits() });
    without.listen("10.0.0.1:80", &ListenConfig { cookies: SynCookies::Off, ..ListenConfig::default() });
    assert!(matches!(without.segment(&peer(7), &ack), Outcome::Unknown));
}

#[test]
fn while_the_backlog_is_full_a_cookie_waits_for_the_next_segment_of_its_owner() {
    let mut side = Side::new(limits());
    let listener = side.listen("10.0.0.1:80", &ListenConfig { backlog: 1, ..always() });
    let acks = [0, 1].map(|n| ack(&side.cookie(&peer(n), &syn())));
    side.promoted(&peer(0), &acks[0]);
    assert!(matches!(side.segment(&peer(1), &acks[1]), Outcome::Refused(Refused::BacklogFull)));
    side.passive.taken(listener);
    // The acknowledgment is lost; its first octets say the same.
    let data = SegmentMeta { len: 10, flags: TcpFlags::ACK | TcpFlags::PSH, ..acks[1] };
    let tcb = side.established(&peer(1), &data);
    assert_eq!(tcb.readable_to(), 10);
}

/// Who waits for a decision has to be remembered.
#[test]
fn who_decides_sends_no_cookies() {
    let mut side = side(&ListenConfig { decide: true, half_open: 1, ..always() });
    for n in 0..3 {
        assert!(matches!(side.segment(&peer(n), &syn()), Outcome::Taken));
    }
    assert_eq!((side.passive.half_open(), side.passive.stats().cookies_sent), (1, 0));
}

/// RFC 9293 MUST-16: never more than the peer takes.
#[test]
fn a_size_is_never_larger_than_what_the_peer_takes() {
    let config = TcpConfig::default();
    for mss in 64..=u16::MAX {
        let options = SegmentOptions { mss: Some(mss), ..SegmentOptions::default() };
        let (kept, size, _) = reduced(&config, &SegmentMeta { options, ..syn() });
        assert!(kept.options.mss.is_some_and(|kept| kept <= mss && SIZES[size as usize] == kept));
    }
}
