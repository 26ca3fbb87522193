use alloc::collections::BTreeMap;
use core::time::Duration;
use proptest::prelude::*;

use super::super::testing::*;
use super::super::{ListenConfig, PassiveConfig, SynCookies};
use super::*;
use crate::TcpFlags;
use crate::host::demux;
use crate::tcp::{Command, TcpConfig, Timestamps, Unpredictable};

const ISS: u32 = 70_000;

/// A machine in TIME-WAIT whose peer has begun with [`syn`].
fn over(secret: &Secret, tuple: &FiveTuple, now: Instant) -> Tcb {
    let mut tcb = Tcb::listen(TcpConfig::default());
    let timestamp_offset = secret.unpredictable(tuple.local(), tuple.remote(), now).timestamp_offset;
    tcb.prepare(Unpredictable { iss: SeqNumber::new(ISS), timestamp_offset });
    tcb.on_segment(now, &syn());
    let syn_ack = tcb.poll_segment(now).unwrap().meta;
    let ack = ack(&syn_ack);
    tcb.on_segment(now, &ack);
    tcb.on_command(now, Command::Shutdown).unwrap();
    while tcb.poll_segment(now).is_some() {}
    let fin = SegmentMeta { ack: ack.ack + 1, flags: TcpFlags::FIN | TcpFlags::ACK, ..ack };
    tcb.on_segment(now, &fin);
    while tcb.poll_segment(now).is_some() {}
    assert_eq!(tcb.state(), State::TimeWait);
    tcb
}

fn fin() -> SegmentMeta {
    let options = crate::tcp::SegmentOptions {
        timestamps: Some(Timestamps { val: 501, ecr: 0 }),
        ..Default::default()
    };
    SegmentMeta {
        seq: syn().seq + 1,
        ack: SeqNumber::new(ISS) + 2,
        flags: TcpFlags::FIN | TcpFlags::ACK,
        options,
        ..SegmentMeta::default()
    }
}

impl Side {
    fn add(&mut self, tuple: &FiveTuple) -> bool {
        let tcb = over(&self.secret, tuple, self.now);
        self.passive.add_time_wait(self.now, demux::hash(&self.secret, tuple), tuple, &tcb)
    }

    fn claim(&mut self, tuple: &FiveTuple, wanted: u32) -> Claim {
        self.passive.claim(self.now, demux::hash(&self.secret, tuple), tuple, SeqNumber::new(wanted))
    }
}

/// RFC 9293 §3.6.1: 2·MSL, and again from the FIN that comes again.
#[test]
fn a_row_stays_for_twice_the_msl_and_anew_from_each_fin() {
    let mut side = Side::new(limits());
    assert!(side.add(&peer(1)) && side.add(&peer6(1)));
    assert_eq!(side.passive.first_deadline(), Some(at(240_000)));
    side.now = at(100_000);
    let Outcome::Reply(reply) = side.segment(&peer(1), &fin()) else { panic!("the FIN is not acknowledged") };
    assert_eq!((reply.tuple, reply.listener, reply.meta.ack), (peer(1), None, fin().seq + 1));
    side.passive.on_timeout(at(240_000));
    assert_eq!((side.passive.time_waits(), side.passive.first_deadline()), (1, Some(at(340_000))));
    let rows: alloc::vec::Vec<_> = side.passive.rows().map(|row| (row.tuple, row.state)).collect();
    assert_eq!(rows, [(peer(1), State::TimeWait)]);
    side.passive.on_timeout(at(340_000));
    assert_eq!((side.passive.time_waits(), side.passive.first_deadline()), (0, None));
    assert!(matches!(side.segment(&peer(1), &fin()), Outcome::Unknown));
}

/// RFC 6191 §2, RFC 9293 MAY-2; RFC 6528 §2.
#[test]
fn a_newer_syn_takes_the_place_of_the_row_with_numbers_beyond_the_old_ones() {
    let mut side = Side::new(limits());
    side.listen("10.0.0.1:80", &ListenConfig::default());
    assert!(side.add(&peer(1)));
    let mut newer = syn();
    newer.options.timestamps = Some(Timestamps { val: 502, ecr: 0 });
    assert!(matches!(side.segment(&peer(1), &newer), Outcome::Taken));
    assert_eq!((side.passive.time_waits(), side.passive.half_open()), (0, 1));
    let replies = side.replies();
    let iss = side.secret.unpredictable(peer(1).local(), peer(1).remote(), side.now).iss;
    assert_eq!(replies[0].meta.seq, iss.latest(SeqNumber::new(ISS) + 2 + 0x1_0000));
    assert_eq!(side.passive.stats().reopened, 1);
}

#[test]
fn an_old_syn_or_one_that_nobody_listens_for_is_challenged() {
    let mut side = Side::new(limits());
    assert!(side.add(&peer(1)));
    let mut newer = syn();
    newer.options.timestamps = Some(Timestamps { val: 502, ecr: 0 });
    assert!(
        matches!(side.segment(&peer(1), &newer), Outcome::Reply(reply) if reply.meta.flags == TcpFlags::ACK)
    );
    side.listen("10.0.0.1:80", &ListenConfig::default());
    assert!(
        matches!(side.segment(&peer(1), &syn()), Outcome::Reply(reply) if reply.meta.flags == TcpFlags::ACK)
    );
    assert_eq!((side.passive.time_waits(), side.passive.half_open()), (1, 0));
}

