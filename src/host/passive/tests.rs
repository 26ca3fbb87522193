use alloc::vec::Vec;
use core::time::Duration;
use proptest::prelude::*;

use super::testing::*;
use super::*;
use crate::tcp::SegmentOptions;

const SYN_RST: TcpFlags = TcpFlags::RST;

fn reset() -> SegmentMeta {
    SegmentMeta { seq: syn().seq + 1, flags: SYN_RST, options: SegmentOptions::default(), ..syn() }
}

#[test]
fn a_handshake_makes_a_machine_that_becomes_established() {
    let mut side = Side::new(limits());
    let listener = side.listen("10.0.0.1:80", &ListenConfig::default());
    let syn_ack = side.call(&peer(1));
    let ack = ack(&syn_ack);
    let mut promoted = side.promoted(&peer(1), &ack);
    assert_eq!((promoted.listener, promoted.request), (listener, None));
    promoted.tcb.on_segment(side.now, &ack);
    assert_eq!(promoted.tcb.state(), State::Established);
    assert_eq!(side.passive.half_open(), 0);
    assert_eq!(side.passive.first_deadline(), None);
}

/// RFC 9293 §3.10.7.2 and §3.10.7.1.
#[test]
fn a_listener_answers_syns_and_nothing_else() {
    let mut side = Side::new(limits());
    side.listen("10.0.0.1:80", &ListenConfig::default());
    assert!(matches!(
        side.segment(&peer(1), &reset()),
        Outcome::Refused(Refused::Machine(DropReason::ResetInListen))
    ));
    let none = SegmentMeta { flags: TcpFlags::NONE, ..syn() };
    assert!(matches!(
        side.segment(&peer(1), &none),
        Outcome::Refused(Refused::Machine(DropReason::NothingForListen))
    ));
    let syn_ack = SegmentMeta { flags: TcpFlags::SYN | TcpFlags::ACK, ..syn() };
    assert!(matches!(side.segment(&peer(1), &syn_ack), Outcome::Unknown));
    assert!(matches!(side.segment(&peer6(1), &syn()), Outcome::Unknown));
    // "Land": a SYN that seems to come from where it goes to.
    let itself = FiveTuple::new(peer(1).protocol(), peer(1).local(), peer(1).local());
    assert!(matches!(side.segment(&itself, &syn()), Outcome::Refused(Refused::Itself)));
    assert_eq!(side.replies(), []);
}

#[test]
fn a_syn_ack_goes_again_until_r2_and_then_the_row_goes() {
    let mut side = Side::new(limits());
    side.listen("10.0.0.1:80", &ListenConfig::default());
    let first = side.call(&peer(1));
    let mut sent = 1;
    while let Some(at) = side.passive.first_deadline() {
        side.now = at;
        side.passive.on_timeout(at);
        for again in side.replies() {
            assert_eq!((again.meta.seq, again.meta.ack), (first.seq, first.ack));
            sent += 1;
        }
    }
    assert_eq!((sent, side.passive.half_open(), side.passive.stats().timed_out), (8, 0, 1));
    assert!(side.now - at(0) >= Duration::from_secs(180));
}

/// Only rows that changed say anything, and each once.
#[test]
fn a_repeated_syn_draws_the_syn_ack_once_for_each_poll() {
    let mut side = Side::new(limits());
    side.listen("10.0.0.1:80", &ListenConfig::default());
    for _ in 0..3 {
        side.segment(&peer(1), &syn());
    }
    assert_eq!(side.replies().len(), 1);
    side.segment(&peer(1), &syn());
    side.segment(&peer(1), &syn());
    assert_eq!(side.replies().len(), 1);
    assert_eq!((side.passive.stats().syns, side.passive.stats().syn_acks), (5, 2));
}

#[test]
fn without_cookies_the_oldest_of_the_listener_makes_room() {
    let mut side = Side::new(limits());
    let config = ListenConfig { half_open: 3, cookies: SynCookies::Off, ..ListenConfig::default() };
    side.listen("10.0.0.1:80", &config);
    let syn_acks: Vec<_> = (0..5).map(|n| side.call(&peer(n))).collect();
    assert_eq!((side.passive.half_open(), side.passive.stats().evicted), (3, 2));
    for (n, syn_ack) in (0..).zip(&syn_acks) {
        let outcome = side.segment(&peer(n), &ack(syn_ack));
        assert!(matches!(outcome, Outcome::Unknown) == (n < 2), "{n}: {outcome:?}");
    }
}