#[test]
fn a_row_stays_when_there_is_no_room_for_the_new_connection() {
    let mut side = Side::new(limits());
    let config = ListenConfig { half_open: 0, ..ListenConfig::default() };
    side.listen("10.0.0.1:80", &config);
    assert!(side.add(&peer(1)));
    let mut newer = syn();
    newer.options.timestamps = Some(Timestamps { val: 502, ecr: 0 });
    assert!(matches!(side.segment(&peer(1), &newer), Outcome::Refused(Refused::NoRoom)));
    assert_eq!((side.passive.time_waits(), config.cookies), (1, SynCookies::UnderPressure));
}

#[test]
fn the_oldest_row_makes_room() {
    let mut side = Side::new(PassiveConfig { time_wait: 3, ..limits() });
    for n in 0..5 {
        side.now = at(u64::from(n));
        assert!(side.add(&if n % 2 == 0 { peer(n) } else { peer6(n) }));
    }
    assert_eq!((side.passive.time_waits(), side.passive.stats().time_wait_evicted), (3, 2));
    assert!(matches!(side.segment(&peer6(1), &fin()), Outcome::Unknown));
    assert!(matches!(side.segment(&peer(2), &fin()), Outcome::Reply(_)));
    let mut none = Side::new(PassiveConfig { time_wait: 0, ..limits() });
    assert!(none.add(&peer(1)) && none.add(&peer(2)));
    assert_eq!(none.passive.time_waits(), 0);
    assert_eq!((none.passive.stats().time_waits, none.passive.stats().time_wait_evicted), (2, 2));
}

#[test]
fn only_a_machine_in_time_wait_becomes_a_row_and_no_name_is_there_twice() {
    let mut side = Side::new(limits());
    let hash = demux::hash(&side.secret, &peer(1));
    assert!(!side.passive.add_time_wait(side.now, hash, &peer(1), &Tcb::listen(TcpConfig::default())));
    assert!(side.add(&peer(1)) && !side.add(&peer(1)));
    assert_eq!(side.passive.time_waits(), 1);
}

#[test]
fn our_own_user_may_call_again_after_a_second_with_timestamps() {
    let mut side = Side::new(limits());
    assert_eq!(side.claim(&peer(1), 5), Claim::Free);
    assert!(side.add(&peer(1)));
    side.now = at(999);
    assert_eq!(side.claim(&peer(1), 5), Claim::Taken);
    side.now = at(1_000);
    assert_eq!(side.claim(&peer(1), 5), Claim::Reused(SeqNumber::new(ISS) + 2 + 0x1_0000));
    assert_eq!(side.claim(&peer(1), 5), Claim::Free);
    side.listen("10.0.0.1:80", &ListenConfig::default());
    side.call(&peer(1));
    assert_eq!(side.claim(&peer(1), 5), Claim::Taken);
}

#[test]
fn a_row_takes_96_octets_for_ipv4_and_128_for_ipv6_at_most() {
    for (name, most) in [(peer as fn(u32) -> FiveTuple, 96), (peer6, 128)] {
        let mut side = Side::new(limits());
        let tcb = over(&side.secret, &name(0), side.now);
        // 114,689 is where the hash table has just grown.
        for n in 0..114_689u32 {
            let tuple = name(n);
            let hash = demux::hash(&side.secret, &tuple);
            assert!(side.passive.add_time_wait(side.now, hash, &tuple, &tcb));
            if n + 1 == 100_000 || n + 1 == 114_689 {
                let each = side.passive.memory() / (n as usize + 1);
                assert!(each <= most, "{each} octets");
            }
        }
        side.passive.on_timeout(at(240_000));
        assert_eq!(side.passive.time_waits(), 0);
    }
}

proptest! {
    /// Rows leave in the order of their last FIN, whatever the clock does.
    #[test]
    fn rows_leave_when_they_are_due(acts in prop::collection::vec((0..3u8, 0..10u32, -500..90_000i64), 0..60)) {
        let mut side = Side::new(PassiveConfig { time_wait: 6, ..limits() });
        // By version of IP and name: when it is due, and the order in which that was set.
        let mut model: BTreeMap<(bool, u32), (Instant, usize)> = BTreeMap::new();
        let mut last = [Instant::ZERO; 2];
        let mut clock = 1_000_000i64;
        for (step, (act, n, wait)) in acts.into_iter().enumerate() {
            clock += wait;
            side.now = at(clock.max(0) as u64);
            let (v6, tuple) = if n % 2 == 0 { (false, peer(n)) } else { (true, peer6(n)) };
            let due = last[usize::from(v6)].max(side.now + Duration::from_secs(240));
            match act {
                0 => {
                    let known = model.contains_key(&(v6, n));
                    prop_assert_eq!(side.add(&tuple), !known);
                    if !known {
                        while model.len() >= 6 {
                            let oldest = *model.iter().min_by_key(|((v6, _), (due, step))| (*due, *v6, *step)).unwrap().0;
                            model.remove(&oldest);
                        }
                        last[usize::from(v6)] = due;
                        model.insert((v6, n), (due, step));
                    }
                }
                1 => {
                    let known = model.contains_key(&(v6, n));
                    prop_assert_eq!(matches!(side.segment(&tuple, &fin()), Outcome::Reply(_)), known);
                    if known {
                        last[usize::from(v6)] = due;
                        model.insert((v6, n), (due, step));
                    }
                }
                _ => {
                    side.passive.on_timeout(side.now);
                    model.retain(|_, (due, _)| *due > side.now);
                }
            }
            prop_assert_eq!(side.passive.time_waits() as usize, model.len());
            prop_assert_eq!(side.passive.first_deadline(), model.values().map(|(due, _)| *due).min());
        }
    }
}