#[test]
fn without_cookies_the_oldest_of_all_makes_room_on_a_full_host() {
    let mut side = Side::new(PassiveConfig { half_open: 3, ..limits() });
    let config = ListenConfig { cookies: SynCookies::Off, ..ListenConfig::default() };
    side.listen("10.0.0.1:80", &config);
    side.listen("[::]:80", &ListenConfig { v6_only: true, ..config });
    let old = side.call(&peer(1));
    (1..=3).for_each(|n| {
        side.call(&peer6(n));
    });
    assert_eq!(side.passive.half_open(), 3);
    assert!(matches!(side.segment(&peer(1), &ack(&old)), Outcome::Unknown));
}

#[test]
fn a_listener_may_have_no_half_open_connections_at_all() {
    let mut side = Side::new(limits());
    side.listen(
        "10.0.0.1:80",
        &ListenConfig { half_open: 0, cookies: SynCookies::Off, ..ListenConfig::default() },
    );
    assert!(matches!(side.segment(&peer(1), &syn()), Outcome::Refused(Refused::NoRoom)));
}

#[test]
fn while_the_backlog_is_full_the_end_of_a_handshake_is_dropped_and_comes_again() {
    let mut side = Side::new(limits());
    let listener = side.listen("10.0.0.1:80", &ListenConfig { backlog: 1, ..ListenConfig::default() });
    let acks: Vec<_> = (0..2).map(|n| ack(&side.call(&peer(n)))).collect();
    side.promoted(&peer(0), &acks[0]);
    for _ in 0..2 {
        let outcome = side.segment(&peer(1), &acks[1]);
        assert!(matches!(outcome, Outcome::Refused(Refused::BacklogFull)));
    }
    assert_eq!(side.passive.stats().backlog_full, 2);
    // The row stays, and its SYN,ACK asks for the acknowledgment again.
    side.now = side.passive.first_deadline().unwrap();
    side.passive.on_timeout(side.now);
    assert_eq!(side.replies().len(), 1);
    side.passive.taken(listener);
    side.promoted(&peer(1), &acks[1]);
}

#[test]
fn while_the_host_is_full_no_handshake_ends() {
    let mut side = Side::new(limits());
    side.listen("10.0.0.1:80", &ListenConfig::default());
    let ack = ack(&side.call(&peer(0)));
    side.room = false;
    assert!(matches!(side.segment(&peer(0), &ack), Outcome::Refused(Refused::BacklogFull)));
    side.room = true;
    side.promoted(&peer(0), &ack);
}

#[test]
fn who_stops_listening_forgets_half_open_connections_and_keeps_those_that_wait() {
    let mut side = Side::new(limits());
    let config = ListenConfig::default();
    let (first, second) = (
        side.listen("10.0.0.1:80", &config),
        side.listen("[::]:80", &ListenConfig { v6_only: true, ..config }),
    );
    let syn_ack = side.call(&peer(0));
    side.call(&peer6(0));
    assert!(side.passive.unlisten(first) && !side.passive.unlisten(first));
    assert_eq!(side.passive.half_open(), 1);
    assert!(matches!(side.segment(&peer(0), &ack(&syn_ack)), Outcome::Unknown));
    assert!(side.passive.unlisten(second));
    assert_eq!((side.passive.half_open(), side.passive.first_deadline()), (0, None));
    side.passive.taken(first);
}

/// RFC 5961 §3.2, RFC 9293 §3.10.7.4.
#[test]
fn a_reset_or_another_syn_in_the_window_frees_the_row() {
    let mut side = Side::new(limits());
    side.listen("10.0.0.1:80", &ListenConfig::default());
    side.call(&peer(0));
    side.segment(&peer(0), &reset());
    assert_eq!(side.passive.half_open(), 0);
    side.call(&peer(0));
    side.segment(&peer(0), &SegmentMeta { seq: syn().seq + 9, ..syn() });
    assert_eq!((side.passive.half_open(), side.passive.stats().gone), (0, 2));
}

/// RFC 5461 §4.1, RFC 5927 §4.1: a hard error about our SYN,ACK ends the call; nothing else does.
#[test]
fn only_a_hard_error_about_the_syn_ack_ends_a_call() {
    let mut side = Side::new(limits());
    side.listen("10.0.0.1:80", &ListenConfig::default());
    let iss = side.call(&peer(0)).seq;
    let hash = crate::host::demux::hash(&side.secret, &peer(0));
    let error = |hard, seq| NetworkError { hard, code: 3, seq };
    for error in [error(false, iss), error(true, iss + 1), error(true, iss - 1)] {
        assert!(!side.passive.on_network_error(hash, &peer(0), error));
    }
    assert!(side.passive.on_network_error(hash, &peer(0), error(true, iss)));
    assert!(!side.passive.on_network_error(hash, &peer(0), error(true, iss)));
    assert_eq!((side.passive.half_open(), side.passive.first_deadline()), (0, None));
}

#[test]
fn rows_can_be_seen() {
    let mut side = Side::new(limits());
    side.listen("10.0.0.1:80", &ListenConfig::default());
    side.call(&peer(0));
    let rows: Vec<_> = side.passive.rows().collect();
    assert_eq!((rows.len(), rows[0].deadline), (1, Some(at(1_000))));
    assert_eq!(alloc::format!("{}", rows[0]), "SYN-RECEIVED 10.0.0.1:80 11.0.0.0:1");
}

#[test]
fn a_half_open_connection_takes_256_octets_at_most() {
    let mut side = Side::new(limits());
    side.listen("10.0.0.1:80", &ListenConfig { half_open: u32::MAX, ..ListenConfig::default() });
    side.listen("[::]:80", &ListenConfig { half_open: u32::MAX, v6_only: true, ..ListenConfig::default() });
    for n in 0..100_000 {
        side.now = at(u64::from(n) / 100);
        side.segment(&if n % 2 == 0 { peer(n) } else { peer6(n) }, &syn());
        side.replies();
    }
    let each = side.passive.memory() / 100_000;
    assert!(side.passive.half_open() == 100_000 && each <= 256, "{each} octets");
}

#[derive(Clone, Copy, Debug)]
enum Act {
    Syn(u32),
    Ack(u32),
    Reset(u32),
    Junk(u32, u16),
    Poll,
    Wait(u64),
    Unlisten(usize),
    Taken(usize),
    Decide(Decision),
}

fn acts() -> impl Strategy<Value = Act> {
    let peers = || 0..12u32;
    prop_oneof![
        6 => peers().prop_map(Act::Syn),
        3 => peers().prop_map(Act::Ack),
        1 => peers().prop_map(Act::Reset),
        1 => (peers(), any::<u16>()).prop_map(|(n, bits)| Act::Junk(n, bits)),
        4 => Just(Act::Poll),
        2 => (0..3_000u64).prop_map(Act::Wait),
        1 => (0..2usize).prop_map(Act::Unlisten),
        2 => (0..2usize).prop_map(Act::Taken),
        3 => prop::sample::select(alloc::vec![Decision::Accept, Decision::Refuse, Decision::Drop, Decision::Later])
            .prop_map(Act::Decide),
    ]
}

const AT: [&str; 2] = ["10.0.0.1:80", "[2001:db8::1:1]:80"];

fn choose(n: u32) -> FiveTuple {
    if n.is_multiple_of(2) { peer(n) } else { peer6(n) }
}

proptest! {
    /// Whatever is done to it: caps hold, every row has a deadline, no one becomes a connection without having heard
    /// a SYN,ACK, nothing is said twice, and nothing is left when nobody listens.
    #[test]
    fn whatever_happens_the_tables_agree(acts in prop::collection::vec(acts(), 0..120)) {
        let mut side = Side::new(PassiveConfig { half_open: 5, ..limits() });
        let configs = [false, true].map(|decide| ListenConfig {
            half_open: 4, backlog: 2, decide, cookies: SynCookies::Off, ..ListenConfig::default()
        });
        let mut ids = [0, 1].map(|n| side.listen(AT[n], &configs[n]));
        let mut syn_acks = alloc::collections::BTreeMap::new();
        let mut waiting = [0u32; 2];
        for act in acts {
            match act {
                Act::Syn(n) => { side.segment(&choose(n), &syn()); }
                Act::Ack(n) => {
                    let seg = syn_acks.get(&choose(n)).map_or(reset(), ack);
                    if let Outcome::Promote(promoted) = side.segment(&choose(n), &seg) {
                        prop_assert!(syn_acks.remove(&choose(n)).is_some());
                        prop_assert_eq!(promoted.request.is_some(), n % 2 == 1);
                        waiting[(n % 2) as usize] += 1;
                    }
                }
                Act::Reset(n) => { side.segment(&choose(n), &reset()); }
                Act::Junk(n, bits) => {
                    let flags = TcpFlags::from_bits(bits).without(TcpFlags::ACK);
                    side.segment(&choose(n), &SegmentMeta { flags, ..syn() });
                }
                Act::Poll => {
                    let mut seen = Vec::new();
                    for reply in side.replies() {
                        prop_assert!(!seen.contains(&reply.tuple));
                        seen.push(reply.tuple);
                        syn_acks.insert(reply.tuple, reply.meta);
                    }
                }
                Act::Wait(millis) => {
                    side.now = side.now + Duration::from_millis(millis);
                    side.passive.on_timeout(side.now);
                    prop_assert!(side.passive.first_deadline().is_none_or(|at| at > side.now));
                }
                Act::Unlisten(n) => {
                    prop_assert!(side.passive.unlisten(ids[n]));
                    ids[n] = side.listen(AT[n], &configs[n]);
                    waiting[n] = 0;
                }
                Act::Taken(n) => {
                    side.passive.taken(ids[n]);
                    waiting[n] = waiting[n].saturating_sub(1);
                }
                Act::Decide(decision) => {
                    if let Some((listener, request)) = side.passive.poll_request() {
                        prop_assert_eq!(listener, ids[1]);
                        prop_assert!(side.passive.request(request).is_some());
                        let reply = side.passive.decide(request, decision).unwrap();
                        prop_assert_eq!(reply.is_some(), decision == Decision::Refuse);
                        prop_assert_eq!(side.passive.request(request).is_some(), decision == Decision::Later);
                    }
                }
            }
            let held = side.passive.memory();
            side.passive.weigh();
            prop_assert_eq!(held, side.passive.memory());
            let shares: Vec<_> = ids.iter().map(|&id| side.passive.listener(id).unwrap().half_open.len()).collect();
            prop_assert_eq!(shares.iter().sum::<u32>(), side.passive.half_open());
            prop_assert!(side.passive.half_open() <= 5 && shares.iter().all(|&share| share <= 4));
            for (id, waiting) in ids.iter().zip(waiting) {
                prop_assert_eq!(side.passive.listener(*id).unwrap().waiting, waiting);
                prop_assert!(waiting <= 2);
            }
        }
        for id in ids {
            prop_assert!(side.passive.unlisten(id));
        }
        prop_assert_eq!(side.passive.half_open(), 0);
        prop_assert_eq!((side.passive.first_deadline(), side.passive.has_reply()), (None, false));
    }
}

#[test]
fn who_comes_while_the_backlog_is_full_may_be_reset() {
    let mut side = Side::new(limits());
    let config = ListenConfig { backlog: 1, reset_on_overflow: true, ..ListenConfig::default() };
    side.listen("10.0.0.1:80", &config);
    let acks: Vec<_> = (0..2).map(|n| ack(&side.call(&peer(n)))).collect();
    side.promoted(&peer(0), &acks[0]);
    let Outcome::Reply(reply) = side.segment(&peer(1), &acks[1]) else { panic!("no reset") };
    assert_eq!((reply.meta.flags, reply.meta.seq), (TcpFlags::RST, acks[1].ack));
    assert!(matches!(side.segment(&peer(1), &acks[1]), Outcome::Unknown));
}

#[test]
fn a_syn_with_a_fin_may_be_dropped() {
    let scan = SegmentMeta { flags: TcpFlags::SYN | TcpFlags::FIN, ..syn() };
    for dropped in [false, true] {
        let mut side = Side::new(limits());
        let mut config = ListenConfig::default();
        let mut connection = ConnectionConfig::default();
        connection.tcp.drop_syn_fin = dropped;
        config.connection = Some(connection);
        side.listen("10.0.0.1:80", &config);
        side.segment(&peer(0), &scan);
        assert_eq!(side.replies().len(), usize::from(!dropped));
    }
}

#[test]
fn a_call_that_is_reset_for_want_of_room_is_counted_as_gone() {
    let mut side = Side::new(limits());
    let config = ListenConfig { backlog: 1, reset_on_overflow: true, ..ListenConfig::default() };
    side.listen("10.0.0.1:80", &config);
    let acks: Vec<_> = (0..3).map(|n| ack(&side.call(&peer(n)))).collect();
    side.promoted(&peer(0), &acks[0]);
    for (n, gone) in [(1, 1), (2, 2)] {
        assert!(matches!(side.segment(&peer(n), &acks[n as usize]), Outcome::Reply(_)));
        let stats = side.passive.stats();
        assert_eq!((stats.completed, stats.backlog_full, stats.gone), (1, gone, gone));
    }
    assert_eq!(side.passive.half_open(), 0);
}
